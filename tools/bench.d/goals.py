"""What Weir aims for, and where it is: a row for each goal, of one run's results."""
import statistics

import report

US = "weir"
TOLERANCE = 0.04    # of a ratio: a goal is met when the median is within it
MEMORY = 0.30       # KiB of an idle connection
DRAIN = "drain-10m"  # whose goal is not a number: not above this server
AGAINST = "nginx"
INSTRUCTIONS = {"hello": 1200, "hello-browser": 2000, "static-1k": 1500}
CALLS = {"hello": 2, "static-1k": 2, "static-100k": 3}
CALLS_TOLERANCE = 0.1  # the loop's epoll_wait, which many requests share
PEERS_NOT = (report.REFERENCE, US)


def is_figure(found):
    return found is not None and not isinstance(found, str)


def medians(found, is_in=lambda sample: True):
    """{server: median of its ratios to limit}"""
    base, out = found.get(report.REFERENCE), {}
    if not is_figure(base):
        return out
    for name, samples in found.items():
        ratios = report.ratios(samples, base, is_in) if is_figure(samples) else []
        if ratios:
            out[name] = statistics.median(ratios)
    return out


def best_peer(values):
    peers = [(value, name) for name, value in values.items() if name not in PEERS_NOT]
    return "%s %.2f" % min(peers)[::-1] if peers else "–"


def said(is_met):
    return "yes" if is_met else "no"


def cpu_rows(results, cases):
    """Of each distance that the cores had a row."""
    for case in cases:
        for suffix, is_in in report.groups(results):
            values = medians(results.get(case.name, {}), is_in)
            goal = values.get(AGAINST) if case.name == DRAIN else case.goal
            if US not in values or goal is None:
                continue
            spread = report.spread(report.ratios(results[case.name][US], results[case.name][report.REFERENCE],
                                                 is_in))
            text = "not above %s" % AGAINST if case.name == DRAIN else "%.2f" % goal
            yield ["CPU, " + case.name + suffix, text, spread, said(values[US] <= goal + TOLERANCE),
                   best_peer(values)]


def memory_rows(results, cases):
    for case in cases:
        found = results.get(case.name, {})
        if not case.idle or not is_figure(found.get(US)):
            continue
        kib = {name: report.connection_memory(samples, case.idle)[0] for name, samples in found.items()
               if is_figure(samples)}
        yield ["KiB of an idle connection", "%.2f" % MEMORY, "%.2f" % kib[US],
               said(kib[US] <= MEMORY), best_peer(kib)]


def count_rows(counts):
    for what, goals, figure, tolerance in (
            ("instructions", INSTRUCTIONS, lambda one: one.instructions, 0),
            ("system calls", CALLS, lambda one: one.system_calls, CALLS_TOLERANCE)):
        for case, goal in goals.items():
            one = counts.get(case, {}).get(US)
            if is_figure(one):
                value = figure(one)
                yield ["%s, %s" % (what, case), "{:,}".format(goal),
                       "{:,.0f}".format(value) if value > 100 else "%.2f" % value,
                       said(value <= goal + tolerance), "–"]


def section(results, counts, cases):
    rows = [*cpu_rows(results, cases), *memory_rows(results, cases), *count_rows(counts or {})]
    return "## Goals\n\n%s\n\n%s" % (
        "CPU is a multiple of what `limit` takes; a goal is met when the median is not more than %.2f above it. "
        "The best peer is that of this run." % TOLERANCE,
        report.table(["what", "goal", "Weir", "met", "best peer"], rows, "---"))
