#include "config/check_static.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "app/start.h"
#include "http/field.h"
#include "server/router.h"

#define PATH_WORD "{path}"
#define TRY_MAX   1024 /* bytes of one with its word replaced: far more than anybody writes */

/* ---- paths ---- */

const char *wr_expected_index(const char *name)
{
    if (strchr(name, '/'))
        return "a name without '/'";
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return "the name of a file";
    for (const char *p = name; *p; p++)
        if ((unsigned char)*p < ' ' || *p == 0x7f)
            return "a name without control characters";
    return NULL;
}

/* Of a file: what the rules for the paths of routes say, and that there is a name at its end. */
static const char *expected_file(const char *path)
{
    const char *expected = wr_route_check_path(wr_slice_of(path));

    if (expected)
        return expected;
    if (strpbrk(path, "{}"))
        return "no word in braces but " PATH_WORD;
    return path[strlen(path) - 1] == '/' ? "the path of a file, without '/' at its end" : NULL;
}

const char *wr_expected_fallback(const char *path)
{
    return strpbrk(path, "{}") && path[0] == '/' ? "a path without '{' and '}'"
                                                 : expected_file(path);
}

/* Checks the path as one request would see it, whose path is "/x". */
const char *wr_expected_try(const char *path)
{
    static const char sample[] = "/x";
    char text[TRY_MAX];
    size_t n = 0;

    if (path[0] != '/' && strncmp(path, PATH_WORD, strlen(PATH_WORD)) != 0)
        return "a path that begins with '/' or with " PATH_WORD;
    while (*path && n < sizeof text - sizeof sample) {
        bool is_word = strncmp(path, PATH_WORD, strlen(PATH_WORD)) == 0;

        if (is_word && n > 0 && text[n - 1] == '/')
            return "no '/' before " PATH_WORD ", which begins with one";
        if (is_word)
            memcpy(text + n, sample, strlen(sample));
        else
            text[n] = *path;
        n += is_word ? strlen(sample) : 1;
        path += is_word ? strlen(PATH_WORD) : 1;
    }
    text[n] = '\0';
    return *path ? "a path of less than 1000 bytes" : expected_file(text);
}

/* ---- values of fields ---- */

static bool is_tchar(char c)
{
    return wr_char_class[(unsigned char)c] & WR_CHAR_TOKEN;
}

static bool is_digits(const char *p, const char *end)
{
    const char *begin = p;

    while (p < end && *p >= '0' && *p <= '9')
        p++;
    return p > begin && p == end;
}

/* Behind a token; NULL: there is none. */
static const char *skip_token(const char *p)
{
    const char *begin = p;

    while (is_tchar(*p))
        p++;
    return p > begin ? p : NULL;
}

/* Behind a token or a quoted string; NULL: there is neither. */
static const char *skip_word(const char *p)
{
    if (*p != '"')
        return skip_token(p);
    for (p++; *p && *p != '"'; p++)
        if (*p == '\\' && !*++p)
            return NULL;
    return *p ? p + 1 : NULL;
}

static const char *skip_blanks(const char *p)
{
    return p + strspn(p, " \t");
}

const char *wr_expected_field_value(const char *value)
{
    const char *end = value + strlen(value);

    return wr_skip_value(value, end) == end ? NULL : "a value without control characters";
}

const char *wr_expected_type(const char *value)
{
    static const char expected[] =
        "a media type, as in \"text/plain\" or \"text/html; charset=utf-8\"";
    const char *p = skip_token(value);

    p = p && *p == '/' ? skip_token(p + 1) : NULL;
    while (p && *p) {
        p = skip_blanks(p);
        p = *p == ';' ? skip_token(skip_blanks(p + 1)) : NULL;
        p = p && *p == '=' ? skip_word(p + 1) : NULL;
    }
    return p ? wr_expected_field_value(value) : expected;
}

/* max-age and s-maxage say nothing without their seconds. */
static bool is_directive(const char *name, const char *name_end, const char *end)
{
    struct wr_slice text = wr_slice(name, (size_t)(name_end - name));

    /* No name of a directive is like this; "1h" and "max_age=60" are slips that nobody would notice. */
    if ((*name >= '0' && *name <= '9') || memchr(text.p, '_', text.n))
        return false;
    if (!wr_slice_ieq(text, WR_SLICE("max-age")) && !wr_slice_ieq(text, WR_SLICE("s-maxage")))
        return true;
    return name_end < end && is_digits(name_end + 1, end);
}

const char *wr_expected_cache_control(const char *value)
{
    static const char expected[] =
        "directives of Cache-Control, as in \"no-cache\" or \"public, max-age=3600\", or "
        "\"immutable\"";

    for (const char *p = skip_blanks(value);; p = skip_blanks(p + 1)) {
        const char *name = p, *name_end = skip_token(p);

        p = name_end && *name_end == '=' ? skip_word(name_end + 1) : name_end;
        if (!p || !is_directive(name, name_end, p))
            return expected;
        p = skip_blanks(p);
        if (!*p)
            return wr_expected_field_value(value);
        if (*p != ',')
            return expected;
    }
}

/* ---- names ---- */

const char *wr_expected_ending(const char *ending, char advice[static WR_ADVICE_MAX])
{
    const char *last = strrchr(ending, '.');
    bool is_lower = true;
    char lower[WR_ADVICE_MAX / 2];
    size_t n = 0;

    if (strchr(ending, '/') || (last && !last[1]))
        return "the ending of a name, as in \"wat\"";
    for (const char *p = ending; *p; p++)
        is_lower = is_lower && !(*p >= 'A' && *p <= 'Z');
    if (!last && is_lower)
        return NULL;
    for (const char *p = last ? last + 1 : ending; *p && n + 1 < sizeof lower; p++)
        lower[n++] = wr_ascii_lower(*p);
    lower[n] = '\0';
    snprintf(advice, WR_ADVICE_MAX, "%s, \"%s\"",
             last ? "what is behind the last dot of the name" : "an ending in lower case", lower);
    return advice;
}

const char *wr_expected_field_name(const char *name)
{
    static const struct {
        const char *name, *expected;
    } own[] = {
        {"Cache-Control", "the key cache_control for this field"},
        {"Content-Type", "the key type, or types of the route, for this field"},
        /* Right for one moment, one representation or one range alone. */
        {"Date", "a field that the server does not decide itself"},
        {"Content-Length", "a field that the server does not decide itself"},
        {"Content-Encoding", "a field that the server does not decide itself"},
        {"Content-Range", "a field that the server does not decide itself"},
        {"Accept-Ranges", "a field that the server does not decide itself"},
        {"ETag", "a field that the server does not decide itself"},
        {"Last-Modified", "a field that the server does not decide itself"},
        {"Location", "a field that the server does not decide itself"},
        {"Allow", "a field that the server does not decide itself"},
    };
    const struct wr_slice text = wr_slice_of(name);

    if (!wr_is_token(text))
        return "the name of a field";
    if (wr_start_is_hop_by_hop(text))
        return "a field that is not the connection's";
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        if (wr_slice_ieq(text, wr_slice_of(own[i].name)))
            return own[i].expected;
    return NULL;
}
