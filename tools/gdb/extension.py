"""heapscope in GDB: `source tools/gdb/extension.py`, then `heapscope`.

Needs nothing but GDB's own Python, from Debian 12's gdb-multiarch on.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from heapscope_gdb import commands, printers  # noqa: E402 (the path comes first)

commands.register()
printers.register()
