# SPDX-License-Identifier: Apache-2.0
"""`hil provision`: the partition from which a board learns its name, network, broker and key (docs/provisioning.md)."""

from __future__ import annotations

import contextlib
import difflib
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from ..boards.artifacts import Artifacts
from ..boards.config import SERIAL_PORT, BoardConfig, LabgridConfig, SerialConfig, is_port
from ..boards.flash_layout import Partition
from ..boards.pool import kept
from ..boards.provisioning import PARTITION, nvs_image
from ..errors import UsageError, why_unreadable
from . import say
from .app import app, bench_file, board_names, root_or_here

# What the app takes (firmware/main/settings.c): texts of so many bytes, numbers from … to.
_PEM = 3999  # what nvs takes
TEXTS = {
    **{"device_id": 32, "broker_uri": 128, "broker_user": 64, "broker_pass": 64, "wifi_ssid": 32, "wifi_pass": 64},
    **{"stream_mode": 15, "boot_fault": 15},
    **dict.fromkeys(("trigger_key", "ca", "server_cert", "server_key"), _PEM),
}
_MINUTE_MS, _HOUR_MS = 60_000, 3_600_000
NUMBERS = {
    **{"frame_ms": (10, 5000), "frame_bytes": (1024, 32768)},
    **dict.fromkeys(("drain_ms", "shutdown_ms", "stop_ms"), (0, _MINUTE_MS)),
    **{"update_ms": (1000, _HOUR_MS), "stall_ms": (500, _HOUR_MS), "self_test_ms": (1000, _HOUR_MS)},
    **{"tls_streams": (0, 1), "port_control": (1, 65535), "port_stream": (1, 65535)},
}
_FORMS = {
    "stream_mode": (r"inline|workers", "inline, workers"),
    "broker_uri": (r"mqtts?://.+", "mqtt://ADDRESS:PORT, mqtts://ADDRESS:PORT"),
}
_SECRET = ("broker_pass", "wifi_pass", "server_key")


@app.command(
    epilog="Examples: [bold]hil provision device_id=cam-1 broker_uri=mqtt://192.168.1.10:1883 --port /dev/ttyUSB0[/], "
    "[bold]hil provision --board bench-s3 trigger_key=@trigger-key.pub.pem[/]"
)
def provision(
    values: Annotated[
        list[str] | None,
        typer.Argument(metavar="KEY=VALUE...", help="What the board is told; @FILE takes a file's text."),
    ] = None,
    board: Annotated[
        str | None, typer.Option(help="Its port and provisioning of bench.toml.", autocompletion=board_names)
    ] = None,
    port: Annotated[str | None, typer.Option(help="Write it to the board at this serial port.")] = None,
    artifacts: Annotated[
        Path | None,
        typer.Option(help="Without a board: whose partition table tells its size.", show_default="build/native"),
    ] = None,
    out: Annotated[Path, typer.Option("-o", "--out", help="The partition's contents.")] = Path("provisioning.bin"),
) -> None:
    """Make a board's provisioning partition and, with a port, write it to where the board's partition table has it.

    Exit code: 0, 2 usage, 3 the board cannot be reached or carries no firmware that can be provisioned.
    """
    if port and not is_port(port):
        raise UsageError(f"--port: {port!r} is not allowed; allowed: {SERIAL_PORT}")
    config = bench_file().board(board) if board else None
    settings: dict[str, str | int] = dict(config.provisioning) if config else {}
    settings |= dict(setting(value) for value in values or ())
    for key in ("device_id", "broker_uri"):
        if not settings.get(key):
            raise UsageError(f"{key} is missing: without it a board does nothing; give {key}=VALUE")
    for argument in values or ():
        key, _, text = argument.partition("=")
        if key in _SECRET and not text.startswith("@"):
            say(f"{key} stood on the command line, for all users of this machine to read; {key}=@FILE keeps it out")

    def make(size: int) -> bytes:
        contents = nvs_image(settings, size)
        try:
            out.touch(mode=0o600)
            out.write_bytes(contents)
        except OSError as error:
            raise UsageError(f"{out} cannot be written: {error.strerror}") from None
        return contents

    at = _at_port(config, port)
    carrier, partition = _written(at, make) if at is not None else (None, _of_images(artifacts))
    if carrier is None:
        make(partition.size)
    for key, value in settings.items():
        typer.echo(f"  {key} = {'(secret)' if key in _SECRET else _short(value)}")
    typer.echo(f"{out}: {partition.size} bytes for the partition {PARTITION!r} at {partition.offset:#x}")
    if carrier is not None:
        typer.echo(f"board {carrier!r} carries it and was reset")


def setting(text: str) -> tuple[str, str | int]:
    key, equals, value = text.partition("=")
    if not equals:
        raise UsageError(f"{text!r} is no KEY=VALUE")
    if key not in (known := [*TEXTS, *NUMBERS]):
        close = difflib.get_close_matches(key, known, 1)
        hint = f" (did you mean {close[0]!r}?)" if close else ""
        raise UsageError(f"unknown key {key!r}{hint}; known: {', '.join(known)}")
    if value.startswith("@"):
        try:
            value = Path(value[1:]).read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise UsageError(f"{key}: {value[1:]} cannot be read: {why_unreadable(error)}") from None
    if key in TEXTS:
        _check_text(key, value)
        return key, value
    least, most = NUMBERS[key]
    if not value.isdecimal() or not least <= int(value) <= most:
        raise UsageError(f"{key} = {value!r} is not allowed; allowed: {least} to {most}")
    return key, int(value)


def _check_text(key: str, value: str) -> None:
    if (length := len(value.encode())) > TEXTS[key]:
        raise UsageError(f"{key} has {length} bytes; allowed: {TEXTS[key]}")
    form, allowed = _FORMS.get(key, (None, ""))
    if form and not re.fullmatch(form, value):
        raise UsageError(f"{key} = {value!r} is not allowed; allowed: {allowed}")


def _short(value: Any) -> str:
    text = str(value).strip()
    return text if "\n" not in text else f"{text.splitlines()[0]} …"


def _at_port(config: BoardConfig | None, port: str | None) -> SerialConfig | None:
    """The board to write to, if any; `port` wins over what bench.toml says."""
    if isinstance(config, LabgridConfig) and port:
        raise UsageError(f"--port: the port of board {config.name!r} is its labgrid place's; leave it out")
    if isinstance(config, SerialConfig):
        return replace(config, port=port, serial_number=None, mac=None) if port else config
    return SerialConfig(name=port, port=port) if port else None


def _written(board: SerialConfig, make: Callable[[int], bytes]) -> tuple[str, Partition]:
    """The name of the board that carries it now (one of several places may have been free), and where."""
    from ..boards.provision import provision as write  # noqa: PLC0415  esptool takes its time to import

    with contextlib.nullcontext(board) if board.name == board.port else kept(board) as config:
        assert isinstance(config, SerialConfig)
        return config.name, write(config, make)


def _of_images(artifacts: Path | None) -> Partition:
    images = Artifacts.read((artifacts or root_or_here() / "build" / "native").absolute())
    return images.image("release").build.partition(PARTITION)
