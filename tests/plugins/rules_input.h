/*
 * rules_input.h — the cases of rules.c that read: environ, content, state, and those that wait.
 */
#ifndef RULES_INPUT_H
#define RULES_INPUT_H

#include "rules_case.h"

/* ---- what was asked ---- */

struct text {
    weir_environ *env;
    char *p;
    size_t n, cap;
};

static void append(struct text *t, const char *p, size_t n)
{
    if (t->n + n <= t->cap) {
        memcpy(t->p + t->n, p, n);
        t->n += n;
    }
}

static int32_t append_key(void *arg, const char *key, const char *value, size_t n)
{
    struct text *t = (struct text *)arg;
    size_t slice_n = 0;
    const char *by_get = weir_get(t->env, key), *slice = weir_get_n(t->env, key, &slice_n);

    if (strlen(value) != n || !by_get || strcmp(by_get, value) != 0 || !slice || slice_n != n ||
        memcmp(slice, value, n) != 0)
        append(t, "!", 1); /* the three ways of asking differ */
    append(t, key, strlen(key));
    append(t, "=", 1);
    append(t, value, n);
    append(t, "\n", 1);
    return 0;
}

static int32_t append_field(void *arg, const char *name, size_t name_n, const char *value,
                            size_t value_n)
{
    struct text *t = (struct text *)arg;

    append(t, name, name_n);
    append(t, "=", 1);
    append(t, value, value_n);
    append(t, "\n", 1);
    return 0;
}

static struct text text_new(weir_environ *env, size_t cap)
{
    struct text t = {env, (char *)weir_alloc(env, cap), 0, cap};

    if (!t.p)
        t.cap = 0;
    return t;
}

static weir_body do_environ(const struct request *q)
{
    struct text t = text_new(q->env, 16384);

    note(1, weir_each(q->env, append_key, &t));
    return ok(q, WEIR_HEADERS({"Content-Type", "text/plain"}), weir_bytes(t.p, t.n));
}

static weir_body do_fields(const struct request *q)
{
    struct text t = text_new(q->env, 16384);

    note(1, weir_header_each(q->env, append_field, &t));
    return ok(q, NULL, weir_bytes(t.p, t.n));
}

static int32_t stop_at_once(void *arg, const char *key, const char *value, size_t n)
{
    (void)arg, (void)key, (void)value, (void)n;
    return 42;
}

static weir_body do_each_stopped(const struct request *q)
{
    note(1, weir_each(q->env, stop_at_once, NULL));
    return do_plain(q);
}

static weir_body do_key(const struct request *q)
{
    const char *value = weir_get(q->env, q->arg);

    q->start_response(q->env, 200, NULL);
    return value ? weir_printf(q->env, "[%s]", value) : weir_text("absent");
}

static weir_body do_set(const struct request *q)
{
    char changing[] = "value";

    note(1, weir_set(q->env, "app.own", changing));
    memset(changing, '!', 5);
    note(2, weir_set(q->env, "REMOTE_ADDR", "1.2.3.4"));
    note(3, weir_set(q->env, "SERVER_NAME", NULL));
    note(4, weir_set(q->env, "app.twice", "1"));
    weir_set(q->env, "app.twice", "2");
    return do_environ(q);
}

/* ---- content ---- */

static weir_body do_read(const struct request *q) /* in a thread: to the end, or the error */
{
    char buf[4096];
    uint64_t total = 0, sum = 0;
    int64_t n;

    while ((n = weir_read(q->env, buf, sizeof buf)) > 0) {
        for (int64_t i = 0; i < n; i++)
            sum = sum * 31 + (unsigned char)buf[i];
        total += (uint64_t)n;
    }
    note(0, (long)n);
    note(1, (long)weir_read(q->env, buf, sizeof buf)); /* once more: the same */
    note(2, weir_is_gone(q->env));
    if (n == WEIR_EGONE || weir_is_gone(q->env))
        count(COUNT_gone);
    q->start_response(q->env, 200, NULL);
    return weir_printf(q->env, "%llu %llu %lld", (unsigned long long)total, (unsigned long long)sum,
                       (long long)n);
}

static weir_body do_content(const struct request *q)
{
    size_t n = 0;
    const void *p = weir_content(q->env, &n);

    q->start_response(q->env, 200, NULL);
    if (!p)
        return weir_text("none");
    return *q->arg ? walk_of(q->env, q->start_response, "R") : weir_copy(q->env, p, n);
}

/* ---- waiting ---- */

/* In a thread: until the writers of the FIFO ?PATH have closed it. */
static weir_body do_block(const struct request *q)
{
    char c;
    int fd;

    count(COUNT_blocked);
    fd = open(q->query, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return weir_error(q->env, 404);
    while (read(fd, &c, 1) > 0)
        continue;
    close(fd);
    note(2, weir_is_gone(q->env));
    if (weir_is_gone(q->env))
        count(COUNT_gone);
    return do_owned(q);
}

static weir_body do_wake(const struct request *q)
{
    weir_environ *other = __atomic_exchange_n(&held, (weir_environ *)NULL, __ATOMIC_SEQ_CST);

    note(1, other ? weir_wake(other) : 1);
    return do_plain(q);
}

static weir_body do_log(const struct request *q)
{
    weir_log(q->env, WEIR_LOG_WARN, "said %s %d", "a\nb\033[1m", 7);
    return do_plain(q);
}

static weir_body do_write_first(const struct request *q)
{
    note(1, weir_write(q->env, "x", 1));
    note(2, weir_on_input(q->env, NULL, NULL));
    note(3, (long)weir_token(q->env));
    note(4, weir_finish(q->env, owned()));
    note(5, weir_extension(q->env->host, "weir.none/1") != NULL);
    return do_plain(q);
}

static weir_body do_state(const struct request *q)
{
    q->start_response(q->env, 200, NULL);
    return weir_printf(q->env, "%s", (const char *)weir_state(q->env));
}

static weir_body do_counts(const struct request *q)
{
    char *text = (char *)weir_alloc(q->env, 2048);
    int n = 0;

    if (!text)
        return weir_error(q->env, 503);
#define COUNT_TEXT(name)                                                                           \
    n += snprintf(text + n, 2048 - (size_t)n, "%s\"" #name "\": %ld", n ? ", " : "{",              \
                  counted(COUNT_##name));
    COUNTS(COUNT_TEXT)
    n += snprintf(text + n, 2048 - (size_t)n, ", \"results\": [");
    for (int i = 0; i < RESULTS; i++)
        n += snprintf(text + n, 2048 - (size_t)n, "%s%ld", i ? ", " : "",
                      __atomic_load_n(&results[i], __ATOMIC_SEQ_CST));
    n += snprintf(text + n, 2048 - (size_t)n, "]}\n");
    q->start_response(q->env, 200, WEIR_HEADERS({"Content-Type", "application/json"}));
    return weir_bytes(text, (size_t)n);
}

#endif
