"""One file in several codings: which is chosen, and what conditions and ranges mean for each.

Expected values are from RFC 9110: 8.8.3, 12.5.3, 13.1, 13.2.2, 14.
"""
import email.utils
import gzip
import os
import unittest

from support import ServerCase, settle, write_file

MODIFIED = 1700000000
DATE = "Tue, 14 Nov 2023 22:13:20 GMT"
BEFORE, AFTER = (email.utils.formatdate(MODIFIED + s, usegmt=True) for s in (-1, 1))
CODINGS = ("identity", "gzip", "br", "zstd")
TEXT = b"".join(b"line %d of the text\n" % i for i in range(200))
SIBLINGS = {"br": b"not really br" * 20, "gzip": gzip.compress(TEXT, mtime=0)}


class Representations(ServerCase):
    loops = 1

    @classmethod
    def populate(cls):
        put = lambda name, data: write_file(os.path.join(cls.root, name), data)
        for name in ("made.txt", "beside.txt"):
            put(name, TEXT)
            os.utime(os.path.join(cls.root, name), (MODIFIED, MODIFIED))
        put("beside.txt.br", SIBLINGS["br"])
        put("beside.txt.gz", SIBLINGS["gzip"])
        put("raw.bin", TEXT)
        put("small.txt", "small")
        for name in os.listdir(cls.root):
            settle(os.path.join(cls.root, name))

    def ask(self, target, coding, *fields, status=200, **how):
        r = self.get(target, "Accept-Encoding: " + coding, *fields, **how)
        self.assertEqual(r.status, status, (target, coding, fields))
        self.assertEqual(r["Vary"], "Accept-Encoding", (target, coding, fields))
        return r

    def each(self):
        """(target, coding, its whole answer) for each representation."""
        for target in ("/made.txt", "/beside.txt"):
            for coding in CODINGS:
                yield target, coding, self.ask(target, coding)

    def test_each_has_a_strong_tag_of_its_own(self):
        tags = set()
        for target, coding, whole in self.each():
            self.assertEqual(whole["Content-Encoding"], None if coding == "identity" else coding)
            self.assertRegex(whole["ETag"], '^"[^"]+"$')
            self.assertEqual(whole["Last-Modified"], DATE)
            tags.add((target, whole["ETag"]))
            if target == "/beside.txt" and coding in SIBLINGS:
                self.assertEqual(whole.body, SIBLINGS[coding])
        self.assertEqual(len(tags), 8)

    def test_head_is_get_without_content(self):
        for target, coding, whole in self.each():
            head = self.ask(target, coding, "Range: bytes=0-1", method="HEAD")
            for name in ("Content-Length", "Content-Encoding", "Content-Type", "ETag", "Last-Modified"):
                self.assertEqual(head[name], whole[name], name)
            self.assertIsNone(head["Content-Range"])

    def test_conditions_are_of_the_chosen_one(self):
        for target, coding, whole in self.each():
            own, other = whole["ETag"], self.ask(target, "br" if coding != "br" else "gzip")["ETag"]
            for status, *fields in (
                    (304, "If-None-Match: " + own),
                    (304, "If-None-Match: W/" + own),
                    (304, "If-None-Match: *"),
                    (304, 'If-None-Match: "a,b", W/"c",, ' + own),
                    (304, 'If-None-Match: "x"', "If-None-Match: " + own),
                    (200, "If-None-Match: " + other),
                    (200, "If-None-Match: " + other, "If-Modified-Since: " + AFTER),
                    (304, "If-Modified-Since: " + DATE),
                    (304, "If-Modified-Since: Tuesday, 14-Nov-23 22:13:20 GMT"),
                    (304, "If-Modified-Since: Tue Nov 14 22:13:20 2023"),
                    (200, "If-Modified-Since: " + BEFORE),
                    (200, "If-Modified-Since: " + DATE, "If-Modified-Since: " + DATE),
                    (200, "If-Match: " + own),
                    (200, 'If-Match: "x" , ' + own, "If-Unmodified-Since: " + BEFORE),
                    (200, "If-Match: *"),
                    (412, "If-Match: W/" + own),
                    (412, "If-Match: " + other),
                    (412, "If-Match: " + other, "If-None-Match: " + own),
                    (304, "If-Match: " + own, "If-None-Match: " + own),
                    (412, "If-Unmodified-Since: " + BEFORE),
                    (200, "If-Unmodified-Since: " + DATE)):
                r = self.ask(target, coding, *fields, status=status)
                if status == 304:
                    self.assertEqual((r["ETag"], r["Last-Modified"]), (own, DATE),
                                     (target, coding, fields))
                    self.assertIsNone(r["Content-Encoding"])
                if status == 412:
                    self.assertIsNone(r["ETag"])
                    self.assertIsNone(r["Content-Encoding"])

    def test_who_has_the_identity_needs_no_other(self):
        tag = self.ask("/made.txt", "identity")["ETag"]
        self.assertEqual(self.ask("/made.txt", "br", "If-None-Match: " + tag, status=304)["ETag"], tag)
        refused = self.ask("/made.txt", "br, identity;q=0", "If-None-Match: " + tag)
        self.assertEqual(refused["Content-Encoding"], "br")

    def test_ranges_are_of_the_chosen_bytes(self):
        for target, coding, whole in self.each():
            body, n, own = whole.body, len(whole.body), whole["ETag"]
            weak, other = "W/" + own, '"other"'
            for content, ranges in (
                    (body[:10], "0-9"), (body[-5:], "-5"), (body, "-%d" % (10 * n)),
                    (body[:9], "0-5,3-8"), (body[:2], "0-1, %d-" % n), (body[1:3], "1-2")):
                r = self.ask(target, coding, "Range: bytes=" + ranges, "If-Range: " + own, status=206)
                self.assertEqual(r.body, content, ranges)
                self.assertEqual((r["ETag"], r["Content-Encoding"]), (own, whole["Content-Encoding"]))
                self.assertTrue(r["Content-Range"].endswith("/%d" % n))
            for status, *fields in (
                    (200, "Range: bytes=1-2", "If-Range: " + weak),
                    (200, "Range: bytes=1-2", "If-Range: " + other),
                    (200, "Range: bytes=1-2", "If-Range: " + AFTER),
                    (200, "Range: bytes=%d-" % n, "If-Range: " + other),
                    (304, "Range: bytes=1-2", "If-None-Match: " + own),
                    (412, "Range: bytes=%d-" % n, "If-Match: " + other)):
                self.assertEqual(self.ask(target, coding, *fields, status=status)["Content-Range"], None)
            beyond = self.ask(target, coding, "Range: bytes=%d-" % n, "If-Range: " + own, status=416)
            self.assertEqual(beyond["Content-Range"], "bytes */%d" % n)
            self.assertIsNone(beyond["ETag"])

    def test_a_part_of_none_in_particular_is_one_of_the_identity(self):
        """Clients append it to what they have."""
        for target, coding, whole in self.each():
            plain = self.ask(target, "identity")
            for fields in (("Range: bytes=1-2",), ("Range: bytes=1-2", "If-Range: " + plain["ETag"])):
                r = self.ask(target, coding, *fields, status=206)
                self.assertEqual((r["ETag"], r["Content-Encoding"]), (plain["ETag"], None))
                self.assertEqual(r.body, plain.body[1:3])

    def test_the_date_is_that_of_every_coding(self):
        """8.8.1: it is weak where it may be of another one than the client has."""
        for target, coding, whole in self.each():
            r = self.ask(target, coding, "Range: bytes=1-2", "If-Range: " + DATE,
                         status=206 if coding == "identity" else 200)
            self.assertEqual(r.body, whole.body[1:3] if coding == "identity" else whole.body)
            self.assertEqual(r["ETag"], whole["ETag"])
        r = self.get("/made.txt", "Range: bytes=1-2", "If-Range: " + DATE)
        self.assertEqual((r.status, r.body), (206, TEXT[1:3]))

    def test_the_other_part_of_a_resumed_transfer(self):
        for target, coding, whole in self.each():
            other = self.ask(target, "br" if coding != "br" else "gzip")["ETag"]
            r = self.ask(target, coding, "Range: bytes=5-", "If-Range: " + other)
            self.assertEqual(r.body, whole.body)

    def test_negotiation(self):
        for accept, coding in (
                ("gzip ; q=0.5 , br\t;\tq=0.4", "gzip"), ("gzip;q=0.5,,br;q=1.000", "br"), ("*", "br"),
                ("identity;q=0, zstd", "zstd"), ("deflate", None), ("x-gzip", "gzip"),
                ("X-GZIP;q=0.001", "gzip"), ("gzip;q=0", None), ("", None), ("br;q=0, *", "zstd"),
                ("gzip;q=1.5", None), ("gzip;q=0.1234", None), ("identity;q=1, gzip;q=0.5", None),
                ("identity;q=0.5, gzip;q=0.5", "gzip"), ("compress, deflate;q=0.9", None),
                ("*;q=0, br", "br"), ("*;q=0.2, gzip;q=0.3", "gzip")):
            with self.subTest(accept=accept):
                self.assertEqual(self.ask("/made.txt", accept)["Content-Encoding"], coding)
        r = self.get("/made.txt", "Accept-Encoding: gzip;q=0.5", "Accept-Encoding: zstd")
        self.assertEqual(r["Content-Encoding"], "zstd")
        self.assertEqual(self.get("/made.txt")["Vary"], "Accept-Encoding")

    def test_what_is_not_acceptable(self):
        for target, accept in (("/made.txt", "*;q=0"), ("/made.txt", "identity;q=0"),
                               ("/small.txt", "br, identity;q=0")):
            for method in ("GET", "HEAD"):
                r = self.ask(target, accept, 'If-Match: "x"', status=406, method=method)
                self.assertIsNone(r["Content-Encoding"])

    def test_what_is_never_encoded(self):
        for target in ("/raw.bin", "/beside.txt.gz"):
            r = self.get(target, "Accept-Encoding: br, gzip")
            self.assertEqual((r.status, r["Content-Encoding"], r["Vary"]), (200, None, None))

    def test_old_clients(self):
        own = self.ask("/made.txt", "gzip")["ETag"]
        r = self.ask("/made.txt", "gzip", "Range: bytes=0-1,5-6", "If-Range: " + own, status=206,
                     version="HTTP/1.0")
        self.assertEqual(r["Content-Encoding"], "gzip")
        self.assertIsNone(r["Transfer-Encoding"])
        self.assertEqual(int(r["Content-Length"]), len(r.body))


if __name__ == "__main__":
    unittest.main()
