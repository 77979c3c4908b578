"""Early hints and trailers, both ways, through all layers: RFC 8297, RFC 9110 6.5, 9112 7.1.2."""
import os
import shutil
import subprocess
import sys
import unittest

from support import Client, Closed, ServerCase, in_threads, pattern

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../plugins"))
from building import build  # noqa: E402

LINKS = ["</a.css>; rel=preload", "</b.js>; rel=preload"]


def chunked(content, trailers="", size=7):
    pieces = [content[i:i + size] for i in range(0, len(content), size)]
    coded = b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in pieces)
    return coded + b"0\r\n" + trailers.encode("latin-1") + b"\r\n"


class Interim:
    """A mixin: the class says flags, of the plugin."""
    flags = ()

    @classmethod
    def populate(cls):
        cls.options = ("--quiet", "--plugin", "/i=" + build("plugins/interim.c", *cls.flags))

    def ask(self, c, target, *fields, method="POST", body=b"", version="HTTP/1.1"):
        interim = []
        c.request(target, *fields, method=method, version=version, body=body)
        r = c.read(method, interim)
        self.assertEqual(r.status, 200)
        hints = [] if version == "HTTP/1.0" else LINKS
        self.assertEqual([(i.status, i.fields) for i in interim], [(103, [("Link", link)]) for link in hints])
        self.assertIsNone(r["Link"])
        return r

    def echo(self, c, content, trailers, expected):
        r = self.ask(c, "/i", "Transfer-Encoding: chunked", body=chunked(content, trailers, 1 + len(content) // 9))
        self.assertEqual(r.body, content)
        self.assertEqual(r["Trailer"], "X-Bytes")
        self.assertEqual(r.trailers, [b"X-Bytes: %d" % len(content)] + expected)

    def test_both_ways(self):
        with Client(self.server) as c:
            self.echo(c, b"hello", "", [])
            self.echo(c, b"hello", "A: b\r\nHost: evil\r\nC-d: \t e\t\r\n", [b"X-A: b", b"X-C-d: e"])
            self.echo(c, pattern(300000), "Sum: %s\r\n" % ("f" * 4000), [b"X-Sum: " + b"f" * 4000])
            self.echo(c, b"hello", "", [])

    def test_many_at_once(self):
        def work(i):
            with Client(self.server) as c:
                for k in range(20):
                    self.echo(c, b"%d %d" % (i, k), "N: %d\r\n" % k, [b"X-N: %d" % k])
        in_threads(8, work)

    def test_known_size(self):
        with Client(self.server) as c:
            r = self.ask(c, "/i/sized", method="GET")
            self.assertEqual((r.body, r["Content-Length"], r["Trailer"]), (b"sized", "5", None))
            r = self.ask(c, "/i/sized", "TE: trailers", "Connection: TE", method="GET")
            self.assertEqual((r.body, r["Content-Length"], r["Trailer"]), (b"sized", None, "X-Bytes"))
            self.assertEqual(r.trailers, [b"X-Bytes: 5"])
            r = self.ask(c, "/i/sized", "TE: trailers", method="HEAD")
            self.assertEqual((r["Content-Length"], r["Trailer"]), ("5", None))
        with Client(self.server) as c:
            r = self.ask(c, "/i/sized", "TE: trailers", method="GET", version="HTTP/1.0")
            self.assertEqual((r.body, r["Content-Length"], r["Trailer"]), (b"sized", "5", None))

    def test_broken_trailers(self):
        """The head is out: the client sees that it is not all."""
        with Client(self.server) as c:
            c.request("/i", "Transfer-Encoding: chunked", method="POST", body=b"5\r\nhello\r\n0\r\nA : b\r\n\r\n")
            with self.assertRaises(Closed):
                c.read()

    @unittest.skipUnless(shutil.which("curl"), "no curl")
    def test_curl(self):
        url = "http://127.0.0.1:%d/i" % self.server.port
        done = subprocess.run(["curl", "-s", "-S", "-m", "20", "-i", "-d", "hello", url], capture_output=True,
                              text=True, check=True)
        head, _, rest = done.stdout.partition("HTTP/1.1 200 OK")
        self.assertEqual([line for line in head.splitlines() if line.startswith("Link")],
                         ["Link: " + link for link in LINKS])
        self.assertIn("Trailer: X-Bytes", rest)
        self.assertIn("hello", rest)
        self.assertIn("X-Bytes: 5", rest)


class Loop(Interim, ServerCase):
    flags = ("-DRUNS=WEIR_ON_LOOP",)


class Home(Interim, ServerCase):
    """On one of two loops: what comes to the other is sent from there."""
    flags = ("-DRUNS=WEIR_ON_LOOP", "-DSERIAL=1")


class Thread(Interim, ServerCase):
    flags = ("-DRUNS=WEIR_IN_THREAD",)


if __name__ == "__main__":
    unittest.main()
