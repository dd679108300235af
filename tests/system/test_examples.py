"""Every example of every command, as `help NAME` shows it, is run on the booted kernel
and succeeds. The examples come from the kernel, so that those of a new command are
run as well.
"""

from pathlib import Path

import pytest

from commands import ENDING, PREPARATION, examples_of, names_of_commands, needs_blocks, page_of, \
    write_trace
from harness import Json, Machines, Shell
from session import PROMPT


@pytest.fixture(scope="module")
def pages(machines: Machines) -> dict[str, Json]:
    shell = machines.boot("shell.mode=json")
    return {name: page_of(shell, name) for name in names_of_commands(shell)}


def test_every_command_has_examples_of_itself(pages: dict[str, Json]) -> None:
    for name, page in pages.items():
        assert examples_of(page), name
        for example in examples_of(page):
            assert example.split()[0] == name


def test_what_is_related_exists(pages: dict[str, Json]) -> None:
    for name, page in pages.items():
        related = [each["name"] for each in page.get("related", [])]
        assert set(related) <= pages.keys() - {name}, name
        assert len(set(related)) == len(related), name


def test_the_examples_succeed(
        machines: Machines, pages: dict[str, Json], tmp_path: Path) -> None:
    trace = write_trace(tmp_path)
    shared = machines.boot(initrd=trace)
    ran = 0
    for name in pages.keys() - ENDING:
        for example in examples_of(pages[name]):
            shell = machines.boot(initrd=trace) if needs_blocks(example) else shared
            shell.run("free all")
            shell.run(PREPARATION)
            shell.ok(example)
            ran += 1
            if shell is not shared:
                shell.close()
    assert ran >= len(pages)


def test_the_examples_of_poweroff_and_reboot(
        own_machines: Machines, pages: dict[str, Json]) -> None:
    for example in examples_of(pages["poweroff"]):
        shell = own_machines.boot()
        shell.send(example.encode() + b"\r")
        shell.read_until(b"\r\npowering off\r\n")
        assert shell.exit_status() == int((example + " 0").split()[1])
    for example in examples_of(pages["reboot"]):
        shell = own_machines.boot()
        shell.ok("alloc 64")
        shell.send(example.encode() + b"\r")
        shell.read_until(b"Type help")
        shell.wait_until_ready()
        assert shell.run("free a1").status == 1


def test_the_examples_that_fail_on_purpose(
        own_machines: Machines, pages: dict[str, Json]) -> None:
    ended_in_a_panic = set()
    for example in examples_of(pages["crash"]) + examples_of(pages["panic"]):
        shell = own_machines.boot()
        shell.send(example.encode() + b"\r")
        prompt = shell.expect(rb"\r\n(heapscope|panic)> ")
        if prompt.endswith(b"panic> "):
            ended_in_a_panic.add(example)
        assert shell.run("echo $?").lines == ["1" if prompt.endswith(PROMPT) else "0"], example
        shell.close()
    assert ended_in_a_panic == {"crash locked -c all", "crash heap; alloc 2000", "panic"}
