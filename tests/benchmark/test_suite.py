# SPDX-License-Identifier: Apache-2.0
"""How long all scenarios take on native boards: on one, and on several at a time on the same two cores."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from pytest_hil.boards.artifacts import Artifacts

from .figures import Row


@pytest.mark.parametrize(("boards", "goal_s"), [(1, None), (2, 60), (8, None)])
def test_suite(artifacts: Artifacts, rows: list[Row], tmp_path: Path, boards: int, goal_s: float | None) -> None:
    hil = Path(sys.executable).with_name("hil")
    command: list[str | Path] = [
        hil,
        "run",
        "-n",
        str(boards),
        "--artifacts",
        artifacts.directory,
        "--hil-run-dir",
        tmp_path / "run",
    ]
    began = time.monotonic()
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    took_s = time.monotonic() - began
    assert ran.returncode == 0, f"not a run to measure:\n{ran.stdout[-3000:]}{ran.stderr[-1000:]}"
    rows.append(Row(f"native suite, all scenarios, -n {boards}", took_s, "s", goal_s))
