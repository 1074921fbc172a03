# SPDX-License-Identifier: Apache-2.0
"""Text from a board, a name or a log, made fit to be shown: nothing in it steers a terminal or reorders a line."""

from __future__ import annotations

import re

# Control characters but for newline and tab, and what turns the direction of text round or hides in it.
_STEERING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")


def printable(text: str) -> str:
    """The same text with every such character told by name: an escape becomes `\\x1b`."""
    return _STEERING.sub(_told, text)


def one_line(text: str) -> str:
    """As `printable`, for where a line break would look like a line of ours."""
    return printable(text).replace("\n", "\\n").replace("\t", " ")


def _told(match: re.Match[str]) -> str:
    code = ord(match.group())
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
