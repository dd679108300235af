"""What a reader of each allocator tells of its heap: alloc/inspection.hpp in Python.

Every reader shows a heap as the allocator's own functions show it once it is settled.
"""

from dataclasses import dataclass
from typing import Iterator, NamedTuple, Protocol

LIVE, FREE, USED, METADATA = "live", "free", "used", "metadata"


class Damage(Exception):
    """Something in the heap, or in what the allocator keeps about it, cannot be as it is."""

    def __init__(self, address: int, what: str) -> None:
        super().__init__(f"heap damaged at {address:#x}: {what}")
        self.address = address
        self.what = what


class Extent(NamedTuple):
    start: int
    size: int
    state: str

    @property
    def end(self) -> int:
        return self.start + self.size


class Bin(NamedTuple):
    """What is free in one size class."""

    size: int
    free_blocks: int
    free_bytes: int


@dataclass
class Stats:
    """In the order in which the shell shows them."""

    start: int
    end: int
    heap_bytes: int
    used_bytes: int
    requested_bytes: int
    free_bytes: int
    metadata_bytes: int
    peak_used_bytes: int
    largest_free_bytes: int
    live_blocks: int
    allocations: int
    frees: int
    failures: int

    def fields(self) -> Iterator[tuple[str, int]]:
        for name in self.__dataclass_fields__:
            yield name, getattr(self, name)
            if name == "largest_free_bytes":
                yield "fragmentation_permille", self.fragmentation_permille()

    def fragmentation_permille(self) -> int:
        return 1000 - 1000 * self.largest_free_bytes // self.free_bytes if self.free_bytes else 0


class Reader(Protocol):
    """One heap. Every call may raise Damage and Unreadable."""

    start: int
    end: int

    def extent_at(self, address: int) -> Extent:
        """The extent that holds an address of the heap."""

    def stats(self) -> Stats: ...

    def bins(self) -> list[Bin]:
        """The size classes, in order; those without free memory included."""

    def check(self, address: int) -> int:
        """Verifies the extent that holds the address, as the allocator's check() does,
        and its place in the allocator's records; where the next one begins."""

    def check_figures(self) -> None:
        """Verifies what only the whole heap shows, after check() of every extent."""


def extents(reader: Reader, start: int | None = None) -> Iterator[Extent]:
    """They tile the heap: what does not is damage, so that this comes to an end."""
    at = reader.start if start is None else start
    while at < reader.end:
        extent = reader.extent_at(at)
        if extent.start > at or extent.end <= at or extent.end > reader.end:
            raise Damage(at, "no extent of the heap holds this address")
        yield extent
        at = extent.end


def check_all(reader: Reader) -> None:
    """Damage where an extent, or the whole, is wrong."""
    at = reader.start
    while at < reader.end:
        behind = reader.check(at)
        if behind <= at or behind > reader.end:
            raise Damage(at, "no extent of the heap holds this address")
        at = behind
    reader.check_figures()


def check_range(start: int, end: int, base: int, limit: int, unit: int) -> None:
    """Of an allocator's own object, before anything is looked up with it."""
    if not start <= base <= limit <= end or base % unit or limit % unit:
        raise lost_range(start)


def lost_range(start: int) -> Damage:
    return Damage(start, "the allocator's record of where the heap lies was overwritten")
