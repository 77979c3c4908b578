"""Instructions and system calls per request, by valgrind: repeatable, other than times.

Instructions are those of the server's own code and its libraries, by callgrind. System calls are those
that valgrind sees in the same run, but for what the kernel's page of its own (vDSO) answers without one,
and for waiting that ends because a server was stopped, which is how it is measured.

A server is run twice, with few rounds and with many; the difference is what the rounds between cost. In
a round each of 64 connections gets a request while the server is stopped, so that it finds all of them
at once: the same batches, and so nearly the same figures, in every run. The C library is told by TUNABLES
to use what every x86-64 has, for it has a strlen and a memcpy for each kind of CPU.
"""
import collections
import contextlib
import dataclasses
import os
import re
import shutil
import signal
import time

import check
import process

CONNECTIONS, FEW, MANY = 64, 10, 60
TUNABLES = ("glibc.cpu.hwcaps=-AVX512F,-AVX512VL,-AVX512BW,-AVX2,-AVX,-AVX_Fast_Unaligned_Load,-SSE4_2,"
            "-SSE4_1,-SSSE3,-ERMS,-FSRM")
NOT_COUNTED = {"clock_gettime", "clock_getres", "gettimeofday", "time", "getcpu",  # of the vDSO
               "rt_sigtimedwait", "restart_syscall"}  # which SIGCONT ends, and so a round
CALL = re.compile(r"^SYSCALL\[\d+,\d+\]\( *\d+\) (?:sys_)?(\w+) ?\(", re.M)
NAME = re.compile(r"c?fn=\((\d+)\)(?: (.*))?")
COPY = re.compile(r"(\.lto_priv|\.constprop|\.isra|\.part|\.cold)(\.\d+)*|'\d+|@+GLIBC\S*")  # of one function


@dataclasses.dataclass(frozen=True)
class Counts:
    """Of one run, or per request: instructions of each function, and system calls by their names."""
    functions: dict
    calls: dict

    @property
    def instructions(self):
        return sum(self.functions.values())

    @property
    def system_calls(self):
        return sum(self.calls.values())


def is_there():
    return shutil.which("valgrind") is not None


def is_stopped(pid):
    """Every thread of it: each goes to sleep when it next gets there."""
    for task in os.listdir("/proc/%d/task" % pid):
        with open("/proc/%d/task/%s/stat" % (pid, task)) as f:
            if f.read().rsplit(")", 1)[1].split()[0] != "T":
                return False
    return True


def play(running, target, fields, rounds):
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(check.Connection(running.port)) for _ in range(CONNECTIONS)]
        for c in clients:
            c.get(target, fields)
        for _ in range(rounds):
            os.kill(running.pid, signal.SIGSTOP)
            while not is_stopped(running.pid):
                time.sleep(0.0005)
            for c in clients:
                c.send(target, fields)
            os.kill(running.pid, signal.SIGCONT)
            for c in clients:
                c.read(target)


def by_function(lines):
    """{name: instructions of its own} of callgrind's file. Names come once, and then as numbers."""
    names, cost, here, is_of_call = {}, collections.Counter(), None, False
    for line in lines:
        named = NAME.match(line)
        if named:
            number, name = named.groups()
            if name:
                names[number] = COPY.sub("", name)
            if not line.startswith("c"):
                here = number
        elif line.startswith("calls="):
            is_of_call = True  # the next line is what the called one cost
        elif line[:1].isdigit() or line[:1] in ("+", "-", "*"):
            if not is_of_call:
                cost[here] += int(line.split()[1])
            is_of_call = False
    out = collections.Counter()
    for number, count in cost.items():
        out[names[number]] += count
    return out


def by_name(log):
    return collections.Counter(name for name in CALL.findall(log) if name not in NOT_COUNTED)


def total(server, case, setting, fields, rounds, folder):
    """Counts of one run."""
    out, log = os.path.join(folder, "callgrind.out"), os.path.join(folder, "valgrind.log")
    prefix = ("env", "GLIBC_TUNABLES=" + TUNABLES, "valgrind", "--tool=callgrind", "--trace-syscalls=yes",
              "--callgrind-out-file=" + out, "--log-file=" + log)
    with process.Running(server, setting.root, setting.hello, prefix=prefix) as running:
        play(running, server.targets[case.name], fields, rounds)
    with open(out) as f, open(log, errors="replace") as g:
        counts = Counts(by_function(f), by_name(g.read()))
    os.remove(out)
    os.remove(log)
    return counts


def per_request(few, many):
    requests = (MANY - FEW) * CONNECTIONS

    def difference(less, more):
        return {key: (more[key] - less.get(key, 0)) / requests for key in more if more[key] != less.get(key, 0)}
    return Counts(difference(few.functions, many.functions), difference(few.calls, many.calls))


def count(server, case, setting, folder):
    """Counts per request, or why there are none: a text."""
    server, target = server.of(case), server.targets[case.name]
    try:
        with process.Running(server, setting.root, setting.hello) as running:
            fields = check.fields_of(running.port, case, target)
            check.check_case(running.port, case, target, fields, setting.root)
        return per_request(*(total(server, case, setting, fields, n, folder) for n in (FEW, MANY)))
    except check.NotServed as e:
        return "not served: %s" % e
    except (check.Wrong, process.NotStarted) as e:
        return "failed: %s" % e


def compare(cases, servers, setting, folder, tell):
    """{case's name: {server's name: Counts or text}}"""
    results = {}
    for case in (c for c in cases if c.has_instructions):
        row = results[case.name] = {}
        for server in (s for s in servers if case.name in s.targets):
            row[server.name] = count(server, case, setting, folder)
            tell(case, server, row[server.name])
    return results
