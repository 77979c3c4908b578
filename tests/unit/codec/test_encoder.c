/*
 * What an encoder writes is judged by other decoders (support/decoder.h), and by hand from RFC 1952 2.3,
 * RFC 7932 9.1 and RFC 8878 3.1.1.1.
 */
#include "codec/encoder.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "decoder.h"
#include "support.h"

#define CODING_FIRST WR_CODING_GZIP

/* ---- contents ---- */

/* xorshift32: the same bytes in each run. */
static uint32_t next_random(uint32_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 17;
    return *x ^= *x << 5;
}

static void fill_text(char *p, size_t n)
{
    static const char *const words[] = {"<div class=\"", "item",  "\">", "</div>\n",  "weir ",
                                        "function ",     "() { ", "}",   "return 0;", "0x"};
    uint32_t seed = 7;
    size_t at = 0;

    while (at < n) {
        const char *word = words[next_random(&seed) % WR_COUNT(words)];

        for (; *word && at < n; word++)
            p[at++] = *word;
        if (at < n)
            p[at++] = (char)('a' + next_random(&seed) % 26);
    }
}

static void fill_random(char *p, size_t n)
{
    uint32_t seed = 99;

    for (size_t i = 0; i < n; i++)
        p[i] = (char)(next_random(&seed) >> 8);
}

static void fill_all_bytes(char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        p[i] = (char)i;
}

static void fill_zeros(char *p, size_t n)
{
    memset(p, 0, n);
}

static struct wr_slice content_of(void (*fill)(char *p, size_t n), size_t n)
{
    char *p = malloc(n + 1); /* of an empty one too */

    assert_non_null(p);
    fill(p, n);
    return wr_slice(p, n);
}

static void content_free(struct wr_slice content)
{
    free((void *)(uintptr_t)content.p);
}

/* ---- an encoder and what it has written ---- */

struct writer {
    enum wr_coding coding;
    struct wr_encoder *e;
    size_t room; /* of each call */
    char *p;
    size_t n, cap;
};

static void writer_open(struct writer *w, enum wr_coding coding, int level, size_t room)
{
    *w = (struct writer){.coding = coding, .room = room, .e = wr_encoder_new(coding, level)};
    assert_non_null(w->e);
}

static void writer_close(struct writer *w)
{
    wr_encoder_free(w->e);
    free(w->p);
}

static struct wr_slice written(const struct writer *w)
{
    return wr_slice(w->p, w->n);
}

/* Room of exactly that size, so that a sanitizer sees a write behind it. 0, or -errno. */
static int write_piece(struct writer *w, struct wr_slice piece, enum wr_encoder_op op)
{
    struct wr_encoder_io io = {.in = piece};
    char *room = malloc(w->room);
    int result = WR_ENCODER_ROOM;

    assert_non_null(room);
    while (result == WR_ENCODER_ROOM) {
        io.out = wr_buf_on(room, w->room);
        result = wr_encoder_run(w->e, &io, op);
        assert_false(io.out.overflow);
        assert_true(result != WR_ENCODER_ROOM || io.out.n == w->room);
        if (w->n + io.out.n > w->cap) {
            w->cap = 2 * (w->n + io.out.n);
            w->p = realloc(w->p, w->cap);
            assert_non_null(w->p);
        }
        if (io.out.n > 0)
            memcpy(w->p + w->n, room, io.out.n);
        w->n += io.out.n;
    }
    free(room);
    assert_true(result < 0 || (io.in.n == 0 && io.in.p == piece.p + piece.n));
    return result;
}

/* `piece` 0: of any size up to 2000. The last one is given together with the end, or is empty. */
static void write_all(struct writer *w, struct wr_slice content, size_t piece)
{
    uint32_t seed = 5;
    size_t at = 0;

    while (at < content.n) {
        size_t n = piece ? piece : next_random(&seed) % 2000;

        if (n > content.n - at)
            n = content.n - at;
        assert_int_equal(write_piece(w, wr_slice(content.p + at, n), WR_ENCODER_MORE), 0);
        at += n;
    }
    assert_int_equal(write_piece(w, wr_slice(content.p + at, 0), WR_ENCODER_END), 0);
}

static void check_stream(enum wr_coding coding, struct wr_slice content, size_t piece, size_t room)
{
    struct writer w;

    writer_open(&w, coding, WR_LEVEL_DEFAULT, room);
    if (piece < content.n)
        write_all(&w, content, piece);
    else
        assert_int_equal(write_piece(&w, content, WR_ENCODER_END), 0);
    if (!decodes_to(coding, written(&w), content))
        fail_msg("%s of %zu bytes in pieces of %zu and rooms of %zu", wr_coding_name(coding).p,
                 content.n, piece, room);
    writer_close(&w);
}

/* ---- streams ---- */

static const struct {
    void (*fill)(char *p, size_t n);
    size_t n;
} contents[] = {
    {fill_text, 0},      {fill_text, 1},      {fill_all_bytes, 256},
    {fill_text, 300},    {fill_random, 5000}, {fill_text, 20000},
    {fill_zeros, 70000}, {fill_text, 140001}, {fill_random, 300000},
};

static void stream__pieces_and_rooms_of_any_size__decode(void **state)
{
    static const size_t sizes[] = {1, 2, 5, 6, 7, 63, 64, 65, 1000, 16384, 1000000};

    (void)state;
    for (unsigned c = CODING_FIRST; c < WR_CODINGS; c++)
        for (size_t i = 0; i < WR_COUNT(contents); i++) {
            struct wr_slice content = content_of(contents[i].fill, contents[i].n);

            for (size_t k = 0; k < WR_COUNT(sizes); k++) {
                if (content.n > 20000 && sizes[k] < 63) /* it is said by smaller ones */
                    continue;
                check_stream((enum wr_coding)c, content, content.n + 1, sizes[k]);
                check_stream((enum wr_coding)c, content, sizes[k], 16384);
                check_stream((enum wr_coding)c, content, sizes[k], sizes[k]);
            }
            check_stream((enum wr_coding)c, content, 0, 97);
            content_free(content);
        }
}

static void stream__of_five_megabytes__decodes(void **state)
{
    struct wr_slice content = content_of(fill_text, 5000000);

    (void)state;
    for (unsigned c = CODING_FIRST; c < WR_CODINGS; c++) {
        check_stream((enum wr_coding)c, content, 65521, 16384);
        check_stream((enum wr_coding)c, content, content.n + 1, 4096);
    }
    content_free(content);
}

static void stream__each_level__decodes(void **state)
{
    struct wr_slice content = content_of(fill_text, 30000);

    (void)state;
    for (unsigned c = CODING_FIRST; c < WR_CODINGS; c++)
        for (int level = 1; level <= wr_encoder_level_max((enum wr_coding)c); level++) {
            struct writer w;

            writer_open(&w, (enum wr_coding)c, level, 512);
            write_all(&w, content, 4096);
            assert_true(decodes_to((enum wr_coding)c, written(&w), content));
            assert_true(w.n < content.n / 2);
            writer_close(&w);
        }
    content_free(content);
}

static void stream__that_is_given_up__frees_all(void **state)
{
    struct wr_slice content = content_of(fill_random, 300000);

    (void)state;
    for (unsigned c = CODING_FIRST; c < WR_CODINGS; c++) {
        struct writer w;
        char room[10];
        struct wr_encoder_io io = {.in = content, .out = wr_buf_on(room, sizeof room)};

        writer_open(&w, (enum wr_coding)c, WR_LEVEL_DEFAULT, 100);
        assert_int_equal(wr_encoder_run(w.e, &io, WR_ENCODER_END), WR_ENCODER_ROOM);
        writer_close(&w);
        writer_open(&w, (enum wr_coding)c, WR_LEVEL_DEFAULT, 100);
        writer_close(&w);
    }
    wr_encoder_free(NULL);
    content_free(content);
}

/* ---- flush ---- */

/* No event may cost more than this above its own bytes: the end of a flush is written once. */
#define FLUSH_COST_MAX 24

static void check_events(enum wr_coding coding, size_t room)
{
    static const char event[] = "event: tick\ndata: {\"at\": 1234567}\n\n";
    char all[50 * sizeof event];
    size_t n = 0;
    struct writer w;

    writer_open(&w, coding, WR_LEVEL_DEFAULT, room);
    assert_int_equal(write_piece(&w, WR_SLICE(""), WR_ENCODER_FLUSH), 0);
    for (size_t i = 0; i < 50; i++) {
        size_t before = w.n, cut = i % (sizeof event - 1);

        memcpy(all + n, event, sizeof event - 1);
        n += sizeof event - 1;
        assert_int_equal(write_piece(&w, wr_slice(event, cut), WR_ENCODER_MORE), 0);
        assert_int_equal(
            write_piece(&w, wr_slice(event + cut, sizeof event - 1 - cut), WR_ENCODER_FLUSH), 0);
        if (!decodes_so_far_to(coding, written(&w), wr_slice(all, n)))
            fail_msg("%s: event %zu, rooms of %zu", wr_coding_name(coding).p, i, room);
        if (w.n - before > sizeof event - 1 + FLUSH_COST_MAX)
            fail_msg("%s: %zu bytes for event %zu, rooms of %zu", wr_coding_name(coding).p,
                     w.n - before, i, room);
    }
    assert_int_equal(write_piece(&w, WR_SLICE(""), WR_ENCODER_END), 0);
    assert_true(decodes_to(coding, written(&w), wr_slice(all, n)));
    writer_close(&w);
}

static void flush__all_given_so_far__can_be_decoded(void **state)
{
    (void)state;
    for (unsigned c = CODING_FIRST; c < WR_CODINGS; c++)
        for (size_t room = 1; room < 200; room++)
            check_events((enum wr_coding)c, room);
}

static void flush__of_nothing__costs_nothing_again(void **state)
{
    (void)state;
    for (unsigned c = CODING_FIRST; c < WR_CODINGS; c++) {
        struct writer w;
        size_t n;

        writer_open(&w, (enum wr_coding)c, WR_LEVEL_DEFAULT, 1000);
        assert_int_equal(write_piece(&w, WR_SLICE("abc"), WR_ENCODER_FLUSH), 0);
        n = w.n;
        for (int i = 0; i < 3; i++)
            assert_int_equal(write_piece(&w, WR_SLICE(""), WR_ENCODER_FLUSH), 0);
        assert_int_equal(w.n, n);
        assert_true(decodes_so_far_to((enum wr_coding)c, written(&w), WR_SLICE("abc")));
        writer_close(&w);
    }
}

static void flush__of_large_pieces__decodes(void **state)
{
    struct wr_slice content = content_of(fill_random, 400000);

    (void)state;
    for (unsigned c = CODING_FIRST; c < WR_CODINGS; c++) {
        struct writer w;

        writer_open(&w, (enum wr_coding)c, WR_LEVEL_DEFAULT, 1009);
        for (size_t at = 0; at < content.n; at += 100000) {
            struct wr_slice piece = wr_slice(content.p + at, 100000);

            assert_int_equal(write_piece(&w, piece, WR_ENCODER_FLUSH), 0);
            assert_true(decodes_so_far_to((enum wr_coding)c, written(&w),
                                          wr_slice(content.p, at + 100000)));
        }
        writer_close(&w);
    }
    content_free(content);
}

/* ---- what is written ---- */

static void format__gzip__has_no_time_and_no_name(void **state)
{
    /* RFC 1952 2.3: ID1, ID2, CM deflate, no FLG, no MTIME, XFL neither slowest nor fastest, OS Unix */
    static const unsigned char header[10] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3};
    struct writer w;

    (void)state;
    writer_open(&w, WR_CODING_GZIP, WR_LEVEL_DEFAULT, 1000);
    assert_int_equal(write_piece(&w, WR_SLICE("abc"), WR_ENCODER_END), 0);
    assert_true(w.n > 18);
    assert_memory_equal(w.p, header, sizeof header);
    /* 2.3.1: the CRC of "abc", 352441c2 as everywhere, and its length. */
    assert_memory_equal(w.p + w.n - 8, "\xc2\x41\x24\x35\x03\x00\x00\x00", 8);
    writer_close(&w);
}

/* Of RFC 7932 9.1, whose codes are 1, 4 or 7 bits long. */
static int br_window_bits(const char *p)
{
    unsigned first = (unsigned char)*p, of_four = first >> 1 & 7, of_seven = first >> 4 & 7;

    if (!(first & 1))
        return 16;
    if (of_four)
        return 17 + (int)of_four;
    assert_int_not_equal(of_seven, 1); /* reserved */
    return of_seven ? 8 + (int)of_seven : 17;
}

/* Of RFC 8878 3.1.1.1: the descriptor is the fifth byte, the window's the sixth. A single segment has
 * its content's size as a window, in the bytes behind. */
static uint64_t zstd_window(const char *text)
{
    const unsigned char *p = (const unsigned char *)text;
    unsigned size_code = p[4] >> 6;

    if (p[4] & 0x20) {
        if (size_code == 0)
            return p[5];
        if (size_code == 1)
            return 256U + (p[5] | (unsigned)p[6] << 8);
        return p[5] | (unsigned)p[6] << 8 | (unsigned)p[7] << 16 | (uint64_t)p[8] << 24;
    }
    return ((uint64_t)1 << (10 + (p[5] >> 3))) / 8 * (8 + (p[5] & 7));
}

/* The header says what a client must keep. */
static uint64_t window_of(enum wr_coding coding, struct wr_slice bytes)
{
    if (coding == WR_CODING_BR)
        return (uint64_t)1 << br_window_bits(bytes.p);
    return zstd_window(bytes.p);
}

static void check_window_at_once(enum wr_coding coding, int level, struct wr_slice content,
                                 uint64_t most)
{
    char *p;
    size_t n;

    assert_int_equal(wr_encode(coding, level, content, &p, &n), 0);
    if (window_of(coding, wr_slice(p, n)) > most)
        fail_msg("%s %d of %zu", wr_coding_name(coding).p, level, content.n);
    free(p);
}

static void format__windows__are_bounded(void **state)
{
    struct wr_slice content = content_of(fill_zeros, 20000000);

    (void)state;
    for (unsigned i = WR_CODING_BR; i < WR_CODINGS; i++)
        for (int level = 1; level <= wr_encoder_level_max((enum wr_coding)i); level += 2) {
            enum wr_coding c = (enum wr_coding)i;
            bool is_fast_br = c == WR_CODING_BR && level == 1; /* which has none smaller */
            struct writer w;

            writer_open(&w, c, level, 16384);
            assert_int_equal(write_piece(&w, wr_slice(content.p, 300000), WR_ENCODER_FLUSH), 0);
            assert_int_equal(window_of(c, written(&w)), 256 << 10);
            writer_close(&w);
            check_window_at_once(c, level, content, c == WR_CODING_BR ? 4 << 20 : 8 << 20);
            check_window_at_once(c, level, wr_slice(content.p, 10000),
                                 is_fast_br ? 256 << 10 : 16 << 10);
        }
    content_free(content);
}

/* ---- misuse ---- */

static void new__of_no_such_level__is_refused(void **state)
{
    static const struct {
        enum wr_coding coding;
        int most;
    } rows[] = {
        {WR_CODING_IDENTITY, 0}, {WR_CODING_GZIP, 9}, {WR_CODING_BR, 11}, {WR_CODING_ZSTD, 19}};
    static const int none[] = {-2, 0, -1000000, 1000000};

    (void)state;
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        char *out = NULL;
        size_t n = 0;

        assert_int_equal(wr_encoder_level_max(rows[i].coding), rows[i].most);
        for (size_t k = 0; k < WR_COUNT(none); k++) {
            errno = 0;
            assert_null(wr_encoder_new(rows[i].coding, none[k]));
            assert_int_equal(errno, EINVAL);
            assert_int_equal(wr_encode(rows[i].coding, none[k], WR_SLICE("aaaa"), &out, &n),
                             -EINVAL);
        }
        assert_null(wr_encoder_new(rows[i].coding, rows[i].most + 1));
        assert_null(out);
    }
    assert_null(wr_encoder_new(WR_CODING_IDENTITY, WR_LEVEL_DEFAULT));
    assert_null(wr_encoder_new(WR_CODING_IDENTITY, 1));
}

static void run__after_the_end__is_refused(void **state)
{
    (void)state;
    for (unsigned c = CODING_FIRST; c < WR_CODINGS; c++)
        for (int op = WR_ENCODER_MORE; op <= WR_ENCODER_END; op++) {
            struct writer w;
            size_t n;

            writer_open(&w, (enum wr_coding)c, WR_LEVEL_DEFAULT, 1000);
            assert_int_equal(write_piece(&w, WR_SLICE("abc"), WR_ENCODER_END), 0);
            n = w.n;
            assert_int_equal(write_piece(&w, WR_SLICE("def"), (enum wr_encoder_op)op), -EINVAL);
            assert_int_equal(write_piece(&w, WR_SLICE(""), (enum wr_encoder_op)op), -EINVAL);
            assert_int_equal(w.n, n);
            writer_close(&w);
        }
}

/* Refused, without harm to what is under way. */
static void run__anything_else_while_room_is_wanted__is_refused(void **state)
{
    struct wr_slice content = content_of(fill_random, 300000);

    (void)state;
    for (unsigned c = CODING_FIRST; c < WR_CODINGS; c++)
        for (int op = WR_ENCODER_FLUSH; op <= WR_ENCODER_END; op++) {
            char *room = malloc(400000);
            struct wr_encoder *e = wr_encoder_new((enum wr_coding)c, WR_LEVEL_DEFAULT);
            struct wr_encoder_io io = {.in = content, .out = wr_buf_on(room, 10)}, other;

            assert_true(room != NULL && e != NULL);
            assert_int_equal(wr_encoder_run(e, &io, (enum wr_encoder_op)op), WR_ENCODER_ROOM);
            io.out.cap = 400000;
            other = io;
            assert_int_equal(wr_encoder_run(e, &other, WR_ENCODER_MORE), -EINVAL);
            other.in = wr_slice(content.p, io.in.n + 1);
            assert_int_equal(wr_encoder_run(e, &other, (enum wr_encoder_op)op), -EINVAL);
            assert_int_equal(other.out.n, 10);
            assert_int_equal(wr_encoder_run(e, &io, (enum wr_encoder_op)op), WR_ENCODER_DONE);
            assert_true(op == WR_ENCODER_END
                            ? decodes_to((enum wr_coding)c, wr_buf_slice(&io.out), content)
                            : decodes_so_far_to((enum wr_coding)c, wr_buf_slice(&io.out), content));
            wr_encoder_free(e);
            free(room);
        }
    content_free(content);
}

static void run__without_room__wants_room(void **state)
{
    (void)state;
    for (unsigned c = CODING_FIRST; c < WR_CODINGS; c++) {
        struct wr_encoder *e = wr_encoder_new((enum wr_coding)c, WR_LEVEL_DEFAULT);
        struct wr_encoder_io io = {.in = WR_SLICE("abc")};
        char room[100];

        assert_non_null(e);
        for (int i = 0; i < 3; i++)
            assert_int_equal(wr_encoder_run(e, &io, WR_ENCODER_END), WR_ENCODER_ROOM);
        io.out = wr_buf_on(room, sizeof room);
        assert_int_equal(wr_encoder_run(e, &io, WR_ENCODER_END), WR_ENCODER_DONE);
        assert_true(decodes_to((enum wr_coding)c, wr_buf_slice(&io.out), WR_SLICE("abc")));
        wr_encoder_free(e);
    }
}

/* ---- at once ---- */

static void encode__what_gets_smaller__decodes(void **state)
{
    static const size_t sizes[] = {64, 300, 1023, 1025, 65536, 140001, 5000000};

    (void)state;
    for (unsigned c = CODING_FIRST; c < WR_CODINGS; c++)
        for (size_t i = 0; i < WR_COUNT(sizes); i++) {
            struct wr_slice content = content_of(sizes[i] < 256 ? fill_zeros : fill_text, sizes[i]);
            char *p = NULL, *again = NULL;
            size_t n = 0, again_n = 0;

            assert_int_equal(wr_encode((enum wr_coding)c, WR_LEVEL_DEFAULT, content, &p, &n), 0);
            assert_true(n < content.n);
            assert_true(decodes_to((enum wr_coding)c, wr_slice(p, n), content));
            assert_int_equal(
                wr_encode((enum wr_coding)c, WR_LEVEL_DEFAULT, content, &again, &again_n), 0);
            assert_true(wr_slice_eq(wr_slice(p, n), wr_slice(again, again_n)));
            free(p);
            free(again);
            content_free(content);
        }
}

static void encode__what_does_not__is_given_up(void **state)
{
    static const size_t sizes[] = {0, 1, 2, 3, 10, 1000, 100000};

    (void)state;
    for (unsigned c = CODING_FIRST; c < WR_CODINGS; c++)
        for (size_t i = 0; i < WR_COUNT(sizes); i++) {
            struct wr_slice content = content_of(fill_random, sizes[i]);
            char *p = NULL;
            size_t n = 77;

            assert_int_equal(wr_encode((enum wr_coding)c, WR_LEVEL_DEFAULT, content, &p, &n),
                             -E2BIG);
            assert_null(p);
            assert_int_equal(n, 77);
            content_free(content);
        }
}

/* Zeros, one more each time, until it is worth it: then the result is smaller by a byte or more, and a
 * byte less of content would not have been enough. */
static void encode__limit__is_the_size_of_the_content(void **state)
{
    (void)state;
    for (unsigned c = CODING_FIRST; c < WR_CODINGS; c++) {
        static const char zeros[100];
        size_t size = 0, n = 0;
        char *p = NULL;

        while (size < sizeof zeros && wr_encode((enum wr_coding)c, WR_LEVEL_DEFAULT,
                                                wr_slice(zeros, size), &p, &n) == -E2BIG)
            size++;
        assert_non_null(p);
        assert_true(n < size && n + 2 >= size);
        free(p);
    }
}

WR_TESTS(cmocka_unit_test(stream__pieces_and_rooms_of_any_size__decode),
         cmocka_unit_test(stream__of_five_megabytes__decodes),
         cmocka_unit_test(stream__each_level__decodes),
         cmocka_unit_test(stream__that_is_given_up__frees_all),
         cmocka_unit_test(flush__all_given_so_far__can_be_decoded),
         cmocka_unit_test(flush__of_nothing__costs_nothing_again),
         cmocka_unit_test(flush__of_large_pieces__decodes),
         cmocka_unit_test(format__gzip__has_no_time_and_no_name),
         cmocka_unit_test(format__windows__are_bounded),
         cmocka_unit_test(new__of_no_such_level__is_refused),
         cmocka_unit_test(run__after_the_end__is_refused),
         cmocka_unit_test(run__anything_else_while_room_is_wanted__is_refused),
         cmocka_unit_test(run__without_room__wants_room),
         cmocka_unit_test(encode__what_gets_smaller__decodes),
         cmocka_unit_test(encode__what_does_not__is_given_up),
         cmocka_unit_test(encode__limit__is_the_size_of_the_content));
