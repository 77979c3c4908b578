/* What a path leads to: path_resolution(7) and symlink(7) on the tree in memory, with the rules for a
 * root of openat2(2), RESOLVE_BENEATH. The policy for targets is that of docs/configuration.md. */
#include <limits.h>

#include "traps.h"

#define LINKS_MAX 40 /* symlink(7); the 41st is ELOOP */

struct walk {
    const struct trap_node *at;
    int links;
};

static enum trap_outcome walk(struct walk *w, struct wr_slice path);

static enum trap_outcome step_into(struct walk *w, struct wr_slice name)
{
    const struct trap_node *child = trap_child(w->at, name);

    if (!child)
        return TRAP_IS_NOT_THERE;
    if (child->kind != TRAP_LINK) {
        w->at = child;
        return TRAP_IS_FILE;
    }
    if (++w->links > LINKS_MAX || child->content.p[0] == '/')
        return TRAP_IS_NOT_THERE;
    return walk(w, child->content);
}

/* TRAP_IS_FILE as long as nothing is in the way. */
static enum trap_outcome step(struct walk *w, struct wr_slice part)
{
    if (w->at->kind != TRAP_FOLDER)
        return TRAP_IS_NOT_THERE;
    if (part.n == 0) /* a '/' alone: it is a folder, and no name was looked up in it */
        return TRAP_IS_FILE;
    if (!trap_is_searchable(w->at))
        return TRAP_IS_DENIED;
    if (part.n == 1 && part.p[0] == '.')
        return TRAP_IS_FILE;
    if (part.n == 2 && memcmp(part.p, "..", 2) == 0) {
        if (w->at == trap_root())
            return TRAP_IS_NOT_THERE;
        w->at = w->at->parent;
        return TRAP_IS_FILE;
    }
    return step_into(w, part);
}

static enum trap_outcome walk(struct walk *w, struct wr_slice path) /* NOLINT(misc-no-recursion) */
{
    enum trap_outcome outcome = TRAP_IS_FILE;
    size_t at = 0;

    while (outcome == TRAP_IS_FILE && at <= path.n) {
        const char *slash = at < path.n ? memchr(path.p + at, '/', path.n - at) : NULL;
        size_t end = slash ? (size_t)(slash - path.p) : path.n;

        outcome = step(w, wr_slice(path.p + at, end - at));
        at = end + 1;
    }
    return outcome;
}

struct trap_place trap_resolve(struct wr_slice path)
{
    struct walk w = {.at = trap_root()};
    enum trap_outcome outcome = TRAP_IS_NOT_THERE;

    if (path.n < PATH_MAX)
        outcome = walk(&w, path);
    if (outcome == TRAP_IS_FILE && w.at->kind != TRAP_FILE)
        outcome = w.at->kind == TRAP_FOLDER ? TRAP_IS_FOLDER : TRAP_IS_NOT_THERE;
    return (struct trap_place){outcome, w.at};
}

/* ---- targets ---- */

static int digit_of(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = c ? strchr(digits, c | 0x20) : NULL;

    if (c >= '0' && c <= '9')
        return c - '0';
    return at && c >= 'A' ? (int)(at - digits) : -1;
}

static bool unescape(struct wr_slice path, char *out, size_t *n)
{
    *n = 0;
    for (size_t i = 0; i < path.n; i++) {
        char c = path.p[i];

        if (c == '%') {
            int high = i + 1 < path.n ? digit_of(path.p[i + 1]) : -1;
            int low = i + 2 < path.n ? digit_of(path.p[i + 2]) : -1;

            if (high < 0 || low < 0)
                return false;
            c = (char)(high << 4 | low);
            i += 2;
        }
        if (c == '\0')
            return false;
        out[(*n)++] = c;
    }
    return true;
}

/* Segments are kept on a stack, of which `ends` says where each ends in `out`. */
bool trap_decode(struct wr_slice path, char *out, size_t *n)
{
    static char text[TRAP_TARGET + 1];
    static size_t ends[TRAP_TARGET + 1];
    size_t depth = 0, text_n;
    bool is_folder = true;

    if (!unescape(path, text, &text_n))
        return false;
    *n = 0;
    for (size_t at = 0; at < text_n;) {
        const char *slash = memchr(text + at, '/', text_n - at);
        size_t end = slash ? (size_t)(slash - text) : text_n, len = end - at;
        bool is_up = len == 2 && text[at] == '.' && text[at + 1] == '.';

        if (is_up && depth == 0)
            return false;
        if (is_up) {
            depth--;
            *n = depth > 0 ? ends[depth - 1] : 0;
        } else if (len > 0 && !(len == 1 && text[at] == '.')) {
            out[(*n)++] = '/';
            memcpy(out + *n, text + at, len);
            *n += len;
            ends[depth++] = *n;
            is_folder = slash != NULL;
            at = end + 1;
            continue;
        }
        is_folder = true;
        at = end + 1;
    }
    if (is_folder)
        out[(*n)++] = '/';
    return true;
}
