/*
 * lint_request.h — one request under the checker, for the files of the checker alone.
 *
 * Threads: as its environ, but `thread`, `is_over`, `wakes` and `waiters`, which any thread may see.
 */
#ifndef WR_APP_LINT_REQUEST_H
#define WR_APP_LINT_REQUEST_H

#include <weir/app.h>

#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

#include "app/environ.h"
#include "app/lint.h"
#include "base/arena.h"

#define WR_LINT_FINDINGS_MAX 128
#define WR_LINT_ENDED_MAX    256

struct wr_lint_request;

struct wr_lint {
    struct wr_mount *mount;
    weir_plugin plugin;   /* as it was before the checker came in between */
    pthread_mutex_t lock; /* of what follows */
    struct wr_lint_finding findings[WR_LINT_FINDINGS_MAX];
    unsigned findings_n;
    struct wr_lint_request *ended[WR_LINT_ENDED_MAX]; /* a ring */
    unsigned ended_at;
    pid_t *threads; /* of the mount's pool */
    size_t threads_n, threads_cap;
    atomic_int patience_ms;
    atomic_uint wakes;   /* calls of weir_wake(), by all requests */
    atomic_uint unwoken; /* requests that waited for one in vain */
    atomic_int loader;   /* the thread that loads; 0: none does */
};

enum wr_lint_where {
    WR_LINT_NOWHERE,
    WR_LINT_IN_APP,
    WR_LINT_IN_NEXT,
    WR_LINT_IN_CALLBACK,
    WR_LINT_IN_END
};

/* What an app has got from its environ, in a copy. */
struct wr_lint_copy {
    struct wr_lint_copy *next;
    const char *original, *p;
    size_t n;
    uint64_t sum;
    bool is_text; /* a NUL behind it */
};

/* Content that is the server's for now. */
struct wr_lint_kept {
    const void *p;
    size_t n;
    uint64_t sum;
};

/* The body that stands in for the app's. */
struct wr_lint_body {
    struct wr_lint_request *r;
    weir_body own; /* the app's */
    struct wr_lint_kept kept;
    uint64_t given;
};

/* A call of the plugin that is under way. */
struct wr_lint_call {
    enum wr_lint_where where; /* before it, as the next two */
    int thread;
    const void *frame;
    int64_t wall_ns, cpu_ns, waited_ns;
    long switches;
};

struct wr_lint_request {
    weir_environ base; /* first: the stand-in */
    struct wr_lint *lint;
    weir_environ *real; /* not to be used when is_over */
    atomic_bool is_over;
    atomic_int thread; /* that runs a call of the plugin; 0: none */
    pid_t home;        /* that called the app */
    enum wr_lint_where where;
    const void *frame;      /* below it on the stack are those of the plugin's functions */
    unsigned errors;        /* reported */
    struct wr_arena memory; /* what weir_alloc() and strings of the environ are */
    struct wr_arena own;    /* of the checker */
    struct wr_lint_copy *copies;
    struct wr_lint_body body;
    bool has_checked_answer, has_returned, has_later, has_finished, has_body;
    const void *input; /* what weir_on_input() has said last */
    uint64_t written;  /* by weir_write() */
    weir_next_fn
        *over_next; /* with the next: an iterable that weir_body_next() has seen to its end */
    void *over_arg;
    int64_t waited_ns;   /* in calls that may wait */
    int64_t again_since; /* when next said WEIR_AGAIN last; 0: it did not */
    atomic_uint wakes;   /* and other news */
    atomic_uint waiters; /* callbacks that may wake it */
    uint64_t read_n;
    int64_t read_said; /* of the last weir_read() */
    bool has_read, is_reader_out;
    unsigned reads; /* calls of weir_read() */
};

static inline struct wr_lint_request *wr_lint_of(weir_environ *env)
{
    return WR_CONTAINER_OF(env, struct wr_lint_request, base);
}

static inline struct wr_environ *wr_lint_real(const struct wr_lint_request *r)
{
    return wr_environ_of(r->real);
}

/* ---- lint.c ---- */

void wr_lint_found(struct wr_lint_request *r, enum wr_lint_rule rule, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

struct wr_lint_request *wr_lint_request_new(struct wr_lint *l, weir_environ *real);
void wr_lint_request_free(struct wr_lint_request *r);

/* It is over: keeps it for a while. */
void wr_lint_request_keep(struct wr_lint_request *r);

/* Does p lie in memory of a request that is over? */
bool wr_lint_is_stale(struct wr_lint *l, const void *p);

/* Says of requests that nobody woke, unless others were. */
void wr_lint_check_unwoken(struct wr_lint *l);

void wr_lint_add_thread(struct wr_lint *l, pid_t thread);
bool wr_lint_has_thread(struct wr_lint *l, pid_t thread);

/* Of bytes that may be gone; 0: they are. */
uint64_t wr_lint_sum(const void *p, size_t n);
int64_t wr_lint_now_ns(void);

/* ---- lint_calls.c ---- */

void wr_lint_wrap_plugin(struct wr_lint *l);
void wr_lint_begin(struct wr_lint_request *r, enum wr_lint_where where, struct wr_lint_call *call);
void wr_lint_leave(struct wr_lint_request *r, const struct wr_lint_call *call, const char *what);

/* Looks at a body that is handed over, and gives the one that stands in for it. */
weir_body wr_lint_take_body(struct wr_lint_request *r, weir_body body, const void *frame);

/* ---- lint_host.c ---- */

/* The checker's table: what the real one has, and no more. */
void wr_lint_fill_host(weir_host *host);

#define WR_LINT_ANY_TIME 1U /* and from any thread */
#define WR_LINT_AT_END   2U /* in close and deferred functions too */

/* The request of a call, when it may go on; NULL: it is over, which was reported. */
struct wr_lint_request *wr_lint_enter(weir_environ *env, const char *what, unsigned allowed);

/* ---- lint_async.c ---- */

void wr_lint_fill_async(weir_host *host);
const void *wr_lint_extension(const weir_host *host, const char *name);

/* ---- lint_answer.c ---- */

int32_t wr_lint_start_response(weir_environ *env, int32_t status, const weir_header *fields);
int32_t wr_lint_header_add(weir_environ *env, const char *name, const char *value, size_t n);
int32_t wr_lint_reason(weir_environ *env, const char *text);

/* A field that is given. False: the real function finds a fault in it. */
bool wr_lint_check_field(struct wr_lint_request *r, const char *name_text, const char *value_text,
                         size_t n);

/* The fields of an answer with this status; once. */
enum wr_lint_content { WR_LINT_NO_CONTENT, WR_LINT_SOME_CONTENT, WR_LINT_ANY_CONTENT };
void wr_lint_check_answer(struct wr_lint_request *r, int32_t status, enum wr_lint_content content);

/* Content in memory: where it lies. True: where it may. */
bool wr_lint_check_memory(struct wr_lint_request *r, const void *p, const void *frame,
                          const char *what);

#endif
