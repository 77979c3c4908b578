/*
 * futex.h — sleeping until a word changes, by futex(2): for a thread that waits for one other.
 *
 * Who wakes stores first, then calls wr_futex_wake(), which only names the address: it may be
 * called without the lock under which the waiter went to sleep, and when the waiter has woken by
 * itself, has gone, and has freed the word. So whoever wakes up looks again whether it was for him.
 *
 * Threads: any.
 */
#ifndef WR_IO_FUTEX_H
#define WR_IO_FUTEX_H

#include <stdatomic.h>
#include <stdint.h>

/* Sleeps if *word is `value` still. It may return without a reason. */
void wr_futex_wait(_Atomic uint32_t *word, uint32_t value);

/* Wakes one who sleeps there. */
void wr_futex_wake(_Atomic uint32_t *word);

#endif
