"""What someone expects who has read weir/app.h and nothing else: plugins/stranger.c in every place and language."""
import json
import os
import re
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../plugins"))
import building  # noqa: E402
from support import Client, Closed, Server, TempCase, eventually, write_file  # noqa: E402

BEFORE = 100000  # as there
MISSING = 8000000  # bytes that a file loses: more than any buffer on the way holds


class Stranger(TempCase):
    def serve_plugin(self, language="c", **route):
        plugin = building.build("plugins/stranger.c", "-D_POSIX_C_SOURCE=200809L", language=language)
        routes = [dict({"path": "/" + runs, "plugin": plugin, "runs": runs}, **route) for runs in building.RUNS]
        path = write_file(os.path.join(self.temp, "weir.json"), json.dumps({"routes": routes}))
        server = Server(None, "--config", path)
        self.addCleanup(server.kill)
        return server

    def ask(self, server, target):
        """The status, or None where the answer breaks off."""
        with Client(server) as c:
            try:
                return c.get(target).status
            except Closed:
                return None

    def faults(self, server):
        return re.findall(r"(?m)^weir: error: stranger at .*?: (weir_chunk_file: .*)$", server.log())

    def test_a_piece_of_a_file_that_is_not_there(self):
        said = {"none": "descriptor -1: ", "closed": "descriptor %d: " % (2 ** 31 - 1),
                "folder": "not a regular file", "end": "too few for 1 + "}
        server = self.serve_plugin()
        for runs in building.RUNS:
            for what, why in said.items():
                for when, status in (("first", 500), ("behind", None)):
                    with self.subTest(what, when=when, runs=runs):
                        n = len(self.faults(server))
                        self.assertEqual(self.ask(server, "/%s/piece/%s?%s" % (runs, when, what)), status)
                        self.assertTrue(eventually(lambda n=n: len(self.faults(server)) == n + 1), server.log())
                        self.assertIn(why, self.faults(server)[n])
        server.stop()

    def test_a_piece_of_a_file_that_shrinks(self):
        """Nobody is told that 0 bytes are missing."""
        server = self.serve_plugin()
        for runs in building.RUNS:
            path = write_file(os.path.join(self.temp, runs), b"x" * (2 * MISSING))
            with Client(server, rcvbuf=4096) as c:
                c.request("/%s/piece/first?%s" % (runs, path))
                self.assertTrue(c.fill())
                os.truncate(path, MISSING)
                while c.fill():
                    c.buffer = b""
            lost = r"(?m)/%s/piece/first: a file became shorter while it was sent: %d bytes" % (runs, MISSING)
            self.assertTrue(eventually(lambda r=lost: re.search(r, server.log())), server.log())
        server.stop()

    def test_multithread_with_one_thread(self):
        """A second one takes its place where it waits for a client: two calls may be made at once."""
        for route, value in (({"threads": 1}, b"1"), ({"threads": 2}, b"1")):
            server = self.serve_plugin(**route)
            with Client(server) as c:
                self.assertEqual(c.get("/thread/multithread").body, value, route)
            server.stop()

    def test_an_exception_is_one_line(self):
        server = self.serve_plugin("cxx")
        for runs in building.RUNS:
            for where in ("app", "next", "written"):
                with self.subTest(where, runs=runs):
                    before = server.log()
                    self.assertIn(self.ask(server, "/%s/throw/%s" % (runs, where)),
                                  (500, None) if where == "written" else (500,))
                    self.assertTrue(eventually(lambda b=before: "thrown in" in server.log()[len(b):]))
                    self.assertEqual(server.log()[len(before):].count("weir: error: "), 1, server.log())
        server.stop()


if __name__ == "__main__":
    unittest.main()
