"""What the tests need to know of the commands in order to run the examples of all of
them, which they take from the kernel's own help.
"""

import re
from pathlib import Path

from harness import Json, Shell

# Commands whose examples end the session, fail on purpose, or wait for a sender.
ENDING = {"boot", "crash", "panic", "poweroff", "reboot", "receive"}

# What examples name: blocks a1 to a3, a tag, and the trace that is the initrd.
PREPARATION = "alloc 64 -n 3 -t page"
TRACE = "a 0 64\na 1 100\nf 0\nf 1\n"

_NAMES_A_BLOCK = re.compile(r"\ba[0-9]|-t ")


def names_of_commands(json_shell: Shell) -> list[str]:
    return [command["name"] for command in json_shell.result("help")["commands"]]


def page_of(json_shell: Shell, command: str) -> Json:
    return json_shell.result(f"help {command}")


def examples_of(page: Json) -> list[str]:
    """As they are typed: a text that is to follow follows."""
    examples = [each["example"] for each in page["examples"]]
    return [f"{each}\recho text\rEND" if each.endswith("<<END") else each for each in examples]


def needs_blocks(example: str) -> bool:
    """Whether it only works once, on a machine on which PREPARATION alone was run."""
    return _NAMES_A_BLOCK.search(example) is not None


def write_trace(directory: Path) -> Path:
    path = directory / "trace"
    path.write_text(TRACE)
    return path
