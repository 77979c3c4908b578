/* W74: an eventfd of the loop, which loop_stop forgets. */
/* send: GET / */
#include <weir/app.h>

#include <poll.h>
#include <sys/eventfd.h>

static void on_ready(weir_loop *loop, void *arg, uint32_t events)
{
    (void)loop;
    (void)arg;
    (void)events;
}

static int32_t loop_start(const weir_host *host, weir_loop *loop, void *state, void **loop_state)
{
    (void)host;
    (void)state;
    (void)loop_state;
    return weir_loop_watch_fd(loop, eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), POLLIN, on_ready, NULL);
}

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    start_response(env, 200, WEIR_HEADERS({"Content-Type", "text/plain"}));
    return weir_text("text\n");
}

WEIR_PLUGIN(.name = "w74_left", .app = app, .runs = WEIR_ON_LOOP, .loop_start = loop_start);
