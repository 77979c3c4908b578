/*
 * near.h — the known word that is most like one that is not known, for messages.
 *
 *     struct wr_near near = {.word = key};
 *
 *     for each word that is known
 *         wr_near_try(&near, known);
 *     if (near.best) ...
 *
 * Ownership: keeps pointers to the words.
 */
#ifndef WR_APP_NEAR_H
#define WR_APP_NEAR_H

#include <stddef.h>

struct wr_near {
    const char *word;
    const char *best; /* NULL: none is near */
    size_t distance;  /* of best */
};

void wr_near_try(struct wr_near *near, const char *known);

#endif
