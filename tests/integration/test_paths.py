"""One policy for paths: what the guide says of it holds for plugins, files and routes alike."""
import os
import re
import sys
import unittest

from configured import ConfigCase
from support import Client, write_file

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../plugins"))
from building import build  # noqa: E402

GUIDE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../docs/configuration.md")

# request target: the path in bytes, or None where it is refused. RFC 3986 2.1, 5.2.4 and 6.2.2
PATHS = {
    b"/": b"/",
    b"/a": b"/a",
    b"//": b"/",
    b"/./": b"/",
    b"/a/./b": b"/a/b",
    b"/a/b/../c": b"/a/c",
    b"/a/b/../../c": b"/c",
    b"/a//../b": b"/b",
    b"/a/b/.": b"/a/b/",
    b"/%61%2f%62": b"/a/b",
    b"/a%2F%2e%2e%2Fb": b"/b",
    b"/%2e%2e%2e": b"/...",
    b"/a%3Fb": b"/a?b",
    b"/a%23b": b"/a#b",
    b"/a%252Fb": b"/a%2Fb",
    b"/a+b": b"/a+b",
    b"/a;b=c/d": b"/a;b=c/d",
    b"/;/..;/a": b"/;/..;/a",
    b"/a/%2e%2e;/b": b"/a/..;/b",
    # an overlong '/', '.', NUL, and UTF-16 or full-width relatives: bytes of a name
    b"/a%C0%AFb": b"/a\xc0\xafb",
    b"/a\xc0\xafb": b"/a\xc0\xafb",
    b"/a%e0%80%afb": b"/a\xe0\x80\xafb",
    b"/a%f0%80%80%afb": b"/a\xf0\x80\x80\xafb",
    b"/%c0%ae%c0%ae/a": b"/\xc0\xae\xc0\xae/a",
    b"/%c0%80": b"/\xc0\x80",
    b"/%ef%bc%8f%ef%bc%8e": b"/\xef\xbc\x8f\xef\xbc\x8e",
    b"/%ff%fe": b"/\xff\xfe",
    # as browsers and tools send it
    b"/na\xc3\xafve": b"/na\xc3\xafve",
    b"/na%C3%AFve": b"/na\xc3\xafve",
    b"/\xe9t\xe9": b"/\xe9t\xe9",
    b"/a\\b": b"/a\\b",
    b"/a%5cb": b"/a\\b",
    b"/a\\..\\b": b"/a\\..\\b",
    b'/a|b"c\'d{e}f^g`h[i]j<k>l': b'/a|b"c\'d{e}f^g`h[i]j<k>l',
    b"/~!$&()*,=:@-._": b"/~!$&()*,=:@-._",
    b"/?a=%zz&b=%&c=100%": b"/",
    b"/a?/../../b": b"/a",
    b'/a?x=[1]|"{}`^\\<>\xc3\xa9': b"/a",
    b"/a?": b"/a",
    b"/a??b": b"/a",
    # control bytes of a name
    b"/a%0Ab": b"/a\nb",
    b"/a%0D%0AX:%20y": b"/a\r\nX: y",
    b"/a%01%1f%7f%09b": b"/a\x01\x1f\x7f\tb",
    b"/a%20b": b"/a b",
    # refused
    b"/..": None,
    b"/../a": None,
    b"/a/../..": None,
    b"/%2e%2e/a": None,
    b"/.%2E/a": None,
    b"/..%2fa": None,
    b"/%2e%2e%2fa": None,
    b"//../a": None,
    b"/a%00": None,
    b"/%00": None,
    b"/a%00/../b": None,
    b"/%": None,
    b"/%4": None,
    b"/%zz": None,
    b"/%u0041": None,
    b"/a%": None,
    b"/a%2": None,
    b"/a%%32F": None,
    b"/a#b": None,
    b"/a b": None,
    b"/a\tb": None,
    b"/a\x01b": None,
    b"/a\x7fb": None,
    b"/a\x00b": None,
    b"\\a": None,
    b"%2Fa": None,
    b"a": None,
}


def unescape(text):
    """Of what plugins/environ shows: control bytes as \\xHH."""
    return re.sub(rb"\\x([01][0-9a-f]|7f)", lambda m: bytes([int(m[1], 16)]), text)


def table_of_guide():
    """Rows of the table under "Paths and methods"."""
    with open(GUIDE, encoding="utf-8") as f:
        section = re.search(r"\n## Paths and methods\n(.*?)\n## ", f.read(), re.S)[1]
    rows = {}
    for request, path in re.findall(r"^\| `([^`]+)` \| (.+) \|$", section, re.M):
        odd = re.fullmatch(r"`([^`]*)`, the bytes C0 and AF, `([^`]*)`", path)
        if path == "400":
            rows[request.encode()] = None
        elif odd:
            rows[request.encode()] = odd[1].encode() + b"\xc0\xaf" + odd[2].encode()
        else:
            rows[request.encode()] = re.fullmatch(r"`(.+)`", path)[1].encode()
    return rows


class Paths(ConfigCase):
    def setUp(self):
        super().setUp()
        self.paths = table_of_guide()
        self.assertGreater(len(self.paths), 10)
        self.paths.update(PATHS)

    @staticmethod
    def ask(server, target):
        with Client(server) as c:
            c.send(b"GET " + target + b" HTTP/1.1\r\nHost: x\r\n\r\n")
            r = c.read()
            if r.status == 400:
                assert r["Connection"] == "close" and c.is_ended()
            return r

    def test_the_guide_says_nothing_else(self):
        for target, path in table_of_guide().items():
            self.assertEqual(PATHS.get(target, path), path, target)

    def test_plugins(self):
        with self.serve("--plugin", "/=" + build("../plugins/environ/environ.c")) as s:
            for target, path in self.paths.items():
                r = self.ask(s, target)
                if path is None:
                    self.assertEqual(r.status, 400, target)
                    continue
                self.assertEqual(r.status, 200, target)
                lines = dict(x.split(b"=", 1) for x in r.body.split(b"\n\n")[0].splitlines())
                self.assertEqual(unescape(lines[b"PATH_INFO"]), path, target)
                self.assertEqual(lines[b"REQUEST_URI"], target)
                self.assertEqual(lines[b"QUERY_STRING"], target.partition(b"?")[2], target)

    def test_files(self):
        """Of files of all these names, the one that is named is found."""
        left = {p: p + b"index.html" if p.endswith(b"/") else p for p in self.paths.values()
                if p and b"/." not in p}
        while left:
            group = self.without_conflicts(left)
            folder = os.fsencode(os.path.join(self.temp, "www-%d" % len(left)))
            for path, name in group.items():
                os.makedirs(os.path.dirname(folder + name), exist_ok=True)
                write_file(folder + name, b"file " + path)
                del left[path]
            with self.serve(folder=os.fsdecode(folder)) as s:
                for target, path in self.paths.items():
                    r = self.ask(s, target)
                    if path is None:
                        self.assertEqual(r.status, 400, target)
                    elif path in group:
                        self.assertEqual((r.status, r.body), (200, b"file " + path), target)
                    else:
                        self.assertIn(r.status, (301, 404), target)

    @staticmethod
    def without_conflicts(names):
        """As many of them as can be in one folder: none is a file and a folder."""
        group = {}
        for path, name in names.items():
            if not any(name.startswith(n + b"/") or n.startswith(name + b"/")
                       for n in group.values()):
                group[path] = name
        return group

    def test_routes(self):
        """An exact route for each path: the target leads to that one."""
        utf8 = {t: p.decode() for t, p in self.paths.items() if p and self.is_utf8(p)}
        names = {p: "/found-%d" % i for i, p in enumerate(sorted(set(utf8.values())))}
        routes = [{"path": p, "exact": True, "redirect": n + "?"} for p, n in names.items()
                  if not self.is_not_a_route(p)]
        self.assertGreater(len(routes), 20)
        self.configure(routes=routes)
        with self.serve_config() as s:
            for target, path in self.paths.items():
                r = self.ask(s, target)
                if path is None:
                    self.assertEqual(r.status, 400, target)
                elif target not in utf8 or self.is_not_a_route(utf8[target]):
                    self.assertEqual(r.status, 404, target)
                else:
                    self.assertEqual((r.status, r["Location"]), (301, names[utf8[target]] + "?"), target)

    @staticmethod
    def is_utf8(path):
        try:
            path.decode()
        except UnicodeDecodeError:
            return False
        return True

    @staticmethod
    def is_not_a_route(path):
        """What the configuration does not take."""
        return any(c in "?#\x7f" or ord(c) < 32 for c in path)


if __name__ == "__main__":
    unittest.main()
