# SPDX-License-Identifier: Apache-2.0
"""What must be seen after a trigger, for each way to stop. Each reads as the scenario would be told."""

from __future__ import annotations

from pytest_hil.console.events import Event
from pytest_hil.rig import Rig
from pytest_hil.services.client import StreamClient
from pytest_hil.streams import CONTROL_PORT, STREAM_PORT

PHASE_LIMIT_MS = 1000  # drain, shutdown and stop each, as provisioned by default
STOP_LIMIT_MS = 3 * PHASE_LIMIT_MS + 200  # what the component promises, whatever the clients do
EVENT_SLACK_S = 5.0  # a busy runner may be late; the limits above are on the board's own clock
HANG_S = 10.0
PANIC_LIMIT_S = 20.0  # the task must first be stuck in send: slirp and the kernel buffer some hundred kilobytes
REUSE_STOP_S = 3.0  # how long to see whether a stop with a stolen socket ends; it may hang

# What a closing connection holds beyond the bytes that `closing_bytes` counts: block headers and rounding, measured at
# up to 80 bytes a PCB and 23 % of queued data. What else may be under way (an MQTT message, what a task takes at its
# first call of lwIP) was 300 to 900 bytes.
HEAP_PER_CLOSING_PCB = 128
HEAP_PER_CLOSING_BYTE = 1.25
HEAP_UNDER_WAY = 1024


def stops_and_updates(rig: Rig, since: int) -> None:
    """Both servers stop within their limits, clients are let go as promised, the served image runs, heap is back."""
    stops = [stopped(rig, server, since) for server in (STREAM_PORT, CONTROL_PORT)]
    for stop in stops:
        assert (stop["err"], stop["remaining"]) == ("ESP_OK", 0), f"the stop failed: {stop}"
        assert stop["ms"] <= STOP_LIMIT_MS, f"{stop['ms']} ms, limit {STOP_LIMIT_MS} ms: {stop}"
    let_go_as_promised(rig)
    forced = sum(int(stop["forced_count"]) for stop in stops)
    if rig.streams.of_kind("stalled") or rig.streams.of_kind("half"):
        assert forced >= 1, "nobody was forced, but a client neither read nor left"
    else:
        assert forced == 0, f"{forced} clients were forced, all of which read"
    rig.wait_updated("update", since)
    heap_is_back(rig, stops[-1])


def stopped(rig: Rig, server: int, since: int) -> Event:
    rig.console.wait_event("stop_begin", EVENT_SLACK_S, since, server=server)
    return rig.console.wait_event("stop_end", STOP_LIMIT_MS / 1000 + EVENT_SLACK_S, since, server=server)


def let_go_as_promised(rig: Rig) -> None:
    for client in rig.streams.clients:
        if client.kind == "stalled":
            continue  # it does not read, so it cannot know how it was let go
        ending = client.wait_end(EVENT_SLACK_S)
        if client not in rig.streams.served:
            continue  # it was never promised anything but to be let go
        wanted = "close 1001" if client.kind == "ws" else "complete"
        assert ending.how == wanted, f"{client} ended with {ending}, promised was {wanted!r}"
        assert_every_frame_whole(client)


def assert_every_frame_whole(client: StreamClient) -> None:
    assert client.check.problems == [], f"{client}: {client.check.problems}"


def heap_is_back(rig: Rig, last_stop: Event) -> None:
    """All that the servers took is free again, but for connections that wait for their peers."""
    idle = int(rig.console.events_named("ready")[0]["heap_idle"])
    closing_pcbs, closing_bytes = int(last_stop["closing_pcbs"]), int(last_stop["closing_bytes"])
    assert closing_pcbs >= 0, f"the board could not count its closing connections: {last_stop}"
    allowance = HEAP_UNDER_WAY + closing_pcbs * HEAP_PER_CLOSING_PCB + closing_bytes * HEAP_PER_CLOSING_BYTE
    missing = idle - int(last_stop["heap_after"])
    assert missing <= allowance, f"{missing} bytes of heap are not back, allowed {allowance}: {last_stop}"


def hangs(rig: Rig, since: int) -> None:
    """The stop begins and never ends, while board and stream live on: a hang, told apart from a dead board."""
    (client,) = rig.streams.served
    rig.console.wait_event("stop_begin", EVENT_SLACK_S, since, server=STREAM_PORT)
    frames = client.check.frames
    mark = rig.console.mark()
    rig.console.wait_without("stop_end", HANG_S, since)
    beats = len(rig.console.events_named("beat", mark))
    more = client.check.frames - frames
    assert beats >= HANG_S * 0.7, f"{beats} heartbeats in {HANG_S:g} s: the board is not alive"
    assert more >= HANG_S * 5, f"{more} frames in {HANG_S:g} s: the stream is not alive"
    assert not client.ended.is_set(), f"the stream ended: {client.ending}"
    assert_every_frame_whole(client)
    rig.record.observed |= {"hung_s": HANG_S, "beats": beats, "frames": more}
    rig.record.seen = f"hung for {HANG_S:g} s, {more} frames went on"


def panics_in_lwip(rig: Rig, since: int) -> None:
    """lwIP panics over the dead task's stack, and the next boot knows that it was a panic."""
    rig.console.wait_event("stop_begin", EVENT_SLACK_S, since, server=STREAM_PORT)
    panic = rig.console.wait_panic(PANIC_LIMIT_S)
    assert panic.function == "lwip_netconn_do_writemore", f"another panic than lwIP's: {panic}"
    boot = rig.console.wait_event("boot", EVENT_SLACK_S, panic.at_line)
    assert boot["reset_reason"] == "PANIC", f"reset reason {boot['reset_reason']}"
    rig.console.wait_event("ready", EVENT_SLACK_S, boot.at_line)
    rig.record.seen = f"panic in {panic.function}"


def stops_over_a_closed_socket(rig: Rig, since: int) -> None:
    """As in the article: closing the recorded socket lets the stop succeed, and the update happens."""
    stop = stopped(rig, STREAM_PORT, since)
    assert stop["err"] == "ESP_OK", f"the stop failed: {stop}"
    (client,) = rig.streams.served
    rig.record.observed |= {"stop_ms": stop["ms"], "client": str(client.wait_end(EVENT_SLACK_S))}
    rig.wait_updated("update", since)


def sends_video_to_a_stranger(rig: Rig, since: int) -> None:
    """The closed socket's number is given to a new connection, and the stream goes on into it."""
    reuse = rig.console.wait_event("fd_reused", EVENT_SLACK_S, since)
    assert reuse["fd_new"] == reuse["fd_closed"], f"the number did not come back: {reuse}"
    received = rig.tcp_sink.wait_for(b"--hilframe", EVENT_SLACK_S)
    rig.console.record.linger(REUSE_STOP_S)
    stops = rig.console.events_named("stop_end", since, server=STREAM_PORT)
    rig.record.observed |= {
        "stop": dict(stops[0].fields) if stops else f"did not end within {REUSE_STOP_S:g} s",
        "fd": reuse["fd_new"],
        "bytes_to_the_stranger": len(received),
        "began_with": received[:80].decode("latin-1"),
    }
    rig.record.seen = f"{len(received)} bytes of video reached a stranger"


def stops_over_closed_sockets(rig: Rig, since: int) -> None:
    """The article's untested idea, closing every session's socket: with nobody to take the numbers, it stops too.

    The one client that was served is cut off without a closing boundary, those that waited are reset.
    """
    stop = stopped(rig, STREAM_PORT, since)
    assert stop["err"] == "ESP_OK", f"the stop failed: {stop}"
    endings = [client.wait_end(EVENT_SLACK_S) for client in rig.streams.clients]
    assert all(ending.how in ("eof", "reset") for ending in endings), f"{[str(ending) for ending in endings]}"
    rig.record.observed |= {"stop": dict(stop.fields), "clients": [str(ending) for ending in endings]}
    rig.wait_updated("update", since)
