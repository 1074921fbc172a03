# SPDX-License-Identifier: Apache-2.0
"""Panics that no text tells of: resets that nobody asked for, and boots that never reach the app.

A watchdog or brownout may reset a chip that has no time to print. A program may die with its serial line. What is left
is the next boot, which says why in the ROM's words or in the app's own; both about the same boot are one panic.
"""

from __future__ import annotations

import re

from .events import Event
from .panic import Panic
from .panics import PanicScanner
from .record import Line
from .resets import Reset

LOOP_BOOTS = 3  # so many in a row that end before the app has printed anything
FAULTS = {
    "PANIC": "silent_reset",
    "UNKNOWN": "silent_reset",
    "CPU_LOCKUP": "silent_reset",
    "INT_WDT": "watchdog_reset",
    "TASK_WDT": "watchdog_reset",
    "WDT": "watchdog_reset",
    "BROWNOUT": "brownout",
    "PWR_GLITCH": "brownout",
}
RESET_KINDS = ("silent_reset", "watchdog_reset")  # no text tells of these
_ANNOUNCEMENTS = ("restart", "rollback")  # events before a reset that the app wants

# What ROM and boot loader print, with the faults for which they reset again.
_BEFORE_APP = re.compile(
    r"\s*$|ets |rst:|configsip|clk_drv|mode:|load:|entry |ho \d|csum |tail \d|chksum |ESP-ROM|Build:|SPIWP|Saved PC"
    r"|invalid header|flash read err|ets_main|user code done|boot:|secure boot|SHA-256|ROM |\d+ mcu="
    r"|[EWIDV] \(\d+\) (?:boot|boot\.\w+|esp_image|flash_parts|bootloader\w*|qio_mode|secure_boot\w*|efuse): "
)


class BootWatch:
    """Told of every reset and boot event, and of each line while a boot has not reached the app."""

    def __init__(self, panics: PanicScanner) -> None:
        self._panics = panics
        panics.on_panic = self._panicked_now
        self._seen_before = False  # the firmware ran in this record before the reset that is looked at
        self._reset_lines: list[Line] = []  # of boots, in a row, that have not reached the app
        self._panicked = False  # since the app last began
        self._panicked_since_boot = False  # since the last boot event
        self._booted = False
        self._announced = False
        self._asked = False  # the rig is resetting the board
        self._asked_boot = False  # the boot at hand is what came of it

    def asked(self) -> None:
        """The rig resets the board now: the next reset is its own, whatever reason the chip gives for it."""
        self._asked = True

    def lost(self) -> None:
        """Bytes were lost here: an announcement may have been among them."""
        self._announced = True

    @property
    def watching(self) -> bool:
        """Whether the next line matters: it may be the app's first."""
        return bool(self._reset_lines) or not self._seen_before

    def _panicked_now(self) -> None:
        self._panicked = self._panicked_since_boot = self._seen_before = True
        self._reset_lines = []

    def line(self, line: Line) -> None:
        """Not a reset's: whatever is not ROM or boot loader is the app."""
        if not _BEFORE_APP.match(line.text):
            self._reset_lines = []
            self._seen_before = True

    def reset(self, reset: Reset, line: Line) -> None:
        asked = reset.asked_for or (self._asked and reset.fault != "brownout")
        self._asked_boot, self._asked = self._asked, False
        self._panics.reset(reset.name, asked)
        if asked:
            self._reset_lines = []
            self._panicked = False
            return
        # esptool resets some chips through the RTC's watchdog: at the head of a log that is no fault.
        fault = reset.fault if self._seen_before or not reset.name.startswith("RTCWDT_") else None
        if reset.fault == "brownout":
            fault = reset.fault
        self._seen_before = True
        looping = [*self._reset_lines, line]
        if fault is not None and not self._panicked and len(looping) == 1:
            self._panics.add(Panic(fault, line.text, line.number, reset_reason=reset.name))
        if len(looping) == LOOP_BOOTS:
            self._loop(looping)
        self._reset_lines = looping
        self._panicked = False

    def _loop(self, resets: list[Line]) -> None:
        first = resets[0]
        panic = Panic("boot_loop", first.text, first.number, cause=f"{LOOP_BOOTS} boots that did not reach the app")
        if self._panics.panics and self._panics.panics[-1].at_line in {line.number for line in resets}:
            self._panics.instead(panic)
        else:
            self._panics.add(panic)

    def event(self, event: Event, line: Line) -> None:
        self._reset_lines = []
        self._seen_before = True
        if event.name in _ANNOUNCEMENTS:
            self._announced = True
        if event.name != "boot":
            self._booted = True
            return
        reason = str(event.get("reset_reason", event.get("reset", "?"))).upper()
        fault = FAULTS.get(reason)
        if reason == "SW" and not self._announced and not event.mapped:
            fault = "silent_reset"
        if (self._asked or self._asked_boot) and fault != "brownout":
            fault = None
        self._asked = self._asked_boot = False
        if fault is not None and self._booted and not self._panicked_since_boot:
            self._panics.add(Panic(fault, line.text, line.number, reset_reason=reason))
        self._panics.boot(reason)
        self._booted = True
        self._panicked = self._panicked_since_boot = self._announced = False
