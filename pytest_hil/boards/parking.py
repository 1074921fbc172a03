# SPDX-License-Identifier: Apache-2.0
"""Boards that hung and did not come back: each a file beside bench.toml, until a person has looked at the board."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

from ..errors import BenchError
from .config import BoardConfig, LabgridConfig
from .labgrid import park_place

PARKED = Path("build") / "bench" / "parked"


def place(config: BoardConfig) -> Path:
    return config.home / PARKED / config.name


def park(config: BoardConfig, reason: str) -> BenchError:
    """From now on the board is not started. Returns what is to be raised."""
    if isinstance(config, LabgridConfig):
        return park_place(config, reason)
    path = place(config)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{time.strftime('%Y-%m-%d %H:%M:%S')}: {reason}\n")
    return BenchError(f"board {config.name!r} is parked: {reason}; delete {path} when it is mended")


def why_parked(config: BoardConfig) -> str | None:
    """When and why; None for a board that is not parked."""
    with contextlib.suppress(FileNotFoundError):
        return place(config).read_text().strip()
    return None


def refuse_parked(config: BoardConfig) -> None:
    """Raises BenchError for a parked board."""
    if why := why_parked(config):
        raise BenchError(f"board {config.name!r} is parked since {why}; delete {place(config)} when it is mended")
