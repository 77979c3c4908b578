#include "handlers/static.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "handlers/location.h"
#include "handlers/static_request.h"

#define CACHED_FDS_MAX    512
#define CACHED_FDS_SHARE  8 /* an eighth of what the process may have, over all loops */
#define HEAD_USUAL        ((size_t)448)
#define ENCODED_BYTES_MAX ((size_t)64 * 1024 * 1024)

/* Never NULL: loop_start has set it, and the app runs on loops alone. */
static struct wr_static_loop *loop_of(weir_environ *env)
{
    struct wr_static_loop *l = wr_builtin_loop_state(env);

    if (!l)
        __builtin_unreachable(); /* or compilers warn of it */
    return l;
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
    case -EBUSY:
    case -EMFILE:
    case -ENFILE:
    case -ENOMEM:
        return 503;
    default:
        return 500;
    }
}

static weir_body answer_error(struct wr_static_request *r, int err)
{
    int status = status_of_error(err);

    if (status >= 500 && err != -EBUSY) /* which comes and goes with what clients ask for */
        weir_log(r->env, WEIR_LOG_ERROR, "%.*s: %s", (int)r->path.n, r->path.p,
                 strerrordesc_np(-err));
    return wr_static_answer_status(r, status);
}

/* What this server gives out, it has to take (RFC 9110 2.3): an address that escapes have made longer
 * than its limit leads nowhere. */
static bool is_too_long(const struct wr_static_request *r, const struct wr_buf *location)
{
    return location->n > wr_environ_of(r->env)->x->lease->site->config.target_bytes_max;
}

/* The folder's own address: the decoded path written anew, never what the client sent, so that a
 * path like //elsewhere cannot become another site's address. */
static weir_body redirect_to_folder(struct wr_static_request *r)
{
    struct wr_slice script = wr_static_get(r->env, "SCRIPT_NAME");
    struct wr_slice query = wr_static_get(r->env, "QUERY_STRING");
    struct wr_slice uri = wr_static_get(r->env, "REQUEST_URI");
    size_t room = 3 * (script.n + r->path.n + query.n) + sizeof "/?";
    char *memory = weir_alloc(r->env, room);
    struct wr_buf location = wr_buf_on(memory, memory ? room : 0);

    wr_location_path(&location, script);
    wr_location_path(&location, r->path);
    wr_buf_char(&location, '/');
    if (query.n > 0 || (uri.p && memchr(uri.p, '?', uri.n))) {
        wr_buf_char(&location, '?');
        wr_location_written(&location, query);
    }
    if (!memory)
        return weir_error(r->env, 503);
    if (is_too_long(r, &location))
        return wr_static_answer_status(r, 414);
    return wr_static_answer_redirect(r, &location);
}

/* ---- look-up ---- */

static bool is_hidden(const struct wr_static_request *r, struct wr_slice name)
{
    return wr_static_options_hides(&r->loop->folder->options, name);
}

/* What a look-up came to. */
struct found {
    struct wr_file_entry *entry; /* NULL: `err`, which is 0 when `body` is the answer */
    int err;
    weir_body body;
};

/* The file at a name beneath the folder, NUL-terminated. True: it is decided, be it that the request
 * waits or by an error that is not "there is none". */
static bool look_up(struct wr_static_request *r, struct wr_slice name, struct found *f)
{
    struct wr_file_moment now = wr_static_now(r);

    f->err = wr_file_cache_get(r->loop->cache, name, now, &f->entry);
    if (f->err == -EAGAIN) {
        if (wr_static_wait_for_disk(r, name, &f->body)) {
            f->err = 0;
            return true;
        }
        now.may_wait = true;
        f->err = wr_file_cache_get(r->loop->cache, name, now, &f->entry);
    }
    return f->err == 0 || status_of_error(f->err) != 404;
}

/* `a` and `b` joined, NUL-terminated; p NULL: no memory. */
static struct wr_slice join(weir_environ *env, struct wr_slice a, struct wr_slice b)
{
    char *memory = weir_alloc(env, a.n + b.n + 1);

    if (!memory)
        return wr_slice(NULL, 0);
    if (a.n > 0)
        memcpy(memory, a.p, a.n);
    if (b.n > 0)
        memcpy(memory + a.n, b.p, b.n);
    memory[a.n + b.n] = '\0';
    return wr_slice(memory, a.n + b.n);
}

static bool fail_look_up(struct found *f, int err)
{
    f->err = err;
    return true;
}

/* The first of the index names in a folder, whose path ends in '/'. */
static bool find_index(struct wr_static_request *r, struct found *f)
{
    const struct wr_static_texts *index = &r->loop->folder->options.setup.index;
    struct wr_slice folder = wr_slice_from(r->path, 1);

    for (size_t i = 0; i < index->n; i++) {
        struct wr_slice name = join(r->env, folder, wr_slice_of(index->v[i]));

        if (!name.p)
            return fail_look_up(f, -ENOMEM);
        if (look_up(r, name, f))
            return true;
    }
    f->err = -ENOENT; /* also when a folder has such a name: it is no reason for one more slash */
    return false;
}

#define PATH_WORD "{path}"

/* An attempt with the path in its place, beneath the folder; p NULL: no memory. */
static struct wr_slice fill_attempt(const struct wr_static_request *r, const char *attempt)
{
    struct wr_slice path = r->path, head = wr_slice_of(attempt), name;
    const char *word = strstr(attempt, PATH_WORD);

    if (path.p[path.n - 1] == '/')
        path.n--;
    if (word) {
        head.n = (size_t)(word - attempt);
        name = join(r->env, head, path);
        name = name.p ? join(r->env, name, wr_slice_of(word + strlen(PATH_WORD))) : name;
    } else {
        name = join(r->env, head, wr_slice_of(""));
    }
    while (name.n > 0 && name.p[0] == '/')
        name = wr_slice_from(name, 1);
    return name;
}

/* For a folder only what is made of its name: "/404.html" is not meant for one. What is made may be
 * hidden though the path is not: of "/" and "{path}.html" comes ".html". */
static bool find_attempt(struct wr_static_request *r, bool is_folder, struct found *f)
{
    const struct wr_static_texts *attempts = &r->loop->folder->options.setup.attempts;
    int err = f->err;

    for (size_t i = 0; i < attempts->n; i++) {
        bool has_path = strstr(attempts->v[i], PATH_WORD) != NULL;
        struct wr_slice name;

        if (is_folder && !has_path)
            continue;
        name = fill_attempt(r, attempts->v[i]);
        if (!name.p)
            return fail_look_up(f, -ENOMEM);
        if (!(has_path && is_hidden(r, name)) && look_up(r, name, f))
            return true;
    }
    f->err = err;
    return false;
}

/* A browser that goes to an address, and not one that fetches a part of a page: RFC 9110 has no word
 * for it, but such a request names text/html, and the address is that of no file. */
static bool is_navigation(struct wr_static_request *r)
{
    const char *slash = memrchr(r->path.p, '/', r->path.n);
    size_t at = slash ? (size_t)(slash - r->path.p) : 0;

    if (memchr(r->path.p + at, '.', r->path.n - at))
        return false;
    r->varies_by_accept = true;
    return wr_accept_names(wr_static_get(r->env, "HTTP_ACCEPT"), WR_SLICE("text/html"));
}

static bool find_fallback(struct wr_static_request *r, struct found *f)
{
    const char *fallback = r->loop->folder->options.setup.fallback;
    int err = f->err;

    if (!fallback || !is_navigation(r))
        return false;
    if (look_up(r, wr_slice_of(fallback + strspn(fallback, "/")), f))
        return true;
    f->err = err;
    return false;
}

/* A folder without index. */
static bool find_listing(struct wr_static_request *r, struct found *f)
{
    const struct wr_static_setup *setup = &r->loop->folder->options.setup;

    if (!setup->listing)
        return false;
    f->err = 0;
    if (!wr_static_wait_for_listing(r, wr_slice_from(r->path, 1), &f->body))
        f->body = wr_static_answer_status(r, 503);
    return true;
}

/* What could not be listed is answered as a file that could not be read: when there is no such folder,
 * by the fallback. */
static void find_without_listing(struct wr_static_request *r, struct found *f)
{
    *f = (struct found){.err = r->listing.err};
    if (status_of_error(f->err) == 404)
        (void)find_fallback(r, f);
}

static void find(struct wr_static_request *r, struct found *f)
{
    bool is_folder_path = r->path.p[r->path.n - 1] == '/', is_folder;

    *f = (struct found){.err = -ENOENT};
    if (is_hidden(r, wr_slice_from(r->path, 1)))
        return;
    if (is_folder_path ? find_index(r, f) : look_up(r, wr_slice_from(r->path, 1), f))
        return;
    is_folder = f->err == -EISDIR;
    if (find_attempt(r, is_folder, f) || is_folder)
        return;
    if (is_folder_path && find_listing(r, f))
        return;
    (void)find_fallback(r, f);
}

/* Asked before anything is looked for: neither fields nor time are to tell whether it is there, and
 * nothing is compressed or listed for a 403. */
static bool is_denied(const struct wr_static_request *r)
{
    const struct wr_static_options *o = &r->loop->folder->options;

    return o->has_denials && wr_static_options_denies(o, r->path);
}

weir_body wr_static_answer(struct wr_static_request *r)
{
    struct found f;

    if (is_denied(r))
        return wr_static_answer_status(r, 403);
    if (r->listing.is_made && r->listing.err == 0)
        return wr_static_answer_listing(r);
    if (r->listing.is_made)
        find_without_listing(r, &f);
    else
        find(r, &f);
    if (f.entry)
        return wr_static_answer_file(r, f.entry);
    if (f.err == 0)
        return f.body;
    if (f.err == -EISDIR)
        return redirect_to_folder(r);
    return answer_error(r, f.err);
}

/* noinline: most requests are answered before, and need no room for what one may need that waits. */
static __attribute__((noinline)) weir_body serve_any(weir_environ *env,
                                                     weir_start_response *start_response)
{
    struct wr_slice method = wr_static_get(env, "REQUEST_METHOD");
    struct wr_static_request r = {.env = env,
                                  .start_response = start_response,
                                  .loop = loop_of(env),
                                  .path = wr_slice_of(weir_get(env, "PATH_INFO"))};

    if (wr_slice_eq(method, WR_SLICE("OPTIONS")))
        return wr_static_answer_options(&r);
    /* 501: a method that no server knows; 405: one that files do not have (RFC 9110 15.6.2, 15.5.6) */
    if (!wr_slice_eq(method, WR_SLICE("GET")) && !wr_slice_eq(method, WR_SLICE("HEAD")))
        return wr_static_answer_status(&r, wr_method_of(method) == WR_METHOD_OTHER ? 501 : 405);
    if (r.path.n == 0) /* the folder itself, of a route that is not "/" */
        return redirect_to_folder(&r);
    return wr_static_answer(&r);
}

static weir_body serve(weir_environ *env, weir_start_response *start_response)
{
    struct wr_static_quick q;

    if (!wr_static_find_quickly(env, loop_of(env), &q))
        return serve_any(env, start_response);
    wr_file_entry_ref(q.entry);
    wr_builtin_free_head(env);
    wr_builtin_start(env, q.status, q.block);
    return wr_builtin_content(env, q.content, wr_file_entry_owner(q.entry));
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

static void unload(void *state)
{
    struct wr_static *s = state;

    wr_encodings_free(s->encodings);
    wr_static_options_fini(&s->options);
    free(s);
}

/* One that a build is yet to make is no error, but a wrong name would never be noticed. */
static void try_fallback(const weir_host *host, const struct wr_root *root, const char *fallback)
{
    struct wr_file_info info;
    int fd = wr_root_open_file(root, fallback + strspn(fallback, "/"), &info);

    if (fd >= 0)
        close(fd);
    else
        weir_host_log(host, WEIR_LOG_WARN, "the fallback %s: %s; until it can be read, 404s stay",
                      fallback, strerrordesc_np(-fd));
}

/* The folder is opened anew by each loop; that it can be is told now. */
static int try_folder(const weir_host *host, const struct wr_static_setup *setup)
{
    struct wr_root root;
    int err = wr_root_open(&root, setup->folder);

    if (err < 0)
        return err;
    if (setup->fallback)
        try_fallback(host, &root, setup->fallback);
    wr_root_close(&root);
    return 0;
}

static int32_t load(const weir_host *host, const weir_config *config, void **state)
{
    const struct wr_static_setup *setup = *state;
    struct wr_static *s = calloc(1, sizeof *s);
    int err = s ? try_folder(host, setup) : -ENOMEM;

    if (err == 0)
        err = wr_static_options_init(&s->options, setup);
    if (err == 0) {
        if (setup->compress == WR_STATIC_COMPRESS_ON)
            s->encodings = wr_encodings_new(ENCODED_BYTES_MAX);
        *state = s;
        if (s->encodings || setup->compress != WR_STATIC_COMPRESS_ON)
            return 0;
        unload(s);
        return WEIR_ENOMEM;
    }
    free(s);
    weir_config_fail(config, "cannot serve %s: %s", setup->folder, strerrordesc_np(-err));
    return error_of_folder(err);
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

static struct wr_slice type_of(void *ctx, struct wr_slice path)
{
    return wr_static_options_type(ctx, path);
}

static bool is_open(void *ctx, struct wr_slice path)
{
    return !wr_static_options_hides(ctx, path);
}

static void loop_stop(void *state, void *loop_state)
{
    struct wr_static_loop *l = loop_state;

    (void)state;
    wr_file_cache_free(l->cache);
    wr_file_windows_free(l->windows);
    if (l->chores)
        wr_chores_close(l->chores);
    free(l);
}

/* Bytes of a head in front of content in memory: what most have, and what rules add. */
static size_t room_of_heads(const struct wr_static_options *o)
{
    return HEAD_USUAL + (o->lines_max < WR_STATIC_LINES_MAX ? o->lines_max : WR_STATIC_LINES_MAX);
}

static int32_t loop_start(const weir_host *host, weir_loop *loop, void *state, void **loop_state)
{
    struct wr_static *s = state;
    struct wr_static_loop *l = calloc(1, sizeof *l);
    struct wr_file_cache_setup setup = {
        .folder = s->options.setup.folder,
        .encodings = s->encodings,
        .has_siblings = s->options.setup.compress != WR_STATIC_COMPRESS_OFF,
        .room = room_of_heads(&s->options),
        .type_of = type_of,
        .is_open = is_open,
        .ctx = &s->options,
    };
    int err = -ENOMEM;

    (void)host;
    if (!l)
        return WEIR_ENOMEM;
    l->loop = wr_app_loop_of(loop);
    l->folder = s;
    setup.fds_max = cached_fds(l->loop->count);
    l->chores = wr_chores_new(l->loop->worker->loop);
    l->windows = wr_file_windows_new();
    if (l->chores && l->windows)
        l->cache = wr_file_cache_new(&setup, &err);
    if (l->cache) {
        *loop_state = l;
        return 0;
    }
    loop_stop(state, l);
    return error_of_folder(err);
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
