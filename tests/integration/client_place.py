"""Where a real client meets Weir: a folder that is served, what the server logs, a relay that cuts.

clients.py lists what is done with which client. A check raises AssertionError when something is not as
it should be.
"""
import collections
import contextlib
import hashlib
import os
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import time

from support import PATIENCE, Server, eventually, write_file

RUN_S = 120     # seconds that a client may take, under a sanitizer too
HOUR = 3600     # how old files are: then their Last-Modified is a strong validator

# tools are what must be on the PATH, the first of them names the version; packages are those of Debian
# that have them. What is not quick, or whose packages are large, is for tools/clients alone. The first
# line of the docstring of `run` says what is done; it gets a Place, and returns what came out.
Check = collections.namedtuple("Check", "name tools packages is_quick run")
Answer = collections.namedtuple("Answer", "method target status size")
_LINE = re.compile(
    r'\S+ \S+ \S+ \[[^]]*\] "([A-Z]+) (?:http://[^/ ]+)?(\S+) HTTP/[\d.]+" (\d+) (\d+|-) ')


def missing(check):
    """The tools that are not here."""
    return [tool for tool in check.tools if not shutil.which(tool)]


def version(tool):
    """As the tool says itself; what has neither option is of the same package as the first one."""
    option = "-version" if tool.startswith("ff") else "--version"
    out = subprocess.run([tool, option], capture_output=True, text=True, timeout=RUN_S).stdout
    found = re.search(r"\d+(\.\d+)+", out)
    return found[0] if found else "?"


def environment(home):
    """No proxy, no configuration of the user's, no translated messages."""
    return {"PATH": os.environ["PATH"] + ":/usr/sbin:/sbin", "HOME": home, "LC_ALL": "C.UTF-8",
            "TZ": "UTC", "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0"}


def read(path):
    with open(path, "rb") as f:
        return f.read()


def digest(path):
    return hashlib.sha256(read(path)).hexdigest()


def same(got, wanted, what):
    """Raises unless they are equal; of bytes it says where they begin to differ."""
    if got == wanted:
        return
    if isinstance(got, bytes) and isinstance(wanted, bytes):
        n = len(os.path.commonprefix([got, wanted]))
        raise AssertionError("%s: %d bytes, not %d; the first %d are right, then comes %r, not %r" % (
            what, len(got), len(wanted), n, got[n:n + 20], wanted[n:n + 20]))
    raise AssertionError("%s: %.500r, not %.500r" % (what, got, wanted))


class Place:
    """A context: a temporary folder `temp`, in it `root`, which is served, and `home`, where the
    client works. The server is checked when it is stopped, at the end."""

    def __init__(self):
        self.temp = tempfile.mkdtemp(prefix="weir-clients-")
        os.chmod(self.temp, 0o755)
        self.root, self.home = (os.path.join(self.temp, name) for name in ("www", "home"))
        os.mkdir(self.root)
        os.mkdir(self.home)
        self.server, self.log_begin = None, 0
        self.closing = contextlib.ExitStack()
        self.closing.callback(shutil.rmtree, self.temp, ignore_errors=True)

    def __enter__(self):
        self.server = self.closing.enter_context(Server(self.root))
        return self

    def __exit__(self, *exc):
        return self.closing.__exit__(*exc)

    # -- what is served --

    def path(self, name):
        return os.path.join(self.root, name)

    def write(self, name, data, age=HOUR):
        """A file that was changed so many seconds ago."""
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        write_file(path, data)
        then = time.time_ns() - age * 10 ** 9
        os.utime(path, ns=(then, then))
        return path

    def url(self, target="", port=None):
        return "http://127.0.0.1:%d/%s" % (port or self.server.port, target)

    def cutter(self, after):
        """A port at which one connection is cut behind so many bytes."""
        return self.closing.enter_context(Cutter(self.server.port, after)).port

    # -- the client --

    def at_home(self, name):
        return os.path.join(self.home, name)

    def run(self, *command, status=0, cwd=None, **more):
        """What the client has written; its exit status is checked."""
        r = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, timeout=RUN_S, cwd=cwd or self.home,
                           env=dict(environment(self.home), **more))
        text = r.stdout.decode(errors="backslashreplace")
        if r.returncode != status:
            raise AssertionError("%s: exit status %d, not %d\n%s\nlog: %r" % (
                " ".join(command), r.returncode, status, text[-4000:], self.answers()[-20:]))
        return text

    # -- the log --

    def answers(self):
        """What was logged since forget(); targets as paths, also those that were sent to a proxy."""
        lines = self.server.access_log().decode(errors="backslashreplace")[self.log_begin:]
        found = [_LINE.match(line) for line in lines.split("\n")[:-1]]
        if not all(found):
            raise AssertionError("lines of the log that cannot be read: %.2000r" % lines)
        return [Answer(m[1], m[2], int(m[3]), int(m[4].replace("-", "0"))) for m in found]

    def forget(self):
        """A line is written behind its answer: what is logged later still counts."""
        self.log_begin = len(self.server.access_log().decode(errors="backslashreplace"))

    def wait_for(self, condition, what):
        """The answers, as soon as condition(answers) holds."""
        if not eventually(lambda: condition(self.answers())):
            raise AssertionError("%s: %r" % (what, self.answers()[-40:]))
        return self.answers()

    def wait_for_statuses(self, target, *statuses):
        """Exactly these answers to GET, in any order: one that is cut is logged when its connection
        ends."""
        def condition(answers):
            return sorted(a.status for a in answers if a[:2] == ("GET", target)) == sorted(statuses)
        return self.wait_for(condition, "%s should be answered with %r" % (target, statuses))


class Cutter:
    """A relay to a port. The first connection through which so many bytes have come back is closed, in
    the middle of an answer; all others are left alone."""

    def __init__(self, target_port, after):
        self.target_port, self.after = target_port, after
        self.has_cut, self.lock = False, threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.sockets = []
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        for s in (self.listener, *self.sockets):
            with contextlib.suppress(OSError):
                s.shutdown(socket.SHUT_RDWR)
            s.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                self.sockets.append(client)
                server = socket.create_connection(("127.0.0.1", self.target_port), PATIENCE)
                self.sockets.append(server)
                server.settimeout(None)
                for pair in ((client, server, False), (server, client, True)):
                    threading.Thread(target=self._pump, args=pair, daemon=True).start()

    def _pump(self, source, sink, is_answer):
        is_cut, left = False, self.after
        with contextlib.suppress(OSError):
            while not is_cut and (piece := source.recv(min(left, 65536) if is_answer else 65536)):
                sink.sendall(piece)
                left = left - len(piece) if is_answer else left
                if left == 0:
                    is_cut, left = self._may_cut(), self.after
        # What was passed on still arrives: the end comes behind it. The other side gets a reset if there
        # is more than was read, and does not wait for a reader.
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)
            if is_cut:
                source.close()

    def _may_cut(self):
        with self.lock:
            may, self.has_cut = not self.has_cut, True
            return may
