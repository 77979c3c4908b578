/*
 * switch_aarch64.S — switch.h for the AAPCS64.
 *
 * What lies on a stack that was left, from its stack pointer upwards:
 *     0 x29   8 x30   16 x19 to x28   96 d8 to d15   160 FPCR   168 nothing
 *
 * BTI and PAC: every entry begins with paciasp, which is a landing pad too, and signs the return address
 * by the stack pointer as it is there; autiasp meets the same one, that of the stack gone to. Where the
 * processor has neither, both are nothing (hints).
 */
#ifdef __aarch64__

#define WR_FRAME_BYTES 176

.macro WR_BEGIN name
    .globl  \name
    .hidden \name
    .type   \name, %function
    .p2align 4
\name:
    .cfi_startproc
    hint    #25 /* paciasp */
    .cfi_negate_ra_state
.endm

.macro WR_END name
    .cfi_endproc
    .size   \name, . - \name
.endm

.macro WR_SAVE_PAIR a, b, at
    stp     \a, \b, [sp, #\at]
    .cfi_rel_offset \a, \at
    .cfi_rel_offset \b, \at + 8
.endm

/* FPCR is left in x9. */
.macro WR_SAVE
    sub     sp, sp, #WR_FRAME_BYTES
    .cfi_adjust_cfa_offset WR_FRAME_BYTES
    WR_SAVE_PAIR x29, x30, 0
    WR_SAVE_PAIR x19, x20, 16
    WR_SAVE_PAIR x21, x22, 32
    WR_SAVE_PAIR x23, x24, 48
    WR_SAVE_PAIR x25, x26, 64
    WR_SAVE_PAIR x27, x28, 80
    WR_SAVE_PAIR d8, d9, 96
    WR_SAVE_PAIR d10, d11, 112
    WR_SAVE_PAIR d12, d13, 128
    WR_SAVE_PAIR d14, d15, 144
    mrs     x9, fpcr
    str     x9, [sp, #160]
    mov     x10, sp
    str     x10, [x0]
.endm

.macro WR_RESTORE_PAIR a, b, at
    ldp     \a, \b, [sp, #\at]
    .cfi_restore \a
    .cfi_restore \b
.endm

.macro WR_RESTORE_AND_RETURN
    WR_RESTORE_PAIR d14, d15, 144
    WR_RESTORE_PAIR d12, d13, 128
    WR_RESTORE_PAIR d10, d11, 112
    WR_RESTORE_PAIR d8, d9, 96
    WR_RESTORE_PAIR x27, x28, 80
    WR_RESTORE_PAIR x25, x26, 64
    WR_RESTORE_PAIR x23, x24, 48
    WR_RESTORE_PAIR x21, x22, 32
    WR_RESTORE_PAIR x19, x20, 16
    WR_RESTORE_PAIR x29, x30, 0
    add     sp, sp, #WR_FRAME_BYTES
    .cfi_adjust_cfa_offset -WR_FRAME_BYTES
    hint    #29 /* autiasp */
    .cfi_negate_ra_state
    ret
.endm

    .text

/* void wr_switch(void **left: x0, void *to: x1) */
WR_BEGIN wr_switch
    WR_SAVE
    mov     sp, x1
    ldr     x10, [sp, #160]
    cmp     x9, x10
    b.eq    1f /* the usual case; writing it is slow */
    msr     fpcr, x10
1:
    WR_RESTORE_AND_RETURN
WR_END wr_switch

/* void wr_switch_anew(void **left: x0, void *to: x1) */
WR_BEGIN wr_switch_anew
    WR_SAVE
    mov     sp, x1
    WR_RESTORE_AND_RETURN
WR_END wr_switch_anew

/* void wr_switch_first(void **left: x0, void *top: x1, void (*run)(void *): x2, void *arg: x3) */
WR_BEGIN wr_switch_first
    WR_SAVE
    mov     sp, x1
    /* Who looks for a caller finds none: no return address (DWARF), no frame pointer. */
    .cfi_def_cfa sp, 0
    .cfi_undefined x30
    mov     x29, xzr
    mov     x30, xzr
    mov     x0, x3
    blr     x2
    brk     #1 /* it does not return */
WR_END wr_switch_first

/* What the object is marked with: BTI and PAC, and not GCS, since a shadow stack would have to be exchanged
 * too. The linker marks the whole with what all parts have. */
    .section .note.gnu.property, "a", %note
    .p2align 3
    .long   4             /* of the owner */
    .long   16            /* of the properties */
    .long   5             /* NT_GNU_PROPERTY_TYPE_0 */
    .asciz  "GNU"
    .long   0xc0000000    /* GNU_PROPERTY_AARCH64_FEATURE_1_AND */
    .long   4
    .long   3             /* BTI, PAC */
    .long   0             /* to a multiple of 8 */

#endif

    .section .note.GNU-stack, "", %progbits
