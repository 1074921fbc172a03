# SPDX-License-Identifier: Apache-2.0
"""An emulated board: QEMU or esp-emu, started by pytest-embedded's own service, its ports forwarded to free ones here.

Where the program or the service is not installed the board's tests are not run. pytest-embedded would write the serial
bytes into a file and let a process look for more; here they come through a pipe, and a thread sleeps until they do.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import shlex
import shutil
import socket
import subprocess
import threading
from dataclasses import dataclass
from typing import Any

from ..errors import BenchError, NotRun
from .config import EmulatorConfig
from .protocol import BOARD_PORTS, Capability, ConsoleSink, Endpoint, Load, need

SPEAK_TIMEOUT_S = 30.0  # from exec to the first serial byte, on a busy runner
REFUSAL_S = 0.2  # an emulator that does not like its command line says so, and ends
STOP_TIMEOUT_S = 5.0
SERIAL_READ = 65536  # bytes
XTENSA = ("esp32", "esp32s2", "esp32s3")
# The runner may die in any way; then the kernel ends the emulator.
_TIED = ("setpriv", "--pdeathsig", "KILL", "--")


class Piped(subprocess.Popen[bytes]):
    """Stands below pytest-embedded's Popen: the serial line is a pipe, the process tied to the runner."""

    def __init__(self, args: list[str], **options: Any) -> None:
        super().__init__([*_TIED, *args], **options | {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT})


@dataclass(frozen=True)
class Target:
    """What pytest-embedded's services ask of an app."""

    target: str
    image_path: str


@dataclass(frozen=True)
class LogPlace:
    """What they ask of a test's meta: where their own log lies."""

    logdir: str
    logfile_extension: str = ".log"


class EmulatorBoard:
    """See `protocol.Board`."""

    def __init__(self, config: EmulatorConfig, load: Load, console: ConsoleSink) -> None:
        self.config = config
        self.load = load
        self.kind = config.kind
        self.capabilities = Capability.FLASH
        if self.kind == "qemu":  # keeps its flash in the file, and can be reset through QMP
            self.capabilities |= Capability.RESET | Capability.CUT_POWER
        self.mac = "the emulator's own"
        self.runner_host = config.tell
        self._console = console
        self._flash = load.folder / "flash.bin"
        self._flash.write_bytes(load.build.flash_image(load.partitions))
        self._ports: dict[int, int] = {}
        self._process: Any = None
        self._reader: threading.Thread | None = None
        self._spoke = threading.Event()
        self._silenced = False  # the end of the process is wanted
        self._last = b""  # the newest bytes, which may be the emulator's complaint

    # ---- what starts it

    def _program(self, chip: str | None) -> str:
        name = self.config.program
        if name is None:
            name = "esp-emu" if self.kind == "espemu" else f"qemu-system-{'xtensa' if chip in XTENSA else 'riscv32'}"
        found = shutil.which(name)
        if found is None:
            raise NotRun(f"{name} is not installed, so there is no board of the kind {self.kind!r}")
        return found

    def _service(self) -> Any:
        """pytest-embedded's class for this emulator, on a pipe and without a process that copies."""
        package, name = (
            ("pytest_embedded_qemu", "Qemu") if self.kind == "qemu" else ("pytest_embedded_espemu", "EspEmu")
        )
        try:
            service = getattr(importlib.import_module(package), name)
        except ImportError:
            raise NotRun(f"{package.replace('_', '-')} is not installed: pip install it") from None
        return type(name, (service, Piped), {"REDIRECT_CLS": None})

    def _options(self, program: str) -> dict[str, Any]:
        forwards = ",".join(f"hostfwd=tcp:127.0.0.1:{port}-:{board}" for board, port in self._ports.items())
        more = shlex.join(self.config.args)
        if self.kind == "qemu":
            return {
                "qemu_prog_path": program,
                "qemu_image_path": str(self._flash),
                "qemu_extra_args": f"-nic user,model=open_eth,{forwards} {more}",
            }
        return {
            "espemu_prog_path": program,
            "espemu_image_path": str(self._flash),
            "espemu_extra_args": f"--net user,{forwards} {more}",
        }

    # ---- power

    def start(self) -> None:
        """Raises NotRun where the emulator is not installed, BenchError when it does not start."""
        program, service = self._program(self.load.build.chip), self._service()
        self._ports = self._ports or dict(zip(BOARD_PORTS, _free_ports(len(BOARD_PORTS)), strict=True))
        self._launch(program, service)
        spoke = self._spoke.wait(SPEAK_TIMEOUT_S)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(REFUSAL_S)
        code = self._process.poll()
        if not spoke or code is not None:
            self.stop()
            how = f"ended with exit code {code}" if code is not None else f"said nothing for {SPEAK_TIMEOUT_S:g} s"
            raise BenchError(f"{program} {how}: {self._complaint()}")

    def _launch(self, program: str, service: Any) -> None:
        self._spoke.clear()
        self._silenced = False
        app = Target(self.load.build.need_chip(), str(self._flash))
        try:
            self._process = service(
                app=app, msg_queue=None, meta=LogPlace(str(self.load.folder)), **self._options(program)
            )
        except (OSError, ValueError) as error:
            raise BenchError(f"{program} cannot be started: {error}") from None
        self._reader = threading.Thread(target=self._read_serial, name=f"{self.kind} serial", daemon=True)
        self._reader.start()

    def stop(self) -> None:
        self._end_process()
        self._console.end("the board was switched off")

    def _end_process(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        self._silenced = True
        with contextlib.suppress(OSError):
            process.stdin.close()
        subprocess.Popen.terminate(process)  # pytest-embedded's closes its log only
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if self._reader is not None:
            self._reader.join(STOP_TIMEOUT_S)
        process.stdout.close()
        process.close()

    def _read_serial(self) -> None:
        process = self._process
        while data := os.read(process.stdout.fileno(), SERIAL_READ):
            self._last = data
            self._console.feed(data)
            self._spoke.set()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_TIMEOUT_S)
        if not self._silenced:
            self._console.end(f"{self.kind} ended with exit code {process.poll()}")
        self._spoke.set()

    def _complaint(self) -> str:
        lines = self._last.decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it gave no reason"

    def power(self, on: bool) -> None:
        need(self, Capability.CUT_POWER)
        if on:
            self.start()
        else:
            self._end_process()

    # ---- what a running board can be told

    def reset(self) -> None:
        need(self, Capability.RESET)
        self._running()._hard_reset()

    def write(self, data: bytes) -> None:
        self._running().stdin.write(data)

    def endpoint(self, board_port: int) -> Endpoint:
        if board_port not in self._ports:
            raise BenchError(f"port {board_port} of the {self.kind} board is not forwarded")
        return Endpoint("127.0.0.1", self._ports[board_port])

    def link(self, up: bool) -> None:
        raise NotRun(f"the network of a {self.kind} board cannot be switched {'on' if up else 'off'} from here")

    def loss(self, percent: float) -> None:
        raise NotRun(f"nothing can lose {percent:g} % of the packets of a {self.kind} board")

    def delay(self, ms: int) -> None:
        raise NotRun(f"nothing can hold the packets of a {self.kind} board back for {ms} ms")

    def _running(self) -> Any:
        if self._process is None:
            raise BenchError(f"the {self.kind} board is not running")
        return self._process


def _free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that nobody listened on a moment ago, all different."""
    with contextlib.ExitStack() as held:
        probes = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [int(probe.getsockname()[1]) for probe in probes]
