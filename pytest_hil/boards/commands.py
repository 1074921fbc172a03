# SPDX-License-Identifier: Apache-2.0
"""A bench's own commands, as bench.toml gives them: a relay script, uhubctl, whatever presses a board's buttons."""

from __future__ import annotations

import subprocess

from ..errors import BenchError
from .config import BoardConfig, Command

COMMAND_TIMEOUT_S = 60.0  # a relay script or uhubctl, which pauses between off and on


def run_command(board: BoardConfig, command: Command) -> None:
    """Runs it in the folder of bench.toml. Raises BenchError, with the command's last words."""
    told = f"board {board.name!r}: {' '.join(command)}"
    try:
        done = subprocess.run(
            command,
            cwd=board.home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=COMMAND_TIMEOUT_S,
            check=False,
        )
    except OSError as error:
        raise BenchError(f"{told} cannot be started: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise BenchError(f"{told} took longer than {COMMAND_TIMEOUT_S:g} s") from None
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise BenchError(f"{told} ended with exit code {done.returncode}" + (f": {said[-1]}" if said else ""))
