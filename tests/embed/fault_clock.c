#include "fault_clock.h"

#include <stdatomic.h>
#include <stdint.h>
#include <time.h>

static _Atomic int64_t passed_ns;

void fault_pass_ms(int ms)
{
    atomic_fetch_add(&passed_ns, (int64_t)ms * 1000000);
}

int __real_clock_gettime(clockid_t clock, struct timespec *t);
int __wrap_clock_gettime(clockid_t clock, struct timespec *t);
int __wrap_clock_gettime(clockid_t clock, struct timespec *t)
{
    int r = __real_clock_gettime(clock, t);
    int64_t ns = t->tv_nsec + atomic_load(&passed_ns);

    t->tv_sec += ns / 1000000000;
    t->tv_nsec = ns % 1000000000;
    return r;
}
