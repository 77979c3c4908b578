/*
 * input.h — content of the request for an app.
 *
 * On the loop it is read straight from the exchange. A thread asks the loop and waits. For an app
 * on its home loop, a piece is fetched between its calls. With body_buffer_max all of it is
 * gathered before the app is called.
 */
#ifndef WR_APP_INPUT_H
#define WR_APP_INPUT_H

#include "app/environ.h"

/* On the loop. True: all is there, and the app may be called. False: it is not yet, and the app is
 * called when it is; or the request was answered with an error. */
bool wr_input_gather(struct wr_environ *e);

/* On the loop: next said WEIR_AGAIN because weir_read() did. It is asked again when there is more.
 */
void wr_input_await(struct wr_environ *e);

/* On the loop: fetches content for an app elsewhere, which is not out, if that waits for some. */
void wr_input_fetch(struct wr_environ *e);

/* Where the app runs: on_input is to be called when there is something to read, or may be. */
void wr_input_want_call(struct wr_environ *e);

/* On the loop: content for a sink, as weir_read(). */
int64_t wr_input_read_for_sink(struct wr_environ *e, void *buf, size_t n);

/* On the loop: the result of a sink is known. May end the request. */
void wr_input_sink_done(struct wr_environ *e);

/* Where the app runs: it has been told this of its content. */
void wr_input_note(struct wr_environ *e, int64_t result);

/* A thread asks (the `read` of struct wr_remote). */
void wr_input_on_read(struct wr_task *task);

/* Content that was gathered for an app that has declined is there for the next. */
void wr_input_pass_on(struct wr_environ *from, struct wr_environ *to);

/* Frees what content and output are kept in. */
void wr_input_free(struct wr_environ *e);

/* The host table's. */
int64_t wr_input_read(weir_environ *env, void *buf, size_t n);
const void *wr_input_content(weir_environ *env, size_t *n);
int32_t wr_input_body_limit(weir_environ *env, uint64_t n);

#endif
