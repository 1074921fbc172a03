# SPDX-License-Identifier: Apache-2.0
"""Keys and certificates of this run. All are made anew, so nothing that opens a board lies in the repository."""

from __future__ import annotations

import pytest

from pytest_hil.services.certificates import Authority
from pytest_hil.services.signing import TriggerKey


@pytest.fixture(scope="session")
def authority() -> Authority:
    """Whom the boards of this run believe."""
    return Authority("hil run")


@pytest.fixture(scope="session")
def stranger() -> Authority:
    """An authority that no board believes."""
    return Authority("hil stranger")


@pytest.fixture(scope="session")
def trigger_key() -> TriggerKey:
    """Who may trigger updates."""
    return TriggerKey()
