# SPDX-License-Identifier: Apache-2.0
"""`@pytest.mark.hil(...)`: what a test says about itself, checked when it is collected."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from .console.console import ExpectedPanic

_RELEASE = re.compile(r"\d+\.\d+(\.\d+)?")
KINDS = ("promise", "control", "observation")


@dataclass(frozen=True)
class HilMark:
    """The marker's arguments."""

    kind: str = "promise"
    image: str = "release"  # the image the `board` fixture starts
    provisioning: Mapping[str, str | int] = field(default_factory=dict)
    expect_panic: ExpectedPanic | None = None
    idf: str = ""  # the first ESP-IDF whose firmware can do it: left out with images of an older one

    @classmethod
    def of(cls, item: pytest.Item) -> HilMark | None:
        """The closest marker's arguments; None without one. Raises pytest.UsageError when they make no sense."""
        marker = item.get_closest_marker("hil")
        if marker is None:
            return None
        try:
            mark = cls(*marker.args, **marker.kwargs)
        except TypeError as error:
            raise pytest.UsageError(f"{item.nodeid}: pytest.mark.hil: {error}") from None
        if mark.kind not in KINDS:
            raise pytest.UsageError(f"{item.nodeid}: pytest.mark.hil: kind {mark.kind!r} is none of {', '.join(KINDS)}")
        if mark.idf and not _RELEASE.fullmatch(mark.idf):
            raise pytest.UsageError(f'{item.nodeid}: pytest.mark.hil: idf is a version, as "5.2", not {mark.idf!r}')
        if mark.expect_panic is not None and mark.kind == "promise":
            raise pytest.UsageError(f"{item.nodeid}: pytest.mark.hil: a promise cannot expect a panic")
        return mark
