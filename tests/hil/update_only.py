# SPDX-License-Identifier: Apache-2.0
"""What must be seen when a server cannot be stopped: the stop gives up in time, the board restarts and updates itself
before any server runs (update-only mode).
"""

from __future__ import annotations

import requests

from pytest_hil.console.events import Event
from pytest_hil.rig import Rig
from pytest_hil.services.board_connection import get_page
from pytest_hil.services.image_server import ReplyHandler, plain_reply
from pytest_hil.streams import CONTROL_PORT, STREAM_PORT, StreamPlan

from .expectations import EVENT_SLACK_S, PHASE_LIMIT_MS, assert_every_frame_whole, stopped, was_reset_by

GIVE_UP_MS = 2 * PHASE_LIMIT_MS  # a handler that does not end is not handed to the server's own stop
ANSWER_S = 0.3  # a server that runs answers within some ms


def updates_before_any_server(rig: Rig, since: int) -> None:
    """The stop gives up in time, and the board restarts to update itself before any server runs: nobody is served."""
    answers = ask_during_the_download(rig)
    boot = gives_up_and_restarts(rig, since)
    began = rig.console.wait_event("ota_begin", EVENT_SLACK_S, boot.at_line)
    rig.wait_updated("update", began.at_line)
    assert answers == [None, None], f"a server ran before the update, and answered {answers}"


def serves_after_a_failed_update(rig: Rig, since: int) -> None:
    """When the update fails then, the board goes on as at any start: it serves, and does not try again."""
    answers = ask_during_the_download(rig)
    boot = gives_up_and_restarts(rig, since)
    failed = rig.console.wait_event("ota_end", EVENT_SLACK_S, boot.at_line)
    assert failed["reason"] == "sha256", f"the update did not fail as it was meant to: {failed}"
    rig.wait_status("failed", EVENT_SLACK_S)
    ready = rig.console.wait_event("ready", EVENT_SLACK_S, failed.at_line)
    assert ready.get("again") is None, f"servers were started, stopped and started: {ready}"
    assert answers == [None, None], f"a server ran before the update, and answered {answers}"
    rig.open_streams(StreamPlan(mjpeg=2, ws=1))

    mark = rig.console.mark()
    rig.board.reset()
    rig.console.wait_event("ready", EVENT_SLACK_S, mark)
    assert rig.console.events_named("update_only", mark) == [], "the update was tried again"


def gives_up_and_restarts(rig: Rig, since: int) -> Event:
    """The stop times out within its limits, those who could be let go were; returns the next life's boot event."""
    stop = stopped(rig, STREAM_PORT, since)
    assert stop["err"] == "ESP_ERR_TIMEOUT", f"nobody can end that handler, and yet: {stop}"
    assert stop["remaining"] >= 1, f"whom did it wait for? {stop}"
    assert GIVE_UP_MS <= stop["ms"] <= GIVE_UP_MS + 200, f"{stop['ms']} ms, limits {GIVE_UP_MS} ms and 200: {stop}"
    for client in rig.streams.served:
        ending = client.wait_end(EVENT_SLACK_S)
        assert ending.how == "complete", f"{client} ended with {ending}"
        assert_every_frame_whole(client)
    restart = rig.console.wait_event("restart", EVENT_SLACK_S, since)
    assert restart["why"] == "update_only", f"restarted for another reason: {restart}"
    boot = rig.console.wait_event("boot", EVENT_SLACK_S, restart.at_line)
    was_reset_by(rig, boot, "SW")
    assert boot["version"] != rig.image("update").version, "nothing was downloaded yet, and the new image runs"
    rig.console.wait_event("update_only", EVENT_SLACK_S, boot.at_line)
    return boot


def ask_during_the_download(rig: Rig) -> list[int | None]:
    """From now on, whoever downloads the image waits until both servers were asked; the list gets their answers."""
    answers: list[int | None] = []

    def ask_first(handler: ReplyHandler, content: bytes) -> None:
        for port in (CONTROL_PORT, STREAM_PORT):
            try:
                answer = get_page(f"http://{rig.board.endpoint(port)}/status", ANSWER_S)
                answers.append(answer.status_code)
            except requests.RequestException:
                answers.append(None)
        plain_reply(handler, content)

    rig.bench.image_server.serve("/update.bin", rig.image("update").app_bin.read_bytes(), ask_first)
    return answers
