# SPDX-License-Identifier: Apache-2.0
"""Figures read from a finished console: how long the stop and the update took, what the heap did, which images ran."""

from __future__ import annotations

from typing import Any

from .console.console import Console
from .console.events import Event
from .streams import STREAM_PORT


def first(console: Console, name: str, **where: Any) -> Event | None:
    return next(iter(console.events_named(name, **where)), None)


def images_booted(console: Console) -> list[str]:
    """The digest the board printed at each boot."""
    return [str(event.get("image_sha256")) for event in console.events_named("boot")]


def number(value: Any) -> Any:
    """What a board says may be anything; only a number is a figure."""
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def figures(console: Console) -> dict[str, Any]:
    """Fields of a TestRecord. `stop_ms` is the stream server's; `stops` has every server's."""
    stops = [dict(event.fields) for event in console.events_named("stop_end")]
    streaming = first(console, "stop_end", server=STREAM_PORT)
    began, ended = first(console, "ota_begin"), first(console, "ota_end")
    before = number(stops[0].get("heap_before")) if stops else None
    after = number(stops[-1].get("heap_after")) if stops else None
    return {
        "images": images_booted(console),
        "stops": stops,
        "stop_ms": number(streaming.get("ms")) if streaming else None,
        "forced_count": sum(number(stop.get("forced_count")) or 0 for stop in stops) if stops else None,
        "heap_before": before,
        "heap_after": after,
        "heap_gained": None if before is None or after is None else after - before,
        "ota_ms": ended.t_ms - began.t_ms if began and ended else None,
        "panics": [panic.as_json() for panic in console.decoded_panics],
    }
