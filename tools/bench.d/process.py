"""A server that runs: started on a core with a folder of its own, asked what it uses, ended."""
import contextlib
import ctypes
import os
import resource
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import servers

START_S, STOP_S = 60, 10  # under valgrind too
ATTEMPTS = 3              # at a port that was free a moment ago
_libc = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1
_CPUCLOCK_SCHED = 2


class NotStarted(Exception):
    """Says what the server wrote."""


def in_child(cores):
    """What happens between fork and exec: it ends with us, has many descriptors, and stays on `cores`."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]

    def run():
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        if cores:
            os.sched_setaffinity(0, cores)
    return run


def _free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Running:
    """A Server of the table at work. `cores`: where it may run; `prefix`: a command that runs it;
    `workers`: loops, threads or processes, where it can be told."""

    def __init__(self, server, root, hello, cores=None, prefix=(), workers=1):
        self.server, self.process = server, None
        self.temp = tempfile.mkdtemp(prefix="weir-bench-")
        os.chmod(self.temp, 0o755)
        self.values = {"root": root, "temp": self.temp, "hello": hello or "", "port": "", "ready": "",
                       "apps": os.path.dirname(hello or ""), "workers": workers,
                       "config": os.path.join(self.temp, "conf"), **servers.USERS}
        try:
            for _ in range(1 if server.tells_port else ATTEMPTS):
                self.port = self._start(cores, prefix)
                if self.port:
                    return
                self._end()
            raise NotStarted("%s did not start: %s" % (server.name, self._log()))
        except BaseException:
            self.stop()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.stop()

    @property
    def pid(self):
        return self.process.pid

    def _start(self, cores, prefix):
        ready, ready_w = os.pipe()
        with open(ready, "rb", buffering=0) as told:
            try:
                if not self.server.tells_port:
                    self.values["port"] = _free_port()
                self.values["ready"] = ready_w
                with open(self.values["config"], "w") as f:
                    f.write(self.server.config % self.values)
                with open(os.path.join(self.temp, "output"), "wb") as out:
                    self.process = subprocess.Popen(
                        [*prefix, self.server.find(), *(a % self.values for a in self.server.arguments)],
                        stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=self.temp,
                        start_new_session=True, pass_fds=(ready_w,), preexec_fn=in_child(cores))
            finally:
                os.close(ready_w)
            return self._read_port(told) if self.server.tells_port else self._try_port()

    @staticmethod
    def _read_port(told):
        """The port that it writes; None when it ends instead."""
        text, end = b"", time.monotonic() + START_S
        while b"\n" not in text:
            left = end - time.monotonic()
            if left <= 0 or not select.select([told], [], [], left)[0]:
                return None
            piece = told.read(4096)
            if not piece:
                return None
            text += piece
        return int(text.split()[0].rsplit(b":", 1)[1])

    def _try_port(self):
        """The port that it was given, once somebody answers there; None when it ends instead."""
        end = time.monotonic() + START_S
        while time.monotonic() < end and self.process.poll() is None:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.values["port"]), 1).close()
                return self.values["port"] if self.process.poll() is None else None
            time.sleep(0.01)
        return None

    def _log(self):
        text = ""
        for name in ("output", "error.log"):
            with contextlib.suppress(OSError), open(os.path.join(self.temp, name), errors="replace") as f:
                text += f.read()
        return text.strip()[-1000:] or "it said nothing"

    def _end(self):
        if not self.process:
            return
        for sig in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, sig)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(STOP_S)
                break
        self.process = None

    def stop(self):
        self._end()
        shutil.rmtree(self.temp, ignore_errors=True)

    # -- what it uses --

    def pids(self):
        """The process and its living descendants."""
        children, out = {}, [self.pid]
        for name in os.listdir("/proc"):
            if name.isdigit():
                with contextlib.suppress(OSError), open("/proc/%s/stat" % name) as f:
                    parent = int(f.read().rsplit(")", 1)[1].split()[1])
                    children.setdefault(parent, []).append(int(name))
        for pid in out:
            out += children.get(pid, [])
        return out

    def cpu_seconds(self):
        """User and system time of all of them, to the nanosecond: the CPU clocks of their processes."""
        return sum(time.clock_gettime((~pid << 3) | _CPUCLOCK_SCHED) for pid in self.pids())

    def memory(self):
        """KiB that are resident (Rss), the server's share of them (Pss); descriptors but for sockets."""
        out = {"Rss": 0, "Pss": 0, "descriptors": 0}
        for pid in self.pids():
            with open("/proc/%d/smaps_rollup" % pid) as f:
                for line in f:
                    key = line.split(":")[0]
                    if key in ("Rss", "Pss"):
                        out[key] += int(line.split()[1])
            folder = "/proc/%d/fd" % pid
            for fd in os.listdir(folder):
                with contextlib.suppress(OSError):
                    out["descriptors"] += not os.readlink(os.path.join(folder, fd)).startswith("socket:")
        return out
