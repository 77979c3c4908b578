"""Rounds: each case, each server started afresh, asked, warmed up and measured; A B C, B C A, …"""
import dataclasses
import json
import resource
import subprocess

import check
import machine
import process


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


@dataclasses.dataclass(frozen=True)
class Effort:
    rounds: int
    milliseconds: int = 0   # of a measurement; 0: by count
    requests: int = 0


@dataclasses.dataclass(frozen=True)
class Sample:
    """One measurement. Memory is (before, behind) for the tree, else None."""
    rps: float
    us: float       # CPU time of the server for a request
    others: float   # share of the cores' time that was neither the server's nor the load's
    stolen: float   # share that the machine's host took
    distance: float  # nanoseconds of a cache line from the one core to the other and back
    memory: tuple = None


def load(setting, port, case, target, fields, options):
    command = [setting.load, "-c", str(case.connections), *options]
    for name, value in fields:
        command += ["-H", "%s: %s" % (name, value)]
    if case.is_tree:
        command += ["-l", setting.tree_list, str(port)]
    else:
        command += [str(port), target]
    done = subprocess.run(command, capture_output=True, text=True,
                          preexec_fn=process.in_child(setting.cores and {setting.cores[1]}))
    if done.returncode:
        raise Failed("load: " + done.stderr.strip()[-300:])
    result = json.loads(done.stdout)
    if result["bad"] or result["lost"] or not result["requests"]:
        raise Failed("under load: %(requests)d answers, %(bad)d of them wrong (%(first_bad)s); %(lost)d "
                     "connections lost" % result)
    return result


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
    else:
        options = ["-d", str(max(100, effort.milliseconds // 5))]
    load(setting, port, case, target, fields, options)


def measure(running, case, target, setting, effort):
    memory = running.memory() if case.is_tree else None
    fields = check.fields_of(running.port, case, target)
    if case.is_tree:
        check.check_tree(running.port, setting.entries, setting.root)
    else:
        check.check_case(running.port, case, target, fields, setting.root)
    warm_up(setting, running.port, case, target, fields, effort)
    options = ["-n", str(effort.requests)] if effort.requests else ["-d", str(effort.milliseconds)]
    distance = machine.distance(setting.distance, setting.cores) if setting.cores else 0
    with machine.Busy(setting.cores or ()) as busy:
        ours, load_s = running.cpu_seconds(), load_seconds()
        result = load(setting, running.port, case, target, fields, options + ["-r"] * case.is_tree)
        ours, load_s = running.cpu_seconds() - ours, load_seconds() - load_s
    others = max(0, busy.seconds - ours - load_s) / busy.time if setting.cores else 0
    return Sample(result["requests"] / result["us"] * 1e6, ours / result["requests"] * 1e6, others,
                  busy.stolen, distance, (memory, running.memory()) if case.is_tree else None)


def run_once(server, case, setting, effort):
    """A Sample, or why there is none: a text."""
    try:
        cores = {setting.cores[0]} if setting.cores else None
        with process.Running(server, setting.root, setting.hello, cores) as running:
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
