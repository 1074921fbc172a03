# SPDX-License-Identifier: Apache-2.0
"""Image servers that are wrong, slow, or break off: the odd but sound is downloaded, the rest fails with a reason."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import pytest

from pytest_hil.boards.config import BoardConfig
from pytest_hil.plugin import BOARD
from pytest_hil.rig import Rig
from pytest_hil.services.certificates import Authority, Identity
from pytest_hil.services.image_server import ImageServer
from pytest_hil.services.reply_fault import ReplyFault

from ..expectations import EVENT_SLACK_S
from .recovery import BEFORE, FAILED_WITHIN_S, fails_and_recovers, publish

pytestmark = pytest.mark.faults

HALF = 200_000  # bytes, well within the image
FAST_LIMITS = {"stall_ms": 1000, "update_ms": 5000}


@dataclass(frozen=True)
class ServerFault:
    """One row; without a reason the update must succeed."""

    name: str
    reply: ReplyFault
    reason: str | None = None
    provisioning: Mapping[str, int] = field(default_factory=dict)
    smoke: bool = False

    def as_param(self) -> object:
        return pytest.param(self, id=self.name, marks=[pytest.mark.smoke] if self.smoke else [])


SERVER_FAULTS = (
    ServerFault("404", ReplyFault(status=404), "http_status"),
    ServerFault("500", ReplyFault(status=500), "http_status"),
    ServerFault("redirect", ReplyFault(status=302, location="/elsewhere.bin")),
    ServerFault("redirect loop", ReplyFault(status=302, location="/update.bin"), "http_status"),
    ServerFault("redirect to nowhere", ReplyFault(status=302), "http_status"),
    ServerFault("no Content-Length", ReplyFault(length=False)),
    ServerFault("no Content-Length, ends early", ReplyFault(length=False, end_after=HALF), "size"),
    ServerFault("Content-Length too great", ReplyFault(longer=1), "size"),
    ServerFault("chunked", ReplyFault(chunked=True)),
    ServerFault("chunked, ends early", ReplyFault(chunked=True, end_after=HALF), "truncated"),
    ServerFault("no Range", ReplyFault()),
    ServerFault("1 KB a second", ReplyFault(bytes_per_s=1024), "deadline", FAST_LIMITS),
    ServerFault("silent from the start", ReplyFault(silent_after=0), "stalled", FAST_LIMITS),
    ServerFault("silent in the middle", ReplyFault(silent_after=HALF), "stalled", FAST_LIMITS, smoke=True),
    ServerFault("reset in the middle", ReplyFault(reset_after=HALF), "truncated"),
    ServerFault("reset from the start", ReplyFault(reset_after=0), "truncated"),
    ServerFault("ends early", ReplyFault(end_after=HALF), "truncated", smoke=True),
)


@pytest.mark.hil(kind="promise")
@pytest.mark.parametrize("fault", [fault.as_param() for fault in SERVER_FAULTS])
def test_image_server(rig: Rig, fault: ServerFault) -> None:
    rig.start("release", fault.provisioning)
    rig.open_streams(BEFORE)
    trigger = rig.trigger_for("update")
    content = rig.image("update").app_bin.read_bytes()
    rig.bench.image_server.serve("/elsewhere.bin", content)
    rig.bench.image_server.serve("/update.bin", content, fault.reply)
    attempt = publish(rig, trigger)
    if fault.reason is None:
        rig.console.wait_event("boot", FAILED_WITHIN_S, attempt.mark)
        rig.wait_updated("update", attempt.mark)
    else:
        fails_and_recovers(rig, attempt, fault.reason)


class TestOverTls:
    """The trigger says https. What a board must not believe is never asked for the image."""

    @pytest.fixture(params=["expired", "another name", "another authority", "plain HTTP"])
    def fault(self, request: pytest.FixtureRequest) -> str:
        return str(request.param)

    @pytest.fixture
    def strange_server(
        self, request: pytest.FixtureRequest, fault: str, authority: Authority, stranger: Authority
    ) -> Iterator[ImageServer]:
        board: BoardConfig = request.config.stash[BOARD]
        names = (board.tell, "127.0.0.1")
        identities: dict[str, Identity | None] = {
            "expired": authority.issue(*names, expired=True),
            "another name": authority.issue("10.9.8.7", "images.test"),
            "another authority": stranger.issue(*names),
            "plain HTTP": None,
        }
        with ImageServer(identities[fault], bind=board.bind) as server:
            yield server

    @pytest.mark.hil(kind="promise")
    def test_is_not_believed(self, rig: Rig, fault: str, strange_server: ImageServer, authority: Authority) -> None:
        rig.start("release", {"ca": authority.certificate})
        rig.open_streams(BEFORE)
        trigger = rig.trigger_for("update")
        strange_server.serve("/update.bin", rig.image("update").app_bin.read_bytes())
        url = f"https://{rig.board.runner_host}:{strange_server.port}/update.bin"
        reason = "connect" if fault == "plain HTTP" else "certificate"
        fails_and_recovers(rig, publish(rig, trigger | {"url": url}), reason)
        assert [request for request in strange_server.requests if request.status == 200] == []

    @pytest.fixture
    def secure_server(self, request: pytest.FixtureRequest, authority: Authority) -> Iterator[ImageServer]:
        board: BoardConfig = request.config.stash[BOARD]
        with ImageServer(authority.issue(board.tell, "127.0.0.1"), bind=board.bind) as server:
            yield server

    @pytest.mark.hil(kind="promise")
    def test_a_redirect_out_of_tls_is_not_followed(
        self, rig: Rig, secure_server: ImageServer, authority: Authority
    ) -> None:
        rig.start("release", {"ca": authority.certificate})
        rig.open_streams(BEFORE)
        trigger = rig.trigger_for("update")
        plain = str(trigger["url"])
        secure_server.serve("/update.bin", b"", ReplyFault(status=302, location=plain))
        url = f"https://{rig.board.runner_host}:{secure_server.port}/update.bin"
        attempt = publish(rig, trigger | {"url": url})
        ended = rig.console.wait_event("ota_end", FAILED_WITHIN_S, attempt.mark)
        assert rig.bench.image_server.requests == [], "it was asked without TLS"
        # The app refuses it; an ESP-IDF whose client does so by itself leaves it no redirection to follow.
        assert ended["reason"] in ("plain_http", "http_status")
        fails_and_recovers(rig, attempt, str(ended["reason"]), EVENT_SLACK_S)
