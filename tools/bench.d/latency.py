"""What --tail and --models have in common: load as fast as it goes, load at a rate, a section of the document.

Each of them is a module with NORMAL and QUICK, efforts with `rounds`, and run(Setting, effort), which returns
the text of the section and its plots, {file name: text}.
"""
import dataclasses
import datetime
import json
import os
import shlex
import statistics
import subprocess
import sys
import tempfile

import files
import machine
import process
import programs
import svg

DOCUMENT = os.path.join(programs.TOP, "docs/performance.md")
PLOTS = os.path.join(programs.TOP, "docs/performance")


class Failed(Exception):
    """No figure: what a load generator said."""


@dataclasses.dataclass(frozen=True)
class Tools:
    """load.c and rate.c, and the core where they run; None: anywhere."""
    load: str
    rate: str
    core: int = None

    @staticmethod
    def build(folder, core):
        return Tools(programs.build_tool("load", folder), programs.build_tool("rate", folder), core)

    def run(self, command):
        done = subprocess.run(command, capture_output=True, text=True,
                              preexec_fn=process.in_child(None if self.core is None else {self.core}))
        if done.returncode:
            raise Failed("%s: %s" % (os.path.basename(command[0]), done.stderr.strip()[-300:]))
        result = json.loads(done.stdout)
        if result["bad"] or result["lost"] or not result["requests"]:
            raise Failed("under load: %(requests)d answers, %(bad)d of them wrong; %(lost)d connections "
                         "lost" % result)
        return result

    def fastest(self, port, target, connections, milliseconds, *options):
        """Requests a second when each connection asks as soon as it has its answer."""
        result = self.run([self.load, "-c", str(connections), "-d", str(milliseconds), *options, str(port), target])
        return result["requests"] * 1e6 / result["us"]

    def at_rate(self, port, target, hertz, *options):
        """As rate.c says, a Latency."""
        result = self.run([self.rate, "-r", str(hertz), *map(str, options), str(port), target])
        return Latency(dict(map(tuple, result["percentiles"])), result["max"], result["requests"],
                       result["late"], result["unanswered"], result["served"], result["beside"])


@dataclasses.dataclass(frozen=True)
class Latency:
    """Nanoseconds; percentiles: {share of the requests: what they did not exceed}."""
    percentiles: dict
    most: int
    requests: int
    late: int        # of the load generator
    unanswered: int
    served: int      # connections
    beside: int      # answers of the other load


@dataclasses.dataclass(frozen=True)
class Setting:
    """Of a run."""
    weir: str      # the program
    folder: str    # for what is built
    root: str      # of the files that are served
    cores: tuple   # of the server and the load; None: there is one
    cc: str        # congestion control that is wanted
    say: object    # where to tell what comes, as print
    failures: list  # lines about what has no figure

    @property
    def server_cores(self):
        return self.cores and {self.cores[0]}

    def tools(self):
        return Tools.build(self.folder, self.cores and self.cores[1])

    def tell_failure(self, what, error):
        self.failures.append("- %s: no figure in a round: %s" % (what, error))
        self.say(self.failures[-1])

    def circumstances(self, control):
        """What a reader has to know, as lines of a list."""
        pinned = "server on core %d, load on core %d" % self.cores if self.cores else \
            "nothing pinned: there is one core"
        return ["- Command: `tools/bench %s`, on %s, of commit %s" % (
            shlex.join(sys.argv[1:]), datetime.date.today(), machine.tree_state()),
            "- Machine: " + machine.description(), "- %s; congestion control %s" % (pinned.capitalize(), control),
            *self.failures]


def in_turns(things, rounds):
    """Round by round all of them, from another one on each time: (round, thing)."""
    for i in range(rounds):
        turn = i % len(things)
        for thing in things[turn:] + things[:turn]:
            yield i, thing


def value(figures, times=1):
    """Median, least and most of the rounds, for a plot."""
    return svg.Value(statistics.median(figures) * times, min(figures) * times, max(figures) * times)


def short(figure):
    """With three digits that count, and no more than there are."""
    return "{:,.0f}".format(figure) if figure >= 99.95 else "%.3g" % figure


def spread(figures, times=1):
    """Median, least and most as a text."""
    v = value(figures, times)
    return "%s (%s–%s)" % (short(v.middle), short(v.least), short(v.most))


def marks(name):
    return tuple("<!-- tools/bench --%s --write: %s here -->" % (name, way) for way in ("from", "to"))


def replaced(text, name, generated):
    """The document with what is between the marks of this section replaced."""
    begin, end = (text.index(mark) for mark in marks(name))
    return "%s\n\n%s\n\n%s" % (text[:begin + len(marks(name)[0])], generated, text[end:])


def write(name, generated, plots):
    """The section, and its plots: {file name: text}."""
    with open(DOCUMENT, encoding="utf-8") as f:
        before = f.read()
    with open(DOCUMENT, "w", encoding="utf-8") as f:
        f.write(replaced(before, name, generated))
    write_plots(PLOTS, plots)


def write_plots(folder, plots):
    os.makedirs(folder, exist_ok=True)
    for file, text in plots.items():
        with open(os.path.join(folder, file), "w", encoding="utf-8") as f:
            f.write(text)


def picture(file, what):
    return "![%s](performance/%s)" % (what, file)


def main(name, module, args, say):
    """tools/bench --tail and --models: prints the section, or writes it. What the program returns."""
    effort = module.QUICK if args.quick else module.NORMAL
    if args.rounds:
        effort = dataclasses.replace(effort, rounds=args.rounds)
    with tempfile.TemporaryDirectory(prefix="weir-bench-") as folder:
        os.chmod(folder, 0o755)
        root = os.path.join(folder, "root")
        os.mkdir(root)
        files.make_root(root)
        try:
            weir = os.path.abspath(args.weir) if args.weir else programs.build_weir()
            setting = Setting(weir, folder, root, machine.choose_cores(os.sched_getaffinity(0)), args.cc, say, [])
            text, plots = module.run(setting, effort)
        except programs.NotBuilt as e:
            sys.exit("bench: cannot build: %s" % e)
        except (Failed, process.NotStarted) as e:
            sys.exit("bench: %s" % e)
    if args.write:
        write(name, text, plots)
    else:
        print(text)
    return 1 if setting.failures else 0
