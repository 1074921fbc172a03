# SPDX-License-Identifier: Apache-2.0
"""clients.json, read again: whether each client got whole frames, none missing, and was let go as promised."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from .reason import Refused

PROMISED = {"mjpeg": "complete", "ws": "close 1001"}  # how a server that stops takes leave of a client that reads
ENDED_BEFORE_S = 1.0  # a client and the console are read by two threads: so far apart they may tell of the same moment


class _Ending(BaseModel):
    model_config = ConfigDict(extra="allow", frozen=True, strict=True, allow_inf_nan=False)

    how: str
    at_s: float
    detail: str = ""


class ClientLog(BaseModel):
    """One client's line."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True, allow_inf_nan=False)

    kind: str
    number: int
    frames: int
    problems: list[str]
    ending: _Ending | None
    stalls: bool
    opened_s: float
    outlived_test: bool  # still connected when the board was powered off
    arrivals: list[tuple[float, int | None]]

    def __str__(self) -> str:
        return f"{self.kind} client {self.number}"

    @property
    def promised(self) -> bool:
        """Whether it is of a kind that the server takes leave of: one that reads a stream."""
        return self.kind in PROMISED and not self.stalls

    @property
    def end(self) -> str:
        """How it ended, in a word or two."""
        if self.outlived_test or self.ending is None:
            return "not let go"
        return self.ending.how

    def served_at(self, moment_s: float, since_s: float) -> bool:
        """Whether frames came between the board's boot and that moment, and it had not ended long before. A client of
        an earlier life has lost its board, often without a word, and nobody can take leave of it.
        """
        return self._served(moment_s, since_s) and self._ended_s > moment_s - ENDED_BEFORE_S

    def lost_before(self, moment_s: float, since_s: float) -> bool:
        """Whether it was served in that life of the board, and had ended long before that moment."""
        return self._served(moment_s, since_s) and since_s < self._ended_s <= moment_s - ENDED_BEFORE_S

    def _served(self, moment_s: float, since_s: float) -> bool:
        return any(since_s < at_s + self.opened_s < moment_s for at_s, _ in self.arrivals)

    @property
    def _ended_s(self) -> float:
        return self.ending.at_s + self.opened_s if self.ending else float("inf")

    def flaws(self) -> Iterator[str]:
        """What is wrong with its frames, from their own numbers; and whether its summary agrees."""
        numbers = [number for _, number in self.arrivals if number is not None]
        torn = len(self.arrivals) - len(numbers)
        if torn:
            yield f"{self}: {torn} of {len(self.arrivals)} frames were torn"
        if numbers != list(range(len(numbers))):
            at = next(i for i, number in enumerate(numbers) if number != i)
            yield f"{self}: frame {numbers[at]} came where {at} was due: frames were lost or repeated"
        if self.frames != len(numbers):
            yield f"{self}: its summary counts {self.frames} frames, its log has {len(numbers)}"
        if self.problems and not self.outlived_test:  # else the board went in the middle of a frame
            yield f"{self}: {self.problems[0]}"


_CLIENTS = TypeAdapter(list[ClientLog])


def client_logs(content: bytes) -> list[ClientLog]:
    """Raises Refused."""
    try:
        return _CLIENTS.validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise Refused(f"clients.json cannot be read: {where + ': ' if where else ''}{first['msg']}") from None


def unclean_ends(clients: Iterable[ClientLog], stops: Sequence[tuple[float, float]]) -> Iterator[str]:
    """Of the clients that were served when a stop began, or before it, what was not as promised. `stops`: when each
    began, and before it when its board had booted, in seconds of the record.
    """
    for client in clients:
        if not client.promised:
            continue
        how, promised = client.end, PROMISED[client.kind]
        if any(client.served_at(at_s, since_s) for since_s, at_s in stops):
            if how != promised:
                yield f"{client}: {how}, promised was {promised}"
            yield from client.flaws()
        elif any(client.lost_before(at_s, since_s) for since_s, at_s in stops):
            if how not in (promised, "left"):
                yield f"{client}: {how}, before anything was stopped"
            yield from client.flaws()


def broken_streams(clients: Iterable[ClientLog]) -> Iterator[str]:
    """Of clients that no stop and no reset came over: they end when they like, or are let go in order."""
    for client in clients:
        if not client.promised or not client.arrivals:
            continue
        if client.end not in (PROMISED[client.kind], "left", "not let go"):
            yield f"{client}: {client.end}, though nothing was stopped"
        yield from client.flaws()
