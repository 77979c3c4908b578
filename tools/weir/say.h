/*
 * say.h — what the program itself says, to standard error.
 *
 * Until say_without_waiting() a slow reader is waited for, so that no error is lost; from then on a
 * line that finds no room is dropped, as the server's log does it: a reader that stalls must not
 * keep the program from stopping. Any thread. A line has 4095 bytes at most (PIPE_BUF).
 */
#ifndef WEIR_TOOLS_SAY_H
#define WEIR_TOOLS_SAY_H

void say_without_waiting(void);

/* "weir: ", the text, a newline. */
__attribute__((format(printf, 1, 2))) void say(const char *fmt, ...);

/* The line alone. */
__attribute__((format(printf, 1, 2))) void say_plain(const char *fmt, ...);

/* Each line of `text`: what begins with a place in `file`, "weir.json:1:2: ...", as it is, so that
 * editors find it; all else as by say(). `file` may be NULL. `more` goes behind the last one. */
void say_lines(const char *file, const char *text, const char *more);

#endif
