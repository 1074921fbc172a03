# SPDX-License-Identifier: Apache-2.0
"""A board at a labgrid place: reserved, acquired, used, released, also when the run is interrupted.

All goes through the command `labgrid-client`, which may come from any environment: labgrid brings a pyserial of its
own, and in this rig's it would take the place of the one that esptool is tested with. A place whose board fails its
health check, or hangs and does not come back, is tagged, and avoided until somebody takes the tag away.
"""

from __future__ import annotations

import contextlib
import fnmatch
import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace

from ..errors import BenchError
from .config import LabgridConfig

CLIENT = "labgrid-client"
HEALTH_TAG, FAILED = "hil_health", "failed"
CALL_TIMEOUT_S = 120.0  # a call takes a second or two; its start is slow on a busy machine
CONNECT_TIMEOUT_S = 5.0  # to the exported console
_TOKEN = re.compile(r"LG_TOKEN=(\w+)")
_PROTOCOLS = {"rfc2217": "rfc2217", "raw": "socket"}


@dataclass(frozen=True)
class Place:
    """What the coordinator says of one."""

    name: str
    tags: dict[str, str]
    acquired: str | None  # by whom

    @property
    def failed(self) -> bool:
        return self.tags.get(HEALTH_TAG) == FAILED


class Unhealthy(Exception):  # noqa: N818  a state of the board, seen and handled here
    """The place's board cannot be used."""


class Coordinator:
    """The places of one labgrid coordinator. Every method may raise BenchError."""

    def __init__(self, address: str | None) -> None:
        self._environment = {**os.environ, **({"LG_COORDINATOR": address} if address else {})}
        found = shutil.which(CLIENT)
        if found is None:
            raise BenchError(
                f"{CLIENT} is not installed; 'pipx install labgrid' puts it into an environment of its own"
            )
        self._client = found

    def call(self, *arguments: str, token: str | None = None, timeout_s: float = CALL_TIMEOUT_S) -> str:
        """What it printed. Ctrl-C does not reach it: a release must not be cut short."""
        environment = {**self._environment, **({"LG_TOKEN": token} if token else {})}
        try:
            done = subprocess.run(
                (self._client, *arguments),
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=timeout_s,
                start_new_session=True,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise BenchError(f"{CLIENT} {' '.join(arguments)}: no answer within {timeout_s:g} s") from None
        except OSError as error:
            raise BenchError(f"{CLIENT} cannot be started: {error.strerror}") from None
        if done.returncode != 0:
            said = (done.stderr or done.stdout).strip().splitlines()
            raise BenchError(f"{CLIENT} {' '.join(arguments)}: {said[-1] if said else f'exit code {done.returncode}'}")
        return done.stdout

    def places(self, pattern: str) -> list[Place]:
        """Those whose names fit, the free ones first."""
        names = [line.split()[0] for line in self.call("places").splitlines() if line.strip()]
        found = [self.place(name) for name in names if fnmatch.fnmatchcase(name, pattern)]
        return sorted(found, key=lambda place: place.acquired is not None)

    def place(self, name: str) -> Place:
        told = self.call("-p", name, "show")
        tags = re.search(r"^\s*tags: (.*)$", told, re.MULTILINE)
        acquired = re.search(r"^\s*acquired: (.*)$", told, re.MULTILINE)
        pairs = (pair.partition("=") for pair in tags[1].split(", ")) if tags else ()
        who = acquired[1].strip() if acquired else "None"
        return Place(name, {key: value for key, _, value in pairs}, None if who == "None" else who)

    def tag_failed(self, name: str) -> None:
        self.call("-p", name, "set-tags", f"{HEALTH_TAG}={FAILED}")

    @contextlib.contextmanager
    def acquired(self, name: str, wait_s: float) -> Iterator[None]:
        """Waits for its turn, and has the place meanwhile."""
        match = _TOKEN.search(self.call("reserve", "--shell", f"name={name}"))
        if match is None:
            raise BenchError(f"{CLIENT} reserve name={name}: it told no token")
        token = match[1]
        try:
            try:
                self.call("wait", token, timeout_s=wait_s)
            except BenchError:
                who = self.place(name).acquired or "somebody who reserved it"
                raise BenchError(f"labgrid place {name!r} was not free within {wait_s:g} s: {who} has it") from None
            self.call("-p", "+", "acquire", token=token)
            try:
                yield
            finally:
                self.call("-p", name, "release")
        finally:
            with contextlib.suppress(BenchError):  # it went with the release, or will by itself in a minute
                self.call("cancel-reservation", token)

    def console(self, name: str) -> str:
        """Where pyserial finds the acquired place's console. Raises Unhealthy."""
        import yaml  # noqa: PLC0415  for labgrid alone

        environment = yaml.safe_load(self.call("-p", name, "env"))
        resources = environment["targets"][name]["resources"]
        ports = [resource["NetworkSerialPort"] for resource in resources if "NetworkSerialPort" in resource]
        if len(ports) != 1:
            raise Unhealthy(f"it has {len(ports)} serial ports that are exported, not one")
        host, port, protocol = ports[0]["host"], ports[0]["port"], str(ports[0].get("protocol", "rfc2217"))
        if port is None or protocol not in _PROTOCOLS:
            raise Unhealthy(f"its serial port is not served (protocol {protocol}, port {port})")
        try:
            socket.create_connection((host, int(port)), CONNECT_TIMEOUT_S).close()
        except OSError as error:
            raise Unhealthy(f"its console at {host}:{port} cannot be reached: {error.strerror or error}") from None
        return f"{_PROTOCOLS[protocol]}://{host}:{port}"


@contextlib.contextmanager
def place_of(config: LabgridConfig) -> Iterator[LabgridConfig]:
    """The board at a place that fits and is well, as a board at a serial port. Raises BenchError when there is none."""
    coordinator = Coordinator(config.coordinator)
    found = coordinator.places(config.place)
    if not found:
        raise BenchError(f"labgrid has no place {config.place!r}")
    avoided = {place.name: f"it is tagged {HEALTH_TAG}={FAILED}" for place in found if place.failed}
    for place in found:
        if place.failed:
            continue
        with contextlib.ExitStack() as open_:
            open_.enter_context(coordinator.acquired(place.name, config.wait_s))
            try:
                port = coordinator.console(place.name)
            except Unhealthy as error:
                coordinator.tag_failed(place.name)
                avoided[place.name] = str(error)
                continue
            own = next((one for one in config.each if one.place == place.name), config)
            yield replace(own, name=f"labgrid:{place.name}", place=place.name, port=port, each=())
            return
    told = "; ".join(f"{name}: {why}" for name, why in avoided.items())
    raise BenchError(
        f"no labgrid place {config.place!r} is well: {told}; "
        f"when one is mended: {CLIENT} -p PLACE set-tags {HEALTH_TAG}="
    )


def park_place(config: LabgridConfig, reason: str) -> BenchError:
    """Tags the place, so that nobody starts its board again. Returns what is to be raised."""
    with contextlib.suppress(BenchError):
        Coordinator(config.coordinator).tag_failed(config.place)
    return BenchError(
        f"board {config.name!r}: {reason}; its place is tagged {HEALTH_TAG}={FAILED}, "
        f"when it is mended: {CLIENT} -p {config.place} set-tags {HEALTH_TAG}="
    )
