# SPDX-License-Identifier: Apache-2.0
"""`make sweep`: the sweep in process, then the sample on the whole board, and the figures of both in one file.

Exit codes as `hil` has them: 0 the board got over every cut, 1 it did not, 2 usage, 3 the sweep itself failed.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
BUILD = ROOT / "build" / "native"
OUT = ROOT / "build" / "sweep"
FULL_STACK = 110  # cuts on the whole board
INTERRUPTED = 130


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def in_process(options: argparse.Namespace) -> int:
    """The program that cuts at every operation; its figures are in in_process.json when it came to its end."""
    (OUT / "in_process.json").unlink(missing_ok=True)
    files = ("release/partition-table.bin", "release/hil_app.bin", "update/hil_app.bin")
    command = [BUILD / "sweep" / "sweep", "--json", OUT / "in_process.json", "--findings", OUT / "findings.txt"]
    if options.smoke:
        command.append("--smoke")
    return subprocess.run([*map(str, command), *(str(BUILD / file) for file in files)], check=False).returncode


def on_the_board(cuts: int, workers: int) -> tuple[int, list[dict[str, Any]]]:
    run = OUT / "run"
    shutil.rmtree(run, ignore_errors=True)
    command = [sys.executable, "-m", "pytest", str(ROOT / "tests" / "sweep"), "-q", "--tb=short", "-n", str(workers)]
    done = subprocess.run([*command, f"--sweep-cuts={cuts}", f"--hil-run-dir={run}"], cwd=ROOT, check=False)
    results = run / "results.json"
    return done.returncode, json.loads(results.read_text())["tests"] if results.exists() else []


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.sweep", description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="a sample of both, in a minute")
    parser.add_argument("--workers", type=int, default=2, help="boards at a time (2)")
    options = parser.parse_args()
    OUT.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()

    say("Power cuts at every flash operation, in process:")
    code = in_process(options)
    if not (OUT / "in_process.json").exists():
        return INTERRUPTED if code == INTERRUPTED else 3
    figures = json.loads((OUT / "in_process.json").read_text())
    say("A sample of them on the whole board, with streams and broker:")
    status, tests = on_the_board(4 if options.smoke else FULL_STACK, options.workers)
    if not tests:
        return INTERRUPTED if status == 2 else 3

    cut = [test for test in tests if "cut" in test["observed"]]
    failed = [test for test in tests if test["outcome"] == "failed"]
    figures |= {
        "full_stack": len(cut),
        "bricked": figures["bricked"] + len(failed),
        "in_process_seconds": figures["seconds"],
        "seconds": round(time.monotonic() - began, 1),
    }
    (OUT / "latest.json").write_text(json.dumps(figures) + "\n")
    say(
        f"{figures['cuts']} cuts in process at {figures['operations']} operations, {len(cut)} on the whole board: "
        f"{figures['bricked']} bricked, {figures['lost_nvs']} lost nvs, {figures['misled']} misled, "
        f"{figures['seconds']:.0f} s in all. Figures: build/sweep/latest.json"
    )
    if code == 1:
        say("What was found, with the board's log: build/sweep/findings.txt")
    if code == 1 or failed:
        return 1
    return 0 if code == 0 and status == 0 else 3


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
