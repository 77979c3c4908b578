/*
 * app_program.h — an app that does what bytes tell it: each of its calls, of the app, of next, of
 * callbacks and of close, takes its steps from them. What must hold whatever it does is checked while it
 * runs, or behind it; a claim that does not hold aborts.
 *
 *     struct app_program p;  app_program_init(&p, data, n);
 *     ... requests for /0, /1: to app_program_plugin, whose state is app_program_current ...
 *     app_program_check_answer(&p.runs[0], &answer);  app_program_fini(&p);
 *
 * The model: `content` is what the app has given so far, in order, and `tail` the sized body that it
 * gave for the end. From a random seed instead of bytes each request has its own steps, so that apps in
 * threads may use it.
 *
 * Threads: a run is its request's, which never has two calls at a time; what on_disconnect touches is
 *          atomic.
 */
#ifndef WR_TESTS_APP_PROGRAM_H
#define WR_TESTS_APP_PROGRAM_H

#include <weir/test.h>

#include <stdatomic.h>
#include <stdbool.h>

#define APP_RUNS_MAX    2
#define APP_CONTENT_MAX 60000 /* bytes that an app gives; then it gives no more */
#define APP_REQUEST_MAX 4096  /* bytes of a request's content */
#define APP_LISTENERS   8
#define APP_FILE_SIZE   5000
#define APP_BEAT        "#" /* of heartbeats: in no other content */

/* Where bytes are taken from; 0 when they are used up. */
struct app_steps {
    const uint8_t *p;
    size_t n, at;
    uint64_t seed; /* not 0: from here, `n` of them */
};

enum app_place { IN_APP, IN_NEXT, IN_CALLBACK, IN_DISCONNECT, IN_CLOSE, IN_NOTHING };

/* A body that was made: closed exactly once. */
struct app_body {
    struct app_body *next;
    struct app_run *run;
    char *memory;
    size_t size;
    int closed;
    bool is_wanted; /* close is to be called */
};

struct app_defer {
    struct app_defer *next;
    struct app_run *run;
    int called;
};

struct app_listener {
    struct app_run *run;
    bool is_used;
    atomic_int half_closed, gone;
};

struct app_run {
    struct app_program *program;
    unsigned id;
    struct app_steps *steps, own_steps;
    weir_environ *env;
    weir_start_response *start;
    bool has_begun, is_closing; /* close or a deferred function was called */
    atomic_bool is_over;        /* the last of them */
    atomic_int depth;           /* of calls: never two at a time */
    enum app_place place;
    int own; /* in a call of ours that may call a body back */
    int calls;

    struct app_body *bodies;
    struct app_defer *defers;
    struct app_listener listeners[APP_LISTENERS];
    int dones_due, dones; /* of read_all, read_file */
    bool done_is_file;
    int file;
    char *piece; /* the chunk that is valid now */

    /* what the test knows of the request */
    const char *sent; /* its content */
    size_t sent_n;
    bool is_unread; /* a HEAD */
    bool is_10;
    size_t received; /* so much of it the app has read */

    /* the model */
    int32_t status; /* of start_response */
    int64_t declared;
    int fields; /* that were added */
    char content[APP_CONTENT_MAX + 8], tail[APP_FILE_SIZE + 8];
    size_t content_n, tail_n;
    size_t letters;
    bool has_returned, has_body, has_next; /* of the body that is taken; an iterable */
    bool has_finished;                     /* weir_finish() was taken */
    bool has_tail, has_ended;              /* a sized body is known; next has said WEIR_END */
    uint32_t kind;
    int32_t page;     /* of weir_error, weir_decline */
    bool has_failed;  /* a mistake that sticks, before the body was known to the end */
    bool is_loose;    /* what comes of it is not modelled */
    bool has_read;    /* any of the content */
    bool has_started; /* bytes were written */
    bool beats;

    /* what was promised */
    bool input_due, writable_due, wake_due; /* a callback, or next, is to come */
    bool input_in_next;                     /* weir_read() said WEIR_AGAIN there */
    int32_t broken;                         /* what it says of content that is broken */
    bool had_no_memory;
    bool is_lost; /* some of the content: reading it as a whole has failed */
    bool has_on_input, has_on_writable;
    bool next_waits; /* its last word was WEIR_AGAIN */
};

struct app_program {
    struct app_steps steps;
    struct app_run runs[APP_RUNS_MAX];
    char content[APP_RUNS_MAX][APP_REQUEST_MAX];
    bool in_threads;
    bool is_elsewhere; /* than on the loop of the request: nothing is called between its calls */
    int short_of;      /* the allocation that fails; -1: none */
    bool has_short_memory; /* an allocation fails: what is lost for that is no mistake */
};

/* What a client has got. */
struct app_answer {
    int status;   /* 0: none */
    bool is_apps; /* it has the field X-App */
    const char *content;
    size_t n;
    bool is_cut;
    bool may_be_cut; /* the client, the time, or a want of memory has ended it */
};

extern const weir_plugin app_program_plugin;
extern struct app_program *app_program_current;

void app_check_claim(bool claim, const char *what);
#define APP_CHECK(claim) app_check_claim((claim), #claim)

void app_program_init(struct app_program *p, const uint8_t *data, size_t n);
void app_program_seed(struct app_program *p, uint64_t seed, size_t steps);
void app_program_fini(struct app_program *p);

/* With APP_SHOW in the environment: what happens, for a person. */
void app_show(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

uint8_t app_byte(struct app_steps *s);

/* The request of this run has so many bytes of content. */
void app_program_set_content(struct app_run *run, size_t n);

/* Both requests by weir/test.h; `steps` are the clients'. Checks all that is said here. */
void app_program_step_through(struct app_program *p, const weir_test_setup *how,
                              struct app_steps *steps);

/* A run whose calls have no more steps: it ends what it has begun. */
bool app_program_is_at_end(const struct app_run *run);

/* Between calls, on the loop: steps as in a callback; anywhere: weir_wake(). */
void app_program_poke(struct app_run *run);
void app_program_wake(struct app_run *run);

/* Is it known to the end what the app gives? */
bool app_program_is_complete(const struct app_run *run);

/* All of the content has come and all that was given was taken: what is still due will not come. */
void app_program_check_quiet(struct app_run *run);

void app_program_check_answer(const struct app_run *run, const struct app_answer *answer);

/* The request is over: what is to be called once was. */
void app_program_check_end(const struct app_run *run);

/* ---- of the files of this ---- */

/* Memory of the test, zeroed; aborts when there is none. */
void *app_memory(size_t n);

/* Around a call of the app; begin gives what end takes. */
enum app_place app_begin(struct app_run *run, enum app_place place);
void app_end(struct app_run *run, enum app_place before);
void app_take_steps(struct app_run *run);
void app_fail(struct app_run *run);

char *app_letters(struct app_run *run, char *to, size_t n);
void app_give(struct app_run *run, const char *p, size_t n);

/* What the next byte says. */
weir_body app_make_body(struct app_run *run);

/* It was handed over, says the model. */
void app_take_body(struct app_run *run, const weir_body *body, bool is_returned);

weir_event_fn app_on_input, app_on_writable;
weir_disconnect_fn app_on_disconnect;
weir_read_all_fn app_on_all;
weir_read_file_fn app_on_file;
weir_release_fn app_on_defer;

#endif
