# SPDX-License-Identifier: Apache-2.0
"""What is wrong with a test's console, whatever the test itself asserted: read when its board has fallen silent."""

from __future__ import annotations

from .console.boots import FAULTS, RESET_KINDS
from .console.console import Console
from .console.panic import Panic
from .printable import printable

# A log that begins with this boot does not show what it was; a flashing tool resets some chips by their watchdog.
FIRST_BOOT_FAULTS = frozenset(FAULTS) - {"WDT", "UNKNOWN"}
TOLD_PANICS = 3  # of a board that panics at every boot, the first tell all


def complaints(console: Console) -> list[str]:
    """Each a sentence; none when the log is clean."""
    panics = console.unexpected_decoded_panics
    found = [_told(panic) for panic in panics[:TOLD_PANICS]]
    if len(panics) > TOLD_PANICS:
        found.append(f"{len(panics) - TOLD_PANICS} more panics, up to line {panics[-1].at_line + 1} of the log")
    expected = console.expected
    if expected is not None and not any(map(expected.matches, console.decoded_panics)):
        found.append(f"the control did not see its failure: {expected}")
    found += [f"lost event: {problem}" for problem in console.event_problems]
    return [*found, *first_boot_fault(console)]


def first_boot_fault(console: Console) -> list[str]:
    """Where the log begins with the boot that a fault led to, and nothing else tells of it."""
    first = next(iter(console.events), None)
    if first is None or first.name != "boot" or str(first.get("reset_reason")) not in FIRST_BOOT_FAULTS:
        return []
    if any(panic.at_line < first.at_line for panic in console.panics):
        return []  # told already
    return [f"a reset nobody asked for: {first.get('reset_reason')} at line {first.at_line + 1}"]


def _told(panic: Panic) -> str:
    if panic.kind in RESET_KINDS and panic.reset_reason == "SW":
        return f"a restart that the firmware did not announce, at line {panic.at_line + 1} of the log"
    if panic.kind in RESET_KINDS:
        return f"a reset nobody asked for: {panic.reset_reason} ({panic.kind}), line {panic.at_line + 1} of the log"
    frames = "".join(f"\n    {frame}" for frame in panic.frames)
    return f"a panic: {panic}{frames}"


def judge(console: Console) -> None:
    """Raises AssertionError that tells every complaint and where the log is."""
    found = complaints(console)
    if found:
        raise AssertionError("\n".join([*map(printable, found), f"log: {console.record.log_path}"]))
