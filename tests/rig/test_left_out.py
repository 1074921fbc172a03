# SPDX-License-Identifier: Apache-2.0
"""Tests for which the images' ESP-IDF is too old are left out, and named; others are not."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import pytest

from pytest_hil.left_out import built_with, parse
from pytest_hil.streams import StreamPlan

sys.path.insert(0, str(Path(__file__).parents[2] / "firmware" / "native" / "tools"))
import esp_image

TESTS = """
    import pytest

    @pytest.mark.hil(idf="5.2")
    def test_workers(): pass

    @pytest.mark.hil
    def test_streams(): pass

    def test_no_board(): pass
"""


def artifacts(folder: Path, **versions: str) -> Path:
    """Images as a build leaves them, each of the ESP-IDF that is named."""
    elf = b"\x7fELF" + bytes(60)
    for role, idf in versions.items():
        build = folder / role
        build.mkdir(parents=True)
        image = esp_image.build(elf, "1.0.0", "hil_app", hashlib.sha256(elf).digest(), idf)
        (build / "hil_app.bin").write_bytes(image)
        (build / "project_description.json").write_text(json.dumps({"app_bin": "hil_app.bin", "target": "linux"}))
        (build / "flasher_args.json").write_text("{}")
    return folder


@pytest.mark.parametrize(
    ("name", "version"),
    [("v5.1.4", (5, 1, 4)), ("v5.2", (5, 2, 0)), ("v6.1-beta1", (6, 1, 0)), ("v5.2.2-12-g0a1b2c", (5, 2, 2))],
)
def test_versions(name: str, version: tuple[int, ...]) -> None:
    assert parse(name) == version


def test_a_commits_name_is_no_version() -> None:
    assert parse("3b8741b") is None


def test_the_oldest_image_counts(tmp_path: Path) -> None:
    assert built_with(artifacts(tmp_path, release="v5.2.2", update="v5.1.4")) == (5, 1, 4)


def test_a_checkout_without_tags_is_known_by_its_sdkconfig(tmp_path: Path) -> None:
    built = artifacts(tmp_path, release="d7b0a45ddb")
    assert built_with(built) is None
    header = (
        "#\n# Automatically generated file. DO NOT EDIT.\n# Espressif IoT Development Framework (ESP-IDF) 5.1.4 Project"
    )
    (built / "release" / "sdkconfig").write_text(f"{header} Configuration\n#\n")
    assert built_with(built) == (5, 1, 4)


def test_where_nothing_was_built_nothing_is_known(tmp_path: Path) -> None:
    assert built_with(tmp_path) is None


@pytest.mark.parametrize(("idf", "run", "needed"), [("v5.1.4", 2, {"test_workers": "5.2"}), ("v5.2.2", 3, None)])
def test_what_an_image_cannot_do_is_left_out(
    pytester: pytest.Pytester, tmp_path: Path, idf: str, run: int, needed: dict[str, str] | None
) -> None:
    pytester.makepyfile(TESTS)
    built = artifacts(tmp_path / "images", release=idf)
    results = tmp_path / "results"
    ran = pytester.runpytest_subprocess(f"--hil-artifacts={built}", f"--hil-run-dir={results}")
    ran.assert_outcomes(passed=run, deselected=3 - run)
    left_out = json.loads((results / "results.json").read_text())["left_out"]
    if needed is None:
        assert left_out is None
    else:
        assert left_out["built_with"] == "5.1.4"
        assert {test.rpartition("::")[2]: idf for test, idf in left_out["needed"].items()} == needed


def test_a_version_that_is_none_is_refused(pytester: pytest.Pytester) -> None:
    pytester.makepyfile('import pytest\n@pytest.mark.hil(idf="new")\ndef test_it(): pass')
    ran = pytester.runpytest_subprocess()
    ran.stderr.fnmatch_lines(["*idf is a version, as \"5.2\", not 'new'*"])
    assert ran.ret == pytest.ExitCode.USAGE_ERROR


def test_inline_one_stream_is_served_at_a_time() -> None:
    assert StreamPlan(mjpeg=2, ws=1, idle=1).served_by("inline") == StreamPlan(mjpeg=1, idle=1)
    assert StreamPlan(ws=2).served_by("inline") == StreamPlan(ws=2)
    assert StreamPlan(mjpeg=2, ws=1).served_by("workers") == StreamPlan(mjpeg=2, ws=1)
