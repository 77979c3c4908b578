#include "handlers/redirect.h"

#include <stdlib.h>

#include "app/builtin.h"
#include "handlers/location.h"
#include "http/authority.h"
#include "http/target.h"

#define TARGET_MAX ((size_t)8 * 1024)
#define LOCATION_MAX                                                                               \
    ((size_t)32 * 1024) /* no client takes more, and a head must have room for it */

/* The state of the mount: the target in its parts, which follow one another in `text`. */
struct redirect {
    int status;
    struct wr_slice base;     /* scheme, authority and path */
    struct wr_slice query;    /* with its '?'; absent when there is none */
    struct wr_slice fragment; /* with its '#'; absent when there is none */
    char text[];
};

static struct wr_slice get(weir_environ *env, const char *key)
{
    size_t n;
    const char *value = weir_get_n(env, key, &n);

    return wr_slice(value, n);
}

/* ---- requests ---- */

/* Exactly one '/' lies between the two, whatever a plugin that declined may have set PATH_INFO to:
 * with none, "https://a.example" and ".evil" would make another host, and so would "//evil". */
static void append_rest(struct wr_buf *b, struct wr_slice base, struct wr_slice rest)
{
    if (base.p[base.n - 1] == '/')
        base.n--;
    while (rest.n > 0 && rest.p[0] == '/')
        rest = wr_slice_from(rest, 1);
    wr_buf_slice_append(b, base);
    wr_buf_char(b, '/');
    wr_location_path(b, rest);
}

static void append_query(struct wr_buf *b, weir_environ *env, struct wr_slice query)
{
    struct wr_slice uri = get(env, "REQUEST_URI");

    if (query.n == 0 && (uri.n == 0 || !memchr(uri.p, '?', uri.n)))
        return;
    wr_buf_char(b, '?');
    wr_location_written(b, query);
}

/* An address of this server must be one that it takes (RFC 9110 2.3); the fragment is the client's. */
static bool is_too_long(weir_environ *env, const struct redirect *r, size_t n)
{
    const struct wr_site *site = wr_environ_of(env)->x->lease->site;

    if (n > LOCATION_MAX)
        return true;
    return r->base.p[0] == '/' && n - r->fragment.n > site->config.target_bytes_max;
}

static weir_body answer(weir_environ *env, weir_start_response *start_response,
                        const struct redirect *r)
{
    struct wr_slice rest = get(env, "PATH_INFO"), query = get(env, "QUERY_STRING");
    size_t room = r->base.n + sizeof "/?" + 3 * (rest.n + query.n) + r->query.n + r->fragment.n;
    char *memory = weir_alloc(env, room);
    struct wr_buf location = wr_buf_on(memory, memory ? room : 0);

    if (!memory)
        return weir_error(env, 503);
    if (rest.n > 0 && !wr_builtin_is_exact(env))
        append_rest(&location, r->base, rest);
    else
        wr_buf_slice_append(&location, r->base);
    if (r->query.p)
        wr_buf_slice_append(&location, r->query);
    else
        append_query(&location, env, query);
    wr_buf_slice_append(&location, r->fragment);
    if (is_too_long(env, r, location.n))
        return weir_error(env, 414);
    start_response(env, r->status, NULL);
    weir_header_add(env, "Location", location.p, location.n);
    return weir_error(env, r->status);
}

static weir_body serve(weir_environ *env, weir_start_response *start_response)
{
    const struct redirect *r = weir_state(env);

    return r ? answer(env, start_response, r) : weir_error(env, 500);
}

/* ---- life ---- */

static bool has_only_target_chars(struct wr_slice text)
{
    for (size_t i = 0; i < text.n; i++)
        if (!wr_is_target_char(text.p[i]) && text.p[i] != '#')
            return false;
    return true;
}

static bool has_broken_escape(struct wr_slice text)
{
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] == '%' &&
            (text.n - i < 3 || wr_hex_value(text.p[i + 1]) < 0 || wr_hex_value(text.p[i + 2]) < 0))
            return true;
    return false;
}

static const char *check_url(const struct wr_target *parts)
{
    struct wr_authority authority;

    if (!wr_authority_parse(parts->authority, &authority))
        return "a host, in ASCII and without a user's name, behind the \"://\"";
    return authority.host.n > 0 ? NULL : "a host behind the \"://\"";
}

/* What was expected of the target; NULL: it is right. *parts are those in front of a fragment. */
static const char *check_target(struct wr_slice text, struct wr_target *parts)
{
    const char *mark = memchr(text.p, '#', text.n);
    struct wr_slice head = wr_slice(text.p, mark ? (size_t)(mark - text.p) : text.n);

    if (text.n > TARGET_MAX)
        return "8192 bytes at most";
    if (!has_only_target_chars(text))
        return "no blanks and no control characters";
    if (has_broken_escape(text))
        return "two hexadecimal digits behind each '%'";
    if (!wr_target_split(head, false, false, parts))
        return "a path that begins with '/', or a URL that begins with http:// or https://";
    if (parts->form == WR_TARGET_ABSOLUTE)
        return check_url(parts);
    if (wr_slice_starts(head, WR_SLICE("//"))) /* to a client, a host */
        return "a path that does not begin with \"//\"";
    return NULL;
}

static bool is_redirect(int status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* Appends a delimiter and what was written behind it; the part, which is absent when that is. */
static struct wr_slice append_part(struct wr_buf *b, char delimiter, struct wr_slice written)
{
    size_t start = b->n;

    if (!written.p)
        return written;
    wr_buf_char(b, delimiter);
    wr_location_written(b, written);
    return wr_slice_from(wr_buf_slice(b), start);
}

/* NULL: no memory. What a URI cannot have is escaped here, so that requests copy it as it is. */
static struct redirect *make_redirect(const struct wr_target *parts, struct wr_slice text,
                                      int status)
{
    size_t room = 3 * text.n;
    struct redirect *r = malloc(sizeof *r + room);
    const char *mark = memchr(text.p, '#', text.n), *end = text.p + text.n;
    struct wr_buf b;

    if (!r)
        return NULL;
    *r = (struct redirect){.status = status};
    b = wr_buf_on(r->text, room);
    if (parts->form == WR_TARGET_ABSOLUTE) {
        wr_buf_slice_append(&b, parts->scheme);
        WR_BUF_LITERAL(&b, "://");
        wr_buf_slice_append(&b, parts->authority);
    }
    wr_location_written(&b, parts->raw_path);
    r->base = wr_buf_slice(&b);
    r->query = append_part(&b, '?', parts->query);
    if (mark)
        r->fragment = append_part(&b, '#', wr_slice(mark + 1, (size_t)(end - mark) - 1));
    return r;
}

static int32_t load(const weir_host *host, const weir_config *config, void **state)
{
    const struct wr_redirect_target *from = *state;
    struct wr_slice text = wr_slice_of(from->target);
    struct wr_target parts;
    const char *expected = check_target(text, &parts);
    struct redirect *r;

    (void)host;
    if (expected)
        return weir_config_fail(config, "a redirect: expected %s, found \"%s\"", expected,
                                from->target);
    if (!is_redirect(from->status))
        return weir_config_fail(config,
                                "a redirect: expected the status 301, 302, 303, 307 or 308, found "
                                "%d",
                                from->status);
    r = make_redirect(&parts, text, from->status);
    if (!r) {
        weir_config_fail(config, "out of memory");
        return WEIR_ENOMEM;
    }
    *state = r;
    return 0;
}

static void unload(void *state)
{
    free(state);
}

const weir_plugin wr_redirect_plugin = {
    .magic = WEIR_PLUGIN_MAGIC,
    .abi_major = WEIR_ABI_MAJOR,
    .abi_minor = WEIR_ABI_MINOR,
    .size = sizeof(weir_plugin),
    .name = "redirect",
    .load = load,
    .unload = unload,
    .app = serve,
    .runs = WEIR_ON_LOOP,
};
