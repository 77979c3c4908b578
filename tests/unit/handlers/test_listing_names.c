#include "listing_fixture.h"

#define LONG LONG_50 LONG_50 LONG_50 LONG_50 LONG_50 "ffff&" /* 255 bytes */
#define BAD  "\xef\xbf\xbd"                                  /* U+FFFD */

/* Names that mean harm; percent-encoded, and as text, by hand. */
static const struct {
    const char *name, *href, *shown;
    const char *json; /* NULL: the name itself */
} hostile[] = {
    {"<img src=x onerror=alert(1)>.txt", "%3Cimg%20src%3Dx%20onerror%3Dalert%281%29%3E.txt",
     "&lt;img src=x onerror=alert(1)&gt;.txt", NULL},
    {"\"", "%22", "&quot;", NULL},
    {"'", "%27", "&#39;", NULL},
    {"\"onmouseover=\"alert(1)", "%22onmouseover%3D%22alert%281%29",
     "&quot;onmouseover=&quot;alert(1)", NULL},
    {"&amp;", "%26amp%3B", "&amp;amp;", NULL},
    {"&copy", "%26copy", "&amp;copy", NULL},
    {"%41", "%2541", "%41", NULL},
    {"%2e%2e", "%252e%252e", "%2e%2e", NULL},
    {"%00", "%2500", "%00", NULL},
    {"a?b#c", "a%3Fb%23c", "a?b#c", NULL},
    {"?sort=name", "%3Fsort%3Dname", "?sort=name", NULL},
    {"..name", "..name", "..name", NULL},
    {"...", "...", "...", NULL},
    {"new\nline\r\t", "new%0Aline%0D%09", "new\xe2\x90\x8aline\xe2\x90\x8d\xe2\x90\x89", NULL},
    {"\x01\x1b[2J\x7f", "%01%1B%5B2J%7F", "\xe2\x90\x81\xe2\x90\x9b[2J\xe2\x90\xa1", NULL},
    {"\xff", "%FF", BAD, BAD},
    {"\xfe\xff\x80", "%FE%FF%80", BAD BAD BAD, BAD BAD BAD},
    {"caf\xe9.txt", "caf%E9.txt", "caf" BAD ".txt", "caf" BAD ".txt"},
    {"\xc0\xbcscript>", "%C0%BCscript%3E", BAD BAD "script&gt;", BAD BAD "script>"},
    {"\xed\xa0\x80", "%ED%A0%80", BAD BAD BAD, BAD BAD BAD},
    {"cut\xe2\x82", "cut%E2%82", "cut" BAD BAD, "cut" BAD BAD},
    {"\xc2\x9b\xc2\x85", "%C2%9B%C2%85", BAD BAD, NULL},
    {"photo\xe2\x80\xaegpj.exe", "photo%E2%80%AEgpj.exe", "photo" BAD "gpj.exe", NULL},
    {"\xe2\x81\xa6i\xe2\x81\xa9", "%E2%81%A6i%E2%81%A9", BAD "i" BAD, NULL},
    {"line\xe2\x80\xa8", "line%E2%80%A8", "line" BAD, NULL},
    {" leading", "%20leading", " leading", NULL},
    {"two  blanks ", "two%20%20blanks%20", "two  blanks ", NULL},
    {"javascript:alert(1)", "javascript%3Aalert%281%29", "javascript:alert(1)", NULL},
    {"a:b", "a%3Ab", "a:b", NULL},
    {"http:", "http%3A", "http:", NULL},
    {"\\\\host\\share", "%5C%5Chost%5Cshare", "\\\\host\\share", NULL},
    {"@[]!$(),;=+*|^`{}~", "%40%5B%5D%21%24%28%29%2C%3B%3D%2B%2A%7C%5E%60%7B%7D~",
     "@[]!$(),;=+*|^`{}~", NULL},
    {"-rf", "-rf", "-rf", NULL},
    {"--><!--", "--%3E%3C%21--", "--&gt;&lt;!--", NULL},
    {"]]>", "%5D%5D%3E", "]]&gt;", NULL},
    {"\xe2\x82\xac \xf0\x9f\x98\x80", "%E2%82%AC%20%F0%9F%98%80", "\xe2\x82\xac \xf0\x9f\x98\x80",
     NULL},
    {"\xd7\xa9\xd7\x9c", "%D7%A9%D7%9C", "\xd7\xa9\xd7\x9c", NULL},
    {LONG, LONG_50 LONG_50 LONG_50 LONG_50 LONG_50 "ffff%26",
     LONG_50 LONG_50 LONG_50 LONG_50 LONG_50 "ffff&amp;", NULL},
};

#define HOSTILE_N WR_COUNT(hostile)

static void add_hostile(void)
{
    for (size_t i = 0; i < HOSTILE_N; i++)
        add_file(hostile[i].name, 1, DATE_S);
}

/* Percent escapes of a reference, undone; must not be above `room` bytes. */
static size_t decode(struct wr_slice href, char *out, size_t room)
{
    size_t n = 0;

    for (size_t i = 0; i < href.n; i++) {
        assert_true(n < room);
        assert_null(strchr("&'\"<>?#: ", href.p[i]));
        if (href.p[i] != '%') {
            out[n++] = href.p[i];
            continue;
        }
        out[n++] = (char)(wr_hex_value(href.p[i + 1]) * 16 + wr_hex_value(href.p[i + 2]));
        i += 2;
    }
    return n;
}

static void expect_hostile_name(const char *href, size_t n)
{
    for (size_t i = 0; i < HOSTILE_N; i++)
        if (n == strlen(hostile[i].name) && memcmp(href, hostile[i].name, n) == 0)
            return;
    fail_msg("a link leads to %.*s", (int)n, href);
}

static void html__hostile_names__are_text_and_links_to_themselves(void **state)
{
    struct wr_listing_setup setup = at_top(WR_LISTING_HTML);
    struct wr_slice hrefs[HOSTILE_N];
    size_t n;
    char *page, row[3000];

    (void)state;
    add_hostile();
    setup.shows_hidden = true;
    page = make(&setup, &n);
    expect_own_tags(page);
    for (size_t i = 0; i < HOSTILE_N; i++) {
        snprintf(row, sizeof row, "<th scope=\"row\"><a href=\"%s\"><bdi>%s</bdi></a></th>",
                 hostile[i].href, hostile[i].shown);
        expect_part(page, row);
    }
    assert_int_equal(read_rows(page, hrefs, HOSTILE_N), HOSTILE_N);
    for (size_t i = 0; i < HOSTILE_N; i++) {
        char name[256];

        expect_hostile_name(name, decode(hrefs[i], name, sizeof name));
    }
    free(page);
}

/* All that a name may have, alone, so that nothing is beside it to mean something with. */
static void html__each_octet__is_a_link_to_itself(void **state)
{
    struct wr_listing_setup setup = at_top(WR_LISTING_HTML);
    bool seen[256] = {['.'] = true, ['/'] = true, ['\0'] = true};
    struct wr_slice hrefs[256];
    size_t n, count;
    char *page;

    (void)state;
    for (int i = 1; i < 256; i++)
        if (!seen[i])
            add_file((const char[]){(char)i, '\0'}, 1, DATE_S);
    page = make(&setup, &n);
    expect_own_tags(page);
    count = read_rows(page, hrefs, WR_COUNT(hrefs));
    assert_int_equal(count, 253);
    for (size_t i = 0; i < count; i++) {
        char name;

        assert_int_equal(decode(hrefs[i], &name, 1), 1);
        assert_false(seen[(unsigned char)name]);
        seen[(unsigned char)name] = true;
    }
    free(page);
}

static void html__hostile_folders__are_so_too(void **state)
{
    struct wr_listing_setup setup = {.path = "<b>&\"\xff\n", .address = WR_SLICE("/<b>&\"\xff\n/")};
    size_t n;
    char *page;

    (void)state;
    add_folder("<b>&\"\xff\n", DATE_S);
    add_file("<b>&\"\xff\n/a", 1, DATE_S);
    page = make(&setup, &n);
    expect_own_tags(page);
    expect_part(page, "<title>Index of /&lt;b&gt;&amp;&quot;" BAD "\xe2\x90\x8a/</title>");
    expect_part(page, "<h1>Index of <bdi>&lt;b&gt;&amp;&quot;" BAD "\xe2\x90\x8a/</bdi></h1>");
    free(page);
    setup = at_top(WR_LISTING_HTML);
    page = make(&setup, &n);
    expect_own_tags(page);
    expect_part(page, "<a href=\"%3Cb%3E%26%22%FF%0A/\"><bdi>&lt;b&gt;&amp;&quot;" BAD
                      "\xe2\x90\x8a</bdi>/</a>");
    free(page);
}

static void json__hostile_names__are_valid(void **state)
{
    struct wr_listing_setup setup = at_top(WR_LISTING_JSON);
    json_t *json, *entries;

    (void)state;
    add_hostile();
    setup.shows_hidden = true;
    setup.address = WR_SLICE("/\"\\\xff\n\xe2\x82\xac/");
    json = load(&setup);
    assert_string_equal(member(json, "path"), "/\"\\" BAD "\n\xe2\x82\xac/");
    assert_null(json_object_get(json, "truncated"));
    entries = json_object_get(json, "entries");
    assert_int_equal(json_array_size(entries), HOSTILE_N);
    for (size_t i = 0; i < HOSTILE_N; i++) {
        const char *name = hostile[i].json ? hostile[i].json : hostile[i].name;
        size_t at = 0;

        while (at < HOSTILE_N &&
               strcmp(member(json_array_get(entries, at), "href"), hostile[i].href) != 0)
            at++;
        if (at == HOSTILE_N)
            fail_msg("no entry has the href %s", hostile[i].href);
        assert_string_equal(member(json_array_get(entries, at), "name"), name);
        assert_string_equal(member(json_array_get(entries, at), "type"), "file");
    }
    json_decref(json);
}

WR_TESTS(IN_FOLDER(html__hostile_names__are_text_and_links_to_themselves),
         IN_FOLDER(html__each_octet__is_a_link_to_itself),
         IN_FOLDER(html__hostile_folders__are_so_too), IN_FOLDER(json__hostile_names__are_valid));
