"""./heapscope as a script would run it: no terminal, its output caught."""

import subprocess

from harness import HEAPSCOPE


def heapscope(*arguments: str, typed: str = "") -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [HEAPSCOPE, *arguments], input=typed, capture_output=True, text=True, timeout=120)


def assert_one_line(text: str) -> None:
    assert text.startswith("heapscope: ") and text.count("\n") == 1, text
