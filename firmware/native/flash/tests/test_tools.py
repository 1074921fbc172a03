# SPDX-License-Identifier: Apache-2.0
"""esp_image.py and gen_partition_table.py: what they make, and the one line they refuse a bad input with."""

from __future__ import annotations

import hashlib
import json
import shutil
import struct
import subprocess
import sys
from pathlib import Path

TOOLS = Path(__file__).resolve().parents[2] / "tools"
FIRMWARE = Path(__file__).resolve().parents[3]

ELF = b"\x7fELF" + bytes(range(256)) * 9 + b"odd"


def run(tool: str, *args: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, TOOLS / tool, *args], capture_output=True, text=True, check=False)


def refuses(text: str, tool: str, *args: str | Path) -> None:
    result = run(tool, *args)
    assert result.returncode == 1, f"{args}: exit code {result.returncode}"
    assert text in result.stderr, f"{args}: {text!r} is not in {result.stderr!r}"
    assert result.stderr.count("\n") == 1, f"{args}: more than one line: {result.stderr!r}"


def check_image(folder: Path) -> None:
    elf, original, image = folder / "a.elf", folder / "debug.elf", folder / "a.bin"
    elf.write_bytes(ELF)
    original.write_bytes(ELF + b"debug")
    made = run("esp_image.py", "make", elf, image, "--version", "1.2.3", "--project", "hil", "--elf-original", original)
    assert made.returncode == 0, made.stderr
    data = image.read_bytes()
    assert len(data) % 16 == 0
    assert data[32:36] == struct.pack("<I", 0xABCD5432), "the app descriptor is not at 0x20"
    assert data[-32:] == hashlib.sha256(data[:-32]).digest()
    described = json.loads(run("esp_image.py", "info", image).stdout)
    assert described["version"] == "1.2.3"
    assert described["project"] == "hil"
    assert described["elf_sha256"] == hashlib.sha256(ELF + b"debug").hexdigest()
    assert described["file_sha256"] == hashlib.sha256(data).hexdigest()
    assert described["image_sha256"] == data[-32:].hex()
    assert [segment["size"] for segment in described["segments"]] == [256, len(ELF) + 1]
    again = folder / "again.bin"
    run("esp_image.py", "make", elf, again, "--version", "1.2.3", "--project", "hil", "--elf-original", original)
    assert again.read_bytes() == data, "the same input gave another image"


def check_bad_images(folder: Path) -> None:
    good = (folder / "a.bin").read_bytes()
    bad = folder / "bad.bin"

    def info_refuses(text: str, data: bytes) -> None:
        bad.write_bytes(data)
        refuses(text, "esp_image.py", "info", bad)

    for length in (0, 10, 30, 200, 500, len(good) - 33, len(good) - 1):
        info_refuses("", good[:length])
    info_refuses("not an app image", b"\x7f" + good[1:])
    info_refuses("checksum 0x", good[:400] + bytes([good[400] ^ 1]) + good[401:])
    info_refuses("the SHA-256", good[:400] + bytes([good[400] ^ 1, good[401] ^ 1]) + good[402:])
    info_refuses("the SHA-256", good[:-1] + bytes([good[-1] ^ 1]))
    info_refuses("bytes where", good + b"\0")
    info_refuses("no multiple of 4", good[:28] + b"\x01" + good[29:])
    refuses("No such file", "esp_image.py", "info", folder / "missing.bin")
    bad.write_bytes(b"#!/bin/sh")
    refuses("not an ELF file", "esp_image.py", "make", bad, folder / "x.bin", "--version", "1", "--project", "p")
    refuses(
        "must have 1 to 31 bytes", "esp_image.py", "make", folder / "a.elf", folder / "x.bin",
        "--version", "1" * 32, "--project", "p",
    )  # fmt: skip


def check_table(folder: Path) -> None:
    table = folder / "table.bin"
    made = run("gen_partition_table.py", FIRMWARE / "partitions.csv", table)
    assert made.returncode == 0, made.stderr
    data = table.read_bytes()
    assert len(data) == 0xC00
    entries = [struct.unpack("<2sBBII16sI", data[at : at + 32]) for at in range(0, 6 * 32, 32)]
    assert [entry[5].rstrip(b"\0").decode() for entry in entries] == [
        "nvs", "otadata", "provisioning", "ota_0", "ota_1", "coredump",
    ]  # fmt: skip
    assert entries[4] == (b"\xaa\x50", 0, 0x11, 0x200000, 0x1E0000, b"ota_1".ljust(16, b"\0"), 0)
    assert data[192:] == (b"\xeb\xeb" + b"\xff" * 14 + hashlib.md5(data[:192]).digest()).ljust(0xC00 - 192, b"\xff")


def check_bad_tables(folder: Path) -> None:
    bad = folder / "bad.csv"

    def table_refuses(line: int, text: str, *rows: str) -> None:
        bad.write_text("# comment\n" + "\n".join(rows) + "\n")
        refuses(f"bad.csv:{line}: ", "gen_partition_table.py", bad, folder / "x.bin")
        refuses(text, "gen_partition_table.py", bad, folder / "x.bin")

    nvs = "nvs,data,nvs,0x9000,0x5000"
    table_refuses(3, "overlaps 'nvs'", nvs, "otadata,data,ota,0xd000,0x2000")
    table_refuses(3, "not aligned to 0x10000", nvs, "ota_0,app,ota_0,0x18000,1M")
    table_refuses(3, "already in line 2", nvs, "nvs,data,nvs,0x10000,0x5000")
    table_refuses(3, "beyond the flash", nvs, "ota_0,app,ota_0,0x10000,4M")
    table_refuses(3, "otadata must have", nvs, "otadata,data,ota,0xe000,0x1000")
    table_refuses(2, "below 0x9000", "nvs,data,nvs,0x8000,0x5000")
    table_refuses(2, "at least 0x3000", "nvs,data,nvs,0x9000,0x2000")
    table_refuses(2, "is no number", "nvs,data,nvs,here,0x5000")
    table_refuses(2, "subtype 'nothing'", "nvs,data,nothing,0x9000,0x5000")
    table_refuses(2, "3 fields", "nvs,data,nvs")
    table_refuses(2, "unknown flag", nvs + ",secret")
    table_refuses(2, "1 to 16 bytes", "a_name_of_17_byte,data,nvs,0x9000,0x5000")
    bad.write_text("")
    refuses("no partition", "gen_partition_table.py", bad, folder / "x.bin")
    refuses("No such file", "gen_partition_table.py", folder / "missing.csv", folder / "x.bin")


def main() -> None:
    folder = Path(sys.argv[1])
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    check_image(folder)
    check_bad_images(folder)
    check_table(folder)
    check_bad_tables(folder)


if __name__ == "__main__":
    main()
