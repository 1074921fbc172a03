# SPDX-License-Identifier: Apache-2.0
"""action.yml, run as a workflow's runner would: its scripts in bash, its inputs as environment, a fake board."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from .conftest import BOOT, READY

ROOT = Path(__file__).parents[2]
SHELL = ("bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c")  # what `shell: bash` stands for
TEST = "import pytest\n@pytest.mark.hil(kind='promise')\ndef test_it(board):\n    pass\n"
POLICY = (ROOT / "gate.toml").read_text()

Step = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def step(tmp_path: Path, fake_artifacts: Path, board_does: Callable[..., None]) -> Step:
    """Runs the step of that name with these inputs; knows what steps before it put out."""
    board_does(BOOT, READY)
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    defaults = {name: str(about.get("default", "")) for name, about in action["inputs"].items()}
    (tmp_path / "hil").mkdir()
    (tmp_path / "hil" / "bin").symlink_to(Path(sys.executable).parent)
    outputs = tmp_path / "outputs"
    outputs.touch()

    def value(text: str, inputs: dict[str, str]) -> str:
        known: dict[str, str] = {f"inputs.{name}": given for name, given in inputs.items()}
        known["github.action_path"] = str(ROOT)
        told = (line.partition("=") for line in outputs.read_text().splitlines())
        known |= {f"steps.run.outputs.{name}": given for name, _, given in told}
        return re.sub(r"\$\{\{ (\S+) \}\}", lambda found: known[found[1]], text)

    def run(name: str, **given: str) -> subprocess.CompletedProcess[str]:
        body: dict[str, Any] = next(one for one in action["runs"]["steps"] if one["name"] == name)
        inputs = defaults | {"artifacts": str(fake_artifacts)} | given
        environment = {key: value(str(text), inputs) for key, text in body["env"].items()}
        runner = {"RUNNER_TEMP": str(tmp_path), "GITHUB_OUTPUT": str(outputs)}
        return subprocess.run(
            [*SHELL, body["run"]],
            cwd=tmp_path,
            env=os.environ | runner | environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "my firmware"
    (folder / "tests" / "hil").mkdir(parents=True)
    (folder / "pytest.ini").write_text("[pytest]\njunit_family = xunit1\n")
    (folder / "tests" / "hil" / "test_one.py").write_text(TEST)
    (folder / "gate.toml").write_text(POLICY)
    return folder


def test_scenarios_run_and_the_gate_says_what_it_says(step: Step, project: Path, fake_artifacts: Path) -> None:
    given = {"project": str(project), "policy": str(project / "gate.toml")}
    ran = step("Scenarios", **given)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "1 of 1 passed" in ran.stdout
    assert (project / "build" / "hil" / "latest" / "results.json.sig").is_file()

    # The fake's images are no app images: the gate refuses them, and the step fails.
    gated = step("Gate", **given, image=str(fake_artifacts / "release" / "hil_app.bin"))
    assert gated.returncode == 2, gated.stdout
    assert "hil_app.bin: no app image of ESP-IDF" in gated.stderr
    real = str(ROOT / "build" / "native" / "release" / "hil_app.bin")
    gated = step("Gate", **given, image=real)
    assert gated.returncode == 1, gated.stderr
    assert "it tested another image than" in gated.stdout
    assert "::error title=hil gate::" in gated.stdout


def test_a_scenario_that_fails_fails_the_step(step: Step, project: Path, board_does: Callable[..., None]) -> None:
    board_does(BOOT, READY, "print assert failed: foo bar.c:12 (x > 0)")
    assert step("Scenarios", project=str(project), arguments="-k\ntest_it").returncode == 1


def test_nothing_of_an_input_is_run(step: Step, project: Path, tmp_path: Path) -> None:
    ran = step("Scenarios", project=str(project), board="$(touch owned)`touch owned`'; touch owned; '")
    assert ran.returncode == 2
    assert "there is no board" in ran.stderr
    assert not list(tmp_path.rglob("owned"))
