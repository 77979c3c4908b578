/*
 * A disk that is to be waited for, and what the kernel is asked: linked with --wrap for the calls
 * below. Without a word of the test all is in memory.
 */
#include "file_cache_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define CACHESTAT 451
#define DATE      1000000000

static struct {
    const char *cold_path; /* a look-up of it would wait, until one has waited */
    bool cold_content;     /* the same of reading */
    off_t cold_at;         /* or of this page alone; 0: of none */
    int read_errno;        /* of reading without waiting */
    int torn_reads;        /* so many show what a write has not copied yet as 'x' */
    bool is_old;           /* before Linux 5.12 */
    bool refuses_openat2;
    bool races; /* renames run against every look-up */
    long fs_type;
    int cachestat_errno;
    uint64_t pages; /* that cachestat(2) counts */
    int looks, opens, path_opens, waits, probes, cachestats;
    uint64_t bytes_read; /* with waiting */
} kernel;

static void reset_kernel(void)
{
    memset(&kernel, 0, sizeof kernel);
    kernel.fs_type = EXT4_SUPER_MAGIC;
    kernel.cachestat_errno = ENOSYS;
}

static void reset_counts(void)
{
    kernel.looks = kernel.opens = kernel.path_opens = kernel.waits = kernel.probes =
        kernel.cachestats = 0;
}

int __real_fstatat(int fd, const char *path, struct stat *st, int flags);
int __wrap_fstatat(int fd, const char *path, struct stat *st, int flags);
int __real_fstatfs(int fd, struct statfs *fs);
int __wrap_fstatfs(int fd, struct statfs *fs);
ssize_t __real_pread(int fd, void *p, size_t n, off_t offset);
ssize_t __wrap_pread(int fd, void *p, size_t n, off_t offset);
ssize_t __real_preadv2(int fd, const struct iovec *v, int n, off_t offset, int flags);
ssize_t __wrap_preadv2(int fd, const struct iovec *v, int n, off_t offset, int flags);
long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);

int __wrap_fstatat(int fd, const char *path, struct stat *st, int flags)
{
    kernel.looks++;
    return __real_fstatat(fd, path, st, flags);
}

int __wrap_fstatfs(int fd, struct statfs *fs)
{
    int result = __real_fstatfs(fd, fs);

    fs->f_type = kernel.fs_type;
    return result;
}

ssize_t __wrap_pread(int fd, void *p, size_t n, off_t offset)
{
    ssize_t got = __real_pread(fd, p, n, offset);

    kernel.cold_content = false;
    if (got > 0)
        kernel.bytes_read += (uint64_t)got;
    return got;
}

ssize_t __wrap_preadv2(int fd, const struct iovec *v, int n, off_t offset, int flags)
{
    assert_int_equal(flags, RWF_NOWAIT);
    kernel.probes++;
    if (kernel.cold_content || (kernel.cold_at > 0 && kernel.cold_at / 4096 == offset / 4096)) {
        errno = EAGAIN;
        return -1;
    }
    if (kernel.read_errno) {
        errno = kernel.read_errno;
        return -1;
    }
    if (kernel.torn_reads > 0) {
        ssize_t got = __real_preadv2(fd, v, n, offset, 0);

        kernel.torn_reads--;
        if (got > 0)
            ((char *)v->iov_base)[got - 1] = 'x';
        return got;
    }
    return __real_preadv2(fd, v, n, offset, 0);
}

static long do_openat2(int fd, const char *path, const struct open_how *how, size_t size)
{
    struct open_how waiting = *how;

    errno = kernel.refuses_openat2 ? ENOSYS : kernel.is_old ? EINVAL : EAGAIN;
    if (kernel.refuses_openat2)
        return -1;
    if (how->flags & O_PATH)
        kernel.path_opens++;
    else
        kernel.opens++;
    if (how->resolve & RESOLVE_CACHED) {
        bool is_cold = kernel.cold_path && strcmp(kernel.cold_path, path) == 0;

        if (kernel.is_old || is_cold)
            return -1;
        waiting.resolve &= ~(uint64_t)RESOLVE_CACHED;
    } else {
        kernel.waits++;
        kernel.cold_path = NULL;
        if (kernel.races)
            return -1;
    }
    return __real_syscall(SYS_openat2, fd, path, &waiting, size);
}

static long do_cachestat(uint64_t *result)
{
    kernel.cachestats++;
    errno = kernel.cachestat_errno;
    if (errno)
        return -1;
    result[0] = kernel.pages;
    return 0;
}

long __wrap_syscall(long number, ...)
{
    va_list ap;
    long a[4]; /* as many as those who call it here have */

    va_start(ap, number);
    for (size_t i = 0; i < WR_COUNT(a); i++)
        a[i] = va_arg(ap, long);
    va_end(ap);
    if (number == SYS_openat2)
        return do_openat2((int)a[0], (const char *)a[1], (const struct open_how *)a[2],
                          (size_t)a[3]);
    if (number == CACHESTAT)
        return do_cachestat((uint64_t *)a[2]);
    return __real_syscall(number, a[0], a[1], a[2], a[3]);
}

/* With siblings; it may not wait from here on. */
static void open_cold(struct fixture *f)
{
    reset_kernel();
    open_folder(f);
    f->cache = new_cache(f, true);
    f->now.may_wait = false;
    reset_counts();
}

static void warm(const struct fixture *f, const char *name)
{
    wr_file_warm(f->folder.path, name, true);
}

/* ---- paths ---- */

static void cold__path__eagain_until_it_is_warm(void **state)
{
    struct fixture f;

    (void)state;
    open_cold(&f);
    temp_file_write(&f.folder, "x", WR_SLICE("abc"));
    kernel.cold_path = "x";
    assert_int_equal(error_of(&f, "x"), -EAGAIN);
    assert_int_equal(error_of(&f, "x"), -EAGAIN);
    assert_int_equal(kernel.waits, 0);
    warm(&f, "x");
    assert_true(kernel.waits > 0);
    expect_content(&f, "x", "abc");
    close_cache(&f);
}

static void cold__may_wait__waits(void **state)
{
    struct fixture f;

    (void)state;
    open_cold(&f);
    temp_file_write(&f.folder, "x", WR_SLICE("abc"));
    kernel.cold_path = "x";
    kernel.cold_content = true;
    f.now.may_wait = true;
    expect_content(&f, "x", "abc");
    close_cache(&f);
}

/* -EAGAIN would have it warmed again, for ever. */
static void cold__may_wait_and_renames_run_against_it__is_found_without_openat2(void **state)
{
    struct fixture f;

    (void)state;
    open_cold(&f);
    temp_file_write(&f.folder, "x", WR_SLICE("abc"));
    kernel.races = true;
    f.now.may_wait = true;
    expect_content(&f, "x", "abc");
    assert_int_equal(error_of(&f, "y"), -ENOENT);
    close_cache(&f);
}

static void cold__name_that_is_not_there__is_told_without_waiting_once_it_is_known(void **state)
{
    struct fixture f;

    (void)state;
    open_cold(&f);
    kernel.cold_path = "nope";
    assert_int_equal(error_of(&f, "nope"), -EAGAIN);
    warm(&f, "nope");
    reset_counts();
    assert_int_equal(error_of(&f, "nope"), -ENOENT);
    assert_int_equal(kernel.waits, 0);
    assert_int_equal(kernel.path_opens, 1);
    assert_int_equal(kernel.opens, 0);
    close_cache(&f);
}

/* They forget at once which names they do not have, and have no disk. */
static void cold__file_system_in_memory__is_not_asked(void **state)
{
    static const long types[] = {TMPFS_MAGIC, RAMFS_MAGIC};
    struct fixture f;

    (void)state;
    for (size_t i = 0; i < WR_COUNT(types); i++) {
        open_cold(&f);
        wr_file_cache_free(f.cache);
        kernel.fs_type = types[i];
        f.cache = new_cache(&f, true);
        kernel.cold_path = "nope";
        assert_int_equal(error_of(&f, "nope"), -ENOENT);
        close_cache(&f);
    }
}

static void cold__kernel_that_cannot_tell__waits(void **state)
{
    struct fixture f;

    (void)state;
    for (int is_old = 0; is_old < 2; is_old++) {
        open_cold(&f);
        kernel.is_old = is_old;
        kernel.refuses_openat2 = !is_old;
        temp_file_write(&f.folder, "x", WR_SLICE("abc"));
        temp_folder_add(&f.folder, "d");
        assert_int_equal(symlink("/etc/passwd", temp_path(&f.folder, "out")), 0);
        expect_content(&f, "x", "abc");
        assert_int_equal(error_of(&f, "nope"), -ENOENT);
        assert_int_equal(error_of(&f, "d"), -EISDIR);
        assert_int_equal(error_of(&f, "out"), -EXDEV);
        f.now.turn++;
        f.now.wall_ns += 60 * SECOND;
        expect_content(&f, "x", "abc");
        close_cache(&f);
    }
}

/* Only O_PATH touches it, which does nothing to a FIFO and to a device. */
static void cold__what_is_no_file__is_not_opened(void **state)
{
    struct fixture f;

    (void)state;
    open_cold(&f);
    assert_int_equal(mkfifo(temp_path(&f.folder, "pipe"), 0644), 0);
    temp_folder_add(&f.folder, "d");
    assert_int_equal(error_of(&f, "pipe"), -ENOENT);
    assert_int_equal(error_of(&f, "d"), -EISDIR);
    assert_int_equal(kernel.opens, 0);
    assert_int_equal(kernel.path_opens, 2);
    close_cache(&f);
}

/* What the kernel has forgotten since: it is asked before it would wait. */
static void cold__kept_file_that_was_not_asked_for_in_ten_seconds(void **state)
{
    struct fixture f;
    struct wr_file_entry *first, *again;

    (void)state;
    open_cold(&f);
    temp_file_write(&f.folder, "x", WR_SLICE("abc"));
    first = get(&f, "x");
    kernel.cold_path = "x";
    reset_counts();
    f.now.turn++;
    f.now.wall_ns += 10 * SECOND;
    again = get(&f, "x");
    assert_ptr_equal(first, again);
    wr_file_entry_unref(again);
    assert_int_equal(kernel.path_opens, 0);
    f.now.turn++;
    f.now.wall_ns += 10 * SECOND + 1;
    assert_int_equal(error_of(&f, "x"), -EAGAIN);
    warm(&f, "x");
    again = get(&f, "x");
    assert_ptr_equal(first, again);
    wr_file_entry_unref(again);
    wr_file_entry_unref(first);
    close_cache(&f);
}

static void cold__kept_descriptor__holds_its_path_in_memory(void **state)
{
    struct fixture f;

    (void)state;
    open_cold(&f);
    temp_file_fill(&f.folder, "large", 40000);
    wr_file_entry_unref(get(&f, "large"));
    reset_counts();
    f.now.turn++;
    f.now.wall_ns += HOUR;
    wr_file_entry_unref(get(&f, "large"));
    assert_int_equal(kernel.looks, 1);
    assert_int_equal(kernel.path_opens + kernel.opens, 0);
    close_cache(&f);
}

static void cold__sibling__eagain_until_it_is_warm(void **state)
{
    static const struct wr_accept_codings br = {{1, 0, 1000, 0}};
    struct fixture f;
    struct wr_file_entry *e;
    struct wr_representation r;

    (void)state;
    open_cold(&f);
    temp_file_write(&f.folder, "x.css", WR_SLICE("abc"));
    temp_file_write(&f.folder, "x.css.br", WR_SLICE("br"));
    e = get(&f, "x.css");
    kernel.cold_path = "x.css.br";
    assert_int_equal(wr_file_cache_choose(f.cache, e, &br, f.now, &r), -EAGAIN);
    assert_int_equal(wr_file_cache_choose(f.cache, e, &br, f.now, &r), -EAGAIN);
    wr_file_warm(f.folder.path, "x.css", false);
    kernel.cold_path = "x.css.br";
    warm(&f, "x.css");
    assert_int_equal(wr_file_cache_choose(f.cache, e, &br, f.now, &r), 0);
    assert_int_equal(r.coding, WR_CODING_BR);
    wr_file_entry_unref(e);
    close_cache(&f);
}

/* ---- content ---- */

static void cold__content_of_a_small_file__eagain_until_it_is_warm(void **state)
{
    struct fixture f;

    (void)state;
    open_cold(&f);
    temp_file_write(&f.folder, "x", WR_SLICE("abc"));
    kernel.cold_content = true;
    assert_int_equal(error_of(&f, "x"), -EAGAIN);
    assert_int_equal(kernel.bytes_read, 0);
    warm(&f, "x");
    assert_int_equal(kernel.bytes_read, 3);
    expect_content(&f, "x", "abc");
    close_cache(&f);
}

/* The kernel sets the time of a change before it copies what is written. */
static void new__content_that_is_being_written__is_read_until_it_holds_still(void **state)
{
    struct fixture f;
    struct wr_file_entry *e;

    (void)state;
    open_cold(&f);
    f.now.wall_ns -= HOUR; /* it was written just now */
    temp_file_write(&f.folder, "f.txt", WR_SLICE("0123456789"));
    kernel.torn_reads = 1;
    assert_int_equal(wr_file_cache_get(f.cache, WR_SLICE("f.txt"), f.now, &e), 0);
    assert_memory_equal(wr_file_of(e)->identity.content, "0123456789", 10);
    assert_int_equal(kernel.torn_reads, 0);
    wr_file_entry_unref(e);
    close_cache(&f);
}

static void cold__content_of_a_large_file__is_not_needed(void **state)
{
    struct fixture f;

    (void)state;
    open_cold(&f);
    temp_file_fill(&f.folder, "large", 40000);
    kernel.cold_content = true;
    wr_file_entry_unref(get(&f, "large"));
    warm(&f, "large");
    assert_int_equal(kernel.bytes_read, 0);
    close_cache(&f);
}

static void cold__file_system_that_cannot_tell__is_read(void **state)
{
    static const int errors[] = {EOPNOTSUPP, EINVAL, ENOSYS};
    struct fixture f;

    (void)state;
    for (size_t i = 0; i < WR_COUNT(errors); i++) {
        open_cold(&f);
        kernel.read_errno = errors[i];
        temp_file_write(&f.folder, "x", WR_SLICE("abc"));
        expect_content(&f, "x", "abc");
        close_cache(&f);
    }
}

/* ---- what it costs ---- */

static void cost__kept_file__one_call_a_turn(void **state)
{
    struct fixture f;

    (void)state;
    open_cold(&f);
    temp_file_write(&f.folder, "x", WR_SLICE("abc"));
    expect_content(&f, "x", "abc");
    reset_counts();
    expect_content(&f, "x", "abc");
    assert_int_equal(kernel.looks, 0);
    f.now.turn++;
    expect_content(&f, "x", "abc");
    expect_content(&f, "x", "abc");
    assert_int_equal(kernel.looks, 1);
    assert_int_equal(kernel.opens + kernel.path_opens + kernel.probes, 0);
    close_cache(&f);
}

static void cost__sibling__two_calls_a_turn(void **state)
{
    static const struct wr_accept_codings all = {{1, 1000, 1000, 1000}};
    struct fixture f;

    (void)state;
    open_cold(&f);
    temp_file_write(&f.folder, "x.css", WR_SLICE("abc"));
    temp_file_write(&f.folder, "x.css.gz", WR_SLICE("gz"));
    for (int turn = 0; turn < 4; turn++, f.now.turn++) {
        reset_counts();
        for (int i = 0; i < 3; i++) {
            struct wr_file_entry *e = get(&f, "x.css");
            struct wr_representation r;

            assert_int_equal(wr_file_cache_choose(f.cache, e, &all, f.now, &r), 0);
            assert_int_equal(r.coding, WR_CODING_GZIP);
            wr_file_entry_unref(e);
        }
        if (turn > 0) {
            assert_int_equal(kernel.looks, 2);
            assert_int_equal(kernel.opens + kernel.path_opens, 0); /* br and zst are not there */
        }
    }
    close_cache(&f);
}

/* The folder's path is looked at once in a turn that misses. */
static void cost__misses__share_the_look_at_the_folder(void **state)
{
    struct fixture f;

    (void)state;
    open_cold(&f);
    for (int i = 0; i < 3; i++)
        assert_int_equal(error_of(&f, "nope"), -ENOENT);
    assert_int_equal(kernel.looks, 1);
    assert_int_equal(kernel.path_opens, 3);
    f.now.turn++;
    assert_int_equal(error_of(&f, "nope"), -ENOENT);
    assert_int_equal(kernel.looks, 2);
    close_cache(&f);
}

/* Of as many large files as there are descriptors, and one more, the first is the one that is pushed out: as
 * much later than it was asked for. */
static void push_out_first(struct fixture *f, int64_t later_ns)
{
    char name[16];

    for (int i = 0; i <= FDS_MAX; i++) {
        snprintf(name, sizeof name, "f%d", i);
        temp_file_fill(&f->folder, name, 40000);
    }
    wr_file_entry_unref(get(f, "f0"));
    f->now.wall_ns += later_ns;
    for (int i = 1; i <= FDS_MAX; i++) {
        snprintf(name, sizeof name, "f%d", i);
        wr_file_entry_unref(get(f, name));
    }
    f->now.turn++;
    reset_counts();
}

static void expect_looks_before_opening(struct fixture *f, int path_opens)
{
    kernel.path_opens = kernel.opens = 0;
    wr_file_entry_unref(get(f, "f0"));
    assert_int_equal(kernel.path_opens, path_opens);
    assert_int_equal(kernel.opens, 1);
}

static void cost__file_that_was_pushed_out__is_opened_without_a_look(void **state)
{
    struct fixture f;

    (void)state;
    for (int i = 0; i < 4; i++) {
        open_cold(&f);
        push_out_first(&f, 0);
        f.now.wall_ns += i == 1 ? 10 * SECOND : i == 2 ? 10 * SECOND + 1 : i == 3 ? -1 : 0;
        expect_looks_before_opening(&f, i < 2 ? 0 : 1);
        close_cache(&f);
    }
}

static void cost__file_that_was_looked_at_long_before__has_a_look(void **state)
{
    static const int64_t ages[] = {10 * SECOND, 10 * SECOND + 1, -1};
    struct fixture f;

    (void)state;
    for (size_t i = 0; i < WR_COUNT(ages); i++) {
        open_cold(&f);
        push_out_first(&f, ages[i]);
        expect_looks_before_opening(&f, i == 0 ? 0 : 1);
        close_cache(&f);
    }
}

static void known__where_it_cannot_be_asked__is_opened(void **state)
{
    struct fixture f;

    (void)state;
    for (int i = 0; i < 2; i++) {
        open_cold(&f);
        push_out_first(&f, 0);
        kernel.is_old = i == 0;
        kernel.refuses_openat2 = i == 1;
        wr_file_entry_unref(get(&f, "f0"));
        assert_int_equal(kernel.looks, 1); /* at the folder */
        close_cache(&f);
    }
}

static void known__file_that_has_become_something_else__is_what_it_is(void **state)
{
    struct fixture f;

    (void)state;
    open_cold(&f);
    push_out_first(&f, 0);
    assert_int_equal(unlink(temp_path(&f.folder, "f0")), 0);
    assert_int_equal(error_of(&f, "f0"), -ENOENT);
    temp_folder_add(&f.folder, "f0");
    assert_int_equal(error_of(&f, "f0"), -EISDIR);
    assert_int_equal(rmdir(temp_path(&f.folder, "f0")), 0);
    assert_int_equal(mkfifo(temp_path(&f.folder, "f0"), 0600), 0);
    assert_int_equal(error_of(&f, "f0"), -ENOENT);
    assert_int_equal(unlink(temp_path(&f.folder, "f0")), 0);
    temp_file_write(&f.folder, "f0", WR_SLICE("abc"));
    expect_content(&f, "f0", "abc");
    close_cache(&f);
}

static void known__cold_path__eagain_until_it_is_warm(void **state)
{
    struct fixture f;

    (void)state;
    open_cold(&f);
    push_out_first(&f, 0);
    kernel.cold_path = "f0";
    assert_int_equal(error_of(&f, "f0"), -EAGAIN);
    assert_int_equal(kernel.waits, 0);
    warm(&f, "f0");
    wr_file_entry_unref(get(&f, "f0"));
    close_cache(&f);
}

static void known__another_folder__is_not(void **state)
{
    struct fixture f;
    char moved[100];

    (void)state;
    open_cold(&f);
    push_out_first(&f, 0);
    snprintf(moved, sizeof moved, "%s.moved", f.folder.path);
    assert_int_equal(rename(f.folder.path, moved), 0);
    assert_int_equal(mkdir(f.folder.path, 0700), 0);
    temp_file_fill(&f.folder, "f0", 40000);
    f.now.turn++;
    expect_looks_before_opening(&f, 1);
    assert_int_equal(unlink(temp_path(&f.folder, "f0")), 0);
    assert_int_equal(rmdir(f.folder.path), 0);
    assert_int_equal(rename(moved, f.folder.path), 0);
    close_cache(&f);
}

/* ---- ranges of files ---- */

#define PAGE  4096
#define PAGES 16

struct large {
    struct temp_folder folder;
    int fd;
};

static void open_large(struct large *l)
{
    reset_kernel();
    temp_folder_init(&l->folder);
    temp_file_fill(&l->folder, "x", PAGES * PAGE);
    l->fd = open(temp_path(&l->folder, "x"), O_RDONLY);
    assert_true(l->fd >= 0);
}

static void close_large(struct large *l)
{
    close(l->fd);
    temp_folder_fini(&l->folder);
}

static void range__cold_at_an_end__is_cold(void **state)
{
    struct large l;

    (void)state;
    if (sysconf(_SC_PAGESIZE) != PAGE)
        skip();
    open_large(&l);
    kernel.cold_at = 3 * PAGE + 5;
    assert_false(wr_file_is_warm(l.fd, 3 * PAGE, 5 * PAGE));
    assert_false(wr_file_is_warm(l.fd, 4 * PAGE - 1, 5 * PAGE));
    assert_false(wr_file_is_warm(l.fd, 1, 3 * PAGE));
    assert_false(wr_file_is_warm(l.fd, 3 * PAGE + 1, 1));
    assert_true(wr_file_is_warm(l.fd, 4 * PAGE, 5 * PAGE));
    assert_true(wr_file_is_warm(l.fd, 0, 3 * PAGE));
    assert_true(wr_file_is_warm(l.fd, 3 * PAGE, 0));
    assert_true(wr_file_is_warm(l.fd, 2 * PAGE, 3 * PAGE)); /* between them, for all it is told */
    close_large(&l);
}

static void range__cold_between_the_ends__cachestat_tells(void **state)
{
    static const struct {
        uint64_t offset, n, pages; /* that it is in */
    } rows[] = {
        {0, 4 * PAGE, 4}, {0, 4 * PAGE + 1, 5}, {PAGE - 1, PAGE, 2}, {PAGE - 1, 2 * PAGE, 3}};
    struct large l;

    (void)state;
    if (sysconf(_SC_PAGESIZE) != PAGE)
        skip();
    open_large(&l);
    kernel.cachestat_errno = 0;
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        kernel.pages = rows[i].pages;
        assert_true(wr_file_is_warm(l.fd, rows[i].offset, rows[i].n));
        kernel.pages--;
        assert_false(wr_file_is_warm(l.fd, rows[i].offset, rows[i].n));
    }
    kernel.cachestat_errno = EPERM; /* of a file that is not ours */
    assert_true(wr_file_is_warm(l.fd, 0, 4 * PAGE));
    reset_counts();
    assert_true(wr_file_is_warm(l.fd, 10, 100));
    assert_int_equal(kernel.probes, 1);
    assert_int_equal(kernel.cachestats, 0);
    close_large(&l);
}

static void range__file_system_that_cannot_tell__is_warm(void **state)
{
    struct large l;

    (void)state;
    open_large(&l);
    kernel.read_errno = EOPNOTSUPP;
    kernel.cachestat_errno = 0;
    assert_true(wr_file_is_warm(l.fd, 0, 4 * PAGE));
    close_large(&l);
}

static void range__read_ahead__has_read_it_when_it_returns(void **state)
{
    struct large l;

    (void)state;
    open_large(&l);
    wr_file_read_ahead(l.fd, 1000, 50001);
    assert_int_equal(kernel.bytes_read, 50001);
    wr_file_read_ahead(l.fd, PAGES * PAGE - 10, 100); /* past the end: what there is */
    assert_int_equal(kernel.bytes_read, 50011);
    wr_file_read_ahead(-1, 0, 100);
    close_large(&l);
}

WR_TESTS(cmocka_unit_test(cold__path__eagain_until_it_is_warm),
         cmocka_unit_test(cold__may_wait__waits),
         cmocka_unit_test(cold__may_wait_and_renames_run_against_it__is_found_without_openat2),
         cmocka_unit_test(cold__name_that_is_not_there__is_told_without_waiting_once_it_is_known),
         cmocka_unit_test(cold__file_system_in_memory__is_not_asked),
         cmocka_unit_test(cold__kernel_that_cannot_tell__waits),
         cmocka_unit_test(cold__what_is_no_file__is_not_opened),
         cmocka_unit_test(cold__kept_file_that_was_not_asked_for_in_ten_seconds),
         cmocka_unit_test(cold__kept_descriptor__holds_its_path_in_memory),
         cmocka_unit_test(cold__sibling__eagain_until_it_is_warm),
         cmocka_unit_test(cold__content_of_a_small_file__eagain_until_it_is_warm),
         cmocka_unit_test(new__content_that_is_being_written__is_read_until_it_holds_still),
         cmocka_unit_test(cold__content_of_a_large_file__is_not_needed),
         cmocka_unit_test(cold__file_system_that_cannot_tell__is_read),
         cmocka_unit_test(cost__kept_file__one_call_a_turn),
         cmocka_unit_test(cost__sibling__two_calls_a_turn),
         cmocka_unit_test(cost__misses__share_the_look_at_the_folder),
         cmocka_unit_test(cost__file_that_was_pushed_out__is_opened_without_a_look),
         cmocka_unit_test(cost__file_that_was_looked_at_long_before__has_a_look),
         cmocka_unit_test(known__where_it_cannot_be_asked__is_opened),
         cmocka_unit_test(known__file_that_has_become_something_else__is_what_it_is),
         cmocka_unit_test(known__cold_path__eagain_until_it_is_warm),
         cmocka_unit_test(known__another_folder__is_not),
         cmocka_unit_test(range__cold_at_an_end__is_cold),
         cmocka_unit_test(range__cold_between_the_ends__cachestat_tells),
         cmocka_unit_test(range__file_system_that_cannot_tell__is_warm),
         cmocka_unit_test(range__read_ahead__has_read_it_when_it_returns));
