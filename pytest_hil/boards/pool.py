# SPDX-License-Identifier: Apache-2.0
"""Which board each parallel worker has: one board a worker, and no board that another run is using.

Native boards and emulators are processes, so any number of workers may have one of their own. A physical board is one
thing: as long as a worker has it, a lock beside bench.toml keeps other runs away from it; at a labgrid place, labgrid
does.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..errors import BenchError, UsageError
from .config import BoardConfig, EmulatorConfig, LabgridConfig, NativeConfig
from .labgrid import place_of

LOCKS = Path("build") / "bench" / "locks"
_WORKER = re.compile(r"gw(\d+)")


def is_process(board: BoardConfig) -> bool:
    """Whether each worker can start one for itself."""
    return isinstance(board, NativeConfig | EmulatorConfig)


def check_workers(boards: Sequence[BoardConfig], workers: int) -> None:
    """Raises UsageError where two workers would have to share a board."""
    names = [board.name for board in boards]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UsageError(f"--hil-board: {twice!r} is named twice")
    if workers > len(boards) and not all(map(is_process, boards)):
        only = (
            f"{names[0]!r} is one board: it" if len(names) == 1 else f"{', '.join(names)} are {len(names)} boards: they"
        )
        raise UsageError(f"--hil-board: {only} cannot serve {workers} workers (-n)")


def board_of(boards: Sequence[BoardConfig], worker: str | None) -> BoardConfig:
    """The board of that worker, as xdist names it; the first where there is but one process."""
    number = int(match[1]) if worker and (match := _WORKER.fullmatch(worker)) else 0
    return boards[number % len(boards)]


@contextlib.contextmanager
def kept(board: BoardConfig) -> Iterator[BoardConfig]:
    """The board to use; no other run uses it meanwhile. Raises BenchError when one does.

    The lock is the kernel's and ends with the process, however that ends; the file stays and says who had it last.
    """
    if is_process(board):
        yield board
        return
    if isinstance(board, LabgridConfig):
        with place_of(board) as at_place:
            yield at_place
        return
    path = board.home / LOCKS / board.name
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            owner = file.read().strip() or "unknown"
            raise BenchError(f"board {board.name!r} is in use by another run (process {owner})") from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield board
