/*
 * accept.h — what a client accepts: Accept-Encoding and Accept. RFC 9110 12.4.2, 12.5.1, 12.5.3.
 *
 * Pure functions without memory of their own; each goes over the field once. A field that comes twice
 * is one list, joined by a comma (RFC 9110 5.3). There is no error: a member of a list that is not
 * written as it should be, or whose weight is not, is as if it were not there. Of members that say
 * the same the first counts: lists are written from the most wanted down, and what an intermediary
 * has appended stands behind what the client said.
 *
 * Qualities are in thousandths: 1000 is q=1, 0 is not acceptable.
 */
#ifndef WR_HTTP_ACCEPT_H
#define WR_HTTP_ACCEPT_H

#include <stdint.h>

#include "base/slice.h"

#define WR_QUALITY_MAX 1000

/* Content codings that Weir knows. */
enum wr_coding {
    WR_CODING_IDENTITY,
    WR_CODING_GZIP,
    WR_CODING_BR,
    WR_CODING_ZSTD,
    WR_CODINGS /* how many */
};

/* As Content-Encoding has it ("gzip"); "identity" stands in Accept-Encoding alone (12.5.3). */
struct wr_slice wr_coding_name(enum wr_coding c);

struct wr_accept_codings {
    uint16_t q[WR_CODINGS];
};

/*
 * A coding that is not named has the quality of "*", or 0 without one. Identity that is not named is
 * acceptable, unless "*" is not, and wanted less than all that is named: its quality is 1. "x-gzip" is
 * gzip (8.4.1.3).
 *
 * Without the field (p NULL) any coding would be allowed; yet who does not say what he decodes gets
 * identity alone, at 1000. So does who says that he wants none, by an empty field.
 */
void wr_accept_codings_parse(struct wr_slice value, struct wr_accept_codings *out);

/*
 * The coding of the highest quality among `available` (bits 1u << coding); of equal ones, in this
 * order: br, zstd, gzip, identity. -1: none is acceptable; 406 or identity is then the caller's choice
 * (12.5.3 allows both).
 */
int wr_accept_codings_best(const struct wr_accept_codings *a, unsigned available);

/*
 * Quality of a media type ("text/html", without parameters) by the most specific range that has it:
 * the type itself, else the type with parameters other than q (which are not compared), else "text"
 * with any subtype, else any type. 0: not acceptable. A field that is absent, empty, or has no member
 * that is well written accepts all: WR_QUALITY_MAX.
 */
uint16_t wr_accept_quality(struct wr_slice accept, struct wr_slice type);

/*
 * Does the field have the type by its own name, and with a quality above 0? A browser that navigates
 * names text/html; what a page then loads, and a program, asks by a range or for something else, so
 * that a range counts for nothing here.
 */
bool wr_accept_names(struct wr_slice accept, struct wr_slice type);

#endif
