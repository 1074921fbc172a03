# SPDX-License-Identifier: Apache-2.0
"""Heap and stop time over the cycles, as one self-contained SVG."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from .cycle import Cycle

WIDTH, HEIGHT, MARGIN, GAP = 960, 240, 64, 40  # pixels; of one panel
POINTS = 2000  # at most so many are drawn


def plot(cycles: Sequence[Cycle]) -> str:
    """An SVG document."""
    idle = [(cycle.number, cycle.heap_idle / 1024) for cycle in cycles]
    stops = [(cycle.number, ms) for cycle in cycles for ms in cycle.stop_ms]
    rss = [(cycle.number, cycle.resources.board_rss_kb / 1024) for cycle in cycles if cycle.resources]
    panels = [
        _panel(0, "heap free before the servers start, KB", idle),
        _panel(1, "time of a stop of the stream server, ms", stops, zero=True),
        _panel(2, "resident memory of the board's process, MB", rss),
    ]
    height = 3 * (HEIGHT + GAP)
    style = "text{font:12px sans-serif;fill:#333}.p{fill:#1f77b4;fill-opacity:.6}.a{stroke:#bbb;fill:none}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}">'
        f'<style>{style}</style><rect width="100%" height="100%" fill="#fff"/>{"".join(panels)}</svg>\n'
    )


def _panel(place: int, title: str, points: Sequence[tuple[int, float]], *, zero: bool = False) -> str:
    top = place * (HEIGHT + GAP) + GAP
    head = f'<text x="{MARGIN}" y="{top - 10}">{escape(title)}</text>'
    frame = f'<rect class="a" x="{MARGIN}" y="{top}" width="{WIDTH - 2 * MARGIN}" height="{HEIGHT - GAP}"/>'
    if not points:
        return f'{head}{frame}<text x="{MARGIN + 8}" y="{top + 20}">no figures</text>'
    xs, ys = [x for x, _ in points], [y for _, y in points]
    low, high = (0.0 if zero else min(ys)), max(ys)
    pad = (high - low) * 0.05 or max(abs(high) * 0.01, 1.0)
    low, high = (low if zero else low - pad), high + pad
    left, right = min(xs), max(*xs, min(xs) + 1)

    def at(x: float, y: float) -> tuple[float, float]:
        across = MARGIN + (x - left) / (right - left) * (WIDTH - 2 * MARGIN)
        return across, top + (high - y) / (high - low) * (HEIGHT - GAP)

    step = -(-len(points) // POINTS)
    dots = "".join(
        f'<circle class="p" cx="{x:.1f}" cy="{y:.1f}" r="1.5"/>' for x, y in (at(*p) for p in points[::step])
    )
    marks = "".join(
        f'<text x="{MARGIN - 6}" y="{at(left, y)[1] + 4:.1f}" text-anchor="end">{y:.4g}</text>' for y in (low, high)
    )
    ends = (
        f'<text x="{MARGIN}" y="{top + HEIGHT - GAP + 16}">{left}</text>'
        f'<text x="{WIDTH - MARGIN}" y="{top + HEIGHT - GAP + 16}" text-anchor="end">cycle {right}</text>'
    )
    return head + frame + dots + marks + ends
