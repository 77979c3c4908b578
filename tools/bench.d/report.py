"""Figures as Markdown: medians, and in brackets the least and the most of all rounds."""
import math
import statistics

MARKS = ("<!-- tools/bench --write: from here -->", "<!-- tools/bench --write: to here -->")
REFERENCE = "limit"


SAME_DISTANCE = 2  # a factor between distances of cores that are the same still


def groups(results):
    """(suffix, is_in(sample)) of the distances that the cores had: one, or near and far."""
    distances = [s.distance for s in samples_of(results)] or [0]
    low, high = min(distances), max(distances)
    if high <= SAME_DISTANCE * low:
        return [("", lambda sample: True)]
    middle = math.sqrt(low * high)
    return [(", near", lambda sample: sample.distance < middle),
            (", far", lambda sample: sample.distance >= middle)]


def ratios(samples, reference, is_in=lambda sample: True):
    """CPU per request, round by round, as a multiple of what the reference took in the same round.

    A round counts when both are in: when the host has not moved the cores between the two.
    """
    return [a.us / b.us for a, b in zip(samples, reference) if is_in(a) and is_in(b)]


def spread(values):
    if not values:
        return "no round"
    return "%.2f (%.2f–%.2f)" % (statistics.median(values), min(values), max(values))


def spread_percent(values):
    return (max(values) - min(values)) / statistics.median(values) * 100


def row(*cells):
    return "| " + " | ".join(cells) + " |"


def table(head, rows, right="---:"):
    return "\n".join([row(*head), row("---", *[right] * (len(head) - 1)), *(row(*r) for r in rows)])


def in_brief(text):
    """Of a text that stands for samples: "not served", "failed"."""
    return text.split(":", 1)[0]


def cell(found, make):
    if found is None:
        return "–"
    return in_brief(found) if isinstance(found, str) else make(found)


def cpu_rows(case, found, others, all_groups):
    base = found[REFERENCE]
    if isinstance(base, str):
        return [[case, in_brief(base), *["–"] * len(others)]]
    rows = []
    for suffix, is_in in all_groups:
        took = [s.us for s in base if is_in(s)]
        if took:
            rows.append([case + suffix, "%.2f" % statistics.median(took),
                         *(cell(found.get(n), lambda samples: spread(ratios(samples, base, is_in)))
                           for n in others)])
    return rows


def cpu_table(results, names):
    others = [n for n in names if n != REFERENCE]
    all_groups = groups(results)
    return table(["case", "limit, µs", *others], [
        r for case, found in results.items() for r in cpu_rows(case, found, others, all_groups)])


def rate_table(results, names):
    def rate(samples):
        rates = [s.rps for s in samples]
        return "{:,.0f} ({:.0f} %)".format(statistics.median(rates), spread_percent(rates))
    return table(["case", *names], [[case, *(cell(found.get(n), rate) for n in names)]
                                    for case, found in results.items()])


def memory_rows(found, names):
    def mib(samples, when, what):
        return statistics.median(s.memory[when][what] for s in samples) / 1024
    for name in names:
        samples = found.get(name)
        if samples is None or isinstance(samples, str):
            continue
        yield [name, "%.1f" % mib(samples, 0, "Pss"), "%.1f" % mib(samples, 1, "Pss"),
               "%.1f" % mib(samples, 0, "Rss"), "%.1f" % mib(samples, 1, "Rss"),
               "%d" % statistics.median(s.memory[1]["descriptors"] for s in samples)]


def memory_table(found, names):
    return table(["server", "PSS at start, MiB", "PSS behind, MiB", "RSS at start, MiB",
                  "RSS behind, MiB", "descriptors"], list(memory_rows(found, names)))


def connection_memory(samples, idle):
    """KiB of a connection: median, and the share of what was resident that is not shared."""
    return [statistics.median((s.memory[1][what] - s.memory[0][what]) / idle for s in samples)
            for what in ("Pss", "Rss")]


def idle_table(found, names, idle):
    rows = []
    for name in names:
        samples = found.get(name)
        if samples is not None and not isinstance(samples, str):
            rows.append([name, *("%.2f" % kib for kib in connection_memory(samples, idle)),
                         "%.1f" % (statistics.median(s.memory[0]["Pss"] for s in samples) / 1024)])
    return table(["server", "PSS of a connection, KiB", "RSS of a connection, KiB", "PSS before, MiB"], rows)


# ---- instructions and system calls ----

LEAST_SHARE = 0.01  # of a function that is named


def instructions_table(counts, names):
    return table(["case", *names], [
        [case, *(cell(found.get(n), lambda one: "{:,.0f}".format(one.instructions)) for n in names)]
        for case, found in counts.items()])


def calls(one):
    """The sum, and of which it is: those that are not too rare."""
    often = sorted(((n, name) for name, n in one.calls.items() if n >= 0.005), reverse=True)
    return "%.2f: %s" % (one.system_calls, ", ".join("%s %.2f" % (name, n) for n, name in often))


def calls_table(counts, names):
    return table(["case", *names], [[case, *(cell(found.get(n), calls) for n in names)]
                                    for case, found in counts.items()], "---")


def functions_table(counts, name):
    """Of one server: a column for each case, a row for each function that is above LEAST_SHARE in one."""
    columns = {case: found[name] for case, found in counts.items()
               if name in found and not isinstance(found[name], str)}
    chosen = {f for one in columns.values() for f, n in one.functions.items()
              if n > one.instructions * LEAST_SHARE}
    rows = [[("`%s`" % f), *("{:,.0f}".format(one.functions.get(f, 0)) for one in columns.values())]
            for f in sorted(chosen, key=lambda f: -sum(one.functions.get(f, 0) for one in columns.values()))]
    rest = ["all others", *("{:,.0f}".format(sum(n for f, n in one.functions.items() if f not in chosen))
                            for one in columns.values())]
    return table(["function", *columns], rows + [rest])


def reasons(results):
    """Of each figure that is not there: why. Lines of a list."""
    return ["- %s, %s: %s" % (case, name, text) for case, found in results.items()
            for name, text in found.items() if isinstance(text, str)]


def samples_of(results):
    return [one for found in results.values() for samples in found.values()
            if not isinstance(samples, str) for one in samples]


def disturbance(results):
    """By others on the same cores, and by the host: of all measurements the middle and the worst."""
    if not any(s.distance for s in samples_of(results)):
        return "not known, for nothing is pinned"
    out = []
    for who, key in (("others on the two cores", "others"), ("the host", "stolen")):
        shares = [getattr(s, key) * 100 for s in samples_of(results)] or [0]
        out.append("%s took %.0f %% of their time in the middle, %.0f %% at most" % (
            who, statistics.median(shares), max(shares)))
    distances = [s.distance for s in samples_of(results)] or [0]
    out.append("a cache line took %.0f to %.0f ns, %.0f in the middle, from the one core to the other and "
               "back" % (min(distances), max(distances), statistics.median(distances)))
    if len(groups(results)) > 1:
        out.append("so the host has moved the cores, and ratios are of near and of far ones")
    return "; ".join(out)


def memory_sections(results, cases, names):
    out = []
    for case in cases:
        found = results.get(case.name)
        if found and case.is_tree:
            out += ["## Memory behind %s" % case.name, memory_table(found, names)]
        if found and case.idle:
            out += ["## Memory of an idle connection", "Of the process: what the kernel keeps for a connection "
                    "comes to it, with each server alike.", idle_table(found, names, case.idle)]
    return out


def counts_sections(counts):
    names = list(dict.fromkeys(name for found in counts.values() for name in found))
    out = ["## Instructions per request", instructions_table(counts, names),
           "## System calls per request", calls_table(counts, names)]
    for name in names:
        if name != REFERENCE:
            out += ["## Instructions by function: %s" % name, functions_table(counts, name)]
    return out


def sections(results, counts, cases, names):
    """Heading and tables, of what was measured."""
    out = ["## CPU per request, as a multiple of limit", cpu_table(results, names),
           "## Requests a second", rate_table(results, names), *memory_sections(results, cases, names)]
    if counts:
        out += counts_sections(counts)
    missing = list(dict.fromkeys(reasons(results) + reasons(counts or {})))
    if missing:
        out += ["## Without a figure", "\n".join(missing)]
    return "\n\n".join(out)


def document(text, generated):
    """The text with what is between the marks replaced."""
    begin, end = (text.index(mark) for mark in MARKS)
    return "%s\n\n%s\n\n%s" % (text[:begin + len(MARKS[0])], generated, text[end:])
