/*
 * streams.c — each way to read and to send, one after the other and both at once; PATH_INFO says which.
 *
 * One spelling for C11 and C++17. Where it runs the configuration says (`runs`), which also gives a
 * mount its name: {"name": "t"}. With -DSERIAL=1 it is serial, with -DBODY_MAX=n content is gathered. What a
 * mount has counted is told at /counts, by any other mount of the file at /counts?NAME.
 */
#ifndef _GNU_SOURCE /* g++ says so itself */
#    define _GNU_SOURCE
#endif
#include "streams_write.h"

#ifndef SERIAL
#    define SERIAL 0
#endif
#ifndef BODY_MAX
#    define BODY_MAX 0
#endif

/* ---- the client ---- */

/* In a thread: until /release. */
static weir_body do_block(struct job *j)
{
    long before;

    pthread_mutex_lock(&mutex);
    count(j, COUNT_blocked);
    for (before = releases; before == releases;)
        pthread_cond_wait(&released, &mutex);
    pthread_mutex_unlock(&mutex);
    note(j, 0, weir_is_gone(j->env));
    if (weir_is_gone(j->env))
        count(j, COUNT_seen_gone);
    start(j);
    return owned(j, "released", 8);
}

static weir_body do_release(struct job *j)
{
    pthread_mutex_lock(&mutex);
    releases++;
    pthread_cond_broadcast(&released);
    pthread_mutex_unlock(&mutex);
    start(j);
    return weir_text("released");
}

/* In a thread: works until nobody waits for it any more, five seconds at most. */
static weir_body do_work(struct job *j)
{
    struct timespec pause = {0, 1000000};

    count(j, COUNT_blocked);
    for (int i = 0; i < 5000 && !weir_is_gone(j->env); i++)
        nanosleep(&pause, NULL);
    if (weir_is_gone(j->env)) {
        count(j, COUNT_seen_gone);
        note(j, 1, weir_on_disconnect(j->env, disconnected, j)); /* WEIR_EGONE */
    }
    start(j);
    return owned(j, "worked", 6);
}

/* Never answered by itself. */
static weir_body do_never(struct job *j)
{
    count(j, COUNT_waiting);
    note(j, 1, on_input(j, discard_more));
    return later(j);
}

static int32_t never_step(struct job *j, weir_chunk *chunk)
{
    (void)chunk;
    if (j->stage++ == 0)
        count(j, COUNT_waiting);
    return WEIR_AGAIN;
}

static weir_body do_never_iter(struct job *j)
{
    start(j);
    return iterable(j, never_step);
}

/* ---- what is a mistake ---- */

static weir_body do_later_nothing(struct job *j) /* later, and nothing is to follow */
{
    return later(j);
}

static void finish_twice(struct job *j)
{
    if (drain(j) == WEIR_AGAIN)
        return;
    start(j);
    finish(j, weir_text("once"));
    note(j, 0, weir_finish(j->env, owned(j, "twice", 5)));
    note(j, 1, weir_write(j->env, "more", 4));
}

static weir_body do_finish_twice(struct job *j)
{
    on_input(j, finish_twice);
    return later(j);
}

static weir_body do_finish_first(struct job *j) /* before weir_later() is returned */
{
    start(j);
    finish(j, owned(j, "first", 5));
    return later(j);
}

static weir_body do_finish_later(struct job *j) /* with a body that is later again */
{
    start(j);
    finish(j, weir_later(j->env));
    return later(j);
}

/* ---- /fail/WHERE, and /throw/WHERE in C++ ---- */

static int32_t explode(struct job *j)
{
#ifdef __cpp_exceptions
    if (*j->query == 't') {
        j->in_next = j->in_callback = 0;
        leave(j);
        throw std::runtime_error("exploded");
    }
    if (*j->query == 'n') {
        j->in_next = j->in_callback = 0;
        leave(j);
        throw 7;
    }
#endif
    return weir_fail(j->env, "exploded %d", 7);
}

static void explode_event(struct job *j)
{
    note(j, 0, explode(j));
    note(j, 1, j->start_response(j->env, 200, NULL));
    finish(j, owned(j, "not sent", 8));
}

static void explode_data(struct job *j, const void *data, int64_t n)
{
    (void)data, (void)n;
    explode_event(j);
}

static int32_t explode_step(struct job *j, weir_chunk *chunk)
{
    (void)chunk;
    if (j->stage++ < (int)number(j->query + (*j->query != 0), 0))
        return give(chunk, made(0), 1000);
    note(j, 0, explode(j));
    return WEIR_FAIL;
}

/* Maybe beside the app: it may throw, and not call anything. */
static void explode_disconnected(weir_environ *env, void *arg, int32_t why)
{
    (void)env, (void)arg, (void)why;
#ifdef __cpp_exceptions
    throw std::runtime_error("exploded");
#endif
}

static weir_body do_explode(struct job *j)
{
    const char *where = j->arg;

    if (strcmp(where, "app") == 0) {
        note(j, 0, explode(j));
        return owned(j, "not sent", 8);
    }
    if (strcmp(where, "next") == 0) {
        start(j);
        return iterable(j, explode_step);
    }
    if (strcmp(where, "input") == 0) {
        on_input(j, explode_event);
    } else if (strcmp(where, "writable") == 0) {
        start(j);
        on_writable(j, explode_event);
    } else if (strcmp(where, "all") == 0) {
        read_all(j, SIZE_MAX, explode_data);
    } else if (strcmp(where, "file") == 0) {
        j->fd = open("/tmp", O_RDWR | O_CLOEXEC | O_TMPFILE, 0600);
        read_file(j, UINT64_MAX, explode_data);
    } else if (strcmp(where, "disconnect") == 0) {
        weir_on_disconnect(j->env, explode_disconnected, j);
        return do_never(j);
    } else {
        return weir_error(j->env, 404);
    }
    return later(j);
}

/* ---- which case ---- */

static weir_body do_content(struct job *j)
{
    size_t n = 0;
    const void *p = weir_content(j->env, &n);

    start(j);
    return p ? owned(j, p, n) : weir_text("none");
}

static weir_body do_plain(struct job *j)
{
    start(j);
    return weir_text("plain\n");
}

static const struct {
    const char *name;
    weir_body (*fn)(struct job *j);
} cases[] = {
    {"", do_plain},
    {"block", do_block},
    {"content", do_content},
    {"discard", do_discard},
    {"discard-later", do_discard_later},
    {"echo", do_echo},
    {"explode", do_explode},
    {"finish-first", do_finish_first},
    {"finish-later", do_finish_later},
    {"finish-twice", do_finish_twice},
    {"heartbeat", do_heartbeat},
    {"hints", do_hints},
    {"iter", do_iter},
    {"later-nothing", do_later_nothing},
    {"leave", do_leave},
    {"limit", do_limit},
    {"limit-next", do_limit_next},
    {"missing", do_missing},
    {"mixed", do_mixed},
    {"never", do_never},
    {"never-iter", do_never_iter},
    {"next-discard", do_next_discard},
    {"next-echo", do_next_echo},
    {"read-all", do_read_all},
    {"read-all-next", do_read_all_next},
    {"read-file", do_read_file},
    {"read-file-size", do_read_file_size},
    {"read-nothing", do_read_nothing},
    {"read-some", do_read_some},
    {"release", do_release},
    {"tell-trailers", do_tell_trailers},
    {"trailer", do_trailer},
    {"trailers", do_trailers},
    {"wait", do_wait},
    {"wait-first", do_wait_first},
    {"wake", do_wake},
    {"work", do_work},
    {"write", do_write},
    {"write-decline", do_write_decline},
    {"write-error", do_write_error},
    {"write-file", do_write_file},
    {"write-in-next", do_write_in_next},
    {"write-iter", do_write_iter},
    {"write-later", do_write_later},
    {"write-length", do_write_length},
    {"write-next", do_write_next},
    {"write-none", do_write_none},
    {"write-null", do_write_null},
    {"write-owned", do_write_owned},
    {"write-replace", do_write_replace},
    {"write-status", do_write_status},
    {"write-text", do_write_text},
    {"write-unstarted", do_write_unstarted},
};

/* Of this mount, or of the one that the query names. */
static weir_body tell_counts(weir_environ *env, weir_start_response *start_response)
{
    const char *name = weir_get(env, "QUERY_STRING");
    struct mount *m = (struct mount *)weir_state(env);
    char *text = (char *)weir_alloc(env, 4096);
    int n = 0;

    pthread_mutex_lock(&mutex);
    if (name && *name)
        for (m = mounts; m && strcmp(m->name, name) != 0;)
            m = m->next;
    pthread_mutex_unlock(&mutex);
    if (!text || !m)
        return weir_error(env, text ? 404 : 503);
#define COUNT_TEXT(name)                                                                           \
    n += snprintf(text + n, 4096 - (size_t)n, "%s\"" #name "\": %ld", n ? ", " : "{",              \
                  __atomic_load_n(&m->counts[COUNT_##name], __ATOMIC_SEQ_CST));
    COUNTS(COUNT_TEXT)
    n += snprintf(text + n, 4096 - (size_t)n, ", \"results\": [");
    for (int i = 0; i < RESULTS; i++)
        n += snprintf(text + n, 4096 - (size_t)n, "%s%ld", i ? ", " : "",
                      __atomic_load_n(&m->results[i], __ATOMIC_SEQ_CST));
    n += snprintf(text + n, 4096 - (size_t)n, "]}\n");
    start_response(env, 200, WEIR_HEADERS({"Content-Type", "application/json"}));
    return weir_bytes(text, (size_t)n);
}

static weir_body call(struct job *j, const char *name, size_t n)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (strlen(cases[i].name) == n && memcmp(cases[i].name, name, n) == 0) {
            for (int k = 0; k < RESULTS && strcmp(cases[i].name, "wake") != 0 &&
                            strcmp(cases[i].name, "release") != 0;
                 k++)
                note(j, k, 1000); /* not called */
            return cases[i].fn(j);
        }
    return weir_error(j->env, 404);
}

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    const char *path = weir_get(env, "PATH_INFO"), *query = weir_get(env, "QUERY_STRING");
    const char *name = path && *path ? path + 1 : "", *slash = strchr(name, '/');
    weir_body body;
    struct job *j;

    if (strcmp(name, "counts") == 0)
        return tell_counts(env, start_response);
    j = job_new(env, start_response);
    if (!j)
        return weir_error(env, 503);
    count(j, COUNT_requests);
    count(j, COUNT_deferred);
    weir_defer(env, undo, j);
    weir_on_disconnect(env, disconnected, j);
    j->arg = slash ? slash + 1 : "";
    j->query = query ? query : "";
    enter(j);
    check_place(j);
    body = call(j, name, slash ? (size_t)(slash - name) : strlen(name));
    leave(j);
    return body;
}

/* ---- life ---- */

static int32_t load(const weir_host *host, const weir_config *config, void **state)
{
    struct mount *m = (struct mount *)calloc(1, sizeof *m);

    (void)host;
    if (!m)
        return WEIR_ENOMEM;
    snprintf(m->name, sizeof m->name, "%s", weir_config_string(config, "name", "x"));
    m->is_serial = SERIAL;
    *state = m;
    pthread_mutex_lock(&mutex);
    for (size_t i = 0; i < sizeof pattern; i++)
        pattern[i] = (unsigned char)(i % CYCLE);
    m->next = mounts;
    mounts = m;
    pthread_mutex_unlock(&mutex);
    return 0;
}

static void unload(void *state)
{
    struct mount *m = (struct mount *)state;

    pthread_mutex_lock(&mutex);
    for (struct mount **at = &mounts; *at; at = &(*at)->next)
        if (*at == m) {
            *at = m->next;
            break;
        }
    pthread_mutex_unlock(&mutex);
    free(m);
}

static int32_t place_new(void **own)
{
    *own = calloc(1, sizeof(struct place));
    return *own ? 0 : WEIR_ENOMEM;
}

static int32_t loop_start(const weir_host *host, weir_loop *loop, void *state, void **loop_state)
{
    (void)host, (void)loop, (void)state;
    return place_new(loop_state);
}

static int32_t thread_start(const weir_host *host, void *state, void **thread_state)
{
    (void)host, (void)state;
    return place_new(thread_state);
}

static void place_free(void *state, void *own)
{
    (void)state;
    free(own);
}

WEIR_PLUGIN(.name = "streams", .load = load, .unload = unload, .loop_start = loop_start,
            .loop_stop = place_free, .thread_start = thread_start, .thread_stop = place_free,
            .app = app, .runs = WEIR_ON_LOOP, .serial = SERIAL, .body_buffer_max = BODY_MAX);
