/*
 * fetch.c — a small proxy: what is asked below its route is asked of a backend, over libcurl.
 *
 * It runs on the loop, and libcurl with it (multi.h): a request costs no thread, a transfer and a
 * connection to the backend, which stays open for the next. Content is passed on in both directions
 * as it comes: who cannot take any more for now says so to the other, so that neither a slow client
 * nor a slow backend fills memory.
 */
#define _DEFAULT_SOURCE /* strncasecmp */

#include "fields.h"
#include "multi.h"

#define HEAD_MAX 61440 /* of an answer: below the 62 KiB of fields that Weir takes */
#define URL_MAX  65536

struct backend {
    char *url; /* without a slash at its end */
    uint32_t timeout_ms;
    long connect_timeout_ms, connections;
};

/* Of a loop. */
struct hub {
    struct multi multi; /* first: what is told of it is told of the hub */
    const struct backend *backend;
    struct transfer *left; /* whose requests have ended while libcurl was at work */
};

/* Of a request. It is not in the request's memory: libcurl may be in the midst of it when that
 * ends. */
struct transfer {
    struct hub *hub;
    struct transfer *next;
    weir_environ *env; /* NULL: the request is over */
    weir_start_response *start_response;
    CURL *easy; /* NULL: the transfer is over */
    struct curl_slist *fields;
    struct text head; /* field lines of the answer, as they come */
    int has_begun;    /* start_response was called for the backend's answer */
    int pause;        /* CURLPAUSE_*: the client cannot take more, or has sent no more */
    int32_t lost;     /* why the request's content cannot be read, of WEIR_E* */
};

/* ---- the ends of a transfer ---- */

/* Takes it from libcurl: when it is not over, its connection is closed, and the backend sees
 * that. */
static void hang_up(struct transfer *t)
{
    if (!t->easy)
        return;
    curl_multi_remove_handle(t->hub->multi.handle, t->easy);
    curl_easy_cleanup(t->easy);
    curl_slist_free_all(t->fields);
    t->easy = NULL;
}

static void free_transfer(struct transfer *t)
{
    hang_up(t);
    free(t->head.p);
    free(t);
}

/* After the response, in every ending: also when the client has left. */
static void let_go(void *arg)
{
    struct transfer *t = arg;

    t->env = NULL;
    if (t->hub->multi.depth == 0) {
        free_transfer(t);
        return;
    }
    t->next = t->hub->left;
    t->hub->left = t;
}

static void free_left(struct multi *m)
{
    struct hub *h = (struct hub *)m;

    while (h->left) {
        struct transfer *t = h->left;

        h->left = t->next;
        free_transfer(t);
    }
}

/* Nothing has begun, so the client can be told; else it sees that this is not all. */
static void fail(struct transfer *t, int32_t status, const char *why)
{
    hang_up(t);
    if (t->has_begun) {
        weir_fail(t->env, "the backend's answer is not complete: %s", why);
        return;
    }
    weir_log(t->env, WEIR_LOG_WARN, "%d: %s", (int)status, why);
    t->start_response(t->env, status | WEIR_REPLACE, NULL); /* forgets the backend's fields */
    weir_finish(t->env, weir_error(t->env, status));
}

static int32_t status_of(const struct transfer *t, CURLcode result)
{
    if (t->lost != 0)
        return t->lost == WEIR_ETOOBIG ? 413 : t->lost == WEIR_ETIMEDOUT ? 408 : 400;
    if (result == CURLE_OUT_OF_MEMORY)
        return 503;
    return result == CURLE_OPERATION_TIMEDOUT ? 504 : 502;
}

static void finish(struct transfer *t, CURLcode result)
{
    if (!t->env) {
        hang_up(t);
    } else if (result != CURLE_OK || !t->has_begun) {
        fail(t, status_of(t, result), curl_easy_strerror(result));
    } else {
        hang_up(t);
        weir_finish(t->env, weir_empty());
    }
}

static void on_done(CURL *easy, CURLcode result)
{
    char *t = NULL;

    curl_easy_getinfo(easy, CURLINFO_PRIVATE, &t);
    finish((struct transfer *)(void *)t, result);
}

/* ---- time ---- */

/* While the client is waited for, the time is not the backend's. */
static void on_time(weir_environ *env, void *arg)
{
    struct transfer *t = arg;

    if (!t->easy)
        return;
    if (t->pause == 0 || weir_timer(env, t->hub->backend->timeout_ms, on_time, t) < 0)
        fail(t, 504, "the backend is too slow");
}

/* Something has come, or gone. Moved, a timer needs no memory, so this does not fail. */
static void set_time(struct transfer *t)
{
    weir_timer(t->env, t->hub->backend->timeout_ms, on_time, t);
}

static void go_on(struct transfer *t, int waits_no_more)
{
    struct multi *m = &t->hub->multi;
    CURLcode result;

    if (!t->easy || !(t->pause & waits_no_more))
        return;
    t->pause &= ~waits_no_more;
    set_time(t);
    result = multi_go_on(m, t->easy, t->pause);
    if (result != CURLE_OK)
        finish(t, result);
    multi_settle(m);
}

/* ---- content of the request ---- */

static void on_input(weir_environ *env, void *arg)
{
    (void)env;
    go_on(arg, CURLPAUSE_SEND);
}

static size_t on_read(char *buf, size_t size, size_t n, void *arg)
{
    struct transfer *t = arg;
    int64_t got = t->env ? weir_read(t->env, buf, size * n) : WEIR_EGONE;

    if (got == WEIR_AGAIN) {
        got = weir_on_input(t->env, on_input, t);
        if (got == 0) {
            t->pause |= CURLPAUSE_SEND;
            return CURL_READFUNC_PAUSE;
        }
    }
    if (got < 0) {
        t->lost = (int32_t)got;
        return CURL_READFUNC_ABORT;
    }
    set_time(t);
    return (size_t)got;
}

/* ---- the answer ---- */

/* What the client is told of the size: what libcurl holds the backend to. */
static void pass_length(struct transfer *t, long status)
{
    curl_off_t length = -1;
    char text[24];
    int n;

    curl_easy_getinfo(t->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    if (length < 0 || status == 204 || status == 304)
        return;
    n = snprintf(text, sizeof text, "%lld", (long long)length);
    weir_header_add(t->env, "Content-Length", text, (size_t)n);
}

/* The head is complete. False: it is not valid. */
static int begin(struct transfer *t, long status)
{
    if (status > 599 || t->head.has_failed || pass_answer_fields(t->env, &t->head) < 0)
        return 0;
    pass_length(t, status);
    t->has_begun = t->start_response(t->env, (int32_t)status, NULL) == 0;
    return t->has_begun;
}

/* Called for each line: of interim answers, which are not passed on, of the answer, of trailers. */
static size_t on_header(char *line, size_t size, size_t n, void *arg)
{
    struct transfer *t = arg;
    size_t length = size * n;
    long status = 0;

    n = length;
    if (!t->env)
        return 0;
    set_time(t);
    curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    if (t->has_begun || status < 200)
        return length;
    while (n > 0 && (line[n - 1] == '\n' || line[n - 1] == '\r'))
        n--;
    if (n == 0)
        return begin(t, status) ? length : 0;
    if (n >= 5 && memcmp(line, "HTTP/", 5) == 0)
        return length;
    if (memchr(line, '\0', n))
        return 0;
    text_add(&t->head, line, n);
    text_add(&t->head, "", 1);
    return t->head.has_failed ? 0 : length;
}

static void on_writable(weir_environ *env, void *arg)
{
    (void)env;
    go_on(arg, CURLPAUSE_RECV);
}

static size_t on_write(char *data, size_t size, size_t n, void *arg)
{
    struct transfer *t = arg;
    int32_t err = t->env && t->has_begun ? weir_write(t->env, data, size * n) : WEIR_EGONE;

    if (err == WEIR_AGAIN && weir_on_writable(t->env, on_writable, t) == 0) {
        t->pause |= CURLPAUSE_RECV;
        return CURL_WRITEFUNC_PAUSE;
    }
    if (err < 0)
        return 0; /* fewer than were given: libcurl breaks off */
    set_time(t);
    return size * n;
}

/* ---- the request ---- */

/* From the path as Weir has decoded and checked it, so that both speak of the same. */
static char *url_of(const struct transfer *t)
{
    const char *path = weir_get(t->env, "PATH_INFO"), *query = weir_get(t->env, "QUERY_STRING");
    struct text url = {.max = URL_MAX};

    text_put(&url, t->hub->backend->url);
    if (!path || path[0] != '/')
        text_put(&url, "/");
    if (path)
        text_put_escaped(&url, path, IN_PATH);
    if (query && query[0] != '\0') {
        text_put(&url, "?");
        text_put_escaped(&url, query, IN_QUERY);
    }
    if (!url.has_failed)
        return url.p;
    free(url.p);
    return NULL;
}

/* Whether it may be sent twice, as libcurl does when a connection that it kept turns out to be
 * closed (RFC 9110 9.2.2). With content it does not. */
static int is_repeatable(const char *method)
{
    static const char *const names[] = {"GET", "HEAD", "PUT", "DELETE", "OPTIONS", NULL};

    return is_one_of(method, strlen(method), names);
}

static void set_content(struct transfer *t, const char *method)
{
    const char *length = weir_get(t->env, "CONTENT_LENGTH");
    int has_content = length || weir_get(t->env, "HTTP_TRANSFER_ENCODING");

    if (strcmp(method, "HEAD") == 0) {
        curl_easy_setopt(t->easy, CURLOPT_NOBODY, 1L);
    } else if (has_content) {
        curl_easy_setopt(t->easy, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(t->easy, CURLOPT_INFILESIZE_LARGE,
                         length ? (curl_off_t)strtoll(length, NULL, 10) : (curl_off_t)-1);
        curl_easy_setopt(t->easy, CURLOPT_READFUNCTION, on_read);
        curl_easy_setopt(t->easy, CURLOPT_READDATA, t);
    }
    if (!has_content && !is_repeatable(method))
        curl_easy_setopt(t->easy, CURLOPT_FRESH_CONNECT, 1L);
    curl_easy_setopt(t->easy, CURLOPT_CUSTOMREQUEST, method);
}

static void set_protocols(CURL *easy)
{
#if LIBCURL_VERSION_NUM >= 0x075500
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
#else
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
}

/* HTTP/1.1: of a stream of HTTP/2 libcurl takes megabytes while it is paused. Redirects and
 * content codings are the client's, and libcurl leaves them alone. */
static void set_options(struct transfer *t)
{
    const struct backend *b = t->hub->backend;

    set_protocols(t->easy);
    curl_easy_setopt(t->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(t->easy, CURLOPT_HTTP09_ALLOWED, 0L);
    curl_easy_setopt(t->easy, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(t->easy, CURLOPT_PROXY, ""); /* not that of an environment variable */
    curl_easy_setopt(t->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(t->easy, CURLOPT_CONNECTTIMEOUT_MS, b->connect_timeout_ms);
    curl_easy_setopt(t->easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(t->easy, CURLOPT_HEADERDATA, t);
    curl_easy_setopt(t->easy, CURLOPT_WRITEFUNCTION, on_write);
    curl_easy_setopt(t->easy, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(t->easy, CURLOPT_PRIVATE, t);
}

/* 0, or the status of an error. What was made by then goes with the request. */
static int32_t start(struct transfer *t, const char *method)
{
    char *url = url_of(t);
    CURLcode result;

    if (!url)
        return 414;
    t->easy = curl_easy_init();
    t->fields = t->easy ? request_fields(t->env) : NULL;
    result = t->fields ? curl_easy_setopt(t->easy, CURLOPT_URL, url) : CURLE_OUT_OF_MEMORY;
    free(url);
    if (result != CURLE_OK)
        return 503;
    set_options(t);
    set_content(t, method);
    curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->fields);
    if (weir_timer(t->env, t->hub->backend->timeout_ms, on_time, t) < 0 ||
        curl_multi_add_handle(t->hub->multi.handle, t->easy) != CURLM_OK)
        return 503;
    return 0;
}

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    const char *method = weir_get(env, "REQUEST_METHOD");
    struct transfer *t = calloc(1, sizeof *t);
    int32_t status;

    if (!method || !t) {
        free(t);
        return weir_error(env, 503);
    }
    if (strcmp(method, "CONNECT") == 0 || strcmp(method, "TRACE") == 0) {
        free(t);
        return weir_error(env, 501);
    }
    t->hub = weir_loop_state(env);
    t->head.max = HEAD_MAX;
    t->env = env;
    t->start_response = start_response;
    status = start(t, method);
    weir_defer(env, let_go, t); /* last: without memory for it, it is called at once */
    return status == 0 ? weir_later(env) : weir_error(env, status);
}

/* ---- of a loop ---- */

static int32_t loop_start(const weir_host *host, weir_loop *loop, void *state, void **loop_state)
{
    struct backend *b = state;
    struct hub *h = calloc(1, sizeof *h);

    (void)host;
    if (!h)
        return WEIR_ENOMEM;
    h->backend = b;
    h->multi.on_done = on_done;
    h->multi.on_work = free_left;
    if (multi_init(&h->multi, loop, b->connections) < 0) {
        free(h);
        return WEIR_ENOMEM;
    }
    *loop_state = h;
    return 0;
}

static void loop_stop(void *state, void *loop_state)
{
    struct hub *h = loop_state;

    (void)state;
    multi_fini(&h->multi);
    free(h);
}

/* ---- configuration ---- */

/* http or https, a host, perhaps a path, and nothing behind it. */
static int is_backend(const char *url)
{
    CURLU *u = curl_url();
    char *scheme = NULL, *more = NULL;
    int ok = u && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK &&
             curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
             (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0) &&
             curl_url_get(u, CURLUPART_QUERY, &more, 0) == CURLUE_NO_QUERY &&
             curl_url_get(u, CURLUPART_FRAGMENT, &more, 0) == CURLUE_NO_FRAGMENT;

    curl_free(scheme);
    curl_free(more);
    curl_url_cleanup(u);
    return ok;
}

static int32_t load(const weir_host *host, const weir_config *config, void **state)
{
    const char *url = weir_config_string(config, "backend", "");
    struct backend *b;
    size_t n = strlen(url);

    (void)host;
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return weir_config_fail(config, "libcurl cannot be set up");
    b = calloc(1, sizeof *b);
    if (b)
        b->url = malloc(n + 1);
    if (!b || !b->url || !is_backend(url)) {
        if (b)
            free(b->url);
        free(b);
        curl_global_cleanup();
        return weir_config_fail(config, "\"backend\" is no URL of a backend: %s", url);
    }
    while (n > 0 && url[n - 1] == '/')
        n--;
    memcpy(b->url, url, n);
    b->url[n] = '\0';
    b->timeout_ms = (uint32_t)weir_config_int(config, "timeout_ms", 30000);
    b->connect_timeout_ms = (long)weir_config_int(config, "connect_timeout_ms", 5000);
    b->connections = (long)weir_config_int(config, "connections", 256);
    *state = b;
    return 0;
}

static void unload(void *state)
{
    struct backend *b = state;

    free(b->url);
    free(b);
    curl_global_cleanup();
}

#define CONFIG_SCHEMA                                                                              \
    "{\"type\": \"object\", \"additionalProperties\": false, \"required\": [\"backend\"],"         \
    " \"properties\": {"                                                                           \
    "  \"backend\": {\"type\": \"string\", \"description\": \"URL of what is asked\"},"            \
    "  \"timeout_ms\": {\"type\": \"integer\", \"minimum\": 1, \"maximum\": 3600000,"              \
    "   \"default\": 30000, \"description\": \"in which the backend does nothing\"},"              \
    "  \"connect_timeout_ms\": {\"type\": \"integer\", \"minimum\": 1, \"maximum\": 3600000,"      \
    "   \"default\": 5000},"                                                                       \
    "  \"connections\": {\"type\": \"integer\", \"minimum\": 1, \"maximum\": 10000,"               \
    "   \"default\": 256, \"description\": \"of a loop to the backend\"}}}"

WEIR_PLUGIN(.name = "fetch", .app = app, .runs = WEIR_ON_LOOP, .load = load, .unload = unload,
            .loop_start = loop_start, .loop_stop = loop_stop, .config_schema = CONFIG_SCHEMA);
