# SPDX-License-Identifier: Apache-2.0
"""`hil console`: what a board says, live.

A board at a serial port is listened to as it is, without a reset, and no run gets it meanwhile: two that read one port
would each get a part. A native board or an emulator runs only as long as
somebody runs it, so it is started here, with a broker of its own to take triggers from.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path
from typing import Annotated

import serial
import typer
from rich.text import Text

from ..boards.artifacts import Artifacts
from ..boards.config import BoardConfig, LabgridConfig, SerialConfig
from ..boards.factory import make_board
from ..boards.find_port import port_of
from ..boards.pool import kept
from ..boards.port_reader import PortReader
from ..boards.protocol import BOARD_PORTS, Load
from ..boards.provisioning import PARTITION, nvs_image
from ..console.decoding import decoded
from ..console.events import event_patterns
from ..console.record import ConsoleRecord
from ..errors import BenchError, UsageError
from ..services.broker import Broker
from . import FIRMWARE_FAILED, PASS
from .app import app, bench_file, board_names, root_or_here, terminal
from .live_view import LiveView
from .provision import setting
from .scan import summary


@app.command(
    epilog="Examples: [bold]hil console[/], [bold]hil console bench-s3 --log today.log[/], "
    "[bold]hil console native --image control --set stream_mode=inline[/]"
)
def console(
    *,
    name: Annotated[str, typer.Argument(metavar="NAME", help="A board's name.", autocompletion=board_names)] = "native",
    log: Annotated[Path | None, typer.Option(help="Keep the bytes as they come in this file.")] = None,
    image: Annotated[str, typer.Option(help="The image a native board or an emulator starts with.")] = "release",
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Provision such a board with this.")
    ] = None,
    artifacts: Annotated[Path | None, typer.Option(help="Folder with the images.", show_default="build/native")] = None,
    seconds: Annotated[float | None, typer.Option("--for", min=0, help="End after so many seconds.")] = None,
) -> None:
    """Show what a board says, live, until Ctrl-C or its end.

    Exit code: 0 no panic, 1 a panic was seen, 3 the board cannot be reached or started.
    """
    config = bench_file().board(name)
    view = LiveView(terminal(), event_patterns(config.events))
    try:
        record = ConsoleRecord(log or Path(os.devnull), view.take)
    except OSError as error:
        raise UsageError(f"{log} cannot be written: {error.strerror}") from None
    view.on_unread = lambda: record.end("nobody reads this any more")
    elf: Path | None = None
    with contextlib.ExitStack() as open_:
        open_.callback(record.end, "the console was closed")
        if isinstance(config, SerialConfig):
            if isinstance(config, LabgridConfig):
                view.show(Text(f"Waiting for the labgrid place {config.place}", style="dim"))
            board = open_.enter_context(kept(config))
            assert isinstance(board, SerialConfig)
            _listen(board, record, open_)
        else:
            where = (artifacts or root_or_here() / "build" / "native").absolute()
            chosen = Artifacts.read(where)
            elf = chosen.image(image).app_elf
            _start(
                config=config,
                artifacts=chosen,
                role=image,
                settings=settings or [],
                record=record,
                open_=open_,
                view=view,
            )
        with contextlib.suppress(KeyboardInterrupt), record.condition:
            record.condition.wait_for(lambda: record.ended is not None, seconds)
    _tell_end(record, view, elf)
    raise typer.Exit(FIRMWARE_FAILED if view.reader.panics.panics else PASS)


def _listen(config: SerialConfig, record: ConsoleRecord, open_: contextlib.ExitStack) -> None:
    def find() -> str | None:
        return port_of(config.port, config.serial_number, config.mac)

    path = find()
    if path is None:
        raise BenchError(f"board {config.name!r}: its port is not there; is it plugged in?")
    try:
        port = serial.serial_for_url(path, config.baud)
    except (OSError, ValueError) as error:
        raise BenchError(f"board {config.name!r}: {path} cannot be opened: {error}") from None
    open_.callback(port.close)
    reader = PortReader(port, record, find, config.reconnect_s)
    reader.start()
    open_.callback(reader.stop)


def _start(
    *,
    config: BoardConfig,
    artifacts: Artifacts,
    role: str,
    settings: list[str],
    record: ConsoleRecord,
    open_: contextlib.ExitStack,
    view: LiveView,
) -> None:
    build = artifacts.image(role).build
    folder = Path(open_.enter_context(tempfile.TemporaryDirectory(prefix="hil-console-")))
    broker = open_.enter_context(Broker(folder))
    values: dict[str, str | int] = {
        "device_id": config.name,
        "broker_uri": f"mqtt://{config.tell}:{broker.port}",
        **config.provisioning,
        **dict(setting(text) for text in settings),
    }
    size = build.partition(PARTITION).size
    load = Load(build, {PARTITION: nvs_image(values, size)}, folder, artifacts.native_board)
    board = make_board(config, load, record)
    open_.callback(board.stop)
    board.start()
    with contextlib.suppress(BenchError):  # it has ended already, which its console will tell
        ports = ", ".join(f"http://{board.endpoint(port)}/ (its port {port})" for port in BOARD_PORTS)
        view.show(Text(f"Board: {ports}"))
    view.show(
        Text(
            f"To update it: hil trigger --broker mqtt://{broker.host}:{broker.port} --device {values['device_id']} "
            f"--tell {config.tell} --bind {config.bind} --image FILE.bin"
        )
    )


def _tell_end(record: ConsoleRecord, view: LiveView, elf: Path | None) -> None:
    view.show(Text(f"--- {record.ended}", style="dim"))
    for panic in view.reader.panics.panics:
        view.show(Text(f"panic in line {panic.at_line + 1}: {summary(panic)}", style="red"))
        for frame in decoded(panic, elf).frames if elf else ():
            view.show(Text(f"    {frame}"))
