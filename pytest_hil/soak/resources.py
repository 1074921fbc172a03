# SPDX-License-Identifier: Apache-2.0
"""What the processes of a native board hold of the runner: descriptors, tasks, memory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..boards.native import NativeBoard
from ..boards.protocol import Board

PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Resources:
    """Of the supervisor, which lives through all cycles, and of the program in it."""

    board_fds: int
    board_rss_kb: int
    program_fds: int
    program_rss_kb: int
    tasks: int  # threads of the program


def resources_of(board: Board) -> Resources | None:
    """None for a board that is not on this runner, or whose program has just ended."""
    if not isinstance(board, NativeBoard):
        return None
    supervisor, program = board.pid, int(board.control("status")["pid"])
    try:
        return Resources(
            _count(supervisor, "fd"),
            _rss_kb(supervisor),
            _count(program, "fd"),
            _rss_kb(program),
            _count(program, "task"),
        )
    except (FileNotFoundError, ProcessLookupError):
        return None


def _count(pid: int, folder: str) -> int:
    return sum(1 for _ in (PROC / str(pid) / folder).iterdir())


def _rss_kb(pid: int) -> int:
    status = (PROC / str(pid) / "status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:"))
