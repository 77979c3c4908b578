/*
 * switch_x86_64.S — switch.h for the System V ABI of x86-64.
 *
 * What lies on a stack that was left, from its stack pointer upwards:
 *     0 MXCSR   4 x87 control word   8 r15   16 r14   24 r13   32 r12   40 rbx   48 rbp   56 return address
 *
 * Every function here lays its stack out like this, so what unwinders are told (CFI) is true before and
 * behind the exchange of stack pointers. IBT: each entry begins with endbr64, should it be called by a
 * pointer. A shadow stack is not exchanged: see the note at the end.
 */
#if defined __x86_64__ && !defined __ILP32__

.macro WR_BEGIN name
    .globl  \name
    .hidden \name
    .type   \name, @function
    .p2align 4
\name:
    .cfi_startproc
    endbr64
.endm

.macro WR_END name
    .cfi_endproc
    .size   \name, . - \name
.endm

.macro WR_PUSH reg
    pushq   %\reg
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %\reg, 0
.endm

.macro WR_POP reg
    popq    %\reg
    .cfi_adjust_cfa_offset -8
    .cfi_restore %\reg
.endm

.macro WR_SAVE
    WR_PUSH rbp
    WR_PUSH rbx
    WR_PUSH r12
    WR_PUSH r13
    WR_PUSH r14
    WR_PUSH r15
    subq    $8, %rsp
    .cfi_adjust_cfa_offset 8
    stmxcsr (%rsp)
    fnstcw  4(%rsp)
    movq    %rsp, (%rdi)
.endm

.macro WR_RESTORE_AND_RETURN
    addq    $8, %rsp
    .cfi_adjust_cfa_offset -8
    WR_POP  r15
    WR_POP  r14
    WR_POP  r13
    WR_POP  r12
    WR_POP  rbx
    WR_POP  rbp
    ret
.endm

    .text

/* void wr_switch(void **left: rdi, void *to: rsi) */
WR_BEGIN wr_switch
    WR_SAVE
    movq    %rsi, %rsp
    ldmxcsr (%rsp)
    fldcw   4(%rsp)
    WR_RESTORE_AND_RETURN
WR_END wr_switch

/* void wr_switch_anew(void **left: rdi, void *to: rsi) */
WR_BEGIN wr_switch_anew
    WR_SAVE
    movq    %rsi, %rsp
    WR_RESTORE_AND_RETURN
WR_END wr_switch_anew

/* void wr_switch_first(void **left: rdi, void *top: rsi, void (*run)(void *): rdx, void *arg: rcx) */
WR_BEGIN wr_switch_first
    WR_SAVE
    movq    %rsi, %rsp
    /* Who looks for a caller finds none: no return address (DWARF), no frame pointer. */
    .cfi_def_cfa %rsp, 8
    .cfi_undefined %rip
    xorl    %ebp, %ebp
    movq    %rcx, %rdi
    callq   *%rdx
    ud2 /* it does not return */
WR_END wr_switch_first

/*
 * What the object is marked with: IBT, and not SHSTK, since a shadow stack would have to be exchanged too.
 * The linker marks the whole with what all parts have, and the loader gives a process a shadow stack only
 * where all is marked for it.
 */
    .section .note.gnu.property, "a", @note
    .p2align 3
    .long   4             /* of the owner */
    .long   16            /* of the properties */
    .long   5             /* NT_GNU_PROPERTY_TYPE_0 */
    .asciz  "GNU"
    .long   0xc0000002    /* GNU_PROPERTY_X86_FEATURE_1_AND */
    .long   4
    .long   1             /* IBT */
    .long   0             /* to a multiple of 8 */

#endif

    .section .note.GNU-stack, "", %progbits
