/*
 * What clients send comes in any pieces, stops, ends or breaks off behind each byte.
 */
#include "conversation.h"

#include <errno.h>

static const size_t sizes[] = {1, 2, 3, 5, 7, 16, 61, 100, 1000};

/* Calls `disturb` for each conversation. */
static void for_each(void (*disturb)(struct scene *s))
{
    for (size_t i = 0; i < conversations_n; i++) {
        struct scene s;

        scene_open(&s, &conversations[i]);
        disturb(&s);
        scene_close(&s);
    }
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Each size, in events of their own; and all in one event, of which a read gives a part. */
static void come_in_pieces(struct scene *s)
{
    for (size_t k = 0; k < WR_COUNT(sizes); k++) {
        const size_t n = sizes[k];

        scene_begin(s);
        for (size_t at = 0; at < s->input_n; at += n)
            scene_say(s, at, least(at + n, s->input_n));
        scene_check_whole(s, n, "input in pieces of");
        scene_end(s, "input in pieces");

        scene_begin(s);
        s->client.transport.says_pending = true;
        for (size_t at = 0; at < s->input_n; at += n)
            fake_transport_put(&s->client.transport,
                               wr_slice(s->input + at, least(n, s->input_n - at)));
        test_client_event(&s->client, EPOLLIN);
        scene_go_on(s);
        scene_check_whole(s, n, "reads of");
        scene_end(s, "short reads");
    }
}

static void input__in_pieces_of_any_size__is_answered_the_same(void **state)
{
    (void)state;
    for_each(come_in_pieces);
}

static void wait_at_each_byte(struct scene *s)
{
    for (size_t at = 1; at < s->input_n; at++) {
        scene_begin(s);
        scene_say(s, 0, at);
        test_client_event(&s->client, EPOLLIN); /* for nothing */
        scene_say(s, at, s->input_n);
        scene_check_whole(s, at, "input that waits at");
        scene_end(s, "input that waits");
    }
}

static void input__that_waits_at_any_byte__is_answered_the_same(void **state)
{
    (void)state;
    for_each(wait_at_each_byte);
}

static void end_at_each_byte(struct scene *s)
{
    for (size_t at = 0; at <= s->input_n; at++) {
        scene_begin(s);
        scene_say(s, 0, at);
        test_client_shut_down(&s->client);
        scene_go_on(s);
        scene_check_answers(s, at, "input that ends at");
        scene_end(s, "input that ends");
    }
}

/* The end right behind the bytes, in one event. */
static void end_with_each_byte(struct scene *s)
{
    for (size_t at = 0; at <= s->input_n; at++) {
        scene_begin(s);
        fake_transport_arrive(&s->client.transport, wr_slice(s->input, at));
        s->client.transport.is_eof = true;
        test_client_event(&s->client, EPOLLIN | EPOLLRDHUP);
        scene_go_on(s);
        scene_check_answers(s, at, "input that ends with");
        scene_end(s, "input that ends with it");
    }
}

static void input__that_ends_at_any_byte__has_its_whole_requests_answered(void **state)
{
    (void)state;
    for_each(end_at_each_byte);
    for_each(end_with_each_byte);
}

static const struct {
    int error;
    uint32_t events;
} breaks[] = {{-ECONNRESET, EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR},
              {-ECONNRESET, EPOLLIN},
              {-ETIMEDOUT, EPOLLIN | EPOLLHUP | EPOLLERR},
              {-ETIMEDOUT, EPOLLIN},
              {-EPIPE, EPOLLIN},
              {-ENOMEM, EPOLLIN}};

static void break_off(struct scene *s, size_t at, size_t k)
{
    scene_begin(s);
    scene_say(s, 0, at);
    s->client.transport.read_error = breaks[k].error;
    if (breaks[k].events & EPOLLERR) {
        s->client.transport.fail_at = s->client.transport.out_n;
        s->client.transport.write_error = breaks[k].error;
    }
    test_client_event(&s->client, breaks[k].events);
    scene_go_on(s);
    scene_check_answers(s, at, "input that breaks off at");
    scene_end(s, "input that breaks off");
}

static void break_at_each_byte(struct scene *s)
{
    for (size_t at = 0; at <= s->input_n; at++)
        for (size_t k = 0; k < WR_COUNT(breaks); k++)
            break_off(s, at, k);
}

static void input__that_breaks_off_at_any_byte__ends_that_connection_alone(void **state)
{
    (void)state;
    for_each(break_at_each_byte);
}

/* Handlers and bodies hear of it before they have answered. */
static void break_before_answers(struct scene *s)
{
    for (size_t k = 0; k < WR_COUNT(breaks); k++) {
        if (!(breaks[k].events & EPOLLERR))
            continue;
        scene_begin(s);
        test_client_send_slice(&s->client, wr_slice(s->input, s->input_n));
        s->client.transport.fail_at = s->client.transport.out_n;
        s->client.transport.read_error = breaks[k].error;
        test_client_event(&s->client, breaks[k].events);
        assert_true(s->client.transport.is_closed);
        scene_go_on(s);
        scene_check_front(s, k, "input that breaks off before the answer");
        scene_end(s, "input that breaks off before the answer");
    }
}

static void input__that_breaks_off_before_the_answer__ends_that_connection_alone(void **state)
{
    (void)state;
    for_each(break_before_answers);
}

/* Longer than any of the default deadlines. */
static void stall_at_each_byte(struct scene *s)
{
    for (size_t at = 0; at <= s->input_n; at++) {
        scene_begin(s);
        scene_say(s, 0, at);
        scene_wait_s(s, 200);
        scene_check_answers(s, at, "input that stalls at");
        assert_true(s->client.transport.is_closed);
        scene_end(s, "input that stalls");
    }
}

static void input__that_stalls_at_any_byte__is_waited_for_no_longer_than_configured(void **state)
{
    (void)state;
    for_each(stall_at_each_byte);
}

WR_TESTS(cmocka_unit_test(input__in_pieces_of_any_size__is_answered_the_same),
         cmocka_unit_test(input__that_waits_at_any_byte__is_answered_the_same),
         cmocka_unit_test(input__that_ends_at_any_byte__has_its_whole_requests_answered),
         cmocka_unit_test(input__that_breaks_off_at_any_byte__ends_that_connection_alone),
         cmocka_unit_test(input__that_breaks_off_before_the_answer__ends_that_connection_alone),
         cmocka_unit_test(input__that_stalls_at_any_byte__is_waited_for_no_longer_than_configured));
