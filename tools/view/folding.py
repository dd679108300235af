"""The address axis: long stretches in which no block ever lay are folded away.

A place is a position on that axis, in bytes from its start.
"""

import bisect
from dataclasses import dataclass

from .history import History

# All folds together take at most this share of the axis, and each at most that.
_SHARE_OF_FOLDS = 0.2
_SHARE_OF_ONE = 0.04


@dataclass(frozen=True)
class Stretch:
    """`size` bytes from `address` on, `length` of the axis from `place` on; the two
    are the same unless it is folded."""

    place: int
    length: int
    address: int
    size: int
    folded: bool


class Axis:
    def __init__(self, history: History) -> None:
        start, end = history.heap
        pieces = _pieces(start, end, _touched(history))
        folds = sum(folded for _, _, folded in pieces)
        shown = sum(size for _, size, folded in pieces if not folded)
        share = min(_SHARE_OF_ONE, _SHARE_OF_FOLDS / max(folds, 1))
        fold_length = max(1, int(shown * share / (1 - share * folds)))
        self.stretches: list[Stretch] = []
        place = 0
        for address, size, folded in pieces:
            length = fold_length if folded else size
            self.stretches.append(Stretch(place, length, address, size, folded))
            place += length
        self.length = max(place, 1)
        self._starts = [stretch.address for stretch in self.stretches]

    def place(self, address: int) -> int:
        """Of an address at which a block lay."""
        stretch = self.stretches[bisect.bisect_right(self._starts, address) - 1]
        return stretch.place + address - stretch.address


def _touched(history: History) -> list[tuple[int, int]]:
    """The stretches in which blocks lay, in order."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted({(life.address, life.end) for life in history.lives}):
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((start, end))
    return merged


def _pieces(start: int, end: int, touched: list[tuple[int, int]]) -> list[tuple[int, int, bool]]:
    """The heap as (address, size, folded); at least half of what is shown was touched."""
    edges = [(start, start), *touched, (end, end)]
    gaps = sorted(behind[0] - before[1] for before, behind in zip(edges, edges[1:]))
    room = sum(stop - begin for begin, stop in touched)
    longest = end - start
    for gap in gaps:
        room -= gap
        if room < 0:
            longest = gap - 1
            break
    pieces: list[tuple[int, int, bool]] = []
    begin = start
    for before, behind in zip(edges, edges[1:]):
        if behind[0] - before[1] > longest:
            if before[1] > begin:
                pieces.append((begin, before[1] - begin, False))
            pieces.append((before[1], behind[0] - before[1], True))
            begin = behind[0]
    if end > begin:
        pieces.append((begin, end - begin, False))
    return pieces
