# SPDX-License-Identifier: Apache-2.0
"""What must be true before any test makes sense; found out once, and told in one line."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

from .boards.artifacts import Artifacts
from .boards.bench import choose_all
from .boards.config import BoardConfig, NativeConfig
from .boards.factory import make_board
from .boards.protocol import Load
from .console.record import ConsoleRecord
from .services.broker import Broker


def boards_in(arguments: Sequence[str], root: Path) -> list[BoardConfig]:
    """The boards that pytest's arguments choose. Raises UsageError."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--hil-board", default="native")
    parser.add_argument("--hil-bench")
    chosen, _ = parser.parse_known_args(arguments)
    return choose_all(chosen.hil_board, chosen.hil_bench, root)


def preflight(artifacts_path: Path, board: BoardConfig) -> Artifacts:
    """Reads the artifacts, starts and stops a broker and, where that costs nothing, the board.

    Raises UsageError when there is nothing to test, BenchError when the bench cannot do its part.
    """
    artifacts = Artifacts.read(artifacts_path)
    image = artifacts.image("release")
    with tempfile.TemporaryDirectory(prefix="hil-preflight-") as name:
        folder = Path(name)
        with Broker(folder):
            pass
        if isinstance(board, NativeConfig):
            load = Load(image.build, {}, folder, artifacts.native_board)
            native = make_board(board, load, ConsoleRecord(folder / "console.log"))
            try:
                native.start()
            finally:
                native.stop()
    return artifacts
