/*
 * weir.c — the composition root: the only file that sees every layer, and the public functions.
 */
#include <weir/server.h>

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/image.h"
#include "app/mount.h"
#include "handlers/static.h"
#include "io/log_writer.h"
#include "server/server.h"

#define LOOPS_MAX     1024
#define THREADS_MAX   1024
#define THREADS_USUAL 8
#define QUEUE_USUAL   1024
#define ROUTES_MAX    256

_Static_assert((int)WEIR_LOG_DEBUG == (int)WR_LOG_DEBUG, "levels are passed on as they are");

/* A route as it was asked for; it is made at start. */
struct mount {
    char *route, *file, *config; /* file NULL: the plugin below */
    const weir_plugin *plugin;
    void *state;
};

struct weir_server {
    struct wr_server *running; /* NULL: not started */
    char *folder;
    struct wr_address addresses[WR_SERVER_ADDRESSES_MAX];
    int addresses_n;
    uint32_t loops, threads, queue_max;
    bool is_stepping;

    struct mount mounts[ROUTES_MAX];
    int mounts_n;
    struct wr_images images;
    char *folder_path; /* absolute, for DOCUMENT_ROOT */
    struct wr_log messages;

    weir_log_fn *log;
    void *log_arg;
    enum wr_log_level log_level;
    struct wr_log_writer *log_writer, *access_writer;

    char address_texts[WR_SERVER_ADDRESSES_MAX][WR_ADDRESS_TEXT_MAX]; /* as they are bound */
    char why[WR_WHY_MAX];
};

const char *weir_strerror(int32_t error)
{
    switch (error) {
#define TEXT_OF(name, number, text)                                                                \
    case name:                                                                                     \
        return text;
        WEIR_ERRORS(TEXT_OF)
#undef TEXT_OF
    default:
        return error < 0 ? "unknown error" : "no error";
    }
}

const char *weir_version(void)
{
    return WEIR_VERSION;
}

/* Where -errno becomes an error of the public interface. */
static int32_t public_error(int err)
{
    switch (err) {
    case 0:
        return 0;
    case -EINVAL:
        return WEIR_EINVAL;
    case -ENOMEM:
        return WEIR_ENOMEM;
    case -EADDRINUSE:
        return WEIR_EADDRINUSE;
    case -EACCES:
    case -EPERM:
        return WEIR_EACCES;
    case -ENOENT:
        return WEIR_ENOENT;
    case -ENOTDIR:
        return WEIR_ENOTDIR;
    case -EADDRNOTAVAIL:
        return WEIR_EADDRNOTAVAIL;
    case -ECANCELED:
        return WEIR_EPLUGIN;
    default:
        return WEIR_ESYSTEM;
    }
}

static int32_t fail(struct weir_server *s, int32_t error, const char *what)
{
    if (what)
        snprintf(s->why, sizeof s->why, "%s", what);
    return error;
}

static int32_t refuse_when_running(struct weir_server *s)
{
    return s->running ? fail(s, WEIR_ESTATE, "the server has been started already") : 0;
}

/* ---- before it starts ---- */

weir_server *weir_server_new(void)
{
    struct weir_server *s = calloc(1, sizeof *s);

    if (!s)
        return NULL;
    s->threads = THREADS_USUAL;
    s->queue_max = QUEUE_USUAL;
    wr_images_init(&s->images);
    return s;
}

const char *weir_server_error(const weir_server *s)
{
    return s->why;
}

int32_t weir_server_set_folder(weir_server *s, const char *folder)
{
    int32_t err = refuse_when_running(s);
    char *copy;

    if (err < 0)
        return err;
    copy = strdup(folder);
    if (!copy)
        return fail(s, WEIR_ENOMEM, "out of memory");
    free(s->folder);
    s->folder = copy;
    return 0;
}

static char *dup_or_null(const char *text)
{
    return text ? strdup(text) : NULL;
}

/* `file` and `config` may be NULL. */
static int32_t add_mount(struct weir_server *s, const char *route, const char *file,
                         const char *config, const weir_plugin *plugin, void *state)
{
    struct mount *m = &s->mounts[s->mounts_n];
    int32_t err = refuse_when_running(s);

    if (err < 0)
        return err;
    if (s->mounts_n == ROUTES_MAX)
        return fail(s, WEIR_EINVAL, "a server has 256 routes at most");
    *m = (struct mount){.route = strdup(route),
                        .file = dup_or_null(file),
                        .config = dup_or_null(config),
                        .plugin = plugin,
                        .state = state};
    s->mounts_n++; /* also to be freed when one is missing */
    if (!m->route || (file && !m->file) || (config && !m->config))
        return fail(s, WEIR_ENOMEM, "out of memory");
    return 0;
}

int32_t weir_server_mount_file(weir_server *s, const char *route, const char *file,
                               const char *config)
{
    return add_mount(s, route, file, config, NULL, NULL);
}

int32_t weir_server_mount(weir_server *s, const char *route, const weir_plugin *plugin,
                          const char *config, void *state)
{
    return add_mount(s, route, NULL, config, plugin, state);
}

int32_t weir_server_set_threads(weir_server *s, uint32_t threads, uint32_t queue)
{
    int32_t err = refuse_when_running(s);

    if (err < 0)
        return err;
    if (threads > THREADS_MAX)
        return fail(s, WEIR_EINVAL, "a plugin has 1024 threads at most");
    s->threads = threads > 0 ? threads : THREADS_USUAL;
    s->queue_max = queue > 0 ? queue : QUEUE_USUAL;
    return 0;
}

int32_t weir_server_listen(weir_server *s, const char *address)
{
    int32_t err = refuse_when_running(s);
    struct wr_address parsed;
    const char *why;

    if (err < 0)
        return err;
    if (wr_address_parse(address, &parsed, &why) < 0) {
        snprintf(s->why, sizeof s->why, "cannot listen on %s: %s", address, why);
        return WEIR_EINVAL;
    }
    if (s->addresses_n == WR_SERVER_ADDRESSES_MAX)
        return fail(s, WEIR_EINVAL, "a server listens on 64 addresses at most");
    s->addresses[s->addresses_n++] = parsed;
    return 0;
}

int32_t weir_server_set_loops(weir_server *s, uint32_t loops)
{
    int32_t err = refuse_when_running(s);

    if (err < 0)
        return err;
    if (loops > LOOPS_MAX)
        return fail(s, WEIR_EINVAL, "a server has 1024 loops at most");
    s->loops = loops;
    return 0;
}

int32_t weir_server_set_log(weir_server *s, int32_t level, weir_log_fn *write, void *arg)
{
    int32_t err = refuse_when_running(s);

    if (err < 0)
        return err;
    if (level < WEIR_LOG_ERROR || level > WEIR_LOG_DEBUG)
        return fail(s, WEIR_EINVAL, "no such log level");
    s->log = write;
    s->log_arg = arg;
    s->log_level = (enum wr_log_level)level;
    return 0;
}

static int32_t replace_writer(struct weir_server *s, struct wr_log_writer **writer, int fd)
{
    int err;
    struct wr_log_writer *w = wr_log_writer_new(fd, &err);

    if (!w)
        return fail(s, public_error(err), strerrordesc_np(-err));
    wr_log_writer_free(*writer);
    *writer = w;
    return 0;
}

static void write_message(void *arg, int32_t level, const char *line, size_t n)
{
    static const char *const names[] = {"error", "warning", "info", "debug"};
    struct weir_server *s = arg;
    char text[WR_LOG_LINE_MAX + 32];
    struct wr_buf b = wr_buf_on(text, sizeof text);

    WR_BUF_LITERAL(&b, "weir: ");
    wr_buf_slice_append(&b, wr_slice_of(names[level]));
    WR_BUF_LITERAL(&b, ": ");
    wr_buf_append(&b, line, n);
    wr_log_writer_put(s->log_writer, b.p, b.n);
}

int32_t weir_server_set_log_fd(weir_server *s, int32_t level, int fd)
{
    int32_t err = refuse_when_running(s);

    /* The writer first: messages may come as soon as somebody takes them. */
    if (err == 0)
        err = replace_writer(s, &s->log_writer, fd);
    return err < 0 ? err : weir_server_set_log(s, level, write_message, s);
}

int32_t weir_server_set_access_log_fd(weir_server *s, int fd)
{
    int32_t err = refuse_when_running(s);

    return err < 0 ? err : replace_writer(s, &s->access_writer, fd);
}

/* ---- running ---- */

static void write_log(void *ctx, enum wr_log_level level, const char *line, size_t n)
{
    struct weir_server *s = ctx;

    s->log(s->log_arg, (int32_t)level, line, n);
}

static void write_access(void *ctx, const char *line, size_t n)
{
    struct weir_server *s = ctx;

    wr_log_writer_put(s->access_writer, line, n);
}

static int usable_processors(void)
{
    cpu_set_t set;

    if (sched_getaffinity(0, sizeof set, &set) < 0)
        return 1;
    return CPU_COUNT(&set);
}

/* Puts a handler, which is taken, at its route. */
static int32_t add_route(struct weir_server *s, struct wr_router *router, const char *route,
                         struct wr_handler *handler)
{
    const char *expected = NULL;
    int err = wr_router_add(router, route, handler, &expected);

    if (err == 0)
        return 0;
    handler->ops->free(handler);
    if (err == -EEXIST)
        snprintf(s->why, sizeof s->why, "the route %s is given twice", route);
    else
        snprintf(s->why, sizeof s->why, "the route %s: %s%s", route, expected ? "expected " : "",
                 expected ? expected : strerrordesc_np(-err));
    return err == -ENOMEM ? WEIR_ENOMEM : WEIR_EINVAL;
}

static int32_t add_mounted(struct weir_server *s, struct wr_router *router, const struct mount *m)
{
    char label[WR_WHY_MAX / 4], why[WR_WHY_MAX];
    struct wr_mount_setup setup = {
        .plugin = m->plugin,
        .route = m->route,
        .config = m->config,
        .config_label = label,
        .document_root = s->folder_path,
        .state = m->state,
        .log = &s->messages,
        .threads = (int)s->threads,
        .queue_max = s->queue_max,
    };
    struct wr_handler *handler;
    int32_t error = 0;

    snprintf(label, sizeof label, "config of %s", m->route);
    if (m->file) {
        setup.image = wr_image_open(&s->images, m->file, s->why, &error);
        if (!setup.image)
            return error;
        setup.plugin = wr_image_plugin(setup.image);
    }
    handler = wr_mount_new(&setup, why, &error);
    if (handler)
        return add_route(s, router, m->route, handler);
    snprintf(s->why, sizeof s->why, "cannot mount %.300s at %.200s: %.500s",
             m->file ? m->file : "a plugin", m->route, why);
    /* What a plugin's load returns means something to the plugin alone. */
    return error == WEIR_ECONFIG || error == WEIR_ENOMEM ? error : WEIR_EPLUGIN;
}

static int32_t add_folder(struct weir_server *s, struct wr_router *router)
{
    struct wr_mount_setup setup = {
        .plugin = &wr_static_plugin,
        .route = "/",
        .config_label = "folder",
        .document_root = s->folder_path,
        .state = s->folder,
        .log = &s->messages,
    };
    int32_t error = 0;
    struct wr_handler *handler = wr_mount_new(&setup, s->why, &error);

    if (!handler || wr_router_add_last(router, handler) == 0)
        return error;
    handler->ops->free(handler);
    return fail(s, WEIR_ENOMEM, "out of memory");
}

/* All routes; `router` is empty after a failure. */
static int32_t make_routes(struct weir_server *s, struct wr_router *router)
{
    int32_t error = 0;

    *router = (struct wr_router){0};
    s->messages = s->log ? (struct wr_log){write_log, s, s->log_level} : (struct wr_log){0};
    free(s->folder_path);
    s->folder_path = s->folder ? realpath(s->folder, NULL) : NULL;
    for (int i = 0; i < s->mounts_n && error == 0; i++)
        error = add_mounted(s, router, &s->mounts[i]);
    if (error == 0 && s->folder)
        error = add_folder(s, router);
    if (error < 0)
        wr_router_free(router);
    return error;
}

static int32_t make_running(struct weir_server *s, int loops)
{
    struct wr_server_setup setup = {
        .config = wr_config_default,
        .clock = &wr_clock_system,
        .addresses = s->addresses,
        .addresses_n = s->addresses_n,
        .loops = loops,
    };
    int32_t error = refuse_when_running(s);
    int err;

    if (error == 0 && !s->folder && s->mounts_n == 0)
        error = fail(s, WEIR_ESTATE, "there is nothing to serve: set a folder or mount a plugin");
    if (error == 0 && s->addresses_n == 0)
        error = fail(s, WEIR_ESTATE, "there is nowhere to listen: add an address");
    if (error == 0)
        error = make_routes(s, &setup.router);
    if (error < 0)
        return error;
    setup.log = s->messages;
    if (s->access_writer)
        setup.access_log = (struct wr_access_log){.write = write_access, .ctx = s};
    s->running = wr_server_new(&setup, s->why, &err);
    if (!s->running)
        return public_error(err);
    for (int i = 0; i < s->addresses_n; i++)
        wr_address_format(wr_server_address(s->running, i), s->address_texts[i]);
    return 0;
}

/* After a failed start the server is as before it, so that it may be tried again. */
static int32_t abandon_start(struct weir_server *s, int err)
{
    snprintf(s->why, sizeof s->why, "cannot start: %s", strerrordesc_np(-err));
    wr_server_free(s->running);
    s->running = NULL;
    return public_error(err);
}

int32_t weir_server_start(weir_server *s)
{
    int32_t error = make_running(s, s->loops > 0 ? (int)s->loops : usable_processors());
    int err;

    if (error < 0)
        return error;
    err = wr_server_start(s->running);
    return err < 0 ? abandon_start(s, err) : 0;
}

int32_t weir_server_start_stepping(weir_server *s)
{
    int32_t error = make_running(s, 1);
    int err;

    if (error < 0)
        return error;
    err = wr_server_start_stepping(s->running);
    s->is_stepping = err == 0;
    return err < 0 ? abandon_start(s, err) : 0;
}

const char *weir_server_address(const weir_server *s, uint32_t i)
{
    return s->running && i < (uint32_t)s->addresses_n ? s->address_texts[i] : NULL;
}

void weir_server_stop(weir_server *s, uint32_t drain_ms)
{
    if (s->running)
        wr_server_stop(s->running, drain_ms);
}

int32_t weir_server_wait(weir_server *s)
{
    int err;

    if (!s->running || s->is_stepping)
        return fail(s, WEIR_ESTATE, "the server has no threads to wait for");
    err = wr_server_wait(s->running);
    return err < 0 ? fail(s, public_error(err), "an event loop failed") : 0;
}

void weir_server_free(weir_server *s)
{
    if (!s)
        return;
    if (s->running)
        wr_server_free(s->running);
    wr_log_writer_free(s->log_writer);
    wr_log_writer_free(s->access_writer);
    for (int i = 0; i < s->mounts_n; i++) {
        free(s->mounts[i].route);
        free(s->mounts[i].file);
        free(s->mounts[i].config);
    }
    free(s->folder_path);
    free(s->folder);
    free(s);
}

/* ---- stepping ---- */

int weir_server_fd(weir_server *s)
{
    return s->is_stepping ? wr_server_fd(s->running) : -1;
}

int32_t weir_server_timeout(weir_server *s)
{
    return s->is_stepping ? wr_server_timeout(s->running) : -1;
}

int32_t weir_server_step(weir_server *s, int32_t timeout_ms)
{
    int n;

    if (!s->is_stepping)
        return fail(s, WEIR_ESTATE, "the server was not started for stepping");
    n = wr_server_step(s->running, timeout_ms);
    return n < 0 ? fail(s, public_error(n), strerrordesc_np(-n)) : n;
}

int32_t weir_server_is_stopped(weir_server *s)
{
    return s->is_stepping && wr_server_is_stopped(s->running);
}
