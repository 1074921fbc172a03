# SPDX-License-Identifier: Apache-2.0
"""Addresses to functions and lines, by tools for the ELF's machine. Without them nothing is lost: the addresses stay.

Xtensa chips print a backtrace, which addr2line reads. RISC-V chips print registers and stack memory: of these
esp-idf-panic-decoder and gdb make one; without gdb addr2line reads the two addresses that stand in registers.
"""

from __future__ import annotations

import re
import shutil
import struct
import subprocess
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from .panic import Frame, Panic

TIMEOUT_S = 20.0  # an ELF of some 10 MB takes a second
_ELF_MACHINE_AT = 18  # e_machine, in the ELF's first bytes
# By e_machine; of the Xtensa names, the one of newer toolchains serves every chip.
_TOOLS = {
    94: ("xtensa-esp-elf-addr2line", *(f"xtensa-{chip}-elf-addr2line" for chip in ("esp32", "esp32s2", "esp32s3"))),
    243: ("riscv32-esp-elf-addr2line", "riscv64-unknown-elf-addr2line"),
}
_HOST = ("addr2line",)


def decoder_for(elf: Path) -> str | None:
    """The program that can read this ELF's addresses, or None where none is installed or it is no ELF."""
    try:
        with elf.open("rb") as file:
            head = file.read(_ELF_MACHINE_AT + 2)
    except OSError:
        return None
    if len(head) < _ELF_MACHINE_AT + 2 or not head.startswith(b"\x7fELF"):
        return None
    (machine,) = struct.unpack_from("<H", head, _ELF_MACHINE_AT)
    return next(filter(None, map(shutil.which, _TOOLS.get(machine, _HOST))), None)


@lru_cache(maxsize=64)  # a board that panics at every boot does so at the same place
def frames_of(addresses: tuple[str, ...], elf: Path) -> tuple[Frame, ...]:
    """Each address with the functions that are inlined there, innermost first; empty where nothing can be decoded."""
    program = decoder_for(elf)
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


_GDB = "riscv32-esp-elf-"
_GDB_FRAME = re.compile(
    r"^#\d+\s+(?:(?P<address>0x[0-9a-f]+) in )?(?P<function>\S+) \(.*?\)(?: at (?P<file>\S+):(?P<line>\d+))?"
)


def gdb_frames_of(panic: Panic, elf: Path) -> tuple[Frame, ...]:
    """Of a RISC-V chip's registers and stack memory; empty where gdb is not installed or makes nothing of them."""
    if not any(line.startswith("MEPC") for line in panic.dump) or shutil.which(f"{_GDB}gdb") is None:
        return ()
    from esp_idf_panic_decoder import PanicOutputDecoder  # noqa: PLC0415  takes its time to import, and is rarely needed

    try:
        told = PanicOutputDecoder(_GDB, str(elf), "default").process_panic_output(
            "\n".join(panic.dump).encode() + b"\n"
        )
    except (OSError, subprocess.SubprocessError):
        return ()
    frames: list[Frame] = []
    for match in filter(None, map(_GDB_FRAME.match, told.decode(errors="replace").splitlines())):
        address = match["address"] or (panic.backtrace[0] if panic.backtrace and not frames else "?")
        frames.append(Frame(address, match["function"], match["file"], int(match["line"]) if match["line"] else None))
    return tuple(frames)


def decoded(panic: Panic, elf: Path) -> Panic:
    """The same panic, its backtrace decoded."""
    if frames := gdb_frames_of(panic, elf):
        return replace(panic, frames=frames)
    return replace(panic, frames=frames_of(tuple(entry.partition(":")[0] for entry in panic.backtrace), elf))
