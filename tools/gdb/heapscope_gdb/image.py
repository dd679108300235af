"""Whether memory holds the program that GDB has the symbols of: samples of what the ELF file
says of memory that a program does not write to.
"""

import struct
from pathlib import Path
from typing import Iterator

from .memory import Memory, Unreadable

_LOAD = 1
_WRITABLE = 2
_SAMPLES = 16
_SAMPLE_BYTES = 64


def is_loaded(path: Path, memory: Memory) -> bool:
    """Of a little-endian ELF file of 64 bits; also true where nothing can be said."""
    try:
        pieces = list(_samples(path.read_bytes()))
    except (OSError, struct.error):
        return True
    try:
        return all(memory.bytes(address, len(piece)) == piece for address, piece in pieces)
    except Unreadable:
        return False


def _samples(elf: bytes) -> Iterator[tuple[int, bytes]]:
    """Addresses, and what lies there."""
    headers, = struct.unpack_from("<Q", elf, 32)
    size, count = struct.unpack_from("<HH", elf, 54)
    for at in range(headers, headers + count * size, size):
        kind, flags, offset, address, _, length = struct.unpack_from("<IIQQQQ", elf, at)
        if kind != _LOAD or flags & _WRITABLE:
            continue
        for sample in range(_SAMPLES):
            place = length * sample // _SAMPLES
            piece = elf[offset + place:offset + min(place + _SAMPLE_BYTES, length)]
            yield address + place, piece
