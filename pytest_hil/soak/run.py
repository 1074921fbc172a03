# SPDX-License-Identifier: Apache-2.0
"""A soak from its first cycle to its last, on one board with its services beside it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from ..boards.artifacts import Artifacts
from ..boards.config import BoardConfig
from ..boards.pool import kept
from ..results.record import TestRecord
from ..rig import Bench, Rig
from ..services.broker import Broker
from ..services.image_server import ImageServer
from ..verdict import complaints
from .cycle import Cycle, run_cycle
from .journal import Journal
from .plan import CyclePlan, plan_of

ROLES = ("release", "update")  # the board starts with the first
PROVISIONING: dict[str, str | int] = {"stream_mode": "workers", "frame_ms": 20}


@contextlib.contextmanager
def _board(artifacts: Artifacts, config: BoardConfig, folder: Path, seed: int) -> Iterator[Rig]:
    with (
        kept(config) as board,
        Broker(folder / "services", bind=config.bind) as broker,
        ImageServer(bind=config.bind) as image_server,
    ):
        device_id = f"soak-{os.getpid()}"
        bench = Bench(artifacts, broker, image_server, folder, folder, device_id, seed, board)
        rig = Rig(bench, TestRecord("soak"))
        try:
            rig.start(ROLES[0], PROVISIONING)
            yield rig
        finally:
            rig.settle()


def soak(
    artifacts: Artifacts, config: BoardConfig, journal: Journal, told: Callable[[CyclePlan, Cycle | None], None]
) -> None:
    """Runs the cycles that the journal lacks; `told` hears of each before it begins (None) and when it is done.

    Raises AssertionError, with the cycle's number and plan, when the firmware fails; KeyboardInterrupt goes through.
    """
    done = len(journal.cycles())
    if done >= journal.wanted:
        return
    folder = journal.folder / f"from-{done:04}"
    folder.mkdir(exist_ok=True)
    with _board(artifacts, config, folder, journal.seed) as rig:
        for number in range(done, journal.wanted):
            plan = plan_of(journal.seed, journal.first + number)
            told(plan, None)
            role = ROLES[(number - done + 1) % len(ROLES)]
            try:
                cycle = run_cycle(rig, journal.seed, plan, role)
            except AssertionError as error:
                raise AssertionError(f"cycle {plan.number} ({plan}): {error}") from None
            journal.add(cycle)
            told(plan, cycle)
    if found := complaints(rig.console):
        raise AssertionError("\n".join(found))
