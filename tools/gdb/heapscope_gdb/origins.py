"""Who allocated and freed the blocks of a heap (alloc/origin_table.hpp)."""

import struct
from dataclasses import dataclass
from typing import Iterator, NamedTuple

from .memory import Memory


class Call(NamedTuple):
    ticks: int
    core: int
    path: int  # return addresses, as the heap's witness packs them


@dataclass(frozen=True)
class Origin:
    address: int
    size: int
    align: int
    live: bool
    sequence: int
    allocated: Call
    freed: Call


@dataclass(frozen=True)
class RecordFields:
    """Where in a record what lies, and how large it is; the record's size; its marks."""

    places: dict[str, tuple[int, int]]
    bytes: int
    traced: int
    core_at: int


@dataclass
class OriginTable:
    memory: Memory
    fields: RecordFields
    recording: bool
    records: int  # the address of record 0, which is none
    buckets: int
    bucket_mask: int
    capacity: int
    cleared: int

    @property
    def readable(self) -> bool:
        return self.recording and self.capacity != 0 and self.cleared > self.capacity

    def find(self, address: int) -> Origin | None:
        """Of the live block that starts there."""
        if not self.readable:
            return None
        place = self._place(self.buckets + 4 * ((address >> 4 ^ address >> 13) & self.bucket_mask))
        for _ in range(self.capacity):
            if place == 0 or place > self.capacity * self.fields.bytes:
                return None
            record = self.memory.bytes(self.records + place, self.fields.bytes)
            if self._field(record, "address") == address:
                return self._origin(record)
            place = self._field(record, "next")
        return None

    def last_in(self, address: int) -> Origin | None:
        """The live block that starts there, else the one that was freed last of those
        that the address was in."""
        if found := self.find(address):
            return found
        latest: Origin | None = None
        for each in self._all():
            if each.live or not each.address <= address < each.address + each.size:
                continue
            if latest is None or each.freed.ticks > latest.freed.ticks:
                latest = each
        return latest

    def _all(self) -> Iterator[Origin]:
        if not self.readable:
            return
        size = self.fields.bytes
        storage = self.memory.bytes(self.records + size, self.capacity * size)
        for at in range(0, len(storage), size):
            record = storage[at:at + size]
            if self._field(record, "address") != 0:
                yield self._origin(record)

    def _place(self, address: int) -> int:
        return struct.unpack("<I", self.memory.bytes(address, 4))[0]

    def _field(self, record: bytes, name: str) -> int:
        offset, size = self.fields.places[name]
        return int.from_bytes(record[offset:offset + size], "little")

    def _origin(self, record: bytes) -> Origin:
        return Origin(
            address=self._field(record, "address"), size=self._field(record, "size"),
            align=self._field(record, "align"), live=self._field(record, "freed_when") == 0,
            sequence=self._field(record, "sequence") & ~self.fields.traced,
            allocated=self._call(record, "allocated"), freed=self._call(record, "freed"))

    def _call(self, record: bytes, which: str) -> Call:
        when = self._field(record, f"{which}_when")
        core_at = self.fields.core_at
        path = self._field(record, f"{which}_path")
        return Call(when & (1 << core_at) - 1, when >> core_at, path)
