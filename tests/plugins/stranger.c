/*
 * stranger.c — what someone expects who has read weir/app.h and nothing else. C11 and C++17.
 *
 * The path says what is asked:
 *   /piece/WHEN?WHAT  weir_chunk_file() of what is not there: as the "first" piece or "behind" another;
 *                     "none" (no descriptor), "closed", "folder", "end" (beyond it) or a path: all of that
 *   /multithread      the value of weir.multithread
 *   /throw/WHERE      C++: an exception in "app", "next", or "written", behind weir_write()
 */
#include <weir/app.h>

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef __cplusplus
#    include <stdexcept>
#    define THROW(text)       throw std::runtime_error(text)
#    define CAST(type, value) static_cast<type>(value)
#else
#    define THROW(text)       abort()
#    define CAST(type, value) ((type)(value))
#endif

#define BEFORE 100000 /* bytes: more than is kept back */

struct pieces {
    int fd, is_behind, is_given;
    uint64_t offset, size;
    char before[BEFORE];
};

static int32_t next_piece(weir_environ *env, void *arg, weir_chunk *chunk)
{
    struct pieces *p = CAST(struct pieces *, arg);

    (void)env;
    if (p->is_behind) {
        p->is_behind = 0;
        chunk->data = p->before;
        chunk->size = BEFORE;
        return WEIR_CHUNK;
    }
    if (p->is_given++)
        return WEIR_END;
    weir_chunk_file(chunk, p->fd, p->offset, p->size);
    return WEIR_CHUNK;
}

static void end_pieces(void *arg)
{
    struct pieces *p = CAST(struct pieces *, arg);

    if (p->fd >= 0)
        close(p->fd);
    free(p);
}

static void open_what(struct pieces *p, const char *what)
{
    struct stat st;

    p->fd = -1;
    p->size = 5;
    if (strcmp(what, "none") == 0)
        return;
    p->fd = open(what[0] == '/'                ? what
                 : strcmp(what, "folder") == 0 ? "/"
                                               : "/proc/self/exe",
                 O_RDONLY | O_CLOEXEC);
    if (p->fd >= 0 && fstat(p->fd, &st) == 0 && (what[0] == '/' || strcmp(what, "end") == 0)) {
        p->size = CAST(uint64_t, st.st_size);
        p->offset = what[0] == '/' ? 0 : 1;
    }
    if (strcmp(what, "closed") == 0) {
        close(p->fd);
        p->fd = INT32_MAX; /* which is never open */
    }
}

static weir_body give_pieces(weir_environ *env, weir_start_response *start_response, int is_behind)
{
    struct pieces *p = CAST(struct pieces *, calloc(1, sizeof *p));
    const char *what = weir_get(env, "QUERY_STRING");

    if (!p || !what) {
        free(p);
        return weir_error(env, 503);
    }
    open_what(p, what);
    p->is_behind = is_behind;
    start_response(env, 200, WEIR_HEADERS({"Content-Type", "application/octet-stream"}));
    return weir_iterable(next_piece, end_pieces, p);
}

static int32_t next_throws(weir_environ *env, void *arg, weir_chunk *chunk)
{
    (void)env;
    (void)arg;
    chunk->size = 0;
    THROW("thrown in next");
}

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    const char *path = weir_get(env, "PATH_INFO");

    if (path && strcmp(path, "/piece/first") == 0)
        return give_pieces(env, start_response, 0);
    if (path && strcmp(path, "/piece/behind") == 0)
        return give_pieces(env, start_response, 1);
    start_response(env, 200, WEIR_HEADERS({"Content-Type", "text/plain"}));
    if (path && strcmp(path, "/throw/next") == 0)
        return weir_iterable(next_throws, NULL, NULL);
    if (path && strcmp(path, "/throw/written") == 0)
        weir_write(env, "written", 7);
    if (path && strncmp(path, "/throw/", 7) == 0)
        THROW("thrown in the app");
    return weir_printf(env, "%s", weir_get(env, "weir.multithread"));
}

WEIR_PLUGIN(.name = "stranger", .app = app);
