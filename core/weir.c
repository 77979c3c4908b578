/*
 * weir.c — the public functions: what is said is noted, and put to work at start and reload.
 */
#include "weir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define LOOPS_MAX      1024
#define THREADS_MAX    1024
#define QUEUE_MAX      1000000
#define COROUTINES_MAX 1000000

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

int32_t wr_public_error(int err)
{
    switch (err) {
    case 0:
        return 0;
    case -EINVAL:
    case -EBADF:
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
    case -ESHUTDOWN:
        return WEIR_ESTATE;
    default:
        return WEIR_ESYSTEM;
    }
}

/* ---- errors ---- */

/* What weir_server_error() is to say begins anew. */
static void forget_errors(struct weir_server *s)
{
    wr_errors_free(&s->errors);
    s->errors = (struct wr_errors){0};
}

__attribute__((format(printf, 3, 4))) static int32_t fail(struct weir_server *s, int32_t error,
                                                          const char *fmt, ...)
{
    char line[WR_WHY_MAX];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    forget_errors(s);
    wr_errors_add(&s->errors, line);
    return error;
}

/* NULL where a text has to be, as of a getenv() that found nothing. */
static int32_t fail_missing(struct weir_server *s, const char *what)
{
    return fail(s, WEIR_EINVAL, "expected %s, found NULL", what);
}

static int32_t fail_memory(struct weir_server *s)
{
    return fail(s, WEIR_ENOMEM, "out of memory");
}

const char *weir_server_error(const weir_server *s)
{
    if (s->errors.text)
        return s->errors.text;
    return s->errors.count > 0 ? "out of memory" : "";
}

/* ---- life ---- */

weir_server *weir_server_new(void)
{
    struct weir_server *s = calloc(1, sizeof *s);

    if (!s)
        return NULL;
    s->options = wr_options_read(NULL, NULL, 0, &s->errors);
    if (!s->options) {
        wr_errors_free(&s->errors);
        free(s);
        return NULL;
    }
    atomic_init(&s->stop_ms, -1);
    wr_images_init(&s->images);
    wr_outlets_init(&s->outlets);
    pthread_mutex_init(&s->control, NULL);
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->has_logged, NULL);
    return s;
}

/* Strings that are ours, or only read. */
static char *text(const char *p)
{
    return (char *)(uintptr_t)p; /* NOLINT(performance-no-int-to-ptr) */
}

static void free_source(struct wr_options_source *source)
{
    free(text(source->label));
    free(text(source->text));
    free(text(source->folder));
    *source = (struct wr_options_source){0};
}

static void free_set(struct wr_options_set *set)
{
    free(text(set->key));
    free(text(set->json));
    free(text(set->folder));
}

static void free_mount(struct wr_mount_call *m)
{
    free(m->route);
    free(m->folder);
    free(m->file);
    free(m->config);
}

void weir_server_free(weir_server *s)
{
    if (!s)
        return;
    wr_weir_let_go(s);
    wr_bindings_forget(s);
    wr_outlet_unref(&s->outlets, s->access_log.outlet); /* its end may still be told in the other */
    wr_outlet_unref(&s->outlets, s->log.outlet);
    wr_outlets_fini(&s->outlets);
    wr_images_fini(&s->images);
    for (int i = 0; i < s->mounts_n; i++)
        free_mount(&s->mounts[i]);
    for (int i = 0; i < s->given_n; i++)
        close(s->given_fds[i]);
    for (size_t i = 0; i < s->sets_n; i++)
        free_set(&s->sets[i]);
    free(s->sets);
    free_source(&s->source);
    wr_options_free(s->options);
    wr_options_free(s->folder_options);
    wr_errors_free(&s->errors);
    pthread_cond_destroy(&s->has_logged);
    pthread_mutex_destroy(&s->lock);
    pthread_mutex_destroy(&s->control);
    free(s->folder);
    free(s);
}

/* ---- what to serve ---- */

int32_t weir_server_set_folder(weir_server *s, const char *folder)
{
    char *copy = folder ? strdup(folder) : NULL;

    if (!folder)
        return fail_missing(s, "a folder");
    if (!copy)
        return fail_memory(s);
    free(s->folder);
    s->folder = copy;
    return 0;
}

int32_t weir_server_set_folder_options(weir_server *s, const char *json)
{
    struct wr_options *options = NULL;

    forget_errors(s);
    if (json) {
        options = wr_options_read_folder("folder options", json, &s->errors);
        if (!options || !wr_folder_check(options, wr_options_root(options)->routes.v, &s->errors)) {
            wr_options_free(options);
            return WEIR_ECONFIG;
        }
    }
    wr_options_free(s->folder_options);
    s->folder_options = options;
    return 0;
}

static char *dup_or_null(const char *text)
{
    return text ? strdup(text) : NULL;
}

/* A copy of `from`, whose texts may be NULL but for the route. */
static int32_t add_mount(struct weir_server *s, const struct wr_mount_call *from)
{
    struct wr_mount_call m = {
        .route = strdup(from->route),
        .folder = dup_or_null(from->folder),
        .file = dup_or_null(from->file),
        .config = dup_or_null(from->config),
        .plugin = from->plugin,
        .state = from->state,
    };
    const char *expected = wr_route_check(from->route);
    int32_t error = 0;

    if (expected)
        error = fail(s, WEIR_EINVAL, "the route %s: expected %s", from->route, expected);
    else if (s->mounts_n == WR_ROUTES_MAX)
        error = fail(s, WEIR_EINVAL, "a server has %d routes by calls at most", WR_ROUTES_MAX);
    else if (!m.route || !m.folder != !from->folder || !m.file != !from->file ||
             !m.config != !from->config)
        error = fail_memory(s);
    if (error < 0)
        free_mount(&m);
    else
        s->mounts[s->mounts_n++] = m;
    return error;
}

int32_t weir_server_mount_folder(weir_server *s, const char *route, const char *folder)
{
    if (!route || !folder)
        return fail_missing(s, route ? "a folder" : "a route");
    return add_mount(s, &(struct wr_mount_call){.route = text(route), .folder = text(folder)});
}

int32_t weir_server_mount_file(weir_server *s, const char *route, const char *file,
                               const char *config)
{
    if (!route || !file)
        return fail_missing(s, route ? "a plugin's file" : "a route");
    return add_mount(s, &(struct wr_mount_call){
                            .route = text(route), .file = text(file), .config = text(config)});
}

int32_t weir_server_mount(weir_server *s, const char *route, const weir_plugin *plugin,
                          const char *config, void *state)
{
    if (!route || !plugin)
        return fail_missing(s, route ? "a plugin" : "a route");
    return add_mount(
        s, &(struct wr_mount_call){
               .route = text(route), .config = text(config), .plugin = plugin, .state = state});
}

int32_t weir_server_unmount(weir_server *s, const char *route)
{
    int at = 0;

    if (!route)
        return fail_missing(s, "a route");
    while (at < s->mounts_n && strcmp(s->mounts[at].route, route) != 0)
        at++;
    if (at == s->mounts_n)
        return fail(s, WEIR_ENOENT, "no call has mounted anything at %s", route);
    free_mount(&s->mounts[at]);
    s->mounts_n--;
    memmove(s->mounts + at, s->mounts + at + 1, (size_t)(s->mounts_n - at) * sizeof s->mounts[0]);
    return 0;
}

static int32_t set_number(struct weir_server *s, const char *key, uint32_t value)
{
    char json[16];

    snprintf(json, sizeof json, "%u", value);
    return weir_server_set(s, key, json);
}

int32_t weir_server_set_threads(weir_server *s, uint32_t threads, uint32_t queue)
{
    int32_t error;

    if (threads > THREADS_MAX)
        return fail(s, WEIR_EINVAL, "a plugin has %d threads at most", THREADS_MAX);
    if (queue > QUEUE_MAX)
        return fail(s, WEIR_EINVAL, "at most %d requests may wait for threads", QUEUE_MAX);
    error = set_number(s, "threads", threads > 0 ? threads : 8);
    return error < 0 ? error : set_number(s, "queue", queue > 0 ? queue : 1024);
}

int32_t weir_server_set_coroutines(weir_server *s, uint32_t coroutines)
{
    if (coroutines > COROUTINES_MAX)
        return fail(s, WEIR_EINVAL, "a plugin has %d coroutines at most", COROUTINES_MAX);
    return set_number(s, "coroutines", coroutines > 0 ? coroutines : 16384);
}

int32_t weir_server_set_loops(weir_server *s, uint32_t loops)
{
    if (loops > LOOPS_MAX)
        return fail(s, WEIR_EINVAL, "a server has %d loops at most", LOOPS_MAX);
    return set_number(s, "loops", loops);
}

/* ---- where ---- */

int32_t weir_server_listen(weir_server *s, const char *address)
{
    struct wr_address parsed;
    const char *why;

    if (!address)
        return fail_missing(s, "an address");
    if (wr_address_parse(address, &parsed, &why) < 0)
        return fail(s, WEIR_EINVAL, "cannot listen on %s: %s", address, why);
    for (int i = 0; i < s->addresses_n; i++)
        if (!wr_address_takes_any_port(&parsed) && wr_address_is_same(&parsed, &s->addresses[i]))
            return fail(s, WEIR_EINVAL, "cannot listen on %s: it is given twice", address);
    if (s->addresses_n == WR_ADDRESSES_MAX)
        return fail(s, WEIR_EINVAL, "a server listens on %d addresses at most", WR_ADDRESSES_MAX);
    s->addresses[s->addresses_n++] = parsed;
    return 0;
}

int32_t weir_server_unlisten(weir_server *s, const char *address)
{
    struct wr_address parsed;
    const char *why;
    int at = 0;

    if (!address)
        return fail_missing(s, "an address");
    if (wr_address_parse(address, &parsed, &why) < 0)
        return fail(s, WEIR_EINVAL, "%s: %s", address, why);
    while (at < s->addresses_n && !wr_address_is_same(&parsed, &s->addresses[at]))
        at++;
    if (at == s->addresses_n)
        return fail(s, WEIR_ENOENT, "no call has added the address %s", address);
    s->addresses_n--;
    memmove(s->addresses + at, s->addresses + at + 1,
            (size_t)(s->addresses_n - at) * sizeof s->addresses[0]);
    return 0;
}

int32_t weir_server_listen_fd(weir_server *s, int fd)
{
    char why[WR_WHY_MAX];
    int err, copy;
    struct wr_listening *trial;

    if (s->given_n == WR_ADDRESSES_MAX)
        return fail(s, WEIR_EINVAL, "a server listens on %d sockets at most", WR_ADDRESSES_MAX);
    trial = wr_listening_adopt(fd, 1, why, &err);
    if (!trial)
        return fail(s, wr_public_error(err), "%s", why);
    wr_listening_free(trial);
    copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (copy < 0)
        return fail(s, WEIR_ESYSTEM, "cannot duplicate descriptor %d: %s", fd,
                    strerrordesc_np(errno));
    s->given_fds[s->given_n++] = copy;
    return 0;
}

/* ---- configuration ---- */

/* Reads `source` and `n` sets, and keeps what comes of it in place of what was. */
static int32_t read_options(struct weir_server *s, const struct wr_options_source *source,
                            const struct wr_options_set *sets, size_t n)
{
    struct wr_options *options;

    forget_errors(s);
    options = wr_options_read(source->text ? source : NULL, sets, n, &s->errors);
    if (!options)
        return WEIR_ECONFIG;
    wr_options_free(s->options);
    s->options = options;
    return 0;
}

/* Takes the source. */
static int32_t use_source(struct weir_server *s, struct wr_options_source *source)
{
    int32_t error = source->label && source->text && source->folder
                        ? read_options(s, source, s->sets, s->sets_n)
                        : fail_memory(s);

    if (error < 0) {
        free_source(source);
        return error;
    }
    free_source(&s->source);
    s->source = *source;
    return 0;
}

/* Where relative paths begin. A folder that has been removed is no reason to refuse a number: who
 * names a path in it hears of it when that is opened. */
static char *current_folder(void)
{
    char *path = realpath(".", NULL);

    return path || errno == ENOMEM ? path : strdup(".");
}

int32_t weir_server_configure(weir_server *s, const char *json, const char *label)
{
    struct wr_options_source source = {0};

    if (!json)
        return fail_missing(s, "a configuration");
    source = (struct wr_options_source){.label = strdup(label ? label : "configuration"),
                                        .text = strdup(json),
                                        .n = strlen(json),
                                        .folder = current_folder()};
    return use_source(s, &source);
}

int32_t weir_server_configure_file(weir_server *s, const char *path)
{
    struct wr_options_source source = {0};
    char *content = NULL, *folder = NULL;
    int err;

    if (!path)
        return fail_missing(s, "the path of a configuration");
    err = wr_config_file_read(path, &content, &source.n, &folder);
    source.label = strdup(path);
    source.text = content;
    source.folder = folder;
    if (err == 0)
        return use_source(s, &source);
    free_source(&source);
    if (err == -EFBIG)
        return fail(s, WEIR_ECONFIG, "%s: it is larger than 16 MiB", path);
    return fail(s, wr_public_error(err), "%s: %s", path, strerrordesc_np(-err));
}

static struct wr_options_set *find_set(struct weir_server *s, const char *key)
{
    for (size_t i = 0; i < s->sets_n; i++)
        if (strcmp(s->sets[i].key, key) == 0)
            return &s->sets[i];
    return NULL;
}

/* Puts a set, which is taken, in its place, once the whole with it can be read. */
static int32_t apply_set(struct weir_server *s, struct wr_options_set *set)
{
    struct wr_options_set *grown = reallocarray(s->sets, s->sets_n + 1, sizeof *grown), *at, before;
    int32_t error;

    if (!grown) {
        free_set(set);
        return fail_memory(s);
    }
    s->sets = grown;
    at = find_set(s, set->key);
    before = at ? *at : (struct wr_options_set){0};
    if (!at)
        at = &s->sets[s->sets_n++];
    *at = *set;
    error = read_options(s, &s->source, s->sets, s->sets_n);
    if (error == 0) {
        free_set(&before);
        return 0;
    }
    free_set(set);
    *at = before;
    s->sets_n -= before.key == NULL;
    return error;
}

int32_t weir_server_set(weir_server *s, const char *key, const char *json)
{
    struct wr_options_set set;

    if (!key || !json)
        return fail_missing(s, key ? "a value in JSON" : "a key");
    set = (struct wr_options_set){strdup(key), strdup(json), current_folder()};
    forget_errors(s);
    if (!set.key || !set.json || !set.folder) {
        free_set(&set);
        return fail_memory(s);
    }
    if (!wr_options_check_set(&set, &s->errors)) {
        free_set(&set);
        return WEIR_ECONFIG;
    }
    return apply_set(s, &set);
}

int32_t weir_server_check(weir_server *s)
{
    struct wr_site *site;
    int32_t error;

    forget_errors(s);
    pthread_mutex_lock(&s->control);
    site = wr_generation_new(s, true, &error);
    if (site) {
        wr_site_fini(site);
        error = wr_bindings_check(s);
    }
    pthread_mutex_unlock(&s->control);
    return error;
}

char *weir_server_describe(weir_server *s, enum weir_describe what)
{
    switch (what) {
    case WEIR_DESCRIBE_DEFAULTS:
        return wr_options_format(NULL);
    case WEIR_DESCRIBE_EFFECTIVE:
        return wr_options_format(s->options);
    case WEIR_DESCRIBE_SCHEMA:
        break;
    }
    return wr_options_schema();
}

const char *weir_server_user(const weir_server *s)
{
    return wr_options_root(s->options)->user;
}

int32_t weir_server_refuse(weir_server *s, const char *key, const char *why)
{
    const char *last;
    const struct wr_json_path *at = wr_options_find(s->options, key, &last);

    if (!at)
        return fail(s, WEIR_EINVAL, "there is no key %s", key);
    wr_options_error(s->options, at, last, &s->errors, "%s", why);
    return WEIR_ECONFIG;
}

uint32_t weir_server_stop_ms(const weir_server *s)
{
    int64_t running = atomic_load(&s->stop_ms);

    return (uint32_t)(running >= 0 ? running : wr_options_root(s->options)->timeouts.stop_ms);
}

/* ---- logs ---- */

/* Takes the place of what was said before; an outlet is taken. */
static int32_t use_log(struct weir_server *s, struct wr_log_call *log,
                       const struct wr_log_call *with)
{
    struct wr_outlet *before = log->outlet;

    pthread_mutex_lock(&s->lock);
    *log = *with;
    pthread_mutex_unlock(&s->lock);
    wr_outlet_unref(&s->outlets, before);
    return 0;
}

static bool is_level(int32_t level)
{
    return level >= WEIR_LOG_ERROR && level <= WEIR_LOG_DEBUG;
}

int32_t weir_server_set_log(weir_server *s, int32_t level, weir_log_fn *write, void *arg)
{
    if (!is_level(level))
        return fail(s, WEIR_EINVAL, "no such log level");
    return use_log(s, &s->log, &(struct wr_log_call){.level = level, .write = write, .arg = arg});
}

int32_t weir_server_set_access_log(weir_server *s, weir_access_log_fn *write, void *arg)
{
    return use_log(s, &s->access_log, &(struct wr_log_call){.write_access = write, .arg = arg});
}

/* -1: to nobody. */
static int32_t use_log_fd(struct weir_server *s, struct wr_log_call *log, int32_t level, int fd)
{
    struct wr_log_call with = {.level = level};
    int err = 0;

    if (fd < -1 || (fd >= 0 && fcntl(fd, F_GETFD) < 0))
        return fail(s, WEIR_EINVAL, "cannot log to descriptor %d: it is not open", fd);
    if (fd >= 0) {
        with.outlet = wr_outlet_on(&s->outlets, fd, &err);
        if (!with.outlet)
            return fail(s, wr_public_error(err), "cannot log to descriptor %d: %s", fd,
                        strerrordesc_np(-err));
    }
    return use_log(s, log, &with);
}

int32_t weir_server_set_log_fd(weir_server *s, int32_t level, int fd)
{
    if (!is_level(level))
        return fail(s, WEIR_EINVAL, "no such log level");
    return use_log_fd(s, &s->log, level, fd);
}

int32_t weir_server_set_access_log_fd(weir_server *s, int fd)
{
    return use_log_fd(s, &s->access_log, 0, fd);
}

int32_t weir_server_reopen_logs(weir_server *s)
{
    forget_errors(s);
    return wr_public_error(wr_outlets_reopen(&s->outlets, &s->errors));
}
