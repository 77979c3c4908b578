"""Plugins in the program: what keeps the application interface's rules, and what breaks them.

Every case of rules.c is run on the loop and in threads, in C11 and in C++17.
"""
import contextlib
import http.client
import os
import socket
import sys
import unittest

from support import (Client, Closed, PATIENCE, ServerCase, TempCase, eventually, in_threads,
                     pattern, write_file)

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../plugins"))
from building import CUTS, FAILS, RUNS, assert_balanced, counts, loads, rules  # noqa: E402


class Rules:
    """A mixin: the class says runs and language."""
    runs = language = None
    options_of_plugin = ""

    @classmethod
    def populate(cls):
        cls.plugin = rules(cls.runs, cls.language)
        cls.options = ("--plugin", "/r=" + cls.plugin)
        write_file(os.path.join(cls.root, "index.html"), "folder")
        os.mkdir(os.path.join(cls.root, "r"))
        for name in ("decline", "decline-started"):
            write_file(os.path.join(cls.root, "r", name), "of the folder")
        write_file(os.path.join(cls.root, "data"), pattern(100000))

    @classmethod
    def warm_up(cls):
        for _ in range(16):
            with Client(cls.server) as c:
                c.get("/")
                c.get("/r/")
                c.get("/r/no-route")

    def call(self, target, *fields, **how):
        return self.get("/r/" + target, *fields, **how)

    def complaints(self, target, before):
        """Lines of the log since `before` that name this target."""
        new = self.server.log()[before:]
        return [line for line in new.splitlines() if "/r/" + target in line]

    def assert_complaint(self, target, before):
        eventually(lambda: self.complaints(target, before))
        lines = self.complaints(target, before)
        self.assertEqual(len(lines), 1, lines)
        self.assertIn("rules at /r", lines[0])
        self.assertIn("request", lines[0])
        self.assertNotIn("\r", lines[0])
        self.assertNotIn("\033", lines[0])

    # -- what is broken --

    def test_failures_before_anything_was_sent(self):
        for target in FAILS:
            with self.subTest(target):
                before = len(self.server.log())
                r = self.call(target)
                self.assertEqual(r.status, 500)
                self.assertIn(b"500", r.body)
                for name in ("X-Injected", "X-Value", "X-A", "X-B", "X-Added"):
                    self.assertIsNone(r[name])
                self.assert_complaint(target, before)
                self.assertEqual(self.call("").body, b"plain\n")
        assert_balanced(self, self.server)

    def test_failures_do_not_harm_the_connection_either(self):
        with Client(self.server) as c:
            for target in FAILS[:12]:
                self.assertEqual(c.get("/r/" + target).status, 500)
                self.assertEqual(c.get("/r/").body, b"plain\n")

    def test_failures_after_something_was_sent(self):
        for target in CUTS:
            for version in ("HTTP/1.1", "HTTP/1.0"):
                with self.subTest(target, version=version):
                    before = len(self.server.log())
                    has_end = version == "HTTP/1.1" or target.startswith("walk-length")
                    if has_end:
                        with self.assertRaises((Closed, ConnectionResetError)):
                            self.call(target, version=version)
                    else:  # the end of the connection says it all: a reset, if anything
                        with contextlib.suppress(ConnectionResetError):
                            self.call(target, version=version)
                    self.assert_complaint(target, before)
                    self.assertEqual(self.call("").body, b"plain\n")
        assert_balanced(self, self.server)

    def test_later_calls_fail_too(self):
        self.assertEqual(self.call("after-failure").status, 500)
        n = counts(self.server)["results"]
        self.assertEqual(n[0], -5000)  # WEIR_EINVAL
        for result in n[1:5]:
            self.assertLess(result, 0)

    def test_bodies_where_there_is_none(self):
        """The app's body is closed, and not a byte of it is on the wire."""
        for status in (204, 304, 205):
            for target in ("with-text/%d" % status, "with-walk/%d?bbb" % status,
                           "with-nothing/%d" % status):
                with self.subTest(target):
                    with Client(self.server) as c:
                        r = c.get("/r/" + target)
                        self.assertIn(r.status, (status, 500))
                        if r.status == status:
                            self.assertEqual(r.body, b"")
                            if status != 304:  # RFC 9110 15.3.5, 15.3.6
                                self.assertIn(r["Content-Length"], (None, "0"))
                                self.assertTrue(status == 205 or r["Content-Length"] is None)
                        self.assertEqual(c.get("/r/").body, b"plain\n")
        assert_balanced(self, self.server)

    def test_head(self):
        for target, length in (("", "6"), ("owned", "4"), ("walk-length/8?cc", "8"),
                               ("walk?bbb", None), ("file/?" + self.path("data"), "100000")):
            with self.subTest(target), Client(self.server) as c:
                calls = counts(self.server)["calls"]
                r = c.get("/r/" + target, method="HEAD")
                self.assertEqual((r.status, r.body), (200, b""))
                self.assertIn(r["Content-Length"], (length,) if length else (None,))
                self.assertEqual(c.get("/r/").body, b"plain\n")  # no content was behind it
                self.assertEqual(counts(self.server)["calls"], calls + 3)
        r = self.call("no-start", method="HEAD")
        self.assertEqual((r.status, r.body), (500, b""))
        assert_balanced(self, self.server)

    def test_head_closes_unread(self):
        self.assertEqual(self.call("walk?f", method="HEAD").status, 200)
        self.assertEqual(self.call("walk-length/7?B", method="HEAD")["Content-Length"], "7")
        assert_balanced(self, self.server)

    # -- what is right --

    def test_statuses(self):
        for status in (200, 201, 299, 300, 404, 418, 499, 500, 599):
            r = self.call("status/%d" % status)
            self.assertEqual((r.status, r.body), (status, b"mine"))
            self.assertEqual(r["Content-Length"], "4")

    def test_fields(self):
        r = self.call("replace")
        self.assertEqual((r.status, r["X-New"], r.body), (201, "1", b"replaced"))
        self.assertIsNone(r["X-Old"])
        self.assertIsNone(r["X-Added"])
        self.assertEqual(self.call("replace-first").status, 201)
        r = self.call("add-before")
        self.assertEqual((r["X-Before"], r["X-Then"], r["X-After"]), ("yes", "1", "1"))
        self.assertEqual(self.call("value/obs")["X-Value"], "\xe9t\xe9")
        self.assertEqual(self.call("added/good")["X-Added"], "abc")
        r = self.call("reason/good")
        self.assertEqual((r.status, r.reason), (200, "Fine Thing"))
        r = self.call("own-fields")
        self.assertEqual(r["Date"], "Thu, 01 Jan 1970 00:00:00 GMT")
        self.assertEqual(r["Server"], "own")
        self.assertEqual(r.all("Set-Cookie"), ["a=1", "b=2"])

    def test_lengths(self):
        self.assertEqual(self.call("length/4").body, b"mine")
        self.assertEqual(self.call("twice/4?4").status, 200)  # once on the wire: support.py looks
        r = self.call("walk-length/8?cc")
        self.assertEqual((r["Content-Length"], r.body), ("8", b"xxxxxxxx"))
        r = self.call("walk-length/4?cB")  # not asked again when all has come
        self.assertEqual(r.body, b"xxxx")
        self.assertEqual(self.call("walk-length/0?B").status, 500)
        assert_balanced(self, self.server)

    def test_framing(self):
        for target, body in (("walk?c", b"xxxx"), ("walk?", b""), ("walk?eezcezc", b"x" * 8),
                             ("walk?sc", None), ("walk?bbbc", b"b" * 196608 + b"xxxx")):
            for version in ("HTTP/1.1", "HTTP/1.0"):
                with self.subTest(target, version=version), Client(self.server) as c:
                    if target == "walk?sc":
                        target, body = "walk-unstarted?sc", b"x" * 8
                    r = c.get("/r/" + target, version=version)
                    self.assertEqual((r.status, r.body), (200, body))
                    if version == "HTTP/1.0":
                        self.assertIsNone(r["Transfer-Encoding"])
                        self.assertTrue(c.is_ended())
                    else:
                        self.assertTrue(r["Transfer-Encoding"] or r["Content-Length"])
                        self.assertEqual(c.get("/r/").body, b"plain\n")
        h = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=PATIENCE)
        for _ in range(3):
            h.request("GET", "/r/walk?bcb")
            self.assertEqual(len(h.getresponse().read()), 131076)
        h.close()
        assert_balanced(self, self.server)

    def test_empty_pieces_keep_the_head_open(self):
        r = self.call("walk?er")
        self.assertEqual((r.status, r.body), (202, b"xxxx"))

    def test_files(self):
        path, data = self.path("data"), pattern(100000)
        for kind in ("file", "file-kept"):
            self.assertEqual(self.call("%s/?%s" % (kind, path)).body, data)
            self.assertEqual(self.call("%s/5000?%s" % (kind, path)).body, data[:5000])
            self.assertEqual(self.call("%s/0010?%s" % (kind, path)).body, data[1:11])
            for bad in ("100001", "0100000", "18446744073709551614"):
                self.assertEqual(self.call("%s/%s?%s" % (kind, bad, path)).status, 500, bad)
            for irregular in ("/dev/null", self.root):
                self.assertEqual(self.call("%s/?%s" % (kind, irregular)).status, 500)
        self.call("file-kept/?" + path)
        self.assertTrue(eventually(lambda: counts(self.server)["results"][3] == 0))
        assert_balanced(self, self.server)  # the class looks for descriptors that are left

    def test_declined(self):
        for name in ("decline", "decline-started"):
            r = self.call(name)
            self.assertEqual((r.status, r.body), (200, b"of the folder"))
            self.assertIsNone(r["X-Declined"])
        self.assertEqual(self.call("decline/other").status, 404)
        assert_balanced(self, self.server)

    def test_error_pages(self):
        for status in (300, 404, 418, 503, 599):
            r = self.call("error/%d" % status)
            self.assertEqual(r.status, status)
            self.assertIn(b"%d" % status, r.body)
        r = self.call("error-started/403")
        self.assertEqual((r.status, r["X-Own"]), (403, "1"))
        self.assertNotEqual(r["Content-Type"], "x/y")
        self.assertEqual(self.call("error/304").body, b"")

    def test_memory(self):
        self.assertEqual(self.call("printf/10000").body, b"7".rjust(10000, b"0"))
        self.assertEqual(self.call("copy").body, b"copied")
        self.assertEqual(self.call("alloc/1000").body, b"memory")
        self.assertEqual(self.call("alloc/1000000000000000").body, b"none")
        self.assertEqual(self.call("alloc/18446744073709551615").body, b"none")
        r = self.call("printf/500000000")
        self.assertEqual(r.status, 503)

    def test_middleware_pulls(self):
        r = self.call("filter?ccbcE")
        self.assertEqual(r.body, b"%d" % (65536 + 12))
        n = counts(self.server)
        self.assertEqual(n["results"][1:3], [0, 0])  # WEIR_END, and the body is empty
        assert_balanced(self, self.server)

    def test_wake(self):
        self.assertEqual(self.call("walk?wcwwc").body, b"x" * 8)
        assert_balanced(self, self.server)

    def test_log(self):
        before = len(self.server.log())
        self.call("log")
        self.assertTrue(eventually(lambda: "said " in self.server.log()[before:]))
        lines = [line for line in self.server.log()[before:].splitlines() if "said " in line]
        self.assertEqual(len(lines), 1)
        self.assertRegex(lines[0], r"rules at /r, request \S+: said a\\x0ab\\x1b\[1m 7$")

    def test_write_before_start_response(self):
        self.assertEqual(self.call("write-first").status, 500)
        # WEIR_ESTATE, and from then on WEIR_EFAILED, but for tokens; there is no such extension
        results = counts(self.server)["results"]
        self.assertGreater(results.pop(3), 0)
        self.assertEqual(results[1:5], [-5002, -5012, -5012, 0])
        assert_balanced(self, self.server)

    def test_exceptions(self):
        if self.language != "cxx":
            self.skipTest("C++ has them")
        for target in ("throw", "throw/number", "walk?t", "walk?T", "walk?et"):
            before = len(self.server.log())
            self.assertEqual(self.call(target).status, 500, target)
            self.assertTrue(eventually(lambda n=before: "thrown" in self.server.log()[n:]))
            lines = [x for x in self.server.log()[before:].splitlines() if "thrown" in x]
            self.assertEqual(len(lines), 1, lines)
            self.assertIn("rules at /r, request", lines[0])
        with self.assertRaises((Closed, ConnectionResetError)):
            self.call("walk?bt")
        assert_balanced(self, self.server)

    # -- environ --

    def environ(self, target, *fields, **how):
        text = self.call(target, *fields, **how).body.decode("latin-1")
        self.assertNotIn("!", text.split("=")[0])
        for line in text.splitlines():
            self.assertFalse(line.startswith("!"), "weir_get and weir_each differ: " + line)
        return dict(line.split("=", 1) for line in text.splitlines())

    def test_environ(self):
        e = self.environ("environ/a%20b/%41?q=%31&x", "User-Agent: me")
        for key, value in {
                "REQUEST_METHOD": "GET", "SCRIPT_NAME": "/r", "PATH_INFO": "/environ/a b/A",
                "QUERY_STRING": "q=%31&x", "SERVER_PROTOCOL": "HTTP/1.1", "REMOTE_ADDR": "127.0.0.1",
                "SERVER_PORT": str(self.server.port), "SERVER_NAME": "localhost",
                "GATEWAY_INTERFACE": "CGI/1.1", "REQUEST_URI": "/r/environ/a%20b/%41?q=%31&x",
                "REQUEST_SCHEME": "http", "weir.url_scheme": "http", "HTTP_USER_AGENT": "me",
                "HTTP_HOST": "localhost:%d" % self.server.port}.items():
            self.assertEqual(e.get(key), value, key)
        for key in ("CONTENT_LENGTH", "CONTENT_TYPE", "HTTPS", "HTTP_PROXY"):
            self.assertNotIn(key, e)
        for key in ("SERVER_SOFTWARE", "REMOTE_PORT", "REQUEST_ID", "DOCUMENT_ROOT", "weir.version",
                    "weir.multithread", "weir.multiprocess", "weir.run_once"):
            self.assertIn(key, e)
        self.assertEqual(self.environ("environ")["QUERY_STRING"], "")
        self.assertEqual(self.environ("environ", version="HTTP/1.0")["SERVER_PROTOCOL"], "HTTP/1.0")

    def test_methods(self):
        """An app sees what the server does not know, and not what no resource has (RFC 9110 9.1)."""
        for method in ("PATCH", "FROB", "get", "trace"):
            self.assertEqual(self.environ("environ", method=method)["REQUEST_METHOD"], method)
        self.assertEqual(self.call("environ", method="TRACE").status, 501)

    def test_environ_of_fields(self):
        e = self.environ(
            "environ", "X-A: 1", "x-a:  2 ", "Cookie: a=1", "Cookie: b=2", "Proxy: evil",
            "X_Under: 1", "X-Empty:", "Content-Type: text/x", "Content-Length: 0", method="POST")
        self.assertEqual(e["HTTP_X_A"], "1, 2")
        self.assertEqual(e["HTTP_COOKIE"], "a=1; b=2")
        self.assertEqual((e["CONTENT_TYPE"], e["CONTENT_LENGTH"]), ("text/x", "0"))
        self.assertEqual(e["HTTP_X_EMPTY"], "")
        for key in ("HTTP_PROXY", "HTTP_X_UNDER", "HTTP_CONTENT_TYPE", "HTTP_CONTENT_LENGTH"):
            self.assertNotIn(key, e)
            self.assertEqual(self.call("key/" + key, "Proxy: evil", "X_Under: 1",
                                       "Content-Type: x/y").body, b"absent")
        text = self.call("fields", "X_Under: 1", "Proxy: p", "X-A: 1", "X-a: 2").body.decode()
        self.assertTrue(text.endswith("X_Under=1\nProxy=p\nX-A=1\nX-a=2\n"), text)
        self.assertEqual(self.call("key/HTTP_X_A", "X-A: 1", "X-A: 2").body, b"[1, 2]")
        self.call("each-stopped")
        self.assertEqual(counts(self.server)["results"][1], 42)

    def test_set(self):
        e = self.environ("set")
        self.assertEqual((e["app.own"], e["app.twice"]), ("value", "2"))
        self.assertEqual(e["REMOTE_ADDR"], "1.2.3.4")
        self.assertNotIn("SERVER_NAME", e)

    # -- content --

    def test_content_is_echoed_in_next(self):
        data = pattern(300000)
        chunked = b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in
                           (data[i:i + 7777] for i in range(0, len(data), 7777))) + b"0\r\n\r\n"
        for fields, body in ((("Content-Length: 300000",), data),
                             (("Transfer-Encoding: chunked",), chunked)):
            with Client(self.server) as c:
                def send():
                    c.request("/r/walk?R", *fields, method="POST", body=body)
                box = []
                in_threads(2, lambda i: send() if i else box.append(c.read()))
                self.assertTrue(box[0].body == data, "other bytes")
                if (box[0]["Connection"] or "").lower() != "close":
                    self.assertEqual(c.get("/r/").body, b"plain\n")
        self.assertEqual(self.call("walk?R").body, b"")
        assert_balanced(self, self.server)

    def test_content_comes_slowly(self):
        with Client(self.server) as c:
            c.request("/r/walk?R", "Content-Length: 4", method="POST", body=b"a")
            r = c.read_head()
            self.assertEqual(r.status, 200)
            got = b""
            for piece in (b"", b"b", b"c", b"d"):  # each after the echo of the one before
                c.send(piece)
                while len(got) < 1 or (piece and piece not in got):
                    size = int(c._line(), 16)
                    got += c._exactly(size, r)
                    c._line()
            self.assertEqual(got, b"abcd")
        assert_balanced(self, self.server)

    def test_content_is_not_read(self):
        with Client(self.server) as c:
            r = c.get("/r/", "Content-Length: 100000", method="POST", body=b"x" * 100000)
            self.assertEqual(r.body, b"plain\n")
            if (r["Connection"] or "").lower() != "close":
                self.assertEqual(c.get("/r/").body, b"plain\n")

    def test_content_is_cut_short(self):
        for target in ("walk?R", "read"):
            if target == "read" and self.runs == "loop":
                continue
            for fields, body in ((("Content-Length: 10",), b"abc"),
                                 (("Transfer-Encoding: chunked",), b"5\r\nab")):
                calls = counts(self.server)["calls"]
                with Client(self.server) as c:
                    c.request("/r/" + target, *fields, method="POST", body=body)
                    self.assertTrue(eventually(lambda: counts(self.server)["calls"] > calls + 1))
                assert_balanced(self, self.server)
        self.assertEqual(self.call("").body, b"plain\n")

    def test_content_is_broken(self):
        target = "walk?R" if self.runs == "loop" else "read"
        with Client(self.server) as c:
            c.request("/r/" + target, "Transfer-Encoding: chunked", method="POST", body=b"zz\r\n")
            r = c.read()
            self.assertIn(r.status, (200, 400, 500))
            if r.status == 200:
                self.assertTrue(r.body.endswith(b" -5014"), r.body)  # WEIR_EBADMSG
            else:
                self.assertEqual(counts(self.server)["results"][0], -5014)
        assert_balanced(self, self.server)

    def test_expect_continue(self):
        with Client(self.server) as c:  # nobody reads: no 100
            interim = []
            c.request("/r/", "Content-Length: 3", "Expect: 100-continue", method="POST")
            self.assertEqual(c.read(interim=interim).body, b"plain\n")
            self.assertEqual(interim, [])
        with Client(self.server) as c:
            c.request("/r/walk?R", "Content-Length: 3", "Expect: 100-continue", method="POST")
            self.assertEqual(c.read_head().status, 100)
            c.send(b"abc")
            self.assertEqual(c.read().body, b"abc")
        assert_balanced(self, self.server)

    # -- clients that vanish --

    def test_clients_vanish(self):
        for target in ("walk?B", "walk?bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", "walk?ca", "walk?a"):
            for leave in (Client.close, Client.reset):
                if target == "walk?a" and leave is Client.close:
                    continue  # a FIN alone: the answer would still go out
                with self.subTest(target, leave=leave.__name__):
                    holds = counts(self.server)["held"]
                    c = Client(self.server, rcvbuf=4096)
                    c.request("/r/" + target)
                    if target.endswith("a"):
                        self.assertTrue(eventually(lambda: counts(self.server)["held"] > holds))
                    else:
                        c.read_head()
                    leave(c)
                    assert_balanced(self, self.server)
        self.assertEqual(self.call("").body, b"plain\n")

    def test_clients_vanish_at_once(self):
        def vanish(i):
            for _ in range(20):
                c = Client(self.server)
                c.request("/r/" + ("deferred?bbb", "owned", "no-start", "walk?B")[i])
                (c.reset if i % 2 else c.close)()
        in_threads(4, vanish)
        assert_balanced(self, self.server)


class OnLoop(Rules, ServerCase):
    runs, language = "loop", "c"


class InThread(Rules, ServerCase):
    runs, language = "thread", "c"

    def test_read_to_the_end(self):
        data = b"abcdefgh" * 50000
        total = 0
        for byte in data:
            total = (total * 31 + byte) % (1 << 64)
        r = self.call("read", method="POST", body=data, *["Content-Length: %d" % len(data)])
        self.assertEqual(r.body, b"%d %d 0" % (len(data), total))
        self.assertEqual(counts(self.server)["results"][:2], [0, 0])

    def test_read_waits(self):
        with Client(self.server) as c:
            c.request("/r/read", "Content-Length: 3", "Expect: 100-continue", method="POST")
            self.assertEqual(c.read_head().status, 100)
            for piece in (b"a", b"b", b"c"):
                c.send(piece)
            self.assertTrue(c.read().body.startswith(b"3 "))


class OnLoopCxx(Rules, ServerCase):
    runs, language = "loop", "cxx"


class InThreadCxx(Rules, ServerCase):
    runs, language = "thread", "cxx"


class Waking(TempCase):
    def test_one_request_wakes_another(self):
        for runs in RUNS:
            s = self.serve("--plugin", "/r=" + rules(runs), loops=1)
            with Client(s) as c:
                c.request("/r/walk?bac")
                self.assertTrue(eventually(lambda: counts(s)["held"] == 1))
                with Client(s) as other:
                    other.get("/r/wake")
                self.assertEqual(len(c.read().body), 65540)
            assert_balanced(self, s)
            s.stop()


class Buffered(TempCase):
    def test_all_of_it_or_413(self):
        for runs in RUNS:
            s = self.serve("--plugin", "/r=" + rules(runs, BUFFER=1000))
            with Client(s) as c:
                for target in ("content", "content/read"):
                    r = c.get("/r/" + target, "Content-Length: 1000", method="POST", body=b"y" * 1000)
                    self.assertEqual(r.body, b"y" * 1000)
                    r = c.get("/r/" + target, "Transfer-Encoding: chunked", method="POST",
                              body=b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
                    self.assertEqual(r.body, b"abcde")
            calls = counts(s)["calls"]
            for fields, body in ((("Content-Length: 1001",), b"y" * 1001),
                                 (("Content-Length: 99999999999",), b""),
                                 (("Transfer-Encoding: chunked",), b"3e9\r\n" + b"y" * 1001)):
                with Client(s) as c:
                    c.request("/r/content", *fields, method="POST", body=body)
                    self.assertEqual(c.read().status, 413)
            with Client(s) as c:
                c.request("/r/content", "Content-Length: 1001", "Expect: 100-continue", method="POST")
                self.assertEqual(c.read().status, 413)
            with Client(s) as c:
                c.request("/r/content", "Content-Length: 10", method="POST", body=b"half")
            self.assertEqual(counts(s)["calls"], calls + 1)  # it was called for none of them
            s.stop()


class Blocking(TempCase):
    def setUp(self):
        super().setUp()
        self.fifo = os.path.join(self.temp, "fifo")
        os.mkfifo(self.fifo)

    def test_queue_is_full(self):
        self.root_file = write_file(self.path("index.html"), "folder")
        s = self.serve("--plugin", "/r=" + rules("thread"), "--threads", "1", "--queue", "1",
                       "--plugin", "/l=" + rules("loop"))
        with Client(s) as busy, Client(s) as queued:
            busy.request("/r/block?" + self.fifo)
            w = os.open(self.fifo, os.O_WRONLY)  # returns when the app has opened its end
            queued.request("/r/owned")
            # Whether it waits yet is not to be seen: from then on the next ones are refused.
            def is_refused():
                with Client(s) as c:
                    c.sock.settimeout(0.2)
                    c.request("/r/owned")
                    with contextlib.suppress(TimeoutError, socket.timeout):
                        r = c.read()
                        return r.status == 503 and int(r["Retry-After"]) > 0
                return False
            self.assertTrue(eventually(is_refused))
            with Client(s) as c:  # the loops are not in the way
                self.assertEqual(c.get("/").body, b"folder")
                self.assertEqual(c.get("/l/").body, b"plain\n")
            os.close(w)
            self.assertEqual(busy.read().body, b"mine")
            self.assertIn(queued.read().status, (200, 503))
        self.assertTrue(eventually(lambda: "503" in s.log()))  # it has a thread of its own
        assert_balanced(self, s)

    def test_client_vanishes_while_the_app_runs(self):
        s = self.serve("--plugin", "/r=" + rules("thread"))
        c = Client(s)
        c.request("/r/block?" + self.fifo)
        w = os.open(self.fifo, os.O_WRONLY)
        c.reset()
        with Client(s) as other:  # a turn of the loops, at least
            other.get("/r/")
        os.close(w)
        assert_balanced(self, s)
        s.stop()

    def test_stop_waits_for_it(self):
        s = self.serve("--plugin", "/r=" + rules("thread"))
        with Client(s) as c:
            c.request("/r/block?" + self.fifo)
            w = os.open(self.fifo, os.O_WRONLY)
            s.terminate()
            self.assertTrue(eventually(lambda: "stopping" in s.log()))
            os.close(w)
            self.assertEqual(c.read().body, b"mine")
        s.wait()
        s.stop()


class Serial(TempCase):
    def test_never_two_at_once(self):
        for runs in RUNS:
            s = self.serve("--plugin", "/r=" + rules(runs, SERIAL=1), loops=3)

            def work(i, s=s):
                with Client(s) as c:
                    for j in range(40):
                        target = ("owned", "walk?ccc", "deferred?cc", "no-start")[(i + j) % 4]
                        c.get("/r/" + target)
            in_threads(6, work)
            assert_balanced(self, s)
            n = counts(s)
            self.assertEqual((n["overlaps"], n["other_thread"]), (0, 0), runs)
            self.assertGreaterEqual(n["calls"], 240)
            s.stop()


class Mounts(TempCase):
    def get(self, server, target, host=None):
        with Client(server) as c:
            if host:
                c.host = host
            return c.get(target)

    def test_two_routes_of_a_file(self):
        file = rules("loop")
        s = self.serve("--plugin", '/a=%s:{"mark": "A"}' % file, "--plugin",
                       '/b=%s:{"mark": "B", "unknown": 1}' % file)
        self.assertEqual(self.get(s, "/a/state").body, b"A")
        self.assertEqual(self.get(s, "/b/state").body, b"B")
        n, m = counts(s, "/a"), counts(s, "/b")
        self.assertEqual(n["loads"], 2)
        self.assertEqual(m["calls"], n["calls"] + 1)  # one count of both
        self.assertTrue(eventually(lambda: "unknown" in s.log()))
        warnings = [line for line in s.log().splitlines() if "unknown" in line]
        self.assertEqual(len(warnings), 1, s.log())
        self.assertRegex(warnings[0], r"1:\d+: /unknown")

    def test_routes(self):
        write_file(self.path("index.html"), "folder")
        file = rules("loop")
        marks = ("/p", "/p/q", "=/p/exact", "example.org/p", "=/only")
        options = []
        for mark in marks:
            options += ["--plugin", '%s=%s:{"mark": "%s"}' % (mark, file, mark)]
        s = self.serve(*options)
        for host, target, mark in (
                (None, "/p/state", "/p"), (None, "/p/q/state", "/p/q"),
                ("example.org", "/p/state", "example.org/p"),
                ("EXAMPLE.org:99", "/p/q/state", None),
                ("example.com", "/p/state", "/p")):
            r = self.get(s, target, host)
            self.assertEqual((r.status, r.body.decode()), (200, mark) if mark else (404, r.body.decode()),
                             (host, target))
        for target, script, path in (("/p/key/SCRIPT_NAME", "[/p]", "[/key/PATH_INFO]"),
                                     ("/p/q/key/SCRIPT_NAME", "[/p/q]", "[/key/PATH_INFO]")):
            self.assertEqual(self.get(s, target).body.decode(), script)
            self.assertEqual(self.get(s, target.replace("SCRIPT_NAME", "PATH_INFO")).body.decode(),
                             path)
        self.assertEqual(self.get(s, "/p").body, b"plain\n")
        self.assertEqual(self.get(s, "/only").body, b"plain\n")
        for target in ("/pq", "/only/", "/only/x", "/pp/state"):
            self.assertEqual(self.get(s, target).status, 404, target)
        self.assertEqual(self.get(s, "/").body, b"folder")

    def test_root(self):
        write_file(self.path("decline"), "of the folder")
        s = self.serve("--plugin", "/=" + rules("loop"))
        self.assertEqual(self.get(s, "/key/SCRIPT_NAME").body, b"[]")
        self.assertEqual(self.get(s, "/key/PATH_INFO").body, b"[/key/PATH_INFO]")
        self.assertEqual(self.get(s, "/decline").body, b"of the folder")

    def test_balance_of_a_life(self):
        for runs, threads in (("loop", 0), ("thread", 3)):
            trace = os.path.join(self.temp, "trace-" + runs)
            s = self.serve("--plugin", "/r=" + loads("ORDER" if threads else "GOOD"), "--threads", "3",
                           env={"WEIR_TEST_TRACE": trace})
            self.assertEqual(self.get(s, "/r").body, b"loaded 0")
            s.stop()
            with open(trace) as f:
                lines = f.read().split()
            self.assertEqual(lines[0], "load")
            self.assertEqual(lines[-1], "unload")
            for what, n in (("load", 1), ("unload", 1), ("thread_start", threads),
                            ("thread_stop", threads)):
                self.assertEqual(lines.count(what), n, (runs, what, lines))
            self.assertEqual(lines.count("loop_start"), lines.count("loop_stop"))


if __name__ == "__main__":
    unittest.main()
