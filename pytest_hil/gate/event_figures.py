# SPDX-License-Identifier: Apache-2.0
"""The figures in a board's events that are held to limits: each must be one, or whatever is computed of them means
nothing."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from ..console.events import LARGEST, Event
from .evidence import Evidence

NEEDED = {"stop_end": ("ms",)}
HELD_TO_LIMITS = {"stop_end": ("ms", "forced_count", "heap_after", "closing_bytes"), "ready": ("heap_idle",)}
TIMED = ("stop_begin", "stop_end", "ota_begin", "ota_end")


def is_figure(value: Any) -> bool:
    """A number of bytes, milliseconds or clients: finite, and not below 0."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and 0 <= value <= LARGEST and math.isfinite(value)


def wrong_figures(evidence: Evidence) -> Iterator[str]:
    """Each a sentence."""
    for event in evidence.console.events:
        for field in HELD_TO_LIMITS.get(event.name, ()):
            if field in event.fields or field in NEEDED.get(event.name, ()):
                yield from _wrong(event, field)
        if event.name in TIMED and not is_figure(event.t_ms):
            yield f"{_told(event)} has t={_brief(event.t_ms)}, which is no time"
    idle = {ready.boot: ready["heap_idle"] for ready in evidence.events("ready") if is_figure(ready.get("heap_idle"))}
    for stop in evidence.events("stop_end"):
        free, closing = idle.get(stop.boot), stop.get("closing_bytes")
        if free is not None and "heap_after" not in stop.fields:
            yield f"{_told(stop)} has no heap_after"
        if free is not None and is_figure(closing) and closing > free:
            yield f"{_told(stop)} has closing_bytes={_brief(closing)}, more than the {free} that there were"
        if is_figure(closing) and closing > 0 and not (is_figure(stop.get("closing_pcbs")) and stop["closing_pcbs"]):
            yield f"{_told(stop)} has closing_bytes={_brief(closing)}, and no connection that is closing"


def _wrong(event: Event, field: str) -> Iterator[str]:
    if not is_figure(event.get(field)):
        yield f"{_told(event)} has {field}={_brief(event.get(field))}, which is no figure"


def _told(event: Event) -> str:
    return f"its {event.name} in line {event.at_line + 1} of the log"


def _brief(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:39]}…"
