"""Small charts as inline SVG: bars, or a band with a line in it. They need no script and follow the page's colours."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

#: Size in user units; the page scales it to its width.
WIDTH, HEIGHT = 640, 210
LEFT, RIGHT, TOP, BOTTOM = 56, 8, 10, 26

STYLE = """
svg.chart { width: 100%; height: auto; display: block }
svg.chart text { font: 11px system-ui, sans-serif; fill: var(--dim) }
.chart .grid { stroke: var(--line) } .chart .axis { stroke: var(--dim) }
.chart .bar { fill: var(--accent) } .chart .bar.doubtful { fill: var(--accent); opacity: .45 }
.chart .band { fill: var(--accent); opacity: .22 } .chart .mean { fill: none; stroke: var(--accent); stroke-width: 2 }
"""


@dataclass(frozen=True)
class Point:
    """One place on the horizontal axis.

    Args:
        label: the text below it.
        low, high: ends of a bar (from 0) or of a band; None if unknown.
        middle: value of the line in a band.
        doubtful: whether to draw it paler, because it is estimated or partly unknown.
    """

    label: str
    low: float | None
    high: float | None
    middle: float | None = None
    doubtful: bool = False


def bars(points: Sequence[Point], unit: str, title: str) -> str:
    """Bars from zero up to (or down to) `high`."""
    known = [point.high for point in points if point.high is not None]
    scale = _Scale(points, [0.0, *known])
    parts = []
    for index, point in enumerate(points):
        if point.high is None:
            continue
        top, bottom = sorted((scale.y(point.high), scale.y(0)))
        kind = "bar doubtful" if point.doubtful else "bar"
        parts.append(
            f'<rect class="{kind}" x="{scale.x(index) - scale.bar / 2:.1f}" y="{top:.1f}" width="{scale.bar:.1f}" '
            f'height="{max(bottom - top, 0.5):.1f}"><title>{escape(point.label)}: {point.high:,.2f} {escape(unit)}'
            f"{', in part estimated or unknown' if point.doubtful else ''}</title></rect>"
        )
    return _drawn(scale, parts, unit, title)


def band(points: Sequence[Point], unit: str, title: str) -> str:
    """A band from `low` to `high`, with a line through `middle`; an unknown point is a hole."""
    known = [value for p in points for value in (p.low, p.high, p.middle) if value is not None]
    scale = _Scale(points, known)
    parts = []
    for run in _runs(points):
        upper = [f"{scale.x(i):.1f},{scale.y(p.high or 0):.1f}" for i, p in run]
        lower = [f"{scale.x(i):.1f},{scale.y(p.low or 0):.1f}" for i, p in reversed(run)]
        parts.append(f'<polygon class="band" points="{" ".join(upper + lower)}"/>')
        line = [f"{scale.x(i):.1f},{scale.y(p.middle):.1f}" for i, p in run if p.middle is not None]
        parts.append(f'<polyline class="mean" points="{" ".join(line)}"/>')
    for index, point in enumerate(points):
        if point.low is not None and point.high is not None:
            parts.append(
                f'<rect x="{scale.x(index) - scale.step / 2:.1f}" y="{TOP}" width="{scale.step:.1f}" '
                f'height="{HEIGHT - TOP - BOTTOM}" fill="transparent"><title>{escape(point.label)}: '
                f"{point.low:,.2f} to {point.high:,.2f} {escape(unit)}</title></rect>"
            )
    return _drawn(scale, parts, unit, title)


def _runs(points: Sequence[Point]) -> list[list[tuple[int, Point]]]:
    """Runs of known points between the holes."""
    runs: list[list[tuple[int, Point]]] = [[]]
    for index, point in enumerate(points):
        if point.low is None or point.high is None:
            runs.append([])
        else:
            runs[-1].append((index, point))
    return [run for run in runs if run]


class _Scale:
    def __init__(self, points: Sequence[Point], values: Sequence[float]) -> None:
        self.points = points
        self.step = (WIDTH - LEFT - RIGHT) / max(len(points), 1)
        self.bar = max(self.step * 0.7, 1.0)
        self.ticks = _ticks(min(values, default=0.0), max(values, default=1.0))

    def x(self, index: int) -> float:
        return LEFT + (index + 0.5) * self.step

    def y(self, value: float) -> float:
        low, high = self.ticks[0], self.ticks[-1]
        return HEIGHT - BOTTOM - (value - low) / (high - low) * (HEIGHT - TOP - BOTTOM)


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers around a range: 1, 2 or 5 times a power of ten apart."""
    span = high - low
    if span <= 1e-9 * max(abs(low), abs(high), 1.0):  # equal at the resolution of a picture
        span = abs(high) if abs(high) > 1e-9 else 1.0
    power = 10.0 ** math.floor(math.log10(span / 4))
    step = next(times * power for times in (1, 2, 5, 10) if times * power >= span / 4)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [number * step for number in range(first, max(last, first + 1) + 1)]


def _drawn(scale: _Scale, parts: Sequence[str], unit: str, title: str) -> str:
    lines = []
    for tick in scale.ticks:
        y = scale.y(tick)
        kind = "axis" if tick == 0 else "grid"
        lines.append(f'<line class="{kind}" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        lines.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{tick:,.6g}</text>')
    last = len(scale.points) - 1
    for index in sorted({0, last // 2, last}) if scale.points else ():
        anchor = "start" if index == 0 else "end" if index == last else "middle"
        x = LEFT if index == 0 else WIDTH - RIGHT if index == last else scale.x(index)
        label = escape(scale.points[index].label)
        lines.append(f'<text x="{x:.1f}" y="{HEIGHT - 8}" text-anchor="{anchor}">{label}</text>')
    return (
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}, in {escape(unit)}">'
        f"{''.join(lines)}{''.join(parts)}</svg>"
    )
