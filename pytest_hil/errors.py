# SPDX-License-Identifier: Apache-2.0
"""What can go wrong in the rig itself, as one tree.

A failed expectation of the firmware is an AssertionError and does not belong here. BenchError stands for faults that
lie before the firmware started or outside it; such a test never counts as passed, and never as the firmware's failure.
"""

from __future__ import annotations

import errno
from pathlib import Path

# What the runner lacked; no firmware can cause it.
_MACHINE_FAULTS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EMFILE, errno.ENFILE, errno.ENOMEM)


class HilError(Exception):
    """Root of everything the rig raises on purpose."""


class UsageError(HilError):
    """The user asked for something that does not exist or cannot be. Exit code 2."""


class BenchError(HilError):
    """The bench could not do its part: broker, port, flashing, a board that does not start. Exit code 3."""


class NotRun(HilError):  # noqa: N818  it is an outcome, not a fault
    """This board, or this machine, has not what the test needs. Such a test is not run, and never counts as passed."""


def why_unreadable(error: OSError | ValueError) -> str:
    """In words for whoever named the file."""
    if isinstance(error, UnicodeDecodeError):
        return f"it is no text in UTF-8 (byte {error.start + 1})"
    return getattr(error, "strerror", None) or str(error)


def machine_fault(error: BaseException | None, place: Path) -> BenchError | None:
    """What the runner lacked, in a line, where that is what went wrong; `place` is named where the error names none."""
    if isinstance(error, OSError) and error.errno in _MACHINE_FAULTS:
        return BenchError(f"{error.filename or place}: {error.strerror}")
    return None
