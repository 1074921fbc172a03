# SPDX-License-Identifier: Apache-2.0
"""What stands between a chip and the rig: a pty that can vanish and come back, a remote port, a power switch."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import threading
import tty
from pathlib import Path
from types import TracebackType
from typing import Any

from serial import rfc2217

from .rom_chip import RomChip

_TELL = """\
import socket, sys
switch = socket.socket(socket.AF_UNIX)
switch.connect(sys.argv[1])
switch.sendall(sys.argv[2].encode())
switch.recv(1)
"""


class PtyPort:
    """A chip's serial line as a symbolic link to a pty, as udev gives one. `unplug` takes it away, `plug` brings it."""

    def __init__(self, chip: RomChip, path: Path) -> None:
        self.chip = chip
        self.path = path
        self._lock = threading.Lock()
        self._master = self._slave = -1
        self._thread: threading.Thread | None = None
        chip.transmit = self._send

    def plug(self) -> None:
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        temporary = self.path.with_suffix(".new")
        temporary.symlink_to(os.ttyname(self._slave))
        temporary.replace(self.path)
        self._thread = threading.Thread(target=self._carry, args=(self._master,), daemon=True)
        self._thread.start()

    def unplug(self) -> None:
        self.path.unlink(missing_ok=True)
        with self._lock:
            master, slave, self._master, self._slave = self._master, self._slave, -1, -1
        if master < 0:
            return
        os.write(slave, b"\0")  # wakes the thread, which closes both ends
        if self._thread is not None:
            self._thread.join()
        os.close(slave)

    def _carry(self, master: int) -> None:
        while data := os.read(master, 65536):
            if self._master != master:
                break
            self.chip.receive(data)
        os.close(master)

    def _send(self, data: bytes) -> None:
        with self._lock:
            if self._master >= 0:
                while data:
                    data = data[os.write(self._master, data) :]


class Lines:
    """What pyserial's RFC 2217 server takes for a serial port: DTR and RTS lead to the chip's boot and reset pins."""

    cts = dsr = ri = cd = rtscts = xonxoff = break_condition = False
    baudrate, bytesize, parity, stopbits = 115200, 8, "N", 1

    def __init__(self, chip: RomChip) -> None:
        self._chip = chip
        self._rts = False
        self.dtr = False

    @property
    def rts(self) -> bool:
        return self._rts

    @rts.setter
    def rts(self, level: bool) -> None:
        if self._rts and not level:  # EN rises: the boot pin decides
            self._chip.reset(into_loader=self.dtr)
        self._rts = level

    def reset_input_buffer(self) -> None:
        """Nothing is kept here."""

    def reset_output_buffer(self) -> None:
        """Nothing is kept here."""


class SocketPort:
    """A chip's serial line as a server on a loopback port: bytes alone, without DTR and RTS."""

    SCHEME = "socket"

    def __init__(self, chip: RomChip) -> None:
        self._chip = chip
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.url = f"{self.SCHEME}://127.0.0.1:{self.port}"
        self._connection: socket.socket | None = None
        self._sending = threading.Lock()
        self.connections = 0
        chip.transmit = self._send
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._begin()
                self._connection = connection
                self.connections += 1
                with connection, contextlib.suppress(OSError):
                    while data := connection.recv(65536):
                        self._chip.receive(self._received(data))
                self._connection = None

    def _begin(self) -> None:
        """Before a client is served."""

    def _received(self, data: bytes) -> bytes:
        return data

    def write(self, data: bytes) -> None:
        with self._sending, contextlib.suppress(OSError):
            if self._connection is not None:
                self._connection.sendall(data)

    def _send(self, data: bytes) -> None:
        self.write(data)

    def drop(self) -> None:
        """The connection ends, as when a bridge restarts; the next one is taken."""
        if self._connection is not None:
            self._connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._listener.close()
        self.drop()


class Rfc2217Port(SocketPort):
    """The same with DTR and RTS. Its own words to the client go through `write` too."""

    SCHEME = "rfc2217"

    def __init__(self, chip: RomChip) -> None:
        self._lines = Lines(chip)
        self._manager: Any = None
        super().__init__(chip)

    def _begin(self) -> None:
        self._lines.dtr, self._lines._rts = False, False
        manager: Any = rfc2217.PortManager  # which asks for no more of a serial port than Lines has
        self._manager = manager(self._lines, self)

    def _received(self, data: bytes) -> bytes:
        return b"".join(self._manager.filter(data))

    def _send(self, data: bytes) -> None:
        if self._manager is not None:
            self.write(b"".join(self._manager.escape(data)))


class Switch:
    """The chip's power and reset as commands for bench.toml."""

    def __init__(self, chip: RomChip, port: PtyPort, path: Path) -> None:
        self.chip = chip
        self.port = port
        self.path = path
        self.told: list[str] = []
        self.cures = True  # whether a power cycle ends what ails the chip
        self._listener = socket.socket(socket.AF_UNIX)

    def command(self, what: str) -> list[str]:
        return [sys.executable, "-IS", "-c", _TELL, str(self.path), what]

    def __enter__(self) -> Switch:
        self._listener.bind(str(self.path))
        self._listener.listen()
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                with connection:
                    self._do(connection.recv(64).decode())
                    connection.sendall(b".")

    def _do(self, what: str) -> None:
        self.told.append(what)
        if what in ("reset", "loader"):
            self.chip.reset(into_loader=what == "loader")
            return
        if what in ("off", "cycle"):
            self.chip.power(False)
            self.port.unplug()
        if what in ("on", "cycle"):
            if self.cures:
                self.chip.silent_boots, self.chip.deaf = 0, False
            self.port.plug()
            self.chip.power(True)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
