/*
 * The life of a server: starting, reloading, stopping, and what a site meets in it, each of its
 * functions once and in order.
 */
#include "server_fixture.h"

/* ---- the system: epoll_ctl(2) fails for as many listeners as a test says ---- */

static atomic_int refusals;

int __real_epoll_ctl(int epoll_fd, int op, int fd, struct epoll_event *event);
int __wrap_epoll_ctl(int epoll_fd, int op, int fd, struct epoll_event *event);

int __wrap_epoll_ctl(int epoll_fd, int op, int fd, struct epoll_event *event)
{
    if (op == EPOLL_CTL_ADD && !(event->events & EPOLLET) && atomic_load(&refusals) > 0) {
        atomic_fetch_sub(&refusals, 1);
        errno = ENOSPC; /* epoll_ctl(2): the limit of watches of the user */
        return -1;
    }
    return __real_epoll_ctl(epoll_fd, op, fd, event);
}

/* ---- starting and ending ---- */

static void new__free_without_start__undoes_all_once(void **state)
{
    (void)state;
    assert_int_equal(try_new(LOOPS, 1), 0);
    expect_trace(&f.g[0], "plls");
    wr_server_free(f.s);
    expect_trace(&f.g[0], ALL);
}

static void free__running_server__ends_it(void **state)
{
    int fd;

    (void)state;
    start_server(LOOPS, 1);
    fd = dial(&f.l[0]->address);
    expect_on(fd, &f.g[0]);
    wr_server_free(f.s);
    expect_trace(&f.g[0], ALL);
    close(fd);
}

static const struct {
    char fails_in;
    int fails_on;
    const char *trace, *why;
} failures[] = {{'p', 0, "pSLLfR", ": prepare"},
                {'l', 0, "pllSLLfR", ": start_loop"},
                {'l', 1, "pllSLLfR", ": start_loop"},
                {'s', 0, "pllsSLLfR", ": start"}};

static void new__site_that_fails__is_undone_once(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(failures); i++) {
        wr_site_fini(&f.g[0].site);
        make_generation(&f.g[0], 0);
        f.g[0].fails_in = failures[i].fails_in;
        f.g[0].fails_on = failures[i].fails_on;
        assert_int_equal(try_new(LOOPS, 1), -EPROTO);
        assert_string_equal(f.why + 2, failures[i].why);
        expect_trace(&f.g[0], failures[i].trace);
    }
}

/* Who has bound may try again with something else. */
static void new__site_that_fails__leaves_the_path_bound(void **state)
{
    struct temp_folder folder;
    char text[128];
    struct stat st;

    (void)state;
    temp_folder_init(&folder);
    snprintf(text, sizeof text, "unix:%s", temp_path(&folder, "s"));
    wr_listening_free(f.l[0]);
    f.l[0] = open_at(text, LOOPS);
    f.g[0].fails_in = 's';
    assert_int_equal(try_new(LOOPS, 1), -EPROTO);
    assert_int_equal(lstat(temp_path(&folder, "s"), &st), 0);
    wr_site_fini(&f.g[0].site);
    make_generation(&f.g[0], 0);
    start_server(LOOPS, 1);
    expect_at(f.l[0], &f.g[0]);
    end_server();
    assert_int_equal(lstat(temp_path(&folder, "s"), &st), -1);
    temp_folder_fini(&folder);
}

static void start__listener_that_cannot_be_watched__fails(void **state)
{
    (void)state;
    for (int i = 1; i <= 3; i++) {
        wr_site_fini(&f.g[0].site);
        make_generation(&f.g[0], 0);
        assert_int_equal(try_new(LOOPS, 2), 0);
        atomic_store(&refusals, 1);
        assert_int_equal(wr_server_start(f.s), -ENOSPC);
        wr_server_free(f.s);
        expect_trace(&f.g[0], ALL);
        for (int k = 0; k < 2; k++) {
            wr_listening_free(f.l[k]);
            f.l[k] = open_at("127.0.0.1:0", LOOPS);
        }
    }
}

static void *run(void *arg)
{
    int err = wr_server_start_others(arg);

    return (void *)(intptr_t)(err < 0 ? err : wr_server_run(arg));
}

static void run__in_a_thread__reloads_at_any_moment(void **state)
{
    (void)state;
    for (int i = 0; i < 50; i++) {
        pthread_t thread;
        void *result;

        for (int k = 0; k < 2; k++) {
            wr_site_fini(&f.g[k].site);
            make_generation(&f.g[k], k);
        }
        assert_int_equal(try_new(LOOPS, 1), 0);
        assert_int_equal(pthread_create(&thread, NULL, run, f.s), 0);
        if (i % 2 == 1)
            expect_at(f.l[0], &f.g[0]);
        reload(1);
        expect_at(f.l[0], &f.g[1]);
        await(has_trace, &f.g[0], ALL);
        wr_server_stop(f.s, BOUND_S * 1000);
        assert_int_equal(pthread_join(thread, &result), 0);
        assert_null(result);
        wr_server_free(f.s);
        expect_trace(&f.g[1], ALL);
        wr_listening_free(f.l[0]);
        f.l[0] = open_at("127.0.0.1:0", LOOPS);
    }
}

/* ---- reloading ---- */

static void reload__nobody_there__the_old_ends(void **state)
{
    (void)state;
    start_server(LOOPS, 1);
    expect_at(f.l[0], &f.g[0]);
    reload(1);
    expect_at(f.l[0], &f.g[1]);
    await(has_trace, &f.g[0], ALL);
    expect_trace(&f.g[1], "plls");
    end_server();
    expect_trace(&f.g[1], ALL);
}

static void reload__request_that_is_held__ends_with_the_old(void **state)
{
    char name[3] = "";
    int fd;

    (void)state;
    start_server(LOOPS, 1);
    fd = dial(&f.l[0]->address);
    assert_true(send_get(fd, "/hold"));
    await(is_holding, &f.g[0], NULL);
    reload(1);
    reload(2);
    await(has_trace, &f.g[1], ALL); /* nobody has it: it does not wait for the one before */
    expect_trace(&f.g[0], "plls");
    expect_at(f.l[0], &f.g[2]);
    let_answer(&f.g[0]);
    assert_true(receive(fd, name));
    assert_string_equal(name, f.g[0].name);
    await(has_trace, &f.g[0], ALL);
    expect_on(fd, &f.g[2]);
    close(fd);
    end_server();
    expect_trace(&f.g[2], ALL);
}

static void reload__site_that_fails__the_old_serves_on(void **state)
{
    int fd;

    (void)state;
    start_server(LOOPS, 1);
    fd = dial(&f.l[0]->address);
    for (size_t i = 0; i < WR_COUNT(failures); i++) {
        struct wr_listening *others[] = {f.l[1], f.l[2]};

        wr_site_fini(&f.g[1].site);
        make_generation(&f.g[1], 1);
        f.g[1].fails_in = failures[i].fails_in;
        f.g[1].fails_on = failures[i].fails_on;
        assert_int_equal(try_reload(&f.g[1], others, 2), -EPROTO);
        assert_string_equal(f.why + 2, failures[i].why);
        expect_trace(&f.g[1], failures[i].trace);
        expect_on(fd, &f.g[0]);
        expect_at(f.l[0], &f.g[0]);
        expect_trace(&f.g[0], "plls");
        assert_null(f.l[1]->acceptors[0].owner);
    }
    reload(2);
    expect_on(fd, &f.g[2]);
    close(fd);
    end_server();
    expect_trace(&f.g[0], ALL);
    expect_trace(&f.g[2], ALL);
}

static void reload__addresses__come_go_and_stay(void **state)
{
    struct wr_listening *after[] = {f.l[2], f.l[0]};
    int stays[LOOPS], on_stays, on_goes;

    (void)state;
    start_server(LOOPS, 2);
    for (int i = 0; i < LOOPS; i++)
        stays[i] = f.l[0]->acceptors[i].fd;
    on_stays = dial(&f.l[0]->address);
    on_goes = dial(&f.l[1]->address);
    expect_on(on_goes, &f.g[0]);
    assert_int_equal(try_reload(&f.g[1], after, 2), 0);
    for (int i = 0; i < LOOPS; i++) {
        assert_int_equal(f.l[0]->acceptors[i].fd, stays[i]);
        assert_int_equal(f.l[1]->acceptors[i].fd, -1);
    }
    expect_on(on_stays, &f.g[1]);
    expect_on(on_goes, &f.g[1]); /* the connection outlives its listener */
    expect_at(f.l[0], &f.g[1]);
    expect_at(f.l[2], &f.g[1]);
    assert_int_equal(dial(&f.l[1]->address), -ECONNREFUSED);
    close(on_stays);
    close(on_goes);
    end_server();
    expect_trace(&f.g[0], ALL);
    expect_trace(&f.g[1], ALL);
}

struct reload_call {
    struct generation *g;
    struct wr_listening **v;
    size_t n;
};

static void *reload_there(void *arg)
{
    const struct reload_call *call = arg;

    return (void *)(intptr_t)try_reload(call->g, call->v, call->n);
}

/* The one loop is in a handler while a client connects to the address that goes. */
static void reload__who_waits_at_an_address_that_goes__is_served(void **state)
{
    struct reload_call call = {&f.g[1], f.l + 1, 1};
    int blocker, waiting[3];
    pthread_t thread;
    char name[3];
    void *result;
    sem_t go;

    (void)state;
    sem_init(&go, 0, 0);
    f.g[0].serve_waits_for = &go;
    start_server(1, 1);
    blocker = dial(&f.l[0]->address);
    assert_true(send_get(blocker, "/block"));
    await(is_blocked, &f.g[0], NULL);
    for (int i = 0; i < 3; i++) {
        waiting[i] = dial(&f.l[0]->address);
        assert_true(waiting[i] >= 0);
        assert_true(i == 2 || send_get(waiting[i], "/")); /* one will ask later */
    }
    assert_int_equal(pthread_create(&thread, NULL, reload_there, &call), 0);
    await(has_trace, &f.g[1], "p");
    sem_post(&go);
    pthread_join(thread, &result);
    assert_null(result);
    assert_true(receive(blocker, name));
    for (int i = 0; i < 2; i++)
        assert_true(receive(waiting[i], name));
    expect_on(waiting[2], &f.g[1]);
    assert_int_equal(dial(&f.l[0]->address), -ECONNREFUSED);
    for (int i = 0; i < 3; i++)
        close(waiting[i]);
    close(blocker);
    end_server();
    sem_destroy(&go);
    expect_trace(&f.g[0], ONE);
}

/* All but the first of the new listeners must be tried again as well. */
static void reload__listeners_that_cannot_be_watched__are_tried_again(void **state)
{
    (void)state;
    start_server(1, 1);
    atomic_store(&refusals, 1);
    assert_int_equal(try_reload(&f.g[1], f.l, 3), 0);
    for (int i = 0; i < 3; i++)
        expect_at(f.l[i], &f.g[1]);
    end_server();
}

static void do_nothing(struct wr_task *task)
{
    (void)task;
}

/* Makes epoll_wait(2) of the loop fail: its descriptor is no epoll any more. */
static void break_loop(int index)
{
    static struct wr_task nothing;
    struct wr_loop *loop = f.s->threads[index].worker.loop;
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

    nothing.run = do_nothing;
    assert_true(dup3(fd, wr_loop_fd(loop), O_CLOEXEC) >= 0);
    close(fd);
    wr_loop_post(loop, &nothing); /* out of the wait that it is in */
    pthread_join(f.s->threads[index].thread, NULL);
    f.s->threads[index].has_thread = false;
}

static void loop_that_fails__the_others_serve_on_and_take_all(void **state)
{
    struct wr_listening *after[] = {f.l[0], f.l[1]};
    int fds[8];
    char byte;

    (void)state;
    start_server(LOOPS, 1);
    for (int i = 0; i < 8; i++) {
        fds[i] = dial(&f.l[0]->address);
        expect_on(fds[i], &f.g[0]);
    }
    break_loop(0);
    for (int i = 0; i < 8; i++)
        expect_at(f.l[0], &f.g[0]);
    assert_int_equal(try_reload(&f.g[1], after, 2), 0);
    for (int i = 0; i < 8; i++) {
        expect_at(f.l[0], &f.g[1]);
        expect_at(f.l[1], &f.g[1]);
    }
    for (int i = 0; i < 8; i++) { /* its clients are told; those of the other are drained */
        shutdown(fds[i], SHUT_WR);
        assert_true(recv(fds[i], &byte, 1, 0) == 0 || errno == ECONNRESET);
        close(fds[i]);
    }
    wr_server_stop(f.s, 1000000); /* nobody is there for whom it would have to wait */
    assert_int_equal(wr_server_wait(f.s), -EINVAL);
    wr_server_free(f.s);
    expect_trace(&f.g[0], ALL);
    expect_trace(&f.g[1], ALL);
}

#define CLIENTS 4
#define RELOADS 200

static struct storm {
    struct wr_address address;
    atomic_bool is_over;
    atomic_long answers, failures;
} storm;

static void *keep_asking(void *arg)
{
    bool is_fresh = arg != NULL;
    int fd = -1;

    while (!atomic_load(&storm.is_over)) {
        char name[3];

        if (fd < 0)
            fd = dial(&storm.address);
        if (fd >= 0 && ask(fd, name))
            atomic_fetch_add(&storm.answers, 1);
        else
            atomic_fetch_add(&storm.failures, 1);
        if (is_fresh && fd >= 0) {
            close(fd);
            fd = -1;
        }
        if (atomic_load(&storm.failures) > 0)
            break;
    }
    if (fd >= 0)
        close(fd);
    return NULL;
}

static void reload__again_and_again_under_load__no_request_fails(void **state)
{
    struct generation *g = calloc(RELOADS, sizeof *g);
    pthread_t clients[CLIENTS];
    int fd;

    (void)state;
    assert_non_null(g);
    start_server(LOOPS, 1);
    storm.address = f.l[0]->address;
    atomic_store(&storm.is_over, false);
    atomic_store(&storm.answers, 0);
    atomic_store(&storm.failures, 0);
    for (int i = 0; i < CLIENTS; i++)
        assert_int_equal(pthread_create(&clients[i], NULL, keep_asking, i % 2 ? &storm : NULL), 0);
    fd = dial(&f.l[0]->address);
    for (int i = 0; i < RELOADS; i++) {
        make_generation(&g[i], i);
        assert_int_equal(try_reload(&g[i], f.l, 1), 0);
        expect_on(fd, &g[i]); /* all loops have switched */
        expect_at(f.l[0], &g[i]);
    }
    atomic_store(&storm.is_over, true);
    for (int i = 0; i < CLIENTS; i++)
        pthread_join(clients[i], NULL);
    assert_int_equal(atomic_load(&storm.failures), 0);
    assert_true(atomic_load(&storm.answers) > 0);
    close(fd);
    end_server();
    expect_trace(&f.g[0], ALL);
    for (int i = 0; i < RELOADS; i++)
        expect_trace(&g[i], ALL);
    free(g);
}

/* ---- stopping meanwhile ---- */

static void reload__races_with_stop__both_sites_end_once(void **state)
{
    (void)state;
    for (int i = 0; i < 60; i++) {
        struct wr_listening *after[] = {f.l[1], f.l[0]};
        pthread_barrier_t barrier;
        struct stop_call call = {&barrier, i % 2 ? 0 : 5000};
        pthread_t thread;
        int fd;

        for (int k = 0; k < 3; k++) {
            wr_site_fini(&f.g[k].site);
            make_generation(&f.g[k], k);
        }
        pthread_barrier_init(&barrier, NULL, 2);
        start_server(LOOPS, 1);
        fd = dial(&f.l[0]->address);
        expect_on(fd, &f.g[0]);
        assert_int_equal(pthread_create(&thread, NULL, stop_there, &call), 0);
        pthread_barrier_wait(&barrier);
        assert_int_equal(try_reload(&f.g[1], after, 1 + (size_t)(i / 2 % 2)), 0);
        assert_int_equal(try_reload(&f.g[2], f.l, 1), 0);
        pthread_join(thread, NULL);
        assert_int_equal(wr_server_wait(f.s), 0);
        wr_server_free(f.s);
        for (int k = 0; k < 3; k++)
            expect_trace(&f.g[k], ALL);
        close(fd);
        pthread_barrier_destroy(&barrier);
        for (int k = 0; k < 2; k++) {
            wr_listening_free(f.l[k]);
            f.l[k] = open_at("127.0.0.1:0", LOOPS);
        }
    }
}

static void stop__while_an_old_site_ends__waits_for_it(void **state)
{
    sem_t go;

    (void)state;
    sem_init(&go, 0, 0);
    f.g[0].stop_waits_for = &go;
    start_server(LOOPS, 1);
    reload(1);
    await(has_trace, &f.g[0], "pllsS");
    expect_at(f.l[0], &f.g[1]); /* it holds up nobody */
    wr_server_stop(f.s, 0);
    assert_int_equal(wr_server_wait(f.s), 0);
    expect_trace(&f.g[0], "pllsS");
    sem_post(&go); /* now its loops have ended, and stop_loop is called all the same */
    wr_server_free(f.s);
    expect_trace(&f.g[0], ALL);
    expect_trace(&f.g[1], ALL);
    sem_destroy(&go);
}

static void free__exchanges_of_several_sites__end_before_them(void **state)
{
    int fds[2];

    (void)state;
    start_server(LOOPS, 1);
    for (int i = 0; i < 2; i++) {
        fds[i] = dial(&f.l[0]->address);
        assert_true(send_get(fds[i], "/hold"));
        let_answer(&f.g[i]);
        assert_true(send_get(fds[i], "/"));
        reload(i + 1);
    }
    wr_server_free(f.s);
    for (int i = 0; i < 3; i++)
        expect_trace(&f.g[i], ALL);
    close(fds[0]);
    close(fds[1]);
}

/* A client whose answer is half out, from a site that was retired. */
static void free__answer_that_is_not_taken__ends_with_its_site(void **state)
{
    struct temp_folder folder;
    char byte;
    int fd;

    (void)state;
    temp_folder_init(&folder);
    temp_file_fill(&folder, "big", 8 << 20);
    f.g[0].file = open(temp_path(&folder, "big"), O_RDONLY | O_CLOEXEC);
    start_server(LOOPS, 1);
    fd = dial(&f.l[0]->address);
    assert_true(send_get(fd, "/file"));
    assert_int_equal(recv(fd, &byte, 1, 0), 1);
    reload(1);
    expect_trace(&f.g[0], "plls");
    wr_server_stop(f.s, 0);
    assert_int_equal(wr_server_wait(f.s), 0);
    expect_trace(&f.g[0], "plls");
    wr_server_free(f.s);
    expect_trace(&f.g[0], ALL);
    expect_trace(&f.g[1], ALL);
    close(fd);
    close(f.g[0].file);
    temp_folder_fini(&folder);
}

WR_TESTS(TEST(new__free_without_start__undoes_all_once), TEST(free__running_server__ends_it),
         TEST(new__site_that_fails__is_undone_once),
         TEST(new__site_that_fails__leaves_the_path_bound),
         TEST(start__listener_that_cannot_be_watched__fails),
         TEST(run__in_a_thread__reloads_at_any_moment), TEST(reload__nobody_there__the_old_ends),
         TEST(reload__request_that_is_held__ends_with_the_old),
         TEST(reload__site_that_fails__the_old_serves_on),
         TEST(reload__addresses__come_go_and_stay),
         TEST(reload__who_waits_at_an_address_that_goes__is_served),
         TEST(reload__listeners_that_cannot_be_watched__are_tried_again),
         TEST(loop_that_fails__the_others_serve_on_and_take_all),
         TEST(reload__again_and_again_under_load__no_request_fails),
         TEST(reload__races_with_stop__both_sites_end_once),
         TEST(stop__while_an_old_site_ends__waits_for_it),
         TEST(free__exchanges_of_several_sites__end_before_them),
         TEST(free__answer_that_is_not_taken__ends_with_its_site));
