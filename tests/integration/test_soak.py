"""Many requests and many connections leave nothing behind.

Modest by default; WEIR_LONG=1 makes it 1,000,000 requests and 100,000 connections.

What may grow: memory is measured when the pools, the arenas of the allocator and the file cache
have been filled by a warm-up of the same kind of load. After that the allocator may still take a
few pages in an unlucky order of frees: BOUND_KB. Its smallest block is 32 bytes with its header, so
a block left behind by every connection would be 3,200 kB in the long run (and 31,000 kB by every
request), many times the bound; 4,000 connections show what is larger than 64 bytes.
"""
import os
import time
import unittest

from support import Client, ServerCase, eventually, in_threads, pattern, sanitizer, settle, write_file

LONG = os.environ.get("WEIR_LONG") == "1"
REQUESTS = 1000000 if LONG else 40000
CONNECTIONS = 100000 if LONG else 4000
THREADS = 8
DEPTH = 100  # requests pipelined at once
BOUND_KB = 256


class Soak(ServerCase):
    options = ("--quiet",)

    @classmethod
    def populate(cls):
        cls.files = {"/": b"hello", "/medium": pattern(20000), "/large": pattern(100000)}
        write_file(os.path.join(cls.root, "index.html"), cls.files["/"])
        for name in ("medium", "large"):
            write_file(os.path.join(cls.root, name), cls.files["/" + name])
        settle(os.path.join(cls.root, "large"))

    def requests(self, total):
        """Keep-alive, pipelined; of each hundred some are not the ordinary kind."""
        kinds = [("GET / HTTP/1.1\r\nHost: x\r\n\r\n", "GET", 200, 5)] * (DEPTH - 6) + [
            ("GET /medium HTTP/1.1\r\nHost: x\r\n\r\n", "GET", 200, 20000),
            ("HEAD /large HTTP/1.1\r\nHost: x\r\n\r\n", "HEAD", 200, 0),
            ("GET /no HTTP/1.1\r\nHost: x\r\n\r\n", "GET", 404, None),
            ("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", "POST", 405, None),
            ("GET /large HTTP/1.1\r\nHost: x\r\nRange: bytes=7-9\r\n\r\n", "GET", 206, 3),
            ("GET / HTTP/1.1\r\nHost: x\r\nIf-None-Match: *\r\n\r\n", "GET", 304, 0)]
        data = "".join(k[0] for k in kinds).encode()

        def measure():
            """The bytes of one batch: what a batch is must not change."""
            with Client(self.server) as c:
                c.send(data)
                n = 0
                for _, method, status, length in kinds:
                    r = c.read(method)
                    self.assertEqual(r.status, status)
                    if length is not None:
                        self.assertEqual(len(r.body), length)
                    n += len(r.body)
                c.send(data)
                raw = b""
                while raw.count(b"HTTP/1.1 ") < DEPTH or not raw.endswith(tail):
                    raw += c.sock.recv(1 << 20)
                return len(raw)
        tail = b"\r\n\r\n"  # of the 304
        size = measure()

        def work(i):
            with Client(self.server) as c:
                for _ in range(total // THREADS // DEPTH):
                    c.sock.sendall(data)
                    left = size
                    while left > 0:
                        piece = c.sock.recv(min(left, 1 << 20))
                        self.assertTrue(piece, "closed")
                        left -= len(piece)
        in_threads(THREADS, work)

    def connections(self, total):
        def work(i):
            # Addresses of the loopback in turn: one alone runs out of ports (TIME_WAIT).
            for j in range(total // THREADS):
                with Client(self.server, source="127.0.0.%d" % (2 + i * 8 + j % 8)) as c:
                    kind = j % 50
                    if kind == 0:
                        c.request("/large")  # and away
                        c.reset()
                    elif kind == 1:
                        c.send("GET / HT")
                    elif kind == 2:
                        c.send("rubbish\r\n\r\n")
                        c.sock.recv(65536)
                    elif kind == 3:
                        c.request("/no", "Connection: close")
                        while c.fill():
                            pass
                    else:
                        c.request("/")
                        data = b""
                        while not data.endswith(b"hello"):
                            piece = c.sock.recv(65536)
                            self.assertTrue(piece)
                            data += piece
        in_threads(THREADS, work)

    def flat(self, load, warm_up, total):
        load(warm_up)
        is_quiet = lambda: self.server.descriptors() == self.before
        self.assertTrue(eventually(is_quiet))
        before, start = self.server.memory_kb(), time.monotonic()
        load(total)
        took = time.monotonic() - start
        self.assertTrue(eventually(is_quiet), "left open: %r" % self.server.descriptors())
        grown = self.server.memory_kb() - before
        print("%d in %.1f s, %d kB before, %+d kB" % (total, took, before, grown), flush=True)
        if not sanitizer():  # those keep what is freed for a while
            self.assertLessEqual(grown, BOUND_KB)

    def test_requests(self):
        self.flat(self.requests, REQUESTS // 2 if not LONG else 50000, REQUESTS)

    def test_connections(self):
        self.flat(self.connections, 1600 if not LONG else 5000, CONNECTIONS)


if __name__ == "__main__":
    unittest.main()
