/* What is on a stack, and in registers, when it is left and gone on with. */
#include "io/coroutine.h"

#include <errno.h>
#include <execinfo.h>
#include <fenv.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>
#include <unwind.h>

#include "io/fiber.h" /* which build this is */
#include "io/switch.h"
#include "support.h"

#if defined WR_FIBER_ASAN || defined WR_FIBER_TSAN
#    define IS_SANITIZED true /* frames are larger, and its runtime makes system calls */
#else
#    define IS_SANITIZED false
#endif

#define STACK_BYTES ((size_t)256 << 10)

/* What the functions below are given: their coroutine and what they leave for the test. */
struct task {
    struct wr_coroutine *c;
    int steps; /* that it has made */
    uint64_t seed, sum;
};

static struct wr_coroutines *new_set(size_t stack_bytes)
{
    struct wr_coroutines *set = wr_coroutines_new(stack_bytes);

    assert_non_null(set);
    return set;
}

static struct wr_coroutine *new_one(struct wr_coroutines *set)
{
    struct wr_coroutine *c = wr_coroutine_new(set);

    assert_non_null(c);
    return c;
}

/* ---- the order of things ---- */

static void step_thrice(void *arg)
{
    struct task *t = arg;

    t->steps++;
    wr_coroutine_suspend(t->c);
    t->steps++;
    wr_coroutine_suspend(t->c);
    t->steps++;
}

static void coroutine__suspends_twice__three_steps(void **state)
{
    struct wr_coroutines *set = new_set(STACK_BYTES);
    struct task t = {.c = new_one(set)};

    (void)state;
    assert_int_equal(wr_coroutines_used(set), 1);
    assert_false(wr_coroutine_start(t.c, step_thrice, &t));
    assert_int_equal(t.steps, 1);
    assert_false(wr_coroutine_resume(t.c));
    assert_int_equal(t.steps, 2);
    assert_int_equal(wr_coroutines_used(set), 1);
    assert_true(wr_coroutine_resume(t.c));
    assert_int_equal(t.steps, 3);
    assert_int_equal(wr_coroutines_used(set), 0);
    wr_coroutines_free(set);
}

static void step_once(void *arg)
{
    ((struct task *)arg)->steps++;
}

static void coroutine__never_suspends__returns_from_start(void **state)
{
    struct wr_coroutines *set = new_set(STACK_BYTES);
    struct task t = {0};

    (void)state;
    for (int i = 0; i < 1000; i++) {
        t.c = new_one(set);
        assert_true(wr_coroutine_start(t.c, step_once, &t));
    }
    assert_int_equal(t.steps, 1000);
    wr_coroutines_free(set);
    wr_coroutines_free(NULL);
}

struct pair {
    struct task outer, inner;
};

static void start_another(void *arg)
{
    struct pair *p = arg;

    p->outer.steps += !wr_coroutine_start(p->inner.c, step_thrice, &p->inner);
    wr_coroutine_suspend(p->outer.c);
    p->outer.steps += wr_coroutine_resume(p->inner.c);
}

static void coroutine__started_in_another__returns_to_who_resumes(void **state)
{
    struct wr_coroutines *set = new_set(STACK_BYTES);
    struct pair p = {.outer.c = new_one(set), .inner.c = new_one(set)};

    (void)state;
    assert_false(wr_coroutine_start(p.outer.c, start_another, &p));
    assert_int_equal(p.outer.steps, 1);
    assert_int_equal(p.inner.steps, 1);
    assert_false(wr_coroutine_resume(p.inner.c));
    assert_int_equal(p.inner.steps, 2);
    assert_true(wr_coroutine_resume(p.outer.c));
    assert_int_equal(p.outer.steps, 2);
    assert_int_equal(p.inner.steps, 3);
    assert_int_equal(wr_coroutines_used(set), 0);
    wr_coroutines_free(set);
}

/* ---- registers ---- */

#ifdef __x86_64__
#    define CALLEE_SAVED 6 /* rbp, rbx, r12 to r15: System V ABI for x86-64, figure 3.4 */
#else
#    define CALLEE_SAVED 19 /* x29, x19 to x28, d8 to d15: AAPCS64, 6.1 */
#endif

/* registers.S */
void call_with_registers(const uint64_t *in, uint64_t *out, void (*fn)(void *), void *arg);

static void fill(uint64_t *values, uint64_t first)
{
    for (uint64_t i = 0; i < CALLEE_SAVED; i++)
        values[i] = first + i;
}

static void suspend_it(void *c)
{
    wr_coroutine_suspend(c);
}

static void keep_registers(void *arg)
{
    struct task *t = arg;

    for (uint64_t i = 0; i < 3; i++) {
        uint64_t in[CALLEE_SAVED], out[CALLEE_SAVED] = {0};

        fill(in, t->seed + 0x100 * i);
        call_with_registers(in, out, suspend_it, t->c);
        t->steps += memcmp(in, out, sizeof(in)) == 0;
    }
}

static void start_keeping(void *arg)
{
    struct task *t = arg;

    wr_coroutine_start(t->c, keep_registers, t);
}

static void resume_it(void *arg)
{
    wr_coroutine_resume(((struct task *)arg)->c);
}

static void switch__callee_saved_registers__each_stack_has_its_own(void **state)
{
    struct wr_coroutines *set = new_set(STACK_BYTES);
    struct task t[2] = {{.c = new_one(set), .seed = 0x1111000000000000},
                        {.c = new_one(set), .seed = 0x2222000000000000}};
    uint64_t in[CALLEE_SAVED], out[CALLEE_SAVED];

    (void)state;
    for (int i = 0; i < 8; i++) { /* a start and three times resumed, each */
        memset(out, 0, sizeof(out));
        fill(in, 0x3333000000000000 + 0x100 * (uint64_t)i);
        call_with_registers(in, out, i < 2 ? start_keeping : resume_it, &t[i % 2]);
        assert_memory_equal(in, out, sizeof(in));
    }
    assert_int_equal(t[0].steps, 3);
    assert_int_equal(t[1].steps, 3);
    assert_int_equal(wr_coroutines_used(set), 0);
    wr_coroutines_free(set);
}

/* By the processor, not by the compiler; long double is another unit of x86-64. */
static bool rounds_upward(void)
{
    volatile double one = 1, little = 1e-30, sum = one + little;
    volatile long double long_one = 1, long_little = 1e-40L, long_sum = long_one + long_little;

    assert_int_equal(sum > 1, long_sum > 1);
    return sum > 1;
}

static void round_upward(void *arg)
{
    struct task *t = arg;

    t->steps += !rounds_upward();
    fesetround(FE_UPWARD);
    wr_coroutine_suspend(t->c);
    t->steps += rounds_upward();
}

static void switch__rounding_mode__each_stack_has_its_own(void **state)
{
    struct wr_coroutines *set = new_set(STACK_BYTES);
    struct task t[2] = {{.c = new_one(set)}, {.c = new_one(set)}}, reused = {0};

    (void)state;
    assert_false(wr_coroutine_start(t[0].c, round_upward, &t[0]));
    assert_false(rounds_upward());
    assert_false(wr_coroutine_start(t[1].c, round_upward, &t[1]));
    assert_false(rounds_upward());
    assert_true(wr_coroutine_resume(t[0].c));
    assert_false(rounds_upward());
    assert_true(wr_coroutine_resume(t[1].c));
    assert_false(rounds_upward());
    assert_int_equal(t[0].steps, 2);
    assert_int_equal(t[1].steps, 2);

    /* What the last one has left there does not reach the next, */
    reused.c = new_one(set);
    assert_ptr_equal(reused.c, t[1].c);
    assert_false(wr_coroutine_start(reused.c, round_upward, &reused));
    fesetround(FE_UPWARD); /* nor what the caller has set meanwhile one that has begun */
    assert_true(wr_coroutine_resume(reused.c));
    fesetround(FE_TONEAREST);
    assert_int_equal(reused.steps, 2);
    wr_coroutines_free(set);
}

/* ---- many at a time ---- */

static uint64_t next_random(uint64_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 7;
    *x ^= *x << 17;
    return *x;
}

/* Sums up what it keeps on the stack over calls and suspensions. `c` NULL: it never suspends. */
static uint64_t climb(struct wr_coroutine *c, uint64_t *seed, int depth)
{
    volatile uint64_t kept[8];
    double weight = (double)(next_random(seed) % 1000);
    uint64_t sum = 0;

    for (size_t i = 0; i < WR_COUNT(kept); i++)
        kept[i] = next_random(seed);
    if (c && next_random(&(uint64_t){kept[0]}) % 3 == 0)
        wr_coroutine_suspend(c);
    if (depth > 0)
        sum = climb(c, seed, depth - 1) * 31;
    if (c && next_random(&(uint64_t){kept[1]}) % 3 == 0)
        wr_coroutine_suspend(c);
    for (size_t i = 0; i < WR_COUNT(kept); i++)
        sum = sum * 31 + kept[i];
    return sum + (uint64_t)(weight * 3);
}

static void climb_and_sum(void *arg)
{
    struct task *t = arg;
    uint64_t seed = t->seed;

    t->sum = climb(t->c, &seed, (int)(t->seed % 24));
}

static void check_sum(const struct task *t)
{
    uint64_t seed = t->seed;

    assert_true(t->sum == climb(NULL, &seed, (int)(t->seed % 24)));
}

#define MANY 64

static void check_interleaving(uint64_t seed, int switches)
{
    struct wr_coroutines *set = new_set(STACK_BYTES);
    struct task tasks[MANY] = {0};
    size_t live = 0;

    while (switches-- > 0 || live > 0) {
        struct task *t = &tasks[next_random(&seed) % MANY];
        bool has_returned;

        if (t->c) {
            has_returned = wr_coroutine_resume(t->c);
        } else if (switches > 0) {
            *t = (struct task){.c = new_one(set), .seed = next_random(&seed)};
            live++;
            has_returned = wr_coroutine_start(t->c, climb_and_sum, t);
        } else {
            continue;
        }
        if (has_returned) {
            check_sum(t);
            t->c = NULL;
            live--;
        }
        assert_int_equal(wr_coroutines_used(set), live);
    }
    wr_coroutines_free(set);
}

static void switch__random_order__sums_as_without(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        print_message("seed %d\n", (int)seed);
        check_interleaving(seed * 0x9e3779b97f4a7c15, 5000);
    }
}

static void *interleave(void *seed)
{
    check_interleaving(*(uint64_t *)seed, 20000);
    return NULL;
}

static void switch__sets_of_several_threads__do_not_meet(void **state)
{
    pthread_t threads[4];
    uint64_t seeds[4] = {11, 12, 13, 14};

    (void)state;
    for (size_t i = 0; i < WR_COUNT(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, interleave, &seeds[i]), 0);
    for (size_t i = 0; i < WR_COUNT(threads); i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
}

/* ---- the stack ---- */

static void look_at_alignment(void *arg)
{
    /* A function that was called as the ABI wants it has its frame at a multiple of 16. */
    ((struct task *)arg)->sum = (uintptr_t)__builtin_frame_address(0) % 16;
}

static void stack__at_the_entry__is_aligned(void **state)
{
    struct wr_coroutines *set = new_set(STACK_BYTES + 1);
    struct task t = {.sum = 1};

    (void)state;
    for (int i = 0; i < 3; i++) { /* new, and used again */
        t.c = new_one(set);
        assert_true(wr_coroutine_start(t.c, look_at_alignment, &t));
        assert_int_equal(t.sum, 0);
    }
    wr_coroutines_free(set);
}

#define DEEP_BYTES (STACK_BYTES - 8192)

static void use_nearly_all(void *arg)
{
    struct task *t = arg;
    volatile unsigned char bytes[DEEP_BYTES];

    for (size_t i = 0; i < DEEP_BYTES; i++)
        bytes[i] = (unsigned char)(i * 7);
    wr_coroutine_suspend(t->c);
    for (size_t i = 0; i < DEEP_BYTES; i++)
        t->steps += bytes[i] == (unsigned char)(i * 7);
}

static void stack__used_nearly_to_the_end__is_there(void **state)
{
    struct wr_coroutines *set = new_set(STACK_BYTES);
    struct task t[2] = {{.c = new_one(set)}, {.c = new_one(set)}};

    (void)state;
    for (int i = 0; i < 2; i++)
        assert_false(wr_coroutine_start(t[i].c, use_nearly_all, &t[i]));
    for (int i = 0; i < 2; i++) {
        assert_true(wr_coroutine_resume(t[i].c));
        assert_int_equal(t[i].steps, DEEP_BYTES);
    }
    wr_coroutines_free(set);
}

/* Below the stack something is mapped that must not be touched: SEGV_ACCERR, and not
 * SEGV_MAPERR. */
static void say_how(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)context;
    _exit(info->si_code == SEGV_ACCERR ? 42 : 43);
}

static void catch_segv(void)
{
    static char stack[65536];
    const stack_t alternate = {.ss_sp = stack, .ss_size = sizeof(stack)};
    struct sigaction action = {.sa_sigaction = say_how, .sa_flags = SA_SIGINFO | SA_ONSTACK};

    sigemptyset(&action.sa_mask);
    if (sigaltstack(&alternate, NULL) < 0 || sigaction(SIGSEGV, &action, NULL) < 0)
        _exit(44);
}

static int fall(const volatile int *above, int depth)
{
    volatile int here[16];

    here[0] = *above + 1;
    return depth == 0 ? here[0] : fall(here, depth - 1) + here[0];
}

static void fall_far(void *arg)
{
    volatile int top = 1;

    ((struct task *)arg)->steps = fall(&top, 1000000);
}

/* From its low end: the first byte that is touched lies far below the stack pointer before. */
static void write_large_array(void *arg)
{
    char large[STACK_BYTES + 60000];
    char *volatile low = large;

    (void)arg;
    low[0] = 1;
}

/* Runs fn on a stack between two others in a child, and gives its exit status; -1: a signal. */
static int status_of_child(void (*fn)(void *))
{
    int status;
    pid_t child = fork();

    if (child == 0) {
        struct wr_coroutines *set = wr_coroutines_new(STACK_BYTES);
        struct task t[3];

        for (int i = 0; i < 3; i++)
            t[i].c = wr_coroutine_new(set);
        catch_segv();
        wr_coroutine_start(t[1].c, fn, &t[1]);
        _exit(45);
    }
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void stack__past_its_end__segv_on_the_guard(void **state)
{
    (void)state;
    assert_int_equal(status_of_child(fall_far), 42);
    if (!IS_SANITIZED) /* which touches all of the array first */
        assert_int_equal(status_of_child(write_large_array), 42);
}

/* ---- what else runs on it ---- */

static jmp_buf far_away;

static void jump_from_deep(struct wr_coroutine *c, int depth)
{
    static volatile int value = 7; /* 0 never: or gcc sees that nobody returns from here */

    wr_coroutine_suspend(c);
    if (depth > 1)
        jump_from_deep(c, depth - 1);
    if (value)
        longjmp(far_away, value);
}

static void jump(void *arg)
{
    struct task *t = arg;

    for (volatile int i = 0; i < 3; i++) {
        int got = setjmp(far_away); /* NOLINT(cert-err52-cpp) */

        if (got == 0)
            jump_from_deep(t->c, 5);
        t->steps += got;
    }
}

static void stack__longjmp_within__goes_on_there(void **state)
{
    struct wr_coroutines *set = new_set(STACK_BYTES);
    struct task t = {.c = new_one(set)};
    int resumed = 0;

    (void)state;
    for (bool is_over = wr_coroutine_start(t.c, jump, &t); !is_over; resumed++)
        is_over = wr_coroutine_resume(t.c);
    assert_int_equal(resumed, 15);
    assert_int_equal(t.steps, 21);
    wr_coroutines_free(set);
}

static volatile sig_atomic_t signals;

static void count_signal(int number)
{
    volatile char room[1024];

    (void)number;
    for (size_t i = 0; i < sizeof(room); i++)
        room[i] = (char)i;
    signals++;
}

static void raise_thrice(void *arg)
{
    struct task *t = arg;

    for (int i = 0; i < 3; i++) {
        raise(SIGUSR1);
        wr_coroutine_suspend(t->c);
    }
}

static void handle(int number)
{
    struct sigaction action = {.sa_handler = count_signal, .sa_flags = SA_RESTART};

    sigemptyset(&action.sa_mask);
    assert_int_equal(sigaction(number, &action, NULL), 0);
}

static void signal__delivered_in_a_coroutine__handled_there(void **state)
{
    struct wr_coroutines *set = new_set(STACK_BYTES);
    struct task t = {.c = new_one(set)};

    (void)state;
    handle(SIGUSR1);
    signals = 0;
    assert_false(wr_coroutine_start(t.c, raise_thrice, &t));
    assert_int_equal(signals, 1);
    assert_false(wr_coroutine_resume(t.c));
    assert_false(wr_coroutine_resume(t.c));
    assert_true(wr_coroutine_resume(t.c));
    assert_int_equal(signals, 3);
    wr_coroutines_free(set);
}

/* At any instruction, those of the switch among them. */
static void signal__amid_switches__harms_nothing(void **state)
{
    const struct itimerval often = {{0, 200}, {0, 200}}, never = {0};

    (void)state;
    handle(SIGPROF);
    signals = 0;
    assert_int_equal(setitimer(ITIMER_PROF, &often, NULL), 0);
    for (uint64_t seed = 100; signals < 20; seed++)
        check_interleaving(seed, 1000);
    assert_int_equal(setitimer(ITIMER_PROF, &never, NULL), 0);
}

struct unwound {
    struct wr_coroutine *c;
    int n;
    uintptr_t frames[64];
    _Unwind_Reason_Code reason;
};

static void use_backtrace(void *arg)
{
    struct unwound *u = arg;

    u->n = backtrace((void **)u->frames, WR_COUNT(u->frames));
}

static _Unwind_Reason_Code see_frame(struct _Unwind_Context *context, void *arg)
{
    struct unwound *u = arg;

    if (_Unwind_GetIP(context) == 0)
        return _URC_NO_REASON;
    u->frames[u->n++] = _Unwind_GetIP(context);
    return u->n == WR_COUNT(u->frames) ? _URC_NORMAL_STOP : _URC_NO_REASON;
}

static void unwind(void *arg)
{
    struct unwound *u = arg;

    wr_coroutine_suspend(u->c);
    u->reason = _Unwind_Backtrace(see_frame, u);
}

static void check_frames(const struct unwound *u)
{
    assert_in_range(u->n, 3, 8);
    assert_in_range(u->frames[u->n - 1], (uintptr_t)wr_switch_first,
                    (uintptr_t)wr_switch_first + 255);
}

static void backtrace__in_a_coroutine__ends_at_its_first_frame(void **state)
{
    struct wr_coroutines *set = new_set(STACK_BYTES);

    (void)state;
    for (int i = 0; i < 2; i++) { /* new, and used again */
        struct unwound u = {.c = new_one(set)};

        assert_true(wr_coroutine_start(u.c, use_backtrace, &u));
        check_frames(&u);
        u = (struct unwound){.c = new_one(set)};
        assert_false(wr_coroutine_start(u.c, unwind, &u));
        assert_true(wr_coroutine_resume(u.c));
        assert_int_equal(u.reason, _URC_END_OF_STACK);
        check_frames(&u);
    }
    wr_coroutines_free(set);
}

/* seccomp(2), strict: the kernel kills who makes another call than read, write and exit. */
static void switch__a_million__makes_no_system_call(void **state)
{
    int status;
    pid_t child;

    (void)state;
    if (IS_SANITIZED)
        skip();
    child = fork();
    if (child == 0) {
        struct wr_coroutines *set = wr_coroutines_new(STACK_BYTES);
        struct task t = {.c = wr_coroutine_new(set)};

        wr_coroutine_start(t.c, step_thrice, &t);
        if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) < 0)
            _exit(errno == EINVAL ? 77 : 44);
        for (int i = 0; i < 250000; i++) {
            wr_coroutine_resume(t.c);
            wr_coroutine_resume(t.c);
            t.c = wr_coroutine_new(set);
            wr_coroutine_start(t.c, step_thrice, &t);
        }
        syscall(SYS_exit, t.steps == 750001 ? 42 : 43);
    }
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77) { /* a kernel without it, or qemu-user */
        print_message("no seccomp(2) here\n");
        skip();
    }
    assert_int_equal(WEXITSTATUS(status), 42);
}

WR_TESTS(cmocka_unit_test(coroutine__suspends_twice__three_steps),
         cmocka_unit_test(coroutine__never_suspends__returns_from_start),
         cmocka_unit_test(coroutine__started_in_another__returns_to_who_resumes),
         cmocka_unit_test(switch__callee_saved_registers__each_stack_has_its_own),
         cmocka_unit_test(switch__rounding_mode__each_stack_has_its_own),
         cmocka_unit_test(switch__random_order__sums_as_without),
         cmocka_unit_test(switch__sets_of_several_threads__do_not_meet),
         cmocka_unit_test(switch__a_million__makes_no_system_call),
         cmocka_unit_test(stack__at_the_entry__is_aligned),
         cmocka_unit_test(stack__used_nearly_to_the_end__is_there),
         cmocka_unit_test(stack__past_its_end__segv_on_the_guard),
         cmocka_unit_test(stack__longjmp_within__goes_on_there),
         cmocka_unit_test(signal__delivered_in_a_coroutine__handled_there),
         cmocka_unit_test(signal__amid_switches__harms_nothing),
         cmocka_unit_test(backtrace__in_a_coroutine__ends_at_its_first_frame));
