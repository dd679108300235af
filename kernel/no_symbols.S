// The symbol table of the kernel that the real one is made from: empty.

.section .rodata.symbols, "a"
.balign 8
.global symbol_table
.global symbol_table_end
.global symbol_pairs
.global symbol_names
symbol_table:
symbol_table_end:
symbol_pairs:
symbol_names:
    .byte 0
