#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What must hold of the workflows, shown from their graph: nothing is published unless the gate passed, and no code
that nobody has looked at reaches a bench.

    workflow_rules.py DIR         .github/workflows

A job publishes when it may write contents or packages, or when a step of it makes a release. It must need, through
whatever jobs, one that runs `hil gate`; and on the way there nothing may swallow a failure. GitHub skips a job when one
that it needs has failed or was skipped, unless its `if` asks for the status itself: that is what is looked for. What a
shell can do to an exit code has no end, so the gate's step is that one command and nothing else. And what is published
comes from the gate's job: it may fetch no artefact that another made.
"""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

GATE = re.compile(r"(?:^|[\s/;&|(])hil gate(?=\s|$)", re.MULTILINE)
RELEASES = re.compile(
    r"\bgh release (?:create|upload|edit)\b|/releases\b|\btwine upload\b|\bcompote component upload\b"
)
RELEASE_ACTIONS = re.compile(r"release|publish|deploy|upload-components", re.IGNORECASE)
STATUS = re.compile(
    r"\b(?:always|failure|cancelled|success)\s*\(", re.IGNORECASE
)  # GitHub's own are not case-sensitive
QUOTED = re.compile(r'"[\w./${}-]*"')  # one argument, whatever is in its variables
SHELL_MEANS = re.compile(r"[;&|<>(){}`$#!\n*?\[\]~]")
WRITES = ("contents", "packages", "deployments", "pages")
REVIEWED = ("push", "schedule", "workflow_dispatch")  # what only those can start who may write to the repository


@dataclass(frozen=True)
class Job:
    """One job of one workflow."""

    name: str
    body: dict[str, Any]
    workflow: dict[str, Any]

    @property
    def needs(self) -> list[str]:
        needs = self.body.get("needs", [])
        return [needs] if isinstance(needs, str) else list(needs)

    @property
    def steps(self) -> list[dict[str, Any]]:
        return [step for step in self.body.get("steps", []) if isinstance(step, dict)]

    @property
    def gate_steps(self) -> list[dict[str, Any]]:
        return [step for step in self.steps if GATE.search(str(step.get("run", "")))]

    @property
    def publishes(self) -> bool:
        permissions = self.body.get("permissions", self.workflow.get("permissions", "write-all"))
        if permissions == "write-all":
            return True
        if isinstance(permissions, dict) and any(permissions.get(what) == "write" for what in WRITES):
            return True
        return any(
            RELEASES.search(str(step.get("run", ""))) or RELEASE_ACTIONS.search(str(step.get("uses", "")).split("@")[0])
            for step in self.steps
        )

    @property
    def self_hosted(self) -> bool:
        """Whether it may run on a machine that keeps its state; what an expression gives is not known here."""
        labels = self.body.get("runs-on", "")
        return "self-hosted" in str(labels) or "hil-bench" in str(labels) or "${{" in str(labels)


def broken_rules(name: str, workflow: dict[str, Any]) -> Iterator[str]:
    """Each a sentence."""
    bodies = workflow.get("jobs") or {}
    jobs = {job: Job(job, body, workflow) for job, body in bodies.items() if isinstance(body, dict)}
    for job in jobs.values():
        if job.publishes:
            yield from (f"{name}: {text}" for text in _ungated(job, jobs))
    unreviewed = sorted(set(_triggers(workflow)) - set(REVIEWED))
    for job in jobs.values():
        if job.self_hosted and unreviewed:
            yield f"{name}: job {job.name} runs on a bench, and {', '.join(unreviewed)} may start it"


def _triggers(workflow: dict[Any, Any]) -> list[str]:
    on = workflow.get("on", workflow.get(True, []))  # YAML 1.1 reads `on` as true
    return [on] if isinstance(on, str) else [str(trigger) for trigger in on]


def _ungated(release: Job, jobs: dict[str, Job]) -> Iterator[str]:
    needed = _all_needed(release, jobs)
    gates = [job for job in needed if job.gate_steps]
    if release.gate_steps:
        yield f"job {release.name} publishes and gates at once: the gate must be a job that it needs"
    if not gates:
        yield f"job {release.name} publishes, and needs no job that runs `hil gate`"
    for gate in gates:
        yield from _toothless(gate)
    made = {name for gate in gates for name in _artifacts(gate, "upload-artifact")}
    for name in _artifacts(release, "download-artifact"):
        if gates and name not in made:
            yield f"job {release.name} fetches {name or 'every artefact'}, which is not what the gate's job made"
    for job in (release, *needed):
        # What a skipped or failed job says is asked for by these functions alone.
        if STATUS.search(str(job.body.get("if", ""))):
            yield f"job {job.name} asks for the status in its `if`: it may run when a job before it failed"
        if job.body.get("continue-on-error"):
            yield f"job {job.name} has continue-on-error: it never fails for those that need it"
        for needs in job.needs:
            if needs not in jobs:
                yield f"job {job.name} needs {needs}, which is no job"


def _artifacts(job: Job, action: str) -> list[str | None]:
    """Their names; None where a step names none, and so means all."""
    steps = [step for step in job.steps if f"/{action}@" in str(step.get("uses", ""))]
    return [(step.get("with") or {}).get("name") for step in steps]


def _toothless(gate: Job) -> Iterator[str]:
    if gate.body.get("if") is not None:
        yield f"job {gate.name} is the gate and has an `if`"
    for of in (gate.body, gate.workflow):
        shell = ((of.get("defaults") or {}).get("run") or {}).get("shell", "bash")
        if shell not in ("bash", "sh"):
            yield f"job {gate.name}: its steps have a shell of their own, which may go on after an error"
    for step in gate.gate_steps:
        run = str(step["run"])
        if step.get("continue-on-error"):
            yield f"job {gate.name}: its gate step has continue-on-error"
        if step.get("if") is not None:
            yield f"job {gate.name}: its gate step has an `if`: it may be skipped"
        if step.get("shell", "bash") != "bash":
            yield f"job {gate.name}: its gate step has a shell of its own, which may go on after an error"
        if (more := _beside_the_gate(run)) is not None:
            yield f"job {gate.name}: its gate step is no plain `hil gate`, and may swallow its exit code: {more}"
        if "--policy" not in run:
            yield f"job {gate.name}: its gate step names no --policy"


def _beside_the_gate(run: str) -> str | None:
    """What a script is beside one plain `hil gate` and its options; None when it is nothing else."""
    script = run.replace("\\\n", " ").strip()
    if found := SHELL_MEANS.search(QUOTED.sub("", script)):
        return repr(found.group())
    try:
        words = shlex.split(script)
    except ValueError as error:
        return str(error)
    if Path(words[0]).name != "hil" or words[1:2] != ["gate"]:
        return words[0]
    return next((word for word in words if word in ("--help", "-h")), None)


def _all_needed(job: Job, jobs: dict[str, Job]) -> list[Job]:
    """Through whatever jobs."""
    found: dict[str, Job] = {}
    waiting = list(job.needs)
    while waiting:
        name = waiting.pop()
        if name in jobs and name not in found:
            found[name] = jobs[name]
            waiting += jobs[name].needs
    return list(found.values())


def main(argv: list[str]) -> int:
    if len(argv) != 1 or not Path(argv[0]).is_dir():
        print("usage: workflow_rules.py DIR", file=sys.stderr)
        return 2
    broken: list[str] = []
    releases = 0
    for path in sorted(Path(argv[0]).glob("*.y*ml")):
        try:
            workflow = yaml.safe_load(path.read_text())
        except yaml.YAMLError as error:
            broken.append(f"{path.name}: {' '.join(str(error).split())}")
            continue
        if not isinstance(workflow, dict):
            broken.append(f"{path.name}: no workflow")
            continue
        broken += broken_rules(path.name, workflow)
        jobs = (workflow.get("jobs") or {}).items()
        releases += sum(Job(name, body, workflow).publishes for name, body in jobs if isinstance(body, dict))
    if not releases:
        broken.append("no job publishes anything: the release is missing, or is not seen as one")
    for rule in broken:
        print(f"workflow_rules: {rule}", file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
