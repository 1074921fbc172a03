# SPDX-License-Identifier: Apache-2.0
"""A physical board at a serial port: flashed with what differs, reset, read, power-cycled when it hangs.

A board that hangs and cannot be brought back is parked: later tests fail at once and say why, until somebody has
looked.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TextIO

from ..errors import BenchError, NotRun
from .commands import run_command
from .config import Command, SerialConfig
from .esp_port import FAULTS, EspPort
from .find_port import port_of
from .parking import park, refuse_parked
from .plain_port import PlainPort
from .port_reader import PortReader
from .protocol import Capability, ConsoleSink, Endpoint, Load, need

RETURN_TIMEOUT_S = 10.0  # from power on to a port that can be opened; a USB device takes a second or two
ERASED = ("nvs", "otadata", "coredump")  # what an earlier test leaves there would decide this one


class Hung(Exception):  # noqa: N818  a state of the board, seen and handled here
    """The board does not answer or does not speak."""


class SerialBoard:
    """See `protocol.Board`."""

    kind = "serial"

    def __init__(self, config: SerialConfig, load: Load, console: ConsoleSink) -> None:
        self.config = config
        self.load = load
        self.mac = config.mac or "unknown until it is connected"
        self.runner_host = config.tell
        self.capabilities = Capability.FLASH | Capability.CORE_DUMP if config.flash else Capability.NONE
        if config.reset or not (config.port or "").startswith("socket://"):  # a bare TCP connection has no DTR and RTS
            self.capabilities |= Capability.RESET
        if config.power_off and config.power_on:
            self.capabilities |= Capability.CUT_POWER
        self.written: list[int] | None = None  # the offsets that had to be written; None before the first start
        self._console = console
        self._port: EspPort | PlainPort | None = None
        self._log: TextIO | None = None
        self._started = False

    # ---- power

    def start(self) -> None:
        """Raises BenchError when the board cannot be started; one that hangs is power-cycled first, then parked."""
        refuse_parked(self.config)
        if self.config.flash:
            self.load.build.need_chip()
        path = self._find()
        if path is None:
            raise BenchError(f"board {self.config.name!r}: no serial port has {self._wanted()}; is it plugged in?")
        if "://" not in path and not os.access(path, os.R_OK | os.W_OK):
            why = "you may not open it (on Debian: group dialout)" if Path(path).exists() else "it does not exist"
            raise BenchError(f"board {self.config.name!r}: {path}: {why}")
        try:
            self._bring_up(path)
        except Hung as first:
            self._close()
            if not self._can_cycle:
                raise park(self.config, f"{first}, and there is no command for its power") from None
            self._cycle_power()
            try:
                self._bring_up(path)
            except Hung as second:
                self._close()
                raise park(self.config, f"{second}, also after its power was cycled") from None

    def _bring_up(self, path: str) -> None:
        """Connects, flashes, resets, and waits for a first byte. Raises Hung."""
        if self.config.loader and self.config.flash:
            self._run(self.config.loader)
        try:
            if not self.config.flash:
                plain = self._port = PlainPort(path, self.config)
                self._wait_speaks(plain.listen(self._console, self._find))
                return
            self._log = (self.load.folder / "flash.log").open("a")
            port = self._port = EspPort(path, self.config, self._log)
            self.mac = port.read_mac()
            if not self._started:  # once: what the board writes survives its power
                pieces = self.load.build.pieces(self.load.partitions, ERASED)
                self.written = port.write_what_differs(pieces)
                self._started = True
        except FAULTS as error:
            if "busy" in str(error):
                raise BenchError(f"board {self.config.name!r}: {' '.join(str(error).split())}") from None
            raise Hung(f"{path}: {_first_line(error)}") from error
        self._wait_speaks(port.listen(self._console, self._find))

    def _wait_speaks(self, reader: PortReader) -> None:
        if Capability.RESET in self.capabilities:
            self.reset()
        if not reader.spoke.wait(self.config.speak_s):
            raise Hung(f"it said nothing for {self.config.speak_s} s after its reset")

    @property
    def flashed(self) -> float | None:
        return self._port.flashed if isinstance(self._port, EspPort) else None

    def stop(self) -> None:
        """The chip runs on: only its power command could stop it, and the next start resets it."""
        self._close()
        self._console.end("the board's serial port was closed")

    def _close(self) -> None:
        if self._port is not None:
            with contextlib.suppress(*FAULTS):
                self._port.close()
            self._port = None
        if self._log is not None:
            self._log.close()
            self._log = None

    def power(self, on: bool) -> None:
        need(self, Capability.CUT_POWER)
        reader = self._reader()
        if not on:
            reader.away.set()  # first, or the reader takes it for a cable that was pulled
            self._run(self.config.power_off)
            return
        self._console.reset_asked()
        self._run(self.config.power_on)
        if not reader.connected.wait(RETURN_TIMEOUT_S):
            raise BenchError(
                f"board {self.config.name!r}: its power is on again, but its serial port did not come back"
            )
        reader.away.clear()

    @property
    def _can_cycle(self) -> bool:
        return bool(self.config.power_cycle or self.config.power_on)

    def _cycle_power(self) -> None:
        if self.config.power_cycle:
            self._run(self.config.power_cycle)
        else:
            self._run(self.config.power_off)
            self._run(self.config.power_on)

    def _run(self, command: Command) -> None:
        run_command(self.config, command)

    # ---- what a running board can be told

    def reset(self) -> None:
        need(self, Capability.RESET)
        self._console.reset_asked()
        if self.config.reset:
            self._run(self.config.reset)
        else:
            self._connected().hard_reset()

    def write(self, data: bytes) -> None:
        try:
            self._connected().proc.write(data)
        except OSError as error:
            raise BenchError(f"board {self.config.name!r} cannot be written to: {error}") from None

    def endpoint(self, board_port: int) -> Endpoint:
        host = self.config.host or self.load.address()
        if host is None:
            raise BenchError(f"board {self.config.name!r} has not said its address, and bench.toml gives no `host`")
        return Endpoint(host, self.config.ports.get(str(board_port), board_port))

    def read_flash(self, offset: int, size: int) -> bytes:
        """By esptool: the firmware is stopped for it, and stays so until a reset."""
        port = self._connected()
        if not isinstance(port, EspPort):
            raise NotRun(f"board {self.config.name!r} is not flashed from here, so its flash cannot be read")
        try:
            contents: bytes = port.read_flash(offset, size)
            port.listen(self._console, self._find)
        except FAULTS as error:
            raise BenchError(f"board {self.config.name!r}: flash at 0x{offset:x}: {_first_line(error)}") from None
        return contents

    def link(self, up: bool) -> None:
        raise NotRun(f"the network of board {self.config.name!r} cannot be switched {'on' if up else 'off'} from here")

    def change_address(self, address: str) -> None:
        raise NotRun(f"nothing can give board {self.config.name!r} the address {address} from here")

    def loss(self, percent: float) -> None:
        raise NotRun(f"nothing between board {self.config.name!r} and the runner can lose {percent:g} % of its packets")

    def delay(self, ms: int) -> None:
        raise NotRun(f"nothing between board {self.config.name!r} and the runner can hold a packet back for {ms} ms")

    # ---- inside

    @property
    def reconnects(self) -> int:
        """How often the port vanished and came back since the start."""
        return self._reader().reconnects

    def _connected(self) -> EspPort | PlainPort:
        if self._port is None:
            raise BenchError(f"board {self.config.name!r} is not started")
        return self._port

    def _reader(self) -> PortReader:
        reader = self._connected().reader
        if reader is None:
            raise BenchError(f"board {self.config.name!r} is not being read")
        return reader

    def _find(self) -> str | None:
        return port_of(self.config.port, self.config.serial_number, self.config.mac)

    def _wanted(self) -> str:
        c = self.config
        return f"the serial number {c.serial_number}" if c.serial_number else f"the MAC address {c.mac}"


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0] or type(error).__name__
