/*
 * app_calls.c — the steps of an app_program.h: each is a call of weir/app.h, and what its answer says to
 * the model.
 */
#include "app_program.h"

#include <stdlib.h>
#include <sys/mman.h>

#define STEPS_MAX 12 /* of one call */

bool app_program_is_complete(const struct app_run *run)
{
    bool is_unread = run->status != 0 && (run->is_unread || run->status == 204 ||
                                          run->status == 205 || run->status == 304);

    if (run->has_tail || run->has_ended || run->page != 0)
        return true;
    if (is_unread && (run->has_next || run->has_started))
        return true;
    return (run->has_next || run->has_started) && run->declared >= 0 &&
           run->content_n == (size_t)run->declared;
}

void app_fail(struct app_run *run)
{
    if (run->is_closing)
        return;
    if (app_program_is_complete(run))
        run->is_loose = true;
    else
        run->has_failed = true;
}

/* The answer of a call whose mistakes stick. */
static void note(struct app_run *run, int32_t err)
{
    if (err == WEIR_ENOMEM)
        run->had_no_memory = true;
    if (err < 0)
        app_fail(run);
}

/* ---- the head ---- */

static void start(struct app_run *run, int32_t replace)
{
    static const int32_t statuses[] = {200, 200, 200, 404, 204, 304, 205, 503};
    uint8_t choice = app_byte(run->steps);
    int32_t status = statuses[choice % 8], declared = -1, err;
    char number[8] = {(char)('0' + choice / 64), (char)('0' + choice % 10), '\0'};

    if (choice & 8) {
        declared = choice / 64 * 10 + choice % 10;
        err = run->start(run->env, status | replace,
                         WEIR_HEADERS({"X-App", "1"}, {"Content-Length", number}));
    } else {
        err =
            run->start(run->env, status | replace, WEIR_HEADERS({"X-App", "1"}, {"Etag", "\"a\""}));
    }
    note(run, err);
    if (err < 0)
        return;
    APP_CHECK(!run->has_started && (run->status == 0 || replace));
    run->status = status;
    run->declared = declared;
    if (declared >= 0 && (size_t)declared < run->content_n)
        run->is_loose = true;
}

static void start_wrong(struct app_run *run)
{
    static const weir_header wrong[][2] = {
        {{"X-A", "b\r\nX-C: d"}, {NULL, NULL}},  {{"X A", "b"}, {NULL, NULL}},
        {{"Connection", "close"}, {NULL, NULL}}, {{"Content-Length", "-1"}, {NULL, NULL}},
        {{"X-A", NULL}, {NULL, NULL}},           {{"", "b"}, {NULL, NULL}}};
    uint8_t choice = app_byte(run->steps);
    int32_t err;

    if (choice % 8 < 6)
        err = run->start(run->env, 200, wrong[choice % 8]);
    else
        err = run->start(run->env, choice & 8 ? 199 : 1000, NULL);
    APP_CHECK(err < 0);
    note(run, err);
}

static void add_field(struct app_run *run)
{
    uint8_t choice = app_byte(run->steps);

    if (choice % 4 == 0)
        note(run, weir_header_add(run->env, "Bad Name", "x", 1));
    else if (choice % 4 == 1)
        note(run, weir_reason(run->env, "Fine"));
    else if (run->fields++ < 20) /* the tests' parser takes no more than 32 */
        note(run, weir_header_add(run->env, "X-More", "abc", choice % 4));
}

static void add_trailer(struct app_run *run)
{
    uint8_t choice = app_byte(run->steps);
    int32_t err;

    if (run->fields++ >= 20) /* as below */
        return;
    if (choice % 4 == 0)
        err = weir_trailer_add(run->env, "X-Sum", NULL, 0);
    else if (choice % 4 == 1)
        err = weir_trailer_add(run->env, "Content-Length", "1", 1);
    else
        err = weir_trailer_add(run->env, "X-Sum", "12", choice % 3);
    if (err != WEIR_ESTATE)
        note(run, err);
}

static void hint(struct app_run *run)
{
    uint8_t choice = app_byte(run->steps);
    int32_t err = choice % 4 == 0
                      ? weir_early_hints(run->env, WEIR_HEADERS({"Bad Name", "x"}))
                      : weir_early_hints(run->env, WEIR_HEADERS({"Link", "</a>; rel=preload"}));

    if (err == WEIR_EINVAL || err == WEIR_ETOOBIG)
        note(run, err);
}

/* ---- content, both ways ---- */

static void write_some(struct app_run *run)
{
    size_t n = app_byte(run->steps);
    char bytes[4096];
    int32_t err;

    if (n > 250)
        n = (n - 250) * 800;
    if (run->content_n + n > APP_CONTENT_MAX)
        return;
    app_letters(run, bytes, n);
    err = weir_write(run->env, bytes, n);
    if (err == WEIR_AGAIN) {
        run->writable_due = true;
    } else if (err == 0 && n > 0) {
        APP_CHECK(!run->is_closing && run->status != 0 && !run->has_ended);
        APP_CHECK(!run->has_failed || run->has_finished);
        app_give(run, bytes, n);
        run->has_started = true;
        run->writable_due = false;
    } else if (err < 0 && err != WEIR_EGONE && (err != WEIR_ESTATE || run->status == 0)) {
        note(run, err);
    }
}

static void read_some(struct app_run *run)
{
    size_t n = app_byte(run->steps) * 4U;
    char *buffer = app_memory(n + 1);
    int64_t got;

    got = weir_read(run->env, buffer, n);
    app_show("run %u: read %zu: %lld at %zu: %.*s\n", run->id, n, (long long)got, run->received,
             got > 0 ? (int)got : 0, buffer);
    run->has_read = true;
    if (run->is_lost && got >= 0) {
        run->input_due = false;
    } else if (got > 0) {
        APP_CHECK((size_t)got <= n && (size_t)got <= run->sent_n - run->received);
        APP_CHECK(memcmp(buffer, run->sent + run->received, (size_t)got) == 0);
        run->received += (size_t)got;
        run->input_due = false;
    } else if (got == WEIR_AGAIN) {
        APP_CHECK(n > 0);
        run->input_due = true;
        run->input_in_next |= run->place == IN_NEXT;
    } else if (got == 0 && n > 0) {
        APP_CHECK(run->received == run->sent_n);
    } else if (got == WEIR_EBADMSG || got == WEIR_ETOOBIG || got == WEIR_ETIMEDOUT) {
        run->broken = (int32_t)got;
    }
    free(buffer);
}

static void read_rest(struct app_run *run, bool into_file)
{
    size_t max = app_byte(run->steps) * 8U;
    int32_t err;

    if (into_file && run->file < 0)
        run->file = memfd_create("rest", MFD_CLOEXEC);
    err = into_file ? weir_read_file(run->env, run->file, max, app_on_file, run)
                    : weir_read_all(run->env, max, app_on_all, run);
    if (err != 0)
        return;
    run->has_read = true;
    run->input_due = run->input_in_next = false; /* it reads what there is */
    run->dones_due++;
}

static void listen_to(struct app_run *run)
{
    uint8_t choice = app_byte(run->steps);

    if (choice % 4 == 3) {
        for (int i = 0; i < APP_LISTENERS; i++) {
            if (run->listeners[i].is_used)
                continue;
            run->listeners[i].is_used = true;
            weir_on_disconnect(run->env, app_on_disconnect, &run->listeners[i]);
            return;
        }
    } else if (choice % 4 == 2) {
        weir_on_input(run->env, NULL, NULL);
        weir_on_writable(run->env, NULL, NULL);
        run->has_on_input = run->has_on_writable = false;
    } else if (choice % 4 == 1) {
        run->has_on_writable |= weir_on_writable(run->env, app_on_writable, run) == 0;
    } else {
        run->has_on_input |= weir_on_input(run->env, app_on_input, run) == 0;
        run->has_read = true;
    }
}

/* ---- bodies ---- */

static void finish(struct app_run *run)
{
    weir_body body = app_make_body(run);
    int32_t err;

    run->own++;
    err = weir_finish(run->env, body);
    run->own--;
    if (err == 0) {
        APP_CHECK(!run->is_closing);
        run->has_finished = true;
        app_take_body(run, &body, false);
    } else if (err == WEIR_ENOMEM || err == WEIR_EINVAL) {
        APP_CHECK(err != WEIR_EINVAL || body.kind == WEIR_BODY_LATER);
        note(run, err);
    }
}

/* One that is not returned: pieces of it, then it is closed. */
static void use_body(struct app_run *run)
{
    weir_body body = app_make_body(run);
    weir_chunk chunk;
    int32_t said = WEIR_CHUNK;

    run->own++;
    for (int i = 0; i < 3 && said == WEIR_CHUNK && body.kind != WEIR_BODY_ITERABLE; i++)
        said = weir_body_next(run->env, &body, &chunk);
    weir_body_close(run->env, &body);
    run->own--;
    APP_CHECK(body.kind == WEIR_BODY_EMPTY);
}

/* ---- the rest ---- */

static void defer(struct app_run *run)
{
    struct app_defer *d = app_memory(sizeof *d);

    d->run = run;
    d->next = run->defers; /* not NULL: not the one that was there first */
    run->defers = d;
    run->own++;
    weir_defer(run->env, app_on_defer, d);
    run->own--;
    if (d->called == 1)
        note(run, WEIR_ENOMEM);
}

static void use_memory(struct app_run *run)
{
    size_t n = app_byte(run->steps) * 16U;
    char *memory = weir_alloc(run->env, n);

    if (memory)
        memset(memory, 'x', n);
    weir_set(run->env, "app.key", memory && n % 3 == 0 ? "value" : NULL);
    weir_get(run->env, "REQUEST_METHOD");
    weir_log(run->env, WEIR_LOG_INFO, "%zu bytes", n);
}

static void start_first(struct app_run *run)
{
    start(run, 0);
}

static void start_again(struct app_run *run)
{
    start(run, WEIR_REPLACE);
}

static void read_all(struct app_run *run)
{
    read_rest(run, false);
}

static void read_into_file(struct app_run *run)
{
    read_rest(run, true);
}

static void limit(struct app_run *run)
{
    weir_body_limit(run->env, app_byte(run->steps) * 4U);
}

static void wake(struct app_run *run)
{
    run->wake_due = true;
    APP_CHECK(weir_wake(run->env) == 0);
}

static void go_wrong(struct app_run *run)
{
    switch (app_byte(run->steps) % 4) {
    case 0:
        start_wrong(run);
        break;
    case 1:
        note(run, weir_fail(run->env, "it %s", "fails"));
        break;
    default:
        add_field(run);
    }
}

/* What matters most has more than one number. */
static void step(struct app_run *run, uint8_t op)
{
    static const struct {
        const char *name;
        void (*take)(struct app_run *run);
    } all[] = {
        {"go wrong", go_wrong},
        {"start", start_first},
        {"start", start_first},
        {"replace", start_again},
        {"write", write_some},
        {"write", write_some},
        {"write", write_some},
        {"read", read_some},
        {"read", read_some},
        {"listen", listen_to},
        {"listen", listen_to},
        {"read all", read_all},
        {"read file", read_into_file},
        {"limit", limit},
        {"finish", finish},
        {"wake", wake},
        {"defer", defer},
        {"trailer", add_trailer},
        {"hint", hint},
        {"use a body", use_body},
        {"memory", use_memory},
        {"go wrong", go_wrong},
    };
    size_t i = op % (sizeof all / sizeof all[0]);

    app_show("run %u:   %s\n", run->id, all[i].name);
    all[i].take(run);
}

/* There are no more bytes: what was begun is ended. */
static void end(struct app_run *run)
{
    bool may_start = run->status == 0 && !run->has_failed && !run->has_body;
    int32_t err;

    if (run->is_closing || run->place == IN_NEXT || run->place == IN_CLOSE)
        return;
    if (may_start) {
        err = run->start(run->env, 200, WEIR_HEADERS({"X-App", "1"}));
        note(run, err);
        run->status = err == 0 ? 200 : 0;
    }
    if (run->place == IN_CALLBACK && !run->has_body)
        finish(run);
}

void app_take_steps(struct app_run *run)
{
    if (run->place == IN_CLOSE && app_byte(run->steps) % 2 == 0)
        return;
    for (int i = 0; i < STEPS_MAX; i++) {
        uint8_t op = app_byte(run->steps);

        if (op == 0)
            break;
        step(run, op);
    }
    if (app_program_is_at_end(run))
        end(run);
}
