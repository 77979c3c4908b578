/*
 * weir/sse.h — server-sent events: a stream that a page reads with EventSource.
 *
 *     #include <weir/sse.h>
 *
 *     static int32_t next(weir_environ *env, void *arg, weir_sse *out)
 *     {
 *         sleep(1);
 *         weir_sse_printf(out, "%lld", (long long)time(NULL));
 *         return WEIR_CHUNK;
 *     }
 *
 *     static weir_body app(weir_environ *env, weir_start_response *start_response)
 *     {
 *         weir_sse_start(env, start_response);
 *         return weir_sse_body(env, next, NULL, NULL, 15000);
 *     }
 *
 * Made of weir/app.h alone: it is compiled into the plugin, and there is nothing to link against.
 * C11, C17 and C++17. The format is that of the HTML standard, "Server-sent events" (9.2).
 *
 * - Lifetime: what a function is given is copied before it returns. A weir_sse is the body's; valid
 *   in `next` alone.
 * - Thread: where the app runs, as all that belongs to a request.
 * - Errors: 0, or below 0 a WEIR_E* number. They stick, and need not be checked: after an event that
 *   was not valid, or that there was no memory for, nothing is added, the log says why, and the
 *   stream is cut. A browser then comes back by itself, and says what it had last.
 */
#ifndef WEIR_SSE_H
#define WEIR_SSE_H

#include <weir/app.h>

#include <stdlib.h>

#ifdef __cplusplus
extern "C" {
#endif

/* An event. Zero is the default of every field; at least one is to be set. All text is UTF-8. */
typedef struct weir_sse_event {
    const char *id; /* given back by the client that returns; NULL: as before, "": none. No control
                          characters: it travels in a field of a request */
    const char *event; /* its type; NULL: "message". No line breaks */
    const char
        *text; /* the data; line breaks, CR, LF or CRLF, arrive as LF. NULL: it is in `data` */
    const void
        *data; /* the same as n bytes. With both NULL: an event that has a type has empty data;
                          one without sets id and retry_ms, and nobody hears of it */
    size_t n;
    uint32_t retry_ms; /* how long clients wait before they come back; 0: as before */
} weir_sse_event;

/* Events that are to be sent. */
typedef struct weir_sse weir_sse;

/*
 * Adds any number of events to `out`, which is empty, and says WEIR_CHUNK: ask again when the client
 * can take more; WEIR_AGAIN: when weir_wake() has been called; WEIR_END; or WEIR_FAIL. After a
 * WEIR_AGAIN that came with events it is asked again all the same, for there may have been a weir_wake()
 * meanwhile: so it adds what is new, and remembers what it has told.
 */
typedef int32_t weir_sse_next_fn(weir_environ *env, void *arg, weir_sse *out);

/* Its members are for the functions below. */
struct weir_sse {
    char *p;
    size_t n, room;
    int32_t error, has_begun, has_ended;
    int32_t (*next)(weir_environ *env, void *arg, weir_sse *out);
    void (*close)(void *arg);
    void *arg;
};

/* Room that is kept between two pieces; what is larger is given back. */
#define WEIR_SSE_KEEP_ 16384

static inline int32_t weir_sse_fail_(weir_sse *out, int32_t err)
{
    if (out->error == 0)
        out->error = err;
    return out->error;
}

static inline void weir_sse_put_(weir_sse *out, const char *p, size_t n)
{
    size_t room = out->room ? out->room : 256;
    char *grown;

    while (room - out->n < n && room <= SIZE_MAX / 2)
        room *= 2;
    if (out->error == 0 && room - out->n < n)
        weir_sse_fail_(out, WEIR_ENOMEM);
    if (out->error == 0 && room > out->room) {
        grown = WEIR_CAST_(char *, realloc(out->p, room));
        if (grown) {
            out->p = grown;
            out->room = room;
        } else {
            weir_sse_fail_(out, WEIR_ENOMEM);
        }
    }
    if (out->error < 0 || n == 0)
        return;
    memcpy(out->p + out->n, p, n);
    out->n += n;
}

static inline void weir_sse_put_field_(weir_sse *out, const char *name, const char *value, size_t n)
{
    weir_sse_put_(out, name, strlen(name));
    weir_sse_put_(out, value, n);
    weir_sse_put_(out, "\n", 1);
}

/* A field for each line of p: one more than there are line breaks. */
static inline void weir_sse_put_lines_(weir_sse *out, const char *name, const char *p, size_t n)
{
    const char *end = p + n, *line;

    for (;; p++) {
        for (line = p; p < end && *p != '\r' && *p != '\n';)
            p++;
        weir_sse_put_field_(out, name, line, WEIR_CAST_(size_t, p - line));
        if (p == end)
            return;
        if (*p == '\r' && end - p > 1 && p[1] == '\n')
            p++;
    }
}

static inline int32_t weir_sse_is_valid_(const weir_sse_event *e)
{
    if (!e->id && !e->event && !e->text && !e->data && e->retry_ms == 0)
        return 0;
    if ((e->text && e->data) || (e->n > 0 && !e->data))
        return 0;
    if (e->event && strpbrk(e->event, "\r\n"))
        return 0;
    for (const char *p = e->id; p && *p; p++)
        if ((WEIR_CAST_(unsigned char, *p) < 0x20 && *p != '\t') || *p == 0x7f)
            return 0;
    return 1;
}

/* Adds an event. WEIR_EINVAL: it is not valid, see above. WEIR_ENOMEM. */
static inline int32_t weir_sse_add(weir_sse *out, const weir_sse_event *event)
{
    const char *data = event->text ? event->text : WEIR_CAST_(const char *, event->data);
    size_t n = event->text ? strlen(event->text) : event->n;
    size_t before = out->n;
    char retry[16];

    if (!weir_sse_is_valid_(event))
        return weir_sse_fail_(out, WEIR_EINVAL);
    if (event->retry_ms > 0) {
        snprintf(retry, sizeof retry, "%lu", WEIR_CAST_(unsigned long, event->retry_ms));
        weir_sse_put_field_(out, "retry: ", retry, strlen(retry));
    }
    if (event->id)
        weir_sse_put_field_(out, "id: ", event->id, strlen(event->id));
    if (event->event)
        weir_sse_put_field_(out, "event: ", event->event, strlen(event->event));
    if (data || event->event)
        weir_sse_put_lines_(out, "data: ", data ? data : "", n);
    weir_sse_put_(out, "\n", 1);
    if (out->error < 0)
        out->n = before;
    return out->error;
}

/* Adds a "message" with this text. */
static inline int32_t weir_sse_text(weir_sse *out, const char *text)
{
    weir_sse_event event;

    memset(&event, 0, sizeof event);
    event.text = text;
    return weir_sse_add(out, &event);
}

/* The same with formatted text. */
__attribute__((format(printf, 2, 3))) static inline int32_t weir_sse_printf(weir_sse *out,
                                                                            const char *fmt, ...)
{
    va_list ap;
    char *text;
    int32_t err;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0)
        return weir_sse_fail_(out, WEIR_EINVAL);
    text = WEIR_CAST_(char *, malloc(WEIR_CAST_(size_t, n) + 1));
    if (!text)
        return weir_sse_fail_(out, WEIR_ENOMEM);
    va_start(ap, fmt);
    vsnprintf(text, WEIR_CAST_(size_t, n) + 1, fmt, ap);
    va_end(ap);
    err = weir_sse_text(out, text);
    free(text);
    return err;
}

/* Adds a comment, which clients skip: for who looks at the bytes. */
static inline int32_t weir_sse_comment(weir_sse *out, const char *text)
{
    size_t before = out->n;

    weir_sse_put_lines_(out, ": ", text, strlen(text));
    if (out->error < 0)
        out->n = before;
    return out->error;
}

/*
 * start_response with 200 and the fields of a stream of events, that keep caches and proxies from
 * holding it back. weir_header_add() adds others. With 204 and weir_empty() in its place clients do not
 * come back.
 */
static inline int32_t weir_sse_start(weir_environ *env, weir_start_response *start_response)
{
    return start_response(env, 200,
                          WEIR_HEADERS({"Content-Type", "text/event-stream"},
                                       {"Cache-Control", "no-store"}, {"X-Accel-Buffering", "no"}));
}

/* The id of the last event that a client had which comes back; NULL: it is here for the first time, or
 * events have no ids. It is from outside, as every field. */
static inline const char *weir_sse_last_id(weir_environ *env)
{
    return weir_get(env, "HTTP_LAST_EVENT_ID");
}

static inline int32_t weir_sse_next_(weir_environ *env, void *arg, weir_chunk *chunk)
{
    weir_sse *out = WEIR_CAST_(weir_sse *, arg);
    int32_t said;

    if (!out->has_begun) { /* so that the client hears at once that it has been let in */
        out->has_begun = 1;
        chunk->data = ":\n\n";
        chunk->size = 3;
        return WEIR_CHUNK;
    }
    if (out->has_ended)
        return WEIR_END;
    out->n = 0;
    if (out->room > WEIR_SSE_KEEP_) {
        free(out->p);
        out->p = NULL;
        out->room = 0;
    }
    said = out->next(env, out->arg, out);
    if (out->error < 0)
        return weir_fail(env, "server-sent events: %s",
                         out->error == WEIR_ENOMEM ? "out of memory"
                                                   : "an event that is not valid");
    out->has_ended = said == WEIR_END;
    if (out->n == 0 || (said != WEIR_END && said != WEIR_CHUNK && said != WEIR_AGAIN))
        return said;
    chunk->data = out->p;
    chunk->size = out->n;
    return WEIR_CHUNK;
}

static inline void weir_sse_close_(void *arg)
{
    weir_sse *out = WEIR_CAST_(weir_sse *, arg);

    free(out->p);
    if (out->close)
        out->close(out->arg);
}

/*
 * The body of a stream of events: as weir_iterable(), but that `next` adds events. close(arg), which may
 * be NULL, is called exactly once, in every ending. When there was no event for heartbeat_ms
 * milliseconds a comment is sent (weir_heartbeat()), so that whoever is on the way does not give the
 * connection up, and the server finds out that a client is gone; 0: never.
 */
static inline weir_body weir_sse_body(weir_environ *env,
                                      int32_t (*next)(weir_environ *env, void *arg, weir_sse *out),
                                      void (*close)(void *arg), void *arg, uint32_t heartbeat_ms)
{
    weir_sse *out = WEIR_CAST_(weir_sse *, weir_alloc(env, sizeof *out));
    weir_body body;

    if (!out) {
        if (close)
            close(arg);
        return weir_error(env, 503);
    }
    memset(out, 0, sizeof *out);
    out->next = next;
    out->close = close;
    out->arg = arg;
    body = weir_iterable(weir_sse_next_, weir_sse_close_, out);
    return heartbeat_ms > 0 ? weir_heartbeat(body, heartbeat_ms, ":\n\n") : body;
}

#ifdef __cplusplus
}
#endif

#endif
