# SPDX-License-Identifier: Apache-2.0
"""A panic as a value."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

# What `hil scan --json` tells of each; the order is the order printed.
SCAN_FIELDS = ("kind", "function", "file", "line", "expression", "task", "core", "reset_reason", "at_line")


@dataclass(frozen=True, slots=True)
class Frame:
    """One address of a backtrace, as an ELF's debug information names it."""

    address: str
    function: str | None = None
    file: str | None = None
    line: int | None = None

    def __str__(self) -> str:
        where = f" at {self.file}:{self.line}" if self.file else ""
        return f"{self.address}: {self.function or '??'}{where}"


@dataclass(frozen=True, slots=True)
class Panic:
    """One panic. Fields the text does not tell are None."""

    kind: str
    text: str  # the line it began with
    at_line: int  # in the record, from 0
    function: str | None = None
    file: str | None = None
    line: int | None = None
    expression: str | None = None
    cause: str | None = None
    task: str | None = None
    core: int | None = None
    backtrace: tuple[str, ...] = ()  # PC:SP on Xtensa, bare addresses where the chip prints registers only
    reset_reason: str | None = None  # as the next boot names it: the app's own word, else the ROM's
    frames: tuple[Frame, ...] = ()  # decoded, where an ELF was at hand
    dump: tuple[str, ...] = ()  # registers and stack memory as printed: all that a RISC-V chip tells of its callers

    def __str__(self) -> str:
        where = f" in {self.function}" if self.function else ""
        what = f" ({self.expression or self.cause})" if self.expression or self.cause else ""
        return f"{self.kind}{where}{what}, line {self.at_line + 1} of the log: {self.text!r}"

    def as_json(self) -> dict[str, Any]:
        fields = asdict(self)
        del fields["dump"]  # it stands in the log
        return fields
