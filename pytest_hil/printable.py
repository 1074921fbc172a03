# SPDX-License-Identifier: Apache-2.0
"""Text from a board, a name or a log, made fit to be shown: nothing in it steers a terminal, reorders a line, or is a
command to the runner of GitHub Actions."""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Iterable, Iterator
from typing import Any, TextIO, cast

# Control characters but for newline and tab, what turns the direction of text round or hides in it, what no XML holds.
_STEERING = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufffe\uffff\ud800-\udfff]"
)


def printable(text: str) -> str:
    """The same text with every such character told by name: an escape becomes `\\x1b`."""
    return _STEERING.sub(_told, text)


def one_line(text: str) -> str:
    """As `printable`, for where a line break would look like a line of ours."""
    return printable(text).replace("\n", "\\n").replace("\t", " ")


def _told(match: re.Match[str]) -> str:
    code = ord(match.group())
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


# What the runner obeys: `::` at the start of a line, be it after white space, and `##[` anywhere in one.
_COMMAND = re.compile(r"((?:^|[\r\n])[^\S\r\n]*:):|(##)\[")


class _Uncommanded:
    """A stream on which no command can be written, in however many pieces. All but writing is the stream's own."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self._line = ""  # as much of the line that is not over as tells whether the next character makes a command

    def write(self, text: str) -> int:
        shown = _COMMAND.sub(_disarmed, self._line + text)
        self.stream.write(shown[len(self._line) :])
        line = re.split(r"[\r\n]", shown)[-1].lstrip()
        self._line = line if len(line) <= 2 else f".{line[-2:]}"
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def _disarmed(match: re.Match[str]) -> str:
    # An escape that JSON has too, so that what was JSON still is.
    return rf"{match[1]}\u003a" if match[1] is not None else rf"{match[2]}\u005b"


@contextlib.contextmanager
def no_commands() -> Iterator[None]:
    """Whatever is printed meanwhile, the runner takes no line of it for a command."""
    out, err = (cast("TextIO", _Uncommanded(stream)) for stream in (sys.stdout, sys.stderr))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        yield


def command(line: str) -> None:
    """One that is meant as such."""
    stream = sys.stdout
    while isinstance(stream, _Uncommanded):
        stream = stream.stream
    stream.write(f"{line}\n")
