"""1,000 clients that take a large file slowly: what each holds of the server, and that it is given back.

With WEIR_LONG=1 there are 10,000 of them. Their receive buffers are as small as the kernel has them, so that
each answer waits for its reader; what the kernel holds for it is not the server's, and not counted here.
"""
import os
import socket
import unittest

from support import Client, TempCase, eventually, pattern, raise_descriptor_limit, sanitizer, settle, \
    write_file

N = 10000 if os.environ.get("WEIR_LONG") else 1000
BOUND = 6 * 1024  # bytes for each: a connection, a request and its answer, but no buffer
SIZE = 8 * 1024 * 1024  # more than the kernel takes of it for one connection
REQUEST = b"GET /large.bin HTTP/1.1\r\nHost: x\r\nUser-Agent: slow/1.0\r\nAccept: */*\r\n\r\n"
# What is freed is given back, so that what is kept can be seen.
ALLOCATOR = {"MALLOC_ARENA_MAX": "1", "MALLOC_TRIM_THRESHOLD_": "65536"}
WARM = 100  # connections before the first look: pools and tables that stay
LONG_ENOUGH = 60


class SlowReaders(TempCase):
    def setUp(self):
        super().setUp()
        raise_descriptor_limit(N + 500)  # here and in the server, which inherits it
        self.content = pattern(SIZE)
        settle(write_file(self.path("large.bin"), self.content))
        write_file(self.path("small.txt"), "small")
        self.open = []
        self.addCleanup(self.leave)
        self.server = self.serve("--set", "limits.connections_per_address_max=0",
                                 "--set", "timeouts.write_idle_ms=600000",
                                 "--set", "access_log.file=off", env=ALLOCATOR)

    def leave(self):
        for s in self.open:
            s.close()
        self.open = []

    def leave_and_wait(self):
        self.leave()
        self.assertTrue(eventually(lambda: self.server.descriptors().count("socket:") < 50, LONG_ENOUGH))

    def connect(self, n):
        """n clients, each of which has seen the first bytes of its answer and takes no more."""
        new = []
        for _ in range(n):
            s = socket.socket()
            new.append(s)
            self.open.append(s)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            s.settimeout(LONG_ENOUGH)
            s.connect(("127.0.0.1", self.server.port))
            s.sendall(REQUEST)
        for s in new:
            self.assertTrue(s.recv(15).startswith(b"HTTP/1.1 200 OK"))

    def settled_kb(self):
        """When the memory of the server does not change any more."""
        before = []

        def is_settled():
            before.append(self.server.memory_kb())
            return len(before) > 1 and before[-1] == before[-2]
        self.assertTrue(eventually(is_settled, pause=0.2))
        return before[-1]

    def growth(self, start):
        return (self.settled_kb() - start) * 1024 / N

    def read_rest(self, s):
        got = bytearray()
        while not got.endswith(self.content[-64:]) and (part := s.recv(1 << 16)):
            got += part
        self.assertEqual(bytes(got[-SIZE:]), self.content)

    def test_each_holds_little_and_gives_it_back(self):
        self.connect(WARM)
        self.leave_and_wait()
        start = self.settled_kb()
        self.connect(N)
        each = self.growth(start)
        print("%d slow readers: %d bytes each" % (N, each), flush=True)
        if not sanitizer():
            self.assertLessEqual(each, BOUND)
        with Client(self.server) as c:  # beside them others are served
            self.assertEqual(c.get("/small.txt").body, b"small")
        self.read_rest(self.open[0])  # and each gets all of it, when it reads
        self.read_rest(self.open[-1])
        self.leave_and_wait()
        kept = self.growth(start)
        self.connect(N)
        again = self.growth(start)
        print("%d bytes behind them, %d with as many again" % (kept, again), flush=True)
        if not sanitizer():
            self.assertLessEqual(again, each * 1.1 + 64)


if __name__ == "__main__":
    unittest.main()
