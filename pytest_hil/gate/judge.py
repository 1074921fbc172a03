# SPDX-License-Identifier: Apache-2.0
"""Everything together: policy, results and images to one verdict. It never gives up at the first reason."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from .coverage import coverage, missing_upgrades, uncovered
from .firmware_image import FirmwareImage
from .limits import margins
from .policy import Boards, PolicyFile, matches
from .reason import Margin, Reason, Refused, Verdict
from .run_check import wrong_with_run
from .run_results import SignedRun
from .scenario_check import Checked, check


@dataclass(frozen=True)
class Judged:
    """The verdict, and what it was spoken over."""

    verdict: Verdict
    policy: PolicyFile
    images: tuple[FirmwareImage, ...]
    runs: tuple[SignedRun, ...]  # those that could be read


def judge(
    policy_file: PolicyFile, directories: Sequence[Path], images: Mapping[str, FirmwareImage], now: datetime
) -> Judged:
    """`images` by target; `now` with a time zone."""
    policy = policy_file.policy
    verdict = Verdict()
    reasons = verdict.reasons
    runs = _read(directories, policy_file, reasons)
    checked: list[Checked] = []
    for run in runs:
        reasons += [Reason(f"run {run.name}", text) for text in wrong_with_run(run, policy, images, now)]
        of_run = _checked(run, policy_file, reasons)
        reasons += [reason for one in of_run for reason in one.reasons]
        checked += of_run
    reasons += _copied_logs(checked)
    for name, boards in policy.boards.items():
        of_kind = [one for one in checked if policy.group(one.test.board_kind, one.run.target) == (name, boards)]
        if boards.target not in images:
            reasons.append(Reason(name, f"no image for {boards.target} was given"))
        reasons += _too_flaky(boards, of_kind)
        lost = _lost_to_the_bench(boards, checked)
        reasons += uncovered(name, boards, of_kind, lost)
        reasons += missing_upgrades(name, policy.chain, of_kind, bench=bool(lost))
        figures = list(margins(name, boards, policy.disturbed_networks, of_kind))
        verdict.margins += [*figures, *coverage(name, boards, of_kind)]
        reasons += [
            Reason(margin.what, _over(margin), bench=margin.value is None and bool(lost))  # it may have been measured
            for margin in figures
            if not margin.holds
        ]
    for target in images:
        if not any(boards.target == target for boards in policy.boards.values()):
            reasons.append(Reason(str(images[target].path), f"the policy has no boards for {target}"))
    _sort_scenarios(verdict, checked)
    return Judged(verdict, policy_file, tuple(images.values()), tuple(runs))


def _read(directories: Sequence[Path], policy_file: PolicyFile, reasons: list[Reason]) -> list[SignedRun]:
    runs: list[SignedRun] = []
    for directory in directories:
        try:
            run = SignedRun.read(directory, policy_file.keys)
        except Refused as refused:
            reasons.append(Reason(str(directory), str(refused)))
            continue
        # Two benches may begin one in the same second, and name it alike.
        if any((run.name, run.key_id) == (other.name, other.key_id) or run.sha256 == other.sha256 for other in runs):
            reasons.append(Reason(str(directory), f"the run {run.name} was given twice; it counts once"))
            continue
        runs.append(run)
    return runs


def _checked(run: SignedRun, policy_file: PolicyFile, reasons: list[Reason]) -> list[Checked]:
    policy = policy_file.policy
    exempt = [
        pattern
        for boards in policy.boards.values()
        if boards.target == run.target and any(boards.kind == test.board_kind for test in run.results.tests)
        for pattern in boards.exempt
    ]
    kinds = {test.board_kind for test in run.results.tests if test.board_kind is not None}
    for kind in sorted(kinds):
        if policy.group(kind, run.target) is None:
            reasons.append(Reason(f"run {run.name}", f"the policy has no boards of kind {kind} for {run.target}"))
    return [
        check(run, test, policy, exempt=any(matches(pattern, test.id) for pattern in exempt))
        for test in run.results.tests
    ]


def _lost_to_the_bench(boards: Boards, checked: Sequence[Checked]) -> list[Checked]:
    """Promises in which the bench failed and nothing else; before a board was there, its kind is not known."""
    return [
        one
        for one in checked
        if one.reasons
        and all(reason.bench for reason in one.reasons)
        and one.test.kind == "promise"
        and one.run.target == boards.target
        and one.test.board_kind in (boards.kind, None)
    ]


def _too_flaky(boards: Boards, of_kind: Sequence[Checked]) -> Iterator[Reason]:
    """By name, when they are too many. A flaky test within the share that is allowed is no pass either."""
    ran = [one for one in of_kind if one.test.attempts]
    flaky = [one.flaky for one in ran if one.flaky is not None]
    if flaky and len(flaky) / len(ran) > boards.limits.flaky_share:
        yield from flaky


def _copied_logs(checked: Sequence[Checked]) -> list[Reason]:
    """No two lives of a board print the same bytes: one log stands for another."""
    by_digest: dict[str, list[Checked]] = defaultdict(list)
    for one in checked:
        if one.evidence is not None:
            by_digest[one.evidence.console_sha256].append(one)
    return [
        Reason(same[1].test.id, f"its console is byte for byte that of {same[0].test.id} in run {same[0].run.name}")
        for same in by_digest.values()
        if len(same) > 1
    ]


def _over(margin: Margin) -> str:
    if margin.value is None:
        return "nothing was measured"
    where = f", in {margin.at}" if margin.at else ""
    return f"{margin.value:g} {margin.unit}".rstrip() + f", limit {margin.limit:g}{where}"


def _sort_scenarios(verdict: Verdict, checked: Sequence[Checked]) -> None:
    bad = {one.test.id for one in checked if not one.clean}
    bad |= {reason.about for reason in verdict.reasons}
    ids = {one.test.id for one in checked if one.evidence is not None or not one.clean}
    verdict.passed = sorted(ids - bad)
    verdict.failed = sorted(ids & bad)
