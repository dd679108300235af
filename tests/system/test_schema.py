"""Every reply of every command in json mode is what docs/schema.json says, and nothing
beside. The commands and their examples come from the kernel, so that a command that is
not described there fails here.
"""

import copy
import json
from pathlib import Path
from typing import Any, Iterator

import jsonschema
import pytest

from commands import ENDING, PREPARATION, examples_of, names_of_commands, page_of, write_trace
from harness import PROJECT_ROOT, Json, Machines, Shell

SCHEMA = json.loads((PROJECT_ROOT / "docs/schema.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

# What the examples do not show: parts of replies that are rare, and errors of all
# kinds. Each line is run on a heap that has blocks a1 to a3.
LINES = [
    "heapmap -b -w 8 -r 1", "heapmap a1 -b", "atags -x", "replay initrd -v", "compare initrd",
    "compare uniform -n 50", "demo string 40", "demo map 3 -v", "time nosuch", "time alloc 64",
    "dump 0x3ffffff0 0x20", "peek a1 -w 8", "crash read", "crash spin -c 3", "crash read -c 2",
    "cores", "uart", "stress -c 1 -n 500", "alloc 100 64 -n 2 -t x", "free a1 a2",
    "free a1", "free 0", "free x", "free all all", "free -t nosuch", "free -t page", "alloc 0",
    "alloc 3G", "alloc 64 3", "alloc", "alloc x", "alloc 1 2 3", "alloc 600M; alloc 600M",
    "heapmap 0", "heapmap x", "peek 0", "peek a99", "poke a3 256 -w 1", "fill a3 3 0",
    "dump 0x50000000", "replay nosuch", "replay uniform -n 0", "compare", "demo nosuch",
    "demo vector 0", "mode xml", "help nosuch", "echo \x01\x7f\xff", "poweroff 256", "crash nosuch",
    "nosuch", "echo 'a", "; echo", "&&", "x " * 65, "echo " + "x" * 600,
    "allocator nosuch", "allocator bin 3G", "allocator bin 1", "allocator bump 64K", "stats",
    "alloc 64", "heapmap -b", "demo vector", "replay uniform", "allocator first-fit 64K", "stats",
    "allocator bin all", "help", "mode", "heapmap -k tag", "heapmap --live -c 2 -i 0 -r 2",
    "heapmap --ram", "heapmap --live", "blocks --live --sort age", "blocks --free --live",
    "blocks --sort nosuch", "blocks --tag x", "who 0x80000", "who 0x60000000", "free a6; who a6",
    "origins off", "who 0x10000000", "diff boot", "origins on", "trace on", "alloc 64 -t t",
    "demo vector 10", "alloc 3000M", "free all", "trace frees", "trace dump", "trace clear",
    "trace nosuch", "trace off", "mark one", "alloc 64", "diff one", "diff one -b -g caller",
    "diff nosuch", "mark two", "diff one two", "mark one -d", "mark nosuch -d", "mark boot",
    "bins", "fail", "fail nth 1", "alloc 64", "fail", "fail probability 20", "fail nth",
    "fail every 1", "demo set", "demo map 3", "selftest", "replay uniform -n 50", "fail off",
    "bins", "latency on", "check --every 1", "alloc 64", "demo vector 10", "alloc 3000M", "check",
    "latency", "latency -u ns", "latency -u days", "latency -u instructions", "latency off",
    "check --every nosuch", "check --every off", "harden", "harden none", "harden full",
    "harden nosuch", "free all", "harden full", "harden", "alloc 64", "check", "harden default",
    "free all", "harden default", "allocator bump", "harden", "harden full", "check",
    "allocator bin",
    "bins", "workload", "workload stop", "workload nosuch", "workload lifo -c 3", "workload lifo -k",
    "workload lifo -r 0", "workload lifo", "workload lifo -c 2", "stress", "allocator bin",
    "workload", "workload stop -s 1", "workload stop -k", "workload stop", "workload -k",
    "workload initrd -n 3 -r max", "sleep 50", "workload",
]


def assert_valid(reply: Json) -> None:
    error = jsonschema.exceptions.best_match(VALIDATOR.iter_errors(reply))
    assert error is None, f"{error.message}\nin {json.dumps(reply)[:2000]}"


def valid_replies(shell: Shell, line: str) -> list[Json]:
    """In json mode: the replies to a line, of which each is valid, and all that it says."""
    replies = [json.loads(text) for text in shell.run(line).lines]
    for reply in replies:
        assert_valid(reply)
    return replies


def error_forms(name: str) -> list[str]:
    if name == "watch":
        name = "watch -c 1"  # which would go on for ever
    return [name, f"{name} -Z", f"{name} '' '' '' ''", f"{name} 99999999999999999999", f"{name} -n"]


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    return write_trace(tmp_path)


def described_results() -> set[str]:
    return {name.removeprefix("result_") for name in SCHEMA["$defs"] if name.startswith("result_")}


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_every_command_is_described(json_shell: Shell) -> None:
    names = names_of_commands(json_shell)
    assert described_results() == set(names)
    command = SCHEMA["oneOf"][1]["anyOf"]
    assert [each["properties"]["command"]["const"] for each in command[:-1]] == names
    assert command[-1]["properties"]["command"]["enum"] == names


def test_every_example_and_every_refusal(own_machines: Machines, trace: Path) -> None:
    names = names_of_commands(own_machines.boot("shell.mode=json"))
    for name in sorted(set(names) - ENDING):
        shell = own_machines.boot("shell.mode=json", initrd=trace)
        page = page_of(shell, name)
        shell.run(PREPARATION)
        answered: list[Json] = []
        for line in [*examples_of(page), *error_forms(name), f"help {name}", f"{name} --help"]:
            answered += valid_replies(shell, line)
            shell.run("mode json")
        assert any(reply["command"] == name and "result" in reply for reply in answered), name
        shell.close()


def test_all_else_that_can_be_said(own_machines: Machines, trace: Path) -> None:
    shell = own_machines.boot("shell.mode=json", initrd=trace)
    valid_replies(shell, PREPARATION)
    kinds = set()
    for line in LINES:
        replies = valid_replies(shell, line)
        assert replies, line
        kinds |= {reply["error"]["kind"] for reply in replies if "error" in reply}
        kinds |= {reply["result"]["problem"]["kind"] for reply in replies
                  if "problem" in reply.get("result", {})}
    assert kinds >= {
        "usage", "unknown-command", "syntax", "too-many-arguments", "line-too-long",
        "not-allocated", "outside-heap", "exhausted", "unsupported", "fault"}


@pytest.mark.parametrize("command_line", [
    "shell.mode=json heap.allocator=nosuch", "shell.mode=json heap.hardening=full",
    "shell.mode=json heap.allocator=first-fit heap.size=64K", "shell.mode=json nosuch.key=1",
])
def test_the_replies_of_a_boot(own_machines: Machines, command_line: str) -> None:
    shell = own_machines.boot(command_line)
    for line in bytes(shell.transcript).splitlines():
        if line.startswith(b"{"):
            assert_valid(json.loads(line))
    for line in ("stats", "allocator", "alloc 64", "heapmap -b", "atags"):
        valid_replies(shell, line)


def test_a_frame_that_is_none(own_machines: Machines) -> None:
    shell = own_machines.boot("shell.mode=json")
    shell.send(b"@ stats\r")
    reply = json.loads(shell.expect(rb"\{.*\}\r\n").splitlines()[-1])
    assert_valid(reply)
    assert reply["error"]["kind"] == "bad-tag"


def test_a_damaged_heap(own_machines: Machines) -> None:
    shell = own_machines.boot("shell.mode=json")
    reply, = valid_replies(shell, "crash heap")
    assert "result" in reply
    reply, = valid_replies(shell, "check")
    assert (reply["status"], reply["error"]["kind"]) == (1, "damaged")
    assert {"blocks", "rows", "address"} <= reply["error"].keys()


def test_a_panic(own_machines: Machines) -> None:
    shell = own_machines.boot("shell.mode=json")
    shell.send(b"panic\r")
    reply = json.loads(shell.expect(rb"\{.*\}\r\n"))
    assert_valid(reply)
    assert (reply["command"], reply["error"]["kind"]) == ("panic", "panic")
    for line in ("stats", "heapmap", "alloc 64", "cores", "help"):
        shell.send(line.encode() + b"\r")
        assert_valid(json.loads(shell.expect(rb"\{.*\}\r\n").splitlines()[-1]))


@pytest.mark.parametrize("line", ["poweroff 3", "reboot"])
def test_the_end_of_a_session(own_machines: Machines, line: str) -> None:
    shell = own_machines.boot("shell.mode=json")
    for form in error_forms(line.split()[0])[1:]:
        valid_replies(shell, form)
    shell.send(line.encode() + b"\r")
    reply = json.loads(shell.expect(rb"\{.*\}\r\n"))
    assert_valid(reply)
    assert "result" in reply


def objects_in(document: Any) -> Iterator[dict[str, Any]]:
    if isinstance(document, dict):
        yield document
    if isinstance(document, (dict, list)):
        for each in document.values() if isinstance(document, dict) else document:
            yield from objects_in(each)


def with_one_field_more(reply: Json) -> Iterator[Json]:
    for number, _ in enumerate(objects_in(reply)):
        changed = copy.deepcopy(reply)
        list(objects_in(changed))[number]["surprise"] = 1
        yield changed


def with_one_field_less(reply: Json) -> Iterator[Json]:
    for field in reply:
        yield {name: value for name, value in reply.items() if name != field}


def test_what_is_not_described_is_noticed(json_shell: Shell) -> None:
    for line in ("alloc 64", "stats", "heapmap -b -w 4 -r 1", "atags -x", "cores", "help echo",
                 "alloc", "nosuch", "mode", "memmap"):
        for reply in json_shell.replies(line):
            assert VALIDATOR.is_valid(reply)
            for changed in [*with_one_field_more(reply), *with_one_field_less(reply)]:
                assert not VALIDATOR.is_valid(changed), changed
    stats = json_shell.json("stats")
    for field in stats["result"]:
        changed = copy.deepcopy(stats)
        del changed["result"][field]
        assert not VALIDATOR.is_valid(changed), field
        changed["result"][field] = -1.5
        assert not VALIDATOR.is_valid(changed), field
    assert not VALIDATOR.is_valid({**stats, "command": "nosuch"})
    assert not VALIDATOR.is_valid({**stats, "status": 1})


def test_what_is_said_of_zones_and_of_blocks_that_are_kept_back(own_machines: Machines) -> None:
    shell = own_machines.boot("shell.mode=json heap.hardening=full")
    made, _ = valid_replies(shell, "alloc 64 -t page; who a1")
    address = made["result"]["blocks"][0]["address"]
    for line in (f"who {int(address, 16) - 1}", f"who {int(address, 16) + 70}", "free a1",
                 f"who {address}"):
        reply, = valid_replies(shell, line)
        assert reply["status"] == 0
