#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#include "io/root.h"
#include "support.h"
#include "temp_folder.h"

#define NOBODY 65534
#define DATE_S INT64_C(1767323045) /* 2026-01-02T03:04:05Z: date -u -d TEXT +%s */

/* `home`/root is the root; `home`/outside lies beside it. */
static struct temp_folder home;
static const struct wr_folder_limits ample = {1000, 100000};

/* ---- calls of libc that tests take part in ---- */

static void (*meanwhile)(const char *name); /* called for each name, before it is looked at */
static bool reading_fails;
static int allocations_left = INT_MAX;

ssize_t __wrap_getdents64(int fd, void *batch, size_t n);
ssize_t __real_getdents64(int fd, void *batch, size_t n);
void *__wrap_malloc(size_t n);
void *__real_malloc(size_t n);
void *__wrap_realloc(void *p, size_t n);
void *__real_realloc(void *p, size_t n);
void *__wrap_reallocarray(void *p, size_t n, size_t size);
void *__real_reallocarray(void *p, size_t n, size_t size);

ssize_t __wrap_getdents64(int fd, void *batch, size_t n)
{
    ssize_t got = __real_getdents64(fd, batch, n);

    if (reading_fails) {
        errno = EIO;
        return -1;
    }
    for (ssize_t at = 0; at < got && meanwhile;) {
        const struct dirent64 *d = (const void *)((const char *)batch + at);

        meanwhile(d->d_name);
        at += d->d_reclen;
    }
    return got;
}

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

/* ---- the tree ---- */

static void make_link(const char *target, const char *name)
{
    if (symlink(target, temp_path(&home, name)) < 0)
        fail_msg("%s: %s", name, strerror(errno));
}

static void make_socket(const char *name)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(a.sun_path, sizeof a.sun_path, "%s", temp_path(&home, name));
    assert_int_equal(bind(fd, (const struct sockaddr *)&a, sizeof a), 0);
    close(fd);
}

static void make_kinds(void)
{
    temp_folder_add(&home, "root/kinds");
    temp_folder_add(&home, "root/kinds/folder");
    temp_file_fill(&home, "root/kinds/file", 123);
    temp_file_fill(&home, "root/kinds/empty", 0);
    temp_file_fill(&home, "root/kinds/.hidden", 1);
    temp_file_fill(&home, "root/kinds/...", 2);
    temp_file_fill(&home, "root/kinds/\xff \n", 3);
    assert_int_equal(mkfifo(temp_path(&home, "root/kinds/pipe"), 0644), 0);
    make_socket("root/kinds/socket");
    if (mknod(temp_path(&home, "root/kinds/null"), S_IFCHR | 0666, makedev(1, 3)) < 0)
        print_message("no device is tested: %s\n", strerror(errno));
    temp_file_fill(&home, "root/kinds/closed", 4);
    assert_int_equal(chmod(temp_path(&home, "root/kinds/closed"), 0), 0);
    temp_file_date(&home, "root/kinds/file", DATE_S);
}

static void make_links(void)
{
    temp_folder_add(&home, "root/links");
    make_link("../kinds/file", "root/links/to-file");
    make_link("../kinds", "root/links/to-folder");
    make_link("to-file", "root/links/to-link");
    make_link("../kinds/closed", "root/links/to-closed");
    make_link("..", "root/links/to-root");
    make_link("missing", "root/links/to-missing");
    make_link("itself", "root/links/itself");
    make_link("../kinds/pipe", "root/links/to-pipe");
    make_link("../../outside", "root/links/to-outside");
    make_link("../../outside/secret", "root/links/to-secret");
    make_link("../..", "root/links/to-above");
    make_link("../../root/kinds/file", "root/links/out-and-in");
    make_link("/etc/passwd", "root/links/to-passwd");
    make_link("/proc/self/exe", "root/links/to-magic");
}

static int make_tree(void **state)
{
    (void)state;
    temp_folder_init(&home);
    assert_int_equal(chmod(home.path, 0755), 0);
    temp_folder_add(&home, "root");
    temp_folder_add(&home, "outside");
    temp_file_fill(&home, "outside/secret", 5);
    make_kinds();
    make_links();
    temp_folder_add(&home, "root/none");
    temp_folder_add(&home, "root/unreadable");
    assert_int_equal(chmod(temp_path(&home, "root/unreadable"), 0311), 0);
    temp_folder_add(&home, "root/unsearchable");
    temp_file_fill(&home, "root/unsearchable/file", 1);
    assert_int_equal(chmod(temp_path(&home, "root/unsearchable"), 0644), 0);
    make_link("../outside", "root/to-outside");
    make_link("links", "root/to-links");
    return 0;
}

static int remove_tree(void **state)
{
    (void)state;
    chmod(temp_path(&home, "root/unsearchable"), 0755);
    temp_folder_fini(&home);
    return 0;
}

static struct wr_root open_root(bool no_openat2)
{
    struct wr_root r;

    assert_int_equal(wr_root_open(&r, temp_path(&home, "root")), 0);
    r.no_openat2 = no_openat2;
    return r;
}

/* ---- what is read ---- */

struct expected {
    const char *name;
    enum wr_file_kind kind;
    int64_t size; /* of a file */
};

static const struct wr_folder_entry *find(const struct wr_folder *f, const char *name)
{
    for (size_t i = 0; i < f->n; i++)
        if (wr_slice_eq(f->v[i].name, wr_slice_of(name)))
            return &f->v[i];
    return NULL;
}

static void expect_entries(const struct wr_root *r, const char *path, const struct expected *v,
                           size_t n)
{
    struct wr_folder f;
    int err = wr_root_read_folder(r, path, &ample, &f);

    if (err < 0)
        fail_msg("%s: %s", path, strerror(-err));
    for (size_t i = 0; i < f.n; i++)
        assert_int_equal(f.v[i].name.p[f.v[i].name.n], '\0');
    for (size_t i = 0; i < n; i++) {
        const struct wr_folder_entry *e = find(&f, v[i].name);

        if (!e)
            fail_msg("%s: %s is missing", path, v[i].name);
        assert_int_equal(e->info.kind, v[i].kind);
        if (v[i].kind == WR_FILE_REGULAR)
            assert_int_equal(e->info.size, v[i].size);
    }
    for (size_t i = 0; i < f.n && f.n > n; i++)
        print_message("%s has %s\n", path, f.v[i].name.p);
    assert_int_equal(f.n, n);
    assert_false(f.is_cut);
    wr_folder_free(&f);
    assert_null(f.v);
    assert_int_equal(f.n, 0);
}

static const struct expected kinds[] = {
    {"folder", WR_FILE_DIRECTORY, 0}, {"file", WR_FILE_REGULAR, 123},
    {"empty", WR_FILE_REGULAR, 0},    {".hidden", WR_FILE_REGULAR, 1},
    {"...", WR_FILE_REGULAR, 2},      {"\xff \n", WR_FILE_REGULAR, 3},
    {"closed", WR_FILE_REGULAR, 4},
};

static const struct expected links[] = {
    {"to-file", WR_FILE_REGULAR, 123}, {"to-link", WR_FILE_REGULAR, 123},
    {"to-closed", WR_FILE_REGULAR, 4}, {"to-folder", WR_FILE_DIRECTORY, 0},
    {"to-root", WR_FILE_DIRECTORY, 0},
};

static const struct expected top[] = {
    {"kinds", WR_FILE_DIRECTORY, 0},    {"links", WR_FILE_DIRECTORY, 0},
    {"none", WR_FILE_DIRECTORY, 0},     {"unreadable", WR_FILE_DIRECTORY, 0},
    {"to-links", WR_FILE_DIRECTORY, 0}, {"unsearchable", WR_FILE_DIRECTORY, 0},
};

static void folder__each_kind__is_an_entry_or_left_out(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct wr_root r = open_root(i);

        expect_entries(&r, "", top, WR_COUNT(top));
        expect_entries(&r, "kinds", kinds, WR_COUNT(kinds));
        expect_entries(&r, "kinds/", kinds, WR_COUNT(kinds));
        expect_entries(&r, "links", links, WR_COUNT(links));
        expect_entries(&r, "links/", links, WR_COUNT(links));
        expect_entries(&r, "to-links", links, WR_COUNT(links));
        expect_entries(&r, "links/to-folder", kinds, WR_COUNT(kinds));
        expect_entries(&r, "links/to-root/to-links/to-root/", top, WR_COUNT(top));
        expect_entries(&r, "none", NULL, 0);
        wr_root_close(&r);
    }
}

static void folder__dates__are_of_what_a_link_leads_to(void **state)
{
    struct wr_root r = open_root(false);
    struct wr_folder f;

    (void)state;
    assert_int_equal(wr_root_read_folder(&r, "kinds", &ample, &f), 0);
    assert_int_equal(find(&f, "file")->info.mtime_s, DATE_S);
    wr_folder_free(&f);
    assert_int_equal(wr_root_read_folder(&r, "links", &ample, &f), 0);
    assert_int_equal(find(&f, "to-link")->info.mtime_s, DATE_S);
    wr_folder_free(&f);
    wr_root_close(&r);
}

static void folder__what_is_none__is_an_error(void **state)
{
    static const struct {
        const char *path;
        int err;
    } rows[] = {
        {"missing", -ENOENT},        {"kinds/file", -ENOTDIR},    {"kinds/file/", -ENOTDIR},
        {"kinds/pipe", -ENOTDIR},    {"kinds/socket", -ENOTDIR},  {"links/to-file", -ENOTDIR},
        {"links/to-pipe", -ENOTDIR}, {"links/itself", -ELOOP},    {"links/to-missing", -ENOENT},
        {"to-outside", -EXDEV},      {"to-outside/", -EXDEV},     {"links/to-above", -EXDEV},
        {"links/to-magic", -EXDEV},  {"links/to-passwd", -EXDEV}, {"..", -EXDEV},
    };

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct wr_root r = open_root(i);

        for (size_t k = 0; k < WR_COUNT(rows); k++) {
            struct wr_folder f = {.n = 1};
            int err = wr_root_read_folder(&r, rows[k].path, &ample, &f);

            if (err != rows[k].err)
                fail_msg("%s: %s", rows[k].path, strerror(-err));
            assert_null(f.v);
            assert_int_equal(f.n, 0);
        }
        wr_root_close(&r);
    }
}

static void folder__without_permission__eacces(void **state)
{
    bool was_root = geteuid() == 0;

    (void)state;
    if (was_root && seteuid(NOBODY) < 0)
        skip(); /* root may read everything, and cannot be anybody else here */
    for (int i = 0; i < 2; i++) {
        struct wr_root r = open_root(i);
        struct wr_folder f;

        assert_int_equal(wr_root_read_folder(&r, "unreadable", &ample, &f), -EACCES);
        assert_int_equal(wr_root_read_folder(&r, "unsearchable", &ample, &f), -EACCES);
        expect_entries(&r, "kinds", kinds, WR_COUNT(kinds)); /* "closed" is among them */
        wr_root_close(&r);
    }
    if (was_root)
        assert_int_equal(seteuid(0), 0);
}

static void folder__path_as_long_as_may_be__has_no_entries(void **state)
{
    char path[PATH_MAX] = "links/to-root/";
    struct wr_root r = open_root(false);
    struct wr_folder f;

    (void)state;
    /* "./" leads nowhere else; 4095 characters are the most that the kernel takes. */
    for (size_t n = strlen(path); n + 2 < sizeof path; n += 2)
        memcpy(path + n, "./", 3);
    memcpy(path + strlen(path), ".", 2);
    assert_int_equal(strlen(path), 4095);
    assert_int_equal(wr_root_read_folder(&r, path, &ample, &f), 0);
    assert_int_equal(f.n, 0); /* what no path leads to */
    wr_folder_free(&f);

    memcpy(path + 4089, "/", 2); /* room for names of five characters */
    assert_int_equal(wr_root_read_folder(&r, path, &ample, &f), 0);
    assert_int_equal(f.n, 3); /* kinds, links, none */
    wr_folder_free(&f);

    memcpy(path + 4089, "//", 3);
    assert_int_equal(wr_root_read_folder(&r, path, &ample, &f), 0);
    assert_int_equal(f.n, 1); /* none */
    wr_folder_free(&f);
    wr_root_close(&r);
}

/* ---- limits ---- */

static void folder__more_than_the_limits__is_cut(void **state)
{
    struct wr_folder_limits limits = ample;
    struct wr_root r = open_root(false);
    struct wr_folder f;

    (void)state;
    limits.entries = 7;
    assert_int_equal(wr_root_read_folder(&r, "kinds", &limits, &f), 0);
    assert_int_equal(f.n, 7);
    assert_false(f.is_cut); /* it has just as many, beside the pipe and the socket */
    wr_folder_free(&f);
    limits.entries = 6;
    assert_int_equal(wr_root_read_folder(&r, "kinds", &limits, &f), 0);
    assert_int_equal(f.n, 6);
    assert_true(f.is_cut);
    wr_folder_free(&f);

    /* folder file empty .hidden ... \xff\x20\n closed: 6+4+5+7+3+3+6, and 7 NULs */
    limits = (struct wr_folder_limits){1000, 41};
    assert_int_equal(wr_root_read_folder(&r, "kinds", &limits, &f), 0);
    assert_int_equal(f.n, 7);
    assert_false(f.is_cut);
    wr_folder_free(&f);
    limits.names = 40;
    assert_int_equal(wr_root_read_folder(&r, "kinds", &limits, &f), 0);
    assert_int_equal(f.n, 6);
    assert_true(f.is_cut);
    wr_folder_free(&f);
    wr_root_close(&r);
}

static void folder__ten_thousand_names__are_read_whole(void **state)
{
    const struct wr_folder_limits limits = {20000, 4000000};
    struct wr_root r = open_root(false);
    bool seen[10000] = {false};
    char name[64];
    struct wr_folder f;

    (void)state;
    temp_folder_add(&home, "root/many");
    for (int i = 0; i < 10000; i++) {
        snprintf(name, sizeof name, "root/many/%04d", i);
        temp_file_fill(&home, name, 0);
    }
    assert_int_equal(wr_root_read_folder(&r, "many", &limits, &f), 0);
    assert_int_equal(f.n, 10000);
    for (size_t i = 0; i < f.n; i++) {
        long number = strtol(f.v[i].name.p, NULL, 10);

        assert_int_equal(f.v[i].name.n, 4);
        assert_false(seen[number]);
        seen[number] = true;
    }
    wr_folder_free(&f);
    wr_root_close(&r);
}

/* ---- what changes while it is read ---- */

static int make_changing(void **state)
{
    (void)state;
    temp_folder_add(&home, "root/changing");
    temp_file_fill(&home, "root/changing/stays", 1);
    temp_file_fill(&home, "root/changing/goes", 2);
    return 0;
}

static int remove_changing(void **state)
{
    (void)state;
    meanwhile = NULL;
    reading_fails = false;
    allocations_left = INT_MAX;
    unlink(temp_path(&home, "root/changing/stays"));
    unlink(temp_path(&home, "root/changing/goes"));
    return rmdir(temp_path(&home, "root/changing"));
}

static const struct expected stays[] = {{"stays", WR_FILE_REGULAR, 1}};

static void expect_stays_alone(void (*change)(const char *name))
{
    for (int i = 0; i < 2; i++) {
        struct wr_root r = open_root(i);

        temp_file_fill(&home, "root/changing/goes", 2);
        meanwhile = change;
        expect_entries(&r, "changing", stays, 1);
        meanwhile = NULL;
        unlink(temp_path(&home, "root/changing/goes"));
        wr_root_close(&r);
    }
}

static void remove_it(const char *name)
{
    if (strcmp(name, "goes") == 0)
        unlink(temp_path(&home, "root/changing/goes"));
}

static void make_it_a_pipe(const char *name)
{
    remove_it(name);
    if (strcmp(name, "goes") == 0)
        assert_int_equal(mkfifo(temp_path(&home, "root/changing/goes"), 0644), 0);
}

static void turn_it_outside(const char *name)
{
    remove_it(name);
    if (strcmp(name, "goes") == 0)
        make_link("../../outside/secret", "root/changing/goes");
}

static void folder__what_changes_meanwhile__is_left_out(void **state)
{
    (void)state;
    expect_stays_alone(remove_it);
    expect_stays_alone(make_it_a_pipe);
    expect_stays_alone(turn_it_outside);
}

static void folder__reading_fails__is_an_error(void **state)
{
    struct wr_root r = open_root(false);
    struct wr_folder f;

    (void)state;
    reading_fails = true;
    assert_int_equal(wr_root_read_folder(&r, "changing", &ample, &f), -EIO);
    assert_null(f.v);
    wr_root_close(&r);
}

static void remove_folder(const char *name)
{
    (void)name;
    unlink(temp_path(&home, "root/changing/stays"));
    unlink(temp_path(&home, "root/changing/goes"));
    rmdir(temp_path(&home, "root/changing"));
}

/* getdents64(2) has an error for it, and that is the truth. */
static void folder__removed_meanwhile__is_not_found(void **state)
{
    struct wr_root r = open_root(false);
    struct wr_folder f;

    (void)state;
    meanwhile = remove_folder;
    assert_int_equal(wr_root_read_folder(&r, "changing", &ample, &f), -ENOENT);
    assert_null(f.v);
    temp_folder_add(&home, "root/changing");
    wr_root_close(&r);
}

static void folder__without_memory__enomem(void **state)
{
    struct wr_root r = open_root(false);
    struct wr_folder f;

    (void)state;
    for (int left = 0; left < 3; left++) {
        allocations_left = left;
        assert_int_equal(wr_root_read_folder(&r, "changing", &ample, &f), -ENOMEM);
        assert_null(f.v);
        assert_null(f.names);
    }
    allocations_left = 3;
    expect_entries(&r, "changing",
                   (const struct expected[]){stays[0], {"goes", WR_FILE_REGULAR, 2}}, 2);
    wr_root_close(&r);
}

/* A listing with gaps would be wrong without a sign of it. */
static void folder__without_descriptors_for_links__emfile(void **state)
{
    struct rlimit before, few;
    struct wr_root r = open_root(false);
    struct wr_folder f;
    int fd = dup(r.fd);

    (void)state;
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    few = before;
    few.rlim_cur = (rlim_t)fd + 1; /* for the folder itself */
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    assert_int_equal(wr_root_read_folder(&r, "links", &ample, &f), -EMFILE);
    assert_null(f.v);
    expect_entries(&r, "kinds", kinds, WR_COUNT(kinds));
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    wr_root_close(&r);
}

#define CHANGING(name) cmocka_unit_test_setup_teardown(name, make_changing, remove_changing)

/* The tree is made by the first test and removed by the last, as a group has no other place. */
WR_TESTS(cmocka_unit_test_setup(folder__each_kind__is_an_entry_or_left_out, make_tree),
         cmocka_unit_test(folder__dates__are_of_what_a_link_leads_to),
         cmocka_unit_test(folder__what_is_none__is_an_error),
         cmocka_unit_test(folder__without_permission__eacces),
         cmocka_unit_test(folder__path_as_long_as_may_be__has_no_entries),
         cmocka_unit_test(folder__more_than_the_limits__is_cut),
         CHANGING(folder__what_changes_meanwhile__is_left_out),
         CHANGING(folder__reading_fails__is_an_error),
         CHANGING(folder__removed_meanwhile__is_not_found),
         CHANGING(folder__without_memory__enomem),
         cmocka_unit_test(folder__without_descriptors_for_links__emfile),
         cmocka_unit_test_teardown(folder__ten_thousand_names__are_read_whole, remove_tree));
