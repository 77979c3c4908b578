#include "handlers/listing.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include "base/html.h"
#include "base/json_text.h"
#include "base/utf8.h"
#include "handlers/listing_html.inc"
#include "http/date.h"

#define NAME_SHARE          ((size_t)80) /* bytes an entry that all names may have together … */
#define NAMES_MORE          ((size_t)65536) /* … and so many more, for few with long names */
#define TEXT_GROWTH         ((size_t)6)     /* times as long a byte becomes as text: "&quot;" */
#define HREF_GROWTH         ((size_t)3)     /* "%20" */
#define MARKUP_MAX          ((size_t)512)   /* bytes of a row, link or line beside what grows */
#define UNICODE_REPLACEMENT "\xef\xbf\xbd"

static const struct {
    struct wr_slice name, heading;
    bool is_descending_first; /* who sorts by it looks for the largest, or the newest */
} keys[] = {
    [WR_LISTING_NAME] = {{"name", 4}, {"Name", 4}, false},
    [WR_LISTING_SIZE] = {{"size", 4}, {"Size", 4}, true},
    [WR_LISTING_MODIFIED] = {{"modified", 8}, {"Modified (UTC)", 14}, true},
};

#define KEYS_N (sizeof keys / sizeof keys[0])

/* ---- order ---- */

static bool read_key(struct wr_slice value, enum wr_listing_key *key)
{
    for (size_t i = 0; i < KEYS_N; i++) {
        if (wr_slice_eq(value, keys[i].name)) {
            *key = (enum wr_listing_key)i;
            return true;
        }
    }
    return false;
}

static bool read_direction(struct wr_slice value, bool *is_descending)
{
    *is_descending = wr_slice_eq(value, WR_SLICE("desc"));
    return *is_descending || wr_slice_eq(value, WR_SLICE("asc"));
}

struct wr_listing_order wr_listing_order(struct wr_slice query)
{
    static const struct wr_slice sort = {"sort=", 5}, direction = {"order=", 6};
    struct wr_listing_order order = {.key = WR_LISTING_NAME};
    bool has_key = false, has_direction = false;

    while (query.n > 0) {
        const char *end = memchr(query.p, '&', query.n);
        struct wr_slice pair = wr_slice(query.p, end ? (size_t)(end - query.p) : query.n);

        if (!has_key && wr_slice_starts(pair, sort))
            has_key = read_key(wr_slice_from(pair, sort.n), &order.key);
        else if (!has_direction && wr_slice_starts(pair, direction))
            has_direction = read_direction(wr_slice_from(pair, direction.n), &order.is_descending);
        query = wr_slice_from(query, end ? pair.n + 1 : pair.n);
    }
    return order;
}

/* Never 0 for two names of one folder, so that any sort has the same outcome. */
static int compare_names(struct wr_slice a, struct wr_slice b)
{
    size_t n = a.n < b.n ? a.n : b.n;

    for (size_t i = 0; i < n; i++) {
        unsigned char x = (unsigned char)wr_ascii_lower(a.p[i]);
        unsigned char y = (unsigned char)wr_ascii_lower(b.p[i]);

        if (x != y)
            return x < y ? -1 : 1;
    }
    if (a.n != b.n)
        return a.n < b.n ? -1 : 1;
    return memcmp(a.p, b.p, n);
}

static int compare_numbers(int64_t a, int64_t b)
{
    return a < b ? -1 : a > b;
}

static bool is_folder(const struct wr_folder_entry *e)
{
    return e->info.kind == WR_FILE_DIRECTORY;
}

static int compare_keys(const struct wr_folder_entry *a, const struct wr_folder_entry *b,
                        enum wr_listing_key key)
{
    int seconds;

    switch (key) {
    case WR_LISTING_SIZE: /* of a folder it says nothing */
        return is_folder(a) ? 0 : compare_numbers(a->info.size, b->info.size);
    case WR_LISTING_MODIFIED:
        seconds = compare_numbers(a->info.mtime_s, b->info.mtime_s);
        return seconds ? seconds : compare_numbers(a->info.mtime_ns, b->info.mtime_ns);
    case WR_LISTING_NAME:
        break;
    }
    return compare_names(a->name, b->name);
}

static int compare(const void *left, const void *right, void *arg)
{
    const struct wr_folder_entry *a = left, *b = right;
    const struct wr_listing_order *order = arg;
    int result;

    if (is_folder(a) != is_folder(b))
        return is_folder(a) ? -1 : 1;
    result = compare_keys(a, b, order->key);
    if (result == 0)
        return compare_names(a->name, b->name);
    return order->is_descending ? -result : result;
}

/* ---- what both forms are made of ---- */

/* A listing that is being written. An overflow of `b` means that memory has run out. */
struct listing {
    const struct wr_listing_setup *setup;
    struct wr_folder folder; /* without what is hidden, in order */
    struct wr_buf b;
};

/* Room for n more bytes; without it the buffer overflows, and stays so. */
static void reserve(struct wr_buf *b, size_t n)
{
    size_t cap = b->cap + b->cap / 2 + n;
    char *p;

    if (b->overflow || n <= wr_buf_room(b))
        return;
    p = realloc(b->p, cap);
    if (!p) {
        b->overflow = true;
        return;
    }
    b->p = p;
    b->cap = cap;
}

static bool is_unreserved(char c)
{
    char lower = wr_ascii_lower(c);

    return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_' || c == '~';
}

/*
 * A name as a relative reference. All but the unreserved characters of RFC 3986 2.3 is escaped:
 * also ':', which would end a scheme in a first segment (4.2), and '&' and '\'', which mean something
 * to HTML.
 */
static void append_href(struct wr_buf *b, const struct wr_folder_entry *e)
{
    static const char digits[] = "0123456789ABCDEF";

    for (size_t i = 0; i < e->name.n; i++) {
        unsigned char c = (unsigned char)e->name.p[i];

        if (is_unreserved((char)c)) {
            wr_buf_char(b, (char)c);
            continue;
        }
        wr_buf_char(b, '%');
        wr_buf_char(b, digits[c >> 4]);
        wr_buf_char(b, digits[c & 15]);
    }
    if (is_folder(e))
        wr_buf_char(b, '/');
}

static void append_date(struct wr_buf *b, const struct wr_folder_entry *e)
{
    char text[WR_DATE_TIME_LEN];

    wr_date_time_format(e->info.mtime_s, text);
    wr_buf_append(b, text, sizeof text);
}

/* ---- JSON ---- */

static void append_json_text(struct wr_buf *b, struct wr_slice text)
{
    size_t room = text.n * strlen(UNICODE_REPLACEMENT) + 1;
    char *memory = malloc(room);
    struct wr_buf utf8 = wr_buf_on(memory, memory ? room : 0);

    while (text.n > 0) {
        uint32_t code;
        size_t n = wr_utf8_read(text, &code);

        if (n == 0)
            WR_BUF_LITERAL(&utf8, UNICODE_REPLACEMENT);
        else
            wr_buf_append(&utf8, text.p, n);
        text = wr_slice_from(text, n > 0 ? n : 1);
    }
    if (memory)
        wr_json_text(b, wr_buf_slice(&utf8), SIZE_MAX);
    else
        b->overflow = true;
    free(memory);
}

static void append_json_entry(struct wr_buf *b, const struct wr_folder_entry *e)
{
    reserve(b, MARKUP_MAX + (WR_JSON_GROWTH + HREF_GROWTH) * e->name.n);
    WR_BUF_LITERAL(b, "{\"name\":");
    append_json_text(b, e->name);
    if (is_folder(e)) {
        WR_BUF_LITERAL(b, ",\"type\":\"directory\"");
    } else {
        WR_BUF_LITERAL(b, ",\"type\":\"file\",\"size\":");
        wr_buf_u64(b, (uint64_t)e->info.size);
    }
    WR_BUF_LITERAL(b, ",\"modified\":\"");
    append_date(b, e);
    WR_BUF_LITERAL(b, "\",\"href\":\"");
    append_href(b, e);
    WR_BUF_LITERAL(b, "\"}");
}

static void write_json(struct listing *l)
{
    struct wr_buf *b = &l->b;

    reserve(b, MARKUP_MAX + WR_JSON_GROWTH * l->setup->address.n);
    WR_BUF_LITERAL(b, "{\"path\":");
    append_json_text(b, l->setup->address);
    WR_BUF_LITERAL(b, ",\"entries\":[");
    for (size_t i = 0; i < l->folder.n && !b->overflow; i++) {
        reserve(b, MARKUP_MAX);
        wr_buf_slice_append(b, i > 0 ? WR_SLICE(",\n") : WR_SLICE("\n"));
        append_json_entry(b, &l->folder.v[i]);
    }
    reserve(b, MARKUP_MAX);
    WR_BUF_LITERAL(b, "\n]");
    if (l->folder.is_cut)
        WR_BUF_LITERAL(b, ",\"truncated\":true");
    WR_BUF_LITERAL(b, "}\n");
}

/* ---- HTML: text ---- */

/* What would turn the text around it, or end its line: controls of ISO 6429 above ASCII; line and
 * paragraph separator, embeddings and overrides; isolates (Unicode, UAX #9). */
static bool is_confusing(uint32_t code)
{
    return (code >= 0x80 && code < 0xa0) || (code >= 0x2028 && code <= 0x202e) ||
           (code >= 0x2066 && code <= 0x2069);
}

/* Of a control character of ASCII: the picture of it, U+2400 and on. */
static void append_picture(struct wr_buf *b, uint32_t code)
{
    WR_BUF_LITERAL(b, "\xe2\x90");
    wr_buf_char(b, (char)(code == 0x7f ? 0xa1 : 0x80 + code));
}

static void append_text(struct wr_buf *b, struct wr_slice text)
{
    while (text.n > 0) {
        uint32_t code = 0;
        size_t n = wr_utf8_read(text, &code);

        if (n == 0 || is_confusing(code))
            WR_BUF_LITERAL(b, UNICODE_REPLACEMENT);
        else if (code < 0x20 || code == 0x7f)
            append_picture(b, code);
        else
            wr_html_append(b, wr_slice(text.p, n));
        text = wr_slice_from(text, n > 0 ? n : 1);
    }
}

/* "1 file", "2 files" */
static void append_count(struct wr_buf *b, uint64_t count, const char *what)
{
    wr_buf_u64(b, count);
    wr_buf_char(b, ' ');
    wr_buf_slice_append(b, wr_slice_of(what));
    if (count != 1)
        wr_buf_char(b, 's');
}

/* "999 B", "9.8 KiB", "10 KiB": rounded half up, one decimal below ten. */
static void append_size(struct wr_buf *b, uint64_t size)
{
    static const char *const units[] = {" B", " KiB", " MiB", " GiB", " TiB", " PiB", " EiB"};
    uint64_t unit = 1, tenths;
    size_t i = 0;

    /* What would be rounded up to 1024 is one of the next unit. */
    while (i + 1 < sizeof units / sizeof units[0] && size >= 1024 * unit - unit / 2) {
        unit *= 1024;
        i++;
    }
    tenths = size / unit * 10 + (size % unit * 10 + unit / 2) / unit;
    if (i > 0 && tenths < 100) {
        wr_buf_u64(b, tenths / 10);
        wr_buf_char(b, '.');
        wr_buf_u64(b, tenths % 10);
    } else {
        wr_buf_u64(b, size / unit + (size % unit >= unit - unit / 2));
    }
    wr_buf_slice_append(b, wr_slice_of(units[i]));
}

/* ---- HTML: the way up ---- */

/* How many folders `path` is beneath the root. */
static size_t depth_of(const char *path)
{
    size_t depth = 0;

    for (size_t i = 0; path[i]; i++)
        if (path[i] != '/' && (path[i + 1] == '/' || !path[i + 1]))
            depth++;
    return depth;
}

/* Cuts the last `n` segments off an address, of which each ends in '/'; what is left of it. */
static struct wr_slice climb(struct wr_slice address, size_t n)
{
    for (; n > 0 && address.n > 1; n--)
        do
            address.n--;
        while (address.n > 1 && address.p[address.n - 1] != '/');
    return address;
}

static void append_crumb(struct wr_buf *b, struct wr_slice name, size_t levels)
{
    reserve(b, MARKUP_MAX + levels * strlen("../") + TEXT_GROWTH * name.n);
    WR_BUF_LITERAL(b, "<li><a href=\"");
    for (size_t i = 0; i < levels; i++)
        WR_BUF_LITERAL(b, "../");
    WR_BUF_LITERAL(b, "\"><bdi>");
    append_text(b, name);
    WR_BUF_LITERAL(b, "</bdi></a></li>\n");
}

/* Links to the folders above, from the root on. Its name is what leads to it: a route's prefix. */
static void append_crumbs(struct wr_buf *b, struct wr_slice address, size_t depth)
{
    struct wr_slice above = climb(address, depth);

    reserve(b, MARKUP_MAX);
    WR_BUF_LITERAL(b, "<nav aria-label=\"Folders above\">\n<ol>\n");
    append_crumb(b, above, depth);
    for (size_t levels = depth - 1; levels > 0; levels--) {
        struct wr_slice here = climb(address, levels);

        append_crumb(b, wr_slice(here.p + above.n, here.n - above.n), levels);
        above = here;
    }
    reserve(b, MARKUP_MAX);
    WR_BUF_LITERAL(b, "</ol>\n</nav>\n");
}

static void append_h1(struct wr_buf *b, struct wr_slice address, size_t depth)
{
    size_t above = depth > 0 ? climb(address, 1).n : 0;

    reserve(b, MARKUP_MAX + TEXT_GROWTH * address.n);
    WR_BUF_LITERAL(b, LISTING_H1);
    append_text(b, wr_slice_from(address, above));
    WR_BUF_LITERAL(b, LISTING_H1_END);
}

/* ---- HTML: the table ---- */

static void append_summary(struct wr_buf *b, const struct wr_folder *f)
{
    uint64_t folders = 0, size = 0;

    reserve(b, MARKUP_MAX);
    for (size_t i = 0; i < f->n; i++) {
        if (is_folder(&f->v[i]))
            folders++;
        else
            size += (uint64_t)f->v[i].info.size;
    }
    WR_BUF_LITERAL(b, "<p>");
    if (folders > 0)
        append_count(b, folders, "folder");
    if (folders > 0 && folders < f->n)
        WR_BUF_LITERAL(b, ", ");
    if (folders < f->n) {
        append_count(b, f->n - folders, "file");
        WR_BUF_LITERAL(b, ", ");
        append_size(b, size);
    }
    if (f->n == 0 && !f->is_cut)
        WR_BUF_LITERAL(b, "This folder is empty.");
    if (f->is_cut)
        WR_BUF_LITERAL(b, " <strong>There is more in this folder than can be listed.</strong> "
                          "What is missing here can still be opened by its address.");
    WR_BUF_LITERAL(b, "</p>\n");
}

/* The heading of a column links to the order by it, or turns the one that there is. The order
 * that nobody has to ask for is at the folder's own address. */
static void append_heading(struct wr_buf *b, enum wr_listing_key key, struct wr_listing_order now)
{
    bool is_current = key == now.key;
    bool is_descending = is_current ? !now.is_descending : keys[key].is_descending_first;

    reserve(b, MARKUP_MAX);
    WR_BUF_LITERAL(b, "<th scope=\"col\"");
    if (is_current && now.is_descending)
        WR_BUF_LITERAL(b, " aria-sort=\"descending\"");
    else if (is_current)
        WR_BUF_LITERAL(b, " aria-sort=\"ascending\"");
    WR_BUF_LITERAL(b, "><a rel=\"nofollow\" href=\"");
    if (key == WR_LISTING_NAME && !is_descending) {
        WR_BUF_LITERAL(b, "./");
    } else {
        WR_BUF_LITERAL(b, "?sort=");
        wr_buf_slice_append(b, keys[key].name);
        WR_BUF_LITERAL(b, "&amp;order=");
        wr_buf_slice_append(b, is_descending ? WR_SLICE("desc") : WR_SLICE("asc"));
    }
    WR_BUF_LITERAL(b, "\">");
    wr_buf_slice_append(b, keys[key].heading);
    WR_BUF_LITERAL(b, "</a></th>");
}

static void append_size_cell(struct wr_buf *b, uint64_t size)
{
    WR_BUF_LITERAL(b, "<td title=\"");
    append_count(b, size, "byte");
    WR_BUF_LITERAL(b, "\">");
    append_size(b, size);
    WR_BUF_LITERAL(b, "</td>");
}

/* <time datetime="2026-01-02T03:04:05Z">2026-01-02 03:04</time> */
static void append_date_cell(struct wr_buf *b, const struct wr_folder_entry *e)
{
    size_t start;

    WR_BUF_LITERAL(b, "<td><time datetime=\"");
    start = b->n;
    append_date(b, e);
    WR_BUF_LITERAL(b, "\">");
    if (!b->overflow) {
        wr_buf_append(b, b->p + start, 10);
        wr_buf_char(b, ' ');
        wr_buf_append(b, b->p + start + 11, 5);
    }
    WR_BUF_LITERAL(b, "</time></td>");
}

static void append_row(struct wr_buf *b, const struct wr_folder_entry *e)
{
    reserve(b, MARKUP_MAX + (HREF_GROWTH + TEXT_GROWTH) * e->name.n);
    if (is_folder(e))
        WR_BUF_LITERAL(b, "<tr class=\"d\">");
    else
        WR_BUF_LITERAL(b, "<tr>");
    WR_BUF_LITERAL(b, "<th scope=\"row\"><a href=\"");
    append_href(b, e);
    WR_BUF_LITERAL(b, "\"><bdi>");
    append_text(b, e->name);
    WR_BUF_LITERAL(b, "</bdi>");
    if (is_folder(e))
        wr_buf_char(b, '/');
    WR_BUF_LITERAL(b, "</a></th>");
    if (is_folder(e))
        WR_BUF_LITERAL(b, "<td></td>");
    else
        append_size_cell(b, (uint64_t)e->info.size);
    append_date_cell(b, e);
    WR_BUF_LITERAL(b, "</tr>\n");
}

static void append_table(struct listing *l, bool has_parent)
{
    struct wr_buf *b = &l->b;

    reserve(b, MARKUP_MAX);
    WR_BUF_LITERAL(b, LISTING_TABLE);
    for (size_t i = 0; i < KEYS_N; i++)
        append_heading(b, (enum wr_listing_key)i, l->setup->order);
    reserve(b, MARKUP_MAX);
    WR_BUF_LITERAL(b, LISTING_ROWS);
    if (has_parent)
        WR_BUF_LITERAL(b, "<tr class=\"d\"><th scope=\"row\">"
                          "<a href=\"../\" aria-label=\"Parent folder\">..</a></th>"
                          "<td></td><td></td></tr>\n");
    for (size_t i = 0; i < l->folder.n && !b->overflow; i++)
        append_row(b, &l->folder.v[i]);
    reserve(b, MARKUP_MAX);
    WR_BUF_LITERAL(b, LISTING_TABLE_END);
}

static void write_html(struct listing *l)
{
    struct wr_slice address = l->setup->address;
    size_t depth = depth_of(l->setup->path);
    struct wr_buf *b = &l->b;

    reserve(b, sizeof(LISTING_HEAD LISTING_STYLE) + MARKUP_MAX + TEXT_GROWTH * address.n);
    WR_BUF_LITERAL(b, LISTING_HEAD);
    WR_BUF_LITERAL(b, "Index of ");
    append_text(b, address);
    WR_BUF_LITERAL(b, LISTING_STYLE);
    if (depth > 0)
        append_crumbs(b, address, depth);
    append_h1(b, address, depth);
    append_summary(b, &l->folder);
    if (l->folder.n > 0)
        append_table(l, depth > 0);
    reserve(b, sizeof LISTING_TAIL);
    WR_BUF_LITERAL(b, LISTING_TAIL);
}

/* ---- making one ---- */

static bool is_hidden(const struct wr_listing_setup *setup, struct wr_slice name)
{
    if (setup->shows_hidden || name.p[0] != '.')
        return false;
    return depth_of(setup->path) > 0 || !wr_slice_eq(name, WR_SLICE(".well-known"));
}

/* What is too long for a path cannot be asked for. */
static bool is_refused(const struct wr_listing_setup *setup, const struct wr_folder_entry *e)
{
    size_t path_n = strlen(setup->path);
    char memory[PATH_MAX];
    struct wr_buf path = wr_buf_on(memory, sizeof memory);

    if (!setup->hides)
        return false;
    wr_buf_char(&path, '/');
    wr_buf_append(&path, setup->path, path_n);
    if (path_n > 0 && setup->path[path_n - 1] != '/')
        wr_buf_char(&path, '/');
    wr_buf_slice_append(&path, e->name);
    if (is_folder(e))
        wr_buf_char(&path, '/');
    return path.overflow || setup->hides(setup->ctx, wr_buf_slice(&path));
}

static void drop_hidden(const struct wr_listing_setup *setup, struct wr_folder *f)
{
    size_t n = 0;

    for (size_t i = 0; i < f->n; i++)
        if (!is_hidden(setup, f->v[i].name) && !is_refused(setup, &f->v[i]))
            f->v[n++] = f->v[i];
    f->n = n;
}

static struct wr_folder_limits limits_of(const struct wr_listing_setup *setup)
{
    size_t entries = setup->entries_max;

    if (entries == 0 || entries > WR_LISTING_ENTRIES_MAX)
        entries = WR_LISTING_ENTRIES_MAX;
    return (struct wr_folder_limits){entries, NAME_SHARE * entries + NAMES_MORE};
}

/* The listing grew by halves: what it does not need is given back. */
static int hand_over(struct wr_buf *b, char **out, size_t *n)
{
    char *fitted;

    if (b->overflow) {
        free(b->p);
        return -ENOMEM;
    }
    fitted = realloc(b->p, b->n);
    *out = fitted ? fitted : b->p;
    *n = b->n;
    return 0;
}

int wr_listing_make(const struct wr_root *root, const struct wr_listing_setup *setup, char **out,
                    size_t *n)
{
    struct listing l = {.setup = setup};
    struct wr_listing_order order = setup->order;
    struct wr_folder_limits limits = limits_of(setup);
    int err = wr_root_read_folder(root, setup->path, &limits, &l.folder);

    *out = NULL;
    *n = 0;
    if (err < 0)
        return err;
    drop_hidden(setup, &l.folder);
    if (l.folder.n > 1)
        qsort_r(l.folder.v, l.folder.n, sizeof *l.folder.v, compare, &order);
    if (setup->format == WR_LISTING_JSON)
        write_json(&l);
    else
        write_html(&l);
    wr_folder_free(&l.folder);
    return hand_over(&l.b, out, n);
}
