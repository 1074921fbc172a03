# SPDX-License-Identifier: Apache-2.0
"""What a board is told about its bench: an nvs partition which the app only reads (docs/provisioning.md)."""

from __future__ import annotations

import io
from collections.abc import Mapping

from esp_idf_nvs_partition_gen import nvs_partition_gen

from ..errors import UsageError

PARTITION = "provisioning"
NAMESPACE = "hil"
_U16 = {"port_control", "port_stream"}
_KEY_MAX, _TEXT_MAX = 15, 3999  # bytes, as ESP-IDF's nvs takes them


def nvs_image(values: Mapping[str, str | int], size: int) -> bytes:
    """An nvs partition of `size` bytes holding `values` in ESP-IDF's own format: text as str, numbers as u32 or u16.

    Raises UsageError for what nvs does not take.
    """
    for key, value in values.items():
        _check(key, value)
    out = io.BytesIO()
    reserved = int(nvs_partition_gen.Page.PAGE_PARAMS["max_size"])  # the library adds the page that nvs keeps free
    try:
        with nvs_partition_gen.nvs_open(out, size - reserved, version=nvs_partition_gen.Page.VERSION2) as nvs:
            nvs_partition_gen.write_entry(nvs, NAMESPACE, "namespace", "", "")
            for key, value in values.items():
                if isinstance(value, int):
                    nvs_partition_gen.write_entry(nvs, key, "data", "u16" if key in _U16 else "u32", str(value))
                else:
                    nvs_partition_gen.write_entry(nvs, key, "data", "string", value)
    except nvs_partition_gen.InsufficientSizeError:
        raise UsageError(f"{', '.join(values)} do not fit into the {size} bytes of partition {PARTITION!r}") from None
    return out.getvalue()


def _check(key: str, value: str | int) -> None:
    if len(key) > _KEY_MAX:
        raise UsageError(f"provisioning: {key!r} has {len(key)} letters, nvs takes {_KEY_MAX}")
    if isinstance(value, int):
        most = 0xFFFF if key in _U16 else 0xFFFFFFFF
        if not 0 <= value <= most:
            raise UsageError(f"provisioning: {key} = {value} is not allowed; allowed: 0 to {most}")
    elif (length := len(value.encode())) > _TEXT_MAX:
        raise UsageError(f"provisioning: {key} has {length} bytes, nvs takes {_TEXT_MAX}")
