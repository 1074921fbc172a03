# SPDX-License-Identifier: Apache-2.0
"""What a panic leaves in a chip's flash: fetched when it is there, told, and no more taken for it than it is."""

from __future__ import annotations

import json
import struct
import sys
import threading
from pathlib import Path

import pytest

from pytest_hil.boards.serial import SerialBoard
from pytest_hil.console import core_dump
from pytest_hil.console.console import Console
from pytest_hil.evidence import keep_core_dump

from .conftest import BOOT, READY
from .serial_place import RELEASE_DIGEST, Place

AT = 0x3E0000  # where the partition is
DUMP = struct.pack("<I", 24) + b"what a panic leaves."
PANIC = b"assert failed: foo bar.c:12 (x > 0)\r\n"


def test_the_core_dump_of_a_panic_is_fetched_and_told(
    here: Place, pytester: pytest.Pytester, fake_artifacts: Path
) -> None:
    """esp-coredump is a stand-in: what it would say of a real dump, only a chip's gdb could show."""
    here.chip.leaves = {AT: DUMP + b"more"}
    says = [line.removeprefix("print ").encode() + b"\r\n" for line in (BOOT.replace("11" * 32, RELEASE_DIGEST), READY)]
    here.chip.app = [*says, PANIC, b"rst:0xc (SW_CPU)\r\n"]
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
    assert kept.read_bytes() == DUMP
    told = (kept.parent / "coredump.txt").read_text()
    for said in ("told of", "'--chip', 'esp32'", str(kept), "'raw'", "hil_app.elf"):
        assert said in told
    (test,) = json.loads((run / "results.json").read_text())["tests"]
    assert {Path(log["path"]).name for log in test["logs"]} >= {"console.log", "coredump.bin", "coredump.txt"}


class Panicking:
    """A board that has just panicked, and where its dump is kept."""

    def __init__(self, here: Place, folder: Path) -> None:
        self.folder = folder
        self.console = Console(folder / "console.log")
        made, _ = here.board()
        self._board = SerialBoard(made.config, made.load, self.console)
        here.boards.append(self._board)
        self._here = here
        self._board.start()
        here.chip.say(PANIC)
        self.console.wait_panic(5)

    def keep(self) -> set[str]:
        """The names of what was kept."""
        keep_core_dump(self.folder, self._board, self._here.build, self.console)
        return {path.name for path in self.folder.glob("coredump.*")}


@pytest.fixture
def stale(here: Place) -> None:
    """What an earlier firmware left."""
    here.chip.flash[AT : AT + len(DUMP)] = DUMP


@pytest.fixture
def panicking(here: Place, tmp_path: Path) -> Panicking:
    (tmp_path / "kept").mkdir()
    return Panicking(here, tmp_path / "kept")


def test_it_is_read_when_the_chip_has_written_it(here: Place, panicking: Panicking) -> None:
    """A chip writes it after the panic's last word, and then resets."""

    def write_and_reset() -> None:
        here.chip.leaves = {AT: DUMP}
        here.chip.reset()

    writing = threading.Timer(0.5, write_and_reset)
    writing.start()
    kept = panicking.keep()
    writing.join()
    assert kept == {"coredump.bin", "coredump.txt"}
    assert (panicking.folder / "coredump.bin").read_bytes() == DUMP


@pytest.mark.usefixtures("stale")
def test_a_panic_that_leaves_none_keeps_none(here: Place, panicking: Panicking) -> None:
    here.chip.reset()
    assert panicking.keep() == set()
    assert here.chip.flash[AT : AT + 4] == b"\xff" * 4


def test_a_chip_that_cannot_be_read_any_more_is_told(here: Place, panicking: Panicking) -> None:
    here.chip.reset()
    here.chip.deaf = True
    assert panicking.keep() == {"coredump.txt"}
    assert (panicking.folder / "coredump.txt").read_text().startswith("not fetched: board 'cam': flash at 0x3e0000: ")


def test_a_board_that_is_gone_is_not_asked(here: Place, panicking: Panicking) -> None:
    here.chip.leaves = {AT: DUMP}
    here.chip.reset()
    panicking.console.end("the port vanished")
    assert panicking.keep() == set()


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("print('Thread 1 of', len(sys.argv))", "Thread 1 of 9\n"),
        ("sys.exit('trouble\\nno gdb')", "not decoded by esp-coredump: no gdb"),
        ("sys.exit(3)", "not decoded by esp-coredump: it gave no reason"),
        (None, "not decoded: esp-coredump is not installed (pip install esp-coredump)"),
    ],
    ids=["told", "its reason", "no reason", "not installed"],
)
def test_what_esp_coredump_says_or_why_it_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str | None, said: str
) -> None:
    if program is None:
        monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    else:
        (tmp_path / "esp_coredump.py").write_text(f"import sys\n{program}\n")
        monkeypatch.syspath_prepend(str(tmp_path))
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        sys.modules.pop("esp_coredump", None)
    assert core_dump.told(tmp_path / "coredump.bin", tmp_path / "app.elf", "esp32c3") == said


def test_without_the_elf_that_ran_it_is_kept_and_not_told(tmp_path: Path) -> None:
    assert core_dump.told(tmp_path / "coredump.bin", None, "esp32") == (
        "not decoded: the ELF of the image that ran is not at hand"
    )


def test_a_dump_that_cannot_be_kept_costs_no_other_evidence(
    here: Place, pytester: pytest.Pytester, fake_artifacts: Path
) -> None:
    here.chip.leaves = {AT: DUMP}
    here.chip.app = [BOOT.removeprefix("print ").encode() + b"\r\n", PANIC, b"rst:0xc (SW_CPU)\r\n"]
    here.bench(pytester.path)
    pytester.makeini("[pytest]\n")
    pytester.makepyfile(
        "def test_it(rig):\n    rig.power_on()\n    rig.console.wait_panic(10)\n"
        "    (rig.bench.folder / 'coredump.bin').symlink_to('/dev/full')\n"
    )
    run = pytester.path / "run"
    pytester.runpytest_subprocess("--hil-board=cam", f"--hil-artifacts={fake_artifacts}", f"--hil-run-dir={run}")
    (test,) = json.loads((run / "results.json").read_text())["tests"]
    assert (test["outcome"], "No space left on device" in test["failure"]) == ("bench_error", True)
    assert [panic["function"] for panic in test["panics"]] == ["foo"]
    assert {"console.log", "console.times"} <= {Path(log["path"]).name for log in test["logs"]}
