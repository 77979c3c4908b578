/*
 * handler.c — answers as the plan says, and checks what the server made of each request.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "model.h"

#define PATTERN_N    (40000 + 26)
#define PIECES_LIMIT 40 /* of an answer, so that no run takes long */

static char pattern[PATTERN_N];

#define CHECK(h, claim) MODEL_CHECK((h)->plan, NULL, claim)

static struct model_handler *handler_of(struct wr_exchange *x)
{
    return x->handler_data;
}

static size_t number_of(const struct model_handler *h, const struct model_request *r)
{
    return (size_t)(r - h->plan->requests);
}

/* ---- what the server says that the client has sent ---- */

static bool is_text(struct wr_slice s, const char *text)
{
    return s.n == strlen(text) && memcmp(s.p, text, s.n) == 0;
}

static struct wr_slice field_of(const struct wr_exchange *x, const char *name)
{
    for (int i = 0; i < x->request.fields.n; i++)
        if (is_text(x->request.fields.v[i].name, name))
            return x->request.fields.v[i].value;
    return wr_slice(NULL, 0);
}

static void check_request(const struct model_handler *h, const struct wr_exchange *x)
{
    const struct model_request *r = h->current;
    int64_t length = r->framing == MODEL_CHUNKED ? -1 : (int64_t)r->content_n;
    char number[20];

    snprintf(number, sizeof number, "%zu", number_of(h, r));
    CHECK(h, is_text(x->request.method_token, r->method));
    CHECK(h, is_text(x->request.version, r->minor > 0 ? "HTTP/1.1" : "HTTP/1.0"));
    CHECK(h, x->request.content_length == length);
    CHECK(h, is_text(field_of(x, "X-Number"), number));
    CHECK(h, x->request.path.n > 1 && x->request.path.p[x->request.path.n - 1] == number[0]);
}

/* Content may be given as far as it was sent: of a chunk that breaks a rule, the part before. */
static char content_byte(const struct model_handler *h, size_t at)
{
    const struct model_request *r = h->current;
    const struct model_violation *v = h->plan->violation;

    if (at < r->content_n)
        return r->content[at];
    return strchr(v->content.p, '\n')[1 + at - r->content_n];
}

static void check_content(const struct model_handler *h, size_t from)
{
    const struct model_plan *p = h->plan;
    bool is_faulty = number_of(h, h->current) == p->valid_n;
    size_t sent = is_faulty ? p->delivered_n : h->current->content_n;

    CHECK(h, h->content_n <= sent);
    for (size_t i = from; i < h->content_n; i++)
        CHECK(h, h->content[i] == content_byte(h, i));
}

/* ---- reading ---- */

static void respond(struct model_handler *h, struct wr_exchange *x);

/* As many as the plan wants at once. */
static ssize_t read_once(struct model_handler *h, struct wr_exchange *x)
{
    const struct model_request *r = h->current;
    size_t room = MODEL_CONTENT_MAX + 10 - h->content_n, before = h->content_n;
    ssize_t n;

    if (r->reading == MODEL_READS_SOME)
        room = r->reads - h->content_n;
    if (r->read_max > 0 && room > r->read_max)
        room = r->read_max;
    n = wr_exchange_read(x, h->content + h->content_n, room);
    CHECK(h, n <= (ssize_t)room);
    if (n > 0) {
        h->content_n += (size_t)n;
        check_content(h, before);
    }
    /* The end is the end of a request that is whole and was given in full. */
    if (n == 0)
        CHECK(h, number_of(h, r) < h->plan->valid_n && h->content_n == r->content_n);
    if (n < 0 && n != -EAGAIN) {
        CHECK(h, number_of(h, r) == h->plan->valid_n);
        h->has_failed = true;
    }
    return n;
}

static void read_on(struct model_handler *h, struct wr_exchange *x)
{
    bool reads_all = h->current->reading == MODEL_READS_ALL;
    ssize_t n = 1;

    while (n > 0 && (reads_all || h->content_n < h->current->reads))
        n = read_once(h, x);
    if (n != -EAGAIN)
        respond(h, x);
}

static void on_input(struct wr_exchange *x)
{
    struct model_handler *h = handler_of(x);

    if (h->is_body_open)
        wr_exchange_body_ready(x);
    else
        read_on(h, x);
}

/* ---- the answer's content ---- */

static struct model_handler *handler_of_body(struct wr_body *b)
{
    return WR_CONTAINER_OF(b, struct model_handler, body);
}

static bool is_echo(const struct model_request *r)
{
    return r->reading == MODEL_READS_ALL || r->reading == MODEL_READS_LATER;
}

/* What is known of it by now. */
static size_t answer_n(const struct model_handler *h)
{
    return is_echo(h->current) ? h->content_n : h->current->answer_n;
}

static size_t piece_n(const struct model_handler *h)
{
    size_t all = answer_n(h), n = h->current->piece_n, least = all / PIECES_LIMIT + 1;

    if (h->current->body == MODEL_IN_MEMORY)
        return all;
    return n > least ? n : least;
}

static struct wr_piece next_piece(const struct model_handler *h)
{
    size_t left = answer_n(h) - h->body_at, n = piece_n(h), number = number_of(h, h->current);
    struct wr_piece piece = {.fd = -1, .len = n < left ? n : left};

    if (is_echo(h->current)) {
        piece.mem = h->content + h->body_at;
    } else if (h->current->body == MODEL_IN_FILE) {
        piece.fd = h->file;
        piece.off = (off_t)(number * 5 % 26 + h->body_at);
    } else {
        piece.mem = pattern + number * 5 % 26 + h->body_at;
    }
    return piece;
}

static int body_peek(struct wr_body *base, struct wr_piece *out, int max)
{
    struct model_handler *h = handler_of_body(base);

    (void)max;
    CHECK(h, h->is_body_open && h->current);
    if (h->current->body == MODEL_IN_SLOW_PIECES && !h->may_give) {
        h->is_asked = true;
        return -EAGAIN;
    }
    if (h->current->reading == MODEL_READS_LATER && h->body_at == h->content_n) {
        ssize_t n = read_once(h, h->answering);

        if (n <= 0)
            return n == -EAGAIN || n == 0 ? (int)n : -EIO;
    }
    if (h->body_at == answer_n(h))
        return 0;
    *out = next_piece(h);
    return 1;
}

static void body_advance(struct wr_body *base, size_t n)
{
    struct model_handler *h = handler_of_body(base);

    CHECK(h, h->is_body_open && n <= answer_n(h) - h->body_at);
    h->body_at += n;
    h->may_give = false;
}

static void body_close(struct wr_body *base)
{
    struct model_handler *h = handler_of_body(base);

    CHECK(h, h->is_body_open);
    h->is_body_open = false;
}

static const struct wr_body_ops body_ops = {body_peek, body_advance, body_close};

/* ---- answering ---- */

/* A next request may be served before this returns. */
static void respond(struct model_handler *h, struct wr_exchange *x)
{
    static const struct wr_slice numbers[] = {WR_SLICE("0"), WR_SLICE("1"), WR_SLICE("2"),
                                              WR_SLICE("3"), WR_SLICE("4"), WR_SLICE("5"),
                                              WR_SLICE("6")};
    const struct model_request *r = h->current;

    check_request(h, x);
    h->x = NULL;
    if (h->has_failed) {
        CHECK(h, x->input_status >= 400);
        wr_exchange_respond_error(x, x->input_status);
    } else {
        h->is_body_open = true;
        h->answering = x;
        x->response.status = r->status;
        wr_exchange_add_field(x, WR_SLICE("X-Number"), numbers[number_of(h, r)]);
        wr_exchange_set_body(x, &h->body, r->has_length ? (int64_t)answer_n(h) : -1);
        wr_exchange_respond(x);
    }
    wr_exchange_unref(x);
}

static void on_end(struct wr_exchange *x)
{
    struct model_handler *h = handler_of(x);

    CHECK(h, h->current && !h->is_body_open);
    h->current = NULL;
    h->ended++;
}

static void begin(struct model_handler *h)
{
    struct wr_exchange *x = h->x;

    h->has_begun = true;
    x->on_input = on_input;
    if (h->current->reading == MODEL_READS_SOME || h->current->reading == MODEL_READS_ALL)
        read_on(h, x);
    else
        respond(h, x);
}

static void serve_witness(struct model_handler *h, struct wr_exchange *x)
{
    h->witnesses++;
    x->response.status = 200;
    wr_exchange_set_body(x, test_memory_body(&x->arena, WR_SLICE("witness"), NULL, NULL), 7);
    wr_exchange_respond(x);
}

/* Requests come in order, one at a time, and none that must not be answered. */
static void serve(struct wr_handler *base, struct wr_exchange *x)
{
    struct model_handler *h = WR_CONTAINER_OF(base, struct model_handler, base);
    size_t may_come = h->plan->valid_n + (h->plan->is_content_bad || h->plan->is_cut ? 1 : 0);

    if (is_text(x->request.path, "/witness")) {
        serve_witness(h, x);
        return;
    }
    CHECK(h, h->current == NULL && h->began == h->ended);
    CHECK(h, h->began < may_come);
    h->current = &h->plan->requests[h->began++];
    h->has_begun = h->has_failed = h->may_give = h->is_asked = false;
    h->content_n = h->body_at = 0;
    h->x = x;
    wr_exchange_ref(x);
    x->handler_data = h;
    x->on_end = on_end;
    check_request(h, x);
    if (!h->current->is_late)
        begin(h);
}

void model_handler_work(struct model_handler *h)
{
    if (h->x && h->x->state == WR_EXCHANGE_CANCELLED) {
        struct wr_exchange *x = h->x;

        h->x = NULL;
        wr_exchange_unref(x);
    } else if (h->x && !h->has_begun) {
        begin(h);
    } else if (h->is_body_open && h->is_asked) {
        h->is_asked = false;
        h->may_give = true;
        wr_exchange_body_ready(h->answering);
    }
}

/* ---- life ---- */

static void free_nothing(struct wr_handler *base)
{
    (void)base;
}

static const struct wr_handler_ops handler_ops = {
    .name = "model", .serve = serve, .free = free_nothing};

/* Answers that come by sendfile are the same bytes. */
static int make_file(void)
{
    int fd = memfd_create("model", MFD_CLOEXEC);

    if (fd < 0 || write(fd, pattern, sizeof pattern) != (ssize_t)sizeof pattern)
        abort();
    return fd;
}

void model_handler_init(struct model_handler *h, const struct model_plan *plan)
{
    for (size_t i = 0; i < sizeof pattern; i++)
        pattern[i] = model_answer_byte(0, i);
    *h = (struct model_handler){.base = {.ops = &handler_ops},
                                .plan = plan,
                                .body = {&body_ops},
                                .content = malloc(MODEL_CONTENT_MAX + 10),
                                .file = make_file()};
    if (!h->content)
        abort();
}

void model_handler_fini(struct model_handler *h)
{
    close(h->file);
    free(h->content);
}
