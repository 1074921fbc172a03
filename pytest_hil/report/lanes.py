# SPDX-License-Identifier: Apache-2.0
"""One test as a time line: what its logs tell, as lanes over the seconds since its console began.

The page's script only draws what is worked out here. Events carry the board's own clock, which is exact but begins anew
at each boot; each boot is laid onto the runner's clock by the event that travelled fastest.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..console.events import Event
from ..console.log_reader import LogReader
from ..console.record import Line, split_lines
from ..printable import printable

RATE_BIN_S = 0.1  # a frame comes each 10 to 50 ms; a stop takes 0.1 s
LINE_CHARACTERS = 1000  # of a line; the rest is in the log
HEAPS = ("heap", "heap_before", "heap_after")  # fields that say how much is free
STOP_LANE = "stop :{}"


@dataclass(frozen=True)
class Logs:
    """What one test left, as far as it can be read."""

    lines: list[Line]
    clients: list[dict[str, Any]]
    mapped: list[Event]  # log lines that the bench takes for events, of firmware that prints none itself


def read_logs(folder: Path) -> Logs:
    """Whatever is missing or damaged is left out: a page is made of what there is."""
    raw = _bytes(folder / "console.log")
    if raw and not raw.endswith(b"\n"):
        raw = raw.rstrip(b"\r") + b"\n"
    texts = split_lines(raw)
    try:
        stamps = [float(stamp) for stamp in _bytes(folder / "console.times").split()][: len(texts)]
    except ValueError:
        stamps = []
    stamps += [stamps[-1] if stamps else 0.0] * (len(texts) - len(stamps))
    lines = [Line(i, at_s, text) for i, (text, at_s) in enumerate(zip(texts, stamps, strict=True))]
    try:
        loaded = json.loads(_bytes(folder / "clients.json") or b"[]")
        clients = [client for client in loaded if {"kind", "number"} <= client.keys()]
        mapped = [Event(**fields) for fields in json.loads(_bytes(folder / "events.json") or b"[]")]
    except (ValueError, TypeError, AttributeError):
        clients, mapped = [], []
    return Logs(lines, clients, mapped)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def timeline(logs: Logs) -> dict[str, Any]:
    """Lanes, marks and the end; `at` of anything is in seconds, `line` the line of the console that tells it."""
    lines = logs.lines
    reader = LogReader()
    reader.take(lines)
    events = [*reader.events.events, *(event for event in logs.mapped if event.at_line < len(lines))]
    clock = _Clock(events)
    rates = [_rate(client) for client in logs.clients]
    end = max([lines[-1].at_s if lines else 0.0, *(rate["ended"] or 0.0 for rate in rates)])
    lanes = [
        _boots(events, clock, end),
        *_stops(events, clock, end),
        _update(events, clock, end),
        _progress(events, clock),
        *rates,
        _heap(events, clock),
    ]
    panics = [
        {"at": lines[panic.at_line].at_s, "line": panic.at_line, "what": printable(str(panic.kind))}
        for panic in reader.panics.panics
    ]
    return {
        "end": round(end, 3),
        "lanes": [lane for lane in lanes if lane["items"]],
        "marks": _marks(events, clock),
        "panics": panics,
    }


class _Clock:
    """The board's time of an event on the runner's clock."""

    def __init__(self, events: Sequence[Event]) -> None:
        self._offset: dict[int, float] = {}
        for event in events:
            offset = event.at_s - event.t_ms / 1000
            self._offset[event.boot] = min(offset, self._offset.get(event.boot, offset))

    def at(self, event: Event) -> float:
        if event.mapped and not event.t_ms:
            return round(event.at_s, 3)
        return round(max(self._offset[event.boot] + event.t_ms / 1000, 0.0), 3)


def _lane(name: str, kind: str, items: list[Any], **more: Any) -> dict[str, Any]:
    return {"name": name, "kind": kind, "items": items, **more}


def _text(event: Event, *fields: str) -> str:
    return printable(" ".join(str(event.get(field)) for field in fields if event.get(field) not in (None, "")))


def _span(start: float, end: float, text: str, style: str, line: int) -> list[Any]:
    return [round(max(start, 0.0), 3), round(max(end, start), 3), text, style, line]


def _boots(events: Sequence[Event], clock: _Clock, end: float) -> dict[str, Any]:
    boots = [event for event in events if event.name == "boot"]
    ends = [*(clock.at(event) for event in boots[1:]), end]
    spans = []
    for boot, until in zip(boots, ends, strict=False):
        trial = boot.get("ota_state") == "PENDING_VERIFY"
        text = _text(boot, "version", "slot", "reset_reason")
        spans.append(_span(clock.at(boot), until, text, "trial" if trial else "boot", boot.at_line))
    return _lane("firmware", "spans", spans)


def _stops(events: Sequence[Event], clock: _Clock, end: float) -> list[dict[str, Any]]:
    """A lane a server: its phases, or the hang of a stop that never ended."""
    lanes: dict[str, list[Any]] = {}
    for i, begin in enumerate(events):
        if begin.name != "stop_begin":
            continue
        server = begin.get("server")
        spans = lanes.setdefault(STOP_LANE.format(printable(str(server))), [])
        mine = [e for e in events[i + 1 :] if e.boot == begin.boot and e.get("server") == server]
        at = clock.at(begin)
        for event in mine:
            if event.name == "stop_phase":
                spans.append(
                    _span(
                        at, clock.at(event), _text(event, "phase", "ms") + " ms", str(event.get("phase")), event.at_line
                    )
                )
                at = clock.at(event)
            elif event.name == "stop_end":
                failed = event.get("err", "ESP_OK") != "ESP_OK"
                if failed or not spans:
                    style = "bad" if failed else "stop"
                    spans.append(
                        _span(clock.at(begin), clock.at(event), _text(event, "err", "ms") + " ms", style, event.at_line)
                    )
                break
            elif event.name == "stop_begin":
                break
        else:
            later = [clock.at(e) for e in events if e.boot > begin.boot]
            spans.append(_span(at, min([end, *later]), "did not end", "bad", begin.at_line))
    return [_lane(name, "spans", spans) for name, spans in lanes.items()]


def _update(events: Sequence[Event], clock: _Clock, end: float) -> dict[str, Any]:
    spans = []
    for i, event in enumerate(events):
        later = events[i + 1 :]
        if event.name == "ota_begin":
            done = next((e for e in later if e.name == "ota_end" and e.boot == event.boot), None)
            at = clock.at(done) if done else min([end, *(clock.at(e) for e in later if e.boot > event.boot)])
            well = done is not None and done.get("err") == "ESP_OK"
            text = f"{_text(event, 'version')} {_text(done, 'err', 'reason') if done else 'cut off'}"
            spans.append(_span(clock.at(event), at, text.strip(), "ota" if well else "bad", (done or event).at_line))
        elif event.name == "boot" and event.get("ota_state") == "PENDING_VERIFY":
            judged = next((e for e in later if e.name in ("valid", "rollback") and e.boot == event.boot), None)
            at = clock.at(judged) if judged else min([end, *(clock.at(e) for e in later if e.boot > event.boot)])
            style = "selftest" if judged and judged.name == "valid" else "bad"
            spans.append(_span(clock.at(event), at, "self-test", style, event.at_line))
    return _lane("update", "spans", spans)


def _progress(events: Sequence[Event], clock: _Clock) -> dict[str, Any]:
    points = [
        [clock.at(e), round(100 * e["bytes"] / e["total"], 1), e.at_line]
        for e in events
        if e.name == "ota_progress" and _is_number(e.get("bytes")) and _is_number(e.get("total")) and e["total"] > 0
    ]
    return _lane("received", "line", points, unit="%", top=100)


def _heap(events: Sequence[Event], clock: _Clock) -> dict[str, Any]:
    points = [
        [clock.at(event), round(event[field] / 1024, 1), event.at_line]
        for event in events
        for field in HEAPS
        if _is_number(event.get(field))
    ]
    boots = {event.at_line for event in events if event.name == "boot"}
    return _lane("free heap", "line", points, unit="KB", breaks=sorted(boots))


def _rate(client: dict[str, Any]) -> dict[str, Any]:
    """Frames a second of one entry of clients.json."""
    ending, began = client.get("ending"), float(client.get("opened_s", 0.0))
    lasted = None if ending is None else float(ending["at_s"])
    items = _per_second([float(at_s) for at_s, _ in client.get("arrivals", ())], lasted)
    return _lane(
        printable(f"{client['kind']} {client['number']}"),
        "rate",
        items or ([] if lasted is None else [0.0]),
        began=began,
        bin=RATE_BIN_S,
        ended=None if lasted is None else round(began + lasted, 3),
        how="" if ending is None else printable(str(ending["how"])),
        unit="fps",
    )


def _per_second(arrivals: Sequence[float], lasted_s: float | None) -> list[float]:
    """Of each bin. The client may have ended within the last; too short a one is counted to the one before."""
    counted = Counter(int(at_s / RATE_BIN_S) for at_s in arrivals)
    counts = [counted[i] for i in range(max(counted, default=-1) + 1)]
    widths = [RATE_BIN_S] * len(counts)
    if counts and lasted_s is not None:
        widths[-1] = min(RATE_BIN_S, max(lasted_s - RATE_BIN_S * (len(counts) - 1), 0.001))
        if len(counts) > 1 and widths[-1] < RATE_BIN_S / 2:
            last, width = counts.pop(), widths.pop()
            counts[-1], widths[-1] = counts[-1] + last, widths[-1] + width
    return [round(count / width, 1) for count, width in zip(counts, widths, strict=True)]


def _marks(events: Sequence[Event], clock: _Clock) -> list[list[Any]]:
    told = []
    for event in events:
        if event.name == "trigger":
            accepted = event.get("accepted") is True
            told.append(
                (event, "trigger" if accepted else f"refused {_text(event, 'reason')}", "" if accepted else "warn")
            )
        elif event.name in ("valid", "ready", "update_only", "unprovisioned") and not event.get("again"):
            told.append((event, event.name.replace("_", " "), ""))
        elif event.name == "restart":
            told.append((event, f"restart {_text(event, 'why')}", ""))
        elif event.name == "rollback":
            told.append((event, f"rollback {_text(event, 'reason')}", "warn"))
        elif event.name == "boot" and event.get("reset_reason") not in ("POWERON", "SW", None):
            told.append((event, f"reset {_text(event, 'reset_reason')}", "bad"))
    return [[clock.at(event), printable(text), style, event.at_line] for event, text, style in told]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def shown_lines(lines: Mapping[int, Line], keep: Sequence[int]) -> list[list[Any]]:
    """These of the lines, as [number, milliseconds since the line before, text]."""
    shown: list[list[Any]] = []
    before = 0
    for number in keep:
        at_ms = round(lines[number].at_s * 1000)
        text = printable(lines[number].text)
        if len(text) > LINE_CHARACTERS:
            text = f"{text[:LINE_CHARACTERS]} … {len(text) - LINE_CHARACTERS} characters more"
        shown.append([number, at_ms - before, text])
        before = at_ms
    return shown
