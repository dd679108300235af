"""A history as one HTML page that needs nothing else: style, script and data are in it.

The data are columns of whole numbers, by planes of bytes, compressed.
"""

import base64
import html
import json
import zlib
from array import array
from pathlib import Path
from typing import Iterable

from .folding import Axis
from .history import History, Life

_FOLDER = Path(__file__).resolve().parent

# A page with that many opens in about a second.
MOST_LIVES = 400_000


def make_page(history: History, summary: str, notes: list[str], key: str) -> str:
    lives = history.lives
    notes = list(notes)
    if len(lives) > MOST_LIVES:
        lives = _weightiest(lives)
        notes.append(f"Shown are the {MOST_LIVES:,} of {len(history.lives):,} blocks that were "
                     "largest for longest; the curves count all.")
    if len(history.figures) < history.moments:
        step = -(-history.moments // max(1, len(history.figures) - 1))
        notes.append(f"The curves and figures were sampled, every {step:,} or so.")
    columns = _Columns()
    header = _header(history, lives, columns, key) | {"columns": columns.directory}
    parts = {
        "TITLE": html.escape(f"The heap of {history.recording.name}"),
        "SUMMARY": html.escape(summary),
        "NOTES": " ".join(html.escape(note) for note in notes),
        "STYLE": (_FOLDER / "page.css").read_text(),
        "SCRIPT": (_FOLDER / "page.js").read_text(),
        "HEADER": json.dumps(header, separators=(",", ":")).replace("<", "\\u003c"),
        "DATA": base64.b64encode(zlib.compress(bytes(columns.data), 6)).decode(),
    }
    text = (_FOLDER / "page.html").read_text()
    pieces = text.split("{{")
    return pieces[0] + "".join(
        parts[name] + rest for name, _, rest in (piece.partition("}}") for piece in pieces[1:]))


def _weightiest(lives: list[Life]) -> list[Life]:
    heaviest = sorted(lives, key=lambda life: life.size * (life.died - life.born), reverse=True)
    return sorted(heaviest[:MOST_LIVES], key=lambda life: life.born)


class _Columns:
    def __init__(self) -> None:
        self.data = bytearray()
        self.directory: dict[str, tuple[int, int]] = {}  # numbers, and bytes of each

    def add(self, name: str, numbers: Iterable[int]) -> None:
        """Whole numbers from 0 on. First the lowest byte of each, then the next one."""
        column = array("Q", numbers)
        widest = max(column, default=0).bit_length()
        width = max(1, -(-widest // 8))
        raw = column.tobytes()
        for plane in range(width):
            self.data += raw[plane::8]
        self.directory[name] = len(column), width


class _Texts:
    """Numbers for texts; 0 is for none."""

    def __init__(self) -> None:
        self.numbers: dict[str | None, int] = {None: 0}

    def __call__(self, text: str | None) -> int:
        return self.numbers.setdefault(text, len(self.numbers))

    def list(self) -> list[str]:
        return [text or "" for text in self.numbers]


def _rises(numbers: Iterable[int]) -> Iterable[int]:
    before = 0
    for number in numbers:
        yield number - before
        before = number


def _header(history: History, lives: list[Life], columns: _Columns, key: str) -> dict[str, object]:
    axis = Axis(history)
    tags, callers = _Texts(), _Texts()
    columns.add("born", _rises(life.born for life in lives))
    columns.add("span", (life.died - life.born for life in lives))
    columns.add("place", (axis.place(life.address) for life in lives))
    columns.add("size", (life.size for life in lives))
    columns.add("id", (life.id for life in lives))
    columns.add("align", (life.align.bit_length() - 1 for life in lives))
    columns.add("tag", (tags(life.tag) for life in lives))
    columns.add("by", (callers(life.by) for life in lives))
    columns.add("freed", (callers(life.freed_by) for life in lives))
    columns.add("core", (0 if life.core is None else life.core + 1 for life in lives))
    columns.add("resized", (life.resized for life in lives))
    columns.add("failures", _rises(history.failures))
    columns.add("times", _rises(history.times or []))
    figures = history.figures
    columns.add("figure_moment", _rises(each.moment for each in figures))
    columns.add("figure_used", (each.used for each in figures))
    columns.add("figure_asked", (history.requested[each.moment] for each in figures))
    columns.add("figure_free", (each.free for each in figures))
    columns.add("figure_largest", (each.largest for each in figures))
    return {
        "schema": 1, "moments": history.moments, "timed": history.times is not None,
        "played": history.recording.played, "complete": len(lives) == len(history.lives),
        "heap": [hex(bound) for bound in history.heap], "length": axis.length, "colour": key,
        "peak": history.peak, "peak_moment": history.peak_moment,
        "stretches": [(each.place, each.length, hex(each.address), each.size, each.folded)
                      for each in axis.stretches],
        "tags": tags.list(), "callers": callers.list(),
    }
