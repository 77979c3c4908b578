#include "config/table.h"

#define ROW(s, k, member, ...)                                                                     \
    {.section = #s, .key = #k, .offset = offsetof(struct wr_##s##_options, member), __VA_ARGS__},

#define BEGIN(section, about)                                                                      \
    static const char section##_doc[] = about;                                                     \
    static const struct wr_option section##_rows[] = {
#define END(section)                                                                               \
    }                                                                                              \
    ;                                                                                              \
    static const struct wr_section section##_section = {                                           \
        #section, section##_doc, section##_rows, sizeof section##_rows / sizeof section##_rows[0], \
        sizeof(struct wr_##section##_options)};
#define FLAG(s, k, value, about) ROW(s, k, k, .kind = WR_FLAG, .absent = value, .doc = about)
#define NUMBER(s, k, value, from, to, about)                                                       \
    ROW(s, k, k, .kind = WR_NUMBER, .absent = value, .min = from, .max = to, .doc = about)
#define ONE_OF(s, k, value, numbers, about)                                                        \
    ROW(s, k, k, .kind = WR_ONE_OF, .absent = value, .words = numbers, .doc = about)
#define TEXT(s, k, value, about) ROW(s, k, k, .kind = WR_TEXT, .text = value, .doc = about)
#define PATH(s, k, about)        ROW(s, k, k##_path, .kind = WR_PATH, .doc = about)
#define MODE(s, k, about)        ROW(s, k, k, .kind = WR_MODE, .absent = -1, .doc = about)
#define CHOICE(s, k, value, choices, about)                                                        \
    ROW(s, k, k, .kind = WR_CHOICE, .text = #value, .words = choices, .doc = about)
#define TEXTS(s, k, value, about) ROW(s, k, k, .kind = WR_TEXTS, .text = value, .doc = about)
#define PART(s, k, name, about)   ROW(s, k, k, .kind = WR_PART, .of = &name##_section, .doc = about)
#define PARTS(s, k, name, about)  ROW(s, k, k, .kind = WR_PARTS, .of = &name##_section, .doc = about)
#define PAGES(s, k, about)        ROW(s, k, k, .kind = WR_PAGES, .doc = about)
#define MAP(s, k, about)          ROW(s, k, k, .kind = WR_MAP, .doc = about)
#define OBJECT(s, k, about)       ROW(s, k, k, .kind = WR_OBJECT, .doc = about)
#include "config/options.def"

#define BEGIN(section, doc) &section##_section,
#define END(section)
#define FLAG(section, key, absent, doc)
#define NUMBER(section, key, absent, min, max, doc)
#define ONE_OF(section, key, absent, words, doc)
#define TEXT(section, key, absent, doc)
#define PATH(section, key, doc)
#define MODE(section, key, doc)
#define CHOICE(section, key, absent, words, doc)
#define TEXTS(section, key, absent, doc)
#define PART(section, key, of, doc)
#define PARTS(section, key, of, doc)
#define PAGES(section, key, doc)
#define MAP(section, key, doc)
#define OBJECT(section, key, doc)
const struct wr_section *const wr_sections[] = {
#include "config/options.def"
};
const size_t wr_sections_n = sizeof wr_sections / sizeof wr_sections[0];

/* What WR_LIST_V and WR_LIST_N rely on, and the member that every struct begins with. */
#define BEGIN(section, doc)                                                                        \
    _Static_assert(offsetof(struct wr_##section##_list, v) == WR_LIST_V, "v");                     \
    _Static_assert(offsetof(struct wr_##section##_list, n) == WR_LIST_N, "n");                     \
    _Static_assert(offsetof(struct wr_##section##_options, at) == 0, "at");
#define END(section)
#define FLAG(section, key, absent, doc)
#define NUMBER(section, key, absent, min, max, doc)
#define ONE_OF(section, key, absent, words, doc)
#define TEXT(section, key, absent, doc)
#define PATH(section, key, doc)
#define MODE(section, key, doc)
#define CHOICE(section, key, absent, words, doc)
#define TEXTS(section, key, absent, doc)
#define PART(section, key, of, doc)
#define PARTS(section, key, of, doc)
#define PAGES(section, key, doc)
#define MAP(section, key, doc)
#define OBJECT(section, key, doc)
#include "config/options.def"

const struct wr_section *wr_section_root(void)
{
    return &root_section;
}

const struct wr_section *wr_section_route(void)
{
    return &route_section;
}

const struct wr_option *wr_section_find(const struct wr_section *section, const char *key)
{
    for (size_t i = 0; i < section->n; i++)
        if (strcmp(section->v[i].key, key) == 0)
            return &section->v[i];
    return NULL;
}

const char *wr_route_kind_of(const char *key)
{
    static const struct {
        const char *kind, *keys;
    } kinds[] = {
        {"static", "static|index|try|fallback|listing|dot_files|compress|types|rules"},
        {"plugin", "plugin|config|runs|threads|queue|coroutines|stack_bytes|body_bytes_max|lint"},
        {"redirect", "redirect|status"},
        {"metrics", "metrics"},
    };

    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (wr_word_find(kinds[i].keys, wr_slice_of(key)) >= 0)
            return kinds[i].kind;
    return NULL;
}

bool wr_number_is_in_range(const struct wr_option *option, int64_t value)
{
    return value >= option->min && value <= option->max;
}

bool wr_number_is_allowed(const struct wr_option *option, int64_t value)
{
    return value == option->absent || wr_number_is_in_range(option, value);
}

bool wr_map_has_null(const struct wr_option *option)
{
    return strcmp(option->section, "rule") == 0;
}

struct wr_slice wr_word_at(const char *words, size_t i)
{
    const char *end;

    for (; i > 0; i--) {
        words = strchr(words, '|');
        if (!words)
            return wr_slice(NULL, 0);
        words++;
    }
    end = strchr(words, '|');
    return wr_slice(words, end ? (size_t)(end - words) : strlen(words));
}

int wr_word_find(const char *words, struct wr_slice word)
{
    for (int i = 0;; i++) {
        struct wr_slice known = wr_word_at(words, (size_t)i);

        if (!known.p)
            return -1;
        if (wr_slice_eq(known, word))
            return i;
    }
}
