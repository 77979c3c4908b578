/*
 * two_servers.c — two servers in one program: one for everybody, one on a Unix socket for who runs
 * it. Both have the same plugin, configured differently.
 *
 *     cc -o two_servers two_servers.c $(pkg-config --cflags --libs weir)
 *     ./two_servers 127.0.0.1:8080 unix:./admin.sock
 *     curl http://127.0.0.1:8080/notice
 *     curl --unix-socket ./admin.sock --data 'Closed on Sunday' http://admin/notice
 */
#define WEIR_PLUGIN_SYMBOL notice_plugin
#include <weir/server.h>

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- what both servers show ---- */

struct notice {
    pthread_mutex_t lock; /* each server has threads */
    size_t n;
    char text[1024];
};

/* ---- the plugin: one state for each time that it is mounted ---- */

struct mounted {
    struct notice *notice;
    int32_t may_write;
};

/* On entry *state has what weir_server_mount() was given. */
static int32_t load(const weir_host *host, const weir_config *config, void **state)
{
    struct mounted *m = malloc(sizeof *m);

    (void)host;
    if (!m)
        return WEIR_ENOMEM;
    m->notice = *state;
    m->may_write = weir_config_bool(config, "may_write", 0);
    *state = m;
    return 0;
}

static weir_body replace(weir_environ *env, weir_start_response *start_response, struct notice *n)
{
    size_t size;
    const char *text = weir_content(env, &size); /* all of it: see .body_buffer_max */

    pthread_mutex_lock(&n->lock);
    memcpy(n->text, text, size);
    n->n = size;
    pthread_mutex_unlock(&n->lock);
    start_response(env, 204, NULL);
    return weir_empty();
}

static weir_body serve(weir_environ *env, weir_start_response *start_response)
{
    const struct mounted *m = weir_state(env);
    const char *method = weir_get(env, "REQUEST_METHOD");
    weir_body body;

    if (method && strcmp(method, "POST") == 0)
        return m->may_write ? replace(env, start_response, m->notice) : weir_error(env, 403);
    start_response(env, 200, WEIR_HEADERS({"Content-Type", "text/plain; charset=utf-8"}));
    pthread_mutex_lock(&m->notice->lock);
    body = weir_copy(env, m->notice->text, m->notice->n);
    pthread_mutex_unlock(&m->notice->lock);
    return body;
}

WEIR_PLUGIN(.name = "notice", .load = load, .app = serve, .unload = free,
            .body_buffer_max = sizeof((struct notice *)NULL)->text);

/* ---- the servers ---- */

/* Of both servers, with the name of the one that it comes from. Several threads call it at once:
 * one call of stdio writes the line in one piece. */
static void write_message(void *name, int32_t level, const char *line, size_t n)
{
    fprintf(stderr, "%s: %s%.*s\n", (const char *)name, level <= WEIR_LOG_WARN ? "! " : "", (int)n,
            line);
}

static int32_t start(weir_server *s, char *name, const char *address, const char *config,
                     struct notice *notice)
{
    int32_t err = weir_server_set_log(s, WEIR_LOG_INFO, write_message, name);

    if (err == 0)
        err = weir_server_mount(s, "/notice", &notice_plugin, config, notice);
    if (err == 0)
        err = weir_server_set_threads(s, 2, 0);
    if (err == 0)
        err = weir_server_set_loops(s, 1);
    if (err == 0) /* for whom a socket in the file system is; without effect on the other */
        err = weir_server_set(s, "unix_mode", "\"0600\"");
    if (err == 0)
        err = weir_server_listen(s, address);
    if (err == 0)
        err = weir_server_start(s);
    if (err < 0)
        fprintf(stderr, "%s: %s\n", name, weir_server_error(s));
    else
        printf("%s\n", weir_server_address(s, 0));
    return err;
}

static void serve_until_signal(weir_server *everybody, weir_server *admin, const sigset_t *signals)
{
    int which;

    fflush(stdout);
    sigwait(signals, &which);
    weir_server_stop(everybody, 10000); /* both at once, then wait for one after the other */
    weir_server_stop(admin, 10000);
    weir_server_wait(everybody);
    weir_server_wait(admin);
}

int main(int argc, char **argv)
{
    static char names[2][16] = {"everybody", "admin"};
    struct notice notice = {.lock = PTHREAD_MUTEX_INITIALIZER};
    weir_server *everybody = weir_server_new(), *admin = weir_server_new();
    int status = EXIT_FAILURE;
    sigset_t signals;

    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);

    if (everybody && admin &&
        start(everybody, names[0], argc > 1 ? argv[1] : "127.0.0.1:8080", NULL, &notice) == 0 &&
        start(admin, names[1], argc > 2 ? argv[2] : "unix:./admin.sock", "{\"may_write\": true}",
              &notice) == 0) {
        serve_until_signal(everybody, admin, &signals);
        status = EXIT_SUCCESS;
    }
    weir_server_free(everybody); /* one that still runs is stopped at once */
    weir_server_free(admin);
    return status;
}
