"""A history as a picture: SVG, and PNG made from that.

Address against time, each block to scale, or, where there are too many, cells shaded
by how much of them was in blocks; below it use and fragmentation, and the sizes.
"""

import shutil
import subprocess
from array import array
from collections import Counter
from typing import Callable, Iterator
from xml.sax.saxutils import escape

from failure import Failure

from .colours import Colours, human_size, human_time, size_class
from .folding import Axis
from .history import Figures, History, Life

_WIDTH, _HEIGHT = 1200, 900
_LEFT, _RIGHT = 110, 1170
_MAP = 70, 500  # top and bottom
_USE = 530, 640
_FRAGMENTATION = 660, 720
_SIZES = 790, 870
_MOST_BLOCKS = 4000
_CELL = 3  # pixels a side
_SHADES = 8
_FAILURES_SHOWN = 500

_STYLE = """
 text{font:12px 'DejaVu Sans',Verdana,sans-serif;fill:#39424e}
 .title{font-size:18px;fill:#10161d}.small{font-size:11px;fill:#66707d}.end{text-anchor:end}
 .middle{text-anchor:middle}.area{fill:#f4f6f9;stroke:#c9d0d9}.fold{fill:#e3e7ed}
 .grid{stroke:#dde2e9;fill:none}.used{fill:#9db7e4}.asked{fill:#4878d0}
 .free{fill:none;stroke:#d65f5f;stroke-width:1.2}.part{fill:none;stroke:#b04a9d;stroke-width:1.3}
 .failed{stroke:#d00020;stroke-width:1.2}.bar{fill:#4878d0}.framed{stroke:#fff;stroke-width:.5}
"""


def make_svg(history: History, subtitle: str, notes: list[str], key: str) -> str:
    return "\n".join(_Drawing(history, key).lines(subtitle, notes)) + "\n"


def make_png(picture: str) -> bytes:
    program = shutil.which("rsvg-convert")
    if program is None:
        raise Failure("there is no rsvg-convert to make a PNG: install the Debian package "
                      "librsvg2-bin, or write an .svg")
    done = subprocess.run([program, "--format", "png", "--zoom", "1.5"], input=picture.encode(),
                          capture_output=True, check=False)
    if done.returncode != 0:
        raise Failure(f"rsvg-convert: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


class _Drawing:
    def __init__(self, history: History, key: str) -> None:
        self.history = history
        self.axis = Axis(history)
        self.colours = Colours(history, key)
        times = history.times
        # A moment lasts until the next event.
        if times is None:
            self.bounds = list(range(history.moments + 2))
        else:
            self.bounds = [*times, times[-1] + max(1, times[-1] // 50)]

    def x(self, moment: int) -> float:
        return _LEFT + (_RIGHT - _LEFT) * self.bounds[moment] / self.bounds[-1]

    def y(self, place: int) -> float:
        return _MAP[1] - (_MAP[1] - _MAP[0]) * place / self.axis.length

    def lines(self, subtitle: str, notes: list[str]) -> Iterator[str]:
        yield (f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}" '
               f'viewBox="0 0 {_WIDTH} {_HEIGHT}">')
        yield f"<style>{_STYLE}</style>"
        yield f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>'
        yield _text(_LEFT, 28, f"The heap of {self.history.recording.name}", "title")
        yield _text(_LEFT, 46, subtitle, "small")
        if notes:
            yield _text(_LEFT, 61, " ".join(notes), "small")
        yield from self._map()
        yield from self._use()
        yield from self._fragmentation()
        yield from self._time_axis()
        yield from self._sizes()
        yield "</svg>"

    def _map(self) -> Iterator[str]:
        yield _area("map", *_MAP)
        for stretch in self.axis.stretches:
            if stretch.folded:
                top, bottom = self.y(stretch.place + stretch.length), self.y(stretch.place)
                yield _rect("fold", _LEFT, top, _RIGHT - _LEFT, bottom - top)
        yield from self._address_axis()
        if len(self.history.lives) <= _MOST_BLOCKS:
            yield from map(self._block, self.history.lives)
        else:
            yield from self._cells()
        for moment in self.history.failures[:_FAILURES_SHOWN]:
            x = self.x(moment)
            yield f'<path class="failed" d="M{x:.2f} {_MAP[0] - 4}V{_MAP[0] + 5}"/>'

    def _address_axis(self) -> Iterator[str]:
        taken = float(_MAP[1] + 20)
        for stretch in self.axis.stretches:
            y = self.y(stretch.place)
            if not stretch.folded and taken - y >= 14:
                yield _text(_LEFT - 6, y + 4, f"0x{stretch.address:x}", "small end")
                taken = y
        if taken - _MAP[0] >= 14:
            yield _text(_LEFT - 6, _MAP[0] + 8, f"0x{self.history.heap[1]:x}", "small end")

    def _box(self, life: Life) -> tuple[float, float, float, float]:
        left, right = self.x(life.born), self.x(life.died)
        place = self.axis.place(life.address)
        top, bottom = self.y(place + life.size), self.y(place)
        return left, top, right - left, bottom - top

    def _block(self, life: Life) -> str:
        left, top, width, height = self._box(life)
        said = f"block {life.id}: {life.size} bytes at 0x{life.address:x}"
        said += f", tag {life.tag}" if life.tag else ""
        said += f", by {life.by}" if life.by else ""
        framed = " framed" if width > 4 and height > 3 else ""
        return (f'<rect class="block{framed}" fill="{self.colours.of(life)}" '
                f'x="{left:.3f}" y="{top:.3f}" width="{width:.3f}" height="{height:.3f}">'
                f"<title>{escape(said)}</title></rect>")

    def _cells(self) -> Iterator[str]:
        """Runs of cells of the same colour and shade, each colour and shade a path."""
        columns = (_RIGHT - _LEFT) // _CELL
        rows = (_MAP[1] - _MAP[0]) // _CELL
        covered: dict[str, array[float]] = {}
        for life in self.history.lives:
            cells = covered.setdefault(self.colours.of(life), array("d", bytes(8 * columns * rows)))
            left, top, width, height = self._box(life)
            _cover(cells, columns, (left - _LEFT) / _CELL, (left + width - _LEFT) / _CELL,
                   (top - _MAP[0]) / _CELL, (top + height - _MAP[0]) / _CELL)
        paths: dict[tuple[str, int], list[str]] = {}
        for row in range(rows):
            start, look = 0, None
            for column in range(columns + 1):
                here = None if column == columns else _look(covered, row * columns + column)
                if here == look and column < columns:
                    continue
                if look is not None:
                    wide = (column - start) * _CELL
                    paths.setdefault(look, []).append(
                        f"M{_LEFT + start * _CELL} {_MAP[0] + row * _CELL}"
                        f"h{wide}v{_CELL}h{-wide}z")
                start, look = column, here
        for (colour, shade), runs in sorted(paths.items()):
            yield (f'<path class="cells" shape-rendering="crispEdges" fill="{colour}" '
                   f'fill-opacity="{shade / _SHADES}" d="{"".join(runs)}"/>')

    def _use(self) -> Iterator[str]:
        yield _area("use", *_USE)
        figures = self.history.figures
        most = max(max(self.history.requested), max(each.used for each in figures), 1)
        yield from _scale(_USE, human_size(most))
        asked = [(moment, self.history.requested[moment]) for moment in self._corners()]
        used = [(each.moment, each.used) for each in figures]
        yield f'<path class="used" d="{self._stairs(used, most, _USE, True)}"/>'
        yield f'<path class="asked" d="{self._stairs(asked, most, _USE, True)}"/>'
        free = [(each.moment, min(each.largest, most)) for each in figures]
        yield f'<path class="free" d="{self._stairs(free, most, _USE, False)}"/>'
        yield _text(_LEFT, _USE[0] - 6, "bytes in use (dark: as asked for); red: the largest free "
                    "block, where it is less than the scale", "small")

    def _fragmentation(self) -> Iterator[str]:
        yield _area("fragmentation", *_FRAGMENTATION)
        yield from _scale(_FRAGMENTATION, "100 %")
        values = [(each.moment, _fragmentation(each)) for each in self.history.figures]
        path = self._stairs(values, 1, _FRAGMENTATION, False)
        yield f'<path class="part" d="{path}"/>'
        yield _text(_LEFT, _FRAGMENTATION[0] - 5, "fragmentation: the part of what is free that "
                    "is not in the largest free block", "small")

    def _corners(self) -> list[int]:
        """Moments for a curve: no more than there are pixels, the peak among them."""
        step = 1 + self.history.moments // 4000
        return sorted({*range(0, self.history.moments + 1, step), self.history.peak_moment})

    def _stairs(self, values: list[tuple[int, float]], most: float, box: tuple[int, int],
                filled: bool) -> str:
        """A value holds until the next one."""
        y: Callable[[float], float] = lambda value: box[1] - (box[1] - box[0]) * value / most
        words = [f"M{_LEFT} {box[1] if filled else y(values[0][1]):.2f}"]
        words += [f"H{self.x(moment):.2f}V{y(value):.2f}" for moment, value in values]
        words.append(f"H{_RIGHT}" + (f"V{box[1]}Z" if filled else ""))
        return "".join(words)

    def _time_axis(self) -> Iterator[str]:
        end = self.bounds[-1]
        timed = self.history.times is not None
        for value in range(0, end + 1, _round_step(end / 10)):
            x = _LEFT + (_RIGHT - _LEFT) * value / end
            label = human_time(value) if timed else f"{value:,}"
            yield f'<path class="grid" d="M{x:.1f} {_FRAGMENTATION[1]}v5"/>'
            yield _text(x, _FRAGMENTATION[1] + 18, label, "small middle" if value else "small")
        yield _text(_LEFT - 6, _FRAGMENTATION[1] + 18, "time" if timed else "operation",
                    "small end")

    def _sizes(self) -> Iterator[str]:
        counts = Counter(size_class(life.size) for life in self.history.lives)
        yield _text(_LEFT, _SIZES[0] - 14, "blocks by size, all that were ever there",
                    "small")
        if not counts:
            return
        classes = range(min(counts), max(counts) + 1)
        step = (_RIGHT - _LEFT) / 2 / max(len(classes), 12)
        tallest = max(counts.values())
        for index, number in enumerate(classes):
            height = (_SIZES[1] - _SIZES[0]) * counts[number] / tallest
            x = _LEFT + index * step
            yield (f'<rect class="bar" x="{x:.2f}" y="{_SIZES[1] - height:.2f}" '
                   f'width="{step * 0.8:.2f}" height="{height:.2f}"><title>{counts[number]} blocks '
                   f"of up to {human_size(1 << number)}</title></rect>")
            if index % (1 + len(classes) // 12) == 0:
                label = human_size(1 << number).replace(" ", "")
                yield _text(x + step * 0.4, _SIZES[1] + 15, label, "small middle")
        yield from self._legend((_LEFT + _RIGHT) / 2 + 40)

    def _legend(self, left: float) -> Iterator[str]:
        what = "sizes, up to" if self.colours.key == "size" else "tags"
        yield _text(left, _SIZES[0] - 14, f"colours: {what}", "small")
        for index, (colour, label) in enumerate(self.colours.legend()):
            x, y = left + index // 5 * 105, _SIZES[0] + index % 5 * 18
            yield f'<rect fill="{colour}" x="{x}" y="{y}" width="11" height="11"/>'
            yield _text(x + 16, y + 10, label[:14], "small")


def _cover(cells: "array[float]", columns: int, left: float, right: float, top: float,
           bottom: float) -> None:
    """Adds what the box covers of each cell; all in cells."""
    rows = len(cells) // columns
    for row in range(max(int(top), 0), min(int(bottom) + 1, rows)):
        high = min(bottom, row + 1) - max(top, row)
        if high <= 0:
            continue
        for column in range(int(left), min(int(right) + 1, columns)):
            wide = min(right, column + 1) - max(left, column)
            if wide > 0:
                cells[row * columns + column] += wide * high


def _look(covered: "dict[str, array[float]]", cell: int) -> tuple[str, int] | None:
    """The colour that covers most of a cell, and how much of it is covered at all."""
    total, most, colour = 0.0, 0.0, ""
    for each, cells in covered.items():
        part = cells[cell]
        total += part
        if part > most:
            most, colour = part, each
    if not colour:
        return None
    return colour, min(_SHADES, 1 + int(total * (_SHADES - 1) + 0.5))


def _round_step(least: float) -> int:
    power = 1
    while power * 10 < least:
        power *= 10
    return next(step * power for step in (1, 2, 5, 10) if step * power >= least)


def _fragmentation(figures: Figures) -> float:
    return 1 - figures.largest / figures.free if figures.free else 0.0


def _area(name: str, top: int, bottom: int) -> str:
    return (f'<rect id="{name}" class="area" x="{_LEFT}" y="{top}" width="{_RIGHT - _LEFT}" '
            f'height="{bottom - top}"/>')


def _rect(kind: str, x: float, y: float, width: float, height: float) -> str:
    return (f'<rect class="{kind}" x="{x:.2f}" y="{y:.2f}" width="{width:.2f}" '
            f'height="{height:.2f}"/>')


def _scale(box: tuple[int, int], most: str) -> Iterator[str]:
    yield _text(_LEFT - 6, box[0] + 10, most, "small end")
    yield _text(_LEFT - 6, box[1], "0", "small end")


def _text(x: float, y: float, text: str, kind: str) -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}">{escape(text)}</text>'
