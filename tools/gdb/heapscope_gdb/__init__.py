"""heapscope in GDB: reads a heap out of a program that is halted, or that is dead.

The modules that know GDB are target, commands and printers; the others know only bytes
and numbers, and are tested without it.
"""
