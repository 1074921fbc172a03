# SPDX-License-Identifier: Apache-2.0
"""Where a board's serial port is at the moment, by whatever bench.toml names it by."""

from __future__ import annotations

from serial.tools import list_ports


def port_of(port: str | None, serial_number: str | None, mac: str | None) -> str | None:
    """Where the port is now; None while it is not there.

    A chip with a USB port of its own has its MAC as serial number. Other chips would have to be stopped to be asked,
    boards in use among them; those are named by port or adapter.
    """
    if port is not None:
        return port
    wanted = _plain(serial_number or mac or "")
    for found in list_ports.comports():
        if found.serial_number and _plain(found.serial_number) == wanted:
            return str(found.device)
    return None


def _plain(number: str) -> str:
    return number.replace(":", "").lower()
