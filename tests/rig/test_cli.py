# SPDX-License-Identifier: Apache-2.0
"""The command `hil`: one clear line for bad input, the contract's exit codes, and no process left behind."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from .conftest import BOOT, READY, gone

ASSERT = "print assert failed: foo bar.c:12 (x > 0)"
MARK = "import pytest\npytestmark = pytest.mark.hil(kind='promise')\n"
AT_ONCE_S = 4.0  # the workers of a run used to live on for 5 to 6 s
GONE_WITHIN_S = 10.0

Hil = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def project(tmp_path: Path, board_does: Callable[..., None]) -> Path:
    """A folder that looks like this repository to `hil run`."""
    folder = tmp_path / "project"
    (folder / "tests" / "hil").mkdir(parents=True)
    (folder / "pytest.ini").write_text("[pytest]\njunit_family = xunit1\n")
    board_does(BOOT, READY)
    write_test(folder, "def test_it(board):\n    pass\n")
    return folder


def write_test(project: Path, text: str) -> None:
    (project / "tests" / "hil" / "test_one.py").write_text(MARK + text)


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-c", "from pytest_hil.cli import main; main()", *arguments]


@pytest.fixture
def hil(project: Path, fake_artifacts: Path) -> Hil:
    def run(*arguments: str, artifacts: Path | None = fake_artifacts) -> subprocess.CompletedProcess[str]:
        more = ["--artifacts", str(artifacts)] if artifacts and arguments[0] == "run" else []
        return subprocess.run(
            command(*arguments, *more), cwd=project, capture_output=True, text=True, timeout=300, check=False
        )

    return run


def one_line(result: subprocess.CompletedProcess[str]) -> str:
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, result.stderr
    return lines[0]


def test_pass_is_0_and_leaves_everything(hil: Hil, project: Path) -> None:
    result = hil("run")
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stderr == ""
    assert "1 of 1 passed" in result.stdout
    latest = project / "build" / "hil" / "latest"
    assert json.loads((latest / "results.json").read_text())["verdict"] == "pass"
    for name in ("junit.xml", "report.html", "sdkconfig-release"):
        assert (latest / name).is_file(), name
    (console,) = latest.glob("*/console.log")
    assert len(console.with_name("console.times").read_text().split()) == len(console.read_bytes().splitlines())
    assert "1 of 1 passed" in (latest / "report.html").read_text()


def test_runs_add_up_to_a_history(hil: Hil, project: Path) -> None:
    assert "each 'hil run' adds to it" in one_line(hil("history"))
    for _ in range(2):
        assert hil("run").returncode == 0
    assert "The newest 2 of 2 runs" in hil("history").stdout
    latest = (project / "build" / "hil" / "latest").resolve()
    assert "the same release image" in (latest / "report.html").read_text()
    (project / "build" / "hil" / "history.sqlite").write_bytes(b"spoilt" * 999)
    assert "is not in the history" in hil("run").stdout
    assert hil("run").returncode == 0, "a history that cannot be written spoils the run"
    assert hil("history").returncode == 3


def test_a_failure_of_the_firmware_is_1(hil: Hil, board_does: Callable[..., None]) -> None:
    board_does(BOOT, READY, ASSERT)
    result = hil("run")
    assert result.returncode == 1
    assert "a panic: assert in foo" in result.stdout


def test_parallel_workers_too(hil: Hil, project: Path) -> None:
    write_test(project, "@pytest.mark.parametrize('i', range(4))\ndef test_it(board, i):\n    pass\n")
    result = hil("run", "-n", "2")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "4 of 4 passed" in result.stdout


def test_slow_tests_are_left_out_unless_asked_for(hil: Hil, project: Path) -> None:
    write_test(project, "def test_a():\n    pass\n@pytest.mark.slow\ndef test_b():\n    pass\n")
    assert "1 of 1 passed" in hil("run").stdout
    assert "1 of 1 passed" in hil("run", "-m", "slow").stdout


def test_the_value_of_an_option_is_no_test(hil: Hil, project: Path) -> None:
    """Else all of the project would be collected."""
    (project / "test_elsewhere.py").write_text("def test_it():\n    assert False\n")
    bench = project / "other-bench.toml"
    bench.write_text('[boards.another]\nkind = "native"\n')
    result = hil("run", "--hil-bench", str(bench), "--hil-board", "another")
    assert (result.returncode, "1 of 1 passed" in result.stdout) == (0, True), result.stdout + result.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "--no-such-option"], "unrecognized arguments: --no-such-option"),
        (["run", "--hil-board", "toaster"], "there is no board 'toaster'"),
        (["run", "-k", "nothing_like_it"], "no test was selected"),
        (["run", "tests/hil/test_one.py::test_missing"], "test_missing"),
    ],
)
def test_usage_is_2_and_one_line(hil: Hil, arguments: list[str], said: str) -> None:
    result = hil(*arguments)
    assert result.returncode == 2, result.stdout + result.stderr
    assert said in one_line(result)


def test_a_wrong_command_is_2(hil: Hil) -> None:
    assert hil("fly").returncode == 2
    assert hil("run", "-n", "0").returncode == 2


def test_no_build_says_what_to_do(hil: Hil) -> None:
    result = hil("run", artifacts=None)
    assert result.returncode == 2
    assert "run 'make hil'" in one_line(result)


def damage(artifacts: Path, what: str) -> None:
    if what == "images.json":
        (artifacts / what).write_text("{")
    elif what == "hil_app.bin":
        (artifacts / "release" / what).write_bytes(b"other bytes")
    elif what == "update":
        (artifacts / what / "hil_app.bin").unlink()
    else:
        (artifacts / "release" / what).write_bytes(b"\x00" * 3072)


@pytest.mark.parametrize(
    ("what", "said", "code"),
    [
        ("images.json", "images.json cannot be read", 2),
        ("hil_app.bin", "is not the file images.json speaks of", 2),
        ("update", "is not complete", 2),
        ("partition-table.bin", "no partition table", 3),
    ],
)
def test_a_damaged_build_is_told_in_one_line(hil: Hil, fake_artifacts: Path, what: str, said: str, code: int) -> None:
    damage(fake_artifacts, what)
    result = hil("run")
    assert (result.returncode, said in one_line(result)) == (code, True), result.stderr


def test_a_board_that_does_not_start_is_3(hil: Hil, board_does: Callable[..., None]) -> None:
    board_does("no-start")
    result = hil("run")
    assert result.returncode == 3
    assert "the native board did not start: native-board ended with exit code 3" in one_line(result)


def test_a_missing_native_board_is_3(hil: Hil, fake_artifacts: Path) -> None:
    (fake_artifacts / "native-board").unlink()
    result = hil("run")
    assert result.returncode == 3
    assert "native-board cannot be started: No such file" in one_line(result)


def test_a_broker_that_cannot_start_is_3(hil: Hil, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = tmp_path / "bin" / "mosquitto"
    fake.parent.mkdir()
    fake.write_text("#!/bin/sh\necho '1: Error: the test says so' >&2\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{fake.parent}:{os.environ['PATH']}")
    result = hil("run")
    assert result.returncode == 3
    assert "mosquitto cannot start" in one_line(result)
    assert "the test says so" in one_line(result)


def test_a_missing_broker_is_3(hil: Hil, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HIL_MOSQUITTO", str(tmp_path / "mosquitto"))
    result = hil("run")
    assert result.returncode == 3
    assert "mosquitto is not installed" in one_line(result)


def test_results_that_cannot_be_written_are_told_in_one_line(hil: Hil, project: Path) -> None:
    (project / "build").write_text("no folder")
    result = hil("run")
    assert (result.returncode, "results cannot go to" in one_line(result)) == (3, True), result.stderr


def test_a_test_that_the_bench_spoilt_is_3(hil: Hil, project: Path) -> None:
    write_test(project, "from pytest_hil.errors import BenchError\ndef test_it():\n    raise BenchError('no power')\n")
    assert hil("run").returncode == 3


# ---- nothing stays behind


@pytest.fixture
def hanging_run(project: Path, fake_artifacts: Path, tmp_path: Path) -> Iterator[Callable[..., psutil.Process]]:
    """Starts a run whose test waits; gives the runner's process once board and broker run."""
    started: list[psutil.Process] = []
    write_test(
        project, "def test_it(board, console):\n    open('waiting', 'w').close()\n    console.wait_event('x', 60)\n"
    )

    def start(*arguments: str) -> psutil.Process:
        log = (tmp_path / "runner.log").open("wb")
        runner = psutil.Popen(
            command("run", "--artifacts", str(fake_artifacts), *arguments),
            cwd=project,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        log.close()
        started.append(runner)
        deadline = time.monotonic() + 120
        while not (project / "waiting").exists():
            assert runner.poll() is None, (tmp_path / "runner.log").read_text()
            assert time.monotonic() < deadline, "the test did not begin"
            time.sleep(0.02)  # a file tells no event
        return runner

    yield start
    for runner in started:
        runner.kill() if runner.is_running() else None


def test_a_killed_run_leaves_nothing_in_the_temporary_folder(
    hanging_run: Callable[..., psutil.Process], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    runner = hanging_run()
    family = runner.children(recursive=True)
    runner.kill()
    runner.wait(GONE_WITHIN_S)
    assert gone(family, GONE_WITHIN_S)
    left = [path.name for path in (tmp_path / "temporary").iterdir() if not path.name.startswith("pytest-of-")]
    assert left == []


@pytest.mark.parametrize("arguments", [[], ["-n", "2"]], ids=["alone", "with workers"])
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_runner_that_ends_leaves_no_process(
    hanging_run: Callable[..., psutil.Process], how: signal.Signals, arguments: list[str]
) -> None:
    runner = hanging_run(*arguments)
    family = runner.children(recursive=True)
    names = {name for child in family for name in [child.name()]}
    assert "mosquitto" in names, names
    assert any("fake_native_board" in " ".join(child.cmdline()) for child in family), names
    runner.send_signal(how)
    runner.wait(GONE_WITHIN_S)
    assert gone(family, AT_ONCE_S), [" ".join(child.cmdline()) for child in family if child.is_running()]


@pytest.mark.parametrize("arguments", [[], ["-n", "2"]], ids=["alone", "with workers"])
@pytest.mark.parametrize(
    "interrupt",
    [
        lambda runner: runner.send_signal(signal.SIGINT),
        lambda runner: runner.send_signal(signal.SIGTERM),
        lambda runner: os.killpg(runner.pid, signal.SIGINT),
    ],
    ids=["SIGINT", "SIGTERM", "a terminal's Ctrl-C"],
)
def test_an_interrupted_run_is_no_pass_and_keeps_its_results(
    hanging_run: Callable[..., psutil.Process],
    project: Path,
    interrupt: Callable[[psutil.Process], None],
    arguments: list[str],
) -> None:
    runner = hanging_run(*arguments)
    interrupt(runner)
    assert runner.wait(GONE_WITHIN_S) == 3
    results = json.loads((project / "build" / "hil" / "latest" / "results.json").read_text())
    assert [test["outcome"] for test in results["tests"]] == ["not_run"]
    assert len(list((project / "build" / "hil" / "latest").glob("*/console.log"))) == 1


@pytest.fixture
def small_disk(project: Path) -> Iterator[Path]:
    """Where results go, a file system of one megabyte: less than a board's flash."""
    folder = project / "build"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "none", folder], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("only root can make a small file system")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.mark.parametrize("free", [500_000, 20_000, 0], ids=["no room for a flash", "nor for logs", "none at all"])
def test_a_full_disk_is_3_and_told_without_a_traceback(hil: Hil, small_disk: Path, free: int) -> None:
    (small_disk / "hil").mkdir()
    (small_disk / "fill").write_bytes(bytes(max(0, shutil.disk_usage(small_disk).free - free)))
    result = hil("run", "--hil-run-dir", str(small_disk / "hil" / "it"))
    told = result.stdout + result.stderr
    assert result.returncode == 3, told
    assert "No space left on device" in told
    assert "Traceback" not in told
    assert "INTERNALERROR" not in told


def test_results_that_do_not_fit_are_no_pass(hil: Hil, project: Path) -> None:
    """Every test passed, and its record is there."""
    write_test(project, "def test_it(run_dir):\n    (run_dir.path / 'results.tmp').symlink_to('/dev/full')\n")
    result = hil("run")
    assert result.returncode == 3, result.stdout + result.stderr
    assert "results.json could not be written; is the disk full?" in one_line(result)
    assert "No space left on device" in result.stdout


def test_a_list_of_tests_that_does_not_fit_is_no_pass(hil: Hil, project: Path) -> None:
    """Without it nobody knows whether all of them ran. What was cut off of it spoils nothing else."""
    (project / "conftest.py").write_text(
        "from pathlib import Path\n"
        "def pytest_collection_modifyitems(config):\n"
        "    (Path(config.getoption('--hil-run-dir')) / 'collected.json').symlink_to('/dev/full')\n"
    )
    write_test(
        project,
        "def test_it(run_dir):\n    run_dir.collected.unlink()\n    run_dir.collected.write_text('{')\n",
    )
    result = hil("run")
    assert result.returncode == 3, result.stdout + result.stderr
    assert "1 of 1 passed" in result.stdout
    assert "the bench failed: " in result.stdout
    assert "No space left on device" in result.stdout
