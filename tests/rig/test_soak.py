# SPDX-License-Identifier: Apache-2.0
"""`hil soak`: the test by which it finds a leak, what it leaves behind, and three cycles of it on a native board."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_hil.errors import UsageError
from pytest_hil.plugin import artifacts_path
from pytest_hil.soak.cycle import Cycle
from pytest_hil.soak.journal import Journal
from pytest_hil.soak.leak import CYCLES_NEEDED, drift_of
from pytest_hil.soak.plan import SESSIONS, WORKERS, plan_of
from pytest_hil.soak.resources import Resources
from pytest_hil.soak.summary import Summary, percentile

from .test_cli import command

CYCLES = 200
SOAK_TIMEOUT_S = 240.0  # some seconds on an idle machine


def noise(seed: int, mean: float = 400_000, deviation: float = 500) -> list[float]:
    chance = random.Random(seed)
    return [chance.gauss(mean, deviation) for _ in range(CYCLES)]


def cycle(number: int, heap_idle: int = 400_000, rss_kb: int = 9000) -> Cycle:
    return Cycle(number, "1 mjpeg", "update", 1.0, [100.0], heap_idle, 100, Resources(16, rss_kb, 6, 7000, 17))


# ---- the finding of a leak


@pytest.mark.parametrize("worse", [-1, 1])
def test_what_does_not_change_does_not_leak(worse: int) -> None:
    assert not drift_of("heap", [400_000.0] * CYCLES, worse).leaks


def test_noise_is_no_leak() -> None:
    found = [seed for seed in range(300) if drift_of("heap", noise(seed), -1).leaks]
    assert found == []


@pytest.mark.parametrize("per_cycle", [16, 64])
def test_a_leak_is_found_in_noise_many_times_its_size(per_cycle: float) -> None:
    for seed in range(50):
        leaking = [value - per_cycle * at for at, value in enumerate(noise(seed))]
        assert drift_of("heap", leaking, -1).leaks, f"seed {seed}"
        assert not drift_of("heap", leaking, +1).leaks, "to the better side"


def test_one_descriptor_in_ten_cycles_is_found() -> None:
    assert drift_of("fds", [16 + at // 10 for at in range(CYCLES)], +1).leaks


@pytest.mark.parametrize("at", [30, 100, 150])
def test_a_step_is_no_leak(at: int) -> None:
    """An arena that grew once."""
    stepped = [value / 1000 + (500 if number >= at else 0) for number, value in enumerate(noise(1))]
    assert not drift_of("rss", stepped, +1).leaks


def test_a_warm_up_is_no_leak() -> None:
    warming = [min(number, CYCLES // 12) * 100 + value / 1000 for number, value in enumerate(noise(2))]
    assert not drift_of("rss", warming, +1).leaks


def test_too_few_cycles_say_nothing() -> None:
    summary = Summary.of(1, 5, [cycle(number, heap_idle=400_000 - 1000 * number) for number in range(5)], None)
    assert (summary.judged, summary.as_json()["leaks"], summary.verdict) == (False, None, "pass")


def test_a_leak_fails_the_run() -> None:
    cycles = [cycle(number, heap_idle=400_000 - 8 * number) for number in range(CYCLES_NEEDED)]
    summary = Summary.of(1, CYCLES_NEEDED, cycles, None)
    assert (summary.verdict, summary.as_json()["leaks"]) == ("fail", ["heap_idle"])


def test_percentiles_are_values_that_were_seen() -> None:
    values = list(range(1, 101))
    assert [percentile(values, share) for share in (0.5, 0.99, 1.0)] == [50, 99, 100]


# ---- what a cycle does


def test_a_cycle_follows_from_the_seed_and_its_number() -> None:
    assert [plan_of(7, number) for number in range(50)] == [plan_of(7, number) for number in range(50)]
    assert [plan_of(7, number) for number in range(50)] != [plan_of(8, number) for number in range(50)]


def test_a_plan_asks_for_no_more_than_a_server_has() -> None:
    for number in range(2000):
        clients = plan_of(3, number).clients
        assert clients.mjpeg + clients.stalled <= WORKERS
        assert clients.mjpeg + clients.stalled + clients.ws + clients.half <= SESSIONS


# ---- what it leaves behind


def test_a_line_that_was_being_written_counts_as_not_run(tmp_path: Path) -> None:
    journal = Journal.begin(tmp_path, 5, 10)
    journal.add(cycle(0))
    journal.add(cycle(1))
    with (tmp_path / "cycles.jsonl").open("a") as out:
        out.write('{"number": 2, "pl')
    resumed = Journal.resume(tmp_path, None)
    assert (resumed.seed, resumed.wanted) == (5, 10)
    assert resumed.cycles() == [cycle(0), cycle(1)]
    resumed.add(cycle(2))
    assert resumed.cycles() == [cycle(0), cycle(1), cycle(2)]


def test_what_is_no_soak_cannot_be_resumed(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no soak"):
        Journal.resume(tmp_path, None)


def test_the_plot_is_one_file_that_needs_no_other(tmp_path: Path) -> None:
    summary = Journal.begin(tmp_path, 5, 2).finish([cycle(0), cycle(1)], None)
    assert summary.verdict == "pass"
    text = (tmp_path / "soak.svg").read_text()
    dots = ET.fromstring(text).findall("{http://www.w3.org/2000/svg}circle")
    assert len(dots) == 6  # heap, stop time and resident memory of two cycles
    assert "href" not in text
    assert "<script" not in text


def test_a_plot_of_nothing_is_one_too(tmp_path: Path) -> None:
    assert Journal.begin(tmp_path, 5, 2).finish([], "cycle 0: a panic").verdict == "fail"
    ET.parse(tmp_path / "soak.svg")


# ---- the command, on a native board


@pytest.fixture
def soak(tmp_path: Path, pytestconfig: pytest.Config) -> Callable[..., subprocess.Popen[str]]:
    """Starts `hil soak` in a project of its own, with this build's images."""
    (tmp_path / "tests" / "hil").mkdir(parents=True)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")

    def start(*arguments: str) -> subprocess.Popen[str]:
        more = ("--artifacts", str(artifacts_path(pytestconfig)))
        return subprocess.Popen(
            command("soak", *arguments, *more), cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    return start


def summary_in(folder: Path) -> dict[str, object]:
    summary: dict[str, object] = json.loads((folder / "build" / "soak" / "latest" / "soak.json").read_text())
    return summary


def test_an_interrupted_soak_is_resumed(soak: Callable[..., subprocess.Popen[str]], tmp_path: Path) -> None:
    process = soak("--cycles", "500", "--seed", "1")
    latest = tmp_path / "build" / "soak" / "latest"
    deadline = time.monotonic() + SOAK_TIMEOUT_S
    while not (latest / "cycles.jsonl").is_file() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)  # nothing tells of a file of another process
    process.send_signal(signal.SIGINT)
    out, complaint = process.communicate(timeout=SOAK_TIMEOUT_S)
    assert process.returncode == 3, out + complaint
    assert "'hil soak --resume' goes on" in complaint
    assert len(complaint.strip().splitlines()) == 1, complaint
    done = len((latest / "cycles.jsonl").read_text().splitlines())
    assert (summary_in(tmp_path)["verdict"], summary_in(tmp_path)["cycles"]) == ("unfinished", done)

    process = soak("--resume", "--cycles", str(done + 2))
    out, complaint = process.communicate(timeout=SOAK_TIMEOUT_S)
    assert (process.returncode, complaint) == (0, ""), out + complaint
    assert "seed 1," in out
    assert (summary_in(tmp_path)["verdict"], summary_in(tmp_path)["cycles"]) == ("pass", done + 2)
    rows = [json.loads(line) for line in (latest / "cycles.jsonl").read_text().splitlines()]
    assert [row["number"] for row in rows] == list(range(done + 2))
    assert all(row["resources"]["board_fds"] > 0 for row in rows)


def test_bad_input_is_one_line(soak: Callable[..., subprocess.Popen[str]]) -> None:
    process = soak("--resume", "--seed", "4")
    _, complaint = process.communicate(timeout=60)
    assert (process.returncode, len(complaint.strip().splitlines())) == (2, 1)
