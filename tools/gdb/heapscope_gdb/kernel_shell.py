"""What the kernel's shell knows beside the heap: the handles and tags of blocks, and when the
kernel started.
"""

from typing import NamedTuple

import gdb

from .heap import Damage
from .memory import Memory
from .target import evaluate

_ENVIRONMENT = "heapscope::kernel::(anonymous namespace)::environment"
_FREQUENCY = "$CNTFRQ_EL0"  # as QEMU calls the register; OpenOCD may not show it


class Handle(NamedTuple):
    name: str
    tag: str  # empty where it has none


class KernelShell:
    def __init__(self, environment: gdb.Value, memory: Memory) -> None:
        self._environment = environment
        self._memory = memory
        self._handles: dict[int, Handle] | None = None

    def handle(self, address: int) -> Handle | None:
        """Of the block that starts there."""
        if self._handles is None:
            self._handles = self._read_handles()
        return self._handles.get(address)

    def microseconds(self, ticks: int) -> int | None:
        """Since the kernel started; None where the clock's frequency cannot be had."""
        try:
            frequency = int(gdb.parse_and_eval(_FREQUENCY))
            platform = self._environment["platform"].referenced_value()
            start = int(platform.cast(platform.dynamic_type)["started_"]["start_"])
        except gdb.error:
            return None
        return max(ticks - start, 0) * 1_000_000 // frequency if frequency > 0 else None

    def _read_handles(self) -> dict[int, Handle]:
        table = self._environment["handles"].referenced_value()
        entry = gdb.lookup_type("heapscope::shell::HandleTable::Entry")
        places = {each.name: (each.bitpos // 8, each.type.sizeof) for each in entry.fields()}
        capacity, entries = int(table["capacity_"]), int(table["entries_"])
        tags = self._tags(table)
        found: dict[int, Handle] = {}
        slot = int(table["oldest_"])
        for _ in range(int(table["size_"])):
            if slot >= capacity:
                raise Damage(int(table.address), "the shell's list of handles was overwritten")
            data = self._memory.bytes(entries + slot * entry.sizeof, entry.sizeof)
            fields = {name: int.from_bytes(data[at:at + size], "little")
                      for name, (at, size) in places.items()}
            found[fields["address"]] = Handle(f"a{fields['id']}", tags.get(fields["tag"], ""))
            slot = fields["newer"]
        return found

    def _tags(self, table: gdb.Value) -> dict[int, str]:
        entries = table["tags_"]["_M_elems"]
        _, last = entries.type.strip_typedefs().range()
        tags = {}
        for number in range(last + 1):
            if int(entries[number]["uses"]) == 0:
                continue
            length = int(entries[number]["length"])
            name = entries[number]["name"]["_M_elems"]
            text = self._memory.bytes(int(name.address), name.type.strip_typedefs().sizeof)
            tags[number] = text[:length].decode("utf-8", "backslashreplace")
        return tags


def kernel_shell(memory: Memory) -> KernelShell | None:
    """None before the shell has started, and where there is none."""
    try:
        environment = evaluate(f"'{_ENVIRONMENT}'")
        if int(environment) == 0:
            return None
        return KernelShell(environment.dereference(), memory)
    except gdb.error:
        return None
