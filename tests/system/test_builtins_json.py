"""The built-in commands for programs: the fields that the contract names, and
what must be true of their values.
"""

import json
import random
import re
from typing import Any

import pytest

from harness import Json, Machines, Shell
from session import PROMPT
from texts import FAILED, UNKNOWN, WRONG_USAGE

BLOCK_FIELDS = {"id", "address", "size", "align", "usable", "tag"}
FREED_FIELDS = {"id", "address", "size"}
STATS_COUNTS = {
    "heap_bytes", "used_bytes", "requested_bytes", "free_bytes", "metadata_bytes",
    "peak_used_bytes", "largest_free_bytes", "fragmentation_permille", "live_blocks",
    "allocations", "frees", "failures",
}
RASPI3B_MEMORY = 0x3C000000


def address(text: Any) -> int:
    assert isinstance(text, str) and re.fullmatch(r"0x[0-9a-f]+", text), text
    return int(text, 16)


def assert_consistent(stats: Json) -> None:
    assert stats["heap_bytes"] == stats["used_bytes"] + stats["free_bytes"] + stats["metadata_bytes"]
    assert stats["heap_bytes"] == address(stats["end"]) - address(stats["start"])
    assert stats["used_bytes"] >= stats["requested_bytes"]
    assert stats["peak_used_bytes"] >= stats["used_bytes"]
    assert stats["largest_free_bytes"] <= stats["free_bytes"]
    free, largest = stats["free_bytes"], stats["largest_free_bytes"]
    assert stats["fragmentation_permille"] == (1000 - 1000 * largest // free if free else 0)


def change(before: Json, after: Json) -> Json:
    return {name: after[name] - before[name] for name in STATS_COUNTS if after[name] != before[name]}


def test_stats_has_every_field(json_shell: Shell) -> None:
    stats = json_shell.result("stats")
    assert stats["allocator"] in ("bin", "bump", "first-fit")
    for name in STATS_COUNTS:
        assert type(stats[name]) is int, name
    for entry in stats["bins"]:
        assert {"size", "free_blocks", "free_bytes"} <= entry.keys()
    assert_consistent(stats)


@pytest.mark.parametrize("allocator", ["bin", "bump", "first-fit"])
def test_stats_follow_alloc_and_free(machines: Machines, allocator: str) -> None:
    shell = machines.boot(f"shell.mode=json heap.allocator={allocator}")
    before = shell.result("stats")
    assert before["allocator"] == allocator
    block = shell.result("alloc 100")["blocks"][0]
    during = shell.result("stats")
    assert_consistent(during)
    changed = change(before, during)
    assert (changed["live_blocks"], changed["allocations"], changed["requested_bytes"]) == (1, 1, 100)
    assert changed["used_bytes"] >= block["usable"] >= 100
    shell.result(f"free {block['id']}")
    after = shell.result("stats")
    assert_consistent(after)
    assert change(before, after).keys() >= {"allocations", "frees"}
    assert after["live_blocks"] == before["live_blocks"]
    if allocator != "bump":
        assert after["used_bytes"] == before["used_bytes"]
    else:
        assert after["used_bytes"] == during["used_bytes"]


def test_a_bin_heap_is_one_block_again_when_all_is_free(machines: Machines) -> None:
    shell = machines.boot("shell.mode=json heap.allocator=bin heap.size=1M")
    before = shell.result("stats")
    shell.result("alloc 100 -n 500")
    for number in range(1, 501, 2):
        shell.result(f"free a{number}")
    assert_consistent(shell.result("stats"))
    shell.result("free all")
    after = shell.result("stats")
    assert after["largest_free_bytes"] == after["free_bytes"]
    assert after["free_bytes"] == before["free_bytes"]
    assert after["fragmentation_permille"] == 0


def test_a_failed_alloc_changes_only_the_failures(json_shell: Shell) -> None:
    before = json_shell.result("stats")
    reply = json_shell.json("alloc 3G")
    assert reply["status"] == FAILED
    assert change(before, json_shell.result("stats")).keys() <= {"failures"}


def test_alloc_gives_the_fields_of_each_block(json_shell: Shell) -> None:
    blocks = json_shell.result("alloc 100 64 -n 3 -t page")["blocks"]
    assert len(blocks) == 3
    for block in blocks:
        assert BLOCK_FIELDS <= block.keys()
        assert re.fullmatch(r"a[1-9][0-9]*", block["id"])
        assert address(block["address"]) % 64 == 0
        assert (block["size"], block["align"], block["tag"]) == (100, 64, "page")
        assert type(block["usable"]) is int and block["usable"] >= 100
    assert len({block["id"] for block in blocks}) == 3


def test_alloc_without_options_aligns_to_16_and_has_no_tag(json_shell: Shell) -> None:
    block = json_shell.result("alloc 1")["blocks"][0]
    assert (block["size"], block["align"], block["tag"]) == (1, 16, None)
    assert address(block["address"]) % 16 == 0


def test_alloc_of_many_is_all_or_none(json_shell: Shell) -> None:
    before = json_shell.result("stats")
    assert json_shell.json("alloc 16M -n 1000")["status"] == FAILED
    after = json_shell.result("stats")
    for name in ("live_blocks", "used_bytes", "requested_bytes", "free_bytes"):
        assert after[name] == before[name]


def test_a_handle_is_never_used_again(json_shell: Shell) -> None:
    seen = []
    for _ in range(5):
        seen.append(json_shell.result("alloc 64")["blocks"][0]["id"])
        json_shell.result(f"free {seen[-1]}")
    assert len(set(seen)) == 5


def test_free_gives_the_fields_of_each_block(json_shell: Shell) -> None:
    blocks = json_shell.result("alloc 48 -n 2")["blocks"]
    freed = json_shell.result(f"free {blocks[1]['id']} {blocks[0]['address']}")["freed"]
    assert len(freed) == 2
    for entry in freed:
        assert FREED_FIELDS <= entry.keys()
        assert entry["size"] == 48
    assert {entry["id"] for entry in freed} == {block["id"] for block in blocks}
    assert {entry["address"] for entry in freed} == {block["address"] for block in blocks}


def test_free_by_tag_frees_just_those(json_shell: Shell) -> None:
    tagged = json_shell.result("alloc 48 -n 3 -t t1")["blocks"]
    json_shell.result("alloc 48")
    freed = json_shell.result("free -t t1")["freed"]
    assert {entry["id"] for entry in freed} == {block["id"] for block in tagged}
    assert len(json_shell.result("free all")["freed"]) == 1


def test_atags_gives_the_tags_and_the_memory(json_shell: Shell) -> None:
    result = json_shell.result("atags")
    assert (result["source"], result["address"]) == ("atags", "0x100")
    tags = {tag["tag"]: tag for tag in result["tags"]}
    for tag in result["tags"]:
        assert {"tag", "id", "words"} <= tag.keys()
        assert type(tag["words"]) is int
    assert tags["CORE"]["id"] == "0x54410001"
    assert {"id": "0x54410002", "words": 4, "size": RASPI3B_MEMORY, "start": "0x0"}.items() \
        <= tags["MEM"].items()
    assert "shell.mode=json" in json.dumps(tags["CMDLINE"])
    assert [(address(bank["start"]), address(bank["end"])) for bank in result["memory"]] \
        == [(0, RASPI3B_MEMORY)]
    assert len(json.dumps(json_shell.result("atags -x"))) > len(json.dumps(result))


def test_heapmap_covers_the_heap(json_shell: Shell) -> None:
    stats = json_shell.result("stats")
    result = json_shell.result("heapmap")
    assert (result["start"], result["end"]) == (stats["start"], stats["end"])
    assert all(type(cell) is int and 0 <= cell <= 1000 for cell in result["cells"])
    size = address(result["end"]) - address(result["start"])
    assert len(result["cells"]) == -(-size // result["cell_bytes"])


def test_heapmap_shows_a_block_as_full_cells(json_shell: Shell) -> None:
    # At the heap's end only the lowest has so much memory behind it.
    blocks = json_shell.result("alloc 64K 64K -n 3")["blocks"]
    block = min(blocks, key=lambda block: address(block["address"]))
    for other in blocks:
        if other is not block:
            json_shell.result(f"free {other['id']}")
    result = json_shell.result(f"heapmap {block['address']} 128K -w 16 -r 1")
    assert result["start"] == block["address"]
    assert result["cell_bytes"] * len(result["cells"]) >= 128 << 10
    assert len(result["cells"]) <= 16
    assert result["cells"][0] == 1000
    assert result["cells"][-1] < 1000


def test_heapmap_lists_blocks_only_when_asked(json_shell: Shell) -> None:
    block = json_shell.result("alloc 64")["blocks"][0]
    assert "blocks" not in json_shell.result("heapmap")
    listed = json_shell.result("heapmap -b")["blocks"]
    assert block["address"] in [entry["address"] for entry in listed]


def test_random_work_keeps_the_figures_and_the_blocks_apart(json_shell: Shell) -> None:
    choose = random.Random(20240229)
    live: dict[str, tuple[int, int]] = {}
    for _ in range(300):
        if live and choose.random() < 0.45:
            name = choose.choice(list(live))
            json_shell.result(f"free {name}")
            del live[name]
            continue
        size, align = choose.randint(1, 5000), 1 << choose.randint(0, 12)
        block = json_shell.result(f"alloc {size} {align}")["blocks"][0]
        start = address(block["address"])
        assert start % align == 0
        live[block["id"]] = (start, start + size)
    ranges = sorted(live.values())
    assert all(one[1] <= two[0] for one, two in zip(ranges, ranges[1:]))
    stats = json_shell.result("stats")
    assert_consistent(stats)
    assert stats["live_blocks"] >= len(live)


def test_there_is_no_echo_no_prompt_and_one_line_for_each_command(json_shell: Shell) -> None:
    json_shell.send(b"stats\recho hi\r\rnosuch\r@z echo last\r")
    seen = json_shell.read_until(b"@z END status=0\r\n").split(b"\r\n")
    replies = [json.loads(line) for line in seen if line.startswith(b"{")]
    assert [reply["command"] for reply in replies] == ["stats", "echo", "nosuch", "echo"]
    assert PROMPT not in b"".join(seen)
    assert len(seen) == len(replies) + 3  # the frame's two lines, and what follows the last


@pytest.mark.parametrize("line, command, status", [
    ("free a4000000000", "free", FAILED),
    ("alloc 0", "alloc", FAILED),
    ("alloc x", "alloc", WRONG_USAGE),
    ("alloc", "alloc", WRONG_USAGE),
    ("nosuch 1 2", "nosuch", UNKNOWN),
    ("nosuch", "nosuch", UNKNOWN),
    ("echo 'unclosed", "echo", WRONG_USAGE),
    ("echo a; echo 'b", "echo", WRONG_USAGE),
    ("stats " + "x " * 70, "stats", WRONG_USAGE),
    ("stats " + "x" * 600, "stats", WRONG_USAGE),
])
def test_every_failure_is_one_reply(
        json_shell: Shell, line: str, command: str, status: int) -> None:
    reply = json_shell.json(line)
    assert (reply["command"], reply["status"]) == (command, status)
    assert "result" not in reply
    assert reply["error"]["kind"] and "\n" not in reply["error"]["message"]
    assert reply["error"]["message"]


def test_chained_commands_give_a_reply_each(json_shell: Shell) -> None:
    replies = json_shell.replies("echo a; nosuch || echo c && stats")
    assert [(reply["command"], reply["status"]) for reply in replies] == [
        ("echo", 0), ("nosuch", UNKNOWN), ("echo", 0), ("stats", 0)]


def test_words_with_special_characters_are_valid_json(json_shell: Shell) -> None:
    reply = json_shell.json(r"""'no"such\' x""")
    assert reply["status"] == UNKNOWN
    assert 'no"such\\' in reply["error"]["message"]


def test_the_mode_can_be_left_and_entered(json_shell: Shell) -> None:
    json_shell.run("mode plain")
    assert json_shell.ok("echo plain") == ["plain"]
    json_shell.run("mode json")
    assert json_shell.json("echo json")["status"] == 0
