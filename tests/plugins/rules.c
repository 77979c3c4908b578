/*
 * rules.c — breaks, or just keeps, each rule of the application interface; PATH_INFO says which.
 *
 * One spelling for C11 and C++17, built once for each executor: -DRUNS=WEIR_ON_LOOP, and with
 * -DSERIAL=1 or -DBUFFER=n. What it has counted, and what calls gave it, is told at /counts.
 *
 * Bodies follow a script, the query: a letter for each call of next (see step()).
 */
#ifndef _GNU_SOURCE /* g++ says so itself */
#    define _GNU_SOURCE
#endif
#include "rules_input.h"

/* ---- the cases ---- */

static weir_body do_second_start(const struct request *q)
{
    q->start_response(q->env, 200, WEIR_HEADERS({"X-A", "1"}));
    note(1, q->start_response(q->env, 200, WEIR_HEADERS({"X-B", "2"})));
    return owned();
}

static weir_body do_no_start(const struct request *q)
{
    (void)q;
    return owned();
}

static weir_body do_no_start_empty(const struct request *q)
{
    (void)q;
    return weir_empty();
}

static weir_body do_replace(const struct request *q)
{
    weir_header_add(q->env, "X-Added", "1", 1);
    q->start_response(q->env, 200, WEIR_HEADERS({"X-Old", "1"}));
    note(1, q->start_response(q->env, 201 | WEIR_REPLACE, WEIR_HEADERS({"X-New", "1"})));
    return weir_text("replaced");
}

static weir_body do_replace_first(const struct request *q)
{
    q->start_response(q->env, 201 | WEIR_REPLACE, NULL);
    return weir_text("replaced");
}

/* /value/NAME: a value that may not be. */
static weir_body do_value(const struct request *q)
{
    const char *value = strcmp(q->arg, "crlf") == 0   ? "a\r\nX-Injected: 1"
                        : strcmp(q->arg, "lf") == 0   ? "a\nX-Injected: 1"
                        : strcmp(q->arg, "cr") == 0   ? "a\rX-Injected: 1"
                        : strcmp(q->arg, "esc") == 0  ? "a\033[1m"
                        : strcmp(q->arg, "del") == 0  ? "a\177"
                        : strcmp(q->arg, "end") == 0  ? "a\r\n\r\n<script>"
                        : strcmp(q->arg, "fold") == 0 ? "a\r\n b"
                        : strcmp(q->arg, "null") == 0 ? NULL
                                                      : "\351t\351"; /* obs-text may be */

    note(1, q->start_response(q->env, 200, WEIR_HEADERS({"X-Value", value})));
    return owned();
}

/* /added/NAME: the same by weir_header_add. */
static weir_body do_added(const struct request *q)
{
    static const char nul[] = "a\0b";
    const char *value = strcmp(q->arg, "nul") == 0    ? nul
                        : strcmp(q->arg, "crlf") == 0 ? "a\nb"
                                                      : "abc";

    q->start_response(q->env, 200, NULL);
    note(1, weir_header_add(q->env, "X-Added", value, 3));
    return weir_text("added");
}

static weir_body do_add_before(const struct request *q)
{
    note(1, weir_header_add(q->env, "X-Before", "yes, it is", 3));
    q->start_response(q->env, 200, WEIR_HEADERS({"X-Then", "1"}));
    note(2, weir_header_add(q->env, "X-After", "1", 1));
    return weir_text("added");
}

static weir_body do_name(const struct request *q)
{
    const char *name = strcmp(q->arg, "empty") == 0   ? ""
                       : strcmp(q->arg, "space") == 0 ? "X Y"
                       : strcmp(q->arg, "colon") == 0 ? "X:"
                       : strcmp(q->arg, "crlf") == 0  ? "X\r\nY"
                       : strcmp(q->arg, "obs") == 0   ? "X\351"
                       : strcmp(q->arg, "trail") == 0 ? "X "
                                                      : q->arg;

    note(1, q->start_response(q->env, 200, WEIR_HEADERS({name, "value"})));
    return owned();
}

static weir_body do_status(const struct request *q)
{
    note(1, q->start_response(q->env, (int32_t)strtol(q->arg, NULL, 10), NULL));
    return owned();
}

/* A status with a body of each kind behind it. */
static weir_body do_with_text(const struct request *q)
{
    q->start_response(q->env, (int32_t)strtol(q->arg, NULL, 10), NULL);
    return owned();
}

static weir_body do_with_walk(const struct request *q)
{
    q->start_response(q->env, (int32_t)strtol(q->arg, NULL, 10), NULL);
    return walk_of(q->env, q->start_response, q->query);
}

static weir_body do_with_nothing(const struct request *q)
{
    q->start_response(q->env, (int32_t)strtol(q->arg, NULL, 10), NULL);
    return weir_empty();
}

/* Four bytes, and the Content-Length that the path says; /twice/A?B: two of them. */
static weir_body do_length(const struct request *q)
{
    q->start_response(q->env, 200, WEIR_HEADERS({"Content-Length", q->arg}));
    return owned();
}

static weir_body do_length_query(const struct request *q) /* what no path can say */
{
    q->start_response(q->env, 200, WEIR_HEADERS({"Content-Length", q->query}));
    return owned();
}

static weir_body do_twice(const struct request *q)
{
    q->start_response(q->env, 200,
                      WEIR_HEADERS({"Content-Length", q->arg}, {"Content-Length", q->query}));
    return owned();
}

static weir_body do_walk(const struct request *q)
{
    return ok(q, WEIR_HEADERS({"Content-Type", "text/plain"}),
              walk_of(q->env, q->start_response, q->query));
}

static weir_body do_walk_length(const struct request *q)
{
    return ok(q, WEIR_HEADERS({"Content-Length", q->arg}),
              walk_of(q->env, q->start_response, q->query));
}

static weir_body do_walk_unstarted(const struct request *q)
{
    return walk_of(q->env, q->start_response, q->query);
}

/* The middle of a middleware: what next gives is read here, and passed on as one. */
static weir_body do_filter(const struct request *q)
{
    weir_body body = walk_of(q->env, q->start_response, q->query);
    weir_chunk chunk;
    uint64_t total = 0;
    int32_t said;

    while ((said = weir_body_next(q->env, &body, &chunk)) == WEIR_CHUNK)
        total += chunk.size;
    weir_body_close(q->env, &body);
    note(1, said);
    note(2, body.kind);
    body = owned();
    weir_body_close(q->env, &body); /* never returned */
    q->start_response(q->env, 200, NULL);
    return weir_printf(q->env, "%llu", (unsigned long long)total);
}

static weir_body do_kind(const struct request *q)
{
    weir_body body = weir_empty(); /* what its words mean nobody knows: nothing is to be closed */

    q->start_response(q->env, 200, NULL);
    body.kind = (uint32_t)strtoul(q->arg, NULL, 10);
    return body;
}

static weir_body do_null_bytes(const struct request *q)
{
    return ok(q, NULL, weir_bytes(NULL, 4));
}

/* /file/LENGTH?PATH, /file-own: with WEIR_CLOSE_FD; /fd/N: that descriptor. */
static weir_body file_of(const struct request *q, uint32_t flags)
{
    int fd = open(q->query, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    uint64_t length = *q->arg ? strtoull(q->arg, NULL, 10) : WEIR_TO_END;

    if (fd < 0)
        return weir_error(q->env, 404);
    return ok(q, NULL, weir_file(q->env, fd, *q->arg == '0' ? 1 : 0, length, flags));
}

static weir_body do_file(const struct request *q)
{
    return file_of(q, WEIR_CLOSE_FD);
}

static void close_kept(void *arg)
{
    const int *fd = (const int *)arg;

    note(3, close(*fd)); /* it was still open */
    count(COUNT_undone);
}

static weir_body do_file_kept(const struct request *q)
{
    weir_body body = file_of(q, 0);
    int *fd = (int *)weir_alloc(q->env, sizeof *fd);

    if (body.kind == WEIR_BODY_FILE && fd) {
        *fd = (int)body.fd;
        count(COUNT_deferred);
        weir_defer(q->env, close_kept, fd);
    }
    return body;
}

static weir_body do_fd(const struct request *q)
{
    return ok(q, NULL, weir_file(q->env, (int32_t)strtol(q->arg, NULL, 10), 0, WEIR_TO_END, 0));
}

/* Deferred functions run last one first: each knows how many have run before it. */
struct undo {
    long base, place;
};

static void undo_one(void *arg)
{
    struct undo *u = (struct undo *)arg;

    enter();
    if (__atomic_fetch_add(&u->base, 1, __ATOMIC_SEQ_CST) != u->place)
        count(COUNT_wrong_order);
    count(COUNT_undone);
    leave();
}

static void undo_by(void *arg) /* of a place that points to the common base */
{
    struct undo **u = (struct undo **)arg;

    u[0]->place = (long)(u - (struct undo **)(void *)(u[0] + 1));
    u[0]->place = 2 - u[0]->place;
    undo_one(u[0]);
}

static void defer_three(weir_environ *env)
{
    struct undo *base = (struct undo *)weir_alloc(env, sizeof *base + 3 * sizeof(void *));
    struct undo **places;

    if (!base)
        return;
    places = (struct undo **)(void *)(base + 1);
    base->base = base->place = 0;
    for (int i = 0; i < 3; i++) {
        places[i] = base;
        count(COUNT_deferred);
        weir_defer(env, undo_by, &places[i]);
    }
}

static weir_body do_deferred(const struct request *q)
{
    defer_three(q->env);
    return *q->query ? ok(q, NULL, walk_of(q->env, q->start_response, q->query)) : do_owned(q);
}

static weir_body do_deferred_failed(const struct request *q)
{
    defer_three(q->env);
    return owned();
}

static weir_body do_decline(const struct request *q)
{
    defer_three(q->env);
    return weir_decline();
}

static weir_body do_decline_started(const struct request *q)
{
    q->start_response(q->env, 201, WEIR_HEADERS({"X-Declined", "1"}));
    return weir_decline();
}

static weir_body do_error(const struct request *q)
{
    return weir_error(q->env, (int32_t)strtol(q->arg, NULL, 10));
}

static weir_body do_error_started(const struct request *q)
{
    q->start_response(
        q->env, 200,
        WEIR_HEADERS({"X-Own", "1"}, {"Content-Type", "x/y"}, {"Content-Length", "3"}));
    return do_error(q);
}

static weir_body do_after_failure(const struct request *q)
{
    note(0, q->start_response(q->env, 99, NULL));
    note(1, q->start_response(q->env, 200, NULL));
    note(2, q->start_response(q->env, 200 | WEIR_REPLACE, NULL));
    note(3, weir_header_add(q->env, "X-A", "1", 1));
    note(4, weir_reason(q->env, "Fine"));
    defer_three(q->env);
    return owned();
}

static weir_body do_printf(const struct request *q)
{
    q->start_response(q->env, 200, NULL);
    return weir_printf(q->env, "%0*d", (int)strtol(q->arg, NULL, 10), 7);
}

static weir_body do_copy(const struct request *q)
{
    char text[] = "copied";
    weir_body body = weir_copy(q->env, text, 6);

    memset(text, '!', 6);
    return ok(q, NULL, body);
}

static weir_body do_alloc(const struct request *q)
{
    void *p = weir_alloc(q->env, strtoull(q->arg, NULL, 10));

    q->start_response(q->env, 200, NULL);
    return weir_text(p ? "memory" : "none");
}

static weir_body do_reason(const struct request *q)
{
    q->start_response(q->env, 200, NULL);
    note(1, weir_reason(q->env, strcmp(q->arg, "bad") == 0 ? "a\r\nX-B: 1" : "Fine Thing"));
    return weir_text("reason");
}

static weir_body do_own_fields(const struct request *q) /* those that the server adds else */
{
    return ok(q,
              WEIR_HEADERS({"Date", "Thu, 01 Jan 1970 00:00:00 GMT"}, {"Server", "own"},
                           {"Set-Cookie", "a=1"}, {"Set-Cookie", "b=2"}),
              weir_text("own"));
}

static weir_body do_throw(const struct request *q)
{
#ifdef __cplusplus
    defer_three(q->env);
    if (*q->arg)
        throw 7;
    throw std::runtime_error("thrown in app");
#else
    return weir_error(q->env, 501);
#endif
}

static const struct {
    const char *name;
    case_fn *fn;
    int is_silent; /* does not clear the results of the case before */
} cases[] = {
    {"", do_plain, 0},
    {"counts", do_counts, 1},
    {"second-start", do_second_start, 0},
    {"no-start", do_no_start, 0},
    {"no-start-empty", do_no_start_empty, 0},
    {"replace", do_replace, 0},
    {"replace-first", do_replace_first, 0},
    {"value", do_value, 0},
    {"added", do_added, 0},
    {"add-before", do_add_before, 0},
    {"name", do_name, 0},
    {"status", do_status, 0},
    {"with-text", do_with_text, 0},
    {"with-walk", do_with_walk, 0},
    {"with-nothing", do_with_nothing, 0},
    {"length", do_length, 0},
    {"length-query", do_length_query, 0},
    {"twice", do_twice, 0},
    {"walk", do_walk, 0},
    {"walk-length", do_walk_length, 0},
    {"walk-unstarted", do_walk_unstarted, 0},
    {"filter", do_filter, 0},
    {"kind", do_kind, 0},
    {"null-bytes", do_null_bytes, 0},
    {"file", do_file, 0},
    {"file-kept", do_file_kept, 0},
    {"fd", do_fd, 0},
    {"owned", do_owned, 0},
    {"deferred", do_deferred, 0},
    {"deferred-failed", do_deferred_failed, 0},
    {"decline", do_decline, 0},
    {"decline-started", do_decline_started, 0},
    {"error", do_error, 0},
    {"error-started", do_error_started, 0},
    {"after-failure", do_after_failure, 0},
    {"printf", do_printf, 0},
    {"copy", do_copy, 0},
    {"alloc", do_alloc, 0},
    {"reason", do_reason, 0},
    {"own-fields", do_own_fields, 0},
    {"environ", do_environ, 0},
    {"fields", do_fields, 0},
    {"each-stopped", do_each_stopped, 0},
    {"key", do_key, 0},
    {"set", do_set, 0},
    {"read", do_read, 0},
    {"content", do_content, 0},
    {"block", do_block, 0},
    {"wake", do_wake, 1},
    {"log", do_log, 0},
    {"write-first", do_write_first, 0},
    {"state", do_state, 0},
    {"throw", do_throw, 0},
};

static weir_body dispatch(weir_environ *env, weir_start_response *start_response)
{
    const char *path = weir_get(env, "PATH_INFO"), *query = weir_get(env, "QUERY_STRING");
    const char *name = path && *path ? path + 1 : "", *slash = strchr(name, '/');
    size_t n = slash ? (size_t)(slash - name) : strlen(name);
    struct request q = {env, start_response, slash ? slash + 1 : "", query ? query : "!"};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (strlen(cases[i].name) != n || memcmp(cases[i].name, name, n) != 0)
            continue;
        for (int j = 0; !cases[i].is_silent && j < RESULTS; j++)
            note(j, 0);
        return cases[i].fn(&q);
    }
    return weir_error(env, 404);
}

static int thread_mark, loop_mark;

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    weir_body body;

    enter();
    count(COUNT_calls);
    if (weir_loop_state(env) != (RUNS == WEIR_ON_LOOP ? &loop_mark : NULL) ||
        weir_thread_state(env) != (RUNS == WEIR_IN_THREAD ? &thread_mark : NULL))
        count(COUNT_wrong_state);
#ifdef __cplusplus
    try {
        body = dispatch(env, start_response);
    } catch (...) {
        leave();
        throw;
    }
#else
    body = dispatch(env, start_response);
#endif
    leave();
    return body;
}

/* ---- life ---- */

static int32_t load(const weir_host *host, const weir_config *config, void **state)
{
    const char *mark = weir_config_string(config, "mark", "none");

    memset(big, 'b', sizeof big);
    weir_host_log(host, WEIR_LOG_INFO, "rules loads with %s", mark);
    if (weir_config_has(config, "refuse"))
        return weir_config_fail(config, "refused with %d", 7);
    count(COUNT_loads);
    *state = strdup(mark);
    return *state ? 0 : WEIR_ENOMEM;
}

static void unload(void *state)
{
    count(COUNT_unloads);
    free(state);
}

static int32_t loop_start(const weir_host *host, weir_loop *loop, void *state, void **loop_state)
{
    (void)host, (void)loop, (void)state;
    count(COUNT_loop_starts);
    *loop_state = &loop_mark;
    return 0;
}

static void loop_stop(void *state, void *loop_state)
{
    (void)state;
    count(loop_state == &loop_mark ? COUNT_loop_stops : COUNT_wrong_state);
}

static int32_t thread_start(const weir_host *host, void *state, void **thread_state)
{
    (void)host, (void)state;
    count(COUNT_thread_starts);
    *thread_state = &thread_mark;
    return 0;
}

/* The last one leaves the balance in the file WEIR_TEST_BALANCE: nobody can ask any more. */
static void thread_stop(void *state, void *thread_state)
{
    (void)state;
    count(thread_state == &thread_mark ? COUNT_thread_stops : COUNT_wrong_state);
}

__attribute__((destructor)) static void balance(void)
{
    const char *path = getenv("WEIR_TEST_BALANCE");
    FILE *f = path ? fopen(path, "w") : NULL;

    if (!f)
        return;
#define COUNT_LINE(name) fprintf(f, #name " %ld\n", counted(COUNT_##name));
    COUNTS(COUNT_LINE)
    fclose(f);
}

WEIR_PLUGIN(.name = "rules", .version = "1", .load = load, .unload = unload,
            .loop_start = loop_start, .loop_stop = loop_stop, .thread_start = thread_start,
            .thread_stop = thread_stop, .app = app, .runs = RUNS, .serial = SERIAL,
            .body_buffer_max = BUFFER);
