# SPDX-License-Identifier: Apache-2.0
"""What a board says is a figure, or it counts against the image: never a traceback, and no limit holds because of it.
And what the bench wrote down beside the console fits it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from .gate_bench import HANG, MAC, PROMISE, Bench, row_of
from .gate_lies import FIRST, Lie, image_row, in_first, lines

HUGE = "1" + 400 * "0"


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "bench")


def figure(old: str, new: str, told: str) -> tuple[Lie, str]:
    return lines(FIRST, old, new), told


def logs_without(name: str) -> Lie:
    def lie(bench: Bench) -> None:
        bench.alter_log(FIRST, lambda text: text.replace('"ev": "beat"', '"ev": "stream_open", "kind": "ws"'))
        bench.redigest(recompute=True)
        row = row_of(bench.read(), FIRST)
        in_first(logs=[log for log in row["logs"] if not log["path"].endswith(name)])(bench)

    return lie


def times(change: Callable[[str], str]) -> Lie:
    def lie(bench: Bench) -> None:
        bench.alter_log(FIRST, change, "console.times")
        bench.redigest()

    return lie


def no_number(text: str) -> str:
    return re.sub(r"(?m)^.+$", "nan", text)


@pytest.mark.parametrize(
    ("lie", "told"),
    [
        figure('"ms": 100', '"ms": -100', r"stop_end in line 5 of the log has ms=-100, which is no figure"),
        figure('"ms": 100', '"ms": "100"', r"has ms='100', which is no figure"),
        figure('"ms": 100', '"ms": true', r"has ms=True, which is no figure"),
        figure('"ms": 100, ', "", r"has ms=None, which is no figure"),
        figure('"ms": 100', '"ms": NaN', r"line 5: an event that cannot be read"),
        figure('"forced_count": 0', '"forced_count": -1', r"has forced_count=-1, which is no figure"),
        figure('"heap_after": 199000, ', "", r"stop_end in line 5 of the log has no heap_after"),
        figure('"heap_after": 199000', '"heap_after": [1]', r"has heap_after=\[1\], which is no figure"),
        figure('"heap_idle": 200000', '"heap_idle": "a"', r"ready in line 2 of the log has heap_idle='a'"),
        figure('"heap_idle": 200000', f'"heap_idle": {HUGE}', r"line 2: an event that cannot be read"),
        figure('"closing_bytes": 100', '"closing_bytes": Infinity', r"line 5: an event that cannot be read"),
        figure('"closing_bytes": 100', '"closing_bytes": 200001', r"closing_bytes=200001, more than the 200000"),
        figure('"closing_pcbs": 1', '"closing_pcbs": 0', r"has closing_bytes=100, and no connection that is closing"),
        figure('"closing_pcbs": 1', '"closing_pcbs": -1', r"has closing_bytes=100, and no connection that is closing"),
        figure('"t": 441', f'"t": {HUGE}', r"line 7: an event that cannot be read"),
        (
            lines(FIRST, MAC, "02:00:00:00:00:02"),
            r"its board calls itself 02:00:00:00:00:02, its chip is 02:00:00:00:00:01",
        ),
        (
            in_first(chip_mac="02:00:00:00:00:0A"),
            r"its board calls itself 02:00:00:00:00:01, its chip is 02:00:00:00:00:0a",
        ),
        (logs_without("clients.json"), r"its board served 1 streams, and no clients.json tells how they ended"),
        (times(lambda text: text[:20]), r"its console.times ends before its console does"),
        (times(no_number), r"console.times is no list of times"),
    ],
)
def test_what_is_no_figure_counts_against_its_scenario(bench: Bench, lie: Lie, told: str) -> None:
    lie(bench)
    reasons = [str(reason) for reason in bench.judged().verdict.reasons]
    assert any(reason.startswith(FIRST) and re.search(told, reason) for reason in reasons), reasons


def test_a_board_has_one_mac(bench: Bench) -> None:
    """One that prints another at each boot would be counted as many."""
    bench.alter_log(FIRST, lambda text: text.replace(MAC, "02:00:00:00:00:02", 1))
    bench.redigest(recompute=True)
    in_first(chip_mac=None)(bench)
    assert f"{FIRST}: its board has 2 MACs: 02:00:00:00:00:01, 02:00:00:00:00:02" in bench.reasons()


def test_a_board_that_prints_no_mac_is_told_by_its_chip(bench: Bench) -> None:
    """And what no chip tells either by its name; a MAC is the same however it is spelled."""
    bench.policy.write_text(bench.policy.read_text().replace("boards = 1", "boards = 2"))
    for number in range(3):
        bench.alter_log(PROMISE.format(number), lambda text: text.replace('"mac"', '"mak"'))
    bench.redigest(recompute=True)
    bench.insider(lambda r: [row_of(r, PROMISE.format(n)).update(chip_mac=MAC.upper()) for n in range(3)])
    one = f"native: 1 different boards were used, required are 2; told apart by MAC: {MAC}"
    assert bench.reasons() == [one]
    bench.insider(lambda r: [row_of(r, PROMISE.format(n)).update(chip_mac=None) for n in range(3)])
    assert bench.reasons() == [one], "a board of the same name is the same board"
    bench.insider(lambda r: row_of(r, PROMISE.format(0)).update(board="another"))
    assert bench.reasons() == []
    bench.insider(lambda r: row_of(r, HANG).update(chip_mac="the emulator's own"))
    assert bench.reasons() == []


# ---- where the images come from


@pytest.mark.parametrize(
    ("commit", "told"), [(None, "no commit that is known"), ("c0ffee-dirty", "c0ffee-dirty")], ids=["none", "dirty"]
)
def test_a_policy_may_ask_for_a_clean_commit(bench: Bench, commit: str | None, told: str) -> None:
    for role in ("release", "control"):
        image_row(role, commit=commit)(bench)
    assert bench.reasons() == []
    bench.policy.write_text(f"clean_commit = true\n{bench.policy.read_text()}")
    assert bench.reasons() == [f"run run-1: the release image is built from {told}, not from a clean commit"]
    for role in ("release", "control"):
        image_row(role, commit="c0ffee")(bench)
    assert bench.reasons() == []


def test_one_of_a_choice_may_differ_either_way(bench: Bench) -> None:
    """Where the control image chooses one member, the release image has another: both options differ."""
    chosen = {"release": ("OFF", "ALL"), "control": ("ALL", "OFF")}
    for row in bench.rows:
        if row["role"] in chosen:
            is_set, is_not = chosen[row["role"]]
            path = bench.run / row["sdkconfig"]
            path.write_text(f"{path.read_text()}CONFIG_POISON_{is_set}=y\n# CONFIG_POISON_{is_not} is not set\n")
    bench.redigest_sdkconfigs()
    refused = [told for told in bench.reasons() if "which is not allowed" in told]
    assert len(refused) == 2, bench.reasons()
    text = bench.policy.read_text()
    options = 'options = ["CONFIG_HIL_STOP_STRATEGIES"'
    assert options in text
    bench.policy.write_text(text.replace(options, f'{options}, "CONFIG_POISON_OFF", "CONFIG_POISON_ALL"'))
    assert bench.reasons() == [
        "run run-1: the release image has CONFIG_POISON_OFF=y, which only the control image may have"
    ]
    differ = f'may_differ = ["CONFIG_POISON_OFF", "CONFIG_POISON_ALL"]\n{options}'
    bench.policy.write_text(text.replace(options, differ))
    assert bench.reasons() == []
