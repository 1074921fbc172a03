# SPDX-License-Identifier: Apache-2.0
"""The sweep itself: a sample of it finds nothing, each order of writes that is known to be wrong is found, and it ends
with the right exit code and without leftovers."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SWEEP, BUILD = sys.argv.pop(1), Path(sys.argv.pop(1))
IMAGES = [
    str(BUILD / "release" / "partition-table.bin"),
    str(BUILD / "release" / "hil_app.bin"),
    str(BUILD / "update" / "hil_app.bin"),
]


def sweep(*options: str, images: list[str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run([SWEEP, *options, *(images or IMAGES)], capture_output=True, text=True, check=False)


class Sweep(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.json, self.findings = Path(folder.name) / "figures.json", Path(folder.name) / "findings.txt"

    def run_smoke(self, *options: str) -> tuple[int, dict[str, float]]:
        done = sweep("--smoke", "--json", str(self.json), "--findings", str(self.findings), *options)
        self.assertTrue(self.json.exists(), done.stderr)
        return done.returncode, json.loads(self.json.read_text())

    def test_the_board_gets_over_every_cut(self) -> None:
        code, figures = self.run_smoke()
        self.assertFalse(self.findings.exists(), self.findings.read_text() if self.findings.exists() else "")
        self.assertEqual(code, 0)
        self.assertEqual((figures["bricked"], figures["lost_nvs"], figures["misled"]), (0, 0, 0))
        self.assertGreater(figures["cuts"], 150)
        self.assertEqual(figures["torn"], figures["cuts"] / 2)
        self.assertGreater(figures["operations"], 13000)  # three updates of a megabyte, two rollbacks

    def test_otadata_written_before_the_image_is_found(self) -> None:
        code, figures = self.run_smoke("--scenario", "first", "--wrong-order", "otadata-first")
        self.assertEqual(code, 1)
        self.assertGreater(figures["misled"] + figures["bricked"], 10)
        self.assertIn("otadata named a slot whose image is not whole", self.findings.read_text())

    def test_a_counter_stored_at_the_end_is_found(self) -> None:
        code, figures = self.run_smoke("--scenario", "first", "--wrong-order", "counter-last")
        self.assertEqual(code, 1)
        self.assertGreater(figures["lost_nvs"], 10)
        self.assertIn("the counter is 0, and 1 was accepted", self.findings.read_text())

    def test_an_image_that_confirms_itself_untested_is_found(self) -> None:
        code, figures = self.run_smoke("--scenario", "rollback", "--wrong-order", "valid-first")
        self.assertEqual(code, 1)
        self.assertGreater(figures["bricked"], 0)

    def test_usage(self) -> None:
        for options in (["--jobs", "0"], ["--scenario", "nonsense"], ["--wrong-order", "none"], ["--nonsense"]):
            self.assertEqual(sweep(*options).returncode, 2, options)
        self.assertEqual(sweep(images=IMAGES[:2]).returncode, 2)
        self.assertEqual(sweep(images=[IMAGES[0], IMAGES[1], IMAGES[1]]).returncode, 2)

    def test_what_is_no_image_is_named(self) -> None:
        for images in ([IMAGES[0], IMAGES[0], IMAGES[2]], [IMAGES[0], "/nowhere", IMAGES[2]], [SWEEP, *IMAGES[1:]]):
            done = sweep(images=images)
            self.assertEqual(done.returncode, 3)
            self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)

    def test_an_interrupt_ends_all_of_it(self) -> None:
        process = subprocess.Popen(
            [SWEEP, "--jobs", "2", *IMAGES], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        while len(children.read_text().split()) < 2:  # the workers are there: nothing tells of it
            self.assertIsNone(process.poll())
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=60)  # ends when the last process has closed it
        self.assertEqual(process.returncode, 130)
        self.assertIn("not finished", output)


if __name__ == "__main__":
    unittest.main()
