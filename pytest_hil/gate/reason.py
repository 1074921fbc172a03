# SPDX-License-Identifier: Apache-2.0
"""Why an image does not ship, one line a reason, and how far each figure is from its limit."""

from __future__ import annotations

from dataclasses import dataclass, field

from .. import printable
from ..errors import HilError

LONGEST = 400  # characters of one reason; a board may say anything at any length


def one_line(text: str) -> str:
    """Harmless, and not too long: it may be a board's word."""
    text = printable.one_line(text).strip()
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


@dataclass(frozen=True)
class Reason:
    """`about`: a scenario, a run, an image. `bench`: the bench failed, not the firmware."""

    about: str
    text: str
    bench: bool = False

    def __str__(self) -> str:
        return one_line(f"{self.about}: {self.text}")


@dataclass(frozen=True)
class Margin:
    """One limit and how near to it the results are."""

    what: str
    limit: float
    value: float | None  # None: nothing was measured
    unit: str
    at: str = ""  # whose figure it is
    at_least: bool = False  # the value must reach the limit, not stay below it

    @property
    def holds(self) -> bool:
        if self.value is None:
            return False
        return self.value >= self.limit if self.at_least else self.value <= self.limit


class Refused(HilError):  # noqa: N818  it is a finding, told in a line
    """Evidence that cannot be used at all; the text is the reason."""


@dataclass
class Verdict:
    """What the gate says."""

    reasons: list[Reason] = field(default_factory=list)
    margins: list[Margin] = field(default_factory=list)
    passed: list[str] = field(default_factory=list)  # scenarios, without a reason against any of their runs
    failed: list[str] = field(default_factory=list)

    @property
    def ships(self) -> bool:
        return not self.reasons

    @property
    def bench_alone(self) -> bool:
        """Whether nothing but faults of the bench stand against it."""
        return bool(self.reasons) and all(reason.bench for reason in self.reasons)
