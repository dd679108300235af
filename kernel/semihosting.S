// The call to a debugger or QEMU. Where nobody listens, the instruction is
// undefined: the exception handler knows it by its label and goes on behind it.

.section .text.semihosting, "ax"
.global semihosting_call
.global semihosting_trap
semihosting_call:               // x0: operation, x1: its block of arguments.
semihosting_trap:
    hlt     #0xf000
    ret
