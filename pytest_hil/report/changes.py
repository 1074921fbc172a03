# SPDX-License-Identifier: Apache-2.0
"""What is different from the run before: tests that broke, recovered, came or went, and the images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..results.history import History, Run
from ..results.summary import short_id

GOOD = ("passed", "flaky")
LISTED = 8  # tests named in one item; the rest are counted


@dataclass(frozen=True)
class News:
    """One item; `tests` are places in results.json."""

    style: str  # worse, better, plain
    text: str
    tests: tuple[int, ...] = ()
    names: tuple[str, ...] = ()  # of tests that this run has not
    more: int = 0


@dataclass(frozen=True)
class Changes:
    before: Run | None
    news: tuple[News, ...] = ()


def nothing_before(results: Mapping[str, Any]) -> Changes:
    """Of a first run: what is wrong."""
    bad = _about("worse", "did not pass", [n for n, test in enumerate(results["tests"]) if test["outcome"] not in GOOD])
    return Changes(None, () if bad is None else (bad,))


def changes_since(results: Mapping[str, Any], history: History) -> Changes:
    """This run must be in the history already. Raises HistoryError."""
    before = history.before(results["run"]["id"])
    if before is None:
        return nothing_before(results)
    old = {result.test: result.outcome for result in history.results(before.number, before.number + 1)}
    tests = results["tests"]
    now = {test["id"]: test["outcome"] for test in tests}
    place = {test["id"]: number for number, test in enumerate(tests)}
    broke = [place[i] for i, outcome in now.items() if outcome not in GOOD and old.get(i) in GOOD]
    still = [place[i] for i, outcome in now.items() if outcome not in GOOD and i in old and old[i] not in GOOD]
    mended = [place[i] for i, outcome in now.items() if outcome in GOOD and i in old and old[i] not in GOOD]
    new = [place[i] for i in now if i not in old]
    gone = [i for i in old if i not in now]
    news = [
        _about("worse", "no longer passed", broke),
        _about("worse", "still did not pass", still),
        _about("better", "passed again", mended),
        _about("plain", "new", new),
        News(
            "plain", f"{len(gone)} not in this run", names=tuple(map(short_id, gone[:LISTED])), more=len(gone) - LISTED
        )
        if gone
        else None,
        _image(results, before),
    ]
    return Changes(before, tuple(item for item in news if item is not None))


def _about(style: str, text: str, places: list[int]) -> News | None:
    if not places:
        return None
    return News(style, f"{len(places)} {text}", tuple(places[:LISTED]), more=len(places) - LISTED)


def _image(results: Mapping[str, Any], before: Run) -> News:
    now = next((image["image_sha256"] for image in results["images"] if image["role"] == "release"), None)
    if now is None or before.image is None:
        return News("plain", "the release image of one of them is not known")
    if now == before.image:
        return News("plain", "the same release image")
    return News("plain", f"another release image: {before.image[:12]} → {str(now)[:12]}")
