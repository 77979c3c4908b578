"""Floods of connections that are idle, slow or never read: memory stays bounded, others are served.

Each flood is a number of connections that all do the same, driven by one thread. While one is on,
an ordinary client asks for a static file and for plugins; every request must be answered in
ANSWER_S. The deadlines of the servers are short, so that a flood is over in a second or two: then
no connection and no descriptor of it may be left, though its clients have closed nothing.

Memory is what the process has of its own (Anonymous in smaps_rollup): the bound of each flood is
for one connection, and follows from what docs/floods.md says a connection may own in that state.
What the kernel keeps in the buffers of sockets is its own, and bounded by net.ipv4.tcp_mem.
"""
import os
import select
import socket
import sys
import threading
import time
import unittest

from configured import ConfigCase
from support import (PATIENCE, WEIR, Client, eventually, pattern, raise_descriptor_limit, sanitizer,
                     settle, write_file)

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../plugins"))
from building import build, rules  # noqa: E402

SANITIZER = sanitizer() if os.path.exists(WEIR) else ""
MANY = 200 if SANITIZER else 1000
# Of those that make the kernel buffer a lot, up to 4 MiB each: of all that TCP may have (tcp_mem) other
# tests, which run at the same time, need some.
SOME = 50 if SANITIZER else 100
ANSWER_S = 10 if SANITIZER else 5   # what an ordinary request may take: a bound, not a benchmark
DURING_S = 0.3                      # how long the ordinary client asks while a flood is on
LOOPS = 2

LIMITS = {"body_rate_min": 20000, "write_rate_min": 2000000}
DEADLINE_MS = 3000 if SANITIZER else 1500
# An ordinary client is idle while it asks on others, and on a busy machine for seconds: it is not to be
# closed meanwhile. What keep_alive_ms does is for Idle.test_kept_alive.
TIMEOUTS = {"head_ms": DEADLINE_MS, "body_idle_ms": DEADLINE_MS, "keep_alive_ms": 60000,
            "write_idle_ms": DEADLINE_MS, "linger_ms": 500}
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n"
CHUNKED = b"POST %s HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"


class Peer:
    """A connection of a flood."""

    def __init__(self, sock, unsent):
        self.sock, self.unsent = sock, unsent
        self.got, self.is_ended = b"", False

    def push(self):
        """Sends what the socket takes."""
        try:
            while self.unsent:
                self.unsent = self.unsent[self.sock.send(self.unsent):]
        except BlockingIOError:
            pass
        except OSError:  # closed or reset: what had come before can still be read, or not
            self.unsent, self.is_ended = b"", True

    def pull(self, n):
        """Takes at most so many bytes; the first of them are kept."""
        try:
            piece = self.sock.recv(n)
        except BlockingIOError:
            return
        except OSError:
            piece = b""
        self.is_ended = self.is_ended or not piece
        if len(self.got) < 4096:
            self.got += piece

    def rest(self):
        """All that is there to read."""
        self.sock.setblocking(False)
        while True:
            before = len(self.got)
            self.pull(65536)
            if len(self.got) == before:
                return self.got


class Flood:
    """`n` connections. Each sends `first`, then every `every` seconds `again`: bytes, or a function of
    how often; and takes `take` bytes, 0: it never reads. Where `is_replaced`, another comes for each
    that is closed. A context: at its end all are closed."""

    def __init__(self, server, n, first=b"", again=b"", every=0.1, take=0, rcvbuf=None,
                 is_half_closed=False, is_replaced=False):
        self.server, self.n = server, n
        self.first, self.again, self.every, self.take = first, again, every, take
        self.rcvbuf, self.is_half_closed, self.is_replaced = rcvbuf, is_half_closed, is_replaced
        self.peers, self.opened, self.error = [], 0, None
        self.is_over = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def open(self):
        sock = Client(self.server, rcvbuf=self.rcvbuf).sock
        sock.setblocking(False)
        peer = Peer(sock, self.first)
        peer.push()
        if self.is_half_closed:
            peer.sock.shutdown(socket.SHUT_WR)
        self.opened += 1
        return peer

    def drip(self, peer, turn):
        if not peer.unsent and not peer.is_ended:
            peer.unsent = self.again(turn) if callable(self.again) else self.again
        peer.push()
        if self.take:
            peer.pull(self.take)

    def turn(self, turn):
        for i, peer in enumerate(self.peers):
            self.drip(peer, turn)
            if self.is_replaced and peer.is_ended:
                peer.sock.close()
                self.peers[i] = self.open()

    def run(self):
        try:
            turn = 0
            while not self.is_over.wait(self.every):
                self.turn(turn)
                turn += 1
        except Exception as e:  # noqa: B902 -- raised where the flood ends
            self.error = e

    def __enter__(self):
        while len(self.peers) < self.n:
            self.peers.append(self.open())
        self.thread.start()
        return self

    def stop(self):
        """No byte more goes or is taken; the connections stay open."""
        self.is_over.set()
        self.thread.join(PATIENCE)

    def __exit__(self, *exc):
        self.stop()
        for peer in self.peers:
            peer.sock.close()
        if self.error and exc[0] is None:
            raise self.error

    def answers(self):
        """How often each start of an answer came; of what was never answered, b""."""
        self.stop()
        count = {}
        for peer in self.peers:
            start = peer.rest()[:12]
            count[start] = count.get(start, 0) + 1
        return count


def sockets_of(server):
    """How many the server has, the listening ones too."""
    return sum(1 for kind in server.descriptors() if kind == "socket:")


class Floods(ConfigCase):
    """A server with deadlines of a second or two."""

    def setUp(self):
        super().setUp()
        raise_descriptor_limit(2 * MANY + 500)
        write_file(self.path("large"), pattern(4 << 20))
        write_file(self.path("medium"), pattern(10000))
        settle(self.path("medium"))

    def flooded(self, limits=None, timeouts=None, routes=()):
        """A server that is warm: what an ordinary client needs is in its cache."""
        echo = build("../plugins/echo/echo.c")
        stream = build("../plugins/stream/stream.c")
        self.configure(
            limits=dict(LIMITS, **(limits or {})), timeouts=dict(TIMEOUTS, **(timeouts or {})),
            routes=[{"static": self.root}, {"path": "/echo", "plugin": echo},
                    {"path": "/stream", "plugin": stream, "runs": "loop"},
                    {"path": "/count", "plugin": stream, "runs": "thread"}, *routes],
            access_log={"file": "off"})
        server = self.serve_config(loops=LOOPS, descriptors=2 * MANY + 500)
        for _ in range(8 * LOOPS):
            for target in self.TARGETS:
                self.ask(server, target)
            with Client(server) as c:
                c.get("/large", method="HEAD")
        self.assertTrue(eventually(lambda: sockets_of(server) == LOOPS))
        self.before = server.descriptors()
        return server

    # -- the ordinary client --

    TARGETS = ("/", "/stream?n=3", "/count?n=3")

    def ask(self, server, target, patience=ANSWER_S):
        """Seconds that a request on a connection of its own takes. Where this process was kept from its
        core until the deadline of the head was over, the server was right to refuse it: once more."""
        is_late, r, begin = True, None, 0
        while is_late and (r is None or r.status == 408):
            begin = time.monotonic()
            with Client(server, timeout=patience) as c:
                c.request(target, "Connection: close")
                is_late = time.monotonic() - begin > DEADLINE_MS / 2000
                r = c.read()
        self.assertEqual((r.status, r.body), (200, b"hello" if target == "/" else b"1\n2\n3\n"))
        return time.monotonic() - begin

    def served(self, server, targets=TARGETS, seconds=DURING_S):
        """The longest that an ordinary request took, of connections old and new."""
        slowest, end = 0, time.monotonic() + seconds
        with Client(server, timeout=ANSWER_S) as kept:
            while time.monotonic() < end:
                slowest = max([slowest, *(self.ask(server, t) for t in targets)])
                begin = time.monotonic()
                self.assertEqual(kept.get("/").body, b"hello")
                slowest = max(slowest, time.monotonic() - begin)
        self.assertLess(slowest, ANSWER_S)
        return slowest

    # -- what a flood may cost --

    def assert_bounded(self, server, memory, n, bound):
        """`bound` bytes for each of n connections, and what the allocator needs around them."""
        each = (server.memory_kb() - memory) * 1024 / n
        if not SANITIZER:  # those keep shadows, and what is freed
            self.assertLess(each, bound + (1 << 20) / n)
        return each

    def assert_gone(self, server, seconds=PATIENCE):
        """Nothing of a flood is left, though its clients have closed nothing."""
        begin = time.monotonic()
        ok = eventually(lambda: server.descriptors() == self.before, seconds, 0.02)
        if not ok:
            left = server.descriptors()
            self.fail("%d connections are left; before: %r, the others now: %r" % (
                left.count("socket:") - LOOPS, self.before, [k for k in left if k != "socket:"]))
        return time.monotonic() - begin

    def withstand(self, server, flood, bound, targets=TARGETS, is_seen=True):
        """All of it; the answers that the flood has got. Without is_seen its connections may be
        gone before one can count them."""
        memory, begin = server.memory_kb(), time.monotonic()
        with flood:
            if is_seen and time.monotonic() - begin < DEADLINE_MS / 3000:  # else some may be gone
                self.assertTrue(eventually(lambda: sockets_of(server) >= LOOPS + flood.n,
                                           DEADLINE_MS / 2000), "not all are taken in")
            each = self.assert_bounded(server, memory, flood.n, bound)
            slowest = self.served(server, targets)
            each = max(each, self.assert_bounded(server, memory, flood.n, bound))
            took = self.assert_gone(server) if not flood.is_replaced else 0
            answers = flood.answers()
        self.assert_gone(server)
        print("%s: %d connections, %d bytes each, slowest answer %.0f ms, gone %.1f s later"
              % (self.id().rsplit(".", 1)[1], flood.n, each, 1000 * slowest, took), flush=True)
        self.served(server, seconds=0)
        return answers

    def logged(self, server, text):
        """How many lines say so."""
        return server.log().count(text)


class Idle(Floods):
    def test_fresh_connections(self):
        server = self.flooded()
        answers = self.withstand(server, Flood(server, MANY), 2048)
        self.assertEqual(answers, {b"": MANY})

    def test_kept_alive(self):
        server = self.flooded(timeouts={"keep_alive_ms": DEADLINE_MS})
        answers = self.withstand(server, Flood(server, MANY, GET), 2048)
        self.assertEqual(answers, {b"HTTP/1.1 200": MANY})

    def test_half_closed_without_a_request(self):
        """Who says that it sends no more before it has asked for anything is let go at once."""
        server = self.flooded(timeouts={"head_ms": 60000, "keep_alive_ms": 60000})
        flood = Flood(server, MANY, b"GET / HT", is_half_closed=True)
        answers = self.withstand(server, flood, 2048, is_seen=False)
        self.assertEqual(answers, {b"": MANY})

    def test_half_closed_behind_a_request(self):
        """It gets its answer, and then it is over."""
        server = self.flooded(timeouts={"head_ms": 60000, "keep_alive_ms": 60000})
        flood = Flood(server, MANY, GET, is_half_closed=True)
        answers = self.withstand(server, flood, 2048, is_seen=False)
        self.assertEqual(answers, {b"HTTP/1.1 200": MANY})


class SlowToSend(Floods):
    def test_heads(self):
        """A byte of a field now and then: no byte of it puts the deadline off."""
        server = self.flooded()
        flood = Flood(server, MANY, b"GET / HTTP/1.1\r\nHost: x\r\nX: ", b"a")
        answers = self.withstand(server, flood, 24 << 10)
        self.assertEqual(answers, {b"HTTP/1.1 408": MANY})
        self.assertEqual(self.logged(server, "408: head did not arrive in time"), MANY)

    def test_large_heads(self):
        """As large as limits.head_bytes_max lets them be, but for the end."""
        server = self.flooded()
        first = b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: %s\r\n" % (b"v" * 900) * 35 + b"Y: "
        flood = Flood(server, SOME, first, b"a")
        answers = self.withstand(server, flood, 64 << 10)
        self.assertEqual(answers, {b"HTTP/1.1 408": SOME})

    def test_heads_in_the_last_moment(self):
        """Each request is just in time. Such a client is an ordinary one: it is kept, and goes when
        it stops."""
        deadline_s = 1.5 * DEADLINE_MS / 1000  # half of it is what a busy machine may take for a turn
        server = self.flooded(timeouts={"head_ms": int(1000 * deadline_s),
                                        "keep_alive_ms": int(1000 * deadline_s)})
        pieces = (b"GET / HT", b"TP/1.1\r\nHost: x\r\n\r\n")
        flood = Flood(server, MANY, b"", lambda turn: pieces[turn % 2], every=deadline_s / 2,
                      take=4096)
        memory = server.memory_kb()
        with flood:
            self.served(server, seconds=2.5 * deadline_s)
            self.assert_bounded(server, memory, MANY, 24 << 10)
            # That of the ordinary client may still be about to close.
            self.assertTrue(eventually(lambda: sockets_of(server) == LOOPS + MANY), sockets_of(server))
            answers = flood.answers()
            self.assert_gone(server)
        self.assertEqual(answers, {b"HTTP/1.1 200": MANY})

    def content(self, first, again, bound, plugin=b"/echo", **how):
        server = self.flooded(routes=[
            {"path": "/whole", "plugin": rules("loop", BUFFER=1000000)}])
        answers = self.withstand(server, Flood(server, MANY, first % plugin, again, **how), bound)
        return server, answers

    def test_content_of_which_nothing_comes(self):
        server, answers = self.content(POST, b"", 48 << 10)
        self.assertEqual(answers, {b"HTTP/1.1 408": MANY})
        self.assertEqual(self.logged(server, "content did not arrive in time"), MANY)

    def test_content_that_trickles(self):
        """What was echoed cannot be unsaid: the answer is cut."""
        server, answers = self.content(POST, b"abcd", 48 << 10, take=4096)
        self.assertEqual(answers, {b"HTTP/1.1 200": MANY})
        self.assertEqual(self.logged(server, "content arrives more slowly than the limit"), MANY)

    def test_content_that_is_gathered(self):
        """Memory is for what has come, not for what was promised."""
        server, answers = self.content(POST, b"abcd", 32 << 10, b"/whole/content")
        self.assertEqual(answers, {b"HTTP/1.1 408": MANY})

    def test_chunks(self):
        server, answers = self.content(CHUNKED, b"1\r\nx\r\n", 64 << 10, b"/whole/content")
        self.assertEqual(answers, {b"HTTP/1.1 408": MANY})

    def test_extensions_of_a_chunk(self):
        """No byte of content at all, for ever."""
        server, answers = self.content(CHUNKED + b"5", b";x=y", 64 << 10)
        self.assertEqual(answers, {b"HTTP/1.1 408": MANY})

    def test_expectations(self):
        """It is told to go on, and does not."""
        first = POST.replace(b"Content-Length", b"Expect: 100-continue\r\nContent-Length")
        server, answers = self.content(first, b"", 48 << 10)
        self.assertEqual(answers, {b"HTTP/1.1 100": MANY})
        self.assertEqual(self.logged(server, "content did not arrive in time"), MANY)

    def test_content_that_nobody_reads(self):
        """It is dropped behind the answer, for a while."""
        server = self.flooded()
        first = POST.replace(b"POST %s", b"GET /").replace(b"100000", b"200000")
        answers = self.withstand(server, Flood(server, MANY, first, b"abcd"), 24 << 10)
        self.assertEqual(answers, {b"HTTP/1.1 200": MANY})
        self.assertEqual(
            self.logged(server, "content that nobody reads did not end in timeouts.body_idle_ms"),
            MANY)

    def test_lingering_that_is_fed(self):
        """A connection that is given up is read for linger_ms, whatever comes."""
        server = self.flooded()
        flood = Flood(server, MANY, b"rubbish\r\n\r\n", b"x" * 1000, every=0.05)
        answers = self.withstand(server, flood, 8 << 10, is_seen=False)
        # Bytes that meet the closed socket reset it: some clients lose the answer by that.
        self.assertLessEqual(set(answers), {b"HTTP/1.1 400", b""})


class SlowToSendToThreads(Floods):
    """Whoever reads in a thread waits there: slow content holds the threads of that plugin."""
    QUEUE = 16

    def test_content(self):
        echo = build("../plugins/echo/echo.c")
        server = self.flooded(routes=[
            {"path": "/slow", "plugin": echo, "runs": "thread", "threads": 4, "queue": self.QUEUE}])
        n = SOME
        flood = Flood(server, n, POST % b"/slow", b"abcd")

        memory = server.memory_kb()
        with flood:
            # Those that find no place are told so at once, and all other plugins and files are served.
            slowest = self.served(server)
            each = self.assert_bounded(server, memory, n, 24 << 10)
            took = self.assert_gone(server)
            answers = flood.answers()
        self.assertEqual(sum(answers.values()), n)
        self.assertLessEqual(set(answers), {b"HTTP/1.1 503", b"HTTP/1.1 408", b"HTTP/1.1 200"})
        # On a slow machine some come when the first have been given up, and are taken after all.
        self.assertGreaterEqual(answers[b"HTTP/1.1 503"], n - 2 * (2 * 4 + self.QUEUE))
        print("threads: %d connections, %d bytes each, slowest answer %.0f ms, gone %.1f s later"
              % (n, each, 1000 * slowest, took), flush=True)
        with Client(server, timeout=ANSWER_S) as c:
            r = c.get("/slow", "Content-Length: 5", method="POST", body=b"hello")
        self.assertEqual(r.body, b"hello")


class SlowToRead(Floods):
    def unread(self, request, bound, n=SOME, limits=None, **how):
        server = self.flooded(limits)
        how.setdefault("rcvbuf", 4096)
        answers = self.withstand(server, Flood(server, n, request, **how), bound)
        self.assertEqual(answers, {b"HTTP/1.1 200": n})
        return server

    def test_file_of_which_nothing_is_taken(self):
        server = self.unread(GET.replace(b"/ ", b"/large "), 24 << 10, SOME,
                             {"write_rate_min": 240})
        text = "it took nothing of its answer in timeouts.write_idle_ms"
        self.assertEqual(self.logged(server, text), SOME)

    def test_file_that_is_sipped(self):
        server = self.unread(GET.replace(b"/ ", b"/large "), 24 << 10, SOME, take=512)
        self.assertGreater(
            self.logged(server, "it takes its answer more slowly than limits.write_rate_min"), 0)

    def test_body_that_is_generated(self):
        self.unread(GET.replace(b"/ ", b"/stream?n=1000000 "), 96 << 10)

    def test_requests_without_end(self):
        """Requests for megabytes, pipelined, of whose answers none is taken."""
        self.unread(GET.replace(b"/ ", b"/large ") * 20000, 48 << 10)

    def test_small_requests_without_end(self):
        """Each answer is small: what is kept for the client is bounded all the same."""
        self.unread((GET + GET.replace(b"GET", b"HEAD")) * 40000, 128 << 10)

    def test_range_behind_a_half_close(self):
        """It sends no more, and takes nothing."""
        server = self.flooded()
        request = b"GET /large HTTP/1.1\r\nHost: x\r\nRange: bytes=1-\r\n\r\n"
        flood = Flood(server, SOME, request, rcvbuf=4096, is_half_closed=True)
        answers = self.withstand(server, flood, 24 << 10)
        self.assertEqual(answers, {b"HTTP/1.1 206": SOME})

    def test_content_and_answer(self):
        """It sends content as fast as it can, and takes nothing of what comes back."""
        server = self.flooded()
        first = POST.replace(b"100000", b"50000000") % b"/echo"
        flood = Flood(server, SOME, first, b"x" * 65536, rcvbuf=4096, every=0.05)
        answers = self.withstand(server, flood, 112 << 10)
        self.assertEqual(answers, {b"HTTP/1.1 200": SOME})


class Beyond(Floods):
    """More than limits.connections_max: who has been idle for a second makes room."""
    MAX = 100
    ROUNDS = 3  # of a second, until all who may wait before an ordinary client have come and gone

    def crowd(self, first, again=b"", rounds=ROUNDS):
        """Deadlines are long here: it is the limit alone that makes room. Whoever is closed comes
        again at once."""
        targets = self.TARGETS if rounds == self.ROUNDS else self.TARGETS[:1]
        server = self.flooded(
            limits={"connections_max": self.MAX, "body_rate_min": 240, "write_rate_min": 240},
            timeouts={"head_ms": 60000, "keep_alive_ms": 60000, "body_idle_ms": 30000,
                      "write_idle_ms": 30000})
        flood = Flood(server, 2 * self.MAX, first, again, take=4096, is_replaced=True)
        memory = server.memory_kb()
        with flood:
            self.assertTrue(eventually(lambda: sockets_of(server) >= self.MAX))
            slowest = max(self.ask(server, t, rounds + ANSWER_S) for t in targets)
            self.assertLessEqual(sockets_of(server), LOOPS + self.MAX + LOOPS)
            self.assert_bounded(server, memory, self.MAX, 48 << 10)
        print("%s: slowest answer %.0f ms, %d connections in all"
              % (self.id().rsplit(".", 1)[1], 1000 * slowest, flood.opened), flush=True)
        self.assert_gone(server)

    def test_kept_alive(self):
        self.crowd(GET)

    def test_heads(self):
        self.crowd(b"GET / HTTP/1.1\r\nHost: x\r\nX: ", b"a")

    def test_content_that_does_not_come(self):
        """A request that is being read makes room too, when its client has stalled for five seconds;
        here there are 30 until the deadline."""
        self.crowd(POST % b"/echo", rounds=15)


class Errors(Floods):
    def storm(self, first, statuses):
        """Connections that come anew whenever they are closed."""
        server = self.flooded()
        flood = Flood(server, SOME, first, take=65536, every=0.01, is_replaced=True)
        answers = self.withstand(server, flood, 48 << 10, is_seen=False)
        self.assertLessEqual(set(answers), {b"", *statuses})
        self.assertGreater(flood.opened, 2 * SOME)

    def test_bad_requests(self):
        self.storm(b"GET / HTTP/1.1\r\nHost : x\r\n\r\n", {b"HTTP/1.1 400"})

    def test_heads_that_are_too_large(self):
        self.storm(b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: %s\r\n" % (b"v" * 900) * 60,
                   {b"HTTP/1.1 431"})

    def test_ranges_by_the_hundred(self):
        """As the "Apache killer" of 2011 asks."""
        ranges = b",".join(b"5-%d" % i for i in range(1300))
        head = b"HEAD /large HTTP/1.1\r\nHost: x\r\nRange: bytes=0-,%s\r\nConnection: close\r\n\r\n"
        self.storm(head % ranges, {b"HTTP/1.1 200", b"HTTP/1.1 206", b"HTTP/1.1 416"})


if __name__ == "__main__":
    unittest.main()
