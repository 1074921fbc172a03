# SPDX-License-Identifier: Apache-2.0
"""Resets as the ROM tells them: `rst:0x..` and the name beside it.

A panic and esp_restart() both give 0xc; only the app's `boot` event, which prints esp_reset_reason(), tells them apart.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .record import Line

MARK = b"rst:0x"
_RESET = re.compile(r"\brst:0x([0-9a-fA-F]{1,2}) \(([A-Z0-9_]+)\)")


@dataclass(frozen=True, slots=True)
class Reset:
    code: int
    name: str  # as the ROM prints it: POWERON, SW_CPU, ...
    at_line: int


def reset_of(line: Line) -> Reset | None:
    """The reset this line tells of, if any."""
    if MARK not in line.raw or not (match := _RESET.search(line.text)):
        return None
    return Reset(int(match.group(1), 16), match.group(2), line.number)
