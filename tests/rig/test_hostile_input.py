# SPDX-License-Identifier: Apache-2.0
"""What a board says, what images are called, what bench.toml holds: none of it steers a terminal, runs a command, or
writes outside its folder.
"""

from __future__ import annotations

import ast
import contextlib
import io
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import rich.console
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pytest_hil
from pytest_hil.boards.artifacts import Artifacts
from pytest_hil.boards.bench import BenchFile, BenchFileError
from pytest_hil.cli.live_view import LiveView
from pytest_hil.console import record as record_module
from pytest_hil.console.console import Console
from pytest_hil.console.record import ConsoleRecord, Line, split_lines
from pytest_hil.errors import UsageError
from pytest_hil.figures import figures
from pytest_hil.printable import command as command_line
from pytest_hil.printable import no_commands
from pytest_hil.report.page import page
from pytest_hil.results.history import History
from pytest_hil.results.summary import print_summary
from pytest_hil.verdict import complaints

from . import sample_run
from .conftest import BOOT, READY, cut, make_artifacts
from .test_cli import Hil, command, write_test

# Clears the screen, sets the title, asks for an answer on stdin, rings, goes back over what was printed.
STEERING = "\x1b[2J\x1b]0;owned\x07\x9b31m\x1b[6n\x08\x08\x07\r\x85\u202e\x1bP+q544e\x1b\\end"
FIELDS = (
    *("t", "ms", "server", "err", "phase", "heap", "heap_before", "heap_after", "heap_idle", "forced_count", "bytes"),
    *("total", "kind", "version", "slot", "reset_reason", "ota_state", "reason", "why", "accepted", "image_sha256"),
)
OUTSIDE = ("../evil", "../../../../tmp/evil", "/tmp/evil", "a/b", "..", ".hidden", "", "a\nb", "$(touch evil)")


@pytest.fixture
def project(tmp_path: Path, board_does: Callable[..., None]) -> Path:
    """A folder that looks like this repository to `hil run`."""
    folder = tmp_path / "project"
    (folder / "tests" / "hil").mkdir(parents=True)
    (folder / "pytest.ini").write_text("[pytest]\n")
    board_does(BOOT, READY)
    return folder


@pytest.fixture
def hil(project: Path, fake_artifacts: Path) -> Hil:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        more = ["--artifacts", str(fake_artifacts), "-p", "no:cacheprovider"] if arguments[0] == "run" else []
        return subprocess.run(command(*arguments, *more), cwd=project, capture_output=True, text=True, check=False)

    return run


# ---- the console


@given(raw=st.binary(max_size=200).filter(lambda raw: b"\n" not in raw))
def test_a_line_as_shown_steers_nothing(raw: bytes) -> None:
    text = Line(0, 0.0, raw).text
    assert [character for character in text if ord(character) < 32 and character != "\t"] == []
    assert [character for character in text if 0x7F <= ord(character) < 0xA0] == []


def test_what_a_failed_test_tells_steers_no_terminal(
    hil: Hil,
    project: Path,
    board_does: Callable[..., None],
) -> None:
    board_does(BOOT, "raw " + STEERING.encode().hex() + "0a", READY)
    write_test(project, "def test_it(console, board):\n    console.wait_line('never', 0.2)\n")
    result = hil("run")
    assert result.returncode == 1, result.stdout
    assert "end" in result.stdout, "the line itself is told"
    assert [c for c in result.stdout + result.stderr if ord(c) < 32 and c not in "\n\t"] == []
    page = (project / "build" / "hil" / "latest" / "report.html").read_text()
    assert "\x1b" not in page


def test_what_a_live_console_shows_steers_no_terminal() -> None:
    """Escapes come also as JSON's own, in an event's name, a field's, and a value."""
    said = json.dumps({"n": 0, "t": 1, "ev": "beat" + STEERING, "key" + STEERING: STEERING + "\n@hil not of ours"})
    shown = io.StringIO()
    LiveView(rich.console.Console(file=shown, width=1000)).take(
        [Line(0, 0.0, f"@hil {said}".encode()), Line(1, 0.0, STEERING.encode())]
    )
    told = shown.getvalue()
    assert "[beat\\x1b" in told
    assert told.count("\n") == 2
    assert [character for character in told if not character.isprintable() and character != "\n"] == []


def test_what_a_scan_tells_steers_no_terminal(hil: Hil, project: Path) -> None:
    log = project / "console.log"
    log.write_text(f"assert failed: foo{STEERING} bar.c:12 ({STEERING})\n{STEERING}\nabort() was called at PC 0x40\n")
    result = hil("scan", str(log))
    assert result.returncode == 1, result.stdout + result.stderr
    assert [c for c in result.stdout if ord(c) < 32 and c not in "\n\t"] == []


# What GitHub's runner obeys, wherever it is printed. The first is also a panic's, with a command in its expression.
COMMANDS = (
    "assert failed: foo bar.c:12 (##[error]owned)",
    "::error::owned",
    " \t\u00a0::add-mask::o",
    "before ##[group]owned",
    "::::warning::owned",
)


def commands_in(output: str) -> list[str]:
    return [line for line in re.split(r"[\r\n]", output) if line.lstrip().startswith("::") or "##[" in line]


@given(
    pieces=st.lists(st.text(alphabet=st.sampled_from(":#[ \n\r\t\u00a0\u2028ae]"), max_size=6), max_size=12),
)
def test_no_command_can_be_printed_in_pieces(pieces: list[str]) -> None:
    whole = "".join(pieces)
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown), no_commands():
        for piece in pieces:
            sys.stdout.write(piece)
        sys.stdout.writelines(["\n", *pieces])
        command_line("::notice::ours")
    told, ours = shown.getvalue().rsplit("::notice", 1)
    assert ours == "::ours\n"
    assert commands_in(told) == []
    assert told.replace("\\u003a", ":").replace("\\u005b", "[") == f"{whole}\n{whole}"
    if not commands_in(f"{whole}\n{whole}"):
        assert told == f"{whole}\n{whole}"


@pytest.fixture
def on_github(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")


@pytest.mark.usefixtures("on_github")
@pytest.mark.parametrize("how", ["run", "run -s", "scan", "scan --json", "console"])
def test_a_board_gives_the_runner_of_github_no_command(
    hil: Hil, project: Path, board_does: Callable[..., None], fake_artifacts: Path, how: str
) -> None:
    (project / "console.log").write_text("".join(f"{line}\n" for line in COMMANDS))
    board_does(BOOT, *(f"raw {line.encode().hex()}0a" for line in COMMANDS), READY)
    write_test(
        project,
        f"@pytest.mark.parametrize('x', {COMMANDS!r})\n"
        "def test_it(console, board, x):\n    print(x)\n    assert False, x\n",
    )
    more = {
        "scan": ("console.log",),
        "console": ("native", "--artifacts", str(fake_artifacts), "--for", "2"),
    }
    name, *options = how.split()
    result = hil(name, *options, *more.get(name, ()))
    assert result.returncode == 1, result.stdout + result.stderr
    assert commands_in(result.stdout + result.stderr) == []
    assert "owned" in result.stdout
    if how.endswith("--json"):
        assert "##[error]owned" in str(json.loads(result.stdout))
    for log in (*project.glob("build/hil/*/*/console.log"), project / "console.log"):
        assert set(COMMANDS) <= set(log.read_text().splitlines()), "a log is what the board said"


ODD = (None, True, -1, 0, 1.5, 1e308, 10**30, 10**400, -(10**400), 2**63, "", "x", STEERING, [1], {"a": 1})


@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_whatever_an_event_says_there_are_results_and_a_report(tmp_path: Path, data: st.DataObject) -> None:
    lines = [text for _, text in sample_run.events()]
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.sampled_from([i for i, line in enumerate(lines) if line.startswith("@hil ")]))
        event = json.loads(lines[at][5:])
        field = data.draw(st.sampled_from(sorted({*event, *FIELDS} - {"ev", "n"})))
        lines[at] = f"@hil {json.dumps(event | {field: data.draw(st.sampled_from(ODD))})}"
    folder = sample_run.make_run(tmp_path, 1, {0: {"lines": list(enumerate(lines))}})
    console = Console(tmp_path / "console.log")
    console.feed("".join(f"{line}\n" for line in lines).encode())
    console.end("power off")
    complaints(console)
    results = json.loads((folder / "results.json").read_text())
    results["tests"][0] |= json.loads(json.dumps(figures(console)))
    with History(tmp_path / "history.sqlite") as history:
        history.add(results)
    page(results, folder, tmp_path / "history.sqlite")
    print_summary(results, folder, rich.console.Console(file=io.StringIO(), width=200))


def test_a_line_that_never_ends_is_kept_in_pieces(tmp_path: Path) -> None:
    record = ConsoleRecord(tmp_path / "console.log")
    for _ in range(40):
        record.feed(b"x" * (record_module.LINE_MAX // 8 + 1))
    assert len(record._tail) <= record_module.LINE_MAX
    assert {len(line.raw) for line in record.lines} == {record_module.LINE_MAX}
    record.end("it was enough")
    assert sum(len(line.raw) for line in record.lines) == record.bytes_received


@given(
    whole=st.binary(max_size=60).map(lambda raw: raw.replace(b"\x00", b"\n") + b"\n"),
    sizes=st.lists(st.integers(1, 20), min_size=1),
)
def test_however_it_is_cut_into_reads_the_pieces_are_the_same(
    tmp_path_factory: pytest.TempPathFactory, whole: bytes, sizes: list[int]
) -> None:
    whole = whole.replace(b"\r", b"r")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(record_module, "LINE_MAX", 7)
        record = ConsoleRecord(tmp_path_factory.mktemp("log") / "console.log")
        for piece in cut(whole, sizes):
            record.feed(piece)
        record.end("that was all")
        assert [line.raw for line in record.lines] == split_lines(whole)
        assert max(len(line.raw) for line in record.lines) <= 7


# ---- names


@pytest.mark.parametrize("role", OUTSIDE)
def test_an_image_of_a_role_that_is_a_path_is_refused(tmp_path: Path, role: str) -> None:
    artifacts = make_artifacts(tmp_path / "artifacts")
    rows = json.loads((artifacts / "images.json").read_text())
    rows[0]["role"] = role
    (artifacts / "images.json").write_text(json.dumps(rows))
    with pytest.raises(UsageError, match="is no role"):
        Artifacts.read(artifacts)


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_board_named_like_a_path_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "bench.toml"
    path.write_text(f"[boards.{json.dumps(name)}]\nkind = 'native'\n")
    with pytest.raises(BenchFileError, match="is no name for a board"):
        BenchFile.read(path)


def test_a_test_named_like_a_path_stays_in_the_runs_folder(hil: Hil, project: Path) -> None:
    write_test(
        project,
        "@pytest.mark.parametrize('name', ['../../../evil', '$(touch evil)', ';touch evil;', 'a\\x1b[2J'])\n"
        "def test_it(board, name):\n    pass\n",
    )
    result = hil("run")
    assert result.returncode == 0, result.stdout + result.stderr
    assert [path for path in project.parent.rglob("*evil*") if not path.is_relative_to(project / "build")] == []
    assert [path for path in (project / "build").rglob("*evil*") if path.name == "evil"] == []


# ---- commands


def test_nothing_is_given_to_a_shell() -> None:
    """Every program is started with a list of words; nothing is evaluated or unpickled."""
    found = []
    for path in sorted(Path(pytest_hil.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            name = ast.unparse(node.func)
            shell = any(word.arg == "shell" and ast.unparse(word.value) != "False" for word in node.keywords)
            if shell or name in ("eval", "exec", "os.system", "os.popen", "pickle.load", "pickle.loads", "yaml.load"):
                found.append(f"{path.name}:{node.lineno}: {name}")
    assert found == []
