"""Charts stand for their numbers: a bar's height is its value's, a hole is a hole, and no text becomes markup."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.report.charts import BOTTOM, HEIGHT, TOP, Point, _ticks, band, bars

SVG = "{http://www.w3.org/2000/svg}"


def drawn(svg: str) -> ET.Element:
    return ET.fromstring(svg.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1))


@given(st.lists(st.floats(-1e9, 1e9).filter(lambda value: value == 0 or abs(value) > 1e-6), min_size=1, max_size=40))
def test_bars_are_as_high_as_their_values_are_large(values: list[float]) -> None:
    points = [Point(str(index), 0.0, value) for index, value in enumerate(values)]
    rects = drawn(bars(points, "kWh", "energy")).findall(f"{SVG}rect")
    largest = max(map(abs, values))
    tallest = max(float(rect.get("height", "nan")) for rect in rects)
    for value, rect in zip(values, rects, strict=True):
        height, top = float(rect.get("height", "nan")), float(rect.get("y", "nan"))
        if largest:
            assert height == pytest.approx(tallest * abs(value) / largest, abs=0.6)
        assert top >= TOP - 0.1 and top + height <= HEIGHT - BOTTOM + 0.6


@given(st.floats(-1e9, 1e9), st.floats(-1e9, 1e9))
def test_ticks_are_few_even_and_hold_the_range(one: float, other: float) -> None:
    low, high = min(one, other), max(one, other)
    ticks = _ticks(low, high)
    slack = 1e-9 * max(abs(low), abs(high), 1e-9)
    assert 2 <= len(ticks) <= 7
    assert ticks[0] <= low + slack and ticks[-1] >= high - slack
    steps = [after - before for before, after in pairwise(ticks)]
    assert all(math.isclose(step, steps[0], rel_tol=1e-6) for step in steps)


def test_what_is_not_known_is_a_hole_and_what_is_doubtful_is_paler() -> None:
    points = [Point("a", 1.0, 3.0, 2.0), Point("b", None, None), Point("c", 2.0, 4.0, 3.0), Point("d", 2.0, 4.0, 3.0)]
    assert len(drawn(band(points, "%", "charge")).findall(f"{SVG}polygon")) == 2
    rects = drawn(bars([Point("a", 0.0, 3.0), Point("b", 0.0, None), Point("c", 0.0, 1.0, doubtful=True)], "kWh", "e"))
    assert [rect.get("class") for rect in rects.findall(f"{SVG}rect")] == ["bar", "bar doubtful"]


def test_names_become_no_markup() -> None:
    svg = bars([Point("<script>x</script>", 0.0, 1.0)], "<b>", '"><img src=x>')
    assert "<script" not in svg and "<img" not in svg and "<b>" not in svg
    drawn(svg)


def test_no_points_make_an_empty_chart() -> None:
    drawn(bars([], "kWh", "energy"))
    drawn(band([], "%", "charge"))
