#include "config/writer.h"

#include <stdlib.h>

#include "app/json_place.h"

#define INDENT  4
#define COLUMNS 100 /* of a comment */

/* The end of the last line and the beginning of a new one; gives the columns that it has then. */
static int new_line(struct wr_writer *w)
{
    int outer = (w->example > 0 ? w->example : w->depth) * INDENT, inner;

    inner = w->depth * INDENT - outer;
    fprintf(w->out, "%s%*s", w->depth > 0 || !w->is_first ? "\n" : "", outer, "");
    if (w->example > 0)
        fprintf(w->out, "// %*s", inner, "");
    return outer + (w->example > 0 ? 3 + inner : 0);
}

void wr_write_begin(struct wr_writer *w, const char *key)
{
    if (!w->is_between) {
        fputs(w->is_first ? "" : ",", w->out);
        new_line(w);
    }
    w->is_first = w->is_between = false;
    if (key) {
        wr_write_string(w->out, key);
        fputs(": ", w->out);
    }
}

void wr_write_open(struct wr_writer *w, const char *key, char bracket)
{
    wr_write_begin(w, key);
    fputc(bracket, w->out);
    w->depth++;
    w->is_first = true;
}

void wr_write_close(struct wr_writer *w, char bracket)
{
    w->depth--;
    if (!w->is_first)
        new_line(w);
    fputc(bracket, w->out);
    w->is_first = false;
}

void wr_write_comment(struct wr_writer *w, const char *text)
{
    int columns;

    if (!w->is_first)
        fputs(w->example > 0 ? "," : ",\n", w->out);
    columns = new_line(w) + (int)strlen("//");
    fputs("//", w->out);
    while (*text) {
        size_t n = strcspn(text, " ");

        if (columns + 1 + (int)n > COLUMNS) {
            columns = new_line(w) + (int)strlen("//");
            fputs("//", w->out);
        }
        fprintf(w->out, " %.*s", (int)n, text);
        columns += 1 + (int)n;
        text += n + strspn(text + n, " ");
    }
    new_line(w);
    w->is_between = true;
}

void wr_write_string(FILE *out, const char *text)
{
    if (!text) {
        fputs("null", out);
        return;
    }
    fputc('"', out);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            fprintf(out, "\\%c", *text);
        else if ((unsigned char)*text < ' ')
            fprintf(out, "\\u%04x", (unsigned)*text);
        else
            fputc(*text, out);
    }
    fputc('"', out);
}

void wr_write_json(struct wr_writer *w, struct wr_slice json)
{
    bool is_empty = false; /* a bracket has just been opened */

    for (size_t at = wr_json_skip_blanks(json, 0); at < json.n;) {
        size_t end = wr_json_token_end(json, at);
        char c = json.p[at];
        bool closes = c == '}' || c == ']';

        w->depth -= closes;
        if ((is_empty && !closes) || (closes && !is_empty))
            new_line(w);
        fwrite(json.p + at, 1, end - at, w->out);
        is_empty = c == '{' || c == '[';
        w->depth += is_empty;
        if (c == ',')
            new_line(w);
        else if (c == ':')
            fputc(' ', w->out);
        at = wr_json_skip_blanks(json, end);
    }
}

char *wr_write_text(void (*put)(struct wr_writer *w, const void *arg), const void *arg)
{
    char *text = NULL;
    size_t n;
    struct wr_writer w = {.out = open_memstream(&text, &n), .is_first = true};
    bool failed;

    if (!w.out)
        return NULL;
    put(&w, arg);
    fputc('\n', w.out);
    failed = ferror(w.out) != 0;
    failed = fclose(w.out) != 0 || failed;
    if (!failed)
        return text;
    free(text);
    return NULL;
}
