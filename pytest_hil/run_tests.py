# SPDX-License-Identifier: Apache-2.0
"""pytest, run for the command line: its arguments, its complaints about them, and what its end means for `hil`."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

import pytest

from .errors import machine_fault

SCENARIOS = Path("tests") / "hil"


def with_defaults(arguments: Sequence[str], root: Path) -> list[str]:
    """The user's arguments, and where they say nothing: the scenarios without slow ones and faults, told briefly."""
    given = list(arguments)
    if not any(map(_names_tests, ["", *given], given)):
        given.append(str(root / SCENARIOS))
    if not any(argument.startswith("-m") for argument in given):
        given += ["-m", "not slow and not faults"]
    return [*given, "--tb=short", "-q"]


def _names_tests(before: str, argument: str) -> bool:
    """Whether it is a file or folder of tests, and not the value of an option."""
    if argument.startswith("-") or (before.startswith("--hil-") and "=" not in before):
        return False
    path = Path(argument.split("::", maxsplit=1)[0])
    return path.is_dir() or (path.suffix == ".py" and path.exists())


class _HeldStderr:
    """Holds pytest's stderr back until its arguments are understood: a usage error is told in one line of our own."""

    def __init__(self) -> None:
        self.text = io.StringIO()
        self._real: TextIO = sys.stderr

    def pytest_configure(self) -> None:
        sys.stderr = self._real
        sys.stderr.write(self.text.getvalue())

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        sys.stderr = self.text
        try:
            yield
        finally:
            sys.stderr = self._real


def run_pytest(arguments: list[str], *plugins: object) -> tuple[int, str | None]:
    """pytest's exit code, and one line about what was wrong with the call, if anything was."""
    stderr = _HeldStderr()
    with stderr.held():
        try:
            status = int(pytest.main(arguments, plugins=[stderr, *plugins]))
        except OSError as error:  # pytest's own files, as junit.xml
            fault = machine_fault(error, Path.cwd())
            if fault is None:
                raise
            return int(pytest.ExitCode.INTERNAL_ERROR), str(fault)
    if status == pytest.ExitCode.USAGE_ERROR:
        return status, _complaint(stderr.text.getvalue())
    if status == pytest.ExitCode.NO_TESTS_COLLECTED:
        return status, "no test was selected"
    if status == pytest.ExitCode.INTERRUPTED:
        return status, "interrupted"
    return status, None


def _complaint(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    chosen = next((line for line in lines if "error: " in line), lines[0] if lines else "pytest refused its arguments")
    return chosen.partition("error: ")[2] or chosen.removeprefix("ERROR: ")


def exit_code(status: int, results: dict[str, Any] | None) -> int:
    """`hil`'s exit code: 0 pass, 1 the firmware failed, 2 usage, 3 the bench failed. Never 0 unless all is well."""
    if status in (pytest.ExitCode.USAGE_ERROR, pytest.ExitCode.NO_TESTS_COLLECTED):
        return 2
    if status in (pytest.ExitCode.INTERRUPTED, pytest.ExitCode.INTERNAL_ERROR):
        return 3
    outcomes = {test["outcome"] for test in results["tests"]} if results is not None else set()
    if "failed" in outcomes:
        return 1
    if outcomes & {"bench_error", "not_run"}:
        return 3
    return 0 if status == pytest.ExitCode.OK and (results is None or results["verdict"] == "pass") else 1
