# SPDX-License-Identifier: Apache-2.0
"""What the rig does between board, console and clients that no scenario on the native board would miss."""

from __future__ import annotations

from unittest.mock import MagicMock, call

import pytest

from pytest_hil.rig import Rig
from pytest_hil.streams import StreamPlan


@pytest.mark.parametrize(("patience", "beats"), [(1.0, 2), (2.5, 4)])
def test_a_slow_board_has_longer_to_fill_what_lies_before_a_stalled_client(patience: float, beats: int) -> None:
    rig = MagicMock()
    rig.console.patience = patience
    rig.console.mark.return_value = 7
    rig.console.wait_event.side_effect = lambda *asked: MagicMock(at_line=asked[2] + 10)
    Rig.open_streams(rig, StreamPlan(stalled=1))
    assert rig.console.wait_event.mock_calls == [call("beat", 5.0, 7 + 11 * i) for i in range(beats)]
