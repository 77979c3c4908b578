/*
 * sleep.c — an application that blocks: /sleep?ms=300 answers after 300 milliseconds.
 *
 * It runs in a thread, as apps do that say nothing else, so nobody but its own client waits. It
 * stands for a slow call of a library: a database, a file system, a computation. It also shows
 * configuration: "max_ms", with a schema that the server checks before load is called.
 */
#define _POSIX_C_SOURCE 200809L /* nanosleep */

#include <weir/app.h>

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#define MAX_MS_ABSENT 10000
#define PIECE_MS      100

struct sleep {
    int64_t max_ms;
};

static int32_t load(const weir_host *host, const weir_config *config, void **state)
{
    struct sleep *s = malloc(sizeof *s);

    (void)host;
    if (!s)
        return weir_config_fail(config, "out of memory");
    s->max_ms = weir_config_int(config, "max_ms", MAX_MS_ABSENT);
    *state = s;
    return 0;
}

/* The number in ms=… of a query; 1 without it; -1: it is not a number from 0 to max. */
static int64_t milliseconds(const char *query, int64_t max)
{
    for (const char *p = query; p; p = strchr(p, '&')) {
        int64_t number = 0;

        p += *p == '&';
        if (strncmp(p, "ms=", 3) != 0)
            continue;
        p += 3;
        if (*p < '0' || *p > '9')
            return -1;
        for (; *p >= '0' && *p <= '9' && number <= max; p++)
            number = 10 * number + (*p - '0');
        return (*p == '\0' || *p == '&') && number <= max ? number : -1;
    }
    return 1;
}

static void sleep_for(int64_t ms)
{
    struct timespec left = {(time_t)(ms / 1000), (long)(ms % 1000) * 1000000};

    while (nanosleep(&left, &left) < 0 && errno == EINTR)
        continue;
}

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    const struct sleep *s = weir_state(env);
    const char *method = weir_get(env, "REQUEST_METHOD");
    int64_t ms = milliseconds(weir_get(env, "QUERY_STRING"), s->max_ms);
    int64_t left;

    if (!method || (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)) {
        start_response(env, 405, WEIR_HEADERS({"Allow", "GET, HEAD"}));
        return weir_error(env, 405);
    }
    if (ms < 0) {
        start_response(env, 400, WEIR_HEADERS({"Content-Type", "text/plain"}));
        return weir_printf(env, "ms is a number from 0 to %lld\n", (long long)s->max_ms);
    }

    /* A long sleep is one of many short ones, so that a thread is not held for a client that has
     * gone away. */
    for (left = ms; left > PIECE_MS; left -= PIECE_MS) {
        sleep_for(PIECE_MS);
        if (weir_is_gone(env))
            return weir_error(env, 503); /* which nobody will see */
    }
    sleep_for(left);

    start_response(env, 200,
                   WEIR_HEADERS({"Content-Type", "text/plain"}, {"Cache-Control", "no-store"}));
    return weir_printf(env, "slept for %lld ms\n", (long long)ms);
}

WEIR_PLUGIN(.name = "sleep", .app = app, .load = load, .unload = free,
            .config_schema = "{\"type\": \"object\", \"additionalProperties\": false,"
                             " \"properties\": {\"max_ms\": {\"type\": \"integer\","
                             " \"minimum\": 1, \"maximum\": 60000, \"default\": 10000,"
                             " \"description\": \"the longest sleep, in milliseconds\"}}}");
