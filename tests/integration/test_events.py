"""Server-sent events: the examples events and chat on real sockets, and in a browser.

The reader of events is written from the HTML standard, 9.2.6; the one of chunks from RFC 9112.
"""
import os
import random
import shutil
import socket
import threading
import time
import unittest

from client_place import environment
from devtools import Browser
from support import (Client, Closed, PATIENCE, TempCase, eventually, random_seed, sanitizer,
                     write_file)

PLUGINS = os.path.join(os.environ["WEIR_BUILD"], "plugins")
HISTORY = 100
LINE_SIZE = 1024


def plugin(name, config="{}"):
    return ("--plugin", "/%s=%s:%s" % (name, os.path.join(PLUGINS, name, name + ".so"), config))


class Stream:
    """A client of a stream. next() gives (id, type, data) of an event; comments are counted."""

    def __init__(self, server, target, last_id=None, rcvbuf=None):
        self.client = Client(server, rcvbuf=rcvbuf)
        fields = [] if last_id is None else ["Last-Event-ID: " + last_id]
        self.client.request(target, *fields)
        self.head = None
        self.lines, self.events, self.comments, self.last_id, self.rest = [], [], 0, "", b""

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.client.close()

    def take(self):
        """One chunk more, of which the lines are understood."""
        c = self.client
        if self.head is None:
            self.head = c.read_head()
            return
        n = int(c._line(), 16)
        if n == 0:
            raise Closed("the stream has ended")
        data = self.rest + c._exactly(n, self.head)
        if c._exactly(2, self.head) != b"\r\n":
            raise AssertionError("no CRLF behind a chunk")
        *lines, self.rest = data.split(b"\n")
        for line in lines:
            self.understand(line.decode())

    def understand(self, line):
        if line:
            if line[0] == ":":
                self.comments += 1
            else:
                self.lines.append(line.partition(": ")[::2])
            return
        data = [value for name, value in self.lines if name == "data"]
        kind = "message"
        for name, value in self.lines:
            if name == "id":
                self.last_id = value
            elif name == "event":
                kind = value
            elif name not in ("data", "retry"):
                raise AssertionError("a field %r" % name)
        self.lines = []
        if data:
            self.events.append((self.last_id, kind, "\n".join(data)))

    def open(self):
        """Until it is let in, and knows its place."""
        while self.comments == 0:
            self.take()
        return self

    def place(self):
        """The id that it has before there is an event."""
        while not self.last_id:
            self.take()
        return self.last_id

    def next(self):
        while not self.events:
            self.take()
        return self.events.pop(0)

    def texts(self, n):
        return [self.next()[2] for _ in range(n)]


class EventsCase(TempCase):
    def start(self, *options, **how):
        self.server = self.serve("--quiet", *options, **how)
        return self.server

    def stream(self, target, last_id=None, **how):
        stream = Stream(self.server, target, last_id, **how)
        self.addCleanup(stream.client.close)
        return stream

    def say(self, *lines):
        with Client(self.server) as c:
            for line in lines:
                content = line.encode()
                r = c.get("/chat", "Content-Length: %d" % len(content), method="POST", body=content)
                self.assertEqual((r.status, r.body), (204, b""))


class Format(EventsCase):
    def test_head(self):
        self.start(*plugin("chat"), *plugin("events"))
        for name in ("chat", "events"):
            with self.stream("/" + name).open() as stream:
                self.assertEqual(stream.head.status, 200)
                self.assertEqual(stream.head["Content-Type"], "text/event-stream")
                self.assertEqual(stream.head["Cache-Control"], "no-store")
                self.assertEqual(stream.head["X-Accel-Buffering"], "no")
                self.assertIsNone(stream.head["Content-Length"])
                self.assertIsNone(stream.head["Content-Encoding"])

    def test_head_alone(self):
        self.start(*plugin("chat"), *plugin("events"))
        for name in ("chat", "events"):
            with Client(self.server) as c:
                r = c.get("/" + name, method="HEAD")
                self.assertEqual((r.status, r["Content-Type"]), (200, "text/event-stream"))
                self.assertEqual(c.get("/" + name, method="PUT").status, 405)

    def test_http_1_0(self):
        """There are no chunks: the content is as it is, to the end of the connection."""
        self.start(*plugin("chat"))
        with Client(self.server) as c:
            c.request("/chat", version="HTTP/1.0")
            self.assertEqual(c.read_head().status, 200)
            while c.buffer.count(b"\n\n") < 2:
                self.assertTrue(c.fill())
            self.say("a")
            while b"data: a\n\n" not in c.buffer:
                self.assertTrue(c.fill())
            self.assertTrue(c.buffer.startswith(b":\n\nid: "))

    def test_heartbeats(self):
        """Also after an event, and on a stream that has never had one."""
        self.start(*plugin("chat", '{"heartbeat_ms": 30}'), *plugin("events", '{"heartbeat_ms": 30}'))
        for name in ("chat", "events"):
            with self.stream("/" + name).open() as stream:
                while stream.comments < 4:
                    stream.take()
                self.say("a")
                before = stream.comments
                while stream.comments < before + 3:
                    stream.take()

    def test_no_heartbeats(self):
        self.start(*plugin("chat", '{"heartbeat_ms": 0}'))
        with self.stream("/chat").open() as stream, self.stream("/chat").open():
            stream.place()
            stream.client.sock.settimeout(0.3)
            with self.assertRaises(socket.timeout):
                stream.take()


class Chat(EventsCase):
    def setUp(self):
        super().setUp()
        self.start(*plugin("chat", '{"heartbeat_ms": 0}'), loops=2)  # no noise

    def test_everybody_hears_all_in_order(self):
        streams = [self.stream("/chat").open() for _ in range(6)]
        places = {s.place() for s in streams}
        self.assertEqual(len(places), 1)
        lines = ["line %d" % i for i in range(30)] + ["two\nlines", "data: x\n\nid: 1"]
        self.say(*lines)
        for s in streams:
            events = [s.next() for _ in lines]
            self.assertEqual([e[2] for e in events], lines)
            self.assertEqual({e[1] for e in events}, {"message"})
            first = int(places.copy().pop())
            self.assertEqual([int(e[0]) for e in events],
                             list(range(first + 1, first + 1 + len(lines))))

    def test_who_comes_hears_what_is_said_from_then_on(self):
        self.say("before")
        with self.stream("/chat") as stream:
            stream.place()
            self.say("after")
            self.assertEqual(stream.next()[2], "after")

    def test_who_comes_back_gets_what_it_has_missed(self):
        with self.stream("/chat") as stream:
            place = stream.place()
            self.say("a")
            after = stream.next()[0]
        self.say("b", "c")
        with self.stream("/chat", place) as stream:
            self.assertEqual(stream.texts(3), ["a", "b", "c"])
        with self.stream("/chat", after) as stream:
            self.assertEqual(stream.texts(2), ["b", "c"])
            self.say("d")
            self.assertEqual(stream.texts(1), ["d"])

    def test_history_is_bounded(self):
        with self.stream("/chat") as stream:
            place = stream.place()
        lines = ["line %d" % i for i in range(HISTORY + 50)]
        self.say(*lines)
        with self.stream("/chat", place) as stream:
            self.assertEqual(stream.texts(HISTORY), lines[-HISTORY:])
            self.say("next")
            self.assertEqual(stream.texts(1), ["next"])

    def test_ids_that_are_not_ours_count_for_none(self):
        with self.stream("/chat") as stream:
            place = stream.place()
        for last_id in ("x", "-1", str(int(place) + 1), "9" * 19, "9" * 400, " ", place + "x"):
            with self.subTest(last_id), self.stream("/chat", last_id) as stream:
                self.assertEqual(stream.place(), place)

    def test_numbers_of_the_next_server_are_larger(self):
        with self.stream("/chat") as stream:
            place = stream.place()
            self.say("a")
            before = stream.next()[0]
        self.server.stop()
        self.assertTrue(eventually(lambda: int(time.time()) << 20 > int(before)))
        self.start(*plugin("chat"), loops=2)
        self.say("b")
        for last_id in (place, before):
            with self.stream("/chat", last_id) as stream:
                self.assertEqual(stream.texts(1), ["b"])

    def test_who_leaves_is_forgotten(self):
        """In every way, while others are woken; nothing is left open."""
        rng = random.Random(random_seed())
        with self.stream("/chat").open() as stays:
            for _ in range(6):
                streams = [self.stream("/chat") for _ in range(20)]
                for s in rng.sample(streams, 10):
                    s.open()
                self.say("a")
                rng.shuffle(streams)
                for s in streams:
                    rng.choice((s.client.reset, s.client.close))()
                self.say("b")
                self.assertEqual(stays.texts(2), ["a", "b"])
        self.say("c")  # a client that has closed is noticed by what is sent to it: the answer is a RST
        self.say("d")
        self.assertTrue(eventually(lambda: self.server.descriptors().count("socket:") == 2),
                        self.server.descriptors())

    def test_who_does_not_read_costs_nothing_and_misses_lines(self):
        stalled = [self.stream("/chat", rcvbuf=4096) for _ in range(4)]
        for s in stalled:
            s.place()
        line = "x" * (LINE_SIZE - 8) + "%08d"
        with self.stream("/chat").open() as reads:
            def say(numbers):
                for i in numbers:
                    self.say(line % i)
                    self.assertEqual(reads.texts(1), [line % i])
            say(range(500))
            kb = self.server.memory_kb()
            say(range(500, 4000))
            if not sanitizer():
                self.assertLess(self.server.memory_kb() - kb, 2000)
        for s in stalled:
            got = [s.next()]
            while not got[-1][2].endswith("00003999"):
                got.append(s.next())
            numbers = [int(e[2][-8:]) for e in got]
            self.assertEqual(numbers, sorted(set(numbers)))
            self.assertLess(len(numbers), 4000)
            self.assertEqual(numbers[-HISTORY:], list(range(4000 - HISTORY, 4000)))

    def test_stop_ends_streams(self):
        with self.stream("/chat") as stream:
            stream.place()
            self.server.terminate()
            with self.assertRaises((Closed, ConnectionError)):
                while True:
                    stream.take()
            self.assertEqual(self.server.wait(3 * PATIENCE), 0)
        self.server.stop()


class Counter(EventsCase):
    def test_everybody_hears_how_many_there_are(self):
        self.start(*plugin("events"), loops=2)
        with self.stream("/events") as first:
            self.assertEqual(first.next(), ("", "message", "1"))
            with self.stream("/events") as second:
                self.assertEqual(second.next()[2], "2")
                self.assertEqual(first.next()[2], "2")
                third = self.stream("/events")
                for s in (first, second, third):
                    self.assertEqual(s.next()[2], "3")
                third.client.reset()
                for s in (first, second):
                    self.assertEqual(s.next()[2], "2")
                second.client.reset()
            self.assertEqual(first.next()[2], "1")

    def test_who_half_closes_has_left(self):
        self.start(*plugin("events", '{"heartbeat_ms": 0}'))
        with self.stream("/events") as first, self.stream("/events") as second:
            for stream in (first, second):
                while stream.next()[2] != "2":
                    pass
            second.client.shut()
            self.assertEqual(first.next()[2], "1")
            with self.assertRaises(Closed):
                second.next()


# ---- a browser -----------------------------------------------------------------------------------

PAGE = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>chat</title><link rel="icon" href="data:,"></head>
<body><script>
window.got = []; window.opened = 0;
const source = new EventSource("/chat");
source.onopen = () => window.opened++;
source.onmessage = (event) => window.got.push([event.lastEventId, event.type, event.data]);
</script></body>
</html>
"""


class Relay:
    """A port that leads to the server, until cut() cuts what is connected, and then again."""

    def __init__(self, port):
        self.port_of_server, self.pairs, self.threads, self.sockets = port, [], [], []
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self._begin(self._accept)

    def _begin(self, work, *args):
        thread = threading.Thread(target=work, args=args, daemon=True)
        thread.start()
        self.threads.append(thread)

    def _accept(self):
        while True:
            try:
                client = self.listener.accept()[0]
                server = socket.create_connection(("127.0.0.1", self.port_of_server))
            except OSError:
                return
            with self.lock:
                self.pairs.append((client, server))
                self.sockets += (client, server)
            for one, other in ((client, server), (server, client)):
                self._begin(self._carry, one, other)

    @staticmethod
    def _carry(one, other):
        try:
            while True:
                data = one.recv(65536)
                if not data:
                    break
                other.sendall(data)
        except OSError:
            pass
        for s in (one, other):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def cut(self):
        with self.lock:
            pairs, self.pairs = self.pairs, []
        for pair in pairs:
            for s in pair:
                try:
                    s.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.cut()
        for thread in list(self.threads):
            thread.join(PATIENCE)
        for s in (self.listener, *self.sockets):
            s.close()


@unittest.skipIf(not shutil.which("chromium"), "not installed: chromium")
class InABrowser(EventsCase):
    def test_event_source(self):
        """Events arrive as they were said; after a cut it comes back, and has missed nothing."""
        write_file(self.path("index.html"), PAGE)
        self.start(*plugin("chat", '{"heartbeat_ms": 50}'))
        relay = Relay(self.server.port)
        self.addCleanup(relay.close)
        home = os.path.join(self.temp, "home")
        os.mkdir(home)
        with Browser("chromium", home, environment(home)) as browser:
            page = browser.page()
            browser.load(page, "Page.navigate", url="http://localhost:%d/" % relay.port)

            def wait(n, opened=1):
                self.assertTrue(eventually(lambda: browser.evaluate(
                    page, "window.opened >= %d && window.got.length >= %d" % (opened, n)),
                    seconds=3 * PATIENCE, pause=0.05))
            wait(0)
            self.say("Grüße", "two\nlines\r\nand a third\r", " : x")
            wait(3)
            relay.cut()
            self.say("while it was away")
            wait(4, opened=2)
            self.say("afterwards")
            wait(5)
            got = browser.evaluate(page, "window.got")
        self.assertEqual([event[2] for event in got],
                         ["Grüße", "two\nlines\nand a third\n", " : x", "while it was away",
                          "afterwards"])
        first = int(got[0][0])
        self.assertEqual([int(event[0]) for event in got], list(range(first, first + 5)))
        self.assertEqual({event[1] for event in got}, {"message"})


if __name__ == "__main__":
    unittest.main()
