"""`./heapscope record`: what a program allocates comes out as a trace, also with
threads, forks, several programs and an end by _exit; and the traces that are
shipped are sound.
"""

import lzma
import re
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from command import assert_one_line, heapscope
from harness import HEAPSCOPE

TRACES = HEAPSCOPE.parent / "tests" / "traces"

# Sizes that nothing else asks for. _exit: the log must not need a good end.
PROGRAM = r"""
#include <cstdlib>
#include <malloc.h>
#include <new>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

void work() {
  for (int i = 0; i < 2000; ++i) {
    void* volatile block = std::malloc(70'001);
    std::free(block);
  }
}

int main() {
  void* block = std::malloc(70'101);
  block = std::realloc(block, 70'102);
  std::free(block);
  block = std::calloc(7, 10'029);
  std::free(block);
  if (posix_memalign(&block, 4096, 70'104) != 0) return 1;
  std::free(block);
  block = std::aligned_alloc(64, 70'144);
  std::free(block);
  block = memalign(16, 70'105);
  std::free(block);
  delete[] new char[70'106];
  block = std::malloc(0);
  block = std::realloc(block, 70'107);
  block = std::realloc(block, 0);
  void* volatile none = std::malloc(SIZE_MAX / 2);
  std::free(none);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back(work);
  for (std::thread& each : threads) each.join();
  if (fork() == 0) {
    std::free(std::malloc(70'201));
    _exit(0);
  }
  wait(nullptr);
  std::free(std::malloc(70'108));
  _exit(3);
}
"""


def sound(lines: list[str]) -> list[str]:
    """The operations, after a check that blocks are allocated before they are used."""
    live: set[str] = set()
    operations = [line for line in lines if not line.startswith("#")]
    for line in operations:
        kind, number, *rest = line.split()
        assert (kind in "fr") == (number in live), line
        live.discard(number)
        if kind != "f":
            assert int(rest[0]) > 0
            live.add(number)
    return operations


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("program") / "known"
    subprocess.run(["g++", "-std=c++20", "-O0", "-fno-builtin", "-x", "c++", "-", "-o", str(path)],
                   input=PROGRAM, text=True, check=True)
    return path


def lines_of(path: Path) -> list[str]:
    text = lzma.open(path, "rt").read() if path.suffix == ".xz" else path.read_text()
    return text.splitlines()


def record(output: Path, *words: str) -> list[str]:
    """All lines of the trace of a program that ends with status 3."""
    result = heapscope("record", "-o", str(output), *words)
    assert result.returncode == 3
    assert_one_line(result.stderr)
    return lines_of(output)


def of_size(operations: list[str], pattern: str) -> list[str]:
    """What happens to blocks of a size that matches, without their numbers."""
    shown: list[str] = []
    followed: set[str] = set()
    for line in operations:
        kind, number, *rest = line.split()
        if rest and re.fullmatch(pattern, rest[0]):
            followed.add(number)
        if number in followed:
            shown.append(" ".join([kind, *rest]))
        if kind == "f":
            followed.discard(number)
    return shown


def test_every_call_is_recorded_in_order_and_with_its_alignment(
        program: Path, tmp_path: Path) -> None:
    lines = record(tmp_path / "out.trace", "--", str(program))
    assert lines[:2] == ["#!heapscope trace", f"# recorded from: {program}"]
    assert of_size(sound(lines), "70(1..|203)") == [
        "a 70101", "r 70102", "f",
        "a 70203", "f",
        "a 70104 4096", "f",
        "a 70144 64", "f",
        "a 70105", "f",
        "a 70106", "f",
        "r 70107", "f",
        "a 70108", "f",
    ]


def test_threads_lose_nothing(program: Path, tmp_path: Path) -> None:
    operations = sound(record(tmp_path / "out.trace", "--", str(program)))
    assert Counter(of_size(operations, "70001")) == {"a 70001": 8000, "f": 8000}


def test_a_child_has_a_log_of_its_own(program: Path, tmp_path: Path) -> None:
    operations = sound(record(tmp_path / "out.trace", "--", str(program)))
    assert of_size(operations, "70201") == []
    # Of the shell and its child, the one that is asked for.
    lines = record(tmp_path / "sh.trace", "--process", "known", "--", "sh", "-c", f"{program}; exit 3")
    assert lines[2] == "# its process: known"
    assert of_size(sound(lines), "70108") == ["a 70108", "f"]


def test_a_limit_cuts_and_xz_compresses(program: Path, tmp_path: Path) -> None:
    lines = record(tmp_path / "out.trace.xz", "--limit", "100", "--", str(program))
    assert len(sound(lines)) == 100
    assert lines[0] == "#!heapscope trace"


@pytest.mark.parametrize("words, what", [
    (["-o", "/tmp/x"], "PROGRAM"),
    (["-o", "/tmp/x", "--", "/no/such/program"], "/no/such/program"),
    (["-o", "/no/such/place/x", "--", "ls"], "/no/such/place/x"),
    (["-o", "/tmp/x", "--process", "nobody", "--", "ls"], "nobody"),
    (["-o", "/tmp/x", "--limit", "0", "--", "true"], "limit"),
    (["--", "true"], "-o"),
])
def test_what_cannot_be_done_is_one_line(words: list[str], what: str) -> None:
    result = heapscope("record", *words)
    assert result.returncode in (1, 2)
    assert_one_line(result.stderr)
    assert what in result.stderr


def shipped() -> list[Path]:
    return sorted(TRACES.glob("*.trace.xz"))


def test_at_least_eight_traces_are_shipped_and_small() -> None:
    assert len(shipped()) >= 8
    assert sum(path.stat().st_size for path in shipped()) < 4 << 20


@pytest.mark.parametrize("path", shipped(), ids=lambda path: path.name.split(".")[0])
def test_a_shipped_trace_is_what_the_readme_says(path: Path) -> None:
    operations = sound(lines_of(path))
    sizes: dict[str, int] = {}
    live = most = 0
    for line in operations:
        kind, number, *rest = line.split()
        live -= sizes.pop(number, 0)
        if kind != "f":
            sizes[number] = int(rest[0])
            live += sizes[number]
        most = max(most, live)
    blocks = 1 + max(int(line.split()[1]) for line in operations)
    row = next(line for line in (TRACES / "README.md").read_text().splitlines()
               if line.startswith(f"| {path.name.split('.')[0]} |"))
    figures = [int(cell) for cell in row.split("|")[3:6]]
    assert figures == [len(operations), blocks, most]
