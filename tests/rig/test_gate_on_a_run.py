# SPDX-License-Identifier: Apache-2.0
"""`hil run` on the native board and `hil gate` on what it left: some real scenarios, both controls among them."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NATIVE = ROOT / "build" / "native"
IMAGE = str(NATIVE / "release" / "hil_app.bin")
# Both controls, promises with and without a stop, and an update that is taken back.
CHOSEN = " or ".join(
    (
        "plain-inline-1_mjpeg",
        "kill_task",
        "graceful-workers-2_mjpeg_2_ws",
        "graceful-inline-1_stuck",
        "JSON",
        "no_servers",
    )
)
RUN_LIMIT_S = 400  # some 20 s on an idle machine

REQUIRED = """
[boards.native.required]
"tests/hil/test_stop_and_update.py::test_stop[graceful-*" = 2
"tests/hil/test_refused_triggers.py::*" = 1
"tests/hil/faults/*" = 1
"""


def hil(project: Path, *arguments: str, timeout_s: float = 60) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from pytest_hil.cli import main; main()", *arguments]
    return subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=timeout_s, check=False)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with the real scenarios, a bench key of its own, and a run."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "tests").mkdir()
    left_out = shutil.ignore_patterns("__pycache__", "test_documented_example.py")  # its document is not there
    shutil.copytree(ROOT / "tests" / "hil", folder / "tests" / "hil", ignore=left_out)
    shutil.copyfile(ROOT / "tests" / "__init__.py", folder / "tests" / "__init__.py")
    shutil.copyfile(ROOT / "conftest.py", folder / "conftest.py")
    shutil.copyfile(ROOT / "pytest.ini", folder / "pytest.ini")
    policy = (ROOT / "gate.toml").read_text()
    policy = re.sub(r"\[boards\.native\.required\]\n.*?\n\n", f"{REQUIRED}\n", policy, count=1, flags=re.DOTALL)
    (folder / "gate.toml").write_text(policy)
    assert hil(folder, "keys", "--bench", "--out", "build/bench").returncode == 0
    run = hil(folder, "run", "-n", "2", "--artifacts", str(NATIVE), "-k", CHOSEN, timeout_s=RUN_LIMIT_S)
    assert run.returncode == 0, run.stdout + run.stderr
    return folder


def gate(project: Path, *more: str) -> subprocess.CompletedProcess[str]:
    return hil(project, "gate", "--results", "build/hil/latest", "--image", IMAGE, *more)


def test_the_results_of_a_run_pass_and_are_attested(project: Path) -> None:
    result = gate(project, "--explain")
    assert (result.returncode, result.stderr) == (0, ""), result.stdout + result.stderr
    assert re.search(r"^PASS: 6 scenarios in 1 run", result.stdout, re.MULTILINE), result.stdout
    attestation = "build/hil/latest/attestation.intoto.json"
    key = ("--key", "build/bench/bench-key.pub.pem")
    assert hil(project, "verify", attestation, "--image", IMAGE, *key, "--policy", "gate.toml").returncode == 0
    other = str(NATIVE / "update" / "hil_app.bin")
    assert hil(project, "verify", attestation, "--image", other, *key).returncode == 1


def test_the_same_results_do_not_pass_for_more_than_they_are(project: Path) -> None:
    policy = project / "all.toml"
    policy.write_text((ROOT / "gate.toml").read_text())
    result = gate(project, "--policy", "all.toml")
    assert result.returncode == 1
    assert "native: 2 scenarios of tests/hil/test_stop_and_update.py::test_stop[graceful-* passed" in result.stdout


def test_a_line_added_to_a_log_does_not_pass(project: Path) -> None:
    log = next((project / "build" / "hil" / "latest").glob("*kill_task*/console.log"))
    content = log.read_bytes()
    log.write_bytes(content + b"nothing happened\n")
    try:
        result = gate(project)
    finally:
        log.write_bytes(content)
    assert result.returncode == 1
    assert re.search(r"kill_task-.*console.log is not the file that was signed", result.stdout), result.stdout
