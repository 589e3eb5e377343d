# SPDX-License-Identifier: GPL-2.0-or-later
"""svgplot: lines with marks on linear or logarithmic axes, as text of an SVG file."""

import math

WIDTH, HEIGHT = 720, 420
LEFT, RIGHT, TOP, BOTTOM = 70, 700, 40, 350
COLOURS = ('#0b6e4f', '#b3261e', '#1f4e9c', '#c77700')


class Axis:
    """Numbers to places; logarithmic ones have a mark a decade, others about six."""

    def __init__(self, values, log, start, end):
        self.log, self.start, self.end = log, start, end
        if log:
            self.low = 10.0 ** math.floor(math.log10(min(values)))
            self.high = 10.0 ** math.ceil(math.log10(max(values)))
            if self.high == self.low:
                self.high *= 10
        else:
            step = 10.0 ** math.floor(math.log10(max(values) / 4))
            step *= next(m for m in (1, 2, 5, 10) if max(values) / (step * m) <= 7)
            self.step = step
            self.low, self.high = 0, math.ceil(max(values) / step) * step

    def place(self, value):
        if self.log:
            part = math.log(value / self.low) / math.log(self.high / self.low)
        else:
            part = value / self.high
        return self.start + part * (self.end - self.start)

    def marks(self):
        if not self.log:
            return [i * self.step for i in range(int(round(self.high / self.step)) + 1)]
        decades = int(round(math.log10(self.high / self.low)))
        return [self.low * 10 ** i for i in range(decades + 1)]


def text(x, y, words, anchor='start', more=''):
    words = words.replace('&', '&amp;').replace('<', '&lt;')
    return '<text x="%.1f" y="%.1f" text-anchor="%s"%s>%s</text>' % (x, y, anchor, more, words)


def number(value):
    return '%g' % float('%.3g' % value)


def plot(title, x_title, y_title, series, log=False, x_marks=None):
    """series: [(name, [(x, y)...], colour, dashed)...]; x_marks: [(x, text)...] instead of numbers."""
    points = [p for _, line, _, _ in series for p in line]
    x_axis = Axis([p[0] for p in points], log, LEFT, RIGHT)
    y_axis = Axis([p[1] for p in points], log, BOTTOM, TOP)
    if x_marks and log:
        x_axis.low, x_axis.high = x_marks[0][0] / 1.5, x_marks[-1][0] * 1.5
    out = ['<!-- SPDX-License-Identifier: GPL-2.0-or-later -->',
           '<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" '
           'viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">'
           % (WIDTH, HEIGHT + 20, WIDTH, HEIGHT + 20),
           '<rect width="100%" height="100%" fill="white"/>',
           text(LEFT, 22, title, more=' font-size="15"')]
    for value in y_axis.marks():
        y = y_axis.place(value)
        out.append('<path d="M%d %.1fH%d" stroke="#ddd"/>' % (LEFT, y, RIGHT))
        out.append(text(LEFT - 6, y + 4, number(value), 'end'))
    for value, words in x_marks or [(v, number(v)) for v in x_axis.marks()]:
        x = x_axis.place(value)
        out.append('<path d="M%.1f %dV%d" stroke="#ddd"/>' % (x, TOP, BOTTOM))
        out.append(text(x, BOTTOM + 16, words, 'middle'))
    out.append('<path d="M%d %dV%dH%d" fill="none" stroke="black"/>' % (LEFT, TOP, BOTTOM, RIGHT))
    out.append(text((LEFT + RIGHT) / 2, BOTTOM + 34, x_title, 'middle'))
    out.append(text(16, (TOP + BOTTOM) / 2, y_title, 'middle',
                    ' transform="rotate(-90 16 %.1f)"' % ((TOP + BOTTOM) / 2)))
    for i, (name, line, colour, dashed) in enumerate(series):
        places = [(x_axis.place(x), y_axis.place(y)) for x, y in line]
        style = 'stroke="%s"%s' % (COLOURS[colour], ' stroke-dasharray="6 4"' if dashed else '')
        out.append('<path d="M%s" fill="none" stroke-width="2" %s/>' % (
            'L'.join('%.1f %.1f' % p for p in places), style))
        out += ['<circle cx="%.1f" cy="%.1f" r="3.5" fill="%s"/>' % (x, y, COLOURS[colour])
                for x, y in places]
        x, y = LEFT + i % 2 * 330, BOTTOM + 56 + i // 2 * 18
        out.append('<path d="M%.1f %.1fh24" stroke-width="2" %s/>' % (x, y - 4, style))
        out.append(text(x + 30, y, name))
    return '\n'.join(out + ['</svg>', ''])
