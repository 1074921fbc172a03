# SPDX-License-Identifier: Apache-2.0
"""What a test leaves behind when its board is off: the logs in its folder, and the figures of its record."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from .boards.flash_layout import BuildDir
from .boards.protocol import Board, Capability
from .console import core_dump
from .console.console import Console
from .errors import BenchError
from .figures import figures
from .results.record import TestRecord
from .services.mqtt import Message
from .streams import Streams

CORE_DUMP_TIMEOUT_S = 5.0  # from a panic to the reset: a chip first writes some ten kilobytes
LOGS = (
    *("console.log", "console.times", "events.json", "clients.json", "mqtt.log", "native-board.log"),
    *("coredump.bin", "coredump.txt"),
)


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
    record.remarks = console.remarks
    for name in LOGS:
        if (folder / name).is_file():
            record.log(folder / name, run_path)
    (folder / "flash.bin").unlink(missing_ok=True)


def keep_core_dump(folder: Path, board: Board, build: BuildDir | None, console: Console) -> None:
    """After a panic, while its board is there: what the last one left in flash, and what can be told of it."""
    panics = console.panics
    if not panics or build is None or console.record.ended or Capability.CORE_DUMP not in board.capabilities:
        return
    partition = next((one for one in build.partitions if one.label == core_dump.PARTITION), None)
    if partition is None:
        return
    console.wait_reset(CORE_DUMP_TIMEOUT_S, panics[-1].at_line)  # it was written before that
    dump, text = folder / "coredump.bin", folder / "coredump.txt"
    try:
        contents = core_dump.cut_out(board.read_flash(partition.offset, partition.size))
    except BenchError as error:
        text.write_text(f"not fetched: {error}\n")
        return
    if contents is not None:
        dump.write_bytes(contents)
        text.write_text(core_dump.told(dump, console.elf_at(panics[-1].at_line), build.chip))
