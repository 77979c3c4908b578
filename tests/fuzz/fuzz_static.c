/*
 * fuzz_static.c — whatever path is asked for: no byte from outside the root is served, no hidden one
 * unless it is allowed, what is served is the file that the path names, and nothing is opened that
 * must not be. The tree with the traps, and what is right, are in static/.
 *
 * An input is text. Its first line says how the folder is served, a letter each:
 *
 *     p under a prefix   e that path alone    l listing    d dot files    f fallback    a attempts
 *     x no index         s only siblings      o no coding  w openat2 is refused
 *     n no sendfile      t requests come together
 *
 * Each other line is a request: letters, a blank, a target ("G /", "Hr /hello.txt"):
 *
 *     G GET   H HEAD   O OPTIONS   P POST            g gzip   b br   z zstd   q not the identity
 *     r R m u a range, the last bytes, several, behind the end       i If-None-Match
 *     h text/html   j JSON      A absolute form
 *
 * In a target the octets 1, 2 and 3 stand for the long names of traps.h, each with its '/'.
 */
#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "handlers/static.h"
#include "static/traps.h"

#define REQUESTS_MAX 16
#define TURNS_MAX    50                    /* of the loop, until an answer is there */
#define HOUR_NS      (3600LL * 1000000000) /* later than all that was written */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* ---- a system without openat2 ---- */

static bool refuses_openat2;

long __real_syscall(long number, long a, long b, long c, long d, long e, long f);
long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f);
long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f)
{
    if (refuses_openat2 && number == SYS_openat2) {
        errno = ENOSYS;
        return -1;
    }
    return __real_syscall(number, a, b, c, d, e, f);
}

/* ---- rights ---- */

/* Root may read whatever there is: not while a request is answered. */
static void set_rights(bool is_root)
{
    static const uint32_t over = 1U << CAP_DAC_OVERRIDE | 1U << CAP_DAC_READ_SEARCH;
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct rights[2];

    if (syscall(SYS_capget, &head, rights) < 0)
        trap_fail("the process knows its rights", NULL);
    rights[0].effective &= ~over;
    if (is_root)
        rights[0].effective |= rights[0].permitted & over;
    if (syscall(SYS_capset, &head, rights) < 0)
        trap_fail("rights can be given up", NULL);
}

/* ---- the input ---- */

struct run {
    struct trap_options options;
    bool has_no_sendfile, is_pipelined;
    struct trap_request requests[REQUESTS_MAX];
    size_t n;
    char targets[REQUESTS_MAX][TRAP_TARGET];
};

static bool says(struct wr_slice letters, char letter)
{
    return letters.n > 0 && memchr(letters.p, letter, letters.n);
}

static void read_options(struct run *r, struct wr_slice line)
{
    struct trap_options *o = &r->options;
    bool is_exact = says(line, 'e');

    o->route = says(line, 'p') ? (is_exact ? TRAP_EXACT_PREFIX : TRAP_AT_PREFIX)
               : is_exact      ? TRAP_EXACT_TOP
                               : TRAP_AT_TOP;
    o->has_listing = says(line, 'l');
    o->has_dot_files = says(line, 'd');
    o->has_fallback = says(line, 'f');
    o->has_attempts = says(line, 'a');
    o->has_no_index = says(line, 'x');
    o->has_siblings = !says(line, 'o');
    o->compresses = o->has_siblings && !says(line, 's');
    r->has_no_sendfile = says(line, 'n');
    r->is_pipelined = says(line, 't');
    refuses_openat2 = says(line, 'w');
}

static size_t append_long(char *out, char letter, size_t n)
{
    out[0] = '/';
    memset(out + 1, letter, n);
    return n + 1;
}

/* Without a '/' in front it would be another form of target. */
static struct wr_slice expand_target(char *out, struct wr_slice text, bool is_absolute)
{
    size_t n = 0;
    bool begins = text.n > 0 && (text.p[0] == '/' || (text.p[0] >= 1 && text.p[0] <= 3));

    if (!begins && !(is_absolute && (text.n == 0 || text.p[0] == '?')))
        out[n++] = '/';
    for (size_t i = 0; i < text.n && n < TRAP_TARGET - 300; i++) {
        if (text.p[i] == 1)
            n += append_long(out + n, 'L', TRAP_LONG_N);
        else if (text.p[i] == 2)
            n += append_long(out + n, 'N', TRAP_WIDEST_N);
        else if (text.p[i] == 3)
            n += append_long(out + n, 'm', TRAP_LAST_N);
        else
            out[n++] = text.p[i];
    }
    return wr_slice(out, n);
}

static const char *range_of(struct wr_slice letters)
{
    return says(letters, 'r')   ? "bytes=3-12"
           : says(letters, 'R') ? "bytes=-9"
           : says(letters, 'm') ? "bytes=0-0,5-9,-2"
           : says(letters, 'u') ? "bytes=99999999-"
                                : NULL;
}

static void read_request(struct run *r, struct wr_slice line)
{
    struct trap_request *q = &r->requests[r->n];
    const char *blank = line.n > 0 ? memchr(line.p, ' ', line.n) : NULL;
    struct wr_slice letters = wr_slice(line.p, blank ? (size_t)(blank - line.p) : 0);

    *q = (struct trap_request){
        .method = says(letters, 'H')   ? 'H'
                  : says(letters, 'O') ? 'O'
                  : says(letters, 'P') ? 'P'
                                       : 'G',
        .accepts = {[WR_CODING_GZIP] = says(letters, 'g'),
                    [WR_CODING_BR] = says(letters, 'b'),
                    [WR_CODING_ZSTD] = says(letters, 'z')},
        .refuses_identity = says(letters, 'q'),
        .names_html = says(letters, 'h'),
        .accepts_json = says(letters, 'j'),
        .range = range_of(letters),
        .has_none_match = says(letters, 'i'),
        .is_absolute = says(letters, 'A'),
    };
    q->target = expand_target(r->targets[r->n++], blank ? wr_slice_from(line, letters.n + 1) : line,
                              q->is_absolute);
}

static void read_input(struct run *r, struct wr_slice text)
{
    bool is_first = true;

    r->n = 0;
    while (text.n > 0 && r->n < REQUESTS_MAX) {
        const char *end = memchr(text.p, '\n', text.n);
        struct wr_slice line = wr_slice(text.p, end ? (size_t)(end - text.p) : text.n);

        if (is_first)
            read_options(r, line);
        else
            read_request(r, line);
        is_first = false;
        text = wr_slice_from(text, end ? line.n + 1 : line.n);
    }
}

/* ---- the server ---- */

static void mount(struct run *r, struct test_server *s, const char *root)
{
    static const char *const no_index[] = {TRAP_ABSENT};
    const struct trap_options *o = &r->options;
    struct wr_static_setup setup = wr_static_setup_of(root);
    bool is_at_prefix = o->route == TRAP_AT_PREFIX || o->route == TRAP_EXACT_PREFIX;
    bool is_exact = o->route == TRAP_EXACT_TOP || o->route == TRAP_EXACT_PREFIX;

    if (o->has_no_index)
        setup.index = (struct wr_static_texts){no_index, 1};
    while (o->has_attempts && trap_attempts[setup.attempts.n])
        setup.attempts = (struct wr_static_texts){trap_attempts, setup.attempts.n + 1};
    setup.fallback = o->has_fallback ? TRAP_FALLBACK : NULL;
    setup.listing = o->has_listing;
    setup.dot_files = o->has_dot_files;
    setup.compress = o->compresses     ? WR_STATIC_COMPRESS_ON
                     : o->has_siblings ? WR_STATIC_COMPRESS_SIBLINGS
                                       : WR_STATIC_COMPRESS_OFF;
    s->site.config.head_bytes_max = s->site.config.target_bytes_max = 8 * TRAP_TARGET;
    if (!test_server_mount(s, &wr_static_plugin, &setup, NULL))
        trap_fail("the folder can be served", NULL);
    s->route.path = is_at_prefix ? WR_SLICE(TRAP_PREFIX) : is_exact ? WR_SLICE("/") : WR_SLICE("");
    s->route.is_exact = is_exact;
    s->time.wall_ns = wr_clock_system.wall_ns(NULL) + HOUR_NS;
    test_server_step(s);
}

static size_t write_fields(const struct trap_request *q, char *out, size_t room)
{
    const bool *accepts = q->accepts;
    int n = snprintf(
        out, room, " HTTP/1.1\r\nHost: a\r\nAccept-Encoding: %s%s%s%s\r\n%s%s%s%s%s%s%s\r\n",
        accepts[WR_CODING_GZIP] ? "gzip," : "", accepts[WR_CODING_BR] ? "br," : "",
        accepts[WR_CODING_ZSTD] ? "zstd," : "", q->refuses_identity ? "identity;q=0" : "",
        q->names_html ? "Accept: text/html, */*;q=0.5\r\n" : "",
        q->accepts_json ? "Accept: application/json\r\n" : "", q->range ? "Range: " : "",
        q->range ? q->range : "", q->range ? "\r\n" : "",
        q->has_none_match ? "If-None-Match: *\r\n" : "",
        q->method == 'P' ? "Content-Length: 0\r\n" : "");

    return (size_t)n;
}

static size_t write_request(const struct trap_request *q, char *out)
{
    const char *method = q->method == 'H'   ? "HEAD "
                         : q->method == 'O' ? "OPTIONS "
                         : q->method == 'P' ? "POST "
                                            : "GET ";
    size_t n = (size_t)snprintf(out, 100, "%s%s", method, q->is_absolute ? "http://b" : "");

    memcpy(out + n, q->target.p, q->target.n);
    n += q->target.n;
    return n + write_fields(q, out + n, 400);
}

static size_t count_answers(const struct test_server *s)
{
    size_t n = 0;

    for (const char *line = s->access_text; (line = strchr(line, '\n')); line++)
        n++;
    return n;
}

/* What a request waits for is done at once, and it goes on in a turn or a few. */
static void await(struct test_server *s, struct test_client *c, size_t answers)
{
    for (int i = 0; i < TURNS_MAX; i++) {
        if (c->transport.is_closed || c->transport.is_shut_down || count_answers(s) >= answers)
            return;
        test_client_event(c, EPOLLIN | EPOLLOUT);
    }
}

static void send_all(struct run *r, struct test_server *s, struct test_client *c)
{
    static char text[REQUESTS_MAX * (TRAP_TARGET + 500)];
    size_t n = 0;

    for (size_t i = 0; i < r->n; i++) {
        n += write_request(&r->requests[i], text + n);
        if (r->is_pipelined && i + 1 < r->n)
            continue;
        if (c->transport.is_closed || c->transport.is_shut_down)
            break;
        test_client_send_slice(c, wr_slice(text, n));
        await(s, c, i + 1);
        n = 0;
    }
}

static void check_answers(struct run *r, const struct test_client *c)
{
    char methods[REQUESTS_MAX + 1] = "";
    struct test_responses got;
    bool closes = false;
    size_t n = 0;

    for (size_t i = 0; i < r->n; i++)
        methods[i] = r->requests[i].method;
    test_client_responses(c, methods, &got);
    if (got.error)
        trap_fail(got.error, NULL);
    for (; n < got.n && n < r->n && !closes; n++)
        closes = trap_check_response(&r->options, &r->requests[n], &got.v[n]);
    if (n < got.n || (n < r->n && !closes))
        trap_fail("each request is answered once", n < r->n ? &r->requests[n] : NULL);
    test_responses_free(&got);
}

static void check_opened(const struct trap_options *o)
{
    const struct trap_node *n = trap_opened(o->has_dot_files);

    if (!n)
        return;
    fprintf(stderr, "opened: %s\n", n->name.p);
    trap_fail("what must not be served is not even opened", NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct run r;
    static const char *root;
    struct test_server s;
    struct test_client c;

    if (!root)
        root = trap_tree_make();
    read_input(&r, wr_slice((const char *)data, n));
    if (r.n == 0)
        return 0;
    set_rights(false);
    test_server_init(&s);
    mount(&r, &s, root);
    test_client_init(&s, &c);
    if (r.has_no_sendfile)
        c.transport.ops.sendfile = NULL;
    test_client_connect(&c);
    send_all(&r, &s, &c);
    check_answers(&r, &c);
    check_opened(&r.options);
    test_client_fini(&c);
    test_server_fini(&s);
    refuses_openat2 = false;
    set_rights(true);
    return 0;
}
