"""plugins/fetch: a proxy over libcurl on Weir's loop. What is expected is said by RFC 9110 (7.6: message forwarding;
15.6: 502 and 504) and by plugins/fetch/README.md. The backend is here, on raw sockets.
"""
import contextlib
import hashlib
import json
import os
import re
import socket
import struct
import tempfile
import threading
import unittest

from support import Client, Closed, Server, TempCase, eventually, in_threads, run_weir, sanitizer, write_file

PLUGIN = os.path.join(os.environ["WEIR_BUILD"], "plugins/fetch/fetch.so")
FAST_MS = 150  # for what is too slow; the rest has a minute, so that no test needs it
MANY = 200
LARGE = 50 << 20
PIECE = bytes(range(256)) * 256  # 64 KiB

# What the backend says to /raw/NAME: bytes, after which it closes.
RAW = {
    "interim": b"HTTP/1.1 100 Continue\r\nX-Interim: 1\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
               b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "no-length": b"HTTP/1.1 200 OK\r\nX-A: 1\r\n\r\nto the end",
    "http10": b"HTTP/1.0 200 OK\r\n\r\nold",
    "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n"
               b"3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\nX-T: 1\r\n\r\n",
    "hops": b"HTTP/1.1 200 OK\r\nX-Before: 1\r\nConnection: close, X-Before, x-after\r\nX-After: 1\r\n"
            b"Keep-Alive: timeout=5\r\nProxy-Authenticate: Basic\r\nUpgrade: h2c\r\nX-Stays: 1\r\n"
            b"Content-Length: 0\r\n\r\n",
    "repeated": b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nX-M: b\r\nSet-Cookie: c=2, d\r\nContent-Length: 0\r\n\r\n",
    "coded": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnot!",
    "redirect": b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
    "204": b"HTTP/1.1 204 No Content\r\nX-A: 1\r\n\r\n",
    "304": b"HTTP/1.1 304 Not Modified\r\nETag: \"e\"\r\nContent-Length: 10\r\n\r\n",
    "teapot": b"HTTP/1.1 418 I'm a teapot\r\nContent-Length: 3\r\n\r\ntea",
    "empty": b"", "half-head": b"HTTP/1.1 200 OK\r\nX-A:", "rubbish": b"rubbish\r\n\r\n",
    "folded": b"HTTP/1.1 200 OK\r\nX-A: 1\r\n 2\r\nContent-Length: 0\r\n\r\n",
    "name": b"HTTP/1.1 200 OK\r\nX A: 1\r\nContent-Length: 0\r\n\r\n",
    "control": b"HTTP/1.1 200 OK\r\nX-A: 1\x01\r\nContent-Length: 0\r\n\r\n",
    "status": b"HTTP/1.1 799 No\r\nContent-Length: 0\r\n\r\n",
    "large-head": b"HTTP/1.1 200 OK\r\n" + b"X-A: %s\r\n" % (b"a" * 1000) * 80 + b"Content-Length: 0\r\n\r\n",
    "cut-length": b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
    "cut-chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
}


class Asked:
    def __init__(self, line, fields):
        self.method, self.target, self.version = line.split(" ")
        self.fields, self.size, self.hash = fields, 0, hashlib.sha256()

    def all(self, name):
        return [v for n, v in self.fields if n.lower() == name.lower()]

    def take(self, data):
        self.size += len(data)
        self.hash.update(data)


class Backend:
    """Does what the path says. `left` counts connections that were closed while it had not answered."""

    def __init__(self):
        self.asked, self.connections, self.waiting, self.left, self.sent = [], 0, 0, 0, 0
        self.lock, self.goes_on = threading.Lock(), threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def stop(self):
        self.goes_on.set()
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self.listener.accept()
                self.connections += 1
                threading.Thread(target=self.serve, args=(sock,), daemon=True).start()

    def serve(self, sock):
        with contextlib.suppress(OSError, EOFError), sock, sock.makefile("rb") as f:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while True:
                line = f.readline().decode("latin-1").rstrip("\r\n")
                if not line:
                    return
                fields = []
                for raw in iter(f.readline, b"\r\n"):
                    name, value = raw.decode("latin-1").rstrip("\r\n").split(":", 1)
                    fields.append((name, value.strip()))
                r = Asked(line, fields)
                with self.lock:
                    self.asked.append(r)
                if not self.answer(sock, f, r):
                    return

    def read(self, f, r):
        for coding in r.all("Transfer-Encoding"):
            assert coding == "chunked", coding
            while True:
                n = int(f.readline(), 16)
                r.take(f.read(n))
                f.readline()
                if n == 0:
                    return
        left = int((r.all("Content-Length") or ["0"])[0])
        while left > 0:
            data = f.read(min(left, 65536))
            if not data:
                raise EOFError
            r.take(data)
            left -= len(data)

    def wait(self, f):
        """Until the other side closes."""
        with self.lock:
            self.waiting += 1
        try:
            f.read(1)
        except OSError:
            pass
        with self.lock:
            self.waiting -= 1
            self.left += 1

    def answer(self, sock, f, r):
        kind, _, rest = r.target.partition("?")[0].lstrip("/").partition("/")
        if kind == "raw":
            sock.sendall(RAW[rest])
            return False
        if kind == "early":  # before any content is read
            sock.sendall(b"HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno")
            return False
        if kind == "reset":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return False
        if kind == "late":
            self.goes_on.wait()
        if kind == "silent":
            self.wait(f)
            return False
        if kind == "cut":
            sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
            self.goes_on.wait()
            return False
        if kind == "stall":
            sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
            self.wait(f)
            return False
        self.read(f, r)
        if kind == "held":
            with self.lock:
                self.waiting += 1
            self.goes_on.wait()
        if kind == "large":
            sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % LARGE)
            for _ in range(LARGE // len(PIECE)):
                sock.sendall(PIECE)
                self.sent += len(PIECE)
            return True
        said = b"%s %s %d %s" % (r.method.encode(), r.target.encode("latin-1"), r.size,
                                 r.hash.hexdigest().encode())
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n" % len(said))
        if r.method != "HEAD":
            sock.sendall(said)
        return True


def chunked(data, piece):
    return b"".join(b"%x\r\n%s\r\n" % (len(data[i:i + piece]), data[i:i + piece])
                    for i in range(0, len(data), piece)) + b"0\r\n\r\n"


def route(path, url, **config):
    return {"path": path, "plugin": PLUGIN, "config": dict({"backend": url}, **config)}


def options(folder, routes, lint=False):
    file = write_file(os.path.join(folder, "weir.json"), json.dumps({"routes": [dict(r, lint=lint) for r in routes]}))
    return "--config", file


@unittest.skipUnless(os.path.exists(PLUGIN), "plugins/fetch is not built: libcurl's development files are missing")
class Fetch(unittest.TestCase):
    loops, lint = 2, False

    @classmethod
    def setUpClass(cls):
        cls.backend = Backend()
        cls.addClassCleanup(cls.backend.stop)
        down = socket.socket()  # a port that nobody listens on, nor may take
        down.bind(("127.0.0.1", 0))
        cls.addClassCleanup(down.close)
        url = "http://127.0.0.1:%d" % cls.backend.port
        routes = [route("/x", url, timeout_ms=60000), route("/base", url + "/echo/b/", timeout_ms=60000),
                  route("/fast", url, timeout_ms=FAST_MS), route("/few", url, connections=2, timeout_ms=60000),
                  route("/down", "http://127.0.0.1:%d" % down.getsockname()[1])]
        folder = tempfile.TemporaryDirectory(prefix="weir-test-")
        cls.addClassCleanup(folder.cleanup)
        cls.server = Server(folder.name, *options(folder.name, routes, cls.lint), loops=cls.loops)
        cls.addClassCleanup(cls.server.temp.cleanup)
        cls.addClassCleanup(cls.server.kill)

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
        findings = set(re.findall(r"lint (W\d\d)", cls.server.log()))
        # W14: an answer of the backend without Content-Type; W29: one that breaks off; W61: libcurl is told that
        # there is content, and reads it a little later. W34 is also said of a callback that had no core for 50 ms.
        is_busy = os.getloadavg()[0] > os.cpu_count()
        if not findings <= {"W14", "W29", "W61", *(["W34"] if is_busy else [])}:
            raise AssertionError(cls.server.log())

    def client(self, **how):
        c = Client(self.server, **how)
        self.addCleanup(c.close)
        return c

    def get(self, target, *fields, **how):
        with Client(self.server) as c:
            return c.get(target, *fields, **how)

    def setUp(self):
        self.backend.asked.clear()
        self.backend.goes_on.clear()
        self.addCleanup(self.backend.goes_on.set)

    def raw(self, name, method="GET"):
        return self.get("/x/raw/" + name, method=method)

    def last(self):
        return self.backend.asked[-1]

    # -- the request --

    def test_target(self):
        for asked, wanted in (("/x/echo/a%20b?c=%20d&e", "/echo/a%20b?c=%20d&e"), ("/x/", "/"), ("/x", "/"),
                              ("/x?a=/../b", "/?a=/../b"), ("/x/echo/%c3%a9%3F", "/echo/%C3%A9%3F"),
                              ("/x/echo/a/../b", "/echo/b"), ("/base/c?d", "/echo/b/c?d"), ("/base", "/echo/b/")):
            self.assertEqual(self.get(asked).status, 200)
            self.assertEqual(self.last().target, wanted)

    def test_methods(self):
        for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"):
            self.assertEqual(self.get("/x/echo", method=method).status, 200)
            self.assertEqual(self.last().method, method)
        n = len(self.backend.asked)
        self.assertEqual(self.get("/x/echo", method="TRACE").status, 501)
        self.assertEqual(len(self.backend.asked), n)

    def test_fields_of_the_request(self):
        self.get("/x/echo", "X-A: 1", "x-a: 2", "X-Empty:", "Cookie: a=b", "Authorization: Basic eA==", "User-Agent: me",
                 "Connection: X-Hop, TE", "X-Hop: 1", "TE: trailers", "Keep-Alive: 1", "Proxy-Connection: x",
                 "Proxy-Authorization: y", "Trailer: X-T", "Upgrade: h2c", "X_Forwarded_For: 9.9.9.9", "Accept-Encoding: gzip")
        r = self.last()
        self.assertEqual(r.version, "HTTP/1.1")
        self.assertEqual(r.all("Host"), ["127.0.0.1:%d" % self.backend.port])
        self.assertEqual([v for n, v in r.fields if n.lower() == "x-a"], ["1", "2"])
        for name, value in (("X-Empty", ""), ("Cookie", "a=b"), ("Authorization", "Basic eA=="), ("User-Agent", "me"),
                            ("Accept-Encoding", "gzip")):
            self.assertEqual(r.all(name), [value])
        for name in ("X-Hop", "TE", "Keep-Alive", "Proxy-Connection", "Proxy-Authorization", "Trailer", "Upgrade", "Connection",
                     "X_Forwarded_For", "Accept", "Expect", "Content-Length", "Transfer-Encoding"):
            self.assertEqual(r.all(name), [], name)

    def test_who_asks(self):
        host = "localhost:%d" % self.server.port
        self.get("/x/echo")
        r = self.last()
        self.assertEqual(r.all("X-Forwarded-For"), ["127.0.0.1"])
        self.assertEqual(r.all("X-Forwarded-Proto"), ["http"])
        self.assertEqual(r.all("X-Forwarded-Host"), [host])
        self.assertEqual(r.all("Forwarded"), ['for=127.0.0.1;proto=http;host="%s"' % host])
        self.assertEqual(r.all("Via"), ["1.1 weir"])
        self.get("/x/echo", "X-Forwarded-For: 192.0.2.1", "X-Forwarded-For: 192.0.2.2", "X-Forwarded-Proto: https",
                 "X-Forwarded-Host: evil", "Forwarded: for=192.0.2.1", "Via: 1.0 a", version="HTTP/1.0")
        r = self.last()
        self.assertEqual(r.all("X-Forwarded-For"), ["192.0.2.1, 192.0.2.2, 127.0.0.1"])
        self.assertEqual(r.all("X-Forwarded-Proto"), ["http"])
        self.assertEqual(r.all("X-Forwarded-Host"), [host])
        self.assertEqual(r.all("Forwarded"), ['for=192.0.2.1, for=127.0.0.1;proto=http;host="%s"' % host])
        self.assertEqual(r.all("Via"), ["1.0 a", "1.0 weir"])

    def check_content(self, *fields, data, body, method="POST"):
        r = self.get("/x/echo", *fields, method=method, body=body)
        self.assertEqual((r.status, r.body.split()[2:]),
                         (200, [b"%d" % len(data), hashlib.sha256(data).hexdigest().encode()]))
        return self.last()

    def test_content_of_the_request(self):
        for data in (b"", b"a", PIECE * 20):
            r = self.check_content("Content-Length: %d" % len(data), data=data, body=data, method="PUT")
            self.assertEqual((r.all("Content-Length"), r.all("Transfer-Encoding")), ([str(len(data))], []))
            r = self.check_content("Transfer-Encoding: chunked", data=data, body=chunked(data, 7777))
            self.assertEqual((r.all("Content-Length"), r.all("Transfer-Encoding")), ([], ["chunked"]))

    def test_content_in_pieces(self):
        with Client(self.server) as c:
            c.request("/x/echo", "Content-Length: 6", "Expect: 100-continue", method="POST")
            self.assertEqual(c.read_head().status, 100)
            for byte in b"pieces":
                c.send(bytes([byte]))
                self.assertEqual(self.get("/x/echo").status, 200)
            self.assertIn(hashlib.sha256(b"pieces").hexdigest().encode(), c.read().body)

    def test_answer_before_the_content(self):
        with Client(self.server) as c:
            c.request("/x/early", "Content-Length: 1000000", method="POST", body=bytes(1000))
            r = c.read()
            self.assertEqual((r.status, r.body), (403, b"no"))

    # -- the answer --

    def test_interim_answers_are_not_passed_on(self):
        with Client(self.server) as c:
            c.request("/x/raw/interim")
            interim = []
            r = c.read(interim=interim)
        self.assertEqual((r.status, r.body, interim), (200, b"ok", []))
        self.assertEqual((r["X-Interim"], r["Link"]), (None, None))

    def test_framing(self):
        for name, body in (("no-length", b"to the end"), ("http10", b"old"), ("chunked", b"abcdefg"), ("teapot", b"tea")):
            with self.subTest(name):
                r = self.raw(name)
                self.assertEqual((r.status, r.body), (418 if name == "teapot" else 200, body))
                self.assertEqual((r["Trailer"], r["X-T"]), (None, None))

    def test_fields_of_the_answer(self):
        r = self.raw("hops")
        self.assertEqual(r["X-Stays"], "1")
        for name in ("X-Before", "X-After", "Keep-Alive", "Proxy-Authenticate", "Upgrade", "Connection"):
            self.assertEqual(r.all(name), [], name)
        r = self.raw("repeated")
        self.assertEqual((r.all("Set-Cookie"), r["X-M"]), (["a=1", "c=2, d"], "b"))

    def test_what_is_the_clients_business(self):
        r = self.raw("coded")
        self.assertEqual((r["Content-Encoding"], r.body), ("gzip", b"not!"))
        r = self.raw("redirect")
        self.assertEqual((r.status, r["Location"]), (302, "http://127.0.0.1:1/"))

    def test_answers_without_content(self):
        r = self.raw("204")
        self.assertEqual((r.status, r["X-A"], r["Content-Length"]), (204, "1", None))
        r = self.raw("304")
        self.assertEqual((r.status, r["ETag"]), (304, '"e"'))
        self.assertIn(r["Content-Length"], (None, "10"))  # never 0: that would be of what the client has
        r = self.get("/x/echo/abc", method="HEAD")
        self.assertEqual((r.status, r["Content-Type"]), (200, "text/plain"))
        self.assertEqual(int(r["Content-Length"]), len("HEAD /echo/abc 0 ") + 64)
        self.assertIsNone(self.raw("no-length", method="HEAD")["Content-Length"])

    # -- errors --

    def test_backend_that_cannot_be_reached(self):
        self.assertEqual(self.get("/down/").status, 502)

    def test_backend_that_does_not_answer_as_it_should(self):
        for name in ("empty", "half-head", "rubbish", "folded", "name", "control", "status", "large-head"):
            with self.subTest(name), Client(self.server) as c:
                r = c.get("/x/raw/" + name)
                self.assertEqual((r.status, r["X-A"]), (502, None))
                self.assertEqual(c.get("/x/echo").status, 200)
        self.assertEqual(self.get("/x/reset").status, 502)

    def test_backend_that_is_too_slow(self):
        left = self.backend.left
        self.assertEqual(self.get("/fast/silent").status, 504)
        with self.assertRaises(Closed) as seen:
            self.get("/fast/stall")
        self.assertEqual(seen.exception.partial, b"abc")
        self.assertTrue(eventually(lambda: self.backend.left == left + 2))

    def test_answer_that_breaks_off(self):
        """The client sees it: by the end of the connection, or by an error where nothing had been sent yet."""
        for name in ("cut-length", "cut-chunked"):
            with self.subTest(name), contextlib.suppress(Closed):
                self.assertEqual(self.raw(name).status, 500)
        with Client(self.server) as c:
            c.request("/x/cut")
            self.assertEqual(c.read_head()["Content-Length"], "10")
            self.assertEqual(c._exactly(3, None), b"abc")
            self.backend.goes_on.set()
            self.assertTrue(c.is_ended())

    def test_request_that_breaks_off(self):
        with Client(self.server) as c:
            c.request("/x/echo", "Content-Length: 10", method="POST", body=b"abc")
            self.assertTrue(eventually(lambda: self.backend.asked))
            c.shut()
            self.assertEqual(c.read().status, 400)

    def test_client_that_leaves(self):
        for target in ("silent", "stall"):
            left = self.backend.left
            clients = [self.client() for _ in range(5)]
            for c in clients:
                c.request("/x/" + target)
            self.assertTrue(eventually(lambda: self.backend.waiting == 5))
            for c in clients:
                c.reset()
            self.assertTrue(eventually(lambda: self.backend.left == left + 5), self.backend.left)
        self.assertEqual(self.get("/x/echo").status, 200)

    # -- how much --

    def test_connections_are_kept(self):
        for _ in range(4):
            self.get("/few/echo")
        before = self.backend.connections
        for _ in range(40):
            self.assertEqual(self.get("/few/echo").status, 200)
            self.assertEqual(self.check_content("Content-Length: 3", data=b"abc", body=b"abc").method, "POST")
        self.assertLessEqual(self.backend.connections - before, 2 * self.loops)

    def test_no_more_connections_than_configured(self):
        before, waiting = self.backend.connections, self.backend.waiting
        clients = [self.client() for _ in range(20)]
        for c in clients:
            c.request("/few/held")
        self.assertTrue(eventually(lambda: self.backend.waiting - waiting >= 2))
        self.assertLessEqual(self.backend.connections - before, 2 * self.loops)
        self.backend.goes_on.set()
        for c in clients:
            self.assertEqual(c.read().status, 200)

    def test_many_at_once(self):
        self.backend.waiting = 0
        clients = [self.client() for _ in range(MANY)]
        for i, c in enumerate(clients):
            c.request("/x/held/%d" % i)
        self.assertTrue(eventually(lambda: self.backend.waiting == MANY), self.backend.waiting)
        self.backend.goes_on.set()
        for i, c in enumerate(clients):
            r = c.read()
            self.assertEqual((r.status, r.body.split()[1]), (200, b"/held/%d" % i))
        self.backend.waiting = 0

    def test_many_one_after_another(self):
        def work(i):
            with Client(self.server) as c:
                for k in range(50):
                    data = PIECE[:i * 997 + k * 1009]
                    r = c.get("/x/echo/%d-%d" % (i, k), "Content-Length: %d" % len(data), method="PUT", body=data)
                    self.assertEqual(r.body.decode(), "PUT /echo/%d-%d %d %s" % (
                        i, k, len(data), hashlib.sha256(data).hexdigest()))
        in_threads(8, work)

    def check_memory(self, before):
        if not sanitizer():
            self.assertLess(self.server.memory_kb() - before, 2048)

    def test_large_answer_to_a_slow_client(self):
        self.get("/x/echo")
        before, self.backend.sent = self.server.memory_kb(), 0
        with Client(self.server, rcvbuf=65536) as c:
            c.request("/x/large")
            r, got, seen = c.read_head(), hashlib.sha256(), 0
            self.assertEqual(r["Content-Length"], str(LARGE))
            last = [-1]

            def stands():
                last[0], was = self.backend.sent, last[0]
                return was == last[0] > 0
            self.assertTrue(eventually(stands, pause=0.2))
            self.assertLess(self.backend.sent, LARGE)  # it has been told to wait
            self.check_memory(before)
            while seen < LARGE:
                if not c.buffer:
                    self.assertTrue(c.fill())
                seen += len(c.buffer)
                got.update(c.buffer)
                c.buffer = b""
        self.assertEqual(got.hexdigest(), hashlib.sha256(PIECE * (LARGE // len(PIECE))).hexdigest())
        self.check_memory(before)

    def test_large_request_to_a_slow_backend(self):
        self.get("/x/echo")
        before, sent = self.server.memory_kb(), [0]
        with Client(self.server) as c:
            c.request("/x/late", "Content-Length: %d" % LARGE, method="PUT")

            def send():
                for _ in range(LARGE // len(PIECE)):
                    c.send(PIECE)
                    sent[0] += len(PIECE)
            thread = threading.Thread(target=send, daemon=True)
            thread.start()
            last = [-1]

            def stands():
                last[0], was = sent[0], last[0]
                return was == last[0] > 0
            self.assertTrue(eventually(stands, pause=0.2))
            self.assertLess(sent[0], LARGE)
            self.check_memory(before)
            self.backend.goes_on.set()
            thread.join()
            r = c.read()
        self.assertEqual(r.body.split()[2:], [b"%d" % LARGE, hashlib.sha256(
            PIECE * (LARGE // len(PIECE))).hexdigest().encode()])
        self.check_memory(before)

    def test_nothing_is_wrong_in_the_log(self):
        self.get("/x/echo")
        errors = re.findall(r"^.*\berror: .*$", self.server.log(), re.M)
        self.assertEqual([line for line in errors if "is not complete" not in line and "lint W29" not in line],
                         [])


class FetchChecked(Fetch):
    """All of it again, with the checker of weir lint around the app."""
    lint = True


@unittest.skipUnless(os.path.exists(PLUGIN), "plugins/fetch is not built: libcurl's development files are missing")
class Life(TempCase):
    def test_configuration(self):
        for config, said in (("{}", "required"), ('{"backend": ""}', "no URL"), ('{"backend": "ftp://a/"}', "ftp"),
                             ('{"backend": "file:///etc"}', "file:"), ('{"backend": "http://a/?b"}', "no URL"),
                             ('{"backend": "http://a", "no_key": 1}', "no_key"),
                             ('{"backend": "http://a", "timeout_ms": 0}', "timeout_ms")):
            done = run_weir("serve", self.root, "--listen", "127.0.0.1:0", "--plugin", "/x=%s:%s" % (PLUGIN, config))
            self.assertNotEqual(done.returncode, 0, config)
            self.assertIn(said, done.stderr)

    def test_stop_while_it_asks(self):
        backend = Backend()
        self.addCleanup(backend.stop)
        server = self.serve("--quiet", *options(self.temp, [route("/x", "http://127.0.0.1:%d" % backend.port)]))
        with Client(server) as c:
            self.assertEqual(c.get("/x/echo").status, 200)
            c.request("/x/held")
            self.assertTrue(eventually(lambda: backend.waiting == 1))
            server.terminate()
            backend.goes_on.set()
            self.assertEqual(c.read().status, 200)
        self.assertEqual(server.wait(), 0)
        server.stop()


if __name__ == "__main__":
    unittest.main()
