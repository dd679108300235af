"""Makes the kernel's symbol table: reads what `nm -nC` says of the kernel linked
without a table, and writes an assembler file that is linked into it.

Usage: make_symbols.py < nm's output > symbols.S
"""

import re
import sys

LINE = re.compile(r"^([0-9a-f]+) [tTwW] (.+)$")


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


def main() -> None:
    symbols = [(int(match[1], 16), short_name(match[2]))
               for match in map(LINE.match, sys.stdin) if match]
    start = symbols[0][0]
    print('.section .rodata.symbols, "a"\n.balign 8\n.global symbol_table\nsymbol_table:')
    offsets: dict[str, int] = {}
    used = 0
    for address, name in symbols:
        if name not in offsets:
            offsets[name] = used
            used += len(name) + 1
        print(f".word {address - start:#x}, {offsets[name]}")
    print(".global symbol_table_end\nsymbol_table_end:\n.global symbol_names\nsymbol_names:")
    for name in offsets:
        print(f'.asciz "{name}"')


if __name__ == "__main__":
    main()
