#include <stdlib.h>

#include "config/options.h"

#define TEXT_MAX 65536 /* of all lines: more than anybody reads */
#define MORE     "(there are more errors)"

static bool append(struct wr_errors *e, const char *line)
{
    size_t glue = e->n > 0, n = strlen(line);
    char *text = realloc(e->text, e->n + glue + n + 1);

    if (!text)
        return false;
    e->text = text;
    if (glue)
        text[e->n] = '\n';
    memcpy(text + e->n + glue, line, n + 1);
    e->n += glue + n;
    return true;
}

void wr_errors_add(struct wr_errors *e, const char *line)
{
    e->count++;
    if (e->full)
        return;
    e->full = strlen(line) > TEXT_MAX - e->n;
    if (!append(e, e->full ? MORE : line))
        e->full = true; /* or the next line would seem to follow the last */
}

void wr_errors_free(struct wr_errors *e)
{
    free(e->text);
    *e = (struct wr_errors){0};
}
