/*
 * fuzz_target.c — http/target.h.
 *
 * Input: the letter of a method (C: CONNECT, O: OPTIONS, any other: neither), then the target. It
 * is split when the parser would let it through, and decoded as a path in any case.
 */
#include "http/target.h"

#include <stdint.h>
#include <stdlib.h>

#include "http/field.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool claim)
{
    if (!claim)
        abort();
}

/* Cuts `part` off the beginning of *rest, where it must be found. */
static void expect_next(struct wr_slice *rest, struct wr_slice part)
{
    check(part.n <= rest->n && (part.n == 0 || part.p == rest->p));
    *rest = wr_slice_from(*rest, part.n);
}

static void expect_text(struct wr_slice *rest, struct wr_slice text)
{
    check(wr_slice_starts(*rest, text));
    *rest = wr_slice_from(*rest, text.n);
}

/* The parts and what divides them are the text, in order and without a gap. */
static void check_parts(struct wr_slice text, const struct wr_target *t)
{
    if (t->form == WR_TARGET_ASTERISK)
        expect_text(&text, WR_SLICE("*"));
    if (t->form == WR_TARGET_ABSOLUTE) {
        expect_next(&text, t->scheme);
        expect_text(&text, WR_SLICE("://"));
    }
    expect_next(&text, t->authority);
    expect_next(&text, t->raw_path);
    if (t->query.p) {
        expect_text(&text, WR_SLICE("?"));
        expect_next(&text, t->query);
    }
    check(text.n == 0);
}

static void check_form(const struct wr_target *t, bool is_connect, bool is_options)
{
    bool has_authority = t->form == WR_TARGET_ABSOLUTE || t->form == WR_TARGET_AUTHORITY;

    check((t->form == WR_TARGET_AUTHORITY) == is_connect);
    check(t->form != WR_TARGET_ASTERISK || is_options);
    check((t->scheme.p != NULL) == (t->form == WR_TARGET_ABSOLUTE));
    check((t->authority.p != NULL) == has_authority);
    check(t->form != WR_TARGET_ORIGIN || t->raw_path.n > 0);
    check(t->raw_path.n == 0 || t->raw_path.p[0] == '/');
    check(t->raw_path.n == 0 || !memchr(t->raw_path.p, '?', t->raw_path.n));
}

static void split(struct wr_slice text, char method)
{
    bool is_connect = method == 'C', is_options = method == 'O';
    struct wr_target t;

    for (size_t i = 0; i < text.n; i++)
        if (!wr_is_target_char(text.p[i]))
            return;
    if (wr_target_split(text, is_connect, is_options, &t)) {
        check_parts(text, &t);
        check_form(&t, is_connect, is_options);
    } else {
        check(text.n == 0 || is_connect || text.p[0] != '/');
    }
}

static bool has(struct wr_slice s, struct wr_slice text)
{
    return s.n > 0 && memmem(s.p, s.n, text.p, text.n);
}

static bool ends(struct wr_slice s, struct wr_slice text)
{
    return s.n >= text.n && wr_slice_starts(wr_slice_from(s, s.n - text.n), text);
}

/* What every path is after decoding. */
static bool is_normal(struct wr_slice path)
{
    return wr_slice_starts(path, WR_SLICE("/")) && !has(path, WR_SLICE("//")) &&
           !has(path, WR_SLICE("/./")) && !has(path, WR_SLICE("/../")) &&
           !ends(path, WR_SLICE("/.")) && !ends(path, WR_SLICE("/..")) &&
           !has(path, WR_SLICE("\0"));
}

static bool is_its_own_result(struct wr_slice raw)
{
    return is_normal(raw) && !has(raw, WR_SLICE("%")) && !has(raw, WR_SLICE("#"));
}

/* In memory of the size that is promised, so that AddressSanitizer sees a byte too many. */
static void decode(struct wr_slice raw)
{
    char *memory = malloc(raw.n + 1);
    struct wr_slice path;

    if (!memory)
        return;
    if (wr_target_decode_path(raw, memory, &path)) {
        check(is_normal(path));
        check(path.p[path.n] == '\0');
        check(raw.n == 0 || (path.p == memory && path.n <= raw.n));
        check(!is_its_own_result(raw) || wr_slice_eq(raw, path));
    } else {
        check(!is_its_own_result(raw));
    }
    free(memory);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct wr_slice text = wr_slice((const char *)data, size);

    if (size == 0)
        return 0;
    split(wr_slice_from(text, 1), text.p[0]);
    decode(wr_slice_from(text, 1));
    return 0;
}
