/*
 * generate.c — writes a connection's worth of requests, and what must come of them.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "model.h"

/* ---- choices ---- */

unsigned model_choose(struct model_choices *c, unsigned n)
{
    if (c->n == 0)
        return 0;
    c->n--;
    return *c->p++ % n;
}

unsigned model_choose_last(struct model_choices *c, unsigned n)
{
    if (c->n == 0)
        return 0;
    c->n--;
    return c->p[c->n] % n;
}

/* One of the texts. */
#define CHOOSE(c, texts) texts[model_choose(c, sizeof(texts) / sizeof((texts)[0]))]

/* ---- text ---- */

static char bytes[MODEL_BYTES_MAX];
static char contents[MODEL_REQUESTS_MAX + 1][MODEL_CONTENT_MAX];

static void put(struct model_plan *plan, const char *p, size_t n)
{
    if (n > sizeof bytes - plan->n)
        abort();
    for (size_t i = 0; i < n; i++)
        bytes[plan->n++] = p[i];
}

__attribute__((format(printf, 2, 3))) static void say(struct model_plan *plan, const char *format,
                                                      ...)
{
    char text[1000];
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (n < 0 || (size_t)n >= sizeof text)
        abort();
    put(plan, text, (size_t)n);
}

/* ---- content ---- */

/* Content may look like anything, above all like what comes behind it. */
static void make_content(struct model_request *r, char *memory, struct model_choices *c)
{
    static const char *const looks[] = {"abcdefghijklmnopqrstuvwxyz",
                                        "GET /never HTTP/1.1\r\nHost: a\r\n\r\n",
                                        "\r\n0\r\n\r\nGET /never HTTP/1.1\r\nHost: a\r\n\r\n",
                                        "\r\n",
                                        "0\r\n\r\n",
                                        "HTTP/1.1 200 OK\r\n\r\n"};
    static const size_t sizes[] = {1, 2, 3, 5, 17, 60, 100, 300, 1000, 5000, MODEL_CONTENT_MAX};
    const char *look = CHOOSE(c, looks);

    r->content_n = CHOOSE(c, sizes);
    r->content = memory;
    for (size_t i = 0; i < r->content_n; i++)
        memory[i] = look[i % strlen(look)];
}

/* Content goes out as it is, and the plan keeps where. */
static void put_piece(struct model_plan *plan, struct model_request *r, size_t from, size_t n)
{
    r->pieces[r->pieces_n++] = (struct model_piece){plan->n, n};
    put(plan, r->content + from, n);
}

static void put_chunk(struct model_plan *plan, struct model_request *r, size_t from, size_t n,
                      struct model_choices *c)
{
    static const char *const zeros[] = {"", "", "0", "00000"};
    static const char *const extensions[] = {"",        ";a",          ";a=b",
                                             ";a=\"\"", " ; a = b",    ";a=\"b;c\"",
                                             "\t;a;b",  ";a=\"\\\"\"", ";a=\"\\\\\";b"};
    const char *zero = CHOOSE(c, zeros), *extension = CHOOSE(c, extensions);

    if (model_choose(c, 2) == 1)
        say(plan, "%s%zX%s\r\n", zero, n, extension);
    else
        say(plan, "%s%zx%s\r\n", zero, n, extension);
    put_piece(plan, r, from, n);
    say(plan, "\r\n");
}

/* All of the content in chunks, but for the last chunk. */
static void put_chunks(struct model_plan *plan, struct model_request *r, struct model_choices *c)
{
    size_t at = 0;

    while (at < r->content_n) {
        size_t left = r->content_n - at, n = left;

        if (r->pieces_n < MODEL_PIECES_MAX - 1 && model_choose(c, 4) > 0)
            n = 1 + model_choose(c, left < 250 ? (unsigned)left : 250);
        put_chunk(plan, r, at, n, c);
        at += n;
    }
}

static void put_last_chunk(struct model_plan *plan, struct model_choices *c)
{
    static const char *const lasts[] = {"0\r\n\r\n",
                                        "000\r\n\r\n",
                                        "0;a=b\r\n\r\n",
                                        "0\r\nA: b\r\n\r\n",
                                        "0\r\nContent-Length: 3\r\nHost: b\r\n\r\n",
                                        "0\r\nTransfer-Encoding: chunked\r\nA:\r\n\r\n"};

    say(plan, "%s", CHOOSE(c, lasts));
}

static void put_content(struct model_plan *plan, struct model_request *r, struct model_choices *c)
{
    r->content_at = plan->n;
    if (r->framing == MODEL_LENGTH && r->content_n > 0)
        put_piece(plan, r, 0, r->content_n);
    if (r->framing == MODEL_CHUNKED) {
        put_chunks(plan, r, c);
        if (plan->violation)
            put(plan, plan->violation->content.p, plan->violation->content.n);
        else
            put_last_chunk(plan, c);
    }
}

/* ---- head ---- */

static void put_line(struct model_plan *plan, struct model_request *r, size_t number,
                     struct model_choices *c)
{
    static const char *const blank_lines[] = {"", "", "", "\r\n", "\r\n\r\n"};
    static const char *const paths[] = {"/",         "/a/",   "http://a/", "HTTP://b:80/a/b/",
                                        "/.//a/../", "/%61/", "/a%2F",     "/%C3%A9|\xc3\xa9;/"};
    static const char *const queries[] = {"", "", "?q=/never", "?%0g", "??"};
    static const char *const newer[] = {"1.1", "1.1", "1.1", "1.2", "1.9"};

    say(plan, "%s", CHOOSE(c, blank_lines));
    say(plan, "%s ", r->method);
    r->target_at = plan->n;
    say(plan, "%s%zu", CHOOSE(c, paths), number);
    say(plan, "%s HTTP/%s\r\n", CHOOSE(c, queries), r->minor > 0 ? CHOOSE(c, newer) : "1.0");
}

static void put_connection(struct model_plan *plan, struct model_request *r,
                           struct model_choices *c)
{
    static const char *const closing[] = {"Connection: close\r\n", "connection:\tClose \r\n",
                                          "Connection: keep-alive, CLOSE\r\n",
                                          "Connection: x\r\nConnection: ,close,\r\n",
                                          "Connection: close\r\nConnection: keep-alive\r\n"};
    static const char *const keeping[] = {
        "Connection: keep-alive\r\n", "Connection: Keep-Alive,\r\n",
        "Connection: x, keep-alive\r\n", "Connection: x\r\nCONNECTION: keep-alive\r\n"};
    static const char *const neutral[] = {"",
                                          "",
                                          "Connection: closed\r\n",
                                          "Connection:\r\n",
                                          "X-Connection: close\r\n",
                                          "Keep-Alive: 5\r\n"};

    r->fate = MODEL_KEEPS;
    switch (model_choose(c, 8)) {
    case 7:
        say(plan, "%s", CHOOSE(c, closing));
        r->fate = MODEL_CLOSES;
        break;
    case 6:
        say(plan, "%s", CHOOSE(c, keeping));
        break;
    default:
        if (r->minor == 0 && model_choose(c, 4) > 0) {
            say(plan, "%s", CHOOSE(c, keeping));
            break;
        }
        say(plan, "%s", CHOOSE(c, neutral));
        if (r->minor == 0)
            r->fate = MODEL_CLOSES;
    }
    r->is_last = r->says_close = r->fate == MODEL_CLOSES;
}

static void put_framing(struct model_plan *plan, const struct model_request *r,
                        struct model_choices *c)
{
    static const char *const lengths[] = {"Content-Length: ", "content-length:\t",
                                          "CONTENT-LENGTH:00"};
    static const char *const codings[] = {"Transfer-Encoding: chunked\r\n",
                                          "transfer-encoding:Chunked\t\r\n",
                                          "Transfer-Encoding: ,chunked ,\r\n"};

    if (r->framing == MODEL_LENGTH)
        say(plan, "%s%zu \r\n", CHOOSE(c, lengths), r->content_n);
    if (r->framing == MODEL_CHUNKED)
        say(plan, "%s", CHOOSE(c, codings));
}

static void put_head(struct model_plan *plan, struct model_request *r, size_t number,
                     struct model_choices *c)
{
    static const char *const hosts[] = {"Host: a\r\n", "hOST:a\r\n", "Host: [::1]:80\t\r\n",
                                        "Host:\r\n"};
    static const char *const others[] = {"", "", "Accept: */*\r\nCookie: a=\"b\xe9\"\r\n",
                                         "A:b\r\n"};
    static const char *const expects[] = {"Expect: 100-continue\r\n", "expect:100-Continue\r\n"};
    bool is_host_first = model_choose(c, 4) > 0;
    const char *host = r->minor == 0 && model_choose(c, 2) ? "" : CHOOSE(c, hosts);

    put_line(plan, r, number, c);
    say(plan, "%s%s", is_host_first ? host : "", CHOOSE(c, others));
    put_connection(plan, r, c);
    say(plan, "X-Number: %zu\r\n", number);
    put_framing(plan, r, c);
    if (r->expects)
        say(plan, "%s", CHOOSE(c, expects));
    say(plan, "%s\r\n", is_host_first ? "" : host);
}

/* ---- the handler's part ---- */

static bool is_bodiless(const struct model_request *r)
{
    return strcmp(r->method, "HEAD") == 0 || r->status == 204 || r->status == 304;
}

/* No run takes long. */
static void bound_reads(struct model_request *r, size_t content_n)
{
    if (r->read_max > 0 && r->read_max < content_n / 100)
        r->read_max = content_n / 100;
}

static void choose_handling(struct model_request *r, struct model_choices *c)
{
    static const size_t answers[] = {10, 0, 1, 300, 5000, 40000};
    static const size_t pieces[] = {3, 1, 100, 17000};
    static const size_t reads[] = {0, 1, 7, 4096}; /* 0: as much as there is */
    static const int statuses[] = {200, 200, 200, 200, 201, 404, 204, 304};

    r->is_late = model_choose(c, 3) == 1;
    r->status = CHOOSE(c, statuses);
    r->body = (enum model_body)model_choose(c, MODEL_IN_FILE + 1);
    r->answer_n = CHOOSE(c, answers);
    r->piece_n = CHOOSE(c, pieces);
    r->has_length = model_choose(c, 3) > 0;
    r->read_max = CHOOSE(c, reads);
    bound_reads(r, r->content_n);
    r->reading = (enum model_reading)model_choose(c, MODEL_READS_LATER + 1);
    if (r->reading == MODEL_READS_LATER && (is_bodiless(r) || r->waits))
        r->reading = MODEL_READS_NOTHING;
    if (r->reading == MODEL_READS_SOME)
        r->reads = model_choose(c, 200);
    if (r->reading == MODEL_READS_SOME && r->reads >= r->content_n)
        r->reading = MODEL_READS_ALL;
    if (r->reading == MODEL_READS_SOME && r->reads == 0)
        r->reading = MODEL_READS_NOTHING;
    if (r->reading == MODEL_READS_LATER)
        r->has_length = false;
}

/* ---- what must come of it ---- */

/* RFC 9112 9.3: content that nobody has read is read to its end, or the connection closed. Which of
 * them Weir documents: up to discard_bytes_max it is read. */
static void decide_unread(struct model_request *r, size_t discard_max)
{
    size_t read = r->reading == MODEL_READS_NOTHING ? 0
                  : r->reading == MODEL_READS_SOME  ? r->reads
                                                    : r->content_n;
    size_t unread = r->content_n - read;

    if (r->fate != MODEL_KEEPS || r->reading == MODEL_READS_ALL)
        return;
    if (unread > discard_max) {
        r->fate = MODEL_CLOSES;
        /* Else it shows behind the answer: in chunks, and where somebody reads who may go on. */
        r->says_close = r->framing == MODEL_LENGTH && read == 0;
    } else if (r->reading == MODEL_READS_SOME && r->framing == MODEL_CHUNKED &&
               r->content_n > discard_max) {
        r->fate = MODEL_MAY_CLOSE; /* what is little enough to be dropped is more than was said */
    } else if (r->reading == MODEL_READS_LATER && r->content_n > discard_max) {
        r->fate = MODEL_MAY_CLOSE; /* nobody knows yet that it will be read */
    }
    /* The client waits for the 100, or sends its content without one (RFC 9110 10.1.1): as long as
     * none has come, the server cannot know whether what follows is content. */
    if (r->fate != MODEL_CLOSES && r->expects && r->minor > 0 && r->reading != MODEL_READS_SOME &&
        (r->content_n > 0 || r->framing == MODEL_CHUNKED)) {
        r->says_close = r->reading == MODEL_READS_NOTHING;
        r->fate = r->says_close ? MODEL_CLOSES : MODEL_MAY_CLOSE;
    }
}

static void decide_fate(struct model_request *r, size_t discard_max)
{
    decide_unread(r, discard_max);
    /* RFC 9112 6.3: without length and chunks only the connection's end is the content's. */
    if (r->minor == 0 && !r->has_length && r->fate != MODEL_CLOSES) {
        bool must = !is_bodiless(r);

        r->fate = must ? MODEL_CLOSES : MODEL_MAY_CLOSE;
        r->says_close = must;
    }
}

/* ---- requests ---- */

static void choose_message(struct model_request *r, char *memory, struct model_choices *c)
{
    static const char *const methods[] = {"GET",     "POST",   "HEAD", "PUT",
                                          "OPTIONS", "DELETE", "PATCH"};

    r->method = CHOOSE(c, methods);
    r->minor = model_choose(c, 4) != 1;
    r->framing = (enum model_framing)model_choose(c, MODEL_CHUNKED + 1);
    if (r->minor == 0 && r->framing == MODEL_CHUNKED)
        r->framing = MODEL_LENGTH;
    if (r->framing != MODEL_NO_CONTENT && model_choose(c, 8) != 7)
        make_content(r, memory, c);
    r->expects = model_choose(c, 4) == 1;
    r->waits = r->expects && r->minor > 0 && r->content_n > 0 && model_choose(c, 2) == 1;
}

static struct model_request *add_request(struct model_plan *plan, struct model_choices *c)
{
    size_t number = plan->valid_n;
    struct model_request *r = &plan->requests[number];

    *r = (struct model_request){.is_answered = true, .start = plan->n};
    choose_message(r, contents[number], c);
    if (plan->violation) { /* of the content */
        r->framing = MODEL_CHUNKED;
        r->minor = 1;
    }
    choose_handling(r, c);
    put_head(plan, r, number, c);
    put_content(plan, r, c);
    r->end = plan->n;
    decide_fate(r, plan->discard_max);
    return r;
}

/* ---- faulty requests ---- */

static void add_bad_head(struct model_plan *plan, struct model_choices *c)
{
    static const char *const others[] = {"", "A: b\r\n", "Accept: */*\r\nB:\r\n"};
    const struct model_violation *v =
        &model_head_violations[model_choose(c, (unsigned)model_head_violations_n)];
    struct model_request *r = &plan->requests[plan->valid_n];
    bool is_field_first = model_choose(c, 2) == 1;

    *r = (struct model_request){
        .method = "POST", .minor = 1, .start = plan->n, .fate = MODEL_CLOSES, .says_close = true};
    plan->violation = v;
    if (v->line.p)
        put(plan, v->line.p, v->line.n);
    else
        say(plan, "POST /never HTTP/1.1\r\n");
    if (is_field_first && v->field.p)
        put(plan, v->field.p, v->field.n);
    if (v->host.p)
        put(plan, v->host.p, v->host.n);
    else
        say(plan, "Host: a\r\n");
    say(plan, "%s", CHOOSE(c, others));
    if (!is_field_first && v->field.p)
        put(plan, v->field.p, v->field.n);
    say(plan, "\r\n");
    r->content_at = r->end = plan->n;
}

/* The handler answers when it has all that it wants before it meets what is wrong. */
static bool meets_fault(const struct model_plan *plan, const struct model_request *r)
{
    switch (r->reading) {
    case MODEL_READS_NOTHING:
        return false;
    case MODEL_READS_SOME:
        return r->reads > plan->delivered_n;
    case MODEL_READS_ALL:
    case MODEL_READS_LATER:
        break;
    }
    return true;
}

static void set_faulty(const struct model_plan *plan, struct model_request *r)
{
    r->fate = MODEL_CLOSES;
    r->is_answered = !meets_fault(plan, r);
    /* What is only dropped breaks a rule behind an answer that could not know. */
    r->says_close = !r->is_answered;
}

static void add_bad_chunks(struct model_plan *plan, struct model_choices *c)
{
    const struct model_violation *v =
        &model_chunk_violations[model_choose(c, (unsigned)model_chunk_violations_n)];
    struct model_request *r;

    plan->violation = v;
    plan->is_content_bad = true;
    r = add_request(plan, c);
    plan->delivered_n = r->content_n + v->delivered_n;
    bound_reads(r, plan->delivered_n);
    /* What "all" is, only the end would have said: who wants some gets them, if there are as many. */
    set_faulty(plan, r);
}

/* How much content is in front of the plan's end. */
static size_t content_before_end(const struct model_plan *plan, const struct model_request *r)
{
    size_t n = 0;

    for (size_t i = 0; i < r->pieces_n; i++) {
        if (r->pieces[i].at + r->pieces[i].n <= plan->n)
            n += r->pieces[i].n;
        else if (r->pieces[i].at < plan->n)
            n += plan->n - r->pieces[i].at;
    }
    return n;
}

/* The last request loses its end. */
static void cut(struct model_plan *plan, struct model_request *r, struct model_choices *c)
{
    size_t whole = r->end - r->start, head = r->content_at - r->start, keep;
    bool is_in_content = whole > head && model_choose(c, 2) == 1;

    if (is_in_content)
        keep = head + (model_choose(c, 256) * (whole - head)) / 256;
    else
        keep = 1 + (model_choose(c, 256) * (head - 1)) / 256;
    /* Who has not heard that it is a HEAD answers with content: the client does not know which. */
    if (strcmp(r->method, "HEAD") == 0 && r->start + keep < r->target_at)
        keep = r->target_at - r->start;
    plan->n = r->end = r->start + keep;
    plan->is_cut = true;
    plan->delivered_n = content_before_end(plan, r);
    set_faulty(plan, r);
    if (keep < head)
        r->is_answered = false;
}

/* ---- plan ---- */

static void add_never(struct model_plan *plan, struct model_choices *c)
{
    static const char *const never[] = {
        "GET /never HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST /never HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
        "\r\nGET /never HTTP/1.0\r\n\r\n",
        "3\r\nabc\r\n0\r\n\r\nGET /never HTTP/1.1\r\nHost: a\r\n\r\n"};

    plan->never_n = model_choose(c, 4);
    for (size_t i = 0; i < plan->never_n; i++)
        say(plan, "%s", CHOOSE(c, never));
}

static bool is_over(const struct model_plan *plan)
{
    return plan->valid_n > 0 && plan->requests[plan->valid_n - 1].fate == MODEL_CLOSES;
}

static void add_faulty(struct model_plan *plan, struct model_choices *c)
{
    switch (model_choose(c, 8)) {
    case 4:
    case 5:
        add_bad_head(plan, c);
        break;
    case 6:
        add_bad_chunks(plan, c);
        break;
    case 7:
        cut(plan, add_request(plan, c), c);
        break;
    default: /* none */
        break;
    }
}

void model_generate(struct model_plan *plan, struct model_choices *c)
{
    static const size_t bounds[] = {262144, 0, 50, 1000};
    static const size_t depths[] = {256, 1, 2};
    unsigned choice;
    size_t count;

    *plan = (struct model_plan){.bytes = bytes};
    plan->discard_max = CHOOSE(c, bounds);
    choice = model_choose(c, MODEL_ENDS * 6);
    plan->end = (enum model_end)(choice % MODEL_ENDS);
    plan->is_timed = choice / MODEL_ENDS % 2 == 1;
    plan->pipelined_max = depths[choice / MODEL_ENDS / 2];
    count = model_choose(c, MODEL_REQUESTS_MAX + 1);
    while (plan->valid_n < count && !is_over(plan)) {
        add_request(plan, c);
        plan->valid_n++;
    }
    if (!is_over(plan))
        add_faulty(plan, c);
    if (is_over(plan) || plan->violation)
        add_never(plan, c);
}
