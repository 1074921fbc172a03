# SPDX-License-Identifier: Apache-2.0
"""What a run leaves for the gate: every attempt with its own logs, and the bench's signature over all of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_hil.results.bench_key import PRIVATE, BenchKey
from pytest_hil.results.record import TestRecord
from pytest_hil.results.signature import check_results

from .conftest import BOOT, READY

AGAIN = """
from _pytest.runner import runtestprotocol

def pytest_runtest_protocol(item, nextitem):
    '''Runs a test once more when it fails, as the plugins for that do.'''
    reports = runtestprotocol(item, nextitem=nextitem, log=False)
    if any(report.failed for report in reports):
        item._initrequest()
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    return True
"""
FAILS_ONCE = """
import pytest

pytestmark = pytest.mark.hil(kind="promise")
tries = []

def test_it(board):
    tries.append(1)
    assert len(tries) > 1, "not at the first try"
"""


@pytest.fixture
def results(pytester: pytest.Pytester, fake_artifacts: Path, board_does: Callable[..., None]) -> Callable[..., Any]:
    """Runs FAILS_ONCE, by default until it passes."""
    board_does(BOOT, READY)
    pytester.makepyfile(FAILS_ONCE)
    pytester.makeconftest(AGAIN)

    def run(*arguments: str) -> dict[str, Any]:
        pytester.runpytest_subprocess(f"--hil-artifacts={fake_artifacts}", "--hil-run-dir=run", *arguments)
        read: dict[str, Any] = json.loads((pytester.path / "run" / "results.json").read_text())
        return read

    return run


def test_a_test_that_passes_when_run_again_is_flaky_and_tells_of_both(
    results: Callable[..., dict[str, Any]], pytester: pytest.Pytester
) -> None:
    (test,) = results()["tests"]
    assert test["outcome"] == "flaky"
    assert [attempt["outcome"] for attempt in test["attempts"]] == ["failed", "passed"]
    assert test["attempts"][0]["failure"].startswith("not at the first try")
    consoles = [log["path"] for one in test["attempts"] for log in one["logs"] if log["path"].endswith("console.log")]
    assert len(set(consoles)) == 2, consoles
    assert all((pytester.path / "run" / path).read_bytes() for path in consoles)
    assert test["logs"] == test["attempts"][1]["logs"]


@pytest.mark.parametrize(
    ("outcomes", "whole"),
    [
        (["failed", "skipped"], "failed"),
        (["failed", "not_run"], "failed"),
        (["failed", "bench_error"], "failed"),
        (["bench_error", "skipped"], "bench_error"),
        (["bench_error", "failed"], "failed"),
        (["bench_error", "passed"], "flaky"),
        (["skipped"], "skipped"),
        (["passed"], "passed"),
    ],
)
def test_what_failed_takes_a_pass_to_be_better_and_nothing_else(outcomes: list[str], whole: str) -> None:
    record = TestRecord("test_it")
    for number, outcome in enumerate(outcomes):
        record = record.next_attempt() if number else record
        record.outcome, record.remarks = outcome, [(number, "reset_asked")]
        record.end_attempt()
    assert record.outcome == whole
    assert [attempt["outcome"] for attempt in record.attempts] == outcomes
    assert [attempt["remarks"] for attempt in record.attempts] == [[(n, "reset_asked")] for n in range(len(outcomes))]


def test_results_are_signed_by_the_key_of_the_project_or_the_one_that_is_named(
    results: Callable[..., dict[str, Any]], pytester: pytest.Pytester
) -> None:
    signature = pytester.path / "run" / "results.json.sig"
    named, own = BenchKey.new(), BenchKey.new()
    (pytester.path / "named.pem").write_bytes(named.pem)
    results("--hil-bench-key=named.pem")
    content = (pytester.path / "run" / "results.json").read_bytes()
    assert check_results(signature.read_bytes(), content, [named.public]) == named.public.id

    results()
    assert not signature.exists(), "an earlier run's signature lies beside results that nobody signed"

    place = pytester.mkdir("build") / "bench"
    place.mkdir()
    (place / PRIVATE).write_bytes(own.pem)
    results()
    content = (pytester.path / "run" / "results.json").read_bytes()
    assert check_results(signature.read_bytes(), content, [own.public]) == own.public.id


def test_a_key_that_is_none_is_told_before_anything_runs(pytester: pytest.Pytester, fake_artifacts: Path) -> None:
    pytester.makepyfile(FAILS_ONCE)
    (pytester.path / "no.pem").write_text("secret")
    result = pytester.runpytest_subprocess(f"--hil-artifacts={fake_artifacts}", "--hil-bench-key=no.pem")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--hil-bench-key: no.pem is no private key in PEM*"])
