"""Which granule of a bin heap begins what (alloc/block_map.hpp): two bits a granule, and a
tree of summary bits over them.
"""

from .heap import Damage
from .memory import Memory

_BITS = 64
_WORD_BYTES = 16
NO_GRANULE = 0xffff_ffff


def lowest(word: int) -> int:
    return (word & -word).bit_length() - 1


def highest(word: int) -> int:
    return word.bit_length() - 1


class BlockMap:
    def __init__(self, memory: Memory, words: int, granules: int, levels: list[int], base: int,
                 granule_bytes: int) -> None:
        """`words` and `levels` are the addresses of the map and of its summaries; granule 0
        lies at `base`."""
        self.memory = memory
        self.granules = granules
        self._words = words
        self._levels = levels
        self._base = base
        self._granule_bytes = granule_bytes

    def address_of(self, granule: int) -> int:
        return self._base + granule * self._granule_bytes

    def word(self, index: int) -> tuple[int, int]:
        """Where something starts, and what of that is free; or 0 and a span."""
        starts, free = self.memory.u64s(self._words + _WORD_BYTES * index, 2)
        return starts, free

    def starts_at(self, granule: int) -> bool:
        return self.word(granule // _BITS)[0] >> granule % _BITS & 1 == 1

    def is_free(self, granule: int) -> bool:
        return self.word(granule // _BITS)[1] >> granule % _BITS & 1 == 1

    def free_run_starts_at(self, granule: int) -> bool:
        """Of any number at all."""
        if granule >= self.granules:
            return False
        starts, free = self.word(granule // _BITS)
        return starts & free & 1 << granule % _BITS != 0

    def end_of(self, granule: int) -> int:
        """Where the next extent starts behind the one at `granule`, as the allocator finds it."""
        index = granule // _BITS
        behind = self.word(index)[0] >> granule % _BITS >> 1
        if behind:
            end = granule + 1 + lowest(behind)
        else:
            starts, span = self.word(index + 1) if index < self.granules // _BITS else (0, 0)
            end = (index + 1) * _BITS + lowest(starts) if starts else span >> 32
        if not granule < end <= self.granules:
            raise Damage(self.address_of(granule), "the map does not tell where this ends")
        return end

    def start_of(self, granule: int) -> int:
        """The start of the extent that holds `granule`."""
        index = granule // _BITS
        found = self.word(index)[0] & (2 << granule % _BITS) - 1
        if found:
            return index * _BITS + highest(found)
        for level, bits in enumerate(self._levels):
            found = self._summary(bits, index // _BITS) & (1 << index % _BITS) - 1
            index //= _BITS
            if not found:
                continue
            index = index * _BITS + highest(found)
            for below in reversed(self._levels[:level]):
                index = self._descend(index, self._summary(below, index), highest)
            return self._descend(index, self.word(index)[0], highest)
        return 0

    def next_start(self, granule: int) -> int:
        """What end_of() is to give, found by the summary alone."""
        index = granule // _BITS
        behind = self.word(index)[0] >> granule % _BITS >> 1
        if behind:
            return granule + 1 + lowest(behind)
        for level, bits in enumerate(self._levels):
            found = self._summary(bits, index // _BITS) >> index % _BITS >> 1
            if found:
                index += 1 + lowest(found)
                for below in reversed(self._levels[:level]):
                    index = self._descend(index, self._summary(below, index), lowest)
                return self._descend(index, self.word(index)[0], lowest)
            index //= _BITS
        return self.granules

    def check_word(self, granule: int) -> None:
        """Of the word in which an extent starts: its bits, and all summaries of it."""
        index = granule // _BITS
        starts, free = self.word(index)
        if not starts:
            raise Damage(self.address_of(granule), "the map has nothing where an extent starts")
        if free & ~starts:
            at = self.address_of(index * _BITS + lowest(free & ~starts))
            raise Damage(at, "the map marks as free what does not start")
        for bits in self._levels:
            if not self._summary(bits, index // _BITS) >> index % _BITS & 1:
                raise Damage(self.address_of(granule),
                             "the map's summary misses where an extent starts")
            index //= _BITS

    def _summary(self, level: int, index: int) -> int:
        return self.memory.u64(level + 8 * index)

    def _descend(self, index: int, word: int, which) -> int:  # type: ignore[no-untyped-def]
        if not word or index > self.granules // _BITS:
            raise Damage(self.address_of(index), "the map's summary shows what does not start")
        return index * _BITS + which(word)
