# SPDX-License-Identifier: Apache-2.0
"""Partition tables, build directories and the flash made from them."""

from __future__ import annotations

import hashlib
import json
import struct
import zlib
from pathlib import Path

import pytest

from pytest_hil.boards.artifacts import Artifacts
from pytest_hil.boards.flash_layout import BuildDir, parse_partition_table
from pytest_hil.boards.provisioning import nvs_image
from pytest_hil.errors import BenchError, UsageError

from .conftest import partition_table


def test_a_partition_table_is_read() -> None:
    partitions = parse_partition_table(partition_table())
    assert [(p.label, p.offset, p.size) for p in partitions] == [
        ("nvs", 0x9000, 0x5000),
        ("provisioning", 0x10000, 0x4000),
        ("ota_0", 0x20000, 0x1E0000),
        ("coredump", 0x3E0000, 0x10000),
    ]


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (b"\x00" * 3072, "no partition table"),
        (b"\xff" * 3072, "has no entry"),
        (partition_table().replace(b"ota_0", b"ota_9"), "MD5"),
    ],
)
def test_what_is_no_partition_table_is_refused(table: bytes, said: str) -> None:
    with pytest.raises(BenchError, match=said):
        parse_partition_table(table)


def test_the_flash_holds_everything_in_its_place_and_is_erased_elsewhere(fake_artifacts: Path) -> None:
    build = BuildDir.read(fake_artifacts / "release")
    flash = build.flash_image({"provisioning": b"told"})
    assert len(flash) == 4 << 20
    assert flash[0x8000:0x8002] == b"\xaaP"
    assert flash[0x10000:0x10005] == b"told\xff"
    assert flash[0x20000:0x20006] == b"app of"
    assert set(flash[0x9000:0xE000]) == {0xFF}


def test_contents_larger_than_their_partition_are_refused(fake_artifacts: Path) -> None:
    with pytest.raises(BenchError, match="do not fit into partition 'provisioning'"):
        BuildDir.read(fake_artifacts / "release").flash_image({"provisioning": b"x" * 0x4001})


def test_a_partition_that_is_not_there_is_told(fake_artifacts: Path) -> None:
    with pytest.raises(UsageError, match="no partition 'secrets'"):
        BuildDir.read(fake_artifacts / "release").partition("secrets")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"flash_files": {"0x8000": "gone.bin"}}, "files that do not exist"),
        ({"flash_files": {"0x20000": "hil_app.bin"}}, "no partition table"),
        ({"flash_settings": {"flash_size": "3MB"}}, "cannot be used"),
        ({"flash_files": []}, "cannot be used"),
    ],
)
def test_a_bad_flasher_args_is_told(fake_artifacts: Path, change: dict[str, object], said: str) -> None:
    path = fake_artifacts / "release" / "flasher_args.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(UsageError, match=said):
        BuildDir.read(path.parent)


def test_a_flash_whose_size_is_not_said_is_as_large_as_its_partitions(fake_artifacts: Path) -> None:
    path = fake_artifacts / "release" / "flasher_args.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"flash_settings": {"flash_size": "detect"}}))
    assert BuildDir.read(path.parent).flash_bytes == 4 << 20


def app_image(version: str, contents: bytes = b"code") -> bytes:
    """As esptool makes one: two segments, the first of which begins with the app's description."""
    first = bytes.fromhex("3254cdab") + bytes(12) + version.encode().ljust(32, b"\0") + contents
    image = bytes([0xE9, 2, 2, 0x20]) + bytes(19) + b"\x01"
    for segment in (first, b"data"):
        image += struct.pack("<II", 0x3C000020, len(segment)) + segment
    image = image.ljust((len(image) + 16) & ~15, b"\0")
    return image + hashlib.sha256(image).digest()


@pytest.fixture
def build_dirs(fake_artifacts: Path) -> Path:
    """As two builds of ESP-IDF lie there, without an images.json."""
    (fake_artifacts / "images.json").unlink()
    for role, version in (("release", "1.0.0"), ("update", "1.1.0")):
        (fake_artifacts / role / "hil_app.bin").write_bytes(app_image(version))
        (fake_artifacts / role / "project_description.json").write_text(
            json.dumps({"app_bin": "hil_app.bin", "target": "esp32c3", "config_file": "../sdkconfig.c3"})
        )
    (fake_artifacts / "control" / "project_description.json").unlink()
    (fake_artifacts / "release" / "sdkconfig").unlink()
    return fake_artifacts


def test_build_directories_of_esp_idf_need_no_list(build_dirs: Path) -> None:
    images = Artifacts.read(build_dirs).images
    assert {role: (image.version, image.target) for role, image in images.items()} == {
        "release": ("1.0.0", "esp32c3"),
        "update": ("1.1.0", "esp32c3"),
    }
    content = app_image("1.1.0")
    assert images["update"].image_sha256 == content[-32:].hex()
    assert images["update"].file_sha256 == hashlib.sha256(content).hexdigest()
    assert images["release"].sdkconfig.resolve() == build_dirs / "sdkconfig.c3"
    assert images["update"].sdkconfig == build_dirs / "update" / "sdkconfig"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (app_image("1")[:-1] + b"\0", "damaged or cut off"),
        (app_image("1")[:60], "cut off"),
        (b"\xe9" * 400, "no app description"),
        (app_image("1")[:23] + b"\0" + app_image("1")[24:], "without an appended digest"),
    ],
    ids=["damaged", "cut off", "no app", "no digest"],
)
def test_a_build_directory_whose_image_is_none_is_told(build_dirs: Path, content: bytes, said: str) -> None:
    (build_dirs / "update" / "hil_app.bin").write_bytes(content)
    with pytest.raises(UsageError, match=rf"image 'update' in .*update cannot be used: .*{said}"):
        Artifacts.read(build_dirs)


def test_a_folder_that_is_no_build_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no build directory"):
        BuildDir.read(tmp_path)
    with pytest.raises(UsageError, match="make hil"):
        Artifacts.read(tmp_path)


def test_a_role_that_was_not_built_is_told(fake_artifacts: Path) -> None:
    with pytest.raises(UsageError, match="no image for the role 'previous'; it has release, control, update"):
        Artifacts.read(fake_artifacts).image("previous")


def test_provisioning_is_a_valid_nvs_partition_with_its_values() -> None:
    image = nvs_image({"device_id": "cam-1", "frame_ms": 40, "port_stream": 81}, 0x4000)
    assert len(image) == 0x4000
    state, sequence, version = struct.unpack_from("<IIB", image)
    assert (state, sequence, version) == (0xFFFFFFFE, 0, 0xFE)  # active, first page, format 2
    assert struct.unpack_from("<I", image, 28)[0] == zlib.crc32(image[4:28], 0xFFFFFFFF)
    entries = [image[64 + 32 * i : 96 + 32 * i] for i in range(5)]
    assert entries[0][8:11] == b"hil"
    assert (entries[1][1], entries[1][8:17]) == (0x21, b"device_id")  # a string; its text follows
    assert entries[2][:6] == b"cam-1\0"
    assert (entries[3][1], struct.unpack_from("<I", entries[3], 24)[0]) == (0x04, 40)  # u32
    assert (entries[4][1], struct.unpack_from("<H", entries[4], 24)[0]) == (0x02, 81)  # u16
