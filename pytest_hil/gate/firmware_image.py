# SPDX-License-Identifier: Apache-2.0
"""The image that is to ship, from its own bytes: for which chip it is, and the digest that a board prints of it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from ..app_image import digest_of, target_of
from ..errors import UsageError


@dataclass(frozen=True)
class FirmwareImage:
    """One file."""

    path: Path
    target: str
    file_sha256: str
    image_sha256: str

    @classmethod
    def read(cls, path: Path) -> FirmwareImage:
        """Raises UsageError."""
        try:
            content = path.read_bytes()
        except OSError as error:
            raise UsageError(f"{path} cannot be read: {error.strerror}") from None
        try:
            return cls(path, target_of(content), hashlib.sha256(content).hexdigest(), digest_of(content))
        except UsageError as error:
            raise UsageError(f"{path}: {error}") from None
