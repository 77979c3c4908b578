/*
 * field_memory.h — lists of fields that an app gives again and again, ready to be sent.
 *
 *     start_response(list) ─► find ─┬─► a block: these texts have come before
 *                                   └─► nothing: the list is checked and added ─► learn
 *
 * Most apps have a handful of lists, with literals for names and values. A list is looked for by the
 * addresses of its texts, which are a hint and no more: it is found when all texts are equal. Where all
 * texts are constants of the plugin's image, the addresses are as good as the texts, and those are not
 * looked at: such pages were mapped without the right to write, from a copy of the file that nobody else
 * has, and the mount, which owns this memory, holds the image as long. A text anywhere else (in data, on
 * the heap or a stack, in another library) can change at its address, and is compared each time.
 *
 * A list is learned when its addresses come a second time. Texts that are written anew into the same memory
 * each time are learned for nothing: such a list makes room for another, and its place wants to see
 * twice as much before it learns the next. What a response has got once stays; there are few.
 *
 * Ownership: of a mount and one loop; blocks live as long as the memory.
 * Threads:   that of the loop; a block may be read by any.
 * Errors:    without memory nothing is learned.
 */
#ifndef WR_APP_FIELD_MEMORY_H
#define WR_APP_FIELD_MEMORY_H

#include <weir/app.h>

#include <stdint.h>

#include "server/response.h"

#define WR_FIELD_MEMORY_PLACES 32   /* lists that can be found */
#define WR_FIELD_MEMORY_LISTS  48   /* with those that are found no more and may be in use */
#define WR_FIELD_MEMORY_FIELDS 12   /* of a list */
#define WR_FIELD_MEMORY_BYTES  1024 /* of its lines */

struct wr_field_memory;
struct wr_image;

/* Of an app of this image, which outlives it; NULL: the app is part of the program. NULL: no memory. */
struct wr_field_memory *wr_field_memory_new(const struct wr_image *image);
void wr_field_memory_free(struct wr_field_memory *m); /* NULL: nothing */

/* The block of this list, which has one field or more and ends at {NULL, NULL}. NULL: it has none; when
 * the list has been found right, and been added, the next is to be called. */
const struct wr_field_block *wr_field_memory_find(struct wr_field_memory *m,
                                                  const weir_header *list);

/* The same for a list of constants that was found last, and comes again: most. NULL: it is to be looked
 * for. */
const struct wr_field_block *wr_field_memory_latest(const struct wr_field_memory *m,
                                                    const weir_header *list);

/* Learns the list that was looked for last, if its place wants to. The fields of `r` are what became of
 * it. It is not learned where something of it is not among them, or not as it was given; nor with Date
 * and Server, which a block does not have. */
void wr_field_memory_learn(struct wr_field_memory *m, const weir_header *list,
                           const struct wr_response *r);

#endif
