"""The commands for GDB (tools/gdb) on the booted kernel: what they read out of a halted
kernel is what the shell says of the same heap.
"""

import random
import re
from pathlib import Path

import pytest

from debugger import KERNEL_ELF, debug, debug_kernel, waiting
from harness import Machines, Shell

HEAPS = ["heap.size=1M", "heap.size=1M heap.hardening=none", "heap.size=1M heap.hardening=full",
         "heap.size=1M heap.allocator=bump", "heap.size=1M heap.allocator=first-fit",
         "heap.size=64K", ""]
SIZES = (1, 16, 24, 48, 64, 100, 200, 256, 257, 700, 1024, 1500, 5000, 20_000)


class Program:
    """Allocates and frees at random, and knows the live blocks."""

    def __init__(self, shell: Shell, seed: int) -> None:
        self.shell = shell
        self.random = random.Random(seed)
        self.live: list[str] = []

    def allocate(self, commands: int) -> None:
        for _ in range(commands):
            size = self.random.choice(SIZES)
            align = self.random.choice((16, 16, 16, 16, 64, 512))
            count = self.random.choice((1, 1, 2, 5, 30)) if size <= 256 else 1
            reply = self.shell.run(f"alloc {size} {align} -n {count} -t t{size}")
            self.live += re.findall(r"^(a\d+) ", "\n".join(reply.lines), re.MULTILINE)

    def free(self, share: float) -> None:
        self.random.shuffle(self.live)
        count = int(len(self.live) * share)
        gone, self.live = self.live[:count], self.live[count:]
        for at in range(0, len(gone), 40):
            self.shell.ok("free " + " ".join(gone[at:at + 40]))


def boot(machines: Machines, port: Path, append: str) -> Shell:
    return machines.boot(append, extra=waiting(port))


def without_wraps(lines: list[str]) -> list[str]:
    """A value on several lines is joined."""
    joined: list[str] = []
    for line in lines:
        if line.startswith("   "):
            joined[-1] += " " + line.strip()
        else:
            joined.append(line)
    return joined


@pytest.mark.parametrize("append", HEAPS)
def test_a_heap_is_read_as_the_shell_shows_it(
        own_machines: Machines, tmp_path: Path, append: str) -> None:
    port = tmp_path / "debugger"
    shell = boot(own_machines, port, append)
    program = Program(shell, seed=len(append))
    for share in (0.6, 0.97):
        program.allocate(60)
        program.free(share)
        # First, while the allocator has still deferred what it defers.
        blocks, live, large, stats, drawn, checked = debug_kernel(port, [
            "heapscope blocks", "heapscope blocks --live", "heapscope blocks --free --min 1K",
            "heapscope stats", "heapscope map --rows 8", "heapscope check"])
        assert blocks == shell.ok("blocks")
        assert live == shell.ok("blocks --live")
        assert large == shell.ok("blocks --free --min 1K")
        assert stats == shell.ok("stats")
        assert drawn == shell.ok("heapmap -r 8")
        assert checked[0].startswith("no damage found: ")


@pytest.mark.parametrize("append", ["heap.size=1M", "heap.size=1M heap.hardening=full"])
def test_who_tells_what_the_shell_tells(
        own_machines: Machines, tmp_path: Path, append: str) -> None:
    port = tmp_path / "debugger"
    shell = boot(own_machines, port, append)
    program = Program(shell, seed=7)
    program.allocate(30)
    program.free(0.5)
    shell.ok("demo map 40")
    starts = [int(line.split()[0], 16) for line in shell.ok("blocks")[1:-2]]
    places = [start + 3 for start in random.Random(1).sample(starts, min(12, len(starts)))]
    for place, lines in zip(places, debug_kernel(port, [f"heapscope who {at}" for at in places])):
        assert without_wraps(lines) == without_wraps(shell.ok(f"who {place}"))


def test_who_tells_what_lies_outside(own_machines: Machines, tmp_path: Path) -> None:
    port = tmp_path / "debugger"
    boot(own_machines, port, "heap.size=64K")
    code, nothing = debug_kernel(port, ["heapscope who heapscope::kernel::heap", "heapscope who 16"])
    assert code[1:] == ["state                  outside", "symbol                 kernel::heap+0x0"]
    assert nothing == ["address                0x00000010", "state                  outside"]


def test_the_empty_slab_that_is_kept_back_is_shown_as_free(
        own_machines: Machines, tmp_path: Path) -> None:
    port = tmp_path / "debugger"
    shell = boot(own_machines, port, "heap.size=1M")
    shell.ok("alloc 64 -n 16")
    shell.ok("free all")
    kept, blocks = debug_kernel(port, [
        "print/x ((heapscope::alloc::BinAllocator *) "
        "&'heapscope::kernel::(anonymous namespace)::watched_heap'"
        "._M_payload._M_payload._M_value.room_)->spare_", "heapscope blocks --free"])
    assert kept != ["$1 = 0xffffffff"]
    assert len(blocks) == 4 and blocks[-2].split() == ["count", "1"]
    assert blocks == shell.ok("blocks --free")


def test_print_shows_the_heap_and_who_called(own_machines: Machines, tmp_path: Path) -> None:
    port = tmp_path / "debugger"
    shell = boot(own_machines, port, "heap.size=64K heap.hardening=full")
    shell.ok("alloc 64")
    heap = "'heapscope::kernel::(anonymous namespace)::watched_heap'._M_payload._M_payload._M_value"
    first_record = f"({heap}.instruments_.origins_.records_ + 64)"
    printed = debug_kernel(port, [
        f"print {heap}",
        f"print *(heapscope::alloc::CallStamp *) ({first_record} + 24)"])
    stats = dict(line.split()[:2] for line in shell.ok("stats")[:16])
    assert printed[0] == [
        "$1 = bin heap, hardening full, 0x{:x} to 0x{:x}: 1 live blocks, {} bytes used, {} free".format(
            int(stats["start"], 16), int(stats["end"], 16), stats["used_bytes"],
            stats["free_bytes"])]
    called = re.fullmatch(r"\$2 = at \d+ on core 0 by (shell::run_alloc\+0x[0-9a-f]+)( < .*)?",
                          printed[1][0])
    assert called and called[1] in "\n".join(shell.ok("who a1"))
    assert printed.errors == []


def test_the_trial_heap_can_be_looked_at(own_machines: Machines, tmp_path: Path) -> None:
    port = tmp_path / "debugger"
    shell = boot(own_machines, port, "heap.size=1M")
    use = "heapscope use 'heapscope::kernel::(anonymous namespace)::the_trial_heap'"
    assert debug_kernel(port, [use]).errors == ["the heap was not set up yet"]
    shell.ok("compare uniform -n 100")
    used, stats, back, own = debug_kernel(port, [
        use, "heapscope stats", "heapscope use", "heapscope stats"])
    assert " heap, hardening " in used[0] and back == ["the kernel's heap"]
    assert own == shell.ok("stats") and stats[2:4] != own[2:4]


def test_symbols_of_another_kernel_are_noticed(own_machines: Machines, tmp_path: Path) -> None:
    port = tmp_path / "debugger"
    boot(own_machines, port, "heap.size=64K")
    note = "note: memory does not hold the kernel that these symbols are of"
    other = debug(KERNEL_ELF.with_name("bench8.elf"), ["heapscope stats"],
                  before=(f"target remote {port}",))
    assert other[0][0] == note
    assert note not in debug_kernel(port, ["heapscope stats"])[0]
