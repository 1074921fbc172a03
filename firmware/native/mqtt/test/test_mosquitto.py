# SPDX-License-Identifier: Apache-2.0
"""The MQTT client on a native board against mosquitto."""

from __future__ import annotations

import unittest
import zlib

from board import wait_until
from board_shell import Shell, ShellTestCase
from broker import Mosquitto, Subscriber


def crc(data: bytes) -> str:
    return f"crc={zlib.crc32(data):08x}"


class MosquittoTest(ShellTestCase):
    def connect(self, broker: Mosquitto, options: str = "") -> Shell:
        shell = Shell(self)
        self.assertEqual("made", shell.do(f"init uri={broker.uri} reconnect=200 {options}"))
        self.assertEqual("ESP_OK", shell.do("start"))
        shell.event("before_connect")
        shell.event("connected session=0 task=mqtt_task")
        return shell

    def subscribe(self, shell: Shell, topic: str, qos: int = 1) -> None:
        msg_id = int(shell.do(f"sub {topic} {qos}"))
        self.assertGreater(msg_id, 0)
        shell.event(f"subscribed id={msg_id} codes=1 first={qos} error=0")

    def test_publish(self) -> None:
        broker = Mosquitto(self)
        subscriber = Subscriber(self, broker, "t/#")
        shell = self.connect(broker)
        self.assertEqual("0", shell.do("pub t/0 zero 0 0"))
        self.assertEqual("t/0 0 0 zero", subscriber.next())
        for qos in (1, 2):
            msg_id = int(shell.do(f"pub t/{qos} some {qos} 0"))
            shell.event(f"published id={msg_id}")
            self.assertEqual(f"t/{qos} 1 0 some", subscriber.next())
        self.assertEqual("0", shell.do("outbox"))

    def test_receive(self) -> None:
        broker = Mosquitto(self)
        shell = self.connect(broker)
        self.subscribe(shell, "in/#", 2)
        for qos in (0, 1, 2):
            broker.publish(f"in/{qos}", b"hello", "-q", str(qos))
            shell.event(f"data topic=in/{qos} offset=0 len=5 total=5 qos={qos} retain=0 dup=0 {crc(b'hello')}")
        broker.publish("in/empty", b"")
        shell.event("data topic=in/empty offset=0 len=0 total=0")
        msg_id = shell.do("unsub in/#")
        shell.event(f"unsubscribed id={msg_id}")
        broker.publish("in/late", b"x")
        shell.do("pub in/sync x 1 0")
        shell.event("published")
        self.assertNotIn("in/late", shell.said)

    def test_retained(self) -> None:
        broker = Mosquitto(self)
        shell = self.connect(broker)
        shell.do("pub state online 1 1")
        shell.event("published")
        self.assertEqual("state 1 1 online", Subscriber(self, broker, "state").next())
        self.subscribe(shell, "state")
        shell.event("data topic=state .* retain=1")

    def test_messages_larger_than_the_buffer(self) -> None:
        payload = bytes(ord("a") + i % 26 for i in range(50_000))
        broker = Mosquitto(self)
        shell = self.connect(broker, "buffer=512")
        self.subscribe(shell, "big")
        self.assertGreater(int(shell.do("publen big 50000 1")), 0)
        offset = 0
        while offset < len(payload):
            found = shell.event(r"data topic=(\S*) offset=(\d+) len=(\d+) total=50000 qos=1 .* (crc=\w+)")
            self.assertEqual("" if offset else "big", found[1])
            self.assertEqual(offset, int(found[2]))
            self.assertLessEqual(int(found[3]), 512)
            offset += int(found[3])
        self.assertEqual(crc(payload), found[4])
        shell.event("published")
        shell.do("pub big after 1 0")
        shell.event(f"data topic=big offset=0 len=5 total=5 .* {crc(b'after')}")

    def test_last_will(self) -> None:
        broker = Mosquitto(self)
        subscriber = Subscriber(self, broker, "will")
        shell = self.connect(broker, "will_topic=will will_msg=offline will_qos=1 will_retain=1 keepalive=60")
        shell.do("pub will online 1 1")
        self.assertEqual("will 1 0 online", subscriber.next())
        shell.board.control.do("quit")
        shell.board.wait()
        self.assertEqual("will 1 0 offline", subscriber.next())

    def test_no_last_will_after_stop(self) -> None:
        broker = Mosquitto(self)
        subscriber = Subscriber(self, broker, "will")
        shell = self.connect(broker, "will_topic=will will_msg=offline")
        self.assertEqual("ESP_OK", shell.do("stop"))
        broker.publish("will", b"after")
        self.assertEqual("will 0 0 after", subscriber.next())

    def test_password(self) -> None:
        broker = Mosquitto(self, "board", "secret")
        self.connect(broker, "user=board pass=secret")
        shell = Shell(self)
        shell.do(f"init uri={broker.uri} user=board pass=wrong reconnect=100")
        shell.do("start")
        shell.event("error type=2 code=5")  # MQTT_ERROR_TYPE_CONNECTION_REFUSED, NOT_AUTHORIZED
        shell.event("disconnected")
        shell.event("before_connect")  # and it goes on trying
        shell.do("stop")
        self.assertEqual("ESP_OK", shell.do("destroy"))

    def test_password_in_the_uri(self) -> None:
        broker = Mosquitto(self, "board", "secret")
        shell = Shell(self)
        shell.do(f"init uri={broker.uri.replace('mqtt://', 'mqtt://board:secret@')}")
        shell.do("start")
        shell.event("connected")

    def test_broker_restarts(self) -> None:
        broker = Mosquitto(self)
        shell = self.connect(broker)
        broker.stop()
        shell.event("error type=1")
        shell.event("disconnected")
        msg_id = int(shell.do("pub t kept 1 0"))
        self.assertGreater(msg_id, 0)
        self.assertEqual("-1", shell.do("pub t lost 0 0"))
        self.assertEqual("0", shell.do("enq t stored 0 1"))
        self.assertEqual("-1", shell.do("sub t 1"))
        self.assertGreater(int(shell.do("outbox")), 0)
        broker.start()
        shell.event("connected")
        shell.event(f"published id={msg_id}")
        shell.do("pub t sync 1 0")
        shell.event("published")
        self.assertEqual("0", shell.do("outbox"))

    def test_qos_1_is_sent_again_until_acknowledged(self) -> None:
        broker = Mosquitto(self)
        subscriber = Subscriber(self, broker, "t")
        shell = self.connect(broker, "retransmit=100 timeout=1000 keepalive=2")
        control = shell.board.control
        control.do("link down")
        msg_id = shell.do("pub t through 1 0")
        shell.event("disconnected")
        control.do("link up")
        shell.event("connected")
        shell.event(f"published id={msg_id}")
        self.assertEqual("t 1 0 through", subscriber.next())

    def test_keepalive(self) -> None:
        broker = Mosquitto(self)
        shell = self.connect(broker, "keepalive=1")  # mosquitto ends a silent connection after 1.5 s
        shell.never("disconnected", 3.5)
        shell.do("pub t still 1 0")
        shell.event("published")

    def test_disconnect_and_reconnect_by_hand(self) -> None:
        shell = self.connect(Mosquitto(self), "manual=1")
        self.assertEqual("ESP_FAIL", shell.do("reconnect"))
        self.assertEqual("ESP_OK", shell.do("disconnect"))
        shell.event("disconnected")
        self.assertEqual("ESP_OK", shell.do("reconnect"))
        shell.event("before_connect")
        shell.event("connected")

    def test_stop_and_start(self) -> None:
        shell = self.connect(Mosquitto(self))
        self.assertEqual("ESP_FAIL", shell.do("start"))
        for _ in range(3):
            self.assertEqual("ESP_OK", shell.do("stop"))
            self.assertEqual("ESP_FAIL", shell.do("stop"))
            self.assertEqual("-1", shell.do("pub t x 0 0"))
            self.assertEqual("ESP_OK", shell.do("start"))
            shell.event("connected")
        self.assertEqual("ESP_OK", shell.do("destroy"))

    def test_stop_in_a_handler(self) -> None:
        broker = Mosquitto(self)
        shell = Shell(self)
        shell.do(f"init uri={broker.uri} stop_from_event=1")
        shell.do("start")
        shell.event("stop in a handler: ESP_FAIL")
        shell.do("pub t x 1 0")
        shell.event("published")

    def test_two_sessions(self) -> None:
        broker = Mosquitto(self)
        shell = self.connect(broker, "id=one keep_session=1 manual=1")
        self.subscribe(shell, "t")
        shell.do("disconnect")
        shell.event("disconnected")
        broker.publish("t", b"meanwhile", "-q", "1")
        shell.do("reconnect")
        shell.event("connected session=1")
        shell.event(f"data topic=t offset=0 len=9 total=9 qos=1 .* {crc(b'meanwhile')}")

    def test_full_outbox(self) -> None:
        broker = Mosquitto(self)
        shell = Shell(self)
        shell.do(f"init uri={broker.uri} outbox=100")
        self.assertGreater(int(shell.do("publen t 60 1")), 0)
        self.assertEqual("-2", shell.do("publen t 60 1"))
        self.assertEqual("-2", shell.do(f"enq t {'x' * 60} 1 0"))

    def test_user_event_and_handlers(self) -> None:
        shell = self.connect(Mosquitto(self))
        self.assertEqual("ESP_OK", shell.do("user 77"))
        shell.do("pub t x 1 0")  # wakes the task
        shell.event("user id=77 task=mqtt_task")
        self.assertEqual("ESP_OK", shell.do("forget"))
        said = shell.said.count("! published")
        shell.do("pub t x 1 0")
        wait_until(lambda: shell.do("outbox") == "0", "the acknowledgement")
        self.assertEqual(said, shell.said.count("! published"))

    def test_refused_settings(self) -> None:
        shell = Shell(self)
        self.assertEqual("refused", shell.do("init uri=10.0.2.2"))
        self.assertEqual("refused", shell.do("init uri=mqtt://"))
        self.assertEqual("made", shell.do("init"))
        self.assertEqual("ESP_ERR_INVALID_STATE", shell.do("start"))
        self.assertEqual("made", shell.do("init uri=wss://10.0.2.2"))
        self.assertEqual("ESP_ERR_NOT_SUPPORTED", shell.do("start"))
        self.assertEqual("ESP_OK", shell.do("destroy"))

    def test_heap_comes_back(self) -> None:
        broker = Mosquitto(self)
        shell = Shell(self)
        heap = shell.heap()
        for _ in range(10):
            shell.do(f"init uri={broker.uri} will_topic=w will_msg=m user=u pass=p")
            shell.do("start")
            shell.event("connected")
            self.subscribe(shell, "t")
            shell.do("pub t x 1 0")
            shell.event("published")
            shell.do("enq t y 1 0")
            shell.do("destroy")
        # The IDLE task frees the stack of the client's task a little later.
        shell.wait_for_heap(heap, 10)


if __name__ == "__main__":
    unittest.main()
