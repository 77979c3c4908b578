#include "support.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "decoder.h"
#include "server/error_pages.h"
#include "server/handler.h"
#include "temp_folder.h"

struct fixture {
    struct temp_folder folder;
    struct wr_error_pages pages;
    char why[WR_WHY_MAX];
};

static void set_up(struct fixture *f)
{
    *f = (struct fixture){0};
    temp_folder_init(&f->folder);
}

static void tear_down(struct fixture *f)
{
    wr_error_pages_free(&f->pages);
    assert_int_equal(f->pages.n, 0);
    temp_folder_fini(&f->folder);
}

static int add(struct fixture *f, int status, const char *name)
{
    f->why[0] = '\0';
    return wr_error_pages_add(&f->pages, status, temp_path(&f->folder, name), f->why);
}

/* Writes a page whose content is its name, and adds it. */
static void add_page(struct fixture *f, int status, const char *name)
{
    temp_file_write(&f->folder, name, wr_slice_of(name));
    if (add(f, status, name) < 0)
        fail_msg("%s", f->why);
}

static void check_found(struct fixture *f, int status, const char *content)
{
    const struct wr_own_page *page = wr_error_pages_find(&f->pages, status);

    if (!content) {
        assert_null(page);
        return;
    }
    assert_non_null(page);
    assert_int_equal(page->n, strlen(content));
    assert_memory_equal(page->content, content, page->n);
}

static void find__exact__goes_before_class(void **state)
{
    struct fixture f;

    (void)state;
    set_up(&f);
    assert_null(wr_error_pages_find(NULL, 404));
    check_found(&f, 404, NULL);
    add_page(&f, 4, "4xx.html");
    check_found(&f, 404, "4xx.html");
    add_page(&f, 404, "404.html");
    add_page(&f, 503, "503.html");
    check_found(&f, 404, "404.html");
    check_found(&f, 400, "4xx.html");
    check_found(&f, 499, "4xx.html");
    check_found(&f, 503, "503.html");
    check_found(&f, 500, NULL);
    add_page(&f, 5, "5xx.html");
    check_found(&f, 500, "5xx.html");
    check_found(&f, 599, "5xx.html");
    check_found(&f, 503, "503.html");
    tear_down(&f);
}

static void find__statuses_of_no_error__have_none(void **state)
{
    static const int statuses[] = {200, 204, 301, 304, 399, 600, 999};
    struct fixture f;

    (void)state;
    set_up(&f);
    add_page(&f, 4, "4xx.html");
    add_page(&f, 5, "5xx.html");
    for (size_t i = 0; i < WR_COUNT(statuses); i++)
        check_found(&f, statuses[i], NULL);
    tear_down(&f);
}

static void add__type__is_that_of_the_name(void **state)
{
    static const struct {
        const char *name, *type;
    } rows[] = {
        {"a.html", "text/html; charset=utf-8"},
        {"a.HTM", "text/html; charset=utf-8"},
        {"a.txt", "text/plain; charset=utf-8"},
        {"a.json", "application/json"},
        {"a.svg", "image/svg+xml"},
        {"a", "application/octet-stream"},
    };

    (void)state;
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        struct fixture f;
        struct wr_slice type;

        set_up(&f);
        add_page(&f, 404, rows[i].name);
        type = wr_error_pages_find(&f.pages, 404)->type;
        if (!wr_slice_eq(type, wr_slice_of(rows[i].type)))
            fail_msg("%s: %.*s", rows[i].name, (int)type.n, type.p);
        tear_down(&f);
    }
}

static void add__content__is_read_once(void **state)
{
    struct fixture f;

    (void)state;
    set_up(&f);
    add_page(&f, 404, "404.html");
    temp_file_write(&f.folder, "404.html", WR_SLICE("changed"));
    check_found(&f, 404, "404.html");
    assert_int_equal(unlink(temp_path(&f.folder, "404.html")), 0);
    check_found(&f, 404, "404.html");
    tear_down(&f);
}

static void add__sizes__up_to_the_limit(void **state)
{
    static const struct {
        size_t size;
        int result;
    } rows[] = {{0, 0}, {1, 0}, {65537, 0}, {1048576, 0}, {1048577, -EFBIG}, {3000000, -EFBIG}};
    struct fixture f;

    (void)state;
    set_up(&f);
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        const struct wr_own_page *page;

        temp_file_fill(&f.folder, "page.html", rows[i].size);
        assert_int_equal(add(&f, 404 + (int)i, "page.html"), rows[i].result);
        page = wr_error_pages_find(&f.pages, 404 + (int)i);
        assert_int_equal(page != NULL, rows[i].result == 0);
        if (!page) {
            assert_non_null(strstr(f.why, "page.html as an error page: it is larger than 1 MiB"));
            continue;
        }
        assert_int_equal(page->n, rows[i].size);
        for (size_t k = 0; k < page->n; k++)
            if (page->content[k] != 'a' + (int)(k % 23))
                fail_msg("byte %zu of %zu", k, page->n);
    }
    tear_down(&f);
}

static void add__what_is_no_file__is_refused(void **state)
{
    struct fixture f;

    (void)state;
    set_up(&f);
    assert_int_equal(add(&f, 404, "nope.html"), -ENOENT);
    assert_non_null(strstr(f.why, "nope.html as an error page: No such file or directory"));
    temp_folder_add(&f.folder, "folder.html");
    assert_int_equal(add(&f, 404, "folder.html"), -EINVAL);
    assert_non_null(strstr(f.why, "folder.html as an error page: it is not a regular file"));
    assert_int_equal(mkfifo(temp_path(&f.folder, "fifo.html"), 0644), 0);
    assert_int_equal(add(&f, 404, "fifo.html"), -EINVAL); /* at once */
    assert_int_equal(wr_error_pages_add(&f.pages, 404, "/dev/zero", f.why), -EINVAL);
    assert_int_equal(wr_error_pages_add(&f.pages, 404, "", f.why), -ENOENT);
    assert_int_equal(f.pages.n, 0);
    add_page(&f, 404, "404.html"); /* it may be tried again */
    check_found(&f, 404, "404.html");
    tear_down(&f);
}

static void add__file_that_may_not_be_read__is_refused(void **state)
{
    struct fixture f;

    (void)state;
    if (geteuid() == 0) /* who may read everything */
        skip();
    set_up(&f);
    temp_file_write(&f.folder, "a.html", WR_SLICE("a"));
    assert_int_equal(chmod(temp_path(&f.folder, "a.html"), 0), 0);
    assert_int_equal(add(&f, 404, "a.html"), -EACCES);
    assert_non_null(strstr(f.why, "Permission denied"));
    tear_down(&f);
}

static void add__wrong_status__is_refused(void **state)
{
    static const int statuses[] = {-1, 0, 1, 2, 3, 6, 40, 200, 301, 304, 399, 600, 4040};
    struct fixture f;

    (void)state;
    set_up(&f);
    temp_file_write(&f.folder, "a.html", WR_SLICE("a"));
    for (size_t i = 0; i < WR_COUNT(statuses); i++) {
        assert_int_equal(add(&f, statuses[i], "a.html"), -EINVAL);
        assert_non_null(strstr(f.why, "no status from 400 to 599"));
    }
    assert_int_equal(add(&f, 400, "a.html"), 0);
    assert_int_equal(add(&f, 599, "a.html"), 0);
    assert_int_equal(f.pages.n, 2);
    tear_down(&f);
}

static void add__a_second_one__is_refused(void **state)
{
    struct fixture f;

    (void)state;
    set_up(&f);
    add_page(&f, 404, "first.html");
    add_page(&f, 4, "class.html");
    temp_file_write(&f.folder, "second.html", WR_SLICE("second"));
    assert_int_equal(add(&f, 404, "second.html"), -EEXIST);
    assert_non_null(strstr(f.why, "second.html"));
    assert_int_equal(add(&f, 4, "second.html"), -EEXIST);
    check_found(&f, 404, "first.html");
    tear_down(&f);
}

/* ---- codings ---- */

static const enum wr_coding codings[] = {WR_CODING_GZIP, WR_CODING_BR, WR_CODING_ZSTD};

/* In any coding; absent: it is not there. */
static struct wr_slice content_in(const struct wr_own_page *page, enum wr_coding coding)
{
    if (coding == WR_CODING_IDENTITY)
        return wr_slice(page->content, page->n);
    return wr_slice(page->encoded[coding].p, page->encoded[coding].n);
}

static void check_encoded(const struct wr_own_page *page, bool is_encoded)
{
    assert_int_equal(wr_own_page_varies(page), is_encoded);
    assert_null(page->encoded[WR_CODING_IDENTITY].p);
    for (size_t i = 0; i < WR_COUNT(codings); i++) {
        struct wr_slice encoded = content_in(page, codings[i]);

        assert_int_equal(encoded.p != NULL, is_encoded);
        if (!is_encoded)
            continue;
        assert_true(encoded.n < page->n);
        assert_true(decodes_to(codings[i], encoded, content_in(page, WR_CODING_IDENTITY)));
    }
}

static void codings__of_a_page__are_made_where_it_is_worth_it(void **state)
{
    static const struct {
        const char *name;
        size_t size;
        bool is_encoded;
    } rows[] = {
        {"a.html", 255, false},    {"b.html", 256, true},    {"c.html", 300000, true},
        {"d.html", 1048576, true}, {"e.txt", 5000, true},    {"f.json", 5000, true},
        {"g.svg", 5000, true},     {"h.png", 5000, false},   {"i.webp", 5000, false},
        {"j", 5000, false},        {"empty.html", 0, false},
    };
    struct fixture f;

    (void)state;
    set_up(&f);
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        temp_file_fill(&f.folder, rows[i].name, rows[i].size);
        assert_int_equal(add(&f, 400 + (int)i, rows[i].name), 0);
        check_encoded(wr_error_pages_find(&f.pages, 400 + (int)i), rows[i].is_encoded);
    }
    tear_down(&f);
}

static void codings__that_make_it_no_smaller__are_left_out(void **state)
{
    char bytes[4096];
    uint32_t x = 1;
    struct fixture f;

    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++) {
        x = x * 1664525 + 1013904223;
        bytes[i] = (char)(x >> 24);
    }
    set_up(&f);
    temp_file_write(&f.folder, "a.html", wr_slice(bytes, sizeof bytes));
    assert_int_equal(add(&f, 404, "a.html"), 0);
    check_encoded(wr_error_pages_find(&f.pages, 404), false);
    tear_down(&f);
}

static const struct {
    const char *name;
    enum wr_coding coding;
} siblings[] = {{"404.html.gz", WR_CODING_GZIP},
                {"404.html.br", WR_CODING_BR},
                {"404.html.zst", WR_CODING_ZSTD}};

/* A page of 5000 bytes and of the time 1000000, and beside it what `add_sibling` makes of each name. */
static void check_siblings(void (*add_sibling)(const struct temp_folder *f, const char *name),
                           bool is_taken)
{
    const struct wr_own_page *page;
    struct fixture f;

    set_up(&f);
    temp_file_fill(&f.folder, "404.html", 5000);
    temp_file_date(&f.folder, "404.html", 1000000);
    for (size_t i = 0; i < WR_COUNT(siblings); i++)
        add_sibling(&f.folder, siblings[i].name);
    assert_int_equal(add(&f, 404, "404.html"), 0);
    page = wr_error_pages_find(&f.pages, 404);
    for (size_t i = 0; i < WR_COUNT(siblings) && is_taken; i++)
        assert_true(
            wr_slice_eq(content_in(page, siblings[i].coding), wr_slice_of(siblings[i].name)));
    if (!is_taken)
        check_encoded(page, true);
    tear_down(&f);
}

static void add_of_the_same_time(const struct temp_folder *f, const char *name)
{
    temp_file_write(f, name, wr_slice_of(name));
    temp_file_date(f, name, 1000000);
}

static void add_newer(const struct temp_folder *f, const char *name)
{
    temp_file_write(f, name, wr_slice_of(name));
}

static void add_older(const struct temp_folder *f, const char *name)
{
    temp_file_write(f, name, wr_slice_of(name));
    temp_file_date(f, name, 999999);
}

static void add_empty(const struct temp_folder *f, const char *name)
{
    temp_file_write(f, name, WR_SLICE(""));
}

static void add_large(const struct temp_folder *f, const char *name)
{
    temp_file_fill(f, name, 1048577);
}

static void add_fifo(const struct temp_folder *f, const char *name)
{
    assert_int_equal(mkfifo(temp_path(f, name), 0644), 0);
}

static void codings__files_beside_the_page__are_taken(void **state)
{
    (void)state;
    check_siblings(add_of_the_same_time, true);
    check_siblings(add_newer, true);
}

static void codings__files_that_cannot_be_meant__are_passed_over(void **state)
{
    (void)state;
    check_siblings(add_older, false);
    check_siblings(add_empty, false);
    check_siblings(add_large, false);
    check_siblings(add_fifo, false);
    check_siblings(temp_folder_add, false);
}

static void codings__a_file_beside_what_is_not_encoded__is_taken(void **state)
{
    const struct wr_own_page *page;
    struct fixture f;

    (void)state;
    set_up(&f);
    temp_file_write(&f.folder, "404.html", WR_SLICE("short"));
    temp_file_write(&f.folder, "404.html.br", WR_SLICE("br"));
    assert_int_equal(add(&f, 404, "404.html"), 0);
    page = wr_error_pages_find(&f.pages, 404);
    assert_true(wr_own_page_varies(page));
    assert_true(wr_slice_eq(content_in(page, WR_CODING_BR), WR_SLICE("br")));
    assert_null(page->encoded[WR_CODING_GZIP].p);
    assert_null(page->encoded[WR_CODING_ZSTD].p);
    tear_down(&f);
}

/* RFC 9110 12.5.3; the order of equals is the header's of accept.h. */
static void choose__accept_encoding__by_rfc_9110(void **state)
{
    static const struct {
        const char *field; /* NULL: absent */
        enum wr_coding coding;
    } rows[] = {
        {NULL, WR_CODING_IDENTITY},
        {"", WR_CODING_IDENTITY},
        {"gzip", WR_CODING_GZIP},
        {"gzip, deflate, br, zstd", WR_CODING_BR},
        {"gzip;q=1, br;q=0.5", WR_CODING_GZIP},
        {"zstd, gzip;q=0.9", WR_CODING_ZSTD},
        {"*", WR_CODING_BR},
        {"identity, gzip;q=0.5", WR_CODING_IDENTITY},
        {"deflate", WR_CODING_IDENTITY},
        {"deflate, identity;q=0", WR_CODING_IDENTITY}, /* none is acceptable: an error is told */
        {"*;q=0", WR_CODING_IDENTITY},
        {"gzip;q=0, *;q=0", WR_CODING_IDENTITY},
    };
    const struct wr_own_page *page;
    struct fixture f;

    (void)state;
    set_up(&f);
    temp_file_fill(&f.folder, "404.html", 5000);
    assert_int_equal(add(&f, 404, "404.html"), 0);
    page = wr_error_pages_find(&f.pages, 404);
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        struct wr_slice field = wr_slice(NULL, 0), content = wr_slice(NULL, 0);

        if (rows[i].field)
            field = wr_slice_of(rows[i].field);
        if (wr_own_page_choose(page, field, &content) != rows[i].coding)
            fail_msg("%s", rows[i].field);
        assert_true(wr_slice_eq(content, content_in(page, rows[i].coding)));
    }
    tear_down(&f);
}

WR_TESTS(cmocka_unit_test(find__exact__goes_before_class),
         cmocka_unit_test(find__statuses_of_no_error__have_none),
         cmocka_unit_test(add__type__is_that_of_the_name),
         cmocka_unit_test(add__content__is_read_once),
         cmocka_unit_test(add__sizes__up_to_the_limit),
         cmocka_unit_test(add__what_is_no_file__is_refused),
         cmocka_unit_test(add__file_that_may_not_be_read__is_refused),
         cmocka_unit_test(add__wrong_status__is_refused),
         cmocka_unit_test(add__a_second_one__is_refused),
         cmocka_unit_test(codings__of_a_page__are_made_where_it_is_worth_it),
         cmocka_unit_test(codings__that_make_it_no_smaller__are_left_out),
         cmocka_unit_test(codings__files_beside_the_page__are_taken),
         cmocka_unit_test(codings__files_that_cannot_be_meant__are_passed_over),
         cmocka_unit_test(codings__a_file_beside_what_is_not_encoded__is_taken),
         cmocka_unit_test(choose__accept_encoding__by_rfc_9110));
