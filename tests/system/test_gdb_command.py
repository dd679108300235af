"""`./heapscope gdb` from end to end: on a kernel that it boots, on one that listens already,
and on a core dump; and what it says where it cannot.
"""

import os
import re
import subprocess
import time
from pathlib import Path

import pexpect
import pytest

from command import assert_one_line, heapscope
from debugger import waiting
from harness import HEAPSCOPE, KERNEL, PROJECT_ROOT, Machines

KERNEL_OPTION = ("--kernel", str(KERNEL))
GDB_PROMPT = r"\(gdb\) "


def batch(*commands: str) -> list[str]:
    return ["--", "-nx", "-batch", *(word for each in commands for word in ("-ex", each))]


def test_a_kernel_is_booted_halted_and_looked_at_while_it_is_talked_to(tmp_path: Path) -> None:
    log = tmp_path / "serial.log"
    gdb = pexpect.spawn(str(HEAPSCOPE), ["gdb", *KERNEL_OPTION, "--heap", "64K", "--log", str(log),
                                         "--", "-nx", "-ex", "set pagination off"],
                        timeout=60, encoding="latin-1", dimensions=(40, 160))
    try:
        gdb.expect(r"the serial line is (/dev/\S+) ")
        device = os.open(gdb.match[1], os.O_RDWR | os.O_NOCTTY)
        gdb.expect(GDB_PROMPT)
        gdb.sendline("heapscope stats")
        gdb.expect("the heap was not set up yet")
        gdb.expect(GDB_PROMPT)
        gdb.sendline("continue")
        gdb.expect("Continuing")
        talk(device, b"alloc 100 -t mine\r", b"mine")
        gdb.sendintr()
        gdb.expect(GDB_PROMPT)
        gdb.sendline("heapscope blocks --live")
        gdb.expect(r"0x[0-9a-f]{8} +112  live +a1 +1  mine")
        gdb.expect(GDB_PROMPT)
        gdb.sendline("kill")
        gdb.expect(GDB_PROMPT + "|killed|y or n")
        gdb.sendline("y")
        gdb.sendline("quit")
        gdb.expect(pexpect.EOF)
        gdb.close()
        assert gdb.exitstatus == 0
        os.close(device)
    finally:
        gdb.close(force=True)
    assert b"alloc 100 -t mine" in log.read_bytes()


def talk(device: int, line: bytes, answer: bytes) -> None:
    """Types a line again until it is answered: the kernel may still be booting."""
    os.set_blocking(device, False)
    said = b""
    deadline = time.monotonic() + 60
    typed = 0.0
    while not re.search(answer + rb"\r+\n.*" + answer, said, re.DOTALL):
        assert time.monotonic() < deadline, said
        if b"heapscope> " in said and typed == 0.0:
            os.write(device, line)
            typed = time.monotonic()
        elif typed == 0.0 and int(time.monotonic() * 10) % 10 == 0:
            os.write(device, b"\r")
        try:
            said += os.read(device, 4096)
        except BlockingIOError:
            time.sleep(0.05)


def test_it_ends_with_gdbs_status_and_takes_qemu_with_it() -> None:
    done = heapscope("gdb", *KERNEL_OPTION, "--allocator", "bump",
                     *batch("python print('pid', gdb.selected_inferior().pid)", "quit 7"))
    assert done.returncode == 7, done
    assert "the serial line is /dev/pts/" in done.stderr
    assert "pid 1" in done.stdout


def test_breakpoints_and_the_kernels_options_work() -> None:
    done = heapscope("gdb", *KERNEL_OPTION, "--heap", "64K", "--hardening", "full",
                     "--append", 'shell.run="alloc 64; panic"',
                     *batch("break panic", "continue", "heapscope stats", "heapscope check"))
    assert done.returncode == 0, done
    assert "hardening              full" in done.stdout
    assert "heap_bytes             65536 (64.0 KiB)" in done.stdout
    assert "no damage found: 1 live blocks" in done.stdout


def test_it_attaches_to_what_listens(own_machines: Machines, tmp_path: Path) -> None:
    port = tmp_path / "debugger"
    shell = own_machines.boot("heap.size=64K heap.allocator=first-fit", extra=waiting(port))
    shell.ok("alloc 64")
    done = heapscope("gdb", *KERNEL_OPTION, "--attach", str(port), *batch("heapscope stats"))
    assert done.returncode == 0 and "allocator              first-fit" in done.stdout
    assert "live_blocks            1\n" in done.stdout
    assert shell.ok("echo still here") == ["still here"]


def test_it_opens_a_core_dump(tmp_path: Path) -> None:
    source, program, core = (tmp_path / name for name in ("bump.cpp", "bump", "core"))
    source.write_text("""
#include <cstdlib>
#include "alloc/bump_allocator.hpp"
namespace heapscope { void panic_handler(std::string_view) { std::abort(); } }
heapscope::alloc::BumpAllocator heap;
alignas(16) char memory[4096];
int main() {
  const auto start = reinterpret_cast<std::uintptr_t>(memory);
  heap.initialize({.start = start, .end = start + sizeof(memory)});
  (void)heap.allocate({.size = 96});
  std::abort();
}
""")
    subprocess.run(["g++", "-std=c++23", "-g", f"-I{PROJECT_ROOT}", source,
                    PROJECT_ROOT / "alloc/bump_allocator.cpp", PROJECT_ROOT / "base/format.cpp",
                    "-o", program], check=True, timeout=120)
    subprocess.run(["gdb-multiarch", "-nx", "-batch", "-ex", "run", "-ex",
                    f"generate-core-file {core}", program], check=True, timeout=120,
                   capture_output=True, stdin=subprocess.DEVNULL)
    done = heapscope("gdb", "--core", str(core), "--program", str(program),
                     *batch("heapscope use heap", "heapscope blocks"))
    assert done.returncode == 0, done
    assert re.search(r"0x[0-9a-f]+ +96  used", done.stdout), done


@pytest.mark.parametrize("words, text", [
    (["--core", "core"], "--core and --program go together"),
    (["--program", "p"], "--core and --program go together"),
    (["--core", "core", "--program", "p", "--attach", ":1"], "--core does not go with --attach"),
    (["--core", "core", "--program", "p"], "--program: no such file: p"),
    (["--core", "core", "--program", "/bin/true"], "--core: no such file: core"),
    (["--attach", ":1", "--heap", "64K"], "options for the machine do not go with them"),
    (["--kernel", "/bin/true"], "there is no /bin/true.elf, which GDB needs"),
    (["--heap", "much"], "'much' is no size")])
def test_a_wrong_use_is_one_line(words: list[str], text: str) -> None:
    done = heapscope("gdb", *words)
    assert done.returncode == 2 and text in done.stderr, done
    assert_one_line(done.stderr)


def test_a_port_where_nobody_listens_is_gdbs_error(tmp_path: Path) -> None:
    done = heapscope("gdb", *KERNEL_OPTION, "--attach", str(tmp_path / "nobody"),
                     *batch("heapscope check"))
    assert done.returncode != 0
    assert "there is nothing to look at: attach to a kernel" in done.stderr, done
