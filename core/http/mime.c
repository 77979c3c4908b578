#include "http/mime.h"

#include <stdlib.h>

struct mime {
    struct wr_slice ending, type;
};

/* In the order of compare(). */
static const struct mime table[] = {
#define X(ending, type) {{ending, sizeof(ending) - 1}, {type, sizeof(type) - 1}},
#include "http/mime_table.inc"
#undef X
};

static int compare(const void *key, const void *element)
{
    struct wr_slice a = *(const struct wr_slice *)key;
    struct wr_slice b = ((const struct mime *)element)->ending;

    for (size_t i = 0; i < a.n && i < b.n; i++) {
        char c = wr_ascii_lower(a.p[i]);

        if (c != b.p[i])
            return (unsigned char)c < (unsigned char)b.p[i] ? -1 : 1;
    }
    return a.n == b.n ? 0 : a.n < b.n ? -1 : 1;
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
        bsearch(&ending, table, sizeof table / sizeof table[0], sizeof table[0], compare);

    return found ? found->type : WR_SLICE("application/octet-stream");
}
