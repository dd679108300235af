"""A kernel that counts instructions and how long its heap's lock is held, with a million
blocks.
"""

from harness import KERNEL, Machines, Shell

MILLION = 1_000_000


def boot_with_a_million_blocks(machines: Machines) -> Shell:
    """In json mode; what was held until then does not count."""
    shell = machines.boot("shell.mode=json", kernel=KERNEL.with_name("holds8.img"),
                          counts_instructions=True)
    shell.send(f"alloc 200 -n {MILLION}\r".encode())
    shell.read_until(b'"blocks":[{')
    shell.send(b"\x03")
    shell.expect(rb"\}\r\n")
    shell.result("holds")
    return shell


def held(shell: Shell, line: str) -> int:
    """The longest hold of the heap's lock by that line, in instructions."""
    return [reply for reply in shell.replies(f"{line}; holds")][-1]["result"]["longest"]
