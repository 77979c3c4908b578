#include "h1_grammar.h"

#include <stdint.h>

struct reader {
    struct wr_slice text;
    size_t at;
};

/* Ends the rule that it stands in unless `rule` was found to be there. */
#define MUST(rule)                                                                                 \
    do {                                                                                           \
        enum grammar must = rule;                                                                  \
        if (must != GRAMMAR_VALID)                                                                 \
            return must;                                                                           \
    } while (0)

/* ---- characters ---- */

static bool is_end(const struct reader *rd)
{
    return rd->at == rd->text.n;
}

static unsigned char next(const struct reader *rd)
{
    return (unsigned char)rd->text.p[rd->at];
}

static bool is_next(const struct reader *rd, char c)
{
    return !is_end(rd) && rd->text.p[rd->at] == c;
}

static bool is_one_of(unsigned char c, const char *list)
{
    return c != '\0' && strchr(list, c) != NULL;
}

static bool is_digit(unsigned char c)
{
    return is_one_of(c, "0123456789");
}

/* RFC 9110 5.6.2 */
static bool is_token_char(unsigned char c)
{
    return is_one_of(c, "!#$%&'*+-.^_`|~0123456789"
                        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
}

/* RFC 9110 5.5: VCHAR, obs-text, and the two blanks between them */
static bool is_value_char(unsigned char c)
{
    return c == '\t' || c == ' ' || (c > ' ' && c < 0x7f) || c >= 0x80;
}

/* More than RFC 3986 allows: what browsers send. */
static bool is_target_char(unsigned char c)
{
    return (c > ' ' && c < 0x7f && c != '#') || c >= 0x80;
}

static enum grammar literal(struct reader *rd, const char *text)
{
    for (; *text; text++, rd->at++) {
        if (is_end(rd))
            return GRAMMAR_PART;
        if (!is_next(rd, *text))
            return GRAMMAR_INVALID;
    }
    return GRAMMAR_VALID;
}

/* 1*class, which something must follow. */
static enum grammar some(struct reader *rd, bool (*is_in_class)(unsigned char),
                         struct wr_slice *out)
{
    size_t start = rd->at;

    while (!is_end(rd) && is_in_class(next(rd)))
        rd->at++;
    *out = wr_slice(rd->text.p + start, rd->at - start);
    if (is_end(rd))
        return GRAMMAR_PART;
    return out->n > 0 ? GRAMMAR_VALID : GRAMMAR_INVALID;
}

static enum grammar digit(struct reader *rd, int *out)
{
    if (is_end(rd))
        return GRAMMAR_PART;
    if (!is_digit(next(rd)))
        return GRAMMAR_INVALID;
    *out = next(rd) - '0';
    rd->at++;
    return GRAMMAR_VALID;
}

/* ---- head ---- */

/* request-line = method SP request-target SP HTTP-version CRLF */
static enum grammar request_line(struct reader *rd, struct grammar_head *out)
{
    MUST(some(rd, is_token_char, &out->method));
    MUST(literal(rd, " "));
    MUST(some(rd, is_target_char, &out->target));
    MUST(literal(rd, " HTTP/"));
    MUST(digit(rd, &out->major));
    MUST(literal(rd, "."));
    MUST(digit(rd, &out->minor));
    return literal(rd, "\r\n");
}

static struct wr_slice without_blanks(struct wr_slice s)
{
    while (s.n > 0 && is_one_of((unsigned char)s.p[0], " \t"))
        s = wr_slice(s.p + 1, s.n - 1);
    while (s.n > 0 && is_one_of((unsigned char)s.p[s.n - 1], " \t"))
        s.n--;
    return s;
}

/* field-line = field-name ":" OWS field-value OWS, CRLF */
static enum grammar field_line(struct reader *rd, struct wr_slice *name, struct wr_slice *value)
{
    size_t start;

    MUST(some(rd, is_token_char, name));
    MUST(literal(rd, ":"));
    start = rd->at;
    while (!is_end(rd) && is_value_char(next(rd)))
        rd->at++;
    *value = without_blanks(wr_slice(rd->text.p + start, rd->at - start));
    return literal(rd, "\r\n");
}

enum grammar grammar_head(struct wr_slice text, struct grammar_head *out)
{
    struct reader rd = {text, 0};

    *out = (struct grammar_head){0};
    while (is_next(&rd, '\r'))
        MUST(literal(&rd, "\r\n"));
    MUST(request_line(&rd, out));
    while (!is_next(&rd, '\r')) {
        struct wr_slice name, value;

        MUST(field_line(&rd, &name, &value));
        if (out->fields_n < GRAMMAR_FIELDS_MAX) {
            out->names[out->fields_n] = name;
            out->values[out->fields_n] = value;
        }
        out->fields_n++;
    }
    MUST(literal(&rd, "\r\n"));
    out->n = rd.at;
    return GRAMMAR_VALID;
}

/* ---- chunked ---- */

static bool is_hex_digit(unsigned char c)
{
    return is_one_of(c, "0123456789abcdefABCDEF");
}

/* chunk-size: at most 16 digits, of which the first of 16 is below 8. */
static enum grammar chunk_size(struct reader *rd, uint64_t *out)
{
    static const char digits[] = "0123456789abcdef";
    size_t n = 0;

    *out = 0;
    for (; !is_end(rd) && is_hex_digit(next(rd)); rd->at++) {
        char lower = (char)(next(rd) >= 'A' && next(rd) <= 'F' ? next(rd) - 'A' + 'a' : next(rd));
        uint64_t value = (uint64_t)(strchr(digits, lower) - digits);

        if (++n > 16 || *out >= UINT64_C(1) << 59)
            return GRAMMAR_INVALID;
        *out = *out * 16 + value;
    }
    if (is_end(rd))
        return GRAMMAR_PART;
    return n > 0 ? GRAMMAR_VALID : GRAMMAR_INVALID;
}

static void blanks(struct reader *rd)
{
    while (is_next(rd, ' ') || is_next(rd, '\t'))
        rd->at++;
}

/* quoted-string = DQUOTE *( qdtext / quoted-pair ) DQUOTE */
static enum grammar quoted_string(struct reader *rd)
{
    MUST(literal(rd, "\""));
    while (!is_next(rd, '"')) {
        if (is_next(rd, '\\'))
            rd->at++;
        if (is_end(rd))
            return GRAMMAR_PART;
        if (!is_value_char(next(rd)))
            return GRAMMAR_INVALID;
        rd->at++;
    }
    return literal(rd, "\"");
}

/* chunk-ext = *( BWS ";" BWS chunk-ext-name [ BWS "=" BWS chunk-ext-val ] ), CRLF */
static enum grammar chunk_extensions(struct reader *rd)
{
    struct wr_slice token;

    for (;;) {
        bool has_blanks = is_next(rd, ' ') || is_next(rd, '\t');

        blanks(rd);
        if (is_end(rd))
            return GRAMMAR_PART;
        if (!is_next(rd, ';')) /* blanks at the end of the line belong to nothing */
            return has_blanks ? GRAMMAR_INVALID : literal(rd, "\r\n");
        rd->at++;
        blanks(rd);
        MUST(some(rd, is_token_char, &token));
        /* BWS belongs to the "=", or to the next ";". */
        has_blanks = is_next(rd, ' ') || is_next(rd, '\t');
        blanks(rd);
        if (is_end(rd))
            return GRAMMAR_PART;
        if (is_next(rd, '=')) {
            rd->at++;
            blanks(rd);
            if (is_next(rd, '"'))
                MUST(quoted_string(rd));
            else
                MUST(some(rd, is_token_char, &token));
        } else if (has_blanks && !is_next(rd, ';')) {
            return GRAMMAR_INVALID;
        }
    }
}

/* chunk-data CRLF */
static enum grammar chunk_data(struct reader *rd, uint64_t size, struct grammar_chunked *out)
{
    for (; size > 0; size--) {
        if (is_end(rd))
            return GRAMMAR_PART;
        out->content[out->content_n++] = (char)next(rd);
        rd->at++;
    }
    return literal(rd, "\r\n");
}

static enum grammar trailer_section(struct reader *rd, struct grammar_chunked *out)
{
    while (!is_next(rd, '\r')) {
        struct wr_slice name, value;

        MUST(field_line(rd, &name, &value));
        if (out->trailers_n < GRAMMAR_FIELDS_MAX) {
            out->names[out->trailers_n] = name;
            out->values[out->trailers_n] = value;
        }
        out->trailers_n++;
    }
    return literal(rd, "\r\n");
}

static enum grammar chunks(struct reader *rd, struct grammar_chunked *out)
{
    uint64_t size;

    do {
        MUST(chunk_size(rd, &size));
        MUST(chunk_extensions(rd));
        if (size > 0)
            MUST(chunk_data(rd, size, out));
    } while (size > 0);
    return trailer_section(rd, out);
}

enum grammar grammar_chunked(struct wr_slice text, struct grammar_chunked *out)
{
    struct reader rd = {text, 0};
    enum grammar result;

    out->content_n = out->n = 0;
    result = chunks(&rd, out);
    out->n = rd.at;
    return result;
}
