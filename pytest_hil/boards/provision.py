# SPDX-License-Identifier: Apache-2.0
"""A board at a serial port provisioned by hand: that partition is written where the board's own table has it, and
nothing else of its flash is touched.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable

from ..errors import BenchError
from .commands import run_command
from .config import SerialConfig
from .esp_port import FAULTS, EspPort
from .find_port import port_of
from .flash_layout import PARTITION_TABLE_OFFSET, PARTITION_TABLE_SIZE, Partition, parse_partition_table
from .provisioning import PARTITION


def provision(config: SerialConfig, make: Callable[[int], bytes]) -> Partition:
    """Writes what `make` gives for the partition's size, and resets the board; returns the partition.

    Raises BenchError.
    """
    path = port_of(config.port, config.serial_number, config.mac)
    if path is None:
        raise BenchError(f"board {config.name!r}: its port is not there; is it plugged in?")
    if config.loader:
        run_command(config, config.loader)
    told = io.StringIO()
    try:
        with contextlib.closing(EspPort(path, config, told)) as port:
            partition = _partition(port.read_flash(PARTITION_TABLE_OFFSET, PARTITION_TABLE_SIZE), config.name)
            port.write_what_differs({partition.offset: make(partition.size)})
            if not config.reset:
                port.hard_reset()
    except FAULTS as error:
        raise BenchError(f"board {config.name!r} at {path} cannot be written: {' '.join(str(error).split())}") from None
    if config.reset:
        run_command(config, config.reset)
    return partition


def _partition(table: bytes, board: str) -> Partition:
    """Raises BenchError where the board has no such partition."""
    try:
        partitions = parse_partition_table(table)
    except BenchError as error:
        raise BenchError(f"board {board!r} carries no firmware that can be provisioned ({error}): flash it") from None
    found = next((one for one in partitions if one.label == PARTITION), None)
    if found is None:
        labels = ", ".join(one.label for one in partitions)
        raise BenchError(f"board {board!r} has no partition {PARTITION!r}, only {labels}: flash another firmware")
    return found
