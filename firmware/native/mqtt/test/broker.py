# SPDX-License-Identifier: Apache-2.0
"""A real mosquitto on a free loopback port, and packets for a broker that is played by a test."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import unittest
from pathlib import Path

from board import wait_until
from board_shell import HOST_SEEN_BY_BOARD, Connection


def find_mosquitto() -> str:
    found = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
    if found is None:
        raise FileNotFoundError("mosquitto is missing: install the package mosquitto")
    return found


class Mosquitto:
    """Keeps its port over stop and start, and with persistence its sessions and retained messages too.

    tls: lines for the listener, which name the certificate and the key.
    """

    def __init__(
        self, test: unittest.TestCase, user: str | None = None, password: str | None = None, tls: str = ""
    ) -> None:
        folder = tempfile.TemporaryDirectory(prefix="mosquitto-")
        test.addCleanup(folder.cleanup)
        self._folder = Path(folder.name)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        lines = [f"listener {self.port} 127.0.0.1", "persistence true", f"persistence_location {folder.name}/"]
        lines += tls.splitlines()
        self._scheme = "mqtts" if tls else "mqtt"
        if user is None:
            lines.append("allow_anonymous true")
        else:
            passwords = self._folder / "passwords"
            subprocess.run(["mosquitto_passwd", "-b", "-c", str(passwords), user, password or ""], check=True)
            lines += ["allow_anonymous false", f"password_file {passwords}"]
        if Path("/proc/self").owner() == "root":
            lines.append("user root")  # else it gives up the right to its own folder
        (self._folder / "mosquitto.conf").write_text("\n".join(lines) + "\n")
        self._process: subprocess.Popen[bytes] | None = None
        test.addCleanup(self.stop)
        self.start()

    @property
    def uri(self) -> str:
        return f"{self._scheme}://{HOST_SEEN_BY_BOARD}:{self.port}"

    def start(self) -> None:
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [find_mosquitto(), "-c", str(self._folder / "mosquitto.conf")], stdout=log, stderr=log
            )
        wait_until(self._is_listening, "mosquitto listening")

    def _is_listening(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self._folder / "log").read_text()
        try:
            socket.create_connection(("127.0.0.1", self.port)).close()
        except ConnectionRefusedError:
            return False
        return True

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            self._process = None

    def publish(self, topic: str, payload: bytes, *options: str) -> None:
        subprocess.run(
            [
                "mosquitto_pub",
                "-h",
                "127.0.0.1",
                "-p",
                str(self.port),
                "-t",
                topic,
                "-s" if payload else "-n",
                *options,
            ],
            input=payload,
            check=True,
        )


class Subscriber:
    """mosquitto_sub: each message as `topic qos retain payload`."""

    def __init__(self, test: unittest.TestCase, broker: Mosquitto, topic: str, *options: str) -> None:
        self._process = subprocess.Popen(
            [
                "stdbuf",
                "-oL",
                "mosquitto_sub",
                "-d",
                "-h",
                "127.0.0.1",
                "-p",
                str(broker.port),
                "-t",
                topic,
                "-q",
                "1",
                "-F",
                "%t %q %r %p",
                *options,
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        test.addCleanup(self._stop)
        while "Subscribed" not in self._line():
            pass

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline().decode()
        assert line, "mosquitto_sub ended"
        return line.rstrip("\n")

    def next(self) -> str:
        while True:
            line = self._line()
            if not line.startswith(("Client ", "Subscribed")):
                return line

    def _stop(self) -> None:
        self._process.terminate()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()


def string(text: bytes) -> bytes:
    return len(text).to_bytes(2, "big") + text


def packet(first: int, body: bytes = b"") -> bytes:
    length, remaining = b"", len(body)
    while True:
        remaining, low = divmod(remaining, 128)
        length += bytes([low | (128 if remaining else 0)])
        if not remaining:
            return bytes([first]) + length + body


def publish(topic: bytes, payload: bytes, qos: int = 0, msg_id: int = 1) -> bytes:
    return packet(0x30 | qos << 1, string(topic) + (msg_id.to_bytes(2, "big") if qos else b"") + payload)


CONNACK = packet(0x20, b"\0\0")
PINGREQ = packet(0xC0)
PINGRESP = packet(0xD0)
DISCONNECT = packet(0xE0)


def read_packet(connection: Connection) -> bytes:
    """One whole packet of the board's."""
    data = connection.read(2)
    while data[-1] & 0x80:
        data += connection.read(1)
    remaining = sum((byte & 0x7F) << 7 * i for i, byte in enumerate(data[1:]))
    return data + connection.read(remaining)
