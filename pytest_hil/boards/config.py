# SPDX-License-Identifier: Apache-2.0
"""What can be set for a board of each kind, with what is allowed: the schema of bench.toml (see bench.py)."""

from __future__ import annotations

import dataclasses
import ipaddress
import re
import shutil
import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

SERIAL_URLS = ("rfc2217", "socket")
_MAC = re.compile(r"[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}")
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._ -]{0,63}")
_WINDOWS_PORT = re.compile(r"COM\d+")

Command = tuple[str, ...]


def setting(allowed: str, accepts: Callable[[Any], bool], default: Any = None, *, told: bool = True) -> Any:
    """A dataclass field that knows which values are allowed, for the program and in words; `told`: in messages too."""
    metadata = {"allowed": allowed, "accepts": accepts}
    if isinstance(default, dict):
        return dataclasses.field(default_factory=dict, metadata=metadata, repr=told)
    return dataclasses.field(default=default, metadata=metadata, repr=told)


def is_name(value: Any) -> bool:
    """What files may be named after, in a folder that they do not leave."""
    return isinstance(value, str) and _NAME.fullmatch(value) is not None


def is_port(value: Any) -> bool:
    """A device's path, or the URL of a remote port with a host and a TCP port."""
    if not isinstance(value, str):
        return False
    if "://" not in value:
        return Path(value).is_absolute() or _WINDOWS_PORT.fullmatch(value) is not None
    try:
        url = urllib.parse.urlsplit(value)
        return url.scheme in SERIAL_URLS and bool(url.hostname) and bool(url.port)
    except ValueError:  # a TCP port that is no number, or too large
        return False


def is_address(value: Any) -> bool:
    try:
        ipaddress.ip_address(value if isinstance(value, str) else "")
    except ValueError:
        return False
    return True


def is_command(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(word, str) and word for word in value)


def is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def is_whole(low: int, high: int) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def is_number(low: float, high: float) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high


def is_mac(value: Any) -> bool:
    return isinstance(value, str) and _MAC.fullmatch(value) is not None


def is_provisioning(value: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(v, str) or (isinstance(v, int) and not isinstance(v, bool)) for v in value.values()
    )


def is_ports(value: Any) -> bool:
    """Board port as a text, as TOML's keys are, to the port where it is reached."""
    port = is_whole(1, 65535)
    return isinstance(value, dict) and all(key.isdigit() and port(where) for key, where in value.items())


def is_patterns(value: Any) -> bool:
    try:
        return isinstance(value, dict) and all(isinstance(re.compile(v), re.Pattern) for v in value.values())
    except (re.error, TypeError):
        return False


ADDRESS = "an IP address"
COMMAND = 'a command as a list of words: ["program", "argument"]'
SERIAL_PORT = '"/dev/…", "COM3", "rfc2217://host:port" or "socket://host:port"'
PATIENCE = "a number from 0.1 to 100"
XTENSA = ("esp32", "esp32s2", "esp32s3")


def _patience(default: float) -> Any:
    """How many times longer than for a native board the rig waits for what the board is to say."""
    return setting(PATIENCE, is_number(0.1, 100), default)


def _ready(default_s: int) -> Any:
    """How long the rig waits for `ready` when it has started the board."""
    return setting("a whole number from 1 to 600", is_whole(1, 600), default_s)


@dataclass(frozen=True, kw_only=True)
class BoardConfig:
    """What every kind has."""

    kind: ClassVar[str]
    one_of: ClassVar[tuple[str, ...]] = ()  # exactly one of these must be given

    name: str
    home: Path = Path()  # the folder of bench.toml
    bind: str = setting(ADDRESS, is_address, "127.0.0.1")  # where the services listen
    tell: str = setting(ADDRESS, is_address, "10.0.2.2")  # the runner's address as the board sees it
    provisioning: Mapping[str, str | int] = setting(
        "a table of texts and whole numbers", is_provisioning, {}, told=False
    )

    patience: float = _patience(1.0)
    ready_s: int = _ready(10)  # 0.2 s on an idle machine

    # For firmware that prints no `@hil` lines: which of its own log lines are events. Named groups are the fields.
    events: Mapping[str, str] = setting("a table of regular expressions by event name", is_patterns, {})

    @classmethod
    def keys(cls) -> dict[str, dataclasses.Field[Any]]:
        """What may stand in bench.toml, beside `kind`."""
        return {field.name: field for field in dataclasses.fields(cls) if "accepts" in field.metadata}


@dataclass(frozen=True, kw_only=True)
class NativeConfig(BoardConfig):
    """A native board: `native-board` of the artifacts."""

    kind = "native"

    heap_kb: int | None = setting("a whole number from 64 to 65536", is_whole(64, 65536))
    mac: str | None = setting("six hexadecimal bytes with colons", is_mac)  # None: made of the name


@dataclass(frozen=True, kw_only=True)
class EmulatorConfig(BoardConfig):
    """What the two emulators have in common."""

    program: str | None = setting("a program's name or path", is_text)  # None: the kind's own, from PATH
    args: Command = setting(COMMAND, is_command, ())  # added to the emulator's command line
    patience: float = _patience(5.0)  # emulated time is slower, and boots, erasing and digests take most of it
    ready_s: int = _ready(60)

    def programs(self, chip: str | None) -> tuple[str, ...]:
        """The program's name or path; all that may be meant where it depends on a chip that is not known."""
        raise NotImplementedError

    def find_program(self, chip: str | None = None) -> str | None:
        """Its path, if it is there. One with a folder in it is looked for from the folder of bench.toml."""
        if self.program and Path(self.program).expanduser().name != self.program:
            return shutil.which(str(self.home.absolute() / Path(self.program).expanduser()))
        return next(filter(None, map(shutil.which, self.programs(chip))), None)


@dataclass(frozen=True, kw_only=True)
class QemuConfig(EmulatorConfig):
    """Espressif's QEMU, or one that takes its command line."""

    kind = "qemu"

    machine: str | None = setting("a machine, as -machine takes it", is_text)  # None: the chip's name
    nic: str = setting("a network, as -nic takes it; the forwards are added", is_text, "user,model=open_eth")

    def programs(self, chip: str | None) -> tuple[str, ...]:
        if self.program:
            return (self.program,)
        xtensa, riscv = "qemu-system-xtensa", "qemu-system-riscv32"
        return (xtensa, riscv) if chip is None else (xtensa if chip in XTENSA else riscv,)


@dataclass(frozen=True, kw_only=True)
class EspEmuConfig(EmulatorConfig):
    """esp-emu."""

    kind = "espemu"

    def programs(self, chip: str | None) -> tuple[str, ...]:  # noqa: ARG002  one program for every chip
        return (self.program or "esp-emu",)


@dataclass(frozen=True, kw_only=True)
class SerialConfig(BoardConfig):
    """A physical board at a serial port."""

    kind = "serial"
    one_of: ClassVar[tuple[str, ...]] = ("port", "serial_number", "mac")

    patience: float = _patience(3.0)  # Wi-Fi takes seconds to connect, a flash of its own to erase
    ready_s: int = _ready(60)  # an access point may refuse at first, and DHCP be slow

    port: str | None = setting(SERIAL_PORT, is_port)
    serial_number: str | None = setting("the USB serial number of the adapter", is_text)
    mac: str | None = setting("six hexadecimal bytes with colons", is_mac)
    chip: str = setting("a chip as esptool names it, or auto", is_text, "auto")
    baud: int = setting("a whole number from 1200 to 5000000", is_whole(1200, 5_000_000), 115200)
    flash_baud: int = setting("a whole number from 1200 to 5000000", is_whole(1200, 5_000_000), 460800)
    stub: bool = setting("true or false", lambda value: isinstance(value, bool), True)
    host: str | None = setting(ADDRESS, is_address)  # the board's; None: as it says itself in its `net` event
    ports: Mapping[str, int] = setting('a table of ports: { "80" = 8080 }', is_ports, {})  # where they are forwarded to
    flash: bool = setting("true or false", lambda value: isinstance(value, bool), True)  # false: it has its image
    power_cycle: Command = setting(COMMAND, is_command, ())  # off, a pause, on: `uhubctl -a cycle` does so
    power_off: Command = setting(COMMAND, is_command, ())
    power_on: Command = setting(COMMAND, is_command, ())
    reset: Command = setting(COMMAND, is_command, ())  # for a port that has no DTR and RTS
    loader: Command = setting(COMMAND, is_command, ())  # the same, for a reset into the chip's loader
    reconnect_s: int = setting("a whole number from 0 to 120", is_whole(0, 120), 10)  # a vanished port may stay away
    speak_s: int = setting("a whole number from 1 to 120", is_whole(1, 120), 10)  # reset to first byte, else it hangs


@dataclass(frozen=True, kw_only=True)
class LabgridConfig(SerialConfig):
    """A board at a labgrid place, whose exported console becomes `port` when the place is acquired."""

    kind = "labgrid"
    one_of: ClassVar[tuple[str, ...]] = ("place",)

    place: str = setting("a place's name, or a pattern with *", is_text, "")
    coordinator: str | None = setting("host:port", is_text)  # None: as labgrid-client finds it, by LG_COORDINATOR
    wait_s: int = setting("a whole number from 1 to 86400", is_whole(1, 86_400), 600)  # for a place that is in use

    each: tuple[LabgridConfig, ...] = ()  # boards of the bench whose places a pattern fits, with their own settings

    @classmethod
    def keys(cls) -> dict[str, dataclasses.Field[Any]]:
        """labgrid knows the port."""
        return {name: field for name, field in super().keys().items() if name not in SerialConfig.one_of}


KINDS: dict[str, type[BoardConfig]] = {
    kind.kind: kind for kind in (NativeConfig, QemuConfig, EspEmuConfig, SerialConfig, LabgridConfig)
}
