"""Names of the program's functions, as the kernel's own reports have them."""

import importlib.util
import re
from pathlib import Path

import gdb

_SYMBOL = re.compile(r"(.*?)(?: \+ (\d+))? in section .*", re.DOTALL)
# As kernel/call_path.hpp has them; the compiler leaves them out of the debug information.
_CALLERS = 3
_CALLER_BITS = 21
_SHELL = "shell::Shell::"


def _kernels_short_name():  # type: ignore[no-untyped-def]
    """The one that the kernel's own table of symbols is made with."""
    path = Path(__file__).resolve().parents[3] / "kernel" / "make_symbols.py"
    spec = importlib.util.spec_from_file_location("heapscope_make_symbols", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.short_name


_short_name = _kernels_short_name()


def place(address: int) -> str:
    """"shell::run_alloc+0x264", or the bare address where no function is."""
    match = _SYMBOL.match(gdb.execute(f"info symbol {address:#x}", to_string=True))
    if not match:
        return f"{address:#x}"
    return f"{_short_name(match[1])}+{int(match[2] or 0):#x}"


def callers(path: int, packed: bool) -> str:
    """The calls of a path, innermost first. `packed`: as kernel/call_path.hpp does it; else
    only the program knows what its number means."""
    if not packed:
        return f"path {path:#x}" if path else "unknown"
    addresses = [path >> i * _CALLER_BITS & (1 << _CALLER_BITS) - 1 for i in range(_CALLERS)]
    known = addresses[:addresses.index(0)] if 0 in addresses else addresses
    # A return address is that of the instruction behind the call.
    found = [place(each - 4) for each in known]
    # As shell/block_origin.cpp: the shell calls every command.
    shell = next((i for i, each in enumerate(found) if i and each.startswith(_SHELL)), None)
    return " < ".join(found[:shell]) or "unknown"
