"""A heap hardened to `full` (alloc/hardened_allocator.hpp, alloc/guarded_block.hpp): zones
around each block, and a quarantine of those that were freed.
"""

from dataclasses import dataclass, replace

from .heap import LIVE, USED, Bin, Damage, Extent, Reader, Stats, extents
from .memory import Memory

_MASK = (1 << 64) - 1
_MIX = 0xd6e8_feb8_6659_fd93
_ALIGN_SHIFT = 56
_LAST_BYTE_MARK = 0x81 << 56

# What a record stands for: the ASCII of a word, as guarded_block.cpp has it.
_FRONT_OF_LIVE = 0x6c69_7665_626c_6f63
_FRONT_OF_FREED = 0x6672_6565_6462_6c6b
_BEHIND = 0x6265_6869_6e64_6974


@dataclass(frozen=True)
class ZoneConstants:
    """Of GuardedBlock."""

    record_bytes: int
    max_size: int
    max_align: int
    most_filled: int
    freed_fill: int


@dataclass(frozen=True)
class Block:
    """What the caller has, and whether it was given back."""

    address: int
    size: int
    align: int
    freed: bool = False

    @property
    def end(self) -> int:
        return self.address + self.size


@dataclass
class FullHeap:
    memory: Memory
    constants: ZoneConstants
    inner: Reader
    quarantine: list[Block]
    requested: int
    allocations: int
    frees: int
    failures: int

    def __post_init__(self) -> None:
        self.start, self.end = self.inner.start, self.inner.end

    def extent_at(self, address: int) -> Extent:
        outer = self.inner.extent_at(address)
        if outer.state != LIVE:
            return outer
        block = self._block_in(outer)
        if block is None or block.freed:
            return Extent(outer.start, outer.size, USED)
        if address < block.address:
            return Extent(outer.start, block.address - outer.start, USED)
        return Extent(block.address, outer.end - block.address, LIVE)

    def stats(self) -> Stats:
        return replace(self.inner.stats(), requested_bytes=self.requested,
                       live_blocks=self.allocations - self.frees, allocations=self.allocations,
                       frees=self.frees, failures=self.failures)

    def bins(self) -> list[Bin]:
        return self.inner.bins()

    def check(self, address: int) -> int:
        """Slab by slab, where the allocator inside checks these as a whole."""
        behind = self.inner.check(address)
        while address < behind:
            outer = self.inner.extent_at(address)
            if outer.end <= address:
                raise Damage(address, "no extent of the heap holds this address")
            if outer.state == LIVE:
                self._check_block(outer)
            address = outer.end
        return address

    def check_figures(self) -> None:
        self.inner.check_figures()
        live = sum(extent.state == LIVE for extent in extents(self))
        if live != self.allocations - self.frees:
            raise Damage(self.start, f"{live} blocks are live, and "
                         f"{self.allocations - self.frees} were counted")

    # --- Blocks and their zones ---

    def _check_block(self, outer: Extent) -> None:
        block = self._block_in(outer)
        if block is None:
            raise Damage(outer.start, "a block lost its zones on both sides")
        if at := self._damage_before(block):
            raise self._blame_for_front(block, at)
        if at := self._damage_behind(block):
            raise self._blame_for_back(block, at)
        if at := self._damage_inside(block):
            raise Damage(at, f"a block was written after it was freed: {_named(block)}")

    def _blame_for_front(self, block: Block, at: int) -> Damage:
        """Its own block ran down, or the one before ran up."""
        before = self._neighbour_at(self._outer_start(block) - 1)
        past = self._damage_behind(before) if before else 0
        if before and past:
            return Damage(past, f"a block was written past its end: {_named(before)}, "
                          f"into {_named(block)}")
        return Damage(at, f"a block was written before its start: {_named(block)}")

    def _blame_for_back(self, block: Block, at: int) -> Damage:
        behind = self._neighbour_at(self._outer_end(block))
        if behind and not self._damage_before(behind):
            behind = None
        if behind and at != block.end:
            return Damage(at, f"a block was written before its start: {_named(behind)}, "
                          f"into {_named(block)}")
        into = f", into {_named(behind)}" if behind else ""
        return Damage(at, f"a block was written past its end: {_named(block)}{into}")

    def guarded_block(self, address: int) -> Block | None:
        """The block whose memory, zones and all, holds the address."""
        return self._neighbour_at(address)

    def _neighbour_at(self, address: int) -> Block | None:
        if not self.start <= address < self.end:
            return None
        extent = self.inner.extent_at(address)
        return self._block_in(extent) if extent.state == LIVE else None

    def _block_in(self, outer: Extent) -> Block | None:
        block = self._sealed_block_in(outer)
        # Found by the record behind, which does not say.
        if block and not block.freed and self._in_quarantine(block.address):
            return replace(block, freed=True)
        return block

    def _in_quarantine(self, address: int) -> bool:
        return any(self._outer_start(each) <= address < self._outer_end(each)
                   for each in self.quarantine)

    def _sealed_block_in(self, outer: Extent) -> Block | None:
        """By whichever record is intact."""
        record_bytes = self.constants.record_bytes
        front = record_bytes
        while front < outer.size:
            block = self._block_at(outer.start + front)
            if block and max(block.align, record_bytes) == front:
                return block
            front *= 2
        if outer.size < 2 * record_bytes:
            return None
        tail = outer.end - record_bytes
        layout = self._sealed_layout(tail, _BEHIND)
        if not layout:
            return None
        size, align = layout
        return Block(tail - self._tail_offset(size), size, align)

    def _block_at(self, address: int) -> Block | None:
        for role in (_FRONT_OF_LIVE, _FRONT_OF_FREED):
            layout = self._sealed_layout(address - self.constants.record_bytes, role)
            if layout:
                return Block(address, *layout, freed=role == _FRONT_OF_FREED)
        return None

    def _sealed_layout(self, place: int, role: int) -> tuple[int, int] | None:
        what = self.memory.u64(place) ^ _mix(place)
        size = what & (1 << _ALIGN_SHIFT) - 1
        align = 1 << (what >> _ALIGN_SHIFT) % 64
        if not 0 < size <= self.constants.max_size or align > self.constants.max_align:
            return None
        if self.memory.bytes(place, 16) != _record(place, size, align, role):
            return None
        return size, align

    def _outer_start(self, block: Block) -> int:
        return block.address - max(block.align, self.constants.record_bytes)

    def _outer_end(self, block: Block) -> int:
        return block.address + self._tail_offset(block.size) + self.constants.record_bytes

    def _tail_offset(self, size: int) -> int:
        record_bytes = self.constants.record_bytes
        return size // record_bytes * record_bytes + record_bytes

    def _damage_before(self, block: Block) -> int:
        """The first overwritten byte of the zone in front; 0 where there is none."""
        place = block.address - self.constants.record_bytes
        role = _FRONT_OF_FREED if block.freed else _FRONT_OF_LIVE
        return self._first_difference(place, _record(place, block.size, block.align, role))

    def _damage_behind(self, block: Block) -> int:
        tail = block.address + self._tail_offset(block.size)
        expected = _record(tail, block.size, block.align, _BEHIND)
        gap = expected[-1:] * (tail - block.end)
        return self._first_difference(block.end, gap + expected)

    def _damage_inside(self, block: Block) -> int:
        if not block.freed:
            return 0
        filled = min(block.size, self.constants.most_filled)
        return self._first_difference(block.address, bytes([self.constants.freed_fill]) * filled)

    def _first_difference(self, place: int, expected: bytes) -> int:
        found = self.memory.bytes(place, len(expected))
        if found == expected:
            return 0
        return place + next(i for i, byte in enumerate(found) if byte != expected[i])


def _named(block: Block) -> str:
    return f"{block.address:#x} ({block.size} bytes)"


def _mix(value: int) -> int:
    for _ in range(2):
        value = (value ^ value >> 32) * _MIX & _MASK
    return value ^ value >> 32


def _record(place: int, size: int, align: int, role: int) -> bytes:
    what = (size | (align.bit_length() - 1) << _ALIGN_SHIFT) ^ _mix(place)
    seal = _mix(what + role + place & _MASK) | _LAST_BYTE_MARK
    return what.to_bytes(8, "little") + seal.to_bytes(8, "little")
