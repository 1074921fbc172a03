# SPDX-License-Identifier: Apache-2.0
"""pytest-embedded's own way of use, on a stand-in chip: the rig's plugin does not get in its way."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from .chip_ports import PtyPort
from .rom_chip import RomChip

PLAIN = """
def test_it(dut):
    assert dut.expect(r"heap is (\\d+) bytes", timeout=20).group(1) == b"77"
    dut.write("ping")
    dut.expect_exact("heard ping", timeout=20)
    assert type(dut).__module__.startswith("pytest_embedded_idf")
"""
WITH_THE_RIG = """
import pytest, urllib.request

@pytest.mark.hil(kind="promise")
def test_it(dut, image_server, run_dir):
    image_server.serve("/x.bin", b"image")
    with urllib.request.urlopen(f"http://127.0.0.1:{image_server.port}/x.bin") as reply:
        assert reply.read() == b"image"
    dut.expect_exact("heap is 77 bytes", timeout=20)
"""


@pytest.fixture
def at(tmp_path: Path) -> Iterator[tuple[RomChip, Path]]:
    """A chip that prints the same line over and over, and where."""
    chip = RomChip()
    chip.runs_when_written = True
    port = PtyPort(chip, tmp_path / "port")
    port.plug()
    chip.power(True)
    stopping = threading.Event()

    def speak() -> None:
        while not stopping.wait(0.2):
            chip.say(b"heap is 77 bytes\r\n")

    speaker = threading.Thread(target=speak)
    speaker.start()
    yield chip, port.path
    stopping.set()
    speaker.join()
    port.unplug()


@pytest.fixture
def build_dir(fake_artifacts: Path) -> Path:
    """One of ESP-IDF for a chip."""
    build = fake_artifacts / "release"
    args = json.loads((build / "flasher_args.json").read_text())
    args["flash_settings"] |= {"flash_mode": "dio", "flash_freq": "40m"}
    args["write_flash_args"] = ["--flash-mode", "dio", "--flash-size", "4MB", "--flash-freq", "40m"]
    args["extra_esptool_args"] = {"after": "hard_reset", "before": "default_reset", "stub": True, "chip": "esp32"}
    args["app"] = {"offset": "0x20000", "file": "hil_app.bin", "encrypted": "false"}
    (build / "flasher_args.json").write_text(json.dumps(args))
    (build / "hil_app.elf").write_bytes(b"\x7fELF")
    (build / "config").mkdir()
    (build / "config" / "sdkconfig.json").write_text(json.dumps({"IDF_TARGET": "esp32"}))
    return build


@pytest.mark.parametrize(
    ("text", "services"),
    [(PLAIN, []), (WITH_THE_RIG, ["--embedded-services=esp,idf"])],
    ids=["port alone", "services named, with the rig's fixtures"],
)
def test_target_port_and_build_dir(
    pytester: pytest.Pytester, at: tuple[RomChip, Path], build_dir: Path, text: str, services: list[str]
) -> None:
    chip, port = at
    pytester.makepyfile(text)
    arguments = ["--target=esp32", f"--port={port}", f"--build-dir={build_dir}", f"--app-path={build_dir}"]
    pytester.runpytest_subprocess(*services, *arguments).assert_outcomes(passed=1)
    assert chip.flash[0x20000:0x2000E] == b"app of release"
