"""Requests that make the static server work or remember: what it does for them stays bounded."""
import os
import unittest

from support import Client, TempCase, eventually, sanitizer

LISTED_MAX = 64 << 20  # bytes of listings that a loop holds, one by itself apart


class Listings(TempCase):
    """Of a folder whose page has some megabytes, in names that need no escapes. Who does not read is not
    given up meanwhile: under a sanitizer, on a busy machine, a page takes seconds."""

    def fill(self, entries):
        for i in range(entries):
            os.close(os.open(self.path("%06d-%s" % (i, "n" * 200)), os.O_CREAT, 0o644))
        return self.serve("--quiet", "--listing", "--set", "timeouts.write_idle_ms=600000", loops=1)

    def test_clients_that_do_not_read(self):
        """Each has a listing of its own, for the next asks when its head has come."""
        server = self.fill(20000)
        with Client(server) as c:
            whole = c.get("/")
        self.assertEqual(whole.status, 200)
        self.assertGreater(len(whole.body), 8 << 20)
        before = server.memory_kb()
        clients, statuses = [], []
        for _ in range(14 if sanitizer() else 30):
            c = Client(server, rcvbuf=4096)
            self.addCleanup(c.close)
            clients.append(c)
            c.request("/")
            r = c.read_head()
            statuses.append(r.status)
            if r.status == 503:
                self.assertGreater(int(r["Retry-After"]), 0)
        held = statuses.count(200)
        self.assertGreaterEqual(held, 4)
        self.assertLessEqual(held * len(whole.body), LISTED_MAX + 6 * (1 << 20))  # less what was sent
        self.assertEqual(statuses.count(503), len(statuses) - held)
        if not sanitizer():
            self.assertLess(server.memory_kb() - before, (LISTED_MAX >> 10) + 5 * len(whole.body) // 1024)
        for c in clients:
            c.reset()
        with Client(server) as c:
            self.assertTrue(eventually(lambda: c.get("/").status == 200))

    def test_all_at_once(self):
        """Those who ask while it is to be made share one: none is too many."""
        server = self.fill(5000)
        clients = []
        for _ in range(100):
            c = Client(server)
            self.addCleanup(c.close)
            clients.append(c)
            c.request("/")
        bodies = set()
        for c in clients:
            r = c.read()
            self.assertEqual(r.status, 200)
            bodies.add(r.body)
        self.assertEqual(len(bodies), 1)
        self.assertGreater(100 * len(bodies.pop()), 3 * LISTED_MAX)


if __name__ == "__main__":
    unittest.main()
