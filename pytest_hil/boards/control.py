# SPDX-License-Identifier: Apache-2.0
"""The supervisor's control socket: one command a line in, one line of JSON out."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from types import TracebackType
from typing import Any

from ..errors import BenchError

REPLY_TIMEOUT_S = 5.0  # every command is answered at once; a supervisor that takes longer hangs


class ControlSocket:
    """A connection to one native board's supervisor."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(REPLY_TIMEOUT_S)
        try:
            # A Unix socket's path holds 107 bytes at most; by way of its open folder any fits.
            folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
            try:
                self._socket.connect(f"/proc/self/fd/{folder}/{path.name}")
            finally:
                os.close(folder)
        except OSError as error:
            self._socket.close()
            raise BenchError(f"the native board's control socket {path} cannot be reached: {error}") from None
        self._replies = self._socket.makefile("rb")

    def command(self, text: str) -> dict[str, Any]:
        """Sends one command. Raises BenchError when it is refused or the supervisor is gone."""
        try:
            self._socket.sendall(text.encode() + b"\n")
            reply = self._replies.readline()
        except OSError as error:
            raise BenchError(f"native board, {text!r}: {error}") from None
        if not reply:
            raise BenchError(f"native board, {text!r}: the supervisor has gone")
        answer: dict[str, Any] = json.loads(reply)
        if not answer.get("ok"):
            raise BenchError(f"native board refused {text!r}: {answer.get('error', reply.decode())}")
        return answer

    def close(self) -> None:
        self._replies.close()
        self._socket.close()

    def __enter__(self) -> ControlSocket:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
