"""Instructions and system calls that may not grow: a table of figures, and whether they still hold.

The table is held.json, which `tools/bench --hold` writes and `--held` compares with. A figure holds when
it is not more than MARGIN above. They are those of the release preset; another compiler or other options
have others.
"""
import datetime
import json
import os

import instructions
import machine
import programs

TABLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "held.json")
MARGIN = 0.10
KINDS = (("instructions", lambda one: one.instructions), ("system calls", lambda one: one.system_calls))
COUNTED = {"instructions": ("hello", "hello-browser", "static-1k", "static-304", "gzip-sibling"),
           "system calls": ("hello", "hello-browser", "static-1k", "static-100k", "static-304", "gzip-sibling")}


def cases(all_cases):
    return [c for c in all_cases if any(c.name in names for names in COUNTED.values())]


def figures(counts, name):
    """{kind: {case: number}} of what was counted of this server, a text where that failed."""
    out = {}
    for kind, figure in KINDS:
        out[kind] = {}
        for case in COUNTED[kind]:
            one = counts[case][name]
            out[kind][case] = one if isinstance(one, str) else round(figure(one), 2)
    return out


def write(found):
    """The table anew; raises where there is no figure."""
    for numbers in found.values():
        for case, number in numbers.items():
            if isinstance(number, str):
                raise ValueError("%s: %s" % (case, number))
    about = "by `tools/bench --hold` on %s, commit %s, %s, %s, GLIBC_TUNABLES=%s" % (
        datetime.date.today(), machine.tree_state(),
        programs.run([*programs.compiler(), "--version"]).split("\n")[0],
        programs.run(["valgrind", "--version"]).strip(), instructions.TUNABLES)
    with open(TABLE, "w") as f:
        json.dump({"measured": about, **found}, f, indent=4)
        f.write("\n")


def compare(found):
    """(lines that say each figure, whether all hold)"""
    with open(TABLE) as f:
        table = json.load(f)
    lines, is_held = ["measured %s; may be %.0f %% more" % (table["measured"], MARGIN * 100)], True
    for kind, _ in KINDS:
        for case, was in table[kind].items():
            now = found[kind].get(case, "not counted")
            holds = not isinstance(now, str) and now <= was * (1 + MARGIN)
            is_held = is_held and holds
            lines.append("%-13s %-14s %10s, was %10s%s" % (kind, case, now, was, "" if holds else "  TOO MANY"))
    return lines, is_held
