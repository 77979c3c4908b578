/* The binary interface of weir/app.h: sizes and offsets that stay, and hosts that are older. */
#include <weir/app.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* ---- the layout of 1.0, LP64: numbers by hand, from the snapshot ---- */

_Static_assert(sizeof(weir_header) == 16, "weir_header");
_Static_assert(offsetof(weir_header, name) == 0, "weir_header");
_Static_assert(offsetof(weir_header, value) == 8, "weir_header");
_Static_assert(sizeof(weir_chunk) == 32, "weir_chunk");
_Static_assert(offsetof(weir_chunk, data) == 0, "weir_chunk");
_Static_assert(offsetof(weir_chunk, size) == 8, "weir_chunk");
_Static_assert(offsetof(weir_chunk, reserved) == 16, "weir_chunk");
_Static_assert(sizeof(weir_body) == 64, "weir_body");
_Static_assert(offsetof(weir_body, kind) == 0, "weir_body");
_Static_assert(offsetof(weir_body, flags) == 4, "weir_body");
_Static_assert(offsetof(weir_body, data) == 8, "weir_body");
_Static_assert(offsetof(weir_body, fd) == 8, "weir_body");
_Static_assert(offsetof(weir_body, status) == 8, "weir_body");
_Static_assert(offsetof(weir_body, word1) == 8, "weir_body");
_Static_assert(offsetof(weir_body, size) == 16, "weir_body");
_Static_assert(offsetof(weir_body, offset) == 24, "weir_body");
_Static_assert(offsetof(weir_body, next) == 32, "weir_body");
_Static_assert(offsetof(weir_body, word4) == 32, "weir_body");
_Static_assert(offsetof(weir_body, close) == 40, "weir_body");
_Static_assert(offsetof(weir_body, word5) == 40, "weir_body");
_Static_assert(offsetof(weir_body, arg) == 48, "weir_body");
_Static_assert(offsetof(weir_body, word6) == 48, "weir_body");
_Static_assert(offsetof(weir_body, guard) == 56, "weir_body");
_Static_assert(offsetof(weir_body, word7) == 56, "weir_body");
_Static_assert(sizeof(weir_plugin) == 200, "weir_plugin");
_Static_assert(offsetof(weir_plugin, magic) == 0, "weir_plugin");
_Static_assert(offsetof(weir_plugin, abi_major) == 4, "weir_plugin");
_Static_assert(offsetof(weir_plugin, abi_minor) == 6, "weir_plugin");
_Static_assert(offsetof(weir_plugin, size) == 8, "weir_plugin");
_Static_assert(offsetof(weir_plugin, flags) == 12, "weir_plugin");
_Static_assert(offsetof(weir_plugin, name) == 16, "weir_plugin");
_Static_assert(offsetof(weir_plugin, version) == 24, "weir_plugin");
_Static_assert(offsetof(weir_plugin, description) == 32, "weir_plugin");
_Static_assert(offsetof(weir_plugin, load) == 40, "weir_plugin");
_Static_assert(offsetof(weir_plugin, unload) == 48, "weir_plugin");
_Static_assert(offsetof(weir_plugin, loop_start) == 56, "weir_plugin");
_Static_assert(offsetof(weir_plugin, loop_stop) == 64, "weir_plugin");
_Static_assert(offsetof(weir_plugin, thread_start) == 72, "weir_plugin");
_Static_assert(offsetof(weir_plugin, thread_stop) == 80, "weir_plugin");
_Static_assert(offsetof(weir_plugin, app) == 88, "weir_plugin");
_Static_assert(offsetof(weir_plugin, runs) == 96, "weir_plugin");
_Static_assert(offsetof(weir_plugin, serial) == 100, "weir_plugin");
_Static_assert(offsetof(weir_plugin, body_buffer_max) == 104, "weir_plugin");
_Static_assert(offsetof(weir_plugin, retire) == 112, "weir_plugin");
_Static_assert(offsetof(weir_plugin, selftest) == 120, "weir_plugin");
_Static_assert(offsetof(weir_plugin, config_schema) == 128, "weir_plugin");
_Static_assert(offsetof(weir_plugin, stack_bytes) == 136, "weir_plugin");
_Static_assert(offsetof(weir_plugin, reserved) == 144, "weir_plugin");

_Static_assert(sizeof(weir_host) >= 432, "the host table only grows");
_Static_assert(offsetof(weir_host, size) == 0, "weir_host");
_Static_assert(offsetof(weir_host, abi_major) == 4, "weir_host");
_Static_assert(offsetof(weir_host, abi_minor) == 6, "weir_host");
_Static_assert(offsetof(weir_host, version) == 8, "weir_host");
_Static_assert(offsetof(weir_host, get) == 16, "host table");
_Static_assert(offsetof(weir_host, get_n) == 24, "host table");
_Static_assert(offsetof(weir_host, set) == 32, "host table");
_Static_assert(offsetof(weir_host, each) == 40, "host table");
_Static_assert(offsetof(weir_host, header_each) == 48, "host table");
_Static_assert(offsetof(weir_host, alloc) == 56, "host table");
_Static_assert(offsetof(weir_host, log) == 64, "host table");
_Static_assert(offsetof(weir_host, host_log) == 72, "host table");
_Static_assert(offsetof(weir_host, header_add) == 80, "host table");
_Static_assert(offsetof(weir_host, reason) == 88, "host table");
_Static_assert(offsetof(weir_host, body_close) == 96, "host table");
_Static_assert(offsetof(weir_host, body_next) == 104, "host table");
_Static_assert(offsetof(weir_host, defer) == 112, "host table");
_Static_assert(offsetof(weir_host, state) == 120, "host table");
_Static_assert(offsetof(weir_host, loop_state) == 128, "host table");
_Static_assert(offsetof(weir_host, thread_state) == 136, "host table");
_Static_assert(offsetof(weir_host, read) == 144, "host table");
_Static_assert(offsetof(weir_host, content) == 152, "host table");
_Static_assert(offsetof(weir_host, is_gone) == 160, "host table");
_Static_assert(offsetof(weir_host, wake) == 168, "host table");
_Static_assert(offsetof(weir_host, config_string) == 176, "host table");
_Static_assert(offsetof(weir_host, config_int) == 184, "host table");
_Static_assert(offsetof(weir_host, config_number) == 192, "host table");
_Static_assert(offsetof(weir_host, config_bool) == 200, "host table");
_Static_assert(offsetof(weir_host, config_has) == 208, "host table");
_Static_assert(offsetof(weir_host, config_object) == 216, "host table");
_Static_assert(offsetof(weir_host, config_count) == 224, "host table");
_Static_assert(offsetof(weir_host, config_item) == 232, "host table");
_Static_assert(offsetof(weir_host, config_text) == 240, "host table");
_Static_assert(offsetof(weir_host, config_fail) == 248, "host table");
_Static_assert(offsetof(weir_host, extension) == 256, "host table");
_Static_assert(offsetof(weir_host, body_limit) == 264, "host table");
_Static_assert(offsetof(weir_host, write) == 272, "host table");
_Static_assert(offsetof(weir_host, on_input) == 280, "host table");
_Static_assert(offsetof(weir_host, on_writable) == 288, "host table");
_Static_assert(offsetof(weir_host, on_disconnect) == 296, "host table");
_Static_assert(offsetof(weir_host, read_all) == 304, "host table");
_Static_assert(offsetof(weir_host, read_file) == 312, "host table");
_Static_assert(offsetof(weir_host, token) == 320, "host table");
_Static_assert(offsetof(weir_host, resume) == 328, "host table");
_Static_assert(offsetof(weir_host, finish) == 336, "host table");
_Static_assert(offsetof(weir_host, sleep) == 344, "host table");
_Static_assert(offsetof(weir_host, wait_fd) == 352, "host table");
_Static_assert(offsetof(weir_host, loop_post) == 360, "host table");
_Static_assert(offsetof(weir_host, timer) == 368, "host table");
_Static_assert(offsetof(weir_host, watch_fd) == 376, "host table");
_Static_assert(offsetof(weir_host, offload) == 384, "host table");
_Static_assert(offsetof(weir_host, next) == 392, "host table");
_Static_assert(offsetof(weir_host, on_start) == 400, "host table");
_Static_assert(offsetof(weir_host, request_fail) == 408, "host table");
_Static_assert(offsetof(weir_host, loop_timer) == 416, "host table");
_Static_assert(offsetof(weir_host, loop_watch_fd) == 424, "host table");

/* ---- a host that does not have a function ---- */

/* member of the table, and what holds of the wrapper where it is not there */
#define WRAPPERS(X)                                                                                \
    X(get, weir_get(&env, "k") == NULL)                                                            \
    X(get_n, weir_get_n(&env, "k", &n) == NULL && n == 0)                                          \
    X(set, weir_set(&env, "k", "v") == WEIR_ENOTSUP)                                               \
    X(each, weir_each(&env, NULL, NULL) == WEIR_ENOTSUP)                                           \
    X(header_each, weir_header_each(&env, NULL, NULL) == WEIR_ENOTSUP)                             \
    X(alloc, weir_alloc(&env, 1) == NULL && is_page(weir_copy(&env, "x", 1), 503) &&               \
                 is_page(weir_printf(&env, "%d", 1), 503))                                         \
    X(log, (weir_log(&env, WEIR_LOG_ERROR, "%d", 1), 1))                                           \
    X(host_log, (weir_host_log(&host, WEIR_LOG_ERROR, "%d", 1), 1))                                \
    X(header_add, weir_header_add(&env, "n", "v", 1) == WEIR_ENOTSUP)                              \
    X(reason, weir_reason(&env, "r") == WEIR_ENOTSUP)                                              \
    X(body_close, (weir_body_close(&env, &body), 1))                                               \
    X(body_next, weir_body_next(&env, &body, &chunk) == WEIR_ENOTSUP)                              \
    X(defer, (weir_defer(&env, count_call, &called), called == 1))                                 \
    X(state, weir_state(&env) == NULL)                                                             \
    X(loop_state, weir_loop_state(&env) == NULL)                                                   \
    X(thread_state, weir_thread_state(&env) == NULL)                                               \
    X(read, weir_read(&env, text, 1) == WEIR_ENOTSUP)                                              \
    X(content, weir_content(&env, &n) == NULL && n == 0)                                           \
    X(is_gone, weir_is_gone(&env) == 0)                                                            \
    X(wake, weir_wake(&env) == WEIR_ENOTSUP)                                                       \
    X(config_string, weir_config_string(&config, "k", text) == text)                               \
    X(config_int, weir_config_int(&config, "k", 7) == 7)                                           \
    X(config_number, (int)weir_config_number(&config, "k", 7) == 7)                                \
    X(config_bool, weir_config_bool(&config, "k", 1) == 1)                                         \
    X(config_has, weir_config_has(&config, "k") == 0)                                              \
    X(config_object, weir_config_object(&config, "k") == NULL)                                     \
    X(config_count, weir_config_count(&config, "k") == 0)                                          \
    X(config_item, weir_config_item(&config, "k", 0) == NULL)                                      \
    X(config_text, weir_config_text(&config) == NULL)                                              \
    X(config_fail, weir_config_fail(&config, "%d", 1) == WEIR_ECONFIG)                             \
    X(extension, weir_extension(&host, "x/1") == NULL)                                             \
    X(body_limit, weir_body_limit(&env, 1) == WEIR_ENOTSUP)                                        \
    X(write, weir_write(&env, "x", 1) == WEIR_ENOTSUP)                                             \
    X(on_input, weir_on_input(&env, NULL, NULL) == WEIR_ENOTSUP)                                   \
    X(on_writable, weir_on_writable(&env, NULL, NULL) == WEIR_ENOTSUP)                             \
    X(on_disconnect, weir_on_disconnect(&env, NULL, NULL) == WEIR_ENOTSUP)                         \
    X(read_all, weir_read_all(&env, 1, NULL, NULL) == WEIR_ENOTSUP)                                \
    X(read_file, weir_read_file(&env, 0, 1, NULL, NULL) == WEIR_ENOTSUP)                           \
    X(token, weir_token(&env) == 0)                                                                \
    X(resume, weir_resume(&host, 1, NULL, &called, count_call) == WEIR_ENOTSUP && called == 1 &&   \
                  weir_resume(&host, 1, NULL, NULL, NULL) == WEIR_ENOTSUP)                         \
    X(finish,                                                                                      \
      weir_finish(&env, weir_owned("x", 1, count_call, &called)) == WEIR_ENOTSUP && called == 1)   \
    X(sleep, weir_sleep(&env, 1) == WEIR_ENOTSUP)                                                  \
    X(wait_fd, weir_wait_fd(&env, 0, 0, 0) == WEIR_ENOTSUP)                                        \
    X(loop_post, weir_loop_post(&loop, NULL, NULL) == WEIR_ENOTSUP)                                \
    X(timer, weir_timer(&env, 1, NULL, NULL) == WEIR_ENOTSUP)                                      \
    X(watch_fd, weir_watch_fd(&env, 0, 0, NULL, NULL) == WEIR_ENOTSUP)                             \
    X(offload, weir_offload(&env, NULL, NULL, NULL) == WEIR_ENOTSUP)                               \
    X(next, is_page(weir_next(&env, NULL), 500))                                                   \
    X(on_start, weir_on_start(&env, NULL, NULL) == WEIR_ENOTSUP)                                   \
    X(request_fail, weir_fail(&env, "%d", 1) == WEIR_ENOTSUP)                                      \
    X(loop_timer, weir_loop_timer(&loop, 1, NULL, NULL) == WEIR_ENOTSUP)                           \
    X(loop_watch_fd, weir_loop_watch_fd(&loop, 0, 0, NULL, NULL) == WEIR_ENOTSUP)

static weir_host host;
static weir_environ env = {&host};
static weir_config config = {&host};
static weir_loop loop = {&host};

static void trap(void)
{
    fail_msg("a function was called that the host does not have");
}

static void close_body(weir_environ *e, weir_body *body)
{
    (void)e;
    if (body->close)
        body->close(body->arg);
}

static void count_call(void *arg)
{
    ++*(int *)arg;
}

static int is_page(weir_body body, int status)
{
    return body.kind == WEIR_BODY_ERROR && body.status == status;
}

/* A table in which whatever is called fails the test. */
static void set_traps(void)
{
    void (*fn)(void) = trap;

    for (size_t i = offsetof(weir_host, get); i < sizeof host; i += sizeof fn)
        memcpy((char *)&host + i, &fn, sizeof fn);
    host.abi_major = 1;
}

static int check(int which)
{
    size_t n = 0;
    char text[8] = "";
    int i = 0, called = 0;
    weir_chunk chunk = {0};
    weir_body body = weir_empty();

    (void)n, (void)text, (void)called, (void)chunk, (void)body;
#define CHECK_ONE(member, holds)                                                                   \
    if (i++ == which)                                                                              \
        return (holds);
    WRAPPERS(CHECK_ONE)
    return 0;
}

static void table_that_ends_before(void **state)
{
    int which = 0;

    (void)state;
#define END_BEFORE(member, holds)                                                                  \
    set_traps();                                                                                   \
    host.body_close = offsetof(weir_host, member) > offsetof(weir_host, body_close)                \
                          ? close_body                                                             \
                          : host.body_close;                                                       \
    host.size = (uint32_t)offsetof(weir_host, member);                                             \
    if (!check(which++))                                                                           \
        fail_msg("%s of a table that ends before it", #member);                                    \
    host.size += 7; /* in the middle of the pointer is before it too */                            \
    if (!check(which - 1))                                                                         \
        fail_msg("%s of a table that ends within it", #member);
    WRAPPERS(END_BEFORE)
    assert_int_equal(which, 52);
}

static void entry_that_is_null(void **state)
{
    int which = 0;

    (void)state;
#define NULL_ENTRY(member, holds)                                                                  \
    set_traps();                                                                                   \
    host.body_close = close_body;                                                                  \
    host.size = (uint32_t)sizeof host;                                                             \
    host.member = NULL;                                                                            \
    if (!check(which++))                                                                           \
        fail_msg("%s of a table where it is NULL", #member);
    WRAPPERS(NULL_ENTRY)
    assert_int_equal(which, 52);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_that_ends_before),
        cmocka_unit_test(entry_that_is_null),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
