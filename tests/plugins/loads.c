/*
 * loads.c — plugins that cannot be loaded, each in its own way: -DVARIANT=… says which.
 *
 * When any of its code runs, its constructor leaves a file, WEIR_TEST_RAN: a refusal from the file
 * alone must come before.
 */
#ifndef _GNU_SOURCE
#    define _GNU_SOURCE
#endif
#include <weir/app.h>

#include <stdlib.h>

#define GOOD            0
#define NO_DESCRIPTOR   1
#define HIDDEN          2
#define WRONG_MAGIC     3
#define OTHER_MAJOR     4
#define NEWER_MINOR     5
#define NO_APP          6
#define NO_NAME         7
#define BAD_RUNS        8
#define BAD_STACK       9
#define LOAD_FAILS      10
#define LOAD_SAYS_WHY   11
#define LOAD_TYPE       12
#define UNDEFINED       13
#define UNIQUE          14 /* C++ only */
#define BAD_SCHEMA      15
#define THREAD_FAILS    16
#define LOOP_FAILS      17
#define SCHEMA          18
#define OTHER_UNDEFINED 19
#define SMALL_SIZE      20
#define FUNCTION        21 /* the symbol is there, and is no data */
#define ORDER           22

#ifndef VARIANT
#    define VARIANT GOOD
#endif

__attribute__((constructor)) static void tell_that_it_ran(void)
{
    const char *path = getenv("WEIR_TEST_RAN");
    FILE *f = path ? fopen(path, "w") : NULL;

    if (f)
        fclose(f);
}

#if VARIANT == UNDEFINED
#    ifdef __cplusplus
extern "C"
#    endif
    int
    weir_no_such_function(void);
#elif VARIANT == OTHER_UNDEFINED
#    ifdef __cplusplus
extern "C"
#    endif
    int
    somebody_elses_function(void);
#endif

#if VARIANT == UNIQUE
struct unique {
    static int &value()
    {
        static int x; /* in a function of a template or an inline one: STB_GNU_UNIQUE */
        return x;
    }
};
template <typename T> struct unique_of {
    static int x;
};
template <typename T> int unique_of<T>::x;
template struct __attribute__((visibility("default"))) unique_of<int>;
#endif

__attribute__((unused)) static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    int extra = 0;

#if VARIANT == UNDEFINED
    extra = weir_no_such_function();
#elif VARIANT == OTHER_UNDEFINED
    extra = somebody_elses_function();
#elif VARIANT == UNIQUE
    extra = unique::value() + unique_of<int>::x;
#endif
    start_response(env, 200, NULL);
    return weir_printf(env, "loaded %d", extra);
}

/* ---- what is done in load, loop_start, thread_start: one line each in WEIR_TEST_TRACE ---- */

static void trace(const char *what)
{
    const char *path = getenv("WEIR_TEST_TRACE");
    FILE *f = path ? fopen(path, "a") : NULL;

    if (f) {
        fprintf(f, "%s\n", what);
        fclose(f);
    }
}

static int32_t load(const weir_host *host, const weir_config *config, void **state)
{
    (void)host, (void)config, (void)state;
    trace("load");
#if VARIANT == LOAD_FAILS
    return -3;
#elif VARIANT == LOAD_SAYS_WHY
    return weir_config_fail(config, "cannot open %s: %s", "/the/database", "it is locked");
#elif VARIANT == LOAD_TYPE
    (void)weir_config_int(config, "port", 1);
    (void)weir_config_has(config, "other");
    return 0;
#else
    return 0;
#endif
}

static void unload(void *state)
{
    (void)state;
    trace("unload");
}

static int32_t loop_start(const weir_host *host, weir_loop *loop, void *state, void **own)
{
    (void)host, (void)loop, (void)state, (void)own;
    trace("loop_start");
    return VARIANT == LOOP_FAILS ? -8 : 0;
}

static void loop_stop(void *state, void *own)
{
    (void)state, (void)own;
    trace("loop_stop");
}

static int32_t thread_start(const weir_host *host, void *state, void **own)
{
    (void)host, (void)state, (void)own;
    trace("thread_start");
    return VARIANT == THREAD_FAILS ? -9 : 0;
}

static void thread_stop(void *state, void *own)
{
    (void)state, (void)own;
    trace("thread_stop");
}

#if VARIANT == WRONG_MAGIC || VARIANT == OTHER_MAJOR || VARIANT == NEWER_MINOR ||                  \
    VARIANT == SMALL_SIZE || VARIANT == HIDDEN || VARIANT == NO_DESCRIPTOR
/* By hand, in the order of the members: only these are what WEIR_PLUGIN never makes. */
#    if VARIANT == HIDDEN
#        define EXPORT
#    else
#        define EXPORT __attribute__((visibility("default")))
#    endif
#    if VARIANT == NO_DESCRIPTOR
#        define NAME other_plugin_v1
#    else
#        define NAME weir_plugin_v1
#    endif
#    ifdef __cplusplus
extern "C" {
#    endif
EXPORT extern const weir_plugin NAME;
__attribute__((used)) const weir_plugin NAME = {
    VARIANT == WRONG_MAGIC ? 0x12345678U : WEIR_PLUGIN_MAGIC,
    VARIANT == OTHER_MAJOR ? 2 : 1,
    VARIANT == NEWER_MINOR ? 7 : 0,
    VARIANT == SMALL_SIZE ? 24 : (uint32_t)sizeof(weir_plugin),
    0,
    "loads",
    NULL,
    NULL,
    load,
    unload,
    loop_start,
    loop_stop,
    thread_start,
    thread_stop,
    app,
    WEIR_ON_LOOP,
    0,
    0,
    NULL,
    NULL,
    NULL,
    0,
    {0, 0, 0, 0, 0, 0, 0},
};
#    ifdef __cplusplus
}
#    endif
#elif VARIANT == FUNCTION
__attribute__((visibility("default"))) void weir_plugin_v1(void);
void weir_plugin_v1(void)
{
    (void)app, (void)load, (void)unload, (void)loop_start, (void)loop_stop, (void)thread_start,
        (void)thread_stop;
}
#elif VARIANT == NO_APP
WEIR_PLUGIN(.name = "loads", .load = load, .unload = unload, .loop_start = loop_start,
            .loop_stop = loop_stop, .thread_start = thread_start, .thread_stop = thread_stop);
#elif VARIANT == NO_NAME
WEIR_PLUGIN(.app = app, .load = load, .unload = unload, .loop_start = loop_start,
            .loop_stop = loop_stop, .thread_start = thread_start, .thread_stop = thread_stop);
#else
#    if VARIANT == BAD_RUNS
#        define WHERE 9
#    elif VARIANT == BAD_STACK
#        define WHERE WEIR_IN_COROUTINE
#    elif VARIANT == THREAD_FAILS || VARIANT == ORDER
#        define WHERE WEIR_IN_THREAD
#    else
#        define WHERE WEIR_ON_LOOP
#    endif
#    if VARIANT == BAD_SCHEMA
#        define A_SCHEMA "{\"type\": \"object\", \"pattern\": \"x\"}"
#    elif VARIANT == SCHEMA
#        define A_SCHEMA                                                                           \
            "{\"type\": \"object\", \"properties\": {\"port\": {\"type\": \"integer\"}},"          \
            " \"required\": [\"port\"], \"additionalProperties\": false}"
#    else
#        define A_SCHEMA NULL
#    endif
#    ifndef STACK_BYTES
#        define STACK_BYTES 0
#    endif
WEIR_PLUGIN(.name = "loads", .load = load, .unload = unload, .loop_start = loop_start,
            .loop_stop = loop_stop, .thread_start = thread_start, .thread_stop = thread_stop,
            .app = app, .runs = WHERE, .config_schema = A_SCHEMA, .stack_bytes = STACK_BYTES);
#endif
