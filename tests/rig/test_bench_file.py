# SPDX-License-Identifier: Apache-2.0
"""bench.toml: what is right becomes boards, what is wrong becomes one line with file, line and what is allowed."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_hil.boards.bench import BenchFile, BenchFileError
from pytest_hil.boards.config import NativeConfig, QemuConfig, SerialConfig
from pytest_hil.boards.factory import mac_of
from pytest_hil.errors import UsageError

EXAMPLE = Path(__file__).parents[2] / "bench.example.toml"
CAM = '[boards.cam]\nkind = "serial"\nport = "/dev/ttyUSB0"\n'


def bench(folder: Path, text: str) -> BenchFile:
    path = folder / "bench.toml"
    path.write_text(text)
    return BenchFile.read(path)


def test_without_a_file_there_is_the_native_board(tmp_path: Path) -> None:
    found = BenchFile.read(tmp_path / "bench.toml")
    assert list(found.boards) == ["native"]
    assert found.board("native").tell == "10.0.2.2"


def test_the_example_is_right() -> None:
    boards = BenchFile.read(EXAMPLE).boards
    assert list(boards) == ["native", "cam-1", "c3", "cam-far", "cam-bridge", "qemu", "espemu"]
    cam, qemu = boards["cam-1"], boards["qemu"]
    assert isinstance(cam, SerialConfig)
    assert (cam.bind, cam.tell, cam.flash_baud) == ("0.0.0.0", "192.168.1.10", 921600)
    assert cam.power_cycle[0] == "uhubctl"
    assert cam.provisioning["wifi_ssid"] == "workshop"
    assert isinstance(qemu, QemuConfig)
    assert (qemu.bind, qemu.tell) == ("127.0.0.1", "10.0.2.2")
    assert (qemu.nic, qemu.machine, qemu.patience) == ("user,model=open_eth", None, 5.0)


def test_the_benchs_addresses_leave_the_native_board_alone_unless_it_is_named(tmp_path: Path) -> None:
    found = bench(tmp_path, '[bench]\nbind = "0.0.0.0"\ntell = "192.168.1.10"\n' + CAM)
    assert found.board("native") == NativeConfig(name="native")


def test_every_native_board_has_an_address_of_its_own() -> None:
    """By it the gate tells boards apart."""
    macs = [mac_of(name) for name in ("native", "a", "b")]
    assert len(set(macs)) == 3
    assert all(re.fullmatch(r"02(:[0-9a-f]{2}){5}", mac) for mac in macs), macs
    assert mac_of("a") == macs[1]


@pytest.mark.parametrize(
    "port",
    ["/dev/ttyACM0", "COM12", "rfc2217://bench-2:4000", "socket://192.168.1.20:23", "rfc2217://h:1?logging=info"],
)
def test_ports_that_are_allowed(tmp_path: Path, port: str) -> None:
    found = bench(tmp_path, f'[boards.cam]\nkind = "serial"\nport = "{port}"\n').board("cam")
    assert isinstance(found, SerialConfig)
    assert found.port == port


@pytest.mark.parametrize(
    "port", ["ttyUSB0", "", "rfc2217://host", "socket://:23", "telnet://host:23", "socket://host:99999", "socket://h:x"]
)
def test_ports_that_are_not_allowed(tmp_path: Path, port: str) -> None:
    with pytest.raises(BenchFileError, match=r"bench.toml:3: boards\.cam\.port: .* is not allowed; allowed: .*rfc2217"):
        bench(tmp_path, f'[boards.cam]\nkind = "serial"\nport = "{port}"\n')


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            CAM + 'prot = "x"\n',
            "bench.toml:4: boards.cam.prot: unknown key (did you mean 'port'?); allowed: kind, bind",
        ),
        (CAM + "heap_kb = 64\n", "bench.toml:4: boards.cam.heap_kb: unknown key"),
        (
            '\n[boards.cam]\nport = "/dev/x"\n',
            "bench.toml:2: boards.cam: the field 'kind' is missing; allowed: native,",
        ),
        ('[boards.cam]\nkind = "jtag"\n', "bench.toml:2: boards.cam.kind: 'jtag' is no kind; allowed: native, qemu,"),
        ('[boards.cam]\nkind = ["serial"]\n', "bench.toml:2: boards.cam.kind: ['serial'] is no kind"),
        ('# x\n[boards.cam]\nkind = "serial"\n', "bench.toml:2: boards.cam: a field is missing: one of port, serial_n"),
        (CAM + 'mac = "00:11:22:33:44:55"\n', "bench.toml:4: boards.cam.mac: beside 'port'; allowed is one of"),
        (
            CAM + "baud = true\n",
            "bench.toml:4: boards.cam.baud: True is not allowed; allowed: a whole number from 1200",
        ),
        (
            CAM + "patience = 0\n",
            "bench.toml:4: boards.cam.patience: 0 is not allowed; allowed: a number from 0.1 to 100",
        ),
        (CAM + 'reset = "relay"\n', "bench.toml:4: boards.cam.reset: 'relay' is not allowed; allowed: a command as"),
        (CAM + 'power_on = ["r"]\n', "bench.toml:1: boards.cam: power_off and power_on go together"),
        (CAM + "provisioning = { wifi_ssid = 1.5 }\n", "bench.toml:4: boards.cam.provisioning: "),
        (CAM + '[bench]\ntell = "my-laptop"\n', "bench.toml:5: bench.tell: 'my-laptop' is not allowed; allowed: an IP"),
        ('[bench]\nport = "/dev/x"\n', "bench.toml:2: bench.port: unknown key; allowed: bind, tell"),
        ("[board.cam]\n", "bench.toml:1: board: unknown key (did you mean 'boards'?); allowed: bench, boards"),
        ('boards.cam = "serial"\n', "bench.toml:1: boards.cam: must be a table"),
        ("boards = 3\n", "bench.toml:1: boards: must be a table"),
        ('[boards.native]\nkind = "qemu"\n', "bench.toml:2: boards.native.kind: the board 'native' is always of that"),
        ("[boards.cam]\nkind = \n", "bench.toml:2: Invalid value"),
        ("[boards.cam\n", "bench.toml:1: "),
        ('[boards."cam 2"]\nkind = "native"\nmac = "x"\n', "bench.toml:3: boards.cam 2.mac: 'x' is not allowed"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(BenchFileError, match=re.escape(said)):
        bench(tmp_path, text)


def test_a_file_that_is_no_text_is_told(tmp_path: Path) -> None:
    (tmp_path / "bench.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(BenchFileError, match="cannot be read"):
        BenchFile.read(tmp_path / "bench.toml")


def test_an_unknown_board_is_told_with_those_that_are_known(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no board 'c4'; known: native, cam \(.*bench.toml\)"):
        bench(tmp_path, CAM).board("c4")


def test_the_command_tells_it_in_one_line_and_exits_with_2(tmp_path: Path, fake_artifacts: Path) -> None:
    (tmp_path / "tests" / "hil").mkdir(parents=True)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "bench.toml").write_text(CAM + "colour = 1\n")
    result = subprocess.run(
        [
            sys.executable,
            "-c",
            "from pytest_hil.cli import main; main()",
            "run",
            "--hil-board",
            "cam",
            "--artifacts",
            str(fake_artifacts),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 2
    (line,) = result.stderr.strip().splitlines()
    assert "bench.toml:4: boards.cam.colour: unknown key; allowed: kind, bind, tell, provisioning, " in line


def test_pytest_tells_it_too(pytester: pytest.Pytester) -> None:
    pytester.makefile(".toml", bench=CAM + "colour = 1\n")
    pytester.makeini("[pytest]\n")
    pytester.makepyfile("def test_it():\n    pass\n")
    result = pytester.runpytest_subprocess("--hil-board=cam")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*bench.toml:4: boards.cam.colour: unknown key*"])


def test_one_physical_board_does_not_serve_several_workers(pytester: pytest.Pytester) -> None:
    pytester.makefile(".toml", bench=CAM)
    pytester.makeini("[pytest]\n")
    result = pytester.runpytest_subprocess("--hil-board=cam", "-n", "2")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*'cam' is one board: it cannot serve 2 workers*"])


def test_services_listen_where_the_bench_says(pytester: pytest.Pytester) -> None:
    """127.0.0.2 stands for an address of the runner in the boards' network."""
    pytester.makefile(".toml", bench=CAM.replace("[boards.cam]", '[boards.cam]\nbind = "127.0.0.2"'))
    pytester.makeini("[pytest]\n")
    pytester.makepyfile(
        "import socket\n"
        "def test_it(broker, image_server):\n"
        "    assert broker.host == '127.0.0.2'\n"
        "    for port in (broker.port, image_server.port):\n"
        "        socket.create_connection(('127.0.0.2', port), 5).close()\n"
    )
    pytester.runpytest_subprocess("--hil-board=cam").assert_outcomes(passed=1)
