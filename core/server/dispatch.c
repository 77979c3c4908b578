#include "server/dispatch.h"

#include "server/exec.h"
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

void wr_dispatch(struct wr_exchange *x)
{
    struct wr_handler *handler = x->worker->handler;

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
        handler->executor->submit(handler->executor, handler, x);
        break;
    }
}
