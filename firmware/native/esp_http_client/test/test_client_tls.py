# SPDX-License-Identifier: Apache-2.0
"""The HTTP client on a native board over TLS: whom it trusts, and what it makes of a connection that breaks."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
import unittest
from collections.abc import Callable

from board import LIMIT_S, wait_until
from board_shell import Connection, Server, Shell, ShellTestCase
from board_tls import Authority, Identity, TlsServer, server_identity
from client_case import BODY, EAGAIN, TIMEOUT_MS, Head, crc, response

CONNECT_FAILED = "http+2"  # ESP_ERR_HTTP_CONNECT
HANDSHAKE_FAILED = "801a"  # ESP_ERR_MBEDTLS_SSL_HANDSHAKE_FAILED
TLS_TIMEOUT = "8006"  # ESP_ERR_ESP_TLS_CONNECTION_TIMEOUT
SETUP_FAILED = "8017"  # ESP_ERR_MBEDTLS_SSL_SETUP_FAILED
VERIFY_FAILED = "2700"  # MBEDTLS_ERR_X509_CERT_VERIFY_FAILED
EXPIRED, OTHER_NAME, NOT_TRUSTED = 0x01, 0x04, 0x08  # MBEDTLS_X509_BADCERT_...


class TlsTest(ShellTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.authority = Authority()

    def serve(
        self,
        identity: Identity | None = None,
        answer: Callable[[Connection], None] | None = None,
        verify: bytes | None = None,
    ) -> TlsServer:
        def one(connection: Connection) -> None:
            Head(connection)
            if answer is None:
                connection.send(response(BODY))
            else:
                answer(connection)

        return TlsServer(self, identity or server_identity(self.authority), one, verify)

    def get(self, server: Server, options: str = "", ca: bytes | None = None) -> Shell:
        shell = Shell(self)
        shell.blob("ca", self.authority.certificate if ca is None else ca)
        self.init(shell, server, options)
        return shell

    def init(self, shell: Shell, server: Server, options: str = "") -> None:
        self.assertEqual("made", shell.do(f"init url=https://{server.address}/x timeout={TIMEOUT_MS} {options}"))

    def download(self, shell: Shell) -> None:
        self.assertEqual("ESP_OK", shell.do("open"))
        self.assertEqual("20000", shell.do("fetch"))
        self.assertEqual(f"20000 {crc(BODY)} last=0 complete=1", shell.do("download 1024"))

    def refused(self, shell: Shell, flags: int) -> None:
        self.assertEqual(CONNECT_FAILED, shell.do("open"))
        self.assertEqual(f"{HANDSHAKE_FAILED} code={VERIFY_FAILED} flags={flags:x}", shell.do("tls_error"))
        self.assertIn("esp-tls-mbedtls: mbedtls_ssl_handshake returned -0x2700", shell.said)
        self.assertIn("esp-tls-mbedtls: Failed to verify peer certificate!", shell.said)
        self.assertIn("esp-tls: Failed to open new connection", shell.said)

    # ---- whom it trusts ----

    def test_download(self) -> None:
        self.download(self.get(self.serve()))

    def test_authority_in_der(self) -> None:
        shell = Shell(self)
        shell.blob("ca_der", self.authority.der)
        self.init(shell, self.serve())
        self.download(shell)

    def test_global_store(self) -> None:
        shell = Shell(self)
        server = self.serve()
        self.init(shell, server, "global=1")
        self.assertEqual(CONNECT_FAILED, shell.do("open"))
        self.assertIn("global_cacert is NULL", shell.said)
        shell.blob("store", self.authority.certificate)
        self.assertEqual("ESP_OK", shell.do("global_ca store"))
        self.download(shell)

    def test_other_authority(self) -> None:
        server = self.serve(server_identity(Authority()))
        self.refused(self.get(server), NOT_TRUSTED)
        wait_until(lambda: server.refused != [], "the server being told")

    def test_expired(self) -> None:
        self.refused(self.get(self.serve(self.authority.issue("10.0.2.2", days=-1))), EXPIRED)

    def test_other_name(self) -> None:
        other = self.authority.issue("other.example", "10.0.2.3", common_name="10.0.2.4")
        self.refused(self.get(self.serve(other)), OTHER_NAME)

    def test_everything_is_wrong(self) -> None:
        other = Authority().issue("other.example", days=-1)
        self.refused(self.get(self.serve(other)), EXPIRED | OTHER_NAME | NOT_TRUSTED)

    def test_any_name(self) -> None:
        other = self.authority.issue("other.example")
        self.download(self.get(self.serve(other), "anyname=1"))

    def test_any_name_is_not_anybody(self) -> None:
        self.refused(self.get(self.serve(Authority().issue("other.example")), "anyname=1"), NOT_TRUSTED)

    def test_the_name_that_is_expected(self) -> None:
        server = self.serve(self.authority.issue("camera.example"))
        self.download(self.get(server, "name=camera.example"))
        self.refused(self.get(server, "name=other.example"), OTHER_NAME)

    def test_name_in_the_subject(self) -> None:
        server = self.serve(self.authority.issue(common_name="10.0.2.2"))
        self.download(self.get(server))

    def test_nobody_to_trust(self) -> None:
        shell = Shell(self)
        server = self.serve()
        self.init(shell, server)
        self.assertEqual(CONNECT_FAILED, shell.do("open"))
        self.assertIn("No server verification option set in esp_tls_cfg_t structure", shell.said)
        self.assertEqual(f"{SETUP_FAILED} code=0 flags=0", shell.do("tls_error"))

    def test_no_bundle(self) -> None:
        shell = Shell(self)
        self.init(shell, self.serve(), "bundle=1")
        self.assertEqual(CONNECT_FAILED, shell.do("open"))
        self.assertIn("use_crt_bundle configured but not enabled", shell.said)
        self.assertNotIn("the bundle was attached", shell.said)

    def test_authority_is_garbage(self) -> None:
        shell = self.get(self.serve(), ca=b"-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n")
        self.assertEqual(CONNECT_FAILED, shell.do("open"))
        self.assertTrue(shell.do("tls_error").startswith("8015 "))  # ESP_ERR_MBEDTLS_X509_CRT_PARSE_FAILED

    def test_certificate_of_the_client(self) -> None:
        server = self.serve(verify=self.authority.certificate)
        shell = self.get(server)
        shell.do("open")
        wait_until(lambda: server.refused != [], "a client without a certificate being refused")
        mine = self.authority.issue(common_name="board")
        shell = Shell(self)
        shell.blob("ca", self.authority.certificate)
        shell.blob("client_cert", mine.certificate)
        shell.blob("client_key", mine.key)
        self.init(shell, server)
        self.download(shell)

    # ---- connections that break ----

    def test_not_tls(self) -> None:
        def answer(connection: Connection) -> None:
            connection.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            connection.wait_for_close()

        shell = self.get(Server(self, answer))
        self.assertEqual(CONNECT_FAILED, shell.do("open"))
        self.assertTrue(shell.do("tls_error").startswith(f"{HANDSHAKE_FAILED} code=7"))

    def test_silent_in_the_handshake(self) -> None:
        server = Server(self)
        shell = self.get(server)
        began = time.monotonic()
        shell.begin("open")
        connection = server.accept()
        self.assertEqual(CONNECT_FAILED, shell.answer())
        self.assertLess(time.monotonic() - began, TIMEOUT_MS / 1000 + 2)
        self.assertEqual(f"{TLS_TIMEOUT} code=0 flags=0", shell.do("tls_error"))
        self.assertIn("Failed to open new connection in specified timeout", shell.said)
        connection.wait_for_close()

    def test_cut_in_the_handshake(self) -> None:
        server = Server(self)
        shell = self.get(server)
        shell.begin("open")
        connection = server.accept()
        connection.read(1)
        connection.close()
        self.assertEqual(CONNECT_FAILED, shell.answer())
        self.assertEqual(f"{HANDSHAKE_FAILED} code=7280 flags=", shell.do("tls_error")[: len("801a code=7280 flags=")])

    def truncated(self, end: Callable[[Connection], None]) -> Shell:
        def answer(connection: Connection) -> None:
            connection.send(response(BODY[:9000], length=20000))
            end(connection)

        shell = self.get(self.serve(answer=answer))
        self.assertEqual("ESP_OK", shell.do("open"))
        self.assertEqual("20000", shell.do("fetch"))
        return shell

    def test_truncated_with_a_farewell(self) -> None:
        shell = self.truncated(farewell)
        self.assertEqual(f"9000 {crc(BODY[:9000])} last=-1 complete=0", shell.do("download 1000"))

    def test_truncated_without_a_farewell(self) -> None:
        shell = self.truncated(Connection.close)
        self.assertEqual(f"9000 {crc(BODY[:9000])} last=-1 complete=0", shell.do("download 1000"))

    def test_reset(self) -> None:
        fetched = threading.Event()

        def end(connection: Connection) -> None:
            fetched.wait(LIMIT_S)
            connection.reset()

        shell = self.truncated(end)
        fetched.set()
        self.assertRegex(shell.do("download 1000"), "last=-[0-9]+ complete=0")

    def test_stalled(self) -> None:
        shell = self.truncated(lambda connection: void(connection.wait_for_close()))
        self.assertEqual(f"9000 {crc(BODY[:9000])} last={EAGAIN} complete=0", shell.do("download 1000"))
        shell.do("close")

    def test_stalled_in_a_record(self) -> None:
        shell = self.truncated(lambda connection: send_below(connection, b"\x17\x03\x03\x00\x40" + bytes(3)))
        self.assertEqual(f"9000 {crc(BODY[:9000])} last={EAGAIN} complete=0", shell.do("download 1000"))
        shell.do("close")

    def test_body_that_ends_with_the_connection(self) -> None:
        for end in (farewell, Connection.close):

            def answer(connection: Connection, end: Callable[[Connection], None] = end) -> None:
                connection.send(b"HTTP/1.0 200 OK\r\n\r\n" + BODY)
                end(connection)

            shell = self.get(self.serve(answer=answer))
            shell.do("open")
            shell.do("fetch")
            self.assertEqual(f"20000 {crc(BODY)} last=0 complete=1", shell.do("download 1000"))

    def test_forged(self) -> None:
        """A record that was changed on its way is refused, and what was read before stands."""
        shell = self.truncated(lambda connection: send_below(connection, b"\x17\x03\x03\x00\x40" + bytes(64)))
        said = shell.do("download 1000")
        self.assertTrue(said.startswith(f"9000 {crc(BODY[:9000])}"), said)
        self.assertIn("complete=0", said)
        self.assertIn("esp-tls-mbedtls: read error :-0x7180", shell.said)  # MBEDTLS_ERR_SSL_INVALID_MAC

    # ---- the rest ----

    def test_redirect_does_not_leave_tls(self) -> None:
        plain = Server(self)
        where = f"Location: http://{plain.address}/y\r\n"
        server = self.serve(answer=lambda connection: connection.send(response(b"", "302 Found", where)))
        self.assertEqual("http+13", self.get(server).do("perform"))  # ESP_ERR_HTTP_REDIRECT_DOWNGRADE

    def test_heap_comes_back(self) -> None:
        good, bad = self.serve(), self.serve(server_identity(Authority()))
        shell = Shell(self)
        shell.blob("ca", self.authority.certificate)
        heap = 0
        for round_ in range(12):
            self.init(shell, bad if round_ % 3 == 2 else good)
            if shell.do("open") == "ESP_OK":
                shell.do("fetch")
                shell.do("read 100" if round_ % 2 else "download 1024")
            shell.do("cleanup")
            if round_ == 2:
                heap = shell.heap()
        shell.wait_for_heap(heap, 9)


def send_below(connection: Connection, data: bytes) -> None:
    """Past TLS, then waits until the board has closed."""
    with socket.socket(fileno=connection.socket.detach()) as bare:
        bare.settimeout(LIMIT_S)
        bare.sendall(data)
        with contextlib.suppress(ConnectionResetError):
            while bare.recv(4096):
                pass


def farewell(connection: Connection) -> None:
    """close_notify, then the end."""
    assert isinstance(connection.socket, ssl.SSLSocket)
    with contextlib.suppress(ssl.SSLError):  # the board ends without one, as a chip does
        connection.socket.unwrap()
    connection.close()


def void(value: object) -> None:
    """For a lambda whose result is of no interest."""


if __name__ == "__main__":
    unittest.main()
