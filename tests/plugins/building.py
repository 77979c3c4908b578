"""Builds the plugins of this folder for the tests, and lists the ways in which rules.c misbehaves."""
import json
import os
import shutil
import subprocess
import tempfile
import unittest

from support import Client, eventually

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
INCLUDE = os.path.join(os.path.dirname(TESTS), "include")
CC = os.environ.get("CC") or "cc"
CXX = os.environ.get("CXX") or "c++"
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-Wshadow"]
SHARED = ["-shared", "-fPIC", "-fvisibility=hidden", "-pthread"]
LANGUAGES = {"c": [CC, "-x", "c", "-std=c11"], "cxx": [CXX, "-x", "c++", "-std=c++17"]}
RUNS = {"loop": "WEIR_ON_LOOP", "thread": "WEIR_IN_THREAD"}

_folder = tempfile.TemporaryDirectory(prefix="weir-plugins-")
_built = {}


def build(source, *flags, language="c", include=INCLUDE, link=("-Wl,-z,defs",)):
    """A plugin of tests/plugins, compiled once for all tests."""
    key = (source, flags, language, include, tuple(link))
    if key not in _built:
        if language == "cxx" and not shutil.which(CXX):
            raise unittest.SkipTest("no C++ compiler")
        out = os.path.join(_folder.name, "p%d.so" % len(_built))
        done = subprocess.run(
            [*LANGUAGES[language], *SHARED, *WARNINGS, "-I", include, *flags, "-o", out,
             os.path.join(TESTS, source), *link], capture_output=True, text=True)
        if done.returncode:
            raise AssertionError("%s is not compiled: %s" % (source, done.stderr))
        _built[key] = out
    return _built[key]


def rules(runs, language="c", **defines):
    flags = ["-D%s=%s" % d for d in sorted(defines.items())]
    return build("plugins/rules.c", "-DRUNS=" + RUNS[runs], *flags, language=language)


def loads(variant, *flags, **how):
    return build("plugins/loads.c", "-DVARIANT=" + variant, *flags, **how)


# Rule 3 of the application interface: what the client sees of each

FAILS = [  # nothing was sent yet: 500
    "second-start", "no-start", "no-start-empty", "after-failure",
    *("value/" + n for n in ("crlf", "lf", "cr", "esc", "del", "end", "fold", "null")),
    "added/nul", "added/crlf", "reason/bad",
    *("name/" + n for n in ("empty", "space", "colon", "crlf", "obs", "trail")),
    *("status/%d" % n for n in (-1, 0, 99, 100, 101, 199, 600, 999, 1000, 0x20000 + 200)),
    *("name/" + n for n in (
        "Connection", "keep-alive", "Proxy-Authenticate", "PROXY-AUTHORIZATION", "Proxy-Connection",
        "TE", "Trailer", "Transfer-Encoding", "transfer-encoding", "Upgrade")),
    "length/3", "length/5", "length/0", "length/abc", "length/-1", "length/18446744073709551620",
    "length/99999999999999999999999", "length-query?", "length-query?+4", "length-query?4,4",
    "length-query?0x4", "twice/4?5", "twice/5?4",
    "walk?f", "walk?ef", "walk?-", "walk?7", "walk?n", "walk?h",
    "walk-unstarted?c", "walk-unstarted?E", "walk-unstarted?b",
    "walk-length/4?b", "walk-length/4?E", "walk-length/4?eeE", "deferred?f",
    "kind/7", "kind/99", "kind/4294967295", "null-bytes",
    "fd/-1", "fd/1000000", "fd/987", "deferred-failed",
    "error/200", "error/299", "error/600", "error/0", "error/-1", "error-started/200",
]
CUTS = [  # something was sent: the connection is closed before the end
    "walk?bf", "walk?bbbbf", "walk?b-", "walk?b7", "walk?bn", "walk?br", "walk?bs", "deferred?bf",
    "walk-length/100000?bE", "walk-length/100000?bf", "walk-length/65540?bb",
]


def counts(server, route="/r"):
    answers = []

    def has_answered():  # a full queue refuses this one too
        with Client(server) as c:
            answers.append(c.get(route + "/counts"))
        return answers[-1].status == 200
    if not eventually(has_answered):
        raise AssertionError("no counts: %r" % answers[-1])
    return json.loads(answers[-1].body)


BALANCES = (("opened", "closed"), ("owned", "released"), ("deferred", "undone"))
NEVER = ("next_after_end", "close_in_next", "wrong_order", "wrong_state")


def assert_balanced(case, server, route="/r"):
    def is_balanced():
        n = counts(server, route)
        return all(n[a] == n[b] for a, b in BALANCES)
    ok = eventually(is_balanced)
    n = counts(server, route)
    case.assertTrue(ok, n)
    for name in NEVER:
        case.assertEqual(n[name], 0, name)
