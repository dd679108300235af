// Saving the place to come back to, as setjmp does. The first argument of both is
// a RecoveryPoint (recovery.cpp). A call preserves d8 to d15 too, but whatever calls
// this is compiled without vector registers, and what is (kernel/floating_point)
// is left at the most, and calls nothing that comes here: nobody who goes on has
// anything in them.

.section .text.recovery, "ax"

// call_recoverably(point, work, argument): 1 when work returned by itself.
.global call_recoverably
call_recoverably:
    stp     x19, x20, [x0, #0]
    stp     x21, x22, [x0, #16]
    stp     x23, x24, [x0, #32]
    stp     x25, x26, [x0, #48]
    stp     x27, x28, [x0, #64]
    stp     x29, x30, [x0, #80]
    mov     x3, sp
    str     x3, [x0, #96]
    stp     x29, x30, [sp, #-16]!
    mov     x29, sp
    mov     x0, x2
    blr     x1
    ldp     x29, x30, [sp], #16
    mov     x0, #1
    ret

// What an exception returns to, and what gives up without one calls:
// call_recoverably returns 0, now.
.global resume_at
resume_at:
    ldp     x19, x20, [x0, #0]
    ldp     x21, x22, [x0, #16]
    ldp     x23, x24, [x0, #32]
    ldp     x25, x26, [x0, #48]
    ldp     x27, x28, [x0, #64]
    ldp     x29, x30, [x0, #80]
    ldr     x3, [x0, #96]
    mov     sp, x3
    mov     x0, xzr
    ret
