# SPDX-License-Identifier: Apache-2.0
"""What a rig is busy with, for whoever shows it: flashing, waiting, updating, and how much of that is done."""

from __future__ import annotations

from collections.abc import Callable

Fraction = Callable[[], float | None]  # from 0 to 1, asked whenever it is shown; None where nobody knows


def unknown() -> float | None:
    """The share of what cannot be measured."""
    return None


class Steps:
    """The step at hand. Shown by the command `hil`, if at all."""

    def __init__(self) -> None:
        self.current: tuple[str, Fraction] = ("", unknown)

    def step(self, what: str, fraction: Fraction = unknown) -> None:
        self.current = (what, fraction)
