"""`heapscope view`: a trace or a recorded session as a page, a picture or a massif file.

A trace is played on a heap of ours on this machine; a session shows what a device did.
"""

import gc
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from build import PROJECT_ROOT, build
from failure import USAGE_STATUS, Failure

from .colours import human_size, human_time
from .drawing import make_png, make_svg
from .history import History
from .massif import make_massif
from .page import make_page
from .recording import Recording, Trace, of_player, read

FORMATS = ("html", "svg", "png", "massif")
_PLAYER = PROJECT_ROOT / "build" / "tools" / "tools" / "view" / "view_player"


@dataclass(frozen=True)
class ViewOptions:
    file: str
    output: Path
    format: str | None = None
    allocator: str | None = None
    heap: int | None = None  # bytes
    dump: int | None = None
    colour: str | None = None


def run_view(options: ViewOptions) -> int:
    gc.disable()  # millions of objects and no cycles: it would look through them in vain
    kind = options.format or _format_of(options.output)
    recording = read(options.file, options.dump)
    if isinstance(recording, Trace):
        recording = _play(recording, options.allocator or "bin", options.heap or 0)
    elif options.allocator is not None or options.heap is not None:
        raise Failure("--allocator and --heap are for traces; a session's heap is what it was",
                      USAGE_STATUS)
    history = History(recording)
    notes = _notes(history)
    _write(options.output, _render(kind, history, notes, options.colour))
    print(f"heapscope: {_summary(history)}: {options.output}", file=sys.stderr)
    return 0


def _format_of(output: Path) -> str:
    """massif's own files are called massif.out.PID."""
    suffix = output.suffix.removeprefix(".").lower()
    if suffix in FORMATS:
        return suffix
    if output.name.startswith("massif.out"):
        return "massif"
    raise Failure(f"{output}: what is it to be? Name it .html, .svg, .png or .massif, or give "
                  "--format", USAGE_STATUS)


def _render(kind: str, history: History, notes: list[str], colour: str | None) -> bytes:
    key = colour or ("tag" if any(life.tag for life in history.lives) else "size")
    summary = _summary(history)
    if kind == "html":
        return make_page(history, summary, notes, key).encode()
    if kind == "massif":
        return make_massif(history, history.recording.name).encode()
    picture = make_svg(history, summary, notes, key)
    return picture.encode() if kind == "svg" else make_png(picture)


def _play(trace: Trace, allocator: str, heap: int) -> Recording:
    build("tools")
    with tempfile.NamedTemporaryFile(prefix="heapscope-") as file:
        file.write(trace.text.encode())
        file.flush()
        done = subprocess.run([str(_PLAYER), allocator, str(heap), file.name],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = done.stderr.strip() or f"view_player ended with status {done.returncode}"
        raise Failure(f"{trace.name}: {said}", USAGE_STATUS)
    return of_player(trace.name, done.stdout)


def _summary(history: History) -> str:
    recording = history.recording
    start, end = history.heap
    parts = [f"{history.moments:,} {'operations' if recording.played else 'events'}",
             f"{len(history.lives):,} blocks",
             f"at most {human_size(history.peak)} live",
             f"{recording.allocator or 'unknown'} heap of {human_size(end - start)}"]
    if history.times is not None:
        parts.append(human_time(history.times[-1]))
    return ", ".join(parts)


def _notes(history: History) -> list[str]:
    """What one has to know to read the picture rightly."""
    recording = history.recording
    notes = []
    if recording.fitted:
        notes.append("The heap's size was chosen so that everything fits; --heap sets it.")
    if history.failures:
        notes.append(f"{len(history.failures):,} allocations were refused.")
    if recording.overwritten or recording.left_out:
        notes.append(f"The device had overwritten {recording.overwritten:,} earlier events and "
                     f"left out {recording.left_out:,}.")
    if recording.promised is not None and recording.promised != len(recording.events):
        notes.append(f"The dump says that it has {recording.promised:,} events, but "
                     f"{len(recording.events):,} are there.")
    if history.unknown_frees:
        notes.append(f"{history.unknown_frees:,} frees were of blocks from before the recording.")
    if history.unseen_frees:
        notes.append(f"{history.unseen_frees:,} blocks were freed unseen: others came to lie "
                     "there.")
    if not recording.played:
        notes.append("What no recorded block covers counts as free.")
    return notes


def _write(output: Path, data: bytes) -> None:
    try:
        if str(output) == "-":
            sys.stdout.buffer.write(data)
        else:
            output.write_bytes(data)
    except OSError as error:
        raise Failure(f"{output}: {error.strerror}") from None
