/*
 * What comes before the response and behind it, in weir/test.h: 103, trailers. The app uses the server's
 * own functions, which is what those of weir/app.h come to.
 */
#include "support.h"

#include <weir/test.h>

#include <errno.h>
#include <string.h>

#include "app/environ.h"

static int informed;

/* One piece; with the end there are trailers. */
static int32_t next(weir_environ *env, void *arg, weir_chunk *chunk)
{
    static const struct wr_response_field fields[] = {{{"Sum", 3}, {"42", 2}}};
    struct wr_response *r = &wr_environ_of(env)->x->response;
    int *is_over = arg;

    if (*is_over) {
        r->trailers = fields;
        r->trailers_n = 1;
        return WEIR_END;
    }
    *is_over = 1;
    chunk->data = "body";
    chunk->size = 4;
    return WEIR_CHUNK;
}

static weir_body name_trailers(weir_environ *env)
{
    const struct wr_request *request = &wr_environ_of(env)->x->request;
    const struct wr_fields *f;
    char buffer[8];

    if (request->trailers)
        return weir_text("too early");
    while (weir_read(env, buffer, sizeof buffer) > 0)
        ;
    f = request->trailers;
    if (!f)
        return weir_text("none");
    return weir_printf(env, "%d %.*s=%.*s", f->n, (int)f->v[0].name.n, f->v[0].name.p,
                       (int)f->v[0].value.n, f->v[0].value.p);
}

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    static const struct wr_response_field link[] = {{{"Link", 4}, {"</a>", 4}}};
    struct wr_exchange *x = wr_environ_of(env)->x;
    int *is_over = weir_alloc(env, sizeof *is_over);

    if (strcmp(weir_get(env, "PATH_INFO"), "/hint") == 0)
        informed = wr_exchange_inform(x, 103, link, 1);
    start_response(env, 200, NULL);
    if (strcmp(weir_get(env, "PATH_INFO"), "/request") == 0)
        return name_trailers(env);
    x->response.may_have_trailers = true;
    x->response.trailer_names = WR_SLICE("Sum");
    *is_over = 0;
    return weir_iterable(next, NULL, is_over);
}

static const weir_plugin plugin = {.magic = WEIR_PLUGIN_MAGIC,
                                   .abi_major = WEIR_ABI_MAJOR,
                                   .abi_minor = WEIR_ABI_MINOR,
                                   .size = sizeof(weir_plugin),
                                   .name = "tested",
                                   .app = app,
                                   .runs = WEIR_ON_LOOP};

static int mount(void **state)
{
    *state = weir_test_new(&plugin, NULL, NULL);
    return *state ? 0 : -1;
}

static int unmount(void **state)
{
    weir_test_free(*state);
    return 0;
}

static void trailers__of_a_response_in_chunks__are_there(void **state)
{
    weir_test *t = *state;
    const weir_test_response *r = weir_test_get(t, "/");

    assert_string_equal(r->body, "body");
    assert_string_equal(weir_test_field(r, "Trailer"), "Sum");
    assert_null(weir_test_field(r, "Sum"));
    assert_string_equal(weir_test_find(r->trailers, "sum"), "42");
    assert_null(r->trailers[1].name);
}

/* RFC 9110 6.5: HTTP/1.0 has no place for them, HEAD no content. */
static void trailers__without_a_place__are_dropped(void **state)
{
    static const weir_test_request rows[] = {{.version = "HTTP/1.0"}, {.method = "HEAD"}};

    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        const weir_test_response *r = weir_test_call(*state, &rows[i]);

        assert_int_equal(r->status, 200);
        assert_null(weir_test_field(r, "Trailer"));
        assert_null(r->trailers->name);
        assert_int_equal(r->is_cut, 0);
    }
}

static void trailers__of_a_request__are_there_at_its_end(void **state)
{
    static const weir_header trailers[] = {{"Sum", "7"}, {"More", "8"}, {NULL, NULL}};
    weir_test *t = *state;
    weir_test_request request = {.target = "/request",
                                 .body = "abc",
                                 .body_size = 3,
                                 .content_length = -1,
                                 .trailers = trailers};

    assert_string_equal(weir_test_call(t, &request)->body, "2 Sum=7");
    request.trailers = NULL;
    assert_string_equal(weir_test_call(t, &request)->body, "none");
}

static void hint__comes_before_the_response(void **state)
{
    weir_test *t = *state;
    const weir_test_response *r = weir_test_get(t, "/hint");
    weir_test_request old = {.target = "/hint", .version = "HTTP/1.0"};

    assert_int_equal(informed, 0);
    assert_int_equal(r->status, 200);
    assert_int_equal(r->interims_n, 1);
    assert_int_equal(r->interims[0].status, 103);
    assert_string_equal(weir_test_find(r->interims[0].fields, "link"), "</a>");
    r = weir_test_call(t, &old);
    assert_int_equal(informed, -ENOTSUP); /* RFC 9110 15.2 */
    assert_int_equal(r->interims_n, 0);
}

WR_TESTS(cmocka_unit_test_setup_teardown(trailers__of_a_response_in_chunks__are_there, mount,
                                         unmount),
         cmocka_unit_test_setup_teardown(trailers__without_a_place__are_dropped, mount, unmount),
         cmocka_unit_test_setup_teardown(trailers__of_a_request__are_there_at_its_end, mount,
                                         unmount),
         cmocka_unit_test_setup_teardown(hint__comes_before_the_response, mount, unmount));
