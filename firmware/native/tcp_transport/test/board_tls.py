# SPDX-License-Identifier: Apache-2.0
"""A certificate authority for a test, certificates good and bad, and a server that speaks TLS."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
import tempfile
import unittest
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from board_shell import HOST_SEEN_BY_BOARD, Connection, Server
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = datetime.timedelta(days=1)


@dataclass(frozen=True)
class Identity:
    """A certificate and its key, as PEM."""

    certificate: bytes
    key: bytes

    @property
    def der(self) -> bytes:
        return x509.load_pem_x509_certificate(self.certificate).public_bytes(serialization.Encoding.DER)

    def context(self, verify: bytes | None = None) -> ssl.SSLContext:
        """For a server; verify: the CA that a client's certificate must be from."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with tempfile.NamedTemporaryFile() as file:
            file.write(self.certificate + self.key)
            file.flush()
            context.load_cert_chain(file.name)
        if verify is not None:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(cadata=verify.decode())
        return context

    def save(self, folder: Path, name: str) -> tuple[Path, Path]:
        certificate, key = folder / f"{name}.crt", folder / f"{name}.key"
        certificate.write_bytes(self.certificate)
        key.write_bytes(self.key)
        return certificate, key


class Authority:
    def __init__(self, name: str = "test authority") -> None:
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self._key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._build(self._name, self._key, 30).add_extension(
            x509.BasicConstraints(ca=True, path_length=None), critical=True
        )
        self._certificate = certificate.sign(self._key, hashes.SHA256())

    @property
    def certificate(self) -> bytes:
        return self._certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def der(self) -> bytes:
        return self._certificate.public_bytes(serialization.Encoding.DER)

    def _build(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, days: int) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.timezone.utc)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - 60 * DAY)
            .not_valid_after(now + days * DAY)
        )

    def issue(self, *names: str, common_name: str = "board test", days: int = 30) -> Identity:
        """A certificate for host names and addresses, which ends in so many days (-1: yesterday)."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = self._build(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)]), key, days)
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName([general_name(n) for n in names]), False)
        return Identity(
            builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM),
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            ),
        )

    def client_context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=self.certificate.decode())
        return context


def general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


class TlsServer(Server):
    """As Server; a handshake that fails is remembered and nothing is served."""

    def __init__(
        self,
        test: unittest.TestCase,
        identity: Identity,
        serve: Callable[[Connection], None] | None = None,
        verify: bytes | None = None,
    ) -> None:
        self._context = identity.context(verify)
        self.refused: list[str] = []
        super().__init__(test, serve)

    def _prepare(self, connection: Connection) -> bool:
        try:
            connection.socket = self._context.wrap_socket(connection.socket, server_side=True)
        except (ssl.SSLError, ConnectionError) as failure:
            self.refused.append(str(failure))
            return False
        return True


def server_identity(authority: Authority) -> Identity:
    """For a server that the board reaches by the runner's address."""
    return authority.issue(HOST_SEEN_BY_BOARD)
