#include "app/elf.h"

#include <weir/app.h>

#include <errno.h>
#include <link.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/literal.h"

/* Only what is needed is read, by pread(): a file mapped into memory is a SIGBUS when somebody cuts
 * it short meanwhile, and one with all its debug information may have more bytes than we want to
 * hold. */
#define PART_MAX 67108864 /* bytes of one table: 2.8 million symbols */
#define HEAD_MAX 512      /* of what is no ELF file, to say what it is */

#ifndef EM_RISCV
#    define EM_RISCV 243
#endif
#ifndef EM_LOONGARCH
#    define EM_LOONGARCH 258
#endif
#ifndef DF_1_NOOPEN
#    define DF_1_NOOPEN 0x40
#endif
#ifndef DF_1_PIE
#    define DF_1_PIE 0x8000000
#endif
#ifndef STB_GNU_UNIQUE
#    define STB_GNU_UNIQUE 10
#endif
#ifndef NT_GNU_BUILD_ID
#    define NT_GNU_BUILD_ID 3
#endif

#if defined __x86_64__
#    define OWN_MACHINE EM_X86_64
#elif defined __i386__
#    define OWN_MACHINE EM_386
#elif defined __aarch64__
#    define OWN_MACHINE EM_AARCH64
#elif defined __arm__
#    define OWN_MACHINE EM_ARM
#elif defined __riscv
#    define OWN_MACHINE EM_RISCV
#elif defined __powerpc64__
#    define OWN_MACHINE EM_PPC64
#elif defined __powerpc__
#    define OWN_MACHINE EM_PPC
#elif defined __s390__
#    define OWN_MACHINE EM_S390
#elif defined __loongarch__
#    define OWN_MACHINE EM_LOONGARCH
#elif defined __mips__
#    define OWN_MACHINE EM_MIPS
#else
#    define OWN_MACHINE EM_NONE /* one that we do not know: dlopen() says whether it fits */
#endif

#define OWN_CLASS (sizeof(ElfW(Addr)) == 8 ? ELFCLASS64 : ELFCLASS32)
#define OWN_DATA  (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB)

#if defined __alpha__ || defined __s390x__
typedef uint64_t hash_word; /* of DT_HASH */
#else
typedef uint32_t hash_word;
#endif

#define CUT_SHORT       "the file is cut short"
#define BROKEN_HEADER   "the ELF header is broken"
#define BROKEN_ADDRESS  "an address of the dynamic section is outside of the file"
#define BROKEN_SYMBOLS  "the symbol table is broken"
#define BROKEN_NOTE     "the note .note.weir is broken"
#define TOO_LARGE       "a table of the file is too large"
#define AN_EXECUTABLE   "not a shared object: an executable (link with -shared)"
#define NO_DYNAMIC      "not a shared object: it has no dynamic section"
#define NO_DLOPEN       "linked with -z nodlopen"
#define ONLY_DEBUG_INFO "not a shared object: only its debug information"

typedef ElfW(Ehdr) elf_header;
typedef ElfW(Phdr) elf_segment;
typedef ElfW(Dyn) elf_dynamic;
typedef ElfW(Sym) elf_symbol;
typedef ElfW(Nhdr) elf_note;

struct file {
    int fd;
    uint64_t size;
    int error;       /* 0 or what wr_elf_read() returns */
    const char *why; /* with -ENOEXEC */
    elf_segment *segments;
    size_t segments_n;
};

/* Of the dynamic section: 0 is "not there". */
struct dynamic {
    uint64_t hash, gnu_hash, symbols, symbol_size, strings, strings_n, runpath, rpath, flags,
        flags_1, text_relocations;
};

static bool fail(struct file *f, const char *why)
{
    f->error = -ENOEXEC;
    f->why = why;
    return false;
}

/* ---- reading ---- */

static bool read_exactly(struct file *f, uint64_t offset, void *to, size_t n)
{
    char *p = to;

    if (offset > f->size || n > f->size - offset)
        return fail(f, CUT_SHORT);
    while (n > 0) {
        ssize_t got = pread(f->fd, p, n, (off_t)offset);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            f->error = -errno;
            return false;
        }
        if (got == 0) /* since fstat() */
            return fail(f, CUT_SHORT);
        p += got;
        n -= (size_t)got;
        offset += (uint64_t)got;
    }
    return true;
}

/* Memory to free, with a NUL behind it that ends the last string; NULL: f->error. */
static void *read_part(struct file *f, uint64_t offset, uint64_t n)
{
    char *part;

    if (offset > f->size || n > f->size - offset) {
        fail(f, CUT_SHORT);
        return NULL;
    }
    if (n > PART_MAX) {
        fail(f, TOO_LARGE);
        return NULL;
    }
    part = malloc((size_t)n + 1);
    if (!part) {
        f->error = -ENOMEM;
        return NULL;
    }
    part[n] = '\0';
    if (!read_exactly(f, offset, part, (size_t)n)) {
        free(part);
        return NULL;
    }
    return part;
}

/* Where the n bytes are that ld.so would find at an address. */
static bool find_address(struct file *f, uint64_t address, uint64_t n, uint64_t *offset)
{
    for (size_t i = 0; i < f->segments_n; i++) {
        const elf_segment *s = &f->segments[i];
        uint64_t into = address - s->p_vaddr;

        if (s->p_type == PT_LOAD && address >= s->p_vaddr && into <= s->p_filesz &&
            n <= s->p_filesz - into)
            return !__builtin_add_overflow((uint64_t)s->p_offset, into, offset) ||
                   fail(f, BROKEN_ADDRESS);
    }
    return fail(f, BROKEN_ADDRESS);
}

static void *read_part_at(struct file *f, uint64_t address, uint64_t n)
{
    uint64_t offset;

    return find_address(f, address, n, &offset) ? read_part(f, offset, n) : NULL;
}

static bool read_exactly_at(struct file *f, uint64_t address, void *to, size_t n)
{
    uint64_t offset;

    return find_address(f, address, n, &offset) && read_exactly(f, offset, to, n);
}

/* ---- what kind of file it is ---- */

static bool is_text(const unsigned char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if ((p[i] < ' ' && !(p[i] >= '\t' && p[i] <= '\r')) || p[i] == 0x7f)
            return false;
    return true;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool has_at(const char *p, size_t n, const char *text)
{
    return n >= strlen(text) && memcmp(p, text, strlen(text)) == 0;
}

/* As ld knows it: by its commands, the first of which follows comments. */
static bool is_linker_script(const char *p, size_t n)
{
    static const char *const commands[] = {"OUTPUT_FORMAT", "GROUP", "INPUT", "SECTIONS", "ENTRY"};
    size_t at = 0;

    for (;;) {
        const char *end;

        while (at < n && is_space(p[at]))
            at++;
        if (!has_at(p + at, n - at, "/*"))
            break;
        end = memmem(p + at + 2, n - at - 2, "*/", 2);
        if (!end)
            return memmem(p + at, n - at, "GNU ld script", 13) != NULL;
        at = (size_t)(end - p) + 2;
    }
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        size_t behind = at + strlen(commands[i]);

        if (has_at(p + at, n - at, commands[i])) {
            while (behind < n && is_space(p[behind]))
                behind++;
            return behind < n && (p[behind] == '(' || p[behind] == '{');
        }
    }
    return false;
}

static const char *kind_of_other_file(const char *p, size_t n)
{
    if (n == 0)
        return "not a shared object: the file is empty";
    if (has_at(p, n, "!<arch>\n") || has_at(p, n, "!<thin>\n"))
        return "not a shared object: a static archive";
    if (has_at(p, n, "BC\xc0\xde"))
        return "not a shared object: LLVM bitcode";
    if (has_at(p, n, "MZ") && !is_text((const unsigned char *)p, n))
        return "not a shared object: a program or library for Windows";
    if (has_at(p, n, "\xcf\xfa\xed\xfe") || has_at(p, n, "\xca\xfe\xba\xbe"))
        return "not a shared object: a program or library for macOS, or Java";
    if (!is_text((const unsigned char *)p, n))
        return "not a shared object: not an ELF file";
    if (has_at(p, n, "#!"))
        return "not a shared object: a script";
    if (is_linker_script(p, n))
        return "not a shared object: a linker script";
    return "not a shared object: a text file";
}

static const char *kind_of_machine(unsigned machine)
{
    switch (machine) {
    case EM_X86_64:
        return "for another machine (x86-64)";
    case EM_386:
        return "for another machine (x86, 32 bits)";
    case EM_AARCH64:
        return "for another machine (AArch64)";
    case EM_ARM:
        return "for another machine (ARM, 32 bits)";
    case EM_RISCV:
        return "for another machine (RISC-V)";
    case EM_PPC64:
        return "for another machine (PowerPC, 64 bits)";
    case EM_PPC:
        return "for another machine (PowerPC, 32 bits)";
    case EM_S390:
        return "for another machine (IBM Z)";
    case EM_LOONGARCH:
        return "for another machine (LoongArch)";
    case EM_MIPS:
        return "for another machine (MIPS)";
    default:
        return "for another machine";
    }
}

/* NULL: this program's. e_machine is at the same place in both classes, but has a byte order. */
static const char *other_machine(const unsigned char *p, size_t n)
{
    unsigned machine = 0;

    if (n >= offsetof(elf_header, e_machine) + 2)
        machine = p[EI_DATA] == ELFDATA2MSB ? p[18] << 8 | p[19] : p[19] << 8 | p[18];
    if (OWN_MACHINE != EM_NONE && machine != OWN_MACHINE && machine != EM_NONE)
        return kind_of_machine(machine);
    if (p[EI_CLASS] == (OWN_CLASS == ELFCLASS64 ? ELFCLASS32 : ELFCLASS64))
        return OWN_CLASS == ELFCLASS64 ? "for another machine (32 bits)"
                                       : "for another machine (64 bits)";
    if (p[EI_DATA] == (OWN_DATA == ELFDATA2MSB ? ELFDATA2LSB : ELFDATA2MSB))
        return OWN_DATA == ELFDATA2MSB ? "for another machine (little-endian)"
                                       : "for another machine (big-endian)";
    if (p[EI_OSABI] >= ELFOSABI_HPUX && p[EI_OSABI] <= ELFOSABI_OPENBSD &&
        p[EI_OSABI] != ELFOSABI_GNU)
        return "for another operating system";
    return NULL;
}

static const char *other_type(unsigned type)
{
    switch (type) {
    case ET_DYN:
        return NULL;
    case ET_EXEC:
        return AN_EXECUTABLE;
    case ET_REL:
        return "not a shared object: an object file (link with -shared)";
    case ET_CORE:
        return "not a shared object: a core dump";
    default:
        return "not a shared object";
    }
}

static bool check_header(struct file *f, const char *head, size_t head_n, elf_header *header)
{
    const unsigned char *ident = (const unsigned char *)head;
    const char *why;

    if (!has_at(head, head_n, ELFMAG))
        return fail(f, kind_of_other_file(head, head_n));
    if (head_n < EI_NIDENT)
        return fail(f, CUT_SHORT);
    if ((why = other_machine(ident, head_n)))
        return fail(f, why);
    if (head_n < sizeof *header)
        return fail(f, CUT_SHORT);
    memcpy(header, head, sizeof *header);
    if (ident[EI_CLASS] != OWN_CLASS || ident[EI_DATA] != OWN_DATA ||
        ident[EI_VERSION] != EV_CURRENT || header->e_version != EV_CURRENT ||
        (OWN_MACHINE != EM_NONE && header->e_machine != OWN_MACHINE))
        return fail(f, BROKEN_HEADER);
    if ((why = other_type(header->e_type)))
        return fail(f, why);
    if (header->e_phnum == 0)
        return fail(f, NO_DYNAMIC);
    if (header->e_phentsize != sizeof(elf_segment) || header->e_phnum == PN_XNUM)
        return fail(f, BROKEN_HEADER);
    return true;
}

static bool read_segments(struct file *f)
{
    size_t head_n = f->size < HEAD_MAX ? (size_t)f->size : HEAD_MAX;
    char head[HEAD_MAX];
    elf_header header;

    if (!read_exactly(f, 0, head, head_n) || !check_header(f, head, head_n, &header))
        return false;
    f->segments_n = header.e_phnum;
    f->segments = read_part(f, header.e_phoff, header.e_phnum * sizeof(elf_segment));
    return f->segments != NULL;
}

static const elf_segment *find_segment(const struct file *f, unsigned type)
{
    for (size_t i = 0; i < f->segments_n; i++)
        if (f->segments[i].p_type == type)
            return &f->segments[i];
    return NULL;
}

/* ---- the dynamic section ---- */

static uint64_t *dynamic_field(struct dynamic *d, int64_t tag)
{
    switch (tag) {
    case DT_HASH:
        return &d->hash;
    case DT_GNU_HASH:
        return &d->gnu_hash;
    case DT_SYMTAB:
        return &d->symbols;
    case DT_SYMENT:
        return &d->symbol_size;
    case DT_STRTAB:
        return &d->strings;
    case DT_STRSZ:
        return &d->strings_n;
    case DT_RUNPATH:
        return &d->runpath;
    case DT_RPATH:
        return &d->rpath;
    case DT_FLAGS:
        return &d->flags;
    case DT_FLAGS_1:
        return &d->flags_1;
    case DT_TEXTREL:
        return &d->text_relocations;
    default:
        return NULL;
    }
}

static bool read_dynamic(struct file *f, struct dynamic *d)
{
    const elf_segment *segment = find_segment(f, PT_DYNAMIC);
    elf_dynamic *entries;

    *d = (struct dynamic){0};
    if (find_segment(f, PT_INTERP))
        return fail(f, AN_EXECUTABLE);
    if (!segment)
        return fail(f, NO_DYNAMIC);
    if (segment->p_filesz == 0 && segment->p_memsz > 0)
        return fail(f, ONLY_DEBUG_INFO);
    entries = read_part_at(f, segment->p_vaddr, segment->p_filesz);
    if (!entries)
        return false;
    for (size_t i = 0; i < segment->p_filesz / sizeof *entries; i++) {
        uint64_t *field = dynamic_field(d, entries[i].d_tag);

        if (entries[i].d_tag == DT_NULL)
            break;
        if (field)
            *field = entries[i].d_tag == DT_TEXTREL ? 1 : entries[i].d_un.d_val;
    }
    free(entries);
    if (d->flags_1 & DF_1_PIE) /* a static PIE has no interpreter */
        return fail(f, AN_EXECUTABLE);
    if (d->flags_1 & DF_1_NOOPEN)
        return fail(f, NO_DLOPEN);
    return true;
}

/* Of symbols in the buckets the one with the highest number. 0: there is none. */
static bool read_last_bucket(struct file *f, uint64_t buckets, uint32_t n, uint32_t *last)
{
    uint32_t *bucket = read_part_at(f, buckets, n * (uint64_t)sizeof *bucket);

    if (!bucket)
        return false;
    *last = 0;
    for (uint32_t i = 0; i < n; i++)
        if (bucket[i] > *last)
            *last = bucket[i];
    free(bucket);
    return true;
}

/* DT_GNU_HASH does not say how many symbols there are. The last one is at the end of the chain that
 * begins last. With no symbol exported the table is empty, and how many undefined symbols there are
 * remains unknown: no matter, for then there is no descriptor either. */
static bool count_gnu_hash(struct file *f, uint64_t address, uint64_t *count)
{
    struct {
        uint32_t buckets_n, first, bloom_n, bloom_shift;
    } head;
    uint64_t buckets, chains;
    uint32_t last, link;

    if (!read_exactly_at(f, address, &head, sizeof head))
        return false;
    if (__builtin_add_overflow(address, sizeof head + head.bloom_n * (uint64_t)sizeof(ElfW(Addr)),
                               &buckets) ||
        __builtin_add_overflow(buckets, head.buckets_n * (uint64_t)sizeof last, &chains))
        return fail(f, BROKEN_ADDRESS);
    if (!read_last_bucket(f, buckets, head.buckets_n, &last))
        return false;
    *count = last == 0 ? head.first : last;
    if (last == 0)
        return true;
    if (last < head.first)
        return fail(f, BROKEN_SYMBOLS);
    do {
        uint64_t link_at;

        if (__builtin_add_overflow(chains, (*count - head.first) * sizeof link, &link_at))
            return fail(f, BROKEN_ADDRESS);
        if (!read_exactly_at(f, link_at, &link, sizeof link))
            return false;
        (*count)++;
    } while (!(link & 1));
    return true;
}

/* Without a hash table dlsym() finds nothing, and neither do we. */
static bool count_symbols(struct file *f, const struct dynamic *d, uint64_t *count)
{
    hash_word head[2]; /* buckets, chains: one for each symbol */

    *count = 0;
    if (d->hash) {
        if (!read_exactly_at(f, d->hash, head, sizeof head))
            return false;
        *count = head[1];
        return true;
    }
    return !d->gnu_hash || count_gnu_hash(f, d->gnu_hash, count);
}

/* Too long a text is cut: it is for people to read. */
static void set_text(char to[WR_ELF_TEXT_MAX], const char *text)
{
    size_t n = strnlen(text, WR_ELF_TEXT_MAX - 1);

    memcpy(to, text, n);
    to[n] = '\0';
}

static void note_undefined(struct wr_elf *e, unsigned binding, const char *name)
{
    if (binding == STB_GLOBAL && e->undefined[0] == '\0' &&
        (strncmp(name, "weir_", 5) == 0 || strncmp(name, "wr_", 3) == 0))
        set_text(e->undefined, name);
}

/* Weak ones are instances of C++ templates, which the language wants to be shared; names that begin
 * with an underscore belong to the toolchain. */
static void note_extra(struct wr_elf *e, unsigned binding, const char *name)
{
    size_t n = strlen(e->extra);

    if (binding != STB_GLOBAL || name[0] == '\0' || strcmp(name, "weir_plugin_v1") == 0 ||
        (name[0] == '_' && strncmp(name, "_Z", 2) != 0))
        return;
    if (n + strlen(name) + sizeof ", " <= sizeof e->extra)
        snprintf(e->extra + n, sizeof e->extra - n, "%s%s", n > 0 ? ", " : "", name);
    e->extra_n++;
}

static void note_defined(struct wr_elf *e, const elf_symbol *symbol, const char *name)
{
    unsigned binding = symbol->st_info >> 4, type = symbol->st_info & 15U,
             visibility = symbol->st_other & 3U;

    if (binding == STB_GNU_UNIQUE && e->unique[0] == '\0')
        set_text(e->unique, name);
    if (binding != STB_LOCAL && (type == STT_OBJECT || type == STT_NOTYPE) &&
        (visibility == STV_DEFAULT || visibility == STV_PROTECTED) &&
        strcmp(name, "weir_plugin_v1") == 0)
        e->has_descriptor = true;
    if (visibility == STV_DEFAULT || visibility == STV_PROTECTED)
        note_extra(e, binding, name);
}

static bool read_symbols(struct file *f, const struct dynamic *d, const char *strings,
                         struct wr_elf *e)
{
    elf_symbol *symbols;
    uint64_t count;

    if (!count_symbols(f, d, &count))
        return false;
    if (count == 0)
        return true;
    if (!d->symbols || (d->symbol_size && d->symbol_size != sizeof *symbols) ||
        count > UINT64_MAX / sizeof *symbols)
        return fail(f, BROKEN_SYMBOLS);
    symbols = read_part_at(f, d->symbols, count * sizeof *symbols);
    for (size_t i = 0; symbols && i < count; i++) {
        const char *name = strings + symbols[i].st_name;

        if (symbols[i].st_name >= d->strings_n)
            fail(f, BROKEN_SYMBOLS);
        else if (symbols[i].st_shndx == SHN_UNDEF)
            note_undefined(e, symbols[i].st_info >> 4, name);
        else
            note_defined(e, &symbols[i], name);
    }
    free(symbols);
    return f->error == 0;
}

static bool names_origin(const struct dynamic *d, const char *strings, uint64_t at)
{
    return at > 0 && at < d->strings_n &&
           (strstr(strings + at, "$ORIGIN") || strstr(strings + at, "${ORIGIN}"));
}

/* A folder that is not absolute depends on where the server was started. */
static void note_search_path(const struct dynamic *d, const char *strings, uint64_t at,
                             struct wr_elf *e)
{
    if (at == 0 || at >= d->strings_n)
        return;
    for (const char *p = strings + at; p; p = strchr(p, ':')) {
        p += *p == ':';
        if (*p != '/' && *p != '$')
            set_text(e->search_path, strings + at);
    }
}

/* Nothing that keeps it from being loaded. */
static void note_dangers(struct file *f, const struct dynamic *d, const char *strings,
                         struct wr_elf *e)
{
    const elf_segment *stack = find_segment(f, PT_GNU_STACK), *own = find_segment(f, PT_DYNAMIC);
    elf_dynamic *entries = own ? read_part_at(f, own->p_vaddr, own->p_filesz) : NULL;

    for (size_t i = 0; entries && i < own->p_filesz / sizeof *entries; i++)
        if (entries[i].d_tag == DT_NEEDED && entries[i].d_un.d_val < d->strings_n &&
            strncmp(strings + entries[i].d_un.d_val, "libweir.so", strlen("libweir.so")) == 0)
            e->needs_weir = true;
    free(entries);
    e->has_executable_stack = stack && stack->p_flags & PF_X;
    e->has_text_relocations = d->text_relocations || d->flags & DF_TEXTREL;
    note_search_path(d, strings, d->runpath, e);
    note_search_path(d, strings, d->rpath, e);
}

static bool read_linkage(struct file *f, struct wr_elf *e)
{
    struct dynamic d;
    char *strings;
    bool ok;

    if (!read_dynamic(f, &d))
        return false;
    strings = read_part_at(f, d.strings, d.strings_n);
    if (!strings)
        return false;
    e->has_origin = names_origin(&d, strings, d.runpath) || names_origin(&d, strings, d.rpath);
    note_dangers(f, &d, strings, e);
    ok = f->error == 0 && read_symbols(f, &d, strings, e);
    free(strings);
    return ok;
}

/* ---- notes ---- */

/* Half a name is none: one that is too long is not given. */
static void set_whole_text(char to[WR_ELF_TEXT_MAX], const char *text)
{
    set_text(to, strlen(text) < WR_ELF_TEXT_MAX ? text : "");
}

/* The last one counts when a field is written twice, as it does in C. */
static bool read_field(struct wr_slice t, struct wr_elf *e)
{
    bool is_name, is_version, is_schema;
    char *value;

    if (wr_literal_field(&t, "runs")) {
        e->runs = wr_literal_int(t);
        return true;
    }
    is_name = wr_literal_field(&t, "name");
    is_version = !is_name && wr_literal_field(&t, "version");
    is_schema = !is_name && !is_version && wr_literal_field(&t, "config_schema");
    if (!is_name && !is_version && !is_schema)
        return true;
    value = malloc(t.n + 1);
    if (!value)
        return false;
    if (!wr_literal_string(t, value)) {
        free(value);
        value = NULL;
    }
    if (is_schema) {
        free(e->schema);
        e->schema = value;
    } else {
        set_whole_text(is_name ? e->name : e->version, value ? value : "");
        free(value);
    }
    return true;
}

static bool read_weir_note(struct file *f, const char *p, size_t n, struct wr_elf *e)
{
    const char *end = p + n;

    if (n < sizeof e->abi_major + sizeof e->abi_minor)
        return fail(f, BROKEN_NOTE);
    memcpy(&e->abi_major, p, sizeof e->abi_major);
    memcpy(&e->abi_minor, p + sizeof e->abi_major, sizeof e->abi_minor);
    for (p += sizeof e->abi_major + sizeof e->abi_minor; p < end;) {
        const char *stop = memchr(p, '\0', (size_t)(end - p));

        if (!stop)
            return fail(f, BROKEN_NOTE);
        if (!read_field(wr_slice(p, (size_t)(stop - p)), e)) {
            f->error = -ENOMEM;
            return false;
        }
        p = stop + 1;
    }
    e->has_note = true;
    return true;
}

/* Several plugins in one file (WEIR_PLUGIN_SYMBOL) have a note each, which does not say whose it
 * is: only the interface's version can be relied on. */
static void forget_fields(struct wr_elf *e)
{
    e->name[0] = e->version[0] = '\0';
    e->runs = -1;
    free(e->schema);
    e->schema = NULL;
}

static bool read_note(struct file *f, const elf_note *head, const char *owner, const char *desc,
                      struct wr_elf *e)
{
    if (head->n_namesz == 5 && memcmp(owner, "Weir", 5) == 0 && head->n_type == WEIR_NOTE_TYPE) {
        if (!e->has_note)
            return read_weir_note(f, desc, head->n_descsz, e);
        forget_fields(e);
    } else if (head->n_namesz == 4 && memcmp(owner, "GNU", 4) == 0 &&
               head->n_type == NT_GNU_BUILD_ID && e->build_id_n == 0) {
        e->build_id_n = head->n_descsz < sizeof e->build_id ? head->n_descsz : sizeof e->build_id;
        memcpy(e->build_id, desc, e->build_id_n);
    }
    return true;
}

/* Stops at what is no note: those of others are not ours to judge. */
static bool read_note_segment(struct file *f, const char *p, uint64_t n, uint64_t align,
                              struct wr_elf *e)
{
    for (uint64_t at = 0; n - at >= sizeof(elf_note);) {
        uint64_t owner = at + sizeof(elf_note), desc, end;
        elf_note head;

        memcpy(&head, p + at, sizeof head);
        desc = (owner + head.n_namesz + align - 1) & ~(align - 1);
        end = desc + head.n_descsz; /* no overflow: PART_MAX and twice 32 bits */
        if (end > n)
            return true;
        if (!read_note(f, &head, p + owner, p + desc, e))
            return false;
        at = (end + align - 1) & ~(align - 1);
        if (at > n)
            return true;
    }
    return true;
}

static bool read_notes(struct file *f, struct wr_elf *e)
{
    for (size_t i = 0; i < f->segments_n; i++) {
        const elf_segment *s = &f->segments[i];
        char *notes;
        bool ok;

        if (s->p_type != PT_NOTE)
            continue;
        notes = read_part(f, s->p_offset, s->p_filesz);
        if (!notes)
            return false;
        ok = read_note_segment(f, notes, s->p_filesz, s->p_align == 8 ? 8 : 4, e);
        free(notes);
        if (!ok)
            return false;
    }
    return true;
}

/* ---- all of it ---- */

int wr_elf_read(int fd, struct wr_elf *out, const char **why)
{
    struct file f = {.fd = fd};
    struct stat st;

    *out = (struct wr_elf){0};
    *why = NULL;
    if (fstat(fd, &st) < 0)
        return -errno;
    if (S_ISDIR(st.st_mode))
        return -EISDIR;
    f.size = (uint64_t)st.st_size;
    if (S_ISREG(st.st_mode))
        (void)(read_segments(&f) && read_linkage(&f, out) && read_notes(&f, out));
    else
        fail(&f, "not a regular file");
    free(f.segments);
    if (f.error) {
        wr_elf_fini(out);
        *out = (struct wr_elf){0};
    }
    *why = f.why;
    return f.error;
}

void wr_elf_fini(struct wr_elf *e)
{
    free(e->schema);
    e->schema = NULL;
}
