"""What the kernel image must not hold: instructions that fault on a board before
the MMU is on, although QEMU runs them. Its header, as the firmware reads it, and
its size.
"""

import re
import struct
import subprocess

import pytest

from harness import KERNEL

ELF = KERNEL.with_suffix(".elf")
MAP = KERNEL.with_suffix(".map")

# Exclusive and atomic accesses need cacheable memory: DDI0500, 6.5.1.
EXCLUSIVE = re.compile(r"ld(a)?x[rp]|st(l)?x[rp]|cas|swp|ld(add|clr|eor|set|[us]m(ax|in))")
# Registers of 16 bytes are copied at whatever alignment the data has.
VECTOR_REGISTER = re.compile(r"(?<![\w.<])[qdvsb][0-9]{1,2}(\.\w+)?(\[\d+\])?(?=[,} ]|$)")
# dc zva and the like fault on memory that is not cacheable.
CACHE_ZEROING = re.compile(r"^zva")

# What may come from archives that were not built for this kernel.
FOREIGN_OBJECTS = {"tree.o"}

HEADER = struct.Struct("<II QQQ 3Q 4s I")

# (address, mnemonic, operands)
Instruction = tuple[str, str, str]
Functions = dict[str, list[Instruction]]


@pytest.fixture(scope="module")
def functions() -> Functions:
    """Every instruction of the kernel, by the function that it is in."""
    listing = subprocess.run(
        ["aarch64-linux-gnu-objdump", "-d", "--no-show-raw-insn", ELF],
        check=True, capture_output=True, text=True).stdout
    start = re.compile(r"^([0-9a-f]+ <.*>):$")
    line = re.compile(r"^\s*([0-9a-f]+):\t(\S+)(?:\t(.*))?$")
    found: Functions = {}
    body: list[Instruction] = []
    for text in listing.splitlines():
        if match := start.match(text):
            body = found.setdefault(match[1], [])
        elif match := line.match(text):
            body.append((match[1], match[2], (match[3] or "").split("//")[0].strip()))
    return found


@pytest.fixture(scope="module")
def instructions(functions: Functions) -> list[Instruction]:
    found = [each for body in functions.values() for each in body]
    assert len(found) > 5000
    return found


def access_bytes(mnemonic: str, operands: str) -> int:
    """How many bytes each register of a load or store takes."""
    if mnemonic.endswith("b"):
        return 1
    if mnemonic.endswith("h"):
        return 2
    if mnemonic.endswith("sw"):
        return 4
    return 8 if operands.startswith("x") else 4


def test_exclusive_accesses_come_behind_a_look_at_the_mmu(functions: Functions) -> None:
    """The one lock there is panics where the MMU is off: in every function that an
    exclusive access was compiled into, SCTLR_EL1 is read before it."""
    users = {name: body for name, body in functions.items()
             if any(EXCLUSIVE.match(mnemonic) for _, mnemonic, _ in body)}
    assert users
    for name, body in users.items():
        first = next(i for i, each in enumerate(body) if EXCLUSIVE.match(each[1]))
        looks = [each for each in body[:first] if each[1] == "mrs" and "sctlr_el1" in each[2]]
        assert looks, name


def test_no_outline_atomics() -> None:
    symbols = subprocess.run(["aarch64-linux-gnu-nm", ELF], check=True, capture_output=True,
                             text=True).stdout
    assert "__aarch64_" not in symbols


def test_no_vector_registers(instructions: list[Instruction]) -> None:
    def without_symbols(operands: str) -> str:
        return re.sub(r"<.*>", "", operands)
    assert [each for each in instructions
            if VECTOR_REGISTER.search(without_symbols(each[2])) and each[1] != ".inst"] == []


def test_no_cache_zeroing(instructions: list[Instruction]) -> None:
    assert [each for each in instructions if each[1] == "dc" and CACHE_ZEROING.match(each[2])] == []


def test_every_offset_is_a_multiple_of_the_access(
        instructions: list[Instruction]) -> None:
    """With -mstrict-align on every object, bases are aligned as their types are."""
    offset = re.compile(r"\[(\w+), #(-?\d+)\]|\[(\w+)\], #(-?\d+)")
    seen = 0
    odd = []
    for each in instructions:
        _, mnemonic, operands = each
        if not re.match(r"(ld|st)(u|t)?[rp]", mnemonic):
            continue
        match = offset.search(operands)
        if not match:
            continue
        seen += 1
        if int(match[2] or match[4]) % access_bytes(mnemonic, operands) != 0:
            odd.append(each)
    assert seen > 1000
    assert odd == []


def test_all_objects_are_compiled_for_strict_alignment() -> None:
    commands = (KERNEL.parent.parent / "compile_commands.json").read_text()
    compiled = [line for line in commands.splitlines() if '"command"' in line and ".cpp" in line]
    assert compiled
    for flag in ("-mstrict-align", "-mno-outline-atomics", "-mgeneral-regs-only"):
        assert [line for line in compiled if flag not in line] == []


def test_only_known_objects_come_from_foreign_archives() -> None:
    members = re.findall(r"^/usr/\S+\.a\((\S+)\)", MAP.read_text(), re.MULTILINE)
    assert set(members) <= FOREIGN_OBJECTS


def test_the_image_header() -> None:
    image = KERNEL.read_bytes()
    (branch, _, text_offset, image_size, flags, _, _, _, magic, _) = HEADER.unpack_from(image)
    assert branch >> 26 == 0b000101
    assert text_offset == 0x80000
    assert image_size > len(image)
    assert flags == 0x2
    assert magic == b"ARM\x64"
    assert len(image) % 16 == 0


def test_the_image_is_small() -> None:
    """With all commands and symbols."""
    assert KERNEL.stat().st_size <= 192 * 1024


def test_the_symbols_are_those_of_this_kernel() -> None:
    """The table is made from a kernel without it; the code must lie where it did."""
    def code(name: str) -> list[str]:
        listing = subprocess.run(["aarch64-linux-gnu-nm", "-n", KERNEL.with_name(name)],
                                 check=True, capture_output=True, text=True).stdout
        return [line for line in listing.splitlines() if " t " in line.lower()]
    assert code("kernel8.elf") == code("kernel8_without_symbols.elf")
