"""`board`: the facts that the firmware, here QEMU's, answers with."""

import re

import pytest

from harness import Machines, Shell

FIELDS = [
    "model", "revision", "serial", "firmware_revision", "arm_memory_start", "arm_memory_end",
    "gpu_memory_start", "gpu_memory_end", "core_clock_hz", "arm_clock_hz",
    "temperature_millidegrees", "throttled",
]
HEXADECIMAL = [name for name in FIELDS if re.search("memory|revision|serial|throttled", name)]


def test_every_field_is_there_with_its_type(json_shell: Shell) -> None:
    board = json_shell.result("board")
    assert list(board) == FIELDS
    for name, value in board.items():
        if name in HEXADECIMAL:
            assert value is None or re.fullmatch("0x[0-9a-f]+", value), (name, value)
        elif name != "model":
            assert value is None or (isinstance(value, int) and value > 0), (name, value)


@pytest.mark.parametrize("board, model, revision, arm_end, gpu_end", [
    ("raspi3b", "Raspberry Pi 3 Model B", "0xa02082", "0x3c000000", "0x40000000"),
    ("raspi3ap", "Raspberry Pi 3 Model A+", "0x9020e0", "0x1c000000", "0x20000000"),
])
def test_what_qemu_knows_of_each_board(own_machines: Machines, board: str, model: str,
                                       revision: str, arm_end: str, gpu_end: str) -> None:
    facts = own_machines.boot("shell.mode=json", board=board).result("board")
    assert (facts["model"], facts["revision"]) == (model, revision)
    assert (facts["arm_memory_start"], facts["arm_memory_end"]) == ("0x0", arm_end)
    assert (facts["gpu_memory_start"], facts["gpu_memory_end"]) == (arm_end, gpu_end)
    assert facts["temperature_millidegrees"] == 25000
    assert facts["serial"] is not None and facts["firmware_revision"] is not None


def test_a_clock_that_is_not_measured_is_the_nominal_one(json_shell: Shell) -> None:
    """QEMU 7.2 does not answer the measured one; a later one may."""
    board = json_shell.result("board")
    assert board["core_clock_hz"] and board["arm_clock_hz"]


def test_model_and_memory_agree_with_the_other_commands(json_shell: Shell) -> None:
    board = json_shell.result("board")
    assert board["model"] == json_shell.result("version")["board"]
    assert board["arm_memory_end"] == json_shell.result("atags")["memory"][0]["end"]


def test_plain_text_shows_a_line_for_each(shell: Shell) -> None:
    lines = shell.ok("board")
    assert [line.split()[0] for line in lines] == FIELDS
    assert all(len(line.split()) >= 2 for line in lines)


def test_it_takes_no_arguments(json_shell: Shell) -> None:
    assert json_shell.json("board x")["status"] == 2
