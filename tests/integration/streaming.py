"""What the tests of streaming share: a server with streams.c mounted in each way, and its client.

The routes are /l on the loop, /t in threads, /s serial on the loop, /ts serial in threads; runs is
the configuration's. Each has its counts, which any other route of the same file can tell.
"""
import json
import os
import sys
import zlib

from support import _FIELD, Bad, Client, ServerCase, eventually, write_file

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../plugins"))
from building import build  # noqa: E402

THREADS = 3  # of each route
WAYS = {"l": ("loop", 0), "t": ("thread", 0), "s": ("loop", 1), "ts": ("thread", 1)}
CYCLE = bytes(range(251))

EINVAL, ESTATE, ESYSTEM, ENOTSUP, EGONE = -5000, -5002, -5008, -5009, -5010
EFAILED, ETOOBIG, EBADMSG = -5012, -5013, -5014
NOT_CALLED = 1000

# Pairs that are equal when nothing is under way, and what stays 0.
BALANCES = (("requests", "undone"), ("deferred", "undone"), ("opened", "closed"), ("asked", "done"))


def made(n, at=0):
    """n bytes as streams.c makes them, from byte `at` on."""
    at %= 251
    return (CYCLE * ((at + n) // 251 + 1))[at:at + n]


def told(data, error=None):
    """What the cases that read say of it."""
    text = "%d %d" % (len(data), zlib.adler32(data))
    return (text if error is None else text + " %d" % error).encode()


def chunked(data, piece=7777, trailers=()):
    out = b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in
                   (data[i:i + piece] for i in range(0, len(data), piece)))
    return out + b"0\r\n" + b"".join(t.encode() + b"\r\n" for t in trailers) + b"\r\n"


def streams(language="c", serial=0, **defines):
    flags = ["-D%s=%s" % d for d in sorted(defines.items())]
    return build("plugins/streams.c", "-O1", "-DSERIAL=%d" % serial, *flags, language=language)


def routes(language="c", ways=WAYS, threads=THREADS, **more):
    return [dict({"path": "/" + name, "plugin": streams(language, WAYS[name][1]),
                  "runs": WAYS[name][0], "threads": threads, "config": {"name": name}}, **more)
            for name in ways]


class StreamClient(Client):
    """One that keeps trailer fields (r.trailers), and reads a body as it comes."""

    def _chunked(self, r):
        body = b"".join(iter(lambda: self.piece(r), b""))
        r.trailers = []
        while True:
            line = self._line()
            if not line:
                return body
            f = _FIELD.match(line)
            if not f:
                raise Bad("trailer %r" % line[:200])
            r.trailers.append((f[1].decode(), f[2].decode("latin-1")))

    def piece(self, r):
        """The next chunk; b"": the last one."""
        n = int(self._line(), 16)
        data = self._exactly(n, r)
        if n and self._exactly(2, r) != b"\r\n":
            raise Bad("no CRLF behind a chunk")
        return data

    def expect(self, r, data):
        """`data` comes, in whatever chunks."""
        got = b""
        while len(got) < len(data):
            got += self.piece(r)
        if got != data:
            raise Bad("%r, not %r" % (got[:100], data[:100]))

    def half(self, data, at):
        """Sends data in two, the second when the first has arrived."""
        self.send(data[:at])
        return data[at:]


class StreamCase(ServerCase):
    """The class says the way and the language. After each test all is closed and nothing was wrong."""
    way, language = None, "c"
    keys, route_keys = {}, {}
    loops = 1  # weir_wake needs the same

    @classmethod
    def populate(cls):
        write_file(os.path.join(cls.root, "index.html"), "folder")
        cls.data = write_file(os.path.join(cls.root, "data"), made(100000))
        config = dict({"routes": routes(cls.language, **cls.route_keys)}, **cls.keys)
        file = write_file(os.path.join(cls.temp, "weir.json"), json.dumps(config))
        cls.options = ("--config", file)

    @classmethod
    def warm_up(cls):
        for _ in range(16):
            with Client(cls.server) as c:
                for way in WAYS:
                    c.get("/%s/" % way)
                c.get("/")

    @classmethod
    def counts_of(cls, way=None):
        """By another route: all threads of this one may be busy."""
        way = way or cls.way
        with Client(cls.server) as c:
            return json.loads(c.get("/%s/counts?%s" % ("s" if WAYS[way][1] else "l", way)).body)

    def counts(self, name=None):
        n = self.counts_of()
        return n[name] if name else n

    def results(self, *wanted):
        """The first results of the last case; None: any."""
        got = self.counts("results")
        for i, value in enumerate(wanted):
            if value is not None:
                self.assertEqual(got[i], value, "result %d of %r" % (i, got))

    def until(self, name, n=1):
        """Waits until it has grown by n; the function to call then."""
        before = self.counts(name)

        def grown():
            self.assertTrue(eventually(lambda: self.counts(name) >= before + n),
                            "%s stays %d" % (name, self.counts(name)))
        return grown

    def call(self, target, *fields, **how):
        with self.open() as c:
            return c.get("/%s/%s" % (self.way, target), *fields, **how)

    def post(self, target, body, *fields, coding=None, **how):
        if coding == "chunked":
            return self.call(target, "Transfer-Encoding: chunked", *fields, method="POST",
                             body=chunked(body), **how)
        return self.call(target, "Content-Length: %d" % len(body), *fields, method="POST", body=body,
                         **how)

    def open(self, **how):
        c = StreamClient(self.server, **how)
        self.addCleanup(c.close)
        return c

    def begin(self, target, *fields, method="GET", body=b"", **how):
        """A client whose request is sent, its content as far as given."""
        c = self.open(**how)
        c.request("/%s/%s" % (self.way, target), *fields, method=method, body=body)
        return c

    def barrier(self):
        """What was sent before has been read: there is one loop."""
        for _ in range(2):
            self.assertEqual(self.get("/").body, b"folder")

    def assert_serves(self):
        self.assertEqual(self.call("").body, b"plain\n")

    def assert_cut(self, target, *fields, **how):
        """The answer has no end."""
        with self.assertRaises((AssertionError, ConnectionResetError)) as seen:
            self.call(target, *fields, **how)
        self.assertNotIsInstance(seen.exception, Bad)

    def assert_balanced(self, way=None):
        ok = eventually(lambda: all(n[a] == n[b] for n in [self.counts_of(way)]
                                    for a, b in BALANCES))
        n = self.counts_of(way)
        self.assertTrue(ok, n)
        bad = {k: n[k] - self.bad[k] for k in n if k.startswith("bad_")}
        self.bad = n
        self.assertEqual([k for k in bad if bad[k]], [], n)

    def setUp(self):
        self.bad = self.counts()

    def tearDown(self):
        self.doCleanups()  # clients that are open
        if self.server.process.poll() is None:
            self.assert_balanced()
        else:
            self.fail("the server has ended: " + self.server.log()[-3000:])


def each_way(mixin, module, languages=("c", "cxx")):
    """A class of `mixin` for each way and language, into the module's names."""
    for language in languages:
        for way in WAYS:
            name = mixin.__name__ + {"l": "Loop", "t": "Thread", "s": "Serial",
                                     "ts": "SerialThread"}[way] + language.capitalize()
            module[name] = type(name, (mixin, StreamCase), {
                "way": way, "language": language, "__module__": module["__name__"]})
