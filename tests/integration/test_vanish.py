"""Clients that vanish at random points, from each kind of app, in each way that it may run.

At the end as many bodies are closed and deferred functions called as there were requests, and no
descriptor, thread or memory is left. tests/stress/vanish.c is the clients; it prints its seed, which
WEIR_SEED=n gives it again. WEIR_LONG=1: 100,000 requests to each kind of app.
"""
import json
import os
import re
import signal
import subprocess
import tempfile
import time
import unittest

from streaming import BALANCES, THREADS, WAYS, made, routes
from support import (PATIENCE, Client, TempCase, _in_child, eventually, random_seed, sanitizer,
                     write_file)
from building import CC, TESTS

LONG = os.environ.get("WEIR_LONG") == "1"
REQUESTS = 100000 if LONG else 250 if sanitizer() else 600
CLIENTS = 48
# Pages that the allocator takes in an unlucky order of frees; pieces of 16 MB leave larger holes. A block
# left behind by every request would be 3,200 kB in the long run.
BOUND_KB = {"write": 40000}
BOUND_OTHERS_KB = 2000
MORE_THREADS = 4 + 2 * THREADS  # helpers and stand-ins begin when they are needed

# What is freed is given back, so that what is left can be seen.
ALLOCATOR = {"MALLOC_ARENA_MAX": "1", "MALLOC_MMAP_THRESHOLD_": "16384",
             "MALLOC_TRIM_THRESHOLD_": "65536"}

# {w} is the way, {data} a file of 100,000 bytes, {temp} a folder.
KINDS = {
    "read": ("POST:/{w}/discard:100000", "POST:/{w}/discard-later:3000", "POST:/{w}/discard?100:5000",
             "POST:/{w}/limit/2000:4000", "POST:/{w}/leave?100:400000",
             "POST:/{w}/tell-trailers:2000"),
    "write": ("GET:/{w}/write/300000?7000:0", "GET:/{w}/write:0", "GET:/{w}/write-later/100000:0",
              "GET:/{w}/write-text:0", "GET:/{w}/write-iter:0", "HEAD:/{w}/write/100000:0",
              "GET:/{w}/write/16000000?16000000:0", "GET:/{w}/write-length/100?50:0"),
    "iterable": ("GET:/{w}/iter/300000?7000:0", "GET:/{w}/iter:0", "GET:/{w}/write-next:0",
                 "GET:/{w}/write-in-next/300000:0", "POST:/{w}/next-echo:100000",
                 "POST:/{w}/next-discard:100000", "POST:/{w}/trailers:3000", "GET:/{w}/wait?never:0",
                 "GET:/{w}/wait-first?never:0", "GET:/{w}/heartbeat/1?wait:0",
                 "GET:/{w}/never-iter:0"),
    "file": ("GET:/{w}/mixed?{data}:0", "GET:/{w}/write-file?{data}:0", "GET:/{w}/missing/b?{data}:0"),
    "read_all": ("POST:/{w}/read-all:300000", "POST:/{w}/read-all/1000:3000",
                 "POST:/{w}/read-all-next:300000", "POST:/{w}/read-some/100:100000"),
    "read_file": ("POST:/{w}/read-file?{temp}:300000", "POST:/{w}/read-file/1000?{temp}:3000",
                  "POST:/{w}/read-file-size?/dev/full:100000"),
    "later": ("POST:/{w}/echo:300000", "POST:/{w}/echo?1000:30000", "POST:/{w}/never:1000",
              "POST:/{w}/finish-twice:1000", "GET:/{w}/finish-first:0", "GET:/{w}/hints:0"),
    "failing": ("POST:/{w}/explode/input:1000", "GET:/{w}/explode/next?f3:0",
                "GET:/{w}/explode/writable:0", "POST:/{w}/explode/all:3000",
                "POST:/{w}/explode/file:3000", "POST:/{w}/explode/disconnect?never:100",
                "GET:/{w}/write-unstarted:0", "GET:/{w}/unknown:0", "GET:/{w}/write-replace:0"),
}

WAKING = ("GET:/{w}/wait:0", "GET:/{w}/wait-first:0") + ("GET:/{w}/wake:0",) * 3

_folder = tempfile.TemporaryDirectory(prefix="weir-vanish-")


def program():
    path = os.path.join(_folder.name, "vanish")
    if not os.path.exists(path):
        subprocess.run([CC, "-std=gnu17", "-O2", "-o", path, os.path.join(TESTS, "stress/vanish.c")],
                       check=True)
    return path


class Vanishing(TempCase):
    def setUp(self):
        super().setUp()
        self.seed = random_seed()
        self.data = write_file(self.path("data"), made(100000))
        write_file(self.path("index.html"), "folder")

    def start(self, loops=2, language="c", **more):
        config = {"routes": routes(language), "log": {"level": "error"}, "access_log": {"file": "off"},
                  **more}
        self.file = write_file(os.path.join(self.temp, "weir.json"), json.dumps(config))
        return self.serve("--config", self.file, loops=loops, env=ALLOCATOR)

    def targets(self, way, kind, *more):
        return [t.format(w=way, data=self.data, temp=self.temp) for t in (*KINDS[kind], *more)]

    def popen(self, s, targets, requests, clients=CLIENTS):
        self.seed += 1
        return subprocess.Popen([program(), str(s.port), str(self.seed), str(requests), str(clients),
                                 *targets], stdout=subprocess.PIPE, text=True,
                                preexec_fn=_in_child())

    def run_clients(self, s, targets, requests, clients=CLIENTS):
        p = self.popen(s, targets, requests, clients)
        out = p.communicate()[0]
        self.assertEqual(p.returncode, 0, "seed %d\n%s" % (self.seed, s.log()[-3000:]))
        return json.loads(out)

    def counts(self, s, way):
        with Client(s) as c:
            return json.loads(c.get("/%s/counts?%s" % ("s" if WAYS[way][1] else "l", way)).body)

    def assert_balanced(self, s, way, seed=None, wakes=False):
        def is_balanced():
            n = self.counts(s, way)
            if wakes and n["requests"] != n["undone"]:  # who has closed is found gone by writing
                with Client(s) as c:
                    c.get("/%s/wake" % way)
            return all(n[a] == n[b] for a, b in BALANCES)
        ok = eventually(is_balanced)
        n = self.counts(s, way)
        self.assertTrue(ok, "seed %s: %r" % (seed, n))
        self.assertEqual([k for k in n if k.startswith("bad_") and n[k]], [], n)
        return n

    def threads(self, s):
        with open("/proc/%d/status" % s.pid) as f:
            return int(re.search(r"^Threads:\s+(\d+)", f.read(), re.M).group(1))

    def vanish(self, way, kind, loops=2, more=(), language="c"):
        s = self.start(loops, language)
        targets = self.targets(way, kind, *more)
        self.run_clients(s, targets, REQUESTS // 2 if LONG else 200)
        self.assert_balanced(s, way, self.seed, bool(more))
        quiet = s.descriptors()
        self.assertTrue(eventually(lambda: s.descriptors().count("socket:") == loops), quiet)
        quiet, threads, memory = s.descriptors(), self.threads(s), s.memory_kb()
        start = time.monotonic()
        told = self.run_clients(s, targets, REQUESTS)
        took = time.monotonic() - start
        n = self.assert_balanced(s, way, self.seed, bool(more))
        self.assertTrue(eventually(lambda: s.descriptors() == quiet),
                        "left open: %r, before: %r" % (s.descriptors(), quiet))
        self.assertLessEqual(self.threads(s), threads + MORE_THREADS)
        grown = s.memory_kb() - memory
        print("%s %s: %.1f s, %d vanished, %d answered, %d called, %+d kB" %
              (way, kind, took, told["vanished"], told["completed"], n["requests"], grown), flush=True)
        if LONG and not sanitizer():
            self.assertLess(grown, BOUND_KB.get(kind, BOUND_OTHERS_KB))
        s.stop()

    def test_stopped_meanwhile(self):
        """A server that is told to stop, while clients come and go."""
        for way in WAYS:
            s = self.start(timeouts={"stop_ms": 300})
            p = self.popen(s, [t for k in KINDS for t in self.targets(way, k)], 1000000)
            eventually(lambda: self.counts(s, way)["requests"] > 100)
            try:
                s.stop()
            finally:
                p.kill()
                p.communicate()

    def test_reloaded_meanwhile(self):
        for way in WAYS:
            s = self.start(log={"level": "info"})
            p = self.popen(s, [t for k in KINDS for t in self.targets(way, k)], 1000000)
            for i in range(1, 6):
                self.assertTrue(eventually(lambda: self.counts(s, way)["requests"] > 20))
                s.process.send_signal(signal.SIGHUP)
                self.assertTrue(eventually(lambda n=i: s.log().count("info: reloading") >= n), s.log())
            p.kill()
            p.communicate()
            self.assert_balanced(s, way, self.seed)
            s.stop()


def add(way, kind, loops, more, language):
    def test(self):
        self.vanish(way, kind, loops, more, language)
    name = "test_%s_%s%s_%s" % (way, kind, "_woken" if more else "", language)
    setattr(Vanishing, name, test)


for _way in WAYS:
    for _kind in KINDS:
        add(_way, _kind, 2, (), "cxx" if _kind == "failing" else "c")
    # One that wakes the others, on the loop of all of them.
    add(_way, "iterable", 1 if _way == "l" else 2, WAKING, "c")


if __name__ == "__main__":
    unittest.main()
