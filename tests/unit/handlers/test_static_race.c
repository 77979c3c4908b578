/* Names that change what they lead to while they are looked up: whatever the moment, no byte from
 * outside comes, and nothing waits for a FIFO. */
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "handlers/static.h"
#include "temp_folder.h"
#include "test_server.h"

#define ROUNDS   2000 /* at least; and until each outcome was seen so often: */
#define SEEN_MIN 20
#define SIZE     2000
#define HOUR_MS  3600000 /* after it all that was written is settled, and kept */

static atomic_bool refuses_openat2;

long __real_syscall(long number, long a, long b, long c, long d, long e, long f);
long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f);
long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f)
{
    if (number == SYS_openat2 && atomic_load(&refuses_openat2)) {
        errno = ENOSYS;
        return -1;
    }
    return __real_syscall(number, a, b, c, d, e, f);
}

/* ---- the tree ---- */

/* What is beneath the root, and what takes its name from time to time. */
static const char *const swapped[][2] = {
    {"www/d", "link-d"},          /* a folder, and a link to one outside */
    {"www/f.txt", "link-f"},      /* a file, and a link to one outside */
    {"www/p.txt", "fifo"},        /* a file, and a FIFO */
    {"www/s.css.gz", "link-s"},   /* the coding of a file */
    {"www/up/down", "link-down"}, /* what a link goes through and up again */
};

struct site {
    struct temp_folder folder;
    struct test_server server;
    struct test_client client;
    pthread_t thread;
    int folder_fd;
    atomic_bool is_over;
    atomic_uint swaps;
};

/* SIZE bytes of a word. */
static void add_file(const struct site *s, const char *name, const char *word)
{
    char text[SIZE + 16];
    size_t n = 0;

    while (n < SIZE)
        n += (size_t)snprintf(text + n, sizeof text - n, "%s ", word);
    temp_file_write(&s->folder, name, wr_slice(text, SIZE));
}

static void add_link(const struct site *s, const char *target, const char *name)
{
    assert_int_equal(symlinkat(target, s->folder_fd, name), 0);
}

static void add_tree(struct site *s)
{
    temp_folder_init(&s->folder);
    s->folder_fd = open(s->folder.path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_true(s->folder_fd >= 0);
    temp_folder_add(&s->folder, "www");
    temp_folder_add(&s->folder, "www/d");
    temp_folder_add(&s->folder, "www/up");
    temp_folder_add(&s->folder, "www/up/down");
    temp_folder_add(&s->folder, "outside");
    add_file(s, "www/d/index.html", "inside");
    add_file(s, "www/d/f.txt", "inside");
    add_file(s, "www/f.txt", "inside");
    add_file(s, "www/p.txt", "inside");
    add_file(s, "www/s.css", "inside");
    add_file(s, "www/s.css.gz", "inside");
    add_file(s, "www/up/f.txt", "inside");
    add_file(s, "outside/index.html", "SECRET");
    add_file(s, "outside/f.txt", "SECRET");
    add_file(s, "outside/SECRET", "SECRET");
    add_file(s, "f.txt", "SECRET");
    add_link(s, "../outside", "link-d");
    add_link(s, "../outside/f.txt", "link-f");
    add_link(s, "../outside/f.txt", "link-s");
    add_link(s, "../../outside", "link-down");
    add_link(s, "up/down/../f.txt", "www/via");
    assert_int_equal(mkfifoat(s->folder_fd, "fifo", 0600), 0);
}

static void *swap_on(void *arg)
{
    struct site *s = arg;

    while (!atomic_load(&s->is_over)) {
        for (size_t i = 0; i < WR_COUNT(swapped); i++)
            if (renameat2(s->folder_fd, swapped[i][0], s->folder_fd, swapped[i][1],
                          RENAME_EXCHANGE) < 0)
                abort();
        atomic_fetch_add(&s->swaps, 1);
    }
    return NULL;
}

/* ---- requests ---- */

static void open_site(struct site *s)
{
    struct wr_static_setup setup;
    char root[sizeof s->folder.path + 4];

    *s = (struct site){0};
    add_tree(s);
    snprintf(root, sizeof root, "%s/www", s->folder.path);
    setup = wr_static_setup_of(root);
    setup.listing = true;
    test_server_init(&s->server);
    assert_non_null(test_server_mount(&s->server, &wr_static_plugin, &setup, NULL));
    s->server.time.wall_ns = wr_clock_system.wall_ns(NULL) + HOUR_MS * 1000000LL;
    test_server_step(&s->server);
    test_client_open(&s->server, &s->client);
    assert_int_equal(pthread_create(&s->thread, NULL, swap_on, s), 0);
}

static void close_site(struct site *s)
{
    atomic_store(&s->is_over, true);
    pthread_join(s->thread, NULL);
    test_client_fini(&s->client);
    test_server_fini(&s->server);
    close(s->folder_fd);
    temp_folder_fini(&s->folder);
}

/* The status; what a request waits for is done at once, and it goes on in a later turn. */
static int ask(struct site *s, const char *target, const char *fields)
{
    struct test_responses got;
    char request[200];
    int status;

    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: a\r\n%s\r\n", target, fields);
    s->client.transport.out_n = 0;
    s->server.access_n = 0;
    test_client_send(&s->client, request);
    while (s->server.access_n == 0)
        test_client_event(&s->client, EPOLLIN | EPOLLOUT);
    test_client_responses(&s->client, "G", &got);
    if (got.error || got.n != 1 || got.v[0].is_cut)
        fail_msg("%s: %zu answers, %s", target, got.n, got.error ? got.error : "cut");
    if (memmem(got.v[0].content, got.v[0].content_n, "SECRET", strlen("SECRET")))
        fail_msg("%s: %d with a secret", target, got.v[0].status);
    status = got.v[0].status;
    test_responses_free(&got);
    return status;
}

/* Of a file that is there or not. */
struct tally {
    unsigned found, missing;
};

static void ask_for_file(struct site *s, const char *target, struct tally *t)
{
    int status = ask(s, target, "");

    t->found += status == 200;
    t->missing += status == 404;
    if (status != 200 && status != 404)
        fail_msg("%s: %d\n%s", target, status, s->server.log_text);
}

static bool is_enough(const struct tally *t, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (t[i].found < SEEN_MIN || t[i].missing < SEEN_MIN)
            return false;
    return true;
}

static void check_race(bool by_walk)
{
    static const char *const targets[] = {"/d/f.txt", "/d/", "/f.txt", "/p.txt"};
    struct tally tallies[WR_COUNT(targets)] = {{0}};
    struct site s;

    atomic_store(&refuses_openat2, by_walk);
    open_site(&s);
    for (unsigned round = 0; round < ROUNDS || !is_enough(tallies, WR_COUNT(targets)); round++) {
        int status;

        for (size_t i = 0; i < WR_COUNT(targets); i++)
            ask_for_file(&s, targets[i], &tallies[i]);
        status = ask(&s, "/d", "");
        assert_true(status == 301 || status == 404);
        assert_int_equal(ask(&s, "/s.css", "Accept-Encoding: gzip\r\n"), 200);
        status = ask(&s, "/up/down/", "");
        assert_true(status == 200 || status == 404);
        status = ask(&s, "/via", "");
        assert_true(status == 200 || status == 404);
    }
    assert_true(atomic_load(&s.swaps) > SEEN_MIN);
    close_site(&s);
    atomic_store(&refuses_openat2, false);
}

static void get__while_names_are_swapped__never_leaves_the_root(void **state)
{
    (void)state;
    check_race(false);
}

static void get__while_names_are_swapped_by_the_walk__never_leaves_the_root(void **state)
{
    (void)state;
    check_race(true);
}

WR_TESTS(cmocka_unit_test(get__while_names_are_swapped__never_leaves_the_root),
         cmocka_unit_test(get__while_names_are_swapped_by_the_walk__never_leaves_the_root));
