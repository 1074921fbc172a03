# SPDX-License-Identifier: Apache-2.0
"""In which order parallel workers take the tests: the longest first, by how long each took in earlier runs.

The longest test then never begins last, while the other boards stand idle. Workers must agree on the order, so the
controlling process reads the history once and tells them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from .results.history import FILE_NAME, History, HistoryError

# xdist gives each worker a test at a time, and holds one more ready for it.
XDIST_OPTIONS = ("--dist", "load", "--maxschedchunk", "1")


class Spreading:
    """Registered as a plugin where there are workers."""

    def __init__(self, config: pytest.Config, runs: Path) -> None:
        told: dict[str, Any] | None = getattr(config, "workerinput", None)
        self._durations: Mapping[str, float]
        if told is not None:
            self._durations = json.loads(told.get("hil_durations", "{}"))
        else:
            self._durations = durations(runs / FILE_NAME)

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        node.workerinput["hil_durations"] = json.dumps(self._durations)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        longest_first(items, self._durations)


def durations(history: Path) -> dict[str, float]:
    """Seconds by test id; empty where there is no history that can be read."""
    if not history.is_file():
        return {}
    try:
        with History(history) as opened:
            return opened.durations()
    except HistoryError:
        return {}


def longest_first(items: list[pytest.Item], known: Mapping[str, float]) -> None:
    """In place. A test that nobody has seen yet may take long: it comes first. Without a history nothing moves."""
    if known:
        items.sort(key=lambda item: -known.get(item.nodeid, float("inf")))
