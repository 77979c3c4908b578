"""Requests that other servers' parsers are tested with: llhttp's and gunicorn's, against Weir.

The fixtures are theirs (MIT) and not in this tree: they are looked for in the folder that
WEIR_CORPUS names, else in ../shared/corpus beside the source tree. Its README.md says what `want`
means. Each is sent whole (w), byte by byte (b), in random pieces (r), and where nothing may be
answered behind it, with one more request only after the answer (s).
"""
import concurrent.futures
import json
import os
import random
import re
import sys
import unittest

from exchange import Exchange, pieces
from support import ServerCase, random_seed, write_file

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
CORPUS = os.environ.get("WEIR_CORPUS") or os.path.join(TOP, "../shared/corpus")
sys.path.insert(0, os.path.join(TOP, "tests/plugins"))
from building import build  # noqa: E402

REFUSALS = (400, 408, 411, 413, 414, 417, 421, 426, 431, 500, 501, 505)
NEXT = b"GET /next HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
ANSWER_S = 1  # what is cut has no answer yet
WORKERS = 6

# Fixtures whose expectation is not ours: id -> (the clause, what is wanted instead).
WRONG = {}


def load(name):
    path = os.path.join(CORPUS, name)
    if not os.path.exists(path):
        raise unittest.SkipTest("%s is not here (WEIR_CORPUS names its folder)" % path)
    with open(path, encoding="utf-8") as f:
        cases = json.load(f)["cases"]
    if len(cases) < 100:
        raise AssertionError("%s has %d cases only" % (path, len(cases)))
    return cases


def is_followed(case):
    """Is one more request sent, which must not be answered?"""
    return case["want"] in ("body", "closes")


def play(server, case, mode, seed):
    """Sends the case and closes our side, so that input which is cut comes to an end."""
    data = case["send"].encode("latin-1")
    x = Exchange(server, [re.match(r"\s*(\S*)", case["send"])[1]])
    rng = random.Random(seed)
    try:
        if is_followed(case) and mode != "s":
            data += NEXT
        for piece in pieces(data, mode, rng):
            x.send(piece)
        if mode == "s":
            x.pump(ANSWER_S, lambda: x.finals() > case["arg"])
            x.send(NEXT)
        x.shut()
        return x.finish()
    finally:
        x.client.close()


def judge(case, out, is_read):
    """What does not hold: a list of texts. `is_read`: a handler waits for all of the content."""
    want, arg = case["want"], case["arg"]
    got, bad = [r.status for r in out.responses], []
    if out.junk or out.cut:
        bad.append("not HTTP: %r" % (out.junk or out.raw)[:100])
    if not out.ended:
        bad.append("still open behind a FIN")
    if 500 in got:
        bad.append("a 500 for what a client has sent")
    if want == "refuse":
        if any(s in REFUSALS for s in got[:arg]) or len(got) < arg:
            bad.append("a good request is refused")
        if len(got) > arg + 1 or any(s not in REFUSALS for s in got[arg:]):
            bad.append("not refused")
        if len(got) == arg and "\r\n\r\n" in case["send"]:
            bad.append("refused without an answer")
    elif want == "accept":
        if len(got) < arg or 400 in got[:arg]:
            bad.append("not accepted")
    elif want in ("body", "closes"):
        if len(got) > max(arg, 1):
            bad.append("an answer behind the error")
        if want == "body" and is_read and any(s not in REFUSALS for s in got):
            bad.append("broken content was taken")
    elif want == "answers":
        if len(got) > arg:
            bad.append("%d answers" % len(got))
    elif want != "either":
        bad.append("unknown want %r" % want)
    return bad


class Fixtures:
    """A mixin: the class says what answers."""
    loops = 2
    is_read = False

    @classmethod
    def setUpClass(cls):
        cls.cases = load("llhttp.json") + load("gunicorn.json")
        super().setUpClass()

    @classmethod
    def populate(cls):
        for name in ("index.html", "file.txt", "test", "first"):
            write_file(os.path.join(cls.root, name), name)

    def test_fixtures(self):
        seed, failures, counts = random_seed(), [], {}
        jobs = [({**case, "want": WRONG[case["id"]][1]} if case["id"] in WRONG else case, mode)
                for case in self.cases
                for mode in ("wbrs" if case["want"] in ("refuse", "body", "closes") else "wbr")]

        def one(job):
            out = play(self.server, *job, seed)
            return *job, out, judge(job[0], out, self.is_read)
        with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
            for case, mode, out, bad in pool.map(one, jobs):
                counts[case["want"]] = counts.get(case["want"], 0) + 1
                if bad:
                    failures.append("%s/%s %s %d: %s; came %r of %r" % (
                        case["id"], mode, case["want"], case["arg"], "; ".join(bad), out,
                        case["send"][:300]))
        print("%d cases, ways: %r" % (len(self.cases), counts), flush=True)
        self.assertFalse(failures, "\n" + "\n".join(failures))
        self.assertFalse(set(WRONG) - {c["id"] for c in self.cases}, "no longer there")


class Files(Fixtures, ServerCase):
    """All content is read and dropped."""
    options = ("--quiet",)


class Echo(Fixtures, ServerCase):
    """All content is wanted by a handler."""
    is_read = True

    @classmethod
    def populate(cls):
        super().populate()
        cls.options = ("--quiet", "--plugin", "/=" + build("plugins/echo_whole.c"))


if __name__ == "__main__":
    unittest.main()
