# SPDX-License-Identifier: Apache-2.0
"""The test app's tests in a Linux process.

idf.py --preview set-target linux build
pytest --target linux --embedded-services idf
"""

import pytest
from pytest_embedded import Dut
from pytest_embedded_idf.utils import idf_parametrize


@pytest.mark.host_test
@idf_parametrize("target", ["linux"], indirect=["target"])  # type: ignore[untyped-decorator]  # it has no types
def test_graceful_stop_on_linux(dut: Dut) -> None:
    dut.expect_unity_test_output(timeout=60)
