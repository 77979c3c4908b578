#include "fake_clock.h"

static int64_t monotonic_ms(void *ctx)
{
    const struct wr_fake_clock *fake = ctx;

    return fake->now_ms;
}

static int64_t monotonic_us(void *ctx)
{
    const struct wr_fake_clock *fake = ctx;

    return fake->now_ms * 1000 + fake->more_us;
}

static int64_t wall_ns(void *ctx)
{
    const struct wr_fake_clock *fake = ctx;

    return fake->wall_ns;
}

struct wr_clock wr_fake_clock_of(struct wr_fake_clock *fake)
{
    return (struct wr_clock){monotonic_ms, monotonic_us, wall_ns, fake};
}

void wr_fake_clock_advance(struct wr_fake_clock *fake, int64_t ms)
{
    fake->now_ms += ms;
    fake->wall_ns += ms * 1000000;
}
