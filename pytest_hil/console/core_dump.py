# SPDX-License-Identifier: Apache-2.0
"""What a panic left in the partition `coredump`: cut out, and told by esp-coredump where it and a gdb are at hand."""

from __future__ import annotations

import importlib.util
import os
import struct
import subprocess
import sys
from pathlib import Path

PARTITION = "coredump"
ERASED = 0xFFFFFFFF
TIMEOUT_S = 60.0  # esp-coredump asks gdb for every task


def cut_out(partition: bytes) -> bytes | None:
    """The core dump in it, whose first word is its length; None where there is none."""
    (length,) = struct.unpack_from("<I", partition)
    return None if length in (0, ERASED) else partition[:length]


def told(dump: Path, elf: Path | None, chip: str | None) -> str:
    """What esp-coredump says of it; where it cannot, why."""
    if elf is None:
        return "not decoded: the ELF of the image that ran is not at hand"
    if importlib.util.find_spec("esp_coredump") is None:
        return "not decoded: esp-coredump is not installed (pip install esp-coredump)"
    command = [sys.executable, "-m", "esp_coredump", "--chip", chip or "auto"]
    command += ["info_corefile", "--core", str(dump), "--core-format", "raw", str(elf)]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TIMEOUT_S,
            check=False,
            env=os.environ | {"NO_COLOR": "1"},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"not decoded: {error}"
    if done.returncode != 0:
        why = (done.stderr or done.stdout).strip().splitlines()
        return f"not decoded by esp-coredump: {why[-1] if why else 'it gave no reason'}"
    return done.stdout
