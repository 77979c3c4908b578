/*
 * generation.h — a generation while it is made; private to generation.c and routes.c.
 *
 * What goes wrong is noted and told in the end, all of it: at each fault the rest is still tried.
 */
#ifndef WR_CORE_GENERATION_H
#define WR_CORE_GENERATION_H

#include "server/error_pages.h"
#include "server/message.h"
#include "weir.h"

/* Of the handler of a route. */
struct wr_route_limits {
    struct wr_handler_limits limits;
    struct wr_route_limits *next;
};

/* One configuration at work: a site, and what it writes to. Made by one thread, then only read. */
struct wr_generation {
    struct wr_site site; /* first */
    struct weir_server *server;
    char *document_root; /* absolute; NULL: none */
    struct wr_error_pages pages;
    struct wr_error_pages *host_pages; /* of each of the configuration's hosts */
    size_t host_pages_n;
    struct wr_route_limits *limits; /* all of them */

    struct wr_log_call log, access_log; /* with references to their outlets */
    enum wr_message_format format;
};

/* What went wrong, with its place for the order in which it is told. */
struct wr_fault {
    struct wr_json_place place;
    size_t order;
    char *lines;
};

/* What making one needs to know. */
struct wr_making {
    struct weir_server *s;
    struct wr_generation *g;
    const struct wr_root_options *options;
    int32_t error; /* of the first that went wrong */
    struct wr_fault *faults;
    size_t faults_n, faults_cap;
};

/* Takes `lines`; NULL: memory has run out, which is then told. */
void wr_making_note(struct wr_making *m, int32_t error, struct wr_json_place place, char *lines);

/* At a place of the configuration, or without one (at NULL). */
void wr_making_fail(struct wr_making *m, int32_t error, const struct wr_json_path *at,
                    const char *key, const char *why);
void wr_making_fail_memory(struct wr_making *m);

/* ---- routes.c ---- */

/* What calls have mounted, then the routes of the configuration, then the folder of the server. */
void wr_routes_make(struct wr_making *m);

#endif
