# SPDX-License-Identifier: Apache-2.0
"""The MQTT client on a native board against a broker that is played by the test, and keeps to no rule.

Whatever it sends, the client says so with an error event, disconnects, and connects again.
"""

from __future__ import annotations

import random
import unittest

from board_shell import Connection, Server, Shell, ShellTestCase
from broker import CONNACK, DISCONNECT, PINGREQ, PINGRESP, packet, publish, read_packet, string


class HostileBrokerTest(ShellTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.broker = Server(self)
        self.shell = Shell(self)

    def start(self, options: str = "") -> Connection:
        self.shell.do(f"init uri=mqtt://{self.broker.address} id=board reconnect=50 timeout=1000 {options}")
        self.shell.do("start")
        return self.broker.accept()

    def connect(self, options: str = "") -> Connection:
        return self.shake_hands(self.start(options))

    def shake_hands(self, connection: Connection) -> Connection:
        self.assertEqual(0x10, read_packet(connection)[0])
        connection.send(CONNACK)
        self.shell.event("connected")
        return connection

    def expect_error(self) -> Connection:
        """The client reports, leaves, and comes again."""
        self.shell.event("error type=1")
        self.shell.event("disconnected")
        return self.broker.accept()

    def test_connect_packet(self) -> None:
        connection = self.start("user=u pass=p will_topic=w will_msg=off will_retain=1 will_qos=1 keepalive=30")
        variable = string(b"MQTT") + bytes([4, 0xEE, 0, 30])
        wanted = packet(0x10, variable + b"".join(string(field) for field in (b"board", b"w", b"off", b"u", b"p")))
        self.assertEqual(wanted, read_packet(connection))

    def test_default_client_id(self) -> None:
        self.shell.do(f"init uri=mqtt://{self.broker.address}")
        self.shell.do("start")
        self.assertRegex(read_packet(self.broker.accept()).decode("latin-1"), r"\x00\x0cESP32_[0-9a-f]{2}[0-9A-F]{4}$")

    def test_malformed_packets(self) -> None:
        connection = self.connect("buffer=64")
        for what, data in {
            "type 0": b"\0\0",
            "type 15": b"\xf0\0",
            "PUBLISH with QoS 3": b"\x36\x05\0\1tab",
            "remaining length of five bytes": b"\x30\xff\xff\xff\xff\x7f",
            "empty PUBLISH": b"\x30\0",
            "topic past the end of the packet": packet(0x30, b"\x00\x20abc"),
            "topic past the end of a large packet": b"\x30\xff\x7f" + b"\xff\xff" + b"t" * 100,
            "topic larger than the buffer": packet(0x30, string(b"t" * 100) + b"x"),
            "no topic": packet(0x30, b"\0\0x"),
            "message id 0": packet(0x32, string(b"t") + b"\0\0x"),
            "SUBACK larger than the buffer": packet(0x90, b"\0\1" + b"\0" * 100),
            "SUBACK with a code of no meaning": packet(0x90, b"\0\1\x55"),
            "PUBACK of message 0": packet(0x40, b"\0\0"),
            "short PUBACK": packet(0x40, b"\0"),
            "second CONNACK": CONNACK,
            "SUBSCRIBE from a broker": packet(0x82, b"\0\1" + string(b"t") + b"\0"),
            "text": b"HTTP/1.1 400 Bad Request\r\n\r\n",
        }.items():
            with self.subTest(what):
                connection.send(data)
                self.assertNotIn(DISCONNECT, connection.wait_for_close())
                connection = self.shake_hands(self.expect_error())
        self.assertIn("received a topic that is too big for the buffer", self.shell.said)

    def test_answers_to_connect(self) -> None:
        connection = self.start()
        for what, data in {
            "not a CONNACK": PINGRESP,
            "a PUBLISH": publish(b"t", b"x"),
            "reserved bits": packet(0x20, b"\2\0"),
            "long CONNACK": packet(0x20, b"\0\0\0"),
            "garbage": b"\xff\xff\xff\xff",
        }.items():
            with self.subTest(what):
                read_packet(connection)
                connection.send(data)
                connection = self.expect_error()
        for code in range(1, 7):
            read_packet(connection)
            connection.send(packet(0x20, bytes([0, code])))
            self.shell.event(f"error type=2 code={code}")
            self.shell.event("disconnected")
            connection = self.broker.accept()

    def test_no_answer_to_connect(self) -> None:
        connection = self.start()
        read_packet(connection)
        self.shell.event("disconnected")  # after the network timeout
        self.broker.accept()

    def test_slow_answer_to_connect(self) -> None:
        connection = self.start()
        read_packet(connection)
        for i in range(len(CONNACK)):
            connection.send(CONNACK[i : i + 1])
        self.shell.event("connected")

    def test_cut_off(self) -> None:
        connection = self.connect("buffer=64")
        for what, data in {
            "in the header": b"\x30",
            "in the length": b"\x30\x80",
            "in the topic": b"\x30\x20\0\x10top",
            "in the payload": publish(b"t", b"x" * 40)[:-1],
            "in a large payload": publish(b"t", b"x" * 1000)[:-1],
        }.items():
            with self.subTest(what, end="closed"):
                connection.send(data)
                connection.close()
                connection = self.shake_hands(self.expect_error())
            with self.subTest(what, end="silent"):
                connection.send(data)
                connection = self.shake_hands(self.expect_error())
            with self.subTest(what, end="reset"):
                connection.send(data)
                connection.reset()
                connection = self.shake_hands(self.expect_error())

    def test_byte_by_byte(self) -> None:
        connection = self.connect("buffer=64")
        self.shell.drip(connection, publish(b"t", b"y" * 200, qos=1, msg_id=7))
        self.assertEqual(packet(0x40, b"\0\7"), read_packet(connection))

    def test_many_at_once(self) -> None:
        connection = self.connect()
        connection.send(b"".join(publish(b"t", b"%d" % i, qos=1, msg_id=i) for i in range(1, 101)))
        for i in range(1, 101):
            self.assertEqual(packet(0x40, i.to_bytes(2, "big")), read_packet(connection))

    def test_answers_nobody_waits_for(self) -> None:
        connection = self.connect()
        connection.send(
            packet(0x40, b"\0\x63")
            + packet(0x70, b"\0\x63")
            + packet(0xB0, b"\0\x63")
            + packet(0x90, b"\0\x63\0")
            + PINGRESP
            + publish(b"t", b"x", qos=1)
        )
        self.assertEqual(packet(0x40, b"\0\1"), read_packet(connection))
        self.assertNotIn("! published", self.shell.said)
        self.assertNotIn("! subscribed", self.shell.said)

    def test_refused_subscription(self) -> None:
        connection = self.connect()
        msg_id = int(self.shell.do("sub t 1"))
        self.assertEqual(packet(0x82, msg_id.to_bytes(2, "big") + string(b"t") + b"\1"), read_packet(connection))
        connection.send(packet(0x90, msg_id.to_bytes(2, "big") + b"\x80"))
        self.shell.event(f"subscribed id={msg_id} codes=1 first=128 error=3")

    def test_qos_2_both_ways(self) -> None:
        connection = self.connect()
        msg_id = int(self.shell.do("pub t x 2 0")).to_bytes(2, "big")
        self.assertEqual(packet(0x34, string(b"t") + msg_id + b"x"), read_packet(connection))
        connection.send(packet(0x50, msg_id))
        self.assertEqual(packet(0x62, msg_id), read_packet(connection))
        self.assertNotIn("! published", self.shell.said)
        connection.send(packet(0x70, msg_id))
        self.shell.event("published")
        connection.send(publish(b"t", b"y", qos=2, msg_id=5))
        self.assertEqual(packet(0x50, b"\0\5"), read_packet(connection))
        connection.send(packet(0x62, b"\0\5"))
        self.assertEqual(packet(0x70, b"\0\5"), read_packet(connection))

    def test_sent_again_with_dup(self) -> None:
        connection = self.connect("retransmit=100")
        msg_id = int(self.shell.do("pub t x 1 1"))
        body = string(b"t") + msg_id.to_bytes(2, "big") + b"x"
        self.assertEqual(packet(0x33, body), read_packet(connection))
        self.assertEqual(packet(0x3B, body), read_packet(connection))
        connection.reset()
        connection = self.shake_hands(self.expect_error())
        self.assertEqual(packet(0x3B, body), read_packet(connection))
        connection.send(packet(0x40, msg_id.to_bytes(2, "big")))
        self.shell.event(f"published id={msg_id}")
        self.assertEqual("0", self.shell.do("outbox"))

    def test_ping(self) -> None:
        connection = self.connect("keepalive=2")
        for _ in range(2):
            self.assertEqual(PINGREQ, read_packet(connection))
            connection.send(PINGRESP)
        self.assertEqual(PINGREQ, read_packet(connection))
        self.shell.event("disconnected")  # no answer for the whole keep-alive
        self.broker.accept()

    def test_broker_that_does_not_read(self) -> None:
        self.connect("buffer=4096")
        answers = [self.shell.do("publen t 60000 0") for _ in range(100)]
        self.assertIn("-1", answers)  # not for ever: the network timeout
        self.shell.event("disconnected")

    def test_stop_ends_at_once(self) -> None:
        connection = self.connect()
        self.shell.begin("stop")
        self.assertEqual(DISCONNECT, read_packet(connection))
        self.assertEqual("ESP_OK", self.shell.answer(3.0))  # a broker that does not close costs one poll of 1 s

    def test_stop_while_waiting_to_reconnect(self) -> None:
        self.shell.do(f"init uri=mqtt://{self.broker.address} reconnect=60000")
        self.shell.do("start")
        self.broker.accept().close()
        self.shell.event("disconnected")
        self.shell.begin("stop")
        self.assertEqual("ESP_OK", self.shell.answer(3.0))

    def test_random_bytes(self) -> None:
        source = random.Random(2)
        connection = self.connect("buffer=48")
        for _ in range(60):
            data = bytearray(source.randbytes(source.randrange(1, 200)))
            if source.random() < 0.7:  # else the first byte would nearly always end it
                data[0] = source.choice([0x30, 0x31, 0x32, 0x34, 0x40, 0x50, 0x62, 0x90, 0xB0])
            if source.random() < 0.5 and len(data) > 3:
                data[1:4] = bytes([source.randrange(len(data) + 20) & 0x7F, 0, source.randrange(8)])
            try:
                connection.send(bytes(data))
                connection.close()
            except ConnectionError:
                pass  # the client left while this was being sent
            connection = self.shake_hands(self.expect_error())
        connection.send(publish(b"t", b"alive", qos=1, msg_id=9))
        self.assertEqual(packet(0x40, b"\0\x09"), read_packet(connection))


if __name__ == "__main__":
    unittest.main()
