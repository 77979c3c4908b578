/*
 * app_stepped.c — the requests of an app_program.h by weir/test.h: wherever an app may run, two of them at
 * a time, for clients that do what bytes say.
 */
#include <weir/test.h>

#include "app_program.h"
#include "short_memory.h"

#define CLIENT_STEPS 60

struct client {
    struct app_run *run;
    weir_test_exchange *x;
    size_t sent;
    bool may_cut, has_ended;
};

static void begin_request(weir_test *t, struct client *c, bool is_chunked)
{
    struct app_run *run = c->run;
    char target[] = {'/', (char)('0' + run->id), '\0'};
    weir_test_request request = {.method = run->is_unread ? "HEAD" : "POST",
                                 .target = target,
                                 .version = run->is_10 ? "HTTP/1.0" : NULL,
                                 .content_length = (int64_t)run->sent_n,
                                 .take = WEIR_TEST_BY_HAND};

    if (is_chunked && !run->is_10)
        request.content_length = -1;
    c->x = weir_test_begin(t, &request);
}

static void send_part(struct client *c, size_t n)
{
    if (n > c->run->sent_n - c->sent)
        n = c->run->sent_n - c->sent;
    if (c->has_ended || weir_test_send(c->x, c->run->sent + c->sent, n) != 0)
        return;
    c->sent += n;
}

/* With FIN or RST the client does not wait for all of it. */
static void give_up(struct client *c, bool is_left)
{
    c->may_cut = c->has_ended = true;
    if (is_left)
        weir_test_leave(c->x);
    else
        weir_test_half_close(c->x);
}

static void client_step(weir_test *t, struct client *c, struct app_steps *s)
{
    unsigned choice = app_byte(s) % 16;
    size_t n = app_byte(s);

    app_show("client %u: %u, %zu\n", c->run->id, choice, n);
    if (choice < 4)
        send_part(c, n * 8);
    else if (choice < 8)
        weir_test_take(c->x, n * 4);
    else if (choice == 8)
        weir_test_take(c->x, WEIR_TEST_ALL);
    else if (choice < 11)
        app_program_wake(c->run);
    else if (choice == 11)
        app_program_poke(c->run);
    else if (choice == 12)
        weir_test_advance(t, (uint32_t)n);
    else if (choice == 13 && n % 8 == 1)
        give_up(c, n % 16 == 1);
    weir_test_run(t);
}

/* All is sent and taken; then whoever still waits is told to go on. */
static void end_clients(weir_test *t, struct client *c, struct app_program *p)
{
    for (int i = 0; i < APP_RUNS_MAX; i++) {
        if (!c[i].x)
            continue;
        send_part(&c[i], c[i].run->sent_n);
        if (!c[i].has_ended)
            weir_test_send_end(c[i].x, NULL);
        weir_test_take(c[i].x, WEIR_TEST_ALL);
    }
    APP_CHECK(weir_test_run(t) == 0);
    p->has_short_memory = short_memory_hits() > 0;
    for (int i = 0; i < APP_RUNS_MAX; i++) {
        if (c[i].x && !c[i].may_cut && !p->has_short_memory)
            app_program_check_quiet(c[i].run);
        c[i].run->steps->at = c[i].run->steps->n;
    }
    for (int k = 0; k < 4 * APP_RUNS_MAX; k++) {
        app_program_poke(c[k % APP_RUNS_MAX].run);
        app_program_wake(c[k % APP_RUNS_MAX].run);
        weir_test_run(t);
    }
    p->has_short_memory |= short_memory_hits() > 0;
    short_memory_plan(-1, false);
}

static void check_client(struct client *c, struct app_program *p)
{
    const weir_test_response *r;
    struct app_answer a;

    if (!c->x)
        return;
    r = weir_test_answer(c->x);
    a = (struct app_answer){.status = r->status,
                            .is_apps = weir_test_field(r, "X-App") ||
                                       (p->has_short_memory && r->status != 503),
                            .content = r->body,
                            .n = r->body_size,
                            .is_cut = r->is_cut || !r->is_done || c->may_cut,
                            .may_be_cut = c->may_cut || p->has_short_memory};
    if (p->is_elsewhere && !c->run->has_body) /* which nobody may finish from here */
        a.may_be_cut = true;
    app_program_check_answer(c->run, &a);
    weir_test_end(c->x);
}

void app_program_step_through(struct app_program *p, const weir_test_setup *how,
                              struct app_steps *steps)
{
    struct client c[APP_RUNS_MAX] = {{.run = &p->runs[0]}, {.run = &p->runs[1]}};
    weir_test_setup setup = *how;
    weir_test *t;

    setup.plugin = &app_program_plugin;
    p->in_threads = setup.runs == WEIR_TEST_IN_THREAD;
    p->is_elsewhere = p->in_threads || setup.loops > 1;
    t = weir_test_start(&setup);
    APP_CHECK(t && !weir_test_error(t));
    short_memory_plan(p->short_of, p->short_of % 2 == 1);
    for (int i = 0; i < APP_RUNS_MAX; i++)
        begin_request(t, &c[i], app_byte(steps) % 2);
    for (int i = 0; i < CLIENT_STEPS && steps->at < steps->n; i++) {
        struct client *one = &c[app_byte(steps) % APP_RUNS_MAX];

        if (one->x)
            client_step(t, one, steps);
    }
    end_clients(t, c, p);
    app_show("%s\n", weir_test_log(t));
    for (int i = 0; i < APP_RUNS_MAX; i++)
        check_client(&c[i], p);
    weir_test_free(t);
    for (int i = 0; i < APP_RUNS_MAX; i++)
        app_program_check_end(&p->runs[i]);
}
