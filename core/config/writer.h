/*
 * writer.h — JSON, indented and with comments, to a stream.
 *
 * Errors: those of the stream, which the caller asks for at the end.
 */
#ifndef WR_CONFIG_WRITER_H
#define WR_CONFIG_WRITER_H

#include <stdio.h>

#include "base/slice.h"

struct wr_writer {
    FILE *out;
    int depth;       /* of brackets */
    int example;     /* depth from which on all is a comment; 0: none is */
    bool is_first;   /* of its bracket: nothing has been written in it */
    bool is_between; /* the line for the next element has begun, behind a comment */
};

/* What `put` writes, and a newline: malloc'ed; NULL: no memory. */
char *wr_write_text(void (*put)(struct wr_writer *w, const void *arg), const void *arg);

/* Begins an element, whose value the caller writes to out; key: NULL in an array and at the top. */
void wr_write_begin(struct wr_writer *w, const char *key);

/* An element of others. */
void wr_write_open(struct wr_writer *w, const char *key, char bracket);
void wr_write_close(struct wr_writer *w, char bracket);

/* Above the next element, behind a blank line if any: of several lines when it is long. */
void wr_write_comment(struct wr_writer *w, const char *text);

/* A string in quotes, or null. */
void wr_write_string(FILE *out, const char *text);

/* A value as it was written, but for white space. */
void wr_write_json(struct wr_writer *w, struct wr_slice json);

#endif
