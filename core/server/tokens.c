#include "server/tokens.h"

#include <stdlib.h>

#define BUCKETS_MIN 64

void wr_tokens_init(struct wr_tokens *ts)
{
    *ts = (struct wr_tokens){.lock = PTHREAD_MUTEX_INITIALIZER};
}

void wr_tokens_fini(struct wr_tokens *ts)
{
    wr_tokens_lock(ts);
    free(ts->buckets);
    ts->buckets = NULL;
    ts->buckets_n = 0;
    wr_tokens_unlock(ts);
}

/* Counts follow one another, so they spread by themselves. */
static struct wr_token **bucket_of(const struct wr_tokens *ts, uint64_t number)
{
    return &ts->buckets[(number >> WR_TOKEN_LOOP_BITS) & (ts->buckets_n - 1)];
}

static void insert(struct wr_tokens *ts, struct wr_token *t)
{
    struct wr_token **bucket = bucket_of(ts, t->number);

    t->next = *bucket;
    *bucket = t;
}

/* As many as tokens. Where there is no memory for more, those that there are get longer. */
static bool grow(struct wr_tokens *ts)
{
    struct wr_token **before = ts->buckets;
    size_t before_n = ts->buckets_n, n = before_n > 0 ? 2 * before_n : BUCKETS_MIN;
    struct wr_token **buckets = calloc(n, sizeof(struct wr_token *));

    if (!buckets)
        return before_n > 0;
    ts->buckets = buckets;
    ts->buckets_n = n;
    for (size_t i = 0; i < before_n; i++)
        for (struct wr_token *t = before[i], *next; t; t = next) {
            next = t->next;
            insert(ts, t);
        }
    free(before);
    return true;
}

bool wr_tokens_open(struct wr_tokens *ts, struct wr_token *t, unsigned loop)
{
    if (ts->n >= ts->buckets_n && !grow(ts))
        return false;
    t->number = ++ts->count << WR_TOKEN_LOOP_BITS | loop;
    t->is_open = true;
    insert(ts, t);
    ts->n++;
    return true;
}

void wr_tokens_close(struct wr_tokens *ts, struct wr_token *t)
{
    struct wr_token **at;

    if (!t->is_open)
        return;
    for (at = bucket_of(ts, t->number); *at != t; at = &(*at)->next)
        ;
    *at = t->next;
    t->is_open = false;
    ts->n--;
}

struct wr_token *wr_tokens_find(const struct wr_tokens *ts, uint64_t number)
{
    struct wr_token *t = ts->buckets_n > 0 ? *bucket_of(ts, number) : NULL;

    while (t && t->number != number)
        t = t->next;
    return t;
}
