/*
 * rules_case.h — a case of rules.c, and what most of them end with.
 */
#ifndef RULES_CASE_H
#define RULES_CASE_H

#include "rules_body.h"

struct request {
    weir_environ *env;
    weir_start_response *start_response;
    const char *arg, *query; /* what follows the name of the case; "" : nothing */
};

typedef weir_body case_fn(const struct request *q);

static weir_body ok(const struct request *q, const weir_header *fields, weir_body body)
{
    note(0, q->start_response(q->env, 200, fields));
    return body;
}

static void release(void *arg)
{
    enter();
    count(COUNT_released);
    leave();
    free(arg);
}

static weir_body owned(void)
{
    char *text = (char *)malloc(4);

    if (text)
        memcpy(text, "mine", 4);
    count(COUNT_owned);
    return weir_owned(text, text ? 4 : 0, release, text);
}

static weir_body do_plain(const struct request *q)
{
    return ok(q, WEIR_HEADERS({"Content-Type", "text/plain"}), weir_text("plain\n"));
}

static weir_body do_owned(const struct request *q)
{
    return ok(q, NULL, owned());
}

#endif
