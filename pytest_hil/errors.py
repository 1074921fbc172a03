# SPDX-License-Identifier: Apache-2.0
"""What can go wrong in the rig itself, as one tree.

A failed expectation of the firmware is an AssertionError and does not belong here. BenchError stands for faults that
lie before the firmware started or outside it; such a test never counts as passed, and never as the firmware's failure.
"""

from __future__ import annotations


class HilError(Exception):
    """Root of everything the rig raises on purpose."""


class UsageError(HilError):
    """The user asked for something that does not exist or cannot be. Exit code 2."""


class BenchError(HilError):
    """The bench could not do its part: broker, port, flashing, a board that does not start. Exit code 3."""


class NotRun(HilError):  # noqa: N818  it is an outcome, not a fault
    """This board, or this machine, has not what the test needs. Such a test is not run, and never counts as passed."""
