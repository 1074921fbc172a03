# SPDX-License-Identifier: Apache-2.0
"""A physical board, as far as a stand-in on a pty can be one: flashed by esptool's own code, and all else it does."""

from __future__ import annotations

import hashlib
import json
import struct
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pytest_hil.boards.bench import BenchFile
from pytest_hil.boards.config import SerialConfig
from pytest_hil.boards.esp_port import EspPort
from pytest_hil.boards.flash_layout import BuildDir
from pytest_hil.boards.parking import place
from pytest_hil.boards.protocol import Capability, Load
from pytest_hil.boards.serial import SerialBoard
from pytest_hil.console.record import ConsoleRecord, WaitFailed
from pytest_hil.errors import BenchError, NotRun, UsageError

from .chip_ports import PtyPort, Rfc2217Port, SocketPort, Switch
from .conftest import BOOT, READY
from .rom_chip import RomChip

PROVISIONING, APP, NVS = 0x10000, 0x20000, 0x9000
RELEASE_DIGEST = hashlib.sha256(b"app of release").hexdigest()
HELLO = b"hello from the app\r\n"


class Place:
    """A chip on its bench, and boards on it."""

    def __init__(self, folder: Path, build: BuildDir, chip: RomChip, port: PtyPort, switch: Switch) -> None:
        self.folder = folder
        self.build = build
        self.chip = chip
        self.port = port
        self.switch = switch
        self._n = 0
        self.boards: list[SerialBoard] = []

    def board(self, partitions: dict[str, bytes] | None = None, **settings: Any) -> tuple[SerialBoard, ConsoleRecord]:
        row: dict[str, Any] = {
            "kind": "serial",
            "port": str(self.port.path),
            "reset": self.switch.command("reset"),
            "speak_s": 1,
            **settings,
        }
        lines = [f"{key} = {json.dumps(value)}" for key, value in row.items() if value is not None]
        bench = self.folder / "bench.toml"
        bench.write_text("[boards.cam]\n" + "\n".join(lines) + "\n")
        self._n += 1
        logs = self.folder / f"test-{self._n}"
        logs.mkdir()
        record = ConsoleRecord(logs / "console.log")
        load = Load(self.build, partitions or {"provisioning": b"told"}, logs, Path("unused"))
        board = SerialBoard(BenchFile.read(bench).board("cam"), load, record)  # type: ignore[arg-type]
        self.boards.append(board)
        return board, record


def chip_build(artifacts: Path) -> BuildDir:
    args = artifacts / "release" / "flasher_args.json"
    args.write_text(json.dumps(json.loads(args.read_text()) | {"extra_esptool_args": {"chip": "esp32"}}))
    return BuildDir.read(args.parent)


@pytest.fixture
def here(tmp_path: Path, fake_artifacts: Path) -> Iterator[Place]:
    chip = RomChip()
    chip.app = [HELLO]
    port = PtyPort(chip, tmp_path / "port")
    port.plug()
    chip.power(True)
    with tempfile.TemporaryDirectory() as short, Switch(chip, port, Path(short) / "switch") as switch:
        place = Place(tmp_path, chip_build(fake_artifacts), chip, port, switch)
        yield place
        for board in place.boards:
            board.stop()
    port.unplug()


def wait_reconnected(board: SerialBoard, record: ConsoleRecord) -> None:
    deadline = time.monotonic() + 5
    while not board.reconnects:
        assert time.monotonic() < deadline, "the port was not opened again"
        record.linger(0.02)


@pytest.mark.parametrize("stub", [True, False], ids=["stub", "ROM alone"])
def test_it_is_flashed_reset_and_read(here: Place, stub: bool) -> None:
    here.chip.flash[NVS : NVS + 16] = b"an older counter"
    board, record = here.board(stub=stub)
    board.start()
    record.wait_line("hello from the app", 5)
    assert here.chip.flash[APP : APP + 14] == b"app of release"
    assert here.chip.flash[PROVISIONING : PROVISIONING + 5] == b"told\xff"
    assert set(here.chip.flash[NVS : NVS + 0x5000]) == {0xFF}
    assert board.mac == "24:0a:c4:00:00:01"
    assert "waiting for download" not in record.log_path.read_text(), "the loader's words are no console"
    assert "Hash of data verified" in (board.load.folder / "flash.log").read_text()


def test_only_what_differs_is_written(here: Place) -> None:
    first, _ = here.board()
    first.start()
    assert first.written == [0x8000, PROVISIONING, APP]  # nvs was erased already
    first.stop()
    again, record = here.board()
    again.start()
    assert again.written == []
    again.stop()
    here.chip.flash[NVS] = 0
    other, record = here.board({"provisioning": b"told otherwise"})
    other.start()
    assert other.written == [NVS, PROVISIONING]
    record.wait_line("hello", 5)


def test_a_reset_and_bytes_to_the_board(here: Place) -> None:
    board, record = here.board()
    board.start()
    boots, mark = here.chip.boots, record.mark()
    board.reset()
    record.wait_line("hello", 5, mark)
    assert here.chip.boots == boots + 1
    board.write(b"ping\n")
    record.wait_line("heard ping", 5, mark)


def test_a_port_that_vanishes_and_comes_back_is_read_and_written_again_without_a_reset(here: Place) -> None:
    board, record = here.board()
    board.start()
    boots = here.chip.boots
    here.port.unplug()
    here.port.plug()
    wait_reconnected(board, record)
    here.chip.say(b"still the same boot\n")
    record.wait_line("still the same boot", 5)
    board.write(b"to the live port\n")
    record.wait_line("heard to the live port", 5)
    assert here.chip.boots == boots


def test_a_port_that_stays_away_ends_every_wait(here: Place) -> None:
    board, record = here.board(reconnect_s=1)
    board.start()
    here.port.unplug()
    with pytest.raises(WaitFailed, match="the serial port vanished and stayed away for 1 s"):
        record.wait_line("never", 30)


def test_babble_is_recorded_as_it_is(here: Place) -> None:
    board, record = here.board()
    babble = bytes(range(256)) * 400 + b"\n"
    here.chip.app = [b"\xc0\xff\xc0\x00\xc0" * 50, babble, HELLO]
    board.start()
    record.wait_line("hello", 10)
    board.stop()
    assert babble in record.log_path.read_bytes()


def test_babble_while_esptool_connects_is_survived(here: Place) -> None:
    here.chip.say(b"\xc0babble\xc0" * 500)
    board, record = here.board()
    board.start()
    record.wait_line("hello", 5)


def test_first_lines_lost_by_the_port_are_not_taken_for_silence(here: Place) -> None:
    board, record = here.board(speak_s=10)
    here.chip.app = []
    here.chip.silent_boots = 1  # as if the port had not been there yet

    started = threading.Event()

    def go_on() -> None:
        while not started.wait(0.5):
            here.chip.say(b"a line from the middle\n")

    middle = threading.Thread(target=go_on)
    middle.start()
    board.start()
    started.set()
    middle.join()
    record.wait_line("a line from the middle", 5)
    assert here.switch.told == ["reset"]


def test_a_hung_board_is_power_cycled(here: Place) -> None:
    board, record = here.board(power_cycle=here.switch.command("cycle"))
    here.chip.silent_boots = 99
    board.start()
    record.wait_line("hello", 5)
    assert here.switch.told == ["reset", "cycle", "reset"]
    assert not place(board.config).exists()


def test_a_board_that_does_not_answer_is_power_cycled_by_two_commands(here: Place) -> None:
    board, record = here.board(power_off=here.switch.command("off"), power_on=here.switch.command("on"))
    here.chip.deaf = True
    board.start()
    record.wait_line("hello", 5)
    assert here.switch.told == ["off", "on", "reset"]


def test_a_board_that_does_not_come_back_is_parked(here: Place) -> None:
    here.switch.cures = False
    here.chip.silent_boots = 99
    board, _ = here.board(power_cycle=here.switch.command("cycle"))
    with pytest.raises(
        BenchError, match=r"board 'cam' is parked: it said nothing for 1 s .* after its power was cycled"
    ):
        board.start()
    assert "said nothing" in place(board.config).read_text()
    boots = here.chip.boots
    again, _ = here.board()
    with pytest.raises(BenchError, match=r"is parked since .*: it said nothing .*; delete .*cam when it is mended"):
        again.start()
    assert here.chip.boots == boots, "a parked board is left alone"
    place(board.config).unlink()
    here.chip.silent_boots = 0
    mended, record = here.board()
    mended.start()
    record.wait_line("hello", 5)


def test_a_hung_board_without_a_power_command_is_parked(here: Place) -> None:
    here.chip.silent_boots = 99
    board, _ = here.board()
    with pytest.raises(
        BenchError, match=r"is parked: it said nothing for 1 s .*, and there is no command for its power"
    ):
        board.start()


def test_power_is_cut_and_given_while_the_console_goes_on(here: Place) -> None:
    board, record = here.board(power_off=here.switch.command("off"), power_on=here.switch.command("on"), reconnect_s=0)
    board.start()
    assert Capability.CUT_POWER in board.capabilities
    board.power(False)
    assert here.chip.state == "off"
    record.linger(0.3)
    assert record.ended is None, "a board that is off on purpose has not vanished"
    mark = record.mark()
    board.power(True)
    here.chip.say(b"back\n")
    record.wait_line("^back", 5, mark)


def test_a_power_command_that_fails_is_the_benchs_fault(here: Place) -> None:
    fails = [sys.executable, "-c", "import sys; sys.exit('no such hub')"]
    board, _ = here.board(power_off=fails, power_on=fails)
    board.start()
    with pytest.raises(BenchError, match="ended with exit code 1: no such hub"):
        board.power(False)
    missing, _ = here.board(power_off=["/no/relay"], power_on=["/no/relay"])
    board.stop()
    missing.start()
    with pytest.raises(BenchError, match="/no/relay cannot be started: No such file"):
        missing.power(False)


@pytest.mark.parametrize(
    "ask",
    [lambda b: b.power(False), lambda b: b.link(False), lambda b: b.loss(5), lambda b: b.delay(5)],
    ids=["power", "link", "loss", "delay"],
)
def test_what_it_cannot_do_is_not_run(here: Place, ask: Callable[[SerialBoard], None]) -> None:
    board, _ = here.board()
    with pytest.raises(NotRun, match=r"cannot|nothing"):
        ask(board)


def test_a_port_that_is_not_there_is_told_and_nothing_is_parked(here: Place) -> None:
    here.port.unplug()
    board, _ = here.board()
    with pytest.raises(BenchError, match="port: it does not exist"):
        board.start()
    lost, _ = here.board(port=None, serial_number="0001-NOT-HERE")
    with pytest.raises(BenchError, match="no serial port has the serial number 0001-NOT-HERE; is it plugged in"):
        lost.start()
    assert not place(board.config).exists()


def test_a_port_that_is_in_use_is_told_and_nothing_is_parked(here: Place) -> None:
    first, _ = here.board()
    first.start()
    second, _ = here.board()
    with pytest.raises(BenchError, match=r"busy|in use|lock"):
        second.start()
    assert not place(second.config).exists()


def test_its_flash_is_read_and_a_reset_brings_it_back(here: Place) -> None:
    board, record = here.board()
    board.start()
    assert board.read_flash(PROVISIONING, 0x4000)[:5] == b"told\xff"
    mark = record.mark()
    board.reset()
    record.wait_line("hello", 5, mark)


def test_an_image_of_the_native_board_is_not_flashed(here: Place) -> None:
    board, _ = here.board()
    board.load = replace(board.load, build=replace(here.build, chip="linux"))
    with pytest.raises(UsageError, match="is not built for a chip"):
        board.start()
    assert here.chip.written == []


def test_its_address_is_what_it_said_or_what_the_bench_says(here: Place) -> None:
    silent, _ = here.board()
    with pytest.raises(BenchError, match="has not said its address"):
        silent.endpoint(80)
    fixed, _ = here.board(host="192.168.1.77")
    assert str(fixed.endpoint(81)) == "192.168.1.77:81"


@pytest.fixture
def remote(here: Place) -> Iterator[SocketPort]:
    """The same chip, reached through a TCP connection instead of its pty."""
    port = SocketPort(here.chip)
    yield port
    port.close()


def test_a_board_behind_a_bare_connection_is_flashed_reset_and_read(here: Place, remote: SocketPort) -> None:
    board, record = here.board(port=remote.url, loader=here.switch.command("loader"))
    assert Capability.RESET in board.capabilities
    board.start()
    record.wait_line("hello from the app", 10)
    assert here.switch.told == ["loader", "reset"]
    assert here.chip.flash[APP : APP + 14] == b"app of release"
    long = b"x" * 300_000 + b" and its end\n"
    here.chip.say(long)
    record.wait_line("and its end", 10)
    assert long in record.log_path.read_bytes()


def test_without_a_reset_command_a_bare_connection_cannot_reset(here: Place) -> None:
    board, _ = here.board(port="socket://127.0.0.1:1", reset=None)
    with pytest.raises(NotRun, match="cannot do this: reset"):
        board.reset()


def test_a_connection_that_drops_is_made_again_without_a_reset(here: Place, remote: SocketPort) -> None:
    board, record = here.board(port=remote.url)
    board.start()
    boots, connections = here.chip.boots, remote.connections
    remote.drop()
    wait_reconnected(board, record)
    assert remote.connections == connections + 1
    here.chip.say(b"still the same boot\n")
    record.wait_line("still the same boot", 5)
    board.write(b"to the live port\n")
    record.wait_line("heard to the live port", 5)
    assert here.chip.boots == boots
    assert record.fault is None


def test_a_connection_that_stays_away_is_the_benchs_fault(here: Place, remote: SocketPort) -> None:
    board, record = here.board(port=remote.url, reconnect_s=1)
    board.start()
    remote.close()
    with pytest.raises(WaitFailed, match="the serial port vanished and stayed away for 1 s"):
        record.wait_line("never", 30)
    assert record.fault == "the serial port vanished and stayed away for 1 s"


def test_a_remote_port_that_nobody_serves_is_told_and_nothing_is_parked(here: Place) -> None:
    for scheme in ("socket", "rfc2217"):
        board, _ = here.board(port=f"{scheme}://127.0.0.1:1")
        with pytest.raises(BenchError, match=rf"{scheme}://127.0.0.1:1.*[Rr]efused"):
            board.start()
        assert not place(board.config).exists()


def test_a_remote_port_resets_the_chip_by_its_lines(tmp_path: Path) -> None:
    """The steps of a start over RFC 2217, but for writing: pyserial takes 0.1 s there for each change of a timeout."""
    chip = RomChip()
    chip.app = [HELLO]
    remote = Rfc2217Port(chip)
    chip.power(True)
    record = ConsoleRecord(tmp_path / "console.log")
    config = SerialConfig(name="far", port=remote.url)
    with (tmp_path / "flash.log").open("w") as log:
        port = EspPort(remote.url, config, log, record, lambda: remote.url)
        assert chip.state == "loader"
        assert port.read_mac() == "24:0a:c4:00:00:01"
        assert port.listen() is port.reader
        port.hard_reset()
        record.wait_line("hello", 5)
        assert chip.state == "running"
        connections = remote.connections
        remote.drop()
        deadline = time.monotonic() + 20
        while remote.connections == connections or not port.reader.connected.is_set():
            assert time.monotonic() < deadline, "the connection was not made again"
            record.linger(0.05)
        chip.say(b"still the same boot\n")
        record.wait_line("still the same boot", 10)
        port.close()
    record.end("over")
    remote.close()


def test_the_core_dump_of_a_panic_is_fetched_and_told(
    here: Place, pytester: pytest.Pytester, fake_artifacts: Path
) -> None:
    """esp-coredump is a stand-in: what it would say of a real dump, only a chip's gdb could show."""
    dump = struct.pack("<I", 24) + b"what a panic leaves."
    here.chip.leaves = {0x3E0000: dump + b"more"}
    says = [BOOT.replace("11" * 32, RELEASE_DIGEST), READY, "assert failed: foo bar.c:12 (x > 0)", "rst:0xc (SW_CPU)"]
    here.chip.app = [line.removeprefix("print ").encode() + b"\r\n" for line in says]
    (fake_artifacts / "release" / "hil_app.elf").touch()
    (pytester.path / "esp_coredump.py").write_text("import sys\nprint('told of', sys.argv)\n")
    rows = {"kind": "serial", "port": str(here.port.path), "reset": here.switch.command("reset")}
    text = "".join(f"{key} = {json.dumps(value)}\n" for key, value in rows.items())
    pytester.makefile(".toml", bench="[boards.cam]\n" + text)
    pytester.makeini("[pytest]\n")
    pytester.makepyfile("def test_it(rig):\n    rig.power_on()\n    rig.console.wait_panic(10)\n")
    run = pytester.path / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(pytester.path))
        pytester.runpytest_subprocess(
            "--hil-board=cam", f"--hil-artifacts={fake_artifacts}", f"--hil-run-dir={run}"
        ).assert_outcomes(failed=1)
    (kept,) = run.glob("*/coredump.bin")
    assert kept.read_bytes() == dump
    told = (kept.parent / "coredump.txt").read_text()
    for said in ("told of", "'--chip', 'esp32'", str(kept), "'raw'", "hil_app.elf"):
        assert said in told
    (test,) = json.loads((run / "results.json").read_text())["tests"]
    assert {Path(log["path"]).name for log in test["logs"]} >= {"console.log", "coredump.bin", "coredump.txt"}


def test_a_whole_test_on_it(here: Place, pytester: pytest.Pytester, fake_artifacts: Path) -> None:
    """From bench.toml through the plugin's fixtures to a record: as a test on the native board, on another one."""
    here.chip.app = [line.removeprefix("print ").encode() + b"\r\n" for line in (BOOT, READY)]
    rows = {"kind": "serial", "port": str(here.port.path), "reset": here.switch.command("reset")}
    text = "".join(f"{key} = {json.dumps(value)}\n" for key, value in rows.items())
    pytester.makefile(".toml", bench="[boards.cam]\n" + text)
    pytester.makeini("[pytest]\n")
    pytester.makepyfile(
        "import pytest\n@pytest.mark.hil(kind='promise')\n"
        "def test_it(board, console, dut):\n"
        "    assert console.wait_event('ready', 5)['heap'] == 900\n"
        "    dut.expect('ready', timeout=5)\n"
        "    assert board.kind == 'serial'\n"
        "@pytest.mark.hil(kind='promise')\n"
        "def test_what_it_cannot(board):\n"
        "    board.link(False)\n"
    )
    run = pytester.path / "run"
    arguments = ["--hil-board=cam", f"--hil-artifacts={fake_artifacts}", f"--hil-run-dir={run}"]
    pytester.runpytest_subprocess(*arguments).assert_outcomes(passed=1, skipped=1)
    first, second = json.loads((run / "results.json").read_text())["tests"]
    assert (first["board"], first["board_kind"], first["outcome"]) == ("cam", "serial", "passed")
    assert first["chip_mac"] == "24:0a:c4:00:00:01"
    assert (second["outcome"], second["failure"]) == (
        "not_run",
        "the network of board 'cam' cannot be switched off from here",
    )
    assert here.chip.flash[PROVISIONING : PROVISIONING + 4] != b"\xff" * 4
