# SPDX-License-Identifier: Apache-2.0
"""What a policy may forgive (a flaky test, one that such boards cannot run) covers no panic and no control; and whose
doings are held against the candidate."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from pytest_hil.console.console import Console
from pytest_hil.gate.evidence import Evidence, lives_of

from .gate_bench import ASSERT, HANG, PANIC, PROMISE, Bench, Life, row_of

FIRST = PROMISE.format(0)
Row = dict[str, Any]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def policy(bench: Bench, *changes: tuple[str, str]) -> None:
    text = bench.policy.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    bench.policy.write_text(text)


def logs_of_an_attempt(bench: Bench, lines: list[str]) -> list[Row]:
    folder = bench.run / "first-attempt"
    folder.mkdir()
    (folder / "console.log").write_text("".join(f"{line}\n" for line in lines))
    digest = hashlib.sha256((folder / "console.log").read_bytes()).hexdigest()
    return [{"path": "first-attempt/console.log", "sha256": digest}]


def run_again(bench: Bench, test_id: str, first_attempt: list[str]) -> None:
    """It failed, and then passed."""
    logs = logs_of_an_attempt(bench, first_attempt)

    def change(results: Row) -> None:
        row = row_of(results, test_id)
        attempts = [{"outcome": "failed", "logs": logs}, {"outcome": "passed", "logs": row["logs"]}]
        row.update(outcome="flaky", attempts=attempts)

    bench.insider(change)


def a_life(bench: Bench, *more: str) -> list[str]:
    life = Life(run="an attempt")
    life.boot(bench.digests["release"])
    return [*life.lines, *more]


FLAKY = (("flaky_share = 0.0", "flaky_share = 0.5"), ('graceful-*" = 3', 'graceful-*" = 2'))


def test_a_flaky_test_that_is_allowed_may_not_have_panicked(bench: Bench) -> None:
    policy(bench, *FLAKY)
    run_again(bench, FIRST, a_life(bench, ASSERT, "Backtrace: 0x400d1f3b:0x3ffb5e70"))
    (told,) = bench.reasons()
    assert told.startswith(f"{FIRST}: a panic in its attempt 1: assert in lwip_netconn_do_writemore"), told


def test_a_flaky_test_that_is_allowed_may_not_have_been_reset(bench: Bench) -> None:
    """By a watchdog, say, which prints nothing; unless the bench did it, and said so of that very attempt."""
    policy(bench, *FLAKY)
    before = a_life(bench)
    again = Life(run="again")
    again.boot(bench.digests["release"], "TASK_WDT")
    run_again(bench, FIRST, [*before, *again.lines])
    (told,) = bench.reasons()
    assert told.startswith(f"{FIRST}: a panic in its attempt 1: watchdog_reset"), told
    at = len("".join(f"{line}\n" for line in before))
    bench.insider(lambda r: row_of(r, FIRST)["attempts"][0].update(remarks=[[at, "reset_asked"]]))
    assert bench.reasons() == []


def test_a_flaky_test_that_is_allowed_may_not_begin_with_a_fault(bench: Bench) -> None:
    """Nothing is left of the panic but the boot that it led to."""
    policy(bench, *FLAKY)
    life = Life(run="an attempt")
    life.boot(bench.digests["release"], "PANIC")
    run_again(bench, FIRST, life.lines)
    assert bench.reasons() == [f"{FIRST}: a panic in its attempt 1: a reset nobody asked for: PANIC at line 1"]


def test_a_flaky_test_that_is_allowed_shows_the_logs_of_all_its_attempts(bench: Bench) -> None:
    policy(bench, *FLAKY)
    run_again(bench, FIRST, a_life(bench, "no panic"))
    assert bench.reasons() == []
    (bench.run / "first-attempt" / "console.log").write_text("nothing at all\n")
    (told,) = bench.reasons()
    assert "first-attempt/console.log is not the file that was signed" in told


@pytest.mark.parametrize("control", [HANG, PANIC])
def test_a_control_shows_its_failure_at_once(bench: Bench, control: str) -> None:
    policy(bench, *FLAKY)
    run_again(bench, control, a_life(bench))
    assert bench.reasons() == [f"{control}: passed only when it was run again: failed, passed"]


@pytest.mark.parametrize("how", ["skipped", "not_run"])
def test_no_board_is_excused_from_a_control(bench: Bench, how: str) -> None:
    policy(bench, ("cycles = 1", 'cycles = 1\nexempt = ["*"]'))
    bench.insider(lambda r: row_of(r, HANG).update(outcome=how, attempts=[]))
    bench.insider(lambda r: r.update(verdict="pass" if how == "skipped" else "fail"))
    missing = f"run run-1: the control {HANG} is missing: nothing shows that the rig still sees that failure"
    assert bench.reasons() == [missing]


def test_what_is_skipped_may_not_have_panicked(bench: Bench) -> None:
    policy(bench, ("cycles = 1", 'cycles = 1\nexempt = ["*graceful-0]"]'), ('graceful-*" = 3', 'graceful-*" = 2'))
    logs = logs_of_an_attempt(bench, a_life(bench, ASSERT))
    attempts = [{"outcome": "skipped", "logs": logs}]
    bench.insider(lambda r: row_of(r, FIRST).update(outcome="skipped", attempts=attempts))
    (told,) = bench.reasons()
    assert told.startswith(f"{FIRST}: a panic in its attempt 1: assert"), told


def test_what_failed_is_not_excused_by_being_left_out_when_it_is_run_again(bench: Bench) -> None:
    policy(bench, ("cycles = 1", 'cycles = 1\nexempt = ["*graceful-0]"]'), ('graceful-*" = 3', 'graceful-*" = 2'))
    attempts = [{"outcome": "failed", "logs": []}, {"outcome": "skipped", "logs": []}]
    bench.insider(lambda r: row_of(r, FIRST).update(outcome="skipped", attempts=attempts))
    assert bench.reasons() == [f"{FIRST}: was skipped; its attempts are: failed, skipped"]


# ---- the bench's fault


def lost_to_the_bench(bench: Bench, *attempts: Row) -> None:
    bench.insider(lambda r: row_of(r, FIRST).update(outcome="bench_error", attempts=list(attempts)))
    bench.insider(lambda r: r.update(verdict="fail"))


def test_a_panic_is_not_the_bench_s_fault(bench: Bench) -> None:
    lost_to_the_bench(bench, {"outcome": "bench_error", "logs": logs_of_an_attempt(bench, a_life(bench))})
    assert bench.judged().verdict.bench_alone
    (bench.run / "first-attempt" / "console.log").unlink()
    (bench.run / "first-attempt").rmdir()
    lost_to_the_bench(bench, {"outcome": "bench_error", "logs": logs_of_an_attempt(bench, a_life(bench, ASSERT))})
    assert not bench.judged().verdict.bench_alone
    told = [str(reason) for reason in bench.judged().verdict.reasons if not reason.bench]
    assert any(reason.startswith(f"{FIRST}: a panic in its attempt 1: assert in") for reason in told), told
    assert any(reason.startswith("native: 2 scenarios of") for reason in told), "what panicked is not merely lost"


def test_a_failure_is_not_the_bench_s_fault_because_the_bench_failed_after_it(bench: Bench) -> None:
    lost_to_the_bench(bench, {"outcome": "failed", "logs": []}, {"outcome": "bench_error", "logs": []})
    verdict = bench.judged().verdict
    assert not verdict.bench_alone
    assert f"{FIRST}: the bench failed; its attempts are: failed, bench_error" in map(str, verdict.reasons)


def test_a_bench_that_fails_throughout_is_all_that_stands_against_the_image(bench: Bench) -> None:
    """No broker, say: nothing was measured, no board was used, and nobody knows of which kind it is."""
    attempts = [{"outcome": "bench_error", "logs": []}]
    lost = {"outcome": "bench_error", "board": None, "board_kind": None, "chip_mac": None, "attempts": attempts}
    for row in bench.read()["tests"]:
        for log in row["logs"]:
            (bench.run / log["path"]).unlink()
    bench.insider(lambda r: [row.update(lost, logs=[]) for row in r["tests"]])
    bench.insider(lambda r: r.update(verdict="fail"))
    policy(bench, ("rollback = false", "rollback = true"))
    verdict = bench.judged().verdict
    texts = [str(reason) for reason in verdict.reasons]
    assert verdict.bench_alone, [str(reason) for reason in verdict.reasons if not reason.bench]
    assert "native: update, longest: nothing was measured" in texts
    assert "native: 0 different boards were used, required are 1" in texts
    assert "native: no promise shows a board that goes back to the image before" in texts
    policy(bench, ("boards = 1", "boards = 2"))
    assert not bench.judged().verdict.bench_alone, "a bench with one board could not have shown two"


@pytest.mark.parametrize(("control", "complaint"), [(HANG, "no stop hung for 9000 ms"), (PANIC, "no panic in lwip_")])
def test_a_control_is_shown_by_the_control_image_and_no_other(bench: Bench, control: str, complaint: str) -> None:
    """The release image hangs or panics, in a scenario in which the control image ran too: that is no control."""
    life = Life(run="two images")
    life.boot(bench.digests["control"])
    life.event("restart", why="update")
    life.boot(bench.digests["release"], "SW")
    failure = bench.log(control).read_text().splitlines()[2:]
    bench.alter_log(control, lambda _: "".join(f"{line}\n" for line in [*life.lines, *failure]))
    bench.redigest(recompute=True)
    assert any(f"the control did not show its failure: {complaint}" in told for told in bench.reasons())


def test_what_the_field_s_image_did_is_not_held_against_the_candidate(bench: Bench) -> None:
    """Its slow stop may be why there is a candidate."""
    digest = "ee" * 32
    row = next(row for row in bench.rows if row["role"] == "release")
    previous = row | {"role": "previous", "image_sha256": digest, "sdkconfig_sha256": None}
    life = Life(run="in the field")
    life.boot(digest)
    life.stop(5000)
    life.event("ota_begin", version="1.0", slot="ota_1", size=1000)
    life.event("ota_end", 25_000, err="ESP_OK")
    life.event("restart", why="update")
    before = "".join(f"{line}\n" for line in life.lines)
    bench.alter_log(FIRST, lambda text: before + text.replace('"POWERON"', '"SW"'))
    times = "".join(f"{i * 0.1:.3f}\n" for i in range(len(bench.log(FIRST).read_text().splitlines())))
    bench.log(FIRST, "console.times").write_text(times)
    bench.log(FIRST, "clients.json").write_text(json.dumps([]))
    bench.insider(lambda r: r["images"].append(previous))
    bench.redigest(recompute=True)
    policy(bench, ("rollback = false", f'rollback = false\nreleased = ["{digest}"]'))
    assert bench.reasons() == []


def test_an_image_that_is_not_there_has_no_lives(tmp_path: Path) -> None:
    """Nor has it those of a board that does not say what it runs: those are the candidate's."""
    console = Console(tmp_path / "console.log")
    console.feed(b'@hil {"n": 0, "t": 1, "ev": "boot", "reset_reason": "POWERON"}\n')
    console.end("power off")
    evidence = Evidence(console, "", [0.0], [])
    assert len(evidence.boots) == 1
    assert lives_of(None, evidence) == set()
