/*
 * sim.h — a server of one thread and two loops, in which a seed decides all that happens, and when:
 * what clients send, take and cut off, what an app does in each of its calls, when time passes,
 * which loop has its turn, when a job of a pool begins and ends, when somebody resumes a token.
 *
 *     struct sim *s = sim_new(seed);
 *     while (...) sim_step(s);  sim_finish(s);  sim_free(s);
 *
 * Nothing of the server is a stand-in but its edges: transports (fake_transport.h), the clock
 * (fake_clock.h) and the threads of pools (sim_pool.c, by --wrap); posts are looked at on their way
 * (sim_loop.c). Beside it is kept what ought to be: each thing that was asked for is a struct
 * sim_ask, each request a struct sim_request. What does not hold is told with the seed and the last
 * of what happened, and ends the program.
 *
 * Threads: one.
 */
#ifndef WR_TESTS_SIM_H
#define WR_TESTS_SIM_H

#include <weir/app.h>

#include <stdbool.h>

#include "app/mount.h"
#include "fake_clock.h"
#include "fake_transport.h"
#include "server/worker.h"

#define SIM_LOOPS      2
#define SIM_CLIENTS    4
#define SIM_PIPELINED  3 /* requests of one client */
#define SIM_REQUESTS   64
#define SIM_TIMERS     3
#define SIM_CONTENT    4000 /* bytes of a request, at most */
#define SIM_NO_LOOP    (-1)
#define SIM_IN_POOL    (-2) /* where: a job of a pool runs */
#define SIM_THREADS    2
#define SIM_QUEUE      3
#define SIM_COROUTINES 6

struct sim;
struct sim_request;

/* Something that was asked for, and is to come once, or never. */
enum sim_ask_kind { ASK_RESUME, ASK_OFFLOAD, ASK_POST, ASK_LOOP_TIMER, ASK_READ_ALL, ASK_BODY };

struct sim_ask {
    struct sim_ask *next;
    struct sim *sim;
    struct sim_request *request; /* NULL: of a loop, or of a token that nobody has */
    enum sim_ask_kind kind;
    unsigned number; /* in the order in which they were asked for */
    int loop;
    int64_t due_ms;
    bool is_accepted, is_finishing; /* resume: the request is to be answered */
    bool is_current;                /* body: it is the answer */
    unsigned calls, drops, works;
};

struct sim_timer {
    struct sim_request *request;
    bool is_set;
    unsigned number; /* when it was set, among all that was asked for */
    int64_t due_ms;
};

struct sim_watch {
    struct sim_request *request;
    int fd; /* -1: none */
    uint32_t events;
    bool is_set;
    unsigned number;
    unsigned calls;
};

struct sim_request {
    struct sim *sim;
    unsigned id;
    uint64_t random;
    struct sim_client *client;
    int64_t began_ms; /* when its client began to send it */

    /* what is sent */
    size_t content_n, head_at, end_at; /* offsets in what the client sends */
    bool is_chunked;

    /* the app */
    weir_environ *env;
    weir_start_response *start;
    uint64_t token;
    int depth;         /* of its calls: 1 also while a coroutine waits */
    const char *waits; /* the call in which it waits; NULL: it does not */
    int64_t waits_until_ms;
    bool has_begun, may_wait, has_returned, is_closed, is_over, is_offloading;
    bool has_heard_gone; /* a call said WEIR_EGONE */
    bool is_late;        /* the app has returned weir_later() */
    bool has_body, has_next, has_ended, has_failed, has_read, has_read_all, has_started,
        is_awaiting;
    bool wants_finish; /* by the next callback */
    bool has_page;     /* the answer is the server's own */
    unsigned pieces;
    char piece[512];
    struct sim_ask *body;
    unsigned defers, undone;
    unsigned heard_half_closed, heard_gone;
    struct sim_timer timers[SIM_TIMERS];
    struct sim_watch watch, shared;
    int fd; /* an eventfd of its own; -1: none */
    unsigned last_resume;

    /* what the model knows of both contents: which byte is where follows from the id */
    size_t received, given;
};

struct sim_client {
    struct sim *sim;
    struct fake_transport transport;
    struct wr_conn *conn;
    int loop;
    bool is_open, is_reset, is_half_closed, is_complete;
    char *script;
    size_t script_n, sent;
    struct sim_request *requests[SIM_PIPELINED];
    unsigned n;
};

struct sim {
    uint64_t seed, random;
    bool shows;
    weir_plugin plugin;
    bool is_serial, in_coroutine, cancels_half_closed, has_deadlines, is_draining;
    bool has_all; /* no call has said WEIR_ENOTSUP */

    struct wr_fake_clock time;
    struct wr_clock clock;
    struct wr_site site;
    struct wr_route route;
    struct wr_handler_limits limits;
    struct wr_worker workers[SIM_LOOPS];
    struct wr_handler *mount;
    weir_loop *loops[SIM_LOOPS]; /* what loop_start got; NULL behind loop_stop */
    const weir_host *host;
    int loop_fds[SIM_LOOPS];
    unsigned loop_watched[SIM_LOOPS];
    unsigned last_post[SIM_LOOPS];
    int shared_fd;

    int where;                /* the loop that has its turn, or SIM_NO_LOOP, SIM_IN_POOL */
    struct sim_request *turn; /* serial: who has it */

    struct sim_client clients[SIM_CLIENTS];
    struct sim_request *requests[SIM_REQUESTS];
    unsigned requests_n;
    struct sim_ask *asks;
    unsigned numbers, settled; /* of the last; of the last before sim_settle() */
    unsigned refused_jobs, refused_coroutines;
    unsigned happened; /* calls of the app and its callbacks: to see whether it is quiet */

    char *trace;
    size_t trace_n, trace_cap;
};

/* ---- sim.c: the server and the scheduler ---- */

struct sim *sim_new(uint64_t seed);
void sim_step(struct sim *s);
void sim_finish(struct sim *s); /* all that is open is brought to its end, and checked */
void sim_free(struct sim *s);

uint64_t sim_draw(uint64_t *random, uint64_t n);
static inline bool sim_one_in(uint64_t *random, uint64_t n)
{
    return sim_draw(random, n) == 0;
}

/* What happens, for the one who reads why a claim did not hold. */
void sim_tell(struct sim *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void sim_claim(struct sim *s, bool claim, const char *what, const char *file, int line);
#define SIM_CHECK(s, claim) sim_claim((s), (claim), #claim, __FILE__, __LINE__)
#define SIM_FAIL(s, fault)  sim_claim((s), false, "not " fault, __FILE__, __LINE__)

/* Turns of both loops until nothing moves; time stands still. False: somebody is called again and again. */
bool sim_settle(struct sim *s);
void sim_advance(struct sim *s, int64_t ms);
int64_t sim_now(const struct sim *s);

/* Of a request's content and of its answer: the byte at an offset. */
char sim_content_byte(unsigned id, size_t at);
char sim_answer_byte(unsigned id, size_t at);

/* ---- sim_client.c ---- */

void sim_client_open(struct sim *s, struct sim_client *c);
void sim_client_step(struct sim_client *c);
void sim_client_send(struct sim_client *c, size_t n);
void sim_client_take(struct sim_client *c, size_t n);
void sim_client_check(struct sim_client *c); /* what has come so far */
void sim_client_close(struct sim_client *c);

/* Might it be that nobody waits for its answer any more, as far as the client and the time say? */
bool sim_may_be_gone(const struct sim_request *r);

/* ---- sim_app.c ---- */

extern const weir_plugin sim_plugin;

void sim_enter(struct sim_request *r, const char *what);
void sim_leave(struct sim_request *r);
void sim_do_something(struct sim_request *r);
void sim_finish_request(struct sim_request *r);

/* ---- sim_calls.c: what an app may call, with what must come of it ---- */

struct sim_ask *sim_ask_new(struct sim *s, struct sim_request *r, enum sim_ask_kind kind);
void sim_do_one(struct sim_request *r);
void sim_resume(struct sim *s, uint64_t token, struct sim_request *r, bool is_finishing);
void sim_post(struct sim *s, int loop);
void sim_set_loop_timer(struct sim *s, int loop);
void sim_check_late_calls(struct sim_request *r); /* in a deferred function */
weir_body sim_owned(struct sim_request *r, const char *p, size_t n);
weir_body sim_iterable(struct sim_request *r, weir_next_fn *next);
void sim_give(struct sim_request *r, char *to, size_t n);

/* ---- sim_check.c ---- */

void sim_check_quiet(struct sim *s); /* what is due has come; behind sim_settle() */
void sim_check_end(struct sim *s);

/* ---- sim_pool.c ---- */

/* Something of a pool: a job begins, or one that has begun runs. False: there is none. */
bool sim_pool_step(struct sim *s);
void sim_pool_set(struct sim *s); /* whose pools they are */
bool sim_pool_is_idle(void);

/* ---- sim_loop.c ---- */

void sim_loop_set(struct sim *s); /* whose loops they are */

#endif
