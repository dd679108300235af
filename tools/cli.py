"""The subcommands of ./heapscope: their options, and who carries them out.

Options that several subcommands share are spelled the same in each.
"""

import argparse
import os
import re
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import NoReturn

from bench import run_bench
from build import KERNEL_IMAGE, build
from connect import run_connect
from debug import attach_gdb, open_core, run_gdb
from failure import USAGE_STATUS, Failure
from line import BAUD
from picocom import run_picocom
from qemu import BOARDS, Hardware, check_file, check_inputs
from record import run_record
from run import run
from script import read_lines, run_script
from sdcard import check_card, write_card
from testing import run_tests
from view import FORMATS, ViewOptions, run_view

_SIZE = re.compile(r"(0[xX][0-9a-fA-F_]+|0[bB][01_]+|[0-9][0-9_]*)[KMG]?")
_LONGEST_TIMEOUT = 1_000_000
_HIGHEST_BAUD = 4_000_000


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One line, where argparse would print the usage as well."""
        raise Failure(f"{message} (`{self.prog} --help` explains)", USAGE_STATUS)


def main(arguments: list[str]) -> int:
    _turn_signals_into_exits()
    try:
        options = _parser().parse_args(arguments)
        return options.action(options)
    except Failure as failure:
        print(f"heapscope: {failure}", file=sys.stderr)
        return failure.status
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except BrokenPipeError:
        # Whoever read the output has gone; Python must not flush into the pipe.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE


def _turn_signals_into_exits() -> None:
    """So that every `with` and `finally` ends its processes, and is not cut
    short: picocom, ended, sends the signal to its whole process group."""
    numbers = (signal.SIGTERM, signal.SIGHUP)

    def leave(number: int, frame: FrameType | None) -> None:
        for each in numbers:
            signal.signal(each, signal.SIG_IGN)
        raise SystemExit(128 + number)

    for number in numbers:
        signal.signal(number, leave)


def _parser() -> _Parser:
    parser = _Parser(prog="heapscope", allow_abbrev=False)
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)
    kernel = _kernel_options()
    machine = _machine_options(kernel)

    command = commands.add_parser(
        "run", parents=[machine], allow_abbrev=False, help="boot the shell in this terminal",
        description="Builds, and boots the shell in QEMU in this terminal. `poweroff N` ends it "
        "with status N; Ctrl-] and then x always ends it. Input from a pipe is typed, and the "
        "machine powered off at its end.")
    command.set_defaults(action=lambda options: run(_hardware(options)))

    command = commands.add_parser(
        "script", parents=[machine], allow_abbrev=False, help="run a file of commands",
        description="Boots, runs the commands of FILE and prints the replies and only those. "
        "The status is 0 if every command succeeded, else that of the first that did not; "
        "QEMU's if the script ended the machine; 125 if the machine went wrong.")
    command.add_argument("file", metavar="FILE", help="the script; - is standard input")
    command.add_argument("--mode", choices=("plain", "json"), help="the shell's output mode")
    command.add_argument("--timeout", type=_seconds, default=60.0, metavar="SECONDS",
                         help="how long the kernel may be silent (default 60)")
    command.set_defaults(action=_script)

    command = commands.add_parser(
        "picocom", parents=[machine], allow_abbrev=False, help="attach picocom to QEMU",
        description="Boots QEMU behind a pseudo-terminal and attaches picocom to it, as to a "
        "board. Ctrl-A and then Ctrl-X leaves.")
    command.set_defaults(action=lambda options: run_picocom(_hardware(options)))

    command = commands.add_parser(
        "gdb", parents=[machine], allow_abbrev=False, help="debug a kernel, and read its heap",
        description="Boots QEMU, halted, and starts GDB on the kernel with commands that read its "
        "heap: `heapscope` in GDB lists them. The serial line is a pseudo-terminal whose name is "
        "said. The status is GDB's.")
    command.add_argument("--attach", metavar="PORT",
                         help="to what listens there, such as localhost:3333, in place of QEMU")
    command.add_argument("--core", type=Path, metavar="FILE",
                         help="a core dump of --program, in place of a kernel")
    command.add_argument("--program", type=Path, metavar="FILE",
                         help="the program that was dumped")
    command.add_argument("--log", type=Path, metavar="FILE",
                         help="write what QEMU's serial line says there")
    command.add_argument("arguments", nargs=argparse.REMAINDER, metavar="-- GDB ARGUMENT...",
                         help="more for GDB, such as -batch -ex 'heapscope blocks'")
    command.set_defaults(action=_gdb)

    command = commands.add_parser(
        "connect", allow_abbrev=False, help="attach picocom to a real board",
        description="Attaches picocom, with the right settings, to the serial line of a real "
        "board. Ctrl-A and then Ctrl-X leaves.")
    command.add_argument("device", type=Path, metavar="DEVICE",
                         help="the serial line, such as /dev/ttyUSB0")
    command.add_argument("--baud", type=_baud, default=BAUD, metavar="N",
                         help=f"bits per second (default {BAUD}, as the kernel sets it)")
    command.set_defaults(action=lambda options: run_connect(options.device, options.baud))

    command = commands.add_parser(
        "sdcard", parents=[kernel], allow_abbrev=False, help="write the files for a card",
        description="Builds, and writes kernel8.img, config.txt and cmdline.txt into DIRECTORY, a "
        "mounted FAT partition or any other. Other files of these names are kept as *.bak. "
        "Says which of the firmware's files the card also needs.")
    command.add_argument("directory", type=Path, metavar="DIRECTORY", help="an existing directory")
    command.add_argument("--firmware", type=Path, metavar="DIRECTORY",
                         help="copy the firmware's files from there")
    command.set_defaults(action=_sdcard)

    command = commands.add_parser(
        "record", allow_abbrev=False, help="record a program's allocations as a trace",
        description="Runs PROGRAM on this machine and writes what it allocates, frees and "
        "reallocates as a trace, which `replay` and the benchmarks play. Of several processes, "
        "the one that does most of it is taken. The status is the program's.")
    command.add_argument("-o", dest="output", type=Path, required=True, metavar="FILE",
                         help="the trace; compressed where it ends in .xz")
    command.add_argument("--process", metavar="NAME", help="take a process of this program")
    command.add_argument("--limit", type=_count, default=300_000, metavar="N",
                         help="operations at most (default 300000)")
    command.add_argument("program", nargs=argparse.REMAINDER, metavar="-- PROGRAM [WORD...]",
                         help="the program and its arguments")
    command.set_defaults(action=_record)

    command = commands.add_parser(
        "view", parents=[_heap_options()], allow_abbrev=False, help="show a heap over time",
        description="Writes a page, a picture or a massif file of what happened to a heap. A trace "
        "(also compressed by gzip or xz) is played on a heap here; of a session, the log of a "
        "terminal or the output of `heapscope script`, what `trace dump` printed is shown.")
    command.add_argument("file", metavar="TRACE-OR-SESSION", help="- is standard input")
    command.add_argument("-o", dest="output", type=Path, required=True, metavar="FILE",
                         help="a page .html, a picture .svg or .png, or .massif; - is standard "
                         "output")
    command.add_argument("--format", choices=FORMATS, help="what to write, whatever FILE's name is")
    command.add_argument("--dump", type=_count, metavar="N",
                         help="the session's Nth dump (default the last)")
    command.add_argument("--colour", choices=("size", "tag"),
                         help="colour blocks by that (default tag, if there are any)")
    command.set_defaults(action=_view)

    command = commands.add_parser(
        "bench", allow_abbrev=False, help="measure the allocators",
        description="Prints, for each workload, the instructions of the allocators' calls on the "
        "Pi (QEMU counts them), the smallest heap that it fits in, and times on this machine "
        "beside glibc, jemalloc and mimalloc; and what got worse since tests/bench/baseline.json.")
    command.add_argument("workloads", nargs="*", metavar="WORKLOAD",
                         help="a trace of tests/traces/ or a generator (default all)")
    command.add_argument("--json", type=Path, metavar="FILE", help="write the numbers there too")
    command.add_argument("--update", action="store_true",
                         help="keep these instructions and heaps as what to compare with")
    command.add_argument("--check", action="store_true",
                         help="no times and no tables; fail where a number got worse by 2 %%")
    command.set_defaults(action=lambda options: run_bench(
        options.workloads, options.json, options.update, options.check))

    command = commands.add_parser(
        "test", allow_abbrev=False, help="run every test",
        description="Builds everything, runs every test, and ends with a count of them.")
    command.add_argument("-R", dest="pattern", metavar="REGEX", help="only tests whose name matches")
    command.add_argument("--long", action="store_true", help="the long tests too")
    command.set_defaults(action=lambda options: run_tests(options.pattern, options.long))
    return parser


def _heap_options() -> _Parser:
    heap = _Parser(add_help=False)
    heap.add_argument("--allocator", choices=("bump", "bin", "first-fit"),
                      help="the heap's allocator")
    heap.add_argument("--heap", type=_size, metavar="SIZE", help="the heap's size, such as 64K")
    return heap


def _kernel_options() -> _Parser:
    kernel = _Parser(add_help=False, parents=[_heap_options()])
    kernel.add_argument("--hardening", choices=("none", "default", "full"),
                        help="how much the heap does to notice misuse")
    kernel.add_argument("--append", default="", metavar="TEXT",
                        help="more words for the kernel command line")
    kernel.add_argument("--kernel", type=Path, metavar="IMAGE",
                        help="use this image instead of building one")
    return kernel


def _machine_options(kernel: _Parser) -> _Parser:
    machine = _Parser(add_help=False, parents=[kernel])
    machine.add_argument("--board", choices=BOARDS, default=BOARDS[0],
                         help=f"the QEMU machine (default {BOARDS[0]})")
    machine.add_argument("--initrd", type=Path, metavar="FILE",
                         help="an initrd; run as a script if it begins with #!heapscope")
    machine.add_argument("--dtb", type=Path, metavar="FILE",
                         help="a device tree, in place of boot tags")
    return machine


def _script(options: argparse.Namespace) -> int:
    lines = read_lines(options.file)  # a bad script is known before anything is built
    return run_script(_hardware(options), lines, options.timeout)


def _gdb(options: argparse.Namespace) -> int:
    arguments = _behind_dashes(options.arguments)
    if (options.core is None) != (options.program is None):
        raise Failure("gdb: --core and --program go together", USAGE_STATUS)
    if options.core is not None and options.attach is not None:
        raise Failure("gdb: --core does not go with --attach", USAGE_STATUS)
    if options.core is not None or options.attach is not None:
        boots = (_command_line(options), options.initrd, options.dtb, options.log)
        if any(boots):
            raise Failure("gdb: nothing is booted with --attach and --core, so that options for "
                          "the machine do not go with them", USAGE_STATUS)
    if options.core is not None:
        return open_core(options.program, options.core, arguments)
    if options.attach is not None:
        return attach_gdb(_kernel_image(options), options.attach, arguments)
    return run_gdb(_hardware(options), options.log, arguments)


def _behind_dashes(words: list[str]) -> list[str]:
    return words[1:] if words[:1] == ["--"] else words


def _record(options: argparse.Namespace) -> int:
    command = _behind_dashes(options.program)
    if not command:
        raise Failure("record: no PROGRAM was given (`heapscope record --help` explains)",
                      USAGE_STATUS)
    return run_record(command, options.output, options.process, options.limit)


def _view(options: argparse.Namespace) -> int:
    heap = None if options.heap is None else _bytes_of(options.heap)
    return run_view(ViewOptions(options.file, options.output, options.format, options.allocator,
                                heap, options.dump, options.colour))


def _sdcard(options: argparse.Namespace) -> int:
    command_line = _command_line(options)
    check_card(options.directory, options.firmware, command_line)
    return write_card(options.directory, options.firmware, _kernel_image(options), command_line)


def _hardware(options: argparse.Namespace) -> Hardware:
    """The machine that the options ask for; its kernel is built by this."""
    hardware = Hardware(
        kernel=options.kernel or KERNEL_IMAGE, board=options.board,
        command_line=_command_line(options), initrd=options.initrd, dtb=options.dtb)
    check_inputs(hardware)
    _kernel_image(options)
    return hardware


def _command_line(options: argparse.Namespace) -> str:
    mode = getattr(options, "mode", None)
    words = [
        f"heap.allocator={options.allocator}" if options.allocator else "",
        f"heap.hardening={options.hardening}" if options.hardening else "",
        f"heap.size={options.heap}" if options.heap else "",
        f"shell.mode={mode}" if mode else "",
        options.append,
    ]
    return " ".join(word for word in words if word)


def _kernel_image(options: argparse.Namespace) -> Path:
    """The user's, or one that is built now."""
    if options.kernel is None:
        build("pi3")
        return KERNEL_IMAGE
    check_file("kernel", options.kernel)
    return options.kernel


def _size(text: str) -> str:
    if not _SIZE.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no size (64K, 16M, 0x10000)")
    return text


def _bytes_of(size: str) -> int:
    """Of a text that _size() has let pass."""
    power = " KMG".find(size[-1])
    digits = size if power < 0 else size[:-1]
    base = {"0x": 16, "0b": 2}.get(digits[:2].lower(), 10)
    return int(digits.replace("_", ""), base) << 10 * max(power, 0)


def _count(text: str) -> int:
    count = int(text)
    if count <= 0:
        raise argparse.ArgumentTypeError("it must be above 0")
    return count


def _baud(text: str) -> int:
    baud = int(text)
    if not 0 < baud <= _HIGHEST_BAUD:
        raise argparse.ArgumentTypeError(f"it must be above 0 and at most {_HIGHEST_BAUD}")
    return baud


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds <= _LONGEST_TIMEOUT:
        raise argparse.ArgumentTypeError(f"it must be above 0 and at most {_LONGEST_TIMEOUT}")
    return seconds


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
