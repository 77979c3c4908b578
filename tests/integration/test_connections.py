"""How many connections may be open, in all and of one address, and who makes room for whom."""
import contextlib
import os
import re
import select
import socket
import time
import unittest

from configured import ConfigCase, place
from support import PATIENCE, Client, Closed, eventually, pattern, settle, write_file

MAX = 20
AGE = 1  # seconds that a connection has before it may be closed to make room
LARGE = 20 * 1000 * 1000


class Base(ConfigCase):
    def site(self, **limits):
        self.configure(routes=[{"path": "/", "static": "www"}], limits=limits, listen=self.listen)

    listen = ["127.0.0.1:0"]

    def start(self, loops=2, how=None, **limits):
        self.site(**limits)
        return self.serve_config(loops=loops, **(how or {}))

    def client(self, s, source=None, at=0, **how):
        c = Client(address=place(s.addresses[at]), source=source, **how)
        self.addCleanup(c.close)
        return c

    def served(self, c):
        """True: it is; False: it was closed before it was answered."""
        try:
            return c.get("/").body == b"hello"
        except (ConnectionError, Closed):
            return False

    def is_closed(self, c):
        """Without an answer."""
        try:
            return c.is_ended()
        except ConnectionError:
            return True

    def is_refused(self, connect, *args):
        """A connection is closed at once: before connect() returns, even."""
        try:
            return self.is_closed(connect(*args))
        except ConnectionError:
            return True


class Idle(Base):
    def crowd(self, s, n=MAX):
        clients = [self.client(s) for _ in range(n)]
        for c in clients:
            self.assertTrue(self.served(c))
        return clients

    def await_all(self, s, n=MAX):
        """They are in: two loops take them in whichever order."""
        self.assertTrue(eventually(lambda: s.descriptors().count("socket:") == n + s.loops))

    def closed_of(self, clients):
        return [i for i, c in enumerate(clients) if select.select([c.sock], [], [], 0)[0]]

    def test_the_oldest_makes_room(self):
        s = self.start(loops=1, connections_max=MAX)
        old = self.crowd(s)
        end = time.monotonic() + 0.1
        while time.monotonic() < end:  # so that the third has been idle longest
            for i in (0, 1):
                self.assertTrue(self.served(old[i]))
        for want in ([2], [2, 3]):
            c = self.client(s)
            self.assertTrue(self.served(c))
            self.assertEqual(self.closed_of(old), want)
        self.assertTrue(self.is_closed(old[2]))
        self.assertTrue(eventually(lambda: "closed to make room" in s.log()))
        for i in (0, 1, 4, MAX - 1):
            self.assertTrue(self.served(old[i]))
        s.stop()

    def test_whoever_comes_is_let_in_on_each_of_two_loops(self):
        s = self.start(loops=2, connections_max=MAX)
        old = self.crowd(s)
        for n in range(1, 9):  # to whichever loop
            with self.client(s) as c:
                self.assertTrue(self.served(c))
                self.assertLessEqual(len(self.closed_of(old)), n + 1)
        self.assertLessEqual(s.descriptors().count("socket:"), MAX + 2)
        s.stop()

    def test_connections_without_a_request(self):
        s = self.start(connections_max=MAX)
        begin = time.monotonic()
        silent = [self.client(s) for _ in range(MAX)]
        self.await_all(s)
        self.assertTrue(self.served(self.client(s)))
        self.assertGreater(time.monotonic() - begin, AGE)
        self.assertGreaterEqual(len(self.closed_of(silent)), 1)
        s.stop()

    def test_heads_that_are_not_whole(self):
        s = self.start(connections_max=MAX)
        begin = time.monotonic()
        slow = [self.client(s) for _ in range(MAX)]
        for c in slow:
            c.send("GET / HTTP/1.1\r\nHost: x\r\nX: ")
        self.await_all(s)
        new = self.client(s)
        new.request("/")
        while not select.select([new.sock], [], [], 0.05)[0]:  # however busily they trickle
            self.assertLess(time.monotonic() - begin, PATIENCE)
            for c in slow:
                with contextlib.suppress(OSError):
                    c.send("a")
        self.assertEqual(new.read().body, b"hello")
        self.assertGreater(time.monotonic() - begin, AGE)
        closed = self.closed_of(slow)
        self.assertGreaterEqual(len(closed), 1)
        self.assertTrue(self.is_closed(slow[closed[0]]))
        for c in slow:
            c.close()
        s.stop()

    def test_idle_ones_go_before_heads(self):
        s = self.start(loops=1, connections_max=MAX)
        slow = [self.client(s) for _ in range(MAX // 2)]
        for c in slow:
            c.send("GET / HTTP/1.1\r\n")
        idle = self.crowd(s, MAX // 2)
        for n in range(1, 4):
            self.assertTrue(self.served(self.client(s)))
            self.assertEqual(self.closed_of(slow), [])
            self.assertEqual(self.closed_of(idle), list(range(n)))
        for c in slow:
            c.send("Host: x\r\n\r\n")
            self.assertEqual(c.read().body, b"hello")
        s.stop()

    def test_the_limit_of_descriptors(self):
        s = self.start(how={"descriptors": 64})
        silent = [self.client(s) for _ in range(100)]
        for _ in range(3):
            with self.client(s) as c:
                self.assertTrue(self.served(c))
        self.assertTrue(self.closed_of(silent))
        s.stop()

    def test_a_flood_of_silent_connections(self):
        s = self.start(connections_max=MAX)
        flood = [self.client(s) for _ in range(6 * MAX)]
        self.assertTrue(self.served(self.client(s)))
        self.assertTrue(eventually(lambda: len(self.closed_of(flood)) >= 5 * MAX))
        count = s.log().count("to make room")
        self.assertLessEqual(count, 2, "told %d times in some seconds" % count)
        self.assertEqual(s.log().count("cannot accept"), len(
            [line for line in s.log().splitlines() if "limits.connections_max allows" in line]))
        self.assertLessEqual(s.log().count("cannot accept"), 2)
        s.stop()


class Busy(Base):
    def check(self, loops):
        write_file(self.path("large"), pattern(LARGE))
        settle(self.path("large"))
        s = self.start(loops=loops, connections_max=MAX)
        busy = [self.client(s, rcvbuf=4096) for _ in range(MAX)]
        for c in busy:
            c.request("/large")
            self.assertEqual(c.read_head().status, 200)
        new = self.client(s)
        new.request("/")
        self.assertEqual(select.select([new.sock], [], [], AGE + 0.5)[0], [])
        # With one loop fewer descriptors, since it may take in one more at the same moment.
        self.assertIn(s.descriptors().count("socket:"), range(MAX + loops, MAX + 2 * loops))
        busy[0].close()
        self.assertEqual(new.read().body, b"hello")
        for c in busy[1:4]:  # and the others get all of it
            got = len(c.buffer)
            while got < LARGE:
                piece = c.sock.recv(1 << 20)
                self.assertTrue(piece)
                got += len(piece)
            self.assertEqual(got, LARGE)
        for c in busy:
            c.close()
        s.stop()

    def test_one_loop(self):
        self.check(1)

    def test_two_loops(self):
        self.check(2)


class Balance(Base):
    """Which loop has a connection the kernel tells: it lists what each epoll instance watches."""

    def per_loop(self, s):
        folder = "/proc/%d/" % s.pid
        targets, counts = {}, []
        for fd in os.listdir(folder + "fd"):
            with contextlib.suppress(FileNotFoundError):  # closed meanwhile
                targets[fd] = os.readlink(folder + "fd/" + fd)
        for fd, target in targets.items():
            if target == "anon_inode:[eventpoll]":
                with open(folder + "fdinfo/" + fd) as f:
                    watched = re.findall(r"^tfd:\s+(\d+)", f.read(), re.M)
                counts.append(sum(targets.get(w, "").startswith("socket:") for w in watched))
        return sorted(n - len(self.listen) for n in counts)  # each listens at each address

    def check(self, s, n, fewest):
        clients = []
        for _ in range(n):
            clients.append(self.client(s))
            self.assertTrue(self.served(clients[-1]))
        # Who is answered in the first read may have the answer before the loop watches him.
        self.assertTrue(eventually(lambda: sum(self.per_loop(s)) == n))
        counts = self.per_loop(s)
        self.assertGreaterEqual(counts[0], fewest, counts)
        for c in clients:
            c.close()
        self.assertTrue(eventually(lambda: sum(self.per_loop(s)) == 0))

    def test_two_loops(self):
        s = self.start()
        for _ in range(5):
            self.check(s, 4, 2)
        self.check(s, 64, 30)  # else the other has more than an eighth more, and one
        s.stop()

    def test_four_loops(self):
        s = self.start(loops=4)
        self.check(s, 4, 1)
        self.check(s, 64, 15)
        s.stop()

    def test_a_unix_socket(self):
        self.listen = ["unix:" + self.path("s")]
        s = self.start()
        self.check(s, 4, 2)
        self.check(s, 64, 30)
        s.stop()


class Address(Base):
    HERE, THERE = "127.0.0.1", "127.0.0.2"

    def fill(self, s, n, source=HERE, at=0):
        clients = [self.client(s, source, at) for _ in range(n)]
        for c in clients:
            self.assertTrue(self.served(c))
        return clients

    def test_another_address_is_served_while_one_is_full(self):
        s = self.start(connections_per_address_max=3)
        here = self.fill(s, 3)
        for _ in range(20):
            self.assertTrue(self.is_refused(self.client, s, self.HERE))
        there = self.fill(s, 3, self.THERE)
        self.assertTrue(self.is_refused(self.client, s, self.THERE))
        for c in here + there:
            self.assertTrue(self.served(c))
        def lines():
            return [line for line in s.log().splitlines() if "connections_per_address_max" in line]
        self.assertTrue(eventually(lines))
        self.assertEqual(len(lines()), 1)  # in ten seconds
        self.assertIn("closed at once: 1, the last of 127.0.0.1", lines()[0])
        here[0].close()

        def is_let_in():
            with contextlib.suppress(ConnectionError):
                return self.served(self.client(s, self.HERE))
        self.assertTrue(eventually(is_let_in))
        for c in here + there:
            c.close()
        s.stop()

    def test_a_thousand_come_and_go(self):
        s = self.start(connections_per_address_max=2)

        def once(i):
            try:
                return come_and_go(i)
            except ConnectionError:
                return False

        def come_and_go(i):
            with self.client(s, self.HERE) as c:
                if i % 4 == 0:
                    c.send("GET /")
                if i % 4 == 1:
                    c.send("rubbish\r\n\r\n")
                if i % 4 > 1 and not self.served(c):
                    return False
                if i % 2:
                    c.reset()
                return True
        for i in range(1000):
            self.assertTrue(eventually(lambda: once(i)))
        self.assertTrue(eventually(lambda: s.descriptors().count("socket:") == 2))
        self.fill(s, 2)
        self.assertTrue(self.is_refused(self.client, s, self.HERE))
        s.stop()

    def test_requests_of_those_that_are_in_have_no_limit(self):
        s = self.start(connections_per_address_max=1)
        c, = self.fill(s, 1)
        for _ in range(100):
            self.assertTrue(self.served(c))
        s.stop()


class Listeners(Base):
    @property
    def listen(self):
        return ["127.0.0.1:0", ":0", "unix:" + self.path("socket"), "[::1]:0"]

    def setUp(self):
        super().setUp()
        with socket.socket(socket.AF_INET6) as probe:
            try:
                probe.bind(("::1", 0))
            except OSError:
                self.skipTest("no IPv6 here")

    def connect(self, s, host, at):
        port = int(s.addresses[at].rsplit(":", 1)[1])
        c = Client(address=(host, port))
        self.addCleanup(c.close)
        return c

    def test_an_address_is_the_same_at_each_of_them(self):
        s = self.start(connections_per_address_max=2)
        self.assertTrue(self.served(self.connect(s, "127.0.0.1", 0)))
        self.assertTrue(self.served(self.connect(s, "127.0.0.1", 1)))  # as ::ffff:127.0.0.1
        self.assertTrue(self.is_refused(self.connect, s, "127.0.0.1", 1))
        self.assertTrue(self.is_refused(self.connect, s, "127.0.0.1", 0))
        self.assertTrue(self.served(self.connect(s, "::1", 1)))
        self.assertTrue(self.served(self.connect(s, "::1", 3)))
        self.assertTrue(self.is_refused(self.connect, s, "::1", 3))
        for _ in range(5):  # these have no address
            self.assertTrue(self.served(self.client(s, at=2)))
        s.stop()


class Reload(Base):
    listen = ["127.0.0.1:0"]

    def test_the_limit_of_all(self):
        s = self.start(connections_max=4)
        old = [self.client(s) for _ in range(4)]
        for c in old:
            self.assertTrue(self.served(c))
        self.site(connections_max=5)
        self.reload_well(s)
        begin = time.monotonic()
        fifth = self.client(s)
        self.assertTrue(self.served(fifth))
        self.assertLess(time.monotonic() - begin, AGE)  # nobody had to go
        self.site(connections_max=2)
        self.reload_well(s)
        self.assertTrue(self.served(self.client(s)))
        self.assertTrue(eventually(lambda: s.descriptors().count("socket:") <= 2 + 2))
        s.stop()

    def test_the_limit_of_an_address(self):
        s = self.start()
        old = [self.client(s) for _ in range(3)]
        for c in old:
            self.assertTrue(self.served(c))
        self.site(connections_per_address_max=3)
        self.reload_well(s)
        self.assertTrue(self.is_refused(self.client, s))  # those that were open count
        self.site(connections_per_address_max=4)
        self.reload_well(s)
        fourth = self.client(s)
        self.assertTrue(self.served(fourth))
        self.assertTrue(self.is_refused(self.client, s))
        self.site()
        self.reload_well(s)
        self.assertTrue(self.served(self.client(s)))
        for c in [*old, fourth]:
            self.assertTrue(self.served(c))
            c.close()
        s.stop()


if __name__ == "__main__":
    unittest.main()
