/*
 * own_app.c — an app of this program's own beside a folder; Ctrl-C lets what is in flight finish.
 *
 *     cc -o own_app own_app.c $(pkg-config --cflags --libs weir)
 *     ./own_app 127.0.0.1:8080 ./site
 *     curl http://127.0.0.1:8080/visits
 */
#define WEIR_PLUGIN_SYMBOL visits_plugin /* the name of what WEIR_PLUGIN() defines below */
#include <weir/server.h>

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

/* Several threads answer at once: what they share is atomic, or has a lock. */
static weir_body visits(weir_environ *env, weir_start_response *start_response)
{
    atomic_uint *count = weir_state(env);

    start_response(env, 200, WEIR_HEADERS({"Content-Type", "text/plain"}));
    return weir_printf(env, "You are visitor %u.\n", atomic_fetch_add(count, 1) + 1);
}

WEIR_PLUGIN(.name = "visits", .app = visits);

static int32_t start(weir_server *s, const char *address, const char *folder, atomic_uint *count)
{
    int32_t err = weir_server_mount(s, "/visits", &visits_plugin, NULL, count);

    if (err == 0)
        err = weir_server_set_folder(s, folder);
    if (err == 0)
        err = weir_server_listen(s, address);
    return err == 0 ? weir_server_start(s) : err;
}

/* The first signal stops with grace; the next finds its default action, which ends the program. */
static void serve_until_signal(weir_server *s, const sigset_t *signals)
{
    int which;

    sigwait(signals, &which);
    pthread_sigmask(SIG_UNBLOCK, signals, NULL);
    weir_server_stop(s, 10000);
}

int main(int argc, char **argv)
{
    weir_server *s = weir_server_new();
    atomic_uint count = 0;
    sigset_t signals;
    int32_t err;

    if (!s)
        return EXIT_FAILURE;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, NULL); /* so that none is lost before sigwait() */

    err = start(s, argc > 1 ? argv[1] : "127.0.0.1:8080", argc > 2 ? argv[2] : ".", &count);
    if (err == 0) {
        printf("http://%s/\n", weir_server_address(s, 0));
        fflush(stdout);
        serve_until_signal(s, &signals);
        err = weir_server_wait(s);
    }
    if (err < 0)
        fprintf(stderr, "own_app: %s\n", weir_server_error(s));
    weir_server_free(s); /* no request is answered any more: count may go */
    return err < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
