"""What happened to a heap, event by event, and reading it from a file.

A file is a trace, the log of a session that holds dumps of `trace dump`, or lines of
JSON with such replies among them. A dump's events know where their blocks lie; a
trace's do not, and it has to be played first.
"""

import gzip
import json
import lzma
import re
import sys
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Iterator, NamedTuple

from failure import USAGE_STATUS, Failure

MARK = "#!heapscope trace"
_DEFAULT_ALIGN = 16

# Colours, cursor movements and titles that a terminal would obey, and what it would
# not show. Line ends stay.
_ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[@-Z\\-_=>78]"
                      r"|\x1b[ -/]+[0-~]|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_OPERATION = re.compile(r"(?:a (\d+) (\d+)(?: (\d+))?|f (\d+)|r (\d+) (\d+))\s*(?:#(.*))?")
_LOOKS_LIKE_ONE = re.compile(r"[afr] +\d")
_HEAP = re.compile(r"#\s*heap\s+(0x[0-9a-f]+)\s+(0x[0-9a-f]+)(?:\s+allocator\s+(\S+))?", re.I)
_COUNTS = re.compile(r"#\s*events\s+(\d+)(?:,\s*overwritten\s+(\d+))?(?:,\s*left out\s+(\d+))?")
_KNOWS_ADDRESSES = re.compile(r"^#\s*heap\s+0x|^[ar] [^\n#]*#[^\n]*\bat=0x", re.M)


class Event(NamedTuple):
    """Of the fields, what is not known is None."""

    kind: str  # "a", "f" or "r", as in a trace; "-" for one without effect
    id: int
    size: int = 0
    align: int = _DEFAULT_ALIGN
    us: int | None = None
    address: int | None = None
    core: int | None = None
    tag: str | None = None
    by: str | None = None
    failed: bool = False
    line: int = 0


class Figures(NamedTuple):
    """A heap's figures, in bytes, when `moment` events have happened."""

    moment: int
    used: int
    free: int
    largest: int
    metadata: int = 0


@dataclass
class Recording:
    name: str
    heap: tuple[int, int]
    allocator: str | None
    events: list[Event]
    figures: list[Figures] = field(default_factory=list)  # none: to be worked out
    overwritten: int = 0
    left_out: int = 0
    promised: int | None = None  # events that the dump says it has
    fitted: bool = False  # the heap's size was chosen to fit the trace
    played: bool = False  # on this machine, and not recorded on another


@dataclass(frozen=True)
class Trace:
    """A trace without addresses."""

    name: str
    text: str


def read(file: str, dump: int | None) -> Recording | Trace:
    """The file's trace, or the dump with that number, from 1 on; the last one where
    no number is given."""
    text = _text_of(file)
    lines = text.split("\n")
    first = next((line.strip() for line in lines if line.strip() and not _is_remark(line)), "")
    is_trace = first == MARK or _LOOKS_LIKE_ONE.match(first) is not None
    if is_trace and not _KNOWS_ADDRESSES.search(text):
        _only_dump(file, 1, dump)
        return Trace(_name(file), text)
    lines = [_shown(line) for line in lines]
    found = list(_dumps(file, lines))
    if not found:
        raise Failure(f"{_name(file)}: is no trace and holds no output of `trace dump`",
                      USAGE_STATUS)
    _only_dump(file, len(found), dump)
    recording = found[(dump or len(found)) - 1]()
    if not recording.events:
        raise Failure(f"{_name(file)}: the dump holds no events", USAGE_STATUS)
    if recording.heap == (0, 0) and all(event.address is None for event in recording.events):
        return Trace(_name(file), "\n".join(map(_operation_of, recording.events)))
    return recording


def _operation_of(event: Event) -> str:
    words = {"a": (event.size, event.align), "r": (event.size,), "f": ()}[event.kind]
    return " ".join(map(str, (event.kind, event.id, *words)))


def of_player(name: str, text: str) -> Recording:
    """What view_player wrote."""
    recording = _read_dump(name, text.split("\n"), 0)
    recording.played = True
    return recording


def _is_remark(line: str) -> bool:
    line = line.strip()
    return line.startswith("#") and line != MARK


def _name(file: str) -> str:
    return "standard input" if file == "-" else Path(file).name


def _only_dump(file: str, count: int, wanted: int | None) -> None:
    if wanted is not None and not 1 <= wanted <= count:
        number = "one dump" if count == 1 else f"{count} dumps"
        raise Failure(f"{_name(file)}: there is no dump {wanted}, only {number}", USAGE_STATUS)


def _text_of(file: str) -> str:
    try:
        data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise Failure(f"{file}: {error.strerror}", USAGE_STATUS) from None
    try:
        if data[:2] == b"\x1f\x8b":
            data = gzip.decompress(data)
        elif data[:6] == b"\xfd7zXZ\x00":
            data = lzma.decompress(data)
    except (OSError, EOFError, lzma.LZMAError, zlib.error):
        raise Failure(f"{_name(file)}: is damaged: it does not unpack", USAGE_STATUS) from None
    if not data.strip():
        raise Failure(f"{_name(file)}: is empty", USAGE_STATUS)
    return data.decode("utf-8", "replace")


def _shown(line: str) -> str:
    """What of a logged line stays on the screen: a pager's question is erased with a
    carriage return, and the line's text follows."""
    if "\x1b" in line or "\r" in line or not line.isprintable():
        line = _ESCAPES.sub("", line).rstrip("\r").rpartition("\r")[2]
    return line


def _dumps(file: str, lines: list[str]) -> Iterator[Callable[[], Recording]]:
    """A function for each dump, in the file's order, that reads it."""
    name = _name(file)
    for number, line in enumerate(lines):
        if line.strip() == MARK:
            yield lambda number=number: _read_dump(name, lines, number)
        elif '"command":"trace"' in line and (reply := _reply_of(line)) is not None:
            yield lambda number=number, reply=reply: _read_reply(name, reply, number + 1)


def _read_dump(name: str, lines: list[str], start: int) -> Recording:
    """From the line with the mark to the first that is no part of it."""
    recording = Recording(name, (0, 0), None, [])
    events = recording.events
    # A line that nothing ends was cut off, with the log.
    for number in range(start + 1, len(lines) - 1):
        line = lines[number]
        operation = _OPERATION.fullmatch(line)
        if operation is not None:
            events.append(_event_of(operation, number + 1))
        elif line.startswith("#") and line.strip() != MARK:
            _read_remark(recording, line)
        elif line.strip() and not _LOOKS_LIKE_ONE.match(line):
            break
        elif line.strip():
            raise _wrong(name, number + 1, "is none of: a ID SIZE [ALIGN], f ID, r ID SIZE")
    return recording


def _read_remark(recording: Recording, line: str) -> None:
    if found := _HEAP.match(line):
        recording.heap = int(found[1], 16), int(found[2], 16)
        recording.allocator = found[3]
    elif found := _COUNTS.match(line):
        recording.promised, recording.overwritten, recording.left_out = (
            int(number or 0) for number in found.groups())
    elif line.startswith("# figures "):
        figures = {key: int(value) for key, value in _pairs(line[10:]).items()}
        recording.figures.append(Figures(len(recording.events), **figures))
    elif line == "# skipped":  # it was about a block that had been refused
        recording.events.append(Event("-", 0))
    elif line == "# fitted":
        recording.fitted = True


def _event_of(operation: "re.Match[str]", line: int) -> Event:
    allocated, size, align, freed, resized, new_size, remark = operation.groups()
    known = _pairs(remark) if remark else {}
    kind = "a" if allocated else "f" if freed else "r"
    return Event(
        kind, int(allocated or freed or resized), int(size or new_size or 0),
        int(align or _DEFAULT_ALIGN), _number(known.get("t")), _number(known.get("at")),
        _number(known.get("core")), known.get("tag"), known.get("by"),
        "failed" in known or (kind == "a" and "at" not in known), line)


def _pairs(text: str) -> dict[str, str]:
    """KEY=VALUE, where a value may have blanks in it, or quotes around it."""
    pairs: dict[str, str] = {}
    key = ""
    for word in text.split():
        name, equals, value = word.partition("=")
        if equals and name.isidentifier():
            key = name
            pairs[key] = value
        elif key:
            pairs[key] += f" {word}"
    return {key: value.strip('"') for key, value in pairs.items()}


def _number(text: str | None) -> int | None:
    try:
        return None if text is None else int(text, 0)
    except ValueError:
        return None


def _reply_of(line: str) -> dict[str, Any] | None:
    """The result of a reply of `trace` that holds events."""
    try:
        reply = json.loads(line[line.index("{"):])
    except ValueError:
        return None
    result = reply.get("result") if reply.get("command") == "trace" else None
    return result if isinstance(result, dict) and "events" in result else None


_KINDS = {"allocate": "a", "free": "f", "reallocate": "r"}


def _read_reply(name: str, result: dict[str, Any], line: int) -> Recording:
    try:
        heap = int(result.get("heap_start", "0"), 16), int(result.get("heap_end", "0"), 16)
        events = [_event_of_json(event, line) for event in result["events"]
                  if event["kind"] in _KINDS]
    except (KeyError, TypeError, ValueError):
        raise _wrong(name, line, "is no reply of `trace dump`") from None
    return Recording(name, heap, result.get("allocator"), events,
                     overwritten=result.get("overwritten") or 0,
                     left_out=result.get("left_out") or 0)


def _event_of_json(event: dict[str, Any], line: int) -> Event:
    address = event.get("address")
    return Event(
        _KINDS[event["kind"]], int(event["id"]), int(event.get("size") or 0),
        int(event.get("align") or _DEFAULT_ALIGN), event.get("us"),
        None if address is None else int(address, 16), event.get("core"), event.get("tag"),
        event.get("by"), bool(event.get("failed")) or (event["kind"] == "allocate" and not address),
        line)


def _wrong(name: str, line: int, what: str) -> Failure:
    return Failure(f"{name}: line {line} {what}", USAGE_STATUS)
