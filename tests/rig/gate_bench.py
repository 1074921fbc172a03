# SPDX-License-Identifier: Apache-2.0
"""A made-up bench for the gate's tests: images, a run over them whose results pass, and the ways to meddle with it.

The records are written, merged and signed by the rig's own code. What `insider` and `redigest` do only somebody with
the bench's key can: digests and signature fit whatever was altered, so that a test sees the check behind them.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from pytest_hil.app_image import CHIPS
from pytest_hil.console.console import Console, ExpectedPanic
from pytest_hil.figures import figures
from pytest_hil.gate.firmware_image import FirmwareImage
from pytest_hil.gate.judge import Judged, judge
from pytest_hil.gate.policy import PolicyFile
from pytest_hil.results.bench_key import PUBLIC, BenchKey
from pytest_hil.results.merge import merge
from pytest_hil.results.record import TestRecord
from pytest_hil.results.run_dir import RunDir
from pytest_hil.results.signature import sign_results

sys.path.insert(0, str(Path(__file__).parents[2] / "firmware" / "native" / "tools"))
import esp_image

PROMISE = "tests/hil/test_stop.py::test_stop[graceful-{}]"
PANIC = "tests/hil/test_stop.py::test_stop[kill_task]"
HANG = "tests/hil/test_stop.py::test_stop[plain]"
MAC = "02:00:00:00:00:01"
STARTED = "%Y-%m-%dT%H:%M:%S%z"
ASSERT = "assert failed: lwip_netconn_do_writemore api_msg.c:1737 (conn != NULL)"

POLICY = """\
keys = ["bench-key.pub.pem"]
max_age_days = 7

[[controls]]
scenario = "tests/hil/test_stop.py::test_stop[kill_task]"
panic_in = "lwip_netconn_do_writemore"

[[controls]]
scenario = "tests/hil/test_stop.py::test_stop[plain]"
hang_ms = 9000

[control_image]
options = ["CONFIG_HIL_STOP_STRATEGIES"]

[chain]
steps = [["release", "update"]]
rollback = false

[boards.native]
kind = "native"
target = "linux"
boards = 1
cycles = 1

[boards.native.required]
"tests/hil/test_stop.py::test_stop[graceful-*" = 3

[boards.native.limits]
stop_p99_ms = 2200
unforced_stop_p99_ms = 1000
heap_missing_bytes = 4096
ota_max_ms = 10000
flaky_share = 0.0
"""


def make_image(role: str, target: str = "linux") -> bytes:
    elf = b"\x7fELF" + f"{role} {target}".encode().ljust(60, b"\0")
    image: bytes = esp_image.build(elf, f"1.0-{role}", "hil_app", hashlib.sha256(elf).digest())
    chip = next(chip for chip, name in CHIPS.items() if name == target)
    image = image[:12] + chip.to_bytes(2, "little") + image[14:-32]
    return image + hashlib.sha256(image).digest()


@dataclass
class Life:
    """What one board prints: events numbered since its boot, on its own clock."""

    mac: str = MAC
    run: str = ""  # no two lives are the same to the byte
    lines: list[str] = field(default_factory=list)
    n: int = 0
    t: int = 0

    def event(self, ev: str, after_ms: int = 10, **fields: Any) -> None:
        self.t += after_ms
        self.lines.append("@hil " + json.dumps({"n": self.n, "t": self.t, "ev": ev, **fields}))
        self.n += 1

    def boot(self, image_sha256: str, reason: str = "POWERON") -> None:
        self.n = self.t = 0
        self.event("boot", reset_reason=reason, version="1.0", image_sha256=image_sha256, mac=self.mac, run=self.run)
        self.event("ready", heap_idle=200_000, heap=120_000)

    def stop(self, ms: int = 100, forced: int = 0) -> None:
        self.event("stop_begin", server=81, strategy="graceful", sessions=2, heap_before=120_000)
        more = {"heap_before": 120_000, "heap_after": 199_000, "closing_pcbs": 1, "closing_bytes": 100}
        self.event("stop_end", ms, server=81, ms=ms, forced_count=forced, remaining=0, err="ESP_OK", **more)

    def update(self) -> None:
        self.event("ota_begin", version="1.1", slot="ota_1", size=1000)
        self.event("ota_end", 300, err="ESP_OK")
        self.event("restart", why="update")


@dataclass
class Bench:
    """Images, a key, a policy and one run; everything in `folder`."""

    folder: Path
    target: str = "linux"
    kind: str = "native"
    key: BenchKey = field(default_factory=BenchKey.new)
    digests: dict[str, str] = field(default_factory=dict)
    rows: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / PUBLIC).write_bytes(self.key.public.pem)
        self.policy.write_text(POLICY)
        for role in ("release", "control", "update"):
            content = make_image(role, self.target)
            (self.folder / f"{role}.bin").write_bytes(content)
            self.digests[role] = esp_image.parse(content).image_sha256
            self.rows.append(
                {
                    "role": role,
                    "target": self.target,
                    "version": f"1.0-{role}",
                    "file_sha256": hashlib.sha256(content).hexdigest(),
                    "image_sha256": self.digests[role],
                    "commit": "c0ffee",
                    "sdkconfig": f"sdkconfig-{role}",
                }
            )
        self.make_run("run-1")

    @property
    def policy(self) -> Path:
        return self.folder / "gate.toml"

    @property
    def image(self) -> Path:
        return self.folder / "release.bin"

    @property
    def run(self) -> Path:
        return self.folder / "run-1"

    # ---- making a run

    def make_run(self, name: str, age_s: float = 3600, board: str = "native", mac: str = MAC) -> Path:
        run_dir = RunDir(self.folder / name)
        for number, record in enumerate(self._records(run_dir, mac)):
            record.board, record.board_kind, record.chip_mac = board, self.kind, mac
            record.duration_s, record.outcome = 1.0 + number, "passed"
            record.end_attempt()
            record.write(run_dir.records)
        rows = []
        for row in self.rows:
            content = f'CONFIG_IDF_TARGET="linux"\n{"" if row["role"] == "control" else "# "}CONFIG_HIL_STOP_STRATEGIES'
            content += "=y\n" if row["role"] == "control" else " is not set\n"
            (run_dir.path / row["sdkconfig"]).write_text(content)
            rows.append(row | {"sdkconfig_sha256": hashlib.sha256(content.encode()).hexdigest()})
        started = datetime.fromtimestamp(time.time() - age_s, timezone.utc).strftime(STARTED)
        merge(run_dir, started=started, duration_s=60, seed=1, rig_version="0", images=rows)
        sign_results(run_dir.results, self.key)
        return run_dir.path

    def _records(self, run_dir: RunDir, mac: str) -> Iterator[TestRecord]:
        for number in range(3):
            life = Life(mac, run_dir.path.name)
            life.boot(self.digests["release"])
            life.event("beat", number + 1, heap=100_000)
            life.stop(100 + number)
            life.update()
            life.boot(self.digests["update"], "SW")
            life.event("valid", version="1.1")
            clients = [
                client("mjpeg", 0, "complete"),
                client("ws", 1, "close 1001"),
                client("half", 2, "eof", frames=0),
            ]
            yield self._record(run_dir, PROMISE.format(number), "promise", life, clients)
        life = Life(mac, run_dir.path.name)
        life.boot(self.digests["control"])
        life.event("stop_begin", server=81, strategy="plain")
        for _ in range(10):
            life.event("beat", 1000, heap=100_000)
        yield self._record(run_dir, HANG, "control", life, [])
        life = Life(mac, run_dir.path.name)
        life.boot(self.digests["control"])
        life.event("stop_begin", server=81, strategy="kill_task")
        life.lines += [ASSERT, "Backtrace: 0x400d1f3b:0x3ffb5e70"]
        life.boot(self.digests["control"], "PANIC")
        yield self._record(run_dir, PANIC, "control", life, [], ExpectedPanic("lwip_netconn_do_writemore"))

    def _record(  # noqa: PLR0917
        self,
        run_dir: RunDir,
        test_id: str,
        kind: str,
        life: Life,
        clients: list[dict[str, Any]],
        expected: ExpectedPanic | None = None,
    ) -> TestRecord:
        folder = run_dir.test_folder(test_id)
        console = Console(folder / "console.log", expected)
        console.feed("".join(f"{line}\n" for line in life.lines).encode())
        console.end("power off")
        (folder / "console.times").write_text("".join(f"{i * 0.1:.3f}\n" for i in range(len(life.lines))))
        (folder / "clients.json").write_text(json.dumps(clients))
        record = TestRecord(test_id, kind)
        for name, value in figures(console).items():
            setattr(record, name, value)
        for name in ("console.log", "console.times", "clients.json"):
            record.log(folder / name, run_dir.path)
        return record

    # ---- meddling

    def read(self, run: Path | None = None) -> dict[str, Any]:
        results: dict[str, Any] = json.loads(((run or self.run) / "results.json").read_text())
        return results

    def alter(self, change: Callable[[dict[str, Any]], object]) -> None:
        """results.json, as anybody can: the signature stays what it was."""
        results = self.read()
        change(results)
        (self.run / "results.json").write_text(json.dumps(results))

    def insider(self, change: Callable[[dict[str, Any]], object]) -> None:
        """results.json, by somebody who has the bench's key."""
        self.alter(change)
        sign_results(self.run / "results.json", self.key)

    def alter_log(self, test_id: str, change: Callable[[str], str], name: str = "console.log") -> None:
        path = self.log(test_id, name)
        path.write_text(change(path.read_text()))

    def redigest(self, *, recompute: bool = False) -> None:
        """By an insider: the digests of all logs are made to fit; with `recompute` the summaries too."""

        def fit(results: dict[str, Any]) -> None:
            for row in results["tests"]:
                for log in row["logs"]:
                    path = self.run / log["path"]
                    log["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
                    if recompute and path.name == "console.log":
                        console = Console(self.folder / "again.log")
                        console.feed(path.read_bytes())
                        console.end("power off")
                        row.update(json.loads(json.dumps(figures(console))))

        self.insider(fit)

    def redigest_sdkconfigs(self) -> None:
        def fit(results: dict[str, Any]) -> None:
            for row in results["images"]:
                row["sdkconfig_sha256"] = hashlib.sha256((self.run / row["sdkconfig"]).read_bytes()).hexdigest()

        self.insider(fit)

    def log(self, test_id: str, name: str = "console.log") -> Path:
        row = row_of(self.read(), test_id)
        return self.run / str(next(log["path"] for log in row["logs"] if log["path"].endswith(name)))

    # ---- judging

    def judged(self, *runs: Path, now: datetime | None = None) -> Judged:
        policy = PolicyFile.read(self.policy)
        image = FirmwareImage.read(self.image)
        return judge(policy, list(runs or [self.run]), {image.target: image}, now or datetime.now(timezone.utc))

    def reasons(self, *runs: Path) -> list[str]:
        return [str(reason) for reason in self.judged(*runs).verdict.reasons]


def client(kind: str, number: int, how: str, frames: int = 20) -> dict[str, Any]:
    return {
        "kind": kind,
        "number": number,
        "frames": frames,
        "problems": [],
        "ending": {"how": how, "at_s": 0.6, "detail": ""},
        "stalls": False,
        "opened_s": 0.0,
        "outlived_test": False,
        "arrivals": [[round(0.01 * i, 3), i] for i in range(frames)],
    }


def row_of(results: dict[str, Any], test_id: str) -> dict[str, Any]:
    row: dict[str, Any] = next(row for row in results["tests"] if row["id"] == test_id)
    return row
