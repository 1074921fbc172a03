# SPDX-License-Identifier: Apache-2.0
"""mosquitto on a port of its own, with a configuration of its own, for as long as it is needed."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from ..errors import BenchError
from .process import end, free_port, spawn_tied

ATTEMPTS = 5  # another process may take the free port first
START_TIMEOUT_S = 10.0  # from exec to its listener; some 10 ms on an idle machine
PROGRAM = os.environ.get("HIL_MOSQUITTO", "mosquitto")
# MQTT 3.1.1, clean session, client id "hil"; and the answer: accepted
_CONNECT = b"\x10\x0f\x00\x04MQTT\x04\x02\x00\x3c\x00\x03hil"
_CONNACK = b"\x20\x02\x00\x00"
_CONFIG = """\
listener {port} 127.0.0.1
allow_anonymous true
persistence false
log_dest stderr
log_type error
log_type warning
log_type notice
log_type information
"""
# As root mosquitto would change to a user of its own, and so lose its bond with the runner (see process.py).
_STAY_ROOT = "user root\n"


class Broker:
    """A running broker; its log is a file."""

    def __init__(self, folder: Path, port: int | None = None) -> None:
        self.host = "127.0.0.1"
        self.port = 0
        self.log_path = folder / "broker.log"
        self._folder = folder
        self._fixed_port = port
        self._process: subprocess.Popen[bytes] | None = None
        self._listening = threading.Event()
        self._log_thread: threading.Thread | None = None

    def start(self) -> None:
        """Returns when it listens. Raises BenchError with mosquitto's own words when it cannot."""
        self._folder.mkdir(parents=True, exist_ok=True)
        said: Sequence[str] = ()
        for _ in range(1 if self._fixed_port else ATTEMPTS):
            self.port = self._fixed_port or free_port()
            if self._try():
                return
            said = self.log_path.read_text(errors="replace").splitlines()
            if not any("Address already in use" in line for line in said):
                break
        complaint = next((line for line in said if "Error" in line), said[-1] if said else "it said nothing")
        raise BenchError(f"{PROGRAM} cannot start on port {self.port}: {complaint.split(': ', 1)[-1]}")

    def _try(self) -> bool:
        config = self._folder / "mosquitto.conf"
        config.write_text(_CONFIG.format(port=self.port) + (_STAY_ROOT if os.geteuid() == 0 else ""))
        process = spawn_tied([PROGRAM, "-c", str(config)])
        ready = threading.Event()
        running: list[bool] = []

        def copy_log() -> None:
            assert process.stdout is not None
            with process.stdout, self.log_path.open("wb") as log:
                for line in process.stdout:
                    log.write(line)
                    log.flush()
                    if line.rstrip().endswith(b" running"):  # printed once the listeners are open
                        running.append(True)
                        ready.set()
            ready.set()

        thread = threading.Thread(target=copy_log, name="broker log", daemon=True)
        thread.start()
        ready.wait(START_TIMEOUT_S)
        if not running:
            process.kill()
            process.wait()
            thread.join()
            return False
        self._process, self._log_thread = process, thread
        self._greet()
        return True

    def _greet(self) -> None:
        """Waits for an answer: mosquitto says that it runs a moment too early, and forgets a SIGTERM until then."""
        try:
            with socket.create_connection((self.host, self.port), START_TIMEOUT_S) as greeting:
                greeting.sendall(_CONNECT)
                answer = greeting.recv(4)
        except OSError as error:
            answer = str(error).encode()
        if answer != _CONNACK:
            self.stop()
            raise BenchError(f"{PROGRAM} listens on port {self.port} but does not answer: {answer!r}")

    def stop(self) -> None:
        if self._process is not None:
            end(self._process)
            if self._log_thread is not None:
                self._log_thread.join()
            self._process = None

    def __enter__(self) -> Broker:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
