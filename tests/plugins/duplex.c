/*
 * duplex.c — sends the content back by weir_write() as it comes, whether the client takes it or not. It
 * reads as long as the client sends: what is not taken waits in the server, up to app_queue_bytes.
 *
 * RUNS is where it runs.
 */
#include <weir/app.h>

#define PIECE 16384

struct duplex {
    char piece[PIECE];
    size_t n; /* of it, that are not written */
};

/* Whether it may go on reading; the rest follows when the client has taken some. */
static int write_piece(weir_environ *env, struct duplex *d)
{
    if (d->n > 0 && weir_write(env, d->piece, d->n) == 0)
        d->n = 0;
    return d->n == 0;
}

static void go_on(weir_environ *env, void *arg)
{
    struct duplex *d = arg;
    int64_t n = WEIR_AGAIN;

    while (write_piece(env, d)) {
        n = weir_read(env, d->piece, PIECE);
        if (n <= 0)
            break;
        d->n = (size_t)n;
    }
    if (d->n == 0 && n != WEIR_AGAIN)
        weir_finish(env, n == 0 ? weir_empty() : weir_error(env, 400));
}

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    struct duplex *d = weir_alloc(env, sizeof *d);

    if (!d)
        return weir_error(env, 503);
    d->n = 0;
    start_response(env, 200, WEIR_HEADERS({"Content-Type", "application/octet-stream"}));
#if RUNS == 0
    for (;;) {
        int64_t n = weir_read(env, d->piece, PIECE);

        if (n <= 0 || weir_write(env, d->piece, (size_t)n) < 0)
            return weir_empty();
    }
#endif
    weir_on_input(env, go_on, d);
    weir_on_writable(env, go_on, d);
    return weir_later(env);
}

WEIR_PLUGIN(.name = "duplex", .app = app, .runs = RUNS);
