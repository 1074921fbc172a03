# SPDX-License-Identifier: Apache-2.0
"""Keys, certificates, and the services and clients that use them: what must not be believed is not."""

from __future__ import annotations

import base64
import json
import socket
import stat
import struct
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import requests
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from pytest_hil.errors import BenchError
from pytest_hil.services.broker import Broker, BrokerAccess
from pytest_hil.services.certificates import Authority, Trust
from pytest_hil.services.client import StreamClient
from pytest_hil.services.image_server import ImageServer
from pytest_hil.services.mjpeg_client import MjpegClient
from pytest_hil.services.mqtt import MqttClient
from pytest_hil.services.plain_clients import SilentTlsClient, StuckClient
from pytest_hil.services.signing import TriggerKey
from pytest_hil.services.websocket_client import WebSocketClient

from .bad_stream_server import frame, part, serving, stream
from .test_clients import web_socket_frame, web_socket_reply

HERE = "127.0.0.1"


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture(scope="module")
def stranger() -> Authority:
    return Authority("stranger")


# ---- signed triggers


def test_the_signature_is_over_the_payload_as_it_is_sent() -> None:
    key = TriggerKey()
    signed = json.loads(json.dumps(key.signed({"version": "1.1.0", "counter": 7})))
    assert json.loads(signed["payload"]) == {"version": "1.1.0", "counter": 7}
    public = load_pem_public_key(key.public_pem.encode())
    assert isinstance(public, ec.EllipticCurvePublicKey)
    signature = base64.b64decode(signed["sig"], validate=True)
    public.verify(signature, signed["payload"].encode(), ec.ECDSA(hashes.SHA256()))
    with pytest.raises(InvalidSignature):
        public.verify(signature, signed["payload"].replace("7", "8").encode(), ec.ECDSA(hashes.SHA256()))


# ---- broker


def access_of(authority: Authority) -> BrokerAccess:
    return BrokerAccess(authority.issue(HERE), authority.certificate, authority.trust(HERE), "camera", "open sesame")


def test_a_broker_with_access_lets_in_who_knows_the_password_and_nobody_else(
    tmp_path: Path, authority: Authority
) -> None:
    access = access_of(authority)
    with Broker(tmp_path, access=access) as broker:
        assert broker.scheme == "mqtts"
        assert broker.provisioning == {
            "ca": authority.certificate,
            "broker_user": "camera",
            "broker_pass": "open sesame",
        }
        with MqttClient(broker.host, broker.port, "hil/#", access) as client:
            client.publish("hil/a", "hello")
            client.wait_message("hil/a", lambda message: message.payload == b"hello", 5)
        for other, complaint in ((None, "did not confirm"), (replace(access, password="open sesam"), "Not authorized")):
            intruder = MqttClient(broker.host, broker.port, "hil/#", other)
            with pytest.raises(BenchError, match=complaint):
                intruder.connect(1.0)
            left = [thread for thread in threading.enumerate() if thread.name.startswith("paho")]
            assert left == [], "whoever was refused goes on asking"
        trust = authority.trust(HERE)
        with (
            socket.create_connection((broker.host, broker.port), 5) as plain,
            trust.context.wrap_socket(plain, server_hostname=HERE) as nameless,
        ):
            nameless.sendall(b"\x10\x0f\x00\x04MQTT\x04\x02\x00\x3c\x00\x03hil")  # CONNECT without a user's name
            assert nameless.recv(4) == b"\x20\x02\x00\x05", "CONNACK: not authorized"
        config = (tmp_path / "mosquitto.conf").read_text().splitlines()
        secrets = [Path(line.split()[1]) for line in config if line.split()[0] in ("keyfile", "password_file")]
        assert [stat.S_IMODE(path.stat().st_mode) for path in secrets] == [0o600, 0o600]
        assert "open sesame" not in secrets[1].read_text()
    assert [path for path in secrets if path.exists()] == [], "they outlive the broker"
    kept = "".join(path.read_text() for path in tmp_path.iterdir())
    assert "open sesame" not in kept
    assert "PRIVATE KEY" not in kept


@pytest.mark.parametrize("user", ["", "cam-1", "cam-2", "camera", "nobody"])
def test_where_devices_have_names_nobody_comes_in_by_guessing(tmp_path: Path, authority: Authority, user: str) -> None:
    access = replace(access_of(authority), devices={"cam-1": "the first's", "cam-2": "the second's"})
    with Broker(tmp_path, access=access) as broker:
        with MqttClient(broker.host, broker.port, "#", replace(access, user="cam-1", password="the first's")):
            pass
        intruder = MqttClient(broker.host, broker.port, "#", replace(access, user=user, password="guessed"))
        with pytest.raises(BenchError, match="Not authorized"):
            intruder.connect(5.0)
        intruder.close()


# ---- image server


def test_the_image_server_speaks_tls_alone(authority: Authority, stranger: Authority, tmp_path: Path) -> None:
    (tmp_path / "ours").write_text(authority.certificate)
    (tmp_path / "another").write_text(stranger.certificate)
    with ImageServer(authority.issue(HERE)) as server:
        server.serve("/app.bin", b"an image")
        address = f"{server.scheme}://{HERE}:{server.port}/app.bin"
        with socket.create_connection((HERE, server.port)):  # one that is silent in its handshake holds up nobody
            assert requests.get(address, verify=str(tmp_path / "ours"), timeout=5).content == b"an image"
            with pytest.raises(requests.exceptions.SSLError):
                requests.get(address, verify=str(tmp_path / "another"), timeout=5)
            assert "ALERT" in server.wait_failed_handshake(5).upper()
            with pytest.raises(requests.RequestException):
                requests.get(address.replace("https", "http"), timeout=5)
        assert [request.status for request in server.wait_requests(1, 5)] == [200]


# ---- stream clients


def mjpeg(port: int, trust: Trust) -> StreamClient:
    return MjpegClient(HERE, port, trust=trust)


def web_socket(port: int, trust: Trust) -> StreamClient:
    return WebSocketClient(HERE, port, trust=trust)


def talk(connection: socket.socket, head: bytes) -> None:
    if b"Upgrade" in head:
        frames = web_socket_frame(2, frame(0)) + web_socket_frame(2, frame(1))
        connection.sendall(web_socket_reply(head, frames + web_socket_frame(8, struct.pack(">H", 1001))))
    else:
        connection.sendall(stream(part(frame(0)), part(frame(1))))


@pytest.mark.parametrize(("open_client", "ending"), [(mjpeg, "complete"), (web_socket, "close 1001")])
def test_a_stream_over_tls_is_read_from_whom_is_believed_alone(
    authority: Authority, stranger: Authority, open_client: Callable[[int, Trust], StreamClient], ending: str
) -> None:
    with serving(talk, authority.issue("board-1")) as port:
        client = open_client(port, authority.trust("board-1"))
        client.start()
        assert client.wait_end(5).how == ending
        client.close()
        assert (client.check.frames, client.check.problems) == (2, [])
        for trust in (stranger.trust("board-1"), authority.trust("board-2")):
            deceived = open_client(port, trust)
            deceived.start()
            assert "certificate" in deceived.wait_end(5).detail.lower()
            deceived.close()
            assert deceived.check.frames == 0


def test_a_websocket_client_can_stop_reading_and_go_on() -> None:
    frames = b"".join(web_socket_frame(2, frame(i)) for i in range(5))

    def send(connection: socket.socket, head: bytes) -> None:
        connection.sendall(web_socket_reply(head, frames + web_socket_frame(8, struct.pack(">H", 1001))))
        connection.recv(100)  # its CLOSE

    with serving(send) as port:
        client = WebSocketClient(HERE, port, stall_after=2)
        client.start()
        client.wait_frames(2, 5)
        assert not client.ended.wait(0.2)
        assert (client.stalls, client.check.frames) == (True, 2)
        client.resume()
        assert client.wait_end(5).how == "close 1001"
        client.close()
    assert (client.check.frames, client.check.problems) == (5, [])


# ---- clients that hold a server's task


def test_a_silent_client_says_one_whole_message_of_a_handshake() -> None:
    listener = socket.create_server((HERE, 0))
    client = SilentTlsClient(HERE, listener.getsockname()[1])
    client.start()
    connection, _ = listener.accept()
    connection.settimeout(0.3)
    hello = connection.recv(4096)
    record, length = hello[0], int.from_bytes(hello[3:5], "big")
    assert (record, hello[5], length) == (0x16, 0x01, len(hello) - 5), "a handshake record, with a ClientHello in it"
    with pytest.raises(TimeoutError):
        connection.recv(4096)
    connection.close()
    listener.close()
    assert client.wait_end(5).how in ("eof", "reset")
    client.close()


def test_a_stuck_client_asks_for_the_page_that_never_ends() -> None:
    asked: list[bytes] = []

    def answer(connection: socket.socket, head: bytes) -> None:
        asked.append(head)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\nstill here\n")

    with serving(answer) as port:
        client = StuckClient(HERE, port)
        client.start()
        assert client.wait_end(5).how == "eof"
        client.close()
    assert asked[0].startswith(b"GET /stuck HTTP/1.1\r\n")
