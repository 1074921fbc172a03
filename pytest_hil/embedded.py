# SPDX-License-Identifier: Apache-2.0
"""pytest-embedded beside the rig: its own services work unchanged, and without one `dut` is the rig's board.

pytest-embedded starts a process for its message queues in every session. It would idle beside each test, and stay
behind when the runner is killed; here it starts when a service really asks for a queue.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_embedded import plugin as embedded_plugin
from pytest_embedded.app import App
from pytest_embedded.log import MessageQueueManager
from pytest_embedded.utils import Meta

from .dut import BoardDut


class LazyQueueManager:
    """Stands for pytest-embedded's manager until a message queue is wanted."""

    def __init__(self) -> None:
        self._manager: Any = None

    def MessageQueue(self) -> Any:  # noqa: N802  pytest-embedded's name
        if self._manager is None:
            self._manager = MessageQueueManager()
            self._manager.start()
        return self._manager.MessageQueue()

    def shutdown(self) -> None:
        if self._manager is not None:
            self._manager.shutdown()


# ---- overrides of pytest-embedded's fixtures; they win because this module is registered after it


@pytest.fixture(scope="session", autouse=True)
def _mp_manager() -> Iterator[LazyQueueManager]:
    manager = LazyQueueManager()
    embedded_plugin._MP_MANAGER = manager
    yield manager
    manager.shutdown()


@pytest.fixture(scope="session")
def cache_dir(request: pytest.FixtureRequest) -> str:
    """pytest-embedded's caches stay with the project, not in the machine's temporary folder."""
    chosen = request.config.getoption("cache_dir", None)
    cache: pytest.Cache | None = getattr(request.config, "cache", None)  # the plugin may be switched off
    if chosen or cache is None:
        return str(request.getfixturevalue("cache_dir"))
    return str(cache.mkdir("pytest-embedded"))


@pytest.fixture(scope="session")
def session_tempdir(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Its logs too, where no other place was asked for: pytest cleans this one up."""
    if request.config.getoption("root_logdir", None):
        return str(request.getfixturevalue("session_tempdir"))
    folder = str(tmp_path_factory.mktemp("pytest-embedded"))
    request.config.stash[embedded_plugin._session_tempdir_key] = folder
    return folder


@pytest.fixture
def embedded_services(request: pytest.FixtureRequest, embedded_services: str | None) -> str | None:
    """A port asks for a chip at it: `pytest --target esp32 --port … --build-dir …` needs no more words."""
    if embedded_services is None and request.config.getoption("port", None):
        return "esp,idf"
    return embedded_services


@pytest.fixture
def dut(request: pytest.FixtureRequest, embedded_services: str | None) -> Iterator[Any]:
    """pytest-embedded's own dut when services are named, else one on the rig's board."""
    if embedded_services:
        yield request.getfixturevalue("dut")
        return
    board = request.getfixturevalue("board")
    rig = request.getfixturevalue("rig")
    meta: Meta = request.getfixturevalue("_meta")
    app = App(app_path=str(Path.cwd()), build_dir=str(rig.bench.artifacts.directory))
    dut = BoardDut(board, rig.console.record, app, request.node.name, meta)
    try:
        yield dut
    finally:
        dut.close()
