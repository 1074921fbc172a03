# SPDX-License-Identifier: Apache-2.0
"""Addresses of a backtrace to functions and lines, by the addr2line of the ELF's machine. Without one nothing is lost:
the addresses stay."""

from __future__ import annotations

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


def decoded(panic: Panic, elf: Path) -> Panic:
    """The same panic, its backtrace decoded."""
    return replace(panic, frames=frames_of(tuple(entry.partition(":")[0] for entry in panic.backtrace), elf))
