"""The example upload on real sockets: what is large, what breaks off, what is refused before it is sent."""
import os
import unittest

from support import Client, TempCase, eventually, in_threads, pattern, sanitizer

PLUGIN = os.path.join(os.environ["WEIR_BUILD"], "plugins/upload/upload.so")
MAX = 64 << 20


class Uploads(TempCase):
    def setUp(self):
        super().setUp()
        self.folder = os.path.join(self.temp, "files")
        os.mkdir(self.folder)
        self.server = self.serve("--quiet", *self.mount("/upload"), *self.mount("/other"))

    def mount(self, path):
        return "--plugin", '%s=%s:{"folder": "%s", "max_bytes": %d}' % (path, PLUGIN, self.folder, MAX)

    def files(self):
        return sorted(os.listdir(self.folder))

    def read(self, name):
        with open(os.path.join(self.folder, name), "rb") as f:
            return f.read()

    def put(self, client, name, content):
        return client.get("/upload/" + name, "Content-Length: %d" % len(content), method="PUT",
                          body=content)

    def test_many_at_once(self):
        """Of 256 bytes to 8 MiB, on a few connections each, in chunks too; all are whole."""
        def work(i):
            with Client(self.server) as c:
                for k in range(4):
                    content = pattern(1 << (i + 4 * k + 8), i)
                    r = self.put(c, "f-%d-%d" % (i, k), content)
                    self.assertEqual((r.status, r["Location"]), (201, "/upload/f-%d-%d" % (i, k)))
                    c.request("/upload/c-%d-%d" % (i, k), "Transfer-Encoding: chunked", method="PUT")
                    c.send(b"%x\r\n%s\r\n0\r\n\r\n" % (len(content), content))
                    self.assertEqual(c.read().status, 201)
        in_threads(4, work)
        self.assertEqual(len(self.files()), 32)
        for i in range(4):
            for k in range(4):
                content = pattern(1 << (i + 4 * k + 8), i)
                for kind in "fc":
                    self.assertEqual(self.read("%s-%d-%d" % (kind, i, k)), content)

    def test_memory_is_bounded(self):
        with Client(self.server) as c:
            self.put(c, "warm", b"up")
            before = self.server.memory_kb()
            self.assertEqual(self.put(c, "large", bytes(MAX)).status, 201)
            if not sanitizer():
                self.assertLess(self.server.memory_kb() - before, 1024)
        self.assertEqual(os.path.getsize(os.path.join(self.folder, "large")), MAX)

    def test_another_route_to_the_same_folder(self):
        with Client(self.server) as c, Client(self.server) as other:
            c.request("/upload/a", "Content-Length: 2", "Expect: 100-continue", method="PUT")
            self.assertEqual(c.read_head().status, 100)  # it has its file
            for name in ("b", "c"):
                r = other.get("/other/" + name, "Content-Length: 1", method="PUT", body=b"x")
                self.assertEqual(r.status, 201)
            c.send(b"aa")
            self.assertEqual(c.read().status, 201)
        self.assertEqual(self.files(), ["a", "b", "c"])

    def test_what_breaks_off_leaves_nothing(self):
        with Client(self.server) as c:
            self.assertEqual(self.put(c, "a", b"as it was").status, 201)
        clients = [Client(self.server) for _ in range(12)]
        for i, c in enumerate(clients):
            c.request("/upload/a", "Content-Length: 3000000", method="PUT")
            c.send(bytes(250000 * i))
        self.assertTrue(eventually(lambda: len(self.files()) == 13), self.files())
        for i, c in enumerate(clients):
            if i % 3 == 0:
                c.reset()
            elif i % 3 == 1:
                c.close()
            else:
                c.shut()
                self.assertEqual(c.read().status, 400)
                c.close()
        self.assertTrue(eventually(lambda: self.files() == ["a"]), self.files())
        self.assertEqual(self.read("a"), b"as it was")

    def test_stop_leaves_nothing(self):
        with Client(self.server) as c:
            c.request("/upload/a", "Content-Length: 100", method="PUT")
            c.send(b"some")
            self.assertTrue(eventually(lambda: len(self.files()) == 1))
            self.server.terminate()
            self.assertEqual(self.server.wait(60), 0)
        self.assertEqual(self.files(), [])
        self.server.stop()

    def test_what_is_too_large_is_not_asked_for(self):
        for ask, status in ((MAX + 1, 413), (3, 201)):
            with Client(self.server) as c:
                c.request("/upload/a", "Content-Length: %d" % ask, "Expect: 100-continue",
                          method="PUT")
                head = c.read_head()
                if status == 413:
                    self.assertEqual(head.status, 413)
                    self.assertEqual(self.files(), [])
                    continue
                self.assertEqual(head.status, 100)
                c.send(b"abc")
                self.assertEqual(c.read().status, status)

    def test_what_turns_out_too_large_is_refused(self):
        with Client(self.server) as c:
            c.request("/upload/a", "Transfer-Encoding: chunked", method="PUT")
            try:
                for _ in range(MAX // 65536 + 1):
                    c.send(b"10000\r\n" + bytes(65536) + b"\r\n")
            except OSError:
                pass
            self.assertEqual(c.read().status, 413)
        self.assertTrue(eventually(lambda: self.files() == []), self.files())


if __name__ == "__main__":
    unittest.main()
