"""The servers of tools/bench.d/models: what they answer, and to how many at once; the section of the document.

What is expected is by RFC 9112 and by their headers. Nothing here depends on how long something takes.
"""
import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import unittest

from support import PATIENCE, WEIR, write_file

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
sys.path.insert(0, os.path.join(TOP, "tools/bench.d"))
import latency  # noqa: E402
import models  # noqa: E402
import process  # noqa: E402

HELLO = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 14\r\n\r\nHello, World!\n"
GET = b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"
CLIENTS = 20


def status_line(answer):
    return answer.split(b"\r\n", 1)[0]


class Models(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        temp = tempfile.TemporaryDirectory(prefix="weir-test-")
        cls.addClassCleanup(temp.cleanup)
        cls.root = os.path.join(temp.name, "root")
        os.makedirs(os.path.join(cls.root, "folder"))
        write_file(os.path.join(temp.name, "secret.txt"), "secret")
        write_file(os.path.join(cls.root, "a b.txt"), "file")
        write_file(os.path.join(cls.root, "empty"), "")
        os.symlink("../secret.txt", os.path.join(cls.root, "link"))
        with open(os.path.join(cls.root, "large.bin"), "wb") as f:
            f.write(bytes(range(256)) * 4096)
        cls.servers = {s.name: s for s in models.models(temp.name, WEIR)}

    def running(self, name):
        running = process.Running(self.servers[name], self.root, None)
        self.addCleanup(running.stop)
        return running

    def connect(self, running):
        s = socket.create_connection(("127.0.0.1", running.port), PATIENCE)
        self.addCleanup(s.close)
        return s

    def whole(self, running, *pieces):
        """All that comes for these pieces, until it is closed."""
        with self.connect(running) as s, s.makefile("rb") as f:
            for piece in pieces:
                s.sendall(piece)
            s.shutdown(socket.SHUT_WR)
            return f.read()

    def test_hello_however_it_comes(self):
        for name in ("blocking", "process", "thread"):
            running = self.running(name)
            self.assertEqual(self.whole(running, GET), HELLO)
            self.assertEqual(self.whole(running, *(GET[i:i + 1] for i in range(len(GET)))), HELLO)
            for i in range(1, len(GET)):
                self.assertEqual(self.whole(running, GET[:i], GET[i:]), HELLO)
            self.assertEqual(self.whole(running, GET * 5), HELLO * 5)

    def test_connection_stays_open(self):
        running = self.running("blocking")
        with self.connect(running) as s:
            for _ in range(3):
                s.sendall(GET)
                self.assertEqual(s.recv(len(HELLO), socket.MSG_WAITALL), HELLO)
        for request in (GET.replace(b"\r\n\r\n", b"\r\nConnection: x, Close\r\n\r\n"),
                        b"GET /hello HTTP/1.0\r\n\r\n"):
            with self.connect(running) as s, s.makefile("rb") as f:
                s.sendall(request + GET)
                got = f.read()
            self.assertEqual(got.count(b"Hello"), 1)
            self.assertIn(b"\r\nConnection: close\r\n", got)

    def test_files(self):
        running = self.running("blocking")

        def get(path):
            return self.whole(running, b"GET %s HTTP/1.1\r\nHost: a\r\n\r\n" % path)
        self.assertTrue(get(b"/a%20b.txt?x").endswith(b"Content-Length: 4\r\n\r\nfile"))
        self.assertTrue(get(b"/empty").endswith(b"Content-Length: 0\r\n\r\n"))
        self.assertEqual(get(b"/large.bin").partition(b"\r\n\r\n")[2], bytes(range(256)) * 4096)
        for path in (b"/", b"/none", b"/folder", b"/link", b"/../secret.txt", b"/%2e%2e/secret.txt", b"//etc/passwd"):
            self.assertEqual(status_line(get(path)), b"HTTP/1.1 404 Not Found", path)
        for path in (b"/%00", b"/%", b"/%2", b"/%2x", b"/%g0"):
            self.assertEqual(status_line(get(path)), b"HTTP/1.1 400 Bad Request", path)

    def test_head_has_no_content(self):
        running = self.running("blocking")
        for path, length in ((b"/hello", 14), (b"/large.bin", 256 * 4096)):
            got = self.whole(running, b"HEAD %s HTTP/1.1\r\nHost: a\r\n\r\n" % path + GET)
            self.assertTrue(got.endswith(HELLO))
            self.assertTrue(got[:-len(HELLO)].endswith(b"Content-Length: %d\r\n\r\n" % length))

    def test_content_is_skipped(self):
        running = self.running("blocking")
        content = b"GET /none HTTP/1.1\r\nHost: a\r\n\r\n" * 1000
        request = b"GET /hello HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(content)
        self.assertEqual(self.whole(running, request + content + GET), HELLO * 2)

    def test_faults(self):
        running = self.running("blocking")
        for status, request in (
                (400, b"GET /hello HTTP/1.1\r\n\r\n"),
                (400, b"GET /hello HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"),
                (400, b"GET hello HTTP/1.1\r\nHost: a\r\n\r\n"),
                (400, b"GET /hello\r\nHost: a\r\n\r\n"),
                (400, b"GET /hello HTTX/1.1\r\nHost: a\r\n\r\n"),
                (400, b"G(T /hello HTTP/1.1\r\nHost: a\r\n\r\n"),
                (400, b"GET /hello HTTP/1.1\r\nHost : a\r\n\r\n"),
                (400, b"GET /hello HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n"),
                (400, b"GET /hello HTTP/1.1\r\nHost: a\nX: b\r\n\r\n"),
                (400, b"GET /hello HTTP/1.1\r\nHost: a\rb\r\n\r\n"),
                (400, b"GET /hello HTTP/1.1\r\nHost: a\0b\r\n\r\n"),
                (400, b"GET /hello HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\nx"),
                (400, b"GET /hello HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx"),
                (400, b"GET /hello HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\nx"),
                (405, b"POST /hello HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx"),
                (417, b"GET /hello HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n"),
                (431, b"GET /hello HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 8192),
                (501, b"GET /hello HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
                (505, b"GET /hello HTTP/2.0\r\nHost: a\r\n\r\n")):
            got = self.whole(running, request)
            self.assertEqual(got[:13], b"HTTP/1.1 %d " % status, request[:100])
            self.assertEqual(got.count(b"HTTP/1.1"), 1, request[:100])

    def hold(self, running):
        with contextlib.ExitStack() as clients:
            return models.hold(running.port, CLIENTS, clients)

    def test_who_serves_one_and_who_serves_all(self):
        """Clients that stay: blocking.c has the first, the kernel keeps the others."""
        self.assertEqual(self.hold(self.running("blocking")), 1)
        for name in ("process", "thread"):
            running = self.running(name)
            self.assertEqual(self.hold(running), CLIENTS)
            self.assertEqual(self.hold(running), CLIENTS)  # when the first have gone

    def test_next_client_is_served_when_one_goes(self):
        running = self.running("blocking")
        first, second = self.connect(running), self.connect(running)
        second.sendall(GET)
        first.sendall(GET)
        self.assertEqual(first.recv(len(HELLO), socket.MSG_WAITALL), HELLO)
        first.close()
        self.assertEqual(second.recv(len(HELLO), socket.MSG_WAITALL), HELLO)

    def test_processes_are_reaped(self):
        running = self.running("process")
        for _ in range(30):
            self.whole(running, GET)
        with self.connect(running) as s:
            s.sendall(GET)
            self.assertEqual(s.recv(len(HELLO), socket.MSG_WAITALL), HELLO)
            self.assertLess(len(running.pids()), 12)

    def test_usage(self):
        program = self.servers["blocking"].program
        for arguments in ((), ("x", self.root), ("1", "/none"), ("-1", self.root)):
            done = subprocess.run([program, *arguments], capture_output=True, timeout=PATIENCE)
            self.assertNotEqual(done.returncode, 0, arguments)


class Section(unittest.TestCase):
    def samples(self, rps, p99, served):
        return [models.Sample(rps, latency.Latency({0.99: p99}, p99, 10, 0, 0, served, 0), (1.5, 16), 9000)]

    def test_section_and_plots(self):
        found = [models.model("blocking", "", "how"), models.model("thread", "", "how")]
        results = {(s.name, n): self.samples(1000 * n, 2_500_000, 1 if s.name == "blocking" else n)
                   for s in found for n in models.CLIENTS}
        results["blocking", 1000][0] = models.Sample(1, results["blocking", 1000][0].latency)
        text = models.section(results, found, models.QUICK, ["- line"])
        self.assertIn("| 16 | 1 of 16 served | 2,500 (2,500–2,500) |", text)
        self.assertIn("| 256 | 256,000 (0 %) | 256,000 (0 %) |", text)
        self.assertIn("| blocking | 9,000 (0 %) | – | – |\n"
                      "| thread | 9,000 (0 %) | 1.5 (1.5–1.5) | 16 (16–16) |", text)
        for name, plot in models.plots(results, ["blocking", "thread"]).items():
            self.assertIn("performance/" + name, text)
            self.assertTrue(plot.startswith("<svg"))

    def test_document_has_the_marks(self):
        with open(os.path.join(TOP, "docs/performance.md"), encoding="utf-8") as f:
            text = f.read()
        for name in ("tail", "models"):
            self.assertEqual([text.count(mark) for mark in latency.marks(name)], [1, 1])
            begin, end = latency.marks(name)
            self.assertLess(text.index(begin), text.index(end))
        begin, end = latency.marks("tail")
        self.assertEqual(latency.replaced("a %s old %s b" % (begin, end), "tail", "new"),
                         "a %s\n\nnew\n\n%s b" % (begin, end))


if __name__ == "__main__":
    unittest.main()
