/*
 * streams_job.h — what the cases of streams.c share: one job a request, and what is counted.
 *
 * A job lives from the call of the app to its deferred function. All that the server calls goes through the
 * functions here, which count it and check that it is called where, when and as often as weir/app.h
 * says: what is wrong goes to a count that stays 0 otherwise.
 *
 * Threads: counts and `mutex` are for all; a job is its request's, but for what on_disconnect counts.
 */
#ifndef STREAMS_JOB_H
#define STREAMS_JOB_H

#include <weir/app.h>

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#ifdef __cplusplus
#    include <stdexcept>
#endif

#define COUNTS(X)                                                                                  \
    X(requests)                                                                                    \
    X(opened)                                                                                      \
    X(closed)                                                                                      \
    X(deferred)                                                                                    \
    X(undone)                                                                                      \
    X(asked)                                                                                       \
    X(done)                                                                                        \
    X(later)                                                                                       \
    X(finished)                                                                                    \
    X(inputs)                                                                                      \
    X(writables)                                                                                   \
    X(nexts)                                                                                       \
    X(agains)                                                                                      \
    X(blocked)                                                                                     \
    X(waiting)                                                                                     \
    X(half)                                                                                        \
    X(gone)                                                                                        \
    X(seen_gone)                                                                                   \
    X(bad_overlap)                                                                                 \
    X(bad_turn)                                                                                    \
    X(bad_place)                                                                                   \
    X(bad_env)                                                                                     \
    X(bad_next)                                                                                    \
    X(bad_close)                                                                                   \
    X(bad_order)                                                                                   \
    X(bad_done)                                                                                    \
    X(bad_twice)                                                                                   \
    X(bad_result)

enum count {
#define COUNT_NAME(name) COUNT_##name,
    COUNTS(COUNT_NAME) COUNT_N
};

#define RESULTS 8
#define BUFFER  65536

struct job;
typedef int32_t step_fn(struct job *j, weir_chunk *chunk);
typedef void event_fn(struct job *j);
typedef void data_fn(struct job *j, const void *data, int64_t n);

struct mount {
    struct mount *next;
    char name[16];
    long counts[COUNT_N];
    long results[RESULTS]; /* what the calls of the last case gave */
    struct job *waiting;   /* under `mutex` */
    int inside;
    int is_serial;
};

struct job {
    weir_environ *env;
    weir_start_response *start_response;
    struct mount *mount;
    struct job *next_waiting;
    const char *arg, *query; /* what follows the name of the case */
    step_fn *step;
    event_fn *input, *writable;
    data_fn *data;
    uint64_t got, put, size;
    uint32_t a, b; /* Adler-32 of what was read */
    int fd, stage;
    int inside, in_thread, in_next, in_callback;
    pthread_t thread; /* that is inside */
    int is_open, is_ended, is_calling,
        owed;      /* a body to be closed, its end, calls of done to come */
    int is_wanted; /* an event, under `mutex` */
    int half, gone;
    char buf[BUFFER];
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t released = PTHREAD_COND_INITIALIZER;
static struct mount *mounts; /* under `mutex`, as the next */
static long releases;

static void count(struct job *j, enum count which)
{
    __atomic_add_fetch(&j->mount->counts[which], 1, __ATOMIC_SEQ_CST);
}

static void note(struct job *j, int i, long value)
{
    __atomic_store_n(&j->mount->results[i], value, __ATOMIC_SEQ_CST);
}

/* ---- where and when it is called ---- */

struct place {
    pthread_t thread;
    int is_known;
};

/* The state of the thread is this thread's, that of the loop always seen by the same thread. */
static void check_place(struct job *j)
{
    struct place *thread = (struct place *)weir_thread_state(j->env);
    struct place *loop = (struct place *)weir_loop_state(j->env), *place = thread ? thread : loop;

    if (!thread == !loop || !thread != !j->in_thread) {
        count(j, COUNT_bad_place);
    } else if (!place->is_known) {
        place->thread = pthread_self();
        place->is_known = 1;
    } else if (!pthread_equal(place->thread, pthread_self())) {
        count(j, COUNT_bad_place);
    }
}

/* What is called within another call, on the same thread, is not beside it: weir_finish() may close. */
static void enter(struct job *j)
{
    int depth = __atomic_add_fetch(&j->inside, 1, __ATOMIC_SEQ_CST);

    if (depth > 1) {
        if (!pthread_equal(j->thread, pthread_self()))
            count(j, COUNT_bad_overlap);
        return;
    }
    j->thread = pthread_self();
    if (j->mount->is_serial && __atomic_add_fetch(&j->mount->inside, 1, __ATOMIC_SEQ_CST) > 1)
        count(j, COUNT_bad_turn);
}

static void leave(struct job *j)
{
    if (j->inside == 1 && j->mount->is_serial)
        __atomic_sub_fetch(&j->mount->inside, 1, __ATOMIC_SEQ_CST);
    __atomic_sub_fetch(&j->inside, 1, __ATOMIC_SEQ_CST);
}

/* ---- bodies ---- */

static int32_t next_of(weir_environ *env, void *arg, weir_chunk *chunk)
{
    struct job *j = (struct job *)arg;
    int32_t said;

    enter(j);
    check_place(j);
    count(j, COUNT_nexts);
    if (env != j->env)
        count(j, COUNT_bad_env);
    if (j->is_ended || !j->is_open)
        count(j, COUNT_bad_next);
    j->in_next = 1;
    said = j->step(j, chunk);
    j->in_next = 0;
    if (said == WEIR_AGAIN)
        count(j, COUNT_agains);
    else if (said != WEIR_CHUNK)
        j->is_ended = 1;
    leave(j);
    return said;
}

static void close_of(void *arg)
{
    struct job *j = (struct job *)arg;

    enter(j);
    if (!j->is_open || j->in_next)
        count(j, COUNT_bad_close);
    if (j->owed)
        count(j, COUNT_bad_done); /* done comes before close */
    j->is_open = 0;
    count(j, COUNT_closed);
    leave(j);
}

static weir_body iterable(struct job *j, step_fn *step)
{
    j->step = step;
    j->is_open = 1;
    count(j, COUNT_opened);
    return weir_iterable(next_of, close_of, j);
}

/* Memory that is given back counts as a body too. */
static weir_body owned(struct job *j, const void *p, size_t n)
{
    j->is_open = 1;
    count(j, COUNT_opened);
    return weir_owned(p, n, close_of, j);
}

static int32_t give(weir_chunk *chunk, const void *data, uint64_t size)
{
    chunk->data = data;
    chunk->size = size;
    return WEIR_CHUNK;
}

static weir_body later(struct job *j)
{
    count(j, COUNT_later);
    return weir_later(j->env);
}

/* In a callback: the only answer. */
static void finish(struct job *j, weir_body body)
{
    int32_t err = weir_finish(j->env, body);

    note(j, 6, err);
    count(j, COUNT_finished);
}

/* ---- callbacks ---- */

static void input_of(weir_environ *env, void *arg)
{
    struct job *j = (struct job *)arg;

    enter(j);
    check_place(j);
    count(j, env == j->env ? COUNT_inputs : COUNT_bad_env);
    j->in_callback = 1;
    j->input(j);
    j->in_callback = 0;
    leave(j);
}

static int32_t on_input(struct job *j, event_fn *fn)
{
    j->input = fn;
    return weir_on_input(j->env, fn ? input_of : NULL, j);
}

static void writable_of(weir_environ *env, void *arg)
{
    struct job *j = (struct job *)arg;

    enter(j);
    check_place(j);
    count(j, env == j->env ? COUNT_writables : COUNT_bad_env);
    j->in_callback = 1;
    j->writable(j);
    j->in_callback = 0;
    leave(j);
}

static int32_t on_writable(struct job *j, event_fn *fn)
{
    j->writable = fn;
    return weir_on_writable(j->env, fn ? writable_of : NULL, j);
}

static void data_of(weir_environ *env, void *arg, const void *data, int64_t n)
{
    struct job *j = (struct job *)arg;

    enter(j);
    check_place(j);
    count(j, env == j->env ? COUNT_done : COUNT_bad_env);
    if (!j->owed || j->is_calling)
        count(j, COUNT_bad_done);
    j->owed = 0;
    note(j, 5, (long)n);
    j->in_callback = 1;
    j->data(j, data, n);
    j->in_callback = 0;
    leave(j);
}

static void file_of(weir_environ *env, void *arg, int64_t n)
{
    data_of(env, arg, NULL, n);
}

static int32_t owe(struct job *j, int32_t err)
{
    j->is_calling = 0;
    if (err < 0)
        j->owed = 0;
    else
        count(j, COUNT_asked);
    return err;
}

static int32_t read_all(struct job *j, size_t max, data_fn *fn)
{
    j->data = fn;
    j->owed = j->is_calling = 1;
    return owe(j, weir_read_all(j->env, max, data_of, j));
}

static int32_t read_file(struct job *j, uint64_t max, data_fn *fn)
{
    j->data = fn;
    j->owed = j->is_calling = 1;
    return owe(j, weir_read_file(j->env, j->fd, max, file_of, j));
}

/* Maybe on another thread than the app: nothing of the request but its flags. */
static void disconnected(weir_environ *env, void *arg, int32_t why)
{
    struct job *j = (struct job *)arg;
    int *flag = why == WEIR_GONE ? &j->gone : &j->half;

    if (env != j->env || (why != WEIR_GONE && why != WEIR_HALF_CLOSED))
        count(j, COUNT_bad_env);
    if (__atomic_exchange_n(flag, 1, __ATOMIC_SEQ_CST))
        count(j, COUNT_bad_twice);
    count(j, why == WEIR_GONE ? COUNT_gone : COUNT_half);
}

/* ---- one that waits for another ---- */

static void wait_for_wake(struct job *j)
{
    pthread_mutex_lock(&mutex);
    j->next_waiting = j->mount->waiting;
    j->mount->waiting = j;
    j->is_wanted = 1;
    pthread_mutex_unlock(&mutex);
    count(j, COUNT_waiting);
}

/* Wakes those of this mount that wait; the lock keeps them from being closed meanwhile. */
static int wake_all(struct mount *m)
{
    int n = 0;

    pthread_mutex_lock(&mutex);
    for (struct job *j = m->waiting; j; j = j->next_waiting, n++) {
        j->is_wanted = 0;
        if (weir_wake(j->env) < 0)
            count(j, COUNT_bad_result);
    }
    m->waiting = NULL;
    pthread_mutex_unlock(&mutex);
    return n;
}

static void forget_waiting(struct job *j)
{
    pthread_mutex_lock(&mutex);
    for (struct job **at = &j->mount->waiting; *at; at = &(*at)->next_waiting)
        if (*at == j) {
            *at = j->next_waiting;
            break;
        }
    pthread_mutex_unlock(&mutex);
}

/* ---- its life ---- */

static void undo(void *arg)
{
    struct job *j = (struct job *)arg;

    if (j->is_open)
        count(j, COUNT_bad_order); /* after close */
    if (j->owed)
        count(j, COUNT_bad_done);
    if (__atomic_load_n(&j->inside, __ATOMIC_SEQ_CST))
        count(j, COUNT_bad_overlap);
    forget_waiting(j);
    if (j->fd >= 0)
        close(j->fd);
    count(j, COUNT_undone);
    free(j);
}

/* NULL: no memory. */
static struct job *job_new(weir_environ *env, weir_start_response *start_response)
{
    struct job *j = (struct job *)malloc(sizeof *j);

    if (!j)
        return NULL;
    memset(j, 0, offsetof(struct job, buf));
    j->env = env;
    j->start_response = start_response;
    j->mount = (struct mount *)weir_state(env);
    j->fd = -1;
    j->a = 1;
    j->in_thread = weir_thread_state(env) != NULL;
    return j;
}

#endif
