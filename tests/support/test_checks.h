/*
 * test_checks.h — what most tests of the server end in; apart from test_server.h, which the fuzz
 * target uses without cmocka.
 */
#ifndef WR_TESTS_TEST_CHECKS_H
#define WR_TESTS_TEST_CHECKS_H

#include "support.h"
#include "test_server.h"

/* Compares test_client_describe() for requests of which none was a HEAD. */
static inline void check_description(const struct test_client *c, const char *expected)
{
    char got[TEST_DESCRIPTION_MAX];

    test_client_describe(c, "", got);
    assert_string_equal(got, expected);
}

/* Ends a server that had this one client, and has no connection left when it is gone. */
static inline void close_both(struct test_server *s, struct test_client *c)
{
    test_client_fini(c);
    assert_int_equal(s->worker.conns_n, 0);
    test_server_fini(s);
}

#endif
