#include "server/dispatch.h"

#include "server/worker.h"

/* RFC 9110 9.3.7: of the server as a whole, those that some resource may have. */
static void answer_asterisk(struct wr_exchange *x)
{
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
static void refuse_method(struct wr_exchange *x)
{
    x->is_last = x->request.method == WR_METHOD_CONNECT;
    wr_exchange_respond_error(x, 501);
}

/* A method that neither the server nor an app on the way knew is that first (RFC 9110 9.1). */
static void refuse_path(struct wr_exchange *x)
{
    wr_exchange_respond_error(x, x->request.method == WR_METHOD_OTHER ? 501 : 404);
}

void wr_dispatch_next(struct wr_exchange *x)
{
    const struct wr_request *r = &x->request;

    x->route = wr_router_find(&x->lease->site->router, x->route, r->host, r->path);
    if (x->route)
        x->route->handler->ops->serve(x->route->handler, x);
    else
        refuse_path(x);
}

void wr_dispatch(struct wr_exchange *x)
{
    enum wr_method method = x->request.method;

    x->state = WR_EXCHANGE_RUNNING;
    if (method == WR_METHOD_CONNECT || method == WR_METHOD_TRACE)
        refuse_method(x);
    else if (x->request.form == WR_TARGET_ASTERISK)
        answer_asterisk(x);
    else
        wr_dispatch_next(x);
}
