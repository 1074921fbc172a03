# SPDX-License-Identifier: Apache-2.0
"""gate.toml: what must have been shown before an image ships. Read whole and checked; a key that nobody knows fails,
as it may be a limit with a slip in its name."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, Strict, StringConstraints, ValidationError, model_validator

from ..errors import UsageError
from ..results.bench_key import PublicKey
from ..toml_file import TomlFile

FILE_NAME = "gate.toml"
UNKNOWN = "extra_forbidden"  # what pydantic calls a key that nobody knows

Text = Annotated[str, StringConstraints(min_length=1)]
Count = Annotated[int, Field(ge=1)]
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Role = Literal["release", "update", "previous"]


@lru_cache(maxsize=1024)
def _regex(pattern: str) -> re.Pattern[str]:
    # Only * means something: a test's id is full of brackets.
    return re.compile(".*".join(map(re.escape, pattern.split("*"))), re.DOTALL)


def matches(pattern: str, test_id: str) -> bool:
    """Whether a scenario is meant; * stands for any text."""
    return _regex(pattern).fullmatch(test_id) is not None


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Limits(_Table):
    """Figures of the promises, each read from the boards' own logs."""

    stop_p99_ms: float = Field(gt=0)  # all stops
    unforced_stop_p99_ms: float = Field(gt=0)  # those that had to force nobody
    heap_missing_bytes: int = Field(ge=0)  # the most that is not free again after a stop, beside closing connections
    ota_max_ms: float = Field(gt=0)  # from ota_begin to an ota_end without error
    flaky_share: float = Field(ge=0, le=1)  # of all tests: those that passed only when run again


class Control(_Table):
    """A scenario that shows that the rig still sees a failure: a panic in that function or of that kind, a stop that
    hangs."""

    scenario: Text
    panic_in: Text | None = None
    panic_kind: Text | None = None
    hang_ms: float | None = Field(default=None, gt=0)
    may_be_missing: bool = False  # in a run; where it ran, it must have shown its failure

    @model_validator(mode="after")
    def _one_of_them(self) -> Control:
        if [self.panic_in, self.panic_kind, self.hang_ms].count(None) != 2:
            raise ValueError("exactly one of panic_in, panic_kind and hang_ms must be given")
        return self

    @property
    def failure(self) -> str | None:
        """The panic that it shows, in words; None where it shows none."""
        if self.panic_in is not None:
            return f"panic in {self.panic_in}"
        return None if self.panic_kind is None else f"panic of the kind {self.panic_kind}"


class ControlImage(_Table):
    """The test image: what may differ in it from the image that ships, and which promises need it."""

    options: list[Text]  # only it may have these
    may_differ: list[Text] = []  # these may be set in either, such as the members of a choice
    promises: list[Text] = []


class Chain(_Table):
    """The upgrades that must have been seen, each in a promise that passed: from one role's image to another's."""

    steps: Annotated[list[Annotated[tuple[Role, Role], Strict(False)]], Field(min_length=1)]  # TOML has no tuples
    rollback: bool  # a promise in which a board went back to the image before
    released: list[Digest] = []  # the image digests of what is in the field: what may stand as `previous`

    @model_validator(mode="after")
    def _previous_is_known(self) -> Chain:
        if not self.released and any("previous" in step for step in self.steps):
            raise ValueError(
                "a step from `previous` needs the digests that were released: else any image could stand there"
            )
        return self


class Boards(_Table):
    """What boards of one kind and target must have shown."""

    kind: Text
    target: Text
    boards: Count  # different ones
    cycles: Count  # how often each required scenario passed, at the first attempt
    required: Annotated[dict[Text, Count], Field(min_length=1)]  # pattern → how many scenarios it stands for, at least
    exempt: list[Text] = []  # what such boards cannot run; it may be missing, and counts all the same when it ran
    limits: Limits


class Policy(_Table):
    """The whole file."""

    keys: Annotated[list[Text], Field(min_length=1)]  # public keys of benches, as files beside gate.toml
    max_age_days: float = Field(gt=0, le=36_500)
    clean_commit: bool = False  # the images must come from a commit that is known, and from nothing beside it
    unclean_ends: list[Text] = []  # promises in which clients may be cut off
    # Promises that disturb the network: clients may be cut off, an update takes its time, and what is on its way holds
    # memory; they are held neither to ota_max_ms nor to heap_missing_bytes.
    disturbed_networks: list[Text] = []
    controls: Annotated[list[Control], Field(min_length=1)]
    control_image: ControlImage
    chain: Chain
    boards: Annotated[dict[Text, Boards], Field(min_length=1)]

    def lets_clients_go_in_order(self, test_id: str) -> bool:
        """Whether every client that is being served when a stop begins must be."""
        return not any(matches(pattern, test_id) for pattern in (*self.unclean_ends, *self.disturbed_networks))

    def control(self, test_id: str) -> Control | None:
        return next((control for control in self.controls if matches(control.scenario, test_id)), None)

    def group(self, board_kind: str | None, target: str) -> tuple[str, Boards] | None:
        """The boards of that kind and target, and their name in the file."""
        return next(
            ((n, boards) for n, boards in self.boards.items() if (boards.kind, boards.target) == (board_kind, target)),
            None,
        )


class PolicyFile:
    """A policy, the keys it believes, and its digest."""

    def __init__(self, path: Path, policy: Policy, keys: tuple[PublicKey, ...], sha256: str) -> None:
        self.path, self.policy, self.keys, self.sha256 = path, policy, keys, sha256

    @classmethod
    def read(cls, path: Path) -> PolicyFile:
        """Raises UsageError, in one line that names the place."""
        try:
            file = TomlFile.read(path)
        except FileNotFoundError:
            raise UsageError(f"there is no policy {path}") from None
        try:
            policy = Policy.model_validate(file.contents)
        except ValidationError as error:
            # A slip in a key's name makes two errors, of which the other, that a key is missing, names no line.
            wrong = sorted(error.errors(include_url=False, include_context=False), key=lambda e: e["type"] != UNKNOWN)
            raise UsageError(
                file.complaint(_place(wrong[0]["loc"]), _told(wrong[0]["type"], wrong[0]["msg"]))
            ) from None
        named: set[tuple[str, str]] = set()
        for name, boards in policy.boards.items():
            if (boards.kind, boards.target) in named:
                raise UsageError(file.complaint(("boards", name), "another table has the same kind and target"))
            named.add((boards.kind, boards.target))
        return cls(path, policy, tuple(_keys(file, policy)), hashlib.sha256(file.text.encode()).hexdigest())


def _keys(file: TomlFile, policy: Policy) -> Iterator[PublicKey]:
    for number, key in enumerate(policy.keys):
        try:
            yield PublicKey.read(file.path.parent / key)
        except UsageError as error:
            hint = "; 'hil keys --bench' makes a pair" if isinstance(error.__context__, FileNotFoundError) else ""
            raise UsageError(file.complaint(("keys", number), f"{error}{hint}")) from None


def _place(loc: tuple[int | str, ...]) -> tuple[int | str, ...]:
    return tuple(part for part in loc if part != "[key]")


def _told(kind: str, message: str) -> str:
    if kind == UNKNOWN:
        return "unknown key"
    if kind == "missing":
        return "this key is missing"
    return message.removeprefix("Value error, ").replace("\n", " ")
