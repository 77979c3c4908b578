#include "app/near.h"

#include <stdbool.h>
#include <string.h>

#define WORD_MAX  64 /* longer ones are not compared */
#define START_MIN 4  /* of a word: shorter ones may begin anything */

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* "head_bytes" of "head_bytes_max": far away, and yet what was meant. */
static bool is_start_of(const char *word, size_t n, const char *known)
{
    return n >= START_MIN && strncmp(word, known, n) == 0;
}

/* Levenshtein's, in bytes; neither is longer than WORD_MAX. */
static size_t edit_distance(const char *a, const char *b)
{
    size_t row[WORD_MAX + 1], b_n = strlen(b);

    for (size_t j = 0; j <= b_n; j++)
        row[j] = j;
    for (size_t i = 0; a[i]; i++) {
        size_t diagonal = row[0];

        row[0] = i + 1;
        for (size_t j = 0; j < b_n; j++) {
            size_t change = diagonal + (a[i] != b[j]);

            diagonal = row[j + 1];
            row[j + 1] = least(change, least(row[j], row[j + 1]) + 1);
        }
    }
    return row[b_n];
}

void wr_near_try(struct wr_near *near, const char *known)
{
    size_t n = strlen(near->word), known_n = strlen(known), distance;

    if (n > WORD_MAX || known_n > WORD_MAX)
        return;
    distance = edit_distance(near->word, known);
    /* Of short words something has to be common, or each would be near each. */
    if ((distance > (n / 3 > 2 ? n / 3 : 2) || distance >= n || distance >= known_n) &&
        !is_start_of(near->word, n, known))
        return;
    if (!near->best || distance < near->distance) {
        near->best = known;
        near->distance = distance;
    }
}
