# SPDX-License-Identifier: Apache-2.0
"""`hil gate`: ship or not."""

from __future__ import annotations

import contextlib
import os
from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated

import typer

from ..errors import UsageError
from ..gate.attestation import FILE_NAME, envelope
from ..gate.explanation import print_verdict
from ..gate.firmware_image import FirmwareImage
from ..gate.github import annotation_lines, step_summary
from ..gate.judge import Judged, judge
from ..gate.junit import junit
from ..gate.policy import FILE_NAME as POLICY
from ..gate.policy import PolicyFile
from ..printable import command, no_commands
from ..results.bench_key import FOLDER, PRIVATE, BenchKey
from . import BENCH_FAILED, FIRMWARE_FAILED, PASS
from .app import app, root_or_here, terminal

SUMMARY_VARIABLE = "GITHUB_STEP_SUMMARY"


@app.command(
    epilog="Examples: [bold]hil gate --results build/hil/latest --image build/native/release/hil_app.bin[/], "
    "[bold]hil gate --policy gate.toml --results s3 --results c6 --image s3.bin --image c6.bin --explain[/]"
)
def gate(  # noqa: PLR0917  options, given by name
    results: Annotated[list[Path], typer.Option(metavar="DIR", help="A run's folder; may be given again.")],
    image: Annotated[list[Path], typer.Option(metavar="BIN", help="The image that is to ship, one a target.")],
    policy: Annotated[
        Path | None, typer.Option(metavar="FILE", help="What must have been shown.", show_default=POLICY)
    ] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Show the margin to each limit.")] = False,
    junit_file: Annotated[
        Path | None, typer.Option("--junit", metavar="FILE", help="Write the verdict as JUnit XML.")
    ] = None,
    github: Annotated[
        bool, typer.Option("--github", help="Write annotations, and a summary to $GITHUB_STEP_SUMMARY.")
    ] = False,
    attestation: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Where the verdict goes, signed.", show_default=f"DIR/{FILE_NAME}"),
    ] = None,
    key: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Signs the verdict.", show_default=f"{FOLDER / PRIVATE}, if it is there"),
    ] = None,
) -> None:
    """Read a run's logs again and say whether the image ships, with every reason in a line.

    Exit code: 0 it ships, 1 it does not, 2 usage (policy, image or key cannot be read), 3 nothing but the bench failed.
    """
    policy_file = PolicyFile.read(policy or root_or_here() / POLICY)
    for directory in results:
        if not directory.is_dir():
            raise UsageError(f"--results: there is no folder {directory}")
    signing = BenchKey.read(key) if key else BenchKey.of_project(root_or_here())
    if attestation and signing is None:
        raise UsageError(f"--attestation: there is no key to sign with: name one with --key, or put it in {FOLDER}")
    judged = judge(policy_file, results, _by_target(image), datetime.now(timezone.utc))
    out = terminal()
    with no_commands() if github else contextlib.nullcontext():
        print_verdict(judged, out, explain=explain)
    if junit_file:
        _write(junit_file, junit(judged))
    if github:
        _tell_github(judged)
    if signing is not None:
        place = attestation or results[0] / FILE_NAME
        _write(place, envelope(judged, signing).encode())
        out.print(f"Attested in {place}", soft_wrap=True)
    raise typer.Exit(PASS if judged.verdict.ships else BENCH_FAILED if judged.verdict.bench_alone else FIRMWARE_FAILED)


def _by_target(paths: list[Path]) -> dict[str, FirmwareImage]:
    images: dict[str, FirmwareImage] = {}
    for path in paths:
        image = FirmwareImage.read(path)
        if image.target in images:
            raise UsageError(f"--image: {path} and {images[image.target].path} are both for {image.target}")
        images[image.target] = image
    return images


def _tell_github(judged: Judged) -> None:
    for line in annotation_lines(judged):
        command(line)
    place = os.environ.get(SUMMARY_VARIABLE)
    if place:
        _write(Path(place), step_summary(judged).encode(), append=True)


def _write(path: Path, content: bytes, *, append: bool = False) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab" if append else "wb") as file:
            file.write(content)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from None
