# SPDX-License-Identifier: Apache-2.0
"""`hil provision`: what the partition holds, where on a board it is written, and what is said when it cannot be."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pytest_hil.boards.bench import BenchFile
from pytest_hil.boards.pool import kept
from pytest_hil.boards.provisioning import nvs_image
from pytest_hil.cli.provision import NUMBERS, TEXTS

from .conftest import Hil, complaint, partition_table
from .serial_place import Place

SETTINGS_C = Path(__file__).parents[2] / "firmware" / "main" / "settings.c"
BOTH = ("device_id=5", "broker_uri=mqtt://10.0.0.1")


def test_it_makes_the_partition_that_the_images_have(
    hil: Hil, fake_artifacts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (fake_artifacts / "release" / "partition-table.bin").write_bytes(partition_table(0x14000, 0x6000))
    (tmp_path / "key.pem").write_text("-----BEGIN PUBLIC KEY-----\nabc\n")
    settings = ["device_id=5", "broker_uri=mqtt://10.0.0.1", "frame_ms=40", "wifi_pass=secret", "trigger_key=@key.pem"]
    assert hil("provision", *settings, "-o", "p.bin", "--artifacts", str(fake_artifacts)) == 0
    expected: dict[str, str | int] = {
        "device_id": "5",
        "broker_uri": "mqtt://10.0.0.1",
        "frame_ms": 40,
        "wifi_pass": "secret",
        "trigger_key": "-----BEGIN PUBLIC KEY-----\nabc\n",
    }
    assert (tmp_path / "p.bin").read_bytes() == nvs_image(expected, 0x6000)
    told = capsys.readouterr().out
    assert "= secret" not in told
    assert "p.bin: 24576 bytes for the partition 'provisioning' at 0x14000" in told


def test_it_is_written_where_the_boards_own_table_has_it(
    hil: Hil, here: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The images at hand have it elsewhere: they need not be what the board carries."""
    at, size = 0x3D0000, 0x5000
    here.chip.flash[0x8000:0x8C00] = partition_table(at, size)
    before = bytes(here.chip.flash)
    here.bench(tmp_path, provisioning={"device_id": "cam-9", "frame_ms": 40})
    assert hil("provision", "--board", "cam", "broker_uri=mqtt://10.0.0.1", "-o", "p.bin") == 0
    expected: dict[str, str | int] = {"device_id": "cam-9", "frame_ms": 40, "broker_uri": "mqtt://10.0.0.1"}
    wanted = nvs_image(expected, size)
    assert bytes(here.chip.flash) == before[:at] + wanted + before[at + size :]
    assert (tmp_path / "p.bin").read_bytes() == wanted
    assert (here.chip.state, here.switch.told) == ("running", ["reset"])
    assert re.search(r"at 0x3d0000\nboard 'cam' carries it and was reset$", capsys.readouterr().out.strip())


def test_a_port_alone_will_do(hil: Hil, here: Place) -> None:
    here.chip.flash[0x8000:0x8C00] = partition_table()
    assert hil("provision", *BOTH, "--port", str(here.port.path)) == 0
    expected: dict[str, str | int] = {"device_id": "5", "broker_uri": "mqtt://10.0.0.1"}
    assert here.chip.flash[0x10000:0x14000] == nvs_image(expected, 0x4000)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (b"", "carries no firmware that can be provisioned (the partition table has no entry): flash it"),
        (b"some other firmware's bytes, or none's", "(no partition table: bytes 736f at 0x0, expected aa50): flash it"),
        (
            partition_table()[:32] + b"\xff" * 32,
            "has no partition 'provisioning', only nvs: flash another firmware",
        ),
    ],
    ids=["blank", "no table", "another firmware"],
)
def test_a_board_without_that_partition_is_left_as_it_is(
    hil: Hil, here: Place, capsys: pytest.CaptureFixture[str], table: bytes, said: str
) -> None:
    here.chip.flash[0x8000 : 0x8000 + len(table)] = table
    before = bytes(here.chip.flash)
    assert hil("provision", *BOTH, "--port", str(here.port.path)) == 3
    assert said in complaint(capsys)
    assert bytes(here.chip.flash) == before


def test_a_board_that_a_run_has_is_left_alone(
    hil: Hil, here: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bench = BenchFile.read(here.bench(tmp_path))
    with kept(bench.board("cam")):
        assert hil("provision", *BOTH, "--board", "cam") == 3
        assert "board 'cam' is in use by another run" in complaint(capsys)
        assert hil("console", "cam", "--for", "0.1") == 3
        assert "board 'cam' is in use by another run" in complaint(capsys)
    assert here.chip.written == []


def test_a_board_that_does_not_answer_is_told(
    hil: Hil, here: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    here.chip.deaf = True
    here.bench(tmp_path)
    assert hil("provision", *BOTH, "--board", "cam") == 3
    assert re.search(r"board 'cam' at \S+ cannot be written: .*[Ff]ailed to connect", complaint(capsys))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (["device_id=a"], "broker_uri is missing"),
        (["device_id"], "is no KEY=VALUE"),
        (["devise_id=a"], "did you mean 'device_id'?"),
        (["frame_ms=fast"], "frame_ms = 'fast' is not allowed; allowed: 10 to 5000"),
        (["frame_ms=9"], "frame_ms = '9' is not allowed; allowed: 10 to 5000"),
        (["stream_mode=workres"], "stream_mode = 'workres' is not allowed; allowed: inline, workers"),
        (["broker_uri=10.0.0.1:1883"], "broker_uri = '10.0.0.1:1883' is not allowed; allowed: mqtt://ADDRESS:PORT"),
        (["wifi_pass=" + "x" * 65], "wifi_pass has 65 bytes; allowed: 64"),
        (["ca=@nowhere.pem"], "nowhere.pem cannot be read"),
        ([*BOTH, "--board", "nosuch"], "there is no board 'nosuch'; known: native"),
        ([*BOTH, "--port", "ttyUSB0"], "--port: 'ttyUSB0' is not allowed; allowed: \"/dev/…\""),
        ([*BOTH, "--artifacts", "nothing"], "no firmware in"),
    ],
)
def test_it_complains_in_one_line(hil: Hil, settings: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert hil("provision", *settings) == 2
    assert said in complaint(capsys)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (["trigger_key=" + "x" * 4000], "trigger_key has 4000 bytes; allowed: 3999"),
        (["port_stream=70000"], "port_stream = '70000' is not allowed; allowed: 1 to 65535"),
        ([f"{key}={'x' * 3900}" for key in ("ca", "server_cert", "server_key", "trigger_key")], "do not fit into"),
    ],
    ids=["a text", "a number", "all together"],
)
def test_what_nvs_does_not_take_is_told(
    hil: Hil, fake_artifacts: Path, settings: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert hil("provision", *BOTH, *settings, "--artifacts", str(fake_artifacts)) == 2
    assert said in capsys.readouterr().err.splitlines()[-1]


def test_it_knows_the_keys_that_the_firmware_reads() -> None:
    source = SETTINGS_C.read_text()
    read = set(re.findall(r'read_\w+\([^"\n;]*"(\w+)"', source)) | set(re.findall(r'KEY\[\] = "(\w+)"', source))
    assert read <= {*TEXTS, *NUMBERS}, "firmware/main/settings.c reads a key that `hil provision` does not know"


def test_it_allows_what_the_firmware_allows() -> None:
    source = SETTINGS_C.read_text().replace("MINUTE_MS", "60000").replace("HOUR_MS", "3600000")
    ranges = {key: (int(a), int(b)) for key, a, b in re.findall(r'read_u32\(nvs, "(\w+)", (\d+), (\d+),', source)}
    assert ranges == {key: allowed for key, allowed in NUMBERS.items() if not key.startswith("port_")}
    sizes = re.findall(r"char (\w+)\[(\d+)\];", SETTINGS_C.with_suffix(".h").read_text())
    assert {key: int(size) - 1 for key, size in sizes}.items() <= TEXTS.items()
    assert len(sizes) >= 7
