# SPDX-License-Identifier: Apache-2.0
"""gate.toml: what is wrong with it is one line that names the place, and nothing wrong goes unsaid."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from pytest_hil.errors import UsageError
from pytest_hil.gate.policy import Policy, PolicyFile, matches
from pytest_hil.results.bench_key import BenchKey
from pytest_hil.run_tests import with_defaults

from .gate_bench import Bench

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("policy"))


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("max_age_days = 7", "max_agee_days = 7", r"gate.toml:2: max_agee_days: unknown key"),
        ("max_age_days = 7", "max_age_days = 7\nmax_age = 1", r"gate.toml:3: max_age: unknown key"),
        ("max_age_days = 7", "max_age_days = 1e12", r"gate.toml:2: max_age_days: "),
        ("max_age_days = 7", 'max_age_days = "7"', r"gate.toml:2: max_age_days: "),
        ("max_age_days = 7", "max_age_days = true", r"gate.toml:2: max_age_days: "),
        ('"tests/hil/test_stop.py::test_stop[plain]"', '""', r"controls\.1\.scenario: "),
        ('"tests/hil/test_stop.py::test_stop[graceful-*" = 3', '"" = 3', r"boards\.native\.required"),
        ("stop_p99_ms = 2200", "stop_p99 = 2200\nstop_p99_ms = 1", r"boards\.native\.limits\.stop_p99: unknown key"),
        ("stop_p99_ms = 2200\n", "", r"boards\.native\.limits\.stop_p99_ms: this key is missing"),
        ("stop_p99_ms = 2200", "stop_p99_ms = nan", r"limits\.stop_p99_ms: "),
        ("stop_p99_ms = 2200", "stop_p99_ms = inf", r"limits\.stop_p99_ms: "),
        ("stop_p99_ms = 2200", "stop_p99_ms = -1", r"limits\.stop_p99_ms: "),
        ("flaky_share = 0.0", "flaky_share = 1.5", r"limits\.flaky_share: "),
        ("flaky_share = 0.0", "flaky_share = true", r"limits\.flaky_share: "),
        ("boards = 1", "boards = 0", r"boards\.native\.boards: "),
        ("boards = 1", 'boards = "1"', r"boards\.native\.boards: "),
        ("cycles = 1", "cycles = 0", r"boards\.native\.cycles: "),
        ('graceful-*" = 3', 'graceful-*" = 0', r"boards\.native\.required\."),
        ("hang_ms = 9000", "", r"controls\.1: exactly one of panic_in, panic_kind and hang_ms"),
        (
            "hang_ms = 9000",
            'hang_ms = 9000\npanic_in = "a"',
            r"controls\.1: exactly one of panic_in, panic_kind and hang_ms",
        ),
        ('[["release", "update"]]', "[]", r"chain\.steps: "),
        ('[["release", "update"]]', '[["release", "moon"]]', r"chain\.steps\.0\.1: "),
        ('[["release", "update"]]', '[["previous", "release"]]', r"chain: a step from `previous` needs the digests"),
        ('kind = "native"', 'kind = "native', r"gate.toml:\d+: "),
        ("[chain]", "[chaim]", r"gate.toml:1\d: chaim: unknown key"),
        ('keys = ["bench-key.pub.pem"]', "keys = []", r"gate.toml:1: keys: "),
        (
            'keys = ["bench-key.pub.pem"]',
            'keys = ["nothing.pem"]',
            r"gate.toml:1: keys.0: .*nothing.pem cannot be read: No such file or directory; 'hil keys",
        ),
        (
            'keys = ["bench-key.pub.pem"]',
            'keys = ["gate.toml"]',
            r"gate.toml:1: keys.0: .*gate.toml is no public key in PEM",
        ),
        (
            "[boards.native]",
            '[boards.other]\nkind = "native"\n[boards.native]',
            r"boards\.other\.target: this key is missing",
        ),
    ],
)
def test_a_complaint_names_the_place(bench: Bench, tmp_path: Path, old: str, new: str, complaint: str) -> None:
    text = bench.policy.read_text()
    assert old in text
    policy = tmp_path / "gate.toml"
    policy.write_text(text.replace(old, new, 1))
    (tmp_path / "bench-key.pub.pem").write_bytes((bench.folder / "bench-key.pub.pem").read_bytes())
    with pytest.raises(UsageError) as raised:
        PolicyFile.read(policy)
    told = str(raised.value)
    assert re.search(complaint, told), told
    assert "\n" not in told


def test_only_a_star_means_something() -> None:
    assert matches("a::t[x-*", "a::t[x-1]")
    assert not matches("a::t[x-*", "b::t[x-1]")
    assert not matches("a?::t", "ab::t")
    assert not matches("a.::t", "ab::t")
    assert matches("*stuck*", "a::t[1_stuck-b]")


def test_the_policy_of_this_repository_asks_for_what_its_scenarios_are(pytester: pytest.Pytester) -> None:
    """`make hil` must be able to pass it, and no scenario that promises something may be left out of it."""
    policy = _policy_of("gate.toml", pytester.path, "build/bench/bench-key.pub.pem")
    collected = _collected(pytester)
    controls = {test_id for test_id, kind in collected.items() if kind == "control"}
    promises = {test_id for test_id, kind in collected.items() if kind == "promise"}
    named = {test_id for test_id in collected if policy.control(test_id)}
    assert controls <= named, f"gate.toml names no failure for {sorted(controls - named)}"
    assert not named & promises
    assert all(
        any(matches(control.scenario, test_id) for test_id in named)
        for control in policy.controls
        if not control.may_be_missing
    )
    for boards in policy.boards.values():
        for pattern, count in boards.required.items():
            there = sum(matches(pattern, test_id) for test_id in promises)
            assert count <= there, f"gate.toml requires {count} scenarios of {pattern}; there are {there}"
        left_out = {t for t in promises if not any(matches(pattern, t) for pattern in boards.required)}
        assert not left_out, f"gate.toml does not require {sorted(left_out)}"


def test_the_policy_of_releases_asks_no_less(tmp_path: Path) -> None:
    """For the native board the same as gate.toml; beside it, a chip."""
    release = _policy_of(".github/release-gate.toml", tmp_path, "keys/native.pub.pem", "keys/bench.pub.pem")
    daily = _policy_of("gate.toml", tmp_path, "build/bench/bench-key.pub.pem")
    assert release.boards["native"] == daily.boards["native"]
    assert release.controls == daily.controls
    assert release.control_image.promises == daily.control_image.promises
    assert release.control_image.options == daily.control_image.options
    # On a chip the control that kills a task needs its freed stack filled; a native board does that by itself.
    of_chips = release.control_image.may_differ
    assert all(option.startswith("CONFIG_HEAP_") for option in of_chips), of_chips
    assert release.clean_commit
    assert any(boards.kind == "serial" for boards in release.boards.values())


def test_the_policy_of_this_repository_takes_the_faults_too(pytester: pytest.Pytester) -> None:
    """`make faults` must be able to pass it."""
    policy = _policy_of("gate.toml", pytester.path, "build/bench/bench-key.pub.pem")
    collected = _collected(pytester, "-m", "not slow")
    controls = {test_id for test_id, kind in collected.items() if kind == "control"}
    assert controls == {test_id for test_id in collected if policy.control(test_id)}
    for pattern in (*policy.unclean_ends, *policy.disturbed_networks):
        assert any(matches(pattern, test_id) for test_id in collected), f"{pattern} names no scenario"


def _policy_of(name: str, folder: Path, *keys: str) -> Policy:
    """This repository's, read where the keys it names are: `folder`, in which they are made."""
    copied = folder / Path(name).name
    copied.write_text((ROOT / name).read_text())
    for key in keys:
        (folder / key).parent.mkdir(parents=True, exist_ok=True)
        (folder / key).write_bytes(BenchKey.new().public.pem)
    return PolicyFile.read(copied).policy


def _collected(pytester: pytest.Pytester, *arguments: str) -> dict[str, str]:
    """The scenarios that `hil run` runs by default, or with these arguments, with their kinds."""
    pytester.makepyfile(
        kinds="""
        import json
        from pathlib import Path
        from pytest_hil.marker import HilMark

        def pytest_collection_finish(session):
            marked = ((item.nodeid, HilMark.of(item)) for item in session.items)
            Path("kinds.json").write_text(json.dumps({name: mark.kind for name, mark in marked if mark}))
        """
    )
    pytester.syspathinsert()
    defaults = with_defaults(arguments, ROOT)
    result = pytester.runpytest_subprocess(
        "-p", "kinds", "--collect-only", f"--rootdir={ROOT}", f"-c{ROOT}/pytest.ini", *defaults
    )
    assert result.ret == 0, result.outlines
    kinds: dict[str, str] = json.loads((pytester.path / "kinds.json").read_text())
    return kinds
