# SPDX-License-Identifier: Apache-2.0
"""Firmware without `@hil` lines: its own log lines are events. The example in docs/rig.md is run as it stands there."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pytest_hil.boards.bench import BenchFile, BenchFileError
from pytest_hil.console.console import Console
from pytest_hil.console.events import event_patterns

RIG_MD = Path(__file__).parents[2] / "docs" / "rig.md"
KETTLE = (
    "print I (5) kettle: firmware 2.1",
    "print I (9) httpd: listening on port 80",
    "print I (200123) kettle: 2 litres boiled in 200 s",
)


@pytest.fixture
def kettle(pytester: pytest.Pytester, fake_artifacts: Path) -> Callable[[], pytest.RunResult]:
    """Runs the documentation's test on the documentation's board."""
    chapter = RIG_MD.read_text().partition("## My own firmware")[2]
    bench, test = (re.search(rf"```{kind}\n(.*?)```", chapter, re.DOTALL) for kind in ("toml", "python"))
    assert bench is not None
    assert test is not None
    (pytester.path / "bench.toml").write_text(bench.group(1))
    pytester.makepyfile(test.group(1))
    return lambda: pytester.runpytest_subprocess(
        f"--hil-artifacts={fake_artifacts}", "--hil-board=kettle", f"--hil-run-dir={pytester.path / 'run'}"
    )


def test_the_example_in_the_documentation(
    kettle: Callable[[], pytest.RunResult], board_does: Callable[..., None]
) -> None:
    board_does(*KETTLE)
    kettle().assert_outcomes(passed=1)


def test_it_fails_when_the_water_takes_too_long(
    kettle: Callable[[], pytest.RunResult], board_does: Callable[..., None]
) -> None:
    board_does(*(step.replace("200 s", "301 s") for step in KETTLE))
    kettle().assert_outcomes(failed=1)


def test_it_fails_on_a_panic(kettle: Callable[[], pytest.RunResult], board_does: Callable[..., None]) -> None:
    board_does(*KETTLE, "print abort() was called at PC 0x400d1f3b on core 0")
    result = kettle()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*a panic: abort*"])


@pytest.fixture
def console(tmp_path: Path) -> Iterator[Console]:
    patterns = event_patterns({"boot": r"firmware (?P<version>\S+)", "level": r"level=(?P<level>-?\d+)(?P<unit>\w+)?"})
    console = Console(tmp_path / "console.log", patterns=patterns)
    yield console
    console.end("the test is over")


def test_fields_are_numbers_where_they_are_and_absent_where_they_did_not_match(console: Console) -> None:
    console.feed(b"\x1b[0;32mI (1234) tank: level=-7mm\x1b[0m\r\nI (1300) tank: level=8\r\n")
    first, second = console.events_named("level")
    assert (first["level"], first["unit"], first.t_ms) == (-7, "mm", 1234)
    assert (second["level"], second.get("unit")) == (8, None)
    assert console.event_problems == []


def test_boots_are_counted_and_a_line_may_be_event_and_panic(console: Console) -> None:
    console.feed(b"firmware 1\nlevel=1\nfirmware 2\nassert failed: fill tank.c:9 (level=3)\n")
    assert [event.boot for event in console.events] == [0, 0, 1, 1]
    assert [panic.function for panic in console.panics] == ["fill"]


@pytest.mark.parametrize("value", ["'(unclosed'", "5"])
def test_a_pattern_that_is_none_is_told_with_its_line(tmp_path: Path, value: str) -> None:
    path = tmp_path / "bench.toml"
    path.write_text(f'[boards.x]\nkind = "native"\n[boards.x.events]\nready = {value}\n')
    with pytest.raises(BenchFileError, match="regular expressions by event name"):
        BenchFile.read(path)
