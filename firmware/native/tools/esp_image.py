#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""App images of the native board, in esptool's format.

    esp_image.py make ELF BIN --version 1.0.0 --project hil_app [--elf-original ELF]
    esp_image.py info BIN

An image is a header, a segment with the app descriptor, a segment with the whole ELF (it is run, not loaded piece by
piece), a checksum byte and the SHA-256 of all before it. The same input always gives the same image.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import struct
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import xor
from pathlib import Path

MAGIC = 0xE9
CHIP_ID = 0x7FFF  # of the native board: no chip takes its images, nor it theirs
MAX_SEGMENTS = 16
CHECKSUM_START = 0xEF
DIGEST_LEN = 32

DROM_VADDR = 0x3F400020  # where an ESP32 maps the descriptor's segment; offset 0x20 in the image
ELF_VADDR = 0x454C4600  # says that the segment is the program's ELF; IMAGE_ELF_VADDR in esp_image_check.h

HEADER = struct.Struct("<BBBBIB3sHBHH4sB")
SEGMENT = struct.Struct("<II")
DESCRIPTOR = struct.Struct("<II8s32s32s16s16s32s32sHHB3s72s")
DESCRIPTOR_MAGIC = 0xABCD5432
MMU_PAGE_LOG2 = 16

IDF_VERSION = "v5.4.2"  # that the ports follow


class ImageError(Exception):
    """What is wrong with an input, in one line."""


@dataclass(frozen=True)
class Segment:
    vaddr: int
    data: bytes


@dataclass(frozen=True)
class Image:
    chip_id: int
    segments: tuple[Segment, ...]
    image_sha256: str

    @property
    def descriptor(self) -> dict[str, str]:
        first = self.segments[0].data if self.segments else b""
        if len(first) < DESCRIPTOR.size:
            raise ImageError("the first segment is too short for an app descriptor")
        magic, _, _, version, project, time, date, idf, elf_sha256, *_ = DESCRIPTOR.unpack_from(first)
        if magic != DESCRIPTOR_MAGIC:
            raise ImageError(f"the app descriptor has the magic 0x{magic:08x}, not 0x{DESCRIPTOR_MAGIC:08x}")
        return {
            "version": _text(version),
            "project": _text(project),
            "date": _text(date),
            "time": _text(time),
            "idf_version": _text(idf),
            "elf_sha256": elf_sha256.hex(),
        }


def _text(field: bytes) -> str:
    return field.split(b"\0", 1)[0].decode("utf-8", "replace")


def _field(what: str, value: str, size: int) -> bytes:
    encoded = value.encode()
    if not encoded or len(encoded) >= size:
        raise ImageError(f"the {what} '{value}' must have 1 to {size - 1} bytes")
    return encoded.ljust(size, b"\0")


def _descriptor(version: str, project: str, idf: str, elf_sha256: bytes) -> bytes:
    return DESCRIPTOR.pack(
        DESCRIPTOR_MAGIC,
        0,  # secure version: no anti-rollback
        b"",
        _field("version", version, 32),
        _field("project name", project, 32),
        b"",  # time and date stay empty, as in a reproducible build
        b"",
        _field("ESP-IDF version", idf, 32),
        elf_sha256,
        0,
        0xFFFF,
        MMU_PAGE_LOG2,
        b"",
        b"",
    )


def _checksum(segments: Sequence[Segment]) -> int:
    return reduce(xor, (reduce(xor, segment.data, 0) for segment in segments), CHECKSUM_START)


def build(elf: bytes, version: str, project: str, elf_sha256: bytes, idf: str = IDF_VERSION) -> bytes:
    """Makes an image that holds `elf`. `elf_sha256` is the digest of the ELF that has the debug information."""
    if elf[:4] != b"\x7fELF":
        raise ImageError("not an ELF file")
    padded = elf.ljust(-(-len(elf) // 4) * 4, b"\0")
    segments = (Segment(DROM_VADDR, _descriptor(version, project, idf, elf_sha256)), Segment(ELF_VADDR, padded))
    entry = int.from_bytes(elf[24:28], "little")
    # flash mode DIO, 40 MHz, 4 MB; any chip revision; digest appended
    image = bytearray(HEADER.pack(MAGIC, len(segments), 2, 0x20, entry, 0xEE, b"", CHIP_ID, 0, 0, 0xFFFF, b"", 1))
    for segment in segments:
        image += SEGMENT.pack(segment.vaddr, len(segment.data)) + segment.data
    image += bytes(15 - len(image) % 16)
    image.append(_checksum(segments))
    return bytes(image) + hashlib.sha256(image).digest()


def parse(data: bytes) -> Image:
    """Reads an image and verifies all of it. Raises ImageError."""
    if len(data) < HEADER.size:
        raise ImageError(f"{len(data)} bytes are too short for an image")
    magic, count, *_, chip_id, _, _, _, _, has_digest = HEADER.unpack_from(data)
    if magic != MAGIC:
        raise ImageError(f"the first byte is 0x{magic:02x}, not 0x{MAGIC:02x}: not an app image")
    if not 1 <= count <= MAX_SEGMENTS:
        raise ImageError(f"{count} segments; 1 to {MAX_SEGMENTS} are possible")
    at = HEADER.size
    segments = []
    for number in range(count):
        if at + SEGMENT.size > len(data):
            raise ImageError(f"cut off in the header of segment {number}")
        vaddr, length = SEGMENT.unpack_from(data, at)
        at += SEGMENT.size
        if length % 4:
            raise ImageError(f"segment {number} has a length of {length}, no multiple of 4")
        if at + length > len(data):
            raise ImageError(f"cut off in segment {number}: {length} bytes wanted, {len(data) - at} there")
        segments.append(Segment(vaddr, data[at : at + length]))
        at += length
    at += 16 - at % 16
    if at > len(data):
        raise ImageError("cut off before the checksum")
    checksum = _checksum(segments)
    if data[at - 1] != checksum:
        raise ImageError(f"checksum 0x{data[at - 1]:02x} where 0x{checksum:02x} was calculated")
    if has_digest != 1:
        raise ImageError("no SHA-256 is appended")
    digest = hashlib.sha256(data[:at]).digest()
    if len(data) != at + DIGEST_LEN:
        raise ImageError(f"{len(data)} bytes where header and segments make {at + DIGEST_LEN}")
    if data[at:] != digest:
        raise ImageError("the SHA-256 at the end is not that of the image")
    return Image(chip_id, tuple(segments), digest.hex())


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ImageError(error.strerror or str(error)) from error


def make(args: argparse.Namespace) -> None:
    elf = _read(args.elf)
    original = elf if args.elf_original is None else _read(args.elf_original)
    args.bin.write_bytes(build(elf, args.version, args.project, hashlib.sha256(original).digest(), args.idf))


def info(args: argparse.Namespace) -> None:
    data = _read(args.bin)
    image = parse(data)
    json.dump(
        {
            **image.descriptor,
            "chip_id": image.chip_id,
            "size": len(data),
            "file_sha256": hashlib.sha256(data).hexdigest(),
            "image_sha256": image.image_sha256,
            "segments": [{"vaddr": segment.vaddr, "size": len(segment.data)} for segment in image.segments],
        },
        sys.stdout,
        indent=2,
    )
    sys.stdout.write("\n")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="esp_image.py", description="App images of the native board.")
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("make", help="make an image of an ELF file")
    command.add_argument("elf", type=Path, help="the program that the board runs")
    command.add_argument("bin", type=Path, help="the image to write")
    command.add_argument("--version", required=True)
    command.add_argument("--project", required=True)
    command.add_argument("--idf", default=IDF_VERSION, help="the ESP-IDF it is built with, as that names itself")
    command.add_argument(
        "--elf-original", type=Path, help="the ELF with debug information; its digest goes into the app descriptor"
    )
    command.set_defaults(run=make, subject="elf")
    command = commands.add_parser("info", help="verify an image and describe it as JSON")
    command.add_argument("bin", type=Path)
    command.set_defaults(run=info, subject="bin")
    args = parser.parse_args(argv)
    try:
        args.run(args)
    except (ImageError, OSError) as error:
        sys.stderr.write(f"esp_image.py: {getattr(args, args.subject)}: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
