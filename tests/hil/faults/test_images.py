# SPDX-License-Identifier: Apache-2.0
"""Images that must not be run: none is, the board says why and goes on.

Served in place of a good image they contradict the trigger; published, their own length and digest stand in it, as when
the file was damaged before anybody looked.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from pytest_hil.boards.artifacts import Artifacts, Image
from pytest_hil.rig import Rig

from . import damage
from .recovery import BEFORE, fails, fails_and_recovers, publish, updates, wait_step

pytestmark = pytest.mark.faults

SLOT_BYTES = 0x1E0000
ESP32 = 0x0000
BIT_FLIPS = 25


@dataclass(frozen=True)
class ImageFault:
    """One row: what is done to the good image, and why it must be refused."""

    name: str
    damaged: Callable[[bytes], bytes]
    served: str | None  # the reason, in place of the good one
    published: str | None  # the reason, with a trigger of its own
    smoke: bool = False


def cut(share: float, segment: int | None = None) -> Callable[[bytes], bytes]:
    """Ends within the header, or within a segment (0 is the first)."""

    def damaged(image: bytes) -> bytes:
        part = range(damage.HEADER_BYTES) if segment is None else damage.segments(image)[segment]
        return image[: part.start + int(len(part) * share)]

    return damaged


def noise(image: bytes, first: bytes = b"") -> bytes:
    return first + random.Random(1).randbytes(len(image) - len(first))


IMAGE_FAULTS = (
    ImageFault("empty", lambda _: b"", "size", None),
    ImageFault("cut in the header", cut(0.5), "size", "image"),
    ImageFault("cut after the header", lambda image: image[: damage.HEADER_BYTES], "size", "image"),
    ImageFault("cut in the first segment", cut(0.5, 0), "size", "image"),
    ImageFault("cut before the last segment", cut(0, -1), "size", "image"),
    ImageFault("cut in the last segment", cut(0.5, -1), "size", "image", smoke=True),
    ImageFault("cut after the last segment", cut(1, -1), "size", "image"),
    ImageFault("cut before the digest", lambda image: image[: -damage.DIGEST_BYTES], "size", "image"),
    ImageFault("one byte short", damage.short_of_its_end, "size", "image"),
    ImageFault("one byte more", lambda image: image + b"\0", "size", None),
    ImageFault("noise", lambda image: noise(image, b"\0"), "image", "image"),
    ImageFault("noise that begins as an image does", lambda image: noise(image, b"\xe9"), "sha256", "image"),
    ImageFault("another project", lambda image: damage.with_project(image, "toaster"), "sha256", "project"),
    ImageFault("another chip", lambda image: damage.with_chip(image, ESP32), "sha256", "image"),
    ImageFault("another version", lambda image: damage.with_version(image, "1.0.0"), "sha256", "version", smoke=True),
    ImageFault("no digest appended", damage.without_digest, "size", "no_digest"),
)


def described(trigger: dict[str, Any], content: bytes) -> dict[str, Any]:
    return trigger | {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}


def serve(rig: Rig, content: bytes) -> None:
    rig.bench.image_server.serve("/update.bin", content)


ROWS = [
    pytest.param(
        fault.damaged,
        published,
        reason,
        id=f"{fault.name}-{'published' if published else 'served'}",
        marks=[pytest.mark.smoke] if fault.smoke and published else [],
    )
    for fault in IMAGE_FAULTS
    for published, reason in ((False, fault.served), (True, fault.published))
    if reason is not None
]


@pytest.mark.hil(kind="promise")
@pytest.mark.parametrize(("damaged", "published", "reason"), ROWS)
def test_is_not_run(rig: Rig, damaged: Callable[[bytes], bytes], published: bool, reason: str) -> None:
    rig.start("release")
    rig.open_streams(BEFORE)
    trigger = rig.trigger_for("update")
    content = damaged(rig.image("update").app_bin.read_bytes())
    serve(rig, content)
    fails_and_recovers(rig, publish(rig, described(trigger, content) if published else trigger), reason)


@pytest.mark.hil(kind="promise")
@pytest.mark.parametrize(
    ("changes", "reason"),
    [({"sha256": "0" * 64}, "sha256"), ({"size": 4096}, "size"), ({"size": SLOT_BYTES}, "size")],
    ids=["another digest", "smaller than it is", "as large as the slot"],
)
def test_is_not_what_the_trigger_says(rig: Rig, changes: dict[str, Any], reason: str) -> None:
    rig.start("release")
    rig.open_streams(BEFORE)
    fails_and_recovers(rig, publish(rig, rig.trigger_for("update", **changes)), reason)


@pytest.mark.hil(kind="promise")
@pytest.mark.parametrize(
    ("changes", "reason"),
    [({"size": SLOT_BYTES + 1}, "image_too_large"), ({"size": 0}, "malformed"), ({"version": "1.0.0"}, "same_version")],
    ids=["too large for the slot", "of no byte", "of the running version"],
)
def test_is_refused_before_anything_stops(rig: Rig, changes: dict[str, Any], reason: str) -> None:
    rig.start("release")
    rig.open_streams(BEFORE)
    attempt = publish(rig, rig.trigger_for("update", **changes))
    assert wait_step(rig, attempt, "refused", 5)["reason"] == reason
    for client in rig.streams.clients:
        client.wait_frames(client.check.frames + 5, 5)
    assert rig.console.events_named("stop_begin", attempt.mark) == []
    updates(rig)


@pytest.mark.hil(kind="promise")
def test_one_bit_anywhere(rig: Rig) -> None:
    """Whichever bit it is, and whether or not the trigger was made after it had flipped."""
    # Every run collects this file, and hypothesis takes seconds to import.
    from hypothesis import HealthCheck, Phase, given, settings  # noqa: PLC0415
    from hypothesis import strategies as st  # noqa: PLC0415

    rig.start("release")
    good = rig.image("update").app_bin.read_bytes()

    @settings(
        max_examples=BIT_FLIPS,
        deadline=None,
        database=None,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )
    @given(bit=st.integers(0, 8 * len(good) - 1), published=st.booleans())
    def flipped(bit: int, published: bool) -> None:
        trigger = rig.trigger_for("update")
        content = damage.with_bit_flipped(good, bit)
        serve(rig, content)
        attempt = publish(rig, described(trigger, content) if published else trigger)
        ended = rig.console.wait_event("ota_end", 30, attempt.mark)
        reasons = ("image", "no_digest") if published else ("sha256", "image")
        assert ended.get("reason") in reasons, f"bit {bit}: {ended}"
        rig.console.wait_event("ready", 5, ended.at_line, again=True)

    flipped()
    assert len(rig.console.events_named("boot")) == 1, "the board restarted"
    updates(rig)


class TestAnOlderSecureVersion:
    """The running image has the secure version 2, which no update may go below. It is not the one that ships, hence no
    promise of that."""

    @pytest.fixture
    def artifacts(self, artifacts: Artifacts, tmp_path: Path) -> Artifacts:
        """The same images, the running one with another secure version."""
        release = artifacts.image("release")
        content = damage.with_secure_version(release.app_bin.read_bytes(), 2)
        for file in release.path.iterdir():
            if file.is_file() and file.name != release.app_bin.name:
                (tmp_path / file.name).symlink_to(file)
        (tmp_path / release.app_bin.name).write_bytes(content)
        secured: Image = replace(
            release,
            path=tmp_path,
            file_sha256=hashlib.sha256(content).hexdigest(),
            image_sha256=content[-damage.DIGEST_BYTES :].hex(),
        )
        return replace(artifacts, images={**artifacts.images, "release": secured})

    @pytest.mark.hil(kind="observation")
    def test_is_not_run(self, rig: Rig) -> None:
        rig.start("release")
        rig.open_streams(BEFORE)
        trigger = rig.trigger_for("update")
        good = rig.image("update").app_bin.read_bytes()
        for secure_version in (0, 1):
            content = damage.with_secure_version(good, secure_version)
            serve(rig, content)
            trigger["counter"] += 1
            fails(rig, publish(rig, described(trigger, content)), "secure_version")
        content = damage.with_secure_version(good, 2)
        serve(rig, content)
        attempt = publish(rig, described(trigger | {"counter": trigger["counter"] + 1}, content))
        rig.console.wait_event("valid", 30, attempt.mark)
