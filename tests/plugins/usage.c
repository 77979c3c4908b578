/*
 * usage.c — every function of weir/app.h once, in the one spelling for C11, C17, C++17 and C++20.
 * Compiled as tests/abi/1.0/plugin.c too: a plugin of that version that goes through all of the
 * table, and tells whether what is there answers and what is not says so.
 */
#include <weir/app.h>

static int32_t see(void *arg, const char *key, const char *value, size_t n)
{
    (void)arg, (void)key, (void)value, (void)n;
    return 0;
}

static int32_t see_field(void *arg, const char *name, size_t name_n, const char *value, size_t n)
{
    (void)arg, (void)name, (void)name_n, (void)value, (void)n;
    return 0;
}

static int32_t next(weir_environ *env, void *arg, weir_chunk *chunk)
{
    int *left = (int *)arg;

    (void)env;
    if (*left == 0)
        return WEIR_END;
    --*left;
    chunk->data = "x";
    chunk->size = 1;
    return WEIR_CHUNK;
}

static void forget(void *arg)
{
    (void)arg;
}

static void count(void *arg)
{
    ++*(int *)arg;
}

static void on_event(weir_environ *env, void *arg)
{
    (void)env, (void)arg;
}

static void on_gone(weir_environ *env, void *arg, int32_t why)
{
    (void)env, (void)arg, (void)why;
}

static void on_data(weir_environ *env, void *arg, const void *data, int64_t n)
{
    (void)env, (void)arg, (void)data, (void)n;
}

static void on_file(weir_environ *env, void *arg, int64_t n)
{
    (void)env, (void)arg, (void)n;
}

static void on_fd(weir_environ *env, void *arg, uint32_t events)
{
    (void)env, (void)arg, (void)events;
}

static void on_loop(weir_loop *loop, void *arg)
{
    (void)loop, (void)arg;
}

static void on_loop_fd(weir_loop *loop, void *arg, uint32_t events)
{
    (void)loop, (void)arg, (void)events;
}

static int32_t on_head(weir_environ *env, void *arg)
{
    (void)env, (void)arg;
    return 0;
}

/* The number of those that stream and say something else than is expected of them. */
static int ask_streaming(weir_environ *env)
{
    int wrong = 0;

    wrong += weir_body_limit(env, 1000000) != WEIR_ESTATE; /* it has read */
    wrong += weir_on_input(env, NULL, NULL) != 0;
    wrong += weir_on_writable(env, NULL, NULL) != 0;
    wrong += weir_on_disconnect(env, on_gone, NULL) != 0;
    wrong += weir_read_all(env, 1, NULL, NULL) != WEIR_EINVAL;
    wrong += weir_read_file(env, -1, 1, on_file, NULL) != WEIR_EINVAL;
    return wrong;
}

/* Never: only to be compiled. */
static int32_t use_streaming(weir_environ *env)
{
    weir_chunk chunk = {NULL, 0, {0, 0}};

    weir_on_input(env, on_event, NULL);
    weir_on_writable(env, on_event, NULL);
    weir_read_all(env, 1, on_data, NULL);
    weir_chunk_file(&chunk, 0, 0, 1);
    weir_trailer_add(env, "X-T", "v", 1);
    weir_trailer_each(env, NULL, NULL);
    weir_early_hints(env, NULL);
    weir_finish(env, weir_heartbeat(weir_empty(), 1, "x"));
    return weir_fail(env, "%s", "never");
}

/* The number of those that wait, or answer from elsewhere, and say something else than on the
 * loop. */
static int ask_waiting(weir_environ *env)
{
    const uint64_t token = weir_token(env);
    int wrong = 0, dropped = 0;

    wrong += token == 0 || weir_token(env) != token;
    wrong += weir_resume(env->host, 0, on_event, &dropped, count) != WEIR_ESTALE || dropped != 1;
    wrong += weir_sleep(env, 0) != WEIR_ESTATE;
    wrong += weir_wait_fd(env, 0, 1, 0) != WEIR_ESTATE;
    wrong += weir_timer(env, 60000, on_event, NULL) != 0;
    wrong += weir_timer(env, WEIR_NEVER, on_event, NULL) != 0;
    wrong += weir_watch_fd(env, -1, 1, on_fd, NULL) != WEIR_EINVAL;
    wrong += weir_offload(env, forget, NULL, NULL) != 0;
    wrong += weir_offload(env, NULL, on_event, NULL) != WEIR_EINVAL;
    return wrong;
}

/* The number of those "not yet" that say something else. */
static int ask_not_yet(weir_environ *env, weir_start_response *start_response)
{
    int wrong = 0;
    weir_body body = weir_next(env, start_response);

    wrong += body.kind != WEIR_BODY_ERROR;
    wrong += weir_on_start(env, on_head, NULL) != WEIR_ENOTSUP;
    return wrong;
}

static weir_body other(weir_environ *env, int32_t which)
{
    switch (which) {
    case 1:
        return weir_copy(env, "x", 1);
    case 2:
        return weir_owned("x", 1, forget, NULL);
    case 3:
        return weir_file(env, 0, 0, WEIR_TO_END, WEIR_CLOSE_FD);
    case 4:
        return weir_decline();
    case 5:
        return weir_later(env);
    case 6:
        return weir_text("x");
    case 7:
        return weir_bytes("x", 1);
    default:
        return weir_printf(env, "%s", "all calls are there\n");
    }
}

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    size_t n = 0;
    char buf[8];
    int left = 1, wrong = 0;
    weir_chunk chunk;
    weir_body body = weir_iterable(next, forget, &left);

    wrong += weir_body_next(env, &body, &chunk) != WEIR_CHUNK;
    wrong += weir_body_next(env, &body, &chunk) != WEIR_END;
    weir_body_close(env, &body);
    wrong += weir_get(env, "QUERY_STRING") == NULL;
    wrong += weir_get_n(env, "REQUEST_METHOD", &n) == NULL || n != 3;
    wrong += weir_set(env, "usage.key", "1") < 0;
    wrong += weir_each(env, see, NULL) != 0;
    wrong += weir_header_each(env, see_field, NULL) != 0;
    wrong += weir_alloc(env, 16) == NULL;
    wrong += weir_read(env, buf, sizeof buf) != 0;
    wrong += weir_content(env, &n) != NULL;
    wrong += weir_is_gone(env) != 0;
    weir_defer(env, forget, NULL);
    weir_log(env, WEIR_LOG_DEBUG, "%d", wrong);
    wrong += weir_state(env) == NULL || !weir_loop_state(env) || weir_thread_state(env) != NULL;
    wrong += weir_extension(env->host, "weir.none/1") != NULL;
    wrong += ask_waiting(env);
    wrong += ask_not_yet(env, start_response);
    wrong += ask_streaming(env);
    if (wrong < 0)
        wrong += use_streaming(env);
    (void)weir_wake(env);
    wrong += start_response(env, 201, NULL) != 0;
    wrong += start_response(env, 200 | WEIR_REPLACE,
                            WEIR_HEADERS({"Content-Type", "text/plain"}, {"X-A", "1"})) != 0;
    wrong += weir_header_add(env, "X-B", "2", 1) != 0;
    wrong += weir_reason(env, "Fine") != 0;
    return wrong ? weir_error(env, 500) : other(env, 0);
}

static int mark;

static int32_t load(const weir_host *host, const weir_config *config, void **state)
{
    int wrong = 0;

    weir_host_log(host, WEIR_LOG_DEBUG, "%s", "usage");
    wrong += strcmp(weir_config_string(config, "a", "b"), "b") != 0;
    wrong += weir_config_int(config, "a", 1) != 1;
    wrong += weir_config_number(config, "a", 1.5) < 1.5;
    wrong += weir_config_bool(config, "a", 1) != 1;
    wrong += weir_config_has(config, "a") != 0;
    wrong += weir_config_object(config, "a") != NULL;
    wrong += weir_config_count(config, "a") != 0;
    wrong += weir_config_item(config, "a", 0) != NULL;
    wrong += strcmp(weir_config_text(config), "{}") != 0;
    *state = &mark;
    return wrong ? weir_config_fail(config, "%d calls are wrong", wrong) : 0;
}

static int32_t loop_start(const weir_host *host, weir_loop *loop, void *state, void **own)
{
    int wrong = 0;

    (void)host;
    *own = state;
    wrong += weir_loop_post(loop, forget, NULL) != 0;
    wrong += weir_loop_timer(loop, 0, on_loop, NULL) != 0;
    wrong += weir_loop_watch_fd(loop, -1, 1, on_loop_fd, NULL) != WEIR_EINVAL;
    return wrong ? WEIR_ESTATE : 0;
}

WEIR_PLUGIN(.name = "usage", .version = "1", .description = "every call", .flags = WEIR_UNLOADABLE,
            .load = load, .loop_start = loop_start, .app = app, .runs = WEIR_ON_LOOP, .serial = 0,
            .stack_bytes = 65536);
