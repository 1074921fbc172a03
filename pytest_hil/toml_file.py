# SPDX-License-Identifier: Apache-2.0
"""A TOML file that a person wrote: its contents, and complaints about them that name file and line."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import UsageError, why_unreadable

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # the same, before Python 3.11

_TABLE = re.compile(r"\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(#.*)?$")
_KEY = re.compile(r"""\s*(?:"([^"]+)"|'([^']+)'|([A-Za-z0-9_-]+))\s*[.=]""")
_SYNTAX_AT = re.compile(r"(.*) \(at line (\d+), column (\d+)\)", re.DOTALL)

Place = Sequence[str | int]  # keys, and numbers from 0 in an array of tables


class TomlError(UsageError):
    """The file cannot be read, or is no TOML."""


@dataclass(frozen=True)
class TomlFile:
    """One file, read whole."""

    path: Path
    text: str
    contents: dict[str, Any]

    @classmethod
    def read(cls, path: Path) -> TomlFile:
        """Raises FileNotFoundError, and TomlError for anything else that is wrong with it."""
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            raise
        except (OSError, ValueError) as error:
            raise TomlError(f"{path} cannot be read: {why_unreadable(error)}") from None
        try:
            return cls(path, text, tomllib.loads(text))
        except tomllib.TOMLDecodeError as error:
            found = _SYNTAX_AT.fullmatch(str(error))
            what, line = (found[1], int(found[2])) if found else (str(error), max(len(text.splitlines()), 1))
            raise TomlError(f"{path}:{line}: {what}") from None
        except (RecursionError, ValueError) as error:  # nested too deeply, or a number of too many digits
            raise TomlError(f"{path} cannot be read: {error}") from None

    def complaint(self, at: Place, what: str) -> str:
        return f"{self.path}:{self.line_of(at)}: {'.'.join(map(str, at))}: {what}"

    def line_of(self, at: Place) -> int:
        """The line that says `at`, or the nearest above it: its own table or key, else its parent's."""
        best = (0, 1)
        table: tuple[str | int, ...] = ()
        seen: dict[tuple[str | int, ...], int] = {}  # of each array of tables, how many
        for number, line in enumerate(self.text.splitlines(), 1):
            if header := _TABLE.match(line):
                table = tuple(part.strip().strip("\"'") for part in header[2].split("."))
                if header[1] == "[[":
                    seen[table] = seen.get(table, -1) + 1
                    table = (*table, seen[table])
                here = table
            elif key := _KEY.match(line):
                here = (*table, key[1] or key[2] or key[3])
            else:
                continue
            if tuple(at[: len(here)]) == here and len(here) > best[0]:
                best = (len(here), number)
        return best[1]
