/*
 * resume.h — weir_token() and weir_resume(): the way back to a request from any thread.
 *
 * What is wanted waits with the token, under its lock, until the app's turn has come (events.h).
 * After the token is closed nothing is added; what is left then is dropped where the app runs.
 */
#ifndef WR_APP_RESUME_H
#define WR_APP_RESUME_H

#include "app/streaming.h"

/* The host table's. */
uint64_t wr_resume_token(weir_environ *env);
int32_t wr_resume(const weir_host *host, uint64_t token, weir_event_fn *fn, void *arg,
                  weir_release_fn *drop, weir_event_guard *guard);

/* Any thread: from now on the token is stale. */
void wr_resume_close(struct wr_environ *e);

/* Where the app runs: makes the calls that are wanted, or drops them. */
void wr_resume_tell(struct wr_environ *e);

#endif
