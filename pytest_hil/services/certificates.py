# SPDX-License-Identifier: Apache-2.0
"""Certificate authorities that live as long as a run, and what they issue. Nothing is kept on disk or used again."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
import tempfile
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = datetime.timedelta(days=1)
# A board without a clock may believe any date; one that asks the runner is at most a time zone away.
VALID_BEFORE, VALID_FOR = DAY, 7 * DAY
NO_TIME = datetime.timedelta()


@dataclass(frozen=True, slots=True)
class Identity:
    """A certificate and its private key, as PEM."""

    certificate: str
    key: str = field(repr=False)  # no message and no report may tell it

    def write(self, folder: Path, name: str) -> tuple[Path, Path]:
        """As two files; returns their paths, the certificate's first."""
        certificate, key = folder / f"{name}.crt", folder / f"{name}.key"
        certificate.write_text(self.certificate)
        key.touch(mode=0o600)
        key.write_text(self.key)
        return certificate, key

    def server_context(self) -> ssl.SSLContext:
        """For a server that shows this certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with tempfile.TemporaryDirectory(prefix="identity-") as folder:  # ssl takes a chain from files alone
            context.load_cert_chain(*self.write(Path(folder), "server"))
        return context


@dataclass(frozen=True, slots=True)
class Trust:
    """Whom a client believes: servers of that authority that go by that name."""

    context: ssl.SSLContext
    name: str


class Authority:
    """Issues certificates for P-256 keys."""

    def __init__(self, name: str = "hil run") -> None:
        self._name = _named(name)
        self._key = ec.generate_private_key(ec.SECP256R1())

    @cached_property
    def certificate(self) -> str:
        """The authority's own, as PEM: what a board is provisioned with as `ca`."""
        builder = self._builder(self._name, self._key.public_key())
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        return _pem(builder.sign(self._key, hashes.SHA256()))

    def issue(self, *names: str, expired: bool = False) -> Identity:
        """A server's identity; `names` are host names and addresses, the first its common name too."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = self._builder(_named(names[0]), key.public_key(), -2 * VALID_FOR if expired else NO_TIME)
        builder = builder.add_extension(x509.SubjectAlternativeName([_general(name) for name in names]), critical=False)
        pem_key = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return Identity(_pem(builder.sign(self._key, hashes.SHA256())), pem_key.decode())

    def trust(self, name: str) -> Trust:
        """For a client of the server of that name. No other authority is believed."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=self.certificate)
        return Trust(context, name)

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, shifted: datetime.timedelta = NO_TIME
    ) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.timezone.utc) + shifted
        builder = x509.CertificateBuilder(self._name, subject, key, x509.random_serial_number())
        return builder.not_valid_before(now - VALID_BEFORE).not_valid_after(now + VALID_FOR)


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()
