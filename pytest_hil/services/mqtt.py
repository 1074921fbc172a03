# SPDX-License-Identifier: Apache-2.0
"""The runner's own MQTT client: publishes triggers, keeps every message it saw, and waits for one without taking it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from ..errors import BenchError
from .broker import BrokerAccess

CONNECT_TIMEOUT_S = 5.0
PUBLISH_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class Message:
    topic: str
    payload: bytes
    retained: bool
    at_s: float  # seconds since the client began

    def json(self) -> Any:
        return json.loads(self.payload)

    def __str__(self) -> str:
        return f"{self.topic} {self.payload.decode('utf-8', 'replace')}"


class MqttClient:
    """Subscribed to `topics` from the moment `connect` returns."""

    def __init__(self, host: str, port: int, topics: str, access: BrokerAccess | None = None, name: str = "") -> None:
        self.messages: list[Message] = []
        self._condition = threading.Condition()
        self._started = time.monotonic()
        self._host, self._port, self._topics = host, port, topics
        self._subscribed = False
        self._refused = ""
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id=name)
        if access is not None:
            self._client.tls_set_context(access.trust.context)
            self._client.username_pw_set(access.user, access.password)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_disconnect = self._on_disconnect
        self._client.reconnect_delay_set(1, 1)
        self._client.on_message = self._on_message

    def connect(self, timeout_s: float = CONNECT_TIMEOUT_S) -> None:
        """Raises BenchError when the broker does not answer."""
        try:
            self._client.connect(self._host, self._port)
        except OSError as error:
            raise BenchError(f"no broker at {self._host}:{self._port}: {error}") from None
        self._client.loop_start()
        with self._condition:
            self._condition.wait_for(lambda: self._subscribed or self._refused, timeout_s)
            why = f"refused us: {self._refused}" if self._refused else "did not confirm the subscription"
            if self._subscribed:
                return
        self.close()  # or its thread would try again for ever
        raise BenchError(f"the broker at {self._host}:{self._port} {why}")

    def post(self, topic: str, payload: bytes | str, qos: int = 1) -> None:
        """Without waiting for the broker: for many at once."""
        self._client.publish(topic, payload, qos)

    def publish(self, topic: str, payload: bytes | str, qos: int = 1) -> None:
        """Returns when the broker has it; a broker that was restarted is waited for."""
        with self._condition:
            self._condition.wait_for(lambda: self._subscribed, CONNECT_TIMEOUT_S)
        info = self._client.publish(topic, payload, qos)
        info.wait_for_publish(PUBLISH_TIMEOUT_S)
        if not info.is_published():
            raise BenchError(f"the broker did not take the message for {topic}")

    def wait_message(self, topic: str, such: Callable[[Message], bool], timeout_s: float, since: int = 0) -> Message:
        """The first message on `topic`, from the `since`-th of all on, that fits. Raises AssertionError."""

        def look() -> Message | None:
            return next((m for m in self.messages[since:] if m.topic == topic and such(m)), None)

        with self._condition:
            found = self._condition.wait_for(look, timeout_s)
            if found is None:
                seen = "\n".join(f"  {m.at_s:9.3f}  {m}" for m in self.messages[-10:]) or "  (none)"
                raise AssertionError(f"no fitting message on {topic} within {timeout_s:g} s; last messages:\n{seen}")
            return found

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _on_connect(self, client: paho.Client, _data: object, _flags: object, code: ReasonCode, _: object) -> None:
        if not code.is_failure:
            client.subscribe(self._topics, qos=1)
            return
        with self._condition:
            self._refused = str(code)
            self._condition.notify_all()

    def _on_subscribe(self, *_: object) -> None:
        with self._condition:
            self._subscribed = True
            self._condition.notify_all()

    def _on_disconnect(self, *_: object) -> None:
        with self._condition:
            self._subscribed = False

    def _on_message(self, _client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        with self._condition:
            at = time.monotonic() - self._started
            self.messages.append(Message(message.topic, bytes(message.payload), bool(message.retain), at))
            self._condition.notify_all()

    def __enter__(self) -> MqttClient:
        self.connect()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
