# SPDX-License-Identifier: Apache-2.0
"""mosquitto on a port of its own, with a configuration of its own, for as long as it is needed."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from ..errors import BenchError
from .certificates import Identity, Trust
from .process import LOOPBACK, end, free_port, own_address, run_to_end, spawn_tied

ATTEMPTS = 5  # another process may take the free port first
START_TIMEOUT_S = 10.0  # from exec to its listener; some 10 ms on an idle machine
PROGRAM = os.environ.get("HIL_MOSQUITTO", "mosquitto")
PASSWORD_PROGRAM = "mosquitto_passwd"
# The answer to a CONNECT: accepted
_CONNACK = b"\x20\x02\x00\x00"
_CONFIG = """\
listener {port} {bind}
allow_anonymous {anonymous}
persistence false
log_dest stderr
log_type error
log_type warning
log_type notice
log_type information
max_queued_messages 0
"""
_SECURE = """\
certfile {certificate}
keyfile {key}
password_file {passwords}
"""
# Devices of their own names: each may hear its own triggers and tell its own state, and none can pass for another. A
# client id is the user's name, or a device could connect by another's id and so throw it out.
_DEVICES = """\
acl_file {acl}
use_username_as_clientid true
"""
_ACL = """\
user {user}
topic readwrite hil/#

pattern read hil/%u/ota/trigger
pattern write hil/%u/ota/status
pattern write hil/%u/state
"""
# As root mosquitto would change to a user of its own, and so lose its bond with the runner (see process.py).
_STAY_ROOT = "user root\n"


@dataclass(frozen=True)
class BrokerAccess:
    """What a broker that is not open to all shows, and asks for."""

    identity: Identity  # the broker's, for TLS
    ca: str  # of the authority that issued it, PEM
    trust: Trust  # the runner's own
    user: str
    password: str = field(repr=False)
    devices: Mapping[str, str] = field(default_factory=dict, repr=False)  # passwords by device id, the user's name too


class Broker:
    """A running broker; its log is a file. With `access` it speaks TLS alone, and only to those with the password."""

    def __init__(
        self,
        folder: Path,
        port: int | None = None,
        access: BrokerAccess | None = None,
        *,
        bind: str = LOOPBACK,
    ) -> None:
        self.access = access
        self.host = own_address(bind)
        self._bind = bind
        self.port = 0
        self.log_path = folder / "broker.log"
        self._folder = folder
        self._fixed_port = port
        self._secrets: tempfile.TemporaryDirectory[str] | None = None  # results are kept and passed on: not there
        self._process: subprocess.Popen[bytes] | None = None
        self._listening = threading.Event()
        self._log_thread: threading.Thread | None = None

    @property
    def scheme(self) -> str:
        return "mqtt" if self.access is None else "mqtts"

    @property
    def provisioning(self) -> Mapping[str, str]:
        """What a board must know of it beside its address."""
        access = self.access
        if access is None:
            return {}
        return {"ca": access.ca, "broker_user": access.user, "broker_pass": access.password}

    def start(self) -> None:
        """Returns when it listens, after a stop at the same port. Raises BenchError with mosquitto's own words when it
        cannot."""
        self._folder.mkdir(parents=True, exist_ok=True)
        said: Sequence[str] = ()
        fixed = self._fixed_port or self.port
        for _ in range(1 if fixed else ATTEMPTS):
            self.port = fixed or free_port()
            if self._try():
                return
            said = self.log_path.read_text(errors="replace").splitlines()
            if not any("Address already in use" in line for line in said):
                break
        complaint = next((line for line in said if "Error" in line), said[-1] if said else "it said nothing")
        raise BenchError(f"{PROGRAM} cannot start on port {self.port}: {complaint.split(': ', 1)[-1]}")

    def _try(self) -> bool:
        config = self._folder / "mosquitto.conf"
        config.write_text(self._config())
        process = spawn_tied([PROGRAM, "-c", str(config)])
        ready = threading.Event()
        running: list[bool] = []

        def copy_log() -> None:
            assert process.stdout is not None
            with process.stdout, self.log_path.open("ab") as log:
                for line in process.stdout:
                    with contextlib.suppress(OSError):  # a full disk is no reason to let the broker choke on its log
                        log.write(line)
                        log.flush()
                    if line.rstrip().endswith(b" running"):  # printed once the listeners are open
                        running.append(True)
                        ready.set()
            ready.set()

        thread = threading.Thread(target=copy_log, name="broker log", daemon=True)
        thread.start()
        ready.wait(START_TIMEOUT_S)
        if not running:
            process.kill()
            process.wait()
            thread.join()
            return False
        self._process, self._log_thread = process, thread
        self._greet()
        return True

    def _config(self) -> str:
        access = self.access
        text = _CONFIG.format(port=self.port, bind=self._bind, anonymous="true" if access is None else "false")
        if access is not None:
            if self._secrets is None:
                self._secrets = tempfile.TemporaryDirectory(prefix="hil-broker-")
            secrets = Path(self._secrets.name)
            certificate, key = access.identity.write(secrets, "broker")
            passwords, acl = secrets / "passwords", secrets / "acl"
            _write_passwords(passwords, {access.user: access.password, **access.devices})
            text += _SECURE.format(certificate=certificate, key=key, passwords=passwords)
            if access.devices:
                acl.write_text(_ACL.format(user=access.user))
                acl.chmod(0o600)
                text += _DEVICES.format(acl=acl)
        return text + (_STAY_ROOT if os.geteuid() == 0 else "")

    def _greet(self) -> None:
        """Waits for an answer: mosquitto says that it runs a moment too early, and forgets a SIGTERM until then."""
        try:
            with contextlib.ExitStack() as open_:
                greeting = open_.enter_context(socket.create_connection((self.host, self.port), START_TIMEOUT_S))
                if self.access is not None:
                    trust = self.access.trust
                    greeting = open_.enter_context(trust.context.wrap_socket(greeting, server_hostname=trust.name))
                greeting.sendall(_connect_message(self.access))
                answer = greeting.recv(4)
        except OSError as error:
            answer = str(error).encode()
        if answer != _CONNACK:
            self.stop()
            raise BenchError(f"{PROGRAM} listens on port {self.port} but does not answer: {answer!r}")

    @property
    def fault(self) -> str | None:
        """How it ended, if it did although nobody stopped it."""
        code = self._process.poll() if self._process is not None else None
        if code is None:
            return None
        how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        return f"the broker {how}; its log: {self.log_path}"

    def stop(self) -> None:
        if self._process is not None:
            end(self._process)
            if self._log_thread is not None:
                self._log_thread.join()
            self._process = None
        if self._secrets is not None:
            self._secrets.cleanup()
            self._secrets = None

    def __enter__(self) -> Broker:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _write_passwords(path: Path, passwords: Mapping[str, str]) -> None:
    """Hashed by mosquitto's own program, in place: a command line is for all of the machine to see."""
    path.touch(mode=0o600)
    path.write_text("".join(f"{user}:{password}\n" for user, password in passwords.items()))
    said = run_to_end([PASSWORD_PROGRAM, "-U", str(path)])
    if said is not None:
        raise BenchError(f"{PASSWORD_PROGRAM} cannot write {path}: {said}")


def _connect_message(access: BrokerAccess | None) -> bytes:
    """MQTT 3.1.1, clean session, client id "hil"; user name and password where they are asked for."""

    def text(value: str) -> bytes:
        return len(value).to_bytes(2, "big") + value.encode()

    flags, credentials = (0x02, b"") if access is None else (0xC2, text(access.user) + text(access.password))
    body = text("MQTT") + bytes((4, flags)) + (60).to_bytes(2, "big") + text("hil") + credentials
    return bytes((0x10, len(body))) + body
