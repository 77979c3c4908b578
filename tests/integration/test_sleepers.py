"""10,000 requests that sleep at once in coroutines: no thread more, and at most 16 KiB each.

Beside them as many that wait by weir_later() and a timer, and as many connections that say nothing: what of
it is the request's, what the connection's. And the cap: with "coroutines": 5 the sixth gets a 503.
"""
import json
import os
import socket
import struct
import sys
import unittest

from support import Client, TempCase, eventually, raise_descriptor_limit, sanitizer, write_file

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../plugins"))
from building import build  # noqa: E402

N = 2000 if sanitizer() == "thread" else 10000
BOUND = 16 * 1024  # bytes for each, all that it needs
STACK = 3500  # bytes: most of a page, what a coroutine that sleeps has touched of its stack
LOOPS = 2
# What is freed is given back, so that what is kept can be seen.
ALLOCATOR = {"MALLOC_ARENA_MAX": "1", "MALLOC_TRIM_THRESHOLD_": "65536"}
LONG_ENOUGH = 60  # seconds, for what takes one or two


class Sleepers(TempCase):
    def setUp(self):
        super().setUp()
        raise_descriptor_limit(N + 500)  # here and in the server, which inherits it
        plugin = build("plugins/sleepers.c", "-O2")
        self.file = write_file(os.path.join(self.temp, "weir.json"), json.dumps({
            "routes": [{"path": "/c", "plugin": plugin, "runs": "coroutine", "coroutines": N},
                       {"path": "/l", "plugin": plugin},
                       {"path": "/few", "plugin": plugin, "runs": "coroutine", "coroutines": 5}],
            "access_log": {"file": "off"}, "log": {"level": "warning"},
            "limits": {"connections_per_address_max": 0}}))
        self.open = []
        self.addCleanup(self.leave)
        self.server = self.serve("--config", self.file, loops=LOOPS, env=ALLOCATOR)
        self.ask("/l/hold")
        self.wait_for_threads()

    def wait_for_threads(self):
        """Those of the program itself begin when it serves already."""
        before = []

        def is_settled():
            before.append(self.threads())
            return len(before) > 1 and before[-1] == before[-2]
        self.assertTrue(eventually(is_settled, pause=0.3))

    def leave(self):
        for s in self.open:
            s.close()
        self.open = []

    def ask(self, path):
        with Client(self.server) as c:
            return json.loads(c.get(path).body)

    def threads(self):
        """Names of threads: there are always as many of each."""
        names = []
        for task in os.listdir("/proc/%d/task" % self.server.pid):
            with open("/proc/%d/task/%s/comm" % (self.server.pid, task)) as f:
                names.append(f.read().strip())
        return sorted(names)

    def connect(self, n, path=None):
        for _ in range(n):
            s = socket.create_connection(("127.0.0.1", self.server.port), 20)
            self.open.append(s)
            if path:
                s.sendall(b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % path.encode())

    def wait_for(self, key, n):
        ok = eventually(lambda: self.ask("/l/count")[key] == n, LONG_ENOUGH, 0.05)
        self.assertTrue(ok, "%r, not %d; %s" % (self.ask("/l/count"), n, self.server.log()[-2000:]))

    def growth(self, path):
        """Bytes for each of N connections; for each of N requests that wait there, if there is a path."""
        before, threads = self.server.memory_kb(), self.threads()
        self.connect(N, path)
        if path:
            self.wait_for("waiting", N)
        else:
            self.assertTrue(eventually(lambda: self.server.descriptors().count("socket:") >= N))
        self.assertEqual(self.threads(), threads)
        return (self.server.memory_kb() - before) * 1024 / N

    def assert_answered(self):
        self.ask("/l/release")
        self.wait_for("answered", N)
        for s in self.open:
            s.settimeout(LONG_ENOUGH)
            got = b""
            while not got.endswith(b"slept well"):
                part = s.recv(4096)
                self.assertTrue(part, got)
                got += part
            self.assertTrue(got.startswith(b"HTTP/1.1 200 "), got)

    def test_10000_sleep_and_are_answered(self):
        each = self.growth("/c/wait")
        print("%d coroutines asleep: %d bytes each" % (N, each), flush=True)
        if sanitizer() != "thread":
            self.assertLessEqual(each, BOUND)
        self.assert_answered()
        self.leave()
        self.wait_for("left", N)

    def test_10000_sleep_and_leave(self):
        start = self.server.memory_kb()
        each = self.growth("/c/wait")
        for s in self.open:  # by RST, which is seen at once
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.leave()
        self.wait_for("left", N)
        self.wait_for("waiting", 0)
        kept = (self.server.memory_kb() - start) * 1024 / N
        print("%d left: %d bytes each before, %d behind" % (N, each, kept), flush=True)
        if not sanitizer():
            # Stacks are given back; of the rest, what lies beneath other memory the allocator keeps.
            self.assertLessEqual(kept, each - STACK)
        self.connect(N, "/c/wait")
        self.wait_for("waiting", N)
        again = (self.server.memory_kb() - start) * 1024 / N
        print("%d again: %d bytes each" % (N, again), flush=True)
        if not sanitizer():
            self.assertLessEqual(again, each * 1.1)
        self.ask("/l/release")
        self.wait_for("answered", N)

    def test_what_others_cost(self):
        idle = self.growth(None)
        print("%d connections that say nothing: %d bytes each" % (N, idle), flush=True)
        self.leave()
        self.assertTrue(eventually(lambda: self.server.descriptors().count("socket:") < 100))

    def test_what_later_costs(self):
        later = self.growth("/l/later")
        print("%d that wait by weir_later and a timer: %d bytes each" % (N, later), flush=True)
        if not sanitizer():
            self.assertLessEqual(later, BOUND)
        self.assert_answered()

    def test_more_than_coroutines(self):
        self.connect(5, "/few/wait")
        self.wait_for("waiting", 5)
        with Client(self.server) as c:
            r = c.get("/few/wait")
            self.assertEqual((r.status, r["Retry-After"] is not None), (503, True))
            self.assertEqual(c.get("/l/count").status, 200)  # the same connection goes on
        self.ask("/l/release")
        self.wait_for("answered", 5)
        with Client(self.server) as c:
            self.assertEqual(c.get("/few/wait").body, b"slept well")
        self.assertIn("coroutines", self.server.log())


if __name__ == "__main__":
    unittest.main()
