#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/mount.h"
#include "handlers/metrics.h"
#include "handlers/redirect.h"
#include "server/error_pages.h"
#include "server/message.h"
#include "weir.h"

#define HELPER_THREADS 4 /* of each kind, of a site with a folder */

_Static_assert((int)WEIR_LOG_DEBUG == (int)WR_LOG_DEBUG, "levels are passed on as they are");

/* One configuration at work: a site, and what it writes to. Made by one thread, then only read. */
struct generation {
    struct wr_site site; /* first */
    struct weir_server *server;
    char *document_root; /* absolute; NULL: none */
    struct wr_error_pages pages;
    struct wr_error_pages *host_pages; /* of each of the configuration's hosts */
    size_t host_pages_n;

    struct wr_log_call log, access_log; /* with references to their outlets */
    enum wr_message_format format;
};

/* What went wrong, with its place for the order in which it is told. */
struct fault {
    struct wr_json_place place;
    size_t order;
    char *lines;
};

/* What making one needs to know. */
struct making {
    struct weir_server *s;
    struct generation *g;
    const struct wr_root_options *options;
    int32_t error; /* of the first that went wrong */
    struct fault *faults;
    size_t faults_n, faults_cap;
};

/* ---- errors ---- */

/* Takes `lines`; NULL: memory has run out, which is then told. */
static void note_fault(struct making *m, int32_t error, struct wr_json_place place, char *lines)
{
    struct fault *v = m->faults;

    if (m->error == 0)
        m->error = error;
    if (m->faults_n == m->faults_cap) {
        m->faults_cap = m->faults_cap * 2 + 16;
        v = reallocarray(v, m->faults_cap, sizeof *v);
    }
    if (!v || !lines) {
        m->faults_cap = v ? m->faults_cap : m->faults_n;
        m->faults = v ? v : m->faults;
        wr_errors_add(&m->s->errors, lines ? lines : "out of memory");
        free(lines);
        return;
    }
    m->faults = v;
    v[m->faults_n] = (struct fault){.place = place, .order = m->faults_n, .lines = lines};
    m->faults_n++;
}

/* At a place of the configuration, or without one (at NULL). */
static void fail(struct making *m, int32_t error, const struct wr_json_path *at, const char *key,
                 const char *why)
{
    const struct wr_options *o = m->s->options;
    struct wr_json_place place = {0, 0};
    struct wr_errors one = {0};

    if (at) {
        wr_options_error(o, at, key, &one, "%s", why);
        place = wr_options_place(o, at, key);
    } else {
        wr_errors_add(&one, why);
    }
    note_fault(m, error, place, one.text);
}

static void fail_memory(struct making *m)
{
    fail(m, WEIR_ENOMEM, NULL, NULL, "out of memory");
}

static int compare_faults(const void *a, const void *b)
{
    const struct fault *x = a, *y = b;

    if (x->place.line != y->place.line)
        return x->place.line < y->place.line ? -1 : 1;
    if (x->place.column != y->place.column)
        return x->place.column < y->place.column ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

/* In the order of the text, which is not that in which things are made. */
static void tell_faults(struct making *m)
{
    if (m->faults_n > 0)
        qsort(m->faults, m->faults_n, sizeof *m->faults, compare_faults);
    for (size_t i = 0; i < m->faults_n; i++) {
        for (char *line = m->faults[i].lines, *next; line; line = next) {
            next = strchr(line, '\n');
            if (next)
                *next++ = '\0';
            wr_errors_add(&m->s->errors, line);
        }
        free(m->faults[i].lines);
    }
    free(m->faults);
}

/* ---- logs ---- */

static int64_t wall_ns(void)
{
    return wr_clock_system.wall_ns(wr_clock_system.ctx);
}

static void put_message(const struct wr_log_call *log, enum wr_message_format format,
                        enum wr_log_level level, const char *line, size_t n)
{
    char text[WR_MESSAGE_MAX];
    struct wr_buf b = wr_buf_on(text, sizeof text);

    if (!log->outlet) {
        log->write(log->arg, (int32_t)level, line, n);
        return;
    }
    wr_message_format(&b, format, level, wall_ns(), line, n);
    wr_log_writer_put(log->outlet->writer, b.p, b.n);
}

static void write_message(void *ctx, enum wr_log_level level, const char *line, size_t n)
{
    const struct generation *g = ctx;

    put_message(&g->log, g->format, level, line, n);
}

static void write_early(void *ctx, enum wr_log_level level, const char *line, size_t n)
{
    put_message(ctx, WR_MESSAGE_PLAIN, level, line, n);
}

void wr_log_call_write(struct wr_log_call *to, enum wr_log_level level, const char *line)
{
    const struct wr_log log = {write_early, to, (enum wr_log_level)to->level};

    if (to->outlet || to->write)
        wr_log(&log, level, "%s", line);
}

static void write_access(void *ctx, const char *line, size_t n)
{
    struct generation *g = ctx;

    if (g->access_log.outlet)
        wr_log_writer_put(g->access_log.outlet->writer, line, n);
    else
        g->access_log.write_access(g->access_log.arg, line, n);
}

static void report_text(void *ctx, struct wr_buf *b, const char *text, size_t n)
{
    (void)ctx;
    wr_message_format(b, WR_MESSAGE_TEXT, WR_LOG_WARN, wall_ns(), text, n);
}

static void report_json(void *ctx, struct wr_buf *b, const char *text, size_t n)
{
    (void)ctx;
    wr_message_format(b, WR_MESSAGE_JSON, WR_LOG_WARN, wall_ns(), text, n);
}

/* A line of the writer's own is in the format of those around it. */
static void set_report(struct wr_outlet *o, enum wr_message_format format)
{
    wr_log_report_fn *report = format == WR_MESSAGE_TEXT   ? report_text
                               : format == WR_MESSAGE_JSON ? report_json
                                                           : NULL;

    if (o)
        wr_log_writer_set_report(o->writer, report, NULL);
}

static void fail_log(struct making *m, const struct wr_json_path *at, const char *file, int err)
{
    char why[WR_WHY_MAX];

    snprintf(why, sizeof why, "cannot open the log %.800s: %s", file, strerrordesc_np(-err));
    fail(m, wr_public_error(err), at, "file", why);
}

struct wr_log_call wr_log_call_copy(struct weir_server *s, const struct wr_log_call *from)
{
    if (from->outlet)
        wr_outlet_ref(&s->outlets, from->outlet);
    return *from;
}

/* A log that cannot be written is told where calls have said that messages go: the program's
 * standard error. It is the one that is there as long as any other. */
static void on_alarm(void *ctx, const char *path, int err)
{
    struct weir_server *s = ctx;
    struct wr_log_call log;
    char line[WR_WHY_MAX];

    pthread_mutex_lock(&s->lock);
    log = wr_log_call_copy(s, &s->log);
    pthread_mutex_unlock(&s->lock);
    snprintf(line, sizeof line, "cannot write the log%s%.800s: %s; lines are lost",
             path ? " " : " of requests", path ? path : "", strerrordesc_np(-err));
    wr_log_call_write(&log, WR_LOG_ERROR, line);
    wr_outlet_unref(&s->outlets, log.outlet);
}

/* Of all but the one in which it would be told. */
static void set_alarm(struct weir_server *s, struct wr_outlet *o)
{
    if (o && o != s->log.outlet)
        wr_log_writer_set_alarm(o->writer, on_alarm, s);
}

/* The outlet of a key's file, "-" being a standard descriptor; NULL, with an error added. */
static struct wr_outlet *open_outlet(struct making *m, const struct wr_json_path *at,
                                     const char *file, int standard)
{
    struct wr_outlets *outlets = &m->s->outlets;
    int err = 0;
    struct wr_outlet *o = strcmp(file, "-") == 0 ? wr_outlet_on(outlets, standard, &err)
                                                 : wr_outlet_open(outlets, file, &err);

    if (!o)
        fail_log(m, at, file, err);
    return o;
}

static void use_outlet(struct weir_server *s, struct wr_log_call *log, struct wr_outlet *o)
{
    wr_outlet_unref(&s->outlets, log->outlet);
    log->outlet = o;
}

/* Whether a file could be opened to append, as far as that can be told without making it; who may
 * write it depends on the user that the server becomes. */
static int try_file(const char *file)
{
    const char *slash = strrchr(file, '/');
    struct stat st;
    char *folder;
    int err = 0;

    if (stat(file, &st) == 0)
        return S_ISDIR(st.st_mode) ? -EISDIR : 0;
    if (errno != ENOENT)
        return errno == EACCES ? 0 : -errno;
    folder = slash ? strndup(file, (size_t)(slash - file) + 1) : strdup(".");
    if (!folder)
        return -ENOMEM;
    if (stat(folder, &st) < 0 && errno != EACCES)
        err = -errno;
    free(folder);
    return err;
}

static void try_log(struct making *m, const struct wr_json_path *at, const char *file)
{
    int err = !file || strcmp(file, "-") == 0 || strcmp(file, "off") == 0 ? 0 : try_file(file);

    if (err < 0)
        fail_log(m, at, file, err);
}

static void make_log(struct making *m, bool is_trial)
{
    const struct wr_log_options *o = &m->options->log;
    struct generation *g = m->g;
    bool is_json = o->format == 1, has_file = o->file && !is_trial;

    g->log = wr_log_call_copy(m->s, &m->s->log);
    g->format = is_json ? WR_MESSAGE_JSON : WR_MESSAGE_PLAIN;
    if (has_file) {
        use_outlet(m->s, &g->log, open_outlet(m, o->at, o->file, STDERR_FILENO));
        if (!is_json && strcmp(o->file, "-") != 0)
            g->format = WR_MESSAGE_TEXT;
    }
    set_report(g->log.outlet, g->format);
    set_alarm(m->s, g->log.outlet);
    if (has_file || wr_options_has(m->s->options, "log.level"))
        g->log.level = o->level;
    if (g->log.outlet || g->log.write)
        g->site.log = (struct wr_log){write_message, g, (enum wr_log_level)g->log.level};
}

static void make_access_log(struct making *m)
{
    static const enum wr_access_format formats[] = {WR_ACCESS_COMBINED, WR_ACCESS_EXTENDED,
                                                    WR_ACCESS_JSON};
    const struct wr_access_log_options *o = &m->options->access_log;
    struct generation *g = m->g;

    if (o->file && strcmp(o->file, "off") == 0)
        return;
    g->access_log = wr_log_call_copy(m->s, &m->s->access_log);
    if (o->file)
        use_outlet(m->s, &g->access_log, open_outlet(m, o->at, o->file, STDOUT_FILENO));
    set_report(g->access_log.outlet,
               formats[o->format] == WR_ACCESS_JSON ? WR_MESSAGE_JSON : WR_MESSAGE_PLAIN);
    set_alarm(m->s, g->access_log.outlet);
    if (g->access_log.outlet || g->access_log.write_access)
        g->site.access_log =
            (struct wr_access_log){.write = write_access, .ctx = g, .format = formats[o->format]};
}

/* ---- routes ---- */

/* A route that is to be made: of a call, or of the configuration. */
struct wanted {
    const struct wr_json_path *at; /* NULL: of a call */
    const char *key;               /* what it is about there */
    const char *const *routes;     /* texts: one handler for all of them */
    size_t routes_n;
    struct wr_mount_setup setup;
    const char *file;             /* of a plugin; NULL: setup.plugin */
    char pointer[WR_WHY_MAX / 4]; /* of its configuration */
};

static void fail_route(struct making *m, const struct wanted *w, int32_t error, const char *key,
                       const char *why)
{
    fail(m, error, w->at, key, why);
}

static int32_t add_to_router(struct making *m, const struct wanted *w, const char *route,
                             struct wr_handler *handler)
{
    const char *expected = NULL;
    char why[WR_WHY_MAX];
    int err = wr_router_add(&m->g->site.router, route, handler, &expected);

    if (err == 0)
        return 0;
    if (err == -EEXIST)
        snprintf(why, sizeof why, "the route %s is given twice", route);
    else
        snprintf(why, sizeof why, "the route %s: %s%s", route, expected ? "expected " : "",
                 expected ? expected : strerrordesc_np(-err));
    fail_route(m, w, err == -ENOMEM ? WEIR_ENOMEM : WEIR_EINVAL, "path", why);
    return WEIR_EINVAL;
}

/* Puts a handler, which is taken, at its routes. */
static void add_routes(struct making *m, const struct wanted *w, struct wr_handler *handler)
{
    bool is_added = false;

    for (size_t i = 0; i < w->routes_n; i++)
        is_added |= add_to_router(m, w, w->routes[i], handler) == 0;
    if (!is_added)
        handler->ops->free(handler);
}

/* A handler of ours says what is wrong in words of its own. */
static bool is_builtin(const struct wanted *w)
{
    const weir_plugin *plugin = w->setup.plugin;

    return plugin == &wr_static_plugin || plugin == &wr_redirect_plugin ||
           plugin == &wr_metrics_plugin;
}

static void fail_mount(struct making *m, const struct wanted *w, int32_t error, char *why)
{
    char text[2 * WR_WHY_MAX];

    if (is_builtin(w)) {
        fail_route(m, w, error, w->key, why);
        return;
    }
    if (error == WEIR_ECONFIG && w->at && w->setup.config_origin.line > 0) {
        /* Its lines have their places already. */
        note_fault(m, error, w->setup.config_origin, strdup(why));
        return;
    }
    /* What a plugin's load returns means something to the plugin alone. */
    if (error != WEIR_ECONFIG && error != WEIR_ENOMEM)
        error = WEIR_EPLUGIN;
    snprintf(text, sizeof text, "cannot mount %.300s at %.200s: %.500s",
             w->file ? w->file : "a plugin", w->routes[0], why);
    fail_route(m, w, error, w->key, text);
}

static void mount(struct making *m, struct wanted *w)
{
    char why[WR_WHY_MAX];
    struct wr_handler *handler;
    int32_t error = 0;

    w->setup.route = w->routes[0];
    w->setup.document_root = m->g->document_root;
    w->setup.log = &m->g->site.log;
    if (w->file) {
        w->setup.image = wr_image_open(&m->s->images, w->file, why, &error);
        if (!w->setup.image) {
            fail_route(m, w, error, w->key, why);
            return;
        }
        w->setup.plugin = wr_image_plugin(w->setup.image);
    }
    if (w->setup.plugin == &wr_static_plugin)
        m->g->site.helper_threads = HELPER_THREADS;
    handler = wr_mount_new(&w->setup, why, &error);
    if (handler)
        add_routes(m, w, handler);
    else
        fail_mount(m, w, error, why);
}

/* ---- of calls ---- */

static void mount_call(struct making *m, const struct wr_mount_call *call)
{
    const char *const routes[] = {call->route};
    struct wr_static_setup folder = wr_static_setup_of(call->folder);
    char label[WR_WHY_MAX / 4];
    struct wanted w = {
        .routes = routes,
        .routes_n = 1,
        .file = call->file,
        .setup = {.plugin = call->plugin,
                  .config = call->config,
                  .config_label = label,
                  .state = call->state,
                  .threads = (int)m->options->threads,
                  .queue_max = (size_t)m->options->queue},
    };

    snprintf(label, sizeof label, "config of %s", call->route);
    if (call->folder) {
        w.setup.plugin = &wr_static_plugin;
        w.setup.state = &folder;
    }
    mount(m, &w);
}

/* Where no other route answers. */
static void mount_last(struct making *m, struct wr_static_setup *folder)
{
    struct wr_mount_setup setup = {
        .plugin = &wr_static_plugin,
        .route = "/",
        .config_label = "folder",
        .document_root = m->g->document_root,
        .state = folder,
        .log = &m->g->site.log,
    };
    char why[WR_WHY_MAX];
    int32_t error = 0;
    struct wr_handler *handler = wr_mount_new(&setup, why, &error);

    m->g->site.helper_threads = HELPER_THREADS;
    if (!handler) {
        fail(m, error, NULL, NULL, why);
    } else if (wr_router_add_last(&m->g->site.router, handler) < 0) {
        handler->ops->free(handler);
        fail_memory(m);
    }
}

static void mount_last_folder(struct making *m)
{
    struct wr_static_setup folder = wr_static_setup_of(m->s->folder);
    const struct wr_options *o = m->s->folder_options;
    struct wr_arena arena;

    wr_arena_init(&arena, SIZE_MAX);
    if (o && wr_folder_setup(&arena, m->s->folder, wr_options_root(o)->routes.v, &folder) < 0)
        fail_memory(m);
    else
        mount_last(m, &folder);
    wr_arena_fini(&arena);
}

/* ---- of the configuration ---- */

/* "[=][HOST]PATH"; NULL: no memory. */
static char *route_text(const struct wr_route_options *o, const char *host)
{
    char *text = NULL;

    return asprintf(&text, "%s%s%s", o->exact ? "=" : "", host ? host : "", o->path) < 0 ? NULL
                                                                                         : text;
}

/* The file of a plugin that is named without '/': in the plugin folder, ".so" may be left out. NULL:
 * no memory. */
static char *plugin_file(const struct making *m, const char *name)
{
    const char *folder = m->options->plugin_folder_path;
    size_t n = strlen(name);
    bool has_suffix = n > 3 && strcmp(name + n - 3, ".so") == 0;
    char *text = NULL;

    if (strchr(name, '/'))
        return strdup(name);
    return asprintf(&text, "%s/%s%s", folder, name, has_suffix ? "" : ".so") < 0 ? NULL : text;
}

static void describe_config(const struct making *m, const struct wr_route_options *o,
                            struct wanted *w)
{
    static const enum wr_mount_runs runs[] = {WR_MOUNT_AS_PLUGIN, WR_MOUNT_ON_LOOP,
                                              WR_MOUNT_IN_THREAD};

    w->setup.config = o->config.text;
    if (o->config.text) {
        wr_json_pointer(o->config.at, w->pointer, sizeof w->pointer);
        w->setup.config_origin = o->config.place;
        w->setup.config_pointer = w->pointer;
    }
    w->setup.runs = runs[o->runs];
    w->setup.threads = (int)(o->threads > 0 ? o->threads : m->options->threads);
    w->setup.queue_max = (size_t)(o->queue > 0 ? o->queue : m->options->queue);
}

static void mount_folder(struct making *m, const struct wr_route_options *o, struct wanted *w)
{
    const struct wr_options *options = m->s->options;
    struct wr_errors errors = {0};
    struct wr_static_setup folder;
    struct wr_arena arena;

    if (!wr_folder_check(options, o, &errors)) {
        note_fault(m, WEIR_ECONFIG, wr_options_place(options, o->at, "rules"), errors.text);
        return;
    }
    wr_arena_init(&arena, SIZE_MAX);
    if (wr_folder_setup(&arena, o->static_path, o, &folder) == 0) {
        w->key = "static";
        w->setup.plugin = &wr_static_plugin;
        w->setup.state = &folder;
        mount(m, w);
    } else {
        fail_memory(m);
    }
    wr_arena_fini(&arena);
}

/* One handler at each of `routes`. */
static void mount_option(struct making *m, const struct wr_route_options *o,
                         const char *const *routes, size_t n)
{
    struct wr_redirect_target target = {o->redirect, (int)o->status};
    struct wanted w = {.at = o->at,
                       .routes = routes,
                       .routes_n = n,
                       .setup.config_label = wr_options_label(m->s->options)};
    char *file = NULL;

    if (o->static_path) {
        mount_folder(m, o, &w);
        return;
    }
    if (o->plugin && !strchr(o->plugin, '/') && !m->options->plugin_folder_path) {
        fail_route(m, &w, WEIR_ECONFIG, "plugin",
                   "expected a path with a '/', or a name where there is a plugin_folder");
        return;
    }
    if (o->plugin) {
        w.key = "plugin";
        w.file = file = plugin_file(m, o->plugin);
        describe_config(m, o, &w);
    } else if (o->redirect) {
        w.key = "redirect";
        w.setup.plugin = &wr_redirect_plugin;
        w.setup.state = &target;
    } else {
        w.key = "metrics";
        w.setup.plugin = &wr_metrics_plugin;
    }
    if (o->plugin && !file)
        fail_memory(m);
    else
        mount(m, &w);
    free(file);
}

/* `hosts` are the names that it is for; none: its own host, or all. */
static void mount_for(struct making *m, const struct wr_route_options *o,
                      const struct wr_texts *hosts)
{
    size_t n = hosts ? hosts->n : 1, made = 0;
    char **routes = calloc(n, sizeof *routes);

    while (routes && made < n) {
        routes[made] = route_text(o, hosts ? hosts->v[made] : o->host);
        if (!routes[made])
            break;
        made++;
    }
    if (made == n)
        mount_option(m, o, (const char *const *)routes, n);
    else
        fail_memory(m);
    for (size_t i = 0; i < made; i++)
        free(routes[i]);
    free(routes);
}

static void mount_options(struct making *m)
{
    const struct wr_root_options *o = m->options;

    for (size_t i = 0; i < o->routes.n; i++)
        mount_for(m, &o->routes.v[i], NULL);
    for (size_t i = 0; i < o->hosts.n; i++)
        for (size_t k = 0; k < o->hosts.v[i].routes.n; k++)
            mount_for(m, &o->hosts.v[i].routes.v[k], &o->hosts.v[i].names);
}

/* ---- the rest ---- */

static void load_pages(struct making *m, const struct wr_pages *pages, struct wr_error_pages *to)
{
    for (size_t i = 0; i < pages->n; i++) {
        char why[WR_WHY_MAX];
        int err = wr_error_pages_add(to, pages->v[i].status, pages->v[i].path, why);

        if (err < 0)
            fail(m, wr_public_error(err), pages->v[i].at, NULL, why);
    }
}

/* Each name of a host has its pages, also one without routes. */
static void make_host_pages(struct making *m, const struct wr_host_options *host,
                            struct wr_error_pages *pages)
{
    if (host->error_pages.n == 0)
        return;
    load_pages(m, &host->error_pages, pages);
    for (size_t i = 0; i < host->names.n; i++)
        if (wr_router_set_pages(&m->g->site.router, host->names.v[i], pages) < 0)
            fail(m, WEIR_ENOMEM, NULL, NULL, "out of memory");
}

static void make_pages(struct making *m)
{
    const struct wr_host_list *hosts = &m->options->hosts;
    struct generation *g = m->g;

    load_pages(m, &m->options->error_pages, &g->pages);
    g->site.error_pages = &g->pages;
    if (hosts->n == 0)
        return;
    g->host_pages = calloc(hosts->n, sizeof *g->host_pages);
    if (!g->host_pages) {
        fail(m, WEIR_ENOMEM, NULL, NULL, "out of memory");
        return;
    }
    g->host_pages_n = hosts->n;
    for (size_t i = 0; i < hosts->n; i++)
        make_host_pages(m, &hosts->v[i], &g->host_pages[i]);
}

static struct wr_config limits_of(const struct wr_root_options *o)
{
    struct wr_config c = wr_config_default;

    c.head_bytes_max = (uint32_t)o->limits.head_bytes_max;
    c.target_bytes_max = (uint32_t)o->limits.target_bytes_max;
    c.field_bytes_max = (uint32_t)o->limits.field_bytes_max;
    c.fields_max = (uint16_t)o->limits.fields_max;
    c.body_bytes_max = (uint64_t)o->limits.body_bytes_max;
    c.discard_bytes_max = (uint64_t)o->limits.discard_bytes_max;
    c.arena_bytes_max = (uint64_t)o->limits.request_memory_bytes_max;
    c.pipelined_max = (uint32_t)o->limits.pipelined_max;
    c.body_rate_min = o->limits.body_rate_min;
    c.write_rate_min = o->limits.write_rate_min;
    c.connections_max = o->limits.connections_max;
    c.connections_per_address_max = o->limits.connections_per_address_max;
    c.head_ms = o->timeouts.head_ms;
    c.body_idle_ms = o->timeouts.body_idle_ms;
    c.keep_alive_ms = o->timeouts.keep_alive_ms;
    c.write_idle_ms = o->timeouts.write_idle_ms;
    c.request_ms = o->timeouts.request_ms;
    c.linger_ms = o->timeouts.linger_ms;
    return c;
}

/* What DOCUMENT_ROOT says: the folder that answers where no other route does. */
static char *find_document_root(const struct making *m)
{
    const struct wr_root_options *o = m->options;

    if (m->s->folder)
        return realpath(m->s->folder, NULL);
    for (size_t i = 0; i < o->routes.n; i++) {
        const struct wr_route_options *r = &o->routes.v[i];

        if (r->static_path && !r->host && strcmp(r->path, "/") == 0)
            return realpath(r->static_path, NULL);
    }
    return NULL;
}

static void release(struct wr_site *site)
{
    struct generation *g = WR_CONTAINER_OF(site, struct generation, site);

    wr_error_pages_free(&g->pages);
    for (size_t i = 0; i < g->host_pages_n; i++)
        wr_error_pages_free(&g->host_pages[i]);
    free(g->host_pages);
    wr_outlet_unref(&g->server->outlets, g->log.outlet);
    wr_outlet_unref(&g->server->outlets, g->access_log.outlet);
    free(g->document_root);
    free(g);
}

int32_t wr_generation_empty(struct weir_server *s)
{
    const struct wr_json_path *at = wr_options_root(s->options)->at;

    if (wr_options_place(s->options, at, "routes").line > 0)
        wr_options_error(
            s->options, at, "routes", &s->errors,
            "expected at least one route, as in {\"static\": \"./site\"}, found nothing to serve");
    else
        wr_errors_add(&s->errors, "there is nothing to serve: set a folder or mount a plugin");
    return WEIR_ESTATE;
}

struct wr_site *wr_generation_new(struct weir_server *s, bool is_trial, int32_t *error)
{
    struct making m = {.s = s, .g = calloc(1, sizeof *m.g), .options = wr_options_root(s->options)};

    if (!m.g) {
        wr_errors_add(&s->errors, "out of memory");
        *error = WEIR_ENOMEM;
        return NULL;
    }
    m.g->server = s;
    m.g->site.release = release;
    m.g->site.config = limits_of(m.options);
    m.g->document_root = find_document_root(&m);
    make_log(&m, is_trial);
    if (is_trial) {
        try_log(&m, m.options->log.at, m.options->log.file);
        try_log(&m, m.options->access_log.at, m.options->access_log.file);
    } else {
        make_access_log(&m);
    }
    make_pages(&m);
    for (int i = 0; i < s->mounts_n; i++)
        mount_call(&m, &s->mounts[i]);
    mount_options(&m);
    if (s->folder)
        mount_last_folder(&m);
    tell_faults(&m);
    if (m.error == 0 && m.g->site.router.n == 0)
        m.error = wr_generation_empty(s);
    *error = m.error;
    if (m.error == 0)
        return &m.g->site;
    wr_site_fini(&m.g->site);
    return NULL;
}
