# SPDX-License-Identifier: Apache-2.0
"""Whether a board is ready whose `ready` was lost: some chips' USB ports appear only after their first lines."""

from __future__ import annotations

import contextlib
import time
from typing import Any

import requests

from .boards.protocol import Board
from .console.console import Console
from .console.events import Event
from .errors import BenchError
from .services.board_connection import get_page
from .services.mqtt import MqttClient
from .streams import CONTROL_PORT

STATUS_TIMEOUT_S = 2.0
BEAT_TIMEOUT_S = 5.0  # heartbeats come each second


def ready_by_status(board: Board, console: Console, mqtt: MqttClient, state_topic: str, timeout_s: float) -> Event:
    """The `ready` that came after all, or one made of the board's status.

    It is ready once its status says that it serves, and its retained state that it is online. Looks with each
    heartbeat. Raises BenchError when it does not become so in time, WaitFailed when the board falls silent.
    """
    status: Any = None
    online = False
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if came := console.events_named("ready"):
            return came[0]
        with contextlib.suppress(requests.RequestException, ValueError):
            status = get_page(f"http://{board.endpoint(CONTROL_PORT)}/status", STATUS_TIMEOUT_S).json()
        online = any(message.topic == state_topic and message.payload == b"online" for message in mqtt.messages)
        if online and isinstance(status, dict) and status.get("state") == "serving":
            last = console.events[-1]
            uptime_ms = int(status.get("uptime_ms", 0))
            return Event("ready", -1, uptime_ms, last.boot, last.at_line, last.at_s, status, mapped=True)
        console.wait_event("beat", BEAT_TIMEOUT_S, console.mark())
    raise BenchError(
        "the port lost the board's first lines, and nothing else says that it is ready: "
        f"its status is {status}, its state {'' if online else 'not '}online"
    )
