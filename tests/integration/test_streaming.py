"""Streaming both ways, over sockets: content as it comes, answers as they are made.

Each test is run on the loop, in threads, and serial in both, in C11 and C++17 (streams.c). That clients
stall, reset and vanish is in test_streaming_clients.py.
"""
import http.client
import json
import os
import unittest

from streaming import (EBADMSG, ENOTSUP, ESTATE, ESYSTEM, ETOOBIG, NOT_CALLED, StreamCase, chunked,
                       each_way, made, streams, told)
from support import PATIENCE, Client, Closed, TempCase, eventually, in_threads, write_file
from building import CXX, build

READERS = ("discard", "discard-later", "next-discard", "read-all-next")
CODINGS = ("length", "chunked")


def framed(data, coding, piece=7777):
    if coding == "chunked":
        return ("Transfer-Encoding: chunked",), chunked(data, piece)
    return ("Content-Length: %d" % len(data),), data


class Content:
    def test_all_of_it(self):
        for size in (0, 1, 4096, 65536, 65537, 400000):
            for coding in CODINGS:
                for target in READERS:
                    with self.subTest(size=size, coding=coding, target=target):
                        r = self.post(target, made(size), coding=coding)
                        self.assertEqual((r.status, r.body), (200, told(made(size))))
        self.assertEqual(self.call("discard").body, told(b""))  # there is none
        self.assertEqual(self.call("next-discard").body, told(b""))

    def test_in_one_connection(self):
        with self.open() as c:
            for target in READERS * 2:
                r = c.get("/%s/%s" % (self.way, target), "Content-Length: 70000", method="POST",
                          body=made(70000))
                self.assertEqual(r.body, told(made(70000)))

    def test_pipelined(self):
        data = made(3000)
        head = "POST /%s/%s HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        with self.open() as c:
            c.send(b"".join((head % (self.way, t)).encode() + chunked(data, 99) for t in READERS * 3))
            for _ in READERS * 3:
                self.assertEqual(c.read().body, told(data))

    def test_byte_by_byte(self):
        """Of the app's reads, and of what comes."""
        data = made(60)
        for target in ("discard?1", "next-discard?1", "next-echo?1", "echo?1"):
            for coding in CODINGS:
                with self.subTest(target, coding=coding):
                    fields, body = framed(data, coding, 7)
                    c = self.begin(target, *fields, method="POST")
                    for i in range(len(body)):
                        c.send(body[i:i + 1])
                    self.assertEqual(c.read().body, data if "echo" in target else told(data))

    def test_split_at_each_offset(self):
        """Head and content, in two pieces that arrive apart."""
        data = made(12)
        for target, body in (("discard", told(data)), ("read-all", data), ("next-echo?5", data),
                             ("echo", data), ("read-file?" + self.temp, data)):
            text = ("POST /%s/%s HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" %
                    (self.way, target)).encode() + chunked(data, 5)
            with self.open() as c:
                for at in range(1, len(text)):
                    c.send(text[:at])
                    self.barrier()
                    c.send(text[at:])
                    r = c.read()
                    self.assertEqual((r.status, r.body), (200, body), (target, at))

    def test_each_piece_arrives_apart(self):
        data = made(30)
        for coding in CODINGS:
            fields, body = framed(data, coding, 3)
            c = self.begin("discard", *fields, method="POST")
            for i in range(0, len(body), 2):
                c.send(body[i:i + 2])
                self.barrier()
            self.assertEqual(c.read().body, told(data))

    def test_what_is_left_is_not_the_next_request(self):
        for size in (10, 100000, 600000):  # below and above discard_bytes_max
            for target in ("leave?3", "", "read-nothing"):
                for coding in CODINGS:
                    fields, body = framed(b"GET /l/ HTTP/1.1\r\n\r\n" * (size // 20), coding)
                    with self.open() as c:
                        def send(c=c, target=target, fields=fields, body=body):
                            try:
                                c.request("/%s/%s" % (self.way, target), *fields, method="POST", body=body)
                            except OSError:
                                pass  # given up
                        answers = []
                        in_threads(2, lambda i: answers.append(c.read()) if i else send())
                        self.assertEqual(answers[0].status, 200)
                        if (answers[0]["Connection"] or "").lower() == "close":
                            continue
                        try:
                            self.assertEqual(c.get("/%s/" % self.way).body, b"plain\n")
                        except (Closed, OSError):
                            self.assertEqual(size, 600000)  # too much to be dropped

    # -- all of it at once --

    def test_read_all(self):
        for size in (0, 1, 65536, 300000):
            for coding in CODINGS:
                r = self.post("read-all", made(size), coding=coding)
                self.assertEqual((r.status, r.body), (200, made(size)), (size, coding))
                self.results(None, 0, None, ESTATE, ESTATE, size, 0)
        self.assertEqual(self.post("read-some/7", made(300)).body, made(293, 7))
        self.assertEqual(self.call("read-all").body, b"")

    def test_read_all_limit(self):
        for coding in CODINGS:
            self.assertEqual(self.post("read-all/100", made(100), coding=coding).body, made(100))
            self.assertEqual(self.post("read-all/99", made(100), coding=coding).status, 413)
            self.assertEqual(self.post("read-all/0", made(1), coding=coding).status, 413)
            self.assertEqual(self.post("read-all/99999", made(100000), coding=coding).status, 413)
        with self.open() as c:  # nothing of it has to come
            c.request("/%s/read-all/9" % self.way, "Content-Length: 10", method="POST")
            self.assertEqual(c.read().status, 413)

    def test_read_file(self):
        for size in (0, 1, 65536, 65537, 3000000):
            for coding in CODINGS:
                r = self.post("read-file?" + self.temp, made(size), coding=coding)
                self.assertTrue(r.status == 200 and r.body == made(size), (size, coding, r))
                self.results(None, 0, None, None, None, size)
        self.assertEqual(self.call("read-file?" + self.temp).body, b"")

    def test_read_file_limit(self):
        for coding in CODINGS:
            for size, limit in ((101, 100), (1, 0), (300000, 299999)):
                r = self.post("read-file/%d?%s" % (limit, self.temp), made(size), coding=coding)
                self.assertEqual(r.status, 413)
            r = self.post("read-file/300000?" + self.temp, made(300000), coding=coding)
            self.assertEqual(len(r.body), 300000)

    def test_read_file_that_cannot_be_written(self):
        before = len(self.server.log())
        for size in (1, 100000, 1000000):
            c = self.open()
            def send():
                try:
                    c.request("/%s/read-file-size?/dev/full" % self.way, "Content-Length: %d" % size,
                              method="POST", body=made(size))
                except OSError:
                    pass  # given up
            answers = []
            in_threads(2, lambda i: answers.append(c.read()) if i else send())
            self.assertEqual((answers[0].status, answers[0].body), (200, b"%d" % ESYSTEM))
        self.assertTrue(eventually(lambda: "No space left" in self.server.log()[before:]))

    # -- limits --

    def test_limit(self):
        for coding in CODINGS:
            r = self.post("limit/100", made(100), coding=coding)
            self.assertEqual((r.status, r.body), (200, told(made(100))))
            self.results(None, 0, ESTATE)
            self.assertEqual(self.post("limit/99", made(100), coding=coding).status, 413)
            self.assertEqual(self.post("limit/0", made(1), coding=coding).status, 413)
            self.assertEqual(self.post("limit-next/5", made(100), coding=coding).status, 413)
        self.post("limit/99", made(100))
        self.results(NOT_CALLED, ETOOBIG)  # at once
        self.post("limit/99", made(100), coding="chunked")
        self.results(ETOOBIG, 0)
        self.assertEqual(self.call("limit/0").body, told(b""))

    def test_limit_needs_no_content(self):
        with self.open() as c:
            c.request("/%s/limit/5" % self.way, "Content-Length: 10", method="POST")
            self.assertEqual(c.read().status, 413)

    def test_limit_of_the_server(self):
        for target in READERS:
            with self.open() as c:
                c.request("/%s/%s" % (self.way, target), "Content-Length: 999999999999", method="POST")
                self.assertEqual(c.read().status, 413)

    # -- 100 Continue (RFC 9110 10.1.1) --

    def expecting(self, target, size, *fields, **how):
        return self.begin(target, "Content-Length: %d" % size, "Expect: 100-continue", *fields,
                          method="POST", **how)

    def test_continue_on_the_first_read(self):
        for target in (*READERS, "read-all", "read-file?" + self.temp, "next-echo", "limit/100", "echo"):
            with self.subTest(target):
                interim = []
                c = self.expecting(target, 100)
                r = c.read_head()
                if target in ("next-echo", "echo") and r.status == 200:
                    continue
                self.assertEqual(r.status, 100)
                c.send(made(50))
                self.barrier()
                c.send(made(50, 50))
                r = c.read(interim=interim)
                self.assertEqual((r.status, interim), (200, []))
                self.assertIn(r.body, (made(100), told(made(100))))

    def test_continue_never_otherwise(self):
        for target, status in (("", 200), ("limit/5", 413), ("read-all/5", 413), ("iter/10", 200),
                               ("read-file/5?" + self.temp, 413), ("unknown", 404)):
            with self.subTest(target):
                interim = []
                c = self.expecting(target, 10)
                self.assertEqual(c.read(interim=interim).status, status)
                self.assertEqual(interim, [])
        for fields, version in ((("Content-Length: 10",), "HTTP/1.1"),
                                (("Content-Length: 10", "Expect: 100-continue"), "HTTP/1.0")):
            with self.open() as c:
                interim = []
                c.request("/%s/discard" % self.way, *fields, method="POST", version=version)
                self.barrier()
                c.send(made(10))
                self.assertEqual(c.read(interim=interim).body, told(made(10)))
                self.assertEqual(interim, [])

    def test_continue_split_at_each_offset(self):
        text = ("POST /%s/discard HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n"
                "Expect: 100-continue\r\n\r\n" % self.way).encode()
        with self.open() as c:
            for at in range(1, len(text)):
                c.send(text[:at])
                self.barrier()
                c.send(text[at:])
                self.assertEqual(c.read_head().status, 100, at)
                c.send(b"abcd")
                self.assertEqual(c.read().body, told(b"abcd"))

    # -- what is lost --

    def test_broken(self):
        for target in ("discard", "discard-later", "next-discard"):
            for piece in (b"zz\r\n", b"3\r\nabcX\r\n", b"FFFFFFFFFFFFFFFFF\r\n"):
                with self.subTest(target, piece=piece):
                    c = self.begin(target, "Transfer-Encoding: chunked", method="POST")
                    self.barrier()
                    c.send(piece)
                    r = c.read()
                    self.assertIn(r.status, (200, 400, 413))
                    if target.startswith("discard"):  # a size past all bounds may be either
                        self.assertIn(self.counts("results")[0],
                                      (EBADMSG, ETOOBIG) if piece[0] == 70 else (EBADMSG,))

    def test_cut_short(self):
        for target in (*READERS, "read-all", "read-file?" + self.temp, "echo", "next-echo", "limit/100"):
            for fields, body in ((("Content-Length: 10",), b"abc"),
                                 (("Transfer-Encoding: chunked",), b"5\r\nab")):
                for leave in (Client.close, Client.reset, Client.shut):
                    with self.subTest(target, fields=fields, leave=leave.__name__):
                        has_begun = self.until("requests")
                        c = self.begin(target, *fields, method="POST", body=body)
                        has_begun()
                        leave(c)
                        self.assert_balanced()

    # -- trailers --

    def test_trailers_of_the_request(self):
        for trailers in ((), ("X-One: 1",), ("X-One: 1", "x-two:  2 ", "X-One: 3")):
            r = self.call("tell-trailers", "Transfer-Encoding: chunked", method="POST",
                          body=chunked(made(100), 7, trailers))
            want = "".join("%s=%s\n" % tuple(p.strip() for p in t.split(":")) for t in trailers)
            self.assertEqual(r.body.decode(), want)
        self.assertEqual(self.post("tell-trailers", b"abc").body, b"")


class Output:
    def test_written(self):
        for total, piece in ((0, 1), (1, 1), (100, 7), (65536, 65536), (1000000, 1000),
                             (3000000, 65536), (20000000, 16000000)):
            for target in ("write", "write-later", "write-in-next", "iter"):
                with self.subTest(target, total=total, piece=piece):
                    r = self.call("%s/%d?%d" % (target, total, piece))
                    self.assertEqual(r.status, 200)
                    self.assertTrue(r.body == made(total), "%d bytes" % len(r.body))
                    if target == "write":
                        self.results(0)

    def test_written_to_old_clients(self):
        for target in ("write", "write-later", "write-in-next", "iter"):
            r = self.call(target + "/300000?1000", version="HTTP/1.0")
            self.assertIsNone(r["Transfer-Encoding"])
            self.assertTrue(r.body == made(300000))

    def test_written_to_a_slow_client(self):
        for target in ("write", "write-later", "write-in-next", "iter"):
            c = self.begin(target + "/3000000?50000", rcvbuf=4096)
            self.barrier()
            r = c.read()
            self.assertTrue(r.body == made(3000000), target)

    def test_nothing_of_it_with_head(self):
        for target in ("write/100?10", "write-later/100?10", "write-in-next/100", "iter/100",
                       "write-text", "write-owned", "write-iter", "write-next", "mixed?" + self.data,
                       "write-file?" + self.data, "write/30000000"):
            with self.subTest(target), self.open() as c:
                for _ in range(2):
                    r = c.get("/%s/%s" % (self.way, target), method="HEAD")
                    self.assertEqual((r.status, r.body), (200, b""))

    def test_nothing_without_end_with_head(self):
        """Who writes until it is told to wait, for ever, is told so."""
        for target in ("write", "write?1", "write-later", "write-in-next", "iter"):
            with self.subTest(target), self.open() as c:
                for _ in range(2):
                    r = c.get("/%s/%s" % (self.way, target), method="HEAD")
                    self.assertEqual((r.status, r["Content-Length"], r.body), (200, None, b""))
        for status in (204, 205, 304):
            r = self.call("write-status/%d?on" % status)
            self.assertEqual((r.status, r.body), (status, b""))

    def test_written_and_returned(self):
        for target, body in (("write-text", b"written text"), ("write-owned", b"written owned"),
                             ("write-file?" + self.data, b"written " + made(99990, 10)),
                             ("write-iter", b"written " + made(500)), ("write-next", b"a1b2c3"),
                             ("write-none", b"text")):
            with self.subTest(target), self.open() as c:
                for _ in range(2):
                    self.assertEqual(c.get("/%s/%s" % (self.way, target)).body, body)
            with self.subTest(target, version="1.0"):
                self.assertEqual(self.call(target, version="HTTP/1.0").body, body)

    def test_written_with_a_length(self):
        for n in (2, 10, 60000):
            r = self.call("write-length/%d?%d" % (n, n))
            self.assertEqual((r["Content-Length"], r.body), (str(n), b"h" * n))
            self.assert_serves()

    def test_mistakes(self):
        """Where something was sent: no end, and not a byte too many. Where nothing was: 500."""
        for target in ("write-unstarted", "write-null"):
            self.assertEqual(self.call(target).status, 500, target)
            self.assertLess(self.counts("results")[0], 0)
        for target in ("write-replace", "write-error", "write-decline", "write-length/100?50",
                       "write-length/3?10"):
            with self.subTest(target):
                with self.open() as c:
                    c.request("/%s/%s" % (self.way, target))
                    try:
                        r = c.read()
                    except (Closed, ConnectionResetError):
                        continue
                    self.assertIn(r.status, (500,), r.body)
        self.assert_serves()

    def test_written_where_there_is_no_body(self):
        for status in (204, 304):
            with self.open() as c:
                r = c.get("/%s/write-status/%d" % (self.way, status))
                self.assertIn(r.status, (status, 500))
                self.assertEqual(c.get("/%s/" % self.way).body, b"plain\n")

    def test_mixed(self):
        f = made(100000)
        want = b"<memory>".join([b"", f[:10], f[1000:71000], b"", f[99999:], f[5:]])
        for version in ("HTTP/1.1", "HTTP/1.0"):
            r = self.call("mixed?" + self.data, version=version)
            self.assertTrue(r.body == want, "%d, not %d" % (len(r.body), len(want)))
        c = self.begin("mixed?" + self.data, rcvbuf=4096)
        self.barrier()
        self.assertTrue(c.read().body == want)

    def test_a_piece_of_a_file_that_is_missing(self):
        self.assertEqual(self.call("missing/a?" + self.data).status, 500)
        self.assertEqual(self.call("missing/a?/nothing").status, 500)
        self.assertEqual(self.call("missing/a?" + self.temp).status, 500)  # a folder
        self.assert_cut("missing/b?" + self.data)
        self.assert_cut("missing/b?/nothing")
        self.assert_serves()

    # -- both at once --

    def test_echo(self):
        data = made(3000000)
        for target in ("echo", "echo?1000", "next-echo", "next-echo?1000"):
            for coding in CODINGS:
                for version in ("HTTP/1.1", "HTTP/1.0"):
                    if version == "HTTP/1.0" and coding == "chunked":
                        continue
                    with self.subTest(target, coding=coding, version=version), self.open() as c:
                        fields, body = framed(data, coding)
                        answers = []
                        in_threads(2, lambda i: answers.append(c.read()) if i else c.request(
                            "/%s/%s" % (self.way, target), *fields, method="POST", body=body,
                            version=version))
                        self.assertTrue(answers[0].body == data, len(answers[0].body))

    def test_echo_is_a_dialogue(self):
        for target in ("echo", "next-echo"):
            with self.open() as c:
                c.request("/%s/%s" % (self.way, target), "Transfer-Encoding: chunked", method="POST",
                          body=b"1\r\na\r\n")
                r = c.read_head()
                c.expect(r, b"a")
                for i in range(50):
                    c.send(chunked(made(100, i), 7)[:-5])
                    c.expect(r, made(100, i))
                c.send(b"0\r\n\r\n")
                self.assertEqual(c.piece(r), b"")
                c._line()
                self.assertEqual(c.get("/%s/" % self.way).body, b"plain\n")

    # -- waiting --

    def wake(self):
        self.assertEqual(self.call("wake").body, b"1")

    def test_wake(self):
        for target, first in (("wait", b"first "), ("wait-first", b"")):
            is_waiting = self.until("waiting")
            c = self.begin(target)
            is_waiting()
            self.wake()
            self.assertEqual(c.read().body, first + b"second")

    def test_other_events_do_not_wake(self):
        """Content that nobody reads, a client that half-closes."""
        is_waiting = self.until("waiting")
        c = self.begin("wait", "Content-Length: 10", method="POST")
        is_waiting()
        nexts = self.counts("nexts")
        c.send(b"abcde")
        self.barrier()
        c.send(b"fghij")
        self.barrier()
        self.assertEqual(self.counts("nexts"), nexts)
        self.wake()
        self.assertEqual(c.read().body, b"first second")

    def test_heartbeat(self):
        is_waiting = self.until("waiting")
        c = self.begin("heartbeat/5")
        is_waiting()
        r = c.read_head()
        c.expect(r, b"first ")
        for _ in range(3):
            c.expect(r, b"beat ")
        self.wake()
        r.body = c._chunked(r)
        self.assertRegex(r.body, rb"\A(beat )*second\Z")

    # -- around the content --

    def test_trailers(self):
        data = made(1000)
        for coding in CODINGS:
            fields, body = framed(data, coding)
            with self.open() as c:
                r = c.get("/%s/trailers" % self.way, *fields, "TE: trailers", method="POST", body=body)
                self.assertEqual(r.body, data)
                self.assertEqual(dict(r.trailers)["X-Sum"], told(data).split()[1].decode())
                self.assertEqual(dict(r.trailers)["X-Late"], "late")
                self.assertIn("x-sum", (r["Trailer"] or "").lower())
                self.assertEqual(c.get("/%s/" % self.way).body, b"plain\n")
        r = self.post("trailers", data, version="HTTP/1.0")
        self.assertEqual((r.body, r["Trailer"]), (data, None))

    def test_what_may_not_be_a_trailer(self):
        """RFC 9110 6.5.1, and what is no field at all."""
        for name in ("Content-Length", "transfer-encoding", "Host", "Authorization", "Content-Type",
                     "Cache-Control", "Trailer", "Set-Cookie", "", "a(b", "Connection"):
            with self.subTest(name):
                try:
                    r = self.call("trailer?" + name)
                    self.assertTrue(r.status == 500 or name == "Set-Cookie", r)
                except Closed:
                    pass
                if name != "Set-Cookie":
                    self.assertLess(self.counts("results")[1], 0)
        self.assertEqual(self.call("trailer?X-Good").trailers, [("X-Good", "v")])

    def test_hints(self):
        for method in ("GET", "HEAD"):
            with self.open() as c:
                interim = []
                c.request("/%s/hints" % self.way, method=method)
                r = c.read(method, interim=interim)
                self.assertEqual((r.status, r["Link"]), (200, None))
                self.assertEqual([(i.status, i["Link"], i["X-Other"]) for i in interim],
                                 [(103, "</a.css>; rel=preload", None), (103, "</b.js>; rel=preload", "1")])
                self.results(0, 0)
                self.assertEqual(c.get("/%s/" % self.way).body, b"plain\n")
        interim = []
        with self.open() as c:
            c.request("/%s/hints" % self.way, version="HTTP/1.0")
            self.assertEqual(c.read(interim=interim).status, 200)
        self.assertEqual(interim, [])
        self.results(ENOTSUP, ENOTSUP)

    # -- finish --

    def test_finish(self):
        self.assertEqual(self.call("finish-first").body, b"first")
        self.results(None, None, None, None, None, None, 0)
        self.assertEqual(self.call("finish-twice").body, b"once")
        self.results(ESTATE)
        self.assertEqual(self.call("finish-later").status, 500)
        self.assert_serves()

    # -- what fails --

    def kinds(self):
        return ("", "t", "n") if self.language == "cxx" else ("",)

    def test_failures(self):
        for where in ("app", "next", "input", "writable", "all", "file"):
            for kind in self.kinds():
                with self.subTest(where, kind=kind):
                    before = len(self.server.log())
                    r = self.call("explode/%s?%s" % (where, kind))
                    self.assertEqual((r.status, b"not sent" in r.body), (500, False))
                    self.assert_balanced()
                    said = {"": "exploded 7", "t": "exploded", "n": "no std::exception"}[kind]
                    self.assertTrue(eventually(lambda: said in self.server.log()[before:]))
                    line = [x for x in self.server.log()[before:].splitlines() if said in x][0]
                    self.assertIn("streams at /%s, request" % self.way, line)
                    self.assert_serves()

    def test_failures_with_content(self):
        for where in ("input", "all", "file"):
            for kind in self.kinds():
                c = self.begin("explode/%s?%s" % (where, kind), "Content-Length: 10", method="POST",
                               body=b"abc")
                self.barrier()
                c.send(b"defghij")
                self.assertEqual(c.read().status, 500)

    def test_failures_later(self):
        for kind in self.kinds():
            self.assert_cut("explode/next?%s5" % (kind or "f"))
            self.assert_balanced()

    def test_by_another_client(self):
        h = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=PATIENCE)
        for _ in range(3):
            h.request("POST", "/%s/echo" % self.way, body=iter([b"a" * 1000, b"b" * 1000]),
                      encode_chunked=True, headers={"Transfer-Encoding": "chunked"})
            self.assertEqual(h.getresponse().read(), b"a" * 1000 + b"b" * 1000)
            h.request("GET", "/%s/write/100000?100" % self.way)
            self.assertEqual(len(h.getresponse().read()), 100000)
        h.close()


each_way(Content, globals())
each_way(Output, globals())


class Gathered(TempCase):
    """.body_buffer_max with the new calls."""

    def test_all_of_it_is_there(self):
        for language in ("c", "cxx"):
            for runs in ("loop", "thread"):
                file = streams(language, BODY_MAX=1000)
                s = self.serve("--config", self.write_config(file, runs))
                for coding in CODINGS:
                    fields, body = framed(made(1000), coding)
                    with Client(s) as c:
                        for target, want in (("content", made(1000)), ("discard", told(made(1000))),
                                             ("discard-later", told(made(1000))),
                                             ("read-all", made(1000)), ("echo", made(1000)),
                                             ("next-echo", made(1000)),
                                             ("read-file?" + self.temp, made(1000))):
                            r = c.get("/x/" + target, *fields, method="POST", body=body)
                            self.assertEqual((r.status, r.body), (200, want), (target, runs, coding))
                        self.assertEqual(c.get("/x/limit/5", *fields, method="POST",
                                               body=body).status, 413)
                s.stop()

    def write_config(self, file, runs):
        path = os.path.join(self.temp, "weir.json")
        with open(path, "w") as f:
            f.write('{"routes": [{"path": "/x", "plugin": "%s", "runs": "%s"}]}' % (file, runs))
        return path


class Native(TempCase):
    """As a C++ programmer writes it, also without exceptions and run-time types."""

    def test_each_way(self):
        down = "".join("%d\n" % i for i in range(1000, 0, -1)).encode()
        # std::to_string() of GNU has a unique symbol; clang makes none.
        unique = () if "clang" in CXX else ("-fno-gnu-unique",)
        for flags in ((), ("-fno-exceptions", "-fno-rtti")):
            file = build("plugins/streams_native.cc", *unique, *flags, language="cxx")
            config = {"routes": [{"path": "/" + runs, "plugin": file, "runs": runs}
                                 for runs in ("loop", "thread")]}
            s = self.serve("--config", write_file(os.path.join(self.temp, "weir.json"),
                                                  json.dumps(config)))
            for runs in ("loop", "thread"):
                with Client(s) as c:
                    for target in ("reverse", "reverse-all"):
                        for coding in CODINGS:
                            fields, body = framed(made(200000), coding)
                            r = c.get("/%s/%s" % (runs, target), *fields, method="POST", body=body)
                            self.assertEqual(r.body, made(200000)[::-1])
                    self.assertEqual(c.get("/%s/count-down" % runs).body, down)
                    r = c.get("/%s/write-down" % runs)
                    self.assertEqual((r.body, r["X-Way"]), (down, "write"))
                    self.assertEqual(c.get("/%s/other" % runs).status, 404)
            s.stop()


if __name__ == "__main__":
    unittest.main()
