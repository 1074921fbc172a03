# SPDX-License-Identifier: Apache-2.0
"""`hil doctor`: what this bench has, what it lacks, and how to get it."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import typer
from rich.markup import escape
from serial.tools import list_ports

from ..boards.artifacts import Artifacts
from ..boards.config import EmulatorConfig
from ..console.decoding import RISCV_ADDR2LINE, RISCV_GDB
from ..errors import UsageError
from ..services import broker
from . import BENCH_FAILED, PASS
from .app import app, bench_file, root_or_here, terminal

VERSION_TIMEOUT_S = 10.0


@dataclass(frozen=True)
class Finding:
    """One line. `needed`: the native board's tests cannot run without it."""

    what: str
    ok: bool
    found: str = ""
    fix: str = ""
    needed: bool = False


@app.command(epilog="Example: [bold]hil doctor[/]")
def doctor() -> None:
    """Look for everything a bench may have, and say how to get what is missing.

    Exit code: 0 the native board's tests can run, 3 something they need is missing.
    """
    out = terminal()
    found = list(findings())
    width = max(len(finding.what) for finding in found)
    for finding in found:
        state = "[green]ok     [/]" if finding.ok else "[red]missing[/]" if finding.needed else "[yellow]missing[/]"
        rest = finding.found if finding.ok else f"{finding.found}: {finding.fix}" if finding.found else finding.fix
        out.print(f"{state}  {escape(finding.what.ljust(width))}  {escape(rest)}".rstrip(), soft_wrap=True)
    lacking = [finding.what for finding in found if finding.needed and not finding.ok]
    if lacking:
        out.print(f"The native board's tests cannot run without: {', '.join(lacking)}.", soft_wrap=True)
    raise typer.Exit(BENCH_FAILED if lacking else PASS)


def findings() -> Iterator[Finding]:
    yield _native_board()
    yield _broker()
    yield _bench_file()
    yield from _ports()
    yield _package("esptool", "make setup")
    yield _esp_idf()
    yield _program("QEMU for Xtensa", "qemu-system-xtensa", "python $IDF_PATH/tools/idf_tools.py install qemu-xtensa")
    yield _program("QEMU for RISC-V", "qemu-system-riscv32", "python $IDF_PATH/tools/idf_tools.py install qemu-riscv32")
    yield from _emulators_of_the_bench()
    yield _program("esp-emu", "esp-emu", "install it and put it in PATH, for boards of the kind espemu")
    yield _program("addr2line", "addr2line", "install binutils, to decode backtraces of the native board")
    toolchains = "install ESP-IDF's tools and run its export script, to decode backtraces of chips"
    yield _program("Xtensa toolchain", "xtensa-esp-elf-addr2line", toolchains, "xtensa-esp32-elf-addr2line")
    yield _program("RISC-V toolchain", RISCV_ADDR2LINE[0], toolchains, *RISCV_ADDR2LINE[1:])
    panics = "apt install gdb-multiarch, or ESP-IDF's own, to decode panics of RISC-V chips down to their callers"
    yield _program("RISC-V gdb", RISCV_GDB[0], panics, *RISCV_GDB[1:])
    yield _package("esp-coredump", "pip install -e '.[decoding]', to read core dumps of chips")
    yield _program("uhubctl", "uhubctl", "install it, to switch the power of boards on a USB hub")


def _native_board() -> Finding:
    where = root_or_here() / "build" / "native"
    if not where.is_dir():
        return Finding("native board", False, f"{where} is not there", "make hil", needed=True)
    try:
        artifacts = Artifacts.read(where)
    except UsageError as error:
        return Finding("native board", False, str(error), "make hil", needed=True)
    roles = ", ".join(artifacts.images)
    if not os.access(artifacts.native_board, os.X_OK):
        return Finding("native board", False, f"{artifacts.native_board} is not there", "make hil", needed=True)
    return Finding("native board", True, f"{where} with images {roles}")


def _broker() -> Finding:
    path = shutil.which(broker.PROGRAM)
    if path is None:
        return Finding("MQTT broker", False, "", "install mosquitto (apt install mosquitto)", needed=True)
    return Finding("MQTT broker", True, _version(path, "-h"), needed=True)


def _bench_file() -> Finding:
    try:
        bench = bench_file()
    except UsageError as error:
        return Finding("bench.toml", False, str(error), "mend that line", needed=True)
    if not bench.path.is_file():
        return Finding("bench.toml", True, "none: the native board needs none")
    return Finding("bench.toml", True, f"{bench.path} with {', '.join(bench.boards)}")


def _emulators_of_the_bench() -> Iterator[Finding]:
    """Those whose program bench.toml names."""
    with contextlib.suppress(UsageError):  # told in its own line
        for name, config in bench_file().boards.items():
            if isinstance(config, EmulatorConfig) and config.program:
                path = config.find_program()
                fix = f"{config.program} is no program; mend boards.{name}.program in bench.toml"
                yield Finding(f"board {name}", path is not None, path or "", fix)


def _ports() -> Iterator[Finding]:
    ports = sorted(list_ports.comports(), key=lambda port: str(port.device))
    if not ports:
        yield Finding("serial ports", False, "", "none found; plug a board in (its cable must carry data)")
    for port in ports:
        about = [str(port.description)] if port.description not in (None, "n/a") else []
        about.append(f"serial number {port.serial_number}" if port.serial_number else "without a serial number")
        told = ", ".join(about)
        if os.access(port.device, os.R_OK | os.W_OK):
            yield Finding(str(port.device), True, told)
        else:
            yield Finding(str(port.device), False, f"{told}, but no permission", _permission(Path(port.device)))


def _permission(device: Path) -> str:
    try:
        group = device.group()
    except (OSError, KeyError):
        group = "dialout"
    return f"sudo usermod -aG {group} $USER, then log in again"


def _package(name: str, fix: str) -> Finding:
    try:
        return Finding(name, True, importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        return Finding(name, False, "", fix)


def _esp_idf() -> Finding:
    path = os.environ.get("IDF_PATH")
    if not path:
        return Finding("ESP-IDF", False, "", "run its export script, to build for chips (IDF_PATH is not set)")
    version_file = Path(path) / "tools" / "cmake" / "version.cmake"
    try:
        numbers = re.findall(r"set\(IDF_VERSION_\w+ (\d+)\)", version_file.read_text())
    except OSError:
        return Finding("ESP-IDF", False, f"{path} has no {version_file.name}", "set IDF_PATH to an ESP-IDF folder")
    return Finding("ESP-IDF", True, f"{'.'.join(numbers)} in {path}")


def _program(what: str, name: str, fix: str, *others: str) -> Finding:
    path = next(filter(None, map(shutil.which, (name, *others))), None)
    return Finding(what, path is not None, path or "", fix)


def _version(path: str, option: str) -> str:
    try:
        told = subprocess.run([path, option], capture_output=True, text=True, timeout=VERSION_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return path
    return f"{(told.stdout or told.stderr).strip().splitlines()[0]} ({path})" if told.stdout or told.stderr else path
