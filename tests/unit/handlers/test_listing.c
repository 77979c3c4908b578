#include "listing_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"

/* ---- memory that runs out ---- */

static int allocations_left = INT_MAX;

void *__wrap_malloc(size_t n);
void *__real_malloc(size_t n);
void *__wrap_realloc(void *p, size_t n);
void *__real_realloc(void *p, size_t n);
void *__wrap_reallocarray(void *p, size_t n, size_t size);
void *__real_reallocarray(void *p, size_t n, size_t size);

static bool may_allocate(void)
{
    if (allocations_left == INT_MAX)
        return true;
    return allocations_left-- > 0;
}

void *__wrap_malloc(size_t n)
{
    return may_allocate() ? __real_malloc(n) : NULL;
}

void *__wrap_realloc(void *p, size_t n)
{
    return may_allocate() ? __real_realloc(p, n) : NULL;
}

void *__wrap_reallocarray(void *p, size_t n, size_t size)
{
    return may_allocate() ? __real_reallocarray(p, n, size) : NULL;
}

/* ---- the query ---- */

static void order__query__is_read(void **state)
{
    static const struct {
        const char *query;
        struct wr_listing_order order;
    } rows[] = {
        {"", {WR_LISTING_NAME, false}},
        {"sort=name", {WR_LISTING_NAME, false}},
        {"sort=size", {WR_LISTING_SIZE, false}},
        {"sort=modified", {WR_LISTING_MODIFIED, false}},
        {"order=desc", {WR_LISTING_NAME, true}},
        {"sort=size&order=desc", {WR_LISTING_SIZE, true}},
        {"order=desc&sort=size", {WR_LISTING_SIZE, true}},
        {"sort=size&order=asc", {WR_LISTING_SIZE, false}},
        {"a=b&&sort=modified&=&order=desc&", {WR_LISTING_MODIFIED, true}},
        {"sort=size&sort=name&order=desc&order=asc", {WR_LISTING_SIZE, true}},
        {"sort=colour&sort=size&order=up&order=desc", {WR_LISTING_SIZE, true}},
        {"sort", {WR_LISTING_NAME, false}},
        {"sort=", {WR_LISTING_NAME, false}},
        {"sort=Size", {WR_LISTING_NAME, false}},
        {"sort=sizes", {WR_LISTING_NAME, false}},
        {"sort=siz", {WR_LISTING_NAME, false}},
        {"Sort=size", {WR_LISTING_NAME, false}},
        {"xsort=size", {WR_LISTING_NAME, false}},
        {"sort=size;order=desc", {WR_LISTING_NAME, false}},
        {"order=DESC", {WR_LISTING_NAME, false}},
        {"order=descending", {WR_LISTING_NAME, false}},
        {"sort=\"><script>", {WR_LISTING_NAME, false}},
    };
    struct wr_listing_order absent = wr_listing_order(wr_slice(NULL, 0));

    (void)state;
    assert_int_equal(absent.key, WR_LISTING_NAME);
    assert_false(absent.is_descending);
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        struct wr_listing_order got = wr_listing_order(wr_slice_of(rows[i].query));

        if (got.key != rows[i].order.key || got.is_descending != rows[i].order.is_descending)
            fail_msg("%s: %d, %d", rows[i].query, got.key, got.is_descending);
    }
}

/* The hrefs of all rows, each with a blank behind it. */
static void expect_order(const char *query, const char *expected)
{
    struct wr_listing_setup setup = at_top(WR_LISTING_HTML);
    struct wr_slice hrefs[32];
    size_t n, count;
    char *page, got[1000] = "";
    struct wr_buf b = wr_buf_on(got, sizeof got - 1);

    setup.order = wr_listing_order(wr_slice_of(query));
    page = make(&setup, &n);
    count = read_rows(page, hrefs, WR_COUNT(hrefs));
    for (size_t i = 0; i < count; i++) {
        wr_buf_slice_append(&b, hrefs[i]);
        wr_buf_char(&b, ' ');
    }
    if (strcmp(got, expected) != 0)
        fail_msg("%s: %s instead of %s", query, got, expected);
    free(page);
}

/* A folder has a size as well, which grows with the names in it. */
static void make_folder_large(const char *name)
{
    char path[400];

    for (int i = 0; i < 50; i++) {
        snprintf(path, sizeof path, "%s/%s%s%s%s%d", name, LONG_50, LONG_50, LONG_50, LONG_50, i);
        temp_file_fill(&folder, path, 0);
    }
}

static void listing__order__is_as_asked(void **state)
{
    (void)state;
    add_file("b", 10, DATE_S + 1);
    add_file("B", 10, DATE_S + 1);
    add_file("a", 30, DATE_S);
    add_file("ab", 20, DATE_S + 3);
    add_file("Ac", 0, DATE_S + 2);
    add_file("_", 5, DATE_S - 5); /* before letters in lower case, behind those in upper case */
    add_file("\xc3\xa9", 1, DATE_S + 9);
    add_folder("z", DATE_S + 8);
    add_folder("Y", DATE_S + 7);
    make_folder_large("Y");
    temp_file_date(&folder, "Y", DATE_S + 7);
    expect_order("", "Y/ z/ _ a ab Ac B b %C3%A9 ");
    expect_order("order=desc", "z/ Y/ %C3%A9 b B Ac ab a _ ");
    expect_order("sort=size", "Y/ z/ Ac %C3%A9 _ B b ab a ");
    expect_order("sort=size&order=desc", "Y/ z/ a ab B b _ %C3%A9 Ac ");
    expect_order("sort=modified", "Y/ z/ _ a B b Ac ab %C3%A9 ");
    expect_order("sort=modified&order=desc", "z/ Y/ %C3%A9 ab Ac B b a _ ");
}

static void listing__order_within_a_second__is_seen(void **state)
{
    struct timespec times[2] = {{.tv_sec = DATE_S, .tv_nsec = 2}, {.tv_sec = DATE_S, .tv_nsec = 2}};

    (void)state;
    add_file("later", 1, DATE_S);
    assert_int_equal(utimensat(AT_FDCWD, temp_path(&folder, "later"), times, 0), 0);
    add_file("sooner", 1, DATE_S);
    expect_order("sort=modified", "sooner later ");
    expect_order("sort=modified&order=desc", "later sooner ");
}

/* ---- the page ---- */

static void html__rows__are_written(void **state)
{
    struct wr_listing_setup setup = at_top(WR_LISTING_HTML);
    size_t n;
    char *page;

    (void)state;
    add_folder("sub", DATE_S);
    add_file("b.txt", 1536, DATE_S + 55);
    page = make(&setup, &n);
    expect_own_tags(page);
    assert_memory_equal(page, "<!doctype html>\n<html lang=\"en\">\n", 33);
    expect_part(page, "<title>Index of /</title>");
    expect_part(page, "<h1>Index of <bdi>/</bdi></h1>");
    expect_part(page, "<p>1 folder, 1 file, 1.5 KiB</p>");
    expect_part(page, "<tbody>\n"
                      "<tr class=\"d\"><th scope=\"row\"><a href=\"sub/\"><bdi>sub</bdi>/</a></th>"
                      "<td></td>"
                      "<td><time datetime=\"2026-01-02T03:04:05Z\">2026-01-02 03:04</time></td>"
                      "</tr>\n"
                      "<tr><th scope=\"row\"><a href=\"b.txt\"><bdi>b.txt</bdi></a></th>"
                      "<td title=\"1536 bytes\">1.5 KiB</td>"
                      "<td><time datetime=\"2026-01-02T03:05:00Z\">2026-01-02 03:05</time></td>"
                      "</tr>\n"
                      "</tbody>\n");
    expect_no_part(page, "<nav");
    expect_no_part(page, "../");
    expect_no_part(page, "<script");
    expect_no_part(page, "http:");
    expect_no_part(page, "https:");
    expect_no_part(page, "data:");
    expect_no_part(page, "url(");
    expect_no_part(page, "@import");
    assert_string_equal(page + n - 8, "</html>\n");
    free(page);
}

static void expect_headings(const char *query, const char *expected)
{
    struct wr_listing_setup setup = at_top(WR_LISTING_HTML);
    size_t n;
    char *page;

    setup.order = wr_listing_order(wr_slice_of(query));
    page = make(&setup, &n);
    expect_part(page, expected);
    free(page);
}

static void html__headings__lead_to_other_orders(void **state)
{
    (void)state;
    add_file("a", 1, DATE_S);
    expect_headings(
        "", "<tr><th scope=\"col\" aria-sort=\"ascending\">"
            "<a rel=\"nofollow\" href=\"?sort=name&amp;order=desc\">Name</a></th>"
            "<th scope=\"col\">"
            "<a rel=\"nofollow\" href=\"?sort=size&amp;order=desc\">Size</a></th>"
            "<th scope=\"col\">"
            "<a rel=\"nofollow\" href=\"?sort=modified&amp;order=desc\">Modified (UTC)</a></th>"
            "</tr>\n");
    expect_headings("order=desc", "<th scope=\"col\" aria-sort=\"descending\">"
                                  "<a rel=\"nofollow\" href=\"./\">Name</a></th>");
    expect_headings("sort=size&order=desc",
                    "<tr><th scope=\"col\"><a rel=\"nofollow\" href=\"./\">Name</a></th>"
                    "<th scope=\"col\" aria-sort=\"descending\">"
                    "<a rel=\"nofollow\" href=\"?sort=size&amp;order=asc\">Size</a></th>");
    expect_headings("sort=modified",
                    "<th scope=\"col\" aria-sort=\"ascending\"><a rel=\"nofollow\" "
                    "href=\"?sort=modified&amp;order=desc\">Modified (UTC)</a></th></tr>");
}

static void html__below_the_root__leads_upwards(void **state)
{
    struct wr_listing_setup setup = {.path = "a b/<c>/d/", .address = WR_SLICE("/x/y/a b/<c>/d/")};
    size_t n;
    char *page;

    (void)state;
    add_folder("a b", DATE_S);
    add_folder("a b/<c>", DATE_S);
    add_folder("a b/<c>/d", DATE_S);
    add_file("a b/<c>/d/e", 1, DATE_S);
    page = make(&setup, &n);
    expect_own_tags(page);
    expect_part(page, "<title>Index of /x/y/a b/&lt;c&gt;/d/</title>");
    expect_part(page, "<nav aria-label=\"Folders above\">\n<ol>\n"
                      "<li><a href=\"../../../\"><bdi>/x/y/</bdi></a></li>\n"
                      "<li><a href=\"../../\"><bdi>a b/</bdi></a></li>\n"
                      "<li><a href=\"../\"><bdi>&lt;c&gt;/</bdi></a></li>\n"
                      "</ol>\n</nav>\n"
                      "<h1>Index of <bdi>d/</bdi></h1>\n");
    expect_part(page, "<tbody>\n<tr class=\"d\"><th scope=\"row\">"
                      "<a href=\"../\" aria-label=\"Parent folder\">..</a></th>"
                      "<td></td><td></td></tr>\n<tr>");
    free(page);

    setup.path = "a b";
    setup.address = WR_SLICE("/a b/");
    page = make(&setup, &n);
    expect_part(page, "<ol>\n<li><a href=\"../\"><bdi>/</bdi></a></li>\n</ol>");
    expect_part(page, "<h1>Index of <bdi>a b/</bdi></h1>\n");
    free(page);

    setup.path = "";
    setup.address = WR_SLICE("/x/y/"); /* the top of a route: what is above is not ours */
    page = make(&setup, &n);
    expect_no_part(page, "../");
    expect_part(page, "<h1>Index of <bdi>/x/y/</bdi></h1>\n");
    free(page);
}

/* More levels than the address has: what an address behind a rewriting proxy may look like. */
static void html__address_shorter_than_the_path__is_survived(void **state)
{
    struct wr_listing_setup setup = {.path = "a/b", .address = WR_SLICE("/")};
    size_t n;
    char *page;

    (void)state;
    add_folder("a", DATE_S);
    add_folder("a/b", DATE_S);
    page = make(&setup, &n);
    expect_own_tags(page);
    expect_part(page, "<li><a href=\"../../\"><bdi>/</bdi></a></li>");
    free(page);
}

static void html__empty_folder__says_so(void **state)
{
    struct wr_listing_setup setup = at_top(WR_LISTING_HTML);
    size_t n;
    char *page;

    (void)state;
    add_file(".hidden", 1, DATE_S);
    page = make(&setup, &n);
    expect_own_tags(page);
    expect_part(page, "<p>This folder is empty.</p>");
    expect_no_part(page, "<table");
    free(page);
}

static void html__summary__counts(void **state)
{
    struct wr_listing_setup setup = at_top(WR_LISTING_HTML);
    size_t n;
    char *page;

    (void)state;
    add_folder("a", DATE_S);
    add_folder("b", DATE_S);
    page = make(&setup, &n);
    expect_part(page, "<p>2 folders</p>");
    free(page);
    add_file("c", 0, DATE_S);
    add_file("d", 1, DATE_S);
    page = make(&setup, &n);
    expect_part(page, "<p>2 folders, 2 files, 1 B</p>");
    expect_part(page, "<td title=\"0 bytes\">0 B</td>");
    expect_part(page, "<td title=\"1 byte\">1 B</td>");
    free(page);
    assert_int_equal(rmdir(temp_path(&folder, "a")), 0);
    assert_int_equal(rmdir(temp_path(&folder, "b")), 0);
    page = make(&setup, &n);
    expect_part(page, "<p>2 files, 1 B</p>");
    free(page);
}

/* Divided by hand; half is rounded up. */
static void html__sizes__are_for_people(void **state)
{
    static const struct {
        int64_t size;
        const char *text;
    } rows[] = {
        {0, ">0 B<"},
        {1023, ">1023 B<"},
        {1024, ">1.0 KiB<"},
        {1075, ">1.0 KiB<"},  /* 1.0498 */
        {1076, ">1.1 KiB<"},  /* 1.0508 */
        {10188, ">9.9 KiB<"}, /* 9.9492 */
        {10189, ">10 KiB<"},  /* 9.9502 */
        {10751, ">10 KiB<"},  /* 10.499 */
        {10752, ">11 KiB<"},  /* 10.5 */
        {1048063, ">1023 KiB<"},
        {1048064, ">1.0 MiB<"}, /* 1023.5 KiB */
        {1572864, ">1.5 MiB<"},
        {5368709120, ">5.0 GiB<"},
        {1099511627776, ">1.0 TiB<"},
    };
    struct wr_listing_setup setup = at_top(WR_LISTING_HTML);

    (void)state;
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        char title[64];
        size_t n;
        char *page;

        temp_file_fill(&folder, "sparse", 0);
        assert_int_equal(truncate(temp_path(&folder, "sparse"), rows[i].size), 0);
        page = make(&setup, &n);
        expect_part(page, rows[i].text);
        snprintf(title, sizeof title, "<td title=\"%lld bytes\"", (long long)rows[i].size);
        expect_part(page, title);
        free(page);
    }
}

/* ---- JSON ---- */

static void json__entries__are_written(void **state)
{
    struct wr_listing_setup setup = {
        .path = "a", .address = WR_SLICE("/x/a/"), .format = WR_LISTING_JSON};
    size_t n;
    char *text;

    (void)state;
    add_folder("a", DATE_S);
    text = make(&setup, &n);
    assert_string_equal(text, "{\"path\":\"/x/a/\",\"entries\":[\n]}\n");
    free(text);
    add_file("a/b.txt", 12, DATE_S);
    add_folder("a/sub", 0);
    add_file("a/big", 0, -1);
    assert_int_equal(truncate(temp_path(&folder, "a/big"), 5368709120), 0);
    temp_file_date(&folder, "a/big", -1);
    text = make(&setup, &n);
    assert_string_equal(
        text, "{\"path\":\"/x/a/\",\"entries\":[\n"
              "{\"name\":\"sub\",\"type\":\"directory\",\"modified\":\"1970-01-01T00:00:00Z\","
              "\"href\":\"sub/\"},\n"
              "{\"name\":\"b.txt\",\"type\":\"file\",\"size\":12,"
              "\"modified\":\"2026-01-02T03:04:05Z\",\"href\":\"b.txt\"},\n"
              "{\"name\":\"big\",\"type\":\"file\",\"size\":5368709120,"
              "\"modified\":\"1969-12-31T23:59:59Z\",\"href\":\"big\"}\n"
              "]}\n");
    free(text);
}

static void json__order__is_that_of_the_page(void **state)
{
    struct wr_listing_setup setup = at_top(WR_LISTING_JSON);
    static const char *const expected[] = {"z", "Y", "big", "small"};
    json_t *json;

    (void)state;
    add_file("small", 1, DATE_S);
    add_file("big", 2, DATE_S + 1);
    add_folder("z", DATE_S + 8);
    add_folder("Y", DATE_S + 7);
    setup.order = wr_listing_order(WR_SLICE("sort=modified&order=desc"));
    json = load(&setup);
    for (size_t i = 0; i < WR_COUNT(expected); i++)
        assert_string_equal(member(json_array_get(json_object_get(json, "entries"), i), "name"),
                            expected[i]);
    json_decref(json);
}

/* ---- what is in it ---- */

static void listing__dot_files__are_shown_on_demand(void **state)
{
    struct wr_listing_setup setup = at_top(WR_LISTING_HTML);
    struct wr_slice hrefs[8];
    size_t n;
    char *page;

    (void)state;
    add_folder(".well-known", DATE_S);
    add_file(".env", 1, DATE_S);
    add_file("..name", 1, DATE_S);
    add_folder(".git", DATE_S);
    add_folder("sub", DATE_S);
    add_folder("sub/.well-known", DATE_S);
    expect_order("", ".well-known/ sub/ ");
    setup.shows_hidden = true;
    page = make(&setup, &n);
    assert_int_equal(read_rows(page, hrefs, WR_COUNT(hrefs)), 5);
    free(page);
    setup = (struct wr_listing_setup){.path = "sub", .address = WR_SLICE("/sub/")};
    page = make(&setup, &n);
    expect_part(page, "This folder is empty.");
    free(page);
}

static void listing__links_and_pipes__are_what_is_behind_or_left_out(void **state)
{
    struct wr_listing_setup setup = at_top(WR_LISTING_HTML);
    size_t n;
    char *page;

    (void)state;
    add_folder("folder", DATE_S);
    add_file("folder/file", 1234, DATE_S);
    assert_int_equal(symlink("folder", temp_path(&folder, "to-folder")), 0);
    assert_int_equal(symlink("folder/file", temp_path(&folder, "to-file")), 0);
    assert_int_equal(symlink("/etc/passwd", temp_path(&folder, "to-passwd")), 0);
    assert_int_equal(symlink("..", temp_path(&folder, "to-above")), 0);
    assert_int_equal(symlink("missing", temp_path(&folder, "to-missing")), 0);
    assert_int_equal(mkfifo(temp_path(&folder, "pipe"), 0644), 0);
    expect_order("", "folder/ to-folder/ to-file ");
    page = make(&setup, &n);
    expect_part(page, "<bdi>to-file</bdi></a></th><td title=\"1234 bytes\">1.2 KiB</td>"
                      "<td><time datetime=\"2026-01-02T03:04:05Z\">");
    free(page);
}

static void listing__more_than_the_limit__is_told(void **state)
{
    struct wr_listing_setup setup = at_top(WR_LISTING_HTML);
    struct wr_slice hrefs[8];
    size_t n;
    char *page;
    json_t *json;

    (void)state;
    add_file("a", 1, DATE_S);
    add_file("b", 1, DATE_S);
    add_file("c", 1, DATE_S);
    setup.entries_max = 3;
    page = make(&setup, &n);
    expect_no_part(page, "There is more");
    free(page);
    setup.entries_max = 2;
    page = make(&setup, &n);
    expect_own_tags(page);
    expect_part(
        page, "<p>2 files, 2 B <strong>There is more in this folder than can be listed.</strong>");
    assert_int_equal(read_rows(page, hrefs, WR_COUNT(hrefs)), 2);
    free(page);
    setup.format = WR_LISTING_JSON;
    json = load(&setup);
    assert_true(json_is_true(json_object_get(json, "truncated")));
    assert_int_equal(json_array_size(json_object_get(json, "entries")), 2);
    json_decref(json);
}

/* More hidden names than the limit lets in: "empty" would be wrong. */
static void listing__nothing_left_of_a_cut_folder__is_not_called_empty(void **state)
{
    struct wr_listing_setup setup = at_top(WR_LISTING_HTML);
    size_t n;
    char *page;

    (void)state;
    add_file(".a", 1, DATE_S);
    add_file(".b", 1, DATE_S);
    setup.entries_max = 1;
    page = make(&setup, &n);
    expect_no_part(page, "empty");
    expect_part(page, "There is more");
    free(page);
}

static void listing__ten_thousand_entries__are_listed(void **state)
{
    struct wr_listing_setup setup = at_top(WR_LISTING_HTML);
    static struct wr_slice hrefs[10000];
    char name[32];
    size_t n;
    char *page;
    json_t *json;

    (void)state;
    for (int i = 0; i < 10000; i++) {
        snprintf(name, sizeof name, "file %04d", i);
        temp_file_fill(&folder, name, 0);
    }
    page = make(&setup, &n);
    assert_int_equal(read_rows(page, hrefs, WR_COUNT(hrefs)), 10000);
    for (int i = 0; i < 10000; i++) {
        snprintf(name, sizeof name, "file%%20%04d", i);
        assert_true(wr_slice_eq(hrefs[i], wr_slice_of(name)));
    }
    free(page);
    setup.format = WR_LISTING_JSON;
    json = load(&setup);
    assert_int_equal(json_array_size(json_object_get(json, "entries")), 10000);
    json_decref(json);
}

/* ---- errors ---- */

static void listing__what_is_no_folder__is_an_error(void **state)
{
    struct wr_listing_setup setup = {.path = "missing", .address = WR_SLICE("/missing/")};
    char stale[] = "", *out = stale;
    size_t n = 1;

    (void)state;
    add_file("file", 1, DATE_S);
    assert_int_equal(wr_listing_make(&root, &setup, &out, &n), -ENOENT);
    assert_null(out);
    setup.path = "file";
    assert_int_equal(wr_listing_make(&root, &setup, &out, &n), -ENOTDIR);
    assert_null(out);
}

static void listing__without_memory__enomem(void **state)
{
    struct wr_listing_setup setup = {.path = "a/", .address = WR_SLICE("/a/")};
    char name[16];

    (void)state;
    add_folder("a", DATE_S);
    for (int i = 0; i < 200; i++) {
        snprintf(name, sizeof name, "a/%d", i);
        temp_file_fill(&folder, name, 0);
    }
    for (int format = 0; format < 2; format++) {
        int failures = 0, err = -ENOMEM;

        setup.format = (enum wr_listing_format)format;
        for (; err == -ENOMEM && failures < 10000; failures++) {
            char *out;
            size_t n;

            allocations_left = failures;
            err = wr_listing_make(&root, &setup, &out, &n);
            allocations_left = INT_MAX;
            assert_true(err == -ENOMEM ? !out : out != NULL);
            free(out);
        }
        assert_int_equal(err, 0);
        assert_true(failures > 5);
    }
}

WR_TESTS(cmocka_unit_test(order__query__is_read), IN_FOLDER(listing__order__is_as_asked),
         IN_FOLDER(listing__order_within_a_second__is_seen), IN_FOLDER(html__rows__are_written),
         IN_FOLDER(html__headings__lead_to_other_orders),
         IN_FOLDER(html__below_the_root__leads_upwards),
         IN_FOLDER(html__address_shorter_than_the_path__is_survived),
         IN_FOLDER(html__empty_folder__says_so), IN_FOLDER(html__summary__counts),
         IN_FOLDER(html__sizes__are_for_people), IN_FOLDER(json__entries__are_written),
         IN_FOLDER(json__order__is_that_of_the_page),
         IN_FOLDER(listing__dot_files__are_shown_on_demand),
         IN_FOLDER(listing__links_and_pipes__are_what_is_behind_or_left_out),
         IN_FOLDER(listing__more_than_the_limit__is_told),
         IN_FOLDER(listing__nothing_left_of_a_cut_folder__is_not_called_empty),
         IN_FOLDER(listing__ten_thousand_entries__are_listed),
         IN_FOLDER(listing__what_is_no_folder__is_an_error),
         IN_FOLDER(listing__without_memory__enomem));
