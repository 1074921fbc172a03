#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Two runs of the scenarios beside each other: the native board's ports, and an ESP-IDF's own server and lwIP.

    differential.py PORT_RUN IDF_RUN        each a folder that `hil run` made

Compared is what an app's owner would notice: the outcome, the events on the serial line with the fields that do not
measure anything, how each client's stream ended, and the panics. Stop times are shown, not judged.
Exit code: 0 alike, 1 something differs, 2 usage.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

EVENT_MARK = "@hil "
# Fields that say what happened; all others measure (times, heap, descriptors, digests) or count what time decides.
EVENT_FIELDS = ("accepted", "err", "kind", "ota_state", "phase", "reason", "reset_reason", "server", "strategy", "why")
UNCOUNTED = {"beat", "ota_progress"}  # one a second, one a piece of the image


@dataclass
class Scenario:
    """What one run has seen of one test."""

    outcome: str
    events: Counter[str] = field(default_factory=Counter)
    endings: Counter[str] = field(default_factory=Counter)
    panics: list[str] = field(default_factory=list)
    stops_ms: list[int] = field(default_factory=list)


def event_name(line: str) -> str | None:
    """An event as it is compared, such as `stop_end server=81 err=ESP_OK`; None for any other line."""
    _, mark, text = line.partition(EVENT_MARK)
    if not mark:
        return None
    try:
        event = json.loads(text)
    except ValueError:
        return f"unreadable: {text.strip()}"
    if event.get("ev") in UNCOUNTED:
        return None
    return " ".join([str(event.get("ev")), *(f"{key}={event[key]}" for key in EVENT_FIELDS if key in event)])


def read_run(folder: Path) -> dict[str, Scenario]:
    """The scenarios of a run by test id. Raises ValueError for a folder without results."""
    try:
        results: dict[str, Any] = json.loads((folder / "results.json").read_text())
    except (OSError, ValueError) as error:
        raise ValueError(f"{folder} holds no results.json of a run: {error}") from None
    return {test["id"]: read_scenario(folder, test) for test in results["tests"]}


def read_scenario(folder: Path, test: dict[str, Any]) -> Scenario:
    """What the results and the logs beside them say of one test."""
    seen = Scenario(test["outcome"])
    seen.panics = [f"{panic['kind']} {panic['function']}" for panic in test["panics"]]
    seen.stops_ms = [stop["ms"] for stop in test.get("stops") or [] if stop.get("ms") is not None]
    for log in test["logs"]:
        path = folder / log["path"]
        if path.name == "console.log":
            seen.events.update(filter(None, map(event_name, path.read_text(errors="replace").splitlines())))
        elif path.name == "clients.json":
            seen.endings.update(
                f"{client['kind']} {client['status']} {client['ending']['how'] if client['ending'] else 'open'}"
                for client in json.loads(path.read_text())
            )
    return seen


def differences(port: Scenario, idf: Scenario) -> list[str]:
    """What differs, a line each; nothing when they are alike."""
    found = []
    if port.outcome != idf.outcome:
        found.append(f"outcome: {port.outcome} / {idf.outcome}")
    for what, left, right in (
        ("event", port.events, idf.events),
        ("stream", port.endings, idf.endings),
        ("panic", Counter(port.panics), Counter(idf.panics)),
    ):
        found += [
            f"{what}: {name}: {left[name]} / {right[name]}"
            for name in sorted(left | right)
            if left[name] != right[name]
        ]
    return found


def row(name: str, port: Scenario | None, idf: Scenario | None) -> tuple[list[str], list[str]]:
    """A table's row, and below it what differs."""
    if port is None or idf is None:
        return [name, *(side.outcome if side else "not run" for side in (port, idf)), "", "", ""], ["run by one alone"]
    differing = differences(port, idf)
    ms = [" ".join(map(str, side.stops_ms)) or "-" for side in (port, idf)]
    return [name, port.outcome, idf.outcome, "alike" if not differing else "differ", *ms], differing


def main(arguments: list[str]) -> int:
    """The command."""
    if len(arguments) != 2:
        print("usage: differential.py PORT_RUN IDF_RUN", file=sys.stderr)
        return 2
    try:
        port, idf = (read_run(Path(folder)) for folder in arguments)
    except ValueError as error:
        print(f"differential: {error}", file=sys.stderr)
        return 2
    rows = {name: row(name, port.get(name), idf.get(name)) for name in [*port, *(set(idf) - set(port))]}
    head = ["scenario", "port", "ESP-IDF", "events, streams, panics", "stops, ms: port", "ESP-IDF"]
    table = [(head, []), *rows.values()]
    widths = [max(len(cells[at]) for cells, _ in table) for at in range(len(head))]
    for cells, differing in table:
        print("  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip())
        for line in differing:
            print(f"    {line}")
    different = sum(1 for _, differing in rows.values() if differing)
    print(f"\n{len(rows)} scenarios, {different} differ")
    return 1 if different or not rows else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
