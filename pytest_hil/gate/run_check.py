# SPDX-License-Identifier: Apache-2.0
"""One run as a whole: how old it is, whether it tested the image that is to ship, whether its control image is that
image but for what the policy allows, and whether all its logs are accounted for."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path

from ..results.merge import verdict_of
from .evidence import CONSOLE
from .files import read_digested
from .firmware_image import FirmwareImage
from .policy import Policy
from .reason import Refused
from .run_results import RecordedImage, SignedRun
from .sdkconfig import differences, options

DIRTY = "-dirty"  # as git describes a work tree that differs from its commit
CLOCKS_DIFFER = timedelta(minutes=10)  # between the bench and whoever gates


def wrong_with_run(run: SignedRun, policy: Policy, images: Mapping[str, FirmwareImage], now: datetime) -> Iterator[str]:
    """Every complaint about it; `images` are those that are to ship, by target."""
    yield from _age(run, policy, now)
    yield from _images(run, images)
    yield from _control_image(run, policy)
    yield from _controls(run, policy)
    yield from _bookkeeping(run)


def _age(run: SignedRun, policy: Policy, now: datetime) -> Iterator[str]:
    began = run.began
    if began is None:
        yield f"{run.results.run.started!r} is no time it can have begun at"
    elif began > now + CLOCKS_DIFFER:
        yield f"it began at {run.results.run.started}, which is still to come"
    elif now - began > timedelta(days=policy.max_age_days):
        yield f"it is {(now - began).total_seconds() / 86400:.1f} days old, allowed are {policy.max_age_days:g}"


def _images(run: SignedRun, images: Mapping[str, FirmwareImage]) -> Iterator[str]:
    targets = sorted({image.target for image in run.results.images})
    if len(targets) != 1:
        yield f"its images are for {', '.join(targets) or 'no target at all'}; a run has one target"
        return
    for role in ("release", "control"):
        if len(run.images_of(role)) != 1:
            yield f"it has {len(run.images_of(role))} images of the role {role!r}, not one"
    for digest, count in Counter(image.image_sha256 for image in run.results.images).items():
        if count > 1:
            roles = " and ".join(image.role for image in run.results.images if image.image_sha256 == digest)
            yield f"{roles} are the same image"
    given = images.get(run.target)
    if given is None:
        yield f"it tested images for {run.target}, and no image for that target was given"
        return
    for release in run.images_of("release"):
        if (release.file_sha256, release.image_sha256) != (given.file_sha256, given.image_sha256):
            yield f"it tested another image than {given.path}: {release.file_sha256}, given is {given.file_sha256}"
        beside = given.path.parent / "sdkconfig"
        if release.sdkconfig_sha256 and beside.is_file() and _sha256(beside) != release.sdkconfig_sha256:
            yield f"the release image's sdkconfig is not the one that lies beside {given.path}"


def _sha256(path: Path) -> str | None:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None


def _control_image(run: SignedRun, policy: Policy) -> Iterator[str]:
    released, controls = run.images_of("release"), run.images_of("control")
    if len(released) != 1 or len(controls) != 1:
        return  # told already
    release, control = released[0], controls[0]
    if policy.clean_commit and (release.commit is None or release.commit.endswith(DIRTY)):
        yield f"the release image is built from {release.commit or 'no commit that is known'}, not from a clean commit"
    if release.commit != control.commit:
        yield f"the control image is built from {control.commit}, the release image from {release.commit}"
    try:
        shipped, tested = _options(run, release), _options(run, control)
    except Refused as refused:
        yield str(refused)
        return
    allowed = policy.control_image.options
    for name in differences(shipped, tested):
        if name not in (*allowed, *policy.control_image.may_differ):
            change = f"{shipped.get(name, 'n')} there, {tested.get(name, 'n')} here"
            yield f"the control image differs from the release image in {name}, which is not allowed: {change}"
    for name in allowed:
        if shipped.get(name, "n") != "n":
            yield f"the release image has {name}={shipped[name]}, which only the control image may have"


def _options(run: SignedRun, image: RecordedImage) -> dict[str, str]:
    if image.sdkconfig is None or image.sdkconfig_sha256 is None:
        raise Refused(f"there is no sdkconfig of the {image.role} image")
    try:
        return options(read_digested(run.directory, image.sdkconfig, image.sdkconfig_sha256))
    except Refused as refused:
        raise Refused(f"sdkconfig of the {image.role} image: {refused}") from None


def _controls(run: SignedRun, policy: Policy) -> Iterator[str]:
    shown = [policy.control(test.id) for test in run.results.tests if test.outcome not in ("skipped", "not_run")]
    for control in policy.controls:
        if not control.may_be_missing and control not in shown:
            yield f"the control {control.scenario} is missing: nothing shows that the rig still sees that failure"


def _bookkeeping(run: SignedRun) -> Iterator[str]:
    tests = run.results.tests
    for test_id, count in Counter(test.id for test in tests).items():
        if count > 1:
            yield f"{count} records of {test_id}"
    for path, count in Counter(log.path for test in tests for log in test.logs).items():
        if count > 1:
            yield f"{path} is named {count} times, as a log of its own"
    verdict = verdict_of({"outcome": test.outcome} for test in tests)
    if run.results.verdict != verdict:
        yield f"it calls itself {run.results.verdict!r}; its tests make it {verdict!r}"
    named = {log.path for test in tests for log in (*test.logs, *(log for one in test.attempts for log in one.logs))}
    for path in sorted(_console_logs(run.directory) - named):
        yield f"{path} lies there, and the results do not name it"


def _console_logs(root: Path) -> set[str]:
    found: set[str] = set()
    for folder, _, files in os.walk(root):
        if CONSOLE in files:
            found.add((Path(folder) / CONSOLE).relative_to(root).as_posix())
    return found
