/*
 * three.h — what loop.c, thread.c and coroutine.c have in common: all but the waiting. They are the
 * same service:
 *
 *     POST {"item": "tea", "count": 3}    200 {"item": "tea", "count": 3, "price": 250, "total": 750}
 *
 * The price comes from a backend, over a connection of TCP for each request: it is sent "tea\n",
 * and answers "250\n", or "none\n". Nothing here waits, so it is called in all three.
 *
 * What can go wrong is a status: 400 other content, 404 no such item, 405, 413 too much content
 * (the server's), 502 the backend is down or says something else, 503 too few descriptors or
 * memory, 504 it is too slow.
 */
#ifndef THREE_H
#define THREE_H

#include <weir/app.h>

#include <arpa/inet.h>
#include <errno.h>
#include <jansson.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>

/* Of content. It bounds the parser too, which goes as deep into the stack as brackets are
 * nested. */
#define CONTENT_MAX 512
#define ITEM_MAX    64
#define COUNT_MAX   1000000

struct backend {
    struct sockaddr_in address;
    uint32_t timeout_ms;
};

/* Of one request: what is asked, and what the backend has said. */
struct question {
    char line[ITEM_MAX + 2]; /* the item and "\n" */
    size_t line_n;
    json_int_t count, price;
    char reply[16];
    size_t reply_n;
};

static int32_t load(const weir_host *host, const weir_config *config, void **state)
{
    const char *address = weir_config_string(config, "address", "127.0.0.1");
    struct backend *b = calloc(1, sizeof *b);

    (void)host;
    if (!b)
        return weir_config_fail(config, "out of memory");
    b->address.sin_family = AF_INET;
    b->address.sin_port = htons((uint16_t)weir_config_int(config, "port", 0));
    b->timeout_ms = (uint32_t)weir_config_int(config, "timeout_ms", 1000);
    if (inet_pton(AF_INET, address, &b->address.sin_addr) != 1) {
        free(b);
        return weir_config_fail(config, "\"address\" is no IPv4 address: %s", address);
    }
    *state = b;
    return 0;
}

#define CONFIG_SCHEMA                                                                              \
    "{\"type\": \"object\", \"additionalProperties\": false, \"required\": [\"port\"],"            \
    " \"properties\": {"                                                                           \
    "  \"address\": {\"type\": \"string\", \"description\": \"of the backend\"},"                  \
    "  \"port\": {\"type\": \"integer\", \"minimum\": 1, \"maximum\": 65535},"                     \
    "  \"timeout_ms\": {\"type\": \"integer\", \"minimum\": 1, \"maximum\": 60000,"                \
    "   \"default\": 1000, \"description\": \"for all that the backend does\"}}}"

/* No control characters: a line break would be another question. */
static int is_item(const char *text)
{
    size_t n = strlen(text);

    for (size_t i = 0; i < n; i++)
        if ((unsigned char)text[i] < ' ' || text[i] == 127)
            return 0;
    return n > 0 && n <= ITEM_MAX;
}

/* From the request. 0, or the status of an error. */
static int32_t read_question(weir_environ *env, struct question *q)
{
    const char *method = weir_get(env, "REQUEST_METHOD"), *item;
    int32_t status = 400;
    json_error_t error;
    const void *content;
    json_t *root;
    size_t n;

    if (!method || strcmp(method, "POST") != 0)
        return method ? 405 : 503;
    content = weir_content(env, &n);
    memset(q, 0, sizeof *q);
    root = json_loadb(content ? content : "", n, JSON_REJECT_DUPLICATES, &error);
    if (!root && json_error_code(&error) == json_error_out_of_memory)
        return 503;
    if (json_unpack_ex(root, NULL, JSON_STRICT, "{s:s, s:I}", "item", &item, "count", &q->count) ==
            0 &&
        is_item(item) && q->count >= 1 && q->count <= COUNT_MAX) {
        q->line_n = (size_t)snprintf(q->line, sizeof q->line, "%s\n", item);
        status = 0;
    }
    json_decref(root);
    return status;
}

/* When recv() has put n bytes behind q->reply: 0, there are more to come, or the status of the
 * answer. */
static int32_t take_reply(struct question *q, ssize_t n)
{
    size_t digits;

    if (n < 0 && errno == EAGAIN)
        return 0;
    if (n <= 0)
        return 502;
    q->reply_n += (size_t)n;
    if (q->reply[q->reply_n - 1] != '\n')
        return q->reply_n < sizeof q->reply ? 0 : 502;
    q->reply[q->reply_n - 1] = '\0';
    if (strcmp(q->reply, "none") == 0)
        return 404;
    digits = strspn(q->reply, "0123456789");
    if (digits == 0 || digits > 9 || digits != q->reply_n - 1)
        return 502;
    q->price = strtol(q->reply, NULL, 10);
    return 200;
}

static const char *why(int32_t status)
{
    switch (status) {
    case 400:
        return "the content must be {\"item\": \"…\", \"count\": 1}";
    case 404:
        return "there is no such item";
    case 405:
        return "not with this method";
    case 502:
        return "the backend does not answer as it should";
    case 504:
        return "the backend is too slow";
    default:
        return "not now";
    }
}

static weir_body answer(weir_environ *env, weir_start_response *start_response, int32_t status,
                        const struct question *q)
{
    json_t *root = status == 200
                       ? json_pack("{s:s%, s:I, s:I, s:I}", "item", q->line, q->line_n - 1, "count",
                                   q->count, "price", q->price, "total", q->count * q->price)
                       : json_pack("{s:s}", "error", why(status));
    char *text = json_dumps(root, JSON_COMPACT);

    json_decref(root);
    if (!text)
        return weir_error(env, 503);
    start_response(env, status, WEIR_HEADERS({"Content-Type", "application/json"}));
    if (status == 405)
        weir_header_add(env, "Allow", "POST", 4);
    return weir_owned(text, strlen(text), free, text);
}

#endif
