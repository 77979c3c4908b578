"""weir lint: each rule has a number, a line in docs/lint.md, and a plugin in tests/lint that breaks it and no other;
plugins that are examples break none."""
import json
import os
import random
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../plugins"))
import building  # noqa: E402
import test_guide  # noqa: E402
from support import WEIR, Client, Server, TempCase, eventually, write_file  # noqa: E402

ROOT = os.path.dirname(building.TESTS)
FOLDER = os.path.join(building.TESTS, "lint")
BUILD = os.environ.get("WEIR_BUILD", "")
LOG = re.compile(r"lint W(\d\d): ")
FINDING = re.compile(r"^W(\d\d)(?: \(\d+ times\))?: ", re.M)


def read(*path):
    with open(os.path.join(ROOT, *path), encoding="utf-8") as f:
        return f.read()


def sources():
    return sorted(name for name in os.listdir(FOLDER) if name.endswith(".c"))


def setting(text, key):
    found = re.search(r"^/\* %s: (.*) \*/$" % key, text, re.M)
    return shlex.split(found.group(1)) if found else []


def lint(*args, **how):
    done = subprocess.run([WEIR, "lint", *args], capture_output=True, text=True, timeout=120, **how)
    return done.returncode, done.stdout, done.stderr


class Rules(unittest.TestCase):
    """What there is on paper, in the code and in tests, one against the other."""

    def test_numbers(self):
        coded = [(int(n), level) for n, level in
                 re.findall(r"^RULE\((\d+), \w+, (ERROR|WARN),", read("core/app/lint_rules.def"), re.M)]
        told = [(int(n), {"error": "ERROR", "warning": "WARN"}[level]) for n, level in
                re.findall(r"^\| W(\d\d) \| (error|warning) \|", read("docs/lint.md"), re.M)]
        self.assertEqual([n for n, _ in coded], list(range(1, len(coded) + 1)))
        self.assertEqual(coded, told)
        broken = [int(name[1:3]) for name in sources()]
        self.assertEqual(broken, [n for n, _ in coded])

    def test_names(self):
        names = dict(re.findall(r"^RULE\((\d+), (\w+),", read("core/app/lint_rules.def"), re.M))
        for source in sources():
            number, name = re.fullmatch(r"W(\d\d)_(\w+)\.c", source).groups()
            self.assertEqual(names[str(int(number))], name.upper())

    def test_each_mapped_rule_is_there(self):
        numbers = {"W%02d" % int(n) for n in re.findall(r"^RULE\((\d+),", read("core/app/lint_rules.def"), re.M)}
        self.assertEqual(set(re.findall(r"W\d\d", read("docs/lint.md"))) - numbers, set())


class Broken(unittest.TestCase):
    """A plugin for each rule: that one is named, and no other."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="weir-lint-")
        cls.addClassCleanup(cls.folder.cleanup)
        library = os.path.join(cls.folder.name, "libweir.so.0")  # for the one that is linked against it
        subprocess.run([building.CC, "-shared", "-x", "c", os.devnull, "-Wl,-soname,libweir.so.0", "-o", library],
                       check=True)
        cls.env = dict(os.environ, LD_LIBRARY_PATH=cls.folder.name)

    def break_rule(self, source, language="c"):
        text = read("tests/lint", source)
        link = [word.format(folder=self.folder.name) for word in setting(text, "link")]
        plugin = building.build("lint/" + source, link=("-Wl,-z,defs", *link), language=language)
        status, out, err = lint(plugin, *setting(text, "send"), env=self.env)
        found = {int(n) for n in FINDING.findall(out)}
        if source.startswith("W23") and "AddressSanitizer: use-after-poison" in err:
            return  # it sees the server send it, too, and ends the program
        self.assertEqual(found, {int(source[1:3])}, out + err)
        self.assertEqual(status, 1, out + err)


def add_tests():
    for source in sources():
        def test(self, source=source):
            self.break_rule(source)
        setattr(Broken, "test_" + source[:-2], test)


add_tests()


class Clean(TempCase):
    """What keeps the rules is not accused."""

    CONFIGS = {"upload": ["--config", '{"folder": "%s"}'],
               "three": ["--config", '{"port": 1}'],  # where nobody listens, as the next two
               "fetch": ["--config", '{"backend": "http://127.0.0.1:1"}'],
               "query": ["--config", '{"connect": "host=127.0.0.1 port=1", "statement": "SELECT 1"}']}

    def config(self, name):
        return [word.replace("%s", self.temp) for word in self.CONFIGS.get(name, [])]

    def check(self, plugin, *args):
        status, out, err = lint(plugin, *args)
        self.assertEqual((status, FINDING.findall(out)), (0, []), out + err)

    def test_examples(self):
        plugins = [(name, os.path.join(BUILD, "plugins", name, file))
                   for name in os.listdir(os.path.join(ROOT, "plugins"))
                   if os.path.isdir(os.path.join(BUILD, "plugins", name))
                   for file in os.listdir(os.path.join(BUILD, "plugins", name)) if file.endswith(".so")]
        self.assertGreaterEqual({name for name, _ in plugins}, {"hello", "three"})
        for name, plugin in plugins:
            with self.subTest(plugin):
                self.check(plugin, *self.config(name))

    def test_listings_of_the_guide(self):
        for listing in test_guide.read_guide(read("docs/writing-plugins.md")):
            if not listing.is_plugin or (listing.suffix == ".cc" and not shutil.which(building.CXX)):
                continue
            # W36: it holds its thread for a minute; W29: it throws; W34: to close inotify the kernel waits for others
            if listing.stem in ("slow", "square", "changes"):
                continue
            with self.subTest(listing.name):
                plugin = test_guide.compile_listing(listing, self.temp)
                config = ["--config", listing.config.replace("{folder}", self.temp)] if listing.config else []
                self.check(plugin, *config, "--route", "/" + listing.stem)

    def test_client_that_leaves_needs_no_answer(self):
        for runs in ("WEIR_IN_COROUTINE", "WEIR_IN_THREAD"):
            with self.subTest(runs):
                self.check(building.build("plugins/leaving.c", "-DRUNS=" + runs))

    def test_callback_of_the_loop_writes_for_an_iterable(self):
        self.check(building.build("plugins/leaving.c", "-DDICTATED"))

    def test_examples_at_their_paths(self):
        for name, *requests in (("jsonapi", "GET", "/notes", "HEAD", "/notes", "DELETE", "/notes/1", "PUT", "/notes"),
                                ("stream", "GET", "/?n=300", "HEAD", "/?n=3", "GET", "/?n=x"),
                                ("cxx", "GET", "/?a=1&b=2", "HEAD", "/?a=1", "GET", "/none")):
            plugin = os.path.join(BUILD, "plugins", name, name + ".so")
            if os.path.exists(plugin):
                with self.subTest(name):
                    self.check(plugin, *requests)


class RuleThree(unittest.TestCase):
    """tests/plugins/rules.c: what the server answers with a 500 the checker names, before the server does."""

    # That plugin gives no types, and asks for both states wherever it runs.
    ALWAYS = {14, 45, 57}

    def find(self, plugin, path):
        _, out, err = lint(plugin, "GET", path)
        return {int(n) for n in FINDING.findall(out)} - self.ALWAYS, out + err

    def test_kept(self):
        for runs in building.RUNS:
            for language in building.LANGUAGES:
                plugin = building.rules(runs, language)
                for path in ("/replace", "/walk?bbbE", "/walk?bebE"):
                    with self.subTest(path, runs=runs, language=language):
                        found, said = self.find(plugin, path)
                        self.assertEqual(found - {27}, set(), said)

    def test_broken(self):
        for runs in building.RUNS:
            plugin = building.rules(runs)
            for path in building.FAILS:
                with self.subTest(path, runs=runs):
                    found, said = self.find(plugin, "/" + path)
                    self.assertTrue(found, said)


class InServer(TempCase):
    """The key `lint` of a route."""

    def serve(self, plugin, **route):
        path = os.path.join(self.temp, "weir.json")
        write_file(path, json.dumps({"routes": [dict({"path": "/a", "plugin": plugin}, **route)]}).encode())
        server = Server(None, "--config", path)
        self.addCleanup(server.kill)
        return server

    def answer(self, server, target="/a"):
        with Client(server) as c:
            return c.get(target)

    def test_finding_is_logged_and_changes_nothing(self):
        plugin = building.build("lint/W14_no_type.c")
        with self.serve(plugin) as plain, self.serve(plugin, lint=True) as checked:
            answers = [self.answer(s) for s in (plain, checked)]
            self.assertEqual(answers[0].body, answers[1].body)
            self.assertEqual([(a.status, a["content-length"]) for a in answers], [(200, "5")] * 2)
            self.assertTrue(eventually(lambda: LOG.findall(checked.log()) == ["14"]), checked.log())
            self.assertRegex(checked.log(), r"(?m)^weir: warning: w14_no_type at /a, request \S+, GET /a: lint W14: content "
                                            r"without Content-Type$")
            self.assertEqual(LOG.findall(plain.log()), [])

    def test_each_power_of_two_is_logged(self):
        with self.serve(building.build("lint/W14_no_type.c"), lint=True) as server:
            for _ in range(9):
                self.answer(server)
            self.assertTrue(eventually(lambda: LOG.findall(server.log()) == ["14"] * 4), server.log())

    def ask(self, server, seed, answers):
        """Some of the clients leave before their answer."""
        order = random.Random(seed)
        for _ in range(60):
            path = order.choice(("work", "post", "watch", "wait"))
            with Client(server) as c:
                if order.random() < 0.2:
                    c.send(b"GET /a/%s HTTP/1.1\r\nHost: a\r\n\r\n" % path.encode())
                    continue
                answer = c.get("/a/" + path)
                answers.append((answer.status, answer.body.decode()))

    def test_answers_from_everywhere_keep_the_rules(self):
        for runs, number in dict(building.RUNS, coroutine="WEIR_IN_COROUTINE").items():
            with self.subTest(runs):
                answers = []
                with self.serve(building.build("plugins/waits.c", "-DRUNS=" + number), lint=True) as server:
                    threads = [threading.Thread(target=self.ask, args=(server, seed, answers)) for seed in range(6)]
                    for thread in threads:
                        thread.start()
                    for thread in threads:
                        thread.join()
                    self.assertEqual(self.answer(server).body, b"now\n")
                    self.assertEqual(LOG.findall(server.log()), [], server.log())
                self.assertGreater(len(answers), 200)
                self.assertIn((200, "later\n"), answers)
                self.assertEqual(set(answers) - {(200, "now\n"), (200, "later\n"), (200, "42\n"), (200, "busy\n")}, set())

    def test_coroutine_that_blocks_is_named(self):
        with self.serve(building.build("lint/W34_blocks.c"), runs="coroutine", lint=True) as server:
            self.assertEqual(self.answer(server).status, 200)
            self.assertTrue(eventually(lambda: LOG.findall(server.log()) == ["34"]), server.log())
            self.assertIn("the app waited for more than 50 ms on the event loop, and all coroutines there", server.log())

    def test_server_survives_what_would_be_a_crash(self):
        with self.serve(building.build("lint/W32_stale.c"), lint=True) as server:
            for _ in range(100):
                self.assertEqual(self.answer(server).status, 200)
            self.assertIn("lint W32", server.log())


class Command(unittest.TestCase):
    def test_summary_counts_requests_and_findings(self):
        plugin = building.build("lint/W14_no_type.c")
        self.assertEqual(lint(plugin, "GET", "/", "GET", "/a", "GET", "/b"),
                         (1, "W14 (3 times): content without Content-Type\n%s: 3 requests, 1 finding\n" % plugin, ""))

    def test_no_plugin(self):
        status, out, err = lint("/nonexistent.so")
        self.assertEqual((status, out), (2, ""))
        self.assertIn("/nonexistent.so", err)

    def test_configuration_and_route(self):
        plugin = os.path.join(BUILD, "plugins/sleep/sleep.so")
        self.assertEqual(lint(plugin, "--config", '{"max_ms": "x"}')[0], 2)
        self.assertEqual(lint(plugin, "--config", '{"max_ms": 1}', "--route", "/a", "GET", "/a?ms=1")[0], 0)
        self.assertEqual(lint(plugin, "--route", "a")[0], 2)

    def test_target_without_method(self):
        self.assertEqual(lint(building.build("lint/W14_no_type.c"), "GET")[0], 2)

    def test_call_that_never_returns_is_given_up(self):
        """With its request named and what was found before, wherever the app runs."""
        plugins = {runs: building.build("plugins/stuck.c", "-DRUNS=" + number)
                   for runs, number in dict(building.RUNS, coroutine="WEIR_IN_COROUTINE").items()}
        running = [(runs, plugin, subprocess.Popen([WEIR, "lint", plugin, "GET", "/", "GET", "/stuck?x"], text=True,
                                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE))
                   for runs, plugin in plugins.items()]
        for runs, plugin, process in running:
            with self.subTest(runs):
                try:
                    out, err = process.communicate(timeout=100)
                finally:
                    process.kill()
                self.assertEqual(process.returncode, 1, out + err)
                self.assertEqual(FINDING.findall(out), ["14"])
                self.assertIn("%s: given up, 1 finding\n" % plugin, out)
                self.assertIn("GET /stuck?x: the app has not returned for 20 s: given up\n", err)

    def test_coroutine_that_never_gives_up_is_given_up(self):
        plugin = building.build("plugins/leaving.c", "-DDEAF", "-DRUNS=WEIR_IN_COROUTINE")
        process = subprocess.Popen([WEIR, "lint", plugin], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   preexec_fn=lambda: os.nice(19))  # it computes all the time
        try:
            out, err = process.communicate(timeout=100)
        finally:
            process.kill()
        self.assertEqual(process.returncode, 1, out + err)
        self.assertIn("69", FINDING.findall(out), out + err)
        self.assertIn("the app has not returned for 20 s: given up\n", err)

    def test_what_loop_stop_does_is_looked_at(self):
        status, out, _ = lint(building.build("lint/W74_left.c"), "GET", "/")
        self.assertEqual((status, FINDING.findall(out)), (1, ["74"]))

    def test_log(self):
        plugin = building.build("lint/W14_no_type.c")
        _, _, err = lint(plugin, "--verbose", "GET", "/")
        self.assertEqual(LOG.findall(err), ["14"])


if __name__ == "__main__":
    unittest.main()
