# SPDX-License-Identifier: Apache-2.0
"""Signed triggers: the key that a board is provisioned with, and the form in which a trigger comes signed.

`{"payload": <the trigger, as one string>, "sig": <base64 of an ECDSA P-256 signature, over the payload's bytes>}`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


class TriggerKey:
    """A key pair; the private half never leaves this object."""

    def __init__(self, private: ec.EllipticCurvePrivateKey | None = None) -> None:
        self._private = private or ec.generate_private_key(ec.SECP256R1())

    @property
    def public_pem(self) -> str:
        """What a board is provisioned with as `trigger_key`."""
        encoding, form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        return self._private.public_key().public_bytes(encoding, form).decode()

    def sign(self, data: bytes) -> str:
        """The signature, DER in base64."""
        return base64.b64encode(self._private.sign(data, ec.ECDSA(hashes.SHA256()))).decode()

    def signed(self, trigger: Mapping[str, Any]) -> dict[str, str]:
        """The trigger in its signed form."""
        payload = json.dumps(trigger)
        return {"payload": payload, "sig": self.sign(payload.encode())}
