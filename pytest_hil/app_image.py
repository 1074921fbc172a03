# SPDX-License-Identifier: Apache-2.0
"""An app image of ESP-IDF, read: its chip, its version, the ESP-IDF it was built with, and the digest a board prints.

The format is esp_image_format.h's: a header of 24 bytes, segments (address, length, contents), padding to 16 bytes with
a checksum as the last, then, where the header says so, the SHA-256 of all before it. The app's description begins the
first segment. Whoever calls puts the file's name before what is raised here.
"""

from __future__ import annotations

import hashlib
import struct

from .errors import UsageError

_MAGIC = 0xE9
_HEADER, _SEGMENT = 24, struct.Struct("<II")
_SEGMENTS_AT, _CHIP_AT, _HASH_APPENDED_AT = 1, 12, 23
_DESCRIPTION_AT, _DESCRIPTION_MAGIC = _HEADER + _SEGMENT.size, bytes.fromhex("3254cdab")
_VERSION = slice(_DESCRIPTION_AT + 16, _DESCRIPTION_AT + 48)
_IDF = slice(_DESCRIPTION_AT + 112, _DESCRIPTION_AT + 144)
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


def version_of(content: bytes) -> str:
    """Raises UsageError when it is no app image."""
    return _described(content, _VERSION)


def idf_of(content: bytes) -> str:
    """As ESP-IDF names itself, such as `v5.2.2` or `v5.2.2-dirty`. Raises UsageError when it is no app image."""
    return _described(content, _IDF)


def _described(content: bytes, field: slice) -> str:
    if content[_DESCRIPTION_AT : _DESCRIPTION_AT + 4] != _DESCRIPTION_MAGIC:
        raise UsageError("no app image of ESP-IDF: it has no app description")
    return content[field].partition(b"\0")[0].decode("ascii", "replace")


def target_of(content: bytes) -> str:
    """The chip it is for, as ESP-IDF names it. Raises UsageError."""
    _check_header(content)
    chip = int.from_bytes(content[_CHIP_AT : _CHIP_AT + 2], "little")
    if chip not in CHIPS:
        raise UsageError(f"an app image for an unknown chip, 0x{chip:04x}")
    return CHIPS[chip]


def digest_of(content: bytes) -> str:
    """The appended SHA-256, as `esp_partition_get_sha256` gives it. Raises UsageError when it is not there or wrong."""
    _check_header(content)
    if not content[_HASH_APPENDED_AT]:
        raise UsageError("an app image without an appended digest: no board could say that it runs it")
    at = _HEADER
    for _ in range(content[_SEGMENTS_AT]):
        if at + _SEGMENT.size > len(content):
            raise UsageError("an app image that is cut off")
        at += _SEGMENT.size + int(_SEGMENT.unpack_from(content, at)[1])
    at = (at + 16) & ~15
    digest = content[at : at + 32]
    if hashlib.sha256(content[:at]).digest() != digest:
        raise UsageError("an app image whose digest is not that of its contents: it is damaged or cut off")
    return digest.hex()


def _check_header(content: bytes) -> None:
    if len(content) < _HEADER or content[0] != _MAGIC:
        raise UsageError("no app image of ESP-IDF: it does not begin with 0xe9")
