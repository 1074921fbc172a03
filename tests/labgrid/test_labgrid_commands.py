# SPDX-License-Identifier: Apache-2.0
"""`hil console` and `hil provision` on boards at labgrid places, against a real labgrid."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_hil.boards.provisioning import nvs_image

from ..rig.conftest import partition_table
from .conftest import CHIP, Lab, assert_all_is_free

HIL = str(Path(sys.executable).with_name("hil"))
TIMEOUT_S = 300.0
TABLE_AT, PROVISIONING_AT, PROVISIONING_SIZE = 0x8000, 0x10000, 0x4000


def hil(lab: Lab, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [HIL, *arguments], cwd=lab.project, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_console_has_its_place_as_long_as_it_listens_and_resets_nothing(lab: Lab, how: signal.Signals) -> None:
    with subprocess.Popen([HIL, "console", "far-1"], cwd=lab.project, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = [process.stdout.readline()]
        assert told == ["Waiting for the labgrid place far-1\n"]
        while told[-1] and "[beat]" not in told[-1]:
            told.append(process.stdout.readline())
        assert "[beat]" in told[-1], told
        assert lab.coordinator.place("far-1").acquired is not None
        assert lab.coordinator.place("far-2").acquired is None
        process.send_signal(how)
        told += process.stdout.readlines()
    assert process.returncode == 0, told
    assert told[-1] == "--- the console was closed\n"
    assert not any("[boot]" in line or "rst:" in line for line in told), told
    assert_all_is_free(lab)


def test_a_place_that_somebody_has_is_left_alone(lab: Lab) -> None:
    bench = lab.project / "bench.toml"
    bench.write_text(bench.read_text().replace("wait_s = 60", "wait_s = 2") + "wait_s = 2\n")
    for place, command in (
        (CHIP, ("provision", "device_id=5", "broker_uri=mqtt://x", "--board")),
        ("far-1", ("console",)),
    ):
        with lab.coordinator.acquired(place, 60):
            who = lab.coordinator.place(place).acquired
            refused = hil(lab, *command, place)
        assert refused.returncode == 3
        assert refused.stderr == f"hil: labgrid place '{place}' was not free within 2 s: {who} has it\n"
    assert lab.chip.written == []
    assert_all_is_free(lab)


def test_a_board_at_a_place_is_provisioned(lab: Lab) -> None:
    """Its loader is reached by DTR and RTS, through RFC 2217."""
    lab.chip.flash[TABLE_AT : TABLE_AT + 0xC00] = partition_table(PROVISIONING_AT, PROVISIONING_SIZE)
    before, boots = bytes(lab.chip.flash), lab.chip.boots
    values: dict[str, str | int] = {"device_id": "far-5", "broker_uri": "mqtt://10.0.0.1"}
    done = hil(lab, "provision", *(f"{key}={value}" for key, value in values.items()), "--board", CHIP)
    assert done.returncode == 0, done.stdout + done.stderr
    wanted = nvs_image(values, PROVISIONING_SIZE)
    assert bytes(lab.chip.flash) == before[:PROVISIONING_AT] + wanted + before[PROVISIONING_AT + PROVISIONING_SIZE :]
    assert (lab.chip.state, lab.chip.boots > boots) == ("running", True)
    assert done.stdout.splitlines() == [
        "  device_id = far-5",
        "  broker_uri = mqtt://10.0.0.1",
        f"provisioning.bin: {PROVISIONING_SIZE} bytes for the partition 'provisioning' at {PROVISIONING_AT:#x}",
        f"board 'labgrid:{CHIP}' carries it and was reset",
    ]
    assert_all_is_free(lab)
    lab.chip.deaf = True
    deaf = hil(lab, "provision", "device_id=5", "broker_uri=mqtt://x", "--board", CHIP)
    assert deaf.returncode == 3
    (line,) = deaf.stderr.splitlines()
    assert "cannot be written" in line
    assert_all_is_free(lab)


def test_a_port_of_ones_own_is_refused_for_a_board_at_a_place(lab: Lab) -> None:
    refused = hil(lab, "provision", "device_id=5", "broker_uri=mqtt://x", "--board", CHIP, "--port", "/dev/ttyUSB0")
    assert (refused.returncode, refused.stderr) == (
        2,
        f"hil: --port: the port of board '{CHIP}' is its labgrid place's; leave it out\n",
    )
