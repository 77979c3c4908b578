/*
 * listing_fixture.h — a folder for each test, what its listing is, and what a page is made of: for
 * test_listing.c and test_listing_names.c, each of which has its own.
 */
#ifndef WR_TESTS_LISTING_FIXTURE_H
#define WR_TESTS_LISTING_FIXTURE_H

#include "handlers/listing.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "support.h"
#include "temp_folder.h"

#define DATE_S  INT64_C(1767323045) /* 2026-01-02T03:04:05Z: date -u -d TEXT +%s */
#define LONG_50 "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeee"

static struct temp_folder folder;
static struct wr_root root;

/* ---- a folder for each test ---- */

static inline int make_folder(void **state)
{
    (void)state;
    temp_folder_init(&folder);
    return wr_root_open(&root, folder.path);
}

static inline int remove_folder(void **state)
{
    (void)state;
    wr_root_close(&root);
    temp_folder_fini(&folder);
    return 0;
}

static inline void add_file(const char *name, size_t size, int64_t mtime_s)
{
    temp_file_fill(&folder, name, size);
    temp_file_date(&folder, name, mtime_s);
}

static inline void add_folder(const char *name, int64_t mtime_s)
{
    temp_folder_add(&folder, name);
    temp_file_date(&folder, name, mtime_s);
}

static inline struct wr_listing_setup at_top(enum wr_listing_format format)
{
    return (struct wr_listing_setup){.path = "", .address = WR_SLICE("/"), .format = format};
}

/* A NUL is behind it; to be freed. */
static inline char *make(const struct wr_listing_setup *setup, size_t *n)
{
    char *out, *text;
    int err = wr_listing_make(&root, setup, &out, n);

    if (err < 0)
        fail_msg("%s: %s", setup->path, strerror(-err));
    text = malloc(*n + 1);
    assert_non_null(text);
    memcpy(text, out, *n);
    text[*n] = '\0';
    free(out);
    assert_int_equal(strlen(text), *n);
    return text;
}

static inline void expect_part(const char *page, const char *part)
{
    if (!strstr(page, part))
        fail_msg("%s\nis not in\n%s", part, page);
}

static inline void expect_no_part(const char *page, const char *part)
{
    if (strstr(page, part))
        fail_msg("%s\nis in\n%s", part, page);
}

/* ---- a tokenizer of HTML, for what the page may have: no comment, script or bare attribute ---- */

struct tag {
    struct wr_slice name, attributes; /* of an end tag the name begins with '/' */
};

/* Cuts off *html what is up to the next tag, and that. */
static inline bool next_tag(const char **html, struct wr_slice *text, struct tag *tag)
{
    const char *open = strchr(*html, '<'), *p;
    char quote = 0;

    if (!open)
        return false;
    *text = wr_slice(*html, (size_t)(open - *html));
    p = open + 1;
    tag->name = wr_slice(p, strcspn(p, " >"));
    tag->attributes.p = p += tag->name.n;
    for (; *p && (quote || *p != '>'); p++)
        if (*p == '"')
            quote ^= '"';
    assert_int_equal(*p, '>');
    tag->attributes.n = (size_t)(p - tag->attributes.p);
    *html = p + 1;
    return true;
}

/* The value of ` name="value"`, as it is written; absent. */
static inline struct wr_slice attribute(const struct tag *tag, const char *name)
{
    struct wr_slice rest = tag->attributes;

    while (rest.n > 0) {
        size_t name_n = 0, end;

        assert_int_equal(rest.p[0], ' ');
        rest = wr_slice_from(rest, 1);
        while (name_n < rest.n && rest.p[name_n] != '=')
            name_n++;
        if (name_n == rest.n)
            break; /* <!doctype html> */
        assert_int_equal(rest.p[name_n + 1], '"');
        for (end = name_n + 2; end < rest.n && rest.p[end] != '"'; end++)
            continue;
        assert_true(end < rest.n);
        if (wr_slice_eq(wr_slice(rest.p, name_n), wr_slice_of(name)))
            return wr_slice(rest.p + name_n + 2, end - name_n - 2);
        rest = wr_slice_from(rest, end + 1);
    }
    return wr_slice(NULL, 0);
}

static inline bool is_among(struct wr_slice name, const char *const *names)
{
    for (; *names; names++)
        if (wr_slice_eq(name, wr_slice_of(*names)))
            return true;
    return false;
}

/* Nothing but the page's own tags, and no attribute that could do something. */
static inline void expect_own_tags(const char *page)
{
    static const char *const own[] = {
        "!doctype", "html",   "/html", "head",   "/head",   "meta",  "title",  "/title", "style",
        "/style",   "body",   "/body", "main",   "/main",   "nav",   "/nav",   "ol",     "/ol",
        "li",       "/li",    "a",     "/a",     "bdi",     "/bdi",  "h1",     "/h1",    "p",
        "/p",       "td",     "/td",   "strong", "/strong", "table", "/table", "thead",  "/thead",
        "tbody",    "/tbody", "tr",    "/tr",    "th",      "/th",   "time",   "/time",  NULL};
    const char *rest = page;
    struct wr_slice text;
    struct tag tag;

    while (next_tag(&rest, &text, &tag)) {
        if (!is_among(tag.name, own))
            fail_msg("<%.*s> is in the page", (int)tag.name.n, tag.name.p);
        assert_null(memchr(text.p, '>', text.n));
        assert_null(attribute(&tag, "onerror").p);
        assert_null(attribute(&tag, "src").p);
        assert_null(attribute(&tag, "style").p);
    }
}

/* The references of the rows, in order: the links in the body of the table. */
static inline size_t read_rows(const char *page, struct wr_slice *hrefs, size_t most)
{
    const char *rest = strstr(page, "<tbody>");
    struct wr_slice text;
    struct tag tag;
    size_t n = 0;

    while (rest && next_tag(&rest, &text, &tag)) {
        struct wr_slice href = attribute(&tag, "href");

        if (!href.p || wr_slice_eq(href, WR_SLICE("../")))
            continue;
        assert_true(n < most);
        hrefs[n++] = href;
    }
    return n;
}

/* ---- JSON ---- */

static inline json_t *load(const struct wr_listing_setup *setup)
{
    json_error_t error;
    size_t n;
    char *text = make(setup, &n);
    json_t *json = json_loadb(text, n, JSON_REJECT_DUPLICATES, &error);

    if (!json)
        fail_msg("%s: %s", error.text, text);
    free(text);
    return json;
}

static inline const char *member(const json_t *object, const char *key)
{
    const char *value = json_string_value(json_object_get(object, key));

    return value ? value : "";
}

#define IN_FOLDER(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

#endif
