"""Rounds: each case, each server started afresh, asked, warmed up and measured; A B C, B C A, …"""
import contextlib
import dataclasses
import json
import resource
import subprocess
import time

import check
import machine
import process


SETTLE_S = 0.2          # until a server has seen that connections are closed
UPLOADS_OF_CHECK = 3
OWN_DESCRIPTORS = 200   # of a server or the load, beside those of idle connections


class Failed(Exception):
    """No figure: what the load generator said."""


@dataclasses.dataclass(frozen=True)
class Setting:
    """What all rounds have in common."""
    root: str
    entries: list   # of the tree: (target, size)
    tree_list: str  # the file that load reads them from
    load: str       # the program
    distance: str   # the program
    hello: str
    cores: tuple    # of the server and the load; None: not pinned
    workers: int = 1


@dataclasses.dataclass(frozen=True)
class Effort:
    rounds: int
    milliseconds: int = 0   # of a measurement; 0: by count
    requests: int = 0


@dataclasses.dataclass(frozen=True)
class Sample:
    """One measurement. Memory is (before, behind) the tree or idle connections, else None."""
    rps: float
    us: float       # CPU time of the server for a request
    others: float   # share of the cores' time that was neither the server's nor the load's
    stolen: float   # share that the machine's host took
    distance: float  # nanoseconds of a cache line from the one core to the other and back
    memory: tuple = None


def load_command(setting, port, case, target, fields, options):
    command = [setting.load, *options]
    for name, value in fields:
        command += ["-H", "%s: %s" % (name, value)]
    if case.is_tree:
        return command + ["-l", setting.tree_list, str(port)]
    return command + [str(port), target]


def load_in_child(setting):
    return process.in_child(setting.cores and {setting.cores[1]})


def load(setting, port, case, target, fields, options):
    how = ["-c", str(case.connections), *options]
    if case.upload:
        how += ["-u", str(case.upload)]
    if case.pipeline > 1:
        how += ["-P", str(case.pipeline)]
    if case.is_drain:
        how.append("-t")
    done = subprocess.run(load_command(setting, port, case, target, fields, how), capture_output=True,
                          text=True, preexec_fn=load_in_child(setting))
    if done.returncode:
        raise Failed("load: " + done.stderr.strip()[-300:])
    result = json.loads(done.stdout)
    if result["bad"] or result["lost"] or not result["requests"]:
        raise Failed("under load: %(requests)d answers, %(bad)d of them wrong (%(first_bad)s); %(lost)d "
                     "connections lost" % result)
    return result


@contextlib.contextmanager
def idle_connections(setting, port, case, target, fields):
    """case.idle of them, each of which has had an answer; all must still be there in the end."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard != resource.RLIM_INFINITY and hard < case.idle + OWN_DESCRIPTORS:
        raise check.NotServed("a process may have no more than %d descriptors here" % hard)
    command = load_command(setting, port, case, target, fields, ["-k", "-c", str(case.idle)])
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, preexec_fn=load_in_child(setting)) as keeper:
        try:
            if keeper.stdout.readline() != "ready\n":
                raise Failed("load: " + keeper.stderr.read().strip()[-300:])
            yield
            said, _ = keeper.communicate()
            if keeper.returncode or json.loads(said)["lost"]:
                raise Failed("of the idle connections: " + said)
        finally:
            keeper.kill()


def load_seconds():
    """Of CPU, by load generators so far: of servers, only those that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def warm_up(setting, port, case, target, fields, effort):
    """Of the tree each file once, so that caches are full."""
    if case.is_tree:
        options = ["-n", str(len(setting.entries))]
    elif effort.requests:
        return
    elif case.upload:
        options = ["-n", "1"]
    else:
        options = ["-d", str(max(100, effort.milliseconds // 5))]
    load(setting, port, case, target, fields, options)


def timed(running, case, target, fields, setting, effort):
    """A Sample without its memory."""
    count = min(effort.requests, UPLOADS_OF_CHECK) if case.upload else effort.requests
    options = ["-n", str(count)] if count else ["-d", str(effort.milliseconds)]
    distance = machine.distance(setting.distance, setting.cores) if setting.cores else 0
    with machine.Busy(setting.cores or ()) as busy:
        ours, load_s = running.cpu_seconds(), load_seconds()
        result = load(setting, running.port, case, target, fields, options + ["-r"] * case.is_tree)
        ours, load_s = running.cpu_seconds() - ours, load_seconds() - load_s
    others = max(0, busy.seconds - ours - load_s) / busy.time if setting.cores else 0
    return Sample(result["requests"] / result["us"] * 1e6, ours / result["requests"] * 1e6, others,
                  busy.stolen, distance)


def measure_beside_idle(running, case, target, fields, setting, effort):
    time.sleep(SETTLE_S)
    before = running.memory()
    with idle_connections(setting, running.port, case, target, fields):
        memory = before, running.memory()
        return dataclasses.replace(timed(running, case, target, fields, setting, effort), memory=memory)


def measure(running, case, target, setting, effort):
    before = running.memory() if case.is_tree else None
    fields = check.fields_of(running.port, case, target)
    if case.is_tree:
        check.check_tree(running.port, setting.entries, setting.root)
    else:
        check.check_case(running.port, case, target, fields, setting.root)
    warm_up(setting, running.port, case, target, fields, effort)
    if case.idle:
        return measure_beside_idle(running, case, target, fields, setting, effort)
    sample = timed(running, case, target, fields, setting, effort)
    return dataclasses.replace(sample, memory=(before, running.memory())) if case.is_tree else sample


def run_once(server, case, setting, effort):
    """A Sample, or why there is none: a text."""
    try:
        cores = {setting.cores[0]} if setting.cores else None
        with process.Running(server.of(case), setting.root, setting.hello, cores,
                             workers=setting.workers) as running:
            return measure(running, case, server.targets[case.name], setting, effort)
    except check.NotServed as e:
        return "not served: %s" % e
    except (check.Wrong, Failed, process.NotStarted) as e:
        return "failed: %s" % e


def compare(cases, servers, setting, effort, tell):
    """{case's name: {server's name: samples, or a text}}; tell(case, server, Sample or text) meanwhile."""
    results = {}
    for case in cases:
        row = results[case.name] = {s.name: [] for s in servers if case.name in s.targets}
        taking_part = [s for s in servers if s.name in row]
        for i in range(effort.rounds):
            turn = i % len(taking_part)
            for server in taking_part[turn:] + taking_part[:turn]:
                if isinstance(row[server.name], str):
                    continue
                one = run_once(server, case, setting, effort)
                tell(case, server, one)
                if isinstance(one, str):
                    row[server.name] = one
                else:
                    row[server.name].append(one)
    return results
