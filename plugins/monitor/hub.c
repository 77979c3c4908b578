#define _POSIX_C_SOURCE 200809L
#include "hub.h"

#include <time.h>

/* Microseconds: there are fewer events than those, so that numbers of a later hub, after a
 * reload or a restart, are larger than all of this one. */
static uint64_t first_number(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

int hub_init(struct hub *h, const weir_host *host, weir_event_fn *on_next)
{
    memset(h, 0, sizeof *h);
    h->host = host;
    h->on_next = on_next;
    h->base = h->last = first_number();
    return pthread_mutex_init(&h->lock, NULL);
}

void hub_fini(struct hub *h)
{
    pthread_mutex_destroy(&h->lock);
}

/* ---- who publishes ---- */

/* On the loop's thread. What comes from here on needs a post of its own. */
static void on_posted(void *arg)
{
    struct loop_part *part = arg;

    pthread_mutex_lock(&part->hub->lock);
    part->is_told = 0;
    pthread_mutex_unlock(&part->hub->lock);
    part->wake(part);
}

/* One post is under way for a loop at most. Without memory for it, it is told with the next
 * event; when its loop_stop is near (WEIR_ESTATE), nobody is left there who would hear of it. */
static void tell_loops(struct hub *h)
{
    for (struct loop_part *part = h->loops; part; part = part->next)
        if (!part->is_told)
            part->is_told = weir_loop_post(part->loop, on_posted, part) == 0;
}

static void unlink_waiter(struct waiter *w)
{
    if (!w->link)
        return;
    *w->link = w->next;
    if (w->next)
        w->next->link = w->link;
    w->link = NULL;
}

/* A waiter is its request's memory. That is there as long as it is in the list, and when on_next
 * is called: so nothing has to be dropped. One whose request ends in this very moment is not
 * resumed. */
static void resume_waiters(struct hub *h)
{
    while (h->waiters) {
        struct waiter *w = h->waiters;

        unlink_waiter(w);
        if (weir_resume(h->host, w->token, h->on_next, w, NULL) == WEIR_ENOMEM)
            weir_host_log(h->host, WEIR_LOG_WARN,
                          "out of memory: one waits until its time is over");
    }
}

uint64_t hub_publish(struct hub *h, const char *kind, const char *text, size_t n)
{
    struct event *e;
    uint64_t number;

    pthread_mutex_lock(&h->lock);
    number = ++h->last;
    e = &h->events[number % HISTORY];
    e->number = number;
    e->kind = kind;
    e->n = n < EVENT_SIZE ? n : EVENT_SIZE;
    memcpy(e->text, text, e->n);
    tell_loops(h);
    resume_waiters(h);
    pthread_mutex_unlock(&h->lock);
    return number;
}

/* ---- who listens ---- */

uint64_t hub_last(struct hub *h)
{
    uint64_t last;

    pthread_mutex_lock(&h->lock);
    last = h->last;
    pthread_mutex_unlock(&h->lock);
    return last;
}

int hub_take(struct hub *h, uint64_t number, struct event *out)
{
    uint64_t oldest; /* the number before it */
    int has_one;

    pthread_mutex_lock(&h->lock);
    oldest = h->last - h->base > HISTORY ? h->last - HISTORY : h->base;
    if (number < oldest)
        number = oldest;
    has_one = number < h->last;
    if (has_one)
        *out = h->events[(number + 1) % HISTORY];
    pthread_mutex_unlock(&h->lock);
    return has_one;
}

uint64_t hub_place_of(struct hub *h, const char *id)
{
    uint64_t last = hub_last(h), number = 0;

    if (!id || *id == '\0' || strlen(id) > 19) /* fewer digits than overflow */
        return last;
    for (; *id >= '0' && *id <= '9'; id++)
        number = 10 * number + (uint64_t)(*id - '0');
    if (*id != '\0' || number > last)
        return last;
    return number < h->base ? h->base : number; /* it had that of another hub, before this one */
}

void hub_add_loop(struct hub *h, struct loop_part *part)
{
    pthread_mutex_lock(&h->lock);
    part->hub = h;
    part->next = h->loops;
    h->loops = part;
    pthread_mutex_unlock(&h->lock);
}

/* What was posted has been called before loop_stop: no call has this part any more. */
void hub_remove_loop(struct hub *h, struct loop_part *part)
{
    struct loop_part **at = &h->loops;

    pthread_mutex_lock(&h->lock);
    while (*at != part)
        at = &(*at)->next;
    *at = part->next;
    pthread_mutex_unlock(&h->lock);
}

int hub_wait(struct hub *h, struct waiter *w, uint64_t number)
{
    int waits;

    pthread_mutex_lock(&h->lock);
    waits = number >= h->last;
    if (waits) {
        w->next = h->waiters;
        w->link = &h->waiters;
        if (w->next)
            w->next->link = &w->next;
        h->waiters = w;
    }
    pthread_mutex_unlock(&h->lock);
    return waits;
}

void hub_forget(struct hub *h, struct waiter *w)
{
    pthread_mutex_lock(&h->lock);
    unlink_waiter(w);
    pthread_mutex_unlock(&h->lock);
}
