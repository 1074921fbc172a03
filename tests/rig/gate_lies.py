# SPDX-License-Identifier: Apache-2.0
"""The ways to pass without having passed, a row each: its name, what is done to the run, the reason that must come.

Most have the bench's key (`insider`, `redigest`): they show the check that lies behind the signature.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

from pytest_hil.results.bench_key import BenchKey
from pytest_hil.results.signature import sign_results

from .gate_bench import ASSERT, HANG, PANIC, PROMISE, Bench, client, row_of

FIRST, SECOND = PROMISE.format(0), PROMISE.format(1)

Lie = Callable[[Bench], object]


def outcome(test_id: str, value: str) -> Lie:
    return lambda bench: bench.insider(lambda r: row_of(r, test_id).update(outcome=value))


def in_first(**fields: Any) -> Lie:
    return lambda bench: bench.insider(lambda r: row_of(r, FIRST).update(fields))


def retried(bench: Bench) -> None:
    attempts = [{"outcome": "failed", "logs": []}, {"outcome": "passed", "logs": []}]
    bench.insider(lambda r: row_of(r, FIRST).update(outcome="flaky", attempts=attempts))


def retried_and_called_passed(bench: Bench) -> None:
    attempts = [{"outcome": "failed", "logs": []}, {"outcome": "passed", "logs": []}]
    bench.insider(lambda r: row_of(r, FIRST).update(attempts=attempts))


def lines(test_id: str, old: str, new: str, *, recompute: bool = True) -> Lie:
    """Somebody with the key alters the log, and digests, summary and signature with it."""

    def lie(bench: Bench) -> None:
        assert old in bench.log(test_id).read_text()
        bench.alter_log(test_id, lambda text: text.replace(old, new))
        bench.redigest(recompute=recompute)

    return lie


def more_lines(test_id: str, line: str) -> Lie:
    def lie(bench: Bench) -> None:
        bench.alter_log(test_id, lambda text: f"{text}{line}\n")
        bench.redigest(recompute=True)

    return lie


def edited_with_its_digest(bench: Bench) -> None:
    """By somebody without the key."""
    bench.alter_log(FIRST, lambda text: text + "\n")
    digest = hashlib.sha256(bench.log(FIRST).read_bytes()).hexdigest()
    bench.alter(lambda r: row_of(r, FIRST)["logs"][0].update(sha256=digest))


def truncated_and_signed(bench: Bench) -> None:
    path = bench.run / "results.json"
    path.write_text('{"schema": 1, "run"')
    sign_results(path, bench.key)


def another_binary(bench: Bench) -> None:
    old, new = bench.digests["release"], "ab" * 32
    for number in range(3):
        bench.alter_log(PROMISE.format(number), lambda text: text.replace(old, new))
    bench.redigest(recompute=True)


def clients(test_id: str, *rows: dict[str, Any]) -> Lie:
    def lie(bench: Bench) -> None:
        bench.log(test_id, "clients.json").write_text(json.dumps(rows))
        bench.redigest()

    return lie


def sdkconfig(role: str, change: Callable[[str], str]) -> Lie:
    def lie(bench: Bench) -> None:
        path = bench.run / f"sdkconfig-{role}"
        path.write_text(change(path.read_text()))
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        bench.insider(lambda r: [i.update(sdkconfig_sha256=digest) for i in r["images"] if i["role"] == role])

    return lie


def image_row(of: str, **fields: Any) -> Lie:
    return lambda bench: bench.insider(lambda r: [i.update(fields) for i in r["images"] if i["role"] == of])


def another_key(bench: Bench) -> None:
    sign_results(bench.run / "results.json", BenchKey.new())


def unsigned(bench: Bench) -> None:
    (bench.run / "results.json.sig").unlink()


def without(test_id: str) -> Lie:
    def gone(results: dict[str, Any]) -> None:
        results["tests"] = [row for row in results["tests"] if row["id"] != test_id]

    def lie(bench: Bench) -> None:
        shutil.rmtree(bench.log(test_id).parent)
        bench.insider(gone)

    return lie


def old(bench: Bench) -> None:
    started = (datetime.now(timezone.utc) - timedelta(days=8)).strftime("%Y-%m-%dT%H:%M:%S%z")
    bench.insider(lambda r: r["run"].update(started=started))


def from_the_future(bench: Bench) -> None:
    started = (datetime.now(timezone.utc) + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%S%z")
    bench.insider(lambda r: r["run"].update(started=started))


def one_log_for_two(bench: Bench) -> None:
    for name in ("console.log", "console.times", "clients.json"):
        shutil.copyfile(bench.log(FIRST, name), bench.log(SECOND, name))
    bench.redigest(recompute=True)


def the_same_file_twice(bench: Bench) -> None:
    bench.insider(lambda r: row_of(r, SECOND).update(logs=row_of(r, FIRST)["logs"]))


def not_so_long(bench: Bench) -> None:
    bench.alter_log(HANG, lambda text: "".join(text.splitlines(keepends=True)[:-2]))
    bench.redigest(recompute=True)


def hidden_attempt(bench: Bench) -> None:
    folder = bench.run / "an-attempt-nobody-speaks-of"
    folder.mkdir()
    (folder / "console.log").write_text(f"{ASSERT}\n")


def path_of_log(path: str) -> Lie:
    return lambda bench: bench.insider(lambda r: row_of(r, FIRST)["logs"][0].update(path=path))


def link(bench: Bench) -> None:
    log = bench.log(FIRST)
    elsewhere = bench.folder / "elsewhere.log"
    log.rename(elsewhere)
    log.symlink_to(elsewhere)


def linked_folder(bench: Bench) -> None:
    folder = bench.log(FIRST).parent
    folder.rename(bench.folder / "elsewhere")
    folder.symlink_to(bench.folder / "elsewhere")


def a_pipe(bench: Bench) -> None:
    log = bench.log(FIRST)
    log.unlink()
    os.mkfifo(log)


LOST = client("mjpeg", 0, "complete") | {"arrivals": [[0.01, 0], [0.02, 1], [0.03, 3]], "frames": 3}
TORN = client("mjpeg", 0, "complete") | {"arrivals": [[0.01, 0], [0.02, None], [0.03, 1]], "frames": 2}
KEPT = client("mjpeg", 0, "eof") | {"outlived_test": True}

LIES: tuple[tuple[str, Lie, str], ...] = (
    ("skipped", outcome(FIRST, "skipped"), r"graceful-0\]: was skipped"),
    ("not run", outcome(FIRST, "not_run"), r"graceful-0\]: was not run"),
    ("failed", outcome(FIRST, "failed"), r"graceful-0\]: failed"),
    ("blamed on the bench", outcome(FIRST, "bench_error"), r"graceful-0\]: the bench failed"),
    ("retried until green", retried, r"graceful-0\]: passed only when it was run again: failed, passed"),
    ("retried, and called passed", retried_and_called_passed, r"called passed, and its attempts are: failed, passed"),
    ("no attempt at all", in_first(attempts=[]), r"no attempt is recorded"),
    ("left out", without(FIRST), r"^native: 2 scenarios of .*graceful-\* passed, required are 3"),
    (
        "called an observation",
        in_first(kind="observation"),
        r"^native: 2 scenarios of .*graceful-\* passed, required are 3",
    ),
    ("a control left out", without(PANIC), r"the control .*kill_task\] is missing"),
    ("a control that hangs no more", not_so_long, r"no stop hung for 9000 ms, but for 8000 ms"),
    ("a control that panics no more", lines(PANIC, ASSERT, "all is well"), r"no panic in lwip_netconn_do_writemore"),
    ("a control that panics elsewhere", lines(PANIC, "lwip_netconn", "other_netconn"), r"no panic in lwip_netconn"),
    ("a control skipped", outcome(PANIC, "skipped"), r"kill_task\]: was skipped"),
    ("another binary", another_binary, r"at boot 1 its board ran another image, abab"),
    (
        "a promise on the control image",
        lambda b: lines(FIRST, b.digests["release"], b.digests["control"])(b),
        r"at boot 1 its board ran the control image; release is what it has to show",
    ),
    (
        "a promise that began with the update",
        lambda b: lines(FIRST, b.digests["release"], b.digests["update"])(b),
        r"its board never ran the release image",
    ),
    ("a board that says nothing", lines(FIRST, '"ev": "boot"', '"ev": "hello"'), r"its board never said what it runs"),
    (
        "another image than was given",
        image_row("release", file_sha256="cd" * 32),
        r"it tested another image than .*release.bin",
    ),
    ("a control of another commit", image_row("control", commit="bad"), r"the control image is built from bad"),
    (
        "a release that is its own control",
        lambda b: image_row("control", image_sha256=b.digests["release"])(b),
        r"release and control are the same image",
    ),
    ("no control image", image_row("control", role="spare"), r"it has 0 images of the role 'control'"),
    ("no sdkconfig", image_row("control", sdkconfig=None), r"there is no sdkconfig of the control image"),
    (
        "a control with another option",
        sdkconfig("control", lambda text: text + "CONFIG_HIL_NO_STREAMS=y\n"),
        r"differs from the release image in CONFIG_HIL_NO_STREAMS, which is not allowed: n there, y here",
    ),
    (
        "a release with the controls in it",
        sdkconfig("release", lambda _: "CONFIG_HIL_STOP_STRATEGIES=y\n"),
        r"the release image has CONFIG_HIL_STOP_STRATEGIES=y",
    ),
    (
        "an sdkconfig altered alone",
        lambda b: (b.run / "sdkconfig-control").write_text("CONFIG_A=y\n"),
        r"sdkconfig of the control image: .* its digest differs",
    ),
    (
        "an edited log",
        lambda b: b.alter_log(FIRST, lambda text: text.replace('"ms": 100', '"ms": 10')),
        r"console.log is not the file",
    ),
    (
        "an edited log with its digest",
        edited_with_its_digest,
        r"results.json: it was altered after it was signed",
    ),
    ("edited results", lambda b: b.alter(lambda r: r.update(verdict="pass ")), r"it was altered after it was signed"),
    ("a foreign key", another_key, r"it is signed by a key that is not believed"),
    ("no signature", unsigned, r"it is not signed"),
    (
        "a signature that is none",
        lambda b: (b.run / "results.json.sig").write_text("{"),
        r"its signature file cannot be read",
    ),
    (
        "another document's signature",
        lambda b: (b.run / "results.json.sig").write_text('{"payloadType": "x"}'),
        r"is not for results",
    ),
    ("old results", old, r"it is 8\.0 days old, allowed are 7"),
    ("results of tomorrow", from_the_future, r"which is still to come"),
    ("a time that is none", lambda b: b.insider(lambda r: r["run"].update(started="now")), r"'now' is no time"),
    (
        "a panic hidden in a raw log",
        lines(
            FIRST,
            '"ev": "valid"',
            '"ev": "valid"}\nGuru Meditation Error: Core 0 panic\'ed (LoadProhibited)\n@hil {"n":9,"x":1',
            recompute=False,
        ),
        r"graceful-0\]: a panic in its console: guru_meditation",
    ),
    (
        "a panic after the last line",
        more_lines(FIRST, ASSERT),
        r"a panic in its console: assert in lwip_netconn_do_writemore",
    ),
    (
        "a second panic in a control",
        more_lines(PANIC, ASSERT),
        r"a panic beside the one it shows",
    ),
    (
        "a panic left out of the summary",
        lambda b: b.insider(lambda r: row_of(r, PANIC).update(panics=[])),
        r"its summary says panics=\[\]",
    ),
    ("a stop time made shorter", in_first(stop_ms=1), r"its summary says stop_ms=1, its console says 100"),
    ("a heap made larger", in_first(heap_after=1), r"its summary says heap_after=1, its console says 199000"),
    ("forced clients left out", in_first(forced_count=-1), r"its summary says forced_count=-1"),
    ("images left out", in_first(images=[]), r"its summary says images=\[\]"),
    (
        "a stop that lies about its time",
        lines(FIRST, '"ms": 100', '"ms": 900'),
        r"says that it took 900 ms, by its board's clock it took 100 ms",
    ),
    ("a lost event", lines(FIRST, '"n": 2,', '"n": 7,'), r"events were lost"),
    (
        "a restart nobody announced",
        lines(FIRST, '"ev": "restart"', '"ev": "hello"'),
        r"a restart that the firmware did not announce|silent_reset",
    ),
    (
        "a client that was cut off",
        clients(FIRST, client("mjpeg", 0, "reset")),
        r"mjpeg client 0: reset, promised was complete",
    ),
    (
        "a WebSocket without a CLOSE",
        clients(FIRST, client("ws", 1, "eof")),
        r"ws client 1: eof, promised was close 1001",
    ),
    ("a client that was kept", clients(FIRST, KEPT), r"mjpeg client 0: not let go, promised was complete"),
    ("a frame that was lost", clients(FIRST, LOST), r"frame 3 came where 2 was due"),
    ("a frame that was torn", clients(FIRST, TORN), r"1 of 3 frames were torn"),
    (
        "frames that are only counted",
        clients(FIRST, client("mjpeg", 0, "complete") | {"frames": 99}),
        r"counts 99 frames, its log has 20",
    ),
    ("clients nobody can read", clients(FIRST, {"kind": 1}), r"clients.json cannot be read"),
    ("no console", in_first(logs=[]), r"it has no console.log"),
    ("one log for two scenarios", one_log_for_two, r"its console is byte for byte that of"),
    ("one file for two scenarios", the_same_file_twice, r"console.log is named 2 times"),
    ("an attempt that is not told of", hidden_attempt, r"an-attempt-nobody-speaks-of/console.log lies there"),
    (
        "a record twice",
        lambda b: b.insider(lambda r: r["tests"].append(row_of(r, FIRST))),
        r"2 records of .*graceful-0",
    ),
    ("a path that leads out", path_of_log("../elsewhere/console.log"), r"does not name a file in the run's folder"),
    ("an absolute path", path_of_log("/etc/passwd"), r"does not name a file in the run's folder"),
    ("a NUL in a path", path_of_log("a\0b/console.log"), r"does not name a file in the run's folder"),
    ("a path too long", path_of_log("a/" * 5000 + "console.log"), r"cannot be read"),
    ("a link", link, r"console.log: console.log is a link"),
    ("a linked folder", linked_folder, r"console.log: .*graceful-0 is a link"),
    ("a pipe", a_pipe, r"is no regular file"),
    ("a log that is gone", lambda b: b.log(FIRST).unlink(), r"there is no .*console.log"),
    (
        "truncated results",
        lambda b: (b.run / "results.json").write_bytes((b.run / "results.json").read_bytes()[:-200]),
        r"it was altered after",
    ),
    (
        "truncated results, signed",
        truncated_and_signed,
        r"results.json is not of schema 1",
    ),
    ("another schema", lambda b: b.insider(lambda r: r.update(schema=2)), r"results.json is not of schema 1: schema"),
    ("no results", lambda b: (b.run / "results.json").unlink(), r"there is no results.json"),
    (
        "a verdict of its own",
        lambda b: b.insider(lambda r: r.update(verdict="fail")),
        r"it calls itself 'fail'; its tests make it 'pass'",
    ),
    (
        "another kind of board",
        lambda b: b.insider(lambda r: [row.update(board_kind="toaster") for row in r["tests"]]),
        r"no boards of kind toaster",
    ),
)
