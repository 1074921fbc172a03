# SPDX-License-Identifier: Apache-2.0
"""The example in docs/rig.md is run as it stands there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pytest_hil.boards.artifacts import Artifacts

RIG_MD = Path(__file__).parents[2] / "docs" / "rig.md"


def test_the_example_in_the_documentation(pytester: pytest.Pytester, artifacts: Artifacts) -> None:
    block = re.search(r"```python\n(import pytest\n.*?)```", RIG_MD.read_text(), re.DOTALL)
    assert block is not None, f"{RIG_MD} has no example"
    pytester.makepyfile(block.group(1))
    pytester.runpytest_subprocess(f"--hil-artifacts={artifacts.directory}").assert_outcomes(passed=1)
