#include "app/resume.h"

#include <stdlib.h>

#include "app/builtin.h"
#include "app/events.h"
#include "app/lint.h"
#include "app/mount.h"
#include "app/remote.h"

static struct wr_tokens *tokens_of(const struct wr_environ *e)
{
    return &e->x->worker->tokens;
}

uint64_t wr_resume_token(weir_environ *env)
{
    struct wr_environ *e = wr_environ_of(env);
    struct wr_streaming *s = wr_streaming_of(e);
    struct wr_tokens *tokens = tokens_of(e);
    uint64_t number = 0;

    if (!s)
        return 0;
    wr_tokens_lock(tokens); /* under which it is closed, after the request is over */
    if (!wr_remote_is_over(e) &&
        (s->token.number > 0 || wr_tokens_open(tokens, &s->token, (unsigned)e->x->worker->index)))
        number = s->token.number;
    wr_tokens_unlock(tokens);
    return number;
}

static void append(struct wr_streaming *s, struct wr_resumption *it)
{
    if (!s->resumptions)
        s->resumptions_end = &s->resumptions;
    *s->resumptions_end = it;
    s->resumptions_end = &it->next;
}

/* False: there is no such request any more. */
static bool hand_over(struct wr_tokens *tokens, uint64_t number, struct wr_resumption *it)
{
    struct wr_token *token;

    wr_tokens_lock(tokens); /* as long as it is held, the request stays */
    token = wr_tokens_find(tokens, number);
    if (token) {
        struct wr_streaming *s = WR_CONTAINER_OF(token, struct wr_streaming, token);

        append(s, it);
        wr_events_post(s->e, WR_EVENT_RESUMED);
    }
    wr_tokens_unlock(tokens);
    return token != NULL;
}

static int32_t resume(const struct wr_mount *m, uint64_t number, const struct wr_resumption *wanted)
{
    unsigned loop = wr_token_loop(number);
    struct wr_resumption *it;

    if (!wanted->fn)
        return WEIR_EINVAL;
    if (number == 0 || loop >= (unsigned)m->loops_n)
        return WEIR_ESTALE;
    it = malloc(sizeof *it);
    if (!it)
        return WEIR_ENOMEM;
    *it = *wanted;
    if (hand_over(&m->loops[loop].worker->tokens, number, it))
        return 0;
    free(it);
    return WEIR_ESTALE;
}

int32_t wr_resume(const weir_host *host, uint64_t token, weir_event_fn *fn, void *arg,
                  weir_release_fn *drop, weir_event_guard *guard)
{
    const struct wr_resumption wanted = {.fn = fn, .guard = guard, .arg = arg, .drop = drop};
    int32_t err = resume(wr_mount_of_host(host), token, &wanted);

    if (err < 0 && drop)
        drop(arg);
    return err;
}

void wr_resume_close(struct wr_environ *e)
{
    struct wr_tokens *tokens = tokens_of(e);

    if (!e->s)
        return;
    wr_tokens_lock(tokens);
    wr_tokens_close(tokens, &e->s->token);
    wr_tokens_unlock(tokens);
}

/* The next one; *is_open: the request is not finished. NULL: none is left. */
static struct wr_resumption *take(struct wr_environ *e, bool *is_open)
{
    struct wr_tokens *tokens = tokens_of(e);
    struct wr_resumption *it;

    wr_tokens_lock(tokens);
    it = e->s->resumptions;
    if (it)
        e->s->resumptions = it->next;
    *is_open = e->s->token.is_open;
    wr_tokens_unlock(tokens);
    return it;
}

void wr_resume_tell(struct wr_environ *e)
{
    struct wr_resumption *it;
    bool is_open;

    while ((it = take(e, &is_open))) {
        struct wr_resumption call = *it;

        free(it);
        if (!is_open || e->error < 0) {
            if (call.drop)
                call.drop(call.arg);
        } else if (e->lint) {
            wr_lint_resumed(e->lint, call.fn, call.arg, call.guard);
        } else if (call.guard) {
            call.guard(call.fn, &e->base, call.arg);
        } else {
            call.fn(&e->base, call.arg);
        }
    }
}
