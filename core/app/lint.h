/*
 * lint.h — the checker of a mount: the `lint` key of a route, and `weir lint`.
 *
 *     mount ─► app of the checker ─► the plugin's app      its environ is a stand-in, whose host
 *                                    │                      table is the checker's
 *     host table ◄─ the checker's ◄──┘
 *
 * A plugin sees a stand-in for its environ and a table of functions that look at how they are
 * called, then call the real ones with the real environ. What it hands over, a body with next and
 * close, deferred functions, callbacks, is called by way of the checker too. So nothing else of the
 * server knows of it, and a mount without it pays nothing.
 *
 * A stand-in outlives its request for a while, and so does the memory that was given by it,
 * overwritten: a late call is reported instead of being a crash. What is found is counted, and
 * logged when its number is a power of two. Nothing of what the client gets changes, but where the
 * plugin would have taken the server down.
 *
 * Ownership: of the mount. Threads: any.
 */
#ifndef WR_APP_LINT_H
#define WR_APP_LINT_H

#include <weir/app.h>

#include <stdbool.h>

struct wr_lint;
struct wr_lint_request;
struct wr_mount;

/* What a coroutine's stack has more, for the checker's own functions. */
#define WR_LINT_STACK_BYTES 16384

enum wr_lint_rule {
#define RULE(number, name, level, what) WR_LINT_##name = (number),
#include "app/lint_rules.def"
#undef RULE
};

/* Puts itself between the mount, whose plugin is checked and not loaded, and that. NULL: no
 * memory. */
struct wr_lint *wr_lint_new(struct wr_mount *m);

/* NULL is allowed. When nothing of the plugin runs any more. */
void wr_lint_free(struct wr_lint *l);

/* Looks at the descriptor and, where there is one, at the file that it comes from. */
void wr_lint_check_plugin(struct wr_lint *l);

/* load begins and has ended: configuration may be asked in between, by this thread. */
void wr_lint_set_loading(struct wr_lint *l, bool is_loading);

/* How long next may say WEIR_AGAIN with nothing that would wake it before that is a finding; a
 * minute to begin with. */
void wr_lint_set_patience(struct wr_lint *l, int32_t ms);

/* Calls what was given to weir_resume(), by whatever host, for a request that has a checker:
 * with the environ that its app has. */
void wr_lint_resumed(struct wr_lint_request *r, weir_event_fn *fn, void *arg,
                     weir_event_guard *guard);

/* For who compares answers. */
void wr_lint_report(struct wr_lint *l, enum wr_lint_rule rule, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Has a call of the plugin been under way for more than so many milliseconds, which is told? Any
 * thread. */
bool wr_lint_stuck(struct wr_lint *l, int32_t ms, char *text, size_t n);

struct wr_lint_finding {
    enum wr_lint_rule rule;
    uint64_t count;
    char text[224];
};

/* What was found, by number; how many; the rest was not kept. The array is the caller's to free;
 * NULL: none, or no memory. Looks at memory of requests that are over first. */
struct wr_lint_finding *wr_lint_findings(struct wr_lint *l, unsigned *n);

const char *wr_lint_what(enum wr_lint_rule rule);
bool wr_lint_is_error(enum wr_lint_rule rule);

#endif
