"""The memory of the program that is looked at. It is read, and never written to."""

import struct
from typing import Callable

_PAGE = 4096
_PIECE = 64 * 1024
_MOST = (1 << 64) - 1


class Unreadable(Exception):
    """There is no memory at an address, or none that can be had now."""

    def __init__(self, address: int) -> None:
        super().__init__(f"the memory at {address:#x} cannot be read")
        self.address = address


class Memory:
    """What was read is kept, so that a debugger on a slow line is asked once: for the
    length of one command, in which the program does not run."""

    def __init__(self, read: Callable[[int, int], bytes]) -> None:
        """`read(address, size)` gives exactly so many bytes, or raises Unreadable."""
        self._read = read
        self._pages: dict[int, bytes] = {}

    def bytes(self, address: int, size: int) -> bytes:
        if address < 0 or address + size - 1 > _MOST:
            raise Unreadable(address & _MOST)
        if size > _PAGE:
            return b"".join(self._read(at, min(_PIECE, address + size - at))
                            for at in range(address, address + size, _PIECE))
        offset = address % _PAGE
        if offset + size > _PAGE:
            first = _PAGE - offset
            return self.bytes(address, first) + self.bytes(address + first, size - first)
        page = self._page(address - offset)
        return page[offset:offset + size] if page else self._read(address, size)

    def u64(self, address: int) -> int:
        return int.from_bytes(self.bytes(address, 8), "little")

    def u64s(self, address: int, count: int) -> tuple[int, ...]:
        return struct.unpack(f"<{count}Q", self.bytes(address, 8 * count))

    def u32s(self, address: int, count: int) -> tuple[int, ...]:
        return struct.unpack(f"<{count}I", self.bytes(address, 4 * count))

    def i8(self, address: int) -> int:
        return int.from_bytes(self.bytes(address, 1), "little", signed=True)

    def _page(self, start: int) -> bytes:
        """Empty where not all of it can be read."""
        if start not in self._pages:
            try:
                self._pages[start] = self._read(start, _PAGE)
            except Unreadable:
                self._pages[start] = b""
        return self._pages[start]
