/*
 * waits.c — answers that come later, each in another way, for the checker of weir lint in a server.
 * RUNS says where it runs; what another executor has to do without answers at once.
 */
#define _GNU_SOURCE
#include <weir/app.h>

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

struct job {
    const weir_host *host;
    weir_loop *loop;
    uint64_t token;
    int ends[2];
};

static void answer(weir_environ *env, void *arg)
{
    (void)arg;
    weir_finish(env, weir_text("later\n"));
}

static void resume(void *arg)
{
    struct job *job = (struct job *)arg;

    weir_resume(job->host, job->token, answer, NULL, NULL);
    free(job);
}

static struct job *make_job(weir_environ *env)
{
    struct job *job = (struct job *)calloc(1, sizeof *job);

    if (job)
        job->host = env->host;
    if (job)
        job->token = weir_token(env);
    return job;
}

/* From a thread of the mount's. In an app that waits for it, too: its function comes after the
 * return. */
static void do_work(void *arg)
{
    struct job *job = (struct job *)arg;

    weir_resume(job->host, job->token, answer, NULL, NULL);
}

static void end_work(weir_environ *env, void *arg)
{
    (void)env;
    free(arg);
}

static weir_body resume_by_work(weir_environ *env)
{
    struct job *job = make_job(env);

    if (!job)
        return weir_error(env, 503);
    if (weir_offload(env, do_work, end_work, job) < 0) {
        free(job);
        return weir_text("busy\n");
    }
    return weir_later(env);
}

static weir_body resume_by_post(weir_environ *env)
{
    weir_loop *loop = (weir_loop *)weir_loop_state(env);
    struct job *job = make_job(env);

    if (!job || weir_loop_post(loop, resume, job) < 0) {
        free(job);
        return weir_error(env, 503);
    }
    return weir_later(env);
}

static void close_ends(void *arg)
{
    struct job *job = (struct job *)arg;

    close(job->ends[0]);
    close(job->ends[1]);
}

static struct job *open_ends(weir_environ *env)
{
    struct job *job = (struct job *)weir_alloc(env, sizeof *job);

    if (!job || pipe2(job->ends, O_NONBLOCK | O_CLOEXEC) < 0)
        return NULL;
    weir_defer(env, close_ends, job);
    return write(job->ends[1], "x", 1) == 1 ? job : NULL;
}

static void on_ready(weir_environ *env, void *arg, uint32_t events)
{
    struct job *job = (struct job *)arg;
    char c;

    if (!(events & POLLIN) || read(job->ends[0], &c, 1) != 1)
        return;
    weir_watch_fd(env, job->ends[0], 0, NULL, NULL);
    weir_timer(env, 1, answer, NULL);
}

static weir_body watch(weir_environ *env)
{
    struct job *job = open_ends(env);

    if (!job || weir_watch_fd(env, job->ends[0], POLLIN, on_ready, job) < 0)
        return weir_error(env, 503);
    return weir_later(env);
}

static void multiply(void *arg)
{
    *(int *)arg *= 2;
}

static weir_body wait_here(weir_environ *env)
{
    struct job *job = open_ends(env);
    int n = 21;

    if (!job)
        return weir_error(env, 503);
    if (weir_sleep(env, 1) < 0 || weir_wait_fd(env, job->ends[0], POLLIN, WEIR_NEVER) < 0)
        return weir_empty();
    return weir_offload(env, multiply, NULL, &n) == 0 ? weir_printf(env, "%d\n", n)
                                                      : weir_text("busy\n");
}

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    const char *path = weir_get(env, "PATH_INFO");

    start_response(env, 200, WEIR_HEADERS({"Content-Type", "text/plain"}));
    if (path && strcmp(path, "/work") == 0)
        return resume_by_work(env);
    if (path && strcmp(path, "/post") == 0 && RUNS != WEIR_IN_THREAD)
        return resume_by_post(env);
    if (path && strcmp(path, "/watch") == 0 && RUNS != WEIR_IN_THREAD)
        return watch(env);
    if (path && strcmp(path, "/wait") == 0 && RUNS != WEIR_ON_LOOP)
        return wait_here(env);
    return weir_text("now\n");
}

static void on_time(weir_loop *loop, void *arg)
{
    weir_loop_timer(loop, 5, on_time, arg);
}

static int32_t loop_start(const weir_host *host, weir_loop *loop, void *state, void **loop_state)
{
    (void)host;
    (void)state;
    *loop_state = loop;
    return weir_loop_timer(loop, 5, on_time, loop);
}

WEIR_PLUGIN(.name = "waits", .app = app, .runs = RUNS, .loop_start = loop_start);
