# SPDX-License-Identifier: Apache-2.0
"""The plugin's verdict, seen from outside: pytest runs small tests on a fake board, and must not be fooled."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import BOOT, READY
from .small_runs import ASSERT, Run, outcomes, results


def test_a_clean_test_passes_and_leaves_its_evidence(
    run: Run, pytester: pytest.Pytester, board_does: Callable[..., None]
) -> None:
    board_does(BOOT, READY)
    run("def test_it(board, console):\n    assert console.wait_event('ready', 5)['heap'] == 900\n").assert_outcomes(
        passed=1
    )
    document = results(pytester)
    assert document["schema"] == 1
    assert document["verdict"] == "pass"
    assert [image["role"] for image in document["images"]] == ["release", "control", "update"]
    test = document["tests"][0]
    assert (test["outcome"], test["kind"], test["board_kind"]) == ("passed", "promise", "native")
    assert test["images"] == ["11" * 32]
    assert test["strategy"] is None
    logs = {Path(log["path"]).name for log in test["logs"]}
    assert "console.log" in logs
    assert (pytester.path / "run" / "report.html").is_file()
    assert (pytester.path / "latest").resolve() == (pytester.path / "run").resolve()


def test_a_board_without_workers_runs_no_test_that_asks_for_them(
    run: Run, pytester: pytest.Pytester, board_does: Callable[..., None]
) -> None:
    board_does(BOOT, READY[:-1] + ',"stream_mode":"inline"}')
    text = (
        "def test_any(rig):\n    rig.start()\n    assert rig.stream_mode == 'inline'\n"
        "def test_workers(rig):\n    rig.start(provisioning={'stream_mode': 'workers'})\n"
        "def test_inline(rig):\n    rig.start(provisioning={'stream_mode': 'inline'})\n"
    )
    run(text).assert_outcomes(passed=2, skipped=1)
    assert outcomes(pytester) == {"test_any": "passed", "test_workers": "not_run", "test_inline": "passed"}


def test_a_test_that_is_over_holds_no_file_open(run: Run, board_does: Callable[..., None]) -> None:
    """A run of thousands must not meet a limit of the system: paho fails, without a word, from the 1024th on."""
    board_does(BOOT, READY)
    text = (
        "import gc, os\n"
        "counts = []\n"
        "@pytest.mark.parametrize('number', range(4))\n"
        "def test_it(rig, number):\n"
        "    rig.start()\n"
        "    assert rig.mqtt.messages == []\n"
        "    gc.collect()\n"
        "    counts.append(len(os.listdir('/proc/self/fd')))\n"
        "    assert set(counts) == {counts[0]}, counts\n"
    )
    run(text).assert_outcomes(passed=4)


def test_a_panic_after_the_last_wait_fails_the_test(
    run: Run, pytester: pytest.Pytester, board_does: Callable[..., None]
) -> None:
    board_does(BOOT, READY, ASSERT)
    result = run("def test_it(board):\n    pass\n")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*a panic: assert in foo (x > 0)*"])
    assert results(pytester)["tests"][0]["panics"][0]["function"] == "foo"
    assert results(pytester)["verdict"] == "fail"


def test_a_panic_in_the_second_after_a_stop_fails_the_test(
    run: Run, pytester: pytest.Pytester, board_does: Callable[..., None]
) -> None:
    stop_end = """print @hil {"n":2,"t":9,"ev":"stop_end","server":81,"ms":100}"""
    board_does(BOOT, READY, stop_end, "pause 0.7", ASSERT)
    run("def test_it(board, console):\n    console.wait_event('stop_end', 60)\n").assert_outcomes(failed=1)
    assert results(pytester)["tests"][0]["panics"][0]["function"] == "foo"


def test_a_dut_test_is_judged_too(run: Run, board_does: Callable[..., None]) -> None:
    board_does(BOOT, READY, ASSERT)
    run("def test_it(dut):\n    dut.expect('ready', timeout=5)\n").assert_outcomes(failed=1)


def test_dut_expect_reads_the_same_bytes_and_writes(run: Run, board_does: Callable[..., None]) -> None:
    board_does(BOOT, "print heap is 77 bytes", READY)
    text = """
def test_it(dut, console):
    assert dut.expect(r'heap is (\\d+) bytes', timeout=5).group(1) == b'77'
    dut.write('hello')
    dut.expect_exact('echo hello', timeout=5)
    assert console.wait_line('heap is', 0)
    assert open(dut.logfile, 'rb').read().startswith(b'@hil')
"""
    run(text).assert_outcomes(passed=1)


def test_dut_expect_ends_at_once_when_the_board_dies(
    run: Run, pytester: pytest.Pytester, board_does: Callable[..., None]
) -> None:
    board_does(BOOT, READY, "pause 0.3", "exit 0")
    text = """
import pexpect
def test_it(dut):
    with pytest.raises(pexpect.EOF):
        dut.expect('never', timeout=60)
"""
    run(text).assert_outcomes(passed=1)
    assert results(pytester)["tests"][0]["duration_s"] < 10


def test_a_lost_event_fails_the_test(run: Run, board_does: Callable[..., None]) -> None:
    board_does(BOOT, READY, 'print @hil {"n":3,"t":9,"ev":"beat"}')
    result = run("def test_it(board):\n    pass\n")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*lost event: *n=3, expected 2*"])


def test_what_the_bench_did_to_the_board_is_kept_with_its_log(
    run: Run, pytester: pytest.Pytester, board_does: Callable[..., None]
) -> None:
    """Without it a log that is read again would show a reset nobody asked for, or events that were lost."""
    board_does(BOOT, READY)
    run("def test_it(board, console):\n    board.reset()\n    console.wait_line('rst:0x1', 10)\n    console.lost()\n")
    (test,) = results(pytester)["tests"]
    assert test["outcome"] == "passed"
    (asked_at, asked), (lost_at, lost) = test["remarks"]
    assert (asked, lost) == ("reset_asked", "bytes_lost")
    assert 0 < asked_at < lost_at <= next((pytester.path / "run").glob("*/console.log")).stat().st_size


def test_a_watchdog_reset_fails_the_test(run: Run, board_does: Callable[..., None]) -> None:
    board_does(BOOT, READY, 'print @hil {"n":0,"t":0,"ev":"boot","reset_reason":"TASK_WDT"}')
    result = run("def test_it(board):\n    pass\n")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*a reset nobody asked for: TASK_WDT*"])


RESTARTED = 'print @hil {"n":0,"t":1,"ev":"boot","reset_reason":"SW"}'


def test_a_restart_that_was_not_announced_fails_the_test(run: Run, board_does: Callable[..., None]) -> None:
    announced = 'print @hil {"n":2,"t":9,"ev":"restart","why":"update"}'
    board_does(BOOT, READY, announced, RESTARTED, 'print @hil {"n":1,"t":9,"ev":"valid"}', RESTARTED)
    result = run("def test_it(board):\n    pass\n")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*a restart that the firmware did not announce, at line 6*"])


def test_a_restart_that_was_announced_is_fine(run: Run, board_does: Callable[..., None]) -> None:
    board_does(BOOT, READY, 'print @hil {"n":2,"t":9,"ev":"restart","why":"update"}', RESTARTED)
    run("def test_it(board):\n    pass\n").assert_outcomes(passed=1)


CONTROL = """
@pytest.mark.hil(kind='control', expect_panic=ExpectedPanic(function='foo'))
def test_it(board, console):
    {body}
"""


def test_a_control_that_sees_its_failure_passes(
    run: Run, pytester: pytest.Pytester, board_does: Callable[..., None]
) -> None:
    board_does(BOOT, READY, ASSERT)
    run(CONTROL.format(body="console.wait_panic(5)")).assert_outcomes(passed=1)
    test = results(pytester)["tests"][0]
    assert (test["kind"], test["outcome"], test["panics"][0]["function"]) == ("control", "passed", "foo")


def test_a_control_that_does_not_see_its_failure_fails(run: Run, board_does: Callable[..., None]) -> None:
    board_does(BOOT, READY)
    result = run(CONTROL.format(body="pass"))
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*the control did not see its failure: a panic in foo*"])


@pytest.mark.parametrize("other", [ASSERT, "print assert failed: other x.c:1 (y)"], ids=["the same again", "another"])
def test_a_control_forgives_exactly_one_panic(run: Run, board_does: Callable[..., None], other: str) -> None:
    board_does(BOOT, READY, ASSERT, "print rst:0xc (SW_CPU),boot:0x13", other)
    run(CONTROL.format(body="console.wait_panic(5)")).assert_outcomes(failed=1)


def test_a_promise_may_not_announce_a_panic(run: Run) -> None:
    text = "@pytest.mark.hil(kind='promise', expect_panic=ExpectedPanic())\ndef test_it(board):\n    pass\n"
    assert run(text).ret == pytest.ExitCode.USAGE_ERROR


def test_an_unknown_kind_is_refused(run: Run) -> None:
    assert run("@pytest.mark.hil(kind='wish')\ndef test_it():\n    pass\n").ret == pytest.ExitCode.USAGE_ERROR


def test_skipped_and_failed_are_told_apart(
    run: Run, pytester: pytest.Pytester, board_does: Callable[..., None]
) -> None:
    board_does(BOOT, READY)
    run("def test_a():\n    pytest.skip('not here')\ndef test_b():\n    assert False\ndef test_c():\n    pass\n")
    assert outcomes(pytester) == {"test_a": "skipped", "test_b": "failed", "test_c": "passed"}


def test_records_of_parallel_workers_are_merged(
    run: Run, pytester: pytest.Pytester, board_does: Callable[..., None]
) -> None:
    board_does(BOOT, READY)
    text = "@pytest.mark.parametrize('i', range(6))\ndef test_it(board, i):\n    assert i != 4\n"
    run(text, "-n", "2", f"--junitxml={pytester.path / 'run' / 'junit.xml'}").assert_outcomes(passed=5, failed=1)
    assert outcomes(pytester) == {f"test_it[{i}]": "failed" if i == 4 else "passed" for i in range(6)}
    assert len(list((pytester.path / "run" / "records").glob("*.json"))) == 6
    assert (pytester.path / "run" / "junit.xml").read_text().count("<testcase") == 6


def test_tests_that_did_not_run_are_in_the_results(
    run: Run, pytester: pytest.Pytester, board_does: Callable[..., None]
) -> None:
    board_does(BOOT, READY)
    run("def test_a():\n    assert False\ndef test_b():\n    pass\n", "-x")
    assert outcomes(pytester) == {"test_a": "failed", "test_b": "not_run"}


def test_a_test_that_did_not_run_keeps_its_kind(
    run: Run, pytester: pytest.Pytester, board_does: Callable[..., None]
) -> None:
    board_does(BOOT, READY)
    run("def test_a(board):\n    assert 0\n@pytest.mark.hil(kind='control')\ndef test_b(board):\n    pass\n", "-x")
    kinds = {test["id"].rpartition("::")[2]: test["kind"] for test in results(pytester)["tests"]}
    assert kinds == {"test_a": "promise", "test_b": "control"}


def test_pytest_embedded_alone_works_beside_it(pytester: pytest.Pytester) -> None:
    """Its own services keep their own dut, queue and listener."""
    pytester.makepyfile(
        "def test_it(dut, redirect):\n"
        "    with redirect():\n        print('spoken through the queue')\n"
        "    dut.expect_exact('spoken through the queue', timeout=20)\n"
        "    assert 'hil' not in type(dut).__module__\n"
    )
    pytester.runpytest_subprocess("--embedded-services=idf", f"--app-path={pytester.path}").assert_outcomes(passed=1)
