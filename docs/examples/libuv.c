/*
 * libuv.c — a server in a loop of libuv.
 *
 *     cc -o libuv libuv.c $(pkg-config --cflags --libs weir libuv)
 *     ./libuv 127.0.0.1:8080 ./site
 *
 * A poll handle watches the server's descriptor, a timer its next deadline. A timer of the
 * program's own, each 10 ms, shows that it is not held up: its lateness is printed at the end.
 */
#include <weir/server.h>

#include <uv.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#define TICK_MS 10

/* ---- the server in the loop ---- */

struct driver {
    weir_server *server;
    uv_poll_t poll;
    uv_timer_t timer;
    uv_idle_t idle; /* while there is work left over, the loop must not wait */
    void (*on_end)(struct driver *d, int32_t err);
};

static void step(struct driver *d);

static void on_readable(uv_poll_t *handle, int status, int events)
{
    (void)status, (void)events;
    step(handle->data);
}

static void on_deadline(uv_timer_t *handle)
{
    step(handle->data);
}

static void on_idle(uv_idle_t *handle)
{
    step(handle->data);
}

/* To be done after each step, since that may change it. Work that is left over gets an idle handle,
 * which is called once in a turn: a timer of 0 ms that starts itself again would never let
 * libuv before 1.45 out of its timers. */
static void arm(struct driver *d)
{
    const int32_t timeout_ms = weir_server_timeout(d->server);

    uv_timer_stop(&d->timer);
    if (timeout_ms > 0)
        uv_timer_start(&d->timer, on_deadline, (uint64_t)timeout_ms, 0);
    if (timeout_ms == 0)
        uv_idle_start(&d->idle, on_idle);
    else
        uv_idle_stop(&d->idle);
}

static void detach(struct driver *d)
{
    uv_close((uv_handle_t *)&d->poll, NULL);
    uv_close((uv_handle_t *)&d->timer, NULL);
    uv_close((uv_handle_t *)&d->idle, NULL);
}

/* One step that does not wait: other handles have their turn before the next. */
static void step(struct driver *d)
{
    const int32_t n = weir_server_step(d->server, 0);

    if (n >= 0 && !weir_server_is_stopped(d->server)) {
        arm(d);
        return;
    }
    detach(d);
    d->on_end(d, n < 0 ? n : 0);
}

/* Puts a server that was started for stepping into the loop. 0, or an error of libuv. */
static int attach(struct driver *d, uv_loop_t *loop)
{
    int err = uv_poll_init(loop, &d->poll, weir_server_fd(d->server));

    if (err < 0)
        return err;
    uv_timer_init(loop, &d->timer);
    uv_idle_init(loop, &d->idle);
    d->poll.data = d->timer.data = d->idle.data = d;
    err = uv_poll_start(&d->poll, UV_READABLE, on_readable);
    if (err < 0) {
        detach(d);
        return err;
    }
    arm(d);
    return 0;
}

/* ---- the program around it ---- */

struct program {
    struct driver driver; /* first: on_end gets it */
    uv_loop_t loop;
    uv_timer_t tick;
    uv_signal_t interrupt, terminate;
    uint64_t last_ns, worst_ns; /* between two ticks */
    unsigned ticks;
    int32_t err;
};

static void on_tick(uv_timer_t *handle)
{
    struct program *p = handle->data;
    const uint64_t now_ns = uv_hrtime();

    if (now_ns - p->last_ns > p->worst_ns)
        p->worst_ns = now_ns - p->last_ns;
    p->last_ns = now_ns;
    p->ticks++;
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct program *p = handle->data;

    (void)number;
    weir_server_stop(p->driver.server, 10000); /* returns at once */
}

/* Without handles the loop comes to its end. */
static void on_end(struct driver *d, int32_t err)
{
    struct program *p = (struct program *)d;

    p->err = err;
    uv_close((uv_handle_t *)&p->tick, NULL);
    uv_close((uv_handle_t *)&p->interrupt, NULL);
    uv_close((uv_handle_t *)&p->terminate, NULL);
}

static void start_own(struct program *p)
{
    uv_timer_init(&p->loop, &p->tick);
    uv_signal_init(&p->loop, &p->interrupt);
    uv_signal_init(&p->loop, &p->terminate);
    p->tick.data = p->interrupt.data = p->terminate.data = p;
    uv_timer_start(&p->tick, on_tick, TICK_MS, TICK_MS);
    uv_signal_start(&p->interrupt, on_signal, SIGINT);
    uv_signal_start(&p->terminate, on_signal, SIGTERM);
}

static int32_t start(weir_server *s, const char *address, const char *folder)
{
    int32_t err = weir_server_set_folder(s, folder);

    if (err == 0)
        err = weir_server_listen(s, address);
    return err == 0 ? weir_server_start_stepping(s) : err;
}

static int32_t run(struct program *p)
{
    start_own(p);
    p->driver.on_end = on_end;
    if (attach(&p->driver, &p->loop) < 0)
        on_end(&p->driver, WEIR_ESYSTEM);
    printf("http://%s/\n", weir_server_address(p->driver.server, 0));
    fflush(stdout);

    p->last_ns = uv_hrtime();
    uv_run(&p->loop, UV_RUN_DEFAULT);
    printf("%u ticks, at most %.1f ms apart\n", p->ticks, (double)p->worst_ns / 1e6);
    return p->err < 0 ? p->err : weir_server_wait(p->driver.server);
}

int main(int argc, char **argv)
{
    struct program p = {.driver.server = weir_server_new()};
    weir_server *s = p.driver.server;
    int32_t err = WEIR_ENOMEM;

    if (!s || uv_loop_init(&p.loop) < 0) {
        weir_server_free(s);
        return EXIT_FAILURE;
    }
    err = start(s, argc > 1 ? argv[1] : "127.0.0.1:8080", argc > 2 ? argv[2] : ".");
    if (err == 0)
        err = run(&p);
    if (err < 0)
        fprintf(stderr, "libuv: %s: %s\n", weir_strerror(err), weir_server_error(s));
    uv_loop_close(&p.loop);
    weir_server_free(s);
    return err < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
