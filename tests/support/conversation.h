/*
 * conversation.h — what clients and a server say to each other, to be disturbed at every byte.
 *
 *     struct scene s;
 *     scene_open(&s, &conversations[i]);   once: folder, server, and what comes undisturbed
 *     scene_begin(&s);                     a connection; then what the test does to it
 *     scene_end(&s);                       what must hold in every ending
 *     scene_close(&s);
 *
 * The table gives each conversation with the statuses that RFC 9110 wants; what is said byte by byte
 * is then compared with what came when nothing was in the way.
 */
#ifndef WR_TESTS_CONVERSATION_H
#define WR_TESTS_CONVERSATION_H

#include "temp_folder.h"
#include "test_checks.h"

#define REQUESTS_MAX 10

enum partner { BY_STATIC, BY_APP, BY_HANDLER };

struct conversation {
    const char *name;
    enum partner partner;
    const weir_plugin *app; /* of BY_APP */
    test_serve_fn *serve;   /* of BY_HANDLER; NULL: hello */
    const char *requests[REQUESTS_MAX];
    const char *statuses;     /* of the final responses, with a blank in between */
    const char *methods;      /* as test_responses_parse() takes it; NULL: no HEAD */
    size_t answer_n;          /* content of test_serve_hello; 0: the path */
    bool has_no_length;       /* the response's length is not known */
    bool is_slow;             /* its pieces come one by one: test_serve_body */
    bool is_by_reading;       /* the transport has no sendfile */
    bool is_by_sendfile;      /* and else uses it: no conversation has lost what it is for */
    bool expects;             /* waits for 100 before its content goes */
    bool is_answered_by_head; /* whatever becomes of the content */
};

extern const struct conversation conversations[];
extern const size_t conversations_n;

struct scene {
    const struct conversation *as;
    struct temp_folder folder;
    struct test_server server;
    struct test_client client;
    char *input, *expected; /* expected: all that comes, but a 100 */
    size_t input_n, expected_n;
    size_t output_n;                                /* with that 100 */
    size_t heads[REQUESTS_MAX], ends[REQUESTS_MAX]; /* offsets in `input` behind each */
    size_t requests_n;
    struct test_responses answers; /* in `expected` */
    size_t content_at;             /* in `expected`, of the last answer */
    bool ends_by_close;
    bool is_unlogged; /* the test has taken the access log away */
    int64_t began_wall_ns;
};

void scene_open(struct scene *s, const struct conversation *as);
void scene_close(struct scene *s);

/* A new client that has said nothing yet. */
void scene_begin(struct scene *s);

/* Sends input from `from` to `to` as one part, then lets handlers and bodies go on. */
void scene_say(struct scene *s, size_t from, size_t to);

/* Sends all of it as a client does that nothing disturbs. */
void scene_say_all(struct scene *s);

/* Handlers that were to answer later do, slow bodies have more. */
void scene_go_on(struct scene *s);

/* Time passes, with a turn of the loop every second. */
void scene_wait_s(struct scene *s, int seconds);

/* What came, without a 100; valid until the next call. */
struct wr_slice scene_output(const struct scene *s);

/* All that was expected came; the connection is as it is when nothing was in the way. */
void scene_check_whole(const struct scene *s, size_t at, const char *what);

/* What came is the front of what was expected, and the client cannot take it for all of it. */
void scene_check_front(const struct scene *s, size_t at, const char *what);

/* Of `said` bytes of input each whole request was answered as expected. What follows is at most one
 * error, which closes. */
void scene_check_answers(const struct scene *s, size_t said, const char *what);

/* The client is gone: nothing is kept, the log has a line for each answer, the next is served. */
void scene_end(struct scene *s, const char *what);

/* Is offset `at` of `n` one that this run tries? All are with WEIR_LONG=1; else those that lie in
 * heads, near ends and near the sizes at which the server does otherwise, and some between. */
bool scene_tries(size_t at, size_t n);

#endif
