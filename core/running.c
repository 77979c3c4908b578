/*
 * running.c — the public functions that bind, start, run and stop a server.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "weir.h"

static void begin(struct weir_server *s)
{
    wr_errors_free(&s->errors);
    s->errors = (struct wr_errors){0};
}

static int32_t fail(struct weir_server *s, int32_t error, const char *what)
{
    begin(s);
    wr_errors_add(&s->errors, what);
    return error;
}

/* An error of the system, and what failed. */
static int32_t fail_by(struct weir_server *s, int err, const char *what)
{
    char why[WR_WHY_MAX];

    snprintf(why, sizeof why, "%s: %s", what, strerrordesc_np(-err));
    return fail(s, wr_public_error(err), why);
}

/* ---- starting ---- */

static int usable_processors(void)
{
    cpu_set_t set;

    if (sched_getaffinity(0, sizeof set, &set) < 0)
        return 1;
    return CPU_COUNT(&set);
}

static int32_t bind_all(struct weir_server *s, int loops)
{
    struct wr_listenings made;
    int32_t error;

    if (s->listenings.n > 0 &&
        s->loops < loops) /* bound for fewer, and something else said since */
        wr_bindings_close(s);
    if (s->listenings.n == 0)
        s->loops = loops;
    error = wr_bindings_make(s, &made);
    if (error == 0)
        wr_bindings_take(s, &made);
    return error;
}

static int wanted_loops(const struct weir_server *s)
{
    int64_t loops = wr_options_root(s->options)->loops;

    return loops > 0 ? (int)loops : usable_processors();
}

int32_t weir_server_bind(weir_server *s)
{
    if (s->state != WR_WEIR_IDLE)
        return fail(s, WEIR_ESTATE, "the server has been started already");
    begin(s);
    return bind_all(s, wanted_loops(s));
}

/* Something to serve is asked for before anything is opened. */
static bool has_anything(const struct weir_server *s)
{
    const struct wr_root_options *o = wr_options_root(s->options);

    return s->folder || s->mounts_n > 0 || o->routes.n > 0 || o->hosts.n > 0;
}

/* What holds until the next reload that succeeds, whatever is configured before it. */
static void note_times(struct weir_server *s)
{
    atomic_store(&s->stop_ms, wr_options_root(s->options)->timeouts.stop_ms);
}

/* To tell a reload that would change it. Without memory it is told once too often. */
static void note_user(struct weir_server *s)
{
    const char *user = wr_options_root(s->options)->user;

    free(s->started_user);
    s->started_user = user ? strdup(user) : NULL;
}

static int32_t make_running(struct weir_server *s, int loops)
{
    bool was_bound = s->listenings.n > 0;
    struct wr_server_setup setup = {
        .clock = &wr_clock_system, .loops = loops, .version = WEIR_VERSION};
    char why[WR_WHY_MAX];
    int32_t error = 0;
    int err;

    if (s->state != WR_WEIR_IDLE)
        return fail(s, WEIR_ESTATE, "the server has been started already");
    begin(s);
    if (!has_anything(s))
        return wr_generation_empty(s);
    error = bind_all(s, loops);
    setup.site = error == 0 ? wr_generation_new(s, false, &error) : NULL;
    if (setup.site) {
        struct wr_server *running;

        setup.listenings = s->listenings;
        running = wr_server_new(&setup, why, &err);
        if (!running) {
            wr_errors_add(&s->errors, why);
            error = wr_public_error(err);
        }
        pthread_mutex_lock(&s->lock);
        s->running = running;
        pthread_mutex_unlock(&s->lock);
        note_user(s);
        if (running)
            note_times(s);
    }
    if (error < 0 && !was_bound)
        wr_bindings_close(s);
    return error;
}

void wr_weir_let_go(struct weir_server *s)
{
    struct wr_server *running;

    pthread_mutex_lock(&s->control);
    pthread_mutex_lock(&s->lock);
    running = s->running;
    s->running = NULL;
    while (s->logging_n > 0)
        pthread_cond_wait(&s->has_logged, &s->lock);
    pthread_mutex_unlock(&s->lock);
    if (running)
        wr_server_free(running);
    wr_bindings_close(s);
    free(s->started_user);
    s->started_user = NULL;
    atomic_store(&s->stop_ms, -1);
    s->state = WR_WEIR_IDLE;
    pthread_mutex_unlock(&s->control);
}

/* After a failed start all is closed, also what was bound before, and it may be tried again. */
static int32_t abandon_start(struct weir_server *s, int err)
{
    wr_weir_let_go(s);
    return fail_by(s, err, "cannot start");
}

int32_t weir_server_start(weir_server *s)
{
    int32_t error = make_running(s, wanted_loops(s));
    int err;

    if (error < 0)
        return error;
    s->state = WR_WEIR_THREADS;
    err = wr_server_start(s->running);
    return err < 0 ? abandon_start(s, err) : 0;
}

int32_t weir_server_start_stepping(weir_server *s)
{
    int32_t error = make_running(s, 1);
    int err;

    if (error < 0)
        return error;
    s->state = WR_WEIR_STEPPING;
    err = wr_server_start_stepping(s->running);
    return err < 0 ? abandon_start(s, err) : 0;
}

/* Plugins may take long to load: a stop that comes meanwhile is kept for when there is what to stop. */
static void await_early_stop(struct weir_server *s)
{
    pthread_mutex_lock(&s->lock);
    s->is_beginning = !s->running;
    s->early_stop_ms = -1;
    pthread_mutex_unlock(&s->lock);
}

static void do_early_stop(struct weir_server *s)
{
    pthread_mutex_lock(&s->lock);
    s->is_beginning = false;
    if (s->running && s->early_stop_ms >= 0)
        wr_server_stop(s->running, s->early_stop_ms);
    s->early_stop_ms = -1;
    pthread_mutex_unlock(&s->lock);
}

int32_t weir_server_run(weir_server *s)
{
    int32_t error;
    int err = 0;

    await_early_stop(s);
    pthread_mutex_lock(&s->control); /* a reload begins when the loops can hear of it */
    error = make_running(s, wanted_loops(s));
    do_early_stop(s);
    if (error == 0) {
        s->state = WR_WEIR_THREADS;
        err = wr_server_start_others(s->running);
    }
    pthread_mutex_unlock(&s->control);
    if (error < 0)
        return error;
    if (err == 0)
        err = wr_server_run(s->running);
    wr_weir_let_go(s);
    return err < 0 ? fail_by(s, err, "cannot serve") : 0; /* a thread, or later a loop */
}

int32_t weir_serve(uint16_t port, const char *documents_root)
{
    weir_server *s = weir_server_new();
    char address[sizeof ":65535"];
    int32_t error = s ? 0 : WEIR_ENOMEM;

    snprintf(address, sizeof address, ":%u", (unsigned)port);
    if (error == 0)
        error = weir_server_set_log_fd(s, WEIR_LOG_WARN, STDERR_FILENO);
    if (error == 0)
        error = weir_server_set_folder(s, documents_root);
    if (error == 0)
        error = weir_server_listen(s, address);
    if (error == 0)
        error = weir_server_run(s);
    if (error < 0 && s)
        dprintf(STDERR_FILENO, "weir: %s\n", weir_server_error(s));
    weir_server_free(s);
    return error;
}

const char *weir_server_address(const weir_server *s, uint32_t i)
{
    struct weir_server *own = (struct weir_server *)(uintptr_t)s; /* for its lock. NOLINT */
    const char *text;

    pthread_mutex_lock(&own->lock);
    text = i < s->listenings.n ? s->listenings.v[i]->text : NULL;
    pthread_mutex_unlock(&own->lock);
    return text;
}

/* ---- reloading ---- */

static bool is_same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

/* Sockets that stay get the permissions that new ones have. */
static void update_modes(struct weir_server *s)
{
    int64_t unix_mode = wr_options_root(s->options)->unix_mode;

    for (size_t i = 0; i < s->listenings.n; i++) {
        struct wr_listening *l = s->listenings.v[i];
        int err = wr_listening_set_mode(l, unix_mode > 0 ? (unsigned)unix_mode : 0);
        char text[WR_ADDRESS_TEXT_MAX];

        if (err == -ENOTSUP)
            wr_server_log(s->running, WR_LOG_WARN, "unix_mode: %04o of %s until a restart",
                          l->wanted.unix_mode, wr_address_format(&l->address, text));
        else if (err < 0)
            wr_server_log(s->running, WR_LOG_WARN,
                          "unix_mode: cannot change that of %s, which stays as it is: %s",
                          wr_address_format(&l->address, text), strerrordesc_np(-err));
    }
}

/* What a reload does not change is said, so that nobody waits for it. */
static void log_reload(const struct weir_server *s)
{
    const struct wr_root_options *o = wr_options_root(s->options);
    int loops = wr_server_loops(s->running);

    if (s->state != WR_WEIR_STEPPING && o->loops > 0 && o->loops != loops)
        wr_server_log(s->running, WR_LOG_WARN, "loops: %d until a restart, not %lld", loops,
                      (long long)o->loops);
    if (!is_same_text(o->user, s->started_user))
        wr_server_log(s->running, WR_LOG_WARN, "user: %s until a restart",
                      s->started_user ? s->started_user : "null");
    wr_server_log(s->running, WR_LOG_INFO, "reloaded");
}

/* Addresses have gone wrong: what else would, so that all of it can be mended at once. */
static void tell_the_rest(struct weir_server *s)
{
    int32_t unused;
    struct wr_site *site = wr_generation_new(s, true, &unused);

    if (site)
        wr_site_fini(site);
}

static int32_t reload(struct weir_server *s)
{
    struct wr_listenings after;
    struct wr_site *site;
    char why[WR_WHY_MAX];
    int32_t error = wr_bindings_make(s, &after);
    int err;

    if (error < 0) {
        tell_the_rest(s);
        return error;
    }
    site = wr_generation_new(s, false, &error);
    if (site) {
        err = wr_server_reload(s->running, site, &after, why);
        if (err < 0) {
            wr_errors_add(&s->errors, why);
            error = wr_public_error(err);
        }
    }
    if (error < 0) {
        wr_bindings_drop(s, &after);
        return error;
    }
    wr_bindings_take(s, &after);
    note_times(s);
    update_modes(s);
    log_reload(s);
    return 0;
}

int32_t weir_server_reload(weir_server *s)
{
    int32_t error;

    pthread_mutex_lock(&s->control);
    begin(s);
    if (!s->running)
        error = fail(s, WEIR_ESTATE, "the server does not run");
    else if (wr_server_is_stopping(s->running)) /* nobody would be taken in at a new address */
        error = fail(s, WEIR_ESTATE, "the server is stopping");
    else
        error = reload(s);
    pthread_mutex_unlock(&s->control);
    return error;
}

/* While one is written the server is not freed, nor the log of the calls; without a lock, since a
 * sink of the host may stop the server. */
static struct wr_server *begin_log(struct weir_server *s, struct wr_log_call *log)
{
    struct wr_server *running;

    pthread_mutex_lock(&s->lock);
    running = s->running;
    *log = wr_log_call_copy(s, &s->log);
    s->logging_n++;
    pthread_mutex_unlock(&s->lock);
    return running;
}

static void end_log(struct weir_server *s, const struct wr_log_call *log)
{
    wr_outlet_unref(&s->outlets, log->outlet);
    pthread_mutex_lock(&s->lock);
    if (--s->logging_n == 0)
        pthread_cond_broadcast(&s->has_logged);
    pthread_mutex_unlock(&s->lock);
}

void weir_server_log(weir_server *s, int32_t level, const char *line)
{
    struct wr_server *running;
    struct wr_log_call log;

    if (level < WEIR_LOG_ERROR || level > WEIR_LOG_DEBUG)
        level = level < WEIR_LOG_ERROR ? WEIR_LOG_ERROR : WEIR_LOG_DEBUG;
    running = begin_log(s, &log);
    if (running)
        wr_server_log(running, (enum wr_log_level)level, "%s", line);
    else
        wr_log_call_write(&log, (enum wr_log_level)level, line);
    end_log(s, &log);
}

int32_t weir_server_adopt(weir_server *s, int fd)
{
    int err = -ESHUTDOWN;

    pthread_mutex_lock(&s->lock);
    if (s->running)
        err = wr_server_adopt(s->running, fd);
    else
        close(fd);
    pthread_mutex_unlock(&s->lock);
    return wr_public_error(err);
}

/* ---- metrics ---- */

char *weir_server_metrics(weir_server *s)
{
    struct wr_metrics_total total = {.version = WEIR_VERSION};

    pthread_mutex_lock(&s->lock);
    if (s->running)
        wr_server_count(s->running, &total);
    pthread_mutex_unlock(&s->lock);
    return wr_metrics_text(&total);
}

/* ---- stopping ---- */

void weir_server_stop(weir_server *s, uint32_t drain_ms)
{
    pthread_mutex_lock(&s->lock);
    if (s->running)
        wr_server_stop(s->running, drain_ms);
    else if (s->is_beginning && (s->early_stop_ms < 0 || drain_ms < s->early_stop_ms))
        s->early_stop_ms = drain_ms;
    pthread_mutex_unlock(&s->lock);
}

int32_t weir_server_wait(weir_server *s)
{
    int32_t error;
    int err = 0;

    if (s->state == WR_WEIR_IDLE)
        return fail(s, WEIR_ESTATE, "the server does not run");
    if (s->state == WR_WEIR_STEPPING && !wr_server_is_stopped(s->running))
        return fail(s, WEIR_ESTATE, "the server has no threads to wait for: step it");
    if (s->state == WR_WEIR_THREADS)
        err = wr_server_wait(s->running);
    wr_weir_let_go(s);
    if (err == 0)
        return 0;
    pthread_mutex_lock(&s->control);
    error = fail_by(s, err, "an event loop failed");
    pthread_mutex_unlock(&s->control);
    return error;
}

/* ---- stepping ---- */

static bool is_stepping(const struct weir_server *s)
{
    return s->state == WR_WEIR_STEPPING;
}

int weir_server_fd(weir_server *s)
{
    return is_stepping(s) ? wr_server_fd(s->running) : -1;
}

int32_t weir_server_timeout(weir_server *s)
{
    return is_stepping(s) ? wr_server_timeout(s->running) : -1;
}

int32_t weir_server_step(weir_server *s, int32_t timeout_ms)
{
    int n;

    if (!is_stepping(s))
        return fail(s, WEIR_ESTATE, "the server was not started for stepping");
    n = wr_server_step(s->running, timeout_ms);
    return n < 0 ? fail(s, wr_public_error(n), strerrordesc_np(-n)) : n;
}

int32_t weir_server_is_stopped(weir_server *s)
{
    return is_stepping(s) && wr_server_is_stopped(s->running);
}
