#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#include "traps.h"

#define NODES_MAX 300
#define LARGE     40000 /* sent from its descriptor */
#define LONG      3000  /* worth a content coding */
#define CHAIN     42    /* links one behind the other: two more than are followed */
#define BORN_S    1000000000

#define ALL 0755U

/* What is made. A folder's line comes before those in it; "$" in a link is the folder of the root. */
struct line {
    const char *path;
    enum trap_kind kind;
    const char *text; /* where a link leads to */
    size_t size;      /* of a file, at least */
    unsigned mode;    /* 0: for all */
    bool is_denied;   /* mode 0 */
};

#define FOLDER(path)                                                                               \
    {                                                                                              \
        path, TRAP_FOLDER, NULL, 0, 0, false                                                       \
    }
#define PLAIN(path, size)                                                                          \
    {                                                                                              \
        path, TRAP_FILE, NULL, size, 0, false                                                      \
    }
#define LINK(path, target)                                                                         \
    {                                                                                              \
        path, TRAP_LINK, target, 0, 0, false                                                       \
    }

static const struct line lines[] = {
    /* ---- beside the root ---- */
    PLAIN("outside.txt", 1),
    PLAIN("hello.txt", 1),
    PLAIN("outside.html", LONG),
    PLAIN("outside.gz", LONG),
    FOLDER("outside"),
    PLAIN("outside/secret.txt", 1),
    PLAIN("outside/index.html", LONG),
    PLAIN("outside/hello.txt", LARGE),
    FOLDER("www-private"),
    PLAIN("www-private/secret.txt", 1),
    PLAIN("www-private/index.html", 1),

    /* ---- the root ---- */
    FOLDER("www"),
    PLAIN("www/index.html", LONG),
    PLAIN("www/fallback.html", 1),
    PLAIN("www/hello.txt", 1),
    {"www/empty", TRAP_FILE, "", 0, 0, false},
    PLAIN("www/large.bin", LARGE),
    PLAIN("www/large.txt", LARGE),
    PLAIN("www/only-html.html", 1),
    PLAIN("www/both", 1),
    PLAIN("www/both.html", 1),
    PLAIN("www/sub.html", 1),
    LINK("www/bare.html", "../outside.html"),
    PLAIN("www/Case.txt", 1),
    PLAIN("www/case.txt", 1),
    FOLDER("www/CASE.TXT"),
    FOLDER("www/sub"),
    PLAIN("www/sub/index.html", LONG),
    PLAIN("www/sub/x.txt", 1),
    FOLDER("www/sub/deep"),
    PLAIN("www/sub/deep/y.txt", 1),
    FOLDER("www/bare"),
    PLAIN("www/bare/z.css", LONG),
    FOLDER("www/www"),
    PLAIN("www/www/hello.txt", 1),
    FOLDER("www/bad-index"),
    FOLDER("www/bad-index/index.html"),
    PLAIN("www/bad-index/index.html/inner", 1),
    FOLDER("www/trap-index"),
    LINK("www/trap-index/index.html", "../../outside.txt"),
    FOLDER("www/fifo-index"),
    {"www/fifo-index/index.html", TRAP_FIFO, NULL, 0, 0, false},
    FOLDER("www/link-index"),
    LINK("www/link-index/index.html", "../sub/index.html"),

    /* ---- siblings ---- */
    PLAIN("www/app.js", LONG),
    PLAIN("www/app.js.gz", 1),
    LINK("www/app.js.br", "../outside.gz"),
    PLAIN("www/page.html", LONG),
    LINK("www/page.html.br", "../outside.gz"),
    LINK("www/page.html.gz", "$/outside.gz"),
    LINK("www/page.html.zst", "links/TRAP-folder/secret.txt"),
    PLAIN("www/linked.css", LONG),
    LINK("www/linked.css.br", "app.js.gz"),
    {"www/linked.css.gz", TRAP_FIFO, NULL, 0, 0, false},
    FOLDER("www/linked.css.zst"),
    PLAIN("www/denied.css", LONG),
    {"www/denied.css.gz", TRAP_FILE, NULL, 1, 0, true},
    LINK("www/out.css", "../outside.html"),
    PLAIN("www/out.css.gz", 1),

    /* ---- links that stay ---- */
    FOLDER("www/links"),
    LINK("www/links/file", "../hello.txt"),
    LINK("www/links/folder", "../sub"),
    LINK("www/links/folder-slash", "../sub/"),
    LINK("www/links/file-slash", "../hello.txt/"),
    LINK("www/links/through", "../sub/../hello.txt"),
    LINK("www/links/through-file", "../hello.txt/../empty"),
    LINK("www/links/through-nothing", "../nothing/../hello.txt"),
    LINK("www/links/odd", ".././/sub/./x.txt"),
    LINK("www/links/by-folder", "folder/deep/../x.txt"),
    LINK("www/links/chain", "chain2"),
    LINK("www/links/chain2", "chain3"),
    LINK("www/links/chain3", "file"),
    LINK("www/links/dot", "."),
    LINK("www/links/parent", ".."),
    LINK("www/links/hidden-file", "../.plain"),
    LINK("www/links/denied", "../denied.txt"),
    LINK("www/links/by-locked", "../locked/../hello.txt"),
    LINK("www/links/into-locked", "../locked/hello.txt"),
    LINK("www/links/large", "../large.bin"),

    /* ---- links that lead out, or nowhere ---- */
    LINK("www/links/self", "self"),
    LINK("www/links/loop", "loop2"),
    LINK("www/links/loop2", "loop"),
    LINK("www/links/dangling", "nothing"),
    LINK("www/links/TRAP-out", "../../outside.txt"),
    LINK("www/links/TRAP-out-of-sub", "../sub/../../outside.txt"),
    LINK("www/links/TRAP-absolute", "$/outside.txt"),
    LINK("www/links/TRAP-into", "$/www/hello.txt"),
    LINK("www/links/TRAP-into-folder", "$/www/sub"),
    LINK("www/links/TRAP-back", "../../www/hello.txt"),
    LINK("www/links/TRAP-folder", "../../outside"),
    LINK("www/links/TRAP-private", "../../www-private"),
    LINK("www/links/TRAP-up", "../.."),
    LINK("www/links/TRAP-top", "/"),
    LINK("www/links/TRAP-proc", "/proc/self/cwd"),
    LINK("www/links/TRAP-root", "/proc/self/root"),
    LINK("www/links/TRAP-environ", "/proc/self/environ"),
    LINK("www/links/TRAP-chain", "TRAP-chain2"),
    LINK("www/links/TRAP-chain2", "parent/links/TRAP-out"),
    LINK("www/TRAP-folder", "../outside"),
    LINK("www/TRAP-up", ".."),
    LINK("www/TRAP-out.txt", "../outside.txt"),
    LINK("www/TRAP-hello.txt", "../hello.txt"),

    /* ---- what is no file ---- */
    {"www/TRAP-fifo", TRAP_FIFO, NULL, 0, 0, false},
    {"www/TRAP-socket", TRAP_SOCKET, NULL, 0, 0, false},
    {"www/TRAP-device", TRAP_DEVICE, NULL, 0, 0, false},
    LINK("www/links/TRAP-to-fifo", "../TRAP-fifo"),
    LINK("www/links/TRAP-to-device", "../TRAP-device"),
    LINK("www/links/TRAP-to-socket", "parent/TRAP-socket"),

    /* ---- hidden ---- */
    PLAIN("www/.env", 1),
    PLAIN("www/.html", LONG),
    PLAIN("www/.plain", 1),
    PLAIN("www/..name", 1),
    PLAIN("www/...", 1),
    FOLDER("www/.git"),
    PLAIN("www/.git/config", 1),
    PLAIN("www/.git/index.html", 1),
    PLAIN("www/sub/.htpasswd", 1),
    PLAIN("www/sub/.html", 1),
    LINK("www/.link", "hello.txt"),
    LINK("www/.TRAP", "../outside.txt"),
    FOLDER("www/.well-known"),
    PLAIN("www/.well-known/x", 1),
    PLAIN("www/.well-known/.y", 1),
    FOLDER("www/.well-known/.z"),
    PLAIN("www/.well-known/.z/x", 1),
    FOLDER("www/sub/.well-known"),
    PLAIN("www/sub/.well-known/x", 1),
    PLAIN("www/sub/.well-known/only-here", 1),
    PLAIN("www/.well-known2", 1),

    /* ---- odd names ---- */
    PLAIN("www/a b", 1),
    PLAIN("www/ ", 1),
    PLAIN("www/100%", 1),
    PLAIN("www/%2e%2e", 1),
    PLAIN("www/%", 1),
    PLAIN("www/q?x", 1),
    PLAIN("www/h#x", 1),
    PLAIN("www/back\\slash", 1),
    PLAIN("www/..\\outside.txt", 1),
    PLAIN("www/sub\\..\\..\\outside.txt", 1),
    PLAIN("www/new\nline", 1),
    PLAIN("www/cr\rname", 1),
    PLAIN("www/\x7f", 1),
    PLAIN("www/\xff\xfe", 1),
    PLAIN("www/\xc0\xae\xc0\xae", 1),
    PLAIN("www/caf\xc3\xa9", 1),
    PLAIN("www/cafe\xcc\x81", 1),
    PLAIN("www/\xe2\x80\xaetxt.exe", 1),
    PLAIN("www/<b>&\"'", 1),
    PLAIN("www/href=\"x\"", 1),
    PLAIN("www/semi;x=1", 1),
    PLAIN("www/http:", 1),
    PLAIN("www/a~", 1),
    FOLDER("www/evil.example"),
    FOLDER("www/dir ?#%"),
    PLAIN("www/dir ?#%/\x01\x1f", 1),

    /* ---- without permission; the server is not root in this ---- */
    {"www/denied.txt", TRAP_FILE, NULL, 1, 0, true},
    {"www/locked", TRAP_FOLDER, NULL, 0, 0, true},
    PLAIN("www/locked/hello.txt", 1),
    {"www/search-only", TRAP_FOLDER, NULL, 0, 0111, false},
    PLAIN("www/search-only/x.txt", 1),
    {"www/read-only", TRAP_FOLDER, NULL, 0, 0444, false},
    PLAIN("www/read-only/x.txt", 1),
    {"www/index-denied", TRAP_FOLDER, NULL, 0, 0, false},
    {"www/index-denied/index.html", TRAP_FILE, NULL, 1, 0, true},
};

static char top[] = "/tmp/weir-fuzz-static-XXXXXX";
static char root_path[sizeof top + sizeof "/www"];
static int top_fd = -1, watch_fd = -1;
static struct trap_node nodes[NODES_MAX];
static size_t nodes_n;
static const struct trap_node *root;

static void check(bool claim, const char *what)
{
    if (claim)
        return;
    fprintf(stderr, "the tree cannot be made: %s: %s\n", what, strerrordesc_np(errno));
    abort();
}

/* ---- in memory ---- */

const struct trap_node *trap_root(void)
{
    return root;
}

const struct trap_node *trap_next_child(const struct trap_node *folder,
                                        const struct trap_node *before)
{
    for (const struct trap_node *n = before ? before + 1 : nodes; n < nodes + nodes_n; n++)
        if (n->parent == folder && !n->is_missing)
            return n;
    return NULL;
}

const struct trap_node *trap_child(const struct trap_node *folder, struct wr_slice name)
{
    const struct trap_node *n = NULL;

    while ((n = trap_next_child(folder, n)))
        if (n->name.n == name.n && memcmp(n->name.p, name.p, name.n) == 0)
            break;
    return n;
}

static char *duplicate(const char *p, size_t n)
{
    char *copy = malloc(n + 1);

    check(copy != NULL, "memory");
    memcpy(copy, p, n);
    copy[n] = '\0';
    return copy;
}

static bool hides(const struct trap_node *parent, struct wr_slice name)
{
    if (!parent || name.p[0] != '.')
        return parent && parent->is_hidden;
    return parent != root || strcmp(name.p, ".well-known") != 0 || parent->is_hidden;
}

/* The marker, if it has one, and the path, until it is `size` bytes. */
static struct wr_slice make_content(const struct trap_node *n, const struct line *line)
{
    const char *marker = !n->is_inside || line->is_denied                   ? TRAP_SECRET
                         : n->is_hidden && strcmp(n->name.p, ".plain") != 0 ? TRAP_HIDDEN
                                                                            : "This is ";
    size_t one = strlen(marker) + strlen(line->path) + 1, size = 0;
    char *text = malloc(line->size + one + 1);

    check(text != NULL, "memory");
    while (!line->text && size < line->size)
        size += (size_t)snprintf(text + size, one + 1, "%s%s\n", marker, line->path);
    return wr_slice(text, size);
}

static struct wr_slice make_target(const char *text)
{
    char target[PATH_MAX];
    int n = snprintf(target, sizeof target, "%s%s", text[0] == '$' ? top : "",
                     text[0] == '$' ? text + 1 : text);

    return wr_slice(duplicate(target, (size_t)n), (size_t)n);
}

static struct trap_node *add_node(const struct trap_node *parent, const char *name,
                                  const struct line *line)
{
    struct trap_node *n = &nodes[nodes_n++];

    check(nodes_n <= NODES_MAX, "NODES_MAX");
    *n = (struct trap_node){.parent = parent, .kind = line->kind, .watch = -1};
    n->name = wr_slice(duplicate(name, strlen(name)), strlen(name));
    n->mode = line->is_denied ? 0 : line->mode ? line->mode : ALL;
    n->is_inside = parent ? parent->is_inside : strcmp(name, "www") == 0;
    n->is_hidden = hides(parent, n->name);
    if (line->kind == TRAP_FILE)
        n->content = make_content(n, line);
    if (line->kind == TRAP_LINK)
        n->content = make_target(line->text);
    return n;
}

/* ---- on disk ---- */

static int open_folder(const struct trap_node *n)
{
    int above, fd;

    if (!n)
        return fcntl(top_fd, F_DUPFD_CLOEXEC, 0);
    above = open_folder(n->parent);
    fd = openat(above, n->name.p, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    check(fd >= 0, n->name.p);
    close(above);
    return fd;
}

static int make_file(int folder, const struct trap_node *n)
{
    int fd = openat(folder, n->name.p, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

    if (fd < 0 || write(fd, n->content.p, n->content.n) != (ssize_t)n->content.n)
        return -1;
    return close(fd);
}

static int make_socket(int folder, const struct trap_node *n)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), err;

    snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/%s", folder, n->name.p);
    err = bind(fd, (const struct sockaddr *)&address, sizeof address);
    close(fd);
    return err;
}

static int make_on_disk(int folder, struct trap_node *n)
{
    const char *name = n->name.p;
    const dev_t null = makedev(1, 3);

    switch (n->kind) {
    case TRAP_FOLDER:
        return mkdirat(folder, name, 0755);
    case TRAP_FILE:
        return make_file(folder, n);
    case TRAP_LINK:
        return symlinkat(n->content.p, folder, name);
    case TRAP_FIFO:
        return mkfifoat(folder, name, 0666);
    case TRAP_SOCKET:
        return make_socket(folder, n);
    case TRAP_DEVICE:
        n->is_missing = mknodat(folder, name, S_IFCHR | 0666, null) < 0;
        return 0;
    }
    return -1;
}

/* What nobody has a reason to open: the name is enough to see that it must not be. */
static void watch(int folder, struct trap_node *n)
{
    bool is_special = n->kind == TRAP_FIFO || n->kind == TRAP_DEVICE;
    bool is_outside = !n->is_inside && n->kind != TRAP_LINK;
    bool is_hidden = n->is_hidden && n->kind == TRAP_FILE && strcmp(n->name.p, ".plain") != 0;
    char path[PATH_MAX];

    if (n->is_missing || !(is_special || is_outside || is_hidden))
        return;
    snprintf(path, sizeof path, "/proc/self/fd/%d/%s", folder, n->name.p);
    n->watch = inotify_add_watch(watch_fd, path, IN_OPEN | IN_ACCESS | IN_DONT_FOLLOW);
    check(n->watch >= 0, path);
}

static struct trap_node *make_node(const struct trap_node *parent, const char *name,
                                   const struct line *line)
{
    static const struct timespec born[2] = {{.tv_sec = BORN_S}, {.tv_sec = BORN_S}};
    struct trap_node *n = add_node(parent, name, line);
    int folder = open_folder(parent);

    check(make_on_disk(folder, n) == 0, name);
    if (n->kind == TRAP_FILE)
        check(utimensat(folder, name, born, 0) == 0, name);
    watch(folder, n);
    close(folder);
    return n;
}

static void make_line(const struct line *line)
{
    const struct trap_node *parent = NULL;
    const char *name = line->path, *slash;

    while ((slash = strchr(name, '/'))) {
        parent = trap_child(parent, wr_slice(name, (size_t)(slash - name)));
        check(parent != NULL, line->path);
        name = slash + 1;
    }
    parent = make_node(parent, name, line);
    if (strcmp(line->path, "www") == 0)
        root = parent;
}

/* Names that are only long: `line` says what, its path what comes into the content. */
static const struct trap_node *make_long(const struct trap_node *parent, char letter, size_t n,
                                         const struct line *line)
{
    char name[NAME_MAX + 1];

    memset(name, letter, n);
    name[n] = '\0';
    return make_node(parent, name, line);
}

static void make_deep(void)
{
    static const struct line folder = FOLDER("deep folder"), leaf = PLAIN("deep leaf", 1),
                             last = PLAIN("longest path", 1), beyond = PLAIN("no path", 1),
                             widest = PLAIN("longest name", 1), out = LINK("", "../../outside.txt");
    const struct trap_node *at = root;

    for (int i = 0; i < TRAP_DEEP; i++) {
        at = make_long(at, 'L', TRAP_LONG_N, &folder);
        if (i == 0)
            make_node(at, "TRAP-out", &out);
    }
    make_node(at, "leaf", &leaf);
    make_long(at, 'm', TRAP_LAST_N, &last);
    make_long(at, 'm', TRAP_LAST_N + 1, &beyond);
    make_long(root, 'N', TRAP_WIDEST_N, &widest);
}

/* links/n1 leads to n2, and so on; the last to a file. */
static void make_chain(void)
{
    const struct trap_node *links = trap_child(root, WR_SLICE("links"));
    char name[16], target[16];

    for (int i = 1; i <= CHAIN; i++) {
        const struct line line = LINK("", target);

        snprintf(name, sizeof name, "n%d", i);
        if (i < CHAIN)
            snprintf(target, sizeof target, "n%d", i + 1);
        else
            snprintf(target, sizeof target, "../hello.txt");
        make_node(links, name, &line);
    }
}

/* Of what is beneath a folder before the folder's own. */
static void set_modes(void)
{
    for (size_t i = nodes_n; i-- > 0;) {
        int folder;

        if (nodes[i].mode == ALL || nodes[i].kind == TRAP_LINK)
            continue;
        folder = open_folder(nodes[i].parent);
        check(fchmodat(folder, nodes[i].name.p, nodes[i].mode, 0) == 0, nodes[i].name.p);
        close(folder);
    }
}

static void remove_tree(void)
{
    for (size_t i = 0; i < nodes_n; i++) {
        int folder = open_folder(nodes[i].parent);

        if (nodes[i].kind == TRAP_FOLDER)
            (void)fchmodat(folder, nodes[i].name.p, 0700, 0);
        close(folder);
    }
    for (size_t i = nodes_n; i-- > 0;) {
        int folder = open_folder(nodes[i].parent);

        (void)unlinkat(folder, nodes[i].name.p, nodes[i].kind == TRAP_FOLDER ? AT_REMOVEDIR : 0);
        close(folder);
        free((char *)(uintptr_t)nodes[i].name.p);
        free((char *)(uintptr_t)nodes[i].content.p);
    }
    close(watch_fd);
    close(top_fd);
    rmdir(top);
}

const char *trap_tree_make(void)
{
    check(mkdtemp(top) != NULL && chmod(top, 0755) == 0, top);
    top_fd = open(top, O_PATH | O_DIRECTORY | O_CLOEXEC);
    watch_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    check(top_fd >= 0 && watch_fd >= 0, "inotify");
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        make_line(&lines[i]);
    make_deep();
    make_chain();
    set_modes();
    while (trap_opened(true)) /* making them has opened some */
        ;
    atexit(remove_tree);
    snprintf(root_path, sizeof root_path, "%s/www", top);
    return root_path;
}

/* ---- what was opened ---- */

static const struct trap_node *node_of(int watch_id)
{
    for (size_t i = 0; i < nodes_n; i++)
        if (nodes[i].watch == watch_id)
            return &nodes[i];
    return NULL;
}

const struct trap_node *trap_opened(bool may_open_hidden)
{
    _Alignas(struct inotify_event) char events[4096];
    const struct trap_node *found = NULL;
    ssize_t n;

    while ((n = read(watch_fd, events, sizeof events)) > 0) {
        for (ssize_t at = 0; at < n;) {
            const struct inotify_event *e = (const void *)(events + at);
            const struct trap_node *node = node_of(e->wd);
            bool is_file = node && node->kind == TRAP_FILE;

            if (node && !(node->is_inside && is_file && may_open_hidden))
                found = node;
            at += (ssize_t)(sizeof *e + e->len);
        }
    }
    return found;
}
