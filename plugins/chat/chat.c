/*
 * chat.c — a chat room: POST /chat says a line, GET /chat is the stream of all lines from then on.
 *
 * The room has a bounded history, and every stream a place in it. A line that is said goes into the
 * history, and the streams are woken; each sends what is behind its place when its client can take it.
 * So a client that reads slowly costs nothing, and one that comes back (Last-Event-ID) gets what it has
 * missed. With .serial = 1 everything happens on one loop, one call after the other: nothing is locked.
 */
#include <weir/sse.h>

#include <time.h>

#define HEARTBEAT_MS_ABSENT 15000
#define HISTORY             100
#define LINE_SIZE           1024

struct line {
    size_t n;
    char text[LINE_SIZE];
};

struct room {
    struct stream *first;
    uint64_t last;  /* number of the latest line */
    uint64_t count; /* of lines in the history: those up to `last` */
    uint32_t heartbeat_ms;
    struct line lines[HISTORY]; /* line i is at i % HISTORY */
};

struct stream {
    struct stream *next, *previous;
    weir_environ *env;
    struct room *room;
    uint64_t sent;   /* number of the last line that this client has */
    int is_numbered; /* it knows that number */
};

static int32_t load(const weir_host *host, const weir_config *config, void **state)
{
    struct room *room = calloc(1, sizeof *room);

    (void)host;
    if (!room)
        return weir_config_fail(config, "out of memory");
    room->heartbeat_ms = (uint32_t)weir_config_int(config, "heartbeat_ms", HEARTBEAT_MS_ABSENT);
    room->last = (uint64_t)time(NULL) << 20; /* above the numbers of the server before this one */
    *state = room;
    return 0;
}

/* ---- saying a line ---- */

static weir_body say(weir_environ *env, weir_start_response *start_response, struct room *room)
{
    size_t n;
    const char *text = weir_content(env, &n); /* at most LINE_SIZE: body_buffer_max */
    struct line *line;

    if (!text || n == 0 || n > LINE_SIZE) {
        start_response(env, 400, WEIR_HEADERS({"Content-Type", "text/plain"}));
        return weir_printf(env, "a line has from 1 to %d bytes\n", LINE_SIZE);
    }
    line = &room->lines[++room->last % HISTORY];
    if (room->count < HISTORY)
        room->count++;
    memcpy(line->text, text, n);
    line->n = n;
    for (struct stream *s = room->first; s; s = s->next)
        weir_wake(s->env);
    start_response(env, 204, NULL);
    return weir_empty();
}

/* ---- listening ---- */

static void enter(struct room *room, struct stream *s)
{
    s->next = room->first;
    if (s->next)
        s->next->previous = s;
    room->first = s;
}

/* The close of the stream: called once, however it ends. */
static void leave(void *arg)
{
    struct stream *s = arg;

    if (s->next)
        s->next->previous = s->previous;
    if (s->previous)
        s->previous->next = s->next;
    else
        s->room->first = s->next;
}

/* The number of a client that comes back; `absent`: it has none of ours. */
static uint64_t number_of(const char *id, uint64_t absent)
{
    uint64_t number = 0;

    if (!id || *id == '\0' || strlen(id) > 19) /* fewer digits than overflow */
        return absent;
    for (; *id >= '0' && *id <= '9'; id++)
        number = 10 * number + (uint64_t)(*id - '0');
    return *id == '\0' && number <= absent ? number : absent;
}

static void add_line(weir_sse *out, uint64_t number, const struct line *line)
{
    char id[24];

    snprintf(id, sizeof id, "%llu", (unsigned long long)number);
    weir_sse_add(out, &(weir_sse_event){
                          .id = id, .data = line ? line->text : NULL, .n = line ? line->n : 0});
}

static int32_t next(weir_environ *env, void *arg, weir_sse *out)
{
    struct stream *s = arg;
    const struct room *room = s->room;
    uint64_t oldest = room->last - room->count; /* the line before it */

    (void)env;
    if (!s->is_numbered) { /* so that it can come back before there is a line */
        add_line(out, s->sent, NULL);
        s->is_numbered = 1;
    }
    if (s->sent < oldest)
        s->sent = oldest;
    while (s->sent < room->last) {
        s->sent++;
        add_line(out, s->sent, &room->lines[s->sent % HISTORY]);
    }
    return WEIR_AGAIN;
}

static weir_body listen(weir_environ *env, weir_start_response *start_response, struct room *room)
{
    struct stream *s = weir_alloc(env, sizeof *s); /* stays until after leave() */

    if (!s)
        return weir_error(env, 503);
    *s = (struct stream){
        .env = env, .room = room, .sent = number_of(weir_sse_last_id(env), room->last)};
    enter(room, s);
    weir_sse_start(env, start_response);
    return weir_sse_body(env, next, leave, s, room->heartbeat_ms);
}

static weir_body chat(weir_environ *env, weir_start_response *start_response)
{
    const char *method = weir_get(env, "REQUEST_METHOD");

    if (method && strcmp(method, "GET") == 0)
        return listen(env, start_response, weir_state(env));
    if (method && strcmp(method, "POST") == 0)
        return say(env, start_response, weir_state(env));
    if (method && strcmp(method, "HEAD") == 0) {
        weir_sse_start(env, start_response);
        return weir_empty();
    }
    start_response(env, 405, WEIR_HEADERS({"Allow", "GET, HEAD, POST"}));
    return weir_error(env, 405);
}

WEIR_PLUGIN(.name = "chat", .app = chat, .runs = WEIR_ON_LOOP, .serial = 1,
            .body_buffer_max = LINE_SIZE, .load = load, .unload = free,
            .config_schema = "{\"type\": \"object\", \"additionalProperties\": false,"
                             " \"properties\": {\"heartbeat_ms\": {\"type\": \"integer\","
                             " \"minimum\": 0, \"maximum\": 3600000, \"default\": 15000,"
                             " \"description\": \"a comment after so long without a line\"}}}");
