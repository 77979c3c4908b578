#include "config/text.h"

#include "support.h"

static const struct {
    const char *text, *blanked, *why;
} cases[] = {
    {"", "", "nothing"},
    {"{}", "{}", "no comment"},
    {"{} // x\n1", "{}     \n1", "up to the end of the line"},
    {"// x", "    ", "or of the text"},
    {"1/**/2", "1    2", "does not join what stands beside it"},
    {"/* a\n b */1", "    \n     1", "over lines"},
    {"/*\xc3\xa9*/1", "     1", "a space a character"},
    {"//\xf0\x9f\x98\x80\n1", "   \n1", "of four bytes too"},
    {"/* // */1", "        1", "one in another"},
    {"// /*\n1", "     \n1", "and the other way"},
    {"\"//\"", "\"//\"", "in a string it is none"},
    {"\"\\\"/*\" /*x*/", "\"\\\"/*\"      ", "behind a quote that is escaped"},
    {"\"\\\\\"//x", "\"\\\\\"   ", "behind an escaped backslash"},
    {"\"a\n//x", "\"a\n   ", "a string ends with its line"},
    {"/ 1", "/ 1", "a slash"},
    {"/**", NULL, "without an end"},
    {"/*/", NULL, "a slash is not twice in it"},
    {"\xef\xbb\xbf{}", "{}", "a byte order mark"},
    {"{}\xef\xbb\xbf", "{}\xef\xbb\xbf", "only in front"},
    {"//a\r\n1", "    \n1", "CR belongs to the comment"},
    {"\xed\x9f\xbf\xee\x80\x80", "\xed\x9f\xbf\xee\x80\x80", "beside the surrogates"},
    {"\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf", "the last character"},
    {"\xf4\x90\x80\x80", NULL, "past it"},
    {"\xe0\x9f\xbf", NULL, "longer than it need be"},
    {"\xf0\x8f\xbf\xbf", NULL, "longer than it need be"},
    {"\xc3", NULL, "cut"},
    {"\xe2\x82", NULL, "cut"},
};

static void text__comments__become_blanks(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        struct wr_json_place place = {0, 0};
        struct wr_slice out = {NULL, 0};
        struct wr_arena arena;
        const char *what;
        bool taken;

        wr_arena_init(&arena, SIZE_MAX);
        taken = wr_config_make_text(&arena, wr_slice_of(cases[i].text), &out, &place, &what);
        if (taken != (cases[i].blanked != NULL))
            fail_msg("%s", cases[i].why);
        if (taken && strcmp(out.p, cases[i].blanked) != 0)
            fail_msg("%s: '%s'", cases[i].why, out.p);
        if (!taken && (!what || place.line != 1 || place.column != 1))
            fail_msg("%s: %zu:%zu", cases[i].why, place.line, place.column);
        wr_arena_fini(&arena);
    }
}

static void text__without_memory__says_nothing_of_the_text(void **state)
{
    struct wr_json_place place;
    struct wr_slice out;
    struct wr_arena arena;
    const char *what = "";

    (void)state;
    wr_arena_init(&arena, 0);
    assert_false(wr_config_make_text(&arena, WR_SLICE("{}"), &out, &place, &what));
    assert_null(what);
    wr_arena_fini(&arena);
}

WR_TESTS(cmocka_unit_test(text__comments__become_blanks),
         cmocka_unit_test(text__without_memory__says_nothing_of_the_text));
