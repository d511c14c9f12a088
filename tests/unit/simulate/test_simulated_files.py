"""The simulated files have the formats of the real ones and hold what the truth says they hold."""

from __future__ import annotations

import csv
import hashlib
import json
from collections import Counter
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from ingest.simulate import DemoFiles, simulate_demo


def rows_of(path: Path) -> list[list[str]]:
    with path.open(newline="") as text:
        return list(csv.reader(text))


def digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_equal_seeds_give_equal_bytes_and_another_seed_gives_others(folder: Path, tmp_path: Path) -> None:
    simulate_demo(tmp_path / "same")
    simulate_demo(tmp_path / "other", seed=8)
    assert digests(tmp_path / "same") == digests(folder)
    other = digests(tmp_path / "other")
    assert other.keys() == digests(folder).keys()
    constant = {f"werk/bess/ZSIM001/{name}.csv" for name in ("bms1_soh", "aux_m_pf")}
    assert all(other[name] != digest for name, digest in digests(folder).items() if name not in constant)


def test_too_few_days_are_refused_with_the_number_that_is_needed(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="take 8 or more"):
        simulate_demo(tmp_path, days=7)


def test_eight_days_from_a_summer_day_hold_every_fault(tmp_path: Path) -> None:
    demo = simulate_demo(tmp_path, days=8, first_day=date(2025, 6, 2))
    assert Counter(true.event.kind for true in demo.truth.events) == {
        "correction": 5,
        "spike": 2,
        "reset": 2,
        "freeze": 1,
    }


def test_the_demo_stays_small_enough_to_land_in_a_minute(demo: DemoFiles) -> None:
    assert 800_000 < sum(file.rows for file in demo.files) <= 1_200_000


def test_every_file_holds_as_many_rows_and_repeats_as_recorded(demo: DemoFiles) -> None:
    for file in demo.files:
        rows = rows_of(file.path)[1:]
        assert len(rows) == file.rows, file.path
        # Twins stand next to each other; equal rows an hour apart are the two samples of a repeated wall-clock second.
        assert sum(a == b for a, b in pairwise(rows)) == file.duplicate_rows, file.path
        assert all(len(row) == (3 if file.signal == "Wirkleistung" else 2) for row in rows), file.path


def test_most_files_hold_a_few_repeated_rows(demo: DemoFiles) -> None:
    assert sum(file.duplicate_rows > 0 for file in demo.files) > 50


def test_stamps_are_naive_and_step_back_only_where_the_clock_does(demo: DemoFiles) -> None:
    for file in demo.files:
        if file.signal == "Wirkleistung":
            continue
        stamps = [datetime.fromisoformat(row[0]) for row in rows_of(file.path)[1:]]
        assert all(stamp.tzinfo is None for stamp in stamps)
        back = [(a, b) for a, b in pairwise(stamps) if b < a]
        if "late" in file.path.parts[-4]:
            assert back == []
            continue
        [(before, after)] = back
        assert before.date() == after.date() == date(2025, 10, 26)
        assert before.hour == after.hour == 2
        assert timedelta(minutes=50) < before - after < timedelta(hours=1)


def test_both_repeated_hours_are_full_of_samples(folder: Path) -> None:
    hour = [row for row in rows_of(folder / "hof/meter/m1/com_ap.csv") if row[0].startswith("2025-10-26 02:")]
    assert 150 < len(hour) < 180  # two hours at 45 s on average


def test_the_reads_of_a_meter_come_at_irregular_distances_of_30_to_60_seconds(folder: Path) -> None:
    rows = rows_of(folder / "hof/meter/m1/com_ap.csv")[1:500]
    stamps = [datetime.fromisoformat(row[0]) for row in rows]
    steps = Counter(int((b - a).total_seconds()) for a, b in pairwise(stamps) if a != b)
    ordinary = {step for step in steps if step <= 60}
    assert min(ordinary) >= 30
    assert len(ordinary) > 20


def test_signals_of_the_battery_do_not_share_their_stamps(folder: Path) -> None:
    system = folder / "werk/bess/ZSIM001"
    soc, power = ({row[0] for row in rows_of(system / f"{name}.csv")[1:]} for name in ("bms1_soc", "pcs1_ap"))
    assert len(soc & power) < 0.1 * len(soc)
    assert len(list(system.glob("*.csv"))) >= 50


def test_the_load_profile_has_end_stamps_and_100_quarters_on_the_long_day(folder: Path) -> None:
    header, *rows = rows_of(folder / "hof/meter/lastgang_sim.csv")
    assert header == ["Datum", "Zeit", "Wirkleistung [kW]"]
    assert rows[0][:2] == ["20/10/2025", "0:15:00"]
    assert rows[-1][:2] == ["3/11/2025", "0:00:00"]
    times = [time for day, time, _ in rows if day == "26/10/2025"]
    at = times.index("2:00:00")
    assert times[at : at + 10] == [
        "2:00:00", "2:15:00", "2:30:00", "2:45:00", "3:00:00", "2:15:00", "2:30:00", "2:45:00", "3:00:00", "3:15:00",
    ]  # fmt: skip
    # By the day of their start: the stamp 0:00 belongs to the day before.
    days = Counter(
        (datetime.strptime(f"{day} {time}", "%d/%m/%Y %H:%M:%S") - timedelta(minutes=15)).date()  # noqa: DTZ007 - naive on purpose
        for day, time, _ in rows
    )
    assert len(days) == 14
    assert {day.day for day, n in days.items() if n == 100} == {26}
    assert sorted(set(days.values())) == [96, 100]


def test_counters_show_three_decimals_and_powers_stay_far_below_the_connection_limit(folder: Path) -> None:
    for meter in ("m1", "m2"):
        for name in ("com_ap", "com_ae", "pos_ae", "neg_ae", "pf"):
            texts = [row[1] for row in rows_of(folder / "hof/meter" / meter / f"{name}.csv")[1:]]
            assert all(len(text.split(".")[1]) == 3 for text in texts)
        powers = [abs(Decimal(row[1])) for row in rows_of(folder / "hof/meter" / meter / "com_ap.csv")[1:]]
        assert max(powers) < Decimal("12.5")


def test_the_late_delivery_fills_the_missing_day_and_repeats_its_edges_equally(demo: DemoFiles, folder: Path) -> None:
    late_day = "2025-10-25"
    for name in ("com_ap", "pos_ae", "neg_ae", "com_ae", "pf"):
        first = {tuple(row) for row in rows_of(folder / f"hof/meter/m1/{name}.csv")[1:]}
        late = {tuple(row) for row in rows_of(folder / f"hof_late/meter/m1/{name}.csv")[1:]}
        assert not any(stamp.startswith(late_day) for stamp, _ in first)
        assert sum(stamp.startswith(late_day) for stamp, _ in late) > 1800
        [recorded] = [f for f in demo.files if f.path == folder / f"hof_late/meter/m1/{name}.csv"]
        assert len(first & late) == recorded.overlap_rows > 200
        # An overlap that disagreed would show up as a second value of the same stamp.
        assert not {stamp for stamp, _ in first} & {stamp for stamp, _ in late - first}


def test_deliveries_name_their_source_site_and_that_they_are_simulated(demo: DemoFiles) -> None:
    told: list[tuple[Any, ...]] = [
        (d.source, d.options.site, d.options.simulated, d.options.max_power_kw, d.options.capacity_kwh)
        for d in demo.deliveries
    ]
    assert told == [
        ("meter", "hof", True, None, None),
        ("bess", "werk", True, 150.0, 200.0),
        ("meter", "hof", True, None, None),
    ]
    delivered = [path for d in demo.deliveries for folder in d.paths for path in folder.rglob("*") if path.is_file()]
    assert sorted(delivered) == sorted(file.path for file in demo.files)


def test_the_truth_lies_outside_the_deliveries_and_says_that_it_is_simulated(demo: DemoFiles) -> None:
    assert not any(demo.truth_file.is_relative_to(path) for d in demo.deliveries for path in d.paths)
    told = json.loads(demo.truth_file.read_text())
    assert told["is_simulated"] is True
    assert told["rows"] == sum(file.rows for file in demo.files)
    assert all(fact["reason"] for fact in told["facts"])
    assert {gap["asset_id"] for gap in told["gaps"]} == {"hof/m1", "hof/m2", "werk/ZSIM001"}
