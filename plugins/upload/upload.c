/*
 * upload.c — files by PUT: what is sent to /upload/NAME is the file NAME of a folder.
 *
 * It runs on the loop, and any number of uploads go on at once: weir_read_file() writes the content to
 * the disk, in 64 KiB of memory and in a thread of the server's, and calls back. The content goes to a
 * file of another name first; that of NAME is the whole of an upload, or what it was before.
 */
#define _POSIX_C_SOURCE 200809L /* openat and its kin */

#include <weir/app.h>

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#define MAX_BYTES_ABSENT 16777216
#define NAME_SIZE        128

struct folder {
    int fd;
    int64_t max_bytes;
    atomic_ulong count; /* several loops take uploads at once */
};

struct upload {
    struct folder *folder;
    weir_start_response *start_response;
    int fd;       /* below 0: it is closed */
    int is_there; /* the temporary file */
    char temporary[64];
    char name[NAME_SIZE];
};

static int32_t load(const weir_host *host, const weir_config *config, void **state)
{
    const char *path = weir_config_string(config, "folder", "");
    struct folder *f = calloc(1, sizeof *f);

    (void)host;
    if (!f)
        return weir_config_fail(config, "out of memory");
    atomic_init(&f->count, 0);
    f->max_bytes = weir_config_int(config, "max_bytes", MAX_BYTES_ABSENT);
    f->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (f->fd < 0) {
        free(f);
        return weir_config_fail(config, "cannot open the folder %s: %s", path, strerror(errno));
    }
    *state = f;
    return 0;
}

static void unload(void *state)
{
    struct folder *f = state;

    close(f->fd);
    free(f);
}

/* Letters, digits, '.', '_' and '-', no dot in front: no other folder, no hidden file, nothing that a
 * Location would have to escape. */
static int is_name(const char *name)
{
    size_t n = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");

    return n > 0 && n < NAME_SIZE && name[n] == '\0' && name[0] != '.';
}

/* After the response, in every ending. */
static void clean_up(void *arg)
{
    struct upload *u = arg;

    if (u->fd >= 0)
        close(u->fd);
    if (u->is_there)
        unlinkat(u->folder->fd, u->temporary, 0);
    u->fd = -1;
    u->is_there = 0;
}

/* Gives the file its name. 201: it is new; 204: it takes the place of another; or an error. */
static int32_t publish(struct upload *u)
{
    int fd = u->fd, dir = u->folder->fd;

    u->fd = -1;
    if (close(fd) < 0)
        return 500;
    if (linkat(dir, u->temporary, dir, u->name, 0) == 0)
        return 201; /* and clean_up takes the other name away */
    if (errno != EEXIST || renameat(dir, u->temporary, dir, u->name) < 0)
        return 500;
    u->is_there = 0;
    return 204;
}

static weir_body answer(weir_environ *env, struct upload *u)
{
    int32_t status = publish(u);
    const char *route;
    char where[1024];

    if (status == 500) {
        weir_log(env, WEIR_LOG_ERROR, "cannot store %s: %s", u->name, strerror(errno));
        return weir_error(env, 500);
    }
    if (status == 204) {
        u->start_response(env, 204, NULL);
        return weir_empty();
    }
    route = weir_get(env, "SCRIPT_NAME");
    if (!route)
        return weir_error(env, 503);
    snprintf(where, sizeof where, "%s/%s", route, u->name);
    u->start_response(env, 201, WEIR_HEADERS({"Location", where}, {"Content-Type", "text/plain"}));
    return weir_text("stored\n");
}

/* A client that is gone gets it too, and nobody sees it. */
static weir_body refusal(weir_environ *env, int64_t err)
{
    switch (err) {
    case WEIR_ETOOBIG:
        return weir_error(env, 413);
    case WEIR_EBADMSG:
        return weir_error(env, 400);
    case WEIR_ETIMEDOUT:
        return weir_error(env, 408);
    case WEIR_ENOMEM:
        return weir_error(env, 503);
    default:
        return weir_error(env, 500);
    }
}

static void received(weir_environ *env, void *arg, int64_t n)
{
    weir_finish(env, n < 0 ? refusal(env, n) : answer(env, arg));
}

/* Opens a file that no other upload has: of another route to this folder, of the server before a reload, or
 * left behind by one that was killed, under the same process number. */
static int32_t begin(weir_environ *env, struct upload *u)
{
    do {
        unsigned long number = atomic_fetch_add(&u->folder->count, 1);

        snprintf(u->temporary, sizeof u->temporary, ".upload-%ld-%lu", (long)getpid(), number);
        u->fd = openat(u->folder->fd, u->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    } while (u->fd < 0 && errno == EEXIST);
    if (u->fd < 0) {
        weir_log(env, WEIR_LOG_ERROR, "cannot make %s: %s", u->temporary, strerror(errno));
        return WEIR_ESYSTEM;
    }
    u->is_there = 1;
    weir_defer(env, clean_up, u);
    return u->fd < 0 ? WEIR_ENOMEM : 0; /* what could not be deferred was done at once */
}

static weir_body store(weir_environ *env, weir_start_response *start_response, const char *name)
{
    struct folder *folder = weir_state(env);
    uint64_t max = (uint64_t)folder->max_bytes;
    struct upload *u = weir_alloc(env, sizeof *u);
    int32_t err;

    if (!u)
        return weir_error(env, 503);
    *u = (struct upload){.folder = folder, .start_response = start_response, .fd = -1};
    memcpy(u->name, name, strlen(name) + 1);

    /* At once, so that a client which asks first does not send what is too large. */
    err = weir_body_limit(env, max);
    if (err == 0)
        err = begin(env, u);
    if (err == 0)
        err = weir_read_file(env, u->fd, max, received, u);
    return err == 0 ? weir_later(env) : refusal(env, err);
}

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    const char *method = weir_get(env, "REQUEST_METHOD");
    const char *path = weir_get(env, "PATH_INFO");

    if (!method || !path)
        return weir_error(env, 503);
    if (strcmp(method, "PUT") != 0) {
        start_response(env, 405, WEIR_HEADERS({"Allow", "PUT"}));
        return weir_error(env, 405);
    }
    if (path[0] != '/' || !is_name(path + 1)) {
        start_response(env, 400, WEIR_HEADERS({"Content-Type", "text/plain"}));
        return weir_text("a name has letters, digits, '.', '_' and '-'\n");
    }
    return store(env, start_response, path + 1);
}

WEIR_PLUGIN(.name = "upload", .app = app, .runs = WEIR_ON_LOOP, .load = load, .unload = unload,
            .config_schema = "{\"type\": \"object\", \"additionalProperties\": false,"
                             " \"required\": [\"folder\"], \"properties\": {"
                             "\"folder\": {\"type\": \"string\", \"minLength\": 1,"
                             " \"description\": \"where the files are\"},"
                             "\"max_bytes\": {\"type\": \"integer\", \"minimum\": 1,"
                             " \"maximum\": 1099511627776, \"default\": 16777216,"
                             " \"description\": \"the largest file\"}}}");
