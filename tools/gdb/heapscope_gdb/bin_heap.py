"""The bin allocator's heap (alloc/bin_allocator.hpp), with slabs or without.

The allocator keeps one empty slab back until it is settled, which its own functions for
looking at a heap do first. Here nothing can be written, so that this slab is shown as the
free run that it would become, merged with what is free beside it.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Iterator, NamedTuple

from .block_map import NO_GRANULE, BlockMap
from .heap import FREE, LIVE, METADATA, Bin, Damage, Extent, Stats, check_range, lost_range
from .memory import Memory

_NO_CLASS = -1
_NO_LINE = 0xffff_ffff


@dataclass(frozen=True)
class Constants:
    """Of FreeBins, Slabs and BasicBinAllocator."""

    granule_bytes: int
    exact_sizes: int
    first_wide: int
    wide_log2: int
    bins: int
    line_granules: int
    runs_looked_at: int


@dataclass
class SlabClass:
    """What is kept of a size of slots; of class 0, of all other blocks."""

    allocations: int
    frees: int
    slabs: int


class Run(NamedTuple):
    start: int
    end: int
    state: str
    slab: bool = False

    @property
    def size(self) -> int:
        return self.end - self.start


class Sizes(NamedTuple):
    """Of a list of free runs."""

    count: int
    granules: int


@dataclass
class BinHeap:
    memory: Memory
    constants: Constants
    start: int
    end: int
    base: int
    map: BlockMap
    classes: list[SlabClass]
    class_count: int
    line_classes: int  # the address of a byte a line; 0: no slabs
    spare: int
    victim: tuple[int, int]
    filled: list[int]  # words with a bit a list
    first: list[int]
    counts: list[int]
    wide_granules: list[int]
    headroom: int
    requested: int
    peak: int
    failures: int
    _walked: "_Walked" = field(init=False)

    def __post_init__(self) -> None:
        c = self.constants
        limit = self.base + self.map.granules * c.granule_bytes
        check_range(self.start, self.end, self.base, limit, c.granule_bytes)
        if self.map.granules == 0 or self.class_count >= len(self.classes):
            raise lost_range(self.start)
        self.limit = limit
        self._walked = _Walked()
        self._spare = self._spare_run()
        self._merged = self._merge_spare()

    def extent_at(self, address: int) -> Extent:
        if address < self.base:
            return Extent(self.start, self.base - self.start, METADATA)
        if address >= self.limit:
            return Extent(self.limit, self.end - self.limit, METADATA)
        run = self._run_of((address - self.base) // self.constants.granule_bytes)
        if self._merged and self._merged.start <= run.start < self._merged.end:
            run = self._merged
        return Extent(self._address(run.start), run.size * self.constants.granule_bytes, run.state)

    def stats(self) -> Stats:
        unit = self.constants.granule_bytes
        blocks = self.map.granules * unit
        used = self._used() * unit
        if not 0 <= used <= blocks:
            raise Damage(self.start, "the count of what is in blocks was overwritten")
        tails = 0
        largest = max([self._open().size, *self._sizes_of_largest()])
        for size in range(1, self.class_count + 1):
            tails += self._slabs(size) * (self.constants.line_granules % size) * unit
            if self._free_slots(size):
                largest = max(largest, size)
        allocations = sum(each.allocations for each in self.classes)
        frees = sum(each.frees for each in self.classes)
        requested = 0 if self.requested > (1 << 64) // 2 - 1 else min(self.requested, used)
        heap_bytes = self.end - self.start
        return Stats(
            start=self.start, end=self.end, heap_bytes=heap_bytes, used_bytes=used,
            requested_bytes=requested, free_bytes=blocks - used - tails,
            metadata_bytes=heap_bytes - blocks + tails, peak_used_bytes=self.peak * unit,
            largest_free_bytes=largest * unit, live_blocks=allocations - frees,
            allocations=allocations, frees=frees, failures=self.failures)

    def bins(self) -> list[Bin]:
        c = self.constants
        found = []
        lists = self._lists()
        open_run = self._open()
        for number in range(c.bins):
            if c.exact_sizes <= number < c.first_wide:
                continue  # for no size
            count, granules = lists[number]
            if 0 < number + 1 <= self.class_count:
                slots = self._free_slots(number + 1)
                count, granules = count + slots, granules + slots * (number + 1)
            if open_run.size and self._bin_of(open_run.size) == number:
                count, granules = count + 1, granules + open_run.size
            found.append(Bin(self._smallest_size(number) * c.granule_bytes, count,
                             granules * c.granule_bytes))
        return found

    # --- Checking ---

    def check(self, address: int) -> int:
        if address <= self.start:
            self._walked = _Walked()
        if not self.base <= address < self.limit:
            return self.extent_at(address).end
        granule = (address - self.base) // self.constants.granule_bytes
        if self._class_of(granule) != _NO_CLASS:
            return self._check_slab(granule // self.constants.line_granules)
        run = self._run_of(granule)
        self.map.check_word(run.start)
        if self.map.next_start(run.start) != run.end:
            raise Damage(self._address(run.start), "the map's note of where this ends is wrong")
        if run.state == LIVE:
            self._walked.used += run.size
            self._walked.live += 1
        elif run.start != self.victim[0]:
            self._check_free(run)
        return self._address(run.end)

    def check_figures(self) -> None:
        walked = self._walked
        self._check_lists()
        for size, each in enumerate(self.classes[1:], 1):
            if walked.slabs[size] != each.slabs:
                raise Damage(self.start, f"{walked.slabs[size]} slabs of {self._bytes(size)} bytes "
                             f"are there, and {each.slabs} were counted")
        if walked.used != self._used():
            raise Damage(self.start, f"{self._bytes(walked.used)} bytes are in blocks, and "
                         f"{self._bytes(self._used())} were counted")
        counted = sum(each.allocations - each.frees for each in self.classes)
        if walked.live != counted:
            raise Damage(self.start, f"{walked.live} blocks are live, and {counted} were counted")

    def _check_free(self, run: Run) -> None:
        """As BasicBinAllocator::check() and FreeBins::check() do."""
        start, end = run.start, run.end
        if end < self.map.granules and self.map.is_free(end) and not self._starts_in_slab(end):
            raise Damage(self._address(end), "no live block follows a free run")
        number = self._bin_of(run.size)
        self._walked.free.setdefault(number, {})[start] = run.size
        following, previous = self._links(start)
        if following != NO_GRANULE:
            if not self._leads_back(following, start, 1):
                raise Damage(self._address(start), "a free run's next link is wrong")
            if self._bin_of(self.map.end_of(following) - following) != number:
                raise Damage(self._address(start), "a free run's next link is wrong")
        if self.first[number] != start and not self._leads_back(previous, start, 0):
            raise Damage(self._address(start), "a free run's previous link is wrong")

    def _check_slab(self, line: int) -> int:
        c = self.constants
        size = self.memory.i8(self.line_classes + line)
        begin = self._address(line * c.line_granules)
        starts, free = self.map.word(line)
        slots = c.line_granules // size if size else 0
        if starts != sum(1 << slot * size for slot in range(slots)):
            raise Damage(begin, "the map does not show the slots of a slab")
        self.map.check_word(line * c.line_granules)
        live = (starts & ~free).bit_count()
        self._walked.slabs[size] += 1
        self._walked.used += live * size
        self._walked.live += live
        return begin + c.line_granules * c.granule_bytes

    def _check_lists(self) -> None:
        """That each list holds all free runs of its sizes, and nothing else."""
        for number in range(self.constants.bins):
            free = self._walked.free.get(number, {})
            if self.filled[number // 64] >> number % 64 & 1 != (self.first[number] != NO_GRANULE):
                raise Damage(self.start, "the note of which lists are empty is wrong")
            listed = []
            run = self.first[number]
            while run != NO_GRANULE and len(listed) <= len(free):
                if run not in free:
                    raise Damage(self._address(run), "a list holds what is no free run of its size")
                listed.append(run)
                run = self._links(run)[0]
            for missed in sorted(free.keys() - set(listed)):
                raise Damage(self._address(missed), "a free run is in no list")
            if len(listed) != len(free) or self.counts[number] != len(free):
                raise Damage(self.start, f"the list of free runs from "
                             f"{self._bytes(self._smallest_size(number))} bytes was miscounted")
            wide = number - self.constants.first_wide
            if wide >= 0 and self.wide_granules[wide] != sum(free.values()):
                raise Damage(self.start, f"the bytes of free runs from "
                             f"{self._bytes(self._smallest_size(number))} bytes were miscounted")

    # --- What is where ---

    def _address(self, granule: int) -> int:
        return self.map.address_of(granule)

    def _bytes(self, granules: int) -> int:
        return granules * self.constants.granule_bytes

    def _class_of(self, granule: int) -> int:
        """Of the line that holds it, also of the spare one."""
        if not self.line_classes:
            return _NO_CLASS
        line = granule // self.constants.line_granules
        size = self.memory.i8(self.line_classes + line)
        if size != _NO_CLASS and not 0 < size <= self.class_count:
            raise Damage(self._address(line * self.constants.line_granules),
                         "the class of a line was overwritten")
        return size

    def _starts_in_slab(self, granule: int) -> bool:
        return granule % self.constants.line_granules == 0 and self._class_of(granule) != _NO_CLASS

    def _run_of(self, granule: int) -> Run:
        """What holds a granule, before the spare line is merged; that is one free run."""
        if self._spare and self._spare.start <= granule < self._spare.end:
            return self._spare
        size = self._class_of(granule)
        if size != _NO_CLASS:
            return self._slot_of(granule, size)
        start = self.map.start_of(granule)
        end = self.victim[1] if start == self.victim[0] else self.map.end_of(start)
        if not start <= granule < end <= self.map.granules:
            raise Damage(self._address(granule), "the map does not tell where this ends")
        return Run(start, end, FREE if self.map.is_free(start) else LIVE)

    def _slot_of(self, granule: int, size: int) -> Run:
        line = granule - granule % self.constants.line_granules
        start = granule - granule % self.constants.line_granules % size
        end = min(start + size, line + self.constants.line_granules)
        if not self.map.starts_at(start):
            return Run(start, end, METADATA, slab=True)
        return Run(start, end, FREE if self.map.is_free(start) else LIVE, slab=True)

    def _spare_run(self) -> Run | None:
        """The line that is kept back, where it is still an empty slab."""
        if self.spare == _NO_LINE or not self.line_classes:
            return None
        lines = self.map.granules // self.constants.line_granules
        if self.spare >= lines or self._class_of(self.spare * self.constants.line_granules) < 0:
            raise Damage(self.start, "the allocator's note of its spare line was overwritten")
        starts, free = self.map.word(self.spare)
        if starts != free:
            return None
        start = self.spare * self.constants.line_granules
        return Run(start, start + self.constants.line_granules, FREE)

    def _neighbours(self) -> Iterator[Run]:
        """The free runs beside the spare line."""
        if not self._spare:
            return
        if self._spare.start > 0:
            yield self._run_of(self._spare.start - 1)
        if self._spare.end < self.map.granules:
            yield self._run_of(self._spare.end)

    def _merge_spare(self) -> Run | None:
        if not self._spare:
            return None
        taken = [each for each in self._neighbours() if each.state == FREE and not each.slab]
        self._taken = {each.start for each in taken}
        return Run(min([self._spare.start, *self._taken]),
                   max([self._spare.end, *(each.end for each in taken)]), FREE)

    def _open(self) -> Run:
        """The run that blocks are cut off, which is in no list; its size may be 0."""
        start, end = self.victim
        if start == end:
            return Run(0, 0, FREE)
        if not start < end <= self.map.granules:
            raise Damage(self.start, "the allocator's note of its open run was overwritten")
        if self._merged and self._merged.start <= start < self._merged.end:
            return self._merged
        return Run(start, end, FREE)

    # --- Lists ---

    def _bin_of(self, size: int) -> int:
        c = self.constants
        if size <= c.exact_sizes:
            return size - 1
        log2 = size.bit_length() - 1
        part = size >> log2 - c.wide_log2 & (1 << c.wide_log2) - 1
        return c.first_wide + ((log2 - 6) << c.wide_log2) + part

    def _smallest_size(self, number: int) -> int:
        c = self.constants
        if number < c.first_wide:
            return number + 1
        wide = number - c.first_wide
        part = wide & (1 << c.wide_log2) - 1
        return ((1 << c.wide_log2) + part) << (wide >> c.wide_log2) + 6 - c.wide_log2

    def _links(self, run: int) -> tuple[int, int]:
        following, previous = self.memory.u32s(self._address(run), 2)
        return following, previous

    def _leads_back(self, to: int, run: int, link: int) -> bool:
        return self.map.free_run_starts_at(to) and self._links(to)[link] == run

    def _settled_into_list(self) -> Run | None:
        """The merged run, where it is not the open one."""
        return self._merged if self._merged and self._open() != self._merged else None

    def _lists(self) -> list[Sizes]:
        """Every list's figures, once the spare line is merged."""
        c = self.constants
        lists = [Sizes(count, count * (number + 1) if number < c.first_wide else
                       self.wide_granules[number - c.first_wide])
                 for number, count in enumerate(self.counts)]

        def add(size: int, by: int) -> None:
            count, granules = lists[self._bin_of(size)]
            lists[self._bin_of(size)] = Sizes(count + by, granules + by * size)

        for each in self._neighbours():
            if each.state == FREE and not each.slab and each.start != self.victim[0]:
                add(each.size, -1)
        if merged := self._settled_into_list():
            add(merged.size, 1)
        return lists

    def _sizes_of_largest(self) -> list[int]:
        """Of the runs that stats() looks at: the first of the last list that has any."""
        gone = self._taken if self._merged else set()
        merged = self._settled_into_list()
        for number in reversed(range(self.constants.bins)):
            sizes = [merged.size] if merged and self._bin_of(merged.size) == number else []
            for run in self._listed(number):
                if len(sizes) == self.constants.runs_looked_at:
                    break
                if run not in gone:
                    sizes.append(self._run_of(run).size)
            if sizes:
                return sizes
        return []

    def _listed(self, number: int) -> Iterator[int]:
        """The runs of a list, as many as there can be."""
        run = self.first[number]
        before = None
        for _ in range(self.map.granules):
            if run == NO_GRANULE:
                return
            if not self.map.free_run_starts_at(run) or run == self.victim[0]:
                at = self.start if before is None else self._address(before)
                raise Damage(at, "the links of the free run were overwritten")
            yield run
            before, run = run, self._links(run)[0]

    # --- Figures ---

    def _used(self) -> int:
        return self.peak - self.headroom

    def _slabs(self, size: int) -> int:
        """Without the spare line."""
        spare = self._spare and self._class_of(self._spare.start) == size
        return self.classes[size].slabs - (1 if spare else 0)

    def _free_slots(self, size: int) -> int:
        each = self.classes[size]
        slots = self.constants.line_granules // size
        return self._slabs(size) * slots - (each.allocations - each.frees)


@dataclass
class _Walked:
    """What check() has come by since the heap's start."""

    used: int = 0
    live: int = 0
    slabs: Counter[int] = field(default_factory=Counter)
    free: dict[int, dict[int, int]] = field(default_factory=dict)  # sizes by start, by list
