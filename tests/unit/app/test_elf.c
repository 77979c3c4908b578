/*
 * Real plugins are WR_TEST_ELF_C and WR_TEST_ELF_CXX (tests/plugins); others are put together here
 * from the structures of <elf.h>, by the gABI.
 */
#include "app/elf.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "support.h"

#define BASE            0x10000 /* address of the first byte of a built file */
#define FILE_MAX        8192
#define DYNAMIC_AT      0x400
#define SYMBOLS_AT      0x600
#define STRINGS_AT      0x900
#define HASH_AT         0xc00
#define NOTES_AT        0x1000
#define BYTES(literal)  literal, sizeof(literal) - 1
#define BYTES0(literal) literal, sizeof(literal)
#define UNIQUE          10 /* STB_GNU_UNIQUE */
#define DEFINED         1

struct symbol {
    const char *name;
    unsigned char binding, type, visibility;
    uint16_t section;
};

struct image {
    const struct symbol *symbols; /* undefined ones first, as DT_GNU_HASH wants it */
    size_t symbols_n;
    const char *path; /* of path_tag */
    int path_tag;
    bool is_gnu_hash;
    uint32_t extra_segment; /* type of one more */
    uint64_t flags_1;
    size_t note_align, second_note_at; /* 0: one segment; else where the second begins */
    unsigned char notes[4096];
    size_t notes_n;
};

static const struct symbol descriptor[] = {
    {"weir_plugin_v1", STB_GLOBAL, STT_OBJECT, STV_DEFAULT, DEFINED}};

/* ---- putting files together ---- */

static unsigned own_machine(void)
{
    ElfW(Ehdr) header;
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

    assert_int_equal(read(fd, &header, sizeof header), sizeof header);
    close(fd);
    return header.e_machine;
}

static size_t put(unsigned char *to, size_t at, const void *what, size_t n)
{
    assert_true(at + n <= FILE_MAX);
    memcpy(to + at, what, n);
    return at + n;
}

static size_t rounded(size_t n, size_t align)
{
    return (n + align - 1) / align * align;
}

static void add_note(struct image *im, const char *owner, size_t owner_n, uint32_t type,
                     const void *content, size_t n)
{
    size_t align = im->note_align ? im->note_align : 4, at = rounded(im->notes_n, align);
    uint32_t head[3] = {(uint32_t)owner_n, (uint32_t)n, type};

    put(im->notes, at, head, sizeof head);
    put(im->notes, at + sizeof head, owner, owner_n);
    at = rounded(at + sizeof head + owner_n, align);
    im->notes_n = put(im->notes, at, content, n);
    assert_true(im->notes_n <= sizeof im->notes);
}

static void add_weir_note(struct image *im, uint16_t major, uint16_t minor, const char *fields,
                          size_t n)
{
    unsigned char content[2048];

    assert_true(n + 4 <= sizeof content);
    memcpy(content, &major, 2);
    memcpy(content + 2, &minor, 2);
    memcpy(content + 4, fields, n);
    add_note(im, "Weir", 5, 1, content, n + 4);
}

static void build_segments(const struct image *im, unsigned char *file, size_t size)
{
    size_t first = im->second_note_at ? im->second_note_at : im->notes_n;
    size_t align = im->note_align ? im->note_align : 4;
    ElfW(Phdr) segments[5] = {
        {.p_type = PT_LOAD, .p_vaddr = BASE, .p_filesz = size, .p_memsz = size},
        {.p_type = PT_DYNAMIC,
         .p_offset = DYNAMIC_AT,
         .p_vaddr = BASE + DYNAMIC_AT,
         .p_filesz = SYMBOLS_AT - DYNAMIC_AT},
        {.p_type = PT_NOTE, .p_offset = NOTES_AT, .p_filesz = first, .p_align = align},
        {.p_type = PT_NOTE,
         .p_offset = NOTES_AT + first,
         .p_filesz = im->notes_n - first,
         .p_align = align},
        {.p_type = im->extra_segment}};
    ElfW(Ehdr) header = {.e_type = ET_DYN,
                         .e_machine = (uint16_t)own_machine(),
                         .e_version = EV_CURRENT,
                         .e_phoff = sizeof header,
                         .e_ehsize = sizeof header,
                         .e_phentsize = sizeof segments[0],
                         .e_phnum = WR_COUNT(segments)};

    memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32;
    header.e_ident[EI_DATA] = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB;
    header.e_ident[EI_VERSION] = EV_CURRENT;
    put(file, sizeof header, segments, sizeof segments);
    put(file, 0, &header, sizeof header);
}

static void build_hash(const struct image *im, unsigned char *file)
{
    uint32_t undefined = 1, n = (uint32_t)im->symbols_n + 1, one = 1, chain;
    size_t at;

    while (undefined < n && im->symbols[undefined - 1].section == SHN_UNDEF)
        undefined++;
    if (!im->is_gnu_hash) {
        uint32_t head[3] = {1, n, n - 1};

        put(file, HASH_AT, head, sizeof head);
        return;
    }
    chain = undefined < n ? undefined : 0;
    at = put(file, HASH_AT, (uint32_t[]){1, undefined, 1, 0}, 16);
    at = put(file, at + sizeof(ElfW(Addr)), &chain, sizeof chain);
    if (chain > 0)
        put(file, at + (n - 1 - undefined) * 4, &one, sizeof one);
}

static size_t build_symbols(const struct image *im, unsigned char *file)
{
    size_t strings_n = 1;

    for (size_t i = 0; i < im->symbols_n; i++) {
        const struct symbol *s = &im->symbols[i];
        ElfW(Sym) symbol = {.st_name = (uint32_t)strings_n,
                            .st_info = (unsigned char)(s->binding << 4 | s->type),
                            .st_other = s->visibility,
                            .st_shndx = s->section};

        put(file, SYMBOLS_AT + (i + 1) * sizeof symbol, &symbol, sizeof symbol);
        strings_n = put(file + STRINGS_AT, strings_n, s->name, strlen(s->name) + 1);
    }
    assert_true(strings_n < HASH_AT - STRINGS_AT - 64);
    return strings_n;
}

static size_t build(const struct image *im, unsigned char file[FILE_MAX])
{
    size_t size = NOTES_AT + im->notes_n, path_at, strings_n;

    memset(file, 0, FILE_MAX);
    build_segments(im, file, size);
    build_hash(im, file);
    path_at = strings_n = build_symbols(im, file);
    if (im->path)
        strings_n = put(file + STRINGS_AT, strings_n, im->path, strlen(im->path) + 1);
    put(file, DYNAMIC_AT,
        (ElfW(Dyn)[]){{im->is_gnu_hash ? DT_GNU_HASH : DT_HASH, {BASE + HASH_AT}},
                      {DT_SYMTAB, {BASE + SYMBOLS_AT}},
                      {DT_SYMENT, {sizeof(ElfW(Sym))}},
                      {DT_STRTAB, {BASE + STRINGS_AT}},
                      {DT_STRSZ, {strings_n}},
                      {DT_FLAGS_1, {im->flags_1}},
                      {im->path ? im->path_tag : DT_DEBUG, {path_at}},
                      {DT_NULL, {0}},
                      {DT_FLAGS_1, {0x8000000}}}, /* behind the end: does not count */
        9 * sizeof(ElfW(Dyn)));
    memcpy(file + NOTES_AT, im->notes, im->notes_n);
    return size;
}

static int memory_file(const void *bytes, size_t n)
{
    int fd = memfd_create("test_elf", MFD_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, n), n);
    return fd;
}

static int read_bytes(const void *bytes, size_t n, struct wr_elf *e, const char **why)
{
    int fd = memory_file(bytes, n), rc = wr_elf_read(fd, e, why);

    close(fd);
    return rc;
}

static void read_image(const struct image *im, struct wr_elf *e)
{
    unsigned char file[FILE_MAX];
    const char *why;
    int rc = read_bytes(file, build(im, file), e, &why);

    if (rc != 0)
        fail_msg("%d: %s", rc, why ? why : "");
}

static void assert_refused(const void *bytes, size_t n, const char *expected)
{
    struct wr_elf e;
    const char *why;

    assert_int_equal(read_bytes(bytes, n, &e, &why), -ENOEXEC);
    assert_string_equal(why, expected);
    assert_null(e.schema);
}

static void assert_image_refused(const struct image *im, const char *why)
{
    unsigned char file[FILE_MAX];

    assert_refused(file, build(im, file), why);
}

/* Of a descriptor and of a note with these fields. */
static void read_fields(const char *fields, size_t n, struct wr_elf *e)
{
    struct image im = {.symbols = descriptor, .symbols_n = 1};

    add_weir_note(&im, 1, 0, fields, n);
    read_image(&im, e);
    assert_true(e->has_note);
}
#define READ_FIELDS(literal, e) read_fields(literal, sizeof(literal), e)

/* ---- real plugins ---- */

static unsigned char *load(const char *path, size_t *n)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    off_t size = lseek(fd, 0, SEEK_END);
    unsigned char *bytes = malloc((size_t)size);

    assert_non_null(bytes);
    assert_int_equal(pread(fd, bytes, (size_t)size, 0), size);
    close(fd);
    *n = (size_t)size;
    return bytes;
}

static void assert_is_elf_c(const unsigned char *bytes, size_t n)
{
    struct wr_elf e;
    const char *why;

    assert_int_equal(read_bytes(bytes, n, &e, &why), 0);
    assert_null(why);
    assert_true(e.has_descriptor);
    assert_true(e.has_note);
    assert_int_equal(e.abi_major, 1);
    assert_int_equal(e.abi_minor, 0);
    assert_string_equal(e.name, "elf_c");
    assert_string_equal(e.version, "1.2\t\"\\3\xc3\xa9");
    assert_int_equal(e.runs, 1);
    assert_string_equal(e.schema, "{\"type\": \"object\"\n}");
    assert_string_equal(e.undefined, "");
    assert_string_equal(e.unique, "");
    assert_false(e.has_origin);
    wr_elf_fini(&e);
}

static void elf__plugin_in_c__is_read(void **state)
{
    size_t n;
    unsigned char *bytes = load(WR_TEST_ELF_C, &n);

    (void)state;
    assert_is_elf_c(bytes, n);
    free(bytes);
}

static void elf__no_section_headers__is_read(void **state)
{
    size_t n;
    unsigned char *bytes = load(WR_TEST_ELF_C, &n);
    ElfW(Ehdr) header;

    (void)state;
    memcpy(&header, bytes, sizeof header);
    header.e_shoff = 0;
    header.e_shnum = header.e_shentsize = header.e_shstrndx = 0;
    memcpy(bytes, &header, sizeof header);
    assert_is_elf_c(bytes, n);
    free(bytes);
}

static void elf__plugin_in_cxx__is_read(void **state)
{
    struct wr_elf e;
    const char *why;
    size_t n;
    unsigned char *bytes = load(WR_TEST_ELF_CXX, &n);

    (void)state;
    assert_int_equal(read_bytes(bytes, n, &e, &why), 0);
    assert_true(e.has_descriptor);
    assert_string_equal(e.name, "elf_cxx");
    assert_string_equal(e.version, ""); /* a variable */
    assert_int_equal(e.runs, 0);
    assert_string_equal(e.schema, "{\"pattern\": \"a\\n(b)\",\n \"type\": \"object\"}");
    wr_elf_fini(&e);
    free(bytes);
}

/* ---- other files ---- */

static void elf__other_file__says_what_it_is(void **state)
{
    static const struct {
        const char *bytes;
        size_t n;
        const char *why;
    } files[] = {
        {BYTES(""), "not a shared object: the file is empty"},
        {BYTES("Hello\n"), "not a shared object: a text file"},
        {BYTES("Gr\xc3\xbc\xc3\x9f"
               "e\n"),
         "not a shared object: a text file"},
        {BYTES("MZ, a text\n"), "not a shared object: a text file"},
        {BYTES("GROUP of people\n"), "not a shared object: a text file"},
        {BYTES("#!/bin/sh\n"), "not a shared object: a script"},
        {BYTES("/* GNU ld script */\nOUTPUT_FORMAT(elf64-x86-64)\nGROUP ( /lib/libc.so.6 )"),
         "not a shared object: a linker script"},
        {BYTES("INPUT (-lfoo)\n"), "not a shared object: a linker script"},
        {BYTES("/* GNU ld script that does not end"), "not a shared object: a linker script"},
        {BYTES("/* C */ int GROUP;"), "not a shared object: a text file"},
        {BYTES("/*/ GROUP ( x ) */ int x;"), "not a shared object: a text file"},
        {BYTES("/*"), "not a shared object: a text file"},
        {BYTES("!<arch>\nfoo.o/"), "not a shared object: a static archive"},
        {BYTES("!<thin>\nfoo.o/"), "not a shared object: a static archive"},
        {BYTES("BC\xc0\xde\x35\x14"), "not a shared object: LLVM bitcode"},
        {BYTES("MZ\x90\0\3\0"), "not a shared object: a program or library for Windows"},
        {BYTES("\x7f"
               "EL"),
         "not a shared object: not an ELF file"},
        {BYTES("\x89PNG\r\n\x1a\n"), "not a shared object: not an ELF file"},
        {BYTES("\x7f"
               "ELF"),
         "the file is cut short"},
    };

    (void)state;
    for (size_t i = 0; i < WR_COUNT(files); i++)
        assert_refused(files[i].bytes, files[i].n, files[i].why);
}

static void elf__descriptor_of_no_file__is_an_error(void **state)
{
    int folder = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC), ends[2];
    struct wr_elf e;
    const char *why;

    (void)state;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(wr_elf_read(folder, &e, &why), -EISDIR);
    assert_int_equal(wr_elf_read(ends[0], &e, &why), -ENOEXEC);
    assert_string_equal(why, "not a regular file");
    close(folder);
    close(ends[0]);
    close(ends[1]);
    assert_int_equal(wr_elf_read(-1, &e, &why), -EBADF);
    assert_null(why);
}

static void elf__executable__is_refused(void **state)
{
    static const char expected[] = "not a shared object: an executable (link with -shared)";
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    struct wr_elf e;
    const char *why;

    (void)state;
    assert_int_equal(wr_elf_read(fd, &e, &why), -ENOEXEC);
    assert_string_equal(why, expected);
    close(fd);
    assert_image_refused(&(struct image){.extra_segment = PT_INTERP}, expected);
    assert_image_refused(&(struct image){.flags_1 = 0x8000000}, expected); /* DF_1_PIE */
    assert_image_refused(&(struct image){.flags_1 = 0x40}, "linked with -z nodlopen");
}

static void elf__other_type__says_which(void **state)
{
    static const struct {
        uint16_t type;
        const char *why;
    } types[] = {
        {ET_EXEC, "not a shared object: an executable (link with -shared)"},
        {ET_REL, "not a shared object: an object file (link with -shared)"},
        {ET_CORE, "not a shared object: a core dump"},
        {ET_NONE, "not a shared object"},
        {0xfe00, "not a shared object"},
    };
    unsigned char file[FILE_MAX];
    size_t n = build(&(struct image){0}, file);

    (void)state;
    for (size_t i = 0; i < WR_COUNT(types); i++) {
        memcpy(file + offsetof(ElfW(Ehdr), e_type), &types[i].type, sizeof types[i].type);
        assert_refused(file, n, types[i].why);
    }
}

static void elf__other_machine__says_which(void **state)
{
    unsigned char file[FILE_MAX];
    size_t n = build(&(struct image){0}, file);
    uint16_t own = (uint16_t)own_machine(), machine = own == EM_ARM ? EM_386 : EM_ARM;

    (void)state;
    memcpy(file + 18, &machine, 2);
    assert_refused(file, n,
                   own == EM_ARM ? "for another machine (x86, 32 bits)"
                                 : "for another machine (ARM, 32 bits)");
    memcpy(file + 18, &own, 2);
    file[EI_CLASS] = (unsigned char)(ELFCLASS32 + ELFCLASS64 - file[EI_CLASS]);
    assert_refused(file, n,
                   sizeof(void *) == 8 ? "for another machine (32 bits)"
                                       : "for another machine (64 bits)");
    file[EI_CLASS] = 3;
    assert_refused(file, n, "the ELF header is broken");
    build(&(struct image){0}, file);
    file[EI_OSABI] = ELFOSABI_FREEBSD;
    assert_refused(file, n, "for another operating system");
    file[EI_OSABI] = 0;
    file[EI_VERSION] = 2;
    assert_refused(file, n, "the ELF header is broken");
}

/* ---- symbols and paths ---- */

static void elf__descriptor__is_exported_data(void **state)
{
    static const struct {
        struct symbol symbol;
        bool counts;
    } cases[] = {
        {{"weir_plugin_v1", STB_GLOBAL, STT_OBJECT, STV_DEFAULT, DEFINED}, true},
        {{"weir_plugin_v1", STB_WEAK, STT_OBJECT, STV_PROTECTED, DEFINED}, true},
        {{"weir_plugin_v1", STB_LOCAL, STT_OBJECT, STV_DEFAULT, DEFINED}, false},
        {{"weir_plugin_v1", STB_GLOBAL, STT_OBJECT, STV_HIDDEN, DEFINED}, false},
        {{"weir_plugin_v1", STB_GLOBAL, STT_OBJECT, STV_INTERNAL, DEFINED}, false},
        {{"weir_plugin_v1", STB_GLOBAL, STT_FUNC, STV_DEFAULT, DEFINED}, false},
        {{"weir_plugin_v1", STB_GLOBAL, STT_OBJECT, STV_DEFAULT, SHN_UNDEF}, false},
        {{"weir_plugin_v10", STB_GLOBAL, STT_OBJECT, STV_DEFAULT, DEFINED}, false},
        {{"eir_plugin_v1", STB_GLOBAL, STT_OBJECT, STV_DEFAULT, DEFINED}, false},
    };
    struct wr_elf e;

    (void)state;
    for (size_t i = 0; i < WR_COUNT(cases) * 2; i++) {
        struct image im = {
            .symbols = &cases[i / 2].symbol, .symbols_n = 1, .is_gnu_hash = i % 2 == 1};

        read_image(&im, &e);
        assert_int_equal(e.has_descriptor, cases[i / 2].counts);
        assert_false(e.has_note);
        assert_int_equal(e.build_id_n, 0);
        wr_elf_fini(&e);
    }
}

static void elf__symbols__undefined_and_unique_are_named(void **state)
{
    static const struct symbol symbols[] = {
        {"write", STB_GLOBAL, STT_FUNC, STV_DEFAULT, SHN_UNDEF},
        {"weir_weak", STB_WEAK, STT_FUNC, STV_DEFAULT, SHN_UNDEF},
        {"wr_first", STB_GLOBAL, STT_FUNC, STV_DEFAULT, SHN_UNDEF},
        {"weir_second", STB_GLOBAL, STT_NOTYPE, STV_DEFAULT, SHN_UNDEF},
        {"wr_defined", STB_GLOBAL, STT_FUNC, STV_DEFAULT, DEFINED},
        {"weir_plugin_v1", STB_GLOBAL, STT_OBJECT, STV_DEFAULT, DEFINED},
        {"_ZZ4funcvE5value", UNIQUE, STT_OBJECT, STV_DEFAULT, DEFINED},
        {"_ZZ4funcvE6second", UNIQUE, STT_OBJECT, STV_DEFAULT, DEFINED},
    };
    struct wr_elf e;

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct image im = {
            .symbols = symbols, .symbols_n = WR_COUNT(symbols), .is_gnu_hash = i == 1};

        read_image(&im, &e);
        assert_true(e.has_descriptor);
        assert_string_equal(e.undefined, "wr_first");
        assert_string_equal(e.unique, "_ZZ4funcvE5value");
        wr_elf_fini(&e);
    }
}

static void elf__library_path__origin_is_found(void **state)
{
    static const struct {
        const char *path;
        int tag;
        bool has;
    } paths[] = {
        {"$ORIGIN", DT_RUNPATH, true},  {"/lib:${ORIGIN}/../lib", DT_RPATH, true},
        {"/ORIGIN", DT_RUNPATH, false}, {"$LIB", DT_RPATH, false},
        {"$ORIGIN", DT_SONAME, false},
    };
    struct wr_elf e;

    (void)state;
    for (size_t i = 0; i < WR_COUNT(paths); i++) {
        read_image(&(struct image){.path = paths[i].path, .path_tag = paths[i].tag}, &e);
        assert_int_equal(e.has_origin, paths[i].has);
        wr_elf_fini(&e);
    }
}

static void elf__exports__besides_the_descriptor_are_named(void **state)
{
    static const struct symbol symbols[] = {
        {"write", STB_GLOBAL, STT_FUNC, STV_DEFAULT, SHN_UNDEF},
        {"weir_plugin_v1", STB_GLOBAL, STT_OBJECT, STV_DEFAULT, DEFINED},
        {"helper", STB_GLOBAL, STT_FUNC, STV_DEFAULT, DEFINED},
        {"_ZN4Shop4sellEv", STB_GLOBAL, STT_FUNC, STV_PROTECTED, DEFINED},
        {"_ZNSt6vectorIiED1Ev", STB_WEAK, STT_FUNC, STV_DEFAULT, DEFINED}, /* of a template */
        {"hidden", STB_GLOBAL, STT_FUNC, STV_HIDDEN, DEFINED},
        {"local", STB_LOCAL, STT_FUNC, STV_DEFAULT, DEFINED},
        {"_edata", STB_GLOBAL, STT_NOTYPE, STV_DEFAULT, DEFINED}, /* of the linker */
    };
    struct wr_elf e;

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct image im = {
            .symbols = symbols, .symbols_n = WR_COUNT(symbols), .is_gnu_hash = i == 1};

        read_image(&im, &e);
        assert_int_equal(e.extra_n, 2);
        assert_string_equal(e.extra, "helper, _ZN4Shop4sellEv");
        wr_elf_fini(&e);
    }
}

static void elf__library_path__relative_folder_is_told(void **state)
{
    static const struct {
        const char *path;
        int tag;
        const char *told;
    } paths[] = {
        {"/usr/lib:/opt/lib", DT_RUNPATH, ""},
        {"$LIB", DT_RUNPATH, ""},
        {"lib", DT_RUNPATH, "lib"},
        {"/usr/lib:../lib", DT_RPATH, "/usr/lib:../lib"},
        {"/usr/lib:", DT_RPATH, "/usr/lib:"},
        {"lib", DT_SONAME, ""},
    };
    struct wr_elf e;

    (void)state;
    for (size_t i = 0; i < WR_COUNT(paths); i++) {
        read_image(&(struct image){.path = paths[i].path, .path_tag = paths[i].tag}, &e);
        assert_string_equal(e.search_path, paths[i].told);
        assert_false(e.needs_weir);
        wr_elf_fini(&e);
    }
}

static void elf__needed_library__ours_is_told(void **state)
{
    static const struct {
        const char *name;
        bool is_ours;
    } libraries[] = {
        {"libweir.so", true}, {"libweir.so.0", true}, {"libc.so.6", false}, {"libweird.so", false}};
    struct wr_elf e;

    (void)state;
    for (size_t i = 0; i < WR_COUNT(libraries); i++) {
        read_image(&(struct image){.path = libraries[i].name, .path_tag = DT_NEEDED}, &e);
        assert_int_equal(e.needs_weir, libraries[i].is_ours);
        wr_elf_fini(&e);
    }
}

/* ---- notes ---- */

static void elf__fields__are_told_apart(void **state)
{
    struct wr_elf e;

    (void)state;
    READ_FIELDS(".name2 = \"x\"\0.xname = \"x\"\0name = \"x\"\0.reserved[0] = 1\0\0"
                ". version=\"2\"\0.name = \"a\"\0.name = \"b\"\0",
                &e);
    assert_string_equal(e.name, "b");
    assert_string_equal(e.version, "2");
    assert_int_equal(e.runs, 0);
    assert_null(e.schema);
    wr_elf_fini(&e);
    READ_FIELDS(".name = \"a\"\0.name = b\0.config_schema = \"{}\"\0.config_schema = \"[]\"", &e);
    assert_string_equal(e.name, "");
    assert_string_equal(e.schema, "[]");
    wr_elf_fini(&e);
}

static void elf__name__fits_or_is_not_given(void **state)
{
    char field[512] = ".name = \"";
    struct wr_elf e;

    (void)state;
    memset(field + 9, 'n', 255);
    field[9 + 255] = '"';
    read_fields(field, 9 + 255 + 2, &e);
    assert_int_equal(strlen(e.name), 255);
    wr_elf_fini(&e);
    memset(field + 9, 'n', 256);
    field[9 + 256] = '"';
    read_fields(field, 9 + 256 + 2, &e);
    assert_string_equal(e.name, "");
    wr_elf_fini(&e);
}

static void elf__notes__are_found_among_others(void **state)
{
    static const size_t aligns[] = {4, 8};
    struct wr_elf e;

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct image im = {.note_align = aligns[i / 2]};

        add_note(&im, "GNU", 4, 5, "property....", 12); /* NT_GNU_PROPERTY_TYPE_0 */
        add_note(&im, "Weir", 5, 2, "later", 5);
        add_note(&im, "Weird", 6, 1, "", 0);
        im.notes_n = rounded(im.notes_n, im.note_align);
        im.second_note_at = i % 2 ? im.notes_n : 0;
        add_note(&im, "GNU", 4, 3, "0123456789", 10);
        add_weir_note(&im, 7, 9, BYTES0(".name = \"x\""));
        read_image(&im, &e);
        assert_true(e.has_note);
        assert_int_equal(e.abi_major, 7);
        assert_int_equal(e.abi_minor, 9);
        assert_string_equal(e.name, "x");
        assert_int_equal(e.build_id_n, 10);
        assert_memory_equal(e.build_id, "0123456789", 10);
        wr_elf_fini(&e);
    }
}

static void elf__two_weir_notes__fields_are_not_known(void **state)
{
    struct image im = {0};
    struct wr_elf e;

    (void)state;
    add_weir_note(&im, 1, 0, BYTES0(".name = \"a\"\0.config_schema = \"{}\""));
    add_weir_note(&im, 1, 0, BYTES0(".name = \"b\""));
    read_image(&im, &e);
    assert_true(e.has_note);
    assert_int_equal(e.abi_major, 1);
    assert_string_equal(e.name, "");
    assert_int_equal(e.runs, -1);
    assert_null(e.schema);
    wr_elf_fini(&e);
}

static void elf__broken_note__is_refused(void **state)
{
    struct image im = {0};

    (void)state;
    add_note(&im, "Weir", 5, 1, "\1\0\0", 3);
    assert_image_refused(&im, "the note .note.weir is broken");
    im = (struct image){0};
    add_weir_note(&im, 1, 0, BYTES(".config_schema = \"{}\"\0.name")); /* no NUL at the end */
    assert_image_refused(&im, "the note .note.weir is broken");
}

static void elf__note_past_its_segment__is_left_out(void **state)
{
    struct image im = {0};
    uint32_t huge = UINT32_MAX;
    struct wr_elf e;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        im = (struct image){0};
        add_weir_note(&im, 1, 0, BYTES0(".name = \"a\""));
        add_note(&im, "GNU", 4, 3, "0123", 4);
        memcpy(im.notes + im.notes_n - 20 + 4 * i, &huge, 4); /* n_namesz, n_descsz */
        read_image(&im, &e);
        assert_string_equal(e.name, "a");
        assert_int_equal(e.build_id_n, 0);
        wr_elf_fini(&e);
    }
}

/* ---- broken files ---- */

static void assert_sane(int fd)
{
    struct wr_elf e;
    const char *why;
    int rc = wr_elf_read(fd, &e, &why);

    if (rc != 0) {
        assert_int_equal(rc, -ENOEXEC);
        assert_non_null(why);
        assert_null(e.schema);
        return;
    }
    assert_null(why);
    assert_non_null(memchr(e.name, '\0', sizeof e.name));
    assert_non_null(memchr(e.version, '\0', sizeof e.version));
    assert_non_null(memchr(e.undefined, '\0', sizeof e.undefined));
    assert_non_null(memchr(e.unique, '\0', sizeof e.unique));
    assert_true(e.build_id_n <= sizeof e.build_id);
    assert_true(e.runs >= -1);
    wr_elf_fini(&e);
}

static void break_every_byte(const unsigned char *bytes, size_t n)
{
    static const unsigned char flips[] = {0xff, 0x80, 0x01};
    int fd = memory_file(bytes, n);

    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; bytes[i] != 0 || i < 0x400 ? k < WR_COUNT(flips) : k < 1; k++) {
            unsigned char broken = bytes[i] ^ flips[k];

            assert_int_equal(pwrite(fd, &broken, 1, (off_t)i), 1);
            assert_sane(fd);
        }
        assert_int_equal(pwrite(fd, bytes + i, 1, (off_t)i), 1);
    }
    for (size_t left = n; left-- > 0;) {
        assert_int_equal(ftruncate(fd, (off_t)left), 0);
        assert_sane(fd);
    }
    close(fd);
}

static void elf__real_plugin_broken__never_crashes(void **state)
{
    size_t n;
    unsigned char *bytes = load(WR_TEST_ELF_C, &n);

    (void)state;
    break_every_byte(bytes, n);
    for (size_t left = SELFMAG; left < sizeof(ElfW(Ehdr)) + sizeof(ElfW(Phdr)); left++)
        assert_refused(bytes, left, "the file is cut short");
    free(bytes);
}

static void elf__built_plugin_broken__never_crashes(void **state)
{
    unsigned char file[FILE_MAX];

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct image im = {.symbols = descriptor, .symbols_n = 1, .is_gnu_hash = i == 1};

        add_weir_note(&im, 1, 0,
                      BYTES0(".name = \"a\\n\"\0.config_schema = R\"(x)\"\0.runs = (0x1)"));
        break_every_byte(file, build(&im, file));
    }
}

static void elf__offset_at_the_edge_of_the_type__is_refused(void **state)
{
    unsigned char file[FILE_MAX];
    struct image im = {.symbols = descriptor, .symbols_n = 1};
    size_t n = build(&im, file);
    ElfW(Ehdr) header;
    ElfW(Phdr) load;
    ElfW(Dyn) strings;

    (void)state;
    memcpy(&header, file, sizeof header);
    header.e_phoff = (ElfW(Off)) - 8;
    memcpy(file, &header, sizeof header);
    assert_refused(file, n, "the file is cut short");
    build(&im, file);
    memcpy(&load, file + sizeof header, sizeof load);
    load.p_offset = (ElfW(Off)) - 0x100; /* with these two it wraps to the right place */
    load.p_vaddr -= 0x100;
    load.p_filesz += 0x100;
    memcpy(file + sizeof header, &load, sizeof load);
    if (sizeof(void *) == 8) /* in 32 bits it does not wrap, as we reckon with 64 */
        assert_refused(file, n, "an address of the dynamic section is outside of the file");
    build(&im, file);
    memcpy(&strings, file + DYNAMIC_AT + 4 * sizeof strings, sizeof strings);
    assert_int_equal(strings.d_tag, DT_STRSZ);
    strings.d_un.d_val = (ElfW(Xword)) - 1;
    memcpy(file + DYNAMIC_AT + 4 * sizeof strings, &strings, sizeof strings);
    assert_refused(file, n, "an address of the dynamic section is outside of the file");
}

static void elf__huge_note_segment__is_cut_short(void **state)
{
    unsigned char file[FILE_MAX];
    size_t n = build(&(struct image){0}, file), at = sizeof(ElfW(Ehdr)) + 2 * sizeof(ElfW(Phdr));
    ElfW(Phdr) notes;

    (void)state;
    memcpy(&notes, file + at, sizeof notes);
    notes.p_filesz = 1U << 30;
    memcpy(file + at, &notes, sizeof notes);
    assert_refused(file, n, "the file is cut short");
}

static void elf__hash_of_undefined_symbol__is_refused(void **state)
{
    unsigned char file[FILE_MAX];
    struct image im = {.symbols = descriptor, .symbols_n = 1, .is_gnu_hash = true};
    size_t n = build(&im, file);
    uint32_t first = 2; /* above the one in the bucket */

    (void)state;
    memcpy(file + HASH_AT + 4, &first, sizeof first);
    assert_refused(file, n, "the symbol table is broken");
}

WR_TESTS(cmocka_unit_test(elf__plugin_in_c__is_read),
         cmocka_unit_test(elf__no_section_headers__is_read),
         cmocka_unit_test(elf__plugin_in_cxx__is_read),
         cmocka_unit_test(elf__other_file__says_what_it_is),
         cmocka_unit_test(elf__descriptor_of_no_file__is_an_error),
         cmocka_unit_test(elf__executable__is_refused),
         cmocka_unit_test(elf__other_type__says_which),
         cmocka_unit_test(elf__other_machine__says_which),
         cmocka_unit_test(elf__descriptor__is_exported_data),
         cmocka_unit_test(elf__symbols__undefined_and_unique_are_named),
         cmocka_unit_test(elf__library_path__origin_is_found),
         cmocka_unit_test(elf__exports__besides_the_descriptor_are_named),
         cmocka_unit_test(elf__library_path__relative_folder_is_told),
         cmocka_unit_test(elf__needed_library__ours_is_told),
         cmocka_unit_test(elf__fields__are_told_apart),
         cmocka_unit_test(elf__name__fits_or_is_not_given),
         cmocka_unit_test(elf__notes__are_found_among_others),
         cmocka_unit_test(elf__two_weir_notes__fields_are_not_known),
         cmocka_unit_test(elf__broken_note__is_refused),
         cmocka_unit_test(elf__note_past_its_segment__is_left_out),
         cmocka_unit_test(elf__real_plugin_broken__never_crashes),
         cmocka_unit_test(elf__built_plugin_broken__never_crashes),
         cmocka_unit_test(elf__offset_at_the_edge_of_the_type__is_refused),
         cmocka_unit_test(elf__huge_note_segment__is_cut_short),
         cmocka_unit_test(elf__hash_of_undefined_symbol__is_refused));
