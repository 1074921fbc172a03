# SPDX-License-Identifier: Apache-2.0
"""Addresses to functions and lines, by tools for the ELF's machine. Without them nothing is lost: the addresses stay.

Xtensa chips print a backtrace, which addr2line reads. RISC-V chips print registers and stack memory: of these gdb makes
one, attached to esp-idf-panic-decoder as if that were the chip; without gdb addr2line reads the two addresses that
stand in registers.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from .panic import Frame, Panic

TIMEOUT_S = 20.0  # an ELF of some 10 MB takes a second
_ELF_MACHINE_AT = 18  # e_machine, in the ELF's first bytes
_XTENSA, _RISCV = 94, 243  # e_machine
RISCV_ADDR2LINE = ("riscv32-esp-elf-addr2line", "riscv64-unknown-elf-addr2line")
RISCV_GDB = ("riscv32-esp-elf-gdb", "riscv64-unknown-elf-gdb", "gdb-multiarch")
# Of the Xtensa names, the one of newer toolchains serves every chip.
_ADDR2LINE = {
    _XTENSA: (
        "xtensa-esp-elf-addr2line",
        *(f"xtensa-{chip}-elf-addr2line" for chip in ("esp32", "esp32s2", "esp32s3")),
    ),
    _RISCV: RISCV_ADDR2LINE,
}
_HOST = ("addr2line",)
_GDB_FRAMES = 64  # of a stack that leads back into itself, no more


def can_decode(elf: Path) -> bool:
    """Whether it is an ELF, and a program is installed that reads the addresses of its machine."""
    return _addr2line_for(elf) is not None or (_machine_of(elf) == _RISCV and _installed(RISCV_GDB) is not None)


def _addr2line_for(elf: Path) -> str | None:
    machine = _machine_of(elf)
    return None if machine is None else _installed(_ADDR2LINE.get(machine, _HOST))


def _installed(programs: tuple[str, ...]) -> str | None:
    return next(filter(None, map(shutil.which, programs)), None)


def _machine_of(elf: Path) -> int | None:
    try:
        with elf.open("rb") as file:
            head = file.read(_ELF_MACHINE_AT + 2)
    except OSError:
        return None
    if len(head) < _ELF_MACHINE_AT + 2 or not head.startswith(b"\x7fELF"):
        return None
    return int.from_bytes(head[_ELF_MACHINE_AT:], "little")


@lru_cache(maxsize=64)  # a board that panics at every boot does so at the same place
def frames_of(addresses: tuple[str, ...], elf: Path) -> tuple[Frame, ...]:
    """Each address with the functions that are inlined there, innermost first; empty where nothing can be decoded."""
    program = _addr2line_for(elf)
    if program is None or not addresses:
        return ()
    command = [program, "-e", str(elf), "-a", "-f", "-C", "-i", *addresses]
    try:
        told = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return ()
    frames: list[Frame] = []
    address = function = ""
    for line in told.splitlines():
        if line.startswith("0x"):
            address, function = line, ""
        elif not function:
            function = line
        else:
            frames.append(_frame(address, function, line))
            function = ""
    return tuple(frames)


def _frame(address: str, function: str, place: str) -> Frame:
    file, _, line = place.partition(" (")[0].rpartition(":")
    known = file not in ("", "??")
    return Frame(
        f"0x{int(address, 16):x}",
        None if function == "??" else function,
        file if known else None,
        int(line) if known and line.isdigit() else None,
    )


# Of gdb's `bt`. An inlined function's caller has no address of its own.
_GDB_FRAME = re.compile(
    r"^#\d+\s+(?:(?P<address>0x[0-9a-f]+) in )?(?P<function>\S.*?) \(.*\)(?: at (?P<file>.+):(?P<line>\d+))?$"
)


def gdb_frames_of(panic: Panic, elf: Path) -> tuple[Frame, ...]:
    """Of a RISC-V chip's registers and stack memory; empty where gdb is not installed or makes nothing of them."""
    gdb = _installed(RISCV_GDB)
    if gdb is None or _machine_of(elf) != _RISCV or not any(line.startswith("MEPC") for line in panic.dump):
        return ()
    with tempfile.NamedTemporaryFile("w", prefix="hil-panic-", suffix=".txt", encoding="utf-8") as dump:
        dump.write("\n".join(panic.dump) + "\n")
        dump.flush()
        # Whose gdb was killed would wait for its next word for ever, and gdb gives it a session of its own.
        limit = ("timeout", "--signal=KILL", f"{TIMEOUT_S + 1:g}")
        chip = shlex.join((*limit, sys.executable, "-m", "esp_idf_panic_decoder", dump.name))
        command = [gdb, "--batch", "-n", str(elf), "-ex", f"target remote | {chip}", "-ex", f"bt {_GDB_FRAMES}"]
        try:
            told = subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT_S, check=True
            ).stdout
        except (OSError, subprocess.SubprocessError):
            return ()
    return tuple(_gdb_frames(told.decode(errors="replace").splitlines(), panic.backtrace))


def _gdb_frames(told: list[str], known: tuple[str, ...]) -> Iterator[Frame]:
    address = known[0] if known else "?"  # where the chip stopped
    for match in filter(None, map(_GDB_FRAME.match, told)):
        address = match["address"] or address
        function = None if match["function"] == "??" else match["function"]
        yield Frame(address, function, match["file"], int(match["line"]) if match["line"] else None)


def decoded(panic: Panic, elf: Path) -> Panic:
    """The same panic, its backtrace decoded."""
    if frames := gdb_frames_of(panic, elf):
        return replace(panic, frames=frames)
    return replace(panic, frames=frames_of(tuple(entry.partition(":")[0] for entry in panic.backtrace), elf))
