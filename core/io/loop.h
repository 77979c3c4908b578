/*
 * loop.h — an event loop on epoll: one thread, many descriptors.
 *
 * A source is registered once. Its events are looked up by descriptor and generation, so an event
 * that outlived its source (closed in the same batch, or kept alive by a fork of the host) finds
 * nothing and is dropped. A callback may remove and close anything, itself included; memory that
 * others up the stack may still touch goes by wr_loop_defer(), after the batch.
 *
 * Work that stops at a budget gets no new edge: it asks for wr_loop_again() and is called in the
 * next turn, which then does not wait. Events go before it, but for those of a source that has such work
 * itself; and when there is a lot of it, some is left for the turns that follow: it gets as long as the
 * events took, a tenth of a millisecond at least, and one piece in any case.
 *
 * Ownership: sources, timers and posts are embedded in the caller's structs and removed by him.
 * Threads:   one loop, one thread at a time; any other may only call wr_loop_post().
 * Errors:    0 or -errno.
 */
#ifndef WR_IO_LOOP_H
#define WR_IO_LOOP_H

#include <sys/epoll.h>

#include "base/clock.h"
#include "base/list.h"
#include "io/timer.h"

struct wr_loop;
struct wr_source;

typedef void wr_source_fn(struct wr_source *s, uint32_t events);

struct wr_source {
    wr_source_fn *fn;
    int fd;                /* -1: not registered */
    uint32_t again_events; /* to be given again in the next turn */
    struct wr_list again;
};

/* Something to be done once, by value of its address: embedded where it is needed. */
struct wr_task {
    void (*run)(struct wr_task *t);
    struct wr_task *next;
};

/* `clock` must outlive the loop. NULL with *err set to -errno. */
struct wr_loop *wr_loop_new(const struct wr_clock *clock, int *err);

/* Deferred tasks and posts that are still queued are run; sources must have been removed. */
void wr_loop_free(struct wr_loop *l);

void wr_source_init(struct wr_source *s, wr_source_fn *fn);

int wr_loop_add(struct wr_loop *l, struct wr_source *s, int fd, uint32_t events);

/* Other events for one that is registered. 0 or -errno. */
int wr_loop_change(struct wr_loop *l, struct wr_source *s, uint32_t events);

/* Who has this descriptor; NULL: nobody. */
struct wr_source *wr_loop_source(const struct wr_loop *l, int fd);

/* Takes the source out, pending events included. The descriptor stays open, and is the caller's.
 * One that was closed before, and that another source has by now, is left to that. */
void wr_loop_remove(struct wr_loop *l, struct wr_source *s);

/*
 * The same without a system call, for a descriptor that is closed next: closing takes it out of
 * epoll, and should a fork of the host keep it open, its events find no source. For EPOLLET only: a
 * level-triggered one would then wake the loop without end.
 */
void wr_loop_forget(struct wr_loop *l, struct wr_source *s);

/* Calls s->fn with `events` in the next turn, or in one of those behind it when others had asked before
 * and take long; also without a registered descriptor. */
void wr_loop_again(struct wr_loop *l, struct wr_source *s, uint32_t events);

/* Runs `t` when the current batch is done, in any order. */
void wr_loop_defer(struct wr_loop *l, struct wr_task *t);

/* Any thread: runs `t` on the loop's thread. Posts of one thread run in the order they came;
 * those of the thread that runs a turn in the next one, without a system call. */
void wr_loop_post(struct wr_loop *l, struct wr_task *t);

/* Is a turn of it being run, by this thread? */
bool wr_loop_is_in_turn(const struct wr_loop *l);

/* Any thread: for how many milliseconds it has been in one turn, by a reading of its clock; 0: it
 * waits, or has just begun. */
int64_t wr_loop_in_turn_ms(const struct wr_loop *l, int64_t now_ms);

/* Runs what was posted and deferred, until there is none; for a loop that is stepped no more. True:
 * there was some. */
bool wr_loop_run_tasks(struct wr_loop *l);

/*
 * One turn: waits at most timeout_ms (-1: until something happens; less when work or a timer is
 * due), then calls what is ready. The number of events it handled, or -errno.
 */
int wr_loop_step(struct wr_loop *l, int timeout_ms);

/* For a foreign loop: a descriptor that is readable when wr_loop_step(l, 0) has work ... */
int wr_loop_fd(const struct wr_loop *l);

/* ... and the milliseconds after which it must be called in any case; -1: no such time. */
int wr_loop_timeout(const struct wr_loop *l);

struct wr_timers *wr_loop_timers(struct wr_loop *l);

/* Time and number of the current turn: taken once when it begins. */
int64_t wr_loop_now_ms(const struct wr_loop *l);
int64_t wr_loop_wall_s(const struct wr_loop *l);
int64_t wr_loop_wall_ns(const struct wr_loop *l);
uint64_t wr_loop_turn(const struct wr_loop *l);

/* The time of this very moment, on the same clock: for who has worked in this turn, and wants to be
 * called so long after that. */
int64_t wr_loop_read_ms(const struct wr_loop *l);

/* Monotonic time in microseconds, of this very moment: for durations. */
int64_t wr_loop_read_us(const struct wr_loop *l);

#endif
