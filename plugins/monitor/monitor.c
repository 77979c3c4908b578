/*
 * monitor.c — a page that is pushed to: the load of the machine, which a thread of the plugin's own
 * reads, and notes, which come by POST on any loop, for all who look, on any loop.
 *
 *     GET /monitor              the page
 *     GET /monitor/events       the stream
 *     GET /monitor/next?after=  the next event alone, when it is there
 *     POST /monitor             a note
 *
 * hub.h says how events go from thread to loop. Here are the requests: a stream belongs to its loop
 * and is woken there (weir_wake); one that waits for a single event is resumed from wherever that
 * is published.
 */
#define _POSIX_C_SOURCE 200809L
#include <weir/sse.h>

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <sys/prctl.h>
#include <time.h>

#include "hub.h"
#include "page.h"

#define AT_ONCE 16 /* events of one piece of a stream */

struct monitor {
    struct hub hub;
    uint32_t interval_ms, heartbeat_ms, stream_ms, wait_ms;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t ends;
    int is_ending; /* under the lock */
};

struct stream {
    struct stream *next, *previous; /* of its loop */
    weir_environ *env;
    struct loop_part *part;
    uint64_t sent;   /* number of the last event that this client has */
    int is_numbered; /* it knows that number */
    int is_over;
};

/* ---- the thread ---- */

/* The load averages of the last minute, five and fifteen; 0: /proc does not say. */
static int read_load(double load[3])
{
    FILE *f = fopen("/proc/loadavg", "re");
    char line[128], *at = line;
    int has_line;

    if (!f)
        return 0;
    has_line = fgets(line, sizeof line, f) != NULL;
    fclose(f);
    for (int i = 0; has_line && i < 3; i++) {
        char *end;

        load[i] = strtod(at, &end);
        has_line = end > at;
        at = end;
    }
    return has_line;
}

/* These and the time, as JSON; 0: they are not known. */
static size_t say_load(char *to, size_t size)
{
    time_t now = time(NULL);
    double load[3];
    struct tm utc;
    char date[32];
    int n;

    if (!read_load(load) || !gmtime_r(&now, &utc) ||
        strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", &utc) == 0)
        return 0;
    n = snprintf(to, size, "{\"time\": \"%s\", \"load\": [%.2f, %.2f, %.2f]}", date, load[0],
                 load[1], load[2]);
    return n > 0 && (size_t)n < size ? (size_t)n : 0;
}

static void add_ms(struct timespec *t, uint32_t ms)
{
    t->tv_sec += (time_t)(ms / 1000);
    t->tv_nsec += (long)(ms % 1000) * 1000000;
    if (t->tv_nsec >= 1000000000) {
        t->tv_sec++;
        t->tv_nsec -= 1000000000;
    }
}

/* 1: until then nobody has said that it is to end. */
static int wait_until(struct monitor *m, const struct timespec *then)
{
    int err = 0, goes_on;

    pthread_mutex_lock(&m->lock);
    while (!m->is_ending && err != ETIMEDOUT)
        err = pthread_cond_timedwait(&m->ends, &m->lock, then);
    goes_on = !m->is_ending;
    pthread_mutex_unlock(&m->lock);
    return goes_on;
}

static void *watch_load(void *arg)
{
    struct monitor *m = arg;
    struct timespec then;
    char text[EVENT_SIZE];

    prctl(PR_SET_NAME, "monitor"); /* for people who look at threads */
    clock_gettime(CLOCK_MONOTONIC, &then);
    for (;;) {
        size_t n;

        add_ms(&then, m->interval_ms);
        if (!wait_until(m, &then))
            return NULL;
        n = say_load(text, sizeof text);
        if (n > 0)
            hub_publish(&m->hub, "load", text, n);
    }
}

/* Signals are for the threads of the server, which wait for them. */
static int begin_thread(struct monitor *m)
{
    sigset_t all, before;
    int err;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    err = pthread_create(&m->thread, NULL, watch_load, m);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return err;
}

static void end_thread(struct monitor *m)
{
    pthread_mutex_lock(&m->lock);
    m->is_ending = 1;
    pthread_cond_signal(&m->ends);
    pthread_mutex_unlock(&m->lock);
    pthread_join(m->thread, NULL);
}

/* ---- waiting for the next event ---- */

struct poll {
    struct waiter waiter;
    struct hub *hub;
    weir_start_response *start_response;
    uint64_t after;
};

/* With the first event behind those that it knows, which is there. */
static weir_body answer_first(weir_environ *env, struct poll *p)
{
    char number[24];
    struct event e;

    if (!hub_take(p->hub, p->after, &e))
        return weir_error(env, 500);
    snprintf(number, sizeof number, "%" PRIu64, e.number);
    p->start_response(env, 200,
                      WEIR_HEADERS({"Content-Type", "text/plain; charset=utf-8"},
                                   {"Cache-Control", "no-store"}, {"Event-Id", number},
                                   {"Event-Type", e.kind}));
    return weir_copy(env, e.text, e.n);
}

/* The time is over. Were it resumed by now, that would be dropped: the request is finished. */
static void on_nothing(weir_environ *env, void *arg)
{
    struct poll *p = arg;

    p->start_response(env, 204, WEIR_HEADERS({"Cache-Control", "no-store"}));
    weir_finish(env, weir_empty());
}

/* Somebody has published, wherever that was. */
static void on_next(weir_environ *env, void *arg)
{
    struct poll *p = arg;

    weir_timer(env, WEIR_NEVER, on_nothing, p);
    weir_finish(env, answer_first(env, p));
}

static void forget_poll(void *arg)
{
    struct poll *p = arg;

    hub_forget(p->hub, &p->waiter);
}

static weir_body wait_for_next(weir_environ *env, weir_start_response *start_response,
                               struct monitor *m)
{
    const char *query = weir_get(env, "QUERY_STRING");
    struct poll *p = weir_alloc(env, sizeof *p);

    if (!p)
        return weir_error(env, 503);
    *p = (struct poll){.hub = &m->hub, .start_response = start_response};
    p->after = hub_place_of(&m->hub, query && strncmp(query, "after=", 6) == 0 ? query + 6 : NULL);
    p->waiter.token = weir_token(env);
    if (p->waiter.token == 0 || weir_timer(env, m->wait_ms, on_nothing, p) < 0)
        return weir_error(env, 503);
    if (hub_wait(&m->hub, &p->waiter, p->after)) {
        weir_defer(env, forget_poll, p); /* behind it: without memory it forgets at once */
        return weir_later(env);
    }
    weir_timer(env, WEIR_NEVER, on_nothing, p);
    return answer_first(env, p);
}

/* ---- streams ---- */

static void enter(struct stream *s)
{
    s->next = s->part->first;
    if (s->next)
        s->next->previous = s;
    s->part->first = s;
}

/* The close of the stream: called once, on its loop, however it ends. */
static void leave(void *arg)
{
    struct stream *s = arg;

    if (s->next)
        s->next->previous = s->previous;
    if (s->previous)
        s->previous->next = s->next;
    else
        s->part->first = s->next;
}

static void wake_streams(struct loop_part *part)
{
    for (struct stream *s = part->first; s; s = s->next)
        weir_wake(s->env);
}

static void add_event(weir_sse *out, uint64_t number, const struct event *e)
{
    char id[24];

    snprintf(id, sizeof id, "%" PRIu64, number);
    weir_sse_add(out, &(weir_sse_event){.id = id,
                                        .event = e ? e->kind : NULL,
                                        .data = e ? e->text : NULL,
                                        .n = e ? e->n : 0});
}

static void add_missed(weir_sse *out, uint64_t number, uint64_t n)
{
    struct event e = {.kind = "missed"};

    e.n = (size_t)snprintf(e.text, sizeof e.text, "%" PRIu64, n);
    add_event(out, number, &e);
}

/* A few events, from the history; a client that was too slow for it is told how many it has
 * missed. */
static int32_t next(weir_environ *env, void *arg, weir_sse *out)
{
    struct stream *s = arg;
    struct event e;

    (void)env;
    if (s->is_over)
        return WEIR_END;
    if (!s->is_numbered) { /* so that it can come back before there is an event */
        add_event(out, s->sent, NULL);
        s->is_numbered = 1;
    }
    for (int i = 0; i < AT_ONCE; i++) {
        if (!hub_take(s->part->hub, s->sent, &e))
            return WEIR_AGAIN;
        if (e.number > s->sent + 1)
            add_missed(out, e.number - 1, e.number - 1 - s->sent);
        add_event(out, e.number, &e);
        s->sent = e.number;
    }
    return WEIR_CHUNK;
}

static void end_stream(weir_environ *env, void *arg)
{
    struct stream *s = arg;

    s->is_over = 1;
    weir_wake(env);
}

/* Browsers do not close half of a connection: who does is on the way out. */
static void on_disconnect(weir_environ *env, void *arg, int32_t why)
{
    if (why == WEIR_HALF_CLOSED)
        end_stream(env, arg);
}

/* A stream is not for ever: a browser comes back by itself, and then has the state of now, after
 * a reload too. */
static weir_body listen(weir_environ *env, weir_start_response *start_response, struct monitor *m)
{
    struct stream *s = weir_alloc(env, sizeof *s); /* stays until after leave() */

    if (!s)
        return weir_error(env, 503);
    *s = (struct stream){.env = env,
                         .part = weir_loop_state(env),
                         .sent = hub_place_of(&m->hub, weir_sse_last_id(env))};
    if (weir_timer(env, m->stream_ms, end_stream, s) < 0)
        return weir_error(env, 503);
    enter(s);
    weir_on_disconnect(env, on_disconnect, s);
    weir_sse_start(env, start_response);
    return weir_sse_body(env, next, leave, s, m->heartbeat_ms);
}

/* ---- requests ---- */

static weir_body say(weir_environ *env, weir_start_response *start_response, struct monitor *m)
{
    size_t n;
    const char *text = weir_content(env, &n); /* at most EVENT_SIZE: body_buffer_max */
    char number[24];

    if (!text || n == 0) {
        start_response(env, 400, WEIR_HEADERS({"Content-Type", "text/plain"}));
        return weir_printf(env, "a note has from 1 to %d bytes\n", EVENT_SIZE);
    }
    snprintf(number, sizeof number, "%" PRIu64, hub_publish(&m->hub, "note", text, n));
    start_response(env, 204, WEIR_HEADERS({"Event-Id", number}));
    return weir_empty();
}

static weir_body show_page(weir_environ *env, weir_start_response *start_response)
{
    start_response(
        env, 200,
        WEIR_HEADERS({"Content-Type", "text/html; charset=utf-8"}, {"Cache-Control", "no-cache"}));
    return weir_text(page);
}

static weir_body refuse(weir_environ *env, weir_start_response *start_response, const char *allowed)
{
    start_response(env, 405, WEIR_HEADERS({"Allow", allowed}));
    return weir_error(env, 405);
}

static weir_body monitor(weir_environ *env, weir_start_response *start_response)
{
    struct monitor *m = weir_state(env);
    const char *path = weir_get(env, "PATH_INFO");
    const char *method = weir_get(env, "REQUEST_METHOD");
    int is_head = strcmp(method, "HEAD") == 0, is_get = is_head || strcmp(method, "GET") == 0;

    if (!path || *path == '\0' || strcmp(path, "/") == 0) {
        if (strcmp(method, "POST") == 0)
            return say(env, start_response, m);
        return is_get ? show_page(env, start_response)
                      : refuse(env, start_response, "GET, HEAD, POST");
    }
    if (strcmp(path, "/events") == 0 && is_head) {
        weir_sse_start(env, start_response);
        return weir_empty();
    }
    if (strcmp(path, "/events") == 0)
        return is_get ? listen(env, start_response, m) : refuse(env, start_response, "GET, HEAD");
    if (strcmp(path, "/next") == 0) /* no HEAD: it would wait for what it does not get */
        return is_get && !is_head ? wait_for_next(env, start_response, m)
                                  : refuse(env, start_response, "GET");
    return weir_error(env, 404);
}

/* ---- life ---- */

static int init_locks(struct monitor *m)
{
    pthread_condattr_t monotonic;
    int err = pthread_mutex_init(&m->lock, NULL);

    if (err != 0)
        return err;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    err = pthread_cond_init(&m->ends, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (err != 0)
        pthread_mutex_destroy(&m->lock);
    return err;
}

static void fini_locks(struct monitor *m)
{
    pthread_cond_destroy(&m->ends);
    pthread_mutex_destroy(&m->lock);
}

/* 0, or an errno number, and nothing is left behind. */
static int begin(struct monitor *m, const weir_host *host)
{
    int err = hub_init(&m->hub, host, on_next);

    if (err != 0)
        return err;
    err = init_locks(m);
    if (err == 0) {
        err = begin_thread(m);
        if (err == 0)
            return 0;
        fini_locks(m);
    }
    hub_fini(&m->hub);
    return err;
}

static int32_t load(const weir_host *host, const weir_config *config, void **state)
{
    struct monitor *m = calloc(1, sizeof *m);
    int err;

    if (!m)
        return weir_config_fail(config, "out of memory");
    m->interval_ms = (uint32_t)weir_config_int(config, "interval_ms", 1000);
    m->heartbeat_ms = (uint32_t)weir_config_int(config, "heartbeat_ms", 15000);
    m->stream_ms = (uint32_t)weir_config_int(config, "stream_ms", 600000);
    m->wait_ms = (uint32_t)weir_config_int(config, "wait_ms", 25000);
    err = begin(m, host);
    if (err != 0) {
        free(m);
        return weir_config_fail(config, "cannot begin a thread: %s", strerror(err));
    }
    *state = m;
    return 0;
}

/* All loops have stopped and no request is left: the thread finds nobody to tell, and ends. */
static void unload(void *state)
{
    struct monitor *m = state;

    end_thread(m);
    fini_locks(m);
    hub_fini(&m->hub);
    free(m);
}

static int32_t loop_start(const weir_host *host, weir_loop *loop, void *state, void **loop_state)
{
    struct monitor *m = state;
    struct loop_part *part = calloc(1, sizeof *part);

    (void)host;
    if (!part)
        return WEIR_ENOMEM;
    part->loop = loop;
    part->wake = wake_streams;
    hub_add_loop(&m->hub, part);
    *loop_state = part;
    return 0;
}

static void loop_stop(void *state, void *loop_state)
{
    struct monitor *m = state;

    hub_remove_loop(&m->hub, loop_state);
    free(loop_state);
}

/* clang-format off */
WEIR_PLUGIN(.name = "monitor", .app = monitor, .runs = WEIR_ON_LOOP, .body_buffer_max = EVENT_SIZE,
            .load = load, .unload = unload, .loop_start = loop_start, .loop_stop = loop_stop,
            .config_schema = "{\"type\": \"object\", \"additionalProperties\": false,"
                " \"properties\": {"
                "\"interval_ms\": {\"type\": \"integer\", \"minimum\": 1, \"maximum\": 3600000,"
                " \"default\": 1000, \"description\": \"the load is told so often\"},"
                "\"heartbeat_ms\": {\"type\": \"integer\", \"minimum\": 0, \"maximum\": 3600000,"
                " \"default\": 15000, \"description\": \"a comment after so long without an event\"},"
                "\"stream_ms\": {\"type\": \"integer\", \"minimum\": 1, \"maximum\": 86400000,"
                " \"default\": 600000,"
                " \"description\": \"a stream ends after so long; browsers come back\"},"
                "\"wait_ms\": {\"type\": \"integer\", \"minimum\": 1, \"maximum\": 3600000,"
                " \"default\": 25000,"
                " \"description\": \"/next is a 204 after so long without an event\"}}}");
/* clang-format on */
