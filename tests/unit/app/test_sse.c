/*
 * weir/sse.h. What is expected was written by hand from the HTML standard, 9.2.5 and 9.2.6; the parser
 * below is the algorithm of 9.2.6 for streams of which every byte is there, and knows nothing of how
 * they were made.
 */
#include <weir/sse.h>

#include <stdbool.h>

#include "support.h"

#define EVENTS_MAX 64
#define ROUNDS     3000

static int allocations_left = -1; /* below 0: any number */

static bool may_allocate(void)
{
    if (allocations_left == 0)
        return false;
    allocations_left -= allocations_left > 0;
    return true;
}

void *__real_malloc(size_t n);
void *__wrap_malloc(size_t n);
void *__real_realloc(void *p, size_t n);
void *__wrap_realloc(void *p, size_t n);

void *__wrap_malloc(size_t n)
{
    return may_allocate() ? __real_malloc(n) : NULL;
}

void *__wrap_realloc(void *p, size_t n)
{
    return may_allocate() ? __real_realloc(p, n) : NULL;
}

/* ---- the parser: 9.2.6 Interpreting an event stream ---- */

struct text {
    char p[1024];
    size_t n;
};

struct seen {
    struct text data, type, id;
};

struct parser {
    struct text data, type, id, last_id;
    unsigned long retry;
    struct seen seen[EVENTS_MAX];
    int seen_n;
    int comments;
};

static void add_text(struct text *to, const char *p, size_t n)
{
    assert_true(to->n + n < sizeof to->p);
    memcpy(to->p + to->n, p, n);
    to->n += n;
}

static void set_text(struct text *to, const char *p, size_t n)
{
    to->n = 0;
    add_text(to, p, n);
}

static void dispatch(struct parser *s)
{
    struct seen *e = &s->seen[s->seen_n];

    s->last_id = s->id;
    if (s->data.n > 0) {
        assert_true(s->seen_n < EVENTS_MAX);
        s->data.n -= s->data.p[s->data.n - 1] == '\n';
        e->data = s->data;
        set_text(&e->type, "message", 7);
        if (s->type.n > 0)
            e->type = s->type;
        e->id = s->last_id;
        s->seen_n++;
    }
    s->data.n = s->type.n = 0;
}

static void set_retry(struct parser *s, const char *p, size_t n)
{
    unsigned long retry = 0;

    for (size_t i = 0; i < n; i++) {
        if (p[i] < '0' || p[i] > '9')
            return;
        retry = 10 * retry + (unsigned long)(p[i] - '0');
    }
    s->retry = retry;
}

static void take_field(struct parser *s, const char *name, size_t name_n, const char *p, size_t n)
{
    if (name_n == 5 && memcmp(name, "event", 5) == 0) {
        set_text(&s->type, p, n);
    } else if (name_n == 4 && memcmp(name, "data", 4) == 0) {
        add_text(&s->data, p, n);
        add_text(&s->data, "\n", 1);
    } else if (name_n == 2 && memcmp(name, "id", 2) == 0) {
        if (n == 0 || !memchr(p, '\0', n))
            set_text(&s->id, p, n);
    } else if (name_n == 5 && memcmp(name, "retry", 5) == 0) {
        set_retry(s, p, n);
    } else {
        fail_msg("a field that means nothing: %.*s", (int)name_n, name);
    }
}

static void take_line(struct parser *s, const char *p, size_t n)
{
    const char *colon = n > 0 ? memchr(p, ':', n) : NULL;
    const char *value;

    if (n == 0) {
        dispatch(s);
    } else if (colon == p) {
        s->comments++;
    } else if (colon) {
        value = colon + 1;
        value += value < p + n && *value == ' ';
        take_field(s, p, (size_t)(colon - p), value, (size_t)(p + n - value));
    } else {
        take_field(s, p, n, p, 0);
    }
}

/* A last line without an end, and what was not dispatched, is lost. */
static void parse(struct parser *s, const char *p, size_t n)
{
    size_t from = 0;

    for (size_t i = 0; i < n; i++) {
        if (p[i] != '\r' && p[i] != '\n')
            continue;
        take_line(s, p + from, i - from);
        i += p[i] == '\r' && i + 1 < n && p[i + 1] == '\n';
        from = i + 1;
    }
}

static void check_text(const struct text *got, const char *wanted, size_t n)
{
    assert_int_equal(got->n, n);
    assert_memory_equal(got->p, wanted, n);
}

static void check_bytes(const weir_sse *out, const char *wanted)
{
    assert_int_equal(out->error, 0);
    assert_int_equal(out->n, strlen(wanted));
    assert_memory_equal(out->p, wanted, out->n);
}

/* ---- the format, by hand ---- */

static void check_event(weir_sse_event event, const char *wanted)
{
    weir_sse out = {0};

    assert_int_equal(weir_sse_add(&out, &event), 0);
    check_bytes(&out, wanted);
    free(out.p);
}

static void sse_add__fields__are_lines_that_a_blank_one_ends(void **state)
{
    (void)state;
    check_event((weir_sse_event){.text = "a"}, "data: a\n\n");
    check_event((weir_sse_event){.data = "abc", .n = 2}, "data: ab\n\n");
    check_event((weir_sse_event){.id = "7", .text = "a"}, "id: 7\ndata: a\n\n");
    check_event((weir_sse_event){.event = "b", .text = "a"}, "event: b\ndata: a\n\n");
    check_event((weir_sse_event){.retry_ms = 3000, .text = "a"}, "retry: 3000\ndata: a\n\n");
    check_event((weir_sse_event){.retry_ms = UINT32_MAX}, "retry: 4294967295\n\n");
    check_event((weir_sse_event){.id = "7", .event = "b", .text = "a", .retry_ms = 1},
                "retry: 1\nid: 7\nevent: b\ndata: a\n\n");
}

/* Of "data:  a" one space is taken away, and of "data: :" nothing but the first colon counts. */
static void sse_add__spaces_and_colons__stay_in_the_value(void **state)
{
    (void)state;
    check_event((weir_sse_event){.text = " a "}, "data:  a \n\n");
    check_event((weir_sse_event){.text = ": x: y"}, "data: : x: y\n\n");
    check_event((weir_sse_event){.text = "\xef\xbb\xbf"}, "data: \xef\xbb\xbf\n\n");
}

static void sse_add__line_breaks__begin_another_data_line(void **state)
{
    (void)state;
    check_event((weir_sse_event){.text = "a\nb"}, "data: a\ndata: b\n\n");
    check_event((weir_sse_event){.text = "a\rb"}, "data: a\ndata: b\n\n");
    check_event((weir_sse_event){.text = "a\r\nb"}, "data: a\ndata: b\n\n");
    check_event((weir_sse_event){.text = "a\n\rb"}, "data: a\ndata: \ndata: b\n\n");
    check_event((weir_sse_event){.text = "a\r\r\nb"}, "data: a\ndata: \ndata: b\n\n");
    check_event((weir_sse_event){.text = "a\n"}, "data: a\ndata: \n\n");
    check_event((weir_sse_event){.text = "\r\n"}, "data: \ndata: \n\n");
    check_event((weir_sse_event){.data = "a\r\n", .n = 2}, "data: a\ndata: \n\n");
    check_event((weir_sse_event){.text = "a\n\nid: 1\n\n"},
                "data: a\ndata: \ndata: id: 1\ndata: \ndata: \n\n");
}

/* Without a data line the event would not be dispatched; an id is taken over all the same. */
static void sse_add__no_data__is_heard_of_when_there_is_a_type(void **state)
{
    (void)state;
    check_event((weir_sse_event){.text = ""}, "data: \n\n");
    check_event((weir_sse_event){.data = "x", .n = 0}, "data: \n\n");
    check_event((weir_sse_event){.event = "b"}, "event: b\ndata: \n\n");
    check_event((weir_sse_event){.id = "7"}, "id: 7\n\n");
    check_event((weir_sse_event){.id = ""}, "id: \n\n");
}

static void sse_add__nul__may_be_in_data(void **state)
{
    weir_sse out = {0};
    const weir_sse_event event = {.data = "a\0b", .n = 3};

    (void)state;
    assert_int_equal(weir_sse_add(&out, &event), 0);
    assert_int_equal(out.n, 11);
    assert_memory_equal(out.p, "data: a\0b\n\n", 11);
    free(out.p);
}

static void sse_add__what_is_not_valid__is_refused_and_sticks(void **state)
{
    static const weir_sse_event bad[] = {
        {0},
        {.event = "a\nb", .text = "x"},
        {.event = "a\rdata: b", .text = "x"},
        {.id = "a\nb", .text = "x"},
        {.id = "a\r", .text = "x"},
        {.id = "a\001", .text = "x"},
        {.id = "\177", .text = "x"},
        {.text = "x", .data = "y", .n = 1},
        {.event = "a", .n = 1},
        {.text = "x", .n = 1},
    };

    (void)state;
    for (size_t i = 0; i < WR_COUNT(bad); i++) {
        weir_sse out = {0};

        assert_int_equal(weir_sse_text(&out, "before"), 0);
        assert_int_equal(weir_sse_add(&out, &bad[i]), WEIR_EINVAL);
        assert_int_equal(weir_sse_text(&out, "after"), WEIR_EINVAL);
        assert_int_equal(weir_sse_printf(&out, "after"), WEIR_EINVAL);
        assert_int_equal(weir_sse_comment(&out, "after"), WEIR_EINVAL);
        assert_int_equal(out.n, strlen("data: before\n\n"));
        free(out.p);
    }
    check_event((weir_sse_event){.id = "a\tb \xc3\xa9", .event = "\tc"},
                "id: a\tb \xc3\xa9\nevent: \tc\ndata: \n\n");
}

static void sse_text_printf_comment__add_what_they_say(void **state)
{
    weir_sse out = {0};

    (void)state;
    assert_int_equal(weir_sse_text(&out, "one\ntwo"), 0);
    assert_int_equal(weir_sse_printf(&out, "%d of %s", 3, "4\n"), 0);
    assert_int_equal(weir_sse_comment(&out, "a\r\nb"), 0);
    assert_int_equal(weir_sse_comment(&out, ""), 0);
    check_bytes(&out, "data: one\ndata: two\n\ndata: 3 of 4\ndata: \n\n: a\n: b\n: \n");
    assert_int_equal(weir_sse_text(&out, NULL), WEIR_EINVAL);
    free(out.p);
}

static void sse_add__without_memory__adds_nothing(void **state)
{
    static char large[100000];
    const weir_sse_event event = {.id = "1", .data = large, .n = sizeof large};

    (void)state;
    memset(large, '\n', sizeof large);
    for (int left = 0; left < 2; left++) {
        weir_sse out = {0};

        assert_int_equal(weir_sse_text(&out, "a"), 0);
        allocations_left = left;
        assert_int_equal(weir_sse_add(&out, &event), WEIR_ENOMEM);
        allocations_left = -1;
        assert_int_equal(out.n, strlen("data: a\n\n"));
        assert_int_equal(weir_sse_text(&out, "a"), WEIR_ENOMEM);
        free(out.p);
    }
    for (int left = 0; left < 2; left++) { /* the text, and where it goes */
        weir_sse out = {0};

        allocations_left = left;
        assert_int_equal(weir_sse_printf(&out, "%d", 1), WEIR_ENOMEM);
        allocations_left = -1;
        assert_int_equal(out.n, 0);
        free(out.p);
    }
}

static void sse_add__more_than_there_are_addresses__is_no_memory(void **state)
{
    weir_sse out = {0};

    (void)state;
    weir_sse_put_(&out, "", SIZE_MAX);
    assert_int_equal(out.error, WEIR_ENOMEM);
    assert_null(out.p);
}

/* ---- random events through the parser ---- */

static uint64_t random_state = 0x9e3779b97f4a7c15;

static uint32_t random_below(uint32_t n)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state >> 32) % n;
}

/* Of `set`; NUL-terminated besides. */
static void make_text(struct text *t, const char *set, size_t set_n)
{
    t->n = random_below(12);
    for (size_t i = 0; i < t->n; i++)
        t->p[i] = set[random_below((uint32_t)set_n)];
    t->p[t->n] = '\0';
}

/* What the other side gets: each kind of line break is an LF. */
static void normalise(struct text *t)
{
    size_t n = 0;

    for (size_t i = 0; i < t->n; i++) {
        if (t->p[i] == '\n' && i > 0 && t->p[i - 1] == '\r')
            continue;
        t->p[n++] = t->p[i];
    }
    t->n = n;
    for (size_t i = 0; i < n; i++)
        if (t->p[i] == '\r')
            t->p[i] = '\n';
}

struct wanted {
    struct seen seen[EVENTS_MAX];
    int n;
    struct text id;
    unsigned long retry;
};

static void add_random(weir_sse *out, struct wanted *w)
{
    static const char line_set[] = "a: \tdi\xc3\xa9", data_set[] = "a: \r\n\r\n\0d\xff";
    struct text id, type, data;
    weir_sse_event event = {.retry_ms = random_below(4) == 0 ? random_below(100000) : 0};

    make_text(&id, line_set, sizeof line_set - 1);
    make_text(&type, line_set, sizeof line_set - 1);
    make_text(&data, data_set, sizeof data_set - 1);
    event.id = random_below(2) ? id.p : NULL;
    event.event = random_below(2) ? type.p : NULL;
    event.data = random_below(4) ? data.p : NULL;
    event.n = event.data ? data.n : 0;
    if (!event.id && !event.event && !event.data && event.retry_ms == 0)
        return;
    assert_int_equal(weir_sse_add(out, &event), 0);
    if (event.id)
        w->id = id;
    if (event.retry_ms > 0)
        w->retry = event.retry_ms;
    if (!event.data && !event.event)
        return;
    w->seen[w->n].data = data;
    if (!event.data)
        w->seen[w->n].data.n = 0;
    normalise(&w->seen[w->n].data);
    set_text(&w->seen[w->n].type, "message", 7);
    if (event.event && type.n > 0)
        w->seen[w->n].type = type;
    w->seen[w->n].id = w->id;
    w->n++;
}

static void sse_add__random_events__arrive_as_they_were(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        static struct parser parser;
        static struct wanted wanted;
        weir_sse out = {0};

        memset(&parser, 0, sizeof parser);
        memset(&wanted, 0, sizeof wanted);
        for (uint32_t n = random_below(EVENTS_MAX); n > 0; n--) {
            add_random(&out, &wanted);
            if (random_below(8) == 0)
                assert_int_equal(weir_sse_comment(&out, "data: x\nid: y\r"), 0);
        }
        parse(&parser, out.p, out.n);
        assert_int_equal(parser.seen_n, wanted.n);
        for (int i = 0; i < wanted.n; i++) {
            const struct seen *got = &parser.seen[i], *want = &wanted.seen[i];

            check_text(&got->data, want->data.p, want->data.n);
            check_text(&got->type, want->type.p, want->type.n);
            check_text(&got->id, want->id.p, want->id.n);
        }
        check_text(&parser.last_id, wanted.id.p, wanted.id.n);
        assert_int_equal(parser.retry, wanted.retry);
        free(out.p);
    }
}

/* ---- the body, over a host of the test's own ---- */

struct fake {
    weir_environ env;
    weir_host host;
    struct {
        _Alignas(16) char p[256];
    } memory;
    bool has_memory;
    char failure[128];
    int status, fields_n, closes, asked;
    const char *last_id;
};

static struct fake *fake_of(weir_environ *env)
{
    return (struct fake *)env;
}

static void *fake_alloc(weir_environ *env, size_t n)
{
    return fake_of(env)->has_memory && n <= sizeof fake_of(env)->memory ? &fake_of(env)->memory
                                                                        : NULL;
}

static const char *fake_get(weir_environ *env, const char *key, size_t n)
{
    assert_int_equal(n, strlen("HTTP_LAST_EVENT_ID"));
    assert_memory_equal(key, "HTTP_LAST_EVENT_ID", n);
    return fake_of(env)->last_id;
}

__attribute__((format(printf, 2, 0))) static int32_t fake_fail(weir_environ *env, const char *fmt,
                                                               va_list ap)
{
    vsnprintf(fake_of(env)->failure, sizeof fake_of(env)->failure, fmt, ap);
    return WEIR_EFAILED;
}

static int32_t fake_body_next(weir_environ *env, weir_body *body, weir_chunk *chunk)
{
    return body->next(env, body->arg, chunk);
}

static int32_t fake_start_response(weir_environ *env, int32_t status, const weir_header *fields)
{
    struct fake *f = fake_of(env);

    f->status = status;
    for (; fields[f->fields_n].name; f->fields_n++)
        continue;
    assert_int_equal(f->fields_n, 3);
    assert_string_equal(fields[0].name, "Content-Type");
    assert_string_equal(fields[0].value, "text/event-stream");
    assert_string_equal(fields[1].name, "Cache-Control");
    assert_string_equal(fields[1].value, "no-store");
    assert_string_equal(fields[2].name, "X-Accel-Buffering");
    assert_string_equal(fields[2].value, "no");
    return 0;
}

static void fake_init(struct fake *f)
{
    *f = (struct fake){.host = {.size = sizeof f->host,
                                .alloc = fake_alloc,
                                .get = fake_get,
                                .body_next = fake_body_next,
                                .request_fail = fake_fail},
                       .has_memory = true};
    f->env.host = &f->host;
}

static void count_close(void *arg)
{
    ((struct fake *)arg)->closes++;
}

static void check_next(struct fake *f, weir_body *body, int32_t said, const char *bytes)
{
    weir_chunk chunk = {0};

    assert_int_equal(weir_body_next(&f->env, body, &chunk), said);
    if (said != WEIR_CHUNK)
        return;
    assert_int_equal(chunk.size, strlen(bytes));
    assert_memory_equal(chunk.data, bytes, chunk.size);
}

/* Events with each answer: what is said of them comes behind them. */
static int32_t next_of_all_kinds(weir_environ *env, void *arg, weir_sse *out)
{
    (void)arg;
    switch (fake_of(env)->asked++) {
    case 0:
        weir_sse_text(out, "a");
        weir_sse_text(out, "b");
        return WEIR_CHUNK;
    case 1:
        return WEIR_CHUNK;
    case 2:
        weir_sse_text(out, "c");
        return WEIR_AGAIN;
    case 3:
        return WEIR_AGAIN;
    case 4:
        weir_sse_text(out, "d");
        return WEIR_END;
    default:
        fail_msg("asked behind its end");
        return WEIR_FAIL;
    }
}

static void sse_body__pieces__are_whole_events(void **state)
{
    struct fake f;
    weir_body body;

    (void)state;
    fake_init(&f);
    body = weir_sse_body(&f.env, next_of_all_kinds, count_close, &f, 0);
    assert_int_equal(body.kind, WEIR_BODY_ITERABLE);
    check_next(&f, &body, WEIR_CHUNK, ":\n\n"); /* the head goes out before there is an event */
    assert_int_equal(f.asked, 0);
    check_next(&f, &body, WEIR_CHUNK, "data: a\n\ndata: b\n\n");
    check_next(&f, &body, WEIR_CHUNK, "");
    check_next(&f, &body, WEIR_CHUNK, "data: c\n\n");
    check_next(&f, &body, WEIR_AGAIN, "");
    check_next(&f, &body, WEIR_CHUNK, "data: d\n\n");
    check_next(&f, &body, WEIR_END, "");
    check_next(&f, &body, WEIR_END, "");
    assert_int_equal(f.closes, 0);
    body.close(body.arg);
    assert_int_equal(f.closes, 1);
    assert_string_equal(f.failure, "");
}

static int32_t next_invalid(weir_environ *env, void *arg, weir_sse *out)
{
    const weir_sse_event bad = {.event = "a\nb"};

    (void)env;
    (void)arg;
    weir_sse_text(out, "a");
    weir_sse_add(out, &bad);
    return WEIR_CHUNK;
}

static int32_t next_large(weir_environ *env, void *arg, weir_sse *out)
{
    (void)env;
    (void)arg;
    weir_sse_printf(out, "%050000d", 1);
    return WEIR_CHUNK;
}

static int32_t next_fails(weir_environ *env, void *arg, weir_sse *out)
{
    (void)env;
    (void)arg;
    weir_sse_text(out, "a");
    return WEIR_FAIL;
}

static void sse_body__failures__are_its_own_and_reported(void **state)
{
    struct fake f;
    weir_body body;

    (void)state;
    fake_init(&f);
    body = weir_sse_body(&f.env, next_invalid, NULL, NULL, 0);
    check_next(&f, &body, WEIR_CHUNK, ":\n\n");
    check_next(&f, &body, WEIR_EFAILED, "");
    assert_string_equal(f.failure, "server-sent events: an event that is not valid");
    body.close(body.arg);

    fake_init(&f);
    body = weir_sse_body(&f.env, next_large, NULL, NULL, 0);
    check_next(&f, &body, WEIR_CHUNK, ":\n\n");
    allocations_left = 0;
    check_next(&f, &body, WEIR_EFAILED, "");
    allocations_left = -1;
    assert_string_equal(f.failure, "server-sent events: out of memory");
    body.close(body.arg);

    fake_init(&f);
    body = weir_sse_body(&f.env, next_fails, NULL, NULL, 0);
    check_next(&f, &body, WEIR_CHUNK, ":\n\n");
    check_next(&f, &body, WEIR_FAIL, "");
    assert_string_equal(f.failure, ""); /* its app's to say */
    body.close(body.arg);
}

/* A stream is long: what one large event took is not kept for all of it. */
static void sse_body__after_a_large_event__gives_memory_back(void **state)
{
    struct fake f;
    weir_body body;
    weir_chunk chunk = {0};
    const weir_sse *out;

    (void)state;
    fake_init(&f);
    body = weir_sse_body(&f.env, next_large, NULL, NULL, 0);
    out = body.arg;
    check_next(&f, &body, WEIR_CHUNK, ":\n\n");
    assert_int_equal(weir_body_next(&f.env, &body, &chunk), WEIR_CHUNK);
    assert_int_equal(chunk.size, 50000 + strlen("data: \n\n"));
    assert_true(out->room > 50000);
    ((weir_sse *)body.arg)->next = next_of_all_kinds;
    check_next(&f, &body, WEIR_CHUNK, "data: a\n\ndata: b\n\n");
    assert_true(out->room < 1000);
    body.close(body.arg);
}

static void sse_body__without_memory__closes_and_is_a_503(void **state)
{
    struct fake f;
    weir_body body;

    (void)state;
    fake_init(&f);
    f.has_memory = false;
    body = weir_sse_body(&f.env, next_fails, count_close, &f, 0);
    assert_int_equal(body.kind, WEIR_BODY_ERROR);
    assert_int_equal(body.status, 503);
    assert_int_equal(f.closes, 1);
    body = weir_sse_body(&f.env, next_fails, NULL, NULL, 0);
    assert_int_equal(body.kind, WEIR_BODY_ERROR);
}

static void sse_body__heartbeat__is_a_comment(void **state)
{
    struct fake f;
    weir_body body;

    (void)state;
    fake_init(&f);
    body = weir_sse_body(&f.env, next_fails, NULL, NULL, 15000);
    assert_int_equal(body.flags, 15000);
    assert_int_equal(body.size, 3);
    assert_memory_equal(body.data, ":\n\n", 3);
    body.close(body.arg);
    body = weir_sse_body(&f.env, next_fails, NULL, NULL, 0);
    assert_int_equal(body.flags, 0);
    assert_null(body.data);
    body.close(body.arg);
}

static void sse_start_and_last_id__ask_the_host(void **state)
{
    struct fake f;

    (void)state;
    fake_init(&f);
    assert_int_equal(weir_sse_start(&f.env, fake_start_response), 0);
    assert_int_equal(f.status, 200);
    assert_null(weir_sse_last_id(&f.env));
    f.last_id = "7";
    assert_string_equal(weir_sse_last_id(&f.env), "7");
}

WR_TESTS(cmocka_unit_test(sse_add__fields__are_lines_that_a_blank_one_ends),
         cmocka_unit_test(sse_add__spaces_and_colons__stay_in_the_value),
         cmocka_unit_test(sse_add__line_breaks__begin_another_data_line),
         cmocka_unit_test(sse_add__no_data__is_heard_of_when_there_is_a_type),
         cmocka_unit_test(sse_add__nul__may_be_in_data),
         cmocka_unit_test(sse_add__what_is_not_valid__is_refused_and_sticks),
         cmocka_unit_test(sse_text_printf_comment__add_what_they_say),
         cmocka_unit_test(sse_add__without_memory__adds_nothing),
         cmocka_unit_test(sse_add__more_than_there_are_addresses__is_no_memory),
         cmocka_unit_test(sse_add__random_events__arrive_as_they_were),
         cmocka_unit_test(sse_body__pieces__are_whole_events),
         cmocka_unit_test(sse_body__failures__are_its_own_and_reported),
         cmocka_unit_test(sse_body__after_a_large_event__gives_memory_back),
         cmocka_unit_test(sse_body__without_memory__closes_and_is_a_503),
         cmocka_unit_test(sse_body__heartbeat__is_a_comment),
         cmocka_unit_test(sse_start_and_last_id__ask_the_host));
