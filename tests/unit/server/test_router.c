#include "server/router.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "support.h"

#define NAMES_MAX 512

/* ---- handlers that write down what is done to them ---- */

struct noted {
    struct wr_handler base;
    char name;
    char *log;
};

static void note(struct wr_handler *h, char what)
{
    struct noted *n = (struct noted *)h;
    size_t at = strlen(n->log);

    snprintf(n->log + at, NAMES_MAX - at, "%c%c ", what, n->name);
}

static void on_free(struct wr_handler *h)
{
    note(h, '~');
    free(h);
}

static void on_free_silently(struct wr_handler *h)
{
    free(h);
}

static const struct wr_handler_ops handler_ops = {.name = "n", .free = on_free};
static const struct wr_handler_ops silent = {.name = "n", .free = on_free_silently};

static struct wr_handler *new_handler(const struct wr_handler_ops *ops, char name, char *log)
{
    struct noted *n = malloc(sizeof *n);

    assert_non_null(n);
    *n = (struct noted){.base = {.ops = ops}, .name = name};
    n->log = log;
    return &n->base;
}

static void add(struct wr_router *r, const char *text)
{
    const char *why = NULL;
    int err = wr_router_add(r, text, new_handler(&silent, '?', NULL), &why);

    if (err != 0)
        fail_msg("\"%s\": %d, expected %s", text, err, why ? why : "-");
}

/* Texts divided by blanks. */
static void add_all(struct wr_router *r, const char *texts)
{
    char copy[NAMES_MAX], *rest = copy, *text;

    snprintf(copy, sizeof copy, "%s", texts);
    while ((text = strsep(&rest, " ")))
        if (*text)
            add(r, text);
}

/* The texts of the routes that have it, in the order in which they are tried. */
static void find_all(const struct wr_router *r, const char *host, struct wr_slice path,
                     char out[static NAMES_MAX])
{
    struct wr_slice h = host ? wr_slice_of(host) : wr_slice(NULL, 0);
    const struct wr_route *found = NULL;
    size_t n = 0;

    out[0] = '\0';
    while ((found = wr_router_find(r, found, h, path)) && n + strlen(found->text) + 2 < NAMES_MAX)
        n += (size_t)snprintf(out + n, NAMES_MAX - n, "%s%s", n > 0 ? " " : "", found->text);
}

/* ---- what a route may look like ---- */

static const struct {
    const char *text;
    const char *host, *path; /* NULL: absent */
    bool is_exact;
    const char *why;
} forms[] = {
    {"/", NULL, "", false, "the prefix \"/\" is \"\""},
    {"/a", NULL, "/a", false, "a prefix"},
    {"/a/", NULL, "/a", false, "the same without its '/'"},
    {"/a/b/c", NULL, "/a/b/c", false, "a longer one"},
    {"=/", NULL, "/", true, "an exact '/' stays"},
    {"=/a", NULL, "/a", true, "exact"},
    {"=/a/", NULL, "/a/", true, "another path than the one before"},
    {"a.example/", "a.example", "", false, "of a host"},
    {"=a.example/", "a.example", "/", true, "exact, of a host"},
    {"=a.example/b/", "a.example", "/b/", true, "exact, of a host"},
    {"WWW.Example.COM/A", "www.example.com", "/A", false, "the host in lower case, not the path"},
    {"a.example./x", "a.example", "/x", false, "the dot of the root is dropped"},
    {"localhost/", "localhost", "", false, "one label"},
    {"my-host_1.example/", "my-host_1.example", "", false, "'-', '_' and digits"},
    {"127.0.0.1/a", "127.0.0.1", "/a", false, "IPv4"},
    {"[::1]/a", "[::1]", "/a", false, "IPv6"},
    {"=[2001:DB8::A]/", "[2001:db8::a]", "/", true, "IPv6 in lower case"},
    {"[::ffff:192.0.2.1]/", "[::ffff:192.0.2.1]", "", false, "IPv6 with IPv4 inside"},
    {"[ABCD:EF01:2345:6789:ABCD:EF01:255.255.255.255]/",
     "[abcd:ef01:2345:6789:abcd:ef01:255.255.255.255]", "", false, "the longest that is useful"},
    {"*.Example.org/a", "*.example.org", "/a", false, "a wildcard"},
    {"=*.a.example./", "*.a.example", "/", true, "a wildcard with the dot of the root"},
    {"*.localhost/", "*.localhost", "", false, "a wildcard of one label"},
    {"*.1.example/", "*.1.example", "", false, "a number inside is no address"},
    {"*.4chan/", "*.4chan", "", false, "nor one that goes on"},
    {"/*.example.org", NULL, "/*.example.org", false, "in a path it is an ordinary character"},
    {"/a%2Fb%zz", NULL, "/a%2Fb%zz", false, "'%' is an ordinary character"},
    {"/a b", NULL, "/a b", false, "so is a space: it is the decoded form"},
    {"/\xc3\xa9\xff", NULL, "/\xc3\xa9\xff", false, "bytes above 0x7F"},
    {"/.a", NULL, "/.a", false, "a dot in front of a name"},
    {"/a./b..", NULL, "/a./b..", false, "and behind it"},
    {"/.../..a/.b", NULL, "/.../..a/.b", false, "three are a name"},
    {"/=/a=b", NULL, "/=/a=b", false, "'=' inside a path"},
    {"/a:80/@", NULL, "/a:80/@", false, "':' inside a path"},
    {"/\\a", NULL, "/\\a", false, "a backslash is no '/'"},
};

static bool is_same(struct wr_slice got, const char *want)
{
    return want ? got.p && wr_slice_eq(got, wr_slice_of(want)) : got.p == NULL && got.n == 0;
}

static void router__well_formed_text__becomes_host_and_path(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(forms); i++) {
        struct wr_router r = {0};

        add(&r, forms[i].text);
        assert_int_equal(r.n, 1);
        if (!is_same(r.v[0].host, forms[i].host) || !is_same(r.v[0].path, forms[i].path) ||
            r.v[0].is_exact != forms[i].is_exact || strcmp(r.v[0].text, forms[i].text) != 0 ||
            r.v[0].path.p[r.v[0].path.n] != '\0')
            fail_msg("\"%s\" (%s)", forms[i].text, forms[i].why);
        wr_router_free(&r);
    }
}

static const struct {
    const char *text;
    const char *expected; /* a part of what is said */
    const char *why;
} misfits[] = {
    {"", "begins with '/'", "empty"},
    {"=", "begins with '/'", "no path"},
    {"a", "begins with '/'", "a relative path"},
    {"a.example", "begins with '/'", "a host alone"},
    {"=a.example", "begins with '/'", "a host alone"},
    {"[::1]", "begins with '/'", "a host alone"},
    {"a.example:80/", "port", "a port"},
    {"a.example:/", "port", "an empty one"},
    {":80/", "port", "a port alone"},
    {"[::1]:80/", "port", "a port"},
    {"http://a.example/", "scheme", "a URL"},
    {"::1/", "port", "IPv6 without brackets"},
    {"[::1/", "']'", "no end"},
    {"[/", "']'", "no end"},
    {"[]/", "IPv6", "no address"},
    {"[1.2.3.4]/", "IPv6", "IPv4"},
    {"[::g]/", "IPv6", "no digit"},
    {"[fe80::1%eth0]/", "IPv6", "a zone is of one machine"},
    {"[v1.a]/", "IPv6", "IPvFuture"},
    {"[1:2:3:4:5:6:7:8:9]/", "IPv6", "nine groups"},
    {"[0000000000000000000000000000000000000000000000::1]/", "IPv6", "longer than any address"},
    {"[::1]x/", "'/'", "more behind it"},
    {"*/", "without a host", "every host is written otherwise"},
    {"*./", "name behind", "nothing behind it"},
    {"*../", "labels", "an empty label"},
    {"*..example/", "labels", "an empty label"},
    {"*example/", "first label", "a part of a label"},
    {"*a.example/", "first label", "a part of a label"},
    {"a*.example/", "first label", "a part of a label"},
    {"**.example/", "first label", "two"},
    {"a.*.example/", "first label", "in the middle"},
    {"*.*.example/", "first label", "twice"},
    {"www.example.*/", "first label", "at the end"},
    {"*.0.0.1/", "name behind", "an address has no names below it"},
    {"*.1.2.3.4/", "name behind", "an address has no names below it"},
    {"*.1/", "name behind", "the end of an address"},
    {"*.0.0.1./", "name behind", "the end of an address"},
    {"*.[::1]/", "letters", "an address has no names below it"},
    {"[*]/", "IPv6", "no address"},
    {"*:80/", "first label", "a port"},
    {"*.example:80/", "port", "a port"},
    {"a b/", "letters", "a space"},
    {" /", "letters", "a space"},
    {"a%41/", "letters", "an escape"},
    {"==/", "letters", "'=' twice"},
    {"\xc3\xa9.example/", "letters", "not as it is sent: RFC 5890 2.3.2.1"},
    {"u@a.example/", "letters", "user information"},
    {"./", "labels", "a dot alone is not every host"},
    {".example/", "labels", "an empty label: it may be meant for all below"},
    {"a..example/", "labels", "an empty label"},
    {"a../", "labels", "an empty label"},
    {"//", "\"//\"", "empty segments"},
    {"//a", "\"//\"", "an empty segment"},
    {"/a//b", "\"//\"", "an empty segment"},
    {"=/a//", "\"//\"", "an empty segment at the end"},
    {"a.example//", "\"//\"", "with a host"},
    {"/.", "\"..\"", "a dot segment"},
    {"/..", "\"..\"", "two dots"},
    {"/./a", "\"..\"", "in front"},
    {"/a/./b", "\"..\"", "inside"},
    {"/a/../b", "\"..\"", "inside"},
    {"=/a/..", "\"..\"", "at the end"},
    {"/a/./", "\"..\"", "in front of the last '/'"},
    {"/a?b", "'?'", "a query"},
    {"/?", "'?'", "a query"},
    {"/a#b", "'#'", "a fragment"},
    {"/a\tb", "control", "HTAB"},
    {"/\n", "control", "LF"},
    {"/a\x01", "control", "the lowest but NUL"},
    {"/a\x1f", "control", "the highest in that row"},
    {"/a\x7f/b", "control", "DEL"},
};

static void router__malformed_text__is_refused_with_what_was_expected(void **state)
{
    struct wr_router r = {0};
    char log[NAMES_MAX] = "";

    (void)state;
    for (size_t i = 0; i < WR_COUNT(misfits); i++) {
        struct wr_handler *h = new_handler(&handler_ops, 'h', log);
        const char *why = NULL;
        int err = wr_router_add(&r, misfits[i].text, h, &why);

        if (err != -EINVAL || !why || !strstr(why, misfits[i].expected))
            fail_msg("\"%s\" (%s): %d, %s", misfits[i].text, misfits[i].why, err, why ? why : "-");
        assert_int_equal(r.n, 0);
        assert_string_equal(log, ""); /* the handler is still the caller's */
        free(h);
    }
    wr_router_free(&r);
}

/* ---- the same twice ---- */

static const struct {
    const char *first, *second;
    int err;
} twice[] = {
    {"/", "/", -EEXIST},
    {"/a", "/a", -EEXIST},
    {"/a", "/a/", -EEXIST},
    {"=/a", "=/a", -EEXIST},
    {"a.example/x", "A.Example./x", -EEXIST},
    {"[::A]/", "[::a]/", -EEXIST},
    {"=a.example/", "=A.EXAMPLE/", -EEXIST},
    {"*.a.example/x", "*.A.Example./x/", -EEXIST},
    {"*.a.example/", "a.example/", 0},
    {"*.a.example/", "b.a.example/", 0},
    {"*.a.example/", "*.b.a.example/", 0},
    {"*.a.example/", "=*.a.example/", 0},
    {"*.a.example/", "/", 0},
    {"/a", "=/a", 0},
    {"=/a", "=/a/", 0},
    {"/a", "/A", 0},
    {"/a", "/ab", 0},
    {"/", "=/", 0},
    {"/a", "a.example/a", 0},
    {"a.example/", "b.example/", 0},
    {"a/", "/a", 0},
};

static void router__same_route_twice__is_refused_and_the_handler_not_taken(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(twice); i++) {
        struct wr_router r = {0};
        char log[NAMES_MAX] = "";
        struct wr_handler *second = new_handler(&handler_ops, '2', log);
        const char *why;

        add(&r, twice[i].first);
        if (wr_router_add(&r, twice[i].second, second, &why) != twice[i].err)
            fail_msg("%s, %s", twice[i].first, twice[i].second);
        wr_router_free(&r);
        assert_string_equal(log, twice[i].err == 0 ? "~2 " : "");
        if (twice[i].err < 0)
            free(second);
    }
}

/* ---- which match ---- */

static const struct {
    const char *route, *host, *path;
    bool matches;
    const char *why;
} matches[] = {
    /* prefixes */
    {"/", NULL, "/", true, "all"},
    {"/", NULL, "/a/b", true, "all"},
    {"/", "a.example", "/a", true, "all hosts"},
    {"/a", NULL, "/a", true, "itself"},
    {"/a", NULL, "/a/", true, "below"},
    {"/a", NULL, "/a/b", true, "below"},
    {"/a", NULL, "/ab", false, "a prefix ends at a '/'"},
    {"/a", NULL, "/a.b", false, "a prefix ends at a '/'"},
    {"/a", NULL, "/", false, "above"},
    {"/a", NULL, "/A", false, "paths have case"},
    {"/a", NULL, "/b/a", false, "not in front"},
    {"/a/", NULL, "/a", true, "written with its '/' it is the same prefix"},
    {"/a/", NULL, "/a/b", true, "written with its '/' it is the same prefix"},
    {"/a/", NULL, "/ab", false, "written with its '/' it is the same prefix"},
    {"/a/b", NULL, "/a", false, "longer than the path"},
    {"/a/b", NULL, "/a/b/c/d", true, "deep below"},
    {"/a%2Fb", NULL, "/a/b", false, "'%' is an ordinary character"},
    {"/a%2Fb", NULL, "/a%2Fb/c", true, "'%' is an ordinary character"},
    {"/", NULL, "", false, "no path"},
    {"/", NULL, "*", false, "no path"},
    /* exact */
    {"=/", NULL, "/", true, "itself"},
    {"=/", NULL, "/a", false, "that path alone"},
    {"=/a", NULL, "/a", true, "itself"},
    {"=/a", NULL, "/a/", false, "a '/' at the end matters"},
    {"=/a", NULL, "/a/b", false, "that path alone"},
    {"=/a/", NULL, "/a/", true, "itself"},
    {"=/a/", NULL, "/a", false, "a '/' at the end matters"},
    {"=/a/", NULL, "/a/b", false, "that path alone"},
    /* hosts */
    {"a.example/", "a.example", "/", true, "itself"},
    {"a.example/", "A.Example", "/", true, "any case"},
    {"A.EXAMPLE/", "a.example", "/", true, "any case"},
    {"a.example/", "a.example:8080", "/", true, "a port"},
    {"a.example/", "a.example:", "/", true, "RFC 3986 3.2.3: an empty one"},
    {"a.example/", "a.example.", "/", true, "the dot of the root"},
    {"a.example/", "A.EXAMPLE.:443", "/x", true, "all of it"},
    {"a.example./", "a.example", "/x", true, "a dot in the route alone"},
    {"a.example/", "a.example..", "/", false, "one dot"},
    {"a.example/", "b.example", "/", false, "another"},
    {"a.example/", "a.exampl", "/", false, "shorter"},
    {"a.example/", "aa.example", "/", false, "longer in front"},
    {"a.example/", "a.example2", "/", false, "longer behind"},
    {"a.example/", "b.a.example", "/", false, "not those below it"},
    {"a.example/", "", "/", false, "an empty one"},
    {"a.example/", ".", "/", false, "a dot alone"},
    {"a.example/", ":80", "/", false, "a port alone"},
    {"a.example/", NULL, "/", false, "HTTP/1.0 without one"},
    {"/", "", "/", true, "all hosts"},
    {"/", ":80", "/", true, "all hosts"},
    {"/", ".", "/", true, "all hosts"},
    {"a.example/b", "a.example", "/a", false, "the host alone is not enough"},
    {"=a.example/b", "a.example:1", "/b", true, "exact"},
    {"=a.example/b", "a.example:1", "/b/c", false, "exact"},
    /* wildcards */
    {"*.a.example/", "b.a.example", "/", true, "one label in front"},
    {"*.a.example/", "c.b.a.example", "/", true, "two"},
    {"*.a.example/", "a.example", "/", false, "not the name itself"},
    {"*.a.example/", ".a.example", "/", false, "an empty label in front"},
    {"*.a.example/", "..a.example", "/", false, "two of them"},
    {"*.a.example/", "b..a.example", "/", false, "an empty label in front"},
    {"*.a.example/", "ba.example", "/", false, "whole labels"},
    {"*.a.example/", "a.example.b", "/", false, "in front, not behind"},
    {"*.a.example/", "b.a.example2", "/", false, "longer behind"},
    {"*.a.example/", "B.A.EXAMPLE.:443", "/x", true, "any case, a dot, a port"},
    {"*.A.Example./", "b.a.example", "/x", true, "a dot in the route alone"},
    {"*.a.example/", "b.a.example..", "/", false, "one dot"},
    {"*.a.example/", "*.a.example", "/", true, "whatever stands in front"},
    {"*.a.example/", "b_1-%41.a.example", "/", true, "whatever stands in front"},
    {"*.a.example/", "xn--bcher-kva.a.example", "/", true, "RFC 3492"},
    {"xn--bcher-kva.example/", "XN--BCHER-KVA.Example", "/", true,
     "RFC 5890: case counts for nothing"},
    {"*.xn--bcher-kva.example/", "www.xn--bcher-kva.example", "/", true, "RFC 3492"},
    {"*.a.example/", NULL, "/", false, "HTTP/1.0 without one"},
    {"*.a.example/", "", "/", false, "an empty one"},
    {"*.a.example/", ".", "/", false, "a dot alone"},
    {"*.a.example/", "[::1]", "/", false, "an address"},
    {"*.a.example/b", "x.a.example", "/a", false, "the host alone is not enough"},
    {"=*.a.example/b", "x.a.example:1", "/b", true, "exact"},
    {"127.0.0.1/", "1.127.0.0.1", "/", false, "addresses are not names"},
    {"127.0.0.1/", "127.0.0.1:80", "/", true, "IPv4"},
    {"[::1]/", "[::1]", "/", true, "IPv6"},
    {"[::1]/", "[::1]:8080", "/", true, "a port"},
    {"[::1]/", "[::1]:", "/", true, "an empty one"},
    {"[2001:db8::a]/", "[2001:DB8::A]:80", "/", true, "any case"},
    {"[::1]/", "[::2]", "/", false, "another"},
    {"[::1]/", "[::1", "/", false, "broken"},
    {"[::1]/", "[", "/", false, "broken"},
    {"[::1]/", "::1", "/", false, "broken"},
};

static void router__one_route__has_what_its_text_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(matches); i++) {
        struct wr_router r = {0};
        char got[NAMES_MAX];

        add(&r, matches[i].route);
        find_all(&r, matches[i].host, wr_slice_of(matches[i].path), got);
        if (strcmp(got, matches[i].matches ? matches[i].route : "") != 0)
            fail_msg("%s with %s %s (%s)", matches[i].route,
                     matches[i].host ? matches[i].host : "-", matches[i].path, matches[i].why);
        wr_router_free(&r);
    }
}

/* Nothing behind the end is read: both slices lie in the middle of others. */
static void router__slices_inside_longer_ones__are_read_by_their_length(void **state)
{
    struct wr_router r = {0};

    (void)state;
    add_all(&r, "a.example/a =/b");
    assert_non_null(wr_router_find(&r, NULL, wr_slice("a.example2", 9), wr_slice("/ab", 2)));
    assert_null(wr_router_find(&r, NULL, wr_slice("a.example", 8), wr_slice("/a", 2)));
    assert_non_null(wr_router_find(&r, NULL, wr_slice("[::1]", 2), wr_slice("/b/", 2)));
    wr_router_free(&r);
}

/* ---- in which order ---- */

static const struct {
    const char *host, *path, *want;
} orders[] = {
    /* "routes of the host before those of all; exact before prefix; long before short" */
    {"h", "/a/b", "=h/a/b h/a/b h/a h/ =/a/b /a/b /a /"},
    {"h:80", "/a/b/c", "h/a/b h/a h/ /a/b /a /"},
    {"H.", "/a", "=h/a h/a h/ =/a /a /"},
    {"h", "/", "h/ =/ /"},
    {"h", "/ab", "h/ /"},
    {"i", "/a/b", "i/a =/a/b /a/b /a /"},
    {"i", "/", "=i/ =/ /"},
    {"j", "/a/b/", "/a/b /a /"},
    {NULL, "/a", "=/a /a /"},
};

static const char *const order_texts[] = {
    "/ /a /a/b =/ =/a =/a/b h/ h/a h/a/b =h/a =h/a/b i/a =i/",
    "=i/ i/a =h/a/b =h/a h/a/b h/a h/ =/a/b =/a =/ /a/b /a /",
    "h/a =/a / =h/a/b i/a /a/b h/ =h/a =/ h/a/b =/a/b /a =i/",
};

/* Every handler declines, until there is none. */
static void router__all_decline__each_that_matches_is_tried_in_order(void **state)
{
    (void)state;
    for (size_t k = 0; k < WR_COUNT(order_texts); k++) {
        struct wr_router r = {0};

        add_all(&r, order_texts[k]);
        assert_int_equal(r.n, 13);
        for (size_t i = 0; i < WR_COUNT(orders); i++) {
            char got[NAMES_MAX];

            find_all(&r, orders[i].host, wr_slice_of(orders[i].path), got);
            assert_string_equal(got, orders[i].want);
        }
        wr_router_free(&r);
    }
}

/* "exact host before wildcard, longer wildcard before shorter, then routes of all hosts; within each,
 * exact path before prefix, long before short" */
static const struct {
    const char *host, *path, *want;
} wild_orders[] = {
    {"b.a.example", "/x",
     "=b.a.example/x b.a.example/ =*.a.example/x *.a.example/x =*.example/x *.example/ =/x /"},
    {"c.b.a.example", "/x",
     "*.b.a.example/ =*.a.example/x *.a.example/x =*.example/x *.example/ =/x /"},
    {"d.c.b.a.example", "/y", "*.b.a.example/ *.example/ /"},
    {"z.a.example", "/x", "=*.a.example/x *.a.example/x =*.example/x *.example/ =/x /"},
    {"a.example", "/x", "=*.example/x *.example/ =/x /"},
    {"z.example", "/x/y", "*.example/ /"},
    {"example", "/x", "=/x /"},
    {"a.example.org", "/x", "=/x /"},
    {NULL, "/x", "=/x /"},
};

static const char *const wild_texts[] = {
    "/ =/x *.example/ =*.example/x *.a.example/x =*.a.example/x *.b.a.example/ b.a.example/ "
    "=b.a.example/x",
    "=b.a.example/x b.a.example/ *.b.a.example/ =*.a.example/x *.a.example/x =*.example/x "
    "*.example/ =/x /",
    "*.a.example/x *.example/ b.a.example/ /  =*.a.example/x *.b.a.example/ =/x =b.a.example/x "
    "=*.example/x",
};

static void router__wildcards__are_tried_behind_the_host_and_before_all(void **state)
{
    (void)state;
    for (size_t k = 0; k < WR_COUNT(wild_texts); k++) {
        struct wr_router r = {0};

        add_all(&r, wild_texts[k]);
        assert_int_equal(r.n, 9);
        for (size_t i = 0; i < WR_COUNT(wild_orders); i++) {
            char got[NAMES_MAX];

            find_all(&r, wild_orders[i].host, wr_slice_of(wild_orders[i].path), got);
            assert_string_equal(got, wild_orders[i].want);
        }
        wr_router_free(&r);
    }
}

static void check_many_hosts(const struct wr_router *r)
{
    char host[64], want[256], got[NAMES_MAX];

    for (int i = 0; i < 1000; i++) {
        snprintf(host, sizeof host, "H%d.example:8080", i);
        snprintf(want, sizeof want, "h%d.example/w/x h%d.example/ *.example/w /", i, i);
        find_all(r, host, WR_SLICE("/w/x/y"), got);
        assert_string_equal(got, want);
        snprintf(want, sizeof want, "=h%d.example/w h%d.example/ *.example/w /", i, i);
        find_all(r, host, WR_SLICE("/w"), got);
        assert_string_equal(got, want);
    }
    find_all(r, "h1000.example", WR_SLICE("/w"), got);
    assert_string_equal(got, "*.example/w /");
    find_all(r, "h1.exampl", WR_SLICE("/w"), got);
    assert_string_equal(got, "/");
}

/* Each of so many that no search could do without an order: what is found is written down by hand. The
 * same with an index and without. */
static void router__many_hosts__each_has_its_own(void **state)
{
    struct wr_router r = {0};
    char text[64];

    (void)state;
    add_all(&r, "/ *.example/w");
    for (int k = 0; k < 3000; k++) { /* not in the order of the alphabet */
        int i = k * 7 % 1000;

        snprintf(text, sizeof text, "%sh%d.example/%s", k < 1000 ? "=" : "", i,
                 k < 1000   ? "w"
                 : k < 2000 ? "w/x"
                            : "");
        add(&r, text);
    }
    check_many_hosts(&r);
    assert_int_equal(wr_router_index(&r), 0);
    check_many_hosts(&r);
    wr_router_free(&r);
}

static void check_many_paths(const struct wr_router *r)
{
    char path[64], want[256], got[NAMES_MAX];

    for (int i = 0; i < 500; i++) {
        snprintf(path, sizeof path, "/d/%d", i);
        snprintf(want, sizeof want, "=/d/%d /d/%d /d /", i, i);
        find_all(r, NULL, wr_slice_of(path), got);
        assert_string_equal(got, want);
        snprintf(path, sizeof path, "/d/%d/e/f", i);
        snprintf(want, sizeof want, "/d/%d/e /d/%d /d /", i, i);
        find_all(r, "any.example", wr_slice_of(path), got);
        assert_string_equal(got, want);
    }
    find_all(r, NULL, WR_SLICE("/"), got);
    assert_string_equal(got, "=/ /");
    find_all(r, NULL, WR_SLICE("/d/500/e"), got);
    assert_string_equal(got, "/d /");
    find_all(r, NULL, WR_SLICE("/d/e"), got);
    assert_string_equal(got, "/d/e /d /");
    find_all(r, NULL, WR_SLICE("/d/1/"), got);
    assert_string_equal(got, "/d/1 /d /");
    find_all(r, NULL, WR_SLICE("/d1"), got);
    assert_string_equal(got, "/");
    find_all(r, NULL, WR_SLICE("*"), got);
    assert_string_equal(got, "");
    find_all(r, NULL, wr_slice(NULL, 0), got);
    assert_string_equal(got, "");
}

static void router__many_paths__each_is_found_with_what_is_above_it(void **state)
{
    struct wr_router r = {0};
    char text[64], got[NAMES_MAX];

    (void)state;
    add_all(&r, "/ /d /d/e =/");
    for (int k = 0; k < 1500; k++) {
        int i = k * 7 % 500;

        snprintf(text, sizeof text, "%s/d/%d%s", k < 500 ? "=" : "", i, k < 1000 ? "" : "/e");
        add(&r, text);
    }
    check_many_paths(&r);
    assert_int_equal(wr_router_index(&r), 0);
    check_many_paths(&r);
    add(&r, "/d/500"); /* what was found before is still found when one is added */
    find_all(&r, NULL, WR_SLICE("/d/500/e"), got);
    assert_string_equal(got, "/d/500 /d /");
    wr_router_free(&r);
}

/* One that a client makes of '/' alone, as long as a target may be: were each of the half million paths
 * above it looked at in all its length, that took minutes. */
static void router__path_with_many_slashes__takes_no_longer_than_others(void **state)
{
    const size_t n = (size_t)1024 * 1024;
    char *path = malloc(n), text[16], got[NAMES_MAX];
    struct wr_router r = {0};

    (void)state;
    assert_non_null(path);
    for (size_t i = 0; i < n; i++)
        path[i] = i % 2 ? 'a' : '/';
    add_all(&r, "/ /a /a/a");
    for (int i = 0; i < 50; i++) {
        snprintf(text, sizeof text, "/d/%d", i);
        add(&r, text);
    }
    assert_int_equal(wr_router_index(&r), 0);
    find_all(&r, NULL, wr_slice(path, n), got);
    assert_string_equal(got, "/a/a /a /");
    wr_router_free(&r);
    free(path);
}

static void router__no_routes__nothing_is_found(void **state)
{
    struct wr_router r = {0};

    (void)state;
    assert_null(wr_router_find(&r, NULL, WR_SLICE("a"), WR_SLICE("/")));
    wr_router_free(&r);
}

static void router__no_path__nothing_is_found(void **state)
{
    struct wr_router r = {0};

    (void)state;
    add_all(&r, "/ =/ h/");
    assert_null(wr_router_find(&r, NULL, WR_SLICE("h"), wr_slice(NULL, 0)));
    wr_router_free(&r);
}

/* ---- who owns what ---- */

static void router__text__is_copied_and_leads_to_its_handler(void **state)
{
    struct wr_router r = {0};
    char text[] = "A.example/x/", log[NAMES_MAX] = "";
    struct wr_handler *h = new_handler(&handler_ops, 'h', log);
    const struct wr_route *found;
    const char *why;

    (void)state;
    add(&r, "/");
    assert_int_equal(wr_router_add(&r, text, h, &why), 0);
    memset(text, '~', sizeof text - 1);
    found = wr_router_find(&r, NULL, WR_SLICE("a.example"), WR_SLICE("/x/y"));
    assert_non_null(found);
    assert_ptr_equal(found->handler, h);
    assert_string_equal(found->text, "A.example/x/");
    assert_string_equal(found->path.p, "/x");
    wr_router_free(&r);
}

static void router__last__has_what_no_other_has(void **state)
{
    struct wr_router r = {0};
    char log[NAMES_MAX] = "";
    struct wr_handler *last = new_handler(&handler_ops, 'l', log);
    const struct wr_route *found;

    (void)state;
    add(&r, "/");
    add(&r, "a.example/x");
    assert_int_equal(wr_router_add_last(&r, last), 0);
    found = wr_router_find(&r, NULL, WR_SLICE("a.example"), WR_SLICE("/x/y"));
    assert_string_equal(found->text, "a.example/x");
    found = wr_router_find(&r, found, WR_SLICE("a.example"), WR_SLICE("/x/y"));
    assert_ptr_not_equal(found->handler, last);
    found = wr_router_find(&r, found, WR_SLICE("a.example"), WR_SLICE("/x/y"));
    assert_ptr_equal(found->handler, last);
    assert_int_equal(found->path.n, 0);
    assert_null(wr_router_find(&r, found, WR_SLICE("a.example"), WR_SLICE("/x/y")));
    wr_router_free(&r);
}

static void router__free__frees_each_handler_once(void **state)
{
    struct wr_router r = {0};
    char log[NAMES_MAX] = "";
    const char *why;

    (void)state;
    assert_int_equal(wr_router_add(&r, "/a", new_handler(&handler_ops, 'a', log), &why), 0);
    assert_int_equal(wr_router_add(&r, "/", new_handler(&handler_ops, 'b', log), &why), 0);
    wr_router_free(&r);
    assert_string_equal(log, "~a ~b ");
    assert_null(r.v);
    assert_int_equal(r.n, 0);
    wr_router_free(&r);
    assert_string_equal(log, "~a ~b ");
}

WR_TESTS(cmocka_unit_test(router__well_formed_text__becomes_host_and_path),
         cmocka_unit_test(router__malformed_text__is_refused_with_what_was_expected),
         cmocka_unit_test(router__same_route_twice__is_refused_and_the_handler_not_taken),
         cmocka_unit_test(router__one_route__has_what_its_text_says),
         cmocka_unit_test(router__slices_inside_longer_ones__are_read_by_their_length),
         cmocka_unit_test(router__all_decline__each_that_matches_is_tried_in_order),
         cmocka_unit_test(router__wildcards__are_tried_behind_the_host_and_before_all),
         cmocka_unit_test(router__many_hosts__each_has_its_own),
         cmocka_unit_test(router__many_paths__each_is_found_with_what_is_above_it),
         cmocka_unit_test(router__path_with_many_slashes__takes_no_longer_than_others),
         cmocka_unit_test(router__no_routes__nothing_is_found),
         cmocka_unit_test(router__no_path__nothing_is_found),
         cmocka_unit_test(router__text__is_copied_and_leads_to_its_handler),
         cmocka_unit_test(router__last__has_what_no_other_has),
         cmocka_unit_test(router__free__frees_each_handler_once));
