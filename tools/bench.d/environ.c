/*
 * environ.c — an application that asks for all that it can know of a request: each key of the
 * environ and each field, with names and values. What is lazy about them gains nothing here.
 *
 * It answers as plugins/hello does, when all that a request of the case has is there; else 500.
 */
#include <weir/app.h>

#define FIELDS_LEAST 12 /* a browser's, and Host */

struct seen {
    int keys, fields;
    size_t sum; /* so that they have to be there */
};

static void look(struct seen *seen, const char *p, size_t n)
{
    if (n)
        seen->sum += n + (unsigned char)p[0] + (unsigned char)p[n - 1];
}

static int32_t key(void *arg, const char *name, const char *value, size_t n)
{
    struct seen *seen = arg;

    look(seen, name, strlen(name));
    look(seen, value, n);
    seen->keys++;
    return 0;
}

static int32_t field(void *arg, const char *name, size_t name_n, const char *value, size_t n)
{
    struct seen *seen = arg;

    look(seen, name, name_n);
    look(seen, value, n);
    seen->fields++;
    return 0;
}

static int is_complete(weir_environ *env, const struct seen *seen)
{
    const char *agent = weir_get(env, "HTTP_USER_AGENT"), *query = weir_get(env, "QUERY_STRING");

    return agent && query && *query && seen->fields > FIELDS_LEAST && seen->keys > seen->fields &&
           seen->sum != 0;
}

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    struct seen seen = {0, 0, 1};

    if (weir_each(env, key, &seen) != 0 || weir_header_each(env, field, &seen) != 0)
        return weir_error(env, 503);
    if (!is_complete(env, &seen))
        return weir_error(env, 500);
    start_response(env, 200, WEIR_HEADERS({"Content-Type", "text/plain"}));
    return weir_text("Hello, World!\n");
}

WEIR_PLUGIN(.name = "environ", .app = app, .runs = WEIR_ON_LOOP);
