/*
 * fields.h — what of a message goes on, and as what (RFC 9110 7.6): which fields are end-to-end,
 * what a proxy says of itself, and the URL below the backend's. Nothing here waits.
 */
#ifndef FETCH_FIELDS_H
#define FETCH_FIELDS_H

#include <weir/app.h>

#include <curl/curl.h>
#include <stdlib.h>
#include <strings.h>

/* ---- text that grows ---- */

/* A string, NUL-terminated when there is one. Above `max` bytes, and without memory, it has
 * failed. */
struct text {
    char *p;
    size_t n, cap, max;
    int has_failed;
};

static inline void text_add(struct text *t, const void *p, size_t n)
{
    if (t->has_failed || n > t->max - t->n) {
        t->has_failed = 1;
        return;
    }
    if (t->n + n + 1 > t->cap) {
        size_t cap = 2 * (t->n + n + 1);
        char *larger = realloc(t->p, cap);

        if (!larger) {
            t->has_failed = 1;
            return;
        }
        t->p = larger;
        t->cap = cap;
    }
    if (n > 0)
        memcpy(t->p + t->n, p, n);
    t->n += n;
    t->p[t->n] = '\0';
}

static inline void text_put(struct text *t, const char *s)
{
    text_add(t, s, strlen(s));
}

#define ALPHANUMERIC "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
#define IN_PATH      ALPHANUMERIC "-._~!$&'()*+,;=:@/"            /* RFC 3986 3.3 */
#define IN_QUERY     ALPHANUMERIC "-._~!$&'()*+,;=:@/?%[]{}|\\^`" /* as it came */

/* Bytes that are not in `kept` as %XX. */
static inline void text_put_escaped(struct text *t, const char *s, const char *kept)
{
    while (*s != '\0') {
        size_t n = strspn(s, kept);
        char code[4];

        text_add(t, s, n);
        s += n;
        if (*s == '\0')
            return;
        snprintf(code, sizeof code, "%%%02X", (unsigned)(unsigned char)*s++);
        text_put(t, code);
    }
}

/* In quotes, as Forwarded has it (RFC 7239 4). */
static inline void text_put_quoted(struct text *t, const char *s)
{
    text_put(t, "\"");
    for (; *s != '\0'; s++) {
        if (*s == '"' || *s == '\\')
            text_put(t, "\\");
        text_add(t, s, 1);
    }
    text_put(t, "\"");
}

/* ---- names ---- */

static inline int is_one_of(const char *name, size_t n, const char *const *list)
{
    for (; *list; list++)
        if (strlen(*list) == n && strncasecmp(*list, name, n) == 0)
            return 1;
    return 0;
}

/* Is it one of a list with commas, as in Connection? */
static inline int is_listed(const char *name, size_t n, const char *list)
{
    while (list && *list != '\0') {
        size_t len;

        list += strspn(list, ", \t");
        len = strcspn(list, ", \t");
        if (len == n && n > 0 && strncasecmp(list, name, n) == 0)
            return 1;
        list += len;
    }
    return 0;
}

/* Of this connection, and not of the message. */
static inline int is_hop_by_hop(const char *name, size_t n)
{
    static const char *const names[] = {"Connection",
                                        "Keep-Alive",
                                        "Proxy-Authenticate",
                                        "Proxy-Authorization",
                                        "Proxy-Connection",
                                        "TE",
                                        "Trailer",
                                        "Transfer-Encoding",
                                        "Upgrade",
                                        NULL};

    return is_one_of(name, n, names);
}

/* ---- to the backend ---- */

struct request_fields {
    struct curl_slist *list;
    const char *connection; /* the request's, or NULL */
    int has_accept;
    int has_failed;
};

static inline void add_line(struct request_fields *f, const char *line)
{
    struct curl_slist *list = f->has_failed ? NULL : curl_slist_append(f->list, line);

    if (list)
        f->list = list;
    else
        f->has_failed = 1;
}

/* libcurl has "name;" for a field without a value. */
static inline void add_field(struct request_fields *f, const char *name, size_t name_n,
                             const char *value, size_t value_n)
{
    struct text line = {.max = 1 << 20};

    text_add(&line, name, name_n);
    text_put(&line, value_n > 0 ? ": " : ";");
    text_add(&line, value, value_n);
    f->has_failed |= line.has_failed;
    if (!line.has_failed)
        add_line(f, line.p);
    free(line.p);
}

/* Called for each field of the request. Some are made by libcurl, or below. Names with other
 * characters than these are not passed on: to a CGI program X_Forwarded_For is X-Forwarded-For. */
static inline int32_t pass_field(void *arg, const char *name, size_t name_n, const char *value,
                                 size_t value_n)
{
    static const char *const ours[] = {"Host",
                                       "Content-Length",
                                       "Expect",
                                       "Forwarded",
                                       "X-Forwarded-For",
                                       "X-Forwarded-Host",
                                       "X-Forwarded-Proto",
                                       NULL};
    struct request_fields *f = arg;

    for (size_t i = 0; i < name_n; i++)
        if (!strchr(ALPHANUMERIC "-", name[i]))
            return 0;
    if (is_hop_by_hop(name, name_n) || is_listed(name, name_n, f->connection) ||
        is_one_of(name, name_n, ours))
        return 0;
    f->has_accept |= name_n == 6 && strncasecmp(name, "Accept", 6) == 0;
    add_field(f, name, name_n, value, value_n);
    return f->has_failed;
}

/* The list of before, with an item more; NULL: there was none. */
static inline void add_to_list(struct request_fields *f, const char *name, const char *before,
                               struct text *item)
{
    struct text value = {.max = 1 << 20};

    if (before && *before != '\0') {
        text_put(&value, before);
        text_put(&value, ", ");
    }
    text_put(&value, item->p ? item->p : "");
    f->has_failed |= value.has_failed || item->has_failed;
    if (!value.has_failed)
        add_field(f, name, strlen(name), value.p, value.n);
    free(value.p);
    free(item->p);
}

/* Who asks, in both spellings (RFC 7239, and what was there before it), and by what (RFC 9110
 * 7.6.3). */
static inline void add_trace(struct request_fields *f, weir_environ *env)
{
    const char *address = weir_get(env, "REMOTE_ADDR"), *host = weir_get(env, "HTTP_HOST");
    const char *scheme = weir_get(env, "REQUEST_SCHEME");
    const char *protocol = weir_get(env, "SERVER_PROTOCOL");
    struct text node = {.max = 4096}, forwarded = {.max = 4096}, via = {.max = 64};
    int is_v6 = address && strchr(address, ':');

    address = address && *address != '\0' ? address : "unknown";
    scheme = scheme ? scheme : "http";
    text_put(&forwarded, is_v6 ? "for=\"[" : "for=");
    text_put(&forwarded, address);
    text_put(&forwarded, is_v6 ? "]\";proto=" : ";proto=");
    text_put(&forwarded, scheme);
    if (host && *host != '\0') {
        text_put(&forwarded, ";host=");
        text_put_quoted(&forwarded, host);
        add_field(f, "X-Forwarded-Host", 16, host, strlen(host));
    }
    text_put(&node, address);
    text_put(&via, protocol && strncmp(protocol, "HTTP/", 5) == 0 ? protocol + 5 : "1.1");
    text_put(&via, " weir");
    add_field(f, "X-Forwarded-Proto", 17, scheme, strlen(scheme));
    add_to_list(f, "X-Forwarded-For", weir_get(env, "HTTP_X_FORWARDED_FOR"), &node);
    add_to_list(f, "Forwarded", weir_get(env, "HTTP_FORWARDED"), &forwarded);
    add_to_list(f, "Via", NULL, &via); /* behind what came of it */
}

/* The fields of the request to the backend; NULL: no memory. */
static inline struct curl_slist *request_fields(weir_environ *env)
{
    struct request_fields f = {.connection = weir_get(env, "HTTP_CONNECTION")};

    weir_header_each(env, pass_field, &f);
    add_trace(&f, env);
    add_line(&f, "Expect:"); /* libcurl's own are left out: who does not ask for a type gets any */
    if (!f.has_accept)
        add_line(&f, "Accept:");
    if (!f.has_failed)
        return f.list;
    curl_slist_free_all(f.list);
    return NULL;
}

/* ---- to the client ---- */

/* "Name: value" of a backend, which is not to be believed: a token, no control characters, not
 * folded. */
static inline int is_field(const char *line)
{
    size_t n = strspn(line, ALPHANUMERIC "!#$%&'*+-.^_`|~");

    if (n == 0 || line[n] != ':')
        return 0;
    for (; line[n] != '\0'; n++)
        if (((unsigned char)line[n] < ' ' && line[n] != '\t') || line[n] == 127)
            return 0;
    return 1;
}

/* The value of a line that is_field(), without the blanks around it. */
static inline const char *value_of(const char *line, size_t *n)
{
    const char *value = strchr(line, ':') + 1;

    value += strspn(value, " \t");
    *n = strlen(value);
    while (*n > 0 && (value[*n - 1] == ' ' || value[*n - 1] == '\t'))
        --*n;
    return value;
}

/* Adds what is end-to-end of the lines, each ended by a NUL, to the answer. Content-Length is
 * not among them: that is the caller's. 0, or -1: one is not valid. */
static inline int pass_answer_fields(weir_environ *env, const struct text *lines)
{
    const char *end = lines->p + lines->n;
    struct text connection = {.max = 1024};
    int result = 0;

    for (const char *line = lines->p; line < end; line += strlen(line) + 1) {
        if (!is_field(line))
            result = -1;
        else if (strncasecmp(line, "Connection:", 11) == 0) {
            text_put(&connection, ",");
            text_put(&connection, line + 11);
        }
    }
    if (connection.has_failed)
        result = -1;
    for (const char *line = lines->p; result == 0 && line < end; line += strlen(line) + 1) {
        size_t name_n = strcspn(line, ":"), n;
        const char *value = value_of(line, &n);
        char name[256];

        if (is_hop_by_hop(line, name_n) || is_listed(line, name_n, connection.p) ||
            (name_n == 14 && strncasecmp(line, "Content-Length", 14) == 0))
            continue;
        if (name_n >= sizeof name)
            result = -1;
        else {
            memcpy(name, line, name_n);
            name[name_n] = '\0';
            weir_header_add(env, name, value, n);
        }
    }
    free(connection.p);
    return result;
}

#endif
