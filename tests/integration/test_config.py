"""Configurations from outside: weir check, weir config, weir --config and --set."""
import gzip
import json
import os
import re
import signal
import socket
import subprocess
import unittest

from configured import ConfigCase, service_plugin
from support import PATIENCE, WEIR, Client, _in_child, eventually, run_weir, write_file
from building import loads

KEYS = {  # of the top, from the manual
    "listen", "unix_mode", "loops", "threads", "queue", "coroutines", "user", "plugin_folder", "limits", "timeouts",
    "log", "access_log", "error_pages", "routes", "hosts"}

BROKEN = """{
  "listen": ["127.0.0.1:0"],
  "limits": {"head_bytes_max": 5},
  "lisetn": [],
  "log": {"level": "loud"}
}
"""
FAULTS = (  # line, column, and what is said; counted by hand
    (3, 32, ("/limits/head_bytes_max", "1024", "1048576", "5")),
    (4, 3, ("lisetn", "listen")),
    (5, 20, ("/log/level", "warning", "loud")))


def without_comments(text):
    """JSON of what has comments as in C; none of ours stands in a string."""
    out, rest = "", text
    string = re.compile(r'"(?:[^"\\]|\\.)*"|//[^\n]*|/\*.*?\*/', re.S)
    while True:
        m = string.search(rest)
        if not m:
            return out + rest
        out += rest[:m.start()] + (m[0] if m[0][0] == '"' else " ")
        rest = rest[m.end():]


class Base(ConfigCase):
    def check(self, *options, status=0):
        r = run_weir("check", self.file, *options)
        self.assertEqual(r.returncode, status, r)
        if status == 0:
            self.assertEqual(r.stdout, self.file + ": OK\n")
        else:
            self.assertEqual(r.stdout, "")
            self.assertTrue(r.stderr.endswith("\n"))
        return r.stderr

    def assert_faults(self, lines):
        """Of BROKEN."""
        self.assertEqual(len(lines), len(FAULTS), lines)
        for text, (line, column, words) in zip(lines, FAULTS):
            self.assertTrue(text.startswith("%s:%d:%d: " % (self.file, line, column)), text)
            for word in words:
                self.assertIn(word, text[len(self.file):])

    def effective(self, *options):
        r = run_weir("config", "--effective", self.file, *options)
        self.assertEqual((r.returncode, r.stderr), (0, ""), r)
        return json.loads(without_comments(r.stdout))


class Check(Base):
    def test_one_that_is_right(self):
        self.configure(routes=[{"path": "/", "static": "www"}])
        self.assertEqual(self.check(), "")

    def test_all_errors_at_once_with_their_places(self):
        self.configure(BROKEN)
        self.assert_faults(self.check(status=1).splitlines())

    def test_what_is_not_json(self):
        for text, line in (("{", 1), ("", 1), ("{\n\n  \"listen\": [,]\n}", 3), ("[]", 1),
                           ("{}\n}", 2), ("{\"a\": \"\n\"}", 1), ("\0", 1)):
            with self.subTest(text):
                self.configure(text)
                first = self.check(status=1).splitlines()[0]
                self.assertRegex(first, r"^%s:%d:\d+: " % (re.escape(self.file), line))

    def test_files_that_cannot_be_read(self):
        for path, text in ((os.path.join(self.temp, "no.json"), "No such file"),
                           (self.temp, "directory")):
            r = run_weir("check", path)
            self.assertEqual((r.returncode, r.stdout), (1, ""), r)
            self.assertIn(path, r.stderr)
            self.assertIn(text, r.stderr)

    def test_what_a_start_would_meet(self):
        for route, text in (
                ({"path": "/", "static": "nosuch"}, "nosuch"),
                ({"path": "/p", "plugin": "./nosuch.so"}, "nosuch.so"),
                ({"path": "/p", "plugin": loads("LOAD_SAYS_WHY")}, "it is locked"),
                ({"path": "/p", "plugin": loads("LOAD_FAILS")}, "-3")):
            with self.subTest(text):
                self.configure(routes=[route])
                self.assertIn(text, self.check(status=1))

    def test_the_place_of_an_error_that_a_plugin_finds(self):
        self.configure('{\n  "routes": [{\n    "path": "/p", "plugin": "%s",\n'
                       '    "config": {\n      "port": "x"\n    }\n  }]\n}' % loads("SCHEMA"))
        self.assertIn(self.file + ":5:15: ", self.check(status=1))

    def test_user(self):
        self.configure(user="no-such-user", routes=[{"static": "www"}])
        self.assertRegex(self.check(status=1), r":2:11: /user: there is no user \"no-such-user\"")

    def test_late_errors_come_in_the_order_of_the_text(self):
        self.configure('{"routes": [{"static": "a"},\n  {"path": "/p", "plugin": "%s",\n'
                       '   "config": {"port": "x"}}],\n'
                       ' "user": "no-such-user",\n "error_pages": {"404": "b"},\n'
                       ' "access_log": {"file": "c/d"}, "log": {"file": "www"}}' % loads("SCHEMA"))
        lines = self.check(status=1).splitlines()
        places = [line[len(self.file):].split(": ")[1] for line in lines]
        self.assertEqual(places, ["/routes/0/static", "/routes/1/config/port", "/error_pages/404",
                                  "/access_log/file", "/log/file", "/user"], lines)
        for line in lines:
            self.assertRegex(line, "^%s:[1-6]:[0-9]+: " % re.escape(self.file))

    def test_patterns_that_are_none(self):
        self.configure('{"routes": [{"static": "www", "rules": [\n  {"match": ["*.css", "/a//b"], "deny": true},\n'
                       '  {"match": ["//"],\n   "deny": true}]},\n {"path": "/b", "static": "nosuch"}],\n'
                       ' "hosts": [{"names": ["a", "b"], "routes": [{"static": "www",\n'
                       '  "rules": [{"match": ["/x//"], "deny": true}]}]}]}')
        lines = self.check(status=1).splitlines()
        self.assertEqual([line[len(self.file):].split(": ")[:2] for line in lines],
                         [[":2:23", "/routes/0/rules/0/match/1"], [":3:14", "/routes/0/rules/1/match/0"],
                          [":5:27", "/routes/1/static"], [":7:24", "/hosts/0/routes/0/rules/0/match/0"]])
        self.assertTrue(lines[0].endswith('expected a pattern without "//", found "/a//b"'), lines)

    def test_advice_for_a_page(self):
        self.configure(routes=[{"static": "www"}], error_pages={"404": "nosuch.html"})
        self.assertTrue(self.check(status=1).endswith("; check the path\n"))

    def test_nothing_to_serve(self):
        for text, place in (("{}", "1:1"), ('{\n "routes": []}', "2:12"), ('\n{"hosts": []}', "2:1")):
            with self.subTest(text):
                self.configure(text)
                self.assertIn(self.file + ":%s: /routes: expected at least one" % place,
                              self.check(status=1))

    def test_the_place_of_what_load_says(self):
        self.configure('{"routes": [{"plugin": "%s",\n "config": {}}]}' % loads("LOAD_SAYS_WHY"))
        self.assertIn(self.file + ":2:12: /routes/0/config: cannot open /the/database",
                      self.check(status=1))

    def test_neither_binds_nor_logs(self):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            s.listen()
            self.configure(listen=["127.0.0.1:%d" % s.getsockname()[1], "unix:sock"],
                           routes=[{"static": "www"}], log={"file": "m"}, access_log={"file": "a"})
            self.check()
        self.assertEqual(sorted(os.listdir(self.temp)), ["weir.json", "www"])

    def test_set(self):
        self.configure(routes=[{"static": "www"}])
        self.check("--set", "limits.head_bytes_max=2048")
        self.assertIn("1048576", self.check("--set", "limits.head_bytes_max=5", status=2))


class Texts(Base):
    def test_defaults_can_be_read_again(self):
        r = run_weir("config", "--defaults")
        self.assertEqual((r.returncode, r.stderr), (0, ""))
        self.configure(r.stdout)
        again = self.effective()
        self.assertEqual(again["listen"], ["127.0.0.1:8080"])
        self.assertEqual(again["limits"]["head_bytes_max"], 32768)
        self.assertEqual(again["timeouts"]["stop_ms"], 10000)
        self.assertEqual(again["log"]["level"], "info")
        self.assertIn("Bytes of a request's head", r.stdout)  # what it means
        # It has no routes, and so nothing to serve but a folder.
        with self.serve_config("--listen", "127.0.0.1:0", folder=self.root) as s:
            self.assertEqual(self.get(s, "/").body, b"hello")

    def test_effective(self):
        self.configure(limits={"fields_max": 50}, routes=[{"path": "/x", "static": "www"}])
        e = self.effective("--set", "log.level=debug", "--set", "timeouts.stop_ms=77")
        self.assertEqual(e["limits"]["fields_max"], 50)
        self.assertEqual(e["limits"]["target_bytes_max"], 8192)
        self.assertEqual((e["log"]["level"], e["timeouts"]["stop_ms"]), ("debug", 77))
        self.assertEqual(e["routes"][0]["path"], "/x")
        self.assertEqual(e["routes"][0]["static"], self.root)
        self.configure(json.dumps(e))
        self.check()
        self.assertEqual(self.effective(), e)

    def test_effective_of_a_broken_one(self):
        self.configure(BROKEN)
        r = run_weir("config", "--effective", self.file)
        self.assertEqual((r.returncode, r.stdout), (1, ""))
        self.assert_faults(r.stderr.splitlines())

    def test_schema(self):
        r = run_weir("config", "--schema")
        self.assertEqual((r.returncode, r.stderr), (0, ""))
        schema = json.loads(r.stdout)
        self.assertIn("json-schema.org", schema["$schema"])
        self.assertLessEqual(KEYS, set(schema["properties"]))
        self.assertIs(schema["additionalProperties"], False)
        self.assertEqual(schema["properties"]["coroutines"]["maximum"], 1000000)
        stack = schema["definitions"]["route"]["properties"]["stack_bytes"]  # 0 lies apart from the range
        self.assertEqual(stack["anyOf"], [{"const": 0}, {"minimum": 16384, "maximum": 67108864}])
        self.assertEqual(stack["default"], 0)

    def test_output_that_cannot_be_written(self):
        with open("/dev/full", "w") as full:
            r = subprocess.run([WEIR, "config", "--defaults"], stdout=full, stderr=subprocess.PIPE,
                               text=True, timeout=PATIENCE)
        self.assertEqual(r.returncode, 1)
        self.assertIn("No space left", r.stderr)


class CommandLine(Base):
    def test_command_lines_that_are_not_understood(self):
        self.configure(routes=[{"static": "www"}])
        for args, text in (
                (["check"], "check needs a file"),
                (["check", "a", "b"], "takes one file"),
                (["check", "a", "--port", "1"], "unknown option --port"),
                (["config"], "--defaults"),
                (["config", "--effective"], "needs a value"),
                (["config", "--defaults", "--schema"], "one text"),
                (["config", "--defaults", "--set", "a=1"], "--set goes with"),
                (["config", "--default"], "did you mean --defaults?"),
                (["config", "weir.json"], "--effective weir.json"),
                (["--config"], "--config needs a value"),
                (["--cofnig", "x"], "did you mean --config?"),
                (["--config", "a", "--config", "b"], "takes one file"),
                (["--quiet"], "serve needs a folder"),
                (["--config", self.file, "--user", ""], "--user needs"),
                (["--config", self.file, "--set", "x"], "KEY=VALUE"),
                (["--config", self.file, "--set", "=x"], "KEY=VALUE"),
                (["--config", self.file] + ["--set", "threads=1"] * 201, "more than")):
            r = run_weir(*args)
            self.assertEqual((r.returncode, r.stdout), (2, ""), r)
            self.assertIn(text, r.stderr)
            self.assertEqual(r.stderr.count("\n"), 1, r.stderr)

    def test_sets_that_are_wrong(self):
        self.configure(routes=[{"static": "www"}])
        for text, has_hint, words in (
                ("limits.head_bytes_max=5", False, ["limits.head_bytes_max: ", "1024", "5"]),
                ("limits.head_bytes_max=many", True, ["limits.head_bytes_max: ", "1024"]),
                ("limits.head_bytes_max=", True, ["1024"]),
                ("limits.haed_bytes_max=2000", False, ["head_bytes_max"]),
                ("listen=:80", True, ["listen: ", "array"]),
                ("listen=[:80]", True, ["listen: ", "JSON"]),
                ("log.level={", True, ["log.level: ", "JSON"]),
                ("log.level=loud", True, ["log.level: ", "warning"]),
                ("nosuch=1", False, ["nosuch: "]),
                ("log.file=\"/x", True, ["log.file: ", "JSON"]),
                ("limits={\"x\":1}", False, ["limits: /x: "]),
                ("routes=[]", False, ["routes: "])):
            r = run_weir("--config", self.file, "--set", text)
            self.assertEqual((r.returncode, r.stdout), (2, ""), r)
            self.assertEqual(r.stderr.count("\n"), 1)
            self.assertTrue(r.stderr.startswith("weir: --set " + text.split("=")[0] + ": "), r.stderr)
            self.assertEqual("--set log.file='\"/x\"'" in r.stderr, has_hint, r.stderr)
            for word in words:
                self.assertIn(word, r.stderr)

    def test_all_errors_of_a_set(self):
        self.configure(routes=[{"static": "www"}])
        r = run_weir("check", self.file, "--set", 'log={"level":"x","file":5}')
        self.assertEqual(r.stderr.count("weir: --set log: /"), 2, r.stderr)
        self.assertEqual(r.stderr.count("\n"), 2, r.stderr)

    def test_what_a_value_is_taken_for(self):
        self.configure(routes=[{"static": "www"}])
        for text, section, key, value in (
                ("log.level=warning", "log", "level", "warning"),
                ("log.level=\"warning\"", "log", "level", "warning"),
                ("log.file=/x y", "log", "file", "/x y"),
                ("log.file=/a\"b\\", "log", "file", "/a\"b\\"),
                ("log.file=null", "log", "file", None),
                ("log.file=-", "log", "file", "-"),
                ("limits.fields_max= 20 ", "limits", "fields_max", 20)):
            self.assertEqual(self.effective("--set", text)[section][key], value, text)
        self.assertEqual(self.effective("--set", "user=1000")["user"], "1000")
        self.assertEqual(self.effective("--set", "threads=3", "--set", "threads=4")["threads"], 4)


class Serving(Base):
    def test_with_and_without_the_word_serve(self):
        self.configure(routes=[{"static": "www"}])
        for words in ([], ["serve"]):
            p = subprocess.Popen([WEIR, *words, "--config", self.file], stdin=subprocess.DEVNULL,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                 env=dict(os.environ, **self.manager.env), preexec_fn=_in_child())
            try:
                status = self.manager.hear()["STATUS"]
                port = int(re.fullmatch(r"serving on 127\.0\.0\.1:(\d+)", status)[1])
                self.assertEqual(self.get(None, "/", at="127.0.0.1:%d" % port).body, b"hello")
                p.terminate()
                out, err = p.communicate(timeout=PATIENCE)
            finally:
                p.kill()
                p.wait()
            self.assertEqual(p.returncode, 0)
            self.assertIn(b"GET / HTTP/1.1", out)
            self.assertIn(self.file.encode(), err)
            self.assertIn(b"http://127.0.0.1:%d/" % port, err)
            self.assertNotIn(b"Ctrl-C", err)  # no terminal
            self.manager.hear()

    def test_relative_paths_are_those_of_the_file(self):
        self.configure(routes=[{"static": "www"}])
        with self.serve_config() as s:  # which runs in the folder of the tests
            self.assertEqual(self.get(s, "/").body, b"hello")

    def test_folder_and_file(self):
        os.mkdir(os.path.join(self.temp, "other"))
        write_file(os.path.join(self.temp, "other", "index.html"), "other")
        self.configure(routes=[{"path": "/o", "static": "other"}])
        with self.serve_config(folder=self.root) as s:
            self.assertEqual(self.get(s, "/o/").body, b"other")
            self.assertEqual(self.get(s, "/").body, b"hello")
            self.assertTrue(eventually(lambda: self.root in s.log()), s.log())

    def test_error_pages_in_content_codings(self):
        page = "<!doctype html><title>Not here</title>\n" + "".join(
            "<p>Paragraph %d of a page that was not found.</p>\n" % i for i in range(200))
        write_file(os.path.join(self.temp, "404.html"), page)
        write_file(os.path.join(self.temp, "404.html.zst"), "of the sibling")
        self.configure(error_pages={"404": "404.html"}, routes=[{"static": "www"}])
        with self.serve_config() as s, Client(s) as c:
            for accepts, coding in ((None, None), ("gzip", "gzip"), ("br", "br"), ("zstd", "zstd"),
                                    ("gzip, deflate, br, zstd", "br"), ("identity;q=0", None)):
                r = c.get("/nosuch", *["Accept-Encoding: " + accepts] if accepts else [])
                self.assertEqual((r.status, r["Content-Type"], r["Content-Encoding"]),
                                 (404, "text/html; charset=utf-8", coding), accepts)
                self.assertEqual((r["Vary"], r["Content-Length"]),
                                 ("Accept-Encoding", str(len(r.body))))
                if coding == "gzip":
                    self.assertEqual(gzip.decompress(r.body).decode(), page)
                    subprocess.run(["gzip", "-t"], input=r.body, check=True)
                elif coding == "zstd":
                    self.assertEqual(r.body, b"of the sibling")
                elif coding == "br":
                    self.assertLess(len(r.body), len(page) // 10)
                else:
                    self.assertEqual(r.body.decode(), page)

    def test_addresses_of_the_command_line_replace_those_of_the_file(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            self.configure(listen=["127.0.0.1:%d" % taken.getsockname()[1]],
                           routes=[{"static": "www"}])
            for options in (["--listen", "127.0.0.2:0"], ["--set", "listen=[\"127.0.0.2:0\"]"]):
                with self.serve_config(*options) as s:
                    self.assertRegex(" ".join(s.addresses), r"^127\.0\.0\.2:\d+$")
                    self.assertEqual(self.reload(s), "serving on " + s.addresses[0])
                    s.stop()
                    self.manager.hear_all()
            r = run_weir("--config", self.file)
            self.assertEqual(r.returncode, 1)
            self.assertIn("in use", r.stderr)

    def test_options_go_before_the_file(self):
        self.configure(loops=1, threads=2, limits={"target_bytes_max": 100},
                       routes=[{"path": "/p", "plugin": service_plugin()}, {"static": "www"}])
        fifo = self.fifo()
        with self.serve_config("--set", "limits.target_bytes_max=200", "--threads", "3") as s:
            self.assertEqual(self.get(s, "/" + "a" * 150).status, 404)
            self.assertEqual(self.get(s, "/" + "a" * 250).status, 414)
            clients = [Client(s) for _ in range(3)]
            for c in clients:
                self.addCleanup(c.close)
                c.request("/p/hold?" + fifo)
            # All three open the FIFO: with two threads one of them would wait for the others.
            self.assertTrue(eventually(lambda: self.readers(s, fifo) == 3))
            os.close(os.open(fifo, os.O_WRONLY))
            for c in clients:
                self.assertEqual(c.read().body, b"none first")

    def test_field_bytes_max(self):
        """The bytes of a field's line, up and down from the default."""
        for n in (256, 20000):
            self.configure(limits={"field_bytes_max": n}, routes=[{"static": "www"}])
            with self.serve_config() as s:
                self.assertEqual(self.get(s, "/", "X: " + "v" * (n - len("X: "))).status, 200, n)
                self.assertEqual(self.get(s, "/", "X: " + "v" * (n + 1 - len("X: "))).status, 431, n)

    @staticmethod
    def readers(server, fifo):
        """Threads that wait in open(2) of a FIFO: nothing else of this server does."""
        n = 0
        folder = "/proc/%d/task" % server.pid
        for task in os.listdir(folder):
            with open("%s/%s/syscall" % (folder, task)) as f:
                n += f.read().split()[0] in ("257", "56")  # openat: x86-64, aarch64
        return n

    def test_the_file_says_where_logs_go(self):
        self.configure(log={"file": "messages"}, access_log={"file": "access"},
                       routes=[{"static": "www"}])
        with self.serve_config() as s:
            self.get(s, "/")
            s.stop()
            self.assertEqual(s.access_log(), b"")
        with open(os.path.join(self.temp, "access")) as f:
            self.assertIn("GET / HTTP/1.1", f.read())

    def test_stop_ms(self):
        """What is in flight has that long."""
        self.configure(timeouts={"stop_ms": 300},
                       routes=[{"path": "/p", "plugin": service_plugin()}, {"static": "www"}])
        write_file(self.path("large"), b"x" * 20000000)
        with self.serve_config() as s:
            c = Client(s, rcvbuf=4096)
            self.addCleanup(c.close)
            c.request("/large")
            c.read_head()
            self.assertLess(s.stop(), 5)
            self.assertIn("cut off", s.log())

    def test_stop_ms_of_what_could_not_be_reloaded(self):
        route = {"path": "/p", "plugin": service_plugin()}
        self.configure(timeouts={"stop_ms": 1000}, routes=[route])
        with self.serve_config() as s:
            self.configure(timeouts={"stop_ms": 0}, routes=[{"static": "nosuch"}])
            self.assertIn("reload failed", self.reload(s))
            c = Client(s)
            self.addCleanup(c.close)
            c.send(b"POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n1")
            self.assertGreater(s.stop(), 0.9)

    def test_a_broken_one_does_not_start(self):
        self.configure(BROKEN)
        r = run_weir("--config", self.file)
        self.assertEqual((r.returncode, r.stdout), (1, ""))
        self.assert_faults(r.stderr.splitlines())

    def test_quiet(self):
        self.configure(routes=[{"static": "www"}])
        with self.serve_config("--quiet") as s:
            self.get(s, "/")
            s.process.send_signal(signal.SIGHUP)
            self.manager.hear()
            self.manager.hear()
            s.stop()
            self.assertEqual((s.log(), s.access_log()), ("", b""))


if __name__ == "__main__":
    unittest.main()
