# SPDX-License-Identifier: Apache-2.0
"""What a build left to be tested: images.json, one build directory an image role, and the native board's program.

Takes a directory as it is and never builds. Digests are compared with the files: what is tested is what is named.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ..app_image import digest_of, version_of
from ..errors import UsageError, why_unreadable
from .config import is_name
from .flash_layout import BuildDir

ROLES = ("release", "control", "update", "previous")
INDEX = "images.json"


@dataclass(frozen=True)
class Image:
    """One firmware image."""

    role: str
    path: Path  # its build directory
    version: str
    file_sha256: str
    image_sha256: str  # the digest appended to the image; what the board prints at boot
    commit: str | None
    target: str

    @cached_property
    def build(self) -> BuildDir:
        return BuildDir.read(self.path)

    @cached_property
    def description(self) -> dict[str, Any]:
        """Its project_description.json."""
        read: dict[str, Any] = json.loads((self.path / "project_description.json").read_text())
        return read

    @property
    def app_bin(self) -> Path:
        return self.path / str(self.description["app_bin"])

    @property
    def app_elf(self) -> Path:
        return self.path / str(self.description.get("app_elf", f"{self.app_bin.stem}.elf"))

    @property
    def sdkconfig(self) -> Path:
        """In its folder, or where ESP-IDF says that it lies."""
        own = self.path / "sdkconfig"
        elsewhere = self.description.get("config_file")
        return own if own.is_file() or not elsewhere else self.path / str(elsewhere)

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"path": str(self.path), "sdkconfig": f"sdkconfig-{self.role}"}


@dataclass(frozen=True)
class Artifacts:
    """A directory of images and what runs them."""

    directory: Path
    images: dict[str, Image]

    @property
    def native_board(self) -> Path:
        return self.directory / "native-board"

    def elf_of(self, image_sha256: str) -> Path | None:
        """With debug information, for that image's addresses; None for an image or an ELF that is not here."""
        image = next((one for one in self.images.values() if one.image_sha256 == image_sha256), None)
        return image.app_elf if image is not None and image.app_elf.is_file() else None

    def image(self, role: str) -> Image:
        if role not in self.images:
            raise UsageError(f"{self.directory} has no image for the role {role!r}; it has {', '.join(self.images)}")
        return self.images[role]

    @classmethod
    def read(cls, directory: Path) -> Artifacts:
        """Raises UsageError with what is missing and what to do about it."""
        index = directory / INDEX
        try:
            rows = json.loads(index.read_text())
        except FileNotFoundError:
            rows = _rows_of_build_dirs(directory)
        except (OSError, ValueError) as error:
            raise UsageError(f"{index} cannot be read: {why_unreadable(error)}") from None
        if not isinstance(rows, list):
            raise UsageError(f"{index} is no list of images")
        images: dict[str, Image] = {}
        for row in rows:
            try:
                image = _image(directory, row)
            except (KeyError, TypeError) as error:
                raise UsageError(f"{index}: an entry lacks {error}") from None
            _check(image)
            images[image.role] = image
        return cls(directory, images)


def _rows_of_build_dirs(directory: Path) -> list[dict[str, Any]]:
    """As images.json would have them: one of each role's folder, which lies there as ESP-IDF built it."""
    rows: list[dict[str, Any]] = []
    for role in ROLES:
        described = directory / role / "project_description.json"
        if not described.is_file():
            continue
        try:
            description = json.loads(described.read_text())
            content = (described.parent / str(description["app_bin"])).read_bytes()
            row = {"version": version_of(content), "image_sha256": digest_of(content)}
        except (OSError, ValueError, KeyError, TypeError, UsageError) as error:
            raise UsageError(f"image {role!r} in {described.parent} cannot be used: {error}") from None
        digest = hashlib.sha256(content).hexdigest()
        rows.append({"role": role, "dir": role, "file_sha256": digest, "target": description.get("target"), **row})
    if not rows:
        raise UsageError(
            f"no firmware in {directory}: neither images.json nor a build directory {' or '.join(ROLES)}; "
            "run 'make hil', or name another folder with --artifacts"
        )
    return rows


def _image(directory: Path, row: dict[str, Any]) -> Image:
    if not is_name(row["role"]):  # files of a run are named after it
        raise UsageError(
            f"{directory / INDEX}: {row['role']!r} is no role: letters, digits, blanks, '-', '_' and '.' alone"
        )
    return Image(
        role=row["role"],
        path=directory / row["dir"],
        version=row["version"],
        file_sha256=row["file_sha256"],
        image_sha256=row["image_sha256"],
        commit=row.get("commit"),
        target=row.get("target") or "linux",
    )


def _check(image: Image) -> None:
    try:
        digest = hashlib.sha256(image.app_bin.read_bytes()).hexdigest()
    except (OSError, ValueError, KeyError) as error:
        raise UsageError(f"image {image.role!r} in {image.path} is not complete ({error}): build it again") from None
    if digest != image.file_sha256:
        raise UsageError(f"{image.app_bin} is not the file images.json speaks of: build it again")
