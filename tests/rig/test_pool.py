# SPDX-License-Identifier: Apache-2.0
"""Several boards on one runner: who has which, in which order the tests go, and that no two ever meet on one board."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_hil.boards.bench import BenchFile, choose_all
from pytest_hil.boards.config import LabgridConfig
from pytest_hil.boards.pool import board_of, check_workers, kept
from pytest_hil.errors import BenchError, UsageError
from pytest_hil.results.history import History
from pytest_hil.spreading import durations, longest_first

from . import sample_run
from .conftest import BOOT, READY
from .test_cli import Hil, hil, project, write_test  # noqa: F401  fixtures

BENCH = """
[boards.cam-1]
kind = "serial"
port = "/dev/ttyUSB0"
[boards.cam-2]
kind = "serial"
port = "/dev/ttyUSB1"
[boards.bench-a]
kind = "native"
[boards.bench-b]
kind = "native"
"""


@pytest.fixture
def bench(tmp_path: Path) -> BenchFile:
    (tmp_path / "bench.toml").write_text(BENCH)
    return BenchFile.read(tmp_path / "bench.toml")


def test_one_board_a_worker(tmp_path: Path, bench: BenchFile) -> None:
    boards = choose_all("cam-1, cam-2", str(bench.path), tmp_path)
    check_workers(boards, 2)
    assert [board_of(boards, worker).name for worker in (None, "gw0", "gw1")] == ["cam-1", "cam-1", "cam-2"]


@pytest.mark.parametrize(
    ("names", "workers", "said"),
    [
        ("cam-1", 2, "'cam-1' is one board: it cannot serve 2 workers"),
        ("cam-1,cam-2", 3, "cam-1, cam-2 are 2 boards: they cannot serve 3 workers"),
        ("cam-1,bench-a", 3, "cannot serve 3 workers"),
        ("cam-1,cam-1", 2, "'cam-1' is named twice"),
    ],
)
def test_no_two_workers_share_a_board(bench: BenchFile, names: str, workers: int, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        check_workers(choose_all(names, str(bench.path), bench.path.parent), workers)


def test_native_boards_are_as_many_as_workers(bench: BenchFile) -> None:
    boards = choose_all("bench-a,bench-b", str(bench.path), bench.path.parent)
    check_workers(boards, 8)
    assert [board_of(boards, f"gw{i}").name for i in range(3)] == ["bench-a", "bench-b", "bench-a"]


def test_a_labgrid_place_with_and_without_an_entry(tmp_path: Path) -> None:
    entry = '[boards.far]\nkind = "labgrid"\nplace = "cam-1"\nflash = false\nports = {"80" = 8080}\n'
    (tmp_path / "bench.toml").write_text(f'[bench]\nbind = "0.0.0.0"\n{entry}')
    bench = BenchFile.read(tmp_path / "bench.toml")
    known, pattern, other = (bench.board(f"labgrid:{place}") for place in ("cam-1", "cam-*", "cam-2"))
    assert isinstance(known, LabgridConfig)
    assert (known.name, known.place, known.flash, known.ports) == ("labgrid:cam-1", "cam-1", False, {"80": 8080})
    assert isinstance(pattern, LabgridConfig)
    assert [one.name for one in pattern.each] == ["far"]
    assert isinstance(other, LabgridConfig)
    assert (other.place, other.flash, other.bind) == ("cam-2", True, "0.0.0.0")
    with pytest.raises(UsageError, match="wants a place's name"):
        bench.board("labgrid:")
    (tmp_path / "bench.toml").write_text('[boards.far]\nkind = "labgrid"\nplace = "cam-1"\nport = "/dev/ttyUSB0"\n')
    with pytest.raises(UsageError, match=r"bench\.toml:4: boards\.far\.port: unknown key"):
        BenchFile.read(tmp_path / "bench.toml")


def test_a_board_is_kept_from_other_runs(bench: BenchFile) -> None:
    board = bench.board("cam-1")
    take = (
        "import sys; from pathlib import Path; from pytest_hil.boards.bench import BenchFile\n"
        "from pytest_hil.boards.pool import kept\n"
        "with kept(BenchFile.read(Path(sys.argv[1])).board('cam-1')): print('mine', flush=True); input()"
    )
    command = [sys.executable, "-c", take, str(bench.path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "mine\n"
        with (
            pytest.raises(BenchError, match=f"'cam-1' is in use by another run \\(process {other.pid}\\)"),
            kept(board),
        ):
            pass
        with kept(bench.board("cam-2")), kept(bench.board("bench-a")):
            pass
        other.kill()  # however it ends, the board is free again
        other.wait()
    with kept(board):
        pass


def test_the_longest_come_first_and_the_unknown_before_them() -> None:
    class Item:
        def __init__(self, nodeid: str) -> None:
            self.nodeid = nodeid

    items = [Item(name) for name in "abcd"]
    longest_first(items, {"a": 1.0, "b": 9.0, "d": 3.0})  # type: ignore[arg-type]
    assert [item.nodeid for item in items] == ["c", "b", "d", "a"]
    longest_first(items, {})  # type: ignore[arg-type]
    assert [item.nodeid for item in items] == ["c", "b", "d", "a"]


def test_durations_need_a_history_that_can_be_read(tmp_path: Path) -> None:
    assert durations(tmp_path / "history.sqlite") == {}
    (tmp_path / "history.sqlite").write_bytes(b"spoilt" * 999)
    assert durations(tmp_path / "history.sqlite") == {}


PARALLEL = """
import os
@pytest.mark.parametrize('i', range(6))
def test_it(board, i):
    with open(f"order-{os.environ['PYTEST_XDIST_WORKER']}", "a") as file:
        file.write(f"{i} ")
"""


def test_workers_take_the_longest_first(hil: Hil, project: Path) -> None:  # noqa: F811
    write_test(project, PARALLEL)
    took_s = {5: 9.0, 1: 8.0, 4: 7.0, 0: 6.0, 3: 5.0, 2: 4.0}
    tests = [sample_run.record(i, id=f"tests/hil/test_one.py::test_it[{i}]", duration_s=s) for i, s in took_s.items()]
    (project / "build" / "hil").mkdir(parents=True)
    with History(project / "build" / "hil" / "history.sqlite") as history:
        history.add(sample_run.results(tests))
    assert hil("run", "-n", "2").returncode == 0
    orders = [path.read_text().split() for path in sorted(project.glob("order-*"))]
    assert sorted(orders[0] + orders[1]) == list("012345")
    for order in orders:
        assert order == sorted(order, key="514032".index), f"not the longest first: {orders}"
    assert {order[0] for order in orders} == {"5", "4"}, "each worker begins with two tests"


def test_each_worker_has_its_board(
    hil: Hil,  # noqa: F811
    project: Path,  # noqa: F811
    board_does: Callable[..., None],
) -> None:
    board_does(BOOT, READY)
    (project / "bench.toml").write_text(BENCH)
    write_test(project, PARALLEL)
    assert hil("run", "-n", "2", "--hil-board", "bench-a,bench-b").returncode == 0
    results = json.loads((project / "build" / "hil" / "latest" / "results.json").read_text())
    assert {test["board"] for test in results["tests"]} == {"bench-a", "bench-b"}
    refused = hil("run", "-n", "3", "--hil-board", "cam-1,cam-2")
    assert (refused.returncode, "cannot serve 3 workers" in refused.stderr) == (2, True)
