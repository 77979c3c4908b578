/*
 * query.c — a statement of PostgreSQL as a resource: its rows as JSON, its parameters from the
 * query string.
 *
 * It runs on the loop. Each loop has some connections (pool.h), whose sockets it watches; a request
 * takes one for as long as its statement runs, or waits for one in a bounded queue.
 */
#define _DEFAULT_SOURCE /* F_DUPFD_CLOEXEC, nanosleep */

#include <weir/app.h>

#include "json.h"
#include "pool.h"

#define PARAMS_MAX 16

/* Of the route. */
struct route {
    struct pool_setup setup;
    struct canceller canceller;
    const char *params[PARAMS_MAX];
    uint32_t timeout_ms;
    size_t max_bytes;
};

/* Of a request; in its memory. */
struct ask {
    struct query query; /* first: what is told of it is told of this */
    struct pool *pool;
    const struct route *route;
    weir_environ *env;
    weir_start_response *start_response;
    struct json rows;
    int status; /* what the results came to; 0: nothing yet */
    const char *values[PARAMS_MAX];
};

/* ---- answers ---- */

static const char *why(int32_t status)
{
    switch (status) {
    case 400:
        return "a parameter is not valid";
    case 405:
        return "not with this method";
    case 503:
        return "the database is not to be had now";
    case 504:
        return "the database is too slow";
    default:
        return "the statement has failed";
    }
}

static weir_body fail(weir_environ *env, weir_start_response *start_response, int32_t status)
{
    start_response(
        env, status,
        WEIR_HEADERS({"Content-Type", "application/json"}, {"Cache-Control", "no-store"}));
    if (status == 405)
        weir_header_add(env, "Allow", "GET, HEAD", 9);
    if (status == 503)
        weir_header_add(env, "Retry-After", "1", 1);
    return weir_printf(env, "{\"error\":\"%s\"}", why(status));
}

static weir_body answer(struct ask *a)
{
    struct json *j = &a->rows;
    char *text;

    json_put(j, "]}");
    if (j->has_failed)
        return fail(a->env, a->start_response, 500);
    text = j->p;
    a->start_response(
        a->env, 200,
        WEIR_HEADERS({"Content-Type", "application/json"}, {"Cache-Control", "no-store"}));
    j->p = NULL;
    return weir_owned(text, j->n, free, text);
}

/* ---- results ---- */

/* By the class of its SQLSTATE: appendix A of PostgreSQL's manual. */
static int status_of(const PGresult *result)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);

    if (!state)
        return 503; /* libpq's own: the connection */
    if (strncmp(state, "22", 2) == 0)
        return 400; /* what came as a parameter is no number, say */
    if (strcmp(state, "57014") == 0)
        return 504; /* cancelled: by statement_timeout of the server */
    if (strncmp(state, "57", 2) == 0 || strncmp(state, "53", 2) == 0 ||
        strncmp(state, "40", 2) == 0)
        return 503; /* it shuts down, is short of something, or another transaction was first */
    return 500;
}

static int on_result(struct query *q, const PGresult *result)
{
    struct ask *a = (struct ask *)q;
    ExecStatusType status = PQresultStatus(result);

    if (status == PGRES_FATAL_ERROR || status == PGRES_BAD_RESPONSE) {
        a->status = status_of(result);
        weir_log(a->env, a->status == 500 ? WEIR_LOG_ERROR : WEIR_LOG_INFO, "%s: %s",
                 why(a->status), PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY));
        return 0;
    }
    json_put_rows(&a->rows, result);
    if (!a->rows.has_failed)
        return 0;
    weir_log(a->env, WEIR_LOG_ERROR, "the rows take more than %zu bytes", a->rows.max);
    weir_finish(a->env, fail(a->env, a->start_response, 500));
    return -1;
}

static void on_end(struct query *q, int status)
{
    struct ask *a = (struct ask *)q;

    if (status == 0)
        status = a->status;
    weir_finish(a->env, status == 0 ? answer(a) : fail(a->env, a->start_response, status));
}

static void on_time(weir_environ *env, void *arg)
{
    struct ask *a = arg;

    if (a->query.is_over)
        return;
    pool_withdraw(a->pool, &a->query);
    weir_finish(env, fail(env, a->start_response, 504));
}

/* After the response, in every ending: when the client has left, its statement is cancelled. */
static void let_go(void *arg)
{
    struct ask *a = arg;

    if (!a->query.is_over)
        pool_withdraw(a->pool, &a->query);
    free(a->rows.p);
    a->rows.p = NULL;
}

/* ---- parameters ---- */

static int hex(char c)
{
    const char *digits = "0123456789abcdef0123456789ABCDEF", *at = c ? strchr(digits, c) : NULL;

    return at ? (int)(at - digits) % 16 : -1;
}

/* n bytes of a form (WHATWG URL, application/x-www-form-urlencoded) as they were meant. False:
 * not valid. */
static int decode(const char *s, size_t n, char *out)
{
    for (size_t i = 0; i < n; i++) {
        char c = s[i];

        if (c == '%') {
            int high = i + 2 < n ? hex(s[i + 1]) : -1, low = high >= 0 ? hex(s[i + 2]) : -1;

            if (low < 0 || high + low == 0)
                return 0;
            c = (char)(high * 16 + low);
            i += 2;
        } else if (c == '+') {
            c = ' ';
        }
        *out++ = c;
    }
    *out = '\0';
    return 1;
}

/* The first value of that name, NULL when there is none. False: it is not valid, or there is no
 * memory. */
static int find(weir_environ *env, const char *query, const char *name, const char **value)
{
    *value = NULL;
    while (*query != '\0') {
        size_t n = strcspn(query, "&"), name_n = strcspn(query, "=&");
        char *text = weir_alloc(env, n + 1);

        if (!text || !decode(query, name_n, text))
            return 0;
        if (strcmp(text, name) == 0) {
            size_t skipped = name_n < n ? name_n + 1 : n;

            *value = text;
            return decode(query + skipped, n - skipped, text);
        }
        query += query[n] == '&' ? n + 1 : n;
    }
    return 1;
}

static int read_params(struct ask *a)
{
    const char *query = weir_get(a->env, "QUERY_STRING");

    for (int i = 0; i < a->route->setup.params_n; i++)
        if (!find(a->env, query ? query : "", a->route->params[i], &a->values[i]))
            return 0;
    return 1;
}

/* ---- the request ---- */

/* 0, or the status of an error. */
static int32_t begin(struct ask *a)
{
    if (!read_params(a))
        return 400;
    a->query.values = a->values;
    a->rows.max = a->route->max_bytes;
    json_put(&a->rows, "{\"rows\":[");
    weir_defer(a->env, let_go, a);
    if (weir_timer(a->env, a->route->timeout_ms, on_time, a) < 0)
        return 503;
    return pool_ask(a->pool, &a->query);
}

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    const char *method = weir_get(env, "REQUEST_METHOD");
    struct ask *a = weir_alloc(env, sizeof *a);
    int32_t status;

    if (!method || !a)
        return weir_error(env, 503);
    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
        return fail(env, start_response, 405);
    memset(a, 0, sizeof *a);
    a->env = env;
    a->start_response = start_response;
    a->route = weir_state(env);
    a->pool = weir_loop_state(env);
    status = begin(a);
    if (status == 0)
        return weir_later(env);
    a->query.is_over = 1;
    return fail(env, start_response, status);
}

/* ---- life ---- */

static int32_t loop_start(const weir_host *host, weir_loop *loop, void *state, void **loop_state)
{
    const struct route *r = state;

    *loop_state = pool_new(host, loop, &r->setup);
    return *loop_state ? 0 : WEIR_ENOMEM;
}

static void loop_stop(void *state, void *loop_state)
{
    (void)state;
    pool_free(loop_state);
}

static int32_t read_config(struct route *r, const weir_config *config)
{
    size_t n = weir_config_count(config, "params");

    for (size_t i = 0; i < n && i < PARAMS_MAX; i++)
        r->params[i] = weir_config_string(weir_config_item(config, "params", i), NULL, "");
    if (n > PARAMS_MAX)
        return weir_config_fail(config, "\"params\" are at most %d", PARAMS_MAX);
    r->setup = (struct pool_setup){
        .connect = weir_config_string(config, "connect", ""),
        .statement = weir_config_string(config, "statement", ""),
        .params_n = (int)n,
        .connections_n = (int)weir_config_int(config, "connections", 4),
        .queue_max = (unsigned)weir_config_int(config, "queue", 100),
        .connect_ms = (uint32_t)weir_config_int(config, "connect_timeout_ms", 5000),
        .retry_ms = (uint32_t)weir_config_int(config, "retry_ms", 1000),
        .canceller = &r->canceller,
        .on_result = on_result,
        .on_end = on_end,
    };
    r->timeout_ms = (uint32_t)weir_config_int(config, "timeout_ms", 5000);
    r->max_bytes = (size_t)weir_config_int(config, "max_bytes", 1048576);
    return 0;
}

static int32_t check_connect(const char *connect, const weir_config *config)
{
    char *error = NULL;
    PQconninfoOption *options = PQconninfoParse(connect, &error);
    int32_t err = 0;

    if (!options)
        err = weir_config_fail(config, "\"connect\": %s", error ? error : "out of memory");
    PQconninfoFree(options);
    PQfreemem(error);
    return err;
}

static int32_t load(const weir_host *host, const weir_config *config, void **state)
{
    struct route *r = calloc(1, sizeof *r);
    int32_t err;

    (void)host;
    if (!r)
        return weir_config_fail(config, "out of memory");
    err = PQisthreadsafe() ? 0 : weir_config_fail(config, "this libpq is not for threads");
    if (err == 0)
        err = read_config(r, config);
    if (err == 0)
        err = check_connect(r->setup.connect, config);
    if (err < 0) {
        free(r);
        return err;
    }
    canceller_init(&r->canceller);
    *state = r;
    return 0;
}

static void unload(void *state)
{
    struct route *r = state;

    canceller_fini(&r->canceller);
    free(r);
}

#define CONFIG_SCHEMA                                                                              \
    "{\"type\": \"object\", \"additionalProperties\": false,"                                      \
    " \"required\": [\"connect\", \"statement\"], \"properties\": {"                               \
    "  \"connect\": {\"type\": \"string\", \"description\": \"connection string of libpq\"},"      \
    "  \"statement\": {\"type\": \"string\", \"minLength\": 1,"                                    \
    "   \"description\": \"SQL, with $1, $2 ... for params\"},"                                    \
    "  \"params\": {\"type\": \"array\", \"items\": {\"type\": \"string\", \"minLength\": 1},"     \
    "   \"description\": \"names in the query string of $1, $2 ...\"},"                            \
    "  \"connections\": {\"type\": \"integer\", \"minimum\": 1, \"maximum\": 1000,"                \
    "   \"default\": 4, \"description\": \"of each loop\"},"                                       \
    "  \"queue\": {\"type\": \"integer\", \"minimum\": 0, \"maximum\": 1000000,"                   \
    "   \"default\": 100, \"description\": \"requests of a loop that wait for one\"},"             \
    "  \"timeout_ms\": {\"type\": \"integer\", \"minimum\": 1, \"maximum\": 3600000,"              \
    "   \"default\": 5000, \"description\": \"for a request, with waiting\"},"                     \
    "  \"connect_timeout_ms\": {\"type\": \"integer\", \"minimum\": 1, \"maximum\": 3600000,"      \
    "   \"default\": 5000},"                                                                       \
    "  \"retry_ms\": {\"type\": \"integer\", \"minimum\": 1, \"maximum\": 3600000,"                \
    "   \"default\": 1000, \"description\": \"before it connects again\"},"                        \
    "  \"max_bytes\": {\"type\": \"integer\", \"minimum\": 100, \"maximum\": 1073741824,"          \
    "   \"default\": 1048576, \"description\": \"of an answer\"}}}"

WEIR_PLUGIN(.name = "query", .app = app, .runs = WEIR_ON_LOOP, .load = load, .unload = unload,
            .loop_start = loop_start, .loop_stop = loop_stop, .config_schema = CONFIG_SCHEMA);
