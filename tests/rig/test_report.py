# SPDX-License-Identifier: Apache-2.0
"""report.html as a file: what it holds and what it must not. What a browser makes of it: test_report_in_browser.py."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import asdict
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from pytest_hil.cli import load
from pytest_hil.cli.app import app
from pytest_hil.console.events import Event
from pytest_hil.errors import UsageError
from pytest_hil.report.lanes import read_logs, timeline
from pytest_hil.report.page import page
from pytest_hil.results.history import History
from pytest_hil.results.summary import print_summary, short_id

from . import sample_run
from .hostile import HOSTILE, assert_harmless

TEXTS = ("board", "board_kind", "chip_mac", "kind", "strategy", "stream_mode", "failure", "seen")


def page_of(folder: Path) -> str:
    return page(json.loads((folder / "results.json").read_text()), folder)


def unpacked(text: str) -> list[dict[str, Any]]:
    """What the page's script sees, a test each."""
    pieces = re.findall(r'<script type="text/plain" id="c\d+">([A-Za-z0-9+/=]*)</script>', text)
    return [test for piece in pieces if piece for test in json.loads(gzip.decompress(base64.b64decode(piece)))]


class Elements(HTMLParser):
    """All elements with their attributes, and each element's text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


# ---- the time line


def lanes_of(folder: Path, lines: list[tuple[float, str]], **more: Any) -> dict[str, Any]:
    sample_run.write_test(folder, lines, **more)
    return timeline(read_logs(folder))


def lane(view: dict[str, Any], name: str) -> dict[str, Any]:
    return next(one for one in view["lanes"] if one["name"] == name)


def test_a_life_with_an_update(tmp_path: Path) -> None:
    view = lanes_of(tmp_path, sample_run.events(stop_ms=300))
    assert [one["name"] for one in view["lanes"]] == [
        "firmware",
        "stop :81",
        "update",
        "received",
        "mjpeg 0",
        "free heap",
    ]
    assert [span[3] for span in lane(view, "firmware")["items"]] == ["boot", "trial"]
    phases = lane(view, "stop :81")["items"]
    assert [span[2] for span in phases] == ["drain 100 ms", "shutdown 100 ms", "stop 100 ms"]
    assert phases[0][1] - phases[0][0] == pytest.approx(0.1, abs=0.002)
    assert phases[1][0] == phases[0][1]
    assert [span[3] for span in lane(view, "update")["items"]] == ["ota", "selftest"]
    assert [point[1] for point in lane(view, "received")["items"]][-1] == 100
    assert lane(view, "mjpeg 0")["items"][:3] == [90, 100, 110]
    assert [mark[1] for mark in view["marks"]] == ["ready", "trigger", "restart update", "ready", "valid"]
    assert view["panics"] == []


def test_times_are_the_boards_own_laid_on_the_runners(tmp_path: Path) -> None:
    """Lines that came late, all at once, do not shorten what the board measured."""
    held = [(at if at < 3.0 else 9.0, text) for at, text in sample_run.events(stop_ms=300)]
    phases = lane(lanes_of(tmp_path, held), "stop :81")["items"]
    assert phases[-1][1] - phases[0][0] == pytest.approx(0.3, abs=0.003)
    assert phases[0][0] == pytest.approx(3.05, abs=0.05)


def test_a_stop_that_never_ends_is_seen(tmp_path: Path) -> None:
    lines = [line for line in sample_run.events() if not re.search("stop_phase|stop_end|ota_|restart|1.1.0", line[1])]
    (span,) = lane(lanes_of(tmp_path, lines), "stop :81")["items"]
    assert span[2:4] == ["did not end", "bad"]


def test_a_panic_is_marked(tmp_path: Path) -> None:
    lines = sample_run.events()[:60]
    panic = (lines[-1][0] + 0.1, "assert failed: lwip_netconn_do_writemore api_msg.c:1658 (x < y)")
    view = lanes_of(tmp_path, [*lines, panic, (panic[0] + 0.1, "Rebooting...")])
    assert [(one["line"], one["what"]) for one in view["panics"]] == [(60, "assert")]


def test_log_lines_taken_for_events(tmp_path: Path) -> None:
    sample_run.write_test(tmp_path, [(0.1, "kettle: firmware 2"), (0.4, "httpd: listening")], [])
    mapped = [
        Event("boot", 0, 0, 0, 0, 0.1, {"ev": "boot", "version": "2"}, mapped=True),
        Event("ready", 1, 0, 0, 1, 0.4, {"ev": "ready"}, mapped=True),
    ]
    (tmp_path / "events.json").write_text(json.dumps([asdict(event) for event in mapped]))
    view = timeline(read_logs(tmp_path))
    assert [mark[:2] for mark in view["marks"]] == [[0.4, "ready"]]
    assert lane(view, "firmware")["items"][0][2] == "2"


@pytest.mark.parametrize("damaged", [None, b"", b"not a number\n", b"0.1\n", b"[", b"[{}]"])
def test_a_console_is_told_whatever_is_damaged_beside_it(tmp_path: Path, damaged: bytes | None) -> None:
    sample_run.write_test(tmp_path, sample_run.events())
    for name in ("console.times", "clients.json", "events.json"):
        path = tmp_path / name
        path.unlink(missing_ok=True) if damaged is None else path.write_bytes(damaged)
    logs = read_logs(tmp_path)
    assert len(logs.lines) == len(sample_run.events())
    timeline(logs)


# ---- the page


def test_top_matrix_and_tests(tmp_path: Path) -> None:
    changed: dict[int, dict[str, Any]] = {
        1: {"outcome": "failed", "failure": "the stop took 4000 ms"},
        2: {"kind": "control", "strategy": "plain", "stream_mode": "inline", "seen": "hung for 10 s"},
        3: {"board": "cam-1", "board_kind": "serial"},
    }
    text = page_of(sample_run.make_run(tmp_path, 6, changed))
    assert "5 of 6 passed, 1 failed, 1 control saw the failure that is known." in text
    assert "the stop took 4000 ms" in text
    assert text.index('id="t1"') < text.index('id="t0"'), "what failed comes first"
    matrix = text[text.index('id="matrix"') : text.index('id="tests"')]
    assert re.findall(r"<th scope=\"col\">(\w+)<small>(\w*)</small>", matrix) == [
        ("graceful", "workers"),
        ("plain", "inline"),
    ]
    assert "<option>cam-1</option><option>native</option>" in matrix
    assert 'class="o failed" href="#t1"' in matrix
    assert "hung for 10 s" in matrix


def test_what_changed_since_the_last_run(tmp_path: Path) -> None:
    before = sample_run.make_run(tmp_path, 5, {1: {"outcome": "failed"}, 2: {"outcome": "failed"}}, "run-1")
    now = sample_run.make_run(tmp_path, 4, {0: {"outcome": "failed"}, 2: {"outcome": "failed"}}, "run-2")
    with History(tmp_path / "history.sqlite") as history:
        for folder in (before, now):
            history.add(json.loads((folder / "results.json").read_text()))
    text = page_of(now)
    news = re.findall(r'<li class="(\w+)">(.*?)</li>', text[text.index("Since the run before") :])
    told = [(style, re.sub("<[^>]+>", "", item)) for style, item in news]
    assert told[:5] == [
        ("worse", "1 no longer passed: graceful-workers-0"),
        ("worse", "1 still did not pass: graceful-workers-2"),
        ("better", "1 passed again: graceful-workers-1"),
        ("plain", "1 not in this run: graceful-workers-4"),
        ("plain", "the same release image"),
    ]


def test_a_first_run_tells_what_did_not_pass_and_what_was_left_out(tmp_path: Path) -> None:
    folder = sample_run.make_run(tmp_path, 3, {1: {"outcome": "failed"}, 2: {"outcome": "bench_error"}})
    results = json.loads((folder / "results.json").read_text())
    results["left_out"] = {"built_with": "5.1.4", "needed": {"tests/hil/test_a.py::test_stop[workers]": "5.2"}}
    (folder / "results.json").write_text(json.dumps(results))
    told = re.sub(r"\s+", " ", re.sub("<[^>]+>", "", page_of(folder)))
    assert "1 of 3 passed, 1 failed, 1 spoilt by the bench, 1 left out." in told
    assert "There is no earlier run to compare with. 2 did not pass: graceful-workers-1, graceful-workers-2 " in told
    assert "built with 5.1.4, do not have: workers (needs 5.2)" in told


def test_a_damaged_history_spoils_no_page(tmp_path: Path) -> None:
    (tmp_path / "history.sqlite").write_bytes(b"not a database" * 100)
    assert "The history cannot be read" in page_of(sample_run.make_run(tmp_path, 1))


def test_the_whole_console_of_what_failed(tmp_path: Path) -> None:
    lines = [(i / 1000, f"I ({i}) line {i}") for i in range(2000)]
    (test,) = unpacked(page_of(sample_run.make_run(tmp_path, 1, {0: {"outcome": "failed", "lines": lines}})))
    assert [line[2] for line in test["lines"]] == [text for _, text in lines]
    assert sum(line[1] for line in test["lines"]) == 1999  # milliseconds, each since the line before


def test_a_very_long_console_keeps_its_ends_and_its_panic(tmp_path: Path) -> None:
    lines = [(i / 1000, f"I ({i}) line {i}") for i in range(50_000)]
    lines[20_000] = (20.0, "assert failed: f x.c:1 (y)")
    folder = sample_run.make_run(tmp_path, 1, {0: {"outcome": "failed", "lines": lines}})
    (test,) = unpacked(page_of(folder))
    kept = {line[0] for line in test["lines"]}
    assert {0, 20_000, 49_999} <= kept
    assert len(kept) < 3000
    assert test["all_lines"] == 50_000


def test_two_thousand_tests_fit(tmp_path: Path) -> None:
    failed = {i: {"outcome": "failed", "failure": "the stop took 4000 ms, limit 2000 ms"} for i in range(0, 2000, 50)}
    text = page_of(sample_run.make_run(tmp_path, 2000, failed))
    assert len(text.encode()) < 5_000_000
    tests = unpacked(text)
    assert len(tests) == 2000
    whole = len(sample_run.events())
    assert all(len(tests[i]["lines"]) == whole for i in failed), "a failed test's console is not whole"
    assert all(len(test["lines"]) >= 20 for test in tests), "a passed test's console lacks its events"


def test_thousands_of_failures_fit_too(tmp_path: Path) -> None:
    noise = hashlib.sha256
    lines = [(i / 100, f"E ({i}) {noise(str(i).encode()).hexdigest()}") for i in range(300)]
    many = {
        i: {
            "outcome": "failed",
            "lines": [(at, f"{text}{noise(f'{i}{text}'.encode()).hexdigest()}") for at, text in lines],
        }
        for i in range(300)
    }
    text = page_of(sample_run.make_run(tmp_path, 300, many))
    assert len(text.encode()) < 5_000_000
    assert 0 < len(unpacked(text)) < 300


def test_no_path_leads_out_of_the_runs_folder(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "console.log").write_text("a secret\n")
    logs = [{"path": "../outside/console.log", "sha256": "0"}]
    folder = sample_run.make_run(tmp_path, 1, {0: {"logs": logs}})
    assert unpacked(page_of(folder))[0]["lines"] == []


# ---- nothing gets out of where it is shown


def hostile_run(root: Path) -> Path:
    """A run in which everything that may be a text is hostile."""
    changed = {}
    for number, bad in enumerate(HOSTILE):
        panic = {"kind": bad, "text": bad, "at_line": 3, "function": bad, "file": bad, "line": 1, "expression": bad}
        panic["frames"] = [{"address": bad, "function": bad, "file": bad, "line": 2}]
        name = bad.encode("utf-8", "replace").decode()
        event = json.dumps({"n": 0, "t": 1, "ev": "boot", "version": bad, "slot": bad, "reset_reason": bad})
        changed[number] = {
            **dict.fromkeys(TEXTS, bad),
            "outcome": "failed",
            "id": f"tests/hil/test_x.py::test_it[{bad}]",
            "panics": [panic],
            "lines": [(0.1, name), (0.2, f"@hil {event}"), (0.3, f"E (1) {name}"), (0.4, f"assert failed: {name}")],
            "clients": [sample_run.client(bad, bad)],
        }
    folder = sample_run.make_run(root, len(HOSTILE), changed)
    document = json.loads((folder / "results.json").read_text())
    document["run"] |= {"runner": "".join(HOSTILE), "rig_version": HOSTILE[0], "started": HOSTILE[1]}
    document["images"][0] |= {"version": HOSTILE[0], "commit": HOSTILE[2], "image_sha256": HOSTILE[1]}
    for test, bad in zip(document["tests"], HOSTILE, strict=True):
        test["logs"].append({"path": f"{bad}/{bad}", "sha256": bad})
    (folder / "results.json").write_text(json.dumps(document))
    with History(root / "history.sqlite") as history:
        for run_id in ("run-1", folder.name):
            history.add({**document, "run": {**document["run"], "id": run_id}})
    return folder


def test_hostile_texts_stay_texts(tmp_path: Path) -> None:
    text = page_of(hostile_run(tmp_path))
    elements = Elements(text)
    tags = {tag for tag, _ in elements.found}
    assert not tags & {"img", "iframe", "object", "embed", "base", "form", "link"}
    assert len(re.findall("<script", text)) == len(unpacked(text)) // 12 + 2  # packed pieces, and the page's own
    for tag, attributes in elements.found:
        assert not [name for name in attributes if name.startswith("on") or name == "style"], (tag, attributes)
        if target := attributes.get("href"):
            assert re.match(r"#\w|\./", target), (tag, target)
    assert "49" not in re.findall(r"<bdi>([^<]*)</bdi>", text), "a template in a name was run"
    assert_harmless(text)
    for test in unpacked(text):
        assert_harmless(json.dumps(test, ensure_ascii=False))


def test_the_policy_allows_this_script_and_no_other(tmp_path: Path) -> None:
    text = page_of(sample_run.make_run(tmp_path, 1))
    (policy,) = re.findall(r'<meta http-equiv="Content-Security-Policy" content="([^"]+)">', text)
    policy = policy.replace("&#39;", "'")
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    for tag, content in (
        ("script", re.findall(r"<script data-together[^>]*>(.*?)</script>", text, re.S)[0]),
        ("style", re.findall(r"<style>(.*?)</style>", text, re.S)[0]),
    ):
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert not re.findall(r"https?://(?!www\.w3\.org/2000/svg)", text), "the page names another host"


@pytest.mark.parametrize(
    ("test_id", "short"),
    [
        ("tests/hil/test_a.py::test_stop[graceful-1_mjpeg]", "graceful-1_mjpeg"),
        ("tests/hil/test_a.py::test_stop[[::1]-a]", "[::1]-a"),
        ("tests/hil/test_a.py::TestStop::test_a_page[::1]", "::1"),
        ("tests/hil/test_a.py::TestStop::test_a_page", "a page"),
        ("a]::b]", "b]"),
        ("no id", "no id"),
        ("", ""),
    ],
)
def test_what_tells_a_test_from_the_others(test_id: str, short: str) -> None:
    assert short_id(test_id) == short


@pytest.mark.parametrize("width", [60, 300])
def test_the_summary_steers_no_terminal(tmp_path: Path, width: int) -> None:
    folder = hostile_run(tmp_path)
    out = Console(width=width, color_system=None, record=True, file=(tmp_path / "out").open("w", errors="replace"))
    with out.file:
        print_summary(json.loads((folder / "results.json").read_text()), folder, out)
    assert_harmless(out.export_text())


# ---- the command


def test_the_page_can_be_made_anew(tmp_path: Path) -> None:
    folder = sample_run.make_run(tmp_path, 2)
    load("report")
    result = CliRunner().invoke(app, ["report", str(folder), "--out", str(tmp_path / "again.html")])
    assert result.exit_code == 0, result.output
    assert (tmp_path / "again.html").read_text() == page_of(folder)
    missing = CliRunner().invoke(app, ["report", str(tmp_path / "nowhere")])
    assert "cannot be read" in str(missing.exception)


@pytest.mark.parametrize(
    "damage",
    [
        lambda r: r.clear(),
        lambda r: r.update(tests=[{"id": 3}]),
        lambda r: r.update(tests=7),
        lambda r: r["tests"][0].pop("seen"),
        lambda r: r["tests"][0].update(logs=[{}]),
        lambda r: r["run"].update(duration_s="x"),
        lambda r: r.update(images=[[]]),
    ],
)
@pytest.mark.parametrize("command", ["report", "history"])
def test_what_is_no_results_is_told_as_such(
    tmp_path: Path, command: str, damage: Callable[[dict[str, Any]], object]
) -> None:
    folder = sample_run.make_run(tmp_path, 1)
    results = json.loads((folder / "results.json").read_text())
    damage(results)
    (folder / "results.json").write_text(json.dumps(results))
    load(command)
    more = ["--file", str(tmp_path / "history.sqlite"), "--add"] if command == "history" else []
    result = CliRunner().invoke(app, [command, *more, str(folder)])
    if command == "report" or result.exit_code != 0:  # a history needs less of it
        assert isinstance(result.exception, UsageError), result.exception
        assert re.search(r"is no results.json of hil: \w+Error: ", str(result.exception))
