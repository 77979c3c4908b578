"""Plots as SVG, of the standard library alone: dots with their spread, bars, lines.

    dots(title, rows, series, axis)     a line for each row; a mark for each series, with its spread
    bars(title, rows, series, axis)     the same with bars that begin at zero, and the number behind
    lines(title, series, x, y)          y over x, with a band of the spread

Each returns the text of a file. A figure has its own ground, and colours for a dark one when the
reader's system asks for that (prefers-color-scheme), so that it can stand in any page. Series differ in
colour and in the form of the mark, of which there are eight; give the same `style` to what is the same
in several figures. A dot beyond the axis' `high` stands at its end with its number beside.
Widths of texts are estimated on the safe side, for a reader has fonts of his own.
"""
import dataclasses
import html
import math

WIDTH = 820
MARGIN = 20
FONT = 13
TITLE = 16
LETTER = 0.58           # of the font's size: how wide a letter is, on the average of a word
LINE = 22
PLOT_HEIGHT = 340       # of lines
BAR, DOT_ROW = 15, 13   # height of one series in a row
ROW_GAP = 12
TICK_GAP = 16           # between two labels of an axis
LOG_TICKS = ((1, 1.1, 1.2, 1.3, 1.4, 1.5, 1.75, 2, 2.5, 3, 4, 5, 6, 8), (1, 1.2, 1.5, 2, 3, 4, 5, 7),
             (1, 1.5, 2, 3, 5, 7), (1, 2, 5), (1, 3), (1,))
LIGHT = ("#2a6fc9", "#c8501a", "#1f8a5b", "#8a4fbf", "#a87500", "#c23a72", "#3f8c9c", "#666666")
DARK = ("#6ea8f5", "#f08a54", "#5cc795", "#bd92ea", "#e0b040", "#f083b0", "#75c4d4", "#aaaaaa")
GREY = len(LIGHT) - 1   # a style for what others are compared with
COLORS = {"ground": ("#ffffff", "#16181c"), "text": ("#1b1d21", "#e8e8e8"), "faint": ("#5c6068", "#a5a9b1"),
          "grid": ("#dcdee2", "#363a41"), "band": ("#f4f5f7", "#1f2227")}


@dataclasses.dataclass(frozen=True)
class Value:
    """A figure and, where it was measured several times, the least and the most."""
    middle: float
    least: float = None
    most: float = None

    def ends(self):
        return [v for v in (self.least, self.middle, self.most) if v is not None]


@dataclasses.dataclass(frozen=True)
class Series:
    """values: of dots and bars {row: Value}, of lines {x: Value}. style: which colour and mark."""
    name: str
    values: dict
    style: int = None


@dataclasses.dataclass(frozen=True)
class Axis:
    """low and high: the ends, where the data should not say; mark: a value with a line of its own."""
    label: str
    is_log: bool = False
    low: float = None
    high: float = None
    mark: float = None


def wide(text, size=FONT):
    return len(text) * size * LETTER


def number(value):
    """As short as it can be said: 0.25, 1.5, 20, 3,000."""
    if value and abs(value) < 0.01:
        return "%.1g" % value
    text = "{:,.2f}".format(value)
    return text.rstrip("0").rstrip(".")


def digits(value):
    """Behind a bar: three digits that count."""
    return number(float("%.3g" % value)) if abs(value) < 1000 else "{:,.0f}".format(value)


class Scale:
    """From values to pixels; its ticks never touch each other."""

    def __init__(self, axis, values, begin, end, tick_room=None):
        self.is_log, self.begin, self.end = axis.is_log, begin, end
        values = [v for v in values if v > 0] if axis.is_log else list(values)
        values += [v for v in (axis.mark,) if v is not None]
        if not values:
            values = [1, 10]
        self.low = axis.low if axis.low is not None else self._low(min(values))
        self.high = axis.high if axis.high is not None else self._high(max(values))
        if self.high <= self.low:
            self.high = self.low * 2 if self.low > 0 else self.low + 1
        self.ticks = self._ticks(tick_room)

    def _low(self, least):
        return least / 1.08 if self.is_log else min(0, least)

    def _high(self, most):
        return most * 1.08 if self.is_log else most + 0.04 * abs(most)

    def at(self, value):
        value = min(max(value, self.low), self.high)
        if self.is_log:
            share = math.log(value / self.low) / math.log(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return self.begin + share * (self.end - self.begin)

    def _candidates(self):
        if not self.is_log:
            step = 10.0 ** math.floor(math.log10((self.high - self.low) / 100))
            while True:
                for times in (1, 2, 5):
                    yield self._multiples(step * times)
                step *= 10
        decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        for mantissas in LOG_TICKS:
            yield [m * 10.0 ** d for d in decades for m in mantissas
                   if self.low <= m * 10.0 ** d <= self.high]
        yield [10.0 ** d for d in decades[::2] if self.low <= 10.0 ** d <= self.high]
        yield []

    def _multiples(self, step):
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [i * step for i in range(first, last + 1)]

    def _ticks(self, room):
        """The most that have room; `room` is that of each, or None: what its label needs."""
        for ticks in self._candidates():
            sizes = [room or wide(number(t)) for t in ticks]
            if all(abs(self.at(b) - self.at(a)) >= (m + n) / 2 + TICK_GAP
                   for a, b, m, n in zip(ticks, ticks[1:], sizes, sizes[1:])):
                return ticks
        return []


def css():
    def rules(which):
        out = ["--%s:%s" % (name, pair[which]) for name, pair in COLORS.items()]
        out += ["--s%d:%s" % (i, c) for i, c in enumerate((LIGHT, DARK)[which])]
        return "svg{%s}" % ";".join(out)
    return ("<style>%s@media(prefers-color-scheme:dark){%s}"
            "text{font:%dpx system-ui,sans-serif;fill:var(--text)}"
            ".title{font-size:%dpx;font-weight:600}.faint{fill:var(--faint)}"
            ".grid{stroke:var(--grid);stroke-width:1}.mark{stroke:var(--faint);stroke-width:1.5}"
            ".spread{stroke-width:2;opacity:.55}</style>") % (rules(0), rules(1), FONT, TITLE)


class Drawing:
    """Elements, one behind the other; `y` is how far down it has come."""

    def __init__(self, title):
        self.title, self.out, self.y = title, [], MARGIN

    def add(self, name, content=None, **attributes):
        said = "".join(' %s="%s"' % (k.rstrip("_").replace("_", "-"), html.escape(
            "%.1f" % v if isinstance(v, float) else str(v))) for k, v in attributes.items())
        self.out.append("<%s%s/>" % (name, said) if content is None else
                        "<%s%s>%s</%s>" % (name, said, html.escape(content), name))

    def text(self, x, y, content, anchor="start", kind=""):
        self.add("text", content, x=float(x), y=float(y), text_anchor=anchor, class_=kind)

    def line(self, x1, y1, x2, y2, kind):
        self.add("line", x1=float(x1), y1=float(y1), x2=float(x2), y2=float(y2), class_=kind)

    def mark(self, x, y, style):
        """Eight, hollow from the seventh on; with a rim of the ground, so that two which touch can be told."""
        r, form = 4.6, style % 6
        same = {"fill": "var(--s%d)" % style, "stroke": "var(--ground)", "stroke_width": 1}
        if style >= 6:
            same = {"fill": "var(--ground)", "stroke": "var(--s%d)" % style, "stroke_width": 2}
        if form == 0:
            self.add("circle", cx=float(x), cy=float(y), r=r, **same)
        elif form == 1:
            self.add("rect", x=x - r + .6, y=y - r + .6, width=2 * r - 1.2, height=2 * r - 1.2, **same)
        else:
            shape = {2: ((0, -1.2), (1.2, .9), (-1.2, .9)), 3: ((0, -1.3), (1.3, 0), (0, 1.3), (-1.3, 0)),
                     4: ((0, 1.2), (1.2, -.9), (-1.2, -.9)),
                     5: ((-1.2, -.4), (0, -1.3), (1.2, -.4), (.75, 1.1), (-.75, 1.1))}[form]
            self.add("polygon", points=" ".join("%.1f,%.1f" % (x + a * r, y + b * r) for a, b in shape), **same)

    def heading(self, series):
        """The title in as many lines as it needs, and what the marks mean."""
        line, most = "", int((WIDTH - 2 * MARGIN) / (TITLE * LETTER))
        for word in self.title.split() + [None]:
            if word is None or len(line) + len(word) > most:
                self.text(MARGIN, self.y + TITLE * 0.8, line.strip(), kind="title")
                self.y, line = self.y + LINE, ""
            line += (word or "") + " "
        self._legend(series)

    def _legend(self, series):
        x = MARGIN
        self.y += 6
        for s in series:
            need = 16 + wide(s.name) + 18
            if x + need > WIDTH - MARGIN and x > MARGIN:
                x, self.y = MARGIN, self.y + LINE
            self.mark(x + 5, self.y + 6.0, s.style)
            self.text(x + 16, self.y + 10.5, s.name)
            x += need
        self.y += LINE + 6

    def done(self):
        height = self.y + MARGIN
        return "\n".join((
            '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %.0f" width="%d" height="%.0f" role="img">'
            % (WIDTH, height, WIDTH, height), "<title>%s</title>" % html.escape(self.title), css(),
            '<rect width="100%" height="100%" fill="var(--ground)"/>', *self.out, "</svg>", ""))


def styled(series):
    """Each with a style: its own, or that of its place."""
    return [s if s.style is not None else dataclasses.replace(s, style=i % len(LIGHT))
            for i, s in enumerate(series)]


def of_row(series, row):
    return [s for s in series if row in s.values]


def all_ends(series):
    return [v for s in series for value in s.values.values() for v in value.ends()]


def x_axis(d, scale, axis, top, bottom):
    for tick in scale.ticks:
        d.line(scale.at(tick), top, scale.at(tick), bottom, "grid")
        d.text(scale.at(tick), bottom + 17, number(tick), "middle", "faint")
    if axis.mark is not None:
        d.line(scale.at(axis.mark), top, scale.at(axis.mark), bottom, "mark")
    middle, half = (scale.begin + scale.end) / 2, wide(axis.label) / 2
    d.text(max(MARGIN + half, min(middle, WIDTH - MARGIN - half)), bottom + 38, axis.label, "middle", "faint")


def row_labels(d, rows, steps, left):
    """And every second row on a band, which leads the eye."""
    y = d.y
    for i, (row, step) in enumerate(zip(rows, steps)):
        if i % 2:
            d.add("rect", x=MARGIN, y=float(y), width=WIDTH - 2 * MARGIN, height=float(step), fill="var(--band)")
        d.text(left - 12, y + step / 2 + 4.5, row, "end")
        y += step


def in_rows(title, rows, series, axis, kind):
    """What dots and bars have in common. kind: (height of a series, room at the right, drawing one)"""
    height, room, draw = kind
    series = styled(series)
    d = Drawing(title)
    d.heading(series)
    left = MARGIN + max(map(wide, rows)) + 12
    steps = [height * max(1, len(of_row(series, row))) + ROW_GAP for row in rows]
    scale = Scale(axis, all_ends(series), left, WIDTH - MARGIN - room)
    bottom = d.y + sum(steps)
    row_labels(d, rows, steps, left)
    x_axis(d, scale, axis, d.y, bottom)
    for row, step in zip(rows, steps):
        for k, s in enumerate(of_row(series, row)):
            draw(d, scale, s.values[row], s.style, d.y + ROW_GAP / 2 + (k + .5) * height)
        d.y += step
    d.y = bottom + 44
    return d.done()


def spread(d, scale, value, style, y):
    if value.least is not None and value.most is not None:
        d.add("line", x1=float(scale.at(value.least)), x2=float(scale.at(value.most)), y1=float(y),
              y2=float(y), class_="spread", stroke="var(--s%d)" % style)


def dot(d, scale, value, style, y):
    spread(d, scale, value, style, y)
    d.mark(scale.at(value.middle), y, style)
    if value.middle > scale.high:  # it is not where it should be, so it says where that is
        d.text(scale.end - 10, y + 4.5, digits(value.middle), "end", "faint")


def bar(d, scale, value, style, y):
    x = scale.at(value.middle)
    d.add("rect", x=float(scale.begin), y=y - BAR / 2 + 1.5, width=float(max(1, x - scale.begin)),
          height=BAR - 3.0, rx=2, fill="var(--s%d)" % style)
    most = scale.at(value.most) if value.most is not None else x
    if value.least is not None and value.most is not None:
        d.line(scale.at(value.least), y, most, y, "mark")
    d.text(max(x, most) + 6, y + 4.5, digits(value.middle), kind="faint")


def dots(title, rows, series, axis):
    return in_rows(title, rows, series, axis, (DOT_ROW, 10, dot))


def bars(title, rows, series, axis):
    return in_rows(title, rows, series, axis, (BAR, 60, bar))


def y_axis(d, scale, axis, left, right):
    for tick in scale.ticks:
        d.line(left, scale.at(tick), right, scale.at(tick), "grid")
        d.text(left - 8, scale.at(tick) + 4.5, number(tick), "end", "faint")
    if axis.mark is not None:
        d.line(left, scale.at(axis.mark), right, scale.at(axis.mark), "mark")


def band(d, points, style, xs, ys):
    """From the least to the most of each point."""
    inside = [(x, v) for x, v in points if v.least is not None and v.most is not None]
    if len(inside) > 1:
        there = ["%.1f,%.1f" % (xs.at(x), ys.at(v.most)) for x, v in inside]
        back = ["%.1f,%.1f" % (xs.at(x), ys.at(v.least)) for x, v in reversed(inside)]
        d.add("polygon", points=" ".join(there + back), fill="var(--s%d)" % style, fill_opacity=".14")


def lines(title, series, x, y):
    series = styled(series)
    d = Drawing(title)
    d.heading(series)
    d.text(MARGIN, d.y + 10, y.label, kind="faint")
    top, bottom = d.y + LINE, d.y + LINE + PLOT_HEIGHT
    ys = Scale(y, all_ends(series), bottom, top, FONT)
    left = MARGIN + max([wide(number(t)) for t in ys.ticks] or [0]) + 8
    xs = Scale(x, [at for s in series for at in s.values], left, WIDTH - MARGIN - 10)
    y_axis(d, ys, y, left, xs.end)
    x_axis(d, xs, x, top, bottom)
    ordered = [(s.style, sorted(s.values.items())) for s in series]
    for style, points in ordered:
        band(d, points, style, xs, ys)
    for style, points in ordered:
        d.add("polyline", points=" ".join("%.1f,%.1f" % (xs.at(a), ys.at(v.middle)) for a, v in points),
              fill="none", stroke="var(--s%d)" % style, stroke_width=2)
        for a, v in points:
            d.mark(xs.at(a), ys.at(v.middle), style)
    d.y = bottom + 44
    return d.done()
