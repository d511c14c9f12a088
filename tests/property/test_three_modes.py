"""Any order of landings, statements of slices, batches and replays gives what a plain dict gives, row for row."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings

from lakehouse.catalog import open_catalog
from lakehouse.contract import Contract
from lakehouse.errors import ContractViolation
from lakehouse.landing.files import land_files
from lakehouse.landing.replay import replay
from lakehouse.landing.stream import land_batch, landed_offset
from lakehouse.settings import Settings
from lakehouse.source import LandOptions
from lakehouse.upkeep.maintain import maintain
from tests.support.probe import EPOCH, LEVELS, PLANS, PROBES, SAMPLES, batch, write

Row = tuple[str, int, float]

NAMES = st.sampled_from("ab")
VALUES = st.integers(0, 3).map(float)
#: Files of observations: any rows, also of one key.
LEVEL_FILES = st.lists(
    st.lists(st.tuples(NAMES, st.integers(0, 5), VALUES), min_size=1, max_size=5), min_size=1, max_size=2
)


@st.composite
def plan_files(draw: st.DrawFn) -> tuple[tuple[str, int, int], list[Row]]:
    """A slice of some hours of an area, and rows in some of them."""
    area, first, hours = draw(NAMES), draw(st.integers(0, 3)), draw(st.integers(1, 3))
    stated = [hour for hour in range(first, first + hours) if draw(st.booleans())]
    return (area, 60 * first, 60 * (first + hours)), [(area, 60 * hour, draw(VALUES)) for hour in stated]


#: (stream, step of its offset, powers): a step of 0 or below is not ahead; powers above 1000 are refused.
BATCHES = st.tuples(NAMES, st.integers(-1, 2), st.lists(st.sampled_from((1.0, 2.0, 2000.0)), max_size=3))
WORK = st.one_of(
    st.tuples(st.just("levels"), LEVEL_FILES),
    st.tuples(st.just("plans"), st.lists(plan_files(), min_size=1, max_size=2)),
    st.tuples(st.just("batch"), BATCHES),
    st.tuples(st.just("replay"), st.sampled_from(([], [LEVELS.name], [PLANS.name], [SAMPLES.name]))),
    st.tuples(st.just("maintain"), st.none()),
)


@dataclass
class House:
    """A home beside what it should hold."""

    home: Settings
    files: int = 0
    levels: dict[tuple[str, int], float] = field(default_factory=dict)
    plans: dict[tuple[str, int], float] = field(default_factory=dict)
    samples: list[Row] = field(default_factory=list)
    offsets: dict[str, int] = field(default_factory=dict)
    refused: int = 0

    def write(self, rows: list[Row], *slices: tuple[str, int, int]) -> Path:
        """A file with bytes of its own."""
        self.files += 1
        return write(self.home.root.parent / f"{self.files:03d}.json", rows, slices)

    def land_levels(self, files: list[list[Row]]) -> None:
        """Of unequal rows the later one holds; of the same bytes nothing lands twice."""
        land_files(self.home, PROBES, "probe", [self.write(rows) for rows in files], LandOptions())
        for rows in files:
            self.levels |= {(name, minute): value for name, minute, value in rows}

    def land_plans(self, files: list[tuple[tuple[str, int, int], list[Row]]]) -> None:
        """A slice is what was stated of it last."""
        land_files(self.home, PROBES, "plan", [self.write(rows, stated) for stated, rows in files], LandOptions())
        for (area, first, end), rows in files:
            self.plans = {k: v for k, v in self.plans.items() if not (k[0] == area and first <= k[1] < end)}
            self.plans |= {(name, minute): value for name, minute, value in rows}

    def land_batch(self, offered: tuple[str, int, list[float]]) -> None:
        """A batch that is ahead lands whole; another one is refused whole."""
        name, step, powers = offered
        stream, offset = f"stream {name}", max(self.offsets.get(name, 0) + step, 0)
        rows = [(name, 10 * offset + second, power) for second, power in enumerate(powers)]
        if name in self.offsets and offset <= self.offsets[name]:
            with pytest.raises(ContractViolation, match="is not ahead"):
                land_batch(self.home, PROBES, SAMPLES, batch(rows), stream, (offset,))
            return
        land_batch(self.home, PROBES, SAMPLES, batch(rows), stream, (offset,))
        self.offsets[name] = offset
        self.samples += [row for row in rows if row[2] <= 1000]
        self.refused += sum(power > 1000 for power in powers)

    def stored(self, contract: Contract, name: str, instant: str, value: str, unit_s: int) -> list[Row]:
        """Rows of a table, in order."""
        catalog = open_catalog(self.home)
        if not catalog.table_exists(("raw", contract.name)):
            return []
        rows = catalog.load_table(("raw", contract.name)).scan().to_arrow().to_pylist()
        return sorted((row[name], int((row[instant] - EPOCH).total_seconds()) // unit_s, row[value]) for row in rows)

    def assert_right(self) -> None:
        """The tables hold what the dicts hold."""
        assert self.stored(LEVELS, "asset_id", "ts", "value", 60) == sorted((*k, v) for k, v in self.levels.items())
        assert self.stored(PLANS, "area", "interval_start", "planned_mw", 60) == sorted(
            (*k, v) for k, v in self.plans.items()
        )
        assert self.stored(SAMPLES, "probe", "ts", "power_w", 1) == sorted(self.samples)
        landed = {name: landed_offset(self.home, SAMPLES, f"stream {name}") for name in self.offsets}
        assert landed == {name: (offset,) for name, offset in self.offsets.items()}


def work(done: list[tuple[str, object]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        house = House(Settings(home=Path(folder) / "home", threads=1))
        for kind, what in done:
            match kind:
                case "levels":
                    house.land_levels(what)
                case "plans":
                    house.land_plans(what)
                case "batch":
                    house.land_batch(what)
                case "replay":
                    assert {table.outcome for table in replay(house.home, PROBES, tables=what).tables} == {"equal"}
                case _:
                    maintain(house.home, PROBES)
        house.assert_right()
        catalog = open_catalog(house.home)
        lost = [name for name in catalog.list_tables("raw") if name[1] in (LEVELS.name, PLANS.name, SAMPLES.name)]
        for name in lost:
            catalog.drop_table(name)
        assert {table.outcome for table in replay(house.home, PROBES).tables} <= {"equal", "replaced"}
        house.assert_right()
        refused = catalog.load_table(("raw", "quarantine")).scan().to_arrow().to_pylist()
        assert sum(row["reason"] == "power_w is above 1000" for row in refused) == house.refused


@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(WORK, min_size=3, max_size=8))
def test_any_order_of_the_three_modes_equals_a_dict(done: list[tuple[str, object]]) -> None:
    work(done)


@pytest.mark.nightly
@pytest.mark.timeout(3600)
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(WORK, min_size=3, max_size=25))
def test_many_orders_of_the_three_modes_equal_a_dict(done: list[tuple[str, object]]) -> None:
    work(done)
