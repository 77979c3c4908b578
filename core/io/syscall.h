/*
 * syscall.h — a system call, and nothing around it.
 *
 * For those of every request. The wrappers of libc for recv(2) and send(2) are points of cancellation,
 * which costs a program with threads more than all else that happens in them, and nobody cancels these
 * threads; syscall(2) moves six arguments about and goes by errno.
 *
 * Threads: any. Errors: -errno.
 */
#ifndef WR_IO_SYSCALL_H
#define WR_IO_SYSCALL_H

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined __x86_64__ && defined __LP64__

static inline long wr_syscall6(long number, const long arg[static 6])
{
    register long r10 __asm__("r10") = arg[3];
    register long r8 __asm__("r8") = arg[4];
    register long r9 __asm__("r9") = arg[5];
    long result;

    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(arg[0]), "S"(arg[1]), "d"(arg[2]), "r"(r10), "r"(r8),
                       "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

#elif defined __aarch64__

static inline long wr_syscall6(long number, const long arg[static 6])
{
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = arg[0];
    register long x1 __asm__("x1") = arg[1];
    register long x2 __asm__("x2") = arg[2];
    register long x3 __asm__("x3") = arg[3];
    register long x4 __asm__("x4") = arg[4];
    register long x5 __asm__("x5") = arg[5];

    __asm__ volatile("svc 0"
                     : "+r"(x0)
                     : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
                     : "memory");
    return x0;
}

#else

static inline long wr_syscall6(long number, const long arg[static 6])
{
    long result = syscall(number, arg[0], arg[1], arg[2], arg[3], arg[4], arg[5]);

    return result < 0 ? -errno : result;
}

#endif

#endif
