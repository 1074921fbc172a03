# SPDX-License-Identifier: Apache-2.0
"""The records of all workers into one results.json, and the verdict over them."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from .record import SCHEMA, TestRecord, read_records
from .run_dir import RunDir


def verdict_of(tests: Iterable[dict[str, Any]]) -> str:
    """pass only when something passed and nothing failed, was left out by the bench, or did not run."""
    outcomes = {str(test["outcome"]) for test in tests}
    return "pass" if "passed" in outcomes and outcomes <= {"passed", "flaky", "skipped"} else "fail"


def merge(
    run_dir: RunDir, *, started: str, duration_s: float, seed: int, rig_version: str, images: list[dict[str, Any]]
) -> dict[str, Any]:
    """Writes results.json and returns it. Tests that were collected but left no record appear as not_run."""
    records = {record["id"]: record for record in read_records(run_dir.records)}
    collected = run_dir.read_collected()
    tests = [
        records.pop(test_id) if test_id in records else asdict(TestRecord(test_id, kind))
        for test_id, kind in collected.items()
    ]
    tests += records.values()
    results = {
        "schema": SCHEMA,
        "run": {
            "id": run_dir.path.name,
            "started": started,
            "duration_s": round(duration_s, 3),
            "rig_version": rig_version,
            "seed": seed,
            "runner": f"{platform.node()} {platform.system()} {platform.release()} Python {platform.python_version()}",
        },
        "images": images,
        "tests": tests,
        "left_out": run_dir.read_left_out(),
        "verdict": verdict_of(tests),
    }
    temporary = run_dir.results.with_suffix(".tmp")
    temporary.write_text(json.dumps(results, indent=1))
    temporary.replace(run_dir.results)
    return results
