/*
 * glib.c — a server as a source of GLib's main loop: GTK programs, and all that live in it.
 *
 *     cc -o glib glib.c $(pkg-config --cflags --libs weir glib-2.0)
 *     ./glib 127.0.0.1:8080 ./site
 *
 * The source is prepared, checked and dispatched as any other, in the thread of the loop. A timeout
 * of the program's own, each 10 ms, shows that it is not held up: its lateness is printed at the
 * end.
 */
#include <weir/server.h>

#include <glib-unix.h>
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>

#define TICK_MS 10

/* ---- the source ---- */

struct server_source {
    GSource source; /* first: GLib allocates and passes it */
    gpointer tag;   /* of the descriptor */
    weir_server *server;
};

/* Asked before each poll, so a timeout that the last step has changed is seen. */
static gboolean prepare(GSource *source, gint *timeout)
{
    *timeout = weir_server_timeout(((struct server_source *)source)->server);
    return *timeout == 0;
}

static gboolean check(GSource *source)
{
    struct server_source *self = (struct server_source *)source;

    return g_source_query_unix_fd(source, self->tag) != 0 || weir_server_timeout(self->server) == 0;
}

/* One step that does not wait: other sources have their turn before the next. */
static gboolean dispatch(GSource *source, GSourceFunc on_end, gpointer arg)
{
    weir_server *s = ((struct server_source *)source)->server;

    if (weir_server_step(s, 0) >= 0 && !weir_server_is_stopped(s))
        return G_SOURCE_CONTINUE;
    if (on_end)
        on_end(arg);
    return G_SOURCE_REMOVE;
}

static GSourceFuncs functions = {.prepare = prepare, .check = check, .dispatch = dispatch};

/* Attaches a server that was started for stepping. When it has stopped, or failed, `on_end` is
 * called and the source is gone. */
static void attach(weir_server *s, GMainContext *context, GSourceFunc on_end, gpointer arg)
{
    GSource *source = g_source_new(&functions, sizeof(struct server_source));
    struct server_source *self = (struct server_source *)source;

    self->server = s;
    self->tag = g_source_add_unix_fd(source, weir_server_fd(s), G_IO_IN);
    g_source_set_callback(source, on_end, arg, NULL);
    g_source_attach(source, context);
    g_source_unref(source);
}

/* ---- the program around it ---- */

struct program {
    GMainLoop *loop;
    weir_server *server;
    gint64 last_us;
    gint64 worst_us; /* between two ticks */
    unsigned ticks;
};

static gboolean on_tick(gpointer arg)
{
    struct program *p = arg;
    const gint64 now_us = g_get_monotonic_time();

    p->worst_us = MAX(p->worst_us, now_us - p->last_us);
    p->last_us = now_us;
    p->ticks++;
    return G_SOURCE_CONTINUE;
}

static gboolean on_signal(gpointer arg)
{
    struct program *p = arg;

    weir_server_stop(p->server, 10000); /* returns at once; the loop goes on until all is done */
    return G_SOURCE_CONTINUE;
}

static gboolean on_end(gpointer arg)
{
    struct program *p = arg;

    g_main_loop_quit(p->loop);
    return G_SOURCE_REMOVE;
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
    guint own[3];

    own[0] = g_timeout_add(TICK_MS, on_tick, p);
    own[1] = g_unix_signal_add(SIGINT, on_signal, p);
    own[2] = g_unix_signal_add(SIGTERM, on_signal, p);
    attach(p->server, NULL, on_end, p);
    printf("http://%s/\n", weir_server_address(p->server, 0));
    fflush(stdout);

    p->last_us = g_get_monotonic_time();
    g_main_loop_run(p->loop);
    for (size_t i = 0; i < G_N_ELEMENTS(own); i++)
        g_source_remove(own[i]);
    printf("%u ticks, at most %.1f ms apart\n", p->ticks, (double)p->worst_us / 1000);
    /* A step that failed has left its error with the server, and it has not stopped. */
    return weir_server_is_stopped(p->server) ? weir_server_wait(p->server) : WEIR_ESYSTEM;
}

int main(int argc, char **argv)
{
    struct program p = {.loop = g_main_loop_new(NULL, FALSE), .server = weir_server_new()};
    int32_t err = WEIR_ENOMEM;

    if (p.server) {
        err = start(p.server, argc > 1 ? argv[1] : "127.0.0.1:8080", argc > 2 ? argv[2] : ".");
        if (err == 0)
            err = run(&p);
        if (err < 0)
            fprintf(stderr, "glib: %s\n", weir_server_error(p.server));
    }
    weir_server_free(p.server);
    g_main_loop_unref(p.loop);
    return err < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
