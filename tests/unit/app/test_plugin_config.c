#include "app/plugin_config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

#define WHY_MAX 1024

static const weir_host host;

static struct wr_plugin_config *open_config(const char *text, const char *schema)
{
    struct wr_plugin_config_source source = {.label = "c.json", .text = text, .schema = schema};
    char why[WHY_MAX] = "untouched";
    struct wr_plugin_config *c = wr_plugin_config_new(&source, &host, why, sizeof why);

    if (!c)
        fail_msg("%s", why);
    assert_string_equal(why, "");
    return c;
}

/* ---- what is refused ---- */

static const struct {
    const char *text, *schema, *why;
} refusals[] = {
    {"[1]", NULL, "c.json:1:1: expected an object, found an array"},
    {"\n  3", NULL, "c.json:2:3: expected an object, found an integer"},
    {"{\"port\":\"x\"}", "{\"properties\":{\"port\":{\"type\":\"integer\"}}}",
     "c.json:1:9: /port: expected an integer, found a string"},
    {"{\n \"prot\": 1,\n \"list\": [0, \"\xc3\xa9\", true]\n}",
     "{\"properties\":{\"port\":{},\"list\":{\"items\":{\"type\":\"string\"}}},"
     "\"additionalProperties\":false,\"required\":[\"port\"]}",
     "c.json:1:1: /port: this key is required, and it is not there\n"
     "c.json:2:2: /prot: this key is not known; did you mean \"port\"?\n"
     "c.json:3:11: /list/0: expected a string, found an integer\n"
     "c.json:3:19: /list/2: expected a string, found a boolean"},
    {NULL, "{\"required\":[\"port\"]}",
     "c.json:1:1: /port: this key is required, and it is not there"},
    {"{}", "{\"properties\":{\"x\":{\"minimum\":\"\"}}}",
     "the schema of the plugin is not valid: /properties/x/minimum: expected a number, found a "
     "string"},
    {"{}", "[]",
     "the schema of the plugin is not valid: expected a schema, which is an object, found an "
     "array"},
};

static void plugin_config__what_is_wrong__is_told(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(refusals); i++) {
        struct wr_plugin_config_source source = {
            .label = "c.json", .text = refusals[i].text, .schema = refusals[i].schema};
        char why[WHY_MAX];

        assert_null(wr_plugin_config_new(&source, &host, why, sizeof why));
        assert_string_equal(why, refusals[i].why);
    }
}

/* The words behind the place are jansson's. */
static const struct {
    const char *text, *schema, *place, *word;
} syntax[] = {
    {"{\"a\": nul}", NULL, "c.json:1:7: ", "nul"},
    {"{\"a\" 1}", NULL, "c.json:1:6: ", "':'"},
    {"{\"\xc3\xa9\":1,\n \"a\":1, \"a\":2}", NULL, "c.json:2:9: ", "duplicate"},
    {"{\"\\u0061\":1, \"a\":2}", NULL, "c.json:1:14: ", "duplicate"},
    {"{\"a\": {\"b\": 1,\n\"b\": 1}}", NULL, "c.json:2:1: ", "duplicate"},
    {"{\"a\":\"\\u0000\"}", NULL, "c.json:1:", "\\u0000"},
    {"{\"a\\u0000\":1}", NULL, "c.json:1:", ""},
    {"{\"a\":\n", NULL, "c.json:2:1: ", "end of file"},
    {"", NULL, "c.json:1:1: ", "end of file"},
    {"{\"a\":1} x", NULL, "c.json:1:9: ", "end of file expected"},
    {"{\"\xc3\xa9\":\"\xff\"}", NULL, "c.json:1:7: ", "0xff"},
    {"{\"a\": 9223372036854775808}", NULL, "c.json:1:7: ", "integer"},
    {"{}", "{\n \"type\" 1}", "the schema of the plugin is not valid: 2:9: ", "':'"},
    {"{}", "{\"type\":\"object\",\"type\":\"object\"}",
     "the schema of the plugin is not valid: 1:18: ", "duplicate"},
};

static void plugin_config__syntax_errors__have_their_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(syntax); i++) {
        struct wr_plugin_config_source source = {
            .label = "c.json", .text = syntax[i].text, .schema = syntax[i].schema};
        char why[WHY_MAX];

        assert_null(wr_plugin_config_new(&source, &host, why, sizeof why));
        if (strncmp(why, syntax[i].place, strlen(syntax[i].place)) != 0 ||
            !strstr(why, syntax[i].word))
            fail_msg("%s: %s", syntax[i].text, why);
    }
}

static void plugin_config__full_why__says_that_there_are_more(void **state)
{
    struct wr_plugin_config_source source = {.label = "L",
                                             .text = "{\"aaa\":1,\"bbb\":2,\"ccc\":3}",
                                             .schema = "{\"additionalProperties\":false}"};
    char why[128], *small;

    (void)state;
    /* Lines of 34 and 35 bytes, "\n" twice, 23 for the last line and NUL are 95. */
    assert_null(wr_plugin_config_new(&source, &host, why, 95));
    assert_string_equal(why, "L:1:2: /aaa: this key is not known\n"
                             "L:1:10: /bbb: this key is not known\n(there are more errors)");
    assert_null(wr_plugin_config_new(&source, &host, why, 94));
    assert_string_equal(why, "L:1:2: /aaa: this key is not known\n(there are more errors)");
    small = malloc(8); /* of this size, so that AddressSanitizer sees a byte too many */
    assert_null(wr_plugin_config_new(&source, &host, small, 8));
    assert_string_equal(small, "L:1:2: ");
    assert_null(wr_plugin_config_new(&source, &host, small, 1));
    assert_string_equal(small, "");
    free(small);
    assert_null(wr_plugin_config_new(&source, &host, NULL, 0));
}

/* ---- a text that is a part of another ---- */

static void keep_place(void *arg, const char *place)
{
    snprintf(arg, WHY_MAX, "%s", place);
}

static void plugin_config__errors__have_the_place_in_the_whole(void **state)
{
    struct wr_plugin_config_source source = {.label = "w.json",
                                             .text = "{\"port\": \"x\",\n  \"prot\": 1}",
                                             .schema =
                                                 "{\"properties\":{\"port\":{\"type\":\"integer\"},"
                                                 "\"d\":{\"default\":1}},"
                                                 "\"additionalProperties\":false}",
                                             .origin = {.line = 7, .column = 15},
                                             .pointer = "/routes/2/config"};
    struct wr_plugin_config *c;
    char why[WHY_MAX];

    (void)state;
    assert_null(wr_plugin_config_new(&source, &host, why, sizeof why));
    assert_string_equal(
        why, "w.json:7:24: /routes/2/config/port: expected an integer, found a string\n"
             "w.json:8:3: /routes/2/config/prot: this key is not known; did you mean \"port\"?");
    source.text = "{\"port\" 1}";
    assert_null(wr_plugin_config_new(&source, &host, why, sizeof why));
    assert_string_equal(why, "w.json:7:23: /routes/2/config: ':' expected near '1'");
    source.text = "[]";
    assert_null(wr_plugin_config_new(&source, &host, why, sizeof why));
    assert_string_equal(why, "w.json:7:15: /routes/2/config: expected an object, found an array");
    source.text = "{\n\"port\": 1}";
    c = wr_plugin_config_new(&source, &host, why, sizeof why);
    assert_non_null(c);
    wr_plugin_config_each_unasked(c, keep_place, why);
    assert_string_equal(why, "w.json:8:1: /routes/2/config/port");
    assert_null(wr_config_string(wr_plugin_config_root(c), "d", NULL));
    assert_string_equal(
        wr_plugin_config_error(c),
        "w.json:(default): /routes/2/config/d: a string was asked for, and this is an integer");
    wr_plugin_config_free(c);
}

/* ---- accessors ---- */

static void plugin_config__values__are_given(void **state)
{
    struct wr_plugin_config *c =
        open_config("{\"s\":\"x\",\"i\":-7,\"n\":2.5,\"t\":true,\"f\":false,\"z\":null,"
                    "\"o\":{\"k\":1},\"l\":[\"a\",{\"k\":2},[3]]}",
                    NULL);
    const weir_config *r = wr_plugin_config_root(c), *list;

    (void)state;
    assert_ptr_equal(r->host, &host);
    assert_string_equal(wr_config_string(r, "s", "d"), "x");
    assert_int_equal(wr_config_int(r, "i", 1), -7);
    assert_true(wr_config_number(r, "n", 0) >= 2.5 && wr_config_number(r, "n", 0) <= 2.5);
    assert_true(wr_config_number(r, "i", 0) <= -7 && wr_config_number(r, "i", 0) >= -7);
    assert_int_equal(wr_config_bool(r, "t", 0), 1);
    assert_int_equal(wr_config_bool(r, "f", 1), 0);
    assert_int_equal(wr_config_has(r, "z"), 1);
    assert_int_equal(wr_config_has(r, "y"), 0);
    assert_int_equal(wr_config_int(wr_config_object(r, "o"), "k", 0), 1);
    assert_ptr_equal(wr_config_object(r, "o")->host, &host);
    assert_ptr_equal(wr_config_object(r, NULL), r);
    assert_int_equal(wr_config_count(r, "l"), 3);
    assert_string_equal(wr_config_string(wr_config_item(r, "l", 0), NULL, "d"), "a");
    assert_int_equal(wr_config_int(wr_config_item(r, "l", 1), "k", 0), 2);
    list = wr_config_item(r, "l", 2);
    assert_int_equal(wr_config_count(list, NULL), 1);
    assert_int_equal(wr_config_int(wr_config_item(list, NULL, 0), NULL, 0), 3);
    assert_null(wr_config_item(r, "l", 3));
    assert_string_equal(wr_config_string(r, "y", "d"), "d");
    assert_int_equal(wr_config_int(r, "y", 5), 5);
    assert_int_equal(wr_config_bool(r, "y", 1), 1);
    assert_null(wr_config_object(r, "y"));
    assert_int_equal(wr_config_count(r, "y"), 0);
    assert_null(wr_plugin_config_error(c));
    wr_plugin_config_free(c);
}

static void ask_string(const weir_config *r)
{
    assert_string_equal(wr_config_string(r, "v", "d"), "d");
}
static void ask_int(const weir_config *r)
{
    assert_int_equal(wr_config_int(r, "v", 5), 5);
}
static void ask_number(const weir_config *r)
{
    assert_true(wr_config_number(r, "v", 5) >= 5);
}
static void ask_bool(const weir_config *r)
{
    assert_int_equal(wr_config_bool(r, "v", 1), 1);
}
static void ask_object(const weir_config *r)
{
    assert_null(wr_config_object(r, "v"));
}
static void ask_array(const weir_config *r)
{
    assert_int_equal(wr_config_count(r, "v"), 0);
    assert_null(wr_config_item(r, "v", 0));
}
static void ask_key_of_item(const weir_config *r)
{
    assert_int_equal(wr_config_int(wr_config_item(r, "v", 1), "k", 5), 5);
}
static void ask_twice(const weir_config *r)
{
    wr_config_int(r, "v", 0);
    wr_config_string(r, NULL, "");
}

static const struct {
    const char *text, *schema;
    void (*ask)(const weir_config *r);
    const char *error;
} mistakes[] = {
    {"{\"v\":80}", NULL, ask_string,
     "c.json:1:6: /v: a string was asked for, and this is an integer"},
    {"{\"v\":3.0}", NULL, ask_int,
     "c.json:1:6: /v: an integer was asked for, and this is a number"},
    {"{\"v\":1e300}", NULL, ask_int,
     "c.json:1:6: /v: an integer was asked for, and this is a number"},
    {"{\"v\":null}", NULL, ask_number, "c.json:1:6: /v: a number was asked for, and this is null"},
    {"{\"v\":1}", NULL, ask_bool,
     "c.json:1:6: /v: a boolean was asked for, and this is an integer"},
    {"{\"v\":[]}", NULL, ask_object,
     "c.json:1:6: /v: an object was asked for, and this is an array"},
    {"{\"v\":{}}", NULL, ask_array,
     "c.json:1:6: /v: an array was asked for, and this is an object"},
    {"{\"v\":[1,\ntrue]}", NULL, ask_key_of_item,
     "c.json:2:1: /v/1: an object was asked for, and this is a boolean"},
    {"{\"v\":\"\"}", NULL, ask_twice, /* the first counts */
     "c.json:1:6: /v: an integer was asked for, and this is a string"},
    {"{}", "{\"properties\":{\"v\":{\"default\":1}}}", ask_string,
     "c.json:(default): /v: a string was asked for, and this is an integer"},
};

static void plugin_config__wrong_type__gives_absent_and_is_noted(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(mistakes); i++) {
        struct wr_plugin_config *c = open_config(mistakes[i].text, mistakes[i].schema);

        mistakes[i].ask(wr_plugin_config_root(c));
        assert_non_null(wr_plugin_config_error(c));
        assert_string_equal(wr_plugin_config_error(c), mistakes[i].error);
        wr_plugin_config_free(c);
    }
}

static __attribute__((format(printf, 2, 3))) int32_t fail_load(const weir_config *config,
                                                               const char *fmt, ...)
{
    va_list ap;
    int32_t err;

    va_start(ap, fmt);
    err = wr_config_fail(config, fmt, ap);
    va_end(ap);
    return err;
}

static void plugin_config__what_fail_said__comes_before_wrong_types(void **state)
{
    struct wr_plugin_config *c = open_config("{\"v\":1}", NULL);
    const weir_config *r = wr_plugin_config_root(c);

    (void)state;
    ask_string(r);
    assert_int_equal(fail_load(r, "cannot open %s:\n%d", "x", 2), WEIR_ECONFIG);
    assert_int_equal(fail_load(r, "outer"), WEIR_ECONFIG);
    assert_string_equal(wr_plugin_config_error(c), "cannot open x: 2");
    wr_plugin_config_free(c);
}

/* ---- text and keys that nobody asked for ---- */

static void append_place(void *arg, const char *place)
{
    char *list = arg;
    size_t n = strlen(list);

    snprintf(list + n, WHY_MAX - n, "%s%s", n > 0 ? "\n" : "", place);
}

static void check_unasked(const struct wr_plugin_config *c, const char *expected)
{
    char list[WHY_MAX] = "";

    wr_plugin_config_each_unasked(c, append_place, list);
    assert_string_equal(list, expected);
}

static void plugin_config__unasked_keys__are_told_at_each_level(void **state)
{
    struct wr_plugin_config *c = open_config(
        "{\"a\":1,\n\"o\":{\"b\":2,\"c\":3},\n\"l\":[{\"d\":4},{\"e\":5}],\"h\":{\"i\":6}}",
        "{\"properties\":{\"z\":{\"default\":1}}}");
    const weir_config *r = wr_plugin_config_root(c), *o;

    (void)state;
    check_unasked(c, "c.json:1:2: /a\nc.json:2:1: /o\nc.json:3:1: /l\nc.json:3:23: /h");
    o = wr_config_object(r, "o");
    wr_config_item(r, "l", 1);
    assert_int_equal(wr_config_has(r, "h"), 1);
    check_unasked(c, "c.json:1:2: /a\nc.json:2:6: /o/b\nc.json:2:12: /o/c\nc.json:3:15: /l/1/e");
    wr_config_int(o, "c", 0);
    wr_config_int(r, "a", 0);
    check_unasked(c, "c.json:2:6: /o/b\nc.json:3:15: /l/1/e");
    wr_config_text(o);
    check_unasked(c, "c.json:3:15: /l/1/e");
    wr_config_text(r);
    check_unasked(c, "");
    wr_plugin_config_free(c);
}

static void plugin_config__text__is_as_written_or_with_defaults(void **state)
{
    const char *schema = "{\"properties\":{\"p\":{\"default\":1}}}";
    struct wr_plugin_config *c = open_config(" {\"a\" :1.50,\n \"o\":{ }} ", NULL);
    const weir_config *r = wr_plugin_config_root(c);

    (void)state;
    assert_string_equal(wr_config_text(r), "{\"a\" :1.50,\n \"o\":{ }}");
    assert_ptr_equal(wr_config_text(r), wr_config_text(r));
    assert_string_equal(wr_config_text(wr_config_object(r, "o")), "{ }");
    wr_plugin_config_free(c);
    c = open_config(NULL, NULL);
    assert_string_equal(wr_config_text(wr_plugin_config_root(c)), "{}");
    wr_plugin_config_free(c);
    c = open_config("{\"a\":[2]}", schema);
    assert_string_equal(wr_config_text(wr_plugin_config_root(c)), "{\"a\": [2], \"p\": 1}");
    wr_plugin_config_free(c);
    c = open_config(NULL, "{\"default\":{\"q\":2}}");
    assert_int_equal(wr_config_int(wr_plugin_config_root(c), "q", 0), 2);
    wr_plugin_config_free(c);
}

WR_TESTS(cmocka_unit_test(plugin_config__what_is_wrong__is_told),
         cmocka_unit_test(plugin_config__syntax_errors__have_their_place),
         cmocka_unit_test(plugin_config__full_why__says_that_there_are_more),
         cmocka_unit_test(plugin_config__errors__have_the_place_in_the_whole),
         cmocka_unit_test(plugin_config__values__are_given),
         cmocka_unit_test(plugin_config__wrong_type__gives_absent_and_is_noted),
         cmocka_unit_test(plugin_config__what_fail_said__comes_before_wrong_types),
         cmocka_unit_test(plugin_config__unasked_keys__are_told_at_each_level),
         cmocka_unit_test(plugin_config__text__is_as_written_or_with_defaults));
