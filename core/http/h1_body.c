#include "http/h1_body.h"

static enum wr_h1_reason parse_length(struct wr_slice s, uint64_t *out)
{
    uint64_t value = 0;

    if (s.n == 0)
        return WR_H1_LENGTH_VALUE;
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9')
            return WR_H1_LENGTH_VALUE;
    for (size_t i = 0; i < s.n; i++) {
        uint64_t digit = (uint64_t)(s.p[i] - '0');

        if (value > (INT64_MAX - digit) / 10)
            return WR_H1_LENGTH_LARGE;
        value = value * 10 + digit;
    }
    *out = value;
    return WR_H1_OK;
}

/* All Transfer-Encoding lines together must be the one token `chunked`. */
static enum wr_h1_reason check_coding(const struct wr_fields *fields)
{
    bool is_final = false, was_chunked = false, was_other = false;

    for (const struct wr_field *f = wr_fields_find(fields, WR_FIELD_TRANSFER_ENCODING); f;
         f = wr_fields_next(fields, f)) {
        struct wr_slice list = f->value, coding;

        while (wr_slice_next_token(&list, &coding)) {
            is_final = wr_slice_ieq(coding, WR_SLICE("chunked"));
            if (is_final && was_chunked)
                return WR_H1_CODING_TWICE;
            was_chunked |= is_final;
            was_other |= !is_final;
        }
    }
    if (!is_final)
        return WR_H1_CODING_FINAL;
    return was_other ? WR_H1_CODING_OTHER : WR_H1_OK;
}

enum wr_h1_reason wr_h1_framing_of(const struct wr_fields *fields, int minor,
                                   struct wr_h1_framing *out)
{
    const struct wr_field *length = wr_fields_find(fields, WR_FIELD_CONTENT_LENGTH);
    bool has_coding = wr_fields_find(fields, WR_FIELD_TRANSFER_ENCODING) != NULL;

    *out = (struct wr_h1_framing){WR_H1_NO_BODY, 0};
    if (has_coding) {
        if (minor == 0)
            return WR_H1_CODING_10;
        if (length)
            return WR_H1_CODING_LENGTH;
        out->kind = WR_H1_CHUNKED;
        return check_coding(fields);
    }
    if (!length)
        return WR_H1_OK;
    if (wr_fields_next(fields, length))
        return WR_H1_LENGTH_MANY;
    out->kind = WR_H1_LENGTH;
    return parse_length(length->value, &out->length);
}

enum state {
    SIZE, /* zero: where a body starts */
    SIZE_BLANK,
    EXT_NAME_START,
    EXT_NAME,
    EXT_NAME_BLANK,
    EXT_VALUE_START,
    EXT_VALUE,
    EXT_QUOTED,
    EXT_QUOTED_PAIR,
    EXT_QUOTED_END,
    SIZE_LF,
    DATA,
    DATA_CR,
    DATA_LF,
    TRAILER_START,
    TRAILER_NAME,
    TRAILER_VALUE,
    TRAILER_LF,
    LAST_LF,
    DONE,
    REFUSED = 0x40 /* plus a reason, as what step() gives back */
};

#define REFUSE(reason) (REFUSED + (int)(reason))

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static int step_size(struct wr_h1_chunked *c, char ch)
{
    int digit = wr_hex_value(ch);

    if (digit < 0) {
        if (c->digits == 0)
            return REFUSE(WR_H1_CHUNK_SIZE);
        return ch == ';'      ? EXT_NAME_START
               : ch == '\r'   ? SIZE_LF
               : is_blank(ch) ? SIZE_BLANK
                              : REFUSE(WR_H1_CHUNK_SIZE);
    }
    /* Sixteen digits hold every size; leading zeros beyond that serve nobody. */
    if (c->digits == 16 || c->left > (INT64_MAX >> 4))
        return REFUSE(WR_H1_CHUNK_LARGE);
    c->digits++;
    c->left = c->left << 4 | (unsigned)digit;
    return SIZE;
}

/* Behind an extension's name or value, or the size: what may follow there. */
static int step_ext_end(char ch, int blank_state)
{
    if (ch == ';')
        return EXT_NAME_START;
    if (is_blank(ch))
        return blank_state;
    return ch == '\r' ? SIZE_LF : REFUSE(WR_H1_CHUNK_EXTENSION);
}

/* chunk-ext = *( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] ) */
static int step_ext(int state, char ch)
{
    switch (state) {
    case SIZE_BLANK:
        return ch == ';'      ? EXT_NAME_START
               : is_blank(ch) ? SIZE_BLANK
                              : REFUSE(WR_H1_CHUNK_EXTENSION);
    case EXT_NAME_START:
        return wr_is_tchar(ch) ? EXT_NAME
               : is_blank(ch)  ? EXT_NAME_START
                               : REFUSE(WR_H1_CHUNK_EXTENSION);
    case EXT_NAME:
        return wr_is_tchar(ch) ? EXT_NAME
               : ch == '='     ? EXT_VALUE_START
                               : step_ext_end(ch, EXT_NAME_BLANK);
    case EXT_NAME_BLANK:
        return is_blank(ch) ? EXT_NAME_BLANK
               : ch == '='  ? EXT_VALUE_START
               : ch == ';'  ? EXT_NAME_START
                            : REFUSE(WR_H1_CHUNK_EXTENSION);
    case EXT_VALUE_START:
        return ch == '"'         ? EXT_QUOTED
               : wr_is_tchar(ch) ? EXT_VALUE
               : is_blank(ch)    ? EXT_VALUE_START
                                 : REFUSE(WR_H1_CHUNK_EXTENSION);
    case EXT_VALUE:
        return wr_is_tchar(ch) ? EXT_VALUE : step_ext_end(ch, SIZE_BLANK);
    case EXT_QUOTED:
        return ch == '"'              ? EXT_QUOTED_END
               : ch == '\\'           ? EXT_QUOTED_PAIR
               : wr_is_value_char(ch) ? EXT_QUOTED
                                      : REFUSE(WR_H1_CHUNK_EXTENSION);
    case EXT_QUOTED_PAIR:
        return wr_is_value_char(ch) ? EXT_QUOTED : REFUSE(WR_H1_CHUNK_EXTENSION);
    default: /* EXT_QUOTED_END */
        return step_ext_end(ch, SIZE_BLANK);
    }
}

static int step_trailer(int state, char ch)
{
    switch (state) {
    case TRAILER_START:
        return ch == '\r' ? LAST_LF : wr_is_tchar(ch) ? TRAILER_NAME : REFUSE(WR_H1_TRAILER);
    case TRAILER_NAME:
        return wr_is_tchar(ch) ? TRAILER_NAME : ch == ':' ? TRAILER_VALUE : REFUSE(WR_H1_TRAILER);
    case TRAILER_VALUE:
        return wr_is_value_char(ch) ? TRAILER_VALUE
               : ch == '\r'         ? TRAILER_LF
                                    : REFUSE(WR_H1_TRAILER);
    case TRAILER_LF:
        return ch == '\n' ? TRAILER_START : REFUSE(WR_H1_TRAILER);
    default: /* LAST_LF */
        return ch == '\n' ? DONE : REFUSE(WR_H1_TRAILER);
    }
}

/* The state after one octet that is not content, or REFUSE(reason). */
static int step(struct wr_h1_chunked *c, char ch)
{
    int state = c->state;

    switch (state) {
    case SIZE:
        return step_size(c, ch);
    case SIZE_LF:
        c->digits = 0;
        return ch != '\n' ? REFUSE(WR_H1_CHUNK_SIZE) : c->left > 0 ? DATA : TRAILER_START;
    case DATA_CR:
        return ch == '\r' ? DATA_LF : REFUSE(WR_H1_CHUNK_END);
    case DATA_LF:
        return ch == '\n' ? SIZE : REFUSE(WR_H1_CHUNK_END);
    default:
        if (++c->extra > WR_H1_CHUNK_EXTRA_MAX)
            return REFUSE(WR_H1_CHUNK_EXTRA);
        return state >= TRAILER_START ? step_trailer(state, ch) : step_ext(state, ch);
    }
}

static struct wr_slice take(struct wr_slice *in, uint64_t at_most)
{
    size_t n = in->n < at_most ? in->n : (size_t)at_most;
    struct wr_slice taken = wr_slice(in->p, n);

    *in = wr_slice_from(*in, n);
    return taken;
}

/* One octet that is not content; false: *reason says what is wrong with it. */
static bool read_octet(struct wr_h1_chunked *c, struct wr_slice *in, enum wr_h1_reason *reason)
{
    int next = step(c, *in->p);

    if (next >= REFUSED) {
        *reason = (enum wr_h1_reason)(next - REFUSED);
        return false;
    }
    c->state = (uint8_t)next;
    *in = wr_slice_from(*in, 1);
    return true;
}

/* Does the next octet belong to a trailer field, and not to the empty line behind them? */
static bool is_in_trailer(const struct wr_h1_chunked *c, const struct wr_slice *in)
{
    return in->n > 0 && c->state >= TRAILER_START && c->state < LAST_LF &&
           !(c->state == TRAILER_START && *in->p == '\r');
}

static enum wr_h1_chunk read_trailers(struct wr_h1_chunked *c, struct wr_slice *in,
                                      struct wr_slice *data, enum wr_h1_reason *reason)
{
    const char *start = in->p;

    while (is_in_trailer(c, in))
        if (!read_octet(c, in, reason))
            return WR_H1_CHUNK_BAD;
    *data = wr_slice(start, (size_t)(in->p - start));
    return WR_H1_CHUNK_TRAILER;
}

enum wr_h1_chunk wr_h1_chunked_next(struct wr_h1_chunked *c, struct wr_slice *in,
                                    struct wr_slice *data, enum wr_h1_reason *reason)
{
    while (c->state != DONE) {
        if (in->n == 0)
            return WR_H1_CHUNK_MORE;
        if (c->state == DATA) {
            *data = take(in, c->left);
            c->left -= data->n;
            if (c->left == 0)
                c->state = DATA_CR;
            return WR_H1_CHUNK_DATA;
        }
        if (is_in_trailer(c, in))
            return read_trailers(c, in, data, reason);
        if (!read_octet(c, in, reason))
            return WR_H1_CHUNK_BAD;
    }
    return WR_H1_CHUNK_END_OF_BODY;
}

/* ---- trailers ---- */

size_t wr_h1_trailers_count(struct wr_slice lines)
{
    size_t n = 0;

    for (size_t i = 0; i < lines.n; i++)
        n += lines.p[i] == '\n';
    return n;
}

void wr_h1_trailers_split(struct wr_slice lines, struct wr_fields *out)
{
    const char *p = lines.p, *end = lines.p + lines.n;

    while (p < end) {
        const char *colon = memchr(p, ':', (size_t)(end - p));
        const char *cr = memchr(p, '\r', (size_t)(end - p));
        struct wr_slice name = wr_slice(p, (size_t)(colon - p));

        if (wr_field_may_trail(name))
            wr_fields_add(out, name, wr_slice_trim(wr_slice(colon + 1, (size_t)(cr - colon - 1))));
        p = cr + 2;
    }
}
