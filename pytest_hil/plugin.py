# SPDX-License-Identifier: Apache-2.0
"""The pytest plugin: options, fixtures, and the hooks that judge a test by its whole log and record what it was.

A board lives as long as its test. At the end of the test's call it is powered off and its console is read to the last
byte; only then is the verdict spoken, so that nothing after the last wait is missed.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Generator, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from . import embedded
from .boards.artifacts import Artifacts
from .boards.bench import choose_all
from .boards.config import KINDS, BoardConfig
from .boards.pool import board_of, check_workers, kept
from .boards.protocol import Board
from .console.console import Console
from .errors import BenchError, HilError, NotRun, UsageError, machine_fault
from .left_out import LeftOut
from .marker import HilMark
from .printable import printable
from .results.bench_key import BenchKey
from .results.record import TestRecord
from .results.run_dir import RunDir
from .rig import Bench, Rig
from .run_keeper import RECORD, RunKeeper, outcome_of
from .services.broker import Broker
from .services.image_server import ImageServer
from .spreading import Spreading
from .steps import Steps
from .streams import Streams
from .verdict import judge
from .workers import Workers

BOARD = pytest.StashKey[BoardConfig]()
KEEPER = pytest.StashKey[RunKeeper]()
RIG = pytest.StashKey[Rig]()
FAILED_LOG_LINES = 40


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("hil", "boards in the loop")
    group.addoption(
        "--hil-board", default="native", metavar="NAME,…", help="the board to test on, or one for each worker (native)"
    )
    group.addoption("--hil-bench", metavar="FILE", help="where the boards are described (default: bench.toml)")
    group.addoption(
        "--hil-require-kind",
        action="append",
        default=[],
        metavar="KIND",
        choices=tuple(KINDS),
        help="a test that cannot run on this kind of board fails instead of being not run",
    )
    group.addoption("--hil-artifacts", metavar="DIR", help="images to test (default: build/native)")
    group.addoption("--hil-run-dir", metavar="DIR", help="where results go (default: build/hil/<time>)")
    group.addoption("--hil-bench-key", metavar="FILE", help="signs the results (default: build/bench/bench-key.pem)")
    group.addoption("--hil-seed", type=int, default=1, metavar="N", help="seed of the boards' random numbers (1)")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "hil(kind, image, provisioning, expect_panic, idf): kind is promise, control or observation; "
        "a control names the panic that must be seen; idf is the first ESP-IDF that can do it",
    )
    config.addinivalue_line("markers", "slow: waits for minutes; outside the default of 'hil run'")
    config.addinivalue_line("markers", "faults: the update under fire; outside the default of 'hil run'")
    config.addinivalue_line("markers", "smoke: of those, a choice that takes less than a minute")
    worker: dict[str, Any] | None = getattr(config, "workerinput", None)
    boards = chosen_boards(config)
    config.stash[BOARD] = board_of(boards, worker["workerid"] if worker else None)
    keeper = RunKeeper(config, _run_dir(config), artifacts_path(config), _bench_key(config))
    config.stash[KEEPER] = keeper
    config.pluginmanager.register(keeper, "hil-run-keeper")
    left_out = LeftOut(artifacts_path(config), keeper.run_dir, worker["workerid"] if worker else None)
    config.pluginmanager.register(left_out, "hil-left-out")
    if worker is not None or config.getoption("numprocesses", None):
        config.pluginmanager.register(Spreading(config, keeper.run_dir.path.parent), "hil-spreading")
        config.pluginmanager.register(Workers(config, keeper.run_dir.path), "hil-workers")
    # Fixtures of a plugin registered later win over pytest-embedded's own.
    config.pluginmanager.register(embedded, "hil-embedded-fixtures")


def chosen_boards(config: pytest.Config) -> list[BoardConfig]:
    """The boards of --hil-board, from a bench.toml that was found to be right: enough for all workers."""
    try:
        boards = choose_all(config.getoption("--hil-board"), config.getoption("--hil-bench"), config.rootpath)
        check_workers(boards, config.getoption("numprocesses", None) or 1)
    except UsageError as error:
        raise pytest.UsageError(str(error)) from None
    return boards


def _run_dir(config: pytest.Config) -> RunDir:
    worker: dict[str, Any] = getattr(config, "workerinput", {})
    chosen = worker.get("hil_run_dir") or config.getoption("--hil-run-dir")
    return RunDir(Path(chosen).absolute()) if chosen else RunDir.new(config.rootpath)


def _bench_key(config: pytest.Config) -> BenchKey | None:
    """Read before anything runs: a key that is none must not be found out after an hour."""
    chosen = config.getoption("--hil-bench-key")
    try:
        return BenchKey.read(Path(chosen)) if chosen else BenchKey.of_project(config.rootpath)
    except UsageError as error:
        raise pytest.UsageError(f"--hil-bench-key: {error}") from None


def artifacts_path(config: pytest.Config) -> Path:
    chosen = config.getoption("--hil-artifacts")
    return Path(chosen).absolute() if chosen else config.rootpath / "build" / "native"


# ---- fixtures


@pytest.fixture(scope="session")
def artifacts(request: pytest.FixtureRequest) -> Artifacts:
    """The images under test and what runs them."""
    return Artifacts.read(artifacts_path(request.config))


@pytest.fixture(scope="session")
def run_dir(request: pytest.FixtureRequest) -> RunDir:
    """Where this run's results go."""
    return request.config.stash[KEEPER].run_dir


@pytest.fixture(scope="session")
def broker(request: pytest.FixtureRequest, run_dir: RunDir) -> Iterator[Broker]:
    """mosquitto on a free port, one a worker."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    with Broker(run_dir.path / "services" / worker, bind=request.config.stash[BOARD].bind) as broker:
        yield broker


@pytest.fixture
def image_server(request: pytest.FixtureRequest) -> Iterator[ImageServer]:
    """An HTTP server for images on a free port; its requests are this test's alone."""
    with ImageServer(bind=request.config.stash[BOARD].bind) as server:
        yield server


@pytest.fixture(scope="session")
def hil_board(request: pytest.FixtureRequest) -> Iterator[BoardConfig]:
    """This worker's board, which is nobody else's as long as the session lasts."""
    with kept(request.config.stash[BOARD]) as board:
        yield board


@pytest.fixture
def rig(
    request: pytest.FixtureRequest, artifacts: Artifacts, broker: Broker, image_server: ImageServer, run_dir: RunDir
) -> Iterator[Rig]:
    """Board, console and services of this test, joined; nothing is started yet."""
    item = request.node
    if fault := broker.fault or image_server.fault:
        raise BenchError(fault)
    mark = HilMark.of(item) or HilMark()
    record = item.stash.setdefault(RECORD, TestRecord(item.nodeid, mark.kind))
    bench = Bench(
        artifacts,
        broker,
        image_server,
        run_dir.test_folder(item.nodeid, attempt=len(record.attempts) + 1),
        run_dir.path,
        device_id=f"board-{os.getpid()}-{time.monotonic_ns() % 10**9:09d}",  # retained topics of others are not ours
        seed=request.config.getoption("--hil-seed"),
        board=request.getfixturevalue("hil_board"),
        steps=next((one for one in request.config.pluginmanager.get_plugins() if isinstance(one, Steps)), Steps()),
    )
    rig = Rig(bench, record, mark.expect_panic)
    item.stash[RIG] = rig
    try:
        yield rig
    finally:
        rig.settle()


@pytest.fixture
def board(request: pytest.FixtureRequest, rig: Rig) -> Board:
    """A board that is ready, with the image and the provisioning that the test's marker names."""
    mark = HilMark.of(request.node) or HilMark()
    rig.start(mark.image, mark.provisioning)
    return rig.board


@pytest.fixture
def console(rig: Rig) -> Console:
    """The console of this test's board."""
    return rig.console


@pytest.fixture
def streams(rig: Rig) -> Streams:
    """Stream clients of this test; all are closed at its end."""
    return rig.streams


# ---- hooks


def pytest_itemcollected(item: pytest.Item) -> None:
    HilMark.of(item)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    mark = HilMark.of(item)
    if mark is not None:
        earlier = item.stash.get(RECORD, None)  # whatever runs a test again does so with the same item
        item.stash[RECORD] = record = earlier.next_attempt() if earlier else TestRecord(item.nodeid, mark.kind)
        record.expected_panic = asdict(mark.expect_panic) if mark.expect_panic else None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """The board is powered off and its whole log judged while the call still lasts."""
    result = yield
    rig = item.stash.get(RIG, None)
    if rig is not None:
        rig.settle()
        if rig.console.record.fault and rig.bench_fault:
            raise BenchError(rig.bench_fault)  # the log is not whole, so it shows nothing
        judge(rig.console)
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    error = call.excinfo.value if call.excinfo is not None else None
    rig = item.stash.get(RIG, None)
    if report.failed and rig is not None and not isinstance(error, HilError) and (fault := settled_fault(rig)):
        error = BenchError(fault)
    error = machine_fault(error, item.config.stash[KEEPER].run_dir.path) or error
    if isinstance(error, NotRun) and item.config.stash[BOARD].kind not in item.config.getoption("--hil-require-kind"):
        report.outcome = "skipped"
        report.longrepr = (str(item.path), item.location[1] or 0, f"not run: {error}")
    elif isinstance(error, HilError):
        report.longrepr = f"{type(error).__name__}: {error}"  # the story is told; our own frames add nothing
    record = item.stash.get(RECORD, None)
    if record is None:
        return report
    if report.failed and rig is not None and report.when == "call":
        last = "\n".join(printable(line.text) for line in rig.console.record.lines[-FAILED_LOG_LINES:])
        report.sections.append(("end of the console", last))
    outcome_of(record, report, error)
    if report.when == "teardown":
        if rig is not None:
            del item.stash[RIG]  # pytest keeps items to the end, and a rig has its console, clients and sockets
        try:
            record.write(item.config.stash[KEEPER].run_dir.records)
        except OSError as fault:
            report.outcome = "failed"
            report.longrepr = f"BenchError: the record of this test cannot be written: {fault.strerror}"
    return report


def settled_fault(rig: Rig) -> str | None:
    """What of the bench broke down during a test that failed. Its board must be off for that: a process that dies takes
    its connections along a moment before it can be seen to be dead."""
    with contextlib.suppress(OSError, HilError):
        rig.settle()
    return rig.bench_fault
