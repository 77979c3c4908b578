/*
 * poll.c — a server in a loop of poll(2), beside the descriptors that the program has anyway: no
 * thread is started for it.
 *
 *     cc -o poll poll.c $(pkg-config --cflags --libs weir)
 *     ./poll 127.0.0.1:8080 ./site
 *
 * Here they are standard input, of which each line is counted, and a signalfd. The end of input, or
 * Ctrl-C, stops the server.
 */
#include <weir/server.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum { SERVER, INPUT, SIGNALS, WATCHED };

static int32_t start(weir_server *s, const char *address, const char *folder)
{
    int32_t err = weir_server_set_folder(s, folder);

    if (err == 0)
        err = weir_server_listen(s, address);
    return err == 0 ? weir_server_start_stepping(s) : err;
}

/* Ctrl-C and kill(1) as something to poll; -1 with errno. */
static int open_signals(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

struct program {
    weir_server *server;
    unsigned long lines;
    int is_stopping;
};

/* What is in flight may finish; asked a second time, it may not. */
static void stop(struct program *p)
{
    weir_server_stop(p->server, p->is_stopping ? 0 : 10000); /* returns at once */
    p->is_stopping = 1;
}

static void read_input(struct program *p, struct pollfd *input)
{
    char text[4096];
    ssize_t n = read(input->fd, text, sizeof text);

    for (ssize_t i = 0; i < n; i++)
        p->lines += text[i] == '\n';
    if (n > 0 || (n < 0 && (errno == EINTR || errno == EAGAIN)))
        return;
    input->fd = -1; /* poll() passes over it: an end of file would be ready for ever */
    stop(p);
}

static void read_signal(struct program *p, int fd)
{
    struct signalfd_siginfo info;

    if (read(fd, &info, sizeof info) > 0)
        stop(p);
}

static int32_t run(struct program *p, int signals)
{
    struct pollfd watched[WATCHED] = {
        [SERVER] = {.fd = weir_server_fd(p->server), .events = POLLIN},
        [INPUT] = {.fd = STDIN_FILENO, .events = POLLIN},
        [SIGNALS] = {.fd = signals, .events = POLLIN},
    };

    while (!weir_server_is_stopped(p->server)) {
        /* Asked anew each time, for a step may change it; 0 says that there is work left over. */
        int n = poll(watched, WATCHED, weir_server_timeout(p->server));
        int32_t err;

        if (n < 0 && errno != EINTR)
            return WEIR_ESYSTEM;
        if (n > 0 && watched[INPUT].revents)
            read_input(p, &watched[INPUT]);
        if (n > 0 && watched[SIGNALS].revents)
            read_signal(p, signals);
        err = weir_server_step(p->server, 0); /* what is ready now; it waits for nothing */
        if (err < 0)
            return err;
    }
    return weir_server_wait(p->server);
}

int main(int argc, char **argv)
{
    struct program p = {.server = weir_server_new()};
    const int signals = open_signals();
    int32_t err = WEIR_ESYSTEM;

    if (p.server && signals >= 0) {
        err = start(p.server, argc > 1 ? argv[1] : "127.0.0.1:8080", argc > 2 ? argv[2] : ".");
        if (err == 0) {
            printf("http://%s/\n", weir_server_address(p.server, 0));
            fflush(stdout);
            err = run(&p, signals);
            printf("%lu lines of input\n", p.lines);
        }
        if (err < 0)
            fprintf(stderr, "poll: %s: %s\n", weir_strerror(err), weir_server_error(p.server));
    }
    weir_server_free(p.server);
    if (signals >= 0)
        close(signals);
    return err < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
