/*
 * test_test_cxx.cc — weir/test.h as a test in C++ uses it, of an app in C++.
 */
#include <weir/test.h>

#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>

extern "C" {
#include <cmocka.h>
}

extern "C" const weir_plugin weir_plugin_v1;

namespace
{

/* Content line by line, in capitals; "!" throws. */
int32_t shout_next(weir_environ *env, void *arg, weir_chunk *chunk)
{
    std::string &text = *static_cast<std::string *>(arg);
    char buffer[16];
    int64_t n = weir_read(env, buffer, sizeof(buffer));

    if (n <= 0)
        return static_cast<int32_t>(n);
    text.clear();
    for (int64_t i = 0; i < n; i++) {
        if (buffer[i] == '!')
            throw std::runtime_error("thrown on purpose");
        text +=
            buffer[i] >= 'a' && buffer[i] <= 'z' ? static_cast<char>(buffer[i] - 32) : buffer[i];
    }
    chunk->data = text.data();
    chunk->size = text.size();
    return WEIR_CHUNK;
}

void free_text(void *arg)
{
    delete static_cast<std::string *>(arg);
}

weir_body shout(weir_environ *env, weir_start_response *start_response)
{
    start_response(env, 200, nullptr);
    return weir_iterable(shout_next, free_text, new std::string);
}

weir_test *start(int32_t runs)
{
    weir_test_setup setup = {};
    weir_test *t;

    setup.plugin = &weir_plugin_v1;
    setup.runs = runs;
    t = weir_test_start(&setup);
    assert_non_null(t);
    assert_null(weir_test_error(t));
    return t;
}

void steps__in_cxx__are_as_in_c(void **)
{
    for (int32_t runs : {WEIR_TEST_ON_LOOP, WEIR_TEST_IN_THREAD}) {
        weir_test *t = start(runs);
        weir_test_request request = {};
        weir_test_exchange *x;

        request.content_length = -1;
        request.take = WEIR_TEST_BY_HAND;
        x = weir_test_begin(t, &request);
        assert_non_null(x);
        assert_int_equal(weir_test_send(x, "hello", 5), WEIR_OK);
        weir_test_take(x, 3);
        assert_string_equal(weir_test_answer(x)->body, "HEL");
        weir_test_take(x, WEIR_TEST_ALL);
        assert_int_equal(weir_test_send_end(x, nullptr), WEIR_OK);
        assert_string_equal(weir_test_answer(x)->body, "HELLO");
        assert_int_equal(weir_test_answer(x)->is_done, 1);
        weir_test_end(x);
        weir_test_free(t);
    }
}

void exception__in_next__cuts_the_answer(void **)
{
    weir_test *t = start(WEIR_TEST_ON_LOOP);
    weir_test_request request = {};
    weir_test_exchange *x;

    request.content_length = -1;
    x = weir_test_begin(t, &request);
    weir_test_send(x, "a", 1);
    weir_test_send(x, "!", 1);
    assert_string_equal(weir_test_answer(x)->body, "A");
    assert_int_equal(weir_test_answer(x)->is_cut, 1);
    assert_true(std::string(weir_test_log(t)).find("thrown on purpose") != std::string::npos);
    weir_test_end(x);
    weir_test_free(t);
}

} /* namespace */

WEIR_PLUGIN(.name = "shout", .app = shout);

int main()
{
    const CMUnitTest tests[] = {
        cmocka_unit_test(steps__in_cxx__are_as_in_c),
        cmocka_unit_test(exception__in_next__cuts_the_answer),
    };

    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
