"""Panics: every kind of fault that cannot be come back from is reported and opens
the panic shell, which works whatever is broken, and which a script notices.
"""

import json
import re
import subprocess
import time
from pathlib import Path
from typing import Callable

import pytest

from command import heapscope
from harness import KERNEL, Machines, Shell
from session import Reply

PROMPT = b"panic> "
INTRO = b"\r\nThe panic shell: help lists what works in it, reboot leaves it.\r\n"

KINDS = {
    # command: how the report begins, and who must be among the callers
    "crash locked": (r"fatal: data abort at 0x50000000 by kernel::read_nowhere", "Shell::"),
    "crash allocator": (r"fatal: data abort at 0x50000000 by ", "LockedHeap::walk"),
    "crash handler": (r"fatal: data abort at 0x50000000 by kernel::read_", "Shell::"),
    "crash handler-stack": (r"fatal: data abort at 0x[0-9a-f]+ by kernel::use_up_stack",
                            "use_up_stack"),
    "crash delete": (r"panic: delete: 0x50000000 is outside the heap", "kernel::check_given_back"),
    "crash heap; alloc 2000": (r"panic: heap damaged: ", "alloc::BasicBinAllocator::"),
    "panic": (r"panic: asked for", "kernel::run_panic"),
}

SAFE = ["atags", "bins", "blocks", "check", "cores", "dump", "echo", "heapmap", "help", "memmap", "mode",
        "peek", "poweroff", "reboot", "stats", "uart", "uptime", "version", "who"]


def break_kernel(machines: Machines, command: str, append: str = "") -> tuple[Shell, str]:
    """A machine at its panic prompt, and what was said on the way there."""
    shell = machines.boot(append)
    shell.send(command.encode() + b"\r")
    said = shell.read_until(INTRO)
    if "json" not in append:
        said += shell.read_until(PROMPT)
    return shell, said.decode("latin-1").replace("\r\n", "\n")


def error_of(reply: Reply) -> str:
    assert len(reply.lines) == 1, reply
    assert reply.status != 0, reply
    return reply.lines[0]


@pytest.fixture(scope="module")
def broken(machines: Machines) -> Shell:
    """A panic shell that several tests share."""
    shell, _ = break_kernel(machines, "alloc 64 -t kept; crash allocator")
    return shell


@pytest.mark.parametrize("command", KINDS)
def test_every_kind_is_reported_and_opens_the_panic_shell(
        own_machines: Machines, command: str) -> None:
    start, caller = KINDS[command]
    shell, said = break_kernel(own_machines, command)
    report = said[said.index("\n\n") + 2:said.index("The panic shell")]
    assert re.match(start, report), report
    assert caller in report
    if report.startswith("fatal"):
        assert {f"x{i} " for i in range(31)} <= set(re.findall(r"x\d+ ", report))
        assert "ESR 0x" in report and "ELR 0x" in report and "SPSR 0x" in report
    assert max(map(len, report.splitlines())) <= 100
    for line in ("heapmap", "heapmap -b", "atags", "help", "dump 0x80000 64", "memmap", "version"):
        assert shell.run(line).status == 0, line
    if "crash heap" not in command:
        assert "live_blocks            0" in shell.ok("stats")
    assert shell.ok("echo alive") == ["alive"]


@pytest.mark.parametrize("command, vector", [
    ("crash locked", "synchronous exception"),
    ("crash handler", "synchronous exception in a handler"),
    ("crash handler-stack", "synchronous exception in a handler"),
])
def test_the_vector_is_told(own_machines: Machines, command: str, vector: str) -> None:
    _, said = break_kernel(own_machines, command)
    assert f"\ncore: 0\nvector: {vector}\n" in said


def test_a_full_handler_stack_ends_in_its_guard_page(own_machines: Machines) -> None:
    listing = subprocess.run(["aarch64-linux-gnu-nm", KERNEL.with_suffix(".elf")], check=True,
                             capture_output=True, text=True).stdout
    symbols = {words[2]: int(words[0], 16)
               for words in map(str.split, listing.splitlines()) if len(words) == 3}
    _, said = break_kernel(own_machines, "crash handler-stack")
    match = re.search(r"FAR (0x[0-9a-f]+)", said)
    assert match
    guard = symbols["__stacks_start"] + symbols["__stack_top_offset"]
    assert guard <= int(match[1], 16) < guard + 4096


def test_help_lists_what_works_and_nothing_else(broken: Shell) -> None:
    names = [line.split()[0] for line in broken.ok("help")]
    assert names == ["name", *SAFE]


@pytest.mark.parametrize("line", ["alloc 64", "free all", "poke 0x1000 1", "fill 0x1000 4 1",
                                  "crash read", "panic", "selftest", "allocator", "time stats"])
def test_other_commands_are_refused(broken: Shell, line: str) -> None:
    reply = broken.run(line)
    assert error_of(reply) == f"error: {line.split()[0]} does not work in the panic shell; try help"
    assert reply.status == 1


def test_the_handles_are_still_known(broken: Shell) -> None:
    assert any("kept" in line for line in broken.ok("heapmap a1 -b"))
    assert len(broken.ok("dump a1 16")) == 2


@pytest.mark.parametrize("line", ["dump 0x50000000", "peek 0", "peek 0x50000000 -w 8"])
def test_a_fault_within_it_is_one_line(broken: Shell, line: str) -> None:
    for _ in range(30):
        assert error_of(broken.run(line)).startswith("error: data abort at 0x")
    assert broken.ok("echo alive") == ["alive"]


def test_a_panic_within_it_is_one_line(own_machines: Machines) -> None:
    shell, _ = break_kernel(own_machines, "crash heap; alloc 2000", "heap.size=64K")
    for _ in range(30):
        assert error_of(shell.run("stats")).startswith("error: heap damaged: ")
    assert shell.run("stats && echo no || echo yes").lines[-1] == "yes"
    assert shell.run("heapmap -b").status == 0


def test_what_a_person_sees(own_machines: Machines) -> None:
    shell, said = break_kernel(own_machines, "panic")
    assert said.endswith("\nThe panic shell: help lists what works in it, reboot leaves it.\npanic> ")
    shell.send(b"ecX\x7fho 'a  b'; nosuch\r")
    assert shell.read_until(PROMPT) == (
        b"ecX\b \bho 'a  b'; nosuch\r\na  b\r\nunknown command: nosuch\r\n" + PROMPT)


@pytest.mark.parametrize("line", [b"dump 0x80000 100000000", b"heapmap -b"])
def test_ctrl_c_stops_long_work(own_machines: Machines, line: bytes) -> None:
    shell = own_machines.boot()
    assert shell.run("alloc 16 -n 20000").status == 0
    shell.send(b"crash locked\r")
    shell.read_until(PROMPT)
    shell.send(line + b"\r")
    shell.read_until(b"\r\n0x")
    shell.send(b"\x03")
    assert b"error: interrupted" in shell.read_until(b"^C\r\n" + PROMPT)
    assert len(shell.run("alloc 64").lines) == 1


def test_reboot_leaves_it(own_machines: Machines) -> None:
    shell, _ = break_kernel(own_machines, "crash handler")
    shell.send(b"reboot\r")
    shell.read_until(b"rebooting\r\n")
    shell.read_until(b"heapscope> ")
    shell.settle()
    assert shell.run("alloc 64").status == 0


def test_poweroff_leaves_it(own_machines: Machines) -> None:
    shell, _ = break_kernel(own_machines, "crash allocator")
    shell.send(b"poweroff 7\r")
    assert shell.exit_status() == 7


def test_json_answers_the_command_first_and_stays(own_machines: Machines) -> None:
    shell, said = break_kernel(own_machines, "alloc 64; crash allocator; stats", "shell.mode=json")
    first, second = (json.loads(line) for line in said.splitlines() if line.startswith("{"))
    assert (first["command"], first["status"]) == ("alloc", 0)
    assert (second["command"], second["status"], second["error"]["kind"]) == ("crash", 1, "panic")
    assert said.index('"panic"') < said.index("fatal: ")
    assert shell.result("stats")["live_blocks"] == 1
    assert shell.json("alloc 64")["error"]["kind"] == "not-in-panic"
    assert shell.json("peek 0")["error"]["kind"] == "fault"
    assert shell.replies("mode plain")[0]["status"] == 0
    shell.send(b"echo back\r")
    assert shell.read_until(b"\r\n" + PROMPT).endswith(b"back\r\n" + PROMPT)


@pytest.mark.parametrize("mode", ["plain", "json"])
def test_the_frame_of_the_command_is_ended(own_machines: Machines, mode: str) -> None:
    shell = own_machines.boot(f"shell.mode={mode}")
    reply = shell.run("crash allocator")
    assert reply.status == 1
    if mode == "json":
        assert [json.loads(line)["error"]["kind"] for line in reply.lines] == ["panic"]
    else:
        assert reply.lines == []
    shell.read_until(INTRO)


def script(text: str, *options: str) -> "subprocess.CompletedProcess[str]":
    return heapscope("script", "-", "--kernel", str(KERNEL), *options, typed=text)


@pytest.mark.parametrize("mode", ["plain", "json"])
@pytest.mark.parametrize("text, line", [
    ("echo one\n\ncrash allocator\nstats\n", 3),
    ("echo one\npanic\n", 2),
])
def test_a_script_that_panics_ends_at_once(text: str, line: int, mode: str) -> None:
    started = time.monotonic()
    result = script(text, "--mode", mode)
    assert time.monotonic() - started < 15
    assert result.returncode == 125
    said = result.stderr.splitlines()
    assert re.match(rf"heapscope: line {line}: the kernel stopped: (fatal|panic): ", said[-1])
    assert said[0] in said[-1]
    assert any(each.startswith("called from ") for each in said)
    assert "called from" not in result.stdout
    assert "live_blocks" not in result.stdout
    if mode == "json":
        replies = [json.loads(each) for each in result.stdout.splitlines()]
        assert [reply["status"] for reply in replies] == [0, 1]
        assert replies[1]["error"]["kind"] == "panic"
    else:
        assert result.stdout == "one\n"


def test_a_reply_that_looks_like_a_panic_is_none() -> None:
    result = script("echo 'panic: not really'\necho 'fatal: nor this'\necho on\n")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.splitlines()[-1] == "on"


def test_a_pipe_can_power_a_broken_machine_off() -> None:
    result = heapscope("run", "--kernel", str(KERNEL), typed="crash locked\nstats\n")
    assert result.returncode == 0
    assert "panic> poweroff" in result.stdout


UNDEFINED = bytes(4)  # udf #0


@pytest.fixture
def damaged(tmp_path: Path) -> Callable[[str], Path]:
    """A kernel one function of which begins with an undefined instruction."""
    def make(function: str) -> Path:
        listing = subprocess.run(["aarch64-linux-gnu-nm", "-C", KERNEL.with_suffix(".elf")],
                                 check=True, capture_output=True, text=True).stdout
        addresses = re.findall(rf"^([0-9a-f]+) \w {re.escape(function)}$", listing, re.MULTILINE)
        assert len(addresses) == 1, function
        image = bytearray(KERNEL.read_bytes())
        offset = int(addresses[0], 16) - 0x80000
        image[offset:offset + 4] = UNDEFINED
        path = tmp_path / "kernel8.img"
        path.write_bytes(image)
        return path
    return make


def said_until(machines: Machines, kernel: Path, end: bytes, append: str = "") -> tuple[Shell, str]:
    shell = machines.boot(append, ready=False, kernel=kernel)
    return shell, shell.read_until(end).decode("latin-1")


@pytest.mark.parametrize("function", [
    "heapscope::atags::discover(heapscope::atags::BootCandidates const&)",  # before the MMU
    "heapscope::kernel::start_interrupts()",
    "heapscope::shell::read_boot_options(std::basic_string_view<char, std::char_traits<char> >)",
])
def test_before_there_is_a_shell_it_halts(
        own_machines: Machines, damaged: Callable[[str], Path], function: str) -> None:
    _, said = said_until(own_machines, damaged(function), b"halted: there is no shell yet\r\n")
    assert "\r\nfatal: undefined instruction by " in said
    assert "kernel_start" in said


def test_a_report_that_fails_still_leads_to_the_shell(
        own_machines: Machines, damaged: Callable[[str], Path]) -> None:
    kernel = damaged("heapscope::kernel::write_callers(heapscope::TextSink&, "
                     "heapscope::StaticVector<unsigned long, 16ul> const&)")
    shell, said = said_until(own_machines, kernel, PROMPT, "shell.run=panic")
    assert "\r\npanic: asked for\r\n" in said
    assert "\r\nand within the panic: undefined instruction by kernel::write_callers" in said
    assert shell.run("stats").status == 0


def test_a_shell_that_fails_halts_in_the_end(
        own_machines: Machines, damaged: Callable[[str], Path]) -> None:
    kernel = damaged("heapscope::shell::KeyDecoder::feed(unsigned char)")
    shell, _ = said_until(own_machines, kernel, PROMPT, "shell.run=panic")
    for _ in range(3):
        shell.send(b"x")
    said = shell.read_until(b"halted: the panic shell does not work\r\n")
    assert said.count(b"and within the panic: undefined instruction by shell::KeyDecoder") == 3


def test_a_handler_that_fails_again_and_again_halts(
        own_machines: Machines, damaged: Callable[[str], Path]) -> None:
    kernel = damaged("heapscope::kernel::callers_from(unsigned long)")
    shell, said = said_until(own_machines, kernel, b"halted\r\n", 'shell.run="crash read"')
    assert "\r\nfatal: the panic failed: undefined instruction by kernel::callers_from" in said
    assert shell.read_for(0.5) == b""
