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
import socket
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from ..errors import BenchError, NotRun
from .config import EmulatorConfig, QemuConfig
from .protocol import BOARD_PORTS, Capability, ConsoleSink, Endpoint, Load, need

SPEAK_TIMEOUT_S = 30.0  # from exec to the first serial byte, on a busy runner
STOP_TIMEOUT_S = 5.0
SERIAL_READ = 65536  # bytes
ATTEMPTS = 3  # another process may take a free port first
_TAKEN = ("in use", "Could not set up host forwarding")
# QEMU's ESP32-C3. An interrupt that one of its threads raises is taken even when the chip's code, in another, has
# masked it meanwhile: in the middle of a critical section, which FreeRTOS does not survive. Time that is counted in
# instructions (4 ns each, of some 6 on the chip) leaves only the network to interrupt from another thread, and on one
# CPU the threads take turns. It still happens, and a watchdog that bites then has seen nothing of the firmware.
C3_TIME = ("-icount", "shift=2")
C3_WATCHDOGS = ("-global", "driver=timer.esp32c3.timg,property=wdt_disable,value=true")
# It keeps what it translated of the code in flash when other flash is mapped there, and would run an update as the
# image before it. What a loader device writes at each reset it forgets; nothing is mapped then that could be spoilt. A
# loader takes no more than the machine has RAM.
C3_CODE_IN_FLASH, C3_CODE_BYTES, LOADER_BYTES = 0x42000000, 4 << 20, 256 << 10
# The runner may die in any way; then the kernel ends the emulator.
_TIED = ("setpriv", "--pdeathsig", "KILL", "--")


class Piped(subprocess.Popen[bytes]):
    """Stands below pytest-embedded's Popen: the serial line is a pipe, the process tied to the runner.

    What the emulator itself complains of goes to its own log: it is nothing that the board said.
    """

    def __init__(self, args: list[str], complaints: IO[bytes], one_cpu: bool, **options: Any) -> None:
        on_one = ("taskset", "-c", str(_a_cpu())) if one_cpu else ()
        super().__init__([*_TIED, *on_one, *args], **options | {"stdout": subprocess.PIPE, "stderr": complaints})


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
            self.capabilities |= Capability.RESET | Capability.CUT_POWER | Capability.CORE_DUMP
        self.mac = "the emulator's own"
        self.runner_host = config.tell
        self.flashed: float | None = None
        self._console = console
        folder = load.folder.absolute()
        self._flash = folder / "flash.bin"
        self._flash.write_bytes(load.build.flash_image(load.partitions))
        self._blank = folder / "blank.bin"
        self._log = folder / f"{self.kind}.log"
        self._ports: dict[int, int] = {}
        self._process: Any = None
        self._reader: threading.Thread | None = None
        self._spoke = threading.Event()
        self._lock = threading.Lock()  # guards these two
        self._expected = True  # the process may end: it is being started, or stopped
        self._ended: str | None = None  # how it ended
        self._last = b""  # the newest bytes: an emulator may complain on its stdout too

    # ---- what starts it

    def _program(self, chip: str | None) -> str:
        found = self.config.find_program(chip)
        if found is None:
            names = self.config.program or self.config.programs(chip)[0]
            raise NotRun(f"{names} is not installed, so there is no board of the kind {self.kind!r}")
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

    def _options(self, program: str, chip: str) -> dict[str, Any]:
        forwards = ",".join(f"hostfwd=tcp:127.0.0.1:{port}-:{board}" for board, port in self._ports.items())
        config, more = self.config, shlex.join(self.config.args)
        if isinstance(config, QemuConfig):
            return {
                "qemu_prog_path": program,
                "qemu_image_path": str(self._flash),
                "qemu_cli_args": shlex.join(["-nographic", "-machine", config.machine or chip, *self._cures(chip)]),
                "qemu_extra_args": f"-nic {shlex.quote(f'{config.nic},{forwards}')} {more}",
            }
        return {
            "espemu_prog_path": program,
            "espemu_image_path": str(self._flash),
            "espemu_extra_args": f"--net user,{forwards} {more}",
        }

    def _cures(self, chip: str) -> Iterator[str]:
        """Of what QEMU's machine for this chip is known to do wrong."""
        if chip != "esp32c3":
            return
        yield from (*C3_TIME, *C3_WATCHDOGS)
        self._blank.write_bytes(bytes(LOADER_BYTES))
        for address in range(C3_CODE_IN_FLASH, C3_CODE_IN_FLASH + C3_CODE_BYTES, LOADER_BYTES):
            yield from ("-device", f"loader,file={self._blank},addr={address:#x},force-raw=on")

    # ---- power

    def start(self) -> None:
        """Raises NotRun where the emulator is not installed, BenchError when it does not start."""
        program, service = self._program(self.load.build.chip), self._service()
        chip = self.load.build.need_chip()
        for attempt in range(1, ATTEMPTS + 1):
            ports = self._ports
            self._ports = ports or dict(zip(BOARD_PORTS, _free_ports(len(BOARD_PORTS)), strict=True))
            self._launch(program, chip, service)
            refusal = self._refusal()
            if refusal is None:
                self._runs()
                return
            self._end_process()
            complaint = self._complaint()
            if attempt == ATTEMPTS or not any(word in complaint for word in _TAKEN):
                self.stop()
                raise BenchError(f"{program} {refusal}: {complaint}")
            self._ports = ports

    def _refusal(self) -> str | None:
        """How it did not start; None when it runs."""
        if not self._spoke.wait(SPEAK_TIMEOUT_S):
            return f"said nothing for {SPEAK_TIMEOUT_S:g} s"
        code = self._process.poll()
        return None if code is None else f"ended with exit code {code}"

    def _runs(self) -> None:
        """From now on its end is nobody's wish."""
        with self._lock:
            self._expected = False
            if self._ended is not None:
                self._console.fail(self._ended)

    def _launch(self, program: str, chip: str, service: Any) -> None:
        self._spoke.clear()
        self._last = b""
        self._expected, self._ended = True, None
        app = Target(chip, str(self._flash))
        try:
            with self._log.open("wb") as complaints:
                self._process = service(
                    app=app,
                    msg_queue=None,
                    meta=LogPlace(str(self._flash.parent)),
                    complaints=complaints,
                    one_cpu=self.kind == "qemu" and chip == "esp32c3",
                    cwd=self.config.home,  # where relative paths in its arguments begin
                    **self._options(program, chip),
                )
        except (OSError, ValueError) as error:
            raise BenchError(f"{program} cannot be started: {error}") from None
        self._reader = threading.Thread(target=self._read_serial, name=f"{self.kind} serial", daemon=True)
        self._reader.start()

    def stop(self) -> None:
        self._end_process()
        self._blank.unlink(missing_ok=True)
        self._console.end("the board was switched off")

    def _end_process(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with self._lock:
            self._expected = self._expected or process.poll() is None
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
        Path(process._logfile).unlink(missing_ok=True)  # nothing was written there

    def _read_serial(self) -> None:
        process = self._process
        while data := os.read(process.stdout.fileno(), SERIAL_READ):
            self._last = data
            self._console.feed(data)
            self._spoke.set()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_TIMEOUT_S)
        with self._lock:
            self._ended = f"{self.kind} ended with exit code {process.poll()}"
            if not self._expected:
                self._console.fail(self._ended)
        self._spoke.set()

    def _complaint(self) -> str:
        for said in (self._log.read_bytes(), self._last):
            if lines := said.decode(errors="replace").strip().splitlines():
                return lines[-1]
        return "it gave no reason"

    def power(self, on: bool) -> None:
        need(self, Capability.CUT_POWER)
        if on:
            self._console.reset_asked()
            self.start()
        else:
            self._end_process()

    # ---- what a running board can be told

    def reset(self) -> None:
        need(self, Capability.RESET)
        process = self._running()
        self._console.reset_asked()
        try:
            process._hard_reset()
        except Exception as error:  # whatever the QMP library raises
            raise BenchError(f"the {self.kind} board cannot be reset: {error}") from None

    def write(self, data: bytes) -> None:
        try:
            self._running().stdin.write(data)
        except OSError as error:
            raise BenchError(f"the {self.kind} board cannot be written to: {error.strerror}") from None

    def read_flash(self, offset: int, size: int) -> bytes:
        need(self, Capability.CORE_DUMP)
        with self._flash.open("rb") as flash:
            flash.seek(offset)
            return flash.read(size)

    def endpoint(self, board_port: int) -> Endpoint:
        if board_port not in self._ports:
            raise BenchError(f"port {board_port} of the {self.kind} board is not forwarded")
        return Endpoint("127.0.0.1", self._ports[board_port])

    def link(self, up: bool) -> None:
        raise NotRun(f"the network of a {self.kind} board cannot be switched {'on' if up else 'off'} from here")

    def change_address(self, address: str) -> None:
        raise NotRun(f"nothing can give a {self.kind} board the address {address}")

    def loss(self, percent: float) -> None:
        raise NotRun(f"nothing can lose {percent:g} % of the packets of a {self.kind} board")

    def delay(self, ms: int) -> None:
        raise NotRun(f"nothing can hold the packets of a {self.kind} board back for {ms} ms")

    def _running(self) -> Any:
        if self._process is None:
            raise BenchError(f"the {self.kind} board is not running")
        return self._process


def _a_cpu() -> int:
    """One of those that this process may use; another for most other processes."""
    usable = sorted(os.sched_getaffinity(0))
    return usable[os.getpid() % len(usable)]


def _free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that nobody listened on a moment ago, all different."""
    with contextlib.ExitStack() as held:
        probes = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [int(probe.getsockname()[1]) for probe in probes]
