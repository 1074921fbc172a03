# SPDX-License-Identifier: Apache-2.0
"""Panics: what must be found, what must not, and that the cutting of the bytes decides nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_hil.console.console import Console
from pytest_hil.console.panics import Panic

from .conftest import cut
from .panic_corpus import LWIP, NEGATIVE, POSITIVE, TAIL


def panics_of(folder: Path, text: str) -> list[Panic]:
    console = Console(folder / "console.log")
    console.feed(text.encode("utf-8", "surrogateescape") + b"\n")
    console.end("end of text")
    return console.panics


@pytest.mark.parametrize(("text", "expected"), [row[1:] for row in POSITIVE], ids=[row[0] for row in POSITIVE])
def test_panics_are_found_and_named(tmp_path: Path, text: str, expected: dict[str, Any]) -> None:
    panics = panics_of(tmp_path, f"I (1) main: hello\n{text}\nrst:0xc (SW_CPU),boot:0x13\nI (1) main: hello")
    assert len(panics) == 1, panics
    assert {field: getattr(panics[0], field) for field in expected} == expected


@pytest.mark.parametrize("text", [row[1] for row in NEGATIVE], ids=[row[0] for row in NEGATIVE])
def test_ordinary_logs_are_no_panics(tmp_path: Path, text: str) -> None:
    assert panics_of(tmp_path, f"I (1) main: hello\n{text}\nI (99) app: going on") == []


def test_two_boots_two_panics_with_the_reasons_that_followed(tmp_path: Path) -> None:
    boot = 'rst:0xc (SW_CPU),boot:0x13\n@hil {"n":0,"t":1,"ev":"boot","reset_reason":"PANIC"}\n'
    panics = panics_of(tmp_path, (LWIP + TAIL + boot) * 2)
    assert [panic.function for panic in panics] == ["lwip_netconn_do_writemore"] * 2
    assert [panic.reset_reason for panic in panics] == ["PANIC"] * 2


def test_a_panic_far_back_gives_its_name_to_no_later_boot(tmp_path: Path) -> None:
    clean = '@hil {"n":0,"t":1,"ev":"boot","reset_reason":"SW"}\n'
    announced = '@hil {"n":1,"t":5,"ev":"restart"}\n'
    panics = panics_of(tmp_path, LWIP + TAIL + clean.replace("SW", "PANIC") + announced + clean)
    assert [panic.reset_reason for panic in panics] == ["PANIC"]


def _mix(texts: list[str]) -> bytes:
    return "".join(f"{text}\r\nI (5) app: going on\n" for text in texts).encode("utf-8", "surrogateescape")


@settings(max_examples=150)
@given(
    st.lists(st.sampled_from([row[1] for row in POSITIVE] + [row[1] for row in NEGATIVE]), min_size=1, max_size=4),
    st.lists(st.integers(1, 97), min_size=1, max_size=40),
)
def test_any_cutting_of_the_same_bytes_gives_the_same_panics(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], sizes: list[int]
) -> None:
    folder = tmp_path_factory.mktemp("cut")
    whole = _mix(texts)
    at_once, in_pieces = Console(folder / "a.log"), Console(folder / "b.log")
    at_once.feed(whole)
    for piece in cut(whole, sizes):
        in_pieces.feed(piece)
    at_once.end("")
    in_pieces.end("")
    assert in_pieces.panics == at_once.panics
