"""Virtual hosts from outside: which site answers for which host, and whose error pages."""
import os
import unittest

from configured import ConfigCase
from support import Client, run_weir, write_file


class Base(ConfigCase):
    def site(self, name, *more):
        """A folder whose files say whose they are."""
        folder = os.path.join(self.temp, "sites", name)
        os.makedirs(folder, exist_ok=True)
        for file in ("index.html", *more):
            write_file(os.path.join(folder, file), "%s of %s" % (file, name))
        return {"static": folder}

    def ask(self, server, host, target="/", version="HTTP/1.1"):
        """`host` as it stands in the field; None: no such field."""
        field = "" if host is None else "Host: %s\r\n" % host
        with Client(server) as c:
            c.send("GET %s %s\r\n%sConnection: close\r\n\r\n" % (target, version, field))
            return c.read()

    def assert_sites(self, server, rows):
        for host, target, version, want in rows:
            with self.subTest(host=host, target=target, version=version):
                r = self.ask(server, host, target, version)
                self.assertEqual(r.body.decode(), "index.html of " + want, r)


class Routing(Base):
    def test_which_site_has_a_host(self):
        self.configure(
            routes=[self.site("default"),
                    dict(self.site("single"), path="/one", host="*.single.example")],
            hosts=[{"names": ["example.org"], "routes": [self.site("exact")]},
                   {"names": ["*.example.org", "[::1]"], "routes": [self.site("wild")]},
                   {"names": ["*.dev.example.org"], "routes": [self.site("dev")]},
                   {"names": ["www.example.org", "192.0.2.1"], "routes": [self.site("www")]},
                   {"names": ["xn--bcher-kva.example"], "routes": [self.site("books")]}])
        http = "HTTP/1.1"
        with self.serve_config() as s:
            self.assert_sites(s, (
                ("example.org", "/", http, "exact"),
                ("EXAMPLE.Org", "/", http, "exact"),
                ("example.org.", "/", http, "exact"),
                ("example.org:%d" % s.port, "/", http, "exact"),
                ("example.org:", "/", http, "exact"),
                ("Example.ORG.:81", "/", http, "exact"),
                ("www.example.org", "/", http, "www"),
                ("a.example.org", "/", http, "wild"),
                ("A.b.EXAMPLE.org.:80", "/", http, "wild"),
                ("dev.example.org", "/", http, "wild"),
                ("a.dev.example.org", "/", http, "dev"),
                ("b.a.dev.example.org", "/", http, "dev"),
                ("www.example.org.example.org", "/", http, "wild"),
                ("xn--bcher-kva.example", "/", http, "books"),
                ("XN--BCHER-KVA.Example", "/", http, "books"),
                ("[::1]:80", "/", http, "wild"),
                ("192.0.2.1", "/", http, "www"),
                # nobody's
                ("unknown.example", "/", http, "default"),
                ("org", "/", http, "default"),
                ("aexample.org", "/", http, "default"),
                ("example.org.evil.example", "/", http, "default"),
                (".example.org", "/", http, "default"),
                ("a..example.org", "/", http, "default"),
                ("1.192.0.2.1", "/", http, "default"),
                ("[::2]", "/", http, "default"),
                ("", "/", http, "default"),
                ("*", "/", http, "default"),
                (None, "/", "HTTP/1.0", "default"),
                ("example.org", "/", "HTTP/1.0", "exact"),
                # RFC 9112 3.2.2: the target's host, not the field's
                ("unknown.example", "http://example.org/", http, "exact"),
                ("example.org", "http://a.dev.example.org:80", http, "dev"),
                ("example.org", "http://unknown.example/", http, "default"),
                (None, "http://WWW.example.org./", "HTTP/1.0", "www"),
                # a route of a wildcard at the top
                ("x.single.example", "/one/", http, "single"),
                ("x.single.example", "/", http, "default"),
            ))
            self.assertEqual(self.ask(s, "single.example", "/one/").status, 404)
            self.assertEqual(self.ask(s, None).status, 400)

    def test_what_a_host_does_not_have_is_left_to_the_next(self):
        def redirect(path, to):
            return {"path": path, "exact": True, "redirect": to}

        self.configure(
            routes=[redirect("/" + name, "/default") for name in "abcd"],
            hosts=[{"names": ["*.example.org"], "routes": [redirect("/" + n, "/wild") for n in "abc"]},
                   {"names": ["*.w.example.org"], "routes": [redirect("/" + n, "/longer") for n in "ab"]},
                   {"names": ["a.w.example.org"], "routes": [redirect("/a", "/exact")]}])
        with self.serve_config() as s:
            for host, want in (("a.w.example.org", ("/exact", "/longer", "/wild", "/default")),
                               ("b.w.example.org", ("/longer", "/longer", "/wild", "/default")),
                               ("w.example.org", ("/wild", "/wild", "/wild", "/default")),
                               ("example.org", ("/default",) * 4)):
                for path, location in zip("abcd", want):
                    self.assertEqual(self.ask(s, host, "/" + path)["Location"], location, (host, path))
                self.assertEqual(self.ask(s, host, "/e").status, 404)

    def test_no_default_host(self):
        self.configure(hosts=[{"names": ["*.example.org"], "routes": [self.site("wild")]}])
        with self.serve_config() as s:
            self.assertEqual(self.ask(s, "a.example.org").status, 200)
            for host, version in (("example.org", "HTTP/1.1"), ("", "HTTP/1.1"), (None, "HTTP/1.0")):
                self.assertEqual(self.ask(s, host, version=version).status, 404)

    def test_a_thousand_hosts(self):
        site = self.site("many")
        self.configure(hosts=[{"names": ["h%d.example.org" % i], "routes": [
            site, {"path": "/me", "redirect": "/%d" % i}, {"path": "/", "exact": True, "redirect": "/me"}]}
            for i in range(1000)])
        with self.serve_config() as s:
            for i in (0, 1, 500, 998, 999):
                self.assertEqual(self.ask(s, "h%d.example.org" % i, "/me")["Location"], "/%d" % i)
            self.assertEqual(self.ask(s, "h1000.example.org", "/me").status, 404)

    def test_reload(self):
        self.configure(routes=[self.site("default")],
                       hosts=[{"names": ["*.example.org"], "routes": [self.site("old")]}])
        with self.serve_config() as s:
            self.assertEqual(self.ask(s, "a.example.org").body, b"index.html of old")
            self.configure(routes=[self.site("default")],
                           hosts=[{"names": ["*.b.example.org"], "routes": [self.site("new")]}])
            self.reload_well(s)
            self.assertEqual(self.ask(s, "a.example.org").body, b"index.html of default")
            self.assertEqual(self.ask(s, "a.b.example.org").body, b"index.html of new")

    def test_route_of_the_command_line(self):
        site = self.site("folder")["static"]
        with self.serve("--plugin", "*.example.org/x=%s/plugins/hello/hello.so" % os.environ["WEIR_BUILD"],
                        folder=site) as s:
            self.assertEqual(self.ask(s, "a.example.org", "/x").status, 200)
            self.assertEqual(self.ask(s, "example.org", "/x").status, 404)

    def test_the_same_host_twice(self):
        self.configure('{"hosts": [{"names": ["*.example.org", "example.org"], "routes": []},\n'
                       '{"names": ["www.example.org", "*.Example.ORG."], "routes": []}],\n'
                       '"routes": [{"static": "www"}]}')
        r = run_weir("check", self.file)
        self.assertEqual(r.returncode, 1)
        self.assertEqual(r.stderr, "%s:2:31: /hosts/1/names/1: this host was already given in line 1\n"
                         % self.file)


class ErrorPages(Base):
    def page(self, name):
        write_file(os.path.join(self.temp, name), name)
        return name

    def pages(self, **files):
        return {status.strip("_"): self.page(name) for status, name in files.items()}

    def test_those_of_the_host_go_before_those_of_the_top(self):
        self.configure(
            routes=[self.site("default")],
            error_pages=self.pages(_404="top404", _4xx="top4xx", _5xx="top5xx"),
            hosts=[{"names": ["a.example.org"], "routes": [self.site("a")],
                    "error_pages": self.pages(_404="a404.html")},
                   {"names": ["*.example.org"], "routes": [dict(self.site("wild"), path="/w")],
                    "error_pages": self.pages(_4xx="wild4xx")},
                   {"names": ["pages.example", "more.example"], "error_pages": self.pages(_404="pages404")}])
        with self.serve_config() as s:
            for host, target, status, want in (
                    ("a.example.org", "/x", 404, "a404.html"),        # of a route of the host
                    ("A.Example.org.:1", "/x", 404, "a404.html"),
                    ("a.example.org", "/.x/", 404, "a404.html"),
                    ("a.example.org", "/../x", 400, "wild4xx"),       # refused, its host known
                    ("b.example.org", "/w/x", 404, "wild4xx"),        # before the status at the top
                    ("b.example.org", "/x", 404, "wild4xx"),          # of a route at the top
                    ("pages.example", "/x", 404, "pages404"),         # of a host without routes
                    ("more.example:80", "/x", 404, "pages404"),
                    ("pages.example", "/../x", 400, "top4xx"),
                    ("example.org", "/x", 404, "top404"),
                    ("unknown.example", "/x", 404, "top404"),
                    ("a.example.org", "http://unknown.example/x", 404, "top404"),
                    ("unknown.example", "http://a.example.org/x", 404, "a404.html"),
                    ("a.example.org\r\nContent-Length: x", "/x", 400, "top4xx"),  # before it was known
                    ("a.example.org\r\nTransfer-Encoding: gzip, chunked", "/x", 501, "top5xx")):
                r = self.ask(s, host, target)
                self.assertEqual((r.status, r.body.decode()), (status, want), (host, target))
            self.assertEqual(self.ask(s, "a.example.org", "/x")["Content-Type"], "text/html; charset=utf-8")

    def test_where_no_route_answers(self):
        self.configure(hosts=[{"names": ["*.example.org"], "routes": [dict(self.site("w"), path="/w")],
                               "error_pages": self.pages(_404="wild")}])
        with self.serve_config() as s:
            self.assertEqual(self.ask(s, "a.example.org", "/x").body, b"wild")
            self.assertIn(b"</html>", self.ask(s, "example.org", "/x").body)

    def test_one_that_is_not_there(self):
        self.configure('{"hosts": [{"names": ["a"],\n "error_pages": {"404": "nosuch"}}], '
                       '"routes": [{"static": "www"}]}')
        r = run_weir("check", self.file)
        self.assertEqual((r.returncode, r.stderr.count("\n")), (1, 1), r)
        self.assertTrue(r.stderr.startswith("%s:2:25: /hosts/0/error_pages/404: " % self.file), r.stderr)
        self.assertIn("nosuch", r.stderr)

    def test_reload(self):
        host = {"names": ["a.example.org"], "error_pages": self.pages(_404="page")}
        self.configure(routes=[self.site("default")], hosts=[host])
        with self.serve_config() as s:
            self.assertEqual(self.ask(s, "a.example.org", "/x").body, b"page")
            write_file(os.path.join(self.temp, "page"), "another")
            self.assertEqual(self.ask(s, "a.example.org", "/x").body, b"page")
            self.reload_well(s)
            self.assertEqual(self.ask(s, "a.example.org", "/x").body, b"another")
            del host["error_pages"]
            self.configure(routes=[self.site("default")], hosts=[host])
            self.reload_well(s)
            self.assertIn(b"</html>", self.ask(s, "a.example.org", "/x").body)


if __name__ == "__main__":
    unittest.main()
