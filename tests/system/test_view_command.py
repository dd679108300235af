"""`./heapscope view`: the page in a browser, pictures to scale, files for massif's
viewers, and finding dumps in what a terminal has logged.
"""

import gzip
import json
import lzma
import random
import re
import subprocess
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any, Iterator

import pytest

import view.page
from browser import Page
from build import build
from command import assert_one_line, heapscope
from failure import Failure
from harness import PROJECT_ROOT
from heap_story import HEAP, MARK, Story, tell
from view.folding import Axis
from view.history import History
from view.recording import Event, Recording, Trace, of_player, read

JQ = PROJECT_ROOT / "tests" / "traces" / "jq.trace.xz"
SVG = "{http://www.w3.org/2000/svg}"
SEED = 20_240
STORY = tell(SEED, 600)


def write(path: Path, text: str) -> Path:
    path.write_bytes(text.encode())
    return path


def make(source: Path, output: Path, *options: str) -> Path:
    done = heapscope("view", str(source), "-o", str(output), *options)
    assert done.returncode == 0, done.stderr
    assert_one_line(done.stderr)
    return output


def dump(*lines: str) -> str:
    head = (MARK, "# heap 0x1000 0x9000 allocator bin")
    return "".join(f"{line}\r\n" for line in (*head, *lines))


def history_of(story: Story, folder: Path) -> History:
    recording = read(str(write(folder / "story.log", story.dump())), None)
    assert isinstance(recording, Recording)
    return History(recording)


def live_after(operations: list[str], moment: int) -> dict[int, int]:
    """Sizes by block, of a trace without its comments."""
    live: dict[int, int] = {}
    for line in operations[:moment]:
        kind, number, *rest = line.split()
        live.pop(int(number), None)
        if kind != "f":
            live[int(number)] = int(rest[0])
    return live


def operations_of(trace: Path) -> list[str]:
    lines = lzma.open(trace, "rt").read().splitlines()
    return [line for line in lines if not line.startswith("#")]


# ---- the page


# The browser wants no canvas to be read that is also drawn on; a parameter's default.
_COPY = """(map = document.getElementById('map'), copy = Object.assign(
    document.createElement('canvas'), {width: map.width, height: map.height}),
    drawn = copy.getContext('2d', {willReadFrequently: true}).drawImage(map, 0, 0))"""


class HeapPage(Page):
    """What a person does with the page, and reads there."""

    def box(self) -> tuple[float, float, float, float]:
        """The map's left, top, right and bottom: without the axes around it."""
        left, top, width = self.value(
            "(box => [box.left, box.top, box.width])"
            "(document.getElementById('map-box').getBoundingClientRect())")
        height = self.value("document.getElementById('map-box').clientHeight")
        use, part = round(height * 0.17), round(height * 0.1)
        return left + 104, top + 8, left + width - 10, top + height - use - part - 48 - 18 - 2

    def hover(self, x: float, y: float) -> None:
        self.mouse("mouseMoved", x, y)

    def text(self, element: str) -> str:
        return self.value(f"document.getElementById('{element}').innerText")

    def moment(self) -> int:
        return int(self.value("document.getElementById('live').dataset.moment"))

    def totals(self) -> tuple[int, int]:
        """Blocks and bytes that are live."""
        data = self.value("({...document.getElementById('live').dataset})")
        return int(data["blocks"]), int(data["bytes"])

    def rows(self) -> list[tuple[int, int]]:
        """Blocks and their sizes."""
        cells = self.value("[...document.querySelectorAll('#live tbody tr')]"
                           ".map(row => [row.dataset.id, row.cells[1].innerText])")
        return [(int(number), int(size.replace(",", ""))) for number, size in cells]

    def press_button(self, label: str) -> None:
        self.value(f"[...document.querySelectorAll('button')]"
                   f".find(each => each.textContent === '{label}').click()")
        self.settle()

    def picture(self) -> list[int]:
        """The drawing's pixels in one number a row."""
        return self.value(
            f"({_COPY} => [...Array(copy.height).keys()].map(y => copy.getContext('2d')"
            ".getImageData(0, y, copy.width, 1).data.reduce((sum, each) => sum + each, 0)))()")

    def pixel(self, x: float, y: float) -> list[int]:
        left, top = self.value("(box => [box.left, box.top])"
                               "(document.getElementById('map-box').getBoundingClientRect())")
        return self.value(f"({_COPY} => [...copy.getContext('2d')"
                          f".getImageData({x - left}, {y - top}, 1, 1).data])()")


@pytest.fixture(scope="module", autouse=True)
def player() -> None:
    """Built beforehand, so that no command has to say that it builds."""
    build("tools")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("view")


@pytest.fixture(scope="module")
def trace_page(folder: Path) -> Iterator[HeapPage]:
    made = make(JQ, folder / "jq.html")
    with HeapPage(made, folder / "profile-trace") as page:
        yield page
        assert page.complaints == []
        assert page.requests == [made.as_uri()]


@pytest.fixture(scope="module")
def story_page(folder: Path) -> Iterator[HeapPage]:
    log = write(folder / "story.log", f"heapscope> trace dump\r\n{STORY.dump()}heapscope> ")
    made = make(log, folder / "story.html")
    with HeapPage(made, folder / "profile-story") as page:
        yield page
        assert page.complaints == []
        assert page.requests == [made.as_uri()]


@pytest.fixture(autouse=True)
def from_the_start(request: pytest.FixtureRequest) -> None:
    for name in ("trace_page", "story_page"):
        if name in request.fixturenames:
            page: HeapPage = request.getfixturevalue(name)
            page.value("document.getElementById('map-box').focus()")
            page.press("Escape")


def test_hovering_a_trace_lists_what_is_live(trace_page: HeapPage) -> None:
    operations = operations_of(JQ)
    left, top, right, bottom = trace_page.box()
    for part in (0.1, 0.5, 0.77, 0.999):
        trace_page.hover(left + (right - left) * part, (top + bottom) / 2)
        moment = trace_page.moment()
        assert moment == pytest.approx(part * len(operations), abs=len(operations) / 300)
        live = live_after(operations, moment)
        assert trace_page.totals() == (len(live), sum(live.values()))
        rows = trace_page.rows()
        assert len(rows) == min(len(live), 24)
        assert [size for _, size in rows] == sorted(live.values(), reverse=True)[:len(rows)]
        assert all(live[number] == size for number, size in rows)


def test_hovering_a_session_finds_blocks_where_they_lay(story_page: HeapPage, folder: Path) -> None:
    axis = Axis(history_of(STORY, folder))
    left, top, right, bottom = story_page.box()
    end = STORY.times[-1] + STORY.times[-1] // 50
    source = random.Random(SEED)
    large = [block for block in STORY.blocks if block.size >= 640 and (block.died or 0) - block.born > 20]
    for block in source.sample(large, 8):
        begins, ends = STORY.times[block.born], STORY.times[block.died or -1]
        x = left + (right - left) * (begins + ends) / 2 / end
        place = axis.place(block.address) + block.size / 2
        story_page.hover(x, bottom - (bottom - top) * place / axis.length)
        live = STORY.live_at(story_page.moment())
        assert story_page.rows() == [
            (each.id, each.size) for each in sorted(live, key=lambda each: (-each.size, each.born))][:24]
        assert story_page.value("document.getElementById('block').dataset.id") == str(block.id)
        said = story_page.text("block")
        assert f"{block.address:#x}" in said and "make+0x4" in said and "free_one+0x1c" in said
        assert ("tag " + (block.tag or "")) in said or block.tag is None


def test_the_page_works_by_keyboard(story_page: HeapPage) -> None:
    last = len(STORY.lines)
    story_page.press("Home")
    assert (story_page.moment(), story_page.totals()) == (0, (0, 0))
    story_page.press("End")
    assert story_page.moment() == last
    story_page.press("ArrowLeft")
    before = story_page.moment()
    assert before < last
    story_page.press("ArrowRight")
    assert before < story_page.moment() <= last
    sums = [sum(block.size for block in STORY.live_at(moment)) for moment in STORY.moments()]
    story_page.press("p")
    assert story_page.totals()[1] == max(sums)
    assert "live" in story_page.text("spoken")


def test_zooming_and_back(story_page: HeapPage) -> None:
    left, top, right, bottom = story_page.box()
    middle = (left + right) / 2, (top + bottom) / 2
    whole = story_page.picture()

    def width() -> int:
        story_page.hover(left + 1, middle[1])
        first = story_page.moment()
        story_page.hover(right - 1, middle[1])
        return story_page.moment() - first

    everything = width()
    story_page.mouse("mouseWheel", *middle, deltaX=0, deltaY=-400)
    assert 0 < width() < 0.8 * everything
    story_page.press("0")
    assert story_page.picture() == whole
    story_page.mouse("mousePressed", left + 100, top + 50, button="left", clickCount=1)
    story_page.mouse("mouseMoved", left + 300, bottom - 50, button="left")
    story_page.mouse("mouseReleased", left + 300, bottom - 50, button="left", clickCount=1)
    assert 0 < width() < 0.5 * everything
    story_page.press_button("all")
    assert story_page.picture() == whole


def test_the_axis_counts_events_too(story_page: HeapPage) -> None:
    left, top, right, bottom = story_page.box()
    story_page.press_button("events")
    story_page.hover((left + right) / 2, (top + bottom) / 2)
    assert story_page.moment() == pytest.approx(len(STORY.lines) / 2, abs=2)
    story_page.press_button("time")


def test_colours_are_those_of_the_legend(story_page: HeapPage, folder: Path) -> None:
    """In the middle of a large block, by tag and by size."""
    axis = Axis(history_of(STORY, folder))
    block = max((block for block in STORY.blocks if block.tag and block.size == 4000 and block.died),
                key=lambda block: STORY.times[block.died or -1] - STORY.times[block.born])
    end = STORY.times[-1] + STORY.times[-1] // 50
    for button, label in (("tag", block.tag), ("size", "≤ 4 KiB")):
        story_page.press_button(button)
        left, top, right, bottom = story_page.box()
        x = left + (right - left) * (STORY.times[block.born] + STORY.times[block.died or -1]) / 2 / end
        y = bottom - (bottom - top) * (axis.place(block.address) + 1000) / axis.length
        legend = story_page.value(
            "Object.fromEntries([...document.querySelectorAll('#legend span')]"
            ".map(each => [each.textContent, each.firstChild.style.background]))")
        assert label in legend
        wanted = [int(number) for number in re.findall(r"\d+", legend[label])]
        assert story_page.pixel(x, y)[:3] == pytest.approx(wanted, abs=3)
    story_page.press_button("tag")


def test_a_dark_page_and_a_small_one(story_page: HeapPage, folder: Path) -> None:
    light = story_page.screenshot()
    assert len(light) > 30_000
    with HeapPage(folder / "story.html", folder / "profile-dark", width=700, dark=True) as page:
        assert page.value("getComputedStyle(document.body).backgroundColor") == "rgb(14, 18, 23)"
        assert page.value("document.documentElement.scrollWidth") <= 700
        assert len(page.screenshot()) > 20_000
        assert page.complaints == []


def test_names_are_shown_and_not_obeyed(folder: Path) -> None:
    log = write(folder / "<b>bold.log", "\n".join([
        MARK, "# heap 0x1000 0x2000 allocator bin",
        "a 1 64 # t=1 at=0x1000 core=0 tag=</script><script>alert(1)</script>",
        "a 2 64 # t=2 at=0x1040 core=0 tag=<img src=http://127.0.0.1/x>", ""]))
    made = make(log, folder / "hostile.html")
    with HeapPage(made, folder / "profile-hostile") as page:
        page.press_button("tag")
        assert "<b>bold.log" in page.value("document.title")
        assert "</script>" in page.text("live")
        assert page.value("document.querySelectorAll('img').length") == 0
        assert (page.complaints, page.requests) == ([], [made.as_uri()])


@pytest.mark.parametrize("text, live, said", [
    # High addresses, everything in one microsecond, more tags than colours.
    (dump(*(f"a {k} 8 # t=7 at={0xffff_8000_0000_0000 + 24 * k:#x} tag=tag{k}" for k in range(20))),
     (20, 160), "0xffff8000000001c8"),
    # Nothing but a free of something from before.
    (dump("f 1 # t=7 at=0x1000"), (0, 0), "No block"),
    # All refused.
    ("a 1 5000\nr 1 6000\nf 1\n", (0, 0), "refused"),
    ("a 1 1\n", (1, 1), "1 B"),
])
def test_odd_recordings_are_pages_too(
        text: str, live: tuple[int, int], said: str, folder: Path) -> None:
    options = ["--heap", "2K"] if not text.startswith(MARK) else []
    made = make(write(folder / "odd", text), folder / "odd.html", *options)
    make(folder / "odd", folder / "odd.svg", *options)
    make(folder / "odd", folder / "odd.massif", *options)
    subprocess.run(["ms_print", str(folder / "odd.massif")], capture_output=True, check=True)
    with HeapPage(made, folder / "profile-odd") as page:
        left, top, right, bottom = page.box()
        page.hover(right - 2, bottom - 2)
        page.value("document.getElementById('map-box').focus()")
        for key in ("Home", "End", "+", "ArrowUp", "ArrowLeft", "ArrowRight", "-", "0", "End"):
            page.press(key)
        assert page.totals() == live
        assert said in page.value("document.body.innerText")
        assert page.complaints == []


def test_a_million_operations_make_a_page_of_some_megabytes(folder: Path) -> None:
    source = random.Random(SEED)
    lines, live, dead = [], [], list(range(30_000))
    for _ in range(1_000_000):
        if live and (not dead or source.random() < 0.5):
            dead.append(live.pop(source.randrange(len(live)) if source.random() < 0.2 else -1))
            lines.append(f"f {dead[-1]}")
        else:
            live.append(dead.pop())
            lines.append(f"a {live[-1]} {source.choice((16, 24, 100, 700, 5000))}")
    made = make(write(folder / "million.trace", "\n".join(lines)), folder / "million.html")
    assert made.stat().st_size < 6_000_000
    with HeapPage(made, folder / "profile-million") as page:
        left, top, right, bottom = page.box()
        page.hover((left + right) / 2, (top + bottom) / 2)
        sizes = live_after(lines, page.moment())
        rows = page.rows()
        assert rows and all(sizes[number] == size for number, size in rows)
        assert "400,000 of" in page.value("document.querySelector('.notes').textContent")
        assert page.complaints == []


# ---- pictures


def number(element: ElementTree.Element, name: str) -> float:
    return float(element.get(name, "nan"))


def test_an_svg_is_to_scale(folder: Path) -> None:
    log = write(folder / "story.log", STORY.dump())
    picture = ElementTree.parse(make(log, folder / "story.svg")).getroot()
    area = next(each for each in picture.iter(f"{SVG}rect") if each.get("id") == "map")
    drawn = [each for each in picture.iter(f"{SVG}rect") if "block" in each.get("class", "")]
    assert len(drawn) == len(STORY.blocks)
    axis = Axis(history_of(STORY, folder))
    wide = number(area, "width") / (STORY.times[-1] + STORY.times[-1] // 50)
    high = number(area, "height") / axis.length
    for rectangle, block in zip(drawn, STORY.blocks):
        title = rectangle.find(f"{SVG}title")
        assert title is not None and title.text is not None
        assert title.text.startswith(f"block {block.id}: {block.size} bytes at {block.address:#x}")
        begins = STORY.times[block.born]
        assert number(rectangle, "x") - number(area, "x") == pytest.approx(begins * wide, abs=0.01)
        if block.died is not None:
            lasts = STORY.times[block.died] - begins
            assert number(rectangle, "width") == pytest.approx(lasts * wide, abs=0.01)
        assert number(rectangle, "height") == pytest.approx(block.size * high, abs=0.01)
        bottom = number(rectangle, "y") + number(rectangle, "height")
        up = number(area, "y") + number(area, "height") - bottom
        assert up == pytest.approx(axis.place(block.address) * high, abs=0.01)


def test_a_large_trace_is_drawn_in_cells(folder: Path) -> None:
    made = make(JQ, folder / "jq.svg")
    assert made.stat().st_size < 2_000_000
    picture = ElementTree.parse(made).getroot()
    cells = [each for each in picture.iter(f"{SVG}path") if each.get("class") == "cells"]
    colours = {each.get("fill") for each in cells}
    assert len(colours) > 3
    # Runs of three pixels a row, weighed by their shade, make up what was in blocks.
    painted = sum(float(each.get("fill-opacity", "0")) * 3 * int(run)
                  for each in cells for run in re.findall(r"h(\d+)v3", each.get("d", "")))
    operations = operations_of(JQ)
    live: dict[str, int] = {}
    now = byte_operations = 0
    for line in operations:
        kind, number_, *rest = line.split()
        now += (int(rest[0]) if rest else 0) - live.pop(number_, 0)
        if rest:
            live[number_] = int(rest[0])
        byte_operations += now
    heap = re.search(r"heap of ([\d.]+) MiB", "".join(picture.itertext()))
    assert heap is not None
    share = byte_operations / len(operations) / (float(heap[1]) * 2**20)
    assert painted / (1060 * 430) == pytest.approx(share, rel=0.15)


def test_a_png_is_one(folder: Path) -> None:
    data = make(JQ, folder / "jq.png").read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    assert int.from_bytes(data[16:20], "big") == 1800
    assert len(data) > 30_000


# ---- massif


def snapshots(text: str) -> list[dict[str, int]]:
    return [{name: int(value) for name, value in re.findall(r"^(\w+)=(\d+)$", part, re.M)}
            for part in text.split("#-----------\nsnapshot=")[1:]]


def test_massif_files_open_in_ms_print_and_have_the_peak(folder: Path) -> None:
    made = make(JQ, folder / "jq.massif")
    printed = subprocess.run(["ms_print", str(made)], capture_output=True, text=True, check=True)
    table = re.search(r"Detailed snapshots: \[.*?(\d+) \(peak\)", printed.stdout, re.S)
    assert table is not None
    peak = snapshots(made.read_text())[int(table[1])]
    operations = operations_of(JQ)
    assert peak["mem_heap_B"] == 2_038_374  # as tests/traces/README.md has it
    assert peak["mem_heap_B"] == sum(live_after(operations, peak["time"]).values())
    assert peak["mem_heap_extra_B"] > 0
    row = next(line for line in printed.stdout.splitlines() if line.split()[:1] == [table[1]])
    assert "2,038,374" in row


def test_massif_files_say_by_whom(folder: Path) -> None:
    log = write(folder / "two.log", "\n".join([
        MARK, "# heap 0x1000 0x9000 allocator bin",
        "a 1 3000 # t=1 at=0x1000 tag=page by=map_page+0x10",
        "a 2 1000 # t=2 at=0x2000 by=open_file+0x20", "f 1 # t=3 at=0x1000", ""]))
    made = make(log, folder / "massif.out.7")
    printed = subprocess.run(["ms_print", str(made)], capture_output=True, text=True, check=True).stdout
    assert "75.00% (3,000B) 0x0: map_page+0x10 (tag page)" in printed
    assert "25.00% (1,000B) 0x0: open_file+0x20" in printed
    assert [each["mem_heap_B"] for each in snapshots(made.read_text())] == [0, 3000, 4000, 1000]


# ---- what was played


def test_the_heap_is_as_large_as_asked_and_refusals_are_told(folder: Path) -> None:
    trace = write(folder / "tight.trace", "a 1 3000\na 2 3000\nr 1 9000\nr 2 10\nf 2\nf 1\n")
    made = heapscope("view", str(trace), "-o", str(folder / "tight.svg"), "--heap", "4K",
                     "--allocator", "bump")
    assert made.returncode == 0
    assert "6 operations" in made.stderr and "bump heap of 4 KiB" in made.stderr
    assert "2 allocations were refused" in (folder / "tight.svg").read_text()


def test_figures_come_from_the_heap() -> None:
    played = of_player("t", "\n".join([
        MARK, "# heap 0x0 0x1000 allocator bin", "# fitted",
        "# figures used=0 free=4000 largest=4000 metadata=96", "a 1 10 # at=0x10",
        "# figures used=16 free=3984 largest=3000 metadata=96", "a 2 9000 # failed=1", "# skipped",
        "r 1 20 # at=0x40", ""]))
    history = History(played)
    assert [(life.address, life.size, life.born, life.died) for life in history.lives] == [
        (0x10, 10, 1, 4), (0x40, 20, 4, 5)]
    assert (history.failures, history.requested) == ([2], [0, 10, 10, 10, 20])
    assert [(each.moment, each.used, each.largest) for each in history.figures] == [
        (0, 0, 4000), (1, 16, 3000)]


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress])
def test_packed_traces_and_standard_input(pack: Any, folder: Path) -> None:
    path = folder / "packed"
    path.write_bytes(pack(b"a 1 16\nf 1\n"))
    assert read(str(path), None) == Trace("packed", "a 1 16\nf 1\n")
    done = heapscope("view", "-", "-o", "-", "--format", "massif", typed="a 1 16\n")
    assert done.returncode == 0 and "mem_heap_B=16\n" in done.stdout


# ---- sessions


def test_figures_of_a_session_are_those_of_its_live_blocks(folder: Path) -> None:
    history = history_of(STORY, folder)
    assert history.times == STORY.times
    assert len(history.figures) == len(STORY.lines) + 1
    for figures in history.figures:
        live = sorted((each.address, each.size) for each in STORY.live_at(figures.moment))
        edges = [(HEAP[0], 0), *live, (HEAP[1], 0)]
        gaps = [behind[0] - before[0] - before[1] for before, behind in zip(edges, edges[1:])]
        assert (figures.free, figures.largest) == (sum(gaps), max(gaps)), f"seed {SEED}"
        assert figures.used == sum(size for _, size in live)


def events_of(text: str, folder: Path, number: int | None = None) -> list[Event]:
    recording = read(str(write(folder / "session.log", text)), number)
    assert isinstance(recording, Recording)
    return recording.events


ONE = "a 1 64 # t=5 at=0x1000 core=2 tag=page by=run_alloc+0x40"


@pytest.mark.parametrize("text", [
    dump(ONE),
    dump(ONE).replace("\r\n", "\n"),
    f"heapscope> trace dump\r\n{dump(ONE)}heapscope> stats\r\nlive_blocks 1\r\n",
    f"\x1b[?2004h\x1b[1mheapscope> \x1b[0mtrace dump\x1b[K\r\n{dump(ONE)}\x1b]0;title\x07heapscope> ",
    f"@7 BEGIN\r\n{dump(ONE)}@7 END status=0\r\n",
    dump("\x1b[7m-- more --\x1b[27m\r\x1b[K" + ONE),
    dump(ONE) + "a1        0x1000           64        16           64  -\r\n",
    dump("# a remark", ONE.replace("core=2", "core=2 new=thing")),
    dump(ONE) + "a 2 6",  # the log was cut off
])
def test_a_dump_is_found_in_a_log(text: str, folder: Path) -> None:
    [event] = events_of(text, folder)
    assert event[:9] == ("a", 1, 64, 16, 5, 0x1000, 2, "page", "run_alloc+0x40")


def test_tags_may_hold_blanks(folder: Path) -> None:
    events = events_of(dump("a 1 64 # t=5 at=0x1000 tag=page of 4K by=x", 'a 2 64 # at=0x1040 tag="a b"'),
                       folder)
    assert [(event.tag, event.by) for event in events] == [("page of 4K", "x"), ("a b", None)]


def test_of_several_dumps_one_is_taken(folder: Path) -> None:
    text = "".join(f"heapscope> trace dump\r\n{dump(f'a {number} 64 # at=0x1000')}" for number in (7, 8))
    assert [events_of(text, folder, which)[0].id for which in (None, 1, 2)] == [8, 7, 8]
    with pytest.raises(Failure, match="no dump 3, only 2 dumps"):
        events_of(text, folder, 3)


def test_json_replies_are_dumps_too(folder: Path) -> None:
    event = {"kind": "allocate", "id": 12, "size": 64, "align": 32, "us": 9, "address": "0x107a280",
             "core": 1, "tag": "page", "by": "run_alloc+0x40", "more": 1}
    reply = {"schema": 1, "command": "trace", "status": 0, "result": {
        "heap_start": "0x107a000", "heap_end": "0x39f00000", "events": [
            event, {"kind": "reallocate", "id": 12, "size": 70, "us": 10, "address": "0x107a300"},
            {"kind": "pause"}, {"kind": "free", "id": 12, "us": 11, "by": "free_one+0x1c"}]}}
    lines = ['{"schema":1,"command":"trace","status":0,"result":{"recording":true}}', "noise {",
             json.dumps(reply, separators=(",", ":"))]
    recording = read(str(write(folder / "session.json", "\r\n".join(lines) + "\r\n")), None)
    assert isinstance(recording, Recording)
    assert recording.heap == (0x107a000, 0x39f00000)
    first, second = History(recording).lives
    assert (first.id, first.address, first.size, first.align, first.core) == (12, 0x107a280, 64, 32, 1)
    assert (first.tag, first.by, first.born, first.died) == ("page", "run_alloc+0x40", 1, 2)
    assert (second.address, second.size, second.tag, second.freed_by) == (
        0x107a300, 70, "page", "free_one+0x1c")


def test_what_a_dump_lacks_is_told(folder: Path) -> None:
    log = write(folder / "lossy.log", dump(
        "# events 3, overwritten 12, left out 4", ONE, "f 99 # t=6 at=0x2000"))
    text = make(log, folder / "lossy.svg").read_text()
    assert "overwritten 12 earlier events and left out 4" in text
    assert "has 3 events, but 2 are there" in text
    assert "1 frees were of blocks from before" in text


def test_what_was_freed_unseen_ends_where_another_block_begins(folder: Path) -> None:
    text = dump("a 1 64 # at=0x1000", "a 2 64 # at=0x1040", "a 3 64 # at=0x1080",
                "a 4 80 # at=0x1020", "f 2 # at=0x1040", "a 1 16 # at=0x1010", "f 4 # at=0x1020")
    recording = read(str(write(folder / "unseen.log", text)), None)
    assert isinstance(recording, Recording)
    history = History(recording)
    assert [(life.id, life.born, life.died) for life in history.lives] == [
        (1, 1, 4), (2, 2, 4), (3, 3, 8), (4, 4, 7), (1, 6, 8)]
    assert (history.unseen_frees, history.unknown_frees) == (2, 1)
    assert [each.used for each in history.figures] == [0, 64, 128, 192, 144, 144, 160, 80]
    assert all(each.used + each.free == 0x8000 for each in history.figures)


def test_a_dump_without_addresses_is_played(folder: Path) -> None:
    log = f"$ cat my.trace\r\n{MARK}\r\na 1 64 32\r\nr 1 65\r\nf 1\r\n$ "
    found = read(str(write(folder / "cat.log", log)), None)
    assert found == Trace("cat.log", "a 1 64 32\nr 1 65\nf 1")


@pytest.mark.parametrize("text, what", [
    ("", "is empty"),
    (" \r\n", "is empty"),
    ("hello\n", "is no trace"),
    ("a 1 16\nb 2\n", "line 2 is none of"),
    ("a 1 16\nf 1\nf 1\n", "line 3 frees"),
    (f"{MARK}\n# only this\n", "no operations"),
    (dump(), "no events"),
    (dump(ONE, ONE.replace("0x1000", "0x2000")), "line 4 allocates a block that is live"),
    (dump(ONE, "f x1", "f 1"), "1 blocks"),
    (dump(ONE, "a 2 # at=0x1040", ""), "line 4 is none of"),
])
def test_what_is_wrong_is_one_line(text: str, what: str, folder: Path) -> None:
    path = write(folder / "wrong", text)
    done = heapscope("view", str(path), "-o", str(folder / "wrong.html"))
    assert done.returncode == (0 if "blocks" in what else 2)
    assert_one_line(done.stderr)
    assert what in done.stderr


@pytest.mark.parametrize("words, what", [
    ([str(JQ), "-o", "x.pdf"], "--format"),
    ([str(JQ), "-o", "/no/such/place/x.html"], "/no/such/place"),
    (["/no/such/file", "-o", "x.html"], "/no/such/file"),
    ([str(JQ), "-o", "x.html", "--heap", "1"], "too small"),
    ([str(JQ), "-o", "x.html", "--heap", "many"], "many"),
    ([str(JQ), "-o", "x.html", "--dump", "2"], "no dump 2"),
    ([str(JQ)], "-o"),
])
def test_what_cannot_be_done_is_one_line(words: list[str], what: str) -> None:
    done = heapscope("view", *words)
    assert done.returncode in (1, 2)
    assert_one_line(done.stderr)
    assert what in done.stderr


# ---- the address axis


def blocks_at(*places: tuple[int, int]) -> History:
    events = [Event("a", number, size, address=address) for number, (address, size) in enumerate(places)]
    return History(Recording("t", (0, 1 << 30), "bin", events))


def test_long_gaps_are_folded_and_short_ones_are_not() -> None:
    axis = Axis(blocks_at((4096, 1000), (6000, 1000), (1 << 29, 500)))
    assert [(each.address, each.size) for each in axis.stretches if not each.folded] == [
        (4096, 2904), (1 << 29, 500)]
    assert [each.size for each in axis.stretches if each.folded] == [
        4096, (1 << 29) - 7000, (1 << 29) - 500]
    folds = sum(each.length for each in axis.stretches if each.folded)
    assert 0 < folds / axis.length < 0.2
    assert axis.place(6000) - axis.place(4096) == 6000 - 4096
    assert axis.place(1 << 29) == axis.stretches[3].place


def test_stretches_tile_the_heap_and_the_axis() -> None:
    source = random.Random(SEED)
    for _ in range(50):
        starts = sorted(source.sample(range(0, 1 << 30, 4096), source.randrange(1, 40)))
        axis = Axis(blocks_at(*((start, source.randrange(1, 4097)) for start in starts)))
        address = place = 0
        for stretch in axis.stretches:
            assert (stretch.address, stretch.place) == (address, place), f"seed {SEED}"
            address += stretch.size
            place += stretch.length
        assert (address, place) == (1 << 30, axis.length)
        assert all(not stretch.folded or stretch.size > 0 for stretch in axis.stretches)


def test_of_too_many_blocks_the_heaviest_are_kept(
        monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    history = history_of(STORY, folder)
    monkeypatch.setattr(view.page, "MOST_LIVES", 10)
    text = view.page.make_page(history, "s", [], "size")
    assert f"Shown are the 10 of {len(STORY.blocks)} blocks" in text
    header = json.loads(re.findall(r'id="header">(.*?)</script>', text)[0])
    assert header["columns"]["born"][0] == 10 and not header["complete"]
