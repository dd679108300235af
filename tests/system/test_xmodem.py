"""`receive` and `boot` with lrzsz's senders, on good and on bad lines, and from the
real picocom.
"""

import json
import random
import re
import subprocess
from pathlib import Path
from typing import Iterator

import pytest

from commands import examples_of, needs_blocks, page_of
from harness import KERNEL, Machines, Shell
from person import LEAVE, Person
from sender import ASKS, NoisyLine, send_file
from session import PROMPT
from test_boot import DEVICE_TREE
from test_schema import assert_valid

SENDERS = [("sx",), ("sx", "-k"), ("sb", "-X")]
GREETING = b"Type help for the commands.\r\n" + PROMPT


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Some blocks and a part of one, with every byte in it, at its end no padding."""
    path = tmp_path / "file"
    path.write_bytes(random.Random(5).randbytes(5000) + bytes(range(255, -1, -1)) + b"z")
    return path


def reply(shell: Shell) -> str:
    return shell.read_until(b"\r\n" + PROMPT).decode("latin-1")


def received(shell: Shell, said: str) -> bytes:
    """The block that the reply tells of, by a dump of it."""
    block, size = re.search(r"id +(a\d+)\r", said), re.search(r"size +(\d+)", said)
    assert block and size, said
    lines = shell.ok(f"dump {block[1]} {size[1]}")
    rows = [re.match(r"0x\w+  ((?: ?[0-9a-f]{2})+)", line) for line in lines]
    return b"".join(bytes.fromhex(row[1]) for row in rows if row)[:int(size[1])]


def heap_of(shell: Shell) -> list[str]:
    return shell.ok("stats; heapmap -b")


@pytest.mark.parametrize("program", SENDERS)
def test_the_file_is_the_block(shell: Shell, file: Path, program: tuple[str, ...]) -> None:
    shell.send(b"receive -t sent\r")
    assert send_file(shell, file, *program) == 0
    said = reply(shell)
    assert received(shell, said) == file.read_bytes()
    assert re.search(r"retries +0\r", said) and re.search(r"check +crc\r", said), said
    shell.ok("free -t sent")


def test_padding_is_kept_where_asked(shell: Shell, file: Path) -> None:
    shell.send(b"receive -p\r")
    assert send_file(shell, file, "sx") == 0
    content = file.read_bytes()
    assert received(shell, reply(shell)) == content + bytes([0x1a]) * (-len(content) % 128)


def test_json_has_the_protocol_and_one_line(own_machines: Machines, file: Path) -> None:
    shell = own_machines.boot("shell.mode=json")
    # Without words to a person, the protocol says when to begin.
    shell.send(b"receive -t sent\r")
    assert send_file(shell, file, "sx", asks=b"") == 0
    line = shell.read_until(b"}}\r\n")
    assert set(line[:line.index(b"{")]) <= set(b"C\x06\x15")
    done = json.loads(line[line.index(b"{"):])
    assert_valid(done)
    assert done["result"]["size"] == len(file.read_bytes())
    shell.send(b"receive\r")
    shell.read_until(b"C")
    shell.send(b"\x18\x18")
    line = shell.read_until(b"}}\r\n")
    failed = json.loads(line[line.index(b"{"):])
    assert_valid(failed)
    assert failed["error"]["kind"] == "cancelled"
    assert set(line[:line.index(b"{")]) <= set(b"C")


def test_the_reply_of_boot_in_json(own_machines: Machines) -> None:
    shell = own_machines.boot("shell.mode=json")
    shell.send(b"boot\r")
    assert send_file(shell, KERNEL, "sx", "-k", asks=b"") == 0
    line = shell.read_until(b"}}\r\n")
    done = json.loads(line[line.index(b"{"):])
    assert_valid(done)
    assert done["result"]["action"] == "booting"
    # The command line is the same, and so is the mode.
    shell.wait_until_ready()
    assert shell.result("stats")["live_blocks"] == 0


def test_the_examples(own_machines: Machines, file: Path) -> None:
    pages = own_machines.boot("shell.mode=json")
    for example in examples_of(page_of(pages, "receive")):
        shell = own_machines.boot()
        shell.send(example.encode() + b"\r")
        assert send_file(shell, file, "sx") == 0
        assert "a1" in reply(shell)
    for example in examples_of(page_of(pages, "boot")):
        shell = own_machines.boot()
        for line in ["receive -p", example] if needs_blocks(example) else [example]:
            shell.send(line.encode() + b"\r")
            if line == example and needs_blocks(example):
                break
            assert send_file(shell, KERNEL, "sx", "-k") == 0
            if line != example:
                reply(shell)
        shell.read_until(b"\r\nbooting\r\n")
        shell.read_until(GREETING)


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("program", SENDERS[:2])
def test_a_noisy_line_gives_the_file_or_nothing(
        shell: Shell, file: Path, program: tuple[str, ...], seed: int) -> None:
    before = heap_of(shell)
    forth = NoisyLine(1000, seed)
    shell.send(b"receive -t sent\r")
    # What the sender makes of its last answer does not count.
    send_file(shell, file, *program, forth=forth)
    said = reply(shell)
    assert forth.harmed > 0
    if "error: " in said:
        assert heap_of(shell) == before
    else:
        assert received(shell, said) == file.read_bytes()
        shell.ok("free -t sent")
    shell.settle()


@pytest.mark.parametrize("keys, reason", [
    (b"\x03", "interrupted"), (b"\x18\x18", "the sender gave up")])
def test_a_person_gives_up(shell: Shell, keys: bytes, reason: str) -> None:
    before = heap_of(shell)
    shell.send(b"receive\r")
    shell.read_until(ASKS)
    shell.send(keys)
    assert f"error: {reason}; nothing has changed\r\n" in reply(shell)
    assert heap_of(shell) == before
    shell.settle()


def test_a_sender_that_dies_is_given_up(shell: Shell, file: Path) -> None:
    before = heap_of(shell)
    shell.send(b"receive\r")
    send_file(shell, file, "sx", killed_after=1000)
    assert "error: the sender has stopped; nothing has changed\r\n" in reply(shell)
    assert heap_of(shell) == before
    shell.settle()


def test_a_file_larger_than_the_heap(own_machines: Machines, file: Path) -> None:
    shell = own_machines.boot("heap.size=4K")
    before = heap_of(shell)
    file.write_bytes(file.read_bytes() * 3)
    shell.send(b"receive\r")
    send_file(shell, file, "sx")
    assert "error: there is not enough memory for the file" in reply(shell)
    assert heap_of(shell) == before
    shell.settle()


def test_ymodem_is_told(shell: Shell, file: Path) -> None:
    shell.send(b"receive\r")
    send_file(shell, file, "sb")
    assert "error: that was YMODEM: send by XMODEM (sx)" in reply(shell)
    shell.settle()


# ---- boot ----


def check_kernel(shell: Shell) -> None:
    cores = shell.ok("cores")
    assert [line.split()[1] for line in cores[1:5]] == ["running", "idle", "idle", "idle"], cores
    shell.ok("stress -n 1000; selftest; atags")
    assert not any("faulted" in line for line in shell.ok("cores"))


def test_kernels_start_kernels(own_machines: Machines) -> None:
    shell = own_machines.boot("shell.run=\"echo started\"")
    atags = shell.ok("atags")
    for _ in range(2):
        shell.ok("alloc 64 -n 3; stress -n 1000")
        shell.send(b"boot\r")
        assert send_file(shell, KERNEL, "sx", "-k") == 0
        said = shell.read_until(GREETING.removesuffix(PROMPT))
        assert b"\r\nbooting\r\n" in said
        # The same command line, so that the first one's tags are still there.
        shell.read_until(b"started\r\n")
        shell.wait_until_ready()
        assert shell.ok("atags") == atags
        assert "live_blocks            0" in shell.ok("stats")
        check_kernel(shell)


def test_a_received_block_is_started(own_machines: Machines) -> None:
    shell = own_machines.boot()
    shell.send(b"receive -t kernel\r")
    assert send_file(shell, KERNEL, "sx", "-k") == 0
    reply(shell)
    shell.send(b"@k boot a1; echo never\r")
    shell.read_until(b"\r\nbooting\r\n@k END status=0\r\n")
    assert b"never" not in shell.read_until(GREETING)
    shell.wait_until_ready()
    check_kernel(shell)


def test_a_kernel_is_started_with_a_device_tree(own_machines: Machines, tmp_path: Path) -> None:
    """Its address is what the firmware passed in x0."""
    tree = tmp_path / "board.dtb"
    subprocess.run(["dtc", "-q", "-O", "dtb", "-o", str(tree)],
                   input=DEVICE_TREE, text=True, check=True)
    shell = own_machines.boot(dtb=tree)
    atags = shell.ok("atags")
    shell.send(b"boot\r")
    assert send_file(shell, KERNEL, "sx", "-k") == 0
    shell.read_until(GREETING)
    shell.wait_until_ready()
    assert shell.ok("atags") == atags


def test_what_is_no_kernel_is_not_started(shell: Shell, file: Path) -> None:
    before = heap_of(shell)
    shell.send(b"boot\r")
    assert send_file(shell, file, "sx") == 0
    assert "error: it does not have the header of an arm64 kernel image\r\n" in reply(shell)
    assert heap_of(shell) == before
    check_kernel(shell)


def test_a_kernel_that_reaches_into_what_is_in_use_is_not_started(
        own_machines: Machines, tmp_path: Path) -> None:
    image = bytearray(KERNEL.read_bytes())
    image[16:24] = (0x3f00_0000).to_bytes(8, "little")
    path = tmp_path / "large"
    path.write_bytes(image)
    shell = own_machines.boot()
    shell.send(b"boot\r")
    assert send_file(shell, path, "sx", "-k") == 0
    assert "error: the memory that it needs is not all free\r\n" in reply(shell)
    check_kernel(shell)


def test_a_block_that_is_not_aligned_is_not_started(own_machines: Machines) -> None:
    shell = own_machines.boot("shell.mode=json")
    shell.result("allocator bump all")
    blocks = shell.result("alloc 8 8 -n 2")["blocks"]
    odd = next(block for block in blocks if int(block["address"], 16) % 16 != 0)
    error = shell.json(f"boot {odd['id']} -f")["error"]
    assert error == {"kind": "cannot-boot", "message": "it is not aligned to 16 bytes"}


# ---- picocom ----


@pytest.fixture
def person() -> Iterator[Person]:
    person = Person("picocom", "--kernel", str(KERNEL))
    yield person
    person.close()


@pytest.mark.parametrize("seconds", [0, 12])
def test_a_person_sends_a_file_from_picocom(person: Person, file: Path, seconds: int) -> None:
    """However long it takes to type its name: requests gather meanwhile."""
    person.sees()
    person.type("receive\r")
    person.awaits("Ctrl-C gives up.")
    person.type("\x01\x13")
    person.awaits("*** file:")
    person.rests(seconds)
    person.type(f"{file}\r")
    person.sees("a1", str(len(file.read_bytes())), "check                  crc")
    person.type(LEAVE)
    assert person.exit_status() == 0


def test_a_person_starts_a_kernel_from_picocom(person: Person) -> None:
    person.sees()
    person.type("boot\r")
    person.awaits("Ctrl-C gives up.")
    person.type("\x01\x13")
    person.awaits("*** file:")
    person.type(f"{KERNEL}\r")
    person.awaits("booting", seconds=120)
    person.sees("booting", "heapscope 0.1.0", "Type help")
    person.type("cores\r")
    person.sees("3  idle")
    person.type(LEAVE)
    assert person.exit_status() == 0
