# SPDX-License-Identifier: Apache-2.0
"""pytest-embedded's `dut` for a board of this rig: `dut.expect` reads the very bytes of the console record.

No queue, no listener process, no polling: an expect sleeps until bytes come, and ends at once when the board does.
"""

from __future__ import annotations

import time

import pexpect
from pytest_embedded.app import App
from pytest_embedded.dut import Dut
from pytest_embedded.log import PexpectProcess
from pytest_embedded.utils import Meta, to_bytes

from .boards.protocol import Board
from .console.record import ConsoleRecord


class RecordExpect(PexpectProcess):  # type: ignore[misc]
    """pexpect over a console record. The record's log is what it reads; the record's condition is what wakes it."""

    def __init__(self, record: ConsoleRecord) -> None:
        self._record = record
        self._reader = record.log_path.open("rb")
        super().__init__(self._reader)

    def read_nonblocking(self, size: int = 1, timeout: float | None = -1) -> bytes:
        """Raises pexpect.TIMEOUT, or pexpect.EOF when the board has ended and all is read."""
        if timeout == -1:
            timeout = self.timeout
        deadline = None if timeout is None else time.monotonic() + timeout
        with self._record.condition:
            while not (data := self._reader.read(size)):
                if self._record.ended is not None:
                    raise pexpect.EOF(f"{self._record.ended}")
                remaining = None if deadline is None else deadline - time.monotonic()
                if remaining is not None and remaining <= 0:
                    raise pexpect.TIMEOUT("Timeout exceeded.")
                self._record.condition.wait(remaining)
        text: bytes = self._decoder.decode(data, final=False)
        self._log(text, "read")
        return text


class BoardDut(Dut):  # type: ignore[misc]
    """`expect`, `expect_exact`, `write`, `expect_unity_test_output` on a board of the rig."""

    def __init__(self, board: Board, record: ConsoleRecord, app: App, test_case_name: str, meta: Meta) -> None:
        super().__init__(RecordExpect(record), None, app, str(record.log_path), test_case_name, meta)
        self.board = board

    def write(self, s: str | bytes) -> None:
        self.board.write(to_bytes(s, "\n"))

    def hard_reset(self) -> None:
        self.board.reset()

    def close(self) -> None:
        super().close()
        self.pexpect_proc.close()
