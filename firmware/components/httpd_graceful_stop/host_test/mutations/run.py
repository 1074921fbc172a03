#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Shows that the tests of the component see what they are there for: each break of breaks.toml must make its test fail.

    run.py BUILD [WORD...]     BUILD: the native build tree; WORD: only breaks whose promise, file or test has it
    run.py --check             only whether each can still be applied, and its test is there

The component is copied, so that nobody's sources are touched. Each test is run without a break first: what fails anyway
shows nothing. Exit code: 0 every break was seen, 1 one was not, 2 it could not be tried.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

HERE = Path(__file__).resolve().parent
COMPONENT = HERE.parent.parent
TRIES = 3  # a machine that is busy with other things may fail a test; a break fails it each time
BROKEN_TRIES = 2
TEST_LIMIT_S = 120  # the stop that a break makes hang is bounded; its test's own clean-up may not be


@dataclass(frozen=True)
class Break:
    """One row of breaks.toml."""

    promise: str
    file: str
    find: str
    replace: str
    program: str
    test: str

    def original(self) -> str:
        return (COMPONENT / "src" / self.file).read_text()

    def broken(self) -> str:
        return self.original().replace(self.find, self.replace)

    def outdated(self) -> str | None:
        """Why it cannot be applied any more."""
        times = self.original().count(self.find)
        if times != 1:
            return f"{self.find!r} is {times} times in {self.file}"
        if f"_RUN({self.test});" not in (HERE.parent / f"test_{self.program}.c").read_text():
            return f"test_{self.program}.c has no test {self.test}"
        return None


class Mutant:
    """The copy of the component, and the test programs built from it."""

    def __init__(self, build: Path, board_options: dict[str, list[str]]) -> None:
        self._build = build
        self._copy = build / "graceful_stop_host_test" / "mutant"
        self._board_options = board_options
        for folder in ("src", "include"):
            for source in (COMPONENT / folder).iterdir():
                self.write(f"{folder}/{source.name}", source.read_text())

    def write(self, name: str, text: str) -> None:
        path = self._copy / name
        if not path.exists() or path.read_text() != text:  # an unchanged file keeps its time, and is not compiled again
            path.write_text(text)

    def passes(self, program: str, test: str) -> bool:
        made = subprocess.run(
            ["ninja", "-C", self._build, "--quiet", "native-board", f"mutant_{program}"],
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode != 0:
            print(f"it does not compile:\n{made.stdout}{made.stderr}")
            sys.exit(2)
        board = [str(self._build / "native-board"), *self._board_options.get(program, [])]
        elf = self._build / "graceful_stop_host_test" / f"mutant_{program}"
        try:
            ran = subprocess.run(
                [*board, "--program", str(elf), "--only", test, "--strict"],
                capture_output=True,
                timeout=TEST_LIMIT_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return False
        if f"- {test}\n" not in ran.stdout.decode(errors="replace").replace("\r", ""):
            print(f"{program} did not run {test}")
            sys.exit(2)
        return b"all passed" in ran.stdout


def main() -> None:
    with (HERE / "breaks.toml").open("rb") as file:
        told: dict[str, Any] = tomllib.load(file)
    breaks = [Break(**row) for row in told["break"]]
    outdated = [f"breaks.toml: {it.promise!r}: {why}" for it in breaks if (why := it.outdated())]
    if outdated:
        print("\n".join(outdated))
        sys.exit(2)
    if sys.argv[1] == "--check":
        print(f"{len(breaks)} breaks can be applied")
        return

    build, words = Path(sys.argv[1]).resolve(), sys.argv[2:]
    breaks = [it for it in breaks if all(word in f"{it.promise} {it.file} {it.test}" for word in words)]
    mutant = Mutant(build, told["board_options"])
    whole: set[tuple[str, str]] = set()
    unseen = 0
    for it in breaks:
        if (it.program, it.test) not in whole:
            if not any(mutant.passes(it.program, it.test) for _ in range(TRIES)):
                print(f"{it.program}: {it.test} fails without any break")
                sys.exit(2)
            whole.add((it.program, it.test))
        mutant.write(f"src/{it.file}", it.broken())
        seen = not any(mutant.passes(it.program, it.test) for _ in range(BROKEN_TRIES))
        mutant.write(f"src/{it.file}", it.original())
        unseen += not seen
        print(f"{'seen  ' if seen else 'UNSEEN'}  {it.promise}: {it.program}, {it.test}", flush=True)
    print(f"{len(breaks) - unseen} of {len(breaks)} breaks were seen")
    sys.exit(1 if unseen else 0)


if __name__ == "__main__":
    main()
