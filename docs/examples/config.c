/*
 * config.c — a server that is configured by a file, and reads it again on SIGHUP.
 *
 *     cc -o config config.c $(pkg-config --cflags --libs weir)
 *     ./config site.json
 *     kill -HUP PID
 *
 * with for instance this in site.json, of which weir.conf(5) lists every key:
 *
 *     {"listen": ["127.0.0.1:8080"], "routes": [{"path": "/", "static": "./site"}]}
 *
 * What the program mounts itself is there too, whatever the file says.
 */
#define WEIR_PLUGIN_SYMBOL status_plugin
#include <weir/server.h>

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static weir_body show(weir_environ *env, weir_start_response *start_response)
{
    start_response(env, 200, WEIR_HEADERS({"Content-Type", "text/plain"}));
    return weir_text("running\n");
}

WEIR_PLUGIN(.name = "status", .app = show, .runs = WEIR_ON_LOOP);

/* A configuration has a line for each error: file, line, column, what is wrong. */
static void complain(const weir_server *s, const char *what)
{
    fprintf(stderr, "config: %s:\n%s\n", what, weir_server_error(s));
}

static int32_t start(weir_server *s, const char *file)
{
    int32_t err = weir_server_set_log_fd(s, WEIR_LOG_INFO, STDERR_FILENO);

    if (err == 0)
        err = weir_server_mount(s, "=/status", &status_plugin, NULL, NULL);
    if (err == 0)
        err = weir_server_configure_file(s, file);
    return err == 0 ? weir_server_start(s) : err;
}

static void print_addresses(const weir_server *s)
{
    const char *address;

    for (uint32_t i = 0; (address = weir_server_address(s, i)); i++)
        printf("%s\n", address);
    printf("ready\n");
    fflush(stdout);
}

/* After an error in either of them the server serves as before. */
static void reload(weir_server *s, const char *file)
{
    if (weir_server_configure_file(s, file) < 0 || weir_server_reload(s) < 0)
        complain(s, "not reloaded");
    else
        print_addresses(s);
}

static void serve_until_stopped(weir_server *s, const char *file, const sigset_t *signals)
{
    int which;

    do {
        sigwait(signals, &which);
        if (which == SIGHUP)
            reload(s, file);
        else if (which == SIGUSR1 && weir_server_reopen_logs(s) < 0)
            complain(s, "a log is written on as it was");
    } while (which == SIGHUP || which == SIGUSR1);
    pthread_sigmask(SIG_UNBLOCK, signals, NULL);
    weir_server_stop(s, weir_server_stop_ms(s)); /* timeouts.stop_ms of the configuration */
}

int main(int argc, char **argv)
{
    const char *file = argc > 1 ? argv[1] : "site.json";
    weir_server *s = weir_server_new();
    sigset_t signals;
    int32_t err;

    if (!s)
        return EXIT_FAILURE;
    sigemptyset(&signals);
    sigaddset(&signals, SIGHUP);
    sigaddset(&signals, SIGUSR1);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);

    err = start(s, file);
    if (err == 0) {
        print_addresses(s);
        serve_until_stopped(s, file, &signals);
        err = weir_server_wait(s);
    }
    if (err < 0)
        complain(s, "cannot serve");
    weir_server_free(s);
    return err < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
