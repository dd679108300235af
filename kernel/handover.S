// The last code of a kernel that makes room for another. Each core switches its MMU
// and caches off and goes on in a copy of this code, outside of what is overwritten:
// the others to a loop in the firmware's page that does what the firmware's stub did
// (raspberrypi/tools armstubs/armstub8.S), core 0 to the new kernel. From there on
// memory is Device memory: only aligned accesses, and none to a stack.

.equ go, 32                     // Of Handover (handover.cpp), which the page begins
.equ spin_code, 40              // with; at 0, a word for each core.
.equ spin_table, 48
.equ source, 56
.equ bytes, 72
.equ passed, 80
.equ head_bytes, 128

.section .text.handover, "ax"

// leave_kernel(page): on every core, interrupts masked. The order is that of a core
// that is switched off: no cacheable access any more, and only then the cleaning of
// its cache, which nothing fills again (Cortex-A53 TRM, DDI0500, 2.4.1; Arm ARM,
// DDI0487, D7.5.8 on maintenance by set and way).
.global leave_kernel
leave_kernel:
    mov     x19, x0
    mrs     x20, mpidr_el1
    and     x20, x20, #0xff     // The core.
    mov     x1, #0x0800
    movk    x1, #0x30d0, lsl #16 // SCTLR_EL1: reserved ones; MMU and caches off.
    dsb     sy
    msr     sctlr_el1, x1
    isb
    mov     x0, xzr
    bl      clean_level
    tlbi    vmalle1
    ic      iallu
    dsb     sy
    isb
    add     x1, x19, #head_bytes
    br      x1

.balign 8
.global handover_code
handover_code:
    cbz     x20, core_0
    mov     x1, #2
    str     x1, [x19, x20, lsl #3]
    dsb     sy
    sev
1:  ldr     x1, [x19, #go]
    cbnz    x1, 2f
    wfe
    b       1b
2:  ldr     x5, [x19, #spin_table]
    ldr     x1, [x19, #spin_code]
    isb
    br      x1

core_0:
    mov     x2, #1
1:  ldr     x1, [x19, x2, lsl #3]
    cbnz    x1, 2f
    wfe
    b       1b
2:  add     x2, x2, #1
    cmp     x2, #4
    b.lo    1b
    mov     x0, #1              // Last the second level, which all cores share: nobody
    bl      clean_level         // cleans anything into it any more.
    ldr     x5, [x19, #spin_table]
    ldr     x6, [x19, #spin_code]
    adr     x1, spin
    adr     x2, handover_code_end
3:  ldr     w3, [x1], #4
    str     w3, [x6], #4
    cmp     x1, x2
    b.lo    3b
    mov     x2, #1
4:  ldr     x1, [x19, x2, lsl #3]
    sub     x1, x1, #1          // 1 until the core is in the loop; 0 for one that is absent.
    str     x1, [x5, x2, lsl #3]
    add     x2, x2, #1
    cmp     x2, #4
    b.lo    4b
    mov     x1, #1
    dsb     sy
    str     x1, [x19, #go]
    dsb     sy
    sev
    mov     x2, #1
5:  ldr     x1, [x5, x2, lsl #3]
    cbz     x1, 6f
    wfe
    b       5b
6:  add     x2, x2, #1
    cmp     x2, #4
    b.lo    5b
    ldp     x1, x2, [x19, #source] // The destination lies below: forwards.
    ldr     x3, [x19, #bytes]
    mov     x4, x2
    add     x3, x2, x3
7:  ldp     x6, x7, [x1], #16
    stp     x6, x7, [x2], #16
    cmp     x2, x3
    b.lo    7b
    ldr     x0, [x19, #passed]
    mov     x1, xzr
    mov     x2, xzr
    mov     x3, xzr
    dsb     sy                  // What was written is code now (Arm ARM, B2.4.4).
    ic      iallu
    dsb     sy
    isb
    br      x4

// x0: the level, from 0 on. Writes all of one of this core's data caches to memory,
// or to the next level, line by line, and empties it.
clean_level:
    lsl     x0, x0, #1
    msr     csselr_el1, x0
    isb
    mrs     x1, ccsidr_el1
    and     x2, x1, #7
    add     x2, x2, #4          // Where the number of the set lies,
    ubfx    x3, x1, #13, #15    // the last one,
    ubfx    x1, x1, #3, #10     // and the last way,
    clz     w5, w1              // whose number lies at the top.
1:  mov     x6, x3
2:  lsl     x7, x6, x2
    lsl     x8, x1, x5
    orr     x7, x7, x8
    orr     x7, x7, x0
    dc      cisw, x7
    subs    x6, x6, #1
    b.hs    2b
    subs    x1, x1, #1
    b.hs    1b
    dsb     sy
    ret

// x5: the spin table. Runs where the stub was. Clearing its entry tells that the core
// is here; then it waits, as it did at first, for an address in it.
spin:
    mrs     x6, mpidr_el1
    and     x6, x6, #0xff
    str     xzr, [x5, x6, lsl #3]
    dsb     sy
    sev
1:  wfe
    ldr     x4, [x5, x6, lsl #3]
    cbz     x4, 1b
    mov     x0, xzr
    mov     x1, xzr
    mov     x2, xzr
    mov     x3, xzr
    br      x4
.global handover_code_end
handover_code_end:
    udf     #0                  // So that no function begins where this label is.
