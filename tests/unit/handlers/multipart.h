/*
 * multipart.h — a body of multipart/byteranges taken apart by hand: RFC 9110 14.6, RFC 2046 5.1.1.
 */
#ifndef WR_TESTS_MULTIPART_H
#define WR_TESTS_MULTIPART_H

#include "static_fixture.h"

#define PARTS_MAX 16

struct part {
    struct wr_slice type, range; /* of its Content-Type and Content-Range */
    struct wr_slice content;
};

struct parts {
    struct part v[PARTS_MAX];
    size_t n;
};

/* Takes `text` from the front, or fails. */
static inline void take_text(struct wr_slice *from, struct wr_slice text)
{
    if (!wr_slice_starts(*from, text))
        fail_msg("%.*s expected at %.*s", (int)text.n, text.p, (int)(from->n < 80 ? from->n : 80),
                 from->p);
    *from = wr_slice_from(*from, text.n);
}

/* All in front of `text`, which is taken, too. */
static inline struct wr_slice take_until(struct wr_slice *from, struct wr_slice text)
{
    const char *at = memmem(from->p, from->n, text.p, text.n);
    struct wr_slice taken;

    assert_non_null(at);
    taken = wr_slice(from->p, (size_t)(at - from->p));
    *from = wr_slice_from(*from, taken.n + text.n);
    return taken;
}

/* Each part has these two fields, in this order, and the whole has nothing else. */
static inline void take_parts(const struct test_response *r, struct parts *out)
{
    struct wr_slice rest = wr_slice(r->content, r->content_n), type = test_field(r, "Content-Type");
    char delimiter[200];
    struct wr_slice mark;

    out->n = 0;
    assert_int_equal(r->status, 206);
    check_field(r, "Content-Range", NULL); /* 15.3.7.2: must not have one */
    take_text(&type, WR_SLICE("multipart/byteranges; boundary="));
    assert_true(type.n > 0 && type.n <= 70);
    mark = wr_slice(delimiter, (size_t)snprintf(delimiter, sizeof delimiter, "\r\n--%.*s",
                                                (int)type.n, type.p));
    take_text(&rest, mark);
    while (wr_slice_starts(rest, WR_SLICE("\r\n"))) {
        struct part *p = &out->v[out->n++];

        assert_true(out->n <= PARTS_MAX);
        take_text(&rest, WR_SLICE("\r\nContent-Type: "));
        p->type = take_until(&rest, WR_SLICE("\r\n"));
        take_text(&rest, WR_SLICE("Content-Range: "));
        p->range = take_until(&rest, WR_SLICE("\r\n\r\n"));
        p->content = take_until(&rest, mark);
    }
    assert_true(wr_slice_eq(rest, WR_SLICE("--\r\n")));
}

/* The part is the bytes of `whole` from start to end, both of them in it. */
static inline void check_part(const struct part *p, const char *type, size_t start, size_t end,
                              struct wr_slice whole)
{
    char range[80];

    snprintf(range, sizeof range, "bytes %zu-%zu/%zu", start, end, whole.n);
    if (!wr_slice_eq(p->range, wr_slice_of(range)) || !wr_slice_eq(p->type, wr_slice_of(type)))
        fail_msg("%.*s, %.*s; expected %s, %s", (int)p->type.n, p->type.p, (int)p->range.n,
                 p->range.p, type, range);
    assert_int_equal(p->content.n, end - start + 1);
    assert_memory_equal(p->content.p, whole.p + start, p->content.n);
}

#endif
