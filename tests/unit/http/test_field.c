#include "http/field.h"

#include "support.h"

#define S(literal)                                                                                 \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }

static const struct {
    struct wr_slice name;
    enum wr_field_id want;
    const char *why;
} names[] = {
    {S("host"), WR_FIELD_HOST, "RFC 9110 7.2"},
    {S("range"), WR_FIELD_RANGE, "RFC 9110 14.2"},
    {S("cookie"), WR_FIELD_COOKIE, "RFC 6265 4.2"},
    {S("expect"), WR_FIELD_EXPECT, "RFC 9110 10.1.1"},
    {S("referer"), WR_FIELD_REFERER, "RFC 9110 10.1.3"},
    {S("if-match"), WR_FIELD_IF_MATCH, "RFC 9110 13.1.1"},
    {S("if-range"), WR_FIELD_IF_RANGE, "RFC 9110 13.1.5"},
    {S("connection"), WR_FIELD_CONNECTION, "RFC 9110 7.6.1"},
    {S("user-agent"), WR_FIELD_USER_AGENT, "RFC 9110 10.1.5"},
    {S("content-type"), WR_FIELD_CONTENT_TYPE, "RFC 9110 8.3"},
    {S("if-none-match"), WR_FIELD_IF_NONE_MATCH, "RFC 9110 13.1.2"},
    {S("content-length"), WR_FIELD_CONTENT_LENGTH, "RFC 9110 8.6"},
    {S("accept-encoding"), WR_FIELD_ACCEPT_ENCODING, "RFC 9110 12.5.3"},
    {S("if-modified-since"), WR_FIELD_IF_MODIFIED_SINCE, "RFC 9110 13.1.3"},
    {S("transfer-encoding"), WR_FIELD_TRANSFER_ENCODING, "RFC 9112 6.1"},
    {S("if-unmodified-since"), WR_FIELD_IF_UNMODIFIED_SINCE, "RFC 9110 13.1.4"},
    {S("HOST"), WR_FIELD_HOST, "RFC 9110 5.1: no case"},
    {S("hOsT"), WR_FIELD_HOST, "RFC 9110 5.1: no case"},
    {S("Content-Length"), WR_FIELD_CONTENT_LENGTH, "RFC 9110 5.1: no case"},
    {S("TRANSFER-ENCODING"), WR_FIELD_TRANSFER_ENCODING, "RFC 9110 5.1: no case"},
    {S(""), WR_FIELD_OTHER, "empty"},
    {{NULL, 0}, WR_FIELD_OTHER, "absent"},
    {S("h"), WR_FIELD_OTHER, "one character"},
    {S("hos"), WR_FIELD_OTHER, "the beginning of a name"},
    {S("hosts"), WR_FIELD_OTHER, "a name and more"},
    {S("date"), WR_FIELD_OTHER, "as long as a name in the table"},
    {S("accept"), WR_FIELD_OTHER, "as long as two"},
    {S("upgrade"), WR_FIELD_OTHER, "as long as a name in the table"},
    {S("content_length"), WR_FIELD_OTHER, "'_' is not '-'"},
    {S("transfer_encoding"), WR_FIELD_OTHER, "'_' is not '-'"},
    {S("transfer-encodinG"), WR_FIELD_TRANSFER_ENCODING, "the last character counts, without case"},
    {S("transfer-encodinf"), WR_FIELD_OTHER, "the last character counts"},
    {S("x-forwarded-proto"), WR_FIELD_OTHER, "as long as two"},
    {S("if-unmodified-since-then"), WR_FIELD_OTHER, "longer than all"},
};

static void field__name__has_its_id_in_any_case(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(names); i++) {
        enum wr_field_id got = wr_field_id_of(names[i].name);

        if (got != names[i].want)
            fail_msg("\"%s\" (%s): %d", names[i].name.p, names[i].why, got);
    }
}

static void field__every_name_of_the_table__is_found(void **state)
{
    (void)state;
#define X(id, name) assert_int_equal(wr_field_id_of(WR_SLICE(name)), WR_FIELD_##id);
    WR_FIELDS(X)
#undef X
}

static const char alpha_digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

static bool is_same_letter(char a, char b)
{
    return a == b || (a >= 'A' && a <= 'Z' && a + ('a' - 'A') == b);
}

static void expect_only_itself(struct wr_slice name, size_t at, const char *replacements)
{
    const enum wr_field_id own = wr_field_id_of(name);
    char text[32];

    assert_true(name.n <= sizeof text);
    for (const char *c = replacements; *c; c++) {
        bool want = is_same_letter(*c, name.p[at]);

        memcpy(text, name.p, name.n);
        text[at] = *c;
        if ((wr_field_id_of(wr_slice(text, name.n)) == own) != want)
            fail_msg("%.*s", (int)name.n, text);
    }
}

static void field__name_with_another_tchar__is_another_name(void **state)
{
    static const struct wr_slice table[] = {
#define X(id, name) S(name),
        WR_FIELDS(X)
#undef X
    };

    (void)state;
    for (size_t i = 0; i < WR_COUNT(table); i++)
        for (size_t at = 0; at < table[i].n; at++) {
            expect_only_itself(table[i], at, alpha_digit);
            expect_only_itself(table[i], at, "!#$%&'*+-.^_`|~");
        }
}

static void field__table__is_in_the_order_of_lengths(void **state)
{
    static const size_t lengths[] = {
#define X(id, name) sizeof(name) - 1,
        WR_FIELDS(X)
#undef X
    };

    (void)state;
    for (size_t i = 1; i < WR_COUNT(lengths); i++)
        if (lengths[i] < lengths[i - 1])
            fail_msg("field %zu", i);
}

/* The lists of the RFC; strchr() would find the NUL. */
static bool is_in(const char *list, int octet)
{
    return octet != 0 && strchr(list, octet);
}

static void field__tchar__is_the_list_of_rfc_9110_5_6_2(void **state)
{
    (void)state;
    for (int octet = 0; octet < 256; octet++) {
        bool want = is_in("!#$%&'*+-.^_`|~", octet) || is_in(alpha_digit, octet);

        if (wr_is_tchar((char)octet) != want)
            fail_msg("0x%02x", octet);
    }
}

static void field__value_char__is_vchar_obs_text_sp_or_htab(void **state)
{
    (void)state;
    for (int octet = 0; octet < 256; octet++) {
        bool is_vchar =
            is_in("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", octet) || is_in(alpha_digit, octet);
        bool want = is_vchar || octet >= 0x80 || octet == ' ' || octet == '\t';

        if (wr_is_value_char((char)octet) != want)
            fail_msg("0x%02x (RFC 9110 5.5)", octet);
    }
}

static void field__target_char__is_any_visible_octet_but_del_and_hash(void **state)
{
    (void)state;
    for (int octet = 0; octet < 256; octet++) {
        bool is_ascii =
            is_in("!\"$%&'()*+,-./:;<=>?@[\\]^_`{|}~", octet) || is_in(alpha_digit, octet);

        if (wr_is_target_char((char)octet) != (is_ascii || octet >= 0x80))
            fail_msg("0x%02x", octet);
    }
}

static void field__name_char__is_unreserved_or_sub_delims_of_rfc_3986(void **state)
{
    (void)state;
    for (int octet = 0; octet < 256; octet++) {
        bool is_unreserved = is_in("-._~", octet) || is_in(alpha_digit, octet);
        bool is_sub_delim = is_in("!$&'()*+,;=", octet);

        if (wr_is_name_char((char)octet) != (is_unreserved || is_sub_delim))
            fail_msg("0x%02x", octet);
    }
}

/* Every length and every place: the loop takes several octets at a time. */
static void field__skip_class__stops_at_the_first_other_octet(void **state)
{
    (void)state;
    for (size_t n = 0; n <= 13; n++)
        for (size_t other = 0; other <= n; other++) {
            char text[14];

            memset(text, 'a', sizeof text);
            text[other] = ' '; /* when it is n: behind the end */
            if (wr_skip_class(text, text + n, WR_CHAR_TOKEN) != text + other)
                fail_msg("%zu of %zu", other, n);
            if (wr_skip_class(text, text + n, WR_CHAR_VALUE) != text + n)
                fail_msg("none of %zu", n);
        }
}

static void field__skip_class__takes_octets_above_0x7f(void **state)
{
    static const char text[] = "\xff\x80\xfe\x81\xff\x80\x7f";

    (void)state;
    assert_ptr_equal(wr_skip_class(text, text + sizeof text, WR_CHAR_TARGET), text + 6);
    assert_ptr_equal(wr_skip_class(text, text + sizeof text, WR_CHAR_TOKEN), text);
}

/* RFC 9110 5.5: field-vchar, SP and HTAB. Every octet at every place of every length, among octets
 * that are ordinary and octets above 0x7F: eight are looked at together. */
static void field__skip_value__stops_at_the_first_octet_that_is_none(void **state)
{
    static const char around[] = {'a', (char)0x80, (char)0xff, ' '};

    (void)state;
    for (size_t n = 1; n <= 18; n++)
        for (size_t at = 0; at < n; at++)
            for (int octet = 0; octet < 256; octet++) {
                bool is_value = octet == '\t' || (octet >= 0x20 && octet != 0x7f);
                char text[18];

                memset(text, around[(n + at) % sizeof around], n);
                text[at] = (char)octet;
                if (wr_skip_value(text, text + n) != text + (is_value ? n : at))
                    fail_msg("0x%02x at %zu of %zu", octet, at, n);
            }
    assert_ptr_equal(wr_skip_value(around, around), around);
}

/* What means nothing in a path: octets of a target but '/', '%' and '#'. */
static void field__segment_char__is_a_target_char_without_a_meaning(void **state)
{
    (void)state;
    for (int octet = 0; octet < 256; octet++) {
        bool expected = octet > 0x20 && octet != 0x7f && !is_in("/%#", octet);
        char c = (char)octet;

        if ((wr_skip_class(&c, &c + 1, WR_CHAR_SEGMENT) != &c) != expected)
            fail_msg("0x%02x", octet);
    }
}

static const struct {
    struct wr_slice text;
    bool want;
    const char *why;
} tokens[] = {
    {S(""), false, "RFC 9110 5.6.2: 1*tchar"},
    {{NULL, 0}, false, "absent"},
    {S("a"), true, "one character"},
    {S("!#$%&'*+-.^_`|~09azAZ"), true, "all kinds of tchar"},
    {S("a b"), false, "SP"},
    {S("a\tb"), false, "HTAB"},
    {S("a,"), false, "a delimiter at the end"},
    {S("(a"), false, "a delimiter in front"},
    {S("a:b"), false, "a delimiter inside"},
    {S("a\0"), false, "NUL"},
    {S("a\x7f"), false, "DEL"},
    {S("a\x80"), false, "0x80"},
    {S("\xff"), false, "0xFF"},
};

static void field__token__is_one_or_more_tchars(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(tokens); i++)
        if (wr_is_token(tokens[i].text) != tokens[i].want)
            fail_msg("\"%s\" (%s)", tokens[i].text.p, tokens[i].why);
}

static const struct {
    struct wr_slice list;
    bool want;
    const char *why;
} lists[] = {
    {S("close"), true, "the only element"},
    {S("CLOSE"), true, "RFC 9110 7.6.1: no case"},
    {S("keep-alive, close"), true, "the last"},
    {S("close,keep-alive"), true, "the first, no white space"},
    {S("a, close, b"), true, "inside"},
    {S("a \t,\t close \t, b"), true, "RFC 9110 5.6.1: OWS"},
    {S(",, ,close,,"), true, "RFC 9110 5.6.1.2: empty elements are skipped"},
    {S(""), false, "empty"},
    {{NULL, 0}, false, "absent"},
    {S(","), false, "only empty elements"},
    {S("closed"), false, "longer"},
    {S("clos"), false, "shorter"},
    {S("not-close"), false, "at the end of another"},
    {S("close x"), false, "two words are not the token"},
    {S("close;q=1"), false, "a parameter"},
    {S("\"close\""), false, "a quoted string is no token"},
    {S("close\0"), false, "NUL"},
};

static void field__list__has_a_token_as_a_whole_element(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(lists); i++)
        if (wr_list_has_token(lists[i].list, WR_SLICE("close")) != lists[i].want)
            fail_msg("\"%s\" (%s)", lists[i].list.p, lists[i].why);
}

/* RFC 9110 6.5.1, with the examples of RFC 7230 4.1.2; 8.8.3 and 11.6.3 allow two of the others. */
static void field__trailer__is_nothing_that_the_header_must_have(void **state)
{
    static const char *const barred[] = {"Content-Length",
                                         "TRANSFER-ENCODING",
                                         "host",
                                         "Trailer",
                                         "TE",
                                         "Connection",
                                         "Range",
                                         "If-Match",
                                         "Authorization",
                                         "Cookie",
                                         "Set-Cookie",
                                         "WWW-Authenticate",
                                         "Cache-Control",
                                         "Date",
                                         "Location",
                                         "Vary",
                                         "Content-Type",
                                         "Content-Encoding",
                                         "Content-Range"};
    static const char *const allowed[] = {"ETag",
                                          "Authentication-Info",
                                          "Content-Digest",
                                          "Server-Timing",
                                          "grpc-status",
                                          "X-Host",
                                          "Hos",
                                          "Hosts",
                                          "Content-Lengt",
                                          "Content-Length2"};

    (void)state;
    for (size_t i = 0; i < WR_COUNT(barred); i++)
        if (wr_field_may_trail(wr_slice_of(barred[i])))
            fail_msg("%s", barred[i]);
    for (size_t i = 0; i < WR_COUNT(allowed); i++)
        if (!wr_field_may_trail(wr_slice_of(allowed[i])))
            fail_msg("%s", allowed[i]);
}

WR_TESTS(cmocka_unit_test(field__name__has_its_id_in_any_case),
         cmocka_unit_test(field__every_name_of_the_table__is_found),
         cmocka_unit_test(field__name_with_another_tchar__is_another_name),
         cmocka_unit_test(field__table__is_in_the_order_of_lengths),
         cmocka_unit_test(field__tchar__is_the_list_of_rfc_9110_5_6_2),
         cmocka_unit_test(field__value_char__is_vchar_obs_text_sp_or_htab),
         cmocka_unit_test(field__target_char__is_any_visible_octet_but_del_and_hash),
         cmocka_unit_test(field__name_char__is_unreserved_or_sub_delims_of_rfc_3986),
         cmocka_unit_test(field__skip_class__stops_at_the_first_other_octet),
         cmocka_unit_test(field__skip_class__takes_octets_above_0x7f),
         cmocka_unit_test(field__skip_value__stops_at_the_first_octet_that_is_none),
         cmocka_unit_test(field__segment_char__is_a_target_char_without_a_meaning),
         cmocka_unit_test(field__token__is_one_or_more_tchars),
         cmocka_unit_test(field__list__has_a_token_as_a_whole_element),
         cmocka_unit_test(field__trailer__is_nothing_that_the_header_must_have));
