# SPDX-License-Identifier: Apache-2.0
"""No client comes to a board from a port that the board may remember: it would wait for an answer in vain."""

from __future__ import annotations

import socket
from collections.abc import Callable

import psutil
import pytest

from pytest_hil.services import board_connection
from pytest_hil.services.board_connection import SourcePorts, connect, get_page
from pytest_hil.services.client import HOLDS_LITTLE, StreamClient
from pytest_hil.services.mjpeg_client import MjpegClient
from pytest_hil.services.plain_clients import HalfRequestClient, IdleClient
from pytest_hil.services.rude_clients import ConnectFlood, HalfClosedClient, ReconnectingClient
from pytest_hil.services.websocket_client import WebSocketClient

from .bad_stream_server import serving

HERE = "127.0.0.1"
PAGE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class PortsInTests(SourcePorts):
    """Remembers what was asked; refuses the first `refuse` of them."""

    def __init__(self, refuse: int = 0) -> None:
        super().__init__()
        self.asked: list[int] = []
        self._refuse = refuse

    def take(self, port: int) -> bool:
        self.asked.append(port)
        return len(self.asked) > self._refuse and super().take(port)


@pytest.fixture
def ports(monkeypatch: pytest.MonkeyPatch) -> PortsInTests:
    ports = PortsInTests(refuse=5)
    monkeypatch.setattr(board_connection, "_PORTS", ports)
    return ports


def test_a_port_comes_again_only_after_enough_others() -> None:
    ports = SourcePorts(apart=3)
    assert [ports.take(port) for port in (1, 2, 1, 3, 1, 4, 1)] == [True, True, False, True, False, True, True]


def test_connect_takes_none_that_is_remembered_and_keeps_no_socket_of_it(ports: PortsInTests) -> None:
    open_before = psutil.Process().num_fds()
    with socket.create_server((HERE, 0)) as listener, connect(HERE, listener.getsockname()[1], 5.0) as plug:
        assert plug.getsockname()[1] == ports.asked[5]
        assert len(ports.asked) == 6
    assert psutil.Process().num_fds() == open_before


def test_connect_sets_options_and_tells_why_it_could_not() -> None:
    with socket.create_server((HERE, 0)) as listener:
        where = listener.getsockname()[1]
        with connect(HERE, where, 5.0, HOLDS_LITTLE) as plug:
            assert plug.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) <= 2 * HOLDS_LITTLE[0][2]  # Linux doubles it
            assert plug.gettimeout() == 5.0
    open_before = psutil.Process().num_fds()
    with pytest.raises(ConnectionRefusedError):
        connect(HERE, where, 5.0)
    assert psutil.Process().num_fds() == open_before


CLIENTS: tuple[Callable[[int], StreamClient], ...] = (
    lambda port: MjpegClient(HERE, port),
    lambda port: WebSocketClient(HERE, port),
    lambda port: IdleClient(HERE, port),
    lambda port: HalfRequestClient(HERE, port),
    lambda port: HalfClosedClient(HERE, port),
    lambda port: ReconnectingClient(HERE, port),
    lambda port: ConnectFlood(HERE, port),
)


@pytest.mark.parametrize("make", CLIENTS)
def test_every_client_connects_so(ports: PortsInTests, make: Callable[[int], StreamClient]) -> None:
    with socket.create_server((HERE, 0)) as listener:
        listener.settimeout(5)
        client = make(listener.getsockname()[1])
        if isinstance(client, IdleClient):
            plug, (_, came_from) = listener.accept()
            plug.sendall(PAGE)
            client.start()
        else:
            client.start()
            plug, (_, came_from) = listener.accept()
        plug.close()
        client.close()
    assert came_from == ports.asked[5]


def test_a_page_too_and_past_any_proxy(ports: PortsInTests, monkeypatch: pytest.MonkeyPatch) -> None:
    came_from: list[int] = []

    def talk(connection: socket.socket, _: bytes) -> None:
        came_from.append(connection.getpeername()[1])
        connection.sendall(PAGE)

    with socket.create_server((HERE, 0)) as nobody:
        proxy = f"http://{HERE}:{nobody.getsockname()[1]}"
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, proxy)
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with serving(talk) as port:
        assert get_page(f"http://{HERE}:{port}/", 5).content == b"ok"
    assert came_from == [ports.asked[5]]
