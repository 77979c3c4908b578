"""The listings of docs/writing-plugins.md: each compiles as it stands, is mounted, and answers; and
those of docs/embedding.md: each is a part of a program of docs/examples, which compiles.

A listing is a fence with these comments right before it, the first one is required:

    <!-- listing: NAME.c METHOD TARGET [STATUS] -->   mounted at /NAME, called so; STATUS is 200
    <!-- also: METHOD TARGET [STATUS] -->             one more call, after the one before
    <!-- config: JSON -->                             with this configuration; {folder}: an empty one

and of the call before:

    <!-- sends: TEXT -->                              content of the request
    <!-- pieces: TEXT | TEXT -->                      content in chunks, each sent by itself
    <!-- has: NAME: VALUE -->                         a field of the request
    <!-- answers: TEXT -->                            the body begins so
    <!-- field: NAME: VALUE -->                       a field of the answer, or of what goes before
                                                      or behind it (103, trailers)
    <!-- comes: TEXT -->                              so much of it comes; it stays open meanwhile
    <!-- goes on: TEXT -->                            what comes then on the one that is open
    <!-- leaves: TEXT -->                             the client resets the connection when TEXT has
                                                      come, or at once where there is none
    <!-- until: TEXT -->                              called again until the body begins so

or <!-- compile: NAME.c --> for a program that is no plugin: one that includes weir/test.h is run as well,
where the plugins of the guide are and libweir is built; or
<!-- part: NAME.c --> for lines that stand so in docs/examples/NAME.c, or in plugins/NAME.c.
"""
import contextlib
import os
import re
import shlex
import subprocess
import tempfile
import textwrap
import time
import unittest

from support import PATIENCE, WEIR, Client, TempCase, eventually, sanitizer

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
GUIDE = os.path.join(TOP, "docs/writing-plugins.md")
EMBEDDING = os.path.join(TOP, "docs/embedding.md")
EXAMPLES = os.path.join(TOP, "docs/examples")
PLUGINS = os.path.join(TOP, "plugins")
PACKAGES = {"glib.c": "glib-2.0", "libuv.c": "libuv"}
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-Wshadow"]
LANGUAGES = {".c": ("c", "-std=c11"), ".cc": ("cpp", "-std=c++17")}

_COMMENT = re.compile(r"<!-- (\w+(?: \w+)?):(?: (.*))? -->")
_CALL = re.compile(r"([A-Z]+) (/\S*)(?: (\d{3}))?")
_MAIN = re.compile(r"\bint main\(|^WEIR_PLUGIN\(", re.M)


class Call:
    OF_CALL = {"sends", "pieces", "has", "answers", "field", "comes", "leaves", "until", "goes on"}

    def __init__(self, method, target, status):
        self.method, self.target, self.status = method, target, status
        self.said = {}

    def __repr__(self):
        return "%s %s" % (self.method, self.target)

    def __getattr__(self, key):
        return self.said.get(key.replace("_", " "))


class Listing:
    def __init__(self, kind, name, line):
        self.name, self.line, self.text = name, line, ""
        self.is_plugin = kind == "listing"
        self.is_part = kind == "part"
        self.stem, self.suffix = os.path.splitext(name)
        self.config, self.calls = None, []

    def __repr__(self):
        return "line %d: %s" % (self.line, self.name)

    def add_call(self, text):
        m = _CALL.fullmatch(text)
        if not m:
            raise AssertionError("%r: what call is %r?" % (self, text))
        self.calls.append(Call(m[1], m[2], int(m[3] or 200)))


def comment(listing, key, value, line):
    """The listing that a comment begins, or adds to."""
    if key in ("listing", "compile", "part"):
        if listing:
            raise AssertionError("%r: no fence follows" % listing)
        name, _, call = value.partition(" ")
        listing = Listing(key, name, line)
        if listing.suffix not in LANGUAGES:
            raise AssertionError("%r: neither .c nor .cc" % listing)
        if key == "listing":
            listing.add_call(call)
        return listing
    if not listing:
        raise AssertionError("line %d: %s belongs to no listing" % (line, key))
    if key == "also":
        listing.add_call(value)
    elif key == "config":
        listing.config = value
    elif key in Call.OF_CALL and listing.calls and key not in listing.calls[-1].said:
        listing.calls[-1].said[key] = value
    else:
        raise AssertionError("%r: what is %r?" % (listing, key))
    return listing


def read_guide(text):
    """All listings. Raises for a comment without its fence and for a whole program without one."""
    listings, waiting, inside, fence = [], None, None, None
    for line, row in enumerate(text.splitlines(), 1):
        if fence is not None:
            if row.rstrip() != "```":
                fence.append(row)
                continue
            body = "\n".join(fence) + "\n"
            if inside:
                inside.text = body
                listings.append(inside)
            elif _MAIN.search(body):
                raise AssertionError("line %d: a whole program that is not marked" % line)
            fence = inside = None
            continue
        m = _COMMENT.fullmatch(row)
        if m:
            waiting = comment(waiting, m[1], m[2] or "", line)
        elif row.startswith("```"):
            if waiting and row[3:] != LANGUAGES[waiting.suffix][0]:
                raise AssertionError("%r: is marked as %r" % (waiting, row[3:]))
            inside, waiting, fence = waiting, None, []
        elif waiting:
            raise AssertionError("%r: no fence follows" % waiting)
    if waiting or fence is not None:
        raise AssertionError("the guide ends inside a listing")
    return listings


def compiler(suffix):
    """CC and CXX as a shell would split them: they may hold options."""
    return shlex.split(os.environ.get("CC") or "cc" if suffix == ".c"
                       else os.environ.get("CXX") or "c++")


def knows(command, option):
    done = subprocess.run([*command, "-Werror", option, "-E", "-x", "c++", os.devnull],
                          stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return done.returncode == 0


def compile_listing(listing, folder):
    """The path of the plugin, or of the object file of a program."""
    source = os.path.join(folder, listing.name)
    out = os.path.join(folder, listing.stem + (".so" if listing.is_plugin else ".o"))
    with open(source, "w", encoding="utf-8") as f:
        f.write(listing.text)
    command = compiler(listing.suffix)
    how = (["-shared", "-fPIC", "-fvisibility=hidden", "-Wl,-z,defs"] if listing.is_plugin
           else ["-c"])
    if listing.suffix == ".cc" and knows(command, "-fno-gnu-unique"):
        how.append("-fno-gnu-unique")
    done = subprocess.run(
        [*command, LANGUAGES[listing.suffix][1], *WARNINGS, *how,
         "-I", os.path.join(TOP, "include"), "-o", out, source],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        check=False)
    if done.returncode != 0:
        raise AssertionError("%r does not compile:\n%s" % (listing, done.stdout))
    return out


class Guide(TempCase):
    @classmethod
    def setUpClass(cls):
        with open(GUIDE, encoding="utf-8") as f:
            listings = read_guide(f.read())
        cls.listings = [x for x in listings if not x.is_part]
        cls.parts = [x for x in listings if x.is_part]
        cls.folder = tempfile.TemporaryDirectory(prefix="weir-guide-")
        cls.addClassCleanup(cls.folder.cleanup)

    def test_compile(self):
        self.assertGreater(len(self.listings), 8)
        names = [x.stem for x in self.listings]
        self.assertEqual(len(names), len(set(names)), "a name stands twice: %r" % names)
        for listing in self.listings:
            with self.subTest(listing=repr(listing)):
                compile_listing(listing, self.folder.name)

    def test_parts_of_plugins(self):
        self.assertGreater(len(self.parts), 3)
        for x in self.parts:
            with self.subTest(listing=repr(x)), open(os.path.join(PLUGINS, x.name), encoding="utf-8") as f:
                self.assertTrue(is_part_of(x.text, f.read()), "is not so in the plugin")

    def test_tests_run(self):
        library = os.path.join(os.path.dirname(WEIR), "libweir.so")
        if sanitizer() or not os.path.exists(library):
            self.skipTest("no libweir that a program could be linked with")
        for x in self.listings:
            if x.is_plugin:
                compile_listing(x, self.folder.name)
        for x in self.listings:
            if "<weir/test.h>" not in x.text:
                continue
            with self.subTest(listing=repr(x)):
                program = os.path.join(self.folder.name, x.stem)
                for command in ([*compiler(".c"), "-o", program, compile_listing(x, self.folder.name),
                                 library, "-lcmocka", "-Wl,-rpath," + os.path.dirname(library)],
                                [program]):
                    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                          stderr=subprocess.STDOUT, text=True, check=False,
                                          cwd=self.folder.name, timeout=60)
                    self.assertEqual(done.returncode, 0, done.stdout)

    def test_answer(self):
        plugins = [x for x in self.listings if x.is_plugin]
        options = []
        for x in plugins:
            value = "/%s=%s" % (x.stem, compile_listing(x, self.folder.name))
            if x.config:
                value += ":" + x.config.replace("{folder}", self.temp)
            options += ["--plugin", value]
        with self.serve(*options) as server:
            for listing in plugins:
                with contextlib.ExitStack() as stack:
                    self.run_calls(server, listing, stack)

    def run_calls(self, server, listing, stack):
        waits = None  # the one that is open
        for call in listing.calls:
            with self.subTest(listing=repr(listing), call=call):
                client = Recorder(server)
                stack.callback(client.reset)  # after a mere close a stream that is silent would go on
                ask(client, call)
                if call.goes_on is not None:
                    await_text(waits, call.goes_on)
                if call.leaves is not None:
                    if call.leaves:
                        await_text(client, call.leaves)
                    client.reset()
                elif call.comes is not None:
                    self.assertEqual(client.read_head().status, call.status)
                    await_text(client, call.comes)
                    waits = client
                else:
                    self.check_answer(server, client, call)

    def check_answer(self, server, client, call):
        wanted = (call.answers or call.until or "").encode()
        r, raw = read(client, call)

        def fits():
            nonlocal r, raw
            if not r.body.startswith(wanted):
                r, raw = once(server, call)
            return r.body.startswith(wanted)
        if call.until is not None:
            eventually(fits)
        self.assertEqual(r.status, call.status, r.body[:500])
        self.assertTrue(r.body.startswith(wanted), r.body[:500])
        if call.field:
            self.assertIn("\r\n%s\r\n" % call.field, raw)


def ask(client, call):
    fields = [call.has] if call.has else []
    if call.pieces is not None:
        client.request(call.target, *fields, "Transfer-Encoding: chunked", method=call.method)
        for piece in call.pieces.split(" | "):
            client.send("%x\r\n%s\r\n" % (len(piece), piece))
        client.send("0\r\n\r\n")
        return
    content = (call.sends or "").encode()
    if content or call.method in ("POST", "PUT"):
        fields.append("Content-Length: %d" % len(content))
    client.request(call.target, *fields, method=call.method, body=content)


class Recorder(Client):
    """Of which all that came is kept."""

    def __init__(self, server):
        super().__init__(server)
        self.raw = b""

    def fill(self):
        before = len(self.buffer)
        more = super().fill()
        self.raw += self.buffer[before:]
        return more


def await_text(client, text):
    """In the bytes that come, framing and all. A heartbeat is no reason to wait for ever."""
    end = time.monotonic() + PATIENCE
    while text.encode() not in client.buffer:
        if time.monotonic() > end or not client.fill():
            raise AssertionError("%r does not come, but %r" % (text, client.buffer[-500:]))
    client.buffer = client.buffer.split(text.encode(), 1)[1]


def read(client, call):
    """The response, and all bytes that came as text."""
    r = client.read(call.method)
    return r, client.raw.decode("latin-1")


def once(server, call):
    with Recorder(server) as client:
        ask(client, call)
        return read(client, call)


def is_part_of(part, whole):
    """Are these lines in it, one after the other? They may stand further in there."""
    part, whole = part.splitlines(), whole.splitlines()
    n = len(part)
    return any(textwrap.dedent("\n".join(whole[i:i + n])).splitlines() == part
               for i in range(len(whole) - n + 1))


class Embedding(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with open(EMBEDDING, encoding="utf-8") as f:
            cls.text = f.read()
        cls.listings = read_guide(cls.text)
        cls.sources = {}
        for name in sorted(os.listdir(EXAMPLES)):
            if name.endswith(".c"):
                with open(os.path.join(EXAMPLES, name), encoding="utf-8") as f:
                    cls.sources[name] = f.read()

    def test_all_are_parts(self):
        self.assertEqual(len(self.listings), len(re.findall(r"^```c$", self.text, re.M)))
        for listing in self.listings:
            with self.subTest(listing=repr(listing)):
                self.assertTrue(listing.is_part)
                self.assertTrue(is_part_of(listing.text, self.sources[listing.name]),
                                "is not so in the example")
        self.assertEqual({x.name for x in self.listings}, set(self.sources))

    def test_examples_compile(self):
        for name in self.sources:
            with self.subTest(name=name):
                flags = self.flags_of(PACKAGES[name]) if name in PACKAGES else []
                done = subprocess.run(
                    [*compiler(".c"), "-std=gnu17", *WARNINGS, *flags, "-fsyntax-only",
                     "-I", os.path.join(TOP, "include"), os.path.join(EXAMPLES, name)],
                    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                    text=True, check=False)
                self.assertEqual(done.returncode, 0, done.stdout)

    def flags_of(self, package):
        """Its headers are not ours to warn of."""
        try:
            done = subprocess.run(["pkg-config", "--cflags", package], stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL, text=True, check=False)
        except FileNotFoundError:
            self.skipTest("there is no pkg-config")
        if done.returncode != 0:
            self.skipTest("%s is not here" % package)
        return shlex.split(done.stdout.replace("-I", "-isystem "))


class Extraction(unittest.TestCase):
    """That the guide's reader sees what it must not overlook."""

    def fails(self, text):
        with self.assertRaises(AssertionError):
            read_guide(text)

    def test_marks(self):
        text = ("<!-- listing: a.c POST /a?b 404 -->\n<!-- sends: x y -->\n<!-- answers: z -->\n"
                "<!-- also: GET /a -->\n<!-- goes on: it -->\n<!-- leaves: -->\n<!-- config: {\"k\": 1} -->\n```c\none\n\ntwo\n```\n"
                "\n```sh\nls\n```\n<!-- compile: b.cc -->\n```cpp\nint main() {}\n```\n")
        a, b = read_guide(text)
        first, second = a.calls
        self.assertEqual((a.name, a.text, a.config), ("a.c", "one\n\ntwo\n", '{"k": 1}'))
        self.assertEqual((first.method, first.target, first.status), ("POST", "/a?b", 404))
        self.assertEqual((first.sends, first.answers, first.leaves), ("x y", "z", None))
        self.assertEqual((repr(second), second.status), ("GET /a", 200))
        self.assertEqual((second.sends, second.goes_on, second.leaves), (None, "it", ""))
        self.assertEqual((b.is_plugin, b.suffix, b.calls), (False, ".cc", []))

    def test_faults(self):
        mark = "<!-- listing: a.c GET /a -->\n"
        self.assertEqual(len(read_guide(mark + "```c\nx\n```\n")), 1)
        self.fails(mark + "\n```c\nx\n```\n")
        self.fails(mark + mark + "```c\nx\n```\n")
        self.fails(mark + "```cpp\nx\n```\n")
        self.fails(mark + "```c\nx\n")
        self.fails(mark)
        self.fails("<!-- answers: x -->\n```c\nx\n```\n")
        self.fails("<!-- listing: a.c GET -->\n```c\nx\n```\n")
        self.fails("<!-- listing: a.rs GET /a -->\n```c\nx\n```\n")
        self.fails(mark + "<!-- answer: x -->\n```c\nx\n```\n")
        self.fails(mark + "<!-- sends: x -->\n<!-- sends: y -->\n```c\nx\n```\n")
        self.fails("<!-- compile: a.c -->\n<!-- sends: x -->\n```c\nx\n```\n")
        self.fails("```c\nWEIR_PLUGIN(.name = \"a\");\n```\n")

    def test_parts(self):
        (part,) = read_guide("<!-- part: a.c -->\n```c\nx;\n    y;\n```\n")
        self.assertTrue(part.is_part)
        self.assertTrue(is_part_of(part.text, "{\n    x;\n        y;\n}\n"))
        self.assertTrue(is_part_of(part.text, "x;\n    y;\n"))
        self.assertFalse(is_part_of(part.text, "x;\n\n    y;\n"))
        self.assertFalse(is_part_of(part.text, "x;\ny;\n"))
        self.assertFalse(is_part_of(part.text, "x;\n"))


if __name__ == "__main__":
    unittest.main()
