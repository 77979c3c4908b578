/* Apps that keep the rules in a way that a checker might not see: one that returns anything when
 * the client has left; -DDICTATED, an iterable that a timer of the loop writes. And one that
 * does not: -DDEAF, it hears that the client has left, and goes on for ever. */
#include <weir/app.h>

#include <stdlib.h>

#ifdef DICTATED

#    define LINES 3

struct desk {
    weir_environ *env; /* of the only reader */
    int lines;
};

static void dictate(weir_loop *loop, void *arg)
{
    struct desk *d = arg;

    if (d->env && d->lines < LINES) {
        weir_write(d->env, "line\n", 5);
        d->lines++;
        weir_wake(d->env);
    }
    weir_loop_timer(loop, 100, dictate, d);
}

static int32_t next(weir_environ *env, void *arg, weir_chunk *chunk)
{
    const struct desk *d = arg;

    (void)env, (void)chunk;
    return d->lines == LINES ? WEIR_END : WEIR_AGAIN;
}

static void leave(void *arg)
{
    struct desk *d = arg;

    d->env = NULL;
    d->lines = 0;
}

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    struct desk *d = weir_loop_state(env);

    start_response(env, 200, WEIR_HEADERS({"Content-Type", "text/plain"}));
    if (d->env)
        return weir_text("taken\n");
    d->env = env;
    return weir_iterable(next, leave, d);
}

static int32_t loop_start(const weir_host *host, weir_loop *loop, void *state, void **loop_state)
{
    struct desk *d = calloc(1, sizeof *d);

    (void)host, (void)state;
    if (!d)
        return WEIR_ENOMEM;
    *loop_state = d;
    return weir_loop_timer(loop, 100, dictate, d);
}

static void loop_stop(void *state, void *loop_state)
{
    (void)state;
    free(loop_state);
}

WEIR_PLUGIN(.name = "dictated", .app = app, .runs = WEIR_ON_LOOP, .loop_start = loop_start,
            .loop_stop = loop_stop);

#else

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    int32_t result = weir_sleep(env, 1000);

#    ifdef DEAF
    while (result < 0)
        result = weir_sleep(env, 1000);
#    endif
    if (result < 0)
        return weir_empty();
    start_response(env, 200, WEIR_HEADERS({"Content-Type", "text/plain"}));
    return weir_text("awake\n");
}

WEIR_PLUGIN(.name = "leaving", .app = app, .runs = RUNS);

#endif
