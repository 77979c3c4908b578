"""Clients that die, stall, trickle or are too many; a server that has run out of descriptors."""
import contextlib
import os
import random
import select
import socket
import time
import unittest

from support import (Client, Closed, ServerCase, TempCase, eventually, in_threads, pattern,
                     raise_descriptor_limit, random_seed, sanitizer, settle, write_file)

LARGE = 20 * 1000 * 1000


class Resets(ServerCase):
    """RST at any moment: nothing is left behind, and others do not notice."""

    CONNECTIONS = 2400

    @classmethod
    def populate(cls):
        write_file(os.path.join(cls.root, "index.html"), "hello")
        write_file(os.path.join(cls.root, "medium"), pattern(200000))
        write_file(os.path.join(cls.root, "large"), pattern(LARGE))
        settle(os.path.join(cls.root, "large"))

    def test_resets_at_random_moments(self):
        seed = random_seed()
        host = "Host: x\r\n"
        requests = [
            "GET / HTTP/1.1\r\n" + host + "\r\n", "GET /medium HTTP/1.1\r\n" + host + "\r\n",
            "GET /large HTTP/1.1\r\n" + host + "\r\n", "GET /no HTTP/1.1\r\n" + host + "\r\n",
            "GET /large HTTP/1.1\r\n" + host + "Connection: close\r\n\r\n", "rubbish\r\n\r\n",
            "POST / HTTP/1.1\r\n" + host + "Content-Length: 100000\r\n\r\n" + "z" * 50000,
            "POST / HTTP/1.1\r\n" + host + "Content-Length: 9999999\r\n\r\n" + "z" * 100000,
            "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n5\r\nhel",
            "GET / HTTP/1.1\r\n" + host + "\r\n" * 2 + "GET /medium HTTP/1.1\r\n" + host + "\r\n"]

        def killer(i):
            rng = random.Random(seed * 100 + i)
            for _ in range(self.CONNECTIONS // 6):
                with Client(self.server, rcvbuf=rng.choice((None, 4096))) as c:
                    c.sock.settimeout(.03)  # a server that waits for its reader: time to kill it
                    with contextlib.suppress(OSError, AssertionError):
                        for _ in range(rng.randrange(3)):
                            data = rng.choice(requests) * rng.choice((1, 1, 1, 20))
                            c.send(data[:rng.randrange(len(data) + 1)] if rng.random() < .5 else data)
                            what = rng.random()
                            if what < .3:
                                c.sock.recv(rng.choice((1, 100, 100000)), socket.MSG_DONTWAIT)
                            elif what < .5:
                                c.fill()
                            elif what < .6:
                                c.shut()
                    if rng.random() < .8:
                        c.reset()

        def bystander(_):
            with Client(self.server) as c:
                for _ in range(300):
                    r = c.get("/medium")
                    self.assertTrue(r.body == pattern(200000))
        in_threads(8, lambda i: killer(i) if i < 6 else bystander(i))
        self.assertEqual(self.get("/").body, b"hello")

    def test_resets_before_they_are_accepted(self):
        for _ in range(500):
            s = socket.socket()
            s.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                s.connect(("127.0.0.1", self.server.port))
            with contextlib.suppress(OSError):
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            s.close()
        self.assertEqual(self.get("/").body, b"hello")


class Descriptors(TempCase):
    LIMIT = 64

    def setUp(self):
        super().setUp()
        write_file(self.path("index.html"), "hello")
        settle(self.path("index.html"))

    def check(self, loops):
        s = self.serve(loops=loops, descriptors=self.LIMIT)
        for _ in range(20 * loops):  # it is in the cache of each loop
            with Client(s) as c:
                self.assertEqual(c.get("/").status, 200)
        self.assertTrue(eventually(lambda: s.descriptors().count("socket:") == loops))
        # An eighth is left to files, 16 to logs and the like, and a loop has three of its own.
        most = self.LIMIT - self.LIMIT // 8 - 16 - 3 * loops
        clients = [Client(s) for _ in range(self.LIMIT + 40)]
        for c in clients:
            self.addCleanup(c.close)
            c.request("/")
        served, waiting = [], list(clients)

        def take_answers():
            for c in select.select(waiting_socks(), [], [], 0.05)[0]:
                client = by_sock[c]
                self.assertEqual(client.read().body, b"hello")
                waiting.remove(client)
                served.append(client)
            return len(served) >= most

        def waiting_socks():
            return [c.sock for c in waiting]
        by_sock = {c.sock: c for c in clients}
        self.assertTrue(eventually(take_answers), "%d of %d" % (len(served), most))
        self.assertTrue(eventually(lambda: "cannot accept" in s.log()))
        # It goes on with those it has, and neither spins nor fills the log.
        cpu, end = s.cpu_seconds(), time.monotonic() + 1.5
        turns = 0
        while time.monotonic() < end:
            for c in served:  # none is idle for so long that it would make room for who waits
                self.assertEqual(c.get("/").body, b"hello")
            turns += 1
            select.select([], [], [], 0.05)
        self.assertLess(s.cpu_seconds() - cpu, 0.8)
        self.assertGreater(turns, 5)
        take_answers()
        self.assertLessEqual(len(served), most + loops - 1)  # each loop may take one more at once
        count = s.log().count("cannot accept")
        self.assertLessEqual(count, loops, "logged %d times in a second and a half" % count)
        # Room again: those who wait are served, in whichever order the loops take them, and new ones.
        def let_in():
            take_answers()
            for c in served:
                c.close()
            served.clear()
            return not waiting
        self.assertTrue(eventually(let_in), "%d still wait" % len(waiting))
        for _ in range(20):
            with Client(s) as c:
                self.assertEqual(c.get("/").body, b"hello")
        self.assertTrue(eventually(lambda: s.descriptors().count("socket:") == loops))
        s.stop()

    def test_run_out_with_one_loop(self):
        self.check(1)

    def test_run_out_with_three_loops(self):
        self.check(3)

    def test_run_out_and_stop(self):
        s = self.serve(loops=2, descriptors=self.LIMIT)
        clients = [Client(s) for _ in range(self.LIMIT + 20)]
        for c in clients:
            self.addCleanup(c.close)
        self.assertTrue(eventually(lambda: "cannot accept" in s.log()))
        self.assertLess(s.stop(), 8)

    def test_connections_leave_descriptors_for_files(self):
        """Whoever is in can have every file; the log holds nothing that a client wrote as a line."""
        write_file(self.path("other"), "other file")
        s = self.serve(loops=1, descriptors=self.LIMIT)
        clients = [Client(s) for _ in range(self.LIMIT)]
        for c in clients:
            self.addCleanup(c.close)
        self.assertTrue(eventually(lambda: "cannot accept" in s.log()))
        c = clients[0]
        self.assertEqual(c.get("/other").body, b"other file")
        self.assertEqual(c.get("/x%0aweir:%20forged%1b%5b31m").status, 404)
        for other in clients[1:]:
            other.close()
        self.assertTrue(eventually(lambda: c.get("/other").body == b"other file"))
        for line in s.log().splitlines():
            self.assertRegex(line, r"^[ -~]*$")
            self.assertFalse(line.startswith("weir: forged"))
        s.stop()

    def test_start_without_descriptors(self):
        """Too few to begin with: it says so and ends with 1, or it serves."""
        from support import Server
        for n in (3, 4, 5, 6, 8, 10, 12, 14, 16):
            try:
                with Server(self.root, "--quiet", loops=2, descriptors=n) as s:
                    with Client(s, timeout=5) as c, contextlib.suppress(OSError, AssertionError):
                        c.get("/")
            except AssertionError as e:
                self.assertIn("did not start", str(e))
                self.assertNotIn("Sanitizer", str(e))
            except OSError:
                pass  # not even the pipe of the test's own start could be had


class Stalled(TempCase):
    READERS = 200

    def test_stalled_readers_of_a_large_file(self):
        write_file(self.path("large"), pattern(LARGE))
        write_file(self.path("index.html"), "hello")
        settle(self.path("large"))
        raise_descriptor_limit(1000)
        s = self.serve(loops=2)
        with Client(s) as c:
            c.get("/large")
        memory = s.memory_kb()
        stalled = []
        for _ in range(self.READERS):
            c = Client(s, rcvbuf=4096)
            self.addCleanup(c.close)
            c.request("/large")
            stalled.append(c)
        for c in stalled:
            self.assertEqual(c.read_head().status, 200)
        slowest = 0
        for _ in range(100):
            start = time.monotonic()
            with Client(s) as c:
                self.assertEqual(c.get("/").body, b"hello")
            slowest = max(slowest, time.monotonic() - start)
        self.assertLess(slowest, 2)
        with Client(s) as c:
            self.assertTrue(c.get("/large").body == pattern(LARGE))
        if not sanitizer():  # the file goes from the page cache: nothing of it is in memory
            self.assertLess(s.memory_kb() - memory, 20 * self.READERS)
        # None of them costs time while it does nothing.
        before = s.cpu_seconds()
        select.select([], [], [], 0.5)
        self.assertLess(s.cpu_seconds() - before, 0.2)
        # And each still gets all of it.
        for c in stalled[:3]:
            got = len(c.buffer)
            while got < LARGE:
                piece = c.sock.recv(1 << 20)
                self.assertTrue(piece)
                got += len(piece)
            self.assertEqual(got, LARGE)
        for c in stalled:
            c.close()
        self.assertTrue(eventually(lambda: s.descriptors().count("socket:") == 2))
        s.stop()


class Trickle(TempCase):
    CONNECTIONS = 1000

    def test_slowloris(self):
        raise_descriptor_limit(self.CONNECTIONS + 200)
        write_file(self.path("index.html"), "hello")
        s = self.serve(loops=2)
        with Client(s) as c:
            c.get("/")
        slow = []
        for i in range(self.CONNECTIONS):
            c = Client(s)
            self.addCleanup(c.close)
            c.send("GET / HTTP/1.1\r\nHost: x\r\nX-%d: " % i)
            slow.append(c)
        start = time.monotonic()
        for turn in range(10):
            for c in slow:
                with contextlib.suppress(OSError):
                    c.send("a")
            begin = time.monotonic()
            for _ in range(10):
                with Client(s) as c:
                    self.assertEqual(c.get("/").body, b"hello")
            self.assertLess(time.monotonic() - begin, 3)
        if not sanitizer():
            self.assertLess(s.memory_kb(), 100 * 1000)
        if time.monotonic() - start < 8:  # the time for a head is not over: whoever ends it is served
            for c in slow[:50]:
                c.send("\r\n\r\n")
                self.assertEqual(c.read().body, b"hello")
                c.close()
        # The others are told after 15 seconds, however busily they trickle (RFC 9110 15.5.9).
        left = slow[50:]
        last, refused = left[-1], False
        end = time.monotonic() + 20
        while time.monotonic() < end and not refused:
            with contextlib.suppress(OSError):
                last.send("a")
            refused = bool(select.select([last.sock], [], [], 0.1)[0])
        self.assertTrue(refused, "a head may take for ever")
        self.assertEqual(last.read().status, 408)
        self.assertTrue(last.is_ended())
        for c in left:
            c.close()
        self.assertTrue(eventually(lambda: s.descriptors().count("socket:") == 2))
        s.stop()


if __name__ == "__main__":
    unittest.main()
