#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Stands for an emulator in the rig's own tests: takes QEMU's and esp-emu's command lines, prints what a board would.

It serves QMP's `system_reset` where asked for, answers on its forwarded ports, echoes its stdin, and counts in the
flash file how often it was started.
"""

import json
import os
import re
import socket
import sys
import threading

COUNT_AT = 0x9000


def option(*names: str) -> str:
    return next((sys.argv[sys.argv.index(name) + 1] for name in names if name in sys.argv), "")


def boot(why: str) -> None:
    os.write(1, f"hello from emulator: {why}\n".encode())


def serve_qmp(listener: socket.socket) -> None:
    with listener:
        while True:
            connection, _ = listener.accept()
            with connection:
                version = {"qemu": {"micro": 0, "minor": 0, "major": 9}, "package": ""}
                answer(connection, {"QMP": {"version": version, "capabilities": []}})
                text = ""
                while data := connection.recv(4096).decode():
                    text += data
                    while text := text.lstrip():  # requests follow each other without a line end
                        try:
                            asked, end = json.JSONDecoder().raw_decode(text)
                        except ValueError:
                            break
                        text = text[end:]
                        if asked["execute"] == "system_reset":
                            boot("reset")
                        answer(connection, {"return": {}, "id": asked.get("id")})


def answer(connection: socket.socket, message: object) -> None:
    connection.sendall(json.dumps(message).encode() + b"\r\n")


def serve_forward(listener: socket.socket, board_port: int) -> None:
    with listener:
        while True:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(f"board port {board_port}".encode())


def main() -> None:
    image = option("--firmware") or re.findall(r"file=([^,]+),if=mtd", " ".join(sys.argv))[0]
    if option("--chip") == "esp32h2":
        print("cannot emulate this", file=sys.stderr)
        sys.exit(3)
    if "taken-once" in sys.argv and not os.path.exists(image + ".tried"):
        open(image + ".tried", "w").close()
        print("-nic user: Could not set up host forwarding rule", file=sys.stderr)
        sys.exit(1)
    for port, board_port in re.findall(r"hostfwd=tcp:127\.0\.0\.1:(\d+)-:(\d+)", " ".join(sys.argv)):
        listener = socket.create_server(("127.0.0.1", int(port)))  # before the first word, after which it is used
        threading.Thread(target=serve_forward, args=(listener, int(board_port)), daemon=True).start()
    if qmp := option("-qmp"):
        listener = socket.create_server(("127.0.0.1", int(qmp.split(",")[0].split(":")[2])))
        threading.Thread(target=serve_qmp, args=(listener,), daemon=True).start()
    with open(image, "r+b") as flash:
        flash.seek(COUNT_AT)
        count = (flash.read(1)[0] + 1) % 256
        flash.seek(COUNT_AT)
        flash.write(bytes([count]))
    print("Adding SPI flash device", file=sys.stderr)  # QEMU's words, not the board's
    boot(f"start {count}, {os.path.getsize(image)} bytes")
    if "tell" in sys.argv:
        os.write(1, f"{sys.argv[1:]} in {os.getcwd()}\n".encode())
    while data := os.read(0, 4096):
        os.write(1, b"heard " + data)


main()
