"""What the server says that it has counted: a text that readers of Prometheus take, with the numbers
of requests whose outcome is known.

The reader below is written from "Exposition formats" of Prometheus, text format 0.0.4, and is strict:
what a scraper may put up with raises Bad. The list of series in docs/configuration.md is held against
what is there.
"""
import contextlib
import os
import re
import time
import unittest

from configured import ConfigCase
from support import Bad, Client, eventually, in_threads, run_weir, write_file

GUIDE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../docs/configuration.md")
CONNECTIONS = 24  # so that each of two loops has some
_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_HELP = re.compile(r"# HELP (%s) ((?:[^\\]|\\\\|\\n)+)\Z" % _NAME)
_TYPE = re.compile(r"# TYPE (%s) (counter|gauge|histogram|summary|untyped)\Z" % _NAME)
_SAMPLE = re.compile(r"(%s)(?:\{(.*)\})? (\S+)\Z" % _NAME)
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^\\"]|\\\\|\\"|\\n)*)"(?:,(?=.)|\Z)')
_VALUE = {"counter": re.compile(r"\d+\Z"), "gauge": re.compile(r"\d+(\.\d+)?\Z")}


def read_labels(text):
    labels, at = {}, 0
    while at < len(text):
        m = _LABEL.match(text, at)
        if not m or m[1] in labels or m[1].startswith("__") or not m[2]:
            raise Bad("labels %r" % text)
        labels[m[1]], at = m[2], m.end()
    return labels


def read_metrics(data):
    """Series as they are written -> value; and each family -> its type."""
    text = data.decode("utf-8")
    if not text.endswith("\n") or "\r" in text:
        raise Bad("lines do not end in a line feed: %r" % text[-80:])
    series, types, seen, helped = {}, {}, set(), set()
    family = None
    for line in text[:-1].split("\n"):
        h, t, s = _HELP.match(line), _TYPE.match(line), _SAMPLE.match(line)
        if h:
            if h[1] in helped:
                raise Bad("a second HELP: %r" % line)
            family = h[1]
            helped.add(family)
        elif t:
            if t[1] != family or t[1] in types:
                raise Bad("TYPE that does not follow its HELP: %r" % line)
            types[t[1]] = t[2]
        elif s:
            if s[1] != family or family not in types:
                raise Bad("outside of its group: %r" % line)
            key = (s[1], frozenset(read_labels(s[2] or "").items()))
            if key in seen or not _VALUE[types[family]].match(s[3]):
                raise Bad("twice, or no number: %r" % line)
            if types[family] == "counter" and not family.endswith("_total"):
                raise Bad("a counter is named ..._total: %r" % line)
            seen.add(key)
            series[line.rsplit(" ", 1)[0]] = float(s[3]) if "." in s[3] else int(s[3])
        else:
            raise Bad("neither HELP, TYPE nor sample: %r" % line)
    if {name for name, _ in seen} != helped or helped != set(types):
        raise Bad("families without a sample: %r" % (helped - {name for name, _ in seen}))
    return series, types


def requests(method, code):
    return 'weir_requests_total{method="%s",code="%s"}' % (method, code)


class Base(ConfigCase):
    ROUTE = {"path": "/metrics", "metrics": True}

    def site(self, *more, **keys):
        self.configure(routes=[{"static": "www"}, self.ROUTE, *more], **keys)

    def read(self, server):
        r = self.get(server, "/metrics")
        self.assertEqual(r.status, 200)
        return read_metrics(r.body)[0]

    def grown(self, before, after):
        """Counters that have changed; but not by the request that `before` was read with, which had
        not come to its end then."""
        self.assertEqual(set(before), set(after))
        out = {k: after[k] - before[k] for k in after if "_total" in k}
        out[requests("GET", "2xx")] -= 1
        return {k: n for k, n in out.items() if n}


class Text(Base):
    def setUp(self):
        super().setUp()
        self.site()

    def test_it_is_what_a_reader_of_prometheus_takes(self):
        start = time.time()
        with self.serve_config() as s:
            r = self.get(s, "/metrics", "Accept: text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                         "Accept-Encoding: gzip")
            self.assertEqual(r.status, 200)
            self.assertEqual(r["Content-Type"], "text/plain; version=0.0.4; charset=utf-8")
            self.assertEqual(r["Cache-Control"], "no-store")
            self.assertIsNone(r["Content-Encoding"])
            series, types = read_metrics(r.body)
            self.assertTrue(start - 1 <= series["weir_start_time_seconds"] <= time.time() + 1)
            version = run_weir("--version").stdout.split()[1]
            self.assertEqual(series['weir_build_info{version="%s"}' % version], 1)
            self.assertEqual({n for n, t in types.items() if t == "gauge"},
                             {"weir_start_time_seconds", "weir_build_info", "weir_connections_open"})
            self.assertGreater(len(series), 100)

    def test_methods_and_paths(self):
        with self.serve_config() as s, Client(s) as c:
            for method, status in (("GET", 200), ("HEAD", 200), ("OPTIONS", 204), ("POST", 405),
                                   ("DELETE", 405), ("BREW", 501)):
                r = c.get("/metrics", method=method)
                self.assertEqual(r.status, status, method)
                if status != 200:
                    self.assertEqual(r["Allow"], "GET, HEAD, OPTIONS")
            self.assertGreater(int(c.get("/metrics", method="HEAD")["Content-Length"]), 1000)
            self.assertEqual(c.get("/metrics?name[]=x").status, 200)
            self.assertEqual(c.get("/metrics/").status, 200)
            self.assertEqual(c.get("/metrics/x").status, 404)
            self.assertEqual(c.get("/metricsx").status, 404)

    def test_a_route_for_one_host(self):
        self.configure(routes=[{"static": "www"}],
                       hosts=[{"names": ["metrics.internal"], "routes": [self.ROUTE]}])
        with self.serve_config() as s:
            self.assertEqual(self.get(s, "/metrics").status, 404)
            with Client(s) as c:
                c.send(b"GET /metrics HTTP/1.1\r\nHost: metrics.internal\r\n\r\n")
                read_metrics(c.read().body)

    def test_false_is_no_route(self):
        self.configure(routes=[{"static": "www", "metrics": False}])
        with self.serve_config() as s:
            self.assertEqual(self.get(s, "/").body, b"hello")
            self.assertEqual(self.get(s, "/metrics").status, 404)

    def test_the_guide_lists_every_series(self):
        with open(GUIDE, encoding="utf-8") as f:
            section = f.read().split("\n## Metrics\n")[1].split("\n## ")[0]
        with self.serve_config() as s:
            series, types = read_metrics(self.get(s, "/metrics").body)
        table = section.split("\n| ---")[1].split("\n\n")[0]
        told = set(re.findall(r"^\| `(weir_\w+)", table, re.M))
        self.assertEqual(told, set(types))
        reasons = set(re.findall(r'requests_refused_total{reason="(\w+)"}', "\n".join(series)))
        listed = section.split("\n| ---")[2].split("\n\n")[0]
        self.assertEqual(set(re.findall(r"`(\w+)`", listed)), reasons)
        for key in series:
            if key.startswith("weir_connections_closed_total"):
                self.assertIn("`%s`" % re.search('reason="(.*)"', key)[1], table)


class Counts(Base):
    """Each on two loops: connections are many, and which loop has one is the kernel's to say."""

    def setUp(self):
        super().setUp()
        self.site()

    def test_outcomes(self):
        outcomes = (("GET", "/", 200), ("GET", "/missing", 404), ("HEAD", "/", 200),
                    ("POST", "/", 405), ("DELETE", "/", 405), ("OPTIONS", "/", 204),
                    ("PATCH", "/", 405), ("PUT", "/", 405), ("BREW", "/", 501))
        with self.serve_config() as s:
            before = self.read(s)
            for _ in range(CONNECTIONS):
                with Client(s) as c:
                    for method, target, status in outcomes:
                        self.assertEqual(c.get(target, method=method).status, status, method)
                    tag = c.get("/")["ETag"]
                    self.assertEqual(c.get("/", "If-None-Match: " + tag).status, 304)
            got = self.grown(before, self.read(s))
            want = {("GET", "2xx"): 2, ("GET", "3xx"): 1, ("GET", "4xx"): 1, ("HEAD", "2xx"): 1,
                    ("POST", "4xx"): 1, ("DELETE", "4xx"): 1, ("OPTIONS", "2xx"): 1,
                    ("PATCH", "4xx"): 1, ("PUT", "4xx"): 1, ("other", "5xx"): 1}
            self.assertEqual({k: n for k, n in got.items() if k.startswith("weir_requests_total")},
                             {requests(*k): n * CONNECTIONS for k, n in want.items()})

    def test_what_was_refused_before_it_had_a_method(self):
        with self.serve_config() as s:
            before = self.read(s)
            with Client(s) as c:
                c.send(b"G(T / HTTP/1.1\r\nHost: a\r\n\r\n")
                self.assertEqual(c.read().status, 400)
            got = self.grown(before, self.read(s))
            self.assertEqual({k: n for k, n in got.items() if k.startswith("weir_requests_total")},
                             {requests("other", "4xx"): 1})

    def content(self, s, name="response"):
        return self.read(s)["weir_%s_content_bytes_total" % name]

    def test_content_that_was_sent(self):
        large = 3000000  # as a file, by sendfile
        write_file(self.path("large"), b"x" * large)
        with self.serve_config() as s:
            length = len(self.get(s, "/metrics").body)
            before = self.content(s)
            with Client(s) as c:
                self.assertEqual(len(c.get("/").body), 5)
                self.assertEqual(len(c.get("/large").body), large)
                self.assertEqual(len(c.get("/large", "Range: bytes=10-19").body), 10)
                c.get("/large", method="HEAD")
            after = self.content(s)
            # Besides, the one text that `before` was read in, of some digits more
            self.assertTrue(0 <= after - before - 5 - large - 10 - length < 100, (before, after))

    def test_content_that_came(self):
        with self.serve_config() as s:
            before = self.content(s, "request")
            with Client(s) as c:
                c.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 7\r\n\r\n1234567")
                self.assertEqual(c.read().status, 405)
                c.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                       b"5;x=y\r\nhello\r\n1\r\n!\r\n0\r\nA: trailer\r\n\r\n")
                self.assertEqual(c.read().status, 405)
                self.assertEqual(c.get("/").status, 200)  # so the rest has been dropped
            self.assertEqual(self.content(s, "request") - before, 7 + 6)

    def test_who_goes_before_the_answer(self):
        def unanswered():
            return self.read(s)["weir_requests_unanswered_total"]

        with self.serve_config() as s:
            before = unanswered()
            with Client(s) as c:
                c.send(b"GET / HTTP/1.1\r\nHo")
            self.assertTrue(eventually(lambda: unanswered() == before + 1))

    def test_connections_that_are_open(self):
        def is_open(n):
            return self.read(s)["weir_connections_open"] == n + 1  # and that of the question

        with self.serve_config() as s:
            self.assertTrue(eventually(lambda: is_open(0)))
            clients = [Client(s) for _ in range(CONNECTIONS)]
            self.assertTrue(eventually(lambda: is_open(CONNECTIONS)))
            for c in clients:
                c.close()
            self.assertTrue(eventually(lambda: is_open(0)))

    def test_a_reload_takes_nothing_back(self):
        with self.serve_config() as s:
            for _ in range(CONNECTIONS):
                self.get(s, "/missing")
            before = self.read(s)
            self.assertEqual(before[requests("GET", "4xx")], CONNECTIONS)
            for _ in range(3):
                self.reload_well(s)
                after = self.read(s)
                for key in before:
                    if key != "weir_connections_open":
                        self.assertGreaterEqual(after[key], before[key], key)
                before = after
            self.assertEqual(before[requests("GET", "4xx")], CONNECTIONS)

    def test_a_route_that_a_reload_adds_knows_what_was_before(self):
        self.configure(listen=["127.0.0.1:0"], routes=[{"static": "www"}])
        with self.serve_config() as s:
            self.assertEqual(self.get(s, "/metrics").status, 404)
            self.site()
            self.reload_well(s)
            self.assertEqual(self.read(s)[requests("GET", "4xx")], 1)

    def test_readers_and_clients_at_once(self):
        rounds, clients = 40, 6
        with self.serve_config() as s:
            def work(i):
                last = 0
                for _ in range(rounds):
                    if i % 2:
                        self.assertEqual(self.get(s, "/missing").status, 404)
                    else:
                        now = self.read(s)[requests("GET", "4xx")]
                        self.assertGreaterEqual(now, last)
                        last = now

            in_threads(clients, work)
            self.assertEqual(self.read(s)[requests("GET", "4xx")], rounds * clients // 2)


class Limits(Base):
    """What happens at a limit: a status where one can be told, a line in the log, a number."""

    def setUp(self):
        super().setUp()

        def plugin(name):
            return os.path.join(os.environ["WEIR_BUILD"], "plugins", name, name + ".so")

        self.more = [{"path": "/api", "plugin": plugin("jsonapi")},
                     {"path": "/sleep", "plugin": plugin("sleep")}]

    @contextlib.contextmanager
    def counted(self, server, series, times=1, line=None):
        """Within, the series grows by so much, and a line of the log has `line`."""
        before, log = self.read(server)[series], len(server.log())
        yield
        self.assertTrue(eventually(lambda: self.read(server)[series] == before + times), series)
        if line:
            self.assertTrue(eventually(lambda: line in server.log()[log:]),
                            "%r is not in %r" % (line, server.log()[log:]))

    def refused(self, server, reason, status):
        return self.counted(server, 'weir_requests_refused_total{reason="%s"}' % reason,
                            line=": %d: " % status)

    def closed(self, server, reason, line=None):
        return self.counted(server, 'weir_connections_closed_total{reason="%s"}' % reason, line=line)

    def test_requests_that_break_a_rule_or_meet_a_limit(self):
        host = b"Host: a\r\n"
        post = b"POST /api HTTP/1.1\r\n" + host
        rows = (
            ("method", 400, b"G(T / HTTP/1.1\r\n" + host),
            ("target_path", 400, b"GET /%00 HTTP/1.1\r\n" + host),
            ("target_long", 414, b"GET /" + b"a" * 100 + b" HTTP/1.1\r\n" + host),
            ("version_other", 505, b"GET / HTTP/2.0\r\n" + host),
            ("host_missing", 400, b"GET / HTTP/1.1\r\n"),
            ("host_many", 400, b"GET / HTTP/1.1\r\n" + 2 * host),
            ("folding", 400, b"GET / HTTP/1.1\r\n" + host + b"A: b\r\n c\r\n"),
            ("fields_many", 431, b"GET / HTTP/1.1\r\n" + host + b"A: b\r\n" * 8),
            ("head_long", 431, b"GET / HTTP/1.1\r\n" + host + b"A: " + b"b" * 1100 + b"\r\n"),
            ("body_large", 413, post + b"Content-Length: 1001\r\n"),
            ("coding_length", 400, post + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"),
            ("coding_other", 501, post + b"Transfer-Encoding: gzip, chunked\r\n"),
            ("expectation", 417, post + b"Content-Length: 1\r\nExpect: x\r\n"))
        self.site(*self.more, limits={"target_bytes_max": 100, "fields_max": 8, "body_bytes_max": 1000,
                                      "head_bytes_max": 1024})
        with self.serve_config() as s:
            for reason, status, head in rows:
                with self.subTest(reason), self.refused(s, reason, status), Client(s) as c:
                    c.send(head + b"\r\n")
                    self.assertEqual(c.read().status, status)

    def test_content_that_breaks_a_rule(self):
        self.site(*self.more, limits={"body_bytes_max": 10})
        with self.serve_config() as s:
            for reason, status, content in (("chunk_size", 400, b"x\r\n"),
                                            ("body_large", 413, b"b\r\n01234567890\r\n0\r\n\r\n")):
                with self.subTest(reason), Client(s) as c, \
                        self.counted(s, 'weir_requests_refused_total{reason="%s"}' % reason):
                    c.send(b"POST /api HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
                    c.send(content)
                    self.assertEqual(c.read().status, status)

    def test_deadlines_that_have_a_status(self):
        self.site(*self.more, timeouts={"head_ms": 200, "body_idle_ms": 200, "request_ms": 1000})
        with self.serve_config() as s:
            for reason, status, text in (
                    ("head_timeout", 408, b"GET / HTTP/1.1\r\nHo"),
                    ("body_timeout", 408, b"POST /api HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n1"),
                    ("request_answer", 503, b"GET /sleep?ms=9000 HTTP/1.1\r\nHost: a\r\n\r\n")):
                with self.subTest(reason), Client(s) as c, \
                        self.counted(s, 'weir_requests_refused_total{reason="%s"}' % reason):
                    c.send(text)
                    self.assertEqual(c.read().status, status)

    def test_deadlines_of_connections(self):
        write_file(self.path("large"), b"x" * 16000000)
        self.site(timeouts={"head_ms": 300, "keep_alive_ms": 200, "write_idle_ms": 200,
                            "linger_ms": 200})
        with self.serve_config() as s:
            with self.closed(s, "first_request"), Client(s) as c:
                self.assertTrue(c.is_ended())
            with self.closed(s, "keep_alive_ms"), Client(s) as c:
                self.assertEqual(c.get("/").status, 200)
                self.assertTrue(c.is_ended())
            with Client(s, rcvbuf=4096) as c, self.closed(s, "write_idle_ms", "write_idle_ms"):
                c.request("/large")
            with Client(s) as c, self.closed(s, "linger_ms"):
                c.send(b"G(T / HTTP/1.1\r\n\r\n")
                self.assertEqual(c.read().status, 400)


class Connections(Base):
    def series(self, server, name):
        return self.read(server)["weir_connections" + name]

    def test_those_that_were_taken_in(self):
        self.site()
        with self.serve_config() as s:
            before = self.series(s, "_total")  # with that of the question
            for _ in range(CONNECTIONS):
                self.get(s, "/")
            self.assertEqual(self.series(s, "_total") - before, CONNECTIONS + 1)

    def test_those_past_the_limit_of_an_address(self):
        refused = '_closed_total{reason="connections_per_address_max"}'
        self.site(limits={"connections_per_address_max": 3}, listen=["127.0.0.1:0", "unix:w.sock"])
        with self.serve_config() as s:
            def ask(name):
                r = self.get(s, "/metrics", at=s.addresses[1])  # which is not counted
                return read_metrics(r.body)[0]["weir_connections" + name]

            with contextlib.ExitStack() as held:
                for _ in range(3):
                    self.assertEqual(held.enter_context(Client(s)).get("/").status, 200)
                for _ in range(2):
                    with self.assertRaises(ConnectionError), Client(s) as c:
                        c.get("/")
                self.assertTrue(eventually(lambda: ask(refused) == 2))
                self.assertTrue(eventually(lambda: ask("_open") == 4))

    def test_those_that_make_room(self):
        self.site(limits={"connections_max": 4})
        with self.serve_config() as s, contextlib.ExitStack() as held:
            clients = [held.enter_context(Client(s)) for _ in range(4)]
            for c in clients:
                self.assertEqual(c.get("/").status, 200)
            # Idle for a second, they may go; until then the question waits.
            self.assertGreaterEqual(self.series(s, '_closed_total{reason="evicted"}'), 1)


if __name__ == "__main__":
    unittest.main()
