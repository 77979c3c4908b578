#include "http/accept.h"

#include <stdlib.h>

#include "support.h"

#define S(literal)                                                                                 \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }

/* ---- Accept-Encoding ---- */

#define ALL 0xFU

static const struct {
    struct wr_slice value;
    uint16_t identity, gzip, br, zstd;
    const char *why;
} codings[] = {
    /* what browsers and programs send */
    {S("gzip, deflate, br, zstd"), 1, 1000, 1000, 1000, "Chrome, Firefox"},
    {S("gzip, deflate, br"), 1, 1000, 1000, 0, "Safari"},
    {S("gzip, deflate"), 1, 1000, 0, 0, "over plain HTTP"},
    {S("deflate, gzip, br, zstd"), 1, 1000, 1000, 1000, "curl --compressed"},
    {S("gzip,deflate"), 1, 1000, 0, 0, "without blanks"},
    {S("gzip;q=1.0,deflate;q=0.6,identity;q=0.3"), 300, 1000, 0, 0, "Ruby"},
    {S("identity"), 1000, 0, 0, 0, "wget, and media elements"},
    {S("identity;q=1, *;q=0"), 1000, 0, 0, 0, "Chrome, for media"},
    /* RFC 9110 12.5.3, its examples */
    {S("compress, gzip"), 1, 1000, 0, 0, "first"},
    {S(""), 1000, 0, 0, 0, "second: no coding is wanted"},
    {S("*"), 1, 1000, 1000, 1000, "third"},
    {S("compress;q=0.5, gzip;q=1.0"), 1, 1000, 0, 0, "fourth"},
    {S("gzip;q=1.0, identity; q=0.5, *;q=0"), 500, 1000, 0, 0, "fifth"},
    {{NULL, 0}, 1000, 0, 0, 0, "absent"},
    /* identity */
    {S("identity;q=0"), 0, 0, 0, 0, "refused, and nothing else named"},
    {S("identity;q=0, gzip"), 0, 1000, 0, 0, "refused"},
    {S("*;q=0"), 0, 0, 0, 0, "refused with all others"},
    {S("*;q=0, identity"), 1000, 0, 0, 0, "named besides"},
    {S("br, gzip;q=0, *;q=0"), 0, 0, 1000, 0, "refused by \"*\""},
    {S("identity;q=0, *"), 0, 1000, 1000, 1000, "all but identity"},
    {S("*;q=0.5"), 1, 500, 500, 500, "not named: wanted least"},
    {S("gzip;q=0.2, *;q=0.5"), 1, 200, 500, 500, "\"*\" is for the others"},
    {S("*;q=0.5, gzip;q=0.2"), 1, 200, 500, 500, "in any order"},
    {S("gzip;q=0.001"), 1, 1, 0, 0, "the least quality"},
    {S("gzip;q=0"), 1, 0, 0, 0, "refused"},
    {S("foo"), 1, 0, 0, 0, "an unknown coding"},
    /* names */
    {S("GZIP, Br, zStD, Identity"), 1000, 1000, 1000, 1000, "8.4.1: names have no case"},
    {S("x-gzip"), 1, 1000, 0, 0, "8.4.1.3"},
    {S("X-GZip;q=0"), 1, 0, 0, 0, "8.4.1.3"},
    {S("gzipx"), 1, 0, 0, 0, "a longer name"},
    {S("gzi"), 1, 0, 0, 0, "a shorter one"},
    {S("x-br"), 1, 0, 0, 0, "no coding"},
    {S("\"gzip\""), 1, 0, 0, 0, "quoted"},
    {S("**"), 1, 0, 0, 0, "a token, and not \"*\""},
    {S("gzip/1"), 1, 0, 0, 0, "not a token"},
    {S("gzip\0"), 1, 0, 0, 0, "NUL"},
    {S("gzip\xff"), 1, 0, 0, 0, "0xFF"},
    /* weights: 12.4.2 */
    {S("gzip;q=1"), 1, 1000, 0, 0, "q"},
    {S("gzip;q=1."), 1, 1000, 0, 0, "\"1\" [ \".\" 0*3(\"0\") ]"},
    {S("gzip;q=1.000"), 1, 1000, 0, 0, "\"1\" [ \".\" 0*3(\"0\") ]"},
    {S("gzip;q=0."), 1, 0, 0, 0, "\"0\" [ \".\" 0*3DIGIT ]"},
    {S("gzip;q=0.000"), 1, 0, 0, 0, "\"0\" [ \".\" 0*3DIGIT ]"},
    {S("gzip;q=0.5"), 1, 500, 0, 0, "one digit"},
    {S("gzip;q=0.05"), 1, 50, 0, 0, "two"},
    {S("gzip;q=0.999"), 1, 999, 0, 0, "three"},
    {S("gzip;Q=0.5"), 1, 500, 0, 0, "names of parameters have no case"},
    {S("gzip ; q=0.5"), 1, 500, 0, 0, "OWS"},
    {S("gzip\t;\t q=0.5\t"), 1, 500, 0, 0, "OWS"},
    {S("gzip;q=0.5,br;q=0.25"), 1, 500, 250, 0, "two"},
    /* bad weights: as if the member were not there */
    {S("gzip;q=x"), 1, 0, 0, 0, "no number"},
    {S("gzip;q="), 1, 0, 0, 0, "empty"},
    {S("gzip;q"), 1, 0, 0, 0, "no value"},
    {S("gzip;"), 1, 0, 0, 0, "no weight"},
    {S("gzip;q=2"), 1, 0, 0, 0, "too large"},
    {S("gzip;q=1.001"), 1, 0, 0, 0, "too large"},
    {S("gzip;q=1.5"), 1, 0, 0, 0, "too large"},
    {S("gzip;q=0.0005"), 1, 0, 0, 0, "four digits"},
    {S("gzip;q=1.0000"), 1, 0, 0, 0, "four digits"},
    {S("gzip;q=.5"), 1, 0, 0, 0, "no digit in front"},
    {S("gzip;q=00.5"), 1, 0, 0, 0, "two in front"},
    {S("gzip;q=10"), 1, 0, 0, 0, "two in front"},
    {S("gzip;q=-0"), 1, 0, 0, 0, "a sign"},
    {S("gzip;q=+1"), 1, 0, 0, 0, "a sign"},
    {S("gzip;q=1e0"), 1, 0, 0, 0, "an exponent"},
    {S("gzip;q=0.0x"), 1, 0, 0, 0, "a letter"},
    {S("gzip;q=0,5"), 1, 0, 0, 0, "a comma: refused, then a coding \"5\""},
    {S("gzip;q=\"1\""), 1, 0, 0, 0, "quoted"},
    {S("gzip;q =1"), 1, 0, 0, 0, "a blank"},
    {S("gzip;q= 1"), 1, 0, 0, 0, "a blank"},
    {S("gzip;q=1 0"), 1, 0, 0, 0, "a blank"},
    {S("gzip;q=1;q=1"), 1, 0, 0, 0, "two"},
    {S("gzip;level=9"), 1, 0, 0, 0, "codings have no parameters"},
    {S("gzip;qq=1"), 1, 0, 0, 0, "another name"},
    {S("gzip q=1"), 1, 0, 0, 0, "no semicolon"},
    {S("gzip br"), 1, 0, 0, 0, "no comma"},
    {S("gzip;q=x, br"), 1, 0, 1000, 0, "the others count"},
    {S("identity;q=x, gzip"), 1, 1000, 0, 0, "identity is then not named"},
    {S("*;q=x, gzip"), 1, 1000, 0, 0, "nor is \"*\""},
    /* lists: 5.6.1 */
    {S(",,gzip,,"), 1, 1000, 0, 0, "empty elements"},
    {S(" , gzip ,\t, br"), 1, 1000, 1000, 0, "empty elements and OWS"},
    {S(","), 1, 0, 0, 0, "only a comma"},
    {S(";"), 1, 0, 0, 0, "only a semicolon"},
    {S(";q=1"), 1, 0, 0, 0, "no name"},
    {S("br;q=0, gzip;q=0"), 1, 0, 0, 0, "of two lines, joined"},
    /* the first counts */
    {S("gzip;q=0, gzip"), 1, 0, 0, 0, "the first refuses"},
    {S("gzip, gzip;q=0"), 1, 1000, 0, 0, "the first accepts"},
    {S("gzip;q=0.5, x-gzip;q=0.7"), 1, 500, 0, 0, "by another name"},
    {S("*;q=0.5, *;q=0"), 1, 500, 500, 500, "\"*\""},
    {S("identity;q=0.5, identity;q=0"), 500, 0, 0, 0, "identity"},
    {S("gzip;q=x, gzip;q=0.5"), 1, 500, 0, 0, "the first that is well written"},
};

static void accept__codings__have_their_quality(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(codings); i++) {
        struct wr_accept_codings a;

        wr_accept_codings_parse(codings[i].value, &a);
        if (a.q[WR_CODING_IDENTITY] != codings[i].identity ||
            a.q[WR_CODING_GZIP] != codings[i].gzip || a.q[WR_CODING_BR] != codings[i].br ||
            a.q[WR_CODING_ZSTD] != codings[i].zstd)
            fail_msg("\"%s\" (%s): identity %u, gzip %u, br %u, zstd %u", codings[i].value.p,
                     codings[i].why, a.q[WR_CODING_IDENTITY], a.q[WR_CODING_GZIP],
                     a.q[WR_CODING_BR], a.q[WR_CODING_ZSTD]);
    }
}

#define BIT(coding) (1U << WR_CODING_##coding)

static const struct {
    const char *value;
    unsigned available;
    int want;
    const char *why;
} best[] = {
    {"gzip, deflate, br, zstd", ALL, WR_CODING_BR, "equal: br first"},
    {"gzip, deflate, br, zstd", ALL & ~BIT(BR), WR_CODING_ZSTD, "then zstd"},
    {"gzip, deflate, br, zstd", BIT(IDENTITY) | BIT(GZIP), WR_CODING_GZIP, "then gzip"},
    {"gzip, deflate, br, zstd", BIT(IDENTITY), WR_CODING_IDENTITY, "nothing else is there"},
    {"identity, gzip", ALL, WR_CODING_GZIP, "equal: identity last"},
    {"*", ALL, WR_CODING_BR, "all are equal"},
    {"br;q=0.5, gzip;q=0.6", ALL, WR_CODING_GZIP, "the higher quality"},
    {"br;q=0.5, gzip;q=0.501", ALL, WR_CODING_GZIP, "a thousandth higher"},
    {"br;q=0.5, gzip;q=0.6", ALL & ~BIT(GZIP), WR_CODING_BR, "that is available"},
    {"identity;q=0.7, gzip;q=0.6", ALL, WR_CODING_IDENTITY, "identity is wanted more"},
    {"gzip;q=0.001", ALL, WR_CODING_GZIP, "identity is wanted least"},
    {"gzip;q=0", ALL, WR_CODING_IDENTITY, "refused"},
    {"deflate", ALL, WR_CODING_IDENTITY, "one that Weir does not have"},
    {"", ALL, WR_CODING_IDENTITY, "none is wanted"},
    {"identity;q=0", ALL, -1, "nothing is acceptable"},
    {"*;q=0", ALL, -1, "nothing is acceptable"},
    {"identity;q=0, gzip", BIT(IDENTITY), -1, "what is acceptable is not there"},
    {"identity;q=0, gzip", ALL, WR_CODING_GZIP, "it is there"},
    {"gzip", 0, -1, "nothing is there"},
    {"gzip", BIT(BR), -1, "another is there"},
};

static void accept__best__is_of_the_highest_quality(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(best); i++) {
        struct wr_accept_codings a;
        int got;

        wr_accept_codings_parse(wr_slice_of(best[i].value), &a);
        got = wr_accept_codings_best(&a, best[i].available);
        if (got != best[i].want)
            fail_msg("\"%s\" of %x (%s): %d", best[i].value, best[i].available, best[i].why, got);
    }
}

static void accept__names_of_codings__are_the_registered(void **state)
{
    (void)state;
    assert_true(wr_slice_eq(wr_coding_name(WR_CODING_IDENTITY), WR_SLICE("identity")));
    assert_true(wr_slice_eq(wr_coding_name(WR_CODING_GZIP), WR_SLICE("gzip")));
    assert_true(wr_slice_eq(wr_coding_name(WR_CODING_BR), WR_SLICE("br")));
    assert_true(wr_slice_eq(wr_coding_name(WR_CODING_ZSTD), WR_SLICE("zstd")));
}

/* ---- Accept ---- */

#define CHROME                                                                                     \
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,"      \
    "*/*;q=0.8,application/signed-exchange;v=b3;q=0.7"
#define FIREFOX "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
#define RFC_1   "audio/*; q=0.2, audio/basic"
#define RFC_2   "text/plain; q=0.5, text/html, text/x-dvi; q=0.8, text/x-c"
#define RFC_4                                                                                      \
    "text/*;q=0.3, text/plain;q=0.7, text/plain;format=flowed, text/plain;format=fixed;q=0.4, "    \
    "*/*;q=0.5"

static const struct {
    struct wr_slice accept;
    const char *type;
    uint16_t quality;
    bool names;
    const char *why;
} types[] = {
    {{NULL, 0}, "text/html", 1000, false, "12.5.1: absent accepts any type"},
    {S(""), "text/html", 1000, false, "empty"},
    {S(","), "text/html", 1000, false, "without members"},
    /* browsers */
    {S(CHROME), "text/html", 1000, true, "Chrome navigates"},
    {S(CHROME), "application/json", 800, false, "Chrome navigates"},
    {S(FIREFOX), "text/html", 1000, true, "Firefox navigates"},
    {S(FIREFOX), "application/xml", 900, true, "Firefox navigates"},
    {S("*/*"), "text/html", 1000, false, "curl, fetch(), scripts"},
    {S("text/css,*/*;q=0.1"), "text/html", 100, false, "a style sheet"},
    {S("image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5"), "text/html", 500,
     false, "a picture"},
    {S("application/json"), "application/json", 1000, true, "an API"},
    {S("application/json"), "text/html", 0, false, "an API"},
    {S("application/json, text/plain, */*"), "text/html", 1000, false, "axios"},
    {S("application/json, text/plain, */*"), "application/json", 1000, true, "axios"},
    {S("text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2"), "text/html", 1000, true, "Java"},
    /* RFC 9110 12.5.1 */
    {S(RFC_1), "audio/basic", 1000, true, "first example"},
    {S(RFC_1), "audio/mpeg", 200, false, "first example"},
    {S(RFC_1), "text/html", 0, false, "first example"},
    {S(RFC_2), "text/plain", 500, true, "second example"},
    {S(RFC_2), "text/html", 1000, true, "second example"},
    {S(RFC_2), "text/x-dvi", 800, true, "second example"},
    {S(RFC_2), "text/x-c", 1000, true, "second example"},
    {S(RFC_4), "text/plain", 700, true, "the table"},
    {S(RFC_4), "text/html", 300, false, "the table"},
    {S(RFC_4), "image/jpeg", 500, false, "the table"},
    /* which range counts */
    {S("*/*, text/*;q=0.5, text/html;q=0.2"), "text/html", 200, true, "the most specific"},
    {S("text/html;q=0.2, text/*;q=0.5, */*"), "text/html", 200, true, "in any order"},
    {S("text/html;q=0, */*"), "text/html", 0, false, "refused"},
    {S("text/html;q=0, text/*"), "text/html", 0, false, "refused"},
    {S("text/*;q=0, */*"), "text/html", 0, false, "refused by a range"},
    {S("*/*;q=0"), "text/html", 0, false, "all are refused"},
    {S("text/*"), "text/html", 1000, false, "a range does not name"},
    {S("text/html;q=0.001"), "text/html", 1, true, "the least"},
    {S("text/html;q=0.5, text/html;q=0.7"), "text/html", 500, true, "the first"},
    {S("texts/*"), "text/html", 0, false, "another type"},
    {S("text-html-and-more/*"), "text/html", 0, false, "a type longer than all of it"},
    {S("tex/*"), "text/html", 0, false, "another type"},
    {S("text/htm"), "text/html", 0, false, "a shorter subtype"},
    {S("text/htmlx"), "text/html", 0, false, "a longer one"},
    {S("TEXT/HTML;Q=0.5"), "text/html", 500, true, "8.3.1: without case"},
    {S("Text/*;q=0.5"), "text/html", 500, false, "8.3.1: without case"},
    /* parameters */
    {S("text/html;level=1"), "text/html", 1000, true, "tolerated"},
    {S("text/html;charset=utf-8;q=0.5"), "text/html", 500, true, "before q"},
    {S("text/html;q=0.5;ext=1"), "text/html", 500, true, "behind q, as in RFC 7231"},
    {S("text/html;q=0.5;ext"), "text/html", 500, true, "without a value, as in RFC 7231"},
    {S("text/html;level=1;q=0.4, text/*;q=0.7"), "text/html", 400, true, "before the range"},
    {S("text/html;level=1;q=0.4, text/html;q=0.7"), "text/html", 700, true, "behind the type"},
    {S("text/html;level=1;q=0, text/html;q=0.7"), "text/html", 700, true, "behind the type"},
    {S("text/html;level=1;q=0"), "text/html", 0, false, "refused"},
    {S("text/html;q=0.5;q=0.7"), "text/html", 500, true, "the first q"},
    {S("text/html ; a=b ; q=0.5"), "text/html", 500, true, "OWS"},
    {S("text/html;;q=0.5;"), "text/html", 500, true, "5.6.6: empty ones"},
    {S("text/html;a=\"x\";q=0.5"), "text/html", 500, true, "quoted"},
    {S("text/html;a=\"x,y;q=0\";q=0.5"), "text/html", 500, true, "a comma in quotes"},
    {S("text/html;a=\"\\\",text/html;q=0\";q=0.5"), "text/html", 500, true, "a quote in quotes"},
    {S("image/png;a=\",text/html,\""), "text/html", 0, false, "a type in quotes"},
    {S("*/*;a=b;q=0.5"), "text/html", 500, false, "of a range"},
    /* what is not well written is not there */
    {S("text/html;q=2"), "text/html", 1000, false, "nothing is left: as if absent"},
    {S("text/html;q=2, */*;q=0.5"), "text/html", 500, false, "a bad weight"},
    {S("text/html;q=.5, */*;q=0.5"), "text/html", 500, false, "a bad weight"},
    {S("text/html;q, */*;q=0.5"), "text/html", 500, false, "no weight"},
    {S("text/html;q=\"1\", */*;q=0.5"), "text/html", 500, false, "a quoted weight"},
    {S("text/html;q=1;q=9, */*;q=0.5"), "text/html", 500, false, "a bad second weight"},
    {S("text/html;a=, */*;q=0.5"), "text/html", 500, false, "an empty value"},
    {S("text/html;a= b, */*;q=0.5"), "text/html", 500, false, "a blank"},
    {S("text/html;=b, */*;q=0.5"), "text/html", 500, false, "no name"},
    {S("text/html a=b, */*;q=0.5"), "text/html", 500, false, "no semicolon"},
    {S("text/html image/png, */*;q=0.5"), "text/html", 500, false, "no comma"},
    {S("text/html/x, */*;q=0.5"), "text/html", 500, false, "two slashes"},
    {S("text /html, */*;q=0.5"), "text/html", 500, false, "a blank"},
    {S("text/, */*;q=0.5"), "text/html", 500, false, "no subtype"},
    {S("/html, */*;q=0.5"), "text/html", 500, false, "no type"},
    {S("text, */*;q=0.5"), "text/html", 500, false, "no slash"},
    {S("*, image/png"), "text/html", 0, false, "no slash"},
    {S("*/html, image/png"), "text/html", 0, false, "a range that is none"},
    {S("image/png, text/html;a=\"x"), "text/html", 0, false, "a quote that does not end"},
    {S("image/png, text/html;a=\"x\\\""), "text/html", 0, false, "nor does this"},
    {S("image/png, \"text/html\""), "text/html", 0, false, "quoted"},
    {S("image/png, text/html\0"), "text/html", 0, false, "NUL"},
    {S("image/png, text/html\xff"), "text/html", 0, false, "0xFF"},
};

static void accept__type__has_the_quality_of_its_range(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(types); i++) {
        uint16_t got = wr_accept_quality(types[i].accept, wr_slice_of(types[i].type));

        if (got != types[i].quality)
            fail_msg("%s in \"%s\" (%s): %u", types[i].type, types[i].accept.p, types[i].why, got);
    }
}

static void accept__type__is_named_by_itself(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(types); i++)
        if (wr_accept_names(types[i].accept, wr_slice_of(types[i].type)) != types[i].names)
            fail_msg("%s in \"%s\" (%s)", types[i].type, types[i].accept.p, types[i].why);
}

/* ---- both ---- */

#define MANY 1000000

/* `piece` a million times: it ends, and soon. */
static void expect_end(const char *piece)
{
    size_t piece_n = strlen(piece), n = MANY * piece_n;
    char *text = malloc(n);
    struct wr_accept_codings a;

    assert_non_null(text);
    for (size_t i = 0; i < MANY; i++)
        memcpy(text + i * piece_n, piece, piece_n);
    wr_accept_codings_parse(wr_slice(text, n), &a);
    assert_int_equal(a.q[WR_CODING_BR], 0);
    assert_false(wr_accept_names(wr_slice(text, n), WR_SLICE("text/html")));
    free(text);
}

static void accept__a_million__is_read_once(void **state)
{
    static const char *const pieces[] = {",",    "gzip,",    "gzip;", "\"",
                                         "\\\"", "a/b;c=\"", "*/*,",  "text/html;q=0,",
                                         "a/b;", ";q=",      " ",     "aaaa"};

    (void)state;
    for (size_t i = 0; i < WR_COUNT(pieces); i++)
        expect_end(pieces[i]);
}

WR_TESTS(cmocka_unit_test(accept__codings__have_their_quality),
         cmocka_unit_test(accept__best__is_of_the_highest_quality),
         cmocka_unit_test(accept__names_of_codings__are_the_registered),
         cmocka_unit_test(accept__type__has_the_quality_of_its_range),
         cmocka_unit_test(accept__type__is_named_by_itself),
         cmocka_unit_test(accept__a_million__is_read_once));
