# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: PT009, PT027 (unittest's own assertions: they show both values without pytest)
"""How a board ends, and that nothing of it stays behind, whoever dies first. And its serial line, stdio and pty."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import termios
import unittest
from pathlib import Path

from board import (
    LIMIT_S,
    NATIVE_BOARD,
    PROGRAM,
    Board,
    Console,
    cpu_while_idle_s,
    in_state,
    is_alive,
    wait_until,
    written_bytes,
)


class Ends(unittest.TestCase):
    def start(self) -> tuple[Board, int]:
        board = Board(self, program=[PROGRAM])
        return board, int(board.console.expect(r"^program (\d+)")[1])

    def ended(self, board: Board, pid: int, code: int = 0) -> None:
        self.assertEqual(board.wait(), code)
        wait_until(lambda: not is_alive(pid), "end of the program")

    def test_quit(self) -> None:
        board, pid = self.start()
        board.control.do("quit")
        self.ended(board, pid)

    def test_signals(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            with self.subTest(number):
                board, pid = self.start()
                board.process.send_signal(number)
                self.ended(board, pid)

    def test_end_of_stdin(self) -> None:
        board, pid = self.start()
        assert board.process.stdin is not None
        board.process.stdin.close()
        self.ended(board, pid)

    def test_end_of_the_one_who_reads_stdout(self) -> None:
        board, pid = self.start()
        assert board.process.stdout is not None
        board.process.stdout.close()
        board.say("hello")
        self.ended(board, pid)

    def test_end_of_stdin_while_the_program_floods_and_nobody_reads(self) -> None:
        board, pid = self.start()
        board.say("flood")
        wait_until(lambda: in_state(pid, "S"), "the blocked writer: every buffer is full")
        assert board.process.stdin is not None
        board.process.stdin.close()
        self.ended(board, pid)

    def test_supervisor_killed(self) -> None:
        board, pid = self.start()
        board.say("close")  # it would not see the end of its stdin or of its links
        wait_until(lambda: not any(Path(f"/proc/{pid}/fd").iterdir()), "the program's closing")
        board.process.kill()
        self.ended(board, pid, -signal.SIGKILL)

    def test_parent_of_the_supervisor_killed(self) -> None:
        # By pytest, which holds the other end of stdin; by CTest, which gives a test /dev/null.
        for stdin in ("PIPE", "DEVNULL"):
            with self.subTest(stdin):
                self.parent_killed(stdin)

    def parent_killed(self, stdin: str) -> None:
        script = (
            "import subprocess, sys\n"
            f"p = subprocess.Popen(sys.argv[1:], stdin=subprocess.{stdin}, stdout=subprocess.PIPE)\n"
            "program = next(line for line in p.stdout if line.startswith(b'program')).split()[1].decode()\n"
            "print(p.pid, program, flush=True)\n"
            "p.wait()\n"
        )
        parent = subprocess.Popen(
            [sys.executable, "-c", script, NATIVE_BOARD, "--program", PROGRAM], stdout=subprocess.PIPE
        )
        assert parent.stdout is not None
        pids = [int(word) for word in parent.stdout.readline().split()]
        self.assertEqual([is_alive(pid) for pid in pids], [True, True])
        parent.kill()
        parent.wait(LIMIT_S)
        parent.stdout.close()
        for pid in pids:
            wait_until(lambda pid=pid: not is_alive(pid), "end of an orphan")  # type: ignore[misc]

    def test_forked_processes_end_with_the_supervisor(self) -> None:
        board, pid = self.start()
        forked = [int(one) for one in board.tell("fork", r"^forked (\d+) (\d+)$").groups()]
        board.control.do("quit")
        self.ended(board, pid)
        self.assertEqual([is_alive(one) for one in forked], [False, False])


class Stdio(unittest.TestCase):
    def test_bytes_go_through_unchanged_and_at_once(self) -> None:
        board = Board(self, program=[PROGRAM])
        board.console.expect("^program")
        odd = bytes(byte for byte in range(1, 256) if byte not in b"\r\n")
        board.process.stdin.write(b"echo-this " + odd + b"\n")  # type: ignore[union-attr]
        board.console.expect("^echo echo-this")
        wait_until(lambda: bool(board.console.expect("\n")), "the line's end")
        self.assertIn(b"echo echo-this " + odd + b"\n", board.console.data)

    def test_a_reader_that_stops_stops_the_writer_and_loses_nothing(self) -> None:
        board = Board(self, program=[PROGRAM])
        board.console.expect("^program")
        board.say("flood")
        pid = board.status()["pid"]
        wait_until(lambda: in_state(pid, "S"), "the blocked writer")
        self.assertTrue(board.status()["running"], "the supervisor answers while the line is full")
        for number in range(0, 40000, 1000):
            board.console.expect(f"^flood {number:010d} ")
        lines = [line for line in board.console.data.split(b"\n") if line.startswith(b"flood ") and len(line) == 63]
        self.assertEqual([int(line.split()[1]) for line in lines], list(range(len(lines))))

    def test_input_that_nobody_fetches_blocks_nobody(self) -> None:
        board = Board(self, program=[PROGRAM])
        board.console.expect("^program")
        board.say("fork")  # answers; then it stops reading:
        board.say("close")
        board.process.stdin.write(b"x" * 300000)  # type: ignore[union-attr]
        self.assertTrue(board.status()["running"])

    def test_stdout_keeps_its_mode(self) -> None:
        read_end, write_end = os.pipe()
        self.addCleanup(os.close, read_end)
        self.addCleanup(os.close, write_end)
        subprocess.run([NATIVE_BOARD, "--program", PROGRAM], input=b"", stdout=write_end, timeout=LIMIT_S, check=True)
        self.assertTrue(os.get_blocking(write_end), "our stdout is shared; it must not be made non-blocking")


class Pty(unittest.TestCase):
    def start(self, *args: str) -> Board:
        return Board(self, "--serial", "pty", *args, program=[PROGRAM])

    def attach(self, board: Board) -> tuple[int, Console]:
        line = os.open(board.status()["serial"], os.O_RDWR | os.O_NOCTTY)
        self.assertFalse(termios.tcgetattr(line)[3] & (termios.ECHO | termios.ICANON), "raw mode")
        return line, Console(line)

    def reset(self, board: Board, console: Console) -> None:
        """And the new program has begun: the line of the one before may still come first."""
        wait_until(lambda: board.status()["running"], "the boot")
        before = board.status()["pid"]
        board.control.do("reset")
        wait_until(lambda: board.status()["pid"] not in (0, before), "the next boot")
        console.expect(f"^program {board.status()['pid']}")

    def test_attach_speak_leave_and_attach_again(self) -> None:
        board = self.start()
        wait_until(lambda: board.status()["running"], "the boot")
        for _ in range(3):
            line, console = self.attach(board)
            os.write(line, b"hello\n")
            console.expect(r"^hello reason=1 ")
            os.close(line)
        line, console = self.attach(board)
        board.control.do("reset")
        console.expect(r"^rst:0x1 .*\r$")
        console.expect(r"^program")
        os.close(line)
        board.control.do("quit")
        self.assertEqual(board.wait(), 0)

    def test_nobody_attached_blocks_nobody(self) -> None:
        board = self.start()
        line, console = self.attach(board)
        self.reset(board, console)
        os.write(line, b"flood\n")
        console.expect("^flood 0000000100")
        os.close(line)
        pid = board.status()["pid"]
        enough = written_bytes(pid) + 64 * 20000
        wait_until(lambda: written_bytes(pid) > enough, "the program that goes on while nobody is there")
        line, console = self.attach(board)
        number = int(console.expect(r"^flood (\d+) \.+$")[1])
        self.assertGreater(number, 20000, "what it wrote meanwhile was kept for the next one")
        board.control.do("power off")
        os.close(line)

    def test_a_reader_that_stops_stops_the_writer(self) -> None:
        board = self.start()
        line, console = self.attach(board)
        self.reset(board, console)
        os.write(line, b"flood\n")
        pid = board.status()["pid"]
        wait_until(lambda: in_state(pid, "S"), "the blocked writer")
        self.assertLess(cpu_while_idle_s(board.process.pid, 0.5), 0.03, "the supervisor spins on a full pty")
        console.expect("^flood 0000003000")
        os.close(line)

    def test_idle_with_nobody_attached_costs_nothing(self) -> None:
        board = self.start()
        line, _ = self.attach(board)
        os.close(line)
        self.assertLess(cpu_while_idle_s(board.process.pid, 1), 0.02)

    def test_lives_without_stdin_but_not_without_its_lifeline(self) -> None:
        for lifeline, ends in ((False, False), (True, True)):
            with self.subTest(lifeline=lifeline):
                board = self.start(*["--lifeline"] * lifeline)
                self.assertTrue(board.status()["ok"])
                board.process.stdin.close()  # type: ignore[union-attr]
                if not ends:
                    board.status()
                    self.assertTrue(board.status()["ok"], "it has come by its stdin's end, and goes on")
                    board.control.do("quit")
                self.assertEqual(board.wait(), 0)


if __name__ == "__main__":
    unittest.main()
