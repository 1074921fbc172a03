# SPDX-License-Identifier: Apache-2.0
"""Boards that hang: power-cycled, parked; and power that is cut on purpose."""

from __future__ import annotations

import sys

import pytest

from pytest_hil.boards.parking import place
from pytest_hil.boards.protocol import Capability
from pytest_hil.errors import BenchError

from .serial_place import Place


def test_a_hung_board_is_power_cycled(here: Place) -> None:
    board, record = here.board(power_cycle=here.switch.command("cycle"))
    here.chip.silent_boots = 99
    board.start()
    record.wait_line("hello", 5)
    assert here.switch.told == ["reset", "cycle", "reset"]
    assert not place(board.config).exists()


def test_a_board_that_does_not_answer_is_power_cycled_by_two_commands(here: Place) -> None:
    board, record = here.board(power_off=here.switch.command("off"), power_on=here.switch.command("on"))
    here.chip.deaf = True
    board.start()
    record.wait_line("hello", 5)
    assert here.switch.told == ["off", "on", "reset"]


def test_a_board_that_does_not_come_back_is_parked(here: Place) -> None:
    here.switch.cures = False
    here.chip.silent_boots = 99
    board, _ = here.board(power_cycle=here.switch.command("cycle"))
    with pytest.raises(
        BenchError, match=r"board 'cam' is parked: it said nothing for 1 s .* after its power was cycled"
    ):
        board.start()
    assert "said nothing" in place(board.config).read_text()
    boots = here.chip.boots
    again, _ = here.board()
    with pytest.raises(BenchError, match=r"is parked since .*: it said nothing .*; delete .*cam when it is mended"):
        again.start()
    assert here.chip.boots == boots, "a parked board is left alone"
    place(board.config).unlink()
    here.chip.silent_boots = 0
    mended, record = here.board()
    mended.start()
    record.wait_line("hello", 5)


def test_a_hung_board_without_a_power_command_is_parked(here: Place) -> None:
    here.chip.silent_boots = 99
    board, _ = here.board()
    with pytest.raises(
        BenchError, match=r"is parked: it said nothing for 1 s .*, and there is no command for its power"
    ):
        board.start()


def test_power_is_cut_and_given_while_the_console_goes_on(here: Place) -> None:
    board, record = here.board(power_off=here.switch.command("off"), power_on=here.switch.command("on"), reconnect_s=0)
    board.start()
    assert Capability.CUT_POWER in board.capabilities
    board.power(False)
    assert here.chip.state == "off"
    record.linger(0.3)
    assert record.ended is None, "a board that is off on purpose has not vanished"
    mark = record.mark()
    board.power(True)
    here.chip.say(b"back\n")
    record.wait_line("^back", 5, mark)


def test_a_power_command_that_fails_is_the_benchs_fault(here: Place) -> None:
    fails = [sys.executable, "-c", "import sys; sys.exit('no such hub')"]
    board, _ = here.board(power_off=fails, power_on=fails)
    board.start()
    with pytest.raises(BenchError, match="ended with exit code 1: no such hub"):
        board.power(False)
    missing, _ = here.board(power_off=["/no/relay"], power_on=["/no/relay"])
    board.stop()
    missing.start()
    with pytest.raises(BenchError, match="/no/relay cannot be started: No such file"):
        missing.power(False)
