#include "app/builtin.h"

#include "app/start.h"

static bool is_plain_name(struct wr_slice name)
{
    static const struct wr_slice others[] = {{"Content-Length", 14}, {"Date", 4}, {"Server", 6}};

    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (wr_slice_ieq(name, others[i]))
            return false;
    return wr_is_token(name) && !wr_start_is_hop_by_hop(name);
}

bool wr_builtin_may_stand_in_block(struct wr_slice name, struct wr_slice value)
{
    const char *end = value.p + value.n;

    return is_plain_name(name) && wr_skip_value(value.p, end) == end;
}

weir_body wr_builtin_content(weir_environ *env, struct wr_slice content, struct wr_body *owner)
{
    struct wr_environ *e = wr_environ_of(env);

    if (e->error < 0) { /* the answer is a page, whatever the app returns */
        owner->ops->close(owner);
        return weir_error(env, 503);
    }
    e->x->response.content = content;
    e->ours = owner;
    return weir_bytes(content.p, content.n);
}
