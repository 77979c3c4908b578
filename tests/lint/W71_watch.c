/* W71: watching a regular file, which is always ready. */
/* send: GET / */
#include <weir/app.h>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

static void on_ready(weir_environ *env, void *arg, uint32_t events)
{
    (void)arg;
    (void)events;
    weir_finish(env, weir_text("text\n"));
}

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    int fd = open("/proc/self/exe", O_RDONLY | O_NONBLOCK);
    int32_t err = weir_watch_fd(env, fd, POLLIN, on_ready, NULL);

    start_response(env, 200, WEIR_HEADERS({"Content-Type", "text/plain"}));
    if (err == 0)
        return weir_later(env);
    close(fd);
    return weir_text("text\n");
}

WEIR_PLUGIN(.name = "w71_watch", .app = app, .runs = WEIR_ON_LOOP);
