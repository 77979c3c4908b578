/*
 * error_pages.h — pages of a site's own in place of error_page.h's: one for a status, or for all of
 * a class that have none.
 *
 * A file is read when it is added and never again. Then it is encoded, too, where its type and size make
 * that worth it; a file beside it with the name of a coding behind its own (404.html.br, .zst, .gz),
 * which is not older and not empty, is taken for that coding instead.
 *
 * Ownership: the pages own what was read. An answer sends it from there, so they outlive every
 *            exchange that may have begun with them.
 * Threads:   once all are added they do not change, and any thread may look.
 * Errors:    -errno, with a line for people.
 */
#ifndef WR_SERVER_ERROR_PAGES_H
#define WR_SERVER_ERROR_PAGES_H

#include <stddef.h>

#include "base/slice.h"
#include "http/accept.h"

#define WR_ERROR_PAGE_MAX ((size_t)1024 * 1024) /* bytes */

struct wr_encoded_page {
    char *p; /* malloc'ed; NULL: not in this coding */
    size_t n;
};

struct wr_own_page {
    int status;           /* 400 to 599; 4 or 5: its class */
    struct wr_slice type; /* for ever valid */
    char *content;        /* malloc'ed */
    size_t n;
    struct wr_encoded_page encoded[WR_CODINGS];
};

/* Zeroed to begin with. */
struct wr_error_pages {
    struct wr_own_page *v;
    size_t n;
};

/*
 * Adds the page for a status, or for 4 or 5, from a regular file, with the type that its name has.
 * 0; else -errno with `why`, of WR_WHY_MAX bytes, filled and nothing added. -EEXIST: there is one.
 */
int wr_error_pages_add(struct wr_error_pages *p, int status, const char *path, char *why);

/* The page of the status itself, or else of its class; NULL: neither. `p` may be NULL: no pages. */
const struct wr_own_page *wr_error_pages_find(const struct wr_error_pages *p, int status);

/* Is it there in any coding, so that what is sent depends on Accept-Encoding? */
bool wr_own_page_varies(const struct wr_own_page *page);

/* The coding for who has sent this field (absent: p NULL), and the page in it. Identity, also for who
 * accepts none: an error is told. */
enum wr_coding wr_own_page_choose(const struct wr_own_page *page, struct wr_slice accept_encoding,
                                  struct wr_slice *content);

/* They are empty then, as to begin with. */
void wr_error_pages_free(struct wr_error_pages *p);

#endif
