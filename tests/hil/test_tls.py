# SPDX-License-Identifier: Apache-2.0
"""Broker and image server over TLS: the whole update, and what a board does not believe.

In this file the broker speaks TLS alone and asks for a password, and so does the image server speak TLS alone: what
gets through at all was encrypted.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from pytest_hil.boards.config import BoardConfig
from pytest_hil.plugin import BOARD
from pytest_hil.results.run_dir import RunDir
from pytest_hil.rig import Rig
from pytest_hil.services.broker import Broker, BrokerAccess
from pytest_hil.services.certificates import Authority, Identity
from pytest_hil.services.image_server import ImageServer
from pytest_hil.services.signing import TriggerKey
from pytest_hil.streams import STREAM_PORT, StreamPlan

from . import expectations as seen

SILENCE_S = 2.0  # a board that believes its broker is ready in 0.2 s; one that does not tries again each second


@pytest.fixture(scope="session")
def runner(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """The names a server on the runner goes by: as the board sees it, and as the runner does."""
    board: BoardConfig = request.config.stash[BOARD]
    return (board.tell, "127.0.0.1")


def access_of(identity: Identity, authority: Authority) -> BrokerAccess:
    return BrokerAccess(identity, authority.certificate, authority.trust("127.0.0.1"), "hil", "not-this-one")


@pytest.fixture(scope="session")
def broker(run_dir: RunDir, authority: Authority, runner: tuple[str, ...]) -> Iterator[Broker]:
    """In place of the plugin's."""
    folder = run_dir.path / "services" / f"{os.environ.get('PYTEST_XDIST_WORKER', 'main')}-tls"
    with Broker(folder, access=access_of(authority.issue(*runner), authority)) as broker:
        yield broker


@pytest.fixture
def image_server(authority: Authority, runner: tuple[str, ...]) -> Iterator[ImageServer]:
    """In place of the plugin's."""
    with ImageServer(authority.issue(*runner)) as server:
        yield server


@pytest.mark.hil(kind="promise")
def test_the_whole_update_goes_over_tls(rig: Rig, authority: Authority, trigger_key: TriggerKey) -> None:
    rig.start("release", {"trigger_key": trigger_key.public_pem, **rig.tls_streams(authority)})
    rig.open_served(StreamPlan(mjpeg=2, ws=1))
    trigger = rig.trigger_for("update")
    assert trigger["url"].startswith("https://")
    mark = rig.publish_trigger(trigger, sign_with=trigger_key)
    seen.stops_and_updates(rig, mark)
    (request,) = rig.bench.image_server.requests
    assert (request.status, request.bytes_sent) == (200, trigger["size"])
    assert rig.bench.image_server.failed_handshakes == []
    rig.open_served(StreamPlan(mjpeg=2, ws=1))  # the new image serves them over TLS too


class TestAnImageServerNobodyVouchesFor:
    """The download fails before a byte of it, and the servers come back."""

    @pytest.fixture(params=["another authority", "another name"])
    def image_server(
        self, request: pytest.FixtureRequest, authority: Authority, stranger: Authority, runner: tuple[str, ...]
    ) -> Iterator[ImageServer]:
        another_name = request.param == "another name"
        with ImageServer(authority.issue("10.9.8.7", "images.test") if another_name else stranger.issue(*runner)) as it:
            yield it

    @pytest.mark.hil(kind="promise")
    def test_is_not_believed(self, rig: Rig, authority: Authority) -> None:
        rig.start("release", rig.tls_streams(authority))
        rig.open_served(StreamPlan(mjpeg=1, ws=1))
        mark = rig.publish_trigger(rig.trigger_for("update"))
        rig.console.wait_event("stop_end", 10, mark, server=STREAM_PORT)
        rig.wait_status("failed", 20, lambda status: status.get("reason") == "certificate")
        rig.console.wait_event("ready", 10, mark, again=True)
        rig.bench.image_server.wait_failed_handshake(5)
        assert rig.bench.image_server.requests == [], "it was asked for the image all the same"

        for client in rig.streams.clients:
            client.wait_end(5)
        rig.open_served(StreamPlan(mjpeg=2, ws=1))
        assert len(rig.console.events_named("boot")) == 1, "the board restarted"


class TestABrokerNobodyVouchesFor:
    """The board says nothing to it, not even the password, and streams all the same."""

    @pytest.fixture
    def broker(
        self, run_dir: RunDir, stranger: Authority, runner: tuple[str, ...], request: pytest.FixtureRequest
    ) -> Iterator[Broker]:
        folder = run_dir.test_folder(request.node.nodeid) / "broker"
        with Broker(folder, access=access_of(stranger.issue(*runner), stranger)) as broker:
            yield broker

    @pytest.mark.hil(kind="promise")
    def test_is_not_believed(self, rig: Rig, authority: Authority) -> None:
        board = rig.power_on("release", {"ca": authority.certificate})
        rig.console.wait_event("net", 10)
        rig.console.wait_line("Failed to verify peer certificate", 10)
        rig.console.wait_without("ready", SILENCE_S)
        log = rig.bench.broker.log_path.read_text()
        assert "handshake" in log or "SSL" in log or "alert" in log, f"nobody tried to connect: {log}"
        assert f"hil-{rig.bench.device_id}" not in log, "the board told its name"
        assert board.endpoint(STREAM_PORT)


@pytest.mark.hil(kind="promise")
@pytest.mark.parametrize(
    ("provisioning", "key"),
    [({"tls_streams": 1}, "server_cert"), ({"tls_streams": 1, "server_cert": "-"}, "server_key")],
    ids=["no certificate", "no key"],
)
def test_a_board_that_cannot_protect_what_it_should_does_nothing(
    rig: Rig, provisioning: dict[str, str | int], key: str
) -> None:
    rig.power_on("release", provisioning)
    assert rig.console.wait_event("unprovisioned", 10)["key"] == key
    rig.console.wait_event("beat", 5)
    assert rig.console.events_named("net") == []
