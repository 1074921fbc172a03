# SPDX-License-Identifier: Apache-2.0
"""report.html: a run as one self-contained page. Style, script and data are in it; it loads nothing.

Names and console text come from boards and test files, so nothing of them is trusted: the template escapes, data goes
in as JSON or base64, the script only ever sets text, and a content security policy allows no script but this one.
"""

from __future__ import annotations

import base64
import hashlib
import urllib.parse
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2

from ..printable import one_line, printable
from ..results.history import FILE_NAME, History, HistoryError, Result, Run
from ..results.summary import figure, short_id
from ..results.trends import Change, Flaky, changes, flaky
from .changes import changes_since, nothing_before
from .charts import TREND_RUNS, bars, distributions
from .matrix import clients_of, matrix
from .packing import TOGETHER, pack_tests

TEMPLATES = Path(__file__).with_name("templates")
GLYPHS = {"passed": "✓", "failed": "✕", "flaky": "≈", "bench_error": "!", "not_run": "○", "skipped": "-"}
ORDER = {"failed": 0, "bench_error": 1, "not_run": 2, "flaky": 3, "passed": 4, "skipped": 5}  # in which they are listed
WORDS = {"bench_error": "bench error", "not_run": "not run"}
SHOWN_FLAKY, SHOWN_CHANGES = 10, 12


def page(results: Mapping[str, Any], folder: Path, history: Path | None = None) -> str:
    """The whole page of the run whose logs lie in `folder`; with what earlier runs found, where there is a history."""
    tests = results["tests"]
    past = _Past.read(history or folder.parent / FILE_NAME, results)
    packed = pack_tests([_folder_of(test, folder) for test in tests], [not _passed(test) for test in tests])
    style, script = _file("page.css"), _file("page.js")
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"line": _one_line, "text": printable, "figure": figure, "link": _link, "short": short_id}
    environment.globals |= {"glyphs": GLYPHS, "words": WORDS, "clients_of": clients_of}
    return environment.get_template("page.html.j2").render(
        run=results["run"],
        verdict=results["verdict"],
        images=results["images"],
        left_out=results.get("left_out"),
        tests=tests,
        order=sorted(range(len(tests)), key=lambda n: ORDER.get(tests[n]["outcome"], 0)),
        counts=Counter(test["outcome"] for test in tests),
        headline=headline(results),
        boards=_boards(tests),
        matrix=matrix(tests),
        past=past,
        distributions=distributions(tests, past.results),
        bars=bars(past.runs),
        packed=packed,
        together=TOGETHER,
        beside={path.name for path in folder.iterdir()},
        style=style,
        script=script,
        policy=(
            f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'; "
            "base-uri 'none'; form-action 'none'"
        ),
    )


class _Past:
    """What the history says; empty where there is none."""

    def __init__(self, results: Mapping[str, Any]) -> None:
        self.changes = nothing_before(results)
        self.runs: list[Run] = []
        self.results: list[Result] = []
        self.flaky: list[Flaky] = []
        self.regressions: list[Change] = []
        self.problem = ""

    @classmethod
    def read(cls, path: Path, results: Mapping[str, Any]) -> _Past:
        past = cls(results)
        if not path.is_file():
            return past
        try:
            with History(path) as history:
                runs = history.runs(TREND_RUNS + 20)
                past.changes = changes_since(results, history)
                past.runs = runs[-TREND_RUNS:]
                everything = history.results(runs[0].number) if runs else []
        except HistoryError as error:
            past.problem = str(error)
            return past
        this = next((run.number for run in past.runs if run.id == results["run"]["id"]), None)
        past.results = [result for result in everything if result.run != this]
        past.flaky = flaky(everything)[:SHOWN_FLAKY]
        past.regressions = changes(everything)[:SHOWN_CHANGES]
        return past


def headline(results: Mapping[str, Any]) -> str:
    """The verdict in a sentence."""
    tests = results["tests"]
    counts = Counter(test["outcome"] for test in tests)
    controls = sum(test["kind"] == "control" and test["outcome"] == "passed" for test in tests)
    told = [f"{counts['passed']} of {len(tests)} passed"]
    names = (("failed", "failed"), ("bench_error", "spoilt by the bench"), ("not_run", "not run"))
    told += [
        f"{counts[outcome]} {name}"
        for outcome, name in (*names, ("flaky", "flaky"), ("skipped", "skipped"))
        if counts[outcome]
    ]
    if left_out := results.get("left_out"):
        told.append(f"{len(left_out['needed'])} left out")
    if controls:
        told.append(f"{controls} control{'s' if controls > 1 else ''} saw the failure that is known")
    return ", ".join(told)


def _boards(tests: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, str, int]]:
    """Name, kind, MAC and how many tests."""
    counted = Counter(
        (str(test["board"]), str(test["board_kind"]), str(test["chip_mac"] or "")) for test in tests if test["board"]
    )
    return [(*board, count) for board, count in sorted(counted.items())]


def _passed(test: Mapping[str, Any]) -> bool:
    return test["outcome"] in ("passed", "skipped") and test["kind"] == "promise"


def _folder_of(test: Mapping[str, Any], root: Path) -> Path:
    """Where the test's console.log lies; a path that leads out of the run's folder leads nowhere."""
    for log in test["logs"]:
        path = (root / str(log["path"])).resolve()
        if path.name == "console.log" and path.is_relative_to(root.resolve()):
            return path.parent
    return root / "no console"


def _link(path: str) -> str:
    """A file below the run's folder as a relative link, whatever its name."""
    return "./" + urllib.parse.quote(path, errors="replace")


def _one_line(value: object) -> str:
    return one_line(str(value))


def _file(name: str) -> str:
    return (TEMPLATES / name).read_text()


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
