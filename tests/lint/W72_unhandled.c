/* W72: a callback that does not read what it is called for. */
/* send: GET / */
#define _GNU_SOURCE
#include <weir/app.h>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

struct job {
    int ends[2], calls;
};

static void on_ready(weir_environ *env, void *arg, uint32_t events)
{
    struct job *job = (struct job *)arg;

    (void)events;
    if (++job->calls < 2000) /* it waits for somebody else, and is not told to look away */
        return;
    weir_watch_fd(env, job->ends[0], 0, NULL, NULL);
    close(job->ends[0]);
    close(job->ends[1]);
    weir_finish(env, weir_text("text\n"));
}

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    struct job *job = (struct job *)weir_alloc(env, sizeof *job);

    if (!job || pipe2(job->ends, O_NONBLOCK | O_CLOEXEC) < 0)
        return weir_error(env, 503);
    job->calls = 0;
    if (write(job->ends[1], "x", 1) != 1 ||
        weir_watch_fd(env, job->ends[0], POLLIN, on_ready, job) < 0)
        return weir_error(env, 503);
    start_response(env, 200, WEIR_HEADERS({"Content-Type", "text/plain"}));
    return weir_later(env);
}

WEIR_PLUGIN(.name = "w72_unhandled", .app = app, .runs = WEIR_ON_LOOP);
