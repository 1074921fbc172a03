# SPDX-License-Identifier: Apache-2.0
"""Runs the fuzzers of a build directory: the kept inputs again, or new ones for some time.

    run.py BUILD --seconds 60     each fuzzer for a minute
    run.py BUILD                  the kept inputs alone
    run.py BUILD --seconds 600 --keep   and what reaches new code goes into the kept corpora

Exit codes: 0 nothing found, 1 something was (each input in BUILD/findings, with the log beside it), 2 usage, 3 a fuzzer
did not run. Ctrl-C ends all of them.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"
MAX_LEN = 12289  # bytes; three pages of nvs are the longest input that makes sense
INPUT_TIMEOUT_S = 20  # an input takes microseconds
PATIENCE_S = 120  # beyond the time a fuzzer was given, before it is taken for hung
FOUND = re.compile(r"SUMMARY: .*|.*: not so: .*")


@dataclass(frozen=True)
class Outcome:
    """What a fuzzer did."""

    name: str
    executions: int
    seconds: float
    found: str | None  # one line
    ran: bool


class Fuzzers:
    """The fuzzers of one build, and the processes that run."""

    def __init__(self, build: Path, seconds: int) -> None:
        self.build, self.seconds = build, seconds
        self.running: set[subprocess.Popen[str]] = set()

    def names(self) -> list[str]:
        programs = (path for path in self.build.glob("fuzz_*") if path.is_file() and os.access(path, os.X_OK))
        return sorted(path.name.removeprefix("fuzz_") for path in programs)

    def command(self, name: str, work: Path) -> list[str]:
        findings = self.build / "findings"
        findings.mkdir(exist_ok=True)
        flags = [f"-max_len={MAX_LEN}", f"-timeout={INPUT_TIMEOUT_S}", f"-artifact_prefix={findings}/{name}-"]
        time_flags = [f"-max_total_time={self.seconds}"] if self.seconds else ["-runs=0"]
        folders = [str(work), str(CORPUS / name.removesuffix("_broken"))]
        return [str(self.build / f"fuzz_{name}"), *flags, *time_flags, "-print_final_stats=1", *folders]

    def run(self, name: str) -> Outcome:
        work = self.build / "corpus" / name
        work.mkdir(parents=True, exist_ok=True)
        began = time.monotonic()
        process = subprocess.Popen(
            self.command(name, work), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace"
        )
        self.running.add(process)
        try:
            _, log = process.communicate(timeout=self.seconds + PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            _, log = process.communicate()
        finally:
            self.running.discard(process)
        (self.build / "findings" / f"{name}.log").write_text(log)
        executed = re.search(r"stat::number_of_executed_units: (\d+)", log)
        found = FOUND.search(log) if process.returncode != 0 else None
        return Outcome(
            name,
            int(executed[1]) if executed else 0,
            time.monotonic() - began,
            found[0] if found else None,
            ran=process.returncode == 0 or found is not None,
        )

    def end(self) -> None:
        for process in list(self.running):
            with contextlib.suppress(ProcessLookupError):
                process.kill()

    def keep(self, name: str) -> None:
        """Adds to the kept corpus what reaches code that it does not reach yet."""
        program, kept = str(self.build / f"fuzz_{name}"), CORPUS / name
        kept.mkdir(exist_ok=True)
        # Places reached, not how often: a few inputs are kept, and not hundreds.
        flags = ["-merge=1", "-use_counters=0", f"-max_len={MAX_LEN}"]
        folders = [str(kept), str(self.build / "corpus" / name)]
        subprocess.run([program, *flags, *folders], capture_output=True, check=True)


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def tell(outcome: Outcome) -> None:
    rate = outcome.executions / outcome.seconds if outcome.seconds else 0
    verdict = outcome.found or ("clean" if outcome.ran else "did not run")
    say(f"  {outcome.name:<16} {outcome.executions:>10} executions {rate:>8.0f} a second  {verdict}")


def main() -> int:
    parser = argparse.ArgumentParser(prog="run.py", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("build", type=Path, help="build directory of the fuzzers")
    parser.add_argument("names", nargs="*", metavar="NAME", help="these alone (all)")
    parser.add_argument("--seconds", type=int, default=0, metavar="N", help="time of each; 0: the kept inputs alone")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="fuzzers at a time (2)")
    parser.add_argument("--keep", action="store_true", help="add what was found to reach new code to the kept corpora")
    options = parser.parse_intermixed_args()
    fuzzers = Fuzzers(options.build.absolute(), options.seconds)
    known = fuzzers.names()
    names = options.names or [name for name in known if not name.endswith("_broken")]
    unknown = sorted(set(names) - set(known))
    if unknown or not names or options.seconds < 0 or options.jobs < 1:
        parser.error(f"no fuzzer {', '.join(unknown)} in {options.build}; there are: {', '.join(known) or 'none'}")
    shutil.rmtree(fuzzers.build / "findings", ignore_errors=True)

    with ThreadPoolExecutor(options.jobs) as pool:
        futures = [pool.submit(fuzzers.run, name) for name in names]
        try:
            outcomes = []
            for future in futures:
                outcomes.append(future.result())
                tell(outcomes[-1])
        except KeyboardInterrupt:
            for future in futures:
                future.cancel()
            fuzzers.end()
            return 130
    found = [outcome for outcome in outcomes if outcome.found]
    say(f"{sum(outcome.executions for outcome in outcomes)} executions, {len(found)} findings")
    if found:
        say(f"the inputs and the logs: {fuzzers.build}/findings")
        return 1
    if not all(outcome.ran for outcome in outcomes):
        return 3
    if options.keep:
        for name in names:
            fuzzers.keep(name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
