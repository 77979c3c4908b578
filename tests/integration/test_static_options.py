"""What a configuration says of a folder, seen in the answers: each key changes one, and says how.

Expected values are from weir.conf(5), RFC 9110 and RFC 6266.
"""
import gzip
import json
import os
import unittest

from configured import ConfigCase
from support import Client, ServerCase, TempCase, eventually, pattern, run_weir, settle, write_file

NAVIGATION = "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
YEAR = "public, max-age=31536000, immutable"
TEXT = b"a text that compresses well, since it says the same again. " * 200  # 12 kB


class Routes(ServerCase):
    """One folder at many paths, each with keys of its own."""

    routes = {}
    files = {}

    @classmethod
    def populate(cls):
        for name, content in cls.files.items():
            path = os.path.join(cls.root, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            write_file(path, content)
        for name in cls.files:
            settle(os.path.join(cls.root, name))
        routes = [dict(keys, path=path, static="www") for path, keys in cls.routes.items()]
        file = write_file(os.path.join(cls.temp, "weir.json"), json.dumps({"routes": routes}))
        cls.options = ("--quiet", "--config", file)

    @classmethod
    def tearDownClass(cls):
        cls.root += "/"  # each route has opened the folder itself: what is in it counts
        super().tearDownClass()

    def check(self, target, status, body=None, *fields, **how):
        r = self.get(target, *fields, **how)
        self.assertEqual(r.status, status, target)
        if body is not None:
            self.assertEqual(r.body, body, target)
        return r


class Index(Routes):
    routes = {"/plain": {}, "/named": {"index": ["b.htm", "index.html"]}, "/none": {"index": []}}
    files = {"index.html": "top", "sub/index.html": "sub", "sub/b.htm": "other", "only/b.htm": "only"}

    def test_the_default(self):
        self.check("/plain/", 200, b"top")
        self.check("/plain/sub/", 200, b"sub")
        self.check("/plain/only/", 404)

    def test_the_first_that_is_there(self):
        self.check("/named/sub/", 200, b"other")
        self.check("/named/only/", 200, b"only")
        self.check("/named/", 200, b"top")

    def test_none(self):
        self.check("/none/", 404)
        self.check("/none/sub/", 404)
        self.check("/none/sub/index.html", 200, b"sub")
        self.assertEqual(self.check("/none/sub", 301)["Location"], "/none/sub/")


class Try(Routes):
    routes = {"/plain": {},
              "/try": {"try": ["{path}.html", "/sub{path}", "/default.txt"]},
              "/two": {"try": ["{path}.{path}", "/missing.txt"]},
              "/both": {"try": ["{path}.html"], "fallback": "/default.txt"}}
    files = {"about.html": "<p>about", "a.txt": "a", "a.txt.html": "wrong", "sub/deep.txt": "deep",
             "sub.html": "<p>sub", "sub/index.html": "index", "default.txt": "default"}

    def test_in_order(self):
        r = self.check("/try/about", 200, b"<p>about")
        self.assertEqual(r["Content-Type"], "text/html; charset=utf-8")
        r = self.check("/try/deep.txt", 200, b"deep")
        self.assertEqual(r["Content-Type"], "text/plain; charset=utf-8")
        self.check("/try/nothing/at/all", 200, b"default")
        self.check("/plain/about", 404)

    def test_what_is_there_goes_before(self):
        self.check("/try/a.txt", 200, b"a")
        self.check("/both/sub", 200, b"<p>sub")  # beside a folder of its name, as static sites have it
        self.check("/try/sub/", 200, b"index")

    def test_none_is_there(self):
        self.check("/two/x", 404)
        self.check("/two/", 404)

    def test_as_any_file(self):
        r = self.check("/try/about?query", 200)
        self.check("/try/about", 304, b"", "If-None-Match: " + r["ETag"])
        self.check("/try/about", 206, b"p>", "Range: bytes=1-2")
        self.assertEqual(self.check("/try/about", 200, b"", method="HEAD")["Content-Length"], "8")
        self.check("/try/about", 405, method="POST")

    def test_never_above_the_folder(self):
        write_file(os.path.join(self.temp, "www-secret.txt"), "SECRET")
        for target in ("/try/../www-secret.txt", "/try/%2e%2e/www-secret.txt", "/two/..%2fwww-secret.txt"):
            r = self.get(target)
            self.assertNotIn(b"SECRET", r.body)

    def test_before_the_fallback(self):
        self.check("/both/about", 200, b"<p>about", NAVIGATION)
        self.check("/both/other", 200, b"default", NAVIGATION)
        self.check("/both/other", 404)


class Fallback(Routes):
    routes = {"/spa": {"fallback": "/app.html"}, "/gone": {"fallback": "/gone.html"}, "/plain": {},
              "/top": {"index": [], "fallback": "/app.html"}}
    files = {"app.html": "<p>app", "a.txt": "a"}

    def test_navigation(self):
        for target in ("/spa/users/42", "/spa/users", "/spa/users/", "/spa/v1.2/users", "/spa/x?y=a.b"):
            r = self.check(target, 200, b"<p>app", NAVIGATION)
            self.assertEqual(r["Content-Type"], "text/html; charset=utf-8")
        self.check("/spa/users", 200, b"<p>app", "Accept: text/html")
        self.check("/spa/users", 200, b"<p>app", "Accept: application/json", "Accept: text/html;q=0.5")
        r = self.check("/spa/users", 200, b"", NAVIGATION, method="HEAD")
        self.assertEqual(r["Content-Length"], "6")
        self.check("/top/", 200, b"<p>app", NAVIGATION)

    def test_as_any_file(self):
        r = self.check("/spa/users", 200, None, NAVIGATION)
        self.check("/spa/users", 304, b"", NAVIGATION, "If-None-Match: " + r["ETag"])

    def test_what_is_no_navigation(self):
        for target, *fields in (("/spa/users",), ("/spa/users", "Accept: */*"),
                                ("/spa/users", "Accept: application/json"),
                                ("/spa/users", "Accept: image/avif,image/webp,*/*;q=0.8"),
                                ("/spa/app.js", NAVIGATION), ("/spa/users/a.b", NAVIGATION),
                                ("/spa/users/.hidden", NAVIGATION)):
            self.check(target, 404, None, *fields)
        self.check("/spa/users", 405, None, NAVIGATION, method="POST")

    def test_what_is_there_goes_before(self):
        self.check("/spa/a.txt", 200, b"a", NAVIGATION)

    def test_without(self):
        self.check("/plain/users", 404, None, NAVIGATION)
        self.check("/gone/users", 404, None, NAVIGATION)


class Listing(Routes):
    routes = {"/plain": {}, "/list": {"listing": True},
              "/all": {"listing": True, "dot_files": True}, "/none": {"listing": True, "index": []}}
    files = {"index.html": "top", "sub/a.txt": "a", "sub/b c.txt": "bc", "sub/.hidden": "h",
             "sub/deep/x": "x", ".secret": "SECRET", ".well-known/security.txt": "Contact: x"}

    def names(self, target):
        r = self.check(target, 200, None, "Accept: application/json")
        self.assertEqual(r["Content-Type"].split(";")[0], "application/json")
        return {e["name"] for e in json.loads(r.body)["entries"]}

    def test_page(self):
        r = self.check("/list/sub/", 200, None, NAVIGATION)
        self.assertEqual(r["Content-Type"], "text/html; charset=utf-8")
        for name in (b"a.txt", b"b%20c.txt", b"deep/"):
            self.assertIn(b'href="' + name + b'"', r.body.replace(b'"./', b'"'))
        self.assertNotIn(b".hidden", r.body)
        head = self.check("/list/sub/", 200, b"", NAVIGATION, method="HEAD")
        self.assertEqual(head["Content-Type"], r["Content-Type"])

    def test_json(self):
        self.assertEqual(self.names("/list/sub/"), {"a.txt", "b c.txt", "deep"})
        self.assertEqual(self.names("/list/sub/deep/"), {"x"})

    def test_an_index_goes_before(self):
        self.check("/list/", 200, b"top")
        self.assertIn("index.html", self.names("/none/"))

    def test_without_a_slash(self):
        self.assertEqual(self.check("/list/sub", 301)["Location"], "/list/sub/")

    def test_without(self):
        self.check("/plain/sub/", 404, None, NAVIGATION)
        self.check("/list/nothing/", 404, None, NAVIGATION)

    def test_dot_files(self):
        self.check("/list/.secret", 404)
        self.check("/list/sub/.hidden", 404)
        self.check("/list/.well-known/security.txt", 200)
        self.check("/all/.secret", 200, b"SECRET")
        self.check("/all/sub/.hidden", 200, b"h")
        self.check("/all/.well-known/security.txt", 200)
        self.assertEqual(self.names("/all/sub/"), {"a.txt", "b c.txt", "deep", ".hidden"})


class Compress(Routes):
    routes = {"/off": {"compress": "off"}, "/sib": {"compress": "siblings"}, "/on": {"compress": "on"},
              "/plain": {}}
    # What lies beside the file is not what would come of it: so one sees which was sent.
    files = {"a.css": TEXT, "a.css.gz": gzip.compress(b"sibling"), "b.css": TEXT, "c.bin": pattern(9000),
             "small.css": "a{}"}
    GZIP = "Accept-Encoding: gzip"

    def test_off(self):
        for name in ("a.css", "b.css"):
            self.assertIsNone(self.check("/off/" + name, 200, TEXT, self.GZIP)["Content-Encoding"])

    def test_siblings(self):
        for route in ("/sib/", "/on/", "/plain/"):
            r = self.check(route + "a.css", 200, self.files["a.css.gz"], self.GZIP)
            self.assertEqual(r["Content-Encoding"], "gzip")
            self.assertEqual(r["Content-Type"], "text/css; charset=utf-8")
            self.assertIn("accept-encoding", r["Vary"].lower())
            self.check(route + "a.css", 200, TEXT)
        for _ in range(8):
            self.assertIsNone(self.check("/sib/b.css", 200, TEXT, self.GZIP)["Content-Encoding"])

    def test_on(self):
        for route in ("/on/", "/plain/"):
            self.assertTrue(eventually(lambda: self.get(route + "b.css", self.GZIP)["Content-Encoding"] == "gzip"))
            r = self.check(route + "b.css", 200, None, self.GZIP)
            self.assertEqual(gzip.decompress(r.body), TEXT)
            self.check(route + "b.css", 200, TEXT)
            for name in ("c.bin", "small.css"):
                self.assertIsNone(self.check(route + name, 200, None, self.GZIP)["Content-Encoding"])


class Types(Routes):
    routes = {"/plain": {}, "/types": {"types": {"wat": "text/plain; charset=utf-8", "html": "text/x-mine"},
                                       "rules": [{"match": ["/keys/*"], "type": "application/pgp-keys"}]}}
    files = {"a.wat": "x", "B.WAT": "x", "c.tar.wat": "x", "d.html": "x", "e.css": "x", "keys/k": "x",
             "keys/k.wat": "x", "wat": "x", ".well-known/wat": "x"}

    def type_of(self, target):
        return self.check(target, 200, b"x")["Content-Type"]

    def test_types(self):
        for name in ("a.wat", "B.WAT", "c.tar.wat"):
            self.assertEqual(self.type_of("/types/" + name), "text/plain; charset=utf-8")
            self.assertEqual(self.type_of("/plain/" + name), "application/octet-stream")
        self.assertEqual(self.type_of("/types/d.html"), "text/x-mine")
        self.assertEqual(self.type_of("/plain/d.html"), "text/html; charset=utf-8")
        self.assertEqual(self.type_of("/types/e.css"), "text/css; charset=utf-8")
        self.assertEqual(self.type_of("/types/wat"), "application/octet-stream")

    def test_a_rule_goes_before(self):
        self.assertEqual(self.type_of("/types/keys/k"), "application/pgp-keys")
        self.assertEqual(self.type_of("/types/keys/k.wat"), "application/pgp-keys")
        self.assertEqual(self.type_of("/plain/keys/k"), "application/octet-stream")


class Rules(Routes):
    routes = {
        "/r": {"rules": [
            {"fields": {"X-All": "1", "X-Gone": "1", "Content-Security-Policy": "default-src 'self'"}},
            {"cache_control": "no-cache"},
            {"hashed": True, "cache_control": "immutable"},
            {"match": ["*.woff2", "/images/**"], "cache_control": "public, max-age=86400"},
            {"match": ["/embed/"], "fields": {"x-gone": None, "x-all": "2", "Vary": "Origin"}},
            {"match": ["*.pdf"], "download": True},
            {"match": ["/private/", "*.bak"], "deny": True}]},
        "/order": {"rules": [{"match": ["*.txt"], "cache_control": "private"}, {"cache_control": "no-store"}]},
        "/file": {"try": ["{path}.bak", "{path}.htm"], "fallback": "/index.html",
                  "rules": [{"match": ["*.html"], "cache_control": "no-cache"},
                            {"match": ["*.htm"], "cache_control": "max-age=1"},
                            {"match": ["/private/", "*.bak"], "deny": True}]},
        "/hash": {"rules": [{"match": ["/assets/**"], "hashed": True, "cache_control": "immutable"}]},
        "/list": {"listing": True, "index": [], "rules": [{"match": ["/private/", "*.bak"], "deny": True}]},
        "/fall": {"fallback": "/private/index.html", "rules": [{"match": ["/private/"], "deny": True}]},
        "/blind": {"fallback": "/index.html", "rules": [
            {"match": ["/index.html"], "fields": {"X-Page": "1"}},
            {"match": ["/private/", "/sub"], "deny": True, "fields": {"X-Denied": "1"}}]},
        "/bare": {"compress": "off", "rules": [{"match": ["*.bak"], "deny": True}]},
        "/plain": {}}
    files = {"index.html": "top", "a.txt": "a", "app.3f2a9c1b.js": "js", "sub/a.txt": "a",
             "sub/old.bak.gz": "SECRET", "sub/old.bak.br": "SECRET", "sub/old.bak.zst": "SECRET", "assets/index-BsLk29Xa.css": "css",
             "app.js": "js", "x.woff2": "f", "images/deep/i.png": "i", "embed/index.html": "e",
             "doc.pdf": "pdf", "na\u00efve \"x\".pdf": "pdf", "private/secret.txt": "SECRET",
             "private/index.html": "SECRET", "old.bak": "SECRET", "sub/old.bak": "SECRET", "page.htm": "page",
             "private/page": "SECRET"}

    def cache(self, target, status=200, *fields, **how):
        return self.check(target, status, None, *fields, **how)["Cache-Control"]

    def test_the_later_counts(self):
        self.assertEqual(self.cache("/r/a.txt"), "no-cache")
        self.assertEqual(self.cache("/r/app.js"), "no-cache")
        self.assertEqual(self.cache("/r/x.woff2"), "public, max-age=86400")
        self.assertEqual(self.cache("/r/images/deep/i.png"), "public, max-age=86400")
        self.assertEqual(self.cache("/order/a.txt"), "no-store")
        self.assertIsNone(self.cache("/plain/a.txt"))

    def test_hashed_and_immutable(self):
        self.assertEqual(self.cache("/r/app.3f2a9c1b.js"), YEAR)
        self.assertEqual(self.cache("/r/assets/index-BsLk29Xa.css"), YEAR)
        self.assertEqual(self.cache("/hash/assets/index-BsLk29Xa.css"), YEAR)
        self.assertIsNone(self.cache("/hash/app.3f2a9c1b.js")) # the pattern has to match as well

    def test_cache_control_goes_with_the_file_alone(self):
        etag = self.get("/r/a.txt")["ETag"]
        self.assertEqual(self.cache("/r/a.txt", 200, method="HEAD"), "no-cache")
        self.assertEqual(self.cache("/r/a.txt", 206, "Range: bytes=0-0"), "no-cache")
        self.assertEqual(self.cache("/r/a.txt", 304, "If-None-Match: " + etag), "no-cache")
        for target, status, *fields in (("/r/missing", 404), ("/r/images/missing.png", 404), ("/r/embed", 301),
                                        ("/r/a.txt", 416, "Range: bytes=9-"), ("/r/old.bak", 403),
                                        ("/r/a.txt", 412, "If-Match: \"x\"")):
            self.assertIsNone(self.cache(target, status, *fields), target)
        self.assertIsNone(self.cache("/r/a.txt", 405, method="POST"))

    def test_fields_are_in_every_answer(self):
        etag = self.get("/r/a.txt")["ETag"]
        for target, status, *fields in (("/r/a.txt", 200), ("/r/a.txt", 304, "If-None-Match: " + etag),
                                        ("/r/a.txt", 206, "Range: bytes=0-0"), ("/r/missing", 404),
                                        ("/r/a.txt", 416, "Range: bytes=9-"), ("/r/images", 301),
                                        ("/r/images/", 404), ("/r/old.bak", 403), ("/r", 301),
                                        ("/r/a.txt", 412, "If-Match: \"x\"")):
            r = self.check(target, status, None, *fields)
            self.assertEqual((r["X-All"], r["X-Gone"]), ("1", "1"), (target, status))
            self.assertEqual(r["Content-Security-Policy"], "default-src 'self'")
        self.assertEqual(self.check("/r/a.txt", 405, None, method="POST")["X-All"], "1")
        self.assertIsNone(self.check("/plain/a.txt", 200)["X-All"])

    def test_fields_of_later_rules(self):
        for target, status in (("/r/embed/", 200), ("/r/embed/missing", 404)):
            r = self.check(target, status)
            self.assertEqual(r["X-All"], "2")  # once, whatever the case of its name
            self.assertIsNone(r["X-Gone"])
            self.assertEqual(r["Content-Security-Policy"], "default-src 'self'")
        self.assertIn("Origin", self.check("/r/embed/", 200).all("Vary"))

    def test_download(self):
        self.assertRegex(self.check("/r/doc.pdf", 200, b"pdf")["Content-Disposition"],
                         r'^attachment; ?filename="?doc\.pdf"?(;|$)')
        self.assertIsNone(self.check("/r/a.txt", 200)["Content-Disposition"])
        self.assertIsNone(self.check("/plain/doc.pdf", 200)["Content-Disposition"])
        value = self.check("/r/na%C3%AFve%20%22x%22.pdf", 200)["Content-Disposition"]
        self.assertTrue(value.startswith("attachment"))
        self.assertIn("filename*=UTF-8''na%C3%AFve%20%22x%22.pdf", value)

    def test_deny(self):
        for target in ("/r/private/secret.txt", "/r/private/missing", "/r/private/", "/r/old.bak",
                       "/r/sub/old.bak", "/r/missing.bak", "/r/%70rivate/secret.txt",
                       "/r//private/./secret.txt", "/r/private/secret.txt?x"):
            for method in ("GET", "HEAD"):
                r = self.check(target, 403, None, method=method)
                self.assertNotIn(b"SECRET", r.body)
                self.assertIsNone(r["ETag"])
        self.check("/r/private/secret.txt", 403, None, "Range: bytes=0-1")
        self.check("/plain/private/secret.txt", 200, b"SECRET")

    def test_a_coding_of_what_is_denied(self):
        for ending in (".gz", ".br", ".zst"):
            self.check("/r/sub/old.bak" + ending, 403)
            self.check("/bare/sub/old.bak" + ending, 200, b"SECRET")
        self.check("/r/sub/old.bak.gzip", 404)

    def test_what_is_denied_is_not_listed(self):
        for target, names in (("/list/", {"sub", "a.txt", "page.htm"}), ("/list/sub/", {"a.txt"})):
            r = self.check(target, 200, None, "Accept: application/json")
            self.assertEqual({e["name"] for e in json.loads(r.body)["entries"]} & {
                "sub", "a.txt", "page.htm", "private", "old.bak", "old.bak.gz"}, names)
            self.assertNotIn(b"old.bak", self.check(target, 200).body)

    def test_a_denied_fallback_depends_on_accept(self):
        for fields, status in ((("Accept: text/html",), 403), ((), 404)):
            self.assertIn("Accept", self.check("/fall/nothing", status, None, *fields).all("Vary"))

    def test_a_denial_does_not_tell_what_is_there(self):
        def seen(target, *fields):
            r = self.check(target, 403, None, *fields)
            return [(n, v) for n, v in r.fields if n != "Date"], r.body
        for fields in ((NAVIGATION,), ()):
            absent = seen("/blind/private/nothing", *fields)
            self.assertIn(("X-Denied", "1"), absent[0])
            for target in ("/blind/private/secret.txt", "/blind/private/nothing.txt", "/blind/private/",
                           "/blind/private", "/blind/private/page", "/blind/sub"):
                self.assertEqual(seen(target, *fields), absent, target)

    def test_no_way_around_deny(self):
        self.check("/file/private/secret.txt", 403, None, NAVIGATION)
        self.check("/file/private/x", 403, None, NAVIGATION)
        self.check("/file/old", 403, None)  # which try makes old.bak

    def test_the_path_is_that_of_the_file(self):
        self.assertEqual(self.cache("/file/"), "no-cache")
        self.assertEqual(self.cache("/file/page"), "max-age=1")
        self.assertEqual(self.cache("/file/users/42", 200, NAVIGATION), "no-cache")


class Check(ConfigCase):
    def test_a_fallback_that_is_not_there_is_warned_of(self):
        os.mkdir(os.path.join(self.root, "app"))
        write_file(os.path.join(self.root, "app", "index.html"), "app")
        for fallback, said in (("/app/index.html", ""), ("/app/indx.html", "No such file or directory"),
                               ("/app", "Is a directory")):
            self.configure(routes=[{"path": "/x", "static": "www", "fallback": fallback}])
            r = run_weir("check", self.file)
            self.assertEqual((r.returncode, r.stdout), (0, "%s: OK\n" % self.file))
            if said:
                said = "weir: warning: static at /x: the fallback %s: %s; until it can be read, 404s stay\n" % (
                    fallback, said)
            self.assertEqual(r.stderr, said)


class Hosts(ConfigCase):
    def test_rules_of_a_host(self):
        self.configure(routes=[{"static": "www"}],
                       hosts=[{"names": ["a.example"],
                               "routes": [{"static": "www", "rules": [{"cache_control": "no-cache"}]}]}])
        with self.serve_config() as s, Client(s) as c:
            self.assertIsNone(c.get("/")["Cache-Control"])
            c.host = "a.example"
            self.assertEqual(c.get("/")["Cache-Control"], "no-cache")

    def test_a_reload_changes_what_holds(self):
        self.configure(routes=[{"static": "www"}])
        with self.serve_config() as s:
            self.assertIsNone(self.get(s, "/")["Cache-Control"])
            self.configure(routes=[{"static": "www", "rules": [{"cache_control": "no-cache"}]}])
            self.reload_well(s)
            self.assertEqual(self.get(s, "/")["Cache-Control"], "no-cache")


class CommandLine(TempCase):
    def setUp(self):
        super().setUp()
        os.mkdir(self.path("sub"))
        write_file(self.path("sub/a.txt"), "a")
        write_file(self.path("app.html"), "<p>app")

    def ask(self, target, *fields, options=()):
        with self.serve(*options) as s, Client(s) as c:
            return c.get(target, *fields)

    def test_listing(self):
        self.assertEqual(self.ask("/sub/").status, 404)
        r = self.ask("/sub/", "Accept: application/json", options=["--listing"])
        self.assertEqual([e["name"] for e in json.loads(r.body)["entries"]], ["a.txt"])

    def test_fallback(self):
        self.assertEqual(self.ask("/users/42", NAVIGATION).status, 404)
        for options in (["--fallback", "/app.html"], ["--fallback=/app.html", "--listing"]):
            r = self.ask("/users/42", NAVIGATION, options=options)
            self.assertEqual((r.status, r.body), (200, b"<p>app"))
        self.assertEqual(self.ask("/users/42", options=["--fallback", "/app.html"]).status, 404)


if __name__ == "__main__":
    unittest.main()
