# SPDX-License-Identifier: Apache-2.0
"""The verdict as an in-toto test-result attestation in a DSSE envelope; and the check of one, which needs nothing but
the file, the image and a public key."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..results.bench_key import BenchKey, PublicKey, SignatureError, check_signatures
from .firmware_image import FirmwareImage
from .judge import Judged
from .policy import Digest
from .reason import Refused

FILE_NAME = "attestation.intoto.json"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://in-toto.io/attestation/test-result/v0.1"
LARGEST = 64 << 20  # bytes
TESTED = "image release"  # how the configuration calls what a run has tested


def statement(judged: Judged) -> dict[str, Any]:
    """Subjects are the images; the configuration is all that the verdict was spoken over, by digest."""
    configuration = [_described(judged.policy.path.name, judged.policy.sha256)]
    for run in judged.runs:
        began = {"run": run.name, "started": run.results.run.started, "target": run.target, "signedBy": run.key_id}
        configuration.append(_described("results.json", run.sha256) | {"annotations": began})
        for image in run.results.images:
            if image.sdkconfig and image.sdkconfig_sha256:
                configuration.append(_described(image.sdkconfig, image.sdkconfig_sha256))
            about = {"role": image.role, "imageSha256": image.image_sha256, "version": image.version}
            configuration.append(_described(f"image {image.role}", image.file_sha256) | {"annotations": about})
    return {
        "_type": STATEMENT_TYPE,
        "subject": [
            _described(image.path.name, image.file_sha256)
            | {"annotations": {"target": image.target, "imageSha256": image.image_sha256}}
            for image in judged.images
        ],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "result": "PASSED" if judged.verdict.ships else "FAILED",
            "configuration": configuration,
            "passedTests": judged.verdict.passed,
            "warnedTests": [],
            "failedTests": judged.verdict.failed,
        },
    }


def _described(name: str, sha256: str) -> dict[str, Any]:
    return {"name": name, "digest": {"sha256": sha256}}


def envelope(judged: Judged, key: BenchKey) -> str:
    """The signed statement, as it is written down."""
    payload = json.dumps(statement(judged), indent=1).encode()
    return json.dumps(
        {
            "payloadType": PAYLOAD_TYPE,
            "payload": base64.b64encode(payload).decode(),
            "signatures": key.signatures(PAYLOAD_TYPE, payload),
        }
    )


# ---- reading one


class _Part(BaseModel):
    model_config = ConfigDict(extra="allow", frozen=True, strict=True)


class _Envelope(_Part):
    payloadType: str  # noqa: N815  as the envelope has it
    payload: str
    signatures: list[Any]


class _Digests(_Part):
    sha256: Digest


class _Subject(_Part):
    name: str = ""
    digest: _Digests


class _Configured(_Part):
    name: str = ""
    digest: dict[str, str]


class _Predicate(_Part):
    result: Literal["PASSED", "WARNED", "FAILED"]
    configuration: list[_Configured]
    passedTests: list[str] = []  # noqa: N815
    failedTests: list[str] = []  # noqa: N815


class Statement(_Part):
    """What was attested."""

    type_: Literal["https://in-toto.io/Statement/v1"] = Field(alias="_type")
    subject: list[_Subject]
    predicateType: Literal["https://in-toto.io/attestation/test-result/v0.1"]  # noqa: N815
    predicate: _Predicate


def verify(
    content: bytes, believed: Sequence[PublicKey], images: Sequence[FirmwareImage], policy: bytes | None
) -> tuple[Statement, str]:
    """What is attested of these images, and the id of the key it is signed with. Raises Refused with what is wrong.

    `policy`: the contents of the file by which the verdict must have been spoken.
    """
    try:
        signed = _Envelope.model_validate_json(content)
        payload = base64.b64decode(signed.payload.replace("-", "+").replace("_", "/"), validate=True)
    except (ValidationError, binascii.Error, ValueError):
        raise Refused("it is no DSSE envelope") from None
    try:
        key_id = check_signatures(signed.signatures, signed.payloadType, payload, believed)
    except SignatureError as error:
        raise Refused(str(error)) from None
    if signed.payloadType != PAYLOAD_TYPE:
        raise Refused(f"its payload is {signed.payloadType!r}, not an in-toto statement")
    try:
        told = Statement.model_validate_json(payload)
    except ValidationError as error:
        where = ".".join(map(str, error.errors(include_url=False)[0]["loc"]))
        raise Refused(f"it is no test-result attestation: {where}") from None
    verdict = told.predicate
    if verdict.result != "PASSED":
        raise Refused(f"its result is {verdict.result}")
    if verdict.failedTests or not verdict.passedTests:
        raise Refused(
            f"its result is PASSED, with {len(verdict.failedTests)} of its scenarios failed and "
            f"{len(verdict.passedTests)} passed"
        )
    subjects = {subject.digest.sha256 for subject in told.subject}
    tested = {row.digest.get("sha256") for row in verdict.configuration if row.name == TESTED}
    for image in images:
        if image.file_sha256 not in subjects:
            raise Refused(f"it does not speak of {image.path} ({image.file_sha256})")
        if image.file_sha256 not in tested:
            raise Refused(f"it speaks of {image.path}, and none of its runs has tested that image")
    if policy is not None:
        wanted = hashlib.sha256(policy).hexdigest()
        if not any(row.digest == {"sha256": wanted} for row in verdict.configuration):
            raise Refused("the verdict was not spoken by that policy as it is now")
    return told, key_id
