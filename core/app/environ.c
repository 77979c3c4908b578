#include "app/environ.h"

#include <weir/version.h>

#include "app/mount.h"
#include "base/buf.h"

#define TEXT(literal) WR_SLICE(literal)

static const struct wr_slice absent;

static struct wr_arena *arena_of(struct wr_environ *e)
{
    return &e->x->arena;
}

/* ---- values that are more than a slice of the request ---- */

static struct wr_slice printed(struct wr_environ *e, uint64_t number)
{
    char text[24];
    struct wr_buf b = wr_buf_on(text, sizeof text);

    wr_buf_u64(&b, number);
    return wr_arena_dup(arena_of(e), wr_buf_slice(&b));
}

static struct wr_slice script_name(struct wr_environ *e)
{
    struct wr_slice path = e->route->path;

    return wr_slice_eq(path, TEXT("/")) ? TEXT("") : path; /* of the exact route of "/" */
}

static struct wr_slice path_info(struct wr_environ *e)
{
    return wr_slice_from(e->x->request.path, script_name(e).n);
}

static struct wr_slice request_method(struct wr_environ *e)
{
    return e->x->request.method_token;
}

static struct wr_slice query_string(struct wr_environ *e)
{
    return e->x->request.query.p ? e->x->request.query : TEXT("");
}

static struct wr_slice content_type(struct wr_environ *e)
{
    return wr_fields_get(&e->x->request.fields, WR_FIELD_CONTENT_TYPE);
}

static struct wr_slice content_length(struct wr_environ *e)
{
    if (e->is_gathered)
        return printed(e, e->content_n);
    return wr_fields_get(&e->x->request.fields, WR_FIELD_CONTENT_LENGTH);
}

static struct wr_slice gateway_interface(struct wr_environ *e)
{
    (void)e;
    return TEXT("CGI/1.1");
}

/* The authority without its port; brackets stay, as in an URI. */
static struct wr_slice server_name(struct wr_environ *e)
{
    struct wr_slice host = e->x->request.host;
    size_t n = host.n;

    if (n == 0)
        return TEXT("localhost"); /* an HTTP/1.0 client that names no host */
    while (n > 0 && host.p[n - 1] >= '0' && host.p[n - 1] <= '9')
        n--;
    return n > 0 && host.p[n - 1] == ':' ? wr_slice(host.p, n - 1) : host;
}

static struct wr_slice server_port(struct wr_environ *e)
{
    struct wr_slice host = e->x->request.host, name = server_name(e);

    if (e->x->request.peer.own_port != 0)
        return printed(e, e->x->request.peer.own_port);
    if (host.n > name.n + 1 && host.p) /* of a unix socket: behind a proxy, which passes Host on */
        return wr_slice_from(host, name.n + 1);
    return e->x->request.is_https ? TEXT("443") : TEXT("80");
}

static struct wr_slice server_protocol(struct wr_environ *e)
{
    return e->x->request.version;
}

static struct wr_slice server_software(struct wr_environ *e)
{
    (void)e;
    return TEXT("Weir/" WEIR_VERSION);
}

static struct wr_slice remote_addr(struct wr_environ *e)
{
    char text[WR_PEER_TEXT_MAX];
    const struct wr_peer *peer = &e->x->request.peer;

    if (peer->family == AF_UNIX)
        return absent;
    return wr_arena_dup(arena_of(e), wr_slice(text, wr_peer_format(peer, text)));
}

static struct wr_slice remote_port(struct wr_environ *e)
{
    const struct wr_peer *peer = &e->x->request.peer;

    return peer->family == AF_UNIX ? absent : printed(e, peer->port);
}

static struct wr_slice request_uri(struct wr_environ *e)
{
    return e->x->request.target;
}

static struct wr_slice scheme(struct wr_environ *e)
{
    return e->x->request.is_https ? TEXT("https") : TEXT("http");
}

static struct wr_slice https(struct wr_environ *e)
{
    return e->x->request.is_https ? TEXT("on") : absent;
}

static struct wr_slice document_root(struct wr_environ *e)
{
    const char *folder = e->mount->document_root;

    return folder ? wr_slice_of(folder) : absent;
}

static struct wr_slice path_translated(struct wr_environ *e)
{
    struct wr_slice root = document_root(e), path = path_info(e);
    char *memory;
    struct wr_buf b;

    if (!root.p || path.n == 0)
        return absent;
    memory = wr_arena_alloc(arena_of(e), root.n + path.n);
    b = wr_buf_on(memory, memory ? root.n + path.n : 0);
    wr_buf_slice_append(&b, root);
    wr_buf_slice_append(&b, path);
    return memory ? wr_buf_slice(&b) : absent;
}

static struct wr_slice request_id(struct wr_environ *e)
{
    char text[WR_EXCHANGE_ID_MAX];

    return wr_arena_dup(arena_of(e), wr_slice(text, wr_exchange_id(e->x, text)));
}

static struct wr_slice version(struct wr_environ *e)
{
    (void)e;
    return TEXT("1.0");
}

static struct wr_slice flag(bool is_so)
{
    return is_so ? TEXT("1") : TEXT("0");
}

static struct wr_slice multithread(struct wr_environ *e)
{
    return flag(wr_mount_is_concurrent(e->mount));
}

static struct wr_slice never(struct wr_environ *e)
{
    (void)e;
    return flag(false);
}

_Static_assert(WEIR_ABI_MAJOR == 1 && WEIR_ABI_MINOR == 0, "weir.version says so");

/* Those that apps ask for most come first. */
static const struct {
    struct wr_slice key;
    struct wr_slice (*get)(struct wr_environ *e);
} keys[] = {
#define KEY(text, get)                                                                             \
    {                                                                                              \
        {text, sizeof(text) - 1}, get                                                              \
    }
    KEY("PATH_INFO", path_info),
    KEY("REQUEST_METHOD", request_method),
    KEY("QUERY_STRING", query_string),
    KEY("SCRIPT_NAME", script_name),
    KEY("CONTENT_TYPE", content_type),
    KEY("CONTENT_LENGTH", content_length),
    KEY("REQUEST_URI", request_uri),
    KEY("REMOTE_ADDR", remote_addr),
    KEY("REMOTE_PORT", remote_port),
    KEY("SERVER_NAME", server_name),
    KEY("SERVER_PORT", server_port),
    KEY("SERVER_PROTOCOL", server_protocol),
    KEY("SERVER_SOFTWARE", server_software),
    KEY("GATEWAY_INTERFACE", gateway_interface),
    KEY("REQUEST_SCHEME", scheme),
    KEY("HTTPS", https),
    KEY("DOCUMENT_ROOT", document_root),
    KEY("PATH_TRANSLATED", path_translated),
    KEY("REQUEST_ID", request_id),
    KEY("weir.version", version),
    KEY("weir.url_scheme", scheme),
    KEY("weir.multithread", multithread),
    KEY("weir.multiprocess", never),
    KEY("weir.run_once", never),
#undef KEY
};
#define KEYS (sizeof keys / sizeof keys[0])

/* ---- HTTP_* ---- */

static char upper(char c)
{
    return (char)(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
}

static bool is_plain(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
}

/* Is `name`, as long as `key`, the field that `key`, without its HTTP_, means? An underscore in a
 * name would pass for a hyphen, and what is neither letter, digit nor hyphen has no place in a key.
 */
static bool is_name_of(struct wr_slice name, struct wr_slice key)
{
    for (size_t i = 0; i < key.n; i++) {
        char c = upper(name.p[i]);

        if (!is_plain(c) || key.p[i] != (c == '-' ? '_' : c))
            return false;
    }
    return true;
}

/* Has a key of its own, or none: "Proxy" would become HTTP_PROXY, which is a setting of clients
 * that an app may be (httpoxy, CVE-2016-5385). */
static bool has_no_key(struct wr_slice key)
{
    return wr_slice_eq(key, TEXT("CONTENT_TYPE")) || wr_slice_eq(key, TEXT("CONTENT_LENGTH")) ||
           wr_slice_eq(key, TEXT("PROXY"));
}

/* All values of the fields that `key` means, joined (RFC 9110 5.3; Cookie: RFC 9113 8.2.3). */
static struct wr_slice join(struct wr_environ *e, struct wr_slice key, size_t total)
{
    const struct wr_fields *f = &e->x->request.fields;
    struct wr_slice separator = wr_slice_eq(key, TEXT("COOKIE")) ? TEXT("; ") : TEXT(", ");
    char *memory = wr_arena_alloc(arena_of(e), total);
    struct wr_buf b = wr_buf_on(memory, memory ? total : 0);
    bool has_one = false;

    for (unsigned i = 0; i < f->n; i++) {
        if (f->v[i].name.n != key.n || !is_name_of(f->v[i].name, key))
            continue;
        if (has_one)
            wr_buf_slice_append(&b, separator);
        wr_buf_slice_append(&b, f->v[i].value);
        has_one = true;
    }
    return memory ? wr_buf_slice(&b) : absent;
}

static struct wr_slice find_http(struct wr_environ *e, struct wr_slice key)
{
    const struct wr_fields *f = &e->x->request.fields;
    struct wr_slice found = absent;
    size_t total = 0, count = 0;

    for (const struct wr_field *it = f->v; it < f->v + f->n; it++) {
        if (it->name.n != key.n || !is_name_of(it->name, key))
            continue;
        found = it->value;
        total += found.n + strlen(", ");
        count++;
    }
    if (count == 0 || has_no_key(key))
        return absent;
    if (wr_slice_eq(key, TEXT("HOST"))) /* RFC 9112 3.2.2: not the field, when the target has one */
        return e->x->request.host;
    return count > 1 ? join(e, key, total) : found;
}

/* ---- looking up ---- */

static struct wr_environ_value *find_value(struct wr_environ *e, struct wr_slice key)
{
    for (struct wr_environ_value *v = e->values; v; v = v->next)
        if (wr_slice_eq(v->key, key))
            return v;
    return NULL;
}

static struct wr_slice find_own(struct wr_environ *e, struct wr_slice key)
{
    if (wr_slice_starts(key, TEXT("HTTP_")))
        return find_http(e, wr_slice_from(key, strlen("HTTP_")));
    for (size_t i = 0; i < KEYS; i++)
        if (keys[i].key.n == key.n && memcmp(keys[i].key.p, key.p, key.n) == 0)
            return keys[i].get(e);
    return absent;
}

const char *wr_environ_get_n(weir_environ *env, const char *key, size_t key_n, size_t *n)
{
    struct wr_environ *e = wr_environ_of(env);
    const struct wr_environ_value *v = e->values ? find_value(e, wr_slice(key, key_n)) : NULL;
    struct wr_slice found = v ? v->value : find_own(e, wr_slice(key, key_n));

    *n = found.p ? found.n : 0;
    return found.p;
}

/* A new entry of the list, key and value copied; NULL: no memory. */
static struct wr_environ_value *add_value(struct wr_environ *e, struct wr_slice key,
                                          struct wr_slice value)
{
    struct wr_environ_value *v = wr_arena_alloc(arena_of(e), sizeof *v);

    if (!v)
        return NULL;
    *v = (struct wr_environ_value){.key = wr_arena_dup(arena_of(e), key)};
    if (value.p)
        v->value = wr_arena_dup(arena_of(e), value);
    if (!v->key.p || (value.p && !v->value.p))
        return NULL;
    v->next = e->values;
    e->values = v;
    return v;
}

/* Slices with a NUL behind them: of the path, of the route, of a static text, or copied before. */
static bool is_terminated(struct wr_environ *e, struct wr_slice value)
{
    struct wr_slice path = e->x->request.path;

    return value.p + value.n == path.p + path.n || value.n == 0 || value.p == e->route->path.p;
}

const char *wr_environ_get(weir_environ *env, const char *key, size_t key_n)
{
    struct wr_environ *e = wr_environ_of(env);
    struct wr_slice name = wr_slice(key, key_n), value;
    const struct wr_environ_value *v = e->values ? find_value(e, name) : NULL;

    if (v)
        return v->value.p;
    value = find_own(e, name);
    if (!value.p)
        return NULL;
    if (value.n == 0)
        return "";
    if (is_terminated(e, value))
        return value.p;
    v = add_value(e, name, value);
    return v ? v->value.p : NULL;
}

int32_t wr_environ_set(weir_environ *env, const char *key, const char *value)
{
    struct wr_environ *e = wr_environ_of(env);
    struct wr_environ_value *v;

    if (!key || !*key)
        return WEIR_EINVAL;
    v = add_value(e, wr_slice_of(key), value ? wr_slice_of(value) : absent);
    if (!v)
        return WEIR_ENOMEM;
    v->is_set = e->has_values = true;
    return 0;
}

void wr_environ_pass_on(struct wr_environ *from, struct wr_environ *to)
{
    struct wr_environ_value **end = &to->values;

    for (const struct wr_environ_value *v = from->has_values ? from->values : NULL; v;
         v = v->next) {
        struct wr_environ_value *copy;

        if (!v->is_set) /* a copy of a value, which may be another one on this route */
            continue;
        copy = wr_arena_alloc(arena_of(to), sizeof *copy);
        if (!copy)
            return; /* the next allocation of the app fails, too */
        *copy = *v;
        copy->next = NULL;
        *end = copy;
        end = &copy->next;
        to->has_values = true;
    }
}

/* ---- all of it ---- */

struct walk {
    struct wr_environ *e;
    int32_t (*fn)(void *arg, const char *key, const char *value, size_t n);
    void *arg;
};

/* Gives a key, unless it was made absent. */
static int32_t visit(const struct walk *w, struct wr_slice key)
{
    const char *value = wr_environ_get(&w->e->base, key.p, key.n);

    return value ? w->fn(w->arg, key.p, value, strlen(value)) : 0;
}

/* The key of field i; absent when it has none or an earlier field has it. */
static struct wr_slice key_of_field(struct wr_environ *e, unsigned i)
{
    const struct wr_fields *f = &e->x->request.fields;
    struct wr_slice name = f->v[i].name;
    char *text;

    for (unsigned k = 0; k < i; k++)
        if (wr_slice_ieq(f->v[k].name, name))
            return absent;
    text = wr_arena_alloc(arena_of(e), sizeof "HTTP_" + name.n);
    if (!text)
        return absent;
    memcpy(text, "HTTP_", strlen("HTTP_"));
    for (size_t k = 0; k < name.n; k++) {
        char c = upper(name.p[k]);

        if (!is_plain(c))
            return absent;
        text[strlen("HTTP_") + k] = (char)(c == '-' ? '_' : c);
    }
    text[strlen("HTTP_") + name.n] = '\0';
    return wr_slice(text, strlen("HTTP_") + name.n);
}

static int32_t visit_fields(const struct walk *w)
{
    int32_t r = 0;

    for (unsigned i = 0; i < w->e->x->request.fields.n && r == 0; i++) {
        struct wr_slice key = key_of_field(w->e, i);

        if (key.p)
            r = visit(w, key);
    }
    return r;
}

/* A key of the table or of a field, whether it has a value or not: it has had its turn. */
static bool is_own_key(const struct wr_environ *e, struct wr_slice key)
{
    const struct wr_fields *f = &e->x->request.fields;

    for (size_t i = 0; i < KEYS; i++)
        if (wr_slice_eq(keys[i].key, key))
            return true;
    if (!wr_slice_starts(key, TEXT("HTTP_")))
        return false;
    key = wr_slice_from(key, strlen("HTTP_"));
    for (unsigned i = 0; i < f->n; i++)
        if (f->v[i].name.n == key.n && is_name_of(f->v[i].name, key))
            return true;
    return false;
}

/* Is this the newest value of its key, and of a key that the request itself has not? */
static bool is_new_key(struct wr_environ *e, const struct wr_environ_value *v)
{
    return v->is_set && find_value(e, v->key) == v && !is_own_key(e, v->key);
}

int32_t wr_environ_each(weir_environ *env,
                        int32_t (*fn)(void *arg, const char *key, const char *value, size_t n),
                        void *arg)
{
    struct walk w = {wr_environ_of(env), fn, arg};
    int32_t r = fn ? 0 : WEIR_EINVAL;

    for (size_t i = 0; i < KEYS && r == 0; i++)
        r = visit(&w, keys[i].key);
    if (r == 0)
        r = visit_fields(&w);
    for (struct wr_environ_value *v = w.e->has_values ? w.e->values : NULL; v && r == 0;
         v = v->next)
        if (is_new_key(w.e, v))
            r = visit(&w, v->key);
    return r;
}

int32_t wr_environ_header_each(weir_environ *env,
                               int32_t (*fn)(void *arg, const char *name, size_t name_n,
                                             const char *value, size_t value_n),
                               void *arg)
{
    const struct wr_fields *f = &wr_environ_of(env)->x->request.fields;
    int32_t r = fn ? 0 : WEIR_EINVAL;

    for (unsigned i = 0; i < f->n && r == 0; i++)
        r = fn(arg, f->v[i].name.p, f->v[i].name.n, f->v[i].value.p, f->v[i].value.n);
    return r;
}
