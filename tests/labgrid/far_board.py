# SPDX-License-Identifier: Apache-2.0
"""A native board as another machine would have it: powered on, its console served over TCP, its reset a command.

What it prints while nobody listens is lost, as at any serial port.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType

from pytest_hil.boards.artifacts import Artifacts
from pytest_hil.boards.provisioning import PARTITION, nvs_image

_TELL = """\
import socket, sys
control = socket.socket(socket.AF_UNIX)
control.connect(sys.argv[1])
control.sendall(b"reset\\n")
sys.exit(b'"ok":true' not in control.recv(4096))
"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


class FarBoard:
    """Running while in `with`."""

    def __init__(self, name: str, artifacts: Artifacts, folder: Path, broker_port: int) -> None:
        self.name = name
        self.ports = {80: free_port(), 81: free_port()}
        self.connections = 0
        build = artifacts.image("release").build
        values: dict[str, str | int] = {
            "device_id": name,
            "broker_uri": f"mqtt://10.0.2.2:{broker_port}",
            "frame_ms": 20,
        }
        folder.mkdir()
        (folder / "flash.bin").write_bytes(
            build.flash_image({PARTITION: nvs_image(values, build.partition(PARTITION).size)})
        )
        forwards = [f"--forward=127.0.0.1:{here}:{there}" for there, here in self.ports.items()]
        self._command = [
            str(artifacts.native_board),
            "--flash",
            "flash.bin",
            "--serial",
            "stdio",
            "--control",
            "control",
        ]
        self._command += forwards
        self._folder = folder
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.console_port = int(self._listener.getsockname()[1])
        self._process: subprocess.Popen[bytes] | None = None
        self._client: socket.socket | None = None

    @property
    def reset(self) -> list[str]:
        return [sys.executable, "-IS", "-c", _TELL, str(self._folder / "control")]

    def __enter__(self) -> FarBoard:
        log = (self._folder / "stderr.log").open("wb")
        self._process = subprocess.Popen(
            self._command, cwd=self._folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, bufsize=0
        )
        log.close()
        self._carrier = threading.Thread(target=self._carry_out, daemon=True)
        self._carrier.start()
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def _carry_out(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        while data := os.read(self._process.stdout.fileno(), 65536):
            client = self._client
            if client is not None:
                with contextlib.suppress(OSError):
                    client.sendall(data)

    def _serve(self) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self.connections += 1
                self._client = client
                with client, contextlib.suppress(OSError):
                    while data := client.recv(65536):
                        self._process.stdin.write(data)
                self._client = None

    def unplug(self) -> None:
        """Its console is served no more."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.unplug()
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()  # its lifeline
            self._process.wait(20)
            self._carrier.join(20)
            assert self._process.stdout is not None
            self._process.stdout.close()
