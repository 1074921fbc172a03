# SPDX-License-Identifier: Apache-2.0
"""Whole tests on a physical board, from bench.toml through the plugin's fixtures to the record."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .conftest import BOOT, READY
from .serial_place import PROVISIONING, Place


def test_a_whole_test_on_it(here: Place, pytester: pytest.Pytester, fake_artifacts: Path) -> None:
    """From bench.toml through the plugin's fixtures to a record: as a test on the native board, on another one."""
    here.chip.app = [line.removeprefix("print ").encode() + b"\r\n" for line in (BOOT, READY)]
    here.bench(pytester.path)
    pytester.makeini("[pytest]\n")
    pytester.makepyfile(
        "import pytest\n@pytest.mark.hil(kind='promise')\n"
        "def test_it(board, console, dut):\n"
        "    assert console.wait_event('ready', 5)['heap'] == 900\n"
        "    dut.expect('ready', timeout=5)\n"
        "    assert board.kind == 'serial'\n"
        "@pytest.mark.hil(kind='promise')\n"
        "def test_what_it_cannot(board):\n"
        "    board.link(False)\n"
    )
    run = pytester.path / "run"
    arguments = ["--hil-board=cam", f"--hil-artifacts={fake_artifacts}", f"--hil-run-dir={run}"]
    pytester.runpytest_subprocess(*arguments).assert_outcomes(passed=1, skipped=1)
    first, second = json.loads((run / "results.json").read_text())["tests"]
    assert (first["board"], first["board_kind"], first["outcome"]) == ("cam", "serial", "passed")
    assert first["chip_mac"] == "24:0a:c4:00:00:01"
    assert (second["outcome"], second["failure"]) == (
        "not_run",
        "the network of board 'cam' cannot be switched off from here",
    )
    assert here.chip.flash[PROVISIONING : PROVISIONING + 4] != b"\xff" * 4
