# SPDX-License-Identifier: Apache-2.0
"""What the rig may ask of any board, whatever its kind, and what a kind says it can do beyond that."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from ..errors import NotRun
from .flash_layout import BuildDir

BOARD_PORTS = (80, 81)  # the firmware's servers


class Capability(enum.Flag):
    """What a kind of board can do. A scenario that needs more than its board has is not run, and never passed."""

    NONE = 0
    FLASH = enum.auto()
    RESET = enum.auto()
    CUT_POWER = enum.auto()
    DROP_PACKETS = enum.auto()
    LINK_DOWN = enum.auto()
    CHANGE_ADDRESS = enum.auto()
    CORE_DUMP = enum.auto()  # its flash can be read for what a panic left in it


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the runner reaches a TCP port of the board."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class ConsoleSink(Protocol):
    """Where a board delivers its serial bytes: `feed` any number of times, then `end` or `fail`, once."""

    def feed(self, data: bytes) -> None:
        """Bytes as they came, in any pieces."""

    def end(self, reason: str) -> None:
        """Nothing more will come: the board was switched off, or has ended in its own way."""

    def fail(self, reason: str) -> None:
        """Nothing more will come, by a fault of the bench: a process that died, a port that vanished."""

    def lost(self) -> None:
        """Bytes may have been lost here, by the bench: a port was away."""

    def reset_asked(self) -> None:
        """The rig is about to reset the board or to give it power: its next boot is no fault."""


@dataclass(frozen=True, slots=True)
class Load:
    """What a board is to carry and to run with, in one test."""

    build: BuildDir
    partitions: Mapping[str, bytes] = field(
        repr=False
    )  # label -> contents; the rest of what an earlier test may have left is erased
    folder: Path  # for the board's own logs
    native_board: Path  # the program, for the kind that needs it
    seed: int = 1
    address: Callable[[], str | None] = lambda: None  # where the board said that it is


class Board(Protocol):
    """A board that was given its flash contents and may be started, stopped and started again."""

    kind: str
    capabilities: Capability
    mac: str
    runner_host: str  # the runner's address as the board sees it

    @property
    def flashed(self) -> float | None:
        """While it is being written: which share of what differs, from 0 to 1."""

    def start(self) -> None:
        """Flash what differs and power on. Raises BenchError when the board cannot be started at all."""

    def stop(self) -> None:
        """Power off and release everything; every byte the board sent has then been delivered. May be called again."""

    def endpoint(self, board_port: int) -> Endpoint:
        """Raises BenchError when that port is not reachable from the runner."""

    def write(self, data: bytes) -> None:
        """Bytes to the board's serial line."""

    def reset(self) -> None:
        """The reset button. Raises NotRun without Capability.RESET."""

    def power(self, on: bool) -> None:
        """Raises NotRun without Capability.CUT_POWER."""

    def read_flash(self, offset: int, size: int) -> bytes:
        """What lies there, once a test is over: the firmware may not run on. Raises NotRun without CORE_DUMP."""

    def link(self, up: bool) -> None:
        """The network beyond its cable: silent, or not. Raises NotRun without Capability.LINK_DOWN."""

    def change_address(self, address: str) -> None:
        """Pulls its cable and plugs it into another network, which gives it that IPv4 address; `endpoint` leads there.
        Raises NotRun without Capability.CHANGE_ADDRESS.
        """

    def loss(self, percent: float) -> None:
        """Loses that share of the packets, both ways. Raises NotRun without Capability.DROP_PACKETS."""

    def delay(self, ms: int) -> None:
        """Holds each packet back for so long, both ways. Raises NotRun without Capability.DROP_PACKETS."""


def need(board: Board, capability: Capability) -> None:
    """Raises NotRun when the board cannot do that."""
    if capability not in board.capabilities:
        lacking = [one.name or "" for one in Capability if one and one in capability and one not in board.capabilities]
        what = " and ".join(lacking).lower().replace("_", " ")
        raise NotRun(f"a board of the kind {board.kind!r} cannot do this: {what}")
