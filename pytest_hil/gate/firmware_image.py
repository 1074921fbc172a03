# SPDX-License-Identifier: Apache-2.0
"""The image that is to ship, from its own bytes: for which chip it is, and the digest that a board prints of it.

The format is esp_image_format.h's: a header of 24 bytes, segments (address, length, contents), padding to 16 bytes with
a checksum as the last, then the SHA-256 of all before it.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from pathlib import Path

from ..errors import UsageError

_MAGIC, _HEADER, _SEGMENT = 0xE9, 24, struct.Struct("<II")
_SEGMENTS_AT, _CHIP_AT, _HASH_APPENDED_AT = 1, 12, 23
# esp_chip_id_t of ESP-IDF's esp_app_format.h; the last is the native board's.
CHIPS = {
    0x0000: "esp32",
    0x0002: "esp32s2",
    0x0005: "esp32c3",
    0x0009: "esp32s3",
    0x000C: "esp32c2",
    0x000D: "esp32c6",
    0x0010: "esp32h2",
    0x0012: "esp32p4",
    0x0014: "esp32c61",
    0x0017: "esp32c5",
    0x0019: "esp32h21",
    0x001C: "esp32h4",
    0x0020: "esp32s31",
    0x7FFF: "linux",
}


@dataclass(frozen=True)
class FirmwareImage:
    """One file."""

    path: Path
    target: str
    file_sha256: str
    image_sha256: str

    @classmethod
    def read(cls, path: Path) -> FirmwareImage:
        """Raises UsageError."""
        try:
            content = path.read_bytes()
        except OSError as error:
            raise UsageError(f"{path} cannot be read: {error.strerror}") from None
        if len(content) < _HEADER or content[0] != _MAGIC:
            raise UsageError(f"{path} is no app image of ESP-IDF: it does not begin with 0xe9")
        chip = int.from_bytes(content[_CHIP_AT : _CHIP_AT + 2], "little")
        if chip not in CHIPS:
            raise UsageError(f"{path} is for an unknown chip, 0x{chip:04x}")
        if not content[_HASH_APPENDED_AT]:
            raise UsageError(f"{path} has no digest at its end: no board could say that it runs it")
        return cls(path, CHIPS[chip], hashlib.sha256(content).hexdigest(), _digest(path, content))


def _digest(path: Path, content: bytes) -> str:
    at = _HEADER
    for _ in range(content[_SEGMENTS_AT]):
        if at + _SEGMENT.size > len(content):
            raise UsageError(f"{path} is cut off")
        at += _SEGMENT.size + int(_SEGMENT.unpack_from(content, at)[1])
    at = (at + 16) & ~15
    digest = content[at : at + 32]
    if hashlib.sha256(content[:at]).digest() != digest:
        raise UsageError(f"{path}: the digest at its end is not that of its contents: it is damaged or cut off")
    return digest.hex()
