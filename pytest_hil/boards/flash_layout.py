# SPDX-License-Identifier: Apache-2.0
"""The contents of a flash: partition table, what goes where, and the finished flash as one file.

Reads ESP-IDF's binary partition table and the flasher_args.json of a build directory. Knows no kind of board.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..errors import BenchError, UsageError

PARTITION_TABLE_OFFSET, PARTITION_TABLE_SIZE = 0x8000, 0xC00
_ENTRY = struct.Struct("<2sBBII16sI")  # magic, type, subtype, offset, size, label, flags
_ENTRY_MAGIC = b"\xaaP"
_MD5_MAGIC = b"\xeb\xeb"
_END_MAGIC = b"\xff\xff"
_SIZES = {f"{mb}MB": mb << 20 for mb in (1, 2, 4, 8, 16, 32, 64, 128)}

_SIZE_UNSAID = ("detect", "keep")  # esptool's words for "as it is"


@dataclass(frozen=True, slots=True)
class Partition:
    label: str
    type: int
    subtype: int
    offset: int
    size: int


def parse_partition_table(table: bytes) -> list[Partition]:
    """The entries of a binary partition table. Raises BenchError when it is none or its MD5 line does not fit."""
    partitions: list[Partition] = []
    for at in range(0, len(table) - _ENTRY.size + 1, _ENTRY.size):
        raw = table[at : at + _ENTRY.size]
        magic = raw[:2]
        if magic == _END_MAGIC:
            break
        if magic == _MD5_MAGIC:
            if hashlib.md5(table[:at]).digest() != raw[16:32]:
                raise BenchError("the partition table's MD5 does not fit its entries: build it again")
            break
        if magic != _ENTRY_MAGIC:
            raise BenchError(f"no partition table: bytes {magic.hex()} at 0x{at:x}, expected aa50")
        _, type_, subtype, offset, size, label, _ = _ENTRY.unpack(raw)
        partitions.append(Partition(label.split(b"\0", 1)[0].decode(), type_, subtype, offset, size))
    if not partitions:
        raise BenchError("the partition table has no entry")
    return partitions


def _least_flash(table: Iterable[Partition]) -> int:
    """The smallest flash that holds these partitions; emulators have none under 2 MB."""
    end = max(partition.offset + partition.size for partition in table)
    return next((size for size in _SIZES.values() if size >= max(end, _SIZES["2MB"])), end)


@dataclass(frozen=True, slots=True)
class BuildDir:
    """One image's build directory, as ESP-IDF leaves it."""

    path: Path
    files: dict[int, Path]  # flash offset -> file
    flash_bytes: int
    partitions: tuple[Partition, ...]
    chip: str | None  # as esptool names it; "linux" for the native board

    @classmethod
    def read(cls, path: Path) -> BuildDir:
        """Raises UsageError when the directory is no build directory."""
        args_path = path / "flasher_args.json"
        try:
            args = json.loads(args_path.read_text())
            files = {int(offset, 16): path / name for offset, name in args["flash_files"].items()}
            flash_size = args["flash_settings"]["flash_size"]
            flash_bytes = None if flash_size in _SIZE_UNSAID else _SIZES[flash_size]
            chip = args.get("extra_esptool_args", {}).get("chip")
        except FileNotFoundError:
            raise UsageError(f"{path} is no build directory: it has no flasher_args.json") from None
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UsageError(f"{args_path} cannot be used: {error!r}") from None
        missing = [str(file) for file in files.values() if not file.is_file()]
        if missing:
            raise UsageError(f"{args_path} names files that do not exist: {', '.join(missing)}")
        if PARTITION_TABLE_OFFSET not in files:
            raise UsageError(f"{args_path} has no partition table at 0x{PARTITION_TABLE_OFFSET:x}")
        table = parse_partition_table(files[PARTITION_TABLE_OFFSET].read_bytes())
        return cls(path, files, flash_bytes or _least_flash(table), tuple(table), chip)

    def need_chip(self) -> str:
        """The chip it is for. Raises UsageError when that is the native board: nothing of it runs on a chip."""
        if self.chip in (None, "linux"):
            raise UsageError(
                f"{self.path} is not built for a chip: name the folder of images that are, with --artifacts"
            )
        return str(self.chip)

    def partition(self, label: str) -> Partition:
        for partition in self.partitions:
            if partition.label == label:
                return partition
        raise UsageError(f"{self.path}: the partition table has no partition {label!r}")

    def pieces(self, extra: Mapping[str, bytes], erased: Iterable[str] = ()) -> dict[int, bytes]:
        """What goes where: the build's files, the partitions of `extra`, and those of `erased` as erased flash reads.

        A partition that the table lacks is not erased; one of `extra` must be there, and hold its contents.
        """
        pieces = {
            partition.offset: b"\xff" * partition.size for partition in self.partitions if partition.label in erased
        }
        pieces |= {offset: file.read_bytes() for offset, file in self.files.items()}
        for label, contents in extra.items():
            partition = self.partition(label)
            if len(contents) > partition.size:
                raise BenchError(f"{len(contents)} bytes do not fit into partition {label!r} of {partition.size}")
            pieces[partition.offset] = contents
        for offset, contents in pieces.items():
            if offset + len(contents) > self.flash_bytes:
                raise BenchError(f"0x{offset:x}: {len(contents)} bytes reach beyond the flash of {self.flash_bytes}")
        return pieces

    def flash_image(self, extra: Mapping[str, bytes]) -> bytes:
        """The whole flash: erased, then the build's files, then `extra` (partition label -> contents)."""
        flash = bytearray(b"\xff") * self.flash_bytes
        for offset, contents in self.pieces(extra).items():
            flash[offset : offset + len(contents)] = contents
        return bytes(flash)
