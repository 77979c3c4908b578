/*
 * fuzz_elf.c — app/elf.h.
 *
 * Input: the file. Corpus: plugins of some KiB, linked with -nostdlib.
 */
#include "app/elf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool claim)
{
    if (!claim)
        abort();
}

static bool is_zero(const struct wr_elf *e)
{
    return !e->has_descriptor && !e->has_note && !e->name[0] && !e->schema && !e->build_id_n;
}

/* The fields of a note, and all that is text, are what they are said to be. */
static void check_result(const struct wr_elf *e)
{
    check(e->has_note || (!e->name[0] && !e->version[0] && e->runs == 0 && !e->schema &&
                          e->abi_major == 0 && e->abi_minor == 0));
    check(e->runs >= -1);
    check(e->build_id_n <= sizeof e->build_id);
    check(memchr(e->name, '\0', sizeof e->name) && memchr(e->version, '\0', sizeof e->version));
    check(memchr(e->undefined, '\0', sizeof e->undefined) &&
          memchr(e->unique, '\0', sizeof e->unique));
    check(!e->undefined[0] || strncmp(e->undefined, "weir_", 5) == 0 ||
          strncmp(e->undefined, "wr_", 3) == 0);
    check(!e->schema || strlen(e->schema) < SIZE_MAX); /* reads it all */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int fd = memfd_create("fuzz_elf", MFD_CLOEXEC), rc;
    struct wr_elf e;
    const char *why;

    check(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    rc = wr_elf_read(fd, &e, &why);
    close(fd);
    if (rc == 0) {
        check(!why);
        check_result(&e);
        wr_elf_fini(&e);
    } else {
        check(rc == -ENOEXEC && why && is_zero(&e));
    }
    return 0;
}
