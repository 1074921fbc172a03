# SPDX-License-Identifier: Apache-2.0
"""bench.toml: the boards of this bench by name. Read whole and checked before anything is started.

Every complaint names file and line and says what is allowed. The schema is config.py's.
"""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..errors import UsageError
from ..toml_file import TomlError, TomlFile
from .config import KINDS, BoardConfig, LabgridConfig, NativeConfig, is_name

FILE_NAME = "bench.toml"
NATIVE = "native"
LABGRID = "labgrid:"
_BENCH_KEYS = ("bind", "tell")


class BenchFileError(UsageError):
    """Something in bench.toml is not as it must be."""


@dataclass(frozen=True)
class BenchFile:
    """The boards of one bench, `native` always among them."""

    path: Path
    boards: Mapping[str, BoardConfig]
    defaults: Mapping[str, Any] = field(default_factory=dict)  # of [bench]

    @classmethod
    def read(cls, path: Path) -> BenchFile:
        """The file, or without one a bench of the native board alone. Raises BenchFileError."""
        try:
            file = TomlFile.read(path)
        except FileNotFoundError:
            return cls(path, {NATIVE: NativeConfig(name=NATIVE)})
        except TomlError as error:
            raise BenchFileError(str(error)) from None
        checker = _Checker(file)
        boards = checker.boards()
        return cls(path, {NATIVE: NativeConfig(name=NATIVE), **boards}, checker.defaults)

    def board(self, name: str) -> BoardConfig:
        """Also `labgrid:PLACE`, with the settings of a board of that place where there is one. Raises UsageError."""
        if name.startswith(LABGRID):
            return self._at_place(name.removeprefix(LABGRID), name)
        if name in self.boards:
            return self.boards[name]
        where = str(self.path) if self.path.is_file() else f"there is no {self.path}"
        raise UsageError(f"there is no board {name!r}; known: {', '.join(self.boards)} ({where})")

    def _at_place(self, place: str, name: str) -> BoardConfig:
        if not place:
            raise UsageError("labgrid: wants a place's name behind it, or a pattern with *")
        known = [board for board in self.boards.values() if isinstance(board, LabgridConfig)]
        fitting = tuple(board for board in known if fnmatch.fnmatchcase(board.place, place))
        if fitting:
            return replace(fitting[0], name=name, place=place, each=fitting)
        return LabgridConfig(name=name, home=self.path.parent, place=place, **self.defaults)


def choose_all(names: str, bench_file: str | None, root: Path) -> list[BoardConfig]:
    """The boards of --hil-board, with commas between them. Raises UsageError, also when else the file is wrong."""
    bench = _bench(bench_file, root)
    try:
        return [bench.board(name.strip()) for name in names.split(",")]
    except BenchFileError:
        raise
    except UsageError as error:
        raise UsageError(f"--hil-board: {error}") from None


def _bench(bench_file: str | None, root: Path) -> BenchFile:
    if bench_file and not Path(bench_file).is_file():
        raise UsageError(f"--hil-bench: there is no file {bench_file}")
    return BenchFile.read(Path(bench_file) if bench_file else root / FILE_NAME)


class _Checker:
    """One file's contents, and the complaints about them."""

    def __init__(self, file: TomlFile) -> None:
        self._file = file
        self._contents = file.contents
        self.defaults: Mapping[str, Any] = {}

    def boards(self) -> dict[str, BoardConfig]:
        self._known_keys(self._contents, ("bench", "boards"), ())
        bench, boards = self._table("bench"), self._table("boards")
        self._known_keys(bench, _BENCH_KEYS, ("bench",))
        for key, value in bench.items():
            self._accepts(BoardConfig, key, value, ("bench",))
        self.defaults = bench
        return {name: self._board(name, row, bench) for name, row in boards.items()}

    def _board(self, name: str, row: Any, bench: Mapping[str, Any]) -> BoardConfig:
        at = ("boards", name)
        if not is_name(name):  # a file is named after a board that is parked
            raise self._error(at, f"{name!r} is no name for a board: letters, digits, blanks, '-', '_' and '.' alone")
        if not isinstance(row, dict):
            raise self._error(at, f"must be a table: [boards.{name}]")
        if "kind" not in row:
            raise self._error(at, f"the field 'kind' is missing; allowed: {', '.join(KINDS)}")
        kind = KINDS.get(row["kind"]) if isinstance(row["kind"], str) else None
        if kind is None:
            raise self._error((*at, "kind"), f"{row['kind']!r} is no kind; allowed: {', '.join(KINDS)}")
        if name == NATIVE and kind is not NativeConfig:
            raise self._error((*at, "kind"), f"the board {NATIVE!r} is always of that kind; name this one otherwise")
        self._known_keys(row, ("kind", *kind.keys()), at)
        given = {key: value for key, value in row.items() if key != "kind"}
        for key, value in given.items():
            self._accepts(kind, key, value, at)
        chosen = [key for key in kind.one_of if key in given]
        if kind.one_of and not chosen:
            raise self._error(at, f"a field is missing: one of {', '.join(kind.one_of)}")
        if len(chosen) > 1:
            raise self._error((*at, chosen[1]), f"beside {chosen[0]!r}; allowed is one of {', '.join(kind.one_of)}")
        if ("power_off" in given) != ("power_on" in given):
            raise self._error(at, "power_off and power_on go together: one is missing")
        values: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in {**bench, **given}.items()
        }
        return kind(name=name, home=self._file.path.parent, **values)

    def _table(self, name: str) -> dict[str, Any]:
        table = self._contents.get(name, {})
        if not isinstance(table, dict):
            raise self._error((name,), "must be a table")
        return table

    def _known_keys(self, table: Mapping[str, Any], known: tuple[str, ...], at: tuple[str, ...]) -> None:
        for key in table:
            if key not in known:
                close = difflib.get_close_matches(key, known, 1)
                hint = f" (did you mean {close[0]!r}?)" if close else ""
                raise self._error((*at, key), f"unknown key{hint}; allowed: {', '.join(known)}")

    def _accepts(self, kind: type[BoardConfig], key: str, value: Any, at: tuple[str, ...]) -> None:
        meta = kind.keys()[key].metadata
        if not meta["accepts"](value):
            raise self._error((*at, key), f"{value!r} is not allowed; allowed: {meta['allowed']}")

    def _error(self, at: tuple[str, ...], what: str) -> BenchFileError:
        return BenchFileError(self._file.complaint(at, what))
