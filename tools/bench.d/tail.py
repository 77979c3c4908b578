"""tools/bench --tail: how long the slowest requests take, at half load, beside other servers.

Half load is one rate for all servers: half of what the slowest of them gives with 64 connections that ask
as fast as they can. Latency is counted from when a request was due, by rate.c.
"""
import dataclasses
import os
import statistics

import latency
import machine
import process
import programs
import report
import svg
from plots import STYLES
from servers import servers

NAMES = ("limit", "weir", "nginx", "h2o")
CASE, LARGE = "static-1k", "static-10m"
CONNECTIONS = 64
SLEEP_MS, SLEEPERS = 5, 16
SHARES = ((0.5, "p50"), (0.99, "p99"), (0.999, "p99.9"))
MAXIMUM_ROUNDS = 3
US = 1 / 1000   # nanoseconds


@dataclasses.dataclass(frozen=True)
class Effort:
    rounds: int
    milliseconds: int
    warm_ms: int = 200


NORMAL, QUICK = Effort(10, 2400), Effort(2, 500)


@dataclasses.dataclass(frozen=True)
class Way:
    """What happens beside: a target of a server, None where it has none; on so many connections."""
    name: str
    what: str
    beside: object
    connections: int = 1


WAYS = (
    Way("alone", "nothing beside", lambda server: ""),
    Way("download", "one connection that downloads 10 MiB, over and over, as fast as it comes",
        lambda server: server.targets[LARGE]),
    Way("sleep", "%d connections ask a plugin that blocks: each request sleeps %d ms in a thread of the pool; "
        "only of Weir" % (SLEEPERS, SLEEP_MS),
        lambda server: "/sleep?ms=%d" % SLEEP_MS if server.name == "weir" else None, SLEEPERS),
)


def find(weir, limit, sleep):
    """The servers that are there; Weir with the plugin that blocks."""
    for server in servers(weir, limit):
        if server.name == "weir":
            server = dataclasses.replace(server, arguments=(*server.arguments, "--plugin", "/sleep=" + sleep))
        if server.name in NAMES and server.find():
            yield server


class Bench:
    def __init__(self, setting):
        folder = setting.folder
        self.setting, self.tools, self.hello = setting, setting.tools(), programs.build_hello(folder)
        self.servers = list(find(setting.weir, programs.build_tool("limit", folder), build_sleep(folder)))

    def running(self, server):
        return process.Running(server, self.setting.root, self.hello, self.setting.server_cores)

    def maxima(self, milliseconds):
        """{server's name: requests a second as fast as they go}"""
        found = {server.name: [] for server in self.servers}
        for _, server in latency.in_turns(self.servers, MAXIMUM_ROUNDS):
            with self.running(server) as running:
                for figures in ([], found[server.name]):  # the first is to warm up
                    figures.append(self.tools.fastest(running.port, server.targets[CASE], CONNECTIONS,
                                                      milliseconds))
        return {name: statistics.median(figures) for name, figures in found.items()}

    def one(self, port, server, way, effort, hertz):
        beside = way.beside(server)
        return self.tools.at_rate(
            port, server.targets[CASE], hertz, "-c", CONNECTIONS, "-d", effort.milliseconds,
            "-w", effort.warm_ms, *(("-b", beside, "-n", way.connections) if beside else ()))

    def latencies(self, effort, hertz):
        """{(way's name, server's name): a Latency for each round}"""
        found = {}
        for i, server in latency.in_turns(self.servers, effort.rounds):
            with self.running(server) as running:
                for way in (w for w in WAYS if w.beside(server) is not None):
                    try:
                        one = self.one(running.port, server, way, effort, hertz)
                    except latency.Failed as e:
                        self.setting.tell_failure("%s, %s" % (server.name, way.name), e)
                        continue
                    found.setdefault((way.name, server.name), []).append(one)
                    self.tell(i, way, server, one)
        return found

    def tell(self, i, way, server, one):
        self.setting.say("%2d  %-9s %-8s p50 %7.1f µs  p99 %8.1f  p99.9 %9.1f" % (
            i + 1, way.name, server.name, *(one.percentiles[share] * US for share, _ in SHARES)))


def build_sleep(folder):
    out = os.path.join(folder, "sleep.so")
    programs.run([*programs.compiler(), "-O2", "-shared", "-fPIC", "-fvisibility=hidden", "-Wl,-z,defs",
                  "-I", os.path.join(programs.TOP, "include"), "-o", out,
                  os.path.join(programs.TOP, "plugins/sleep/sleep.c")])
    return out


# ---- the section ----

def at(samples, share):
    return [s.percentiles[share] for s in samples]


def table(found):
    def row(way, name, samples):
        return [way, name, *(latency.spread(at(samples, share), US) for share, _ in SHARES),
                latency.spread([s.most for s in samples], US),
                latency.short(statistics.median(s.late for s in samples) * US),
                "%d" % sum(s.unanswered for s in samples)]
    head = ["beside", "server", *(name for _, name in SHARES), "longest", "load late, p99", "unanswered"]
    return report.table(head, [row(way.name, name, found[way.name, name]) for way in WAYS for name in NAMES
                               if (way.name, name) in found])


def curve(found):
    """Over how many requests one is slower: 2 is the median, 1,000 is p99.9."""
    def points(samples):
        smallest = 1 / min(s.requests for s in samples)
        return {1 / (1 - share): latency.value(at(samples, share), US) for share in samples[0].percentiles
                if 1 - share >= smallest}
    return svg.lines("Latency of a file of 1 KiB at half load", [
        svg.Series(name, points(found["alone", name]), STYLES[name]) for name in NAMES
        if ("alone", name) in found],
        svg.Axis("of so many requests, one takes longer (10: p90, 100: p99, 1,000: p99.9)", is_log=True),
        svg.Axis("µs, from when it was due", is_log=True))


def dots(found):
    rows = ["%s, %s" % (name, way.name) for _, name in SHARES for way in WAYS]
    series = []
    for server in NAMES:
        values = {"%s, %s" % (name, way.name): latency.value(at(found[way.name, server], share), US)
                  for share, name in SHARES for way in WAYS if (way.name, server) in found}
        if values:
            series.append(svg.Series(server, values, STYLES[server]))
    return svg.dots("Latency at half load with other work beside: median and spread of the rounds", rows, series,
                    svg.Axis("µs, from when it was due", is_log=True))


def section(found, maxima, hertz, effort, circumstances):
    fastest = ", ".join("%s %s" % (name, format(round(rate, -2), ",.0f")) for name, rate in maxima.items())
    lines = [*circumstances,
             "- Load: %s requests a second for all, half of the slowest server's maximum (requests a second of %d "
             "connections that ask as fast as they can: %s); %d connections; each of %d rounds %g s, behind %g s "
             "that do not count" % (format(hertz, ","), CONNECTIONS, fastest, CONNECTIONS, effort.rounds,
                                    effort.milliseconds / 1000, effort.warm_ms / 1000)]
    lines += ["- %s: %s" % (way.name, way.what) for way in WAYS]
    return "\n\n".join([
        "\n".join(lines), latency.picture("tail.svg", "latency over its rank, by server"),
        latency.picture("tail-beside.svg", "latency with other work beside, by server"),
        "Microseconds: median of the rounds (least–most).", table(found)])


def plots(found):
    return {"tail.svg": curve(found), "tail-beside.svg": dots(found)}


def run(setting, effort):
    with machine.congestion(setting.cc) as control:
        bench = Bench(setting)
        maxima = bench.maxima(max(300, effort.milliseconds // 4))
        hertz = int(min(maxima.values()) / 2) // 100 * 100
        found = bench.latencies(effort, hertz)
    return section(found, maxima, hertz, effort, setting.circumstances(control)), plots(found)
