# SPDX-License-Identifier: Apache-2.0
"""Two sdkconfigs, compared: in what the control image differs from the one that ships."""

from __future__ import annotations

import re

from .reason import Refused

_SET = re.compile(r"(CONFIG_[A-Za-z0-9_]+)=(.*)")
_UNSET = re.compile(r"# (CONFIG_[A-Za-z0-9_]+) is not set")


def options(content: bytes) -> dict[str, str]:
    """Every option with its value, "n" where it is not set. Raises Refused."""
    found: dict[str, str] = {}
    for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), 1):
        if match := _SET.fullmatch(line):
            name, value = match[1], match[2]
        elif match := _UNSET.fullmatch(line):
            name, value = match[1], "n"
        elif not line.strip() or line.lstrip().startswith("#"):
            continue
        else:
            raise Refused(f"line {number} is no line of an sdkconfig: {line!r}")
        if found.setdefault(name, value) != value:
            raise Refused(f"{name} is set twice, to different values")
    if not found:
        raise Refused("it sets no option at all")
    return found


def differences(one: dict[str, str], other: dict[str, str]) -> list[str]:
    """Names of options that differ; one that is missing counts as not set."""
    return sorted(name for name in one.keys() | other.keys() if one.get(name, "n") != other.get(name, "n"))
