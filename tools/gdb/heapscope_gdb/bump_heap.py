"""The bump allocator's heap (alloc/bump_allocator.hpp)."""

from dataclasses import dataclass

from .heap import FREE, USED, Bin, Damage, Extent, Stats


@dataclass
class BumpHeap:
    start: int
    end: int
    last: int  # the last byte that is not free
    peak: int
    requested: int
    allocations: int
    frees: int
    failures: int

    @property
    def current(self) -> int:
        return (self.last + 1) & (1 << 64) - 1

    def extent_at(self, address: int) -> Extent:
        self.check(address)
        if address < self.current:
            return Extent(self.start, self.current - self.start, USED)
        return Extent(self.current, self.end - self.current, FREE)

    def stats(self) -> Stats:
        self.check(self.start)
        used = self.current - self.start
        return Stats(
            start=self.start, end=self.end, heap_bytes=self.end - self.start, used_bytes=used,
            requested_bytes=self.requested, free_bytes=self.end - self.current, metadata_bytes=0,
            peak_used_bytes=max(self.peak, used), largest_free_bytes=self.end - self.current,
            live_blocks=self.allocations - self.frees, allocations=self.allocations,
            frees=self.frees, failures=self.failures)

    def bins(self) -> list[Bin]:
        return []

    def check(self, address: int) -> int:
        if not self.start <= self.current <= self.end:
            raise Damage(self.current, "the bump pointer is outside the heap")
        return self.current if address < self.current else self.end

    def check_figures(self) -> None:
        if self.frees > self.allocations:
            raise Damage(self.start, "more blocks were freed than allocated")
