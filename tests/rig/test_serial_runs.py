# SPDX-License-Identifier: Apache-2.0
"""Whole tests on a physical board, from bench.toml through the plugin's fixtures to the record."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest

from .conftest import BOOT, READY
from .serial_place import PROVISIONING, RELEASE_DIGEST, Place


def test_the_core_dump_of_a_panic_is_fetched_and_told(
    here: Place, pytester: pytest.Pytester, fake_artifacts: Path
) -> None:
    """esp-coredump is a stand-in: what it would say of a real dump, only a chip's gdb could show."""
    dump = struct.pack("<I", 24) + b"what a panic leaves."
    here.chip.leaves = {0x3E0000: dump + b"more"}
    says = [BOOT.replace("11" * 32, RELEASE_DIGEST), READY, "assert failed: foo bar.c:12 (x > 0)", "rst:0xc (SW_CPU)"]
    here.chip.app = [line.removeprefix("print ").encode() + b"\r\n" for line in says]
    (fake_artifacts / "release" / "hil_app.elf").touch()
    (pytester.path / "esp_coredump.py").write_text("import sys\nprint('told of', sys.argv)\n")
    here.bench(pytester.path)
    pytester.makeini("[pytest]\n")
    pytester.makepyfile("def test_it(rig):\n    rig.power_on()\n    rig.console.wait_panic(10)\n")
    run = pytester.path / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(pytester.path))
        pytester.runpytest_subprocess(
            "--hil-board=cam", f"--hil-artifacts={fake_artifacts}", f"--hil-run-dir={run}"
        ).assert_outcomes(failed=1)
    (kept,) = run.glob("*/coredump.bin")
    assert kept.read_bytes() == dump
    told = (kept.parent / "coredump.txt").read_text()
    for said in ("told of", "'--chip', 'esp32'", str(kept), "'raw'", "hil_app.elf"):
        assert said in told
    (test,) = json.loads((run / "results.json").read_text())["tests"]
    assert {Path(log["path"]).name for log in test["logs"]} >= {"console.log", "coredump.bin", "coredump.txt"}


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
