/*
 * registers.S — void call_with_registers(const uint64_t *in, uint64_t *out, void (*fn)(void *), void *arg):
 * calls fn(arg) with in[] in the registers that it must keep, and out[] is what it has made of them.
 * CALLEE_SAVED of test_coroutine.c says how many.
 */
    .text
    .globl  call_with_registers

#ifdef __x86_64__

    .type   call_with_registers, @function
call_with_registers:
    endbr64
    pushq   %rbp
    pushq   %rbx
    pushq   %r12
    pushq   %r13
    pushq   %r14
    pushq   %r15
    pushq   %rsi
    movq    0(%rdi), %rbp
    movq    8(%rdi), %rbx
    movq    16(%rdi), %r12
    movq    24(%rdi), %r13
    movq    32(%rdi), %r14
    movq    40(%rdi), %r15
    movq    %rcx, %rdi
    callq   *%rdx
    popq    %rsi
    movq    %rbp, 0(%rsi)
    movq    %rbx, 8(%rsi)
    movq    %r12, 16(%rsi)
    movq    %r13, 24(%rsi)
    movq    %r14, 32(%rsi)
    movq    %r15, 40(%rsi)
    popq    %r15
    popq    %r14
    popq    %r13
    popq    %r12
    popq    %rbx
    popq    %rbp
    ret
    .size   call_with_registers, . - call_with_registers

#elif defined __aarch64__

    .type   call_with_registers, %function
call_with_registers:
    hint    #34 /* bti c */
    sub     sp, sp, #176
    stp     x29, x30, [sp, #0]
    stp     x19, x20, [sp, #16]
    stp     x21, x22, [sp, #32]
    stp     x23, x24, [sp, #48]
    stp     x25, x26, [sp, #64]
    stp     x27, x28, [sp, #80]
    stp     d8, d9, [sp, #96]
    stp     d10, d11, [sp, #112]
    stp     d12, d13, [sp, #128]
    stp     d14, d15, [sp, #144]
    str     x1, [sp, #160]
    ldp     x29, x19, [x0, #0]
    ldp     x20, x21, [x0, #16]
    ldp     x22, x23, [x0, #32]
    ldp     x24, x25, [x0, #48]
    ldp     x26, x27, [x0, #64]
    ldr     x28, [x0, #80]
    ldp     d8, d9, [x0, #88]
    ldp     d10, d11, [x0, #104]
    ldp     d12, d13, [x0, #120]
    ldp     d14, d15, [x0, #136]
    mov     x0, x3
    blr     x2
    ldr     x1, [sp, #160]
    stp     x29, x19, [x1, #0]
    stp     x20, x21, [x1, #16]
    stp     x22, x23, [x1, #32]
    stp     x24, x25, [x1, #48]
    stp     x26, x27, [x1, #64]
    str     x28, [x1, #80]
    stp     d8, d9, [x1, #88]
    stp     d10, d11, [x1, #104]
    stp     d12, d13, [x1, #120]
    stp     d14, d15, [x1, #136]
    ldp     d14, d15, [sp, #144]
    ldp     d12, d13, [sp, #128]
    ldp     d10, d11, [sp, #112]
    ldp     d8, d9, [sp, #96]
    ldp     x27, x28, [sp, #80]
    ldp     x25, x26, [sp, #64]
    ldp     x23, x24, [sp, #48]
    ldp     x21, x22, [sp, #32]
    ldp     x19, x20, [sp, #16]
    ldp     x29, x30, [sp, #0]
    add     sp, sp, #176
    ret
    .size   call_with_registers, . - call_with_registers

#endif

    .section .note.GNU-stack, "", %progbits
