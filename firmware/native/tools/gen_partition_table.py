#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""partitions.csv to the binary partition table at 0x8000, with ESP-IDF's rules and its MD5 line.

gen_partition_table.py CSV BIN [--flash-size 4MB]
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import struct
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

TABLE_LEN = 0xC00
TABLE_END = 0x9000  # the table has its sector, 0x8000, to itself
ENTRY = struct.Struct("<2sBBII16sI")
MAGIC = b"\xaa\x50"
MD5_MAGIC = b"\xeb\xeb" + b"\xff" * 14

TYPES = {"app": 0x00, "data": 0x01}
SUBTYPES = {
    0x00: {"factory": 0x00, "test": 0x20, **{f"ota_{slot}": 0x10 + slot for slot in range(16)}},
    0x01: {
        "ota": 0x00,
        "phy": 0x01,
        "nvs": 0x02,
        "coredump": 0x03,
        "nvs_keys": 0x04,
        "efuse": 0x05,
        "undefined": 0x06,
        "esphttpd": 0x80,
        "fat": 0x81,
        "spiffs": 0x82,
        "littlefs": 0x83,
    },
}
FLAGS = {"encrypted": 1 << 0, "readonly": 1 << 1}
OFFSET_ALIGNMENT = {TYPES["app"]: 0x10000}  # a chip maps its program in pages of 64 KB
SECTOR = 0x1000
OTADATA = (0x01, 0x00)
NVS = (0x01, 0x02)
OTADATA_LEN = 0x2000
NVS_WRITABLE_LEN = 0x3000  # two pages and the one that stays free


class TableError(Exception):
    """What is wrong, and in which line of the CSV (0: in none of them alone)."""

    def __init__(self, line: int, what: str) -> None:
        super().__init__(what)
        self.line = line


@dataclass(frozen=True)
class Partition:
    line: int
    name: str
    type: int
    subtype: int
    offset: int | None
    size: int
    flags: int

    @property
    def start(self) -> int:
        assert self.offset is not None, "offsets are filled in by place()"
        return self.offset

    @property
    def end(self) -> int:
        return self.start + self.size

    def to_binary(self) -> bytes:
        return ENTRY.pack(MAGIC, self.type, self.subtype, self.start, self.size, self.name.encode(), self.flags)


def number(line: int, what: str, text: str) -> int:
    """A number as ESP-IDF writes it: 0x20000, 4096, 64K, 1M."""
    unit = {"K": 1024, "M": 1024 * 1024}.get(text[-1:].upper(), 1)
    try:
        return int(text if unit == 1 else text[:-1], 0) * unit
    except ValueError:
        raise TableError(line, f"{what} '{text}' is no number") from None


def parse_line(line: int, text: str) -> Partition:
    fields = [field.strip() for field in text.split(",")]
    if not 5 <= len(fields) <= 6:
        raise TableError(line, f"{len(fields)} fields; wanted: name, type, subtype, offset, size[, flags]")
    name, type_text, subtype_text, offset_text, size_text, flags_text = (*fields, "")[:6]
    if not name or len(name.encode()) > 16:
        raise TableError(line, f"the name '{name}' must have 1 to 16 bytes")
    kind = TYPES[type_text] if type_text in TYPES else number(line, "type", type_text)
    known = SUBTYPES.get(kind, {})
    subtype = known[subtype_text] if subtype_text in known else number(line, "subtype", subtype_text)
    if not (0 <= kind <= 0xFE and 0 <= subtype <= 0xFE):
        raise TableError(line, "type and subtype must be 0 to 0xfe")
    offset = number(line, "offset", offset_text) if offset_text else None
    size = number(line, "size", size_text)
    flags = 0
    for flag in filter(None, flags_text.split(":")):
        if flag.strip() not in FLAGS:
            raise TableError(line, f"unknown flag '{flag.strip()}'")
        flags |= FLAGS[flag.strip()]
    return Partition(line, name, kind, subtype, offset, size, flags)


def parse(text: str) -> list[Partition]:
    lines = ((number, line.strip()) for number, line in enumerate(text.splitlines(), start=1))
    return [parse_line(number, line) for number, line in lines if line and not line.startswith("#")]


def alignment(partition: Partition) -> int:
    return OFFSET_ALIGNMENT.get(partition.type, SECTOR)


def place(partitions: Iterable[Partition]) -> list[Partition]:
    """Fills in offsets that are left out: each partition right behind the one before it."""
    placed = []
    end = TABLE_END
    for partition in partitions:
        free = -(-end // alignment(partition)) * alignment(partition)
        placed.append(partition if partition.offset is not None else replace(partition, offset=free))
        end = placed[-1].end
    return placed


def verify_one(partition: Partition, flash_size: int) -> None:
    line = partition.line
    if partition.start % alignment(partition):
        raise TableError(line, f"offset 0x{partition.start:x} is not aligned to 0x{alignment(partition):x}")
    if partition.size <= 0 or partition.size % SECTOR:
        raise TableError(line, f"size 0x{partition.size:x} is no multiple of 0x{SECTOR:x}")
    if partition.start < TABLE_END:
        raise TableError(line, f"offset 0x{partition.start:x} is below 0x{TABLE_END:x}")
    if partition.end > flash_size:
        raise TableError(line, f"ends at 0x{partition.end:x}, beyond the flash (0x{flash_size:x})")
    kind = (partition.type, partition.subtype)
    if kind == NVS and not partition.flags & FLAGS["readonly"] and partition.size < NVS_WRITABLE_LEN:
        raise TableError(line, f"a writable nvs partition has at least 0x{NVS_WRITABLE_LEN:x} bytes")
    if kind == OTADATA and partition.size != OTADATA_LEN:
        raise TableError(line, f"otadata must have 0x{OTADATA_LEN:x} bytes")


def verify(partitions: Sequence[Partition], flash_size: int) -> None:
    if not partitions:
        raise TableError(0, "no partition")
    for partition in partitions:
        verify_one(partition, flash_size)
    for one, later in itertools.combinations(partitions, 2):
        if one.name == later.name:
            raise TableError(later.line, f"'{later.name}' is already in line {one.line}")
        if (one.type, one.subtype) == (later.type, later.subtype) == OTADATA:
            raise TableError(later.line, f"a second otadata partition; the first is in line {one.line}")
        if one.start < later.end and later.start < one.end:
            raise TableError(
                later.line,
                f"'{later.name}', 0x{later.start:x} to 0x{later.end - 1:x}, overlaps '{one.name}', "
                f"0x{one.start:x} to 0x{one.end - 1:x}",
            )


def to_binary(partitions: Iterable[Partition]) -> bytes:
    entries = b"".join(partition.to_binary() for partition in partitions)
    table = entries + MD5_MAGIC + hashlib.md5(entries).digest()
    if len(table) >= TABLE_LEN:
        raise TableError(0, f"more than {TABLE_LEN // ENTRY.size - 2} partitions")
    return table.ljust(TABLE_LEN, b"\xff")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="gen_partition_table.py", description="Partition table: CSV to binary.")
    parser.add_argument("csv", type=Path)
    parser.add_argument("bin", type=Path)
    parser.add_argument("--flash-size", default="4MB", help="1MB, 2MB, 4MB … (default 4MB)")
    args = parser.parse_args(argv)
    try:
        flash_size = number(0, "flash size", args.flash_size.removesuffix("B"))
        partitions = place(parse(args.csv.read_text(encoding="utf-8")))
        verify(partitions, flash_size)
        args.bin.write_bytes(to_binary(partitions))
    except TableError as error:
        where = f"{args.csv}:{error.line}" if error.line else f"{args.csv}"
        sys.stderr.write(f"{where}: {error}\n")
        return 1
    except (OSError, UnicodeDecodeError) as error:
        sys.stderr.write(f"gen_partition_table.py: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
