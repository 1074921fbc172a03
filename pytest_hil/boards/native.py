# SPDX-License-Identifier: Apache-2.0
"""The native board: the firmware's own C in a Linux process, under the supervisor `native-board`.

The supervisor's stdout is the serial line and its stdin the lifeline: when the runner dies in whatever way, stdin ends,
and the supervisor ends with its program. A thread carries serial bytes to the console; it sleeps while none come.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import BenchError, NotRun
from .control import ControlSocket
from .protocol import BOARD_PORTS, Capability, ConsoleSink, Endpoint

START_TIMEOUT_S = 10.0  # from exec to the first serial byte; some 20 ms on an idle machine
STOP_TIMEOUT_S = 5.0  # from `quit` to the end of the process, then it is killed
SERIAL_READ = 65536  # bytes
# In the flash file's folder, where the supervisor runs: its path is short from there, however deep the folder lies,
# and a runner that is killed leaves nothing in the machine's temporary folder.
CONTROL = "control"


@dataclass(frozen=True)
class NativeSettings:
    """How one native board is to be run."""

    program: Path  # native-board
    flash: Path  # the flash file; the board changes it
    stderr_log: Path
    board_ports: tuple[int, ...] = BOARD_PORTS
    heap_kb: int | None = None
    mac: str = "02:00:00:00:00:01"
    seed: int = 1
    tell: str = "10.0.2.2"  # the runner's address inside the board's network
    extra: tuple[str, ...] = field(default=())


class NativeBoard:
    """One supervisor with its program. See `protocol.Board`."""

    kind = "native"
    capabilities = (
        Capability.FLASH
        | Capability.RESET
        | Capability.CUT_POWER
        | Capability.DROP_PACKETS
        | Capability.LINK_DOWN
        | Capability.CHANGE_ADDRESS
    )

    def __init__(self, settings: NativeSettings, console: ConsoleSink) -> None:
        self.settings = settings
        self.mac = settings.mac
        self.runner_host = settings.tell
        self.flashed: float | None = None
        self._console = console
        self._process: subprocess.Popen[bytes] | None = None
        self._control: ControlSocket | None = None
        self._reader: threading.Thread | None = None
        self._spoke = threading.Event()  # the first byte came, or the line ended without one
        self._stopping = False

    @property
    def command(self) -> list[str]:
        s = self.settings
        command = [
            str(s.program.absolute()),
            "--flash",
            str(s.flash.absolute()),
            "--serial",
            "stdio",
            "--control",
            CONTROL,
        ]
        for port in s.board_ports:
            command += ["--forward", f"127.0.0.1:0:{port}"]
        command += ["--mac", s.mac, "--seed", str(s.seed)]
        if s.heap_kb is not None:
            command += ["--heap-kb", str(s.heap_kb)]
        return [*command, *s.extra]

    @property
    def _folder(self) -> Path:
        return self.settings.flash.absolute().parent

    # ---- power

    def start(self) -> None:
        """Starts the supervisor and waits until the board speaks. Raises BenchError when it does not."""
        try:
            with self.settings.stderr_log.open("wb") as stderr:
                self._process = subprocess.Popen(
                    self.command,
                    cwd=self._folder,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=stderr,
                    bufsize=0,
                )
        except OSError as error:
            raise BenchError(f"{self.settings.program} cannot be started: {error.strerror}") from None
        self._reader = threading.Thread(target=self._read_serial, name="native-board serial", daemon=True)
        self._reader.start()
        if not self._spoke.wait(START_TIMEOUT_S):
            self.stop()
            raise BenchError(f"the native board said nothing within {START_TIMEOUT_S:g} s{self._complaint()}")
        if not (self._folder / CONTROL).exists():
            how = self._how_it_ended()
            self.stop()
            raise BenchError(f"the native board did not start: {how}{self._complaint()}")
        self._control = ControlSocket(self._folder / CONTROL)

    def stop(self) -> None:
        if self._process is None:
            return
        self._stopping = self._process.poll() is None
        with contextlib.suppress(BenchError):
            if self._control is not None:
                self._control.command("quit")
        process, stdin = self._process, self._process.stdin
        with contextlib.suppress(OSError):
            if stdin is not None:
                stdin.close()
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if self._reader is not None:
            self._reader.join(STOP_TIMEOUT_S)
        if process.stdout is not None:
            process.stdout.close()
        if self._control is not None:
            self._control.close()
        self._process = self._control = None

    def _read_serial(self) -> None:
        process = self._process
        assert process is not None
        assert process.stdout is not None
        serial = process.stdout.fileno()
        while data := os.read(serial, SERIAL_READ):
            self._console.feed(data)
            self._spoke.set()
        with contextlib.suppress(subprocess.TimeoutExpired):  # the line ends first, the process a moment later
            process.wait(STOP_TIMEOUT_S)
        if process.poll() != 0:
            self._console.fail(self._how_it_ended())
        else:
            self._console.end("the board was switched off" if self._stopping else self._how_it_ended())
        self._spoke.set()

    def _how_it_ended(self) -> str:
        code = self._process.poll() if self._process is not None else None
        if code is None:
            return "native-board closed its serial line"
        return f"native-board was killed by signal {-code}" if code < 0 else f"native-board ended with exit code {code}"

    def _complaint(self) -> str:
        lines = self.settings.stderr_log.read_text(errors="replace").strip().splitlines()
        return f": {lines[-1]}" if lines else ""

    # ---- what a running board can be told

    def control(self, command: str) -> dict[str, Any]:
        """Any command of the supervisor. Raises BenchError."""
        if self._control is None:
            raise BenchError(f"the native board is not running, so it cannot be told {command!r}")
        return self._control.command(command)

    @property
    def pid(self) -> int:
        """The supervisor's process id."""
        if self._process is None:
            raise BenchError("the native board is not running")
        return self._process.pid

    def endpoint(self, board_port: int) -> Endpoint:
        forwards: Sequence[dict[str, Any]] = self.control("status")["forwards"]
        for forward in forwards:
            if forward["board_port"] == board_port:
                return Endpoint(forward["host"], forward["port"])
        raise BenchError(f"port {board_port} of the native board is not forwarded")

    def write(self, data: bytes) -> None:
        if self._process is None or self._process.stdin is None:
            raise BenchError("the native board is not running")
        self._process.stdin.write(data)

    def reset(self) -> None:
        self._console.reset_asked()
        self.control("reset")

    def power(self, on: bool) -> None:
        if on:
            self._console.reset_asked()
        self.control(f"power {'on' if on else 'off'}")

    def read_flash(self, offset: int, size: int) -> bytes:
        raise NotRun(f"panics of the native board leave no core dump: nothing to read, {size} bytes at 0x{offset:x}")

    def link(self, up: bool) -> None:
        self.control(f"link {'up' if up else 'down'}")

    def change_address(self, address: str) -> None:
        """One from 10.0.2.4 to 10.0.2.254."""
        self.control(f"address {address}")

    def loss(self, percent: float) -> None:
        """Loses that share of the packets, both ways."""
        self.control(f"loss {percent:g}")

    def delay(self, ms: int) -> None:
        """Holds each packet back for so long, both ways."""
        self.control(f"delay {ms}")
