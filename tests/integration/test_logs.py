"""The access log: the combined format, whole lines, nothing forged, and never in the way."""
import calendar
import contextlib
import json
import os
import re
import select
import subprocess
import threading
import time
import unittest

from support import PATIENCE, Client, Server, TempCase, eventually, in_threads, sanitizer, write_file

LINE = re.compile(
    r'(?P<peer>\S+) - - \[(?P<time>\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000)\] '
    r'"(?P<request>(?:[^"\\]|\\x[0-9a-f]{2})*)" (?P<status>[1-5]\d\d) (?P<bytes>\d+) '
    r'"(?P<referer>(?:[^"\\]|\\x[0-9a-f]{2})*)" "(?P<agent>(?:[^"\\]|\\x[0-9a-f]{2})*)"\Z')


class LogCase(TempCase):
    def setUp(self):
        super().setUp()
        write_file(self.path("index.html"), "hello")

    def lines(self, raw):
        """Every line parsed; the last one is whole too."""
        if raw:
            self.assertTrue(raw.endswith(b"\n"))
        out = []
        for line in raw.decode("ascii").split("\n")[:-1]:
            m = LINE.match(line)
            self.assertTrue(m, "not in the combined format: %r" % line)
            out.append(m)
        return out


class Format(LogCase):
    def test_fields(self):
        before = time.time()
        with self.serve() as s:
            with Client(s) as c:
                c.get("/", "User-Agent: test/1.0 (x)", "Referer: http://example.org/?a=b")
                c.get("/nosuch?q=1")
                c.get("/", method="HEAD")
                c.get("/", method="OPTIONS")
                c.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
                c.read()
                c.get("/", "Range: bytes=1-2")
                etag = c.get("/")["ETag"]
                c.get("/", "If-None-Match: " + etag)
                c.send("rubbish\r\n\r\n")
                page = c.read()
                self.assertTrue(c.is_ended())
            s.stop()
            lines = self.lines(s.access_log())
        got = [(m["request"], m["status"]) for m in lines]
        self.assertEqual(got[:8], [
            ("GET / HTTP/1.1", "200"), ("GET /nosuch?q=1 HTTP/1.1", "404"),
            ("HEAD / HTTP/1.1", "200"), ("OPTIONS / HTTP/1.1", "204"), ("GET / HTTP/1.0", "200"),
            ("GET / HTTP/1.1", "206"), ("GET / HTTP/1.1", "200"), ("GET / HTTP/1.1", "304")])
        self.assertEqual(len(lines), 9)
        self.assertEqual(lines[8]["status"], "400")
        self.assertEqual([m["bytes"] for m in lines[2:]],
                         ["0", "0", "5", "2", "5", "0", str(len(page.body))])
        self.assertEqual(lines[0]["bytes"], "5")
        self.assertEqual((lines[0]["agent"], lines[0]["referer"]),
                         ("test/1.0 (x)", "http://example.org/?a=b"))
        self.assertEqual((lines[1]["agent"], lines[1]["referer"]), ("-", "-"))
        for m in lines:
            self.assertEqual(m["peer"], "127.0.0.1")
            at = time.strptime(m["time"], "%d/%b/%Y:%H:%M:%S +0000")
            self.assertLess(abs(calendar.timegm(at) - before), 60)

    def test_unix_peer(self):
        path = os.path.join(self.temp, "s")
        with self.serve(listen=["unix:" + path]) as s:
            with Client(address=path) as c:
                c.get("/")
            s.stop()
            self.assertEqual(len(self.lines(s.access_log())), 1)

    def test_download_that_was_cut(self):
        write_file(self.path("large"), b"x" * 20000000)
        with self.serve() as s:
            c = Client(s, rcvbuf=4096)
            c.request("/large")
            c.read_head()
            c.reset()
            self.assertTrue(eventually(lambda: s.access_log()))
            s.stop()
            m, = self.lines(s.access_log())
            self.assertEqual(m["status"], "200")
            self.assertLess(int(m["bytes"]), 20000000)

    def test_hostile_bytes(self):
        """No request writes a line of its own, an escape sequence, or a quote."""
        targets = ["/%0a%0d%1b[2J", '/"quote', "/back\\slash", "/high\xff\xfe\x80", "/tab\tx",
                   '/" 200 5 "-" "-', "/\\x41", "/" + '"' * 5000, "/\x1b[31m", "/\x7f", "/\x85\x9b"]
        agents = ['a"b', "a\\b", "\xff\x80\x9b31m", "tab\there", "x" * 20000, '"' * 6000,
                  '" 200 1 "x" "y', "\x1b[31m", "nul\0", "\x7f", "a\rb", "a\nb: c"]
        with self.serve() as s:
            sent = 0
            for target in targets:
                with Client(s) as c:
                    c.request(target)
                    c.read()
                    sent += 1
            for agent in agents:
                with Client(s) as c:
                    c.request("/", "User-Agent: " + agent, "Referer: " + agent)
                    c.read()
                    sent += 1
            for method in ('G"T', "G\\T", "G\x1bT", "\xffGET", "A" * 5000):
                with Client(s) as c:
                    c.request("/", method=method)
                    c.read()
                    sent += 1
            s.stop()
            raw = s.access_log()
            lines = self.lines(raw)
            self.assertEqual(len(lines), sent)
            for line in raw.split(b"\n"):
                self.assertLess(len(line), 5120)
                self.assertRegex(line, rb"^[ -~]*$")
            for line in s.log().splitlines():
                self.assertRegex(line, r"^[ -~]*$")
            agent = [m["agent"] for m in lines[len(targets):]]
            self.assertEqual(agent[0], r"a\x22b")
            self.assertEqual(agent[1], r"a\x5cb")
            self.assertEqual(agent[2], r"\xff\x80\x9b31m")


class Whole(LogCase):
    CLIENTS, REQUESTS = 20, 100

    def load(self, server):
        def work(i):
            agent = "User-Agent: client-%d " % i + "x" * (37 * i)
            with Client(server) as c:
                for j in range(0, self.REQUESTS, 10):
                    for k in range(10):
                        c.request("/?%d-%d" % (i, j + k), agent)
                    for k in range(10):
                        c.read()
        in_threads(self.CLIENTS, work)

    def check(self, raw):
        lines = self.lines(raw)
        got = [m["request"] for m in lines]
        want = ["GET /?%d-%d HTTP/1.1" % (i, j) for i in range(self.CLIENTS)
                for j in range(self.REQUESTS)]
        self.assertEqual(sorted(got), sorted(want))
        for m in lines:
            i = int(re.match(r"GET /\?(\d+)-", m["request"])[1])
            self.assertEqual(m["agent"], ("client-%d " % i + "x" * (37 * i)).rstrip())

    def test_one_whole_line_a_request_in_a_file(self):
        with self.serve(loops=4) as s:
            self.load(s)
            s.stop()
            self.check(s.access_log())

    def test_one_whole_line_a_request_in_a_pipe(self):
        read_end, write_end = os.pipe()
        pieces = []

        def reader():
            while True:
                piece = os.read(read_end, 65536)
                if not piece:
                    return
                pieces.append(piece)
        s = self.serve(loops=4, stdout=write_end)
        os.close(write_end)
        t = threading.Thread(target=reader, daemon=True)
        t.start()
        self.load(s)
        s.stop()
        t.join(PATIENCE)
        self.assertFalse(t.is_alive())
        os.close(read_end)
        self.check(b"".join(pieces))

    def test_shared_file(self):
        """Two servers append to one file: the lines of both are whole."""
        path = os.path.join(self.temp, "access.log")
        with open(path, "ab") as f:
            a, b = self.serve(stdout=f.fileno()), self.serve(stdout=f.fileno())
        threads = [threading.Thread(target=self.load, args=(s,)) for s in (a, b)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        a.stop()
        b.stop()
        with open(path, "rb") as f:
            self.assertEqual(len(self.lines(f.read())), 2 * self.CLIENTS * self.REQUESTS)

    def test_lines_are_there_soon(self):
        with self.serve() as s:
            with Client(s) as c:
                for i in range(5):
                    c.get("/?%d" % i)
                    self.assertTrue(eventually(lambda: s.access_log().count(b"\n") == i + 1, 5))

    def test_quiet_writes_none(self):
        with self.serve("--quiet") as s:
            self.load(s)
            s.stop()
            self.assertEqual(s.access_log(), b"")


class Trouble(LogCase):
    def flood(self, server, megabytes=4):
        """Requests whose lines are that much; the longest time that ten of them took."""
        agent = "User-Agent: " + "\xff" * 250
        target = "/?" + "q" * 900
        slowest = 0
        with Client(server) as c:
            for _ in range(megabytes * 50):
                start = time.monotonic()
                for _ in range(10):
                    c.request(target, agent)
                for _ in range(10):
                    self.assertEqual(c.read().status, 200)
                slowest = max(slowest, time.monotonic() - start)
        return slowest

    def test_pipe_that_nobody_reads(self):
        read_end, write_end = os.pipe()
        self.addCleanup(os.close, read_end)
        s = self.serve(stdout=write_end)
        os.close(write_end)
        self.assertLess(self.flood(s), 2)
        self.assertLess(s.stop(), 8)

    def test_pipe_that_is_read_late(self):
        """Lines that did not fit are counted; the others are whole."""
        read_end, write_end = os.pipe()
        s = self.serve(stdout=write_end)
        os.close(write_end)
        self.flood(s)
        pieces = []

        def reader():
            while True:
                piece = os.read(read_end, 65536)
                if not piece:
                    return
                pieces.append(piece)
        t = threading.Thread(target=reader, daemon=True)
        t.start()
        with Client(s) as c:
            c.get("/?last")
        self.assertTrue(eventually(lambda: b"lost" in b"".join(pieces)))
        with Client(s) as c:
            c.get("/?after")
        s.stop()
        t.join(PATIENCE)
        os.close(read_end)
        raw = b"".join(pieces)
        reports = re.findall(rb"^weir: (\d+) log lines lost[^\n]*\n", raw, re.M)
        self.assertTrue(reports)
        lines = self.lines(re.sub(rb"(?m)^weir: [^\n]*\n", b"", raw))
        self.assertEqual(len(lines) + sum(int(n) for n in reports), 4 * 50 * 10 + 2)

    def test_reader_goes_away(self):
        read_end, write_end = os.pipe()
        s = self.serve(stdout=write_end)
        os.close(write_end)
        with Client(s) as c:
            c.get("/")
        self.assertTrue(select.select([read_end], [], [], PATIENCE)[0])
        os.close(read_end)
        self.assertLess(self.flood(s, 1), 2)
        self.assertIsNone(s.process.poll())
        self.assertLess(s.stop(), 5)

    def test_full_disk(self):
        with open("/dev/full", "wb") as f:
            s = self.serve(stdout=f.fileno())
        self.assertLess(self.flood(s, 1), 2)
        told = "cannot write the log of requests: No space left on device; lines are lost"
        self.assertTrue(eventually(lambda: told in s.log()), s.log())
        self.assertEqual(s.log().count(told), 1)
        self.assertLess(s.stop(), 5)

    def small_disk(self):
        """A folder on a file system of 256 KiB."""
        folder = os.path.join(self.temp, "logs")
        os.mkdir(folder)
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "none", folder], capture_output=True).returncode:
            self.skipTest("may not mount a file system")
        self.addCleanup(subprocess.run, ["umount", "--lazy", folder], check=True)
        return folder

    def test_full_disk_on_which_there_is_room_again(self):
        """Requests are served meanwhile; what is lost is counted, and the log goes on by itself."""
        folder = self.small_disk()
        log, ballast = os.path.join(folder, "access.log"), os.path.join(folder, "ballast")
        config = write_file(os.path.join(self.temp, "weir.json"),
                            json.dumps({"routes": [{"static": "www"}], "access_log": {"file": log}}))
        s = Server(None, "--config", config)
        self.addCleanup(s.__exit__, None, None, None)
        with open(ballast, "wb") as f, contextlib.suppress(OSError):
            f.write(bytes(1 << 20))
        self.assertLess(self.flood(s, 1), 2)
        told = "No space left on device; lines are lost"
        self.assertTrue(eventually(lambda: told in s.log()), s.log())
        os.unlink(ballast)
        with Client(s) as c:
            self.assertEqual(c.get("/?after").status, 200)

        def read():
            with open(log, "rb") as f:
                return f.read()
        self.assertTrue(eventually(lambda: b"/?after " in read()))
        s.stop()
        self.assertEqual(s.log().count(told), 1)
        lines = read().decode("ascii").split("\n")
        whole = [line for line in lines if LINE.match(line)]
        reports = re.findall(r"^weir: (\d+) log lines lost: writing failed: No space left on device$",
                             "\n".join(lines), re.M)
        self.assertEqual(len(whole) + sum(int(n) for n in reports), 50 * 10 + 1)
        self.assertGreater(sum(int(n) for n in reports), 0)
        self.assertEqual(lines.pop(), "")
        self.assertLessEqual(len(lines) - len(whole) - len(reports), 1)  # the one that was cut

    def test_pipe_to_a_program_that_ends(self):
        """weir serve . | head -3"""
        head = subprocess.Popen(["head", "-n", "3"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            s = self.serve(stdout=head.stdin.fileno())
            head.stdin.close()
            with Client(s) as c:
                for i in range(50):
                    self.assertEqual(c.get("/?%d" % i).status, 200)
            self.assertEqual(head.stdout.read().count(b"\n"), 3)
            s.stop()
        finally:
            head.kill()
            head.stdout.close()
            head.wait()

    def test_idle_server_sleeps(self):
        """Also with a log that nobody reads: no spinning."""
        read_end, write_end = os.pipe()
        self.addCleanup(os.close, read_end)
        s = self.serve(stdout=write_end)
        os.close(write_end)
        self.flood(s, 3)
        before = s.cpu_seconds()
        select.select([], [], [], 1)
        self.assertLess(s.cpu_seconds() - before, 0.3 if not sanitizer() else 0.6)
        s.stop()


if __name__ == "__main__":
    unittest.main()
