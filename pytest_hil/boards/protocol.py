# SPDX-License-Identifier: Apache-2.0
"""What the rig may ask of any board, whatever its kind, and what a kind says it can do beyond that."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


class Capability(enum.Flag):
    """What a kind of board can do. A scenario that needs more than its board has is not run, and never passed."""

    NONE = 0
    FLASH = enum.auto()
    RESET = enum.auto()
    CUT_POWER = enum.auto()
    DROP_PACKETS = enum.auto()
    LINK_DOWN = enum.auto()


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the runner reaches a TCP port of the board."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class ConsoleSink:
    """Where a board delivers its serial bytes: `feed` any number of times, then `end` with the reason."""

    feed: Callable[[bytes], None]
    end: Callable[[str], None]


class Board(Protocol):
    """A board that was given its flash contents and may be started, stopped and started again."""

    kind: str
    capabilities: Capability
    mac: str
    runner_host: str  # the runner's address as the board sees it

    def start(self) -> None:
        """Power on. Raises BenchError when the board cannot be started at all."""

    def stop(self) -> None:
        """Power off and release everything; every byte the board sent has then been delivered. May be called again."""

    def endpoint(self, board_port: int) -> Endpoint:
        """Raises BenchError when that port is not reachable from the runner."""

    def write(self, data: bytes) -> None:
        """Bytes to the board's serial line."""

    def reset(self) -> None:
        """The reset button. Needs Capability.RESET."""
