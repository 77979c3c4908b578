"""The request corpus, both files of it, against Weir: on files, and with echo handlers.

corpus.py says what a case is and judges it.
"""
import os
import sys
import unittest

from corpus import Corpus, load_cases, populate
from support import ServerCase, random_seed

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../plugins"))
from building import build  # noqa: E402

# Cases whose `should` is not met, each with its reason.
WAIVED = {
    "rl-target-pct-bad": "a query is not decoded and not checked: core/http/target.h, rule 5",
}

# Cases with `echo` that are refused, as the RFC lets a server do; all others are echoed.
REFUSED = ("fld-fold-te", "fld-value-lf-cl", "frm-cl-list-same", "frm-cl-twice-same", "frm-te-cl")


def differ(results):
    """How the ways of sending a case differ in their outcome; it must not depend on them."""
    ways = {}
    for result in results:
        ways.setdefault(result.case["id"], {}).setdefault(result.out.words(), []).append(result.mode)
    return ["%s depends on the segmentation: %r" % (name, words)
            for name, words in ways.items() if len(words) > 1]


class Cases:
    """A mixin: the class says how {{post}} is answered."""
    options = ("--quiet",)
    loops = 2
    post = "/file.txt"
    has_echo = False
    is_early = False  # the answer may begin before all of the content is there

    @classmethod
    def populate(cls):
        populate(cls.root)

    def test_corpus(self):
        seed = random_seed()
        everything = load_cases() + load_cases("http1-more.json")
        corpus = Corpus(self.server, self.root, self.post, self.has_echo, self.is_early)
        skipped = [(c["id"], corpus.missing(c)) for c in everything if corpus.missing(c)]
        cases = [c for c in everything if not corpus.missing(c)]
        results = corpus.run(cases, seed)
        failures, waived = [] if self.is_early else differ(results), set()
        for case, mode, out, must, should in results:
            if should and case["id"] in WAIVED:
                waived.add(case["id"])
                should = []
            if any(r.status == 500 for r in out.responses):
                must = must + ["a 500 for what a client has sent"]
            for level, bad in (("must", must), ("should", should)):
                if bad:
                    failures.append("%s/%s (RFC %s) %s %r: %s; came %r" % (
                        case["id"], mode, case["rfc"], level, case.get(level), "; ".join(bad), out))
        print("%d cases, %d ways; skipped %r; waived %r; echoed %d" % (
            len(cases), len(results), skipped, sorted(waived), len(corpus.echoed)), flush=True)
        self.assertFalse(failures, "\n" + "\n".join(failures))
        self.assertFalse({c["id"] for c in cases} & set(WAIVED) - waived, "no longer needs a waiver")
        if self.has_echo:
            echoes = {c["id"] for c in cases if "echo" in c} - set(REFUSED)
            self.assertEqual(echoes, corpus.echoed, "echo cases whose content did not come back")


class Files(Cases, ServerCase):
    """POST is for a file, which takes none."""


class Echo(Cases, ServerCase):
    """POST is for a handler that sends all of the content back: REJ is 4xx or 5xx."""
    post = "/echo"
    has_echo = True

    @classmethod
    def populate(cls):
        super().populate()
        cls.options = ("--quiet", "--plugin", "/echo=" + build("plugins/echo_whole.c"))


class Stream(Cases, ServerCase):
    """POST is for the example, which answers while the content is still coming."""
    post = "/echo"
    has_echo = True
    is_early = True

    @classmethod
    def populate(cls):
        super().populate()
        cls.options = ("--quiet", "--plugin", "/echo=" + build("../plugins/echo/echo.c"))


if __name__ == "__main__":
    unittest.main()
