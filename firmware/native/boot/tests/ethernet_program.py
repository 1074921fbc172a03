# SPDX-License-Identifier: Apache-2.0
"""A program for the board, run by Python itself: raw Ethernet frames on BOARD_FD_NET.

Just enough of DHCP, ARP, UDP and TCP to see the network from the board's side. Not lwIP on purpose: what is tested
is the supervisor. Modes, as the first argument:

  dhcp            gets an address and prints it, and another one each time it is moved
  udp PORT        each serial line "send ADDRESS COUNT" sends so many datagrams to ADDRESS:PORT, "ping ADDRESS 1" an
                  echo request; what comes back is printed
  pour            accepts TCP on port 80 and sends as long as the other side takes anything; prints the total at a stall
"""

from __future__ import annotations

import os
import select
import socket
import struct
import sys
import time

BOARD_IP = bytes([10, 0, 2, 15])
BOARD_MAC = bytes([2, 0, 0, 0, 0, 1])
EVERYONE = b"\xff" * 6
ARP, IPV4 = 0x0806, 0x0800
ICMP, TCP, UDP = 1, 6, 17
FIN, SYN, RST, ACK = 1, 2, 4, 16
MSS = 1440

card = socket.socket(fileno=3)


def checksum(data: bytes) -> int:
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data[: len(data) & ~1])) + (
        data[-1] << 8 if len(data) & 1 else 0
    )
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def send_ip(protocol: int, source: bytes, to: bytes, payload: bytes, mac: bytes) -> None:
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 0, 0, 64, protocol, 0, source, to)
    head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
    card.send(mac + BOARD_MAC + struct.pack("!H", IPV4) + head + payload)


def udp(source_port: int, port: int, data: bytes) -> bytes:
    return struct.pack("!HHHH", source_port, port, 8 + len(data), 0) + data


def receive() -> tuple[int, bytes, bytes] | None:
    """(IP protocol, IP source, payload) of a frame for us; ARP questions are answered on the way."""
    frame = card.recv(2048)
    kind = struct.unpack("!H", frame[12:14])[0]
    if kind == ARP and frame[20:22] == b"\0\1" and frame[38:42] == BOARD_IP:
        answer = b"\0\1\x08\0\6\4\0\2" + BOARD_MAC + BOARD_IP + frame[22:32]
        card.send(frame[6:12] + BOARD_MAC + struct.pack("!H", ARP) + answer)
    if kind != IPV4:
        return None
    packet = frame[14:]
    length = struct.unpack("!H", packet[2:4])[0]
    return packet[9], packet[12:16], packet[(packet[0] & 15) * 4 : length]


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def dhcp() -> None:
    def ask(kind: int, options: bytes) -> bytes:
        message = struct.pack("!BBBBIHH4s4s4s4s", 1, 1, 6, 0, 42, 0, 0x8000, *[bytes(4)] * 4)
        message += BOARD_MAC.ljust(16, b"\0") + bytes(192) + b"\x63\x82\x53\x63"
        message += bytes([53, 1, kind]) + options + b"\xff"
        send_ip(UDP, bytes(4), b"\xff" * 4, udp(68, 67, message), EVERYONE)
        while True:
            got = receive()
            if got is not None and got[0] == UDP and got[2][2:4] == b"\0\x44":
                return got[2][8:]

    offer = ask(1, b"")
    address = offer[16:20]
    reply = ask(3, bytes([50, 4]) + address + bytes([54, 4, 10, 0, 2, 2]))
    say("dhcp " + ".".join(map(str, reply[16:20])))


def follow() -> None:
    """BOARD_NET_MOVED is one byte, and no frame is that short."""
    dhcp()
    while packet := card.recv(2048):
        if len(packet) == 1:
            dhcp()


def obey(line: str, port: int, sent_at: dict[int, float]) -> None:
    command, address, count = line.split()
    if command == "ping":
        head, tail = bytes([8, 0]), bytes([0, 1, 0, 1])
        echo = head + struct.pack("!H", checksum(head + bytes(2) + tail)) + tail
        send_ip(ICMP, BOARD_IP, socket.inet_aton(address), echo, EVERYONE)
        return
    first = len(sent_at)
    for number in range(first, first + int(count)):
        sent_at[number] = time.monotonic()
        send_ip(UDP, BOARD_IP, socket.inet_aton(address), udp(5000, port, b"%d" % number), EVERYONE)
    say(f"sent {count}")


def exchange_udp(port: int) -> None:
    sent_at: dict[int, float] = {}
    while True:
        readable, _, _ = select.select([card.fileno(), 0], [], [])
        if card.fileno() in readable:
            got = receive()
            if got is not None and got[0] == ICMP and got[2][0] == 0:
                say("pong " + ".".join(map(str, got[1])))
            elif got is not None and got[0] == UDP:
                number = int(got[2][8:])
                say(f"reply {number} {(time.monotonic() - sent_at[number]) * 1000:.1f}")
        else:
            lines = os.read(0, 4096).decode().splitlines()
            if not lines:
                return
            for line in lines:
                obey(line, port, sent_at)


class Pour:
    """One TCP connection at a time, sender's side: no retransmission, since the wire of this test loses nothing."""

    def __init__(self) -> None:
        self.peer: tuple[bytes, int] | None = None
        self.next = self.acked = self.expected = self.window = 0
        self.total = 0

    def segment(self, flags: int, data: bytes = b"", options: bytes = b"") -> None:
        assert self.peer is not None
        ip, port = self.peer
        offset = (20 + len(options)) // 4 << 4
        head = struct.pack("!HHIIBBHHH", 80, port, self.next & 0xFFFFFFFF, self.expected, offset, flags, 5760, 0, 0)
        whole = head + options + data
        pseudo = BOARD_IP + ip + struct.pack("!BBH", 0, TCP, len(whole))
        send_ip(TCP, BOARD_IP, ip, whole[:16] + struct.pack("!H", checksum(pseudo + whole)) + whole[18:], EVERYONE)

    def take(self, source: bytes, segment: bytes) -> None:
        port, _, sequence, acked, offset, flags, window = struct.unpack("!HHIIBBH", segment[:16])
        size = len(segment) - (offset >> 4) * 4
        if flags & SYN:
            self.peer, self.expected, self.next, self.total = (source, port), sequence + 1 & 0xFFFFFFFF, 0, 0
            self.segment(SYN | ACK, options=struct.pack("!BBH", 2, 4, MSS))
            self.next = 1
            return
        if self.peer != (source, port):
            return
        self.window = window
        self.acked = acked
        if size or flags & FIN:
            self.expected = (sequence + size + (1 if flags & FIN else 0)) & 0xFFFFFFFF
            self.segment(ACK)
        if flags & (FIN | RST):
            say(f"gone {self.total}")
            self.peer = None

    def push(self) -> None:
        while self.peer is not None and self.acked + self.window - self.next >= MSS and self.acked > 0:
            self.segment(ACK, b"." * MSS)
            self.next += MSS
            self.total += MSS


def pour(stall_s: float) -> None:
    connection = Pour()
    while True:
        readable, _, _ = select.select([card], [], [], stall_s)
        if readable:
            got = receive()
            if got is not None and got[0] == TCP:
                connection.take(got[1], got[2])
                connection.push()
        elif connection.peer is not None:
            say(f"stalled {connection.total}")
            stall_s = 3600.0


say("ethernet program")
if sys.argv[1] == "dhcp":
    follow()
elif sys.argv[1] == "udp":
    exchange_udp(int(sys.argv[2]))
else:
    pour(1.0)
