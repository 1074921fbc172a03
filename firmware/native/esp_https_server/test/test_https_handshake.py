# SPDX-License-Identifier: Apache-2.0
"""The TLS server on a native board while a client shakes hands, or does not."""

from __future__ import annotations

import ssl
import tempfile
import time
import unittest

from board import LIMIT_S, wait_until
from board_shell import Shell
from board_tls import Authority
from https_board import ADDRESS, HttpsTestCase, quiet

HELLO_BEGIN = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(32)


class HandshakeTest(HttpsTestCase):
    # ---- clients that are not what they should be ----

    def refused(self, shell: Shell, alert: str) -> None:
        shell_said = "esp_https_server: esp_tls_create_server_session failed"
        wait_until(lambda: shell_said in shell.said, "the board's log of the failure")
        self.assertRegex(shell.said, f"esp-tls-mbedtls: mbedtls_ssl_handshake returned -0x{alert}")
        wait_until(lambda: shell.do("clients") == "0", "the board to forget the client")

    def test_not_trusted_by_the_client(self) -> None:
        shell = self.started("")
        with self.assertRaisesRegex(ssl.SSLCertVerificationError, "unable to get local issuer"):
            self.connect(shell, Authority("another").client_context())
        self.refused(shell, "7780")  # MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE
        self.assertEqual(b"hello", self.connect(shell).get("/hello"))

    def test_expired(self) -> None:
        shell = self.started("", self.authority.issue(ADDRESS, days=-1))
        with self.assertRaisesRegex(ssl.SSLCertVerificationError, "certificate has expired"):
            self.connect(shell)
        self.refused(shell, "7780")

    def test_other_name(self) -> None:
        shell = self.started("", self.authority.issue("other.example", "127.0.0.2"))
        with self.assertRaisesRegex(ssl.SSLCertVerificationError, "IP address mismatch"):
            self.connect(shell)

    def test_not_tls(self) -> None:
        shell = self.started()
        client = self.raw(shell)
        client.sendall(b"GET / HTTP/1.1\r\nHost: board\r\n\r\n")
        while client.recv(100):  # an alert, then the end
            pass
        self.refused(shell, "7[0-9A-F]{3}")
        self.assertEqual(b"hello", self.connect(shell).get("/hello"))

    def test_older_than_tls_1_2(self) -> None:
        shell = self.started()
        client = self.raw(shell)
        hello = bytes.fromhex("0302") + bytes(32) + b"\0" + bytes.fromhex("0004 c013 002f 0100")
        message = b"\x01" + len(hello).to_bytes(3, "big") + hello
        client.sendall(b"\x16\x03\x01" + len(message).to_bytes(2, "big") + message)
        self.assertEqual(b"\x15\x03", client.recv(100)[:2])  # an alert
        self.refused(shell, "6E80")  # MBEDTLS_ERR_SSL_BAD_HS_PROTOCOL_VERSION

    def test_clients_with_certificates(self) -> None:
        shell = self.shell()
        shell.blob("ca", self.authority.certificate)
        self.assertEqual("ESP_OK", shell.do("start"))
        with self.assertRaises(OSError):  # the alert, or the end of the connection
            self.connect(shell).get("/hello")
        self.refused(shell, "7480")  # MBEDTLS_ERR_SSL_NO_CLIENT_CERTIFICATE
        stranger = self.authority.client_context()
        stranger_of = Authority("another").issue(common_name="stranger")
        self.load(stranger, stranger_of.certificate + stranger_of.key)
        with self.assertRaises(OSError):
            self.connect(shell, stranger).get("/hello")
        known = self.authority.client_context()
        known_of = self.authority.issue(common_name="known")
        self.load(known, known_of.certificate + known_of.key)
        self.assertEqual(b"hello", self.connect(shell, known).get("/hello"))

    def load(self, context: ssl.SSLContext, pem: bytes) -> None:
        with tempfile.NamedTemporaryFile() as file:
            file.write(pem)
            file.flush()
            context.load_cert_chain(file.name)

    # ---- clients that stop in the middle: up to ESP-IDF 5.4 they hold the server for as long as they stay ----

    def wedged_by(self, first: bytes) -> None:
        shell = self.started("recv=1 max=3")
        silent = self.raw(shell)
        silent.sendall(first)
        wait_until(lambda: "performing session handshake" in shell.said, "the handshake")
        other = self.raw(shell)
        other.sendall(HELLO_BEGIN)
        quiet(self, other, 3.5)  # three times the receive timeout, which does not end a handshake
        shell.do("stop")
        shell.never("stopped", 2)
        began = time.monotonic()
        other.close()
        silent.close()
        shell.event("stopped ESP_OK")
        self.assertLess(time.monotonic() - began, 3)
        self.assertEqual("ESP_OK", shell.do("start"))
        self.assertEqual(b"hello", self.connect(shell).get("/hello"))

    def test_silent_client_holds_the_server(self) -> None:
        self.wedged_by(b"")

    def test_half_a_hello_holds_the_server(self) -> None:
        self.wedged_by(HELLO_BEGIN)

    def test_the_others_are_served_after_it_left(self) -> None:
        shell = self.started("recv=1")
        silent = self.raw(shell)
        wait_until(lambda: "performing session handshake" in shell.said, "the handshake")
        waiting = self.raw(shell)
        silent.close()
        waiting.settimeout(LIMIT_S)
        wrapped = self.authority.client_context().wrap_socket(waiting, server_hostname=ADDRESS)
        self.addCleanup(wrapped.close)
        wrapped.sendall(b"GET /hello HTTP/1.1\r\nHost: board\r\n\r\n")
        self.assertTrue(wrapped.recv(100).startswith(b"HTTP/1.1 200"))

    # ---- an event loop that stands still slows every receive and send down: each waits for room ----

    def test_event_loop_that_stands_still(self) -> None:
        shell = self.shell()
        shell.do("events")
        shell.do("start")
        shell.event("event start")
        shell.do("pause 1")
        client = self.connect(shell)
        client.request("/stream")
        shell.event("stream ")
        wait_until(lambda: "Failed to post esp_https_server event" in shell.said, "a full event loop")
        shell.do("pause 0")
        client.read(200_000)
        client.close()
        shell.event("stream_end")

    # ---- memory ----

    def test_allocations_that_fail(self) -> None:
        """Whichever allocation of a handshake fails: the server goes on, and nothing is lost."""
        shell = self.started("recv=3")  # this runner, too, may be late with its half of a handshake
        self.connect(shell).close()
        wait_until(lambda: shell.do("clients") == "0", "no clients")
        heap = shell.heap()
        failed = 0
        for k in [*range(30), *range(30, 600, 19)]:
            shell.do(f"fail {k}")
            try:
                self.connect(shell).close()
            except OSError:
                failed += 1
        shell.do("fail -1")
        self.assertGreater(failed, 20)
        client = self.connect(shell)
        self.assertEqual(b"hello", client.get("/hello"))
        client.close()
        wait_until(lambda: shell.do("clients") == "0", "no clients")
        shell.wait_for_heap(heap, failed + 1)
        self.stop(shell)


if __name__ == "__main__":
    unittest.main()
