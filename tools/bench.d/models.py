"""tools/bench --models: one handler, served in the six ways that the documents teach, to 1 to 1,000 clients.

Three are programs in models/, of one common file; the other three are Weir's own. In each round a server is
started for each number of clients, asked by all of them as fast as it goes, and then at a rate that is the
same for all models, by clients each of which has a schedule of its own.
"""
import contextlib
import dataclasses
import math
import os
import re
import selectors
import socket
import statistics
import time

import latency
import machine
import process
import programs
import report
import svg
from cases import HELLO
from servers import Server

TARGET = "/hello"
CLIENTS = (1, 4, 16, 64, 256, 1000)
HELD, CLOSING = 1000, 16  # clients with whom memory is measured, and with a connection for each request
HERTZ = 4000        # of all clients together, where latencies are taken
GRACE_MS = 100
QUIET_S, PATIENCE_S = 0.5, 20
FIRST = 64          # clients whose memory is not counted: a server needs some of it once
THREADS = 8
US, MS = 1 / 1000, 1 / 1e6
SOURCES = os.path.join(programs.HERE, "models")

WEIR = """{"listen": ["127.0.0.1:0"], "loops": 1, "threads": %d,
 "routes": [{"path": "/hello", "plugin": "%%(hello)s", "runs": "%s"}, {"path": "/", "static": "%%(root)s"}]}
"""


@dataclasses.dataclass(frozen=True)
class Effort:
    rounds: int
    milliseconds: int

    def warm_ms(self, clients):
        """A process for each takes a while to begin."""
        return 150 + clients // 4


NORMAL, QUICK = Effort(3, 500), Effort(1, 200)


def build_model(name, folder):
    out = os.path.join(folder, "model-" + name)
    programs.run([*programs.compiler(), *programs.FLAGS, "-o", out, os.path.join(SOURCES, name + ".c"),
                  os.path.join(SOURCES, "server.c")])
    return out


def model(name, program, how):
    return Server(name, program, ("%(ready)s", "%(root)s"), {}, how=how)


def weir(name, program, runs, how):
    return Server(name, program, ("--config", "%(config)s", "--ready-fd", "%(ready)s", "--quiet"), {},
                  WEIR % (THREADS, runs), how=how)


def models(folder, weir_program):
    return [
        model("blocking", build_model("blocking", folder), "`models/blocking.c`: one client at a time"),
        model("process", build_model("process", folder),
              "`models/process.c`: a process for each connection, by fork"),
        model("thread", build_model("thread", folder), "`models/thread.c`: a thread for each connection"),
        weir("pool", weir_program, "thread", "Weir, the handler in a pool of %d threads, connections on its "
             "event loop" % THREADS),
        weir("coroutine", weir_program, "coroutine", "Weir, each request in a coroutine on its event loop"),
        weir("loop", weir_program, "loop", "Weir, the handler on the event loop")]


# ---- memory ----

def kernel_kib(running):
    """What the kernel has for the server's processes: page tables, and a stack for each thread."""
    kib = 0
    for pid in running.pids():
        found = re.search(r"^VmPTE:\s+(\d+) kB.*^Threads:\s+(\d+)", machine.read("/proc/%d/status" % pid),
                          re.M | re.S)
        kib += int(found[1]) + int(found[2]) * stack_kib()
    return kib


def stack_kib():
    """A thread's stack in the kernel: that of all threads of the machine, by their number."""
    stacks = re.search(r"^KernelStack:\s+(\d+) kB", machine.read("/proc/meminfo"), re.M)
    threads = machine.read("/proc/loadavg").split()[3].split("/")[1]
    return 2 ** round(math.log2(int(stacks[1]) / int(threads)))  # some threads are being made or unmade


def hold(port, count, clients):
    """Opens that many connections, asks on each, reads until none has answered for a while: how many have."""
    answered = set()
    with selectors.DefaultSelector() as selector:
        for _ in range(count):
            s = clients.enter_context(socket.create_connection(("127.0.0.1", port)))
            s.sendall(b"GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" % TARGET.encode())
            selector.register(s, selectors.EVENT_READ)
        end = time.monotonic() + PATIENCE_S
        while len(answered) < count and time.monotonic() < end:
            ready = selector.select(QUIET_S)
            if not ready:
                break
            for key, _ in ready:
                if key.fileobj.recv(65536).endswith(HELLO):
                    answered.add(key.fd)
    return len(answered)


def memory_of(running):
    return running.memory()["Pss"], kernel_kib(running)


def memory_per_client(running, count):
    """KiB in user space and in the kernel for each of `count` clients that have been answered and stay.

    Or None, where one of them gets no answer.
    """
    with contextlib.ExitStack() as clients:
        hold(running.port, FIRST, clients)
        before = memory_of(running)
        if hold(running.port, count - FIRST, clients) < count - FIRST:
            return None
        return tuple((b - a) / (count - FIRST) for a, b in zip(before, memory_of(running)))


# ---- the rounds ----

@dataclasses.dataclass(frozen=True)
class Sample:
    rps: float
    latency: latency.Latency
    memory: tuple = None    # KiB of a client, in user space and in the kernel
    closing: float = None   # requests a second with a connection for each


def measure(running, tools, clients, effort):
    """Memory first, for what a server has kept of a load before would be used again."""
    memory, warm = memory_per_client(running, clients) if clients == HELD else None, effort.warm_ms(clients)
    tools.fastest(running.port, TARGET, clients, warm)
    rps = tools.fastest(running.port, TARGET, clients, effort.milliseconds)
    one = tools.at_rate(running.port, TARGET, HERTZ, "-o", "-c", clients, "-d", effort.milliseconds,
                        "-w", warm, "-g", GRACE_MS)
    closing = None
    if clients == CLOSING:
        closing = tools.fastest(running.port, TARGET, clients, effort.milliseconds, "-H", "Connection: close")
    return Sample(rps, one, memory, closing)


def rounds(found, setting, hello, effort):
    """{(model, clients): samples}"""
    tools = setting.tools()
    cells = [(server, clients) for clients in CLIENTS for server in found]
    results = {(server.name, clients): [] for server, clients in cells}
    for i, (server, clients) in latency.in_turns(cells, effort.rounds):
        try:
            with process.Running(server, setting.root, hello, setting.server_cores) as running:
                one = measure(running, tools, clients, effort)
        except latency.Failed as e:
            setting.tell_failure("%s, %d clients" % (server.name, clients), e)
            continue
        results[server.name, clients].append(one)
        setting.say("%2d  %-10s %5d clients %9.0f/s  p99 %10.1f µs, %d served%s" % (
            i + 1, server.name, clients, one.rps, one.latency.percentiles[0.99] * US, one.latency.served,
            ", %.1f and %.1f KiB" % one.memory if one.memory else ""))
    return results


# ---- the section ----

def p99(samples):
    return [s.latency.percentiles[0.99] for s in samples]


def served(samples):
    return statistics.median(s.latency.served for s in samples)


def rate_cell(samples, _):
    rates = [s.rps for s in samples]
    return "{:,.0f} ({:.0f} %)".format(statistics.median(rates), report.spread_percent(rates))


def p99_cell(samples, clients):
    if served(samples) < clients:
        return "%d of %s served" % (served(samples), format(clients, ","))
    return latency.spread(p99(samples), US)


def table(results, names, cell):
    return report.table(["clients", *names], [
        [format(clients, ","), *(cell(results[name, clients], clients) if results[name, clients] else "failed"
                                 for name in names)] for clients in CLIENTS])


def cost_rows(results, names):
    for name in names:
        closing = [s.closing for s in results[name, CLOSING]]
        memory = [s.memory for s in results[name, HELD]]
        has_memory = memory and None not in memory
        yield [name, "{:,.0f} ({:.0f} %)".format(statistics.median(closing), report.spread_percent(closing))
               if closing else "failed",
               *(latency.spread([m[i] for m in memory]) if has_memory else "–" for i in range(2))]


def cost_table(results, names):
    return report.table(["model", "connections a second", "memory of the server's, KiB", "the kernel's for it, KiB"],
                        list(cost_rows(results, names)))


def series(results, names, figures, times=1):
    return [svg.Series(name, {clients: latency.value(figures(results[name, clients]), times)
                              for clients in CLIENTS if results[name, clients]}, i) for i, name in enumerate(names)]


def plots(results, names):
    clients = svg.Axis("clients, each with a connection that stays open", is_log=True)
    return {
        "models-rate.svg": svg.lines(
            "One handler in six models: requests a second, as fast as they go",
            series(results, names, lambda samples: [s.rps for s in samples]), clients,
            svg.Axis("requests a second", is_log=True)),
        "models-p99.svg": svg.lines(
            "One handler in six models: p99 at %s requests a second" % format(HERTZ, ","),
            series(results, names, p99, MS), clients, svg.Axis("ms, from when it was due; at the top: no answer while it was measured",
                                               is_log=True))}


def section(results, found, effort, circumstances):
    names = [server.name for server in found]
    lines = [*circumstances,
             "- Rounds: %d; of each number of clients, %g s as fast as they go, and %g s at %s requests a second "
             "together" % (effort.rounds, effort.milliseconds / 1000, effort.milliseconds / 1000, format(HERTZ, ","))]
    lines += ["- %s: %s" % (server.name, server.how) for server in found]
    return "\n\n".join([
        "\n".join(lines), latency.picture("models-rate.svg", "requests a second over clients, by model"),
        latency.picture("models-p99.svg", "p99 over clients, by model"),
        "Requests a second: median of the rounds, and how far they lie apart.", table(results, names, rate_cell),
        "p99 at %s requests a second, µs: median (least–most)." % format(HERTZ, ","),
        table(results, names, p99_cell),
        "What a connection costs: how many a second %d clients get who open one for each request, and the memory of "
        "one that has had its answer and stays, of %s." % (CLOSING, format(HELD, ",")), cost_table(results, names)])


def run(setting, effort):
    found = models(setting.folder, setting.weir)
    with machine.congestion(setting.cc) as control:
        results = rounds(found, setting, programs.build_hello(setting.folder), effort)
    return (section(results, found, effort, setting.circumstances(control)),
            plots(results, [server.name for server in found]))
