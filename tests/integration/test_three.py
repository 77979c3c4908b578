"""plugins/three: the same service on the loop, in a thread and in a coroutine gives the same answers,
whatever its backend does. The backend is here, and speaks as plugins/three/three.h says.
"""
import asyncio
import json
import os
import socket
import struct
import threading
import unittest

from support import Client, ServerCase, eventually

PLUGINS = os.path.join(os.environ["WEIR_BUILD"], "plugins", "three")
WAYS = ("loop", "thread", "coroutine")
THREADS = 8
FAST_MS = 150  # for what is too slow; the rest has a minute, so that no test needs it
MANY = 200
TEA = {"item": "tea", "count": 3}


class Backend:
    """What it does is said by the item. `waiting` are those that it lets wait for release()."""

    SAYS = {b"tea\n": [b"250\n"], b"caf\xc3\xa9 \"x\"\n": [b"7\n"], b"free\n": [b"0\n"],
            b"dear\n": [b"999999999\n"], b"in pieces\n": [b"2", b"5", b"0", b"\n"],
            b"cheap\n": [b"cheap\n"], b"empty\n": [b"\n"], b"negative\n": [b"-5\n"],
            b"too dear\n": [b"1000000000\n"], b"two\n": [b"1\n2\n"], b"nul\n": [b"1\x002\n"],
            b"long\n": [b"9" * 1000], b"sixteen\n": [b"1234567890123456"], b"half\n": [b"25"],
            b"nothing\n": []}

    def __init__(self):
        self.waiting, self.left, self.asked = 0, 0, []
        self.ready = threading.Event()
        self.thread = threading.Thread(target=lambda: asyncio.run(self.run()), daemon=True)
        self.thread.start()
        self.ready.wait()

    async def run(self):
        self.loop, self.end, self.held = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()
        server = await asyncio.start_server(self.serve, "127.0.0.1", 0, backlog=1024)
        self.port = server.sockets[0].getsockname()[1]
        self.ready.set()
        async with server:
            await self.end.wait()

    def stop(self):
        self.loop.call_soon_threadsafe(self.end.set)
        self.thread.join()

    def hold(self):
        self.held.clear()

    def release(self):
        """Answers all that wait for it, and those that ask until hold()."""
        self.loop.call_soon_threadsafe(self.held.set)

    async def serve(self, reader, writer):
        try:
            await self.answer(reader, writer)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def answer(self, reader, writer):
        line = await reader.readline()
        self.asked.append(line)
        if line == b"reset\n":
            writer.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return
        if line in (b"held\n", b"never\n", b"drips\n"):
            await self.let_wait(line, reader, writer)
            return
        for i, piece in enumerate(self.SAYS.get(line, [b"none\n"])):
            if i > 0:
                await asyncio.sleep(0.005)  # so that each is read by itself
            writer.write(piece)
            await writer.drain()

    async def let_wait(self, line, reader, writer):
        self.waiting += 1
        goes = asyncio.ensure_future(reader.read(1))
        held = asyncio.ensure_future(self.held.wait())
        if line == b"held\n":
            await asyncio.wait((goes, held), return_when=asyncio.FIRST_COMPLETED)
        elif line == b"drips\n":  # each piece in time, and all of it too slow
            for _ in range(8):
                if not goes.done():
                    writer.write(b"1")
                    await asyncio.wait((goes,), timeout=FAST_MS / 1000 / 3)
        else:
            await goes
        self.waiting -= 1
        if goes.done():
            self.left += 1
        else:
            goes.cancel()
            writer.write(b"250\n")
            await writer.drain()
        held.cancel()


def content(value):
    return (value if isinstance(value, str) else json.dumps(value)).encode()


class Three(ServerCase):
    @classmethod
    def setUpClass(cls):
        cls.backend = Backend()
        cls.addClassCleanup(cls.backend.stop)
        down = socket.socket()  # a port that nobody listens on, nor may take
        down.bind(("127.0.0.1", 0))
        cls.addClassCleanup(down.close)
        routes = {"": (cls.backend.port, 60000), "-fast": (cls.backend.port, FAST_MS),
                  "-down": (down.getsockname()[1], 60000)}
        cls.options = ["--threads", str(THREADS)]
        for way in WAYS:
            for suffix, (port, ms) in routes.items():
                config = json.dumps({"port": port, "timeout_ms": ms})
                cls.options += ["--plugin", "/%s%s=%s:%s" % (
                    way, suffix, os.path.join(PLUGINS, way + ".so"), config)]
        super().setUpClass()

    def ask(self, way, value, *fields, method="POST"):
        with Client(self.server) as c:
            self.send(c, way, value, *fields, method=method)
            return c.read(method)

    @staticmethod
    def send(client, way, value, *fields, method="POST"):
        body = content(value)
        client.request("/" + way, "Content-Length: %d" % len(body), *fields, method=method, body=body)

    def check(self, value, status, answer=None, suffix="", method="POST"):
        """All three answer so. `answer`: the JSON, or None for an error of theirs."""
        said = {}
        for way in WAYS:
            with self.subTest(way=way, value=value):
                r = self.ask(way + suffix, value, method=method)
                self.assertEqual(r.status, status, r.body)
                self.assertEqual(r["Content-Type"], "application/json")
                self.assertEqual(r["Allow"], "POST" if status == 405 else None)
                if answer is not None:
                    self.assertEqual(json.loads(r.body), answer)
                elif method != "HEAD":
                    self.assertEqual(list(json.loads(r.body)), ["error"])
                said[way] = r.body
        self.assertEqual(len(set(said.values())), 1, said)

    def test_answers(self):
        for item, count, price in (("tea", 3, 250), ("café \"x\"", 1, 7), ("free", 9, 0),
                                   ("dear", 1000000, 999999999), ("in pieces", 2, 250)):
            self.check({"item": item, "count": count}, 200,
                       {"item": item, "count": count, "price": price, "total": count * price})

    def test_no_such_item(self):
        self.check({"item": "gold", "count": 1}, 404)
        self.check({"item": "x" * 64, "count": 1}, 404)
        self.assertIn(b"x" * 64 + b"\n", self.backend.asked)

    def test_other_content(self):
        n = len(self.backend.asked)
        for value in ("", "{", "[]", "null", '{"item": "tea"}', '{"item": 1, "count": 1}',
                      '{"item": "tea", "count": "1"}', '{"item": "tea", "count": 1.5}',
                      '{"item": "tea", "count": 1, "x": 1}', '{"item": "tea", "item": "b", "count": 1}',
                      {"item": "", "count": 1}, {"item": "x" * 65, "count": 1},
                      {"item": "tea\nx", "count": 1}, {"item": "te\0a", "count": 1},
                      {"item": "tea\x7f", "count": 1}, {"item": "tea", "count": 0},
                      {"item": "tea", "count": -1}, {"item": "tea", "count": 1000001}, "[" * 512):
            self.check(value, 400)
        self.assertEqual(len(self.backend.asked), n)

    def test_other_methods(self):
        for method in ("GET", "HEAD", "PUT"):
            self.check(TEA, 405, method=method)

    def test_too_much_content(self):
        fits = json.dumps(TEA).ljust(512)
        self.check(fits, 200, {"item": "tea", "count": 3, "price": 250, "total": 750})
        for way in WAYS:
            with self.subTest(way=way):
                self.assertEqual(self.ask(way, fits + " ").status, 413)

    def test_backend_that_is_down(self):
        self.check(TEA, 502, suffix="-down")

    def test_backend_that_says_something_else(self):
        for item in ("cheap", "empty", "negative", "too dear", "two", "nul", "long", "sixteen", "half",
                     "nothing", "reset"):
            self.check({"item": item, "count": 1}, 502)

    def test_backend_that_is_too_slow(self):
        self.check({"item": "never", "count": 1}, 504, suffix="-fast")
        self.check({"item": "drips", "count": 1}, 504, suffix="-fast")
        self.assertTrue(eventually(lambda: self.backend.waiting == 0))

    def test_one_connection_for_several(self):
        for way in WAYS:
            with self.subTest(way=way), Client(self.server) as c:
                for value, status in ((TEA, 200), ("{", 400), ({"item": "cheap", "count": 1}, 502), (TEA, 200)):
                    self.send(c, way, value)
                    self.assertEqual(c.read("POST").status, status)

    def many(self, way, value, n):
        clients = [Client(self.server) for _ in range(n)]
        for c in clients:
            self.addCleanup(c.close)
            self.send(c, way, value)
        return clients

    def test_many_at_once(self):
        for way in WAYS:
            with self.subTest(way=way):
                for c in self.many(way, TEA, MANY):
                    r = c.read("POST")
                    self.assertEqual((r.status, json.loads(r.body)["total"]), (200, 750))

    def test_how_many_wait_at_once(self):
        """All of them, but in threads, of which there are so many."""
        for way in WAYS:
            with self.subTest(way=way):
                at_once = THREADS if way == "thread" else MANY
                self.backend.hold()
                self.backend.asked.clear()
                clients = self.many(way, {"item": "held", "count": 2}, MANY)
                self.assertTrue(eventually(lambda: self.backend.waiting == at_once), self.backend.waiting)
                self.assertEqual(self.ask(way, "{").status if way != "thread" else 400, 400)
                self.assertEqual(self.backend.asked.count(b"held\n"), at_once)
                self.backend.release()
                for c in clients:
                    self.assertEqual(json.loads(c.read("POST").body)["total"], 500)

    def test_client_that_leaves(self):
        """The backend's connection is closed long before the minute is over; in a thread it is when the
        backend is too slow."""
        for way in ("loop", "coroutine", "thread-fast"):
            with self.subTest(way=way):
                left = self.backend.left
                self.backend.asked.clear()
                clients = self.many(way, {"item": "never", "count": 1}, 5)
                self.assertTrue(eventually(lambda: len(self.backend.asked) == 5))
                for c in clients:
                    c.reset()
                self.assertTrue(eventually(lambda: self.backend.left == left + 5), self.backend.left)
                self.assertEqual(self.ask(way, TEA).status, 200)
        self.assertNotIn("error", self.server.log())


if __name__ == "__main__":
    unittest.main()
