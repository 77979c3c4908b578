"""Limits of a route in place of the server's, and clients that half-close or hang up."""
import os
import re
import sys
import threading
import time
import unittest

from configured import ConfigCase, place
from support import PATIENCE, Client, eventually, pattern

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../plugins"))
from building import build, rules  # noqa: E402

SITE_MAX = 10
ASK = "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n"
LONG_MS = 1000 * (PATIENCE - 1)  # longer than anybody waits who is to find out that it has ended


class RouteLimits(ConfigCase):
    def site(self, *routes, **keys):
        if not any(r["path"] == "/" for r in routes):
            routes = ({"static": self.temp}, *routes)
        keys["limits"] = {"body_bytes_max": SITE_MAX, **keys.get("limits", {})}
        self.configure(routes=[{"path": "/metrics", "metrics": True}, *routes], **keys)
        server = self.serve_config()
        self.addCleanup(server.stop)
        return server

    def unanswered(self, server):
        tcp = next(a for a in server.addresses if not a.startswith("unix:"))
        with Client(address=place(tcp)) as c:
            text = c.get("/metrics").body.decode()
        return int(re.search(r"^weir_requests_unanswered_total (\d+)$", text, re.M).group(1))

    def test_content(self):
        echo = build("../plugins/echo/echo.c")
        content = pattern(1 << 20)
        server = self.site({"path": "/echo", "plugin": echo},
                           {"path": "/up", "plugin": echo, "body_bytes_max": len(content)},
                           {"path": "/none", "plugin": echo, "body_bytes_max": 0, "runs": "thread"})
        for path, limit in (("/echo", SITE_MAX), ("/up", len(content)), ("/none", 0), ("/", SITE_MAX)):
            with self.subTest(path):
                if path != "/":
                    with Client(server) as c:
                        r = c.get(path, "Content-Length: %d" % limit, method="POST", body=content[:limit])
                        self.assertEqual((r.status, r.body == content[:limit]), (200, True))
                with Client(server) as c:  # who asks first need not send it
                    c.request(path, "Content-Length: %d" % (limit + 1), "Expect: 100-continue", method="POST")
                    self.assertEqual(c.read().status, 413)
                    self.assertTrue(c.is_ended())
                with Client(server) as c:
                    c.request(path, "Content-Length: %d" % (limit + 1), method="POST", body=content[:limit])
                    self.assertEqual(c.read().status, 413)
                    self.assertTrue(c.is_ended())

    def test_chunks(self):
        echo = build("../plugins/echo/echo.c")
        server = self.site({"path": "/up", "plugin": echo, "body_bytes_max": 1000},
                           {"path": "/few", "plugin": echo, "body_bytes_max": 3})
        for path, n, status in (("/up", 1000, 200), ("/few", 3, 200), ("/few", 4, 413)):
            with self.subTest(path=path, n=n), Client(server) as c:
                c.request(path, "Transfer-Encoding: chunked", method="POST",
                          body=b"%x\r\n%s\r\n0\r\n\r\n" % (n, b"x" * n))
                r = c.read()
                self.assertEqual(r.status, status)
                if status == 200:
                    self.assertEqual(r.body, b"x" * n)

    def test_chunks_that_another_route_has_gathered(self):
        """It declines: what holds then is the limit of the one that answers."""
        echo = build("../plugins/echo/echo.c")
        for runs in ("loop", "thread"):
            server = self.site({"path": "/few/large", "plugin": rules(runs, BUFFER=1000), "body_bytes_max": 1000},
                               {"path": "/few", "plugin": echo, "body_bytes_max": 3, "runs": runs})
            for n, status in ((3, 200), (4, 413), (1000, 413)):
                with self.subTest(runs=runs, n=n), Client(server) as c:
                    c.request("/few/large/decline", "Transfer-Encoding: chunked", method="POST",
                              body=b"%x\r\n%s\r\n0\r\n\r\n" % (n, b"x" * n))
                    self.assertEqual(c.read().status, status)
                    self.assertEqual(c.get("/few").status, 405)  # echo: the connection is kept

    def test_time(self):
        sleep = build("../plugins/sleep/sleep.c")
        config = {"max_ms": 60000}
        server = self.site({"path": "/short", "plugin": sleep, "config": config, "request_ms": 300},
                           {"path": "/any", "plugin": sleep, "config": config, "request_ms": 0},
                           {"path": "/site", "plugin": sleep, "config": config},
                           timeouts={"request_ms": 2000})
        for path, ms, status in (("/short", LONG_MS, 503), ("/site", LONG_MS, 503), ("/any", 2500, 200)):
            with self.subTest(path=path, ms=ms), Client(server) as c:
                self.assertEqual(c.get("%s?ms=%d" % (path, ms)).status, status)

    def test_half_close(self):
        sleep = build("../plugins/sleep/sleep.c")
        config = {"max_ms": 60000}
        server = self.site({"path": "/serve", "plugin": sleep, "config": config},
                           {"path": "/cancel", "plugin": sleep, "config": config, "on_half_close": "cancel"})
        before = self.unanswered(server)
        with Client(server) as c:
            c.request("/serve?ms=300")
            c.shut()
            self.assertEqual(c.read().body, b"slept for 300 ms\n")
            self.assertTrue(c.is_ended())
        self.assertEqual(self.unanswered(server), before)
        with Client(server) as c:
            begin = time.monotonic()
            c.request("/cancel?ms=%d" % LONG_MS)
            c.shut()
            self.assertTrue(c.is_ended())
            self.assertLess(time.monotonic() - begin, LONG_MS / 1000)
        self.assertEqual(self.unanswered(server), before + 1)

    def duplex(self, runs, queue):
        plugin = build("plugins/duplex.c", "-DRUNS=%d" % runs)
        return self.site({"path": "/", "plugin": plugin, "body_bytes_max": 1 << 30},
                         limits={"app_queue_bytes": queue})

    def test_a_client_that_reads_when_it_has_sent_all(self):
        content = pattern(16 << 20)
        for runs in (0, 1):  # WEIR_IN_THREAD, WEIR_ON_LOOP
            for framing in ("Content-Length: %d" % len(content), "Transfer-Encoding: chunked"):
                with self.subTest(runs=runs, framing=framing):
                    server = self.duplex(runs, 2 * len(content))
                    with Client(server, rcvbuf=4096) as c:
                        if framing.startswith("T"):
                            c.request("/", framing, method="POST",
                                      body=b"%x\r\n%s\r\n0\r\n\r\n" % (len(content), content))
                        else:
                            c.request("/", framing, method="POST", body=content)
                        r = c.read()
                        self.assertEqual((r.status, r.body == content), (200, True))
                        self.assertEqual(c.get("/metrics").status, 200)  # the connection is kept

    def test_a_client_that_reads_as_it_sends(self):
        """A queue that is full holds the app up, and it goes on when the client has taken some."""
        content = pattern(4 << 20)
        for runs in (0, 1):
            with self.subTest(runs=runs):
                server = self.duplex(runs, 10000)
                with Client(server) as c:
                    def send():
                        c.request("/", "Content-Length: %d" % len(content), method="POST", body=content)
                    sender = threading.Thread(target=send)
                    sender.start()
                    r = c.read()
                    sender.join()
                    self.assertEqual((r.status, r.body == content), (200, True))

    def test_who_is_gone(self):
        """A reset of TCP, and the end of a peer on a Unix socket, which is no half close."""
        sleep = build("../plugins/sleep/sleep.c")
        path = self.path("socket")
        server = self.site({"path": "/sleep", "plugin": sleep, "config": {"max_ms": 60000}},
                           listen=["127.0.0.1:0", "unix:" + path])
        tcp = next(a for a in server.addresses if not a.startswith("unix:"))
        for what, address in (("reset", place(tcp)), ("close", path)):
            with self.subTest(what):
                before = self.unanswered(server)
                gone = Client(address=address)
                # Behind one whose answer says that both have arrived: what is reset before that is no request.
                gone.send((ASK % "/metrics" + ASK % ("/sleep?ms=%d" % LONG_MS)).encode())
                self.assertEqual(gone.read().status, 200)
                getattr(gone, what)()
                begin = time.monotonic()
                self.assertTrue(eventually(lambda: self.unanswered(server) == before + 1, LONG_MS / 2000))
                self.assertLess(time.monotonic() - begin, LONG_MS / 1000)


if __name__ == "__main__":
    unittest.main()
