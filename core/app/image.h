/*
 * image.h — the code of a plugin: a shared object that was checked and loaded.
 *
 * Loaded from a private copy, so that the file may be replaced while it runs: a real file in a
 * folder of its own, which debuggers can read, removed when the image is let go. One image a file
 * and set: mounts of the same file share it, and its C globals.
 *
 * The code stays mapped after the end unless the plugin says WEIR_UNLOADABLE: threads, atexit
 * functions or thread-local destructors of it may still be there.
 *
 * Threads: any: mounts of an older configuration end while those of a newer begin.
 */
#ifndef WR_APP_IMAGE_H
#define WR_APP_IMAGE_H

#include <weir/app.h>

#include <pthread.h>

#include "base/list.h"

struct wr_image;

/* The images of one server. */
struct wr_images {
    struct wr_list list;
    pthread_mutex_t lock; /* of the list, and of who holds what is in it */
};

void wr_images_init(struct wr_images *images);

/* When nobody holds an image any more. */
void wr_images_fini(struct wr_images *images);

/*
 * The image of this file, held by the caller. NULL with `why`, of WR_WHY_MAX bytes, filled with
 * what is wrong and what to do about it, and *err set to a WEIR_E* number. `images` must outlive
 * it.
 */
struct wr_image *wr_image_open(struct wr_images *images, const char *file, char *why, int32_t *err);

/* NULL is allowed. */
void wr_image_unref(struct wr_image *image);

const weir_plugin *wr_image_plugin(const struct wr_image *image);

/* The file that it was loaded from, the private copy. */
const char *wr_image_file(const struct wr_image *image);

/* Are these bytes constants of the plugin: within segments of its own shared object that were loaded
 * without the right to write? They are there, and are what they are, as long as the image is held. */
bool wr_image_has_constant(const struct wr_image *image, const void *p, size_t n);

/* Of the stack of a coroutine: what may be asked for, and what there is when nothing is. */
#define WR_STACK_BYTES_MIN ((size_t)16 * 1024)
#define WR_STACK_BYTES_MAX ((size_t)64 * 1024 * 1024)
#define WR_STACK_BYTES     ((size_t)256 * 1024)

/* Checks a descriptor, of an image or of the program, and copies it, whatever its size. 0, or a
 * WEIR_E* number with `why` filled. */
int32_t wr_plugin_check(const weir_plugin *plugin, weir_plugin *copy, char *why);

#endif
