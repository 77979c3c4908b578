"""The figures of docs/performance.md, of one run's results."""
import os
import statistics

import report
import svg

STYLES = {"weir": 0, "nginx": 1, "h2o": 2, "lighttpd": 3, "limit": svg.GREY}
LOW, HIGH = 0.7, 5  # of the axis: what is beyond has its number beside it


def value(numbers):
    return svg.Value(statistics.median(numbers), min(numbers), max(numbers))


def group_of(found, results):
    """The distance of the cores in which most rounds of this case were measured: (suffix, is_in)"""
    samples = found[report.REFERENCE]
    return max(report.groups(results), key=lambda group: sum(map(group[1], samples)))


def cpu(results, cases, names, title):
    rows, goals, values = [], {}, {name: {} for name in names if name != report.REFERENCE}
    for case in cases:
        found = results[case.name]
        if isinstance(found[report.REFERENCE], str):
            continue
        suffix, is_in = group_of(found, results)
        rows.append(case.name + suffix)
        if case.goal:
            goals[rows[-1]] = svg.Value(case.goal)
        for name in values:
            samples = found.get(name) or "none"
            ratios = [] if isinstance(samples, str) else report.ratios(samples, found[report.REFERENCE], is_in)
            if ratios:
                values[name][rows[-1]] = value(ratios)
    series = [svg.Series(name, v, STYLES.get(name)) for name, v in values.items() if v]
    series.insert(0, svg.Series("goal of weir", goals, svg.GREY))
    return svg.dots(title, rows, series, svg.Axis(
        "multiple of limit: the median of the rounds, the least and the most; less is better",
        is_log=True, low=LOW, high=HIGH, mark=1))


def memory(results, case, names):
    series = []
    for name in names:
        samples = results[case.name].get(name)
        if samples is not None and not isinstance(samples, str):
            kib = [(s.memory[1]["Pss"] - s.memory[0]["Pss"]) / case.idle for s in samples]
            series.append(svg.Series(name, {case.name: value(kib)}, STYLES.get(name)))
    return svg.bars("Memory of an idle keep-alive connection", [case.name], series,
                    svg.Axis("KiB of the process (PSS); less is better"))


def instructions(counts):
    names = dict.fromkeys(name for found in counts.values() for name in found)
    series = [svg.Series(name, {case: svg.Value(found[name].instructions) for case, found in counts.items()
                                if name in found and not isinstance(found[name], str)}, STYLES.get(name))
              for name in names]
    return svg.bars("Instructions per request", list(counts), series,
                    svg.Axis("of the server's own code and its libraries; less is better"))


def write(folder, results, counts, cases, names):
    """Files, and the Markdown that shows them."""
    os.makedirs(folder, exist_ok=True)
    of_files = [c for c in cases if c.file or c.is_tree]
    figures = {
        "cpu-apps": cpu(results, [c for c in cases if c not in of_files], names, "CPU per request, as a multiple of limit: plugins"),
        "cpu-files": cpu(results, of_files, names, "CPU per request, as a multiple of limit: files")}
    for case in cases:
        if case.idle:
            figures["memory"] = memory(results, case, names)
    if counts:
        figures["instructions"] = instructions(counts)
    for name, text in figures.items():
        with open(os.path.join(folder, name + ".svg"), "w") as f:
            f.write(text)
    return "\n\n".join("![%s](%s/%s.svg)" % (name, os.path.basename(folder), name) for name in figures)
