#include <stdio.h>
#include <stdlib.h>

#include "decoder.h"
#include "traps.h"

const char *const trap_attempts[] = {"{path}.html", "{path}", "/sub{path}", NULL};

static void print_bytes(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        fprintf(stderr, p[i] < ' ' || p[i] > '~' ? "\\x%02x" : "%c", (unsigned char)p[i]);
    fputc('\n', stderr);
}

_Noreturn void trap_fail(const char *claim, const struct trap_request *q)
{
    fprintf(stderr, "\nNot so: %s\n", claim);
    if (q) {
        fprintf(stderr, "%c%s ", q->method, q->is_absolute ? " http://…" : "");
        print_bytes(q->target.p, q->target.n);
    }
    abort();
}

static void check(bool claim, const char *what, const struct trap_request *q)
{
    if (!claim)
        trap_fail(what, q);
}

/* ---- what is to be answered ---- */

struct expected {
    int status;                     /* 200 also stands for what conditions and ranges make of it */
    const struct trap_node *file;   /* of a 200 … */
    const struct trap_node *folder; /* … or this, as a list */
    struct wr_slice name;           /* by which it was found, beneath the root */
    struct wr_slice address;        /* of a 301: decoded */
    bool closes;
};

/* What names are made in; one request at a time. */
static char path_text[TRAP_TARGET + 2], name_text[TRAP_TARGET + 100],
    address_text[TRAP_TARGET + 100];

/* The names that begin with a dot are not there, but for .well-known at the top. `path` is beneath the
 * root, without '/' in front. */
static bool is_hidden(struct wr_slice path)
{
    static const struct wr_slice known = {".well-known", 11};
    size_t at = 0;

    if (wr_slice_eq(path, known) || wr_slice_starts(path, WR_SLICE(".well-known/")))
        at = known.n;
    for (; at < path.n; at++)
        if (path.p[at] == '.' && (at == 0 || path.p[at - 1] == '/'))
            return true;
    return false;
}

static struct wr_slice join(struct wr_slice a, struct wr_slice b, struct wr_slice c)
{
    memcpy(name_text, a.p, a.n);
    memcpy(name_text + a.n, b.p, b.n);
    memcpy(name_text + a.n + b.n, c.p, c.n);
    return wr_slice(name_text, a.n + b.n + c.n);
}

/* True: this is the answer. */
static bool try_name(struct expected *e, struct wr_slice name)
{
    struct trap_place place = trap_resolve(name);

    e->name = name;
    if (place.outcome == TRAP_IS_FILE && trap_is_readable(place.node)) {
        e->status = 200;
        e->file = place.node;
        return true;
    }
    e->status = 403;
    return place.outcome == TRAP_IS_FILE || place.outcome == TRAP_IS_DENIED;
}

/* `path` begins with '/'. */
static bool try_attempts(struct expected *e, const struct trap_options *o, struct wr_slice path)
{
    if (path.p[path.n - 1] == '/')
        path.n--;
    for (int i = 0; o->has_attempts && trap_attempts[i]; i++) {
        struct wr_slice word = wr_slice_of(strstr(trap_attempts[i], "{path}")), name;
        struct wr_slice head = wr_slice(trap_attempts[i], (size_t)(word.p - trap_attempts[i]));

        name = join(head, path, wr_slice_from(word, strlen("{path}")));
        while (name.n > 0 && name.p[0] == '/')
            name = wr_slice_from(name, 1);
        if ((o->has_dot_files || !is_hidden(name)) && try_name(e, name))
            return true;
    }
    return false;
}

static void expect_listing(struct expected *e, struct wr_slice path)
{
    struct trap_place place = trap_resolve(path);
    bool is_folder = place.outcome == TRAP_IS_FOLDER;

    if (is_folder && trap_is_readable(place.node) && trap_is_searchable(place.node)) {
        e->status = 200;
        e->folder = place.node;
        e->name = path;
        return;
    }
    e->status = is_folder || place.outcome == TRAP_IS_DENIED ? 403 : 404;
}

/* A fallback answers navigations: text/html is named, and the last name has no ending. */
static bool is_navigation(const struct trap_request *q, struct wr_slice path)
{
    while (path.n > 0 && path.p[path.n - 1] != '/' && path.p[path.n - 1] != '.')
        path.n--;
    return q->names_html && (path.n == 0 || path.p[path.n - 1] == '/');
}

/* `path` is below the route and begins with '/'. */
static void expect_path(struct expected *e, const struct trap_options *o,
                        const struct trap_request *q, struct wr_slice path)
{
    struct wr_slice below = wr_slice_from(path, 1);
    bool is_slashed = path.p[path.n - 1] == '/';
    bool is_folder = !is_slashed && trap_resolve(below).outcome == TRAP_IS_FOLDER;
    const char *index = o->has_no_index ? TRAP_ABSENT : "index.html";
    bool is_there = o->has_dot_files || !is_hidden(below);

    if (is_there && try_name(e, is_slashed ? join(below, wr_slice_of(index), WR_SLICE("")) : below))
        return;
    if (is_there && try_attempts(e, o, path))
        return;
    e->status = 404;
    if (!is_there)
        return;
    if (is_folder)
        e->status = 301;
    else if (is_slashed && o->has_listing)
        expect_listing(e, below);
    if (e->status == 404 && o->has_fallback && is_navigation(q, path))
        try_name(e, wr_slice_of(&TRAP_FALLBACK[1]));
}

/* The part of the path below the route; p NULL: the route does not have it. */
static struct wr_slice below_route(enum trap_route route, struct wr_slice path)
{
    static const struct wr_slice prefix = {TRAP_PREFIX, sizeof TRAP_PREFIX - 1};
    bool has_prefix = wr_slice_starts(path, prefix);

    switch (route) {
    case TRAP_AT_TOP:
        return path;
    case TRAP_EXACT_TOP:
        return path.n == 1 ? path : wr_slice(NULL, 0);
    case TRAP_AT_PREFIX:
        if (has_prefix && (path.n == prefix.n || path.p[prefix.n] == '/'))
            return wr_slice_from(path, prefix.n);
        break;
    case TRAP_EXACT_PREFIX:
        if (has_prefix && path.n == prefix.n)
            return wr_slice_from(path, prefix.n);
        break;
    case TRAP_ROUTES:
        break;
    }
    return wr_slice(NULL, 0);
}

/* Octets that no target has: controls, blanks, '#' (RFC 9112 3.2). */
static bool is_target(struct wr_slice target)
{
    for (size_t i = 0; i < target.n; i++)
        if ((unsigned char)target.p[i] <= ' ' || target.p[i] == 0x7f || target.p[i] == '#')
            return false;
    return true;
}

static struct wr_slice up_to_query(struct wr_slice target)
{
    const char *mark = memchr(target.p, '?', target.n);

    return wr_slice(target.p, mark ? (size_t)(mark - target.p) : target.n);
}

static struct expected expect(const struct trap_options *o, const struct trap_request *q)
{
    struct expected e = {.status = 400, .closes = true};
    struct wr_slice path, below;
    size_t n;

    if (!is_target(q->target) || !trap_decode(up_to_query(q->target), path_text, &n))
        return e;
    e = (struct expected){.status = 404};
    path = wr_slice(path_text, n);
    below = below_route(o->route, path);
    if (!below.p)
        return e;
    if (q->method == 'O' || q->method == 'P')
        e.status = q->method == 'O' ? 204 : 405;
    else if (below.n == 0)
        e.status = 301;
    else
        expect_path(&e, o, q, below);
    if (e.status == 301) {
        memcpy(address_text, path.p, path.n);
        address_text[path.n] = '/';
        e.address = wr_slice(address_text, path.n + 1);
    }
    return e;
}

/* ---- redirects ---- */

static void check_location(const struct trap_request *q, const struct expected *e,
                           struct wr_slice location)
{
    static char decoded[4 * TRAP_TARGET];
    struct wr_slice path = up_to_query(location);
    size_t n = 0;

    check(location.n > 1 && location.p[0] == '/' && location.p[1] != '/' && location.p[1] != '\\',
          "Location is a path of this site", q);
    for (size_t i = 0; i < location.n; i++)
        check(location.p[i] > ' ' && location.p[i] <= '~' && location.p[i] != '\\' &&
                  location.p[i] != '#',
              "Location is of visible ASCII without '\\' and '#'", q);
    check((path.n < location.n) == (up_to_query(q->target).n < q->target.n),
          "Location has a query as the target has", q);
    for (size_t i = 0; i < path.n; i++) {
        unsigned octet = (unsigned char)path.p[i];

        if (octet == '%') {
            check(i + 2 < path.n && sscanf(path.p + i + 1, "%2x", &octet) == 1, "%HH", q);
            i += 2;
        }
        decoded[n++] = (char)octet;
    }
    check(wr_slice_eq(wr_slice(decoded, n), e->address), "Location is the folder with '/'", q);
}

/* ---- contents ---- */

/* All that the answer may be a part of. In a coding: what lies beside the file, else absent. */
static struct wr_slice representation(const struct trap_options *o, const struct expected *e,
                                      enum wr_coding coding)
{
    static const struct wr_slice endings[WR_CODINGS] = {
        [WR_CODING_GZIP] = {".gz", 3}, [WR_CODING_BR] = {".br", 3}, [WR_CODING_ZSTD] = {".zst", 4}};
    static char beside[TRAP_TARGET + 100];
    struct trap_place place;

    if (coding == WR_CODING_IDENTITY)
        return e->file->content;
    memcpy(beside, e->name.p, e->name.n);
    memcpy(beside + e->name.n, endings[coding].p, endings[coding].n);
    place = trap_resolve(wr_slice(beside, e->name.n + endings[coding].n));
    if (o->has_siblings && place.outcome == TRAP_IS_FILE && trap_is_readable(place.node) &&
        place.node->content.n > 0)
        return place.node->content;
    return wr_slice(NULL, 0);
}

/* A number at the front, cut off. */
static uint64_t read_number(struct wr_slice *s, const struct trap_request *q)
{
    uint64_t value = 0;

    check(s->n > 0 && s->p[0] >= '0' && s->p[0] <= '9', "a number in Content-Range", q);
    while (s->n > 0 && s->p[0] >= '0' && s->p[0] <= '9') {
        value = value * 10 + (uint64_t)(s->p[0] - '0');
        *s = wr_slice_from(*s, 1);
    }
    return value;
}

static void skip(struct wr_slice *s, const char *text, const struct trap_request *q)
{
    check(wr_slice_starts(*s, wr_slice_of(text)), text, q);
    *s = wr_slice_from(*s, strlen(text));
}

/* Is `part` what "bytes FROM-TO/SIZE" says of the content, of which `whole` may be absent? */
static void check_part(struct wr_slice whole, struct wr_slice *range, struct wr_slice part,
                       const struct trap_request *q)
{
    uint64_t from, to, size;

    skip(range, "bytes ", q);
    from = read_number(range, q);
    skip(range, "-", q);
    to = read_number(range, q);
    skip(range, "/", q);
    size = read_number(range, q);
    check(from <= to && to < size, "Content-Range is in the content", q);
    check(part.n >= to - from + 1, "a part as long as Content-Range says", q);
    if (!whole.p)
        return;
    check(size == whole.n, "Content-Range has the size of the file", q);
    check(memcmp(part.p, whole.p + from, to - from + 1) == 0, "the part is of the file", q);
}

/* The parts of multipart/byteranges one after another, by their Content-Range (RFC 9110 14.6). */
static void check_parts(struct wr_slice whole, struct wr_slice content,
                        const struct trap_request *q)
{
    static const char field[] = "\r\nContent-Range: ";
    size_t parts = 0;

    for (;; parts++) {
        const char *at = memmem(content.p, content.n, field, strlen(field)), *end;
        struct wr_slice range, part;

        if (!at)
            break;
        range = wr_slice_from(content, (size_t)(at - content.p) + strlen(field));
        end = memmem(range.p, range.n, "\r\n\r\n", 4);
        check(end != NULL, "the head of a part ends", q);
        part = wr_slice_from(range, (size_t)(end - range.p) + 4);
        check_part(whole, &range, part, q);
        content = part;
    }
    check(parts > 0, "there are parts", q);
}

static enum wr_coding coding_of(const struct test_response *r, const struct trap_request *q)
{
    static const char *const names[WR_CODINGS] = {
        [WR_CODING_GZIP] = "gzip", [WR_CODING_BR] = "br", [WR_CODING_ZSTD] = "zstd"};
    struct wr_slice value = test_field(r, "Content-Encoding");
    int coding = WR_CODING_IDENTITY;

    if (!value.p)
        return WR_CODING_IDENTITY;
    for (coding = 1; coding < WR_CODINGS; coding++)
        if (wr_slice_eq(value, wr_slice_of(names[coding])))
            break;
    check(coding < WR_CODINGS, "a coding that there is", q);
    check(q->accepts[coding], "a coding that is accepted", q);
    return (enum wr_coding)coding;
}

static void check_whole(const struct trap_options *o, const struct trap_request *q,
                        const struct expected *e, const struct test_response *r)
{
    enum wr_coding coding = coding_of(r, q);
    struct wr_slice whole = representation(o, e, coding), got = wr_slice(r->content, r->content_n);
    struct wr_slice length = test_field(r, "Content-Length");

    if (q->method == 'H') {
        if (whole.p)
            check(read_number(&length, q) == whole.n, "Content-Length is that of the file", q);
        return;
    }
    if (whole.p && wr_slice_eq(got, whole))
        return;
    check(coding != WR_CODING_IDENTITY, "the content is that of the file", q);
    check(o->compresses, "it was told to compress", q);
    check(decodes_to(coding, got, e->file->content), "decoded, it is the content of the file", q);
}

static void check_partial(const struct trap_options *o, const struct trap_request *q,
                          const struct expected *e, const struct test_response *r)
{
    enum wr_coding coding = coding_of(r, q);
    struct wr_slice whole = representation(o, e, coding), got = wr_slice(r->content, r->content_n);
    struct wr_slice range = test_field(r, "Content-Range");

    check(q->range && q->method == 'G', "206 answers a Range", q);
    check(whole.p || o->compresses, "it was told to compress", q);
    if (!range.p)
        check_parts(whole, got, q);
    else
        check_part(whole, &range, got, q);
}

static void check_file(const struct trap_options *o, const struct trap_request *q,
                       const struct expected *e, const struct test_response *r)
{
    switch (r->status) {
    case 200:
        check(!q->has_none_match, "304: there is one", q);
        check_whole(o, q, e, r);
        break;
    case 206:
        check_partial(o, q, e, r);
        break;
    case 304:
        check(q->has_none_match && r->content_n == 0, "304 answers a condition", q);
        break;
    case 406:
        check(q->refuses_identity, "406 is for who refuses the identity", q);
        break;
    case 416:
        check(q->range && q->method == 'G', "416 answers a Range", q);
        break;
    default:
        trap_fail("the file is served", q);
    }
}

/* ---- listings ---- */

/* Is the child one that can be asked for? By the path of the folder, for links in that count too. */
static bool is_listed(const struct trap_options *o, const struct expected *e,
                      const struct trap_node *child)
{
    struct wr_slice path = join(e->name, child->name, WR_SLICE(""));
    enum trap_outcome outcome;

    if (!o->has_dot_files && is_hidden(path))
        return false;
    if (child->kind == TRAP_FILE || child->kind == TRAP_FOLDER)
        return path.n < 4096;
    outcome = trap_resolve(path).outcome;
    return child->kind == TRAP_LINK && (outcome == TRAP_IS_FILE || outcome == TRAP_IS_FOLDER);
}

/* A reference to what is in the folder itself, or just beneath. */
static void check_reference(const struct trap_options *o, const struct trap_request *q,
                            const struct expected *e, struct wr_slice reference)
{
    char name[1024];
    size_t n = 0;
    const struct trap_node *child;

    for (size_t i = 0; i < reference.n; i++) {
        unsigned octet = (unsigned char)reference.p[i];

        if (octet == '%') {
            check(i + 2 < reference.n && sscanf(reference.p + i + 1, "%2x", &octet) == 1, "%HH", q);
            i += 2;
        }
        check(n < sizeof name, "a listed name is one of a file", q);
        name[n++] = (char)octet;
    }
    if (n > 0 && name[n - 1] == '/')
        n--;
    child = trap_child(e->folder, wr_slice(name, n));
    check(child != NULL, "what is listed is in the folder", q);
    check(is_listed(o, e, child), "what is listed can be asked for", q);
}

static void check_references(const struct trap_options *o, const struct trap_request *q,
                             const struct expected *e, struct wr_slice page, const char *before)
{
    size_t found = 0, wanted = 0;
    const char *at;

    while ((at = memmem(page.p, page.n, before, strlen(before)))) {
        struct wr_slice reference;

        page = wr_slice_from(page, (size_t)(at - page.p) + strlen(before));
        at = memchr(page.p, '"', page.n);
        check(at != NULL, "a reference ends", q);
        reference = wr_slice(page.p, (size_t)(at - page.p));
        if (wr_slice_starts(reference, WR_SLICE("?")) ||
            wr_slice_starts(reference, WR_SLICE("../")) || wr_slice_eq(reference, WR_SLICE("./")))
            continue;
        check_reference(o, q, e, reference);
        found++;
    }
    for (const struct trap_node *n = NULL; (n = trap_next_child(e->folder, n));)
        wanted += is_listed(o, e, n);
    check(found == wanted, "all that can be asked for is listed", q);
}

static void check_listing(const struct trap_options *o, const struct trap_request *q,
                          const struct expected *e, const struct test_response *r)
{
    enum wr_coding coding = coding_of(r, q);
    struct wr_slice type = test_field(r, "Content-Type"), page = {r->content, r->content_n};
    bool is_json = wr_slice_starts(type, WR_SLICE("application/json"));
    struct decoded decoded = {0};

    if (r->status == 304) {
        check(q->has_none_match && r->content_n == 0, "304 answers a condition", q);
        return;
    }
    check(r->status == 200 && !q->has_none_match, "the folder is listed", q);
    if (q->method == 'H')
        return;
    if (coding != WR_CODING_IDENTITY) {
        decoded = decode(coding, page);
        check(decoded.is_end && !decoded.is_bad, "the listing can be decoded", q);
        page = wr_slice(decoded.p, decoded.n);
    }
    check(!memmem(page.p, page.n, "TRAP", 4), "no trap is named", q);
    check_references(o, q, e, page, is_json ? "\"href\":\"" : "href=\"");
    free(decoded.p);
}

/* ---- all ---- */

static bool has(struct wr_slice text, const char *marker)
{
    return text.n > 0 && memmem(text.p, text.n, marker, strlen(marker));
}

static void check_markers(const struct trap_options *o, const struct trap_request *q,
                          struct wr_slice text)
{
    check(!has(text, TRAP_SECRET), "nothing from outside is served", q);
    check(o->has_dot_files || !has(text, TRAP_HIDDEN), "nothing hidden is served", q);
}

static void check_secrets(const struct trap_options *o, const struct trap_request *q,
                          const struct test_response *r)
{
    enum wr_coding coding = coding_of(r, q);
    struct wr_slice content = wr_slice(r->content, r->content_n);

    check_markers(o, q, content);
    for (size_t i = 0; i < r->fields; i++)
        check_markers(o, q, r->values[i]);
    if (coding != WR_CODING_IDENTITY && content.n > 0) {
        struct decoded decoded = decode(coding, content);

        check_markers(o, q, wr_slice(decoded.p, decoded.n));
        free(decoded.p);
    }
}

bool trap_check_response(const struct trap_options *o, const struct trap_request *q,
                         const struct test_response *r)
{
    struct expected e = expect(o, q);

    check(!r->is_cut, "the response is whole", q);
    check_secrets(o, q, r);
    if (e.status == 200 && e.file)
        check_file(o, q, &e, r);
    else if (e.status == 200)
        check_listing(o, q, &e, r);
    else if (r->status == 505 && e.status == 400 && memchr(q->target.p, ' ', q->target.n))
        ; /* what is behind the blank was taken for a version */
    else if (r->status != e.status) {
        fprintf(stderr, "%d, expected %d\n", r->status, e.status);
        trap_fail("the status is right", q);
    }
    if (e.status == 301)
        check_location(q, &e, test_field(r, "Location"));
    return e.closes;
}
