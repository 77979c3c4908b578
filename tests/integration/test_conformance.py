"""What docs/conformance.md says and no other test does: rules of RFC 9110 and 9112 as they are seen
from outside, where more than one part of the server has to keep them."""
import email.utils
import gzip
import json
import os
import re
import time
import unittest

from support import WEIR, Client, PageChecker, ServerCase, settle, write_file

PLUGINS = os.path.join(os.environ.get("WEIR_BUILD") or os.path.dirname(WEIR), "plugins")
IMF_FIXDATE = re.compile(r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d "
                         r"(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} "
                         r"\d\d:\d\d:\d\d GMT")


class Conformance(ServerCase):
    @classmethod
    def populate(cls):
        cls.options = ("--plugin", "/environ=" + os.path.join(PLUGINS, "environ/environ.so"),
                       "--plugin", "/echo=" + os.path.join(PLUGINS, "echo/echo.so"))
        write_file(os.path.join(cls.root, "a.txt"), "0123456789")
        write_file(os.path.join(cls.root, "smuggled"), "SMUGGLED")
        os.mkdir(os.path.join(cls.root, "folder"))
        write_file(os.path.join(cls.root, "folder/index.html"), "index")
        past = time.time() - 86400
        os.utime(os.path.join(cls.root, "a.txt"), (past, past))
        settle(os.path.join(cls.root, "smuggled"))

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        with Client(cls.server) as c:
            r = c.get("/a.txt")
        cls.etag, cls.modified = r["ETag"], r["Last-Modified"]

    def raw(self, head, body="", method="GET"):
        """A request with these lines as they are, and Host; the response."""
        with Client(self.server) as c:
            c.send(head + "\r\nHost: x\r\n\r\n" + body)
            return c.read(method)

    # -- RFC 9110 6.6.1, 5.6.7, 10.2.4 --

    def test_date_is_now_in_imf_fixdate(self):
        for target, method, status in (("/a.txt", "GET", 200), ("/folder", "GET", 301),
                                       ("/nosuch", "GET", 404), ("/a.txt", "POST", 405),
                                       ("/a.txt", "OPTIONS", 204), ("/environ", "GET", 200)):
            r = self.get(target, method=method)
            self.assertEqual(r.status, status)
            self.assertRegex(r["Date"], IMF_FIXDATE)
            told = email.utils.parsedate_to_datetime(r["Date"]).timestamp()
            self.assertLess(abs(told - time.time()), 5)
        self.assertRegex(self.get("/a.txt")["Last-Modified"], IMF_FIXDATE)

    def test_server_names_the_product_alone(self):
        self.assertEqual(self.get("/a.txt")["Server"], "Weir")

    # -- RFC 9110 6.2, 2.5: of versions --

    def test_responses_are_http_1_1_whatever_was_asked(self):
        for version in ("1.0", "1.1", "1.2", "1.9"):
            with Client(self.server) as c:
                c.send("GET /a.txt HTTP/%s\r\nHost: x\r\nConnection: close\r\n\r\n" % version)
                while c.fill():
                    pass
                self.assertTrue(c.buffer.startswith(b"HTTP/1.1 200 OK\r\n"), version)

    def test_505_says_which_versions_are_spoken(self):
        r = self.raw("GET / HTTP/2.0")
        self.assertEqual(r.status, 505)
        page = PageChecker(r.body.decode())
        for version in ("HTTP/1.0", "HTTP/1.1"):
            self.assertIn(version, page.text)

    # -- RFC 9112 3, RFC 9110 4.1: lengths that are to be supported --

    def test_request_line_of_8000_octets_is_served(self):
        target = "/a.txt?" + "q" * (8000 - len("/a.txt?"))
        self.assertEqual(self.get(target).status, 200)

    # -- RFC 9112 3.2.2: the absolute form --

    def test_absolute_target_overrides_host(self):
        for host in ("x", "", "evil.example:1"):
            with Client(self.server) as c:
                c.send("GET http://a.example:81/environ HTTP/1.1\r\nHost: %s\r\n\r\n" % host)
                r = c.read()
            self.assertEqual(r.status, 200)
            self.assertIn(b"SERVER_NAME=a.example\n", r.body)

    # -- RFC 9110 15.5, 15.6, 9.3.2: what an error says --

    def test_errors_have_a_page_that_head_leaves_out(self):
        for target, fields, status in (
                ("/nosuch", (), 404), ("/%00", (), 400), ("/a.txt", ('If-Match: "x"',), 412),
                ("/a.txt", ("Expect: tea",), 417), ("/" + "a" * 9000, (), 414),
                ("/a.txt", ("X: y",) * 200, 431), ("/a.txt", ("Content-Length: 999999999999",), 413),
                ("/a.txt", ("Transfer-Encoding: gzip, chunked",), 501)):
            with self.subTest(status):
                r = self.get(target, *fields)
                self.assertEqual(r.status, status)
                self.assertEqual(r["Content-Type"], "text/html; charset=utf-8")
                self.assertIn(str(status), PageChecker(r.body.decode()).text)
                self.assertIsNone(r["Retry-After"])  # no limit is another one later
                with Client(self.server) as c:
                    h = c.get(target, *fields, method="HEAD")
                    self.assertEqual((h.status, h["Content-Length"]), (status, r["Content-Length"]))
                    if status in (404, 412):  # the others give the connection up
                        self.assertEqual(c.get("/a.txt").body, b"0123456789")
                    else:
                        self.assertTrue(c.is_ended())

    # -- RFC 9110 13: conditions --

    def test_dates_that_come_twice_are_no_dates(self):
        two = "%s: %s\r\n%s: %s"
        for name in ("If-Modified-Since", "If-Unmodified-Since"):
            for first, second in ((self.modified, self.modified),
                                  ("Thu, 01 Jan 1970 00:00:00 GMT", self.modified),
                                  (self.modified, "Thu, 01 Jan 1970 00:00:00 GMT")):
                r = self.get("/a.txt", two % (name, first, name, second))
                self.assertEqual((r.status, r.body), (200, b"0123456789"), name)

    def test_conditions_do_not_count_where_the_answer_is_another(self):
        fields = ('If-Match: "x"', "If-Unmodified-Since: Thu, 01 Jan 1970 00:00:00 GMT")
        for target, method, status in (("/nosuch", "GET", 404), ("/folder", "GET", 301),
                                       ("/a.txt", "POST", 405), ("/a.txt", "BREW", 501),
                                       ("/a.txt", "OPTIONS", 204), ("/%zz", "GET", 400)):
            for field in fields + ("If-None-Match: *",):
                self.assertEqual(self.get(target, field, method=method).status, status, target)
        self.assertEqual(self.get("*", fields[0], method="OPTIONS").status, 204)
        for method, target in (("CONNECT", "localhost:80"), ("TRACE", "/a.txt")):
            self.assertNotIn(self.get(target, fields[0], method=method).status, (304, 412))

    def test_304_has_what_a_cache_needs_and_no_content_type(self):
        for method in ("GET", "HEAD"):
            r = self.get("/a.txt", "If-None-Match: " + self.etag, method=method)
            self.assertEqual((r.status, r["ETag"]), (304, self.etag))
            self.assertIsNotNone(r["Date"])
            for name in ("Content-Type", "Content-Length", "Transfer-Encoding", "Content-Range"):
                self.assertIsNone(r[name])

    def test_if_range_counts_only_with_range(self):
        for value in ('"x"', self.etag, "nonsense"):
            r = self.get("/a.txt", "If-Range: " + value)
            self.assertEqual((r.status, r.body), (200, b"0123456789"))
        r = self.get("/folder", "Range: bytes=0-1", 'If-Range: "x"')
        self.assertEqual(r.status, 301)

    # -- RFC 9110 14, 15.3.7: ranges --

    def test_206_has_the_fields_of_the_200(self):
        whole = self.get("/a.txt")
        for field in ("X: y", "If-Range: " + self.etag, "If-Range: " + self.modified):
            r = self.get("/a.txt", "Range: bytes=2-4", field)
            self.assertEqual((r.status, r.body), (206, b"234"))
            self.assertEqual(r["Content-Range"], "bytes 2-4/10")
            self.assertIsNotNone(r["Date"])
            for name, value in whole.fields:
                if name not in ("Date", "Content-Length"):
                    self.assertEqual(r[name], value, name)

    def test_range_does_not_count_with_other_methods(self):
        for method, status in (("HEAD", 200), ("POST", 405), ("OPTIONS", 204), ("BREW", 501)):
            r = self.get("/a.txt", "Range: bytes=0-1", method=method)
            self.assertEqual(r.status, status, method)
            self.assertIsNone(r["Content-Range"])

    def test_content_range_and_content_location_of_a_request_mean_nothing(self):
        r = self.get("/a.txt", "Content-Range: bytes 0-1/10", "Content-Location: /smuggled")
        self.assertEqual((r.status, r.body), (200, b"0123456789"))

    # -- RFC 9110 7.8, 10.1.4, 5.1: fields that Weir has no use for --

    def test_upgrade_is_never_made(self):
        for protocol in ("websocket", "h2c", "HTTP/2.0", "TLS/1.0", "IRC/6.9"):
            for fields in (("Connection: Upgrade", "Upgrade: " + protocol),
                           ("Connection: upgrade", "Upgrade: " + protocol, "Expect: 100-continue")):
                interim = []
                with Client(self.server) as c:
                    c.request("/a.txt", *fields)
                    r = c.read(interim=interim)
                    self.assertEqual((r.status, interim, r["Upgrade"]), (200, [], None))
                    self.assertEqual(c.get("/a.txt").status, 200)

    def test_unknown_fields_are_ignored_and_reach_the_app(self):
        r = self.get("/environ", "X-Not-Known: \xe9\x80\xff", "Foo: bar", "Max-Forwards: 0",
                     "TE: trailers, gzip", "Trailer: X-T")
        self.assertEqual(r.status, 200)
        self.assertIn(b"X-Not-Known: \xe9\x80\xff", r.body)
        self.assertEqual(r.all("Trailer"), [])
        for field in ("From: a@b.example", "Accept: nothing/*;q=0", "Accept-Language: x", "Via: 1.1 x"):
            self.assertEqual(self.get("/a.txt", field).body, b"0123456789")

    def test_connection_options_name_no_field_away(self):
        """Connection is of this connection alone; an origin server hands the fields on as they are."""
        r = self.get("/a.txt", "Connection: Range, If-Match", "Range: bytes=0-1")
        self.assertEqual((r.status, r.body), (206, b"01"))

    def test_lists_may_have_empty_elements(self):
        r = self.get("/a.txt", "If-None-Match: , ,%s ,," % self.etag)
        self.assertEqual(r.status, 304)
        with Client(self.server) as c:
            r = c.get("/a.txt", "Connection: , ,close,")
            self.assertEqual((r.status, r["Connection"]), (200, "close"))
            self.assertTrue(c.is_ended())
        r = self.raw("POST /echo HTTP/1.1\r\nTransfer-Encoding: ,chunked , ",
                     "5\r\nhello\r\n0\r\n\r\n")
        self.assertIn(b"hello", r.body)

    def test_trailers_reach_no_field(self):
        """RFC 9110 6.5.1: none of them is merged into the header, and the next request is whole."""
        with Client(self.server) as c:
            c.send("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                   "5\r\nhello\r\n0\r\nContent-Length: 50\r\nHost: evil\r\nConnection: close\r\n"
                   "X-Trailed: TRAILED\r\n\r\n")
            r = c.read()
            self.assertEqual(r.status, 200)
            self.assertNotIn(b"TRAILED", r.body)
            self.assertNotIn("close", r.all("Connection"))
            self.assertEqual(c.get("/a.txt").body, b"0123456789")

    # -- RFC 9110 9: methods --

    def test_content_of_a_get_is_read_past(self):
        hidden = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
        for method in ("GET", "HEAD", "DELETE", "OPTIONS"):
            with Client(self.server) as c:
                c.send("%s /a.txt HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" %
                       (method, len(hidden), hidden))
                self.assertIn(c.read(method).status, (200, 204, 405))
                self.assertEqual(c.get("/a.txt").body, b"0123456789")

    def test_methods_that_files_lack_are_405_or_501(self):
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            r = self.get("/a.txt", method=method)
            self.assertEqual((r.status, r["Allow"]), (405, "GET, HEAD, OPTIONS"))
        for method in ("BREW", "get", "Get", "GETS", "PROPFIND"):
            self.assertEqual(self.get("/a.txt", method=method).status, 501, method)
        self.assertEqual(self.get("/a.txt").body, b"0123456789")

    # -- RFC 9112 2.2, 5: what the server itself sends --

    def test_every_line_of_a_head_ends_in_crlf(self):
        for head in ("GET /a.txt HTTP/1.1", "GET /folder HTTP/1.1", "GET /nosuch HTTP/1.1",
                     "OPTIONS * HTTP/1.1", "GET /environ HTTP/1.1", "nonsense"):
            with Client(self.server) as c:
                c.send(head + "\r\nHost: x\r\nConnection: close\r\n\r\n")
                while c.fill():
                    pass
                lines = c.buffer.split(b"\r\n\r\n")[0].split(b"\r\n")
            self.assertRegex(lines[0], rb"\AHTTP/1\.1 [2-5]\d\d [ -~]*\Z")
            for line in lines[1:]:
                self.assertRegex(line, rb"\A[A-Za-z-]+: [!-~]([ -~]*[!-~])?\Z")
            names = [line.split(b":")[0].lower() for line in lines[1:]]
            self.assertEqual(len(names), len(set(names)), lines)


TEXT = b"".join(b"line %04d of a text that is compressed\n" % i for i in range(400))
# What is beside the file is nobody's coding of it, so that one sees what was sent.
BESIDE = {"gz": gzip.compress(b"beside"), "br": b"what is in the file for br", "zst": b"and in that for zstd"}
CODINGS = ("identity", "gzip", "br", "zstd")


def multipart(r):
    """The parts of a 206, strictly as RFC 9110 14.6 and RFC 2046 5.1.1 write them: [({name: value}, content)]."""
    boundary = re.fullmatch("multipart/byteranges; boundary=([0-9A-Za-z'()+_,./:=?-]{1,70})", r["Content-Type"])[1]
    body, delimiter = b"\r\n" + r.body.removeprefix(b"\r\n"), b"\r\n--" + boundary.encode()
    before, *pieces, end = body.split(delimiter)
    assert (before, end) == (b"", b"--\r\n"), (before, end)
    parts = []
    for piece in pieces:
        head, blank, content = piece.partition(b"\r\n\r\n")
        first, *lines = head.decode("ascii").split("\r\n")
        assert first == "" and blank and "\n" not in "".join(lines), head
        parts.append((dict(line.split(": ", 1) for line in lines), content))
    return parts


class Representations(ServerCase):
    """RFC 9110 8.4, 8.8.3.3, 12.5.3, 12.5.5, 15.3.7.2: several representations of a file, several parts of one."""

    @classmethod
    def populate(cls):
        files = {"made.txt": TEXT, "beside.txt": TEXT, "image.png": TEXT, "ten.txt": b"0123456789"}
        for name, content in files.items():
            write_file(os.path.join(cls.root, name), content)
        for ending, content in BESIDE.items():
            write_file(os.path.join(cls.root, "beside.txt." + ending), content)
        settle(os.path.join(cls.root, "beside.txt.zst"))
        write_file(os.path.join(cls.temp, "weir.json"), json.dumps({"routes": [{"static": "www", "rules": [
            {"cache_control": "no-cache", "fields": {"Expires": "Thu, 01 Jan 1970 00:00:00 GMT"}},
            {"match": ["/image.png"], "deny": True}]}]}))
        cls.options = ("--quiet", "--config", os.path.join(cls.temp, "weir.json"))

    @classmethod
    def tearDownClass(cls):
        cls.root += "/"  # of which the configuration has it
        super().tearDownClass()

    def coded(self, target, coding, *fields, **how):
        return self.get(target, "Accept-Encoding: " + coding, *fields, **how)

    # -- 8.4 --

    def test_content_encoding_names_what_was_applied(self):
        for coding, ending in (("gzip", "gz"), ("br", "br"), ("zstd", "zst")):
            r = self.coded("/beside.txt", coding)
            self.assertEqual((r.status, r["Content-Encoding"], r.body), (200, coding, BESIDE[ending]))
            r = self.coded("/made.txt", coding)
            self.assertEqual((r.status, r["Content-Encoding"]), (200, coding))
            self.assertLess(len(r.body), len(TEXT))
            if coding == "gzip":
                self.assertEqual(gzip.decompress(r.body), TEXT)
            self.assertEqual(r["Content-Type"], "text/plain; charset=utf-8")
        for fields in ((), ("Accept-Encoding: identity",), ("Accept-Encoding: identity, gzip;q=0.5",)):
            for target in ("/made.txt", "/beside.txt"):
                r = self.get(target, *fields)
                self.assertEqual((r["Content-Encoding"], r.body), (None, TEXT))

    def test_x_gzip_is_gzip(self):
        for name in ("x-gzip", "X-GZip", "GZIP"):
            r = self.coded("/made.txt", name)
            self.assertEqual((r["Content-Encoding"], gzip.decompress(r.body)), ("gzip", TEXT))

    # -- 12.5.3, 12.4.2, 15.5.7 --

    def test_accept_encoding(self):
        for value, coding in (
                ("", None), ("deflate", None), ("compress, foo;q=1", None), ("gzip;q=0", None),
                ("*;q=0, identity", None),
                ("gzip;q=0, br;q=0, zstd;q=0, *", None), ("identity;q=1, gzip;q=0.999", None),
                ("gzip", "gzip"), ("*", "br"), ("gzip, zstd, br", "br"), ("gzip, zstd", "zstd"),
                ("br;q=0.5, gzip;q=0.8", "gzip"), ("br;q=0, *;q=0.1", "zstd"), ("gzip;q=0.001", "gzip"),
                ("identity;q=0, gzip;q=0.1", "gzip"), ("*;q=0, zstd", "zstd"),
                ("deflate, gzip;q=1.0, *;q=0.5", "gzip")):
            for target in ("/made.txt", "/beside.txt"):
                r = self.coded(target, value)
                self.assertEqual((r.status, r["Content-Encoding"]), (200, coding), value)
        r = self.get("/made.txt", "Accept-Encoding: br;q=0", "Accept-Encoding: gzip")
        self.assertEqual(r["Content-Encoding"], "gzip")

    def test_nothing_that_is_accepted_is_406(self):
        for value in ("identity;q=0", "*;q=0", "deflate, identity;q=0", "gzip;q=0, *;q=0"):
            for method in ("GET", "HEAD"):
                for fields in ((), ('If-Match: "x"',), ("If-None-Match: *",), ("Range: bytes=0-1",)):
                    r = self.coded("/made.txt", value, *fields, method=method)
                    self.assertEqual((r.status, r["Vary"]), (406, "Accept-Encoding"), value)
                    self.assertIsNone(r["Content-Range"])
        self.assertEqual(self.coded("/ten.txt", "gzip, identity;q=0").status, 406)  # too small for a coding

    # -- 8.8.3.3, 8.8.1, 13 --

    def test_each_representation_has_its_own_etag(self):
        for target in ("/made.txt", "/beside.txt"):
            tags = {c: self.coded(target, c)["ETag"] for c in CODINGS}
            self.assertEqual(len(set(tags.values())), len(CODINGS), tags)
            for coding, tag in tags.items():
                self.assertRegex(tag, r'^"[!#-~]+"$')
                for method in ("GET", "HEAD"):  # and goes with it wherever it is told
                    self.assertEqual(self.coded(target, coding, method=method)["ETag"], tag)
                self.assertEqual(self.coded(target, coding, "Range: bytes=0-1", "If-Range: " + tag)["ETag"], tag)

    def test_conditions_are_of_the_representation_that_was_chosen(self):
        for target in ("/made.txt", "/beside.txt"):
            tags = {c: self.coded(target, c)["ETag"] for c in CODINGS}
            for coding in CODINGS:
                for other in CODINGS:
                    same = coding == other
                    r = self.coded(target, coding, "If-Match: " + tags[other])
                    self.assertEqual(r.status, 200 if same else 412, (coding, other))
                    r = self.coded(target, coding, "If-None-Match: " + tags[other])
                    # Who has the identity, which is accepted as well, is told so: a 304 of that.
                    is_known = same or other == "identity"
                    self.assertEqual(r.status, 304 if is_known else 200, (coding, other))
                    self.assertEqual(r["ETag"], tags[other if is_known else coding])
            r = self.coded(target, "gzip, identity;q=0", "If-None-Match: " + tags["identity"])
            self.assertEqual((r.status, r["ETag"]), (200, tags["gzip"]))

    # -- 12.5.5 --

    def test_vary_is_in_every_answer_with_a_file_that_has_codings(self):
        tag = self.get("/made.txt")["ETag"]
        for status, *fields in ((200,), (200, "Accept-Encoding: gzip"), (206, "Range: bytes=0-1"),
                                (206, "Range: bytes=0-1,5-6"), (206, "Accept-Encoding: br", "Range: bytes=0-1"),
                                (206, "Accept-Encoding: br, identity;q=0", "Range: bytes=0-1"),
                                (304, "If-None-Match: " + tag), (304, "If-None-Match: *", "Accept-Encoding: gzip"),
                                (412, 'If-Match: "x"'), (416, "Range: bytes=999999-")):
            for target in ("/made.txt", "/beside.txt"):
                if target == "/beside.txt" and status == 304:
                    fields = ["If-None-Match: *"]
                r = self.get(target, *fields)
                self.assertEqual((r.status, r["Vary"]), (status, "Accept-Encoding"), fields)
        for target in ("/beside.txt.gz", "/nosuch"):  # which has one form
            self.assertIsNone(self.get(target, "Accept-Encoding: gzip")["Vary"])

    # -- 14.2, 13.1.5: of the bytes of the representation that was chosen --

    def check_parts(self, target, whole, *fields):
        """Ranges of this representation, with these fields."""
        body = whole.body
        r = self.get(target, "Range: bytes=3-7", *fields)
        self.assertEqual((r.status, r.body, r["Content-Range"]), (206, body[3:8], "bytes 3-7/%d" % len(body)))
        for name in ("Content-Encoding", "ETag", "Vary"):
            self.assertEqual(r[name], whole[name], fields)
        r = self.get(target, "Range: bytes=0-1,-2", *fields)
        self.assertEqual([content for _, content in multipart(r)], [body[:2], body[-2:]])
        self.assertEqual((r["Content-Encoding"], r["ETag"]), (whole["Content-Encoding"], whole["ETag"]))
        r = self.get(target, "Range: bytes=%d-" % len(body), *fields)
        self.assertEqual((r.status, r["Content-Range"]), (416, "bytes */%d" % len(body)))

    def test_ranges_are_of_the_representation_that_was_chosen(self):
        """That is the identity, where a client does not say by its validator of which it has the rest."""
        for target in ("/made.txt", "/beside.txt"):
            whole = {c: self.coded(target, c) for c in CODINGS}
            for coding, w in whole.items():
                accept = "Accept-Encoding: " + coding
                self.check_parts(target, whole["identity"], accept)
                self.check_parts(target, w, accept, "If-Range: " + w["ETag"])
                self.check_parts(target, w, accept, "If-Match: " + w["ETag"])
                self.check_parts(target, w, accept + ", identity;q=0" if coding != "identity" else accept)
                r = self.coded(target, coding, "Range: bytes=3-7", method="HEAD")  # 14.2: of GET alone
                self.assertEqual((r.status, r["ETag"]), (200, w["ETag"]))

    def test_if_range_is_of_the_representation_that_was_chosen(self):
        for target in ("/made.txt", "/beside.txt"):
            whole = {c: self.coded(target, c) for c in CODINGS}
            for coding in CODINGS:
                for other in CODINGS:
                    r = self.coded(target, coding, "Range: bytes=3-7", "If-Range: " + whole[other]["ETag"])
                    if other == "identity":  # which is accepted as well, and is what he has
                        self.assertEqual((r.status, r.body), (206, whole[other].body[3:8]))
                        continue
                    body = whole[coding].body
                    expected = (206, body[3:8]) if coding == other else (200, body)
                    self.assertEqual((r.status, r.body), expected, (coding, other))
            r = self.coded(target, "gzip, identity;q=0", "Range: bytes=3-7", "If-Range: " + whole["identity"]["ETag"])
            self.assertEqual((r.status, r.body), (200, whole["gzip"].body))

    # -- 15.3.7, 15.3.7.2, 14.6 --

    def test_several_parts(self):
        whole = self.get("/ten.txt")
        for value, parts in (("0-1,4-5", ((0, 1), (4, 5))), ("8-9, 0-1 ,4-4", ((8, 9), (0, 1), (4, 4))),
                             ("-1,0-0,99-", ((9, 9), (0, 0))), ("6-7,0-1,7-8", ((6, 8), (0, 1)))):
            r = self.get("/ten.txt", "Range: bytes=" + value)
            self.assertEqual((r.status, r["Content-Range"]), (206, None))
            expected = [({"Content-Type": whole["Content-Type"], "Content-Range": "bytes %d-%d/10" % (a, b)},
                         whole.body[a:b + 1]) for a, b in parts]
            self.assertEqual(multipart(r), expected, value)
            for name, of_whole in whole.fields:
                if name not in ("Date", "Content-Length", "Content-Type"):
                    self.assertEqual(r[name], of_whole, name)

    def test_one_part_is_never_a_multipart(self):
        for value in ("2-4", "2-2,3-4", "2-4,99-", "3-4,2-3", "2-4,2-4", ",2-4,"):
            r = self.get("/ten.txt", "Range: bytes=" + value)
            self.assertEqual((r.status, r.body, r["Content-Range"]), (206, b"234", "bytes 2-4/10"), value)
            self.assertEqual(r["Content-Type"], "text/plain; charset=utf-8")

    def test_too_many_ranges_are_ignored(self):
        apart = ",".join("%d-%d" % (20 * i, 20 * i) for i in range(17))
        for value in (apart, ",".join(["0-9"] * 65), "0-" + ",0-" * 900):
            r = self.get("/made.txt", "Range: bytes=" + value)
            self.assertEqual((r.status, len(r.body)), (200, len(TEXT)))

    # -- 15.4.5, 13.2.1 --

    def test_304_has_the_fields_of_the_200_that_a_cache_needs(self):
        for coding in CODINGS:
            for method in ("GET", "HEAD"):
                ok = self.coded("/beside.txt", coding)
                r = self.coded("/beside.txt", coding, "If-None-Match: " + ok["ETag"], method=method)
                self.assertEqual(r.status, 304)
                for name in ("ETag", "Vary", "Cache-Control", "Expires"):
                    self.assertIsNotNone(ok[name])
                    self.assertEqual(r[name], ok[name], name)
                for name in ("Content-Type", "Content-Encoding", "Content-Length", "Accept-Ranges"):
                    self.assertIsNone(r[name], name)

    def test_conditions_do_not_count_where_a_rule_refuses(self):
        for fields in (("If-None-Match: *",), ('If-Match: "x"',), ("Range: bytes=0-1",)):
            self.assertEqual(self.get("/image.png", *fields).status, 403)


class Accept(ServerCase):
    """RFC 9110 12.5.1: listings are a page or JSON, and a fallback is for who names text/html."""

    @classmethod
    def populate(cls):
        os.makedirs(os.path.join(cls.root, "sub"))
        write_file(os.path.join(cls.root, "app.html"), "app")
        for i in range(40):
            write_file(os.path.join(cls.root, "sub/file-%02d" % i), "x")
        settle(os.path.join(cls.root, "app.html"))
        write_file(os.path.join(cls.temp, "weir.json"), json.dumps(
            {"routes": [{"static": "www", "listing": True, "fallback": "/app.html"}]}))
        cls.options = ("--quiet", "--config", os.path.join(cls.temp, "weir.json"))

    @classmethod
    def tearDownClass(cls):
        cls.root += "/"
        super().tearDownClass()

    def test_listing(self):
        for accept, kind in (
                (None, "html"), ("*/*", "html"), ("text/html", "html"), ("image/png", "html"), ("", "html"),
                ("application/json", "json"), ("text/html;q=0.5, application/json", "json"),
                ("application/json;q=0.5, text/html", "html"), ("application/json, */*", "json"),
                ("application/json, */*;q=0.1", "json"), ("application/*, text/*;q=0.9", "json"),
                ("text/html;q=0, */*", "json"), ("application/json;q=0, */*", "html"),
                # "q" wherever it stands among the parameters
                ("application/json;q=0.5;x=y, text/html;q=0.4", "json"),
                ("application/json;x=y;q=0.3, text/html;q=0.4", "html"),
                ('application/json;x="a,b;q=0", text/html;q=0.4', "json")):
            r = self.get("/sub/", *([] if accept is None else ["Accept: " + accept]))
            expected = "application/json" if kind == "json" else "text/html; charset=utf-8"
            self.assertEqual((r.status, r["Content-Type"]), (200, expected), accept)
            self.assertEqual(r["Vary"], "Accept, Accept-Encoding")

    def test_fallback(self):
        for accept, status in (("text/html", 200), ("application/xhtml+xml, text/html;q=0.9, */*;q=0.8", 200),
                               ("*/*", 404), ("text/*", 404), ("text/html;q=0", 404), ("application/json", 404)):
            r = self.get("/users/42", "Accept: " + accept)
            self.assertEqual(r.status, status, accept)
            self.assertIn("Accept", r["Vary"].split(", "))  # of the 404 too, which a cache may keep
        self.assertEqual(self.get("/users/42").status, 404)

    def test_listings_have_validators_and_no_ranges(self):
        seen = set()
        for fields in ((), ("Accept: application/json",), ("Accept-Encoding: gzip",),
                       ("Accept: application/json", "Accept-Encoding: gzip")):
            r = self.get("/sub/", *fields)
            seen.add(r["ETag"])
            self.assertIsNone(r["Accept-Ranges"])
            for method in ("GET", "HEAD"):
                for field in ("If-None-Match: " + r["ETag"], "If-None-Match: *", 'If-None-Match: "x", ' + r["ETag"]):
                    n = self.get("/sub/", field, *fields, method=method)
                    self.assertEqual((n.status, n["ETag"], n["Vary"]), (304, r["ETag"], r["Vary"]))
                    self.assertIsNone(n["Content-Type"])
                # A weak tag is no strong match (13.1.1); a date is compared with nothing (13.1.3, 13.1.4).
                for field, status in (('If-None-Match: "x"', 200), ('If-Match: "x"', 412),
                                      ("If-Match: " + r["ETag"], 412), ("If-Match: *", 200),
                                      ("If-Modified-Since: Thu, 01 Jan 2037 00:00:00 GMT", 200),
                                      ("If-Unmodified-Since: Thu, 01 Jan 1970 00:00:00 GMT", 200)):
                    self.assertEqual(self.get("/sub/", field, *fields, method=method).status, status, field)
            for field in ("X: y", "If-Range: " + r["ETag"], 'If-Range: "x"'):
                n = self.get("/sub/", "Range: bytes=0-1", field, *fields)
                self.assertEqual((n.status, n.body), (200, r.body))
        self.assertEqual(len(seen), 4)
        before = self.get("/sub/")["ETag"]
        write_file(os.path.join(self.root, "sub/one-more"), "x")
        self.assertNotEqual(self.get("/sub/")["ETag"], before)
        self.assertEqual(self.get("/nosuch/", 'If-Match: "x"').status, 404)


if __name__ == "__main__":
    unittest.main()
