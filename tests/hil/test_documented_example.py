# SPDX-License-Identifier: Apache-2.0
"""The example in docs/rig.md, run as it stands there, on the board of this run."""

from __future__ import annotations

import re
from pathlib import Path

RIG_MD = Path(__file__).parents[2] / "docs" / "rig.md"

_example = re.search(r"```python\n(import pytest\n.*?)```", RIG_MD.read_text(), re.DOTALL)
assert _example is not None, f"{RIG_MD} has no example"
exec(compile(_example[1], RIG_MD.name, "exec"))
