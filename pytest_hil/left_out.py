# SPDX-License-Identifier: Apache-2.0
"""Tests that are left out of a run: what they test needs a newer ESP-IDF than the images were built with.

No bench can run them on those images, so they are not asked for; results and summary name them. What a release needs
all the same is the gate's policy.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from .app_image import idf_of
from .boards.artifacts import Artifacts, Image
from .errors import UsageError
from .marker import HilMark
from .results.run_dir import RunDir

_RELEASE = re.compile(r"v?(\d+)\.(\d+)(?:\.(\d+))?")
_HEADER = re.compile(r"^# Espressif IoT Development Framework \(ESP-IDF\) (\S+) ", re.M)

Version = tuple[int, ...]


def parse(version: str) -> Version | None:
    """`v5.1.4-dirty` is (5, 1, 4); None for what is no release's name, such as a commit's."""
    match = _RELEASE.match(version)
    return tuple(int(part or 0) for part in match.groups()) if match else None


def _of(image: Image) -> Version | None:
    """A checkout without tags names itself by its commit; then the first lines of the sdkconfig say it."""
    version = parse(idf_of(image.app_bin.read_bytes()))
    if version is None and image.sdkconfig.is_file():
        header = _HEADER.search(image.sdkconfig.read_text(errors="replace"))
        version = parse(header[1]) if header else None
    return version


def built_with(artifacts: Path) -> Version | None:
    """The oldest ESP-IDF of the images there; None where there are none, or they do not say."""
    try:
        images = Artifacts.read(artifacts).images.values()
        versions = [_of(image) for image in images]
    except (OSError, UsageError):
        return None  # told when the first board is started
    return min(filter(None, versions), default=None)


class LeftOut:
    """Registered as a plugin; every worker leaves out the same."""

    def __init__(self, artifacts: Path, run_dir: RunDir, worker: str | None) -> None:
        self._artifacts, self._run_dir, self._worker = artifacts, run_dir, worker

    @pytest.hookimpl(trylast=True)  # of those that were chosen
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        needed = {item.nodeid: mark.idf for item in items if (mark := HilMark.of(item)) is not None and mark.idf}
        version = built_with(self._artifacts) if needed else None
        if version is None:
            return
        left_out = {test: idf for test, idf in needed.items() if version < (parse(idf) or ())}
        if not left_out:
            return
        config.hook.pytest_deselected(items=[item for item in items if item.nodeid in left_out])
        items[:] = [item for item in items if item.nodeid not in left_out]
        if self._worker in (None, "gw0") and not config.option.collectonly:
            self._run_dir.note_left_out({"built_with": ".".join(map(str, version)), "needed": left_out})
