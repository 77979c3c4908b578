#include "app/lint.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "app/lint_request.h"
#include "app/mount.h"
#include "base/poison.h"

#define STALE_BYTE 0xdb              /* what memory of a request that is over is full of */
#define SUM_MAX    ((size_t)1 << 20) /* bytes that are looked at */
#define ANY_SIZE   (SIZE_MAX / 4)

#define PATIENCE_MS 60000

struct rule {
    enum wr_log_level level;
    const char *what;
};

static const struct rule rules[] = {
#define RULE(number, name, level, what) [number] = {WR_LOG_##level, what},
#include "app/lint_rules.def"
#undef RULE
};

const char *wr_lint_what(enum wr_lint_rule rule)
{
    return rules[rule].what;
}

bool wr_lint_is_error(enum wr_lint_rule rule)
{
    return rules[rule].level == WR_LOG_ERROR;
}

/* ---- findings ---- */

/* How often this one has been found, with this time; under lock. */
static uint64_t count(struct wr_lint *l, enum wr_lint_rule rule, const char *text)
{
    struct wr_lint_finding *f;

    for (unsigned i = 0; i < l->findings_n; i++)
        if (l->findings[i].rule == rule && strcmp(l->findings[i].text, text) == 0)
            return ++l->findings[i].count;
    if (l->findings_n == WR_LINT_FINDINGS_MAX)
        return 0;
    f = &l->findings[l->findings_n++];
    f->rule = rule;
    f->count = 1;
    memcpy(f->text, text, strlen(text) + 1);
    return 1;
}

__attribute__((format(printf, 3, 4))) static void
write_log(struct wr_environ *e, enum wr_log_level level, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    wr_mount_log(e, (int32_t)level, true, fmt, ap);
    va_end(ap);
}

/* `e` may be NULL. */
__attribute__((format(printf, 4, 0))) static void
note(struct wr_lint *l, struct wr_environ *e, enum wr_lint_rule rule, const char *fmt, va_list ap)
{
    char text[sizeof l->findings[0].text];
    enum wr_log_level level = rules[rule].level;
    uint64_t times;

    vsnprintf(text, sizeof text, fmt, ap);
    for (char *p = text; *p; p++)
        if (*p < ' ' || *p > '~')
            *p = '?';
    pthread_mutex_lock(&l->lock);
    times = count(l, rule, text);
    pthread_mutex_unlock(&l->lock);
    if (times == 0 || (times & (times - 1)) != 0)
        return;
    if (e)
        write_log(e, level, "lint W%02d: %s", (int)rule, text);
    else
        wr_log(l->mount->log, level, "%s at %s: lint W%02d: %s", l->mount->plugin.name,
               l->mount->route, (int)rule, text);
}

void wr_lint_report(struct wr_lint *l, enum wr_lint_rule rule, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    note(l, NULL, rule, fmt, ap);
    va_end(ap);
}

void wr_lint_found(struct wr_lint_request *r, enum wr_lint_rule rule, const char *fmt, ...)
{
    bool is_over = atomic_load(&r->is_over);
    va_list ap;

    if (!is_over && rules[rule].level == WR_LOG_ERROR)
        r->errors++;
    va_start(ap, fmt);
    note(r->lint, is_over ? NULL : wr_lint_real(r), rule, fmt, ap);
    va_end(ap);
}

/* ---- bytes that may be gone ---- */

int64_t wr_lint_now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* By the kernel, which says EFAULT where we would crash. FNV-1a. */
uint64_t wr_lint_sum(const void *p, size_t n)
{
    uint64_t sum = 0xcbf29ce484222325U;
    unsigned char piece[4096];

    if (n > SUM_MAX)
        n = SUM_MAX;
    for (size_t at = 0; at < n;) {
        size_t want = n - at < sizeof piece ? n - at : sizeof piece;
        struct iovec to = {piece, want};
        struct iovec from = {(void *)(uintptr_t)((const char *)p + at), want}; /* NOLINT */
        ssize_t got = process_vm_readv(getpid(), &to, 1, &from, 1, 0);

        if (got <= 0)
            return errno == EFAULT ? 0 : 1; /* not allowed to look: as it was before */
        for (ssize_t i = 0; i < got; i++)
            sum = (sum ^ piece[i]) * 0x100000001b3U;
        at += (size_t)got;
    }
    return sum > 1 ? sum : 2;
}

/* ---- requests that are over ---- */

static void fill(struct wr_arena *a)
{
    for (struct wr_arena_block *b = a->first; b; b = b->next) {
        WR_UNPOISON(b->data, b->cap);
        memset(b->data, STALE_BYTE, b->cap);
        WR_POISON(b->data, b->cap);
    }
}

static bool is_filled(struct wr_arena *a)
{
    bool is_so = true;

    for (struct wr_arena_block *b = a->first; b; b = b->next) {
        const unsigned char *p = (const unsigned char *)b->data;

        WR_UNPOISON(p, b->cap);
        if (p[0] != STALE_BYTE || memcmp(p, p + 1, b->cap - 1) != 0)
            is_so = false;
        WR_POISON(p, b->cap);
    }
    return is_so;
}

static bool holds(const struct wr_arena *a, const void *p)
{
    for (const struct wr_arena_block *b = a->first; b; b = b->next)
        if ((const char *)p >= b->data && (const char *)p < b->data + b->cap)
            return true;
    return false;
}

static void check_late_writes(struct wr_lint_request *r)
{
    if (!is_filled(&r->memory)) {
        wr_lint_report(r->lint, WR_LINT_LATE_WRITE,
                       "memory of weir_alloc() or the environ was written to after its request");
        fill(&r->memory);
    }
}

struct wr_lint_request *wr_lint_request_new(struct wr_lint *l, weir_environ *real)
{
    struct wr_lint_request *r = calloc(1, sizeof *r);

    if (!r)
        return NULL;
    r->base.host = &l->mount->host;
    r->lint = l;
    r->real = real;
    r->home = gettid();
    atomic_init(&r->is_over, false);
    atomic_init(&r->thread, 0);
    atomic_init(&r->wakes, 0);
    atomic_init(&r->waiters, 0);
    wr_arena_init(&r->memory, ANY_SIZE);
    wr_arena_init(&r->own, ANY_SIZE);
    r->body.r = r;
    return r;
}

void wr_lint_request_free(struct wr_lint_request *r)
{
    if (!r)
        return;
    wr_arena_fini(&r->memory);
    wr_arena_fini(&r->own);
    free(r);
}

void wr_lint_request_keep(struct wr_lint_request *r)
{
    struct wr_lint *l = r->lint;
    struct wr_lint_request *oldest;

    fill(&r->memory);
    atomic_store(&r->is_over, true);
    pthread_mutex_lock(&l->lock);
    oldest = l->ended[l->ended_at];
    l->ended[l->ended_at] = r;
    l->ended_at = (l->ended_at + 1) % WR_LINT_ENDED_MAX;
    pthread_mutex_unlock(&l->lock);
    if (!oldest)
        return;
    check_late_writes(oldest);
    wr_lint_request_free(oldest);
}

bool wr_lint_is_stale(struct wr_lint *l, const void *p)
{
    bool is_so = false;

    pthread_mutex_lock(&l->lock);
    for (unsigned i = 0; i < WR_LINT_ENDED_MAX && !is_so; i++)
        is_so = l->ended[i] && holds(&l->ended[i]->memory, p);
    pthread_mutex_unlock(&l->lock);
    return is_so;
}

/* One that waits for what another request brings may wait for long: so where weir_wake() was called at
 * all, nothing is said. */
void wr_lint_check_unwoken(struct wr_lint *l)
{
    if (atomic_exchange(&l->unwoken, 0) > 0 && atomic_load(&l->wakes) == 0)
        wr_lint_report(l, WR_LINT_NEVER_WOKEN,
                       "next said WEIR_AGAIN: no weir_read waits, and no weir_wake came");
}

/* ---- threads of the pool ---- */

void wr_lint_add_thread(struct wr_lint *l, pid_t thread)
{
    pthread_mutex_lock(&l->lock);
    if (l->threads_n == l->threads_cap) {
        size_t cap = l->threads_cap > 0 ? 2 * l->threads_cap : 8;
        pid_t *grown = reallocarray(l->threads, cap, sizeof *grown);

        if (grown) {
            l->threads = grown;
            l->threads_cap = cap;
        }
    }
    if (l->threads_n < l->threads_cap)
        l->threads[l->threads_n++] = thread;
    pthread_mutex_unlock(&l->lock);
}

bool wr_lint_has_thread(struct wr_lint *l, pid_t thread)
{
    bool is_so = false;

    pthread_mutex_lock(&l->lock);
    for (size_t i = 0; i < l->threads_n && !is_so; i++)
        is_so = l->threads[i] == thread;
    pthread_mutex_unlock(&l->lock);
    return is_so;
}

/* ---- the checker ---- */

struct wr_lint *wr_lint_new(struct wr_mount *m)
{
    struct wr_lint *l = calloc(1, sizeof *l);

    if (!l)
        return NULL;
    l->mount = m;
    pthread_mutex_init(&l->lock, NULL);
    atomic_init(&l->loader, 0);
    atomic_init(&l->patience_ms, PATIENCE_MS);
    atomic_init(&l->wakes, 0);
    atomic_init(&l->unwoken, 0);
    wr_lint_wrap_plugin(l);
    wr_lint_fill_host(&m->host);
    return l;
}

void wr_lint_free(struct wr_lint *l)
{
    if (!l)
        return;
    for (unsigned i = 0; i < WR_LINT_ENDED_MAX; i++) {
        if (l->ended[i])
            check_late_writes(l->ended[i]);
        wr_lint_request_free(l->ended[i]);
    }
    pthread_mutex_destroy(&l->lock);
    free(l->threads);
    free(l);
}

void wr_lint_set_loading(struct wr_lint *l, bool is_loading)
{
    atomic_store(&l->loader, is_loading ? gettid() : 0);
}

void wr_lint_set_patience(struct wr_lint *l, int32_t ms)
{
    atomic_store(&l->patience_ms, ms);
}

static int by_rule(const void *a, const void *b)
{
    const struct wr_lint_finding *left = a, *right = b;

    return left->rule != right->rule ? (left->rule < right->rule ? -1 : 1)
                                     : strcmp(left->text, right->text);
}

struct wr_lint_finding *wr_lint_findings(struct wr_lint *l, unsigned *n)
{
    struct wr_lint_finding *copy = NULL;

    wr_lint_check_unwoken(l);
    for (unsigned i = 0; i < WR_LINT_ENDED_MAX; i++)
        if (l->ended[i])
            check_late_writes(l->ended[i]);
    pthread_mutex_lock(&l->lock);
    *n = 0;
    if (l->findings_n > 0)
        copy = malloc(l->findings_n * sizeof *copy);
    if (copy) {
        *n = l->findings_n;
        memcpy(copy, l->findings, *n * sizeof *copy);
    }
    pthread_mutex_unlock(&l->lock);
    if (copy)
        qsort(copy, *n, sizeof *copy, by_rule);
    return copy;
}
