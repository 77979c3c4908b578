#include "server/exec.h"

static void submit_on_loop(const struct wr_executor *e, struct wr_handler *h, struct wr_exchange *x)
{
    (void)e;
    h->ops->serve(h, x);
}

const struct wr_executor wr_exec_loop = {"loop", submit_on_loop};
