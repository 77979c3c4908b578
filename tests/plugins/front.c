/*
 * front.c — what a test of a proxy needs from the server behind it.
 *
 * POST: reads all of the content before it answers with the number of bytes and their FNV-1a hash.
 * GET:  a piece for each byte that comes from the FIFO that is configured as "gate"; '.' ends it. So
 *       the test says when the next piece is sent, and sees whether the one before has arrived.
 */
#define _POSIX_C_SOURCE 200809L

#include <weir/app.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

struct front {
    int gate;
};

static int32_t load(const weir_host *host, const weir_config *config, void **state)
{
    const char *path = weir_config_string(config, "gate", "");
    struct front *f = malloc(sizeof *f);

    (void)host;
    if (!f)
        return weir_config_fail(config, "out of memory");
    f->gate = open(path, O_RDWR | O_CLOEXEC); /* of a FIFO, to write too: that does not wait */
    if (f->gate < 0) {
        free(f);
        return weir_config_fail(config, "%s: %s", path, strerror(errno));
    }
    *state = f;
    return 0;
}

static void unload(void *state)
{
    struct front *f = state;

    close(f->gate);
    free(f);
}

static int32_t next(weir_environ *env, void *arg, weir_chunk *chunk)
{
    struct front *f = weir_state(env);
    char *piece = arg;
    ssize_t n;

    do
        n = read(f->gate, piece, 1);
    while (n < 0 && errno == EINTR);
    if (n != 1)
        return WEIR_FAIL;
    if (*piece == '.')
        return WEIR_END;
    chunk->data = piece;
    chunk->size = 1;
    return WEIR_CHUNK;
}

static weir_body count(weir_environ *env, weir_start_response *start_response)
{
    static const size_t size = 65536;
    unsigned char *buf = weir_alloc(env, size);
    uint64_t total = 0, hash = 14695981039346656037u;
    int64_t n;

    if (!buf)
        return weir_error(env, 503);
    while ((n = weir_read(env, buf, size)) > 0) {
        for (int64_t i = 0; i < n; i++)
            hash = (hash ^ buf[i]) * 1099511628211u;
        total += (uint64_t)n;
    }
    if (n < 0)
        return weir_error(env, 400);
    start_response(env, 200, WEIR_HEADERS({"Content-Type", "text/plain"}));
    return weir_printf(env, "%" PRIu64 " %016" PRIx64 "\n", total, hash);
}

static weir_body front(weir_environ *env, weir_start_response *start_response)
{
    const char *method = weir_get(env, "REQUEST_METHOD");
    char *piece;

    if (method && strcmp(method, "POST") == 0)
        return count(env, start_response);
    piece = weir_alloc(env, 1);
    if (!piece)
        return weir_error(env, 503);
    start_response(env, 200, WEIR_HEADERS({"Content-Type", "text/event-stream"}));
    return weir_iterable(next, NULL, piece);
}

WEIR_PLUGIN(.name = "front", .app = front, .load = load, .unload = unload);
