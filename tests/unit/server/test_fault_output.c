/*
 * What the server sends is taken in any pieces, not at all for a while, or never, behind each byte.
 */
#include "conversation.h"

#include <errno.h>

static void for_each(void (*disturb)(struct scene *s))
{
    for (size_t i = 0; i < conversations_n; i++) {
        struct scene s;

        scene_open(&s, &conversations[i]);
        disturb(&s);
        scene_close(&s);
    }
}

static const size_t sizes[] = {1, 2, 3, 7, 64, 1000, 16384};

static void take_pieces(struct scene *s)
{
    for (size_t k = 0; k < WR_COUNT(sizes); k++) {
        scene_begin(s);
        s->client.transport.write_max = sizes[k];
        scene_say_all(s);
        scene_check_whole(s, sizes[k], "writes of");
        scene_end(s, "short writes");

        scene_begin(s);
        s->client.transport.room = sizes[k];
        scene_say_all(s);
        for (size_t before = 0; before < s->client.transport.out_n;) {
            before = s->client.transport.out_n;
            test_client_take(&s->client, sizes[k], 1000);
            scene_go_on(s);
        }
        scene_check_whole(s, sizes[k], "room for");
        s->client.transport.room = FAKE_NO_LIMIT;
        scene_end(s, "little room");
    }
}

static void output__taken_in_pieces_of_any_size__is_the_same(void **state)
{
    (void)state;
    for_each(take_pieces);
}

static void block_at_each_byte(struct scene *s)
{
    for (size_t at = 0; at < s->output_n; at++) {
        if (!scene_tries(at, s->output_n))
            continue;
        scene_begin(s);
        s->client.transport.room = at;
        scene_say_all(s);
        test_client_event(&s->client, EPOLLOUT); /* for nothing */
        scene_check_front(s, at, "output that blocks at");
        s->client.transport.room = FAKE_NO_LIMIT;
        test_client_event(&s->client, EPOLLOUT);
        scene_go_on(s);
        scene_check_whole(s, at, "output that blocks at");
        scene_end(s, "output that blocks");
    }
}

static void output__that_blocks_at_any_byte__is_the_same(void **state)
{
    (void)state;
    for_each(block_at_each_byte);
}

/* A little more is taken before handlers and bodies go on. */
static void block_twice_at_each_byte(struct scene *s)
{
    size_t head = s->as->expects ? s->heads[s->requests_n - 1] : s->input_n;

    for (size_t at = 0; at < s->output_n; at++) {
        if (!scene_tries(at, s->output_n))
            continue;
        scene_begin(s);
        s->client.transport.room = at;
        test_client_send_slice(&s->client, wr_slice(s->input, head));
        test_client_take(&s->client, 3, 1);
        scene_go_on(s);
        scene_check_front(s, at, "output that blocks twice at");
        s->client.transport.room = FAKE_NO_LIMIT;
        test_client_event(&s->client, EPOLLOUT);
        scene_go_on(s);
        scene_say(s, head, s->input_n);
        scene_check_whole(s, at, "output that blocks twice at");
        scene_end(s, "output that blocks twice");
    }
}

static void output__that_blocks_before_a_handler_goes_on__is_the_same(void **state)
{
    (void)state;
    for_each(block_twice_at_each_byte);
}

static const int errors[] = {-ECONNRESET, -EPIPE, -ETIMEDOUT, -ENOBUFS};

static void fail_at_each_byte(struct scene *s)
{
    for (size_t at = 0; at < s->output_n; at++) {
        if (!scene_tries(at, s->output_n))
            continue;
        for (size_t k = 0; k < WR_COUNT(errors); k++) {
            scene_begin(s);
            s->client.transport.fail_at = at;
            s->client.transport.write_error = errors[k];
            scene_say_all(s);
            scene_check_front(s, at, "output that fails at");
            assert_true(s->client.transport.is_closed);
            scene_end(s, "output that fails");
        }
    }
}

static void output__that_fails_at_any_byte__ends_that_connection_alone(void **state)
{
    (void)state;
    for_each(fail_at_each_byte);
}

/* The event comes while it waits for room. */
static void reset_at_each_byte(struct scene *s)
{
    for (size_t at = 0; at < s->output_n; at++) {
        if (!scene_tries(at, s->output_n))
            continue;
        scene_begin(s);
        s->client.transport.room = at;
        scene_say_all(s);
        test_client_reset(&s->client);
        assert_true(s->client.transport.is_closed);
        scene_go_on(s);
        scene_check_front(s, at, "output that is reset at");
        scene_end(s, "output that is reset");
    }
}

static void output__whose_client_is_gone_at_any_byte__ends_that_connection_alone(void **state)
{
    (void)state;
    for_each(reset_at_each_byte);
}

/* Longer than any of the default deadlines. */
static void stall_at_each_byte(struct scene *s)
{
    for (size_t at = 0; at < s->output_n; at++) {
        if (!scene_tries(at, s->output_n))
            continue;
        scene_begin(s);
        s->client.transport.room = at;
        scene_say_all(s);
        scene_wait_s(s, 200);
        assert_true(s->client.transport.is_closed);
        scene_go_on(s);
        scene_check_front(s, at, "output that stalls at");
        scene_end(s, "output that stalls");
    }
}

static void output__that_stalls_at_any_byte__is_waited_for_no_longer_than_configured(void **state)
{
    (void)state;
    for_each(stall_at_each_byte);
}

/* The server is told to stop, and cuts off who does not read. */
static void cut_at_each_byte(struct scene *s)
{
    for (size_t at = 0; at < s->output_n; at++) {
        if (!scene_tries(at, s->output_n))
            continue;
        scene_begin(s);
        s->client.transport.room = at;
        scene_say_all(s);
        wr_worker_drain(&s->server.worker);
        test_server_step(&s->server);
        if (!s->client.transport.is_closed)
            wr_conn_close(s->client.conn);
        test_server_step(&s->server);
        scene_go_on(s);
        scene_check_front(s, at, "output that is cut off at");
        scene_end(s, "output that is cut off");
    }
}

static void output__cut_off_by_a_stop_at_any_byte__does_not_look_whole(void **state)
{
    (void)state;
    for_each(cut_at_each_byte);
}

WR_TESTS(cmocka_unit_test(output__taken_in_pieces_of_any_size__is_the_same),
         cmocka_unit_test(output__that_blocks_at_any_byte__is_the_same),
         cmocka_unit_test(output__that_blocks_before_a_handler_goes_on__is_the_same),
         cmocka_unit_test(output__that_fails_at_any_byte__ends_that_connection_alone),
         cmocka_unit_test(output__whose_client_is_gone_at_any_byte__ends_that_connection_alone),
         cmocka_unit_test(output__that_stalls_at_any_byte__is_waited_for_no_longer_than_configured),
         cmocka_unit_test(output__cut_off_by_a_stop_at_any_byte__does_not_look_whole));
