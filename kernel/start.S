// Where the firmware jumps to. Brings each core from whatever exception level it
// is at to EL1 with a stack: core 0 with an empty .bss, and the others, which wait
// until core 0 lets them go, with the MMU and the caches on.
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
    and     x19, x1, #0xff      // The core.
    mov     x20, x0             // What the firmware passed: a device tree or 0.
    cbz     x19, bring_down
    adrp    x20, core_release   // For the others, CoreRelease (cores.cpp) in its place.
    add     x20, x20, :lo12:core_release
1:  ldr     x1, [x20]           // Looked at first: the event may be over already.
    cbnz    x1, bring_down
    wfe
    b       1b

bring_down:
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
    mrs     x1, S3_1_C15_C2_1   // CPUECTLR_EL1.SMPEN, before any cache is switched on
    orr     x1, x1, #(1 << 6)   // (Cortex-A53 TRM, DDI0500, 4.3.60).
    msr     S3_1_C15_C2_1, x1
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
    mov     x1, #(3 << 20)      // CPACR_EL1: floating point is not trapped. Only hash
    msr     cpacr_el1, x1       // tables use it, and a debugger's or a test's code may.
    isb
    msr     fpcr, xzr           // It rounds to nearest and traps nothing.
    adr     x0, _start
    ldr     x1, =__link_address
    cmp     x0, x1
    b.ne    misplaced
    mov     x0, x19
    bl      set_stacks
    adrp    x1, exception_vectors
    add     x1, x1, :lo12:exception_vectors
    msr     vbar_el1, x1
    isb
    cbnz    x19, join
    adrp    x1, __bss_start
    add     x1, x1, :lo12:__bss_start
    adrp    x2, __bss_end
    add     x2, x2, :lo12:__bss_end
1:  cmp     x1, x2              // Both are multiples of 16.
    b.hs    2f
    stp     xzr, xzr, [x1], #16
    b       1b
2:  adrp    x29, last_frames
    add     x29, x29, :lo12:last_frames
    mov     x30, xzr
    mov     x0, x20
    bl      kernel_start
    b       park

// A core beside core 0, x20: its CoreRelease. Nothing is written before the caches
// are on: core 0 may have read ahead what lies there, and would keep it.
join:
    bl      invalidate_own_cache
    ic      iallu
    tlbi    vmalle1
    dsb     sy
    isb
    ldp     x1, x2, [x20]
    ldp     x3, x4, [x20, #16]
    msr     ttbr0_el1, x1
    msr     mair_el1, x2
    msr     tcr_el1, x3
    isb
    msr     sctlr_el1, x4
    isb
    adrp    x29, last_frames
    add     x29, x29, :lo12:last_frames
    mov     x30, xzr
    mov     x0, x19
    bl      core_start
    b       park

// The end of every chain of frame records: enough without a return address that
// call_path() (call_path.hpp) finds as many as it reads. The last leads to itself.
.pushsection .rodata.last_frames, "a"
.balign 16
last_frames:
    .quad   1f, 0
1:  .quad   2f, 0
2:  .quad   3f, 0
3:  .quad   4f, 0
4:  .quad   4b, 0
.popsection

// The first level of the data cache, which no other core has a part in.
invalidate_own_cache:
    msr     csselr_el1, xzr
    isb
    mrs     x1, ccsidr_el1
    and     x2, x1, #7
    add     x2, x2, #4          // Where the number of the set lies,
    ubfx    x3, x1, #13, #15    // the last one,
    ubfx    x4, x1, #3, #10     // and the last way,
    clz     w5, w4              // whose number lies at the top.
1:  mov     x6, x3
2:  lsl     x7, x6, x2
    lsl     x8, x4, x5
    orr     x7, x7, x8
    dc      isw, x7
    subs    x6, x6, #1
    b.hs    2b
    subs    x4, x4, #1
    b.hs    1b
    dsb     sy
    ret

// x0: the core. Its exceptions are handled on a stack of their own (SP_EL1), all
// else runs on the other one (SP_EL0). TPIDR_EL1 holds the end of a third, for
// when neither can be trusted (vectors.S).
set_stacks:
    adrp    x1, __stacks_start
    add     x1, x1, :lo12:__stacks_start
    ldr     x2, =__core_stack_stride
    madd    x1, x0, x2, x1
    add     x3, x1, x2          // The end of the core's part.
    msr     tpidr_el1, x3
    ldr     x2, =__exception_stack_top_offset
    add     x3, x1, x2
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
