#include "io/root.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support.h"

#define RENAMES_MAX 100000 /* that a look-up may meet */

#define NAME_255                                                                                   \
    "123456789012345678901234567890123456789012345678901234567890123456789012345678901234567"      \
    "890123456789012345678901234567890123456789012345678901234567890123456789012345678901234"      \
    "567890123456789012345678901234567890123456789012345678901234567890123456789012345"
#define NOBODY   65534
#define BOUND_MS 20000

/*
 * Everything is in a folder of its own: `home`/root is the root, `home`/secret lies beside it.
 * The content of a file is its path beneath the root.
 */
static char home[] = "/tmp/weir-test-root-XXXXXX";
static int root_fd; /* of `home`/root */
static bool has_device;

static void make_file(const char *path)
{
    int fd = openat(root_fd, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

    if (fd < 0 || write(fd, path, strlen(path)) != (ssize_t)strlen(path))
        fail_msg("%s: %s", path, strerror(errno));
    close(fd);
}

static void make_link(const char *target, const char *path)
{
    if (symlinkat(target, root_fd, path) < 0)
        fail_msg("%s: %s", path, strerror(errno));
}

static void make_folder(const char *path)
{
    if (mkdirat(root_fd, path, 0755) < 0)
        fail_msg("%s: %s", path, strerror(errno));
}

static void make_socket(const char *name)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(a.sun_path, sizeof a.sun_path, "%s/root/%s", home, name);
    assert_int_equal(bind(fd, (const struct sockaddr *)&a, sizeof a), 0);
    close(fd);
}

static void make_links(void)
{
    char path[PATH_MAX], target[PATH_MAX];

    make_link("plain", "to-plain");
    make_link("./plain", "to-dot-plain");
    make_link(".//folder/./inner", "to-odd-inner");
    make_link("to-to-plain", "to-to-to-plain");
    make_link("to-plain", "to-to-plain");
    make_link("folder", "to-folder");
    make_link("folder/", "to-folder-slash");
    make_link(".", "to-root");
    make_link("../plain", "folder/up-to-plain");
    make_link("../../plain", "folder/deep/up-up-to-plain");
    make_link("folder/../plain", "down-up-to-plain");
    make_link("to-folder/deep/../inner", "through-link-to-inner");
    make_link("missing", "to-missing");
    make_link("missing/../plain", "missing-up-to-plain");
    make_link("plain/", "to-plain-slash");
    make_link("plain/.", "to-plain-dot");
    make_link("plain/../plain", "plain-up-to-plain");
    make_link("to-plain/../plain", "to-plain-up-to-plain");
    make_link("..", "to-above");
    make_link("../secret", "to-secret");
    make_link("../root/plain", "out-and-in");
    make_link("../../secret", "folder/to-secret");
    make_link("folder/../../secret", "down-up-up-to-secret");
    make_link("to-root/../secret", "through-root-to-secret");
    make_link("../outside", "to-outside-folder");
    make_link("../pipe", "to-outside-pipe");
    make_link("/", "to-slash");
    make_link("/etc/passwd", "to-passwd");
    make_link("//etc/passwd", "to-passwd-twice");
    make_link("/proc/self/exe", "to-magic");
    snprintf(target, sizeof target, "%s/root/plain", home);
    make_link(target, "absolute-inside");
    snprintf(target, sizeof target, "%s/root/folder", home);
    make_link(target, "absolute-inside-folder");
    make_link("itself", "itself");
    make_link("ping", "pong");
    make_link("pong", "ping");
    make_link("itself/plain", "through-itself");
    make_link("pipe", "to-pipe");
    make_link("closed/../plain", "up-from-closed");
    make_link("closed/.", "closed-itself");
    make_link(NAME_255 "6", "to-long-name");
    /* chain-N takes N links to get to the file; path_resolution(7): 40 are followed */
    make_link("plain", "chain-1");
    for (int i = 2; i <= 41; i++) {
        snprintf(path, sizeof path, "chain-%d", i);
        snprintf(target, sizeof target, "chain-%d", i - 1);
        make_link(target, path);
    }
}

static int make_tree(void **state)
{
    char path[PATH_MAX];
    int home_fd;

    (void)state;
    assert_non_null(mkdtemp(home));
    assert_int_equal(chmod(home, 0755), 0);
    snprintf(path, sizeof path, "%s/root", home);
    assert_int_equal(mkdir(path, 0755), 0);
    root_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_true(root_fd >= 0);
    home_fd = openat(root_fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
    make_file("../secret");
    make_folder("../outside");
    make_file("../outside/inner");
    make_file("plain");
    make_file(".hidden");
    make_file("...");
    make_file("with space");
    make_file("b\xc3\xa4r");
    make_file(NAME_255);
    make_folder("folder");
    make_file("folder/inner");
    make_folder("folder/deep");
    make_file("folder/deep/deepest");
    make_file("unreadable");
    assert_int_equal(fchmodat(root_fd, "unreadable", 0, 0), 0);
    make_folder("closed");
    make_file("closed/inner");
    assert_int_equal(fchmodat(root_fd, "closed", 0, 0), 0);
    assert_int_equal(mkfifoat(root_fd, "pipe", 0644), 0);
    assert_int_equal(mkfifoat(home_fd, "pipe", 0644), 0);
    make_socket("socket");
    has_device = mknodat(root_fd, "null", S_IFCHR | 0666, makedev(1, 3)) == 0;
    if (!has_device)
        print_message("no device is tested: %s\n", strerror(errno));
    make_links();
    close(home_fd);
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

static int remove_tree(void **state)
{
    (void)state;
    fchmodat(root_fd, "closed", 0755, 0);
    close(root_fd);
    return nftw(home, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* ---- the table, the same for openat2 and for the walk ---- */

static struct wr_root open_root(bool no_openat2)
{
    struct wr_root r;
    char path[PATH_MAX];

    snprintf(path, sizeof path, "%s/root", home);
    assert_int_equal(wr_root_open(&r, path), 0);
    r.no_openat2 = no_openat2;
    return r;
}

/* How the table is opened. */
static int (*open_file)(const struct wr_root *r, const char *path,
                        struct wr_file_info *info) = wr_root_open_file;

/* Opens `path` and expects -errno, or a file with this content. */
static void expect(const struct wr_root *r, const char *path, int err, const char *content)
{
    struct wr_file_info info = {.kind = WR_FILE_OTHER};
    char got[PATH_MAX] = "";
    int fd = open_file(r, path, &info);

    /* "It would wait" is also said of "..", while something is renamed elsewhere on the machine. */
    for (int i = 0; fd == -EAGAIN && err == 0 && i < RENAMES_MAX; i++)
        fd = open_file(r, path, &info);
    if (err < 0) {
        /* A file system may forget the names that it does not have. */
        if (fd != err && (fd != -EAGAIN || open_file == wr_root_open_file))
            fail_msg("%.80s: %d (%s) instead of %s", path, fd, fd < 0 ? strerror(-fd) : "open",
                     strerror(-err));
        return;
    }
    if (fd < 0)
        fail_msg("%.80s: %s", path, strerror(-fd));
    if (read(fd, got, sizeof got - 1) < 0 || strcmp(got, content) != 0)
        fail_msg("%.80s: \"%s\" was opened", path, got);
    assert_int_equal(info.kind, WR_FILE_REGULAR);
    assert_int_equal(info.size, strlen(content));
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    assert_int_equal(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
    close(fd);
}

static const struct {
    const char *path;
    int err;
    const char *content; /* NULL: its own path */
} rows[] = {
    {"plain", 0, NULL},
    {".hidden", 0, NULL},
    {"...", 0, NULL},
    {"with space", 0, NULL},
    {"b\xc3\xa4r", 0, NULL},
    {NAME_255, 0, NULL},
    {"folder/inner", 0, NULL},
    {"folder/deep/deepest", 0, NULL},
    {"missing", -ENOENT, NULL},
    {"Plain", -ENOENT, NULL},
    {"plain ", -ENOENT, NULL},
    {"folder/missing", -ENOENT, NULL},
    {"missing/inner", -ENOENT, NULL},
    {"", -EISDIR, NULL},
    {"folder", -EISDIR, NULL},
    {"folder/deep", -EISDIR, NULL},
    {"plain/inner", -ENOTDIR, NULL},
    {"folder/inner/inner", -ENOTDIR, NULL},
    {"plain/inner/inner", -ENOTDIR, NULL},
    {"pipe/inner", -ENOTDIR, NULL},
    /* links that stay beneath */
    {"to-plain", 0, "plain"},
    {"to-dot-plain", 0, "plain"},
    {"to-odd-inner", 0, "folder/inner"},
    {"to-to-to-plain", 0, "plain"},
    {"to-folder", -EISDIR, NULL},
    {"to-folder-slash", -EISDIR, NULL},
    {"to-folder/inner", 0, "folder/inner"},
    {"to-folder-slash/inner", 0, "folder/inner"},
    {"to-folder/deep/deepest", 0, "folder/deep/deepest"},
    {"to-root", -EISDIR, NULL},
    {"to-root/plain", 0, "plain"},
    {"to-root/to-root/to-folder/inner", 0, "folder/inner"},
    {"folder/up-to-plain", 0, "plain"},
    {"to-folder/up-to-plain", 0, "plain"},
    {"folder/deep/up-up-to-plain", 0, "plain"},
    {"down-up-to-plain", 0, "plain"},
    {"through-link-to-inner", 0, "folder/inner"},
    {"to-missing", -ENOENT, NULL},
    {"to-missing/inner", -ENOENT, NULL},
    {"missing-up-to-plain", -ENOENT, NULL},
    {"to-plain/inner", -ENOTDIR, NULL},
    /* path_resolution(7): what a '/' follows must be a folder */
    {"to-plain-slash", -ENOTDIR, NULL},
    {"to-plain-dot", -ENOTDIR, NULL},
    {"plain-up-to-plain", -ENOTDIR, NULL},
    {"to-plain-up-to-plain", -ENOTDIR, NULL},
    /* links that leave; openat2(2), RESOLVE_BENEATH: EXDEV, for all absolute ones too */
    {"to-above", -EXDEV, NULL},
    {"to-above/secret", -EXDEV, NULL},
    {"to-secret", -EXDEV, NULL},
    {"out-and-in", -EXDEV, NULL},
    {"folder/to-secret", -EXDEV, NULL},
    {"to-folder/to-secret", -EXDEV, NULL},
    {"down-up-up-to-secret", -EXDEV, NULL},
    {"through-root-to-secret", -EXDEV, NULL},
    {"to-outside-folder", -EXDEV, NULL}, /* not -EISDIR: nothing is told of what is outside */
    {"to-outside-folder/inner", -EXDEV, NULL},
    {"to-outside-folder/missing", -EXDEV, NULL},
    {"to-slash", -EXDEV, NULL},
    {"to-passwd", -EXDEV, NULL},
    {"to-passwd-twice", -EXDEV, NULL},
    {"to-magic", -EXDEV, NULL},
    {"absolute-inside", -EXDEV, NULL},
    {"absolute-inside-folder", -EXDEV, NULL},
    {"absolute-inside-folder/inner", -EXDEV, NULL},
    /* loops */
    {"itself", -ELOOP, NULL},
    {"ping", -ELOOP, NULL},
    {"itself/inner", -ELOOP, NULL},
    {"through-itself", -ELOOP, NULL},
    {"chain-40", 0, "plain"},
    {"chain-41", -ELOOP, NULL},
    /* what is no file */
    {"pipe", -ENOENT, NULL},
    {"to-pipe", -ENOENT, NULL},
    {"socket", -ENOENT, NULL},
    /* names too long */
    {NAME_255 "6", -ENAMETOOLONG, NULL},
    {"folder/" NAME_255 "6", -ENAMETOOLONG, NULL},
    {NAME_255 "6/inner", -ENAMETOOLONG, NULL},
    {"to-long-name", -ENAMETOOLONG, NULL},
};

static void check_table(bool no_openat2)
{
    struct wr_root r = open_root(no_openat2);
    char path[PATH_MAX + 1] = "";

    for (size_t i = 0; i < WR_COUNT(rows); i++)
        expect(&r, rows[i].path, rows[i].err, rows[i].content ? rows[i].content : rows[i].path);
    if (has_device)
        expect(&r, "null", -ENOENT, NULL);

    /* PATH_MAX counts the NUL: 4095 characters are allowed. */
    for (size_t i = 0; i < PATH_MAX - 1; i += 2)
        memcpy(path + i, i + 2 < PATH_MAX - 1 ? "x/" : "x", i + 2 < PATH_MAX - 1 ? 3 : 2);
    assert_int_equal(strlen(path), 4095);
    expect(&r, path, -ENOENT, NULL);
    memcpy(path + 4095, "x", 2);
    expect(&r, path, -ENAMETOOLONG, NULL);
    wr_root_close(&r);
    assert_int_equal(r.fd, -1);
    wr_root_close(&r);
}

static void root__with_openat2__stays_beneath(void **state)
{
    (void)state;
    check_table(false);
}

static void root__with_the_walk__stays_beneath(void **state)
{
    (void)state;
    check_table(true);
}

/* All of it has just been looked up, so that nothing waits. */
static void root__without_waiting__stays_beneath(void **state)
{
    (void)state;
    open_file = wr_root_open_file_cached;
    check_table(false);
    check_table(true);
    open_file = wr_root_open_file;
}

/* Whatever it has become since it was a regular file. */
static void root__opened_again__stays_beneath(void **state)
{
    (void)state;
    open_file = wr_root_reopen_file_cached;
    check_table(false);
    check_table(true);
    open_file = wr_root_open_file;
}

/* Its kind must not be told either: any of the answers that mean "not found". */
static void root__link_to_a_pipe_outside__is_not_found(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct wr_root r = open_root(i);
        struct wr_file_info info;
        int err = wr_root_open_file(&r, "to-outside-pipe", &info);

        assert_true(err == -EXDEV || err == -ENOENT);
        wr_root_close(&r);
    }
}

static void root__without_permission__eacces(void **state)
{
    bool was_root = geteuid() == 0;
    char path[PATH_MAX];
    struct wr_root closed;

    (void)state;
    if (was_root && seteuid(NOBODY) < 0)
        skip(); /* root may read everything, and cannot be anybody else here */
    for (int i = 0; i < 2; i++) {
        struct wr_root r = open_root(i);

        expect(&r, "unreadable", -EACCES, NULL);
        expect(&r, "closed", -EISDIR, NULL); /* which can be told without a right to it */
        expect(&r, "closed/inner", -EACCES, NULL);
        expect(&r, "closed/missing", -EACCES, NULL);
        expect(&r, "closed/" NAME_255 "6", -EACCES, NULL);
        expect(&r, "up-from-closed", -EACCES, NULL);
        expect(&r, "closed-itself", -EACCES, NULL);
        wr_root_close(&r);
    }
    snprintf(path, sizeof path, "%s/root/closed", home);
    assert_int_equal(wr_root_open(&closed, path), -EACCES);
    assert_int_equal(closed.fd, -1);
    if (was_root)
        assert_int_equal(seteuid(0), 0);
}

static void root__not_a_folder__is_refused(void **state)
{
    char path[PATH_MAX];
    struct wr_root r;

    (void)state;
    snprintf(path, sizeof path, "%s/root/plain", home);
    assert_int_equal(wr_root_open(&r, path), -ENOTDIR);
    snprintf(path, sizeof path, "%s/nothing", home);
    assert_int_equal(wr_root_open(&r, path), -ENOENT);
}

/* ---- a system that refuses openat2 ---- */

static bool refuse_openat2(uint32_t err)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | err),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {WR_COUNT(code), code};

    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/* In a child, for a filter cannot be taken off again: 0, 1 when it went wrong, 2 without seccomp.
 */
static int try_refused(uint32_t err)
{
    struct wr_root r = open_root(false);
    struct wr_file_info info;
    int status;
    pid_t child = fork();

    assert_int_not_equal(child, -1);
    if (child == 0) {
        if (!refuse_openat2(err))
            _exit(2);
        _exit(wr_root_open_file(&r, "folder/up-to-plain", &info) >= 0 &&
                      wr_root_open_file(&r, "to-secret", &info) == -EXDEV
                  ? 0
                  : 1);
    }
    wr_root_close(&r);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void root__openat2_refused__falls_back_to_the_walk(void **state)
{
    int missing = try_refused(ENOSYS), forbidden = try_refused(EPERM);

    (void)state;
    if (missing == 2 || forbidden == 2) {
        print_message("no seccomp here\n");
        skip();
    }
    assert_int_equal(missing, 0);
    assert_int_equal(forbidden, 0);
}

/* ---- the same version of a file ---- */

static const char content_path[] = "changing";

static struct wr_file_info info_now(const struct wr_root *r, const char *path)
{
    struct wr_file_info info;
    int fd = wr_root_open_file(r, path, &info);

    assert_true(fd >= 0);
    close(fd);
    return info;
}

static bool is_unchanged(const char *path, const struct wr_file_info *info)
{
    char whole[PATH_MAX];

    snprintf(whole, sizeof whole, "%s/root/%s", home, path);
    return wr_file_is_unchanged(whole, info);
}

static int make_changing(void **state)
{
    (void)state;
    make_file(content_path);
    return 0;
}

static int remove_changing(void **state)
{
    (void)state;
    unlinkat(root_fd, content_path, 0);
    unlinkat(root_fd, "replacement", 0);
    return 0;
}

static void append_to(const char *path)
{
    int fd = openat(root_fd, path, O_WRONLY | O_APPEND | O_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, "!", 1), 1);
    close(fd);
}

static void root__nothing_done__is_unchanged(void **state)
{
    struct wr_root r = open_root(false);
    struct wr_file_info info = info_now(&r, content_path), plain = info_now(&r, "plain");
    struct stat st;

    (void)state;
    assert_int_equal(fstatat(root_fd, content_path, &st, 0), 0);
    assert_int_equal(info.dev, st.st_dev);
    assert_int_equal(info.ino, st.st_ino);
    assert_int_equal(info.size, strlen(content_path));
    assert_int_equal(info.mtime_s, st.st_mtim.tv_sec);
    assert_int_equal(info.mtime_ns, st.st_mtim.tv_nsec);
    assert_int_equal(info.ctime_s, st.st_ctim.tv_sec);
    assert_int_equal(info.ctime_ns, st.st_ctim.tv_nsec);
    assert_true(is_unchanged(content_path, &info));
    assert_true(is_unchanged("to-plain", &plain));
    assert_false(is_unchanged("plain", &info)); /* another file */
    assert_false(is_unchanged("missing", &info));
    assert_false(is_unchanged("plain/inner", &plain));
    wr_root_close(&r);
}

static void root__written_in_place__is_changed(void **state)
{
    struct wr_root r = open_root(false);
    struct wr_file_info info = info_now(&r, content_path);

    (void)state;
    append_to(content_path);
    assert_false(is_unchanged(content_path, &info));
    wr_root_close(&r);
}

static void root__renamed_over__is_changed(void **state)
{
    struct wr_root r = open_root(false);
    struct wr_file_info info = info_now(&r, content_path);

    (void)state;
    make_file("replacement");
    assert_int_equal(renameat(root_fd, "replacement", root_fd, content_path), 0);
    assert_false(is_unchanged(content_path, &info));
    wr_root_close(&r);
}

static void root__touched__is_changed(void **state)
{
    struct wr_root r = open_root(false);
    struct wr_file_info info = info_now(&r, content_path);
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = 1000000000, .tv_nsec = 5}};

    (void)state;
    assert_int_equal(utimensat(root_fd, content_path, times, 0), 0);
    assert_false(is_unchanged(content_path, &info));

    info = info_now(&r, content_path);
    assert_int_equal(info.mtime_s, 1000000000);
    assert_int_equal(info.mtime_ns, 5);
    times[1].tv_nsec = 6; /* a nanosecond is enough */
    assert_int_equal(utimensat(root_fd, content_path, times, 0), 0);
    assert_false(is_unchanged(content_path, &info));
    wr_root_close(&r);
}

static void root__deleted__is_changed(void **state)
{
    struct wr_root r = open_root(false);
    struct wr_file_info info = info_now(&r, content_path);

    (void)state;
    assert_int_equal(unlinkat(root_fd, content_path, 0), 0);
    assert_false(is_unchanged(content_path, &info));
    wr_root_close(&r);
}

/* Only the ctime tells of it, and that has the resolution of the kernel's tick. */
static void root__mode_changed__is_changed(void **state)
{
    struct wr_root r = open_root(false);
    struct wr_file_info info = info_now(&r, content_path);
    struct stat st;
    int rounds = 0;

    (void)state;
    do {
        assert_int_equal(fchmodat(root_fd, content_path, 0600, 0), 0);
        assert_int_equal(fstatat(root_fd, content_path, &st, 0), 0);
        if (rounds++ > 0)
            poll(NULL, 0, 1);
    } while (st.st_ctim.tv_sec == info.ctime_s && st.st_ctim.tv_nsec == info.ctime_ns &&
             rounds < BOUND_MS);
    assert_true(rounds < BOUND_MS);
    assert_false(is_unchanged(content_path, &info));
    wr_root_close(&r);
}

static void root__link_turned_elsewhere__is_changed(void **state)
{
    struct wr_root r = open_root(false);
    struct wr_file_info info;

    (void)state;
    make_link("plain", "replacement");
    info = info_now(&r, "replacement");
    assert_true(is_unchanged("replacement", &info));
    assert_int_equal(unlinkat(root_fd, "replacement", 0), 0);
    make_link("folder/inner", "replacement");
    assert_false(is_unchanged("replacement", &info));
    wr_root_close(&r);
}

static void file_info__each_member__tells_versions_apart(void **state)
{
    static const struct wr_file_info base = {WR_FILE_REGULAR, 1, 2, 3, 4, 5, 6, 7};
    static const struct wr_file_info others[] = {
        {WR_FILE_OTHER, 1, 2, 3, 4, 5, 6, 7},   {WR_FILE_REGULAR, 9, 2, 3, 4, 5, 6, 7},
        {WR_FILE_REGULAR, 1, 9, 3, 4, 5, 6, 7}, {WR_FILE_REGULAR, 1, 2, 9, 4, 5, 6, 7},
        {WR_FILE_REGULAR, 1, 2, 3, 9, 5, 6, 7}, {WR_FILE_REGULAR, 1, 2, 3, 4, 9, 6, 7},
        {WR_FILE_REGULAR, 1, 2, 3, 4, 5, 9, 7}, {WR_FILE_REGULAR, 1, 2, 3, 4, 5, 6, 9},
    };

    (void)state;
    assert_true(wr_file_info_same(&base, &base));
    for (size_t i = 0; i < WR_COUNT(others); i++)
        assert_false(wr_file_info_same(&base, &others[i]));
}

static void file_info__bad_descriptor__ebadf(void **state)
{
    struct wr_file_info info;

    (void)state;
    assert_int_equal(wr_file_info_of(-1, &info), -EBADF);
}

#define CHANGING(name) cmocka_unit_test_setup_teardown(name, make_changing, remove_changing)

/* The tree is made by the first test and removed by the last, as a group has no other place. */
WR_TESTS(cmocka_unit_test_setup(root__with_openat2__stays_beneath, make_tree),
         cmocka_unit_test(root__with_the_walk__stays_beneath),
         cmocka_unit_test(root__without_waiting__stays_beneath),
         cmocka_unit_test(root__opened_again__stays_beneath),
         cmocka_unit_test(root__link_to_a_pipe_outside__is_not_found),
         cmocka_unit_test(root__without_permission__eacces),
         cmocka_unit_test(root__not_a_folder__is_refused),
         cmocka_unit_test(root__openat2_refused__falls_back_to_the_walk),
         CHANGING(root__nothing_done__is_unchanged), CHANGING(root__written_in_place__is_changed),
         CHANGING(root__renamed_over__is_changed), CHANGING(root__touched__is_changed),
         CHANGING(root__deleted__is_changed), CHANGING(root__mode_changed__is_changed),
         CHANGING(root__link_turned_elsewhere__is_changed),
         cmocka_unit_test(file_info__each_member__tells_versions_apart),
         cmocka_unit_test_teardown(file_info__bad_descriptor__ebadf, remove_tree));
