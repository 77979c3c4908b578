"""Instructions per request, by callgrind: of the server's own code, without the kernel's.

A server is run twice, with few rounds and with many; the difference is what the rounds between cost. In
a round each of 64 connections gets a request while the server is stopped, so that it finds all of them
at once: the same batches, and so nearly the same figure, in every run.
"""
import contextlib
import os
import re
import shutil
import signal
import time

import check
import process

CONNECTIONS, FEW, MANY = 64, 10, 60


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


def total(server, case, setting, fields, rounds, folder):
    out = os.path.join(folder, "callgrind.out")
    prefix = ("valgrind", "--tool=callgrind", "--callgrind-out-file=" + out)
    with process.Running(server, setting.root, setting.hello, prefix=prefix) as running:
        play(running, server.targets[case.name], fields, rounds)
    with open(out) as f:
        found = re.search(r"^(?:summary|totals): (\d+)", f.read(), re.M)
    os.remove(out)
    return int(found[1])


def count(server, case, setting, folder):
    """A number, or why there is none: a text."""
    target = server.targets[case.name]
    try:
        with process.Running(server, setting.root, setting.hello) as running:
            fields = check.fields_of(running.port, case, target)
            check.check_case(running.port, case, target, fields, setting.root)
        few, many = (total(server, case, setting, fields, n, folder) for n in (FEW, MANY))
    except check.NotServed as e:
        return "not served: %s" % e
    except (check.Wrong, process.NotStarted) as e:
        return "failed: %s" % e
    return (many - few) / ((MANY - FEW) * CONNECTIONS)


def compare(cases, servers, setting, folder, tell):
    """{case's name: {server's name: number or text}}"""
    results = {}
    for case in (c for c in cases if c.has_instructions):
        row = results[case.name] = {}
        for server in (s for s in servers if case.name in s.targets):
            row[server.name] = count(server, case, setting, folder)
            tell(case, server, row[server.name])
    return results
