#include "sim.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define TRACE_SHOWN 12000 /* bytes of it that a failure tells */
#define TURNS       60    /* of settling: more than anything takes */
#define QUIET       4     /* turns of each in which nothing happens */
#define ROUNDS      400   /* of finishing */

uint64_t sim_draw(uint64_t *random, uint64_t n)
{
    uint64_t z = *random += 0x9e3779b97f4a7c15U; /* splitmix64 */

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return (z ^ (z >> 31)) % n;
}

char sim_content_byte(unsigned id, size_t at)
{
    return (char)('a' + (id * 7 + at + at / 26) % 26);
}

char sim_answer_byte(unsigned id, size_t at)
{
    return (char)('A' + (id * 5 + at + at / 26) % 26);
}

int64_t sim_now(const struct sim *s)
{
    return s->time.now_ms;
}

/* ---- what happened ---- */

static void append(struct sim *s, const char *text, size_t n)
{
    if (s->trace_n + n + 1 > s->trace_cap) {
        s->trace_cap = (s->trace_cap + n + 1) * 2;
        s->trace = realloc(s->trace, s->trace_cap);
        if (!s->trace)
            abort();
    }
    memcpy(s->trace + s->trace_n, text, n);
    s->trace_n += n;
    s->trace[s->trace_n] = '\0';
}

void sim_tell(struct sim *s, const char *fmt, ...)
{
    char line[600];
    int at = snprintf(line, sizeof line, "%6lld %s ", (long long)sim_now(s),
                      s->where == SIM_NO_LOOP   ? "-"
                      : s->where == SIM_IN_POOL ? "pool"
                      : s->where == 0           ? "0"
                                                : "1");
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(line + at, sizeof line - (size_t)at - 1, fmt, ap);
    va_end(ap);
    n = at + (n < (int)sizeof line - at - 2 ? n : (int)sizeof line - at - 2);
    line[n++] = '\n';
    append(s, line, (size_t)n);
    if (s->shows)
        fwrite(line, 1, (size_t)n, stderr);
}

void sim_claim(struct sim *s, bool claim, const char *what, const char *file, int line)
{
    size_t from;

    if (claim)
        return;
    from = s->trace_n > TRACE_SHOWN ? s->trace_n - TRACE_SHOWN : 0;
    if (!s->shows)
        fprintf(stderr, "%s\n", s->trace ? s->trace + from : "");
    fprintf(stderr, "%s:%d: it does not hold that %s\n", file, line, what);
    fprintf(stderr, "WEIR_SEED=%llu repeats it\n", (unsigned long long)s->seed);
    abort();
}

static void keep_log_line(void *ctx, enum wr_log_level level, const char *line, size_t n)
{
    (void)level;
    sim_tell(ctx, "log: %.*s", (int)n, line);
}

/* ---- the server ---- */

/* What this seed is about. */
static void choose(struct sim *s)
{
    static const uint64_t marks[] = {64, 500, 5000, 256 * 1024};

    s->in_coroutine = sim_draw(&s->random, 3) > 0;
    s->is_serial = sim_one_in(&s->random, 3);
    s->cancels_half_closed = sim_one_in(&s->random, 3);
    s->has_deadlines = sim_one_in(&s->random, 4);
    s->site.config.app_queue_bytes = marks[sim_draw(&s->random, sizeof marks / sizeof marks[0])];
    s->site.config.body_rate_min = s->site.config.write_rate_min = 0;
    s->site.config.body_idle_ms = s->site.config.write_idle_ms = 100000000;
    s->site.config.keep_alive_ms = s->site.config.head_ms = 100000000;
    if (s->has_deadlines) {
        s->site.config.body_idle_ms = 50 + (int64_t)sim_draw(&s->random, 100);
        s->site.config.write_idle_ms = 50 + (int64_t)sim_draw(&s->random, 100);
        s->site.config.request_ms = 100 + (int64_t)sim_draw(&s->random, 200);
    }
    s->plugin = sim_plugin;
    s->plugin.runs = s->in_coroutine ? WEIR_IN_COROUTINE : WEIR_ON_LOOP;
    s->plugin.serial = s->is_serial;
    s->plugin.stack_bytes = 128 * 1024; /* of which vsnprintf takes some */
    sim_tell(s, "%s%s, %s, mark %llu, deadlines %d", s->in_coroutine ? "coroutine" : "loop",
             s->is_serial ? " serial" : "", s->cancels_half_closed ? "cancel" : "serve",
             (unsigned long long)s->site.config.app_queue_bytes, s->has_deadlines);
}

static void mount(struct sim *s)
{
    struct wr_mount_setup setup = {.plugin = &s->plugin,
                                   .route = "/",
                                   .config_label = "config",
                                   .state = s,
                                   .log = &s->site.log,
                                   .threads = SIM_THREADS,
                                   .queue_max = SIM_QUEUE,
                                   .coroutines = SIM_COROUTINES};
    struct wr_worker *workers[SIM_LOOPS];
    char why[WR_WHY_MAX] = "";
    int32_t err = 0;

    for (int i = 0; i < SIM_LOOPS; i++)
        workers[i] = &s->workers[i];
    s->mount = wr_mount_new(&setup, why, &err);
    if (!s->mount || s->mount->ops->prepare(s->mount, workers, SIM_LOOPS, why) != 0)
        sim_claim(s, false, why, __FILE__, __LINE__);
    for (int i = 0; i < SIM_LOOPS; i++) {
        s->where = i;
        SIM_CHECK(s, s->mount->ops->start_loop(s->mount, i, why) == 0);
    }
    s->where = SIM_NO_LOOP;
    SIM_CHECK(s, s->mount->ops->start(s->mount, why) == 0);
    s->limits = (struct wr_handler_limits){-1, -1, s->cancels_half_closed};
    s->mount->limits = &s->limits;
    s->route = (struct wr_route){.path = WR_SLICE(""), .handler = s->mount};
    s->site.router = (struct wr_router){.v = &s->route, .n = 1};
}

struct sim *sim_new(uint64_t seed)
{
    const struct wr_pool_setup helpers = {.threads = 1, .queue_max = 64, .name = "helpers"};
    struct sim *s = calloc(1, sizeof *s);

    if (!s)
        abort();
    s->seed = seed;
    s->random = seed * 0xd1342543de82ef95U + 1;
    s->shows = getenv("WEIR_SHOW") != NULL; /* NOLINT(concurrency-mt-unsafe) */
    s->where = SIM_NO_LOOP;
    s->has_all = true;
    s->time = (struct wr_fake_clock){.now_ms = 1000, .wall_ns = 784111777LL * 1000000000};
    s->clock = wr_fake_clock_of(&s->time);
    s->site.config = wr_config_default;
    s->site.log = (struct wr_log){keep_log_line, s, WR_LOG_DEBUG};
    sim_pool_set(s);
    sim_loop_set(s);
    s->site.helpers = s->site.makers = wr_pool_new(&helpers);
    choose(s);
    s->shared_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    for (int i = 0; i < SIM_LOOPS; i++) {
        s->loop_fds[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        if (wr_worker_init(&s->workers[i], &s->clock, &s->site) < 0)
            abort();
        s->workers[i].index = i;
    }
    mount(s);
    return s;
}

static int turn(struct sim *s, int loop)
{
    int before = s->where, n;

    s->where = loop;
    n = wr_loop_step(s->workers[loop].loop, 0);
    s->where = before;
    if (n > 0)
        sim_tell(s, "turn of %d: %d", loop, n);
    SIM_CHECK(s, n >= 0);
    return n;
}

bool sim_settle(struct sim *s)
{
    unsigned before;
    int quiet = 0;

    s->settled = s->numbers;
    for (int i = 0; i < TURNS && quiet < QUIET; i++) {
        before = s->happened;
        for (int k = 0; k < SIM_LOOPS; k++)
            turn(s, k);
        quiet = s->happened == before ? quiet + 1 : 0;
    }
    return quiet == QUIET;
}

void sim_advance(struct sim *s, int64_t ms)
{
    wr_fake_clock_advance(&s->time, ms);
    sim_tell(s, "%lld ms have passed", (long long)ms);
    for (int i = 0; i < SIM_LOOPS; i++)
        turn(s, i);
}

void sim_free(struct sim *s)
{
    do {
        s->mount->ops->wait(s->mount);
        for (int i = 0; i < SIM_LOOPS; i++) {
            s->where = i;
            wr_loop_run_tasks(s->workers[i].loop);
        }
        s->where = SIM_NO_LOOP;
    } while (wr_loop_run_tasks(s->workers[0].loop) || wr_loop_run_tasks(s->workers[1].loop));
    s->mount->ops->stop(s->mount);
    for (int i = 0; i < SIM_LOOPS; i++) {
        s->where = i;
        s->mount->ops->stop_loop(s->mount, i);
    }
    s->where = SIM_NO_LOOP;
    s->mount->ops->free(s->mount);
    wr_pool_free(s->site.helpers);
    for (int i = 0; i < SIM_LOOPS; i++) {
        SIM_CHECK(s, wr_loop_timers(s->workers[i].loop)->n == 0);
        wr_worker_fini(&s->workers[i]);
        close(s->loop_fds[i]);
    }
    close(s->shared_fd);
    sim_check_end(s);
    for (unsigned i = 0; i < s->requests_n; i++)
        free(s->requests[i]);
    while (s->asks) {
        struct sim_ask *ask = s->asks;

        s->asks = ask->next;
        free(ask);
    }
    free(s->trace);
    free(s);
}

/* ---- the scheduler ---- */

static struct sim_request *any_request(struct sim *s)
{
    return s->requests_n ? s->requests[sim_draw(&s->random, s->requests_n)] : NULL;
}

/* A token that no request has, or had: of another loop, of no loop, of no request. */
static uint64_t wrong_token(struct sim *s, const struct sim_request *r)
{
    uint64_t token = r ? r->token : 1;

    switch (sim_draw(&s->random, 5)) {
    case 0:
        return 0;
    case 1:
        return UINT64_MAX;
    case 2:
        return token ^ 0x3ff;
    case 3:
        return token + (UINT64_C(1) << 40);
    default:
        return token | 512;
    }
}

static void resume_any(struct sim *s)
{
    struct sim_request *r = any_request(s);

    if (sim_one_in(&s->random, 8))
        sim_resume(s, wrong_token(s, r), NULL, false);
    else if (r && r->token)
        sim_resume(s, r->token, r, sim_one_in(&s->random, 4));
}

static void make_ready(struct sim *s)
{
    struct sim_request *r = any_request(s);
    uint64_t one = 1;
    int fd = r && r->fd >= 0 ? r->fd : sim_one_in(&s->random, 2) ? s->shared_fd : s->loop_fds[0];

    sim_tell(s, "descriptor %s becomes ready", r && fd == r->fd ? "of a request" : "of many");
    SIM_CHECK(s, write(fd, &one, sizeof one) == sizeof one || errno == EAGAIN);
}

static void of_a_loop(struct sim *s)
{
    int loop = (int)sim_draw(&s->random, SIM_LOOPS);

    s->where = loop;
    if (sim_one_in(&s->random, 2))
        sim_set_loop_timer(s, loop);
    s->where = SIM_NO_LOOP;
    sim_post(s, loop);
}

static void settle_and_look(struct sim *s)
{
    if (!sim_settle(s)) /* what has come for one of them may still wait for the turn after that */
        return;
    sim_check_quiet(s);
    for (int i = 0; i < SIM_CLIENTS; i++)
        sim_client_check(&s->clients[i]);
}

void sim_step(struct sim *s)
{
    struct sim_client *c = &s->clients[sim_draw(&s->random, SIM_CLIENTS)];
    uint64_t what = sim_draw(&s->random, 24);

    if (!c->is_open && what < 12)
        sim_client_open(s, c);
    else if (what < 10)
        sim_client_step(c);
    else if (what < 12)
        resume_any(s);
    else if (what < 14)
        make_ready(s);
    else if (what < 16)
        sim_pool_step(s);
    else if (what < 18)
        sim_advance(s, (int64_t)sim_draw(&s->random, sim_one_in(&s->random, 10) ? 200 : 15));
    else if (what < 19)
        of_a_loop(s);
    else if (what < 20)
        settle_and_look(s);
    else
        turn(s, (int)sim_draw(&s->random, SIM_LOOPS));
}

/* Between two calls, as a callback of the loop may: of an app that runs there. */
static void finish_between(struct sim *s, struct sim_request *r)
{
    if (s->in_coroutine || !r->has_begun || r->is_closed || r->is_over || r->depth > 0)
        return;
    s->where = s->is_serial || !r->client ? 0 : r->client->loop;
    sim_tell(s, "request %u: between its calls", r->id);
    r->depth++;
    sim_finish_request(r);
    weir_wake(r->env);
    r->depth--;
    s->where = SIM_NO_LOOP;
}

/* Everybody sends and takes all, and whoever waits for something gets it. */
static void give_all(struct sim *s)
{
    for (int i = 0; i < SIM_CLIENTS; i++) {
        sim_client_send(&s->clients[i], SIZE_MAX);
        sim_client_take(&s->clients[i], FAKE_NO_LIMIT);
    }
    for (unsigned i = 0; i < s->requests_n; i++) {
        struct sim_request *r = s->requests[i];
        uint64_t one = 1;

        if (r->is_over || !r->has_begun)
            continue;
        if (r->fd >= 0)
            SIM_CHECK(s, write(r->fd, &one, sizeof one) == sizeof one || errno == EAGAIN);
        if (r->token && !sim_one_in(&s->random, 4))
            sim_resume(s, r->token, r, true);
        else
            finish_between(s, r);
    }
    sim_pool_step(s);
    sim_settle(s);
}

static bool is_any_open(const struct sim *s)
{
    for (unsigned i = 0; i < s->requests_n; i++)
        if (s->requests[i]->has_begun && !s->requests[i]->is_over)
            return true;
    for (int i = 0; i < SIM_CLIENTS; i++)
        if (s->clients[i].is_open && s->clients[i].sent < s->clients[i].script_n &&
            !s->clients[i].transport.is_closed)
            return true;
    return !sim_pool_is_idle();
}

void sim_finish(struct sim *s)
{
    sim_tell(s, "---- all goes to its end");
    settle_and_look(s);
    s->is_draining = true;
    for (int i = 0; i < ROUNDS && (i < 10 || is_any_open(s)); i++) {
        give_all(s);
        sim_advance(s, 5);
    }
    sim_settle(s);
    sim_tell(s, "---- clients leave");
    for (int i = 0; i < SIM_CLIENTS; i++) {
        s->clients[i].is_complete = true;
        sim_client_check(&s->clients[i]);
    }
    for (int i = 0; i < SIM_CLIENTS; i++)
        sim_client_close(&s->clients[i]);
    sim_settle(s);
    for (int i = 0; i < ROUNDS && !sim_pool_is_idle(); i++) {
        sim_pool_step(s);
        sim_settle(s);
    }
    sim_advance(s, 250); /* what loops are still to do */
    sim_settle(s);
    sim_check_quiet(s);
    for (int i = 0; i < SIM_LOOPS; i++)
        SIM_CHECK(s, s->workers[i].conns_n == 0);
    for (unsigned i = 0; i < s->requests_n; i++)
        SIM_CHECK(s, !s->requests[i]->has_begun || s->requests[i]->is_over);
}
