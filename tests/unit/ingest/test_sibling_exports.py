"""Exports of one vendor that are not the best known one: each is told from its siblings and read for what it is."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

import pytest

from lakehouse.errors import UnreadableFile
from lakehouse.source import Parsed
from tests.support.parsing import parse, refused, rows, stamps

QUARTERS = [f"{minute // 60:02d}:{minute % 60:02d}" for minute in range(0, 180, 15)]


def said(parsed: Parsed) -> dict[str, tuple[str, str, str | None]]:
    """Kind, unit and role of every signal."""
    return {row["signal"]: (row["kind"], row["unit"], row["role"]) for row in parsed.tables["signals"].to_pylist()}


def totals(parsed: Parsed) -> dict[str, Decimal]:
    """Sum of every signal's exact values."""
    out: dict[str, Decimal] = {}
    for row in rows(parsed):
        if row["value_exact"] is not None:
            out[row["signal"]] = out.get(row["signal"], Decimal(0)) + row["value_exact"]
    return out


def homewizard(header: str, cells: str) -> str:
    return f"time,{header}\n" + "".join(f"2025-06-24 {clock},{cells.format(n=n)}\n" for n, clock in enumerate(QUARTERS))


def test_a_homewizard_kwh_meter_of_one_phase() -> None:
    parsed = parse(homewizard("Import kWh,Export kWh", "6199.52{n},0.015"), "pv/15min_1_phase.csv")
    assert parsed.layout == "homewizard_kwh" and len(rows(parsed)) == 24
    assert said(parsed) == dict.fromkeys(("Import kWh", "Export kWh"), ("counter", "kWh", None))
    assert stamps(parsed)[0] == "2025-06-23 22:00:00" and rows(parsed)[0]["value_exact"] == Decimal("6199.520")


def test_a_homewizard_kwh_meter_of_three_phases_states_peaks() -> None:
    header = "Import kWh,Export kWh,L1 max W,L2 max W,L3 max W"
    parsed = parse(homewizard(header, "32.123,0.16{n},-14,-17,-1{n}"))
    assert said(parsed)["L3 max W"] == ("max", "W", None) and not refused(parsed)
    assert [row["value"] for row in rows(parsed) if row["signal"] == "L3 max W"][:3] == [-10.0, -11.0, -12.0]


def test_a_homewizard_gas_meter_is_a_register_in_cubic_metres_with_gaps() -> None:
    text = homewizard("Total gas used", "1656.88{n}").replace("1656.880", "").replace("1656.8811", "")
    parsed = parse(text, "15min_P1g.csv")
    assert parsed.layout == "homewizard_gas" and said(parsed) == {"Total gas used": ("counter", "m3", None)}
    assert len(rows(parsed)) == 10 and parsed.rows_empty == 2


def test_a_homewizard_water_meter_counts_decilitres_and_writes_0_for_no_reading() -> None:
    text = homewizard("water usage dl", "40{n}").replace(",400\n", ",0\n").replace(",4011\n", ",0\n")
    parsed = parse(text, "15min_Water.csv")
    assert parsed.layout == "homewizard_water" and said(parsed) == {"water usage dl": ("counter", "L", None)}
    assert [row["value_exact"] for row in rows(parsed)][:2] == [Decimal("40.1"), Decimal("40.2")]
    assert len(rows(parsed)) == 10 and parsed.rows_empty == 2


def test_a_homewizard_p1_export_is_none_of_its_siblings() -> None:
    parsed = parse(homewizard("Import T1 kWh,Import T2 kWh,Export T1 kWh,Export T2 kWh", "1.{n},2,3,4"))
    assert parsed.layout == "homewizard"


OLD = "Van datum;Van tijdstip;Tot datum;Tot tijdstip;EAN;Meter;Metertype;Register;Volume;Eenheid;Validatiestatus"
NEW = (
    "Van (datum);Van (tijdstip);Tot (datum);Tot (tijdstip);EAN-code;Meter;Metertype;Register;Volume;Eenheid;"
    "Validatiestatus;Omschrijving"
)
EAN = "541448820000000001"


def dutch(header: str, day: str = "02-09-2025", statuses: str = "Uitgelezen") -> str:
    more = ";" if header == NEW else ""
    lines = [
        f'{day};{start}:00;{day};{end}:00;="{EAN}";1SAG1;Digitale meter;{register};0,{n:03d};kWh;{statuses}{more}'
        for n, (start, end) in enumerate(pairwise(QUARTERS))
        for register in ("Afname Nacht", "Injectie Nacht")
    ]
    return "\ufeff" + "\r\n".join([header, *lines]) + "\r\n"


@pytest.mark.parametrize("header", [OLD, NEW])
@pytest.mark.parametrize("day", ["02-09-2025", "02/09/2025"])
def test_fluvius_in_dutch_is_read_like_in_english(header: str, day: str) -> None:
    parsed = parse(dutch(header, day), "Verbruikshistoriek_elektriciteit.csv")
    assert parsed.layout == "fluvius_nl" and not refused(parsed)
    assert said(parsed) == {
        "Afname Nacht": ("interval_energy", "kWh", "import_energy"),
        "Injectie Nacht": ("interval_energy", "kWh", "export_energy"),
    }
    assert totals(parsed) == {name: Decimal("0.055") for name in ("Afname Nacht", "Injectie Nacht")}
    assert {row["asset_id"] for row in rows(parsed)} == {EAN} and stamps(parsed)[0] == "2025-09-01 22:00:00"


def test_estimates_and_missing_volumes_of_fluvius_in_dutch_are_told() -> None:
    text = dutch(NEW, statuses="Geschat").replace(";0,000;kWh;Geschat", ";;kWh;Geen verbruik")
    parsed = parse(text)
    assert {row["text"] for row in rows(parsed)} == {"Geschat"} and parsed.rows_empty == 2
    assert {row["estimated_statuses"] for row in parsed.tables["signals"].to_pylist()} == {"Geschat"}


GAS_NL = NEW.replace("Omschrijving", "Calorische Bovenwaarde")
GAS_EN = (
    "From (date);From (time);Until (date);Until (time);EAN code;Meter;Meter type;Register;Volume;Unit;"
    "Validation status;Caloric upper value;Description"
)


@pytest.mark.parametrize(
    ("header", "layout", "register", "more"),
    [(GAS_NL, "fluvius_gas_nl", "Afname", "Gevalideerd;Voorlopig"), (GAS_EN, "fluvius_gas", "Offtake", "Read;;")],
)
def test_a_fluvius_gas_meter_is_read_in_cubic_metres_and_in_kwh_each_for_itself(
    header: str, layout: str, register: str, more: str
) -> None:
    day, meter = "10-01-2022", f'="{EAN}";7F;Digitale Meter'
    lines = [
        f"{day};{hour:02d}:00:00;{day};{hour + 1:02d}:00:00;{meter};{register};{volume};{more}"
        for hour in range(6, 22)
        for volume in ("0,495;m³", "5,445;kWh")
    ]
    parsed = parse("\n".join([header, *lines]) + "\n")
    assert parsed.layout == layout and not refused(parsed)
    assert totals(parsed) == {f"{register} [m3]": Decimal("7.920"), f"{register} [kWh]": Decimal("87.120")}
    assert said(parsed)[f"{register} [kWh]"] == ("interval_energy", "kWh", None)
    assert stamps(parsed)[0] == "2022-01-10 05:00:00"


SMA = """sep=,
Version CSV3|Tool WebUI|Linebreaks CR/LF|Delimiter comma

,STP 622,STP 622,STP 622
,TRIPOWER,TRIPOWER,TRIPOWER
,3005551234,3005551234,3005551234
,Metering.TotWhOut,Metering.GridMs.TotWhOut,Metering.GridMs.AbsWhIn
,Analog,Analog,Analog
DD.MM.YYYY hh:mm:ss,[Wh],[Wh],[Wh]
"""


def test_an_sma_export_by_days_is_a_register_read_at_every_midnight() -> None:
    text = SMA + "".join(f"{day:02d}.06.2020 00:00:00,{50_000 * day},NaN,{day}\n" for day in range(1, 25))
    parsed = parse(text, "SUNNY_TRIPOWER_Daily.csv")
    assert parsed.layout == "sma_daily" and {row["asset_id"] for row in rows(parsed)} == {"3005551234"}
    assert said(parsed) == {
        "Metering.TotWhOut": ("counter", "Wh", "pv_energy"),
        "Metering.GridMs.AbsWhIn": ("counter", "Wh", "import_energy"),
    }
    assert stamps(parsed)[0] == "2020-05-31 22:00:00" and rows(parsed)[0]["value_exact"] == 50_000


def test_an_sma_export_of_five_minutes_is_no_daily_one() -> None:
    text = SMA + "".join(f"24.06.2020 00:{5 * n:02d}:00,{50_000 + n},NaN,{n}\n" for n in range(12))
    with pytest.raises(UnreadableFile, match="no known meter file"):
        parse(text)
