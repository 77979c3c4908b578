"""What is built before: limit, load and distance, plugins, and Weir where it is not given."""
import os
import shlex
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.join(HERE, "../..")
FLAGS = ("-std=gnu17", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra", "-pthread")


class NotBuilt(Exception):
    """Says what the compiler wrote."""


def run(command, **how):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **how)
    if done.returncode:
        raise NotBuilt("%s\n%s" % (shlex.join(command), done.stdout[-4000:]))
    return done.stdout


def compiler():
    return shlex.split(os.environ.get("CC") or "cc")


def build_tool(name, folder):
    out = os.path.join(folder, name)
    run([*compiler(), *FLAGS, "-o", out, os.path.join(HERE, name + ".c")])
    return out


def _build_app(source, folder):
    """As the README of plugins/hello says. It is C and one header, so that any weir can load it."""
    out = os.path.join(folder, os.path.basename(source)[:-2] + ".so")
    run([*compiler(), "-O2", "-shared", "-fPIC", "-fvisibility=hidden", "-Wl,-z,defs",
         "-I", os.path.join(TOP, "include"), "-o", out, source])
    return out


def build_hello(folder):
    return _build_app(os.path.join(TOP, "plugins/hello/hello.c"), folder)


def build_apps(folder):
    """Those that only a case needs, beside hello, whose path is given."""
    for name in ("drop.c", "environ.c"):
        _build_app(os.path.join(HERE, name), folder)
    return build_hello(folder)


def build_weir():
    """The release preset, brought up to date: figures of what the tree says now."""
    run(["cmake", "--preset", "release"], cwd=TOP)
    run(["cmake", "--build", "--preset", "release", "--target", "weir_program"], cwd=TOP)
    return os.path.join(TOP, "build/release/weir")
