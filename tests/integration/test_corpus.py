"""The request corpus, http1-cases.json: what any HTTP/1.1 server must and should do.

Each case is sent whole (w), byte by byte (b), in random pieces (r), and with the canary only after
the answer (s). Words of `must` and `should`: see the function judge().
"""
import collections
import concurrent.futures
import email.utils
import gzip
import json
import os
import random
import re
import select
import time
import unittest
import zlib

from support import Bad, Client, Closed, ServerCase, pattern, random_seed, settle, write_file

HERE = os.path.dirname(os.path.abspath(__file__))
CANARY = b"canary of the corpus\n"
HANG_S = 4       # without a byte or an end: the server waits for more
WORKERS = 6
BYTEWISE_MAX = 3000  # longer inputs go byte by byte only at both ends

# Cases whose `should` is not met, each with its reason.
WAIVED = {
    "rng-multi-ows": "several ranges are answered with the whole file (RFC 9110 14.2 allows it)",
    "rl-target-pct-bad": "a query is not decoded and not checked: core/http/target.h, rule 5",
}


class Outcome:
    """What came back for one way of sending a case."""

    def __init__(self):
        self.responses, self.interim = [], []
        self.canary = False   # was answered
        self.ended = False    # the server closed
        self.waits = False    # nothing came for HANG_S
        self.junk = None      # what is not HTTP
        self.raw = b""
        self.unprompt = False # ["any", s] waited in vain
        self.sent_bytes = 0

    def __repr__(self):
        return "%s%s%s%s%s" % (self.responses, " canary" if self.canary else "",
                               " closed" if self.ended else "", " waits" if self.waits else "",
                               " junk %r" % self.junk[:80] if self.junk else "")


def expand(text, values):
    text = re.sub(r"\{\{((?:(?!\{\{).)*?)\*(\d+)\}\}", lambda m: m[1] * int(m[2]), text, flags=re.S)

    def value(m):
        return values[m[1]]
    return re.sub(r"\{\{([a-z0-9:/.-]+)\}\}", value, text)


class Exchange:
    """One connection on which a case is sent; reads as it goes."""

    def __init__(self, server, methods):
        self.client = Client(server, timeout=HANG_S)
        self.client.sock.setblocking(False)
        self.out = Outcome()
        self.methods = methods
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
        view, end = memoryview(data), time.monotonic() + HANG_S
        while view and not self.out.ended and time.monotonic() < end:
            readable, writable, _ = select.select([self.client.sock], [self.client.sock], [], HANG_S)
            if readable:
                self.take()
            if writable:
                try:
                    n = self.client.sock.send(view)
                except BlockingIOError:
                    continue
                except OSError:  # the server has closed: what it said before is still read
                    break
                view = view[n:]
                self.out.sent_bytes += n
                end = time.monotonic() + HANG_S

    def finals(self):
        return len(parse(bytes(self.data), self.methods)[0])


class Bytes(Client):
    """The reader of support.py over bytes that have come."""

    def __init__(self, data):
        self.buffer = data

    def fill(self):
        return False


def parse(data, methods):
    """(responses, interim, rest or None): all that is complete."""
    reader, out, interim = Bytes(data), [], []
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


class Corpus(ServerCase):
    options = ("--quiet",)
    loops = 2

    @classmethod
    def populate(cls):
        put = lambda name, data: write_file(os.path.join(cls.root, name), data)
        text = "".join("%04d line of file.txt\n" % i for i in range(50)).encode()
        assert len(text) == 1100, len(text)
        put("file.txt", text)
        when = email.utils.mktime_tz(email.utils.parsedate_tz("Mon, 03 Feb 2020 04:05:06 GMT"))
        os.utime(os.path.join(cls.root, "file.txt"), (when, when))
        put("canary.txt", CANARY)
        put("smuggled.txt", "SMUGGLED-CONTENT\n")
        put("one.bin", "1")
        put("empty.txt", "")
        put("big.bin", pattern(300000, 1))
        put("large.bin", pattern(4000000, 2))
        put("comp.txt", "compressible text, again and again\n" * 500)
        with gzip.open(os.path.join(cls.root, "comp.txt.gz"), "wb") as f:
            f.write(b"compressible text, again and again\n" * 500)
        put("dyn.css", "body { color: red; margin: 0 }\n" * 500)
        put("index.html", "<!doctype html><title>x</title><h1>root index</h1>\n")
        for folder in ("sub", "noindex"):
            os.mkdir(os.path.join(cls.root, folder))
        put("sub/index.html", "<!doctype html><title>x</title><h1>sub index</h1>\n")
        put("sub/inner.txt", "inner\n")
        put("noindex/<img src=x onerror=alert(1)>.txt", "x")
        put(".hidden", "OUTSIDE-SECRET-3e hidden\n")
        for ext in ("html", "css", "js", "json", "txt", "svg", "png", "jpg", "gif", "webp", "ico",
                    "pdf", "wasm", "woff2", "mp4", "xml", "xyzzy"):
            put("mime." + ext, "x")
        for name in ("a b.txt", "100%.txt", "q?mark.txt", "..name.txt", "a#b.txt", "a+b.txt",
                     "amp&eq=.txt", "tilde~'.txt", "na\u00efve.txt", "a..b.txt", "semi;colon.txt"):
            put(name, "file " + name)
        os.symlink("file.txt", os.path.join(cls.root, "link-in.txt"))
        os.symlink("../outside.txt", os.path.join(cls.root, "link-out.txt"))
        os.symlink("../outside-dir", os.path.join(cls.root, "link-dir"))
        os.mkfifo(os.path.join(cls.root, "fifo"))
        write_file(os.path.join(cls.temp, "outside.txt"), "OUTSIDE-SECRET-3e\n")
        for folder in ("outside-dir", "www-private"):
            os.mkdir(os.path.join(cls.temp, folder))
            write_file(os.path.join(cls.temp, folder, "o.txt"), "OUTSIDE-SECRET-3e\n")
        with open(os.path.join(HERE, "http1-cases.json"), encoding="utf-8") as f:
            cls.cases = json.load(f)
        for name in ("link-in.txt", "large.bin"):
            settle(os.path.join(cls.root, name))

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.gets = {}
        with Client(cls.server) as c:
            for target in ("/file.txt", "/comp.txt", "/sub/", "/big.bin"):
                cls.gets[target] = c.get(target)
            cls.has_ranges = c.get("/file.txt", "Range: bytes=0-0").status == 206
        r = cls.gets["/file.txt"]
        etag, lm = r["ETag"] or "", r["Last-Modified"] or ""
        t = email.utils.parsedate_to_datetime(lm)
        opaque = etag[2:] if etag.startswith("W/") else etag
        c850 = t.strftime("%A, %d-%b-%y %H:%M:%S GMT")
        asc = t.strftime("%a %b ") + "%2d" % t.day + t.strftime(" %H:%M:%S %Y")
        before = email.utils.formatdate(t.timestamp() - 1, usegmt=True)
        cls.values = {"host": cls.server.host, "post": "/file.txt", "root": cls.root, "etag": etag,
                      "opaque": opaque, "bare": opaque.strip('"'), "lm": lm, "lm850": c850,
                      "lmasc": asc, "lm-1": before, "etag:/comp.txt": cls.gets["/comp.txt"]["ETag"]}
        cls.has = {"etag": bool(etag), "strong": etag.startswith('"'), "lm": bool(lm),
                   "ims": bool(lm), "range": cls.has_ranges}

    # -- sending --

    def methods_of(self, case):
        if "methods" in case:
            return case["methods"]
        return [re.match(r"\s*(\S*)", next(p for p in case["send"] if isinstance(p, str)))[1]]

    def pieces(self, data, mode, rng):
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

    def play(self, case, mode, seed):
        rng = random.Random(seed)
        methods = self.methods_of(case)
        x = Exchange(self.server, methods)
        out = x.out
        has_canary = case.get("canary", True)
        canary = ("GET /canary.txt HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n" %
                  self.values["host"]).encode()
        try:
            parts = list(case["send"])
            for i, part in enumerate(parts):
                if isinstance(part, str):
                    data = expand(part, self.values).encode("latin-1")
                    if has_canary and i == len(parts) - 1 and mode in "wbr":
                        data += canary
                    for piece in self.pieces(data, mode, rng):
                        x.send(piece)
                elif part[0] == "any":
                    out.unprompt |= not x.pump(part[1], lambda: bool(x.data))
                elif part[0] == "await":
                    x.pump(part[2], lambda: x.finals() >= part[1])
                elif part[0] == "pause":
                    x.pump(part[1], lambda: False)
                elif part[0] == "shut":
                    try:
                        x.client.shut()
                    except OSError:
                        pass
            if has_canary and (mode == "s" or not isinstance(parts[-1], str)):
                x.pump(HANG_S, lambda: x.finals() >= len(methods))
                x.send(canary)
            if not x.pump(HANG_S, lambda: out.ended):
                out.waits = not out.ended
        finally:
            x.client.close()
        out.raw = bytes(x.data)
        out.responses, out.interim, out.junk = parse(out.raw, methods)
        r = out.responses[-1] if out.responses else None
        if has_canary and r and r.body == CANARY and r.status == 200:
            out.canary = True
            out.responses.pop()
        return out

    # -- judging --

    def judge(self, words, out):
        """What of these words does not hold: a list of texts."""
        words, bad = words.split(), []
        statuses = [w for w in words if re.fullmatch(r"!?[1-5](\d\d|xx)", w)]
        allowed = [w for w in statuses if w[0] != "!"]
        denied = [w[1:] for w in statuses if w[0] == "!"]
        # Here REJ is any status: on a file the answer may precede the content.
        any_status = "any" in words or "REJ" in words or not allowed
        fits = lambda s, ws: any(str(s) == w or (w.endswith("xx") and w[0] == str(s)[0]) for w in ws)
        if not out.responses and not out.canary:
            excused = ("silent" in words and out.ended) or ("wait" in words and out.waits) or \
                      ("h2" in words and b"HTTP/1" not in out.raw and out.raw)
            if not excused and (statuses or any_status) and not (out.junk and "h2" in words):
                bad.append("no answer")
        for r in out.responses[-1:]:
            if not any_status and not fits(r.status, allowed):
                bad.append("status %d" % r.status)
            if fits(r.status, denied):
                bad.append("status %d" % r.status)
        if "answered" in words and not out.canary:
            bad.append("the canary is not answered")
        if "closed" in words:
            if out.canary:
                bad.append("the canary is answered")
            if not out.ended and not ("wait" in words and out.waits):
                bad.append("not closed")
        return bad

    def file_bytes(self, name):
        with open(os.path.join(self.root, name), "rb") as f:
            return f.read()

    def decoded(self, r):
        coding = r["Content-Encoding"]
        if coding is None:
            return r.body
        if coding in ("gzip", "x-gzip"):
            return gzip.decompress(r.body)
        if coding == "deflate":
            return zlib.decompress(r.body)
        return None  # not one that can be undone here

    def common(self, case, out):
        """Holds in every case."""
        bad, methods = [], self.methods_of(case)
        if len(out.responses) > len(methods):
            bad.append("%d answers to %d requests" % (len(out.responses), len(methods)))
        if out.junk is not None and "h2" not in case["must"] and "0.9" not in case["must"]:
            bad.append("not HTTP: %r" % out.junk[:100])
        if b"SMUGGLED-CONTENT" in out.raw:
            bad.append("a hidden request was answered")
        if "absent" in case and case["absent"].encode("latin-1") in out.raw:
            bad.append("%r is in the answer" % case["absent"])
        if "body" in case and not any(case["body"].encode() in r.body for r in out.responses
                                      if r.status == 200):
            bad.append("%r is not in the answer" % case["body"])
        if "file" in case:
            want = self.file_bytes(case["file"])
            for r in out.responses[-1:]:
                if r.status == 200 and methods[-1] == "GET" and self.decoded(r) not in (want, None):
                    bad.append("not the bytes of " + case["file"])
                if r.status == 206:
                    bad += self.check_part(r, want)
        for i, (name, r) in enumerate(zip(case.get("bodies", []), out.responses)):
            if name and self.decoded(r) != self.file_bytes(name):
                bad.append("answer %d is not %s" % (i, name))
        if "bodies" in case and len(out.responses) < len(case["bodies"]) and \
                "any" not in case["must"]:
            bad.append("%d of %d answers" % (len(out.responses), len(case["bodies"])))
        if "statuses" in case and [r.status for r in out.responses] != case["statuses"]:
            bad.append("statuses %r" % out.responses)
        return bad

    def check_part(self, r, want):
        if (r["Content-Type"] or "").startswith("multipart/byteranges"):
            boundary = re.search(r'boundary="?([^";]+)', r["Content-Type"])[1].encode()
            parts = r.body.split(b"--" + boundary)
            for part in parts[1:-1]:
                head, _, body = part.partition(b"\r\n\r\n")
                m = re.search(rb"(?i)content-range: bytes (\d+)-(\d+)/(\d+)", head)
                if not m or body[:-2] != want[int(m[1]):int(m[2]) + 1]:
                    return ["a part is wrong"]
            return []
        m = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", r["Content-Range"] or "")
        if not m or int(m[3]) != len(want) or r.body != want[int(m[1]):int(m[2]) + 1]:
            return ["the part is wrong: %s" % r["Content-Range"]]
        return []

    def check_ranges(self, case, out):
        """A 206 is of what was asked."""
        bad = []
        for r in out.responses[-1:]:
            if r.status == 206 and len(case.get("ranges", [])) == 1 and r["Content-Range"]:
                a, b = case["ranges"][0]
                if not r["Content-Range"].startswith("bytes %d-%d/" % (a, b)):
                    bad.append("another part: " + r["Content-Range"])
        return bad

    def check_fields(self, wanted, out):
        bad = []
        r = out.responses[-1] if out.responses else None
        for name, regex in wanted.items():
            value = ", ".join(r.all(name)) if r and r.all(name) else None
            if regex is None and value is not None:
                bad.append("%s: %s" % (name, value))
            if regex is not None and r and not re.search(regex, value or ""):
                bad.append("%s: %s" % (name, value))
        return bad

    def check_named(self, check, out):
        name, _, arg = check.partition(":")
        r = out.responses[-1] if out.responses else None
        if r is None:
            return []
        coding, vary = r["Content-Encoding"], ", ".join(r.all("Vary")).lower()
        if name == "304":
            return ["304 without its ETag"] if r.status == 304 and not r["ETag"] else []
        if name == "identity":
            return ["Content-Encoding " + coding] if coding else []
        if name == "coding":
            return ["Content-Encoding " + coding] if coding and coding not in arg.split() else []
        if name == "vary":
            return ["coded without Vary"] if coding and "accept-encoding" not in vary else []
        if name == "vary-identity":
            with Client(self.server) as c:
                coded = c.get("/comp.txt", "Accept-Encoding: gzip")["Content-Encoding"]
            return ["no Vary"] if coded and "accept-encoding" not in vary else []
        if name == "head-eq":
            want = dict(self.gets[arg].fields)
            got = dict(r.fields)
            return ["%s: %s, with GET %s" % (n, got.get(n), v) for n, v in want.items()
                    if n not in ("Date",) and got.get(n, None if n != "Content-Length" else v) != v]
        if name == "intact":
            same = self.file_bytes("file.txt").startswith(b"0000 line of file.txt\n") and \
                len(self.file_bytes("file.txt")) == 1100 and \
                not os.path.exists(os.path.join(self.root, "moved.txt"))
            return [] if same else ["the file was changed"]
        if name == "no-open-redirect":
            location = r["Location"] or ""
            return ["leads to " + location] if re.match(r"//|\\|/\\|https?://(?!localhost|127)",
                                                        location) else []
        if name == "no1xx":
            return ["an interim answer"] if out.interim else []
        if name == "prompt":
            return ["no answer in time"] if out.unprompt else []
        if name == "small":
            return ["%d bytes" % len(r.body)] if len(r.body) > int(arg) * 300000 else []
        return ["unknown check " + check]

    def verdict(self, case, mode, out):
        """(must, should): what is wrong."""
        must = self.common(case, out) + self.judge(case["must"], out)
        should = self.judge(case["should"], out) if "should" in case else []
        (must if case.get("hlevel", "must") == "must" else should).extend(
            self.check_fields(case.get("h", {}), out))
        should += self.check_fields(case.get("hs", {}), out) + self.check_ranges(case, out)
        if "check" in case:
            level = should if "vary" in case["check"] else must
            level += self.check_named(case["check"], out)
        return must, should

    def test_corpus(self):
        seed = random_seed()
        jobs, skipped = [], []
        for i, case in enumerate(self.cases):
            needs = [n for n in (case.get("needs") or "").split() if not self.has[n]]
            if needs:
                skipped.append((case["id"], needs))
                continue
            for mode in case.get("modes", "wbrs"):
                jobs.append((case, mode, seed + i))
        failures, waived, slow = [], set(), []

        def run(job):
            case, mode, s = job
            start = time.monotonic()
            out = self.play(case, mode, s)
            must, should = self.verdict(case, mode, out)
            return case, mode, out, must, should, time.monotonic() - start
        with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
            for case, mode, out, must, should, took in pool.map(run, jobs):
                if took > 1.5:
                    slow.append("%s/%s %.1f s" % (case["id"], mode, took))
                if should and case["id"] in WAIVED:
                    waived.add(case["id"])
                    should = []
                for level, bad in (("must", must), ("should", should)):
                    if bad:
                        failures.append("%s/%s (RFC %s) %s %r: %s; came %r" % (
                            case["id"], mode, case["rfc"], level, case.get(level), "; ".join(bad), out))
        print("%d cases, %d ways; skipped %r; waived %r; slow %r" % (
            len(self.cases), len(jobs), skipped, sorted(waived), slow), flush=True)
        self.assertFalse(failures, "\n" + "\n".join(failures))
        self.assertFalse(set(WAIVED) - waived, "no longer needs a waiver")


if __name__ == "__main__":
    unittest.main()
