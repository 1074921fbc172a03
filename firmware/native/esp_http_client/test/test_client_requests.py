# SPDX-License-Identifier: Apache-2.0
"""The HTTP client on a native board: bodies it sends, whole requests, redirects, connections that fail."""

from __future__ import annotations

import threading
import unittest

from board_shell import Connection, Server, Shell
from client_case import BODY, TIMEOUT_MS, ClientTest, Head, crc, response, void


class RequestTest(ClientTest):
    # ---- requests with a body ----

    def test_upload(self) -> None:
        def take(connection: Connection, head: Head) -> None:
            connection.send(response(connection.read(int(head.headers["content-length"]))[:5]))

        shell = self.get(self.serve(take), "method=1")
        self.assertEqual("ESP_OK", shell.do("open 30005"))
        self.assertEqual("5", shell.do("write begin"))
        self.assertEqual("30000", shell.do("writen 30000"))
        self.assertEqual("5", shell.do("fetch"))
        self.assertEqual(f"5 {crc(b'begin')}", shell.do("read 100"))
        self.assertEqual("POST /image HTTP/1.1", self.heads[0].line)

    def test_server_that_does_not_read(self) -> None:
        ended = threading.Event()
        shell = self.get(self.serve(lambda _connection, _head: void(ended.wait())), "method=1")
        self.addCleanup(ended.set)
        shell.do("open 6000000")
        for _ in range(100):  # what it cannot send does not hold it for ever
            answer = shell.do("writen 60000")
            if answer != "60000":
                break
        self.assertIn(answer, ("0", "-1"))  # the timeout
        shell.do("cleanup")

    def test_perform_post(self) -> None:
        def take(connection: Connection, head: Head) -> None:
            connection.send(response(connection.read(int(head.headers["content-length"]))))

        shell = self.get(self.serve(take), "method=1")
        shell.do("post key=value")
        self.assertEqual("ESP_OK", shell.do("perform"))
        self.assertEqual(f"9 {crc(b'key=value')}", shell.do("events"))
        self.assertEqual("application/x-www-form-urlencoded", self.heads[0].headers["content-type"])

    # ---- perform ----

    def test_perform_events(self) -> None:
        shell = self.get(self.serve(response(BODY, headers="Connection: close\r\n")))
        shell.begin("perform")
        for event in ("connected", "headers_sent", "header Content-Length: 20000", "finish", "disconnected"):
            shell.event(event)
        self.assertEqual("ESP_OK", shell.answer())
        self.assertEqual(f"20000 {crc(BODY)}", shell.do("events"))

    def test_perform_twice_on_one_connection(self) -> None:
        def two(connection: Connection, _head: Head) -> None:
            connection.send(response(b"first"))
            Head(connection)
            connection.send(response(b"second"))
            connection.wait_for_close()

        shell = self.get(self.serve(two))
        self.assertEqual("ESP_OK", shell.do("perform"))
        self.assertEqual("ESP_OK", shell.do("perform"))
        self.assertEqual(f"6 {crc(b'second')}", shell.do("events"))
        self.assertEqual(1, shell.said.count("! connected"))
        shell.do("cleanup")

    def test_perform_truncated(self) -> None:
        shell = self.get(self.serve(response(BODY[:100], length=20000)))
        self.assertEqual("http+12", shell.do("perform"))  # ESP_ERR_HTTP_INCOMPLETE_DATA
        self.assertIn("! error", shell.said)

    def test_perform_closed(self) -> None:
        shell = self.get(self.serve(b""))
        self.assertEqual("http+4", shell.do("perform"))  # ESP_ERR_HTTP_FETCH_HEADER

    def test_perform_head(self) -> None:
        shell = self.get(self.serve(response(length=20000)), "method=5")
        self.assertEqual("ESP_OK", shell.do("perform"))
        self.assertTrue(shell.do("status").startswith("status=200 length=20000"))

    def test_perform_unauthorized(self) -> None:
        shell = self.get(self.serve(response(status="401 Unauthorized", headers="WWW-Authenticate: Basic\r\n")))
        self.assertEqual("ESP_ERR_NOT_SUPPORTED", shell.do("perform"))

    # ---- redirects ----

    def redirecting(self, to: str, status: str = "302 Found") -> Server:
        def answer(connection: Connection, head: Head) -> None:
            if head.line.split()[1] == "/image":
                connection.send(response(b"gone", status, f"Location: {to}\r\nConnection: close\r\n"))
            else:
                connection.send(response(BODY))

        return self.serve(answer)

    def test_perform_follows(self) -> None:
        shell = self.get(self.redirecting("/other?a=b"))
        self.assertEqual("ESP_OK", shell.do("perform"))
        self.assertEqual(["GET /image HTTP/1.1", "GET /other?a=b HTTP/1.1"], [head.line for head in self.heads])
        self.assertTrue(shell.do("status").startswith("status=200 length=20000"))

    def test_perform_follows_to_another_server(self) -> None:
        other = self.serve(response(BODY))
        shell = self.get(self.redirecting(f"http://{other.address}/elsewhere", "308 Permanent Redirect"))
        self.assertEqual("ESP_OK", shell.do("perform"))
        self.assertEqual("GET /elsewhere HTTP/1.1", self.heads[1].line)
        self.assertEqual(other.address, self.heads[1].headers["host"])
        self.assertEqual(f"http://{other.address}/elsewhere", shell.do("geturl"))

    def test_redirects_without_end(self) -> None:
        shell = self.get(self.redirecting("/image"), "redirects=3")
        self.assertEqual("http+1", shell.do("perform"))  # ESP_ERR_HTTP_MAX_REDIRECT
        self.assertEqual(4, len(self.heads))

    def test_redirects_by_hand(self) -> None:
        shell = self.opened(self.redirecting("/other"), "noredirect=1")
        shell.do("fetch")
        self.assertEqual("ESP_OK", shell.do("redirect"))
        self.assertEqual("ESP_OK", shell.do("flush"))
        shell.do("close")
        self.assertEqual("ESP_OK", shell.do("open"))
        self.assertEqual("20000", shell.do("fetch"))
        self.assertEqual("GET /other HTTP/1.1", self.heads[1].line)

    def test_redirect_not_wanted(self) -> None:
        shell = self.get(self.redirecting("/other"), "noredirect=1")
        self.assertEqual("ESP_OK", shell.do("perform"))
        self.assertIn("! redirect", shell.said)
        self.assertTrue(shell.do("status").startswith("status=302"))

    def test_redirect_to_https(self) -> None:
        shell = self.get(self.redirecting("https://10.0.2.2:1/x"))
        self.assertEqual("http+2", shell.do("perform"))
        self.assertEqual("https://10.0.2.2:1/x", shell.do("geturl"))

    def test_redirect_nowhere(self) -> None:
        shell = self.get(self.serve(response(status="302 Found")))
        self.assertEqual("ESP_ERR_INVALID_ARG", shell.do("perform"))

    # ---- connections ----

    def test_refused(self) -> None:
        server = Server(self)
        shell = self.get(server)
        server.stop_listening()
        self.assertEqual("http+2", shell.do("open"))  # ESP_ERR_HTTP_CONNECT
        self.assertIn("! error", shell.said)

    def test_no_route(self) -> None:
        shell = Shell(self)
        shell.do(f"init url=http://192.0.2.1/x timeout={TIMEOUT_MS}")
        self.assertEqual("http+2", shell.do("open"))

    def test_numeric_and_other_names(self) -> None:
        shell = Shell(self)
        shell.do("init url=http://no-such-host.invalid/ timeout=2000")
        self.assertEqual("http+2", shell.do("open"))
        self.assertIn("couldn't get hostname", shell.said)

    def test_refused_settings(self) -> None:
        shell = Shell(self)
        self.assertEqual("refused", shell.do("init path=/x"))
        self.assertEqual("refused", shell.do("init url=http://"))
        self.assertEqual("refused", shell.do("init url=http://10.0.2.2/ auth=1"))
        self.assertEqual("made", shell.do("init host=10.0.2.2 port=1 path=/p query=q async=1"))
        self.assertEqual("http://10.0.2.2:1/p", shell.do("geturl"))
        self.assertEqual("ESP_ERR_INVALID_ARG", shell.do("open"))

    def test_heap_comes_back(self) -> None:
        server = self.serve(response(BODY, headers="X-A: b\r\nLocation: /elsewhere\r\n"))
        shell = Shell(self)
        heap = shell.heap()
        for round_ in range(10):
            shell.do(f"init url=http://{server.address}/image timeout={TIMEOUT_MS}")
            shell.do("open")
            shell.do("fetch")
            shell.do("read 100" if round_ % 2 else "download 1024")
            shell.do("cleanup")
        shell.wait_for_heap(heap, 10)


if __name__ == "__main__":
    unittest.main()
