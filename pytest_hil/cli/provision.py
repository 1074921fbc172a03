# SPDX-License-Identifier: Apache-2.0
"""`hil provision`: the partition from which a board learns its name, network, broker and key (docs/provisioning.md)."""

from __future__ import annotations

import difflib
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from ..boards.config import BoardConfig, SerialConfig
from ..boards.esp_port import port_of
from ..boards.provisioning import PARTITION, nvs_image
from ..errors import BenchError, UsageError
from .app import app, bench_file, board_names, say

TEXTS = (
    *("device_id", "broker_uri", "broker_user", "broker_pass", "wifi_ssid", "wifi_pass", "stream_mode"),
    *("trigger_key", "ca", "server_cert", "server_key", "boot_fault"),
)
NUMBERS = (
    *("frame_ms", "frame_bytes", "drain_ms", "shutdown_ms", "stop_ms", "update_ms", "stall_ms", "self_test_ms"),
    *("tls_streams", "port_control", "port_stream"),
)
# As in firmware/partitions.csv.
OFFSET, SIZE = 0x10000, 0x4000
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
    out: Annotated[Path, typer.Option("-o", "--out", help="The partition's contents.")] = Path("provisioning.bin"),
) -> None:
    """Make a board's provisioning partition and, with a port, write it to the board."""
    config = bench_file().board(board) if board else None
    settings: dict[str, str | int] = dict(config.provisioning) if config else {}
    settings |= dict(setting(value) for value in values or ())
    for key in ("device_id", "broker_uri"):
        if key not in settings:
            raise UsageError(f"{key} is missing: without it a board does nothing; give {key}=VALUE")
    for argument in values or ():
        key, _, text = argument.partition("=")
        if key in _SECRET and not text.startswith("@"):
            say(f"{key} stood on the command line, for all users of this machine to read; {key}=@FILE keeps it out")
    try:
        out.touch(mode=0o600)
        out.write_bytes(nvs_image(settings, SIZE))
    except OSError as error:
        raise UsageError(f"{out} cannot be written: {error.strerror}") from None
    for key, value in settings.items():
        typer.echo(f"  {key} = {'(secret)' if key in _SECRET else _short(value)}")
    typer.echo(f"{out}: {SIZE} bytes for the partition {PARTITION!r} at {OFFSET:#x}")
    where = port or (_port_of(config) if config else None)
    if where:
        _write(out, where)


def setting(text: str) -> tuple[str, str | int]:
    key, equals, value = text.partition("=")
    if not equals:
        raise UsageError(f"{text!r} is no KEY=VALUE")
    if key not in TEXTS + NUMBERS:
        close = difflib.get_close_matches(key, TEXTS + NUMBERS, 1)
        hint = f" (did you mean {close[0]!r}?)" if close else ""
        raise UsageError(f"unknown key {key!r}{hint}; known: {', '.join(TEXTS + NUMBERS)}")
    if value.startswith("@"):
        try:
            value = Path(value[1:]).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{key}: {value[1:]} cannot be read: {error}") from None
    if key in TEXTS:
        return key, value
    if not value.isdecimal() or int(value) >= 2**32:
        raise UsageError(f"{key} must be a whole number, not {value!r}")
    return key, int(value)


def _short(value: Any) -> str:
    text = str(value).strip()
    return text if "\n" not in text else f"{text.splitlines()[0]} …"


def _port_of(config: BoardConfig) -> str | None:
    if not isinstance(config, SerialConfig):
        return None
    found = port_of(config.port, config.serial_number, config.mac)
    if found is None:
        raise BenchError(f"board {config.name!r}: its port is not there; is it plugged in?")
    return found


def _write(image: Path, port: str) -> None:
    command = [sys.executable, "-m", "esptool", "--port", port, "write-flash", hex(OFFSET), str(image)]
    if subprocess.run(command, check=False).returncode != 0:
        raise BenchError(f"esptool could not write to {port}: its own words are above")
