# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: PT009 (unittest's own assertions: they show both values without pytest)
"""Booting from a flash file: the image of a slot runs, what the boot loader decides is on the serial line."""

from __future__ import annotations

import subprocess
import sys
import unittest
import zlib

from board import HERE, PROGRAM, Board, new_folder, wait_until

NATIVE = HERE.parent.parent
OTADATA, OTA_0, OTA_1 = 0xE000, 0x20000, 0x200000
NEW, PENDING_VERIFY, VALID, ABORTED = 0, 1, 2, 4


def otadata_entry(sequence: int, state: int) -> bytes:
    numbered = sequence.to_bytes(4, "little")
    return (
        numbered + b"\xff" * 20 + state.to_bytes(4, "little") + zlib.crc32(numbered, 0xFFFFFFFF).to_bytes(4, "little")
    )


class Slots(unittest.TestCase):
    def setUp(self) -> None:
        folder = new_folder(self)
        self.flash = folder / "flash.bin"
        flash = bytearray(b"\xff" * (4 << 20))
        self.tool("gen_partition_table.py", str(NATIVE.parent / "partitions.csv"), str(folder / "table.bin"))
        self.tool(
            "esp_image.py", "make", PROGRAM, str(folder / "app.bin"), "--version", "1", "--project", "board_program"
        )
        for address, name in ((0x8000, "table.bin"), (OTA_0, "app.bin"), (OTA_1, "app.bin")):
            part = (folder / name).read_bytes()
            flash[address : address + len(part)] = part
        flash[OTADATA : OTADATA + 32] = otadata_entry(1, VALID)
        self.flash.write_bytes(flash)

    def tool(self, name: str, *args: str) -> None:
        subprocess.run([sys.executable, str(NATIVE / "tools" / name), *args], check=True, capture_output=True)

    def write(self, address: int, data: bytes) -> None:
        with self.flash.open("r+b") as file:
            file.seek(address)
            file.write(data)

    def state(self, entry: int) -> int:
        start = OTADATA + 4096 * entry + 24
        return int.from_bytes(self.flash.read_bytes()[start : start + 4], "little")

    def boots(self, board: Board, slot: int) -> None:
        board.console.expect(rf"^I \(\d+\) boot: Loaded app from partition at offset 0x{slot:x}\r$")
        board.console.expect(r"^program")
        board.tell("hello", f"app_offset=0x{slot:x} app_size=0x1e0000 ")
        self.assertEqual(board.status()["slot"], "ota_0" if slot == OTA_0 else "ota_1")

    def test_the_program_in_the_slot_runs(self) -> None:
        board = Board(self, "--flash", str(self.flash))
        board.console.expect(r"^I \(\d+\) boot: Partition Table:")
        self.boots(board, OTA_0)
        self.assertEqual(board.status()["flash_ops"], 0)

    def test_an_unconfirmed_update_is_rolled_back(self) -> None:
        self.write(OTADATA + 4096, otadata_entry(2, NEW))
        board = Board(self, "--flash", str(self.flash))
        self.boots(board, OTA_1)
        self.assertEqual(self.state(1), PENDING_VERIFY)
        board.control.do("reset")
        self.boots(board, OTA_0)
        self.assertEqual(self.state(1), ABORTED)

    def test_a_damaged_image_is_not_run(self) -> None:
        self.write(OTADATA + 4096, otadata_entry(2, VALID))
        self.write(OTA_1 + 0x400, b"\x55" * 16)
        board = Board(self, "--flash", str(self.flash))
        board.console.expect(r"^E \(\d+\) boot: OTA app partition slot 1 is not bootable")
        self.boots(board, OTA_0)

    def test_power_cut_in_the_boot_loader(self) -> None:
        board = Board(self, "--flash", str(self.flash))
        self.boots(board, OTA_0)
        self.write(OTADATA + 4096, otadata_entry(2, NEW))
        board.control.do("cut 1")
        board.control.do("reset")
        wait_until(lambda: board.status()["power"] == "off", "the cut")
        self.assertEqual((board.status()["running"], board.status()["boots"]), (False, 1))
        board.control.do("power on")
        board.console.expect(r"^rst:0x1 ")
        board.console.expect(r"^rst:0x1 ")
        board.console.expect("^program")
        self.assertIn(self.state(1), (PENDING_VERIFY, ABORTED, 0xFFFFFFFF))


if __name__ == "__main__":
    unittest.main()
