# SPDX-License-Identifier: Apache-2.0
"""One run's results.json as the gate takes it: signed by a key that is believed, of the schema, all digests in place.

What is said there is compared with the logs elsewhere (evidence.py); here is only who said it, and that it can be read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from ..results.bench_key import PublicKey, SignatureError
from ..results.signature import check_results, path_of
from .files import read_regular
from .policy import Digest, Text
from .reason import Refused

LARGEST = 64 << 20  # bytes of a results.json; 2,000 tests take some 4 MB
STARTED = "%Y-%m-%dT%H:%M:%S%z"


class _Part(BaseModel):
    # Fields may be added to the schema; those the gate reads must be what they are said to be.
    model_config = ConfigDict(extra="allow", frozen=True, strict=True, allow_inf_nan=False)


class Log(_Part):
    path: Text
    sha256: Digest


Remark = Annotated[
    tuple[Annotated[int, Field(ge=0)], Literal["reset_asked", "bytes_lost"]],
    BeforeValidator(lambda pair: tuple(pair) if isinstance(pair, list) else pair),  # JSON has no tuples
]


class Attempt(_Part):
    outcome: Text
    logs: list[Log] = []
    remarks: list[Remark] = []


class RecordedTest(_Part):
    """One test, with every field of schema 1 that the gate looks at; the figures are in `extra`."""

    id: Text
    kind: Literal["promise", "control", "observation"]
    outcome: Literal["passed", "failed", "flaky", "skipped", "not_run", "bench_error"]
    attempts: list[Attempt]
    board: str | None
    board_kind: str | None
    chip_mac: str | None
    logs: list[Log]
    panics: list[dict[str, Any]]
    failure: str | None = None
    events: dict[str, str] | None = None
    remarks: list[Remark] = []

    def said(self, field: str) -> Any:
        """What the record says of a figure, whether the gate knows the field or not."""
        known = getattr(self, field, None)
        return known if known is not None else (self.model_extra or {}).get(field)


class RecordedImage(_Part):
    role: Text
    target: Text
    version: str
    file_sha256: Digest
    image_sha256: Digest
    sdkconfig: str | None
    sdkconfig_sha256: Digest | None
    commit: str | None = None


class RecordedRun(_Part):
    id: Text
    started: Text
    duration_s: float = Field(ge=0)


class Results(_Part):
    schema_: Literal[1] = Field(alias="schema")
    run: RecordedRun
    images: list[RecordedImage]
    tests: list[RecordedTest]
    verdict: Literal["pass", "fail"]


@dataclass(frozen=True)
class SignedRun:
    """A run whose results can be believed to be those of a bench that is known."""

    directory: Path
    sha256: str
    key_id: str
    results: Results

    @property
    def name(self) -> str:
        return self.results.run.id

    @property
    def target(self) -> str:
        return self.results.images[0].target if self.results.images else ""

    @property
    def began(self) -> datetime | None:
        """None when what the results say is no time."""
        try:
            return datetime.strptime(self.results.run.started, STARTED).astimezone(timezone.utc)
        except (ValueError, OverflowError):
            return None

    def images_of(self, role: str) -> list[RecordedImage]:
        return [image for image in self.results.images if image.role == role]

    def digest_of(self, role: str) -> str | None:
        return next((image.image_sha256 for image in self.images_of(role)), None)

    @classmethod
    def read(cls, directory: Path, believed: Sequence[PublicKey]) -> SignedRun:
        """Raises Refused."""
        path = directory / "results.json"
        content = read_regular(directory, path.name, LARGEST)
        signature = read_regular(directory, path_of(path).name, LARGEST) if path_of(path).exists() else None
        try:
            key_id = check_results(signature, content, believed)
        except SignatureError as error:
            raise Refused(f"results.json: {error}") from None
        try:
            results = Results.model_validate_json(content)
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False)[0]
            where = ".".join(map(str, first["loc"]))
            raise Refused(f"results.json is not of schema 1: {where + ': ' if where else ''}{first['msg']}") from None
        return cls(directory, hashlib.sha256(content).hexdigest(), key_id, results)
