#include "app/lint.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "app/lint_request.h"
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
        atomic_fetch_add(&r->errors, 1);
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
    unsigned char piece[512]; /* the stack may be a coroutine's */

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

/* How many of them were written to after their request. */
static unsigned check_late_writes(struct wr_lint_request *r)
{
    if (is_filled(&r->memory))
        return 0;
    fill(&r->memory);
    return 1;
}

static void report_late_writes(struct wr_lint *l, unsigned n)
{
    while (n-- > 0)
        wr_lint_report(l, WR_LINT_LATE_WRITE,
                       "memory of weir_alloc() or the environ was written to after its request");
}

static void check_all_late_writes(struct wr_lint *l)
{
    unsigned n = 0;

    pthread_mutex_lock(&l->lock);
    for (unsigned i = 0; i < WR_LINT_ENDED_MAX; i++)
        if (l->ended[i])
            n += check_late_writes(l->ended[i]);
    pthread_mutex_unlock(&l->lock);
    report_late_writes(l, n);
}

/* ---- requests ---- */

static void set_name(struct wr_lint_request *r, const struct wr_request *request)
{
    struct wr_slice method = request->method_token, target = request->target;
    size_t room = sizeof r->name - 1;

    snprintf(r->name, sizeof r->name, "%.*s %.*s", (int)(method.n < room ? method.n : room),
             method.p, (int)(target.n < room ? target.n : room), target.p);
    for (char *p = r->name; *p; p++)
        if (*p < ' ' || *p > '~')
            *p = '?';
}

static void add_live(struct wr_lint_request *r)
{
    struct wr_lint *l = r->lint;

    pthread_mutex_lock(&l->lock);
    r->next = l->live;
    if (r->next)
        r->next->before = r;
    l->live = r;
    pthread_mutex_unlock(&l->lock);
}

/* Under lock. */
static void remove_live(struct wr_lint_request *r)
{
    if (r->before)
        r->before->next = r->next;
    else
        r->lint->live = r->next;
    if (r->next)
        r->next->before = r->before;
    r->next = r->before = NULL;
}

struct wr_lint_request *wr_lint_request_new(struct wr_lint *l, weir_environ *real)
{
    struct wr_lint_request *r = calloc(1, sizeof *r); /* which makes atomic members 0, too */

    if (!r)
        return NULL;
    r->base.host = &l->mount->host;
    r->lint = l;
    r->real = real;
    r->home = gettid();
    wr_arena_init(&r->memory, ANY_SIZE);
    wr_arena_init(&r->own, ANY_SIZE);
    r->body.r = r;
    set_name(r, &wr_environ_of(real)->x->request);
    return r;
}

void wr_lint_request_begin(struct wr_lint_request *r)
{
    wr_environ_of(r->real)->lint = r;
    add_live(r);
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
    remove_live(r);
    oldest = l->ended[l->ended_at];
    l->ended[l->ended_at] = r;
    l->ended_at = (l->ended_at + 1) % WR_LINT_ENDED_MAX;
    pthread_mutex_unlock(&l->lock);
    if (!oldest)
        return;
    report_late_writes(l, check_late_writes(oldest));
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

void wr_lint_note_next(struct wr_lint *l, weir_next_fn *fn, bool is_woken)
{
    struct wr_lint_next *next = NULL;

    pthread_mutex_lock(&l->lock);
    for (unsigned i = 0; i < l->nexts_n && !next; i++)
        if (l->nexts[i].fn == fn)
            next = &l->nexts[i];
    if (!next && l->nexts_n < WR_LINT_NEXTS_MAX) {
        next = &l->nexts[l->nexts_n++];
        *next = (struct wr_lint_next){.fn = fn};
    }
    if (next) {
        next->unwoken += !is_woken;
        next->is_woken |= is_woken;
    }
    pthread_mutex_unlock(&l->lock);
}

/* One that waits for what another request brings may wait for long: so where one with the same
 * next was woken by others, nothing is said. */
void wr_lint_check_unwoken(struct wr_lint *l)
{
    bool is_unwoken = false;

    pthread_mutex_lock(&l->lock);
    for (unsigned i = 0; i < l->nexts_n; i++) {
        is_unwoken |= l->nexts[i].unwoken > 0 && !l->nexts[i].is_woken;
        l->nexts[i].unwoken = 0;
    }
    pthread_mutex_unlock(&l->lock);
    if (is_unwoken)
        wr_lint_report(l, WR_LINT_NEVER_WOKEN,
                       "next said WEIR_AGAIN: no weir_read waits, and no weir_wake came");
}

/* ---- who is in a call ---- */

void wr_lint_begin_work(struct wr_lint *l, struct wr_lint_work *work)
{
    work->thread = gettid();
    pthread_mutex_lock(&l->lock);
    work->next = l->works;
    l->works = work;
    pthread_mutex_unlock(&l->lock);
    atomic_store(&l->has_works, true);
}

void wr_lint_end_work(struct wr_lint *l, struct wr_lint_work *work)
{
    struct wr_lint_work **at;

    pthread_mutex_lock(&l->lock);
    for (at = &l->works; *at != work; at = &(*at)->next)
        ;
    *at = work->next;
    pthread_mutex_unlock(&l->lock);
}

bool wr_lint_is_in_work(struct wr_lint *l)
{
    bool is_so = false;

    if (!atomic_load(&l->has_works))
        return false;
    pthread_mutex_lock(&l->lock);
    for (const struct wr_lint_work *w = l->works; w && !is_so; w = w->next)
        is_so = w->thread == gettid();
    pthread_mutex_unlock(&l->lock);
    return is_so;
}

const void *wr_lint_frame_of(struct wr_lint *l, uint64_t token)
{
    const void *frame = NULL;

    pthread_mutex_lock(&l->lock);
    for (struct wr_lint_request *r = l->live; r && !frame; r = r->next)
        if (atomic_load(&r->token) == token && atomic_load(&r->thread) == gettid())
            frame = r->frame; /* of this very thread, so it does not change meanwhile */
    pthread_mutex_unlock(&l->lock);
    return frame;
}

static bool is_longer(const atomic_llong *since, int64_t ms)
{
    long long began = atomic_load(since);

    return began > 0 && wr_lint_now_ns() - began > ms * 1000000;
}

bool wr_lint_stuck(struct wr_lint *l, int32_t ms, char *text, size_t n)
{
    bool is_so = false;

    pthread_mutex_lock(&l->lock);
    for (struct wr_lint_request *r = l->live; r && !is_so; r = r->next)
        if ((is_so = is_longer(&r->busy_since, ms))) {
            const char *what = atomic_load(&r->what);

            snprintf(text, n, "%s: %s", r->name, what ? what : "a call");
        }
    for (struct wr_lint_loop *loop = l->loops; loop && !is_so; loop = loop->next)
        if ((is_so = is_longer(&loop->busy_since, ms)))
            snprintf(text, n, "a callback of a loop");
    pthread_mutex_unlock(&l->lock);
    return is_so;
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
    atomic_init(&l->has_works, false);
    atomic_init(&l->has_of_loop, false);
    wr_lint_wrap_plugin(l);
    wr_lint_fill_host(&m->host);
    return l;
}

void wr_lint_free(struct wr_lint *l)
{
    if (!l)
        return;
    check_all_late_writes(l);
    for (unsigned i = 0; i < WR_LINT_ENDED_MAX; i++)
        wr_lint_request_free(l->ended[i]);
    wr_lint_free_loops(l);
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
    check_all_late_writes(l);
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
