"""The examples as a reader builds them: out of the tree, against the installed headers alone, by the
line of their README and by their own CMakeLists.txt; then mounted and called."""
import os
import re
import shlex
import shutil
import subprocess
import tempfile
import unittest

from support import Client, TempCase

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PLUGINS = os.path.join(TOP, "plugins")
COMPILERS = {"cc": os.environ.get("CC") or "cc", "c++": os.environ.get("CXX")}
# name: method, path below the route, content, what the answer has
CALLS = {
    "hello": ("GET", "", b"", b"Hello, World!\n"),
    "environ": ("GET", "/a%20b?x=1", b"", b"PATH_INFO=/a b\n"),
    "echo": ("POST", "", b"there and back", b"there and back"),
    "stream": ("GET", "?n=3", b"", b"3"),
    "sleep": ("GET", "?ms=1", b"", b"slept for 1 ms"),
    "jsonapi": ("GET", "/notes", b"", b"["),
    "cxx": ("GET", "?name=a", b"", b""),
    "events": ("HEAD", "", b"", b""),  # their streams have no end: test_events.py reads them
    "chat": ("POST", "", b"a line", b""),
    "monitor": ("GET", "", b"", b"EventSource"),
    "upload": ("PUT", "/a", b"a file", b"stored\n"),
    # without a backend; test_three.py, test_fetch.py and test_query.py have one
    "three": ("POST", "", b"{", b"error"),
    "fetch": ("GET", "/", b"", b"502"),
    "query": ("GET", "", b"", b"error"),
}
STATUSES = {"chat": 204, "upload": 201, "three": 400, "fetch": 502, "query": 503}  # else 200
CONFIGS = {"upload": '{"folder": "%(root)s"}', "three": '{"port": 1}',
           "fetch": '{"backend": "http://127.0.0.1:1"}',
           "query": '{"connect": "host=%(root)s", "statement": "select 1"}'}
NEEDS = {"fetch": "libcurl", "query": "libpq"}  # libraries that a machine may not have


def setUpModule():
    """Installs the headers, as `cmake --install` does it."""
    global prefix
    prefix = tempfile.TemporaryDirectory(prefix="weir-installed-")
    subprocess.run(["cmake", "--install", os.environ["WEIR_BUILD"], "--prefix", prefix.name,
                    "--component", "headers"], check=True, capture_output=True)


def tearDownModule():
    prefix.cleanup()


def examples():
    return sorted(name for name in os.listdir(PLUGINS) if os.path.exists(
        os.path.join(PLUGINS, name, "README.md")))


def buildable():
    """Where a library is missing, Weir's own tree has left the example out too."""
    return [name for name in examples() if name not in NEEDS or
            os.path.exists(os.path.join(os.environ["WEIR_BUILD"], "plugins", name, name + ".so"))]


def lines_of(name):
    """The compiler's lines in the README, one for each plugin."""
    with open(os.path.join(PLUGINS, name, "README.md"), encoding="utf-8") as f:
        return re.findall(r"^    ((?:cc|c\+\+) .*-o \S+\.so .*)$", f.read(), re.M)


def file_of(line):
    args = shlex.split(line)
    return args[args.index("-o") + 1]


class Examples(TempCase):
    def copy(self, name):
        """A copy of the example alone, so that nothing of the tree around it can help."""
        return shutil.copytree(os.path.join(PLUGINS, name), os.path.join(self.root, name))

    def run_in(self, folder, *args):
        done = subprocess.run(args, cwd=folder, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, "%s\n%s%s" % (shlex.join(args), done.stdout, done.stderr))

    def compiler_of(self, name):
        compiler = COMPILERS[lines_of(name)[0].split()[0]]
        if not compiler:
            self.skipTest("no C++ compiler")
        return compiler

    def build_by_lines(self, name):
        folder = self.copy(name)
        for line in lines_of(name):
            self.run_in(folder, self.compiler_of(name), "-Wall", "-Wextra", "-Wpedantic", "-Werror",
                        "-Wshadow", "-I", os.path.join(prefix.name, "include"), *shlex.split(line)[1:])
        return [os.path.join(folder, file_of(line)) for line in lines_of(name)]

    def build_by_cmake(self, name):
        folder = self.copy(name)
        language = "C" if lines_of(name)[0].startswith("cc ") else "CXX"
        self.run_in(folder, "cmake", "-S", ".", "-B", "build", "-DCMAKE_PREFIX_PATH=" + prefix.name,
                    "-DCMAKE_%s_COMPILER=%s" % (language, self.compiler_of(name)))
        self.run_in(folder, "cmake", "--build", "build")
        return [os.path.join(folder, "build", file_of(line)) for line in lines_of(name)]

    def call(self, name, plugin):
        method, target, content, answer = CALLS[name]
        config = CONFIGS.get(name, "{}") % {"root": self.root}
        with self.serve("--plugin", "/x/%s=%s:%s" % (name, plugin, config)) as server, \
                Client(server) as client:
            r = client.get("/x/" + name + target, "Content-Length: %d" % len(content), method=method,
                           body=content)
            self.assertEqual(r.status, STATUSES.get(name, 200), name)
            self.assertIn(answer, r.body, name)

    def test_each_is_called_here(self):
        self.assertEqual(examples(), sorted(CALLS))

    def test_line_of_the_readme(self):
        for name in buildable():
            with self.subTest(name):
                for plugin in self.build_by_lines(name):
                    self.call(name, plugin)

    def test_own_cmake(self):
        for name in buildable():
            with self.subTest(name):
                for plugin in self.build_by_cmake(name):
                    self.call(name, plugin)

    def test_headers_alone_are_installed(self):
        self.assertEqual(sorted(os.listdir(os.path.join(prefix.name, "include"))), ["weir"])
        self.assertEqual(sorted(os.listdir(os.path.join(prefix.name, "include", "weir"))),
                         ["app.h", "sse.h"])


if __name__ == "__main__":
    unittest.main()
