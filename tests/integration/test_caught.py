"""C++: coroutines of one thread that wait in a catch block, or while an exception unwinds, and others that
throw meanwhile. tests/plugins/caught.cc says what is asked.
"""
import os
import sys
import unittest

from support import Client, TempCase, eventually

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../plugins"))
from building import CXX, build  # noqa: E402

WAYS = ("read", "write", "sleep", "wait_fd", "offload")


class Caught(TempCase):
    def ask(self, what):
        with Client(self.server) as c:
            return c.get("/x/" + what).body

    def begin(self, way, number, waiting):
        """A client whose request waits with exception `number`; `waiting` do so then."""
        c = Client(self.server, rcvbuf=4096)
        self.addCleanup(c.close)
        c.request("/x/%s?%d" % (way, number), "Content-Length: 1", method="POST")
        self.assertTrue(eventually(lambda: self.ask("waiting") == b"%d" % waiting))
        return c

    def end(self, c, way, number):
        if way == "read":
            c.send(b"x")
        elif way != "write":  # which goes on as the answer is read
            self.ask("release?%d" % number)
        answer = c.read().body
        self.assertEqual(answer.lstrip(b"-"), b"%d" % number)
        c.close()

    def check(self, way, where):
        unique = () if "clang" in CXX else ("-fno-gnu-unique",)
        file = build("plugins/caught.cc", *unique, language="cxx")
        self.server = self.serve("--plugin", "/x=" + file, loops=1)
        clients = [self.begin(way + where, n, n + 1) for n in range(3)]
        self.assertEqual(self.ask("flying"), b"0")
        for n in (1, 2, 0):  # neither as they came nor the other way round
            self.end(clients[n], way, n)
            self.assertEqual(self.ask("flying"), b"0")
        self.server.stop()

    def test_each_way(self):
        for way in WAYS:
            for where in ("", "/unwinding"):
                with self.subTest(way=way + where):
                    self.check(way, where)


if __name__ == "__main__":
    unittest.main()
