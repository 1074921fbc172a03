# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: PT009 (unittest's own assertions: they show both values without pytest)
"""How the board boots, resets and dies, as seen on its serial line."""

from __future__ import annotations

import signal
import time
import unittest

from board import PROGRAM, Board, cpu_while_idle_s, flash_file, is_alive, new_folder, wait_until

POWERON, SW, PANIC, UNKNOWN = 1, 3, 4, 0

# Lines of 64 bytes: less than the program's pipe, the supervisor's buffer and our own pipe (64 KB each) hold together,
# so that the program gets to its end with nobody reading; more than any two of them.
BURST = 2900


class Boot(unittest.TestCase):
    def start(self, *args: str) -> Board:
        board = Board(self, *args, program=[PROGRAM, "first", "second"])
        board.console.expect(r"^program \d+ first")
        return board

    def test_tells_the_program_about_its_board(self) -> None:
        board = self.start("--seed", "100", "--heap-kb", "200", "--mac", "02:aa:bb:cc:dd:0e")
        board.tell(
            "hello",
            rf"reason={POWERON} heap=204800 flash=4194304 app_offset=0x0 app_size=0x0 seed=101 mac=02:aa:bb:cc:dd:0e",
        )

    def test_gives_six_descriptors_and_no_other(self) -> None:
        self.start().tell("descriptors", r"^descriptors 0 1 2 3 4 5 flash_mode=0$")

    def test_gives_default_signals(self) -> None:
        self.start().tell("signals", r"^signals term_blocked=0 pipe_default=1$")

    def test_reset_reasons_asked_for(self) -> None:
        board = self.start()
        for reason, rom in ((SW, "0xc"), (PANIC, "0xc"), (9, "0xf"), (7, "0x10")):
            board.say(f"reset {reason}")
            board.console.expect(rf"^rst:{rom} \(\w+\),boot:0x13 \(SPI_FAST_FLASH_BOOT\)\r$")
            board.tell("hello", f"reason={reason} ")
        self.assertEqual(board.status()["boots"], 5)

    def test_a_death_nobody_asked_for(self) -> None:
        board = self.start()
        for by, reason in ((signal.SIGSEGV, PANIC), (signal.SIGBUS, PANIC), (signal.SIGKILL, UNKNOWN)):
            board.say(f"raise {int(by)}")
            board.console.expect(r"^program \d+")
            board.tell("hello", f"reason={reason} ")

    def test_a_program_that_asks_for_a_reset_and_dies_is_believed(self) -> None:
        board = self.start()
        pid = board.status()["pid"]
        board.tell(f"reset_and_die {SW}", "^soon")
        board.process.send_signal(signal.SIGSTOP)  # so that it learns of the request and of the death at once
        wait_until(lambda: not is_alive(pid), "the program's death")
        board.process.send_signal(signal.SIGCONT)
        board.console.expect(r"^rst:0xc")
        board.tell("hello", f"reason={SW} ")

    def test_en_pin(self) -> None:
        board = self.start()
        board.control.do("reset")
        board.console.expect(r"^rst:0x1 \(POWERON\)")
        board.tell("hello", f"reason={POWERON} ")

    def test_what_was_written_before_a_death_comes_out_before_the_next_boot(self) -> None:
        board = self.start()
        board.say(f"burst {BURST}")
        board.say(f"raise {int(signal.SIGKILL)}")
        wait_until(lambda: not board.status()["running"], "the program's death")  # nobody has read yet
        self.assertEqual(board.status()["boots"], 1)
        board.console.expect("^rst:0x10 ")
        before, _, _ = board.console.data.partition(b"rst:0x10")
        self.assertEqual(flood_numbers(before), list(range(BURST)))
        self.assertIn(b"\nburst done\n", before)

    def test_the_last_bytes_of_a_test_program_come_before_its_exit_code(self) -> None:
        board = self.start()
        pid = board.status()["pid"]
        board.say(f"burst {BURST}")
        board.say("exit 3")
        wait_until(lambda: not is_alive(pid), "the program's end")  # nobody has read yet
        said = board.console.read_to_end()
        self.assertEqual(board.wait(), 3)
        self.assertEqual(flood_numbers(said), list(range(BURST)))
        self.assertTrue(said.endswith(b"burst done\n"))

    def test_a_program_that_crashes_at_once_does_not_keep_the_runner_busy(self) -> None:
        board = Board(self, program=[PROGRAM, "crash-at-once"])
        board.console.expect(r"^program \d+")
        began = time.monotonic()
        for _ in range(5):
            board.console.expect(r"^rst:0xc")
        self.assertGreater(time.monotonic() - began, 0.4, "five boots in less than five holds of 100 ms")
        self.assertEqual(board.control.ask("status")["resets"]["reason"], "PANIC")

    def test_what_it_has_forked_ends_with_it(self) -> None:
        board = self.start()
        pids = [int(pid) for pid in board.tell("fork", r"^forked (\d+) (\d+)$").groups()]
        self.assertTrue(all(map(is_alive, pids)))
        board.control.do("reset")
        board.console.expect(r"^program \d+")
        for pid in pids:
            wait_until(lambda pid=pid: not is_alive(pid), "end of a forked process")  # type: ignore[misc]

    def test_a_program_that_closes_its_descriptors_is_still_a_board(self) -> None:
        board = self.start()
        board.say("close")
        board.control.do("status")
        self.assertLess(cpu_while_idle_s(board.process.pid, 0.5), 0.1, "the supervisor spins on closed descriptors")
        board.control.do("reset")
        board.console.expect(r"^program \d+")

    def test_idle_costs_nothing(self) -> None:
        board = self.start("--forward", "127.0.0.1:0:80")
        self.assertLessEqual(cpu_while_idle_s(board.process.pid, 2), 0.02, "1 % of a core")

    def test_exit_code_of_a_test_program(self) -> None:
        for say, code in (("exit 0", 0), ("exit 7", 7), ("return 5", 5)):
            with self.subTest(say):
                board = self.start()
                board.say(say)
                self.assertEqual(board.wait(), code)

    def test_a_flash_without_an_app_says_so_and_tries_again(self) -> None:
        board = Board(self, "--flash", str(flash_file(new_folder(self))))
        for rst in ("0x1", "0xc"):
            board.console.expect(rf"^rst:{rst} ")
            board.console.expect(r"^I \(\d+\) boot: ESP-IDF v5\.4\.2 2nd stage bootloader\r$")
            board.console.expect(r"^E \(\d+\) boot: No bootable app partitions in the partition table")
        self.assertEqual(board.status()["running"], False)


class PowerCut(unittest.TestCase):
    def start(self) -> Board:
        self.flash = flash_file(new_folder(self))
        board = Board(self, "--flash", str(self.flash), program=[PROGRAM])
        board.console.expect(r"^program \d+")
        return board

    def test_flash_is_nor_and_read_back_through_the_mapped_file(self) -> None:
        board = self.start()
        board.tell("write 0x10000 4 0xF0", r"^write 0$")
        board.tell("write 0x10001 1 0x3C", r"^write 0$")
        board.tell("read 0x10000 5", r"^read f030f0f0ff$")
        board.tell("erase 0x10000 4096", r"^erase 0$")
        board.tell("read 0x10000 4", r"^read ffffffff$")
        self.assertEqual(board.status()["flash_ops"], 3)

    def test_malformed_requests_get_errors(self) -> None:
        board = self.start()
        board.tell("malformed", r"^malformed lie=260 headless=260 unknown=258 beyond=260$")
        board.tell("hello", "^hello")
        self.assertEqual(board.status()["flash_ops"], 0)

    def test_requests_whose_replies_are_read_late(self) -> None:
        board = self.start()
        asked = int(board.tell("ask_first", r"^asked (\d+)$")[1])
        self.assertGreater(asked, 20)
        board.console.expect(f"^answered {asked}$")
        board.tell("hello", f"reason={POWERON} ")

    def test_whole(self) -> None:
        board = self.start()
        board.control.do("cut 2")
        board.tell("write 0x10000 16 0x11", r"^write 0$")
        board.say("write 0x10000 16 0x00")
        wait_until(lambda: not board.status()["running"], "the power cut")
        self.assertEqual(board.status()["power"], "off")
        self.assertEqual(self.flash.read_bytes()[0x10000:0x10010], b"\x11" * 16)
        self.assertFalse(board.control.ask("reset")["ok"], "a reset of a board that is off")
        board.control.do("power on")
        board.console.expect(r"^rst:0x1 ")
        board.tell("hello", f"reason={POWERON} ")
        board.tell("write 0x10000 16 0x00", r"^write 0$")
        self.assertEqual(self.flash.read_bytes()[0x10000:0x10010], b"\x00" * 16)
        self.assertNotIn(b"write -", board.console.data, "the cut write was answered")

    def test_torn(self) -> None:
        board = self.start()
        board.control.do("cut 1 torn 5")
        board.say("write 0x10000 16 0x00")
        wait_until(lambda: not board.status()["running"], "the power cut")
        self.assertEqual(self.flash.read_bytes()[0x10000:0x10010], b"\x00" * 5 + b"\xff" * 11)

    def test_disarmed(self) -> None:
        board = self.start()
        board.control.do("cut 1")
        board.control.do("cut 0")
        board.tell("write 0x10000 16 0x00", r"^write 0$")

    def test_power_off_and_on(self) -> None:
        board = self.start()
        pid = board.status()["pid"]
        board.control.do("power off")
        wait_until(lambda: not is_alive(pid), "end of the program")
        board.control.do("power off")
        self.assertEqual(board.status()["power"], "off")
        board.control.do("power on")
        board.control.do("power on")
        board.console.expect(r"^program \d+")
        board.tell("hello", f"reason={POWERON} ")
        self.assertEqual(board.status()["boots"], 2)

    def test_off_and_on_in_one_breath(self) -> None:
        board = self.start()
        for boots in range(2, 12):
            board.control.do("power off")
            board.control.do("power on")
            wait_until(lambda boots=boots: board.status()["boots"] == boots, "the boot")  # type: ignore[misc]
            self.assertEqual(board.status()["resets"]["reason"], "POWERON")


def flood_numbers(said: bytes) -> list[int]:
    return [int(line.split()[1]) for line in said.split(b"\n") if line.startswith(b"flood ") and len(line) == 63]


if __name__ == "__main__":
    unittest.main()
