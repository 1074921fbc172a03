# SPDX-License-Identifier: Apache-2.0
"""How long all scenarios take on the native board, two at a time."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from pytest_hil.boards.artifacts import Artifacts

from .figures import Row


def test_suite(artifacts: Artifacts, rows: list[Row], tmp_path: Path) -> None:
    hil = Path(sys.executable).with_name("hil")
    command: list[str | Path] = [
        hil,
        "run",
        "-n",
        "2",
        "--artifacts",
        artifacts.directory,
        "--hil-run-dir",
        tmp_path / "run",
    ]
    began = time.monotonic()
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    took_s = time.monotonic() - began
    assert ran.returncode == 0, f"not a run to measure:\n{ran.stdout[-3000:]}{ran.stderr[-1000:]}"
    rows.append(Row("native suite, all scenarios, -n 2", took_s, "s", 60))
