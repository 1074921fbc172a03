# SPDX-License-Identifier: Apache-2.0
"""What a RISC-V chip prints when it panics, decoded: esp-idf-panic-decoder and a real gdb read its registers and stack
memory, with an ELF for RISC-V that is made here."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import psutil
import pytest

from pytest_hil.console import decoding
from pytest_hil.console.console import Console
from pytest_hil.console.decoding import RISCV_GDB, can_decode

from .conftest import BOOT, Hil, gone

# Each function has a frame of 16 bytes with its return address in the last word. No instruction is compressed, so their
# addresses are known: a function begins every 64 bytes, and its call returns behind the third instruction.
CODE, STACK = 0x42000000, 0x3FC9A0B0
FUNCTION = """
    .p2align 6
    .globl {name}
    .type {name}, @function
{name}:
    .cfi_startproc
    addi sp, sp, -16
    .cfi_def_cfa_offset 16
    sw ra, 12(sp)
    .cfi_offset ra, -4
    {does}
    lw ra, 12(sp)
    addi sp, sp, 16
    ret
    .cfi_endproc
    .size {name}, . - {name}
"""
FUNCTIONS = (
    ("send_frame", "lw a0, 0(a0)"),
    ("stream_handler", "jal ra, send_frame"),
    ("video_task", "jal ra, stream_handler"),
    ("other_function", "jal ra, video_task"),
)
FAULT, IN_ROM = CODE + 8, 0x40001234
RETURNS = [CODE + 64 * i + 12 for i in range(1, len(FUNCTIONS))]
TO_STREAM_HANDLER, TO_VIDEO_TASK, TO_OTHER_FUNCTION = RETURNS
SOURCE = "my part/app.s"
CHIP = ["--target=riscv32-unknown-elf", "-march=rv32imc", "-mabi=ilp32", "-mno-relax"]


@pytest.fixture(scope="module")
def elf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """In a folder as one may be called."""
    for programs in (("clang-14",), ("ld.lld-14",), RISCV_GDB):
        assert any(map(shutil.which, programs)), (
            f"{' or '.join(programs)} is missing: setup/decoding-packages.txt has it"
        )
    folder = tmp_path_factory.mktemp("my firmware (1)")
    source = "    .option norvc\n    .text\n" + "".join(FUNCTION.format(name=n, does=d) for n, d in FUNCTIONS)
    (folder / SOURCE).parent.mkdir()
    (folder / SOURCE).write_text(source)
    subprocess.run(["clang-14", *CHIP, "-g", "-c", SOURCE, "-o", "app.o"], cwd=folder, check=True)
    subprocess.run(
        ["ld.lld-14", f"-Ttext={CODE:#x}", "-e", "other_function", "app.o", "-o", "app.elf"], cwd=folder, check=True
    )
    return folder / "app.elf"


def line_of(elf: Path, instruction: str) -> int:
    return 1 + (elf.parent / SOURCE).read_text().splitlines().index(f"    {instruction}")


def dump(ra: int, *frames: int) -> str:
    """Registers and stack memory as ESP-IDF prints them; each frame by its return address."""
    registers = {"MEPC": FAULT, "RA": ra, "SP": STACK, "GP": 0x3FC8B320, "TP": 0x3FC9A150, "T0": 0, "S0/FP": 0, "A0": 0}
    cells = [f"{name:8}: 0x{value:08x}" for name, value in registers.items()]
    lines = ["  ".join(cells[at : at + 4]) for at in range(0, len(cells), 4)]
    words = [word for address in frames for word in (0xA5A5A5A5, 0, 0, address)] + [0] * 8
    words += [0] * (-len(words) % 8)
    memory = [
        f"{STACK + 4 * at:08x}: " + " ".join(f"0x{word:08x}" for word in words[at : at + 8])
        for at in range(0, len(words), 8)
    ]
    return "\n".join(["Core  0 register dump:", *lines, "", "Stack memory:", *memory])


def panic(ra: int, *frames: int) -> str:
    cause = "Guru Meditation Error: Core  0 panic'ed (Load access fault). Exception was unhandled.\n\n"
    return (cause + dump(ra, *frames) + "\n\nELF file SHA256: 0123456789abcdef\n\nRebooting...\n").replace("\n", "\r\n")


def test_registers_and_stack_memory_become_all_callers(tmp_path: Path, elf: Path) -> None:
    """Of three functions, the registers name but one, and a wrong one besides."""
    console = Console(tmp_path / "console.log")
    console.elf_of = lambda digest: elf if digest == "11" * 32 else None
    text = BOOT.removeprefix("print ") + "\r\n" + panic(TO_OTHER_FUNCTION, TO_STREAM_HANDLER, TO_VIDEO_TASK, IN_ROM)
    console.feed(text.encode())
    console.end("the board is off")
    (found,) = console.decoded_panics
    assert [(frame.address, frame.function, frame.file, frame.line) for frame in found.frames[:4]] == [
        (f"{FAULT:#x}", "send_frame", SOURCE, line_of(elf, "lw a0, 0(a0)")),
        (f"{TO_STREAM_HANDLER:#x}", "stream_handler", SOURCE, line_of(elf, "jal ra, send_frame")),
        (f"{TO_VIDEO_TASK:#x}", "video_task", SOURCE, line_of(elf, "jal ra, stream_handler")),
        (f"{IN_ROM:#x}", None, None, None),
    ]
    assert "other_function" not in [frame.function for frame in found.frames]


def test_scan_tells_them(hil: Hil, tmp_path: Path, elf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "console.log").write_text(panic(TO_OTHER_FUNCTION, TO_STREAM_HANDLER, TO_VIDEO_TASK))
    assert hil("scan", "--elf", str(elf), "console.log") == 1
    told = [line.split(" at ")[0] for line in capsys.readouterr().out.splitlines()]
    assert told[2:5] == [
        f"    {FAULT:#x}: send_frame",
        f"    {TO_STREAM_HANDLER:#x}: stream_handler",
        f"    {TO_VIDEO_TASK:#x}: video_task",
    ]


@pytest.mark.parametrize("programs", [(), ("no-such-gdb",)], ids=["none known", "not installed"])
def test_without_a_gdb_the_log_keeps_its_panic(
    tmp_path: Path, elf: Path, monkeypatch: pytest.MonkeyPatch, programs: tuple[str, ...]
) -> None:
    monkeypatch.setattr(decoding, "RISCV_GDB", programs)
    monkeypatch.setattr(decoding, "_ADDR2LINE", {decoding._RISCV: ()})
    console = Console(tmp_path / "console.log")
    console.feed(panic(TO_STREAM_HANDLER, TO_STREAM_HANDLER).encode())
    console.end("the board is off")
    assert not can_decode(elf)
    (found,) = console.panics
    assert decoding.decoded(found, elf).frames == ()
    assert found.backtrace == (f"0x{FAULT:08x}", f"0x{TO_STREAM_HANDLER:08x}")


# As gdb starts what it is attached to, and then says nothing more.
SILENT_GDB = """#!/bin/sh
for argument; do
    case $argument in "target remote | "*) chip=${argument#target remote | } ;; esac
done
setsid sh -c "exec $chip" </dev/null >/dev/null 2>&1 &
echo $! >decoder.pid
exec sleep 1000
"""


def test_a_gdb_that_never_answers_is_given_up_with_all_it_started(
    tmp_path: Path, elf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gdb = tmp_path / "silent-gdb"
    gdb.write_text(SILENT_GDB)
    gdb.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(decoding, "RISCV_GDB", (str(gdb),))
    monkeypatch.setattr(decoding, "TIMEOUT_S", 1.0)
    console = Console(tmp_path / "console.log")
    console.feed(panic(TO_STREAM_HANDLER, TO_STREAM_HANDLER).encode())
    console.end("the board is off")
    assert decoding.gdb_frames_of(console.panics[0], elf) == ()
    decoder = int((tmp_path / "decoder.pid").read_text())
    assert gone([psutil.Process(decoder)] if psutil.pid_exists(decoder) else [], 10)
