# SPDX-License-Identifier: Apache-2.0
"""What breaks down on the bench, before a test or in the middle of it, is told apart from what the firmware did."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from .conftest import BOOT, READY
from .small_runs import ASSERT, Run, outcomes, results


def test_the_death_of_the_boards_supervisor_ends_a_wait_at_once_and_is_the_benchs_fault(
    run: Run, pytester: pytest.Pytester, board_does: Callable[..., None]
) -> None:
    board_does(BOOT, READY, "pause 0.2", "kill")
    result = run("def test_it(board, console):\n    console.wait_event('beat', 60)\n")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["BenchError: native-board was killed by signal 9"])
    (test,) = results(pytester)["tests"]
    assert (test["outcome"], test["failure"]) == ("bench_error", "native-board was killed by signal 9")
    assert test["duration_s"] < 10


WHILE_IT_DIES = (
    "import os, signal\n"
    "def test_it(board):\n"
    "    os.kill(board.pid, signal.SIGKILL)\n    board._process.wait(10)\n    {then}\n"
)


@pytest.mark.parametrize("then", ["pass", "raise ConnectionResetError('the stream ended')"])
def test_a_supervisor_that_dies_is_the_benchs_fault_whatever_the_test_saw_of_it(
    run: Run, pytester: pytest.Pytester, board_does: Callable[..., None], then: str
) -> None:
    board_does(BOOT, READY)
    run(WHILE_IT_DIES.format(then=then))
    assert outcomes(pytester) == {"test_it": "bench_error"}


def test_a_panic_before_the_supervisor_died_is_the_firmwares(
    run: Run, pytester: pytest.Pytester, board_does: Callable[..., None]
) -> None:
    board_does(BOOT, READY, ASSERT)
    run(WHILE_IT_DIES.format(then="pass").replace("(board):", "(board, console):\n    console.wait_panic(10)"))
    assert outcomes(pytester) == {"test_it": "failed"}


def test_a_broker_that_is_killed_is_the_benchs_fault_and_later_tests_say_so_at_once(
    run: Run, pytester: pytest.Pytester, board_does: Callable[..., None]
) -> None:
    board_does(BOOT, READY)
    run(
        "import os, signal\n"
        "def test_it(board, console, broker):\n"
        "    os.kill(broker._process.pid, signal.SIGKILL)\n"
        "    console.wait_event('trigger', 0.5)\n"
        "def test_later(board):\n    pass\n"
    )
    assert outcomes(pytester) == {"test_it": "bench_error", "test_later": "bench_error"}
    for test in results(pytester)["tests"]:
        assert test["failure"].startswith("the broker was killed by signal 9; its log: ")


def test_a_full_disk_is_not_the_firmwares_fault(
    run: Run, pytester: pytest.Pytester, board_does: Callable[..., None]
) -> None:
    board_does(BOOT, READY)
    result = run("import errno\ndef test_it(board):\n    raise OSError(errno.ENOSPC, 'No space left on device')\n")
    assert outcomes(pytester) == {"test_it": "bench_error"}
    result.stdout.fnmatch_lines(["BenchError: */run: No space left on device"])


def test_a_console_log_that_ran_full_shows_nothing(
    run: Run, pytester: pytest.Pytester, board_does: Callable[..., None]
) -> None:
    """Whatever the test itself saw: what came later may have been a panic."""
    board_does(BOOT, READY, "pause 0.3", "print more than fits")
    run(
        "def test_it(board, console):\n"
        "    console.record._log = open('/dev/full', 'wb', buffering=0)\n"
        "    console.record.linger(10)\n"
    )
    (test,) = results(pytester)["tests"]
    assert test["outcome"] == "bench_error"
    assert test["failure"].endswith("console.log cannot be written: No space left on device")


def test_a_board_that_does_not_start_is_the_benchs_fault(
    run: Run, pytester: pytest.Pytester, board_does: Callable[..., None]
) -> None:
    board_does("no-start")
    result = run("def test_it(board):\n    pass\n")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        ["BenchError: the native board did not start: *exit code 3: native-board: cannot start*"]
    )
    assert outcomes(pytester) == {"test_it": "bench_error"}
    assert results(pytester)["verdict"] == "fail"


def test_a_board_that_never_gets_ready_is_the_firmwares_fault(
    run: Run, pytester: pytest.Pytester, board_does: Callable[..., None]
) -> None:
    board_does(BOOT, "pause 0.2", "exit 0")
    run("def test_it(board):\n    pass\n").assert_outcomes(errors=1)
    assert outcomes(pytester) == {"test_it": "failed"}


@pytest.mark.parametrize(("ready_s", "outcome"), [(1, "failed"), (30, "passed")])
def test_the_bench_says_how_long_a_board_may_take_to_be_ready(
    run: Run, pytester: pytest.Pytester, board_does: Callable[..., None], ready_s: int, outcome: str
) -> None:
    board_does(BOOT, "pause 1.5", READY)
    bench = pytester.path / "bench.toml"
    bench.write_text(f'[boards.native]\nkind = "native"\npatience = 0.1\nready_s = {ready_s}\n')
    run("def test_it(board):\n    pass\n")
    (test,) = results(pytester)["tests"]
    assert test["outcome"] == outcome, test["failure"]
    if outcome == "failed":
        assert "of 1 s for event 'ready'" in test["failure"]


# What a chip's own USB port may leave of a start, and what else there is to see of the board.
LOST_HEAD = """
import http.server, json, os, threading
def test_it(rig):
    class Status(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({{"state": "{status}", "image_sha256": "22"}}).encode())
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Status)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    os.environ["FAKE_BOARD_PORT"] = str(server.server_address[1])
    rig.mqtt.publish(rig.topic("state"), "{state}")
    ready = rig.start()
    assert ready["image_sha256"] == "22"
    server.shutdown()
"""


@pytest.mark.parametrize(
    ("status", "state", "outcome"),
    [
        ("serving", "online", "passed"),
        ("updating", "online", "bench_error"),
        ("serving", "offline", "bench_error"),
    ],
)
def test_a_board_whose_first_lines_were_lost_is_ready_when_its_status_says_so(
    *, run: Run, pytester: pytest.Pytester, board_does: Callable[..., None], status: str, state: str, outcome: str
) -> None:
    board_does(*(step for n in range(7, 15) for step in (f'print @hil {{"n":{n},"t":{n}00,"ev":"beat"}}', "pause 0.2")))
    (pytester.path / "bench.toml").write_text('[boards.native]\nkind = "native"\nready_s = 1\n')
    run(LOST_HEAD.format(status=status, state=state))
    (test,) = results(pytester)["tests"]
    assert test["outcome"] == outcome, test["failure"]
    if outcome == "passed":
        assert test["observed"] == {"first_lines_lost": {"state": "serving", "image_sha256": "22"}}
    else:
        assert test["failure"].startswith(
            "the port lost the board's first lines, and nothing else says that it is ready"
        )
        assert test["failure"].endswith(f"its state {'not ' if state == 'offline' else ''}online")


def test_an_image_server_that_ends_is_the_benchs_fault(
    run: Run, pytester: pytest.Pytester, board_does: Callable[..., None]
) -> None:
    """The next test has one of its own."""
    board_does(BOOT, READY)
    run(
        "def test_it(board, console, image_server):\n"
        "    image_server._server.shutdown()\n    image_server._thread.join(10)\n"
        "    console.wait_event('ota_end', 0.5)\n"
        "def test_later(board):\n    pass\n"
    )
    assert outcomes(pytester) == {"test_it": "bench_error", "test_later": "passed"}
    assert results(pytester)["tests"][0]["failure"] == "the image server has ended"
