# SPDX-License-Identifier: Apache-2.0
"""What must be seen after a trigger, for each way to stop. Each reads as the scenario would be told."""

from __future__ import annotations

import os

from pytest_hil.console.console import ExpectedPanic
from pytest_hil.console.events import Event
from pytest_hil.rig import Rig
from pytest_hil.services.client import StreamClient
from pytest_hil.streams import CONTROL_PORT, STREAM_PORT

PHASE_LIMIT_MS = 1000  # drain, shutdown and stop each, as provisioned by default
STOP_LIMIT_MS = 3 * PHASE_LIMIT_MS + 200  # what the component promises, whatever the clients do
FORCED_LIMIT_MS = 2 * PHASE_LIMIT_MS  # the drain limit runs out, then a shutdown frees whoever is stuck
UNFORCED_LIMIT_MS = PHASE_LIMIT_MS  # clients that read never use up a limit; 20 to 130 ms on an idle machine
SLOWNESS = int(os.environ.get("HIL_SLOWNESS", "1"))  # of a board built with a sanitizer: make test-asan, make test-tsan
READY_LIMIT_MS = 1000 * SLOWNESS  # from power on, on a native board's clock; some 10 ms on an idle machine
OTHERS_LEAD_S = 0.25  # of PHASE_LIMIT_MS, for which a stalled client holds the stop; some 0.95 on an idle machine
EVENT_SLACK_S = 5.0  # a busy runner may be late; the limits above are on the board's own clock
HANG_S = 10.0
PANIC_LIMIT_S = 20.0  # the task must first be stuck in send: slirp and the kernel buffer some hundred kilobytes
LWIP_PANIC = ExpectedPanic(function="lwip_netconn_do_writemore")
REUSE_STOP_S = 3.0  # how long to see whether a stop with a stolen socket ends; it may hang

# What a closing connection holds beyond the bytes that `closing_bytes` counts: block headers and rounding, measured at
# up to 80 bytes a PCB and 23 % of queued data. What else may be under way (an MQTT message, what a task takes at its
# first call of lwIP) was 300 to 900 bytes.
HEAP_PER_CLOSING_PCB = 128
HEAP_PER_CLOSING_BYTE = 1.25
HEAP_UNDER_WAY = 1024
# ESP-IDF 4.4's lwIP keeps a mutex (112 bytes on a native board) with each of the 16 sockets once it was used.
HEAP_PER_SOCKET_OF_4 = 112 * 16


def stops_and_updates(rig: Rig, since: int) -> None:
    """Both servers stop within their limits, clients are let go as promised, the served image runs, heap is back."""
    if rig.board.kind == "native":  # a chip takes its seconds for Wi-Fi, an emulator its own time for everything
        ready = rig.console.events_named("ready")[0]
        assert ready.t_ms <= READY_LIMIT_MS, f"ready after {ready.t_ms} ms, limit {READY_LIMIT_MS} ms"
    stops = [stopped(rig, server, since) for server in (STREAM_PORT, CONTROL_PORT)]
    for stop in stops:
        assert (stop["err"], stop["remaining"]) == ("ESP_OK", 0), f"the stop failed: {stop}"
        limit_ms = FORCED_LIMIT_MS if stop["forced_count"] else UNFORCED_LIMIT_MS
        assert stop["ms"] <= limit_ms, f"{stop['ms']} ms, limit {limit_ms} ms: {stop}"
    if any(client.stalls for client in rig.streams.clients):
        nobody_waits_for_the_stalled(rig, since)
    let_go_as_promised(rig)
    forced = sum(int(stop["forced_count"]) for stop in stops)
    if any(client.stalls or client.kind == "half" for client in rig.streams.clients):
        assert forced >= 1, "nobody was forced, but a client neither read nor left"
    else:
        assert forced == 0, f"{forced} clients were forced, all of which read"
    rig.wait_updated("update", since)
    began = rig.console.events_named("ota_begin", since)[0]
    assert began.at_line > stops[-1].at_line, f"the download began before the servers had stopped: {began}"
    heap_is_back(rig, stops[-1])
    stays_updated(rig)


def stays_updated(rig: Rig) -> None:
    """`valid` is only what the app says: a reset shows what the boot loader makes of it. Unmarked, it would go back."""
    mark = rig.console.mark()
    rig.board.reset()
    boot = rig.console.wait_event("boot", EVENT_SLACK_S, mark)
    wanted = (rig.image("update").image_sha256, "VALID")
    assert (boot["image_sha256"], boot["ota_state"]) == wanted, f"after a reset the update does not stay: {boot}"
    rig.console.wait_event("ready", EVENT_SLACK_S, boot.at_line)


def stopped(rig: Rig, server: int, since: int) -> Event:
    rig.console.wait_event("stop_begin", EVENT_SLACK_S, since, server=server)
    return rig.console.wait_event("stop_end", STOP_LIMIT_MS / 1000 + EVENT_SLACK_S, since, server=server)


def let_go_as_promised(rig: Rig) -> None:
    for client in rig.streams.clients:
        if client.stalls:
            continue  # it does not read, so it cannot know how it was let go
        ending = client.wait_end(EVENT_SLACK_S)
        if client not in rig.streams.served:
            continue  # it was never promised anything but to be let go
        wanted = "close 1001" if client.kind == "ws" else "complete"
        assert ending.how == wanted, f"{client} ended with {ending}, promised was {wanted!r}"
        assert_every_frame_whole(client)


def nobody_waits_for_the_stalled(rig: Rig, since: int) -> None:
    """The stop itself waits for a stalled client until the drain limit; by then the others have long left."""
    (drained,) = rig.console.events_named("stop_phase", since, server=STREAM_PORT, phase="drain")
    assert drained["ms"] >= PHASE_LIMIT_MS, f"no client held the stop up: {drained}"
    drained_at = rig.console.record.began + drained.at_s
    readers = [client for client in rig.streams.served if not client.stalls]
    for client in readers:
        client.wait_end(EVENT_SLACK_S)
    # Both as the runner saw them, so that one which is late itself sees both late.
    lead_s = {str(client): round(drained_at - client.ended_at, 3) for client in readers}
    late = {client: seconds for client, seconds in lead_s.items() if seconds < OTHERS_LEAD_S}
    assert not late, f"held up by a stalled client, left less than {OTHERS_LEAD_S} s before that was cut: {late}"
    rig.record.observed |= {"others_lead_s": lead_s}


def assert_every_frame_whole(client: StreamClient) -> None:
    assert client.check.problems == [], f"{client}: {client.check.problems}"


def heap_is_back(rig: Rig, last_stop: Event) -> None:
    """All that the servers took is free again, but for connections that wait for their peers."""
    if rig.console.began_in_the_middle:
        rig.record.observed |= {"heap": "not judged: the port lost the board's first lines"}
        return
    idle = int(rig.console.events_named("ready")[0]["heap_idle"])
    closing_pcbs, closing_bytes = int(last_stop["closing_pcbs"]), int(last_stop["closing_bytes"])
    assert closing_pcbs >= 0, f"the board could not count its closing connections: {last_stop}"
    allowance = HEAP_UNDER_WAY + closing_pcbs * HEAP_PER_CLOSING_PCB + closing_bytes * HEAP_PER_CLOSING_BYTE
    if str(rig.console.events_named("boot")[0].get("idf", "")).startswith("v4."):
        allowance += HEAP_PER_SOCKET_OF_4
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
    patience = rig.console.patience  # in an emulator seconds are longer
    assert beats >= HANG_S * 0.7 / patience, f"{beats} heartbeats in {HANG_S:g} s: the board is not alive"
    assert more >= HANG_S * 5 / patience, f"{more} frames in {HANG_S:g} s: the stream is not alive"
    assert not client.ended.is_set(), f"the stream ended: {client.ending}"
    assert_every_frame_whole(client)
    client.close()
    rig.console.wait_event("stop_end", EVENT_SLACK_S, since, server=STREAM_PORT)  # it was this stream it hung on
    rig.record.observed |= {"hung_s": HANG_S, "beats": beats, "frames": more}
    rig.record.seen = f"hung for {HANG_S:g} s, {more} frames went on"


def was_reset_by(rig: Rig, boot: Event, reason: str) -> None:
    """The board knows why it was reset. Some versions of QEMU know no reset but the first: there the console alone
    shows what came before it, and the record says so."""
    said = boot["reset_reason"]
    if rig.board.kind == "qemu" and said == "POWERON":
        rig.record.observed |= {"reset_reason": f"{said}, as of every reset of this emulator; it was {reason}"}
        return
    assert said == reason, f"reset reason {said}, expected {reason}"


def panics_in_lwip(rig: Rig, since: int) -> None:
    """lwIP panics over the dead task's stack, and the next boot knows that it was a panic."""
    rig.console.wait_event("stop_begin", EVENT_SLACK_S, since, server=STREAM_PORT)
    panic = rig.console.wait_panic(PANIC_LIMIT_S)
    assert LWIP_PANIC.may_match(panic), f"another panic than lwIP's: {panic}"  # the verdict decodes it
    boot = rig.console.wait_event("boot", EVENT_SLACK_S, panic.at_line)
    was_reset_by(rig, boot, "PANIC")
    rig.console.wait_event("ready", EVENT_SLACK_S, boot.at_line)
    rig.record.seen = f"panic in {panic.function or panic.cause}"


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
    rig.tcp_sink.wait_for(b"\xff\xd8\xff\xfe", EVENT_SLACK_S)  # how each frame's JPEG begins
    rig.console.record.linger(REUSE_STOP_S)
    received = b"".join(rig.tcp_sink.received)
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

    Whoever was served is cut off without a closing boundary, whoever waited is reset. Workers get away with it only
    because the component's close_fn waits for them: the server alone would free their sessions under them.
    """
    stop = stopped(rig, STREAM_PORT, since)
    assert stop["err"] == "ESP_OK", f"the stop failed: {stop}"
    endings = [client.wait_end(EVENT_SLACK_S) for client in rig.streams.clients]
    assert all(ending.how in ("eof", "reset") for ending in endings), f"{[str(ending) for ending in endings]}"
    rig.record.observed |= {"stop": dict(stop.fields), "clients": [str(ending) for ending in endings]}
    rig.wait_updated("update", since)
