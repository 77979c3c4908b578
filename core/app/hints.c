#include "app/hints.h"

#include <errno.h>
#include <stdlib.h>

#include "app/events.h"
#include "app/remote.h"
#include "app/start.h"

#define EARLY_HINTS 103
#define CALL_COST   32 /* bytes: of one more interim response, besides its fields */

struct wr_hints {
    struct wr_hints *next; /* that was queued before it */
    size_t n;
    struct wr_response_field v[]; /* then the bytes that they point to */
};

/* ---- what the app gave ---- */

static int32_t check(struct wr_environ *e, const weir_header *field)
{
    struct wr_slice name = wr_slice_of(field->name);

    if (!field->value)
        return wr_start_fault(e, WEIR_EINVAL, "the field %s has no value (NULL)", field->name);
    if (wr_field_id_of(name) == WR_FIELD_CONTENT_LENGTH)
        return wr_start_fault(e, WEIR_EINVAL, "Content-Length in early hints (RFC 9110 8.6)");
    return wr_start_check_field(e, name, wr_slice_trim(wr_slice_of(field->value)));
}

/* How many they are, and how many bytes. What the client does not take waits for it, so all
 * hints of a request together are bounded, however many calls they come in. */
static int32_t measure(struct wr_environ *e, const weir_header *fields, size_t *n, size_t *bytes)
{
    size_t size = e->hint_bytes + CALL_COST;
    int32_t err = 0;

    *n = *bytes = 0;
    for (; fields && fields->name && err == 0; fields++) {
        err = check(e, fields);
        if (err < 0)
            return err;
        ++*n;
        *bytes += strlen(fields->name) + strlen(fields->value);
        if (size + *bytes + *n * strlen(": \r\n") > WR_RESPONSE_FIELDS_MAX)
            err = wr_start_fault(e, WEIR_ETOOBIG, "more than %zu bytes of early hints",
                                 WR_RESPONSE_FIELDS_MAX);
    }
    if (*n > 0)
        e->hint_bytes = size + *bytes + *n * strlen(": \r\n");
    return err;
}

static struct wr_slice copy(char **at, struct wr_slice s)
{
    char *p = *at;

    if (s.n > 0)
        memcpy(p, s.p, s.n);
    *at += s.n;
    return wr_slice(p, s.n);
}

static struct wr_hints *make_hints(const weir_header *fields, size_t n, size_t bytes)
{
    struct wr_hints *h = malloc(sizeof *h + n * sizeof *h->v + bytes);
    char *at;

    if (!h)
        return NULL;
    *h = (struct wr_hints){.n = n};
    at = (char *)(h->v + n);
    for (size_t i = 0; i < n; i++)
        h->v[i] =
            (struct wr_response_field){copy(&at, wr_slice_of(fields[i].name)),
                                       copy(&at, wr_slice_trim(wr_slice_of(fields[i].value)))};
    return h;
}

/* ---- sending ---- */

static int32_t inform(struct wr_environ *e, const struct wr_hints *h)
{
    switch (wr_exchange_inform(e->x, EARLY_HINTS, h->v, h->n)) {
    case 0:
        return 0;
    case -ENOTSUP:
        return WEIR_ENOTSUP;
    case -EALREADY:
        return WEIR_ESTATE;
    case -ENOMEM:
        return WEIR_ENOMEM;
    default:
        return WEIR_EGONE;
    }
}

static void post(struct wr_environ *e, struct wr_hints *h)
{
    h->next = atomic_load(&e->s->hints);
    while (!atomic_compare_exchange_weak(&e->s->hints, &h->next, h))
        ;
    wr_events_post(e, WR_EVENT_HINTS);
}

/* A client of HTTP/1.0 knows no interim response, and that is known here too. */
static bool is_known(const struct wr_environ *e)
{
    return !wr_slice_eq(e->x->request.version, WR_SLICE("HTTP/1.0"));
}

static int32_t send_hints(weir_environ *env, const weir_header *fields)
{
    struct wr_environ *e = wr_environ_of(env);
    struct wr_hints *h;
    size_t n, bytes;
    int32_t err;

    if (e->error < 0)
        return WEIR_EFAILED;
    if (e->is_started)
        return WEIR_ESTATE;
    err = measure(e, fields, &n, &bytes);
    if (err < 0)
        return err;
    if (!is_known(e))
        return WEIR_ENOTSUP;
    if (n == 0)
        return 0;
    if (wr_remote_is_over(e))
        return WEIR_EGONE;
    h = make_hints(fields, n, bytes);
    if (!h)
        return WEIR_ENOMEM;
    if (e->remote && !e->remote->is_here) {
        post(e, h);
        return 0;
    }
    err = inform(e, h);
    free(h);
    return err;
}

const weir_early_hints_table wr_hints_table = {.size = sizeof(weir_early_hints_table),
                                               .send = send_hints};

/* ---- on the loop ---- */

void wr_hints_flush(struct wr_environ *e)
{
    struct wr_hints *h = e->s ? atomic_exchange(&e->s->hints, NULL) : NULL, *first = NULL;

    while (h) { /* the first one first */
        struct wr_hints *next = h->next;

        h->next = first;
        first = h;
        h = next;
    }
    while (first) {
        h = first;
        first = h->next;
        inform(e, h);
        free(h);
    }
}
