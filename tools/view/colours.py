"""The colours of blocks, by size or by tag, and words for figures; the page's script
has the same.
"""

from .history import History, Life

# From small sizes to large ones.
_SIZES = ((59, 76, 192), (42, 140, 200), (38, 166, 154), (124, 179, 66), (233, 181, 44),
          (235, 110, 60), (194, 37, 92))
_TAGS = ("#4878d0", "#ee854a", "#6acc64", "#d65f5f", "#956cb4", "#8c613c", "#dc7ec0", "#3fb8c4",
         "#d5bb67", "#797979")
NO_TAG = "#9aa4b2"
MOST_TAGS = len(_TAGS) - 1  # the last colour is all others'


def size_class(size: int) -> int:
    """Sizes up to 1, 2, 4, 8… bytes."""
    return max(size - 1, 0).bit_length()


class Colours:
    """`key` is "size" or "tag"."""

    def __init__(self, history: History, key: str) -> None:
        self.key = key
        classes = [size_class(life.size) for life in history.lives] or [0]
        self._least, self._most = min(classes), max(classes)
        bytes_of: dict[str, int] = {}
        for life in history.lives:
            if life.tag is not None:
                bytes_of[life.tag] = bytes_of.get(life.tag, 0) + life.size
        by_weight = sorted(bytes_of, key=lambda tag: (-bytes_of[tag], tag))
        self._tags = by_weight[:MOST_TAGS]
        self._more_tags = len(by_weight) > MOST_TAGS
        self._untagged = any(life.tag is None for life in history.lives)

    def of(self, life: Life) -> str:
        if self.key == "size":
            return self._of_class(size_class(life.size))
        if life.tag is None:
            return NO_TAG
        return _TAGS[self._tags.index(life.tag)] if life.tag in self._tags else _TAGS[-1]

    def legend(self) -> list[tuple[str, str]]:
        """Colours and what they stand for."""
        if self.key == "size":
            return [(self._of_class(number), human_size(1 << number))
                    for number in range(self._least, self._most + 1)]
        return [*zip(_TAGS, self._tags), *[(_TAGS[-1], "others")] * self._more_tags,
                *[(NO_TAG, "no tag")] * self._untagged]

    def _of_class(self, number: int) -> str:
        part = (number - self._least) / max(self._most - self._least, 1) * (len(_SIZES) - 1)
        index = min(int(part), len(_SIZES) - 2)
        mixed = (round(low + (high - low) * (part - index))
                 for low, high in zip(_SIZES[index], _SIZES[index + 1]))
        return "#" + "".join(f"{value:02x}" for value in mixed)


def human_size(size: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024 or unit == "GiB":
            break
        size /= 1024
    return f"{size:.0f} {unit}" if size == int(size) else f"{size:.1f} {unit}"


def human_time(us: float) -> str:
    for limit, scale, unit in ((1000, 1, "µs"), (1_000_000, 1000, "ms")):
        if us < limit:
            return f"{us / scale:.4g} {unit}"
    return f"{us / 1_000_000:.4g} s"
