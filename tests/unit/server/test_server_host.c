/*
 * What a host does with a server: calls on its loops, connections of its own, stepping.
 */
#include "server_fixture.h"

/* ---- calls on every loop ---- */

static atomic_int calls[LOOPS];

static void count_call(struct wr_loop_thread *t, void *arg)
{
    (void)arg;
    atomic_fetch_add(&calls[t->worker.index], 1);
}

static void call_each__loops_end_meanwhile__is_made_on_each_once(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++) {
        pthread_barrier_t barrier;
        struct stop_call call = {&barrier, 0};
        pthread_t thread;

        wr_site_fini(&f.g[0].site);
        make_generation(&f.g[0], 0);
        pthread_barrier_init(&barrier, NULL, 2);
        for (int k = 0; k < LOOPS; k++)
            atomic_store(&calls[k], 0);
        start_server(LOOPS, 1);
        assert_int_equal(pthread_create(&thread, NULL, stop_there, &call), 0);
        pthread_barrier_wait(&barrier);
        for (int k = 1; k <= 20; k++) {
            wr_server_call_each(f.s, count_call, NULL);
            for (int n = 0; n < LOOPS; n++)
                assert_int_equal(atomic_load(&calls[n]), k);
        }
        pthread_join(thread, NULL);
        wr_server_free(f.s);
        pthread_barrier_destroy(&barrier);
        wr_listening_free(f.l[0]);
        f.l[0] = open_at("127.0.0.1:0", LOOPS);
    }
}

/* ---- connections of the host ---- */

static int descriptors(void)
{
    int n = 0;

    for (int fd = 0; fd < 1024; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

static void adopt__pair__is_served(void **state)
{
    int pair[2], tcp;
    char name[3];

    (void)state;
    start_server(LOOPS, 1);
    for (int i = 0; i < 3; i++) { /* on each loop */
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
        set_bound(pair[0]);
        assert_true(send_get(pair[0], "/"));
        assert_int_equal(wr_server_adopt(f.s, pair[1]), 0);
        assert_true(receive(pair[0], name));
        reload(1 + i);
        expect_on(pair[0], &f.g[1 + i]);
        close(pair[0]);
    }
    /* one end of a TCP connection that the test has accepted itself */
    tcp = dial(&f.l[1]->address);
    assert_true(tcp >= 0);
    for (int k = 0; k < LOOPS; k++) {
        struct pollfd p = {f.l[1]->acceptors[k].fd, POLLIN, 0};

        if (poll(&p, 1, 0) == 1) {
            int served = accept4(p.fd, NULL, NULL, SOCK_CLOEXEC); /* it blocks */

            assert_int_equal(wr_server_adopt(f.s, served), 0);
        }
    }
    expect_on(tcp, &f.g[3]);
    close(tcp);
    end_server();
}

static void adopt__what_is_no_connection__is_refused_and_closed(void **state)
{
    int before, pipes[2], pair[2], fd;

    (void)state;
    start_server(LOOPS, 1);
    before = descriptors();
    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    assert_int_equal(wr_server_adopt(f.s, pipes[0]), -EINVAL);
    assert_int_equal(wr_server_adopt(f.s, pipes[1]), -EINVAL);
    assert_int_equal(wr_server_adopt(f.s, open("/dev/null", O_RDWR | O_CLOEXEC)), -EINVAL);
    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0); /* connected to nobody */
    assert_int_equal(wr_server_adopt(f.s, fd), -EINVAL);
    fd = fcntl(f.l[1]->acceptors[0].fd, F_DUPFD_CLOEXEC, 3); /* it listens */
    assert_int_equal(wr_server_adopt(f.s, fd), -EINVAL);
    assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(wr_server_adopt(f.s, pair[0]), -EINVAL);
    close(pair[1]);
    assert_int_equal(wr_server_adopt(f.s, -1), -EBADF);
    assert_int_equal(descriptors(), before);
    wr_server_stop(f.s, 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(wr_server_adopt(f.s, pair[0]), -ESHUTDOWN);
    assert_int_equal(fcntl(pair[0], F_GETFD), -1);
    close(pair[1]);
    assert_int_equal(wr_server_wait(f.s), 0);
    wr_server_free(f.s);
}

/* ---- stepping ---- */

static void start_stepping(size_t n)
{
    assert_int_equal(try_new(1, n), 0);
    assert_int_equal(wr_server_start_stepping(f.s), 0);
}

/* Steps until the client has something to read. */
static void step_until_readable(int fd)
{
    struct pollfd p[2] = {{fd, POLLIN, 0}, {wr_server_fd(f.s), POLLIN, 0}};

    while (poll(p, 2, BOUND_S * 1000) > 0 && !p[0].revents)
        assert_true(wr_server_step(f.s, 0) >= 0);
    assert_true(p[0].revents);
}

static void ask_stepping(int fd, const char *path, const struct generation *g)
{
    char name[3];

    assert_true(send_get(fd, path));
    step_until_readable(fd);
    assert_true(receive(fd, name));
    assert_string_equal(name, g->name);
}

static void stop_stepping(void)
{
    wr_server_stop(f.s, 0);
    for (int i = 0; i < 100 && !wr_server_is_stopped(f.s); i++)
        assert_true(wr_server_step(f.s, 100) >= 0);
    assert_true(wr_server_is_stopped(f.s));
    wr_server_free(f.s);
}

/* No event may come for hours: nothing is left to a step that nobody has a reason to make. */
static void stepping__reload_without_requests__ends_the_old_at_once(void **state)
{
    int fd;

    (void)state;
    start_stepping(1);
    fd = dial(&f.l[0]->address);
    ask_stepping(fd, "/", &f.g[0]);
    reload(1);
    expect_trace(&f.g[0], ONE);
    ask_stepping(fd, "/", &f.g[1]);
    close(fd);
    stop_stepping();
    expect_trace(&f.g[1], ONE);
}

static void stepping__held_over_reloads__ended_after_the_step_that_answers(void **state)
{
    char name[3];
    int fd;

    (void)state;
    start_stepping(1);
    fd = dial(&f.l[0]->address);
    assert_true(send_get(fd, "/hold"));
    for (int i = 0; i < 100 && !f.g[0].held; i++)
        assert_true(wr_server_step(f.s, 100) >= 0);
    reload(1);
    reload(2);
    expect_trace(&f.g[1], ONE);
    expect_trace(&f.g[0], "pls");
    let_answer(&f.g[0]);
    expect_trace(&f.g[0], "pls");
    step_until_readable(fd);
    assert_true(receive(fd, name));
    assert_string_equal(name, f.g[0].name);
    expect_trace(&f.g[0], ONE);
    ask_stepping(fd, "/", &f.g[2]);
    close(fd);
    stop_stepping();
    expect_trace(&f.g[2], ONE);
}

static void stepping__who_waits_at_an_address_that_goes__is_served(void **state)
{
    char name[3];
    int fd;

    (void)state;
    start_stepping(1);
    fd = dial(&f.l[0]->address);
    assert_true(send_get(fd, "/"));
    assert_int_equal(try_reload(&f.g[1], f.l + 1, 1), 0);
    step_until_readable(fd);
    assert_true(receive(fd, name));
    assert_int_equal(dial(&f.l[0]->address), -ECONNREFUSED);
    ask_stepping(fd, "/", &f.g[1]);
    close(fd);
    stop_stepping();
}

/* A child whose SIGPIPE is at its default: in a reload it takes in a client that has gone, and sends
 * it a file. */
static void reload_with_default_sigpipe(const char *file)
{
    int fd;

    signal(SIGPIPE, SIG_DFL);
    f.g[0].file = open(file, O_RDONLY | O_CLOEXEC);
    start_stepping(1);
    for (int i = 0; i < 20; i++) {
        fd = dial(&f.l[0]->address);
        send_get(fd, "/file");
        close(fd);
    }
    try_reload(&f.g[1], f.l + 1, 1);
    _exit(0);
}

static void stepping__reload__raises_no_sigpipe(void **state)
{
    struct temp_folder folder;
    int status = -1;
    pid_t pid;

    (void)state;
    temp_folder_init(&folder);
    temp_file_fill(&folder, "big", 8 << 20);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        reload_with_default_sigpipe(temp_path(&folder, "big"));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    temp_folder_fini(&folder);
}

WR_TESTS(TEST(call_each__loops_end_meanwhile__is_made_on_each_once), TEST(adopt__pair__is_served),
         TEST(adopt__what_is_no_connection__is_refused_and_closed),
         TEST(stepping__reload_without_requests__ends_the_old_at_once),
         TEST(stepping__held_over_reloads__ended_after_the_step_that_answers),
         TEST(stepping__who_waits_at_an_address_that_goes__is_served),
         TEST(stepping__reload__raises_no_sigpipe));
