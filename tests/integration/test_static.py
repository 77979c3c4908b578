"""The files of a folder, as a person sees them."""
import contextlib
import email.utils
import os
import re
import shutil
import socket
import stat
import time
import unittest

from support import (NOBODY, Client, PageChecker, ServerCase, TempCase, eventually,
                     in_threads, needs_nobody, pattern, settle, write_file)

KIB = 1024
SIZES = {"empty": 0, "one": 1,
         "copied": 16 * KIB, "not-copied": 16 * KIB + 1,  # by the server, from memory
         "below": 32 * KIB - 1, "exact": 32 * KIB, "above": 32 * KIB + 1,  # what is kept in memory
         "large": 300 * 1000, "huge": 20 * 1000 * 1000}


def multipart(content_type, body):
    """The parts of a multipart/byteranges by RFC 9110 14.6: [({name: value}, content)]."""
    match = re.fullmatch("multipart/byteranges; boundary=([0-9A-Za-z'()+_,./:=?-]{1,70})", content_type)
    assert match, content_type
    delimiter = b"\r\n--" + match[1].encode()
    pieces = (b"\r\n" + body if not body.startswith(b"\r\n") else body).split(delimiter)
    assert pieces[0] == b"" and pieces[-1] == b"--\r\n", (pieces[0], pieces[-1])
    parts = []
    for piece in pieces[1:-1]:
        head, _, content = piece.partition(b"\r\n\r\n")
        lines = head.decode("ascii").split("\r\n")
        assert lines[0] == "", lines
        parts.append((dict(line.split(": ", 1) for line in lines[1:]), content))
    return parts


class Files(ServerCase):
    @classmethod
    def populate(cls):
        put = lambda name, data: write_file(os.path.join(cls.root, name), data)
        cls.content = {}
        for i, (name, size) in enumerate(SIZES.items()):
            cls.content[name] = pattern(size, i)
            put(name + ".bin", cls.content[name])
        os.makedirs(os.path.join(cls.root, "sub/deep"))
        os.makedirs(os.path.join(cls.root, "no index"))
        os.makedirs(os.path.join(cls.root, ".well-known/.no"))
        os.makedirs(os.path.join(cls.root, ".git"))
        os.makedirs(os.path.join(cls.root, "sub/.well-known"))
        put("index.html", "<h1>root</h1>")
        put("sub/index.html", "<h1>sub</h1>")
        put("sub/deep/page.txt", "deep")
        for name in (".hidden", ".git/config", "sub/.hidden", ".well-known/.no/x",
                     "sub/.well-known/x", ".well-known-not"):
            put(name, "SECRET")
        put(".well-known/security.txt", "Contact: x")
        for ext in ("html", "css", "js", "mjs", "json", "txt", "svg", "png", "jpg", "gif", "webp",
                    "ico", "pdf", "wasm", "woff2", "mp4", "xml", "HTML", "unknownext", "tar.gz"):
            put("type." + ext, "x")
        put("noext", "x")
        cls.outside = write_file(os.path.join(cls.temp, "outside.txt"), "OUTSIDE")
        os.makedirs(os.path.join(cls.temp, "www-private"))
        write_file(os.path.join(cls.temp, "www-private/o.txt"), "OUTSIDE")
        link = lambda to, name: os.symlink(to, os.path.join(cls.root, name))
        link("one.bin", "link-file")
        link("sub", "link-dir")
        link("../outside.txt", "link-out")
        link("../www-private", "link-out-dir")
        link(cls.outside, "link-abs-out")
        link(os.path.join(cls.root, "one.bin"), "link-abs-in")
        link("nowhere", "link-dangling")
        link("link-loop", "link-loop")
        link("link-file", "link-link")
        link("../www/one.bin", "link-up-and-in")
        os.mkfifo(os.path.join(cls.root, "fifo"))
        cls.unix = socket.socket(socket.AF_UNIX)
        cls.unix.bind(os.path.join(cls.root, "socket"))
        cls.addClassCleanup(cls.unix.close)
        with contextlib.suppress(PermissionError):
            os.mknod(os.path.join(cls.root, "zero"), stat.S_IFCHR | 0o666, os.makedev(1, 5))
        os.mkdir(os.path.join(cls.root, "index-is-dir"))
        os.mkdir(os.path.join(cls.root, "index-is-dir/index.html"))
        for name in cls.content:
            settle(os.path.join(cls.root, name + ".bin"))

    def test_index(self):
        r = self.get("/")
        self.assertEqual((r.status, r.body), (200, b"<h1>root</h1>"))
        self.assertEqual(r["Content-Type"], "text/html; charset=utf-8")
        self.assertEqual(self.get("/?query").body, b"<h1>root</h1>")
        self.assertEqual(self.get("/sub/").body, b"<h1>sub</h1>")
        self.assertEqual(self.get("/index.html").body, b"<h1>root</h1>")
        self.assertEqual(self.get("/no%20index/").status, 404)
        self.assertNotEqual(self.get("/index-is-dir/").status, 200)

    def test_every_size_byte_for_byte(self):
        for target in self.content:
            with Client(self.server) as c:
                for turn in range(3):
                    r = c.get("/%s.bin" % target)
                    self.assertEqual(r.status, 200)
                    self.assertEqual(r["Content-Length"], str(SIZES[target]))
                    self.assertTrue(r.body == self.content[target], target)

    def test_every_size_to_parallel_slow_readers(self):
        def work(i):
            with Client(self.server, rcvbuf=4096) as c:
                for name in ("huge", "large", "above", "exact", "not-copied", "empty"):
                    r = c.get("/%s.bin" % name)
                    self.assertTrue(r.body == self.content[name], name)
        in_threads(4, work)

    def test_all_sizes_pipelined(self):
        names = ["one", "large", "empty", "exact", "not-copied", "copied", "above", "large", "below", "one", "huge", "one"]
        with Client(self.server) as c:
            c.send("".join("GET /%s.bin HTTP/1.1\r\nHost: x\r\n\r\n" % n for n in names))
            for n in names:
                self.assertTrue(c.read().body == self.content[n], n)

    def test_head(self):
        same = ("Content-Length", "Content-Type", "ETag", "Last-Modified", "Accept-Ranges", "Location")
        for target in ["/%s.bin" % n for n in self.content] + ["/", "/sub", "/nosuch", "/.hidden"]:
            with Client(self.server) as c:
                get, head = c.get(target), c.get(target, method="HEAD")
                self.assertEqual(head.status, get.status)
                for name in same:
                    self.assertEqual(head[name], get[name], (target, name))
                self.assertEqual(c.get("/one.bin").body, self.content["one"])

    def test_options(self):
        r = self.get("/one.bin", method="OPTIONS")
        self.assertIn(r.status, (200, 204))
        self.assertEqual(set(re.split(r",\s*", r["Allow"])), {"GET", "HEAD", "OPTIONS"})

    def test_other_methods_change_nothing(self):
        for method in ("POST", "PUT", "DELETE", "PATCH"):
            r = self.get("/one.bin", "Content-Length: 3", method=method, body=b"xyz")
            self.assertEqual(r.status, 405, method)
            self.assertIn("GET", r["Allow"])
        for method in ("FROB", "PROPFIND", "get", "TRACE"):
            self.assertEqual(self.get("/one.bin", method=method).status, 501, method)
        with open(self.path("one.bin"), "rb") as f:
            self.assertEqual(f.read(), self.content["one"])

    def test_types(self):
        for ext, want in (
                ("html", "text/html; charset=utf-8"), ("css", "text/css; charset=utf-8"),
                ("js", "text/javascript; charset=utf-8"), ("mjs", "text/javascript; charset=utf-8"),
                ("json", "application/json"), ("txt", "text/plain; charset=utf-8"),
                ("svg", "image/svg+xml"), ("png", "image/png"), ("jpg", "image/jpeg"),
                ("gif", "image/gif"), ("webp", "image/webp"), ("pdf", "application/pdf"),
                ("wasm", "application/wasm"), ("woff2", "font/woff2"), ("mp4", "video/mp4"),
                ("HTML", "text/html; charset=utf-8"), ("unknownext", "application/octet-stream"),
                ("tar.gz", "application/gzip")):
            r = self.get("/type." + ext)
            self.assertEqual(r.status, 200, ext)
            self.assertEqual(r["Content-Type"], want, ext)
            self.assertEqual(r["X-Content-Type-Options"], "nosniff")
        self.assertEqual(self.get("/type.ico")["Content-Type"].split(";")[0] in
                         ("image/x-icon", "image/vnd.microsoft.icon"), True)
        self.assertIn("xml", self.get("/type.xml")["Content-Type"])
        self.assertEqual(self.get("/noext")["Content-Type"], "application/octet-stream")

    def test_not_modified(self):
        for target in ("/one.bin", "/large.bin", "/"):
            with Client(self.server) as c:
                r = c.get(target)
                etag, date = r["ETag"], r["Last-Modified"]
                self.assertRegex(etag, r'^"[!-~]+"$')
                path = self.path(target[1:] or "index.html")
                self.assertEqual(email.utils.parsedate_to_datetime(date).timestamp(),
                                 int(os.stat(path).st_mtime))
                for field in ("If-None-Match: " + etag, "If-None-Match: W/" + etag,
                              "If-None-Match: *", 'If-None-Match: "x", ' + etag,
                              'If-None-Match: "x"\r\nIf-None-Match: ' + etag,
                              "If-Modified-Since: " + date):
                    for method in ("GET", "HEAD"):
                        n = c.get(target, field, method=method)
                        self.assertEqual((n.status, n.body), (304, b""), field)
                        self.assertEqual((n["ETag"], n["Last-Modified"]), (etag, date))
                        self.assertIn(n["Content-Length"], (None, r["Content-Length"]))
                for field in ('If-None-Match: "x"', "If-None-Match: " + etag[:-2] + '"',
                              "If-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT",
                              "If-Modified-Since: nonsense",
                              'If-None-Match: "x"\r\nIf-Modified-Since: ' + date,
                              "If-Match: " + etag, "If-Match: *", "If-Unmodified-Since: " + date):
                    self.assertTrue(c.get(target, field).body == r.body, field)
                for field in ('If-Match: "x"', "If-Match: W/" + etag,
                              "If-Unmodified-Since: Thu, 01 Jan 1970 00:00:00 GMT"):
                    self.assertEqual(c.get(target, field).status, 412, field)

    def test_ranges(self):
        for name in ("below", "above", "large"):
            data, n = self.content[name], SIZES[name]
            with Client(self.server) as c:
                for text, a, b in (
                        ("0-0", 0, 0), ("0-", 0, n - 1), ("5-9", 5, 9), ("-1", n - 1, n - 1),
                        ("-%d" % n, 0, n - 1), ("-%d" % (n + 1), 0, n - 1),
                        ("%d-" % (n - 1), n - 1, n - 1), ("10-%d" % (n + 5), 10, n - 1),
                        ("10-99999999999999999999999", 10, n - 1)):
                    r = c.get("/%s.bin" % name, "Range: bytes=" + text)
                    self.assertEqual(r.status, 206, text)
                    self.assertEqual(r["Content-Range"], "bytes %d-%d/%d" % (a, b, n))
                    self.assertTrue(r.body == data[a:b + 1], text)
                for text in ("%d-" % n, "%d-%d" % (n, n + 1), "-0", "99999999999999999999999-"):
                    r = c.get("/%s.bin" % name, "Range: bytes=" + text)
                    self.assertEqual(r.status, 416, text)
                    self.assertEqual(r["Content-Range"], "bytes */%d" % n)
                for text in ("lines=0-1", "bytes=5-2", "bytes=x", "bytes=", "bytes 0-1", "bytes=1"):
                    self.assertTrue(c.get("/%s.bin" % name, "Range: " + text).body == data, text)
                # Several that come to one part, for they touch, or one alone can be had.
                for text, first, last in (("0-50,25-75", 0, 75), ("0-9,10-19", 0, 19), ("5-9,%d-" % n, 5, 9),
                                          ("%d-,5-9" % n, 5, 9), ("5-9,", 5, 9), (",5-9", 5, 9)):
                    r = c.get("/%s.bin" % name, "Range: bytes=" + text)
                    self.assertEqual((r.status, r["Content-Range"]), (206, "bytes %d-%d/%d" % (first, last, n)))
                    self.assertTrue(r.body == data[first:last + 1], text)
                self.assertTrue(c.get("/%s.bin" % name, "Range: bytes=9-,x").body == data)
                r = c.get("/%s.bin" % name, "Range: bytes=0-1", method="HEAD")
                self.assertEqual((r.status, r["Content-Length"]), (200, str(n)))

    def test_if_range(self):
        with Client(self.server) as c:
            r = c.get("/large.bin")
            for field, status in (("If-Range: " + r["ETag"], 206), ('If-Range: "x"', 200),
                                  ("If-Range: W/" + r["ETag"], 200), ("If-Range: *", 200)):
                self.assertEqual(c.get("/large.bin", "Range: bytes=0-1", field).status, status, field)

    def test_several_ranges(self):
        for name in ("below", "above", "large"):
            data, n = self.content[name], SIZES[name]
            for text, parts in (("0-9,20-29", [(0, 9), (20, 29)]), ("20-29 , 0-9", [(20, 29), (0, 9)]),
                                ("0-0, -1", [(0, 0), (n - 1, n - 1)]),
                                ("100-199,0-9,150-250", [(100, 250), (0, 9)])):
                r = self.get("/%s.bin" % name, "Range: bytes=" + text)
                self.assertEqual(r.status, 206, text)
                self.assertEqual(r.all("Content-Range"), [])
                self.assertEqual(r["Content-Length"], str(len(r.body)))
                got = multipart(r["Content-Type"], r.body)
                self.assertEqual(len(got), len(parts), text)
                for (fields, content), (first, last) in zip(got, parts):
                    self.assertEqual(fields["Content-Range"], "bytes %d-%d/%d" % (first, last, n))
                    self.assertEqual(fields["Content-Type"], "application/octet-stream")
                    self.assertTrue(content == data[first:last + 1], text)

    def test_ranges_of_an_empty_file(self):
        for text in ("0-0", "0-", "-1"):
            self.assertIn(self.get("/empty.bin", "Range: bytes=" + text).status, (200, 416))

    def test_redirects_of_folders(self):
        for target, location in (("/sub", "/sub/"), ("/sub?a=b", "/sub/?a=b"), ("/sub?", "/sub/?"),
                                 ("/no%20index", "/no%20index/"), ("//sub", "/sub/"),
                                 ("/sub/deep/..//deep", "/sub/deep/"), ("/link-dir", "/link-dir/"),
                                 ("/s%75b", "/sub/")):
            r = self.get(target)
            self.assertEqual((r.status, r["Location"]), (301, location), target)
            PageChecker(r.body.decode())

    def test_files_are_no_folders(self):
        for target in ("/one.bin/", "/one.bin/x", "/one.bin/index.html", "/one.bin/."):
            self.assertEqual(self.get(target).status, 404, target)

    def test_error_page(self):
        for target, status in (("/nosuch", 404), ("/%00", 400), ("/a" * 5000, 414),
                               ("/<script>alert(1)</script>", None)):
            r = self.get(target)
            if status:
                self.assertEqual(r.status, status)
            self.assertGreaterEqual(r.status, 400)
            self.assertEqual(r["Content-Type"], "text/html; charset=utf-8")
            self.assertLess(len(r.body), 3000)
            text = r.body.decode()
            self.assertTrue(text.startswith("<!doctype html>"))
            page = PageChecker(text)
            self.assertIn("title", page.seen)
            self.assertIn(str(r.status), page.text)
            self.assertNotIn("alert", text)

    def test_hidden_files(self):
        for target in ("/.hidden", "/.git/config", "/.git", "/.git/", "/sub/.hidden", "/%2ehidden",
                       "/sub/../.hidden", "/.well-known/.no/x", "/sub/.well-known/x",
                       "/.well-known-not", "//.hidden", "/sub%2f.hidden", "/./.hidden",
                       "/.well-known/../.hidden", "/sub/%2e%2e/%2egit/config"):
            r = self.get(target)
            self.assertEqual(r.status, 404, target)
            self.assertNotIn(b"SECRET", r.body)
        for target in ("/.well-known/security.txt", "/.well-known//security.txt",
                       "//.well-known/security.txt"):
            self.assertEqual(self.get(target).body, b"Contact: x", target)

    def test_links(self):
        for target in ("/link-file", "/link-link"):
            self.assertEqual(self.get(target).body, self.content["one"], target)
        self.assertEqual(self.get("/link-dir/deep/page.txt").body, b"deep")
        for target in ("/link-out", "/link-out-dir/o.txt", "/link-abs-out", "/link-abs-in",
                       "/link-dangling", "/link-loop", "/link-up-and-in", "/link-out-dir",
                       "/link-out-dir/"):
            r = self.get(target)
            self.assertEqual(r.status, 404, target)
            self.assertNotIn(b"OUTSIDE", r.body)

    def test_outside(self):
        for target in ("/../outside.txt", "/%2e%2e/outside.txt", "/..%2foutside.txt",
                       "/sub/../../outside.txt", "/../www-private/o.txt", "/..", "/sub/../..",
                       self.outside, "/" + self.outside, "/../www/one.bin"):
            r = self.get(target)
            self.assertIn(r.status, (400, 404), target)
            self.assertNotIn(b"OUTSIDE", r.body)

    def test_what_is_no_file_does_not_hang(self):
        for target in ("/fifo", "/socket", "/fifo/", "/zero"):
            for method in ("GET", "HEAD"):
                with Client(self.server, timeout=5) as c:
                    self.assertEqual(c.get(target, method=method).status, 404, target)

    def test_paths_mean_the_same_however_written(self):
        for target in ("/sub/deep/page.txt", "//sub//deep/page.txt", "/sub/./deep/page.txt",
                       "/sub/x/../deep/page.txt", "/sub%2Fdeep%2fpage.txt", "/%73ub/deep/page.txt",
                       "/sub/deep/page.txt?x"):
            self.assertEqual(self.get(target).body, b"deep", target)
        for target in ("/SUB/deep/page.txt", "/sub/deep/page.txt%20", "/sub\\deep\\page.txt",
                       "/sub/deep/page.txt.", "/sub/deep/page.txt~", "/sub/deep/page.txt%00.png"):
            self.assertIn(self.get(target).status, (400, 404), target)


class OddNames(ServerCase):
    NAMES = ["a b.txt", "100%.txt", "q?mark.txt", "..name.txt", "...", "a#b.txt", "a+b.txt",
             "amp&eq=.txt", "tilde~'.txt", 'quote".txt', "back\\slash.txt", "new\nline.txt",
             "tab\t.txt", "na\u00efve.txt", "\u65e5\u672c.txt", "\udcff\udcfe.txt", "semi;colon.txt",
             "<b>.txt", "-dash", "%41.txt", "x" * 255, "con.txt ", "a:b", "[x]{y}|^`"]

    @classmethod
    def populate(cls):
        for name in cls.NAMES:
            if not name.startswith("."):
                write_file(os.fsencode(os.path.join(cls.root, name)), b"file " + os.fsencode(name))
                os.mkdir(os.fsencode(os.path.join(cls.root, name[:200] + "-dir")))

    def test_every_name(self):
        for name in self.NAMES:
            raw = os.fsencode(name)
            target = "/" + "".join("%%%02x" % b for b in raw)
            r = self.get(target)
            if name.startswith("."):
                self.assertEqual(r.status, 404)
            else:
                self.assertEqual((r.status, r.body), (200, b"file " + raw), name)

    def test_redirect_leads_to_the_folder_and_nowhere_else(self):
        for name in self.NAMES:
            if name.startswith("."):
                continue
            raw = os.fsencode(name[:200] + "-dir")
            r = self.get("/" + "".join("%%%02x" % b for b in raw))
            self.assertEqual(r.status, 301, name)
            location = r["Location"]
            self.assertRegex(location, r"^/[!-~]*/$")
            self.assertNotRegex(location, r"^//|[<>\"\\ ]")
            self.assertEqual(self.get(location).status, 404, location)  # there is no index

    def test_long_paths(self):
        for target in ("/" + "y" * 256, "/" + "a/" * 2100, "/" + "z" * 4095, "/" + "a/../" * 1500):
            self.assertIn(self.get(target).status, (200, 404, 414), target[:20])


class Changes(TempCase):
    """A change on disk is in the very next answer, on every loop. Large and small files."""

    ROUNDS = 60

    def setUp(self):
        super().setUp()
        self.server = self.serve(loops=3)
        self.addCleanup(self.server.stop)
        self.clients = [Client(self.server) for _ in range(8)]
        for c in self.clients:
            self.addCleanup(c.close)

    def expect(self, target, body, status=200):
        for c in self.clients:
            r = c.get(target)
            self.assertEqual(r.status, status, target)
            if body is not None:
                self.assertTrue(r.body == body, "old or mixed content of " + target)

    def each(self, sizes=(100, 100 * 1000)):
        for size in sizes:
            for i in range(self.ROUNDS if size < 1000 else self.ROUNDS // 6):
                if i % 15 == 14:  # old enough for the cache
                    settle(self.path("f"))
                    self.expect("/f", None)
                    self.expect("/f", None)
                yield pattern(size, i)

    def test_rewritten(self):
        write_file(self.path("f"), "")
        for data in self.each():
            write_file(self.path("f"), data)
            self.expect("/f", data)

    def test_rewritten_in_place_with_the_same_size_and_time(self):
        write_file(self.path("f"), pattern(100))
        for data in self.each():
            with open(self.path("f"), "r+b") as f:
                f.write(data)
            os.utime(self.path("f"), (1e9, 1e9))
            self.expect("/f", data)

    def test_renamed_over(self):
        write_file(self.path("f"), "")
        for data in self.each():
            write_file(self.path("new"), data)
            os.utime(self.path("new"), (1e9, 1e9))
            os.rename(self.path("new"), self.path("f"))
            self.expect("/f", data)

    def test_link_swapped(self):
        write_file(self.path("f"), "")
        for i in range(2):
            os.mkdir(self.path("v%d" % i))
            write_file(self.path("v%d/page" % i), "version %d" % i)
        settle(self.path("v1/page"))
        for i in range(self.ROUNDS):
            os.symlink("v%d" % (i % 2), self.path("new"))
            os.rename(self.path("new"), self.path("current"))
            self.expect("/current/page", b"version %d" % (i % 2))

    def test_link_swapped_to_the_outside(self):
        write_file(os.path.join(self.temp, "secret"), "SECRET")
        write_file(self.path("f"), "fine")
        settle(self.path("f"))
        for i in range(10):
            os.symlink("f", self.path("new"))
            os.rename(self.path("new"), self.path("link"))
            self.expect("/link", b"fine")
            os.symlink("../secret", self.path("new"))
            os.rename(self.path("new"), self.path("link"))
            self.expect("/link", None, 404)

    def test_deleted_and_made_again(self):
        for size in (100, 100 * 1000):
            for i in range(10):
                write_file(self.path("f"), pattern(size, i))
                if i % 5 == 4:
                    settle(self.path("f"))
                    self.expect("/f", pattern(size, i))
                self.expect("/f", pattern(size, i))
                os.unlink(self.path("f"))
                self.expect("/f", None, 404)
                os.mkdir(self.path("f"))
                self.expect("/f", None, 301)
                os.rmdir(self.path("f"))

    def test_grown_and_shrunk(self):
        data = b""
        write_file(self.path("f"), data)
        for i in range(40):
            with open(self.path("f"), "ab") as f:
                f.write(pattern(1000, i))
            data += pattern(1000, i)
            self.expect("/f", data)
        for n in (39000, 32769, 32768, 32767, 1, 0):
            os.truncate(self.path("f"), n)
            self.expect("/f", data[:n])

    def test_folder_removed_and_made_again(self):
        for i in range(10):
            os.mkdir(self.path("sub"))
            write_file(self.path("sub/index.html"), "folder %d" % i)
            if i % 5 == 4:
                settle(self.path("sub/index.html"))
            self.expect("/sub/", b"folder %d" % i)
            self.expect("/sub/", b"folder %d" % i)
            os.rename(self.path("sub"), self.path("gone"))
            self.expect("/sub/", None, 404)
            shutil.rmtree(self.path("gone"))

    def test_written_while_it_is_asked_for(self):
        """A small file that is replaced by rename is always one of its versions, never a mixture."""
        versions = [bytes([65 + i]) * (1000 * (i + 1)) for i in range(8)]
        write_file(self.path("f"), versions[0])
        end = time.monotonic() + 1.5

        def work(i):
            if i == 0:
                n = 0
                while time.monotonic() < end:
                    n += 1
                    write_file(self.path("new"), versions[n % 8])
                    os.rename(self.path("new"), self.path("f"))
                return
            while time.monotonic() < end:
                r = self.clients[i].get("/f")
                self.assertEqual(r.status, 200)
                self.assertIn(r.body, versions)
        in_threads(5, work)

    def test_etag_changes_with_the_content(self):
        seen = set()
        for i in range(20):
            write_file(self.path("f"), "content %02d" % i)
            os.utime(self.path("f"), ns=(0, 10**18 + i))
            seen.add(self.clients[0].get("/f")["ETag"])
        self.assertEqual(len(seen), 20)


class Permissions(TempCase):
    def test_chmod_is_seen_at_once(self):
        needs_nobody()
        server = self.serve(user=NOBODY)
        self.addCleanup(server.stop)
        os.mkdir(self.path("d"))
        for name, size in (("small", 100), ("large", 100000), ("d/in", 10)):
            write_file(self.path(name), pattern(size))
            settle(self.path(name))
            with Client(server) as c:
                for _ in range(3):
                    os.chmod(self.path(name), 0)
                    self.assertEqual(c.get("/" + name).status, 403)
                    os.chmod(self.path(name), 0o644)
                    self.assertTrue(c.get("/" + name).body == pattern(size))
                    settle(self.path(name))
                    self.assertTrue(c.get("/" + name).body == pattern(size))
        with Client(server) as c:
            os.chmod(self.path("d"), 0)
            self.assertEqual(c.get("/d/in").status, 403)
            self.assertIn(c.get("/d").status, (301, 403))
            self.assertEqual(c.get("/d/").status, 403)
            os.chmod(self.path("d"), 0o755)
            self.assertEqual(c.get("/d/in").status, 200)


class WhileItIsSent(TempCase):
    SIZE = 20 * 1000 * 1000

    def setUp(self):
        super().setUp()
        self.data = pattern(self.SIZE)
        write_file(self.path("f"), self.data)
        self.server = self.serve()
        self.addCleanup(self.server.stop)

    def begin(self):
        c = Client(self.server, rcvbuf=16384)
        self.addCleanup(c.close)
        c.request("/f")
        r = c.read_head()
        self.assertEqual(r["Content-Length"], str(self.SIZE))
        return c

    def rest(self, c):
        pieces, left = [c.buffer], self.SIZE - len(c.buffer)
        c.buffer = b""
        while left:
            piece = c.sock.recv(min(left, 1 << 20))
            if not piece:
                break
            pieces.append(piece)
            left -= len(piece)
        return b"".join(pieces)

    def test_truncated(self):
        c = self.begin()
        os.truncate(self.path("f"), self.SIZE // 2)
        try:
            got = self.rest(c)
        except ConnectionResetError:
            got = b""
        self.assertLess(len(got), self.SIZE)
        self.assertTrue(self.data.startswith(got))
        self.assertTrue(eventually(lambda: "shorter" in self.server.log()))
        with Client(self.server) as c:
            self.assertTrue(c.get("/f").body == self.data[:self.SIZE // 2])

    def test_grown(self):
        c = self.begin()
        with open(self.path("f"), "ab") as f:
            f.write(b"more")
        self.assertTrue(self.rest(c) == self.data)
        self.assertTrue(c.get("/f").body == self.data + b"more")

    def test_replaced_and_deleted(self):
        with Client(self.server) as c:
            c.get("/none")  # or it may be accepted, and answered, in the turn that has looked at the file
            a = self.begin()
            write_file(self.path("new"), "new")
            os.rename(self.path("new"), self.path("f"))
            self.assertEqual(c.get("/f").body, b"new")
        self.assertTrue(self.rest(a) == self.data)
        self.assertEqual(a.get("/f").body, b"new")
        os.unlink(self.path("f"))
        self.assertEqual(a.get("/f").status, 404)


if __name__ == "__main__":
    unittest.main()
