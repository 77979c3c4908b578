"""The machine: its cores, its congestion control, and what a reader has to know of it."""
import contextlib
import os
import platform
import re
import subprocess
import time

import programs

TICKS = os.sysconf("SC_CLK_TCK")
CONGESTION = "/proc/sys/net/ipv4/tcp_congestion_control"


def read(path):
    try:
        with open(path) as f:
            return f.read().strip()
    except OSError:
        return ""


def siblings(core):
    """The logical processors that share a core with this one."""
    out = set()
    for part in filter(None, read("/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list"
                                  % core).split(",")):
        first, _, last = part.partition("-")
        out |= set(range(int(first), int(last or first) + 1))
    return out or {core}


def choose_cores(allowed):
    """One for the server and one for the load, of different cores; None: there are no two."""
    server = min(allowed)
    others = sorted(set(allowed) - siblings(server)) or sorted(set(allowed) - {server})
    return (server, others[0]) if others else None


@contextlib.contextmanager
def congestion(wanted):
    """The kernel's default is `wanted` meanwhile, for the whole machine; yields what it is. Needs root."""
    before = read(CONGESTION)
    try:
        if wanted and wanted != before:
            with open(CONGESTION, "w") as f:
                f.write(wanted)
    except OSError:
        yield before
        return
    try:
        yield read(CONGESTION)
    finally:
        if read(CONGESTION) != before:
            with open(CONGESTION, "w") as f:
                f.write(before)


def distance(program, cores):
    """Nanoseconds for a cache line from the one core to the other and back."""
    return float(programs.run([program, *map(str, cores)]))


class Busy:
    """How long these cores were at work meanwhile, and which share of the time the host took from them."""

    def __init__(self, cores):
        self.cores = cores

    def read(self):
        """Seconds: at work, taken."""
        busy = stolen = 0
        for line in read("/proc/stat").split("\n"):
            name, *ticks = line.split()
            if name in ("cpu%d" % core for core in self.cores):
                user, nice, system, _, _, irq, softirq, steal = map(int, ticks[:8])
                busy += user + nice + system + irq + softirq
                stolen += steal
        return busy / TICKS, stolen / TICKS

    def __enter__(self):
        self.begin, self.before = time.monotonic(), self.read()
        return self

    def __exit__(self, *exc):
        busy, stolen = (now - was for now, was in zip(self.read(), self.before))
        self.time = (time.monotonic() - self.begin) * len(self.cores)
        self.seconds, self.stolen = busy, stolen / self.time if self.time else 0


def tree_state():
    """The commit that is measured, and whether there is more than it."""
    done = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=programs.TOP, capture_output=True,
                          text=True)
    return done.stdout.strip() or "unknown"


def description():
    model = re.search(r"^model name\s*:\s*(.*)$", read("/proc/cpuinfo"), re.M)
    system = re.search(r'^PRETTY_NAME="?(.*?)"?$', read("/etc/os-release"), re.M)
    hypervisor = " in a virtual machine" if " hypervisor " in read("/proc/cpuinfo") + " " else ""
    return "%s, %d cores%s, Linux %s, %s" % (
        model[1] if model else platform.machine(), os.cpu_count(), hypervisor, platform.release(),
        system[1] if system else "unknown system")
