# SPDX-License-Identifier: Apache-2.0
"""`--hil-board labgrid:PLACE` against a real labgrid: reserved, acquired, used, released, whatever happens."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from pytest_hil.boards.labgrid import HEALTH_TAG

from .conftest import Lab, assert_all_is_free

MARK = "import pytest\npytestmark = pytest.mark.hil(kind='promise')\n"
USES = """
import subprocess

@pytest.mark.parametrize('i', range(COUNT))
def test_it(board, console, streams, i):
    assert console.events_named('boot')[0].n == 0, 'the reset was not seen'
    client = streams.mjpeg()
    client.wait_frames(5, 20)
    assert client.check.problems == []
    told = subprocess.run(['labgrid-client', '-p', board.config.place, 'show'], capture_output=True, text=True)
    assert 'acquired: None' not in told.stdout, told.stdout
"""
WAITS = """
def test_it(board, console):
    open('waiting', 'w').close()
    console.wait_event('no such event', 300)
"""
TIMEOUT_S = 300.0


def command(*arguments: str) -> list[str]:
    artifacts = Path(__file__).parents[2] / "build" / "native"
    hil = [sys.executable, "-c", "from pytest_hil.cli import main; main()"]
    return [*hil, "run", "--artifacts", str(artifacts), *arguments]


def hil_run(lab: Lab, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments), cwd=lab.project, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )


def write_test(lab: Lab, text: str) -> None:
    (lab.project / "tests" / "hil" / "test_one.py").write_text(MARK + text)


def boards_used(lab: Lab) -> list[str]:
    results: dict[str, Any] = json.loads((lab.project / "build" / "hil" / "latest" / "results.json").read_text())
    return [test["board"] for test in results["tests"]]


def test_two_places_one_a_worker(lab: Lab) -> None:
    write_test(lab, USES.replace("COUNT", "4"))
    ran = hil_run(lab, "-n", "2", "--hil-board", "labgrid:far-1,labgrid:far-2")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert set(boards_used(lab)) == {"labgrid:far-1", "labgrid:far-2"}
    assert_all_is_free(lab)


def test_a_sick_board_is_tagged_and_avoided(lab: Lab) -> None:
    sick, well = lab.boards
    sick.unplug()
    write_test(lab, USES.replace("COUNT", "1"))
    ran = hil_run(lab, "--hil-board", "labgrid:far-*")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert boards_used(lab) == [f"labgrid:{well.name}"]
    assert lab.coordinator.place(sick.name).tags == {HEALTH_TAG: "failed"}
    assert lab.coordinator.place(well.name).tags == {}
    refused = hil_run(lab, "--hil-board", f"labgrid:{sick.name}")
    assert refused.returncode == 3
    assert f"set-tags {HEALTH_TAG}=" in refused.stdout
    assert_all_is_free(lab)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_releases_its_place(lab: Lab, how: signal.Signals) -> None:
    write_test(lab, WAITS)
    with (lab.project / "log").open("wb") as log:
        runner = psutil.Popen(
            command("--hil-board", "labgrid:far-1"),
            cwd=lab.project,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    deadline = time.monotonic() + TIMEOUT_S
    while not (lab.project / "waiting").exists():
        assert runner.poll() is None, (lab.project / "log").read_text()
        assert time.monotonic() < deadline, "the test did not begin"
        time.sleep(0.05)  # a file tells no event
    assert lab.coordinator.place("far-1").acquired is not None
    runner.send_signal(how)
    assert runner.wait(TIMEOUT_S) == 3
    assert_all_is_free(lab)


def test_a_place_that_does_not_exist(lab: Lab) -> None:
    write_test(lab, USES.replace("COUNT", "1"))
    ran = hil_run(lab, "--hil-board", "labgrid:nowhere")
    assert ran.returncode == 3
    assert "labgrid has no place 'nowhere'" in ran.stdout
