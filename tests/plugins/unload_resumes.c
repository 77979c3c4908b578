/*
 * unload_resumes.c — in unload, as a thread does that it waits for: a token is resumed, and a loop
 * posted to, whose requests and thread are no more. The log has what they say.
 */
#include <weir/app.h>

static const weir_host *the_host;
static weir_loop *the_loop;
static uint64_t token;

static int32_t load(const weir_host *host, const weir_config *config, void **state)
{
    (void)config, (void)state;
    the_host = host;
    return 0;
}

static int32_t loop_start(const weir_host *host, weir_loop *loop, void *state, void **loop_state)
{
    (void)host, (void)state, (void)loop_state;
    the_loop = loop;
    return 0;
}

static void never(weir_environ *env, void *arg)
{
    (void)arg;
    weir_log(env, WEIR_LOG_ERROR, "called");
}

static void count(void *arg)
{
    ++*(int *)arg;
}

static void unload(void *state)
{
    int dropped = 0, posted = 0;
    int32_t resumed = weir_resume(the_host, token, never, &dropped, count);
    int32_t refused = weir_loop_post(the_loop, count, &posted);

    (void)state;
    weir_host_log(the_host, WEIR_LOG_INFO, "stale %d, dropped %d, refused %d, posted %d",
                  resumed == WEIR_ESTALE, dropped, refused == WEIR_ESTATE, posted);
}

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    token = weir_token(env);
    start_response(env, 200, WEIR_HEADERS({"Content-Type", "text/plain"}));
    return weir_text("remembered\n");
}

WEIR_PLUGIN(.name = "unload_resumes", .app = app, .runs = WEIR_ON_LOOP, .load = load,
            .unload = unload, .loop_start = loop_start);
