#include "http/mime.h"

#include "support.h"

#define S(literal)                                                                                 \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }

#define UNKNOWN "application/octet-stream"
#define HTML    "text/html; charset=utf-8"

static const struct {
    const char *path, *want;
    const char *why;
} types[] = {
    /* text is served as UTF-8 */
    {"a.html", HTML, "RFC 2854"},
    {"a.htm", HTML, "RFC 2854"},
    {"a.css", "text/css; charset=utf-8", "RFC 2318"},
    {"a.js", "text/javascript; charset=utf-8", "RFC 9239"},
    {"a.mjs", "text/javascript; charset=utf-8", "RFC 9239"},
    {"a.cjs", "text/javascript; charset=utf-8", "RFC 9239, for browsers"},
    {"a.txt", "text/plain; charset=utf-8", "RFC 2046"},
    {"a.csv", "text/csv; charset=utf-8", "RFC 7111"},
    {"a.md", "text/markdown; charset=utf-8", "RFC 7763"},
    {"a.vcf", "text/vcard; charset=utf-8", "RFC 6350"},
    {"a.ics", "text/calendar; charset=utf-8", "RFC 5545"},
    {"a.log", "text/plain; charset=utf-8", "common use"},
    {"a.vtt", "text/vtt; charset=utf-8", "WebVTT"},
    /* these say it themselves */
    {"a.json", "application/json", "RFC 8259 8.1: UTF-8"},
    {"a.map", "application/json", "source maps"},
    {"a.webmanifest", "application/manifest+json", "Web App Manifest"},
    {"a.jsonld", "application/ld+json", "JSON-LD 1.1"},
    {"a.geojson", "application/geo+json", "RFC 7946"},
    {"a.toml", "application/toml", "IANA"},
    {"a.xml", "application/xml", "RFC 7303"},
    {"a.svg", "image/svg+xml", "SVG 2"},
    {"a.xhtml", "application/xhtml+xml", "RFC 3236"},
    {"a.atom", "application/atom+xml", "RFC 4287"},
    {"a.rss", "application/rss+xml", "common use"},
    {"a.xsl", "application/xslt+xml", "XSLT 2.0"},
    {"a.yaml", "application/yaml", "RFC 9512"},
    /* images */
    {"a.png", "image/png", "PNG"},
    {"a.jpg", "image/jpeg", "RFC 2046"},
    {"a.jpeg", "image/jpeg", "RFC 2046"},
    {"a.gif", "image/gif", "RFC 2046"},
    {"a.webp", "image/webp", "RFC 9649"},
    {"a.avif", "image/avif", "AV1"},
    {"a.jxl", "image/jxl", "IANA"},
    {"a.heic", "image/heic", "IANA"},
    {"a.apng", "image/apng", "PNG, third edition"},
    {"a.jfif", "image/jpeg", "a JPEG"},
    {"a.cur", "image/vnd.microsoft.icon", "as ico"},
    {"a.ico", "image/vnd.microsoft.icon", "IANA"},
    {"a.bmp", "image/bmp", "RFC 7903"},
    /* sound and film */
    {"a.mp3", "audio/mpeg", "RFC 3003"},
    {"a.wav", "audio/wav", "browsers"},
    {"a.ogg", "audio/ogg", "RFC 5334"},
    {"a.opus", "audio/ogg", "RFC 7845"},
    {"a.m4a", "audio/mp4", "RFC 4337"},
    {"a.weba", "audio/webm", "browsers"},
    {"a.m3u8", "application/vnd.apple.mpegurl", "RFC 8216"},
    {"a.mpd", "application/dash+xml", "DASH"},
    {"a.flac", "audio/flac", "RFC 9639"},
    {"a.mp4", "video/mp4", "RFC 4337"},
    {"a.webm", "video/webm", "browsers"},
    {"a.ts", "video/mp2t", "RFC 3555; RFC 8216: of a stream, not TypeScript, which none loads"},
    /* fonts, RFC 8081 */
    {"a.woff", "font/woff", "RFC 8081"},
    {"a.woff2", "font/woff2", "RFC 8081"},
    {"a.ttf", "font/ttf", "RFC 8081"},
    {"a.otf", "font/otf", "RFC 8081"},
    /* programs, documents, archives */
    {"a.wasm", "application/wasm", "WebAssembly Web API"},
    {"a.pdf", "application/pdf", "RFC 8118"},
    {"a.rtf", "application/rtf", "IANA"},
    {"a.gz", "application/gzip", "RFC 6713"},
    {"a.tgz", "application/gzip", "a tar.gz"},
    {"a.zst", "application/zstd", "RFC 8878"},
    {"a.zip", "application/zip", "IANA"},
    {"a.7z", "application/x-7z-compressed", "common use"},
    {"a.tar", "application/x-tar", "common use"},
    {"a.deb", "application/vnd.debian.binary-package", "IANA"},
    {"a.apk", "application/vnd.android.package-archive", "common use"},
    {"a.glb", "model/gltf-binary", "IANA"},
    {"a.dmg", UNKNOWN, "nothing better is registered"},
    {"a.iso", UNKNOWN, "nothing better is registered"},
    {"a.exe", UNKNOWN, "nothing better is registered"},
    {"a.br", UNKNOWN, "not registered"},
    /* the ends of the table and of its order */
    {"a.123", "application/vnd.lotus-1-2-3", "the first"},
    {"a.zmm", "application/vnd.handheld-entertainment+xml", "the last but one"},
    {"a.zst ", UNKNOWN, "behind the last"},
    {"a.zzz", UNKNOWN, "behind the last"},
    {"a.!", UNKNOWN, "before the first"},
    {"a.n-gage", "application/vnd.nokia.n-gage.symbian.install", "with a hyphen"},
    {"a.x_t", "model/vnd.parasolid.transmit.text", "with an underscore"},
    {"a.disposition-notification", "message/disposition-notification", "the longest"},
};

static void expect_type(struct wr_slice path, const char *want, const char *why)
{
    struct wr_slice got = wr_mime_of_path(path);

    if (!wr_slice_eq(got, wr_slice_of(want)))
        fail_msg("\"%s\" (%s): %.*s", path.p, why, (int)got.n, got.p);
}

static void mime__ending__has_its_type(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(types); i++)
        expect_type(wr_slice_of(types[i].path), types[i].want, types[i].why);
}

static const struct {
    struct wr_slice path;
    const char *want;
    const char *why;
} names[] = {
    {S("a.HTML"), HTML, "case does not matter"},
    {S("a.hTmL"), HTML, "case does not matter"},
    {S("A.X_T"), "model/vnd.parasolid.transmit.text", "'_' lies between the cases"},
    {S("/srv/www/index.html"), HTML, "directories"},
    {S("a/b.css/c.html"), HTML, "a dot in a directory"},
    {S("a.tar.gz"), "application/gzip", "the last ending counts"},
    {S("a.html.b"), UNKNOWN, "the last ending counts"},
    {S("a..html"), HTML, "two dots"},
    {S(".a.html"), HTML, "a hidden file with an ending"},
    {S("\xc3\xa9.html"), HTML, "UTF-8"},
    {S("a b.html"), HTML, "a space"},
    {S(""), UNKNOWN, "empty"},
    {{NULL, 0}, UNKNOWN, "absent"},
    {S("a"), UNKNOWN, "one byte"},
    {S("."), UNKNOWN, "a dot"},
    {S("/"), UNKNOWN, "the root"},
    {S("html"), UNKNOWN, "a name like an ending"},
    {S("README"), UNKNOWN, "no dot"},
    {S("a."), UNKNOWN, "an empty ending"},
    {S("a.html."), UNKNOWN, "an empty ending"},
    {S("a.html/"), UNKNOWN, "a directory"},
    {S("a.html/b"), UNKNOWN, "the dot is in a directory"},
    {S(".html"), UNKNOWN, "the name only begins with a dot"},
    {S("/a/.html"), UNKNOWN, "the name only begins with a dot"},
    {S(".htaccess"), UNKNOWN, "the name only begins with a dot"},
    {S("a.xyzzy"), UNKNOWN, "unknown"},
    {S("a.h"), "text/x-c; charset=utf-8", "one letter"},
    {S("a.ht"), UNKNOWN, "the beginning of an ending"},
    {S("a.htmlx"), UNKNOWN, "an ending and more"},
    {S("a.html "), UNKNOWN, "a space behind"},
    {S("a.html\0"), UNKNOWN, "NUL behind"},
    {S("a.\x80"), UNKNOWN, "0x80"},
    {S("a.\xff\xff\xff"), UNKNOWN, "0xFF"},
    {S("a.\x7f"), UNKNOWN, "DEL"},
};

static void mime__name__has_the_type_of_its_last_ending(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(names); i++)
        expect_type(names[i].path, names[i].want, names[i].why);
}

static void mime__path_inside_a_longer_text__is_read_by_its_length(void **state)
{
    (void)state;
    expect_type(wr_slice("a.jsonl", 6), "application/json", "6 of 7 bytes");
    expect_type(wr_slice("a.html", 5), HTML, "\"htm\"");
}

static const struct {
    struct wr_slice ending, type;
} table[] = {
#define X(ending, type) {S(ending), S(type)},
#define C(type)
#include "http/mime_table.inc"
#undef X
#undef C
};

static void mime__every_entry_of_the_table__is_found(void **state)
{
    (void)state;
    assert_true(WR_COUNT(table) > 1000);
    for (size_t i = 0; i < WR_COUNT(table); i++) {
        char path[64] = "d/x.";

        assert_true(table[i].ending.n < sizeof path - 4);
        memcpy(path + 4, table[i].ending.p, table[i].ending.n);
        expect_type(wr_slice_of(path), table[i].type.p, "its entry");
    }
}

static void mime__table__has_a_charset_with_text_and_only_there(void **state)
{
    const struct wr_slice text = WR_SLICE("text/"), charset = WR_SLICE("; charset=utf-8");

    (void)state;
    for (size_t i = 0; i < WR_COUNT(table); i++) {
        struct wr_slice type = table[i].type;
        const char *semicolon = memchr(type.p, ';', type.n);
        struct wr_slice rest =
            semicolon ? wr_slice_from(type, (size_t)(semicolon - type.p)) : wr_slice(NULL, 0);

        if (!wr_slice_eq(rest, wr_slice_starts(type, text) ? charset : wr_slice(NULL, 0)))
            fail_msg("%s: %s", table[i].ending.p, type.p);
    }
}

/* The type is for ever valid, so the same text each time. */
static void mime__type__is_not_of_the_caller(void **state)
{
    char path[] = "a.png", other[] = "b.png";

    (void)state;
    assert_ptr_equal(wr_mime_of_path(wr_slice_of(path)).p, wr_mime_of_path(wr_slice_of(other)).p);
}

/* ---- what is worth compressing ---- */

static const struct {
    struct wr_slice type;
    bool want;
    const char *why;
} compressible[] = {
    /* what pages are made of */
    {S("text/html; charset=utf-8"), true, "text"},
    {S("text/css; charset=utf-8"), true, "text"},
    {S("text/javascript; charset=utf-8"), true, "text"},
    {S("text/plain"), true, "text"},
    {S("text/markdown"), true, "text"},
    {S("application/json"), true, "JSON"},
    {S("application/manifest+json"), true, "+json"},
    {S("application/ld+json"), true, "+json"},
    {S("image/svg+xml"), true, "+xml"},
    {S("application/xhtml+xml"), true, "+xml"},
    {S("application/rss+xml"), true, "+xml"},
    {S("application/xml"), true, "XML"},
    {S("application/javascript"), true, "as it was called before RFC 9239"},
    {S("application/wasm"), true, "code, not compressed by itself"},
    {S("application/yaml"), true, "text"},
    {S("application/vnd.apple.mpegurl"), true, "a playlist is text"},
    {S("font/ttf"), true, "not compressed by itself"},
    {S("font/otf"), true, "not compressed by itself"},
    {S("application/vnd.ms-fontobject"), true, "not compressed by itself"},
    {S("image/vnd.microsoft.icon"), true, "bitmaps"},
    {S("image/x-icon"), true, "bitmaps"},
    {S("image/bmp"), true, "bitmaps"},
    {S("application/x-tar"), true, "without compression of its own"},
    {S("application/x-ndjson"), true, "JSON, by lines"},
    /* what is compressed */
    {S("font/woff"), false, "zlib inside"},
    {S("font/woff2"), false, "brotli inside"},
    {S("image/png"), false, "zlib inside"},
    {S("image/jpeg"), false, "compressed"},
    {S("image/webp"), false, "compressed"},
    {S("image/avif"), false, "compressed"},
    {S("image/jxl"), false, "compressed"},
    {S("image/gif"), false, "compressed"},
    {S("audio/mpeg"), false, "compressed"},
    {S("audio/ogg"), false, "compressed"},
    {S("video/mp4"), false, "compressed"},
    {S("video/webm"), false, "compressed"},
    {S("video/mp2t"), false, "compressed"},
    {S("application/pdf"), false, "compressed inside"},
    {S("application/zip"), false, "compressed"},
    {S("application/gzip"), false, "compressed"},
    {S("application/zstd"), false, "compressed"},
    {S("application/x-7z-compressed"), false, "compressed"},
    {S("application/vnd.android.package-archive"), false, "a zip"},
    {S("application/epub+zip"), false, "+zip"},
    {S("application/vnd.openxmlformats-officedocument.wordprocessingml.document"), false, "a zip"},
    {S("application/octet-stream"), false, "may be anything"},
    {S("multipart/form-data; boundary=x"), false, "may be anything"},
    /* not in mime-db */
    {S("text/x-of-my-own"), true, "text/*"},
    {S("application/vnd.of.my.own+json"), true, "+json"},
    {S("application/vnd.of.my.own+xml"), true, "+xml"},
    {S("application/vnd.of.my.own+text"), true, "+text"},
    {S("application/vnd.of.my.own"), false, "unknown"},
    {S("application/vnd.of.my.own+cbor"), false, "another suffix"},
    {S("image/x-of-my-own"), false, "unknown"},
    /* how it is written */
    {S("TEXT/HTML"), true, "RFC 9110 8.3.1: no case"},
    {S("Application/JSON; Charset=UTF-8"), true, "no case"},
    {S("application/vnd.X+JSON"), true, "no case"},
    {S("application/json;charset=utf-8"), true, "no blank"},
    {S("application/json ; charset=utf-8"), true, "OWS before"},
    {S(" application/json "), true, "OWS around"},
    {S("application/json;"), true, "an empty parameter"},
    {S("image/png; x=\"text/html\""), false, "in a parameter"},
    {S("image/png;x=+json"), false, "in a parameter"},
    {S("application/jso"), false, "the beginning of a name"},
    {S("application/jsonx"), false, "a name and more"},
    {S("text/"), false, "no subtype"},
    {S("text"), false, "no slash"},
    {S("json"), false, "no type"},
    {S(";"), false, "no type"},
    {S(""), false, "empty"},
    {{NULL, 0}, false, "absent"},
    {S("x-shader/x-vertex"), true, "the last of the table"},
    {S("x-shader/x-vertexx"), false, "behind the last"},
    {S("application/cwl"), true, "the first"},
    {S("application/a"), false, "before the first"},
    {S("application/json\0"), false, "NUL"},
    {S("\xff/\xff"), false, "0xFF"},
};

static void mime__compressible__is_what_is_not_yet_compressed(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(compressible); i++)
        if (wr_mime_is_compressible(compressible[i].type) != compressible[i].want)
            fail_msg("\"%s\" (%s)", compressible[i].type.p, compressible[i].why);
}

static const struct wr_slice compressible_types[] = {
#define X(ending, type)
#define C(type) S(type),
#include "http/mime_table.inc"
#undef X
#undef C
};

static void mime__every_compressible_type_of_the_table__is_found(void **state)
{
    (void)state;
    assert_true(WR_COUNT(compressible_types) > 50);
    for (size_t i = 0; i < WR_COUNT(compressible_types); i++)
        if (!wr_mime_is_compressible(compressible_types[i]))
            fail_msg("%s", compressible_types[i].p);
}

WR_TESTS(cmocka_unit_test(mime__ending__has_its_type),
         cmocka_unit_test(mime__name__has_the_type_of_its_last_ending),
         cmocka_unit_test(mime__path_inside_a_longer_text__is_read_by_its_length),
         cmocka_unit_test(mime__every_entry_of_the_table__is_found),
         cmocka_unit_test(mime__table__has_a_charset_with_text_and_only_there),
         cmocka_unit_test(mime__type__is_not_of_the_caller),
         cmocka_unit_test(mime__compressible__is_what_is_not_yet_compressed),
         cmocka_unit_test(mime__every_compressible_type_of_the_table__is_found));
