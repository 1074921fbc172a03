# SPDX-License-Identifier: Apache-2.0
"""A chip at a serial port: pytest-embedded's EspSerial, with esptool's own code for all that concerns the flash.

EspSerial connects and knows how to lend the port to esptool. Instead of its reader, which writes into a dead port after
a reconnect and gives up after three, it gets a PortReader.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Mapping
from typing import Any, TextIO

import esptool
from esptool import cmds
from pytest_embedded_serial_esp.serial import EspSerial

from .config import SerialConfig
from .port_reader import FindPort, PortReader
from .protocol import ConsoleSink

AT_ONCE = 0x40000  # bytes: some seconds at 460,800 baud, then somebody may look how far it is


class FlashLog:
    """Takes esptool's words where EspSerial would send them to its queue."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def write(self, text: str) -> int:
        return self._out.write(text)

    def flush(self) -> None:
        self._out.flush()

    def isatty(self) -> bool:
        return False


class EspPort(EspSerial):  # type: ignore[misc]
    """Connected when made, the chip then in its loader; `listen` and `hard_reset` let it run."""

    def __init__(self, path: str, config: SerialConfig, log: TextIO) -> None:
        self.reader: PortReader | None = None
        self.flashed: float | None = None  # which share of what is to be written, while it is
        self._config = config
        target = None if config.chip == "auto" else config.chip
        super().__init__(pexpect_proc=None, msg_queue=FlashLog(log), target=target, port=path, baud=config.baud)

    # ---- what EspSerial calls

    def _start(self) -> None:
        """The chip stays in its loader."""

    def start_redirect_thread(self) -> None:
        """See `listen`."""

    def stop_redirect_thread(self) -> bool:
        """For `use_esptool`, which reads the port itself. True makes it start the reader again."""
        if self.reader is None:
            return False
        self.reader.stop()
        self.reader = None
        return False

    # ---- what a board needs

    def listen(self, console: ConsoleSink, find: FindPort) -> PortReader:
        """From now on what the chip says goes to the console; `find` tells where a port that vanished is again."""
        self.proc.reset_input_buffer()
        self.reader = PortReader(self.proc, console, find, self._config.reconnect_s)
        self.reader.start()
        return self.reader

    def hard_reset(self) -> None:
        with contextlib.redirect_stdout(self._q):  # esptool has something to say of it
            super().hard_reset()

    def read_mac(self) -> str:
        return ":".join(f"{byte:02x}" for byte in self.esp.read_mac())

    @EspSerial.use_esptool()  # type: ignore[untyped-decorator]
    def write_what_differs(self, pieces: Mapping[int, bytes]) -> list[int]:
        """Compares digests, then writes and verifies; returns the offsets that were written."""
        esp = self._flasher()
        differing = [
            (offset, contents)
            for offset, contents in sorted(pieces.items())
            if esp.flash_md5sum(offset, len(contents)) != hashlib.md5(contents).hexdigest()
        ]
        total, done = sum(len(contents) for _, contents in differing), 0
        for offset, contents in differing:
            for at in range(0, len(contents), AT_ONCE):
                self.flashed = done / total
                part = contents[at : at + AT_ONCE]
                cmds.write_flash(esp, [(offset + at, part)], no_progress=True)
                done += len(part)
        self.flashed = None
        return [offset for offset, _ in differing]

    @EspSerial.use_esptool()  # type: ignore[untyped-decorator]
    def read_flash(self, offset: int, size: int) -> bytes:
        contents: bytes = self._flasher().read_flash(offset, size)
        return contents

    def _flasher(self) -> Any:
        esp = self.esp
        if self._config.stub:
            esp = esp.run_stub()
        if self._config.flash_baud != self._config.baud:
            esp.change_baud(self._config.flash_baud)
        cmds.attach_flash(esp)
        return esp


FAULTS = (esptool.FatalError, OSError, ValueError)  # pyserial's SerialException is an OSError
