#include "generation.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

_Static_assert((int)WEIR_LOG_DEBUG == (int)WR_LOG_DEBUG, "levels are passed on as they are");

/* ---- errors ---- */

void wr_making_note(struct wr_making *m, int32_t error, struct wr_json_place place, char *lines)
{
    struct wr_fault *v = m->faults;

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
    v[m->faults_n] = (struct wr_fault){.place = place, .order = m->faults_n, .lines = lines};
    m->faults_n++;
}

void wr_making_fail(struct wr_making *m, int32_t error, const struct wr_json_path *at,
                    const char *key, const char *why)
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
    wr_making_note(m, error, place, one.text);
}

void wr_making_fail_memory(struct wr_making *m)
{
    wr_making_fail(m, WEIR_ENOMEM, NULL, NULL, "out of memory");
}

static int compare_faults(const void *a, const void *b)
{
    const struct wr_fault *x = a, *y = b;

    if (x->place.line != y->place.line)
        return x->place.line < y->place.line ? -1 : 1;
    if (x->place.column != y->place.column)
        return x->place.column < y->place.column ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

/* In the order of the text, which is not that in which things are made. */
static void tell_faults(struct wr_making *m)
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
    const struct wr_generation *g = ctx;

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
    struct wr_generation *g = ctx;

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

static void fail_log(struct wr_making *m, const struct wr_json_path *at, const char *file, int err)
{
    char why[WR_WHY_MAX];

    snprintf(why, sizeof why, "cannot open the log %.800s: %s", file, strerrordesc_np(-err));
    wr_making_fail(m, wr_public_error(err), at, "file", why);
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
static struct wr_outlet *open_outlet(struct wr_making *m, const struct wr_json_path *at,
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

static void try_log(struct wr_making *m, const struct wr_json_path *at, const char *file)
{
    int err = !file || strcmp(file, "-") == 0 || strcmp(file, "off") == 0 ? 0 : try_file(file);

    if (err < 0)
        fail_log(m, at, file, err);
}

static void make_log(struct wr_making *m, bool is_trial)
{
    const struct wr_log_options *o = &m->options->log;
    struct wr_generation *g = m->g;
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

static void make_access_log(struct wr_making *m)
{
    static const enum wr_access_format formats[] = {WR_ACCESS_COMBINED, WR_ACCESS_EXTENDED,
                                                    WR_ACCESS_JSON};
    const struct wr_access_log_options *o = &m->options->access_log;
    struct wr_generation *g = m->g;

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

/* ---- pages ---- */

static void load_pages(struct wr_making *m, const struct wr_pages *pages, struct wr_error_pages *to)
{
    for (size_t i = 0; i < pages->n; i++) {
        char why[WR_WHY_MAX];
        int err = wr_error_pages_add(to, pages->v[i].status, pages->v[i].path, why);

        if (err < 0)
            wr_making_fail(m, wr_public_error(err), pages->v[i].at, NULL, why);
    }
}

/* Each name of a host has its pages, also one without routes. */
static void make_host_pages(struct wr_making *m, const struct wr_host_options *host,
                            struct wr_error_pages *pages)
{
    if (host->error_pages.n == 0)
        return;
    load_pages(m, &host->error_pages, pages);
    for (size_t i = 0; i < host->names.n; i++)
        if (wr_router_set_pages(&m->g->site.router, host->names.v[i], pages) < 0)
            wr_making_fail_memory(m);
}

static void make_pages(struct wr_making *m)
{
    const struct wr_host_list *hosts = &m->options->hosts;
    struct wr_generation *g = m->g;

    load_pages(m, &m->options->error_pages, &g->pages);
    g->site.error_pages = &g->pages;
    if (hosts->n == 0)
        return;
    g->host_pages = calloc(hosts->n, sizeof *g->host_pages);
    if (!g->host_pages) {
        wr_making_fail_memory(m);
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
    c.app_queue_bytes = (uint64_t)o->limits.app_queue_bytes;
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
static char *find_document_root(const struct wr_making *m)
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

static void free_limits(struct wr_generation *g)
{
    while (g->limits) {
        struct wr_route_limits *l = g->limits;

        g->limits = l->next;
        free(l);
    }
}

static void release(struct wr_site *site)
{
    struct wr_generation *g = WR_CONTAINER_OF(site, struct wr_generation, site);

    wr_error_pages_free(&g->pages);
    for (size_t i = 0; i < g->host_pages_n; i++)
        wr_error_pages_free(&g->host_pages[i]);
    free(g->host_pages);
    wr_outlet_unref(&g->server->outlets, g->log.outlet);
    wr_outlet_unref(&g->server->outlets, g->access_log.outlet);
    free_limits(g);
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
    struct wr_making m = {
        .s = s, .g = calloc(1, sizeof *m.g), .options = wr_options_root(s->options)};

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
    wr_routes_make(&m);
    tell_faults(&m);
    if (m.error == 0 && m.g->site.router.n == 0)
        m.error = wr_generation_empty(s);
    *error = m.error;
    if (m.error == 0)
        return &m.g->site;
    wr_site_fini(&m.g->site);
    return NULL;
}
