"""Run in GDB by test_gdb_core.py: reads heaps in which a bit is another one, here or there.

`heaps` names them; each is read as often as `rounds` says, with a bit flipped anywhere or,
where `maps` says so, in its map where something starts. What comes of it is printed: a line
for each heap, with how often something was told, and every other end.
"""

import collections
import dataclasses
import random

import gdb
from heapscope_gdb import picture, target
from heapscope_gdb.heap import Damage, check_all, extents
from heapscope_gdb.memory import Memory, Unreadable

LISTS = ("first", "counts", "wide_granules", "filled", "victim")


def flipped_memory(place: int, bit: int) -> Memory:
    original = target.open_memory()

    def read(address: int, size: int) -> bytes:
        data = bytearray(original.bytes(address, size))
        if address <= place < address + size:
            data[place - address] ^= 1 << bit
        return bytes(data)

    return Memory(read)


def with_flipped_field(reader: object, source: random.Random) -> object:
    """A bit of one of the numbers that the allocator's own object holds."""
    if hasattr(reader, "inner"):
        return dataclasses.replace(reader, inner=with_flipped_field(reader.inner, source))
    values = {each.name: getattr(reader, each.name) for each in dataclasses.fields(reader)
              if each.init}
    name = source.choice([name for name, value in values.items()
                          if isinstance(value, int) or name in LISTS])
    flip = 1 << source.randrange(32)
    if not isinstance(values[name], int):
        numbers = list(values[name])
        numbers[source.randrange(len(numbers))] ^= flip
        return dataclasses.replace(reader, **{name: numbers})
    return dataclasses.replace(reader, **{name: values[name] ^ flip})


def look(reader: object) -> str:
    """How reading ends, in the order in which the commands would do it."""
    ends = []
    for read in (lambda: check_all(reader), lambda: sum(1 for _ in extents(reader)),
                 lambda: reader.stats(), lambda: reader.bins(),
                 lambda: picture.cells(extents(reader), reader.start, reader.end, 1024)):
        try:
            read()
            ends.append("read")
        except (Damage, Unreadable):
            ends.append("told")
    return ends[0]


def map_bytes(reader: object) -> list[int]:
    """Of the map's words in which something starts, but for the last one, which also has
    bits for what is behind the heap."""
    if hasattr(reader, "map"):
        words = reader.map._words
        return [words + 16 * i + byte for i in range(reader.map.granules // 64)
                if reader.map.word(i)[0] for byte in range(16)]
    count = (reader.limit - reader.base) // reader.unit // 64
    return [array + 8 * i + byte for array in (reader.starts, reader.free) for i in range(count)
            if reader.memory.u64(reader.starts + 8 * i) for byte in range(8)]


def place_in(reader: object, source: random.Random) -> int:
    if maps:  # type: ignore[name-defined]  # noqa: F821
        return source.choice(map_bytes(getattr(reader, "inner", reader)))
    # Mostly in the records at the heap's start.
    length = reader.end - reader.start
    return reader.start + source.randrange(length // 50 if source.random() < 0.7 else length)


for heap in heaps.split():  # type: ignore[name-defined]  # noqa: F821
    source = random.Random(heap)
    value = target.unwrapped(target.evaluate(heap))
    counts: collections.Counter[str] = collections.Counter()
    for turn in range(int(rounds)):  # type: ignore[name-defined]  # noqa: F821
        sound = target.open_target(value, target.open_memory()).reader
        memory = flipped_memory(place_in(sound, source), source.randrange(8))
        try:
            reader = target.open_target(value, memory).reader
            if turn % 4 == 0 and not maps:  # type: ignore[name-defined]  # noqa: F821
                reader = with_flipped_field(reader, source)
            counts[look(reader)] += 1
        except (Damage, Unreadable):
            counts["told"] += 1
        except Exception as error:
            counts[f"{type(error).__name__}: {error}"] += 1
    gdb.write(f"{heap}: {dict(counts)}\n")
