"""The merge agrees with a plain fold over arrivals, however they are split into files and landings."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from lakehouse.settings import Settings

sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "lakehouse"))
from tests.support.raw_table import Row, land, stored

row = st.tuples(
    st.sampled_from(["a", "b"]),
    st.sampled_from(["power"]),
    st.sampled_from([0, 1, 60 * 24 * 40]),
    st.integers(0, 2),
)
landings = st.lists(st.lists(st.lists(row, max_size=4), min_size=1, max_size=3), min_size=1, max_size=4)


@hypothesis_settings(max_examples=15, deadline=None)
@given(landings)
def test_the_outcome_depends_on_the_order_of_arrival_alone(calls: list[list[list[Row]]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = Settings(home=Path(folder), threads=1)
        expected: dict[tuple[str, str, int], int] = {}
        for files in calls:
            land(home, *files)
            for asset, signal, minute, value in (row for file in files for row in file):
                expected[(asset, signal, minute)] = value
        assert stored(home) == [(*key, value) for key, value in sorted(expected.items())]


@hypothesis_settings(max_examples=12, deadline=None)
@given(landings)
def test_rows_that_only_add_land_as_any_others_do(calls: list[list[list[Row]]]) -> None:
    """The route without a join and the general one store the same rows, count the same and touch the same days."""
    with tempfile.TemporaryDirectory() as folder:
        quick, general = (Settings(home=Path(folder) / name, threads=1) for name in ("quick", "general"))
        for files in calls:
            one, other = land(quick, *files), land(general, *files, void={"source_object": ["bytes that never landed"]})
            assert one.by_sequence == other.by_sequence
            assert one.touched == other.touched
        assert stored(quick) == stored(general)
