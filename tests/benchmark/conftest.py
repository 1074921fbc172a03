# SPDX-License-Identifier: Apache-2.0
"""Collects the rows of all benchmarks and leaves them in build/benchmark/latest.json and on the terminal."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from .figures import Row

OUTPUT = Path("build") / "benchmark"
ROWS = pytest.StashKey[list[Row]]()
SERIAL_CLOCK = Path(__file__).with_name("serial_clock.c")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--stops", type=int, default=200, help="graceful stops a row (200)")
    parser.addoption("--starts", type=int, default=100, help="board starts (100)")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[ROWS] = []


@pytest.fixture(scope="session")
def rows(pytestconfig: pytest.Config) -> list[Row]:
    """Where a benchmark puts its figures."""
    return pytestconfig.stash[ROWS]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    rows = config.stash[ROWS]
    folder = config.rootpath / OUTPUT
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "latest.json").write_text(json.dumps({"rows": [row.as_json() for row in rows]}, indent=1) + "\n")
    say = terminalreporter.write_line
    say("")
    say(f"{'what':66} {'ours':>9} {'theirs':>9} {'goal':>9}  unit")
    for row in rows:
        theirs = "" if row.theirs is None else f"{row.theirs:.2f}"
        goal = "" if row.goal is None else f"{'≥' if row.at_least else '≤'} {row.goal:g}"
        mark = {True: "met", False: "MISSED", None: ""}[row.met]
        say(f"{row.name:66} {row.ours:9.2f} {theirs:>9} {goal:>9}  {row.unit:6} {mark}")


@pytest.fixture(scope="session")
def serial_clock(pytestconfig: pytest.Config) -> Path:
    """A program that prints the runner's monotonic clock, compiled."""
    program = pytestconfig.rootpath / OUTPUT / "serial_clock"
    program.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cc", "-O2", "-o", str(program), str(SERIAL_CLOCK)], check=True)
    return program
