# SPDX-License-Identifier: Apache-2.0
"""Connections to a board, each from a port that the board has surely forgotten.

Who closes first keeps a connection in TIME_WAIT: a board that stops its server does, for two minutes (2 x
CONFIG_LWIP_TCP_MSL). A new connection from the same address and port is not opened meanwhile: lwIP acknowledges the old
one (`tcp_timewait_input` in tcp_in.c), and the client waits for an answer until it gives up. A host's kernel hands out
a port again within seconds, as for its own side the old connection is over. So no port is taken again here before
`APART` others were.
"""

from __future__ import annotations

import socket
import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

# Of Linux' 28,232 ports for outgoing connections, bind() gives every second one before it gives any other.
APART = 8192


class SourcePorts:
    """Ports that were used, as many as must lie between two uses of one."""

    def __init__(self, apart: int = APART) -> None:
        self._apart = apart
        self._used: OrderedDict[int, None] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, port: int) -> bool:
        """Whether it may be used; it is, then."""
        with self._lock:
            if port in self._used:
                return False
            self._used[port] = None
            if len(self._used) > self._apart:
                self._used.popitem(last=False)
            return True


_PORTS = SourcePorts()


def connect(
    host: str, port: int, timeout_s: float | None, options: Sequence[tuple[int, int, int]] = ()
) -> socket.socket:
    """A TCP connection, as `socket.create_connection` makes it; the time-out stays set. `options`: level, name and
    value, set before it connects. Raises OSError.
    """
    failure = OSError(f"{host} has no address")
    for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        plug = _bound(family, kind, protocol, options)
        try:
            plug.settimeout(timeout_s)
            plug.connect(address)
        except OSError as error:
            plug.close()
            failure = error
        else:
            return plug
    raise failure


def _bound(family: int, kind: int, protocol: int, options: Sequence[tuple[int, int, int]]) -> socket.socket:
    while True:
        plug = socket.socket(family, kind, protocol)
        try:
            for option in options:
                plug.setsockopt(*option)
            plug.bind(("", 0))
        except OSError:
            plug.close()
            raise
        if _PORTS.take(plug.getsockname()[1]):
            return plug
        plug.close()


class BoardAdapter(HTTPAdapter):
    """Lets requests connect in this way."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}


class BoardConnection(HTTPConnection):
    """Over http."""

    def _new_conn(self) -> socket.socket:
        return _connected(self)


class TlsBoardConnection(HTTPSConnection):
    """Over https."""

    def _new_conn(self) -> socket.socket:
        return _connected(self)


class _Pool(HTTPConnectionPool):
    ConnectionCls = BoardConnection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = TlsBoardConnection


def _connected(to: HTTPConnection) -> socket.socket:
    """With the errors of urllib3, which requests knows."""
    seconds = to.timeout if isinstance(to.timeout, float | int) else None
    try:
        return connect(to.host, to.port or 0, seconds, to.socket_options or ())  # type: ignore[arg-type]
    except TimeoutError as error:
        raise ConnectTimeoutError(to, f"{to.host} did not answer within {seconds} s") from error
    except OSError as error:
        raise NewConnectionError(to, f"no connection to {to.host}: {error}") from error


def board_session(adapter: BoardAdapter) -> requests.Session:
    """Straight to the board, also where the environment names a proxy: that is for the world outside."""
    session = requests.Session()
    session.trust_env = False
    session.mount("http://", adapter)
    session.mount("https://", adapter)
    return session


def get_page(url: str, timeout_s: float) -> requests.Response:
    """The whole answer; the connection is closed. Raises requests.RequestException."""
    with board_session(BoardAdapter()) as session:
        return session.get(url, timeout=timeout_s)
