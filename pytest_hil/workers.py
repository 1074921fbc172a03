# SPDX-License-Identifier: Apache-2.0
"""Parallel workers end with the runner: at once when it is killed, in order when it is interrupted.

Left to xdist, the workers of an interrupted run are asked to end, and go on with their tests for another 5 s.
"""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from .services.process import die_with


class Workers:
    """Registered where there are workers, in the runner and in each of them. `folder` is the run's."""

    def __init__(self, config: pytest.Config, folder: Path) -> None:
        told: dict[str, Any] | None = getattr(config, "workerinput", None)
        self._pids = folder / f"workers-{told['hil_runner'] if told else os.getpid()}"
        if told is not None:
            die_with(told["hil_runner"])
            self._pids.mkdir(parents=True, exist_ok=True)
            (self._pids / str(os.getpid())).touch()
            signal.signal(signal.SIGINT, _interrupt_once)

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        node.workerinput["hil_runner"] = os.getpid()

    def pytest_keyboard_interrupt(self) -> None:
        """In the runner: its workers are still its children, or have not been waited for, so the numbers are theirs."""
        for pid in self._running():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGINT)

    def pytest_unconfigure(self, config: pytest.Config) -> None:
        if hasattr(config, "workerinput"):
            (self._pids / str(os.getpid())).unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # others are still there
            self._pids.rmdir()

    def _running(self) -> list[int]:
        return [int(entry.name) for entry in self._pids.iterdir()] if self._pids.is_dir() else []


def _interrupt_once(_signal: int, _frame: FrameType | None) -> None:
    """A terminal's Ctrl-C reaches the workers by itself, and then the runner's: the second must not break tear-down."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise KeyboardInterrupt
