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


def uncovered(name: str, boards: Boards, checked: Sequence[Checked], lost_ones: Sequence[Checked]) -> Iterator[Reason]:
    """What boards of one kind have not shown; `checked` are that kind's scenarios, `lost_ones` those in which the bench
    failed. What is missing for that alone is the bench's fault.
    """
    passes = _passes(checked)
    lost = Counter(one.test.id for one in lost_ones)
    for pattern, count in boards.required.items():
        seen = {test_id for test_id in (passes + lost) if matches(pattern, test_id)}
        enough = {test_id for test_id in seen if passes[test_id] >= boards.cycles}
        if len(enough) >= count:
            continue  # others may be seldom run
        bench = sum(passes[test_id] + lost[test_id] >= boards.cycles for test_id in seen) >= count
        shown = sum(passes[test_id] > 0 for test_id in seen)
        if shown < count:
            yield Reason(name, f"{shown} scenarios of {pattern} passed, required are {count}", bench=bench)
        for test_id in sorted(seen - enough):
            if passes[test_id]:
                text = f"{test_id} passed {passes[test_id]} times, required are {boards.cycles} cycles"
                yield Reason(name, text, bench=bench)
    used = _boards(checked)
    if len(used) < boards.boards:
        names = {one.test.board for one in _clean(checked)}
        others = {one.test.board for one in lost_ones} - names  # one that is not named may be any, so one more
        bench = len(used) + len(others) >= boards.boards
        text = f"{len(used)} different boards were used, required are {boards.boards}"
        told = f"; told apart by MAC: {', '.join(sorted(used))}" if used else ""
        yield Reason(name, text + told, bench=bench)


def _passes(checked: Sequence[Checked]) -> Counter[str]:
    return Counter(one.test.id for one in _clean(checked) if one.test.kind == "promise")


def _clean(checked: Sequence[Checked]) -> list[Checked]:
    return [one for one in checked if one.clean and one.evidence is not None]


def _boards(checked: Sequence[Checked]) -> set[str]:
    """By MAC; where a scenario has none, by that of others of the same name, or the name alone."""
    clean = _clean(checked)
    named = {one.test.board: mac for one in clean if (mac := _mac(one))}
    return {_mac(one) or named.get(one.test.board) or str(one.test.board) for one in clean}


def coverage(name: str, boards: Boards, checked: Sequence[Checked]) -> Iterator[Margin]:
    """The same as figures."""
    passes = _passes(checked)
    yield Margin(f"{name}: boards", boards.boards, len(_boards(checked)), "", at_least=True)
    for pattern, count in boards.required.items():
        shown = sorted((test_id for test_id in passes if matches(pattern, test_id)), key=lambda i: (-passes[i], i))
        yield Margin(f"{name}: scenarios of {pattern}", count, len(shown), "", at_least=True)
        least = shown[count - 1] if len(shown) >= count else ""  # of as many as are required
        yield Margin(f"{name}: cycles of {pattern}", boards.cycles, passes[least], "", at=least, at_least=True)


def _mac(one: Checked) -> str:
    """What the board itself printed: a bench file may have two names for one board. Firmware that prints none leaves
    the one that was read from the chip.
    """
    macs = [boot.get("mac") for boot in one.evidence.boots] if one.evidence else []
    return str(next(filter(None, macs), None) or one.test.chip_mac or "").lower()


def missing_upgrades(name: str, chain: Chain, checked: Sequence[Checked], *, bench: bool) -> Iterator[Reason]:
    """Steps of the chain that no clean promise shows; `bench`: one that the bench failed in may have been to."""
    promises = [one for one in _clean(checked) if one.test.kind == "promise"]
    seen = {step for one in promises if one.evidence for step in upgrades(one.run, one.evidence)}
    for begin, end in chain.steps:
        if (begin, end) not in seen:
            yield Reason(name, f"no promise shows the upgrade from {begin} to {end}", bench=bench)
    if chain.rollback and not any(one.evidence and rolled_back(one.evidence) for one in promises):
        yield Reason(name, "no promise shows a board that goes back to the image before", bench=bench)
    for run in {one.run.sha256: one.run for one in checked}.values():
        for image in run.images_of("previous"):
            if image.image_sha256 not in chain.released:
                text = f"its previous image is {image.image_sha256}, which `released` does not name"
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
