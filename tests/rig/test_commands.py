# SPDX-License-Identifier: Apache-2.0
"""The commands for people: what they find, make and tell, and that their output suits where it goes."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import re
import stat
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pexpect
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from rich.console import Console

from pytest_hil.cli.app import ORDER
from pytest_hil.results.summary import print_summary
from pytest_hil.services.broker import Broker
from pytest_hil.services.mqtt import MqttClient

from .conftest import BOOT, READY, Hil, complaint

HIL = Path(sys.executable).with_name("hil")

# ---- help, completion, colours


@pytest.mark.parametrize("command", ORDER)
def test_every_command_has_an_example_in_its_help(hil: Hil, command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert hil(command, "--help") == 0
    told = capsys.readouterr().out
    assert re.search(rf"Examples?: +hil +{command}|\| +hil +{command}", told), told


def test_the_shell_completes_commands_and_boards(tmp_path: Path) -> None:
    (tmp_path / "bench.toml").write_text('[boards.shelf-3]\nkind = "native"\n')

    def completed(words: str) -> list[str]:
        asked = {"_HIL_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1)}
        done = subprocess.run(
            [str(HIL)], cwd=tmp_path, env=os.environ | asked, capture_output=True, text=True, check=False, timeout=60
        )
        return done.stdout.split()

    assert completed("hil sc") == ["scan"]
    assert completed("hil console she") == ["shelf-3"]


@pytest.mark.parametrize(("no_color", "escapes"), [("", True), ("1", False)], ids=["colours", "NO_COLOR"])
def test_colours_on_a_terminal_unless_unwanted(tmp_path: Path, no_color: str, escapes: bool) -> None:
    log = tmp_path / "a.log"
    log.write_text("abort() was called at PC 0x400d1f3b on core 0\n")
    environment = {**os.environ, "NO_COLOR": no_color, "TERM": "xterm"}
    child: pexpect.spawn[bytes] = pexpect.spawn(str(HIL), ["scan", str(log)], env=environment, timeout=60)
    child.expect(pexpect.EOF)
    told = child.before or b""
    child.close()
    assert child.exitstatus == 1
    assert (b"\x1b" in told) is escapes, told


# ---- doctor, boards


def test_doctor_says_what_is_missing_and_how_to_get_it(
    hil: Hil, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("pytest_hil.services.broker.PROGRAM", str(tmp_path / "no-broker"))
    monkeypatch.setattr("serial.tools.list_ports.comports", list)
    monkeypatch.setenv("IDF_PATH", str(tmp_path / "no-idf"))
    assert hil("doctor") == 3
    lines = capsys.readouterr().out.splitlines()

    def line(what: str) -> str:
        return next(one for one in lines if one[9:].startswith(what))

    assert re.match(r"missing +native board .*make hil", line("native board"))
    assert re.match(r"missing +MQTT broker +install mosquitto", line("MQTT broker"))
    assert re.match(r"missing +serial ports +none found; plug a board in", line("serial ports"))
    assert re.match(r"missing +ESP-IDF .*set IDF_PATH", line("ESP-IDF"))
    assert re.match(r"ok +esptool +\d+\.\d+", line("esptool"))
    assert lines[-1].startswith("The native board's tests cannot run without: native board, MQTT broker")


class Port:
    """As pyserial lists one."""

    def __init__(self, device: Path, serial_number: str | None) -> None:
        self.device = str(device)
        self.serial_number = serial_number
        self.description = "USB bridge"


def test_doctor_names_ports_by_serial_number_and_sees_permissions(
    hil: Hil, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    open_, shut = tmp_path / "ttyA", tmp_path / "ttyB"
    open_.touch()
    shut.touch()
    monkeypatch.setattr("serial.tools.list_ports.comports", lambda: [Port(shut, None), Port(open_, "A1B2")])
    monkeypatch.setattr("os.access", lambda path, _: str(path) != str(shut))
    hil("doctor")
    told = capsys.readouterr().out
    assert re.search(rf"ok +{open_} +USB bridge, serial number A1B2\n", told)
    assert re.search(rf"missing +{shut} .*no permission: sudo usermod -aG \S+ \$USER", told)


def test_doctor_knows_a_wrong_bench_file(hil: Hil, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bench.toml").write_text("[boards.x]\nkind = 'toaster'\n")
    assert hil("doctor") == 3
    assert re.search(r"missing +bench.toml .*bench.toml:2: .*toaster", capsys.readouterr().out)


def test_boards_lists_them_with_their_state(hil: Hil, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bench.toml").write_text(f'[boards.s3]\nkind = "serial"\nport = "{tmp_path}/ttyX"\n')
    assert hil("boards") == 0
    told = capsys.readouterr().out
    assert re.search(r"native +native .*not built: run 'make hil'", told)
    assert re.search(r"s3 +serial +\S+ttyX +not plugged in", told)


# ---- keys


def test_keys_are_a_p256_pair_and_never_overwritten(
    hil: Hil, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert hil("keys", "--out", "k") == 0
    private_path = tmp_path / "k" / "trigger-key.pem"
    assert stat.S_IMODE(private_path.stat().st_mode) == 0o600
    private = serialization.load_pem_private_key(private_path.read_bytes(), None)
    public = serialization.load_pem_public_key((tmp_path / "k" / "trigger-key.pub.pem").read_bytes())
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    assert isinstance(public, ec.EllipticCurvePublicKey)
    assert public.curve.name == "secp256r1"
    public.verify(private.sign(b"x", ec.ECDSA(hashes.SHA256())), b"x", ec.ECDSA(hashes.SHA256()))
    before = private_path.read_bytes()
    capsys.readouterr()
    assert hil("keys", "--out", "k") == 2
    assert "exists" in complaint(capsys)
    assert private_path.read_bytes() == before


# ---- console


def test_console_shows_events_and_ends_with_the_board(
    hil: Hil, fake_artifacts: Path, board_does: Callable[..., None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    board_does(BOOT, READY, "print I (12) app: hello", "pause 1", "exit 0")
    assert hil("console", "--artifacts", str(fake_artifacts), "--log", "bytes.log") == 0
    told = capsys.readouterr().out
    assert re.search(r"0\.002 \[ready\] heap_idle=1000 heap=900", told)
    assert "I (12) app: hello" in told
    assert READY.removeprefix("print ").encode() in (tmp_path / "bytes.log").read_bytes()


def test_console_tells_a_panic(
    hil: Hil, fake_artifacts: Path, board_does: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    board_does(BOOT, READY, "print assert failed: foo bar.c:12 (x > 0)", "pause 1", "exit 0")
    assert hil("console", "--artifacts", str(fake_artifacts)) == 1
    told = capsys.readouterr().out
    assert "--- panic: assert in foo" in told
    assert "panic in line 3: assert, in foo, at bar.c:12: x > 0" in told


def test_console_of_an_unknown_board_is_2(hil: Hil, capsys: pytest.CaptureFixture[str]) -> None:
    assert hil("console", "toaster") == 2
    assert complaint(capsys).startswith("hil: there is no board 'toaster'; known: native")


# ---- trigger


class UpdatingBoard:
    """Answers triggers as the firmware does, downloads what they name, and keeps what it was sent."""

    def __init__(self, broker: Broker, last_step: str) -> None:
        self.trigger: dict[str, Any] = {}
        self.download = b""
        self._last_step = last_step
        self._client = MqttClient(broker.host, broker.port, "hil/cam-1/ota/trigger")
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> UpdatingBoard:
        self._client.connect()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join(20)
        self._client.close()

    def _serve(self) -> None:
        message = self._client.wait_message("hil/cam-1/ota/trigger", lambda _: True, 20)
        self.trigger = message.json()
        fields = json.loads(self.trigger["payload"]) if "payload" in self.trigger else self.trigger
        with urllib.request.urlopen(fields["url"], timeout=10) as reply:
            self.download = reply.read()
        for step in ("accepted", "download", self._last_step):
            self._client.publish("hil/cam-1/ota/status", json.dumps({"step": step}))


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with Broker(tmp_path / "broker") as broker:
        yield broker


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """An app image as far as its description."""
    path = tmp_path / "app.bin"
    path.write_bytes(b"\xe9".ljust(32, b"\0") + bytes.fromhex("3254cdab") + bytes(12) + b"1.2.3".ljust(32, b"\0"))
    return path


def arguments(broker: Broker, image: Path) -> list[str]:
    at = f"mqtt://{broker.host}:{broker.port}"
    return ["trigger", "--broker", at, "--device", "cam-1", "--tell", "127.0.0.1", "--image", str(image)]


def test_trigger_serves_the_image_and_follows_the_update(
    hil: Hil, broker: Broker, image: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with UpdatingBoard(broker, "valid") as board:
        assert hil(*arguments(broker, image), "--counter", "7") == 0
    content = image.read_bytes()
    assert board.download == content
    expected = {"version": "1.2.3", "sha256": hashlib.sha256(content).hexdigest(), "size": len(content), "counter": 7}
    assert expected.items() <= board.trigger.items()
    assert re.search(r"accepted\n.*download\n.*valid\n", capsys.readouterr().out)


def test_a_rolled_back_update_is_1(hil: Hil, broker: Broker, image: Path) -> None:
    with UpdatingBoard(broker, "rollback"):
        assert hil(*arguments(broker, image)) == 1


def test_trigger_signs(hil: Hil, broker: Broker, image: Path, tmp_path: Path) -> None:
    hil("keys")
    with UpdatingBoard(broker, "valid") as board:
        assert hil(*arguments(broker, image), "--key", "trigger-key.pem") == 0
    public = serialization.load_pem_public_key((tmp_path / "trigger-key.pub.pem").read_bytes())
    assert isinstance(public, ec.EllipticCurvePublicKey)
    signature = base64.b64decode(board.trigger["sig"])
    public.verify(signature, board.trigger["payload"].encode(), ec.ECDSA(hashes.SHA256()))


def test_a_silent_board_is_3(hil: Hil, broker: Broker, image: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert hil(*arguments(broker, image), "--timeout", "0.3") == 3
    assert "not valid within 0.3 s; the board's last word: nothing" in complaint(capsys)


@pytest.mark.parametrize(
    ("more", "code", "said"),
    [
        (["--image", "nothing.bin"], 2, "nothing.bin cannot be read"),
        (["--image", "other.bin"], 2, "no app image"),
        (["--key", "other.bin"], 2, "is no private key"),
        (["--broker", "mqtt://127.0.0.1:1"], 3, "no broker at 127.0.0.1:1"),
        (["--broker", "smtp://x"], 2, "is no mqtt://HOST"),
    ],
)
def test_trigger_complains_in_one_line(
    *,
    hil: Hil,
    broker: Broker,
    image: Path,
    tmp_path: Path,
    more: list[str],
    code: int,
    said: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "other.bin").write_bytes(b"something else")
    assert hil(*arguments(broker, image), *more) == code
    assert said in complaint(capsys)


# ---- the summary of a run


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_no_name_is_cut_off_in_the_summary(width: int, tmp_path: Path) -> None:
    names = [f"graceful-workers-tls-{i}_mjpeg_{i}_ws_1_stalled" for i in range(3)]
    figures = {"stop_ms": 1234, "forced_count": 1, "heap_gained": 64000, "ota_ms": 99, "duration_s": 1.5}
    tests = [
        {"id": f"t.py::test_stop[{name}]", "kind": "observation", "outcome": "passed", "failure": None, **figures}
        | {"seen": "2948 bytes of video reached a stranger"}
        for name in names
    ]
    out = io.StringIO()
    results = {"run": {"id": "1", "duration_s": 3.0}, "tests": tests, "verdict": "pass"}
    print_summary(results, tmp_path, Console(width=width, file=out))
    table, _, _ = out.getvalue().partition("Logs, ")
    assert "…" not in table
    assert max(map(len, table.splitlines())) <= width
    if width >= 80:
        assert all(re.search(rf"^ {name} .*passed", table, re.M) for name in names), table
    assert " ".join(table.split()).count("reached a stranger") == len(names)
