#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Two runs of the scenarios beside each other: the native board's ports, and an ESP-IDF's own server and lwIP.

    differential.py PORT_RUN IDF_RUN IDF_PATH        two folders that `hil run` made, and the ESP-IDF of the second

Compared is what an app's owner would notice: the outcome, the events on the serial line with the fields that do not
measure anything, how each client's stream ended, and the panics. Stop times are shown, not judged. A difference that
known_differences.toml has for this version is told with its name; one that it has and nobody saw is told too.
Exit code: 0 alike but for what is known, 1 something else differs, 2 usage.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from known_differences import Known, read, version_of

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


@dataclass
class Row:
    """A scenario in the table, and what differs in it: known, by the name of the entry, or not."""

    cells: list[str]
    known: list[tuple[str, str]] = field(default_factory=list)
    new: list[str] = field(default_factory=list)


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


def ending(client: Mapping[str, Any]) -> str:
    """How a client's stream ended. Of one that was there until the test's end, what came then is the bench's doing."""
    how = "open" if client.get("outlived_test") or not client["ending"] else client["ending"]["how"]
    return f"{client['kind']} {client['status']} {how}"


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
            seen.endings.update(map(ending, json.loads(path.read_text())))
    return seen


def differences(port: Scenario | None, idf: Scenario | None) -> list[str]:
    """What differs, a line each; nothing when they are alike."""
    outcomes = [side.outcome if side else "not there" for side in (port, idf)]
    found = [f"outcome: {outcomes[0]} / {outcomes[1]}"] if outcomes[0] != outcomes[1] else []
    if port is None or idf is None or (found and "not_run" in outcomes):
        return found  # one has nothing to compare
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


def row(name: str, port: Scenario | None, idf: Scenario | None, known: Sequence[Known]) -> Row:
    """Both sides of one scenario."""
    sides = (port, idf)
    made = Row([name, *(side.outcome if side else "not there" for side in sides)])
    for difference in differences(port, idf):
        entry = next((entry for entry in known if entry.explains(name, difference)), None)
        if entry:
            made.known.append((entry.id, difference))
        else:
            made.new.append(difference)
    made.cells.append("differ" if made.new else "known" if made.known else "alike")
    made.cells += [" ".join(map(str, side.stops_ms)) if side and side.stops_ms else "-" for side in sides]
    return made


def compare(port: dict[str, Scenario], idf: dict[str, Scenario], known: Sequence[Known]) -> int:
    """Prints the table and what it means; returns the exit code."""
    names = [*port, *(name for name in idf if name not in port)]
    rows = [row(name, port.get(name), idf.get(name), known) for name in names]
    head = Row(["scenario", "port", "ESP-IDF", "events, streams, panics", "stops, ms: port", "ESP-IDF"])
    widths = [max(len(one.cells[at]) for one in (head, *rows)) for at in range(len(head.cells))]
    for one in (head, *rows):
        print("  ".join(cell.ljust(width) for cell, width in zip(one.cells, widths, strict=True)).rstrip())
        for line in one.new:
            print(f"    {line}")
        for name, line in one.known:
            print(f"    known ({name}): {line}")
    seen = {name for one in rows for name, _ in one.known}
    for entry in known:
        print(f"{'known' if entry.id in seen else 'known, and not seen in this run'}: {entry.id}: {entry.reason}")
    different = sum(1 for one in rows if one.new)
    print(f"\n{len(rows)} scenarios, {sum(1 for one in rows if one.known)} with known differences, {different} differ")
    return 1 if different or not rows else 0


def main(arguments: list[str]) -> int:
    """The command."""
    if len(arguments) != 3:
        print("usage: differential.py PORT_RUN IDF_RUN IDF_PATH", file=sys.stderr)
        return 2
    try:
        port, idf = (read_run(Path(folder)) for folder in arguments[:2])
        version = version_of(Path(arguments[2]))
        known = [entry for entry in read()["scenario"] if entry.holds_for(version)]
    except ValueError as error:
        print(f"differential: {error}", file=sys.stderr)
        return 2
    return compare(port, idf, known)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
