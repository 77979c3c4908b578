"""The example monitor: a page that is pushed to, by a thread of the plugin's and by requests on every
loop, and requests that wait for the next event. What one loop does the other hears.
"""
import contextlib
import glob
import json
import os
import re
import shutil
import subprocess
import threading
import time
import unittest

from client_place import environment
from configured import ConfigCase
from devtools import Browser
from support import Client, Closed, PATIENCE, eventually, sanitizer
from test_events import EventsCase, plugin

HISTORY = 128
QUIET = {"interval_ms": 3600000, "heartbeat_ms": 0}
PLUGIN = os.path.join(os.environ["WEIR_BUILD"], "plugins", "monitor", "monitor.so")


def post(client, text):
    """The number of the event."""
    content = text.encode()
    r = client.get("/monitor", "Content-Length: %d" % len(content), method="POST", body=content)
    if r.status != 204:
        raise AssertionError("status %d" % r.status)
    return int(r["Event-Id"])


class MonitorCase(EventsCase):
    def begin(self, loops=2, **config):
        return self.start(*plugin("monitor", json.dumps(config)), loops=loops)

    def look(self, n=1, last_id=None, **how):
        streams = [self.stream("/monitor/events", last_id, **how) for _ in range(n)]
        for s in streams:
            s.place()
        return streams

    def post(self, *texts):
        """Each on a connection of its own: on any loop."""
        numbers = []
        for text in texts:
            with Client(self.server) as c:
                numbers.append(post(c, text))
        return numbers


class Pushed(MonitorCase):
    def test_load_of_the_machine(self):
        before = int(time.time())
        self.begin(interval_ms=20)
        s, = self.look()
        for _ in range(3):
            number, kind, text = s.next()
            now = json.loads(text)
            self.assertEqual((kind, len(now["load"])), ("load", 3))
            self.assertRegex(now["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
            then = subprocess.run(["date", "-u", "-d", now["time"], "+%s"], check=True,
                                  capture_output=True, text=True)
            self.assertTrue(before <= int(then.stdout) <= time.time())
            self.assertGreater(int(number), 0)

    def test_all_hear_the_same_in_the_same_order(self):
        """Streams on every loop; the thread, and posts from several connections at once."""
        self.begin(interval_ms=5, loops=3)
        streams = self.look(24)
        posted, lock = {}, threading.Lock()

        def work(who):
            with Client(self.server) as c:
                for i in range(40):
                    text = "%d %d" % (who, i)
                    number = post(c, text)
                    with lock:
                        posted[number] = text
        threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
        for t in threads:
            t.start()
        heard = []
        for s in streams:
            events = []
            while sum(kind == "note" for _, kind, _ in events) < 320:
                events.append(s.next())
            while not any(kind == "load" for _, kind, _ in events):
                events.append(s.next())
            heard.append([(int(number), kind, text) for number, kind, text in events])
        for t in threads:
            t.join()
        of_all = {}
        for events in heard:
            numbers = [e[0] for e in events]
            self.assertEqual(numbers, list(range(numbers[0], numbers[0] + len(numbers))))
            self.assertEqual({e[0]: e[2] for e in events if e[1] == "note"}, posted)
            for number, kind, text in events:
                self.assertEqual(of_all.setdefault(number, (kind, text)), (kind, text))
        for who in range(8):  # those of one connection in their order
            own = [text for _, text in sorted(posted.items()) if text.startswith("%d " % who)]
            self.assertEqual(own, ["%d %d" % (who, i) for i in range(40)])

    def test_who_comes_back_has_missed_nothing(self):
        self.begin(interval_ms=5)
        with self.look()[0] as s:
            last = s.next()[0]
        for _ in range(20):
            with self.stream("/monitor/events", last) as s:
                for _ in range(3):
                    number = s.next()[0]
                    self.assertEqual(int(number), int(last) + 1)
                    last = number

    def test_who_is_slow_is_told_what_it_has_missed(self):
        self.begin(**QUIET)
        stalled = self.look(4, rcvbuf=4096)
        reads, = self.look()
        text = "x" * 392 + "%08d"

        def say(numbers):
            with Client(self.server) as c:
                for i in numbers:
                    post(c, text % i)
                    self.assertEqual(reads.next()[2], text % i)
        say(range(1000))
        kb = self.server.memory_kb()
        say(range(1000, 12000))
        if not sanitizer():
            self.assertLess(self.server.memory_kb() - kb, 2000)
        for s in stalled:
            got, missed, last = 0, 0, None
            while last is None or not last.endswith("%08d" % 11999):
                _, kind, data = s.next()
                if kind == "missed":
                    missed += int(data)
                else:
                    got, last = got + 1, data
                    self.assertEqual(int(data[-8:]), got + missed - 1)
            self.assertGreater(missed, 0)
            self.assertGreaterEqual(got, HISTORY)
            self.assertEqual(got + missed, 12000)

    def test_who_leaves_is_forgotten(self):
        self.begin(interval_ms=1)
        stays, = self.look()
        for _ in range(5):
            others = self.look(10)
            waiting = [self.client_that_waits() for _ in range(10)]
            self.post("a")
            for i, c in enumerate([s.client for s in others] + waiting):
                (c.reset, c.close)[i % 2]()
            self.post("b")
        self.assertTrue(eventually(lambda: self.server.descriptors().count("socket:") <= 4),
                        self.server.descriptors())
        number = int(stays.next()[0])
        for _ in range(200):
            number += 1
            self.assertEqual(int(stays.next()[0]), number)

    def client_that_waits(self):
        c = Client(self.server)
        self.addCleanup(c.close)
        c.request("/monitor/next")
        return c

    def test_streams_end_after_their_time(self):
        self.begin(stream_ms=50, interval_ms=10)
        last = None
        for _ in range(4):
            with self.stream("/monitor/events", last) as s, self.assertRaises(Closed):
                while True:
                    number = s.next()[0]
                    self.assertTrue(last is None or int(number) == int(last) + 1)
                    last = number
        self.assertNotIn("error", self.server.log())


class Next(MonitorCase):
    def waiting(self, n, target="/monitor/next"):
        clients = [Client(self.server) for _ in range(n)]
        for c in clients:
            self.addCleanup(c.close)
            c.request(target)
        return clients

    def test_all_that_wait_get_the_next(self):
        """Until they are known to wait: each asks again behind what it knows, so that none is lost."""
        self.begin(**QUIET)
        first, = self.post("first")
        for text in ("second", "third"):
            clients = self.waiting(20, "/monitor/next?after=%d" % first)
            number, = self.post(text)
            for c in clients:
                r = c.read()
                self.assertEqual((r.status, r.body, int(r["Event-Id"])), (200, text.encode(), number))
            first = number

    def test_from_the_thread(self):
        self.begin(interval_ms=10)
        with Client(self.server) as c:
            r = c.get("/monitor/next")
            for _ in range(50):
                last = int(r["Event-Id"])
                r = c.get("/monitor/next?after=%d" % last)
                self.assertEqual((r.status, r["Event-Type"], int(r["Event-Id"])), (200, "load", last + 1))

    def test_nothing_for_so_long(self):
        self.begin(**QUIET, wait_ms=100)
        start = time.monotonic()
        clients = self.waiting(10)
        for c in clients:
            self.assertEqual(c.read().status, 204)
        self.assertGreaterEqual(time.monotonic() - start, 0.099)
        self.post("for nobody")
        self.assertEqual(clients[0].get("/monitor/next").status, 204)

    def test_time_and_event_at_the_same_moment(self):
        """One of both answers each."""
        self.begin(interval_ms=1, wait_ms=1)
        seen = set()
        for _ in range(20):
            for c in self.waiting(20):
                seen.add(c.read().status)
                c.close()
        self.assertLessEqual(seen, {200, 204})
        self.assertNotIn("error", self.server.log())


class UnderFire(ConfigCase):
    """Stop and reload while the thread publishes, and while clients come, post and leave."""

    def setUp(self):
        super().setUp()
        self.configure(routes=[{"path": "/monitor", "plugin": PLUGIN, "config": {
            "interval_ms": 1, "stream_ms": 300, "wait_ms": 50}}, {"path": "/", "static": "www"}])
        self.goes_on = True

    def clients(self, server, errors):
        def notes():
            while self.goes_on:
                with Client(server) as c:
                    last = 0
                    for _ in range(20):
                        number = post(c, "x")
                        self.assertGreater(number, last)
                        last = number

        def waits():
            with Client(server) as c:
                while self.goes_on:
                    self.assertIn(c.get("/monitor/next").status, (200, 204))

        def streams():
            last = None
            while self.goes_on:
                with Client(server) as c:
                    c.request("/monitor/events", *([] if last is None else ["Last-Event-ID: %d" % last]))
                    text = c.read().body.decode()
                ids = [int(n) for n in re.findall(r"^id: (\d+)$", text, re.M)]
                self.assertEqual(ids[1:], sorted(set(ids[1:])))
                if last is not None:
                    self.assertGreaterEqual(ids[0], last)
                last = ids[-1]

        def run(work):
            try:
                work()
            except (Closed, ConnectionError) as e:
                if self.goes_on:
                    errors.append(e)
            except Exception as e:
                errors.append(e)
        threads = [threading.Thread(target=run, args=(work,))
                   for work in (notes, notes, waits, waits, streams, streams)]
        for t in threads:
            t.start()
        return threads

    def end(self, threads):
        self.goes_on = False
        for t in threads:
            t.join(3 * PATIENCE)
            self.assertFalse(t.is_alive())

    def test_reload(self):
        errors = []
        with self.serve_config() as s:
            threads = self.clients(s, errors)
            for _ in range(20):
                self.reload_well(s)
            self.end(threads)
            self.assertEqual(errors, [])
            self.assertTrue(eventually(lambda: self.threads(s) == 1), self.threads(s))
            self.assertNotIn("error", s.log())

    @staticmethod
    def threads(server):
        """How many of the plugin's there are."""
        names = []
        for path in glob.glob("/proc/%d/task/*/comm" % server.pid):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError), open(path) as f:
                names.append(f.read())
        return names.count("monitor\n")

    def test_stop(self):
        for _ in range(5):
            self.goes_on, errors = True, []
            with self.serve_config() as s:
                threads = self.clients(s, errors)
                with Client(s) as c:
                    for _ in range(100):
                        post(c, "y")
                self.goes_on = False  # errors are none from here on
                s.stop(3 * PATIENCE)
            self.end(threads)
            self.assertEqual([e for e in errors if not isinstance(e, (Closed, ConnectionError))], [])


@unittest.skipIf(not shutil.which("chromium"), "not installed: chromium")
class InABrowser(MonitorCase):
    def test_page(self):
        """It shows the load, changes by itself, and shows notes: its own, and those of others."""
        self.begin(interval_ms=20, stream_ms=500)
        home = os.path.join(self.temp, "home")
        os.mkdir(home)
        with Browser("chromium", home, environment(home)) as browser:
            page = browser.page()
            browser.load(page, "Page.navigate", url="http://localhost:%d/monitor" % self.server.port)

            def wait(expression):
                self.assertTrue(eventually(lambda: browser.evaluate(page, expression),
                                           seconds=3 * PATIENCE, pause=0.05), expression)
            shown = "document.getElementById('%s').textContent"
            wait(shown % "load" + ".includes(' at 2')")
            self.post("<b>of others</b>")
            wait(shown % "notes" + " === '<b>of others</b>'")
            browser.evaluate(page, "document.getElementById('note').value = 'its own';"
                                   "document.getElementById('say').requestSubmit()")
            wait(shown % "notes" + " === 'its own<b>of others</b>'")
            before = browser.evaluate(page, shown % "load")
            wait(shown % "load" + " !== '%s'" % before)


if __name__ == "__main__":
    unittest.main()
