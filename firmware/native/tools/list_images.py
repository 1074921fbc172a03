#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""images.json: what a build directory holds to be tested.

    list_images.py BUILD_DIR ROLE [ROLE ...]

Each role is a folder of BUILD_DIR with project_description.json and the app image. An entry has the role, the folder,
the version, the digests of the file and of the image, the target, and the commit it was built from (with "-dirty" when
the work tree differs; null outside a checkout).
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import esp_image


def commit_of(source: Path) -> str | None:
    command = ["git", "-C", str(source), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def entry(build: Path, role: str, commit: str | None) -> dict[str, str | None]:
    description = json.loads((build / role / "project_description.json").read_text())
    data = (build / role / description["app_bin"]).read_bytes()
    image = esp_image.parse(data)
    return {
        "role": role,
        "dir": role,
        "version": image.descriptor["version"],
        "file_sha256": hashlib.sha256(data).hexdigest(),
        "image_sha256": image.image_sha256,
        "target": description["target"],
        "commit": commit,
    }


def main(argv: list[str]) -> int:
    if len(argv) < 2:
        print("usage: list_images.py BUILD_DIR ROLE [ROLE ...]", file=sys.stderr)
        return 2
    build = Path(argv[0])
    commit = commit_of(Path(__file__).parent)
    try:
        text = json.dumps([entry(build, role, commit) for role in argv[1:]], indent=2) + "\n"
    except (OSError, ValueError, esp_image.ImageError) as error:
        print(f"list_images: {error}", file=sys.stderr)
        return 1
    index = build / "images.json"
    if not index.exists() or index.read_text() != text:
        index.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
