# SPDX-License-Identifier: Apache-2.0
"""The bar of a run, as a person sees it at a terminal: what the board is doing, and how much of it is done."""

from __future__ import annotations

import hashlib
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pexpect
import pytest

from .conftest import BOOT, READY
from .serial_place import RELEASE_DIGEST, Place
from .test_cli import MARK, command

SEEN_WITHIN_S = 60
UPDATE_DIGEST = hashlib.sha256(b"app of update").hexdigest()
UPDATES = "def test_it(rig):\n    rig.start()\n    rig.wait_updated('update', rig.console.mark())\n"


def event(text: str) -> bytes:
    """What a board prints, from a step of the fake one."""
    return text.removeprefix("print ").encode() + b"\r\n"


class Held:
    """Holds the chip up at its second block until it is let go, so that somebody can look meanwhile."""

    def __init__(self, here: Place) -> None:
        self.go_on = threading.Event()
        self._chip, self._receive = here.chip, here.chip.receive
        here.chip.receive = self._held  # type: ignore[method-assign]

    def _held(self, data: bytes) -> None:
        if len(self._chip.written) > 1:
            self.go_on.wait(SEEN_WITHIN_S)
        self._receive(data)


@pytest.fixture
def project(here: Place, tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    (folder / "tests" / "hil").mkdir(parents=True)
    (folder / "pytest.ini").write_text("[pytest]\njunit_family = xunit1\n")
    (folder / "tests" / "hil" / "test_one.py").write_text(MARK + UPDATES)
    here.bench(folder)
    here.chip.app = [b"I (30) boot: ESP-IDF\r\n"]
    return folder


@pytest.fixture
def terminal(project: Path, fake_artifacts: Path) -> Iterator[Any]:
    arguments = command("run", "--artifacts", str(fake_artifacts), "--hil-board", "cam")
    environment = {**os.environ, "TERM": "xterm", "NO_COLOR": ""}
    child: Any = pexpect.spawn(
        arguments[0], arguments[1:], cwd=str(project), env=environment, timeout=SEEN_WITHIN_S, dimensions=(40, 160)
    )
    yield child
    child.close(force=True)


def test_the_bar_tells_each_step_and_how_far_it_is(terminal: Any, here: Place) -> None:
    held = Held(here)
    terminal.expect(rb"0/1.*flashing (\d+)%")
    assert 0 < int(terminal.match.group(1)) < 100
    held.go_on.set()
    terminal.expect(rb"waiting until it is ready")
    here.chip.say(event(BOOT.replace("11" * 32, RELEASE_DIGEST)) + event(READY))
    terminal.expect(rb"updating")
    here.chip.say(b'@hil {"n":2,"t":3,"ev":"ota_progress","bytes":40,"total":100}\r\n')
    terminal.expect(rb"updating 40%")
    here.chip.say(b'@hil {"n":3,"t":4,"ev":"restart","why":"update"}\r\n')
    here.chip.say(event(BOOT.replace("11" * 32, UPDATE_DIGEST).replace("POWERON", "SW")))
    here.chip.say(b'@hil {"n":1,"t":9,"ev":"valid","version":"2"}\r\n')
    terminal.expect(rb"1 of 1 passed")
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 0


@pytest.mark.parametrize("no_color", ["1", None], ids=["NO_COLOR", "no terminal"])
def test_where_nobody_wants_a_bar_there_is_none(
    project: Path, fake_artifacts: Path, board_does: Callable[..., None], no_color: str | None
) -> None:
    board_does(BOOT, "pause 0.5", READY)
    (project / "tests" / "hil" / "test_one.py").write_text(MARK + "def test_it(board):\n    pass\n")
    run = command("run", "--artifacts", str(fake_artifacts))
    if no_color:
        child: Any = pexpect.spawn(
            run[0], run[1:], cwd=str(project), env=os.environ | {"NO_COLOR": no_color}, timeout=60
        )
        child.expect(pexpect.EOF)
        told: bytes = child.before
        child.close()
    else:
        told = subprocess.run(run, cwd=project, capture_output=True, timeout=60, check=True).stdout
    assert b"1 of 1 passed" in told
    assert b"[100%]" in told
    assert b"waiting until it is ready" not in told
    assert b"\x1b" not in told
