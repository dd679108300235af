"""`heapscope test`: builds everything and runs every test through CTest.

Its last line is a plain count of single cases; nothing run is a failure too.
"""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

from build import PROJECT_ROOT, build
from failure import Failure
from newer_qemu import provide
from summary import count_results, succeeded, summary_line

_PRESET = "host-asan"


def run_tests(name_pattern: str | None, long: bool) -> int:
    try:
        build("pi3")
        build(_PRESET)
    except Failure as failure:
        print(f"heapscope: {failure}", file=sys.stderr, flush=True)
        print(summary_line(Counter(failed=1)), flush=True)
        return failure.status
    provide()
    directory = PROJECT_ROOT / "build" / _PRESET
    reports = _emptied(directory / "reports")
    ctest_report = reports / "ctest.xml"
    command = [
        "ctest", "--test-dir", str(directory), "-j", str(len(os.sched_getaffinity(0))),
        "--output-on-failure", "--output-junit", str(ctest_report)]
    if name_pattern is not None:
        command += ["-R", name_pattern]
    environment = os.environ | ({"HEAPSCOPE_LONG": "1"} if long else {})
    status = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL).returncode
    counts = count_results(ctest_report, reports)
    if status != 0 and counts["failed"] == 0:
        counts["failed"] += 1  # CTest itself went wrong
    print(summary_line(counts), flush=True)
    return 0 if succeeded(counts) else 1


def _emptied(reports: Path) -> Path:
    """A report of an earlier run must not count in this one."""
    reports.mkdir(parents=True, exist_ok=True)
    for report in reports.glob("*.xml"):
        report.unlink()
    return reports
