# SPDX-License-Identifier: Apache-2.0
"""Eight native boards at once: each has its own streams, broker, image and console, and nothing of another's.

The boards are the real ones of `make build`, not stand-ins, and each streams frames of a size that only it has.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

BOARDS = 8
TEST = """
import time
from pathlib import Path
import pytest
from pytest_hil.services.mqtt import MqttClient

BOARDS = 8

def meet(name, number):
    # Whoever comes first waits for the others: all boards are at the same point at the same time.
    Path(f"{name}-{number}").touch()
    deadline = time.monotonic() + 120
    while len(list(Path().glob(f"{name}-*"))) < BOARDS:
        assert time.monotonic() < deadline, f"not all boards came to {name!r}"
        time.sleep(0.02)  # between processes only files tell

@pytest.mark.hil(kind="promise")
@pytest.mark.parametrize("number", range(BOARDS))
def test_it(rig, broker, number):
    size = 2048 + 512 * number
    with MqttClient(broker.host, broker.port, "#") as everything:
        rig.power_on("release", {"frame_bytes": size, "frame_ms": 50})
        rig.console.wait_event("ready", 60)
        meet("up", number)
        client = rig.streams.mjpeg()
        client.wait_frames(10, 60)
        meet("streaming", number)
        client.wait_frames(client.check.frames + 10, 60)
        mark = rig.publish_trigger(rig.trigger_for())
        rig.console.wait_event("stop_end", 60, mark, server=81)
        ending = client.wait_end(60)
        assert (ending.how, client.check.problems) == ("complete", [])
        rig.console.wait_event("valid", 60, mark)
        mean = client.check.byte_count / client.check.frames
        assert abs(mean - size) < 256, f"frames of {mean:.0f} bytes, this board's have {size}"
        devices = {message.topic.split("/")[1] for message in everything.messages}
        assert devices == {rig.bench.device_id}, f"another board's messages: {devices}"
        rig.record.observed = {"device": rig.bench.device_id, "bytes": mean}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "tests" / "hil").mkdir(parents=True)
    (tmp_path / "pytest.ini").write_text("[pytest]\njunit_family = xunit1\n")
    (tmp_path / "tests" / "hil" / "test_one.py").write_text(TEST)
    return tmp_path


def test_eight_boards_do_not_cross_talk(project: Path, pytestconfig: pytest.Config) -> None:
    artifacts = pytestconfig.rootpath / "build" / "native"
    hil = [sys.executable, "-c", "from pytest_hil.cli import main; main()"]
    ran = subprocess.run(
        [*hil, "run", "-n", str(BOARDS), "--artifacts", str(artifacts)],
        cwd=project,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    run = project / "build" / "hil" / "latest"
    results: dict[str, Any] = json.loads((run / "results.json").read_text())
    tests = results["tests"]
    assert len(tests) == BOARDS
    assert len({test["observed"]["device"] for test in tests}) == BOARDS
    for test in tests:
        (console,) = [run / log["path"] for log in test["logs"] if log["path"].endswith("console.log")]
        text = console.read_text()
        named = set(re.findall(r"board-\d+-\d{9}", text)) - {test["observed"]["device"]}
        assert not named, f"{console}: another board's name: {named}"
        assert text.count('"ev":"boot"') == 2, "power on, and the update"
        assert test["panics"] == []
