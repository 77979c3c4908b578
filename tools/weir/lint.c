#include "lint.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <weir/test.h>

#include "say.h"

#define NOT_LOADED 2

/* For what comes from outside, a backend say: longer where the requests are the caller's own. */
#define OUTSIDE_MS     100
#define OUTSIDE_OWN_MS 2000

#define PATIENCE_MS 10000 /* of real time, for an app that holds its thread */
#define GIVE_UP_MS  20000 /* the same, for a call that does not return at all */
#define LOOK_MS     200

/* METHOD TARGET pairs; how many were sent; -1: one of them is none. */
static int32_t send_own(weir_test *t, const struct options *o)
{
    int32_t sent = 0;

    for (int i = 0; i + 1 < o->words_n; i += 2) {
        weir_test_request request = {.method = o->words[i], .target = o->words[i + 1]};

        if (!weir_test_call(t, &request)) {
            say("there is no such request: %s %s", o->words[i], o->words[i + 1]);
            return -1;
        }
        sent++;
    }
    return sent;
}

static int count_lines(const char *text)
{
    int n = 0;

    for (; *text; text++)
        n += *text == '\n';
    return n;
}

static int report(weir_test *t, const struct options *o, int32_t sent)
{
    const char *findings = weir_test_findings(t);
    int n = count_lines(findings);

    printf("%s%s: %d %s, %d %s\n", findings, o->plugin_file, (int)sent,
           sent == 1 ? "request" : "requests", n, n == 1 ? "finding" : "findings");
    return n > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* ---- a call that never returns ---- */

/* Nobody else can be waiting for it: the thread that would may be the one that is in it. */
struct watcher {
    weir_test *t;
    const struct options *o;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool must_stop; /* under lock */
    bool is_started;
};

static void give_up(const struct watcher *w, const char *what)
{
    const char *findings = weir_test_findings(w->t);
    int n = count_lines(findings);

    printf("%s%s: given up, %d %s\n", findings, w->o->plugin_file, n,
           n == 1 ? "finding" : "findings");
    say("%s has not returned for %d s: given up", what, GIVE_UP_MS / 1000);
    fflush(stdout);
    _exit(EXIT_FAILURE);
}

/* Has it been told to stop within LOOK_MS? */
static bool is_told(struct watcher *w)
{
    struct timespec until;
    bool is_so;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += (long)LOOK_MS * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    pthread_mutex_lock(&w->lock);
    if (!w->must_stop)
        pthread_cond_timedwait(&w->changed, &w->lock, &until);
    is_so = w->must_stop;
    pthread_mutex_unlock(&w->lock);
    return is_so;
}

static void *watch(void *arg)
{
    struct watcher *w = arg;
    char what[256];

    while (!is_told(w))
        if (weir_test_stuck(w->t, GIVE_UP_MS, what, sizeof what))
            give_up(w, what);
    return NULL;
}

static void start_watcher(struct watcher *w)
{
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->changed, NULL);
    w->is_started = pthread_create(&w->thread, NULL, watch, w) == 0;
}

static void stop_watcher(struct watcher *w)
{
    pthread_mutex_lock(&w->lock);
    w->must_stop = true;
    pthread_cond_signal(&w->changed);
    pthread_mutex_unlock(&w->lock);
    if (w->is_started)
        pthread_join(w->thread, NULL);
    pthread_cond_destroy(&w->changed);
    pthread_mutex_destroy(&w->lock);
}

/* ---- the command ---- */

/* An exit status. */
static int check(weir_test *t, const struct options *o)
{
    struct watcher watcher = {.t = t, .o = o};
    int32_t sent;

    start_watcher(&watcher);
    sent = o->words_n > 0 ? send_own(t, o) : weir_test_probe(t, NULL);
    weir_test_stop(t);
    stop_watcher(&watcher);
    return sent < 0 ? NOT_LOADED : report(t, o, sent);
}

int lint(const struct options *o)
{
    const weir_test_setup setup = {.file = o->plugin_file,
                                   .route = o->route,
                                   .config = o->plugin_config,
                                   .patience_ms = PATIENCE_MS,
                                   .outside_ms = o->words_n > 0 ? OUTSIDE_OWN_MS : OUTSIDE_MS,
                                   .lint = 1};
    weir_test *t = weir_test_start(&setup);
    int status = NOT_LOADED;

    if (!t) {
        say("out of memory");
        return NOT_LOADED;
    }
    if (weir_test_error(t))
        say_lines(NULL, weir_test_error(t), "");
    else
        status = check(t, o);
    if (o->is_verbose)
        fputs(weir_test_log(t), stderr);
    weir_test_free(t);
    return status;
}
