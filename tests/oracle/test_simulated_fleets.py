"""Revenue of simulated fleets, from documents to published marts, equals what they truly earned.

Days around a change of clocks in each era: single resources in spring (RTC+B), pairs of a generator and a load in
autumn; every night whole months, corrected between two builds. The truth is `ingest.simulate.fleet.settlement`, which
knows the simulator's state and neither documents nor SQL.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ingest.simulate.fleet import Fleet, settlement, simulate_fleet
from ingest.simulate.fleet.day_ahead import BLANK, TICKS
from ingest.simulate.fleet.fleet import CORRECTED_BATTERY, CORRECTED_DAY, DAY_AHEAD_DAY, PRICE_DAY
from ingest.simulate.fleet.publish import write_documents
from ingest.simulate.fleet.settlement import SERVICES, Interval, Statement, add_up, settle
from lakehouse.marts.published import open_marts
from lakehouse.settings import Settings
from lakehouse.source import LandOptions
from tests.support.house import build, land

#: First operating day, the day on which clocks change, and its quarters.
ERAS = {
    "rtcb": (date(2026, 3, 1), date(2026, 3, 8), 92),
    "pairs": (date(2024, 11, 1), date(2024, 11, 3), 100),
    "rtcb-autumn": (date(2026, 10, 26), date(2026, 11, 1), 100),
    "pairs-spring": (date(2025, 3, 3), date(2025, 3, 9), 92),
}
#: Era, days, and whether what corrects a build comes after it. By default the days up to the last mistake.
CASES = [
    pytest.param(("rtcb", 9, False), id="rtcb"),
    pytest.param(("pairs", 9, False), id="pairs"),
    pytest.param(("rtcb-autumn", 9, False), id="rtcb-autumn", marks=pytest.mark.nightly),
    pytest.param(("pairs-spring", 9, False), id="pairs-spring", marks=pytest.mark.nightly),
    pytest.param(("rtcb", 31, True), id="rtcb-month-in-two-builds", marks=pytest.mark.nightly),
    pytest.param(("pairs", 30, True), id="pairs-month-in-two-builds", marks=pytest.mark.nightly),
]
CENT = Fraction(1, 100)
#: Energy is counted in billionths of MWh, awards of runs in billionths of MW; prices reach 5,000 $.
BILLIONTH, NEAR_USD = Fraction(1, 10**9), Fraction(1, 10**5)


@dataclass(frozen=True)
class World:
    """A fleet, what it earned, and the home that its documents were landed and built in."""

    fleet: Fleet
    truth: dict[str, list[Interval]]
    settings: Settings
    clock_change: date
    quarters_of_change: int

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """Rows of a query over the published marts."""
        connection = open_marts(self.settings)
        try:
            connection.execute("SET TimeZone='UTC'")
            connection.execute("USE marts")
            cursor = connection.execute(sql)
            names = [column[0] for column in cursor.description or []]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        finally:
            connection.close()


@pytest.fixture(scope="module", params=CASES)
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> World:
    """A fleet's documents landed in two goes, as they were published first and what corrected them, and built."""
    era, days, twice = request.param
    first_day, clock_change, quarters = ERAS[era]
    fleet = simulate_fleet(first_day, days)
    folder = tmp_path_factory.mktemp(era)
    documents = write_documents(fleet, folder / "documents")
    settings = Settings(home=folder / "home", threads=2)
    for files in (documents.files, documents.later):
        for source, paths in files.items():
            report = land(settings, source, paths, LandOptions(simulated=True))
            said = {(outcome.status, outcome.rows_quarantined, outcome.reason) for outcome in report.files}
            assert said == {("landed", 0, None)}
        if twice or files is documents.later:
            assert build(settings).built
    return World(fleet, settle(fleet), settings, clock_change, quarters)


def exact(value: Decimal | float | int) -> Fraction:
    return Fraction(value)


def differences(found: dict[str, Any], true: Statement, near: Fraction) -> list[str]:
    """What a row says otherwise: components of the day ahead exactly, of real time within what rounding can do."""
    expected: dict[str, tuple[Fraction | None, Fraction]] = {
        "dam_energy_usd": (true.dam_energy_usd, Fraction(0)),
        "rt_energy_usd": (true.rt_energy_usd, near),
        "known_usd": (true.known_usd, near),
        "total_usd": (true.total_usd, near),
        "discharged_mwh": (true.discharged_mwh, near),
        "charged_mwh": (true.charged_mwh, near),
        "coverage": (Fraction(true.covered_s, true.seconds), BILLIONTH),
    }
    for side, amounts, tolerance in (("dam", true.dam_as_usd, Fraction(0)), ("rt", true.rt_as_usd, near)):
        expected |= {f"{side}_as_{name}_usd": (amount, tolerance) for name, amount in amounts.items()}
        known = [amount for amount in amounts.values() if amount is not None]
        whole = sum(known, Fraction(0)) if len(known) == len(SERVICES) else None
        expected[f"{side}_as_usd"] = (whole, tolerance)
    wrong = []
    for column, (value, tolerance) in expected.items():
        said = None if found[column] is None else exact(found[column])
        if (said is None) != (value is None) or (
            said is not None and value is not None and abs(said - value) > tolerance
        ):
            wrong.append(f"{column}: {found[column]}, true {None if value is None else float(value)}")
    return wrong


def test_every_quarter_of_an_hour_earns_what_the_battery_truly_earned(world: World) -> None:
    found = {
        (row["resource"], int(row["interval_start"].timestamp())): row
        for row in world.rows("FROM bess_revenue_15min")
    }  # fmt: skip
    wrong: list[str] = []
    expected = {(name, at.start): at.statement for name, intervals in world.truth.items() for at in intervals}
    assert found.keys() == expected.keys()
    for key, statement in expected.items():
        wrong += [f"{key[0]} {datetime.fromtimestamp(key[1], UTC)} {what}"
                  for what in differences(found[key], statement, NEAR_USD)]  # fmt: skip
    assert not wrong, f"{len(wrong)} differ: {wrong[:12]}"


@pytest.mark.parametrize(
    ("mart", "column", "first"), [("bess_revenue_1d", "operating_day", False), ("bess_revenue_1mo", "month", True)]
)
def test_days_and_months_are_right_to_the_cent(world: World, mart: str, column: str, first: bool) -> None:
    found = {(row["resource"], row[column]): row for row in world.rows(f"FROM {mart}")}
    expected = {
        (name, when): statement
        for name, intervals in world.truth.items()
        for when, statement in add_up(intervals, lambda at: at.day.replace(day=1) if first else at.day).items()
    }
    assert found.keys() == expected.keys()
    wrong = [f"{key} {what}" for key in expected for what in differences(found[key], expected[key], CENT / 2)]
    assert not wrong, f"{len(wrong)} differ: {wrong[:12]}"
    assert {statement.total_usd is None for statement in expected.values()} == {True, False}


def test_a_month_is_the_sum_of_its_days_and_a_day_of_its_quarters_exactly(world: World) -> None:
    components = ("dam_energy_usd", "dam_as_usd", "rt_energy_usd", "rt_as_usd", "total_usd")
    sums = ", ".join(f"if(count({name}) = count(*), sum({name}), null) AS {name}" for name in components)
    columns = f"resource, {', '.join(components)}, known_usd, discharged_mwh, charged_mwh"
    energies = "sum(known_usd) AS known_usd, sum(discharged_mwh) AS discharged_mwh, sum(charged_mwh) AS charged_mwh"
    for finer, coarser, key in (
        ("bess_revenue_15min", "bess_revenue_1d", "operating_day"),
        ("bess_revenue_1d", "bess_revenue_1mo", "date_trunc('month', operating_day)::date"),
    ):
        whole = world.rows(f"SELECT {columns} FROM {coarser} ORDER BY resource, interval_start")
        parts = world.rows(
            f"SELECT resource, {sums}, {energies} FROM {finer} GROUP BY resource, {key} ORDER BY resource, {key}"
        )
        assert whole == parts


def test_the_day_of_the_clock_change_has_its_own_number_of_intervals(world: World) -> None:
    counted = world.rows("SELECT operating_day, count(*) AS n FROM bess_revenue_15min GROUP BY ALL")
    batteries = len(world.fleet.batteries)
    assert {row["operating_day"]: row["n"] for row in counted} == {
        day: batteries * (world.quarters_of_change if day == world.clock_change else 96)
        for day in world.fleet.calendar.period.dates
    }


def test_batteries_alone_earn_and_all_of_it_says_that_it_is_simulated(world: World) -> None:
    rows = world.rows("SELECT DISTINCT resource, is_simulated FROM bess_revenue_15min")
    assert {(row["resource"], row["is_simulated"]) for row in rows} == {(name, True) for name in world.truth}


def test_blank_awards_stay_blank_and_zero_stays_zero(world: World) -> None:
    found = {
        (row["resource"], int(row["interval_start"].timestamp())): row["dam_awarded_mw"]
        for row in world.rows("SELECT resource, interval_start, dam_awarded_mw FROM bess_revenue_15min")
    }
    hours = world.fleet.calendar.hours.tolist()
    seen = set()
    for name, energy in zip(world.truth, world.fleet.ahead.energy.tolist(), strict=True):
        for start, ticks in zip(hours, energy, strict=True):
            said = found[name, start]
            assert (None if said is None else exact(said)) == (None if ticks == BLANK else Fraction(ticks, TICKS))
            seen.add("blank" if ticks == BLANK else "zero" if ticks == 0 else "award")
    assert seen == {"blank", "zero", "award"}


def test_runs_that_failed_are_counted_and_what_they_left_open_is_not_covered(world: World) -> None:
    days = {
        (row["resource"], row["operating_day"]): row
        for row in world.rows("SELECT resource, operating_day, missing_sced_runs, sced_runs FROM bess_revenue_1d")
    }
    calendar = world.fleet.calendar
    published = np.bincount(calendar.period.day_index(calendar.runs[calendar.published]))
    gaps = np.diff(calendar.runs, prepend=calendar.period.start - 300)
    for name in world.truth:
        for at, day in enumerate(calendar.period.dates):
            row = days[name, day]
            assert row["sced_runs"] == published[at]
            lost = ~calendar.published & (calendar.period.day_index(calendar.runs) == at)
            # A run in between the five-minute ones is not missed when it fails, and makes its neighbours look close.
            assert row["missing_sced_runs"] <= lost.sum()
            if (lost & (gaps > 250)).sum() >= 4:
                assert row["missing_sced_runs"] > 0


def test_the_latest_disclosure_and_the_latest_price_count(world: World) -> None:
    """What was published first says otherwise, so the test above would have failed on it."""
    first = settle(world.fleet, first=True)
    name = list(world.truth)[CORRECTED_BATTERY]
    dates = world.fleet.calendar.period.dates
    for at, component in (
        (CORRECTED_DAY, "rt_energy_usd"), (PRICE_DAY, "rt_energy_usd"), (DAY_AHEAD_DAY, "dam_energy_usd")
    ):  # fmt: skip
        was, is_ = (
            getattr(add_up(truth[name], lambda found: found.day)[dates[at]], component)
            for truth in (first, world.truth)
        )
        said = world.rows(
            f"SELECT {component} FROM bess_revenue_1d WHERE resource = '{name}' AND operating_day = '{dates[at]}'"
        )[0][component]
        assert abs(was - is_) > 1, component
        assert abs(exact(said) - is_) < CENT, component
    superseded = world.rows("SELECT count(*) AS n FROM iso_prices_superseded")[0]["n"]
    assert superseded == 3 * len(world.fleet.prices.nodes), "the three intervals that were corrected"


def test_pairs_are_found_and_say_what_that_rests_on(world: World) -> None:
    rows = world.rows(
        "SELECT DISTINCT resource, pairing, caveats LIKE '%pairing_inferred%' AS says FROM bess_revenue_1d"
    )
    assert len(rows) == len(world.fleet.batteries)
    assert {row["says"] for row in rows} == {not world.fleet.rtcb}
    assert all(("site" in row["pairing"]) is not world.fleet.rtcb for row in rows)


def test_stored_energy_is_reconstructed_from_the_output(world: World) -> None:
    if not world.fleet.rtcb:
        assert not world.rows("FROM bess_soc LIMIT 1"), "nothing stated a state of charge before RTC+B"
        return
    for name, battery in zip(world.truth, world.fleet.batteries, strict=True):
        found = world.rows(
            "SELECT median(implied_round_trip_efficiency) AS round_trip, max(soc_max_mwh) AS most FROM bess_soc_1d "
            f"WHERE resource = '{name}'"
        )[0]
        true = battery.charge_efficiency * battery.discharge_efficiency
        assert found["round_trip"] == pytest.approx(true, abs=0.03)
        assert found["most"] <= battery.energy_mwh + 0.1
        off = world.rows(
            f"SELECT median(abs(soc_difference_mwh)) AS off FROM bess_soc WHERE resource = '{name}'"
        )[0]["off"]  # fmt: skip
        assert off < 0.03 * battery.energy_mwh


def test_documents_have_no_place_in_the_truth() -> None:
    """It stands on its own: of the product it imports the simulator's state, and nothing that reads."""
    text = Path(settlement.__file__).read_text()
    imports = [line.split()[1] for line in text.splitlines() if line.startswith(("from", "import"))]
    assert [name for name in imports if name.split(".")[0] in ("ingest", "lakehouse", "flows", "duckdb", "numpy")] == [
        "ingest.simulate.fleet.fleet"
    ]
