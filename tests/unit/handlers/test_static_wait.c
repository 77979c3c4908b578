/*
 * Requests that wait, for the disk, a coding or a listing: linked with --wrap for what the cache says
 * of the disk, for what a thread does about it, and for memory.
 */
#include "static_fixture.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/environ.h"
#include "decoder.h"
#include "handlers/file_cache.h"

#define CSS_SIZE  4000
#define TURNS     20
#define WAITS_MAX 6  /* of one request; then the loop itself waits for the disk */
#define JOBS_MAX  64 /* that wait for a helper of test_server.h */
#define ROOM      ((size_t)256 * 1024)

static struct {
    const char *cold;        /* a look-up of this path would wait, until it is warm */
    const char *cold_beside; /* the same of codings beside it */
    bool stays_cold;
    unsigned warmed, waited; /* by a thread, by the loop */
    unsigned made;           /* codings */
} disk;

int __real_wr_file_cache_get(struct wr_file_cache *c, struct wr_slice path,
                             struct wr_file_moment now, struct wr_file_entry **out);
int __wrap_wr_file_cache_get(struct wr_file_cache *c, struct wr_slice path,
                             struct wr_file_moment now, struct wr_file_entry **out);
int __real_wr_file_cache_choose(struct wr_file_cache *c, struct wr_file_entry *e,
                                const struct wr_accept_codings *accept, struct wr_file_moment now,
                                struct wr_representation *out);
int __wrap_wr_file_cache_choose(struct wr_file_cache *c, struct wr_file_entry *e,
                                const struct wr_accept_codings *accept, struct wr_file_moment now,
                                struct wr_representation *out);
void __real_wr_file_warm(const char *folder, const char *path, bool has_siblings);
void __wrap_wr_file_warm(const char *folder, const char *path, bool has_siblings);
int __real_wr_encodings_make(struct wr_encodings *s, const struct wr_encodings_source *source,
                             enum wr_coding coding);
int __wrap_wr_encodings_make(struct wr_encodings *s, const struct wr_encodings_source *source,
                             enum wr_coding coding);

static bool would_wait(const char *cold, struct wr_slice path, bool may_wait)
{
    if (!cold || !wr_slice_eq(path, wr_slice_of(cold)))
        return false;
    disk.waited += may_wait;
    return !may_wait;
}

int __wrap_wr_file_cache_get(struct wr_file_cache *c, struct wr_slice path,
                             struct wr_file_moment now, struct wr_file_entry **out)
{
    *out = NULL;
    return would_wait(disk.cold, path, now.may_wait) ? -EAGAIN
                                                     : __real_wr_file_cache_get(c, path, now, out);
}

int __wrap_wr_file_cache_choose(struct wr_file_cache *c, struct wr_file_entry *e,
                                const struct wr_accept_codings *accept, struct wr_file_moment now,
                                struct wr_representation *out)
{
    return would_wait(disk.cold_beside, wr_file_of(e)->path, now.may_wait)
               ? -EAGAIN
               : __real_wr_file_cache_choose(c, e, accept, now, out);
}

void __wrap_wr_file_warm(const char *folder, const char *path, bool has_siblings)
{
    assert_int_equal(folder[0], '/');
    assert_true(has_siblings);
    if (!disk.stays_cold && disk.cold && strcmp(path, disk.cold) == 0)
        disk.cold = NULL;
    if (!disk.stays_cold && disk.cold_beside && strcmp(path, disk.cold_beside) == 0)
        disk.cold_beside = NULL;
    __atomic_add_fetch(&disk.warmed, 1, __ATOMIC_RELAXED);
    __real_wr_file_warm(folder, path, has_siblings); /* of the machine's own disk */
}

int __wrap_wr_encodings_make(struct wr_encodings *s, const struct wr_encodings_source *source,
                             enum wr_coding coding)
{
    __atomic_add_fetch(&disk.made, 1, __ATOMIC_RELAXED);
    return __real_wr_encodings_make(s, source, coding);
}

/* ---- memory ---- */

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__real_wr_arena_alloc(struct wr_arena *a, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_wr_arena_alloc(struct wr_arena *a, size_t n);

static struct {
    bool is_on, goes_on, has_failed;
    bool of_arena;    /* of requests alone, not of malloc() and its kind */
    bool of_deferred; /* what weir_defer() takes where the arena has none fails, too */
    int in;           /* allocations until one fails */
} shortage;

static bool fails(bool is_arena)
{
    if (!shortage.is_on || shortage.of_arena != is_arena || shortage.in-- > 0)
        return false;
    shortage.is_on = shortage.goes_on;
    shortage.in = 0;
    return shortage.has_failed = true;
}

void *__wrap_malloc(size_t n)
{
    if (shortage.of_deferred && n == sizeof(struct wr_deferred)) {
        shortage.of_deferred = false;
        return NULL;
    }
    return fails(false) ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return fails(false) ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
    return fails(false) ? NULL : __real_realloc(p, n);
}

void *__wrap_wr_arena_alloc(struct wr_arena *a, size_t n)
{
    if (!fails(true))
        return __real_wr_arena_alloc(a, n);
    shortage.of_deferred = n == sizeof(struct wr_deferred);
    return NULL;
}

/* ---- the site ---- */

static char letters[CSS_SIZE]; /* as temp_file_fill() has them */

static void open_waiting(struct site *s)
{
    memset(&disk, 0, sizeof disk);
    for (size_t i = 0; i < CSS_SIZE; i++)
        letters[i] = (char)('a' + i % 23);
    begin_site(s);
    temp_file_fill(&s->folder, "page.css", CSS_SIZE);
    temp_file_fill(&s->folder, "large.bin", 40000);
    temp_file_write(&s->folder, "x", WR_SLICE("x!"));
    temp_file_write(&s->folder, "y", WR_SLICE("y!"));
    temp_folder_add(&s->folder, "list");
    temp_file_write(&s->folder, "list/in-it", WR_SLICE(""));
    s->setup.listing = true;
    open_site(s);
}

static void go_on(struct site *s)
{
    for (int i = 0; i < TURNS; i++)
        test_server_step(&s->server);
}

static const struct {
    const char *target, *fields; /* what a request waits for */
} waits[] = {
    {"/x", ""},
    {"/page.css", "Accept-Encoding: gzip\r\n"},
    {"/y", "Accept-Encoding: gzip\r\n"},
    {"/list/", ""},
};

static void make_cold(void)
{
    disk.cold = "x";
    disk.cold_beside = "page.css";
}

static void run_nothing(struct wr_job *j, void *thread_data)
{
    (void)j;
    (void)thread_data;
}

static void fill_queue(struct site *s)
{
    static struct wr_job jobs[JOBS_MAX];

    test_server_hold_helpers(&s->server);
    for (size_t i = 0; i < JOBS_MAX; i++) {
        jobs[i] = (struct wr_job){.run = run_nothing};
        assert_true(wr_pool_submit(s->server.helpers, &jobs[i]));
    }
}

/* ---- the disk ---- */

static void disk__cold__is_waited_for_by_a_thread(void **state)
{
    struct site s;

    (void)state;
    open_waiting(&s);
    disk.cold = "x";
    test_server_hold_helpers(&s.server);
    send_as(&s, "GET", "/x", "");
    go_on(&s);
    assert_int_equal(s.client.transport.out_n, 0);
    test_server_run_helpers(&s.server);
    go_on(&s);
    assert_string_equal(response(&s, false)->content, "x!");
    assert_int_equal(disk.warmed, 1);
    assert_int_equal(disk.waited, 0);
    close_site(&s);
}

/* On a machine whose memory is too short to keep what was read, a request ends all the same. */
static void disk__that_stays_cold__is_waited_for_by_the_loop_in_the_end(void **state)
{
    struct site s;

    (void)state;
    open_waiting(&s);
    disk.cold = "x";
    disk.stays_cold = true;
    check_content(&s, "/x", "", "x!");
    assert_int_equal(disk.warmed, WAITS_MAX);
    assert_int_equal(disk.waited, 1);
    disk.cold = NULL;
    disk.cold_beside = "page.css";
    disk.warmed = disk.waited = 0;
    check_status(&s, "/page.css", "Accept-Encoding: br\r\n", 200);
    assert_int_equal(disk.warmed, WAITS_MAX);
    assert_true(disk.waited >= 1);
    close_site(&s);
}

static void disk__cold_beside_a_file__is_waited_for(void **state)
{
    struct site s;
    const struct test_response *r;

    (void)state;
    open_waiting(&s);
    temp_file_write(&s.folder, "page.css.br", WR_SLICE("sibling"));
    disk.cold_beside = "page.css";
    test_server_hold_helpers(&s.server);
    send_as(&s, "GET", "/page.css", "Accept-Encoding: br\r\n");
    go_on(&s);
    assert_int_equal(s.client.transport.out_n, 0);
    test_server_run_helpers(&s.server);
    go_on(&s);
    r = response(&s, false);
    assert_string_equal(r->content, "sibling");
    check_field(r, "Content-Encoding", "br");
    assert_int_equal(disk.warmed, 1);
    close_site(&s);
}

static void disk__nobody_helps__is_waited_for_by_the_loop(void **state)
{
    struct site s;

    (void)state;
    for (int is_full = 0; is_full < 2; is_full++) {
        open_waiting(&s);
        make_cold();
        if (is_full)
            fill_queue(&s);
        else
            s.server.site.helpers = s.server.site.makers = NULL;
        check_content(&s, "/x", "", "x!");
        check_field(check_status(&s, "/page.css", "Accept-Encoding: gzip\r\n", 200),
                    "Content-Encoding", NULL);
        assert_int_equal(disk.warmed, 0);
        assert_true(disk.waited >= 2);
        close_site(&s);
    }
}

/* ---- codings ---- */

static void coding__is_made_once_for_all_who_wait(void **state)
{
    struct site s;
    struct test_client other;
    struct test_responses r;
    const struct test_response *first;

    (void)state;
    open_waiting(&s);
    test_client_open(&s.server, &other);
    test_server_hold_helpers(&s.server);
    send_as(&s, "HEAD", "/page.css", "Accept-Encoding: zstd\r\n");
    test_client_send(&other, "GET /page.css HTTP/1.1\r\nHost: a\r\nAccept-Encoding: zstd\r\n\r\n");
    go_on(&s);
    assert_int_equal(s.client.transport.out_n + other.transport.out_n, 0);
    test_server_run_helpers(&s.server);
    go_on(&s);
    first = response(&s, true);
    test_client_responses(&other, "G", &r);
    assert_int_equal(r.n, 1);
    assert_int_equal(disk.made, 1);
    check_field(first, "Content-Encoding", "zstd");
    assert_true(
        wr_slice_eq(test_field(first, "Content-Length"), test_field(&r.v[0], "Content-Length")));
    assert_true(decodes_to(WR_CODING_ZSTD, wr_slice(r.v[0].content, r.v[0].content_n),
                           wr_slice(letters, CSS_SIZE)));
    test_responses_free(&r);
    test_client_fini(&other);
    close_site(&s);
}

/* Each waits for its own. */
static void coding__another__is_made_for_itself(void **state)
{
    struct site s;
    struct test_client other;
    struct test_responses r;

    (void)state;
    open_waiting(&s);
    temp_file_fill(&s.folder, "other.css", 3000);
    test_client_open(&s.server, &other);
    test_server_hold_helpers(&s.server);
    send_as(&s, "GET", "/page.css", "Accept-Encoding: br\r\n");
    test_client_send(&other, "GET /page.css HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n"
                             "GET /other.css HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n");
    test_server_run_helpers(&s.server);
    go_on(&s);
    check_field(response(&s, false), "Content-Encoding", "br");
    test_client_responses(&other, "GG", &r);
    assert_int_equal(r.n, 2);
    for (size_t i = 0; i < 2; i++)
        assert_true(decodes_to(WR_CODING_GZIP, wr_slice(r.v[i].content, r.v[i].content_n),
                               wr_slice(letters, i == 0 ? CSS_SIZE : 3000)));
    assert_int_equal(disk.made, 3);
    test_responses_free(&r);
    test_client_fini(&other);
    close_site(&s);
}

static void coding__nobody_helps__is_the_identity_until_somebody_does(void **state)
{
    struct site s;
    const struct test_response *r;

    (void)state;
    for (int is_full = 0; is_full < 2; is_full++) {
        open_waiting(&s);
        if (is_full)
            fill_queue(&s);
        else
            s.server.site.helpers = s.server.site.makers = NULL;
        r = check_status(&s, "/page.css", "Accept-Encoding: gzip, br, zstd\r\n", 200);
        check_field(r, "Content-Encoding", NULL);
        check_field(r, "Vary", "Accept-Encoding");
        assert_memory_equal(r->content, letters, CSS_SIZE);
        check_status(&s, "/page.css", "Accept-Encoding: gzip, identity;q=0\r\n", 503);
        s.server.site.helpers = s.server.site.makers = s.server.helpers;
        test_server_run_helpers(&s.server);
        go_on(&s);
        r = check_status(&s, "/page.css", "Accept-Encoding: gzip, br, zstd\r\n", 200);
        check_field(r, "Content-Encoding", "br");
        close_site(&s);
    }
}

/* What was made of the version before is not of this one. */
static void coding__file_changes_meanwhile__is_of_the_new_one(void **state)
{
    struct site s;
    const struct test_response *r;

    (void)state;
    open_waiting(&s);
    test_server_hold_helpers(&s.server);
    send_as(&s, "GET", "/page.css", "Accept-Encoding: gzip\r\n");
    assert_int_equal(s.client.transport.out_n, 0);
    temp_file_fill(&s.folder, "page.css", 3000);
    test_server_run_helpers(&s.server);
    go_on(&s);
    r = response(&s, false);
    assert_int_equal(r->status, 200);
    assert_true(
        decodes_to(WR_CODING_GZIP, wr_slice(r->content, r->content_n), wr_slice(letters, 3000)));
    close_site(&s);

    open_waiting(&s);
    test_server_hold_helpers(&s.server);
    send_as(&s, "GET", "/page.css", "Accept-Encoding: gzip\r\n");
    assert_int_equal(unlink(temp_path(&s.folder, "page.css")), 0);
    test_server_run_helpers(&s.server);
    go_on(&s);
    assert_int_equal(response(&s, false)->status, 404);
    close_site(&s);
}

/* ---- listings ---- */

static void listing__nobody_helps__is_503(void **state)
{
    struct site s;

    (void)state;
    for (int is_full = 0; is_full < 2; is_full++) {
        open_waiting(&s);
        if (is_full)
            fill_queue(&s);
        else
            s.server.site.helpers = s.server.site.makers = NULL;
        check_status(&s, "/list/", "", 503);
        assert_null(strstr(s.server.log_text, "busy")); /* clients could fill the log with it */
        close_site(&s);
    }
}

static void listing__each_who_asks__has_its_own(void **state)
{
    struct site s;
    struct test_client other;
    struct test_responses r;

    (void)state;
    open_waiting(&s);
    test_client_open(&s.server, &other);
    test_server_hold_helpers(&s.server);
    send_as(&s, "GET", "/list/", "");
    test_client_send(&other, "GET /list/ HTTP/1.1\r\nHost: a\r\nAccept: application/json\r\n\r\n");
    assert_int_equal(s.client.transport.out_n + other.transport.out_n, 0);
    test_server_run_helpers(&s.server);
    go_on(&s);
    assert_non_null(strstr(response(&s, false)->content, "<html"));
    test_client_responses(&other, "G", &r);
    assert_int_equal(r.n, 1);
    assert_non_null(strstr(r.v[0].content, "\"path\":\"/list/\""));
    test_responses_free(&r);
    test_client_fini(&other);
    close_site(&s);
}

/* A second wait behind it, for another thing. */
static void listing__of_no_folder__then_waits_for_the_fallback(void **state)
{
    struct site s;

    (void)state;
    memset(&disk, 0, sizeof disk);
    begin_site(&s);
    temp_file_write(&s.folder, "app", WR_SLICE("app!"));
    s.setup.listing = true;
    s.setup.fallback = "/app";
    open_site(&s);
    disk.cold = "app";
    check_content(&s, "/users/", "Accept: text/html\r\n", "app!");
    assert_null(disk.cold);
    close_site(&s);
}

/* ---- order, and ends ---- */

static void pipelined__one_that_waits__holds_the_order(void **state)
{
    struct site s;
    struct test_responses r;

    (void)state;
    for (size_t i = 0; i < WR_COUNT(waits); i++) {
        char first[256];

        open_waiting(&s);
        make_cold();
        if (i == 2)
            disk.cold = "y";
        test_server_hold_helpers(&s.server);
        snprintf(first, sizeof first, "GET %s HTTP/1.1\r\nHost: a\r\n%s\r\n", waits[i].target,
                 waits[i].fields);
        test_client_send(&s.client, first);
        test_client_send(&s.client, "GET /y HTTP/1.1\r\nHost: a\r\n\r\n");
        test_client_event(&s.client, EPOLLOUT);
        test_client_send(&s.client, "HEAD /y HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        go_on(&s);
        assert_int_equal(s.client.transport.out_n, 0);
        test_server_run_helpers(&s.server);
        go_on(&s);
        test_client_responses(&s.client, "GGH", &r);
        assert_null(r.error);
        assert_int_equal(r.n, 3);
        assert_int_equal(r.v[0].status, 200);
        assert_string_equal(r.v[1].content, "y!");
        assert_int_equal(r.v[2].status, 200);
        test_responses_free(&r);
        close_site(&s);
    }
}

static void gone__while_it_waits__the_others_are_served(void **state)
{
    struct site s;
    struct test_client other;
    struct test_responses r;
    char request[256];

    (void)state;
    for (size_t i = 0; i < WR_COUNT(waits); i++) {
        open_waiting(&s);
        make_cold();
        test_server_hold_helpers(&s.server);
        snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: a\r\n%s\r\n", waits[i].target,
                 waits[i].fields);
        test_client_open(&s.server, &other);
        test_client_send(&s.client, request);
        test_client_send(&other, request);
        test_client_reset(&s.client);
        assert_true(s.client.transport.is_closed);
        test_server_run_helpers(&s.server);
        go_on(&s);
        test_client_responses(&other, "G", &r);
        assert_int_equal(r.n, 1);
        assert_int_equal(r.v[0].status, 200);
        test_responses_free(&r);
        test_client_fini(&other);
        close_site(&s);
    }
}

static void gone__all_of_them__nothing_is_left(void **state)
{
    struct site s;

    (void)state;
    for (size_t i = 0; i < 2 * WR_COUNT(waits); i++) {
        open_waiting(&s);
        make_cold();
        test_server_hold_helpers(&s.server);
        send_as(&s, "GET", waits[i / 2].target, waits[i / 2].fields);
        if (i % 2 == 0) { /* else the server ends first */
            test_client_reset(&s.client);
            test_server_run_helpers(&s.server);
            go_on(&s);
        }
        close_site(&s);
    }
}

/* ---- with threads ---- */

static void threads__that_help__serve_all(void **state)
{
    enum { CLIENTS = 6 };
    struct test_client clients[CLIENTS];
    struct site s;

    (void)state;
    open_waiting(&s);
    test_server_hold_helpers(&s.server);
    assert_int_equal(wr_pool_start(s.server.helpers), 0);
    for (size_t i = 0; i < CLIENTS; i++) {
        char request[256];

        test_client_open(&s.server, &clients[i]);
        snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: a\r\n%s\r\n",
                 i % 2 ? "/page.css" : "/list/", i < 4 ? "Accept-Encoding: zstd\r\n" : "");
        test_client_send(&clients[i], request);
    }
    test_client_reset(&clients[0]);
    test_client_reset(&clients[1]);
    for (int i = 0; i < TURNS; i++) {
        wr_pool_wait(s.server.helpers);
        test_server_step(&s.server);
    }
    for (size_t i = 0; i < CLIENTS; i++) {
        struct test_responses r;

        test_client_responses(&clients[i], "G", &r);
        assert_true(r.n == 1 || i < 2); /* the first may have gone in time, or not */
        assert_true(r.n == 0 || r.v[0].status == 200);
        test_responses_free(&r);
        test_client_fini(&clients[i]);
    }
    close_site(&s);
}

/* ---- memory ---- */

static void drop_line(void *ctx, enum wr_log_level level, const char *line, size_t n)
{
    (void)ctx;
    (void)level;
    (void)line;
    (void)n;
}

static void drop_access_line(void *ctx, const char *line, size_t n)
{
    (void)ctx;
    (void)line;
    (void)n;
}

/* The client's memory does not run out, nor that of the test. */
static void make_ready(struct site *s)
{
    struct fake_transport *t = &s->client.transport;

    t->in = malloc(ROOM);
    t->out = malloc(ROOM);
    t->part_ends = calloc(ROOM, sizeof *t->part_ends);
    assert_true(t->in && t->out && t->part_ends);
    t->in_cap = t->out_cap = t->parts_cap = ROOM;
    s->server.site.log.write = drop_line;
    s->server.site.access_log.write = drop_access_line;
}

static const struct {
    const char *target, *fields;
    int status;
} short_of[] = {
    {"/x", "", 200},
    {"/page.css", "Accept-Encoding: gzip\r\n", 200},
    {"/page.css", "Range: bytes=0-9,20-29,40-49\r\n", 206},
    {"/large.bin", "Range: bytes=0-9,20-29,40-49\r\n", 206},
    {"/large.bin", "", 200},
    {"/page.css", "If-None-Match: *\r\n", 304},
    {"/list/", "Accept-Encoding: br\r\n", 200},
    {"/list", "", 301},
};

/* The right answer, or a 503, or none and the end of the connection. */
static void check_short(struct site *s, size_t i)
{
    struct test_responses r;

    test_client_responses(&s->client, "G", &r);
    assert_null(r.error);
    assert_true(r.n == 1 || (r.n == 0 && s->client.transport.is_shut_down) ||
                s->client.transport.is_closed);
    if (r.n == 1 && r.v[0].status != 503 && !r.v[0].is_cut) {
        assert_int_equal(r.v[0].status, short_of[i].status);
        if (strcmp(short_of[i].target, "/x") == 0)
            assert_string_equal(r.v[0].content, "x!");
    }
    test_responses_free(&r);
}

/* One request with that shortage; did it come to it? */
static bool ask_short(size_t i, bool is_settled)
{
    struct site s;
    char request[256];

    open_waiting(&s);
    make_cold();
    make_ready(&s);
    if (!is_settled)
        set_time(&s, 0); /* what is not settled is not kept */
    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: a\r\n%s\r\n", short_of[i].target,
             short_of[i].fields);
    shortage.is_on = true;
    shortage.has_failed = false;
    test_client_send(&s.client, request);
    go_on(&s);
    shortage.is_on = shortage.of_deferred = false;
    check_short(&s, i);
    /* and the next has what it needs */
    disk.cold = disk.cold_beside = NULL;
    test_client_fini(&s.client);
    test_client_open(&s.server, &s.client);
    check_status(&s, short_of[i].target, short_of[i].fields, short_of[i].status);
    close_site(&s);
    return shortage.has_failed;
}

static void memory__each_allocation_that_fails__costs_one_answer_at_most(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(short_of); i++)
        for (int goes_on = 0; goes_on < 2; goes_on++)
            for (int at = 0;; at++) {
                shortage.goes_on = goes_on;
                shortage.of_arena = false;
                shortage.in = at;
                if (!ask_short(i, true))
                    break;
            }
}

/* What is not settled is not kept, so that nobody else holds what the request holds. */
static void memory__each_of_the_arena_that_fails__costs_one_answer_at_most(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(short_of); i++)
        for (int goes_on = 0; goes_on < 4; goes_on++)
            for (int at = 0;; at++) {
                shortage.goes_on = goes_on % 2;
                shortage.of_arena = true;
                shortage.in = at;
                if (!ask_short(i, goes_on / 2))
                    break;
            }
}

WR_TESTS(cmocka_unit_test(disk__cold__is_waited_for_by_a_thread),
         cmocka_unit_test(disk__that_stays_cold__is_waited_for_by_the_loop_in_the_end),
         cmocka_unit_test(disk__cold_beside_a_file__is_waited_for),
         cmocka_unit_test(disk__nobody_helps__is_waited_for_by_the_loop),
         cmocka_unit_test(coding__is_made_once_for_all_who_wait),
         cmocka_unit_test(coding__another__is_made_for_itself),
         cmocka_unit_test(coding__nobody_helps__is_the_identity_until_somebody_does),
         cmocka_unit_test(coding__file_changes_meanwhile__is_of_the_new_one),
         cmocka_unit_test(listing__nobody_helps__is_503),
         cmocka_unit_test(listing__each_who_asks__has_its_own),
         cmocka_unit_test(listing__of_no_folder__then_waits_for_the_fallback),
         cmocka_unit_test(pipelined__one_that_waits__holds_the_order),
         cmocka_unit_test(gone__while_it_waits__the_others_are_served),
         cmocka_unit_test(gone__all_of_them__nothing_is_left),
         cmocka_unit_test(threads__that_help__serve_all),
         cmocka_unit_test(memory__each_allocation_that_fails__costs_one_answer_at_most),
         cmocka_unit_test(memory__each_of_the_arena_that_fails__costs_one_answer_at_most));
