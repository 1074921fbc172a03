# SPDX-License-Identifier: Apache-2.0
"""Runs the test app on a chip: pytest --target esp32 --port PORT (pytest-embedded-idf, pytest-embedded-serial-esp).

The app prints a line a test and one at the end, and panics when a check fails.
"""

import pytest
from pytest_embedded import Dut

TESTS = (
    "stream_that_asks_ends_whole",
    "stream_that_does_not_ask_is_cut",
    "stalled_client_is_cut",
    "late_client_is_refused",
    "cycles_leave_nothing_behind",
)


@pytest.mark.generic
def test_graceful_stop(dut: Dut) -> None:
    for test in TESTS:
        dut.expect_exact(f"passed: {test}", timeout=60)
    dut.expect_exact("all passed", timeout=5)
