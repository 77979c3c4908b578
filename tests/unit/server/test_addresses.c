/*
 * Connections counted by address. Linked with --wrap for malloc and tsearch, which a test has fail.
 */
#include "support.h"

#include <arpa/inet.h>
#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "server/addresses.h"

static bool fails_malloc, fails_tsearch;

void *__real_malloc(size_t n);
void *__wrap_malloc(size_t n);
void *__real_tsearch(const void *key, void **root, __compar_fn_t compare);
void *__wrap_tsearch(const void *key, void **root, __compar_fn_t compare);

void *__wrap_malloc(size_t n)
{
    return fails_malloc ? NULL : __real_malloc(n);
}

void *__wrap_tsearch(const void *key, void **root, __compar_fn_t compare)
{
    return fails_tsearch ? NULL : __real_tsearch(key, root, compare);
}

/* As accept(2) gives it. */
static struct wr_peer peer_of(const char *ip)
{
    struct sockaddr_storage from = {0};
    struct wr_peer peer;

    if (strchr(ip, ':')) {
        struct sockaddr_in6 *v6 = (void *)&from;

        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(50000);
        assert_int_equal(inet_pton(AF_INET6, ip, &v6->sin6_addr), 1);
    } else {
        struct sockaddr_in *v4 = (void *)&from;

        v4->sin_family = AF_INET;
        v4->sin_port = htons(50000);
        assert_int_equal(inet_pton(AF_INET, ip, &v4->sin_addr), 1);
    }
    wr_peer_of(&from, &peer);
    return peer;
}

static int add(struct wr_addresses *a, const char *ip, int64_t max)
{
    const struct wr_peer peer = peer_of(ip);

    return wr_addresses_add(a, &peer, max);
}

static void take_away(struct wr_addresses *a, const char *ip)
{
    const struct wr_peer peer = peer_of(ip);

    wr_addresses_remove(a, &peer);
}

static void addresses__as_many_as_the_limit__then_no_more(void **state)
{
    struct wr_addresses a;

    (void)state;
    wr_addresses_init(&a);
    assert_int_equal(add(&a, "192.0.2.1", 2), 0);
    assert_int_equal(add(&a, "192.0.2.1", 2), 0);
    assert_int_equal(add(&a, "192.0.2.1", 2), -EUSERS);
    assert_int_equal(add(&a, "192.0.2.2", 2), 0); /* another has its own */
    take_away(&a, "192.0.2.1");
    assert_int_equal(add(&a, "192.0.2.1", 2), 0);
    assert_int_equal(add(&a, "192.0.2.1", 2), -EUSERS);
    assert_int_equal(add(&a, "192.0.2.1", 3), 0); /* the limit was raised */
    assert_int_equal(add(&a, "192.0.2.1", 0), 0); /* whatever the limit */
    assert_int_equal(add(&a, "192.0.2.1", 4), -EUSERS);
    wr_addresses_fini(&a);
}

static void addresses__last_of_one_goes__its_entry_too(void **state)
{
    struct wr_addresses a;

    (void)state;
    wr_addresses_init(&a);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(add(&a, "192.0.2.1", 2), 0);
        assert_int_equal(add(&a, "2001:db8::1", 2), 0);
        assert_int_equal(a.n, 2);
        take_away(&a, "192.0.2.1");
        assert_int_equal(a.n, 1);
        take_away(&a, "2001:db8::1");
        assert_int_equal(a.n, 0);
        assert_null(a.root);
    }
    wr_addresses_fini(&a);
}

/* Which addresses are one client. */
static const struct {
    const char *a, *b;
    bool is_same;
} pairs[] = {
    {"192.0.2.1", "192.0.2.1", true},
    {"192.0.2.1", "192.0.2.2", false},
    {"192.0.2.1", "::ffff:192.0.2.1", true},
    {"::ffff:192.0.2.1", "::ffff:192.0.2.2", false},
    {"2001:db8:1:2::1", "2001:db8:1:2::1", true},
    {"2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", true},
    {"2001:db8:1:2::1", "2001:db8:1:3::1", false},
    {"2001:db8:1:2::1", "2001:db9:1:2::1", false},
    {"::1", "::2", true},               /* of ::/64 */
    {"::1", "::ffff:0.0.0.1", false},   /* which no IPv4 address is part of */
    {"::1", "0.0.0.1", false},          /* nor is it 0.0.0.0/8 */
    {"::c000:201", "192.0.2.1", false}, /* deprecated IPv4-compatible form */
    {"64:ff9b::c000:201", "192.0.2.1", false},
};

static void addresses__one_client__is_an_ipv4_address_or_a_network_of_64_bits(void **state)
{
    (void)state;
    for (size_t i = 0; i < WR_COUNT(pairs); i++) {
        struct wr_addresses a;

        wr_addresses_init(&a);
        assert_int_equal(add(&a, pairs[i].a, 1), 0);
        if (add(&a, pairs[i].b, 1) != (pairs[i].is_same ? -EUSERS : 0))
            fail_msg("%s and %s", pairs[i].a, pairs[i].b);
        wr_addresses_fini(&a);
    }
}

static void addresses__unix_socket__has_none(void **state)
{
    const struct wr_peer v4 = peer_of("192.0.2.1"), v6 = peer_of("2001:db8::1");
    struct sockaddr_storage from = {.ss_family = AF_UNIX};
    struct wr_peer local;

    (void)state;
    wr_peer_of(&from, &local);
    assert_false(wr_addresses_has(&local));
    assert_true(wr_addresses_has(&v4));
    assert_true(wr_addresses_has(&v6));
}

static void addresses__no_memory__counts_nothing(void **state)
{
    struct wr_addresses a;

    (void)state;
    wr_addresses_init(&a);
    assert_int_equal(add(&a, "192.0.2.1", 9), 0);
    for (int i = 0; i < 2; i++) {
        fails_malloc = i == 0;
        fails_tsearch = i == 1;
        assert_int_equal(add(&a, "192.0.2.2", 9), -ENOMEM);
        assert_int_equal(a.n, 1);
        assert_int_equal(add(&a, "192.0.2.1", 9), 0); /* which takes none */
        fails_malloc = fails_tsearch = false;
        assert_int_equal(add(&a, "192.0.2.2", 1), 0); /* and it had not been counted */
        take_away(&a, "192.0.2.2");
    }
    wr_addresses_fini(&a);
}

static struct wr_addresses shared;

static void *come_and_go(void *arg)
{
    const char *ip = arg;

    for (int i = 0; i < 2000; i++) {
        if (add(&shared, ip, 0) < 0 || add(&shared, "203.0.113.1", 0) < 0)
            abort();
        take_away(&shared, ip);
        take_away(&shared, "203.0.113.1");
    }
    return NULL;
}

static void addresses__from_several_threads__none_is_lost(void **state)
{
    char ips[4][16] = {"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.1"};
    pthread_t threads[4];

    (void)state;
    wr_addresses_init(&shared);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, come_and_go, ips[i]), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(shared.n, 0);
    wr_addresses_fini(&shared);
}

WR_TESTS(cmocka_unit_test(addresses__as_many_as_the_limit__then_no_more),
         cmocka_unit_test(addresses__last_of_one_goes__its_entry_too),
         cmocka_unit_test(addresses__one_client__is_an_ipv4_address_or_a_network_of_64_bits),
         cmocka_unit_test(addresses__unix_socket__has_none),
         cmocka_unit_test(addresses__no_memory__counts_nothing),
         cmocka_unit_test(addresses__from_several_threads__none_is_lost));
