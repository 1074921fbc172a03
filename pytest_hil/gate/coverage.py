# SPDX-License-Identifier: Apache-2.0
"""Whether enough was shown: each required scenario, so often, on so many boards, and each step of the upgrade chain."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise

from ..console.events import Event
from .evidence import Evidence
from .policy import Boards, Chain, matches
from .reason import Margin, Reason
from .run_results import SignedRun
from .scenario_check import Checked


def uncovered(name: str, boards: Boards, checked: Sequence[Checked]) -> Iterator[Reason]:
    """What boards of one kind have not shown; `checked` are that kind's scenarios."""
    clean = [one for one in checked if one.clean and one.evidence is not None]
    passes = Counter(one.test.id for one in clean if one.test.kind == "promise")
    for pattern, count in boards.required.items():
        shown = {test_id for test_id in passes if matches(pattern, test_id)}
        if len(shown) < count:
            yield Reason(name, f"{len(shown)} scenarios of {pattern} passed, required are {count}")
        for test_id in sorted(shown):
            if passes[test_id] < boards.cycles:
                yield Reason(name, f"{test_id} passed {passes[test_id]} times, required are {boards.cycles} cycles")
    seen = {_board(one) for one in clean}
    if len(seen) < boards.boards:
        yield Reason(name, f"{len(seen)} different boards were used, required are {boards.boards}")


def coverage(name: str, boards: Boards, checked: Sequence[Checked]) -> Iterator[Margin]:
    """The same as figures."""
    clean = [one for one in checked if one.clean and one.evidence is not None]
    passes = Counter(one.test.id for one in clean if one.test.kind == "promise")
    yield Margin(f"{name}: boards", boards.boards, len({_board(one) for one in clean}), "", at_least=True)
    for pattern, count in boards.required.items():
        shown = [test_id for test_id in passes if matches(pattern, test_id)]
        yield Margin(f"{name}: scenarios of {pattern}", count, len(shown), "", at_least=True)
        least = min(shown, key=lambda test_id: passes[test_id], default=None)
        value = passes[least] if least else 0
        yield Margin(f"{name}: cycles of {pattern}", boards.cycles, value, "", at=least or "", at_least=True)


def _board(one: Checked) -> tuple[str | None, str]:
    """By the name in the bench file, and the MAC that the board itself printed."""
    macs = [str(boot.get("mac")) for boot in one.evidence.boots] if one.evidence else []
    return one.test.board, macs[0] if macs else ""


def missing_upgrades(name: str, chain: Chain, checked: Sequence[Checked]) -> Iterator[Reason]:
    """Steps of the chain that no clean promise shows."""
    promises = [one for one in checked if one.clean and one.evidence is not None and one.test.kind == "promise"]
    seen = {step for one in promises if one.evidence for step in upgrades(one.run, one.evidence)}
    for begin, end in chain.steps:
        if (begin, end) not in seen:
            yield Reason(name, f"no promise shows the upgrade from {begin} to {end}")
    if chain.rollback and not any(one.evidence and rolled_back(one.evidence) for one in promises):
        yield Reason(name, "no promise shows a board that goes back to the image before")
    for run in {one.run.sha256: one.run for one in checked}.values():
        for image in run.images_of("previous"):
            if chain.released and image.image_sha256 not in chain.released:
                text = f"its previous image is {image.image_sha256}, which was never released"
                yield Reason(f"run {run.name}", text)


def upgrades(run: SignedRun, evidence: Evidence) -> Iterator[tuple[str, str]]:
    """From which role's image a board came to which, and stayed: the new one marked itself valid."""
    roles = {image.image_sha256: image.role for image in run.results.images}
    boots = evidence.boots
    for before, after in pairwise(boots):
        begin, end = (roles.get(str(boot.get("image_sha256"))) for boot in (before, after))
        if begin and end and begin != end and _valid(after, evidence):
            yield begin, end


def _valid(boot: Event, evidence: Evidence) -> bool:
    return any(event.boot == boot.boot for event in evidence.events("valid"))


def rolled_back(evidence: Evidence) -> bool:
    """A new image ran, did not hold, and the one before it runs again."""
    digests = evidence.digests
    return any(one == three and one != two for one, two, three in zip(digests, digests[1:], digests[2:], strict=False))
