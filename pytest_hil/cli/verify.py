# SPDX-License-Identifier: Apache-2.0
"""`hil verify`: is this image the one that passed the gate? Needs no results, no network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..errors import UsageError
from ..gate.attestation import LARGEST, verify
from ..gate.firmware_image import FirmwareImage
from ..gate.reason import Refused, one_line
from ..results.bench_key import PUBLIC, PublicKey
from . import FIRMWARE_FAILED, PASS
from .app import app, terminal


@app.command(
    "verify",
    epilog="Example: [bold]hil verify attestation.intoto.json --image firmware.bin --key bench-key.pub.pem[/]",
)
def verify_command(
    attestation: Annotated[Path, typer.Argument(metavar="ATTESTATION", help="What 'hil gate' wrote.")],
    image: Annotated[list[Path], typer.Option(metavar="BIN", help="The image; may be given again.")],
    key: Annotated[list[Path], typer.Option(metavar="FILE", help=f"Whom to believe: a {PUBLIC}; may be given again.")],
    policy: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The policy that the verdict must have been spoken by.")
    ] = None,
) -> None:
    """Check the attestation of an image, offline.

    Exit code: 0 the image passed the gate, and this key says so; 1 not; 2 a file cannot be read.
    """
    keys = [PublicKey.read(path) for path in key]
    images = [FirmwareImage.read(path) for path in image]
    content, spoken_by = _read(attestation), _read(policy) if policy else None
    out = terminal()
    try:
        told, key_id = verify(content, keys, images, spoken_by)
    except Refused as refused:
        out.print(one_line(f"NOT VERIFIED: {attestation}: {refused}"), style="bold red", soft_wrap=True, markup=False)
        raise typer.Exit(FIRMWARE_FAILED) from None
    scenarios = len(told.predicate.passedTests)
    line = f"VERIFIED: {', '.join(map(str, image))} passed the gate with {scenarios} scenarios, signed by {key_id[:16]}"
    out.print(line, style="bold green", soft_wrap=True, markup=False)
    raise typer.Exit(PASS)


def _read(path: Path) -> bytes:
    """Raises UsageError."""
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None
    if len(content) > LARGEST:
        raise UsageError(f"{path} is too large to be what it should be")
    return content
