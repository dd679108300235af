"""The built-in commands as a person sees them: what must be in the text, not
how it is laid out.
"""

import pytest

from harness import Shell
from texts import ADDRESS, FAILED, HANDLE, WRONG_USAGE, address_in, assert_error, handle_in

BUILTINS = ("atags", "alloc", "free", "heapmap", "stats")
STATS_FIELDS = (
    "allocator", "heap_bytes", "used_bytes", "requested_bytes", "free_bytes", "metadata_bytes",
    "peak_used_bytes", "largest_free_bytes", "fragmentation_permille", "live_blocks",
    "allocations", "frees", "failures",
)


def test_alloc_names_the_block_and_what_was_granted(shell: Shell) -> None:
    lines = shell.ok("alloc 1000")
    assert handle_in(lines)
    assert int(address_in(lines), 16) % 16 == 0
    assert "1000" in "\n".join(lines)


@pytest.mark.parametrize("align", [1, 16, 64, 4096, 1 << 20])
def test_alloc_aligns(shell: Shell, align: int) -> None:
    assert int(address_in(shell.ok(f"alloc 100 {align}")), 16) % align == 0


def test_alloc_makes_many_and_shows_their_tag(shell: Shell) -> None:
    text = "\n".join(shell.ok("alloc 32 -n 3 -t pages -f 0xaa"))
    assert len(set(HANDLE.findall(text))) == 3
    assert len(set(ADDRESS.findall(text))) >= 3
    assert text.count("pages") >= 1


def test_handles_are_never_used_again(shell: Shell) -> None:
    first = handle_in(shell.ok("alloc 64"))
    shell.ok(f"free {first}")
    second = handle_in(shell.ok("alloc 64"))
    assert int(second[1:]) > int(first[1:])


def test_free_by_handle_and_by_address(shell: Shell) -> None:
    handle = handle_in(shell.ok("alloc 64"))
    assert handle_in(shell.ok(f"free {handle}")) == handle
    lines = shell.ok("alloc 64")
    assert handle_in(shell.ok(f"free {address_in(lines)}")) == handle_in(lines)


def test_free_several_all_and_by_tag(shell: Shell) -> None:
    one, two = handle_in(shell.ok("alloc 64")), handle_in(shell.ok("alloc 64"))
    assert set(HANDLE.findall("\n".join(shell.ok(f"free {one} {two}")))) == {one, two}
    tagged = handle_in(shell.ok("alloc 64 -t x"))
    other = handle_in(shell.ok("alloc 64"))
    assert set(HANDLE.findall("\n".join(shell.ok("free -t x")))) == {tagged}
    assert set(HANDLE.findall("\n".join(shell.ok("free all")))) == {other}
    assert shell.run(f"free {other}").status == FAILED


def test_free_refuses_as_a_whole(shell: Shell) -> None:
    handle = handle_in(shell.ok("alloc 64"))
    assert_error(shell.run(f"free {handle} a4000000000"), FAILED)
    shell.ok(f"free {handle}")


def test_stats_shows_every_figure(shell: Shell) -> None:
    text = "\n".join(shell.ok("stats"))
    for name in STATS_FIELDS:
        assert name in text


def test_heapmap_draws_what_changes(shell: Shell) -> None:
    empty = shell.ok("heapmap")
    shell.ok("alloc 1M -n 20")
    full = shell.ok("heapmap")
    assert len(empty) == len(full)
    assert empty != full


def test_heapmap_lists_the_blocks(shell: Shell) -> None:
    lines = shell.ok("alloc 64")
    text = "\n".join(shell.ok("heapmap -b"))
    assert address_in(lines) in text
    assert handle_in(lines) in text


def test_heapmap_zooms_and_takes_a_width_and_rows(shell: Shell) -> None:
    address = address_in(shell.ok("alloc 4K"))
    zoomed = shell.ok(f"heapmap {address} 8K -w 16 -r 4")
    assert address in "\n".join(zoomed)
    assert len(zoomed) < len(shell.ok("heapmap -w 16 -r 16"))


def test_atags_shows_tags_and_raw_words(shell: Shell) -> None:
    text = "\n".join(shell.ok("atags"))
    assert "CORE" in text and "MEM" in text
    raw = "\n".join(shell.ok("atags -x"))
    assert "0x54410001" in raw and "0x54410002" in raw
    assert len(raw) > len(text)


def test_help_names_the_builtins_and_explains_each(shell: Shell) -> None:
    text = "\n".join(shell.ok("help"))
    for name in BUILTINS:
        assert name in text
        assert name in "\n".join(shell.ok(f"help {name}"))


@pytest.mark.parametrize("line", [
    "alloc", "alloc 1 2 3", "alloc 1 -n", "alloc 1 -z", "alloc 1 -f 256", "alloc 1 -n 0",
    "free", "heapmap 1 2 3", "heapmap -w 0", "atags x", "atags -z", "stats x", "stats -b",
    "poweroff 256", "poweroff x", "mode nosuch",
])
def test_wrong_usage_shows_the_usage(shell: Shell, line: str) -> None:
    reply = shell.run(line)
    assert_error(reply, WRONG_USAGE)
    assert line.split()[0] in "\n".join(reply.lines[1:])
