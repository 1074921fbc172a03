# SPDX-License-Identifier: Apache-2.0
"""results.json.sig: the bench's signature over results.json, byte for byte. Whatever results.json has the digest of
(logs, sdkconfigs) is so signed too."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from .bench_key import BenchKey, PublicKey, SignatureError, check_signatures

PAYLOAD_TYPE = "application/vnd.hil.results+json"


def path_of(results: Path) -> Path:
    return results.with_name(f"{results.name}.sig")


def sign_results(results: Path, key: BenchKey | None) -> None:
    """Signs the file; without a key, no signature of an earlier file stays beside it."""
    path = path_of(results)
    if key is None:
        path.unlink(missing_ok=True)
        return
    document = {"payloadType": PAYLOAD_TYPE, "signatures": key.signatures(PAYLOAD_TYPE, results.read_bytes())}
    path.write_text(json.dumps(document, indent=1) + "\n")


def check_results(signature: bytes | None, results: bytes, believed: Sequence[PublicKey]) -> str:
    """The id of the key that signed; `signature` is the signature file's contents, None where there is no such file.
    Raises SignatureError."""
    if signature is None:
        raise SignatureError("it is not signed: there is no results.json.sig (see 'hil keys --bench')")
    try:
        document = json.loads(signature)
    except (ValueError, RecursionError):
        raise SignatureError("its signature file cannot be read") from None
    if not isinstance(document, dict) or document.get("payloadType") != PAYLOAD_TYPE:
        raise SignatureError("its signature file is not for results")
    return check_signatures(document.get("signatures"), PAYLOAD_TYPE, results, believed)
