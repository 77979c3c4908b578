"""A folder that changes while it is served, or goes and comes back; a kernel that refuses openat2.

What came is compared with what was on disk: all of one version, under the validators of that version.
"""
import contextlib
import ctypes
import gzip
import os
import re
import shutil
import sys
import threading
import unittest

import test_static
from support import Client, TempCase, eventually, in_threads, sanitizer, settle, write_file

KIB = 1024
# The builds of the gate share them: 1,000 of each kind in all.
CHANGES = 5000 if os.environ.get("WEIR_LONG") == "1" else 250 if sanitizer() else 500
BURST = 10  # changes without a pause
SECOND_NS = 1000000000

# Runs a program to which openat2(2) says EPERM, as older container runtimes do. The number is the same on all
# machines that Linux runs on but alpha.
WITHOUT_OPENAT2 = """
import ctypes, os, struct, sys
PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, MODE_FILTER = 22, 38, 2
rows = [(0x20, 0, 0, 0), (0x15, 0, 1, 437), (0x06, 0, 0, 0x00050001), (0x06, 0, 0, 0x7fff0000)]
code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *row) for row in rows))
program = ctypes.create_string_buffer(struct.pack("@HP", len(rows), ctypes.addressof(code)))
libc = ctypes.CDLL(None, use_errno=True)
if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(PR_SET_SECCOMP, MODE_FILTER, program):
    sys.exit("prctl: " + os.strerror(ctypes.get_errno()))
os.execv(sys.argv[1], sys.argv[1:])
"""


class WithoutOpenat2(test_static.Files):
    """All that test_static.py says of files, by the walk that takes the place of openat2."""
    how = {"prefix": (sys.executable, "-c", WITHOUT_OPENAT2)}

    @classmethod
    def setUpClass(cls):
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.syscall(437, -1, None, None, 0) < 0 and ctypes.get_errno() in (1, 38):
            raise unittest.SkipTest("openat2 is refused anyway: test_static.py has tested the walk")
        super().setUpClass()

    def test_it_is_refused(self):
        with open("/proc/%d/status" % self.server.pid) as f:
            self.assertIn("Seccomp:\t2\n", f.read())


class Root(TempCase):
    """The folder itself goes, and comes back."""

    def setUp(self):
        super().setUp()
        self.fill("first")
        self.server = self.serve(loops=3)
        self.addCleanup(self.server.stop)

    def fill(self, text):
        os.makedirs(self.path("sub"))
        write_file(self.path("f"), text)
        write_file(self.path("sub/large"), text * 5000)  # which is kept by its descriptor
        settle(self.path("sub/large"))

    def expect(self, status, text=""):
        for _ in range(12):  # on each loop, and again from what is kept
            with Client(self.server) as c:
                for target, body in (("/f", text), ("/sub/large", text * 5000)):
                    r = c.get(target)
                    self.assertEqual(r.status, status, target)
                    if status == 200:
                        self.assertEqual(r.body, body.encode(), target)

    def test_removed_and_made_again(self):
        for text in ("second", "third!"):  # as many bytes
            shutil.rmtree(self.root)
            self.expect(404)
            os.mkdir(self.root)
            self.expect(404)
            self.fill(text)
            self.expect(200, text)
        self.assertIsNone(self.server.process.poll())

    def test_moved_away_and_back(self):
        self.expect(200, "first")
        os.rename(self.root, self.root + ".away")
        self.expect(200, "first")  # its successor comes in a moment
        self.fill("second")
        self.expect(200, "second")
        shutil.rmtree(self.root)
        os.rename(self.root + ".away", self.root)
        self.expect(200, "first")

    def test_a_file_in_its_place(self):
        shutil.rmtree(self.root)
        write_file(self.root, "no folder")
        self.expect(404)
        os.unlink(self.root)
        self.fill("second")
        self.expect(200, "second")

    def test_that_may_not_be_read_for_a_while(self):
        """As root nothing is refused; what was there is there again in any case."""
        os.chmod(self.root, 0)
        with Client(self.server) as c:
            self.assertIn(c.get("/f").status, (200, 403, 404))
        os.chmod(self.root, 0o755)
        self.expect(200, "first")


def content(version, size):
    """Of one version throughout, and compressible; of two versions no two lines are equal."""
    line = b"version %04d of this file is on this line of it.\n" % version
    return (line * (size // len(line) + 1))[:size]


def version_of(body):
    """The version that this is; -1: no content() of any."""
    match = re.match(rb"version (\d{4}) ", body)
    version = int(match[1]) if match else -1
    return version if match and body == content(version, len(body)) else -1


class UnderLoad(TempCase):
    """A file is replaced hundreds of times while it is read: each answer is one version, whole."""

    READERS = 4

    def setUp(self):
        super().setUp()
        self.server = self.serve("--quiet", loops=2)
        self.addCleanup(self.server.stop)
        self.end = threading.Event()
        self.lock = threading.Lock()
        self.tags = {}    # entity tag without W/ -> (version, coding): one of each for a tag
        self.counts = {}  # coding -> answers
        self.newest = -1  # version that some reader has seen
        self.answers = 0

    def put(self, name, version, data):
        """In the place of the file, by rename; each version has a time of its own."""
        write_file(self.path("new"), data)
        os.utime(self.path("new"), ns=(0, (1600000000 + version) * SECOND_NS + version))
        os.rename(self.path("new"), self.path(name))

    def look(self, r, size, has_own_tags):
        self.assertEqual((r.status, len(r.all("ETag"))), (200, 1))
        coding = r["Content-Encoding"]
        self.assertIn(coding, (None, "gzip"))
        body = r.body if coding is None else gzip.decompress(r.body)
        version = version_of(body)
        self.assertEqual((version >= 0, len(body)), (True, size), "a mixture of versions")
        tag = r["ETag"].removeprefix("W/")
        with self.lock:
            if has_own_tags:
                self.assertEqual(self.tags.setdefault(tag, (version, coding)), (version, coding))
            self.counts[coding] = self.counts.get(coding, 0) + 1
            self.answers += 1
            self.newest = max(self.newest, version)
        return version, r["ETag"]

    def read(self, size, fields, has_own_tags):
        last = -1
        with Client(self.server) as c:
            while not self.end.is_set():
                version, tag = self.look(c.get("/f.txt", *fields), size, has_own_tags)
                self.assertGreaterEqual(version, last)  # an answer that begins later is of no older one
                last = version
                r = c.get("/f.txt", "If-None-Match: " + tag, *fields)
                if r.status == 304:  # the tag becomes strong as the file settles
                    self.assertEqual(r["ETag"].removeprefix("W/"), tag.removeprefix("W/"))
                else:
                    last = self.look(r, size, has_own_tags)[0]
                r = c.get("/f.txt", "Range: bytes=50-99", "If-Range: " + tag)
                if r.status == 206:  # by a strong tag alone
                    self.assertEqual((r["ETag"], r.body), (tag, content(version, size)[50:100]))
                else:
                    last = self.look(r, size, has_own_tags)[0]

    def start_writer(self, change):
        """A function that has so many more changes made, by a process: as a thread the writer would wait for the
        readers at each of its calls."""
        more_r, more_w = os.pipe()
        done_r, done_w = os.pipe()
        pid = os.fork()
        if pid == 0:
            with contextlib.suppress(BaseException):
                os.close(more_w)
                version = 1
                while os.read(more_r, 1):
                    for version in range(version, version + BURST):
                        change(version)
                    version += 1
                    os.write(done_w, b"x")
            os._exit(0)
        os.close(more_r)
        os.close(done_w)
        self.addCleanup(os.close, done_r)
        self.addCleanup(os.waitpid, pid, 0)
        self.addCleanup(os.close, more_w)  # which ends it
        return lambda: os.write(more_w, b"x") == 1 and os.read(done_r, 1) == b"x"

    def write(self, burst):
        for version in range(BURST, CHANGES + 1, BURST):
            seen = self.answers
            self.assertTrue(burst())
            if version % 100 == 0:  # it lies still for so long that it is kept, and encoded
                settle(self.path("f.txt"))
                seen = None
            self.assertTrue(eventually(lambda: self.end.is_set() or
                                       (self.newest == version if seen is None else self.answers > seen), 60))
            if self.end.is_set():  # a reader has failed
                return

    def run_load(self, change, size, fields=(), has_own_tags=True):
        change(0)
        burst = self.start_writer(change)

        def work(i):
            try:
                if i < self.READERS:
                    self.read(size, fields, has_own_tags)
                else:
                    self.write(burst)
            finally:
                self.end.set()
        in_threads(self.READERS + 1, work)
        with Client(self.server) as c:
            self.assertEqual(version_of(c.get("/f.txt").body), CHANGES)

    def by_rename(self, size, *fields):
        self.run_load(lambda version: self.put("f.txt", version, content(version, size)), size, fields)
        self.assertEqual("gzip" in self.counts, bool(fields), self.counts)

    def test_renamed_1_kib(self):
        self.by_rename(KIB)

    def test_renamed_1_kib_encoded(self):
        self.by_rename(KIB, "Accept-Encoding: gzip")

    def test_renamed_15_kib(self):
        self.by_rename(15 * KIB)

    def test_renamed_15_kib_encoded(self):
        self.by_rename(15 * KIB, "Accept-Encoding: gzip")

    def test_renamed_100_kib(self):
        self.by_rename(100 * KIB)

    def test_renamed_100_kib_encoded(self):
        self.by_rename(100 * KIB, "Accept-Encoding: gzip")

    def test_renamed_with_a_sibling(self):
        """The file first, then what lies beside it: an older sibling is nobody's coding."""
        def change(version):
            self.put("f.txt", version, content(version, 15 * KIB))
            self.put("f.txt.gz", version, gzip.compress(content(version, 15 * KIB), 1))
        self.run_load(change, 15 * KIB, ("Accept-Encoding: gzip",))
        self.assertIn("gzip", self.counts)

    def test_written_at_once(self):
        """In place, by one write of as many bytes. Two of them in one tick of the clock may share a tag."""
        write_file(self.path("f.txt"), b"")
        fd = os.open(self.path("f.txt"), os.O_WRONLY)
        self.addCleanup(os.close, fd)
        self.run_load(lambda version: os.pwrite(fd, content(version, KIB), 0), KIB, has_own_tags=False)


if __name__ == "__main__":
    unittest.main()
