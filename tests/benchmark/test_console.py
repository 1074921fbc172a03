# SPDX-License-Identifier: Apache-2.0
"""The console: print to wake, death to notice, bytes a second; beside pytest-embedded's own linux DUT."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from pytest_hil.boards.artifacts import Artifacts
from pytest_hil.boards.native import NativeBoard, NativeSettings
from pytest_hil.console.console import Console
from pytest_hil.console.record import WaitFailed

from .figures import Row, percentile

TICKS = 1000
WARM_UP = 50  # printed while the test was still being set up
LOG_BYTES = 50_000_000
PIECE = 4096
LOG_LINES = (
    'I (12345) wifi:state: run -> init (0)\n@hil {"n":%d,"t":12345,"ev":"beat","heap":123456,"heap_min":120000}\n'
    "W (12346) httpd_txrx: httpd_sock_err: error in send : 104\nD (12347) app: frame 1234, 4096 bytes, 12 ms\n"
)
THEIRS = Path(__file__).with_name("theirs_linux_dut.py")


def clock_board(artifacts: Artifacts, console: Console, program: Path, folder: Path) -> NativeBoard:
    settings = NativeSettings(
        artifacts.native_board,
        folder / "flash.bin",
        folder / "native-board.log",
        board_ports=(),
        extra=("--program", str(program)),
    )
    image = artifacts.image("release")
    settings.flash.write_bytes(image.build.flash_image({}))
    return NativeBoard(settings, console)


@pytest.fixture(scope="session")
def theirs(serial_clock: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, float]:
    """The same program under pytest-embedded's linux DUT, in a pytest of its own; figures by name."""
    folder = tmp_path_factory.mktemp("theirs")
    build = folder / "build"
    (build / "config").mkdir(parents=True)
    (build / "config" / "sdkconfig.json").write_text(
        json.dumps({"IDF_TARGET": "linux", "APP_BUILD_TYPE_ELF_ONLY": True})
    )
    (build / "clock.elf").write_bytes(serial_clock.read_bytes())
    (build / "clock.elf").chmod(0o755)
    (folder / "test_theirs.py").write_text(THEIRS.read_text())
    figures = folder / "figures.json"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:hil", "-p", "no:cacheprovider", "test_theirs.py"]
    command += ["--embedded-services", "idf", "--target", "linux", "--app-path", str(folder), "--build-dir", "build"]
    ran = subprocess.run(
        command, cwd=folder, env=os.environ | {"FIGURES": str(figures)}, capture_output=True, text=True, check=False
    )
    assert figures.exists(), f"pytest-embedded's linux DUT did not run:\n{ran.stdout[-3000:]}{ran.stderr[-1000:]}"
    found: dict[str, float] = json.loads(figures.read_text())
    return found


def test_print_to_wake(
    artifacts: Artifacts, serial_clock: Path, theirs: dict[str, float], rows: list[Row], tmp_path: Path
) -> None:
    console = Console(tmp_path / "console.log")
    board = clock_board(artifacts, console, serial_clock, tmp_path)
    board.start()
    try:
        delays_ms = []
        for n in range(TICKS):
            line = console.wait_line(rf"^tick {n} at \d+", 5, max(0, console.mark() - 10))
            now_ns = time.monotonic_ns()
            match = re.search(r"at (\d+)", line)
            assert match is not None
            if n >= WARM_UP:
                delays_ms.append((now_ns - int(match.group(1))) / 1e6)
    finally:
        board.stop()
    for share, goal in ((0.5, None), (0.99, 2.0)):
        percent = f"p{share * 100:.0f}"
        name = f"board prints → waiting test wakes: {percent}"
        rows.append(Row(name, percentile(delays_ms, share), "ms", goal, theirs=theirs[percent], samples=len(delays_ms)))


def test_death_to_notice(artifacts: Artifacts, serial_clock: Path, rows: list[Row], tmp_path: Path) -> None:
    took_ms = []
    for n in range(20):
        folder = tmp_path / str(n)
        folder.mkdir()
        console = Console(folder / "console.log")
        board = clock_board(artifacts, console, serial_clock, folder)
        board.start()
        died: list[float] = []

        def kill(pid: int = board.pid, died: list[float] = died) -> None:
            died.append(time.monotonic())
            os.kill(pid, signal.SIGKILL)

        threading.Timer(0.05, kill).start()
        with pytest.raises(WaitFailed):
            console.wait_line("this never comes", 10)
        took_ms.append((time.monotonic() - died[0]) * 1000)
        board.stop()
    rows.append(Row("board's process dies → waiting test fails: p99", percentile(took_ms, 0.99), "ms", 50, samples=20))


def test_throughput(rows: list[Row], tmp_path: Path) -> None:
    count = LOG_BYTES // len(LOG_LINES)
    log = "".join(LOG_LINES % n for n in range(count)).encode()
    console = Console(tmp_path / "console.log")
    began = time.process_time()
    for at in range(0, len(log), PIECE):
        console.feed(log[at : at + PIECE])
    took_s = time.process_time() - began
    console.end("all is read")
    assert console.event_problems == []
    assert len(console.events_named("beat")) == count
    rows.append(Row("log read with panic detection", len(log) / took_s / 1e6, "MB/s", 10, at_least=True))


def test_overhead(
    artifacts: Artifacts, serial_clock: Path, theirs: dict[str, float], rows: list[Row], tmp_path: Path
) -> None:
    took_s = []
    for n in range(20):
        folder = tmp_path / str(n)
        folder.mkdir()
        began = time.monotonic()
        console = Console(folder / "console.log")
        board = clock_board(artifacts, console, serial_clock, folder)
        board.start()
        console.wait_line("serial_clock: ready", 5)
        board.stop()
        took_s.append(time.monotonic() - began)
    name = "a board for a test, same program (start, a line, tear-down): p50"
    rows.append(Row(name, percentile(took_s, 0.5), "s", 0.3, theirs=theirs["overhead_s"], samples=20))
