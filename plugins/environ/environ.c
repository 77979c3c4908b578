/*
 * environ.c — shows what an application is told about a request: the keys of its environ, sorted,
 * and the fields as the client sent them.
 *
 * It shows all of that to whoever asks, folders of the server included: for a look, not for the
 * public.
 */
#define _POSIX_C_SOURCE 200809L /* open_memstream */

#include <weir/app.h>

#include <stdlib.h>

struct entry {
    const char *key, *value;
    size_t value_n;
};

struct entries {
    struct entry *at; /* NULL: they are only counted */
    size_t n, room;
};

static int32_t collect(void *arg, const char *key, const char *value, size_t n)
{
    struct entries *entries = arg;

    if (entries->at) {
        if (entries->n == entries->room)
            return WEIR_ETOOBIG;
        entries->at[entries->n] = (struct entry){key, value, n};
    }
    entries->n++;
    return 0;
}

static int by_key(const void *a, const void *b)
{
    const struct entry *left = a, *right = b;

    return strcmp(left->key, right->key);
}

/* A decoded path may hold a line break, which would look like an entry more. */
static void print(FILE *out, const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)p[i];

        if (c < 0x20 || c == 0x7f)
            fprintf(out, "\\x%02x", (unsigned)c);
        else
            putc(c, out);
    }
}

static int32_t print_environ(weir_environ *env, FILE *out)
{
    struct entries entries = {NULL, 0, 0};
    int32_t err = weir_each(env, collect, &entries);

    if (err != 0)
        return err;
    entries.room = entries.n;
    entries.n = 0;
    entries.at = weir_alloc(env, entries.room * sizeof *entries.at);
    if (!entries.at)
        return WEIR_ENOMEM;
    err = weir_each(env, collect, &entries);
    if (err != 0)
        return err;
    qsort(entries.at, entries.n, sizeof *entries.at, by_key);
    for (size_t i = 0; i < entries.n; i++) {
        fprintf(out, "%s=", entries.at[i].key);
        print(out, entries.at[i].value, entries.at[i].value_n);
        putc('\n', out);
    }
    return 0;
}

static int32_t print_field(void *arg, const char *name, size_t name_n, const char *value,
                           size_t value_n)
{
    FILE *out = arg;

    print(out, name, name_n);
    fputs(": ", out);
    print(out, value, value_n);
    putc('\n', out);
    return 0;
}

static int32_t print_all(weir_environ *env, FILE *out)
{
    int32_t err = print_environ(env, out);

    if (err != 0)
        return err;
    putc('\n', out);
    return weir_header_each(env, print_field, out);
}

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);
    int32_t err;
    int is_cut;

    if (!out)
        return weir_error(env, 503);
    err = print_all(env, out);
    is_cut = ferror(out);
    if (fclose(out) != 0 || is_cut || err != 0) {
        weir_log(env, WEIR_LOG_ERROR, "no memory for a list of the environ");
        free(text);
        return weir_error(env, 503);
    }
    start_response(env, 200,
                   WEIR_HEADERS({"Content-Type", "text/plain; charset=utf-8"},
                                {"Cache-Control", "no-store"},
                                {"X-Content-Type-Options", "nosniff"}));
    return weir_owned(text, n, free, text);
}

WEIR_PLUGIN(.name = "environ", .app = app, .runs = WEIR_ON_LOOP);
