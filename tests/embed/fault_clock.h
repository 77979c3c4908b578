/*
 * fault_clock.h — time that passes when a test says so, besides that which does; linked with
 * --wrap=clock_gettime. What waits for a while is waited for in no time.
 */
#ifndef WR_TESTS_EMBED_FAULT_CLOCK_H
#define WR_TESTS_EMBED_FAULT_CLOCK_H

/* For all that ask the clock it is so much later. Any thread. */
void fault_pass_ms(int ms);

#endif
