"""What docs/conformance.md says and no other test does: rules of RFC 9110 and 9112 as they are seen
from outside, where more than one part of the server has to keep them."""
import email.utils
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

    def test_trailers_reach_nobody(self):
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


if __name__ == "__main__":
    unittest.main()
