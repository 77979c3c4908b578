/*
 * model.h — HTTP/1 connections whose right outcome is known by construction.
 *
 * Nothing here reads HTTP. A generator (generate.c) writes requests and knows of each what it has
 * written: so it knows what has to come of it, from RFC 9110 and 9112 and what Weir documents, and
 * needs none of the server's code to say so. The handler (handler.c) checks what the server
 * made of each request, the oracle (oracle.c) what the client got; fuzz_h1_model.c brings the bytes.
 *
 *     requests 0 to n-1   valid; each is to be answered once, in order, until one ends the connection
 *     a faulty one        behind them, or not: a rule is broken (violations.c), or it is cut short
 *     never               requests that look valid and must not be seen by any handler
 *
 * A request is known by its number, which is the last segment of its path and comes back in the field
 * "X-Number" of its answer.
 */
#ifndef WR_TESTS_H1_MODEL_H
#define WR_TESTS_H1_MODEL_H

#include <stdint.h>

#include "test_server.h"

#define MODEL_REQUESTS_MAX 6
#define MODEL_CONTENT_MAX  20000
#define MODEL_PIECES_MAX   40 /* of the content of one request */
#define MODEL_BYTES_MAX    (MODEL_REQUESTS_MAX * 2 * MODEL_CONTENT_MAX)

/* ---- choices: what an input is read as; zeros when it is used up ---- */

struct model_choices {
    const uint8_t *p;
    size_t n;
};

unsigned model_choose(struct model_choices *c, unsigned n);      /* 0 to n-1, off the front */
unsigned model_choose_last(struct model_choices *c, unsigned n); /* off the back */

/* ---- plan ---- */

enum model_framing { MODEL_NO_CONTENT, MODEL_LENGTH, MODEL_CHUNKED };

/* What the handler does about the content. */
enum model_reading {
    MODEL_READS_NOTHING,
    MODEL_READS_SOME, /* `reads` bytes, then it answers */
    MODEL_READS_ALL,  /* then it answers with what it has read */
    MODEL_READS_LATER /* the same, but reading while the answer is sent */
};

/* How the content of the answer comes to the server. */
enum model_body { MODEL_IN_MEMORY, MODEL_IN_PIECES, MODEL_IN_SLOW_PIECES, MODEL_IN_FILE };

/* What becomes of the connection behind the answer. */
enum model_fate {
    MODEL_KEEPS,
    MODEL_CLOSES,
    MODEL_MAY_CLOSE /* the server's choice: content that nobody has read may be on its way */
};

/* A run of content as it lies in the bytes of the connection. */
struct model_piece {
    size_t at, n;
};

struct model_request {
    /* what is sent */
    const char *method;
    int minor;
    size_t start, target_at, content_at, end; /* offsets in the plan's bytes */
    enum model_framing framing;
    const char *content; /* without framing */
    size_t content_n;
    struct model_piece pieces[MODEL_PIECES_MAX];
    size_t pieces_n;
    bool expects; /* a "100 Continue" */
    bool is_last; /* the client says that it sends nothing behind it (RFC 9112 9.3) */
    bool waits;   /* for it, or for the answer, before it sends its content */

    /* what the handler does */
    enum model_reading reading;
    size_t reads, read_max; /* bytes; of one call */
    bool is_late;           /* it begins only when the runner says so */
    enum model_body body;
    int status;
    size_t answer_n, piece_n; /* bytes of an answer that is no echo; of a piece of it */
    bool has_length;

    /* what must come of it */
    enum model_fate fate;
    bool says_close; /* the answer must announce it (RFC 9112 9.6), where the fate is to close */
    bool
        is_answered; /* by the handler's answer; else by one of `statuses` of the violation, or cut */
};

enum model_end { MODEL_SILENCE, MODEL_FIN, MODEL_DRAIN, MODEL_ENDS };

struct model_violation; /* below */

struct model_plan {
    char *bytes;
    size_t n;
    struct model_request requests[MODEL_REQUESTS_MAX + 1];
    size_t valid_n; /* of these come first */
    size_t never_n; /* look valid and come last */

    /* One more behind the valid ones, or none of these: */
    const struct model_violation *violation; /* of its head or its content */
    bool is_content_bad;                     /* the violation is in the content */
    bool is_cut;                             /* it ends before its end, and so does the input */
    size_t delivered_n; /* content of it that a handler may be given: all that is valid */

    size_t discard_max, pipelined_max; /* limits of the site */
    bool is_timed;                     /* its log wants to know when answers are out */
    enum model_end end;
};

static inline bool model_has_faulty(const struct model_plan *p)
{
    return p->violation || p->is_cut;
}

/* Reads off the front of *c. The plan owns static memory: one at a time. */
void model_generate(struct model_plan *plan, struct model_choices *c);

/* ---- violations ---- */

struct model_violation {
    const char *rule;        /* who forbids it */
    int status, status2;     /* one of them answers it; status2 0: the first alone */
    struct wr_slice line;    /* request line with its end; absent: a valid one */
    struct wr_slice host;    /* Host fields; absent: a valid one */
    struct wr_slice field;   /* lines among the valid ones */
    struct wr_slice content; /* of the content violations: in place of a chunk */
    size_t delivered_n;      /* behind its first line, this much is content yet */
};

extern const struct model_violation model_head_violations[];
extern const size_t model_head_violations_n;
extern const struct model_violation model_chunk_violations[];
extern const size_t model_chunk_violations_n;

#define MODEL_HEAD_MAX   3000 /* limits of the site that violations go beyond */
#define MODEL_TARGET_MAX 1000
#define MODEL_FIELDS_MAX 20
#define MODEL_BODY_MAX   (MODEL_CONTENT_MAX + 5)

/* ---- handler ---- */

struct model_handler {
    struct wr_handler base;
    const struct model_plan *plan;
    const struct model_request *current; /* NULL: none is being answered */
    struct wr_exchange *x;               /* of the current one, by ref, until it is answered */
    struct wr_exchange *answering;       /* whose body is open */
    size_t began, ended;                 /* requests: calls, and on_end of them */
    bool has_begun;                      /* to work at it */
    bool has_failed;                     /* its content is not all there */
    struct wr_body body;
    size_t body_at; /* bytes given */
    bool is_body_open, is_asked,
        may_give;  /* two of a slow one: it said -EAGAIN; a piece is there */
    char *content; /* read of the current request */
    size_t content_n;
    size_t witnesses; /* requests of the other connection that were answered */
    int file;         /* what answers in files are made of */
};

void model_handler_init(struct model_handler *h, const struct model_plan *plan);
void model_handler_fini(struct model_handler *h);

/* Lets a late handler, or a slow body, do the next thing that it has to do. */
void model_handler_work(struct model_handler *h);

/* Byte j of an answer that is no echo, of request i. */
static inline char model_answer_byte(size_t i, size_t j)
{
    return (char)('a' + (i * 5 + j) % 26);
}

/* ---- oracle ---- */

/* Ends the run: says what was expected, the input's story and what came. */
_Noreturn void model_fail(const struct model_plan *plan, const struct test_client *c,
                          const char *claim);

#define MODEL_CHECK(plan, client, claim)                                                           \
    do {                                                                                           \
        if (!(claim))                                                                              \
            model_fail(plan, client, #claim);                                                      \
    } while (0)

/* No more can come. */
static inline bool model_is_over(const struct test_client *c)
{
    return c->transport.is_closed || c->transport.is_shut_down;
}

/* Where the client stands with request i: has it the 100, or the final answer? */
bool model_may_send_content(const struct model_plan *plan, const struct test_client *c, size_t i);

/* All has been sent and taken, no time has passed: what must be open is, what must not be is not. */
void model_check_quiet(const struct model_plan *plan, const struct model_handler *h,
                       const struct test_client *c);

/* The connection is over: each answer is right, and nothing but answers has come. */
void model_check_answers(const struct model_plan *plan, const struct model_handler *h,
                         const struct test_client *c, const char *access_text);

/* Prints the plan for who reads a finding. */
void model_print(const struct model_plan *plan);

#endif
