# SPDX-License-Identifier: Apache-2.0
"""What a cycle does, from the seed and its number alone: any cycle can be run again by itself."""

from __future__ import annotations

import random
from dataclasses import dataclass

from ..streams import StreamPlan
from .clients import RUDE
from .faults import FAULTS

SESSIONS = 5  # of the stream server
WORKERS = 3  # streams that are served at a time
DELAYS_MS = (0, 0, 0, 2, 5)  # most cycles go over a network that does not delay
FAULTS_AT_MOST = 2
RUDE_SHARE = 0.25
HALF_SHARE = 0.1  # half a request holds the stop for its drain limit


@dataclass(frozen=True, slots=True)
class CyclePlan:
    number: int  # from 0
    clients: StreamPlan
    rude: str | None
    faults: tuple[str, ...]  # before the good update, each an attempt of its own
    delay_ms: int

    def __str__(self) -> str:
        parts = [str(self.clients), self.rude, *self.faults, f"{self.delay_ms} ms delay" if self.delay_ms else None]
        return ", ".join(filter(None, parts))


def chance_of(seed: int, number: int) -> random.Random:
    """The cycle's own random numbers."""
    return random.Random(f"{seed}/{number}")


def plan_of(seed: int, number: int) -> CyclePlan:
    chance = chance_of(seed, number)
    mjpeg = chance.randint(0, WORKERS)
    stalled = chance.randint(0, 1) if mjpeg < WORKERS else 0
    half = int(chance.random() < HALF_SHARE)
    ws = chance.randint(0, min(2, SESSIONS - mjpeg - stalled - half))
    clients = StreamPlan(mjpeg=mjpeg, ws=ws, idle=chance.randint(0, 1), stalled=stalled, half=half)
    rude = chance.choice(sorted(RUDE)) if chance.random() < RUDE_SHARE else None
    faults = tuple(chance.choice(sorted(FAULTS)) for _ in range(chance.randint(0, FAULTS_AT_MOST)))
    return CyclePlan(number, clients, rude, faults, chance.choice(DELAYS_MS))
