/*
 * app_check.c — what a client got, against the model of an app_program.h.
 */
#include "app_program.h"

#include <stdlib.h>

static bool is_quiet(const struct app_run *run)
{
    return run->has_begun && !run->is_closing && !run->has_failed && !run->is_loose;
}

void app_program_check_quiet(struct app_run *run)
{
    bool is_open = is_quiet(run) && !app_program_is_complete(run);

    if (!is_quiet(run))
        return;
    APP_CHECK(run->dones == run->dones_due);
    APP_CHECK(!(run->input_due && run->has_on_input));
    APP_CHECK(!(is_open && run->writable_due && run->has_on_writable));
    if (is_open && run->has_next && run->next_waits) {
        APP_CHECK(!run->wake_due);
        APP_CHECK(!run->input_in_next);
    }
}

static bool is_unread(const struct app_run *run)
{
    return run->is_unread || run->status == 204 || run->status == 205 || run->status == 304;
}

/* Which the app has given wrongly, and the model knows only now. */
static bool has_failed(const struct app_run *run)
{
    if (run->has_failed || (run->page != 0 && run->has_started))
        return true;
    return run->has_tail &&
           (run->status == 0 || (run->declared >= 0 && !is_unread(run) &&
                                 run->content_n + run->tail_n != (size_t)run->declared));
}

/* Without heartbeats, which the model does not place. */
static size_t strip(const struct app_run *run, const struct app_answer *a, char *to)
{
    size_t n = 0;

    for (size_t i = 0; i < a->n; i++)
        if (!run->beats || a->content[i] != APP_BEAT[0])
            to[n++] = a->content[i];
    return n;
}

static void check_bytes(const struct app_run *run, const struct app_answer *a, bool is_all)
{
    size_t total = run->content_n + run->tail_n;
    char *whole = app_memory(total + 1), *got = app_memory(a->n + 1);
    size_t n;

    memcpy(whole, run->content, run->content_n);
    memcpy(whole + run->content_n, run->tail, run->tail_n);
    if (is_unread(run))
        total = 0;
    n = strip(run, a, got);
    APP_CHECK(n <= total);
    APP_CHECK(memcmp(got, whole, n) == 0);
    if (is_all)
        APP_CHECK(n == total);
    free(whole);
    free(got);
}

static bool is_page(const struct app_run *run, const struct app_answer *a)
{
    if (a->status == run->page || a->status == 500)
        return true;
    if (a->status == 503)
        return run->had_no_memory || a->may_be_cut;
    return (a->status == 400 || a->status == 408 || a->status == 413) &&
           (run->broken != 0 || a->may_be_cut);
}

static void show(const struct app_run *run, const struct app_answer *a)
{
    app_show("run %u: got %d apps %d n %zu cut %d may %d; model %d decl %lld content %zu tail %zu "
             "failed %d loose %d complete %d page %d next %d\n",
             run->id, a->status, a->is_apps, a->n, a->is_cut, a->may_be_cut, run->status,
             (long long)run->declared, run->content_n, run->tail_n, run->has_failed, run->is_loose,
             (int)app_program_is_complete(run), run->page, run->has_next);
}

void app_program_check_answer(const struct app_run *run, const struct app_answer *a)
{
    bool failed = has_failed(run), is_apps = a->is_apps && a->status == run->status;

    show(run, a);
    if (a->status == 0) {
        APP_CHECK(a->may_be_cut);
        return;
    }
    if (!run->has_begun) /* the server's own */
        return;
    if (!is_apps || (run->page != 0 && a->status == run->page)) {
        APP_CHECK(is_page(run, a));
        APP_CHECK(failed || run->is_loose || run->page != 0 || a->may_be_cut);
        return;
    }
    if (failed && !run->is_loose && !is_unread(run))
        APP_CHECK(a->is_cut);
    if (!failed && !run->is_loose && !a->may_be_cut)
        APP_CHECK(!a->is_cut && app_program_is_complete(run));
    check_bytes(run, a, !a->is_cut && !failed && !run->is_loose);
}

void app_program_check_end(const struct app_run *run)
{
    if (!run->has_begun)
        return;
    APP_CHECK(atomic_load(&run->is_over));
    APP_CHECK(atomic_load(&run->depth) == 0);
    APP_CHECK(run->dones == run->dones_due);
    for (const struct app_body *b = run->bodies; b; b = b->next)
        APP_CHECK(b->closed == 1);
    for (const struct app_defer *d = run->defers; d; d = d->next)
        APP_CHECK(d->called == 1);
}
