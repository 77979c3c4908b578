"""tools/bench: every answer of Weir that would be timed is right; what is wrong is found; the arithmetic.

Nothing here depends on how long something takes, nor on a server that is not Weir.
"""
import contextlib
import gzip
import json
import os
import re
import resource
import socket
import subprocess
import sys
import tempfile
import threading
import unittest

from support import PATIENCE, WEIR, TempCase, sanitizer, write_file

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
TOOL = os.path.join(TOP, "tools/bench")
sys.path.insert(0, os.path.join(TOP, "tools/bench.d"))
import check  # noqa: E402
import files  # noqa: E402
import machine  # noqa: E402
import process  # noqa: E402
import programs  # noqa: E402
import report  # noqa: E402
import runs  # noqa: E402
import servers  # noqa: E402
from cases import CASES  # noqa: E402

# A weir that answers all with another byte than the file has; 1k.bin begins with 0x22 in every run.
BROKEN_WEIR = """#!%s
import os, socket, sys
s = socket.create_server(("127.0.0.1", 0))
ready = int(sys.argv[sys.argv.index("--ready-fd") + 1])
os.write(ready, b"127.0.0.1:%%d\\n" %% s.getsockname()[1])
while True:
    c = s.accept()[0]
    while c.recv(65536):
        c.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 1024\\r\\n\\r\\n" + b"x" * 1024)
"""

# What Weir may leave uncompressed: until it compresses.
NOT_YET = {"gzip-sibling", "gzip-dynamic"}


def run_bench(*args):
    return subprocess.run([sys.executable, "-B", TOOL, *args], capture_output=True, text=True, timeout=170)


@contextlib.contextmanager
def answering(*answers, is_closing=False, heard=None):
    """A server that gives these answers in turn, over and over; yields its port. What it is asked is put
    into `heard`."""
    turn = iter(answers * 1000)

    def serve(conn):
        with conn, contextlib.suppress(OSError):
            while asked := conn.recv(65536):
                if heard is not None:
                    heard.add(asked)
                conn.sendall(next(turn))
                if is_closing:
                    return

    def accept(listener):
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, args=(listener,), daemon=True).start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def taking(status):
    """A server that reads each request's content, and then answers with this status; yields its port and
    the list of how much came."""
    taken = []

    def serve(conn):
        with conn, conn.makefile("rb") as f, contextlib.suppress(OSError):
            while line := f.readline():
                size = 0
                while (line := f.readline()) != b"\r\n":
                    if line.startswith(b"Content-Length:"):
                        size = int(line.split()[1])
                taken.append(len(f.read(size)))
                conn.sendall(answer(b"x", status=status))

    def accept(listener):
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, args=(listener,), daemon=True).start()
        try:
            yield listener.getsockname()[1], taken
        finally:
            listener.shutdown(socket.SHUT_RDWR)


def answer(body, *fields, status="200 OK"):
    lines = ["HTTP/1.1 " + status, "Content-Length: %d" % len(body), *fields]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Weir(TempCase):
    def test_every_case_is_answered_rightly(self):
        done = run_bench("--check", "--server", "weir", "--weir", WEIR)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        said = dict(re.findall(r"^(\S+) +weir +(.*)$", done.stderr, re.M))
        self.assertEqual(list(said), [c.name for c in CASES], done.stderr)
        for case in CASES:
            allowed = ("right", "not served: not compressed") if case.name in NOT_YET else ("right",)
            self.assertIn(said[case.name], allowed, case.name)

    def test_wrong_answer_is_told_and_is_1(self):
        fake = write_file(os.path.join(self.temp, "weir"), BROKEN_WEIR % sys.executable)
        os.chmod(fake, 0o755)
        done = run_bench("--check", "--case", "static-1k", "--server", "weir", "--weir", fake)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("failed: 1024 bytes", done.stderr)

    def test_part_of_the_table_is_not_written(self):
        for option in (("--case", "hello"), ("--server", "weir"), ("--check",), ("--nopin",), ("--quick",)):
            done = run_bench("--write", "--weir", WEIR, *option)
            self.assertEqual(done.returncode, 2, done.stderr)

    def test_two_workers_answer_rightly(self):
        done = run_bench("--check", "--nopin", "--weir", WEIR, "--case", "hello", "static-1k", "--server", "weir")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len(re.findall(r" right$", done.stderr, re.M)), 4, done.stderr)  # of limit too


class Check(TempCase):
    """What check.py says of the bytes 'abc' in different answers."""

    def ask(self, *answers, coding=None, status=200, **how):
        with open(os.path.join(self.temp, "file"), "wb") as f:
            f.write(b"abc")
        case = CASES[0].__class__("case", "", "file", status=status, coding=coding)
        with answering(*answers, **how) as port:
            check.check_case(port, case, "/", (), self.temp)

    def test_right(self):
        self.ask(answer(b"abc"))
        self.ask(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n")
        self.ask(answer(gzip.compress(b"abc"), "Content-Encoding: gzip"), coding="gzip")
        self.ask(b"HTTP/1.1 304 Not Modified\r\n\r\n", status=304)

    def test_wrong(self):
        packed = gzip.compress(b"abc")
        for what, coding in (
                (answer(b"abd"), None),                                 # other bytes
                (answer(b"ab"), None),                                  # fewer
                (answer(b"abcd"), None),                                # more
                (answer(b"abc", status="404 Not Found"), None),
                (answer(b"abc") + b"junk\r\n\r\n", None),               # shows in the next answer
                (answer(packed, "Content-Encoding: gzip"), None),       # not asked for
                (answer(packed[:-1], "Content-Encoding: gzip"), "gzip"),
                (answer(gzip.compress(b"abd"), "Content-Encoding: gzip"), "gzip"),
                (answer(packed, "Content-Encoding: br"), "gzip"),
                (answer(b"abd"), "gzip")):                              # not compressed, and wrong
            with self.assertRaises(check.Wrong, msg=what):
                self.ask(what, coding=coding)

    def test_wrong_304(self):
        with self.assertRaises(check.Wrong):  # content behind a 304 is taken for the next answer
            self.ask(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\nabc", status=304)
        with self.assertRaises(check.Wrong):
            self.ask(answer(b"abc"), status=304)

    def test_connection_must_stay_open(self):
        with self.assertRaises(check.Wrong):
            self.ask(answer(b"abc"), is_closing=True)
        with self.assertRaises(check.Wrong):
            self.ask(answer(b"abc", "Connection: close"))

    def case(self, *answers, is_closing_server=False, **how):
        with answering(*answers, is_closing=is_closing_server) as port:
            check.check_case(port, CASES[0].__class__("case", "", **how), "/", (), self.temp)

    def test_pipelined(self):
        one, other = answer(b"Hello, World!\n"), answer(b"Hello, World?\n")
        self.case(3 * one, pipeline=3)
        for wrong in (one + other + one, one + one, one + answer(b"", status="503 No") + one):
            with self.assertRaises(check.Wrong):
                self.case(wrong, is_closing_server=True, pipeline=3)

    def test_connection_must_be_closed(self):
        last = answer(b"Hello, World!\n", "Connection: close")
        self.case(last, is_closing_server=True, is_closing=True)
        with self.assertRaises(check.Wrong):
            self.case(last + b"more", is_closing_server=True, is_closing=True)

    def test_upload_must_be_taken(self):
        case = CASES[0].__class__("case", "", upload=1)
        with taking("200 OK") as (port, taken):
            check.check_case(port, case, "/", (), self.temp)
        self.assertEqual(len(taken), check.TIMES)
        self.assertTrue(all(n > 500_000 for n in taken), taken)
        with taking("413 No") as (port, _), self.assertRaises(check.Wrong):
            check.check_case(port, case, "/", (), self.temp)

    def test_not_compressed_is_not_served(self):
        with self.assertRaises(check.NotServed):
            self.ask(answer(b"abc"), coding="gzip")


class Load(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        temp = tempfile.TemporaryDirectory(prefix="weir-test-")
        cls.addClassCleanup(temp.cleanup)
        cls.temp, cls.program = temp.name, programs.build_tool("load", temp.name)

    def load(self, *answers, target="/", options=("-c", "1", "-n", "4"), **how):
        with answering(*answers, **how) as port:
            return subprocess.run([self.program, *options, str(port), *filter(None, [target])],
                                  capture_output=True, text=True, timeout=PATIENCE * 4)

    def figures(self, *answers, **how):
        done = self.load(*answers, **how)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def test_answers_and_bytes_are_counted(self):
        got = self.figures(answer(b"abc"))  # 19 bytes, 17, 2 and content, with line ends
        self.assertEqual((got["requests"], got["bytes"], got["bad"], got["lost"]), (4, 4 * 41, 0, 0))
        got = self.figures(b"HTTP/1.1 304 Not Modified\r\n\r\n", options=("-c", "3", "-n", "50"))
        self.assertEqual((got["requests"], got["bad"]), (50, 0))

    def test_chunks_are_read(self):
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        one = head + b"3\r\nabc\r\n0\r\n\r\n"
        same = head + b"1;x=y\r\na\r\n2\r\nbc\r\n0\r\nField: value\r\n\r\n"
        other = head + b"A\r\n0123456789\r\n0\r\n\r\n"
        self.assertEqual(self.figures(one, one, same)["bad"], 0)
        got = self.figures(one, one, other, same, one)  # the first is not counted
        self.assertEqual((got["requests"], got["bad"], got["first_bad"]), (4, 1, "HTTP/1.1 200"))
        broken = head + b"3\r\nabcd\r\n0\r\n\r\n"
        self.assertNotEqual(self.load(one, broken).returncode, 0)

    def test_content_is_posted(self):
        heard = set()
        got = self.figures(answer(b"abc"), options=("-c", "2", "-n", "4", "-H", "A: b", "-p", "x=1"), heard=heard)
        self.assertEqual(got["requests"], 4)
        self.assertEqual(len(heard), 1)
        head, _, content = heard.pop().partition(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        self.assertEqual((lines[0], content), (b"POST / HTTP/1.1", b"x=1"))
        self.assertIn(b"Content-Length: 3", lines)
        self.assertIn(b"A: b", lines)

    def test_other_status_is_bad(self):
        good, bad = answer(b"abc"), answer(b"abc", status="503 No")
        self.assertEqual(len(good), len(bad))
        got = self.figures(good, good, bad)
        self.assertEqual((got["bad"], got["first_bad"]), (1, "HTTP/1.1 503"))

    def test_longer_answer_ends_it(self):
        done = self.load(answer(b"abc"), answer(b"abcd"))
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("longer", done.stderr)

    def test_lost_connection_is_counted(self):
        got = self.figures(answer(b"abc"), is_closing=True)
        self.assertEqual(got["requests"], 4)
        self.assertGreaterEqual(got["lost"], 3)  # of the fourth none has to know

    def test_pipelined_answers_are_counted_and_looked_at(self):
        one, bad = answer(b"abc"), answer(b"abc", status="503 No")
        how, heard = {"options": ("-c", "1", "-n", "4", "-P", "4")}, set()
        got = self.figures(one, 4 * one, heard=heard, **how)
        self.assertEqual((got["requests"], got["bytes"], got["bad"]), (4, 4 * len(one), 0))
        single, together = sorted(heard, key=len)
        self.assertEqual(together, 4 * single)
        got = self.figures(one, one + one + bad + one, **how)
        self.assertEqual((got["requests"], got["bad"], got["first_bad"]), (4, 1, "HTTP/1.1 503"))
        self.assertNotEqual(self.load(one, 5 * one, **how).returncode, 0)

    def test_each_request_has_a_connection(self):
        got = self.figures(answer(b"abc"), is_closing=True,
                           options=("-c", "2", "-n", "6", "-H", "Connection: close"))
        self.assertEqual((got["requests"], got["bad"], got["lost"]), (6, 0, 0))

    def test_drained_answers_are_counted_and_looked_at(self):
        good, bad = (answer(b"x" * 3_000_000, status=status) for status in ("200 OK", "503 No"))
        how = {"options": ("-c", "1", "-n", "4", "-t")}
        got = self.figures(good, **how)
        self.assertEqual((got["requests"], got["bytes"], got["bad"]), (4, 4 * len(good), 0))
        got = self.figures(good, good, bad, **how)
        self.assertEqual((got["requests"], got["bad"], got["first_bad"]), (4, 1, "HTTP/1.1 503"))

    def upload(self, status):
        with taking(status) as (port, taken):
            done = subprocess.run([self.program, "-u", "3000000", "-n", "2", str(port), "/"],
                                  capture_output=True, text=True, timeout=PATIENCE * 4)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout), taken

    def test_upload(self):
        got, taken = self.upload("200 OK")
        self.assertEqual(taken, [3_000_000, 3_000_000])
        self.assertEqual((got["requests"], got["bytes"], got["bad"]), (2, 6_000_000, 0))
        got, _ = self.upload("500 No")
        self.assertEqual((got["bad"], got["first_bad"]), (2, "HTTP/1.1 500"))

    def kept(self, close_some):
        """What is said of three connections, some of which the server has closed when it is asked."""
        with socket.create_server(("127.0.0.1", 0)) as listener, subprocess.Popen(
                [self.program, "-k", "-c", "3", str(listener.getsockname()[1]), "/"], stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, text=True) as keeper:
            clients = []
            for _ in range(3):
                clients.append(listener.accept()[0])
                clients[-1].recv(65536)
                clients[-1].sendall(answer(b"abc"))
            self.assertEqual(keeper.stdout.readline(), "ready\n")
            close_some(clients)  # on loopback the other end knows when close() has returned
            said = json.loads(keeper.communicate(timeout=PATIENCE)[0])
            for c in clients:
                c.close()
            return said

    def test_kept_connections(self):
        self.assertEqual(self.kept(lambda clients: None), {"kept": 3, "lost": 0})
        self.assertEqual(self.kept(lambda clients: clients[1].close()), {"kept": 2, "lost": 1})

    def test_options_that_contradict_each_other(self):
        for options in (("-u", "5", "-P", "2"), ("-u", "5", "-k"), ("-k", "-t"), ("-u", "5", "-p", "x"),
                        ("-P", "1001")):
            done = subprocess.run([self.program, *options, "1", "/"], capture_output=True, text=True,
                                  timeout=PATIENCE)
            self.assertEqual(done.returncode, 2, options)

    def test_list_has_lengths(self):
        name = write_file(os.path.join(self.temp, "list"), "/a 3\n/b 2\n")
        how = {"target": None, "options": ("-c", "1", "-n", "4", "-l", name)}
        a, b = answer(b"abc"), answer(b"ab")
        self.assertEqual(self.figures(a, a, b, a, b, **how)["bad"], 0)
        self.assertEqual(self.figures(a, a, a, a, b, **how)["bad"], 1)


class Limit(TempCase):
    """What no case asks for yet; the rest is in test_every_case_is_answered_rightly."""

    HELLO = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 14\r\n\r\nHello, World!\n"

    def setUp(self):
        super().setUp()
        files.make_root(self.root)
        limit = servers.servers("", programs.build_tool("limit", self.temp))[0]
        self.limit = process.Running(limit, self.root, None)
        self.addCleanup(self.limit.stop)

    def exchange(self, request, size=None):
        with socket.create_connection(("127.0.0.1", self.limit.port), PATIENCE) as s:
            s.sendall(request)
            with s.makefile("rb") as f:
                return f.read(size)

    def test_pipelined(self):
        got = self.exchange(b"GET /h HTTP/1.1\r\n\r\n" * 20, 20 * len(self.HELLO))
        self.assertEqual(got, 20 * self.HELLO)

    def test_close(self):
        got = self.exchange(b"GET /c HTTP/1.1\r\n\r\n")
        self.assertTrue(got.endswith(b"Hello, World!\n"), got)
        self.assertIn(b"Connection: close", got)

    def test_content_is_dropped(self):
        content = b"GET /n\r\n\r\n" * 100_000
        head = b"POST /u HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(content)
        got = self.exchange(head + content + b"GET /h HTTP/1.1\r\n\r\n", 2 * len(self.HELLO))
        self.assertEqual(got, 2 * self.HELLO)


class Report(unittest.TestCase):
    def results(self):
        def one(us, distance=100):
            return runs.Sample(1000, us, 0.25, 0, distance)
        return {"hello": {"limit": [one(2), one(4), one(8), one(8), one(10, 400)],
                          "weir": [one(3), one(4), one(16), one(80, 400), one(80, 500)], "nginx": "not served: no"}}

    def test_ratio_is_of_the_same_round(self):
        found = self.results()["hello"]
        self.assertEqual(report.ratios(found["weir"][:3], found["limit"]), [1.5, 1.0, 2.0])
        text = report.cpu_table(self.results(), ["limit", "weir", "nginx", "h2o"])
        self.assertEqual(text.split("\n")[2:], [
            "| hello, near | 6.00 | 1.50 (1.00–2.00) | not served | – |",
            "| hello, far | 10.00 | 8.00 (8.00–8.00) | not served | – |"])

    def test_moved_cores_are_told(self):
        self.assertIn("100 to 500 ns, 100 in the middle", report.disturbance(self.results()))
        self.assertIn("near and of far", report.disturbance(self.results()))
        still = {"hello": {"weir": self.results()["hello"]["weir"][:3]}}
        self.assertNotIn("near and of far", report.disturbance(still))

    def test_what_is_not_pinned_is_not_known(self):
        loose = {"hello": {"weir": [runs.Sample(1000, 1, 0, 0, 0)]}}
        self.assertNotIn("%", report.disturbance(loose))

    def test_rate_has_its_spread(self):
        rows = {"hello": {"weir": [runs.Sample(r, 1, 0, 0, 100) for r in (900, 1000, 1200)]}}
        self.assertEqual(report.rate_table(rows, ["weir"]).split("\n")[-1], "| hello | 1,000 (30 %) |")

    def test_reason_is_told(self):
        self.assertEqual(report.reasons(self.results()), ["- hello, nginx: not served: no"])

    def test_only_what_is_between_the_marks_is_replaced(self):
        begin, end = report.MARKS
        self.assertEqual(report.document("a %s old %s b" % (begin, end), "new"),
                         "a %s\n\nnew\n\n%s b" % (begin, end))

    def test_document_has_the_marks(self):
        with open(os.path.join(TOP, "docs/performance.md")) as f:
            text = f.read()
        self.assertEqual([text.count(mark) for mark in report.MARKS], [1, 1])
        self.assertLess(text.index(report.MARKS[0]), text.index(report.MARKS[1]))


class Machine(unittest.TestCase):
    def test_two_cores_or_none(self):
        self.assertIsNone(machine.choose_cores({0}))
        allowed = os.sched_getaffinity(0)
        if len(allowed) > 1:
            server, load = machine.choose_cores(allowed)
            self.assertNotEqual(server, load)
            self.assertLessEqual({server, load}, allowed)
            with tempfile.TemporaryDirectory(prefix="weir-test-") as temp:
                program = programs.build_tool("distance", temp)
                self.assertGreater(machine.distance(program, (server, load)), 0)


class Three(TempCase):
    """tools/measure-three, whose answers are checked by test_three.py."""

    @unittest.skipIf(sanitizer() or resource.getrlimit(resource.RLIMIT_NOFILE)[1] < 4096,
                     "a thousand threads, and twice as many connections")
    def test_table(self):
        done = subprocess.run([os.path.join(TOP, "tools/measure-three"), "--weir", WEIR, "--rounds", "1",
                               "--milliseconds", "50"], capture_output=True, text=True, timeout=PATIENCE * 4)
        self.assertEqual(done.returncode, 0, done.stderr)
        rows = [row for row in done.stdout.splitlines() if row.startswith("| in a") or row.startswith("| on")]
        self.assertEqual(len(rows), 4, done.stdout)


if __name__ == "__main__":
    unittest.main()
