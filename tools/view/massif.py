"""A history in the form of valgrind's massif, for ms_print and massif-visualizer.

Time is counted in events. What was asked for is the useful heap; what the allocator
gave beyond it is the extra heap. A snapshot in detail says by whom, or for what tag,
or in blocks of what size.
"""

import bisect
from collections import Counter

from .history import History, Life

_SNAPSHOTS = 100
_DETAILED_EVERY = 10
# Less than this share of the heap is put together, as massif does it.
_THRESHOLD = 0.01


def make_massif(history: History, title: str) -> str:
    lines = ["desc: heapscope view; time is counted in events", f"cmd: {title}", "time_unit: i"]
    for number, moment in enumerate(_moments(history)):
        lines += ["#-----------", f"snapshot={number}", "#-----------", f"time={moment}",
                  f"mem_heap_B={history.requested[moment]}",
                  f"mem_heap_extra_B={_extra(history, moment)}", "mem_stacks_B=0"]
        peak = moment == history.peak_moment
        if peak or number % _DETAILED_EVERY == _DETAILED_EVERY - 1:
            lines.append(f"heap_tree={'peak' if peak else 'detailed'}")
            lines += _tree(history, moment)
        else:
            lines.append("heap_tree=empty")
    return "\n".join(lines) + "\n"


def _moments(history: History) -> list[int]:
    steps = min(_SNAPSHOTS, history.moments)
    evenly = {history.moments * step // max(steps, 1) for step in range(steps + 1)}
    return sorted(evenly | {history.peak_moment})


def _extra(history: History, moment: int) -> int:
    """From the figures next before the moment."""
    at = bisect.bisect_right(history.figures, moment, key=lambda figures: figures.moment) - 1
    figures = history.figures[max(at, 0)]
    return max(0, figures.used - history.requested[figures.moment])


def _tree(history: History, moment: int) -> list[str]:
    total = history.requested[moment]
    costs: Counter[str] = Counter()
    for life in history.live_at(moment):
        costs[_cause(life)] += life.size
    named = [(cause, cost) for cause, cost in costs.most_common() if cost >= total * _THRESHOLD]
    rest = len(costs) - len(named)
    lines = [f"n{len(named) + (rest > 0)}: {total} (heap allocation functions)"]
    lines += [f" n0: {cost} {cause}" for cause, cost in named]
    if rest > 0:
        below = total - sum(cost for _, cost in named)
        lines.append(f" n0: {below} in {rest} places, all below massif's threshold (1.00%)")
    return lines


def _cause(life: Life) -> str:
    """In massif's form, an address and a function; which address is not known."""
    if life.by is not None:
        return f"0x0: {life.by}" + (f" (tag {life.tag})" if life.tag else "")
    if life.tag is not None:
        return f"0x0: tag {life.tag}"
    return f"0x0: blocks of {_size_class(life.size)} bytes"


def _size_class(size: int) -> str:
    bits = max(size - 1, 0).bit_length()
    return f"{(1 << bits >> 1) + 1} to {1 << bits}" if bits else "1"
