"""Meter layouts against a plain reading of the recorded files with csv, decimal and zoneinfo."""

from __future__ import annotations

import csv
import itertools
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from test_layouts_read import observed, read, rows, signals

pytestmark = pytest.mark.real_data

BERLIN = ZoneInfo("Europe/Berlin")


def quarters(starts: list[datetime], zone: ZoneInfo) -> Counter[date]:
    return Counter(start.astimezone(zone).date() for start in starts)


def test_the_load_profile_keeps_every_quarter_hour_and_kilowatt_hour(recorded: Path) -> None:
    parsed = read(recorded / "meter/lastgang_rlm_2024_15min.csv")
    found = rows(parsed, "lastgang_rlm_2024_15min", "Wirkleistung")
    assert len(found) == len({row["ts"] for row in found}) == 35_136
    assert sum(row["value_exact"] for row in found) * Decimal("0.25") == Decimal("1091945.25")
    assert max(row["value"] for row in found) == 319
    days = quarters([row["ts"] for row in found], BERLIN)
    assert days[date(2024, 3, 31)] == 92 and days[date(2024, 10, 27)] == 100
    assert {count for day, count in days.items() if day not in (date(2024, 3, 31), date(2024, 10, 27))} == {96}
    assert all(row["interval_end"] - row["ts"] == timedelta(minutes=15) for row in found)
    # End stamps in file order are consecutive quarters of one year: an independent reading of the whole file.
    first = datetime(2023, 12, 31, 23, tzinfo=UTC)
    with (recorded / "meter/lastgang_rlm_2024_15min.csv").open() as lines:
        plain = [row["Wirkleistung [kW]"] for row in csv.DictReader(lines)]
    assert [(row["ts"], row["value"]) for row in found] == [
        (first + timedelta(minutes=15 * n), float(kw)) for n, kw in enumerate(plain)
    ]
    declared = signals(parsed)["lastgang_rlm_2024_15min", "Wirkleistung"]
    assert (declared["kind"], declared["unit"], declared["max_gap_s"]) == ("interval_mean", "kW", 2700)


def test_fluvius_keeps_both_passes_of_the_autumn_hour_in_every_register(recorded: Path) -> None:
    path = recorded / "meter/fluvius_15min_totals.csv"
    parsed = read(path)
    zone = ZoneInfo("Europe/Brussels")
    with path.open(encoding="utf-8-sig", newline="") as lines:
        plain = list(csv.DictReader(lines, delimiter=";"))
    assets = parsed.tables["assets"].to_pylist()
    assert [(a["asset_id"], a["native_id"], a["time_zone"]) for a in assets] == [
        ("123456879123456789", "123456879123456789", "Europe/Brussels")
    ]
    starts: list[datetime] = []
    for register in sorted({row["Register"] for row in plain}):
        found = rows(parsed, "123456879123456789", register)
        mine = [row for row in plain if row["Register"] == register and row["Volume"]]
        assert len(found) == len({row["ts"] for row in found}) == len(mine)
        assert sum(row["value_exact"] for row in found) == sum(Decimal(row["Volume"].replace(",", ".")) for row in mine)
        assert {row["text"] for row in found} == {"Read"}
        assert all(row["interval_end"] - row["ts"] == timedelta(minutes=15) for row in found)
        if register.startswith("Offtake"):
            starts += [row["ts"] for row in found]
    days = quarters(starts, zone)
    assert days[date(2023, 10, 29)] == 100
    # First pass first: at 02:00 summer time the file says 0.276, at 02:00 winter time 0.261.
    night = {row["ts"]: row["value_exact"] for row in rows(parsed, "123456879123456789", "Offtake Night")}
    assert night[datetime(2023, 10, 29, 0, 0, tzinfo=UTC)] == Decimal("0.276")
    assert night[datetime(2023, 10, 29, 1, 0, tzinfo=UTC)] == Decimal("0.261")
    assert night[datetime(2023, 10, 29, 0, 45, tzinfo=UTC)] == Decimal("0.295")  # written as 02:45 to 02:00


def test_p1_monitor_registers_are_exact_and_only_the_unprovable_hours_are_refused(recorded: Path) -> None:
    path = recorded / "meter/p1mon/p1mon_hour.csv"
    parsed = read(path)
    with path.open(newline="") as lines:
        plain = list(csv.DictReader(lines))
    for register, truth in (("VERBR_KWH_181", "11707.09"), ("VERBR_KWH_182", "3839.34"), ("GELVR_KWH_282", "7669.10")):
        found = rows(parsed, "p1mon_hour", register)
        unprovable = ("2021-10-31 02:00:00", "2022-10-30 02:00:00", "2023-10-29 02:00:00")
        expected = [Decimal(row[register]) for row in plain if row["TIMESTAMP"] not in unprovable]
        assert [row["value_exact"] for row in found] == expected
        assert round(found[-1]["value_exact"] - found[0]["value_exact"], 2) == Decimal(truth)
    amsterdam = ZoneInfo("Europe/Amsterdam")
    # Each register is read at the end of its row's hour (test_layouts_stamps.py).
    assert [row["ts"] for row in found] == [
        datetime.fromisoformat(row["TIMESTAMP"]).replace(tzinfo=amsterdam).astimezone(UTC) + timedelta(hours=1)
        for row in plain
        if row["TIMESTAMP"] not in unprovable
    ]
    refused = parsed.rejects.to_pylist()
    assert [row["raw_text"].split(",")[0] for row in refused] == list(unprovable)
    assert all("twice" in row["reason"] and row["field"] == "" for row in refused)
    assert signals(parsed)["p1mon_hour", "TARIEFCODE"]["kind"] == "category"
    assert not any("_X" in signal for _, signal in signals(parsed))


def test_p1_monitor_minute_means_end_at_their_stamp(recorded: Path) -> None:
    path = recorded / "meter/p1mon/p1mon_minute.csv"
    parsed = read(path)
    with path.open(newline="") as lines:
        plain = list(csv.DictReader(lines))
    power = rows(parsed, "p1mon_minute", "ACT_GELVR_KW_270")
    register = rows(parsed, "p1mon_minute", "GELVR_KWH_282")
    assert len(power) == len(register) == len(plain)
    assert all(mean["interval_end"] == sample["ts"] for mean, sample in zip(power, register, strict=True))
    six = Decimal("0.000001")
    assert [row["value_exact"] for row in power] == [Decimal(row["ACT_GELVR_KW_270"]).quantize(six) for row in plain]
    long = sum(
        (Decimal(row[name]) != Decimal(row[name]).quantize(six))
        for row in plain
        for name in ("ACT_GELVR_KW_270", "ACT_VERBR_KW_170")
    )
    assert parsed.dialect["rounded_cells"] == long


def test_toon_counters_are_watt_hours_and_gas_is_litres(recorded: Path) -> None:
    folder = recorded / "meter/toon"
    name = "elec_solar_quantity_CurrentElectricityQuantity_5yrhours"
    parsed = read(folder / f"{name}.csv")
    found = rows(parsed, "toon", name)
    plain = [line.split(",") for line in (folder / f"{name}.csv").read_text().split()]
    assert [(int(row["ts"].timestamp()), int(row["value_exact"])) for row in found] == [
        (int(stamp), int(wh)) for stamp, wh in plain
    ]
    # One reset and eleven corrections: 15,317,680 Wh, counted here without any rule of ours.
    steps = [int(b[1]) - int(a[1]) for a, b in itertools.pairwise(plain)]
    assert sum(step for step in steps if step > -1_000_000) == 15_317_680
    assert (sum(step < -1_000_000 for step in steps), sum(-1_000_000 < step < 0 for step in steps)) == (1, 11)
    gas = read(folder / "gas_quantity_CurrentGasQuantity_5yrhours.csv")
    (declared,) = signals(gas).values()
    assert (declared["kind"], declared["unit"], declared["role"]) == ("counter", "L", None)
    for register, truth in (("nt", 8_020_769), ("lt", 8_272_634)):
        signal = f"elec_quantity_{register}_orig_CurrentElectricityQuantity_5yrhours"
        values = [row["value_exact"] for row in rows(read(folder / f"{signal}.csv"), "toon", signal)]
        assert values[-1] - values[0] == truth


def test_toon_flows_end_at_their_stamp_and_agree_with_the_counter(recorded: Path) -> None:
    folder = recorded / "meter/toon"
    flow, counter = "elec_produ_flow_CurrentElectricityFlow_5min", "elec_received__CurrentElectricityQuantity_5minweek"
    means = {row["ts"]: row for row in rows(read(folder / f"{flow}.csv"), "toon", flow)}
    samples = {row["ts"]: row["value"] for row in rows(read(folder / f"{counter}.csv"), "toon", counter)}
    errors = [
        abs(samples[mean["interval_end"]] - samples[start] - mean["value"] / 12)
        for start, mean in means.items()
        if start in samples and mean["interval_end"] in samples
    ]
    assert len(errors) > 2000 and sum(errors) / len(errors) < 1  # Wh; 6.7 if the stamps were starts


@pytest.mark.parametrize(("phase", "doubled"), [("A", 4_320), ("B", 11_947), ("C", 0)])
def test_shelly_intervals_do_not_overlap_and_repeated_rows_agree(recorded: Path, phase: str, doubled: int) -> None:
    path = recorded / f"meter/shelly_em3/em_data_phase{phase}.csv"
    found = rows(read(path), "shelly_em3", f"Active energy Wh ({phase})")
    once = {(row["ts"], row["interval_end"], row["value_exact"]) for row in found}
    assert len(found) - len(once) == doubled
    lengths = Counter((end - start).total_seconds() for start, end, _ in once)
    assert set(lengths) == {60, 600} and lengths[600] > 50 * lengths[60] / 3
    spans = sorted((start, end) for start, end, _ in once)
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(spans))
    with path.open(newline="") as lines:
        plain = {row["Date/time UTC"]: Decimal(row[f"Active energy Wh ({phase})"]) for row in csv.DictReader(lines)}
    assert sum(value for _, _, value in once) == sum(plain.values())


def test_homewizard_counters_are_read_as_written(recorded: Path) -> None:
    path = recorded / "meter/counters/homewizard_2022-09_15min_elec.csv"
    parsed = read(path)
    with path.open(newline="") as lines:
        plain = list(csv.DictReader(lines))
    for column in ("Import T1 kWh", "Export T2 kWh"):
        found = rows(parsed, path.stem, column)
        assert [row["value_exact"] for row in found] == [Decimal(row[column]) for row in plain]
    assert found[0]["ts"] == datetime(2022, 8, 31, 22, tzinfo=UTC)


def test_sma_skips_its_junk_and_checks_the_units_row(recorded: Path) -> None:
    path = recorded / "meter/sma_tripower_5min_2025.csv"
    parsed = read(path)
    with path.open(encoding="utf-8-sig", newline="") as lines:
        table = list(csv.reader(lines))
    header, data = table[6], table[9:]
    junk = {"NaN", "NaNStt", "NoneMsg", ""}
    filled = sum(cell not in junk for row in data for cell in row[1:])
    assert observed(parsed).num_rows == filled
    total = header.index("Metering.TotWhOut")
    found = rows(parsed, path.stem, "Metering.TotWhOut")
    assert [row["value_exact"] for row in found] == [Decimal(row[total]) for row in data if row[total] not in junk]
    assert found[0]["ts"] == datetime(2025, 6, 29, 22, tzinfo=UTC) and found[0]["line"] == 10
    # Mean power ends at its stamp: it gives the counter's steps.
    means = rows(parsed, path.stem, "GridMs.TotW (Avg)")
    counter = {row["ts"]: row["value"] for row in found}
    errors = [abs(counter[m["interval_end"]] - counter[m["ts"]] - m["value"] / 12) for m in means if m["ts"] in counter]
    assert len(errors) > 2700 and sum(errors) / len(errors) < 1
    declared = signals(parsed)
    assert declared[path.stem, "GridMs.TotPFPrc (Avg)"]["pair_signal"] == "GridMs.TotW (Avg)"
    assert declared[path.stem, "DcMs.Watt (Avg) #2"]["unit"] == "W"
    other = path.read_bytes().replace(b",[Wh],,", b",[kWh],,", 1)
    refused = read(path, other).rejects.to_pylist()
    assert [row["field"] for row in refused] == ["Metering.TotWhOut"] and "kWh" in refused[0]["reason"]


def test_dsmr_reader_hours_follow_their_offsets(recorded: Path) -> None:
    path = recorded / "meter/dsmrreader_2024_hour.csv"
    parsed = read(path)
    with path.open(newline="") as lines:
        plain = list(csv.DictReader(lines))
    column = "Electricity 1 (Dutch Users: Low Tariff)"
    found = rows(parsed, path.stem, column)
    assert [(row["ts"], row["value_exact"]) for row in found] == [
        (datetime.fromisoformat(row["Hour Start"]).astimezone(UTC), Decimal(row[column])) for row in plain
    ]
    assert signals(parsed)[path.stem, "Gas"]["unit"] == "m3"
    hours = quarters([row["ts"] for row in found], ZoneInfo("Europe/Amsterdam"))
    assert hours[date(2024, 3, 31)] == 23 and hours[date(2024, 10, 27)] == 25


def test_enphase_reads_month_first_and_both_autumn_hours(recorded: Path) -> None:
    path = recorded / "meter/enphase_hour_report.csv"
    parsed = read(path)
    with path.open(newline="") as lines:
        plain = list(csv.DictReader(lines))
    found = rows(parsed, path.stem, "Imported from Grid")
    assert [row["value_exact"] for row in found] == [Decimal(row["Imported from Grid (Wh)"]) for row in plain]
    assert found[0]["ts"] == datetime(2022, 10, 11, 22, tzinfo=UTC)
    hours = quarters([row["ts"] for row in found], BERLIN)
    assert (hours[date(2022, 10, 30)], hours[date(2023, 3, 26)], hours[date(2023, 10, 29)]) == (25, 23, 25)
    assert len({row["ts"] for row in found}) == len(found)
    # In another zone the clocks change on other nights, and these hours can no longer be told apart.
    elsewhere = read(path, timezone="America/New_York")
    assert elsewhere.rejects.num_rows > 0


def test_enel_days_become_quarter_hours(recorded: Path) -> None:
    path = recorded / "meter/enel_wide_15min_2024-09.csv"
    found = observed(read(path)).to_pylist()
    with path.open(newline="") as lines:
        days = list(csv.reader(lines, delimiter=";"))[1:]
    start = datetime(2024, 8, 31, 22, tzinfo=UTC)
    expected = [
        (start + timedelta(days=day, minutes=15 * quarter), Decimal(cell.replace(",", ".")), day + 2)
        for day, cells in enumerate(days)
        for quarter, cell in enumerate(cells[1:97])
    ]
    assert [(row["ts"], row["value_exact"], row["line"]) for row in found] == expected


def test_energie_manager_keeps_the_autumn_hour_and_counts_export_upwards(recorded: Path) -> None:
    path = recorded / "meter/counters/energiemanager_elec_2025.csv"
    parsed = read(path)
    with path.open(newline="") as lines:
        next(lines)
        plain = list(csv.DictReader(lines, delimiter=";"))
    asset = "871717720000051862"
    found = rows(parsed, asset, "ellm")
    mine = [row for row in plain if row["code"] == "ellm"]
    assert [(int(row["ts"].timestamp()), row["value_exact"]) for row in found] == [
        (int(row["moment"]), Decimal(row["value"]) * Decimal(row["factor"])) for row in mine
    ]
    assert quarters([row["ts"] for row in found], ZoneInfo("Europe/Amsterdam"))[date(2025, 10, 26)] == 100
    export = rows(parsed, asset, "eltm")
    assert {row["value_exact"] for row in export} == {Decimal("33038.920")}
    declared = signals(parsed)
    assert (declared[asset, "eltm"]["role"], declared[asset, "eltm"]["unit"]) == ("export_energy", "kWh")


def test_opsd_marks_interpolated_values_as_estimated(recorded: Path) -> None:
    path = recorded / "meter/counters/opsd_residential4_60min.csv"
    parsed = read(path)
    with path.open(newline="") as lines:
        plain = list(csv.DictReader(lines))
    for column in (name for name in plain[0] if name.startswith("DE_KN")):
        found = rows(parsed, path.stem, column)
        mine = [row for row in plain if row[column]]
        assert [(row["value_exact"], row["text"] == "interpolated") for row in found] == [
            (Decimal(row[column]), column in row["interpolated_values"].split(" | ")) for row in mine
        ]
    assert signals(parsed)[path.stem, column]["estimated_statuses"] == "interpolated"


def test_apartment_house_meters_are_assets_by_name(recorded: Path) -> None:
    path = recorded / "meter/mieterstrom_2025_hour_utc.csv"
    parsed = read(path)
    with path.open(newline="", encoding="utf-8") as lines:
        plain = list(csv.DictReader(lines))
    names = {row["name"] for row in plain}
    assert {row["asset_id"] for row in parsed.tables["assets"].to_pylist()} == names and len(names) == 10
    declared = signals(parsed)
    for name, role, kwh in (
        ("Sunny_Island_Batterie_laden", "charge_energy", 4031),
        ("Sunny_Island_Batterie_entladen", "discharge_energy", 3368),
    ):
        found = rows(parsed, name, "Wh")
        assert declared[name, "Wh"]["role"] == role
        assert round(sum(row["value_exact"] for row in found) / 1000) == kwh
        mine = [row for row in plain if row["name"] == name]
        assert [row["value"] for row in found] == pytest.approx([float(row["Wh"]) for row in mine], abs=1e-6)
        assert [row["ts"] for row in found] == [datetime.fromisoformat(row["time"] + "+00:00") for row in mine]


def nem_records(path: Path) -> list[tuple[str, str, datetime, Decimal, str, int]]:
    """A plain reading: NMI, suffix, start, value, quality and line of every interval."""
    out: list[tuple[str, str, datetime, Decimal, str, int]] = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        cells = line.split(",")
        if cells[0] == "200":
            nmi, suffix, minutes = cells[1], cells[4], int(cells[8])
        elif cells[0] == "300":
            count = 1440 // minutes
            day = datetime.strptime(cells[1], "%Y%m%d").replace(tzinfo=UTC) - timedelta(hours=10)
            out += [
                (nmi, suffix, day + timedelta(minutes=minutes * n), Decimal(cells[2 + n]), cells[2 + count], number)
                for n in range(count)
            ]
        elif cells[0] == "400":
            first = len(out) - 1440 // minutes
            for n in range(int(cells[1]) - 1, int(cells[2])):
                out[first + n] = (*out[first + n][:4], cells[3], out[first + n][5])
    return out


@pytest.mark.parametrize(
    "name",
    [
        "power-redacted",
        "Example_NEM12_multiple_quality",
        "Example_NEM12_multiple_meters",
        "Example_NEM12_substituted_interval",
        "Example_NEM12_different_interval_length",
        "Example_NEM12_month_solar",
    ],
)
def test_nem12_values_qualities_and_lines_match_a_plain_reading(recorded: Path, name: str) -> None:
    path = recorded / f"meter/nem12/{name}.csv"
    parsed = read(path)
    found = [
        (row["asset_id"], row["signal"], row["ts"], row["value_exact"], row["text"], row["line"])
        for row in observed(parsed).to_pylist()
    ]
    plain = nem_records(path)
    assert sorted(found, key=str) == sorted(plain, key=str)
    estimated = "F14" in str(next(iter(signals(parsed).values()))["estimated_statuses"]).split("|")
    assert estimated == any(signal[0] in "EBQK" for _, signal in list(signals(parsed))[:1])


def test_nem12_registers_that_are_not_energy_keep_their_quantity(recorded: Path) -> None:
    volts = signals(read(recorded / "meter/nem12/Example_NEM12_different_interval_length.csv"))["C123", "V1"]
    assert (volts["kind"], volts["unit"], volts["expected_interval_s"]) == ("interval_mean", "V", 600)
    reactive = signals(read(recorded / "meter/nem12/Example_NEM12_multiple_meters.csv"))
    assert reactive["NCDE001111", "Q1"]["unit"] == "VArh" and reactive["NCDE001111", "E1"]["unit"] == "Wh"
    assert (reactive["NCDE001111", "Q1"]["role"], reactive["NCDE001111", "E1"]["role"]) == (None, "import_energy")
