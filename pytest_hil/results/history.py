# SPDX-License-Identifier: Apache-2.0
"""What earlier runs found: a SQLite file beside the runs' folders, one row a run and one a test in it.

It serves people (`hil history`, the trends of the report) and the spreading of tests over boards. No verdict rests on
it: a run whose history cannot be written is still a run.
"""

from __future__ import annotations

import contextlib
import sqlite3
import statistics
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

FILE_NAME = "history.sqlite"
SCHEMA = 1
KEPT_RUNS = 1000  # older ones are forgotten; 60 tests a run make about 12 MB
BUSY_S = 30.0  # another run may be writing
DURATIONS = 5  # of so many last results the median counts as how long a test takes

_TABLES = """
CREATE TABLE run (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, started TEXT, duration_s REAL, verdict TEXT, image TEXT
);
CREATE TABLE result (
    run INTEGER NOT NULL REFERENCES run(number) ON DELETE CASCADE,
    test TEXT NOT NULL, kind TEXT, outcome TEXT NOT NULL, board TEXT, board_kind TEXT, image TEXT,
    strategy TEXT, stream_mode TEXT, stop_ms REAL, ota_ms REAL, update_s REAL, heap_gained REAL, duration_s REAL,
    failure TEXT, PRIMARY KEY (run, test)
) WITHOUT ROWID;
CREATE INDEX result_of_test ON result (test, run);
"""
_COPIED = (
    "kind",
    "outcome",
    "board",
    "board_kind",
    "strategy",
    "stream_mode",
    "stop_ms",
    "ota_ms",
    "update_s",
    "heap_gained",
    "duration_s",
    "failure",
)


class HistoryError(Exception):
    """The file is no history, is damaged, or cannot be opened."""


@dataclass(frozen=True)
class Run:
    """One run; `number` grows from run to run."""

    number: int
    id: str
    started: str
    duration_s: float
    verdict: str
    image: str | None  # digest of the release image
    tests: int = 0
    failed: int = 0


@dataclass(frozen=True)
class Result:
    """One test in one run."""

    run: int
    test: str
    kind: str
    outcome: str
    board: str | None
    board_kind: str | None
    image: str | None  # digest of what the board ran first
    strategy: str | None
    stream_mode: str | None
    stop_ms: float | None
    ota_ms: float | None
    update_s: float | None
    heap_gained: float | None
    duration_s: float | None
    failure: str | None


class History:
    """Open it with `with`. Every method may raise HistoryError."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._told():
            self._db = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None)
        try:
            with self._told():
                self._db.execute("PRAGMA foreign_keys = ON")
                self._prepare()
        except HistoryError:
            self._db.close()
            raise

    def _prepare(self) -> None:
        with self._writing():
            (version,) = self._db.execute("PRAGMA user_version").fetchone()
            if version == 0:
                for statement in _TABLES.split(";"):
                    self._db.execute(statement)
                self._db.execute(f"PRAGMA user_version = {SCHEMA}")
            elif version != SCHEMA:
                raise HistoryError(f"{self.path} was written by another version of hil (its schema is {version})")

    def __enter__(self) -> History:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._db.close()

    # ---- writing

    def add(self, results: dict[str, Any]) -> None:
        """Adds a run's results.json; the same run again replaces what was there."""
        run = results["run"]
        image = next((str(i["image_sha256"]) for i in results["images"] if i["role"] == "release"), None)
        rows = [
            tuple(map(_storable, (test["id"], next(iter(test["images"]), None), *map(test.get, _COPIED))))
            for test in results["tests"]
        ]
        with self._told(), self._writing():
            self._db.execute("DELETE FROM run WHERE id = ?", (run["id"],))
            number = self._db.execute(
                "INSERT INTO run (id, started, duration_s, verdict, image) VALUES (?, ?, ?, ?, ?)",
                (run["id"], run["started"], float(run["duration_s"]), results["verdict"], image),
            ).lastrowid
            marks = ", ".join("?" * (len(_COPIED) + 3))
            self._db.executemany(
                f"INSERT INTO result (run, test, image, {', '.join(_COPIED)}) VALUES ({marks})",
                [(number, *row) for row in rows],
            )
            self._db.execute("DELETE FROM run WHERE number <= ?", ((number or 0) - KEPT_RUNS,))

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise HistoryError(f"{self.path}: {error}") from None

    # ---- reading

    def runs(self, limit: int) -> list[Run]:
        """The newest, oldest of them first."""
        rows = self._rows(
            "SELECT run.*, count(test), coalesce(sum(outcome IN ('failed', 'bench_error', 'not_run')), 0) FROM run"
            " LEFT JOIN result ON result.run = run.number GROUP BY run.number ORDER BY run.number DESC LIMIT ?",
            (limit,),
        )
        return [Run(*row) for row in reversed(rows)]

    def results(self, since: int = 0, until: int | None = None) -> list[Result]:
        """Of the runs from number `since` on, before `until`, in the order of the runs."""
        rows = self._rows(
            "SELECT run, test, kind, outcome, board, board_kind, image, strategy, stream_mode, stop_ms, ota_ms,"
            " update_s, heap_gained, duration_s, failure FROM result WHERE run >= ? AND run < ? ORDER BY run, test",
            (since, until if until is not None else 1 << 62),
        )
        return [Result(*row) for row in rows]

    def durations(self) -> dict[str, float]:
        """How long each test takes: the median of its last results, in seconds."""
        took: dict[str, list[float]] = {}
        rows = self._rows(
            "SELECT test, duration_s FROM result WHERE duration_s > 0 AND outcome <> 'skipped' ORDER BY run DESC", ()
        )
        for test, duration_s in rows:
            last = took.setdefault(test, [])
            if len(last) < DURATIONS:
                last.append(duration_s)
        return {test: statistics.median(last) for test, last in took.items()}

    def before(self, run_id: str) -> Run | None:
        """The newest run before that one which has a test in common with it."""
        rows = self._rows(
            "SELECT * FROM run WHERE number < (SELECT number FROM run WHERE id = ?) AND EXISTS (SELECT 1 FROM result AS"
            " mine JOIN result AS theirs USING (test) WHERE mine.run = (SELECT number FROM run WHERE id = ?)"
            " AND theirs.run = run.number) ORDER BY number DESC LIMIT 1",
            (run_id, run_id),
        )
        return Run(*rows[0]) if rows else None

    def _rows(self, query: str, values: Sequence[object]) -> list[Any]:
        with self._told():
            return self._db.execute(query, values).fetchall()


def _storable(value: Any) -> Any:
    """SQLite takes no half of a surrogate pair, which a test's name may hold."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


def by_test(results: Iterable[Result]) -> dict[tuple[str, str | None], list[Result]]:
    """Of each test on each kind of board, in their order."""
    found: dict[tuple[str, str | None], list[Result]] = {}
    for result in results:
        found.setdefault((result.test, result.board_kind), []).append(result)
    return found
