# SPDX-License-Identifier: Apache-2.0
"""nvs against another implementation of the format, both ways.

    nvs_interop.py NVS_DUMP TABLE FOLDER

The board reads what esp-idf-nvs-partition-gen writes; what the board writes is read by a reader of its own here, which
checks every CRC and that each key has one value.
"""

from __future__ import annotations

import shutil
import struct
import subprocess
import sys
import zlib
from dataclasses import dataclass
from pathlib import Path

PAGE = 4096
SIZE = 0x5000
ENTRY = 32
NUMBERS = {0x01: "<B", 0x11: "<b", 0x02: "<H", 0x12: "<h", 0x04: "<I", 0x14: "<i", 0x08: "<Q", 0x18: "<q"}
STRING, BLOB_DATA, BLOB_INDEX = 0x21, 0x42, 0x48
ACTIVE, FULL = 0xFFFFFFFE, 0xFFFFFFFC
WRITTEN = 2

Value = int | str | bytes

EXPECTED: dict[str, Value] = {
    "u8": 250,
    "i8": -100,
    "u16": 65000,
    "u32": 4123456789,
    "i32": -2000000000,
    "u64": 18000000000000000000,
    "i64": -9000000000000000000,
    "text": "mqtt://10.0.2.2:1883",
    "long_text": "x" * 1499,
    "blob": b"\x00\xff\x10\x20",
    "large_blob": bytes((i * 13 + 1) & 0xFF for i in range(5000)),
}


def crc(data: bytes) -> int:
    return zlib.crc32(data, 0xFFFFFFFF)


@dataclass(frozen=True)
class Item:
    namespace: int
    kind: int
    chunk: int
    key: str
    value: bytes  # the eight bytes of the head entry
    data: bytes


def items_of(page: bytes) -> list[Item]:
    items = []
    index = 0
    while index < 126:
        state = page[32 + index // 4] >> (index % 4 * 2) & 3
        if state != WRITTEN:
            index += 1
            continue
        entry = page[64 + index * ENTRY :][:ENTRY]
        namespace, kind, span, chunk, stored_crc = struct.unpack("<BBBBI", entry[:8])
        assert crc(entry[:4] + entry[8:]) == stored_crc, f"CRC of entry {index}"
        data = b""
        if kind in (STRING, BLOB_DATA):
            length, _, data_crc = struct.unpack("<HHI", entry[24:])
            data = page[64 + (index + 1) * ENTRY :][:length]
            assert crc(data) == data_crc, f"CRC of the data of entry {index}"
            assert span == 1 + -(-length // ENTRY), f"span of entry {index}"
        else:
            assert span == 1, f"span of entry {index}"
        items.append(Item(namespace, kind, chunk, entry[8:24].split(b"\0")[0].decode(), entry[24:], data))
        index += span
    return items


def read_image(image: bytes, namespace: str) -> dict[str, Value]:
    items: list[Item] = []
    sequences = []
    for at in range(0, len(image), PAGE):
        page = image[at : at + PAGE]
        state, sequence, version = struct.unpack("<IIB", page[:9])
        if page == b"\xff" * PAGE:
            continue
        assert state in (ACTIVE, FULL), f"page at 0x{at:x} has the state 0x{state:x}"
        assert version == 0xFE, f"page at 0x{at:x} has the version 0x{version:x}"
        assert crc(page[4:28]) == int.from_bytes(page[28:32], "little"), f"CRC of the page at 0x{at:x}"
        sequences.append((sequence, state))
        items += items_of(page)
    assert len({sequence for sequence, _ in sequences}) == len(sequences), "two pages with the same sequence"
    assert [state for _, state in sorted(sequences)][:-1] == [FULL] * (len(sequences) - 1), "an old page is not full"
    number = {item.key: item.value[0] for item in items if item.namespace == 0}[namespace]
    mine = [item for item in items if item.namespace == number]
    values: dict[str, Value] = {}
    for item in mine:
        if item.kind == BLOB_DATA:
            continue
        assert item.key not in values, f"{item.key} is there twice"
        if item.kind in NUMBERS:
            values[item.key] = struct.unpack_from(NUMBERS[item.kind], item.value)[0]
        elif item.kind == STRING:
            values[item.key] = item.data[:-1].decode()
        elif item.kind == BLOB_INDEX:
            size, count, first = struct.unpack("<IBB", item.value[:6])
            chunks = {c.chunk: c.data for c in mine if c.kind == BLOB_DATA and c.key == item.key}
            assert sorted(chunks) == list(range(first, first + count)), f"chunks of {item.key}: {sorted(chunks)}"
            blob = b"".join(chunks[first + i] for i in range(count))
            assert len(blob) == size, f"size of {item.key}"
            values[item.key] = blob
    return values


def generated(folder: Path) -> Path:
    """An image made by esp-idf-nvs-partition-gen."""
    (folder / "blob.bin").write_bytes(bytes(EXPECTED["blob"]))  # type: ignore[arg-type]
    (folder / "large_blob.bin").write_bytes(bytes(EXPECTED["large_blob"]))  # type: ignore[arg-type]
    rows = ["key,type,encoding,value", "other,namespace,,", "u8,data,u8,1", "hil,namespace,,"]
    for key, value in EXPECTED.items():
        if isinstance(value, bytes):
            rows.append(f"{key},file,binary,{folder / key}.bin")
        elif isinstance(value, str):
            rows.append(f"{key},data,string,{value}")
        else:
            rows.append(f"{key},data,{key},{value}")
    (folder / "in.csv").write_text("\n".join(rows) + "\n")
    image = folder / "generated.bin"
    subprocess.run(
        [sys.executable, "-m", "esp_idf_nvs_partition_gen", "generate", folder / "in.csv", image, hex(SIZE)],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return image


def parse_dump(text: str) -> dict[str, Value]:
    values: dict[str, Value] = {}
    for line in text.splitlines():
        key, kind, value = line.split(" ")
        if kind == "number":
            values[key] = int(value)
        else:
            data = bytes.fromhex(value)
            values[key] = data if kind == "blob" else data[:-1].decode()
    return values


def main() -> None:
    nvs_dump, table, folder = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()

    def run(direction: str, image: Path) -> str:
        command = [nvs_dump, str(folder / "flash.bin"), table, direction, str(image)]
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout

    image = generated(folder)
    assert read_image(image.read_bytes(), "hil") == EXPECTED, "the reader here does not understand the generator"
    assert parse_dump(run("read", image)) == EXPECTED, "the board does not understand the generator"

    written = folder / "written.bin"
    run("write", written)
    assert read_image(written.read_bytes(), "hil") == EXPECTED, "the board writes something else"
    assert parse_dump(run("read", written)) == EXPECTED, "the board does not read what it wrote"


if __name__ == "__main__":
    main()
