# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: PT009 (unittest's own assertions: they show both values without pytest)
"""The network as the board and as the runner see it: DHCP, forwards, boundary, loss, delay, link, back-pressure."""

from __future__ import annotations

import re
import select
import signal
import socket
import sys
import threading
import time
import unittest

from board import HERE, LIMIT_S, Board

# The kernel, for a client that has stopped reading, takes what its own receive buffer holds (set small here) and what
# slirp may give it; slirp keeps two buffers of its own. Measured: 190 to 260 KB.
MOST_BEFORE_A_STALL = 300_000


def start(test: unittest.TestCase, *mode: str, options: tuple[str, ...] = ()) -> Board:
    board = Board(test, *options, program=[sys.executable, str(HERE / "ethernet_program.py"), *mode])
    board.console.expect("^ethernet program")
    return board


class Echo:
    """A UDP echo on the runner."""

    def __init__(self, test: unittest.TestCase, address: str = "127.0.0.1") -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((address, 0))
        self.port = str(self.socket.getsockname()[1])
        self.seen: list[bytes] = []
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        test.addCleanup(self._end)

    def _serve(self) -> None:
        while True:
            data, sender = self.socket.recvfrom(2048)
            if data == b"end":
                return
            self.seen.append(data)
            self.socket.sendto(data, sender)

    def _end(self) -> None:
        self.socket.sendto(b"end", self.socket.getsockname())
        self._thread.join()
        self.socket.close()


class Addresses(unittest.TestCase):
    def test_dhcp(self) -> None:
        start(self, "dhcp").console.expect(r"^dhcp 10\.0\.2\.15$")

    def test_another_address(self) -> None:
        board = start(self, "dhcp", options=("--forward", "127.0.0.1:0:80"))
        board.console.expect(r"^dhcp 10\.0\.2\.15$")
        before = board.status()["forwards"]
        board.control.do("address 10.0.2.77")
        board.console.expect(r"^dhcp 10\.0\.2\.77$")
        self.assertEqual(board.status()["forwards"], before)

    def test_the_runner_is_10_0_2_2(self) -> None:
        echo = Echo(self)
        board = start(self, "udp", echo.port)
        board.tell("send 10.0.2.2 1", "^reply 0 ")

    def test_no_name_server(self) -> None:
        # It would be the runner's own, somewhere in the world.
        board = start(self, "udp", "9")
        board.say("ping 10.0.2.3 1")
        board.tell("ping 10.0.2.2 1", r"^pong 10\.0\.2\.2$")
        self.assertNotIn(b"pong 10.0.2.3", board.console.data)

    def test_nothing_leaves_10_0_2_0(self) -> None:
        # 127.0.0.2 stands for the world: slirp passes it to the runner's kernel unchanged, as it would any address.
        world = Echo(self, "127.0.0.2")
        board = start(self, "udp", world.port)
        for outside in ("127.0.0.2", "10.0.3.2", "11.0.2.2", "255.255.255.255", "224.0.0.1", "10.0.2.3"):
            board.tell(f"send {outside} 3", "^sent 3")
        answers = Echo(self)
        self.assertEqual(board.status()["link"], "up")
        other = start(self, "udp", answers.port)
        other.tell("send 10.0.2.2 1", "^reply 0 ")  # a round trip later than all of those
        self.assertEqual(world.seen, [])


class Wire(unittest.TestCase):
    def setUp(self) -> None:
        self.echo = Echo(self)

    def start(self, *options: str) -> Board:
        return start(self, "udp", self.echo.port, options=options)

    def test_delay_both_ways(self) -> None:
        board = self.start()
        board.tell("send 10.0.2.2 1", "^reply 0 ")
        board.control.do("delay 60")
        for number in (1, 2):
            took_ms = float(board.tell("send 10.0.2.2 1", rf"^reply {number} ([\d.]+)$")[1])
            self.assertGreaterEqual(took_ms, 120)
            self.assertLess(took_ms, 300)
        board.control.do("delay 0")
        took_ms = float(board.tell("send 10.0.2.2 1", r"^reply 3 ([\d.]+)$")[1])
        self.assertLess(took_ms, 60)

    def test_delay_keeps_the_order(self) -> None:
        board = self.start()
        board.control.do("delay 40")
        board.tell("send 10.0.2.2 20", "^sent 20")
        board.control.do("delay 0")
        board.tell("send 10.0.2.2 1", "^reply 20 ")
        order = [int(number) for number in re.findall(rb"^reply (\d+)", board.console.data, re.MULTILINE)]
        self.assertEqual(order, list(range(21)))

    def settle(self, board: Board, number: int) -> None:
        """Sends single datagrams, the next one being `number`, until one comes back: then so have all before it."""
        for attempt in range(number, number + 100):
            board.tell("send 10.0.2.2 1", "^sent 1")
            try:
                board.console.expect(f"^reply {attempt} ", limit_s=0.3)
                return
            except AssertionError:
                pass
        self.fail("of 100 datagrams none came back")

    def test_loss_is_about_what_was_asked_and_the_same_for_the_same_seed(self) -> None:
        arrived = []
        for seed in ("1", "1", "2"):
            self.echo.seen.clear()
            board = self.start("--seed", seed)
            board.tell("send 10.0.2.2 1", "^reply 0 ")  # so that ARP is done
            board.control.do("loss 20")
            for _ in range(20):
                board.tell("send 10.0.2.2 10", "^sent 10")
            self.settle(board, 201)
            arrived.append([number for number in map(int, self.echo.seen) if number <= 200])
            replies = [int(number) for number in re.findall(rb"^reply (\d+)", board.console.data, re.MULTILINE)]
            came_back = sum(number <= 200 for number in replies)
            self.assertTrue(135 <= len(arrived[-1]) <= 185, f"of 200, 80 % should arrive: {len(arrived[-1])}")
            self.assertTrue(95 <= came_back <= 160, f"of 200, 64 % should come back: {came_back}")
        self.assertEqual(arrived[0], arrived[1], "the same seed loses the same")
        self.assertNotEqual(arrived[0], arrived[2])

    def test_all_lost(self) -> None:
        board = self.start()
        board.control.do("loss 100")
        board.tell("send 10.0.2.2 20", "^sent 20")
        board.control.do("status")
        board.control.do("loss 0")
        board.tell("send 10.0.2.2 1", "^reply 20 ")
        self.assertEqual(self.echo.seen, [b"20"])

    def test_link_down_and_up(self) -> None:
        board = self.start()
        board.control.do("delay 200")
        board.tell("send 10.0.2.2 3", "^sent 3")
        board.control.do("link down")  # loses what is under way, too
        board.tell("send 10.0.2.2 3", "^sent 3")
        board.control.do("status")
        board.control.do("link up")
        board.control.do("delay 0")
        board.tell("send 10.0.2.2 1", "^reply 6 ")
        self.assertEqual(self.echo.seen, [b"6"])


class Forward(unittest.TestCase):
    def connect(self, board: Board, receive_buffer: int | None = None) -> socket.socket:
        client = socket.socket()
        self.addCleanup(client.close)
        client.settimeout(LIMIT_S)
        if receive_buffer:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        client.connect(board.forward(80))
        return client

    def test_bytes_come_through(self) -> None:
        client = self.connect(start(self, "pour", options=("--forward", "127.0.0.1:0:80")))
        got = 0
        while got < 3_000_000:
            chunk = client.recv(65536)
            self.assertEqual(chunk.strip(b"."), b"")
            self.assertTrue(chunk)
            got += len(chunk)

    def test_a_client_that_stops_reading_soon_stops_the_board(self) -> None:
        board = start(self, "pour", options=("--forward", "127.0.0.1:0:80"))
        client = self.connect(board, receive_buffer=16384)
        self.assertEqual(client.recv(1), b".")
        taken = int(board.console.expect(r"^stalled (\d+)$")[1])
        self.assertGreater(taken, 10_000)
        self.assertLess(taken, MOST_BEFORE_A_STALL)
        cpu_before = time.process_time()
        self.assertTrue(board.status()["running"])
        self.assertLess(time.process_time() - cpu_before, 1)

    def test_the_port_asked_for(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        board = start(self, "pour", options=("--forward", f"127.0.0.1:{port}:80"))
        self.assertEqual(board.forward(80), ("127.0.0.1", port))
        self.assertEqual(self.connect(board).recv(1), b".")

    def test_many_clients_at_once_are_all_accepted_quickly(self) -> None:
        board = start(self, "pour", options=("--forward", "127.0.0.1:0:80"))
        address = board.forward(80)
        board.process.send_signal(signal.SIGSTOP)  # busy for a moment
        clients = [socket.socket() for _ in range(30)]
        for client in clients:
            self.addCleanup(client.close)
            client.setblocking(False)
            client.connect_ex(address)
        _, connected, _ = select.select([], clients, [], 0)
        board.process.send_signal(signal.SIGCONT)
        self.assertEqual(len(connected), 30, "a SYN was dropped and comes again in a second: the backlog is too short")

    def test_ports_of_many_boards_differ(self) -> None:
        boards = [start(self, "pour", options=("--forward", "127.0.0.1:0:80") * 3) for _ in range(4)]
        ports = [forward["port"] for board in boards for forward in board.status()["forwards"]]
        self.assertEqual(len(set(ports)), 12)


if __name__ == "__main__":
    unittest.main()
