# SPDX-License-Identifier: Apache-2.0
"""A stand-in for an ESP32 at a serial port: its ROM loader and stub as esptool meets them, and an "app" that prints.

Enough of the protocol for esptool's own code to connect, find out the chip, upload a stub, compare, write, verify, read
and reset. What esptool writes lies in `flash`. The chip knows nothing of what its bytes travel through (see
chip_ports.py), and can be told to hang, to babble, and to be deaf.
"""

from __future__ import annotations

import hashlib
import struct
import threading
import zlib
from collections.abc import Callable

END, ESC = 0xC0, 0xDB
FLASH_BYTES = 4 << 20
REG_MAGIC, REG_EFUSE1, REG_EFUSE2, REG_CLKDIV = 0x40001000, 0x3FF5A004, 0x3FF5A008, 0x3FF40014
SPI_CMD, SPI_ADDR, SPI_USR2, SPI_W0 = 0x3FF42000, 0x3FF42004, 0x3FF42024, 0x3FF42080
FLASH_ID, SFDP = 0x1640EF, int.from_bytes(b"SFDP", "little")
ROM_BANNER = b"ets Jul 29 2019 12:21:46\r\n\r\nrst:0x1 (POWERON_RESET),boot:0x%x (%s)\r\n"
(FLASH_BEGIN, FLASH_DATA, FLASH_END, MEM_BEGIN, MEM_END, MEM_DATA, SYNC, WRITE_REG, READ_REG, SPI_PARAMS) = range(2, 12)
SPI_ATTACH, READ_SLOW, BAUD, DEFL_BEGIN, DEFL_DATA, DEFL_END, MD5 = 0x0D, 0x0E, 0x0F, 0x10, 0x11, 0x12, 0x13
ERASE_FLASH, ERASE_REGION, READ_FLASH, RUN = 0xD0, 0xD1, 0xD2, 0xD3
UNSUPPORTED, BAD_CHECKSUM = 5, 7
SILENCE_S = 1.0


def slip(packet: bytes) -> bytes:
    return b"\xc0" + packet.replace(b"\xdb", b"\xdb\xdd").replace(b"\xc0", b"\xdb\xdc") + b"\xc0"


class Refused(Exception):  # noqa: N818  an answer, not a fault
    """The loader's answer is an error code."""

    def __init__(self, code: int) -> None:
        self.code = code


class RomChip:
    """Its methods may be called from any thread."""

    def __init__(self, mac: str = "24:0a:c4:00:00:01") -> None:
        self.flash = bytearray(b"\xff") * FLASH_BYTES
        self.app: list[bytes] = [b"I (30) boot: ESP-IDF\r\n"]  # what it prints at each boot
        self.transmit: Callable[[bytes], None] = lambda _: None
        self.state = "off"  # off, running, loader, stub
        self.leaves: dict[int, bytes] = {}  # what it writes to its flash at each boot
        self.boots = 0  # how often the app was started
        self.written: list[int] = []  # offsets of FLASH_BEGIN and its compressed form
        self.silent_boots = 0  # so many next boots print nothing
        self.deaf = False  # the loader does not answer
        self.runs_when_written = False  # silence after writing starts the app: where nothing can reset the chip
        self._silence: threading.Timer | None = None
        number = int(mac.replace(":", ""), 16)
        self._registers = {
            REG_MAGIC: 0x00F01D83,
            REG_EFUSE1: number & 0xFFFFFFFF,
            REG_EFUSE2: number >> 32,
            REG_CLKDIV: 40_000_000 // 115200,
        }
        self._lock = threading.RLock()
        self._frame: bytearray | None = None
        self._escaped = False
        self._at = 0
        self._inflate = zlib.decompressobj()

    # ---- power and reset

    def power(self, on: bool) -> None:
        with self._lock:
            self.state = "off"
            if on:
                self.reset()

    def reset(self, into_loader: bool = False) -> None:
        with self._lock:
            self._frame = None
            if into_loader:
                self.state = "loader"
                self.transmit(ROM_BANNER % (3, b"DOWNLOAD_BOOT") + b"waiting for download\r\n")
                return
            self.state = "running"
            self.boots += 1
            for offset, contents in self.leaves.items():
                self.flash[offset : offset + len(contents)] = contents
            if self.silent_boots:
                self.silent_boots -= 1
                return
            self.transmit(ROM_BANNER % (0x13, b"SPI_FAST_FLASH_BOOT"))
            for text in self.app:
                self.transmit(text)

    def say(self, text: bytes) -> None:
        """The app prints, if it runs."""
        with self._lock:
            if self.state == "running":
                self.transmit(text)

    # ---- what comes in

    def receive(self, data: bytes) -> None:
        with self._lock:
            if self.state == "off":
                return
            if self.state == "running" and END not in data:
                self.transmit(b"heard " + data)
            for byte in data:
                self._take(byte)

    def _take(self, byte: int) -> None:
        if byte == END:
            if self._frame:
                self._packet(bytes(self._frame))
                self._frame = None
            else:
                self._frame = bytearray()
        elif self._frame is not None:
            if self._escaped:
                byte = {0xDC: END, 0xDD: ESC}.get(byte, byte)
            elif byte == ESC:
                self._escaped = True
                return
            self._escaped = False
            self._frame.append(byte)

    def _packet(self, packet: bytes) -> None:
        if len(packet) < 8:
            return  # esptool's acknowledgements while it reads
        _, op, size, checksum = struct.unpack_from("<BBHI", packet)
        body = packet[8 : 8 + size]
        if self.state == "running" and op == SYNC and not self.deaf:
            # A pty has no DTR and RTS, so nothing else can ask for the loader there.
            self.state = "loader"
        if self.state not in ("loader", "stub") or self.deaf:
            return
        stub = self.state == "stub"
        status = b"\0\0" if stub else b"\0\0\0\0"
        try:
            value, data = self._answer(op, body, checksum)
        except Refused as refused:
            self._respond(op, 0, b"\x01" + bytes([refused.code]) + status[2:])
            return
        for _ in range(8 if op == SYNC else 1):
            self._respond(op, value, data + status)
        self._afterwards(op, body)

    def _respond(self, op: int, value: int, data: bytes) -> None:
        self.transmit(slip(struct.pack("<BBHI", 1, op, len(data), value) + data))

    def _answer(self, op: int, body: bytes, checksum: int) -> tuple[int, bytes]:
        """The reply's value and data."""
        stub = self.state == "stub"
        words = struct.unpack_from(f"<{min(len(body) // 4, 5)}I", body)
        if op == SYNC:
            return (0 if stub else 0x20120707), b""
        if op == READ_REG:
            return self._registers.get(words[0], 0), b""
        if op == WRITE_REG:
            self._write_register(words[0], words[1])
        elif op in (FLASH_BEGIN, DEFL_BEGIN):
            size, self._at = words[0], words[3]
            self._inflate = zlib.decompressobj()
            self.written.append(self._at)
            if not stub:
                self.flash[self._at : self._at + size] = b"\xff" * size
        elif op in (FLASH_DATA, DEFL_DATA):
            content = body[16 : 16 + words[0]]
            if checksum != _checksum(content):
                raise Refused(BAD_CHECKSUM)
            self._program(self._inflate.decompress(content) if op == DEFL_DATA else content)
        elif op == MD5:
            digest = hashlib.md5(self.flash[words[0] : words[0] + words[1]])
            return 0, digest.digest() if stub else digest.hexdigest().encode()
        elif op == READ_SLOW:
            return 0, bytes(self.flash[words[0] : words[0] + words[1]]).ljust(64, b"\0")
        elif stub and op == ERASE_REGION:
            self.flash[words[0] : words[0] + words[1]] = b"\xff" * words[1]
        elif stub and op == ERASE_FLASH:
            self.flash[:] = b"\xff" * FLASH_BYTES
        elif op not in (FLASH_END, DEFL_END, MEM_BEGIN, MEM_DATA, MEM_END, SPI_PARAMS, SPI_ATTACH, BAUD) and not (
            stub and op in (READ_FLASH, RUN)
        ):
            raise Refused(UNSUPPORTED)
        return 0, b""

    def _afterwards(self, op: int, body: bytes) -> None:
        """What the loader does once it has answered."""
        if self._silence is not None:
            self._silence.cancel()
        if self.runs_when_written and self.written:
            self._silence = threading.Timer(SILENCE_S, self.reset)
            self._silence.start()
        words = struct.unpack_from(f"<{min(len(body) // 4, 5)}I", body)
        if op == MEM_END and words[1]:
            self.state = "stub"
            self.transmit(slip(b"OHAI"))
        elif op == RUN or (op in (FLASH_END, DEFL_END) and words[0] == 0):
            self.reset()
        elif op == READ_FLASH:
            offset, size, block = words[:3]
            content = bytes(self.flash[offset : offset + size])
            for at in range(0, size, block):
                self.transmit(slip(content[at : at + block]))
            self.transmit(slip(hashlib.md5(content).digest()))

    def _program(self, content: bytes) -> None:
        self.flash[self._at : self._at + len(content)] = content
        self._at += len(content)

    def _write_register(self, address: int, value: int) -> None:
        if address != SPI_CMD:
            self._registers[address] = value
            return
        command = self._registers.get(SPI_USR2, 0) & 0xFF  # done as soon as it is begun: SPI_CMD reads 0
        self._registers[SPI_W0] = {0x9F: FLASH_ID, 0x5A: SFDP}.get(command, 0)


def _checksum(content: bytes) -> int:
    state = 0xEF
    for byte in content:
        state ^= byte
    return state
