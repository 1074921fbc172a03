# SPDX-License-Identifier: Apache-2.0
"""Broker, MQTT client and image server."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import psutil
import pytest
import requests

from pytest_hil.errors import BenchError
from pytest_hil.services.broker import Broker
from pytest_hil.services.image_server import ImageServer
from pytest_hil.services.mqtt import MqttClient
from pytest_hil.services.process import spawn_tied

from .conftest import gone


def test_messages_go_through_the_broker_and_waiting_does_not_take_them(tmp_path: Path) -> None:
    with Broker(tmp_path) as broker, MqttClient(broker.host, broker.port, "hil/a/#") as client:
        client.publish("hil/b/state", "not for us")
        client.publish("hil/a/state", '{"step":"one"}')
        client.publish("hil/a/state", '{"step":"two"}')
        two = client.wait_message("hil/a/state", lambda m: m.json()["step"] == "two", 5)
        one = client.wait_message("hil/a/state", lambda m: m.json()["step"] == "one", 0)
        assert two.at_s >= one.at_s
        with pytest.raises(AssertionError, match="last messages"):
            client.wait_message("hil/a/state", lambda m: m.json()["step"] == "three", 0.05)


def test_brokers_do_not_disturb_each_other_and_end(tmp_path: Path) -> None:
    with Broker(tmp_path / "a") as one, Broker(tmp_path / "b") as two:
        assert one.port != two.port
    for port in (one.port, two.port):
        with pytest.raises(OSError, match="refused"):
            socket.create_connection((one.host, port), 1)


def test_a_port_in_use_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(BenchError, match=f"cannot start on port {port}: .*Address already in use"):
            Broker(tmp_path, port).start()


def test_no_broker_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with pytest.raises(BenchError, match="no broker at"):
        MqttClient("127.0.0.1", port, "#").connect()


def test_a_tied_process_dies_with_whoever_started_it() -> None:
    text = (
        "from pytest_hil.services.process import spawn_tied; import time\n"
        "print(spawn_tied(['sleep', '60']).pid, flush=True)\ntime.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert gone([child], 5)


def test_a_program_that_is_missing_is_told() -> None:
    with pytest.raises(BenchError, match="no-such-program is not installed"):
        spawn_tied(["no-such-program"])


CONTENT = bytes(range(256)) * 4


@pytest.fixture
def url() -> object:
    with ImageServer() as server:
        server.serve("/app.bin", CONTENT)
        yield server, f"http://127.0.0.1:{server.port}/app.bin"


def test_the_image_server_serves_whole_and_in_part_and_remembers(url: tuple[ImageServer, str]) -> None:
    server, address = url
    assert requests.get(address, timeout=5).content == CONTENT
    part = requests.get(address, headers={"Range": "bytes=10-19"}, timeout=5)
    assert (part.status_code, part.content) == (206, CONTENT[10:20])
    assert part.headers["Content-Range"] == f"bytes 10-19/{len(CONTENT)}"
    rest = requests.get(address, headers={"Range": "bytes=1000-"}, timeout=5)
    assert (rest.status_code, rest.content) == (206, CONTENT[1000:])
    assert requests.get(address, headers={"Range": "bytes=5000-"}, timeout=5).status_code == 416
    assert requests.head(address, timeout=5).headers["Content-Length"] == str(len(CONTENT))
    assert requests.get(address + "x", timeout=5).status_code == 404
    assert [(r.status, r.bytes_sent) for r in server.wait_requests(6, 5)] == [
        (200, 1024),
        (206, 10),
        (206, 24),
        (416, 0),
        (200, 0),
        (404, 0),
    ]
    assert server.requests[1].range == "bytes=10-19"


def test_a_client_that_leaves_in_the_middle_does_not_disturb_the_server(url: tuple[ImageServer, str]) -> None:
    server, address = url
    server.serve("/large.bin", b"x" * 20_000_000)
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        client.sendall(b"GET /large.bin HTTP/1.1\r\n\r\n")
        client.recv(10)
    assert requests.get(address, timeout=5).status_code == 200


def test_another_way_to_reply_can_stand_in_its_place(url: tuple[ImageServer, str]) -> None:
    server, address = url
    asked = threading.Event()

    def unavailable(handler: BaseHTTPRequestHandler, _: bytes) -> None:
        asked.set()
        handler.send_error(503)

    server.serve("/app.bin", CONTENT, unavailable)
    assert requests.get(address, timeout=5).status_code == 503
    assert asked.is_set()
