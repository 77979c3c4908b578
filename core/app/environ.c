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

    if (!root.p || path.n == 0)
        return absent;
    memory = wr_arena_alloc(arena_of(e), root.n + path.n + 1);
    if (!memory)
        return absent;
    memcpy(memory, root.p, root.n);
    memcpy(memory + root.n, path.p, path.n);
    memory[root.n + path.n] = '\0';
    return wr_slice(memory, root.n + path.n);
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

/* How a value is had. */
enum way {
    LINED, /* of the request, unless it is empty, and the end of something: the octet behind it, a blank or
               the end of a line, means nothing any more */
    SLICED, /* of the request: there may be no NUL behind it */
    FIXED,  /* a text, at no cost */
    MADE    /* a text, anew each time */
};

/* Number, key, its fourth character and the last three, by which it is told from the others. */
#define OWN_KEYS(X)                                                                                \
    X(PATH_INFO, "PATH_INFO", 'H', 'N', 'F', 'O', FIXED, path_info)                                \
    X(REQUEST_METHOD, "REQUEST_METHOD", 'U', 'H', 'O', 'D', LINED, request_method)                 \
    X(QUERY_STRING, "QUERY_STRING", 'R', 'I', 'N', 'G', LINED, query_string)                       \
    X(SCRIPT_NAME, "SCRIPT_NAME", 'I', 'A', 'M', 'E', FIXED, script_name)                          \
    X(CONTENT_TYPE, "CONTENT_TYPE", 'T', 'Y', 'P', 'E', LINED, content_type)                       \
    X(CONTENT_LENGTH, "CONTENT_LENGTH", 'T', 'G', 'T', 'H', LINED, content_length)                 \
    X(REQUEST_URI, "REQUEST_URI", 'U', 'U', 'R', 'I', LINED, request_uri)                          \
    X(REMOTE_ADDR, "REMOTE_ADDR", 'O', 'D', 'D', 'R', MADE, remote_addr)                           \
    X(REMOTE_PORT, "REMOTE_PORT", 'O', 'O', 'R', 'T', MADE, remote_port)                           \
    X(SERVER_NAME, "SERVER_NAME", 'V', 'A', 'M', 'E', SLICED, server_name)                         \
    X(SERVER_PORT, "SERVER_PORT", 'V', 'O', 'R', 'T', SLICED, server_port)                         \
    X(SERVER_PROTOCOL, "SERVER_PROTOCOL", 'V', 'C', 'O', 'L', SLICED, server_protocol)             \
    X(SERVER_SOFTWARE, "SERVER_SOFTWARE", 'V', 'A', 'R', 'E', FIXED, server_software)              \
    X(GATEWAY_INTERFACE, "GATEWAY_INTERFACE", 'E', 'A', 'C', 'E', FIXED, gateway_interface)        \
    X(REQUEST_SCHEME, "REQUEST_SCHEME", 'U', 'E', 'M', 'E', FIXED, scheme)                         \
    X(HTTPS, "HTTPS", 'P', 'T', 'P', 'S', FIXED, https)                                            \
    X(DOCUMENT_ROOT, "DOCUMENT_ROOT", 'U', 'O', 'O', 'T', FIXED, document_root)                    \
    X(PATH_TRANSLATED, "PATH_TRANSLATED", 'H', 'T', 'E', 'D', MADE, path_translated)               \
    X(REQUEST_ID, "REQUEST_ID", 'U', '_', 'I', 'D', MADE, request_id)                              \
    X(OWN_VERSION, "weir.version", 'r', 'i', 'o', 'n', FIXED, version)                             \
    X(OWN_URL_SCHEME, "weir.url_scheme", 'r', 'e', 'm', 'e', FIXED, scheme)                        \
    X(OWN_MULTITHREAD, "weir.multithread", 'r', 'e', 'a', 'd', FIXED, multithread)                 \
    X(OWN_MULTIPROCESS, "weir.multiprocess", 'r', 'e', 's', 's', FIXED, never)                     \
    X(OWN_RUN_ONCE, "weir.run_once", 'r', 'n', 'c', 'e', FIXED, never)

enum {
#define KEY(id, text, c1, c2, c3, c4, way, get) KEY_##id,
    OWN_KEYS(KEY)
#undef KEY
        KEYS
};

static const struct {
    struct wr_slice key;
    enum way way;
    struct wr_slice (*get)(struct wr_environ *e);
} keys[] = {
#define KEY(id, text, c1, c2, c3, c4, way, get) {{text, sizeof(text) - 1}, way, get},
    OWN_KEYS(KEY)
#undef KEY
};
#define NO_KEY    SIZE_MAX
#define KEY_N_MIN 5 /* of HTTPS */

#define FOUR(a, b, c, d)                                                                           \
    ((uint32_t)(a) | (uint32_t)(b) << 8 | (uint32_t)(c) << 16 | (uint32_t)(d) << 24)

/* The number of the key that it may be. */
static size_t guess_key(const unsigned char *p, size_t n)
{
    switch (FOUR(p[3], p[n - 3], p[n - 2], p[n - 1])) {
#define KEY(id, text, c1, c2, c3, c4, way, get)                                                    \
    case FOUR(c1, c2, c3, c4):                                                                     \
        return KEY_##id;
        OWN_KEYS(KEY)
#undef KEY
    default:
        return NO_KEY;
    }
}

static size_t find_key(struct wr_slice key)
{
    size_t i = key.n >= KEY_N_MIN ? guess_key((const unsigned char *)key.p, key.n) : NO_KEY;

    return i != NO_KEY && wr_slice_eq(keys[i].key, key) ? i : NO_KEY;
}

/* ---- HTTP_* ---- */

/* What a character of a field's name is in a key; 0: it has no place in one. An underscore in a name
 * would pass for a hyphen. */
static char key_char(char c)
{
#define SAME(c)            [c] = (c)
#define BOTH(upper, lower) [upper] = (upper), [lower] = (upper)
    static const char chars[256] = {
        BOTH('A', 'a'), BOTH('B', 'b'), BOTH('C', 'c'), BOTH('D', 'd'), BOTH('E', 'e'),
        BOTH('F', 'f'), BOTH('G', 'g'), BOTH('H', 'h'), BOTH('I', 'i'), BOTH('J', 'j'),
        BOTH('K', 'k'), BOTH('L', 'l'), BOTH('M', 'm'), BOTH('N', 'n'), BOTH('O', 'o'),
        BOTH('P', 'p'), BOTH('Q', 'q'), BOTH('R', 'r'), BOTH('S', 's'), BOTH('T', 't'),
        BOTH('U', 'u'), BOTH('V', 'v'), BOTH('W', 'w'), BOTH('X', 'x'), BOTH('Y', 'y'),
        BOTH('Z', 'z'), SAME('0'),      SAME('1'),      SAME('2'),      SAME('3'),
        SAME('4'),      SAME('5'),      SAME('6'),      SAME('7'),      SAME('8'),
        SAME('9'),      ['-'] = '_'};
#undef SAME
#undef BOTH

    return chars[(unsigned char)c];
}

/* Is `name`, as long as `key`, the field that `key`, without its HTTP_, means? From its end, for many
 * begin alike. */
static bool is_name_of(struct wr_slice name, struct wr_slice key)
{
    for (size_t i = key.n; i-- > 0;) {
        char c = key_char(name.p[i]);

        if (c == 0 || c != key.p[i])
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

/* The first field that it means, without its HTTP_. */
static size_t find_field(const struct wr_environ *e, struct wr_slice key)
{
    const struct wr_fields *f = &e->x->request.fields;

    for (size_t i = 0; i < f->n; i++)
        if (f->v[i].name.n == key.n && is_name_of(f->v[i].name, key))
            return has_no_key(key) ? NO_KEY : KEYS + i;
    return NO_KEY;
}

/* The last letter first, for many begin alike. */
static inline bool has_same_name(const struct wr_field *a, const struct wr_field *b)
{
    size_t n = a->name.n;

    return b->id == a->id && b->name.n == n &&
           ((a->name.p[n - 1] ^ b->name.p[n - 1]) | 0x20) == 0x20 && wr_slice_ieq(a->name, b->name);
}

/* From this one on, the next of the same name; as many as there are: none. */
static size_t next_same(const struct wr_fields *f, size_t i)
{
    const struct wr_field *of = &f->v[i];

    do
        i++;
    while (i < f->n && !has_same_name(of, &f->v[i]));
    return i;
}

/* Is it of a name that is known, and no other is? Then none needs to be looked at. */
static inline bool is_alone(const struct wr_fields *f, size_t i)
{
    enum wr_field_id id = f->v[i].id;

    return id != WR_FIELD_OTHER && !(f->repeated & wr_fields_bit(id));
}

static inline bool is_last_of_name(const struct wr_fields *f, size_t i)
{
    return is_alone(f, i) || next_same(f, i) == f->n;
}

/* Its value and those of all that have the same name (RFC 9110 5.3; Cookie: RFC 9113 8.2.3). */
static struct wr_slice join(struct wr_environ *e, size_t first)
{
    const struct wr_fields *f = &e->x->request.fields;
    bool is_cookie = f->v[first].id == WR_FIELD_COOKIE;
    struct wr_slice separator = is_cookie ? TEXT("; ") : TEXT(", ");
    size_t total = 0;
    char *memory;
    struct wr_buf b;

    for (size_t i = first; i < f->n; i = next_same(f, i))
        total += f->v[i].value.n + separator.n;
    memory = wr_arena_alloc(arena_of(e), total); /* one separator more: for the NUL */
    if (!memory)
        return absent;
    b = wr_buf_on(memory, total);
    for (size_t i = first; i < f->n; i = next_same(f, i)) {
        if (i > first)
            wr_buf_slice_append(&b, separator);
        wr_buf_slice_append(&b, f->v[i].value);
    }
    memory[b.n] = '\0';
    return wr_buf_slice(&b);
}

/* ---- looking up ---- */

/* What was made or copied, by the number of its key: those of the list, then the fields, each at the
 * first of its name. All but p NULL have a NUL behind them. */
struct wr_environ_texts {
    struct wr_slice
        *names; /* of the fields' keys, when they have been listed; NULL: they have not */
    struct wr_slice v[];
};

static void keep(struct wr_environ *e, size_t number, struct wr_slice text)
{
    size_t size = sizeof *e->texts + (KEYS + e->x->request.fields.n) * sizeof *e->texts->v;

    if (!e->texts) {
        e->texts = wr_arena_alloc(arena_of(e), size);
        if (!e->texts)
            return; /* it is made again when it is asked for again */
        memset(e->texts, 0, size);
    }
    e->texts->v[number] = text;
}

/* Of the request, as a key or a field has it. *way says how. */
static struct wr_slice value_of(struct wr_environ *e, size_t number, enum way *way)
{
    const struct wr_fields *f = &e->x->request.fields;
    size_t i = number - KEYS;

    if (number < KEYS) {
        *way = number == KEY_CONTENT_LENGTH && e->is_gathered ? MADE : keys[number].way;
        return keys[number].get(e);
    }
    if (f->v[i].id == WR_FIELD_HOST) { /* RFC 9112 3.2.2: or of the target, with more behind it */
        *way = e->x->request.host.p == f->v[i].value.p ? LINED : SLICED;
        return e->x->request.host;
    }
    *way = LINED;
    if (is_last_of_name(f, i))
        return f->v[i].value;
    *way = MADE;
    return join(e, i);
}

/* The memory of a head is the request's, and whoever asks has read it: the blank or the end of line behind the
 * value becomes the NUL of a text, which saves a copy. */
static struct wr_slice end_in_place(struct wr_slice value)
{
    char *end = (char *)(uintptr_t)value.p + value.n; /* NOLINT(performance-no-int-to-ptr) */

    *end = '\0';
    return value;
}

/* Of this number; absent: it has none, or there is no memory. With a NUL behind it, if that is wanted. */
static struct wr_slice look_up(struct wr_environ *e, size_t number, bool wants_text)
{
    struct wr_slice value;
    enum way way;

    if (number == NO_KEY)
        return absent;
    if (e->texts && e->texts->v[number].p)
        return e->texts->v[number];
    value = value_of(e, number, &way);
    if (!value.p || way == FIXED || (way != MADE && !wants_text))
        return value;
    if (way != MADE && value.n == 0)
        return TEXT("");
    if (way == LINED)
        return end_in_place(value);
    if (way == SLICED)
        value = wr_arena_dup(arena_of(e), value);
    if (value.p)
        keep(e, number, value);
    return value;
}

static struct wr_environ_value *find_value(struct wr_environ *e, struct wr_slice key)
{
    for (struct wr_environ_value *v = e->values; v; v = v->next)
        if (wr_slice_eq(v->key, key))
            return v;
    return NULL;
}

static size_t number_of(const struct wr_environ *e, struct wr_slice key)
{
    if (wr_slice_starts(key, TEXT("HTTP_")))
        return find_field(e, wr_slice_from(key, strlen("HTTP_")));
    return find_key(key);
}

static struct wr_slice get(struct wr_environ *e, struct wr_slice key, bool wants_text)
{
    const struct wr_environ_value *v = e->values ? find_value(e, key) : NULL;

    return v ? v->value : look_up(e, number_of(e, key), wants_text);
}

const char *wr_environ_get(weir_environ *env, const char *key, size_t key_n)
{
    return get(wr_environ_of(env), wr_slice(key, key_n), true).p;
}

const char *wr_environ_get_n(weir_environ *env, const char *key, size_t key_n, size_t *n)
{
    struct wr_slice found = get(wr_environ_of(env), wr_slice(key, key_n), false);

    *n = found.p ? found.n : 0;
    return found.p;
}

/* ---- weir_set() ---- */

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

int32_t wr_environ_set(weir_environ *env, const char *key, const char *value)
{
    struct wr_environ *e = wr_environ_of(env);
    struct wr_environ_value *v;

    if (!key || !*key)
        return WEIR_EINVAL;
    v = add_value(e, wr_slice_of(key), value ? wr_slice_of(value) : absent);
    if (!v)
        return WEIR_ENOMEM;
    return 0;
}

void wr_environ_pass_on(struct wr_environ *from, struct wr_environ *to)
{
    struct wr_environ_value **end = &to->values;

    for (const struct wr_environ_value *v = from->values; v; v = v->next) {
        struct wr_environ_value *copy = wr_arena_alloc(arena_of(to), sizeof *copy);

        if (!copy)
            return; /* the next allocation of the app fails, too */
        *copy = *v;
        copy->next = NULL;
        *end = copy;
        end = &copy->next;
    }
}

/* ---- all of it ---- */

struct walk {
    struct wr_environ *e;
    int32_t (*fn)(void *arg, const char *key, const char *value, size_t n);
    void *arg;
};

/* Gives a key, unless it was made absent. */
static int32_t visit(const struct walk *w, struct wr_slice key, size_t number)
{
    const struct wr_environ_value *v = w->e->values ? find_value(w->e, key) : NULL;
    struct wr_slice value = v ? v->value : look_up(w->e, number, true);

    return value.p ? w->fn(w->arg, key.p, value.p, value.n) : 0;
}

static bool is_first_of_name(const struct wr_fields *f, size_t i)
{
    if (is_alone(f, i))
        return true;
    for (size_t k = 0; k < i; k++)
        if (has_same_name(&f->v[k], &f->v[i]))
            return false;
    return true;
}

/* Of names that are known. The rest is made. */
static const struct wr_slice known_names[WR_FIELD_COUNT] = {
#define KNOWN(id, text) [WR_FIELD_##id] = {"HTTP_" text, sizeof("HTTP_" text) - 1}
    KNOWN(HOST, "HOST"),
    KNOWN(RANGE, "RANGE"),
    KNOWN(COOKIE, "COOKIE"),
    KNOWN(EXPECT, "EXPECT"),
    KNOWN(REFERER, "REFERER"),
    KNOWN(IF_MATCH, "IF_MATCH"),
    KNOWN(IF_RANGE, "IF_RANGE"),
    KNOWN(CONNECTION, "CONNECTION"),
    KNOWN(USER_AGENT, "USER_AGENT"),
    KNOWN(IF_NONE_MATCH, "IF_NONE_MATCH"),
    KNOWN(ACCEPT_ENCODING, "ACCEPT_ENCODING"),
    KNOWN(IF_MODIFIED_SINCE, "IF_MODIFIED_SINCE"),
    KNOWN(TRANSFER_ENCODING, "TRANSFER_ENCODING"),
    KNOWN(IF_UNMODIFIED_SINCE, "IF_UNMODIFIED_SINCE"),
#undef KNOWN
};

/* The key of field i; absent when it has none or an earlier field has it. */
static struct wr_slice make_name(struct wr_environ *e, size_t i)
{
    const size_t before = strlen("HTTP_");
    const struct wr_fields *f = &e->x->request.fields;
    struct wr_slice name = f->v[i].name;
    enum wr_field_id id = f->v[i].id;
    char *text;

    if (!is_first_of_name(f, i))
        return absent;
    if (id != WR_FIELD_OTHER && known_names[id].p)
        return known_names[id];
    text = wr_arena_alloc(arena_of(e), before + name.n + 1);
    if (!text)
        return absent;
    memcpy(text, "HTTP_", before);
    for (size_t k = 0; k < name.n; k++) {
        text[before + k] = key_char(name.p[k]);
        if (text[before + k] == 0)
            return absent;
    }
    text[before + name.n] = '\0';
    return has_no_key(wr_slice(text + before, name.n)) ? absent : wr_slice(text, before + name.n);
}

/* The keys of all fields, made once: who lists them often counts them first. NULL: no memory. */
static const struct wr_slice *names_of_fields(struct wr_environ *e)
{
    size_t n = e->x->request.fields.n;
    struct wr_slice *names;

    if (e->texts && e->texts->names)
        return e->texts->names;
    names = wr_arena_alloc(arena_of(e), n * sizeof *names);
    for (size_t i = 0; names && i < n; i++)
        names[i] = make_name(e, i);
    if (e->texts)
        e->texts->names = names;
    return names;
}

static int32_t visit_fields(const struct walk *w)
{
    const struct wr_slice *names = names_of_fields(w->e);
    int32_t r = 0;

    for (size_t i = 0; names && i < w->e->x->request.fields.n && r == 0; i++)
        if (names[i].p)
            r = visit(w, names[i], KEYS + i);
    return r;
}

/* Is this the newest value of its key, and of a key that the request itself has not? */
static bool is_new_key(struct wr_environ *e, const struct wr_environ_value *v)
{
    return find_value(e, v->key) == v && number_of(e, v->key) == NO_KEY;
}

int32_t wr_environ_each(weir_environ *env,
                        int32_t (*fn)(void *arg, const char *key, const char *value, size_t n),
                        void *arg)
{
    struct walk w = {wr_environ_of(env), fn, arg};
    int32_t r = fn ? 0 : WEIR_EINVAL;

    for (size_t i = 0; i < KEYS && r == 0; i++)
        r = visit(&w, keys[i].key, i);
    if (r == 0)
        r = visit_fields(&w);
    for (struct wr_environ_value *v = w.e->values; v && r == 0; v = v->next)
        if (v->value.p && is_new_key(w.e, v))
            r = w.fn(w.arg, v->key.p, v->value.p, v->value.n);
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
