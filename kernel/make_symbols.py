"""Makes the kernel's symbol table: reads what `nm -nC` says of the kernel linked
without a table, and writes an assembler file that is linked into it.

Usage: make_symbols.py < nm's output > symbols.S
"""

import collections
import itertools
import re
import sys

LINE = re.compile(r"^([0-9a-f]+) [tTwW] (.+)$")
# What the compiler names the debugging information of one file by.
NO_FUNCTION = re.compile(r"\.cpp\.[0-9a-f]{8}$")


def short_name(name: str) -> str:
    """Without parameters and template arguments, which fill the line and the image."""
    name = name.replace("(anonymous namespace)::", "").replace("heapscope::", "")
    name = re.sub(r" \[clone [^]]*\]", "", name)
    if name.startswith("operator"):
        return name
    shortened, depth = "", 0
    for character in name:
        if character in "<(":
            depth += 1
        if depth == 0:
            shortened += character
        if character in ">)":
            depth -= 1
    return shortened.removesuffix(" const").split(" ")[-1]


def shorten(names: list[str]) -> tuple[list[list[int]], list[tuple[int, int]]]:
    """Byte pair encoding: the pair of bytes that is there most often becomes one byte
    from 0x80 on, again and again. Returns the names and the pairs."""
    coded = [list(name.encode("ascii")) for name in names]
    pairs: list[tuple[int, int]] = []
    for code in range(0x80, 0x100):
        counts = collections.Counter(pair for name in coded for pair in zip(name, name[1:]))
        pair, count = max(counts.items(), key=lambda item: (item[1], item[0]))
        if count < 3:
            break
        pairs.append(pair)
        coded = [replaced(name, pair, code) for name in coded]
    return coded, pairs


def replaced(name: list[int], pair: tuple[int, int], code: int) -> list[int]:
    short: list[int] = []
    at = 0
    while at < len(name):
        if tuple(name[at:at + 2]) == pair:
            short.append(code)
            at += 2
        else:
            short.append(name[at])
            at += 1
    return short


def label(name: str) -> None:
    print(f".global {name}\n{name}:")


def main() -> None:
    # Of several names of one address one is enough.
    by_address = {int(match[1], 16): short_name(match[2])
               for match in map(LINE.match, sys.stdin)
               if match and not NO_FUNCTION.search(match[2])}
    symbols = sorted(by_address.items())
    start = symbols[0][0]
    names = list(dict.fromkeys(name for _, name in symbols))
    coded, pairs = shorten(names)
    offsets = dict(zip(names, itertools.accumulate((len(each) + 1 for each in coded), initial=0)))
    print('.section .rodata.symbols, "a"\n.balign 8')
    label("symbol_table")
    for address, name in symbols:
        instruction, rest = divmod(address - start, 4)
        assert rest == 0 and instruction < 1 << 17 and offsets[name] < 1 << 15
        print(f".word {instruction | offsets[name] << 17:#x}")
    label("symbol_table_end")
    label("symbol_pairs")
    for pair in pairs:
        print(f".byte {pair[0]:#x}, {pair[1]:#x}")
    label("symbol_names")
    for name, code in zip(names, coded):
        print(f".byte {', '.join(map(hex, [*code, 0]))}  // {name}")


if __name__ == "__main__":
    main()
