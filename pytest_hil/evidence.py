# SPDX-License-Identifier: Apache-2.0
"""What a test leaves behind when its board is off: the logs in its folder, and the figures of its record."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from .console.console import Console
from .figures import figures
from .results.record import TestRecord
from .services.mqtt import Message
from .streams import Streams

LOGS = ("console.log", "console.times", "events.json", "clients.json", "mqtt.log", "native-board.log")


def leave_evidence(
    folder: Path, run_path: Path, record: TestRecord, console: Console, *, streams: Streams, messages: Sequence[Message]
) -> None:
    """Writes the logs that are not there yet, and fills in the record; `run_path` is what log paths are relative to."""
    if streams.clients:
        streams.write_log(folder / "clients.json", console.record.began)
    (folder / "console.times").write_text("".join(f"{line.at_s:.3f}\n" for line in console.record.lines))
    mapped = [asdict(event) for event in console.events if event.mapped]
    if mapped:  # a bench's patterns are not kept with the logs, what they found is
        (folder / "events.json").write_text(json.dumps(mapped))
    if messages:
        (folder / "mqtt.log").write_text("".join(f"{m.at_s:9.3f}  {m}\n" for m in messages))
    for field, value in figures(console).items():
        setattr(record, field, value)
    for name in LOGS:
        if (folder / name).is_file():
            record.log(folder / name, run_path)
    (folder / "flash.bin").unlink(missing_ok=True)
