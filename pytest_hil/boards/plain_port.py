# SPDX-License-Identifier: Apache-2.0
"""A serial port whose chip is not flashed: it carries its image already, and is only reset, listened to and written to.

See esp_port.py for one that is.
"""

from __future__ import annotations

import time

import serial

from .port_reader import FindPort, PortReader
from .protocol import ConsoleSink

RESET_S = 0.1  # EN held low, as esptool does


class PlainPort:
    """Open when made."""

    def __init__(self, path: str, baud: int, reconnect_s: float, console: ConsoleSink, find: FindPort) -> None:
        self.proc = serial.serial_for_url(path, baud)
        self.reader: PortReader | None = None
        self._reconnect_s = reconnect_s
        self._console = console
        self._find = find

    def listen(self) -> PortReader:
        """From now on what the chip says goes to the console."""
        self.reader = PortReader(self.proc, self._console, self._find, self._reconnect_s)
        self.reader.start()
        return self.reader

    def hard_reset(self) -> None:
        self.proc.dtr = False
        self.proc.rts = True
        time.sleep(RESET_S)  # the length of a pulse, not a wait
        self.proc.rts = False

    def close(self) -> None:
        if self.reader is not None:
            self.reader.stop()
            self.reader = None
        self.proc.close()
