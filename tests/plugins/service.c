/*
 * service.c — says who it is: the text of its configuration, and the process that it runs in.
 *
 * {"text": "x", "wait": "/a/fifo", "stay": "/a/fifo"}; with "wait", load opens that FIFO, which waits
 * for a writer; with "stay" unload does.
 */
#ifndef _GNU_SOURCE
#    define _GNU_SOURCE
#endif
#include <weir/app.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef BUILD
#    define BUILD "first"
#endif

struct service {
    char *text, *stay;
    unsigned load_uid;
    int can_be_root; /* again */
};

/* Waits for a writer, and for its end. */
static void wait_at(const char *fifo)
{
    char c;
    int fd = open(fifo, O_RDONLY | O_CLOEXEC);

    while (fd >= 0 && read(fd, &c, 1) > 0)
        ;
    if (fd >= 0)
        close(fd);
}

static int32_t load(const weir_host *host, const weir_config *config, void **state)
{
    const char *fifo = weir_config_string(config, "wait", "");
    struct service *s = calloc(1, sizeof *s);

    (void)host;
    if (!s)
        return WEIR_ENOMEM;
    s->text = strdup(weir_config_string(config, "text", "none"));
    s->stay = strdup(weir_config_string(config, "stay", ""));
    s->load_uid = (unsigned)geteuid();
    s->can_be_root = setuid(0) == 0 || seteuid(0) == 0 || setresuid(0, 0, 0) == 0 || setgid(0) == 0;
    if (*fifo)
        wait_at(fifo);
    *state = s;
    return 0;
}

static void unload(void *state)
{
    struct service *s = state;

    if (s->stay && *s->stay)
        wait_at(s->stay);
    free(s->stay);
    free(s->text);
    free(s);
}

static const char *or_none(const char *name)
{
    const char *value = getenv(name);

    return value ? value : "none";
}

/* A child whose child outlives it. */
static void leave_an_orphan(void)
{
    pid_t pid = fork();

    if (pid == 0) {
        if (fork() == 0)
            _exit(0);
        _exit(0);
    }
    while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
}

/* The exit status of a child, as whoever has forked it may want to know. */
static int status_of_a_child(void)
{
    int status = 0;
    pid_t pid = fork();

    if (pid == 0)
        _exit(7);
    if (pid < 0 || waitpid(pid, &status, 0) < 0)
        return -errno;
    return WEXITSTATUS(status);
}

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    struct service *s = weir_state(env);
    const char *path = weir_get(env, "PATH_INFO");

    start_response(env, 200, WEIR_HEADERS({"Content-Type", "text/plain"}));
    if (strcmp(path, "/hold") == 0)
        wait_at(weir_get(env, "QUERY_STRING"));
    if (strcmp(path, "/process") == 0)
        return weir_printf(env, "%u %d %s %s %s %s", s->load_uid, s->can_be_root,
                           or_none("NOTIFY_SOCKET"), or_none("LISTEN_FDS"), or_none("LISTEN_PID"),
                           or_none("LISTEN_FDNAMES"));
    if (strcmp(path, "/orphan") == 0)
        leave_an_orphan();
    if (strcmp(path, "/child") == 0)
        return weir_printf(env, "%d", status_of_a_child());
    return weir_printf(env, "%s %s", s->text, BUILD);
}

WEIR_PLUGIN(.name = "service", .load = load, .unload = unload, .app = app, .runs = WEIR_IN_THREAD);
