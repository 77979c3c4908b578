#include "generation.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/mount.h"
#include "handlers/metrics.h"
#include "handlers/redirect.h"

#define HELPER_THREADS 4 /* of each kind, of a site with a folder, at most */

enum { CANCEL_ON_HALF_CLOSE = 1 }; /* the second word of "serve|cancel" */

/* A route that is to be made: of a call, or of the configuration. */
struct wanted {
    const struct wr_json_path *at; /* NULL: of a call */
    const char *key;               /* what it is about there */
    const char *const *routes;     /* texts: one handler for all of them */
    size_t routes_n;
    struct wr_mount_setup setup;
    const struct wr_route_options *limits; /* where those of its own are; NULL: it has none */
    const char *file;                      /* of a plugin; NULL: setup.plugin */
    char pointer[WR_WHY_MAX / 4];          /* of its configuration */
};

static void fail_route(struct wr_making *m, const struct wanted *w, int32_t error, const char *key,
                       const char *why)
{
    wr_making_fail(m, error, w->at, key, why);
}

static int32_t add_to_router(struct wr_making *m, const struct wanted *w, const char *route,
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
static void add_routes(struct wr_making *m, const struct wanted *w, struct wr_handler *handler)
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

static void fail_mount(struct wr_making *m, const struct wanted *w, int32_t error, char *why)
{
    char text[2 * WR_WHY_MAX];

    if (is_builtin(w)) {
        fail_route(m, w, error, w->key, why);
        return;
    }
    if (error == WEIR_ECONFIG && w->at && w->setup.config_origin.line > 0) {
        /* Its lines have their places already. */
        wr_making_note(m, error, w->setup.config_origin, strdup(why));
        return;
    }
    /* What a plugin's load returns means something to the plugin alone. */
    if (error != WEIR_ECONFIG && error != WEIR_ENOMEM)
        error = WEIR_EPLUGIN;
    snprintf(text, sizeof text, "cannot mount %.300s at %.200s: %.500s",
             w->file ? w->file : "a plugin", w->routes[0], why);
    fail_route(m, w, error, w->key, text);
}

/* A handler whose limits are those of the site has none of its own. */
static void set_limits(struct wr_making *m, const struct wr_route_options *o,
                       struct wr_handler *handler)
{
    const struct wr_handler_limits limits = {
        .body_bytes_max = o->body_bytes_max,
        .request_ms = o->request_ms,
        .is_half_closed_gone = o->on_half_close == CANCEL_ON_HALF_CLOSE,
    };
    struct wr_route_limits *own;

    if (limits.body_bytes_max < 0 && limits.request_ms < 0 && !limits.is_half_closed_gone)
        return;
    own = malloc(sizeof *own);
    if (!own) {
        wr_making_fail_memory(m);
        return;
    }
    *own = (struct wr_route_limits){limits, m->g->limits};
    m->g->limits = own;
    handler->limits = &own->limits;
}

static void mount(struct wr_making *m, struct wanted *w)
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
    m->g->site.helper_threads = HELPER_THREADS; /* on demand: for files and weir_read_file() */
    handler = wr_mount_new(&w->setup, why, &error);
    if (!handler) {
        fail_mount(m, w, error, why);
        return;
    }
    if (w->limits)
        set_limits(m, w->limits, handler);
    add_routes(m, w, handler);
}

/* ---- of calls ---- */

static void mount_call(struct wr_making *m, const struct wr_mount_call *call)
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
                  .queue_max = (size_t)m->options->queue,
                  .coroutines = (int)m->options->coroutines},
    };

    snprintf(label, sizeof label, "config of %s", call->route);
    if (call->folder) {
        w.setup.plugin = &wr_static_plugin;
        w.setup.state = &folder;
    }
    mount(m, &w);
}

/* Where no other route answers. */
static void mount_last(struct wr_making *m, struct wr_static_setup *folder)
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
        wr_making_fail(m, error, NULL, NULL, why);
    } else if (wr_router_add_last(&m->g->site.router, handler) < 0) {
        handler->ops->free(handler);
        wr_making_fail_memory(m);
    }
}

static void mount_last_folder(struct wr_making *m)
{
    struct wr_static_setup folder = wr_static_setup_of(m->s->folder);
    const struct wr_options *o = m->s->folder_options;
    struct wr_arena arena;

    wr_arena_init(&arena, SIZE_MAX);
    if (o && wr_folder_setup(&arena, m->s->folder, wr_options_root(o)->routes.v, &folder) < 0)
        wr_making_fail_memory(m);
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

/* The file of a plugin that is named without '/': in the plugin folder, ".so" may be left out.
 * NULL: no memory. */
static char *plugin_file(const struct wr_making *m, const char *name)
{
    const char *folder = m->options->plugin_folder_path;
    size_t n = strlen(name);
    bool has_suffix = n > 3 && strcmp(name + n - 3, ".so") == 0;
    char *text = NULL;

    if (strchr(name, '/'))
        return strdup(name);
    return asprintf(&text, "%s/%s%s", folder, name, has_suffix ? "" : ".so") < 0 ? NULL : text;
}

static void describe_config(const struct wr_making *m, const struct wr_route_options *o,
                            struct wanted *w)
{
    static const enum wr_mount_runs runs[] = {WR_MOUNT_AS_PLUGIN, WR_MOUNT_ON_LOOP,
                                              WR_MOUNT_IN_THREAD, WR_MOUNT_IN_COROUTINE};

    w->setup.config = o->config.text;
    if (o->config.text) {
        wr_json_pointer(o->config.at, w->pointer, sizeof w->pointer);
        w->setup.config_origin = o->config.place;
        w->setup.config_pointer = w->pointer;
    }
    w->setup.runs = runs[o->runs];
    w->setup.lint = o->lint;
    w->setup.threads = (int)(o->threads > 0 ? o->threads : m->options->threads);
    w->setup.queue_max = (size_t)(o->queue > 0 ? o->queue : m->options->queue);
    w->setup.coroutines = (int)(o->coroutines > 0 ? o->coroutines : m->options->coroutines);
    w->setup.stack_bytes = (size_t)o->stack_bytes;
}

static void mount_folder(struct wr_making *m, const struct wr_route_options *o, struct wanted *w)
{
    const struct wr_options *options = m->s->options;
    struct wr_errors errors = {0};
    struct wr_static_setup folder;
    struct wr_arena arena;

    if (!wr_folder_check(options, o, &errors)) {
        wr_making_note(m, WEIR_ECONFIG, wr_options_place(options, o->at, "rules"), errors.text);
        return;
    }
    wr_arena_init(&arena, SIZE_MAX);
    if (wr_folder_setup(&arena, o->static_path, o, &folder) == 0) {
        w->key = "static";
        w->setup.plugin = &wr_static_plugin;
        w->setup.state = &folder;
        mount(m, w);
    } else {
        wr_making_fail_memory(m);
    }
    wr_arena_fini(&arena);
}

/* One handler at each of `routes`. */
static void mount_option(struct wr_making *m, const struct wr_route_options *o,
                         const char *const *routes, size_t n)
{
    struct wr_redirect_target target = {o->redirect, (int)o->status};
    struct wanted w = {.at = o->at,
                       .routes = routes,
                       .routes_n = n,
                       .setup.config_label = wr_options_label(m->s->options),
                       .limits = o};
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
        wr_making_fail_memory(m);
    else
        mount(m, &w);
    free(file);
}

/* `hosts` are the names that it is for; none: its own host, or all. */
static void mount_for(struct wr_making *m, const struct wr_route_options *o,
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
        wr_making_fail_memory(m);
    for (size_t i = 0; i < made; i++)
        free(routes[i]);
    free(routes);
}

static void mount_options(struct wr_making *m)
{
    const struct wr_root_options *o = m->options;

    for (size_t i = 0; i < o->routes.n; i++)
        mount_for(m, &o->routes.v[i], NULL);
    for (size_t i = 0; i < o->hosts.n; i++)
        for (size_t k = 0; k < o->hosts.v[i].routes.n; k++)
            mount_for(m, &o->hosts.v[i].routes.v[k], &o->hosts.v[i].names);
}

void wr_routes_make(struct wr_making *m)
{
    for (int i = 0; i < m->s->mounts_n; i++)
        mount_call(m, &m->s->mounts[i]);
    mount_options(m);
    if (m->s->folder)
        mount_last_folder(m);
}
