"""The heap as the shell's heapmap and its lists show it, in plain text."""

from typing import Iterable

from .heap import FREE, METADATA, Extent

_SHADES = ".:-=+*%#"
_CELL_UNIT = 8
LEGEND = ". free  :-=+*% part full, from nearly empty to nearly full  # full  m metadata"
UNREADABLE = "?"


def cell_bytes_for(length: int, cells: int) -> int:
    exact = -(-length // cells)
    return -(-exact // _CELL_UNIT) * _CELL_UNIT


def cells(extents: Iterable[Extent], start: int, end: int, cell_bytes: int) -> str:
    """One character a cell; extents are in order, and those not there cannot be read."""
    count = -(-(end - start) // cell_bytes)
    full = [0] * count
    metadata = [0] * count
    read_to = start
    for extent in extents:
        at = max(extent.start, start)
        read_to = min(extent.end, end)
        while extent.state != FREE and at < read_to:
            cell = (at - start) // cell_bytes
            taken = min(read_to, start + (cell + 1) * cell_bytes) - at
            full[cell] += taken
            metadata[cell] += taken if extent.state == METADATA else 0
            at += taken
        if read_to >= end:
            break
    drawn = []
    for cell in range(count):
        cell_end = min(start + (cell + 1) * cell_bytes, end)
        size = cell_end - (start + cell * cell_bytes)
        drawn.append(UNREADABLE if cell_end > read_to else
                     "m" if metadata[cell] == size else _shade(full[cell], size))
    return "".join(drawn)


def _shade(full: int, size: int) -> str:
    if full == 0:
        return _SHADES[0]
    if full == size:
        return _SHADES[-1]
    permille = min(max(full * 1000 // size, 1), 999)
    return _SHADES[1 + permille * (len(_SHADES) - 2) // 1000]


def human_size(size: int) -> str:
    """Of 1 KiB or more."""
    units = ("KiB", "MiB", "GiB", "TiB")
    unit = 0
    scale = 1024
    while unit + 1 < len(units) and size // scale >= 1024:
        scale *= 1024
        unit += 1
    return f"{size // scale}.{size % scale * 10 // scale} {units[unit]}"


def field(name: str, value: object) -> str:
    return f"{name:22} {value}"


def address_text(address: int) -> str:
    return f"{address:#010x}"


def bytes_text(size: int) -> str:
    return str(size) if size < 1024 else f"{size} ({human_size(size)})"


def table(columns: list[tuple[str, int, bool]], rows: Iterable[list[str]]) -> Iterable[str]:
    """Lines, the header before the first row. A column: name, width, whether it is set to
    the right."""

    def line(texts: list[str]) -> str:
        return "  ".join(text.rjust(width) if right else text.ljust(width)
                         for text, (_, width, right) in zip(texts, columns)).rstrip()

    empty = True
    for row in rows:
        if empty:
            yield line([name for name, _, _ in columns])
            empty = False
        yield line(row)
    if empty:
        yield "none"
