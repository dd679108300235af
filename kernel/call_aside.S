// A call that costs the code around it nothing where it is not made: that code keeps
// what it has in registers which every other call would lose.

.section .text.call_aside, "ax"

// Calls x10 with x9 in x0. Changes x9, x10 and x30 alone. The frame is one like any
// other, for those who look who called whom.
.global call_aside
.type call_aside, %function
call_aside:
    stp x29, x30, [sp, #-160]!
    mov x29, sp
    stp x0, x1, [sp, #16]
    stp x2, x3, [sp, #32]
    stp x4, x5, [sp, #48]
    stp x6, x7, [sp, #64]
    stp x8, x11, [sp, #80]
    stp x12, x13, [sp, #96]
    stp x14, x15, [sp, #112]
    stp x16, x17, [sp, #128]
    str x18, [sp, #144]
    mov x0, x9
    blr x10
    ldp x0, x1, [sp, #16]
    ldp x2, x3, [sp, #32]
    ldp x4, x5, [sp, #48]
    ldp x6, x7, [sp, #64]
    ldp x8, x11, [sp, #80]
    ldp x12, x13, [sp, #96]
    ldp x14, x15, [sp, #112]
    ldp x16, x17, [sp, #128]
    ldr x18, [sp, #144]
    ldp x29, x30, [sp], #160
    ret
.size call_aside, . - call_aside
