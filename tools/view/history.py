"""A recording as the lives of blocks, and the heap's figures over time.

A moment is the number of events that have happened. A block is live from the moment
`born` up to, not including, `died`; one that never dies does so behind the last.
"""

import bisect
import heapq
from dataclasses import dataclass
from itertools import accumulate

from failure import USAGE_STATUS, Failure

from .recording import Event, Figures, Recording

_MOST_FIGURES = 16_000


@dataclass(slots=True)
class Life:
    """A block while it lies at one place with one size."""

    id: int
    address: int
    size: int
    align: int
    born: int
    died: int
    tag: str | None
    by: str | None
    core: int | None
    resized: bool = False  # by a reallocation, and not by an allocation
    freed_by: str | None = None

    @property
    def end(self) -> int:
        return self.address + self.size


class History:
    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self.lives: list[Life] = []
        self.failures: list[int] = []  # the moments of what was refused
        self.unknown_frees = 0
        self.unseen_frees = 0
        self.moments = len(recording.events)
        self._live: dict[int, Life] = {}
        self._order: list[tuple[int, int]] = []  # of a session's live blocks, address and number
        for moment, event in enumerate(recording.events, 1):
            self._take(event, moment)
        self.requested = self._requested()
        self.peak_moment = max(range(self.moments + 1), key=self.requested.__getitem__)
        self.times = self._times()
        self.heap = self._heap()
        self.figures = recording.figures or self._figures()

    @property
    def peak(self) -> int:
        return self.requested[self.peak_moment]

    def live_at(self, moment: int) -> list[Life]:
        return [life for life in self.lives if life.born <= moment < life.died]

    def _take(self, event: Event, moment: int) -> None:
        if event.kind == "-":
            return
        if event.failed:
            self.failures.append(moment)
            return
        before = self._end(event.id, moment)
        if event.kind == "a":
            if before is not None:
                raise self._wrong(event, "allocates a block that is live")
            self._begin(event, moment, event.address or 0)
        elif before is None:
            self.unknown_frees += 1  # allocated before the recording began
            if event.kind == "r" and event.address is not None:
                self._begin(event, moment, event.address)
        else:
            before.freed_by = event.by
            if event.kind == "r":
                self._begin(event, moment, before.address if event.address is None
                            else event.address, before)

    def _begin(self, event: Event, moment: int, address: int, before: Life | None = None) -> None:
        life = Life(event.id, address, event.size, event.align, moment, self.moments + 1,
                    event.tag, event.by, event.core, event.kind == "r")
        if before is not None:
            life.align = before.align
            life.tag = life.tag or before.tag
            life.by = life.by or before.by
        if not self.recording.played:
            self._clear(life, moment)
        self._live[event.id] = life
        self.lives.append(life)

    def _end(self, number: int, moment: int) -> Life | None:
        life = self._live.pop(number, None)
        if life is not None:
            life.died = moment
            if not self.recording.played:
                del self._order[bisect.bisect_left(self._order, (life.address, number))]
        return life

    def _clear(self, life: Life, moment: int) -> None:
        """A device that was not recording for a while did not see every free: what lies
        where a new block comes to lie has been freed."""
        at = bisect.bisect_left(self._order, (life.address, -1))
        if at > 0 and self._live[self._order[at - 1][1]].end > life.address:
            at -= 1
        while at < len(self._order) and self._order[at][0] < life.end:
            self._end(self._order[at][1], moment)
            self.unseen_frees += 1
        self._order.insert(at, (life.address, life.id))

    def _wrong(self, event: Event, what: str) -> Failure:
        return Failure(f"{self.recording.name}: line {event.line} {what}", USAGE_STATUS)

    def _requested(self) -> list[int]:
        """The bytes that are live, as asked for, at each moment."""
        changes = [0] * (self.moments + 2)
        for life in self.lives:
            changes[life.born] += life.size
            changes[life.died] -= life.size
        return list(accumulate(changes[:-1]))

    def _times(self) -> list[int] | None:
        """Microseconds from the first event to each moment, if all are known. Cores
        may write events in another order than they happened in."""
        stamps = [event.us for event in self.recording.events]
        if any(stamp is None for stamp in stamps):
            return None
        rising = list(accumulate((stamp for stamp in stamps if stamp is not None), max))
        return [0, *(stamp - rising[0] for stamp in rising)]

    def _heap(self) -> tuple[int, int]:
        """What the recording says, widened to where blocks lie."""
        start, end = self.recording.heap
        lowest = min((life.address for life in self.lives), default=start)
        highest = max((life.end for life in self.lives), default=end)
        return (min(start, lowest), max(end, highest)) if end > start else (lowest, highest)

    def _figures(self) -> list[Figures]:
        """What is not in a live block counts as free."""
        interval = -(-self.moments // _MOST_FIGURES) or 1
        gaps = _Gaps(*self.heap)
        figures = [Figures(0, 0, gaps.free, gaps.largest())]
        changes: list[list[tuple[Life, bool]]] = [[] for _ in range(self.moments + 2)]
        for life in self.lives:
            changes[life.died].append((life, False))
            changes[life.born].append((life, True))
        for moment in range(1, self.moments + 1):
            for life, begins in sorted(changes[moment], key=lambda change: change[1]):
                gaps.take(life) if begins else gaps.give(life)
            if moment % interval == 0 or moment in (self.moments, self.peak_moment):
                figures.append(Figures(
                    moment, self.requested[moment], gaps.free, gaps.largest()))
        return figures


class _Gaps:
    """The free gaps between live blocks, with the largest at hand."""

    def __init__(self, start: int, end: int) -> None:
        self.free = end - start
        self._bounds = [(start, start), (end, end)]  # of blocks, the heap's edges among them
        self._by_size = [(start - end, start)]  # negated: a heap's first is its least
        self._gaps = {start: end - start}

    def take(self, life: Life) -> None:
        at = bisect.bisect_right(self._bounds, (life.address, life.end))
        before, behind = self._bounds[at - 1], self._bounds[at]
        self._bounds.insert(at, (life.address, life.end))
        self._set(before[1], life.address - before[1])
        self._set(life.end, behind[0] - life.end)
        self.free -= life.size

    def give(self, life: Life) -> None:
        at = bisect.bisect_left(self._bounds, (life.address, life.end))
        before, behind = self._bounds[at - 1], self._bounds[at + 1]
        del self._bounds[at]
        self._gaps.pop(life.end, None)
        self._set(before[1], behind[0] - before[1])
        self.free += life.size

    def largest(self) -> int:
        while self._by_size and self._gaps.get(self._by_size[0][1]) != -self._by_size[0][0]:
            heapq.heappop(self._by_size)
        return -self._by_size[0][0] if self._by_size else 0

    def _set(self, start: int, size: int) -> None:
        if size > 0:
            self._gaps[start] = size
            heapq.heappush(self._by_size, (-size, start))
        else:
            self._gaps.pop(start, None)
