"""HTTP/1 on a raw socket: connections, framing, limits. What the corpus cannot say in one case."""
import os
import random
import select
import socket
import threading
import time
import unittest

from support import (Client, Closed, ServerCase, TempCase, in_threads, pattern, random_seed, settle,
                     write_file)

GET = b"GET /small HTTP/1.1\r\nHost: x\r\n\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"


class Http(ServerCase):
    @classmethod
    def populate(cls):
        cls.large = pattern(300000)
        write_file(os.path.join(cls.root, "index.html"), "root")
        write_file(os.path.join(cls.root, "small"), "small file")
        write_file(os.path.join(cls.root, "large"), cls.large)
        write_file(os.path.join(cls.root, "smuggled"), "SMUGGLED")
        settle(os.path.join(cls.root, "smuggled"))

    def small(self, c):
        r = c.read()
        self.assertEqual((r.status, r.body), (200, b"small file"))
        return r

    def refused(self, data, *statuses, more=SMUGGLED, client=None):
        """One answer of these statuses that says close, the end, and nothing for `more`."""
        c = client or self.client()
        c.send(data)
        if more:
            try:
                c.send(more)
            except OSError:
                pass
        r = c.read()
        self.assertIn(r.status, statuses, data[:100])
        self.assertEqual(r["Connection"], "close", data[:100])
        self.assertNotIn(b"SMUGGLED", r.body)
        self.assertTrue(c.is_ended())
        return r

    # -- connections --

    def test_keep_alive(self):
        c = self.client()
        for _ in range(300):
            r = c.get("/small")
            self.assertEqual((r.status, r.body, r["Connection"]), (200, b"small file", None))

    def test_close(self):
        for value in ("close", "Close", "keep-alive, close", "x ,\tclose , y"):
            c = self.client()
            r = c.get("/small", "Connection: " + value)
            self.assertEqual((r.status, r["Connection"]), (200, "close"))
            self.assertTrue(c.is_ended())

    def test_http_1_0(self):
        c = self.client()
        c.send("GET /small HTTP/1.0\r\n\r\n")
        self.assertEqual(self.small(c)["Connection"], "close")
        self.assertTrue(c.is_ended())
        c = self.client()
        for _ in range(3):
            c.send("GET /small HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            self.assertEqual(self.small(c)["Connection"].lower(), "keep-alive")
        c.send("GET /large HTTP/1.0\r\n\r\n")
        self.assertTrue(c.read().body == self.large)
        self.assertTrue(c.is_ended())

    def test_http_0_9_and_2(self):
        for line in ("GET /small\r\n", "GET /small\r\n\r\n", "GET /small HTTP/0.9\r\n\r\n",
                     "GET /small HTTP/2.0\r\nHost: x\r\n\r\n",
                     "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"):
            self.refused(line.encode(), 400, 505, more=b"\r\n")

    def test_pipelined(self):
        for n in (2, 300, 1000):
            c = self.client()
            c.send(GET * n)
            for _ in range(n):
                self.small(c)

    def test_pipelined_deep_while_nobody_reads(self):
        """The answers fill the socket: the server must neither drop one nor keep them all."""
        n = 4000
        with Client(self.server, rcvbuf=4096, timeout=30) as c:
            sender = threading.Thread(target=c.send, args=(
                b"GET /nosuch HTTP/1.1\r\nHost: x\r\n\r\n" * n,), daemon=True)
            sender.start()
            for _ in range(n):
                self.assertEqual(c.read().status, 404)
            sender.join(10)
            self.assertFalse(sender.is_alive())

    def test_pipelined_mixture(self):
        parts = [(GET, "GET", 200), (b"HEAD /large HTTP/1.1\r\nHost: x\r\n\r\n", "HEAD", 200),
                 (b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n", "GET", 200),
                 (b"GET /no HTTP/1.1\r\nHost: x\r\n\r\n", "GET", 404),
                 (b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", "OPTIONS", 204),
                 (b"POST /small HTTP/1.1\r\nHost: x\r\nContent-Length: 35\r\n\r\n" + SMUGGLED[:35],
                  "POST", 405),
                 (b"POST /small HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                  b"23\r\n" + SMUGGLED[:35] + b"\r\n0\r\n\r\n", "POST", 405),
                 (b"GET /large HTTP/1.1\r\nHost: x\r\nRange: bytes=5-9\r\n\r\n", "GET", 206)]
        seed = random_seed()
        rng = random.Random(seed)
        for _ in range(20):
            chosen = [rng.choice(parts) for _ in range(30)]
            c = self.client()
            data = b"".join(p[0] for p in chosen)
            self.assertEqual(len(SMUGGLED[:35]), 35)

            def feed(i):
                if i == 0:
                    at = 0
                    while at < len(data):
                        n = rng.choice((1, 3, 17, 100, 1000))
                        c.send(data[at:at + n])
                        at += n
                else:
                    for _, method, status in chosen:
                        r = c.read(method)
                        self.assertEqual(r.status, status)
                        if r.status == 206:
                            self.assertEqual(r.body, self.large[5:10])
            in_threads(2, feed)
            c.close()

    def test_half_close(self):
        for data, count in ((GET, 1), (GET * 3, 3)):
            c = self.client()
            c.send(data)
            c.shut()
            for _ in range(count):
                self.small(c)
            self.assertTrue(c.is_ended())
        c = self.client(rcvbuf=4096)
        c.request("/large")
        c.shut()
        self.assertTrue(c.read().body == self.large)
        self.assertTrue(c.is_ended())

    def test_half_close_without_a_whole_request(self):
        for data in (b"", b"\r\n", b"G", GET[:-1], b"POST /small HTTP/1.1\r\nHost: x\r\n"):
            c = self.client()
            c.send(data)
            c.shut()
            try:
                self.assertIn(c.read().status, (400, 408))
            except Closed:
                pass
            self.assertTrue(c.is_ended())

    def test_half_close_inside_content(self):
        for framing, body in (("Content-Length: 50", b"hello"), ("Transfer-Encoding: chunked", b"5\r\nhel")):
            c = self.client()
            c.send(("POST /small HTTP/1.1\r\nHost: x\r\n%s\r\n\r\n" % framing).encode() + body)
            c.shut()
            try:
                self.assertGreaterEqual(c.read().status, 400)
            except Closed:
                pass
            self.assertTrue(c.is_ended())

    # -- pieces --

    def test_slow_bytes(self):
        c = self.client()
        for _ in range(2):
            for byte in GET[:-1]:
                c.send(bytes([byte]))
                self.assertEqual(select.select([c.sock], [], [], 0.002)[0], [])
            c.send(GET[-1:])
            self.small(c)

    def test_split_everywhere(self):
        data = b"POST /small HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" \
               b"5;a=\"b\"\r\nhello\r\n0\r\nT: v\r\n\r\n" + GET
        c = self.client()
        for at in range(1, len(data)):
            c.send(data[:at])
            select.select([c.sock], [], [], 0.001)  # a chance for the first piece to be read alone
            c.send(data[at:])
            self.assertEqual(c.read().status, 405)
            self.small(c)

    def test_empty_lines_before_a_request(self):
        c = self.client()
        c.send(b"\r\n" + GET + b"\r\n" + GET)
        self.small(c)
        self.small(c)

    # -- content --

    def test_uploads_to_a_file_leave_the_connection_usable(self):
        c = self.client()
        for n in (0, 1, 1000, 65536, 200000):
            c.send(b"POST /small HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % n)
            c.send(b"z" * n)
            r = c.read()
            self.assertEqual((r.status, r["Connection"]), (405, None), n)
            c.send(GET)
            self.small(c)

    def test_chunked_uploads_leave_the_connection_usable(self):
        for size in (1, 7, 4096, 100000):
            c = self.client()
            c.send("PUT /small HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
            left = 150000 if size > 7 else 2000
            out = b""
            while left > 0:
                n = min(size, left)
                out += b"%x\r\n%s\r\n" % (n, b"z" * n)
                left -= n
            c.send(out + b"0\r\n\r\n" + GET)
            self.assertEqual(c.read().status, 405)
            self.small(c)

    def test_broken_chunks_end_the_connection(self):
        for chunk in (b"g\r\n", b"5\r\nhello!!\r\n", b"-1\r\n", b"10000000000000000\r\n", b"5 \n", b"\r\n"):
            c = self.client()
            c.send(b"POST /small HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk)
            c.send(SMUGGLED)
            r = c.read()
            self.assertIn(r.status, (400, 405, 413), chunk)
            self.assertTrue(c.is_ended())

    def test_expect(self):
        c = self.client()
        head = "POST /small HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
        c.send(head)
        interim = []
        r = c.read(interim=interim)
        self.assertEqual(r.status, 405)
        if r["Connection"] == "close":  # it will not read what was never asked for
            self.assertEqual(interim, [])
            self.assertTrue(c.is_ended())
        else:
            c.send(b"hello" + GET)
            self.small(c)
        c = self.client()
        c.send(head + "hello")
        self.assertEqual(c.read().status, 405)
        c = self.client()
        c.send("GET /small HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n\r\n")
        interim = []
        self.assertEqual(c.read(interim=interim).status, 200)
        self.refused(b"GET /small HTTP/1.1\r\nHost: x\r\nExpect: tea\r\n\r\n", 417)

    def test_early_answers_are_not_lost_to_a_reset(self):
        """The client goes on sending 1 MB; only then it reads: the answer must still be there."""
        megabyte = b"z" * (1 << 20)
        for head, status in (
                (b"POST /small HTTP/1.1\r\nHost: x\r\nContent-Length: 1048576\r\n\r\n", 405),
                (b"POST /small HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999999\r\n\r\n", 413),
                (b"POST /small HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n100000\r\n", 405),
                (b"POST /small HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", 400),
                (b"GET /small HTTP/1.1\r\nHost: x\r\nExpect: tea\r\n\r\n", 417),
                (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
                (b"GET /small HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 200 + b"\r\n", 431),
                (b"rubbish\r\n\r\n", 400)):
            for _ in range(5):
                with Client(self.server) as c:
                    c.send(head)
                    c.send(megabyte)
                    r = c.read()
                    self.assertEqual(r.status, status, head[:60])
                    if b"chunked" not in head:  # how much comes is not known when it is answered
                        self.assertEqual(r["Connection"], "close")
                    self.assertTrue(c.is_ended())

    def test_close_of_a_large_answer_while_the_client_sends(self):
        """Connection: close, and bytes that nobody asked for behind it: all of the file arrives."""
        for fields in (b"Connection: close\r\n", b""):
            version = b"1.1" if fields else b"1.0"
            for _ in range(10):
                with Client(self.server, rcvbuf=4096) as c:
                    c.send(b"GET /large HTTP/" + version + b"\r\nHost: x\r\n" + fields + b"\r\n" +
                           b"junk" * 1000)
                    self.assertTrue(c.read().body == self.large)
                    self.assertTrue(c.is_ended())

    # -- limits --

    def test_long_targets(self):
        c = self.client()
        r = c.get("/small?" + "q" * (8192 - len("/small?")))
        self.assertEqual(r.status, 200)
        for n in (8193, 20000, 100000, 1000000):
            self.refused(b"GET /" + b"a" * (n - 1) + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414)

    def test_huge_heads(self):
        for n in (33000, 100000, 1000000):
            self.refused(b"GET /small HTTP/1.1\r\nHost: x\r\nX: " + b"v" * n + b"\r\n\r\n", 431)
            self.refused(b"GET /small HTTP/1.1\r\nHost: x\r\n" + b"X: v\r\n" * (n // 6) + b"\r\n", 431)
            self.refused(b"GET /small HTTP/1.1\r\nHost: x\r\n" + b"n" * n + b": v\r\n\r\n", 431, 400)
        c = self.client()
        r = c.get("/small", *("X-%d: %s" % (i, "v" * 300) for i in range(90)))
        self.assertEqual(r.status, 200)

    def test_long_fields(self):
        limit = 16384  # of a line, without its end
        for n in (limit + 1, limit + 2, 30000):
            self.refused(b"GET /small HTTP/1.1\r\nHost: x\r\nX:" + b"v" * (n - 2) + b"\r\n\r\n", 431)
            self.refused(b"GET /small HTTP/1.1\r\nHost: x\r\n" + b"n" * n, 431, more=None)
        c = self.client()
        r = c.get("/small", "X: " + "v" * (limit - 3), "Cookie: " + "c" * (limit - 300))
        self.assertEqual(r.status, 200)

    def test_endless_things(self):
        """Bytes without an end are refused at the limit, not collected."""
        for start, piece in ((b"", b"A"), (b"GET /", b"a"), (b"", b"\r\n"), (b"GET / HTTP/1.1\r\n", b"X: y\r\n"),
                             (b"GET / HTTP/1.1\r\nX:", b" "), (b"GET", b" "), (b"\x16\x03\x01", b"\0")):
            c = self.client()
            sent, data = 0, piece * (32768 // len(piece))
            try:
                c.send(start)
                while sent < 20000000:
                    if select.select([c.sock], [], [], 0)[0]:
                        break
                    c.send(data)
                    sent += len(data)
            except (ConnectionError, socket.timeout):
                pass
            self.assertLess(sent, 20000000, "never refused: %r" % (start + piece))
            try:
                self.assertIn(c.read().status, (400, 414, 431, 501, 505), start + piece)
            except (Closed, ConnectionError):
                self.assertEqual(piece, b"\r\n", "no answer: %r" % (start + piece))

    def test_many_fields(self):
        c = self.client()
        self.assertEqual(c.get("/small", *["A: b"] * 99).status, 200)  # and Host: 100
        self.refused(b"GET /small HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 100 + b"\r\n", 431)
        self.refused(b"GET /small HTTP/1.1\r\nHost: x\r\n" + b"A:\r\n" * 5000 + b"\r\n", 431)

    def test_bodies_over_the_limit(self):
        limit = 100 << 20
        self.refused(b"POST /small HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (limit + 1), 413)
        self.refused(b"POST /small HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % 2**63, 400, 413)
        r = self.refused(b"POST /small HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % limit, 405)
        self.assertEqual(r["Allow"], "GET, HEAD, OPTIONS")

    def test_refusals_close(self):
        for data, status in (
                (b"GET /small HTTP/1.1\r\n\r\n", 400),
                (b"GET /small HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
                (b"GET /small HTTP/1.1\r\nHost : x\r\n\r\n", 400),
                (b"GET /small HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n", 400),
                (b"GET /small HTTP/1.1\r\nHost: x\r\nA\r\n\r\n", 400),
                (b"GET /small HTTP/1.1\r\nHost: x\r\nA: \0\r\n\r\n", 400),
                (b"GET small HTTP/1.1\r\nHost: x\r\n\r\n", 400),
                (b"GET  /small HTTP/1.1\r\nHost: x\r\n\r\n", 400),
                (b"GET /sm all HTTP/1.1\r\nHost: x\r\n\r\n", 400),
                (b"G\xc3\x89T /small HTTP/1.1\r\nHost: x\r\n\r\n", 400),
                (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
                (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501),
                (b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
                (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\n", 400),
                (b"CONNECT / HTTP/1.1\r\nHost: x\r\n\r\n", 400),
                (b"CONNECT x:443 HTTP/1.1\r\nHost: x:443\r\n\r\n", 501),
                (b"GET https://x/small HTTP/1.1\r\nHost: x\r\n\r\n", 421),
                (b"GET * HTTP/1.1\r\nHost: x\r\n\r\n", 400)):
            self.refused(data, status)
            c = self.client()
            c.send(GET)
            self.small(c)
            self.refused(data, status, client=c)  # the second on a connection

    def test_refused_tunnel(self):
        """The client, which has a 200 in mind, goes on sending once the answer is there."""
        c = self.client()
        c.send(b"CONNECT x:443 HTTP/1.1\r\nHost: x:443\r\n\r\n")
        r = c.read()
        self.assertEqual((r.status, r["Connection"]), (501, "close"))
        c.send(SMUGGLED)
        self.assertTrue(c.is_ended())

    def test_trace(self):
        c = self.client()
        c.send(b"TRACE /small HTTP/1.1\r\nHost: x\r\nCookie: secret\r\nContent-Length: 6\r\n\r\nsecret")
        r = c.read()
        self.assertEqual((r.status, r["Connection"]), (501, None))
        self.assertNotIn(b"secret", r.body)
        c.send(GET)
        self.small(c)

    def test_random_bytes(self):
        """Whatever comes, what goes back is HTTP and the next client is served."""
        rng = random.Random(random_seed())
        words = [b"GET", b"HEAD", b" ", b"/", b"/small", b"HTTP/1.1", b"\r\n", b"\n", b"\r", b"\0",
                 b"Host: x", b"Content-Length: 5", b"Transfer-Encoding: chunked", b":", b"\r\n\r\n",
                 b"5\r\nhello\r\n0\r\n\r\n", b"%", b"%2e", b"\xff", b"Connection: close", b"\t", b";",
                 b"Range: bytes=0-1", b"Expect: 100-continue", b"POST / HTTP/1.1\r\n", GET, b"," * 50]

        def work(i):
            mine = random.Random(rng.random() + i)
            for _ in range(150):
                data = b"".join(mine.choice(words) for _ in range(mine.randrange(1, 30)))
                with Client(self.server) as c:
                    try:
                        c.send(data)
                        c.shut()
                    except OSError:
                        pass
                    raw = b""
                    try:
                        while c.fill():
                            pass
                    except ConnectionResetError:
                        pass
                    raw = c.buffer
                    self.assertTrue(not raw or raw.startswith(b"HTTP/1.1 "), (data, raw[:100]))
        in_threads(4, work)
        self.assertEqual(self.get("/small").body, b"small file")

    def test_fair_to_others(self):
        """A client that pipelines without end does not keep another one of the same loop waiting."""
        stop = time.monotonic() + 1.5

        def work(i):
            with Client(self.server) as c:
                if i < 4:
                    c.sock.setblocking(False)
                    data, at = GET * 500, 0
                    while time.monotonic() < stop:
                        r, w, _ = select.select([c.sock], [c.sock], [], 1)
                        if r:
                            self.assertTrue(c.sock.recv(1 << 20))
                        if w:
                            at = (at + c.sock.send(data[at:])) % len(data)
                    return
                while time.monotonic() < stop:
                    start = time.monotonic()
                    self.assertEqual(c.get("/small").status, 200)
                    self.assertLess(time.monotonic() - start, 5)
        in_threads(8, work)


class UnixSocket(TempCase):
    def test_https_of_a_gateway(self):
        """Who may write to the socket is trusted to have secured its side."""
        write_file(self.path("small"), "small file")
        address = "unix:" + os.path.join(self.temp, "sock")
        with self.serve(listen=(address,)) as s, Client(address=address[len("unix:"):]) as c:
            for scheme in ("http", "https"):
                r = c.get(scheme + "://x/small")
                self.assertEqual((r.status, r.body), (200, b"small file"))
            s.stop()


if __name__ == "__main__":
    unittest.main()
