# SPDX-License-Identifier: Apache-2.0
"""What a new user may get wrong, and where a shell may start `hil`: one line, the exit code, no traceback."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from .conftest import BOOT, READY, Hil, complaint

HIL = str(Path(sys.executable).with_name("hil"))
IMAGE = b"\xe9".ljust(32, b"\0") + bytes.fromhex("3254cdab") + bytes(12) + b"1.2.3".ljust(32, b"\0")
TRIGGER = "trigger --broker mqtt://127.0.0.1:1 --device cam-1 --tell 127.0.0.1 --image app.bin"
PROVISION = "provision device_id=cam-1 broker_uri=mqtt://x"
EXITED_WITHIN_S = 60


@pytest.fixture(autouse=True)
def files(tmp_path: Path) -> None:
    """What the commands are told to read."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "empty").touch()
    (tmp_path / "junk").write_bytes(bytes(range(128, 256)) * 20)
    (tmp_path / "app.bin").write_bytes(IMAGE)
    (tmp_path / "bad.toml").write_text('[boards.x]\nkind = "serial\n')
    (tmp_path / "emulator.toml").write_text('[boards.q]\nkind = "qemu"\nprogram = "/nowhere/qemu"\n')
    (tmp_path / "panic.log").write_text("assert failed: foo bar.c:12 (x > 0)\nrst:0xc (SW_CPU),boot:0x13\n" * 4000)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ("scan missing", 2, "missing cannot be read: No such file"),
        ("scan folder", 2, "folder cannot be read: Is a directory"),
        ("scan --elf missing app.bin", 2, "there is no file missing"),
        *((f"scan --elf {name} app.bin", 2, f"{name} cannot be decoded") for name in ("empty", "junk")),
        ("boards --hil-bench missing", 2, "there is no file missing"),
        ("boards --hil-bench folder", 2, "there is no file folder"),
        ("boards --hil-bench junk", 2, "junk cannot be read: it is no text in UTF-8 (byte 1)"),
        ("boards --hil-bench bad.toml", 2, "bad.toml:2: "),
        ("boards --check toaster", 2, "there is no board 'toaster'; known: native"),
        ("boards --hil-bench emulator.toml --check q", 3, "the program is not installed"),
        ("console --artifacts missing", 2, "no firmware in "),
        ("console --artifacts junk", 2, "junk/images.json cannot be read: Not a directory"),
        ("console --log folder", 2, "folder cannot be written: Is a directory"),
        ("keys --out empty", 2, "empty cannot be written: File exists"),
        (f"{TRIGGER} --image folder", 2, "folder cannot be read: Is a directory"),
        (f"{TRIGGER} --image empty", 2, "empty: no app image"),
        (f"{TRIGGER} --key junk", 2, "junk is no private key"),
        (f"{TRIGGER} --broker mqtt://[::1", 2, "'mqtt://[::1' is no mqtt://HOST[:PORT]"),
        (f"{TRIGGER} --broker mqtt://x:99999", 2, "'mqtt://x:99999' is no mqtt://HOST[:PORT]"),
        (f"{TRIGGER} --device cam/#", 2, "'cam/#' is no device_id"),
        (f"{TRIGGER} --device ''", 2, "'' is no device_id"),
        (f"{TRIGGER} --bind 203.0.113.7", 3, "the image cannot be served at 203.0.113.7"),
        ("provision", 2, "device_id is missing"),
        ("provision device_id= broker_uri=mqtt://x", 2, "device_id is missing"),
        ("provision device_id=cam-1 broker_uri=", 2, "broker_uri = '' is not allowed; allowed: mqtt://ADDRESS:PORT"),
        ("provision cam-1", 2, "'cam-1' is no KEY=VALUE"),
        ("provision devic_id=cam-1", 2, "unknown key 'devic_id' (did you mean 'device_id'?)"),
        ("provision device_id=@missing", 2, "device_id: missing cannot be read: No such file"),
        ("provision device_id=@folder", 2, "device_id: folder cannot be read: Is a directory"),
        ("provision device_id=@junk", 2, "device_id: junk cannot be read: it is no text in UTF-8 (byte 1)"),
        ("provision frame_ms=fast", 2, "frame_ms = 'fast' is not allowed; allowed: 10 to 5000"),
        (f"{PROVISION} --port folder", 2, "--port: 'folder' is not allowed"),
        (f"{PROVISION} --board toaster", 2, "there is no board 'toaster'"),
        (f"{PROVISION} --port socket://127.0.0.1:1", 3, "Connection refused"),
    ],
)
def test_one_line_says_what_is_wrong(
    hil: Hil, arguments: str, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert hil(*shlex.split(arguments)) == code
    assert said in complaint(capsys)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("--wrong", "No such option: --wrong"),
        ("fly", "No such command 'fly'; see 'hil --help'"),
        ("scan", "Missing argument 'LOG...'; see 'hil scan --help'"),
        ("scan --jsn x", "No such option: --jsn"),
        ("doctor x", "Got unexpected extra argument"),
        ("boards --check", "Option '--check' requires an argument"),
        ("console --for soon", "Invalid value for '--for'"),
        ("console --for -1", "Invalid value for '--for'"),
        ("trigger", "Missing option '--broker'; see 'hil trigger --help'"),
        (f"{TRIGGER} --counter x", "Invalid value for '--counter'"),
        (f"{TRIGGER} --timeout -1", "Invalid value for '--timeout'"),
        (f"{TRIGGER} --timeout nan", "Invalid value for '--timeout'"),
        ("keys --out", "Option '--out' requires an argument"),
        ("run --seed x", "Invalid value for '--seed'"),
    ],
)
def test_so_does_one_about_the_command_line(
    hil: Hil, arguments: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert hil(*shlex.split(arguments)) == 2
    told = complaint(capsys)
    assert told.startswith("hil: ")
    assert said in told
    assert told.endswith("--help'")


def test_no_command_at_all_shows_the_help(hil: Hil, capsys: pytest.CaptureFixture[str]) -> None:
    assert hil() == 2
    told = capsys.readouterr()
    assert ("provision" in told.out, told.err) == (True, "")


def test_an_emulator_that_is_not_installed_is_told(
    hil: Hil, fake_artifacts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "emulator.toml").rename(tmp_path / "bench.toml")
    assert hil("console", "q", "--artifacts", str(fake_artifacts)) == 3
    assert "/nowhere/qemu is not installed" in complaint(capsys)


# ---- where it is started


def shell(command: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """`hil` in a command of bash; its exit code is the first that is not 0."""
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", command.replace("hil ", f"{shlex.quote(HIL)} ", 1)],
        cwd=folder,
        env={name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"} | environment,
        capture_output=True,
        text=True,
        timeout=EXITED_WITHIN_S,
        check=False,
    )


@pytest.mark.parametrize(
    "command",
    ["hil scan panic.log | head -n 1", "hil scan --json panic.log | head -n 1"],
)
def test_a_pipe_that_is_read_no_further_is_no_verdict(tmp_path: Path, command: str) -> None:
    done = shell(command, tmp_path)
    assert (done.returncode, done.stderr, done.stdout.count("\n")) == (3, "", 1)


@pytest.mark.parametrize("command", ["scan panic.log", "scan --json panic.log", "keys", "doctor", "boards"])
def test_output_that_cannot_be_written_is_told(tmp_path: Path, command: str) -> None:
    done = shell(f"hil {command} >/dev/full", tmp_path)
    assert (done.returncode, done.stderr) == (3, "hil: standard output: No space left on device\n")


def test_a_console_that_nobody_reads_ends(
    fake_artifacts: Path, board_does: Callable[..., None], tmp_path: Path
) -> None:
    """The board alone would go on for ever."""
    board_does(BOOT, READY, "print I (12) app: hello", "pause 0.5", "print I (600) app: later")
    done = shell(f"hil console --artifacts {shlex.quote(str(fake_artifacts))} | grep -m 1 hello", tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "I (12) app: hello\n", "")


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_no_fault(tmp_path: Path, closed: str) -> None:
    done = shell(f"hil scan panic.log {closed}", tmp_path)
    assert (done.returncode, done.stderr) == (1, "")
    assert shell(f"hil scan - {closed}", tmp_path).returncode == 0


def test_a_folder_that_was_removed_is_told(tmp_path: Path) -> None:
    for command in ("doctor", "run", "boards", PROVISION):
        (tmp_path / "gone").mkdir()
        done = shell(f"rmdir ../gone && hil {command}", tmp_path / "gone")
        assert done.returncode == 2
        (*of_the_shell, last) = done.stderr.splitlines()  # which starts `hil` where its path has a space in it
        assert last == "hil: the current folder has been removed; go to another"
        assert all(line.startswith("sh: ") for line in of_the_shell)


@pytest.fixture
def read_only() -> Iterator[Path]:
    """A folder that others may go to, but not write to; a file in it is not for them."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "secret").touch(0o600)
        yield folder


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("keys", "trigger-key.pem cannot be written: Permission denied"),
        ("scan secret", "secret cannot be read: Permission denied"),
        ("console --log x", "x cannot be written: Permission denied"),
        ("provision device_id=@secret", "device_id: secret cannot be read: Permission denied"),
    ],
)
def test_what_a_user_may_not_is_told(
    *,
    hil: Hil,
    monkeypatch: pytest.MonkeyPatch,
    read_only: Path,
    command: str,
    said: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    hil(command.split(maxsplit=1)[0], "--help")  # imports what others may not read
    monkeypatch.chdir(read_only)
    os.seteuid(65534)
    try:
        code = hil(*command.split())
    finally:
        os.seteuid(0)
    assert code == 2
    assert said in complaint(capsys)


@pytest.mark.parametrize(
    "environment", [{"HOME": "/nowhere"}, {"NO_COLOR": "1"}, {"TERM": "dumb"}, {"LC_ALL": "POSIX", "PYTHONUTF8": "0"}]
)
def test_it_needs_no_home_and_no_terminal(tmp_path: Path, environment: dict[str, str]) -> None:
    done = shell("hil doctor", tmp_path, **environment)
    assert (done.returncode, done.stderr) == (3, "")
    assert re.search(r"missing +native board", done.stdout)
    assert "\x1b" not in done.stdout


# ---- Ctrl-C


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_is_no_verdict(how: signal.Signals) -> None:
    process = psutil.Popen([HIL, "scan", "-"], stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdin is not None
    process.stdin.write("I (1) app: hello\n" * 10000)  # more than a pipe holds: when it is written, it is being read
    process.stdin.flush()
    process.send_signal(how)
    assert process.communicate(timeout=EXITED_WITHIN_S)[1] == "hil: interrupted\n"
    assert process.returncode == 3
