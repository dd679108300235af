"""Run in GDB by test_gdb_damage.py: reading memory takes a second a time from now on."""

import time

import gdb
from heapscope_gdb import commands
from heapscope_gdb.memory import Memory

_usual = commands.open_memory


def slow_memory() -> Memory:
    memory = _usual()

    def read(address: int, size: int) -> bytes:
        gdb.write("reads slowly\n")
        gdb.flush()
        time.sleep(1)
        return memory.bytes(address, size)

    return Memory(read)


commands.open_memory = slow_memory
