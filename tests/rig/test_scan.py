# SPDX-License-Identifier: Apache-2.0
"""`hil scan`: saved logs get the verdict that a live board gets, and backtraces their functions."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_hil.console.console import Console
from pytest_hil.console.decoding import can_decode, decoded
from pytest_hil.console.panic import Panic
from pytest_hil.console.scan import scan

from .conftest import Hil
from .panic_corpus import LWIP, NEGATIVE, POSITIVE, TAIL

FIELDS = ["kind", "function", "file", "line", "expression", "task", "core", "reset_reason", "at_line"]
BOOT = '@hil {"n":0,"t":1,"ev":"boot","reset_reason":"PANIC"}\n'


@pytest.fixture
def log(tmp_path: Path) -> Callable[..., str]:
    def write(text: str, name: str = "console.log") -> str:
        path = tmp_path / name
        path.write_bytes(text.encode("utf-8", "surrogateescape"))
        return str(path)

    return write


def test_a_clean_log_is_0(hil: Hil, log: Callable[..., str], capsys: pytest.CaptureFixture[str]) -> None:
    assert hil("scan", log("I (1) app: all is well\n")) == 0
    assert "no panic" in capsys.readouterr().out


def test_a_panic_is_1_and_told_with_its_place(
    hil: Hil, log: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    path = log(f"I (1) app: one\r\nI (2) app: two\r\n{LWIP}{TAIL}")
    assert hil("scan", path) == 1
    told = capsys.readouterr().out
    assert f"{path}:3: assert, in lwip_netconn_do_writemore" in told
    assert "\x1b" not in told


def test_json_has_the_fields_of_the_contract_and_no_other(
    hil: Hil, log: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    bad = log(f"I (1) app: one\n{LWIP}{TAIL}rst:0xc (SW_CPU),boot:0x13\n{BOOT}", "bad.log")
    good = log("I (1) app: one\n", "good.log")
    assert hil("scan", "--json", bad, good) == 1
    rows = json.loads(capsys.readouterr().out)
    assert [list(row) for row in rows] == [["log", "panic", "panics", "resets"]] * 2
    assert [(row["log"], row["panic"]) for row in rows] == [(bad, True), (good, False)]
    (panic,) = rows[0]["panics"]
    assert list(panic) == FIELDS
    assert panic == {
        "kind": "assert",
        "function": "lwip_netconn_do_writemore",
        "file": "IDF/components/lwip/lwip/src/api/api_msg.c",
        "line": 1737,
        "expression": "conn->current_msg->msg.w.offset < conn->current_msg->msg.w.len",
        "task": None,
        "core": None,
        "reset_reason": "PANIC",
        "at_line": 2,
    }
    assert rows[0]["resets"] == [{"code": 0xC, "name": "SW_CPU", "reason": "PANIC", "at_line": 9}]
    assert rows[1] == {"log": good, "panic": False, "panics": [], "resets": []}


def test_a_log_that_cannot_be_read_is_2_in_one_line(
    hil: Hil, log: Callable[..., str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for wrong in (tmp_path / "missing.log", tmp_path):
        assert hil("scan", log(LWIP + TAIL), str(wrong)) == 2
        told = capsys.readouterr()
        assert told.out == ""
        assert told.err.strip().splitlines() == [told.err.strip()]
        assert str(wrong) in told.err


def test_standard_input(hil: Hil, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO((LWIP + TAIL).encode())))
    assert hil("scan", "-") == 1
    assert "-:1: assert" in capsys.readouterr().out


def test_lines_are_counted_as_an_editor_does(hil: Hil, log: Callable[..., str]) -> None:
    text = f"10 %\r20 %\r30 %\n\n{LWIP}{TAIL}"
    scanned = scan("x", io.BytesIO(text.encode()))
    assert scanned.as_json()["panics"][0]["at_line"] == 3
    assert hil("scan", log(text)) == 1


def test_boots_that_only_the_app_tells_of() -> None:
    text = BOOT + '@hil {"n":1,"t":5,"ev":"restart"}\n' + BOOT.replace("PANIC", "SW")
    scanned = scan("x", io.BytesIO(text.encode()))
    assert [(row["code"], row["reason"]) for row in scanned.resets] == [(None, "PANIC"), (None, "SW")]
    assert scanned.panics == ()


@settings(max_examples=100)
@given(st.lists(st.sampled_from([row[1] for row in POSITIVE] + [row[1] for row in NEGATIVE]), min_size=1, max_size=5))
def test_a_saved_log_is_judged_as_it_was_live(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> None:
    whole = "\nI (5) app: going on\n".join(texts).encode("utf-8", "surrogateescape")
    console = Console(tmp_path_factory.mktemp("live") / "console.log")
    console.feed(whole)
    console.end("")
    scanned = scan("x", io.BytesIO(whole))
    assert [(p.kind, p.function, p.text) for p in scanned.panics] == [
        (p.kind, p.function, p.text) for p in console.panics
    ]


# ---- decoding


@pytest.fixture(scope="module")
def elf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("elf")
    (folder / "crash.c").write_text("int crash_here(int x)\n{\n    return x + 1;\n}\nint main(void) { return 0; }\n")
    subprocess.run(["cc", "-g", "-no-pie", "-o", "crash", "crash.c"], cwd=folder, check=True)
    return folder / "crash"


def address_of(elf: Path, function: str) -> str:
    symbols = subprocess.run(["nm", str(elf)], capture_output=True, text=True, check=True).stdout
    return "0x" + next(line.split()[0] for line in symbols.splitlines() if line.endswith(f" {function}"))


def test_a_backtrace_becomes_functions_and_lines(elf: Path) -> None:
    panic = decoded(Panic("assert", "", 0, backtrace=(f"{address_of(elf, 'crash_here')}:0x3ffb0000",)), elf)
    (frame,) = panic.frames
    assert (frame.function, frame.line) == ("crash_here", 2)
    assert frame.file is not None
    assert frame.file.endswith("crash.c")


def test_scan_decodes(hil: Hil, log: Callable[..., str], elf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = log(f"abort() was called at PC 0x1 on core 0\n\nBacktrace: {address_of(elf, 'crash_here')}:0x3ffb0000\n")
    assert hil("scan", "--elf", str(elf), path) == 1
    assert "crash_here at" in capsys.readouterr().out


def test_what_cannot_be_decoded_keeps_its_addresses(elf: Path, tmp_path: Path) -> None:
    no_elf = tmp_path / "x.elf"
    no_elf.write_text("no ELF")
    panic = Panic("assert", "", 0, backtrace=("0x400d1f3b:0x3ffb5b90",))
    assert not can_decode(no_elf)
    assert decoded(panic, no_elf) == panic
    assert decoded(panic, tmp_path / "missing") == panic
    assert [(frame.address, frame.function) for frame in decoded(panic, elf).frames] == [("0x400d1f3b", None)]


def test_scan_refuses_an_elf_that_tells_nothing(
    hil: Hil, log: Callable[..., str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert hil("scan", "--elf", str(tmp_path / "missing.elf"), log("")) == 2
    assert hil("scan", "--elf", log("no ELF", "x.elf"), log("")) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 2
