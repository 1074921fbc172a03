# SPDX-License-Identifier: Apache-2.0
"""One test's bench: a board, its console and the services, joined.

Boards, consoles and services do not know each other. What they need of each other (where the board's bytes go, where
the broker is as the board sees it, which file is served) is said here and nowhere else.
"""

from __future__ import annotations

import contextlib
import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from .boards.artifacts import Artifacts, Image
from .boards.config import BoardConfig
from .boards.factory import make_board
from .boards.flash_layout import BuildDir
from .boards.protocol import Board, Endpoint, Load
from .boards.provisioning import PARTITION, nvs_image
from .console.console import Console, ExpectedPanic
from .console.events import Event, event_patterns
from .errors import BenchError, NotRun
from .evidence import keep_core_dump, leave_evidence
from .readiness import ready_by_status
from .results.record import TestRecord
from .services.broker import Broker
from .services.certificates import Authority
from .services.image_server import ImageServer
from .services.mqtt import Message, MqttClient
from .services.signing import TriggerKey
from .services.tcp_sink import TcpSink
from .steps import Steps
from .streams import StreamPlan, Streams

BEAT_TIMEOUT_S = 5.0  # heartbeats come each second
OPEN_TIMEOUT_S = 5.0  # from a connect to the board's word of it
BLOCKING_STREAM: dict[str, str | int] = {"frame_bytes": 32768, "frame_ms": 10}
UPDATE_TIMEOUT_S = 30.0  # from the trigger to `valid`
# After a stop lwIP meets what was left behind when it next looks after its connections, each second at the latest.
LINGER_AFTER_STOP_S = 1.2
LINGER_S = 0.1  # before power off: a panic follows its cause within some ms, and the last wait may have been that cause


Provisioning = Mapping[str, str | int]


@dataclass(frozen=True)
class Bench:
    """What a rig is made from; the services are running."""

    artifacts: Artifacts
    broker: Broker
    image_server: ImageServer
    folder: Path  # this test's logs
    run_path: Path  # the run's folder, which log paths are relative to
    device_id: str
    seed: int
    board: BoardConfig
    steps: Steps = field(default_factory=Steps)  # told what the rig is busy with


class Rig:
    """Start a board, open streams, trigger updates; `settle` ends it and leaves the evidence."""

    def __init__(self, bench: Bench, record: TestRecord, expected: ExpectedPanic | None = None) -> None:
        self.bench = bench
        self.record = record
        patterns, patience = event_patterns(bench.board.events), bench.board.patience
        self.console = Console(bench.folder / "console.log", expected, patterns, patience)
        self.console.elf_of = bench.artifacts.elf_of
        self.streams = Streams(self._endpoint, patience)
        self.stream_mode = "workers"
        self._open = contextlib.ExitStack()
        self._board: Board | None = None
        self._build: BuildDir | None = None  # what it carries
        self._counter = 0
        self.triggered_at: float | None = None  # on the monotonic clock
        self._settled = False

    # ---- the board

    def _endpoint(self, board_port: int) -> Endpoint:
        return self.board.endpoint(board_port)

    @property
    def board(self) -> Board:
        if self._board is None:
            raise BenchError("no board was started: call rig.start() first")
        return self._board

    def start(self, image: str = "release", provisioning: Provisioning | None = None) -> Event:
        """Flashes and provisions a board with that image and powers it on; returns its `ready` event.

        Raises BenchError when it cannot be started, WaitFailed when it does not get ready, NotRun when the test asks
        for another way to serve streams than the board has: before ESP-IDF 5.2 there are no workers.
        """
        self.power_on(image, provisioning)
        self.bench.steps.step("waiting until it is ready")
        within_s = self.bench.board.ready_s
        ready = self.console.wait_ready(within_s) or ready_by_status(
            self.board, self.console, self.mqtt, self.topic("state"), within_s
        )
        if ready.mapped and self.console.began_in_the_middle:
            self.record.observed |= {"first_lines_lost": dict(ready.fields)}
        self.bench.steps.step("")
        mode = str(ready.get("stream_mode", self.stream_mode))
        if mode != self.stream_mode and "stream_mode" in (provisioning or {}):
            raise NotRun(f"the board serves streams {mode}, its ESP-IDF cannot do it in {self.stream_mode}")
        self.stream_mode = mode
        return ready

    def power_on(self, image: str = "release", provisioning: Provisioning | None = None) -> Board:
        """As `start`, for a board that may not get ready: does not wait for it."""
        board = self.make_board(self.image(image), provisioning or {})
        self._board = board
        self.record.board, self.record.board_kind = self.bench.board.name, board.kind
        self.record.events = dict(self.bench.board.events) or None
        self._open.callback(board.stop)
        self.bench.steps.step("flashing", lambda: board.flashed)
        board.start()
        self.bench.steps.step("")
        self.record.chip_mac = board.mac
        return board

    def make_board(self, image: Image, provisioning: Provisioning) -> Board:
        """A board that is not started yet, and what it will carry."""
        self.stream_mode = str(provisioning.get("stream_mode", self.stream_mode))
        bench = self.bench
        self._build = image.build
        values: dict[str, str | int] = {
            "device_id": bench.device_id,
            "broker_uri": f"{bench.broker.scheme}://{bench.board.tell}:{bench.broker.port}",
            **bench.broker.provisioning,
            **bench.board.provisioning,
            **provisioning,
        }
        partition = image.build.partition(PARTITION)
        load = Load(
            image.build,
            {PARTITION: nvs_image(values, partition.size)},
            bench.folder,
            bench.artifacts.native_board,
            bench.seed,
            self._address,
        )
        return make_board(bench.board, load, self.console)

    def _address(self) -> str | None:
        """Where the board last said that it is."""
        said = self.console.events_named("net")
        return str(said[-1]["ip"]) if said else None

    def tls_streams(self, authority: Authority) -> Provisioning:
        """What makes the board's stream server speak TLS; the clients of this test do so from now on.

        Nobody knows a board's address when it is provisioned, so its certificate is for its device id.
        """
        identity = authority.issue(self.bench.device_id)
        self.streams.trust = authority.trust(self.bench.device_id)
        return {"tls_streams": 1, "server_cert": identity.certificate, "server_key": identity.key}

    def image(self, role: str) -> Image:
        return self.bench.artifacts.image(role)

    def open_streams(self, plan: StreamPlan) -> None:
        """Opens these clients; returns when those that can be served are being served."""
        self.record.streams, self.record.stream_mode = plan.as_json(), self.stream_mode
        self.streams.open(plan, self.stream_mode)
        # No client can see whether the board's send blocks, or its task is held.
        if plan.stalled or plan.stalled_ws:
            # Some hundred kilobytes fit between the two; a stream that is provisioned fast (BLOCKING_STREAM) sends them
            # many times over from one heartbeat to the next. Half a second was too short under TLS.
            mark = self.console.mark()
            for _ in range(1 + math.ceil(self.console.patience)):  # a slow board needs more of them
                mark = self.console.wait_event("beat", BEAT_TIMEOUT_S, mark).at_line + 1
        for _ in range(plan.stuck):
            self.streams.stuck()
            self.console.wait_event("stream_open", OPEN_TIMEOUT_S, kind="stuck")
        for _ in range(plan.silent):
            mark = self.console.mark()
            self.streams.silent()
            self.console.wait_line("performing session handshake", OPEN_TIMEOUT_S, mark)

    def open_served(self, plan: StreamPlan) -> None:
        """As `open_streams`, but for those that this board serves at one time; the others are not opened.

        For a test that needs somebody to be served, whoever it is: before ESP-IDF 5.2 a board has no workers.
        """
        self.open_streams(plan.served_by(self.stream_mode))

    @cached_property
    def tcp_sink(self) -> TcpSink:
        """A peer that only listens, for connections of the board's own."""
        return self._open.enter_context(TcpSink(self.bench.board.bind))

    # ---- the update

    @cached_property
    def mqtt(self) -> MqttClient:
        """The runner's client, subscribed to everything of this device."""
        broker = self.bench.broker
        client = MqttClient(broker.host, broker.port, f"hil/{self.bench.device_id}/#", broker.access)
        return self._open.enter_context(client)

    def topic(self, rest: str, device_id: str | None = None) -> str:
        return f"hil/{device_id or self.bench.device_id}/{rest}"

    def trigger_for(self, role: str = "update", **changes: Any) -> dict[str, Any]:
        """A valid trigger for that image, served from now on; `changes` replace its fields."""
        image = self.image(role)
        content = image.app_bin.read_bytes()
        path = f"/{role}.bin"
        server = self.bench.image_server
        server.serve(path, content)
        self._counter += 1
        return {
            "url": f"{server.scheme}://{self.board.runner_host}:{server.port}{path}",
            "version": image.version,
            "sha256": image.file_sha256,
            "size": len(content),
            "counter": self._counter,
        } | changes

    def signed(self, trigger: Mapping[str, Any], key: TriggerKey) -> dict[str, str]:
        """The trigger for this board alone, in its signed form."""
        return key.signed({"device": self.bench.device_id, **trigger})

    def publish_trigger(self, trigger: Mapping[str, Any] | str | bytes, sign_with: TriggerKey | None = None) -> int:
        """Publishes it, signed where a key is given; returns the console mark from before, to wait from."""
        if sign_with is not None:
            assert isinstance(trigger, Mapping), "only a trigger's fields can be signed"
            trigger = self.signed(trigger, sign_with)
        client = self.mqtt
        mark = self.console.mark()
        payload = trigger if isinstance(trigger, str | bytes) else json.dumps(trigger)
        self.triggered_at = time.monotonic()
        client.publish(self.topic("ota/trigger"), payload)
        return mark

    def wait_status(self, step: str, timeout_s: float, such: Callable[[dict[str, Any]], bool] | None = None) -> Message:
        """The first status message of that step; raises AssertionError."""

        def fits(message: Message) -> bool:
            status = message.json()
            return status.get("step") == step and (such is None or such(status))

        return self.mqtt.wait_message(self.topic("ota/status"), fits, timeout_s * self.bench.board.patience)

    def wait_updated(self, role: str, since: int) -> Event:
        """Waits until the very image of that role has booted and is marked valid; returns its boot event."""
        image = self.image(role)
        self.bench.steps.step("updating", lambda: self._downloaded(since))
        boot = self.console.wait_event("boot", UPDATE_TIMEOUT_S, since)
        if boot.get("image_sha256") != image.image_sha256:
            raise AssertionError(
                f"after the update the board runs {boot.get('image_sha256')} (version {boot.get('version')}), "
                f"served was {image.image_sha256} ({image.version}); log: {self.console.record.log_path}"
            )
        self.console.wait_event("valid", UPDATE_TIMEOUT_S, boot.at_line)
        if self.triggered_at is not None:
            self.record.update_s = round(time.monotonic() - self.triggered_at, 3)
        self.bench.steps.step("")
        return boot

    def _downloaded(self, since: int) -> float | None:
        """Which share of the image the board says it has."""
        told = self.console.events_named("ota_progress", since)
        return int(told[-1]["bytes"]) / int(told[-1]["total"]) if told and told[-1].get("total") else None

    # ---- the end

    @property
    def bench_fault(self) -> str | None:
        """What of the bench broke down during this test, if anything did: then nothing but a panic that was seen can be
        held against the firmware."""
        if self.console.unexpected_panics:
            return None
        return self.console.record.fault or self.bench.broker.fault or self.bench.image_server.fault

    def _linger_s(self) -> float:
        """How long a panic may still be on its way: from what the board did last in this life, not from the test."""
        events = self.console.events
        stops = [event for event in events if event.name.startswith("stop_") and event.boot == events[-1].boot]
        left_s = stops[-1].at_s + LINGER_AFTER_STOP_S - self.console.record.age_s if stops else 0.0
        return max(LINGER_S, left_s)

    def settle(self) -> None:
        """Powers the board off, reads its console to the last byte, closes everything, fills in the record."""
        if self._settled:
            return
        self._settled = True
        if self._board is not None:
            self.console.record.linger(self._linger_s())
        self.streams.over()
        if self._board is not None:  # the stack ends it first, and all else also when it fails
            self._open.callback(keep_core_dump, self.bench.folder, self._board, self._build, self.console)
        try:
            # The board first: clients that end because it went say nothing about it, and are asked before this.
            self._open.close()
        finally:
            self.streams.close()
            self.console.end("no board was started")
            messages = self.mqtt.messages if "mqtt" in self.__dict__ else []
            folder, run_path = self.bench.folder, self.bench.run_path
            leave_evidence(folder, run_path, self.record, self.console, streams=self.streams, messages=messages)
