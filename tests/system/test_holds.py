"""No command keeps others from the heap, or interrupts masked in the heap's name, for
long: the longest hold of its lock by each, in instructions, on a large and fragmented
bin heap. They are counted by a kernel whose lock counts them (kernel/bench/holds.cpp),
between its entry and its exit.
"""

from harness import KERNEL, Machines, Shell

MOST_INSTRUCTIONS = 3000
BLOCKS = 100_000
HOLES = 10_000
NAMES_IN_A_LINE = 60
WORKLOADS = ("uniform", "lognormal", "lifo", "fifo", "lifetimes", "growing", "checkerboard",
             "producer")
SIZES = (16, 100, 24, 1000, 64, 4000, 200, 48, 2500, 336)


class Measured:
    """The machine, and the longest hold of everything that was run."""

    def __init__(self, shell: Shell) -> None:
        self.shell = shell
        self.longest: dict[str, int] = {}

    def run(self, line: str, stop_after: bytes | None = None) -> None:
        """`stop_after` is what is to be seen of its answer before Ctrl-C."""
        self.shell.send(f"{line}; holds\r".encode() if stop_after is None else f"{line}\r".encode())
        if stop_after is not None:
            self.shell.read_until(stop_after)
            self.shell.send(b"\x03")
            self.shell.expect(rb"\}\r\n")
            self.shell.send(b"holds\r")
        self.shell.read_until(b'{"schema":1,"command":"holds","status":0,"result":{"longest":')
        found = int(self.shell.read_until(b",")[:-1])
        self.shell.read_until(b"\r\n")
        name = line.split()[0]
        self.longest[name] = max(self.longest.get(name, 0), found)


def fragment(measured: Measured) -> None:
    """Blocks of many sizes, and holes between them."""
    for number, size in enumerate(SIZES):
        measured.run(f"alloc {size + number} -n {BLOCKS // len(SIZES)}", stop_after=b'"blocks":[{')
    holes = [f"a{1 + number * (BLOCKS // HOLES)}" for number in range(HOLES)]
    for first in range(0, HOLES, NAMES_IN_A_LINE):
        measured.run("free " + " ".join(holes[first:first + NAMES_IN_A_LINE]))


# Both in the order in which they are run. The second are on a heap that is anew.
LINES = [
    "stats", "heapmap", "heapmap 0x10000000 1M -b", "heapmap a50002 -b", "allocator",
    "alloc 64", "alloc 0", "alloc 3000M", "alloc 100 4096", "alloc 1M 1M", "alloc 64 4M",
    "alloc 40 -n 3000", "alloc 5000 64 -n 100 -t tag", "alloc 900M -n 2", "alloc 300M",
    "heapmap", "free -t tag", "free a50002", "free a50003 a50004 a50005", "free a50002",
    "free 0x10000008", "selftest", "demo vector 100000", "demo string 100000", "demo map 500",
    "demo set 500", *[f"replay {name}" for name in WORKLOADS], "compare uniform -n 2000",
    "stress -c 1 -n 20000 -s 1", "cores", "memmap", "atags -x", "dump a60002", "peek a60002",
    "poke a60002 1", "fill a60002 16 1", "time stats", "uart", "version -v", "help",
    "crash read", "allocator bin all", "alloc 64", "allocator bump all", "alloc 64", "stats",
    "heapmap", "allocator bin all", "crash heap",
]
# Plays on first-fit too, which searches, on a heap of its own that nobody else uses.
UNBOUNDED = {"compare"}


def test_the_longest_hold_of_every_command(own_machines: Machines) -> None:
    shell = own_machines.boot("shell.mode=json", kernel=KERNEL.with_name("holds8.img"),
                              counts_instructions=True)
    measured = Measured(shell)
    measured.run("echo")
    fragment(measured)
    stats = shell.result("stats")
    assert stats["live_blocks"] == BLOCKS - HOLES
    assert sum(bin["free_blocks"] for bin in stats["bins"]) > HOLES // 2
    for line in LINES:
        measured.run(line)
    print(measured.longest)
    assert measured.longest["stats"] > 100 and measured.longest["heapmap"] > 100
    too_long = {name: count for name, count in measured.longest.items()
                if count > MOST_INSTRUCTIONS and name not in UNBOUNDED}
    assert not too_long
