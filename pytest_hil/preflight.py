# SPDX-License-Identifier: Apache-2.0
"""What must be true before any test makes sense; found out once, and told in one line."""

from __future__ import annotations

import tempfile
from pathlib import Path

from .boards.artifacts import Artifacts
from .boards.native import NativeBoard, NativeSettings
from .boards.protocol import ConsoleSink
from .services.broker import Broker


def preflight(artifacts_path: Path) -> Artifacts:
    """Reads the artifacts, starts and stops a broker and a board.

    Raises UsageError when there is nothing to test, BenchError when the bench cannot do its part.
    """
    artifacts = Artifacts.read(artifacts_path)
    image = artifacts.image("release")
    with tempfile.TemporaryDirectory(prefix="hil-preflight-") as name:
        folder = Path(name)
        with Broker(folder):
            pass
        flash = folder / "flash.bin"
        flash.write_bytes(image.build.flash_image({}))
        settings = NativeSettings(artifacts.native_board, flash, folder / "native-board.log")
        board = NativeBoard(settings, ConsoleSink(lambda _: None, lambda _: None))
        try:
            board.start()
        finally:
            board.stop()
    return artifacts
