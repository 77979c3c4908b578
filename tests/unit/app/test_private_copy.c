#include "app/private_copy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "support.h"
#include "temp_folder.h"

/* A source of `n` bytes, the i-th being i % 251; closed by the caller. */
static int make_source(struct temp_folder *f, size_t n)
{
    char path[256];

    temp_file_fill(f, "source.so", n);
    snprintf(path, sizeof path, "%s/source.so", f->path);
    return open(path, O_RDONLY | O_CLOEXEC);
}

static bool is_there(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0;
}

/* A folder as a process leaves it that was killed `age_s` seconds ago. */
static void leave(const struct temp_folder *f, const char *name, int age_s, char path[static 256])
{
    struct timespec times[2] = {{.tv_sec = time(NULL) - age_s}, {.tv_sec = time(NULL) - age_s}};
    char file[300];
    int fd;

    snprintf(path, 256, "%s/%s", f->path, name);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(file, sizeof file, "%s/old.so", path);
    fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0700);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void remove_left(const char *path)
{
    char file[300];

    snprintf(file, sizeof file, "%s/old.so", path);
    unlink(file);
    rmdir(path);
}

static void copy__has_the_bytes_and_last_part_of_the_name(void **state)
{
    static const size_t sizes[] = {0, 1, 65536, 65537, 200000};
    struct temp_folder f;

    (void)state;
    temp_folder_init(&f);
    for (size_t i = 0; i < WR_COUNT(sizes); i++) {
        int fd = make_source(&f, sizes[i]), compare;
        char *a = malloc(sizes[i] + 1), *b = malloc(sizes[i] + 1);
        struct wr_private_copy c;
        struct stat st;

        assert_int_equal(wr_private_copy_make(&c, f.path, "some/where/name.so", fd), 0);
        assert_string_equal(strrchr(c.file, '/'), "/name.so");
        assert_int_equal(stat(c.folder, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0700);
        compare = open(c.file, O_RDONLY | O_CLOEXEC);
        assert_int_equal(pread(compare, a, sizes[i] + 1, 0), sizes[i]);
        assert_int_equal(pread(fd, b, sizes[i] + 1, 0), sizes[i]);
        assert_memory_equal(a, b, sizes[i]);
        close(compare);
        wr_private_copy_remove(&c);
        assert_false(is_there(c.folder));
        wr_private_copy_remove(&c); /* harmless */
        close(fd);
        free(a);
        free(b);
    }
    temp_folder_fini(&f);
}

static void copy__that_cannot_be_made__leaves_nothing(void **state)
{
    struct temp_folder f;
    struct wr_private_copy c;
    int fd;

    (void)state;
    temp_folder_init(&f);
    fd = make_source(&f, 10);
    assert_int_equal(wr_private_copy_make(&c, "/nonexistent", "a.so", fd), -ENOENT);
    assert_int_equal(wr_private_copy_make(&c, f.path, "a.so", -1), -EBADF);
    assert_int_equal(c.folder[0], '\0');
    assert_int_equal(c.lock_fd, -1);
    close(fd);
    temp_folder_fini(&f); /* fails when a folder is left */
}

static void copy__folders_that_were_left__are_removed_when_nobody_has_them(void **state)
{
    char stale[256], young[256], locked[256], other[256];
    struct temp_folder f;
    struct wr_private_copy c;
    int fd, lock;

    (void)state;
    temp_folder_init(&f);
    fd = make_source(&f, 10);
    leave(&f, "weir-plugin-aaaaaa", 3600, stale);
    leave(&f, "weir-plugin-bbbbbb", 1, young);
    leave(&f, "weir-plugin-cccccc", 3600, locked);
    leave(&f, "weir-site-1", 3600, other); /* a name that is not ours */
    lock = open(locked, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(flock(lock, LOCK_EX), 0);
    assert_int_equal(wr_private_copy_make(&c, f.path, "a.so", fd), 0);
    assert_false(is_there(stale));
    assert_true(is_there(young));
    assert_true(is_there(locked));
    assert_true(is_there(other));
    wr_private_copy_remove(&c);
    close(lock);
    close(fd);
    remove_left(young);
    remove_left(locked);
    remove_left(other);
    temp_folder_fini(&f);
}

static void copy__its_own_folder__is_locked(void **state)
{
    struct temp_folder f;
    struct wr_private_copy c;
    int fd, other;

    (void)state;
    temp_folder_init(&f);
    fd = make_source(&f, 10);
    assert_int_equal(wr_private_copy_make(&c, f.path, "a.so", fd), 0);
    other = open(c.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(flock(other, LOCK_EX | LOCK_NB), -1);
    wr_private_copy_remove(&c);
    close(other);
    close(fd);
    temp_folder_fini(&f);
}

WR_TESTS(cmocka_unit_test(copy__has_the_bytes_and_last_part_of_the_name),
         cmocka_unit_test(copy__that_cannot_be_made__leaves_nothing),
         cmocka_unit_test(copy__folders_that_were_left__are_removed_when_nobody_has_them),
         cmocka_unit_test(copy__its_own_folder__is_locked));
