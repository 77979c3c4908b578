/*
 * server_fixture.h — a server with real sockets and threads, sites that note what is done with them,
 * and clients: for test_server.c and test_server_host.c, each of which has its own.
 */
#ifndef WR_TESTS_SERVER_FIXTURE_H
#define WR_TESTS_SERVER_FIXTURE_H

#include "support.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "io/thread.h"
#include "server/server_loop.h"
#include "simple_body.h"
#include "temp_folder.h"

#define BOUND_S 10 /* for what must happen: only a failing test waits so long */
#define LOOPS   2

/* ---- a site that notes what is done with it ---- */

struct generation {
    struct wr_site site; /* first */
    struct wr_handler handler;
    char name[3];             /* what it answers */
    char trace[48];           /* a letter a call; under `lock` */
    char fails_in;            /* p, l, s; 0: nowhere */
    int fails_on;             /* the loop of l */
    int live;                 /* exchanges; under lock */
    struct wr_exchange *held; /* under lock */
    bool is_blocked;          /* the same: its handler is in a request that blocks */
    struct wr_task answer_held;
    sem_t *stop_waits_for, *serve_waits_for; /* NULL: for nothing */
    int file;                                /* for /file */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

static inline struct generation *generation_of(struct wr_handler *h)
{
    return WR_CONTAINER_OF(h, struct generation, handler);
}

static inline void trace_locked(struct generation *g, char what)
{
    size_t n = strlen(g->trace);

    if (n + 1 == sizeof g->trace)
        abort();
    g->trace[n] = what;
    pthread_cond_broadcast(&changed);
}

static inline void trace(struct generation *g, char what)
{
    pthread_mutex_lock(&lock);
    trace_locked(g, what);
    pthread_mutex_unlock(&lock);
}

static inline bool has_trace(struct generation *g, const char *want)
{
    return strcmp(g->trace, want) == 0;
}

static inline bool is_holding(struct generation *g, const char *unused)
{
    (void)unused;
    return g->held != NULL;
}

static inline bool is_blocked(struct generation *g, const char *unused)
{
    (void)unused;
    return g->is_blocked;
}

/* Waits until it holds. */
static inline void await(bool (*is_so)(struct generation *g, const char *arg), struct generation *g,
                         const char *arg)
{
    struct timespec until;
    int err = 0;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += BOUND_S;
    pthread_mutex_lock(&lock);
    while (!is_so(g, arg) && err == 0)
        err = pthread_cond_timedwait(&changed, &lock, &until);
    pthread_mutex_unlock(&lock);
    if (err != 0)
        fail_msg("%s: the trace is \"%s\"", g->name, g->trace);
}

static inline void expect_trace(struct generation *g, const char *want)
{
    pthread_mutex_lock(&lock);
    if (!has_trace(g, want)) {
        pthread_mutex_unlock(&lock);
        fail_msg("%s: \"%s\", not \"%s\"", g->name, g->trace, want);
    }
    pthread_mutex_unlock(&lock);
}

static inline int prepare(struct wr_handler *h, struct wr_worker *const *workers, int n, char *why)
{
    struct generation *g = generation_of(h);

    for (int i = 0; i < n; i++)
        if (workers[i]->index != i)
            abort();
    trace(g, 'p');
    snprintf(why, WR_WHY_MAX, "%s: prepare", g->name);
    return g->fails_in == 'p' ? -EPROTO : 0;
}

static inline int start_loop(struct wr_handler *h, int loop, char *why)
{
    struct generation *g = generation_of(h);

    trace(g, 'l');
    snprintf(why, WR_WHY_MAX, "%s: start_loop", g->name);
    return g->fails_in == 'l' && g->fails_on == loop ? -EPROTO : 0;
}

static inline int start(struct wr_handler *h, char *why)
{
    struct generation *g = generation_of(h);

    trace(g, 's');
    snprintf(why, WR_WHY_MAX, "%s: start", g->name);
    return g->fails_in == 's' ? -EPROTO : 0;
}

/* '!': one of its exchanges lives. */
static inline void trace_end(struct generation *g, char what)
{
    pthread_mutex_lock(&lock);
    if (g->live > 0)
        trace_locked(g, '!');
    trace_locked(g, what);
    pthread_mutex_unlock(&lock);
}

static inline void stop(struct wr_handler *h)
{
    struct generation *g = generation_of(h);

    trace_end(g, 'S');
    if (g->stop_waits_for)
        sem_wait(g->stop_waits_for);
}

static inline void stop_loop(struct wr_handler *h, int loop)
{
    (void)loop;
    trace_end(generation_of(h), 'L');
}

static inline void free_handler(struct wr_handler *h)
{
    trace_end(generation_of(h), 'f');
}

static inline void release(struct wr_site *site)
{
    trace_end(WR_CONTAINER_OF(site, struct generation, site), 'R');
}

static inline void on_end(struct wr_exchange *x)
{
    struct generation *g = x->handler_data;

    pthread_mutex_lock(&lock);
    g->live--;
    pthread_mutex_unlock(&lock);
}

static inline void answer(struct generation *g, struct wr_exchange *x)
{
    x->response.status = 200;
    wr_exchange_set_body(x, test_memory_body(&x->arena, wr_slice(g->name, 2), NULL, NULL), 2);
    wr_exchange_respond(x);
}

static inline void answer_held(struct wr_task *task)
{
    struct generation *g = WR_CONTAINER_OF(task, struct generation, answer_held);
    struct wr_exchange *x;

    pthread_mutex_lock(&lock);
    x = g->held;
    g->held = NULL;
    pthread_mutex_unlock(&lock);
    answer(g, x);
    wr_exchange_unref(x);
}

static inline void let_answer(struct generation *g)
{
    struct wr_exchange *x;

    await(is_holding, g, NULL);
    pthread_mutex_lock(&lock);
    x = g->held;
    pthread_mutex_unlock(&lock);
    g->answer_held.run = answer_held;
    wr_loop_post(x->worker->loop, &g->answer_held);
}

static inline void serve(struct wr_handler *h, struct wr_exchange *x)
{
    struct generation *g = generation_of(h);
    bool is_to_hold = wr_slice_eq(x->request.path, WR_SLICE("/hold"));
    bool is_to_block = wr_slice_eq(x->request.path, WR_SLICE("/block"));

    pthread_mutex_lock(&lock);
    if (strchr(g->trace, 'S'))
        trace_locked(g, '?'); /* it serves, and has been stopped */
    g->live++;
    x->on_end = on_end;
    x->handler_data = g;
    if (is_to_hold) {
        wr_exchange_ref(x);
        g->held = x;
    }
    g->is_blocked = is_to_block;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    if (is_to_block)
        sem_wait(g->serve_waits_for);
    if (is_to_hold)
        return;
    if (wr_slice_eq(x->request.path, WR_SLICE("/file"))) {
        x->response.status = 200;
        wr_exchange_set_body(x, test_file_body(&x->arena, g->file, 0, 8 << 20, NULL, NULL),
                             8 << 20);
        wr_exchange_respond(x);
        return;
    }
    answer(g, x);
}

static const struct wr_handler_ops ops = {.name = "test",
                                          .prepare = prepare,
                                          .start_loop = start_loop,
                                          .start = start,
                                          .serve = serve,
                                          .stop = stop,
                                          .stop_loop = stop_loop,
                                          .free = free_handler};

static inline void ignore_line(void *ctx, enum wr_log_level level, const char *line, size_t n)
{
    (void)ctx;
    (void)level;
    (void)line;
    (void)n;
}

static inline void make_generation(struct generation *g, int number)
{
    const char *why;

    *g = (struct generation){.handler = {.ops = &ops}, .file = -1};
    g->name[0] = (char)('a' + number / 26 % 26);
    g->name[1] = (char)('a' + number % 26);
    g->site = (struct wr_site){
        .config = wr_config_default, .log = {ignore_line, NULL, WR_LOG_DEBUG}, .release = release};
    if (wr_router_add(&g->site.router, "/", &g->handler, &why) < 0)
        abort();
}

/* ---- clients ---- */

static inline struct wr_address parse(const char *text)
{
    struct wr_address a;
    const char *why;

    assert_int_equal(wr_address_parse(text, &a, &why), 0);
    return a;
}

static inline void set_bound(int fd)
{
    const struct timeval bound = {.tv_sec = BOUND_S};

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &bound, sizeof bound);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &bound, sizeof bound);
}

/* Connected, or -errno. Any thread. */
static inline int dial(const struct wr_address *a)
{
    int fd = socket(a->sa.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -errno;
    set_bound(fd);
    if (connect(fd, &a->sa.any, a->len) == 0)
        return fd;
    close(fd);
    return -ECONNREFUSED;
}

static inline bool send_get(int fd, const char *path)
{
    char text[128];
    int n = snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", path);

    return send(fd, text, (size_t)n, MSG_NOSIGNAL) == n;
}

/* The two letters behind the head of a 200; false: anything else came. */
static inline bool receive(int fd, char name[static 3])
{
    char text[1024];
    size_t n = 0;

    while (n + 1 < sizeof text) {
        ssize_t got = recv(fd, text + n, sizeof text - 1 - n, 0);
        const char *end;

        if (got <= 0)
            return false;
        n += (size_t)got;
        text[n] = '\0';
        end = strstr(text, "\r\n\r\n");
        if (end && text + n - end == 6) {
            memcpy(name, end + 4, 2);
            name[2] = '\0';
            return strncmp(text, "HTTP/1.1 200 ", 13) == 0;
        }
    }
    return false;
}

static inline bool ask(int fd, char name[static 3])
{
    return send_get(fd, "/") && receive(fd, name);
}

static inline void expect_on(int fd, const struct generation *g)
{
    char name[3] = "";

    assert_true(ask(fd, name));
    assert_string_equal(name, g->name);
}

static inline void expect_at(const struct wr_listening *l, const struct generation *g)
{
    int fd = dial(&l->address);

    assert_true(fd >= 0);
    expect_on(fd, g);
    close(fd);
}

/* ---- the server of a test ---- */

#define GENERATIONS 4

static struct fixture {
    struct generation g[GENERATIONS];
    struct wr_listening *l[3];
    struct wr_server *s;
    char why[WR_WHY_MAX];
} f;

static inline struct wr_listening *open_at(const char *text, int loops)
{
    const struct wr_address a = parse(text);
    int err;
    struct wr_listening *l = wr_listening_open(&a, loops, f.why, &err);

    if (!l)
        fail_msg("%s", f.why);
    return l;
}

static inline int set_up(void **state)
{
    (void)state;
    f = (struct fixture){0};
    for (int i = 0; i < GENERATIONS; i++)
        make_generation(&f.g[i], i);
    for (int i = 0; i < 3; i++)
        f.l[i] = open_at("127.0.0.1:0", LOOPS);
    return 0;
}

static inline int tear_down(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++)
        wr_listening_free(f.l[i]);
    for (int i = 0; i < GENERATIONS; i++) /* those that no server was given */
        if (f.g[i].trace[0] == '\0')
            wr_site_fini(&f.g[i].site);
    return 0;
}

/* With the first n of f.l, and f.g[0]. */
static inline int try_new(int loops, size_t n)
{
    struct wr_server_setup setup = {
        .clock = &wr_clock_system, .site = &f.g[0].site, .listenings = {f.l, n}, .loops = loops};
    int err = 0;

    f.s = wr_server_new(&setup, f.why, &err);
    return f.s ? 0 : err;
}

static inline void start_server(int loops, size_t n)
{
    assert_int_equal(try_new(loops, n), 0);
    assert_int_equal(wr_server_start(f.s), 0);
}

static inline int try_reload(struct generation *g, struct wr_listening **v, size_t n)
{
    const struct wr_listenings listenings = {v, n};

    return wr_server_reload(f.s, &g->site, &listenings, f.why);
}

static inline void reload(int number)
{
    if (try_reload(&f.g[number], f.l, 1) < 0)
        fail_msg("%s", f.why);
}

static inline void end_server(void)
{
    wr_server_stop(f.s, BOUND_S * 1000);
    assert_int_equal(wr_server_wait(f.s), 0);
    wr_server_free(f.s);
}

#define ALL "pllsSLLfR" /* of two loops */
#define ONE "plsSLfR"   /* of one */

struct stop_call {
    pthread_barrier_t *barrier;
    int64_t drain_ms;
};

static inline void *stop_there(void *arg)
{
    const struct stop_call *call = arg;

    pthread_barrier_wait(call->barrier);
    wr_server_stop(f.s, call->drain_ms);
    return NULL;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
