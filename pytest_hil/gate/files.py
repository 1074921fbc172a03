# SPDX-License-Identifier: Apache-2.0
"""Files of a run's folder, read only where they really lie in it: no links, no way out, nothing but regular files."""

from __future__ import annotations

import hashlib
import stat
from pathlib import Path, PurePosixPath

from .reason import Refused

LARGEST = 256 << 20  # bytes of one log
TOLD = 200  # characters of a name, in a reason


def read_regular(root: Path, name: str, largest: int = LARGEST) -> bytes:
    """The contents of `name` below `root`. Raises Refused."""
    parts = PurePosixPath(name).parts
    told = name if len(name) <= TOLD else f"…{name[-TOLD:]}"
    if not parts or PurePosixPath(name).is_absolute() or ".." in parts or "\0" in name or "\\" in name:
        raise Refused(f"{told!r} does not name a file in the run's folder")
    path = root
    try:
        for part in parts:
            path = path / part
            if path.is_symlink():
                raise Refused(f"{told}: {part[-TOLD:]} is a link")
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise Refused(f"{told} is no regular file")
        if status.st_size > largest:
            raise Refused(f"{told} has {status.st_size} bytes, more than {largest}")
        return path.read_bytes()
    except FileNotFoundError:
        raise Refused(f"there is no {told}") from None
    except (OSError, ValueError) as error:
        raise Refused(f"{told} cannot be read: {getattr(error, 'strerror', None) or error}") from None


def read_digested(root: Path, name: str, sha256: str) -> bytes:
    """The same, of the file that the results speak of. Raises Refused."""
    content = read_regular(root, name)
    if hashlib.sha256(content).hexdigest() != sha256:
        raise Refused(f"{name} is not the file that was signed: its digest differs")
    return content
