# SPDX-License-Identifier: Apache-2.0
"""A serial port whose chip is not flashed: it carries its image already, and is only reset, listened to and written to.

See esp_port.py for one that is.
"""

from __future__ import annotations

import time

import serial

from .config import SerialConfig
from .port_reader import FindPort, PortReader
from .protocol import ConsoleSink

RESET_S = 0.1  # EN held low, as esptool does


class PlainPort:
    """Open when made."""

    def __init__(self, path: str, config: SerialConfig) -> None:
        self.proc = serial.serial_for_url(path, config.baud)
        self.reader: PortReader | None = None
        self._config = config

    def listen(self, console: ConsoleSink, find: FindPort) -> PortReader:
        """See `EspPort.listen`."""
        self.reader = PortReader(self.proc, console, find, self._config.reconnect_s)
        self.reader.start()
        return self.reader

    def hard_reset(self) -> None:
        self.proc.dtr = False
        self.proc.rts = True
        time.sleep(RESET_S)  # the length of a pulse is a time: nothing tells when the chip's reset circuit has seen it
        self.proc.rts = False

    def close(self) -> None:
        if self.reader is not None:
            self.reader.stop()
            self.reader = None
        self.proc.close()
