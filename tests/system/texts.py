"""The fixed texts of the shell that the system tests rely on, in one place,
and what every error has in common.
"""

import re

from session import Reply

BELL = b"\a"
ERASE = b"\b \b"
ERROR = "error: "
USAGE = "usage: "
UNKNOWN_COMMAND = "unknown command: "
TOO_MANY_ARGUMENTS = "error: too many arguments"

FAILED = 1
WRONG_USAGE = 2
UNKNOWN = 127

HANDLE = re.compile(r"\ba[1-9][0-9]*\b")
ADDRESS = re.compile(r"\b0x[0-9a-f]+\b")


def assert_error(reply: Reply, status: int) -> None:
    """One clear line; wrong usage of a command shows its usage as well."""
    assert reply.status == status, reply
    assert reply.lines[0].startswith(ERROR), reply
    assert len(reply.lines[0]) > len(ERROR), reply
    usage = " ".join(reply.lines[1:])
    assert usage == "" or (status == WRONG_USAGE and usage.startswith(USAGE)), reply


def handle_in(lines: list[str]) -> str:
    """The first handle that a plain reply names."""
    match = HANDLE.search("\n".join(lines))
    assert match, lines
    return match[0]


def address_in(lines: list[str]) -> str:
    match = ADDRESS.search("\n".join(lines))
    assert match, lines
    return match[0]
