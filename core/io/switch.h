/*
 * switch.h — leaves one stack and goes on with another: in assembly, a file for each architecture.
 *
 * Of what was left the callee-saved registers lie on its own stack, and the control of floating
 * point (rounding, traps), which a function must give back as well; all the rest is the caller's to
 * save by the calling convention. Signal mask, errno and whatever else belongs to the thread stay
 * as they are. No system call.
 *
 * *left is the stack pointer of the stack that is left, for the next switch back to it; a call
 * returns when somebody goes there. Debuggers and exceptions find the end of a stack at
 * wr_switch_first().
 */
#ifndef WR_IO_SWITCH_H
#define WR_IO_SWITCH_H

#if !(defined __x86_64__ && !defined __ILP32__) && !defined __aarch64__
#    error                                                                                         \
        "Coroutines of Weir need x86-64 or AArch64: write core/io/switch_ARCHITECTURE.S for another"
#endif

/* Goes on where `to` was left. */
void wr_switch(void **left, void *to);

/* The same, for work that begins there: it keeps the control of floating point of who calls
 * this. */
void wr_switch_anew(void **left, void *to);

/* Calls run(arg), which must not return, on the stack that ends at `top`, a multiple of 16. The
 * control of floating point is the caller's. */
void wr_switch_first(void **left, void *top, void (*run)(void *arg), void *arg);

#endif
