# SPDX-License-Identifier: Apache-2.0
"""What is known to differ between the ports and an ESP-IDF's own server and lwIP: known_differences.toml.

firmware/native/README.md shows the same list; a test holds the two together.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

LIST = Path(__file__).with_name("known_differences.toml")
_VERSION = re.compile(r"set\(IDF_VERSION_(?:MAJOR|MINOR|PATCH) (\d+)\)")
_RELEASE = re.compile(r"\d+\.\d+(?:\.\d+)?")

Version = tuple[int, ...]


@dataclass(frozen=True)
class Known:
    """A difference that is known. In `test` and `what` a * stands for anything, all else for itself."""

    id: str
    what: str
    reason: str
    test: str = "*"  # scenarios: test ids; of a C test: its file
    since: str = ""  # the first ESP-IDF that has it
    before: str = ""  # the first that has it no more

    @property
    def versions(self) -> str:
        """As the README says it."""
        bounds = [f"from {self.since}"] * bool(self.since) + [f"before {self.before}"] * bool(self.before)
        return " ".join(bounds) or "all"

    def holds_for(self, version: Version) -> bool:
        return (not self.since or parse(self.since) <= version) and (not self.before or version < parse(self.before))

    def explains(self, test: str, difference: str) -> bool:
        return _fits(self.test, test) and _fits(self.what, difference)


def parse(version: str) -> Version:
    return tuple(map(int, version.split(".")))


def _fits(pattern: str, text: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), text) is not None


def read(path: Path = LIST) -> dict[str, list[Known]]:
    """By where they show: `scenario`, `c_test`. Raises ValueError with what is wrong in the file, and where."""
    try:
        tables: dict[str, list[dict[str, Any]]] = tomllib.loads(path.read_text())
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ValueError(f"{path}: {error}") from None
    known = {where: [_entry(path, where, entry) for entry in tables.pop(where, [])] for where in ("scenario", "c_test")}
    if tables:
        raise ValueError(f"{path}: no such table: {', '.join(tables)}")
    names = [entry.id for entries in known.values() for entry in entries]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"{path}: more than one entry is called {', '.join(twice)}")
    return known


def _entry(path: Path, where: str, entry: dict[str, Any]) -> Known:
    if not all(isinstance(value, str) and value for value in entry.values()):
        raise ValueError(f"{path}: [[{where}]] {entry.get('id')}: every value is a text that says something")
    for bound in ("since", "before"):
        if bound in entry and not _RELEASE.fullmatch(entry[bound]):
            raise ValueError(f'{path}: [[{where}]] {entry.get("id")}: {bound} is a version, as "5.2"')
    try:
        return Known(**entry)
    except TypeError as error:  # a key too many, or one missing
        raise ValueError(f"{path}: [[{where}]] {entry.get('id')}: {str(error).split(') ', 1)[-1]}") from None


def version_of(idf: Path) -> Version:
    """Of the ESP-IDF in that folder. Raises ValueError."""
    source = idf / "tools" / "cmake" / "version.cmake"
    try:
        parts = _VERSION.findall(source.read_text())
    except OSError as error:
        raise ValueError(f"{idf} is no ESP-IDF: {error}") from None
    if len(parts) != 3:
        raise ValueError(f"{source} does not say which version this ESP-IDF is")
    return tuple(map(int, parts))
