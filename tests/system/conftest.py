"""Fixtures that boot the kernel in QEMU, and the serial line in failure reports.

HEAPSCOPE_KERNEL names the image; without it, the one that the pi3 preset built.
With --long, tests that choose from many cases take all of them.
With HEAPSCOPE_ON_NEWER_QEMU, the tests run on the second QEMU or are all skipped.
"""

import os
import sys
from pathlib import Path
from typing import Any, Iterator

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "tools"))

from harness import KERNEL, Machines, Shell  # noqa: E402 (the path comes first)

import newer_qemu  # noqa: E402

_machines: list[Machines] = []


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="take all cases, not some of them")


def pytest_sessionstart(session: pytest.Session) -> None:
    if not KERNEL.is_file():
        pytest.exit(f"there is no kernel at {KERNEL}: build it with the pi3 preset", 1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if "HEAPSCOPE_ON_NEWER_QEMU" not in os.environ:
        return
    program, reason = newer_qemu.find()
    if program is not None:
        os.environ["HEAPSCOPE_QEMU"] = program
        return
    for item in items:
        item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="module")
def machines() -> Iterator[Machines]:
    """The machines that the module's tests share."""
    yield from _open_machines()


@pytest.fixture
def own_machines() -> Iterator[Machines]:
    """Machines that are switched off at the end of the test."""
    yield from _open_machines()


@pytest.fixture
def shell(machines: Machines) -> Shell:
    """The module's machine, in plain mode, nothing allocated."""
    return machines.shared("", _clean)


@pytest.fixture
def json_shell(machines: Machines) -> Shell:
    """The same in json mode."""
    return machines.shared("shell.mode=json", _clean)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: Any) -> Iterator[None]:
    outcome: Any = yield
    report = outcome.get_result()
    if not report.failed:
        return
    for shell in (shell for machines in _machines for shell in machines.shells):
        text = bytes(shell.transcript).decode("latin-1").replace("\r\n", "\n")
        report.sections.append((f"serial line of {shell.hardware}", text))


def _open_machines() -> Iterator[Machines]:
    machines = Machines()
    _machines.append(machines)
    yield machines
    machines.close()
    _machines.remove(machines)


def _clean(shell: Shell) -> None:
    shell.run("free all")
