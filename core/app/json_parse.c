#include "app/json_parse.h"

#include <stdio.h>

/* What jansson has looked at within a string, and not read. Only its words tell. */
static bool is_unread(const json_error_t *e)
{
    return strncmp(e->text, "control character", strlen("control character")) == 0 ||
           strncmp(e->text, "unexpected newline", strlen("unexpected newline")) == 0;
}

static bool is_of_nul(const json_error_t *e)
{
    return json_error_code(e) == json_error_null_character ||
           json_error_code(e) == json_error_null_byte_in_key;
}

/* Of an escape, for which jansson names the whole string or a byte within the escape. */
static bool is_of_escape(const json_error_t *e)
{
    return is_of_nul(e) || strncmp(e->text, "invalid escape", strlen("invalid escape")) == 0 ||
           strncmp(e->text, "invalid Unicode", strlen("invalid Unicode")) == 0;
}

static struct wr_json_place place_of_error(struct wr_slice text, const json_error_t *e)
{
    size_t consumed = e->position > 0 ? (size_t)e->position : 0;

    if (is_unread(e))
        return wr_json_place_of(text, consumed);
    if (is_of_escape(e))
        return wr_json_place_of(text, wr_json_blame_escape(text, consumed));
    switch (json_error_code(e)) {
    case json_error_premature_end_of_input:
        return wr_json_place_of(text, text.n);
    case json_error_invalid_utf8: /* the byte that does not fit has not been counted */
        return wr_json_place_of(text, consumed < text.n ? consumed : text.n);
    default:
        return wr_json_place_of(text, wr_json_blame(text, consumed));
    }
}

json_t *wr_json_parse(struct wr_slice text, size_t flags, struct wr_json_place *place,
                      char what[static WR_JSON_WHAT_MAX])
{
    json_error_t e;
    json_t *value = json_loadb(text.p, text.n, flags | JSON_DECODE_ANY, &e);
    const char *said;

    if (value)
        return value;
    *place = place_of_error(text, &e);
    said = is_of_nul(&e) ? "expected a text without \\u0000" : e.text;
    if (!said[0]) /* which is what jansson says then */
        said = "memory has run out";
    wr_line_tidy(what, WR_JSON_WHAT_MAX, snprintf(what, WR_JSON_WHAT_MAX, "%s", said));
    return NULL;
}

void wr_line_tidy(char *line, size_t size, int n)
{
    if (n < 0)
        snprintf(line, size, "an error whose text cannot be shown");
    else if ((size_t)n >= size)
        memcpy(line + wr_utf8_whole(line, size - sizeof "..."), "...", sizeof "...");
    for (; *line; line++)
        if ((unsigned char)*line < ' ' || *line == 0x7f)
            *line = ' ';
}

const char *wr_json_kind_of(json_type type)
{
    switch (type) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "an array";
    case JSON_STRING:
        return "a string";
    case JSON_INTEGER:
        return "an integer";
    case JSON_REAL:
        return "a number";
    case JSON_TRUE:
    case JSON_FALSE:
        return "a boolean";
    case JSON_NULL:
        break;
    }
    return "null";
}

const char *wr_json_kind(const json_t *value)
{
    return wr_json_kind_of(json_typeof(value));
}
