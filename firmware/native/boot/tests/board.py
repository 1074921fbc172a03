# SPDX-License-Identifier: Apache-2.0
"""A native-board as the tests see it: a process with a serial line and a control socket.

Only what every test needs; what is tested lies in the test files.
"""

from __future__ import annotations

import json
import os
import re
import selectors
import socket
import subprocess
import tempfile
import time
import unittest
from collections.abc import Callable
from pathlib import Path
from typing import Any

NATIVE_BOARD = os.environ["NATIVE_BOARD"]
PROGRAM = os.environ["BOARD_PROGRAM"]
HERE = Path(__file__).parent
LIMIT_S = 20.0  # for what takes milliseconds: two busy cores and a sanitizer are slow at times


class Console:
    """What the board has said, growing; nothing is lost by looking at it."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._ended = False
        self._read_up_to = 0
        self.data = b""

    def _grow(self, limit_s: float) -> bool:
        with selectors.DefaultSelector() as selector:
            selector.register(self._fd, selectors.EVENT_READ)
            if self._ended or not selector.select(limit_s):
                return False
        try:
            chunk = os.read(self._fd, 65536)
        except OSError:  # a pty whose master is gone
            chunk = b""
        self.data += chunk
        self._ended = not chunk
        return bool(chunk)

    def expect(self, pattern: str, limit_s: float = LIMIT_S) -> re.Match[bytes]:
        """The next match after the last one."""
        end = time.monotonic() + limit_s
        while True:
            found = re.compile(pattern.encode(), re.MULTILINE).search(self.data, self._read_up_to)
            if found:
                self._read_up_to = found.end()
                return found
            if not self._grow(max(0.0, end - time.monotonic())):
                raise AssertionError(f"{pattern!r} did not come; the board said {self.data[-2000:]!r}")

    def read_to_end(self, limit_s: float = LIMIT_S) -> bytes:
        end = time.monotonic() + limit_s
        while self._grow(max(0.0, end - time.monotonic())):
            pass
        if not self._ended:
            raise AssertionError(f"the serial line did not end; the board said {self.data[-2000:]!r}")
        return self.data


class Control:
    """One connection to the control socket."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(LIMIT_S)
        self._socket.connect(str(path))
        self._lines = self._socket.makefile("r")

    def ask(self, command: str) -> dict[str, Any]:
        self._socket.sendall(command.encode() + b"\n")
        answer: dict[str, Any] = json.loads(self._lines.readline())
        return answer

    def do(self, command: str) -> None:
        answer = self.ask(command)
        if not answer["ok"]:
            raise AssertionError(f"{command}: {answer['error']}")

    def close(self) -> None:
        self._lines.close()
        self._socket.close()


class Board:
    """A started native-board; ends with its test."""

    def __init__(self, test: unittest.TestCase, *args: str, program: list[str] | None = None) -> None:
        self.folder = new_folder(test)
        self.socket_path = self.folder / "control"
        command = [NATIVE_BOARD, "--control", str(self.socket_path), *args]
        if program is not None:
            command += ["--program", *program]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
        )
        test.addCleanup(self._clean_up)
        assert self.process.stdout is not None
        self.console = Console(self.process.stdout.fileno())
        self._control: Control | None = None

    @property
    def control(self) -> Control:
        if self._control is None:
            wait_until(self.socket_path.exists, "the control socket")
            self._control = Control(self.socket_path)
        return self._control

    def status(self) -> dict[str, Any]:
        return self.control.ask("status")

    def say(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line.encode() + b"\n")

    def tell(self, line: str, answer: str) -> re.Match[bytes]:
        self.say(line)
        return self.console.expect(answer)

    def forward(self, board_port: int) -> tuple[str, int]:
        for forward in self.status()["forwards"]:
            if forward["board_port"] == board_port:
                return forward["host"], forward["port"]
        raise AssertionError(f"no forward to {board_port}")

    def wait(self) -> int:
        return self.process.wait(LIMIT_S)

    def errors(self) -> str:
        assert self.process.stderr is not None
        return self.process.stderr.read().decode()

    def _clean_up(self) -> None:
        if self._control is not None:
            self._control.close()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(LIMIT_S)


def new_folder(test: unittest.TestCase) -> Path:
    folder = tempfile.TemporaryDirectory(prefix="board-")
    test.addCleanup(folder.cleanup)
    return Path(folder.name)


def wait_until(condition: Callable[[], bool], what: str, limit_s: float = LIMIT_S) -> None:
    """For what gives no event: the state of another process, a file that appears."""
    end = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {limit_s} s")
        time.sleep(0.005)


def is_alive(pid: int) -> bool:
    """A zombie has ended: nobody has asked for its exit code yet."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


def in_state(pid: int, state: str) -> bool:
    """Seen three times in a row: a writer also sleeps for a moment now and then."""
    for _ in range(3):
        if Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != state:
            return False
        time.sleep(0.02)  # a moment apart is what the three looks are for
    return True


def _cpu_s(pid: int) -> float:
    user, system = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def cpu_while_idle_s(pid: int, time_s: float) -> float:
    """Processor time of a process with nothing to do: time itself is what the test is about."""
    before = _cpu_s(pid)
    time.sleep(time_s)
    return _cpu_s(pid) - before


def written_bytes(pid: int) -> int:
    return int(dict(line.split(": ") for line in Path(f"/proc/{pid}/io").read_text().splitlines())["wchar"])


def flash_file(folder: Path) -> Path:
    """A 4 MB flash, erased but for a partition table with one nvs partition."""
    flash = bytearray(b"\xff" * (4 << 20))
    flash[0x8000:0x8020] = (
        b"\xaa\x50\x01\x02"
        + (0x9000).to_bytes(4, "little")
        + (0x6000).to_bytes(4, "little")
        + b"nvs".ljust(16, b"\0")
        + bytes(4)
    )
    path = folder / "flash.bin"
    path.write_bytes(flash)
    return path
