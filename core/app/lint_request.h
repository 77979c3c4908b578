/*
 * lint_request.h — one request under the checker, for the files of the checker alone.
 *
 * Threads: as its environ, but what is atomic, which any thread may see, and what the lock of the
 *          checker guards.
 */
#ifndef WR_APP_LINT_REQUEST_H
#define WR_APP_LINT_REQUEST_H

#include <weir/app.h>

#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "app/environ.h"
#include "app/lint.h"
#include "app/mount.h"
#include "base/arena.h"

#define WR_LINT_FINDINGS_MAX 128
#define WR_LINT_ENDED_MAX    256
#define WR_LINT_NEXTS_MAX    32
#define WR_LINT_NAME_MAX     96

struct wr_lint_request;

/* A next of the plugin's that has said WEIR_AGAIN. */
struct wr_lint_next {
    weir_next_fn *fn;
    unsigned unwoken; /* requests that waited for a wake in vain */
    bool is_woken;    /* one was woken from without: who waits, waits for that */
};

/* A function of the plugin's that a thread is in and that must not use an environ. */
struct wr_lint_work {
    struct wr_lint_work *next;
    pid_t thread;
};

/* How long something has taken, and how often its thread has waited. */
struct wr_lint_clock {
    int64_t wall_ns, cpu_ns;
    long switches;
};

/* A descriptor that is watched. */
struct wr_lint_watch {
    int32_t fd;
    bool is_on;
    dev_t dev; /* which one it was when the watch began, as the next */
    ino_t ino;
    unsigned idle; /* calls in a row that left it as it was */
};

struct wr_lint_timer_node;
struct wr_lint_watch_node;
struct wr_lint_loop_timer;
struct wr_lint_loop_watch;

/* What is the state of a loop to the server; that of the plugin is in it. Kept until the checker
 * is freed. */
struct wr_lint_loop {
    struct wr_lint_loop *next;
    struct wr_lint *lint;
    weir_loop *loop;
    void *state;                       /* the plugin's */
    atomic_int thread;                 /* of the loop; 0: nothing has run there yet */
    atomic_int starter;                /* that is in loop_start or loop_stop; 0: none */
    atomic_llong busy_since;           /* when it came into a callback; 0: it is in none */
    struct wr_lint_loop_timer *timers; /* these two: under lock */
    struct wr_lint_loop_watch *watches;
};

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
    struct wr_lint_request *live; /* those that are not over */
    struct wr_lint_next nexts[WR_LINT_NEXTS_MAX];
    unsigned nexts_n;
    struct wr_lint_work *works;
    struct wr_lint_loop *loops;
    atomic_int patience_ms;
    atomic_int loader;       /* the thread that loads; 0: none does */
    atomic_bool has_works;   /* there were any */
    atomic_bool has_of_loop; /* something of a loop was used, by which requests may be reached */
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

/* A call of the plugin that is under way: what was before it, and when it began. */
struct wr_lint_call {
    enum wr_lint_where where;
    int thread;
    const void *frame;
    const char *what;
    long long busy_since;
    struct wr_lint_clock segment;
    int64_t wall_ns, waited_ns;
};

/* A call of ours, made by the plugin, that may wait. */
struct wr_lint_wait {
    int thread;
    struct wr_lint_clock began;
    uint64_t turn; /* of the loop, for a coroutine */
};

struct wr_lint_request {
    weir_environ base; /* first: the stand-in */
    struct wr_lint *lint;
    weir_environ *real;                    /* not to be used when is_over */
    struct wr_lint_request *next, *before; /* of those that are not over; under lock */
    char name[WR_LINT_NAME_MAX];           /* GET /path */
    atomic_bool is_over;
    atomic_int thread;       /* that runs a call of the plugin; 0: none, or it has suspended */
    atomic_int hearing;      /* that is in a callback of weir_on_disconnect, elsewhere; 0: none */
    atomic_llong busy_since; /* when it came into a call, or back from a wait; 0: it is in none */
    _Atomic(const char *) what; /* the call that it is in */
    _Atomic(uint64_t) token;    /* 0: it was not asked for */
    pid_t home;                 /* that called the app */
    enum wr_lint_where where;
    const void *frame;            /* below it on the stack are those of the plugin's functions */
    struct wr_lint_clock segment; /* since when nothing has waited */
    atomic_uint errors;           /* reported */
    struct wr_arena memory;       /* what weir_alloc() and strings of the environ are */
    struct wr_arena own;          /* of the checker */
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
    struct wr_lint_timer_node *timers;
    struct wr_lint_watch_node *watches;
    bool has_deferred;
    bool has_heard_gone; /* a call that waits has said WEIR_EGONE */
    unsigned gone_waits; /* such calls since */
    atomic_uint wakes;   /* and other news */
    atomic_uint waiters; /* callbacks that may wake it */
    uint64_t read_n;
    int64_t read_said; /* of the last weir_read() */
    bool has_read, is_reader_out;
    bool is_unread; /* a callback of weir_on_input() has not read, nor has anybody since */
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

/* Where the app runs, whatever its descriptor says. */
static inline int32_t wr_lint_runs(const struct wr_lint *l)
{
    return l->mount->plugin.runs;
}

/* ---- lint.c ---- */

void wr_lint_found(struct wr_lint_request *r, enum wr_lint_rule rule, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

struct wr_lint_request *wr_lint_request_new(struct wr_lint *l, weir_environ *real);
void wr_lint_request_free(struct wr_lint_request *r);

/* The app is called for it; wr_lint_request_keep() is to follow. */
void wr_lint_request_begin(struct wr_lint_request *r);

/* It is over: keeps it for a while. */
void wr_lint_request_keep(struct wr_lint_request *r);

/* Does p lie in memory of a request that is over? */
bool wr_lint_is_stale(struct wr_lint *l, const void *p);

/* A request whose body has this next waited in vain, or was woken from without its own calls. */
void wr_lint_note_next(struct wr_lint *l, weir_next_fn *fn, bool is_woken);

/* Says of requests that nobody woke, unless others with the same next were. */
void wr_lint_check_unwoken(struct wr_lint *l);

/* Work of weir_offload() begins and ends on this thread; is it in some? */
void wr_lint_begin_work(struct wr_lint *l, struct wr_lint_work *work);
void wr_lint_end_work(struct wr_lint *l, struct wr_lint_work *work);
bool wr_lint_is_in_work(struct wr_lint *l);

/* Of the call of the request with this token that is under way on this thread; NULL: none is. */
const void *wr_lint_frame_of(struct wr_lint *l, uint64_t token);

void wr_lint_add_thread(struct wr_lint *l, pid_t thread);
bool wr_lint_has_thread(struct wr_lint *l, pid_t thread);

/* Of bytes that may be gone; 0: they are. */
uint64_t wr_lint_sum(const void *p, size_t n);
int64_t wr_lint_now_ns(void);

/* ---- lint_calls.c ---- */

void wr_lint_wrap_plugin(struct wr_lint *l);

/* The plugin is called for a request, and has returned. `what` is a literal. */
void wr_lint_begin(struct wr_lint_request *r, enum wr_lint_where where, const char *what,
                   struct wr_lint_call *call);
void wr_lint_leave(struct wr_lint_request *r, const struct wr_lint_call *call);

/* Around a call that may wait: what others do meanwhile is not the app's. */
void wr_lint_wait_begin(struct wr_lint_request *r, struct wr_lint_wait *wait);
void wr_lint_wait_end(struct wr_lint_request *r, const struct wr_lint_wait *wait);

/* What it has said, for an app that may wait: WEIR_EGONE is to be heard. */
void wr_lint_wait_said(struct wr_lint_request *r, int64_t said);

void wr_lint_clock_read(struct wr_lint_clock *clock);

/* What a call has done to its loop since then; NULL: nothing that is wrong. */
const char *wr_lint_clock_fault(const struct wr_lint_clock *began, enum wr_lint_rule *rule);

/* Looks at a body that is handed over, and gives the one that stands in for it. */
weir_body wr_lint_take_body(struct wr_lint_request *r, weir_body body, const void *frame);

/* ---- lint_host.c ---- */

/* The checker's table: what the real one has, and no more. */
void wr_lint_fill_host(weir_host *host);

#define WR_LINT_ANY_TIME 1U /* and from any thread */
#define WR_LINT_AT_END   2U /* in close and deferred functions too */
#define WR_LINT_HEARING  4U /* in a callback of weir_on_disconnect, wherever that is called */

/* The request of a call, when it may go on; NULL: it is over, which was reported. */
struct wr_lint_request *wr_lint_enter(weir_environ *env, const char *what, unsigned allowed);

/* ---- lint_async.c ---- */

void wr_lint_fill_async(weir_host *host);

/* What a callback that comes later will get: is it there then? */
void wr_lint_check_argument(struct wr_lint_request *r, const void *arg, const char *what);

/* The next callback of weir_on_input() comes, or the end: has somebody read since the last? */
void wr_lint_check_unread(struct wr_lint_request *r);

/* A callback without more arguments, which is news for the request. */
void wr_lint_call_event(struct wr_lint_request *r, const char *what, weir_event_fn *fn, void *arg,
                        weir_event_guard *guard);

/* ---- lint_events.c: answers from elsewhere, waiting without a thread ---- */

void wr_lint_fill_events(weir_host *host);

/* Descriptors that are watched and were closed, after a call of the plugin's. */
void wr_lint_check_watches(struct wr_lint_request *r);

/* ---- lint_loop.c: what is of a loop ---- */

void wr_lint_fill_loop(weir_host *host);
void wr_lint_wrap_loop(struct wr_lint *l);
void wr_lint_free_loops(struct wr_lint *l);

/* A call of the app on its loop: this is its thread. */
void wr_lint_note_loop(struct wr_lint_request *r);

/* ---- lint_watch.c: descriptors ---- */

/* That are to be watched or waited for. False: the rest needs no look. */
bool wr_lint_watch_begin(struct wr_lint_watch *w, int32_t fd);

/* It was closed, and may be another by now. */
bool wr_lint_watch_is_lost(const struct wr_lint_watch *w);

/* The same, and it is another: when a watch ends late, but before its loop has looked, that is
 * what matters. */
bool wr_lint_watch_is_another(const struct wr_lint_watch *w);

/* What there is to be read; -1: nobody knows. */
int64_t wr_lint_watch_measure(int32_t fd);

/* After its callback: true: many calls in a row have left it as it was, told once. */
bool wr_lint_watch_is_idle(struct wr_lint_watch *w, uint32_t ready, int64_t before);

/* NULL: nothing is wrong with it; else *rule is what. */
const char *wr_lint_watch_fault(int32_t fd, uint32_t events, int32_t err, enum wr_lint_rule *rule);

/* ---- lint_async.c: extensions ---- */

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

/* Below this frame are those of functions that will have returned: does p lie there? On this
 * thread, in a coroutine or not. */
bool wr_lint_is_on_stack(const void *p, const void *frame);

/* Which stack this frame is on, of this thread's, and where that ends. */
enum wr_lint_stack { WR_LINT_NO_STACK, WR_LINT_OWN_STACK, WR_LINT_COROUTINE_STACK };
enum wr_lint_stack wr_lint_stack_of(const void *frame, uintptr_t *low);

/* Content in memory: where it lies. True: where it may. */
bool wr_lint_check_memory(struct wr_lint_request *r, const void *p, const void *frame,
                          const char *what);

#endif
