# SPDX-License-Identifier: Apache-2.0
"""Resets as the ROM tells them: `rst:0x..` and the name beside it; on an ESP8266 `rst cause:N`.

A panic and esp_restart() both give 0xc; only the app's `boot` event, which prints esp_reset_reason(), tells them apart.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .record import Line

MARKS = (b"rst:0x", b"rst cause:")
_RESET = re.compile(r"\brst:0x([0-9a-fA-F]{1,2}) \(([A-Z0-9_]+)\)")
_ESP8266 = re.compile(r"\brst cause:(\d), boot mode:")
_ESP8266_CAUSES = {1: "POWERON", 2: "EXT", 3: "SW", 4: "HW_WDT"}  # the ROM prints numbers only


@dataclass(frozen=True, slots=True)
class Reset:
    code: int
    name: str  # as the ROM prints it: POWERON, SW_CPU, ...
    at_line: int

    @property
    def asked_for(self) -> bool:
        """Whether somebody outside the firmware did it, or it woke from a sleep it had chosen."""
        return any(word in self.name for word in ("POWERON", "DEEPSLEEP", "EXT", "JTAG", "USB", "SDIO", "CHIP_POWER"))

    @property
    def fault(self) -> str | None:
        """The kind of panic that this reset is by itself."""
        if any(word in self.name for word in ("BROWN_OUT", "BROWNOUT", "POWER_GLITCH")):
            return "brownout"
        if any(word in self.name for word in ("LOCKUP", "GLITCH", "EFUSE")):
            return "silent_reset"
        return "watchdog_reset" if "WDT" in self.name else None


def reset_of(line: Line) -> Reset | None:
    """The reset this line tells of, if any."""
    if MARKS[0] in line.raw and (match := _RESET.search(line.text)):
        return Reset(int(match.group(1), 16), match.group(2), line.number)
    if MARKS[1] in line.raw and (match := _ESP8266.search(line.text)):
        code = int(match.group(1))
        return Reset(code, _ESP8266_CAUSES.get(code, f"CAUSE_{code}"), line.number)
    return None
