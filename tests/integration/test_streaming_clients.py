"""Clients of streaming apps that stall, half-close, reset: nothing is held up, nothing is left.

As test_streaming.py, on the loop, in threads, and serial in both.
"""
import contextlib
import time
import unittest

from streaming import THREADS, WAYS, StreamCase, chunked, each_way, made, told
from support import Client, Closed, eventually, in_threads, sanitizer

AT_ONCE = 3.0  # seconds, on a slow machine under a sanitizer
STALLED_KB = 1024  # for a client that does not read: app_queue_bytes and what is on the way


class Clients:
    """A client goes, in each state that a request can be in."""

    def is_in_thread(self):
        return WAYS[self.way][0] == "thread"

    def assert_gone(self, c, leave=Client.reset, gone=1):
        before = self.counts()
        leave(c)
        eventually(lambda: self.counts("gone") >= before["gone"] + gone)
        self.assertEqual(self.counts("gone"), before["gone"] + gone)
        self.assert_balanced()

    def test_queued(self):
        if not self.is_in_thread():
            self.skipTest("there is no queue")
        n = 1 if self.way == "ts" else THREADS
        is_blocked = self.until("blocked", n)
        busy = [self.begin("block") for _ in range(n)]
        is_blocked()
        requests = self.counts("requests")
        queued = [self.begin(t) for t in ("", "iter", "write", "write-later", "echo") * 4]
        self.barrier()
        for i, c in enumerate(queued):
            (c.close if i % 4 == 3 else c.reset)()
        self.barrier()
        self.assertEqual(self.counts("requests"), requests)
        def release():
            with Client(self.server) as c:
                c.get("/%s/release" % ("s" if self.way == "ts" else "l"))
        if self.way == "ts":  # its own file: nobody else can
            release()
        release()
        for c in busy:
            self.assertEqual(c.read().body, b"released")
        self.assert_balanced()
        self.assert_serves()

    def test_running(self):
        if not self.is_in_thread():
            self.skipTest("nothing else happens on the loop while it runs")
        is_running = self.until("blocked")
        c = self.begin("work")
        is_running()
        seen = self.until("seen_gone")
        self.assert_gone(c)
        seen()
        self.results(None, -5010)

    def test_reading(self):
        for target in ("discard", "discard-later", "next-discard", "next-echo", "echo", "read-all",
                       "read-all-next", "read-file?" + self.temp, "limit/100", "tell-trailers",
                       "trailers"):
            for fields, body in ((("Content-Length: 100",), b""), (("Content-Length: 100",), b"abc"),
                                 (("Transfer-Encoding: chunked",), b"5\r\nab"),
                                 (("Content-Length: 100", "Expect: 100-continue"), b"")):
                with self.subTest(target, fields=fields, body=body):
                    has_begun = self.until("requests")
                    c = self.begin(target, *fields, method="POST", body=body)
                    has_begun()
                    self.barrier()
                    before = self.counts()
                    c.reset()
                    self.assert_balanced()
                    # Content that is cut may have been answered, all handed over, before the reset is
                    # seen: one of the two the app has heard.
                    n = self.counts()
                    heard = n["gone"] - before["gone"], n["finished"] - before["finished"]
                    self.assertIn(heard, ((1, 0), (0, 1), (1, 1)))

    def test_streaming(self):
        """It sends as fast as the client takes it."""
        for target in ("iter", "iter/?1000", "write", "write/?1000", "write-later", "write-in-next"):
            for leave in (Client.reset, Client.close):
                with self.subTest(target, leave=leave.__name__):
                    c = self.begin(target)
                    r = c.read_head()
                    for _ in range(3):
                        self.assertTrue(c.piece(r))
                    self.assert_gone(c, leave)

    def test_sending(self):
        """The client has not taken anything for a while."""
        for target in ("iter/3000000", "write/3000000", "write-later/3000000?1000",
                       "write-in-next/3000000", "iter/16000000?16000000", "write/16000000?16000000",
                       "mixed?" + self.data):
            with self.subTest(target):
                has_begun = self.until("requests")
                c = self.begin(target, rcvbuf=2048)
                has_begun()
                self.barrier()
                if target.startswith("mixed"):
                    c.reset()  # the kernel may have taken it all
                    self.assert_balanced()
                else:
                    self.assert_gone(c)

    def test_waiting(self):
        for target in ("wait", "wait-first", "never-iter", "heartbeat/1000000", "heartbeat/1"):
            with self.subTest(target):
                is_waiting = self.until("waiting")
                c = self.begin(target)
                is_waiting()
                self.assert_gone(c)
                self.assertEqual(self.call("wake").body, b"0")

    def test_at_once(self):
        """With the request itself, or with its first byte."""
        targets = ("discard", "next-echo", "echo", "iter", "write", "write-later", "read-all",
                   "read-file?" + self.temp, "wait", "mixed?" + self.data, "explode/input",
                   "explode/next?f2", "finish-twice", "trailers", "hints")

        def vanish(i):
            for j, target in enumerate(targets * 3):
                c = Client(self.server)
                c.request("/%s/%s" % (self.way, target), *("Content-Length: 10",), method="POST",
                          body=b"0123456789"[:(i + j) % 11])
                if j % 3 == 2:
                    c.sock.setblocking(False)
                    with contextlib.suppress(OSError):
                        c.sock.recv(1)
                # A FIN alone: who waits would wait for ever, for the answer would still go out.
                (c.reset if (i + j) % 2 or target == "wait" else c.close)()
        in_threads(4, vanish)
        self.assert_balanced()
        self.assert_serves()

    # -- half closed: the answer still goes out --

    def test_half_closed(self):
        for target in ("wait", "wait-first"):
            is_waiting = self.until("waiting")
            c = self.begin(target)
            is_waiting()
            is_half = self.until("half")
            c.shut()
            is_half()
            gone = self.counts("gone")
            self.assertEqual(self.call("wake").body, b"1")
            self.assertTrue(c.read().body.endswith(b"second"))
            self.assertTrue(c.is_ended())
            self.assertEqual(self.counts("gone"), gone)

    def test_half_closed_at_once(self):
        for target, body in (("iter/3000000", made(3000000)), ("write/3000000", made(3000000)),
                             ("discard", told(b"")), ("mixed?" + self.data, None), ("hints", b"hinted")):
            c = self.begin(target)
            c.shut()
            r = c.read()
            self.assertTrue(r.status == 200 and (body is None or r.body == body), target)
            self.assertTrue(c.is_ended())

    def test_half_closed_behind_the_content(self):
        for target in ("discard", "next-echo", "echo", "read-all", "read-file?" + self.temp):
            for coding in ("length", "chunked"):
                fields = (("Content-Length: 1000",) if coding == "length" else
                          ("Transfer-Encoding: chunked",))
                c = self.begin(target, *fields, method="POST",
                               body=made(1000) if coding == "length" else chunked(made(1000), 99))
                c.shut()
                r = c.read()
                self.assertIn(r.body, (made(1000), told(made(1000))), target)

    def test_half_closed_then_gone(self):
        is_waiting, is_half = self.until("waiting"), self.until("half")
        c = self.begin("wait")
        is_waiting()
        c.shut()
        is_half()
        self.assert_gone(c)

    # -- stalled: N + 1 on N threads --

    def assert_free(self, n):
        """A normal request is served at once."""
        start = time.monotonic()
        self.assert_serves()
        self.assertEqual(self.call("iter/1000").body, made(1000))
        self.assertEqual(self.post("discard", b"abc").body, told(b"abc"))
        self.assertLess(time.monotonic() - start, AT_ONCE)

    def holding(self, *targets):
        """Those that wait in a call: a serial app in a thread keeps its turn meanwhile."""
        return () if self.way == "ts" else targets

    def test_stalled_readers(self):
        for target in ("iter", *self.holding("write", "write/?3000000", "write-later",
                                             "write-in-next")):
            with self.subTest(target):
                n = THREADS + 1
                has_begun = self.until("requests", n)
                stalled = [self.begin(target, rcvbuf=2048) for _ in range(n)]
                has_begun()
                # They have filled what there is to fill.
                before = [0]

                def is_still():
                    now = self.server.cpu_seconds()
                    if now != before[0]:
                        before[0] = now
                        return False
                    return True
                eventually(is_still, pause=0.1)
                self.assert_free(n)
                for c in stalled:
                    c.reset()
                self.assert_balanced()

    def test_slow_senders(self):
        for target in ("read-all", "read-file?" + self.temp, "discard-later",
                       *self.holding("discard", "next-discard", "echo")):
            with self.subTest(target):
                n = THREADS + 1
                has_begun = self.until("requests", n)
                slow = [self.begin(target, "Content-Length: 100", method="POST", body=b"abc")
                        for _ in range(n)]
                has_begun()
                self.assert_free(n)
                for c in slow:
                    c.send(made(97))
                    self.assertEqual(c.read().status, 200)

    def test_stalled_readers_memory(self):
        """Of a gigabyte only so much waits as a client may have waiting."""
        n = THREADS + 1
        for target in ("iter/1073741824", "mixed?" + self.data,
                       *self.holding("write/1073741824?1000", "write-later/1073741824",
                                     "write-in-next/1073741824")):
            def stall():
                has_begun = self.until("requests", n)
                stalled = [self.begin(target, rcvbuf=2048) for _ in range(n)]
                has_begun()
                self.assert_free(n)
                peak = [0]
                eventually(lambda: peak.append(self.server.memory_kb()), seconds=0.5, pause=0.02)
                for c in stalled:
                    c.reset()
                self.assert_balanced()
                return max(peak)
            before = self.server.memory_kb()
            grown = stall() - before
            print("%s: %d stalled, %+d kB" % (target, n, grown), flush=True)
            if not sanitizer():
                self.assertLess(grown, n * STALLED_KB, target)


each_way(Clients, globals())


class CancelledClients:
    """on_half_close: cancel."""
    route_keys = {"on_half_close": "cancel"}

    def test_half_closed(self):
        for target in ("wait", "wait-first", "never-iter"):
            is_waiting, is_gone = self.until("waiting"), self.until("gone")
            c = self.begin(target)
            is_waiting()
            c.shut()
            is_gone()
            self.assert_balanced()
            with self.assertRaises((Closed, ConnectionResetError)):
                while True:
                    c.read()


each_way(CancelledClients, globals(), languages=("c",))


if __name__ == "__main__":
    unittest.main()
