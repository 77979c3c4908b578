/* What is made of a path and was not asked for as it stands: an index, an attempt, a listing. */
#include "support.h"

#include <stdio.h>
#include <unistd.h>

#include "handlers/static.h"
#include "temp_folder.h"
#include "test_server.h"

struct site {
    struct temp_folder folder;
    struct test_server server;
    struct test_client client;
};

/* The folder is filled and `setup` is for it. */
static void open_site(struct site *s, struct wr_static_setup *setup)
{
    setup->folder = s->folder.path;
    test_server_init(&s->server);
    assert_non_null(test_server_mount(&s->server, &wr_static_plugin, setup, NULL));
    test_client_open(&s->server, &s->client);
}

static void close_site(struct site *s)
{
    test_client_fini(&s->client);
    test_server_fini(&s->server);
    temp_folder_fini(&s->folder);
}

static void check(struct site *s, const char *target, const char *expected)
{
    char request[400], got[TEST_DESCRIPTION_MAX];

    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", target);
    s->client.transport.out_n = 0;
    test_client_send(&s->client, request);
    for (int i = 0; i < 50 && s->client.transport.out_n == 0; i++) /* what it waits for is done */
        test_server_step(&s->server);
    test_client_describe(&s->client, "", got);
    assert_string_equal(got, expected);
}

/* Else it would be sent to its own address with one '/' more, again and again. */
static void get__folder_whose_index_is_a_folder__has_none(void **state)
{
    struct wr_static_setup setup = wr_static_setup_of("");
    struct site s;

    (void)state;
    temp_folder_init(&s.folder);
    temp_folder_add(&s.folder, "d");
    temp_folder_add(&s.folder, "d/index.html");
    open_site(&s, &setup);
    check(&s, "/d", "301");
    check(&s, "/d/", "404");
    close_site(&s);
    temp_folder_init(&s.folder);
    temp_folder_add(&s.folder, "d");
    temp_folder_add(&s.folder, "d/index.html");
    setup.listing = true;
    open_site(&s, &setup);
    check(&s, "/d/", "200");
    close_site(&s);
}

static void fill_hidden(struct site *s)
{
    temp_folder_init(&s->folder);
    temp_file_write(&s->folder, ".html", WR_SLICE("hidden"));
    temp_folder_add(&s->folder, "d");
    temp_folder_add(&s->folder, "d/.well-known");
    temp_file_write(&s->folder, "d/.well-known/x", WR_SLICE("hidden"));
    temp_file_write(&s->folder, "x.html", WR_SLICE("open"));
}

static void get__attempt_at_a_hidden_name__is_404(void **state)
{
    static const char *const attempts[] = {"{path}.html", "/d{path}"};
    struct wr_static_setup setup = wr_static_setup_of("");
    struct site s;

    (void)state;
    setup.attempts = (struct wr_static_texts){attempts, 2};
    setup.compress = WR_STATIC_COMPRESS_OFF;
    fill_hidden(&s);
    open_site(&s, &setup);
    check(&s, "/", "404");
    check(&s, "/.well-known/x", "404");
    check(&s, "/x", "200"); /* text/html, so its content is not shown */
    close_site(&s);
    setup.dot_files = true;
    fill_hidden(&s);
    open_site(&s, &setup);
    check(&s, "/", "200 hidden"); /* a name with a dot in front only has no ending */
    check(&s, "/.well-known/x", "200 hidden");
    close_site(&s);
}

static void list__what_is_no_folder_beneath_the_root__is_404(void **state)
{
    struct wr_static_setup setup = wr_static_setup_of("");
    char target[302] = "/";
    struct site s;

    (void)state;
    setup.listing = true;
    temp_folder_init(&s.folder);
    assert_int_equal(symlink("..", temp_path(&s.folder, "out")), 0);
    assert_int_equal(symlink("loop", temp_path(&s.folder, "loop")), 0);
    temp_file_write(&s.folder, "f", WR_SLICE("f"));
    open_site(&s, &setup);
    for (size_t i = 1; i < 300; i++)
        target[i] = 'x';
    target[300] = '/';
    target[301] = '\0';
    check(&s, "/out/", "404");
    check(&s, "/loop/", "404");
    check(&s, "/f/", "404");
    check(&s, "/missing/", "404");
    check(&s, target, "404");
    close_site(&s);
}

WR_TESTS(cmocka_unit_test(get__folder_whose_index_is_a_folder__has_none),
         cmocka_unit_test(get__attempt_at_a_hidden_name__is_404),
         cmocka_unit_test(list__what_is_no_folder_beneath_the_root__is_404));
