"""Scripts on the booted kernel: pasted, from the initrd and from a block, with
variables, `set -e`, and the commands that run others or wait.
"""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from harness import Machines, Shell
from session import PROMPT

CTRL_C = b"\x03"
JSON = "shell.mode=json"
MORE = b"> "


@pytest.fixture
def line(shell: Shell) -> Shell:
    shell.settle()
    return shell


@pytest.fixture
def script(tmp_path: Path) -> Path:
    return tmp_path / "script.hs"


def documents(text: bytes) -> list[dict[str, Any]]:
    return [json.loads(each) for each in text.split(b"\r\n") if each.startswith(b"{")]


def test_variables(shell: Shell) -> None:
    assert shell.ok("set size 4K; alloc $size -t \"$size\"")[1].endswith("4096  4K")
    assert shell.ok("free $last")[1].startswith("a")
    assert shell.ok("unset size; echo '$size'") == ["$size"]
    reply = shell.run("alloc $size")
    assert (reply.lines, reply.status) == (["error: there is no variable size"], 2)


def test_a_pasted_script_runs_when_it_is_complete(line: Shell) -> None:
    line.send(b"source <<END\recho one\r\recho two; nosuch\r")
    assert line.read_until(b"nosuch\r\n" + MORE).count(b"\r\n" + MORE) == 4
    assert line.read_for(0.2) == b""
    answer = line.type(b"END\r")
    assert answer.startswith(b"END\r\none\r\ntwo\r\nunknown command: nosuch\r\n")
    assert line.type(b"echo $?\r") == b"echo $?\r\n127\r\n" + PROMPT


def test_ctrl_c_drops_a_script_that_is_typed(line: Shell) -> None:
    line.send(b"source <<END\ralloc 64\r")
    line.read_until(b"alloc 64\r\n" + MORE)
    line.send(CTRL_C)
    line.read_until(b"^C\r\n" + PROMPT)
    assert line.ok("assert live_blocks == 0") == []


def test_a_framed_script_ends_its_frame_behind_it(json_shell: Shell) -> None:
    json_shell.send(b"@s source <<END\recho 1\rnosuch\rEND\r")
    text = json_shell.read_until(b"@s END status=127\r\n")
    assert text.startswith(b"@s BEGIN\r\n")
    assert [each["command"] for each in documents(text)] == ["echo", "nosuch", "source"]
    assert documents(text)[-1]["error"]["lines"] == 2


def test_a_script_of_16_kib_and_no_more(json_shell: Shell) -> None:
    filler = (b"#" + b"x" * 510 + b"\r") * 31
    json_shell.send(b"@s source <<END\r" + filler + b"echo\rEND\r")
    assert json_shell.read_until(b" END status=0\r\n").count(b'"schema"') == 2
    json_shell.send(b"@s source <<END\r" + filler + filler[:1024] + b"alloc 64\rEND\r")
    assert b'"too-long"' in json_shell.read_until(b" END status=1\r\n")
    assert json_shell.result("assert live_blocks == 0") == {}


def test_an_initrd_stops_at_its_first_failure_if_it_wants_to(
        own_machines: Machines, script: Path) -> None:
    script.write_text("#!heapscope\nset -e\nalloc 64 -t one\n\nfree a9\nalloc 64 -t two\n")
    shell = own_machines.boot(JSON, initrd=script)
    said = documents(bytes(shell.transcript))
    stopped = next(each for each in said if each["command"] == "initrd")
    assert stopped["error"] == {"kind": "stopped",
                                "message": "initrd: line 5: stopped at status 1"}
    shell.result("assert live_blocks == 1")
    # Once more, by hand: it stops at the same line, in which a2 is not there either.
    replies = shell.replies("source initrd")
    assert [each["command"] for each in replies] == ["set", "alloc", "free", "source"]
    assert replies[-1]["error"]["message"] == "initrd: line 5: stopped at status 1"


def test_the_command_line_stops_at_its_first_failure_too(own_machines: Machines) -> None:
    shell = own_machines.boot(f'{JSON} shell.run="set -e; nosuch; alloc 64"')
    assert b"shell.run: line 1: stopped at status 127" in shell.transcript
    shell.result("assert live_blocks == 0")


def test_an_error_of_syntax_in_an_initrd_names_its_line(
        own_machines: Machines, script: Path) -> None:
    script.write_text("#!heapscope\n\necho 'a\n")
    shell = own_machines.boot(initrd=script)
    assert b"error: initrd: line 3: unclosed quote\r\n" in shell.transcript


def test_a_script_in_a_block(shell: Shell) -> None:
    shell.ok("alloc 64 -f 0")
    address = shell.ok("echo $last; free $last; alloc 64 -f 0")[-1].split()[1]
    for offset, byte in enumerate(b"echo hi\nfree $last; echo on\necho never"):
        shell.ok(f"poke {int(address, 16) + offset:#x} {byte} -w 1")
    reply = shell.run("source $last")
    assert reply.lines[0] == "hi"
    assert reply.lines[-2:] == ["on", reply.lines[-1]] and "freed in line 2" in reply.lines[-1]
    assert reply.status == 1


def test_repeat(shell: Shell, json_shell: Shell) -> None:
    assert shell.ok("repeat 3 echo a") == ["a", "a", "a", "rounds                 3"]
    assert shell.run("repeat 5 nosuch").lines[-1] == "error: round 1 of 5 ended with status 127"
    replies = json_shell.replies("repeat 2 -d 50 alloc 64 -n 2")
    assert [len(each["result"].get("blocks", [])) for each in replies] == [2, 2, 0]


def test_sleep_and_time_agree(json_shell: Shell) -> None:
    begin = time.monotonic()
    replies = json_shell.replies("time sleep 500")
    assert time.monotonic() - begin > 0.4
    assert 500_000 <= replies[1]["result"]["microseconds"] < 5_000_000
    failed = json_shell.replies("time nosuch")[1]
    assert failed["status"] == 127 and failed["error"]["cycles"] > 0


@pytest.mark.parametrize("command, said", [
    (b"sleep 1000000", b"error: interrupted"),
    (b"repeat 1000000 -d 1000 echo go", b"error: interrupted behind round 1 of 1000000"),
    (b"watch -n 1000 echo go", b"rounds                 1"),
    (b"repeat 1000000 echo go", b"error: interrupted"),
])
def test_ctrl_c_ends_what_waits_or_repeats(line: Shell, command: bytes, said: bytes) -> None:
    line.send(command + b"\r")
    line.read_until(b"\r\n" if b"sleep" in command else b"\r\ngo\r\n")
    time.sleep(0.2)
    line.send(CTRL_C)
    assert said in line.read_until(b"^C\r\n" + PROMPT)
    status = 0 if command.startswith(b"watch") else 1
    assert line.ok("echo $?") == [str(status)]


def test_ctrl_c_ends_a_script(line: Shell) -> None:
    line.send(b"source <<END\recho go\rsleep 1000000\ralloc 64\rEND\r")
    line.read_until(b"END\r\ngo\r\n")
    time.sleep(0.2)
    line.send(CTRL_C)
    assert b"error: source: interrupted behind line 2" in line.read_until(b"^C\r\n" + PROMPT)
    line.ok("assert live_blocks == 0")


def test_watch(shell: Shell, json_shell: Shell) -> None:
    assert shell.ok("watch -n 0 -c 2 echo a") == ["a", "---", "a", "rounds                 2"]
    replies = json_shell.replies("watch -n 0 -c 2 stats")
    assert [each["command"] for each in replies] == ["stats", "stats", "watch"]


def test_assert(shell: Shell) -> None:
    shell.ok("alloc 60 -n 3; assert 'used_bytes - requested_bytes == 3 * 4'")
    reply = shell.run("assert live_blocks == 0")
    assert reply.lines == ["error: assert: live_blocks == 0 does not hold: live_blocks is 3"]
    assert reply.status == 1


def test_the_deepest_nesting_fits_the_stack(own_machines: Machines) -> None:
    shell = own_machines.boot(f"{JSON} heap.size=1M")
    replies = shell.replies(7 * "time " + "heapmap")
    assert [each["status"] for each in replies] == 8 * [0]
    text = "".join(f"source <<E{depth}\r" for depth in range(3)) + 3 * "time " + "stats -x\r"
    text += "".join(f"E{depth}\r" for depth in reversed(range(3)))
    shell.send(f"@s source <<END\r{text}END\r".encode())
    assert len(documents(shell.read_until(b"@s END status=2\r\n"))) == 8
    core = shell.result("cores")["cores"][0]
    assert core["used_bytes"] < core["stack_bytes"] * 3 // 4


def test_4000_pasted_lines_give_4000_replies(line: Shell) -> None:
    count = 4000
    line.send(b"".join(b"echo %d\r" % number for number in range(count)) + b"echo last\r")
    text = line.read_until(b"\r\nlast\r\n" + PROMPT)
    replies = [each for each in text.split(b"\r\n") if each.isdigit()]
    assert replies == [b"%d" % number for number in range(count)]
