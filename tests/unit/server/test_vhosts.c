#include "server/vhosts.h"

#include <stdio.h>
#include <stdlib.h>

#include "support.h"

#define NAMES_MAX 256

/* The names of what is asked, one behind the other. */
static void find_all(const struct wr_vhosts *h, const char *host, char out[static NAMES_MAX])
{
    struct wr_slice name = host ? wr_slice_of(host) : wr_slice(NULL, 0);
    size_t n = 0;

    out[0] = '\0';
    for (const struct wr_vhost *found = wr_vhosts_find(h, name); found && n < NAMES_MAX;
         found = wr_vhosts_behind(h, found))
        n += (size_t)snprintf(out + n, NAMES_MAX - n, "%s%.*s", n > 0 ? " " : "",
                              (int)found->name.n, found->name.p);
}

static void add_all(struct wr_vhosts *h, const char *const *texts, size_t n)
{
    for (size_t i = 0; i < n; i++)
        assert_int_equal(wr_vhosts_add(h, wr_slice_of(texts[i])), i);
}

static const char *const texts[] = {
    "a.example", "*.example.",         "*.a.example",   "b.a.example",        "*.c.b.a.example",
    "127.0.0.1", "[::ffff:127.0.0.1]", "[2001:db8::a]", "xn--bcher-kva.test",
};

static const struct {
    const char *host, *want, *why;
} found[] = {
    {"a.example", "a.example .example", "itself, then what has it"},
    {"A.EXAMPLE.:80", "a.example .example", "case, dot and port"},
    {"b.a.example", "b.a.example .a.example .example", "longer wildcards first"},
    {"c.b.a.example", ".a.example .example", "not its own wildcard"},
    {"d.c.b.a.example", ".c.b.a.example .a.example .example", "three of them"},
    {"e.d.c.b.a.example", ".c.b.a.example .a.example .example", "several labels in front"},
    {"x.example", ".example", "one"},
    {"example", "", "not the name itself"},
    {".example", "", "an empty label is none"},
    {".a.example", ".example", "\".a\" is in front of that one, and not empty"},
    {"x..example", "", "an empty label is none"},
    {"xexample", "", "whole labels"},
    {"x.example.org", "", "in front, not behind"},
    {"127.0.0.1", "127.0.0.1", "an address"},
    {"127.0.0.1:8080", "127.0.0.1", "an address with a port"},
    {"1.127.0.0.1", "", "nothing is below it"},
    {"[::ffff:127.0.0.1]:1", "[::ffff:127.0.0.1]", "an address"},
    {"[2001:DB8::A]", "[2001:db8::a]", "in any case"},
    {"[2001:db8::a", "", "broken"},
    {"2001:db8::a", "", "broken"},
    {"XN--BCHER-KVA.test", "xn--bcher-kva.test", "in any case"},
    {"b\xc3\xbc"
     "cher.test",
     "", "not as it is sent: RFC 5890 2.3.2.1"},
    {NULL, "", "none"},
    {"", "", "empty"},
    {":80", "", "a port alone"},
    {".", "", "a dot alone"},
    {"..", "", "two"},
    {"*.example", ".example", "no name, but no fault either"},
};

static void vhosts__name__has_itself_and_then_longer_wildcards_first(void **state)
{
    struct wr_vhosts h = {0};
    char got[NAMES_MAX];

    (void)state;
    add_all(&h, texts, WR_COUNT(texts));
    for (size_t i = 0; i < WR_COUNT(found); i++) {
        find_all(&h, found[i].host, got);
        if (strcmp(got, found[i].want) != 0)
            fail_msg("%s (%s): %s", found[i].host ? found[i].host : "-", found[i].why, got);
    }
    wr_vhosts_free(&h);
    assert_int_equal(h.n, 0);
    find_all(&h, "a.example", got);
    assert_string_equal(got, "");
}

static void vhosts__same_twice__is_one(void **state)
{
    struct wr_vhosts h = {0};

    (void)state;
    add_all(&h, texts, WR_COUNT(texts));
    assert_int_equal(wr_vhosts_add(&h, WR_SLICE("A.Example.")), 0);
    assert_int_equal(wr_vhosts_add(&h, WR_SLICE("*.EXAMPLE")), 1);
    assert_int_equal(wr_vhosts_add(&h, WR_SLICE("[2001:DB8::A]")), 7);
    assert_int_equal(h.n, WR_COUNT(texts));
    assert_ptr_equal(wr_vhosts_get(&h, WR_SLICE("*.example")), &h.v[1]);
    assert_null(wr_vhosts_get(&h, WR_SLICE("example")));
    assert_null(wr_vhosts_get(&h, WR_SLICE("x.example")));
    wr_vhosts_free(&h);
}

/* A client may name 8,000 labels: no more of them are looked at than the longest name has bytes,
 * and those behind its end never. */
static void vhosts__name_longer_than_any__is_cut_where_none_can_match(void **state)
{
    struct wr_vhosts h = {0};
    char *host = malloc(16002), got[NAMES_MAX];

    (void)state;
    assert_non_null(host);
    add_all(&h, texts, WR_COUNT(texts));
    for (int i = 0; i < 16000; i++)
        host[i] = i % 2 == 0 ? 'a' : '.';
    host[16000] = host[16001] = '\0';
    find_all(&h, host, got);
    assert_string_equal(got, "");
    memcpy(host + 15994, "example", 7);
    find_all(&h, host, got);
    assert_string_equal(got, ".a.example .example");
    assert_string_equal(wr_vhosts_find(&h, wr_slice(host + 15992, 9))->name.p, "a.example");
    assert_null(wr_vhosts_find(&h, wr_slice(host + 15992, 8)));
    free(host);
    wr_vhosts_free(&h);
}

static void vhosts__many__are_all_found(void **state)
{
    struct wr_vhosts h = {0};
    char text[32];

    (void)state;
    for (int i = 0; i < 4000; i++) {
        snprintf(text, sizeof text, "%s%d.example", i % 2 ? "*." : "h", i);
        assert_int_equal(wr_vhosts_add(&h, wr_slice_of(text)), i);
    }
    for (int i = 0; i < 4000; i++) {
        snprintf(text, sizeof text, "%s%d.EXAMPLE", i % 2 ? "any.label." : "H", i);
        assert_ptr_equal(wr_vhosts_find(&h, wr_slice_of(text)), &h.v[i]);
    }
    assert_null(wr_vhosts_find(&h, WR_SLICE("h4000.example")));
    assert_null(wr_vhosts_find(&h, WR_SLICE("h1.example")));
    assert_null(wr_vhosts_find(&h, WR_SLICE("1.example")));
    wr_vhosts_free(&h);
}

WR_TESTS(cmocka_unit_test(vhosts__name__has_itself_and_then_longer_wildcards_first),
         cmocka_unit_test(vhosts__same_twice__is_one),
         cmocka_unit_test(vhosts__name_longer_than_any__is_cut_where_none_can_match),
         cmocka_unit_test(vhosts__many__are_all_found));
