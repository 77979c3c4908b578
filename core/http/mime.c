#include "http/mime.h"

#include <stdlib.h>

struct mime {
    struct wr_slice ending, type;
};

/* Both in the order of compare(). */
static const struct mime table[] = {
#define X(ending, type) {{ending, sizeof(ending) - 1}, {type, sizeof(type) - 1}},
#define C(type)
#include "http/mime_table.inc"
#undef X
#undef C
};

static const struct wr_slice compressible[] = {
#define X(ending, type)
#define C(type) {type, sizeof(type) - 1},
#include "http/mime_table.inc"
#undef X
#undef C
};

/* The lower case of a against b, which has no capitals. */
static int compare(struct wr_slice a, struct wr_slice b)
{
    for (size_t i = 0; i < a.n && i < b.n; i++) {
        char c = wr_ascii_lower(a.p[i]);

        if (c != b.p[i])
            return (unsigned char)c < (unsigned char)b.p[i] ? -1 : 1;
    }
    return a.n == b.n ? 0 : a.n < b.n ? -1 : 1;
}

static int compare_ending(const void *key, const void *element)
{
    return compare(*(const struct wr_slice *)key, ((const struct mime *)element)->ending);
}

static int compare_type(const void *key, const void *element)
{
    return compare(*(const struct wr_slice *)key, *(const struct wr_slice *)element);
}

/* What follows the last dot of the name; empty when there is none or the name begins with it. */
static struct wr_slice ending_of(struct wr_slice path)
{
    const char *slash = path.n > 0 ? memrchr(path.p, '/', path.n) : NULL;
    struct wr_slice name = slash ? wr_slice_from(path, (size_t)(slash - path.p) + 1) : path;
    const char *dot = name.n > 0 ? memrchr(name.p, '.', name.n) : NULL;

    if (!dot || dot == name.p)
        return WR_SLICE("");
    return wr_slice_from(name, (size_t)(dot - name.p) + 1);
}

struct wr_slice wr_mime_of_path(struct wr_slice path)
{
    struct wr_slice ending = ending_of(path);
    const struct mime *found =
        bsearch(&ending, table, sizeof table / sizeof table[0], sizeof table[0], compare_ending);

    return found ? found->type : WR_SLICE("application/octet-stream");
}

static bool ends_with(struct wr_slice s, struct wr_slice end)
{
    return s.n >= end.n && wr_slice_ieq(wr_slice_from(s, s.n - end.n), end);
}

/* gen-mime has the same rule, and leaves out of the table what follows it. */
static bool is_named_like_text(struct wr_slice type)
{
    const struct wr_slice text = WR_SLICE("text/");

    return (type.n > text.n && wr_slice_ieq(wr_slice(type.p, text.n), text)) ||
           ends_with(type, WR_SLICE("+json")) || ends_with(type, WR_SLICE("+xml")) ||
           ends_with(type, WR_SLICE("+text"));
}

bool wr_mime_is_compressible(struct wr_slice content_type)
{
    const char *semicolon = content_type.n > 0 ? memchr(content_type.p, ';', content_type.n) : NULL;
    struct wr_slice type = wr_slice_trim(
        semicolon ? wr_slice(content_type.p, (size_t)(semicolon - content_type.p)) : content_type);

    return is_named_like_text(type) ||
           bsearch(&type, compressible, sizeof compressible / sizeof compressible[0],
                   sizeof compressible[0], compare_type);
}
