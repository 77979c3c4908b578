#include "app/builtin.h"

#include "app/mount.h"
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

void *wr_builtin_loop_state(weir_environ *env)
{
    const struct wr_environ *e = wr_environ_of(env);

    return e->mount->loops[e->x->worker->index].state;
}

struct wr_slice wr_builtin_get(weir_environ *env, struct wr_slice key)
{
    struct wr_slice value;

    value.p = wr_environ_get_n(env, key.p, key.n, &value.n);
    return value;
}

weir_body wr_builtin_drop_content(weir_environ *env, struct wr_body *owner)
{
    owner->ops->close(owner);
    return weir_error(env, 503);
}
