#include "handlers/static.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "app/builtin.h"
#include "handlers/file_cache.h"
#include "handlers/location.h"
#include "http/range.h"

#define INDEX            "index.html"
#define METHODS          "GET, HEAD, OPTIONS"
#define CACHED_FDS_MAX   512
#define CACHED_FDS_SHARE 8 /* an eighth of what the process may have, over all loops */

/* The state of a loop; that of the mount is the absolute path of the folder. */
struct static_loop {
    struct wr_app_loop *loop;
    struct wr_file_cache *cache;
};

/* Never NULL: loop_start has set it, and the app runs on loops alone. */
static struct static_loop *loop_of(weir_environ *env)
{
    struct static_loop *l = weir_loop_state(env);

    if (!l)
        __builtin_unreachable(); /* or compilers warn of it */
    return l;
}

/* weir_get_n() with a key whose length is known. */
static inline __attribute__((always_inline)) struct wr_slice get(weir_environ *env, const char *key)
{
    size_t n;
    const char *value = weir_get_n(env, key, &n);

    return wr_slice(value, n);
}

/* ---- answers without a file ---- */

static int status_of_error(int err)
{
    switch (err) {
    case -ENOENT:
    case -ENOTDIR:
    case -EISDIR:
    case -ELOOP:
    case -EXDEV:
    case -ENAMETOOLONG:
        return 404;
    case -EACCES:
    case -EPERM:
        return 403;
    case -EMFILE:
    case -ENFILE:
    case -ENOMEM:
        return 503;
    default:
        return 500;
    }
}

static weir_body answer_error(weir_environ *env, struct wr_slice path, int err)
{
    int status = status_of_error(err);

    if (status >= 500)
        weir_log(env, WEIR_LOG_ERROR, "%.*s: %s", (int)path.n, path.p, strerrordesc_np(-err));
    return weir_error(env, status);
}

static weir_body answer_options(weir_environ *env, weir_start_response *start_response)
{
    start_response(env, 204, WEIR_HEADERS({"Allow", METHODS}));
    return weir_empty();
}

/* 501: a method that no server knows; 405: one that files do not have (RFC 9110 15.6.2, 15.5.6). */
static weir_body refuse_method(weir_environ *env, weir_start_response *start_response,
                               struct wr_slice method)
{
    int status = wr_method_of(method) == WR_METHOD_OTHER ? 501 : 405;

    start_response(env, status, WEIR_HEADERS({"Allow", METHODS}));
    return weir_error(env, status);
}

/* What this server gives out, it has to take (RFC 9110 2.3): an address that escapes have made longer
 * than its limit leads nowhere. */
static bool is_too_long(weir_environ *env, const struct wr_buf *location)
{
    return location->n > loop_of(env)->loop->worker->site->config.target_bytes_max;
}

/* The folder's own address: the decoded path written anew, never what the client sent, so that a
 * path like //elsewhere cannot become another site's address. */
static weir_body redirect_to_folder(weir_environ *env, weir_start_response *start_response,
                                    struct wr_slice path)
{
    struct wr_slice script = get(env, "SCRIPT_NAME"), query = get(env, "QUERY_STRING");
    size_t uri_n, room = 3 * (script.n + path.n + query.n) + sizeof "/?";
    const char *uri = weir_get_n(env, "REQUEST_URI", &uri_n);
    char *memory = weir_alloc(env, room);
    struct wr_buf location = wr_buf_on(memory, memory ? room : 0);

    wr_location_path(&location, script);
    wr_location_path(&location, path);
    wr_buf_char(&location, '/');
    if (query.n > 0 || (uri && memchr(uri, '?', uri_n))) {
        wr_buf_char(&location, '?');
        wr_location_written(&location, query);
    }
    if (!memory)
        return weir_error(env, 503);
    if (is_too_long(env, &location))
        return weir_error(env, 414);
    start_response(env, 301, NULL);
    weir_header_add(env, "Location", location.p, location.n);
    return weir_error(env, 301);
}

/* ---- answers with a file ---- */

static void release_entry(void *arg)
{
    wr_file_entry_unref(arg);
}

static int64_t wall_s(weir_environ *env)
{
    return wr_loop_wall_s(loop_of(env)->loop->worker->loop);
}

static bool has_conditions(weir_environ *env)
{
    return wr_builtin_has_field(env, WR_FIELD_IF_NONE_MATCH) ||
           wr_builtin_has_field(env, WR_FIELD_IF_MODIFIED_SINCE) ||
           wr_builtin_has_field(env, WR_FIELD_IF_MATCH) ||
           wr_builtin_has_field(env, WR_FIELD_IF_UNMODIFIED_SINCE);
}

static enum wr_cond_result evaluate(weir_environ *env, const struct wr_file_entry *e)
{
    const struct wr_conditions c = {
        .if_match = get(env, "HTTP_IF_MATCH"),
        .if_none_match = get(env, "HTTP_IF_NONE_MATCH"),
        .if_modified_since = get(env, "HTTP_IF_MODIFIED_SINCE"),
        .if_unmodified_since = get(env, "HTTP_IF_UNMODIFIED_SINCE"),
    };

    return wr_cond_evaluate(&c, &wr_file_of(e)->validators, true, wall_s(env));
}

/* What the Range field asks for; it counts with GET only (RFC 9110 14.2), and several parts are
 * answered by the whole. A field that comes twice is joined by a comma. */
static enum wr_range_result find_range(weir_environ *env, const struct wr_file_entry *e,
                                       struct wr_range *part)
{
    struct wr_ranges ranges;
    enum wr_range_result result;
    struct wr_slice if_range;

    if (!wr_builtin_has_field(env, WR_FIELD_RANGE) ||
        !wr_slice_eq(get(env, "REQUEST_METHOD"), WR_SLICE("GET")))
        return WR_RANGE_WHOLE;
    if_range = get(env, "HTTP_IF_RANGE");
    if (if_range.p && !wr_cond_range_applies(if_range, &wr_file_of(e)->validators, wall_s(env)))
        return WR_RANGE_WHOLE;
    result = wr_ranges_parse(get(env, "HTTP_RANGE"), (uint64_t)wr_file_of(e)->info.size, &ranges);
    if (result != WR_RANGE_PARTS)
        return result;
    *part = ranges.v[0];
    return ranges.n == 1 ? WR_RANGE_PARTS : WR_RANGE_WHOLE;
}

/* The fields point into the entry. */
static void add_validators(weir_environ *env, const struct wr_file_entry *e)
{
    const struct wr_file *f = wr_file_of(e);

    if (f->validators.last_modified_s != -1)
        wr_builtin_add(env, WR_SLICE("Last-Modified"), wr_slice(f->last_modified, WR_DATE_LEN));
    wr_builtin_add(env, WR_SLICE("ETag"), f->validators.etag);
}

/* Content-Range: "bytes 0-9/100", or "bytes *" with the size alone (RFC 9110 14.4). */
static void add_content_range(weir_environ *env, const struct wr_range *part, uint64_t size)
{
    char text[80];
    struct wr_buf b = wr_buf_on(text, sizeof text);

    WR_BUF_LITERAL(&b, "bytes ");
    if (part) {
        wr_buf_u64(&b, part->start);
        wr_buf_char(&b, '-');
        wr_buf_u64(&b, part->start + part->length - 1);
    } else {
        wr_buf_char(&b, '*');
    }
    wr_buf_char(&b, '/');
    wr_buf_u64(&b, size);
    weir_header_add(env, "Content-Range", b.p, b.n);
}

/* Takes the entry: it stays until the response is over. */
static weir_body file_body(weir_environ *env, struct wr_file_entry *e, struct wr_range part)
{
    const struct wr_representation *rep = &wr_file_of(e)->identity;

    if (rep->content)
        return weir_owned(rep->content + part.start, part.length, release_entry, e);
    weir_defer(env, release_entry, e);
    return weir_file(env, rep->fd, part.start, part.length, 0);
}

/* An answer that is about the file and does not carry it: 304. */
static weir_body answer_not_modified(weir_environ *env, weir_start_response *start_response,
                                     struct wr_file_entry *e)
{
    start_response(env, 304, NULL);
    add_validators(env, e);
    return file_body(env, e, (struct wr_range){0, 0});
}

static weir_body refuse_range(weir_environ *env, weir_start_response *start_response,
                              struct wr_file_entry *e)
{
    start_response(env, 416, NULL);
    add_content_range(env, NULL, (uint64_t)wr_file_of(e)->info.size);
    wr_file_entry_unref(e);
    return weir_error(env, 416);
}

static weir_body answer_file(weir_environ *env, weir_start_response *start_response,
                             struct wr_file_entry *e)
{
    struct wr_range whole = {0, (uint64_t)wr_file_of(e)->info.size}, part = whole;
    enum wr_range_result range = find_range(env, e, &part);

    if (range == WR_RANGE_UNSATISFIABLE)
        return refuse_range(env, start_response, e);
    start_response(env, range == WR_RANGE_PARTS ? 206 : 200, NULL);
    wr_builtin_add(env, WR_SLICE("Content-Type"), wr_file_of(e)->type);
    add_validators(env, e);
    wr_builtin_add(env, WR_SLICE("Accept-Ranges"), WR_SLICE("bytes"));
    wr_builtin_add(env, WR_SLICE("X-Content-Type-Options"), WR_SLICE("nosniff"));
    if (range == WR_RANGE_PARTS)
        add_content_range(env, &part, whole.length);
    return file_body(env, e, range == WR_RANGE_PARTS ? part : whole);
}

/* Takes the entry. */
static weir_body answer_entry(weir_environ *env, weir_start_response *start_response,
                              struct wr_file_entry *e)
{
    switch (has_conditions(env) ? evaluate(env, e) : WR_COND_PROCEED) {
    case WR_COND_PROCEED:
        return answer_file(env, start_response, e);
    case WR_COND_NOT_MODIFIED:
        return answer_not_modified(env, start_response, e);
    case WR_COND_FAILED:
        break;
    }
    wr_file_entry_unref(e);
    return weir_error(env, 412);
}

/* ---- look-up ---- */

/* Any part that begins with a dot, but for .well-known in first place. */
static bool is_hidden(struct wr_slice path)
{
    bool is_well_known = wr_slice_starts(path, WR_SLICE("/.well-known/")) ||
                         wr_slice_eq(path, WR_SLICE("/.well-known"));

    for (size_t i = is_well_known ? 1 : 0; i + 1 < path.n; i++)
        if (path.p[i] == '/' && path.p[i + 1] == '.')
            return true;
    return false;
}

/* The file's name beneath the root, NUL-terminated as PATH_INFO is; p NULL: no memory. */
static struct wr_slice file_name(weir_environ *env, struct wr_slice path)
{
    struct wr_slice name = wr_slice_from(path, 1);
    char *memory;

    if (path.p[path.n - 1] != '/')
        return name;
    memory = weir_alloc(env, name.n + sizeof INDEX);
    if (!memory)
        return wr_slice(NULL, 0);
    memcpy(memory, name.p, name.n);
    memcpy(memory + name.n, INDEX, sizeof INDEX);
    return wr_slice(memory, name.n + strlen(INDEX));
}

static int find_entry(weir_environ *env, struct wr_slice path, struct wr_file_entry **out)
{
    const struct static_loop *l = loop_of(env);
    const struct wr_loop *loop = l->loop->worker->loop;
    struct wr_file_moment now = {
        .turn = wr_loop_turn(loop), .wall_ns = wr_loop_wall_ns(loop), .may_wait = true};
    struct wr_slice name;

    if (is_hidden(path))
        return -ENOENT;
    name = file_name(env, path);
    return name.p ? wr_file_cache_get(l->cache, name, now, out) : -ENOMEM;
}

static weir_body serve(weir_environ *env, weir_start_response *start_response)
{
    struct wr_slice method = get(env, "REQUEST_METHOD");
    struct wr_slice path = wr_slice_of(weir_get(env, "PATH_INFO"));
    struct wr_file_entry *e = NULL;
    int err;

    if (wr_slice_eq(method, WR_SLICE("OPTIONS")))
        return answer_options(env, start_response);
    if (!wr_slice_eq(method, WR_SLICE("GET")) && !wr_slice_eq(method, WR_SLICE("HEAD")))
        return refuse_method(env, start_response, method);
    if (path.n == 0) /* the folder itself, of a route that is not "/" */
        return redirect_to_folder(env, start_response, path);
    err = find_entry(env, path, &e);
    if (err == 0)
        return answer_entry(env, start_response, e);
    if (err == -EISDIR && path.p[path.n - 1] != '/')
        return redirect_to_folder(env, start_response, path);
    return answer_error(env, path, err);
}

/* ---- life ---- */

static int32_t error_of_folder(int err)
{
    switch (err) {
    case -ENOENT:
        return WEIR_ENOENT;
    case -ENOTDIR:
        return WEIR_ENOTDIR;
    case -EACCES:
    case -EPERM:
        return WEIR_EACCES;
    case -ENOMEM:
        return WEIR_ENOMEM;
    default:
        return WEIR_ESYSTEM;
    }
}

static int32_t load(const weir_host *host, const weir_config *config, void **state)
{
    const char *folder = *state;
    struct wr_root root;
    int err = wr_root_open(&root, folder);

    (void)host;
    if (err == 0) { /* each loop opens it anew, by its path */
        wr_root_close(&root);
        *state = realpath(folder, NULL);
        if (*state)
            return 0;
        err = -errno;
    }
    weir_config_fail(config, "cannot serve %s: %s", folder, strerrordesc_np(-err));
    return error_of_folder(err);
}

static void unload(void *state)
{
    free(state);
}

/* Descriptors that the cache of one loop may keep: connections need the most of them. */
static size_t cached_fds(int loops)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return 0;
    limit.rlim_cur /= (rlim_t)(CACHED_FDS_SHARE * loops);
    return limit.rlim_cur < CACHED_FDS_MAX ? (size_t)limit.rlim_cur : CACHED_FDS_MAX;
}

static int32_t loop_start(const weir_host *host, weir_loop *loop, void *state, void **loop_state)
{
    struct static_loop *l = malloc(sizeof *l);
    struct wr_file_cache_setup setup = {.folder = state};
    int err;

    (void)host;
    if (!l)
        return WEIR_ENOMEM;
    l->loop = wr_app_loop_of(loop);
    setup.fds_max = cached_fds(l->loop->count);
    l->cache = wr_file_cache_new(&setup, &err);
    if (!l->cache) {
        free(l);
        return error_of_folder(err);
    }
    *loop_state = l;
    return 0;
}

static void loop_stop(void *state, void *loop_state)
{
    struct static_loop *l = loop_state;

    (void)state;
    wr_file_cache_free(l->cache);
    free(l);
}

const weir_plugin wr_static_plugin = {
    .magic = WEIR_PLUGIN_MAGIC,
    .abi_major = WEIR_ABI_MAJOR,
    .abi_minor = WEIR_ABI_MINOR,
    .size = sizeof(weir_plugin),
    .name = "static",
    .load = load,
    .unload = unload,
    .loop_start = loop_start,
    .loop_stop = loop_stop,
    .app = serve,
    .runs = WEIR_ON_LOOP,
};
