#include "lint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir/test.h>

#include "say.h"

#define NOT_LOADED  2
#define PATIENCE_MS 10000 /* of real time, for an app that holds its thread */

/* METHOD TARGET pairs; how many were sent; -1: one of them is none. */
static int32_t send_own(weir_test *t, const struct options *o)
{
    int32_t sent = 0;

    for (int i = 0; i + 1 < o->words_n; i += 2) {
        weir_test_request request = {.method = o->words[i], .target = o->words[i + 1]};

        if (!weir_test_call(t, &request)) {
            say("there is no such request: %s %s", o->words[i], o->words[i + 1]);
            return -1;
        }
        sent++;
    }
    return sent;
}

static int count_lines(const char *text)
{
    int n = 0;

    for (; *text; text++)
        n += *text == '\n';
    return n;
}

static int report(weir_test *t, const struct options *o, int32_t sent)
{
    const char *findings = weir_test_findings(t);
    int n = count_lines(findings);

    printf("%s%s: %d %s, %d %s\n", findings, o->plugin_file, (int)sent,
           sent == 1 ? "request" : "requests", n, n == 1 ? "finding" : "findings");
    return n > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

int lint(const struct options *o)
{
    const weir_test_setup setup = {.file = o->plugin_file,
                                   .route = o->route,
                                   .config = o->plugin_config,
                                   .patience_ms = PATIENCE_MS,
                                   .lint = 1};
    weir_test *t = weir_test_start(&setup);
    int status = NOT_LOADED;
    int32_t sent;

    if (!t) {
        say("out of memory");
        return NOT_LOADED;
    }
    if (weir_test_error(t)) {
        say_lines(NULL, weir_test_error(t), "");
    } else {
        sent = o->words_n > 0 ? send_own(t, o) : weir_test_probe(t, NULL);
        if (sent >= 0)
            status = report(t, o, sent);
    }
    if (o->is_verbose)
        fputs(weir_test_log(t), stderr);
    weir_test_free(t);
    return status;
}
