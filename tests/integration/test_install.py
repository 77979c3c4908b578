"""`cmake --install` into an empty folder, and what people build from it: host programs by pkg-config
and by find_package, with libweir.so and with libweir.a, in C and in C++, and a plugin. Everything
twice: where it was installed, and after the whole tree has been moved."""
import contextlib
import http.client
import os
import re
import shlex
import shutil
import subprocess
import tempfile
import unittest

import support
from support import PATIENCE, Client, TempCase, write_file

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ["WEIR_BUILD"]
CC = os.environ.get("CC") or "cc"
CXX = os.environ.get("CXX")
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Werror"]
HEADERS = ["app.h", "error.h", "server.h", "sse.h", "test.h", "version.h", "weir.h"]

HOST = r"""
#include <weir/weir.h>

#include <stdio.h>

int main(int argc, char **argv)
{
    weir_server *s = weir_server_new();

    if (!s || argc != 2)
        return 2;
    if (weir_server_set_folder(s, argv[1]) < 0 || weir_server_listen(s, "127.0.0.1:0") < 0 ||
        weir_server_start(s) < 0) {
        fprintf(stderr, "%s\n", weir_server_error(s));
        return 1;
    }
    printf("%s\n", weir_server_address(s, 0));
    fflush(stdout);
    getchar();
    weir_server_stop(s, 0);
    if (weir_server_wait(s) < 0)
        return 1;
    weir_server_free(s);
    return 0;
}
"""

PLUGIN = r"""
#include <weir/app.h>

static weir_body answer(weir_environ *env, weir_start_response *start_response)
{
    start_response(env, 200, WEIR_HEADERS({"Content-Type", "text/plain"}));
    return weir_text("of a plugin\n");
}

WEIR_PLUGIN(.name = "answer", .app = answer, .runs = WEIR_ON_LOOP);
"""

PROJECT = """
cmake_minimum_required(VERSION 3.18)
project(host LANGUAGES %(language)s)
find_package(weir %(version)s REQUIRED)
add_executable(host_shared host.%(suffix)s)
target_link_libraries(host_shared PRIVATE weir::weir)
add_executable(host_static host.%(suffix)s)
target_link_libraries(host_static PRIVATE weir::weir_static)
"""


def run(*args, **how):
    return subprocess.run(args, capture_output=True, text=True, **how)


def output(*args, **how):
    done = run(*args, **how)
    if done.returncode:
        raise AssertionError("%s\n%s%s" % (shlex.join(args), done.stdout, done.stderr))
    return done.stdout


def files_below(folder):
    return {os.path.relpath(os.path.join(path, name), folder)
            for path, _, names in os.walk(folder) for name in names}


def version():
    """(major, version) of the project."""
    with open(os.path.join(TOP, "CMakeLists.txt"), encoding="utf-8") as f:
        found = re.search(r"^project\(weir VERSION ((\d+)\.\d+\.\d+)", f.read(), re.M)
    return found[2], found[1]


def needed(binary):
    return re.findall(r"\(NEEDED\).*\[(.*)\]", output("readelf", "-dW", binary))


class InstalledCase(TempCase):
    """self.prefix: of this class, for all of its tests."""

    @classmethod
    def setUpClass(cls):
        cls.above = tempfile.mkdtemp(prefix="weir-install-")
        cls.addClassCleanup(shutil.rmtree, cls.above, ignore_errors=True)
        cls.prefix = os.path.join(cls.above, "first")
        output("cmake", "--install", BUILD, "--prefix", cls.prefix)
        cls.place()
        found = [path for path in files_below(cls.prefix) if path.endswith("/pkgconfig/weir.pc")]
        assert len(found) == 1, found
        cls.libdir_name = os.path.dirname(os.path.dirname(found[0]))
        cls.libdir = os.path.join(cls.prefix, cls.libdir_name)

    @classmethod
    def place(cls):
        """Where the tree is to stand."""

    def setUp(self):
        super().setUp()
        write_file(self.path("index.html"), "of the folder\n")

    def temp_path(self, name):
        return os.path.join(self.temp, name)


class Content(InstalledCase):
    def expected(self):
        major, full = version()
        lib = self.libdir_name
        files = {"bin/weir", *("include/weir/" + header for header in HEADERS),
                 *("%s/libweir.so%s" % (lib, end) for end in ("", "." + major, "." + full)),
                 lib + "/libweir.a", lib + "/pkgconfig/weir.pc",
                 *("%s/cmake/weir/%s.cmake" % (lib, name)
                   for name in ("weirConfig", "weirConfigVersion", "weirTargets"))}
        for page in os.listdir(os.path.join(TOP, "docs")):
            if re.search(r"\.[1-9]$", page):
                files.add("share/man/man%s/%s" % (page[-1], page))
        www = os.path.join(TOP, "www")
        return files | {"share/weir/www/" + name for name in files_below(www)}

    def test_files(self):
        files = {f for f in files_below(self.prefix)  # one for each kind of build: its flags
                 if not re.search(r"/weirTargets-\w+\.cmake$", f)}
        self.assertEqual(sorted(files), sorted(self.expected()))

    def test_nothing_names_a_folder_of_this_machine(self):
        cmake = os.path.join(self.libdir, "cmake/weir")
        for path in (os.path.join(self.libdir, "pkgconfig/weir.pc"),
                     *(os.path.join(cmake, name) for name in os.listdir(cmake))):
            with open(path, encoding="utf-8") as f:
                text = f.read()
            for folder in (self.prefix, os.path.realpath(BUILD), TOP):
                self.assertNotIn(folder, text, path)
            self.assertNotRegex(text, r"(?<![}\w.])/[\w./-]+\.(so|a)\b", path)

    def test_headers_alone(self):
        empty = write_file(self.temp_path("empty.c"), "extern int nothing_else;\n")
        languages = [(CC, "-std=c11", "-xc"), (CC, "-std=c17", "-xc")]
        if CXX:
            languages.append((CXX, "-std=c++17", "-xc++"))
        for compiler, *flags in languages:
            for header in HEADERS:
                with self.subTest(header=header, flags=flags):
                    output(compiler, *flags, *WARNINGS, "-fsyntax-only", "-I",
                           os.path.join(self.prefix, "include"), "-include", "weir/" + header, empty)


class SharedLibrary(InstalledCase):
    def setUp(self):
        super().setUp()
        self.library = os.path.join(self.libdir, "libweir.so")

    def declared(self):
        """The functions that the preprocessed headers declare with default visibility."""
        both = write_file(self.temp_path("both.c"),
                          "#include <weir/weir.h>\n#include <weir/test.h>\n")
        text = output(CC, "-E", "-P", "-I", os.path.join(self.prefix, "include"), both)
        return set(re.findall(r'__attribute__\s*\(\(visibility\("default"\)\)\)[^;(){}]*?(\w+)\s*\(',
                              text))

    def exported(self):
        """Name -> version of all that it defines for others, but for the version itself."""
        lines = output("nm", "-D", "--defined-only", self.library).splitlines()
        names = [line.split()[-1] for line in lines if line.split()[-2] != "A"]
        return dict(name.split("@@") if "@@" in name else (name, None) for name in names)

    def test_soname(self):
        self.assertIn("[libweir.so.%s]" % version()[0], re.search(
            r"\(SONAME\).*", output("readelf", "-dW", self.library))[0])

    def test_needs_what_is_documented_and_libc(self):
        self.assertEqual(sorted(n.split(".so")[0] for n in needed(self.library)),
                         ["libbrotlienc", "libc", "libjansson", "libz", "libzstd"])

    def test_runs_from_any_folder(self):
        self.assertNotRegex(output("readelf", "-dW", self.library), r"R(UN)?PATH|TEXTREL")

    def test_every_export_is_versioned(self):
        versions = set(self.exported().values())
        self.assertEqual(versions, {"WEIR_%s" % version()[0]})

    def test_nothing_else_is_exported(self):
        self.assertEqual(sorted(set(self.exported()) - self.declared()), [])

    def test_every_declared_function_is_exported(self):
        self.assertGreater(len(self.declared()), 20)
        self.assertEqual(sorted(self.declared() - set(self.exported())), [])


class Builds:
    """What is built from the prefix. A mixin, for two places."""

    def pkg_config(self, *args):
        env = dict(os.environ, PKG_CONFIG_PATH=os.path.join(self.libdir, "pkgconfig"))
        return shlex.split(output("pkg-config", *args, "weir", env=env))

    @contextlib.contextmanager
    def host(self, program, **env):
        """A host that runs, and must end with 0; gives its address."""
        process = subprocess.Popen([program, self.root], stdin=subprocess.PIPE, text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   env=dict(os.environ, **env))
        try:
            yield process.stdout.readline().strip()
            _, errors = process.communicate("\n", timeout=PATIENCE)
            self.assertEqual((process.returncode, errors), (0, ""))
        finally:
            process.kill()
            process.communicate()

    def serves(self, program, is_shared, **env):
        libraries = [n for n in needed(program) if "weir" in n]
        self.assertEqual(libraries, ["libweir.so." + version()[0]] if is_shared else [])
        with self.host(program, **env) as address:
            client = http.client.HTTPConnection(address, timeout=PATIENCE)
            client.request("GET", "/")
            answer = client.getresponse()
            self.assertEqual((answer.status, answer.read()), (200, b"of the folder\n"))
            client.close()

    def compile(self, compiler, language, flags, libraries):
        """host.c in the temp folder, compiled as that language."""
        source = write_file(self.temp_path("host.c"), HOST)
        program = self.temp_path("host")
        output(compiler, *language, *WARNINGS, *flags, "-o", program, source, "-xnone", *libraries,
               cwd=self.temp)
        return program

    def languages(self):
        yield CC, ["-std=c11", "-xc"]
        if CXX:
            yield CXX, ["-std=c++17", "-xc++"]

    def test_pkg_config_shared(self):
        for compiler, language in self.languages():
            with self.subTest(compiler):
                program = self.compile(compiler, language, self.pkg_config("--cflags"),
                                       self.pkg_config("--libs"))
                self.serves(program, True, LD_LIBRARY_PATH=self.libdir)

    def test_pkg_config_static(self):
        """As the README says it: by the archive's name, for -lweir takes libweir.so beside it."""
        libraries = ["-l:libweir.a" if word == "-lweir" else word
                     for word in self.pkg_config("--static", "--libs")]
        self.assertIn("-l:libweir.a", libraries)
        for compiler, language in self.languages():
            with self.subTest(compiler):
                self.serves(self.compile(compiler, language, self.pkg_config("--cflags"), libraries),
                            False)

    def test_static_where_there_is_no_shared_one(self):
        alone = self.temp_path("alone")
        os.mkdir(alone)
        shutil.copy(os.path.join(self.libdir, "libweir.a"), alone)
        libraries = self.pkg_config("--static", "--libs")
        self.serves(self.compile(CC, ["-std=c11"], self.pkg_config("--cflags"),
                                 ["-L" + alone, *(w for w in libraries if w[:2] != "-L")]), False)

    def test_archive_is_machine_code_alone(self):
        sections = output("objdump", "-hw", os.path.join(self.libdir, "libweir.a"))
        self.assertIn(".text", sections)
        self.assertNotIn(".gnu.lto", sections)

    def configure(self, language, version):
        write_file(self.temp_path("CMakeLists.txt"), PROJECT % {
            "language": language, "version": version, "suffix": {"C": "c", "CXX": "cc"}[language]})
        write_file(self.temp_path("host.c"), HOST)
        write_file(self.temp_path("host.cc"), HOST)
        return run("cmake", "-S", self.temp, "-B", self.temp_path("build"),
                   "-DCMAKE_PREFIX_PATH=" + self.prefix, "-DCMAKE_%s_COMPILER=%s" % (
                       language, {"C": CC, "CXX": CXX}[language]))

    def by_find_package(self, language):
        done = self.configure(language, "0.1")
        self.assertEqual(done.returncode, 0, done.stderr)
        output("cmake", "--build", self.temp_path("build"))
        self.serves(self.temp_path("build/host_shared"), True)
        self.serves(self.temp_path("build/host_static"), False)

    def test_find_package(self):
        self.by_find_package("C")

    def test_find_package_without_c(self):
        if not CXX:
            self.skipTest("no C++ compiler")
        self.by_find_package("CXX")

    def test_find_package_of_another_version(self):
        for other in ("1", "0.99"):
            with self.subTest(other):
                done = self.configure("C", other)
                self.assertNotEqual(done.returncode, 0)
                self.assertIn('is compatible with requested version "%s"' % other,
                              " ".join(done.stderr.split()))

    def test_find_package_of_an_older_version(self):
        """SameMajorVersion, as the soname is."""
        self.assertEqual(self.configure("C", "0.0.1").returncode, 0)

    def test_program_with_a_plugin(self):
        """From app.h alone, by the line of the README; in the program that lies in the prefix."""
        source = write_file(self.temp_path("answer.c"), PLUGIN)
        plugin = self.temp_path("answer.so")
        include = self.temp_path("include/weir")
        os.makedirs(include)
        shutil.copy(os.path.join(self.prefix, "include/weir/app.h"), include)
        output(CC, "-shared", "-fPIC", "-fvisibility=hidden", "-Wl,-z,defs", "-I",
               os.path.dirname(include), "-o", plugin, source)
        before, support.WEIR = support.WEIR, os.path.join(self.prefix, "bin/weir")
        try:
            with self.serve("--plugin", "/x=" + plugin) as server, Client(server) as client:
                self.assertEqual(client.get("/x").body, b"of a plugin\n")
                self.assertEqual(client.get("/").body, b"of the folder\n")
        finally:
            support.WEIR = before


class WhereItWasInstalled(Builds, InstalledCase):
    pass


class Moved(Builds, InstalledCase):
    @classmethod
    def place(cls):
        new = os.path.join(cls.above, "a folder with blanks")
        os.rename(cls.prefix, new)
        cls.prefix = new


class OtherFolders(TempCase):
    """weir.pc where the libraries go elsewhere, as on Debian; made by configuring alone."""

    def variables(self, libdir, *names):
        build = os.path.join(self.temp, "build")
        output("cmake", "-S", TOP, "-B", build, "-DCMAKE_C_COMPILER=" + CC, "-DWEIR_BUILD_TESTS=OFF",
               "-DWEIR_BUILD_PLUGINS=OFF", "-DCMAKE_INSTALL_PREFIX=/p", "-DCMAKE_INSTALL_LIBDIR=" + libdir)
        folder = os.path.join(self.temp, "prefix/lib/a-b-c/pkgconfig")
        os.makedirs(folder, exist_ok=True)
        shutil.copy(os.path.join(build, "weir.pc"), folder)
        env = dict(os.environ, PKG_CONFIG_PATH=folder)
        return [os.path.normpath(output("pkg-config", "--variable=" + name, "weir", env=env).strip())
                for name in names]

    def test_libdir_of_an_architecture(self):
        prefix = os.path.join(self.temp, "prefix")
        self.assertEqual(self.variables("lib/a-b-c", "prefix", "libdir", "includedir"),
                         [prefix, prefix + "/lib/a-b-c", prefix + "/include"])

    def test_absolute_libdir(self):
        self.assertEqual(self.variables("/q/lib", "prefix", "libdir", "includedir"),
                         ["/p", "/q/lib", "/p/include"])


if __name__ == "__main__":
    unittest.main()
