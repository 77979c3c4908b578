#include "handlers/disposition.h"

#include <stdlib.h>

#include "support.h"

#define S(literal)                                                                                 \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }

static const struct {
    struct wr_slice name;
    const char *want, *why;
} rows[] = {
    /* plain names */
    {S("report.pdf"), "attachment; filename=\"report.pdf\"", "letters"},
    {S("a b  c.txt"), "attachment; filename=\"a b  c.txt\"", "blanks"},
    {S("a;b=c,d.txt"), "attachment; filename=\"a;b=c,d.txt\"", "what ends a token"},
    {S("it's (1) [x] {y} <z> @ # ! ~ ^ & * + ? : | $ ` =.txt"),
     "attachment; filename=\"it's (1) [x] {y} <z> @ # ! ~ ^ & * + ? : | $ ` =.txt\"", "all others"},
    {S("README"), "attachment; filename=\"README\"", "no ending"},
    {S(".profile"), "attachment; filename=\".profile\"", "a dot"},
    /* the last segment */
    {S("/a/b/c.txt"), "attachment; filename=\"c.txt\"", "a path"},
    {S("a/../../etc/passwd"), "attachment; filename=\"passwd\"", "a path that climbs"},
    {S("/a/"), "attachment", "a folder"},
    {S("/"), "attachment", "the root"},
    {S(""), "attachment", "empty"},
    {{NULL, 0}, "attachment", "absent"},
    /* RFC 9110 5.6.4 and RFC 6266, appendix D */
    {S("a\"b.txt"), "attachment; filename=\"a\\\"b.txt\"; filename*=UTF-8''a%22b.txt", "a quote"},
    {S("a\\b.txt"), "attachment; filename=\"a\\\\b.txt\"; filename*=UTF-8''a%5Cb.txt",
     "a backslash"},
    {S("\\"), "attachment; filename=\"\\\\\"; filename*=UTF-8''%5C", "a backslash alone"},
    {S("\""), "attachment; filename=\"\\\"\"; filename*=UTF-8''%22", "a quote alone"},
    {S("50%41.txt"), "attachment; filename=\"50%41.txt\"; filename*=UTF-8''50%2541.txt",
     "a percent"},
    /* RFC 8187 3.2.2, its example */
    {S("\xc2\xa3 and \xe2\x82\xac rates"),
     "attachment; filename=\"_ and _ rates\"; filename*=UTF-8''%C2%A3%20and%20%E2%82%AC%20rates",
     "the example of RFC 8187"},
    {S("na\xc3\xafve.txt"), "attachment; filename=\"na_ve.txt\"; filename*=UTF-8''na%C3%AFve.txt",
     "two bytes"},
    {S("\xe2\x82\xac.txt"), "attachment; filename=\"_.txt\"; filename*=UTF-8''%E2%82%AC.txt",
     "RFC 6266 5: the euro"},
    {S("\xf0\x9f\x98\x80"), "attachment; filename=\"_\"; filename*=UTF-8''%F0%9F%98%80",
     "four bytes"},
    {S("\xc3\xa9!#$&+-.^_`|~"),
     "attachment; filename=\"_!#$&+-.^_`|~\"; filename*=UTF-8''%C3%A9!#$&+-.^_`|~", "attr-char"},
    {S("\xc3\xa9*'%()<>@,;:\"[]?={} "),
     "attachment; filename=\"_*'%()<>@,;:\\\"[]?={} \"; "
     "filename*=UTF-8''%C3%A9%2A%27%25%28%29%3C%3E%40%2C%3B%3A%22%5B%5D%3F%3D%7B%7D%20",
     "all but attr-char"},
    /* what could end the field */
    {S("a\r\nSet-Cookie: x=1"),
     "attachment; filename=\"a__Set-Cookie: x=1\"; "
     "filename*=UTF-8''a%0D%0ASet-Cookie%3A%20x%3D1",
     "CR and LF"},
    {S("a\nb"), "attachment; filename=\"a_b\"; filename*=UTF-8''a%0Ab", "LF"},
    {S("a\tb"), "attachment; filename=\"a_b\"; filename*=UTF-8''a%09b", "HTAB"},
    {S("a\0b"), "attachment; filename=\"a_b\"; filename*=UTF-8''a%00b", "NUL"},
    {S("a\x7f"
       "b"),
     "attachment; filename=\"a_b\"; filename*=UTF-8''a%7Fb", "DEL"},
    {S("a\x1b[2J"), "attachment; filename=\"a_[2J\"; filename*=UTF-8''a%1B%5B2J", "ESC"},
    {S("a\\\"; filename=\"b"),
     "attachment; filename=\"a\\\\\\\"; filename=\\\"b\"; "
     "filename*=UTF-8''a%5C%22%3B%20filename%3D%22b",
     "a parameter of its own"},
    {S("\xe2\x80\xaegpj.exe"),
     "attachment; filename=\"_gpj.exe\"; filename*=UTF-8''%E2%80%AEgpj.exe", "right to left"},
    /* RFC 3629: what is no UTF-8 */
    {S("a\xff"
       "b"),
     "attachment; filename=\"a_b\"; filename*=UTF-8''a%EF%BF%BDb", "0xFF"},
    {S("caf\xe9.txt"), "attachment; filename=\"caf_.txt\"; filename*=UTF-8''caf%EF%BF%BD.txt",
     "ISO 8859-1"},
    {S("\xc3"), "attachment; filename=\"_\"; filename*=UTF-8''%EF%BF%BD", "cut short"},
    {S("\xc3\""), "attachment; filename=\"_\\\"\"; filename*=UTF-8''%EF%BF%BD%22",
     "cut short, before a quote"},
    {S("\xc0\xaf"), "attachment; filename=\"__\"; filename*=UTF-8''%EF%BF%BD%EF%BF%BD", "overlong"},
    {S("\xed\xa0\x80"),
     "attachment; filename=\"___\"; filename*=UTF-8''%EF%BF%BD%EF%BF%BD%EF%BF%BD", "a surrogate"},
};

static void disposition__name__is_told_as_rfc_6266_wants(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        char text[1024];
        struct wr_buf b = wr_buf_on(text, WR_DISPOSITION_ROOM(rows[i].name.n));

        assert_true(b.cap <= sizeof text);
        wr_disposition_attachment(&b, rows[i].name);
        if (b.overflow || !wr_slice_eq(wr_buf_slice(&b), wr_slice_of(rows[i].want)))
            fail_msg("%s: %.*s", rows[i].why, (int)b.n, b.p);
    }
}

/* Every byte, three times: it fits, and stays within the line and the quotes. */
static void disposition__any_byte__stays_within_its_room_and_the_line(void **state)
{
    (void)state;
    for (int byte = 0; byte < 256; byte++) {
        char name[3], text[WR_DISPOSITION_ROOM(3)];
        struct wr_buf b = wr_buf_on(text, sizeof text);

        memset(name, byte, sizeof name);
        wr_disposition_attachment(&b, wr_slice(name, sizeof name));
        assert_false(b.overflow);
        for (size_t i = 0; i < b.n; i++)
            if (text[i] < ' ' || text[i] > '~')
                fail_msg("%02X: %.*s", (unsigned)byte, (int)b.n, text);
    }
}

static void disposition__too_little_room__overflows(void **state)
{
    char text[20];
    struct wr_buf b = wr_buf_on(text, sizeof text);

    (void)state;
    wr_disposition_attachment(&b, WR_SLICE("name.txt"));
    assert_true(b.overflow);
}

WR_TESTS(cmocka_unit_test(disposition__name__is_told_as_rfc_6266_wants),
         cmocka_unit_test(disposition__any_byte__stays_within_its_room_and_the_line),
         cmocka_unit_test(disposition__too_little_room__overflows));
