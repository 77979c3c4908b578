#include "app/image.h"

#include <weir/version.h>

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/elf.h"
#include "app/private_copy.h"
#include "server/handler.h"

#define SYMBOL "weir_plugin_v1"

#define CONSTANTS_MAX 8 /* segments that are looked at; linkers make three */

/* Addresses of the image that nobody writes to. */
struct constants {
    uintptr_t at, end;
};

struct wr_image {
    struct wr_images *images;
    struct wr_list link; /* among them */
    unsigned refs;
    dev_t dev; /* what the file was, to know it again */
    ino_t ino;
    struct timespec ctime; /* not mtime, which tools that deploy set to what they like */
    void *handle;          /* of dlopen(3); NULL: not loaded */
    const weir_plugin *plugin;
    struct wr_private_copy copy;
    struct constants constants[CONSTANTS_MAX];
    size_t constants_n;
};

void wr_images_init(struct wr_images *images)
{
    wr_list_init(&images->list);
    pthread_mutex_init(&images->lock, NULL);
}

void wr_images_fini(struct wr_images *images)
{
    pthread_mutex_destroy(&images->lock);
}

const weir_plugin *wr_image_plugin(const struct wr_image *image)
{
    return image->plugin;
}

const char *wr_image_file(const struct wr_image *image)
{
    return image->copy.file;
}

__attribute__((format(printf, 3, 4))) static int32_t fail(int32_t err, char *why, const char *fmt,
                                                          ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(why, WR_WHY_MAX, fmt, ap);
    va_end(ap);
    return err;
}

static int32_t fail_system(const char *file, const char *what, char *why)
{
    int err = errno;

    fail(0, why, "cannot load %s: %s%s%s", file, what, *what ? ": " : "", strerrordesc_np(err));
    switch (err) {
    case ENOENT:
    case ENOTDIR:
        return WEIR_ENOENT;
    case EACCES:
    case EPERM:
        return WEIR_EACCES;
    case ENOMEM:
        return WEIR_ENOMEM;
    default:
        return WEIR_ESYSTEM;
    }
}

/* ---- descriptor ---- */

static int32_t check_abi(const char *name, unsigned major, unsigned minor, char *why)
{
    if (major == WEIR_ABI_MAJOR && minor <= WEIR_ABI_MINOR)
        return 0;
    return fail(
        WEIR_EPLUGIN, why, "%s was built for plugin ABI %u.%u, and this Weir, %s, has %d.%d: %s",
        name, major, minor, WEIR_VERSION, WEIR_ABI_MAJOR, WEIR_ABI_MINOR,
        major < WEIR_ABI_MAJOR ? "build it again with this Weir's weir/app.h"
                               : "use a newer Weir, or build it with this one's weir/app.h");
}

static int32_t check_fields(const weir_plugin *p, char *why)
{
    if (!p->name || !*p->name)
        return fail(WEIR_EPLUGIN, why, "the plugin has no name: WEIR_PLUGIN(.name = \"…\", …)");
    for (const char *c = p->name; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            return fail(WEIR_EPLUGIN, why, "the name of the plugin has control characters");
    if (!p->app)
        return fail(WEIR_EPLUGIN, why, "the plugin %s has no app: WEIR_PLUGIN(.app = …, …)",
                    p->name);
    if (p->runs != WEIR_IN_THREAD && p->runs != WEIR_ON_LOOP && p->runs != WEIR_IN_COROUTINE)
        return fail(WEIR_EPLUGIN, why,
                    "the plugin %s has .runs = %d: WEIR_IN_THREAD, WEIR_ON_LOOP and "
                    "WEIR_IN_COROUTINE are there",
                    p->name, (int)p->runs);
    if (p->stack_bytes != 0 &&
        (p->stack_bytes < WR_STACK_BYTES_MIN || p->stack_bytes > WR_STACK_BYTES_MAX))
        return fail(WEIR_EPLUGIN, why,
                    "the plugin %s has .stack_bytes = %" PRIu64 ": expected 0, or %zu to %zu",
                    p->name, p->stack_bytes, WR_STACK_BYTES_MIN, WR_STACK_BYTES_MAX);
    return 0;
}

int32_t wr_plugin_check(const weir_plugin *plugin, weir_plugin *copy, char *why)
{
    size_t size;
    int32_t err;

    if (plugin->magic != WEIR_PLUGIN_MAGIC)
        return fail(WEIR_EPLUGIN, why,
                    SYMBOL " is not a descriptor: WEIR_PLUGIN(…) of weir/app.h makes it");
    err = check_abi("the plugin", plugin->abi_major, plugin->abi_minor, why);
    if (err < 0)
        return err;
    if (plugin->size < offsetof(weir_plugin, runs))
        return fail(WEIR_EPLUGIN, why, "the descriptor has %u bytes: WEIR_PLUGIN(…) makes it right",
                    (unsigned)plugin->size);
    /* An older one is shorter: what it does not have is zero. */
    size = plugin->size < sizeof *copy ? plugin->size : sizeof *copy;
    memset(copy, 0, sizeof *copy);
    memcpy(copy, plugin, size);
    if (copy->body_buffer_max > PTRDIFF_MAX - 1)
        copy->body_buffer_max = PTRDIFF_MAX - 1;
    return check_fields(copy, why);
}

/* ---- file ---- */

/* Before any of its code runs, and where dlopen(3) would say less, or nothing. */
static int32_t check_elf(const char *file, const struct wr_elf *elf, char *why)
{
    if (elf->undefined[0])
        return fail(WEIR_EPLUGIN, why,
                    "cannot load %s: it needs the symbol %s, but a plugin links against nothing of "
                    "Weir: it calls the functions of weir/app.h alone",
                    file, elf->undefined);
    if (!elf->has_descriptor)
        return fail(WEIR_EPLUGIN, why,
                    "cannot load %s: it does not export " SYMBOL
                    ": WEIR_PLUGIN(.name = \"…\", .app = …); at the end of its source does",
                    file);
    if (elf->has_origin)
        return fail(WEIR_EPLUGIN, why,
                    "cannot load %s: its RUNPATH has $ORIGIN, and it is loaded from a copy "
                    "elsewhere: link it with absolute paths",
                    file);
    if (elf->unique[0])
        return fail(WEIR_EPLUGIN, why,
                    "cannot load %s: its symbol %s is STB_GNU_UNIQUE, which a second copy would "
                    "share: build it with -fno-gnu-unique",
                    file, elf->unique);
    return elf->has_note ? check_abi(file, elf->abi_major, elf->abi_minor, why) : 0;
}

static int32_t inspect(const char *file, int fd, char *why)
{
    struct wr_elf elf;
    const char *what = NULL;
    int err = wr_elf_read(fd, &elf, &what);
    int32_t result;

    if (err == -ENOEXEC)
        return fail(WEIR_EPLUGIN, why, "cannot load %s: %s", file, what);
    if (err < 0) {
        errno = -err;
        return fail_system(file, "", why);
    }
    result = check_elf(file, &elf, why);
    wr_elf_fini(&elf);
    return result;
}

/* ---- loading ---- */

/* dlerror() without the path of the copy, which nobody knows. */
static void explain_dlopen(const char *file, const struct wr_image *image, char *why)
{
    const char *text = dlerror(); /* NOLINT(concurrency-mt-unsafe): it is of this thread */
    size_t n = strlen(image->copy.file);

    if (!text)
        text = "unknown error";
    if (strncmp(text, image->copy.file, n) == 0 && strncmp(text + n, ": ", 2) == 0)
        text += n + 2;
    fail(0, why, "cannot load %s: %s", file, text);
}

/* ---- constants ---- */

static bool is_loaded_part(const ElfW(Phdr) * p)
{
    return p->p_type == PT_LOAD && p->p_memsz > 0;
}

static bool has_address(const struct dl_phdr_info *info, uintptr_t address)
{
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *p = &info->dlpi_phdr[i];

        if (is_loaded_part(p) && address - (info->dlpi_addr + p->p_vaddr) < p->p_memsz)
            return true;
    }
    return false;
}

/* Does it share a page with a segment that may be written to? */
static bool has_writable_page(const struct dl_phdr_info *info, const ElfW(Phdr) * it)
{
    ElfW(Addr) mask = ~((ElfW(Addr))sysconf(_SC_PAGESIZE) - 1);

    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *p = &info->dlpi_phdr[i];

        if (is_loaded_part(p) && p->p_flags & PF_W &&
            (p->p_vaddr & mask) <= ((it->p_vaddr + it->p_memsz - 1) & mask) &&
            (it->p_vaddr & mask) <= ((p->p_vaddr + p->p_memsz - 1) & mask))
            return true;
    }
    return false;
}

/* Of dl_iterate_phdr(3): not 0 for the one that is looked for, which ends it. */
static int take_constants(struct dl_phdr_info *info, size_t size, void *arg)
{
    struct wr_image *image = arg;

    (void)size;
    if (!has_address(info, (uintptr_t)image->plugin))
        return 0;
    for (size_t i = 0; i < info->dlpi_phnum && image->constants_n < CONSTANTS_MAX; i++) {
        const ElfW(Phdr) *p = &info->dlpi_phdr[i];
        uintptr_t at = info->dlpi_addr + p->p_vaddr;

        if (is_loaded_part(p) && !(p->p_flags & PF_W) && !has_writable_page(info, p))
            image->constants[image->constants_n++] = (struct constants){at, at + p->p_memsz};
    }
    return 1;
}

bool wr_image_has_constant(const struct wr_image *image, const void *p, size_t n)
{
    uintptr_t at = (uintptr_t)p;

    for (size_t i = 0; i < image->constants_n; i++)
        if (at >= image->constants[i].at && at < image->constants[i].end)
            return n <= image->constants[i].end - at;
    return false;
}

/* ---- loading from a copy ---- */

/* The copy: what is checked is what will be loaded, whatever becomes of the file. */
static int32_t inspect_copy(const struct wr_image *image, const char *file, char *why)
{
    int fd = open(image->copy.file, O_RDONLY | O_CLOEXEC);
    int32_t err;

    if (fd < 0)
        return fail_system(file, "its copy", why);
    err = inspect(file, fd, why);
    close(fd);
    return err;
}

/* From a copy in this folder. 0, 1: another folder may do, or a WEIR_E* number. */
static int32_t load_in(struct wr_image *image, const char *file, int fd, const char *parent,
                       char *why)
{
    int err = wr_private_copy_make(&image->copy, parent, file, fd);

    if (err < 0) {
        errno = -err;
        fail_system(file, "cannot write a copy of it in the folder for temporary files", why);
        return 1;
    }
    err = inspect_copy(image, file, why);
    if (err < 0) {
        wr_private_copy_remove(&image->copy);
        return err;
    }
    image->handle = dlopen(image->copy.file, RTLD_NOW | RTLD_LOCAL);
    if (!image->handle) {
        explain_dlopen(file, image, why);
        wr_private_copy_remove(&image->copy);
        /* A file system mounted noexec; other reasons are the same everywhere. */
        return strstr(why, "failed to map segment") ? 1 : WEIR_EPLUGIN;
    }
    image->plugin = dlsym(image->handle, SYMBOL);
    if (!image->plugin)
        return fail(WEIR_EPLUGIN, why, "cannot load %s: no " SYMBOL, file);
    dl_iterate_phdr(take_constants, image);
    return 0;
}

static int32_t load(struct wr_image *image, const char *file, int fd, char *why)
{
    const char *parent;
    int32_t err = 1;

    for (int i = 0; err == 1 && (parent = wr_private_copy_parent(i)); i++)
        err = load_in(image, file, fd, parent, why);
    return err == 1 ? WEIR_EPLUGIN : err;
}

static struct wr_image *find(struct wr_images *images, const struct stat *st)
{
    WR_LIST_FOREACH (it, &images->list) {
        struct wr_image *i = WR_CONTAINER_OF(it, struct wr_image, link);

        if (i->dev == st->st_dev && i->ino == st->st_ino && i->ctime.tv_sec == st->st_ctim.tv_sec &&
            i->ctime.tv_nsec == st->st_ctim.tv_nsec)
            return i;
    }
    return NULL;
}

/* Under lock. */
static void unref(struct wr_image *image)
{
    if (--image->refs > 0)
        return;
    if (image->handle && image->plugin && image->plugin->flags & WEIR_UNLOADABLE)
        dlclose(image->handle);
    wr_private_copy_remove(&image->copy);
    wr_list_remove(&image->link);
    free(image);
}

static struct wr_image *open_new(struct wr_images *images, const char *file, int fd,
                                 const struct stat *st, char *why, int32_t *err)
{
    struct wr_image *image = calloc(1, sizeof *image);
    weir_plugin checked;
    char reason[WR_WHY_MAX];

    if (!image) {
        *err = fail(WEIR_ENOMEM, why, "out of memory");
        return NULL;
    }
    image->images = images;
    image->refs = 1;
    image->copy.lock_fd = -1;
    image->dev = st->st_dev;
    image->ino = st->st_ino;
    image->ctime = st->st_ctim;
    wr_list_append(&images->list, &image->link);
    *err = load(image, file, fd, why);
    if (*err == 0 && (*err = wr_plugin_check(image->plugin, &checked, reason)) < 0)
        fail(0, why, "cannot load %s: %s", file, reason);
    if (*err == 0)
        return image;
    unref(image);
    return NULL;
}

struct wr_image *wr_image_open(struct wr_images *images, const char *file, char *why, int32_t *err)
{
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct wr_image *image = NULL;
    struct stat st;

    pthread_mutex_lock(&images->lock);
    if (fd < 0 || fstat(fd, &st) < 0) {
        *err = fail_system(file, "", why);
    } else if (!S_ISREG(st.st_mode)) {
        *err = fail(WEIR_EPLUGIN, why, "cannot load %s: it is not a file", file);
    } else if ((image = find(images, &st))) {
        image->refs++;
        *err = 0;
    } else {
        image = open_new(images, file, fd, &st, why, err);
    }
    pthread_mutex_unlock(&images->lock);
    if (fd >= 0)
        close(fd);
    return image;
}

void wr_image_unref(struct wr_image *image)
{
    struct wr_images *images;

    if (!image)
        return;
    images = image->images;
    pthread_mutex_lock(&images->lock);
    unref(image);
    pthread_mutex_unlock(&images->lock);
}
