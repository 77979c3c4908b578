"""The configurations of docs/configuration.md and docs/deploy/weir.json: `weir check` takes each one.

One of the guide is a fence with this comment right before it:

    <!-- file: NAME.json -->

and one that is refused is followed by a fence with what is said about it, all lines of it:

    <!-- says: NAME.json -->

Each is checked in a temp folder, where what it names is made: folders, plugins, pages. Absolute paths
lead there, and a user is the one who runs the test.
"""
import json
import os
import pwd
import re
import shutil
import unittest

from support import TempCase, run_weir, write_file

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
GUIDE = os.path.join(TOP, "docs/configuration.md")
FIRST = os.path.join(TOP, "docs/deploy/weir.json")
MANUAL = os.path.join(TOP, "docs/weir.conf.5")
TABLE = os.path.join(TOP, "core/config/options.def")

_COMMENT = re.compile(r"<!-- (file|says): (\w+\.json) -->")
_STRING_OR_COMMENT = re.compile(r'("(?:\\.|[^"\\\n])*")|//[^\n]*|/\*.*?\*/', re.S)
_ABSOLUTE = re.compile(r'"(unix:)?(/(?:srv|usr|var|run|etc)/)')


def without_comments(text):
    return _STRING_OR_COMMENT.sub(lambda m: m[1] or " ", text)


def once(pairs):
    keys = [k for k, _ in pairs]
    if len(keys) != len(set(keys)):
        raise AssertionError("a key stands twice: %r" % keys)
    return dict(pairs)


def read(text):
    return json.loads(without_comments(text), object_pairs_hook=once)


def read_guide(text):
    """(name -> text, name -> lines that are said). Raises for a comment without its fence, and for
    a whole configuration without a comment."""
    files, says, waiting, fence = {}, {}, None, None
    for line, row in enumerate(text.splitlines(), 1):
        if fence is not None:
            if row.rstrip() != "```":
                fence.append(row)
                continue
            body = "\n".join(fence) + "\n"
            if waiting:
                (files if waiting[0] == "file" else says)[waiting[1]] = body
            elif '"routes"' in body:
                raise AssertionError("line %d: a whole configuration that is not marked" % line)
            waiting = fence = None
            continue
        m = _COMMENT.fullmatch(row)
        if waiting and not row.startswith("```"):
            raise AssertionError("line %d: no fence follows %s" % (line, waiting[1]))
        if m:
            if m[2] in (files if m[1] == "file" else says):
                raise AssertionError("line %d: %s stands twice" % (line, m[2]))
            waiting = m[1], m[2]
        elif row.startswith("```"):
            fence = []
    if waiting or fence is not None:
        raise AssertionError("the guide ends inside a configuration")
    if set(says) - set(files):
        raise AssertionError("said of no file: %r" % (set(says) - set(files)))
    return files, says


def load():
    with open(GUIDE, encoding="utf-8") as g, open(FIRST, encoding="utf-8") as f:
        files, says = read_guide(g.read())
        return dict(files, **{"weir.json": f.read()}), says


def commented_out(text):
    """With what stands in comments as well, where a comment is a line of configuration."""
    return re.sub(r'^(\s*)// (?=\s*(?:"|, |\{|\]|\}))', r"\1", text, flags=re.M)


class Files(TempCase):
    """What every one is, whether it is right or not; and `weir check`."""

    def routes(self, tree):
        for route in tree.get("routes", []):
            yield route
        for host in tree.get("hosts", []):
            yield from host.get("routes", [])

    def make_folder(self, path):
        os.makedirs(os.path.join(self.root, path), exist_ok=True)

    def make_plugin(self, value, folder):
        path = value if "/" in value else os.path.join(folder, value)
        path = os.path.normpath(os.path.join(self.root, path if path.endswith(".so") else path + ".so"))
        name = os.path.basename(path)[:-len(".so")]
        os.makedirs(os.path.dirname(path), exist_ok=True)
        shutil.copy(os.path.join(os.environ["WEIR_BUILD"], "plugins", name, name + ".so"), path)

    def make(self, tree):
        """What a configuration names."""
        for route in self.routes(tree):
            if "static" in route:
                self.make_folder(route["static"])
                if "fallback" in route:  # one that is not there is warned of
                    page = os.path.join(route["static"], route["fallback"].lstrip("/"))
                    write_file(os.path.join(self.root, page), "<!doctype html><title>App</title>")
            if "plugin" in route:
                self.make_plugin(route["plugin"], tree.get("plugin_folder"))
        for log in ("log", "access_log"):
            if "/" in tree.get(log, {}).get("file", ""):
                self.make_folder(os.path.dirname(tree[log]["file"]))
        for pages in [tree] + tree.get("hosts", []):
            for page in pages.get("error_pages", {}).values():
                self.make_folder(os.path.dirname(page))
                write_file(os.path.join(self.root, page), "<!doctype html><title>Error</title>")

    def place(self, name, text):
        """Written into the temp folder, with its lines where they were."""
        text = _ABSOLUTE.sub(lambda m: '"%s%s%s' % (m[1] or "", self.root, m[2]), text)
        text = re.sub(r'"user": "\w+"', '"user": "%s"' % pwd.getpwuid(os.getuid()).pw_name, text)
        self.make(read(text))
        write_file(self.path(name), text)

    def check(self, name, text):
        self.place(name, text)
        r = run_weir("check", name, cwd=self.root)
        self.assertEqual((r.returncode, r.stderr), (0, ""), name)

    def test_check(self):
        files, says = load()
        self.assertGreater(len(files), 10)
        for name in sorted(set(files) - set(says)):
            with self.subTest(name=name):
                self.check(name, files[name])

    def test_errors(self):
        files, says = load()
        self.assertTrue(says)
        for name, expected in says.items():
            with self.subTest(name=name):
                self.place(name, files[name])
                r = run_weir("check", name, cwd=self.root)
                self.assertEqual((r.returncode, r.stdout), (1, ""), r.stderr)
                self.assertEqual(r.stderr, expected)

    def test_what_the_first_file_has_as_comments(self):
        with open(FIRST, encoding="utf-8") as f:
            text = commented_out(f.read())
        tree = read(text)
        for key in ("user", "log", "error_pages", "hosts", "plugin_folder"):
            self.assertIn(key, tree)
        self.assertEqual(len(tree["routes"]), 3)
        self.check("weir.json", text)

    def test_examples_of_the_manual(self):
        with open(MANUAL, encoding="utf-8") as f:
            text = f.read()
        text = text[text.index("\n.Sh EXAMPLES"):]
        blocks = re.findall(r"^\.Bd -literal[^\n]*\n(.*?)^\.Ed", text, re.M | re.S)
        blocks = [b for b in blocks if b.lstrip().startswith(("{", "//"))]
        self.assertGreaterEqual(len(blocks), 3)
        for i, block in enumerate(blocks):
            with self.subTest(example=i):
                self.check("example.json", block.replace("\\(dq", '"').replace("\\e", "\\"))


class Keys(unittest.TestCase):
    """Against the table alone: what can be seen without the program."""

    def keys(self):
        sections = {}
        with open(TABLE, encoding="utf-8") as f:
            rows = re.findall(r"^(?!BEGIN|END)[A-Z_]+\((\w+), (\w+)", f.read(), re.M)
        for section, key in rows:
            sections.setdefault(section, set()).add(key)
        self.assertGreater(len(rows), 40)
        return sections

    def walk(self, tree, section, keys, name):
        parts = {"routes": "route", "hosts": "host", "rules": "rule"}
        for key, value in tree.items():
            self.assertIn(key, keys[section], name)
            if key in ("limits", "timeouts", "log", "access_log"):
                self.walk(value, key, keys, name)
            elif key in parts:
                for item in value:
                    self.walk(item, parts[key], keys, name)

    def test_keys_are_known(self):
        files, says = load()
        keys = self.keys()
        for name in set(files) - set(says):
            self.walk(read(files[name]), "root", keys, name)

    def test_the_guide_tells_the_defaults(self):
        """The table of limits and timeouts."""
        with open(GUIDE, encoding="utf-8") as g, open(TABLE, encoding="utf-8") as f:
            rows = re.findall(r"^\| `(limits|timeouts)\.(\w+)` \| (\d+)(?: (\w+))? \|", g.read(), re.M)
            table = {(s, k): int(n) for s, k, n in
                     re.findall(r"^NUMBER\((\w+), (\w+), (\d+),", f.read(), re.M)}
        units = {"": 1, "KiB": 1024, "MiB": 1024 * 1024, "s": 1000}
        told = {(s, k): int(n) * units[unit] for s, k, n, unit in rows}
        self.assertEqual(told, {k: v for k, v in table.items() if k[0] in ("limits", "timeouts")})


class Extraction(unittest.TestCase):
    """That the reader of the guide sees what it must not overlook."""

    def test_marks(self):
        text = ("<!-- file: a.json -->\n```jsonc\n{}\n```\ntext\n<!-- says: a.json -->\n```text\nx\n```\n"
                "```sh\nls\n```\n")
        self.assertEqual(read_guide(text), ({"a.json": "{}\n"}, {"a.json": "x\n"}))

    def test_faults(self):
        mark, fence = "<!-- file: a.json -->\n", "```jsonc\n{}\n```\n"
        for text in (mark, mark + "\n" + fence, mark + mark + fence, mark + fence + mark + fence,
                     mark + "```jsonc\n", "<!-- says: a.json -->\n" + fence,
                     '```jsonc\n{"routes": []}\n```\n'):
            with self.assertRaises(AssertionError, msg=text):
                read_guide(text)

    def test_comments(self):
        self.assertEqual(read('{"a": "//x", /* "b": 1\n */ "c": 2 // }\n}'), {"a": "//x", "c": 2})
        with self.assertRaises(AssertionError):
            read('{"a": 1, "a": 2}')


if __name__ == "__main__":
    unittest.main()
