# SPDX-License-Identifier: Apache-2.0
"""Fakes for the rig's own tests: an artifacts folder, and a board that does what the test writes down."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import shlex
import signal
import struct
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from hypothesis import HealthCheck, settings

from pytest_hil.cli import main

from .serial_place import Place, place_in
from .small_runs import Run

# A machine may be busy: how long an example takes tells nothing.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

FAKE_BOARD = Path(__file__).parent / "fake_native_board.py"
BOOT = 'print @hil {"n":0,"t":1,"ev":"boot","reset_reason":"POWERON","image_sha256":"' + "11" * 32 + '"}'
READY = 'print @hil {"n":1,"t":2,"ev":"ready","heap_idle":1000,"heap":900}'


Hil = Callable[..., int]


def pytest_configure() -> None:
    """A shell's background jobs ignore SIGINT, and so would every program they start: here Ctrl-C is tested."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def cut(whole: bytes, sizes: list[int]) -> Iterator[bytes]:
    """The same bytes in pieces of these sizes, over and over."""
    position = 0
    for size in itertools.cycle(sizes):
        if position >= len(whole):
            return
        yield whole[position : position + size]
        position += size


def partition_table(offset: int = 0x10000, size: int = 0x4000) -> bytes:
    """`offset` and `size` are the provisioning's."""
    rows = [
        ("nvs", 1, 2, 0x9000, 0x5000),
        ("provisioning", 1, 2, offset, size),
        ("ota_0", 0, 0x10, 0x20000, 0x1E0000),
        ("coredump", 1, 3, 0x3E0000, 0x10000),
    ]
    table = b"".join(
        struct.pack("<2sBBII16sI", b"\xaaP", kind, sub, at, length, name.encode(), 0)
        for name, kind, sub, at, length in rows
    )
    table += b"\xeb\xeb" + b"\xff" * 14 + hashlib.md5(table).digest()
    return table.ljust(0xC00, b"\xff")


def make_program(path: Path, script: Path) -> None:
    """A command that runs the script with this Python. Its first line can name none whose path has a space in it."""
    path.write_text(f'#!/bin/sh\nexec {shlex.join((sys.executable, "-IS", str(script)))} "$@"\n')
    path.chmod(0o755)


def make_artifacts(folder: Path, roles: tuple[str, ...] = ("release", "control", "update")) -> Path:
    """A folder as `make hil` leaves it, with the fake board in it."""
    rows = []
    for role in roles:
        build = folder / role
        build.mkdir(parents=True)
        app = b"app of " + role.encode()
        (build / "hil_app.bin").write_bytes(app)
        (build / "partition-table.bin").write_bytes(partition_table())
        (build / "sdkconfig").write_text('CONFIG_IDF_TARGET="linux"\n')
        files = {"0x8000": "partition-table.bin", "0x20000": "hil_app.bin"}
        args = {"flash_files": files, "flash_settings": {"flash_size": "4MB"}}
        (build / "flasher_args.json").write_text(json.dumps(args))
        (build / "project_description.json").write_text(json.dumps({"app_bin": "hil_app.bin"}))
        digest = hashlib.sha256(app).hexdigest()
        rows.append(
            {
                "role": role,
                "dir": role,
                "version": "1.0.0",
                "file_sha256": digest,
                "image_sha256": digest,
                "commit": None,
            }
        )
    (folder / "images.json").write_text(json.dumps(rows))
    make_program(folder / "native-board", FAKE_BOARD)
    return folder


def gone(processes: list[psutil.Process], within_s: float) -> bool:
    """Whether all have ended. A zombie has: where nobody reaps orphans it stays listed."""

    def runs(process: psutil.Process) -> bool:
        with contextlib.suppress(psutil.NoSuchProcess):
            return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
        return False

    deadline = time.monotonic() + within_s
    while any(runs(process) for process in processes):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)  # nothing tells of the end of a process that is not our child
    return True


@pytest.fixture
def fake_artifacts(tmp_path: Path) -> Path:
    return make_artifacts(tmp_path / "artifacts")


@pytest.fixture
def here(tmp_path: Path, fake_artifacts: Path) -> Iterator[Place]:
    """A chip at a serial port, as far as a stand-in can be one."""
    with place_in(tmp_path, fake_artifacts) as place:
        yield place


@pytest.fixture
def board_does(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Call it with the fake board's steps."""

    def write(*steps: str) -> None:
        monkeypatch.setenv("FAKE_BOARD_SCRIPT", "\n".join(steps))

    return write


@pytest.fixture
def hil(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Hil:
    """Runs a command in this process, in a folder of its own; gives its exit code."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["hil", *arguments])
        with pytest.raises(SystemExit) as end:
            main()
        return int(end.value.code or 0)

    return run


def complaint(capsys: pytest.CaptureFixture[str]) -> str:
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1, lines
    return lines[0]


@pytest.fixture
def run(pytester: pytest.Pytester, fake_artifacts: Path) -> Run:
    """Runs a test file's text in a pytest of its own."""

    def run_text(text: str, *arguments: str) -> pytest.RunResult:
        pytester.makepyfile(
            "import pytest\nfrom pytest_hil.console.console import ExpectedPanic\n"
            "pytestmark = pytest.mark.hil(kind='promise')\n" + text
        )
        return pytester.runpytest_subprocess(
            f"--hil-artifacts={fake_artifacts}", f"--hil-run-dir={pytester.path / 'run'}", *arguments
        )

    return run_text
