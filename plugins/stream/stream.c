/*
 * stream.c — an answer that is made while it is sent: /stream?n=5 counts, a number a piece.
 *
 * What must be remembered between two pieces lies in memory of our own; `close` frees it, exactly
 * once, also when the client goes away in between. With ms=200 it pauses before each further
 * number, so that one can watch; because of that pause it runs in a thread.
 */
#define _POSIX_C_SOURCE 200809L /* nanosleep */

#include <weir/app.h>

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#define N_ABSENT 5
#define N_MAX    1000000
#define MS_MAX   1000

struct count {
    int64_t last, n;
    long ms;
    char text[24];
};

/* The number in name=… of a query; `absent`: no such name; -1: it is not a number from 0 to max. */
static int64_t query_number(const char *query, const char *name, int64_t absent, int64_t max)
{
    size_t name_n = strlen(name);

    for (const char *p = query; p; p = strchr(p, '&')) {
        int64_t number = 0;

        p += *p == '&';
        if (strncmp(p, name, name_n) != 0 || p[name_n] != '=')
            continue;
        p += name_n + 1;
        if (*p < '0' || *p > '9')
            return -1;
        for (; *p >= '0' && *p <= '9' && number <= max; p++)
            number = 10 * number + (*p - '0');
        return (*p == '\0' || *p == '&') && number <= max ? number : -1;
    }
    return absent;
}

static void pause_for(long ms)
{
    struct timespec left = {ms / 1000, ms % 1000 * 1000000};

    while (nanosleep(&left, &left) < 0 && errno == EINTR)
        continue;
}

static int32_t next(weir_environ *env, void *arg, weir_chunk *chunk)
{
    struct count *count = arg;
    int n;

    (void)env;
    if (count->n == count->last)
        return WEIR_END;
    if (count->n > 0 && count->ms > 0)
        pause_for(count->ms);
    count->n++;
    n = snprintf(count->text, sizeof count->text, "%lld\n", (long long)count->n);
    if (n < 0)
        return WEIR_FAIL;
    chunk->data = count->text;
    chunk->size = (uint64_t)n;
    return WEIR_CHUNK;
}

static weir_body stream(weir_environ *env, weir_start_response *start_response)
{
    const char *method = weir_get(env, "REQUEST_METHOD");
    const char *query = weir_get(env, "QUERY_STRING");
    int64_t n = query_number(query, "n", N_ABSENT, N_MAX);
    int64_t ms = query_number(query, "ms", 0, MS_MAX);
    struct count *count;

    if (!method || (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)) {
        start_response(env, 405, WEIR_HEADERS({"Allow", "GET, HEAD"}));
        return weir_error(env, 405);
    }
    if (n < 0 || ms < 0) {
        start_response(env, 400, WEIR_HEADERS({"Content-Type", "text/plain"}));
        return weir_printf(env, "n is a number from 0 to %d, ms one from 0 to %d\n", N_MAX, MS_MAX);
    }
    count = malloc(sizeof *count);
    if (!count)
        return weir_error(env, 503);
    *count = (struct count){.last = n, .ms = (long)ms};
    start_response(
        env, 200,
        WEIR_HEADERS({"Content-Type", "text/plain"}, {"X-Content-Type-Options", "nosniff"}));
    return weir_iterable(next, free, count);
}

WEIR_PLUGIN(.name = "stream", .app = stream);
