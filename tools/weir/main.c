/*
 * main.c — the weir program: the first embedder of libweir; it uses the public interface alone.
 */
#include <weir/server.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "options.h"

#define DRAIN_MS  10000
#define EXIT_LINE 2 /* the command line is not understood */

static void print_version(void)
{
    struct utsname u;

    printf("weir %s (http/1.1, http/1.0; epoll)\n", weir_version());
    if (uname(&u) == 0)
        printf("%s %s %s\n", u.sysname, u.release, u.machine);
    printf("MIT licence\n");
}

static const char *advice_without_right(const weir_server *s, const struct options *o)
{
    if (access(o->folder, X_OK) < 0)
        return "; this user may not enter it";
    if (strstr(weir_server_error(s), " unix:"))
        return "; this user may not make a socket there";
    return "; a port below 1024 wants root, or once: setcap cap_net_bind_service=+ep "
           "$(command -v weir), or take another with --port 8080";
}

/* Of a plugin's file. */
static const char *advice_for_plugin(int32_t error)
{
    switch (error) {
    case WEIR_EACCES:
        return "; this user may not read it";
    case WEIR_ENOENT:
        return "; check the path";
    default:
        return "";
    }
}

/* What a person can do about it, where the error alone does not say so. */
static const char *advice_for(int32_t error, const weir_server *s, const struct options *o)
{
    if (strncmp(weir_server_error(s), "cannot load ", strlen("cannot load ")) == 0)
        return advice_for_plugin(error);
    switch (error) {
    case WEIR_EADDRINUSE:
        return "; another program has it: stop that, or choose another with --listen or --port "
               "(--port 0 takes a free one)";
    case WEIR_EACCES:
        return advice_without_right(s, o);
    case WEIR_ENOENT:
        return "; check the path, or make the folder first";
    case WEIR_ENOTDIR:
        return "; name the folder that it lies in";
    case WEIR_EADDRNOTAVAIL:
        return "; ip addr lists this machine's addresses";
    default:
        return "";
    }
}

static int fail(const weir_server *s, int32_t error, const struct options *o)
{
    fprintf(stderr, "weir: %s%s\n", weir_server_error(s), advice_for(error, s, o));
    return EXIT_FAILURE;
}

static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static int32_t configure(weir_server *s, const struct options *o)
{
    int32_t err = weir_server_set_folder(s, o->folder);

    for (int i = 0; i < o->plugins_n && err == 0; i++)
        err = weir_server_mount_file(s, o->plugins[i].route, o->plugins[i].file,
                                     o->plugins[i].config);
    if (err == 0)
        err = weir_server_set_threads(s, o->threads, o->queue);
    for (int i = 0; i < o->listen_n && err == 0; i++)
        err = weir_server_listen(s, o->listen[i]);
    if (err == 0)
        err = weir_server_set_loops(s, o->loops);
    if (err == 0)
        err = weir_server_set_log_fd(s, o->is_quiet ? WEIR_LOG_WARN : WEIR_LOG_INFO, STDERR_FILENO);
    if (err == 0 && !o->is_quiet)
        err = weir_server_set_access_log_fd(s, STDOUT_FILENO);
    return err;
}

/* For scripts: the addresses, one a line. */
static int report_ready(weir_server *s, int fd)
{
    const char *address;
    int err = 0;

    for (uint32_t i = 0; (address = weir_server_address(s, i)) && err >= 0; i++)
        err = dprintf(fd, "%s\n", address);
    if (err < 0)
        fprintf(stderr, "weir: cannot write to --ready-fd %d: %s\n", fd, strerrordesc_np(errno));
    if (fd > STDERR_FILENO)
        close(fd);
    return err < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

static void greet(weir_server *s, const char *folder)
{
    const char *address;

    fprintf(stderr, "weir %s serves %s\n", WEIR_VERSION, folder);
    for (uint32_t i = 0; (address = weir_server_address(s, i)); i++) {
        if (strncmp(address, "unix:", strlen("unix:")) == 0)
            fprintf(stderr, "  %s\n", address);
        else if (strncmp(address, "[::]:", strlen("[::]:")) == 0)
            fprintf(stderr, "  http://localhost:%s/ and every other address of this machine\n",
                    address + strlen("[::]:"));
        else
            fprintf(stderr, "  http://%s/\n", address);
    }
    fprintf(stderr, "Ctrl-C stops it.\n");
}

/* Waits for the first signal, stops with grace; the next one finds its default action: the end. */
static void serve_until_stopped(weir_server *s, const sigset_t *stop_signals, bool is_quiet)
{
    int signal_number;

    while (sigwait(stop_signals, &signal_number) != 0)
        ;
    if (!is_quiet)
        fprintf(stderr, "weir: stopping; what is in flight may finish (once more: at once)\n");
    pthread_sigmask(SIG_UNBLOCK, stop_signals, NULL);
    weir_server_stop(s, DRAIN_MS);
    weir_server_wait(s);
}

static int serve(const struct options *o)
{
    weir_server *s = weir_server_new();
    sigset_t stop_signals;
    int32_t err;
    int status = EXIT_SUCCESS;

    if (!s) {
        fprintf(stderr, "weir: out of memory\n");
        return EXIT_FAILURE;
    }
    signal(SIGPIPE, SIG_IGN); /* a reader of our messages that has gone is no reason to die */
    sigemptyset(&stop_signals);
    sigaddset(&stop_signals, SIGINT);
    sigaddset(&stop_signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &stop_signals, NULL);
    raise_descriptor_limit();
    err = configure(s, o);
    if (err == 0)
        err = weir_server_start(s);
    if (err < 0)
        status = fail(s, err, o);
    else if (o->ready_fd >= 0)
        status = report_ready(s, o->ready_fd);
    if (status == EXIT_SUCCESS) {
        if (!o->is_quiet)
            greet(s, o->folder);
        serve_until_stopped(s, &stop_signals, o->is_quiet);
    }
    weir_server_free(s);
    return status;
}

/* A closed standard descriptor would be taken by the first socket, and get the log. */
static void open_standard_descriptors(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
}

int main(int argc, char **argv)
{
    struct options o;
    int status = EXIT_LINE;

    open_standard_descriptors();
    switch (options_parse(argc, argv, &o)) {
    case COMMAND_SERVE:
        status = serve(&o);
        break;
    case COMMAND_HELP:
        options_print_help();
        status = EXIT_SUCCESS;
        break;
    case COMMAND_VERSION:
        print_version();
        status = EXIT_SUCCESS;
        break;
    case COMMAND_BAD:
        break;
    }
    options_free(&o);
    return status;
}
