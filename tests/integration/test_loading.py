"""Plugins that are loaded and unloaded: what is refused and why, and those of earlier versions."""
import contextlib
import os
import platform
import subprocess
import sys
import unittest

from support import Client, TempCase, pattern, run_weir, write_file

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../plugins"))
from building import TESTS, build, loads  # noqa: E402


class Unloading(TempCase):
    def test_resumes_and_posts_are_refused(self):
        server = self.serve("--plugin", "/x=" + build("plugins/unload_resumes.c"))
        with Client(server) as c:
            self.assertEqual(c.get("/x").body, b"remembered\n")
        log = server.log
        server.stop()
        self.assertIn("stale 1, dropped 1, refused 1, posted 0", log())


class Loading(TempCase):
    """A plugin that cannot be loaded: exit status 1, and a line that says what to do."""

    def refuse(self, file, *patterns, config=None, has_run=None):
        ran = os.path.join(self.temp, "ran")
        trace = os.path.join(self.temp, "trace")
        for path in (ran, trace):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
        os.environ["WEIR_TEST_RAN"], os.environ["WEIR_TEST_TRACE"] = ran, trace
        try:
            r = run_weir("serve", self.root, "--port", "0", "--plugin",
                         "/x=" + file + (":" + config if config else ""))
        finally:
            del os.environ["WEIR_TEST_RAN"], os.environ["WEIR_TEST_TRACE"]
        self.assertEqual(r.returncode, 1, r.stderr)
        for p in patterns:
            self.assertRegex(r.stderr, p)
        self.assertTrue(os.path.basename(file) in r.stderr or " /x" in r.stderr, r.stderr)
        if has_run is not None:
            self.assertEqual(os.path.exists(ran), has_run, "code of the plugin ran?")
        if not os.path.exists(trace):
            return []
        with open(trace) as f:
            return f.read().split()

    def test_files_that_are_none(self):
        self.refuse(os.path.join(self.temp, "missing.so"), "[Nn]o such file")
        self.refuse(write_file(self.path("text.so"), "#!/bin/sh\n"))
        self.refuse(write_file(self.path("empty.so"), ""))
        self.refuse(self.temp)
        with open(loads("GOOD"), "rb") as f:
            good = f.read()
        self.refuse(write_file(self.path("cut.so"), good[:1000]), has_run=False)
        self.refuse(write_file(self.path("other.so"), good[:18] + b"\xb7\0" + good[20:]),
                    "machine", has_run=False)  # EM_AARCH64

    def test_descriptors(self):
        self.refuse(loads("NO_DESCRIPTOR"), "weir_plugin_v1", "WEIR_PLUGIN", has_run=False)
        self.refuse(loads("HIDDEN"), "weir_plugin_v1", has_run=False)
        self.refuse(loads("WRONG_MAGIC"), "WEIR_PLUGIN")
        self.refuse(loads("FUNCTION"))
        self.refuse(loads("OTHER_MAJOR"), r"2\.0", r"1\.0")
        self.refuse(loads("NEWER_MINOR"), r"1\.7", r"1\.0")
        self.refuse(loads("SMALL_SIZE"))
        self.refuse(loads("NO_APP"), r"\.app")
        self.refuse(loads("NO_NAME"), r"\.name")
        self.refuse(loads("BAD_RUNS"), "WEIR_IN_THREAD", "WEIR_IN_COROUTINE")
        for size in (1, 16383, 67108865, 1 << 63):
            self.refuse(loads("BAD_STACK", "-DSTACK_BYTES=%dU" % size), r"\.stack_bytes = %d\b" % size,
                        r"\b0\b", r"\b16384\b", r"\b67108864\b")

    def test_links(self):
        self.refuse(loads("UNDEFINED", link=()), "weir_no_such_function", has_run=False)
        self.refuse(loads("OTHER_UNDEFINED", link=()), "somebody_elses_function", has_run=False)
        self.refuse(loads("GOOD", link=("-Wl,-rpath,$ORIGIN/lib",)), r"\$ORIGIN", has_run=False)
        unique = loads("UNIQUE", language="cxx")
        with open(unique, "rb") as f:
            data = f.read()
        if subprocess.run(["readelf", "--dyn-syms", "-W", unique], capture_output=True,
                          text=True).stdout.count("UNIQUE") and data:
            self.refuse(unique, "UNIQUE", "-fno-gnu-unique", has_run=False)

    def test_load_fails(self):
        trace = self.refuse(loads("LOAD_FAILS"), "load", "-3")
        self.assertEqual(trace, ["load"])  # no unload after a load that failed
        self.refuse(loads("LOAD_SAYS_WHY"), "cannot open /the/database: it is locked")
        self.refuse(loads("LOAD_TYPE"), r":\d+:\d+", "port", config='{"other": 1, "port": "80"}')

    def test_config(self):
        for config in ("{", '{"a": }', '{"a": 1} x'):
            self.refuse(loads("GOOD"), r"\d+:\d+", config=config)
        self.refuse(loads("SCHEMA"), "port", config="{}")
        self.refuse(loads("SCHEMA"), r"1:\d+: /port", config='{"port": "x"}')
        self.refuse(loads("SCHEMA"), r"2:\d+: /por\b", config='{"port": 1,\n "por": 1}')
        self.refuse(loads("BAD_SCHEMA"), "pattern")

    def test_starts_fail(self):
        trace = self.refuse(loads("LOOP_FAILS"), "loop_start", "-8")
        self.assertEqual(trace[-1], "unload")
        self.assertNotIn("loop_stop", trace)
        trace = self.refuse(loads("THREAD_FAILS"), "-9")
        self.assertEqual(trace[-1], "unload")
        self.assertNotIn("thread_stop", trace)

    def test_what_was_loaded_before_is_unloaded(self):
        trace = os.path.join(self.temp, "trace")
        os.environ["WEIR_TEST_TRACE"] = trace
        try:
            r = run_weir("serve", self.root, "--port", "0", "--plugin", "/a=" + loads("GOOD"),
                         "--plugin", "/b=" + loads("LOAD_FAILS"))
        finally:
            del os.environ["WEIR_TEST_TRACE"]
        self.assertEqual(r.returncode, 1)
        with open(trace) as f:
            self.assertEqual(f.read().split(), ["load", "load", "unload"])

    def test_bad_options(self):
        for value in ("/x", "=", "x=", "nothing"):
            r = run_weir("serve", self.root, "--port", "0", "--plugin", value)
            self.assertIn(r.returncode, (1, 2), value)
        r = run_weir("serve", self.root, "--port", "0", "--plugin", "/x=" + loads("GOOD"),
                     "--plugin", "/x=" + loads("GOOD"))
        self.assertEqual(r.returncode, 1)
        self.assertIn("/x", r.stderr)


class Snapshots(TempCase):
    """Plugins of earlier versions of the interface answer today."""

    def check(self, file):
        s = self.serve("--plugin", "/old=" + file)
        with Client(s) as c:
            r = c.get("/old/a?b")
            self.assertEqual(r.status, 200)
            self.assertTrue(r.body.startswith(b"all calls are there\n"), r.body)
        s.stop()

    def test_compiled_from_the_header_of_then(self):
        for version in sorted(os.listdir(os.path.join(TESTS, "abi"))):
            folder = os.path.join(TESTS, "abi", version)
            if os.path.exists(os.path.join(folder, "plugin.c")):
                self.check(build("abi/%s/plugin.c" % version, include=os.path.join(folder, "include")))

    def test_compiled_then(self):
        for version in sorted(os.listdir(os.path.join(TESTS, "abi"))):
            file = os.path.join(TESTS, "abi", version, platform.machine(), "plugin.so")
            if os.path.exists(file):
                self.check(file)


if __name__ == "__main__":
    unittest.main()
