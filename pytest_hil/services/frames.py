# SPDX-License-Identifier: Apache-2.0
"""What makes a frame whole, and a stream of frames complete.

Every frame is a JPEG whose first segment is a comment `hil seq=<10 digits> crc=<8 hex>`: its number in this stream,
from 0, and the CRC-32 of all bytes after the comment.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass, field

_SOI = b"\xff\xd8"
_EOI = b"\xff\xd9"
_COM = b"\xff\xfe"
_COMMENT = re.compile(rb"hil seq=(\d{10}) crc=([0-9a-f]{8})$")


class BadFrame(Exception):  # noqa: N818  it is a finding about the board, told in a list
    """Why these bytes are no whole frame."""


def sequence_of(frame: bytes) -> int:
    """The frame's number. Raises BadFrame when the frame is torn or is none."""
    if frame[:2] != _SOI or frame[2:4] != _COM:
        raise BadFrame(f"begins with {frame[:4].hex()}, expected ffd8fffe")
    length = int.from_bytes(frame[4:6], "big")
    match = _COMMENT.match(frame[6 : 4 + length])
    if match is None:
        raise BadFrame(f"its comment is {frame[6 : 4 + length]!r}")
    if frame[-2:] != _EOI:
        raise BadFrame(f"ends with {frame[-2:].hex()}, expected ffd9")
    crc = zlib.crc32(frame[4 + length :])
    if crc != int(match.group(2), 16):
        raise BadFrame(f"frame {int(match.group(1))}: CRC {crc:08x}, its comment says {match.group(2).decode()}")
    return int(match.group(1))


@dataclass
class FrameCheck:
    """Takes the frames of one stream in order; `problems` says what is wrong with them."""

    frames: int = 0
    byte_count: int = 0
    problems: list[str] = field(default_factory=list)
    _expected: int = 0

    def take(self, frame: bytes) -> int | None:
        """The frame's number; None when it is torn."""
        self.byte_count += len(frame)
        try:
            sequence = sequence_of(frame)
        except BadFrame as error:
            self.problems.append(f"frame after {self.frames} good ones is torn: {error}")
            return None
        if sequence > self._expected:
            self.problems.append(f"frames lost: {self._expected} to {sequence - 1}")
        elif sequence < self._expected:
            self.problems.append(f"frame {sequence} came again, or too late: expected {self._expected}")
        self._expected = sequence + 1
        self.frames += 1
        return sequence
