/*
 * fuzz_config.c — config/options.h.
 *
 * Input: the text of a configuration; then, behind a byte 0xff, the JSON of a set of "log". Each
 * error has the shape that options.h says, with a place in the text, in order; what is taken reads
 * back, once it is formatted, to what formats to the same.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "config/options.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool claim)
{
    if (!claim)
        abort();
}

/* "L:LINE:COLUMN: ..." names a character of the text or the end of a line. Gives its line. */
static uintmax_t check_place(const char *line, struct wr_slice text)
{
    uintmax_t number, column, characters = 0, wanted;
    const char *at = text.p, *last = text.p + text.n;
    char *end;

    number = wanted = strtoumax(line + 2, &end, 10);
    check(number > 0 && *end == ':');
    column = strtoumax(end + 1, &end, 10);
    check(column > 0 && strncmp(end, ": ", 2) == 0 && end[2]);
    while (--wanted > 0) {
        at = memchr(at, '\n', (size_t)(last - at));
        check(at != NULL);
        at++;
    }
    for (; at < last && *at != '\n'; at++)
        characters += ((unsigned char)*at & 0xc0) != 0x80;
    check(column <= characters + 1);
    return number;
}

static void check_errors(const struct wr_errors *errors, struct wr_slice text)
{
    uintmax_t before = 0;

    check(errors->text && errors->count > 0 && strlen(errors->text) == errors->n);
    for (const char *line = errors->text; line;) {
        if (strncmp(line, "L:", 2) == 0) {
            uintmax_t number = check_place(line, text);

            check(number >= before);
            before = number;
        } else {
            check(strncmp(line, "log: ", 5) == 0 ||
                  strncmp(line, "(there are more errors)", 23) == 0);
            before = UINTMAX_MAX;
        }
        line = strchr(line, '\n');
        line = line ? line + 1 : NULL;
    }
}

static void check_format(const struct wr_options *o)
{
    char *text = wr_options_format(o), *again;
    struct wr_options_source source = {.label = "L", .folder = "/elsewhere"};
    struct wr_errors errors = {0};
    struct wr_options *copy;

    if (!text)
        return;
    source.text = text;
    source.n = strlen(text);
    copy = wr_options_read(&source, NULL, 0, &errors);
    check(copy != NULL);
    again = wr_options_format(copy);
    check(!again || strcmp(text, again) == 0);
    free(again);
    free(text);
    wr_options_free(copy);
    wr_errors_free(&errors);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = size > 0 ? memchr(data, 0xff, size) : NULL;
    size_t n = end ? (size_t)(end - data) : size;
    struct wr_options_source source = {.label = "L", .n = n, .folder = "/f"};
    struct wr_options_set set = {.key = "log", .folder = "/g"};
    char *text = malloc(n + 1), *json = strndup(end ? (const char *)end + 1 : "", size - n - !!end);
    struct wr_errors errors = {0};
    struct wr_options *o;

    if (text && json) {
        memcpy(text, data, n);
        source.text = text;
        set.json = json;
        o = wr_options_read(&source, &set, end != NULL, &errors);
        if (o)
            check_format(o);
        else
            check_errors(&errors, wr_slice(text, n));
        wr_options_free(o);
        wr_errors_free(&errors);
    }
    free(text);
    free(json);
    return 0;
}
