"""`heapscope bench`: what the allocators cost, for each workload.

Instructions of each call, counted on the Pi that QEMU is under -icount; the
smallest heap that the workload completes in; both the same on every run, kept in
tests/bench/baseline.json. And times on this machine, beside other allocators.
"""

import json
import lzma
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import bench_tables
from build import PROJECT_ROOT, build
from failure import MACHINE_STATUS, USAGE_STATUS, Failure
from qemu import Hardware, SocketMachine
from session import Session, SessionError

BASELINE = PROJECT_ROOT / "tests" / "bench" / "baseline.json"
TRACES = PROJECT_ROOT / "tests" / "traces"
KERNEL = PROJECT_ROOT / "build" / "pi3" / "kernel" / "bench8.img"
_PROGRAMS = PROJECT_ROOT / "build" / "bench" / "tests" / "bench"

# A number may be that much larger than the one that was kept.
TOLERANCE = 1.02

_SILENCE_SECONDS = 300.0
_WORSE_SHOWN = 20
_SECONDS_PER_TIMING = 0.2

Json = dict[str, Any]
Numbers = dict[str, dict[str, dict[str, int]]]  # by workload, allocator and what


def run_bench(names: list[str], json_file: Path | None, update: bool, check: bool) -> int:
    """`check` leaves the times out and fails where a number got worse."""
    build("pi3")
    build("bench", configure=not check)
    chosen = _choose(names)
    with tempfile.TemporaryDirectory(prefix="heapscope-") as directory:
        traces = {name: _unpack(name, Path(directory)) for name in chosen if _packed(name).exists()}
        words = [f"{name}={traces[name]}" if name in traces else name for name in chosen]
        numbers = _merged(_space(words), _instructions(chosen, traces))
        times = {} if check else _times(words)
    if json_file is not None:
        _write(json_file, json.dumps({"schema": 1, "numbers": numbers, "times": times}, indent=1))
    if not check:
        print(bench_tables.tables(numbers, times))
    if update:
        _keep(numbers)
        return 0
    worse = list(compare(numbers, _kept()))
    for line in worse[:_WORSE_SHOWN]:
        print(line)
    if len(worse) > _WORSE_SHOWN:
        print(f"and {len(worse) - _WORSE_SHOWN} more")
    return 1 if worse and check else 0


def compare(numbers: Numbers, kept: Numbers) -> Iterable[str]:
    """A line for every number that is worse than the one that was kept, and for
    everything that cannot be compared."""
    for name, allocators in numbers.items():
        for allocator, values in allocators.items():
            before = kept.get(name, {}).get(allocator)
            if before is None:
                yield f"{name}, {allocator}: nothing is kept to compare it with"
                continue
            for what, value in values.items():
                if what not in before:
                    yield f"{name}, {allocator}, {what}: nothing is kept to compare it with"
                elif _is_worse(what, value, before[what]):
                    yield f"{name}, {allocator}, {what}: {before[what]} was kept, now {value}"


# What is not better or worse but simply has to be the same.
_FIXED = ("operations", "peak_live_bytes", "allocate_calls", "free_calls", "pair_calls")


def _is_worse(what: str, value: int | None, before: int | None) -> bool:
    if what in _FIXED or value is None or before is None:
        return value != before
    return value > before * TOLERANCE


def _choose(names: list[str]) -> list[str]:
    known = [path.name.split(".")[0] for path in sorted(TRACES.glob("*.trace.xz"))] + _generators()
    for name in names:
        if name not in known:
            raise Failure(f"there is no workload {name}, only: {', '.join(known)}", USAGE_STATUS)
    return names or known


def _generators() -> list[str]:
    return _output([str(_PROGRAMS / "space")]).split()


def _packed(name: str) -> Path:
    return TRACES / f"{name}.trace.xz"


def _unpack(name: str, directory: Path) -> Path:
    path = directory / f"{name}.trace"
    path.write_bytes(lzma.decompress(_packed(name).read_bytes()))
    return path


def _say(text: str) -> None:
    print(f"heapscope: {text} ...", file=sys.stderr, flush=True)


def _output(command: list[str], environment: dict[str, str] | None = None) -> str:
    result = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                            env=os.environ | (environment or {}), check=False)
    if result.returncode != 0:
        raise Failure(f"{Path(command[0]).name} failed with status {result.returncode}")
    return result.stdout


def _space(words: list[str]) -> Numbers:
    numbers: Numbers = {}
    for word in words:
        name = word.split("=")[0]
        _say(f"{name}: looking for the smallest heaps")
        for line in _output([str(_PROGRAMS / "space"), word]).splitlines():
            found = json.loads(line)
            numbers.setdefault(name, {})[found["allocator"]] = {
                what: found[what] for what in ("operations", "peak_live_bytes", "smallest_heap")}
    return numbers


def _instructions(names: list[str], traces: dict[str, Path]) -> Numbers:
    """One machine for all generators, one for each trace, which is its initrd."""
    numbers: Numbers = {}
    generators = [name for name in names if name not in traces]
    if generators:
        numbers |= _measure(None, {name: name for name in generators})
    for name in names:
        if name in traces:
            numbers |= _measure(traces[name], {name: "initrd"})
    return numbers


def _measure(initrd: Path | None, workloads: dict[str, str]) -> Numbers:
    hardware = Hardware(kernel=KERNEL, command_line="heap.size=1M shell.mode=json", initrd=initrd,
                        counts_instructions=True)
    numbers: Numbers = {}
    with SocketMachine(hardware, ["-no-reboot"]) as machine:
        session = Session(machine.connect(), _SILENCE_SECONDS)
        try:
            session.wait_until_ready()
            for name, word in workloads.items():
                _say(f"{name}: counting instructions")
                reply = session.run(f"measure {word}", "m")
                numbers[name] = _counted(name, reply.lines, reply.status)
        except SessionError as error:
            raise Failure(f"the kernel did not answer: {error}", MACHINE_STATUS) from None
    return numbers


def _counted(name: str, lines: list[str], status: int) -> dict[str, dict[str, int]]:
    reply: Json = json.loads(lines[0])
    if status != 0:
        raise Failure(f"measure {name}: {reply.get('error', reply)}")
    counted = {}
    # Under the lock there is a path that depends on the time: its worst figure is
    # not the same on every run.
    for row in reply["result"]["allocators"]:
        if row["damaged"] or (row["failures"] and row["allocator"].split("+")[0] != "bump"):
            raise Failure(f"measure {name}: {row['allocator']} had {row['failures']} failures and "
                          f"{row['damaged']} damaged blocks")
        counted[row["allocator"]] = {
            what: value for what, value in row.items()
            if what not in ("allocator", "failures", "damaged")
            and not ("+" in row["allocator"] and what.endswith("_worst"))}
    return counted


def _merged(*parts: Numbers) -> Numbers:
    merged: Numbers = {}
    for part in parts:
        for name, allocators in part.items():
            for allocator, values in allocators.items():
                merged.setdefault(name, {}).setdefault(allocator, {}).update(values)
    return merged


def _times(words: list[str]) -> dict[str, dict[str, float]]:
    """Nanoseconds of an operation, by workload and allocator."""
    program = _PROGRAMS / "speed"
    if not program.exists():
        raise Failure("there is no Google Benchmark: install the Debian package libbenchmark-dev")
    times: dict[str, dict[str, float]] = {}
    for word in words:
        _say(f"{word.split('=')[0]}: timing")
        # jemalloc wants more static thread-local storage than a library that is
        # loaded late gets by default.
        report = json.loads(_output(
            [str(program), word, "--benchmark_format=json",
             f"--benchmark_min_time={_SECONDS_PER_TIMING}"],
            {"GLIBC_TUNABLES": "glibc.rtld.optional_static_tls=16384"}))
        for run in report["benchmarks"]:
            name, allocator = run["name"].split("/")
            times.setdefault(name, {})[allocator] = 1e9 / run["items_per_second"]
    return times


def _kept() -> Numbers:
    return json.loads(BASELINE.read_text())["numbers"] if BASELINE.exists() else {}


def _keep(numbers: Numbers) -> None:
    """Workloads that were not run keep what they had."""
    kept = _kept() | numbers
    ordered = {name: kept[name] for name in sorted(kept)}
    lines = []
    for name, allocators in ordered.items():
        rows = ",\n".join(f"   {json.dumps(allocator)}: {json.dumps(values)}"
                          for allocator, values in allocators.items())
        lines.append(f"  {json.dumps(name)}: {{\n{rows}\n  }}")
    _write(BASELINE, '{\n "schema": 1,\n "numbers": {\n' + ",\n".join(lines) + "\n }\n}\n")


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text)
    except OSError as error:
        raise Failure(f"{path}: {error.strerror}") from None
