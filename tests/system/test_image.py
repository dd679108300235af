"""What the kernel image must not hold: instructions that fault on a board before
the MMU is on, although QEMU runs them, and vector registers where nobody saves
them. Its header, as the firmware reads it, and its size.
"""

import bisect
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
VECTOR_REGISTER = re.compile(r"(?<![\w.<])[qdvshb][0-9]{1,2}(\.\w+)?(\[\d+\])?(?=[,} ]|$)")
# dc zva and the like fault on memory that is not cacheable, as all is before the MMU is on.
CACHE_ZEROING = re.compile(r"^zva")

# What may come from archives that were not built for this kernel: the balancing of
# std::map's trees, and how many buckets a hash table has.
FOREIGN_OBJECTS = {"tree.o", "hashtable_c++0x.o"}

# The objects that may use vector registers. Nothing saves these registers when an
# exception comes, and nothing may touch them before the MMU is on.
FLOATING_POINT_OBJECTS = {"number_set.cpp.obj", "hashtable_c++0x.o"}
FLOATING_POINT_FOLDER = "kernel/floating_point/"

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
    exclusive access was compiled into, SCTLR_EL1 is read before it, or it is left where
    FIQ is masked, as it is until the MMU is on."""
    users = {name: body for name, body in functions.items()
             if any(EXCLUSIVE.match(mnemonic) for _, mnemonic, _ in body)}
    assert users
    for name, body in users.items():
        first = next(i for i, each in enumerate(body) if EXCLUSIVE.match(each[1]))
        looks = [each for each in body[:first] if each[1] == "mrs" and "sctlr_el1" in each[2]]
        masks = [each for each in body[:first] if each[1] == "mrs" and "daif" in each[2]]
        leaves = [each for each in body[:first] if each[1] == "tbnz" and ", #6, " in each[2]]
        assert looks or (masks and leaves), name


def test_no_outline_atomics() -> None:
    symbols = subprocess.run(["aarch64-linux-gnu-nm", ELF], check=True, capture_output=True,
                             text=True).stdout
    assert "__aarch64_" not in symbols


def uses_vector_registers(instruction: Instruction) -> bool:
    _, mnemonic, operands = instruction
    return mnemonic != ".inst" and bool(VECTOR_REGISTER.search(re.sub(r"<.*>", "", operands)))


@pytest.fixture(scope="module")
def floating_point() -> list[range]:
    """The addresses of the code that came from the objects for it."""
    section = re.compile(r"^ \.text\S*\s+0x([0-9a-f]+)\s+0x([0-9a-f]+) (\S+)$", re.MULTILINE)
    found = {}
    for start, size, source in section.findall(MAP.read_text()):
        name = re.split(r"[/(]", source.rstrip(")"))[-1]
        if name in FLOATING_POINT_OBJECTS and int(start, 16) != 0 and int(size, 16) != 0:
            found.setdefault(name, []).append(range(int(start, 16), int(start, 16) + int(size, 16)))
    assert set(found) == FLOATING_POINT_OBJECTS
    return [each for ranges in found.values() for each in ranges]


def lies_in(address: int, ranges: list[range]) -> bool:
    return any(address in each for each in ranges)


def test_vector_registers_are_where_they_may_be(
        instructions: list[Instruction], floating_point: list[range]) -> None:
    users = [each for each in instructions if uses_vector_registers(each)]
    assert users
    assert [each for each in users if not lies_in(int(each[0], 16), floating_point)] == []


def test_no_template_is_shared_with_floating_point(floating_point: list[range]) -> None:
    """The linker keeps one instance of each, from whichever file."""
    symbols = subprocess.run(["aarch64-linux-gnu-nm", ELF], check=True, capture_output=True,
                             text=True).stdout
    shared = [line for line in symbols.splitlines() if re.search(r" [WVu] ", line)]
    assert len(shared) > 50
    assert [line for line in shared if lies_in(int(line.split()[0], 16), floating_point)] == []


class Code:
    """The kernel's instructions, and what can follow each. What code or data holds
    the address of counts as reached by it; pointers that are only made while the
    kernel runs are not seen."""

    def __init__(self, functions: Functions) -> None:
        self.names: dict[int, str] = {}
        self._at: dict[int, tuple[str, str]] = {}
        self._function: dict[int, list[int]] = {}
        self._refers: dict[int, list[int]] = {}
        self._image = KERNEL.read_bytes()
        self._base = int(next(iter(functions)).split()[0], 16)
        for title, body in functions.items():
            start, name = title.split(" ", 1)
            self.names[int(start, 16)] = name.strip("<>")
            self._add(body)
        listing = subprocess.run(["aarch64-linux-gnu-nm", "-S", ELF], check=True,
                                 capture_output=True, text=True).stdout
        symbols = [line.split() for line in listing.splitlines() if line[0] != " "]
        self._symbols = sorted({int(each[0], 16) for each in symbols})
        self._sizes = {int(each[0], 16): int(each[1], 16) for each in symbols if len(each) == 4}
        address = {each[-1]: int(each[0], 16) for each in symbols}
        # Where there are no constructors, what lies there is somebody else's.
        self._nothing = {self._base}  # Nor does anybody call _start.
        if address["__init_array_start"] == address["__init_array_end"]:
            self._nothing.add(address["__init_array_start"])

    def named(self, pattern: str) -> int:
        found = [start for start, name in self.names.items() if re.fullmatch(pattern, name)]
        assert len(found) == 1, (pattern, found)
        return found[0]

    def reached(self, start: int, end: int | None = None) -> set[int]:
        """From `start` on, on every way that does not lead through the function `end`."""
        seen: set[int] = set()
        objects: set[int] = set()
        ways = [start]
        while ways:
            address = ways.pop()
            while address in self._at and address not in seen:
                seen.add(address)
                mnemonic, operands = self._at[address]
                target = _branch_target(mnemonic, operands)
                if target is not None:
                    if target == end:
                        break
                    ways.append(target)
                for pointed in self._refers.get(address, []):
                    ways += self._code_behind(pointed, objects)
                body = self._function[address]
                if mnemonic == "br":
                    ways += body  # Somewhere in a table of this function's cases.
                if mnemonic in ("b", "br", "ret", "eret") or address == body[-1]:
                    break
                address += 4
        return seen

    def _add(self, body: list[Instruction]) -> None:
        addresses = [int(each[0], 16) for each in body]
        pages: dict[str, int] = {}
        for text, mnemonic, operands in body:
            address = int(text, 16)
            self._at[address] = (mnemonic, operands)
            self._function[address] = addresses
            register = operands.split(",")[0]
            if mnemonic in ("adrp", "adr"):
                value = int(operands.split(", ")[1].split(" ")[0], 16)
                if mnemonic == "adr":
                    self._refers[address] = [value]
                else:
                    pages[register] = value
                continue
            used = re.search(r"(x\d+), #0x([0-9a-f]+)$|\[(x\d+)(?:, #(\d+))?\]", operands)
            if used and (used[1] or used[3]) in pages:
                if mnemonic == "add":
                    self._refers[address] = [pages[used[1]] + int(used[2], 16)]
                elif used[3]:
                    self._refers[address] = [pages[used[3]] + int(used[4] or 0)]
            # What is calculated from the stack's end is in no page.
            if mnemonic == "add" and operands.split(", ")[1] == "sp":
                pages.pop(register, None)

    def _code_behind(self, pointed: int, objects: set[int]) -> list[int]:
        """The code at an address, or all that the object there holds addresses of."""
        found: list[int] = []
        todo = [pointed]
        while todo:
            address = todo.pop()
            if address in self._nothing:
                continue
            if address in self._at:
                found.append(address)
                continue
            index = bisect.bisect_right(self._symbols, address)
            start = self._symbols[index - 1]
            end = start + self._sizes.get(start, 0)
            if address >= end:  # A literal, which has no symbol: up to the next one.
                start, end = address, self._symbols[min(index, len(self._symbols) - 1)]
            start = (start + 7) & ~7
            if start in objects or not self._base <= start < self._base + len(self._image):
                continue
            objects.add(start)
            content = self._image[start - self._base:end - self._base]
            todo += [word for (word,) in struct.iter_unpack("<Q", content[:len(content) & ~7])
                     if self._base <= word < self._base + len(self._image)]
        return found


def _branch_target(mnemonic: str, operands: str) -> int | None:
    if not re.fullmatch(r"b|bl|b\.\w+|cbn?z|tbn?z", mnemonic):
        return None
    return int(operands.split(", ")[-1].split(" ")[0], 16)


@pytest.fixture(scope="module")
def code(functions: Functions) -> Code:
    return Code(functions)


def test_an_exception_reaches_no_floating_point(
        code: Code, floating_point: list[range]) -> None:
    reached = code.reached(code.named("exception_vectors"))
    names = {code.names[each] for each in reached if each in code.names}
    assert {"handle_exception", "resume_at"} <= names
    assert any("handle_interrupts" in each for each in names)
    assert sorted(names & {code.names[each.start] for each in floating_point
                           if each.start in code.names}) == []
    assert [each for each in reached if lies_in(each, floating_point)] == []


def test_nothing_reaches_floating_point_before_the_mmu_is_on(
        code: Code, floating_point: list[range]) -> None:
    reached = code.reached(code.named("_start"), code.named(r".*10enable_mmu.*"))
    names = {code.names[each] for each in reached if each in code.names}
    assert {"kernel_start", "report_misplaced"} <= names
    assert any("8discover" in each for each in names)
    assert [each for each in reached if lies_in(each, floating_point)] == []


def test_floating_point_is_set_up_where_it_is_allowed(functions: Functions) -> None:
    """What its control register holds after a reset is not said."""
    allowing = [body for body in functions.values()
                if any(each[1:] == ("msr", "cpacr_el1, x1") for each in body)]
    assert allowing
    for body in allowing:
        written = [each[2].split(",")[0] for each in body if each[1] == "msr"]
        assert "fpcr" in written[written.index("cpacr_el1"):]


def test_floating_point_calls_nothing_that_is_come_back_to(
        code: Code, floating_point: list[range]) -> None:
    """call_recoverably saves no vector registers. And the closures above do find
    floating point where it is. A panic is where the way ends: its shell calls
    call_recoverably, but nothing returns from there to what panicked."""
    command = code.reached(code.named(r"_ZN.*grow.*9NumberSet.*"))
    assert any(lies_in(each, floating_point) for each in command)
    recoverably = code.named("call_recoverably")
    panic = code.named(r".*13panic_handler.*")
    assert recoverably in code.reached(panic)
    for each in floating_point:
        assert recoverably not in code.reached(each.start, panic)


def is_cache_zeroing(instruction: Instruction) -> bool:
    return instruction[1] == "dc" and CACHE_ZEROING.match(instruction[2]) is not None


def test_only_memset_zeroes_by_cache_lines_and_asks_before(functions: Functions) -> None:
    zeroing = {title: body for title, body in functions.items()
               if any(is_cache_zeroing(each) for each in body)}
    assert [title.split(" ", 1)[1] for title in zeroing] == ["<memset>"]
    body, = zeroing.values()
    first = min(i for i, each in enumerate(body) if is_cache_zeroing(each))
    asked = {each[2].split()[-1] for each in body[:first] if each[1] == "mrs"}
    assert {"dczid_el0", "sctlr_el1"} <= asked


def test_every_offset_is_a_multiple_of_the_access(
        instructions: list[Instruction]) -> None:
    """With -mstrict-align on every object, bases are aligned as their types are. Vector
    registers are used only where any alignment will do."""
    offset = re.compile(r"\[(\w+), #(-?\d+)\]|\[(\w+)\], #(-?\d+)")
    seen = 0
    odd = []
    for each in instructions:
        _, mnemonic, operands = each
        if not re.match(r"(ld|st)(u|t)?[rp]", mnemonic) or uses_vector_registers(each):
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
    for flag in ("-mstrict-align", "-mno-outline-atomics"):
        assert [line for line in compiled if flag not in line] == []
    floating = {line.split(FLOATING_POINT_FOLDER)[-1].strip(' ",') for line in compiled
                if "-mgeneral-regs-only" not in line}
    assert floating == {name.removesuffix(".obj") for name in FLOATING_POINT_OBJECTS
                        if name.endswith(".cpp.obj")}


def test_only_known_objects_come_from_foreign_archives() -> None:
    members = re.findall(r"^/usr/\S+\.a\((\S+)\)", MAP.read_text(), re.MULTILINE)
    assert set(members) == FOREIGN_OBJECTS


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
    """With all commands and symbols. Before the terminal, the language and XMODEM it was 192 KiB,
    before the heap could be looked into 260."""
    assert KERNEL.stat().st_size <= 400 * 1024


def test_the_symbols_are_those_of_this_kernel() -> None:
    """The table is made from a kernel without it; the code must lie where it did."""
    def code(name: str) -> list[str]:
        listing = subprocess.run(["aarch64-linux-gnu-nm", "-n", KERNEL.with_name(name)],
                                 check=True, capture_output=True, text=True).stdout
        return [line for line in listing.splitlines() if " t " in line.lower()]
    assert code("kernel8.elf") == code("kernel8_without_symbols.elf")
