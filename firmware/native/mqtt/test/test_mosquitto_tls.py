# SPDX-License-Identifier: Apache-2.0
"""The MQTT client on a native board over TLS, against mosquitto and against servers that are not what they seem."""

from __future__ import annotations

import socket
import tempfile
import unittest
import zlib
from pathlib import Path

from board_shell import Server, Shell, ShellTestCase
from board_tls import Authority, Identity, TlsServer, server_identity
from broker import CONNACK, Mosquitto, Subscriber, read_packet

HANDSHAKE_FAILED = "type=1 code=0 errno=[0-9]+ tls=801a stack=2700"  # certificate verification
OTHER_NAME, NOT_TRUSTED = "4", "8"


class TlsTest(ShellTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.authority = Authority()
        folder = tempfile.TemporaryDirectory(prefix="mosquitto-tls-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def broker(self, identity: Identity | None = None, **options: str) -> Mosquitto:
        certificate, key = (identity or server_identity(self.authority)).save(self.folder, "broker")
        return Mosquitto(self, tls=f"certfile {certificate}\nkeyfile {key}\n{options.pop('lines', '')}", **options)

    def shell(self, options: str, ca: bytes | None = None) -> Shell:
        shell = Shell(self)
        shell.blob("ca", self.authority.certificate if ca is None else ca)
        self.assertEqual("made", shell.do(f"init reconnect=200 {options}"))
        self.assertEqual("ESP_OK", shell.do("start"))
        return shell

    def authority_option(self) -> list[str]:
        path = self.folder / "ca.crt"
        path.write_bytes(self.authority.certificate)
        return ["--cafile", str(path), "--insecure"]

    def test_user_and_password(self) -> None:
        broker = self.broker(user="board", password="right")
        shell = self.shell(f"uri={broker.uri} user=board pass=right")
        shell.event("connected session=0 task=mqtt_task")
        subscriber = Subscriber(self, broker, "t/#", "-u", "board", "-P", "right", *self.authority_option())
        for qos in (0, 1, 2):
            shell.do(f"pub t/{qos} some {qos} 0")
            self.assertEqual(f"t/{qos} {min(qos, 1)} 0 some", subscriber.next())

    def test_wrong_password(self) -> None:
        broker = self.broker(user="board", password="right")
        self.shell(f"uri={broker.uri} user=board pass=wrong").event("error type=2 code=5")

    def test_large_messages(self) -> None:
        """Larger than a TLS record of a chip, and larger than one of mosquitto's."""
        broker = self.broker()
        shell = self.shell(f"uri={broker.uri} buffer=1000 out=30000")
        shell.event("connected")
        shell.do("sub big 1")
        shell.event("subscribed")
        payload = bytes(i * 7 % 251 for i in range(40_000))
        broker.publish("big", payload, "-q", "1", *self.authority_option())
        shell.event(f"data .* total=40000 .* crc={zlib.crc32(payload):08x}", limit_s=20)
        shell.do("publen big 20000 1")
        pattern = bytes(ord("a") + i % 26 for i in range(20_000))
        shell.event(f"data .* total=20000 .* crc={zlib.crc32(pattern):08x}", limit_s=20)

    def test_comes_back(self) -> None:
        broker = self.broker()
        shell = self.shell(f"uri={broker.uri}")
        for _ in range(3):
            shell.event("connected")
            broker.stop()
            shell.event("disconnected")
            broker.start()
        shell.event("connected")

    def test_other_authority(self) -> None:
        broker = self.broker(server_identity(Authority()))
        shell = self.shell(f"uri={broker.uri}")
        shell.event(f"error {HANDSHAKE_FAILED} flags={NOT_TRUSTED}$")
        shell.event("disconnected")
        self.assertNotIn("! connected", shell.said)

    def test_other_name(self) -> None:
        broker = self.broker(self.authority.issue("broker.example"))
        self.shell(f"uri={broker.uri}").event(f"error {HANDSHAKE_FAILED} flags={OTHER_NAME}$")
        self.shell(f"uri={broker.uri} name=broker.example").event("connected")
        self.shell(f"uri={broker.uri} anyname=1").event("connected")

    def test_nobody_to_trust(self) -> None:
        broker = self.broker()
        shell = Shell(self)
        shell.do(f"init uri={broker.uri}")
        shell.do("start")
        shell.event("error type=1 code=0 errno=[0-9]+ tls=8017 stack=0 flags=0$")
        self.assertIn("No server verification option set", shell.said)

    def test_certificate_of_the_client(self) -> None:
        path = self.folder / "clients.crt"
        path.write_bytes(self.authority.certificate)
        broker = self.broker(lines=f"cafile {path}\nrequire_certificate true")
        self.shell(f"uri={broker.uri}").event("disconnected")
        mine = self.authority.issue(common_name="board")
        shell = Shell(self)
        for name, pem in {
            "ca": self.authority.certificate,
            "client_cert": mine.certificate,
            "client_key": mine.key,
        }.items():
            shell.blob(name, pem)
        shell.do(f"init uri={broker.uri}")
        shell.do("start")
        shell.event("connected")

    def test_silent_in_the_handshake(self) -> None:
        server = Server(self)
        shell = self.shell(f"uri=mqtts://{server.address} timeout=400")
        server.accept()
        shell.event("error type=1 code=0 errno=[0-9]+ tls=8006 stack=0 flags=0$")

    def test_a_record_that_never_ends(self) -> None:
        """The client must not wait for the rest of a record longer than its network timeout, and can be stopped."""
        server = TlsServer(self, server_identity(self.authority))
        shell = self.shell(f"uri=mqtts://{server.address} timeout=400 keepalive=1")
        connection = server.accept()
        read_packet(connection)
        connection.send(CONNACK)
        shell.event("connected")
        with socket.socket(fileno=connection.socket.detach()) as bare:
            bare.sendall(b"\x17\x03\x03\x00\x40" + bytes(3))
            shell.event("error")
            shell.event("disconnected")
            self.assertEqual("ESP_OK", shell.do("stop"))

    def test_heap_comes_back(self) -> None:
        broker = self.broker()
        shell = Shell(self)
        shell.blob("ca", self.authority.certificate)
        heap = 0
        for round_ in range(8):
            shell.do(f"init uri={broker.uri} will_topic=w will_msg=m")
            shell.do("start")
            shell.event("connected")
            shell.do("pub t x 1 0")
            shell.event("published")
            shell.do("destroy")
            if round_ == 1:
                heap = shell.heap()
        # The IDLE task frees the stack of the client's task a little later.
        shell.wait_for_heap(heap, 6)


if __name__ == "__main__":
    unittest.main()
