# SPDX-License-Identifier: Apache-2.0
"""Reads a serial port for as long as its board is used, also when the port goes away and comes back.

A port vanishes when a cable is pulled, a hub is switched, or a chip with a USB port of its own resets. The same
pyserial object is opened again, so that writes go to the live port too. Opening must not reset the chip: Linux raises
DTR and RTS together, which the usual two-transistor circuit takes for nothing; lowered one after the other they would
pull EN.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable

import serial
from serial.urlhandler import protocol_socket

from .protocol import ConsoleSink

FindPort = Callable[[], str | None]

READ_TIMEOUT_S = 0.1  # after which a reader sees that it is to end; bytes wake it at once
SOCKET_READ = 65536  # bytes
RETRY_S = 0.05  # nothing tells when a port comes back


class PortReader(threading.Thread):
    """Feeds the console until it is stopped, or the port stays away."""

    def __init__(self, port: serial.Serial, console: ConsoleSink, find: FindPort, patience_s: float) -> None:
        super().__init__(name="serial port", daemon=True)
        self.spoke = threading.Event()  # a byte came since it was last cleared
        self.connected = threading.Event()
        self.connected.set()
        self.reconnects = 0
        self.away = threading.Event()  # set while the board is off on purpose: its port may stay away
        self._port = port
        self._console = console
        self._find = find
        self._patience_s = patience_s
        self._stopping = threading.Event()

    def run(self) -> None:
        self._port.timeout = READ_TIMEOUT_S
        while not self._stopping.is_set():
            try:
                data = self._read()
            except (OSError, TypeError, AttributeError):  # pyserial's for a port that is closed under its hands
                if not self._come_back():
                    return
                continue
            if data:
                self._console.feed(data)
                self.spoke.set()

    def _read(self) -> bytes:
        """What has come, at most READ_TIMEOUT_S later."""
        if not isinstance(self._port, protocol_socket.Serial):
            return self._port.read(max(1, self._port.in_waiting))
        data = self._port.read(1)  # a socket does not say how much more there is
        if data:
            self._port.timeout = 0
            with contextlib.suppress(OSError):  # the next read meets it again, with these bytes delivered
                data += self._port.read(SOCKET_READ)
            self._port.timeout = READ_TIMEOUT_S
        return data

    def stop(self) -> None:
        """All bytes that have arrived were delivered when this returns."""
        self._stopping.set()
        self.join()

    def _come_back(self) -> bool:
        """Opens the port again as soon as it is there. False when it stays away, or the reader is to stop."""
        self.connected.clear()
        with contextlib.suppress(OSError):
            self._port.close()
        since = time.monotonic()
        while not self._stopping.wait(RETRY_S):
            path = self._find()
            if path is not None:
                with contextlib.suppress(OSError):
                    self._port.port = path
                    self._port.dtr = self._port.rts = True
                    self._port.open()
                    self._console.lost()
                    self.reconnects += 1
                    self.connected.set()
                    return True
            if self.away.is_set():
                since = time.monotonic()
            elif time.monotonic() - since > self._patience_s:
                self._console.fail(f"the serial port vanished and stayed away for {self._patience_s:g} s")
                self.spoke.set()
                return False
        return False
