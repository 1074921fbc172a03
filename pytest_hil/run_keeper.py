# SPDX-License-Identifier: Apache-2.0
"""One run from its first test to results.json, also when parallel workers share it."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from . import __version__
from .boards.artifacts import Artifacts, Image
from .errors import HilError, NotRun, UsageError, machine_fault
from .marker import HilMark
from .printable import printable
from .results.bench_key import BenchKey
from .results.history import FILE_NAME, History, HistoryError
from .results.merge import merge
from .results.record import TestRecord
from .results.run_dir import RunDir
from .results.signature import sign_results

RECORD = pytest.StashKey[TestRecord]()


def outcome_of(record: TestRecord, report: pytest.TestReport, error: BaseException | None) -> None:
    """Carries one phase's report into the record."""
    record.duration_s = round((record.duration_s or 0.0) + report.duration, 3)
    if report.failed:
        if record.outcome in ("not_run", "passed", "skipped"):
            record.outcome = "bench_error" if isinstance(error, HilError) else "failed"
            record.failure = str(error).partition("\n")[0] or type(error).__name__
    elif report.skipped:
        record.outcome = "not_run" if isinstance(error, NotRun) else "skipped"
        record.failure = str(error) if isinstance(error, NotRun) else None
    elif report.when == "call" and record.outcome == "not_run":
        record.outcome = "passed"
    if report.when == "teardown":
        record.end_attempt()


class RunKeeper:
    """Registered as a plugin of its own. Only the controlling process merges."""

    def __init__(self, config: pytest.Config, run_dir: RunDir, artifacts: Path, key: BenchKey | None) -> None:
        self.run_dir = run_dir
        self._artifacts = artifacts
        self._key = key
        self._worker: dict[str, Any] | None = getattr(config, "workerinput", None)
        self._started = time.strftime("%Y-%m-%dT%H:%M:%S%z")
        self._began = time.monotonic()
        self.fault: str | None = None  # of the machine
        self._seed: int = config.getoption("--hil-seed")
        self._note = ""

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """xdist: every worker writes into the one run's folder."""
        node.workerinput["hil_run_dir"] = str(self.run_dir.path)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        if self._worker is not None and self._worker.get("workerid") != "gw0":
            return
        kinds = {item.nodeid: mark.kind for item in session.items if (mark := HilMark.of(item)) is not None}
        if kinds and not session.config.option.collectonly:
            with self._noting_faults():
                self.run_dir.note_collected(kinds)

    @pytest.hookimpl(wrapper=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None, None, None]:
        """Last of all, and also when another's end of the session fails."""
        try:
            return (yield)
        finally:
            with self._noting_faults():
                self._finish()
            if self.fault and session.exitstatus == pytest.ExitCode.OK:  # what is not whole has not passed
                session.exitstatus = pytest.ExitCode.INTERNAL_ERROR

    @contextlib.contextmanager
    def _noting_faults(self) -> Iterator[None]:
        """What the machine lacks is told once, in a line; the run goes on as well as it can."""
        try:
            yield
        except OSError as error:
            fault = machine_fault(error, self.run_dir.path)
            if fault is None:
                raise
            self.fault = self.fault or str(fault)

    def _finish(self) -> None:
        if self._worker is not None or not self.run_dir.begun:
            return
        results = merge(
            self.run_dir,
            started=self._started,
            duration_s=time.monotonic() - self._began,
            seed=self._seed,
            rig_version=__version__,
            images=self._keep_images(),
        )
        sign_results(self.run_dir.results, self._key)
        history = self.run_dir.path.parent / FILE_NAME
        try:
            with History(history) as opened:
                opened.add(results)
        except HistoryError as error:
            self._note = f"hil: this run is not in the history: {error}"
        from .report.page import page  # noqa: PLC0415  workers, which write none, start without it

        (self.run_dir.path / "report.html").write_text(page(results, self.run_dir.path, history))
        self.run_dir.point_latest()

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.fault:
            terminalreporter.write_line(printable(f"hil: the bench failed: {self.fault}"))
        if self._note:
            terminalreporter.write_line(printable(self._note), yellow=True)

    def _keep_images(self) -> list[dict[str, Any]]:
        try:
            images = Artifacts.read(self._artifacts).images.values()
        except UsageError:
            return []
        return [image.as_json() | {"sdkconfig_sha256": self._keep_sdkconfig(image)} for image in images]

    def _keep_sdkconfig(self, image: Image) -> str | None:
        """Copies it beside the results; returns its digest."""
        if not image.sdkconfig.is_file():
            return None
        kept = self.run_dir.path / f"sdkconfig-{image.role}"
        shutil.copyfile(image.sdkconfig, kept)
        return hashlib.sha256(kept.read_bytes()).hexdigest()

    def pytest_report_header(self) -> str:
        return f"hil: images from {self._artifacts}, results to {self.run_dir.path}"
