# SPDX-License-Identifier: Apache-2.0
"""Passwords and private keys reach no log, no report and no process list."""

from __future__ import annotations

import contextlib
import os
import stat
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from pytest_hil.boards.config import NativeConfig
from pytest_hil.plugin import artifacts_path
from pytest_hil.services.broker import BrokerAccess
from pytest_hil.services.certificates import Authority

PASSWORD = "not-this-one"  # what tests/hil/test_tls.py gives its broker
KEY = "PRIVATE KEY"
RUN_TIMEOUT_S = 240.0  # some seconds on an idle machine


def command_lines() -> set[str]:
    """Of every process, as any user of the machine may read them."""
    seen = set()
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            seen.add(" ".join(process.cmdline()))
    return seen


# A plugin that writes down every command: looking at the processes now and then misses those that end at once.
WITNESS = """
import sys

def told(event, arguments, file=open({file!r}, "a", buffering=1)):
    if event == "subprocess.Popen":
        print(arguments[1], file=file)

sys.addaudithook(told)
"""


def test_a_whole_run_over_tls_tells_none(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    results, started = tmp_path / "results", tmp_path / "started"
    (tmp_path / "witness.py").write_text(WITNESS.format(file=str(started)))
    run = subprocess.Popen(
        [
            *(sys.executable, "-m", "pytest", "tests/hil/test_tls.py", "-k", "whole_update", "-v", "--showlocals"),
            *(f"--hil-run-dir={results}", f"--hil-artifacts={artifacts_path(pytestconfig)}", "-p", "no:cacheprovider"),
            *(f"--junitxml={results / 'junit.xml'}", "-p", "witness"),
        ],
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        cwd=pytestconfig.rootpath,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    seen: set[str] = set()
    flashes: set[int] = set()
    try:
        while run.poll() is None:
            seen |= command_lines()
            for flash in results.rglob("flash.bin"):
                with contextlib.suppress(FileNotFoundError):
                    flashes.add(stat.S_IMODE(flash.stat().st_mode))
            with contextlib.suppress(subprocess.TimeoutExpired):
                run.wait(0.02)
        out, _ = run.communicate(timeout=RUN_TIMEOUT_S)
    finally:
        run.kill()
    assert run.returncode == 0, out
    assert any("mosquitto" in line for line in seen), "nobody looked while it ran"
    seen |= set(started.read_text().splitlines())
    assert any("mosquitto_passwd" in line for line in seen), "the witness saw nothing"
    assert [line for line in seen if PASSWORD in line or KEY in line] == []
    assert flashes == {0o600}, "the flash file, with what was provisioned, is for its owner alone"
    told = {str(path.relative_to(results)): path.read_bytes() for path in results.rglob("*") if path.is_file()}
    assert any(name.endswith("console.log") for name in told), sorted(told)
    assert [name for name, content in told.items() if PASSWORD.encode() in content or KEY.encode() in content] == []
    assert PASSWORD not in out
    assert KEY not in out


def test_no_message_that_shows_such_an_object_tells_its_secret() -> None:
    authority = Authority()
    identity = authority.issue("127.0.0.1")
    access = BrokerAccess(
        identity, authority.certificate, authority.trust("127.0.0.1"), "hil", PASSWORD, {"cam": PASSWORD}
    )
    config = NativeConfig(name="cam", provisioning={"wifi_pass": PASSWORD})
    for shown in (repr(identity), repr(access), repr(config), f"{access}"):
        assert PASSWORD not in shown
        assert KEY not in shown


@pytest.mark.parametrize("name", ["trigger-key.pem", "bench-key.pem", "provisioning.bin", "bench/trigger-key.pem"])
def test_no_secret_is_offered_to_git(tmp_path: Path, pytestconfig: pytest.Config, name: str) -> None:
    """`hil keys` and `hil provision` write them where they are called."""
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / ".gitignore").write_text((pytestconfig.rootpath / ".gitignore").read_text())
    ignored = subprocess.run(["git", "-C", str(tmp_path), "check-ignore", "-q", name], check=False)
    assert ignored.returncode == 0
