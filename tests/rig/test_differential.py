# SPDX-License-Identifier: Apache-2.0
"""`make differential`: what differs is told, what is known to differ by its name, and only what is new fails."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "firmware" / "native" / "tools"))
import known_differences as known

TOOLS = known.LIST.parent
NATIVE = TOOLS.parent

OPEN = '@hil {"n":3,"t":9,"ev":"stream_open","fd":54,"kind":"mjpeg"}'
WS = '@hil {"n":4,"t":9,"ev":"stream_open","fd":55,"kind":"ws"}'
STREAM = {"kind": "mjpeg", "status": 200, "ending": {"how": "complete"}, "outlived_test": False}


def run_folder(folder: Path, console: str, client: dict[str, Any], **outcomes: str) -> Path:
    """As a run leaves it: those tests, all with that console and that client."""
    logs = [{"path": "console.log"}, {"path": "clients.json"}]
    tests = [{"id": f"t.py::test_{name}", "outcome": how, "panics": [], "logs": logs} for name, how in outcomes.items()]
    folder.mkdir()
    (folder / "console.log").write_text(console)
    (folder / "clients.json").write_text(json.dumps([client]))
    (folder / "results.json").write_text(json.dumps({"tests": tests}))
    return folder


def idf(folder: Path, version: str) -> Path:
    cmake = folder / "idf" / "tools" / "cmake"
    cmake.mkdir(parents=True)
    parts = zip(("MAJOR", "MINOR", "PATCH"), version.split("."), strict=True)
    (cmake / "version.cmake").write_text("".join(f"set(IDF_VERSION_{name} {part})\n" for name, part in parts))
    return folder / "idf"


def compare(*arguments: Path) -> subprocess.CompletedProcess[str]:
    command: list[str | Path] = [sys.executable, TOOLS / "differential.py", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_alike(tmp_path: Path) -> None:
    port, own = (run_folder(tmp_path / name, OPEN, STREAM, stop="passed") for name in ("port", "own"))
    compared = compare(port, own, idf(tmp_path, "5.4.0"))
    assert (compared.returncode, compared.stdout.splitlines()[-1]) == (
        0,
        "1 scenarios, 0 with known differences, 0 differ",
    )


@pytest.mark.parametrize(
    ("console", "client", "outcome", "told"),
    [
        (WS, STREAM, "passed", "event: stream_open kind=ws: 0 / 1"),
        (OPEN, STREAM | {"ending": {"how": "eof"}}, "passed", "stream: mjpeg 200 eof: 0 / 1"),
        (OPEN, STREAM, "failed", "outcome: passed / failed"),
        (OPEN, STREAM, "not_run", "outcome: passed / not_run"),
    ],
)
def test_what_nobody_knows_fails(tmp_path: Path, console: str, client: dict[str, Any], outcome: str, told: str) -> None:
    port = run_folder(tmp_path / "port", OPEN, STREAM, stop="passed")
    own = run_folder(tmp_path / "own", console, client, stop=outcome)
    compared = compare(port, own, idf(tmp_path, "5.4.0"))
    assert compared.returncode == 1
    assert f"    {told}\n" in compared.stdout


def test_what_is_known_passes_under_its_name(tmp_path: Path) -> None:
    port = run_folder(tmp_path / "port", OPEN, STREAM, stop="passed", workers="passed")
    own = run_folder(tmp_path / "own", OPEN, STREAM, stop="passed")
    compared = compare(port, own, idf(tmp_path, "5.1.4"))
    assert compared.returncode == 0, compared.stdout
    assert "known (no-workers): outcome: passed / not there" in compared.stdout
    assert "\nknown: no-workers: " in compared.stdout


def test_it_is_known_of_that_version_alone(tmp_path: Path) -> None:
    port = run_folder(tmp_path / "port", OPEN, STREAM, stop="passed", workers="passed")
    own = run_folder(tmp_path / "own", OPEN, STREAM, stop="passed")
    compared = compare(port, own, idf(tmp_path, "5.2.0"))
    assert compared.returncode == 1
    assert "    outcome: passed / not there\n" in compared.stdout


def test_what_occurs_no_longer_is_named(tmp_path: Path) -> None:
    port, own = (run_folder(tmp_path / name, OPEN, STREAM, stop="passed") for name in ("port", "own"))
    compared = compare(port, own, idf(tmp_path, "5.1.4"))
    assert compared.returncode == 0
    assert "known, and not seen in this run: no-workers: " in compared.stdout


def test_how_a_stream_ends_after_the_test_is_the_benchs_doing(tmp_path: Path) -> None:
    ended = [STREAM | {"ending": {"how": how}, "outlived_test": True} for how in ("eof", "left")]
    port, own = (run_folder(tmp_path / name, OPEN, one, stop="passed") for name, one in zip("po", ended, strict=True))
    assert compare(port, own, idf(tmp_path, "5.4.0")).returncode == 0


def test_bad_input_is_told_in_a_line(tmp_path: Path) -> None:
    port = run_folder(tmp_path / "port", OPEN, STREAM, stop="passed")
    for arguments in ((port,), (port, tmp_path / "none", idf(tmp_path, "5.4.0")), (port, port, tmp_path)):
        compared = compare(*arguments)
        assert (compared.returncode, compared.stderr.count("\n"), compared.stdout) == (2, 1, "")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[[scenario]]\nid = 1\nwhat = 'x'\nreason = 'y'", "every value is a text"),
        ("[[scenario]]\nid = 'a'\nwhat = 'x'", "missing 1 required positional argument: 'reason'"),
        ("[[scenario]]\nid = 'a'\nwhat = 'x'\nreason = 'y'\nwhy = 'z'", "unexpected keyword argument 'why'"),
        ("[[scenario]]\nid = 'a'\nwhat = 'x'\nreason = 'y'\nbefore = 'new'", 'before is a version, as "5.2"'),
        ("[[other]]\nid = 'a'", "no such table: other"),
        ("[[scenario]]", "missing"),
        ("id =", "Invalid value"),
    ],
)
def test_a_list_that_is_wrong_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "list.toml"
    path.write_text(text)
    with pytest.raises(ValueError, match=re.escape(complaint)):
        known.read(path)


def test_the_readme_has_the_list() -> None:
    entries = known.read()
    rows = re.findall(r"^\| `([a-z0-9-]+)` \| ([^|]+) \| (.+) \| (.+) \|$", (NATIVE / "README.md").read_text(), re.M)
    shown = {where: {row[0]: row[1:] for row in rows if row[0] in {e.id for e in entries[where]}} for where in entries}
    assert {row[0] for row in rows} == {entry.id for where in entries.values() for entry in where}
    for where in entries:
        assert shown[where] == {entry.id: (entry.versions, entry.what, entry.reason) for entry in entries[where]}


def test_every_version_that_a_c_test_asks_for_is_in_the_list() -> None:
    tests = NATIVE / "esp_http_server" / "tests"
    asked = {
        (path.name, f"{major}.{minor}")
        for path in tests.glob("*.[ch]")
        for major, minor in re.findall(r"TEST_SERVER_SINCE\((\d+), (\d+)\)", path.read_text())
    }
    asked |= {
        ("CMakeLists.txt", version)
        for version in re.findall(
            r"ESP_IDF_VERSION VERSION_GREATER_EQUAL ([\d.]+)", (tests / "CMakeLists.txt").read_text()
        )
    }
    assert asked == {(entry.test, entry.before) for entry in known.read()["c_test"]}
