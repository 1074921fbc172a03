# SPDX-License-Identifier: Apache-2.0
"""The bench's key: signs what a run leaves behind, so that a gate elsewhere can tell whose word it is, and whether it
was altered since.

ECDSA P-256 over the pre-authentication encoding of DSSE (https://github.com/secure-systems-lab/dsse, protocol 1.0.2),
which binds a signature to the kind of document it was made for. A key's id is the SHA-256 of its public half in DER.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ..errors import HilError, UsageError

PRIVATE, PUBLIC = "bench-key.pem", "bench-key.pub.pem"
FOLDER = Path("build") / "bench"  # of the project; where a run looks for the bench's key

_CURVE = ec.SECP256R1
_HASH = ec.ECDSA(hashes.SHA256())


class SignatureError(HilError):
    """A document is not signed by any of the keys that are believed."""


def pae(payload_type: str, body: bytes) -> bytes:
    """What is really signed: lengths and contents of the type and the body."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(body), body)


@dataclass(frozen=True)
class PublicKey:
    """One that is believed."""

    key: ec.EllipticCurvePublicKey

    @property
    def id(self) -> str:
        encoding, form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        return hashlib.sha256(self.key.public_bytes(encoding, form)).hexdigest()

    @property
    def pem(self) -> bytes:
        encoding, form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        return self.key.public_bytes(encoding, form)

    @classmethod
    def read(cls, path: Path) -> PublicKey:
        """Raises UsageError."""
        try:
            key = serialization.load_pem_public_key(path.read_bytes())
        except OSError as error:
            raise UsageError(f"{path} cannot be read: {error.strerror}") from None
        except Exception:  # cryptography raises several kinds, not all of them documented
            raise UsageError(f"{path} is no public key in PEM; a bench's is {PUBLIC}") from None
        if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, _CURVE):
            raise UsageError(f"{path} is no P-256 key: make one with 'hil keys --bench'")
        return cls(key)

    def made(self, signature: bytes, signed: bytes) -> bool:
        try:
            self.key.verify(signature, signed, _HASH)
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True)
class BenchKey:
    """Both halves."""

    private: ec.EllipticCurvePrivateKey

    @classmethod
    def new(cls) -> BenchKey:
        return cls(ec.generate_private_key(_CURVE()))

    @classmethod
    def read(cls, path: Path) -> BenchKey:
        """Raises UsageError."""
        try:
            key = serialization.load_pem_private_key(path.read_bytes(), password=None)
        except OSError as error:
            raise UsageError(f"{path} cannot be read: {error.strerror}") from None
        except Exception:  # as above; also a key with a password
            raise UsageError(f"{path} is no private key in PEM without a password; a bench's is {PRIVATE}") from None
        if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, _CURVE):
            raise UsageError(f"{path} is no P-256 key: make one with 'hil keys --bench'")
        return cls(key)

    @classmethod
    def of_project(cls, root: Path) -> BenchKey | None:
        """The one where a run looks for it; None where there is none. Raises UsageError when it is no key."""
        path = root / FOLDER / PRIVATE
        return cls.read(path) if path.is_file() else None

    @property
    def public(self) -> PublicKey:
        return PublicKey(self.private.public_key())

    @property
    def pem(self) -> bytes:
        encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
        return self.private.private_bytes(encoding, form, serialization.NoEncryption())

    def signatures(self, payload_type: str, body: bytes) -> list[dict[str, str]]:
        """The member `signatures` of a DSSE envelope."""
        signature = self.private.sign(pae(payload_type, body), _HASH)
        return [{"keyid": self.public.id, "sig": base64.b64encode(signature).decode()}]


def check_signatures(signatures: Any, payload_type: str, body: bytes, believed: Sequence[PublicKey]) -> str:
    """The id of the believed key that signed `body`. `signatures` is as it was read from JSON: anything.

    Raises SignatureError, which says whether it is unsigned, altered or signed by somebody else.
    """
    rows = signatures if isinstance(signatures, list) else []
    found = [row for row in rows if isinstance(row, dict) and isinstance(row.get("sig"), str)]
    if not found:
        raise SignatureError("it is not signed")
    signed = pae(payload_type, body)
    for row in found:
        signature = _decoded(row["sig"])
        for key in believed:
            if signature is not None and key.made(signature, signed):
                return key.id
    raise SignatureError(_why_not((row.get("keyid") for row in found), believed))


def _why_not(named: Iterable[Any], believed: Sequence[PublicKey]) -> str:
    """The ids are only hints, and good enough for words."""
    ids = [str(name)[:64] for name in named]
    if any(key.id in ids for key in believed):
        return "it was altered after it was signed: the signature is not over these contents"
    return f"it is signed by a key that is not believed ({', '.join(name[:16] or 'unnamed' for name in ids)})"


def _decoded(text: str) -> bytes | None:
    """Standard or URL-safe base64, as the protocol demands."""
    try:
        return base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError):
        return None
