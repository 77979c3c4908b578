/*
 * reload.c — what is done on every loop while they run: calls, and the switch to another site.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "io/thread.h"
#include "server/server_loop.h"

#define FIXED_FDS   16 /* logs, root, standard descriptors, a few of the host's */
#define FILES_SHARE 8  /* an eighth of all descriptors is left to files */

/* ---- calls ---- */

void wr_server_take_call(struct wr_loop_thread *t)
{
    struct wr_server *s = t->server;
    struct wr_loop_call call;

    pthread_mutex_lock(&s->lock);
    call = t->call;
    t->call.fn = NULL;
    pthread_mutex_unlock(&s->lock);
    if (!call.fn)
        return;
    call.fn(t, call.arg);
    pthread_mutex_lock(&s->lock);
    s->calls_pending--;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

static void on_call(struct wr_task *task)
{
    wr_server_take_call(WR_CONTAINER_OF(task, struct wr_loop_thread, call.task));
}

void wr_server_init_call(struct wr_loop_thread *t)
{
    t->call.task.run = on_call;
}

/* Hands the call to the thread that runs this loop; false: none does. */
static bool post_call(struct wr_loop_thread *t, void (*fn)(struct wr_loop_thread *t, void *arg),
                      void *arg)
{
    struct wr_server *s = t->server;
    bool is_running;

    pthread_mutex_lock(&s->lock);
    is_running = t->is_running;
    if (is_running) {
        t->call.fn = fn;
        t->call.arg = arg;
        s->calls_pending++;
        wr_loop_post(t->worker.loop, &t->call.task);
    }
    pthread_mutex_unlock(&s->lock);
    return is_running;
}

void wr_server_call_each(struct wr_server *s, void (*fn)(struct wr_loop_thread *t, void *arg),
                         void *arg)
{
    pthread_mutex_lock(&s->call_lock);
    for (int i = 0; i < s->loops; i++)
        if (!post_call(&s->threads[i], fn, arg))
            fn(&s->threads[i], arg);
    pthread_mutex_lock(&s->lock);
    while (s->calls_pending > 0)
        pthread_cond_wait(&s->changed, &s->lock);
    pthread_mutex_unlock(&s->lock);
    pthread_mutex_unlock(&s->call_lock);
}

/* ---- starting and ending sites ---- */

struct start {
    struct wr_site *site;
    char *why;
    int err; /* of the loop that failed first, as `why`; under the server's lock */
};

static void start_on_loop(struct wr_loop_thread *t, void *arg)
{
    struct start *start = arg;
    char why[WR_WHY_MAX] = "";
    int err = wr_site_start_loop(start->site, t->worker.index, why);

    if (err == 0)
        return;
    pthread_mutex_lock(&t->server->lock);
    if (start->err == 0) {
        start->err = err;
        snprintf(start->why, WR_WHY_MAX, "%s", why);
    }
    pthread_mutex_unlock(&t->server->lock);
}

static void stop_on_loop(struct wr_loop_thread *t, void *arg)
{
    wr_site_stop_loop(arg, t->worker.index);
}

static void stop_site(struct wr_server *s, struct wr_site *site)
{
    wr_site_stop(site);
    wr_server_call_each(s, stop_on_loop, site);
}

int wr_server_start_site(struct wr_server *s, struct wr_site *site, char *why)
{
    struct wr_worker **workers = calloc((size_t)s->loops, sizeof(struct wr_worker *));
    struct start start = {site, why, workers ? 0 : -ENOMEM};

    if (!workers)
        snprintf(why, WR_WHY_MAX, "out of memory");
    for (int i = 0; i < s->loops && workers; i++)
        workers[i] = &s->threads[i].worker;
    if (workers)
        start.err = wr_site_prepare(site, workers, s->loops, why);
    free(workers);
    if (start.err == 0)
        wr_server_call_each(s, start_on_loop, &start);
    if (start.err == 0)
        start.err = wr_site_start(site, why);
    if (start.err < 0)
        stop_site(s, site);
    return start.err;
}

void wr_server_end_site(struct wr_server *s, struct wr_site *site)
{
    stop_site(s, site);
    wr_site_fini(site);
}

/* ---- retired sites ---- */

/* One that no worker has any more, taken out of the list; NULL: there is none. Under lock. */
static struct wr_site *take_idle(struct wr_server *s)
{
    for (struct wr_site **at = &s->retired; *at; at = &(*at)->next) {
        struct wr_site *site = *at;

        if (atomic_load(&site->leases) == 0) {
            *at = site->next;
            return site;
        }
    }
    return NULL;
}

void wr_server_end_idle_sites(struct wr_server *s)
{
    struct wr_site *site;

    do {
        pthread_mutex_lock(&s->lock);
        site = take_idle(s);
        pthread_mutex_unlock(&s->lock);
        if (site)
            wr_server_end_site(s, site);
    } while (site);
}

static void *retire(void *arg)
{
    struct wr_server *s = arg;
    bool is_ending = false;

    while (!is_ending) {
        struct wr_site *site;

        pthread_mutex_lock(&s->lock);
        while (!(site = take_idle(s)) && !s->is_ending)
            pthread_cond_wait(&s->changed, &s->lock);
        is_ending = !site;
        pthread_mutex_unlock(&s->lock);
        if (site)
            wr_server_end_site(s, site);
    }
    return NULL;
}

static void note_idle(struct wr_server *s)
{
    pthread_mutex_lock(&s->lock);
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

void wr_server_note_idle_site(struct wr_worker *w, struct wr_site *site)
{
    (void)site;
    note_idle(WR_CONTAINER_OF(w, struct wr_loop_thread, worker)->server);
}

void wr_server_join_retirer(struct wr_server *s)
{
    if (!s->has_retirer)
        return;
    pthread_mutex_lock(&s->lock);
    s->is_ending = true;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    pthread_join(s->retirer, NULL);
    s->has_retirer = false;
}

/* A host that steps the server has no threads of ours: there it is done between two steps. */
static int start_retirer(struct wr_server *s)
{
    int err;

    if (s->has_retirer || s->is_stepping)
        return 0;
    err = wr_thread_start(&s->retirer, "weir-retire", retire, s);
    s->has_retirer = err == 0;
    return err;
}

static void replace_site(struct wr_server *s, struct wr_site *site)
{
    pthread_mutex_lock(&s->lock);
    s->site->next = s->retired;
    s->retired = s->site;
    s->site = site;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

/* ---- the switch ---- */

struct change {
    struct wr_listenings before, after;
    struct wr_lease **leases; /* of the new site: one a loop; taken */
};

static bool has_listening(const struct wr_listenings *all, const struct wr_listening *l)
{
    for (size_t i = 0; i < all->n; i++)
        if (all->v[i] == l)
            return true;
    return false;
}

static void switch_loop(struct wr_loop_thread *t, void *arg)
{
    const struct change *c = arg;
    int index = t->worker.index;

    for (size_t i = 0; i < c->before.n; i++)
        if (!has_listening(&c->after, c->before.v[i]))
            wr_accept_end_of(t, c->before.v[i]);
    wr_worker_switch(&t->worker, c->leases[index]);
    if (t->err < 0)
        wr_accept_refuse(t, &c->after);
    else if (!t->is_stopping)
        wr_accept_more(t, &c->after);
}

static void free_leases(struct wr_lease **leases, int n)
{
    for (int i = 0; leases && i < n; i++)
        free(leases[i]);
    free(leases);
}

static struct wr_lease **make_leases(struct wr_site *site, int n)
{
    struct wr_lease **leases = calloc((size_t)n, sizeof(struct wr_lease *));

    for (int i = 0; leases && i < n; i++) {
        leases[i] = wr_lease_new(site);
        if (!leases[i]) {
            free_leases(leases, n);
            return NULL;
        }
    }
    return leases;
}

static bool copy(const struct wr_listenings *from, struct wr_listenings *to)
{
    to->v = calloc(from->n + 1, sizeof(struct wr_listening *));
    if (!to->v)
        return false;
    if (from->n > 0)
        memcpy(to->v, from->v, from->n * sizeof(struct wr_listening *));
    to->n = from->n;
    return true;
}

static void commit(struct wr_server *s, struct wr_site *site, struct change *c)
{
    struct wr_masked_pipe masked;

    pthread_mutex_lock(&s->lock);
    c->before = s->listenings;
    s->listenings = c->after;
    for (size_t i = 0; i < c->before.n; i++) /* as a stop does: before they close */
        if (!has_listening(&c->after, c->before.v[i]))
            wr_listening_remove_path(c->before.v[i]);
    pthread_mutex_unlock(&s->lock);
    wr_server_bound_conns(s, &site->config);
    wr_mask_pipe(&masked); /* while stepping, who is taken in is served on this thread */
    wr_server_call_each(s, switch_loop, c);
    wr_unmask_pipe(&masked);
    replace_site(s, site);
    if (s->is_stepping) /* if nobody has it any more there may be no step for long */
        wr_server_end_idle_sites(s);
    free(c->before.v);
    free(c->leases); /* what they point to is the workers' */
}

int wr_server_reload(struct wr_server *s, struct wr_site *site,
                     const struct wr_listenings *listenings, char *why)
{
    struct change c = {.leases = make_leases(site, s->loops)};
    int err = c.leases && copy(listenings, &c.after) ? start_retirer(s) : -ENOMEM;

    if (err < 0)
        snprintf(why, WR_WHY_MAX, "cannot reload: %s", strerrordesc_np(-err));
    else
        err = wr_server_start_site(s, site, why);
    if (err == 0) {
        commit(s, site, &c);
        return 0;
    }
    free_leases(c.leases, s->loops);
    free(c.after.v);
    wr_site_fini(site);
    return err;
}

/* Pins the site as a worker does: a sink of the host may do what takes our locks. */
void wr_server_log(struct wr_server *s, enum wr_log_level level, const char *fmt, ...)
{
    struct wr_site *site;
    va_list ap;

    pthread_mutex_lock(&s->lock);
    site = s->site;
    atomic_fetch_add(&site->leases, 1);
    pthread_mutex_unlock(&s->lock);
    va_start(ap, fmt);
    wr_logv(&site->log, level, fmt, ap);
    va_end(ap);
    if (atomic_fetch_sub(&site->leases, 1) == 1)
        note_idle(s);
}

int wr_server_loops(const struct wr_server *s)
{
    return s->loops;
}

/* ---- descriptors ---- */

/* Of those that the process may have, what listeners, loops, files and the host leave. */
static long conns_by_descriptors(const struct wr_server *s)
{
    struct rlimit limit;
    long all, others = FIXED_FDS + (long)s->loops * (2 + (long)s->listenings.n);

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur > INT_MAX)
        return INT_MAX;
    all = (long)limit.rlim_cur;
    others += all / FILES_SHARE;
    return all > others ? all - others : 1;
}

void wr_server_bound_conns(struct wr_server *s, const struct wr_config *config)
{
    long max = conns_by_descriptors(s);

    if (config->connections_max > 0 && config->connections_max < max)
        max = (long)config->connections_max;
    atomic_store(&s->conns_max, max);
}
