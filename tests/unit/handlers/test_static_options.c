#include "support.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "handlers/static_options.h"
#include "static_fixture.h"

#define FIELDS_MAX 16

static struct wr_static_options options;
static const struct wr_static_pair *room[FIELDS_MAX];

static void load(const struct wr_static_setup *setup)
{
    assert_int_equal(wr_static_options_init(&options, setup), 0);
    assert_true(options.fields_max <= FIELDS_MAX);
}

static struct wr_static_verdict judge(const char *asked, const char *served)
{
    struct wr_static_verdict v = {.fields = room};

    wr_static_options_judge(&options, wr_slice_of(asked),
                            served ? wr_slice_of(served) : wr_slice(NULL, 0), &v);
    return v;
}

/* "name=value" of each field, with ';' behind; "-" for a value that is none. */
static const char *fields_of(const struct wr_static_verdict *v)
{
    static char text[512];

    text[0] = '\0';
    for (size_t i = 0; i < v->fields_n; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s=%s;", v->fields[i]->name,
                 v->fields[i]->value ? v->fields[i]->value : "-");
    return text;
}

/* ---- what is kept ---- */

/* The caller's memory is written over; the folder is still the one that it was. */
static void init__copies_all_that_it_is_given(void **state)
{
    char folder[] = "/srv", name[] = "a.html", attempt[] = "{path}.x", fallback[] = "/f",
         ending[] = "tar.gz", type[] = "a/b", match[] = "*.css", field[] = "X", value[] = "1",
         cache[] = "no-cache", rule_type[] = "c/d";
    const char *names[] = {name}, *attempts[] = {attempt}, *matches[] = {match};
    struct wr_static_pair types[] = {{ending, type}}, fields[] = {{field, value}, {field, NULL}};
    struct wr_static_rule rules[] = {{.match = {matches, 1},
                                      .hashed = true,
                                      .deny = true,
                                      .download = true,
                                      .cache_control = cache,
                                      .type = rule_type,
                                      .fields = {fields, 2}}};
    const struct wr_static_setup setup = {.folder = folder,
                                          .index = {names, 1},
                                          .attempts = {attempts, 1},
                                          .fallback = fallback,
                                          .listing = true,
                                          .compress = WR_STATIC_COMPRESS_SIBLINGS,
                                          .types = {types, 1},
                                          .rules = rules,
                                          .rules_n = 1};
    char *const texts[] = {folder, name,  attempt, fallback, ending,   type,
                           match,  field, value,   cache,    rule_type};
    const struct wr_static_rule *rule;

    (void)state;
    load(&setup);
    for (size_t i = 0; i < WR_COUNT(texts); i++)
        memset(texts[i], '!', strlen(texts[i]));
    memset(rules, 0, sizeof rules);
    memset(types, 0, sizeof types);
    memset(fields, 0, sizeof fields);
    names[0] = attempts[0] = matches[0] = NULL;
    rule = &options.setup.rules[0];
    assert_string_equal(options.setup.folder, "/srv");
    assert_string_equal(options.setup.index.v[0], "a.html");
    assert_string_equal(options.setup.attempts.v[0], "{path}.x");
    assert_string_equal(options.setup.fallback, "/f");
    assert_true(options.setup.listing && !options.setup.dot_files);
    assert_int_equal(options.setup.compress, WR_STATIC_COMPRESS_SIBLINGS);
    assert_true(
        wr_slice_eq(wr_static_options_type(&options, WR_SLICE("/x.tar.gz")), WR_SLICE("a/b")));
    assert_true(rule->hashed && rule->deny && rule->download);
    assert_string_equal(rule->match.v[0], "*.css");
    assert_string_equal(rule->cache_control, "no-cache");
    assert_string_equal(rule->type, "c/d");
    assert_string_equal(rule->fields.v[0].value, "1");
    assert_string_equal(rule->fields.v[1].name, "X");
    assert_null(rule->fields.v[1].value);
    assert_int_equal(options.fields_max, 2);
    wr_static_options_fini(&options);
}

static void init__relative_folder__is_where_it_was(void **state)
{
    struct wr_static_setup setup = wr_static_setup_of("sub/folder");
    char *here = getcwd(NULL, 0);
    char expected[1024];

    (void)state;
    assert_non_null(here);
    snprintf(expected, sizeof expected, "%s/sub/folder", here);
    load(&setup);
    assert_string_equal(options.setup.folder, expected);
    wr_static_options_fini(&options);
    free(here);
}

static void setup_of__folder__is_what_holds_without_a_word(void **state)
{
    const struct wr_static_setup setup = wr_static_setup_of("/srv");

    (void)state;
    assert_int_equal(setup.index.n, 1);
    assert_string_equal(setup.index.v[0], "index.html");
    assert_int_equal(setup.compress, WR_STATIC_COMPRESS_ON);
    assert_true(!setup.listing && !setup.dot_files && !setup.fallback);
    assert_int_equal(setup.attempts.n + setup.types.n + setup.rules_n, 0);
}

/* ---- types ---- */

static void type__longest_ending__goes_before_the_table(void **state)
{
    static const struct {
        const char *path, *type;
    } rows[] = {
        {"/a.gz", "x/gz"},
        {"/a.css.map", "x/cssmap"},
        {"/a.map", "x/map"},
        {"/a.tar.gz", "x/targz"},
        {"/A.TAR.GZ", "x/targz"},
        {"/d.css/a.html", "text/html; charset=utf-8"},
        {"a.css", "x/css"},
        {"/.css", "application/octet-stream"},
        {"/css", "application/octet-stream"},
        {"/acss", "application/octet-stream"},
        {"/a.tar.gz/b.none", "application/octet-stream"},
        {"/a.", "application/octet-stream"},
    };
    struct wr_static_setup setup = wr_static_setup_of("/srv");

    (void)state;
    setup.types =
        (struct wr_static_pairs)PAIRS({"gz", "x/gz"}, {"tar.gz", "x/targz"},
                                      {"css.map", "x/cssmap"}, {"map", "x/map"}, {"css", "x/css"});
    load(&setup);
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        struct wr_slice type = wr_static_options_type(&options, wr_slice_of(rows[i].path));

        if (!wr_slice_eq(type, wr_slice_of(rows[i].type)))
            fail_msg("%s: %.*s", rows[i].path, (int)type.n, type.p);
    }
    wr_static_options_fini(&options);
}

/* ---- rules ---- */

static void judge__of_several_rules__all_hold_and_the_later_goes_before(void **state)
{
    const struct wr_static_rule rules[] = {
        {.cache_control = "no-cache", .type = "a/a", .fields = PAIRS({"A", "1"}, {"B", "1"})},
        {.match = TEXTS("*.js", "*.css"),
         .cache_control = "immutable",
         .fields = PAIRS({"b", "2"}, {"C", "2"})},
        {.match = TEXTS("/x.css"), .type = "x/x", .fields = PAIRS({"a", NULL})},
        {.match = TEXTS("/x.css"), .download = true},
    };
    struct wr_static_setup setup = wr_static_setup_of("/srv");
    struct wr_static_verdict v;

    (void)state;
    setup.rules = rules;
    setup.rules_n = WR_COUNT(rules);
    load(&setup);
    v = judge("/page", NULL);
    assert_string_equal(v.cache_control, "no-cache");
    assert_string_equal(v.type, "a/a");
    assert_string_equal(fields_of(&v), "A=1;B=1;");
    assert_false(v.download || v.deny);
    v = judge("/a.js", NULL);
    assert_string_equal(v.cache_control, "public, max-age=31536000, immutable");
    assert_string_equal(fields_of(&v), "A=1;b=2;C=2;");
    v = judge("/x.css", NULL);
    assert_string_equal(v.cache_control, "public, max-age=31536000, immutable");
    assert_string_equal(v.type, "x/x");
    assert_string_equal(fields_of(&v), "a=-;b=2;C=2;");
    assert_true(v.download);
    assert_true(wr_static_verdict_has(&v, "A"));
    assert_true(wr_static_verdict_has(&v, "c"));
    assert_false(wr_static_verdict_has(&v, "D"));
    wr_static_options_fini(&options);
}

static void judge__hashed__counts_with_the_pattern(void **state)
{
    const struct wr_static_rule rules[] = {
        {.match = TEXTS("/assets/"), .hashed = true, .type = "h/h"},
        {.hashed = true, .cache_control = "immutable"},
    };
    struct wr_static_setup setup = wr_static_setup_of("/srv");

    (void)state;
    setup.rules = rules;
    setup.rules_n = WR_COUNT(rules);
    load(&setup);
    assert_non_null(judge("/assets/app.3f2a9c1b.js", NULL).type);
    assert_null(judge("/assets/app.js", NULL).type);
    assert_null(judge("/app.3f2a9c1b.js", NULL).type);
    assert_non_null(judge("/app.3f2a9c1b.js", NULL).cache_control);
    assert_null(judge("/app.js", NULL).cache_control);
    wr_static_options_fini(&options);
}

/* All but a denial is for the file that answers. */
static void judge__path_of_the_file__is_what_rules_are_for(void **state)
{
    const struct wr_static_rule rules[] = {
        {.match = TEXTS("/asked"), .type = "asked"},
        {.match = TEXTS("/served"), .cache_control = "served"},
        {.match = TEXTS("/secret"), .deny = true, .fields = PAIRS({"S", "1"})},
    };
    struct wr_static_setup setup = wr_static_setup_of("/srv");
    struct wr_static_verdict v;

    (void)state;
    setup.rules = rules;
    setup.rules_n = WR_COUNT(rules);
    load(&setup);
    v = judge("/asked", "/served");
    assert_null(v.type);
    assert_string_equal(v.cache_control, "served");
    assert_false(v.deny);
    assert_string_equal(judge("/asked", NULL).type, "asked");
    v = judge("/secret", "/served");
    assert_true(v.deny);
    assert_int_equal(v.fields_n, 0);
    v = judge("/asked", "/secret");
    assert_true(v.deny);
    assert_int_equal(v.fields_n, 1);
    assert_false(judge("/asked", NULL).deny);
    wr_static_options_fini(&options);
}

WR_TESTS(cmocka_unit_test(init__copies_all_that_it_is_given),
         cmocka_unit_test(init__relative_folder__is_where_it_was),
         cmocka_unit_test(setup_of__folder__is_what_holds_without_a_word),
         cmocka_unit_test(type__longest_ending__goes_before_the_table),
         cmocka_unit_test(judge__of_several_rules__all_hold_and_the_later_goes_before),
         cmocka_unit_test(judge__hashed__counts_with_the_pattern),
         cmocka_unit_test(judge__path_of_the_file__is_what_rules_are_for));
