// Where the firmware jumps to. Brings core 0 from whatever exception level it
// is at to EL1 with a stack and an empty .bss; the other cores wait.
// CPU state at entry: raspberrypi/tools armstubs/armstub8.S.

// The header of an arm64 kernel image (linux: Documentation/arm64/booting.rst).
// The firmware and QEMU read the text offset and load the image there.
.section .text.start, "ax"
.global _start
_start:
    b       entry
    .long   0
    .quad   __link_address      // Text offset, from the start of memory.
    .quad   __image_size        // With .bss and stack, so that nothing is put there.
    .quad   0x2                 // Little endian, 4 KiB pages.
    .quad   0, 0, 0
    .ascii  "ARM\x64"
    .long   0

entry:
    msr     daifset, #0xf
    mrs     x1, mpidr_el1
    tst     x1, #0xff
    b.ne    park
    mov     x20, x0             // What the firmware passed: a device tree or 0.
    mrs     x1, CurrentEL
    cmp     x1, #(3 << 2)
    b.eq    from_el3
    cmp     x1, #(2 << 2)
    b.eq    from_el2
    b       at_el1

park:
    wfe
    b       park

from_el3:
    mov     x1, #0x5b1          // SCR_EL3: EL2 is AArch64, non-secure, HVC on, SMC off.
    msr     scr_el3, x1
    msr     cptr_el3, xzr
    msr     mdcr_el3, xzr       // EL1 uses the performance monitors.
    mov     x1, #0x3c9          // EL2h, all interrupts masked.
    msr     spsr_el3, x1
    adr     x1, from_el2
    msr     elr_el3, x1
    eret

from_el2:
    mrs     x1, cnthctl_el2
    orr     x1, x1, #3          // EL1 reads the counter and sets the timer.
    msr     cnthctl_el2, x1
    msr     cntvoff_el2, xzr
    mrs     x1, midr_el1
    msr     vpidr_el2, x1
    mrs     x1, mpidr_el1
    msr     vmpidr_el2, x1
    mov     x1, #0x33ff         // CPTR_EL2: no traps; the rest is reserved as ones.
    msr     cptr_el2, x1
    msr     hstr_el2, xzr
    mrs     x1, pmcr_el0        // MDCR_EL2: EL1 uses the performance monitors, all of
    ubfx    x1, x1, #11, #5     // them; what it is after a reset is not said.
    msr     mdcr_el2, x1
    mov     x1, #(1 << 31)      // HCR_EL2: EL1 is AArch64.
    msr     hcr_el2, x1
    ldr     x1, =0x30d00800     // SCTLR_EL1: reserved ones; MMU and caches off.
    msr     sctlr_el1, x1
    mov     x1, #0x3c5          // EL1h, all interrupts masked.
    msr     spsr_el2, x1
    adr     x1, at_el1
    msr     elr_el2, x1
    eret

at_el1:
    mov     x1, #(3 << 20)      // CPACR_EL1: floating point is not trapped. The kernel
    msr     cpacr_el1, x1       // uses none, but a debugger's or a test's code may.
    isb
    adr     x0, _start
    ldr     x1, =__link_address
    cmp     x0, x1
    b.ne    misplaced
    mov     x0, xzr             // Core 0.
    bl      set_stacks
    adrp    x1, exception_vectors
    add     x1, x1, :lo12:exception_vectors
    msr     vbar_el1, x1
    isb
    adrp    x1, __bss_start
    add     x1, x1, :lo12:__bss_start
    adrp    x2, __bss_end
    add     x2, x2, :lo12:__bss_end
1:  cmp     x1, x2              // Both are multiples of 16.
    b.hs    2f
    stp     xzr, xzr, [x1], #16
    b       1b
2:  mov     x29, xzr            // The end of every backtrace.
    mov     x30, xzr
    mov     x0, x20
    bl      kernel_start
    b       park

// x0: the core. Its exceptions are handled on a stack of their own (SP_EL1), all
// else runs on the other one (SP_EL0).
set_stacks:
    adrp    x1, __stacks_start
    add     x1, x1, :lo12:__stacks_start
    ldr     x2, =__core_stack_stride
    madd    x1, x0, x2, x1
    add     x3, x1, x2          // The end of the core's part.
    msr     spsel, #1
    mov     sp, x3
    msr     spsel, #0
    ldr     x2, =__stack_top_offset
    add     x1, x1, x2
    mov     sp, x1
    ret

// Nothing can be relied on but what is addressed relative to the code itself.
misplaced:
    mov     sp, x0              // What lies below the image is not in use.
    bl      report_misplaced
    b       park
