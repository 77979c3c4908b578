/* What a request has left in memory that the worker keeps: AddressSanitizer knows whom it belongs to. */
#include "base/poison.h"

#include "support.h"
#include "test_checks.h"

#ifdef WR_HAS_POISON

struct kept {
    struct test_handler *handler;
    const char *path, *value; /* in the read buffer */
    char *copy;               /* in the arena */
};

static struct kept kept;

static bool is_poisoned(const char *p, size_t n)
{
    return __asan_region_is_poisoned((void *)(uintptr_t)p, n) != NULL;
}

static bool is_all_poisoned(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!__asan_address_is_poisoned(p + i))
            return false;
    return true;
}

static void serve_and_keep(struct test_handler *h, struct wr_exchange *x)
{
    kept = (struct kept){.handler = h,
                         .path = x->request.target.p,
                         .value = x->request.host.p,
                         .copy = wr_arena_alloc(&x->arena, 21)};
    assert_false(is_poisoned(kept.path, 6));
    assert_false(is_poisoned(kept.value, 11));
    assert_non_null(kept.copy);
    assert_false(is_poisoned(kept.copy, 21));
    assert_true(__asan_address_is_poisoned(kept.copy + 21)); /* none of it was asked for */
    test_serve_hello(h, x);
}

#    define REQUEST "GET /plain HTTP/1.1\r\nHost: example.com\r\n\r\n"

static void poison__request_is_over__its_memory_is_poisoned_until_it_is_taken(void **state)
{
    struct test_server s;

    (void)state;
    test_server_init(&s);
    s.handler.serve = serve_and_keep;
    for (int i = 0; i < 3; i++) {
        struct test_client c;

        test_client_open(&s, &c);
        test_client_send(&c, REQUEST);
        assert_true(is_all_poisoned(kept.copy, 21));
        test_client_fini(&c);
        assert_true(is_all_poisoned(kept.path, 6));
        assert_true(is_all_poisoned(kept.value, 11));
    }
    test_server_fini(&s);
}

#else

static void poison__request_is_over__its_memory_is_poisoned_until_it_is_taken(void **state)
{
    (void)state;
    skip(); /* there is no AddressSanitizer to ask */
}

#endif

WR_TESTS(cmocka_unit_test(poison__request_is_over__its_memory_is_poisoned_until_it_is_taken));
