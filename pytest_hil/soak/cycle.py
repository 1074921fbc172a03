# SPDX-License-Identifier: Apache-2.0
"""One cycle: the faults of its plan, then a good update to the other image, always with clients on."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from ..boards.protocol import Capability
from ..console.events import Event
from ..console.record import WaitFailed
from ..rig import Rig
from ..streams import CONTROL_PORT, STREAM_PORT
from .clients import open_clients
from .faults import FAULTS, WAIT_S
from .plan import CyclePlan, chance_of
from .resources import Resources, resources_of

# drain, shutdown and stop of 1000 ms each, and 200 ms: what the component promises, whatever the clients do
STOP_LIMIT_MS = 3200
END_TIMEOUT_S = 10.0
NOTICED_WITHIN_S = 10.0  # an ordinary client's end: some ms, or the server's send limit of 5 s
# What connections hold that still close, and what else may be under way: see tests/hil/expectations.py.
HEAP_PER_CLOSING_PCB, HEAP_PER_CLOSING_BYTE, HEAP_UNDER_WAY = 128, 1.25, 1024
HEAP_UNDER_DELAY = 4096  # over a network that delays, more waits for its acknowledgement: 2096 were seen in 419 cycles


@dataclass(frozen=True)
class Cycle:
    """What one cycle was and what was measured; memory in bytes of the board's heap."""

    number: int
    plan: str
    image: str  # role that was updated to
    seconds: float
    stop_ms: list[float]  # of the stream server, each stop of the cycle
    heap_idle: int  # free in the new image, before its servers start
    heap_missing: int  # not back when the servers had stopped for the good update, beside what still closes
    resources: Resources | None = field(default=None)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, row: dict[str, Any]) -> Cycle:
        held = row.pop("resources", None)
        return cls(**row, resources=Resources(**held) if held else None)


def run_cycle(rig: Rig, seed: int, plan: CyclePlan, role: str) -> Cycle:
    """Raises AssertionError when anything is not as it must be."""
    began, mark, chance = time.monotonic(), rig.console.mark(), chance_of(seed, plan.number)
    for name in plan.faults:
        _with_clients(rig, plan, lambda name=name: FAULTS[name](rig, role, chance))  # type: ignore[misc]
    _with_clients(rig, plan, lambda: _update(rig, plan, role))
    stops = rig.console.events_named("stop_end", mark)
    for stop in stops:
        _stopped_as_promised(stop)
    if panics := rig.console.unexpected_panics:
        raise AssertionError(f"a panic: {panics[0]}")
    return Cycle(
        plan.number,
        str(plan),
        role,
        round(time.monotonic() - began, 3),
        [stop["ms"] for stop in stops if stop["server"] == STREAM_PORT],
        int(rig.console.events_named("ready", mark)[-1]["heap_idle"]),
        _missing(rig, [stop for stop in stops if stop["server"] == CONTROL_PORT][-1], plan.delay_ms),
        resources_of(rig.board),
    )


def _with_clients(rig: Rig, plan: CyclePlan, act: Callable[[], None]) -> None:
    _wait_idle(rig)
    streams = open_clients(rig, plan.clients, plan.rude)
    try:
        act()
        for client in streams.served:
            if not client.stalls:
                client.wait_frames(1, END_TIMEOUT_S)
                assert client.check.problems == [], f"{client}: {client.check.problems}"
    finally:
        streams.close()


def _wait_idle(rig: Rig) -> None:
    """Until the board has noticed that the clients before are gone: their streams are not free earlier.

    Of one that stalled and went it may never hear: libslirp takes what is sent to it and throws it away. Then the
    board is reset.
    """

    def all_closed() -> bool | None:
        boot = rig.console.events_named("boot")[-1].at_line
        opened, closed = (len(rig.console.events_named(name, boot)) for name in ("stream_open", "stream_close"))
        return True if opened == closed else None

    try:
        rig.console.record.wait(all_closed, "the end of all streams", NOTICED_WITHIN_S)
    except WaitFailed:
        mark = rig.console.mark()
        rig.board.reset()
        rig.console.wait_event("ready", WAIT_S, rig.console.wait_event("boot", WAIT_S, mark).at_line)


def _update(rig: Rig, plan: CyclePlan, role: str) -> None:
    delays = plan.delay_ms and Capability.DROP_PACKETS in rig.board.capabilities
    if delays:
        rig.board.delay(plan.delay_ms)
    try:
        mark = rig.publish_trigger(rig.trigger_for(role))
        accepted = rig.console.wait_event("trigger", WAIT_S, mark)
        assert accepted["accepted"] is True, f"a good trigger was refused: {accepted}"
        boot = rig.wait_updated(role, mark)
        rig.console.wait_event("ready", WAIT_S, boot.at_line)
    finally:
        if delays:
            rig.board.delay(0)


def _stopped_as_promised(stop: Event) -> None:
    assert (stop["err"], stop["remaining"]) == ("ESP_OK", 0), f"a stop failed: {stop}"
    assert stop["ms"] <= STOP_LIMIT_MS, f"{stop['ms']} ms, limit {STOP_LIMIT_MS} ms: {stop}"


def _missing(rig: Rig, last_stop: Event, delay_ms: int) -> int:
    """Heap that is not back at that stop, without what closing connections hold. Raises AssertionError.

    Measured against the first boot: after an update the self-test's own stack is still taken when the servers start.
    """
    pcbs, queued = int(last_stop["closing_pcbs"]), int(last_stop["closing_bytes"])
    held = round(pcbs * HEAP_PER_CLOSING_PCB + queued * HEAP_PER_CLOSING_BYTE)
    missing = int(rig.console.events_named("ready")[0]["heap_idle"]) - int(last_stop["heap_after"]) - held
    assert missing <= (HEAP_UNDER_DELAY if delay_ms else HEAP_UNDER_WAY), (
        f"{missing} bytes of heap are not back, beside {held} in closing connections"
    )
    return missing
