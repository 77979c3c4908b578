#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/json_place.h"
#include "config/options.h"
#include "support.h"

#define ARROW      "  =>  "
#define ERRORS_MAX 8

/* What a line of broken.txt says: a text, and where each error of it is. */
struct broken {
    char text[8192];
    size_t n;
    struct wr_json_place places[ERRORS_MAX];
    size_t errors;
    const char *messages;
};

static int hex(const char *digits)
{
    unsigned value = 0;

    if (sscanf(digits, "%2x", &value) != 1) /* NOLINT(cert-err34-c) */
        fail_msg("%s", digits);
    return (int)value;
}

/* Counts lines and columns on its own: a character is what is no byte that follows in UTF-8, and a
 * byte order mark is none. */
static void parse(const char *line, struct broken *b)
{
    const char *end = strstr(line, ARROW);
    struct wr_json_place here = {1, 1};

    *b = (struct broken){.messages = end + strlen(ARROW)};
    if (strncmp(line, "%ef%bb%bf", 9) == 0)
        here.column = 0;
    while (line < end) {
        char c = *line++;

        if (c == '^') {
            assert_true(b->errors < ERRORS_MAX);
            b->places[b->errors++] = here;
            continue;
        }
        if (c == '%') {
            c = (char)hex(line);
            line += 2;
        } else if (c == '$') {
            c = '\n';
        }
        assert_true(b->n < sizeof b->text);
        b->text[b->n++] = c;
        here.column += ((unsigned char)c & 0xc0) != 0x80;
        if (c == '\n')
            here = (struct wr_json_place){here.line + 1, 1};
    }
}

/* Cuts the next element off. */
static char *cut(char **rest, const char *mark)
{
    char *first = *rest, *end = first ? strstr(first, mark) : NULL;

    *rest = end ? end + strlen(mark) : NULL;
    if (end)
        *end = '\0';
    return first;
}

static bool is_message(const char *got, const struct wr_json_place *place, const char *message)
{
    size_t n = strlen(message);
    char start[64];
    int start_n = snprintf(start, sizeof start, "weir.json:%zu:%zu: ", place->line, place->column);

    if (strncmp(got, start, (size_t)start_n) != 0)
        return false;
    got += start_n;
    if (n > 0 && message[n - 1] == '*')
        return strncmp(got, message, n - 1) == 0;
    return strcmp(got, message) == 0;
}

static bool check(const char *line)
{
    struct wr_options_source source = {.label = "weir.json", .folder = "/etc/weir"};
    struct wr_errors errors = {0};
    static struct broken b;
    char *copy, *messages, *all, *got;
    bool right;

    parse(line, &b);
    copy = messages = strdup(b.messages);
    source.text = malloc(b.n + (b.n == 0)); /* of this size, so that a sanitizer sees more */
    assert_non_null(source.text);
    source.n = b.n;
    memcpy((char *)(uintptr_t)source.text, b.text, b.n);
    assert_null(wr_options_read(&source, NULL, 0, &errors));
    right = errors.count == b.errors;
    all = strdup(errors.text);
    got = all;
    for (size_t i = 0; i < b.errors && right; i++) {
        const char *one = cut(&got, "\n"), *message = cut(&messages, " | ");

        right = one && message && is_message(one, &b.places[i], message);
    }
    right = right && !got && !messages;
    if (!right)
        print_error("%s\n%s\n", line, errors.text);
    free(all);
    free(copy);
    free((char *)(uintptr_t)source.text);
    wr_errors_free(&errors);
    return right;
}

static void broken__each__has_its_lines(void **state)
{
    static char line[16384];
    FILE *f = fopen(WR_TEST_BROKEN, "r");
    int n = 0, wrong = 0;

    (void)state;
    assert_non_null(f);
    while (fgets(line, sizeof line, f)) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0] == '#' || !strstr(line, ARROW))
            continue;
        wrong += !check(line);
        n++;
    }
    fclose(f);
    assert_int_equal(wrong, 0);
    assert_true(n >= 200);
}

WR_TESTS(cmocka_unit_test(broken__each__has_its_lines));
