/*
 * listing.h — what is in a folder, as a page for people or as JSON for programs.
 *
 * The page loads nothing and has no script: it works under WR_LISTING_POLICY. Its links are
 * relative to the folder's address, which therefore has to end in '/', so neither a route with a
 * prefix nor a proxy in front matters. There is no link above the root.
 *
 * Names may be any octets. Links have those, percent-encoded. What is shown is UTF-8, in which
 * U+FFFD stands for each byte that is not part of any character; on the page also for what would
 * turn the text around (bidirectional overrides), and pictures (U+2400 and on) for controls.
 *
 * JSON, one entry a line:
 *
 *     {"path":"/a/","entries":[
 *     {"name":"sub","type":"directory","modified":"2026-01-02T03:04:05Z","href":"sub/"},
 *     {"name":"b.txt","type":"file","size":12,"modified":"2026-01-02T03:04:05Z","href":"b.txt"}
 *     ]}
 *
 * and "truncated":true behind the entries when they are not all.
 *
 * Threads: any; it waits for the disk, so it belongs on one of a pool.
 * Errors:  -errno, as wr_root_read_folder() has it, or -ENOMEM.
 */
#ifndef WR_HANDLERS_LISTING_H
#define WR_HANDLERS_LISTING_H

#include "base/slice.h"
#include "io/root.h"

/*
 * Of a folder that has more entries than that, or some MiB of names, as many are listed as were
 * read first, with a note: to have most of them is better than an error page, and one listing of
 * all could take any amount of memory. The others can still be opened by their address.
 */
#define WR_LISTING_ENTRIES_MAX ((size_t)100000)

/* For the field Content-Security-Policy of the page. */
#define WR_LISTING_POLICY                                                                          \
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"

enum wr_listing_format { WR_LISTING_HTML, WR_LISTING_JSON };

enum wr_listing_key { WR_LISTING_NAME, WR_LISTING_SIZE, WR_LISTING_MODIFIED };

/* Zeroed: by name, from A to Z. */
struct wr_listing_order {
    enum wr_listing_key key;
    bool is_descending;
};

struct wr_listing_setup {
    const char *path;        /* beneath the root, as wr_root_read_folder() has it */
    struct wr_slice address; /* decoded, as the client sees it; begins and ends with '/' */
    struct wr_listing_order order;
    enum wr_listing_format format;
    size_t entries_max; /* 0, or more than it: WR_LISTING_ENTRIES_MAX */
    bool shows_hidden;  /* names that begin with a dot; .well-known at the top is never hidden */
    /* Leaves out more: asked with the path beneath the root, "/a/b", of a folder "/a/b/". NULL: none. */
    bool (*hides)(const void *ctx, struct wr_slice path);
    const void *ctx;
};

/*
 * What a query asks for: "sort=name|size|modified" and "order=asc|desc", in any order, the first of
 * each counts; anything else in it, also another value, is as if it were not there. An absent slice
 * is an empty query.
 */
struct wr_listing_order wr_listing_order(struct wr_slice query);

/*
 * Reads the folder and writes it down. Folders come first; names are compared without regard to
 * ASCII case, and what is equal in the asked order is by name. 0, with *n bytes in *out for the
 * caller to free; else -errno, and *out is NULL.
 */
int wr_listing_make(const struct wr_root *root, const struct wr_listing_setup *setup, char **out,
                    size_t *n);

#endif
