# SPDX-License-Identifier: Apache-2.0
"""Whatever is done to results and policy, the gate answers: never with a traceback, and never with PASS."""

from __future__ import annotations

import contextlib
import copy
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_hil.cli.app import terminal
from pytest_hil.errors import UsageError
from pytest_hil.gate.attestation import statement
from pytest_hil.gate.explanation import print_verdict
from pytest_hil.gate.github import annotation_lines, step_summary
from pytest_hil.gate.judge import Judged
from pytest_hil.gate.junit import junit
from pytest_hil.gate.policy import PolicyFile
from pytest_hil.results.signature import sign_results

from .gate_bench import Bench

EXAMPLES = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
JUNK: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-(10**400), 10**400),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(["", "../x", "/", "\0", "\ud800", "e" * 64, "passed", "promise", "native", "linux"]),
    st.lists(st.integers(), max_size=3),
    st.dictionaries(st.text(max_size=5), st.integers(), max_size=3),
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("whole") / "bench")


def places(value: Any, at: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Every place in a JSON document, by its path."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*at, key)
        yield from places(inner, (*at, key))


def put(document: Any, at: tuple[str | int, ...], value: Any) -> None:
    for key in at[:-1]:
        document = document[key]
    document[at[-1]] = value


def take(document: Any, at: tuple[str | int, ...]) -> None:
    for key in at[:-1]:
        document = document[key]
    del document[at[-1]]


def everything_written(judged: Judged) -> None:
    """All that is made of a verdict, so that none of it fails either."""
    print_verdict(judged, terminal(), explain=True)
    junit(judged)
    list(annotation_lines(judged))
    step_summary(judged).encode()
    json.dumps(statement(judged)).encode()


@EXAMPLES
@given(data=st.data())
def test_results_with_anything_in_them(whole: Bench, tmp_path: Path, data: st.DataObject) -> None:
    """Signed by an insider, so that all of the gate reads it."""
    run = fresh(whole, tmp_path)
    results = copy.deepcopy(whole.read())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.sampled_from(list(places(results))))
        if data.draw(st.booleans()):
            put(results, at, data.draw(JUNK))
        else:
            take(results, at)
    (run / "results.json").write_text(json.dumps(results))
    sign_results(run / "results.json", whole.key)
    everything_written(whole.judged(run))


@EXAMPLES
@given(data=st.data())
def test_logs_with_anything_in_them(whole: Bench, tmp_path: Path, data: st.DataObject) -> None:
    """Bytes of one file are replaced, cut off or added, and its digest is made to fit."""
    run = fresh(whole, tmp_path)
    row = data.draw(st.sampled_from(whole.read()["tests"]))
    path = run / data.draw(st.sampled_from(row["logs"]))["path"]
    content = bytearray(path.read_bytes())
    start = data.draw(st.integers(0, len(content)))
    length = data.draw(st.integers(0, 200))
    content[start : start + length] = data.draw(
        st.one_of(
            st.binary(max_size=40),
            st.sampled_from([b'"ms":', b"null", b"[", b'"forced_count": "x"', b"1e999", b"NaN", b"-1", b"\n\n", b"}"]),
        )
    )
    path.write_bytes(content)
    moved = Bench.__new__(Bench)
    moved.folder, moved.key = run.parent, whole.key
    moved.redigest(recompute=data.draw(st.booleans()))
    everything_written(whole.judged(run))


@EXAMPLES
@given(data=st.data())
def test_files_damaged_by_an_outsider_never_pass(whole: Bench, tmp_path: Path, data: st.DataObject) -> None:
    run = fresh(whole, tmp_path)
    files = sorted(path for path in run.rglob("*") if path.is_file() and path.parent.name != "records")
    path = data.draw(
        st.sampled_from([path for path in files if path.name not in ("collected.json", "sdkconfig-update")])
    )
    content = bytearray(path.read_bytes())
    at = data.draw(st.integers(0, max(len(content) - 1, 0)))
    way = data.draw(st.sampled_from(["flip", "cut", "empty", "gone", "folder"]))
    if way == "flip" and content:
        content[at] ^= 1 << data.draw(st.integers(0, 7))
        path.write_bytes(content)
    elif way == "cut" and content:
        path.write_bytes(content[:at])
    elif way in ("gone", "folder"):
        path.unlink()
        if way == "folder":
            path.mkdir()
    else:
        path.write_bytes(b"!")
    judged = whole.judged(run)
    everything_written(judged)
    if path.name == "results.json.sig":
        return  # its layout is not signed: a space may become a tab
    assert not judged.verdict.ships, f"{way} of {path}"


@EXAMPLES
@given(data=st.data())
def test_policies_with_anything_in_them(whole: Bench, tmp_path: Path, data: st.DataObject) -> None:
    text = whole.policy.read_text()
    start = data.draw(st.integers(0, len(text)))
    length = data.draw(st.integers(0, 30))
    new = data.draw(
        st.one_of(
            st.text(max_size=10), st.sampled_from(["[", "]]", '"', "1e999", "nan", "\n[a]\n", "9" * 5000, "[" * 3000])
        )
    )
    policy = tmp_path / "gate.toml"
    policy.write_text(text[:start] + new + text[start + length :], errors="surrogatepass")
    shutil.copyfile(whole.folder / "bench-key.pub.pem", tmp_path / "bench-key.pub.pem")
    with contextlib.suppress(UsageError):
        PolicyFile.read(policy)  # any other error fails


def fresh(whole: Bench, tmp_path: Path) -> Path:
    """A copy of the run, anew for each example."""
    run = tmp_path / "run-1"
    shutil.rmtree(run, ignore_errors=True)
    shutil.copytree(whole.run, run)
    return run
