"""Bytes sent to a server in any pieces, and what it made of them.

What test_corpus.py, test_fixtures.py and tools/compare-peers share. Nothing here knows the server;
`server` is what has a port on this machine.
"""
import collections
import re
import select
import time

from support import Bad, Client, Closed

HANG_S = 4           # without a byte or an end: the server waits for more
BYTEWISE_MAX = 3000  # longer inputs go byte by byte only at both ends


class Outcome:
    """What came back for one way of sending a case."""

    def __init__(self):
        self.responses, self.interim = [], []
        self.canary = False    # was answered
        self.ended = False     # the server closed
        self.waits = False     # nothing came for the time of a hang
        self.junk = None       # what is not HTTP
        self.cut = False       # the last answer ends before its content does
        self.raw = b""
        self.unprompt = False  # ["any", s] waited in vain

    def __repr__(self):
        return "%s%s%s%s%s" % (self.responses, " canary" if self.canary else "",
                               " closed" if self.ended else "", " waits" if self.waits else "",
                               " junk %r" % self.junk[:80] if self.junk else "")

    def words(self):
        """What a table says of it: '400 closed', '404 200 answered', 'silent closed'."""
        words = [str(r.status) for r in self.responses] or ["silent"]
        if len(words) > 4 and len(set(words)) == 1:
            words = ["%s*%d" % (words[0], len(words))]
        if self.junk or self.cut:
            words.append("cut" if self.cut else "junk")
        return " ".join(words + ["answered" if self.canary else
                                 "closed" if self.ended else "waits"])


class Bytes(Client):
    """The strict reader of support.py over bytes that have come."""

    def __init__(self, data):
        self.buffer = data

    def fill(self):
        return False


class TolerantBytes(Bytes):
    """For servers that are not judged by what every client understands."""
    STATUS = re.compile(rb"HTTP/1\.[01] ([1-5]\d\d)(?: ([\t -~\x80-\xff]*))?\Z")
    NEEDS_DATE = False


def parse(data, methods, reader=Bytes):
    """(responses, interim, rest or None): all that is complete."""
    reader, out, interim = reader(data), [], []
    methods = collections.deque(methods)
    while reader.buffer:
        mark = reader.buffer
        method = methods.popleft() if methods else "GET"
        try:
            r = reader.read(method, interim)
        except (Bad, Closed):
            return out, interim, mark
        out.append(r)
    return out, interim, None


def read_cut(data, reader=Bytes):
    """The final response whose content did not come to its end; None: not even its head did."""
    reader = reader(data)
    try:
        r = reader.read_head()
        while r.status < 200:
            r = reader.read_head()
    except (Bad, Closed):
        return None
    return r


def pieces(data, mode, rng):
    """How data is sent: byte by byte (b), in random pieces (r), else in one."""
    if mode == "b":
        if len(data) <= BYTEWISE_MAX:
            return [data[i:i + 1] for i in range(len(data))]
        half = BYTEWISE_MAX // 2
        return [data[i:i + 1] for i in range(half)] + [data[half:-half]] + \
               [data[i:i + 1] for i in range(len(data) - half, len(data))]
    if mode == "r":
        cuts = sorted(rng.sample(range(len(data) + 1), min(len(data), rng.randrange(1, 8))))
        return [data[a:b] for a, b in zip([0] + cuts, cuts + [len(data)])]
    return [data]


class Exchange:
    """One connection on which a case is sent; reads as it goes."""

    def __init__(self, server, methods, hang=HANG_S, reader=Bytes):
        self.client = Client(server, timeout=hang)
        self.client.sock.setblocking(False)
        self.out = Outcome()
        self.methods, self.hang, self.reader = methods, hang, reader
        self.data = bytearray()

    def pump(self, seconds, done):
        """Reads until done() or the end; False when nothing came for so long."""
        end = time.monotonic() + seconds
        while not done():
            if self.out.ended:
                return False
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.client.sock], [], [], left)[0]:
                return False
            if self.take():
                end = time.monotonic() + seconds
        return True

    def take(self):
        try:
            piece = self.client.sock.recv(1 << 20)
        except BlockingIOError:
            return False
        except ConnectionResetError:
            self.out.ended = True
            return False
        if not piece:
            self.out.ended = True
        self.data += piece
        return True

    def send(self, data):
        """All of it, or as much as the server takes; what it says meanwhile is read."""
        view, end = memoryview(data), time.monotonic() + self.hang
        sock = self.client.sock
        while view and not self.out.ended and time.monotonic() < end:
            readable, writable, _ = select.select([sock], [sock], [], self.hang)
            if readable:
                self.take()
            if writable:
                try:
                    n = sock.send(view)
                except BlockingIOError:
                    continue
                except OSError:  # the server has closed: what it said before is still read
                    break
                view = view[n:]
                end = time.monotonic() + self.hang

    def shut(self):
        try:
            self.client.shut()
        except OSError:  # the server has closed
            pass

    def finals(self):
        return len(parse(bytes(self.data), self.methods, self.reader)[0])

    def finish(self):
        """Waits for the end, and says what came."""
        out = self.out
        if not self.pump(self.hang, lambda: out.ended):
            out.waits = not out.ended
        out.raw = bytes(self.data)
        out.responses, out.interim, out.junk = parse(out.raw, self.methods, self.reader)
        cut = read_cut(out.junk, self.reader) if out.junk and out.ended else None
        if cut:
            out.cut, out.junk = True, None
            out.responses.append(cut)
        return out
