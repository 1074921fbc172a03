# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: PT009 (unittest's own assertions: they show both values without pytest)
"""The control socket: every command, bad commands, bad clients."""

from __future__ import annotations

import json
import socket
import unittest

from board import LIMIT_S, PROGRAM, Board, Control


class Commands(unittest.TestCase):
    def setUp(self) -> None:
        self.board = Board(
            self, "--seed", "7", "--forward", "127.0.0.1:0:80", "--forward", "127.0.0.2:0:81", program=[PROGRAM]
        )
        self.board.console.expect("^program")

    def raw(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX)
        self.addCleanup(connection.close)
        connection.settimeout(LIMIT_S)
        self.board.status()
        connection.connect(str(self.board.socket_path))
        return connection

    def test_status(self) -> None:
        status = self.board.status()
        ports = [forward.pop("port") for forward in status["forwards"]]
        self.assertTrue(all(1024 <= port < 65536 for port in ports) and len(set(ports)) == 2, ports)
        self.assertGreater(status.pop("pid"), 0)
        self.assertEqual(
            status,
            {
                "ok": True,
                "power": "on",
                "running": True,
                "boots": 1,
                "resets": {"reason": "POWERON"},
                "forwards": [{"host": "127.0.0.1", "board_port": 80}, {"host": "127.0.0.2", "board_port": 81}],
                "flash_ops": 0,
                "serial": "stdio",
                "slot": None,
                "link": "up",
                "address": "10.0.2.15",
                "loss_percent": 0,
                "delay_ms": 0,
                "seed": 7,
                "heap_kb": 640,
                "scale": 4,
            },
        )

    def test_network_settings(self) -> None:
        for command in ("link down", "address 10.0.2.254", "loss 2.5", "delay 30"):
            self.board.control.do(command)
        status = self.board.status()
        settings = [status[name] for name in ("link", "address", "loss_percent", "delay_ms")]
        self.assertEqual(settings, ["down", "10.0.2.254", 2.5, 30])

    def test_bad_commands(self) -> None:
        for command in (
            "",
            "   ",
            "stat",
            "status now",
            "reset hard",
            "power",
            "power maybe",
            "link",
            "link sideways",
            "address",
            "address here",
            "address 10.0.2.3",
            "address 10.0.2.255",
            "address 10.0.3.15",
            "loss",
            "loss -1",
            "loss 101",
            "loss nan",
            "delay",
            "delay 1.5",
            "delay 60001",
            "delay -1",
            "cut",
            "cut x",
            "cut 1 torn",
            "cut 1 torn x",
            "cut 1 whole 3",
            "cut 1 torn 3 4",
            "quit now",
            "a b c d e f g h",
            '"}\x01',
        ):
            with self.subTest(command):
                answer = self.board.control.ask(command)
                self.assertFalse(answer["ok"])
                self.assertGreater(len(answer["error"]), 10)
        self.assertTrue(self.board.status()["running"])

    def test_commands_in_pieces_and_in_one(self) -> None:
        connection = self.raw()
        for piece in (b"sta", b"tus\nlink ", b"down\r\nst", b"atus\n"):
            connection.sendall(piece)
        lines = connection.makefile("r")
        answers = [json.loads(lines.readline()) for _ in range(3)]
        self.assertEqual([answer.get("link") for answer in answers], ["up", None, "down"])

    def test_a_line_without_end(self) -> None:
        connection = self.raw()
        connection.sendall(b"x" * 5000)
        self.assertIn(b"unknown command", connection.recv(4096))
        self.board.control.do("status")

    def test_a_client_that_leaves_at_once_or_never_reads(self) -> None:
        deaf = self.raw()
        for _ in range(20):
            self.raw().close()
        deaf.setblocking(False)
        try:
            while True:
                deaf.send(b"status\n" * 100)
        except (BlockingIOError, BrokenPipeError, ConnectionResetError):
            pass
        self.board.control.do("status")

    def test_many_clients(self) -> None:
        clients = [Control(self.board.socket_path) for _ in range(6) if self.board.status()]
        for client in clients:
            client.do("status")
            client.close()

    def test_a_client_more_than_there_is_room_for_is_served_when_one_leaves(self) -> None:
        first = [self.raw() for _ in range(7)]  # and the one of status()
        late = self.raw()
        late.sendall(b"status\n")
        self.board.control.do("status")
        first[0].close()
        self.assertIn(b'"ok":true', late.recv(4096))


if __name__ == "__main__":
    unittest.main()
