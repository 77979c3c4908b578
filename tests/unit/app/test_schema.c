#include "app/schema.h"

#include <stdio.h>
#include <stdlib.h>

#include "support.h"

#define LIST_MAX 2048

static bool note(void *arg, const struct wr_json_path *path, enum wr_json_part part,
                 const char *what)
{
    char pointer[256], *list = arg;
    size_t n = strlen(list);

    (void)part;
    wr_json_pointer(path, pointer, sizeof pointer);
    snprintf(list + n, LIST_MAX - n, "%s%s: %s", n > 0 ? "\n" : "", pointer, what);
    return true;
}

static json_t *parse(const char *text)
{
    json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);

    if (!value)
        fail_msg("not JSON: %s", text);
    return value;
}

/* ---- values ---- */

#define P(schema) "{\"properties\":{\"x\":" schema "}}"

static const struct {
    const char *schema, *value, *errors; /* "": valid */
} checks[] = {
    {"{}", "{\"a\":[1,null]}", ""},
    {P("{\"type\":\"integer\"}"), "{\"x\":3}", ""},
    {P("{\"type\":\"integer\"}"), "{}", ""},
    {P("{\"type\":\"integer\"}"), "{\"x\":\"3\"}", "/x: expected an integer, found a string"},
    {P("{\"type\":\"integer\"}"), "{\"x\":3.0}",
     "/x: expected an integer, found a number with a fraction or exponent"},
    {P("{\"type\":\"number\"}"), "{\"x\":3}", ""},
    {P("{\"type\":\"number\"}"), "{\"x\":3.5}", ""},
    {P("{\"type\":\"number\"}"), "{\"x\":true}", "/x: expected a number, found a boolean"},
    {P("{\"type\":\"string\"}"), "{\"x\":null}", "/x: expected a string, found null"},
    {P("{\"type\":\"boolean\"}"), "{\"x\":false}", ""},
    {P("{\"type\":\"boolean\"}"), "{\"x\":0}", "/x: expected a boolean, found an integer"},
    {P("{\"type\":\"null\"}"), "{\"x\":null}", ""},
    {P("{\"type\":\"null\"}"), "{\"x\":{}}", "/x: expected null, found an object"},
    {P("{\"type\":\"array\"}"), "{\"x\":{}}", "/x: expected an array, found an object"},
    {P("{\"type\":\"object\"}"), "{\"x\":[]}", "/x: expected an object, found an array"},
    {P("{\"type\":[\"string\",\"null\"]}"), "{\"x\":null}", ""},
    {P("{\"type\":[\"string\",\"array\",\"null\"]}"), "{\"x\":1}",
     "/x: expected a string, an array or null, found an integer"},
    {P("{\"minimum\":1,\"maximum\":2.5}"), "{\"x\":1}", ""},
    {P("{\"minimum\":1,\"maximum\":2.5}"), "{\"x\":2.5}", ""},
    {P("{\"minimum\":1,\"maximum\":2.5}"), "{\"x\":0}", "/x: expected at least 1, found 0"},
    {P("{\"minimum\":1,\"maximum\":2.5}"), "{\"x\":2.6}", "/x: expected at most 2.5, found 2.6"},
    {P("{\"minimum\":1}"), "{\"x\":\"\"}", ""}, /* of numbers only */
    {P("{\"maximum\":9223372036854775806}"), "{\"x\":9223372036854775807}",
     "/x: expected at most 9223372036854775806, found 9223372036854775807"}, /* one double */
    {P("{\"minLength\":2,\"maxLength\":3}"), "{\"x\":\"\xc3\xa9\xc3\xa9\xc3\xa9\"}", ""},
    {P("{\"minLength\":2,\"maxLength\":3}"), "{\"x\":\"\xc3\xa9\"}",
     "/x: expected a string of at least 2 characters, found 1"},
    {P("{\"minLength\":2,\"maxLength\":3}"), "{\"x\":\"abcd\"}",
     "/x: expected a string of at most 3 characters, found 4"},
    {P("{\"minLength\":2}"), "{\"x\":1}", ""},
    {P("{\"enum\":[\"a\",1,null]}"), "{\"x\":1.0}", ""}, /* equal numbers */
    {P("{\"enum\":[\"a\",1,null]}"), "{\"x\":null}", ""},
    {P("{\"enum\":[\"a\",1,null]}"), "{\"x\":\"b\"}",
     "/x: expected one of \"a\", 1, null, found \"b\""},
    {P("{\"enum\":[[1,{\"k\":2}]]}"), "{\"x\":[1,{\"k\":2}]}", ""},
    {P("{\"enum\":[\"a\"]}"), "{\"x\":[]}", "/x: expected \"a\", found []"},
    {P("{\"items\":{\"type\":\"string\"}}"), "{\"x\":[\"a\",\"b\"]}", ""},
    {P("{\"items\":{\"type\":\"string\"}}"), "{\"x\":[1,\"b\",null]}",
     "/x/0: expected a string, found an integer\n/x/2: expected a string, found null"},
    {P("{\"items\":{\"type\":\"string\"}}"), "{\"x\":7}", ""},
    {P("{\"required\":[\"a\",\"b\"]}"), "{\"x\":{\"b\":0}}",
     "/x/a: this key is required, and it is not there"},
    {"{\"required\":[\"a\"],\"properties\":{\"a\":{\"default\":1}}}", "{}",
     "/a: this key is required, and it is not there"},
    {"{\"additionalProperties\":true}", "{\"y\":1}", ""},
    {"{\"additionalProperties\":false}", "{\"y\":1}", "/y: this key is not known"},
    {"{\"additionalProperties\":false,\"properties\":{\"port\":{},\"path\":{}}}",
     "{\"prot\":1,\"pth\":2,\"zzzz\":3,\"p\":4}",
     "/prot: this key is not known; did you mean \"port\"?\n"
     "/pth: this key is not known; did you mean \"path\"?\n"
     "/zzzz: this key is not known\n/p: this key is not known"},
    {"{\"additionalProperties\":false,\"properties\":{\"ip\":{}}}", "{\"xy\":1}",
     "/xy: this key is not known"}, /* distance 2, and nothing in common */
    {"{\"additionalProperties\":false,\"properties\":{\"connections\":{}}}",
     "{\"conections_n\":1}", /* distance 3 of 12 */
     "/conections_n: this key is not known; did you mean \"connections\"?"},
    {"{\"properties\":{\"a\":{\"type\":\"null\"},\"b\":{\"type\":\"null\"}},"
     "\"additionalProperties\":false}",
     "{\"b\":1,\"zzz\":2,\"a\":3}", /* the order of the value, not of the schema */
     "/b: expected null, found an integer\n/zzz: this key is not known\n"
     "/a: expected null, found an integer"},
};

static void schema__values__are_checked(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(checks); i++) {
        char errors[LIST_MAX] = "";
        struct wr_schema_sink sink = {.error = note, .arg = errors};
        json_t *schema = parse(checks[i].schema), *value = parse(checks[i].value);
        bool is_schema = wr_schema_is_valid(schema, &sink);
        bool valid = is_schema && wr_schema_check(schema, value, &sink);

        json_decref(schema);
        json_decref(value);
        if (!is_schema || valid != !checks[i].errors[0] || strcmp(errors, checks[i].errors) != 0)
            fail_msg("%s, %s: %s", checks[i].schema, checks[i].value, errors);
    }
}

/* ---- schemas ---- */

#define KNOWN                                                                                      \
    "this keyword is not among those that Weir knows (type, properties, required, "                \
    "additionalProperties, items, enum, minimum, maximum, minLength, maxLength, default, "         \
    "description)"

static const struct {
    const char *schema, *errors;
} schemas[] = {
    {"{}", ""},
    {"{\"type\":\"object\",\"description\":\"x\",\"default\":{}}", ""},
    {P("{\"type\":[\"integer\",\"null\"],\"default\":null}"), ""},
    {P("{\"properties\":{\"pattern\":{}}}"), ""}, /* a key of that name is no keyword */
    {P("{\"pattern\":\"y\"}"), "/properties/x/pattern: " KNOWN},
    {"{\"$schema\":\"y\"}", "/$schema: " KNOWN},
    {P("{\"items\":{\"title\":\"y\"}}"), "/properties/x/items/title: " KNOWN},
    {"[]", ": expected a schema, which is an object, found an array"},
    {P("true"), "/properties/x: expected a schema, which is an object, found a boolean"},
    {"{\"type\":\"array\"}", "/type: expected \"object\": that is what a configuration is"},
    {P("{\"type\":\"strnig\"}"), "/properties/x/type: expected one of object, array, string, "
                                 "integer, number, boolean, null, found \"strnig\""},
    {P("{\"type\":1}"), "/properties/x/type: expected the name of a type, found an integer"},
    {P("{\"type\":[]}"), "/properties/x/type: expected an array with at least one item"},
    {P("{\"type\":[\"null\",2]}"),
     "/properties/x/type/1: expected the name of a type, found an integer"},
    {"{\"properties\":[]}", "/properties: expected an object, found an array"},
    {"{\"required\":\"x\"}", "/required: expected an array of strings, found a string"},
    {"{\"required\":[\"x\",null]}", "/required/1: expected a string, found null"},
    {"{\"additionalProperties\":{}}",
     "/additionalProperties: expected true or false, found an object"},
    {P("{\"items\":[]}"), "/properties/x/items: expected a schema, which is an object, found an "
                          "array"},
    {P("{\"enum\":{}}"), "/properties/x/enum: expected an array, found an object"},
    {P("{\"enum\":[]}"), "/properties/x/enum: expected an array with at least one item"},
    {P("{\"minimum\":\"1\",\"maximum\":null}"),
     "/properties/x/minimum: expected a number, found a string\n"
     "/properties/x/maximum: expected a number, found null"},
    {P("{\"minLength\":-1,\"maxLength\":\"\"}"),
     "/properties/x/minLength: expected an integer that is not negative, found -1\n"
     "/properties/x/maxLength: expected an integer that is not negative, found a string"},
    {P("{\"description\":1}"), "/properties/x/description: expected a string, found an integer"},
    {P("{\"type\":\"integer\",\"default\":\"1\"}"),
     "/properties/x/default: expected an integer, found a string"},
    {P("{\"default\":{\"y\":[1,\"\"]},\"properties\":{\"y\":{\"items\":{\"type\":\"string\"}}}}"),
     "/properties/x/default/y/0: expected a string, found an integer"},
    {P("{\"default\":{},\"required\":[\"y\"]}"),
     "/properties/x/default/y: this key is required, and it is not there"},
};

static void schema__schemas__are_checked(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(schemas); i++) {
        char errors[LIST_MAX] = "";
        struct wr_schema_sink sink = {.error = note, .arg = errors};
        json_t *schema = parse(schemas[i].schema);
        bool valid = wr_schema_is_valid(schema, &sink);

        json_decref(schema);
        if (valid != !schemas[i].errors[0] || strcmp(errors, schemas[i].errors) != 0)
            fail_msg("%s: %s", schemas[i].schema, errors);
    }
}

/* ---- defaults ---- */

#define NESTED                                                                                     \
    "{\"properties\":{\"a\":{\"properties\":{\"b\":{\"default\":1}}},"                             \
    "\"c\":{\"default\":{},\"properties\":{\"d\":{\"default\":[2]}}},"                             \
    "\"e\":{\"items\":{\"properties\":{\"f\":{\"default\":null}}}}}}"

static const struct {
    const char *schema, *value, *result;
} defaults[] = {
    {P("{\"default\":80}"), "{}", "{\"x\":80}"},
    {P("{\"default\":80}"), "{\"x\":null}", "{\"x\":null}"},
    {NESTED, "{}", "{\"c\":{\"d\":[2]}}"}, /* none for the object that is not there */
    {NESTED, "{\"a\":{}}", "{\"a\":{\"b\":1},\"c\":{\"d\":[2]}}"},
    {NESTED, "{\"a\":{\"b\":0},\"c\":{\"d\":0}}", "{\"a\":{\"b\":0},\"c\":{\"d\":0}}"},
    {NESTED, "{\"c\":1,\"e\":[{},3,{\"f\":0}]}", "{\"c\":1,\"e\":[{\"f\":null},3,{\"f\":0}]}"},
};

static void schema__defaults__are_put_in(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(defaults); i++) {
        json_t *schema = parse(defaults[i].schema), *value = parse(defaults[i].value);
        json_t *result = parse(defaults[i].result), *untouched = parse(defaults[i].schema);

        assert_true(wr_schema_put_defaults(schema, value));
        if (!json_equal(value, result))
            fail_msg("%s, %s", defaults[i].schema, defaults[i].value);
        assert_true(json_equal(schema, untouched)); /* a default is copied, not lent */
        json_decref(schema);
        json_decref(untouched);
        json_decref(value);
        json_decref(result);
    }
}

static bool count_two(void *arg, const struct wr_json_path *path, enum wr_json_part part,
                      const char *what)
{
    (void)path, (void)part, (void)what;
    return ++*(int *)arg < 2;
}

static void schema__sink_that_has_enough__is_not_called_again(void **state)
{
    int calls = 0;
    struct wr_schema_sink sink = {.error = count_two, .arg = &calls};
    json_t *schema = parse("{\"additionalProperties\":false}");
    json_t *value = parse("{\"a\":1,\"b\":2,\"c\":3,\"d\":4}");

    (void)state;
    assert_false(wr_schema_check(schema, value, &sink));
    assert_int_equal(calls, 2);
    json_decref(schema);
    json_decref(value);
}

WR_TESTS(cmocka_unit_test(schema__values__are_checked),
         cmocka_unit_test(schema__schemas__are_checked),
         cmocka_unit_test(schema__defaults__are_put_in),
         cmocka_unit_test(schema__sink_that_has_enough__is_not_called_again));
