#include "server/dispatch.h"

#include "base/branch.h"
#include "server/worker.h"

/* Content that is known to be longer than it may be. Before anybody can ask for it by a 100, and the
 * last of its connection, as after every request that breaks a rule. */
WR_COLD static void refuse_large(struct wr_exchange *x)
{
    char peer[WR_PEER_TEXT_MAX];

    wr_peer_format(&x->request.peer, peer);
    wr_log(&x->lease->site->log, WR_LOG_INFO, "%s: 413: %s", peer,
           wr_h1_reason_text(WR_H1_BODY_LARGE));
    wr_metrics_refuse(&x->worker->metrics, WR_H1_BODY_LARGE);
    x->is_last = true;
    wr_exchange_respond_error(x, 413);
}

/* Answers that no route gives, and that take no content, are bound by what the site allows all the
 * same: false, and the request is refused. */
static bool may_answer(struct wr_exchange *x)
{
    if (!wr_exchange_is_too_large(x))
        return true;
    refuse_large(x);
    return false;
}

/* RFC 9110 9.3.7: of the server as a whole, those that some resource may have. */
WR_COLD static void answer_asterisk(struct wr_exchange *x)
{
    if (!may_answer(x))
        return;
    x->response.status = 204;
    wr_exchange_add_field(x, WR_SLICE("Allow"),
                          WR_SLICE("GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH"));
    wr_exchange_respond(x);
}

/*
 * CONNECT and TRACE, which no resource has: this is no proxy that could open a tunnel, and TRACE
 * would say what a browser keeps from its scripts. So it is a 501 (RFC 9110 9.1), and no app is
 * asked. Whoever hopes for a tunnel may have begun to use it; those bytes, which somebody else may
 * have chosen, are no request (draft-ietf-httpbis-optimistic-upgrade).
 */
WR_COLD static void refuse_method(struct wr_exchange *x)
{
    x->is_last = x->request.method == WR_METHOD_CONNECT;
    if (may_answer(x))
        wr_exchange_respond_error(x, 501);
}

/* A method that neither the server nor an app on the way knew is that first (RFC 9110 9.1). */
WR_COLD static void refuse_path(struct wr_exchange *x, bool had_route)
{
    /* Where a handler had it, and declined, that allowed it its content, it is not the size. */
    if (had_route || may_answer(x))
        wr_exchange_respond_error(x, x->request.method == WR_METHOD_OTHER ? 501 : 404);
}

/* Those of the handler that has `x` now, in place of what held for one before it. */
__attribute__((noinline)) static void take_limits(struct wr_exchange *x,
                                                  const struct wr_handler_limits *l)
{
    const struct wr_config *site = &x->lease->site->config;

    x->body_bytes_max =
        l && l->body_bytes_max >= 0 ? (uint64_t)l->body_bytes_max : site->body_bytes_max;
    if (x->stream && x->stream->set_time)
        x->stream->set_time(x, l && l->request_ms >= 0 ? l->request_ms : site->request_ms);
}

/* To the handler of its route. */
static inline void serve(struct wr_exchange *x, bool had_route)
{
    struct wr_handler *h;

    if (!x->route) {
        refuse_path(x, had_route);
        return;
    }
    h = x->route->handler;
    if (WR_UNLIKELY(h->limits || had_route))
        take_limits(x, h->limits);
    if (WR_UNLIKELY(wr_exchange_is_too_large(x)))
        refuse_large(x);
    else
        h->ops->serve(h, x);
}

void wr_dispatch_next(struct wr_exchange *x)
{
    const struct wr_request *r = &x->request;
    bool had_route = x->route != NULL;

    x->route = wr_router_find(&x->lease->site->router, x->route, r->host, r->path);
    serve(x, had_route);
}

/* Is it for none of the routes? */
static inline bool is_answered_by_none(const struct wr_request *r)
{
    const unsigned methods = 1U << WR_METHOD_CONNECT | 1U << WR_METHOD_TRACE;

    return methods >> r->method & 1 || r->form == WR_TARGET_ASTERISK;
}

WR_COLD static void answer_otherwise(struct wr_exchange *x)
{
    enum wr_method method = x->request.method;

    if (method == WR_METHOD_CONNECT || method == WR_METHOD_TRACE)
        refuse_method(x);
    else
        answer_asterisk(x);
}

/* noinline: most have neither, and need no place for what is kept over the calls of this. */
__attribute__((noinline)) static void dispatch_otherwise(struct wr_exchange *x,
                                                         const struct wr_route *route)
{
    const struct wr_request *r = &x->request;

    if (is_answered_by_none(r)) {
        answer_otherwise(x);
        return;
    }
    if (!route)
        route = wr_router_find(&x->lease->site->router, NULL, r->host, r->path);
    x->route = route;
    serve(x, false);
}

inline void wr_dispatch(struct wr_exchange *x)
{
    const struct wr_request *r = &x->request;
    const struct wr_route *route = wr_router_find_quickly(&x->lease->site->router, r->path);
    struct wr_handler *h;

    x->state = WR_EXCHANGE_RUNNING;
    if (WR_UNLIKELY(!route || is_answered_by_none(r) || route->handler->limits ||
                    wr_exchange_is_too_large(x))) {
        dispatch_otherwise(x, route);
        return;
    }
    h = route->handler;
    x->route = route;
    h->ops->serve(h, x);
}
