"""tools/bench.d/svg.py: figures are XML, show each value where it belongs, and no label touches another."""
import os
import re
import sys
import unittest
import xml.etree.ElementTree as ElementTree

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tools/bench.d"))
import svg  # noqa: E402

SPACE = "{http://www.w3.org/2000/svg}"


def parsed(text):
    return ElementTree.fromstring(text)


def texts(root):
    """(x, y, what) of all of them."""
    return [(float(t.get("x")), float(t.get("y")), t.text) for t in root.iter(SPACE + "text")]


def spreads(root):
    return [e for e in root.iter(SPACE + "line") if e.get("class") == "spread"]


def dots(values, axis=svg.Axis("times", low=0, high=10), rows=("a", "b")):
    return parsed(svg.dots("Title", rows, [svg.Series("one", values)], axis))


class Svg(unittest.TestCase):
    def test_names_are_escaped(self):
        name = '<&">'
        root = parsed(svg.bars(name, [name], [svg.Series(name, {name: svg.Value(1)})], svg.Axis(name)))
        self.assertEqual([t for _, _, t in texts(root)].count(name), 4)  # title, legend, row, axis

    def test_each_text_is_within_the_figure(self):
        title = "a title of several words " * 8
        root = parsed(svg.lines(title, [svg.Series("series %d" % i, {1: svg.Value(i + 1), 1000: svg.Value(9)})
                                        for i in range(8)], svg.Axis("x", is_log=True), svg.Axis("y")))
        width, height = (float(v) for v in root.get("viewBox").split()[2:])
        for x, y, text in texts(root):
            self.assertTrue(0 <= x <= width and 0 < y < height, text)
        heads = [t for _, _, t in texts(root) if t.startswith("a title") or "words" in t]
        self.assertGreater(len(heads), 1)
        self.assertTrue(all(svg.wide(t, svg.TITLE) < width for t in heads), heads)

    def test_spread_and_middle_are_at_their_values(self):
        line, = spreads(dots({"a": svg.Value(5, 2.5, 7.5)}))
        begin, end = float(line.get("x1")), float(line.get("x2"))
        ticks = {t: x for x, _, t in texts(dots({"a": svg.Value(5)})) if re.fullmatch(r"[\d.]+", t)}
        unit = (ticks["10"] - ticks["0"]) / 10
        self.assertAlmostEqual(begin, ticks["0"] + 2.5 * unit, delta=0.2)
        self.assertAlmostEqual(end, ticks["0"] + 7.5 * unit, delta=0.2)

    def test_equal_factors_are_equally_far_apart_where_it_is_logarithmic(self):
        scale = svg.Scale(svg.Axis("", is_log=True), [1, 1000], 0, 900)
        at = [scale.at(v) for v in (1, 10, 100, 1000)]
        self.assertAlmostEqual(at[1] - at[0], at[2] - at[1])
        self.assertAlmostEqual(at[2] - at[1], at[3] - at[2])

    def test_ticks_do_not_touch(self):
        for axis in (svg.Axis(""), svg.Axis("", is_log=True)):
            for most in (0.003, 0.9, 1.2, 7, 43, 999, 31_000, 5_000_000):
                for room in (60, 200, 700):
                    scale = svg.Scale(axis, [most / 90, most], 0, room)
                    ends = [(scale.at(t) - svg.wide(svg.number(t)) / 2, scale.at(t) + svg.wide(svg.number(t)) / 2)
                            for t in scale.ticks]
                    self.assertTrue(all(a[1] < b[0] for a, b in zip(ends, ends[1:])), (axis, most, room))

    def test_what_is_beyond_the_axis_says_its_number(self):
        said = [t for _, _, t in texts(dots({"a": svg.Value(26.66), "b": svg.Value(8.88)}))]
        self.assertIn("26.7", said)
        self.assertNotIn("8.88", said)

    def test_row_without_a_value_and_figure_without_any(self):
        self.assertIn("b", [t for _, _, t in texts(dots({"a": svg.Value(1)}))])
        parsed(svg.lines("none", [], svg.Axis("x", is_log=True), svg.Axis("y", is_log=True)))
        parsed(svg.bars("none", ["a"], [svg.Series("s", {})], svg.Axis("x")))

    def test_one_value_that_is_zero(self):
        parsed(svg.bars("t", ["a"], [svg.Series("s", {"a": svg.Value(0)})], svg.Axis("x")))
        parsed(svg.lines("t", [svg.Series("s", {0: svg.Value(0)})], svg.Axis("x"), svg.Axis("y")))


if __name__ == "__main__":
    unittest.main()
