# SPDX-License-Identifier: Apache-2.0
"""One scenario's record against its own logs: is what it says of itself what they say, and is nothing wrong in them?"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..console.events import Event
from ..console.panic import Panic
from ..streams import STREAM_PORT
from .client_log import PROMISED, broken_streams, unclean_ends
from .event_figures import is_figure, wrong_figures
from .evidence import CLIENTS, TIMES, Evidence, attempts_panics, lives_of, read_evidence, same_stop
from .policy import Control, Policy, matches
from .reason import Reason, Refused
from .run_results import RecordedTest, SignedRun

COUNTED = "passed"
LEFT_OUT = ("not_run", "skipped")
MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")
# The two events that tell of a stop may be printed late, by some 80 ms on a busy machine. Where it stood still for
# longer, its figures are no evidence.
CLOCKS_DIFFER_MS = 500


@dataclass(frozen=True)
class Checked:
    """A scenario of one run, and what stands against it."""

    run: SignedRun
    test: RecordedTest
    reasons: tuple[Reason, ...]
    evidence: Evidence | None  # None where it did not pass, or its logs cannot be used
    flaky: Reason | None = None  # it passed only when run again: counts when too many did

    @property
    def clean(self) -> bool:
        return not self.reasons and self.flaky is None


def check(run: SignedRun, test: RecordedTest, policy: Policy, *, exempt: bool) -> Checked:
    """`exempt`: boards of that kind cannot run it, so that it may be missing."""
    if test.outcome != COUNTED:
        return _not_passed(run, test, policy, exempt=exempt)
    try:
        evidence = read_evidence(run, test)
    except Refused as refused:
        return Checked(run, test, (Reason(test.id, str(refused)),), None)
    try:
        found = [*_attempts(test), *_summary(test, evidence), *wrong_figures(evidence), *_stop_times(evidence)]
        found += _logs(run, test, evidence, policy)
    except (ValueError, TypeError, KeyError, ArithmeticError) as error:
        found = [f"its events cannot be understood: {type(error).__name__}: {error}"]
    return Checked(run, test, tuple(Reason(test.id, text) for text in found), None if found else evidence)


def _not_passed(run: SignedRun, test: RecordedTest, policy: Policy, *, exempt: bool) -> Checked:
    """What a policy can forgive: being flaky, and what such boards cannot run. No panic; nor is one the bench's."""
    told = _outcome(test)
    is_control = test.kind == "control" or policy.control(test.id) is not None
    if test.outcome == "flaky" and not is_control:
        return Checked(run, test, tuple(_panics_of_attempts(run, test)), None, flaky=told)
    if exempt and all(outcome in LEFT_OUT for outcome in (test.outcome, *_attempted(test))):
        return Checked(run, test, tuple(_panics_of_attempts(run, test)), None)
    if test.outcome == "bench_error" and not is_control:
        return Checked(run, test, (told, *_panics_of_attempts(run, test)), None)
    return Checked(run, test, (told,), None)


def _attempted(test: RecordedTest) -> list[str]:
    return [attempt.outcome for attempt in test.attempts]


def _panics_of_attempts(run: SignedRun, test: RecordedTest) -> Iterator[Reason]:
    try:
        for number, panics in enumerate(attempts_panics(run, test), 1):
            for panic in panics:
                yield Reason(test.id, f"a panic in its attempt {number}: {panic}")
    except Refused as refused:
        yield Reason(test.id, str(refused))


def _outcome(test: RecordedTest) -> Reason:
    told = {
        "failed": "failed",
        "flaky": "passed only when it was run again: " + ", ".join(_attempted(test)),
        "skipped": "was skipped",
        "not_run": "was not run",
        "bench_error": "the bench failed",
    }
    why = f": {test.failure}" if test.failure else ""
    if "failed" in _attempted(test) and test.outcome not in ("failed", "flaky"):
        why += f"; its attempts are: {', '.join(_attempted(test))}"
        return Reason(test.id, told[test.outcome] + why)  # whoever failed after that
    return Reason(test.id, told[test.outcome] + why, bench=test.outcome == "bench_error")


def _attempts(test: RecordedTest) -> Iterator[str]:
    if not test.attempts:
        yield "no attempt is recorded"
    if any(outcome != COUNTED for outcome in _attempted(test)):
        yield f"it is called passed, and its attempts are: {', '.join(_attempted(test))}"


def _summary(test: RecordedTest, evidence: Evidence) -> Iterator[str]:
    """Stop times, heap, digests, panics: the record's and those of the logs."""
    for field, value in evidence.figures().items():
        read, said = _as_json(field, value), _as_json(field, test.said(field))
        if read != said:
            yield f"its summary says {field}={_brief(said)}, its console says {_brief(read)}"


def _stop_times(evidence: Evidence) -> Iterator[str]:
    """A stop's own figure against the board's clock at its two ends."""
    for stop in evidence.events("stop_end"):
        begin = evidence.begin_of(stop)
        if begin is None:
            yield f"a stop ended that never began, at line {stop.at_line + 1} of the log"
        elif is_figure(stop.get("ms")) and abs(stop.t_ms - begin.t_ms - stop["ms"]) > CLOCKS_DIFFER_MS:
            took = stop.t_ms - begin.t_ms
            yield f"a stop says that it took {stop['ms']} ms, by its board's clock it took {took} ms"


def _as_json(field: str, value: Any) -> Any:
    plain = json.loads(json.dumps(value))
    if field == "panics" and isinstance(plain, list):
        # Frames are decoded with an ELF that need not be at hand here; all else is in the log.
        return [{k: v for k, v in row.items() if k != "frames"} if isinstance(row, dict) else row for row in plain]
    return plain


def _brief(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 80 else f"{text[:79]}…"


def _logs(run: SignedRun, test: RecordedTest, evidence: Evidence, policy: Policy) -> Iterator[str]:
    control = policy.control(test.id)
    of_control = lives_of(run.digest_of("control"), evidence)
    if test.kind == ("promise" if control else "control"):
        yield f"it is recorded as {test.kind}, the policy {'names it' if control else 'does not name it'} as a control"
    forgiven = _shown_panic(control, evidence, test, of_control) if control else None
    for panic in evidence.panics:
        if panic is not forgiven:
            yield f"a panic {'beside the one it shows' if forgiven else 'in its console'}: {panic}"
    panicked = {str(panic) for panic in evidence.panics}
    for complaint in evidence.wrong_beside(forgiven):
        if not any(text in complaint for text in panicked):
            yield complaint
    if control:
        yield from _shows(control, evidence, forgiven, of_control)
    yield from _boots(run, test, evidence, policy)
    yield from _board(test, evidence)
    if len(evidence.times) < len(evidence.console.record.lines):
        yield f"its {TIMES} ends before its console does"
    if test.kind == "promise" and policy.lets_clients_go_in_order(test.id):
        yield from _clients(evidence)


def _shown_panic(control: Control, evidence: Evidence, test: RecordedTest, lives: set[int]) -> Panic | None:
    """The first panic that the policy names, in one of the control image's lives; a function by the log's own words or
    by a decoded backtrace.
    """
    for panic, recorded in zip(evidence.panics, [*test.panics, *({} for _ in evidence.panics)], strict=False):
        if evidence.life_at(panic.at_line) not in lives:
            continue
        frames = recorded.get("frames")
        decoded = [row.get("function") for row in frames if isinstance(row, dict)] if isinstance(frames, list) else []
        functions = (panic.function, *decoded)
        if (control.panic_in is not None and control.panic_in in functions) or panic.kind == control.panic_kind:
            return panic
    return None


def _shows(control: Control, evidence: Evidence, forgiven: Panic | None, lives: set[int]) -> Iterator[str]:
    if control.failure is not None and forgiven is None:
        yield f"the control did not show its failure: no {control.failure}"
    if control.hang_ms is not None:
        hung = longest_hang_ms(evidence, lives)
        if hung < control.hang_ms:
            yield f"the control did not show its failure: no stop hung for {control.hang_ms:g} ms, but for {hung} ms"


def longest_hang_ms(evidence: Evidence, lives: set[int]) -> int:
    """How long the board lived on in those lives, by its own clock, after a stop began that had not ended."""
    longest = 0
    for begin in (event for event in evidence.events("stop_begin") if event.boot in lives):
        later = [e for e in evidence.console.events if e.boot == begin.boot and e.at_line > begin.at_line]
        ends = [e for e in later if e.name == "stop_end" and e.get("server") == begin.get("server")]
        until = ends[0].t_ms if ends else max((event.t_ms for event in later), default=begin.t_ms)
        longest = max(longest, until - begin.t_ms)
    return longest


def _boots(run: SignedRun, test: RecordedTest, evidence: Evidence, policy: Policy) -> Iterator[str]:
    """Which images ran: those of this run, and first the one that the scenario is about. An observation shows nothing
    of an image, so it may run any.
    """
    digests = evidence.digests
    if not digests:
        yield "its board never said what it runs"
        return
    if test.kind == "observation":
        return
    with_control_image = test.kind == "control" or any(matches(p, test.id) for p in policy.control_image.promises)
    about = "control" if with_control_image else "release"
    before = {"release", "previous", about}  # an update may lead from these to the image that it is about
    allowed = {*before, "update"}
    known = {image.image_sha256: image.role for image in run.results.images}
    for number, digest in enumerate(digests, 1):
        if known.get(digest) not in allowed and not (known.get(digest) == "control" and _in_vain(number - 1, evidence)):
            what = f"the {known[digest]} image" if digest in known else f"another image, {digest}"
            yield f"at boot {number} its board ran {what}; {about} is what it has to show"
            return
    wanted = run.digest_of(about)
    if wanted not in digests:
        yield f"its board never ran the {about} image {wanted}"
    elif known[digests[0]] not in before:
        yield f"its board began with the {known[digests[0]]} image, not with the {about} image"


def _board(test: RecordedTest, evidence: Evidence) -> Iterator[str]:
    """Boards are told apart by their MAC: each has one, and what was read from the chip is what it prints."""
    macs = {str(boot.get("mac")).lower() for boot in evidence.boots if boot.get("mac")}
    if len(macs) > 1:
        yield f"its board has {len(macs)} MACs: {', '.join(sorted(macs))}"
    read = (test.chip_mac or "").lower()
    if MAC.fullmatch(read) and macs and macs != {read}:
        yield f"its board calls itself {', '.join(sorted(macs))}, its chip is {read}"


def _in_vain(number: int, evidence: Evidence) -> bool:
    """Whether that boot was an update that did not hold: nothing was stopped in it, and the image before runs again.
    The faults that an image can die of are the control image's.
    """
    boots, digests = evidence.boots, evidence.digests
    if not 0 < number < len(boots) - 1 or digests[number - 1] != digests[number + 1]:
        return False
    return not any(
        event.boot == boots[number].boot for name in ("valid", "stop_begin") for event in evidence.events(name)
    )


def _clients(evidence: Evidence) -> Iterator[str]:
    served = [event for event in evidence.events("stream_open") if event.get("kind") in PROMISED]
    if served and not evidence.clients:
        yield f"its board served {len(served)} streams, and no {CLIENTS} tells how they ended"
    begun = [event for event in evidence.events("stop_begin") if _ended(event, evidence)]
    if begun:
        yield from unclean_ends(evidence.clients, [(evidence.booted_s(event), evidence.at_s(event)) for event in begun])
    elif len(evidence.boots) == 1 and not evidence.events("stop_begin"):
        yield from broken_streams(evidence.clients)


def _ended(begin: Event, evidence: Evidence) -> bool:
    """Of stops that were cut off (the power went, the board was reset) nobody can be let go in order."""
    return begin.get("server") == STREAM_PORT and any(same_stop(begin, end) for end in evidence.events("stop_end"))
