# SPDX-License-Identifier: Apache-2.0
"""What a job of CI does before and after it uses a board: `hil boards --check` and `--off`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_hil.cli import main

Hil = Callable[..., int]


@pytest.fixture
def hil(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Hil:
    """With a bench of two boards; one has a power switch, which makes a file."""
    monkeypatch.chdir(tmp_path)
    port = tmp_path / "ttyX"
    (tmp_path / "bench.toml").write_text(
        f'[boards.cam]\nkind = "serial"\nport = "{port}"\npower_off = ["touch", "is-off"]\npower_on = ["true"]\n'
        f'[boards.bad]\nkind = "serial"\nport = "{port}"\npower_off = ["false"]\npower_on = ["true"]\n'
        f'[boards.gone]\nkind = "serial"\nport = "{port}"\npower_off = ["no-such-program"]\npower_on = ["true"]\n'
    )

    def run(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["hil", "boards", *arguments])
        with pytest.raises(SystemExit) as end:
            main()
        return int(end.value.code or 0)

    return run


def test_a_board_that_is_there_can_be_used(hil: Hil, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert hil("--check", "cam") == 3
    assert f"hil: board 'cam' at {tmp_path}/ttyX: not plugged in" in capsys.readouterr().err
    (tmp_path / "ttyX").touch()
    assert hil("--check", "cam") == 0
    assert capsys.readouterr().out == "board 'cam': ready\n"


def test_a_parked_board_cannot_be_used(hil: Hil, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "ttyX").touch()
    parked = tmp_path / "build" / "bench" / "parked"
    parked.mkdir(parents=True)
    (parked / "cam").write_text("it hung")
    assert hil("--check", "cam") == 3
    assert "parked: it hung" in capsys.readouterr().err


def test_a_board_is_switched_off_by_its_own_command(
    hil: Hil, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert hil("--off", "cam") == 0
    assert (tmp_path / "is-off").exists()  # in the folder of bench.toml
    assert hil("--off", "native") == 0
    assert "nothing to switch off" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("--off", "bad"), 3, "board 'bad': false ended with exit code 1"),
        (("--off", "gone"), 3, "board 'gone': no-such-program cannot be started: No such file or directory"),
        (("--check", "unknown"), 2, "there is no board 'unknown'"),
        (("--hil-bench", "no.toml"), 2, "--hil-bench: there is no file no.toml"),
    ],
)
def test_what_cannot_be_is_one_line(
    hil: Hil, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], code: int, told: str
) -> None:
    assert hil(*arguments) == code
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert told in line
