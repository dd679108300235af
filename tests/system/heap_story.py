"""Made-up sessions of `trace dump`, and what is true of them, worked out anew."""

import random
from dataclasses import dataclass, field

MARK = "#!heapscope trace"
HEAP = 0x100000, 0x110000
TAGS = ("page", "inode", "task", None)


@dataclass
class Block:
    id: int
    address: int
    size: int
    born: int  # how many events had happened
    tag: str | None
    died: int | None = None


@dataclass
class Story:
    """Blocks at real addresses in one heap, each event later than the one before."""

    lines: list[str] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    times: list[int] = field(default_factory=list)  # microseconds from the first event

    def live_at(self, moment: int) -> list[Block]:
        return [block for block in self.blocks
                if block.born <= moment and (block.died is None or moment < block.died)]

    def moments(self) -> range:
        return range(len(self.lines) + 1)

    def dump(self) -> str:
        start, end = HEAP
        head = [MARK, f"# heap {start:#x} {end:#x} allocator bin",
                f"# events {len(self.lines)}, overwritten 0, left out 0"]
        return "".join(f"{line}\r\n" for line in head + self.lines)


def tell(seed: int, events: int) -> Story:
    source = random.Random(seed)
    story = Story()
    now, last_id = 1_000_000, 0
    for moment in range(1, events + 1):
        now += source.randrange(1, 2000)
        live = story.live_at(moment - 1)
        stamp = f"# t={now} at=0x%x core={source.randrange(4)}"
        kind = source.choice("aaff" if len(live) > 20 else "aaaf") if live else "a"
        if kind == "f":
            block = source.choice(live)
            block.died = moment
            story.lines.append(f"f {block.id} {stamp % block.address} by=free_one+0x1c")
        else:
            last_id += 1
            size = source.choice((1, 16, 17, 100, 640, 1024, 4000))
            tag = source.choice(TAGS)
            block = Block(last_id, _hole(live, size), size, moment, tag)
            story.blocks.append(block)
            said = f" tag={tag}" if tag else ""
            story.lines.append(f"a {last_id} {size} {stamp % block.address}{said} by=make+0x4")
        story.times.append(now)
    story.times = [0, *(each - story.times[0] for each in story.times)]
    return story


def _hole(live: list[Block], size: int) -> int:
    """The first one that is large enough."""
    at = HEAP[0]
    for block in sorted(live, key=lambda each: each.address):
        if block.address - at >= size:
            break
        at = (block.address + block.size + 15) // 16 * 16
    assert at + size <= HEAP[1]
    return at
