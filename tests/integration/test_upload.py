"""Large uploads in little memory: 256 MB to each kind of app that reads, 5 GB with WEIR_LONG=1.

Memory is measured when the same app has had an upload already: the peak of the process (VmHWM, set back
before), and what is anonymous, exact, sampled meanwhile.
"""
import json
import os
import re
import threading
import unittest

from streaming import WAYS, routes
from support import Client, TempCase, sanitizer, write_file

LONG = os.environ.get("WEIR_LONG") == "1"
SIZE = 5 << 30 if LONG else 256 << 20
WARM = 8 << 20
BOUND_KB = 64
PIECE = bytes(1 << 20)


class Upload(TempCase):
    def start(self):
        config = {"routes": routes(threads=2), "limits": {"body_bytes_max": 8 << 30}}
        return self.serve("--config", write_file(os.path.join(self.temp, "weir.json"),
                                                 json.dumps(config)), loops=1)

    def peak_kb(self, s):
        with open("/proc/%d/status" % s.pid) as f:
            return int(re.search(r"^VmHWM:\s+(\d+) kB", f.read(), re.M).group(1))

    def upload(self, s, target, size, is_chunked):
        with Client(s) as c:
            fields = ["Transfer-Encoding: chunked" if is_chunked else "Content-Length: %d" % size]
            c.request(target, *fields, method="POST")
            for _ in range(size // len(PIECE)):
                if is_chunked:
                    c.send(b"%x\r\n" % len(PIECE))
                c.send(PIECE)
                if is_chunked:
                    c.send(b"\r\n")
            if is_chunked:
                c.send(b"0\r\n\r\n")
            return c.read()

    def check(self, s, target, is_chunked=False):
        self.upload(s, target, WARM, is_chunked)
        self.upload(s, target, WARM, is_chunked)
        with open("/proc/%d/clear_refs" % s.pid, "w") as f:
            f.write("5")
        peak, memory = self.peak_kb(s), s.memory_kb()
        samples, is_over = [memory], threading.Event()

        def sample():
            while not is_over.wait(0.002):
                samples.append(s.memory_kb())
        t = threading.Thread(target=sample)
        t.start()
        try:
            r = self.upload(s, target, SIZE, is_chunked)
        finally:
            is_over.set()
            t.join()
        self.assertTrue(r.body.startswith(b"%d" % SIZE), r.body)
        grown, by_peak = max(samples) - memory, self.peak_kb(s) - peak
        print("%s%s: %d MB, %+d kB anonymous, %+d kB peak" % (
            target, " chunked" if is_chunked else "", SIZE >> 20, grown, by_peak), flush=True)
        if not sanitizer():
            self.assertLessEqual(grown, BOUND_KB)
            # The kernel counts pages in batches for each processor: 32 and more of them.
            self.assertLessEqual(by_peak, BOUND_KB + 512)

    def test_discarded(self):
        s = self.start()
        for way in ("l", "t") if not LONG else WAYS:
            for target in ("discard", "next-discard"):
                self.check(s, "/%s/%s" % (way, target))
        self.check(s, "/l/discard", is_chunked=True)
        s.stop()

    def test_to_a_file(self):
        s = self.start()
        for way in ("l", "t") if not LONG else WAYS:
            self.check(s, "/%s/read-file-size?/dev/null" % way)
        s.stop()


if __name__ == "__main__":
    unittest.main()
