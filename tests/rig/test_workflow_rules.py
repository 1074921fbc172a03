# SPDX-License-Identifier: Apache-2.0
"""The rules over the workflows: as they are they hold, and every way to let a release past the gate breaks one."""

from __future__ import annotations

import copy
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

sys.path.insert(0, str(Path(__file__).parents[2] / ".ci"))
import workflow_rules

ROOT = Path(__file__).parents[2]
WORKFLOWS = ROOT / ".github" / "workflows"

MORE = r"its gate step is no plain `hil gate`, and may swallow its exit code: "
Workflow = dict[Any, Any]
Change = Callable[[Workflow], object]


def read(name: str) -> Workflow:
    workflow: Workflow = yaml.safe_load((WORKFLOWS / name).read_text())
    return workflow


def job(name: str, **fields: Any) -> Change:
    return lambda workflow: workflow["jobs"][name].update(fields)


def gate_step(workflow: Workflow) -> dict[str, Any]:
    steps = workflow["jobs"]["gate"]["steps"]
    step: dict[str, Any] = next(step for step in steps if "hil gate" in step.get("run", ""))
    return step


def gate(**fields: Any) -> Change:
    return lambda workflow: gate_step(workflow).update(fields)


def gate_runs(change: Callable[[str], str]) -> Change:
    def apply(workflow: Workflow) -> None:
        step = gate_step(workflow)
        step["run"] = change(step["run"].rstrip())

    return apply


def another_release(workflow: Workflow) -> None:
    workflow["jobs"]["hotfix"] = {
        "runs-on": "ubuntu-24.04",
        "permissions": {},
        "steps": [{"run": "gh release create v1 hil_app.bin"}],
    }


def test_the_workflows_keep_the_rules() -> None:
    assert workflow_rules.main([str(WORKFLOWS)]) == 0


def test_the_release_needs_every_suite_through_the_gate() -> None:
    jobs = {name: workflow_rules.Job(name, body, {}) for name, body in read("release.yml")["jobs"].items()}
    needed = {job.name for job in workflow_rules._all_needed(jobs["release"], jobs)}
    assert needed == {"gate", "native-suite", "differential", "bench-suite", "native-images", "chip-images"}


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (lambda w: w["jobs"]["release"].pop("needs"), r"job release publishes, and needs no job that runs `hil gate`"),
        (job("release", needs=["bench-suite"]), r"job release publishes, and needs no job"),
        (job("release", needs=["gate", "gates"]), r"job release needs gates, which is no job"),
        (job("release", **{"if": "always()"}), r"job release asks for the status in its `if`"),
        (job("release", **{"if": "${{ !cancelled() }}"}), r"job release asks for the status"),
        (job("release", **{"if": "failure() || true"}), r"job release asks for the status"),
        (job("release", **{"if": "success() || github.actor == 'me'"}), r"job release asks for the status"),
        (job("release", **{"if": "Always ()"}), r"job release asks for the status"),
        (
            lambda w: w["jobs"]["release"]["steps"][0]["with"].update(name="chip-images"),
            r"job release fetches chip-images",
        ),
        (lambda w: w["jobs"]["release"]["steps"][0].pop("with"), r"job release fetches every artefact"),
        (job("gate", **{"if": "github.ref != 'x'"}), r"job gate is the gate and has an `if`"),
        (job("gate", **{"continue-on-error": True}), r"job gate has continue-on-error"),
        (job("gate", **{"continue-on-error": "${{ vars.LENIENT }}"}), r"job gate has continue-on-error"),
        (job("bench-suite", **{"continue-on-error": True}), r"job bench-suite has continue-on-error"),
        (job("bench-suite", **{"if": "always()"}), r"job bench-suite asks for the status"),
        (gate(**{"continue-on-error": True}), r"its gate step has continue-on-error"),
        (gate(**{"if": "vars.GATE == 'on'"}), r"its gate step has an `if`"),
        (gate(shell="bash {0}"), r"its gate step has a shell of its own"),
        (gate_runs(lambda run: f"{run} || true"), MORE),
        (gate_runs(lambda run: f"{run} || echo failed"), MORE),
        (gate_runs(lambda run: f"set +e\n{run}"), MORE),
        (gate_runs(lambda run: f"exit 0\n{run}"), MORE),
        (gate_runs(lambda run: f"trap 'exit 0' EXIT\n{run}"), MORE),
        (gate_runs(lambda run: f"{run} && echo passed\necho over"), MORE),
        (gate_runs(lambda run: f'echo "$({run})"'), MORE),
        (gate_runs(lambda run: f"echo `{run}`"), MORE),
        (gate_runs(lambda run: f"echo {run}"), MORE + "echo"),
        (gate_runs(lambda run: f"# {run}"), MORE),
        (gate_runs(lambda run: f"[ -e skip ] || {run}"), MORE),
        (gate_runs(lambda run: f"cat <<<'{run}'"), MORE),
        (gate_runs(lambda run: f"{run} --help"), MORE + "--help"),
        (gate_runs(lambda run: f"{run} $MORE"), MORE),
        (gate_runs(lambda run: f"{run} --junit a$MORE"), MORE),
        (
            lambda w: w.update(defaults={"run": {"shell": "bash -c '{0}; true'"}}),
            r"its steps have a shell of their own",
        ),
        (job("gate", defaults={"run": {"shell": "python {0}"}}), r"its steps have a shell of their own"),
        (gate_runs(lambda run: f"{run}; true"), MORE),
        (gate_runs(lambda run: f"{run} | tee gate.log"), MORE),
        (gate_runs(lambda run: f"if {run}; then echo ok; fi"), MORE),
        (gate_runs(lambda run: f"{run} &"), MORE),
        (gate_runs(lambda run: f"! {run}"), MORE),
        (gate_runs(lambda run: run.replace("--policy .github/release-gate.toml", "")), r"names no --policy"),
        (gate_runs(lambda _: "echo all is well"), r"needs no job that runs `hil gate`"),
        (another_release, r"job hotfix publishes, and needs no job"),
        (job("native-images", permissions={"contents": "write"}), r"job native-images publishes, and needs no job"),
        (
            lambda w: (w.pop("permissions"), w["jobs"]["gate"].pop("permissions")),
            r"job gate publishes and gates at once",
        ),
        (lambda w: w.update({True: {"pull_request": None}}), r"job bench-suite runs on a bench, and pull_request"),
    ],
)
def test_a_broken_graph_is_seen(change: Change, rule: str) -> None:
    workflow = copy.deepcopy(read("release.yml"))
    change(workflow)
    broken = list(workflow_rules.broken_rules("release.yml", workflow))
    assert any(re.search(rule, told) for told in broken), broken


@pytest.mark.parametrize(
    "trigger", ["pull_request", "pull_request_target", "issue_comment", "workflow_run", "workflow_call"]
)
def test_a_bench_never_runs_what_nobody_has_looked_at(trigger: str) -> None:
    workflow = read("hil.yml")
    assert list(workflow_rules.broken_rules("hil.yml", workflow)) == []
    workflow[True][trigger] = None
    (told,) = workflow_rules.broken_rules("hil.yml", workflow)
    assert told == f"hil.yml: job bench runs on a bench, and {trigger} may start it"


def test_a_folder_without_a_release_is_no_proof(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "hil.yml").write_text((WORKFLOWS / "hil.yml").read_text())
    assert workflow_rules.main([str(tmp_path)]) == 1
    assert "no job publishes anything" in capsys.readouterr().err
    (tmp_path / "broken.yml").write_text("a: [")
    assert workflow_rules.main([str(tmp_path)]) == 1
    assert "broken.yml: " in capsys.readouterr().err


@pytest.mark.parametrize("path", [*sorted(WORKFLOWS.glob("*.yml")), ROOT / "action.yml"], ids=lambda path: path.name)
def test_actions_are_pinned_and_checkouts_keep_no_credentials(path: Path) -> None:
    text = path.read_text()
    for uses in re.findall(r"uses:\s*(\S+)", text):
        assert uses.startswith("./") or re.fullmatch(r"[^@]+@[0-9a-f]{40}", uses), f"{path.name}: {uses} is not pinned"
    assert text.count("actions/checkout@") == text.count("persist-credentials: false")
