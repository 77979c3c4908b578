#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "weir.h"

/* What is collected: `n` of `out` so far. */
struct collected {
    struct weir_server *s;
    struct wr_listenings *out;
};

static bool has(const struct wr_listenings *all, const struct wr_listening *l)
{
    for (size_t i = 0; i < all->n; i++)
        if (all->v[i] == l)
            return true;
    return false;
}

/* Was it bound for this address, or is it bound to it? */
static bool is_of(const struct wr_listening *l, const struct wr_address *a, bool is_adopted)
{
    return l->is_adopted == is_adopted &&
           (wr_address_is_same(&l->wanted, a) || wr_address_is_same(&l->address, a));
}

/* Is one that was bound for this address, or adopted with it, among what is collected? */
static bool is_collected(const struct collected *c, const struct wr_address *a, bool is_adopted)
{
    for (size_t i = 0; i < c->out->n; i++)
        if (is_of(c->out->v[i], a, is_adopted))
            return true;
    return false;
}

static void put(struct collected *c, struct wr_listening *l)
{
    c->out->v[c->out->n++] = l;
}

/* One of those that are bound already that is not collected yet, since port 0, and a socket that was
 * given, may be there several times. NULL: none. */
static struct wr_listening *find_free(const struct collected *c, const struct wr_address *a,
                                      bool is_adopted)
{
    const struct wr_listenings *all = &c->s->listenings;

    for (size_t i = 0; i < all->n; i++)
        if (is_of(all->v[i], a, is_adopted) && !has(c->out, all->v[i]))
            return all->v[i];
    return NULL;
}

/* Sockets that the host has given: one that was taken over before is known by its address. */
static int32_t add_given(struct collected *c, int fd)
{
    char why[WR_WHY_MAX];
    int err;
    struct wr_listening *l = wr_listening_adopt(fd, c->s->loops, why, &err), *before;

    if (!l) {
        wr_errors_add(&c->s->errors, why);
        return wr_public_error(err);
    }
    before = find_free(c, &l->address, true);
    if (before) {
        wr_listening_free(l);
        l = before;
    }
    put(c, l);
    return 0;
}

/* *why is filled on failure. */
static int32_t add_wanted(struct collected *c, const struct wr_address *a, char *why)
{
    struct wr_listening *l;
    int err;

    if (is_collected(c, a, true) || (!wr_address_takes_any_port(a) && is_collected(c, a, false)))
        return 0; /* a socket that was given is bound to it; or it was said twice */
    l = find_free(c, a, false);
    if (l && !wr_listening_has_path(l)) /* removed by somebody: it is made again */
        l = NULL;
    if (!l)
        l = wr_listening_open(a, c->s->loops, why, &err);
    if (!l)
        return wr_public_error(err);
    put(c, l);
    return 0;
}

/* The configuration's addresses: its default counts where calls have named none. */
static int32_t add_configured(struct collected *c)
{
    struct weir_server *s = c->s;
    const struct wr_root_options *root = wr_options_root(s->options);
    bool is_given = wr_options_has(s->options, "listen");
    int32_t error = 0;

    if (!is_given && (!s->source.text || s->addresses_n + s->given_n > 0))
        return 0;
    for (size_t i = 0; i < root->listen.n; i++) {
        struct wr_address a;
        char why[WR_WHY_MAX];
        const char *expected;
        int32_t err;

        if (wr_address_parse(root->listen.v[i], &a, &expected) < 0)
            continue; /* the reader has refused it */
        a.unix_mode = root->unix_mode > 0 ? (unsigned)root->unix_mode : 0;
        err = add_wanted(c, &a, why);
        if (err < 0 && is_given)
            wr_options_error(s->options, root->listen.at[i], NULL, &s->errors, "%s", why);
        else if (err < 0)
            wr_errors_add(&s->errors, why);
        error = err < 0 ? err : error;
    }
    return error;
}

static int32_t collect(struct collected *c)
{
    struct weir_server *s = c->s;
    const struct wr_root_options *root = wr_options_root(s->options);
    int32_t error = 0, err;

    for (int i = 0; i < s->given_n; i++)
        if ((err = add_given(c, s->given_fds[i])) < 0)
            error = err;
    for (int i = 0; i < s->addresses_n; i++) {
        struct wr_address a = s->addresses[i];
        char why[WR_WHY_MAX];

        a.unix_mode = root->unix_mode > 0 ? (unsigned)root->unix_mode : 0;
        err = add_wanted(c, &a, why);
        if (err < 0) {
            wr_errors_add(&s->errors, why);
            error = err;
        }
    }
    err = add_configured(c);
    return err < 0 ? err : error;
}

/* Nowhere at all has to be meant: "listen": [], for a host that hands connections in. */
int32_t wr_bindings_check(struct weir_server *s)
{
    if (s->addresses_n + s->given_n > 0 || s->source.text || wr_options_has(s->options, "listen"))
        return 0;
    wr_errors_add(&s->errors, "there is nowhere to listen: add an address");
    return WEIR_ESTATE;
}

int32_t wr_bindings_make(struct weir_server *s, struct wr_listenings *out)
{
    struct collected c = {s, out};
    size_t room = (size_t)(s->given_n + s->addresses_n) + wr_options_root(s->options)->listen.n;
    int32_t error = wr_bindings_check(s);

    *out = (struct wr_listenings){0};
    if (error < 0)
        return error;
    *out = (struct wr_listenings){.v = calloc(room + 1, sizeof(struct wr_listening *))};
    if (!out->v) {
        wr_errors_add(&s->errors, "out of memory");
        return WEIR_ENOMEM;
    }
    error = collect(&c);
    if (error < 0)
        wr_bindings_drop(s, out);
    return error;
}

void wr_bindings_drop(struct weir_server *s, struct wr_listenings *listenings)
{
    for (size_t i = 0; i < listenings->n; i++) {
        struct wr_listening *l = listenings->v[i];

        if (has(&s->listenings, l))
            continue;
        wr_listening_remove_path(l);
        wr_listening_free(l);
    }
    free(listenings->v);
    *listenings = (struct wr_listenings){0};
}

void wr_bindings_take(struct weir_server *s, struct wr_listenings *listenings)
{
    struct wr_listenings before;

    pthread_mutex_lock(&s->lock);
    before = s->listenings;
    s->listenings = *listenings;
    pthread_mutex_unlock(&s->lock);
    wr_bindings_drop(s, &before);
    *listenings = (struct wr_listenings){0};
}

/* Their texts stay until they are forgotten: this may be the thread of weir_server_wait(), while
 * another asks for addresses. */
void wr_bindings_close(struct weir_server *s)
{
    struct wr_listenings all;

    wr_bindings_forget(s);
    pthread_mutex_lock(&s->lock);
    all = s->listenings;
    s->listenings = (struct wr_listenings){0};
    pthread_mutex_unlock(&s->lock);
    for (size_t i = 0; i < all.n; i++) {
        wr_listening_remove_path(all.v[i]);
        wr_listening_close(all.v[i]);
    }
    s->closed = all;
}

void wr_bindings_forget(struct weir_server *s)
{
    for (size_t i = 0; i < s->closed.n; i++)
        wr_listening_free(s->closed.v[i]);
    free(s->closed.v);
    s->closed = (struct wr_listenings){0};
}
