/*
 * file_cache_fixture.h — a file cache over a folder of its own, for the tests of its parts.
 *
 * Each program has one: the functions are static. Its clock is an hour ahead, so that what was
 * written is settled.
 */
#ifndef WR_TESTS_FILE_CACHE_FIXTURE_H
#define WR_TESTS_FILE_CACHE_FIXTURE_H

#include "support.h"

#include <stdlib.h>

#include "base/clock.h"
#include "handlers/file_cache.h"
#include "temp_folder.h"

#define FDS_MAX  4 /* descriptors that the cache keeps */
#define SECOND   1000000000LL
#define HOUR     (3600 * SECOND)
#define ENCODED  ((size_t)64 * 1024 * 1024)
#define ANY_SIZE 1000 /* of a file that is worth encoding */

struct fixture {
    struct temp_folder folder;
    struct wr_encodings *encodings;
    struct wr_file_cache *cache;
    struct wr_file_moment now;
};

static struct wr_file_cache *new_cache(const struct fixture *f, bool has_siblings)
{
    const struct wr_file_cache_setup setup = {
        .folder = f->folder.path,
        .encodings = f->encodings,
        .has_siblings = has_siblings,
        .fds_max = FDS_MAX,
    };
    int err = -1;
    struct wr_file_cache *cache = wr_file_cache_new(&setup, &err);

    assert_non_null(cache);
    assert_int_equal(err, 0);
    return cache;
}

static void open_folder(struct fixture *f)
{
    *f = (struct fixture){.now = {1, wr_clock_system.wall_ns(NULL) + HOUR, true}};
    temp_folder_init(&f->folder);
}

static inline void open_cache(struct fixture *f)
{
    open_folder(f);
    f->cache = new_cache(f, false);
}

/* With siblings and with codings made on the fly. */
static inline void open_codings(struct fixture *f)
{
    open_folder(f);
    f->encodings = wr_encodings_new(ENCODED);
    assert_non_null(f->encodings);
    f->cache = new_cache(f, true);
}

static inline void close_cache(struct fixture *f)
{
    wr_file_cache_free(f->cache);
    wr_encodings_free(f->encodings);
    temp_folder_fini(&f->folder);
}

static inline struct wr_file_entry *get(struct fixture *f, const char *name)
{
    struct wr_file_entry *e = NULL;

    assert_int_equal(wr_file_cache_get(f->cache, wr_slice_of(name), f->now, &e), 0);
    assert_non_null(e);
    return e;
}

/* The error that it is answered with; 0 for a file. */
static inline int error_of(struct fixture *f, const char *name)
{
    struct wr_file_entry *e = NULL;
    int err = wr_file_cache_get(f->cache, wr_slice_of(name), f->now, &e);

    if (err == 0)
        wr_file_entry_unref(e);
    else
        assert_null(e);
    return err;
}

static inline void expect_content(struct fixture *f, const char *name, const char *content)
{
    struct wr_file_entry *e = get(f, name);
    const struct wr_file *file = wr_file_of(e);

    assert_int_equal(file->info.size, strlen(content));
    assert_non_null(file->identity.content);
    assert_memory_equal(file->identity.content, content, strlen(content));
    wr_file_entry_unref(e);
}

static inline void expect_etag(struct wr_slice etag, const char *expected)
{
    if (!wr_slice_eq(etag, wr_slice_of(expected)))
        fail_msg("%.*s instead of %s", (int)etag.n, etag.p, expected);
}

#endif
