# SPDX-License-Identifier: Apache-2.0
"""The gate, told one lie at a time: every way to pass without having passed has its own reason, and is caught by it."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

import pytest

from pytest_hil.gate.firmware_image import FirmwareImage
from pytest_hil.gate.judge import judge
from pytest_hil.gate.policy import PolicyFile

from .gate_bench import HANG, PANIC, PROMISE, Bench, Life, client, row_of
from .gate_lies import FIRST, LIES, SECOND, Lie, in_first, outcome, retried, without


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "bench")


def test_what_is_whole_passes(bench: Bench) -> None:
    judged = bench.judged()
    assert judged.verdict.reasons == []
    assert judged.verdict.passed == sorted([FIRST, SECOND, PROMISE.format(2), PANIC, HANG])
    assert judged.verdict.failed == []


@pytest.mark.parametrize(("lie", "reason"), [row[1:] for row in LIES], ids=[row[0] for row in LIES])
def test_a_lie_is_caught_for_what_it_is(bench: Bench, lie: Lie, reason: str) -> None:
    lie(bench)
    reasons = bench.reasons()
    assert any(re.search(reason, told) for told in reasons), reasons


def test_a_reset_that_the_rig_asked_for_is_no_fault(bench: Bench) -> None:
    again = Life()
    again.boot(bench.digests["update"], "TASK_WDT")  # a chip's own word for a reset from outside
    log = bench.log(FIRST).read_bytes()
    bench.alter_log(FIRST, lambda text: text + "".join(f"{line}\n" for line in again.lines))
    bench.alter_log(FIRST, lambda text: text + "9.0\n9.1\n", "console.times")
    bench.redigest()

    def remarked(*remarks: list[object]) -> None:
        images = [bench.digests[role] for role in ("release", "update", "update")]
        bench.insider(lambda r: row_of(r, FIRST).update(remarks=remarks, images=images))

    remarked([len(log), "reset_asked"])
    assert bench.reasons() == []
    remarked()
    assert any("watchdog" in reason for reason in bench.reasons())


def lives_on(bench: Bench, life: Life) -> None:
    """The first scenario's board goes on so; a line each tenth of a second."""
    bench.alter_log(FIRST, lambda text: text + "".join(f"{line}\n" for line in life.lines))
    count = len(bench.log(FIRST).read_text().splitlines())
    bench.alter_log(FIRST, lambda _: "".join(f"{i * 0.1:.3f}\n" for i in range(count)), "console.times")
    bench.redigest(recompute=True)


@pytest.mark.parametrize(
    ("in_it", "then", "passes"),
    [
        (lambda _: None, "update", True),
        (lambda _: None, None, False),
        (lambda _: None, "release", False),
        (lambda life: life.event("valid", version="1.0-control"), "update", False),
        (lambda life: life.stop(), "update", False),
    ],
    ids=["gives up", "stays", "goes elsewhere", "is kept", "shows something"],
)
def test_the_control_image_may_be_tried_in_vain_and_no_more(
    bench: Bench, in_it: Callable[[Life], object], then: str | None, passes: bool
) -> None:
    bench.policy.write_text(bench.policy.read_text().replace("rollback = false", "rollback = true"))
    life = Life(n=3, t=100)
    life.update()
    life.boot(bench.digests["control"], "SW")
    in_it(life)
    life.event("restart", why="rollback")
    if then:
        life.boot(bench.digests[then], "SW")
    lives_on(bench, life)
    ran = f"{FIRST}: at boot 3 its board ran the control image; release is what it has to show"
    assert bench.reasons() == [] if passes else ran in bench.reasons()


@pytest.mark.parametrize(("frame_at_s", "promised"), [(0.75, False), (0.95, True)], ids=["before", "since"])
def test_a_client_is_let_go_by_the_board_that_served_it(bench: Bench, frame_at_s: float, promised: bool) -> None:
    """The second boot is at 0.8 s: whoever was connected before has lost its board, and may not know it."""
    second = Life(n=3, t=100)
    second.stop()
    lives_on(bench, second)
    kept = client("mjpeg", 0, "eof", frames=0) | {"outlived_test": True, "frames": 1, "arrivals": [[frame_at_s, 0]]}
    bench.log(FIRST, "clients.json").write_text(json.dumps([kept | {"ending": None}]))
    bench.redigest(recompute=True)
    reasons = [reason for reason in bench.reasons() if reason.startswith(FIRST)]
    assert reasons == ([f"{FIRST}: mjpeg client 0: not let go, promised was complete"] if promised else [])


@pytest.mark.parametrize(
    ("how", "frames", "told"),
    [
        ("eof", 20, "eof, before anything was stopped"),
        ("reset", 0, None),
        ("left", 20, None),
        ("complete", 20, None),
    ],
)
def test_a_stream_that_breaks_long_before_the_stop(bench: Bench, how: str, frames: int, told: str | None) -> None:
    """Nobody has left it, nothing was stopped, and its board lived on: it has lost its stream."""
    stop_at = next(i for i, line in enumerate(bench.log(FIRST).read_text().splitlines()) if "stop_begin" in line)
    times = [f"{i * 0.1 + (5 if i >= stop_at else 0):.3f}\n" for i in range(20)]
    bench.log(FIRST, "console.times").write_text("".join(times))
    bench.log(FIRST, "clients.json").write_text(json.dumps([client("mjpeg", 0, how, frames)]))
    bench.redigest()
    reasons = [reason for reason in bench.reasons() if reason.startswith(FIRST)]
    assert reasons == ([f"{FIRST}: mjpeg client 0: {told}"] if told else [])


# ---- over all runs


def test_the_same_run_given_twice_counts_once(bench: Bench) -> None:
    bench.policy.write_text(bench.policy.read_text().replace("cycles = 1", "cycles = 2"))
    copy = bench.folder / "copy"
    shutil.copytree(bench.run, copy)
    reasons = bench.reasons(bench.run, copy)
    assert f"{copy}: the run run-1 was given twice; it counts once" in reasons
    assert f"native: {FIRST} passed 1 times, required are 2 cycles" in reasons


def test_two_runs_are_two_cycles(bench: Bench) -> None:
    bench.policy.write_text(bench.policy.read_text().replace("cycles = 1", "cycles = 2"))
    second = bench.make_run("run-2")
    assert bench.reasons(bench.run, second) == []
    assert f"native: {FIRST} passed 1 times, required are 2 cycles" in bench.reasons(second)


def test_what_is_seldom_run_need_not_pass_as_often_as_what_is_required(bench: Bench) -> None:
    """Some nights run more than others; of what is required there must be enough all the same."""
    text = bench.policy.read_text().replace("cycles = 1", "cycles = 2")
    second = bench.make_run("run-2")
    without(FIRST)(bench)
    bench.policy.write_text(text)
    missing = "native: tests/hil/test_stop.py::test_stop[graceful-0] passed 1 times, required are 2 cycles"
    assert bench.reasons(bench.run, second) == [missing]
    bench.policy.write_text(text.replace('graceful-*" = 3', 'graceful-*" = 2'))
    assert bench.reasons(bench.run, second) == []
    cycles = next(m for m in bench.judged(bench.run, second).verdict.margins if ": cycles of" in m.what)
    assert (cycles.value, cycles.holds) == (2, True)


def test_one_board_is_not_two(bench: Bench) -> None:
    """Nor is it with another name in the bench file."""
    bench.policy.write_text(bench.policy.read_text().replace("boards = 1", "boards = 2"))
    again = bench.make_run("run-2", board="native-2")
    told = "native: 1 different boards were used, required are 2; told apart by MAC: 02:00:00:00:00:01"
    assert bench.reasons(bench.run, again) == [told]
    assert bench.reasons(bench.run, bench.make_run("run-3", mac="02:00:00:00:00:02")) == []


def test_an_upgrade_that_nobody_saw(bench: Bench) -> None:
    for number in range(3):
        bench.alter_log(PROMISE.format(number), lambda text: text.replace('"ev": "valid"', '"ev": "hello"'))
    bench.redigest(recompute=True)
    assert bench.reasons() == ["native: no promise shows the upgrade from release to update"]
    assert not bench.judged().verdict.bench_alone, "the bench never failed"


def test_a_rollback_that_nobody_saw(bench: Bench) -> None:
    bench.policy.write_text(bench.policy.read_text().replace("rollback = false", "rollback = true"))
    assert bench.reasons() == ["native: no promise shows a board that goes back to the image before"]
    assert not bench.judged().verdict.bench_alone, "the bench never failed"


@pytest.mark.parametrize("released", [[], ["0" * 64]], ids=["nothing", "another"])
def test_a_previous_image_that_was_never_released(bench: Bench, released: list[str]) -> None:
    """What it did is none of the candidate's figures, so that it may not be any image."""
    named = f"rollback = false\nreleased = {released!r}"
    bench.policy.write_text(bench.policy.read_text().replace("rollback = false", named))
    row = next(row for row in bench.rows if row["role"] == "update")
    previous = row | {"role": "previous", "image_sha256": "ee" * 32, "sdkconfig_sha256": None}
    bench.insider(lambda r: r["images"].append(previous))
    assert bench.reasons() == [f"run run-1: its previous image is {'ee' * 32}, which `released` does not name"]


@pytest.mark.parametrize(
    ("limit", "value", "reason"),
    [
        ("stop_p99_ms = 2200", "stop_p99_ms = 101", r"native: stop, p99: 102 ms, limit 101, in .*graceful-2\]"),
        ("unforced_stop_p99_ms = 1000", "unforced_stop_p99_ms = 101", r"native: stop that forced nobody, p99: 102 ms"),
        ("heap_missing_bytes = 4096", "heap_missing_bytes = 899", r"native: heap not free again: 900 bytes, limit 899"),
        ("ota_max_ms = 10000", "ota_max_ms = 299", r"native: update, longest: 300 ms, limit 299"),
    ],
)
def test_a_limit_that_does_not_hold(bench: Bench, limit: str, value: str, reason: str) -> None:
    text = bench.policy.read_text()
    assert limit in text
    bench.policy.write_text(text.replace(limit, value))
    (told,) = bench.reasons()
    assert re.match(reason, told), told


@pytest.mark.parametrize(("says", "counted"), [(1, 100), (300, 300)])
def test_a_stop_takes_as_long_as_it_says_and_no_less_than_by_the_clock(bench: Bench, says: int, counted: int) -> None:
    """Its two events may be printed late, so that the two figures may differ; the better one is not chosen."""
    for number in range(3):
        bench.alter_log(PROMISE.format(number), lambda text: re.sub(r'"ms": 10\d', f'"ms": {says}', text))
    bench.redigest(recompute=True)
    assert bench.reasons() == []
    margins = {margin.what: margin.value for margin in bench.judged().verdict.margins}
    assert counted <= (margins["native: stop, p99"] or 0) <= counted + 2


def test_a_disturbed_network_costs_time_and_memory_and_clients_and_that_is_all(bench: Bench) -> None:
    """Not more than that: its stop is held to its limit like any other."""
    bench.alter_log(FIRST, lambda text: text.replace('"t": 441', '"t": 20441').replace('"t": 451', '"t": 20451'))
    bench.alter_log(FIRST, lambda text: text.replace('"heap_after": 199000', '"heap_after": 99000'))
    bench.log(FIRST, "clients.json").write_text(json.dumps([client("mjpeg", 0, "reset")]))
    bench.redigest(recompute=True)
    assert f"{FIRST}: mjpeg client 0: reset, promised was complete" in bench.reasons()
    text = bench.policy.read_text()
    bench.policy.write_text(f'unclean_ends = ["{FIRST}"]\n{text}')
    reasons = bench.reasons()
    assert len(reasons) == 2
    assert any(reason.startswith("native: update, longest: 20300 ms, limit 10000") for reason in reasons), reasons
    assert any(reason.startswith("native: heap not free again: 100900 bytes, limit 4096") for reason in reasons), (
        reasons
    )
    bench.policy.write_text(f'disturbed_networks = ["{FIRST}"]\n{text}')
    assert bench.reasons() == []
    assert max(m.value or 0 for m in bench.judged().verdict.margins if m.what.endswith("longest")) == 300
    bench.policy.write_text(
        f'disturbed_networks = ["{FIRST}"]\n{text.replace("stop_p99_ms = 2200", "stop_p99_ms = 101")}'
    )
    assert any("stop, p99: 102 ms" in reason for reason in bench.reasons())


def test_an_observation_may_run_any_image_and_counts_for_none(bench: Bench) -> None:
    bench.policy.write_text(bench.policy.read_text().replace('graceful-*" = 3', 'graceful-*" = 2'))
    bench.insider(lambda r: row_of(r, FIRST).update(kind="observation"))
    other = bench.digests["release"]
    bench.alter_log(FIRST, lambda text: text.replace(other, "ab" * 32))
    bench.redigest(recompute=True)
    assert bench.reasons() == []


def test_a_limit_without_a_figure_does_not_hold(bench: Bench) -> None:
    for number in range(3):
        bench.alter_log(PROMISE.format(number), lambda text: re.sub('"ota_end"', '"ota_over"', text))
    bench.redigest(recompute=True)
    assert bench.reasons() == ["native: update, longest: nothing was measured"]


def test_a_flaky_share_that_is_allowed_fails_nothing_and_is_no_pass(bench: Bench) -> None:
    bench.policy.write_text(bench.policy.read_text().replace("flaky_share = 0.0", "flaky_share = 0.5"))
    retried(bench)
    assert bench.reasons() == [
        "native: 2 scenarios of tests/hil/test_stop.py::test_stop[graceful-* passed, required are 3"
    ]


def test_what_boards_cannot_run_may_be_missing_and_counts_when_it_ran(bench: Bench) -> None:
    exempt = 'cycles = 1\nexempt = ["*graceful-0]"]'
    bench.policy.write_text(
        bench.policy.read_text().replace("cycles = 1", exempt).replace('graceful-*" = 3', 'graceful-*" = 2')
    )
    outcome(FIRST, "not_run")(bench)
    in_first(attempts=[])(bench)
    bench.insider(lambda r: r.update(verdict="fail"))
    assert bench.reasons() == []
    outcome(FIRST, "failed")(bench)
    assert bench.reasons() == [f"{FIRST}: failed"]


@pytest.mark.parametrize("board_kind", ["native", None], ids=["under way", "before there was a board"])
def test_only_the_bench_failed(bench: Bench, board_kind: str | None) -> None:
    """So that a scenario which is required did not pass is the bench's fault too."""
    outcome(FIRST, "bench_error")(bench)
    in_first(board_kind=board_kind)(bench)
    bench.insider(lambda r: r.update(verdict="fail"))
    verdict = bench.judged().verdict
    assert not verdict.ships
    assert verdict.bench_alone, verdict.reasons
    without(SECOND)(bench)
    assert not bench.judged().verdict.bench_alone, "one that nobody ran is nobody's fault but the runner's"


def test_a_board_of_each_target(tmp_path: Path) -> None:
    native, chip = Bench(tmp_path / "native"), Bench(tmp_path / "chip", target="esp32s3", kind="serial")
    head, tables = native.policy.read_text().split("[boards.native]")
    head = head.replace('"bench-key.pub.pem"', f'"bench-key.pub.pem", "{chip.folder}/bench-key.pub.pem"')
    tables = f"[boards.native]{tables}"
    chips = tables.replace("boards.native", "boards.s3").replace('"native"', '"serial"').replace("linux", "esp32s3")
    native.policy.write_text(f"{head}{tables}{chips}")

    def reasons(runs: list[Path], *images: Path) -> list[str]:
        given = {image.target: image for image in map(FirmwareImage.read, images)}
        judged = judge(PolicyFile.read(native.policy), runs, given, datetime.now(timezone.utc))
        return [str(reason) for reason in judged.verdict.reasons]

    assert reasons([native.run, chip.run], native.image, chip.image) == []
    assert "s3: no image for esp32s3 was given" in reasons([native.run, chip.run], native.image)
    lacking = reasons([native.run], native.image, chip.image)
    assert "s3: 0 scenarios of tests/hil/test_stop.py::test_stop[graceful-* passed, required are 3" in lacking
    assert all(reason.startswith("s3: ") for reason in lacking), lacking
    other = chip.folder / "update.bin"
    assert any("it tested another image than" in told for told in reasons([native.run, chip.run], native.image, other))


def test_an_image_nobody_tested(bench: Bench) -> None:
    bench.image.write_bytes((bench.folder / "update.bin").read_bytes())
    assert any("it tested another image than" in reason for reason in bench.reasons())
