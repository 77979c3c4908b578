"""tools/bench: what is made of counts and samples. Instructions by function, system calls, what must hold,
goals, figures."""
import json
import os
import re
import sys
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tools/bench.d"))
import goals  # noqa: E402
import held  # noqa: E402
import instructions  # noqa: E402
import plots  # noqa: E402
import report  # noqa: E402
import runs  # noqa: E402
from cases import CASES, Case  # noqa: E402

# As callgrind writes it: a name once, then its number; the line behind calls= is what the callee cost.
CALLGRIND = """\
version: 1
positions: line
events: Ir

fl=(1) a.c
fn=(1) main
10 5
+2 7
cfi=(2) b.c
cfn=(2) parse.constprop.0
calls=3 20
12 300

fn=(2)
20 100
fi=(3) c.h
* 200
-4 1
fe=(2)
fn=(3) parse
7 9
totals: 322
"""

VALGRIND = """\
==7== Callgrind
SYSCALL[7,1](  0) sys_read ( 5, 0x1, 9 ) --> [async] ...
SYSCALL[7,1](  0) ... [async] --> Success(0x9)
SYSCALL[7,2](228) sys_clock_gettime( 1, 0x1 )[sync] --> Success(0x0)
SYSCALL[7,2](0) sys_read ( 6, 0x1, 9 ) --> [async] ...
SYSCALL[7,1](231) exit_group( 0 ) --> [pre-success] Success(0x0)
"""


def counts(total, calls):
    return instructions.Counts({"f": total}, {"read": calls})


class Counts(unittest.TestCase):
    def test_each_function_has_its_own_instructions(self):
        self.assertEqual(instructions.by_function(CALLGRIND.splitlines(True)), {"main": 12, "parse": 310})

    def test_system_calls_are_counted_once_and_without_those_that_are_none(self):
        self.assertEqual(instructions.by_name(VALGRIND), {"read": 2, "exit_group": 1})

    def test_rounds_between_are_what_counts(self):
        requests = (instructions.MANY - instructions.FEW) * instructions.CONNECTIONS
        few = instructions.Counts({"start": 70, "serve": 10}, {"openat": 5})
        many = instructions.Counts({"start": 70, "serve": 10 + 3 * requests}, {"openat": 5, "read": requests // 2})
        self.assertEqual(instructions.per_request(few, many), instructions.Counts({"serve": 3}, {"read": 0.5}))

    def test_rare_functions_are_one_row(self):
        one = instructions.Counts({"often": 990, "rare": 9, "rarer": 1}, {})
        lines = report.functions_table({"hello": {"weir": one}}, "weir").split("\n")
        self.assertEqual(lines[2:], ["| `often` | 990 |", "| all others | 10 |"])

    def test_system_calls_are_named(self):
        one = instructions.Counts({}, {"read": 1.0, "futex": 0.001, "epoll_wait": 0.02})
        self.assertEqual(report.calls(one), "1.02: read 1.00, epoll_wait 0.02")


class Held(unittest.TestCase):
    def setUp(self):
        temp = tempfile.TemporaryDirectory(prefix="weir-test-")
        self.addCleanup(temp.cleanup)
        self.addCleanup(setattr, held, "TABLE", held.TABLE)
        held.TABLE = os.path.join(temp.name, "held.json")
        with open(held.TABLE, "w") as f:
            json.dump({"measured": "at some time", "instructions": {"hello": 1000}, "system calls": {"hello": 2}}, f)

    def is_held(self, number, calls=2):
        return held.compare({"instructions": {"hello": number}, "system calls": {"hello": calls}})[1]

    def test_a_tenth_more_holds_and_no_more(self):
        self.assertTrue(self.is_held(1100))
        self.assertTrue(self.is_held(10))
        self.assertFalse(self.is_held(1101))
        self.assertFalse(self.is_held(1000, 3))

    def test_no_figure_does_not_hold(self):
        self.assertFalse(self.is_held("failed: why"))
        self.assertFalse(held.compare({"instructions": {}, "system calls": {"hello": 2}})[1])

    def test_what_is_written_holds(self):
        found = {case.name: {"weir": counts(1234, 2.5)} for case in held.cases(CASES)}
        figures = held.figures(found, "weir")
        held.write(figures)
        lines, is_held = held.compare(figures)
        self.assertTrue(is_held)
        self.assertRegex(lines[0], r"--hold` on \d{4}-\d\d-\d\d, commit \S+,")
        self.assertEqual(len(lines), 1 + sum(map(len, held.COUNTED.values())))

    def test_failure_is_not_written(self):
        found = {case.name: {"weir": "failed: why"} for case in held.cases(CASES)}
        with self.assertRaises(ValueError):
            held.write(held.figures(found, "weir"))


class Table(unittest.TestCase):
    """held.json itself."""

    def test_it_has_what_is_counted_and_says_of_what(self):
        with open(held.TABLE) as f:
            table = json.load(f)
        for kind, names in held.COUNTED.items():
            self.assertEqual(set(table[kind]), set(names))
        self.assertTrue(all(word in table["measured"] for word in ("commit", "valgrind", "GLIBC_TUNABLES")))


def samples(*figures, memory=None):
    return [runs.Sample(1000, us, 0, 0, 100, memory) for us in figures]


class Goals(unittest.TestCase):
    def met(self, case, **found):
        rows = list(goals.cpu_rows({case.name: {"limit": samples(10, 10, 10), **found}}, [case]))
        return [(row[1], row[2], row[3], row[4]) for row in rows]

    def test_median_may_be_a_bit_above(self):
        case = Case("hello", "", goal=1.05)
        self.assertEqual(self.met(case, weir=samples(1, 10.9, 30), nginx=samples(14, 15, 16), h2o="failed: x"),
                         [("1.05", "1.09 (0.10–3.00)", "yes", "nginx 1.50")])
        self.assertEqual(self.met(case, weir=samples(10, 11, 11)), [("1.05", "1.10 (1.00–1.10)", "no", "–")])

    def test_drain_is_not_above_nginx(self):
        case = Case("drain-10m", "", is_drain=True)
        self.assertEqual(self.met(case, weir=samples(8, 8, 8), nginx=samples(7.9, 7.9, 7.9))[0][::2],
                         ("not above nginx", "yes"))
        self.assertEqual(self.met(case, weir=samples(9, 9, 9), nginx=samples(8, 8, 8))[0][2], "no")
        self.assertEqual(self.met(case, weir=samples(9, 9, 9)), [])

    def test_no_figure_no_row(self):
        self.assertEqual(self.met(Case("hello", "", goal=1), weir="failed: x"), [])

    def test_memory_of_a_connection(self):
        memory = ({"Pss": 1000, "Rss": 2000}, {"Pss": 1300, "Rss": 2400})
        case, found = Case("hello-idle", "", idle=1000), {"weir": samples(1, memory=memory), "limit": "failed: x"}
        self.assertEqual(list(goals.memory_rows({"hello-idle": found}, [case])),
                         [["KiB of an idle connection", "0.30", "0.30", "yes", "–"]])
        self.assertEqual(report.idle_table(found, ["limit", "weir"], 1000).split("\n")[2:],
                         ["| weir | 0.30 | 0.40 | 1.0 |"])

    def test_instructions_and_calls(self):
        found = {"hello": {"weir": counts(1200, 2.05)}, "static-1k": {"weir": counts(1501, 2.2)}}
        self.assertEqual([row[2:4] for row in goals.count_rows(found)],
                         [["1,200", "yes"], ["1,501", "no"], ["2.05", "yes"], ["2.20", "no"]])


class Plots(unittest.TestCase):
    def test_all_that_was_measured_is_shown(self):
        cases = [Case("hello", "", goal=1), Case("static-1k", "", "1k.bin"), Case("hello-idle", "", idle=10)]
        memory = ({"Pss": 10, "Rss": 10}, {"Pss": 20, "Rss": 20})
        results = {c.name: {"limit": samples(10, 11, memory=memory), "weir": samples(11, 12, memory=memory),
                            "h2o": "failed: x"} for c in cases}
        counted = {"hello": {"weir": counts(1000, 2), "limit": "failed: x"}}
        with tempfile.TemporaryDirectory(prefix="weir-test-") as temp:
            shown = plots.write(os.path.join(temp, "performance"), results, counted, cases, list(results["hello"]))
            for name in re.findall(r"\((.*?)\)", shown):
                ElementTree.parse(os.path.join(temp, name))
        self.assertEqual(re.findall(r"\((.*?)\)", shown), ["performance/%s.svg" % name for name in (
            "cpu-apps", "cpu-files", "memory", "instructions")])


if __name__ == "__main__":
    unittest.main()
