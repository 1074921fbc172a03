# SPDX-License-Identifier: Apache-2.0
"""How much of each test's console goes into the page, and how it is packed there.

A reader needs a failed test's console whole, and a passed one's only to compare with. So the page has a budget, spent
on what went wrong first; what does not fit lies in the log beside the page, and the page says so. Tests are compressed
some at a time: their consoles resemble each other, and none is unpacked before somebody opens it.
"""

from __future__ import annotations

import base64
import gzip
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from .lanes import read_logs, shown_lines, timeline

BUDGET = 3_000_000  # characters of packed details; with its rows a page of 2,000 tests stays below 5 MB
TOGETHER = 12  # tests in one packed piece
FIRST, LAST, AROUND = 800, 1500, 25  # lines kept of a console that is very long, and around each panic
ENDS, NOTABLE = 5, 400  # of a console told in brief: first and last lines, and those that matter
_NOTABLE = re.compile(rb"@hil (?!.*\"ev\":\"(?:beat|ota_progress)\")|^(?:\x1b\[[0-9;]*m)?[EW] \(")

Detail = dict[str, Any]
Choice = Literal["whole", "brief", "nothing"]
# For tests that did not simply pass, and for the others: the first of these that fits the budget is taken.
PLANS: tuple[tuple[Choice, Choice], ...] = (
    ("whole", "whole"),
    ("whole", "brief"),
    ("brief", "brief"),
    ("brief", "nothing"),
)


class Evidence:
    """One test's time line and console, read once."""

    def __init__(self, folder: Path) -> None:
        logs = read_logs(folder)
        lines = logs.lines
        self._view = timeline(logs)
        self._count = len(lines)
        panics = {
            number
            for panic in self._view["panics"][:10]
            for number in range(max(panic["line"] - AROUND, 0), min(panic["line"] + 2 * AROUND, len(lines)))
        }
        last = max(len(lines) - LAST, 0)
        kept = sorted({*range(min(FIRST, len(lines))), *range(last, len(lines)), *panics})
        notable = [number for number in kept if _NOTABLE.search(lines[number].raw)]
        brief = sorted({*notable[:NOTABLE], *kept[:ENDS], *kept[-ENDS:], *panics})
        self._lines = {number: lines[number] for number in kept}
        self._kept: dict[Choice, list[int]] = {"whole": kept, "brief": brief, "nothing": []}

    def detail(self, choice: Choice) -> Detail:
        """As the page's script takes it."""
        lines = shown_lines(self._lines, self._kept[choice])
        return {**self._view, "lines": lines, "all_lines": self._count}


def pack(details: Sequence[Detail]) -> str:
    text = json.dumps(details, separators=(",", ":"), ensure_ascii=False)
    return base64.b64encode(gzip.compress(text.encode("utf-8", "replace"), mtime=0)).decode()


def pack_tests(folders: Sequence[Path], bad: Sequence[bool], budget: int = BUDGET) -> list[str]:
    """The packed pieces of all tests, TOGETHER in each. `bad` says which did not simply pass.

    Where even the last plan is too much, later pieces are empty.
    """
    tests = [(Evidence(folder), is_bad) for folder, is_bad in zip(folders, bad, strict=True)]
    pieces = [tests[start : start + TOGETHER] for start in range(0, len(tests), TOGETHER)]
    packed: list[str] = []
    for for_bad, for_good in PLANS:
        left, packed = budget, []
        for piece in pieces:
            text = pack([test.detail(for_bad if is_bad else for_good) for test, is_bad in piece])
            left -= len(text)
            packed.append(text if left >= 0 else "")
            if left < 0 and (for_bad, for_good) != PLANS[-1]:
                break
        if left >= 0:
            break
    return packed
