"""Counts what a CTest run did: GoogleTest and pytest cases one by one.

A system test is one CTest test that runs pytest, which leaves its own report;
the cases in it stand in place of that one entry.
"""

import xml.etree.ElementTree as ElementTree
from collections import Counter
from pathlib import Path

SYSTEM_PREFIX = "system."

Counts = Counter[str]  # of "passed", "failed", "skipped"


def count_results(ctest_report: Path, reports: Path) -> Counts:
    """`reports` holds NAME.xml for each CTest test NAME that ran pytest."""
    counts: Counts = Counter()
    for case in _cases(ctest_report):
        name = case.get("name", "")
        outcome = _ctest_outcome(case)
        if name.startswith(SYSTEM_PREFIX):
            counts += _system_counts(reports / f"{name}.xml", outcome)
        else:
            counts[outcome] += 1
    return counts


def summary_line(counts: Counts) -> str:
    line = f"{counts['passed']} passed, {counts['failed']} failed"
    return line + (f", {counts['skipped']} skipped" if counts["skipped"] else "")


def succeeded(counts: Counts) -> bool:
    return counts["passed"] > 0 and counts["failed"] == 0


def _system_counts(report: Path, outcome: str) -> Counts:
    """A run that failed as a whole (a time limit, say) fails even if no case did."""
    outcomes: dict[tuple[str, str], str] = {}
    for case in _cases(report):
        # A test that fails and whose fixture fails after it is in there twice.
        key = (case.get("classname", ""), case.get("name", ""))
        if outcomes.get(key) != "failed":
            outcomes[key] = _pytest_outcome(case)
    counts: Counts = Counter(outcomes.values())
    if not counts or (outcome == "failed" and not counts["failed"]):
        counts["failed"] += 1
    return counts


def _cases(report: Path) -> list[ElementTree.Element]:
    """No report, or half of one, has no cases."""
    try:
        return list(ElementTree.parse(report).iter("testcase"))
    except (OSError, ElementTree.ParseError):
        return []


def _ctest_outcome(case: ElementTree.Element) -> str:
    """CTest writes "run", "fail", "notrun" or "disabled"; a test that skipped
    itself is "notrun" too, told apart from a missing program by its message."""
    status = case.get("status")
    if status == "run":
        return "passed"
    skipped = case.find("skipped")
    message = skipped.get("message", "") if skipped is not None else ""
    return "skipped" if status == "disabled" or message.startswith("SKIP_") else "failed"


def _pytest_outcome(case: ElementTree.Element) -> str:
    if case.find("failure") is not None or case.find("error") is not None:
        return "failed"
    return "skipped" if case.find("skipped") is not None else "passed"
