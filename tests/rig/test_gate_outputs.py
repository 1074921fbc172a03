# SPDX-License-Identifier: Apache-2.0
"""What the gate writes: exit codes, the attestation and its check, JUnit, GitHub; no board's words break out of it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from pytest_hil.results.bench_key import BenchKey, PublicKey, SignatureError, check_signatures, pae

from .conftest import Hil
from .gate_bench import PANIC, PROMISE, Bench, row_of

FIRST = PROMISE.format(0)
EVIL = "::error::owned##[error]\x1b[31m</testsuite>\n::error::owned|<script>`*\u202e\x00\uffff%0A"


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "bench")


@pytest.fixture
def hil(hil: Hil, monkeypatch: pytest.MonkeyPatch, bench: Bench) -> Hil:
    """As everywhere, but in the bench's folder."""
    monkeypatch.chdir(bench.folder)
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    (bench.folder / "bench-key.pem").write_bytes(bench.key.pem)
    return hil


GATE = ("gate", "--policy", "gate.toml", "--results", "run-1", "--image", "release.bin")
SIGNED = (*GATE, "--key", "bench-key.pem", "--attestation", "att.json")
VERIFY = ("verify", "att.json", "--image", "release.bin", "--key", "bench-key.pub.pem")


def fail(bench: Bench) -> None:
    bench.insider(lambda r: row_of(r, FIRST).update(outcome="failed", failure="it did not stop"))


# ---- the command


def test_pass_is_0_and_one_line(hil: Hil, capsys: pytest.CaptureFixture[str]) -> None:
    assert hil(*GATE) == 0
    assert capsys.readouterr().out == "PASS: 5 scenarios in 1 run, nothing against release.bin\n"


def test_fail_is_1_and_a_line_a_reason(hil: Hil, bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    fail(bench)
    assert hil(*GATE) == 1
    lines = capsys.readouterr().out.splitlines()
    assert f"{FIRST}: failed: it did not stop" in lines
    assert lines[-1].startswith("FAIL: 3 reasons; 4 scenarios in 1 run passed")


def test_nothing_but_the_bench_is_3(hil: Hil, bench: Bench) -> None:
    bench.policy.write_text(bench.policy.read_text().replace('graceful-*" = 3', 'graceful-*" = 2'))
    bench.insider(lambda r: (row_of(r, FIRST).update(outcome="bench_error"), r.update(verdict="fail")))
    assert hil(*GATE) == 3


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (("--policy", "no.toml"), "there is no policy no.toml"),
        (("--results", "nowhere"), "--results: there is no folder nowhere"),
        (("--image", "nothing.bin"), "nothing.bin cannot be read: No such file or directory"),
        (("--image", "gate.toml"), "gate.toml: no app image of ESP-IDF: it does not begin with 0xe9"),
        (("--image", "update.bin"), "--image: update.bin and release.bin are both for linux"),
        (("--key", "gate.toml"), "gate.toml is no private key in PEM without a password"),
        (("--attestation", "a.json"), "--attestation: there is no key to sign with"),
        (("--key", "bench-key.pem", "--attestation", "run-1/results.json/x"), "cannot be written"),
        (("--junit", "run-1"), "run-1 cannot be written: Is a directory"),
    ],
)
def test_usage_is_2_and_one_line(
    hil: Hil, capsys: pytest.CaptureFixture[str], change: tuple[str, ...], complaint: str
) -> None:
    assert hil(*GATE, *change) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert complaint in line


def test_a_damaged_image_is_no_image(hil: Hil, bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    content = bytearray(bench.image.read_bytes())
    content[-40] ^= 1
    bench.image.write_bytes(content)
    assert hil(*GATE) == 2
    assert "release.bin: an app image whose digest is not that of its contents" in capsys.readouterr().err
    bench.image.write_bytes(content[:100])
    assert hil(*GATE) == 2
    assert "release.bin: an app image that is cut off" in capsys.readouterr().err


def test_explain_shows_the_margins(hil: Hil, capsys: pytest.CaptureFixture[str]) -> None:
    assert hil(*GATE, "--explain") == 0
    told = capsys.readouterr().out
    assert re.search(r"native: stop, p99 +≤ 2200 ms +102 ms +2098 ms +test_stop\[graceful-2\]", told), told
    assert re.search(r"native: heap not free again +≤ 4096 bytes +900 bytes +3196 bytes", told), told
    assert re.search(r"native: boards +≥ 1 +1 +0", told), told


# ---- the attestation


def test_an_attestation_is_what_in_toto_says_it_is(hil: Hil, bench: Bench) -> None:
    assert hil(*SIGNED) == 0
    envelope = json.loads((bench.folder / "att.json").read_text())
    assert envelope["payloadType"] == "application/vnd.in-toto+json"
    payload = base64.b64decode(envelope["payload"])
    key = PublicKey.read(bench.folder / "bench-key.pub.pem")
    signature = base64.b64decode(envelope["signatures"][0]["sig"])
    length = str(len(payload)).encode()
    assert key.made(signature, b"DSSEv1 28 application/vnd.in-toto+json " + length + b" " + payload)
    statement = json.loads(payload)
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["predicateType"] == "https://in-toto.io/attestation/test-result/v0.1"
    assert [subject["digest"]["sha256"] for subject in statement["subject"]] == [bench.rows[0]["file_sha256"]]
    predicate = statement["predicate"]
    assert predicate["result"] == "PASSED"
    assert PANIC in predicate["passedTests"]
    assert predicate["failedTests"] == []
    assert {row["name"] for row in predicate["configuration"]} >= {"gate.toml", "results.json", "sdkconfig-control"}


def test_the_encoding_is_the_one_of_the_specification() -> None:
    assert pae("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )
    assert pae("é", b"") == "DSSEv1 2 é 0 ".encode()


def test_verify_believes_what_the_gate_wrote(hil: Hil, bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    assert hil(*SIGNED) == 0
    assert hil(*VERIFY, "--policy", "gate.toml") == 0
    assert "VERIFIED: release.bin passed the gate with 5 scenarios" in capsys.readouterr().out
    text = json.loads((bench.folder / "att.json").read_text())
    text["payload"] = text["payload"].replace("+", "-").replace("/", "_")
    (bench.folder / "att.json").write_text(json.dumps(text))
    assert hil(*VERIFY) == 0  # either kind of base64


def test_verify_refuses_a_verdict_that_failed(hil: Hil, bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    fail(bench)
    assert hil(*SIGNED) == 1
    assert hil(*VERIFY) == 1
    assert "its result is FAILED" in capsys.readouterr().out
    statement = json.loads(base64.b64decode(json.loads((bench.folder / "att.json").read_text())["payload"]))
    assert FIRST in statement["predicate"]["failedTests"]


def payload(change: Callable[[dict[str, Any]], object]) -> Callable[[Bench, dict[str, Any]], None]:
    def alter(_bench: Bench, envelope: dict[str, Any]) -> None:
        statement = json.loads(base64.b64decode(envelope["payload"]))
        change(statement)
        envelope["payload"] = base64.b64encode(json.dumps(statement).encode()).decode()

    return alter


def resigned(change: Callable[[dict[str, Any]], object]) -> Callable[[Bench, dict[str, Any]], None]:
    """By the holder of the key: what is wrong is in what it says."""

    def alter(bench: Bench, envelope: dict[str, Any]) -> None:
        payload(change)(bench, envelope)
        signed(envelope, bench.key)

    return alter


def another_subject(bench: Bench, envelope: dict[str, Any]) -> None:
    """The image of this name on disk is another one, and the statement, signed anew, speaks of that one too."""
    bench.image.write_bytes((bench.folder / "update.bin").read_bytes())
    digest = {"sha256": hashlib.sha256(bench.image.read_bytes()).hexdigest()}
    resigned(lambda s: s["subject"].append({"name": "release.bin", "digest": digest}))(bench, envelope)


def signed(envelope: dict[str, Any], key: BenchKey, body: bytes | None = None, kind: str | None = None) -> None:
    envelope["payloadType"] = kind or envelope["payloadType"]
    content = base64.b64decode(envelope["payload"]) if body is None else body
    envelope["payload"] = base64.b64encode(content).decode()
    envelope["signatures"] = key.signatures(envelope["payloadType"], content)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (payload(lambda s: s["predicate"].update(passedTests=[])), "it was altered after it was signed"),
        (lambda _b, e: signed(e, BenchKey.new()), "signed by a key that is not believed"),
        (lambda _b, e: e.update(signatures=[]), "it is not signed"),
        (lambda _b, e: e.update(signatures="x"), "it is no DSSE envelope"),
        (lambda _b, e: e.update(signatures=[{"sig": "?"}, 3]), "signed by a key that is not believed"),
        (lambda _b, e: e.update(payload="?"), "it is no DSSE envelope"),
        (lambda _b, e: e.update(payloadType="application/vnd.hil.results+json"), "it was altered after it was signed"),
        (lambda b, e: signed(e, b.key, kind="x"), "its payload is 'x', not an in-toto statement"),
        (lambda b, e: signed(e, b.key, b"{}"), "it is no test-result attestation: _type"),
        (lambda b, e: signed(e, b.key, b"[" * 100_000), "it is no test-result attestation"),
        (lambda _b, e: e.update(payload=e["payload"][:-5]), "it is no DSSE envelope"),
        (payload(lambda s: s["subject"][0].update(digest={"sha256": "0" * 64})), "it was altered after it was signed"),
        (another_subject, "it speaks of release.bin, and none of its runs has tested that image"),
        (resigned(lambda s: s.update(subject=[])), "it does not speak of release.bin"),
        (resigned(lambda s: s["subject"][0].update(digest={})), "it is no test-result attestation: subject.0.digest"),
        (resigned(lambda s: s["subject"][0].update(digest={"sha512": "0" * 128})), "it is no test-result attestation"),
        (resigned(lambda s: s.update(_type="https://in-toto.io/Statement/v0.1")), "it is no test-result attestation"),
        (resigned(lambda s: s.update(predicateType="https://slsa.dev/provenance/v1")), "attestation: predicateType"),
        (resigned(lambda s: s["predicate"].update(result="WARNED")), "its result is WARNED"),
        (resigned(lambda s: s["predicate"].update(failedTests=["a"])), "its result is PASSED, with 1 of its scenarios"),
        (resigned(lambda s: s["predicate"].update(passedTests=[])), "its result is PASSED, with 0 of its scenarios"),
    ],
)
def test_verify_refuses_what_is_not_whole(
    hil: Hil,
    bench: Bench,
    capsys: pytest.CaptureFixture[str],
    change: Callable[[Bench, dict[str, Any]], object],
    complaint: str,
) -> None:
    assert hil(*SIGNED) == 0
    path = bench.folder / "att.json"
    envelope = json.loads(path.read_text())
    change(bench, envelope)
    path.write_text(json.dumps(envelope))
    capsys.readouterr()
    assert hil(*VERIFY) == 1
    assert complaint in capsys.readouterr().out


@pytest.mark.parametrize("content", [b"", b"null", b"[]", b"{}", b"\xff\xfe", b'{"payloadType": 1}', b'"\\ud800"'])
def test_verify_refuses_what_is_no_envelope(
    hil: Hil, bench: Bench, capsys: pytest.CaptureFixture[str], content: bytes
) -> None:
    (bench.folder / "att.json").write_bytes(content)
    assert hil(*VERIFY) == 1
    assert capsys.readouterr().out == "NOT VERIFIED: att.json: it is no DSSE envelope\n"


def test_one_signature_that_is_believed_is_enough(hil: Hil, bench: Bench) -> None:
    assert hil(*SIGNED) == 0
    path = bench.folder / "att.json"
    envelope = json.loads(path.read_text())
    others = BenchKey.new().signatures(envelope["payloadType"], base64.b64decode(envelope["payload"]))
    envelope["signatures"] = [{"sig": "AAAA"}, *others, *envelope["signatures"]]
    path.write_text(json.dumps(envelope))
    assert hil(*VERIFY) == 0
    envelope["signatures"] = [{"sig": "AAAA"}, *others]
    path.write_text(json.dumps(envelope))
    assert hil(*VERIFY) == 1


def test_verify_reads_no_more_than_it_must(hil: Hil, bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    assert hil("verify", "/dev/zero", *VERIFY[2:]) == 2
    assert "/dev/zero is too large" in capsys.readouterr().err
    assert hil(*VERIFY[:1], str(bench.folder), *VERIFY[2:]) == 2
    assert "cannot be read: Is a directory" in capsys.readouterr().err
    assert hil(*SIGNED) == 0
    assert hil(*VERIFY, "--policy", "nothing.toml") == 2
    assert "nothing.toml cannot be read: No such file" in capsys.readouterr().err


def test_verify_refuses_another_image_and_another_policy(
    hil: Hil, bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    assert hil(*SIGNED) == 0
    assert hil("verify", "att.json", "--image", "update.bin", "--key", "bench-key.pub.pem") == 1
    assert "it does not speak of update.bin" in capsys.readouterr().out
    bench.policy.write_text(bench.policy.read_text() + "\n# looser")
    assert hil(*VERIFY, "--policy", "gate.toml") == 1
    assert "not spoken by that policy as it is now" in capsys.readouterr().out
    assert hil("verify", "nothing.json", *VERIFY[2:]) == 2


def test_results_are_no_attestation(bench: Bench) -> None:
    """A signature for one kind of document is none for another."""
    body = b"{}"
    made = bench.key.signatures("application/vnd.hil.results+json", body)
    with pytest.raises(SignatureError, match="altered"):
        check_signatures(made, "application/vnd.in-toto+json", body, [bench.key.public])


# ---- for CI


def test_junit_names_what_failed(hil: Hil, bench: Bench) -> None:
    fail(bench)
    assert hil(*GATE, "--junit", "gate.xml") == 1
    suite = ElementTree.parse(bench.folder / "gate.xml").getroot()
    failed = {case.get("name") for case in suite if case.find("failure") is not None}
    assert failed == {FIRST, "run run-1", "native", "gate"}
    assert suite.get("failures") == "4"
    assert suite.get("tests") == str(len(suite))


def test_github_gets_annotations_and_a_summary(
    hil: Hil, bench: Bench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    summary = bench.folder / "summary.md"
    summary.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    assert hil(*GATE, "--github") == 0
    assert "::notice title=hil gate::PASS" in capsys.readouterr().out
    fail(bench)
    assert hil(*GATE, "--github") == 1
    told = capsys.readouterr().out
    assert f"::error title=hil gate::{FIRST}: failed: it did not stop" in told.splitlines()
    text = summary.read_text()
    assert text.startswith("before\n## hil gate: PASS\n")
    assert "\n## hil gate: FAIL\n" in text


def test_a_summary_is_no_larger_than_github_takes(
    hil: Hil, bench: Bench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(bench.folder / "summary.md"))
    failed = row_of(bench.read(), FIRST) | {"outcome": "failed", "failure": "[" * 400}
    bench.insider(lambda r: r["tests"].extend(failed | {"id": f"test {number}"} for number in range(3000)))
    assert hil(*GATE, "--github") == 1
    assert capsys.readouterr().out.count("::error title=hil gate::") == 10
    text = (bench.folder / "summary.md").read_text()
    assert len(text) < 1 << 20
    listed = text.count("\n- ") - 1
    (reasons,) = re.findall(r"(\d+) reasons;", text)
    assert f"\n- and {int(reasons) - listed} more\n" in text


def test_nothing_that_a_board_says_breaks_out(
    hil: Hil, bench: Bench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(bench.folder / "summary.md"))
    bench.insider(lambda r: row_of(r, FIRST).update(id=EVIL, outcome="failed", failure=EVIL * 50))
    assert hil(*GATE, "--github", "--explain", "--junit", "gate.xml") == 1
    told = capsys.readouterr().out
    assert "\x1b" not in told
    assert "\u202e" not in told
    assert "\n:\\u003aerror::owned" in told
    commands = [line for line in told.splitlines() if line.lstrip().startswith("::") or "##[" in line]
    assert all(line.startswith("::error title=hil gate::") for line in commands), commands
    assert any("owned" in line and "%250A" in line for line in commands), commands
    ElementTree.parse(bench.folder / "gate.xml")
    summary = (bench.folder / "summary.md").read_text()
    assert "<script>" not in summary
    assert not re.search(r"(?m)^::", summary)


def test_keys_for_the_bench(hil: Hil, bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    assert hil("keys", "--bench", "--out", "new") == 0
    private = bench.folder / "new" / "bench-key.pem"
    assert private.stat().st_mode & 0o077 == 0
    assert BenchKey.read(private).public.id == PublicKey.read(private.with_name("bench-key.pub.pem")).id
    assert hil("keys", "--bench", "--out", "new") == 2
    assert "a gate may believe it" in capsys.readouterr().err
