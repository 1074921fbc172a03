# SPDX-License-Identifier: Apache-2.0
"""How many of the cuts go through the whole board."""

from __future__ import annotations

import pytest

FEW = 4  # what `make test` makes; `make sweep` asks for more


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--sweep-cuts", type=int, default=FEW, metavar="N", help=f"power cuts on the whole board ({FEW})")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "place" in metafunc.fixturenames:
        count = max(2, metafunc.config.getoption("--sweep-cuts"))
        places = [number / (count - 1) for number in range(count)]
        metafunc.parametrize("place", places, ids=lambda place: f"{place:.4f}")
