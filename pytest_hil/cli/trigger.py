# SPDX-License-Identifier: Apache-2.0
"""`hil trigger`: an update by hand. Serves the image, publishes the trigger, tells what the board answers."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import json
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from ..app_image import version_of
from ..errors import BenchError, UsageError
from ..services.mqtt import Message, MqttClient
from ..services.signing import TriggerKey
from . import FIRMWARE_FAILED, PASS
from .app import app, plain, terminal

MQTT_PORT = 1883
SERVER_POLL_S = 0.1
SENT_AT_ONCE = 16384  # bytes
_GOOD, _BAD = ("valid",), ("refused", "failed", "rollback")


@app.command(
    epilog="Examples: [bold]hil trigger --broker mqtt://192.168.1.10 --device cam-1 --tell 192.168.1.10 "
    "--image build/app.bin --key trigger-key.pem[/]"
)
def trigger(
    *,
    broker: Annotated[str, typer.Option(help="mqtt://HOST[:PORT] as this machine reaches it.")],
    device: Annotated[str, typer.Option(help="The board's device_id.")],
    image: Annotated[Path, typer.Option(help="The app image (.bin) to update to.")],
    tell: Annotated[str, typer.Option(help="This machine's address as the board reaches it.")] = "",
    bind: Annotated[
        str, typer.Option(help="Address of this machine to serve the image at.", show_default="that of --tell")
    ] = "",
    url: Annotated[
        str | None, typer.Option(help="Where the image is served already; then it is not served here.")
    ] = None,
    key: Annotated[Path | None, typer.Option(help="Private key that signs the trigger (hil keys).")] = None,
    version: Annotated[str | None, typer.Option(help="Version to announce.", show_default="the image's own")] = None,
    counter: Annotated[int | None, typer.Option(help="Must grow.", show_default="seconds since 1970")] = None,
    stop: Annotated[str | None, typer.Option(help="How to stop the servers; control image only.")] = None,
    timeout_s: Annotated[float, typer.Option("--timeout", min=0, help="Seconds until it must be valid.")] = 180.0,
) -> None:
    """Update a board by hand and follow it until the new image is valid.

    Exit code: 0 the new image is valid, 1 the board refused, failed or rolled back, 2 usage, 3 no broker or no answer.
    """
    host, port = _address(broker)
    if not device or set(device) & set("+#\0"):
        raise UsageError(f"--device: {device!r} is no device_id: in an MQTT topic + and # stand for others")
    content = _read(image)
    signer = _load_key(key) if key else None
    if not url and not tell:
        raise UsageError(
            "say with --tell which address of this machine the board reaches, or with --url another server"
        )
    out = terminal()
    with contextlib.ExitStack() as open_:
        bar = open_.enter_context(_bar(out))
        task = bar.add_task("waiting for the board", total=None)

        def sent(count: int) -> None:
            bar.update(task, total=len(content), completed=count)

        if not url:
            served = open_.enter_context(
                _served(
                    bind or tell, image.name, content, lambda sent: bar.update(task, total=len(content), completed=sent)
                )
            )
            url = f"http://{tell}:{served}/{urllib.parse.quote(image.name)}"
        fields: dict[str, Any] = {
            "url": url,
            "version": version or _version(content, image),
            "sha256": hashlib.sha256(content).hexdigest(),
            "size": len(content),
            "counter": int(time.time()) if counter is None else counter,
            "device": device,
        }
        if stop:
            fields["stop"] = stop
        client = open_.enter_context(MqttClient(host, port, f"hil/{device}/ota/status"))
        message = json.dumps(signer.signed(fields) if signer else fields)
        client.publish(f"hil/{device}/ota/trigger", message)
        out.print(
            f"Triggered {device} to update to {fields['version']} ({len(content)} bytes) from {url}", soft_wrap=True
        )
        step = _follow(
            client, f"hil/{device}/ota/status", timeout_s, out, lambda step: bar.update(task, description=step)
        )
    raise typer.Exit(PASS if step in _GOOD else FIRMWARE_FAILED)


def _address(broker: str) -> tuple[str, int]:
    try:
        parsed = urllib.parse.urlsplit(broker if "://" in broker else f"mqtt://{broker}")
        if parsed.scheme == "mqtt" and parsed.hostname:
            return parsed.hostname, parsed.port or MQTT_PORT
    except ValueError:
        pass
    raise UsageError(f"--broker: {broker!r} is no mqtt://HOST[:PORT]")


def _read(image: Path) -> bytes:
    try:
        return image.read_bytes()
    except OSError as error:
        raise UsageError(f"{image} cannot be read: {error.strerror}") from None


def _version(content: bytes, image: Path) -> str:
    try:
        return version_of(content)
    except UsageError as error:
        raise UsageError(f"{image}: {error}; if it is right nevertheless, give --version") from None


def _load_key(path: Path) -> TriggerKey:
    try:
        private = serialization.load_pem_private_key(path.read_bytes(), None)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise UsageError(f"{path} is no private key in PEM without a password; make one with 'hil keys'") from None
    if not isinstance(private, ec.EllipticCurvePrivateKey) or not isinstance(private.curve, ec.SECP256R1):
        raise UsageError(f"{path} is no P-256 key; make one with 'hil keys'")
    return TriggerKey(private)


@contextlib.contextmanager
def _served(bind: str, name: str, content: bytes, progress: Callable[[int], None]) -> Iterator[int]:
    """Serves this one file, nothing beside it; gives the port. Tells `progress` how many bytes were sent."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path != f"/{urllib.parse.quote(name)}":
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            with contextlib.suppress(ConnectionError):
                for at in range(0, len(content), SENT_AT_ONCE):
                    self.wfile.write(content[at : at + SENT_AT_ONCE])
                    progress(min(at + SENT_AT_ONCE, len(content)))

        def log_message(self, *_: object) -> None:
            """The board's status tells what matters."""

    try:
        server = http.server.ThreadingHTTPServer((bind, 0), Handler)
    except OSError as error:
        raise BenchError(f"the image cannot be served at {bind}: {error.strerror}; choose with --bind") from None
    thread = threading.Thread(target=server.serve_forever, args=(SERVER_POLL_S,), daemon=True)
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _bar(out: Console) -> Progress:
    """None to be seen where the output is plain."""
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn())
    return Progress(*columns, console=out, transient=True, disable=plain())


def _follow(client: MqttClient, topic: str, timeout_s: float, out: Console, show: Callable[[str], None]) -> str:
    """Prints each step as it comes, and shows it; returns the last."""
    deadline = time.monotonic() + timeout_s
    told: list[Message] = []

    def news(message: Message) -> bool:
        return not message.retained and message not in told

    while True:
        try:
            message = client.wait_message(topic, news, max(0.0, deadline - time.monotonic()))
        except AssertionError:
            last = told[-1].payload.decode(errors="replace") if told else "nothing"
            raise BenchError(f"not valid within {timeout_s:g} s; the board's last word: {last}") from None
        told.append(message)
        status = message.json()
        step = str(status.get("step"))
        rest = "".join(f", {name} {value}" for name, value in status.items() if name != "step")
        show(step)
        out.print(f"{message.at_s:7.2f} s  {step}{rest}", markup=False)
        if step in _GOOD + _BAD:
            return step
