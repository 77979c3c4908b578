/*
 * elf.h — what a plugin's file says of itself before any of its code runs.
 *
 * Reads the ELF headers, dynamic section, symbols and the note .note.weir of include/weir/app.h; by
 * program headers alone, for section headers may be stripped. The file is not trusted: every offset
 * is checked. Nor is it proof: dlopen() reads the file again.
 */
#ifndef WR_APP_ELF_H
#define WR_APP_ELF_H

#include <stdbool.h>
#include <stdint.h>

#define WR_ELF_TEXT_MAX     256
#define WR_ELF_BUILD_ID_MAX 64

/* Of two notes in one file (two plugins linked into it) nobody knows which one is meant: then there
 * is the interface's version of the first, but no field. */
struct wr_elf {
    bool has_descriptor; /* the symbol weir_plugin_v1 is defined and exported */
    bool has_note;
    uint16_t abi_major, abi_minor; /* of the note */
    char name[WR_ELF_TEXT_MAX];    /* of the note; "" when it is not written as a literal, or is
                                    * longer than this */
    char version[WR_ELF_TEXT_MAX]; /* so too */
    int runs;                      /* of the note; -1: not written as a number; absent is 0 */
    char *schema;                  /* of the note, malloc'ed; NULL: none, or not a literal */
    unsigned char build_id[WR_ELF_BUILD_ID_MAX]; /* the first bytes of a longer one */
    unsigned build_id_n;                         /* 0: it has none */
    char undefined[WR_ELF_TEXT_MAX]; /* the first undefined symbol weir_* or wr_* that is not weak,
                                      * cut if it is longer; "": none */
    char unique[WR_ELF_TEXT_MAX];    /* the first STB_GNU_UNIQUE symbol defined, so too */
    bool has_origin;                 /* $ORIGIN in RUNPATH or RPATH */

    /* for `weir lint`: nothing that keeps it from being loaded */
    char extra[WR_ELF_TEXT_MAX]; /* the first exported symbols besides the descriptor, "a, b" */
    unsigned extra_n;            /* how many there are */
    bool needs_weir;             /* a library of ours is among those that it needs */
    bool has_executable_stack;
    bool has_text_relocations;
    char search_path[WR_ELF_TEXT_MAX]; /* the RUNPATH or RPATH, when a folder in it is no absolute
                                          one; "": it is not so */
};

/* 0; -ENOEXEC with *why set to a static text ("not a shared object: a text file", "for another
 * machine (ARM, 32 bits)", …); or -errno of reading, with *why NULL. On 0 wr_elf_fini() is to
 * follow; else *out is all zero. The file offset of fd stays where it is. */
int wr_elf_read(int fd, struct wr_elf *out, const char **why);
void wr_elf_fini(struct wr_elf *e);

#endif
