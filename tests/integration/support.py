"""What the integration tests share: a server as a child process, and a small HTTP reader.

The reader is written from RFC 9112 and knows nothing of the server's code. It is strict: what a
careful client would refuse raises Bad.
"""
import contextlib
import ctypes
import fcntl
import html.parser
import os
import re
import resource
import select
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
import unittest

WEIR = os.environ.get("WEIR") or os.path.join(
    os.path.dirname(os.path.abspath(__file__)), "../../build/dev/weir")
PATIENCE = 20  # seconds for what should be immediate, on a slow machine under a sanitizer
NOBODY = 65534

_libc = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1
_REPORT = re.compile(r"(ERROR|WARNING): \w*Sanitizer|runtime error:|Assertion .* failed")


def sanitizer():
    """The sanitizer that the program was built with: 'address', 'thread' or ''."""
    with open(WEIR, "rb") as f:
        text = f.read()
    if b"__asan_init" in text:
        return "address"
    return "thread" if b"__tsan_init" in text else ""


def eventually(condition, seconds=PATIENCE, pause=0.005):
    """True as soon as condition() is; False when it is not in time. For what gives no event."""
    end = time.monotonic() + seconds
    while True:
        if condition():
            return True
        if time.monotonic() > end:
            return False
        time.sleep(pause)


def random_seed():
    """Printed, so that a failure can be seen again: WEIR_SEED=n."""
    seed = int(os.environ.get("WEIR_SEED") or int.from_bytes(os.urandom(4), "big"))
    print("WEIR_SEED=%d" % seed, flush=True)
    return seed


def pattern(n, salt=0):
    """n bytes in which every piece says where it belongs."""
    out = b"".join(struct.pack(">II", salt, i) for i in range(n // 8 + 1))
    return out[:n]


def write_file(path, data, mode="wb"):
    with open(path, mode) as f:
        f.write(data.encode() if isinstance(data, str) else data)
    return path


def settle(path):
    """Waits until the file is old enough to be kept in the cache (50 ms after its last change)."""
    eventually(lambda: time.time() - os.stat(path).st_ctime > 0.1)


def raise_descriptor_limit(wanted):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < wanted:
        raise unittest.SkipTest("needs %d descriptors, may have %d" % (wanted, hard))
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


# ---- processes ------------------------------------------------------------------------------------


def _in_child(user=None, descriptors=None, close=()):
    """What happens between fork and exec. The child ends with the test, however that ends."""
    def run():
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if descriptors is not None:
            resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))
        if user is not None:
            os.setgroups([])
            os.setgid(user)
            os.setuid(user)
        for fd in close:
            with contextlib.suppress(OSError):
                os.close(fd)
    return run


def run_weir(*args, user=None, timeout=PATIENCE, cwd=None):
    """Runs the program to its end."""
    return subprocess.run([WEIR, *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=timeout, text=True, cwd=cwd,
                          preexec_fn=_in_child(user))


def needs_nobody():
    """Skips unless a server can be run as another user."""
    if os.getuid() != 0:
        raise unittest.SkipTest("needs root, to become another user")
    try:
        ok = run_weir("--version", user=NOBODY).returncode == 0
    except (OSError, subprocess.SubprocessError):
        ok = False
    if not ok:
        raise unittest.SkipTest("the program cannot be run by user %d" % NOBODY)


def _move_up(fd):
    """The same description above the numbers that a service manager passes sockets in."""
    moved = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 20)
    os.close(fd)
    return moved


class Server:
    """A running `weir serve`. stop() always ends it; use as a context or with addCleanup.

    `folder` may be None, when an option names a configuration. `prefix` is a command that runs the
    program in its place, `pass_fds` are descriptors that it gets. With `ready_lines` so many
    addresses are waited for, and not until all that have the descriptor of --ready-fd close it.
    """

    def __init__(self, folder, *options, listen=("127.0.0.1:0",), loops=2, stdout=None,
                 stderr=None, user=None, descriptors=None, close=(), env=None, prefix=(),
                 pass_fds=(), ready_lines=None):
        self.temp = tempfile.TemporaryDirectory(prefix="weir-log-")
        self.log_path = os.path.join(self.temp.name, "stderr")
        self.access_path = os.path.join(self.temp.name, "stdout")
        self.addresses, self.process, self.is_checked = [], None, False
        ready, ready_w = os.pipe()
        ready_w = _move_up(ready_w)
        args = [*prefix, WEIR, "serve", *([] if folder is None else [folder]),
                "--loops", str(loops), "--ready-fd", str(ready_w), *options]
        for address in listen:
            args += ["--listen", address]
        try:
            with open(self.access_path, "wb") as out, open(self.log_path, "wb") as err:
                self.process = subprocess.Popen(
                    args, stdin=subprocess.DEVNULL, stdout=out if stdout is None else stdout,
                    stderr=err if stderr is None else stderr, pass_fds=(ready_w, *pass_fds),
                    preexec_fn=_in_child(user, descriptors, close),
                    env=dict(os.environ, **(env or {})))
            os.close(ready_w)
            ready_w = -1
            self.addresses = self._read_ready(ready, ready_lines)
            if not self.addresses:
                raise AssertionError("the server did not start: " + self.log())
        except BaseException:
            self.kill()
            self.temp.cleanup()
            raise
        finally:
            os.close(ready)
            if ready_w >= 0:
                os.close(ready_w)
        self.loops = loops

    @staticmethod
    def _read_ready(fd, lines=None):
        text, end = b"", time.monotonic() + PATIENCE
        while True:
            left = end - time.monotonic()
            if left <= 0 or not select.select([fd], [], [], left)[0]:
                return []
            piece = os.read(fd, 4096)
            if not piece:
                return text.decode().split()
            text += piece
            if lines is not None and text.count(b"\n") >= lines:
                return text.decode().split()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        if exc[0] is None:
            self.stop()
        self.kill()
        self.temp.cleanup()

    @property
    def pid(self):
        return self.process.pid

    @property
    def port(self):
        return int(self.addresses[0].rsplit(":", 1)[1])

    @property
    def host(self):
        return "127.0.0.1:%d" % self.port

    def log(self):
        with open(self.log_path, errors="backslashreplace") as f:
            return f.read()

    def access_log(self):
        with open(self.access_path, "rb") as f:
            return f.read()

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
        if self.process:
            self.process.wait()

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)

    def wait(self, seconds=PATIENCE):
        return self.process.wait(seconds)

    def stop(self, seconds=PATIENCE, status=0):
        """SIGTERM; the exit status and what it wrote are checked. Seconds that it took."""
        if self.is_checked:
            return 0
        start = time.monotonic()
        if self.process.poll() is None:
            self.terminate()
        try:
            got = self.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError("not stopped after %g s: %s" % (seconds, self.log()[-2000:]))
        took = time.monotonic() - start
        self.is_checked = True
        log = self.log()
        if _REPORT.search(log):
            raise AssertionError("sanitizer report:\n" + log[-20000:])
        if got != status:
            raise AssertionError("exit status %d: %s" % (got, log[-4000:]))
        return took

    # -- what it holds --

    def descriptors(self):
        """Sorted kinds of what is open, but for files of the cache."""
        kinds = []
        for fd, target, _ in self._open_files():
            if not target.startswith("/") or target.startswith("/dev/"):
                kinds.append(re.sub(r"\[\d+\]", "", target))
        return sorted(kinds)

    def cached_files(self):
        """(path, inode) -> number of descriptors: the file cache has one of each in a loop."""
        count = {}
        for fd, target, inode in self._open_files():
            if target.startswith("/") and not target.startswith("/dev/") and inode is not None:
                count[target, inode] = count.get((target, inode), 0) + 1
        return count

    def _open_files(self):
        folder = "/proc/%d/fd" % self.pid
        for fd in os.listdir(folder):
            try:
                target = os.readlink("%s/%s" % (folder, fd))
                st = os.stat("%s/%s" % (folder, fd))
            except OSError:
                continue
            yield fd, target, st.st_ino

    def memory_kb(self):
        """Anonymous memory, exact (VmRSS is counted in batches)."""
        with open("/proc/%d/smaps_rollup" % self.pid) as f:
            return int(re.search(r"^Anonymous:\s+(\d+) kB", f.read(), re.M).group(1))

    def cpu_seconds(self):
        with open("/proc/%d/stat" % self.pid) as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class TempCase(unittest.TestCase):
    """A temp folder for each test."""

    def setUp(self):
        self.temp = tempfile.mkdtemp(prefix="weir-test-")
        self.addCleanup(shutil.rmtree, self.temp, ignore_errors=True)
        os.chmod(self.temp, 0o755)
        self.root = os.path.join(self.temp, "www")
        os.mkdir(self.root)

    def path(self, name):
        return os.path.join(self.root, name)

    def serve(self, *options, folder=None, **how):
        server = Server(folder or self.root, *options, **how)
        self.addCleanup(server.temp.cleanup)
        self.addCleanup(server.kill)
        return server


class ServerCase(unittest.TestCase):
    """One server for all tests of a class. At the end: nothing is left open, it stops with 0."""

    options = ()
    loops = 2
    how = {}  # for the Server, besides

    @classmethod
    def populate(cls):
        """Fills cls.root."""

    @classmethod
    def warm_up(cls):
        for _ in range(8 * cls.loops):
            with Client(cls.server) as c:
                c.get("/")

    @classmethod
    def setUpClass(cls):
        cls.temp = tempfile.mkdtemp(prefix="weir-test-")
        cls.addClassCleanup(shutil.rmtree, cls.temp, ignore_errors=True)
        cls.root = os.path.join(cls.temp, "www")
        os.mkdir(cls.root)
        cls.populate()
        cls.server = Server(cls.root, *cls.options, loops=cls.loops, **cls.how)
        cls.addClassCleanup(cls.server.temp.cleanup)
        cls.addClassCleanup(cls.server.kill)
        cls.warm_up()
        server = cls.server
        if not eventually(lambda: "socket:" not in "".join(server.descriptors()) or
                          server.descriptors().count("socket:") == cls.loops):
            raise AssertionError("warm-up left connections: %r" % server.descriptors())
        cls.before = server.descriptors()

    @classmethod
    def tearDownClass(cls):
        server = cls.server
        if server.process.poll() is None:
            same = eventually(lambda: server.descriptors() == cls.before)
            after, cached = server.descriptors(), server.cached_files()
            if not same:
                server.stop()
                raise AssertionError("descriptors before: %r, after: %r" % (cls.before, after))
            for (path, inode), n in cached.items():
                if path.startswith(cls.root) and n > cls.loops:
                    raise AssertionError("%s is open %d times" % (path, n))
        server.stop()

    def path(self, name):
        return os.path.join(self.root, name)

    def client(self, **how):
        c = Client(self.server, **how)
        self.addCleanup(c.close)
        return c

    def get(self, target, *fields, **how):
        with Client(self.server) as c:
            return c.get(target, *fields, **how)


# ---- the client -----------------------------------------------------------------------------------


class Bad(AssertionError):
    """What came is not HTTP."""


class Closed(AssertionError):
    """The connection ended before the response did; .partial is what came of its body."""

    def __init__(self, text, partial=b"", response=None):
        super().__init__(text)
        self.partial, self.response = partial, response


_STATUS = re.compile(rb"HTTP/1\.1 ([1-5]\d\d) ([\t -~\x80-\xff]*)\Z")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t -~\x80-\xff]*?)[ \t]*\Z")


class Response:
    def __init__(self, status, reason, fields):
        self.status, self.reason, self.fields = status, reason, fields
        self.body = b""

    def all(self, name):
        return [v for n, v in self.fields if n.lower() == name.lower()]

    def __getitem__(self, name):
        """The value of a field that comes at most once; None: absent."""
        values = self.all(name)
        if len(values) > 1:
            raise Bad("%s comes %d times" % (name, len(values)))
        return values[0] if values else None

    def __repr__(self):
        return "<%d %s, %d bytes>" % (self.status, self.reason, len(self.body))


class Client:
    """A raw connection. Reads responses one after another."""

    STATUS = _STATUS   # its readers of other servers take more
    NEEDS_DATE = True

    def __init__(self, server=None, timeout=PATIENCE, rcvbuf=None, address=None, source=None):
        address = address or ("127.0.0.1", server.port)
        if isinstance(address, str):
            self.sock = socket.socket(socket.AF_UNIX)
        else:
            self.sock = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET)
        self.sock.settimeout(timeout)
        if rcvbuf:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        if source:
            self.sock.bind((source, 0))
        self.buffer = b""
        self.host = "unix" if isinstance(address, str) else "localhost:%d" % address[1]
        try:
            self.sock.connect(address)
            if not isinstance(address, str):
                self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except BaseException:
            self.sock.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def close(self):
        self.sock.close()

    def reset(self):
        """Closes with a RST."""
        with contextlib.suppress(OSError):
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def shut(self):
        self.sock.shutdown(socket.SHUT_WR)

    def send(self, data):
        self.sock.sendall(data.encode("latin-1") if isinstance(data, str) else data)

    def request(self, target, *fields, method="GET", version="HTTP/1.1", body=b""):
        head = "%s %s %s\r\nHost: %s\r\n" % (method, target, version, self.host)
        head += "".join(f + "\r\n" for f in fields) + "\r\n"
        self.send(head.encode("latin-1") + body)

    def get(self, target, *fields, method="GET", version="HTTP/1.1", body=b""):
        self.request(target, *fields, method=method, version=version, body=body)
        return self.read(method)

    def fill(self):
        """More bytes into the buffer; False at the end of the stream."""
        piece = self.sock.recv(262144)
        self.buffer += piece
        return bool(piece)

    def is_ended(self):
        """Waits for what comes next: True for a clean end. Bytes instead are an error."""
        if self.buffer:
            raise Bad("unexpected bytes: %r" % self.buffer[:200])
        if self.fill():
            raise Bad("unexpected bytes: %r" % self.buffer[:200])
        return True

    def _line(self):
        while b"\r\n" not in self.buffer:
            if len(self.buffer) > 65536:
                raise Bad("no end of line: %r" % self.buffer[:100])
            if not self.fill():
                raise Closed("end inside a line: %r" % self.buffer[:200])
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line

    def _exactly(self, n, response):
        pieces, got = [], 0
        while got < n:
            if not self.buffer and not self.fill():
                raise Closed("%d of %d bytes" % (got, n), b"".join(pieces), response)
            piece = self.buffer[:n - got]
            self.buffer = self.buffer[n - got:]
            pieces.append(piece)
            got += len(piece)
        return b"".join(pieces)

    def _chunked(self, r):
        body = b""
        while True:
            line = self._line()
            if not re.fullmatch(rb"[0-9A-Fa-f]{1,15}", line):
                raise Bad("chunk size %r" % line)
            n = int(line, 16)
            if n == 0:
                break
            body += self._exactly(n, r)
            if self._exactly(2, r) != b"\r\n":
                raise Bad("no CRLF behind a chunk")
        r.trailers = []
        while True:
            line = self._line()
            if not line:
                return body
            r.trailers.append(line)

    def read_head(self):
        line = self._line()
        m = self.STATUS.match(line)
        if not m:
            raise Bad("status line %r" % line[:200])
        r = Response(int(m[1]), (m[2] or b"").decode("latin-1"), [])
        while True:
            line = self._line()
            if not line:
                return r
            f = _FIELD.match(line)
            if not f:
                raise Bad("field line %r" % line[:200])
            r.fields.append((f[1].decode(), f[2].decode("latin-1")))

    def read(self, method="GET", interim=None):
        """The next final response; 1xx before it go to the list `interim`."""
        while True:
            r = self.read_head()
            if r.status >= 200 or r.status == 101:
                break
            if interim is not None:
                interim.append(r)
        length, coding = r["Content-Length"], r["Transfer-Encoding"]
        if length is not None and (coding or not re.fullmatch(r"\d+", length)):
            raise Bad("Content-Length %r with Transfer-Encoding %r" % (length, coding))
        if r.status >= 200 and r["Date"] is None and self.NEEDS_DATE:
            raise Bad("no Date")
        if method == "HEAD" or r.status in (204, 304) or r.status < 200:
            if r.status == 204 and (length or coding):
                raise Bad("204 with framing")
        elif coding:
            if coding.lower() != "chunked":
                raise Bad("Transfer-Encoding %r" % coding)
            r.body = self._chunked(r)
        elif length is not None:
            r.body = self._exactly(int(length), r)
        else:
            while self.fill():
                pass
            r.body, self.buffer = self.buffer, b""
        return r


def in_threads(n, work):
    """Runs work(0) .. work(n - 1) in threads; raises what the first of them raised."""
    errors = []

    def run(i):
        try:
            work(i)
        except BaseException as e:  # noqa: B902 -- handed to the caller below
            errors.append(e)
    threads = [threading.Thread(target=run, args=(i,), daemon=True) for i in range(n)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(110)
        if t.is_alive():
            raise AssertionError("a client thread hangs")
    if errors:
        raise errors[0]


class PageChecker(html.parser.HTMLParser):
    """Every element is closed, or may be left open; nothing is loaded from elsewhere."""
    VOID = {"meta", "link", "br", "hr", "img", "path", "input"}
    OPTIONAL = {"html", "body", "head", "p", "li"}

    def __init__(self, text):
        super().__init__()
        self.open, self.seen, self.text = [], [], ""
        self.feed(text)
        self.close()
        left = [t for t in self.open if t not in self.OPTIONAL]
        if left:
            raise AssertionError("not closed: %r" % left)

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        if tag not in self.VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name in ("src", "href") and not re.match(r"/(?!/)|data:|#", value or ""):
                raise AssertionError("%s=%r leads elsewhere" % (name, value))

    def handle_startendtag(self, tag, attrs):
        self.seen.append(tag)

    def handle_endtag(self, tag):
        while self.open and self.open[-1] != tag and self.open[-1] in self.OPTIONAL:
            self.open.pop()
        if not self.open or self.open.pop() != tag:
            raise AssertionError("</%s> closes nothing" % tag)

    def handle_data(self, data):
        self.text += data
