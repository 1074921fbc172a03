# SPDX-License-Identifier: Apache-2.0
"""What is wrong with a test's console, whatever the test itself asserted: read when its board has fallen silent."""

from __future__ import annotations

from .console.console import Console

# Reset reasons that nobody asks for; a panic is told by its own text.
FAULT_RESETS = ("INT_WDT", "TASK_WDT", "WDT", "BROWNOUT", "PANIC", "UNKNOWN")


def complaints(console: Console) -> list[str]:
    """Each a sentence; none when the log is clean."""
    found = [f"a panic: {panic}" for panic in console.unexpected_panics]
    expected = console.expected
    if expected is not None and not any(expected.matches(panic) for panic in console.panics):
        found.append(f"the control did not see its failure: {expected}")
    found += [f"lost event: {problem}" for problem in console.event_problems]
    if not console.panics:
        found += [
            f"a reset nobody asked for: {event.get('reset_reason')} at line {event.at_line}"
            for event in console.events_named("boot")
            if event.get("reset_reason") in FAULT_RESETS
        ]
    return found


def judge(console: Console) -> None:
    """Raises AssertionError that tells every complaint and where the log is."""
    found = complaints(console)
    if found:
        raise AssertionError("\n".join([*found, f"log: {console.record.log_path}"]))
