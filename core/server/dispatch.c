#include "server/dispatch.h"

#include "server/worker.h"

/* RFC 9110 9.3.7: a ping for the server as a whole. */
static void answer_asterisk(struct wr_exchange *x)
{
    x->response.status = 204;
    wr_exchange_add_field(x, WR_SLICE("Allow"), WR_SLICE("GET, HEAD, OPTIONS"));
    wr_exchange_respond(x);
}

/* RFC 9110 9.3.6: this is no proxy, so nothing is ever tunnelled. */
static void refuse_connect(struct wr_exchange *x)
{
    wr_exchange_add_field(x, WR_SLICE("Allow"), WR_SLICE("GET, HEAD, OPTIONS"));
    wr_exchange_respond_error(x, 405);
}

void wr_dispatch_next(struct wr_exchange *x)
{
    const struct wr_request *r = &x->request;

    x->route = wr_router_find(&x->lease->site->router, x->route, r->host, r->path);
    if (x->route)
        x->route->handler->ops->serve(x->route->handler, x);
    else
        wr_exchange_respond_error(x, 404);
}

void wr_dispatch(struct wr_exchange *x)
{
    x->state = WR_EXCHANGE_RUNNING;
    switch (x->request.form) {
    case WR_TARGET_ASTERISK:
        answer_asterisk(x);
        break;
    case WR_TARGET_AUTHORITY:
        refuse_connect(x);
        break;
    case WR_TARGET_ORIGIN:
    case WR_TARGET_ABSOLUTE:
        wr_dispatch_next(x);
        break;
    }
}
