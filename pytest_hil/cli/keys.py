# SPDX-License-Identifier: Apache-2.0
"""`hil keys`: the key pair of signed triggers. The board gets the public half as `trigger_key`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ..errors import UsageError
from .app import app

PRIVATE, PUBLIC = "trigger-key.pem", "trigger-key.pub.pem"


@app.command(epilog="Examples: [bold]hil keys[/], [bold]hil keys --out ~/.config/hil[/]")
def keys(
    out: Annotated[Path, typer.Option(help="Folder for the two files.")] = Path(),
) -> None:
    """Make a P-256 key pair for signed triggers.

    trigger-key.pem signs (hil trigger --key) and stays secret; trigger-key.pub.pem goes to the boards
    (hil provision trigger_key=@trigger-key.pub.pem). Existing files are never overwritten.
    """
    private_path, public_path = out / PRIVATE, out / PUBLIC
    for path in (private_path, public_path):
        if path.exists():
            raise UsageError(f"{path} exists: boards may be provisioned with it; move it away first")
    key = ec.generate_private_key(ec.SECP256R1())
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    try:
        out.mkdir(parents=True, exist_ok=True)
        # Nobody else may read it, not even for the moment between making and protecting it.
        with os.fdopen(os.open(private_path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(private)
        public_path.write_bytes(public)
    except OSError as error:
        raise UsageError(f"{error.filename} cannot be written: {error.strerror}") from None
    typer.echo(f"{private_path}: the private key; keep it secret")
    typer.echo(f"{public_path}: the public key; for boards: hil provision trigger_key=@{public_path}")
