# SPDX-License-Identifier: Apache-2.0
"""What a pytest of its own (the fixture `run`) left of a small test on a fake board."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

Run = Callable[..., pytest.RunResult]
ASSERT = "print assert failed: foo bar.c:12 (x > 0)"


def results(pytester: pytest.Pytester) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((pytester.path / "run" / "results.json").read_text())
    return loaded


def outcomes(pytester: pytest.Pytester) -> dict[str, str]:
    return {test["id"].rpartition("::")[2]: test["outcome"] for test in results(pytester)["tests"]}
