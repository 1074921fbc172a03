# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: PT009 (unittest's own assertions: they show both values without pytest)
"""Starting a board with bad input: one clear line on stderr, the exit code of the contract, nothing on stdout."""

from __future__ import annotations

import socket
import subprocess
import unittest
from pathlib import Path

from board import LIMIT_S, NATIVE_BOARD, PROGRAM, Board, flash_file, new_folder

USAGE, NO_START = 2, 3


class BadInput(unittest.TestCase):
    def refused(self, code: int, must_say: str, *args: str) -> None:
        with self.subTest(" ".join(args)):
            ended = subprocess.run(
                [NATIVE_BOARD, *args],
                check=False,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=LIMIT_S,
            )
            self.assertEqual(ended.returncode, code, ended.stderr)
            self.assertEqual(ended.stdout, "")
            self.assertRegex(ended.stderr, r"\Anative-board: [^\n]+\n\Z")
            self.assertIn(must_say, ended.stderr)

    def test_usage(self) -> None:
        flash = ("--flash", "flash.bin")
        self.refused(USAGE, "--flash FILE is missing")
        self.refused(USAGE, "unrecognized option '--flsh'", "--flsh", "x")
        self.refused(USAGE, "requires an argument", "--flash")
        self.refused(USAGE, "extra: not an option", *flash, "extra")
        for forward in (
            "",
            "80",
            "127.0.0.1:80",
            "localhost:0:80",
            "127.0.0.1:x:80",
            "127.0.0.1:0:0",
            "127.0.0.1:65536:80",
            "127.0.0.1:-1:80",
            "127.0.0.1:0:80:1",
            "1" * 80,
        ):
            self.refused(USAGE, "HOSTADDR:HOSTPORT:BOARDPORT", *flash, "--forward", forward)
        self.refused(USAGE, "loopback", *flash, "--forward", "0.0.0.0:0:80")
        self.refused(USAGE, "room for 16", *flash, *["--forward", "127.0.0.1:0:80"] * 17)
        for kb in ("", "0", "-1", "1x", "99999999999"):
            self.refused(USAGE, "--heap-kb", *flash, "--heap-kb", kb)
        self.refused(USAGE, "stdio or pty", *flash, "--serial", "usb")
        for mac in ("", "02:00:00:00:00", "02:00:00:00:00:01:02", "zz:00:00:00:00:01", "03:00:00:00:00:01"):
            self.refused(USAGE, "--mac", *flash, "--mac", mac)
        self.refused(USAGE, "--seed", *flash, "--seed", "4294967296")

    def test_help_is_no_error(self) -> None:
        ended = subprocess.run([NATIVE_BOARD, "--help"], check=False, capture_output=True, text=True, timeout=LIMIT_S)
        self.assertEqual((ended.returncode, ended.stderr), (0, ""))
        self.assertIn("exit codes:", ended.stdout)

    def test_no_flash_file(self) -> None:
        folder = new_folder(self)
        self.refused(NO_START, "No such file", "--flash", str(folder / "missing"))
        self.refused(NO_START, "Is a directory", "--flash", str(folder))
        odd = folder / "odd.bin"
        odd.write_bytes(b"\xff" * 5000)
        self.refused(NO_START, "5000 bytes are no flash", "--flash", str(odd))
        erased = folder / "erased.bin"
        erased.write_bytes(b"\xff" * (4 << 20))
        self.refused(NO_START, "no partition table", "--flash", str(erased))

    def test_flash_file_in_use(self) -> None:
        flash = flash_file(new_folder(self))
        board = Board(self, "--flash", str(flash), program=[PROGRAM])
        board.console.expect("^program")
        self.refused(NO_START, "in use by another board", "--flash", str(flash))

    def test_port_in_use(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            self.refused(
                NO_START,
                f"cannot listen on 127.0.0.1:{port} (Address already in use)",
                "--forward",
                f"127.0.0.1:{port}:80",
                "--program",
                PROGRAM,
            )

    def test_program_that_is_none(self) -> None:
        folder = new_folder(self)
        self.refused(NO_START, "No such file", "--program", str(folder / "missing"))
        plain = folder / "plain"
        plain.write_text("no ELF")
        self.refused(NO_START, "not an executable file", "--program", str(plain))
        plain.chmod(0o755)
        ended = subprocess.run(
            [NATIVE_BOARD, "--program", str(plain)], check=False, capture_output=True, text=True, timeout=LIMIT_S
        )
        self.assertEqual(ended.returncode, NO_START)
        self.assertRegex(ended.stderr, r"\Anative-board: the program does not start \(Exec format error\)[^\n]+\n\Z")

    def test_control_path(self) -> None:
        folder = new_folder(self)
        program = ("--program", PROGRAM)
        self.refused(NO_START, "too long", "--control", str(folder / ("x" * 100)), *program)
        self.refused(NO_START, "No such file", "--control", str(folder / "missing" / "control"), *program)
        taken = folder / "file"
        taken.write_text("mine")
        self.refused(NO_START, "exists and is in use", "--control", str(taken), *program)
        self.assertEqual(taken.read_text(), "mine")

    def test_control_path_of_another_board(self) -> None:
        board = Board(self, program=[PROGRAM])
        self.assertTrue(board.status()["ok"])
        self.refused(NO_START, "exists and is in use", "--control", str(board.socket_path), "--program", PROGRAM)
        self.assertTrue(board.status()["ok"], "the other board's socket is still its own")

    def test_control_path_left_over_by_a_killed_board(self) -> None:
        path = new_folder(self) / "control"
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(str(path))
        board = Board(self, "--control", str(path), program=[PROGRAM])
        board.console.expect("^program")
        board.socket_path = path
        self.assertTrue(board.status()["ok"])


class Good(unittest.TestCase):
    def test_the_socket_file_goes_with_the_board(self) -> None:
        board = Board(self, program=[PROGRAM])
        board.control.do("quit")
        self.assertEqual(board.wait(), 0)
        self.assertEqual(list(Path(board.folder).iterdir()), [])

    def test_closed_standard_descriptors_are_not_taken_for_the_flash(self) -> None:
        flash = flash_file(new_folder(self))
        before = flash.read_bytes()
        programs = (NATIVE_BOARD, flash, PROGRAM)
        with socket.create_server(("127.0.0.1", 0)) as server:
            fails = f"--forward 127.0.0.1:{server.getsockname()[1]}:80"
            for options, code, closings in (
                (fails, NO_START, (">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-")),
                ("", 0, (">&-", "2>&-", ">&- 2>&-")),
            ):
                for closed in closings:
                    with self.subTest(closed, options=options):
                        ended = subprocess.run(
                            ["sh", "-c", f'exec "$0" --flash "$1" {options} --program "$2" {closed}', *programs],
                            check=False,
                            input=b"",
                            capture_output=True,
                            timeout=LIMIT_S,
                        )
                        self.assertEqual(ended.returncode, code)
                        self.assertTrue(flash.read_bytes() == before, "the flash was written to")


if __name__ == "__main__":
    unittest.main()
