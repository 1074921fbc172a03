# SPDX-License-Identifier: Apache-2.0
"""`hil keys`: the key pair of signed triggers, whose public half the boards get as `trigger_key`; or the bench's own,
which signs results."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from ..errors import UsageError
from ..results.bench_key import PRIVATE as BENCH_PRIVATE
from ..results.bench_key import PUBLIC as BENCH_PUBLIC
from ..results.bench_key import BenchKey
from .app import app

PRIVATE, PUBLIC = "trigger-key.pem", "trigger-key.pub.pem"


@app.command(
    epilog="Examples: [bold]hil keys[/], [bold]hil keys --out ~/.config/hil[/], "
    "[bold]hil keys --bench --out build/bench[/]"
)
def keys(
    out: Annotated[Path, typer.Option(help="Folder for the two files.")] = Path(),
    bench: Annotated[bool, typer.Option("--bench", help="The bench's key instead, which signs results.")] = False,
) -> None:
    """Make a P-256 key pair for signed triggers, or with --bench for signed results.

    trigger-key.pem signs (hil trigger --key) and stays secret; trigger-key.pub.pem goes to the boards
    (hil provision trigger_key=@trigger-key.pub.pem). bench-key.pem in build/bench signs every run's results;
    bench-key.pub.pem is named in gate.toml. Existing files are never overwritten.
    """
    private_path, public_path = (out / BENCH_PRIVATE, out / BENCH_PUBLIC) if bench else (out / PRIVATE, out / PUBLIC)
    for path in (private_path, public_path):
        if path.exists():
            why = "a gate may believe it" if bench else "boards may be provisioned with it"
            raise UsageError(f"{path} exists: {why}; move it away first")
    key = BenchKey.new()  # of the same kind as a trigger's
    try:
        out.mkdir(parents=True, exist_ok=True)
        # Nobody else may read it, not even for the moment between making and protecting it.
        with os.fdopen(os.open(private_path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(key.pem)
        public_path.write_bytes(key.public.pem)
    except OSError as error:
        raise UsageError(f"{error.filename} cannot be written: {error.strerror}") from None
    typer.echo(f"{private_path}: the private key; keep it secret")
    use = "for gate.toml, in its list 'keys'" if bench else f"for boards: hil provision trigger_key=@{public_path}"
    typer.echo(f"{public_path}: the public key; {use}")
