/*
 * table.h — options.def as data: what reading, printing and describing a configuration go through.
 *
 * Threads: constant, so any.
 */
#ifndef WR_CONFIG_TABLE_H
#define WR_CONFIG_TABLE_H

#include "base/slice.h"
#include "config/options.h"

enum wr_option_kind {
    WR_FLAG,
    WR_NUMBER,
    WR_ONE_OF,
    WR_TEXT,
    WR_PATH,
    WR_MODE,
    WR_CHOICE,
    WR_TEXTS,
    WR_PART,
    WR_PARTS,
    WR_PAGES,
    WR_MAP,
    WR_OBJECT
};

struct wr_section;

struct wr_option {
    const char *section, *key, *doc;
    enum wr_option_kind kind;
    size_t offset;               /* in the struct of the section */
    int64_t absent, min, max;    /* of a number; absent also of a flag */
    const char *text;            /* the default of a text, a choice, or texts (JSON) */
    const char *words;           /* "a|b|c" */
    const struct wr_section *of; /* of parts */
};

struct wr_section {
    const char *name, *doc;
    const struct wr_option *v;
    size_t n;
    size_t size; /* of its struct */
};

/* In the order of options.def, so that the last is that of the top level. */
extern const struct wr_section *const wr_sections[];
extern const size_t wr_sections_n;

const struct wr_section *wr_section_root(void);
const struct wr_section *wr_section_route(void);

/* Of a key of routes: the kind of route that has it, "static" also of "static" itself; NULL: all
 * have. */
const char *wr_route_kind_of(const char *key);

/* Of a number. Its default is allowed where it is out of the range, too: 0, for what is said
 * elsewhere. */
bool wr_number_is_in_range(const struct wr_option *option, int64_t value);
bool wr_number_is_allowed(const struct wr_option *option, int64_t value);

/* Is null a value of this map, and not nothing? */
bool wr_map_has_null(const struct wr_option *option);

/* NULL: there is none. */
const struct wr_option *wr_section_find(const struct wr_section *section, const char *key);

/* Every struct of a list, whatever it is of, has its items and their number here. */
#define WR_LIST_V 0
#define WR_LIST_N sizeof(void *)

/* Word i of "a|b|c"; absent: there are not as many. */
struct wr_slice wr_word_at(const char *words, size_t i);

/* Its place there; -1: it is none of them. */
int wr_word_find(const char *words, struct wr_slice word);

#endif
