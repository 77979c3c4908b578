/*
 * h1_scan.h — the usual request head, read in one pass with the vectors that the processor has.
 *
 * A scan takes what is whole and usual: a request line, and field lines one after the other. It
 * stops in front of the first line that is anything else — not all there, refused, above a limit,
 * of another version — and leaves that to wr_h1_parse(), which alone knows why. So it cannot say
 * WR_H1_BAD. A line that it does not take is looked at once or twice, and then left alone.
 *
 * There is one for each set of instructions. All are made of h1_scan.inc, do the same, and are held to
 * it by tests/fuzz/fuzz_h1_scan.c.
 *
 * Threads: any; nothing here is ever written to.
 */
#ifndef WR_HTTP_H1_SCAN_H
#define WR_HTTP_H1_SCAN_H

#include "http/h1_parse.h"

enum wr_h1_stage {
    WR_H1_STAGE_METHOD, /* zero: where a head starts */
    WR_H1_STAGE_TARGET,
    WR_H1_STAGE_VERSION,
    WR_H1_STAGE_FIELDS,
    WR_H1_STAGE_DONE
};

/* Both as arguments that fit registers. */
struct wr_h1_span {
    const char *end;      /* of what has come and may be looked at */
    const char *readable; /* behind it: end of what may be loaded, and is then thrown away */
};
struct wr_h1_line_limits {
    uint32_t target_max, field_max; /* as in struct wr_h1_limits */
};

struct wr_h1_scan {
    const char *name; /* of the instructions, for tests and measurements */

    /* From `line` on, in the stage METHOD or FIELDS with nothing of the line read: takes whole
     * lines, moves *stage behind them, and returns where the next one begins. */
    const char *(*read)(const char *line, struct wr_h1_span in, struct wr_h1_line_limits limits,
                        uint8_t *stage, struct wr_h1_head *out);
};

/* From the line on that p->line names, as read() says. True: to the end of the head. */
static inline bool wr_h1_scan_lines(const struct wr_h1_scan *scan, struct wr_h1_parser *p,
                                    const char *base, struct wr_h1_span in,
                                    struct wr_h1_line_limits limits, struct wr_h1_head *out)
{
    const char *line = scan->read(base + p->line, in, limits, &p->stage, out);

    p->line = (uint32_t)(line - base);
    if (p->stage == WR_H1_STAGE_DONE)
        return true;
    p->scanned = p->line;
    return false;
}

/* What a step finds, for the files that make one: see h1_scan.inc. */
struct wr_h1_masks {
    uint64_t name, value;
};

/* Those that this processor can run, the fastest first; NULL behind the last, which is never the
 * first. */
const struct wr_h1_scan *wr_h1_scan_at(unsigned i);

/* What wr_h1_scan_at() chooses from. */
extern const struct wr_h1_scan wr_h1_scan_plain;
#ifdef __x86_64__
extern const struct wr_h1_scan wr_h1_scan_sse42, wr_h1_scan_avx2;
#endif
#ifdef __aarch64__
extern const struct wr_h1_scan wr_h1_scan_neon;
#endif

#endif
