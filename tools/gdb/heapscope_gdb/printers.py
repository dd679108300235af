"""How GDB prints the types of alloc/ and base/."""

from typing import Iterator

import gdb
import gdb.printing

from . import names
from .heap import Damage
from .memory import Unreadable
from .target import Refusal, open_memory, open_target, unwrapped


class _Printer:
    def __init__(self, value: gdb.Value) -> None:
        self.value = value


class LayoutPrinter(_Printer):
    def to_string(self) -> str:
        return f"{int(self.value['size'])} bytes, align {int(self.value['align'])}"


class RangePrinter(_Printer):
    def to_string(self) -> str:
        start, end = int(self.value["start"]), int(self.value["end"])
        return f"{start:#x} to {end:#x}, {max(end - start, 0)} bytes"


class ExtentPrinter(_Printer):
    def to_string(self) -> str:
        state = str(self.value["state"]).rsplit("::", 1)[-1]
        return f"{state} {int(self.value['start']):#x}, {int(self.value['size'])} bytes"


class StampPrinter(_Printer):
    """A CallStamp: its path is taken for the kernel's where there is a kernel."""

    def to_string(self) -> str:
        when = int(self.value["when"])
        packed = gdb.lookup_symbol("heapscope::kernel::heap")[0] is not None
        by = names.callers(int(self.value["path"]), packed)
        return f"at {when & (1 << 56) - 1} on core {when >> 56} by {by}"


class OriginPrinter(_Printer):
    def to_string(self) -> str:
        live = "live" if bool(self.value["live"]) else "freed"
        size = int(self.value["layout"]["size"])
        return (f"{live} {int(self.value['address']):#x}, {size} bytes, "
                f"call {int(self.value['sequence'])}")

    def children(self) -> Iterator[tuple[str, gdb.Value]]:
        yield "allocated", self.value["allocated"]
        if not bool(self.value["live"]):
            yield "freed", self.value["freed"]


class GuardedBlockPrinter(_Printer):
    def to_string(self) -> str:
        freed = ", freed" if bool(self.value["freed"]) else ""
        layout = self.value["layout"]
        return (f"{int(self.value['address']):#x}, {int(layout['size'])} bytes, "
                f"align {int(layout['align'])}{freed}")


class OpenRunPrinter(_Printer):
    def to_string(self) -> str:
        start, end = int(self.value["start"]), int(self.value["end"])
        return "none" if start == end else f"granules {start} to {end}"


class ResultPrinter(_Printer):
    """A RegisterResult."""

    def to_string(self) -> str:
        failure = int(self.value["failure_"])
        if failure == 0:
            value = self.value.type.strip_typedefs().template_argument(0)
            return "done" if value.code == gdb.TYPE_CODE_VOID else f"{int(self.value['value_']):#x}"
        error = self.value.type.strip_typedefs().template_argument(1)
        return "error " + str(gdb.Value(failure - 1).cast(error)).rsplit("::", 1)[-1]


class StaticVectorPrinter(_Printer):
    def to_string(self) -> str:
        return f"{int(self.value['size_'])} of {self._capacity()}"

    def children(self) -> Iterator[tuple[str, gdb.Value]]:
        items = self.value["items_"]["_M_elems"]
        for i in range(min(int(self.value["size_"]), self._capacity())):
            yield f"[{i}]", items[i]

    def display_hint(self) -> str:
        return "array"

    def _capacity(self) -> int:
        return self.value["items_"]["_M_elems"].type.strip_typedefs().range()[1] + 1


class RingBufferPrinter(_Printer):
    def to_string(self) -> str:
        elements = self.value["bytes_"]["_M_elems"]
        capacity = elements.type.strip_typedefs().range()[1] + 1
        read, written = int(self.value["read_"]), int(self.value["written_"])
        count = min((written - read) & (1 << 64) - 1, capacity)
        held = bytes(int(elements[(read + i) % capacity]) for i in range(count))
        return f"{count} of {capacity} bytes: {held!r}"


class HeapPrinter(_Printer):
    """One line of a whole heap: `heapscope use` and its commands tell the rest."""

    def to_string(self) -> str:
        try:
            found = open_target(unwrapped(self.value), open_memory())
            stats = found.reader.stats()
        except (Damage, Unreadable, Refusal) as told:
            return f"({told})"
        except Exception as error:
            # What lies in memory that was overwritten may be anything at all.
            return f"(the heap's records make no sense: {type(error).__name__}: {error})"
        return (f"{found.name} heap, hardening {found.hardening}, {stats.start:#x} to "
                f"{stats.end:#x}: {stats.live_blocks} live blocks, {stats.used_bytes} bytes used, "
                f"{stats.free_bytes} free")


_ALLOC = "^heapscope::alloc::"
_PRINTERS = {
    _ALLOC + "Layout$": LayoutPrinter,
    "^heapscope::Range$": RangePrinter,
    _ALLOC + "Extent$": ExtentPrinter,
    _ALLOC + "CallStamp$": StampPrinter,
    _ALLOC + "Origin$": OriginPrinter,
    _ALLOC + "GuardedBlock$": GuardedBlockPrinter,
    _ALLOC + "FreeBins::OpenRun$": OpenRunPrinter,
    "^heapscope::RegisterResult<.*>$": ResultPrinter,
    "^heapscope::StaticVector<.*>$": StaticVectorPrinter,
    "^heapscope::RingBuffer<.*>$": RingBufferPrinter,
    _ALLOC + "(BasicBinAllocator<.*>|UncheckedBinAllocator|BumpAllocator|FirstFitAllocator"
             "|Hardened<.*>|LockedHeap<.*>)$": HeapPrinter,
}


def register() -> None:
    collection = gdb.printing.RegexpCollectionPrettyPrinter("heapscope")
    for number, (pattern, printer) in enumerate(_PRINTERS.items()):
        collection.add_printer(f"heapscope{number}", pattern, printer)
    gdb.printing.register_pretty_printer(None, collection, replace=True)
