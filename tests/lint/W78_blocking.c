/* W78: waiting for room in a socket whose write blocks. */
/* send: GET / */
#include <weir/app.h>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

struct job {
    int ends[2];
};

static void on_room(weir_environ *env, void *arg, uint32_t events)
{
    struct job *job = (struct job *)arg;

    (void)events;
    weir_watch_fd(env, job->ends[0], 0, NULL, NULL);
    close(job->ends[0]);
    close(job->ends[1]);
    weir_finish(env, weir_text("text\n"));
}

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    struct job *job = (struct job *)weir_alloc(env, sizeof *job);

    if (!job || socketpair(AF_UNIX, SOCK_STREAM, 0, job->ends) < 0)
        return weir_error(env, 503);
    start_response(env, 200, WEIR_HEADERS({"Content-Type", "text/plain"}));
    if (weir_watch_fd(env, job->ends[0], POLLOUT, on_room, job) < 0)
        return weir_error(env, 503);
    return weir_later(env);
}

WEIR_PLUGIN(.name = "w78_blocking", .app = app, .runs = WEIR_ON_LOOP);
