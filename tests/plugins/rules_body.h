/*
 * rules_body.h — what the cases of rules.c share: counters, and bodies that follow a script.
 */
#ifndef RULES_BODY_H
#define RULES_BODY_H

#include <weir/app.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>
#ifdef __cplusplus
#    include <stdexcept>
#endif

#ifndef RUNS
#    define RUNS WEIR_IN_THREAD
#endif
#ifndef SERIAL
#    define SERIAL 0
#endif
#ifndef BUFFER
#    define BUFFER 0
#endif

#define COUNTS(X)                                                                                  \
    X(calls)                                                                                       \
    X(opened)                                                                                      \
    X(closed)                                                                                      \
    X(owned)                                                                                       \
    X(released)                                                                                    \
    X(deferred)                                                                                    \
    X(undone)                                                                                      \
    X(next_after_end)                                                                              \
    X(close_in_next)                                                                               \
    X(overlaps)                                                                                    \
    X(other_thread)                                                                                \
    X(loads)                                                                                       \
    X(unloads)                                                                                     \
    X(loop_starts)                                                                                 \
    X(loop_stops)                                                                                  \
    X(thread_starts)                                                                               \
    X(thread_stops)                                                                                \
    X(wrong_state)                                                                                 \
    X(wrong_order)                                                                                 \
    X(gone)                                                                                        \
    X(blocked)                                                                                     \
    X(held)

enum count {
#define COUNT_NAME(name) COUNT_##name,
    COUNTS(COUNT_NAME) COUNT_N
};

#define RESULTS 8

static long counts[COUNT_N];
static long results[RESULTS]; /* what the calls of the last case gave */
static char big[65536];
static const char filler[] = "xxxx";

static void count(enum count which)
{
    __atomic_add_fetch(&counts[which], 1, __ATOMIC_SEQ_CST);
}

static long counted(enum count which)
{
    return __atomic_load_n(&counts[which], __ATOMIC_SEQ_CST);
}

static void note(int i, long value)
{
    __atomic_store_n(&results[i], value, __ATOMIC_SEQ_CST);
}

/* ---- never two at once, all on one thread ---- */

static int inside;
static int has_home;
static pthread_t home;

static void enter(void)
{
    if (__atomic_add_fetch(&inside, 1, __ATOMIC_SEQ_CST) > 1)
        count(COUNT_overlaps);
    if (SERIAL) {
        if (!has_home) {
            has_home = 1;
            home = pthread_self();
        } else if (!pthread_equal(home, pthread_self())) {
            count(COUNT_other_thread);
        }
        for (int i = 0; i < 50; i++)
            sched_yield();
    }
}

static void leave(void)
{
    __atomic_sub_fetch(&inside, 1, __ATOMIC_SEQ_CST);
}

/* ---- bodies that follow a script ---- */

struct walk {
    weir_start_response *start_response;
    const char *script;
    char *buf;
    int is_in_next, is_ended;
};

static weir_environ *held;

static int32_t give(weir_chunk *chunk, const void *data, uint64_t size)
{
    chunk->data = data;
    chunk->size = size;
    return WEIR_CHUNK;
}

static int32_t hold(weir_environ *env)
{
    __atomic_store_n(&held, env, __ATOMIC_SEQ_CST);
    count(COUNT_held);
    return WEIR_AGAIN;
}

/* What is left of the content; the script stays at this step until its end. */
static int32_t echo(weir_environ *env, struct walk *w, weir_chunk *chunk)
{
    int64_t n = weir_read(env, w->buf, sizeof big);

    note(0, (long)n);
    if (n == WEIR_AGAIN)
        w->script--;
    if (n <= 0)
        return n == 0 ? WEIR_END : n == WEIR_AGAIN ? WEIR_AGAIN : WEIR_FAIL;
    w->script--;
    return give(chunk, w->buf, (uint64_t)n);
}

static int32_t step(weir_environ *env, struct walk *w, weir_chunk *chunk)
{
    switch (*w->script ? *w->script++ : 'E') {
    case 'c':
        return give(chunk, filler, 4);
    case 'b':
        return give(chunk, big, sizeof big);
    case 'B': /* for ever */
        w->script--;
        return give(chunk, big, sizeof big);
    case 'e':
        return give(chunk, filler, 0);
    case 'z':
        return give(chunk, NULL, 0);
    case 'n':
        return give(chunk, NULL, 4);
    case 'h':
        return give(chunk, filler, UINT64_MAX);
    case 's':
        note(1, w->start_response(env, 200, WEIR_HEADERS({"X-In", "next"})));
        return give(chunk, filler, 4);
    case 'r':
        note(1, w->start_response(env, 202 | WEIR_REPLACE, NULL));
        return give(chunk, filler, 4);
    case 'R':
        return echo(env, w, chunk);
    case 'f':
        return WEIR_FAIL;
    case '-':
        return -77;
    case '7':
        return 7;
    case 'w':
        note(1, weir_wake(env));
        return WEIR_AGAIN;
    case 'a':
        return hold(env);
#ifdef __cplusplus
    case 't':
        throw std::runtime_error("thrown in next");
    case 'T':
        throw 7;
#endif
    default:
        w->is_ended = 1;
        return WEIR_END;
    }
}

static int32_t walk_next(weir_environ *env, void *arg, weir_chunk *chunk)
{
    struct walk *w = (struct walk *)arg;
    struct leaver { /* no destructors in C: both ways out are below */
        int32_t result;
    } out;

    enter();
    if (w->is_ended)
        count(COUNT_next_after_end);
    w->is_in_next = 1;
#ifdef __cplusplus
    try {
        out.result = step(env, w, chunk);
    } catch (...) {
        w->is_in_next = 0;
        leave();
        throw;
    }
#else
    out.result = step(env, w, chunk);
#endif
    w->is_in_next = 0;
    leave();
    return out.result;
}

static void walk_close(void *arg)
{
    struct walk *w = (struct walk *)arg;

    enter();
    if (w->is_in_next)
        count(COUNT_close_in_next);
    count(COUNT_closed);
    leave();
    free(w->buf);
    free(w);
}

static weir_body walk_of(weir_environ *env, weir_start_response *start_response, const char *script)
{
    struct walk *w = (struct walk *)calloc(1, sizeof *w);

    if (!w || !(w->buf = (char *)malloc(sizeof big))) {
        free(w);
        return weir_error(env, 503);
    }
    w->start_response = start_response;
    w->script = script;
    count(COUNT_opened);
    return weir_iterable(walk_next, walk_close, w);
}

#endif
