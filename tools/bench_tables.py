"""The benchmarks' numbers as tables of at most 80 columns."""

import math
from collections.abc import Iterable

Numbers = dict[str, dict[str, dict[str, int]]]
Times = dict[str, dict[str, float]]

_KINDS = ("allocate", "free", "pair")
_REFERENCES = ("glibc", "jemalloc", "mimalloc")
_OURS = ("bin", "bin+mutex")


def tables(numbers: Numbers, times: Times) -> str:
    parts = [_instructions(numbers), _memory(numbers)]
    if times:
        parts.append(_times(times))
    return "\n\n".join("\n".join(part) for part in parts)


def _instructions(numbers: Numbers) -> list[str]:
    lines = ["Instructions of a call on the Pi, call and return included; a pair is what one",
             "block cost. The last group: the mean of the means, and the worst of all."]
    lines.append(f"{'':12}" + "".join(f"{kind:>14}{'':8}" for kind in _KINDS).rstrip())
    lines.append(f"{'':12}" + f"{'mean':>6}{'p50':>5}{'p99':>5}{'worst':>6}" * len(_KINDS))
    for name, allocators in numbers.items():
        lines.append(name)
        lines += [f"  {allocator:10}" + "".join(_cells(values, kind) for kind in _KINDS)
                  for allocator, values in allocators.items() if "pair_calls" in values]
    lines.append("all")
    for allocator in _allocators(numbers):
        rows = [each[allocator] for each in numbers.values() if allocator in each]
        lines.append(f"  {allocator:10}" + "".join(
            f"{_short(_mean(row[f'{kind}_mean_milli'] / 1000 for row in rows)):>6}{'':10}"
            f"{max((row.get(f'{kind}_worst', 0) for row in rows)) or '-':>6}" for kind in _KINDS))
    return lines


def _cells(values: dict[str, int], kind: str) -> str:
    if values[f"{kind}_calls"] == 0:
        return f"{'-':>6}{'-':>5}{'-':>5}{'-':>6}"
    return (f"{_short(values[f'{kind}_mean_milli'] / 1000):>6}{values[f'{kind}_p50']:>5}"
            f"{values[f'{kind}_p99']:>5}{values.get(f'{kind}_worst', '-'):>6}")


def _short(value: float) -> str:
    return f"{value:.1f}" if value < 999.95 else f"{value:.0f}"


def _memory(numbers: Numbers) -> list[str]:
    allocators = [name for name in _allocators(numbers) if "+" not in name]
    lines = ["Utilisation in percent: the most live bytes, of the smallest heap in which the",
             "workload completes, the allocator's records included."]
    lines.append(f"{'':14}{'operations':>10}{'live bytes':>12}"
                 + "".join(f"{name:>11}" for name in allocators))
    columns: dict[str, list[float]] = {name: [] for name in allocators}
    for name, rows in numbers.items():
        row = next(iter(rows.values()))
        line = f"{name:14}{row['operations']:>10}{row['peak_live_bytes']:>12}"
        for allocator in allocators:
            heap = rows.get(allocator, {}).get("smallest_heap")
            if heap is None:
                line += f"{'-':>11}"
                continue
            columns[allocator].append(100 * row["peak_live_bytes"] / heap)
            line += f"{columns[allocator][-1]:>11.1f}"
        lines.append(line)
    for label, fold in (("mean", _mean), ("worst", min)):
        lines.append(f"{label:36}" + "".join(
            f"{fold(column):>11.1f}" if column else f"{'-':>11}" for column in columns.values()))
    return lines


def _times(times: Times) -> list[str]:
    lines = ["Nanoseconds of an operation on this machine, and that over the time of glibc,",
             "jemalloc and mimalloc. The last row is the geometric mean."]
    lines.append(f"{'':14}" + "".join(f"{ours:>32}" for ours in _OURS))
    lines.append(f"{'':14}" + f"{'ns':>7}{'glibc':>7}{'jemalloc':>9}{'mimalloc':>9}" * len(_OURS))
    ratios: dict[tuple[str, str], list[float]] = {}
    for name, row in times.items():
        line = f"{name:14}"
        for ours in _OURS:
            line += f"{row[ours]:>7.1f}"
            for reference in _REFERENCES:
                ratio = row[ours] / row[reference]
                ratios.setdefault((ours, reference), []).append(ratio)
                line += f"{ratio:>{7 if reference == 'glibc' else 9}.2f}"
        lines.append(line)
    line = f"{'mean':14}"
    for ours in _OURS:
        line += f"{'':7}" + "".join(
            f"{_geometric_mean(ratios[ours, reference]):>{7 if reference == 'glibc' else 9}.2f}"
            for reference in _REFERENCES)
    return lines + [line]


def _allocators(numbers: Numbers) -> list[str]:
    """In the order in which they come first."""
    return list(dict.fromkeys(name for each in numbers.values() for name in each))


def _mean(values: Iterable[float]) -> float:
    items = list(values)
    return sum(items) / len(items)


def _geometric_mean(values: list[float]) -> float:
    return math.exp(_mean(math.log(value) for value in values))
