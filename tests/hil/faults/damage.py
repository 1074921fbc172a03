# SPDX-License-Identifier: Apache-2.0
"""App images, damaged: bytes to bytes. The format is esptool's: a header, segments, a checksum, a digest."""

from __future__ import annotations

import hashlib
import struct
from functools import reduce
from operator import xor

HEADER_BYTES = 24
SEGMENT = struct.Struct("<II")  # address, length
DIGEST_BYTES = 32
CHECKSUM_START = 0xEF
CHIP_AT = 12
HAS_DIGEST_AT = 23
DESCRIPTION_AT = HEADER_BYTES + SEGMENT.size
_SECURE_VERSION_AT = DESCRIPTION_AT + 4
_VERSION_AT = DESCRIPTION_AT + 16
_PROJECT_AT = DESCRIPTION_AT + 48
_FIELD_BYTES = 32


def segments(image: bytes) -> list[range]:
    """Where the data of each segment lies."""
    found, at = [], HEADER_BYTES
    for _ in range(image[1]):
        _, length = SEGMENT.unpack_from(image, at)
        at += SEGMENT.size
        found.append(range(at, at + length))
        at += length
    return found


def redigested(image: bytes) -> bytes:
    """The same with checksum and digest as they must be."""
    parts = segments(image)
    end = parts[-1].stop // 16 * 16 + 16
    body = bytearray(image[:end])
    body[end - 1] = reduce(xor, (reduce(xor, image[part.start : part.stop], 0) for part in parts), CHECKSUM_START)
    return bytes(body) + hashlib.sha256(body).digest()


def _with(image: bytes, at: int, new: bytes) -> bytes:
    return image[:at] + new + image[at + len(new) :]


def with_version(image: bytes, version: str) -> bytes:
    return redigested(_with(image, _VERSION_AT, version.encode().ljust(_FIELD_BYTES, b"\0")))


def with_project(image: bytes, project: str) -> bytes:
    return redigested(_with(image, _PROJECT_AT, project.encode().ljust(_FIELD_BYTES, b"\0")))


def with_secure_version(image: bytes, secure_version: int) -> bytes:
    return redigested(_with(image, _SECURE_VERSION_AT, secure_version.to_bytes(4, "little")))


def with_chip(image: bytes, chip_id: int) -> bytes:
    return redigested(_with(image, CHIP_AT, chip_id.to_bytes(2, "little")))


def without_digest(image: bytes) -> bytes:
    return _with(image, HAS_DIGEST_AT, b"\0")[:-DIGEST_BYTES]


def with_bit_flipped(image: bytes, bit: int) -> bytes:
    return _with(image, bit // 8, bytes((image[bit // 8] ^ 1 << bit % 8,)))


def short_of_its_end(image: bytes) -> bytes:
    """By one byte; by more when the flash, erased, would hold the right byte without it."""
    return image.rstrip(b"\xff")[:-1] if image[-1] == 0xFF else image[:-1]
