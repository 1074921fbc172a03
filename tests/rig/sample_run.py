# SPDX-License-Identifier: Apache-2.0
"""A run's folder as tests want it, without running anything: consoles like the native board's, records like a run's."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytest_hil.results.record import TestRecord

DIFFERENT = 37  # consoles; more than the report packs together, so that they compress as real ones do
RELEASE = "ab" * 32
MIXES: tuple[dict[str, int], ...] = ({"mjpeg": 1}, {"mjpeg": 3}, {"ws": 2}, {"mjpeg": 2, "stalled": 1}, {"half": 1})


def events(seed: int = 0, stop_ms: int = 128) -> list[tuple[float, str]]:
    """A board's life with one update, each line with the second it came: some 110 lines, 10 KB."""
    dice = random.Random(seed)
    at, lines = 0.05, []

    def log(text: str) -> None:
        lines.append((at, text))

    def event(n: int, name: str, fields: str) -> None:
        log(f'@hil {{"n":{n},"t":{round((at - started) * 1000)},"ev":"{name}",{fields}}}')

    def boot(version: str, reason: str, state: str) -> None:
        log("rst:0x1 (POWERON),boot:0x13 (SPI_FAST_FLASH_BOOT)")
        for segment in range(14):
            log(f"I (24) esp_image: segment {segment}: paddr={dice.getrandbits(24):08x} size={dice.randrange(9999)}")
        digest = hashlib.sha256(version.encode()).hexdigest()
        slot = f'"slot":"ota_0","ota_state":"{state}","image_sha256":"{digest}"'
        event(0, "boot", f'"reset_reason":"{reason}","version":"{version}",{slot}')
        event(1, "net", f'"ip":"10.0.2.15","heap":{dice.randrange(540000, 550000)}')
        event(2, "ready", f'"heap_idle":{dice.randrange(540000, 550000)},"heap":{dice.randrange(500000, 510000)}')

    started = at
    boot("1.0.0", "POWERON", "VALID")
    for n in range(3, 33):
        at += 0.1
        event(n, "beat", f'"heap":{dice.randrange(400000, 430000)},"heap_min":{dice.randrange(300000, 400000)}')
        log(f"I ({round(at * 1000)}) frame_source: {dice.getrandbits(32):08x} queued {dice.randrange(99)}")
    event(33, "trigger", '"accepted":true,"version":"1.1.0","counter":1,"stop":"graceful"')
    event(
        34,
        "stop_begin",
        f'"server":81,"strategy":"graceful","sessions":3,"heap_before":{dice.randrange(400000, 430000)}',
    )
    for n, phase in ((35, "drain"), (36, "shutdown"), (37, "stop")):
        at += stop_ms / 3000
        event(n, "stop_phase", f'"server":81,"phase":"{phase}","ms":{stop_ms // 3}')
    event(
        38, "stop_end", f'"server":81,"ms":{stop_ms},"forced_count":0,"remaining":0,"heap_after":480000,"err":"ESP_OK"'
    )
    event(39, "ota_begin", '"version":"1.1.0","slot":"ota_1","size":1085456')
    for n in range(40, 56):
        at += 0.01
        event(n, "ota_progress", f'"bytes":{(n - 39) * 67841},"total":1085456')
    event(56, "ota_end", '"err":"ESP_OK"')
    event(57, "restart", '"why":"update"')
    at += 0.05
    started = at
    boot("1.1.0", "SW", "PENDING_VERIFY")
    at += 0.25
    event(3, "valid", '"version":"1.1.0"')
    return lines


def client(kind: str = "mjpeg", how: str = "complete", frames: int = 270) -> dict[str, Any]:
    """What clients.json holds of one: 9, 10 and 11 frames in turn in each tenth of a second."""
    arrivals = [(round(at / 10 + (i + 0.5) / n / 10, 3), 0) for at in range(27) for n in [9 + at % 3] for i in range(n)]
    ending = {"how": how, "at_s": 2.8, "detail": ""}
    return {"kind": kind, "number": 0, "opened_s": 0.3, "arrivals": arrivals[:frames], "ending": ending}


def write_test(folder: Path, lines: list[tuple[float, str]], clients: list[dict[str, Any]] | None = None) -> None:
    """A test's console and its times, and what its clients saw."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "console.log").write_bytes("".join(f"{text}\r\n" for _, text in lines).encode())
    (folder / "console.times").write_text("".join(f"{at:.3f}\n" for at, _ in lines))
    (folder / "clients.json").write_text(json.dumps([client()] if clients is None else clients))


def record(number: int, **fields: Any) -> dict[str, Any]:
    """A passed promise, with other fields where given."""
    made = TestRecord(f"tests/hil/test_stop_and_update.py::test_it[graceful-workers-{number}]")
    made.outcome, made.board, made.board_kind, made.strategy, made.stream_mode = (
        "passed",
        "native",
        "native",
        "graceful",
        "workers",
    )
    made.streams, made.images, made.duration_s, made.chip_mac = (
        MIXES[number % len(MIXES)],
        [RELEASE],
        3.4,
        "02:00:00:00:00:01",
    )
    made.stop_ms, made.ota_ms, made.heap_gained, made.forced_count, made.update_s = (
        120 + number % 17,
        150,
        65000,
        0,
        0.9,
    )
    return {**vars(made), **fields}


def results(tests: list[dict[str, Any]], run_id: str = "20260101-120000-1", **run: Any) -> dict[str, Any]:
    bad = any(test["outcome"] not in ("passed", "flaky", "skipped") for test in tests)
    about = {
        "id": run_id,
        "started": "2026-01-01T12:00:00+0000",
        "duration_s": 61.5,
        "rig_version": "0",
        "seed": 1,
        "runner": "x",
    }
    image = {"role": "release", "version": "1.0.0", "image_sha256": RELEASE, "file_sha256": RELEASE, "commit": "abc"}
    return {
        "schema": 1,
        "run": {**about, **run},
        "images": [image],
        "tests": tests,
        "verdict": "fail" if bad else "pass",
    }


def make_run(
    root: Path, count: int, changed: Mapping[int, dict[str, Any]] | None = None, run_id: str = "20260101-120000-1"
) -> Path:
    """A run's folder with that many tests; `changed` gives fields of some records, and `lines` of their consoles."""
    folder = root / run_id
    tests = []
    consoles: dict[int, list[tuple[float, str]]] = {}
    for number in range(count):
        fields = dict((changed or {}).get(number, {}))
        same = number % DIFFERENT
        if same not in consoles:
            consoles[same] = events(same, 110 + same % 17)
        lines = fields.pop("lines", None) or consoles[same]
        clients = fields.pop("clients", None)
        write_test(folder / f"test-{number}", lines, clients)
        logs = [
            {"path": f"test-{number}/console.log", "sha256": "0"},
            {"path": f"test-{number}/console.times", "sha256": "0"},
        ]
        tests.append(record(number, **{"logs": logs, **fields}))
    (folder / "results.json").write_text(json.dumps(results(tests, run_id)))
    return folder
