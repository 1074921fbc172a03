# SPDX-License-Identifier: Apache-2.0
"""The history: what goes in comes out, flaky is not broken, and a change is only told when it is one."""

from __future__ import annotations

import json
import sqlite3
import threading
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pytest_hil.cli import load
from pytest_hil.cli.app import app
from pytest_hil.results.history import History, HistoryError
from pytest_hil.results.trends import changes, flaky

from . import sample_run
from .hostile import HOSTILE, assert_harmless


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.sqlite"


def add_runs(path: Path, *runs: list[dict[str, Any]], first: int = 0) -> None:
    with History(path) as history:
        for number, tests in enumerate(runs, first):
            history.add(sample_run.results(tests, f"run-{number:03}"))


def one(**fields: Any) -> list[dict[str, Any]]:
    return [sample_run.record(0, **fields)]


def test_a_run_is_kept_once(path: Path) -> None:
    add_runs(path, one(), one(outcome="failed", failure="it panicked"))
    add_runs(path, one(outcome="bench_error"), first=1)  # the same run again
    with History(path) as history:
        assert [(run.id, run.verdict, run.tests, run.failed) for run in history.runs(9)] == [
            ("run-000", "pass", 1, 0),
            ("run-001", "fail", 1, 1),
        ]
        assert [result.outcome for result in history.results()] == ["passed", "bench_error"]
        assert history.results()[0].stop_ms == 120


def test_many_runs_may_write_at_once(path: Path) -> None:
    threads = [threading.Thread(target=add_runs, args=(path, one(), one()), kwargs={"first": 2 * i}) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with History(path) as history:
        assert len(history.runs(99)) == 12


def test_old_runs_are_forgotten(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_hil.results.history.KEPT_RUNS", 3)
    add_runs(path, *[one()] * 5)
    with History(path) as history:
        assert [run.id for run in history.runs(9)] == ["run-002", "run-003", "run-004"]
        assert len(history.results()) == 3


def test_how_long_a_test_takes_is_the_median_of_its_last_results(path: Path) -> None:
    add_runs(path, *[one(duration_s=seconds) for seconds in (90, 1, 2, 3, 4, 50)])
    with History(path) as history:
        assert history.durations() == {sample_run.record(0)["id"]: 3}


@pytest.mark.parametrize("content", [b"no database at all, but long enough to be taken for one" * 40, None])
def test_what_is_no_history_is_told(path: Path, content: bytes | None) -> None:
    if content is None:
        with sqlite3.connect(path) as database:
            database.execute("PRAGMA user_version = 77")
        database.close()
    else:
        path.write_bytes(content)
    with pytest.raises(HistoryError, match=r"history\.sqlite"), History(path):
        pass


# ---- flaky


def outcomes_of(path: Path, *outcomes: str, **fields: Any) -> None:
    add_runs(path, *[one(outcome=outcome, **fields) for outcome in outcomes])


def test_flaky_is_both_with_the_same_image(path: Path) -> None:
    outcomes_of(path, "passed", "failed", "passed", "passed", "bench_error")
    with History(path) as history:
        (found,) = flaky(history.results())
    assert (found.failed, found.bench, found.results, found.flips) == (1, 1, 5, 3)


def test_broken_by_a_new_image_is_not_flaky(path: Path) -> None:
    add_runs(path, one(images=["aa"]), one(images=["aa"]), one(images=["bb"], outcome="failed"))
    with History(path) as history:
        assert flaky(history.results()) == []


def test_retried_until_green_is_flaky(path: Path) -> None:
    outcomes_of(path, "flaky", "flaky")
    with History(path) as history:
        (found,) = flaky(history.results())
    assert found.retried == 2


def test_the_worst_comes_first(path: Path) -> None:
    runs = [
        [
            sample_run.record(0, outcome="failed" if i == 1 else "passed"),
            sample_run.record(1, outcome=("passed", "failed")[i % 2]),
        ]
        for i in range(10)
    ]
    add_runs(path, *runs)
    with History(path) as history:
        assert [found.failed for found in flaky(history.results())] == [5, 1]


# ---- changes


def stops(path: Path, *stops_ms: float) -> None:
    add_runs(path, *[one(stop_ms=ms, ota_ms=None, update_s=None, heap_gained=None, duration_s=None) for ms in stops_ms])


def test_a_slower_stop_is_told_with_its_figures(path: Path) -> None:
    stops(path, *[100, 104, 108] * 5, 130, 131, 132, 133, 134)
    with History(path) as history:
        (change,) = changes(history.results())
    assert (change.figure, change.before, change.now, change.worse) == ("stop_ms", 104, 132, True)
    assert (change.recent, change.baseline, change.u, change.superiority) == (5, 15, 75, 1)
    assert change.p == pytest.approx(2 / 15504)  # the extreme on either side of all ways to choose 5 of 20
    assert change.q == change.p


def test_noise_is_no_change(path: Path) -> None:
    stops(path, *[100, 104, 128, 108] * 6)
    with History(path) as history:
        assert changes(history.results()) == []


def test_surely_there_but_too_small_is_no_change(path: Path) -> None:
    stops(path, *[1000] * 20, *[1004] * 5)
    with History(path) as history:
        assert changes(history.results()) == []


def test_too_few_results_prove_nothing(path: Path) -> None:
    stops(path, *[100] * 7, *[900] * 5)
    with History(path) as history:
        assert changes(history.results()) == []


def test_less_heap_is_worse(path: Path) -> None:
    add_runs(path, *[one(stop_ms=None, heap_gained=heap) for heap in [60000] * 15 + [40000] * 5])
    with History(path) as history:
        (change,) = changes(history.results())
    assert (change.figure, change.worse) == ("heap_gained", True)


def test_what_a_failed_test_measured_does_not_count(path: Path) -> None:
    add_runs(path, *[one()] * 15, *[one(stop_ms=3000, outcome="failed")] * 5)
    with History(path) as history:
        assert changes(history.results()) == []


# ---- the command


def hil(*arguments: str) -> tuple[int, str]:
    load("history")
    result = CliRunner().invoke(app, list(arguments), terminal_width=300)
    return result.exit_code, result.output if result.exception is None or result.exit_code == 0 else str(
        result.exception
    )


def test_the_command_tells_all_three(path: Path) -> None:
    stops(path, *[100, 104, 108] * 5, 130, 131, 132, 133, 134)
    add_runs(path, one(outcome="failed", failure="the board fell silent"), first=20)
    code, told = hil("history", "--file", str(path))
    assert code == 0
    for text in ("run-020", "the board fell silent", "Mann-Whitney", "104 ms", "132 ms", "1.3e-04", "worse"):
        assert text in told, told


def test_json_and_one_test(path: Path) -> None:
    outcomes_of(path, "passed", "failed", failure="why")
    code, told = hil("history", "--file", str(path), "--json", "--test", "workers-0")
    document = json.loads(told)
    assert code == 0
    assert [result["outcome"] for result in document["results"]] == ["passed", "failed"]
    assert document["flaky"][0]["flips"] == 1
    assert "no test in the last 2 runs has 'nothing'" in hil("history", "--file", str(path), "--test", "nothing")[1]


def test_results_from_elsewhere_are_taken_in(path: Path, tmp_path: Path) -> None:
    folder = sample_run.make_run(tmp_path, 2)
    assert hil("history", "--file", str(path), "--add", str(folder))[0] == 0
    with History(path) as history:
        assert [run.id for run in history.runs(9)] == [folder.name]
    (tmp_path / "results.json").write_text("[]")
    assert "is no results.json of hil" in hil("history", "--file", str(path), "--add", str(tmp_path))[1]


def test_no_history_is_one_line(path: Path) -> None:
    assert "each 'hil run' adds to it" in hil("history", "--file", str(path))[1]


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_steers_the_terminal(path: Path, text: str) -> None:
    fields = {"board": text, "board_kind": text, "failure": text, "id": f"tests/hil/test_x.py::test_it[{text}]"}
    add_runs(path, *[one(outcome=outcome, **fields) for outcome in ("passed", "failed")])
    for more in ((), ("--test", "test_it"), ("--json",)):
        code, told = hil("history", "--file", str(path), *more)
        assert code == 0
        assert_harmless(told)
