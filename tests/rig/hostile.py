# SPDX-License-Identifier: Apache-2.0
"""Texts that a board, a name or a log might hold to get out of where it is shown."""

from __future__ import annotations

import re

HOSTILE = (
    "<script>window.owned=1</script>",
    "</script><script>window.owned=1</script>",
    '"><img src=x onerror="window.owned=1">',
    "'onmouseover='window.owned=1' x='",
    "--><svg onload=window.owned=1>",
    "{{ 7 * 7 }}{% raw %}",
    "javascript:window.owned=1",
    "\x1b[31mred\x1b[2J\x1b[H",
    "\x1b]0;a title\x07\x1b]8;;http://example.org\x1b\\link\x1b]8;;\x1b\\",
    "\x9b31m\x90q\x9c",
    "a\rb\x08\x08c\x00d\x7f",
    "\u202egnp.exe\u2066\u200b\ufeff",
    "\udc80\ud800",
    "[red]markup[/red] [link=http://example.org]x[/link]",
)
_STEERING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def assert_harmless(output: str) -> None:
    """Of what goes to a terminal that was promised no escape sequence."""
    found = _STEERING.search(output)
    assert found is None, f"{found.group()!r} in {output[max(found.start() - 60, 0) : found.end() + 60]!r}"
