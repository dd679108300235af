"""The first-fit allocator's heap (alloc/first_fit_allocator.hpp): a list of free runs in
order of address, and bits that say what begins where.
"""

from dataclasses import dataclass

from .heap import FREE, LIVE, METADATA, Bin, Damage, Extent, Stats, check_range, lost_range
from .memory import Memory

_BITS = 64


@dataclass
class Figures:
    """alloc/figures.hpp: as the allocator counts them."""

    used_bytes: int
    requested_bytes: int
    metadata_bytes: int
    peak_used_bytes: int
    allocations: int
    frees: int
    failures: int


@dataclass
class FirstFitHeap:
    memory: Memory
    start: int
    end: int
    base: int
    limit: int
    starts: int  # addresses of the three arrays of bits
    free: int
    filled: int
    first: int
    figures: Figures
    unit: int

    def __post_init__(self) -> None:
        check_range(self.start, self.end, self.base, self.limit, self.unit)
        if self.base == self.limit:
            raise lost_range(self.start)

    def extent_at(self, address: int) -> Extent:
        if address < self.base:
            return Extent(self.start, self.base - self.start, METADATA)
        if address >= self.limit:
            return Extent(self.limit, self.end - self.limit, METADATA)
        begin = self._start_of(address)
        return Extent(begin, self._next_start(begin) - begin,
                      FREE if self._starts_free(begin) else LIVE)

    def stats(self) -> Stats:
        largest = 0
        run = self.first
        while run:
            link, size = self._checked_node(run)
            largest = max(largest, size)
            run = link
        figures = self.figures
        heap_bytes = self.end - self.start
        return Stats(
            start=self.start, end=self.end, heap_bytes=heap_bytes, used_bytes=figures.used_bytes,
            requested_bytes=min(figures.requested_bytes, figures.used_bytes),
            free_bytes=heap_bytes - figures.metadata_bytes - figures.used_bytes,
            metadata_bytes=figures.metadata_bytes, peak_used_bytes=figures.peak_used_bytes,
            largest_free_bytes=largest, live_blocks=figures.allocations - figures.frees,
            allocations=figures.allocations, frees=figures.frees, failures=figures.failures)

    def bins(self) -> list[Bin]:
        return []

    def check(self, address: int) -> int:
        extent = self.extent_at(address)
        if extent.start < self.base and self.first != self._next_free(self.base):
            raise Damage(extent.start, "the list misses the first free run")
        if extent.state in (LIVE, FREE):
            self._check_bits(extent)
        if extent.state != FREE:
            return extent.end
        self._check_node(extent.start)
        link, size = self._node(extent.start)
        if size != extent.size:
            raise Damage(extent.start, "a block begins inside the free run")
        if link != self._next_free(extent.end):
            raise Damage(extent.start, "the list misses a free run")
        return extent.end

    def check_figures(self) -> None:
        used = live = 0
        at = self.base
        while at < self.limit:
            extent = self.extent_at(at)
            used += extent.size if extent.state == LIVE else 0
            live += extent.state == LIVE
            at = extent.end
        if used != self.figures.used_bytes:
            raise Damage(self.start, f"{used} bytes are in blocks, and {self.figures.used_bytes} "
                         "were counted")
        counted = self.figures.allocations - self.figures.frees
        if live != counted:
            raise Damage(self.start, f"{live} blocks are live, and {counted} were counted")

    def _check_bits(self, extent: Extent) -> None:
        """The summary and the free bits of the word in which it begins."""
        word = self._unit_of(extent.start) // _BITS
        starts = self._word(self.starts, word)
        if not starts or not self._get(self.filled, word):
            raise Damage(extent.start, "the map's summary misses where an extent begins")
        if self._word(self.free, word) & ~starts:
            raise Damage(extent.start, "the map marks as free what does not begin")

    def _unit_of(self, address: int) -> int:
        return (address - self.base) // self.unit

    def _word(self, array: int, index: int) -> int:
        return self.memory.u64(array + 8 * index)

    def _get(self, array: int, bit: int) -> bool:
        return self._word(array, bit // _BITS) >> bit % _BITS & 1 == 1

    def _starts(self, address: int) -> bool:
        return self._get(self.starts, self._unit_of(address))

    def _starts_free(self, address: int) -> bool:
        return self._get(self.free, self._unit_of(address))

    def _start_of(self, address: int) -> int:
        unit = self._unit_of(address)
        at = unit // _BITS
        word = self._word(self.starts, at) & (2 << unit % _BITS) - 1
        if word == 0 and at > 0:
            at = self._last_filled(at - 1)
            word = self._word(self.starts, at)
        return self.base if word == 0 else self._address(at, word.bit_length() - 1)

    def _next_start(self, address: int) -> int:
        unit = self._unit_of(address) + 1
        end = (self._unit_of(self.limit) + _BITS - 1) // _BITS
        at = unit // _BITS
        if at >= end:
            return self.limit
        word = self._word(self.starts, at) >> unit % _BITS << unit % _BITS
        if word == 0:
            at = self._first_filled(at + 1, end)
            word = self._word(self.starts, at) if at < end else 0
        return self.limit if word == 0 else self._address(at, (word & -word).bit_length() - 1)

    def _address(self, word: int, bit: int) -> int:
        return self.base + (word * _BITS + bit) * self.unit

    def _last_filled(self, word: int) -> int:
        """The last word up to it in which something begins; 0 where there is none."""
        at = word // _BITS
        bits = self._word(self.filled, at) & (2 << word % _BITS) - 1
        while bits == 0 and at > 0:
            at -= 1
            bits = self._word(self.filled, at)
        return at * _BITS + bits.bit_length() - 1 if bits else 0

    def _first_filled(self, word: int, end: int) -> int:
        """The first word from it on; `end` where there is none."""
        while word < end:
            bits = self._word(self.filled, word // _BITS) >> word % _BITS
            if bits:
                return word + (bits & -bits).bit_length() - 1
            word = (word // _BITS + 1) * _BITS
        return end

    def _next_free(self, address: int) -> int:
        while address < self.limit and not self._starts_free(address):
            address = self._next_start(address)
        return address if address < self.limit else 0

    def _node(self, run: int) -> tuple[int, int]:
        """The link of a free run, and its size."""
        link, size = self.memory.u64s(run, 2)
        return link, size

    def _checked_node(self, run: int) -> tuple[int, int]:
        if not self.base <= run < self.limit or run % self.unit:
            raise Damage(self.start, "the list misses the first free run")
        self._check_node(run)
        return self._node(run)

    def _check_node(self, run: int) -> None:
        link, size = self._node(run)
        end = run + size
        possible = size != 0 and size % self.unit == 0 and size <= self.limit - run
        if not possible or (end != self.limit and
                            (not self._starts(end) or self._starts_free(end))):
            raise Damage(run, "the size of the free run was overwritten")
        if link == 0:
            return
        possible = end < link < self.limit and link % self.unit == 0
        if not possible or not self._starts_free(link):
            raise Damage(run, "the link of the free run was overwritten")
