# SPDX-License-Identifier: Apache-2.0
"""What a board is told about its bench: an nvs partition which the app only reads (docs/provisioning.md)."""

from __future__ import annotations

import io
from collections.abc import Mapping

from esp_idf_nvs_partition_gen import nvs_partition_gen

PARTITION = "provisioning"
NAMESPACE = "hil"
_U16 = {"port_control", "port_stream"}


def nvs_image(values: Mapping[str, str | int], size: int) -> bytes:
    """An nvs partition of `size` bytes holding `values` in ESP-IDF's own format: text as str, numbers as u32 or u16."""
    out = io.BytesIO()
    reserved = int(nvs_partition_gen.Page.PAGE_PARAMS["max_size"])  # the library adds the page that nvs keeps free
    with nvs_partition_gen.nvs_open(out, size - reserved, version=nvs_partition_gen.Page.VERSION2) as nvs:
        nvs_partition_gen.write_entry(nvs, NAMESPACE, "namespace", "", "")
        for key, value in values.items():
            if isinstance(value, int):
                nvs_partition_gen.write_entry(nvs, key, "data", "u16" if key in _U16 else "u32", str(value))
            else:
                nvs_partition_gen.write_entry(nvs, key, "data", "string", value)
    return out.getvalue()
