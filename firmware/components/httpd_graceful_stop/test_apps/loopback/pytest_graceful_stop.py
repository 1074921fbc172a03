# SPDX-License-Identifier: Apache-2.0
"""The test app on a chip or in QEMU.

idf.py set-target esp32c3 build
pytest --target esp32c3 --embedded-services esp,idf --port /dev/ttyUSB0
pytest --target esp32c3 --embedded-services idf,qemu
"""

import pytest
from pytest_embedded import Dut
from pytest_embedded_idf.utils import idf_parametrize


@pytest.mark.generic
@pytest.mark.qemu
@idf_parametrize("target", ["esp32", "esp32s2", "esp32s3", "esp32c3", "esp32c6"], indirect=["target"])
def test_graceful_stop(dut: Dut) -> None:
    dut.expect_unity_test_output(timeout=120)
