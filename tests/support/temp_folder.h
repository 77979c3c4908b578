/*
 * temp_folder.h — a folder of its own for a test that needs files.
 *
 * Names are relative to the folder. Every function aborts when it fails.
 */
#ifndef WR_TESTS_TEMP_FOLDER_H
#define WR_TESTS_TEMP_FOLDER_H

#include <stdint.h>

#include "base/slice.h"

struct temp_folder {
    char path[64];
};

void temp_folder_init(struct temp_folder *f);
void temp_folder_fini(struct temp_folder *f); /* with all that is in it */

/* The whole name of `name`; valid until the next call. */
const char *temp_path(const struct temp_folder *f, const char *name);

void temp_folder_add(const struct temp_folder *f, const char *name);

/* Writes or overwrites the file, in place. */
void temp_file_write(const struct temp_folder *f, const char *name, struct wr_slice content);

/* The same with `size` bytes: 'a' at each multiple of 23, and on to 'w'. */
void temp_file_fill(const struct temp_folder *f, const char *name, size_t size);

/* Sets its time of modification. */
void temp_file_date(const struct temp_folder *f, const char *name, int64_t mtime_s);

#endif
