"""The request corpus: what any HTTP/1.1 server must and should do.

http1-cases.json is what was given to us, http1-more.json what we added to it, in the same form.

Each case is sent whole (w), byte by byte (b), in random pieces (r), and with the canary only after
the answer (s). Words of `must` and `should`: see Corpus.judge(). This module knows no server: those
who use it have one that serves the folder which populate() fills.
"""
import collections
import concurrent.futures
import email.utils
import gzip
import json
import os
import random
import re
import zlib

from exchange import HANG_S, Bytes, Exchange, pieces
from support import Client, pattern, settle, write_file

HERE = os.path.dirname(os.path.abspath(__file__))
CANARY = b"canary of the corpus\n"
WORKERS = 6

Result = collections.namedtuple("Result", "case mode out must should")


def load_cases(name="http1-cases.json"):
    with open(os.path.join(HERE, name), encoding="utf-8") as f:
        return json.load(f)


def populate(root):
    """The document root of the corpus, and beside it what must not be served."""
    put = lambda name, data: write_file(os.path.join(root, name), data)
    beside = os.path.dirname(root)
    text = "".join("%04d line of file.txt\n" % i for i in range(50)).encode()
    assert len(text) == 1100, len(text)
    put("file.txt", text)
    when = email.utils.mktime_tz(email.utils.parsedate_tz("Mon, 03 Feb 2020 04:05:06 GMT"))
    os.utime(os.path.join(root, "file.txt"), (when, when))
    put("canary.txt", CANARY)
    put("smuggled.txt", "SMUGGLED-CONTENT\n")
    put("one.bin", "1")
    put("empty.txt", "")
    put("big.bin", pattern(300000, 1))
    put("large.bin", pattern(4000000, 2))
    put("comp.txt", "compressible text, again and again\n" * 500)
    with gzip.open(os.path.join(root, "comp.txt.gz"), "wb") as f:
        f.write(b"compressible text, again and again\n" * 500)
    put("dyn.css", "body { color: red; margin: 0 }\n" * 500)
    put("index.html", "<!doctype html><title>x</title><h1>root index</h1>\n")
    for folder in ("sub", "noindex"):
        os.mkdir(os.path.join(root, folder))
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
    os.symlink("file.txt", os.path.join(root, "link-in.txt"))
    os.symlink("../outside.txt", os.path.join(root, "link-out.txt"))
    os.symlink("../outside-dir", os.path.join(root, "link-dir"))
    os.mkfifo(os.path.join(root, "fifo"))
    write_file(os.path.join(beside, "outside.txt"), "OUTSIDE-SECRET-3e\n")
    for folder in ("outside-dir", "www-private"):
        os.mkdir(os.path.join(beside, folder))
        write_file(os.path.join(beside, folder, "o.txt"), "OUTSIDE-SECRET-3e\n")
    for name in ("link-in.txt", "large.bin"):
        settle(os.path.join(root, name))


def expand(text, values):
    text = re.sub(r"\{\{((?:(?!\{\{).)*?)\*(\d+)\}\}", lambda m: m[1] * int(m[2]), text, flags=re.S)

    def value(m):
        return values[m[1]]
    return re.sub(r"\{\{([a-z0-9:/.-]+)\}\}", value, text)


def methods_of(case):
    """Of the requests of a case, in their order."""
    if "methods" in case:
        return case["methods"]
    return [re.match(r"\s*(\S*)", next(p for p in case["send"] if isinstance(p, str)))[1]]


def parts_of(r):
    """(first, last, size, bytes) of each part of a 206; None where it says something else."""
    if not (r["Content-Type"] or "").startswith("multipart/byteranges"):
        found = [(r["Content-Range"] or "", r.body)]
    else:
        boundary = re.search(r'boundary="?([^";]+)', r["Content-Type"])[1].encode()
        found = []
        for part in r.body.split(b"--" + boundary)[1:-1]:
            head, _, body = part.partition(b"\r\n\r\n")
            m = re.search(rb"(?i)content-range:[ \t]*([^\r\n]*)", head)
            found.append((m[1].decode("latin-1") if m else "", body[:-2]))
    out = []
    for value, body in found:
        m = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", value)
        out.append((int(m[1]), int(m[2]), int(m[3]), body) if m else None)
    return out


class Corpus:
    """The cases against one server.

    `post` is what {{post}} stands for; `has_echo` says that it sends the content back. With
    `is_early` it may begin before all of the content is there: one that turns out broken is then
    refused by an answer that is cut. `reader` reads the answers: strict or tolerant.
    """

    def __init__(self, server, root, post="/file.txt", has_echo=False, is_early=False, hang=HANG_S,
                 reader=Bytes):
        self.server, self.root = server, root
        self.has_echo, self.is_early = has_echo, is_early
        self.hang, self.reader = hang, reader
        self.echoed = set()  # cases whose content came back
        self.gets = {}
        for target in ("/file.txt", "/comp.txt", "/sub/", "/big.bin"):
            self.gets[target] = self.get(target)
        self.values = self.learn(post)

    def get(self, target, *fields):
        with Client(self.server) as c:
            c.STATUS, c.NEEDS_DATE = self.reader.STATUS, self.reader.NEEDS_DATE
            return c.get(target, *fields)

    def learn(self, post):
        """What stands for {{...}}, and what the server has for `needs`."""
        r = self.gets["/file.txt"]
        etag, lm = r["ETag"] or "", r["Last-Modified"] or ""
        t = email.utils.parsedate_to_datetime(lm)
        opaque = etag[2:] if etag.startswith("W/") else etag
        self.has = {"etag": bool(etag), "strong": etag.startswith('"'), "lm": bool(lm),
                    "ims": bool(lm),
                    "range": self.get("/file.txt", "Range: bytes=0-0").status == 206}
        return {"host": self.server.host, "post": post, "root": self.root, "etag": etag,
                "opaque": opaque, "bare": opaque.strip('"'), "lm": lm,
                "lm850": t.strftime("%A, %d-%b-%y %H:%M:%S GMT"),
                "lmasc": t.strftime("%a %b ") + "%2d" % t.day + t.strftime(" %H:%M:%S %Y"),
                "lm-1": email.utils.formatdate(t.timestamp() - 1, usegmt=True),
                "etag:/comp.txt": self.gets["/comp.txt"]["ETag"] or ""}

    def missing(self, case):
        """What the case needs and the server has not."""
        return [n for n in (case.get("needs") or "").split() if not self.has[n]]

    # -- sending --

    def play(self, case, mode, seed):
        rng = random.Random(seed)
        methods = methods_of(case)
        x = Exchange(self.server, methods, self.hang, self.reader)
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
                    for piece in pieces(data, mode, rng):
                        x.send(piece)
                else:
                    self.act(x, part)
            if has_canary and (mode == "s" or not isinstance(parts[-1], str)):
                x.pump(self.hang, lambda: x.finals() >= len(methods))
                x.send(canary)
            out = x.finish()
        finally:
            x.client.close()
        r = out.responses[-1] if out.responses else None
        if has_canary and r and r.body == CANARY and r.status == 200:
            out.canary = True
            out.responses.pop()
        return out

    @staticmethod
    def act(x, part):
        """A part that is no bytes."""
        if part[0] == "any":
            before = len(x.data)
            x.out.unprompt |= not x.pump(part[1], lambda: len(x.data) > before)
        elif part[0] == "await":
            x.pump(part[2], lambda: x.finals() >= part[1])
        elif part[0] == "pause":
            x.pump(part[1], lambda: False)
        elif part[0] == "shut":
            x.shut()
        else:
            raise AssertionError("unknown part %r" % part)

    # -- judging --

    def judge(self, words, out):
        """What of these words does not hold: a list of texts."""
        words, bad = words.split(), []
        statuses = [w for w in words if re.fullmatch(r"!?[1-5](\d\d|xx)", w)]
        allowed = [w for w in statuses if w[0] != "!"]
        denied = [w[1:] for w in statuses if w[0] == "!"]
        if "REJ" in words and self.has_echo:
            allowed += ["4xx", "5xx"]
        # On a file the answer may precede the content, so there REJ is any status.
        any_status = "any" in words or ("REJ" in words and not self.has_echo) or not allowed
        fits = lambda s, ws: any(str(s) == w or (w.endswith("xx") and w[0] == str(s)[0]) for w in ws)
        if not out.responses and not out.canary:
            excused = ("silent" in words and out.ended) or ("wait" in words and out.waits) or \
                      ("h2" in words and b"HTTP/1" not in out.raw and out.raw) or \
                      ("0.9" in words and out.raw and not out.raw.startswith(b"HTTP/"))
            if not excused and (statuses or any_status):
                bad.append("no answer")
        is_refused_late = "REJ" in words and self.is_early and out.cut
        for r in out.responses[-1:] if not is_refused_late else []:
            if (not any_status and not fits(r.status, allowed)) or fits(r.status, denied):
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

    @staticmethod
    def decoded(r):
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
        bad, methods = [], methods_of(case)
        if len(out.responses) > len(methods):
            bad.append("%d answers to %d requests" % (len(out.responses), len(methods)))
        if out.junk is not None and "h2" not in case["must"] and "0.9" not in case["must"]:
            bad.append("not HTTP: %r" % out.junk[:100])
        if out.cut and not self.is_early:
            bad.append("the answer is cut: %r" % out.raw[-100:])
        if out.canary and not out.ended:
            bad.append("open behind the canary, which asked to close (RFC 9112 9.6)")
        if b"SMUGGLED-CONTENT" in out.raw:
            bad.append("a hidden request was answered")
        if "absent" in case and case["absent"].encode("latin-1") in out.raw:
            bad.append("%r is in the answer" % case["absent"])
        if "body" in case and not all(case["body"].encode() in r.body for r in out.responses
                                      if r.status == 200):
            bad.append("%r is not in the answer" % case["body"])
        return bad + self.check_content(case, methods, out) + self.check_series(case, out)

    def check_content(self, case, methods, out):
        """The content of the last answer: of a file, or what an echo handler was sent."""
        bad = []
        for r in out.responses[-1:]:
            if "file" in case and methods[-1] == "GET":
                want = self.file_bytes(case["file"])
                if r.status == 200 and self.decoded(r) not in (want, None):
                    bad.append("not the bytes of " + case["file"])
                if r.status == 206:
                    bad += self.check_parts(r, want, case.get("ranges"))
            if "echo" in case and self.has_echo and r.status // 100 == 2 and not out.cut:
                if r.body != expand(case["echo"], self.values).encode("latin-1"):
                    bad.append("came back: %r" % r.body[:100])
                self.echoed.add(case["id"])
        return bad

    def check_series(self, case, out):
        """Of answers to several requests: their contents and statuses, in order."""
        bad = []
        for i, (name, r) in enumerate(zip(case.get("bodies", []), out.responses)):
            if name and self.decoded(r) != self.file_bytes(name):
                bad.append("answer %d is not %s" % (i, name))
        if "bodies" in case and len(out.responses) < len(case["bodies"]) and \
                "any" not in case["must"]:
            bad.append("%d of %d answers" % (len(out.responses), len(case["bodies"])))
        if "statuses" in case and [r.status for r in out.responses] != case["statuses"]:
            bad.append("statuses %r" % out.responses)
        return bad

    @staticmethod
    def check_parts(r, want, asked):
        """A 206 has exactly the bytes that it names, and none that nobody asked for."""
        for part in parts_of(r):
            if part is None or part[2] != len(want) or part[3] != want[part[0]:part[1] + 1]:
                return ["a part is wrong: %s" % r["Content-Range"]]
            bytes_asked = {n for a, b in asked or [] for n in (range(a, b + 1))}
            if asked and not {part[0], part[1]} <= bytes_asked:
                return ["another part: %d-%d" % part[:2]]
        return []

    @staticmethod
    def check_ranges(case, out):
        """A 206 is all of what was asked."""
        for r in out.responses[-1:]:
            if r.status == 206 and "ranges" in case:
                got = [p for p in parts_of(r) if p]
                for a, b in case["ranges"]:
                    if not any(p[0] <= a and b <= p[1] for p in got):
                        return ["not in the answer: %d-%d" % (a, b)]
        return []

    @staticmethod
    def check_fields(wanted, out):
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
            coded = self.get("/comp.txt", "Accept-Encoding: gzip")["Content-Encoding"]
            return ["no Vary"] if coded and "accept-encoding" not in vary else []
        if name == "head-eq":
            return self.check_head(self.gets[arg], r)
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

    @staticmethod
    def check_head(of_get, r):
        """HEAD has the fields of GET, but for those that are made when the content is."""
        want, got = dict(of_get.fields), dict(r.fields)
        return ["%s: %s, with GET %s" % (n, got.get(n), v) for n, v in want.items()
                if n not in ("Date",) and got.get(n, None if n != "Content-Length" else v) != v]

    def verdict(self, case, out):
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

    def run(self, cases, seed, modes="wbrs"):
        """A Result for every way of sending every case, in order."""
        jobs = [(case, mode, seed + i) for i, case in enumerate(cases)
                for mode in case.get("modes", "wbrs") if mode in modes]

        def one(job):
            case, mode, s = job
            out = self.play(case, mode, s)
            return Result(case, mode, out, *self.verdict(case, out))
        with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
            return list(pool.map(one, jobs))
