# SPDX-License-Identifier: Apache-2.0
"""What may go wrong with an update before the good one: each is carried out, and what must be seen is seen."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Mapping
from typing import Any

from ..boards.protocol import Capability
from ..rig import Rig
from ..services.reply_fault import ReplyFault

WAIT_S = 30.0  # a busy runner may be late
BURST = 50
BYTES_PER_S = 2_000_000  # so that the power goes in the middle of a download

Fault = Callable[[Rig, str, random.Random], None]  # board, role of the image that is tried, the cycle's chance


def _fails(rig: Rig, trigger: Mapping[str, Any], *reasons: str) -> None:
    mark = rig.publish_trigger(trigger)
    ended = rig.console.wait_event("ota_end", WAIT_S, mark)
    assert ended.get("reason") in reasons, f"expected a failure of {' or '.join(reasons)}: {ended}"
    rig.console.wait_event("ready", WAIT_S, ended.at_line, again=True)


def _refused(rig: Rig, trigger: Mapping[str, Any] | str, reason: str) -> None:
    mark = rig.publish_trigger(trigger)
    refused = rig.console.wait_event("trigger", WAIT_S, mark)
    assert (refused["accepted"], refused.get("reason")) == (False, reason), f"not refused as {reason!r}: {refused}"


def _broken_off(rig: Rig, role: str, reply: ReplyFault, *reasons: str) -> None:
    trigger = rig.trigger_for(role)
    rig.bench.image_server.serve(f"/{role}.bin", rig.image(role).app_bin.read_bytes(), reply)
    _fails(rig, trigger, *reasons)


def wrong_digest(rig: Rig, role: str, chance: random.Random) -> None:
    _fails(rig, rig.trigger_for(role, sha256=chance.randbytes(32).hex()), "sha256")


def bit_flipped(rig: Rig, role: str, chance: random.Random) -> None:
    """Before the trigger was made, so that only the image's own digest can tell."""
    content = bytearray(rig.image(role).app_bin.read_bytes())
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    trigger = rig.trigger_for(role, sha256=hashlib.sha256(content).hexdigest())
    rig.bench.image_server.serve(f"/{role}.bin", bytes(content))
    _fails(rig, trigger, "image", "no_digest")


def reset_in_the_download(rig: Rig, role: str, chance: random.Random) -> None:
    _broken_off(rig, role, ReplyFault(reset_after=chance.randrange(1, 500_000)), "truncated")


def end_in_the_download(rig: Rig, role: str, chance: random.Random) -> None:
    _broken_off(rig, role, ReplyFault(end_after=chance.randrange(1, 500_000)), "truncated")


def http_500(rig: Rig, role: str, _: random.Random) -> None:
    _broken_off(rig, role, ReplyFault(status=500), "http_status")


def replayed(rig: Rig, role: str, chance: random.Random) -> None:
    trigger = rig.trigger_for(role, sha256=chance.randbytes(32).hex())
    _fails(rig, trigger, "sha256")
    _refused(rig, trigger, "replayed")


def burst(rig: Rig, _role: str, _: random.Random) -> None:
    mark = rig.console.mark()
    for _number in range(BURST):
        rig.mqtt.post(rig.topic("ota/trigger"), "no JSON")
    _refused(rig, {"device": "somebody-else"}, "malformed")
    rig.console.wait_event("trigger", WAIT_S, mark, reason="other_device")


def power_cut(rig: Rig, role: str, _: random.Random) -> None:
    """In the middle of the download: the old image boots, as at any start."""
    if Capability.CUT_POWER not in rig.board.capabilities:
        return
    trigger = rig.trigger_for(role)
    rig.bench.image_server.serve(
        f"/{role}.bin", rig.image(role).app_bin.read_bytes(), ReplyFault(bytes_per_s=BYTES_PER_S)
    )
    mark = rig.publish_trigger(trigger)
    began = rig.console.wait_event("ota_progress", WAIT_S, mark)
    rig.board.power(on=False)
    rig.board.power(on=True)
    boot = rig.console.wait_event("boot", WAIT_S, began.at_line)
    assert boot["image_sha256"] != rig.image(role).image_sha256, f"half a download was booted: {boot}"
    rig.console.wait_event("ready", WAIT_S, boot.at_line)


FAULTS: dict[str, Fault] = {
    "wrong digest": wrong_digest,
    "bit flipped": bit_flipped,
    "reset in the download": reset_in_the_download,
    "end in the download": end_in_the_download,
    "HTTP 500": http_500,
    "replayed": replayed,
    "burst of triggers": burst,
    "power cut": power_cut,
}
