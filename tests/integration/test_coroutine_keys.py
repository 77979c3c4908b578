"""The keys of coroutines, and those of the threads that an app hands work to."""
import contextlib
import os
import resource
import signal
import unittest

from configured import ConfigCase
from support import PATIENCE, Client, eventually, sanitizer

from building import build

WEIR_EBUSY = b"-5018"


class Keys(ConfigCase):
    def site(self, *routes, **keys):
        """Each with the plugin."""
        plugin = build("plugins/held.c")
        self.configure(routes=[{"path": "/metrics", "metrics": True},
                               *({"plugin": plugin, **r} for r in routes)], **keys)
        return self.serve_config()

    @contextlib.contextmanager
    def waiting(self, server, target, n):
        """So many clients whose requests wait for content."""
        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(Client(server)) for _ in range(n)]
            for c in clients:
                self.begin(c, target)
            yield clients

    def begin(self, c, target):
        c.request(target, "Content-Length: 1", method="POST")
        self.assertEqual(c.read_head().status, 200)
        self.assertEqual(c._line(), b"2")
        self.assertEqual(c._line(), b"in")

    def end(self, c):
        c.send(b"x")
        self.assertEqual([c._line() for _ in range(4)], [b"4", b"done", b"0", b""])

    def is_refused(self, server, target):
        with Client(server) as c:
            r = c.get(target, method="POST")
        if r.status == 503:
            self.assertEqual(r["Retry-After"], "1")
        return r.status == 503

    def test_coroutines(self):
        """As many as the route says, or else the server, on all loops together."""
        server = self.site({"path": "/own", "coroutines": 3}, {"path": "/servers"},
                           loops=3, coroutines=2)
        for target, n in (("/own", 3), ("/servers", 2)):
            with self.subTest(target):
                with self.waiting(server, target, n) as clients:
                    for _ in range(10):
                        self.assertTrue(self.is_refused(server, target))
                    self.assertEqual(self.get(server, "/metrics").status, 200)
                    self.end(clients[0])
                    self.assertTrue(eventually(lambda t=target: not self.is_refused(server, t)))
                    self.begin(clients[0], target)
                    self.assertTrue(self.is_refused(server, target))
                    for c in clients:
                        self.end(c)
        server.stop()

    def test_coroutines_of_those_who_leave(self):
        server = self.site({"path": "/", "coroutines": 1})
        for _ in range(20):
            c = Client(server)
            self.begin(c, "/")
            c.reset()
            self.assertTrue(eventually(lambda: not self.is_refused(server, "/")))
        server.stop()

    def test_stack_bytes(self):
        """As much as it says can be used; a page past it ends the server."""
        server = self.site({"path": "/large", "stack_bytes": 4 << 20}, {"path": "/usual"}, loops=1)
        self.assertEqual(self.get(server, "/large/deep?700").body, b"700")  # 2.8 MiB
        self.assertEqual(self.get(server, "/usual/deep?40").body, b"40")
        if sanitizer():  # which would tell of it at length
            return
        with Client(server) as c:
            c.request("/usual/deep?700")
            self.assertEqual(server.process.wait(PATIENCE), -signal.SIGSEGV)

    def test_no_stack(self):
        """A 503 that says to come again, and why in the log; served when there is one."""
        if sanitizer():  # whose own mappings the limit would hit
            return
        server = self.site({"path": "/", "stack_bytes": 64 << 20}, loops=1)
        with Client(server) as c:
            self.assertEqual(c.get("/metrics").status, 200)
            with open("/proc/%d/statm" % server.pid) as f:
                mapped = int(f.read().split()[0]) * resource.getpagesize()
            before = resource.prlimit(server.pid, resource.RLIMIT_AS)
            resource.prlimit(server.pid, resource.RLIMIT_AS, (mapped + (32 << 20), before[1]))
            r = c.get("/", method="POST")
            self.assertEqual((r.status, r["Retry-After"]), (503, "1"))
            self.assertTrue(eventually(lambda: "vm.max_map_count" in server.log()), server.log())
            self.assertEqual(c.get("/metrics").status, 200)
            resource.prlimit(server.pid, resource.RLIMIT_AS, before)
            self.begin(c, "/")
            self.end(c)
        server.stop()

    def test_threads_and_queue(self):
        """Of what is offloaded: one at work, one that waits, and then no more."""
        for runs in ("loop", "coroutine"):
            fifo = self.fifo(runs)
            server = self.site({"path": "/", "runs": runs, "threads": 1, "queue": 1,
                                "config": {"fifo": fifo}}, loops=1)
            with self.subTest(runs), contextlib.ExitStack() as stack:
                gate = os.open(fifo, os.O_RDWR)
                stack.callback(os.close, gate)
                clients = [stack.enter_context(Client(server)) for _ in range(2)]
                for c in clients:
                    self.begin(c, "/offload")
                self.assertEqual(self.get(server, "/offload").body, b"in" + WEIR_EBUSY)
                for c in clients:
                    os.write(gate, b"x")
                for c in clients:
                    self.assertEqual(c._line(), b"4")
                    self.assertEqual(c._line(), b"done")
            server.stop()


if __name__ == "__main__":
    unittest.main()
