#include "app/json_place.h"

#include "support.h"

#define STEPS_MAX 4

/* A step: a key, or "#2" for item 2. */
static const struct {
    const char *text, *steps[STEPS_MAX];
    enum wr_json_part part;
    size_t line, column; /* 0: not in the text */
    const char *why;
} places[] = {
    {"{}", {NULL}, WR_JSON_VALUE, 1, 1, "the top level"},
    {"\n\t {}", {NULL}, WR_JSON_VALUE, 2, 3, "behind white space; a tab is one column"},
    {"{\"port\":80}", {"port"}, WR_JSON_VALUE, 1, 9, "a value"},
    {"{\"port\":80}", {"port"}, WR_JSON_KEY, 1, 2, "a key"},
    {"{\"port\":80}", {"x"}, WR_JSON_VALUE, 0, 0, "a key that is not there"},
    {"{\"port\":80}", {"por"}, WR_JSON_VALUE, 0, 0, "the beginning of one"},
    {"{\"port\":80}", {"ports"}, WR_JSON_VALUE, 0, 0, "longer than the one that is there"},
    {"{\"port\":80}", {"x"}, WR_JSON_PARENT, 1, 1, "where a key is missing"},
    {"{\"a\":1,\"b\" : [10, 20]}", {"b", "#1"}, WR_JSON_VALUE, 1, 19, "an item"},
    {"{\"a\":1,\"b\" : [10, 20]}", {"b", "#1"}, WR_JSON_KEY, 1, 19, "an item has no key"},
    {"{\"a\":1,\"b\" : [10, 20]}", {"b", "#2"}, WR_JSON_VALUE, 0, 0, "past the last item"},
    {"{\"b\":[]}", {"b", "#0"}, WR_JSON_VALUE, 0, 0, "of an empty array"},
    {"{\"b\":[]}", {"b", "x"}, WR_JSON_VALUE, 0, 0, "a key of an array"},
    {"{\"b\":{}}", {"b", "#0"}, WR_JSON_VALUE, 0, 0, "an item of an object"},
    {"{\"a\":{\"x\":1},\n \"x\":2}", {"x"}, WR_JSON_VALUE, 2, 6, "not the one that is deeper"},
    {"{\"a\":\"}, \\\"x\\\":\",\n \"x\":2}", {"x"}, WR_JSON_VALUE, 2, 6, "not one in a string"},
    {"{\"a\":[[{\"k\":[1]},2],3],\"x\":2}", {"x"}, WR_JSON_VALUE, 1, 28, "behind what is nested"},
    {"{\"a\":[[1,2],[3,{\"k\":true}]]}", {"a", "#1", "#1", "k"}, WR_JSON_VALUE, 1, 21, "deep"},
    {"{\"a\":\"\\\\\",\"x\":2}", {"x"}, WR_JSON_VALUE, 1, 15, "behind an escaped backslash"},
    {"{\"\xc3\xa9\":1}", {"\xc3\xa9"}, WR_JSON_VALUE, 1, 6, "two bytes are one character"},
    {"{\"\xf0\x9f\x98\x80\":1}", {"\xf0\x9f\x98\x80"}, WR_JSON_VALUE, 1, 6, "and so are four"},
    {"{\"\\u00e9\":1}", {"\xc3\xa9"}, WR_JSON_VALUE, 1, 11, "an escaped key"},
    {"{\"\\u20aC\":1}", {"\xe2\x82\xac"}, WR_JSON_VALUE, 1, 11, "of three bytes"},
    {"{\"\\uD83D\\ude00\":1}", {"\xf0\x9f\x98\x80"}, WR_JSON_VALUE, 1, 17, "a surrogate pair"},
    {"{\"\\b\\f\\n\\r\\t\\/\\\\\\\"\":1}", {"\b\f\n\r\t/\\\""}, WR_JSON_VALUE, 1, 21, "escapes"},
    {"{\"\":1}", {""}, WR_JSON_VALUE, 1, 5, "the empty key"},
    {"{\"a\":1,\r\n\"b\":2}", {"b"}, WR_JSON_VALUE, 2, 5, "CRLF is one end of a line"},
    {"", {NULL}, WR_JSON_VALUE, 0, 0, "no text"},
    {"{\"a", {"a"}, WR_JSON_VALUE, 0, 0, "a key without an end"},
    {"{\"a\"", {"a"}, WR_JSON_VALUE, 0, 0, "no colon"},
    {"{\"a\":", {"a"}, WR_JSON_VALUE, 0, 0, "no value"},
    {"{\"b\":[[", {"a"}, WR_JSON_VALUE, 0, 0, "nothing is closed"},
    {"{\"b\":\"\\", {"a"}, WR_JSON_VALUE, 0, 0, "it ends in a backslash"},
};

static const struct wr_json_path *link_steps(const char *const *steps,
                                             struct wr_json_path path[STEPS_MAX + 1])
{
    size_t n = 0;

    path[0] = (struct wr_json_path){.parent = NULL};
    for (; n < STEPS_MAX && steps[n]; n++) {
        path[n + 1] = (struct wr_json_path){.parent = &path[n], .key = steps[n]};
        if (steps[n][0] == '#') {
            path[n + 1].key = NULL;
            path[n + 1].index = (size_t)(steps[n][1] - '0');
        }
    }
    return &path[n];
}

static void json_place__values_and_keys__are_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(places); i++) {
        struct wr_slice text = wr_slice_of(places[i].text);
        struct wr_json_path path[STEPS_MAX + 1];
        struct wr_json_place got = {0, 0};
        size_t at;

        if (wr_json_find(text, link_steps(places[i].steps, path), places[i].part, &at))
            got = wr_json_place_of(text, at);
        if (got.line != places[i].line || got.column != places[i].column)
            fail_msg("%s (%s): %zu:%zu", places[i].text, places[i].why, got.line, got.column);
    }
}

static void json_place__end_of_text__is_behind_the_last_character(void **state)
{
    struct wr_json_place got = wr_json_place_of(WR_SLICE("a\nb\xc3\xa9"), 5);

    (void)state;
    assert_int_equal(got.line, 2);
    assert_int_equal(got.column, 3);
}

static const struct {
    const char *text;
    size_t at;
    const char *value;
} values[] = {
    {"{\"a\": 1 }", 6, "1"},
    {"{\"a\":[1,{}] }", 5, "[1,{}]"},
    {" {\"a\":1} ", 1, "{\"a\":1}"},
    {"[\"]\"]", 0, "[\"]\"]"},
    {"[-1.5e+3,2]", 1, "-1.5e+3"},
    {"{\"a\":true}", 5, "true"},
    {"{\"a\":\"x\\\"\"}", 5, "\"x\\\"\""},
    {"[[", 0, "[["},
};

static void json_place__value__ends_where_it_ends(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(values); i++) {
        struct wr_slice got = wr_json_value_at(wr_slice_of(values[i].text), values[i].at);

        if (!wr_slice_eq(got, wr_slice_of(values[i].value)))
            fail_msg("%s: %.*s", values[i].text, (int)got.n, got.p);
    }
}

static const struct {
    const char *text;
    size_t consumed, at;
    const char *why;
} blames[] = {
    {"{\"a\": nul}", 9, 6, "the beginning of a word"},
    {"{\"a\":1, \"a\"", 11, 8, "of a whole string"},
    {"{\"a\": \"x\\q\"}", 10, 9, "the byte within a string"},
    {"[1 2]", 4, 3, "a number"},
    {"{]", 2, 1, "a mark"},
    {"", 0, 0, "nothing"},
    {"  ", 2, 1, "white space"},
    {"[1]", 9, 2, "more than there is"},
    {"[1;2]", 3, 2, "what follows a number at once"},
    {"[0x10]", 5, 1, "but not the rest of a word"},
};

static const struct {
    const char *text;
    size_t consumed, at;
} escapes[] = {
    {"[\"ab\\xcd\"]", 6, 4},
    {"[\"ab\\u12g4\"]", 9, 4},
    {"[\"ab\\u12\"]", 9, 4},
    {"[\"\\n\\u00e4\\ud83d\\ude00\\ud800\"]", 29, 22},
    {"[\"a\\udc00\"]", 10, 3},
    {"[\"a\\ud800\\ud800\"]", 16, 3},
    {"[\"\\\\\\u0000\"]", 11, 4},
    {"[\"\\x\", \"a\\q", 11, 9}, /* that of the last string */
    {"[\"abc\"]", 6, 1},         /* none: the string */
    {"[nul]", 4, 1},
};

static void json_place__blame__is_where_the_escape_begins(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(escapes); i++) {
        size_t got = wr_json_blame_escape(wr_slice_of(escapes[i].text), escapes[i].consumed);

        if (got != escapes[i].at)
            fail_msg("%s: %zu", escapes[i].text, got);
    }
}

static void json_place__blame__is_where_the_token_begins(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(blames); i++) {
        size_t got = wr_json_blame(wr_slice_of(blames[i].text), blames[i].consumed);

        if (got != blames[i].at)
            fail_msg("%s (%s): %zu", blames[i].text, blames[i].why, got);
    }
}

static const struct {
    const char *steps[STEPS_MAX];
    size_t size;
    const char *pointer;
} pointers[] = {
    {{NULL}, 64, ""}, /* RFC 6901 5 for these */
    {{"foo", "#0"}, 64, "/foo/0"},
    {{""}, 64, "/"},
    {{"a/b"}, 64, "/a~1b"},
    {{"m~n"}, 64, "/m~0n"},
    {{"k\"l", " "}, 64, "/k\"l/ "},
    {{"a\nb\x7f"}, 64, "/a\\u000ab\\u007f"}, /* a message stays one line */
    {{"abcdefgh"}, 12, "/abcdefg..."},
    {{"abcdefg"}, 12, "/abcdefg"},
    {{"abcde\xe2\x82\xac"}, 12, "/abcde..."}, /* no part of a character */
};

static void json_place__pointer__is_escaped_and_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(pointers); i++) {
        struct wr_json_path path[STEPS_MAX + 1];
        char got[64];

        wr_json_pointer(link_steps(pointers[i].steps, path), got, pointers[i].size);
        assert_string_equal(got, pointers[i].pointer);
    }
}

WR_TESTS(cmocka_unit_test(json_place__values_and_keys__are_found),
         cmocka_unit_test(json_place__end_of_text__is_behind_the_last_character),
         cmocka_unit_test(json_place__value__ends_where_it_ends),
         cmocka_unit_test(json_place__blame__is_where_the_token_begins),
         cmocka_unit_test(json_place__blame__is_where_the_escape_begins),
         cmocka_unit_test(json_place__pointer__is_escaped_and_cut));
