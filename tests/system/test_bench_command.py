"""`./heapscope bench`: that worse numbers are noticed, that the tables fit, and
that the counting of instructions counts what it says.
"""

import json
from pathlib import Path
from typing import Any

import pytest

import bench
import bench_tables
from command import assert_one_line, heapscope
from failure import Failure
from harness import PROJECT_ROOT

KEPT = json.loads(bench.BASELINE.read_text())["numbers"]


def kept() -> bench.Numbers:
    return {"w": {"bin": {"operations": 100, "smallest_heap": 1000, "pair_mean_milli": 50_000}}}


@pytest.mark.parametrize("what, value, worse", [
    ("smallest_heap", 1000, False),
    ("smallest_heap", 1020, False),
    ("smallest_heap", 1021, True),
    ("smallest_heap", 500, False),
    ("smallest_heap", None, True),
    ("pair_mean_milli", 51_000, False),
    ("pair_mean_milli", 51_001, True),
    ("operations", 99, True),
    ("operations", 101, True),
])
def test_what_counts_as_worse(what: str, value: Any, worse: bool) -> None:
    numbers = kept()
    numbers["w"]["bin"][what] = value
    lines = list(bench.compare(numbers, kept()))
    assert len(lines) == (1 if worse else 0)
    assert all("w" in line and what in line and "bin" in line for line in lines)


def test_what_was_never_kept_is_said() -> None:
    assert len(list(bench.compare(kept(), {}))) == 1
    numbers = kept()
    numbers["w"]["bin"]["new"] = 1
    assert len(list(bench.compare(numbers, kept()))) == 1


def test_a_run_that_got_worse_fails(
        monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    baseline = tmp_path / "baseline.json"
    report = tmp_path / "report.json"
    monkeypatch.setattr(bench, "BASELINE", baseline)
    assert bench.run_bench(["lifo"], report, update=True, check=True) == 0
    numbers = json.loads(baseline.read_text())["numbers"]
    assert json.loads(report.read_text())["numbers"] == numbers

    assert bench.run_bench(["lifo"], report, update=False, check=True) == 0
    again = json.loads(report.read_text())["numbers"]
    assert unlocked(again) == unlocked(numbers), "it is not the same on every run"
    assert capsys.readouterr().out == ""

    numbers["lifo"]["bin"]["pair_mean_milli"] = numbers["lifo"]["bin"]["pair_mean_milli"] * 97 // 100
    numbers["lifo"]["bin"]["smallest_heap"] *= 2  # better now, which is no failure
    baseline.write_text(json.dumps({"numbers": numbers}))
    assert bench.run_bench(["lifo"], None, update=False, check=True) == 1
    output = capsys.readouterr().out
    assert output.startswith("lifo, bin, pair_mean_milli: ")
    assert output.count("\n") == 1


def unlocked(numbers: bench.Numbers) -> bench.Numbers:
    """Behind the lock, a few calls in thousands take a path that depends on time."""
    return {name: {allocator: values for allocator, values in allocators.items()
                   if "+" not in allocator} for name, allocators in numbers.items()}


def test_bump_takes_the_same_for_every_call() -> None:
    """What it does has no branch that a workload could take differently: so the
    counts have no noise in them."""
    for allocators in KEPT.values():
        bump = allocators["bump"]
        assert bump["allocate_p50"] == bump["allocate_p99"]
        assert bump["allocate_mean_milli"] == pytest.approx(1000 * bump["allocate_p50"], rel=0.001)
        assert 10 < bump["allocate_p50"] < 60
        assert bump["pair_p50"] == bump["allocate_p50"] + bump["free_p50"]


def test_every_workload_is_kept() -> None:
    traces = {path.name.split(".")[0] for path in bench.TRACES.glob("*.trace.xz")}
    assert len(traces) >= 6
    assert traces < set(KEPT)
    assert len(KEPT) == len(traces) + 8


def test_the_tables_fit_in_eighty_columns() -> None:
    row = {"glibc": 10.0, "jemalloc": 9.0, "mimalloc": 8.0, "bin": 1234.5, "bin+mutex": 2345.6}
    times = {name: row for name in KEPT}
    text = bench_tables.tables(KEPT, times)
    assert max(map(len, text.splitlines())) <= 80
    for name in KEPT:
        assert f"\n{name}" in text


def test_an_unknown_workload_is_one_line() -> None:
    result = heapscope("bench", "--check", "nosuch")
    assert result.returncode == 2
    assert "nosuch" in result.stderr
    assert_one_line(result.stderr.splitlines(keepends=True)[-1])


def test_a_failure_of_the_kernel_is_said() -> None:
    reply = json.dumps({"status": 1, "error": {"kind": "no-counter", "message": "no"}})
    with pytest.raises(Failure, match="no-counter"):
        bench._counted("w", [reply], 1)
