#include "fault_memory.h"

#include <errno.h>
#include <glob.h>
#include <jansson.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

static atomic_bool armed;
static atomic_int count, hits;
static atomic_int planned = INT_MAX;
static atomic_bool fails_on, fails_in_jansson;

static bool fails(void)
{
    int before;

    if (!atomic_load(&armed))
        return false;
    before = atomic_fetch_add(&count, 1);
    if (before != planned && !(fails_on && before > planned))
        return false;
    atomic_fetch_add(&hits, 1);
    errno = ENOMEM;
    return true;
}

void fault_memory_plan(int skip, bool all)
{
    atomic_store(&count, 0);
    atomic_store(&hits, 0);
    planned = skip;
    fails_on = all;
}

void fault_memory_arm(bool is_armed)
{
    atomic_store(&armed, is_armed);
}

int fault_memory_hits(void)
{
    return atomic_load(&hits);
}

#define WRAP(type, failure, name, decl, args)                                                      \
    type __real_##name decl;                                                                       \
    type __wrap_##name decl;                                                                       \
    type __wrap_##name decl                                                                        \
    {                                                                                              \
        return fails() ? failure : __real_##name args;                                             \
    }

WRAP(void *, NULL, malloc, (size_t n), (n))
WRAP(void *, NULL, aligned_alloc, (size_t alignment, size_t n), (alignment, n))
WRAP(void *, NULL, calloc, (size_t n, size_t size), (n, size))
WRAP(void *, NULL, realloc, (void *old, size_t n), (old, n))
WRAP(void *, NULL, reallocarray, (void *old, size_t n, size_t size), (old, n, size))
WRAP(char *, NULL, strdup, (const char *text), (text))
WRAP(char *, NULL, strndup, (const char *text, size_t n), (text, n))
WRAP(char *, NULL, realpath, (const char *path, char *out), (path, out))
WRAP(FILE *, NULL, open_memstream, (char **text, size_t *n), (text, n))
WRAP(FILE *, NULL, fmemopen, (void *text, size_t n, const char *mode), (text, n, mode))
WRAP(int, GLOB_NOSPACE, glob,
     (const char *pattern, int flags, int (*on_error)(const char *, int), glob_t *found),
     (pattern, flags, on_error, found))
__attribute__((format(printf, 2, 3))) int __wrap_asprintf(char **text, const char *format, ...);
int __wrap_asprintf(char **text, const char *format, ...)
{
    va_list ap;
    int n;

    if (fails()) {
        *text = (char *)-1; /* undefined, says the manual */
        return -1;
    }
    va_start(ap, format);
    n = vasprintf(text, format, ap);
    va_end(ap);
    return n;
}

/*
 * Jansson 2.14 collects a token in a buffer that doubles from 16 bytes on, and when it cannot grow
 * goes on without what is missing (lex_save in load.c), past the end of the string. So that buffer
 * always grows: sizes that are powers of two do not fail.
 */
static void *allocate(size_t n)
{
    bool is_power = n >= 16 && (n & (n - 1)) == 0;

    return is_power || !fails_in_jansson ? __real_malloc(n) : __wrap_malloc(n);
}

void fault_memory_init(bool of_jansson)
{
    fails_in_jansson = of_jansson;
    json_set_alloc_funcs(allocate, free);
}
