/*
 * lint_plugin.c — what a plugin's descriptor and file say before it is called.
 */
#include <fcntl.h>
#include <unistd.h>

#include "app/elf.h"
#include "app/image.h"
#include "app/lint_request.h"

#define NAME_MAX_BYTES 32
#define BUFFER_MAX     ((uint64_t)1 << 30)

static void check_words(struct wr_lint *l, const weir_plugin *p)
{
    bool has_reserved = false;

    for (size_t i = 0; i < sizeof p->reserved / sizeof p->reserved[0]; i++)
        has_reserved |= p->reserved[i] != 0;
    if (has_reserved)
        wr_lint_report(l, WR_LINT_DESCRIPTOR, "reserved words are not zero");
    if (p->flags & ~WEIR_UNLOADABLE)
        wr_lint_report(l, WR_LINT_DESCRIPTOR, ".flags has bits that mean nothing");
    if (p->serial != 0 && p->serial != 1)
        wr_lint_report(l, WR_LINT_DESCRIPTOR, ".serial is neither 0 nor 1");
    if (p->body_buffer_max > BUFFER_MAX)
        wr_lint_report(l, WR_LINT_BUFFER, "body_buffer_max is larger than 1 GiB, for each request");
}

static void check_name(struct wr_lint *l, const char *name)
{
    bool is_word = strlen(name) <= NAME_MAX_BYTES;

    for (const char *p = name; *p && is_word; p++)
        is_word = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
                  (*p >= '0' && *p <= '9') || *p == '-' || *p == '_' || *p == '.' || *p == '+';
    if (!is_word)
        wr_lint_report(l, WR_LINT_PLUGIN_NAME,
                       "the name of the plugin: at most %d letters, digits, and -_.+",
                       NAME_MAX_BYTES);
}

static void check_callbacks(struct wr_lint *l, const weir_plugin *p)
{
    if (p->runs != WEIR_IN_THREAD && (p->thread_start || p->thread_stop))
        wr_lint_report(l, WR_LINT_NEVER_CALLED, "%s, of a plugin that has no threads",
                       p->thread_start ? "thread_start" : "thread_stop");
    if (p->retire || p->selftest)
        wr_lint_report(l, WR_LINT_NEVER_CALLED, "%s is not called yet",
                       p->retire ? "retire" : "selftest");
}

static void check_elf(struct wr_lint *l, const struct wr_elf *elf)
{
    const weir_plugin *p = &l->plugin;

    if (elf->extra_n > 0)
        wr_lint_report(l, WR_LINT_EXPORTS,
                       "it exports %s%s besides its descriptor: -fvisibility=hidden, or static",
                       elf->extra, elf->extra_n > 8 ? " ..." : "");
    if (elf->needs_weir)
        wr_lint_report(l, WR_LINT_NEEDS_WEIR, "it is linked against libweir");
    if (elf->has_executable_stack)
        wr_lint_report(l, WR_LINT_EXECUTABLE_STACK, "its stack is to be executable");
    if (elf->has_text_relocations)
        wr_lint_report(l, WR_LINT_TEXT_RELOCATIONS, "relocations in its code: build it with -fPIC");
    if (elf->search_path[0])
        wr_lint_report(l, WR_LINT_SEARCH_PATH, "it looks for libraries in %s, which is relative",
                       elf->search_path);
    if (!elf->has_note)
        wr_lint_report(l, WR_LINT_NOTE, "it has no note .note.weir: WEIR_PLUGIN() makes it");
    else if ((elf->name[0] && strcmp(elf->name, p->name) != 0) ||
             (elf->runs >= 0 && elf->runs != p->runs))
        wr_lint_report(l, WR_LINT_NOTE, "its note says another name or another .runs");
}

static void check_file(struct wr_lint *l, const char *file)
{
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    const char *why = NULL;
    struct wr_elf elf;

    if (fd < 0)
        return;
    if (wr_elf_read(fd, &elf, &why) == 0) {
        check_elf(l, &elf);
        wr_elf_fini(&elf);
    }
    close(fd);
}

void wr_lint_check_plugin(struct wr_lint *l)
{
    const weir_plugin *p = l->mount->image ? wr_image_plugin(l->mount->image) : NULL;
    weir_plugin copy = l->plugin;

    if (p) /* .runs as it is written, whatever the configuration says */
        copy.runs = p->runs;
    l->plugin.runs = copy.runs;
    check_words(l, &copy);
    check_name(l, copy.name);
    check_callbacks(l, &copy);
    if (l->mount->image)
        check_file(l, wr_image_file(l->mount->image));
}
