/*
 * threads_mhd.c — libmicrohttpd with threads, for tools/bench-threads.
 *
 *     threads_mhd pool|each|resume READY_FD      serves on a free port, which it writes to READY_FD
 *
 * pool: eight threads, each of which has an epoll and connections of its own and answers there:
 * nothing is handed over. each: a thread for each connection. resume: one thread for the
 * connections; each request is suspended, handed to one of eight workers of our own, and resumed,
 * which is how a handler that waits leaves the other connections alone.
 *
 * Errors: what cannot be set up ends it with a message.
 */
#include <arpa/inet.h>
#include <err.h>
#include <microhttpd.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define THREADS 8

static const char text[] = "Hello, World!\n";

struct job {
    struct MHD_Connection *connection; /* NULL: not handed over yet */
    struct job *next;
};

static struct {
    pthread_mutex_t lock;
    pthread_cond_t some;
    struct job *first, **end;
} queue = {
    .lock = PTHREAD_MUTEX_INITIALIZER, .some = PTHREAD_COND_INITIALIZER, .end = &queue.first};

static enum MHD_Result answer(struct MHD_Connection *c)
{
    struct MHD_Response *r =
        MHD_create_response_from_buffer(sizeof text - 1, (void *)text, MHD_RESPMEM_PERSISTENT);
    enum MHD_Result done = MHD_NO;

    if (!r)
        return MHD_NO;
    if (MHD_add_response_header(r, "Content-Type", "text/plain") == MHD_YES)
        done = MHD_queue_response(c, MHD_HTTP_OK, r);
    MHD_destroy_response(r);
    return done;
}

static void *work(void *arg)
{
    (void)arg;
    for (;;) {
        struct job *j;

        pthread_mutex_lock(&queue.lock);
        while (!queue.first)
            pthread_cond_wait(&queue.some, &queue.lock);
        j = queue.first;
        queue.first = j->next;
        if (!queue.first)
            queue.end = &queue.first;
        pthread_mutex_unlock(&queue.lock);
        MHD_resume_connection(j->connection);
    }
    return NULL;
}

static void hand_over(struct job *j, struct MHD_Connection *c)
{
    j->connection = c;
    j->next = NULL;
    MHD_suspend_connection(c);
    pthread_mutex_lock(&queue.lock);
    *queue.end = j;
    queue.end = &j->next;
    pthread_mutex_unlock(&queue.lock);
    pthread_cond_signal(&queue.some);
}

/* Called twice for each request, with *state NULL at first; once more when it is resumed. */
static enum MHD_Result on_request(void *is_handing_over, struct MHD_Connection *c, const char *url,
                                  const char *method, const char *version, const char *content,
                                  size_t *content_n, void **state)
{
    struct job *j = *state;

    (void)url, (void)method, (void)version, (void)content, (void)content_n;
    if (!j) {
        *state = j = calloc(1, sizeof *j);
        return j ? MHD_YES : MHD_NO;
    }
    if (is_handing_over && !j->connection) {
        hand_over(j, c);
        return MHD_YES;
    }
    return answer(c);
}

static void on_end(void *arg, struct MHD_Connection *c, void **state,
                   enum MHD_RequestTerminationCode why)
{
    (void)arg, (void)c, (void)why;
    free(*state);
    *state = NULL;
}

static struct MHD_Daemon *start(const char *how)
{
    static int yes;
    const struct sockaddr_in to = {.sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD;
    unsigned pool = 0;
    void *hands_over = NULL;

    if (strcmp(how, "each") == 0) {
        flags |= MHD_USE_THREAD_PER_CONNECTION | MHD_USE_POLL;
    } else if (strcmp(how, "pool") == 0) {
        flags |= MHD_USE_EPOLL;
        pool = THREADS;
    } else if (strcmp(how, "resume") == 0) {
        flags |= MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME;
        hands_over = &yes;
    } else {
        errx(2, "%s: pool, each or resume", how);
    }
    return MHD_start_daemon(flags, 0, NULL, NULL, on_request, hands_over, MHD_OPTION_SOCK_ADDR, &to,
                            MHD_OPTION_NOTIFY_COMPLETED, on_end, NULL, MHD_OPTION_CONNECTION_LIMIT,
                            4096u, MHD_OPTION_THREAD_POOL_SIZE, pool, MHD_OPTION_END);
}

int main(int argc, char **argv)
{
    struct MHD_Daemon *d;
    const union MHD_DaemonInfo *info;
    pthread_t thread;

    if (argc != 3)
        errx(2, "usage: threads_mhd pool|each|resume READY_FD");
    signal(SIGPIPE, SIG_IGN);
    for (int i = 0; i < THREADS && strcmp(argv[1], "resume") == 0; i++)
        if (pthread_create(&thread, NULL, work, NULL) != 0)
            errx(1, "threads");
    d = start(argv[1]);
    if (!d)
        errx(1, "libmicrohttpd does not start");
    info = MHD_get_daemon_info(d, MHD_DAEMON_INFO_BIND_PORT);
    if (!info ||
        dprintf((int)strtol(argv[2], NULL, 10), "127.0.0.1:%u\n", (unsigned)info->port) < 0)
        errx(1, "cannot tell the port");
    for (;;)
        pause();
}
