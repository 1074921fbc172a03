#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Stands for `native-board` in the rig's own tests: the same command line, control socket and lifeline, no firmware.

FAKE_BOARD_SCRIPT holds what it does, one step a line: `print TEXT`, `raw HEX`, `pause SECONDS`, `exit CODE`, `kill`,
`silent` (never opens its control socket). After the last step it waits for `quit`, or for the end of its stdin.
"""

import json
import os
import signal
import socket
import sys
import threading
import time


def option(name: str) -> str:
    return sys.argv[sys.argv.index(name) + 1]


def serve(listener: socket.socket) -> None:
    forwards = []
    for i, argument in enumerate(sys.argv):
        if argument == "--forward":
            host, _, board_port = sys.argv[i + 1].split(":")
            forwards.append(
                {"host": host, "port": int(os.environ.get("FAKE_BOARD_PORT", "1")), "board_port": int(board_port)}
            )
    connection, _ = listener.accept()
    for line in connection.makefile("r"):
        command = line.strip()
        if command == "quit":
            connection.sendall(b'{"ok":true}\n')
            os._exit(0)
        if command == "reset":
            print("rst:0x1 (POWERON),boot:0x13 (SPI_FAST_FLASH_BOOT)", flush=True)
        answer = (
            {"ok": True, "running": True, "forwards": forwards}
            if command in ("status", "reset")
            else {"ok": False, "error": f"no command {command!r}"}
        )
        connection.sendall(json.dumps(answer).encode() + b"\n")


def lifeline() -> None:
    while data := os.read(0, 4096):
        os.write(1, b"echo " + data)
    os._exit(0)


def main() -> None:
    with open(option("--flash"), "rb") as flash:
        if len(flash.read()) < 0x9000:
            print("native-board: no flash file: wrong size", file=sys.stderr)
            sys.exit(3)
    steps = os.environ.get("FAKE_BOARD_SCRIPT", "").splitlines()
    if "silent" in steps:
        lifeline()
    if steps[:1] != ["no-start"]:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(option("--control"))
        listener.listen()
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
    else:
        print("native-board: cannot start: the test says so", file=sys.stderr)
        sys.exit(3)
    threading.Thread(target=lifeline, daemon=True).start()
    for step in steps:
        verb, _, rest = step.partition(" ")
        if verb == "print":
            print(rest, flush=True)
        elif verb == "raw":
            os.write(1, bytes.fromhex(rest))
        elif verb == "pause":
            time.sleep(float(rest))  # a board that is silent for so long, as the test writes it down
        elif verb == "exit":
            sys.stdout.flush()
            os._exit(int(rest))
        elif verb == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
    threading.Event().wait()


main()
