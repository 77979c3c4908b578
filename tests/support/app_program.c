#include "app_program.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "short_memory.h"

#define CALLS_MAX 4000 /* of one request: whoever comes so far turns in circles */

struct app_program *app_program_current;

void app_check_claim(bool claim, const char *what)
{
    if (claim)
        return;
    fprintf(stderr, "Not so: %s\n", what);
    abort();
}

void app_show(const char *fmt, ...)
{
    static atomic_int wanted;
    va_list ap;

    if (atomic_load(&wanted) == 0)
        atomic_store(&wanted, getenv("APP_SHOW") ? 1 : -1); /* NOLINT(concurrency-mt-unsafe) */
    if (atomic_load(&wanted) < 0)
        return;
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
}

void *app_memory(size_t n)
{
    void *memory;

    short_memory_spare(true);
    memory = calloc(1, n);
    short_memory_spare(false);
    APP_CHECK(memory != NULL);
    return memory;
}

/* ---- steps ---- */

/* xorshift64 */
static uint8_t random_byte(struct app_steps *s)
{
    s->seed ^= s->seed << 13;
    s->seed ^= s->seed >> 7;
    s->seed ^= s->seed << 17;
    return (uint8_t)(s->seed >> 24);
}

uint8_t app_byte(struct app_steps *s)
{
    if (s->at == s->n)
        return 0;
    s->at++;
    return s->p ? s->p[s->at - 1] : random_byte(s);
}

bool app_program_is_at_end(const struct app_run *run)
{
    return run->steps->at == run->steps->n;
}

/* ---- calls ---- */

enum app_place app_begin(struct app_run *run, enum app_place place)
{
    enum app_place before = run->place;

    static const char *const names[] = {"app", "next", "callback", "disconnect", "close", ""};

    app_show("run %u: %s\n", run->id, names[place]);
    APP_CHECK(!atomic_load(&run->is_over));
    APP_CHECK(++run->calls < CALLS_MAX);
    APP_CHECK(atomic_fetch_add(&run->depth, 1) == 0 || run->own > 0);
    APP_CHECK(place == IN_CLOSE || !run->is_closing);
    run->place = place;
    return before;
}

void app_end(struct app_run *run, enum app_place before)
{
    atomic_fetch_sub(&run->depth, 1);
    run->place = before;
}

void app_on_input(weir_environ *env, void *arg)
{
    struct app_run *run = arg;
    enum app_place before = app_begin(run, IN_CALLBACK);

    APP_CHECK(env == run->env);
    run->input_due = false;
    app_take_steps(run);
    app_end(run, before);
}

void app_on_writable(weir_environ *env, void *arg)
{
    struct app_run *run = arg;
    enum app_place before = app_begin(run, IN_CALLBACK);

    APP_CHECK(env == run->env);
    run->writable_due = false;
    app_take_steps(run);
    app_end(run, before);
}

void app_on_disconnect(weir_environ *env, void *arg, int32_t why)
{
    struct app_listener *l = arg;
    struct app_run *run = l->run;
    enum app_place before;

    APP_CHECK(!atomic_load(&run->is_over));
    APP_CHECK(why == WEIR_HALF_CLOSED || why == WEIR_GONE);
    APP_CHECK(atomic_fetch_add(why == WEIR_GONE ? &l->gone : &l->half_closed, 1) == 0);
    if (why == WEIR_GONE)
        APP_CHECK(weir_is_gone(env) == 1);
    weir_log(env, WEIR_LOG_DEBUG, "disconnected: %d", (int)why);
    if (run->program->in_threads) /* beside the app: it may do no more */
        return;
    before = app_begin(run, IN_DISCONNECT);
    app_take_steps(run);
    app_end(run, before);
}

/* Is it what the client has sent, from where the app stood? */
static void check_content(struct app_run *run, const char *data, size_t n)
{
    APP_CHECK(n <= run->sent_n - run->received);
    APP_CHECK(n == 0 || memcmp(data, run->sent + run->received, n) == 0);
    run->received += n;
}

static void check_done(struct app_run *run, int64_t n)
{
    APP_CHECK(++run->dones <= run->dones_due);
    APP_CHECK(n >= 0 || (n <= -5000 && n > -5100));
    if (n >= 0)
        APP_CHECK(run->received + (size_t)n == run->sent_n);
    else
        run->is_lost = true;
}

void app_on_all(weir_environ *env, void *arg, const void *data, int64_t n)
{
    struct app_run *run = arg;
    enum app_place before = app_begin(run, IN_CALLBACK);

    APP_CHECK(env == run->env);
    APP_CHECK((data != NULL) == (n >= 0));
    check_done(run, n);
    if (n >= 0)
        check_content(run, data, (size_t)n);
    app_take_steps(run);
    app_end(run, before);
}

static void check_file(struct app_run *run, size_t n)
{
    char *content = app_memory(n + 1);

    APP_CHECK(pread(run->file, content, n + 1, 0) == (ssize_t)n);
    check_content(run, content, n);
    free(content);
}

void app_on_file(weir_environ *env, void *arg, int64_t n)
{
    struct app_run *run = arg;
    enum app_place before = app_begin(run, IN_CALLBACK);

    APP_CHECK(env == run->env);
    check_done(run, n);
    if (n >= 0)
        check_file(run, (size_t)n);
    app_take_steps(run);
    app_end(run, before);
}

void app_on_defer(void *arg)
{
    struct app_defer *d = arg;
    struct app_run *run = d->run;
    enum app_place before;

    d->called++;
    APP_CHECK(d->called == 1);
    if (run->own > 0) /* at once, for want of memory */
        return;
    before = app_begin(run, IN_CLOSE);
    run->is_closing = true;
    if (d->next) /* the first of them is the last that is called */
        app_take_steps(run);
    app_end(run, before);
    if (!d->next)
        atomic_store(&run->is_over, true);
}

void app_program_poke(struct app_run *run)
{
    enum app_place before;

    if (!run->has_returned || run->is_closing || run->program->is_elsewhere)
        return;
    before = app_begin(run, IN_CALLBACK);
    app_take_steps(run);
    app_end(run, before);
}

void app_program_wake(struct app_run *run)
{
    if (!run->has_begun || run->is_closing)
        return;
    run->wake_due = true;
    APP_CHECK(weir_wake(run->env) == 0);
}

/* ---- the app ---- */

static void begin_run(struct app_run *run, weir_environ *env, weir_start_response *start_response)
{
    struct app_defer *first = app_memory(sizeof *first);

    APP_CHECK(!run->has_begun);
    first->run = run;
    run->defers = first;
    run->env = env;
    run->start = start_response;
    run->has_begun = true;
    short_memory_spare(true); /* it says when all is over */
    weir_defer(env, app_on_defer, first);
    short_memory_spare(false);
}

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    struct app_program *p = weir_state(env);
    size_t n;
    const char *path = weir_get_n(env, "REQUEST_URI", &n); /* not copied */
    enum app_place before;
    struct app_run *run;
    weir_body body;

    APP_CHECK(path && n == 2 && path[0] == '/' && path[1] >= '0' && path[1] < '0' + APP_RUNS_MAX);
    run = &p->runs[path[1] - '0'];
    begin_run(run, env, start_response);
    before = app_begin(run, IN_APP);
    app_take_steps(run);
    body = app_make_body(run);
    app_take_body(run, &body, true);
    run->has_returned = true;
    app_end(run, before);
    return body;
}

static int32_t load(const weir_host *host, const weir_config *config, void **state)
{
    (void)host;
    (void)config;
    *state = app_program_current;
    return 0;
}

const weir_plugin app_program_plugin = {.magic = WEIR_PLUGIN_MAGIC,
                                        .abi_major = WEIR_ABI_MAJOR,
                                        .abi_minor = WEIR_ABI_MINOR,
                                        .size = sizeof(weir_plugin),
                                        .name = "program",
                                        .load = load,
                                        .app = app,
                                        .runs = WEIR_ON_LOOP};

/* ---- life ---- */

void app_program_init(struct app_program *p, const uint8_t *data, size_t n)
{
    memset(p, 0, sizeof *p);
    p->short_of = -1;
    p->steps = (struct app_steps){.p = data, .n = n};
    for (unsigned i = 0; i < APP_RUNS_MAX; i++) {
        p->runs[i].program = p;
        p->runs[i].id = i;
        p->runs[i].steps = &p->steps;
        p->runs[i].declared = -1;
        p->runs[i].file = -1;
        for (int l = 0; l < APP_LISTENERS; l++)
            p->runs[i].listeners[l].run = &p->runs[i];
    }
    app_program_current = p;
}

void app_program_seed(struct app_program *p, uint64_t seed, size_t steps)
{
    for (unsigned i = 0; i < APP_RUNS_MAX; i++) {
        struct app_run *run = &p->runs[i];

        run->own_steps = (struct app_steps){.n = steps, .seed = seed * 2654435761U + i + 1};
        run->steps = &run->own_steps;
    }
}

void app_program_set_content(struct app_run *run, size_t n)
{
    char *content = run->program->content[run->id];

    for (size_t i = 0; i < n; i++)
        content[i] = (char)('A' + (run->id + i) % 26);
    run->sent = content;
    run->sent_n = n;
}

static void free_run(struct app_run *run)
{
    while (run->bodies) {
        struct app_body *b = run->bodies;

        run->bodies = b->next;
        free(b);
    }
    while (run->defers) {
        struct app_defer *d = run->defers;

        run->defers = d->next;
        free(d);
    }
    if (run->file >= 0)
        close(run->file);
    free(run->piece);
}

void app_program_fini(struct app_program *p)
{
    for (unsigned i = 0; i < APP_RUNS_MAX; i++)
        free_run(&p->runs[i]);
    app_program_current = NULL;
}
