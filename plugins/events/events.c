/*
 * events.c — server-sent events: everybody who looks at /events hears how many look at it.
 *
 * A stream waits for its next event without a thread: `next` says WEIR_AGAIN, and weir_wake() has it
 * called again. Whoever comes or leaves wakes the others. With .serial = 1 all of that happens on one
 * loop, one call after the other, so that nothing is locked.
 */
#include <weir/sse.h>

#define HEARTBEAT_MS_ABSENT 15000

struct stream {
    struct stream *next, *previous;
    weir_environ *env;
    struct counter *counter;
    uint64_t told; /* the count that this client knows */
    int is_over;
};

struct counter {
    struct stream *first;
    uint64_t count;
    uint32_t heartbeat_ms;
};

static int32_t load(const weir_host *host, const weir_config *config, void **state)
{
    struct counter *c = calloc(1, sizeof *c);

    (void)host;
    if (!c)
        return weir_config_fail(config, "out of memory");
    c->heartbeat_ms = (uint32_t)weir_config_int(config, "heartbeat_ms", HEARTBEAT_MS_ABSENT);
    *state = c;
    return 0;
}

static void wake_all(const struct counter *c)
{
    for (const struct stream *s = c->first; s; s = s->next)
        weir_wake(s->env);
}

static void enter(struct counter *c, struct stream *s)
{
    c->count++;
    wake_all(c);
    s->next = c->first;
    if (s->next)
        s->next->previous = s;
    c->first = s;
}

/* The close of the stream: called once, however it ends. */
static void leave(void *arg)
{
    struct stream *s = arg;
    struct counter *c = s->counter;

    if (s->next)
        s->next->previous = s->previous;
    if (s->previous)
        s->previous->next = s->next;
    else
        c->first = s->next;
    c->count--;
    wake_all(c);
}

/* A client that reads slowly misses counts in between, and nothing piles up. */
static int32_t next(weir_environ *env, void *arg, weir_sse *out)
{
    struct stream *s = arg;

    (void)env;
    if (s->is_over)
        return WEIR_END;
    if (s->told != s->counter->count) {
        s->told = s->counter->count;
        weir_sse_printf(out, "%llu", (unsigned long long)s->told);
    }
    return WEIR_AGAIN;
}

/* Browsers do not close half of a connection: who does is on the way out. A heartbeat would find that out
 * too, but later. */
static void on_disconnect(weir_environ *env, void *arg, int32_t why)
{
    struct stream *s = arg;

    if (why != WEIR_HALF_CLOSED)
        return;
    s->is_over = 1;
    weir_wake(env);
}

static weir_body events(weir_environ *env, weir_start_response *start_response)
{
    struct counter *c = weir_state(env);
    const char *method = weir_get(env, "REQUEST_METHOD");
    struct stream *s;

    if (method && strcmp(method, "HEAD") == 0) {
        weir_sse_start(env, start_response);
        return weir_empty();
    }
    if (!method || strcmp(method, "GET") != 0) {
        start_response(env, 405, WEIR_HEADERS({"Allow", "GET, HEAD"}));
        return weir_error(env, 405);
    }
    s = weir_alloc(env, sizeof *s); /* stays until after leave() */
    if (!s)
        return weir_error(env, 503);
    *s = (struct stream){.env = env, .counter = c};
    enter(c, s);
    weir_on_disconnect(env, on_disconnect, s);
    weir_sse_start(env, start_response);
    return weir_sse_body(env, next, leave, s, c->heartbeat_ms);
}

WEIR_PLUGIN(.name = "events", .app = events, .runs = WEIR_ON_LOOP, .serial = 1, .load = load,
            .unload = free,
            .config_schema = "{\"type\": \"object\", \"additionalProperties\": false,"
                             " \"properties\": {\"heartbeat_ms\": {\"type\": \"integer\","
                             " \"minimum\": 0, \"maximum\": 3600000, \"default\": 15000,"
                             " \"description\": \"a comment after so long without an event\"}}}");
