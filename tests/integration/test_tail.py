"""tools/bench --tail: latencies are counted from when requests were due, added up, and shown
rightly.

Here real time is the subject: a server stalls, and it has to show. How fast anything is does not matter.
"""
import contextlib
import json
import math
import os
import random
import re
import selectors
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from support import PATIENCE

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
sys.path.insert(0, os.path.join(TOP, "tools/bench.d"))
import latency  # noqa: E402
import programs  # noqa: E402
import tail  # noqa: E402

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"
OTHER = b"HTTP/1.1 503 No\r\nContent-Length: 3\r\n\r\nabc"
MS = 1_000_000

HISTOGRAM = """
#include <stdio.h>
#include "histogram.h"
static struct histogram h;
int main(void)
{
    unsigned long long v;
    while (scanf("%llu", &v) == 1)
        histogram_add(&h, v);
    for (int i = 0; i <= 1000; i++)
        printf("%llu\\n", (unsigned long long)histogram_at(&h, i / 1000.0));
    return 0;
}
"""


class Toy(threading.Thread):
    """A server of one thread. `stalls` are times, (begin, seconds), from the second connection on, in which
    it does nothing; who asks for /never gets an answer the first time; the nth answer is `answer(n)`."""

    def __init__(self, stalls=(), answer=lambda n: ANSWER, closes_after=None):
        super().__init__(daemon=True)
        self.stalls, self.answer, self.closes_after = list(stalls), answer, closes_after
        self.accepted = self.answered = self.never = 0
        self.begin = None
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=200)
        self.port = self.listener.getsockname()[1]

    def take(self, selector):
        conn = self.listener.accept()[0]
        self.accepted += 1
        if self.accepted == 2:  # the first one only sees what an answer is like
            self.begin = time.monotonic()
        selector.register(conn, selectors.EVENT_READ)

    def serve(self, conn, selector):
        asked = b""
        with contextlib.suppress(ConnectionError):
            asked = conn.recv(65536)
        if not asked:
            selector.unregister(conn)
            conn.close()
            return
        self.never += asked.startswith(b"GET /never")
        if self.never > 1 and asked.startswith(b"GET /never"):
            return
        self.answered += 1
        conn.sendall(self.answer(self.answered))
        if self.closes_after and self.answered % self.closes_after == 0:
            selector.unregister(conn)
            conn.close()

    def stall(self):
        if self.begin and self.stalls and time.monotonic() > self.begin + self.stalls[0][0]:
            time.sleep(self.stalls.pop(0)[1])

    def run(self):
        with selectors.DefaultSelector() as selector, contextlib.suppress(OSError):
            selector.register(self.listener, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select(0.005):
                    if key.fileobj is self.listener:
                        self.take(selector)
                    else:
                        self.serve(key.fileobj, selector)
                self.stall()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *exc):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.join(PATIENCE)
        self.listener.close()


class Rate(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        temp = tempfile.TemporaryDirectory(prefix="weir-test-")
        cls.addClassCleanup(temp.cleanup)
        cls.temp, cls.program = temp.name, programs.build_tool("rate", temp.name)

    def run_rate(self, *options, target="/", **how):
        with Toy(**how) as toy:
            return subprocess.run([self.program, *options, str(toy.port), target], capture_output=True,
                                  text=True, timeout=PATIENCE * 4)

    def rate(self, *options, **how):
        done = self.run_rate(*options, **how)
        self.assertEqual(done.returncode, 0, done.stderr)
        figures = json.loads(done.stdout)
        figures["percentiles"] = dict(figures["percentiles"])
        return figures

    def test_a_stall_shows(self):
        """100 ms of every second: of 300 requests 40 are due in the two of them, three or more in the first tenth.

        One connection, so that a closed loop would see two late answers of 300: none in its p99.
        """
        got = self.rate("-r", "200", "-d", "1500", "-c", "1", stalls=[(0.2, 0.1), (1.2, 0.1)])
        self.assertEqual((got["requests"], got["unanswered"], got["bad"]), (300, 0, 0))
        self.assertGreaterEqual(got["percentiles"][0.99], 80 * MS)
        self.assertGreaterEqual(got["percentiles"][0.95], 40 * MS)
        self.assertLess(got["percentiles"][0.5], got["percentiles"][0.99] / 2)

    def test_a_stall_shows_on_many_connections(self):
        got = self.rate("-r", "1000", "-d", "300", "-c", "20", stalls=[(0.1, 0.1)])
        self.assertEqual((got["requests"], got["unanswered"], got["served"]), (300, 0, 20))
        self.assertGreaterEqual(got["percentiles"][0.9], 50 * MS)  # a third is due meanwhile

    def test_warming_up_does_not_count(self):
        got = self.rate("-r", "200", "-w", "400", "-d", "200", stalls=[(0.0, 0.2)])
        self.assertEqual(got["requests"], 40)
        self.assertLess(got["percentiles"][0.5], 150 * MS)  # those before took this and more

    def test_what_is_never_answered_counts_with_its_age(self):
        for options in (("-c", "4"), ("-c", "4", "-o")):
            got = self.rate("-r", "100", "-d", "100", "-g", "150", *options, target="/never")
            self.assertEqual((got["requests"], got["unanswered"], got["served"]), (10, 10, 0))
            self.assertGreaterEqual(got["percentiles"][0.5], 190 * MS)
            self.assertGreaterEqual(got["max"], 240 * MS)

    def test_with_its_own_schedule_each_connection_is_served(self):
        got = self.rate("-r", "400", "-d", "200", "-c", "8", "-o")
        self.assertEqual((got["requests"], got["unanswered"], got["served"]), (80, 0, 8))

    def test_load_beside_is_not_counted(self):
        got = self.rate("-r", "200", "-d", "200", "-c", "2", "-b", "/never", "-n", "3")
        self.assertEqual((got["requests"], got["unanswered"], got["beside"]), (40, 0, 0))
        got = self.rate("-r", "200", "-d", "200", "-c", "2", "-b", "/other", "-n", "3")
        self.assertEqual((got["requests"], got["unanswered"]), (40, 0))
        self.assertGreater(got["beside"], 3)

    def test_other_status_is_bad(self):
        got = self.rate("-r", "200", "-d", "200", answer=lambda n: OTHER if n == 7 else ANSWER)
        self.assertEqual((got["requests"], got["bad"], got["unanswered"]), (40, 1, 0))

    def test_lost_connections_are_opened_anew(self):
        got = self.rate("-r", "200", "-d", "200", "-c", "1", closes_after=5)
        self.assertEqual((got["requests"], got["unanswered"]), (40, 0))
        self.assertIn(got["lost"], (7, 8))  # of 41 answers every fifth; the first is none of these connections'

    def test_what_cannot_be_measured_ends_it(self):
        for answer in (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                       b"ICY 200 OK\r\nContent-Length: 3\r\n\r\nabc"):
            done = self.run_rate("-r", "100", "-d", "100", answer=lambda n, answer=answer: answer)
            self.assertEqual(done.returncode, 1, done.stdout)
        done = self.run_rate("-r", "100", "-d", "100", answer=lambda n: ANSWER + b"d" * (n > 3))
        self.assertEqual(done.returncode, 1)
        self.assertIn("longer", done.stderr)

    def test_usage(self):
        for options in ((), ("-r", "0"), ("-r", "x"), ("-r", "5", "-c", "0"), ("-r", "5", "-x")):
            self.assertEqual(self.run_rate(*options).returncode, 2, options)


class Histogram(unittest.TestCase):
    """Against the sorted list."""

    @classmethod
    def setUpClass(cls):
        temp = tempfile.TemporaryDirectory(prefix="weir-test-")
        cls.addClassCleanup(temp.cleanup)
        cls.program, source = os.path.join(temp.name, "histogram"), os.path.join(temp.name, "histogram.c")
        with open(source, "w") as f:
            f.write(HISTOGRAM)
        programs.run([*programs.compiler(), *programs.FLAGS, "-I", os.path.join(TOP, "tools/bench.d"), "-o",
                      cls.program, source])

    def check(self, values):
        done = subprocess.run([self.program], input=" ".join(map(str, values)), capture_output=True,
                              text=True, timeout=PATIENCE, check=True)
        ranked = sorted(values)
        for i, got in enumerate(map(int, done.stdout.split())):
            exact = ranked[max(0, math.ceil(len(values) * i / 1000) - 1)] if values else 0
            self.assertLessEqual(exact, got)
            self.assertLessEqual(got, exact + exact // 100, (i, exact, got))
        if values:
            self.assertEqual(int(done.stdout.split()[-1]), ranked[-1])

    def test_percentiles(self):
        rnd = random.Random(1)
        self.check([])
        self.check([0])
        self.check(range(1000))
        self.check([int(math.exp(rnd.uniform(0, 40))) for _ in range(20000)])
        self.check([int(rnd.expovariate(1 / 30000)) for _ in range(20000)])

    def test_edges(self):
        edges = [(1 << bit) + more for bit in range(64) for more in (-1, 0, 1)]
        self.check(edges)
        for value in (0, 255, 256, 2**32, 2**64 - 1):
            self.check([value])


class Section(unittest.TestCase):
    def samples(self, *times):
        """Rounds of 1,000 requests, whose p99 is ten times their p50, and so on."""
        return [latency.Latency({0.5: t, 0.99: 10 * t, 0.999: 100 * t, 0.9999: 1000 * t}, 1000 * t, 1000, 500, 1, 64,
                                0) for t in times]

    def test_section_and_plots(self):
        found = {("alone", "weir"): self.samples(10_000, 12_000, 30_000), ("alone", "nginx"): self.samples(20_000),
                 ("sleep", "weir"): self.samples(11_000)}
        text = tail.section(found, {"weir": 200_000, "nginx": 100_049}, 50_000, tail.QUICK, ["- line"])
        self.assertIn("| alone | weir | 12 (10–30) | 120 (100–300) | 1,200 (1,000–3,000) | 12,000 (10,000–30,000) | "
                      "0.5 | 3 |", text)
        self.assertIn("| sleep | weir | 11 (11–11) |", text)
        self.assertIn("50,000 requests a second for all", text)
        self.assertIn("weir 200,000, nginx 100,000)", text)
        plots = tail.plots(found)
        for name, plot in plots.items():
            self.assertIn("performance/" + name, text)
            self.assertTrue(plot.startswith("<svg"))
        # Of 1,000 requests there is none of which 10,000 would be as slow: three points for each of two servers.
        points = re.findall(r'<polyline points="(.*?)"', plots["tail.svg"])
        self.assertEqual([len(p.split()) for p in points], [3, 3])

    def test_turns(self):
        self.assertEqual([thing for _, thing in latency.in_turns(["a", "b", "c"], 4)], list("abcbcacababc"))


if __name__ == "__main__":
    unittest.main()
